//! WIT as data: a world and its interfaces listed with documentation and places, and the Rust that
//! `bindgen!` would make of it, item by item.
//!
//! `cargo run --example inspect_wit`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use linkspan_wit::PackageSet;
use linkspan_wit::bindgen::Generator;

fn main() -> linkspan_wit::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/resources/resources.wit");
    let set = PackageSet::from_path(path)?;
    let world = set.world(None)?;
    println!("world {}", world.id());
    for item in world.imports() {
        println!("  import {item}");
    }
    for item in world.exports() {
        println!("  export {item}");
    }
    let id = world.id();

    println!("\nin Rust:");
    let output = Generator::new(set.clone()).world(id).generate()?;
    print!("{}", output.summary());
    println!("({} lines of code)", output.code_lines());
    Ok(())
}
