//! The canonical ABI against the specification's own `definitions.py`: the layout
//! of random types, and random values lowered, lifted and moved, in all encodings
//! and pointer sizes, whole and broken.
//!
//! `tests/canon-abi/generate.py` asks `definitions.py` and writes what it answers,
//! line by line; the seeds stand here. A sample that is checked in runs where
//! there is no Python.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod guest;
mod text;
mod vectors;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use linkspan_tests::harness::{self, Failure, Outcome, Suite};
use linkspan_tests::upstream;

use vectors::Seen;

/// Each seed is a case.
const SEEDS: u32 = 7;

/// How many values each seed makes.
const VALUES: usize = 3_000;

const _: () = assert!(SEEDS as usize * VALUES >= 20_000, "promised");

/// What the values of one seed must trap with at least once.
const TRAPS: [&str; 13] = [
    "invalid char",
    "invalid discriminant",
    "invalid utf-8",
    "list too long",
    "not owned",
    "out of bounds",
    "realloc out of bounds",
    "realloc unaligned",
    "string too long",
    "unaligned",
    "unknown handle",
    "unpaired surrogate",
    "wrong handle type",
];

/// How many disagreements of one case are told.
const TOLD: usize = 10;

fn main() -> ExitCode {
    let mut suite = Suite::new("canonical-abi");
    suite.case("sample", "sample.txt", sample);
    match definitions() {
        Ok(definitions) => {
            let python = python();
            for seed in 1..=SEEDS {
                let (python, definitions) = (python.clone(), definitions.clone());
                suite.case("random", format!("seed {seed}"), move || match python {
                    Some(python) => random(&python, &definitions, seed),
                    None => Outcome::Skipped("expected Python 3.11 or newer, found none".into()),
                });
            }
        }
        Err(error) => suite.fault(error),
    }
    harness::run(vec![suite])
}

fn folder() -> PathBuf {
    upstream::project().join("tests/canon-abi")
}

fn definitions() -> Result<PathBuf, String> {
    let inside = "tests/component-model/design/mvp/canonical-abi";
    let folder = upstream::folder("wasm-tools", "1.263.0", inside)?;
    Ok(folder.join("definitions.py"))
}

/// A Python that can run `definitions.py`.
fn python() -> Option<PathBuf> {
    let candidates = ["python3", "python"].map(PathBuf::from);
    candidates.into_iter().find(|python| {
        let check = "import sys; sys.exit(sys.version_info < (3, 11))";
        let output = Command::new(python).args(["-c", check]).output();
        output.is_ok_and(|output| output.status.success())
    })
}

/// The vectors that are checked in.
fn sample() -> Outcome {
    match fs::read_to_string(folder().join("sample.txt")) {
        Ok(text) => {
            let (mut failures, seen) = check(&text);
            if seen.values < 300 {
                failures.push(Failure::at(0, format!("expected a sample, found {seen:?}")));
            }
            Outcome::Ran(failures)
        }
        Err(error) => Outcome::Ran(vec![Failure::at(0, error.to_string())]),
    }
}

/// Vectors that are made now.
fn random(python: &Path, definitions: &Path, seed: u32) -> Outcome {
    let output = Command::new(python)
        .arg(folder().join("generate.py"))
        .arg(definitions)
        .args([seed.to_string(), VALUES.to_string()])
        .output();
    let output = match output {
        Ok(output) if output.status.success() => output,
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            return Outcome::Ran(vec![Failure::at(0, error)]);
        }
        Err(error) => return Outcome::Ran(vec![Failure::at(0, error.to_string())]),
    };
    let (mut failures, seen) = check(&String::from_utf8_lossy(&output.stdout));
    if seen.values != VALUES {
        let found = seen.values;
        let text = format!("expected {VALUES} values, found {found}");
        failures.push(Failure::at(0, text));
    }
    for kind in TRAPS {
        if !seen.kinds.contains(kind) {
            let text = format!("no value traps with {kind:?}: found {seen:?}");
            failures.push(Failure::at(0, text));
        }
    }
    Outcome::Ran(failures)
}

/// Runs every line.
fn check(text: &str) -> (Vec<Failure>, Seen) {
    let mut seen = Seen::default();
    let mut failures = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Err(error) = vectors::run(line, &mut seen) {
            if failures.len() == TOLD {
                failures.push(Failure::at(0, "and more"));
                break;
            }
            failures.push(Failure::at(number, format!("{error}: {line}")));
        }
    }
    (failures, seen)
}
