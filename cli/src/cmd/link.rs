//! `linkspan link`: what a component imports, and whether it is there.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use linkspan::{Component, Engine, LinkReport, LinkState, Linker, Store};

use super::running::Running;
use crate::failure::{Failure, Kind, Result};
use crate::input;
use crate::json;

/// Say of each import of a component by what it is satisfied, or what is wrong with it.
///
/// The command itself offers no imports: they come from the components that are given with
/// `--plug`. These are instantiated to see what they export, with traps in place of what they
/// import themselves; the component in question is only compared with them. The exit status is 4
/// if an import is missing or of another type.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Link {
    /// A component, in binary or text form; `-` reads standard input.
    #[arg(value_name = "COMPONENT")]
    path: PathBuf,

    /// A component whose exports fill imports; may be given several times.
    #[arg(long = "plug", value_name = "PLUG")]
    plugs: Vec<PathBuf>,

    /// Print JSON, made for tools: one object, with the format's version.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    run: Running,
}

const EXAMPLES: &str = "\
Examples:
  linkspan link app.wasm                    everything that somebody must define
  linkspan link app.wasm --plug log.wasm    what is left, and whether the types fit
  linkspan link app.wasm --json";

impl Link {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        let engine = self.run.engine()?;
        let component = load(&engine, &self.path)?;
        let mut store = Store::new(&engine, ());
        // Plugs may have start functions.
        let _timer = self.run.limit(&mut store)?;
        let mut linker = Linker::<()>::new(&engine);
        for path in &self.plugs {
            let plug = load(&engine, path)?;
            let mut inner = Linker::<()>::new(&engine);
            inner.define_unknown_imports_as_traps(&plug)?;
            let name = input::short_name(path);
            let instance = inner.instantiate(&mut store, &plug);
            let instance = instance.map_err(|error| error.within(name))?;
            linker.root().reexport_all(&store, &instance)?;
        }
        let report = linker.check(&component);
        if self.json {
            let text = serde_json::to_string_pretty(&json::link(&report));
            let text = text.map_err(|error| Failure::new(Kind::Input, error.to_string()))?;
            writeln!(out, "{text}")?;
        } else {
            print(out, &report)?;
        }
        if report.is_ok() {
            return Ok(());
        }
        let help = "`--plug FILE` fills imports with the exports of another component";
        Err(Failure::new(
            Kind::Link,
            format!("{report}\n  = help: {help}"),
        ))
    }
}

fn load(engine: &Engine, path: &std::path::Path) -> Result<Component> {
    let bytes = input::read(path)?;
    let component = Component::new(engine, bytes);
    Ok(component.map_err(|error| error.within(input::short_name(path)))?)
}

fn print(out: &mut dyn Write, report: &LinkReport) -> std::io::Result<()> {
    if report.imports().is_empty() {
        writeln!(out, "the component imports nothing")?;
    }
    for import in report.imports() {
        write!(out, "{}: ", import.path.names().join(" → "))?;
        match &import.state {
            LinkState::Satisfied { by, source, track } => {
                write!(out, "{}", source.name())?;
                if *by != import.path {
                    write!(out, " {}", by.names().join(" → "))?;
                    if let Some(track) = track {
                        write!(out, " (versions {track})")?;
                    }
                }
                writeln!(out)?;
            }
            LinkState::Missing => writeln!(out, "missing")?,
            LinkState::Mismatched => writeln!(out, "of another type")?,
            _ => writeln!(out, "unknown")?,
        }
    }
    Ok(())
}
