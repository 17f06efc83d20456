//! Tests of the generator over the fixtures in `tests/bindgen`, and over the parser's own.
//!
//! That the text compiles and runs is tested where the runtime is at hand, in the package `tests`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

/// The fixtures: files and folders of WIT, one world each.
fn fixtures() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bindgen");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 7, "{paths:?}");
    paths
}

fn generate(path: &Path) -> Output {
    let output = Generator::new(Source::path(path)).generate().unwrap();
    output.into_result().unwrap()
}

fn generate_text(wit: &str) -> Output {
    let output = Generator::new(Source::text("test.wit", wit));
    output.generate().unwrap()
}

/// The difference that rustfmt would make; `None` without a rustfmt.
fn rustfmt_difference(code: &str) -> Option<String> {
    use std::io::Write as _;
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--check"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = rustfmt.stdin.take().unwrap();
    stdin.write_all(code.as_bytes()).unwrap();
    drop(stdin);
    let output = rustfmt.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn rustfmt_changes_nothing() {
    for path in fixtures() {
        let code = generate(&path).code;
        // A toolchain without rustfmt has nothing to say.
        let Some(difference) = rustfmt_difference(&code) else {
            return;
        };
        assert!(difference.is_empty(), "{}:\n{difference}", path.display());
    }
}

/// What other worlds may cost is looked at over all fixtures in the package `tests`.
#[test]
fn an_empty_world_is_small() {
    let empty = generate_text("package a:b; world w {}");
    assert!(empty.code_lines() <= 20, "{}", empty.code);
}

#[test]
fn the_text_is_the_same_every_time() {
    for path in fixtures() {
        let (a, b) = (generate(&path), generate(&path));
        assert_eq!(a.code, b.code);
        assert_eq!(a.items, b.items);
        assert!(!a.code.contains(env!("CARGO_MANIFEST_DIR")));
    }
}

#[test]
fn documentation_is_carried_over() {
    let code = generate(&fixtures()[1]).code;
    assert!(code.contains(
        "    /// The name to greet.\n    ///\n    /// WIT: `name` in `hello.wit`\n    \
         fn name(&mut self) -> String;"
    ));
    assert!(code.contains("/// The smallest world that goes both ways.\n"));
}

#[test]
fn names_that_collide_are_told() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bindgen/names.wit");
    let output = generate(Path::new(folder));
    let notes: Vec<String> = output.diagnostics.iter().map(ToString::to_string).collect();
    let notes = notes.join("\n");
    for label in ["`host`", "`guest`", "`world`", "`names`", "`new`"] {
        assert!(notes.contains(label), "{label} in\n{notes}");
    }
    assert!(output.code.contains("fn new_(&mut self"));
}

#[test]
fn what_is_not_supported_is_refused_item_by_item() {
    let output = generate_text(
        "package a:b; interface i { f: async func(); g: func(s: stream<u8>); \
         type t = future<string>; h: func(t: t) -> error-context; ok: func(); \
         m: func(m: map<string, list<e, 4>>); n: get() -> r; \
         record e { r: option<borrow<r>> } resource r { p: async func(); } } world w { import i; export i; \
         export run: async func(); }",
    );
    assert!(output.code.is_empty());
    let messages: Vec<String> = output.diagnostics.iter().map(ToString::to_string).collect();
    for (message, expected) in messages.iter().zip([
        "type `a:b/i#t`: it uses a future",
        "function `a:b/i#f`: it is asynchronous",
        "function `a:b/i#g`: it uses a stream",
        "function `a:b/i#h`: it uses an error context",
        "function `a:b/i#m`: it uses a map of handles",
        "function `a:b/i#[method]r.p`: it is asynchronous",
        "function `run`: it is asynchronous",
    ]) {
        assert!(message.contains(expected), "{message} lacks {expected}");
        assert!(message.starts_with("test.wit:1:"), "{message}");
    }
    assert_eq!(messages.len(), 7, "{messages:#?}");
    let note = &output.diagnostics[4].notes[0];
    assert!(note.contains("list of pairs"), "{note}");
    let error = output.into_result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Generate);
    assert_eq!(error.diagnostic().notes.len(), 7);
}

