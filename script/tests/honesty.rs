//! A runner that is too kind would hide everything: each directive that does
//! not hold must be a failure, and the script must go on behind it.

use std::time::{Duration, Instant};

use linkspan_script::{Failure, Options, Reach, Report, parse_features, run};

fn report(script: &str) -> Report {
    run(script, &Options::default()).expect("the default options are accepted")
}

fn failing_lines(script: &str) -> Vec<u32> {
    report(script)
        .failures
        .iter()
        .map(|failure| failure.line)
        .collect()
}

#[test]
fn every_kind_of_core_directive_can_fail() {
    let script = r#"(module (func (export "f") (result i32) (i32.const 1)) (global (export "g") i32 (i32.const 2))
      (func (export "trap") unreachable) (func (export "two") (result i32 f32) (i32.const 1) (f32.const nan:0x200000)))
(assert_return (invoke "f") (i32.const 2))
(assert_return (invoke "f") (i64.const 1))
(assert_return (invoke "f"))
(assert_return (invoke "f") (i32.const 1) (i32.const 1))
(assert_return (invoke "none") (i32.const 1))
(assert_return (invoke "f" (i32.const 1)) (i32.const 1))
(assert_return (invoke $none "f") (i32.const 1))
(assert_return (get "g") (i32.const 3))
(assert_return (get "none") (i32.const 3))
(assert_return (invoke "trap"))
(assert_return (invoke "two") (i32.const 1) (f32.const nan:canonical))
(assert_return (invoke "two") (i32.const 1) (f32.const nan:arithmetic))
(assert_trap (invoke "f") "unreachable")
(assert_trap (invoke "trap") "integer overflow")
(assert_trap (module (func)) "unreachable")
(assert_exhaustion (invoke "f") "call stack exhausted")
(assert_exhaustion (invoke "trap") "call stack exhausted")
(assert_invalid (module (func)) "type mismatch")
(assert_malformed (module quote "(func)") "unexpected token")
(assert_malformed (module binary "\00asm\01\00\00\00") "unexpected end")
(assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")
(assert_exception (invoke "f"))
(invoke "trap")
(register "x" $none)
(module (func (result i32)))
(assert_return (invoke "f") (i32.const 1))
(module (import "spectest" "gone" (func)))
(module instance $i $none)
"#;
    // All but the module and, of the patterns for NaN, one that does not fit.
    let expected: Vec<u32> = (3..=30).collect();
    let found = failing_lines(script);
    assert_eq!(found, expected);
    assert_eq!(report(script).passed, 1);
}

#[test]
fn every_kind_of_component_directive_can_fail() {
    let script = r#"(component (core module $m (func (export "f") (result i32) (i32.const 1)) (func (export "trap") unreachable))
      (core instance $i (instantiate $m)) (func (export "f") (result u32) (canon lift (core func $i "f")))
      (func (export "trap") (canon lift (core func $i "trap"))))
(assert_return (invoke "f") (u32.const 2))
(assert_return (invoke "f") (s32.const 1))
(assert_return (invoke "f"))
(assert_return (invoke "f" (u32.const 1)) (u32.const 1))
(assert_return (invoke "none") (u32.const 1))
(assert_trap (invoke "f") "unreachable")
(assert_trap (invoke "trap") "integer overflow")
(assert_invalid (component) "type mismatch")
(component (import "f" (func)))
(assert_return (invoke "f") (u32.const 1))
(component instance $i $none)
"#;
    let expected: Vec<u32> = (4..=14).collect();
    assert_eq!(failing_lines(script), expected);
}

