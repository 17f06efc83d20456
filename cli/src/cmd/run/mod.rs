//! `linkspan run`: run a program with what it is granted.

mod component;
mod core_module;
mod network;
mod notes;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use linkspan::core::Store;
use linkspan_wasi::fs::Perms;
use linkspan_wasi::{Exit, WasiCtx};

use network::Network;
use notes::Needs;

use super::running::Running;
use crate::failure::{Failure, Kind, Result};
use crate::input;

/// Run a program: a component of the world `wasi:cli/command` of WASI 0.2, or a core module with a
/// function `_start` that uses WASI 0.1.
///
/// The program gets standard input, output and error, its arguments, clocks, random bytes, and
/// what is granted here: no directory, no variable and no address otherwise. The command ends with the exit
/// status of the program.
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

    /// Let the program read and change this directory, which it finds as GUEST, or else by the
    /// same name; may be given several times.
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    dirs: Vec<String>,

    /// Let the program read this directory, as with `--dir`.
    #[arg(long = "dir-read-only", value_name = "HOST[::GUEST]")]
    read_only_dirs: Vec<String>,

    /// Set a variable of the program's environment, to the command's own value if none is given;
    /// may be given several times.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    variables: Vec<String>,

    #[command(flatten)]
    network: Network,

    /// The bytes that all memories of the program may take together.
    #[arg(long, value_name = "BYTES")]
    max_memory: Option<u64>,

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
        let mut ctx = WasiCtx::builder()
            .arg(name)
            .args(&self.arguments)
            .inherit_stdio()
            .map_err(|e| {
                let message = format!("cannot pass standard input and output on: {e}");
                Failure::new(Kind::Input, message)
            })?;
        for variable in &self.variables {
            match variable.split_once('=') {
                Some((name, value)) => ctx = ctx.env(name, value),
                None => {
                    // A variable that is not set here is not set there.
                    if let Ok(value) = std::env::var(variable) {
                        ctx = ctx.env(variable, value);
                    }
                }
            }
        }
        let dirs = self.dirs.iter().map(|dir| (dir, Perms::ALL));
        let read_only = self.read_only_dirs.iter().map(|dir| (dir, Perms::READ));
        for (dir, perms) in dirs.chain(read_only) {
            let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
            ctx = ctx.preopen_dir(host, guest, perms).map_err(|e| {
                let message = format!("cannot open the directory `{host}`: {e}");
                Failure::new(Kind::Input, message)
            })?;
        }
        Ok(self.network.grant(ctx)?.build())
    }

    /// Limits what all memories in a store may take together.
    fn limit_memory<T: 'static, X: 'static>(&self, store: &mut Store<T, X>) {
        if let Some(bytes) = self.max_memory {
            let limits = store.limits_mut();
            limits.memory_size_bytes_max = limits.memory_size_bytes_max.min(bytes);
            limits.memory_total_bytes_max = bytes;
        }
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
