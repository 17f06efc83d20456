//! Hands ranges of seeds to workers, restarts those that die, and keeps the log.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::generate::generate;
use crate::ours::Proposals;
use crate::tally::Tally;
use crate::worker::save;

/// Seeds that one worker does before it makes place for a new one: what an engine
/// keeps of old modules is given back.
const PART: u64 = 500;
/// A module that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all threads share.
struct Shared {
    parts: Vec<u64>,
    total: Tally,
    log: File,
    started: Instant,
    /// Modules of earlier runs, which do not count for the speed of this one.
    resumed: u64,
}

/// Runs the whole range; answers whether nothing differed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", arguments.out.display());
    std::fs::create_dir_all(&arguments.out).map_err(failed)?;
    let path = arguments.out.join("log");
    let (done, total) = resume(&std::fs::read_to_string(&path).unwrap_or_default());
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(failed)?;
    let end = arguments.seed + arguments.count;
    let mut parts: Vec<u64> = (arguments.seed..end)
        .step_by(usize::try_from(PART).unwrap_or(1))
        .filter(|start| !done.contains(start))
        .collect();
    parts.reverse();
    let shared = Mutex::new(Shared {
        parts,
        total,
        log,
        started: Instant::now(),
        resumed: total.modules,
    });
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.jobs)
            .map(|_| scope.spawn(|| work(arguments, end, &shared)))
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a thread panicked".to_owned())?)
    })?;
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!(
        "seeds {} to {}: {}",
        arguments.seed,
        end - 1,
        shared.total.summary()
    );
    Ok(shared.total.mismatches == 0)
}

/// The parts that a log says are done, and their sum.
fn resume(log: &str) -> (BTreeSet<u64>, Tally) {
    let mut done = BTreeSet::new();
    let mut total = Tally::default();
    for line in log.lines() {
        let part = line
            .strip_prefix("part ")
            .and_then(|rest| rest.split_once(' '));
        if let Some((start, counts)) = part
            && let (Ok(start), Some(tally)) = (start.parse(), Tally::parse(counts))
            && done.insert(start)
        {
            total.add(&tally);
        }
    }
    (done, total)
}

/// Does parts until none is left.
fn work(arguments: &Arguments, end: u64, shared: &Mutex<Shared>) -> Result<(), String> {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(start) = lock().parts.pop() else {
            return Ok(());
        };
        let mut tally = Tally::default();
        let mut next = start;
        let last = (start + PART).min(end);
        while next < last {
            next = attend(arguments, next, last, &mut tally, shared)?;
        }
        let mut shared = lock();
        shared.total.add(&tally);
        let line = format!("part {start} {}\n", tally.line());
        let written = shared.log.write_all(line.as_bytes());
        written.map_err(|error| error.to_string())?;
        let fresh = shared.total.modules - shared.resumed;
        let rate = fresh as f64 / shared.started.elapsed().as_secs_f64();
        eprintln!("{rate:.0}/s {}", shared.total.summary());
    }
}

/// Starts a worker for `next..last` and listens to it; answers where to go on.
fn attend(
    arguments: &Arguments,
    next: u64,
    last: u64,
    tally: &mut Tally,
    shared: &Mutex<Shared>,
) -> Result<u64, String> {
    let mut worker = start(arguments, next, last - next)?;
    let lines = listen(&mut worker)?;
    let mut current = next;
    let mut busy = false;
    let why = loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => match line.split_once(' ') {
                Some(("begin", seed)) => {
                    current = seed
                        .parse()
                        .map_err(|_| format!("the worker said {line}"))?;
                    busy = true;
                }
                Some(("done", counts)) => {
                    tally.add(&Tally::parse(counts).ok_or("the worker cannot count")?);
                    busy = false;
                }
                Some((word @ ("differs" | "alone"), what)) => report(shared, word, what)?,
                Some(_) | None => return Err(format!("the worker said {line}")),
            },
            Err(RecvTimeoutError::Timeout) => break "it hangs".to_owned(),
            Err(RecvTimeoutError::Disconnected) => {
                let status = worker.wait().map_err(|error| error.to_string())?;
                if !busy && status.success() {
                    return Ok(last);
                }
                if !busy {
                    return Err(format!("a worker did not start: {status}"));
                }
                break format!("it ends with {status}");
            }
        }
    };
    // Killing fails only for a worker that has ended by itself.
    let _ended = worker.kill();
    let _status = worker.wait();
    report(shared, "differs", &format!("{current} {why}"))?;
    let made = generate(current, &Proposals::supported(), arguments.subset)?;
    save(&arguments.out, current, &made.bytes)?;
    tally.modules += 1;
    tally.mismatches += 1;
    Ok(current + 1)
}

fn start(arguments: &Arguments, seed: u64, count: u64) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command
        .args(["work", "--seed", &seed.to_string()])
        .args(["--count", &count.to_string()])
        .arg("--out")
        .arg(&arguments.out)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    for (option, is_on) in [
        ("--subset", arguments.subset),
        ("--unfinished", arguments.unfinished),
    ] {
        if is_on {
            command.arg(option);
        }
    }
    command.spawn().map_err(|error| error.to_string())
}

/// The lines of a worker, with a way to stop waiting for them.
fn listen(worker: &mut Child) -> Result<Receiver<String>, String> {
    let output = worker.stdout.take().ok_or("the worker has no output")?;
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    Ok(receive)
}

fn report(shared: &Mutex<Shared>, word: &str, what: &str) -> Result<(), String> {
    println!("{word}: {what}");
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let line = format!("{word} {what}\n");
    let written = shared.log.write_all(line.as_bytes());
    written.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_says_what_is_done() {
        let log = "part 1 5 0 2 5 4 1 9 8 0 0 0\ndiffers 7 x\npart 501 5 0 2 5 4 1 9 8 0 0 1\n\
                   part 1 5 0 2 5 4 1 9 8 0 0 0\npart 9 torn";
        let (done, total) = resume(log);
        assert_eq!(done.into_iter().collect::<Vec<_>>(), [1, 501]);
        assert_eq!((total.modules, total.mismatches), (10, 1));
    }
}
