//! Calls in every direction: from the host, to the host, across instances,
//! nested, deep, and with the wrong store.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use linkspan_engine::{
    AsContextMut, Caller, Engine, Error, ErrorKind, Extern, ExternRef, Func, FuncType, Instance,
    Linker, Memory, MemoryType, Module, Reference, Store, Trap, TypedFunc, Val, ValType,
};

fn module(text: &str) -> Module {
    Module::new(&Engine::default(), text).unwrap()
}

/// An instance of `text`, alone in its store.
fn alone(text: &str) -> (Store<()>, Instance) {
    let module = module(text);
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

#[test]
fn typed_dynamic_and_raw_calls_agree() {
    let (mut store, instance) = alone(
        r#"(module (func (export "f") (param i32 i64 f32 f64) (result f64 i64 i32 f32)
            local.get 3 local.get 1 local.get 0 local.get 2))"#,
    );
    let func = instance.get_func(&store, "f").unwrap();
    let typed: TypedFunc<(i32, u64, f32, f64), (f64, i64, u32, f32)> = func.typed(&store).unwrap();
    let results = typed.call(&mut store, (-1, 1 << 40, 0.5, 2.25)).unwrap();
    assert_eq!(results, (2.25, 1 << 40, u32::MAX, 0.5));

    let params = [
        Val::I32(-1),
        Val::I64(1 << 40),
        Val::from(0.5_f32),
        Val::from(2.25_f64),
    ];
    let mut results = [Val::I32(0); 4];
    func.call(&mut store, &params, &mut results).unwrap();
    let expected = [
        Val::from(2.25_f64),
        Val::I64(1 << 40),
        Val::I32(-1),
        Val::from(0.5_f32),
    ];
    assert_eq!(results, expected);

    let raw = func
        .call_raw(&mut store, |window| {
            window[0] = u64::from(u32::MAX);
            window[1] = 1 << 40;
            window[2] = u64::from(0.5_f32.to_bits());
            window[3] = 2.25_f64.to_bits();
        })
        .unwrap();
    assert_eq!(raw[0], 2.25_f64.to_bits());
    assert_eq!(raw[1], 1 << 40);
    assert_eq!(raw[2] & 0xffff_ffff, u64::from(u32::MAX));
    assert_eq!(raw.len(), 4);
}

#[test]
fn wrong_types_and_counts_are_errors() {
    let (mut store, instance) = alone(r#"(module (func (export "f") (param i32)))"#);
    let func = instance.get_func(&store, "f").unwrap();
    let error = func.typed::<i64, ()>(&store).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a function of type (func (param i64)), found one of type (func (param i32))"
    );
    for params in [&[][..], &[Val::I64(0)], &[Val::I32(0), Val::I32(0)]] {
        let error = func.call(&mut store, params, &mut []).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
    let error = func
        .call(&mut store, &[Val::I32(0)], &mut [Val::I32(0)])
        .unwrap_err();
    assert_eq!(error.to_string(), "expected 0 result(s), found 1");
    assert!(instance.get_typed_func::<(), ()>(&store, "g").is_err());
}

#[test]
fn closures_see_arguments_caller_and_data() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (import "h" "add" (func $add (param i32 i64) (result i64)))
            (import "h" "peek" (func $peek (param i32) (result i32)))
            (import "h" "pair" (func $pair (result i32 f64)))
            (memory (export "memory") 1)
            (data (i32.const 8) "\2a")
            (func (export "run") (result i64)
                (call $add (call $peek (i32.const 8)) (i64.const 100)))
            (func (export "pair") (result i32 f64) (call $pair)))"#,
    )
    .unwrap();
    let mut linker = Linker::<u32>::new(&engine);
    linker
        .func_wrap("h", "add", |a: i32, b: i64| i64::from(a) + b)
        .unwrap()
        .func_wrap("h", "peek", |mut caller: Caller<'_, u32>, at: u32| {
            *caller.data_mut() += 1;
            let memory = caller
                .get_memory("memory")
                .ok_or_else(|| Error::msg("no memory"))?;
            Ok(u32::from(memory.data(&caller)[at as usize]))
        })
        .unwrap()
        .func_wrap("h", "pair", || (7, 0.5_f64))
        .unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run: TypedFunc<(), i64> = instance.get_typed_func(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 142);
    assert_eq!(run.call(&mut store, ()).unwrap(), 142);
    assert_eq!(*store.data(), 2);
    let pair: TypedFunc<(), (i32, f64)> = instance.get_typed_func(&store, "pair").unwrap();
    assert_eq!(pair.call(&mut store, ()).unwrap(), (7, 0.5));
    assert_eq!(store.into_data(), 2);
}

