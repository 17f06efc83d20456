//! Objects of guests and the host's handles to them: what stays alive, what
//! goes, and what hostile guests can ask for. Most tests run under all the
//! trials of the collector that there are.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use linkspan_engine::{
    AnyRef, ArrayRef, ArrayType, AsContextMut, Caller, Config, DispatchMode, Engine, ErrorKind,
    ExternRef, FieldType, Func, FuncType, GcZeal, HeapType, I31, Instance, Linker, Module,
    OwnedRooted, Progress, RefType, Reference, StorageType, Store, StructRef, StructType, Trap,
    Val, ValType,
};

/// Every way to try the collector, under both ways of dispatch.
fn engines() -> impl Iterator<Item = Engine> {
    let zeals = [
        GcZeal::default(),
        GcZeal {
            allocations: 1,
            calls: 1,
            verify: true,
            ..GcZeal::default()
        },
        GcZeal {
            allocations: 3,
            verify: true,
            ..GcZeal::default()
        },
        GcZeal {
            allocations: 1,
            calls: 1,
            shuffle: true,
            verify: true,
        },
        GcZeal {
            allocations: 5,
            calls: 3,
            shuffle: true,
            verify: true,
        },
    ];
    let modes = [DispatchMode::Auto, DispatchMode::Loop];
    zeals.into_iter().flat_map(move |zeal| {
        modes.map(|mode| Engine::new(Config::new().gc_zeal(zeal).dispatch(mode)).unwrap())
    })
}

fn alone(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, text).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

/// Calls an export that takes and gives numbers.
fn call(store: &mut Store<()>, instance: Instance, name: &str, argument: i32) -> i32 {
    let func = instance.get_typed_func::<i32, i32>(&*store, name).unwrap();
    func.call(store, argument).unwrap()
}

