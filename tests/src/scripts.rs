//! Suites of specification scripts: every file in every mode of the engine.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use linkspan_script::{Mode, Options, Proposals, Reach, parse_features, run_file};

use crate::harness::{Failure, Outcome, Suite};

/// How the files of a suite are run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// These proposals are on and all others off.
    pub features: Proposals,
    /// How far components are followed.
    pub reach: Reach,
    /// Each file runs in each of these.
    pub modes: &'static [&'static [Mode]],
}

impl Plan {
    /// Everything that is on by default, in the modes in which every script
    /// runs.
    #[must_use]
    pub fn common() -> Plan {
        Plan {
            features: Proposals::default(),
            reach: Reach::All,
            modes: &[Mode::ALL],
        }
    }
}

/// Adds each of `files`, a name and a path, to `suite`, once a mode.
pub fn add(suite: &mut Suite, files: Vec<(String, PathBuf)>, plan: Plan) {
    for (name, path) in files {
        let path = Arc::new(path);
        for mode in plan.modes.iter().copied().flatten() {
            let path = Arc::clone(&path);
            let options = Options {
                features: plan.features,
                reach: plan.reach,
                mode: *mode,
                ..Options::default()
            };
            suite.case(mode.name, name.clone(), move || {
                match run_file(&path, &options) {
                    Ok(report) => Outcome::Judged {
                        failures: report.failures.into_iter().map(failure).collect(),
                        judged: report.judged,
                    },
                    Err(error) => Outcome::Ran(vec![Failure::at(0, error.to_string())]),
                }
            });
        }
    }
}

/// The features that the first line of a script of our own asks for:
/// `;; features: all,custom-page-sizes`. Without such a line everything that
/// is on by default.
///
/// # Errors
///
/// When the file cannot be read or the line names what does not exist.
pub fn features_of(path: &PathBuf) -> Result<Proposals, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    let first = text.lines().next().unwrap_or_default();
    match first.strip_prefix(";; features:") {
        Some(list) => parse_features(list).map_err(|error| format!("{}: {error}", path.display())),
        None => Ok(Proposals::default()),
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
