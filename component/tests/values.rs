//! Values that the host provides and reads, start functions of the host, and
//! functions of the host that a component hands back.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use linkspan::abi::value::List;
use linkspan::{
    Component, Engine, ErrorKind, Linker, ResourceAny, ResourceType, Store, StoreContextMut, Val,
};

fn component(engine: &Engine, text: &str) -> Component {
    Component::new(engine, text).unwrap()
}

/// Takes a string by a start function, which makes a number of it.
const COUNT: &str = r#"(component
    (import "text" (value $text string))
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
      (func (export "count") (param i32 i32) (result i32) (local.get 1)))
    (core instance $i (instantiate $m))
    (func $count (param "text" string) (result u32) (canon lift (core func $i "count")
      (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (start $count (value $text) (result (value $bytes)))
    (export "bytes" (value $bytes)))"#;

#[test]
fn the_host_provides_values_and_reads_them() {
    let engine = Engine::default();
    let count = component(&engine, COUNT);
    assert_eq!(
        format!("{:?} {:?}", count.imports(), count.exports()),
        r#"{"text": Value(string)} {"bytes": Value(u32)}"#
    );
    let mut linker = Linker::<()>::new(&engine);
    linker.root().value("text", "four").unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &count).unwrap();
    assert_eq!(instance.get_value(&store, "bytes"), Some(Val::U32(4)));
    assert_eq!(instance.get_value(&store, "text"), None);

    // What one instance made is there for the next.
    let pass = component(
        &engine,
        r#"(component
             (import "n" (value $n u32))
             (import "i" (instance $i (export "again" (value u32))))
             (instance $out (export "n" (value $n)))
             (export "out" (instance $out))
             (export "again" (value $i "again")))"#,
    );
    let mut next = Linker::<()>::new(&engine);
    next.root()
        .reexport(&store, "n", &instance, "bytes")
        .unwrap();
    let mut inner = next.instance("i").unwrap();
    inner.reexport(&store, "again", &instance, "bytes").unwrap();
    let instance = next.instantiate(&mut store, &pass).unwrap();
    let read = |path: (&str, &str)| instance.get_value(&store, path);
    assert_eq!(read(("out", "n")), Some(Val::U32(4)));
    assert_eq!(instance.get_value(&store, "again"), Some(Val::U32(4)));
}

#[test]
fn values_of_another_type_do_not_link() {
    let engine = Engine::default();
    let count = component(&engine, COUNT);
    let mut linker = Linker::<()>::new(&engine);
    let missing = linker.check(&count).to_string();
    assert_eq!(
        missing,
        "import \"text\": expected a value of type string, found nothing"
    );
    linker.root().value("text", 7_u32).unwrap();
    let report = linker.check(&count).to_string();
    assert!(report.contains("a value of another type"), "{report}");
    assert!(linker.root().value("text", "again").is_err(), "taken");
    let mut linker = Linker::<()>::new(&engine);
    linker.root().func_new("text", |_, _, _| Ok(())).unwrap();
    let report = linker.check(&count).to_string();
    assert!(report.contains("found a func"), "{report}");
}

#[test]
fn a_start_function_that_traps_says_where() {
    let engine = Engine::default();
    let trap = component(
        &engine,
        r#"(component
             (import "f" (func $f))
             (start $f))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    let mut store = Store::new(&engine, ());
    linker
        .root()
        .func_new("f", |_, _, _| Err(linkspan::Error::msg("not today")))
        .unwrap();
    let error = linker.instantiate(&mut store, &trap).unwrap_err();
    assert_eq!(error.to_string(), "start: import \"f\": not today");
}

#[test]
fn handles_travel_in_values() {
    struct File;
    let engine = Engine::default();
    let ty = ResourceType::host::<File>();
    let keeper = component(
        &engine,
        r#"(component
             (import "file" (type $file (sub resource)))
             (import "v" (value $v (own $file)))
             (export "w" (value $v)))"#,
    );
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    linker.root().table_resource("file", ty).unwrap();
    // The store learns the resource type with the first component.
    let first = component(
        &engine,
        r#"(component (import "file" (type (sub resource))))"#,
    );
    linker.instantiate(&mut store, &first).unwrap();
    let number = store.extra_mut().table_mut().push(5_u32).unwrap();
    let file = ResourceAny::new_own(&mut store, ty, number.rep()).unwrap();
    linker.root().value("v", file.into_own()).unwrap();
    let instance = linker.instantiate(&mut store, &keeper).unwrap();
    let value = instance.get_value(&store, "w").unwrap();
    let out = ResourceAny::from_val(&value).unwrap();
    assert_eq!(out.rep(&store).unwrap(), number.rep());
    file.resource_drop(&mut store).unwrap();
    assert!(store.extra().table().is_empty());
    let error = linker.instantiate(&mut store, &keeper).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resource);
    assert!(error.to_string().contains("import \"v\""), "{error}");
}