const LIST: &str = r#"
    (type $node (struct (field $next (mut (ref null $node))) (field $value (mut i32))))
    (func $cons (param (ref null $node) i32) (result (ref $node))
        (struct.new $node (local.get 0) (local.get 1)))
    (func $build (export "build") (param $n i32) (result (ref null $node))
        (local $list (ref null $node))
        (loop $more
            (local.set $list (call $cons (local.get $list) (local.get $n)))
            (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $list))
    (func $sum (export "sum") (param $list (ref null $node)) (result i32)
        (local $sum i32)
        (block $done
            (loop $more
                (br_if $done (ref.is_null (local.get $list)))
                (local.set $sum (i32.add (local.get $sum)
                    (struct.get $node $value (local.get $list))))
                (local.set $list (struct.get $node $next (local.get $list)))
                (br $more)))
        (local.get $sum))
    (func (export "run") (param i32) (result i32)
        (call $sum (call $build (local.get 0))))
"#;

#[test]
fn lists_keep_their_values() {
    for engine in engines() {
        let (mut store, instance) = alone(&engine, &format!("(module {LIST})"));
        assert_eq!(call(&mut store, instance, "run", 100), 5050);
    }
}

#[test]
fn operands_below_a_call_and_in_every_kind_of_place_are_roots() {
    let text = r#"(module
        (type $box (struct (field (mut i32))))
        (type $pair (struct (field (ref $box)) (field (mut (ref $box)))))
        (type $boxes (array (mut (ref null $box))))
        (type $make (func (param i32) (result (ref $box))))
        (global $global (mut (ref null $box)) (ref.null $box))
        (global $constant (ref $pair)
            (struct.new $pair (struct.new $box (i32.const 1000)) (struct.new $box (i32.const 2000))))
        (table $table 4 (ref null $box))
        (elem $elem (ref $box) (struct.new $box (i32.const 3)) (struct.new $box (i32.const 4)))
        (elem declare func $make)
        (func $make (type $make) (struct.new $box (local.get 0)))
        (func $junk (param i32) (result i32)
            (drop (array.new_default $boxes (i32.const 20)))
            (local.get 0))
        (func $get (param (ref null $box)) (result i32) (struct.get $box 0 (local.get 0)))
        (func $add (param (ref $box) (ref $box) (ref $box)) (result i32)
            (drop (call $junk (i32.const 0)))
            (i32.add (call $get (local.get 0))
                (i32.add (call $get (local.get 1)) (call $get (local.get 2)))))
        (func (export "run") (param $n i32) (result i32)
            (local $local (ref null $box)) (local $array (ref null $boxes))
            (local.set $local (call $make (i32.const 1)))
            (global.set $global (call $make (i32.const 10)))
            (table.set $table (i32.const 2) (call $make (i32.const 100)))
            (local.set $array (array.new_fixed $boxes 3
                (call $make (i32.const 5)) (local.get $local) (ref.null $box)))
            (array.set $boxes (local.get $array) (i32.const 2)
                (call_ref $make (i32.const 7) (ref.func $make)))
            ;; Operands that wait while others are made, and a local that is
            ;; overwritten meanwhile.
            (call $add
                (call $make (i32.const 10000))
                (block (result (ref $box))
                    (ref.as_non_null (local.get $local))
                    (local.set $local (call $make (i32.const 50)))
                    (drop (call $junk (i32.const 0))))
                (loop (result (ref $box))
                    (call $make (i32.const 20000))
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (if (param (ref $box)) (result (ref $box)) (local.get $n)
                        (then (drop) (call $make (i32.const 30000)))
                        (else))))
            (i32.add (call $get (local.get $local)))
            (i32.add (call $get (global.get $global)))
            (i32.add (call $get (table.get $table (i32.const 2))))
            (i32.add (call $get (array.get $boxes (local.get $array) (i32.const 0))))
            (i32.add (call $get (array.get $boxes (local.get $array) (i32.const 2))))
            (i32.add (call $get (struct.get $pair 1 (global.get $constant))))
            (local.set $array (array.new_elem $boxes $elem (i32.const 0) (i32.const 2)))
            (i32.add (call $get (array.get $boxes (local.get $array) (i32.const 1))))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        for _ in 0..3 {
            let expected = 10000 + 1 + 20000 + 50 + 10 + 100 + 5 + 7 + 2000 + 4;
            assert_eq!(call(&mut store, instance, "run", 1), expected);
        }
        store.gc().unwrap();
        assert!(store.gc_stats().collections > 0);
    }
}

#[test]
fn every_storage_keeps_its_value() {
    let text = r#"(module
        (type $func (func (result i32)))
        (type $all (struct
            (field $a (mut i8)) (field $b (mut i64)) (field $c (mut i16)) (field $d (mut f32))
            (field $e (mut f64)) (field $f (mut v128)) (field $g (mut (ref null $func)))
            (field $h (mut anyref)) (field $i (mut externref)) (field $j (mut i32))))
        (type $funcs (array (mut (ref null $func))))
        (type $vectors (array (mut v128)))
        (func $seven (type $func) (i32.const 7))
        (elem declare func $seven)
        (func (export "run") (param i32) (result i32)
            (local $all (ref null $all)) (local $funcs (ref null $funcs))
            (local $vectors (ref null $vectors))
            (local.set $all (struct.new $all
                (i32.const 0x1ff) (i64.const -2) (i32.const -1) (f32.const 1.5) (f64.const 2.5)
                (v128.const i32x4 1 2 3 4) (ref.func $seven) (ref.i31 (i32.const -5))
                (extern.convert_any (ref.i31 (i32.const 9))) (local.get 0)))
            (local.set $funcs (array.new $funcs (ref.func $seven) (i32.const 3)))
            (local.set $vectors (array.new $vectors (v128.const i32x4 5 6 7 8) (i32.const 2)))
            (drop (struct.new_default $all))
            (struct.set $all $b (local.get $all)
                (i64.add (struct.get $all $b (local.get $all)) (i64.const 1)))
            (i32.add (struct.get_s $all $a (local.get $all))
            (i32.add (i32.wrap_i64 (struct.get $all $b (local.get $all)))
            (i32.add (struct.get_u $all $c (local.get $all))
            (i32.add (i32.trunc_f32_s (f32.mul (struct.get $all $d (local.get $all)) (f32.const 2)))
            (i32.add (i32.trunc_f64_s (f64.mul (struct.get $all $e (local.get $all)) (f64.const 2)))
            (i32.add (i32x4.extract_lane 3 (struct.get $all $f (local.get $all)))
            (i32.add (call_ref $func (struct.get $all $g (local.get $all)))
            (i32.add (i31.get_s (ref.cast (ref i31) (struct.get $all $h (local.get $all))))
            (i32.add (i31.get_u (ref.cast (ref i31)
                (any.convert_extern (struct.get $all $i (local.get $all)))))
            (i32.add (struct.get $all $j (local.get $all))
            (i32.add (call_ref $func (array.get $funcs (local.get $funcs) (i32.const 2)))
            (i32x4.extract_lane 0
                (array.get $vectors (local.get $vectors) (i32.const 1))))))))))))))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        let expected = -1 - 1 + 0xffff + 3 + 5 + 4 + 7 - 5 + 9 + 11 + 7 + 5;
        assert_eq!(call(&mut store, instance, "run", 11), expected);
    }
}

#[test]
fn frames_of_all_nested_and_parked_calls_are_roots() {
    let text = format!(
        r#"(module {LIST}
        (import "host" "inner" (func $inner (param i32) (result i32)))
        (import "host" "wait" (func $wait (param i32) (result i32)))
        (func (export "outer") (param i32) (result i32)
            (call $build (local.get 0))
            (call $inner (i32.sub (local.get 0) (i32.const 1)))
            (drop)
            (call $sum))
        (func (export "slow") (param i32) (result i32)
            (call $build (local.get 0))
            (drop (call $wait (local.get 0)))
            (call $sum)))"#
    );
    // Imports stand first.
    let text = text.replacen("(module", "(module (; imports below ;)", 1);
    let (list, rest) = text.split_at(text.find("(import").unwrap());
    let (imports, rest) = rest.split_at(rest.find("(func (export \"outer\")").unwrap());
    let text = format!(
        "(module {imports} {} {rest}",
        list.split_once(";)").unwrap().1
    );
    for engine in engines() {
        let mut linker = Linker::<()>::new(&engine);
        linker
            .func_wrap("host", "inner", |mut caller: Caller<'_, ()>, depth: i32| {
                caller.as_context_mut().gc()?;
                if depth == 0 {
                    return Ok(0);
                }
                let outer = caller.get_export("outer").unwrap().into_func().unwrap();
                let mut results = [Val::I32(0)];
                outer.call(&mut caller, &[Val::I32(depth)], &mut results)?;
                Ok(results[0].i32().unwrap())
            })
            .unwrap();
        let ty = FuncType::new([ValType::I32], [ValType::I32]);
        let mut store = Store::new(&engine, ());
        let wait = Func::from_host(&mut store, &ty, Waiting).unwrap();
        linker.define("host", "wait", wait).unwrap();
        let module = Module::new(&engine, &*text).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        assert_eq!(call(&mut store, instance, "outer", 9), 45);
        let slow = instance.get_func(&store, "slow").unwrap();
        let mut parked = Vec::new();
        for length in [10, 20] {
            match slow.start(&mut store, &[Val::I32(length)]).unwrap() {
                Progress::Pending(id) => parked.push((id, length)),
                Progress::Done(_) => panic!("expected a parked call"),
            }
        }
        store.gc().unwrap();
        assert_eq!(call(&mut store, instance, "run", 50), 1275);
        for (id, length) in parked {
            let done = store.resume(id, &[Val::I32(0)]).unwrap();
            let sum = length * (length + 1) / 2;
            assert_eq!(done, Progress::Done(vec![Val::I32(sum)]));
        }
    }
}

