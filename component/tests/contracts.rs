//! What the host provides must be what was declared: core modules whose
//! functions are lifted, components with their imports and exports, resource
//! types with their destructors. And what a small binary can multiply.
#![cfg(feature = "wat")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::fmt::Write as _;

use linkspan::types::Item;
use linkspan::{Component, Engine, ErrorKind, Linker, ResourceType, Store, Val, core};

fn component(engine: &Engine, text: &str) -> Component {
    Component::new(engine, text).unwrap()
}

/// The text of the error with which `main` is refused when `m` is `module`.
fn link_module(main: &str, module: &str) -> String {
    let engine = Engine::default();
    let main = component(&engine, main);
    let module = core::Module::new(&engine, module).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker.root().module("m", &module).unwrap();
    match linker.instantiate_pre(&main) {
        Ok(_) => {
            assert!(linker.check(&main).is_ok());
            String::new()
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Link, "{error}");
            assert!(!linker.check(&main).is_ok());
            error.to_string()
        }
    }
}

#[test]
fn core_functions_of_another_type_are_not_lifted() {
    let main = r#"(component
        (import "m" (core module $m (export "f" (func (param i32 i32) (result i32)))))
        (core instance $i (instantiate $m))
        (func (export "f") (param "a" u32) (param "b" u32) (result u32)
          (canon lift (core func $i "f"))))"#;
    let error = link_module(main, r#"(module (func (export "f")))"#);
    assert!(error.contains(r#"export "f""#), "{error}");
    assert!(
        error.contains("expected (func (param i32 i32) (result i32)), found (func)"),
        "{error}"
    );
    let error = link_module(
        main,
        r#"(module (func (export "f") (param i64 i64 i64) (result i64) (local.get 2)))"#,
    );
    assert!(error.contains("found (func (param i64 i64 i64)"), "{error}");
    let error = link_module(main, r#"(module (global (export "f") i32 (i32.const 0)))"#);
    assert!(error.contains("found (global i32)"), "{error}");
    let right = r#"(module (func (export "f") (param i32 i32) (result i32) (local.get 1)))"#;
    assert_eq!(link_module(main, right), "");
}

#[test]
fn options_and_destructors_of_another_type_do_not_link() {
    let main = r#"(component
        (import "m" (core module $m
          (export "memory" (memory 1))
          (export "realloc" (func (param i32 i32 i32 i32) (result i32)))
          (export "post" (func (param i32)))
          (export "dtor" (func (param i32)))
          (export "f" (func (param i32 i32) (result i32)))))
        (core instance $i (instantiate $m))
        (type $r (resource (rep i32) (dtor (core func $i "dtor"))))
        (func (export "f") (param "s" string) (result string)
          (canon lift (core func $i "f") (memory (core memory $i "memory"))
            (realloc (core func $i "realloc"))
            (post-return (core func $i "post")))))"#;
    let module = |realloc: &str, post: &str, dtor: &str| {
        format!(
            r#"(module
                 (memory (export "memory") 1)
                 (func (export "realloc") (param {realloc}) (result i32) unreachable)
                 (func (export "post") (param {post}))
                 (func (export "dtor") (param {dtor}))
                 (func (export "f") (param i32 i32) (result i32) unreachable))"#
        )
    };
    let four = "i32 i32 i32 i32";
    assert_eq!(link_module(main, &module(four, "i32", "i32")), "");
    let error = link_module(main, &module("i32 i32", "i32", "i32"));
    assert!(
        error.contains(r#"export "realloc": expected (func (param i32 i32 i32 i32)"#),
        "{error}"
    );
    let error = link_module(main, &module(four, "i32 i32", "i32"));
    assert!(
        error.contains(r#"export "post": expected (func (param i32))"#),
        "{error}"
    );
    let error = link_module(main, &module(four, "i32", "i64"));
    assert!(
        error.contains(r#"export "dtor": expected (func (param i32))"#),
        "{error}"
    );
}

/// The text of the report on `main` when `c` is `provided`.
fn link_component(main: &str, provided: &str) -> String {
    let engine = Engine::default();
    let main = component(&engine, main);
    let mut linker = Linker::<()>::new(&engine);
    let provided = component(&engine, provided);
    linker.root().component("c", &provided).unwrap();
    let report = linker.check(&main);
    for problem in report.problems() {
        assert_eq!(problem.path.to_string(), r#""c""#);
    }
    if report.is_ok() {
        String::new()
    } else {
        report.to_string()
    }
}

#[test]
fn components_of_another_type_do_not_link() {
    let main = r#"(component
        (import "c" (component $c (export "f" (func (param "a" u32) (result u32)))))
        (instance $i (instantiate $c))
        (export "f" (func $i "f")))"#;
    let lifted = |params: &str, ty: &str| {
        format!(
            r#"(component
                 (core module $m (func (export "f") (param {params}) (result i32) (i32.const 1)))
                 (core instance $i (instantiate $m))
                 (func (export "f") {ty} (canon lift (core func $i "f"))))"#
        )
    };
    let same = lifted("i32", r#"(param "a" u32) (result u32)"#);
    assert_eq!(link_component(main, &same), "");
    let other = lifted("f64 i64", r#"(param "a" f64) (param "b" s64) (result u32)"#);
    let report = link_component(main, &other);
    assert!(
        report.contains(r#"export "f": expected 1 parameter (a), found 2 parameters (a, b)"#),
        "{report}"
    );
    let report = link_component(main, "(component)");
    assert!(
        report.contains(r#"export "f": expected a func, found nothing"#),
        "{report}"
    );
    let report = link_component(main, r#"(component (type $t u8) (export "f" (type $t)))"#);
    assert!(report.contains("expected a func, found a type"), "{report}");
    let report = link_component(main, r#"(component (import "x" (func)))"#);
    assert!(report.contains(r#"import "x""#), "{report}");
}

/// What is imported must be what the argument is, resource types included.
#[test]
fn arguments_of_provided_components_are_compared() {
    let main = r#"(component
        (component $A
          (type $r (resource (rep i32)))
          (type $s (resource (rep i32)))
          (export $R "r" (type $r))
          (export $S "s" (type $s))
          (core module $m (func (export "f") (param i32) (result i32) (i32.const 0)))
          (core instance $i (instantiate $m))
          (func (export "f") (param "x" (own $R)) (result (own $S))
            (canon lift (core func $i "f"))))
        (instance $a (instantiate $A))
        (alias export $a "r" (type $r))
        (alias export $a "s" (type $s))
        (import "c" (component $c
          (import "r" (type $r (sub resource)))
          (import "s" (type $s (sub resource)))
          (import "f" (func (param "x" (own $r)) (result (own $s))))
          (export "g" (func (param "x" (own $r)) (result (own $s))))))
        (instance (instantiate $c
          (with "r" (type $r)) (with "s" (type $s)) (with "f" (func $a "f")))))"#;
    let provided = |param: &str, result: &str| {
        format!(
            r#"(component
                 (import "r" (type $r (sub resource)))
                 (import "s" (type $s (sub resource)))
                 (import "f" (func $f (param "x" (own ${param})) (result (own ${result}))))
                 (export "g" (func $f)))"#
        )
    };
    assert_eq!(link_component(main, &provided("r", "s")), "");
    let report = link_component(main, &provided("s", "r"));
    assert!(
        report.contains(r#"import "f" x: expected own<"#),
        "{report}"
    );
    let export = r#"(component
        (import "r" (type $r (sub resource)))
        (import "s" (type $s (sub resource)))
        (import "f" (func $f (param "x" (own $r)) (result (own $s))))
        (instance $i (export "g" (func $f)))
        (export "g" (instance $i)))"#;
    let report = link_component(main, export);
    assert!(
        report.contains("expected a func, found an instance"),
        "{report}"
    );
}

/// A module that a provided component exports is not trusted either.
#[test]
fn modules_of_provided_components_are_compared() {
    let engine = Engine::default();
    let main = component(
        &engine,
        r#"(component
             (import "c" (component $c
               (export "m" (core module (export "f" (func (param i32) (result i32)))))))
             (instance $ci (instantiate $c))
             (alias export $ci "m" (core module $m))
             (core instance $i (instantiate $m))
             (func (export "f") (param "a" u32) (result u32) (canon lift (core func $i "f"))))"#,
    );
    let provided = component(
        &engine,
        r#"(component
             (core module $m (func (export "f")))
             (export "m" (core module $m)))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    linker.root().component("c", &provided).unwrap();
    let error = linker.instantiate_pre(&main).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.to_string().contains("found (func)"), "{error}");
}

#[test]
fn everything_around_an_unknown_component_is_reported() {
    let engine = Engine::default();
    let main = component(
        &engine,
        r#"(component
             (import "c" (component $c
               (export "r" (type $r (sub resource)))
               (export "i" (instance (export "f" (func (result u32)))))))
             (instance $ci (instantiate $c))
             (import "late" (func (param "x" u8)))
             (export "i" (instance $ci "i"))
             (export "r" (type $ci "r")))"#,
    );
    let imports: Vec<&str> = main.imports().iter().map(|(name, _)| name).collect();
    assert_eq!(imports, ["c", "late"]);
    let Some(Item::Instance(i)) = main.exports().get("i") else {
        panic!("expected an instance");
    };
    assert_eq!(i.get("f").unwrap().to_string(), "func() -> u32");
    let mut linker = Linker::<()>::new(&engine);
    let paths = |linker: &Linker<()>| -> Vec<String> {
        let report = linker.check(&main);
        report
            .problems()
            .iter()
            .map(|p| p.path.to_string())
            .collect()
    };
    assert_eq!(paths(&linker), [r#""c""#, r#""late""#]);
    let other = component(&engine, "(component)");
    linker.root().component("c", &other).unwrap();
    assert_eq!(paths(&linker), [r#""c""#, r#""late""#]);
}

#[test]
fn checking_says_what_linking_would() {
    let engine = Engine::default();
    let main = component(&Engine::default(), "(component)");
    let linker = Linker::<()>::new(&engine);
    assert!(linker.instantiate_pre(&main).is_err());
    let report = linker.check(&main).to_string();
    assert!(report.contains("another engine"), "{report}");
}

/// Each instantiation copies the types again.
#[test]
fn copies_of_large_types_end_in_a_limit() {
    let engine = Engine::default();
    let mut params = String::new();
    for i in 0..1000 {
        write!(params, "(param \"p{i}\" u8)").unwrap();
    }
    let types = format!("(type (func {params}))").repeat(5);
    let copies = "(instance (instantiate $c))".repeat(2000);
    let error = Component::new(
        &engine,
        format!("(component (component $c {types}) {copies})"),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");

    let name = "n".repeat(100_000);
    let types =
        format!("(type $r (resource (rep i32))) (type (record (field \"{name}\" (own $r))))");
    let error = Component::new(
        &engine,
        format!("(component (component $c {types}) {copies})"),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

#[test]
fn items_of_large_core_instances_are_found() {
    const COUNT: usize = 20_000;
    let engine = Engine::default();
    let (mut imports, mut exports) = (String::new(), String::new());
    for i in 0..COUNT {
        write!(imports, "(import \"a\" \"f{i}\" (func $f{i} (result i32)))").unwrap();
        write!(exports, "(export \"f{i}\" (func $i \"{}\"))", i % 2).unwrap();
    }
    let last = COUNT - 1;
    let main = component(
        &engine,
        &format!(
            r#"(component
                 (core module $m
                   (func (export "0") (result i32) (i32.const 0))
                   (func (export "1") (result i32) (i32.const 1)))
                 (core instance $i (instantiate $m))
                 (core module $n {imports}
                   (func (export "run") (result i32) (call $f{last})))
                 (core instance $j (instantiate $n (with "a" (instance {exports}))))
                 (func (export "run") (result u32) (canon lift (core func $j "run"))))"#
        ),
    );
    let mut store = Store::new(&engine, ());
    let linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &main).unwrap();
    let run = instance.get_func(&store, "run").unwrap();
    let mut results = [Val::Bool(false)];
    run.call(&mut store, &[], &mut results).unwrap();
    assert_eq!(results, [Val::U32(1)]);
}

#[test]
fn many_resource_types_are_told_apart() {
    let engine = Engine::default();
    let types = "(type (resource (rep i32)))".repeat(500);
    let copies = "(instance (instantiate $c))".repeat(100);
    let main = component(
        &engine,
        &format!(
            r#"(component
                 (component $c {types})
                 {copies}
                 (type $a (resource (rep i32)))
                 (type $b (resource (rep i32)))
                 (export "a" (type $a))
                 (export "b" (type $b)))"#
        ),
    );
    let mut store = Store::new(&engine, ());
    let linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &main).unwrap();
    let a = instance.get_resource(&store, "a").unwrap();
    let b = instance.get_resource(&store, "b").unwrap();
    assert_ne!(a, b);
}

#[test]
fn a_resource_type_has_one_destructor_in_a_store() {
    let engine = Engine::default();
    let main = component(&engine, r#"(component (import "r" (type (sub resource))))"#);
    let ty = ResourceType::numbered(1);
    let linker = || {
        let mut linker = Linker::<()>::new(&engine);
        linker.root().resource("r", ty, |_, _| Ok(())).unwrap();
        linker
    };
    let (first, second) = (linker(), linker());
    let mut table = Linker::<()>::new(&engine);
    table.root().table_resource("r", ty).unwrap();
    let mut store = Store::new(&engine, ());
    first.instantiate(&mut store, &main).unwrap();
    first.clone().instantiate(&mut store, &main).unwrap();
    for other in [&second, &table] {
        let error = other.instantiate(&mut store, &main).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Link);
        assert!(error.to_string().contains("another destructor"), "{error}");
    }
    let mut store = Store::new(&engine, ());
    second.instantiate(&mut store, &main).unwrap();
}
