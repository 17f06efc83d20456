//! Shared memories, used by several stores on several threads of the system.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use linkspan_engine::{
    AddressType, AsContextMut as _, Config, Engine, ErrorKind, Instance, Limits, Linker, Memory,
    MemoryType, Module, SharedMemory, Store, Trap, TypedFunc, WaitResult,
};

fn shared(min_pages: u64, max_pages: u64) -> MemoryType {
    MemoryType {
        shared: true,
        ..MemoryType::new(min_pages, Some(max_pages))
    }
}

const GUEST: &str = r#"(module
  (import "env" "memory" (memory 1 16 shared))
  (func (export "count") (param $times i32)
    (loop $again
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
      (drop (i64.atomic.rmw16.add_u (i32.const 8) (i64.const 1)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
  (func (export "wait") (param i32 i64) (result i32)
    (memory.atomic.wait32 (i32.const 16) (local.get 0) (local.get 1)))
  (func (export "wait64") (param i64 i64) (result i32)
    (memory.atomic.wait64 (i32.const 24) (local.get 0) (local.get 1)))
  (func (export "notify") (param i32) (result i32)
    (memory.atomic.notify (i32.const 16) (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "spin") (param i32) (result i32)
    (loop $again (br_if $again (i32.eqz (i32.atomic.load (local.get 0)))))
    (i32.load offset=4 (local.get 0)))
  (func (export "publish") (param i32 i32)
    (i32.store offset=4 (local.get 0) (local.get 1))
    (i32.atomic.store (local.get 0) (i32.const 1))))"#;

/// A store with an instance that has `memory`.
fn guest(engine: &Engine, memory: &SharedMemory) -> (Store<()>, Instance) {
    let module = Module::new(engine, GUEST).unwrap();
    let mut linker = Linker::<()>::new(engine);
    linker.define_shared("env", "memory", memory).unwrap();
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

/// Lets time pass until `ready`, or gives up after a while.
fn until(mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn stores_on_several_threads_count_to_one_sum() {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared(1, 16)).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (engine, memory) = (&engine, &memory);
            scope.spawn(move || {
                let (mut store, instance) = guest(engine, memory);
                let count: TypedFunc<i32, ()> = instance.get_typed_func(&store, "count").unwrap();
                count.call(&mut store, 20_000).unwrap();
            });
        }
    });
    let sum = memory.atomic_u32(0).unwrap().load(Ordering::SeqCst);
    assert_eq!(u32::from_le(sum), 80_000);
    let mut narrow = [0; 4];
    memory.read(8, &mut narrow).unwrap();
    // The sum wraps at 16 bits, and its neighbours keep out of it.
    assert_eq!(u32::from_le_bytes(narrow), 80_000 % 65_536);
}

#[test]
fn what_is_stored_before_an_atomic_store_is_seen_behind_an_atomic_load() {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared(1, 16)).unwrap();
    let (mut store, instance) = guest(&engine, &memory);
    let publish: TypedFunc<(i32, i32), ()> = instance.get_typed_func(&store, "publish").unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut store, instance) = guest(&engine, &memory);
            let spin: TypedFunc<i32, i32> = instance.get_typed_func(&store, "spin").unwrap();
            (0..50)
                .map(|i| spin.call(&mut store, 64 + i * 8).unwrap())
                .collect::<Vec<_>>()
        });
        for i in 0..50 {
            publish.call(&mut store, (64 + i * 8, i + 7)).unwrap();
        }
        assert_eq!(reader.join().unwrap(), (7..57).collect::<Vec<_>>());
    });
}

#[test]
fn a_guest_waits_until_another_store_notifies_it() {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared(1, 16)).unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut store, instance) = guest(&engine, &memory);
                    let wait: TypedFunc<(i32, i64), i32> =
                        instance.get_typed_func(&store, "wait").unwrap();
                    wait.call(&mut store, (0, -1)).unwrap()
                })
            })
            .collect();
        let (mut store, instance) = guest(&engine, &memory);
        let notify: TypedFunc<i32, i32> = instance.get_typed_func(&store, "notify").unwrap();
        // Nobody is woken by a notification of none.
        assert_eq!(notify.call(&mut store, 0).unwrap(), 0);
        let mut woken = 0;
        until(|| {
            woken += notify.call(&mut store, 1).unwrap();
            woken == 3
        });
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), 0);
        }
        assert_eq!(notify.call(&mut store, -1).unwrap(), 0);
    });
}