#[test]
fn sixteen_parameters_arrive_in_order() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let func = Func::wrap(
        &mut store,
        |a: i32,
         b: i32,
         c: i32,
         d: i32,
         e: i32,
         f: i32,
         g: i32,
         h: i32,
         i: i32,
         j: i32,
         k: i32,
         l: i32,
         m: i32,
         n: i32,
         o: i32,
         p: i32| {
            [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
                .iter()
                .fold(0_i64, |acc, v| acc * 3 + i64::from(*v))
        },
    )
    .unwrap();
    let params: Vec<Val> = (0..16).map(Val::I32).collect();
    let mut results = [Val::I32(0)];
    func.call(&mut store, &params, &mut results).unwrap();
    let expected = (0..16).fold(0_i64, |acc, v| acc * 3 + v);
    assert_eq!(results, [Val::I64(expected)]);
}

#[test]
fn host_errors_come_out_unchanged_with_a_backtrace() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module $m (import "h" "fail" (func $fail))
            (func $inner (call $fail))
            (func (export "run") (call $inner)))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("h", "fail", || -> Result<(), Error> {
            Err(Error::host(std::io::Error::other("disk full")))
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run: TypedFunc<(), ()> = instance.get_typed_func(&store, "run").unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    assert!(error.downcast_ref::<std::io::Error>().is_some());
    let names: Vec<_> = error
        .backtrace()
        .unwrap()
        .frames()
        .iter()
        .map(|frame| frame.func_name().unwrap_or("?").to_owned())
        .collect();
    assert_eq!(names, ["inner", "run"]);
}

#[test]
fn traps_carry_names_and_offsets() {
    let text = r#"(module $m
        (func $leaf (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
        (func $middle (param i32) (result i32) (i32.add (i32.const 1) (call $leaf (local.get 0))))
        (func (export "top") (result i32) (call $middle (i32.const 0))))"#;
    let binary = wat::parse_str(text).unwrap();
    let (mut store, instance) = alone(text);
    let top: TypedFunc<(), i32> = instance.get_typed_func(&store, "top").unwrap();
    let error = top.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::IntegerDivideByZero));
    assert_eq!(error.to_string(), "integer divide by zero");
    let frames = error.backtrace().unwrap().frames();
    let names: Vec<_> = frames.iter().map(|f| f.func_name().unwrap()).collect();
    assert_eq!(names, ["leaf", "middle", "top"]);
    let operator = |frame: usize| binary[frames[frame].offset().unwrap() as usize];
    assert_eq!(operator(0), 0x6e, "i32.div_u");
    assert_eq!(operator(1), 0x10, "call");
    assert_eq!(operator(2), 0x10, "call");
    let long = format!("{error:#}");
    assert!(long.contains("\n   0: m!leaf @ 0x"), "{long}");
}

#[test]
fn panics_stop_the_guest_and_can_be_taken() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "h" "boom" (func $boom)) (func (export "run") (call $boom))
            (func (export "fine") (result i32) (i32.const 1)))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("h", "boom", || -> () { panic!("bad {}", 1) })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run: TypedFunc<(), ()> = instance.get_typed_func(&store, "run").unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Host);
    assert_eq!(error.to_string(), "host function panicked: bad 1");
    assert!(error.take_panic().is_some());
    let fine: TypedFunc<(), i32> = instance.get_typed_func(&store, "fine").unwrap();
    assert_eq!(fine.call(&mut store, ()).unwrap(), 1);
}

