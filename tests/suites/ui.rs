//! What the compiler says where `bindgen!` or code around it is wrong.
//!
//! A case is a file in the folder `ui`, with what is said beside it. Compared are the messages and the
//! places that they mark; how the compiler draws them differs between its versions. Every case is
//! compiled by rustc alone, against the library and the macro that this test was built with.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use linkspan_tests::{cases, compile, upstream};
use serde_json::Value;

/// Cases that there are at least; fewer mean that the folder was not found.
const CASES_MIN: usize = 20;

#[test]
fn errors_say_where_and_why() {
    let folder = upstream::project().join("tests/ui");
    let cases = cases::list(&folder, &["rs"]).unwrap();
    // The folders below hold what cases read.
    let cases: Vec<PathBuf> = cases
        .into_iter()
        .map(|(_, path)| path)
        .filter(|path| path.parent() == Some(folder.as_path()))
        .collect();
    assert!(cases.len() >= CASES_MIN, "found the cases {cases:?} alone");
    let bless = std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always");
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let said = said(&folder, case);
                    let expected = case.with_extension("stderr");
                    if bless {
                        fs::write(&expected, &said).unwrap();
                    }
                    let expected = fs::read_to_string(&expected).unwrap_or_default();
                    if said != expected {
                        wrong
                            .lock()
                            .unwrap()
                            .push(difference(case, &expected, &said));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{}\naccept what is right with `cargo bless-ui`",
        wrong.join("\n")
    );
}

/// Every expectation belongs to a case.
#[test]
fn no_expectation_is_left_over() {
    let folder = upstream::project().join("tests/ui");
    let left = cases::list(&folder, &["stderr"]).unwrap();
    let left = left.into_iter().map(|(_, path)| path);
    let left: Vec<PathBuf> = left
        .filter(|path| !path.with_extension("rs").exists())
        .collect();
    assert!(left.is_empty(), "these belong to no case: {left:?}");
}

/// Compiles a case, and answers its messages, each with the place that it marks.
fn said(folder: &Path, case: &Path) -> String {
    let name = case.file_name().unwrap();
    let mut command = compile::rustc(folder, Path::new(name));
    command.args(["--error-format", "json"]).current_dir(folder);
    let source = fs::read_to_string(case).unwrap();
    for line in source.lines() {
        if let Some((name, value)) = line
            .strip_prefix("//@ env: ")
            .and_then(|line| line.split_once('='))
        {
            command.env(name, value);
        }
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let mut said: Vec<_> = errors.lines().filter_map(message).collect();
    // Tokens first, types later: the compiler's order of passes is its own affair.
    said.sort();
    let said: String = said.into_iter().map(|(_, _, text)| text).collect();
    // An error without a place is none of ours.
    assert!(
        !output.status.success() && !said.is_empty(),
        "{name:?}: {errors}"
    );
    said
}

/// Line, column and text of one message of the compiler; `None` for what it says at the end.
fn message(line: &str) -> Option<(u64, u64, String)> {
    let value: Value = serde_json::from_str(line).unwrap();
    let spans = value["spans"].as_array()?;
    let primary = spans.iter().find(|span| span["is_primary"] == true)?;
    let (level, message) = (&value["level"], value["message"].as_str().unwrap());
    let mut text = format!(
        "{}: {}: {message}\n",
        place(primary),
        level.as_str().unwrap()
    );
    text += &format!("    on {}\n", marked(primary));
    // Other places matter where they are WIT; what the compiler says of them is its own affair.
    for other in spans.iter().filter(|span| span["is_primary"] == false) {
        text += &format!("    see {}: {}\n", place(other), marked(other));
    }
    let number = |key: &str| primary[key].as_u64().unwrap();
    Some((number("line_start"), number("column_start"), text + "\n"))
}

/// File, line and columns.
fn place(span: &Value) -> String {
    let number = |key: &str| span[key].as_u64().unwrap();
    let (line, column) = (number("line_start"), number("column_start"));
    let (end_line, end_column) = (number("line_end"), number("column_end"));
    let file = span["file_name"].as_str().unwrap();
    if end_line == line {
        format!("{file}:{line}:{column}-{end_column}")
    } else {
        format!("{file}:{line}:{column}-{end_line}:{end_column}")
    }
}

/// The marked text, which says more than numbers to those who read the expectation.
fn marked(span: &Value) -> String {
    let lines = span["text"].as_array().unwrap().iter();
    let marked: Vec<String> = lines
        .map(|line| {
            let chars: Vec<char> = line["text"].as_str().unwrap().chars().collect();
            let at = |key: &str| usize::try_from(line[key].as_u64().unwrap()).unwrap() - 1;
            let (start, end) = (at("highlight_start"), at("highlight_end"));
            let end = end.min(chars.len());
            chars[start.min(end)..end].iter().collect()
        })
        .collect();
    format!("`{}`", marked.join("\n        "))
}

fn difference(case: &Path, expected: &str, said: &str) -> String {
    format!(
        "{}\n--- expected\n{expected}--- found\n{said}",
        case.file_name().unwrap().display()
    )
}

/// A package in the target folder whose bindings are in a file.
struct Emitting {
    folder: PathBuf,
}

impl Emitting {
    fn new() -> Self {
        let folder = upstream::target_folder().unwrap().join("ui-emit");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("src")).unwrap();
        let source = "#![forbid(unsafe_code)]\n\
            linkspan::bindgen!({\n\
                emit: \"src/bindings.rs\",\n\
                wit: { package a:b; world w { export run: func(); } },\n\
            });\n\
            pub fn run(w: &mut W<()>) -> linkspan::Result<()> { w.run() }\n";
        fs::write(folder.join("src/lib.rs"), source).unwrap();
        Self { folder }
    }

    fn bindings(&self) -> PathBuf {
        self.folder.join("src/bindings.rs")
    }

    /// Compiles it, with the variable at `mode`, and answers what is wrong.
    fn build(&self, mode: &str) -> Result<(), String> {
        let mut command = compile::rustc(&self.folder, Path::new("src/lib.rs"));
        command.current_dir(&self.folder);
        command.env("LINKSPAN_BINDGEN", mode);
        command.arg("--emit").arg("dep-info=emit.d");
        let output = command.output().unwrap();
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8(output.stderr).unwrap()),
        }
    }
}

