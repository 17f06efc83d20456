//! The bench's cases on wasmtime with Cranelift, without the features that would
//! only slow it down here (async, profiling). Its heap of objects is the feature `gc`
//! of this program, which is off where no case needs it.
#![forbid(unsafe_code)]

#[cfg(feature = "gc")]
mod heap;
mod program;

use bench_protocol::{Case, LIST, TEXT, Work, serve, text};
use wasmtime::component::{self, Component, InstancePre};
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
        Case::ComponentNoop => noop(engine, bytes),
        Case::ComponentAdd => add(engine, bytes),
        Case::ComponentImport => run(engine, bytes),
        Case::StringIn => string_in(engine, bytes),
        Case::StringOut => string_out(engine, bytes),
        Case::ListIn => list_in(engine, bytes),
        Case::Instantiate => instantiate(engine, bytes),
        Case::Program => Ok(program::load(engine, bytes)),
        Case::Heap | Case::Stores => heap(engine, case, bytes),
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

fn prepare(engine: &Engine, bytes: &[u8]) -> Result<InstancePre<()>> {
    let component = Component::new(engine, bytes)?;
    let mut linker = component::Linker::new(engine);
    linker
        .root()
        .func_wrap("inc", |_, (x,): (u32,)| Ok((x.wrapping_add(1),)))?;
    linker.instantiate_pre(&component)
}

fn component_instance(engine: &Engine, bytes: &[u8]) -> Result<(Store<()>, component::Instance)> {
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    Ok((store, instance))
}

fn run(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = component_instance(engine, bytes)?;
    let run = instance.get_typed_func::<(u32,), (u64,)>(&mut store, "run")?;
    Ok(Box::new(move |n| {
        Ok(run.call(&mut store, (n,)).map_err(text)?.0)
    }))
}

fn noop(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = component_instance(engine, bytes)?;
    let noop = instance.get_typed_func::<(), ()>(&mut store, "noop")?;
    Ok(Box::new(move |n| {
        for _ in 0..n {
            noop.call(&mut store, ()).map_err(text)?;
        }
        Ok(u64::from(n))
    }))
}

fn add(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = component_instance(engine, bytes)?;
    let add = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, "add")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for i in 0..n {
            sum += u64::from(add.call(&mut store, (i, 7)).map_err(text)?.0);
        }
        Ok(sum)
    }))
}

fn string_in(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = component_instance(engine, bytes)?;
    let take = instance.get_typed_func::<(&str,), (u32,)>(&mut store, "take")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for _ in 0..n {
            sum += u64::from(take.call(&mut store, (TEXT,)).map_err(text)?.0);
        }
        Ok(sum)
    }))
}

fn string_out(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = component_instance(engine, bytes)?;
    let give = instance.get_typed_func::<(), (String,)>(&mut store, "give")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for _ in 0..n {
            sum += give.call(&mut store, ()).map_err(text)?.0.len() as u64;
        }
        Ok(sum)
    }))
}

fn list_in(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, instance) = component_instance(engine, bytes)?;
    let take = instance.get_typed_func::<(&[u32],), (u32,)>(&mut store, "take")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for _ in 0..n {
            sum += u64::from(take.call(&mut store, (&LIST[..],)).map_err(text)?.0);
        }
        Ok(sum)
    }))
}

fn instantiate(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let prepared = prepare(engine, bytes)?;
    let engine = engine.clone();
    Ok(Box::new(move |n| {
        for _ in 0..n {
            let mut store = Store::new(&engine, ());
            prepared.instantiate(&mut store).map_err(text)?;
        }
        Ok(u64::from(n))
    }))
}
