//! `linkspan explain`: how a component is put together when it is instantiated.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use linkspan::{Component, Engine};

use crate::failure::Result;
use crate::input;

/// Show the plan by which a component is instantiated.
///
/// However components and instances nest and alias each other inside, instantiating one is a list
/// of a dozen kinds of step: this list. The format is made for people and may change.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// A component, in binary or text form; `-` reads standard input.
    #[arg(value_name = "COMPONENT")]
    path: PathBuf,

    /// Show instead how the values of its functions travel: the layout of each type, core types,
    /// and the programs that lift and lower.
    #[arg(long)]
    layout: bool,
}

const EXAMPLES: &str = "\
Examples:
  linkspan explain plugin.wasm
  linkspan explain plugin.wasm --layout    sizes, offsets, core types";

impl Explain {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        let bytes = input::read(&self.path)?;
        let component = Component::new(&Engine::default(), bytes)
            .map_err(|e| e.within(input::short_name(&self.path)))?;
        let text = if self.layout {
            component.explain_layout()
        } else {
            component.explain()
        };
        writeln!(out, "{}", text.trim_end())?;
        Ok(())
    }
}