#[test]
fn deep_recursion_overflows_and_the_store_goes_on() {
    let (mut store, instance) = alone(
        r#"(module
            (func $deep (export "deep") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (i32.const 0))
                    (else (i32.add (i32.const 1)
                        (call $deep (i32.sub (local.get 0) (i32.const 1)))))))
            (func $endless (export "endless") (call $endless)))"#,
    );
    let deep: TypedFunc<i32, i32> = instance.get_typed_func(&store, "deep").unwrap();
    let endless: TypedFunc<(), ()> = instance.get_typed_func(&store, "endless").unwrap();
    for _ in 0..3 {
        let error = endless.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::StackOverflow));
        let backtrace = error.backtrace().unwrap();
        assert_eq!(backtrace.frames().len(), 64);
        assert!(backtrace.is_cut());
        assert_eq!(deep.call(&mut store, 5000).unwrap(), 5000);
    }
    let error = deep.call(&mut store, i32::MAX).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::StackOverflow));
}

#[test]
fn tail_calls_use_no_stack_also_across_instances() {
    let engine = Engine::default();
    let even = Module::new(
        &engine,
        r#"(module
            (table (export "t") 2 funcref)
            (type $f (func (param i32) (result i32)))
            (func (export "even") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (i32.const 1))
                    (else (return_call_indirect (type $f)
                        (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))))))"#,
    )
    .unwrap();
    let odd = Module::new(
        &engine,
        r#"(module
            (import "even" "even" (func $even (param i32) (result i32)))
            (import "even" "t" (table 2 funcref))
            (elem (i32.const 1) func $odd)
            (func $odd (export "odd") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (i32.const 0))
                    (else (return_call $even (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "run") (param i32) (result i32)
                (i32.add (i32.const 10) (call $odd (local.get 0)))))"#,
    )
    .unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let even = Instance::new(&mut store, &even, &[]).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker.instance(&store, "even", even).unwrap();
    let odd = linker.instantiate(&mut store, &odd).unwrap();
    let run: TypedFunc<i32, i32> = odd.get_typed_func(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, 1_000_000).unwrap(), 10);
    assert_eq!(run.call(&mut store, 1_000_001).unwrap(), 11);
    let odd: TypedFunc<i32, i32> = odd.get_typed_func(&store, "odd").unwrap();
    assert_eq!(odd.call(&mut store, 1_000_001).unwrap(), 1);
}

#[test]
fn calls_across_instances_use_the_callees_memory() {
    let engine = Engine::default();
    let counter = Module::new(
        &engine,
        r#"(module (memory 1)
            (func (export "next") (result i32)
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                (drop (memory.grow (i32.const 1)))
                (i32.load (i32.const 0))))"#,
    )
    .unwrap();
    let user = Module::new(
        &engine,
        r#"(module (import "c" "next" (func $next (result i32))) (memory 1)
            (data (i32.const 0) "\64")
            (func (export "run") (result i32)
                (drop (call $next))
                (i32.add (i32.mul (call $next) (i32.const 1000)) (i32.load (i32.const 0)))))"#,
    )
    .unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let counter = Instance::new(&mut store, &counter, &[]).unwrap();
    let next = counter.get_export(&store, "next").unwrap();
    let user = Instance::new(&mut store, &user, &[next]).unwrap();
    let run: TypedFunc<(), i32> = user.get_typed_func(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 2100);
    assert_eq!(run.call(&mut store, ()).unwrap(), 4100);
}

#[test]
fn hosts_call_guests_call_hosts_to_a_limited_depth() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "h" "again" (func $again (param i32) (result i32)))
            (func (export "down") (param i32) (result i32) (local i32)
                (local.set 1 (i32.const 5))
                (if (result i32) (local.get 0)
                    (then (i32.add (local.get 1) (call $again (i32.sub (local.get 0) (i32.const 1)))))
                    (else (i32.const 0)))))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("h", "again", |mut caller: Caller<'_, ()>, n: i32| {
            let instance = caller.instance().unwrap();
            let down: TypedFunc<i32, i32> = instance.get_typed_func(&caller, "down")?;
            let first = down.call(&mut caller, n)?;
            Ok(first)
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let down: TypedFunc<i32, i32> = instance.get_typed_func(&store, "down").unwrap();
    assert_eq!(down.call(&mut store, 20).unwrap(), 100);
    let error = down.call(&mut store, 1000).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::StackOverflow));
    assert!(error.to_string().contains("64 levels"), "{error}");
    assert_eq!(error.backtrace().unwrap().frames().len(), 64);
    store.limits_mut().nesting_depth_max = 5;
    assert_eq!(down.call(&mut store, 4).unwrap(), 20);
    assert!(down.call(&mut store, 5).is_err());
}

