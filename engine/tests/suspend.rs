//! Host functions that answer *pending* and are resumed later, and host
//! functions that have a guest function called and go on afterwards.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::{Arc, OnceLock};

use linkspan_engine::{
    ActivationId, Answer, Config, DispatchMode, Engine, Error, ErrorKind, Func, FuncType, HostCall,
    HostFunc, Instance, Linker, Module, Progress, Store, Trap, TypedFunc, Val, ValType,
};

const I32: ValType = ValType::I32;

/// Answers *pending* each time.
struct Later;

impl HostFunc<(), ()> for Later {
    fn call(&self, mut call: HostCall<'_, (), ()>) -> Answer {
        assert!(call.activation().is_some() || call.window()[0] == 0);
        Answer::Pending
    }
}

fn waiting() -> (Store<()>, Instance) {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "h" "later" (func $later (param i32) (result i32)))
            (func $wait (param i32) (result i32) (local i32)
                (local.set 1 (i32.const 1000))
                (i32.add (local.get 1) (call $later (local.get 0))))
            (func (export "twice") (param i32) (result i32)
                (i32.add (call $wait (local.get 0)) (call $wait (local.get 0))))
            (func (export "fail") (param i32) (result i32)
                (drop (call $wait (local.get 0))) unreachable))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    let ty = FuncType::new([I32], [I32]);
    linker.func_host("h", "later", &ty, Later).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn pending(progress: Progress) -> ActivationId {
    match progress {
        Progress::Pending(id) => id,
        Progress::Done(results) => panic!("expected a parked call, found {results:?}"),
    }
}

#[test]
fn calls_are_parked_and_resumed_in_any_order() {
    let (mut store, instance) = waiting();
    let twice = instance.get_func(&store, "twice").unwrap();
    let a = pending(twice.start(&mut store, &[Val::I32(1)]).unwrap());
    let b = pending(twice.start(&mut store, &[Val::I32(2)]).unwrap());
    assert_ne!(a, b);
    let b2 = pending(store.resume(b, &[Val::I32(20)]).unwrap());
    assert_eq!(b, b2);
    let _ = pending(store.resume(a, &[Val::I32(1)]).unwrap());
    let done = store.resume(b, &[Val::I32(22)]).unwrap();
    assert_eq!(done, Progress::Done(vec![Val::I32(2042)]));
    let done = store.resume(a, &[Val::I32(2)]).unwrap();
    assert_eq!(done, Progress::Done(vec![Val::I32(2003)]));
    for id in [a, b] {
        let error = store.resume(id, &[Val::I32(0)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(store.abandon(id).is_err());
    }
}

#[test]
fn wrong_results_leave_the_call_parked() {
    let (mut store, instance) = waiting();
    let twice = instance.get_func(&store, "twice").unwrap();
    let id = pending(twice.start(&mut store, &[Val::I32(1)]).unwrap());
    assert!(store.resume(id, &[]).is_err());
    assert!(store.resume(id, &[Val::I64(1)]).is_err());
    let _ = pending(store.resume(id, &[Val::I32(1)]).unwrap());
    store.abandon(id).unwrap();
    assert!(store.resume(id, &[Val::I32(1)]).is_err());
    // The next activation reuses the place, not the name.
    let next = pending(twice.start(&mut store, &[Val::I32(1)]).unwrap());
    assert_ne!(id, next);
}

#[test]
fn traps_after_resumption_have_a_backtrace_and_end_the_call() {
    let (mut store, instance) = waiting();
    let fail = instance.get_func(&store, "fail").unwrap();
    let id = pending(fail.start(&mut store, &[Val::I32(1)]).unwrap());
    let error = store.resume(id, &[Val::I32(1)]).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Unreachable));
    assert_eq!(error.backtrace().unwrap().frames().len(), 1);
    assert!(store.abandon(id).is_err());
}

#[test]
fn ordinary_calls_cannot_be_parked() {
    let (mut store, instance) = waiting();
    let twice: TypedFunc<i32, i32> = instance.get_typed_func(&store, "twice").unwrap();
    let error = twice.call(&mut store, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("Func::start"), "{error}");
}

