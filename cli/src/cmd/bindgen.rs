//! `linkspan bindgen`: Rust bindings as a file.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use linkspan_wit::Severity;
use linkspan_wit::bindgen::Generator;

use crate::failure::{Failure, Kind, Result};
use crate::input::{self, WitInput};

/// Generate Rust bindings for a world.
///
/// The text is what the macro `linkspan::bindgen!` expands to. Checked in as a file it is seen by
/// every tool; `--check` in a pipeline keeps it up to date.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bindgen {
    #[command(flatten)]
    input: WitInput,

    /// The world, if there are several: `world`, `ns:pkg/world` or `ns:pkg/world@1.2.0`.
    #[arg(long, value_name = "NAME")]
    world: Option<String>,

    /// Write to a file instead of standard output; an unchanged file is not touched.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write nothing; exit with 1 if the file named by `--output` does not hold this text.
    #[arg(long, requires = "output")]
    check: bool,

    /// Print a line for each type and function instead: its WIT name, its Rust name.
    #[arg(long, conflicts_with_all = ["output", "check"])]
    summary: bool,
}

const EXAMPLES: &str = "\
Examples:
  linkspan bindgen wit --world plugin                      to standard output
  linkspan bindgen wit --world plugin -o src/bindings.rs   to a file
  linkspan bindgen wit --world plugin -o src/bindings.rs --check
  linkspan bindgen plugin.wasm --summary                   what is called what";

impl Bindgen {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        let mut generator = Generator::new(self.input.loader()?);
        if let Some(world) = self.world {
            generator = generator.world(world);
        }
        let output = generator.generate()?.into_result()?;
        if self.summary {
            out.write_all(output.summary().as_bytes())?;
            return Ok(());
        }
        for diagnostic in &output.diagnostics {
            // Names that are not the usual ones are worth a word, but not on standard output.
            if diagnostic.severity != Severity::Error {
                let _ = write!(std::io::stderr(), "{}", diagnostic.render());
            }
        }
        match self.output {
            None => out.write_all(output.code.as_bytes())?,
            Some(path) if self.check => {
                let old = input::read(&path)?;
                if old != output.code.as_bytes() {
                    return Err(out_of_date(&output.check(&path)));
                }
            }
            Some(path) => {
                output.write_if_changed(&path)?;
            }
        }
        Ok(())
    }
}

/// The library's report of the difference, with the exit status of a failed check.
fn out_of_date(checked: &linkspan_wit::Result<()>) -> Failure {
    let message = match checked {
        Err(error) => format!("{error:#}"),
        Ok(()) => "error: the bindings are out of date".to_owned(),
    };
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    Failure::new(Kind::Difference, message)
}
