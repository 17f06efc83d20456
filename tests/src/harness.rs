//! Runs the cases of a suite: in parallel, each as a named test that can be
//! filtered, each bounded in time, judged against the suite's waivers.
//!
//! Whoever writes a suite fills a [`Suite`] and calls [`run`]; counting, printing
//! and the machine-readable summary happen here.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::conformance::{self, Tally};
use crate::upstream;
use crate::waivers::{Verdict, Waivers};

/// A case that takes longer hangs: its thread is left behind and it fails.
const HANG: Duration = Duration::from_secs(300);

/// Stack of the thread that runs a case. Scripts nest host and guest calls and
/// unoptimised frames are large.
const STACK_BYTES: usize = 16 << 20;

/// One suite: a name under which results are reported, and its cases.
#[derive(Debug)]
pub struct Suite {
    name: String,
    cases: Vec<Case>,
    faults: Vec<String>,
    expected: BTreeMap<&'static str, u64>,
}

/// One file on one tier.
struct Case {
    tier: String,
    path: String,
    run: Box<dyn FnOnce() -> Outcome + Send>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.path, self.tier)
    }
}

/// What became of a case.
#[derive(Debug)]
pub enum Outcome {
    /// It ran, with these failures; none is a success.
    Ran(Vec<Failure>),
    /// It ran, and what it judged was counted, by kind.
    Judged {
        /// What went wrong.
        failures: Vec<Failure>,
        /// How many directives of each kind were judged.
        judged: BTreeMap<&'static str, u32>,
    },
    /// It could not run here, for this reason.
    Skipped(String),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Line in the file of the case, or 0 for the file as a whole.
    pub line: u32,
    text: String,
}

impl Failure {
    /// A failure at a line of the case's file, or at 0 for all of it.
    pub fn at(line: u32, text: impl Into<String>) -> Failure {
        Failure {
            line,
            text: text.into(),
        }
    }

    /// The failure in one line, with its place.
    #[must_use]
    pub fn describe(&self, path: &str) -> String {
        match self.line {
            0 => format!("{path}: {}", self.text),
            line => format!("{path}:{line}: {}", self.text),
        }
    }
}

impl Suite {
    /// An empty suite.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Suite {
        Suite {
            name: name.into(),
            cases: Vec::new(),
            faults: Vec::new(),
            expected: BTreeMap::new(),
        }
    }

    /// Adds the case `path`, run on `tier`.
    pub fn case<F>(&mut self, tier: &str, path: impl Into<String>, run: F)
    where
        F: FnOnce() -> Outcome + Send + 'static,
    {
        let (tier, path, run) = (tier.to_owned(), path.into(), Box::new(run));
        self.cases.push(Case { tier, path, run });
    }

    /// Records that the suite itself is not what it should be.
    pub fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    /// Demands a number of files: suites shrink silently when a folder moves.
    pub fn expect_files(&mut self, what: &str, expected: usize, found: usize) {
        if expected != found {
            self.fault(format!("{what}: expected {expected} files, found {found}"));
        }
    }

    /// Demands how many directives of a kind are judged on each tier: what a
    /// script leaves out is missing here.
    pub fn expect_judged(&mut self, expected: &[(&'static str, u64)]) {
        self.expected.extend(expected.iter().copied());
    }
}

/// Runs `suites` under the arguments of the command line, prints a closing line
/// for each and its tiers, and records them in `conformance.json` unless a filter was given.
#[must_use]
pub fn run(suites: Vec<Suite>) -> ExitCode {
    let arguments = Arguments::from_args();
    let tallies: Tallies = Arc::default();
    let mut trials = Vec::new();
    let mut expected = BTreeMap::new();
    for suite in suites {
        expected.insert(suite.name.clone(), suite.expected.clone());
        add_trials(suite, &tallies, &mut trials);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return ExitCode::SUCCESS;
    }
    let complete = conclusion.num_filtered_out == 0;
    let tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
    let mut whole = true;
    for (suite, tiers) in tallies.iter() {
        print_closing_lines(suite, tiers);
        if !complete {
            continue;
        }
        if let Err(error) = save(suite, tiers) {
            print_error(&error);
            whole = false;
        }
    }
    if complete {
        for error in miscounts(&tallies, &expected) {
            print_error(&error);
            whole = false;
        }
    }
    if whole {
        conclusion.exit_code()
    } else {
        ExitCode::FAILURE
    }
}

/// What was judged in another number than the suites demand; a suite of which
/// nothing ran has judged nothing.
fn miscounts(
    tallies: &BTreeMap<String, BTreeMap<String, Tally>>,
    expected: &BTreeMap<String, BTreeMap<&'static str, u64>>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (suite, kinds) in expected {
        let tiers = tallies.get(suite).into_iter().flatten();
        let mut judged: Vec<(&str, &BTreeMap<String, u64>)> = tiers
            .map(|(tier, tally)| (&**tier, &tally.judged))
            .collect();
        let nothing = BTreeMap::new();
        if judged.is_empty() {
            judged.push(("no tier", &nothing));
        }
        for (tier, judged) in judged {
            for (kind, expected) in kinds {
                let found = judged.get(*kind).copied().unwrap_or(0);
                if found != *expected {
                    wrong.push(format!(
                        "{suite} ({tier}): expected {expected} directives of the kind {kind}, \
                         found {found}"
                    ));
                }
            }
        }
    }
    wrong
}

/// Suite → tier → numbers.
type Tallies = Arc<Mutex<BTreeMap<String, BTreeMap<String, Tally>>>>;

