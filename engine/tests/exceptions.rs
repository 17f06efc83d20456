//! Exceptions in every direction: between functions, instances and the host,
//! out of parked calls, in loops and deep recursion. Every test runs with
//! both ways to dispatch.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::{Arc, Mutex};

use linkspan_engine::{
    Answer, AsContextMut, Caller, Config, DispatchMode, Engine, Error, ErrorKind, Exception,
    Extern, ExternRef, Func, FuncType, HostCall, HostFunc, Instance, Limits, Linker, Module,
    Progress, Reference, Store, Tag, Trap, Val, ValType,
};

const I32: ValType = ValType::I32;

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

#[test]
fn a_handler_gets_the_payload_and_the_locals_as_they_were_written() {
    let text = r#"(module
        (tag $e (param i32 i64 f32 f64))
        (func $thrower (param i32)
            (if (i32.gt_s (local.get 0) (i32.const 10))
                (then (throw $e (local.get 0) (i64.const 2) (f32.const 0.5) (f64.const 0.25)))))
        (func (export "f") (param i32) (result i32)
            (local $a i32) (local $b i32) (local $x f64)
            (local.set $a (i32.const 100))
            (block $caught (result i32 i64 f32 f64)
                (try_table (catch $e $caught)
                    (local.set $a (i32.add (local.get $a) (i32.const 1)))
                    (local.set $b (local.get $a))
                    (call $thrower (local.get 0))
                    (local.set $a (i32.const 5)))
                (return (i32.sub (local.get $a) (local.get $b))))
            (local.set $x)
            (drop)
            (i32.wrap_i64)
            (i32.add)
            (i32.add (local.get $a))
            (i32.mul (local.get $b))
            (i32.add (i32.trunc_f64_s (f64.mul (local.get $x) (f64.const 4))))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        assert_eq!(call(&mut store, instance, "f", 1).unwrap(), 5 - 101);
        let caught = (11 + 2 + 101) * 101 + 1;
        assert_eq!(call(&mut store, instance, "f", 11).unwrap(), caught);
    }
}

#[test]
fn operands_below_the_handler_survive_wherever_they_were() {
    // A constant, an alias of a local that is overwritten, and a sum.
    let text = r#"(module
        (tag $e)
        (func $thrower (throw $e))
        (func (export "f") (param i32) (result i32)
            (i32.const 7)
            (local.get 0)
            (i32.add (local.get 0) (i32.const 1))
            (block $h
                (try_table (catch_all $h)
                    (local.set 0 (i32.const 1000))
                    (i32.const 9) (i32.const 9) (call $thrower) (drop) (drop)))
            (i32.mul) (i32.add) (i32.add (local.get 0))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        assert_eq!(
            call(&mut store, instance, "f", 3).unwrap(),
            7 + 3 * 4 + 1000
        );
    }
}

#[test]
fn clauses_may_name_the_function_a_loop_and_the_results_of_an_if() {
    let text = r#"(module
        (tag $a (param i32)) (tag $b (param i32 i32))
        (func $thrower (param i32) (param i32)
            (if (local.get 0) (then (throw $b (local.get 1) (i32.const 1))))
            (throw $a (local.get 1)))
        ;; The payload is the function's result.
        (func (export "return") (param i32) (result i32)
            (i32.const 1) (i32.const 2)
            (try_table (catch $a 0)
                (call $thrower (i32.const 0) (local.get 0)))
            (unreachable))
        (func $pair (param i32) (result i32 i32)
            (try_table (catch $b 0) (call $thrower (i32.const 1) (local.get 0)))
            (unreachable))
        (func (export "returns") (param i32) (result i32)
            (i32.sub (call $pair (local.get 0))))
        ;; The payload is a loop's parameter: counts down by throwing.
        (func (export "loop") (param i32) (result i32) (local $n i32)
            (local.get 0)
            (loop $again (param i32) (result i32)
                (local.set 0)
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (if (i32.eqz (local.get 0)) (then (return (local.get $n))))
                (try_table (catch $a $again)
                    (call $thrower (i32.const 0) (i32.sub (local.get 0) (i32.const 1))))
                (i32.const -1)))
        (func (export "if") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (try_table (result i32) (catch $a 0)
                    (call $thrower (i32.const 0) (local.get 0)) (i32.const -1)))
                (else (try_table (result i32) (catch $a 0)
                    (call $thrower (i32.const 0) (i32.const 77)) (i32.const -1))))
            (i32.add (i32.const 1))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        assert_eq!(call(&mut store, instance, "return", 5).unwrap(), 5);
        assert_eq!(call(&mut store, instance, "returns", 5).unwrap(), 4);
        assert_eq!(call(&mut store, instance, "loop", 20).unwrap(), 21);
        assert_eq!(call(&mut store, instance, "if", 3).unwrap(), 4);
        assert_eq!(call(&mut store, instance, "if", 0).unwrap(), 78);
    }
}

