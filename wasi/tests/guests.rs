//! Programs in C that check WASI 0.2, one for each area. `guests/NAME.c` is the source
//! of `guests/NAME.wasm`, which prints a line for each thing that it checks, as
//! `guests/NAME.expect` says; `guests/README.md` tells how they are built. A test grants
//! what its program asks for.
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::fs;
#[cfg(unix)]
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(unix)]
use std::{thread, time::Duration};

use linkspan::{Component, Engine, Error, Linker, Result, Store, Val};
use linkspan_wasi::fs::{Dir, MemoryDir, OpenOptions, Opened, Perms};
use linkspan_wasi::{
    Exit, Limits, MemoryInput, MemoryOutput, SeededRandom, WasiCtx, WasiCtxBuilder, p2,
};

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests")
}

/// Runs a program; what it answers, and what it prints.
fn run(name: &str, ctx: WasiCtxBuilder) -> (Result<Val>, String) {
    let stdout = MemoryOutput::new(1 << 20);
    let answer = answer(name, ctx.stdout(stdout.clone()).build());
    (answer, String::from_utf8(stdout.take()).unwrap())
}

fn answer(name: &str, ctx: WasiCtx) -> Result<Val> {
    let engine = Engine::default();
    let component = Component::from_file(&engine, guests().join(format!("{name}.wasm")))?;
    let mut linker = Linker::new(&engine);
    p2::add_to_linker(&mut linker)?;
    let mut store = Store::new(&engine, ctx);
    let instance = linker.instantiate(&mut store, &component)?;
    let run = instance
        .get_func(&mut store, ("wasi:cli/run@0.2.12", "run"))
        .unwrap();
    let mut results = [Val::Bool(false)];
    run.call(&mut store, &[], &mut results)?;
    let [result] = results;
    Ok(result)
}

fn check_output(name: &str, output: &str) {
    let path = guests().join(format!("{name}.expect"));
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::write(&path, output).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap();
    for (n, (line, expected)) in output.lines().zip(expected.lines()).enumerate() {
        assert_eq!(line, expected, "{name}, line {}", n + 1);
    }
    assert_eq!(output, expected, "{name} printed less or more");
}

/// Runs a program that must find everything as it expects it.
fn passes(name: &str, ctx: WasiCtxBuilder) {
    passes_as(name, name, ctx);
}

/// The same for a program that has several cases.
fn passes_as(name: &str, case: &str, ctx: WasiCtxBuilder) {
    let (answer, output) = run(name, ctx);
    let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}, after\n{output}"));
    check_output(case, &output);
    assert_eq!(answer, Val::Result(Ok(None)), "{case}");
}

/// A directory of the host's that is removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guests-{name}"));
        // What an earlier run has left.
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(path.join("root")).unwrap();
        fs::create_dir_all(path.join("read-only/sub")).unwrap();
        fs::write(path.join("read-only/file"), "text").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc", path.join("read-only/absolute")).unwrap();
        Temporary(path)
    }

    fn grant(&self, ctx: WasiCtxBuilder) -> WasiCtxBuilder {
        let ctx = ctx.preopen_dir(self.0.join("root"), "/", Perms::ALL);
        let ctx = ctx.unwrap();
        ctx.preopen_dir(self.0.join("read-only"), "read-only", Perms::READ)
            .unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The same directories in memory.
fn grant_memory(ctx: WasiCtxBuilder) -> WasiCtxBuilder {
    let read_only = MemoryDir::new(1 << 20);
    read_only.create_dir_at("sub").unwrap();
    let options = OpenOptions {
        write: true,
        create: true,
        ..OpenOptions::default()
    };
    let Ok(Opened::File(file)) = read_only.open_at("file", options) else {
        panic!("a new file is made");
    };
    assert_eq!(file.write_at(b"text", 0), Ok(4));
    ctx.preopen(Arc::new(MemoryDir::new(1 << 20)), "/", Perms::ALL)
        .preopen(Arc::new(read_only), "read-only", Perms::READ)
}

#[test]
fn files_of_the_host() {
    let directory = Temporary::new("files");
    passes("files", directory.grant(WasiCtx::builder()));
}

#[test]
fn files_in_memory() {
    passes("files", grant_memory(WasiCtx::builder()));
}

#[test]
fn directories_of_the_host() {
    let directory = Temporary::new("directories");
    passes("directories", directory.grant(WasiCtx::builder()));
}

#[test]
fn directories_in_memory() {
    passes("directories", grant_memory(WasiCtx::builder()));
}

#[test]
fn streams() {
    let ctx = WasiCtx::builder()
        .stdin(MemoryInput::new(*b"0123456789"))
        .stderr(MemoryOutput::new(10));
    passes("streams", grant_memory(ctx));
}

/// A pipe as standard input: unlike bytes in memory it can be waited for.
#[cfg(unix)]
struct Pipe(io::PipeReader);

#[cfg(unix)]
impl linkspan_wasi::InputStream for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }

    fn readable(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(&self.0))
    }
}

