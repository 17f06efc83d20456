//! Commands of WASI 0.1 that toolchains made of real sources, and what they must print.
//! They are no part of the project: a folder of them is given on the command line.

use std::path::Path;

use bench_protocol::{Case, checksum};

use crate::row::{Bars, Job};

/// One program: its name in the report, the module, what it prints.
const PROGRAMS: [(&str, &str, &str); 3] = [
    ("go-hello", "go-hello/go-hello.wasm", "go-hello/EXPECT"),
    ("c-json", "c-programs/json.wasm", "c-programs/json.EXPECT"),
    (
        "c-sha256",
        "c-programs/sha256.wasm",
        "c-programs/sha256.EXPECT",
    ),
];

/// The jobs of `bench programs`.
pub(crate) fn jobs(corpus: &Path) -> Result<Vec<Job>, String> {
    PROGRAMS
        .into_iter()
        .map(|(name, module, expected)| {
            let expected = corpus.join(expected);
            let output = std::fs::read(&expected)
                .map_err(|error| format!("{} (see --corpus): {error}", expected.display()))?;
            Ok(Job {
                name,
                case: Case::Program,
                guest: corpus.join(module),
                n: 1,
                operations: 1,
                checksum: Some(checksum(&output)),
                bars: Bars::NONE,
            })
        })
        .collect()
}
