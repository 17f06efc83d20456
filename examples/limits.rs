//! A guest that is not trusted: memory, fuel and time are limited, and each limit answers with an
//! error that says which one it was.
//!
//! `cargo run --example limits`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::thread;
use std::time::Duration;

use linkspan::core::{Instance, Limits, Module};
use linkspan::{Config, Engine, Store};

const GUEST: &str = r#"
    (module
      (memory (export "memory") 1)
      (func (export "grow") (result i32) (memory.grow (i32.const 1000)))
      (func (export "spin") (loop (br 0)))
      (func $deep (export "deep") (call $deep)))
"#;

/// Why a call did not come back.
fn ended(call: linkspan::core::Result<()>) -> String {
    call.map_or_else(|error| error.to_string(), |()| "it came back".to_owned())
}

fn main() -> linkspan::Result<()> {
    let mut limits = Limits::default();
    limits.memory_size_bytes_max = 1 << 20;
    let mut config = Config::new();
    config.fuel(true).max_stack_bytes(256 << 10).limits(limits);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, GUEST)?;
    let mut store: Store<()> = Store::new(&engine, ());
    store.set_fuel(1_000_000)?;
    let guest = Instance::new(&mut store, &module, &[])?;

    // Growing beyond the limit fails as WebAssembly lets it fail: the guest learns of it.
    let grow = guest.get_typed_func::<(), i32>(&mut store, "grow")?;
    println!("grow by 64 MB: {}", grow.call(&mut store, ())?);

    let deep = guest.get_typed_func::<(), ()>(&mut store, "deep")?;
    println!("deep: {}", ended(deep.call(&mut store, ())));

    let spin = guest.get_typed_func::<(), ()>(&mut store, "spin")?;
    println!("spin: {}", ended(spin.call(&mut store, ())));

    // Another thread ends what the fuel would allow.
    store.set_fuel(u64::MAX)?;
    let handle = store.interrupt_handle();
    let watch = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.interrupt();
    });
    println!("spin: {}", ended(spin.call(&mut store, ())));
    watch.join().expect("the watch ends");
    Ok(())
}
