//! `linkspan run` for core modules: programs of WASI 0.1.

use linkspan::core::{self, Linker, Module, Store};
use linkspan_wasi::{Exit, WasiCtx, p1};

use super::notes::Needs;
use super::{End, Run};
use crate::failure::{Failure, Kind, Result};

/// Runs the program in `binary` to its end.
pub(super) fn run(options: &Run, name: &str, binary: &[u8]) -> Result {
    let engine = options.running.engine()?;
    let module = Module::new(&engine, binary).map_err(linkspan::Error::from)?;
    let mut linker = Linker::<WasiCtx>::new(&engine);
    p1::add_to_linker(&mut linker).map_err(linkspan::Error::from)?;

    let mut store = Store::<WasiCtx>::new(&engine, options.ctx(name)?);
    options.granting.limit_memory(&mut store);
    let _timer = options.running.limit(&mut store)?;
    let end = match linker.instantiate(&mut store, &module) {
        Err(error) => ended(error),
        Ok(instance) => {
            let Some(start) = instance.get_func(&mut store, "_start") else {
                let message = format!(
                    "`{name}` is not a program: expected a function `_start`, found none\n  = \
                     help: `linkspan invoke --core` calls functions of core modules"
                );
                return Err(Failure::new(Kind::Input, message));
            };
            match start.call(&mut store, &[], &mut []) {
                Ok(()) => End::Exit(Exit::new(0)),
                Err(error) => ended(error),
            }
        }
    };
    end.into_result(store.data(), needs(&module))
}

/// What an error means: a program that ends itself does so with an error, too.
fn ended(error: core::Error) -> End {
    match error.downcast_ref::<Exit>() {
        Some(exit) => End::Exit(*exit),
        None => End::Failed(linkspan::Error::from(error).into()),
    }
}

fn needs(module: &Module) -> Needs {
    Needs {
        files: module.imports().any(|import| import.name == "path_open"),
        network: false,
    }
}
