//! Rules about layers: which crate may import which, which words a crate may
//! not know, and where the dangerous things stand.

use super::rust::{views, words};
use super::{Fault, Source, Tree};

/// The members of the workspace from the bottom up, each with the packages of
/// ours that it may depend on. The leaves, which nobody imports, are not here:
/// they may depend on anything.
const ARROWS: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("canon-abi", &[]),
    ("wit", &["linkspan-canon-abi"]),
    ("codegen-macros", &["linkspan-wit"]),
    (
        "component",
        &[
            "linkspan-engine",
            "linkspan-canon-abi",
            "linkspan-codegen-macros",
        ],
    ),
    ("wasi", &["linkspan"]),
    ("script", &["linkspan", "linkspan-engine"]),
    (
        "cli",
        &[
            "linkspan",
            "linkspan-engine",
            "linkspan-wit",
            "linkspan-wasi",
            "linkspan-script",
        ],
    ),
];

/// Packages that no library may depend on, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("anyhow", "write the crate's own `Error`"),
    ("thiserror", "write the crate's own `Error` by hand"),
    ("syn", "let the compiler parse: the macro reads few tokens"),
];

/// Packages that one member alone may depend on.
const RESERVED: &[(&str, &str)] = &[("libc", "engine"), ("wit-parser", "wit")];

/// Folders of the engine that may hold `unsafe` code.
const UNSAFE_FOLDERS: &[&str] = &["sys", "runtime", "interp", "gc", "jit"];

/// The file of canon-abi that may hold `unsafe` code.
const UNSAFE_FILE: &str = "canon-abi/src/traits/same.rs";

/// Members of which no file may hold `unsafe` code, with their root file.
const SAFE_ROOTS: &[&str] = &[
    "wit/src/lib.rs",
    "codegen-macros/src/lib.rs",
    "component/src/lib.rs",
    "wasi/src/lib.rs",
    "script/src/lib.rs",
    "cli/src/main.rs",
    "tests/src/lib.rs",
];

/// Every member's manifest takes the lints of the workspace.
pub fn takes_lints(tree: &Tree) -> Vec<Fault> {
    let manifests = tree
        .files
        .iter()
        .filter(|file| member_of_manifest(file).is_some());
    let lax = manifests.filter(|file| {
        !sections(&file.text)
            .any(|(section, line)| section == "lints" && line.1 == "workspace = true")
    });
    lax.map(|file| file.fault(0, "add `[lints]` with `workspace = true`"))
        .collect()
}

/// Dependencies point up the list, banned packages stay out.
pub fn crate_arrows(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (member, allowed) in ARROWS {
        let Some(manifest) = tree.get(&format!("{member}/Cargo.toml")) else {
            continue;
        };
        for (line, name) in dependencies(&manifest.text) {
            if (name == "linkspan" || name.starts_with("linkspan-")) && !allowed.contains(&name) {
                let advice = format!(
                    "{member} may not depend on {name}: a crate imports only crates above it in \
                     the code map of ARCHITECTURE.md; move what both need upwards"
                );
                faults.push(manifest.fault(line, advice));
            }
            if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| *banned == name) {
                let advice = format!("no library depends on {name}: {instead}");
                faults.push(manifest.fault(line, advice));
            }
            let reserved = RESERVED.iter().find(|(package, _)| *package == name);
            if let Some((_, owner)) = reserved.filter(|(_, owner)| owner != member) {
                let advice = format!("only {owner} may depend on {name}: use what {owner} offers");
                faults.push(manifest.fault(line, advice));
            }
        }
    }
    faults
}

/// The engine's sources know nothing of the component model, not in words either.
pub fn engine_vocabulary(tree: &Tree) -> Vec<Fault> {
    // What wasmparser calls the types that a function's validation needs.
    let foreign = [
        "ValidatorResources",
        "WasmModuleResources",
        "COMPONENT_MODEL",
    ];
    let banned = [
        "component",
        "components",
        "wit",
        "canonical",
        "resource",
        "resources",
    ];
    let mut faults = Vec::new();
    for file in tree.rust("engine/src/") {
        for (index, line) in file.text.lines().enumerate() {
            let about_nan = line.to_lowercase().contains("nan");
            let word = words(line)
                .filter(|(word, _)| !foreign.contains(word))
                .find_map(|(_, parts)| {
                    let about = |part: &&String| {
                        banned.contains(&part.as_str()) && !(about_nan && *part == "canonical")
                    };
                    parts.iter().find(about).cloned()
                });
            if let Some(word) = word {
                let advice = format!(
                    "the engine does not know the word `{word}`: say it in terms of core \
                     WebAssembly, or move the code to component"
                );
                faults.push(file.fault(index + 1, advice));
            }
        }
    }
    faults
}