#[test]
fn the_innermost_fitting_clause_takes_an_exception() {
    let text = r#"(module
        (tag $a) (tag $b) (tag $c)
        (func $thrower (param i32)
            (block $none (block $c (block $b (block $a
                (br_table $a $b $c $none (local.get 0)))
                (throw $a)) (throw $b)) (throw $c)))
        (func (export "f") (param i32) (result i32)
            (block $outer
              (block $two
                (block $one
                  (try_table (catch_all $outer)
                    (try_table (catch $b $two) (catch $a $two)
                      (try_table (catch $a $one) (catch $a $two)
                        (call $thrower (local.get 0)))
                      (call $thrower (local.get 0))))
                  (return (i32.const 0)))
                (return (i32.const 1)))
              (return (i32.const 2)))
            (i32.const 3)))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        for (arg, expected) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
            assert_eq!(call(&mut store, instance, "f", arg).unwrap(), expected);
        }
    }
}

#[test]
fn exceptions_cross_instances_and_tags_have_identity() {
    let inner = r#"(module
        (import "t" "e" (tag $e (param i32)))
        (tag $same (param i32))
        (memory (export "m") 1)
        (func (export "throw") (param i32)
            (if (local.get 0) (then (throw $e (local.get 0))))
            (throw $same (i32.const 9))))"#;
    let middle = r#"(module
        (import "inner" "throw" (func $throw (param i32)))
        (import "t" "e" (tag $other (param i32)))
        (memory 1)
        (func (export "pass") (param i32) (call $throw (local.get 0)))
        (func (export "tail") (param i32) (return_call $throw (local.get 0))))"#;
    let outer = r#"(module
        (import "middle" "pass" (func $pass (param i32)))
        (import "middle" "tail" (func $tail (param i32)))
        (import "t" "e" (tag $e (param i32)))
        (memory 1) (data (i32.const 0) "\2a")
        (func (export "f") (param i32) (result i32)
            (block $all
              (block $h (result i32)
                (try_table (catch $e $h) (catch_all $all) (call $pass (local.get 0)))
                (unreachable))
              ;; The memory is this instance's again.
              (return (i32.add (i32.load8_u (i32.const 0)))))
            (i32.load8_u (i32.const 0)))
        (func (export "g") (param i32) (result i32)
            (block $all
              (block $h (result i32)
                (try_table (catch $e $h) (catch_all $all) (call $tail (local.get 0)))
                (unreachable))
              (return (i32.add (i32.load8_u (i32.const 0)))))
            (i32.load8_u (i32.const 0))))"#;
    for engine in engines() {
        let mut store = Store::<()>::new(&engine, ());
        let tag = Tag::new(&mut store, &FuncType::new([I32], [])).unwrap();
        let mut linker = Linker::new(&engine);
        linker.define("t", "e", tag).unwrap();
        let mut last = None;
        for (name, text) in [("inner", inner), ("middle", middle), ("outer", outer)] {
            let module = Module::new(&engine, text).unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            linker.instance(&store, name, instance).unwrap();
            last = Some(instance);
        }
        for name in ["f", "g"] {
            assert_eq!(call(&mut store, last.unwrap(), name, 100).unwrap(), 142);
            assert_eq!(call(&mut store, last.unwrap(), name, 0).unwrap(), 42);
        }
    }
}

