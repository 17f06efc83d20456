//! Commands of WASI 0.1.

use bench_protocol::wasi::{Exit, Function, MODULE, Wasi};
use bench_protocol::{Work, checksum, note, text, thread_time};
use linkspan_engine::{Caller, Engine, Error, ExternType, Linker, Module, Result, Store, Val};

/// Compiles and runs the program in `bytes`.
pub(crate) fn load(engine: &Engine, bytes: &[u8]) -> Work {
    let (engine, bytes) = (engine.clone(), bytes.to_vec());
    Box::new(move |n| {
        let mut output = Vec::new();
        for _ in 0..n {
            output = run(&engine, &bytes)?;
        }
        Ok(checksum(&output))
    })
}

fn run(engine: &Engine, bytes: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let start = thread_time();
    let module = Module::from_binary(engine, bytes).map_err(text)?;
    note("compile", (thread_time() - start).as_nanos() as u64);
    let mut store = Store::new(engine, Wasi::default());
    let linker = link(engine, &module).map_err(text)?;
    let instance = linker.instantiate(&mut store, &module).map_err(text)?;
    let main = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .map_err(text)?;
    let ended = main.call(&mut store, ());
    let wasi = store.into_data();
    if let (Err(error), None | Some(Exit(1..))) = (ended, wasi.exit) {
        return Err(text(error));
    }
    if let Some(first) = wasi.first_output {
        note("first-output", (first - start).as_nanos() as u64);
    }
    Ok(wasi.output)
}

fn link(engine: &Engine, module: &Module) -> Result<Linker<Wasi>> {
    let mut linker = Linker::new(engine);
    // Programs may import a function twice.
    linker.allow_shadowing(true);
    for import in module.imports() {
        let (Some(function), ExternType::Func(ty)) = (Function::parse(import.name), import.ty)
        else {
            return Err(Error::msg(format!("nothing is called {}", import.name)));
        };
        linker.func_new(
            MODULE,
            import.name,
            ty,
            move |caller, arguments, results| call(caller, function, arguments, results),
        )?;
    }
    Ok(linker)
}

fn call(
    mut caller: Caller<'_, Wasi>,
    function: Function,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let numbers: Vec<u64> = arguments
        .iter()
        .map(|argument| match argument {
            Val::I32(x) => u64::from(x.cast_unsigned()),
            Val::I64(x) => x.cast_unsigned(),
            _ => 0,
        })
        .collect();
    let memory = caller
        .get_memory("memory")
        .ok_or_else(|| Error::msg("the program has no memory"))?;
    let mut wasi = std::mem::take(caller.data_mut());
    let answer = wasi.call(function, &numbers, memory.data_mut(&mut caller));
    *caller.data_mut() = wasi;
    match answer {
        Ok(number) => {
            if let Some(result) = results.first_mut() {
                *result = Val::I32(number.cast_signed());
            }
            Ok(())
        }
        Err(exit) => Err(Error::msg(exit.to_string())),
    }
}