#[test]
fn hosts_wait_and_notify_too() {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared(1, 16)).unwrap();
    thread::scope(|scope| {
        let guest_waits = scope.spawn(|| {
            let (mut store, instance) = guest(&engine, &memory);
            let wait: TypedFunc<(i64, i64), i32> =
                instance.get_typed_func(&store, "wait64").unwrap();
            wait.call(&mut store, (0, 10_000_000_000)).unwrap()
        });
        until(|| memory.notify(24, 1).unwrap() == 1);
        assert_eq!(guest_waits.join().unwrap(), 0);
        let host_waits = scope.spawn(|| memory.wait32(16, 0, None).unwrap());
        let (mut store, instance) = guest(&engine, &memory);
        let notify: TypedFunc<i32, i32> = instance.get_typed_func(&store, "notify").unwrap();
        until(|| notify.call(&mut store, 5).unwrap() == 1);
        assert_eq!(host_waits.join().unwrap(), WaitResult::Notified);
    });
    let soon = Some(Duration::from_millis(2));
    assert_eq!(memory.wait32(16, 0, soon).unwrap(), WaitResult::TimedOut);
    assert_eq!(memory.wait32(16, 1, None).unwrap(), WaitResult::NotEqual);
    assert_eq!(memory.wait64(24, 9, None).unwrap(), WaitResult::NotEqual);
    for error in [
        memory.wait32(18, 0, soon).unwrap_err(),
        memory.wait64(12, 0, soon).unwrap_err(),
        memory.notify(1, 1).unwrap_err(),
        memory.atomic_u64(4).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.trap(), Some(Trap::UnalignedAtomic));
    }
    for error in [
        memory.wait32(65_536, 0, soon).unwrap_err(),
        memory.notify(u64::MAX - 3, 1).unwrap_err(),
        memory.atomic_u32(65_536).map(drop).unwrap_err(),
        memory.read(65_530, &mut [0; 7]).unwrap_err(),
        memory.write(u64::MAX, &[0; 7]).unwrap_err(),
    ] {
        assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
    }
}

#[test]
fn a_wait_ends_when_its_time_is_over() {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared(1, 16)).unwrap();
    let (mut store, instance) = guest(&engine, &memory);
    let wait: TypedFunc<(i32, i64), i32> = instance.get_typed_func(&store, "wait").unwrap();
    let start = Instant::now();
    assert_eq!(wait.call(&mut store, (0, 20_000_000)).unwrap(), 2);
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(memory.notify(16, 1).unwrap(), 0);
}

#[test]
fn an_interruption_ends_a_wait() {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared(1, 16)).unwrap();
    let (mut store, instance) = guest(&engine, &memory);
    let wait: TypedFunc<(i32, i64), i32> = instance.get_typed_func(&store, "wait").unwrap();
    let handle = store.interrupt_handle();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            handle.interrupt();
        });
        let error = wait.call(&mut store, (0, -1)).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupted));
        assert!(error.backtrace().is_some_and(|b| !b.frames().is_empty()));
    });
    // The request is used up, and nobody waits any more.
    assert!(!handle.is_interrupted());
    assert_eq!(memory.notify(16, 1).unwrap(), 0);
    // One that stood before counts, too.
    handle.interrupt();
    let error = wait.call(&mut store, (0, -1)).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Interrupted));
    assert_eq!(wait.call(&mut store, (1, -1)).unwrap(), 1);
}

