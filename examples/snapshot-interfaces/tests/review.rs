//! What a reviewer sees when one line of the WIT changes: the lines that follow from it, no others.

use linkspan_wit::bindgen::{Generator, Output, Source};

const WIT: &str = include_str!("../wit/kv.wit");

fn generate(wit: &str) -> Output {
    let output = Generator::new(Source::text("kv.wit", wit)).generate();
    let output = output.and_then(Output::into_result);
    output.unwrap_or_else(|error| panic!("{}", error.render()))
}

/// The lines that only one of two texts has, with a sign before them.
fn difference(old: &str, new: &str) -> Vec<String> {
    let gone = old.lines().filter(|line| !new.lines().any(|l| l == *line));
    let come = new.lines().filter(|line| !old.lines().any(|l| l == *line));
    let signed = |sign: char| move |line: &str| format!("{sign}{}", line.trim());
    gone.map(signed('-')).chain(come.map(signed('+'))).collect()
}

/// The most lines of code that follow from one line of WIT in these cases.
const CODE_LINES_MAX: usize = 6;

/// Changes one line of the WIT and compares what changes in both pictures: all of the summary, and
/// of the code what a host's author writes against; tables for the runtime follow from it.
fn assert_change(line: &str, instead: &str, summary: &[&str], code: &[&str]) {
    assert_eq!(WIT.matches(line).count(), 1, "{line}");
    let (before, after) = (generate(WIT), generate(&WIT.replace(line, instead)));
    assert_eq!(difference(&before.summary(), &after.summary()), summary);
    let changed = difference(&before.code, &after.code);
    assert!(changed.len() <= CODE_LINES_MAX, "{changed:#?}");
    let written = changed.iter().map(String::as_str);
    let written: Vec<&str> = written.filter(|line| !is_table(line)).collect();
    assert_eq!(written, code);
}

/// Whether a line is one of those that tell the runtime names and types.
fn is_table(line: &str) -> bool {
    line.contains("::linkspan::")
        || line.contains("at.host_")
        || line.contains(" => ")
        || line == "+} }"
}

#[test]
fn a_new_type_of_a_parameter() {
    assert_change(
        "  put: func(key: string, value: list<u8>) -> result<_, error>;",
        "  put: func(key: string, value: string) -> result<_, error>;",
        &[
            "-fn acme:kv/store@0.1.0#put -> acme::kv::store::Host::put(&mut self, &str, &[u8]) -> Result<(), Error>",
            "+fn acme:kv/store@0.1.0#put -> acme::kv::store::Host::put(&mut self, &str, &str) -> Result<(), Error>",
        ],
        &[
            "-fn put(&mut self, key: &str, value: &[u8]) -> Result<(), Error>;",
            "+fn put(&mut self, key: &str, value: &str) -> Result<(), Error>;",
        ],
    );
}

#[test]
fn a_new_case_of_a_variant() {
    assert_change(
        "    read-only,",
        "    read-only, gone,",
        &[
            "-type acme:kv/store@0.1.0#error -> acme::kv::store::Error { TooLarge(u32), ReadOnly }",
            "+type acme:kv/store@0.1.0#error -> acme::kv::store::Error { TooLarge(u32), ReadOnly, Gone }",
        ],
        &["+Gone,"],
    );
}

#[test]
fn a_new_function() {
    assert_change(
        "  get: func(key: string) -> option<list<u8>>;",
        "  get: func(key: string) -> option<list<u8>>;\n  clear: func();",
        &["+fn acme:kv/store@0.1.0#clear -> acme::kv::store::Host::clear(&mut self)"],
        &["+/// WIT: `clear` in `kv.wit`", "+fn clear(&mut self);"],
    );
}

/// Documentation is text that hosts read: it stands in the code, and changes no interface.
#[test]
fn a_new_comment() {
    assert_change(
        "  /// The value under a key.",
        "  /// The value under a key, if there is one.",
        &[],
        &[
            "-/// The value under a key.",
            "+/// The value under a key, if there is one.",
        ],
    );
}
