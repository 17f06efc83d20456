//! Rules about single files: head, size, unfinished work, and the paths that
//! documents and comments name.

use super::rust::views;
use super::{Fault, Source, Tree, has_ending};

const LINES_MAX: usize = 1000;
const SIZE_BYTES_MAX: usize = 200_000;

/// A Rust file starts with a `//!` comment.
pub fn starts_with_purpose(tree: &Tree) -> Vec<Fault> {
    let headless = tree.rust("").filter(|file| !file.text.starts_with("//!"));
    let advice = "start the file with a `//!` comment: one sentence of purpose, then what it is \
                  not for, then its invariants";
    headless.map(|file| file.fault(1, advice)).collect()
}

/// A source file has at most 1000 lines.
pub fn is_short(tree: &Tree) -> Vec<Fault> {
    let long = tree.rust("").filter_map(|file| {
        let lines = file.text.lines().count();
        let advice = format!("{lines} lines, at most {LINES_MAX} may be: split the file by topic");
        (lines > LINES_MAX).then(|| file.fault(lines, advice))
    });
    long.collect()
}

/// A file of any kind is small.
pub fn is_small(tree: &Tree) -> Vec<Fault> {
    let large = tree
        .files
        .iter()
        .filter(|file| file.bytes.len() > SIZE_BYTES_MAX);
    large
        .map(|file| {
            let size = file.bytes.len();
            file.fault(
                0,
                format!("{size} bytes, at most {SIZE_BYTES_MAX} may be: make it smaller"),
            )
        })
        .collect()
}

/// No file holds a reminder that something is unfinished.
pub fn has_no_reminders(tree: &Tree) -> Vec<Fault> {
    // In two pieces each, or this file would be its own first fault.
    let reminders = [
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("XX", "X"),
    ];
    let mut faults = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric());
            if words.any(|word| reminders.contains(&word)) {
                let advice = "finish it, or say in ARCHITECTURE.md what is absent; comments are no list of work";
                faults.push(file.fault(index + 1, advice));
            }
        }
    }
    faults
}

/// No file names a folder of the machine on which it was written.
pub fn names_no_machine(tree: &Tree) -> Vec<Fault> {
    let roots = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/t", "mp/"),
        concat!("/Us", "ers/"),
        concat!("C:", "\\"),
        concat!("cargo/reg", "istry/src"),
    ];
    let mut faults = Vec::new();
    for file in &tree.files {
        for root in roots {
            let at = find_path(&file.bytes, root.as_bytes());
            if let Some(at) = at {
                let line = 1 + file.bytes[..at]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count();
                let advice = format!(
                    "names {root}: use a path relative to the project, and build guests with --remap-path-prefix"
                );
                faults.push(file.fault(line, advice));
            }
        }
    }
    faults
}

/// Where `root` stands in `bytes` as the beginning of a path.
fn find_path(bytes: &[u8], root: &[u8]) -> Option<usize> {
    let first = *root.first()?;
    (0..bytes.len()).find(|at| {
        let before = at.checked_sub(1).map(|at| bytes[at]);
        bytes[*at] == first
            && bytes[*at..].starts_with(root)
            && !before
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._-/>*}".contains(&byte))
    })
}

/// Paths that documents and comments put in back quotes or link to exist.
pub fn names_real_paths(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in &tree.files {
        let text = match (file.is_rust(), file.is_document()) {
            (true, _) => views(&file.text).comments,
            (_, true) => file.text.clone(),
            (false, false) => continue,
        };
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            let content = line.trim_start().trim_start_matches(['/', '!', ' ']);
            fenced ^= content.starts_with("```");
            if fenced {
                continue;
            }
            let quoted = line.split('`').skip(1).step_by(2).map(|path| (path, false));
            let links = line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next());
            for (path, link) in quoted.chain(links.map(|path| (path, file.is_document()))) {
                if !expand(path)
                    .iter()
                    .all(|path| is_real(tree, file, path, link))
                {
                    let advice = format!(
                        "names `{path}`, which does not exist: follow the file or drop the sentence"
                    );
                    faults.push(file.fault(index + 1, advice));
                }
            }
        }
    }
    faults
}

/// Spells out the alternatives in braces, if there are any.
fn expand(path: &str) -> Vec<String> {
    if let Some((head, rest)) = path.split_once('{')
        && let Some((middle, tail)) = rest.split_once('}')
    {
        return middle
            .split(',')
            .map(|choice| format!("{head}{}{tail}", choice.trim()))
            .collect();
    }
    vec![path.to_owned()]
}

