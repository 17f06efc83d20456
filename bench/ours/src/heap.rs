//! The heap of objects: what it holds, and what keeping it clean costs.

use std::time::Instant;

use bench_protocol::{Work, note, note_resident, text};
use linkspan_engine::{Engine, Instance, Module, Result, Store};

/// One call of the guest's `run`, with what it did to the heap.
pub(crate) fn run(engine: &Engine, bytes: &[u8]) -> Result<Work, String> {
    let module = Module::new(engine, bytes).map_err(text)?;
    let mut store: Store<()> = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).map_err(text)?;
    let run = instance
        .get_typed_func::<u32, u64>(&mut store, "run")
        .map_err(text)?;
    Ok(Box::new(move |n| {
        let before = store.gc_stats();
        let start = Instant::now();
        let answer = run.call(&mut store, n).map_err(text)?;
        // The collector's clock is the one on the wall: so is what it is compared with.
        note("wall", start.elapsed().as_nanos() as u64);
        let after = store.gc_stats();
        let collector = after.time_in_collector - before.time_in_collector;
        note("collector", collector.as_nanos() as u64);
        note("collections", after.collections - before.collections);
        note(
            "allocated",
            after.allocated_bytes_total - before.allocated_bytes_total,
        );
        note("live", after.live_bytes);
        note("committed", after.committed_bytes);
        note("committed-max", after.committed_bytes_max);
        note("pause-max", after.pause_max.as_nanos() as u64);
        Ok(answer)
    }))
}

/// A store, an instance and one call of `run(1)`, again and again.
pub(crate) fn stores(engine: &Engine, bytes: &[u8]) -> Result<Work, String> {
    let module = Module::new(engine, bytes).map_err(text)?;
    let engine = engine.clone();
    let once = move || -> Result<u64> {
        let mut store: Store<()> = Store::new(&engine, ());
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
