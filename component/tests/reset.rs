//! Instances that start again: after traps, many times, with resources.
#![cfg(feature = "wat")]

use linkspan::{Component, Config, Engine, Error, ErrorKind, Func, Instance, Linker, Store, Val};

fn get<T: 'static>(store: &Store<T>, instance: &Instance, name: &str) -> Func {
    instance
        .get_func(store, name)
        .expect("an exported function")
}

fn number<T: 'static>(store: &mut Store<T>, func: Func) -> Result<u32, Error> {
    let mut results = [Val::Bool(false)];
    func.call(store, &[], &mut results)?;
    match results {
        [Val::U32(n)] => Ok(n),
        other => panic!("{other:?}"),
    }
}

/// A start function, data, a global, a table and a memory that grows; two core
/// instances, of which one imports the memory of the other.
const COUNTER: &str = r#"(component
    (core module $a
      (memory (export "memory") 1)
      (table (export "table") 1 funcref)
      (data (i32.const 8) "\05"))
    (core module $b
      (import "a" "memory" (memory 1))
      (import "a" "table" (table 1 funcref))
      (global $n (mut i32) (i32.const 1))
      (elem (i32.const 0) $two)
      (func $two (result i32) (i32.const 2))
      (func $start (i32.store (i32.const 16) (i32.const 100)))
      (start $start)
      ;; 100 + 5 + 1 + pages + what the table has
      (func $sum (export "sum") (result i32)
        (i32.load (i32.const 16))
        (i32.add (i32.load8_u (i32.const 8)))
        (i32.add (global.get $n))
        (i32.add (memory.size))
        (i32.add (call_indirect (result i32) (i32.const 0))))
      (func (export "spoil") (result i32)
        (global.set $n (i32.const 9))
        (i32.store (i32.const 8) (i32.const 77))
        (i32.store (i32.const 16) (i32.const 88))
        (if (i32.lt_s (memory.grow (i32.const 9)) (i32.const 0)) (then (return (i32.const 0))))
        (i32.store (i32.const 600000) (i32.const 99))
        (table.set (i32.const 0) (ref.null func))
        (call $sum)))
    (core instance $a (instantiate $a))
    (core instance $b (instantiate $b (with "a" (instance $a))))
    (func (export "sum") (result u32) (canon lift (core func $b "sum")))
    (func (export "spoil") (result u32) (canon lift (core func $b "spoil"))))"#;

#[test]
fn everything_is_as_it_was() {
    let engine = Engine::default();
    let component = Component::new(&engine, COUNTER).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let (sum, spoil) = (
        get(&store, &instance, "sum"),
        get(&store, &instance, "spoil"),
    );
    assert_eq!(number(&mut store, sum).unwrap(), 109);
    for _ in 0..3 {
        let error = number(&mut store, spoil).unwrap_err();
        assert!(error.to_string().contains("uninitialized"), "{error}");
        let error = number(&mut store, sum).unwrap_err();
        assert!(error.to_string().contains("trapped before"), "{error}");
        instance.reset(&mut store).unwrap();
        assert_eq!(number(&mut store, sum).unwrap(), 109);
    }
}

/// The second life may use what the first has given back, ten thousand times.
#[test]
fn ten_thousand_lives_fit_where_one_does() {
    let mut limits = linkspan::core::Limits::default();
    limits.memory_total_bytes_max = 10 << 16;
    limits.memories_max = 1;
    limits.instances_max = 2;
    let mut config = Config::default();
    config.limits(limits);
    let engine = Engine::new(&config).unwrap();
    let component = Component::new(&engine, COUNTER).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let spoil = get(&store, &instance, "spoil");
    let lives = if cfg!(miri) { 3 } else { 10_000 };
    for _ in 0..lives {
        // Growing succeeds, or it would return zero instead of trapping.
        assert!(number(&mut store, spoil).is_err());
        instance.reset(&mut store).unwrap();
    }
}

/// Makes a resource of its own, and takes one of the host.
const HOLDER: &str = r#"(component
    (import "h" (type $h (sub resource)))
    (import "make" (func $make (result (own $h))))
    (core func $make (canon lower (func $make)))
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core func $rep (canon resource.rep $r))
    (core module $m
      (import "" "make" (func $make (result i32)))
      (import "" "new" (func $new (param i32) (result i32)))
      (import "" "rep" (func $rep (param i32) (result i32)))
      (func (export "hold") (drop (call $make)))
      (func (export "new") (result i32) (call $new (i32.const 7)))
      (func (export "rep") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make)) (export "new" (func $new)) (export "rep" (func $rep))))))
    (export $R "r" (type $r))
    (func (export "hold") (canon lift (core func $i "hold")))
    (func (export "new") (result (own $R)) (canon lift (core func $i "new")))
    (func (export "rep") (param "x" (borrow $R)) (result u32) (canon lift (core func $i "rep"))))"#;