#[test]
fn tags_are_linked_by_type() {
    let engine = Engine::default();
    let module = Module::new(&engine, r#"(module (import "t" "e" (tag (param i32))))"#).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    assert!(error.to_string().starts_with("unknown import"), "{error}");
    let tag = Tag::new(&mut store, &FuncType::new([ValType::I64], [])).unwrap();
    linker.define("t", "e", tag).unwrap();
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    assert_eq!(
        error.to_string(),
        "incompatible import type: \"t\" \"e\": expected (tag (param i32)), found (tag (param i64))"
    );
    let exports = Module::new(&engine, r#"(module (tag (export "e") (param i32)))"#).unwrap();
    let instance = linker.instantiate(&mut store, &exports).unwrap();
    let exported = instance.get_tag(&store, "e").unwrap();
    assert_eq!(exported.ty(&store).unwrap().payload(), [I32]);
    assert!(Instance::new(&mut store, &module, &[Extern::Tag(exported)]).is_ok());
    let error = Tag::new(&mut store, &FuncType::new([], [I32])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let mut other = Store::<()>::new(&engine, ());
    let error = Instance::new(&mut other, &module, &[Extern::Tag(exported)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn an_uncaught_exception_is_an_error_with_payload_and_backtrace() {
    let text = r#"(module $m
        (tag $e (export "oops") (param i32 f64 funcref))
        (func $inner (throw $e (i32.const 7) (f64.const 1.5) (ref.null func)))
        (func (export "f") (param i32) (result i32) (call $inner) (i32.const 0)))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        let error = call(&mut store, instance, "f", 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exception);
        assert_eq!(error.trap(), None);
        assert_eq!(
            error.to_string(),
            "uncaught exception: tag \"oops\" with payload (i32 7, f64 1.5, funcref null)"
        );
        let exception = error.exception().unwrap();
        assert_eq!(
            exception.payload(&mut store).unwrap(),
            [Val::I32(7), Val::from(1.5_f64), Val::FuncRef(None)]
        );
        let tag = exception.tag(&store).unwrap();
        assert_eq!(tag, instance.get_tag(&store, "oops").unwrap());
        let names: Vec<_> = error.backtrace().unwrap().frames().iter().collect();
        assert_eq!(names.len(), 2);
        assert_eq!(names[0].func_name(), Some("inner"));
        assert_eq!(names[1].func_name(), Some("f"));
        let mut other = Store::<()>::new(&engine, ());
        assert!(exception.payload(&mut other).is_err());
        assert!(exception.tag(&other).is_err());
    }
}

/// A host function that calls a guest function in a nested call, and what it
/// does with an error.
type React = fn(&mut Caller<'_, ()>, Tag, Error) -> Result<i32, Error>;

fn through_the_host(engine: &Engine, react: React) -> Result<i32, Error> {
    let text = r#"(module
        (import "h" "e" (tag $e (param i32)))
        (import "h" "nest" (func $nest (result i32)))
        (func (export "inner") (throw $e (i32.const 5)))
        (func (export "f") (param i32) (result i32)
            (block $h (result i32)
                (try_table (result i32) (catch $e $h) (call $nest))
                (return))
            (i32.add (i32.const 1000))))"#;
    let mut store = Store::<()>::new(engine, ());
    let tag = Tag::new(&mut store, &FuncType::new([I32], [])).unwrap();
    let mut linker = Linker::new(engine);
    linker.define("h", "e", tag).unwrap();
    let nest = move |mut caller: Caller<'_, ()>| -> Result<i32, Error> {
        let inner: Func = caller.get_export("inner").unwrap().into_func().unwrap();
        match inner.call(&mut caller, &[], &mut []) {
            Ok(()) => Ok(-1),
            Err(error) => react(&mut caller, tag, error),
        }
    };
    linker.func_wrap("h", "nest", nest).unwrap();
    let module = Module::new(engine, text).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    call(&mut store, instance, "f", 0)
}

#[test]
fn the_host_catches_throws_and_rethrows() {
    for engine in engines() {
        let rethrow: React = |_, _, error| Err(error.context("from the host"));
        assert_eq!(through_the_host(&engine, rethrow).unwrap(), 1005);
        let catch: React = |caller, tag, error| {
            let exception = error.exception().unwrap();
            assert_eq!(exception.tag(&*caller)?, tag);
            let payload = exception.payload(caller)?;
            Ok(payload[0].i32().unwrap() * 2)
        };
        assert_eq!(through_the_host(&engine, catch).unwrap(), 10);
        let another: React = |caller, tag, _| Err(caller.throw(tag, &[Val::I32(30)]));
        assert_eq!(through_the_host(&engine, another).unwrap(), 1030);
        let stop: React = |_, _, _| Err(Error::msg("stop"));
        let error = through_the_host(&engine, stop).unwrap_err();
        assert_eq!(error.to_string(), "stop");
        let wrong: React = |caller, tag, _| Err(caller.throw(tag, &[Val::I64(30)]));
        let error = through_the_host(&engine, wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let stranger: React = |caller, _, _| {
            let mut store = Store::<()>::new(caller.engine(), ());
            let tag = Tag::new(&mut store, &FuncType::new([], [])).unwrap();
            Err(Exception::new(&mut store, tag, &[])?.into())
        };
        let error = through_the_host(&engine, stranger).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}

#[test]
fn an_error_that_the_host_passes_on_keeps_context_and_frames() {
    let text = r#"(module
        (import "h" "nest" (func $nest))
        (tag $e)
        (func $thrower (export "inner") (throw $e))
        (func $outer (export "f") (param i32) (result i32) (call $nest) (i32.const 0)))"#;
    for engine in engines() {
        let module = Module::new(&engine, text).unwrap();
        let mut linker = Linker::<()>::new(&engine);
        linker
            .func_wrap("h", "nest", |mut caller: Caller<'_, ()>| {
                let inner = caller.get_export("inner").unwrap().into_func().unwrap();
                inner
                    .call(&mut caller, &[], &mut [])
                    .map_err(|error| error.context("while nesting"))
            })
            .unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let error = call(&mut store, instance, "f", 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "while nesting: uncaught exception: tag without a name"
        );
        let frames = error.backtrace().unwrap().frames();
        let names: Vec<_> = frames.iter().map(|f| f.func_name().unwrap()).collect();
        assert_eq!(names, ["thrower", "outer"]);
    }
}

/// Asks for the guest function in `target`, and does what `react` says if
/// that throws.
struct Asks {
    target: Arc<Mutex<Option<Func>>>,
    react: fn(Error, u32) -> Answer,
}

impl HostFunc<(), ()> for Asks {
    fn call(&self, _: HostCall<'_, (), ()>) -> Answer {
        Answer::Call {
            func: self.target.lock().unwrap().unwrap(),
            then: 1,
        }
    }

    fn resume(&self, mut call: HostCall<'_, (), ()>, then: u32) -> Answer {
        call.window()[0] = u64::from(then) * 100;
        Answer::Done
    }

    fn catch(&self, mut call: HostCall<'_, (), ()>, then: u32, error: Error) -> Answer {
        call.window()[0] = u64::from(then) * 10;
        (self.react)(error, then)
    }
}

fn asked(engine: &Engine, react: fn(Error, u32) -> Answer) -> Result<i32, Error> {
    let text = r#"(module
        (import "h" "ask" (func $ask (result i32)))
        (tag $e)
        (func $thrower (export "inner") (throw $e))
        (func $outer (export "f") (param i32) (result i32)
            (block $h
                (try_table (result i32) (catch $e $h) (call $ask))
                (return))
            (i32.const 1)))"#;
    let target = Arc::new(Mutex::new(None));
    let ty = FuncType::new([], [I32]);
    let mut linker = Linker::<()>::new(engine);
    let asks = Asks {
        target: Arc::clone(&target),
        react,
    };
    linker.func_host("h", "ask", &ty, asks).unwrap();
    let module = Module::new(engine, text).unwrap();
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    *target.lock().unwrap() = instance.get_func(&store, "inner");
    call(&mut store, instance, "f", 0)
}

#[test]
fn a_host_function_that_waits_for_a_guest_sees_what_it_throws() {
    for engine in engines() {
        // The exception itself goes on to its caller.
        assert_eq!(asked(&engine, |error, _| Answer::Trap(error)).unwrap(), 1);
        assert_eq!(asked(&engine, |_, _| Answer::Done).unwrap(), 10);
        let error = asked(&engine, |error, then| {
            let frames = error.backtrace().unwrap().frames();
            assert_eq!(frames.len(), 1);
            Answer::Trap(Error::msg(format!("{then}: {error}")))
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "1: uncaught exception: tag without a name"
        );
        assert_eq!(error.kind(), ErrorKind::Host);
        // Without it the error is one that no guest catches.
        let error = asked(&engine, |error, _| Answer::Trap(error.without_exception()));
        let error = error.unwrap_err();
        assert_eq!(error.message(), "uncaught exception: tag without a name");
        assert!(error.exception().is_none());
    }
}

/// Asks for the same function again each time, and never catches.
struct Again(Arc<Mutex<Option<Func>>>);

impl HostFunc<(), ()> for Again {
    fn call(&self, _: HostCall<'_, (), ()>) -> Answer {
        Answer::Call {
            func: self.0.lock().unwrap().unwrap(),
            then: 0,
        }
    }

    fn catch(&self, _: HostCall<'_, (), ()>, _then: u32, error: Error) -> Answer {
        Answer::Trap(error)
    }
}

/// The same, without a word on exceptions.
struct Unprepared(Again);

impl HostFunc<(), ()> for Unprepared {
    fn call(&self, call: HostCall<'_, (), ()>) -> Answer {
        self.0.call(call)
    }
}

#[test]
fn host_functions_that_do_not_expect_exceptions_are_borders() {
    let text = r#"(module
        (import "h" "again" (func $again))
        (tag $e)
        (func (export "down") (throw $e))
        (func (export "f") (param i32) (result i32)
            (block $h (try_table (catch_all $h) (call $again)))
            (i32.const 1)))"#;
    for engine in engines() {
        let target = Arc::new(Mutex::new(None));
        let mut linker = Linker::<()>::new(&engine);
        let again = Unprepared(Again(Arc::clone(&target)));
        let ty = FuncType::new([], []);
        linker.func_host("h", "again", &ty, again).unwrap();
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        *target.lock().unwrap() = instance.get_func(&store, "down");
        let error = call(&mut store, instance, "f", 0).unwrap_err();
        assert_eq!(error.message(), "uncaught exception: tag without a name");
        assert!(error.exception().is_none());
    }
}

#[test]
fn exceptions_pass_many_waiting_host_functions() {
    let text = r#"(module
        (import "h" "again" (func $again))
        (tag $e (param i32))
        (global $n (mut i32) (i32.const 0))
        (func (export "down")
            (global.set $n (i32.sub (global.get $n) (i32.const 1)))
            (if (i32.eqz (global.get $n)) (then (throw $e (i32.const 6))))
            (call $again))
        (func (export "f") (param i32) (result i32)
            (global.set $n (local.get 0))
            (block $h (result i32)
                (try_table (catch $e $h) (call $again))
                (i32.const -1))))"#;
    for engine in engines() {
        let target = Arc::new(Mutex::new(None));
        let mut linker = Linker::<()>::new(&engine);
        let again = Again(Arc::clone(&target));
        linker
            .func_host("h", "again", &FuncType::new([], []), again)
            .unwrap();
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        *target.lock().unwrap() = instance.get_func(&store, "down");
        assert_eq!(call(&mut store, instance, "f", 1000).unwrap(), 6);
        assert_eq!(call(&mut store, instance, "f", 1).unwrap(), 6);
    }
}

#[test]
fn a_host_function_in_tail_position_throws_past_its_caller() {
    let text = r#"(module
        (import "h" "e" (tag $e))
        (import "h" "fail" (func $fail (param i32) (result i32)))
        (type $t (func (param i32) (result i32)))
        (table funcref (elem $fail $own))
        (func $own (type $t) (throw $e))
        (func $direct (param i32) (result i32)
            (block $h
                (try_table (catch $e $h) (return_call $fail (local.get 0))))
            (i32.const -1))
        (func $own_direct (param i32) (result i32)
            (block $h
                (try_table (catch $e $h) (return_call $own (local.get 0))))
            (i32.const -1))
        (func $indirect (param i32) (result i32)
            (block $h
                (try_table (catch $e $h)
                    (try_table (catch_all $h)
                        (return_call_indirect (type $t) (local.get 0) (local.get 0)))))
            (i32.const -1))
        (func (export "f") (param i32) (result i32)
            (block $h
                (try_table (result i32) (catch $e $h) (call $direct (local.get 0)))
                (return))
            (i32.const 1))
        (func (export "own") (param i32) (result i32)
            (block $h
                (try_table (result i32) (catch $e $h) (call $own_direct (local.get 0)))
                (return))
            (i32.const 1))
        (func (export "g") (param i32) (result i32)
            (block $h
                (try_table (result i32) (catch_all $h) (call $indirect (local.get 0)))
                (return))
            (i32.const 2)))"#;
    for engine in engines() {
        let mut store = Store::<()>::new(&engine, ());
        let tag = Tag::new(&mut store, &FuncType::new([], [])).unwrap();
        let mut linker = Linker::new(&engine);
        linker.define("h", "e", tag).unwrap();
        linker
            .func_wrap("h", "fail", move |mut caller: Caller<'_, ()>, _: i32| {
                Result::<i32, Error>::Err(caller.throw(tag, &[]))
            })
            .unwrap();
        let module = Module::new(&engine, text).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        assert_eq!(call(&mut store, instance, "f", 0).unwrap(), 1);
        assert_eq!(call(&mut store, instance, "own", 0).unwrap(), 1);
        assert_eq!(call(&mut store, instance, "g", 0).unwrap(), 2);
        assert_eq!(call(&mut store, instance, "g", 1).unwrap(), 2);
    }
}

