//! Mirror components: worlds at work, in both directions.
//!
//! For each world a component is made that passes every exported function on to
//! the imported function of the same name and type. The bindings of all worlds
//! are compiled as one package; its host answers anything, its driver calls each
//! export with seeded values, and what was sent, got, answered and came back is
//! compared. Worlds of the suite's own run once more with each set of options that
//! changes how values are passed. A case is a file in `tests/cases/mirror`; WIT that is there for other
//! tests runs too.
#![forbid(unsafe_code)]

mod component;
mod driver;
mod handles;
mod worlds;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use linkspan_tests::harness::{self, Failure, Outcome, Suite};
use linkspan_tests::{compile, upstream};

use worlds::{Style, World};

/// At least so many worlds run.
const WORLDS: usize = 60;

/// Rounds for each function, unless there are options.
const ROUNDS: usize = 1000;

/// Of a hundred functions of WASI at least so many are called: handles that only
/// come inside of records and variants are not found.
const WASI: usize = 85;

static FUNCTIONS: AtomicUsize = AtomicUsize::new(0);
static VALUES: AtomicUsize = AtomicUsize::new(0);
static FAILED: AtomicUsize = AtomicUsize::new(0);

#[expect(clippy::print_stdout, reason = "the closing line of the suite")]
fn main() -> ExitCode {
    let started = Instant::now();
    let mut suite = Suite::new("mirror");
    let folder = match folder() {
        Ok(folder) => folder,
        Err(error) => {
            suite.fault(error);
            return harness::run(vec![suite]);
        }
    };
    let (worlds, errors) = collect(&folder);
    for error in errors {
        suite.fault(error);
    }
    if worlds.len() < WORLDS {
        let found = worlds.len();
        suite.fault(format!("expected at least {WORLDS} worlds, found {found}"));
    }
    let count = worlds.len();
    let program = Arc::new(Program::new(folder, &worlds));
    // Before the cases, whose time is bounded.
    if !std::env::args().any(|argument| argument == "--list") {
        program.ready();
    }
    for world in worlds {
        let program = Arc::clone(&program);
        let name = world.name.clone();
        suite.case("bindings", name, move || program.run(&world));
    }
    let code = harness::run(vec![suite]);
    let functions = FUNCTIONS.load(Ordering::Relaxed);
    println!(
        "mirror: {count} worlds, {functions} functions, {} values, {} failed, {:.1} s",
        VALUES.load(Ordering::Relaxed),
        FAILED.load(Ordering::Relaxed),
        started.elapsed().as_secs_f64(),
    );
    code
}

/// Every world that can run, and what went wrong on the way.
fn collect(folder: &Path) -> (Vec<World>, Vec<String>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    match worlds::cases() {
        Err(error) => errors.push(error),
        Ok(files) => {
            let mut styles = vec![Style::plain()];
            match Style::others() {
                Ok(others) => styles.extend(others),
                Err(error) => errors.push(error),
            }
            for style in styles {
                for (name, path) in files.iter().filter(|(name, _)| !style.skips(name)) {
                    match worlds::own(name, path, folder, &style) {
                        Ok(world) => found.push(world),
                        Err(error) => errors.push(format!("{name}: {error}")),
                    }
                }
            }
        }
    }
    match worlds::others() {
        Err(error) => errors.push(error),
        Ok(units) => {
            for (name, path) in units {
                match worlds::all(&name, &path, folder) {
                    Ok(worlds) => found.extend(worlds),
                    Err(error) => errors.push(format!("{name}: {error}")),
                }
            }
        }
    }
    (found, errors)
}

