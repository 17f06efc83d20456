//! Linking: versions, problems reported at once, core modules and components
//! from the host, instances linked to each other, re-entrance and locks.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use linkspan::{Component, Engine, ErrorKind, Instance, LinkReport, Linker, Store, Val};

fn component(engine: &Engine, text: &str) -> Component {
    Component::new(engine, text).unwrap()
}

fn call<T: 'static>(store: &mut Store<T>, instance: &Instance, name: &str) -> Val {
    let func = instance
        .get_func(&*store, name)
        .expect("an exported function");
    let mut results = [Val::Bool(false)];
    func.call(store, &[], &mut results).unwrap();
    let [result] = results;
    result
}

/// A component that imports `f: func() -> u32` and exports it once more.
fn importer(name: &str) -> String {
    format!(
        r#"(component
             (import "{name}" (instance $i (export "f" (func (result u32)))))
             (core func $f (canon lower (func $i "f")))
             (core module $m
               (import "" "f" (func $f (result i32)))
               (func (export "run") (result i32) (i32.add (call $f) (i32.const 1))))
             (core instance $c (instantiate $m
               (with "" (instance (export "f" (func $f))))))
             (func (export "run") (result u32) (canon lift (core func $c "run"))))"#
    )
}

#[test]
fn compatible_versions_are_linked() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let mut define = |name: &str, value| {
        let mut instance = linker.instance(name).unwrap();
        instance
            .func_new("f", move |_, _, results| {
                results[0] = Val::U32(value);
                Ok(())
            })
            .unwrap();
    };
    define("a:b/c@0.2.4", 24);
    define("a:b/c@1.0.0", 100);
    define("a:b/c@1.4.0", 140);
    let run = |name: &str| {
        let component = component(&engine, &importer(name));
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component)?;
        Ok::<Val, linkspan::Error>(call(&mut store, &instance, "run"))
    };
    assert_eq!(run("a:b/c@0.2.0").unwrap(), Val::U32(25));
    assert_eq!(run("a:b/c@0.2.9").unwrap(), Val::U32(25));
    assert_eq!(
        run("a:b/c@1.0.0").unwrap(),
        Val::U32(101),
        "an exact match wins"
    );
    assert_eq!(
        run("a:b/c@1.2.0").unwrap(),
        Val::U32(141),
        "then the newest"
    );
    let error = run("a:b/c@0.3.0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.to_string().contains("not compatible"), "{error}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let engine = Engine::default();
    let component = component(
        &engine,
        r#"(component
             (import "wasi:cli/stdout@0.2.3" (instance (export "get" (func (result u32)))))
             (import "a:b/c@1.0.0" (instance
               (export "r" (type (sub resource)))
               (export "read" (func (param "n" u32) (result string)))
               (export "write" (func))))
             (import "plain" (func)))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    linker
        .instance("a:b/c@1.0.0")
        .unwrap()
        .func_new("raed", |_, _, _| Ok(()))
        .unwrap();
    linker.instance("plain").unwrap();
    let report = linker.check(&component);
    let paths: Vec<String> = report
        .problems()
        .iter()
        .map(|p| p.path.to_string())
        .collect();
    assert_eq!(
        paths,
        [
            r#""wasi:cli/stdout@0.2.3" → "get""#,
            r#""a:b/c@1.0.0" → "r""#,
            r#""a:b/c@1.0.0" → "read""#,
            r#""a:b/c@1.0.0" → "write""#,
            r#""plain""#,
        ]
    );
    let text = report.to_string();
    assert!(text.contains("linkspan-wasi"), "{text}");
    assert!(text.contains(r#"did you mean "raed"?"#), "{text}");
    assert!(
        text.contains("expected func(n: u32) -> string, found nothing"),
        "{text}"
    );
    assert!(
        text.contains("expected func(), found an instance"),
        "{text}"
    );
    let error = linker.instantiate_pre(&component).unwrap_err();
    assert_eq!(error.downcast_ref::<LinkReport>(), Some(&report));
}

#[test]
fn what_is_shared_crosses_threads() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Engine>();
    shared::<Component>();
    shared::<Linker<()>>();
    shared::<linkspan::InstancePre<()>>();
    shared::<Instance>();
    shared::<linkspan::Func>();
    moved::<Store<()>>();
}

#[test]
fn names_are_defined_once() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.root().func_new("f", |_, _, _| Ok(())).unwrap();
    let error = linker.root().func_new("f", |_, _, _| Ok(())).unwrap_err();
    assert!(error.to_string().contains("defined already"), "{error}");
    assert!(linker.instance("f").is_err());
}

