//! `linkspan wit`: WIT packages as text.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use linkspan_wit::Printer;

use crate::failure::{Failure, Kind, Result};
use crate::input::{self, WitInput};

/// Work with WIT packages.
#[derive(Debug, Args)]
pub(crate) struct Wit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Print(Print),
}

impl Wit {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        match self.command {
            Command::Print(command) => command.run(out),
        }
    }
}

/// Print WIT in its canonical form.
///
/// The text is complete: worlds are written out with everything they include and need, and
/// dependencies follow as nested packages. Loading it gives the same packages again, and printing
/// those gives the same text.
#[derive(Debug, Args)]
#[command(after_help = PRINT_EXAMPLES)]
struct Print {
    #[command(flatten)]
    input: WitInput,

    /// Print only this world: `world`, `ns:pkg/world` or `ns:pkg/world@1.2.0`.
    #[arg(long, value_name = "NAME", conflicts_with = "interface")]
    world: Option<String>,

    /// Print only this interface: `interface`, `ns:pkg/interface` or `ns:pkg/interface@1.2.0`.
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,

    /// Leave documentation out.
    #[arg(long)]
    no_docs: bool,

    /// Write to a file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write nothing; exit with 1 if the file named by `--output` does not hold this text.
    #[arg(long, requires = "output")]
    check: bool,
}

const PRINT_EXAMPLES: &str = "\
Examples:
  linkspan wit print wit                       a package and its dependencies
  linkspan wit print plugin.wasm               the world of a component
  linkspan wit print wit --interface streams   one interface
  linkspan wit print wit -o all.wit --check    is the checked-in text up to date?";

impl Print {
    fn run(self, out: &mut dyn Write) -> Result {
        let set = self.input.load()?;
        let printer = Printer::new().docs(!self.no_docs);
        let text = match (&self.world, &self.interface) {
            (Some(world), _) => printer.world(set.world(Some(world))?),
            (None, Some(interface)) => printer.interface(set.interface(interface)?),
            (None, None) => printer.set(&set),
        };
        match self.output {
            None => out.write_all(text.as_bytes())?,
            Some(path) if self.check => {
                let old = input::read(&path)?;
                if old != text.as_bytes() {
                    let path = path.display();
                    let message = format!(
                        "`{path}` is out of date\n  = help: write it again without `--check`"
                    );
                    return Err(Failure::new(Kind::Difference, message));
                }
            }
            Some(path) => input::write(&path, &text)?,
        }
        Ok(())
    }
}
