//! The calls between host and guest: which guest, which case, how many calls, and what
//! each may cost. The guests are text in `calls/`, assembled here, so that every engine
//! is given the same bytes; those of the second table were made by real toolchains and
//! stand beside the project.

use std::path::Path;

use bench_protocol::Case;

use crate::guest::assemble;
use crate::row::{Bars, Job};

/// One row of the report.
struct Call {
    case: Case,
    /// Its guest in `calls/`, or in the corpus.
    guest: &'static str,
    /// The number of calls.
    n: u32,
    bars: Bars,
}

const fn call(case: Case, guest: &'static str, n: u32) -> Call {
    Call {
        case,
        guest,
        n,
        bars: Bars::NONE,
    }
}

impl Call {
    /// How much of wasmtime's time it may take.
    const fn bar(self, peer: f64) -> Call {
        self.bars(Some(peer), None)
    }

    /// The same, and how often the time of one copy of the bytes.
    const fn bars(self, peer: Option<f64>, copy: Option<f64>) -> Call {
        Call {
            bars: Bars { peer, copy },
            ..self
        }
    }
}

const CALLS: &[Call] = &[
    call(Case::CoreNoop, "core", 2_000_000),
    call(Case::CoreAdd, "core", 2_000_000),
    call(Case::CoreImport, "core", 2_000_000),
    call(Case::Noop, "scalars", 1_000_000).bar(0.25),
    call(Case::Add, "scalars", 1_000_000).bar(0.25),
    call(Case::AddDynamic, "scalars", 1_000_000).bar(0.3),
    call(Case::ImportU32, "scalars", 2_000_000).bar(0.5),
    call(Case::ImportString, "import-string", 1_000_000).bar(0.5),
    call(Case::StringIn, "strings", 500_000),
    call(Case::StringOut, "strings", 500_000),
    call(Case::ListIn, "lists", 100_000),
    call(Case::RecordsIn, "bulk", 500).bar(0.25),
    call(Case::RecordsOut, "bulk", 500).bar(0.25),
    call(Case::BytesIn, "bulk", 500).bars(Some(1.0), Some(1.3)),
    call(Case::BytesOut, "bulk", 500).bars(Some(1.0), Some(1.3)),
    call(Case::TextIn, "bulk", 500).bars(Some(1.0), Some(2.0)),
    call(Case::TextOut, "bulk", 500).bars(Some(1.0), Some(2.0)),
    call(Case::WordsIn, "bulk", 500).bar(1.3),
    call(Case::WordsOut, "bulk", 500).bar(1.0),
    call(Case::Instantiate, "memory", 5_000).bar(0.3),
    call(Case::CrossU32, "cross", 1_000_000),
    call(Case::CrossString, "cross", 500_000),
    call(Case::CrossRecords, "cross", 500),
];

const CORPUS: &[Call] = &[
    call(Case::RustAdd, "rust-compute/rust-compute", 500_000),
    call(Case::RustString, "rust-compute/rust-compute", 100_000),
    call(Case::RustBytes, "rust-compute/rust-compute", 2_000),
    call(Case::RustPoints, "rust-compute/rust-compute", 1_000),
    call(Case::CString, "c-component/c-component", 50_000),
    call(Case::CBytes, "c-component/c-component", 5_000),
    call(
        Case::RustResource,
        "rust-resources/rust-resources.stripped",
        50_000,
    ),
];

/// The jobs of `bench calls`, with their guests assembled.
pub(crate) fn jobs() -> Result<Vec<Job>, String> {
    let job = |call: &Call| Ok(job(call, assemble("calls", call.guest)?));
    CALLS.iter().map(job).collect()
}

/// The jobs of the second table: those whose guests are there.
pub(crate) fn corpus_jobs(corpus: &Path) -> Vec<Job> {
    CORPUS
        .iter()
        .map(|call| job(call, corpus.join(call.guest).with_added_extension("wasm")))
        .filter(|job| job.guest.is_file())
        .collect()
}

fn job(call: &Call, guest: std::path::PathBuf) -> Job {
    Job {
        name: call.case.name(),
        case: call.case,
        guest,
        n: call.n,
        operations: call.n,
        checksum: None,
        bars: call.bars,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_guest_assembles() {
        assert_eq!(super::jobs().unwrap().len(), super::CALLS.len());
    }
}
