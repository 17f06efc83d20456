//! The cases of components.

use bench_protocol::{Case, LIST, TEXT, Work, text, unsupported};
use linkspan::abi::{LiftOwned, Lower, Params};
use linkspan::{
    Component, Engine, Error, InstancePre, Linker, Result, Store, StoreContextMut, TypedFunc,
};

/// Prepares the work of `case` on the component in `bytes`.
pub(crate) fn load(engine: &Engine, case: Case, bytes: &[u8]) -> Result<Work, String> {
    let work = match case {
        Case::ComponentNoop => noop(engine, bytes),
        Case::ComponentAdd => add(engine, bytes),
        Case::ComponentImport => run(engine, bytes),
        Case::StringIn => string_in(engine, bytes),
        Case::StringOut => string_out(engine, bytes),
        Case::ListIn => list_in(engine, bytes),
        Case::Instantiate => instantiate(engine, bytes),
        Case::Kernel
        | Case::CoreNoop
        | Case::CoreAdd
        | Case::CoreImport
        | Case::Heap
        | Case::Stores
        | Case::Program => {
            return Err(unsupported(case));
        }
    };
    work.map_err(text)
}

fn prepare(engine: &Engine, bytes: &[u8]) -> Result<InstancePre<()>> {
    let component = Component::new(engine, bytes)?;
    let mut linker = Linker::new(engine);
    linker
        .root()
        .func_wrap("inc", |_: StoreContextMut<'_, ()>, (x,): (u32,)| {
            Ok(x.wrapping_add(1))
        })?;
    linker.instantiate_pre(&component)
}

/// An instance's function with its types.
fn function<P, R>(engine: &Engine, bytes: &[u8], name: &str) -> Result<(Store<()>, TypedFunc<P, R>)>
where
    P: Params + Lower,
    R: LiftOwned,
{
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let func = instance
        .get_func(&store, name)
        .ok_or_else(|| Error::msg(format!("the guest exports no `{name}`")))?;
    let func = func.typed(&store)?;
    Ok((store, func))
}

fn run(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, run) = function::<(u32,), u64>(engine, bytes, "run")?;
    Ok(Box::new(move |n| run.call(&mut store, (n,)).map_err(text)))
}

fn noop(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, noop) = function::<(), ()>(engine, bytes, "noop")?;
    Ok(Box::new(move |n| {
        for _ in 0..n {
            noop.call(&mut store, ()).map_err(text)?;
        }
        Ok(u64::from(n))
    }))
}

fn add(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, add) = function::<(u32, u32), u32>(engine, bytes, "add")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for i in 0..n {
            sum += u64::from(add.call(&mut store, (i, 7)).map_err(text)?);
        }
        Ok(sum)
    }))
}

fn string_in(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, take) = function::<(&str,), u32>(engine, bytes, "take")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for _ in 0..n {
            sum += u64::from(take.call(&mut store, (TEXT,)).map_err(text)?);
        }
        Ok(sum)
    }))
}

fn string_out(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, give) = function::<(), String>(engine, bytes, "give")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for _ in 0..n {
            sum += give.call(&mut store, ()).map_err(text)?.len() as u64;
        }
        Ok(sum)
    }))
}

fn list_in(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let (mut store, take) = function::<(&[u32],), u32>(engine, bytes, "take")?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for _ in 0..n {
            sum += u64::from(take.call(&mut store, (&LIST[..],)).map_err(text)?);
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
