//! Hostile WIT ends in an error or a model, in bounded time and memory, never in a panic.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use linkspan_wit::{ErrorKind, Limits, Loader, PackageSet};

/// What one source may cost, in a test build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn load(text: impl Into<String>) -> Result<PackageSet, linkspan_wit::Error> {
    let started = Instant::now();
    let result = PackageSet::from_text("hostile.wit", text);
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    if let Err(error) = &result {
        assert_ne!(error.kind(), ErrorKind::Internal, "{error:#}");
    }
    result
}

#[test]
fn deeply_nested_types() {
    let nested = |n: usize| {
        format!(
            "package a:b; interface i {{ f: func(p: {}u8{}); }}",
            "list<".repeat(n),
            ">".repeat(n)
        )
    };
    let set = load(nested(50)).unwrap();
    assert!(set.print().contains(&"list<".repeat(50)));
    assert_eq!(load(nested(100_000)).unwrap_err().kind(), ErrorKind::Parse);
}

#[test]
fn long_chains_of_types() {
    let chain = |n: usize| {
        let mut text = "package a:b; interface i { type t0 = u8;".to_owned();
        for i in 1..n {
            let _ = write!(text, "type t{i} = option<t{}>;", i - 1);
        }
        text + "}"
    };
    assert!(load(chain(100)).is_ok());
    assert_eq!(load(chain(20_000)).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn long_chains_of_interfaces_and_packages() {
    let mut text = "package a:b; interface i0 { type t = u8; }".to_owned();
    for i in 1..15_000 {
        let _ = write!(text, "interface i{i} {{ use i{}.{{t}}; }}", i - 1);
    }
    // The types are as long a chain as the interfaces.
    assert_eq!(load(text).unwrap_err().kind(), ErrorKind::Limit);

    let mut text = "package a:p0;".to_owned();
    for i in 1..5_000 {
        let next = i + 1;
        let _ = write!(
            text,
            "package a:p{i} {{ world w {{ import a:p{next}/x; }} }}"
        );
    }
    assert_eq!(load(text).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn worlds_that_include_worlds() {
    let mut text = "package a:b; world w0 {".to_owned();
    for i in 0..2_000 {
        let _ = write!(text, "import g{i}: func();");
    }
    text.push('}');
    for i in 1..10_000 {
        let _ = write!(text, "world w{i} {{ include w{}; }}", i - 1);
    }
    let error = load(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("includes"), "{error}");
}

#[test]
fn circles() {
    for text in [
        "package a:b; interface i { type a = b; type b = a; }",
        "package a:b; interface i { record r { f: list<r> } }",
        "package a:b; interface i { use j.{t}; } interface j { use i.{t}; }",
        "package a:b; world v { include w; } world w { include v; }",
        "package a:x; package a:b { interface i { use a:c/i.{t}; } } package a:c { interface i { use a:b/i.{t}; } }",
    ] {
        let error = load(text).unwrap_err();
        assert!(error.to_string().contains("depends on itself"), "{error}");
        assert_eq!(error.diagnostic().labels.len(), 1, "{error:#}");
    }
}

#[test]
fn what_the_parser_cannot_digest() {
    // Each of these once made the parser underneath panic.
    for text in [
        "package a:b; world w { @since(version = 1.0.0) @since(version = 1.0.0) import c:d/e; }",
        "package a:b; world w { @deprecated(version = 1.0.0) import c:d/e; }",
    ] {
        assert_eq!(load(text).unwrap_err().kind(), ErrorKind::Parse);
    }
    assert!(load("/**/ package a:b; /**/ interface i { /**/ f: /**/ func(); }").is_ok());
    let twice = Loader::new()
        .text("a.wit", "package a:b; interface i {}")
        .text("b.wit", "package a:b; interface j {}")
        .load()
        .unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Resolve);
    assert_eq!(twice.diagnostic().labels.len(), 2);
}

#[test]
fn sizes() {
    assert_eq!(
        load(" ".repeat(2 << 20)).unwrap_err().kind(),
        ErrorKind::Limit
    );
    let limits = Limits {
        source_size_bytes_max: 10,
        ..Limits::default()
    };
    let small = Loader::new()
        .limits(limits)
        .text("a.wit", "package abc:def;");
    assert_eq!(small.load().unwrap_err().kind(), ErrorKind::Limit);
    // Large and flat is no problem.
    let mut text = "package a:b; interface i {".to_owned();
    for i in 0..10_000 {
        let _ = write!(
            text,
            "g{i}: func(p: option<list<tuple<u8, string>>>) -> result;"
        );
    }
    assert!(load(text + "}").unwrap().print().len() > 500_000);
    // Setters before their getters are sorted by the parser, each past all others.
    let mut text = "package a:b; interface i {".to_owned();
    for i in 0..3_000 {
        let _ = write!(text, "p{i}: set(v: u8);");
    }
    for i in 0..3_000 {
        let _ = write!(text, "p{i}: get() -> u8;");
    }
    assert!(load(text + "}").is_ok());
}

#[test]
fn bytes_that_are_not_wit() {
    for bytes in [
        &b""[..],
        b"\0",
        b"\0asm",
        b"\0asm\x01\0\0\0",
        b"\0asm\x0d\0\x01\0",
        b"\0asm\x0d\0\x01\0\x07\xff\xff\xff\xff\x0f",
        b"(component",
        b";; comment",
        b"\xff\xfe",
    ] {
        let result = PackageSet::from_bytes("bytes", bytes);
        if let Err(error) = result {
            assert_ne!(error.kind(), ErrorKind::Internal, "{bytes:?}: {error:#}");
        }
    }
}

#[test]
fn binaries_with_chains_of_types() {
    for (length, accepted) in [(50, true), (1_000, false), (15_000, false), (25_000, false)] {
        let mut text = "(component (type $t0 (list u8))".to_owned();
        for i in 1..length {
            let _ = write!(text, "(type $t{i} (list $t{}))", i - 1);
        }
        let _ = write!(
            text,
            "(import \"f\" (func (param \"p\" $t{}))))",
            length - 1
        );
        let started = Instant::now();
        let result = PackageSet::from_bytes("chain.wat", text);
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
        assert_eq!(result.is_ok(), accepted, "{length}: {result:?}");
        if let Err(error) = result {
            assert_ne!(error.kind(), ErrorKind::Internal, "{error:#}");
        }
    }
}

/// A small generator: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % n.max(1)
    }
}

const SEED: &str = r#"
/// Documented.
package acme:app@1.2.0;
use other:pkg/types@0.1.0 as types;
interface net {
  use types.{a as b};
  @since(version = 1.0.0)
  resource conn { constructor(addr: string); send: func(data: list<u8>) -> result<u32, e>; x: static async func(); }
  variant e { closed, other(string), }
  record point-2d { x: f32, %type: option<tuple<u8, list<s64, 4>>> }
  flags perms { read, write }
  enum level { low, high }
  @external-id("x\u{1f600}") fetch: func(c: borrow<conn>, m: map<string, char>) -> stream<u8>;
  prop: get() -> bool;
  prop: set(value: bool);
}
world plugin { import net; import log: interface { write: func(l: string); } export run: func(); include w2 with { a as c } }
world w2 { export a: func() -> future<error-context>; }
package other:pkg@0.1.0 { interface types { type a = u8; } }
"#;

#[test]
fn mutations() {
    let pieces = [
        "{",
        "}",
        "<",
        ">",
        "(",
        ")",
        ";",
        ",",
        ":",
        "@",
        "%",
        "/",
        "*",
        "/*",
        "*/",
        "//",
        "\"",
        "use",
        "include",
        "interface",
        "world",
        "package",
        "resource",
        "own<",
        "_",
        "1.0.0",
        "\r",
        "\u{202e}",
        "\0",
        "é",
        "@since(version = 1.0.0)",
        "static",
        "async",
        "with {",
        " as ",
    ];
    let mut random = Random(0x5eed_1e55);
    let mut accepted = 0;
    for _ in 0..2_000 {
        let mut text = SEED.to_owned();
        for _ in 0..=random.below(3) {
            let mut at = random.below(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let mut end = (at + random.below(12)).min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let piece = pieces[random.below(pieces.len())];
            match random.below(4) {
                0 => text.replace_range(at..end, ""),
                1 => text.insert_str(at, piece),
                2 => text.replace_range(at..end, piece),
                _ => {
                    let copy = text[at..end].to_owned();
                    text.insert_str(random_boundary(&text, &mut random), &copy);
                }
            }
        }
        if let Ok(set) = load(text) {
            accepted += 1;
            let printed = set.print();
            let again = load(printed.as_str()).expect("what is printed loads");
            assert_eq!(again.print(), printed);
        }
    }
    assert!(accepted > 50, "only {accepted} mutations were accepted");
}

fn random_boundary(text: &str, random: &mut Random) -> usize {
    let mut at = random.below(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