#[test]
fn activations_are_limited_and_store_bound() {
    let (mut store, instance) = waiting();
    store.limits_mut().activations_max = 2;
    let twice = instance.get_func(&store, "twice").unwrap();
    let a = pending(twice.start(&mut store, &[Val::I32(1)]).unwrap());
    let _ = pending(twice.start(&mut store, &[Val::I32(1)]).unwrap());
    let error = twice.start(&mut store, &[Val::I32(1)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    store.abandon(a).unwrap();
    let _ = pending(twice.start(&mut store, &[Val::I32(1)]).unwrap());
    let (mut other, _) = waiting();
    assert!(other.resume(a, &[Val::I32(0)]).is_err());
}

#[test]
fn host_functions_can_be_started_themselves() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let ty = FuncType::new([I32], [I32]);
    let func = Func::from_host(&mut store, &ty, Later).unwrap();
    let id = pending(func.start(&mut store, &[Val::I32(0)]).unwrap());
    let done = store.resume(id, &[Val::I32(5)]).unwrap();
    assert_eq!(done, Progress::Done(vec![Val::I32(5)]));
}

/// Calls the guest's `step` as often as its argument says, and adds up what
/// that answers. The sum and the count live in scratch slots.
#[derive(Clone, Default)]
struct Repeat {
    step: Arc<OnceLock<Func>>,
}

impl HostFunc<(), ()> for Repeat {
    fn call(&self, mut call: HostCall<'_, (), ()>) -> Answer {
        let count = call.window()[0] & 0xffff_ffff;
        call.window()[1] = 0;
        call.window()[2] = count;
        self.next(call)
    }

    fn resume(&self, mut call: HostCall<'_, (), ()>, then: u32) -> Answer {
        assert_eq!(then, 7);
        let result = call.callee_window()[0] & 0xffff_ffff;
        call.window()[1] += result;
        self.next(call)
    }

    fn scratch_slots(&self) -> u32 {
        2
    }
}

impl Repeat {
    fn next(&self, mut call: HostCall<'_, (), ()>) -> Answer {
        let left = call.window()[2];
        if left == 0 {
            call.window()[0] = call.window()[1];
            return Answer::Done;
        }
        call.window()[2] = left - 1;
        call.callee_window()[0] = left;
        match self.step.get() {
            Some(func) => Answer::Call {
                func: *func,
                then: 7,
            },
            None => Answer::Trap(Error::msg("no step")),
        }
    }
}

fn repeating(engine: &Engine, step: &str) -> (Store<()>, Instance) {
    let text = format!(
        r#"(module (import "h" "repeat" (func $repeat (param i32) (result i32)))
            (import "h" "later" (func $later (param i32) (result i32)))
            (func $step (export "step") (param i32) (result i32) {step})
            (func (export "run") (param i32) (result i32)
                (i32.add (i32.const 1) (call $repeat (local.get 0)))))"#
    );
    let module = Module::new(engine, &text).unwrap();
    let repeat = Repeat::default();
    let ty = FuncType::new([I32], [I32]);
    let mut linker = Linker::<()>::new(engine);
    linker
        .func_host("h", "repeat", &ty, repeat.clone())
        .unwrap()
        .func_host("h", "later", &ty, Later)
        .unwrap();
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let step = instance.get_func(&store, "step").unwrap();
    repeat.step.set(step).unwrap();
    (store, instance)
}

fn both_dispatchers(test: impl Fn(&Engine)) {
    for mode in [DispatchMode::Loop, DispatchMode::Auto] {
        let mut config = Config::new();
        config.dispatch(mode);
        test(&Engine::new(&config).unwrap());
    }
}

#[test]
fn a_host_function_continues_after_each_call_that_it_asked_for() {
    both_dispatchers(|engine| {
        let (mut store, instance) = repeating(engine, "(i32.mul (local.get 0) (i32.const 2))");
        let run: TypedFunc<i32, i32> = instance.get_typed_func(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, 0).unwrap(), 1);
        assert_eq!(run.call(&mut store, 4).unwrap(), 1 + 2 * (1 + 2 + 3 + 4));
        // The host may also call the host function itself.
        assert_eq!(run.call(&mut store, 1000).unwrap(), 1 + 1000 * 1001);
    });
}

