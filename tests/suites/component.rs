//! The component suite of the specification, the component scripts of
//! wasm-tools, and our own, in every mode of the engine.
//!
//! The scripts in the specification's folder `async` run functions that are
//! not built yet: of them the components and what they say of validation are
//! judged.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use linkspan_script::Reach;
use linkspan_tests::harness::{self, Suite};
use linkspan_tests::scripts::{self, Plan};
use linkspan_tests::{cases, upstream, wasm_tools};

/// Folder, number of files.
const SPECIFICATION: (&str, usize) = ("tests/component-model/test", 29 + 43);
const WASM_TOOLS: &[(&str, usize)] = &[
    ("tests/cli/component-model", 88),
    ("tests/cli/missing-features/component-model", 12),
];

/// Set to `0`, it makes the text parser read the older way to write indices,
/// which one script is about. No script asserts that it is refused.
const OLDER_INDICES: (&str, &str) = ("WAST_STRICT_COMPONENT_INDICES", "0");

fn main() -> ExitCode {
    let (name, value) = OLDER_INDICES;
    if env::var_os(name).is_none_or(|found| found != value) {
        return again_with(name, value);
    }
    harness::run(vec![specification(), asynchronous(), tools(), own()])
}

/// Runs this suite again, with a variable that is read only once in a process.
fn again_with(name: &str, value: &str) -> ExitCode {
    let again = env::current_exe().and_then(|program| {
        Command::new(program)
            .args(env::args_os().skip(1))
            .env(name, value)
            .status()
    });
    match again {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}

fn files(of: (&str, usize), suite: &mut Suite) -> Vec<(String, PathBuf)> {
    let (folder, expected) = of;
    let found = upstream::folder("wasm-tools", "1.263.0", folder)
        .and_then(|folder| cases::list(&folder, &["wast"]));
    match found {
        Ok(files) => {
            suite.expect_files(folder, expected, files.len());
            files
        }
        Err(error) => {
            suite.fault(error);
            Vec::new()
        }
    }
}

fn specification() -> Suite {
    let mut suite = Suite::new("component-model");
    let mut files = files(SPECIFICATION, &mut suite);
    files.retain(|(name, _)| !name.starts_with("async/"));
    scripts::add(&mut suite, files, Plan::common());
    suite.expect_judged(&[
        ("assert_return", 288),
        ("assert_trap", 67),
        ("assert_invalid", 379),
        ("assert_malformed", 85),
    ]);
    suite
}

fn asynchronous() -> Suite {
    let mut suite = Suite::new("component-model-async");
    let mut files = files(SPECIFICATION, &mut suite);
    files.retain(|(name, _)| name.starts_with("async/"));
    let plan = Plan {
        reach: Reach::Definitions,
        ..Plan::common()
    };
    scripts::add(&mut suite, files, plan);
    suite.expect_judged(&[
        ("component", 41),
        ("component definition", 28),
        ("assert_invalid", 6),
    ]);
    suite
}

/// Each script says with which proposals `wasm-tools` shall be run on it.
fn tools() -> Suite {
    let mut suite = Suite::new("component-wasm-tools");
    for folder in WASM_TOOLS {
        for (name, path) in files(*folder, &mut suite) {
            match features(&path) {
                Ok(features) => {
                    let plan = Plan {
                        features,
                        reach: Reach::Called,
                        ..Plan::common()
                    };
                    let (_, last) = folder.0.split_at("tests/cli/".len());
                    scripts::add(&mut suite, vec![(format!("{last}/{name}"), path)], plan);
                }
                Err(error) => suite.fault(format!("{name}: {error}")),
            }
        }
    }
    suite.expect_judged(&[
        ("assert_return", 3),
        ("assert_invalid", 686 + 74),
        ("assert_malformed", 36 + 3),
        ("component", 372 + 2),
        ("component definition", 36),
    ]);
    suite
}

fn features(path: &Path) -> Result<linkspan_script::Proposals, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    wasm_tools::features(&text)
}

fn own() -> Suite {
    let mut suite = Suite::new("component");
    let folder = upstream::project().join("tests/cases/component");
    let files = match cases::own(&folder, &["wast"]) {
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
                    ..Plan::common()
                };
                scripts::add(&mut suite, vec![(name, path)], plan);
            }
            Err(error) => suite.fault(error),
        }
    }
    suite
}
