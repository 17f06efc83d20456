//! `linkspan invoke`: call a function and print what it returns.

mod core_module;
mod exports;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use linkspan::wave::{self, Call, Callee};
use linkspan::{Component, Engine, Linker, Store, Val, json};
use linkspan_wasi::{HostOutput, WasiCtx, p2};
use linkspan_wit::PackageSet;

use super::running::Running;
use crate::failure::{Failure, Kind, Result};
use crate::input;
use crate::plug::{self, Part};
use exports::{Export, Exports};

/// Call a function of a component, or of a core module.
///
/// Without a call the functions are listed, with their types. Arguments and results are written
/// in WAVE, the text form of component values: `1`, `"text"`, `{x: 1, y: -2}`, `[some(1), none]`,
/// `circle(2.5)`, `{read, write}`. A function inside an exported interface is called by its own
/// name if only one has it, by `interface#name`, or by `ns:pkg/interface@version#name`; methods
/// are `resource.method`.
///
/// The component gets WASI without files, arguments and variables: clocks, random bytes, and a
/// place for its output. Whatever else it imports must be inside it too, or come from a component
/// that is plugged in.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Invoke {
    /// A component or core module, in binary or text form; `-` reads standard input.
    #[arg(value_name = "FILE")]
    path: PathBuf,

    /// The call, such as `f(1, "a")`, or only the name, with the arguments behind it.
    #[arg(value_name = "CALL")]
    call: Option<String>,

    /// The arguments, each in WAVE, if CALL is only a name.
    #[arg(value_name = "ARGUMENT", allow_negative_numbers = true)]
    arguments: Vec<String>,

    /// FILE is a core module: arguments and results are numbers.
    #[arg(long)]
    core: bool,

    /// Fill imports with the exports of this component, as `linkspan plug` does; may be given
    /// several times.
    #[arg(long = "plug", value_name = "PLUG")]
    plugs: Vec<PathBuf>,

    /// Print the result as JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    run: Running,
}

const EXAMPLES: &str = "\
Examples:
  linkspan invoke plugin.wasm                       what can be called
  linkspan invoke plugin.wasm 'add(1, 2)'
  linkspan invoke plugin.wasm add 1 2               the same
  linkspan invoke plugin.wasm 'move({x: 1, y: 2})'  quote it, or the shell takes it apart
  linkspan invoke plugin.wasm 'acme:app/sums@1.0.0#add(1, 2)'
  linkspan invoke --core m.wasm run 30              a core module";

impl Invoke {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        let name = input::short_name(&self.path);
        let bytes = input::read(&self.path)?;
        let Some(binary) = input::binary(&name, bytes)? else {
            let message = format!("`{name}` is neither a component nor a core module");
            return Err(Failure::new(Kind::Input, message));
        };
        let is_core = wasmparser::Parser::is_core_wasm(&binary);
        match (self.core, is_core) {
            (false, false) if self.plugs.is_empty() => self.component(out, &name, &binary),
            (false, false) => {
                let socket = Part::new(name.clone(), binary)?;
                let composed = plug::compose(&socket, &super::plug::read(&self.plugs)?)?;
                self.component(out, &name, &composed.bytes)
            }
            (true, true) if !self.plugs.is_empty() => {
                let message = "a core module has no component-level imports that a plug could fill";
                Err(Failure::new(Kind::Usage, message))
            }
            (true, true) => core_module::invoke(out, &self, &name, &binary),
            (true, false) => {
                let message = format!("`{name}` is a component\n  = help: leave `--core` out");
                Err(Failure::new(Kind::Input, message))
            }
            (false, true) => {
                let message = format!(
                    "`{name}` is a core module, not a component\n  = help: add `--core` to call \
                     it with numbers"
                );
                Err(Failure::new(Kind::Input, message))
            }
        }
    }

    fn component(&self, out: &mut dyn Write, name: &str, binary: &[u8]) -> Result {
        let engine = self.run.engine()?;
        let component = Component::new(&engine, binary).map_err(|e| e.within(name))?;
        let exports = Exports::new(&component);
        let Some(call) = &self.call else {
            let wit = PackageSet::from_bytes(name, binary).ok();
            return exports.list(out, wit.as_ref());
        };
        let (export, params) = self.resolve(&exports, call)?;
        // Everything that the caller could have got wrong is known; now the component may run.
        let result = self.call(&engine, &component, &export, &params)?;
        if let Some(value) = result {
            self.print(out, &export, &value)?;
        }
        Ok(())
    }

    /// The function that is meant, and its arguments.
    fn resolve<'c>(&self, exports: &Exports<'c>, call: &str) -> Result<(Export<'c>, Vec<Val>)> {
        if call.contains('(') {
            if let Some(argument) = self.arguments.first() {
                let message = format!(
                    "`{argument}` stands behind a whole call\n  = help: write all arguments \
                     inside the parentheses, or the name of the function without them"
                );
                return Err(Failure::new(Kind::Usage, message));
            }
            let call = Call::parse(call).map_err(|e| exports::usage(&e))?;
            let export = exports.find(call.callee())?;
            let ty = export.ty()?;
            let params = call.args(export.types(), ty);
            return Ok((export, params.map_err(|e| exports::usage(&e))?));
        }
        let export = exports.find(&Callee::new(call))?;
        let text = format!("({})", self.arguments.join(", "));
        let params = wave::parse_args(export.types(), export.ty()?, &text);
        Ok((export, params.map_err(|e| exports::usage(&e))?))
    }

    fn call(
        &self,
        engine: &Engine,
        component: &Component,
        export: &Export<'_>,
        params: &[Val],
    ) -> Result<Option<Val>> {
        let mut store = Store::new(engine, wasi()?);
        let _timer = self.run.limit(&mut store)?;
        let mut linker = Linker::<WasiCtx>::new(engine);
        p2::add_to_linker(&mut linker)?;
        let instance = linker.instantiate(&mut store, component)?;
        let path: Vec<&str> = export.path().collect();
        let Some(func) = instance.get_func(&mut store, path.as_slice()) else {
            let message = format!("`{}` cannot be called", export.name());
            return Err(Failure::new(Kind::Input, message));
        };
        let mut results = match export.ty()?.result {
            Some(_) => vec![Val::Bool(false)],
            None => Vec::new(),
        };
        func.call(&mut store, params, &mut results)
            .map_err(|e| e.within(export.name()))?;
        Ok(results.pop())
    }

    fn print(&self, out: &mut dyn Write, export: &Export<'_>, value: &Val) -> Result {
        let Some(ty) = export.ty()?.result else {
            return Ok(());
        };
        if self.json {
            let json = json::print(export.types(), ty, value).map_err(linkspan::Error::from)?;
            writeln!(out, "{json}")?;
            return Ok(());
        }
        let text = wave::print(export.types(), ty, value).map_err(linkspan::Error::from)?;
        writeln!(out, "{text}")?;
        Ok(())
    }
}

/// What a component is granted: its output goes where ours goes.
fn wasi() -> Result<WasiCtx> {
    let stdio = HostOutput::stdout().and_then(|out| Ok((out, HostOutput::stderr()?)));
    let (stdout, stderr) = stdio.map_err(|e| {
        let message = format!("cannot pass standard output on: {e}");
        Failure::new(Kind::Input, message)
    })?;
    Ok(WasiCtx::builder().stdout(stdout).stderr(stderr).build())
}