/// Where everything is written: below Cargo's target folder.
fn folder() -> Result<PathBuf, String> {
    let folder = upstream::target_folder()?.join("mirror");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// The drivers of all worlds as one program, compiled once.
struct Program {
    folder: PathBuf,
    text: String,
    path: OnceLock<Result<PathBuf, String>>,
    /// Whether a case has said that the program does not compile.
    told: AtomicBool,
}

impl Program {
    fn new(folder: PathBuf, worlds: &[World]) -> Self {
        let mut text = String::from("//! Drivers.\n#![forbid(unsafe_code)]\n#![allow(warnings)]\n");
        text.push_str("#[path = \"kit.rs\"]\nmod kit;\n");
        let mut arms = String::new();
        for world in worlds {
            let World { module, driver, .. } = world;
            let _ = writeln!(text, "mod {module} {{\n{}}}", driver.bindings);
            let _ = writeln!(text, "mod calls_{module} {{\n{}}}", driver.calls);
            let _ = writeln!(
                arms,
                "{module:?} => kit::run::<calls_{module}::App>(&component, calls_{module}::CALLS, \
                 calls_{module}::MAKERS, rounds),"
            );
        }
        let _ = write!(
            text,
            "fn main() {{\nlet mut arguments = std::env::args().skip(1);\n\
             let name = arguments.next().unwrap();\n\
             let component = std::fs::read(arguments.next().unwrap()).unwrap();\n\
             let rounds = arguments.next().unwrap().parse().unwrap();\n\
             let result = match &*name {{\n{arms}_ => panic!(\"no such world\"),\n}};\n\
             if let Err(error) = result {{\neprintln!(\"{{error:#}}\");\n\
             std::process::exit(1);\n}}\n}}\n"
        );
        Self {
            folder,
            text,
            path: OnceLock::new(),
            told: AtomicBool::new(false),
        }
    }

    /// Compiles the program; what is wrong is told by the first case that runs.
    fn ready(&self) {
        self.path.get_or_init(|| self.compile());
    }

    fn run(&self, world: &World) -> Outcome {
        let result = match self.path.get_or_init(|| self.compile()) {
            Err(_) if self.told.swap(true, Ordering::Relaxed) => {
                Err("the drivers do not compile, see another case".to_owned())
            }
            result => result.clone(),
        };
        let result = result.and_then(|path| {
            let mut command = Command::new(path);
            command.arg(&world.module).arg(&world.component);
            let output = command.arg(world.rounds.to_string()).output();
            let output = output.map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let numbers = String::from_utf8_lossy(&output.stdout).into_owned();
            let numbers = numbers.split_whitespace().map(str::parse);
            let numbers: Result<Vec<usize>, _> = numbers.collect();
            let (true, Ok([rounds, called])) = (output.status.success(), numbers.as_deref()) else {
                return Err(said);
            };
            VALUES.fetch_add(*rounds, Ordering::Relaxed);
            FUNCTIONS.fetch_add(*called, Ordering::Relaxed);
            let all = world.driver.functions;
            let expected = all * world.rounds;
            if world.own && *rounds != expected {
                return Err(format!(
                    "expected {expected} rounds, found {rounds}\n{said}"
                ));
            }
            if world.name.starts_with("wasi/") && *called < all * WASI / 100 {
                return Err(format!("{called} of {all} functions are called\n{said}"));
            }
            Ok(())
        });
        match result {
            Ok(()) => Outcome::Ran(Vec::new()),
            Err(error) => {
                FAILED.fetch_add(1, Ordering::Relaxed);
                Outcome::Ran(vec![Failure::at(0, error)])
            }
        }
    }

    /// Compiles the program against the library that this suite was built with,
    /// unless that was done already.
    fn compile(&self) -> Result<PathBuf, String> {
        let text = |error: std::io::Error| error.to_string();
        let deps = std::env::current_exe().map_err(text)?;
        let deps = deps.parent().ok_or("the suite stands in no folder")?;
        let library =
            compile::library().ok_or("the library that this suite was built with is missing")?;
        let program = self.folder.join("driver");
        let source = self.folder.join("main.rs");
        let sources = [
            (source.clone(), &*self.text),
            (self.folder.join("kit.rs"), include_str!("kit.rs")),
        ];
        let known = sources
            .iter()
            .all(|(path, text)| fs::read(path).is_ok_and(|old| old == text.as_bytes()));
        let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
        if known && time(&program).is_some_and(|built| Some(built) > time(library)) {
            return Ok(program);
        }
        for (path, content) in &sources {
            fs::write(path, content).map_err(text)?;
        }
        // What was built of other sources is not taken for this.
        let _ = fs::remove_file(&program);
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .args(["--edition", "2024", "--crate-name", "driver"])
            .args(["-C", "debuginfo=0", "-C", "strip=debuginfo"])
            .arg("-L")
            .arg(format!("dependency={}", deps.display()))
            .arg("--extern")
            .arg(format!("linkspan={}", library.display()))
            .arg("-o")
            .args([&program, &source])
            .output()
            .map_err(text)?;
        if output.status.success() {
            Ok(program)
        } else {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(format!("the drivers do not compile:\n{errors}"))
        }
    }
}