#[test]
fn continuations_nest_as_data() {
    both_dispatchers(|engine| {
        // Each step repeats one step fewer: thousands of host functions are
        // active at once, on a native stack that does not grow.
        let (mut store, instance) = repeating(
            engine,
            "(if (result i32) (i32.le_u (local.get 0) (i32.const 1))
                (then (i32.const 1))
                (else (i32.add (i32.const 1) (call $repeat (i32.const 1)))))",
        );
        let run: TypedFunc<i32, i32> = instance.get_typed_func(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, 1).unwrap(), 2);
        assert_eq!(run.call(&mut store, 3).unwrap(), 1 + 2 + 2 + 1);

        let (mut store, instance) = repeating(engine, "(call $repeat (i32.const 1))");
        let run: TypedFunc<i32, i32> = instance.get_typed_func(&store, "run").unwrap();
        let error = run.call(&mut store, 1).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::StackOverflow));
        let backtrace = error.backtrace().unwrap();
        assert_eq!(backtrace.frames()[0].func_name(), Some("step"));
        assert!(backtrace.is_cut());
    });
}

#[test]
fn what_a_continuation_called_may_park() {
    let engine = Engine::default();
    let (mut store, instance) = repeating(&engine, "(call $later (local.get 0))");
    let run = instance.get_func(&store, "run").unwrap();
    let id = pending(run.start(&mut store, &[Val::I32(2)]).unwrap());
    let _ = pending(store.resume(id, &[Val::I32(100)]).unwrap());
    let done = store.resume(id, &[Val::I32(10)]).unwrap();
    assert_eq!(done, Progress::Done(vec![Val::I32(111)]));
}

#[test]
fn traps_in_what_a_continuation_called_name_all_frames() {
    let engine = Engine::default();
    let (mut store, instance) = repeating(&engine, "unreachable");
    let run: TypedFunc<i32, i32> = instance.get_typed_func(&store, "run").unwrap();
    let error = run.call(&mut store, 1).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Unreachable));
    let frames = error.backtrace().unwrap().frames();
    let names: Vec<_> = frames.iter().map(|f| f.func_name().unwrap()).collect();
    assert_eq!(names, ["step", "run"]);
}

/// Asks for a call that cannot be.
struct Broken(Func, u32);

impl HostFunc<(), ()> for Broken {
    fn call(&self, _: HostCall<'_, (), ()>) -> Answer {
        Answer::Call {
            func: self.0,
            then: self.1,
        }
    }

    fn callee_slots(&self) -> u32 {
        1
    }
}

#[test]
fn impossible_calls_are_errors() {
    let engine = Engine::default();
    let mut other = Store::<()>::new(&engine, ());
    let foreign = Func::wrap(&mut other, || ()).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let wide = Func::wrap(&mut store, |_: i32, _: i32| ()).unwrap();
    let fine = Func::wrap(&mut store, || ()).unwrap();
    let ty = FuncType::new([], []);
    for (func, then, what) in [
        (foreign, 0, "another store"),
        (wide, 0, "needs 2"),
        (fine, u32::MAX, "less than u32::MAX"),
        (fine, 0, "no continuation"),
    ] {
        let broken = Func::from_host(&mut store, &ty, Broken(func, then)).unwrap();
        let error = broken.call(&mut store, &[], &mut []).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

/// Wants more of the stack than a host function may have.
struct Greedy;

impl HostFunc<(), ()> for Greedy {
    fn call(&self, _: HostCall<'_, (), ()>) -> Answer {
        Answer::Done
    }

    fn scratch_slots(&self) -> u32 {
        u32::MAX
    }
}

#[test]
fn greedy_host_functions_are_refused() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let error = Func::from_host(&mut store, &FuncType::new([], []), Greedy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

/// Nests a call while arguments for another one stand in its callee window.
struct Nesting;

impl HostFunc<(), ()> for Nesting {
    fn call(&self, mut call: HostCall<'_, (), ()>) -> Answer {
        call.callee_window()[0] = 41;
        let instance = call.caller_instance();
        let mut store = call.store();
        let Some(func) = instance.and_then(|i| i.get_func(&store, "id")) else {
            return Answer::Trap(Error::msg("no function"));
        };
        if let Err(error) = func.call(&mut store, &[Val::I32(-1)], &mut [Val::I32(0)]) {
            return Answer::Trap(error);
        }
        assert_eq!(call.callee_window()[0], 41);
        Answer::Call { func, then: 0 }
    }

    fn resume(&self, mut call: HostCall<'_, (), ()>, _: u32) -> Answer {
        let result = call.callee_window()[0];
        call.window()[0] = result + 1;
        Answer::Done
    }
}

#[test]
fn nested_calls_keep_out_of_the_callee_window() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "h" "nest" (func $nest (result i32)))
            (func (export "id") (param i32) (result i32) (local.get 0))
            (func (export "run") (result i32) (call $nest)))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_host("h", "nest", &FuncType::new([], [I32]), Nesting)
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run: TypedFunc<(), i32> = instance.get_typed_func(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 42);
}

