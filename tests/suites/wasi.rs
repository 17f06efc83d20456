//! Programs of WASI 0.1: the public wasi-testsuite, and real programs of other
//! toolchains.
//!
//! Neither is part of the project. The first is looked for in the folder that
//! `LINKSPAN_WASI_TESTSUITE` names, or beside the project (its branch
//! `prod/testsuite-base`); where one is absent its cases are skipped and say so.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use linkspan::core::{Engine, Error, Linker, Module, Store};
use linkspan_script::{Mode, Options};
use linkspan_tests::harness::{self, Failure, Outcome, Suite};
use linkspan_tests::{cases, upstream};
use linkspan_wasi::fs::Perms;
use linkspan_wasi::{Exit, MemoryOutput, WasiCtx, WasiCtxBuilder, p1};
use serde_json::Value;

/// Language, number of programs.
const LANGUAGES: &[(&str, usize)] = &[("assemblyscript", 12), ("c", 14), ("rust", 46)];

/// Program, arguments, expectation.
const PROGRAMS: &[(&str, &[&str], &str)] = &[
    (
        "rust-hello/rust-hello.core.wasm",
        &["rust-hello.wasm", "a", "b"],
        "rust-hello/EXPECT",
    ),
    ("go-hello/go-hello.wasm", &["go-hello"], "go-hello/EXPECT"),
    ("c-programs/json.wasm", &["json"], "c-programs/json.EXPECT"),
    (
        "c-programs/sha256.wasm",
        &["sha256"],
        "c-programs/sha256.EXPECT",
    ),
];

/// The most that a program may write.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

fn main() -> ExitCode {
    harness::run(vec![testsuite(), programs()])
}

