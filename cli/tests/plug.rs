//! Composition from outside: what `plug` writes runs, here and after a second composition.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("linkspan-plug-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).expect("a file for the test");
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
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
        .env("NO_COLOR", "1")
        .output()
        .expect("the command runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().expect("a status");
    (status, text(&output.stdout), text(&output.stderr))
}

/// Runs a command that must succeed: what it prints.
fn ok(arguments: &[&str]) -> String {
    let (status, out, error) = run(arguments);
    assert_eq!(status, 0, "{arguments:?}: {out}{error}");
    out
}

/// Imports a resource with functions on it, a function on records, and a clock.
const SOCKET: &str = r#"
(component
  (import "acme:data/store@1.2.0" (instance $store
    (export "counter" (type $counter (sub resource)))
    (export "[constructor]counter" (func (param "start" u32) (result (own $counter))))
    (export "[method]counter.next" (func (param "self" (borrow $counter)) (result u32)))))
  (import "acme:data/points@0.1.0" (instance $points
    (type $p (record (field "x" u32) (field "y" u32)))
    (export "point" (type $point (eq $p)))
    (export "sum" (func (param "p" $point) (result u32)))))
  (import "acme:time/clock@0.2.3" (instance $clock (export "now" (func (result u32)))))
  (alias export $store "counter" (type $counter))
  (core func $new (canon lower (func $store "[constructor]counter")))
  (core func $next (canon lower (func $store "[method]counter.next")))
  (core func $drop (canon resource.drop $counter))
  (core func $sum (canon lower (func $points "sum")))
  (core func $now (canon lower (func $clock "now")))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "next" (func $next (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "sum" (func $sum (param i32 i32) (result i32)))
    (import "" "now" (func $now (result i32)))
    (func (export "time") (result i32) (call $now))
    (func (export "count") (param i32) (result i32)
      (local $c i32) (local $n i32)
      (local.set $c (call $new (local.get 0)))
      (local.set $n (call $sum (call $next (local.get $c)) (call $next (local.get $c))))
      (call $drop (local.get $c))
      (local.get $n)))
  (core instance $i (instantiate $m (with "" (instance
    (export "new" (func $new)) (export "next" (func $next)) (export "drop" (func $drop))
    (export "sum" (func $sum)) (export "now" (func $now))))))
  (func $count (param "start" u32) (result u32) (canon lift (core func $i "count")))
  (func $time (result u32) (canon lift (core func $i "time")))
  (instance $api (export "count" (func $count)))
  (export "acme:app/api" (instance $api))
  (export "time" (func $time)))
"#;

/// Exports the store in a newer version, and needs the clock itself, in an older one.
const STORE: &str = r#"
(component
  (import "acme:time/clock@0.2.0" (instance $clock
    (export "zone" (func (result u32)))))
  (core func $zone (canon lower (func $clock "zone")))
  (component $Store
    (type $c (resource (rep i32)))
    (export $counter "counter" (type $c))
    (core func $new (canon resource.new $c))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (global $n (mut i32) (i32.const 0))
      (func (export "new") (param i32) (result i32)
        (global.set $n (local.get 0))
        (call $new (i32.const 1)))
      (func (export "next") (param i32) (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.get $n)))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "[constructor]counter") (param "start" u32) (result (own $counter))
      (canon lift (core func $i "new")))
    (func (export "[method]counter.next") (param "self" (borrow $counter)) (result u32)
      (canon lift (core func $i "next"))))
  (instance $store (instantiate $Store))
  (export "acme:data/store@1.4.0" (instance $store)))
"#;

const POINTS: &str = r#"
(component
  (component $P
    (type $p (record (field "x" u32) (field "y" u32)))
    (export $point "point" (type $p))
    (core module $m
      (func (export "sum") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))
    (core instance $i (instantiate $m))
    (func (export "sum") (param "p" $point) (result u32) (canon lift (core func $i "sum"))))
  (instance $points (instantiate $P))
  (export "acme:data/points@0.1.0" (instance $points)))
"#;

