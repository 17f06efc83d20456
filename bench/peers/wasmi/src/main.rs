//! The bench's cases on wasmi, with its default features, vectors, and its default
//! configuration. It has no component model and no heap of objects, so it answers the
//! other cases of core modules only.
#![forbid(unsafe_code)]

mod program;

use bench_protocol::{Case, Work, serve, text, unsupported};
use wasmi::{Engine, Instance, Linker, Module, Store};

fn main() -> std::io::Result<()> {
    let engine = Engine::default();
    serve(|case, bytes| {
        load(&engine, case, bytes).map_err(|why| why.unwrap_or_else(|| unsupported(case)))
    })
}

fn load(engine: &Engine, case: Case, bytes: &[u8]) -> Result<Work, Option<String>> {
    match case {
        Case::Kernel | Case::CoreImport => run(engine, bytes).map_err(|e| Some(text(e))),
        Case::CoreNoop => noop(engine, bytes).map_err(|e| Some(text(e))),
        Case::CoreAdd => add(engine, bytes).map_err(|e| Some(text(e))),
        Case::Program => program::load(engine, bytes).map_err(Some),
        // It has neither components nor objects.
        _ => Err(None),
    }
}

fn instantiate(engine: &Engine, bytes: &[u8]) -> Result<(Store<()>, Instance), wasmi::Error> {
    let module = Module::new(engine, bytes)?;
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "inc", |x: u32| x.wrapping_add(1))?;
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    Ok((store, instance))
}

fn run(engine: &Engine, bytes: &[u8]) -> Result<Work, wasmi::Error> {
    let (mut store, instance) = instantiate(engine, bytes)?;
    let run = instance.get_typed_func::<u32, u64>(&store, "run")?;
    Ok(Box::new(move |n| run.call(&mut store, n).map_err(text)))
}

fn noop(engine: &Engine, bytes: &[u8]) -> Result<Work, wasmi::Error> {
    let (mut store, instance) = instantiate(engine, bytes)?;
    let noop = instance.get_typed_func::<(), ()>(&store, "noop")?;
    Ok(Box::new(move |n| {
        for _ in 0..n {
            noop.call(&mut store, ()).map_err(text)?;
        }
        Ok(u64::from(n))
    }))
}

fn add(engine: &Engine, bytes: &[u8]) -> Result<Work, wasmi::Error> {
    let (mut store, instance) = instantiate(engine, bytes)?;
    let add = instance.get_typed_func::<(u32, u32), u32>(&store, "add")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for i in 0..n {
            sum += u64::from(add.call(&mut store, (i, 7)).map_err(text)?);
        }
        Ok(sum)
    }))
}