/// Hands everything back that it imports.
const MIRROR: &str = r#"(component
    (import "add" (func $add (param "a" u32) (param "b" u32) (result u32)))
    (import "a:b/text" (instance $text
      (export "join" (func (param "parts" (list string)) (result string)))
      (export "split" (func (param "text" string) (result (tuple string u32))))))
    (export "plus" (func $add))
    (export "a:b/text" (instance $text)))"#;

fn mirror_linker(engine: &Engine) -> Linker<u32> {
    let mut linker = Linker::<u32>::new(engine);
    linker
        .root()
        .func_wrap(
            "add",
            |mut store: StoreContextMut<'_, u32>, (a, b): (u32, u32)| {
                *store.data_mut() += 1;
                a.checked_add(b)
                    .ok_or_else(|| linkspan::Error::msg("too much"))
            },
        )
        .unwrap();
    let mut text = linker.instance("a:b/text").unwrap();
    text.func_wrap("join", |_, (parts,): (Vec<String>,)| Ok(parts.concat()))
        .unwrap();
    text.func_new("split", |_, params, results| {
        let Val::String(text) = &params[0] else {
            return Err(linkspan::Error::msg("not a string"));
        };
        let count = u32::try_from(text.len()).unwrap();
        results[0] = Val::Tuple(Box::new([Val::from(&text[..1]), Val::U32(count)]));
        Ok(())
    })
    .unwrap();
    linker
}

#[test]
fn functions_of_the_host_are_handed_back() {
    let engine = Engine::default();
    let mirror = component(&engine, MIRROR);
    let linker = mirror_linker(&engine);
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &mirror).unwrap();
    let plus = instance.get_func(&store, "plus").unwrap();
    let plus = plus.typed::<(u32, u32), u32>(&store).unwrap();
    assert_eq!(plus.call(&mut store, (20, 22)).unwrap(), 42);
    let error = plus.call(&mut store, (u32::MAX, 1)).unwrap_err();
    assert!(error.to_string().contains("too much"), "{error}");
    // The host's own failure makes nothing unusable.
    assert_eq!(plus.call(&mut store, (1, 1)).unwrap(), 2);
    assert_eq!(*store.data(), 3);

    let join = instance.get_func(&store, ("a:b/text", "join")).unwrap();
    let typed = join.typed::<(Vec<String>,), String>(&store).unwrap();
    // Larger than a page together, and freed each time.
    let part = "x".repeat(40_000);
    for _ in 0..100 {
        let parts = vec![part.clone(), "y".into(), part.clone()];
        let joined = typed.call(&mut store, (parts,)).unwrap();
        assert_eq!(joined.len(), 80_001);
    }
    let split = instance.get_func(&store, ("a:b/text", "split")).unwrap();
    let mut results = [Val::Bool(false)];
    split
        .call(&mut store, &[Val::from("four")], &mut results)
        .unwrap();
    let expected = Val::Tuple(Box::new([Val::from("f"), Val::U32(4)]));
    assert_eq!(results[0], expected);
}

/// Calls what it imports as `join`, which another component handed back.
const USER: &str = r#"(component
    (import "a:b/text" (instance $text
      (export "join" (func (param "parts" (list string)) (result string)))))
    (core module $libc
      (memory (export "memory") 1)
      (global $top (mut i32) (i32.const 4096))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.get $top)
        (global.set $top (i32.add (global.get $top) (local.get 3)))))
    (core instance $libc (instantiate $libc))
    (core func $join (canon lower (func $text "join")
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
      (import "libc" "memory" (memory 1))
      (import "" "join" (func $join (param i32 i32 i32)))
      (data (i32.const 0) "\20\00\00\00\02\00\00\00\22\00\00\00\01\00\00\00")
      (data (i32.const 32) "abc")
      (func (export "run") (result i32)
        (call $join (i32.const 0) (i32.const 2) (i32.const 64))
        (i32.const 64)))
    (core instance $i (instantiate $m
      (with "libc" (instance $libc))
      (with "" (instance (export "join" (func $join))))))
    (func (export "run") (result string) (canon lift (core func $i "run")
      (memory (core memory $libc "memory")))))"#;

#[test]
fn what_was_handed_back_links_to_other_components() {
    let engine = Engine::default();
    let linker = mirror_linker(&engine);
    let mut store = Store::new(&engine, 0);
    let mirror = component(&engine, MIRROR);
    let instance = linker.instantiate(&mut store, &mirror).unwrap();
    let mut next = Linker::<u32>::new(&engine);
    next.root()
        .reexport(&store, "a:b/text", &instance, "a:b/text")
        .unwrap();
    let user = component(&engine, USER);
    let user = next.instantiate(&mut store, &user).unwrap();
    let run = user.get_func(&store, "run").unwrap();
    let run = run.typed::<(), String>(&store).unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), "abc");
    // And through one more mirror.
    let mut again = Linker::<u32>::new(&engine);
    again
        .root()
        .reexport(&store, "a:b/text", &instance, "a:b/text")
        .unwrap();
    again
        .root()
        .reexport(&store, "add", &instance, "plus")
        .unwrap();
    let second = again.instantiate(&mut store, &mirror).unwrap();
    let plus = second.get_func(&store, "plus").unwrap();
    let plus = plus.typed::<(u32, u32), u32>(&store).unwrap();
    assert_eq!(plus.call(&mut store, (1, 2)).unwrap(), 3);
}