#[test]
fn an_exception_leaves_a_hundred_thousand_frames() {
    let text = r#"(module
        (tag $e (param i32))
        (func $down (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 3))))
            (i32.add (call $up (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
        (func $up (param i32) (result i32)
            (i32.add (call $down (local.get 0)) (i32.const 1)))
        (func (export "f") (param i32) (result i32)
            (block $h (result i32)
                (try_table (result i32) (catch $e $h) (call $down (local.get 0)))
                (return))))"#;
    for engine in engines_with(|config| {
        config.max_stack_bytes(64 << 20);
    }) {
        let (mut store, instance) = alone(&engine, text);
        assert_eq!(call(&mut store, instance, "f", 50_000).unwrap(), 3);
        // The stack is as it was before.
        assert_eq!(call(&mut store, instance, "f", 50_000).unwrap(), 3);
    }
}

/// Answers *pending*.
struct Later;

impl HostFunc<(), ()> for Later {
    fn call(&self, _: HostCall<'_, (), ()>) -> Answer {
        Answer::Pending
    }
}

#[test]
fn parked_calls_throw_when_they_go_on() {
    let text = r#"(module
        (import "h" "later" (func $later (result i32)))
        (tag $e (export "e") (param i32))
        (func (export "host") (param i32) (result i32)
            (try_table (result i32) (catch $e 0) (call $later)))
        (func $wait (param i32)
            (throw $e (i32.add (call $later) (local.get 0))))
        (func (export "caught") (param i32) (result i32)
            (block $h (result i32)
                (try_table (catch $e $h) (call $wait (local.get 0)))
                (i32.const -1)))
        (func (export "free") (param i32) (result i32)
            (call $wait (local.get 0)) (i32.const -1)))"#;
    for engine in engines() {
        let mut linker = Linker::<()>::new(&engine);
        linker
            .func_host("h", "later", &FuncType::new([], [I32]), Later)
            .unwrap();
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let mut start = |name: &str, arg: i32| {
            let func = instance.get_func(&store, name).unwrap();
            match func.start(&mut store, &[Val::I32(arg)]).unwrap() {
                Progress::Pending(id) => id,
                Progress::Done(results) => panic!("expected a parked call, found {results:?}"),
            }
        };
        let (caught, free) = (start("caught", 1), start("free", 2));
        let (thrown, stopped) = (start("host", 3), start("host", 4));
        let error = store.resume(free, &[Val::I32(20)]).unwrap_err();
        let exception = error.exception().unwrap();
        assert_eq!(exception.payload(&mut store).unwrap(), [Val::I32(22)]);
        assert!(store.resume(free, &[Val::I32(0)]).is_err());
        let done = store.resume(caught, &[Val::I32(10)]).unwrap();
        assert_eq!(done, Progress::Done(vec![Val::I32(11)]));
        // The host function itself may throw or fail after a while.
        let tag = instance.get_tag(&store, "e").unwrap();
        let mut other = Store::<()>::new(&engine, ());
        let strange = Tag::new(&mut other, &FuncType::new([], [])).unwrap();
        let strange = other.throw(strange, &[]);
        let error = store.resume_with_error(thrown, strange).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let exception = store.throw(tag, &[Val::I32(9)]);
        let done = store.resume_with_error(thrown, exception).unwrap();
        assert_eq!(done, Progress::Done(vec![Val::I32(9)]));
        let error = store
            .resume_with_error(stopped, Error::msg("disk"))
            .unwrap_err();
        assert_eq!(error.to_string(), "disk");
        assert_eq!(error.backtrace().unwrap().frames().len(), 1);
        assert!(store.abandon(stopped).is_err());
    }
}