#[test]
fn a_guest_without_end_is_interrupted_and_the_script_goes_on() {
    let script = r#"(module (func (export "loop") (loop (br 0))) (func (export "f")))
(assert_return (invoke "loop"))
(assert_return (invoke "f"))
(assert_trap (module (func $f (loop (br 0))) (start $f)) "unreachable")
(module $mem (memory (export "memory") 1 1 shared))
(thread $T (shared (module $mem)) (register "mem" $mem)
  (module (import "mem" "memory" (memory 1 1 shared))
    (func (export "wait") (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
  (assert_return (invoke "wait")))
"#;
    let options = Options {
        directive_time_max: Duration::from_millis(300),
        ..Options::default()
    };
    let start = Instant::now();
    let report = run(script, &options).unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    let lines: Vec<u32> = report.failures.iter().map(|failure| failure.line).collect();
    assert_eq!(lines, [2, 4, 9]);
    let interrupted = |failure: &Failure| failure.found.contains("interrupted");
    assert!(
        report.failures.iter().all(interrupted),
        "{:?}",
        report.failures
    );
}

#[test]
fn threads_have_a_store_of_their_own_and_are_judged_too() {
    let script = r#"(module (func (export "f") (result i32) (i32.const 1)))
(thread $a (module (func (export "f") (result i32) (i32.const 2)))
  (assert_return (invoke "f") (i32.const 2))
  (assert_return (invoke "f") (i32.const 1)))
(thread $b
  (assert_return (invoke "f") (i32.const 1)))
(assert_return (invoke "f") (i32.const 1))
(wait $a)
(wait $a)
"#;
    let mut report = report(script);
    report.failures.sort_by_key(|failure| failure.line);
    let lines: Vec<u32> = report.failures.iter().map(|failure| failure.line).collect();
    assert_eq!(lines, [4, 6, 9]);
    // Two modules, two threads, two answers and one end of a thread.
    assert_eq!(report.passed, 7);
}

#[test]
fn features_that_are_off_are_off() {
    let script = "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))";
    let mut options = Options::default();
    assert!(run(script, &options).unwrap().is_success());
    options.features = parse_features("wasm1").unwrap();
    assert!(!run(script, &options).unwrap().is_success());
}

#[test]
fn one_line_can_be_chosen() {
    let script = "(module (func (export \"f\") (result i32) (i32.const 1)))\n\
        (assert_return (invoke \"f\") (i32.const 2))\n\
        (assert_return (invoke \"f\") (i32.const 3))\n";
    let options = Options {
        only_line: Some(3),
        ..Options::default()
    };
    let report = run(script, &options).unwrap();
    assert_eq!((report.passed, report.failures.len()), (1, 1));
    assert_eq!(report.failures[0].line, 3);
}

#[test]
fn a_script_that_cannot_be_parsed_says_where() {
    let report = report("(module)\n(assert_nothing)\n");
    assert_eq!(report.failures.len(), 1);
    assert_eq!(
        (
            report.failures[0].line,
            report.failures[0].directive.as_str()
        ),
        (2, "script")
    );
}

#[test]
fn other_words_for_a_refusal_are_told_but_no_failure() {
    let report = report("(assert_invalid (module (func (result i32))) \"quite another reason\")");
    assert!(report.is_success());
    assert_eq!(report.differing_texts.len(), 1);
}

#[test]
fn what_is_invalid_is_not_unlinkable() {
    let script = r#"(assert_unlinkable (module (import "spectest" "gone" (func))) "unknown import")
(assert_unlinkable (module (func (result i32))) "unknown import")
(assert_unlinkable (component (import "f" (func))) "missing")
(assert_unlinkable (component (core module (func (result i32)))) "missing")
"#;
    assert_eq!(failing_lines(script), [2, 4]);
}

#[test]
fn a_redefined_name_is_instantiated_anew() {
    let define = |answer: u32| {
        format!(
            r#"(component $c (core module $m (func (export "f") (result i32) (i32.const {answer})))
  (core instance $i (instantiate $m))
  (func (export "f") (result u32) (canon lift (core func $i "f"))))
(assert_return (invoke $c "f") (u32.const {answer}))
"#
        )
    };
    let script = define(1) + &define(2);
    for reach in [Reach::All, Reach::Called] {
        let options = Options {
            reach,
            ..Options::default()
        };
        let report = run(&script, &options).expect("the options are accepted");
        assert_eq!(report.failures, [], "{reach:?}");
    }
}