#[test]
fn the_summary_has_a_line_for_each_item() {
    let output = generate_text(
        "package a:b; interface i { record r { x: u8 } f: func(a: string, b: list<u8>) -> r; \
         record none { y: bool } variant v { a, b-c(list<r>) } enum e { %type, y } flags p { read-all } \
         type l = option<r>; resource c; type d = c; } \
         world w { import i; export g: func() -> option<string>; }",
    );
    assert_eq!(
        output.summary(),
        "type a:b/i#r -> a::b::i::R { x: u8 }\n\
         type a:b/i#none -> a::b::i::None { y: bool }\n\
         type a:b/i#v -> a::b::i::V { A, BC(Vec<R>) }\n\
         type a:b/i#e -> a::b::i::E { Type, Y }\n\
         type a:b/i#p -> a::b::i::P { READ_ALL }\n\
         type a:b/i#l -> a::b::i::L = Option<R>\n\
         type a:b/i#d -> a::b::i::D = C\n\
         resource a:b/i#c -> a::b::i::C\n\
         fn a:b/i#f -> a::b::i::Host::f(&mut self, &str, &[u8]) -> R\n\
         fn g -> W::g(&mut self) -> ::linkspan::Result<Option<String>>\n"
    );
}

#[test]
fn items_know_where_they_stand_on_both_sides() {
    for path in fixtures() {
        let output = generate(&path);
        let lines: Vec<&str> = output.code.lines().collect();
        for item in &output.items {
            let text = lines[item.code_range.clone().unwrap().start - 1];
            assert!(
                text.trim_start().starts_with("///") || text.contains("flags!"),
                "{text}"
            );
            let range = item.code_range.clone().unwrap();
            let text = lines[range.start - 1..range.end - 1].join("\n");
            let name = item.rust_path.rsplit("::").next().unwrap();
            let signature = match item.kind {
                ItemKind::Function => format!("fn {name}("),
                ItemKind::Type | ItemKind::Resource => name.to_owned(),
            };
            assert!(text.contains(&signature), "{item}:\n{text}");
            assert_eq!(
                text.matches("WIT: ").count(),
                occurrences(item, &text),
                "{text}"
            );
            let place = item.wit_span.as_ref().unwrap();
            let wit = std::fs::read_to_string(&place.file).unwrap();
            let label = item.wit_path.rsplit(['#', '.']).next().unwrap();
            let found = wit[place.offset..].trim_start_matches('%');
            // A `use` or `include … with` stands elsewhere than what it renames.
            let renamed = wit.contains(&format!(" as {label}"));
            assert!(
                found.starts_with(label) || renamed,
                "{item} at {place}: {found}"
            );
        }
    }
}

/// A resource of the guest is written with its functions, each with an origin of its own.
fn occurrences(item: &Item, text: &str) -> usize {
    match item.kind {
        ItemKind::Resource => 1 + text.matches("pub fn ").count(),
        ItemKind::Type | ItemKind::Function => 1,
    }
}

