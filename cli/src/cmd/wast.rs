//! `linkspan wast`: specification scripts.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use linkspan_script::{Mode, Options, Proposals, Report, parse_features};

use crate::failure::{Failure, Kind, Result};

/// How deep folders are searched.
const FOLDER_DEPTH_MAX: usize = 16;

/// Run specification scripts (`.wast`), for core modules and components.
///
/// Each file gets a line with what passed and what failed, followed by the failures: where, what
/// was expected, what was found. A failure does not end the script. The exit status is 1 if
/// anything failed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Wast {
    /// Scripts, or folders to search for them.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// How guests are run: `auto`, `threaded`, `loop`, or under collections as often as can be:
    /// `zeal-1`, `zeal-3`, `zeal-17`, `shuffle`.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = Mode::named)]
    tier: Mode,

    /// Which proposals are on: `wasm1`, `wasm2`, `wasm3` or `all`, then changes to it, such as
    /// `wasm2,tail-call,-multi-value,-cm-async`.
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = parse_features)]
    features: Proposals,

    /// Try only the assertions on this line; definitions still happen.
    #[arg(long, value_name = "NUMBER")]
    line: Option<u32>,

    /// Interrupt a directive that runs longer than this.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,

    /// Also list modules that were refused as they should be, but with another text.
    #[arg(long)]
    texts: bool,
}

const EXAMPLES: &str = "\
Examples:
  linkspan wast i32.wast
  linkspan wast tests/cases --tier loop
  linkspan wast select.wast --features wasm1 --line 120";

impl Wast {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        let mut files = Vec::new();
        for path in &self.files {
            collect(path, FOLDER_DEPTH_MAX, &mut files)?;
        }
        let options = Options {
            features: self.features,
            mode: self.tier,
            only_line: self.line,
            directive_time_max: Duration::from_secs(self.timeout),
            ..Options::default()
        };
        let (mut failed, mut malformed) = (0_usize, 0_usize);
        for file in &files {
            match linkspan_script::run_file(file, &options) {
                Ok(report) => {
                    failed += usize::from(!report.is_success());
                    self.print(out, file, &report)?;
                }
                Err(error) => {
                    malformed += 1;
                    writeln!(out, "not run: {error}")?;
                }
            }
            out.flush()?;
        }
        let total = files.len();
        if malformed > 0 {
            let message = format!("{malformed} of {total} scripts could not be run");
            return Err(Failure::new(Kind::Input, message));
        }
        if failed > 0 {
            let message = format!("{failed} of {total} scripts failed");
            return Err(Failure::new(Kind::Difference, message));
        }
        Ok(())
    }

    fn print(&self, out: &mut dyn Write, file: &Path, report: &Report) -> Result {
        let file = file.display();
        let (passed, failed) = (report.passed, report.failures.len());
        writeln!(out, "{file}: {passed} passed, {failed} failed")?;
        for failure in &report.failures {
            writeln!(out, "  {file}:{failure}")?;
        }
        if self.texts {
            for difference in &report.differing_texts {
                writeln!(out, "  other text: {file}:{difference}")?;
            }
        }
        Ok(())
    }
}

/// Adds `path`, or the scripts in it and below, sorted by name.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let failed = |e: std::io::Error| {
        let path = path.display();
        Failure::new(Kind::Input, format!("cannot read the folder `{path}`: {e}"))
    };
    if depth == 0 {
        return Err(Failure::new(
            Kind::Input,
            format!("`{}` lies too deep in folders", path.display()),
        ));
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for entry in entries {
        let script = entry.extension().is_some_and(|e| e == "wast");
        if script || entry.is_dir() {
            collect(&entry, depth - 1, files)?;
        }
    }
    Ok(())
}
