//! The cases of components.

use bench_protocol::{BULK, Case, LIST, RECORDS, TEXT, Work, bulk_text, text, unsupported, words};
use wasmtime::component::{
    Component, ComponentNamedList, ComponentType, Func, Instance, InstancePre, Lift, Linker, Lower,
    Val, WasmStr,
};
use wasmtime::{Engine, Error, Result, Store};

use crate::corpus;

/// A record with padding.
#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct Item {
    id: u64,
    x: f64,
    n: u32,
}

/// Prepares the work of `case` on the component in `bytes`.
pub(crate) fn load(engine: &Engine, case: Case, bytes: &[u8]) -> Result<Work> {
    match case {
        Case::Noop => noop(engine, bytes),
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
        | Case::Program => Err(Error::msg(unsupported(case))),
    }
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
    linker
        .root()
        .func_wrap("inc", |_, (x,): (u32,)| Ok((x.wrapping_add(1),)))?;
    linker
        .root()
        .func_wrap("measure", |store, (s,): (WasmStr,)| {
            Ok((s.to_str(&store)?.len() as u32,))
        })?;
    linker.define_unknown_imports_as_traps(&component)?;
    linker.instantiate_pre(&component)
}

/// A function of an instance, or of an interface that it exports.
pub(crate) fn function(
    store: &mut Store<()>,
    instance: &Instance,
    path: impl Path,
) -> Result<Func> {
    let mut at = None;
    for name in path.names() {
        let export = instance.get_export_index(&mut *store, at.as_ref(), name);
        at = Some(export.ok_or_else(|| Error::msg("the guest lacks an export"))?);
    }
    at.and_then(|at| instance.get_func(store, at))
        .ok_or_else(|| Error::msg("the guest lacks a function"))
}

/// The name of a function, or of an interface and a function in it.
pub(crate) trait Path {
    fn names(&self) -> Vec<&str>;
}

impl Path for &str {
    fn names(&self) -> Vec<&str> {
        vec![self]
    }
}

impl Path for (&str, &str) {
    fn names(&self) -> Vec<&str> {
        vec![self.0, self.1]
    }
}

/// `n` calls of a function; `params` makes the parameters of a call and `sum` takes
/// its result.
pub(crate) fn calls<P, R>(
    engine: &Engine,
    bytes: &[u8],
    name: impl Path,
    params: impl Fn(u32) -> P + 'static,
    sum: impl Fn(R) -> u64 + 'static,
) -> Result<Work>
where
    P: ComponentNamedList + Lower + 'static,
    R: 'static,
    (R,): ComponentNamedList + Lift,
{
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let func = function(&mut store, &instance, name)?.typed::<P, (R,)>(&store)?;
    Ok(Box::new(move |n| {
        let mut all = 0_u64;
        for i in 0..n {
            all += sum(func.call(&mut store, params(i)).map_err(text)?.0);
        }
        Ok(all)
    }))
}

/// Calls of a function that answers the length of its parameter.
fn takes<V>(engine: &Engine, bytes: &[u8], name: &str, value: V) -> Result<Work>
where
    V: Lower + 'static,
    (&'static V,): ComponentNamedList + Lower,
{
    // The engine program ends soon.
    let value: &'static V = Box::leak(Box::new(value));
    calls::<(&'static V,), u32>(engine, bytes, name, move |_| (value,), u64::from)
}

/// Calls of a function that answers a list, which is dropped.
fn gives<E: Lift + 'static>(engine: &Engine, bytes: &[u8], name: &str) -> Result<Work> {
    calls(engine, bytes, name, |_| (), |l: Vec<E>| l.len() as u64)
}

/// One call of a function with a loop inside.
fn run(engine: &Engine, bytes: &[u8], name: &str) -> Result<Work> {
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let run = function(&mut store, &instance, name)?.typed::<(u32,), (u64,)>(&store)?;
    Ok(Box::new(move |n| {
        Ok(run.call(&mut store, (n,)).map_err(text)?.0)
    }))
}

fn add_dynamic(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let add = function(&mut store, &instance, "add")?;
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

/// A function without a result has no tuple of one.
fn noop(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let noop = function(&mut store, &instance, "noop")?.typed::<(), ()>(&store)?;
    Ok(Box::new(move |n| {
        for _ in 0..n {
            noop.call(&mut store, ()).map_err(text)?;
        }
        Ok(u64::from(n))
    }))
}
