//! The cases of core modules: the engine alone.

use bench_protocol::{Work, text};
use linkspan_engine::{Engine, Instance, Linker, Module, Result, Store};

fn instantiate(engine: &Engine, bytes: &[u8]) -> Result<(Store<()>, Instance)> {
    let module = Module::new(engine, bytes)?;
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "inc", |x: u32| x.wrapping_add(1))?;
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

/// One call of the guest's `run`.
pub(crate) fn run(engine: &Engine, bytes: &[u8]) -> Result<Work, String> {
    let (mut store, instance) = instantiate(engine, bytes).map_err(text)?;
    let run = instance
        .get_typed_func::<u32, u64>(&mut store, "run")
        .map_err(text)?;
    Ok(Box::new(move |n| run.call(&mut store, n).map_err(text)))
}

/// `n` calls that do nothing.
pub(crate) fn noop(engine: &Engine, bytes: &[u8]) -> Result<Work, String> {
    let (mut store, instance) = instantiate(engine, bytes).map_err(text)?;
    let noop = instance
        .get_typed_func::<(), ()>(&mut store, "noop")
        .map_err(text)?;
    Ok(Box::new(move |n| {
        for _ in 0..n {
            noop.call(&mut store, ()).map_err(text)?;
        }
        Ok(u64::from(n))
    }))
}

/// `n` calls with two parameters and a result.
pub(crate) fn add(engine: &Engine, bytes: &[u8]) -> Result<Work, String> {
    let (mut store, instance) = instantiate(engine, bytes).map_err(text)?;
    let add = instance
        .get_typed_func::<(u32, u32), u32>(&mut store, "add")
        .map_err(text)?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for i in 0..n {
            sum += u64::from(add.call(&mut store, (i, 7)).map_err(text)?);
        }
        Ok(sum)
    }))
}
