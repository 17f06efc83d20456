//! Suites of specification scripts: every file in every mode of the engine.

use std::path::PathBuf;
use std::sync::Arc;

use linkspan_engine::Features;
use linkspan_script::{Mode, Options, run_file};

use crate::harness::{Failure, Outcome, Suite};

/// Adds each of `files`, a name and a path, to `suite`: once a mode, with
/// `features` on and all others off.
pub fn add(suite: &mut Suite, files: Vec<(String, PathBuf)>, features: Features) {
    for (name, path) in files {
        let path = Arc::new(path);
        for mode in Mode::ALL {
            let path = Arc::clone(&path);
            let options = Options {
                features,
                mode: *mode,
                ..Options::default()
            };
            suite.case(mode.name, name.clone(), move || {
                match run_file(&path, &options) {
                    Ok(report) => Outcome::Ran(report.failures.into_iter().map(failure).collect()),
                    Err(error) => Outcome::Ran(vec![Failure::at(0, error.to_string())]),
                }
            });
        }
    }
}

fn failure(failure: linkspan_script::Failure) -> Failure {
    let linkspan_script::Failure {
        line,
        directive,
        expected,
        found,
        ..
    } = failure;
    Failure::at(
        line,
        format!("{directive}: expected {expected}, found {found}"),
    )
}
