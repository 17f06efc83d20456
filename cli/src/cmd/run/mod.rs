//! `linkspan run`: run a program with what it is granted.

mod component;
mod core_module;
mod notes;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use linkspan_wasi::{Exit, WasiCtx};

use notes::Needs;

use super::granting::Granting;
use super::running::Running;
use crate::failure::{Failure, Kind, Result};
use crate::input;

/// Run a program: a component of the world `wasi:cli/command` of WASI 0.2, or a core module with a
/// function `_start` that uses WASI 0.1.
///
/// The program gets standard input, output and error, its arguments, clocks, random bytes, and
/// what is granted here: no directory, no variable and no address otherwise. The command ends with
/// the exit status of the program.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// A program, in binary or text form.
    #[arg(value_name = "FILE")]
    path: PathBuf,

    /// The arguments of the program.
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<String>,

    #[command(flatten)]
    granting: Granting,

    #[command(flatten)]
    running: Running,
}

const EXAMPLES: &str = "\
Examples:
  linkspan run hello.wasm
  linkspan run --dir data::/ tool.wasm --flag file  what follows FILE is the program's
  linkspan run --env HOME --env MODE=test tool.wasm
  linkspan run --allow-address example.com:443 --allow-address 127.0.0.1 client.wasm
  linkspan run --timeout 10 --max-memory 100000000 tool.wasm

Exit status: the program's own, 134 if it trapped, 2 to 4 as for other commands.";

impl Run {
    pub(crate) fn run(self, _: &mut dyn Write) -> Result {
        let name = input::short_name(&self.path);
        let bytes = input::read(&self.path)?;
        let Some(binary) = input::binary(&name, bytes)? else {
            let message = format!("`{name}` is neither a component nor a core module");
            return Err(Failure::new(Kind::Input, message));
        };
        if wasmparser::Parser::is_core_wasm(&binary) {
            return core_module::run(&self, &name, &binary);
        }
        component::run(&self, &name, &binary)
    }

    /// What the program is granted.
    fn ctx(&self, name: &str) -> Result<WasiCtx> {
        let ctx = self.granting.find()?.ctx();
        let ctx = ctx.arg(name).args(&self.arguments);
        let ctx = ctx.inherit_stdio().map_err(|e| {
            let message = format!("cannot pass standard input and output on: {e}");
            Failure::new(Kind::Input, message)
        })?;
        Ok(ctx.build())
    }
}

/// How a program ended.
enum End {
    /// By itself, with this status.
    Exit(Exit),
    /// By an error, which this reports.
    Failed(Failure),
}

impl End {
    /// The failure that says how a program ended, and what it may have lacked; none if it was
    /// content.
    fn into_result(self, ctx: &WasiCtx, needs: Needs) -> Result {
        let denied = notes::denied(ctx);
        let missing = || denied.clone() + &notes::missing(ctx, needs);
        match self {
            End::Exit(exit) if exit.status() == 0 => {
                // Standard output is the program's. If standard error is closed, there is nobody
                // to tell.
                let _ = std::io::stderr().write_all(denied.as_bytes());
                Ok(())
            }
            End::Exit(exit) => {
                // Systems keep eight bits; what does not fit must not look like success.
                let status = u8::try_from(exit.status()).unwrap_or(u8::MAX);
                Err(Failure::exited(status, &missing()))
            }
            End::Failed(failure) => Err(failure.with_notes(&missing())),
        }
    }
}