#[test]
fn bindings_in_a_file_are_written_when_they_change_and_checked_when_asked() {
    let package = Emitting::new();
    let file = package.bindings();
    let missing = package.build("check").unwrap_err();
    assert!(missing.contains("cannot read bindings"), "{missing}");
    assert!(!file.exists(), "a check writes nothing");
    package.build("").unwrap();
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("pub struct W<"), "{written}");
    // What is up to date keeps its time, or everything would be built again for ever.
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 30);
    let touch = |time| {
        fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(time)
    };
    touch(long_ago).unwrap();
    package.build("write").unwrap();
    package.build("check").unwrap();
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), long_ago);
    // Cargo learns what the result depends on.
    let dependencies = fs::read_to_string(package.folder.join("emit.d")).unwrap();
    assert!(dependencies.contains("src/bindings.rs"), "{dependencies}");
    assert!(
        dependencies.contains("# env-dep:LINKSPAN_BINDGEN=check"),
        "{dependencies}"
    );
    // A change by hand is an error that names the line, and is undone by the next build.
    fs::write(&file, written.replace("pub struct W<", "pub struct V<")).unwrap();
    let stale = package.build("check").unwrap_err();
    assert!(
        stale.contains("the bindings in `src/bindings.rs` are out of date"),
        "{stale}"
    );
    assert!(stale.contains("src/lib.rs:3:7"), "{stale}");
    let unknown = package.build("chek").unwrap_err();
    assert!(unknown.contains("neither `check` nor `write`"), "{unknown}");
    package.build("write").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn a_component_is_a_source_of_its_world() {
    let mut component = wasm_encoder::Component::new();
    let mut types = wasm_encoder::ComponentTypeSection::new();
    let text = wasm_encoder::PrimitiveValType::String;
    types.function().params([("line", text)]).result(None);
    component.section(&types);
    let mut imports = wasm_encoder::ComponentImportSection::new();
    imports.import("log", wasm_encoder::ComponentTypeRef::Func(0));
    component.section(&imports);
    let folder = upstream::target_folder().unwrap().join("ui-component");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("plugin.wasm"), component.finish()).unwrap();
    let source = "linkspan::bindgen!({ component: \"plugin.wasm\" });\n\
        pub struct Host;\n\
        impl RootImports for Host { fn log(&mut self, _: &str) {} }\n\
        pub type Plugin = Root<Host>;\n";
    fs::write(folder.join("component.rs"), source).unwrap();
    let mut command = compile::rustc(&folder, Path::new("component.rs"));
    let output = command.current_dir(&folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}