fn testsuite() -> Suite {
    let mut suite = Suite::new("wasi-testsuite");
    let folder = env::var_os("LINKSPAN_WASI_TESTSUITE").map_or_else(
        || upstream::project().join("../wasi-testsuite"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        suite.case("any", "wasi-testsuite", || {
            let advice = "set LINKSPAN_WASI_TESTSUITE to its folder";
            Outcome::Skipped(format!("the suite is not beside the project: {advice}"))
        });
        return suite;
    }
    for (language, expected) in LANGUAGES {
        let folder = folder.join(format!("tests/{language}/testsuite/wasm32-wasip1"));
        let files = match cases::list(&folder, &["wasm"]) {
            Ok(files) => files,
            Err(error) => {
                suite.fault(error);
                continue;
            }
        };
        suite.expect_files(language, *expected, files.len());
        for (name, path) in files {
            for mode in Mode::ALL {
                let path = path.clone();
                suite.case(mode.name, format!("{language}/{name}"), move || {
                    judged(specified(&path, *mode))
                });
            }
        }
    }
    suite
}

fn programs() -> Suite {
    let mut suite = Suite::new("wasi-programs");
    for (program, arguments, expectation) in PROGRAMS {
        for mode in Mode::ALL {
            suite.case(mode.name, *program, move || {
                let corpus = upstream::project().join("../shared/corpus");
                if !corpus.is_dir() {
                    let what = "the real guests are not beside the project";
                    return Outcome::Skipped(what.to_owned());
                }
                let expectation = read(&corpus.join(expectation));
                let ctx = WasiCtx::builder().args(arguments.iter().copied());
                judged(expectation.and_then(|stdout| {
                    let end = run(&corpus.join(program), *mode, ctx)?;
                    Ok(end.differences(0, Some(&String::from_utf8_lossy(&stdout)), None))
                }))
            });
        }
    }
    suite
}

fn judged(result: Result<Vec<String>, String>) -> Outcome {
    let texts = result.unwrap_or_else(|error| vec![error]);
    let failures = texts.into_iter().map(|text| Failure::at(0, text));
    Outcome::Ran(failures.collect())
}

/// Runs a program of the suite as the file beside it says.
fn specified(path: &Path, mode: Mode) -> Result<Vec<String>, String> {
    let json = path.with_extension("json");
    let specification: Value = match json.exists() {
        true => serde_json::from_slice(&read(&json)?).map_err(|error| error.to_string())?,
        false => Value::Null,
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut ctx = WasiCtx::builder().arg("program");
    if let Some(arguments) = specification["args"].as_array() {
        ctx = ctx.args(arguments.iter().map(text));
    }
    if let Some(variables) = specification["env"].as_object() {
        for (name, value) in variables {
            ctx = ctx.env(name, text(value));
        }
    }
    // Programs write into the folder, and run beside each other: each gets a copy.
    let mut copy = None;
    if let Some(root) = specification["root"].as_str() {
        let folder = Copy::new(&path.with_file_name(root)).map_err(|error| error.to_string())?;
        ctx = ctx
            .preopen_dir(&folder.0, "/", Perms::ALL)
            .map_err(|error| error.to_string())?;
        copy = Some(folder);
    }
    let end = run(path, mode, ctx)?;
    drop(copy);
    Ok(end.differences(
        specification["exit_code"].as_u64().unwrap_or(0),
        specification["stdout"].as_str(),
        specification["stderr"].as_str(),
    ))
}

/// How a program ended.
struct End {
    result: Result<u64, Error>,
    stdout: String,
    stderr: String,
}

impl End {
    /// How this differs from what is expected.
    fn differences(&self, status: u64, stdout: Option<&str>, stderr: Option<&str>) -> Vec<String> {
        let mut found = Vec::new();
        match &self.result {
            Ok(ended) if *ended == status => {}
            Ok(ended) => found.push(format!(
                "expected status {status}, found {ended}; standard error: {}",
                self.stderr
            )),
            Err(error) => found.push(format!("{error}; standard error: {}", self.stderr)),
        }
        for (name, expected, written) in [
            ("output", stdout, &self.stdout),
            ("error", stderr, &self.stderr),
        ] {
            if expected.is_some_and(|expected| expected != written) {
                let expected = expected.unwrap_or_default();
                found.push(format!(
                    "standard {name}: expected {expected:?}, found {written:?}"
                ));
            }
        }
        found
    }
}

fn run(path: &Path, mode: Mode, ctx: WasiCtxBuilder) -> Result<End, String> {
    let [stdout, stderr] = [(); 2].map(|()| MemoryOutput::new(OUTPUT_BYTES_MAX));
    let ctx = ctx.stdout(stdout.clone()).stderr(stderr.clone()).build();
    let result = enter(&read(path)?, mode, ctx);
    let text = |output: MemoryOutput| String::from_utf8_lossy(&output.contents()).into_owned();
    Ok(End {
        result: match result {
            Ok(()) => Ok(0),
            Err(error) => match error.downcast_ref::<Exit>() {
                Some(exit) => Ok(exit.status().into()),
                None => Err(error),
            },
        },
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

fn enter(wasm: &[u8], mode: Mode, ctx: WasiCtx) -> Result<(), Error> {
    let options = Options {
        mode,
        ..Options::default()
    };
    let engine = Engine::new(&options.config())?;
    let module = Module::new(&engine, wasm)?;
    let mut linker = Linker::<WasiCtx>::new(&engine);
    p1::add_to_linker(&mut linker)?;
    let mut store = Store::new(&engine, ctx);
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance
        .get_func(&mut store, "_start")
        .ok_or_else(|| Error::msg("expected a function `_start`, found none"))?;
    start.call(&mut store, &[], &mut [])
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

/// A copy of a folder, removed at the end.
struct Copy(PathBuf);

impl Copy {
    fn new(folder: &Path) -> io::Result<Copy> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("linkspan-wasi-testsuite-{}-{count}", std::process::id());
        let copy = Copy(env::temp_dir().join(name));
        copy_all(folder, &copy.0)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a folder, without what programs of earlier runs left there.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if path.extension().is_some_and(|found| found == "cleanup") {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => copy_all(&path, &to.join(name))?,
            false => fs::copy(&path, to.join(name)).map(drop)?,
        }
    }
    Ok(())
}
