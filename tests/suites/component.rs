//! The component suite of the specification, and our own component scripts, in
//! every mode of the engine.
//!
//! The scripts in the suite's folder `async` belong to features that are not
//! built yet and are no part of it.

use std::process::ExitCode;

use linkspan_tests::harness::{self, Suite};
use linkspan_tests::scripts::{self, Plan};
use linkspan_tests::{cases, upstream};

const FILES: usize = 29;

fn main() -> ExitCode {
    harness::run(vec![specification(), own()])
}

fn specification() -> Suite {
    let mut suite = Suite::new("component-model");
    let files = upstream::folder("wasm-tools", "1.263.0", "tests/component-model/test")
        .and_then(|folder| cases::list(&folder, &["wast"]));
    match files {
        Ok(mut files) => {
            files.retain(|(name, _)| !name.starts_with("async/"));
            suite.expect_files("tests/component-model/test", FILES, files.len());
            scripts::add(&mut suite, files, Plan::common());
        }
        Err(error) => suite.fault(error),
    }
    suite
}

fn own() -> Suite {
    let mut suite = Suite::new("component");
    match cases::own(
        &upstream::project().join("tests/cases/component"),
        &["wast"],
    ) {
        Ok(files) => scripts::add(&mut suite, files, Plan::common()),
        Err(error) => suite.fault(error),
    }
    suite
}
