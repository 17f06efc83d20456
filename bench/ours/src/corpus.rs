//! The cases with guests that real toolchains made.

use bench_protocol::{BULK, Case, TEXT, Work, text, unsupported};
use linkspan::{Engine, Error, Linker, ResourceAny, ResourceType, Result, Store, Val};

use crate::component::{calls, prepare};

const COMPUTE: &str = "corpus:compute/compute@0.1.0";
const STACK: &str = "corpus:cc/stack@0.1.0";
const LOG: &str = "corpus:resources/host-log@0.1.0";
const BANK: &str = "corpus:resources/bank@0.1.0";

#[derive(Clone, Copy)]
struct Point {
    x: i32,
    y: i32,
}

linkspan::record!(Point { "x" => x: i32, "y" => y: i32 });

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

/// What the guests import; the cases make no use of it.
pub(crate) fn define(linker: &mut Linker<()>) -> Result<()> {
    linker
        .root()
        .host_func::<(&str,), ()>("print", |(), (_,)| ())?;
    let mut log = linker.instance(LOG)?;
    log.resource("logger", ResourceType::numbered(0), |_, _| Ok(()))?;
    for name in [
        "[constructor]logger",
        "[method]logger.log",
        "[method]logger.count",
        "[static]logger.shared",
        "describe",
    ] {
        log.func_new(name, |_, _, _| {
            Err(Error::msg("no guest of the bench logs"))
        })?;
    }
    Ok(())
}

fn resource(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let mut store = Store::new(engine, ());
    let instance = prepare(engine, bytes)?.instantiate(&mut store)?;
    let func = |name| {
        instance
            .get_func(&store, (BANK, name))
            .ok_or_else(|| Error::msg("the guest lacks a function"))
    };
    let (make, ask) = (
        func("[constructor]account")?,
        func("[method]account.balance")?,
    );
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for i in 0..n {
            let mut made = [Val::Bool(false)];
            make.call(
                &mut store,
                &[Val::from("ann"), Val::U64(i.into())],
                &mut made,
            )
            .map_err(text)?;
            let [made] = made;
            let account = ResourceAny::from_val(&made).ok_or("expected a handle")?;
            let mut balance = [Val::Bool(false)];
            ask.call(&mut store, &[account.into_borrow()], &mut balance)
                .map_err(text)?;
            if let [Val::U64(balance)] = balance {
                sum += balance;
            }
            account.resource_drop(&mut store).map_err(text)?;
        }
        Ok(sum)
    }))
}