/// Whether `path` exists, or is not meant to be a path of the project.
fn is_real(tree: &Tree, file: &Source, path: &str, link: bool) -> bool {
    let path = path.split(['#', ':']).next().unwrap_or_default();
    let plain = path
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    // Other folders, and the WIT that a user of the macros has.
    let outside =
        path.starts_with(['.', '/', '-']) && !path.starts_with(".ci/") || has_ending(path, "wit");
    if path.is_empty() || !plain || outside && !link || path.starts_with("target/") {
        return true;
    }
    let top = path.split('/').next().unwrap_or_default();
    let known = path.contains('/') && tree.exists(top);
    let names_source = path.contains('/') && has_ending(path, "rs");
    if !(link || known || names_source) {
        return true;
    }
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let member = file.path.split('/').next().unwrap_or_default();
    let bases = [
        String::new(),
        format!("{folder}/"),
        format!("{member}/"),
        format!("{member}/src/"),
    ];
    let here = |base: &String| tree.exists(&format!("{base}{path}"));
    // A document about all members names files as their own comments do.
    let inside = format!("/src/{path}");
    let within = |file: &Source| file.path.ends_with(&inside);
    bases.iter().any(here) || file.is_document() && tree.files.iter().any(within)
}

/// Every folder of cases is named by a suite, every stage by the snapshots.
pub fn reaches_every_case(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in &tree.files {
        let place = |rest: &'_ str| rest.split_once('/').map(|(folder, _)| folder.to_owned());
        let (folder, suites, literal) = if let Some(rest) = file.path.strip_prefix("tests/cases/") {
            let folder = place(rest);
            let literal = folder
                .as_ref()
                .map(|folder| format!("\"tests/cases/{folder}\""));
            (folder, "tests/suites/", literal)
        } else if let Some(rest) = file.path.strip_prefix("snapshots/cases/") {
            let folder = place(rest);
            let literal = folder.as_ref().map(|folder| format!("\"{folder}\""));
            (folder, "snapshots/tests/", literal)
        } else {
            continue;
        };
        let reached = literal
            .is_some_and(|literal| tree.rust(suites).any(|suite| suite.text.contains(&literal)));
        if !reached {
            let folder = folder.unwrap_or_default();
            let advice = format!(
                "no suite in {suites} runs the folder `{folder}`: name it there or move the case"
            );
            faults.push(file.fault(0, advice));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::faults_of;
    use super::*;

    #[test]
    fn a_missing_head_is_found() {
        let planted = [
            ("wit/src/a.rs", "use std::fmt;\n"),
            ("wit/src/b.rs", "//! Purpose.\n"),
        ];
        assert_eq!(faults_of(starts_with_purpose, &planted), ["wit/src/a.rs:1"]);
    }

    #[test]
    fn a_long_file_is_found() {
        let (long, full) = ("//!\n".repeat(1001), "//!\n".repeat(1000));
        let planted = [("cli/src/a.rs", &*long), ("cli/src/b.rs", &*full)];
        assert_eq!(faults_of(is_short, &planted), ["cli/src/a.rs:1001"]);
    }

    #[test]
    fn a_large_file_is_found() {
        let large = "x".repeat(200_001);
        assert_eq!(
            faults_of(is_small, &[("tests/guest.wasm", &large)]),
            ["tests/guest.wasm:0"]
        );
    }

    #[test]
    fn reminders_are_found_in_any_kind_of_file() {
        let reminder = format!("# fine\n# {}: later\n", concat!("TO", "DO"));
        let planted = [("cli/a.toml", &*reminder), ("cli/b.rs", "//! maxXXXL")];
        assert_eq!(faults_of(has_no_reminders, &planted), ["cli/a.toml:2"]);
    }

    #[test]
    fn machine_paths_are_found() {
        let path = format!("\n\nopen {}me/x\n", "/ho");
        let planted = [
            ("README.md", &*path),
            ("a.md", "guest sees my/home/x and $x/home/y/"),
        ];
        assert_eq!(faults_of(names_no_machine, &planted), ["README.md:3"]);
    }

    #[test]
    fn paths_that_do_not_exist_are_found() {
        let planted = [
            (
                "README.md",
                "See `engine/src/a.rs`, [there](engine/src/gone.md).\n`engine/src/gone.rs`",
            ),
            (
                "engine/src/a.rs",
                "//! Like `interp/{loops,gone}.rs`.\n//! But `a/b` and `wit/...` and `../shared/x` are no paths.",
            ),
            (
                "engine/src/interp/loops.rs",
                "//! See `a.rs` and `engine/src/a.rs`.\n//! ```\n//! `engine/no.rs`\n//! ```",
            ),
        ];
        let found = faults_of(names_real_paths, &planted);
        assert_eq!(found, ["README.md:1", "README.md:2", "engine/src/a.rs:1"]);
    }

    #[test]
    fn cases_that_no_suite_runs_are_found() {
        let planted = [
            ("tests/cases/core/a.wast", ""),
            ("tests/cases/lost/a.wast", ""),
            ("tests/cases/b.wast", ""),
            ("tests/suites/spec.rs", "//!\nown(\"tests/cases/core\")"),
            ("snapshots/cases/wit/a.wit", ""),
            ("snapshots/cases/gone/a.wit", ""),
            ("snapshots/tests/snapshots.rs", "//!\n(\"wit\", wit)"),
        ];
        let found = faults_of(reaches_every_case, &planted);
        assert_eq!(
            found,
            [
                "snapshots/cases/gone/a.wit:0",
                "tests/cases/b.wast:0",
                "tests/cases/lost/a.wast:0",
            ]
        );
    }
}
