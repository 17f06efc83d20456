//! Programs that make objects: how much time the collector takes, and whether the heap
//! stays as small as what is alive in it. What must hold of our heap is checked here.

use bench_protocol::Case;

use crate::engine::Run;
use crate::guest::assemble;
use crate::report::align;
use crate::row::{Bars, Job, Row};

/// One program of `gc/`.
#[derive(Debug, Clone, Copy)]
struct Program {
    /// The row in the report.
    row: &'static str,
    /// The file name without `.wat`.
    guest: &'static str,
    case: Case,
    n: u32,
}

const fn program(name: &'static str, n: u32) -> Program {
    Program {
        row: name,
        guest: name,
        case: Case::Heap,
        n,
    }
}

const CHURN: &str = "list-churn";
const CYCLIC: &str = "cyclic";
const STORES: &str = "stores";

/// All programs, in the order of the report.
const PROGRAMS: [Program; 7] = [
    program("binary-trees", 15),
    program(CHURN, 10_000),
    program("visitor-cast", 200),
    program("queens-i31", 10),
    program("bytes-hash", 4_000),
    program(CYCLIC, 50_000),
    Program {
        row: STORES,
        guest: CYCLIC,
        case: Case::Stores,
        n: 10_000,
    },
];

/// The jobs of `bench gc`, with their guests assembled.
pub(crate) fn jobs() -> Result<Vec<Job>, String> {
    PROGRAMS
        .into_iter()
        .map(|program| {
            Ok(Job {
                name: program.row,
                case: program.case,
                guest: assemble("gc", program.guest)?,
                n: program.n,
                operations: 1,
                checksum: None,
                bars: Bars::NONE,
            })
        })
        .collect()
}

/// What our heap may take while little is alive in it.
const COMMITTED_MAX: u64 = 2 << 20;
/// By how much the memory of a process that forgets all its stores may grow.
const RESIDENT_GROWTH_MAX: u64 = 4 << 20;
/// The share of the time that the collector may take.
const COLLECTOR_SHARE_MAX: f64 = 0.15;

