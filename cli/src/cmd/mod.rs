//! The commands: one file each, with the arguments, the help and the body.

mod bindgen;
mod explain;
mod granting;
mod inspect;
mod invoke;
mod link;
mod network;
mod plug;
mod run;
mod running;
mod serve;
mod wast;
mod wit;

use std::io::Write;

use clap::Subcommand;

use crate::failure::Result;

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Run),
    Serve(serve::Serve),
    Invoke(invoke::Invoke),
    Link(link::Link),
    Plug(plug::Plug),
    Inspect(inspect::Inspect),
    Wit(wit::Wit),
    Bindgen(bindgen::Bindgen),
    Explain(explain::Explain),
    Wast(wast::Wast),
}

impl Command {
    /// Runs the command; what it prints goes to `out`.
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        match self {
            Self::Run(command) => command.run(out),
            Self::Serve(command) => command.run(),
            Self::Invoke(command) => command.run(out),
            Self::Link(command) => command.run(out),
            Self::Plug(command) => command.run(out),
            Self::Inspect(command) => command.run(out),
            Self::Wit(command) => command.run(out),
            Self::Bindgen(command) => command.run(out),
            Self::Explain(command) => command.run(out),
            Self::Wast(command) => command.run(out),
        }
    }
}
