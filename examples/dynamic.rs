//! A component that the program knows nothing about: its exports listed, and one of them called
//! with values that are typed at run time.
//!
//! `cargo run --example dynamic`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use linkspan::types::Item;
use linkspan::{Component, Engine, Linker, Result, Store, Val, wave};

/// Any component will do; this one counts what it is given.
const GUEST: &str = r#"
    (component
      (core module $m
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "sum") (param $at i32) (param $count i32) (result i64)
          (local $sum i64)
          (block $done
            (loop $next
              (br_if $done (i32.eqz (local.get $count)))
              (local.set $sum
                (i64.add (local.get $sum) (i64.load32_u (local.get $at))))
              (local.set $at (i32.add (local.get $at) (i32.const 4)))
              (local.set $count (i32.sub (local.get $count) (i32.const 1)))
              (br $next)))
          (local.get $sum)))
      (core instance $i (instantiate $m))
      (func (export "sum") (param "numbers" (list u32)) (result u64)
        (canon lift (core func $i "sum")
          (memory (core memory $i "memory"))
          (realloc (core func $i "realloc")))))
"#;

fn main() -> Result<()> {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;

    for (name, item) in component.exports().iter() {
        println!("{name}: {item}");
        let (Item::Func(ty), Some(func)) = (item, instance.get_func(&store, name)) else {
            continue;
        };
        // Values are made of text by their types; `Val::from(vec![1_u32, 2])` makes the same.
        let params: Vec<Val> = ty
            .params()
            .map(|(_, ty)| wave::parse(ty.table(), ty.val_type(), "[1, 20, 300]"))
            .collect::<Result<_, _>>()?;
        let mut results = [Val::Bool(false)];
        func.call(&mut store, &params, &mut results)?;
        println!("{name}([1, 20, 300]) = {:?}", results[0]);
    }
    Ok(())
}
