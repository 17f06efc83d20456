//! The calls between host and guest: which guest, which case, how many calls. The
//! guests are text in `calls/`; they are assembled here, so that every engine is
//! given the same bytes.

use bench_protocol::Case;

use crate::guest::assemble;
use crate::row::Job;

/// One row of the report: the case, its guest in `calls/`, the number of calls.
const CALLS: [(Case, &str, u32); 10] = [
    (Case::CoreNoop, "core", 2_000_000),
    (Case::CoreAdd, "core", 2_000_000),
    (Case::CoreImport, "core", 2_000_000),
    (Case::ComponentNoop, "scalars", 1_000_000),
    (Case::ComponentAdd, "scalars", 1_000_000),
    (Case::ComponentImport, "scalars", 2_000_000),
    (Case::StringIn, "strings", 500_000),
    (Case::StringOut, "strings", 500_000),
    (Case::ListIn, "lists", 100_000),
    (Case::Instantiate, "scalars", 5_000),
];

/// The jobs of `bench calls`, with their guests assembled.
pub(crate) fn jobs() -> Result<Vec<Job>, String> {
    CALLS
        .into_iter()
        .map(|(case, guest, n)| {
            Ok(Job {
                name: case.name(),
                case,
                guest: assemble("calls", guest)?,
                n,
                operations: n,
                checksum: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_guest_assembles() {
        assert_eq!(super::jobs().unwrap().len(), super::CALLS.len());
    }
}
