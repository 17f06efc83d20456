//! References to exceptions: kept by guests and by the host, thrown again,
//! and freed when nobody has one. Every test runs with both ways to dispatch.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use linkspan_engine::{
    Config, DispatchMode, Engine, Error, Exception, ExternRef, GcZeal, Instance, Module, Reference,
    Store, Trap, Val,
};

/// Engines with each way to dispatch.
fn engines() -> impl Iterator<Item = Engine> {
    engines_with(|_| ())
}

fn engines_with(configure: impl Fn(&mut Config)) -> impl Iterator<Item = Engine> {
    [DispatchMode::Auto, DispatchMode::Loop]
        .into_iter()
        .map(move |mode| {
            let mut config = Config::new();
            config.dispatch(mode);
            configure(&mut config);
            Engine::new(&config).unwrap()
        })
}

/// An instance of `text`, alone in its store.
fn alone(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, text).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

fn call(store: &mut Store<()>, instance: Instance, name: &str, arg: i32) -> Result<i32, Error> {
    let func = instance.get_typed_func::<i32, i32>(&*store, name)?;
    func.call(store, arg)
}

/// Engines that collect at every object, move what they find, and check the
/// heap each time; and engines as they are.
fn engines_with_zeal() -> impl Iterator<Item = Engine> {
    let zeal = GcZeal {
        allocations: 1,
        calls: 0,
        shuffle: true,
        verify: true,
    };
    engines_with(move |config| {
        config.gc_zeal(zeal);
    })
    .chain(engines())
}

#[test]
fn references_to_exceptions_are_kept_and_thrown_again() {
    let text = r#"(module
        (tag $e (param i32))
        (table $t 4 exnref)
        (global $kept (mut exnref) (ref.null exn))
        (func (export "keep") (param i32) (result i32)
            (local $x exnref) (local $n i32)
            (block $h (result i32 exnref)
                (try_table (catch_ref $e $h) (throw $e (local.get 0)))
                (unreachable))
            (local.set $x)
            (local.set $n)
            (global.set $kept (local.get $x))
            (table.set $t (i32.const 1) (local.get $x))
            (local.get $n))
        (func (export "again") (param i32) (result i32)
            (block $h (result i32)
                (try_table (catch $e $h)
                    (if (local.get 0)
                        (then (throw_ref (table.get $t (local.get 0))))
                        (else (throw_ref (global.get $kept)))))
                (i32.const -1)))
        (func (export "all") (param i32) (result i32)
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (throw $e (local.get 0)))
                (unreachable))
            (throw_ref))
        (func (export "is_null") (param i32) (result i32)
            (ref.is_null (global.get $kept))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        let mut call = |name, arg| call(&mut store, instance, name, arg);
        assert_eq!(call("is_null", 0).unwrap(), 1);
        let error = call("again", 0).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::NullExceptionReference));
        assert_eq!(error.to_string(), "null exception reference");
        assert_eq!(call("keep", 12).unwrap(), 12);
        assert_eq!(call("is_null", 0).unwrap(), 0);
        assert_eq!(call("again", 0).unwrap(), 12);
        assert_eq!(call("again", 1).unwrap(), 12);
        let error = call("again", 2).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::NullExceptionReference));
        let error = call("all", 4).unwrap_err();
        let text = "uncaught exception: tag without a name with payload (i32 4)";
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn exceptions_and_what_they_carry_survive_collections() {
    // Each exception carries the one before it, so that a chain grows; the
    // innermost carries the argument.
    let text = r#"(module
        (tag $first (param i32 externref i64))
        (tag $more (param exnref i32))
        (func $grow (param exnref i32)
            (local $x exnref)
            (local.set $x (local.get 0))
            (if (local.get 1)
                (then
                    (block $h (result exnref i32 exnref)
                        (try_table (catch_ref $more $h)
                            (throw $more (local.get $x) (local.get 1)))
                        (unreachable))
                    (local.set $x) (drop) (drop)
                    (call $grow (local.get $x) (i32.sub (local.get 1) (i32.const 1)))))
            (throw_ref (local.get $x)))
        (func (export "f") (param externref i32) (result i32 externref i64)
            (local $x exnref) (local $sum i32) (local $number i32) (local $value externref)
            (local $long i64)
            (block $h (result exnref)
                (try_table (catch_all_ref $h)
                    (throw $first (i32.const 17) (local.get 0) (i64.const 0x123456789a)))
                (unreachable))
            (local.set $x)
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (call $grow (local.get $x) (local.get 1)))
                (unreachable))
            (local.set $x)
            (block $end (result i32 externref i64)
                (loop $next
                    (block $h (result exnref i32)
                        (try_table (catch $first $end) (catch $more $h)
                            (throw_ref (local.get $x)))
                        (unreachable))
                    (local.set $sum (i32.add (local.get $sum)))
                    (local.set $x)
                    (br $next))
                (unreachable))
            (local.set $long) (local.set $value)
            (i32.add (local.get $sum))
            (local.get $value) (local.get $long)))"#;
    for engine in engines_with_zeal() {
        let (mut store, instance) = alone(&engine, text);
        let value = ExternRef::new(&mut store, 5_u8).unwrap();
        let func = instance.get_func(&store, "f").unwrap();
        let mut results = [Val::I32(0); 3];
        let params = [value.into(), Val::I32(40)];
        func.call(&mut store, &params, &mut results).unwrap();
        let [
            Val::I32(sum),
            Val::ExternRef(Some(back)),
            Val::I64(0x0012_3456_789a),
        ] = results
        else {
            panic!("{results:?}");
        };
        assert_eq!(sum, (1..=40).sum::<i32>() + 17);
        assert!(back.ref_eq(&store, value).unwrap());
    }
}