#[test]
fn dynamic_host_functions_are_checked() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let ty = FuncType::new([ValType::I32], [ValType::I64]);
    let good = Func::new(&mut store, ty.clone(), |_, params, results| {
        results[0] = Val::I64(i64::from(params[0].i32().unwrap_or(0)) * 2);
        Ok(())
    })
    .unwrap();
    let mut results = [Val::I32(0)];
    good.call(&mut store, &[Val::I32(-4)], &mut results)
        .unwrap();
    assert_eq!(results, [Val::I64(-8)]);
    let bad = Func::new(&mut store, ty, |_, _, results| {
        results[0] = Val::I32(1);
        Ok(())
    })
    .unwrap();
    let error = bad
        .call(&mut store, &[Val::I32(0)], &mut results)
        .unwrap_err();
    assert!(
        error.to_string().contains("expected a value of type i64"),
        "{error}"
    );
    let long = FuncType::new([ValType::I32; 1001], []);
    let error = Func::new(&mut store, long, |_, _, _| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn references_go_in_and_out() {
    let (mut store, instance) = alone(
        r#"(module
            (table (export "t") 2 funcref)
            (func $f (export "f") (result i32) (i32.const 9))
            (elem declare func $f)
            (func (export "self") (result funcref) (ref.func $f))
            (func (export "echo") (param externref) (result externref) (local.get 0))
            (func (export "null") (param funcref) (result i32) (ref.is_null (local.get 0)))
            (func (export "via") (param funcref) (result i32)
                (table.set (i32.const 1) (local.get 0))
                (call_indirect (result i32) (i32.const 1))))"#,
    );
    let f = instance.get_func(&store, "f").unwrap();
    let this: TypedFunc<(), Option<Func>> = instance.get_typed_func(&store, "self").unwrap();
    assert_eq!(this.call(&mut store, ()).unwrap(), Some(f));
    let echo: TypedFunc<Option<ExternRef>, Option<ExternRef>> =
        instance.get_typed_func(&store, "echo").unwrap();
    assert_eq!(echo.call(&mut store, None).unwrap(), None);
    let value = ExternRef::new(&mut store, 7_u8).unwrap();
    let same = echo.call(&mut store, Some(value)).unwrap().unwrap();
    assert!(same.ref_eq(&store, value).unwrap());
    let null: TypedFunc<Option<Func>, i32> = instance.get_typed_func(&store, "null").unwrap();
    assert_eq!(null.call(&mut store, None).unwrap(), 1);
    assert_eq!(null.call(&mut store, Some(f)).unwrap(), 0);
    let via: TypedFunc<Option<Func>, i32> = instance.get_typed_func(&store, "via").unwrap();
    let host = Func::wrap(&mut store, || 77).unwrap();
    assert_eq!(via.call(&mut store, Some(f)).unwrap(), 9);
    assert_eq!(via.call(&mut store, Some(host)).unwrap(), 77);
    let table = instance.get_table(&store, "t").unwrap();
    assert_eq!(table.get(&store, 1).unwrap(), Val::FuncRef(Some(host)));
    assert_eq!(
        via.call(&mut store, None).unwrap_err().trap(),
        Some(Trap::UninitializedElement)
    );
}

