//! What bounds a guest: fuel, interruption, and the limits of its store.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::time::Duration;

use linkspan_engine::{
    Config, DispatchMode, Engine, ErrorKind, Extern, Func, Instance, Linker, Memory, MemoryType,
    Module, RefType, Store, Table, TableType, Trap, TypedFunc, Val,
};

const LOOP: &str = r#"(module
    (func (export "forever") (loop $l (br $l)))
    (func $f (export "calls") (call $g)) (func $g (loop $l (call $h) (br $l))) (func $h)
    (func (export "sum") (param i32) (result i32) (local i32)
        (loop $l
            (local.set 1 (i32.add (local.get 1) (local.get 0)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1)))"#;

fn engines(mut config: Config) -> [Engine; 2] {
    [DispatchMode::Loop, DispatchMode::Auto].map(|mode| {
        config.dispatch(mode);
        Engine::new(&config).unwrap()
    })
}

fn instantiate(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, text).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

#[test]
fn another_thread_stops_a_guest() {
    for engine in engines(Config::new()) {
        let (mut store, instance) = instantiate(&engine, LOOP);
        for name in ["forever", "calls"] {
            let handle = store.interrupt_handle();
            let other = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                handle.interrupt();
            });
            let func: TypedFunc<(), ()> = instance.get_typed_func(&store, name).unwrap();
            let error = func.call(&mut store, ()).unwrap_err();
            other.join().unwrap();
            assert_eq!(error.trap(), Some(Trap::Interrupted), "{name}");
            assert!(!error.backtrace().unwrap().frames().is_empty());
            assert!(!store.interrupt_handle().is_interrupted());
        }
        // The request is used up: long calls end well.
        let sum: TypedFunc<i32, i32> = instance.get_typed_func(&store, "sum").unwrap();
        assert_eq!(sum.call(&mut store, 60_000).unwrap(), 1_800_030_000);
    }
}

/// Each instruction of these loops does the work of millions.
const BULK: &str = r#"(module
    (memory 1024) (table $t 1000 9000000 funcref)
    (func (export "fill") (loop $l
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x4000000)) (br $l)))
    (func (export "copy") (loop $l
        (memory.copy (i32.const 0) (i32.const 0x100000) (i32.const 0x3000000)) (br $l)))
    (func (export "grow") (loop $l
        (drop (table.grow $t (ref.null func) (i32.const 1))) (br $l))))"#;

#[test]
fn bulk_work_is_interrupted_like_any_other() {
    for engine in engines(Config::new()) {
        let (mut store, instance) = instantiate(&engine, BULK);
        for name in ["fill", "copy", "grow"] {
            let handle = store.interrupt_handle();
            let other = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                handle.interrupt();
            });
            let func: TypedFunc<(), ()> = instance.get_typed_func(&store, name).unwrap();
            let error = func.call(&mut store, ()).unwrap_err();
            other.join().unwrap();
            assert_eq!(error.trap(), Some(Trap::Interrupted), "{name}");
        }
    }
}

#[test]
fn bulk_work_is_paid_for_by_its_size() {
    let mut config = Config::new();
    config.fuel(true);
    for engine in engines(config) {
        let (mut store, instance) = instantiate(&engine, BULK);
        for name in ["fill", "copy", "grow"] {
            store.set_fuel(3_000_000).unwrap();
            let func: TypedFunc<(), ()> = instance.get_typed_func(&store, name).unwrap();
            let error = func.call(&mut store, ()).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::OutOfFuel), "{name}");
        }
    }
}

#[test]
fn a_request_stands_until_a_guest_stops_or_it_is_cleared() {
    let engine = Engine::default();
    let (mut store, instance) = instantiate(&engine, LOOP);
    let handle = store.interrupt_handle();
    handle.interrupt();
    let sum: TypedFunc<i32, i32> = instance.get_typed_func(&store, "sum").unwrap();
    assert!(sum.call(&mut store, 100_000_000).is_err());
    handle.interrupt();
    handle.clear();
    assert_eq!(sum.call(&mut store, 60_000).unwrap(), 1_800_030_000);
}

#[test]
fn fuel_is_the_same_in_every_run_and_dispatch() {
    let mut config = Config::new();
    config.fuel(true);
    let mut used = Vec::new();
    for engine in engines(config) {
        for _ in 0..2 {
            let (mut store, instance) = instantiate(&engine, LOOP);
            store.set_fuel(1_000_000).unwrap();
            let sum: TypedFunc<i32, i32> = instance.get_typed_func(&store, "sum").unwrap();
            sum.call(&mut store, 1000).unwrap();
            used.push(1_000_000 - store.fuel().unwrap());
        }
    }
    // Nine operators a round, and a few around them.
    assert!((9_000..9_100).contains(&used[0]), "{used:?}");
    assert!(used.iter().all(|u| *u == used[0]), "{used:?}");
}

