//! A host in ten lines: the world `hello` in `hello/hello.wit`, a guest in `hello/hello.wasm`.
//!
//! `cargo run --example hello`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

linkspan::bindgen!(in "hello/hello.wit");

struct My;

impl HelloImports for My {
    fn name(&mut self) -> String {
        "Alice".to_owned()
    }
}

fn main() -> linkspan::Result<()> {
    let mut hello = Hello::load(concat!(env!("CARGO_MANIFEST_DIR"), "/hello/hello.wasm"), My)?;
    println!("{}", hello.greet("Hello")?);
    Ok(())
}