fn add_trials(suite: Suite, tallies: &Tallies, trials: &mut Vec<Trial>) {
    let name = suite.name;
    let mut faults = suite.faults;
    let path = upstream::project().join(format!("tests/waivers/{name}.txt"));
    let waivers = Waivers::read(&path).unwrap_or_else(|error| {
        faults.push(format!("waivers/{name}.txt: {error}"));
        Waivers::default()
    });
    let paths: BTreeSet<String> = suite.cases.iter().map(|case| case.path.clone()).collect();
    faults.extend(waivers.strangers(&paths));
    for (index, fault) in faults.into_iter().enumerate() {
        let title = format!("{name}: the suite is whole ({})", index + 1);
        trials.push(Trial::test(title, move || Err(Failed::from(fault))));
    }
    let waivers = Arc::new(waivers);
    for case in suite.cases {
        let (waivers, tallies) = (Arc::clone(&waivers), Arc::clone(tallies));
        let title = format!("{name}: {}", case.path);
        let (suite, kind) = (name.clone(), case.tier.clone());
        let trial = Trial::ignorable_test(title, move || judge(suite, case, &waivers, &tallies));
        trials.push(trial.with_kind(kind));
    }
}

fn judge(
    suite: String,
    case: Case,
    waivers: &Waivers,
    tallies: &Tallies,
) -> Result<Completion, Failed> {
    let mut judged = BTreeMap::new();
    let (verdict, skipped) = match bounded(case.run) {
        Outcome::Ran(failures) => (waivers.judge(&case.path, &failures), None),
        Outcome::Judged {
            failures,
            judged: counts,
        } => {
            judged = counts;
            (waivers.judge(&case.path, &failures), None)
        }
        Outcome::Skipped(reason) => (Verdict::Passed, Some(reason)),
    };
    let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
    let tally = tallies
        .entry(suite)
        .or_default()
        .entry(case.tier)
        .or_default();
    for (kind, count) in judged {
        *tally.judged.entry(kind.to_owned()).or_default() += u64::from(count);
    }
    match (verdict, skipped) {
        (_, Some(reason)) => {
            tally.skipped += 1;
            Ok(Completion::ignored_with(reason))
        }
        (Verdict::Passed, None) => {
            tally.passed += 1;
            Ok(Completion::Completed)
        }
        (Verdict::Waived, None) => {
            tally.waived += 1;
            Ok(Completion::Completed)
        }
        (Verdict::Failed(wrong), None) => {
            tally.failed += 1;
            Err(wrong.join("\n").into())
        }
    }
}

/// Runs a case on a thread of its own; a panic or a hang is a failure.
fn bounded(run: Box<dyn FnOnce() -> Outcome + Send>) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let started = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
                let text = format!("panicked: {}", panic_text(panic.as_ref()));
                Outcome::Ran(vec![Failure::at(0, text)])
            });
            // Nobody listens any more when the time was up.
            let _ = sender.send(outcome);
        });
    if let Err(error) = started {
        return Outcome::Ran(vec![Failure::at(
            0,
            format!("failed to start a thread: {error}"),
        )]);
    }
    let text = match receiver.recv_timeout(HANG) {
        Ok(outcome) => return outcome,
        Err(RecvTimeoutError::Timeout) => format!("hangs: no end after {} s", HANG.as_secs()),
        Err(RecvTimeoutError::Disconnected) => "ended without an outcome".to_owned(),
    };
    Outcome::Ran(vec![Failure::at(0, text)])
}

/// What a panic said.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        panic
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("without a text")
    }
}

fn save(suite: &str, tiers: &BTreeMap<String, Tally>) -> Result<(), String> {
    conformance::record(&upstream::target_folder()?, suite, tiers)
}

#[expect(
    clippy::print_stdout,
    reason = "the closing lines are this function's purpose"
)]
fn print_closing_lines(suite: &str, tiers: &BTreeMap<String, Tally>) {
    for (tier, tally) in tiers {
        println!(
            "{suite} ({tier}): {} files, {} passed, {} failed, {} waived, {} skipped",
            tally.files(),
            tally.passed,
            tally.failed,
            tally.waived,
            tally.skipped
        );
    }
}

#[expect(clippy::print_stderr, reason = "the summary could not be written")]
fn print_error(error: &str) {
    eprintln!("{error}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_with_its_text() {
        let outcome = bounded(Box::new(|| panic!("lost {}", 7)));
        let Outcome::Ran(failures) = outcome else {
            panic!("expected failures, found {outcome:?}");
        };
        assert_eq!(failures, [Failure::at(0, "panicked: lost 7")]);
    }

    #[test]
    fn a_suite_without_a_case_has_judged_nothing() {
        let demanded = BTreeMap::from([("assert_return", 2)]);
        let expected = BTreeMap::from([("own".to_owned(), demanded)]);
        let mut tallies = BTreeMap::new();
        assert_eq!(
            miscounts(&tallies, &expected),
            ["own (no tier): expected 2 directives of the kind assert_return, found 0"]
        );
        let judged = BTreeMap::from([("assert_return".to_owned(), 2)]);
        let tally = Tally {
            judged,
            ..Tally::default()
        };
        tallies.insert(
            "own".to_owned(),
            BTreeMap::from([("loop".to_owned(), tally)]),
        );
        assert_eq!(miscounts(&tallies, &expected), [""; 0]);
    }

    #[test]
    fn an_unexpected_number_of_files_is_a_fault() {
        let mut suite = Suite::new("own");
        suite.expect_files("core", 3, 3);
        assert!(suite.faults.is_empty());
        suite.expect_files("core", 3, 2);
        assert_eq!(suite.faults, ["core: expected 3 files, found 2"]);
    }
}