#[test]
fn a_guest_stops_when_its_fuel_is_used_up() {
    let mut config = Config::new();
    config.fuel(true);
    for engine in engines(config) {
        let (mut store, instance) = instantiate(&engine, LOOP);
        let forever: TypedFunc<(), ()> = instance.get_typed_func(&store, "forever").unwrap();
        let error = forever.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel), "no fuel at first");
        store.set_fuel(10_000).unwrap();
        let error = forever.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel));
        assert_eq!(store.fuel().unwrap(), 0);
        store.set_fuel(u64::MAX).unwrap();
        let sum: TypedFunc<i32, i32> = instance.get_typed_func(&store, "sum").unwrap();
        assert_eq!(sum.call(&mut store, 10).unwrap(), 55);
    }
}

#[test]
fn fuel_needs_its_switch() {
    let mut store = Store::<()>::new(&Engine::default(), ());
    assert_eq!(store.set_fuel(1).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(store.fuel().unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn memory_limits_hold_for_guests_and_hosts() {
    let engine = Engine::default();
    let (mut store, instance) = instantiate(
        &engine,
        r#"(module (memory (export "m") 1)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#,
    );
    let grow: TypedFunc<i32, i32> = instance.get_typed_func(&store, "grow").unwrap();
    store.limits_mut().memory_size_bytes_max = 4 << 16;
    assert_eq!(grow.call(&mut store, 3).unwrap(), 1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 0).unwrap(), 4);
    assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
    store.limits_mut().memory_total_bytes_max = 6 << 16;
    let ty = |pages| MemoryType::new(pages, None);
    let error = Memory::new(&mut store, ty(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    let memory = Memory::new(&mut store, ty(2)).unwrap();
    assert!(memory.grow(&mut store, 1).is_err());
    store.limits_mut().memories_max = 2;
    assert!(Memory::new(&mut store, ty(0)).is_err());
}

#[test]
fn a_memory_too_large_is_refused_at_instantiation() {
    let engine = Engine::default();
    let module = Module::new(&engine, "(module (memory 65536))").unwrap();
    let mut store = Store::<()>::new(&engine, ());
    store.limits_mut().memory_size_bytes_max = 1 << 20;
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

#[test]
fn a_whole_address_space_can_be_had() {
    let engine = Engine::default();
    let (mut store, instance) = instantiate(
        &engine,
        r#"(module (memory (export "m") 0)
            (func (export "run") (result i32)
                (drop (memory.grow (i32.const 65536)))
                (i32.store8 (i32.const -1) (i32.const 7))
                (i32.add (i32.load8_u (i32.const -1)) (memory.size))))"#,
    );
    let run: TypedFunc<(), i32> = instance.get_typed_func(&store, "run").unwrap();
    if cfg!(all(unix, feature = "os")) {
        assert_eq!(run.call(&mut store, ()).unwrap(), 65543);
    }
}

#[test]
fn table_limits_hold_for_guests_and_hosts() {
    let engine = Engine::default();
    let (mut store, instance) = instantiate(
        &engine,
        r#"(module (table 1 funcref)
            (func (export "grow") (param i32) (result i32)
                (table.grow (ref.null func) (local.get 0))))"#,
    );
    let grow: TypedFunc<i32, i32> = instance.get_typed_func(&store, "grow").unwrap();
    assert_eq!(grow.call(&mut store, 9_999_999).unwrap(), 1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
    let ty = TableType::new(RefType::FUNCREF, 5, Some(6));
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    assert_eq!(table.grow(&mut store, 1, Val::FuncRef(None)).unwrap(), 5);
    let error = table.grow(&mut store, 1, Val::FuncRef(None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(table.set(&mut store, 6, Val::FuncRef(None)).is_err());
    assert!(table.set(&mut store, 0, Val::I32(0)).is_err());
    store.limits_mut().table_total_elements_max = 10_000_007;
    assert!(Table::new(&mut store, ty, Val::FuncRef(None)).is_err());
    let backward = TableType { max: Some(4), ..ty };
    assert!(Table::new(&mut store, backward, Val::FuncRef(None)).is_err());
    let huge = TableType {
        min: u64::MAX,
        max: None,
        ..ty
    };
    assert!(Table::new(&mut store, huge, Val::FuncRef(None)).is_err());
}

#[test]
fn stacks_are_reused_by_the_stores_of_an_engine() {
    let mut config = Config::new();
    config.max_stack_bytes(1 << 14);
    let engine = Engine::new(&config).unwrap();
    for _ in 0..40 {
        let (mut store, instance) = instantiate(&engine, LOOP);
        let sum: TypedFunc<i32, i32> = instance.get_typed_func(&store, "sum").unwrap();
        assert_eq!(sum.call(&mut store, 3).unwrap(), 6);
    }
}

#[test]
fn instances_are_limited() {
    let engine = Engine::default();
    let module = Module::new(&engine, "(module)").unwrap();
    let mut store = Store::<()>::new(&engine, ());
    store.limits_mut().instances_max = 2;
    Instance::new(&mut store, &module, &[]).unwrap();
    Instance::new(&mut store, &module, &[]).unwrap();
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn a_refused_instance_leaves_nothing_behind() {
    let engine = Engine::default();
    let module = Module::new(&engine, "(module (memory 1) (table 20000000 funcref))").unwrap();
    let small = Module::new(&engine, "(module (memory 1))").unwrap();
    let mut store = Store::<()>::new(&engine, ());
    store.limits_mut().memories_max = 3;
    store.limits_mut().memory_total_bytes_max = 2 << 16;
    for _ in 0..10 {
        let error = Instance::new(&mut store, &module, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
    Instance::new(&mut store, &small, &[]).unwrap();
    Instance::new(&mut store, &small, &[]).unwrap();
}

#[test]
fn what_instances_take_for_themselves_is_limited() {
    let engine = Engine::default();
    let text = r#"(module (func $f) (global i32 (i32.const 0)) (elem func $f))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    store.limits_mut().instance_total_bytes_max = 200;
    let made = (0..10)
        .map_while(|_| Instance::new(&mut store, &module, &[]).ok())
        .count();
    assert!((1..5).contains(&made), "{made} instances");
}

#[test]
fn the_stack_is_as_large_as_configured() {
    let depth = |bytes: usize| {
        let mut config = Config::new();
        config.max_stack_bytes(bytes);
        let engine = Engine::new(&config).unwrap();
        let (mut store, instance) = instantiate(
            &engine,
            r#"(module (global $n (export "n") (mut i32) (i32.const 0))
                (func $f (export "f")
                    (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $f)))"#,
        );
        let f: TypedFunc<(), ()> = instance.get_typed_func(&store, "f").unwrap();
        assert!(f.call(&mut store, ()).is_err());
        let n = instance.get_global(&store, "n").unwrap();
        n.get(&store).unwrap().i32().unwrap()
    };
    let (small, large) = (depth(1 << 14), depth(1 << 20));
    assert!(small > 100 && large > small * 50, "{small} {large}");
    let mut config = Config::new();
    config.max_stack_bytes(100);
    assert_eq!(Engine::new(&config).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn large_frames_respect_the_stack() {
    let mut config = Config::new();
    config.max_stack_bytes(1 << 14);
    let engine = Engine::new(&config).unwrap();
    let locals = " i64".repeat(20_000);
    let (mut store, instance) = instantiate(
        &engine,
        &format!(
            r#"(module (func (export "f") (result i64) (local{locals})
                (local.set 19999 (i64.const 3)) (local.get 19999)))"#
        ),
    );
    let f: TypedFunc<(), i64> = instance.get_typed_func(&store, "f").unwrap();
    assert_eq!(
        f.call(&mut store, ()).unwrap_err().trap(),
        Some(Trap::StackOverflow)
    );
}

#[test]
fn stores_move_between_threads_and_modules_are_shared() {
    fn shared<V: Send + Sync>() {}
    fn sent<V: Send>() {}
    shared::<Engine>();
    shared::<Module>();
    shared::<Linker<std::cell::Cell<u8>>>();
    shared::<Func>();
    shared::<Extern>();
    sent::<Store<std::cell::Cell<u8>>>();
    let engine = Engine::default();
    let module = Module::new(&engine, LOOP).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut store = Store::<()>::new(&engine, ());
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                let mut store = std::thread::spawn(move || {
                    let sum: TypedFunc<i32, i32> = instance.get_typed_func(&store, "sum").unwrap();
                    assert_eq!(sum.call(&mut store, 3).unwrap(), 6);
                    store
                })
                .join()
                .unwrap();
                let sum: TypedFunc<i32, i32> = instance.get_typed_func(&store, "sum").unwrap();
                assert_eq!(sum.call(&mut store, 4).unwrap(), 10);
            });
        }
    });
}