#[test]
fn handles_of_the_old_life_are_stale_and_what_it_owned_is_dropped() {
    let engine = Engine::default();
    let component = Component::new(&engine, HOLDER).unwrap();
    let mut linker = Linker::<u32>::new(&engine);
    let ty = linkspan::ResourceType::host::<u8>();
    linker
        .root()
        .table_resource("h", ty)
        .unwrap()
        .func_wrap(
            "make",
            |mut store: linkspan::StoreContextMut<'_, u32>, (): ()| {
                store.extra_mut().table_mut().push(1_u8)
            },
        )
        .unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    get(&store, &instance, "hold")
        .call(&mut store, &[], &mut [])
        .unwrap();
    assert_eq!(store.extra().table().len(), 1);
    let mut made = [Val::Bool(false)];
    let (new, rep) = (get(&store, &instance, "new"), get(&store, &instance, "rep"));
    new.call(&mut store, &[], &mut made).unwrap();
    let mut results = [Val::Bool(false)];
    rep.call(&mut store, &made, &mut results).unwrap();
    assert_eq!(results[0], Val::U32(7));

    instance.reset(&mut store).unwrap();
    assert_eq!(
        store.extra().table().len(),
        0,
        "the host's value is dropped"
    );
    let error = rep.call(&mut store, &made, &mut results).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resource);
    assert!(error.to_string().contains("stale"), "{error}");
    new.call(&mut store, &[], &mut made).unwrap();
    rep.call(&mut store, &made, &mut results).unwrap();
    assert_eq!(results[0], Val::U32(7));
}

/// A component that is linked to another one calls its new life.
#[test]
fn linked_components_reach_the_new_life() {
    let engine = Engine::default();
    let next = r#"(component
        (core module $m
          (global $n (mut i32) (i32.const 0))
          (func (export "next") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (global.get $n)))
        (core instance $i (instantiate $m))
        (func (export "next") (result u32) (canon lift (core func $i "next"))))"#;
    let user = r#"(component
        (import "next" (func $next (result u32)))
        (core func $next (canon lower (func $next)))
        (core module $m
          (import "" "next" (func $next (result i32)))
          (func (export "run") (result i32) (call $next)))
        (core instance $i (instantiate $m
          (with "" (instance (export "next" (func $next))))))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    let next = Component::new(&engine, next).unwrap();
    let next = linker.instantiate(&mut store, &next).unwrap();
    linker.root().reexport_all(&store, &next).unwrap();
    let user = Component::new(&engine, user).unwrap();
    let user = linker.instantiate(&mut store, &user).unwrap();
    let run = get(&store, &user, "run");
    assert_eq!(number(&mut store, run).unwrap(), 1);
    assert_eq!(number(&mut store, run).unwrap(), 2);
    next.reset(&mut store).unwrap();
    assert_eq!(number(&mut store, run).unwrap(), 1);
}

