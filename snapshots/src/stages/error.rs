//! What a user is told when something is wrong: with WIT, with a module or
//! component, with its imports, or while its function `run` runs.

use linkspan::{Component, Engine, Linker, Store, core};
use linkspan_wit::PackageSet;

use crate::Case;

/// The message for a case that must be refused.
///
/// # Errors
///
/// When the case is accepted and its `run` returns.
pub fn message(case: &Case) -> Result<String, String> {
    let outcome = if case.name().ends_with(".wit") {
        wit(case)
    } else if case.text.contains("(component") {
        component(case).map_err(|error| format!("{:?}: {error:#}", error.kind()))
    } else {
        module(case).map_err(|error| format!("{:?}: {error:#}", error.kind()))
    };
    match outcome {
        Err(text) => Ok(format!("{}\n", text.trim_end())),
        Ok(()) => Err("expected a case that is refused, found one that is accepted".to_owned()),
    }
}

fn wit(case: &Case) -> Result<(), String> {
    let set = PackageSet::from_text(case.name(), case.text.clone());
    set.map(drop).map_err(|error| error.render())
}

fn component(case: &Case) -> linkspan::Result<()> {
    let engine = Engine::default();
    let component = Component::new(&engine, &case.text)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    if let Some(run) = instance.get_func(&mut store, "run") {
        run.call(&mut store, &[], &mut [])?;
    }
    Ok(())
}

fn module(case: &Case) -> core::Result<()> {
    let engine = Engine::default();
    let module = core::Module::new(&engine, &case.text)?;
    let mut store: core::Store<()> = core::Store::new(&engine, ());
    let linker: core::Linker<()> = core::Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &module)?;
    if let Some(run) = instance.get_func(&store, "run") {
        run.call(&mut store, &[], &mut [])?;
    }
    Ok(())
}