#[test]
fn raw_windows_carry_no_references() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (func (export "f") (param funcref)) (func (export "e") (param externref)))"#,
    )
    .unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_func(&store, "f").unwrap();
    let error = f.call_raw(&mut store, |window| window[0] = 8).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let e = instance.get_func(&store, "e").unwrap();
    let error = e.call_raw(&mut store, |window| window[0] = 8).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let ty = FuncType::new([], [ValType::FUNCREF]);
    let error = Func::from_host(&mut store, &ty, Later).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let mut linker = Linker::<()>::new(&engine);
    assert!(linker.func_host("h", "f", &ty, Later).is_err());
    let ty = FuncType::new([], []);
    let asks = Func::from_host(&mut store, &ty, Broken(f, 0)).unwrap();
    let error = asks.call(&mut store, &[], &mut []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

/// Starts a suspendable call from inside a call, and abandons it.
struct Starter;

impl HostFunc<(), ()> for Starter {
    fn call(&self, mut call: HostCall<'_, (), ()>) -> Answer {
        let outer = call.activation();
        let instance = call.caller_instance();
        let mut store = call.store();
        let Some(twice) = instance.and_then(|i| i.get_func(&store, "wait")) else {
            return Answer::Trap(Error::msg("no function"));
        };
        match twice.start(&mut store, &[Val::I32(0)]) {
            Ok(Progress::Pending(id)) => {
                assert_ne!(outer, Some(id));
                assert_eq!(call.activation(), outer);
                match call.store().abandon(id) {
                    Ok(()) => Answer::Done,
                    Err(error) => Answer::Trap(error),
                }
            }
            Ok(Progress::Done(_)) => Answer::Trap(Error::msg("expected a parked call")),
            Err(error) => Answer::Trap(error),
        }
    }
}

#[test]
fn calls_can_be_started_from_inside_calls() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "h" "start" (func $start))
            (import "h" "later" (func $later (param i32) (result i32)))
            (func (export "wait") (param i32) (result i32) (call $later (local.get 0)))
            (func (export "run") (param i32) (result i32)
                (call $start) (call $start) (i32.add (local.get 0) (i32.const 1))))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_host("h", "start", &FuncType::new([], []), Starter)
        .unwrap()
        .func_host("h", "later", &FuncType::new([I32], [I32]), Later)
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_func(&store, "run").unwrap();
    let mut results = [Val::I32(0)];
    run.call(&mut store, &[Val::I32(41)], &mut results).unwrap();
    assert_eq!(results, [Val::I32(42)]);
    let done = run.start(&mut store, &[Val::I32(1)]).unwrap();
    assert_eq!(done, Progress::Done(vec![Val::I32(2)]));
}

/// A parked call holds references into what a reset would change.
#[test]
fn nothing_is_reset_under_a_parked_call() {
    let (mut store, instance) = waiting();
    let twice = instance.get_func(&store, "twice").unwrap();
    let parked = pending(twice.start(&mut store, &[Val::I32(1)]).unwrap());
    for refused in [instance.clear(&mut store), instance.restart(&mut store)] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("is parked"), "{error}");
    }
    store.abandon(parked).unwrap();
    instance.clear(&mut store).unwrap();
    instance.restart(&mut store).unwrap();
}
