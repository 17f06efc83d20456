//! The cases with guests that real toolchains made.

use bench_protocol::{BULK, Case, TEXT, Work, text, unsupported};
use wasmtime::component::{ComponentType, Lift, Lower, Val};
use wasmtime::{Engine, Error, Result, Store};

use crate::component::{calls, function, prepare};

const COMPUTE: &str = "corpus:compute/compute@0.1.0";
const STACK: &str = "corpus:cc/stack@0.1.0";
const BANK: &str = "corpus:resources/bank@0.1.0";

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct Point {
    x: i32,
    y: i32,
}

/// Prepares the work of `case` on the component in `bytes`.
pub(crate) fn load(engine: &Engine, case: Case, bytes: &[u8]) -> Result<Work> {
    let (string, list) = (|s: String| s.len() as u64, |l: Vec<u8>| l.len() as u64);
    match case {
        Case::RustAdd => calls(
            engine,
            bytes,
            (COMPUTE, "add"),
            |i| (i, 7_u32),
            |sum: u32| sum.into(),
        ),
        Case::RustString => calls(engine, bytes, (COMPUTE, "echo-string"), |_| (TEXT,), string),
        Case::RustBytes => {
            let bulk = &BULK[..1 << 16];
            calls(
                engine,
                bytes,
                (COMPUTE, "echo-bytes"),
                move |_| (bulk,),
                list,
            )
        }
        Case::RustPoints => {
            let points: Vec<_> = (0..1000).map(|x| Point { x, y: -x }).collect();
            let points: &'static [Point] = points.leak();
            let sum = |l: Vec<Point>| l.len() as u64;
            calls(
                engine,
                bytes,
                (COMPUTE, "echo-points"),
                move |_| (points,),
                sum,
            )
        }
        Case::CString => calls(engine, bytes, (STACK, "rot13"), |_| (TEXT,), string),
        Case::CBytes => {
            let bulk = &BULK[..1 << 10];
            calls(engine, bytes, (STACK, "hash"), move |_| (bulk,), |n: u64| n)
        }
        Case::RustResource => resource(engine, bytes),
        _ => Err(Error::msg(unsupported(case))),
    }
}

fn resource(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let make = function(&mut store, &instance, (BANK, "[constructor]account"))?;
    let ask = function(&mut store, &instance, (BANK, "[method]account.balance"))?;
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for i in 0..n {
            let mut made = [Val::Bool(false)];
            let params = [Val::String("ann".to_owned()), Val::U64(i.into())];
            make.call(&mut store, &params, &mut made).map_err(text)?;
            let [Val::Resource(account)] = made else {
                return Err("expected a handle".to_owned());
            };
            let mut balance = [Val::Bool(false)];
            ask.call(&mut store, &[Val::Resource(account)], &mut balance)
                .map_err(text)?;
            if let [Val::U64(balance)] = balance {
                sum += balance;
            }
            account.resource_drop(&mut store).map_err(text)?;
        }
        Ok(sum)
    }))
}
