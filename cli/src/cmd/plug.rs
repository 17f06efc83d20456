//! `linkspan plug`: fill a component's imports with the exports of others.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::{Failure, Kind, Result};
use crate::input;
use crate::plug::{Composed, Part, compose};

/// Fill what a component imports with what other components export: one component comes out.
///
/// SOCKET is the component that needs something, each PLUG one that has it. An import is filled by
/// the export of the same name; versions need only be compatible, as for a linker: `a:b/c@1.4.0`
/// fills `a:b/c@1.2.0`. What no plug fills stays an import of the new component, and so does what
/// the plugs themselves import. Its exports are those of SOCKET.
///
/// Plugs fill the socket alone, not each other: to build a chain, plug the last link first and use
/// what comes out as a plug.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Plug {
    /// The component whose imports are filled, in binary or text form.
    #[arg(value_name = "SOCKET")]
    socket: PathBuf,

    /// A component that exports what SOCKET imports; may be given several times.
    #[arg(long = "plug", value_name = "PLUG", required = true)]
    plugs: Vec<PathBuf>,

    /// Where the new component is written; `-` is standard output.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  linkspan plug app.wasm --plug log.wasm -o whole.wasm
  linkspan plug app.wasm --plug log.wasm --plug store.wasm -o whole.wasm
  linkspan invoke app.wasm --plug log.wasm 'run()'    try it without writing it down
  linkspan inspect whole.wasm                         what is still imported";

impl Plug {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        let socket = Part::read(&self.socket)?;
        let composed = compose(&socket, &read(&self.plugs)?)?;
        if self.output == Path::new("-") {
            out.write_all(&composed.bytes)?;
            return Ok(());
        }
        std::fs::write(&self.output, &composed.bytes).map_err(|error| {
            let path = self.output.display();
            Failure::new(Kind::Input, format!("cannot write `{path}`: {error}"))
        })?;
        summary(out, &input::short_name(&self.output), &composed)?;
        Ok(())
    }
}

/// Plugs from their files.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Part>> {
    paths.iter().map(|path| Part::read(path)).collect()
}

fn summary(out: &mut dyn Write, name: &str, composed: &Composed) -> io::Result<()> {
    writeln!(out, "{name}: {} bytes", composed.bytes.len())?;
    for (connection, plug) in &composed.filled {
        write!(out, "  {} is filled by {plug}", connection.import)?;
        if connection.export != connection.import {
            write!(out, " with {}", connection.export)?;
        }
        writeln!(out)?;
    }
    for import in &composed.imports {
        writeln!(out, "  {import} is still imported")?;
    }
    Ok(())
}