/// A host function that suspends its caller.
struct Waiting;

impl linkspan_engine::HostFunc<(), ()> for Waiting {
    fn call(&self, _: linkspan_engine::HostCall<'_, (), ()>) -> linkspan_engine::Answer {
        linkspan_engine::Answer::Pending
    }
}

#[test]
fn what_a_function_returns_is_a_root_until_it_does() {
    let text = r#"(module
        (type $box (struct (field i32)))
        (func $three (param i32) (result (ref $box) i64 (ref null $box))
            (struct.new $box (local.get 0)) (i64.const 5) (struct.new $box (i32.const 100)))
        (func (export "run") (param i32) (result i32)
            (call $three (local.get 0))
            (struct.get $box 0)
            (local.set 0)
            (i32.add (i32.wrap_i64) (local.get 0))
            (local.set 0)
            (i32.add (struct.get $box 0) (local.get 0))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        assert_eq!(call(&mut store, instance, "run", 7), 112);
    }
}

#[test]
fn payloads_of_exceptions_survive_collections() {
    let text = r#"(module
        (type $box (struct (field i32)))
        (tag $tag (param (ref $box) i64 (ref null $box)))
        (func $throw (param i32)
            (throw $tag (struct.new $box (local.get 0)) (i64.const 5)
                (struct.new $box (i32.const 100))))
        (func (export "run") (param i32) (result i32)
            (local $exception exnref) (local $kept (ref null $box))
            (local.set $kept (struct.new $box (i32.const 1000)))
            (block $all (result exnref)
                (try_table (catch_all_ref $all) (call $throw (local.get 0)))
                (ref.null exn))
            (local.set $exception)
            (drop (struct.new $box (i32.const 0)))
            (block $caught (result (ref $box) i64 (ref null $box) exnref)
                (try_table (catch_ref $tag $caught) (throw_ref (local.get $exception)))
                (unreachable))
            (drop)
            (struct.get $box 0)
            (local.set 0)
            (i32.wrap_i64)
            (i32.add (local.get 0))
            (local.set 0)
            (struct.get $box 0)
            (i32.add (local.get 0))
            (i32.add (struct.get $box 0 (local.get $kept)))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        assert_eq!(call(&mut store, instance, "run", 7), 7 + 5 + 100 + 1000);
    }
}

