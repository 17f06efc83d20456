//! Hostile binaries: many small changes to good ones, each decoded, validated,
//! linked and instantiated. Every one must end in an error or a working
//! instance, in bounded time and memory.
//!
//! The seeds are fixed: a failure names the mutant, which can be made again.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use linkspan::core::{self, Limits};
use linkspan::types::Item;
use linkspan::{Component, Config, Engine, Error, Instance, Linker, Store, Val};
use linkspan_script::binaries;
use linkspan_tests::harness::{self, Failure, Outcome, Suite, panic_text};
use linkspan_tests::mutate::{Random, mutate};
use linkspan_tests::{cases, upstream};

/// Folders of scripts whose modules are changed. Those about threads are not
/// among them: a guest that waits for another is not stopped by fuel.
const SEEDS: &[&str] = &[
    "tests/cases/component",
    "tests/cases/core",
    "tests/cases/exceptions",
    "tests/cases/gc",
    "tests/cases/memory64",
    "tests/cases/table64",
];

/// Mutants of all files up to `LARGE_BYTES` together, and of each larger file.
const MUTANTS: usize = 20_000;
const MUTANTS_OF_LARGE: usize = 20;
const LARGE_BYTES: usize = 200_000;

/// One mutant may take this long; all of them together this long.
const MUTANT_TIME_MAX: Duration = Duration::from_secs(5);
const TIME_MAX: Duration = Duration::from_secs(60);

/// The process may grow to this size, whatever the mutants ask for.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// At least one mutant in so many must stay alive until its functions are
/// called, or the mutations are too coarse to test anything but the decoder.
const SURVIVORS_ONE_IN: usize = 20;
static SURVIVORS: AtomicUsize = AtomicUsize::new(0);

/// Fuel for what runs while a mutant is instantiated.
const FUEL: u64 = 100_000;

fn main() -> ExitCode {
    let start = Instant::now();
    let mut suite = Suite::new("mutations");
    match originals() {
        Ok(originals) => add_cases(&mut suite, originals),
        Err(error) => suite.fault(error),
    }
    let filtered = std::env::args().len() > 1;
    let code = harness::run(vec![suite]);
    let bounds = within_bounds(start.elapsed());
    // A filter leaves too little to judge the whole.
    if filtered {
        code
    } else {
        bounds.unwrap_or(code)
    }
}

/// Name and bytes of every binary that is changed: real guests where they are
/// beside the project, and what our own scripts define.
fn originals() -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut originals = Vec::new();
    let corpus = upstream::project().join("../shared/corpus");
    if corpus.is_dir() {
        for (name, path) in cases::list(&corpus, &["wasm"])? {
            originals.push((format!("corpus/{name}"), read(&path)?));
        }
    }
    for folder in SEEDS {
        for (name, path) in cases::own(&upstream::project().join(folder), &["wast"])? {
            let text = String::from_utf8(read(&path)?).map_err(|error| error.to_string())?;
            for (line, bytes) in binaries(&text)? {
                originals.push((format!("{folder}/{name}:{line}"), bytes));
            }
        }
    }
    Ok(originals)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("failed to read {}: {error}", path.display()))
}

fn add_cases(suite: &mut Suite, originals: Vec<(String, Vec<u8>)>) {
    let small = originals
        .iter()
        .filter(|(_, bytes)| bytes.len() <= LARGE_BYTES)
        .count()
        .max(1);
    for (seed, (name, bytes)) in (1..).zip(originals) {
        let count = if bytes.len() <= LARGE_BYTES {
            MUTANTS.div_ceil(small)
        } else {
            MUTANTS_OF_LARGE
        };
        let bytes = Arc::new(bytes);
        suite.case("interpreter", name, move || {
            Outcome::Ran(attack(seed, &bytes, count))
        });
    }
}

/// Tries `count` mutants of `bytes`.
fn attack(seed: u64, bytes: &[u8], count: usize) -> Vec<Failure> {
    let engine = match Engine::new(&config()) {
        Ok(engine) => engine,
        Err(error) => return vec![Failure::at(0, error.to_string())],
    };
    let mut random = Random::new(seed);
    let mut failures = Vec::new();
    for number in 0..count {
        let mutant = mutate(&mut random, bytes);
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&engine, &mutant)));
        SURVIVORS.fetch_add(
            usize::from(matches!(outcome, Ok(Ok(())))),
            Ordering::Relaxed,
        );
        let wrong = match outcome {
            Err(panic) => Some(format!("panicked: {}", panic_text(panic.as_ref()))),
            Ok(Err(error)) if error.to_string().is_empty() => {
                Some("an error without a text".to_owned())
            }
            Ok(_) if start.elapsed() > MUTANT_TIME_MAX => {
                Some(format!("took {:?}", start.elapsed()))
            }
            Ok(_) => None,
        };
        failures.extend(
            wrong.map(|what| Failure::at(0, format!("mutant {number} of seed {seed}: {what}"))),
        );
    }
    failures
}