#[test]
fn nobody_waits_where_nobody_can_notify() {
    let engine = Engine::default();
    let text = r#"(module (memory (export "m") 1 1 shared)
        (func (export "wait") (param i32 i64) (result i32)
            (memory.atomic.wait32 (i32.const 0) (local.get 0) (local.get 1))))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let wait: TypedFunc<(i32, i64), i32> = instance.get_typed_func(&store, "wait").unwrap();
    // A year is over at once, since only time could end the wait.
    let year = 365 * 24 * 3600 * 1_000_000_000;
    assert_eq!(wait.call(&mut store, (0, year)).unwrap(), 2);
    assert_eq!(wait.call(&mut store, (1, -1)).unwrap(), 1);
    let error = wait.call(&mut store, (0, -1)).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::EndlessWait));
    // Whoever has the memory too could end it.
    let memory = instance.get_shared_memory(&store, "m").unwrap();
    let start = Instant::now();
    assert_eq!(wait.call(&mut store, (0, 10_000_000)).unwrap(), 2);
    assert!(start.elapsed() >= Duration::from_millis(10));
    // The embedder's patience is a limit.
    store.limits_mut().wait_max = Duration::from_millis(5);
    for timeout in [-1, year] {
        let error = wait.call(&mut store, (0, timeout)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
    assert_eq!(wait.call(&mut store, (0, 1)).unwrap(), 2);
    drop(memory);
}

#[test]
fn growth_is_seen_by_all() {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared(1, 16)).unwrap();
    let (mut store, instance) = guest(&engine, &memory);
    let size: TypedFunc<(), i32> = instance.get_typed_func(&store, "size").unwrap();
    let load: TypedFunc<i32, i32> = instance.get_typed_func(&store, "load").unwrap();
    let error = load.call(&mut store, 0x1_0000).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut store, instance) = guest(&engine, &memory);
            let grow: TypedFunc<i32, i32> = instance.get_typed_func(&store, "grow").unwrap();
            let write: TypedFunc<(i32, i32), ()> =
                instance.get_typed_func(&store, "store").unwrap();
            assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
            write.call(&mut store, (0x1_fffc, 77)).unwrap();
        });
        until(|| size.call(&mut store, ()).unwrap() == 2);
        until(|| load.call(&mut store, 0x1_fffc).unwrap() == 77);
    });
    assert_eq!(memory.grow(14).unwrap(), 2);
    assert_eq!(memory.size_bytes(), 16 << 16);
    assert_eq!(size.call(&mut store, ()).unwrap(), 16);
    assert_eq!(memory.grow(1).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(memory.grow(0).unwrap(), 16);
}

#[test]
fn threads_that_grow_at_once_get_every_page_once() {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared(0, 400)).unwrap();
    let mut old: Vec<u64> = thread::scope(|scope| {
        let grow = || {
            (0..100)
                .map(|_| memory.grow(1).unwrap())
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(grow)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    old.sort_unstable();
    assert_eq!(old, (0..400).collect::<Vec<_>>());
}

#[test]
fn an_exported_memory_can_be_taken_to_another_store() {
    let engine = Engine::default();
    let text = r#"(module (memory (export "m") 1 2 shared) (memory (export "own") 1))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    // What borrows bytes does not come by a shared memory.
    assert!(instance.get_memory(&store, "m").is_none());
    let memory = instance.get_export(&store, "m").unwrap();
    let memory = memory.into_memory().unwrap();
    memory.write(&mut store, 5, b"hello").unwrap();
    let handle = memory.shared(&store).unwrap().unwrap();
    let same = instance.get_shared_memory(&store, "m").unwrap();
    assert!(SharedMemory::same(&handle, &same));
    assert!(instance.get_shared_memory(&store, "own").is_none());
    let own = instance.get_memory(&store, "own").unwrap();
    assert!(own.shared(&store).unwrap().is_none());

    let mut other = Store::<()>::new(&engine, ());
    let there = Memory::from_shared(&mut other, &handle).unwrap();
    // A second time gives the same memory, which counts once.
    assert_eq!(Memory::from_shared(&mut other, &handle).unwrap(), there);
    drop(store);
    let mut text = [0; 5];
    there.read(&other, 5, &mut text).unwrap();
    assert_eq!(&text, b"hello");
    assert_eq!(there.grow(&mut other, 1).unwrap(), 1);
    assert_eq!(handle.size_pages(), 2);
    assert_eq!(there.ty(&other).unwrap(), shared(2, 2));
    assert!(SharedMemory::same(
        &handle,
        &there.shared(&other).unwrap().unwrap()
    ));
}

#[test]
fn nobody_borrows_the_bytes_of_a_shared_memory() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let memory = Memory::new(&mut store, shared(1, 1)).unwrap();
    let error = store
        .as_context_mut()
        .parts()
        .memories
        .get_mut(memory)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("shared"), "{error}");
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| memory.data(&store)[0]));
    assert!(panic.is_err());
}