#[test]
fn the_host_makes_reads_and_writes_objects() {
    for engine in engines() {
        let mut store = Store::<()>::new(&engine, ());
        let element = FieldType::mutable(StorageType::I16);
        let array = engine.define_type(ArrayType { element }).unwrap();
        let fields = [
            FieldType::mutable(StorageType::I8),
            FieldType::mutable(ValType::I64),
            FieldType::constant(ValType::ANYREF),
            FieldType::mutable(ValType::FUNCREF),
            FieldType::mutable(ValType::V128),
        ];
        let structure = engine.define_type(StructType::new(fields)).unwrap();
        let numbers = ArrayRef::new(&mut store, &array, Val::I32(-1), 3).unwrap();
        numbers.set(&mut store, 1, Val::I32(0x1_2345)).unwrap();
        let func = Func::wrap(&mut store, || 3).unwrap();
        let values = [
            Val::I32(0x1ff),
            Val::I64(-1),
            numbers.into(),
            func.into(),
            Val::V128(1 << 100),
        ];
        let object = StructRef::new(&mut store, &structure, &values).unwrap();
        for _ in 0..3 {
            store.gc().unwrap();
            assert_eq!(object.field(&store, 0).unwrap(), Val::I32(0xff));
            assert_eq!(object.field(&store, 1).unwrap(), Val::I64(-1));
            assert_eq!(object.field(&store, 3).unwrap(), func.into());
            assert_eq!(object.field(&store, 4).unwrap(), Val::V128(1 << 100));
            let Val::AnyRef(Some(inner)) = object.field(&store, 2).unwrap() else {
                panic!("expected a reference");
            };
            assert!(inner.ref_eq(&store, numbers).unwrap());
            let inner = inner.as_array(&store).unwrap().unwrap();
            assert_eq!(inner.len(&store).unwrap(), 3);
            assert_eq!(inner.get(&store, 0).unwrap(), Val::I32(0xffff));
            assert_eq!(inner.get(&store, 1).unwrap(), Val::I32(0x2345));
        }
        assert_eq!(object.ty(&store).unwrap(), structure);
        let any = AnyRef::from(object);
        assert_eq!(any.ty(&store).unwrap(), structure.heap_type());
        assert!(any.as_array(&store).unwrap().is_none());
        assert!(any.matches(&store, RefType::EQREF).unwrap());
        let usage = |error: linkspan_engine::Error| assert_eq!(error.kind(), ErrorKind::Usage);
        usage(
            object
                .set_field(&mut store, 2, Val::AnyRef(None))
                .unwrap_err(),
        );
        usage(object.set_field(&mut store, 1, Val::I32(0)).unwrap_err());
        usage(object.field(&store, 5).unwrap_err());
        usage(StructRef::new(&mut store, &structure, &values[1..]).unwrap_err());
        usage(StructRef::new(&mut store, &array, &[]).unwrap_err());
        usage(numbers.bytes(&store).unwrap_err());
        let error = numbers.get(&store, 3).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::ArrayOutOfBounds));
        let other = Engine::default();
        let foreign = other.define_type(ArrayType { element }).unwrap();
        usage(ArrayRef::new(&mut store, &foreign, Val::I32(0), 1).unwrap_err());
    }
}