#[test]
fn handles_of_another_store_are_refused() {
    let (mut store, instance) = alone(
        r#"(module (memory (export "m") 1) (table (export "t") 1 funcref)
            (global (export "g") i32 (i32.const 0))
            (func (export "f")) (func (export "r") (param funcref)))"#,
    );
    let mut other = Store::<()>::new(store.engine(), ());
    let f = instance.get_func(&store, "f").unwrap();
    let typed: TypedFunc<(), ()> = f.typed(&store).unwrap();
    let usage = |error: Error| assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    usage(f.call(&mut other, &[], &mut []).unwrap_err());
    usage(typed.call(&mut other, ()).unwrap_err());
    usage(f.call_raw(&mut other, |_| ()).unwrap_err());
    usage(f.ty(&other).unwrap_err());
    assert_eq!(instance.get_export(&other, "f"), None);
    let memory = instance.get_memory(&store, "m").unwrap();
    usage(memory.grow(&mut other, 1).unwrap_err());
    usage(memory.read(&other, 0, &mut [0]).unwrap_err());
    let table = instance.get_table(&store, "t").unwrap();
    usage(table.get(&other, 0).unwrap_err());
    let global = instance.get_global(&store, "g").unwrap();
    usage(global.get(&other).unwrap_err());
    let foreign = Func::wrap(&mut other, || ()).unwrap();
    let r = instance.get_func(&store, "r").unwrap();
    let argument = [Val::FuncRef(Some(foreign))];
    usage(r.call(&mut store, &argument, &mut []).unwrap_err());
    let typed: TypedFunc<Option<Func>, ()> = r.typed(&store).unwrap();
    usage(typed.call(&mut store, Some(foreign)).unwrap_err());
    usage(table.set(&mut store, 0, argument[0]).unwrap_err());
    let importer = module(r#"(module (import "" "" (func)))"#);
    let mut third = Store::<()>::new(importer.engine(), ());
    let import = [Extern::Func(foreign)];
    usage(Instance::new(&mut third, &importer, &import).unwrap_err());
    usage(Instance::new(&mut store, &importer, &import).unwrap_err());
}

#[test]
fn results_of_another_store_stop_the_guest() {
    let engine = Engine::default();
    let mut other = Store::<()>::new(&engine, ());
    let foreign = Func::wrap(&mut other, || ()).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let func = Func::wrap(&mut store, move || Some(foreign)).unwrap();
    let error = func.call(&mut store, &[], &mut [Val::I32(0)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn memories_grow_while_a_guest_waits_for_its_host() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "h" "grow" (func $grow)) (memory (export "memory") 1)
            (func (export "run") (result i32)
                (i32.store (i32.const 0) (i32.const 7))
                (call $grow)
                (i32.store (i32.const 131068) (i32.load (i32.const 0)))
                (i32.add (i32.load (i32.const 131068)) (memory.size))))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("h", "grow", |mut caller: Caller<'_, ()>| {
            let memory = caller.get_memory("memory").unwrap();
            memory.grow(caller.as_context_mut(), 1).map(drop)
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run: TypedFunc<(), i32> = instance.get_typed_func(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 9);
}

#[test]
fn host_access_to_memory_is_bounded() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let ty = MemoryType::new(1, Some(2));
    let memory = Memory::new(&mut store, ty).unwrap();
    memory.write(&mut store, 65535, &[3]).unwrap();
    let mut byte = [0];
    memory.read(&store, 65535, &mut byte).unwrap();
    assert_eq!(byte, [3]);
    for (offset, len) in [(65536, 1), (65535, 2), (u64::MAX, 1), (u64::MAX, 0)] {
        let error = memory.read(&store, offset, &mut vec![0; len]).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
    }
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
    assert_eq!(
        memory.grow(&mut store, 1).unwrap_err().kind(),
        ErrorKind::Limit
    );
    assert_eq!(
        memory.grow(&mut store, u64::MAX).unwrap_err().kind(),
        ErrorKind::Limit
    );
    assert_eq!(memory.data(&store).len(), 2 << 16);
    memory.data_mut(&mut store)[0] = 1;
    assert_eq!(memory.ty(&store).unwrap().min_pages, 2);
}

#[test]
fn cells_are_per_instance() {
    let (mut store, instance) = alone("(module)");
    assert_eq!(instance.cell(&store, 3).unwrap(), 0);
    instance.set_cell(&mut store, 3, 11).unwrap();
    assert_eq!(instance.cell(&store, 3).unwrap(), 11);
    assert!(instance.cell(&store, 4).is_err());
    assert!(instance.set_cell(&mut store, 4, 0).is_err());
}
