//! A worker: modules one after the other, in this process. Before each it says
//! which, so that the supervisor knows what it died of.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use linkspan_engine::{DispatchMode, GcZeal};

use crate::arguments::Arguments;
use crate::driver::{Seen, Shown, Stop, Tested, observe};
use crate::generate::{Generated, generate};
use crate::ours::{Ours, Proposals, zeal};
use crate::peer_wasmi::Wasmi;
use crate::peer_wasmtime::Wasmtime;
use crate::shape::{Shape, Unfit};
use crate::tally::Tally;

/// The native stack of the thread that runs guests: the peer's compiled code takes
/// its frames from it.
const STACK_BYTES: usize = 256 << 20;

/// All engines.
struct Engines {
    /// Ours, ours in the other dispatch mode, and the judge: they run every module.
    all: Vec<Box<dyn Tested>>,
    /// Runs what keeps to its proposals.
    wasmi: Box<dyn Tested>,
    /// Ours with a zealous collector runs the others.
    zeal: Box<dyn Tested>,
}

impl Engines {
    fn new() -> Result<Self, String> {
        let idle = GcZeal::default();
        Ok(Self {
            all: vec![
                Box::new(Ours::new(DispatchMode::Auto, idle, "threaded")?),
                Box::new(Ours::new(DispatchMode::Loop, idle, "loop")?),
                Box::new(Wasmtime::new()?),
            ],
            wasmi: Box::new(Wasmi::new()),
            zeal: Box::new(Ours::new(DispatchMode::Auto, zeal(), "zeal")?),
        })
    }

    /// The engines for a module, in the order in which they are compared.
    fn chosen(&self, subset: bool) -> impl Iterator<Item = &dyn Tested> {
        let last = if subset { &self.wasmi } else { &self.zeal };
        self.all.iter().chain([last]).map(|engine| &**engine)
    }

    /// Runs a module on all engines that can be expected to have what it needs.
    fn observe(&self, bytes: &[u8], shape: &Shape, seed: u64, subset: bool) -> Vec<Seen> {
        self.chosen(subset)
            .map(|engine| observe(engine, bytes, shape, seed))
            .collect()
    }

    /// How an engine differs from the first one, if one does.
    fn difference(&self, seen: &[Seen], subset: bool) -> Option<Difference> {
        let (first, others) = seen.split_first()?;
        let (engine, what) = others
            .iter()
            .zip(self.chosen(subset).skip(1))
            .find_map(|(other, engine)| Some((engine, first.difference(other)?)))?;
        Some(Difference {
            what: format!("{} / {}: {what}", self.all[0].name(), engine.name()),
            alone: engine.name() == Wasmi::NAME,
        })
    }
}

/// Engines that do not agree over a module.
struct Difference {
    what: String,
    /// Whether it is wasmi against all others: two engines of different makers say
    /// otherwise, so it is kept, but not held against ours.
    alone: bool,
}

/// Does the range of seeds of `arguments`.
pub(crate) fn serve(arguments: &Arguments) -> Result<bool, String> {
    let arguments = arguments.clone();
    on_a_large_stack(move || {
        let engines = Engines::new()?;
        let proposals = Proposals::supported();
        let mut output = std::io::stdout().lock();
        let mut say = |line: String| {
            writeln!(output, "{line}")
                .and_then(|()| output.flush())
                .map_err(|error| error.to_string())
        };
        for seed in arguments.seed..arguments.seed + arguments.count {
            say(format!("begin {seed}"))?;
            let made = generate(seed, &proposals, arguments.subset)?;
            let (tally, difference) = one(&engines, &made, seed, arguments.unfinished);
            if let Some(Difference { what, alone }) = difference {
                save(&arguments.out, seed, &made.bytes)?;
                let word = if alone { "alone" } else { "differs" };
                say(format!("{word} {seed} {}", what.replace('\n', " ")))?;
            }
            say(format!("done {}", tally.line()))?;
        }
        Ok(true)
    })
}

/// Runs one module everywhere, and counts.
fn one(
    engines: &Engines,
    made: &Generated,
    seed: u64,
    unfinished: bool,
) -> (Tally, Option<Difference>) {
    let (bytes, subset) = (made.bytes.as_slice(), made.subset);
    let mut tally = Tally {
        modules: 1,
        ..Tally::default()
    };
    let shape = match Shape::of(bytes) {
        Ok(shape) => shape,
        Err(Unfit::Invalid(why)) => {
            tally.mismatches = 1;
            let what = format!("the generator made: {why}");
            return (tally, Some(Difference { what, alone: false }));
        }
        Err(Unfit::Import | Unfit::Waits | Unfit::EmptyShared) => {
            tally.unfit = 1;
            return (tally, None);
        }
    };
    let seen = engines.observe(bytes, &shape, seed, subset);
    // A host cannot name types that are not final or belong to a group.
    let is_unlinkable = matches!(&seen[0].start, Some(Stop::Other(why))
        if why.contains("with other supertypes, finality or recursion group"));
    if is_unlinkable {
        tally.unfit = 1;
        return (tally, None);
    }
    let difference = engines
        .difference(&seen, subset)
        .filter(|found| !(unfinished && found.what.contains("is not supported by this version")));
    let returned = |seen: &Seen| seen.calls.iter().filter(|(_, end)| end.is_ok()).count() as u64;
    let first = &seen[0];
    tally.on_wasmi = u64::from(subset);
    tally.instantiated = u64::from(first.start.is_none());
    tally.calls = first.calls.len() as u64;
    tally.calls_returned = returned(first);
    tally.returned = u64::from(tally.calls_returned > 0);
    tally.trapped = u64::from(first.start.is_some() || tally.calls_returned < tally.calls);
    tally.cut = u64::from(seen.iter().any(Seen::is_cut));
    tally.alone = u64::from(difference.as_ref().is_some_and(|found| found.alone));
    tally.mismatches = u64::from(difference.as_ref().is_some_and(|found| !found.alone));
    (tally, difference)
}