#[test]
fn small_integers_are_references_without_objects() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    for value in [0, 1, -1, (1 << 30) - 1, -(1 << 30)] {
        let any = AnyRef::from_i31(&mut store, I31::new_i32(value).unwrap());
        let found = any.as_i31(&store).unwrap().unwrap();
        assert_eq!(found.get_i32(), value);
        assert_eq!(any.ty(&store).unwrap(), HeapType::I31);
    }
    assert_eq!(I31::new_i32(1 << 30), None);
    assert_eq!(I31::new_u32(1 << 31), None);
    assert_eq!(store.gc_stats().committed_bytes, 0);
}

#[test]
fn handles_end_with_their_scope_and_owned_ones_do_not() {
    for engine in engines() {
        let mut store = Store::<()>::new(&engine, ());
        let mut other = Store::<()>::new(&engine, ());
        let (stale, owned) = store.scope(|store| {
            let value = ExternRef::new(&mut *store, 5_u8).unwrap();
            (value, value.to_owned_rooted(&mut *store).unwrap())
        });
        assert_eq!(stale.data(&store).unwrap_err().kind(), ErrorKind::Usage);
        let _another = ExternRef::new(&mut store, 6_u8).unwrap();
        assert_eq!(stale.data(&store).unwrap_err().kind(), ErrorKind::Usage);
        let copies: Vec<OwnedRooted<ExternRef>> = vec![owned.clone(); 100];
        store.gc().unwrap();
        let back = copies[7].to_rooted(&store).unwrap();
        assert_eq!(
            back.data(&store).unwrap().unwrap().downcast_ref(),
            Some(&5_u8)
        );
        assert_eq!(
            owned.to_rooted(&other).unwrap_err().kind(),
            ErrorKind::Usage
        );
        assert_eq!(back.data(&other).unwrap_err().kind(), ErrorKind::Usage);
        let moved = std::thread::spawn(move || drop((copies, owned)));
        moved.join().unwrap();
        other.gc().unwrap();
    }
}

