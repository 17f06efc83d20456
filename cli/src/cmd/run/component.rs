//! `linkspan run` for components: programs of the world `wasi:cli/command` of WASI 0.2.

use linkspan::{Component, Linker, Store, Val};
use linkspan_wasi::{Exit, WasiCtx, p2};

use super::notes::Needs;
use super::{End, Run};
use crate::failure::{Failure, Kind, Result};

/// The interface that a program exports, without its version.
const RUN: &str = "wasi:cli/run@0.2.";

/// Runs the program in `binary` to its end.
pub(super) fn run(options: &Run, name: &str, binary: &[u8]) -> Result {
    let engine = options.running.engine()?;
    let component = Component::new(&engine, binary).map_err(|e| e.within(name))?;
    let interface = component.exports().iter().map(|(export, _)| export);
    let Some(interface) = interface.into_iter().find(|export| export.starts_with(RUN)) else {
        let message = format!(
            "`{name}` is not a program: expected an interface `{RUN}x`, found none\n  = help: \
             `linkspan invoke` calls functions of components"
        );
        return Err(Failure::new(Kind::Input, message));
    };
    let mut linker = Linker::<WasiCtx>::new(&engine);
    p2::add_to_linker(&mut linker)?;
    p2::http::add_to_linker(&mut linker)?;

    let mut store = Store::<WasiCtx>::new(&engine, options.ctx(name)?);
    options.granting.limit_memory(&mut store);
    let _timer = options.running.limit(&mut store)?;
    let end = match linker.instantiate(&mut store, &component) {
        Err(error) => ended(error),
        Ok(instance) => {
            let Some(run) = instance.get_func(&mut store, (interface, "run")) else {
                let message =
                    format!("`{name}` is not a program: `{interface}` has no function `run`");
                return Err(Failure::new(Kind::Input, message));
            };
            let mut results = [Val::Bool(false)];
            match run.call(&mut store, &[], &mut results) {
                Ok(()) => {
                    let is_content = matches!(results, [Val::Result(Ok(_))]);
                    End::Exit(Exit::new(u32::from(!is_content)))
                }
                Err(error) => ended(error),
            }
        }
    };
    end.into_result(store.data(), needs(options, &component))
}

/// What an error means: a program that ends itself does so with an error, too.
fn ended(error: linkspan::Error) -> End {
    match error.downcast_ref::<Exit>() {
        Some(exit) => End::Exit(*exit),
        None => End::Failed(error.into()),
    }
}

fn needs(options: &Run, component: &Component) -> Needs {
    let imports = |prefix| {
        let mut names = component.imports().iter();
        names.any(|(name, _)| name.starts_with(prefix))
    };
    Needs {
        files: imports("wasi:filesystem/types@"),
        network: imports("wasi:sockets/") && !options.granting.has_network(),
    }
}