#[test]
fn limits_count_what_a_shared_memory_may_grow_to() {
    let mut limits = Limits::default();
    limits.memory_size_bytes_max = 4 << 16;
    limits.memory_total_bytes_max = 6 << 16;
    let mut config = Config::new();
    config.limits(limits);
    let engine = Engine::new(&config).unwrap();
    // No more than one memory may have is reserved.
    let memory = SharedMemory::new(&engine, shared(1, 100)).unwrap();
    assert_eq!(memory.grow(3).unwrap(), 1);
    assert_eq!(memory.grow(1).unwrap_err().kind(), ErrorKind::Limit);
    let mut store = Store::<()>::new(&engine, ());
    Memory::from_shared(&mut store, &memory).unwrap();
    // Two pages are left for all others.
    let second = Memory::new(&mut store, shared(1, 100)).unwrap();
    assert_eq!(second.grow(&mut store, 1).unwrap(), 1);
    assert!(second.grow(&mut store, 1).is_err());
    let error = Memory::new(&mut store, shared(1, 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    let third = SharedMemory::new(&engine, shared(1, 1)).unwrap();
    let error = Memory::from_shared(&mut store, &third).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    let module = Module::new(&engine, GUEST).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    let narrow = SharedMemory::new(&engine, shared(1, 16)).unwrap();
    linker.define_shared("env", "memory", &narrow).unwrap();
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(linker.get(&mut store, "env", "memory").is_none());
}

#[test]
fn types_that_no_shared_memory_has_are_refused() {
    let engine = Engine::default();
    let unbounded = MemoryType {
        max_pages: None,
        ..shared(1, 1)
    };
    for ty in [unbounded, MemoryType::new(1, Some(1))] {
        let error = SharedMemory::new(&engine, ty).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
    let mut store = Store::<()>::new(&engine, ());
    assert!(Memory::new(&mut store, unbounded).is_err());
    let odd = MemoryType {
        page_size_bytes: 4096,
        ..shared(1, 1)
    };
    assert_eq!(
        SharedMemory::new(&engine, odd).unwrap_err().kind(),
        ErrorKind::Usage
    );
    for huge in [
        shared(1 << 20, 1 << 20),
        MemoryType {
            address: AddressType::I64,
            ..shared(1 << 48, 1 << 48)
        },
    ] {
        let error = SharedMemory::new(&engine, huge).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    }
}

#[test]
fn single_bytes_can_be_pages() {
    let mut config = Config::new();
    config.wasm_custom_page_sizes(true);
    let engine = Engine::new(&config).unwrap();
    let text = r#"(module (memory (export "m") 10 20 shared (pagesize 1))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let memory = instance.get_shared_memory(&store, "m").unwrap();
    let grow: TypedFunc<i32, i32> = instance.get_typed_func(&store, "grow").unwrap();
    let load: TypedFunc<i32, i32> = instance.get_typed_func(&store, "load").unwrap();
    assert!(load.call(&mut store, 10).is_err());
    assert_eq!(grow.call(&mut store, 3).unwrap(), 10);
    assert_eq!(memory.size_bytes(), 13);
    memory.write(12, &[9]).unwrap();
    assert_eq!(load.call(&mut store, 12).unwrap(), 9);
    assert!(load.call(&mut store, 13).is_err());
    assert_eq!(grow.call(&mut store, 8).unwrap(), -1);
}