/// The canonical ABI's code does not name the engine; comments may.
pub fn abi_knows_no_engine(tree: &Tree) -> Vec<Fault> {
    let advice = "canon-abi knows no engine: take what is needed through its memory trait";
    faults_in_code(
        tree,
        "canon-abi/src/",
        |_| true,
        |parts| parts.contains(&"engine".to_owned()),
        advice,
    )
}

/// `unsafe` stands in the engine's lowest folders and in one file of canon-abi.
pub fn unsafe_places(tree: &Tree) -> Vec<Fault> {
    let advice = "unsafe code stands only in engine/src/{sys,runtime,interp,gc,jit} and in \
                  canon-abi/src/traits/same.rs: offer a safe function there and call it here";
    let elsewhere = |file: &Source| {
        let in_folder = |folder| file.path.starts_with(&format!("engine/src/{folder}/"));
        !UNSAFE_FOLDERS.iter().any(in_folder) && file.path != UNSAFE_FILE
    };
    faults_in_code(tree, "", elsewhere, |parts| parts == ["unsafe"], advice)
}

/// The root file of each crate without unsafe code says so to the compiler.
pub fn forbids_unsafe(tree: &Tree) -> Vec<Fault> {
    let roots = SAFE_ROOTS.iter().filter_map(|path| tree.get(path));
    let lax = roots.filter(|file| !views(&file.text).code.contains("#![forbid(unsafe_code)]"));
    lax.map(|file| file.fault(1, "add `#![forbid(unsafe_code)]` below the file's comment"))
        .collect()
}

/// Interpreter and compiler, and the backends of the compiler, stay apart.
pub fn siblings(tree: &Tree) -> Vec<Fault> {
    let pairs = [
        ("engine/src/interp/", "jit"),
        ("engine/src/jit/", "interp"),
        ("engine/src/jit/isa/x64/", "aarch64"),
        ("engine/src/jit/isa/aarch64/", "x64"),
    ];
    let advice = "tiers meet in runtime and backends in isa/mod.rs only: move what both need there";
    let faults = pairs.iter().map(|(folder, other)| {
        faults_in_code(tree, folder, |_| true, |parts| parts == [*other], advice)
    });
    faults.flatten().collect()
}

/// Code that asks for the processor's architecture stands in two places.
pub fn architecture(tree: &Tree) -> Vec<Fault> {
    let elsewhere = |file: &Source| {
        !file.path.ends_with("/isa/mod.rs")
            && !file.path.starts_with("engine/src/sys/")
            && !file.path.ends_with("/build.rs")
            && !file.path.starts_with("bench/")
    };
    let advice = "ask for the architecture in isa/mod.rs or sys/ and offer the answer from there";
    let about = |parts: &[String]| parts == ["target", "arch"];
    faults_in_code(tree, "", elsewhere, about, advice)
}

/// Nobody but the engine's `sys` calls into the C library.
pub fn operating_system(tree: &Tree) -> Vec<Fault> {
    let elsewhere = |file: &Source| {
        !file.path.starts_with("engine/src/sys/") && !file.path.starts_with("bench/")
    };
    let advice = "only engine/src/sys calls the operating system: add what is needed to its list";
    faults_in_code(tree, "", elsewhere, |parts| parts == ["libc"], advice)
}

/// A fault for every line of code below `folder` with a word of a wanted kind.
fn faults_in_code(
    tree: &Tree,
    folder: &str,
    concerns: impl Fn(&Source) -> bool,
    wanted: impl Fn(&[String]) -> bool,
    advice: &str,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in tree.rust(folder).filter(|file| concerns(file)) {
        for (index, line) in views(&file.text).code.lines().enumerate() {
            if words(line).any(|(word, parts)| wanted(&parts) && !word.starts_with('_')) {
                faults.push(file.fault(index + 1, advice));
            }
        }
    }
    faults
}

/// The member whose manifest `file` is.
fn member_of_manifest(file: &Source) -> Option<&str> {
    let member = file.path.strip_suffix("/Cargo.toml")?;
    (!member.contains('/') && member != "bench").then_some(member)
}

/// The lines of a manifest, numbered, each with the section it stands in.
fn sections(text: &str) -> impl Iterator<Item = (&str, (usize, &str))> {
    let mut section = "";
    text.lines().enumerate().map(move |(index, line)| {
        if let Some(name) = line.trim().strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        (section, (index + 1, line.trim()))
    })
}

