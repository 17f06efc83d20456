//! `bench kernels`, `calls`, `gc` and `programs`: Linkspan beside its peers, in one
//! run.
//!
//! Every engine is a program of its own (see `engine`), built alike and given the
//! same bytes; `measure` runs them in turns, `report` prints what they needed. What
//! is measured, and how to read it, stands in `README.md`.
#![forbid(unsafe_code)]

mod arguments;
mod calls;
mod engine;
mod gc;
mod guest;
mod kernels;
mod measure;
mod programs;
mod report;
mod row;

use std::process::ExitCode;

use arguments::{Arguments, Mode};
use engine::Engine;
use row::{Job, Row};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(rows) if !rows.iter().any(Row::failed) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Vec<Row>, String> {
    let mut engines = Vec::new();
    for name in &arguments.engines {
        eprintln!("building {name}");
        engines.push(Engine::start(&engine::build(name)?)?);
    }
    let mut rows = Vec::new();
    for job in jobs(arguments)? {
        eprintln!("measuring {}", job.name);
        rows.push(measure::measure(&mut engines, job, arguments.rounds));
    }
    print!("{}", show(arguments, &rows));
    if arguments.check {
        let missed = report::missed(&arguments.engines, &rows);
        if !missed.is_empty() {
            return Err(format!("bars were missed:\n{}", missed.join("\n")));
        }
    }
    if arguments.mode == Mode::Gc {
        gc::check(&arguments.engines, &rows)?;
    }
    Ok(rows)
}

fn show(arguments: &Arguments, rows: &[Row]) -> String {
    let engines = &arguments.engines;
    if arguments.json {
        return report::json(arguments.mode.name(), engines, rows);
    }
    match arguments.mode {
        Mode::Kernels => report::table(engines, rows, report::Unit::Run),
        Mode::Calls => {
            let (corpus, ours): (Vec<Row>, Vec<Row>) = rows
                .iter()
                .cloned()
                .partition(|row| row.job.case.is_corpus());
            let table = |rows: &[Row]| report::table(engines, rows, report::Unit::Operation);
            match (ours.is_empty(), corpus.is_empty()) {
                (_, true) => table(&ours),
                (true, false) => table(&corpus),
                (false, false) => format!("{}\n{}", table(&ours), table(&corpus)),
            }
        }
        Mode::Gc => report::table(engines, rows, report::Unit::Run) + &gc::heaps(engines, rows),
        Mode::Programs => {
            report::table(engines, rows, report::Unit::Run) + &report::first_outputs(engines, rows)
        }
    }
}

/// The jobs that the arguments ask for, at their scale.
fn jobs(arguments: &Arguments) -> Result<Vec<Job>, String> {
    let mut jobs = match arguments.mode {
        Mode::Kernels => kernels::jobs(),
        Mode::Calls => {
            let mut jobs = calls::jobs()?;
            jobs.extend(calls::corpus_jobs(&arguments.corpus));
            jobs
        }
        Mode::Gc => gc::jobs()?,
        Mode::Programs => programs::jobs(&arguments.corpus)?,
    };
    jobs.retain(|job| job.name.contains(&arguments.filter));
    if jobs.is_empty() {
        return Err(format!(
            "nothing to measure has `{}` in its name",
            arguments.filter
        ));
    }
    if arguments.shrink > 1 {
        for job in &mut jobs {
            job.n = (job.n / arguments.shrink).max(1);
            job.operations = (job.operations / arguments.shrink).max(1);
            if arguments.mode != Mode::Programs {
                job.checksum = None;
            }
        }
    }
    Ok(jobs)
}
