//! The command from outside: what it prints and with which status it ends.

use std::path::{Path, PathBuf};
use std::process::Command;

const COMPONENT: &str = r#"
(component
  (core module $m
    (memory (export "mem") 1)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "stop") unreachable)
    (func (export "spin") (loop (br 0))))
  (core instance $i (instantiate $m))
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
  (func $stop (canon lift (core func $i "stop")))
  (func $spin (canon lift (core func $i "spin")))
  (instance $sums (export "add" (func $add)))
  (export "acme:app/sums@1.2.0" (instance $sums))
  (export "stop" (func $stop))
  (export "spin" (func $spin)))
"#;

const NEEDY: &str = r#"
(component
  (import "acme:app/log@1.0.0" (instance (export "write" (func (param "line" string)))))
  (import "now" (func (result u64))))
"#;

const MODULE: &str = r#"
(module (func (export "inc") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))
"#;

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("linkspan-cli-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file for the test");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Status, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(Path::new(env!("CARGO_BIN_EXE_linkspan")))
        .args(arguments)
        .output()
        .expect("the command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

#[track_caller]
fn prints(arguments: &[&str], expected: &str) {
    let (status, out, err) = run(arguments);
    assert_eq!(
        (status, out.as_str()),
        (0, expected),
        "{arguments:?}\n{err}"
    );
}

#[track_caller]
fn fails(arguments: &[&str], status: i32, expected: &str) {
    let (found, out, err) = run(arguments);
    assert_eq!(found, status, "{arguments:?}\n{out}{err}");
    assert!(err.contains(expected), "{arguments:?}\n{err}");
}

#[test]
fn functions_are_listed_and_called() {
    let folder = Folder::new("invoke");
    let c = &*folder.file("c.wat", COMPONENT);
    prints(
        &["invoke", c],
        "stop: func()\nspin: func()\nacme:app/sums@1.2.0\n  add: func(a: u32, b: u32) -> u32\n",
    );
    for call in [
        "add(1, 2)",
        "sums#add(1, 2)",
        "sums.add(1, 2)",
        "acme:app/sums#add(1, 2)",
        "acme:app/sums@1.2.0#add(1, 2)",
        "acme:app/sums.add@1.2.0(1, 2)",
    ] {
        prints(&["invoke", c, call], "3\n");
    }
    prints(&["invoke", c, "add", "4294967295", "2", "--json"], "1\n");
}

#[test]
fn wrong_calls_are_usage_errors() {
    let folder = Folder::new("usage");
    let c = &*folder.file("c.wat", COMPONENT);
    fails(&["invoke", c, "ad(1, 2)"], 2, "did you mean `add`?");
    fails(
        &["invoke", c, "add(1)"],
        2,
        "argument `b` of type u32 is missing",
    );
    fails(&["invoke", c, "add(1, \"x\")"], 2, "  |        ^\n");
    fails(&["invoke", c, "add(1, 2)", "3"], 2, "behind a whole call");
    fails(&["invoke", c, "add(1"], 2, "found the end of the text");
    fails(&["frobnicate"], 2, "frobnicate");
}

#[test]
fn each_failure_has_its_status() {
    let folder = Folder::new("status");
    let c = &*folder.file("c.wat", COMPONENT);
    let needy = &*folder.file("needy.wat", NEEDY);
    let module = &*folder.file("m.wat", MODULE);
    let junk = &*folder.file("junk.wasm", "no WebAssembly");
    fails(&["invoke", c, "stop()"], 134, "unreachable");
    fails(&["invoke", c, "spin()", "--fuel", "10000"], 134, "fuel");
    fails(&["invoke", c, "spin()", "--timeout", "1"], 134, "interrupt");
    fails(&["invoke", needy, "x()"], 2, "exports no function");
    fails(&["invoke", module], 3, "--core");
    fails(
        &["invoke", junk],
        3,
        "neither a component nor a core module",
    );
    fails(&["invoke", "absent.wasm"], 3, "cannot read");
    fails(&["inspect", junk], 3, "error: ");
    fails(&["explain", module], 3, "core module");
    let (status, out, _) = run(&["--version"]);
    assert!(status == 0 && out.starts_with("linkspan "), "{out}");
}

#[test]
fn missing_imports_are_listed_all_at_once() {
    let folder = Folder::new("link");
    let text = NEEDY.replace(
        "(import \"now\"",
        "(core module $m (func (export \"f\")))
         (core instance $i (instantiate $m))
         (func (export \"f\") (canon lift (core func $i \"f\")))
         (import \"now\"",
    );
    let needy = &*folder.file("needy.wat", &text);
    fails(&["invoke", needy, "f()"], 4, "acme:app/log@1.0.0");
    fails(&["invoke", needy, "f()"], 4, "now");
}

#[test]
fn plugs_are_run_within_limits() {
    let folder = Folder::new("link-limits");
    let needy = &*folder.file("needy.wat", NEEDY);
    let text = "(component (core module $m (func $f (loop (br 0))) (start $f))
        (core instance (instantiate $m)))";
    let plug = &*folder.file("plug.wat", text);
    let link = ["link", needy, "--plug", plug];
    fails(&[&link[..], &["--fuel", "10000"]].concat(), 134, "fuel");
    fails(&[&link[..], &["--timeout", "1"]].concat(), 134, "interrupt");
}

#[test]
fn core_modules_take_numbers() {
    let folder = Folder::new("core");
    let m = &*folder.file("m.wat", MODULE);
    prints(
        &["invoke", "--core", m],
        "inc (func (param i32) (result i32))\n",
    );
    prints(&["invoke", "--core", m, "inc", "30"], "31\n");
    prints(&["invoke", "--core", m, "inc(0xff)"], "256\n");
    prints(&["invoke", "--core", m, "inc", "-5", "--json"], "[-4]\n");
    fails(
        &["invoke", "--core", m, "inc"],
        2,
        "expected 1 arguments, found 0",
    );
    fails(
        &["invoke", "--core", m, "ink", "1"],
        2,
        "did you mean `inc`?",
    );
}

#[test]
fn wit_is_printed_and_checked() {
    let folder = Folder::new("wit");
    let wit = &*folder.file("a.wit", "package a:b;interface i{f:func()->u8;}");
    let expected = "package a:b;\n\ninterface i {\n  f: func() -> u8;\n}\n";
    prints(&["wit", "print", wit], expected);
    prints(
        &["wit", "print", wit, "--interface", "i"],
        "interface i {\n  f: func() -> u8;\n}\n",
    );
    let copy = &*folder.file("copy.wit", "");
    fails(
        &["wit", "print", wit, "-o", copy, "--check"],
        1,
        "out of date",
    );
    prints(&["wit", "print", wit, "-o", copy], "");
    prints(&["wit", "print", wit, "-o", copy, "--check"], "");
    fails(
        &["wit", "print", wit, "--world", "w"],
        2,
        "there is no world `w`",
    );
    let bad = &*folder.file("bad.wit", "package a:b; interface i { f: func( }");
    fails(&["wit", "print", bad], 3, "--> ");
}

#[test]
fn bindings_are_written_and_checked() {
    let folder = Folder::new("bindgen");
    let wit = &*folder.file("a.wit", "package a:b; world w { export f: func() -> u8; }");
    let (status, code, err) = run(&["bindgen", wit]);
    assert!(status == 0 && code.contains("pub fn f(&mut self)"), "{err}");
    let file = &*folder.file("bindings.rs", "");
    fails(&["bindgen", wit, "-o", file, "--check"], 1, "out of date");
    prints(&["bindgen", wit, "-o", file], "");
    prints(&["bindgen", wit, "-o", file, "--check"], "");

    // What differs is shown, and the command that mends it.
    let code = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, code.replace("pub fn f", "pub fn g")).unwrap();
    let check = ["bindgen", wit, "--set", "header=A B", "-o", file, "--check"];
    let (status, _, err) = run(&check);
    assert_eq!(status, 1, "{err}");
    for part in [
        "@@ -1,3 +1,5 @@",
        "+// A B",
        "-    pub fn g(&mut self)",
        "+    pub fn f(&mut self)",
        "--set 'header=A B' -o ",
    ] {
        assert!(err.contains(part), "{part}\n{err}");
    }
    prints(&check[..6], "");
    prints(&check, "");
    assert!(
        std::fs::read_to_string(file)
            .unwrap()
            .starts_with("// A B\n")
    );
}

#[test]
fn components_are_inspected_and_explained() {
    let folder = Folder::new("inspect");
    let c = &*folder.file("c.wat", COMPONENT);
    let (status, out, err) = run(&["inspect", c]);
    assert_eq!(status, 0, "{err}");
    for line in [
        "imports nothing",
        "  acme:app/sums@1.2.0",
        "    add: func(a: u32, b: u32) -> u32",
    ] {
        assert!(out.lines().any(|l| l == line), "{line}\n{out}");
    }
    let (_, out, _) = run(&["inspect", c, "--json"]);
    for part in [
        "\"version\": 1",
        "\"kind\": \"component\"",
        "\"acme:app/sums@1.2.0\"",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let (status, out, err) = run(&["explain", c]);
    assert!(status == 0 && out.contains("core module 0"), "{out}{err}");
}

#[test]
fn scripts_are_counted() {
    let folder = Folder::new("wast");
    let good = "(module (func (export \"f\") (result i32) (i32.const 3)))\n\
                (assert_return (invoke \"f\") (i32.const 3))\n";
    let good = &*folder.file("good.wast", good);
    let bad = "(module (func (export \"f\") (result i32) (i32.const 3)))\n\
               (assert_return (invoke \"f\") (i32.const 4))\n";
    let bad = &*folder.file("bad.wast", bad);
    prints(&["wast", good], &format!("{good}: 2 passed, 0 failed\n"));
    let (status, out, _) = run(&["wast", good, bad, "--tier", "loop"]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("bad.wast:2:"), "{out}");
    fails(&["wast", "absent.wast"], 3, "could not be run");
    fails(&["wast", good, "--features", "wasm9"], 2, "wasm9");
}
