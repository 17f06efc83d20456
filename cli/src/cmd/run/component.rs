//! `linkspan run` for components: programs of the world `wasi:cli/command` of WASI 0.2.

use linkspan::{Component, Linker, Store, Val};
use linkspan_wasi::{Exit, WasiCtx, p2};

use super::{Run, ended};
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

    let mut store = Store::<WasiCtx>::new(&engine, options.ctx(name)?);
    options.limit_memory(&mut store);
    let _timer = options.running.limit(&mut store)?;
    let instance = match linker.instantiate(&mut store, &component) {
        Ok(instance) => instance,
        Err(error) => return failed(error, options, &component),
    };
    let Some(run) = instance.get_func(&mut store, (interface, "run")) else {
        let message = format!("`{name}` is not a program: `{interface}` has no function `run`");
        return Err(Failure::new(Kind::Input, message));
    };
    let mut results = [Val::Bool(false)];
    match run.call(&mut store, &[], &mut results) {
        Ok(()) if matches!(results, [Val::Result(Ok(_))]) => Ok(()),
        Ok(()) => ended(Exit::new(1), missing(options, &component)),
        Err(error) => failed(error, options, &component),
    }
}

/// What an error means: a program that ends itself does so with an error, too.
fn failed(error: linkspan::Error, options: &Run, component: &Component) -> Result {
    match error.downcast_ref::<Exit>() {
        Some(exit) => ended(*exit, missing(options, component)),
        None => Err(error.into()),
    }
}

/// What a program that did not succeed may have lacked.
fn missing(options: &Run, component: &Component) -> &'static str {
    let imports = |prefix| {
        component
            .imports()
            .iter()
            .any(|(name, _)| name.starts_with(prefix))
    };
    if imports("wasi:filesystem/types@") && !options.has_dirs() {
        "note: the program can open files, but was granted no directory\n  = help: \
         `--dir HOST::GUEST` grants one"
    } else if imports("wasi:sockets/tcp@") {
        "note: the program can use the network, and there is none: sockets are not supported yet"
    } else {
        ""
    }
}