/// Keeps a module for whoever looks into it.
pub(crate) fn save(folder: &Path, seed: u64, bytes: &[u8]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    std::fs::write(folder.join(format!("{seed}.wasm")), bytes).map_err(failed)
}

/// Prints what each engine does with the module at `path`.
pub(crate) fn show(path: &Path) -> Result<bool, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let seed = seed_of(path);
    on_a_large_stack(move || {
        let engines = Engines::new()?;
        let shape = Shape::of(&bytes).map_err(|why| format!("{why:?}"))?;
        // Who refuses the module has nothing to say about it.
        let mut subset = true;
        let mut seen = engines.observe(&bytes, &shape, seed, subset);
        if matches!(seen[seen.len() - 1].start, Some(Stop::Refused(_))) {
            subset = false;
            seen = engines.observe(&bytes, &shape, seed, subset);
        }
        for (engine, seen) in engines.chosen(subset).zip(&seen) {
            println!("== {}: {:?}", engine.name(), seen.start);
            for (call, outcome) in &seen.calls {
                println!("{call}: {}", Shown(outcome));
            }
            for line in &seen.state {
                println!("{line}");
            }
        }
        match engines.difference(&seen, subset) {
            Some(Difference { what, .. }) => {
                println!("differs: {what}");
                Ok(false)
            }
            None => Ok(true),
        }
    })
}

/// Makes the module at `path` as small as it can be made while the same engine
/// differs, and puts it beside it. Every attempt runs in a process of its own:
/// parts of a module need not end.
pub(crate) fn shrink(path: &Path) -> Result<bool, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let attempt = path.with_file_name(format!("{}-attempt.wasm", seed_of(path)));
    let wanted = shown_difference(path)?.ok_or("no engine differs")?;
    let predicate = |candidate: &[u8]| {
        let differs = std::fs::write(&attempt, candidate)
            .map_err(|error| error.to_string())
            .and_then(|()| shown_difference(&attempt));
        Ok(matches!(differs, Ok(Some(found)) if found == wanted))
    };
    let shrunk = wasm_shrink::WasmShrink::default()
        .attempts(800)
        .run(bytes, predicate)
        .map_err(|error| error.to_string())?;
    let small = path.with_file_name(format!("{}-small.wasm", seed_of(path)));
    std::fs::write(&small, &shrunk.output).map_err(|error| error.to_string())?;
    let text = wasmprinter::print_bytes(&shrunk.output).map_err(|error| error.to_string())?;
    std::fs::write(small.with_extension("wat"), text).map_err(|error| error.to_string())?;
    // What is left of the last attempt is of no use.
    let _removed = std::fs::remove_file(&attempt);
    println!("{} bytes: {}", shrunk.output.len(), small.display());
    Ok(true)
}

/// Which engines differ over the module at `path`, as another process finds out; a
/// crash is a difference, too.
fn shown_difference(path: &Path) -> Result<Option<String>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut child = Command::new(std::env::current_exe().map_err(failed)?)
        .arg("show")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut output = child.stdout.take().ok_or("the process has no output")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let deadline = Instant::now() + Duration::from_secs(5);
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                child.kill().map_err(failed)?;
                child.wait().map_err(failed)?;
                return Ok(None);
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let text = reader.join().map_err(|_| "a thread panicked")?;
    if status.code().is_none() {
        return Ok(Some(status.to_string()));
    }
    let text = text.map_err(failed)?;
    let line = text.lines().find_map(|line| line.strip_prefix("differs: "));
    // The engines and the kind of difference, without numbers that shrinking changes.
    Ok(line.map(|line| {
        let words = line.split(['#', '[', '(']).next().unwrap_or("");
        words.to_owned()
    }))
}

/// The seed in a file's name, which decides the arguments of calls.
fn seed_of(path: &Path) -> u64 {
    let name = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("");
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(1)
}

fn on_a_large_stack(
    work: impl FnOnce() -> Result<bool, String> + Send + 'static,
) -> Result<bool, String> {
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(work)
        .map_err(|error| error.to_string())?
        .join()
        .map_err(|_| "the worker panicked".to_owned())?
}
