//! Many stores with a heap of objects each.

use bench_protocol::{Work, note_resident, text};
use wasmtime::{Engine, Instance, Module, Result, Store};

/// A store, an instance and one call of `run(1)`, again and again.
pub(crate) fn stores(engine: &Engine, bytes: &[u8]) -> Result<Work> {
    let module = Module::new(engine, bytes)?;
    let engine = engine.clone();
    let once = move || -> Result<u64> {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let run = instance.get_typed_func::<u32, u64>(&mut store, "run")?;
        run.call(&mut store, 1)
    };
    Ok(Box::new(move |n| {
        let mut sum = 0_u64;
        for _ in 0..n {
            sum = sum.wrapping_add(once().map_err(text)?);
        }
        note_resident();
        Ok(sum)
    }))
}