#[test]
fn functions_of_other_types_do_not_link() {
    let engine = Engine::default();
    let exporter = component(
        &engine,
        r#"(component
             (core module $m (func (export "f") (param i32) (result i32) (local.get 0)))
             (core instance $i (instantiate $m))
             (func (export "f") (param "x" u32) (result u32) (canon lift (core func $i "f"))))"#,
    );
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    let instance = linker.instantiate(&mut store, &exporter).unwrap();
    linker.root().reexport(&store, "f", &instance, "f").unwrap();
    assert!(linker.root().reexport(&store, "g", &instance, "g").is_err());
    let check = |ty: &str| {
        let text = format!(r#"(component (import "f" (func {ty})))"#);
        linker.check(&component(&engine, &text)).to_string()
    };
    assert!(
        linker
            .check(&component(
                &engine,
                r#"(component (import "f" (func (param "x" u32) (result u32))))"#
            ))
            .is_ok()
    );
    assert!(check(r#"(param "x" u32) (result u64)"#).contains("result: expected u64, found u32"));
    assert!(
        check(r#"(param "y" u32) (result u32)"#)
            .contains("expected parameter 1 to be called `y`, found `x`")
    );
}

#[test]
fn modules_and_components_come_from_the_host() {
    let engine = Engine::default();
    let text = r#"(component
        (import "m" (core module $m (export "get" (func (result i32)))))
        (import "c" (component $c (export "get" (func (result u32)))))
        (core instance $mi (instantiate $m))
        (instance $ci (instantiate $c))
        (func (export "from-module") (result u32) (canon lift (core func $mi "get")))
        (func (export "from-component") (alias export $ci "get")))"#;
    let component_text = r#"(component
        (core module $m (func (export "get") (result i32) (i32.const 8)))
        (core instance $i (instantiate $m))
        (func (export "get") (result u32) (canon lift (core func $i "get"))))"#;
    let main = component(&engine, text);
    let mut linker = Linker::<()>::new(&engine);
    let report = linker.check(&main).to_string();
    assert!(report.contains("expected a component"), "{report}");
    let module = linkspan::core::Module::new(
        &engine,
        r#"(module (func (export "get") (result i32) (i32.const 7)))"#,
    )
    .unwrap();
    let other = linkspan::core::Module::new(&engine, "(module)").unwrap();
    linker.root().module("m", &other).unwrap();
    linker
        .root()
        .component("c", &component(&engine, component_text))
        .unwrap();
    let report = linker.check(&main).to_string();
    assert!(
        report.contains(r#"export "get": expected (func (result i32)), found nothing"#),
        "{report}"
    );

    let mut linker = Linker::<()>::new(&engine);
    linker.root().module("m", &module).unwrap();
    linker
        .root()
        .component("c", &component(&engine, component_text))
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &main).unwrap();
    assert_eq!(call(&mut store, &instance, "from-module"), Val::U32(7));
    assert_eq!(call(&mut store, &instance, "from-component"), Val::U32(8));
}

/// A host function may call the instance that called it.
#[test]
fn instances_may_be_entered_again() {
    let engine = Engine::default();
    let component = component(
        &engine,
        r#"(component
             (import "again" (func $again (param "n" u32) (result u32)))
             (core func $again (canon lower (func $again)))
             (core module $m
               (import "" "again" (func $again (param i32) (result i32)))
               (func (export "sum") (param i32) (result i32)
                 (if (result i32) (i32.eqz (local.get 0))
                   (then (i32.const 0))
                   (else (i32.add (local.get 0)
                     (call $again (i32.sub (local.get 0) (i32.const 1))))))))
             (core instance $i (instantiate $m
               (with "" (instance (export "again" (func $again))))))
             (func (export "sum") (param "n" u32) (result u32) (canon lift (core func $i "sum"))))"#,
    );
    let mut linker = Linker::<Option<linkspan::Func>>::new(&engine);
    linker
        .root()
        .func_new("again", |mut store, params, results| {
            let sum = store.data().expect("the function is known by now");
            sum.call(&mut store, params, results)
        })
        .unwrap();
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let sum = instance.get_func(&store, "sum").unwrap();
    *store.data_mut() = Some(sum);
    let mut results = [Val::Bool(false)];
    sum.call(&mut store, &[Val::U32(10)], &mut results).unwrap();
    assert_eq!(results, [Val::U32(55)]);
    // Endless recursion through the host ends in an error, not in a crash.
    let error = sum
        .call(&mut store, &[Val::U32(u32::MAX)], &mut results)
        .unwrap_err();
    assert!(error.to_string().contains("exhausted"), "{error}");
}

/// A trap locks the instances that it went through, and no others.
#[test]
fn traps_lock_what_they_went_through() {
    let engine = Engine::default();
    let component = component(
        &engine,
        r#"(component
             (component $Inner
               (core module $m
                 (func (export "trap") (unreachable))
                 (func (export "ok") (result i32) (i32.const 1)))
               (core instance $i (instantiate $m))
               (func (export "trap") (canon lift (core func $i "trap")))
               (func (export "ok") (result u32) (canon lift (core func $i "ok"))))
             (component $Outer
               (import "trap" (func $trap))
               (core func $trap (canon lower (func $trap)))
               (core module $m
                 (import "" "trap" (func $trap))
                 (func (export "trap") (call $trap))
                 (func (export "ok") (result i32) (i32.const 2)))
               (core instance $i (instantiate $m
                 (with "" (instance (export "trap" (func $trap))))))
               (func (export "trap") (canon lift (core func $i "trap")))
               (func (export "ok") (result u32) (canon lift (core func $i "ok"))))
             (instance $inner (instantiate $Inner))
             (instance $bystander (instantiate $Inner))
             (instance $outer (instantiate $Outer (with "trap" (func $inner "trap"))))
             (func (export "trap") (alias export $outer "trap"))
             (func (export "inner") (alias export $inner "ok"))
             (func (export "outer") (alias export $outer "ok"))
             (func (export "bystander") (alias export $bystander "ok")))"#,
    );
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    assert_eq!(call(&mut store, &instance, "outer"), Val::U32(2));
    let trap = instance.get_func(&store, "trap").unwrap();
    let error = trap.call(&mut store, &[], &mut []).unwrap_err();
    assert_eq!(error.trap(), Some(linkspan::Trap::Unreachable));
    for name in ["inner", "outer"] {
        let func = instance.get_func(&store, name).unwrap();
        let error = func
            .call(&mut store, &[], &mut [Val::Bool(false)])
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Trap);
        assert!(error.to_string().contains("unreachable"), "{error}");
    }
    assert_eq!(call(&mut store, &instance, "bystander"), Val::U32(1));
}

