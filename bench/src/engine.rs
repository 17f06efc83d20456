//! Engine programs: where they stand, how they are built, and the pipe to one that
//! runs. See `bench_protocol` for what is said over it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bench_protocol::Case;

/// The engines that there are: the name, the folder of the program, and what cargo
/// must know to build it.
const ENGINES: [(&str, &str, &[&str]); 4] = [
    ("linkspan", "ours", &[]),
    ("wasmi", "peers/wasmi", &[]),
    ("wasmtime", "peers/wasmtime", &[]),
    ("wasmtime-gc", "peers/wasmtime", &["--features", "gc"]),
];

/// What a run answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// Nanoseconds of processor time.
    pub(crate) time: u64,
    pub(crate) checksum: u64,
    pub(crate) notes: Notes,
}

/// Numbers that an engine notes beside the time, by name.
pub(crate) type Notes = BTreeMap<String, u64>;

/// The folder of the bench.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo puts what is built here.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds the program of the engine called `name` and answers where it stands.
pub(crate) fn build(name: &str) -> Result<PathBuf, String> {
    let (_, folder, options) = ENGINES
        .into_iter()
        .find(|(known, _, _)| *known == name)
        .ok_or_else(|| format!("no engine is called `{name}`"))?;
    let program = format!("engine-{name}");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(root().join(folder).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target())
        .args(["--bin", &program])
        .args(options)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("building the program of {name} failed"));
    }
    let program = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    Ok(target().join("release").join(program))
}

/// An engine program that runs.
#[derive(Debug)]
pub(crate) struct Engine {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Engine {
    /// Starts `program`.
    pub(crate) fn start(program: &Path) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", program.display());
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("the program has no output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Has the engine load the guest at `path` for `case`.
    pub(crate) fn load(&mut self, case: Case, path: &Path) -> Result<(), String> {
        self.ask(&format!("load {} {}", case.name(), path.display()))
            .map(|_| ())
    }

    /// One run of what was loaded.
    pub(crate) fn run(&mut self, n: u32) -> Result<Run, String> {
        let answer = self.ask(&format!("run {n}"))?;
        parse_run(&answer)
            .ok_or_else(|| format!("expected a time and a checksum, found `{answer}`"))
    }

    fn ask(&mut self, request: &str) -> Result<String, String> {
        let input = self.input.as_mut().ok_or("the program has no input")?;
        writeln!(input, "{request}").map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        match line.trim_end().split_once(' ') {
            Some(("ok", rest)) => Ok(rest.to_owned()),
            Some(("err", why)) => Err(why.to_owned()),
            Some(_) | None if line.is_empty() => Err(format!("it ended while it did `{request}`")),
            Some(_) | None if line.trim_end() == "ok" => Ok(String::new()),
            Some(_) | None => Err(format!(
                "expected `ok` or `err`, found `{}`",
                line.trim_end()
            )),
        }
    }
}

impl Drop for Engine {
    /// The program ends when its input does; a process must be waited for.
    fn drop(&mut self) {
        self.input = None;
        let _ended = self.child.wait();
    }
}

fn parse_run(answer: &str) -> Option<Run> {
    let mut words = answer.split(' ');
    let time = words.next()?.parse().ok()?;
    let checksum = u64::from_str_radix(words.next()?, 16).ok()?;
    let mut notes = Notes::new();
    for word in words {
        let (key, value) = word.split_once('=')?;
        notes.insert(key.to_owned(), value.parse().ok()?);
    }
    Some(Run {
        time,
        checksum,
        notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_time_and_a_checksum() {
        let run = parse_run("1200 00000000000000ff live=7").unwrap();
        assert_eq!((run.time, run.checksum, run.notes["live"]), (1200, 255, 7));
        assert_eq!(parse_run("1200"), None);
        assert_eq!(parse_run("1200 ff live"), None);
        assert_eq!(parse_run("x ff"), None);
    }
}