#[test]
fn the_longest_payload_arrives_whole() {
    let count = 1000;
    let params = "i32 ".repeat(count);
    let values: String = (0..count).map(|i| format!("(i32.const {i})")).collect();
    let sum = "(i32.add)".repeat(count - 1);
    let text = format!(
        r#"(module
        (type $p (func (result {params})))
        (tag $e (param {params}))
        (func $thrower (throw $e {values}))
        (func (export "f") (param i32) (result i32)
            (i32.const 1)
            (block $h (type $p)
                (try_table (catch $e $h) (call $thrower)) (unreachable))
            {sum} (i32.add)))"#
    );
    for engine in engines() {
        let (mut store, instance) = alone(&engine, &text);
        let expected = (0..1000).sum::<i32>() + 1;
        assert_eq!(call(&mut store, instance, "f", 0).unwrap(), expected);
    }
}

#[test]
fn function_and_host_references_travel_in_payloads() {
    let text = r#"(module
        (tag $e (param funcref externref i32))
        (type $t (func (result i32)))
        (table 1 funcref)
        (func $forty (type $t) (i32.const 40))
        (elem declare func $forty)
        (func $thrower (param externref)
            (throw $e (ref.func $forty) (local.get 0) (i32.const 2)))
        (func (export "f") (param externref) (result i32 externref)
            (local $n i32) (local $x externref) (local $f funcref)
            (block $h (result funcref externref i32)
                (try_table (catch $e $h) (call $thrower (local.get 0)))
                (unreachable))
            (local.set $n)
            (local.set $x)
            (local.set $f)
            (table.set (i32.const 0) (local.get $f))
            (i32.add (call_indirect (type $t) (i32.const 0)) (local.get $n))
            (local.get $x)))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        let value = ExternRef::new(&mut store, "a value").unwrap();
        let mut results = [Val::I32(0), Val::I32(0)];
        let func = instance.get_func(&store, "f").unwrap();
        func.call(&mut store, &[value.into()], &mut results)
            .unwrap();
        let [Val::I32(42), Val::ExternRef(Some(back))] = results else {
            panic!("{results:?}");
        };
        assert!(back.ref_eq(&store, value).unwrap());
    }
}

