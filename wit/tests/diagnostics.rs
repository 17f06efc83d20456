//! What people see when WIT is wrong, and when a world is asked for that is not there.

use linkspan_wit::{ErrorKind, Loader, PackageSet, Printer};

#[track_caller]
fn assert_report(text: &str, kind: ErrorKind, report: &str) {
    let error = PackageSet::from_text("wit/app.wit", text).expect_err("the text is wrong");
    assert_eq!(error.kind(), kind);
    assert_eq!(error.render(), report, "\n{error:#}");
}

#[test]
fn unknown_types_suggest_a_near_one() {
    assert_report(
        "package acme:app;\n\ninterface i {\n  f: func(p: strng) -> u8;\n}\n",
        ErrorKind::Parse,
        "\
error: name `strng` does not exist
 --> wit/app.wit:4:14
  |
4 |   f: func(p: strng) -> u8;
  |              ^^^^^ not defined here
  |
  = help: did you mean `string`?
",
    );
    assert_report(
        "package acme:app;\ninterface i {\n  record point-2d { x: f32 }\n  f: func() -> point-3d;\n}\n",
        ErrorKind::Parse,
        "\
error: name `point-3d` does not exist
 --> wit/app.wit:4:16
  |
4 |   f: func() -> point-3d;
  |                ^^^^^^^^ not defined here
  |
  = help: did you mean `point-2d`?
",
    );
}

#[test]
fn an_open_brace_is_shown() {
    assert_report(
        "package acme:app;\n\ninterface observe {\n  f: func();\n",
        ErrorKind::Parse,
        "\
error: expected `type`, `resource` or `func`, found the end of the file
 --> wit/app.wit:5:1
  |
5 | \n  | ^
 ::: wit/app.wit:3:19
  |
3 | interface observe {
  |                   - opened here
",
    );
}

#[test]
fn unknown_packages_list_what_is_known() {
    assert_report(
        "package acme:app;\nworld w { import wasi:io/streams@0.2.0; }\npackage wasi:io@0.2.3 { interface streams {} }\n",
        ErrorKind::Resolve,
        "\
error: package `wasi:io@0.2.0` is not known
 --> wit/app.wit:2:18
  |
2 | world w { import wasi:io/streams@0.2.0; }
  |                  ^^^^^^^ needed here
  |
  = note: known packages: wasi:io@0.2.3, acme:app
  = help: another version is there: `wasi:io@0.2.3`
",
    );
}

#[test]
fn lexical_errors_are_placed_in_their_own_file() {
    let folder = std::env::temp_dir().join(format!("linkspan-wit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.wit"), "package a:b;\n// first\n// file\n").unwrap();
    std::fs::write(
        folder.join("b.wit"),
        "interface i {\n  @external-id(\"\\q\") f: func();\n}\n",
    )
    .unwrap();
    let error = PackageSet::from_path(&folder).unwrap_err();
    std::fs::remove_dir_all(&folder).unwrap();
    let location = &error.diagnostic().labels[0].location;
    assert!(location.file.ends_with("b.wit"), "{error:#}");
    assert_eq!(location.line, 2, "{error:#}");
}

const TWO_WORLDS: &str = "package acme:app@1.2.0; world plugin {} world host {} interface net {}";

#[test]
fn worlds_are_found_by_each_of_their_names() {
    let set = PackageSet::from_text("a.wit", TWO_WORLDS).unwrap();
    for name in ["plugin", "acme:app/plugin", "acme:app/plugin@1.2.0"] {
        assert_eq!(set.world(Some(name)).unwrap().name(), "plugin");
    }
    assert_eq!(
        set.interface("net").unwrap().id().unwrap(),
        "acme:app/net@1.2.0"
    );
}

#[test]
fn a_world_that_is_not_there_is_answered_with_those_that_are() {
    let set = PackageSet::from_text("a.wit", TWO_WORLDS).unwrap();
    let error = set.world(Some("plugn")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Select);
    assert_eq!(
        error.render(),
        "\
error: there is no world `plugn`
 = note: worlds: acme:app/plugin@1.2.0, acme:app/host@1.2.0
 = help: did you mean `plugin`?
"
    );
    let error = set.world(Some("acme:app/plugin@2.0.0")).unwrap_err();
    assert!(
        error
            .render()
            .contains("did you mean `acme:app/plugin@1.2.0`?"),
        "{error:#}"
    );
    let error = set.world(None).unwrap_err();
    assert!(error.to_string().contains("several worlds"), "{error:#}");
    let none = PackageSet::from_text("a.wit", "package a:b;").unwrap();
    assert_eq!(none.world(None).unwrap_err().kind(), ErrorKind::Select);
}

#[test]
fn a_version_may_be_left_out_only_if_there_is_one() {
    let text = "package a:b; package c:d@1.0.0 { world w {} } package c:d@2.0.0 { world w {} }";
    let set = PackageSet::from_text("a.wit", text).unwrap();
    let error = set.world(Some("c:d/w")).unwrap_err();
    assert!(
        error.render().contains("c:d/w@1.0.0, c:d/w@2.0.0"),
        "{error:#}"
    );
    assert!(set.world(Some("c:d/w@2.0.0")).is_ok());
}

const COMPONENT: &str = r#"
(component
  (import "acme:app/log@1.0.0" (instance
    (export "level" (type (sub resource)))
    (export "write" (func (param "line" string)))))
  (core module $m (func (export "run") (result i32) i32.const 7))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
"#;

#[test]
fn components_show_their_world() {
    let set = PackageSet::from_bytes("c.wat", COMPONENT).unwrap();
    let world = set.world(None).unwrap();
    assert_eq!(world.id(), "root:component/root");
    assert_eq!(
        Printer::new().world(world),
        "\
world root {
  import acme:app/log@1.0.0;

  export run: func() -> u32;
}
"
    );
    let again = PackageSet::from_text("again.wit", set.print()).unwrap();
    assert_eq!(again.print(), set.print());
}

#[test]
fn a_core_module_is_no_component() {
    let error = PackageSet::from_bytes("m.wat", "(module)").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(
        error.to_string(),
        "`m.wat` is a core module, not a component"
    );
}

#[test]
fn unstable_items_need_their_feature() {
    let text = "package a:b; interface i { @unstable(feature = x) f: func(); g: func(); }";
    let count = |loader: Loader| {
        let set = loader.text("a.wit", text).load().unwrap();
        set.interface("i").unwrap().functions().count()
    };
    assert_eq!(count(Loader::new()), 1);
    assert_eq!(count(Loader::new().feature("x")), 2);
    assert_eq!(count(Loader::new().all_features(true)), 2);
}

#[test]
fn files_are_listed_and_missing_ones_named() {
    let path = std::env::temp_dir().join(format!("linkspan-wit-{}.wit", std::process::id()));
    let missing = PackageSet::from_path(&path).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert!(std::error::Error::source(&missing).is_some());
    std::fs::write(&path, "package a:b;").unwrap();
    let set = PackageSet::from_path(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(set.files(), [path]);
}