/// The packages that a manifest's library or build script depends on.
fn dependencies(text: &str) -> impl Iterator<Item = (usize, &str)> {
    sections(text).filter_map(|(section, (line, text))| {
        let (head, name) = match section.rsplit_once("dependencies") {
            Some((head, rest)) => (head, rest.strip_prefix('.')),
            None => return None,
        };
        if head.ends_with("dev-") {
            return None;
        }
        let is_head = text.starts_with('[');
        let is_entry = !is_head && !text.starts_with('#') && text.contains('=');
        match name {
            Some(name) if is_head => Some((line, name)),
            None if is_entry => Some((line, text.split(['=', '.', ' ']).next()?)),
            Some(_) | None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::faults_of;
    use super::*;

    #[test]
    fn lax_members_are_found() {
        let planted = [
            (
                "wit/Cargo.toml",
                "[package]\nname = \"x\"\n[lints]\nworkspace = true",
            ),
            ("cli/Cargo.toml", "[package]\nworkspace = true"),
            ("bench/Cargo.toml", ""),
        ];
        assert_eq!(faults_of(takes_lints, &planted), ["cli/Cargo.toml:0"]);
    }

    #[test]
    fn arrows_that_point_down_are_found() {
        let planted = [
            (
                "engine/Cargo.toml",
                "[dependencies]\nlinkspan-canon-abi.workspace = true\nlibc = \"0\"",
            ),
            (
                "wit/Cargo.toml",
                "[dependencies.linkspan-engine]\npath = \"x\"\n[build-dependencies]\nanyhow = \"1\"\n[dev-dependencies]\nlinkspan.workspace = true",
            ),
            (
                "component/Cargo.toml",
                "[target.'cfg(unix)'.dependencies]\n# libc = \"0\"\nlibc = \"0\"\nlinkspan-engine = \"0\"\n[features]\nlinkspan = []",
            ),
        ];
        let found = faults_of(crate_arrows, &planted);
        assert_eq!(
            found,
            [
                "engine/Cargo.toml:2",
                "wit/Cargo.toml:1",
                "wit/Cargo.toml:4",
                "component/Cargo.toml:3"
            ]
        );
    }

    #[test]
    fn words_of_the_component_model_are_found_in_the_engine() {
        let text = "//! A resource.\n// a canonical NaN\nuse wasmparser::ValidatorResources;\nstruct ComponentState;\nlet with = \"wit\";\ncanonicalize();";
        let planted = [("engine/src/a.rs", text), ("component/src/a.rs", text)];
        let found = faults_of(engine_vocabulary, &planted);
        assert_eq!(
            found,
            [
                "engine/src/a.rs:1",
                "engine/src/a.rs:4",
                "engine/src/a.rs:5"
            ]
        );
    }

    #[test]
    fn an_engine_in_the_canonical_abi_is_found() {
        let planted = [(
            "canon-abi/src/a.rs",
            "//! Knows no engine.\nuse linkspan_engine::Memory;",
        )];
        assert_eq!(
            faults_of(abi_knows_no_engine, &planted),
            ["canon-abi/src/a.rs:2"]
        );
    }

    #[test]
    fn unsafe_in_a_wrong_place_is_found() {
        let text = "//! unsafe\n#![forbid(unsafe_code)]\nlet x = \"unsafe\";\nunsafe { f() }";
        let planted = [
            ("engine/src/sys/a.rs", text),
            ("engine/src/translate/a.rs", text),
            ("canon-abi/src/traits/a.rs", text),
            ("canon-abi/src/traits/same.rs", text),
            ("tests/src/a.rs", text),
        ];
        let found = faults_of(unsafe_places, &planted);
        assert_eq!(
            found,
            [
                "canon-abi/src/traits/a.rs:4",
                "engine/src/translate/a.rs:4",
                "tests/src/a.rs:4"
            ]
        );
    }

    #[test]
    fn a_root_that_does_not_forbid_unsafe_is_found() {
        let planted = [
            ("wit/src/lib.rs", "//! `#![forbid(unsafe_code)]`"),
            ("cli/src/main.rs", "//!\n#![forbid(unsafe_code)]"),
        ];
        assert_eq!(faults_of(forbids_unsafe, &planted), ["wit/src/lib.rs:1"]);
    }

    #[test]
    fn siblings_that_meet_are_found() {
        let planted = [
            (
                "engine/src/interp/a.rs",
                "// not jit\nuse crate::jit::Code;",
            ),
            ("engine/src/jit/a.rs", "\ncrate::interp::run()"),
            ("engine/src/jit/isa/x64/a.rs", "use super::super::aarch64;"),
            ("engine/src/runtime/a.rs", "use crate::{interp, jit};"),
        ];
        let found = faults_of(siblings, &planted);
        assert_eq!(
            found,
            [
                "engine/src/interp/a.rs:2",
                "engine/src/jit/a.rs:2",
                "engine/src/jit/isa/x64/a.rs:1"
            ]
        );
    }

    #[test]
    fn questions_about_the_machine_are_found() {
        let text = "#[cfg(target_arch = \"x86_64\")]\nuse libc::mmap;";
        let planted = [
            ("engine/src/sys/a.rs", text),
            ("engine/build.rs", "target_arch"),
            ("component/src/a.rs", text),
        ];
        assert_eq!(faults_of(architecture, &planted), ["component/src/a.rs:1"]);
        assert_eq!(
            faults_of(operating_system, &planted),
            ["component/src/a.rs:2"]
        );
    }
}