#[test]
fn handles_cross_functions_that_are_handed_back() {
    struct File;
    let engine = Engine::default();
    let mirror = component(
        &engine,
        r#"(component
             (import "file" (type $file (sub resource)))
             (import "open" (func $open (param "size" u32) (result (own $file))))
             (import "sizes" (func $sizes (param "files" (list (borrow $file))) (result (list u32))))
             (import "close" (func $close (param "file" (own $file)) (result u32)))
             (export $f "file" (type $file))
             (export "open" (func $open))
             (export "sizes" (func $sizes))
             (export "close" (func $close)))"#,
    );
    let ty = ResourceType::host::<File>();
    let mut linker = Linker::<()>::new(&engine);
    let mut root = linker.root();
    root.resource("file", ty, |_, _| Ok(())).unwrap();
    root.func_new("open", move |mut store, params, results| {
        let Val::U32(size) = params[0] else {
            return Err(linkspan::Error::msg("not a size"));
        };
        results[0] = ResourceAny::new_own(&mut store, ty, size)?.into_own();
        Ok(())
    })
    .unwrap();
    root.func_new("sizes", |store, params, results| {
        let Val::List(files) = &params[0] else {
            return Err(linkspan::Error::msg("not a list"));
        };
        let mut sizes = Vec::new();
        for file in files.iter() {
            sizes.push(ResourceAny::from_val(&file).unwrap().rep(&store)?);
        }
        results[0] = Val::from(sizes);
        Ok(())
    })
    .unwrap();
    root.func_new("close", |mut store, params, results| {
        let file = ResourceAny::from_val(&params[0]).unwrap();
        results[0] = Val::U32(file.rep(&store)?);
        file.resource_drop(&mut store)
    })
    .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &mirror).unwrap();
    let mut call = |name: &str, params: &[Val]| {
        let func = instance.get_func(&store, name).unwrap();
        let mut results = [Val::Bool(false)];
        func.call(&mut store, params, &mut results).unwrap();
        let [result] = results;
        result
    };
    let (a, b) = (call("open", &[Val::U32(3)]), call("open", &[Val::U32(4)]));
    let lent = |val: &Val| match val {
        Val::Own(handle) => Val::Borrow(*handle),
        other => panic!("expected a handle, found {other:?}"),
    };
    for _ in 0..3 {
        let files = Val::List(List::Values(vec![lent(&a), lent(&b), lent(&a)]));
        assert_eq!(call("sizes", &[files]), Val::from(vec![3_u32, 4, 3]));
    }
    assert_eq!(call("close", &[a]), Val::U32(3));
    assert_eq!(call("close", &[b]), Val::U32(4));
}

/// The guest that stands between is never lost, so whatever a call got there
/// is given back, also by one that fails.
#[test]
fn calls_that_fail_leave_nothing_between() {
    struct File;
    let mut limits = linkspan::core::Limits::default();
    limits.memory_total_bytes_max = 16 << 16;
    let engine = Engine::new(linkspan::core::Config::new().limits(limits)).unwrap();
    let mirror = component(
        &engine,
        r#"(component
             (import "file" (type $file (sub resource)))
             (import "read" (func $read (param "file" (borrow $file)) (param "text" string) (result string)))
             (export $f "file" (type $file))
             (export "read" (func $read)))"#,
    );
    let ty = ResourceType::host::<File>();
    let mut linker = Linker::<()>::new(&engine);
    let mut root = linker.root();
    root.resource("file", ty, |_, _| Ok(())).unwrap();
    root.func_new("read", |_, params, results| match &params[1] {
        Val::String(text) if text.starts_with("good") => {
            results[0] = Val::from("read");
            Ok(())
        }
        _ => Err(linkspan::Error::msg("not now")),
    })
    .unwrap();
    let mut store = Store::new(&engine, ());
    let mut limits = store.extra().limits().clone();
    limits.handles_max = 16;
    store.extra_mut().set_limits(limits);
    let instance = linker.instantiate(&mut store, &mirror).unwrap();
    let file = ResourceAny::new_own(&mut store, ty, 7).unwrap();
    let lent = file.into_borrow();
    let read = instance.get_func(&store, "read").unwrap();
    let mut results = [Val::Bool(false)];
    let large = "x".repeat(100_000);
    for _ in 0..1000 {
        let params = [lent.clone(), Val::from(&*large)];
        let error = read.call(&mut store, &params, &mut results).unwrap_err();
        assert!(error.to_string().contains("not now"), "{error}");
    }
    let params = [lent, Val::from("good")];
    read.call(&mut store, &params, &mut results).unwrap();
    assert_eq!(results[0], Val::from("read"));
    file.resource_drop(&mut store).unwrap();
}