/// Whether our heap does what it must.
pub(crate) fn check(engines: &[String], rows: &[Row]) -> Result<(), String> {
    let Some(ours) = engines.iter().position(|name| name == "linkspan") else {
        return Ok(());
    };
    let mut broken = Vec::new();
    for row in rows {
        let runs = row.runs.get(ours).map_or(&[][..], Vec::as_slice);
        let [first, .., last] = runs else {
            broken.push(format!("{}: one run is not enough to judge", row.job.name));
            continue;
        };
        if row.job.case == Case::Stores {
            broken.extend(resident_grows(first, last));
            continue;
        }
        let share = share(runs);
        if share.is_nan() || share > COLLECTOR_SHARE_MAX {
            broken.push(format!(
                "{}: the collector takes {:.1} % of the time",
                row.job.name,
                share * 100.0
            ));
        }
        if [CHURN, CYCLIC].contains(&row.job.name) {
            broken.extend(stays_small(row.job.name, first, last));
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("linkspan's heap: {}", broken.join("; ")))
}

/// The collector's share of the time of all runs. Both are taken from the clock on the
/// wall: a program that has to wait does so in the collector as well.
fn share(runs: &[Run]) -> f64 {
    let sum = |key| -> u64 { runs.iter().filter_map(|run| run.notes.get(key)).sum() };
    sum("collector") as f64 / sum("wall") as f64
}

fn resident_grows(first: &Run, last: &Run) -> Option<String> {
    // Not every system tells.
    let (before, after) = (first.notes.get("resident")?, last.notes.get("resident")?);
    (*after > before + RESIDENT_GROWTH_MAX)
        .then(|| format!("{STORES}: resident memory grew from {before} to {after} bytes"))
}

/// Much was allocated, little was alive: the heap must not have grown.
fn stays_small(name: &str, first: &Run, last: &Run) -> Option<String> {
    let note = |run: &Run, key| run.notes.get(key).copied();
    let (Some(before), Some(after), Some(allocated)) = (
        note(first, "committed-max"),
        note(last, "committed-max"),
        note(last, "allocated"),
    ) else {
        return Some(format!("{name}: the engine tells nothing about its heap"));
    };
    if after > COMMITTED_MAX || after > before + before / 4 {
        return Some(format!(
            "{name}: it committed {before} bytes at first and {after} in the end, \
             while {allocated} were allocated in the last run"
        ));
    }
    None
}

/// What our engine says about its heap, as a table.
pub(crate) fn heaps(engines: &[String], rows: &[Row]) -> String {
    let Some(ours) = engines.iter().position(|name| name == "linkspan") else {
        return String::new();
    };
    let heading = [
        "linkspan's heap",
        "committed max",
        "live",
        "allocated",
        "collections",
        "longest pause",
        "collector",
        "resident",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for row in rows {
        let Some(last) = row.runs.get(ours).and_then(|runs| runs.last()) else {
            continue;
        };
        let note = |key: &str, show: fn(u64) -> String| {
            last.notes
                .get(key)
                .map_or_else(|| "-".to_owned(), |x| show(*x))
        };
        let share = last.notes.get("collector").map_or_else(
            || "-".to_owned(),
            |_| format!("{:.1} %", share(&row.runs[ours]) * 100.0),
        );
        lines.push(vec![
            row.job.name.to_owned(),
            note("committed-max", kibibytes),
            note("live", kibibytes),
            note("allocated", kibibytes),
            note("collections", |x| x.to_string()),
            note("pause-max", |x| format!("{:.2} ms", x as f64 / 1e6)),
            share,
            note("resident", kibibytes),
        ]);
    }
    align(&lines)
}

fn kibibytes(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Notes;
    use crate::row::Outcome;
    use std::path::PathBuf;

    fn run(time: u64, notes: &[(&str, u64)]) -> Run {
        let notes: Notes = notes
            .iter()
            .map(|(key, x)| ((*key).to_owned(), *x))
            .collect();
        Run {
            time,
            checksum: 0,
            notes,
        }
    }

    fn row(name: &'static str, case: Case, runs: Vec<Run>) -> Row {
        let job = Job {
            name,
            case,
            guest: PathBuf::new(),
            n: 1,
            operations: 1,
            checksum: None,
            bars: Bars::NONE,
        };
        Row {
            job,
            outcomes: vec![Outcome::Time(1)],
            runs: vec![runs],
        }
    }

    fn verdict(row: Row) -> Result<(), String> {
        check(&["linkspan".to_owned()], &[row])
    }

    #[test]
    fn every_guest_assembles() {
        assert_eq!(jobs().unwrap().len(), PROGRAMS.len());
    }

    #[test]
    fn a_heap_that_grows_over_garbage_is_reported() {
        let runs = |end| {
            let notes = |max| {
                [
                    ("committed-max", max),
                    ("allocated", 1 << 30),
                    ("collector", 5),
                ]
            };
            vec![run(100, &notes(1 << 20)), run(100, &notes(end))]
        };
        assert_eq!(verdict(row(CHURN, Case::Heap, runs(1 << 20))), Ok(()));
        assert!(verdict(row(CHURN, Case::Heap, runs(3 << 20))).is_err());
        assert!(verdict(row(CHURN, Case::Heap, runs(3 << 19))).is_err());
        assert_eq!(verdict(row("other", Case::Heap, runs(3 << 20))), Ok(()));
        let silent = vec![run(100, &[]), run(100, &[])];
        assert!(verdict(row(CYCLIC, Case::Heap, silent)).is_err());
    }

    #[test]
    fn a_busy_collector_is_reported() {
        let runs = vec![
            run(100, &[("collector", 10)]),
            run(100, &[("collector", 30)]),
        ];
        let why = verdict(row("trees", Case::Heap, runs)).unwrap_err();
        assert!(why.contains("20.0 %"), "{why}");
    }

    #[test]
    fn stores_that_are_kept_are_reported() {
        let runs = |end| {
            vec![
                run(1, &[("resident", 10 << 20)]),
                run(1, &[("resident", end)]),
            ]
        };
        assert_eq!(verdict(row(STORES, Case::Stores, runs(11 << 20))), Ok(()));
        assert!(verdict(row(STORES, Case::Stores, runs(30 << 20))).is_err());
    }
}
