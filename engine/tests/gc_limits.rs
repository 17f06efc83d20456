//! The heap at its limits: what collections cost, what fits, and what a store
//! that was full can still do.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use linkspan_engine::{Config, Engine, Instance, Module, Store};

fn alone(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, text).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

/// Calls an export that takes a number.
fn call(store: &mut Store<()>, instance: Instance, name: &str, argument: i32) {
    let func = instance.get_typed_func::<i32, ()>(&*store, name).unwrap();
    func.call(store, argument).unwrap();
}

#[test]
fn collections_cost_fuel_for_what_they_mark() {
    let text = r#"(module
        (type $node (struct (field (ref null $node))))
        (global $list (mut (ref null $node)) (ref.null $node))
        (func (export "keep") (param i32)
            (loop $more
                (global.set $list (struct.new $node (global.get $list)))
                (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "waste") (param i32)
            (loop $more
                (drop (struct.new $node (ref.null $node)))
                (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let engine = Engine::new(Config::new().fuel(true)).unwrap();
    let (mut store, instance) = alone(&engine, text);
    let mut spent = |name: &str, count: i32| {
        store.set_fuel(1 << 40).unwrap();
        let before = store.gc_stats().collections;
        call(&mut store, instance, name, count);
        let collections = store.gc_stats().collections - before;
        ((1 << 40) - store.fuel().unwrap(), collections)
    };
    let (cheap, _) = spent("waste", 500_000);
    spent("keep", 100_000);
    let (dear, collections) = spent("waste", 500_000);
    assert!(collections > 0);
    // 16 bytes each of what is kept, at 64 bytes a unit.
    let marked = collections * 100_000 * 16 / 64;
    assert!(
        dear >= cheap + marked - 1000,
        "{cheap} {dear} {collections}"
    );
}

#[test]
fn constant_expressions_find_room_in_a_heap_full_of_garbage() {
    let garbage = r#"(module
        (type $pair (struct (field i64 i64)))
        (func (export "waste") (param i32)
            (loop $more
                (drop (struct.new_default $pair))
                (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let constant = r#"(module
        (type $bytes (array i8))
        (global (ref $bytes) (array.new_default $bytes (i32.const 300000))))"#;
    let engine = Engine::default();
    let constant = Module::new(&engine, constant).unwrap();
    for collects in [false, true] {
        let (mut store, instance) = alone(&engine, garbage);
        store.limits_mut().gc_heap_bytes_max = 1 << 20;
        call(&mut store, instance, "waste", 30_000);
        if collects {
            store.gc().unwrap();
            let stats = store.gc_stats();
            assert_eq!((stats.live_bytes, stats.committed_bytes), (0, 0));
        }
        Instance::new(&mut store, &constant, &[]).unwrap();
        call(&mut store, instance, "waste", 100_000);
    }
}
