//! Suites of specification scripts: every file in every mode of the engine.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use linkspan_engine::{Features, Proposal};
use linkspan_script::{Mode, Options, Report, parse_features, run_file};

use crate::harness::{Failure, Outcome, Suite};

/// How the files of a suite are run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// These proposals are on and all others off.
    pub features: Features,
    /// Each file runs in each of these.
    pub modes: &'static [&'static [Mode]],
    /// What the suite is about. As long as the engine lacks one of these, a
    /// file that fails is skipped instead, with the reason.
    pub needs: &'static [Proposal],
}

impl Plan {
    /// Everything that is on by default, in the modes in which every script
    /// runs.
    #[must_use]
    pub fn common() -> Plan {
        Plan {
            features: Features::default(),
            modes: &[Mode::ALL],
            needs: &[],
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
                features: supported(plan.features),
                mode: *mode,
                ..Options::default()
            };
            suite.case(mode.name, name.clone(), move || {
                match run_file(&path, &options) {
                    Ok(report) => judge(report, plan.needs),
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
pub fn features_of(path: &PathBuf) -> Result<Features, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    let first = text.lines().next().unwrap_or_default();
    match first.strip_prefix(";; features:") {
        Some(list) => parse_features(list).map_err(|error| format!("{}: {error}", path.display())),
        None => Ok(Features::default()),
    }
}

/// What of `features` this engine has.
fn supported(mut features: Features) -> Features {
    for proposal in features.iter().filter(|proposal| !proposal.is_supported()) {
        features.set(proposal, false);
    }
    features
}

fn judge(report: Report, needs: &[Proposal]) -> Outcome {
    let missing = needs.iter().filter(|proposal| !is_ready(**proposal));
    let missing: Vec<&str> = missing.map(|proposal| proposal.name()).collect();
    if missing.is_empty() || report.is_success() {
        return Outcome::Ran(report.failures.into_iter().map(failure).collect());
    }
    let (failed, passed) = (report.failures.len(), report.passed);
    let missing = missing.join(", ");
    Outcome::Skipped(format!("{failed} fail and {passed} hold without {missing}"))
}

/// Whether the engine has all of a proposal: then it is on by default, but for
/// those that are no part of a WebAssembly standard.
fn is_ready(proposal: Proposal) -> bool {
    let optional = [Proposal::WideArithmetic, Proposal::CustomPageSizes];
    Features::default().contains(proposal)
        || optional.contains(&proposal) && proposal.is_supported()
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
