//! `bindings`: what it costs a user to build a host of thirty functions again after a
//! change, with our macro and with wasmtime's.
//!
//! Both packages of `bindings/` implement every import and call every export of the same
//! world. Their dependencies are built once, without optimisation, as users do; then the
//! source is touched and the package built again, in turns. What counts is the processor
//! time in user mode of all processes that the build has started: the mean of a few
//! builds in a row, and the least of all rounds.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

/// Bar: ours may cost at most this share of the peer's.
const BAR: f64 = 0.5;
const ROUNDS: u32 = 5;
/// Builds in a row whose mean is taken: the kernel counts in hundredths of a second.
const BUILDS: u32 = 4;

/// One package that is built.
struct Package {
    name: &'static str,
    folder: PathBuf,
}

fn main() -> ExitCode {
    let packages = ["ours", "wasmtime"].map(|name| Package {
        name,
        folder: Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("bindings")
            .join(name),
    });
    match run(&packages) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(packages: &[Package; 2]) -> Result<bool, String> {
    for package in packages {
        eprintln!("building {} and its dependencies", package.name);
        package.build()?;
    }
    let mut least = [f64::INFINITY; 2];
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for (package, least) in packages.iter().zip(&mut least) {
            *least = least.min(package.rebuild()?);
        }
    }
    let ratio = least[0] / least[1];
    for (package, seconds) in packages.iter().zip(least) {
        println!("{:<10} {seconds:>7.3} s", package.name);
    }
    println!("{:<10} {ratio:>6.3}   bar {BAR}", "ratio");
    Ok(ratio <= BAR)
}

impl Package {
    /// Builds the package for debugging, in the folder that Cargo is told to use or in one
    /// of its own.
    fn build(&self) -> Result<(), String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet"]).current_dir(&self.folder);
        if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
            // Packages of two workspaces in one folder would build shared dependencies anew.
            command.env("CARGO_TARGET_DIR", Path::new(&target).join(self.name));
        }
        let status = command
            .status()
            .map_err(|error| format!("cargo: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{} does not build: {status}", self.name))
        }
    }

    /// Touches the source and builds again: seconds of processor time in user mode.
    fn rebuild(&self) -> Result<f64, String> {
        let source = self.folder.join("src/lib.rs");
        let before = children_seconds()?;
        for _ in 0..BUILDS {
            let touched = std::fs::File::options()
                .append(true)
                .open(&source)
                .and_then(|file| file.set_modified(SystemTime::now()));
            touched.map_err(|error| format!("{}: {error}", source.display()))?;
            self.build()?;
        }
        Ok((children_seconds()? - before) / f64::from(BUILDS))
    }
}

/// Seconds that the processes which this one has started and waited for have spent in user
/// mode, with all that they have started themselves. Linux counts them in hundredths.
fn children_seconds() -> Result<f64, String> {
    let path = "/proc/self/stat";
    let stat = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    // The second field is a name in parentheses, which may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields
        .split_whitespace()
        .nth(13)
        .and_then(|field| field.parse::<f64>().ok());
    ticks
        .map(|ticks| ticks / 100.0)
        .ok_or_else(|| format!("{path} has no times of children"))
}