#[test]
fn vectors_travel_in_payloads() {
    let text = r#"(module
        (tag $e (export "vectors") (param v128 i32 v128))
        (func $thrower (param v128)
            (throw $e (local.get 0) (i32.const 5) (v128.const i32x4 1 2 3 4)))
        (func (export "f") (param v128) (result i32) (local $n i32) (local $x v128)
            (i32.const 1000)
            (block $h (result v128 i32 v128)
                (try_table (catch $e $h) (call $thrower (local.get 0)))
                (unreachable))
            (local.set $x)
            (local.set $n)
            (i32x4.extract_lane 2 (i32x4.mul (local.get $x)))
            (i32.add (local.get $n))
            (i32.add))
        (func (export "free") (param v128) (call $thrower (local.get 0))))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        let lanes = u128::from_le_bytes([7; 16]);
        let mut results = [Val::I32(0)];
        let func = instance.get_func(&store, "f").unwrap();
        func.call(&mut store, &[Val::V128(lanes)], &mut results)
            .unwrap();
        let lane = 0x0707_0707_i32.wrapping_mul(3);
        assert_eq!(results, [Val::I32(lane.wrapping_add(1005))]);
        let func = instance.get_func(&store, "free").unwrap();
        let error = func
            .call(&mut store, &[Val::V128(lanes)], &mut [])
            .unwrap_err();
        let exception = error.exception().unwrap().clone();
        let payload = exception.payload(&mut store).unwrap();
        assert_eq!(payload[0], Val::V128(lanes));
        assert_eq!(payload[1], Val::I32(5));
        // What came out goes in again.
        let tag = instance.get_tag(&store, "vectors").unwrap();
        let again = Exception::new(&mut store, tag, &payload).unwrap();
        assert_eq!(again.payload(&mut store).unwrap(), payload);
        assert_eq!(again.to_string(), exception.to_string());
    }
}

