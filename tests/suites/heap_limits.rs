//! Guests that fill the collected heap: what does not fit traps, what was
//! dropped is there again, and no depth of structure costs native stack.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::thread;

use linkspan_engine::{
    Config, Engine, Error, ExternRef, Instance, Limits, Module, Store, Trap, Val,
};

const HEAP_BYTES: u64 = 4 << 20;

/// Lists, trees, arrays and exceptions, made until the heap is full or for a
/// number of rounds.
const GUEST: &str = r#"(module
  (type $list (struct (field $next (mut (ref null $list))) (field $payload i64)))
  (type $tree (array (mut (ref null $tree))))
  (type $bytes (array (mut i8)))
  (tag $t (param (ref null $list)))
  (type $exns (struct (field $head exnref) (field $tail (ref null $exns))))
  (global $keep (mut anyref) (ref.null any))
  (func (export "forget") (global.set $keep (ref.null any)))
  (func $list (export "list") (param $n i32) (local $l (ref null $list))
    (loop $again
      (local.set $l (struct.new $list (local.get $l) (i64.const 7)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (global.set $keep (local.get $l)))
  (func (export "length") (result i32) (local $l (ref null $list)) (local $n i32)
    (local.set $l (ref.cast (ref null $list) (global.get $keep)))
    (block $end
      (loop $again
        (br_if $end (ref.is_null (local.get $l)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (local.set $l (struct.get $list $next (local.get $l)))
        (br $again)))
    (local.get $n))
  (func (export "nested") (local $t (ref null $tree))
    (loop $again
      (local.set $t (array.new $tree (local.get $t) (i32.const 100)))
      (br $again)))
  (func (export "bytes") (param i32) (result i32)
    (array.len (array.new $bytes (i32.const 1) (local.get 0))))
  (func (export "growing") (local $n i32)
    (local.set $n (i32.const 16))
    (loop $again
      (global.set $keep (array.new $bytes (i32.const 1) (local.get $n)))
      (local.set $n (i32.mul (local.get $n) (i32.const 2)))
      (br $again)))
  (func (export "churn") (param $n i32)
    (loop $again
      (global.set $keep (struct.new $list (ref.null $list) (i64.const 1)))
      (global.set $keep (array.new $bytes (i32.const 1) (i32.rem_u (local.get $n) (i32.const 3000))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "exceptions") (param $n i32)
    (loop $again
      (block $h (result (ref null $list) exnref)
        (try_table (catch_ref $t $h)
          (throw $t (struct.new $list (ref.null $list) (i64.const 1))))
        (unreachable))
      (drop) (drop)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "kept-exceptions") (local $e exnref) (local $all (ref null $exns))
    (loop $again
      (block $h (result exnref)
        (try_table (catch_all_ref $h) (throw $t (ref.null $list)))
        (unreachable))
      (local.set $e)
      (local.set $all (struct.new $exns (local.get $e) (local.get $all)))
      (br $again)))
  ;; Every frame keeps an object, and there is no end of frames.
  (func $frames (export "frames") (param $l (ref null $list))
    (call $frames (struct.new $list (local.get $l) (i64.const 1)))))
"#;

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(heap_bytes_max: u64) -> Guest {
        let mut limits = Limits::default();
        limits.gc_heap_bytes_max = heap_bytes_max;
        let mut config = Config::new();
        config.limits(limits);
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, GUEST).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Guest { store, instance }
    }

    fn call(&mut self, name: &str, arguments: &[i32]) -> Result<Option<i32>, Error> {
        let func = self.instance.get_func(&self.store, name).unwrap();
        let arguments: Vec<Val> = arguments.iter().copied().map(Val::I32).collect();
        let count = func.ty(&self.store).unwrap().results().len();
        let mut results = vec![Val::I32(0); count];
        func.call(&mut self.store, &arguments, &mut results)?;
        Ok(results.first().and_then(Val::i32))
    }

    fn trap(&mut self, name: &str, arguments: &[i32]) -> Option<Trap> {
        self.call(name, arguments).unwrap_err().trap()
    }

    /// The heap is as good as new: a list of that length fits.
    fn assert_fresh(&mut self, length: i32) {
        self.call("forget", &[]).unwrap();
        self.call("list", &[length]).unwrap();
        assert_eq!(self.call("length", &[]).unwrap(), Some(length));
        self.call("forget", &[]).unwrap();
    }
}

#[test]
fn lists_and_trees_without_end_trap_and_are_freed() {
    let mut guest = Guest::new(HEAP_BYTES);
    let half = i32::try_from(HEAP_BYTES / 16 / 2).unwrap();
    for _ in 0..3 {
        assert_eq!(guest.trap("list", &[i32::MAX]), Some(Trap::HeapExhausted));
        assert_eq!(guest.trap("nested", &[]), Some(Trap::HeapExhausted));
        guest.assert_fresh(half);
    }
}

#[test]
fn an_array_larger_than_the_heap_traps_before_it_is_made() {
    let mut guest = Guest::new(HEAP_BYTES);
    let bytes = i32::try_from(HEAP_BYTES).unwrap();
    assert_eq!(guest.trap("bytes", &[bytes]), Some(Trap::HeapExhausted));
    assert_eq!(guest.trap("bytes", &[i32::MAX]), Some(Trap::HeapExhausted));
    assert_eq!(guest.trap("bytes", &[-1]), Some(Trap::AllocationTooLarge));
    assert_eq!(guest.trap("growing", &[]), Some(Trap::HeapExhausted));
    assert_eq!(guest.call("bytes", &[100_000]).unwrap(), Some(100_000));
    guest.assert_fresh(1000);
}

#[test]
fn what_is_dropped_makes_room_for_as_much_again() {
    let mut guest = Guest::new(HEAP_BYTES);
    guest.call("churn", &[30_000]).unwrap();
    guest.call("exceptions", &[100_000]).unwrap();
    guest.assert_fresh(1000);
}

#[test]
fn kept_exceptions_fill_the_heap_like_anything_else() {
    let mut guest = Guest::new(HEAP_BYTES);
    assert_eq!(
        guest.trap("kept-exceptions", &[]),
        Some(Trap::HeapExhausted)
    );
    guest.assert_fresh(1000);
}

#[test]
fn no_room_at_all_is_a_trap_at_the_first_object() {
    let mut guest = Guest::new(0);
    assert_eq!(guest.trap("list", &[1]), Some(Trap::HeapExhausted));
    assert_eq!(guest.trap("exceptions", &[1]), Some(Trap::HeapExhausted));
    assert_eq!(guest.call("length", &[]).unwrap(), Some(0));
}

#[test]
fn values_of_the_host_count_too() {
    let mut guest = Guest::new(1 << 20);
    let mut made = 0_u64;
    let error = loop {
        match ExternRef::new(&mut guest.store, made) {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 1 << 20, "a value of the host takes no room");
    };
    assert_eq!(error.trap(), Some(Trap::HeapExhausted));
    assert!(made > 1000, "{made}");
}

#[test]
fn a_long_list_is_marked_on_a_tiny_stack() {
    let thread = thread::Builder::new().stack_size(256 << 10);
    let running = thread.spawn(|| {
        let mut guest = Guest::new(256 << 20);
        guest.call("list", &[1_000_000]).unwrap();
        guest.store.gc().unwrap();
        assert_eq!(guest.call("length", &[]).unwrap(), Some(1_000_000));
        guest.call("forget", &[]).unwrap();
        guest.store.gc().unwrap();
    });
    running.unwrap().join().unwrap();
}

#[test]
fn frames_without_end_exhaust_the_stack_and_not_the_heap() {
    let mut guest = Guest::new(256 << 20);
    let func = guest.instance.get_func(&guest.store, "frames").unwrap();
    let arguments = [Val::default_for(func.ty(&guest.store).unwrap().params()[0])];
    let error = func
        .call(&mut guest.store, &arguments, &mut [])
        .unwrap_err();
    assert_eq!(error.trap(), Some(Trap::StackOverflow), "{error}");
    guest.assert_fresh(1000);
}
