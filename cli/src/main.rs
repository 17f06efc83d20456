//! The `linkspan` command: look at WebAssembly components and their WIT, call them, generate
//! bindings for them.
//!
//! This file reads the command line and turns a failure into an exit status; each command is one
//! file of `cmd`, with its arguments, its help and its body. What a command prints goes to
//! standard output, what is wrong to standard error.
#![forbid(unsafe_code)]

mod binary;
mod cmd;
mod failure;
mod input;
mod json;
mod plug;
mod settings;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use cmd::Command;
use failure::{Failure, Kind};

/// Look at WebAssembly components, call them, and generate Rust bindings for them.
#[derive(Debug, Parser)]
#[command(
    name = "linkspan",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start with a component:
  linkspan inspect plugin.wasm            what it needs, offers and holds
  linkspan invoke plugin.wasm             what can be called, with types
  linkspan invoke plugin.wasm 'add(1, 2)' call it
or with a program:
  linkspan run tool.wasm                  run it; `--dir` and `--env` grant more

Exit status: 0 fine, 1 a check failed, 2 wrong usage, 3 invalid input, 4 an import is missing,
134 the guest trapped.

`linkspan help COMMAND` says more about each.";

fn main() -> ExitCode {
    // The parser of the arguments prints help and usage errors itself, and leaves with 0 or 2.
    let cli = Cli::parse();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = cli.command.run(&mut out);
    let result = result.and_then(|()| out.flush().map_err(Failure::from));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough.
        Err(failure) if failure.kind == Kind::ClosedOutput => ExitCode::SUCCESS,
        Err(failure) => {
            // What was printed before the failure belongs before its report. If standard error
            // is closed too, the status is all that can be told.
            let _ = out.flush();
            let report = failure.report().trim_end();
            if !report.is_empty() {
                let _ = writeln!(io::stderr(), "{report}");
            }
            ExitCode::from(failure.kind.status())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