#[test]
fn traps_are_not_caught() {
    let text = r#"(module
        (func $deep (call $deep))
        (func (export "f") (param i32) (result i32)
            (block $h
                (try_table (catch_all $h)
                    (if (local.get 0) (then (call $deep)))
                    (unreachable)))
            (i32.const 1)))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        let trap = |error: Error| error.trap();
        let result = call(&mut store, instance, "f", 0);
        assert_eq!(result.map_err(trap), Err(Some(Trap::Unreachable)));
        let result = call(&mut store, instance, "f", 1);
        assert_eq!(result.map_err(trap), Err(Some(Trap::StackOverflow)));
    }
}

#[test]
fn the_start_function_may_throw() {
    let text = r#"(module (tag $e) (func $start (throw $e)) (start $start))"#;
    for engine in engines() {
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::<()>::new(&engine, ());
        let error = Instance::new(&mut store, &module, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exception);
        assert!(error.exception().is_some());
    }
}

#[test]
fn fuel_is_charged_as_without_exceptions_and_long_searches_cost_more() {
    // Entering a try_table is free, like entering a block.
    let plain = r#"(module (func (export "f") (param i32) (result i32)
        (block (result i32) (i32.add (local.get 0) (i32.const 1)))))"#;
    let tried = r#"(module (func (export "f") (param i32) (result i32)
        (block $h (result i32) (try_table (result i32) (catch_all 1)
            (i32.add (local.get 0) (i32.const 1))))))"#
        .replace("(catch_all 1)", "");
    // A thousand clauses that do not fit around one throw in a loop.
    let nested = format!(
        r#"(module (tag $a) (tag $e)
        (func (export "f") (param i32) (result i32)
            (loop $again
              (block $h
                (try_table (catch $e $h) {} (throw $e) {}))
              (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 0)))"#,
        "(try_table (catch $a 1) ".repeat(1000),
        ")".repeat(1000)
    );
    for engine in engines_with(|config| {
        config.fuel(true);
    }) {
        let used = |text: &str, arg: i32| {
            let (mut store, instance) = alone(&engine, text);
            store.set_fuel(1 << 30).unwrap();
            call(&mut store, instance, "f", arg).unwrap();
            (1 << 30) - store.fuel().unwrap()
        };
        assert_eq!(used(plain, 1), used(&tried, 1));
        let (ten, twenty) = (used(&nested, 10), used(&nested, 20));
        assert_eq!(ten, used(&nested, 10));
        assert!(twenty - ten >= 10 * 15, "{ten} {twenty}");
        let (mut store, instance) = alone(&engine, &nested);
        store.set_fuel(1000).unwrap();
        let error = call(&mut store, instance, "f", 1000).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel));
    }
}