#[test]
fn host_calls_are_scopes() {
    for engine in engines() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let mut linker = Linker::<()>::new(&engine);
        let counter = Arc::clone(&dropped);
        linker
            .func_wrap("host", "make", move |mut caller: Caller<'_, ()>| {
                ExternRef::new(&mut caller, Counted(Arc::clone(&counter))).map(Some)
            })
            .unwrap();
        let text = r#"(module
            (import "host" "make" (func $make (result externref)))
            (func (export "run") (param i32) (result i32)
                (loop $more
                    (drop (call $make))
                    (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get 0))
            (global $kept (mut externref) (ref.null extern))
            (func (export "keep") (param i32) (result i32)
                (global.set $kept (call $make)) (local.get 0)))"#;
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        call(&mut store, instance, "keep", 0);
        call(&mut store, instance, "run", 1000);
        store.gc().unwrap();
        // All but the one in the global, each once, though nobody made a
        // scope.
        assert_eq!(dropped.load(Ordering::Relaxed), 1000);
        assert_eq!(store.gc_stats().host_values, 1);
        drop(store);
        assert_eq!(dropped.load(Ordering::Relaxed), 1001);
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn garbage_does_not_let_the_heap_grow() {
    let text = r#"(module
        (type $node (struct (field $next (mut (ref null $node))) (field i64)))
        (func (export "cycles") (param i32) (result i32)
            (local $a (ref null $node)) (local $b (ref null $node))
            (loop $more
                (local.set $a (struct.new $node (ref.null $node) (i64.const 1)))
                (local.set $b (struct.new $node (local.get $a) (i64.const 2)))
                (struct.set $node $next (local.get $a) (local.get $b))
                (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 0))
        (func (export "queue") (param $n i32) (result i32)
            (local $head (ref null $node)) (local $tail (ref null $node))
            (local.set $head (struct.new $node (ref.null $node) (i64.const 0)))
            (local.set $tail (local.get $head))
            (loop $more
                (struct.set $node $next (local.get $tail)
                    (struct.new $node (ref.null $node) (i64.const 0)))
                (local.set $tail (struct.get $node $next (local.get $tail)))
                (if (i32.lt_u (local.get $n) (i32.const 180000)) (then
                    (local.set $head (struct.get $node $next (local.get $head)))))
                (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $n)))"#;
    let (mut store, instance) = alone(&Engine::default(), text);
    call(&mut store, instance, "cycles", 200_000);
    let stats = store.gc_stats();
    assert!(stats.collections > 3, "{stats:?}");
    assert!(stats.committed_bytes_max <= 1 << 20, "{stats:?}");
    call(&mut store, instance, "queue", 200_000);
    let stats = store.gc_stats();
    assert!(stats.committed_bytes_max <= 4 << 20, "{stats:?}");
    assert_eq!(stats.allocated_bytes_total, (200_000 * 2 + 200_001) * 16);
}

#[test]
fn a_list_of_a_million_nodes_is_marked() {
    let (mut store, instance) = alone(&Engine::default(), &format!("(module {LIST})"));
    let build = instance.get_func(&store, "build").unwrap();
    let mut list = [Val::AnyRef(None)];
    build
        .call(&mut store, &[Val::I32(1_000_000)], &mut list)
        .unwrap();
    store.gc().unwrap();
    assert_eq!(store.gc_stats().live_bytes, 16_000_000);
    let sum = instance.get_func(&store, "sum").unwrap();
    let mut result = [Val::I32(0)];
    sum.call(&mut store, &list, &mut result).unwrap();
    assert_eq!(result[0], Val::I32(500_000_500_000_i64 as i32));
}

#[test]
fn bombs_trap_and_the_store_stays_usable() {
    let text = r#"(module
        (type $bytes (array (mut i8)))
        (type $longs (array (mut i64)))
        (type $refs (array (mut anyref)))
        (func (export "huge") (param i32) (result i32)
            (array.len (array.new_default $longs (local.get 0))))
        (func (export "bytes") (param i32) (result i32)
            (array.len (array.new_default $bytes (local.get 0))))
        (func (export "chain") (param i32) (result i32)
            (local $last anyref)
            (loop $more
                (local.set $last (array.new $refs (local.get $last) (local.get 0)))
                (br $more))
            (i32.const 0)))"#;
    let (mut store, instance) = alone(&Engine::default(), text);
    store.limits_mut().gc_heap_bytes_max = 8 << 20;
    let mut trap = |name: &str, argument: i32| {
        let func = instance.get_typed_func::<i32, i32>(&store, name).unwrap();
        func.call(&mut store, argument).map_err(|e| e.trap())
    };
    assert_eq!(trap("huge", -1), Err(Some(Trap::AllocationTooLarge)));
    assert_eq!(trap("huge", 1 << 28), Err(Some(Trap::HeapExhausted)));
    assert_eq!(trap("bytes", -1), Err(Some(Trap::AllocationTooLarge)));
    assert_eq!(trap("bytes", i32::MAX), Err(Some(Trap::HeapExhausted)));
    for length in [1, 50, 1000, 5000, 100_000] {
        assert_eq!(trap("chain", length), Err(Some(Trap::HeapExhausted)));
        assert_eq!(trap("bytes", 4 << 20), Ok(4 << 20));
    }
    assert!(store.gc_stats().committed_bytes_max <= 8 << 20);
}

#[test]
fn many_stores_come_and_go() {
    let engine = Engine::default();
    let module = Module::new(&engine, format!("(module {LIST})")).unwrap();
    for round in 0..10_000 {
        let mut store = Store::<()>::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        if round % 10 == 0 {
            assert_eq!(call(&mut store, instance, "run", 10), 55);
        }
    }
}

#[test]
fn bulk_operations_are_charged_and_can_be_interrupted() {
    let text = r#"(module
        (type $bytes (array (mut i8)))
        (func (export "run") (param i32) (result i32)
            (local $array (ref null $bytes))
            (local.set $array (array.new_default $bytes (local.get 0)))
            (array.fill $bytes (local.get $array) (i32.const 0) (i32.const 1) (local.get 0))
            (array.copy $bytes $bytes (local.get $array) (i32.const 0)
                (local.get $array) (i32.const 0) (local.get 0))
            (array.len (local.get $array))))"#;
    let engine = Engine::new(Config::new().fuel(true)).unwrap();
    let (mut store, instance) = alone(&engine, text);
    let mut spent = |length: i32| {
        store.set_fuel(1_000_000).unwrap();
        call(&mut store, instance, "run", length);
        1_000_000 - store.fuel().unwrap()
    };
    let (small, large) = (spent(1), spent(64_000));
    assert!(large >= small + 3 * 1000, "{small} {large}");
}
