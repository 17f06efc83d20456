//! Guests with a 64-bit memory and the host: typed and dynamic calls both ways,
//! handles with 64-bit representations, and modules of the host with a memory
//! of the other kind.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use linkspan::abi::value::List;
use linkspan::{Component, Engine, ErrorKind, Instance, Linker, ResourceAny, Store, Val, core};

/// Gives what it gets to the host's `swap`, and answers what the host answers.
/// What it allocates lies above the first 64 KiB.
const GUEST: &str = r#"(component
  (import "swap" (func $swap (param "text" string) (param "numbers" (list u32))
    (result (tuple (list u32) string))))
  (core module $Memory
    (memory (export "memory") i64 4)
    (global $next (mut i64) (i64.const 0x10008))
    (func (export "realloc") (param i64 i64 i64 i64) (result i64)
      (local i64)
      (local.set 4 (i64.and (i64.add (global.get $next) (i64.const 7)) (i64.const -8)))
      (global.set $next (i64.add (local.get 4) (local.get 3)))
      (memory.copy (local.get 4) (local.get 0)
        (select (local.get 1) (local.get 3) (i64.lt_u (local.get 1) (local.get 3))))
      (local.get 4)))
  (core instance $memory (instantiate $Memory))
  (core func $swap' (canon lower (func $swap) (memory (core memory $memory "memory"))
    (realloc (core func $memory "realloc")) string-encoding=utf16))
  (core module $M
    (import "" "swap" (func $swap (param i64 i64 i64 i64 i64)))
    (func (export "run") (param i64 i64 i64 i64) (result i64)
      (call $swap (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i64.const 64))
      (i64.const 64)))
  (core instance $m (instantiate $M (with "" (instance (export "swap" (func $swap'))))))
  (func (export "run") (param "text" string) (param "numbers" (list u32))
    (result (tuple (list u32) string))
    (canon lift (core func $m "run") (memory (core memory $memory "memory"))
      (realloc (core func $memory "realloc")) string-encoding=utf16)))"#;

fn run_guest(define: impl FnOnce(&mut Linker<Vec<String>>)) -> (Store<Vec<String>>, Instance) {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST).unwrap();
    let mut linker = Linker::new(&engine);
    define(&mut linker);
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

#[test]
fn typed_calls_go_both_ways() {
    let (mut store, instance) = run_guest(|linker| {
        linker
            .root()
            .func_wrap("swap", |_, (text, mut numbers): (String, Vec<u32>)| {
                numbers.reverse();
                Ok((numbers, text.to_uppercase()))
            })
            .unwrap();
    });
    let run = instance
        .get_func(&store, "run")
        .unwrap()
        .typed::<(&str, Vec<u32>), (Vec<u32>, String)>(&store)
        .unwrap();
    for _ in 0..3 {
        let (numbers, text) = run.call(&mut store, ("größe", vec![1, 2, 3])).unwrap();
        assert_eq!((numbers, &*text), (vec![3, 2, 1], "GRÖSSE"));
    }
}

#[test]
fn borrowed_parameters_are_read_where_they_are() {
    let (mut store, instance) = run_guest(|linker| {
        linker
            .root()
            .host_func::<(&str, &[u32]), _>("swap", |seen, (text, numbers)| {
                seen.push(text.to_owned());
                (numbers.to_vec(), text.repeat(2))
            })
            .unwrap();
    });
    let run = instance
        .get_func(&store, "run")
        .unwrap()
        .typed::<(&str, &[u32]), (Vec<u32>, String)>(&store)
        .unwrap();
    let (numbers, text) = run.call(&mut store, ("☃a", &[7, u32::MAX])).unwrap();
    assert_eq!((numbers, &*text), (vec![7, u32::MAX], "☃a☃a"));
    assert_eq!(store.data()[..], ["☃a"]);
}

#[test]
fn dynamic_calls_go_both_ways() {
    let (mut store, instance) = run_guest(|linker| {
        linker
            .root()
            .func_new("swap", |_, params, results| {
                results[0] = Val::Tuple([params[1].clone(), params[0].clone()].into());
                Ok(())
            })
            .unwrap();
    });
    let run = instance.get_func(&store, "run").unwrap();
    let text = Val::from("🦀");
    let numbers = Val::List(List::U32(vec![5, 6]));
    let mut results = [Val::Bool(false)];
    run.call(&mut store, &[text.clone(), numbers.clone()], &mut results)
        .unwrap();
    assert_eq!(results, [Val::Tuple([numbers, text].into())]);
}

/// Makes resources that `i64` represents, and remembers what was destroyed.
const MAKER: &str = r#"(component
  (core module $D
    (global $last (export "last") (mut i64) (i64.const 0))
    (func (export "dtor") (param i64) (global.set $last (local.get 0))))
  (core instance $d (instantiate $D))
  (type $r' (resource (rep i64) (dtor (core func $d "dtor"))))
  (core func $new (canon resource.new $r'))
  (core func $rep (canon resource.rep $r'))
  (core module $M
    (import "" "new" (func $new (param i64) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i64)))
    (import "d" "last" (global $last (mut i64)))
    (func (export "make") (param i64) (result i32) (call $new (local.get 0)))
    (func (export "look") (param i32) (result i32) (local.get 0))
    (func (export "keep") (param i32) (result i64) (call $rep (local.get 0)))
    (func (export "last") (result i64) (global.get $last)))
  (core instance $m (instantiate $M
    (with "" (instance (export "new" (func $new)) (export "rep" (func $rep))))
    (with "d" (instance $d))))
  (export $r "r" (type $r'))
  (func (export "make") (param "rep" u64) (result (own $r)) (canon lift (core func $m "make")))
  (func (export "look") (param "r" (borrow $r)) (result u32) (canon lift (core func $m "look")))
  (func (export "keep") (param "r" (own $r)) (result u64) (canon lift (core func $m "keep")))
  (func (export "last") (result u64) (canon lift (core func $m "last"))))"#;

#[test]
fn wide_representations_pass_through_the_host() {
    const REP: u64 = 0xfedc_ba98_7654_3210;
    let engine = Engine::default();
    let component = Component::new(&engine, MAKER).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let func = |store: &Store<()>, name| instance.get_func(store, name).unwrap();
    let call = |store: &mut Store<()>, name, param| {
        let mut results = [Val::Bool(false)];
        func(store, name).call(store, &[param], &mut results)?;
        let [result] = results;
        Ok::<Val, linkspan::Error>(result)
    };
    let last = |store: &mut Store<()>| {
        let last = func(store, "last").typed::<(), u64>(&*store).unwrap();
        last.call(store, ()).unwrap()
    };

    let made = call(&mut store, "make", Val::U64(REP)).unwrap();
    let handle = ResourceAny::from_val(&made).unwrap();
    assert_eq!(call(&mut store, "keep", made).unwrap(), Val::U64(REP));
    assert!(handle.ty(&store).is_err(), "the handle was passed on");

    let made = call(&mut store, "make", Val::U64(REP + 1)).unwrap();
    let handle = ResourceAny::from_val(&made).unwrap();
    handle.resource_drop(&mut store).unwrap();
    assert_eq!(last(&mut store), REP + 1);

    let made = call(&mut store, "make", Val::U64(77)).unwrap();
    let handle = ResourceAny::from_val(&made).unwrap();
    let looked = call(&mut store, "look", handle.into_borrow());
    assert_eq!(looked.unwrap(), Val::U32(77));

    let made = call(&mut store, "make", Val::U64(REP)).unwrap();
    let handle = ResourceAny::from_val(&made).unwrap();
    let error = call(&mut store, "look", handle.into_borrow()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap);
    assert!(error.to_string().contains("0xfedcba9876543210"), "{error}");
}

#[test]
fn a_module_of_the_host_has_the_declared_kind_of_memory() {
    let engine = Engine::default();
    let text = |address: &str, ty: &str| {
        format!(
            r#"(component
              (import "m" (core module $m
                (export "memory" (memory {address} 1))
                (export "f" (func (result {ty})))))
              (core instance $i (instantiate $m))
              (func (export "f") (result string)
                (canon lift (core func $i "f") (memory (core memory $i "memory")))))"#
        )
    };
    let module = core::Module::new(
        &engine,
        r#"(module
          (memory (export "memory") i64 1)
          (data (i64.const 8) "\18\00\00\00\00\00\00\00\05\00\00\00\00\00\00\00hello")
          (func (export "f") (result i64) (i64.const 8)))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker.root().module("m", &module).unwrap();

    let wide = Component::new(&engine, text("i64", "i64")).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &wide).unwrap();
    let f = instance.get_func(&store, "f").unwrap();
    let f = f.typed::<(), String>(&store).unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), "hello");

    // Declared as 32-bit, it is refused, or used as what it is.
    let narrow = Component::new(&engine, text("", "i32")).unwrap();
    match linker.instantiate_pre(&narrow) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Link, "{error}"),
        Ok(pre) => {
            let instance = pre.instantiate(&mut store).unwrap();
            let f = instance.get_func(&store, "f").unwrap();
            let f = f.typed::<(), String>(&store).unwrap();
            assert_eq!(f.call(&mut store, ()).unwrap(), "hello");
        }
    }
}