#[test]
fn a_search_pays_for_all_that_it_passes() {
    // Behind a nest of `try_table`s that have ended, each frame calls the
    // next; the last one throws. Those without clauses are free.
    let text = |clause: &str| {
        format!(
            r#"(module (tag $a) (tag $e)
            (func $down (param i32)
                (block $h {} {})
                (if (local.get 0)
                    (then (call $down (i32.sub (local.get 0) (i32.const 1))))
                    (else (throw $e))))
            (func (export "f") (param i32) (result i32)
                (block $h
                    (try_table (catch $e $h) (call $down (local.get 0))))
                (i32.const 0)))"#,
            format!("(try_table {clause} ").repeat(1000),
            ")".repeat(1000)
        )
    };
    let (nested, empty) = (text("(catch $a 1)"), text(""));
    for engine in engines_with(|config| {
        config.fuel(true);
    }) {
        let used = |text: &str, arg: i32| {
            let (mut store, instance) = alone(&engine, text);
            store.set_fuel(1 << 30).unwrap();
            call(&mut store, instance, "f", arg).unwrap();
            (1 << 30) - store.fuel().unwrap()
        };
        let calls = used(&empty, 20) - used(&empty, 10);
        assert!(used(&nested, 20) - used(&nested, 10) >= calls + 10 * 15);
        // A search that is too dear ends on the way.
        let (mut store, instance) = alone(&engine, &nested);
        let price = used(&nested, 100);
        store.set_fuel(price / 2).unwrap();
        let error = call(&mut store, instance, "f", 100).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel));
    }
}

#[test]
fn an_endless_loop_of_exceptions_can_be_interrupted() {
    let text = r#"(module (tag $e)
        (func (export "f") (param i32) (result i32)
            (loop $again (try_table (catch $e $again) (throw $e)))
            (i32.const 0)))"#;
    for engine in engines() {
        let (mut store, instance) = alone(&engine, text);
        store.interrupt_handle().interrupt();
        let error = call(&mut store, instance, "f", 0).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupted));
    }
}

#[test]
fn exceptions_that_the_host_lets_go_take_no_room() {
    let text = r#"(module (tag $e (param i32))
        (func (export "f") (param i32) (result i32) (throw $e (local.get 0))))"#;
    let engine = Engine::default();
    let (mut store, instance) = alone(&engine, text);
    let kept = call(&mut store, instance, "f", -1).unwrap_err();
    for i in 0..10_000 {
        let error = call(&mut store, instance, "f", i).unwrap_err();
        let payload = error.exception().unwrap().payload(&mut store).unwrap();
        assert_eq!(payload, [Val::I32(i)]);
    }
    let payload = kept.exception().unwrap().payload(&mut store).unwrap();
    assert_eq!(payload, [Val::I32(-1)]);
}

#[test]
fn tags_count_against_the_limits_of_instances() {
    let engine = Engine::default();
    let text = format!("(module {})", "(tag)".repeat(10_000));
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let mut limits = Limits::default();
    limits.instance_total_bytes_max = 1 << 16;
    *store.limits_mut() = limits;
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    let _ = store.as_context_mut();
}

#[test]
fn legacy_exceptions_are_refused_with_the_way_out() {
    // (func (try (do) (catch_all)))
    let binary = [
        0, b'a', b's', b'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 0x06,
        0x40, 0x19, 0x0b, 0x0b,
    ];
    let error = Module::new(&Engine::default(), binary).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("legacy-exceptions"), "{text}");
    assert!(text.contains("-wasm-use-legacy-eh=false"), "{text}");
}