#[test]
fn exceptions_that_nobody_refers_to_are_freed() {
    let text = r#"(module
        (tag $e (param i64 i64 i64))
        (func (export "f") (param i32) (result i32) (local $x exnref)
            (loop $again
                (block $h (result exnref)
                    (try_table (catch_all_ref $h)
                        (throw $e (i64.const 1) (i64.const 2) (i64.const 3)))
                    (unreachable))
                (local.set $x)
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 0))
        (func (export "chain") (param i32) (result i32) (local $x exnref)
            (loop $again
                (block $h (result exnref)
                    (try_table (catch_all_ref $h) (throw $link (local.get $x)))
                    (unreachable))
                (local.set $x)
                (br $again))
            (i32.const 0))
        (tag $link (param exnref)))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        store.limits_mut().gc_heap_bytes_max = 1 << 20;
        assert_eq!(call(&mut store, instance, "f", 200_000).unwrap(), 0);
        assert!(store.gc_stats().collections > 0);
        // A chain that grows for ever is stopped by the limit, not caught.
        let error = call(&mut store, instance, "chain", 0).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::HeapExhausted));
        store.gc().unwrap();
        assert!(store.gc_stats().live_bytes <= 32);
        assert_eq!(call(&mut store, instance, "f", 1000).unwrap(), 0);
    }
}

#[test]
fn the_host_refers_to_exceptions_as_guests_do() {
    let text = r#"(module
        (tag $e (export "e") (param i32 externref))
        (func (export "make") (param externref) (result exnref)
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (throw $e (i32.const 3) (local.get 0)))
                (unreachable)))
        (func (export "open") (param exnref) (result i32)
            (block $h (result i32 externref)
                (try_table (catch $e $h) (throw_ref (local.get 0)))
                (unreachable))
            (drop)))"#;
    for engine in engines_with_zeal() {
        let (mut store, instance) = alone(&engine, text);
        let make = instance.get_func(&store, "make").unwrap();
        let open = instance.get_func(&store, "open").unwrap();
        let value = ExternRef::new(&mut store, "kept").unwrap();
        let mut results = [Val::ExnRef(None)];
        make.call(&mut store, &[value.into()], &mut results)
            .unwrap();
        let [Val::ExnRef(Some(reference))] = results else {
            panic!("{results:?}");
        };
        let exception = reference.exception(&mut store).unwrap();
        store.gc().unwrap();
        let payload = exception.payload(&mut store).unwrap();
        assert_eq!(payload[0], Val::I32(3));
        let Val::ExternRef(Some(back)) = payload[1] else {
            panic!("{payload:?}");
        };
        assert!(back.ref_eq(&store, value).unwrap());
        let again = exception.to_ref(&mut store).unwrap();
        assert!(again.ref_eq(&store, reference).unwrap());

        // One that the host has made becomes an object when it is asked for.
        let tag = instance.get_tag(&store, "e").unwrap();
        let payload = [Val::I32(8), value.into()];
        let made = Exception::new(&mut store, tag, &payload).unwrap();
        store.gc().unwrap();
        let reference = made.to_ref(&mut store).unwrap();
        let mut results = [Val::I32(0)];
        open.call(&mut store, &[reference.into()], &mut results)
            .unwrap();
        assert_eq!(results, [Val::I32(8)]);
        let error = open
            .call(&mut store, &[Val::ExnRef(None)], &mut results)
            .unwrap_err();
        assert_eq!(error.trap(), Some(Trap::NullExceptionReference));
        let mut other = Store::<()>::new(&engine, ());
        assert!(made.to_ref(&mut other).is_err());
        assert!(reference.exception(&mut other).is_err());
    }
}
