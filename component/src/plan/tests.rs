//! Plans of small components: what vanishes, what remains, and what ends in
//! an error instead of a plan.

use std::sync::Arc;

use super::*;
use crate::error::{ErrorKind, Result};

fn plan_of(text: &str) -> Result<Plan> {
    let accepted = crate::features::Accepted::by(&linkspan_engine::Engine::default());
    let decoded = crate::decode::decode(&wat::parse_str(text).unwrap(), accepted)?;
    flatten(Arc::new(decoded), &Bindings::new()).map(|(plan, _)| plan)
}

#[test]
fn nesting_vanishes() {
    let plan = plan_of(
        r#"(component
             (component $A
               (component $B
                 (core module $m (func (export "f")))
                 (core instance $i (instantiate $m))
                 (func (export "f") (canon lift (core func $i "f"))))
               (instance $b (instantiate $B))
               (alias export $b "f" (func $f))
               (instance $again (export "g" (func $f)))
               (export "i" (instance $again)))
             (instance $a (instantiate $A))
             (alias export $a "i" (instance $i))
             (export "out" (func $i "g")))"#,
    )
    .unwrap();
    assert_eq!(plan.owners.len(), 3);
    assert_eq!(
        plan.to_string(),
        "plan: 3 steps, 1 core modules, 3 component instances\n\
         component instances\n\
         \x20 instance 0 = component 0, no handles\n\
         \x20 instance 1 = component 1 in instance 0, no handles\n\
         \x20 instance 2 = component 2 in instance 1\n\
         steps\n\
         \x20   0  core instance 0 = core module 0 for instance 2\n\
         \x20   1  func 0 = core instance 0 \"f\"\n\
         \x20   2  lift 0 = func 0 as func() for instance 2\n\
         exports\n\
         \x20 \"out\" = lift 0 func()\n"
    );
}

#[test]
fn each_instantiation_has_resource_types_of_its_own() {
    let plan = plan_of(
        r#"(component
             (component $A
               (type $r (resource (rep i32)))
               (export "r" (type $r)))
             (instance $a (instantiate $A))
             (instance $b (instantiate $A))
             (alias export $a "r" (type $ra))
             (alias export $b "r" (type $rb))
             (export "ra" (type $ra))
             (export "rb" (type $rb)))"#,
    )
    .unwrap();
    assert_eq!(plan.resources.len(), 2);
    let resource = |name| match plan.root_exports.get(name) {
        Some(Item::Type(TypeItem::Resource(id))) => id,
        other => panic!("expected a resource, found {other:?}"),
    };
    assert_ne!(resource("ra"), resource("rb"));
}

#[test]
fn imports_are_leaves() {
    let plan = plan_of(
        r#"(component
             (import "a:b/c@1.0.0" (instance
               (export "r" (type $r (sub resource)))
               (export "t" (type (eq $r)))
               (export "n" (instance (export "f" (func (param "x" u8)))))
               (export "g" (func (param "h" (own $r)))))))"#,
    )
    .unwrap();
    let paths: Vec<String> = plan.imports.iter().map(|i| i.path.to_string()).collect();
    assert_eq!(
        paths,
        [
            r#""a:b/c@1.0.0" → "r""#,
            r#""a:b/c@1.0.0" → "n" → "f""#,
            r#""a:b/c@1.0.0" → "g""#,
        ]
    );
}

/// Values that cannot be moved yet have types as any other.
#[test]
fn asynchronous_types_keep_their_structure() {
    let plan = plan_of(
        r#"(component
             (type $m (future u8))
             (type $l (list $m))
             (export "l" (type $l))
             (import "f" (func (param "x" (stream u8)))))"#,
    )
    .unwrap();
    assert!(plan.reasons.is_empty() && plan.steps.is_empty());
    let text = plan.to_string();
    assert!(text.contains("func(x: stream<u8>)"), "{text}");
    assert!(text.contains("type list<future<u8>>"), "{text}");
}

#[test]
fn unknown_components_end_the_plan() {
    let plan = plan_of(
        r#"(component
             (import "c" (component $c (export "f" (func))))
             (instance $i (instantiate $c))
             (export "f" (func $i "f")))"#,
    )
    .unwrap();
    assert!(matches!(&plan.steps[..], [Step::Unsupported { what, .. }] if what.contains("\"c\"")));
}

/// Each level instantiates the level below it twice: 2^40 instances.
#[test]
fn doubling_ends_in_a_limit() {
    let mut text = String::from("(component $c0)");
    for i in 1..40 {
        text = format!(
            "(component $c{i} {text} (instance (instantiate $c{0})) (instance (instantiate $c{0})))",
            i - 1
        );
    }
    let error = plan_of(&format!("(component {text} (instance (instantiate $c39)))")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(
        error.to_string().contains("more than 10000 components"),
        "{error}"
    );
}

/// Each imported instance type exports the one before it twice.
#[test]
fn doubling_types_end_in_a_limit() {
    let mut text = String::from("(type $t0 (instance (export \"f\" (func))))");
    for i in 1..60 {
        text += &format!(
            "(type $t{i} (instance
               (alias outer 1 {0} (type $t))
               (export \"a\" (instance (type $t)))
               (export \"b\" (instance (type $t)))))",
            i - 1
        );
    }
    let error = plan_of(&format!(
        "(component {text} (import \"i\" (instance (type 59))))"
    ))
    .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Limit | ErrorKind::Validate),
        "{error}"
    );
}

#[test]
fn deep_imports_end_in_a_limit() {
    let mut text = String::from("(type $t0 (instance (export \"f\" (func))))");
    for i in 1..200 {
        text += &format!(
            "(type $t{i} (instance
               (alias outer 1 {0} (type $t))
               (export \"a\" (instance (type $t)))))",
            i - 1
        );
    }
    let error = plan_of(&format!(
        "(component {text} (import \"i\" (instance (type 199))))"
    ))
    .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Limit | ErrorKind::Validate),
        "{error}"
    );
}

/// A component that instantiates `leaf` 4096 times, within the limit on
/// component instances.
fn repeated(leaf: &str) -> String {
    let mut text = format!("(component $c0 {leaf})");
    for i in 1..=12 {
        text = format!(
            "(component $c{i} {text} (instance (instantiate $c{0})) (instance (instantiate $c{0})))",
            i - 1
        );
    }
    format!("(component {text} (instance (instantiate $c12)))")
}

#[test]
fn names_in_module_types_are_paid_for_each_time() {
    let name = "n".repeat(90_000);
    for leaf in [
        format!(r#"(core type (module (import "{name}" "" (func))))"#),
        format!(r#"(core type (module (export "{name}" (func))))"#),
    ] {
        let error = plan_of(&repeated(&leaf)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("too large"), "{error}");
    }
}

#[test]
fn core_function_types_are_paid_by_their_length() {
    let params = " i32".repeat(1000);
    for leaf in [
        format!("(core type (func (param{params})))"),
        format!("(core type (module (type (func (param{params})))))"),
    ] {
        let error = plan_of(&repeated(&leaf)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("too large"), "{error}");
    }
}
