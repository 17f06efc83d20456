//! What a report says of each import, and the stand-ins for unknown ones.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::sync::{Arc, Mutex};

use linkspan::{
    Component, Engine, ErrorKind, LinkOffer, LinkSource, LinkState, Linker, ResourceType, Store,
    StoreContextMut, Val, core,
};

fn component(engine: &Engine, text: &str) -> Component {
    Component::new(engine, text).unwrap()
}

#[test]
fn satisfied_imports_tell_by_what() {
    let engine = Engine::default();
    let importer = component(
        &engine,
        r#"(component
             (import "wasi:io/poll@0.2.6" (instance (export "f" (func))))
             (import "a:b/mine" (instance (export "r" (type (sub resource)))))
             (import "plain" (func))
             (import "m" (core module)))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    let mut poll = linker.instance("wasi:io/poll@0.2.0").unwrap();
    poll.func_new("f", |_, _, _| Ok(())).unwrap();
    let mut mine = linker.instance("a:b/mine").unwrap();
    mine.resource("r", ResourceType::unique(), |_, _| Ok(()))
        .unwrap();
    linker.root().func_new("plain", |_, _, _| Ok(())).unwrap();
    let module = core::Module::new(&engine, "(module)").unwrap();
    linker.root().module("m", &module).unwrap();
    let report = linker.check(&importer);
    assert!(report.is_ok(), "{report}");
    let found: Vec<(String, LinkSource, Option<&str>)> = report
        .imports()
        .iter()
        .map(|import| match &import.state {
            LinkState::Satisfied { by, source, track } => {
                (by.names().join("#"), *source, track.as_deref())
            }
            other => panic!("{}: {other:?}", import.path),
        })
        .collect();
    let expected = [
        ("wasi:io/poll@0.2.0#f", LinkSource::HostFunc, Some("0.2")),
        ("a:b/mine#r", LinkSource::Resource, None),
        ("plain", LinkSource::HostFunc, None),
        ("m", LinkSource::Module, None),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(by, source, track)| (by.to_owned(), source, track))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_place_of_a_mismatch_is_told() {
    let engine = Engine::default();
    let importer = component(
        &engine,
        r#"(component
             (import "http" (instance
               (type $r (record (field "url" string)
                 (field "headers" (list (tuple string (list u8))))))
               (export "request" (type $request (eq $r)))
               (export "handle" (func (param "req" $request) (param "n" u8) (result u16))))))"#,
    );
    let exporter = component(
        &engine,
        r#"(component
             (component $C
               (type $r (record (field "url" string)
                 (field "headers" (list (tuple string string)))))
               (export $request "request" (type $r))
               (core module $m
                 (memory (export "memory") 1)
                 (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                 (func (export "handle") (param i32 i32 i32 i32 i32) (result i32) unreachable))
               (core instance $i (instantiate $m))
               (func (export "handle")
                 (param "req" $request) (param "n" u8) (result u32)
                 (canon lift (core func $i "handle") (memory (core memory $i "memory"))
                   (realloc (core func $i "realloc")))))
             (instance $c (instantiate $C))
             (export "http" (instance $c)))"#,
    );
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    let instance = linker.instantiate(&mut store, &exporter).unwrap();
    linker.root().reexport_all(&store, &instance).unwrap();
    let report = linker.check(&importer);
    let [problem] = report.problems() else {
        panic!("{report}");
    };
    let places: Vec<String> = problem
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        places,
        [
            "req.headers[].1: expected list<u8>, found string",
            "result: expected u16, found u32",
        ]
    );
    assert_eq!(report.imports()[0].state, LinkState::Mismatched);
    assert!(problem.found.as_ref().unwrap().starts_with("func(req: "));
}