#[test]
#[cfg(unix)]
fn waiting() {
    let (input, mut writer) = io::pipe().unwrap();
    let stdout = MemoryOutput::new(1 << 16);
    let ctx = WasiCtx::builder().arg("pipe").stdin(Pipe(input));
    let ctx = ctx.stdout(stdout.clone()).build();
    let printed = stdout.clone();
    // The byte comes when the program has seen that there is none.
    let other = thread::spawn(move || {
        while !printed.contents().ends_with(b"a time may come first\n") {
            thread::sleep(Duration::from_millis(1));
        }
        writer.write_all(b"!").unwrap();
    });
    let answer = answer("poll", ctx);
    check_output("poll", str::from_utf8(&stdout.contents()).unwrap());
    assert_eq!(answer.unwrap(), Val::Result(Ok(None)));
    other.join().unwrap();
}

#[test]
fn waiting_for_nothing_ends_the_program() {
    let (answer, output) = run("poll", WasiCtx::builder().arg("empty"));
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("expected 1 to 4096 pollables"), "{error}");
    assert_eq!(output, "");
}

#[test]
fn clocks() {
    passes("clocks", WasiCtx::builder());
}

fn limited_random() -> WasiCtxBuilder {
    let limits = Limits {
        random_bytes: 65536,
        ..Limits::default()
    };
    WasiCtx::builder().limits(limits)
}

#[test]
fn random_numbers() {
    passes("random", limited_random());
    passes("random", limited_random().random(SeededRandom::new(1)));
    let (answer, _) = run("random", limited_random().arg("more"));
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("at most 65536 random bytes"), "{error}");
}

#[test]
fn the_environment_and_the_end() {
    let ctx = |end: Option<&str>, stderr: &MemoryOutput| {
        WasiCtx::builder()
            .arg("environment")
            .args(end)
            .env("GREETING", "Grüße")
            .env("EMPTY", "")
            .stderr(stderr.clone())
    };
    let stderr = MemoryOutput::new(100);
    passes("environment", ctx(None, &stderr));
    assert_eq!(stderr.take(), b"an error\n");
    for (end, code) in [("ok", 0), ("error", 1), ("code", 42)] {
        let (answer, output) = run("environment", ctx(Some(end), &stderr));
        check_output("environment", &output);
        let exit = answer.map_err(|error: Error| error.downcast_ref::<Exit>().copied());
        assert_eq!(exit, Err(Some(Exit::new(code))), "{end}");
    }
    // Without what it expects, the program answers that it failed.
    let (answer, output) = run("environment", WasiCtx::builder());
    assert_eq!(output, "FAILED: there are arguments\n");
    assert_eq!(answer.unwrap(), Val::Result(Err(None)));
}

#[test]
fn nothing_of_the_network_is_granted_unasked() {
    passes("denied", WasiCtx::builder());
}

#[test]
#[cfg(unix)]
fn connections() {
    passes("tcp", WasiCtx::builder().inherit_network());
}

#[test]
#[cfg(unix)]
fn datagrams() {
    passes("udp", WasiCtx::builder().inherit_network());
}

#[test]
fn names() {
    passes("names", WasiCtx::builder().allow_name_lookup(|_| true));
}