#[test]
fn a_running_instance_is_not_reset() {
    let engine = Engine::default();
    let text = r#"(component
        (import "again" (func $again))
        (core func $again (canon lower (func $again)))
        (core module $m
          (import "" "again" (func $again))
          (func (export "run") (call $again)))
        (core instance $i (instantiate $m
          (with "" (instance (export "again" (func $again))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut linker = Linker::<Option<Instance>>::new(&engine);
    linker
        .root()
        .func_new("again", |mut store, _, _| match *store.data() {
            Some(instance) => instance.reset(&mut store),
            None => Ok(()),
        })
        .unwrap();
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = get(&store, &instance, "run");
    run.call(&mut store, &[], &mut []).unwrap();
    *store.data_mut() = Some(instance);
    let error = run.call(&mut store, &[], &mut []).unwrap_err();
    assert!(error.to_string().contains("is running"), "{error}");
    instance.reset(&mut store).unwrap();
}

/// A start function that fails locks the instance until one does not.
#[test]
fn a_reset_that_fails_can_be_repeated() {
    let engine = Engine::default();
    let text = r#"(component
        (import "check" (func $check))
        (core func $check (canon lower (func $check)))
        (core module $m
          (import "" "check" (func $check))
          (start $check)
          (func (export "run")))
        (core instance $i (instantiate $m
          (with "" (instance (export "check" (func $check))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut linker = Linker::<bool>::new(&engine);
    linker
        .root()
        .func_new("check", |store, _, _| match *store.data() {
            true => Ok(()),
            false => Err(Error::msg("not now")),
        })
        .unwrap();
    let mut store = Store::new(&engine, true);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = get(&store, &instance, "run");
    *store.data_mut() = false;
    let error = instance.reset(&mut store).unwrap_err();
    assert!(error.to_string().contains("not now"), "{error}");
    let error = run.call(&mut store, &[], &mut []).unwrap_err();
    assert!(error.to_string().contains("trapped before"), "{error}");
    *store.data_mut() = true;
    instance.reset(&mut store).unwrap();
    run.call(&mut store, &[], &mut []).unwrap();
}

/// Of two core instances the second cannot be reset: the first stays as it was.
#[test]
fn what_is_refused_changes_nothing() {
    let engine = Engine::new(Config::new().wasm_threads(true)).unwrap();
    let text = r#"(component
        (core module $a
          (memory 1)
          (func (export "next") (result i32)
            (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
            (i32.load (i32.const 0))))
        (core module $b (memory 1 1 shared))
        (core instance $a (instantiate $a))
        (core instance $b (instantiate $b))
        (func (export "next") (result u32) (canon lift (core func $a "next"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let next = get(&store, &instance, "next");
    assert_eq!(number(&mut store, next).unwrap(), 1);
    let error = instance.reset(&mut store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("shared memory"), "{error}");
    assert_eq!(number(&mut store, next).unwrap(), 2);
}

/// What the instance owned is dropped while nobody can enter it, whether or not
/// the host has room for a handle.
#[test]
fn destructors_find_the_instance_locked() {
    struct Data {
        new: Option<Func>,
        instance: Option<Instance>,
        seen: Vec<String>,
    }
    let engine = Engine::default();
    let component = Component::new(&engine, HOLDER).unwrap();
    let mut linker = Linker::<Data>::new(&engine);
    let ty = linkspan::ResourceType::host::<u8>();
    linker
        .root()
        .resource("h", ty, |mut store, _| {
            let (Some(new), Some(instance)) = (store.data().new, store.data().instance) else {
                return Ok(());
            };
            let called = new.call(&mut store, &[], &mut [Val::Bool(false)]);
            let reset = instance.reset(&mut store);
            for error in [called.unwrap_err(), reset.unwrap_err()] {
                store.data_mut().seen.push(error.to_string());
            }
            Ok(())
        })
        .unwrap()
        .func_wrap("make", |_: linkspan::StoreContextMut<'_, Data>, (): ()| {
            Ok(linkspan::Resource::<u8>::new_own(1))
        })
        .unwrap();
    let data = Data {
        new: None,
        instance: None,
        seen: Vec::new(),
    };
    let mut store = Store::new(&engine, data);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let new = get(&store, &instance, "new");
    get(&store, &instance, "hold")
        .call(&mut store, &[], &mut [])
        .unwrap();
    store.data_mut().new = Some(new);
    store.data_mut().instance = Some(instance);
    let mut limits = linkspan::Limits::default();
    limits.host_handles_max = 0;
    store.extra_mut().set_limits(limits);
    instance.reset(&mut store).unwrap();
    let [called, reset] = &store.data().seen[..] else {
        panic!("{:?}", store.data().seen);
    };
    assert!(called.contains("is being reset"), "{called}");
    assert!(reset.contains("a call is running"), "{reset}");
    store.extra_mut().set_limits(linkspan::Limits::default());
    new.call(&mut store, &[], &mut [Val::Bool(false)]).unwrap();
}

/// While it starts again the parts of an instance call each other; the host,
/// which they call, finds them locked.
#[test]
fn a_half_started_instance_is_not_entered() {
    let engine = Engine::default();
    let text = r#"(component
        (import "tick" (func $tick))
        (component $inner
          (import "tick" (func $tick))
          (core func $tick (canon lower (func $tick)))
          (core module $m
            (import "" "tick" (func $tick))
            (func (export "run") (call $tick)))
          (core instance $i (instantiate $m
            (with "" (instance (export "tick" (func $tick))))))
          (func (export "run") (canon lift (core func $i "run"))))
        (instance $inner (instantiate $inner (with "tick" (func $tick))))
        (core func $run (canon lower (func $inner "run")))
        (core module $m
          (import "" "run" (func $run))
          (start $run)
          (func (export "nop")))
        (core instance $i (instantiate $m
          (with "" (instance (export "run" (func $run))))))
        (export "run" (func $inner "run"))
        (func (export "nop") (canon lift (core func $i "nop"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut linker = Linker::<Vec<Func>>::new(&engine);
    linker
        .root()
        .func_new("tick", |mut store, _, _| {
            for func in std::mem::take(store.data_mut()) {
                let error = func.call(&mut store, &[], &mut []).unwrap_err();
                assert!(error.to_string().contains("is being reset"), "{error}");
            }
            Ok(())
        })
        .unwrap();
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let funcs = ["run", "nop"].map(|name| get(&store, &instance, name));
    *store.data_mut() = funcs.to_vec();
    instance.reset(&mut store).unwrap();
    assert!(store.data().is_empty(), "the start function has run");
    for func in funcs {
        func.call(&mut store, &[], &mut []).unwrap();
    }
}