/// A function is compared once, however many resources are missing around it.
#[test]
fn what_follows_from_a_missing_resource_is_not_reported() {
    let engine = Engine::default();
    let importer = component(
        &engine,
        r#"(component
             (import "a:b/c" (instance
               (export "r" (type $r (sub resource)))
               (export "f" (func (param "x" (own $r)))))))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    let mut c = linker.instance("a:b/c").unwrap();
    c.func_wrap(
        "f",
        |_: StoreContextMut<'_, ()>, (_x,): (linkspan::Resource<u8>,)| Ok(()),
    )
    .unwrap();
    let report = linker.check(&importer);
    assert_eq!(report.problems().len(), 1, "{report}");
    assert_eq!(report.imports()[0].state, LinkState::Missing);
    let mut c = linker.instance("a:b/c").unwrap();
    c.resource("r", ResourceType::host::<u16>(), |_, _| Ok(()))
        .unwrap();
    let text = linker.check(&importer).to_string();
    assert!(text.contains("x: expected own<"), "{text}");
    assert!(text.contains("found own<u8>"), "{text}");
    assert!(text.contains("of different resource types"), "{text}");
}

#[test]
fn offers_are_data() {
    let engine = Engine::default();
    let importer = component(
        &engine,
        r#"(component
             (import "a:b/c@1.0.0" (instance (export "first" (func))))
             (import "a:b/d" (instance (export "second" (func))))
             (import "some:where/else" (instance (export "third" (func)))))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    let mut define = |instance: &str, name: &str| {
        let mut instance = linker.instance(instance).unwrap();
        instance.func_new(name, |_, _, _| Ok(())).unwrap();
    };
    define("a:b/c@2.0.0", "first");
    define("a:b/d", "secnod");
    define("wholly:other/place", "third");
    let report = linker.check(&importer);
    let offers: Vec<&LinkOffer> = report
        .problems()
        .iter()
        .flat_map(|problem| &problem.offers)
        .collect();
    let names = |offer: &LinkOffer| offer.path().names().join("#");
    assert!(
        matches!(
            offers[..],
            [
                LinkOffer::OtherVersion(_),
                LinkOffer::Similar(_),
                LinkOffer::Elsewhere(_),
            ]
        ),
        "{report}"
    );
    assert_eq!(names(offers[0]), "a:b/c@2.0.0");
    assert_eq!(names(offers[1]), "a:b/d#secnod");
    assert_eq!(names(offers[2]), "wholly:other/place#third");
    let text = report.to_string();
    assert!(text.contains("versions 1.x"), "{text}");
}

const UNKNOWN: &str = r#"(component
    (import "a:b/c@1.2.0" (instance $c
      (export "r" (type $r (sub resource)))
      (export "get" (func (result (tuple u32 string))))
      (export "open" (func (result (own $r))))))
    (core module $libc
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $libc (instantiate $libc))
    (core func $get (canon lower (func $c "get")
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core func $open (canon lower (func $c "open")))
    (core module $m
      (import "" "get" (func $get (param i32)))
      (import "" "open" (func $open (result i32)))
      (import "" "memory" (memory 1))
      (func (export "get") (result i32)
        (i64.store (i32.const 0) (i64.const -1))
        (i32.store (i32.const 8) (i32.const -1))
        (call $get (i32.const 0))
        ;; The number, and the length of the string.
        (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 8))))
      (func (export "open") (drop (call $open))))
    (core instance $i (instantiate $m (with "" (instance
      (export "get" (func $get)) (export "open" (func $open))
      (export "memory" (memory $libc "memory"))))))
    (func (export "get") (result u32) (canon lift (core func $i "get")))
    (func (export "open") (canon lift (core func $i "open"))))"#;

fn run(linker: &Linker<()>, component: &Component, name: &str) -> linkspan::Result<Option<Val>> {
    let mut store = Store::new(component.engine(), ());
    let instance = linker.instantiate(&mut store, component)?;
    let func = instance.get_func(&store, name).unwrap();
    let mut results = vec![Val::Bool(true); usize::from(name == "get")];
    func.call(&mut store, &[], &mut results)?;
    Ok(results.pop())
}