#[test]
fn handles_of_another_store_are_refused() {
    let engine = Engine::default();
    let text = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "f") (canon lift (core func $i "f"))))"#;
    let component = component(&engine, text);
    let linker = Linker::<()>::new(&engine);
    let mut one = Store::new(&engine, ());
    let mut two = Store::new(&engine, ());
    let instance = linker.instantiate(&mut one, &component).unwrap();
    assert!(instance.get_func(&two, "f").is_none());
    let func = instance.get_func(&one, "f").unwrap();
    let error = func.call(&mut two, &[], &mut []).unwrap_err();
    assert!(error.to_string().contains("another store"), "{error}");
    let mut linker = Linker::<()>::new(&engine);
    linker.root().reexport(&one, "f", &instance, "f").unwrap();
    let importer = Component::new(
        &engine,
        r#"(component (import "f" (func $f)) (core func (canon lower (func $f))))"#,
    )
    .unwrap();
    let error = linker.instantiate(&mut two, &importer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
}

/// What cannot run yet is decoded, and refused by name where it is used.
#[test]
fn what_is_not_built_is_refused_by_name() {
    let engine = Engine::default();
    let linker = Linker::<()>::new(&engine);
    let instantiate = |text: &str| {
        let mut store = Store::new(&engine, ());
        linker
            .instantiate(&mut store, &component(&engine, text))
            .map(|_| ())
    };
    // Only declared: fine.
    instantiate("(component (type (map string u8)) (canon thread.yield (core func)))").unwrap();
    let error = instantiate(
        r#"(component
             (core module $m
               (import "" "yield" (func $y (result i32)))
               (func $s (drop (call $y)))
               (start $s))
             (core func $y (canon thread.yield))
             (core instance (instantiate $m (with "" (instance (export "yield" (func $y)))))))"#,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .to_string()
            .contains("thread.yield: async is not supported yet"),
        "{error}"
    );
    let error = instantiate(r#"(component (import "v" (value $v u8)) (export "w" (value $v)))"#)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    let error = instantiate(
        r#"(component
             (core module $m (type $f (func)) (type (cont $f)))
             (core instance (instantiate $m)))"#,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[test]
fn code_of_another_engine_is_refused_when_it_is_defined() {
    let (ours, other) = (Engine::default(), Engine::default());
    let exporter = component(
        &other,
        r#"(component
             (core module $m)
             (instance $i (export "m" (core module $m)))
             (export "m" (core module $m))
             (export "i" (instance $i)))"#,
    );
    let mut store = Store::new(&other, ());
    let linker = Linker::<()>::new(&other);
    let instance = linker.instantiate(&mut store, &exporter).unwrap();
    let module = instance.get_module(&store, "m").unwrap();
    let mut linker = Linker::<()>::new(&ours);
    let mut root = linker.root();
    for error in [
        root.module("m", &module).map(drop).unwrap_err(),
        root.component("c", &exporter).map(drop).unwrap_err(),
        root.reexport(&store, "m", &instance, "m")
            .map(drop)
            .unwrap_err(),
        root.reexport(&store, "i", &instance, "i")
            .map(drop)
            .unwrap_err(),
        root.reexport_all(&store, &instance).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Link);
        assert!(error.to_string().contains("another engine"), "{error}");
    }
}

#[test]
fn a_function_of_another_store_is_not_handed_back() {
    let engine = Engine::default();
    let exporter = component(
        &engine,
        r#"(component
             (core module $m (func (export "f")))
             (core instance $i (instantiate $m))
             (func (export "f") (canon lift (core func $i "f"))))"#,
    );
    let passing = component(
        &engine,
        r#"(component (import "f" (func $f)) (export "g" (func $f)))"#,
    );
    let (mut store, mut other) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let mut linker = Linker::<()>::new(&engine);
    let instance = linker.instantiate(&mut store, &exporter).unwrap();
    linker.root().reexport(&store, "f", &instance, "f").unwrap();
    linker.instantiate(&mut store, &passing).unwrap();
    let error = linker.instantiate(&mut other, &passing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.to_string().contains("another store"), "{error}");
}