#[test]
fn origins_are_the_same_wherever_the_sources_stand() {
    let folder = std::env::temp_dir().join(format!("linkspan-origin-{}", std::process::id()));
    let wit = "package a:b; interface i { f: func(); } world w { import i; }";
    for part in ["x", "y/z"] {
        let wit_folder = folder.join(part).join("wit");
        std::fs::create_dir_all(&wit_folder).unwrap();
        std::fs::write(wit_folder.join("main.wit"), wit).unwrap();
    }
    let code = |path: &str| generate(&folder.join(path)).code;
    assert_eq!(code("x/wit"), code("y/z/wit"));
    assert!(code("x/wit").contains("/// WIT: `f` in `wit/main.wit`\n"));
    assert!(code("x/wit").contains("/// WIT: `a:b/i` in `wit/main.wit`\n"));
    assert!(code("x/wit/main.wit").contains("/// WIT: `f` in `main.wit`\n"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn files_are_written_only_when_they_change() {
    let folder = std::env::temp_dir().join(format!("linkspan-bindgen-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("bindings.rs");
    let output = generate_text("package a:b; world w { export f: func(); }");
    assert_eq!(output.check(&path).unwrap_err().kind(), ErrorKind::Io);
    assert!(output.write_if_changed(&path).unwrap());
    assert!(!output.write_if_changed(&path).unwrap());
    output.check(&path).unwrap();
    std::fs::write(&path, output.code.replace('\n', "\r\n")).unwrap();
    output.check(&path).unwrap();
    std::fs::write(&path, output.code.replacen("pub fn f", "pub fn g", 1)).unwrap();
    let error = format!("{:#}", output.check(&path).unwrap_err());
    let change = "-    pub fn g(&mut self) -> ::linkspan::Result<()> {\n\
                  +    pub fn f(&mut self) -> ::linkspan::Result<()> {\n";
    let lines: String = error
        .lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect();
    assert!(lines.contains(&change.replace("\n ", "\n")), "{error}");
    assert!(error.contains("linkspan bindgen"), "{error}");
    std::fs::write(&path, output.code.trim_end()).unwrap();
    let error = format!("{:#}", output.check(&path).unwrap_err());
    assert!(error.contains("the end of the last line"), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn build_scripts_write_to_the_folder_that_cargo_gives() {
    let folder = std::env::temp_dir().join(format!("linkspan-build-{}", std::process::id()));
    let (wit, out) = (folder.join("wit"), folder.join("out"));
    std::fs::create_dir_all(wit.join("deps/log")).unwrap();
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(
        wit.join("deps/log/log.wit"),
        "package a:log; interface out { write: func(); }",
    )
    .unwrap();
    let main = "package a:b; world plugin { import a:log/out; export host: func(); }";
    std::fs::write(wit.join("main.wit"), main).unwrap();
    let run = |name: &str| {
        let mut cargo = Vec::new();
        let generator = Generator::new(Source::path(&wit)).world("plugin");
        let result = generator.emit_to(&out, name, &mut cargo);
        (result, String::from_utf8(cargo).unwrap())
    };
    let (path, cargo) = run("plugin.rs");
    let path = path.unwrap();
    assert_eq!(path, out.join("plugin.rs"));
    let watched: Vec<&str> = (cargo.lines())
        .map(|line| line.strip_prefix("cargo::rerun-if-changed=").unwrap())
        .collect();
    let expected = ["", "deps/log/log.wit", "main.wit"].map(|file| wit.join(file));
    assert_eq!(
        watched,
        expected
            .each_ref()
            .map(|p| p.to_str().unwrap().trim_end_matches('/'))
    );
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    run("plugin.rs").0.unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().modified().unwrap(),
        written
    );

    // What is wrong is an error, and the folder is watched until it is mended.
    std::fs::write(wit.join("main.wit"), main.replace("a:log/out", "a:log/in")).unwrap();
    let (result, cargo) = run("plugin.rs");
    assert!(result.unwrap_err().to_string().contains("main.wit:1:"));
    assert!(cargo.lines().any(|line| line.ends_with("/wit")), "{cargo}");
    for name in ["", "..", "a/b.rs", "/b.rs"] {
        let error = run(name).0.unwrap_err();
        assert!(error.to_string().contains("the name of a file"), "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn build_scripts_tell_notes_as_warnings() {
    let wit = "package a:b; interface i { resource r { constructor(); new: static func(); } } \
               world w { export i; }";
    let out = std::env::temp_dir().join(format!("linkspan-warn-{}", std::process::id()));
    std::fs::create_dir_all(&out).unwrap();
    let mut cargo = Vec::new();
    let generator = Generator::new(Source::text("w.wit", wit));
    generator.emit_to(&out, "w.rs", &mut cargo).unwrap();
    let cargo = String::from_utf8(cargo).unwrap();
    assert!(cargo.starts_with("cargo::warning="), "{cargo}");
    assert!(
        cargo.contains("`new`") && cargo.lines().count() == 1,
        "{cargo}"
    );
    std::fs::remove_dir_all(&out).unwrap();
}

#[test]
fn a_header_becomes_comments() {
    let options = Options {
        header: Some("one\ntwo".to_owned()),
        ..Options::default()
    };
    let source = Source::text("w.wit", "package a:b; world w {}");
    let output = Generator::new(source).options(options).generate().unwrap();
    assert!(output.code.starts_with("// one\n// two\n\n/// A guest"));
}

#[test]
fn an_unknown_world_is_an_error_with_a_suggestion() {
    let source = Source::text("w.wit", "package a:b; world plugin {} world other {}");
    let error = Generator::new(source)
        .world("plugn")
        .generate()
        .unwrap_err();
    assert!(format!("{error:#}").contains("did you mean `plugin`?"));
}

/// A world with something for every option to speak of.
fn with_options(settings: &[(&str, &str)]) -> Result<Output> {
    let wit = "package a:b@1.2.0;
        interface net {
            record point { x: f32 }
            resource conn { send: func() -> result<u32, point>; }
            record open { conn: conn }
        }
        interface app { resource job { run: func(); } }
        world w { import net; export app; export stop: func(); }";
    let mut options = Options::default();
    for (option, value) in settings {
        options.set(option, value)?;
    }
    let generator = Generator::new(Source::text("w.wit", wit));
    generator.options(options).generate()
}

#[test]
fn a_key_or_value_that_fits_nothing_names_its_option() {
    for (option, value, key, part) in [
        (
            "with",
            "a:b/nte = crate::x",
            "a:b/nte",
            "did you mean `a:b/net`?",
        ),
        (
            "with",
            "a:b/app = crate::x",
            "a:b/app",
            "the guest implements `a:b/app`",
        ),
        ("with", "a:b/app.job = X", "a:b/app.job", "is the guest's"),
        (
            "with",
            "a:b/net = Vec<u8>",
            "a:b/net",
            "expected the path of a module",
        ),
        (
            "imports",
            "a:b/net.conn.snd = trap",
            "a:b/net.conn.snd",
            "did you mean `a:b/net.conn.send`?",
        ),
        (
            "imports",
            "a:b/net@1.2.1 = trap",
            "a:b/net@1.2.1",
            "no imported function",
        ),
        ("exports", "stp = optional", "stp", "did you mean `stop`?"),
        (
            "derives",
            "Hash + Eq",
            "Hash + Eq",
            "expected the path of a trait",
        ),
        (
            "derives_for",
            "a:b/net.pont = Hash",
            "a:b/net.pont",
            "did you mean `a:b/net.point`?",
        ),
        (
            "attributes",
            "a:b/net.point.y = #[x]",
            "a:b/net.point.y",
            "did you mean `a:b/net.point.x`?",
        ),
        (
            "attributes",
            "a:b/net.point = x",
            "a:b/net.point",
            "expected an attribute",
        ),
        ("crate_path", "super::rt", "super::rt", "from everywhere"),
    ] {
        let error = with_options(&[(option, value)]).unwrap_err();
        assert_eq!(error.option(), Some((option, key)), "{error:#}");
        assert_eq!(error.kind(), ErrorKind::Generate);
        let text = format!("{error:#}");
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn a_derive_that_a_type_cannot_have_is_a_note() {
    let output = with_options(&[("derives", "Eq, PartialOrd")]).unwrap();
    let notes: Vec<&str> = output
        .diagnostics
        .iter()
        .map(|d| d.message.as_str())
        .collect();
    assert_eq!(
        notes,
        [
            "`a:b/net.open` does not derive `Eq`: it holds a handle",
            "`a:b/net.open` does not derive `PartialOrd`: it holds a handle",
            "`a:b/net.point` does not derive `Eq`: it holds a floating-point number",
        ]
    );
    assert!(
        output
            .code
            .contains("#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]")
    );
}