#[test]
fn unknown_imports_trap_or_answer_defaults() {
    let engine = Engine::default();
    let component = component(&engine, UNKNOWN);
    let mut traps = Linker::<()>::new(&engine);
    traps.define_unknown_imports_as_traps(&component).unwrap();
    let report = traps.check(&component);
    assert!(report.is_ok(), "{report}");
    assert!(matches!(
        report.imports()[1].state,
        LinkState::Satisfied {
            source: LinkSource::Stub,
            ..
        }
    ));
    let error = run(&traps, &component, "get").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap);
    let text = error.to_string();
    assert!(text.contains(r#"import "a:b/c@1.2.0" → "get""#), "{text}");
    assert!(text.contains("which nobody has defined"), "{text}");

    let mut defaults = Linker::<()>::new(&engine);
    defaults
        .define_unknown_imports_as_default_values(&component)
        .unwrap();
    assert_eq!(
        run(&defaults, &component, "get").unwrap(),
        Some(Val::U32(0))
    );
    let error = run(&defaults, &component, "open").unwrap_err();
    assert!(error.to_string().contains("no value of own<"), "{error}");
}

#[test]
fn unknown_imports_reach_a_closure() {
    let engine = Engine::default();
    let component = component(&engine, UNKNOWN);
    // What the host defines, in a compatible version, stays.
    let mut linker = Linker::<()>::new(&engine);
    let mut known = linker.instance("a:b/c@1.0.0").unwrap();
    known
        .func_new("get", |_, _, results| {
            results[0] = Val::Tuple([Val::U32(40), Val::String("ab".into())].into());
            Ok(())
        })
        .unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    linker
        .define_unknown_imports(&component, move |_, func, params, _| {
            assert_eq!(params.len(), func.params().len());
            log.lock().unwrap().push(format!("{} {func}", func.path()));
            Err(linkspan::Error::msg("no"))
        })
        .unwrap();
    assert_eq!(run(&linker, &component, "get").unwrap(), Some(Val::U32(42)));
    assert!(run(&linker, &component, "open").is_err());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].contains(r#""open" func() -> own<"#), "{seen:?}");
}

#[test]
fn modules_are_not_made_up() {
    let engine = Engine::default();
    let importer = component(
        &engine,
        r#"(component (import "m" (core module)) (import "f" (func)))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&importer).unwrap();
    let report = linker.check(&importer);
    assert_eq!(report.problems().len(), 1, "{report}");
    assert_eq!(report.problems()[0].path.names(), ["m"]);
}

#[test]
fn core_types_of_provided_modules_are_compared() {
    let engine = Engine::default();
    let importer = component(
        &engine,
        r#"(component
             (core type $f (func (param i32)))
             (import "m" (core module
               (alias outer 1 $f (type $t))
               (import "env" "log" (func (type $t)))
               (export "memory" (memory 1 10))
               (export "n" (global i32))
               (export "table" (table 2 funcref))
               (export "f" (func (param f64) (result i64))))))"#,
    );
    let check = |text: &str| {
        let mut linker = Linker::<()>::new(&engine);
        let module = core::Module::new(&engine, text).unwrap();
        linker.root().module("m", &module).unwrap();
        let report = linker.check(&importer);
        let problems = report.problems().iter();
        problems
            .flat_map(|problem| &problem.differences)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let fine = r#"(module
        (import "env" "log" (func (param i32)))
        (memory (export "memory") 2 9)
        (global (export "n") i32 (i32.const 0))
        (table (export "table") 2 funcref)
        (func (export "f") (param f64) (result i64) (i64.const 0)))"#;
    assert_eq!(check(fine), [""; 0]);
    let wrong = r#"(module
        (import "env" "log" (func (param i64)))
        (import "env" "more" (func))
        (memory (export "memory") 1)
        (global (export "n") (mut i32) (i32.const 0))
        (table (export "table") 1 funcref)
        (func (export "f") (param f64)))"#;
    assert_eq!(
        check(wrong),
        [
            r#"import "env" "log": expected (func (param i32)), found (func (param i64))"#,
            r#"import "env" "more": expected one of the declared imports, found (func)"#,
            r#"export "memory": expected (memory 1 10), found (memory 1)"#,
            r#"export "n": expected (global i32), found (global (mut i32))"#,
            r#"export "table": expected (table 2 funcref), found (table 1 funcref)"#,
            r#"export "f": expected (func (param f64) (result i64)), found (func (param f64))"#,
        ]
    );
}
