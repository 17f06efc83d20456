//! `linkspan run` for core modules: programs of WASI 0.1.

use linkspan::core::{self, Linker, Module, Store};
use linkspan_wasi::{Exit, WasiCtx, p1};

use super::{Run, ended};
use crate::failure::{Failure, Kind, Result};

/// Runs the program in `binary` to its end.
pub(super) fn run(options: &Run, name: &str, binary: &[u8]) -> Result {
    let engine = options.running.engine()?;
    let module = Module::new(&engine, binary).map_err(linkspan::Error::from)?;
    let mut linker = Linker::<WasiCtx>::new(&engine);
    p1::add_to_linker(&mut linker).map_err(linkspan::Error::from)?;

    let mut store = Store::<WasiCtx>::new(&engine, options.ctx(name)?);
    options.limit_memory(&mut store);
    let _timer = options.running.limit(&mut store)?;
    let instance = linker
        .instantiate(&mut store, &module)
        .map_err(|e| failed(e, options, &module));
    let instance = match instance {
        Ok(instance) => instance,
        Err(result) => return result,
    };
    let Some(start) = instance.get_func(&mut store, "_start") else {
        let message = format!(
            "`{name}` is not a program: expected a function `_start`, found none\n  = help: \
             `linkspan invoke --core` calls functions of core modules"
        );
        return Err(Failure::new(Kind::Input, message));
    };
    match start.call(&mut store, &[], &mut []) {
        Ok(()) => Ok(()),
        Err(error) => failed(error, options, &module),
    }
}

/// What an error means: a program that ends itself does so with an error, too.
fn failed(error: core::Error, options: &Run, module: &Module) -> Result {
    match error.downcast_ref::<Exit>() {
        Some(exit) => ended(*exit, missing(options, module)),
        None => Err(linkspan::Error::from(error).into()),
    }
}

/// What a program that did not succeed may have lacked.
fn missing(options: &Run, module: &Module) -> &'static str {
    let uses_files = module.imports().any(|import| import.name == "path_open");
    match uses_files && !options.has_dirs() {
        true => {
            "note: the program can open files, but was granted no directory\n  = help: \
             `--dir HOST::GUEST` grants one"
        }
        false => "",
    }
}
