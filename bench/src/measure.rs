//! Measures jobs: every engine does a job in turn, round after round, and its
//! shortest run counts. Disturbances only ever add time, and a change in the
//! machine's speed meets all engines alike.

use crate::engine::{Engine, Run};
use crate::row::{Job, Outcome, Row};

/// Has every engine do `job` in `rounds` rounds.
pub(crate) fn measure(engines: &mut [Engine], job: Job, rounds: u32) -> Row {
    let mut outcomes: Vec<Outcome> = engines
        .iter_mut()
        .map(|engine| match engine.load(job.case, &job.guest) {
            Ok(()) => Outcome::Time(u64::MAX),
            Err(why) if why.starts_with("unsupported") => Outcome::Unsupported,
            Err(why) => Outcome::Failed(why),
        })
        .collect();
    let mut expected = job.checksum;
    let mut runs = vec![Vec::new(); engines.len()];
    for _ in 0..rounds {
        for ((engine, outcome), runs) in engines.iter_mut().zip(&mut outcomes).zip(&mut runs) {
            if let Outcome::Time(best) = *outcome {
                *outcome = run(engine, &job, &mut expected, best, runs);
            }
        }
    }
    Row {
        job,
        outcomes,
        runs,
    }
}

/// One run. The first checksum of a job that has none yet binds the others.
fn run(
    engine: &mut Engine,
    job: &Job,
    expected: &mut Option<u64>,
    best: u64,
    runs: &mut Vec<Run>,
) -> Outcome {
    match engine.run(job.n) {
        Err(why) => Outcome::Failed(why),
        Ok(run) => {
            let (time, checksum) = (run.time, run.checksum);
            runs.push(run);
            let expected = *expected.get_or_insert(checksum);
            if checksum == expected {
                Outcome::Time(best.min(time))
            } else {
                Outcome::Failed(format!(
                    "expected checksum {expected:016x}, found {checksum:016x}"
                ))
            }
        }
    }
}
