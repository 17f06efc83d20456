//! A row of a report: one piece of work, and what each engine needed for it.

use std::path::PathBuf;

use bench_protocol::Case;

use crate::engine::Run;

/// Work that every engine is asked to do.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The name in the report.
    pub(crate) name: &'static str,
    /// What the engine program does with the guest.
    pub(crate) case: Case,
    /// The guest, as a binary.
    pub(crate) guest: PathBuf,
    /// How much work one run is.
    pub(crate) n: u32,
    /// How many equal operations a run consists of: what a time is divided by.
    pub(crate) operations: u32,
    /// What a run must answer, if that is known beforehand.
    pub(crate) checksum: Option<u64>,
    /// What the first engine may need.
    pub(crate) bars: Bars,
}

/// What the first engine may need for a job at most, as a ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Bars {
    /// Of the time of wasmtime.
    pub(crate) peer: Option<f64>,
    /// Of the time of one copy of the same bytes, which the engine programs note.
    pub(crate) copy: Option<f64>,
}

impl Bars {
    /// No bar.
    pub(crate) const NONE: Self = Self {
        peer: None,
        copy: None,
    };
}

/// What one engine did with one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The shortest run, in nanoseconds of processor time.
    Time(u64),
    /// The engine has no concept for this case.
    Unsupported,
    /// It failed, or answered something else than it had to.
    Failed(String),
}

/// One job with the outcomes, in the order of the engines.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) job: Job,
    pub(crate) outcomes: Vec<Outcome>,
    /// All runs of each engine that answered, in their order.
    pub(crate) runs: Vec<Vec<Run>>,
}

impl Row {
    /// Nanoseconds for each operation on the engine at `index`, if it ran.
    pub(crate) fn nanoseconds(&self, index: usize) -> Option<f64> {
        match self.outcomes.get(index)? {
            Outcome::Time(time) => Some(*time as f64 / f64::from(self.job.operations)),
            Outcome::Unsupported | Outcome::Failed(_) => None,
        }
    }

    /// The shortest run of the engine at `index`.
    pub(crate) fn best(&self, index: usize) -> Option<&Run> {
        self.runs.get(index)?.iter().min_by_key(|run| run.time)
    }

    /// The first engine's time divided by the time of the engine at `index`: below
    /// one the first engine is faster.
    pub(crate) fn ratio(&self, index: usize) -> Option<f64> {
        Some(self.nanoseconds(0)? / self.nanoseconds(index)?)
    }

    /// Nanoseconds of one copy of what an operation moves: the shortest that any engine
    /// program noted.
    pub(crate) fn copy_nanoseconds(&self) -> Option<f64> {
        let notes = self.runs.iter().flatten();
        let shortest = notes.filter_map(|run| run.notes.get("copy")).min()?;
        Some(*shortest as f64 / f64::from(self.job.operations))
    }

    /// The first engine's time divided by that of a copy.
    pub(crate) fn copy_ratio(&self) -> Option<f64> {
        Some(self.nanoseconds(0)? / self.copy_nanoseconds()?)
    }

    /// Whether an engine failed.
    pub(crate) fn failed(&self) -> bool {
        self.outcomes.iter().any(|outcome| match outcome {
            Outcome::Failed(_) => true,
            Outcome::Time(_) | Outcome::Unsupported => false,
        })
    }
}

/// The geometric mean of the ratios of `rows` for the engine at `index`, and over
/// how many rows it was taken; nothing if no row has both times.
pub(crate) fn geometric_mean(rows: &[Row], index: usize) -> Option<(f64, usize)> {
    let logarithms: Vec<f64> = rows
        .iter()
        .filter_map(|row| row.ratio(index))
        .map(f64::ln)
        .collect();
    let count = logarithms.len();
    (count > 0).then(|| ((logarithms.iter().sum::<f64>() / count as f64).exp(), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(times: [u64; 2]) -> Row {
        let job = Job {
            name: "x",
            case: Case::Kernel,
            guest: PathBuf::new(),
            n: 1,
            operations: 1,
            checksum: None,
            bars: Bars::NONE,
        };
        Row {
            job,
            outcomes: times.map(Outcome::Time).to_vec(),
            runs: Vec::new(),
        }
    }

    #[test]
    fn the_mean_of_opposite_ratios_is_one() {
        let rows = [row([100, 400]), row([400, 100])];
        let (mean, count) = geometric_mean(&rows, 1).unwrap();
        assert!((mean - 1.0).abs() < 1e-12);
        assert_eq!(count, 2);
    }

    #[test]
    fn a_row_without_a_time_is_left_out() {
        let mut rows = vec![row([100, 200]), row([100, 100])];
        rows[1].outcomes[1] = Outcome::Unsupported;
        assert_eq!(geometric_mean(&rows, 1), Some((0.5, 1)));
        assert!(!rows[1].failed());
        assert_eq!(geometric_mean(&rows[1..], 1), None);
    }
}
