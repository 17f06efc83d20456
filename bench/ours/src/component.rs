//! The cases of components.

use bench_protocol::{BULK, Case, LIST, RECORDS, TEXT, Work, bulk_text, text, unsupported, words};
use linkspan::abi::{LiftOwned, Lower, Params};
use linkspan::{
    Component, Engine, Error, ExportPath, InstancePre, Linker, Result, Store, StoreContextMut, Val,
};

use crate::corpus;

/// A record with padding.
#[derive(Clone, Copy)]
struct Item {
    id: u64,
    x: f64,
    n: u32,
}

linkspan::record!(Item { "id" => id: u64, "x" => x: f64, "n" => n: u32 });

/// Prepares the work of `case` on the component in `bytes`.
pub(crate) fn load(engine: &Engine, case: Case, bytes: &[u8]) -> Result<Work, String> {
    let work = match case {
        Case::Noop => calls(engine, bytes, "noop", |_| (), |()| 1),
        Case::Add => calls(engine, bytes, "add", |i| (i, 7_u32), |sum: u32| sum.into()),
        Case::AddDynamic => add_dynamic(engine, bytes),
        Case::ImportU32 | Case::ImportString => run(engine, bytes, "run"),
        Case::StringIn => takes(engine, bytes, "take", TEXT),
        Case::StringOut => calls(engine, bytes, "give", |_| (), |s: String| s.len() as u64),
        Case::ListIn => takes(engine, bytes, "take", &LIST[..]),
        Case::RecordsIn => takes(engine, bytes, "take-records", items()),
        Case::RecordsOut => gives::<Item>(engine, bytes, "give-records"),
        Case::BytesIn => takes(engine, bytes, "take-bytes", &BULK[..]),
        Case::BytesOut => gives::<u8>(engine, bytes, "give-bytes"),
        Case::TextIn => takes(engine, bytes, "take-text", bulk_text()),
        Case::TextOut => calls(
            engine,
            bytes,
            "give-text",
            |_| (),
            |s: String| s.len() as u64,
        ),
        Case::WordsIn => takes(engine, bytes, "take-words", words()),
        Case::WordsOut => gives::<String>(engine, bytes, "give-words"),
        Case::Instantiate => instantiate(engine, bytes),
        Case::CrossU32 => run(engine, bytes, "run-u32"),
        Case::CrossString => run(engine, bytes, "run-string"),
        Case::CrossRecords => run(engine, bytes, "run-records"),
        Case::RustAdd
        | Case::RustString
        | Case::RustBytes
        | Case::RustPoints
        | Case::CString
        | Case::CBytes
        | Case::RustResource => corpus::load(engine, case, bytes),
        Case::Kernel
        | Case::CoreNoop
        | Case::CoreAdd
        | Case::CoreImport
        | Case::Heap
        | Case::Stores
        | Case::Program => return Err(unsupported(case)),
    };
    work.map_err(text)
}

fn items() -> Vec<Item> {
    let item = |i| Item {
        id: u64::from(i),
        x: 0.5,
        n: i,
    };
    (0..RECORDS).map(item).collect()
}

pub(crate) fn prepare(engine: &Engine, bytes: &[u8]) -> Result<InstancePre<()>> {
    let component = Component::new(engine, bytes)?;
    let mut linker = Linker::new(engine);
    corpus::define(&mut linker)?;
    linker
        .root()
        .func_wrap("inc", |_: StoreContextMut<'_, ()>, (x,): (u32,)| {
            Ok(x.wrapping_add(1))
        })?
        .host_func::<(&str,), u32>("measure", |(), (s,)| s.len() as u32)?;
    linker.instantiate_pre(&component)
}

/// `n` calls of a function; `params` makes the parameters of a call and `sum` takes
/// its result.
pub(crate) fn calls<P, R>(
    engine: &Engine,
    bytes: &[u8],
    name: impl ExportPath,
    params: impl Fn(u32) -> P + 'static,
    sum: impl Fn(R) -> u64 + 'static,
) -> Result<Work>
where
    P: Params + Lower + 'static,
    R: LiftOwned,
{
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let func = instance
        .get_func(&store, name)
        .ok_or_else(|| Error::msg("the guest lacks a function"))?
        .typed::<P, R>(&store)?;
    Ok(Box::new(move |n| {
        let mut all = 0_u64;
        for i in 0..n {
            all += sum(func.call(&mut store, params(i)).map_err(text)?);
        }
        Ok(all)
    }))
}

/// Calls of a function that answers the length of its parameter.
fn takes<V>(engine: &Engine, bytes: &[u8], name: &str, value: V) -> Result<Work>
where
    V: Lower + 'static,
    (&'static V,): Params,
{
    // The engine program ends soon.
    let value: &'static V = Box::leak(Box::new(value));
    calls(engine, bytes, name, move |_| (value,), |n: u32| n.into())
}

/// Calls of a function that answers a list, which is dropped.
fn gives<E: LiftOwned>(engine: &Engine, bytes: &[u8], name: &str) -> Result<Work>
where
    Vec<E>: LiftOwned,
{
    calls(engine, bytes, name, |_| (), |l: Vec<E>| l.len() as u64)
}

/// One call of a function with a loop inside.
fn run(engine: &Engine, bytes: &[u8], name: &str) -> Result<Work> {
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let run = instance
        .get_func(&store, name)
        .ok_or_else(|| Error::msg("the guest lacks a function"))?
        .typed::<(u32,), u64>(&store)?;
    Ok(Box::new(move |n| run.call(&mut store, (n,)).map_err(text)))
}

fn add_dynamic(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let add = instance
        .get_func(&store, "add")
        .ok_or_else(|| Error::msg("the guest lacks a function"))?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for i in 0..n {
            let mut results = [Val::Bool(false)];
            add.call(&mut store, &[Val::U32(i), Val::U32(7)], &mut results)
                .map_err(text)?;
            match results {
                [Val::U32(one)] => sum += u64::from(one),
                [other] => return Err(format!("expected a u32, found {other:?}")),
            }
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