fn config() -> Config {
    let mut limits = Limits::default();
    limits.memory_size_bytes_max = 16 << 20;
    limits.memory_total_bytes_max = 64 << 20;
    limits.table_elements_max = 100_000;
    limits.table_total_elements_max = 400_000;
    limits.instances_max = 100;
    let mut config = Config::new();
    config.fuel(true).limits(limits);
    config
}

/// As far as a mutant gets: an error, or an instance whose functions were
/// called. Modules get stand-ins for what they import, components nothing.
fn run(engine: &Engine, bytes: &[u8]) -> Result<(), Error> {
    // The byte behind the version tells a module from a component.
    let is_component = bytes.get(6) == Some(&1);
    let mut store = Store::new(engine, ());
    store.set_fuel(FUEL)?;
    if is_component {
        let component = Component::from_binary(engine, bytes)?;
        let instance = Linker::new(engine).instantiate(&mut store, &component)?;
        call_component(&mut store, &component, &instance);
    } else {
        let module = core::Module::from_binary(engine, bytes)?;
        let imports: core::Result<Vec<core::Extern>> = module
            .imports()
            .map(|import| stand_in(&mut store, import.ty))
            .collect();
        let instance = core::Instance::new(&mut store, &module, &imports?)?;
        call_module(&mut store, instance);
    }
    Ok(())
}

/// Something of the type that a module imports: functions answer zeros.
fn stand_in(store: &mut Store<()>, ty: core::ExternType) -> core::Result<core::Extern> {
    Ok(match ty {
        core::ExternType::Func(ty) => {
            let answer = |_: core::Caller<'_, (), _>, _: &[core::Val], _: &mut [core::Val]| Ok(());
            core::Extern::Func(core::Func::new(store, ty, answer)?)
        }
        core::ExternType::Table(ty) => {
            let init = core::Val::default_for(ty.element.into());
            core::Extern::Table(core::Table::new(store, ty, init)?)
        }
        core::ExternType::Memory(ty) => core::Extern::Memory(core::Memory::new(store, ty)?),
        core::ExternType::Global(ty) => {
            let value = core::Val::default_for(ty.content);
            core::Extern::Global(core::Global::new(store, ty, value)?)
        }
        core::ExternType::Tag(ty) => core::Extern::Tag(core::Tag::new(store, &ty.func)?),
    })
}

/// Calls every exported function with zeros. What it answers is its own affair.
fn call_module(store: &mut Store<()>, instance: core::Instance) {
    for (_, export) in instance.exports(&*store) {
        let core::Extern::Func(func) = export else {
            continue;
        };
        let Ok(ty) = func.ty(&*store) else { continue };
        let zeros = |types: &[core::ValType]| -> Vec<core::Val> {
            types.iter().map(|ty| core::Val::default_for(*ty)).collect()
        };
        let (params, mut results) = (zeros(ty.params()), zeros(ty.results()));
        let _ = func.call(&mut *store, &params, &mut results);
    }
}

/// Calls the exported functions that take nothing, of interfaces too, until one
/// fails: then the instance may not be entered again.
fn call_component(store: &mut Store<()>, component: &Component, instance: &Instance) {
    let mut paths: Vec<Vec<&str>> = Vec::new();
    for (name, item) in component.exports().iter() {
        match item {
            Item::Func(ty) if ty.params().len() == 0 => paths.push(vec![name]),
            Item::Instance(items) => {
                let funcs = items
                    .iter()
                    .filter(|(_, item)| matches!(item, Item::Func(ty) if ty.params().len() == 0));
                paths.extend(funcs.map(|(inner, _)| vec![name, inner]));
            }
            _ => {}
        }
    }
    for path in paths {
        let func = match path[..] {
            [name] => instance.get_func(&mut *store, name),
            [interface, name] => instance.get_func(&mut *store, (interface, name)),
            _ => None,
        };
        let Some(func) = func else { continue };
        let mut result = [Val::Bool(false)];
        let failed = func.call(&mut *store, &[], &mut []).is_err();
        if failed && func.call(&mut *store, &[], &mut result).is_err() {
            return;
        }
    }
}

/// Asserts time and memory of the whole; only a complete run can tell.
fn within_bounds(elapsed: Duration) -> Option<ExitCode> {
    let peak = peak_memory_bytes();
    let survivors = SURVIVORS.load(Ordering::Relaxed);
    report(elapsed, peak, survivors);
    let good = elapsed <= TIME_MAX
        && peak.is_none_or(|peak| peak <= MEMORY_BYTES_MAX)
        && survivors >= MUTANTS / SURVIVORS_ONE_IN;
    (!good).then_some(ExitCode::FAILURE)
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are part of the suite's closing words"
)]
fn report(elapsed: Duration, peak: Option<u64>, survivors: usize) {
    let peak = peak.map_or("unknown".to_owned(), |peak| format!("{} MB", peak >> 20));
    println!(
        "mutations: {survivors} of {MUTANTS} ran, {:.1} s of {} s, peak memory {peak} of {} MB",
        elapsed.as_secs_f64(),
        TIME_MAX.as_secs(),
        MEMORY_BYTES_MAX >> 20
    );
}

/// The most memory that this process ever held, where the system tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}