const CLOCK: &str = r#"
(component
  (core module $m
    (func (export "now") (result i32) (i32.const 1234))
    (func (export "zone") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func $now (result u32) (canon lift (core func $i "now")))
  (func $zone (result u32) (canon lift (core func $i "zone")))
  (instance $clock (export "now" (func $now)) (export "zone" (func $zone)))
  (export "acme:time/clock@0.2.5" (instance $clock)))
"#;

#[test]
fn plugs_fill_the_socket_and_what_is_left_is_imported_once() {
    let folder = Folder::new("fill");
    let socket = folder.file("socket.wat", SOCKET);
    let (store, points) = (
        folder.file("store.wat", STORE),
        folder.file("points.wat", POINTS),
    );
    let clock = folder.file("clock.wat", CLOCK);
    let half = folder.path("half.wasm");
    let out = ok(&[
        "plug", &socket, "--plug", &store, "--plug", &points, "-o", &half,
    ]);
    assert!(
        out.contains("acme:data/store@1.2.0 is filled by store.wat with acme:data/store@1.4.0"),
        "{out}"
    );
    // The socket wants 0.2.3 and the store 0.2.0, of which each uses a part.
    assert_eq!(out.matches("is still imported").count(), 1, "{out}");
    assert!(
        out.contains("acme:time/clock@0.2.3 is still imported"),
        "{out}"
    );
    let whole = folder.path("whole.wasm");
    ok(&["plug", &half, "--plug", &clock, "-o", &whole]);
    // 11 and 12.
    assert_eq!(ok(&["invoke", &whole, "count(10)"]), "23\n");
    assert_eq!(ok(&["invoke", &whole, "time()"]), "1234\n");
    // The same without a file in between.
    let plugged = ["invoke", &half, "--plug", &clock, "count(20)"];
    assert_eq!(ok(&plugged), "43\n");
}

/// An import that uses the resource of another one.
#[test]
fn imports_that_share_types_are_passed_on() {
    let folder = Folder::new("share");
    let socket = folder.file(
        "socket.wat",
        r#"(component
             (import "a:b/types" (instance $types
               (export "r" (type $r (sub resource)))
               (type $p (record (field "n" u32) (field "r" (own $r))))
               (export "pair" (type $pair (eq $p)))))
             (alias export $types "r" (type $r))
             (alias export $types "pair" (type $pair))
             (import "a:b/use" (instance $use
               (alias outer 1 $r (type $r'))
               (export "r" (type $r (eq $r')))
               (alias outer 1 $pair (type $pair'))
               (export "pair" (type $pair (eq $pair')))
               (export "f" (func (param "x" (borrow $r)) (param "y" (list (option $pair)))
                 (result (result $pair (error string)))))))
             (import "plain" (func (param "x" (own $r))))
             (import "fill" (func (result u32)))
             (export "fill-again" (func 1)))"#,
    );
    let plug = folder.file(
        "plug.wat",
        r#"(component
             (core module $m (func (export "f") (result i32) (i32.const 5)))
             (core instance $i (instantiate $m))
             (func (export "fill") (result u32) (canon lift (core func $i "f"))))"#,
    );
    let whole = folder.path("whole.wasm");
    let out = ok(&["plug", &socket, "--plug", &plug, "-o", &whole]);
    assert_eq!(out.matches("is still imported").count(), 3, "{out}");
    let (status, _, error) = run(&["link", &whole]);
    assert_eq!(status, 4);
    assert!(
        error.contains("f: expected func(x: borrow<r>, y: list<option<record { n: u32"),
        "{error}"
    );
}

#[test]
fn what_does_not_fit_is_explained() {
    let folder = Folder::new("refuse");
    let socket = folder.file("socket.wat", SOCKET);
    let points = folder.file("points.wat", POINTS);
    let out = folder.path("out.wasm");
    let twice = [
        "plug", &socket, "--plug", &points, "--plug", &points, "-o", &out,
    ];
    let (status, _, error) = run(&twice);
    assert_eq!(status, 2, "{error}");
    assert!(error.contains("exported by two plugs"), "{error}");
    let stranger = folder.file(
        "stranger.wat",
        r#"(component (export "x" (core module 0)) (core module))"#,
    );
    let (status, _, _) = run(&["plug", &socket, "--plug", &stranger, "-o", &out]);
    assert_eq!(status, 3);
    let stranger = folder.file(
        "stranger.wat",
        r#"(component (core module $m) (export "x" (core module $m)))"#,
    );
    let (status, _, error) = run(&["plug", &socket, "--plug", &stranger, "-o", &out]);
    assert_eq!(status, 4, "{error}");
    assert!(
        error.contains("exports nothing that `socket.wat` imports"),
        "{error}"
    );
    let wrong = POINTS.replace("(field \"y\" u32)", "(field \"z\" u32)");
    let wrong = folder.file("wrong.wat", &wrong);
    let (status, _, error) = run(&["plug", &socket, "--plug", &wrong, "-o", &out]);
    assert_eq!(status, 4, "{error}");
    assert!(error.contains("do not fit together"), "{error}");
    let (status, _, error) = run(&["link", &socket, "--plug", &wrong]);
    assert_eq!(status, 4, "{error}");
    assert!(
        error.contains("p: expected field `y`, found field `z`"),
        "{error}"
    );
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_report_is_json() {
    let folder = Folder::new("json");
    let socket = folder.file("socket.wat", SOCKET);
    let clock = folder.file("clock.wat", CLOCK);
    let (status, out, _) = run(&["link", &socket, "--plug", &clock, "--json"]);
    assert_eq!(status, 4);
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(json["kind"], "link");
    let imports = json["imports"].as_array().expect("imports");
    let now = imports
        .iter()
        .find(|import| import["path"][1] == "now")
        .expect("the clock");
    assert_eq!(now["state"], "satisfied");
    assert_eq!(now["track"], "0.2");
    assert_eq!(now["by"][0], "acme:time/clock@0.2.5");
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(4));
}

/// Two halves made by real toolchains, put together here, must do what they
/// did when another tool had put them together.
#[test]
fn the_corpus_is_composed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/compose");
    let Ok(expect) = std::fs::read_to_string(root.join("EXPECT")) else {
        // A machine without the corpus.
        return;
    };
    let folder = Folder::new("corpus");
    let whole = folder.path("whole.wasm");
    let part = |name: &str| root.join(name).display().to_string();
    ok(&[
        "plug",
        &part("compose-app.stripped.wasm"),
        "--plug",
        &part("compose-geometry.stripped.wasm"),
        "-o",
        &whole,
    ]);
    let expected = expect.lines().find(|line| line.starts_with("{name:"));
    let out = ok(&["invoke", &whole, r#"joined("x", "y")"#]);
    assert_eq!(Some(out.trim()), expected);
}
