//! The bench's cases on wasmtime with Cranelift, without the features that would
//! only slow it down here (async, profiling). Its heap of objects is the feature `gc`
//! of this program, which is off where no case needs it.
#![forbid(unsafe_code)]

mod component;
mod corpus;
#[cfg(feature = "gc")]
mod heap;
mod program;

use bench_protocol::{Case, Work, serve, text};
use wasmtime::{Engine, Instance, Linker, Module, Result, Store};

fn main() -> std::io::Result<()> {
    let engine = engine().map_err(|error| std::io::Error::other(error.to_string()))?;
    serve(|case, bytes| load(&engine, case, bytes).map_err(explain))
}

#[cfg(not(feature = "gc"))]
fn engine() -> Result<Engine> {
    Ok(Engine::default())
}

#[cfg(feature = "gc")]
fn engine() -> Result<Engine> {
    let mut config = wasmtime::Config::new();
    config.wasm_function_references(true).wasm_gc(true);
    Engine::new(&config)
}

/// A case that is not built must look like one.
fn explain(error: wasmtime::Error) -> String {
    let short = error.to_string();
    if short.starts_with("unsupported") {
        short
    } else {
        text(error)
    }
}

fn load(engine: &Engine, case: Case, bytes: &[u8]) -> Result<Work> {
    match case {
        Case::Kernel | Case::CoreImport => core_run(engine, bytes),
        Case::CoreNoop => core_noop(engine, bytes),
        Case::CoreAdd => core_add(engine, bytes),
        Case::Program => Ok(program::load(engine, bytes)),
        Case::Heap | Case::Stores => heap(engine, case, bytes),
        _ => component::load(engine, case, bytes),
    }
}

#[cfg(feature = "gc")]
fn heap(engine: &Engine, case: Case, bytes: &[u8]) -> Result<Work> {
    match case {
        Case::Stores => heap::stores(engine, bytes),
        _ => core_run(engine, bytes),
    }
}

#[cfg(not(feature = "gc"))]
fn heap(_: &Engine, case: Case, _: &[u8]) -> Result<Work> {
    Err(wasmtime::Error::msg(bench_protocol::unsupported(case)))
}

fn core_instance(engine: &Engine, bytes: &[u8]) -> Result<(Store<()>, Instance)> {
    let module = Module::new(engine, bytes)?;
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "inc", |x: u32| x.wrapping_add(1))?;
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

fn core_run(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = core_instance(engine, bytes)?;
    let run = instance.get_typed_func::<u32, u64>(&mut store, "run")?;
    Ok(Box::new(move |n| run.call(&mut store, n).map_err(text)))
}

fn core_noop(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = core_instance(engine, bytes)?;
    let noop = instance.get_typed_func::<(), ()>(&mut store, "noop")?;
    Ok(Box::new(move |n| {
        for _ in 0..n {
            noop.call(&mut store, ()).map_err(text)?;
        }
        Ok(u64::from(n))
    }))
}

fn core_add(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = core_instance(engine, bytes)?;
    let add = instance.get_typed_func::<(u32, u32), u32>(&mut store, "add")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for i in 0..n {
            sum += u64::from(add.call(&mut store, (i, 7)).map_err(text)?);
        }
        Ok(sum)
    }))
}
