//! What a host that uses `linkspan` builds: few crates, and none that only the
//! macro or the command needs.

use std::collections::BTreeSet;

use linkspan_tests::upstream;

/// The most crates that a host with default features may build, `linkspan`
/// itself included.
const CRATES_MAX: usize = 20;

#[test]
fn a_default_host_builds_few_crates() {
    let crates = tree(&["-e", "normal,build", "-p", "linkspan"]);
    assert!(crates.contains("linkspan-engine"), "no tree: {crates:?}");
    assert!(
        crates.len() <= CRATES_MAX,
        "a host builds {} crates, at most {CRATES_MAX} may be: {crates:#?}",
        crates.len()
    );
}

#[test]
fn a_host_does_not_link_the_wit_parser() {
    let crates = tree(&["-e", "normal,no-proc-macro", "-p", "linkspan"]);
    assert!(crates.contains("linkspan-engine"), "no tree: {crates:?}");
    for tool in ["wit-parser", "linkspan-wit", "heck", "anyhow"] {
        let advice = "it belongs behind the macro";
        assert!(
            !crates.contains(tool),
            "a host links {tool}: {advice}; found {crates:#?}"
        );
    }
}

#[test]
fn a_host_without_features_builds_no_text_parser_and_no_macro() {
    let crates = tree(&[
        "-e",
        "normal,build",
        "-p",
        "linkspan",
        "--no-default-features",
    ]);
    assert!(crates.contains("linkspan-engine"), "no tree: {crates:?}");
    for tool in ["wat", "wast", "libc", "linkspan-codegen-macros"] {
        assert!(!crates.contains(tool), "found {tool} in {crates:#?}");
    }
}

/// The most crates that WASI for a host on the command line may add.
const WASI_CRATES_MAX: usize = 25;

#[test]
fn wasi_adds_few_crates() {
    let without = tree(&["-e", "normal,build", "-p", "linkspan"]);
    let with = tree(&["-e", "normal,build", "-p", "linkspan-wasi"]);
    assert!(with.contains("cap-primitives"), "no tree: {with:?}");
    let added: Vec<&String> = with.difference(&without).collect();
    assert!(
        added.len() <= WASI_CRATES_MAX,
        "WASI adds {} crates, at most {WASI_CRATES_MAX} may be: {added:#?}",
        added.len()
    );
    for runtime in ["tokio", "futures", "async-trait"] {
        assert!(!with.contains(runtime), "found {runtime} in {with:#?}");
    }
}

/// The names of the crates that `cargo tree` lists.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let output = upstream::cargo()
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("cargo prints text");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
