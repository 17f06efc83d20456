//! Linking and instantiation: import errors all at once, shadowing, segments
//! and what a failure leaves behind.

use linkspan_engine::{
    Engine, ErrorKind, Func, Global, GlobalType, Instance, LinkProblems, Linker, Memory,
    MemoryType, Module, RefType, Store, Table, TableType, Trap, TypedFunc, Val, ValType,
};

#[test]
fn a_linker_of_another_engine_defines_nothing() {
    let (a, b) = (Engine::default(), Engine::default());
    let mut linker = Linker::<()>::new(&a);
    linker
        .func_wrap("h", "f", || -> i64 { 0x4141_4141 })
        .unwrap();
    let text = r#"(module (type (func (result funcref))) (import "h" "f" (func (type 0))))"#;
    let module = Module::new(&b, text).unwrap();
    let mut store = Store::new(&b, ());
    // Ids of types mean something in one engine only: were the function
    // accepted, its number would be a function reference.
    assert!(linker.get(&mut store, "h", "f").is_none());
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn all_missing_imports_are_reported_at_once() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "a" "f" (func (param i32)))
            (import "a" "fine" (func))
            (import "b" "m" (memory 1))
            (import "a" "other" (func (result i64))))"#,
    )
    .unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("a", "fine", || ())
        .unwrap()
        .func_wrap("a", "other", || 1_i32)
        .unwrap();
    let mut store = Store::new(&engine, ());
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Link);
    assert_eq!(
        error.to_string(),
        "unknown import: \"a\" \"f\": expected (func (param i32)), found nothing; \
         \"b\" \"m\": expected (memory 1), found nothing; \
         \"a\" \"other\": expected (func (result i64)), found (func (result i32))"
    );
    let problems = error.downcast_ref::<LinkProblems>().unwrap().problems();
    assert_eq!(problems.len(), 3);
    assert_eq!(problems[1].module, "b");
    assert!(problems[1].found.is_none());
}

#[test]
fn imports_are_compared_with_current_sizes() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let memory = |min_pages, max_pages| MemoryType::new(min_pages, max_pages);
    let module = Module::new(&engine, r#"(module (import "" "" (memory 2 3)))"#).unwrap();
    let given = Memory::new(&mut store, memory(1, Some(3))).unwrap();
    assert!(Instance::new(&mut store, &module, &[given.into()]).is_err());
    given.grow(&mut store, 1).unwrap();
    assert!(Instance::new(&mut store, &module, &[given.into()]).is_ok());
    let given = Memory::new(&mut store, memory(2, None)).unwrap();
    let error = Instance::new(&mut store, &module, &[given.into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "incompatible import type: \"\" \"\": expected (memory 2 3), found (memory 2)"
    );
    let module = Module::new(&engine, r#"(module (import "" "" (global (mut i32))))"#).unwrap();
    let constant = GlobalType {
        content: ValType::I32,
        mutable: false,
    };
    let given = Global::new(&mut store, constant, Val::I32(1)).unwrap();
    assert!(Instance::new(&mut store, &module, &[given.into()]).is_err());
    assert!(given.set(&mut store, Val::I32(2)).is_err());
    assert!(Instance::new(&mut store, &module, &[]).is_err());
}

#[test]
fn names_are_defined_once_unless_shadowing_is_allowed() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("a", "f", || 1).unwrap();
    let error = linker.func_wrap("a", "f", || 2).unwrap_err();
    assert_eq!(error.to_string(), "\"a\" \"f\" is defined twice");
    linker
        .allow_shadowing(true)
        .func_wrap("a", "f", || 3)
        .unwrap();
    linker.alias("a", "f", "b", "g").unwrap();
    linker.alias_module("b", "c").unwrap();
    assert!(linker.alias("a", "g", "b", "h").is_err());
    assert!(linker.alias_module("z", "y").is_err());
    let module = Module::new(
        &engine,
        r#"(module (import "c" "g" (func $g (result i32)))
            (func (export "run") (result i32) (call $g)))"#,
    )
    .unwrap();
    let pre = linker.instantiate_pre(&module).unwrap();
    for _ in 0..2 {
        let mut store = Store::new(&engine, ());
        let instance = pre.instantiate(&mut store).unwrap();
        let run: TypedFunc<(), i32> = instance.get_typed_func(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), 3);
    }
}

#[test]
fn a_trap_during_instantiation_keeps_what_was_written() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let ty = MemoryType::new(1, None);
    let memory = Memory::new(&mut store, ty).unwrap();
    let ty = TableType::new(RefType::FUNCREF, 2, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let module = Module::new(
        &engine,
        r#"(module (import "" "m" (memory 1)) (import "" "t" (table 2 funcref))
            (elem (i32.const 0) func $f)
            (func $f (result i32) (i32.const 8))
            (data (i32.const 0) "abc")
            (data (i32.const 65535) "de"))"#,
    )
    .unwrap();
    let imports = [memory.into(), table.into()];
    let error = Instance::new(&mut store, &module, &imports).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
    assert_eq!(&memory.data(&store)[..3], b"abc");
    assert_eq!(memory.data(&store)[65535], 0);
    let Val::FuncRef(Some(func)) = table.get(&store, 0).unwrap() else {
        panic!("expected a function");
    };
    let func: TypedFunc<(), i32> = func.typed(&store).unwrap();
    assert_eq!(func.call(&mut store, ()).unwrap(), 8);
}

#[test]
fn the_start_function_runs_and_may_trap() {
    let engine = Engine::default();
    let mut store = Store::<u32>::new(&engine, 0);
    let module = Module::new(
        &engine,
        r#"(module (import "" "" (func $tick)) (start $tick))"#,
    )
    .unwrap();
    let tick = Func::wrap(
        &mut store,
        |mut caller: linkspan_engine::Caller<'_, u32>| {
            *caller.data_mut() += 1;
        },
    )
    .unwrap();
    Instance::new(&mut store, &module, &[tick.into()]).unwrap();
    assert_eq!(*store.data(), 1);
    let module = Module::new(&engine, "(module (start $f) (func $f unreachable))").unwrap();
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Unreachable));
    assert_eq!(error.to_string(), "the start function failed: unreachable");
}

#[test]
fn globals_and_segments_take_extended_constants_and_imports() {
    let engine = Engine::default();
    let mut store = Store::<()>::new(&engine, ());
    let base = GlobalType {
        content: ValType::I32,
        mutable: false,
    };
    let base = Global::new(&mut store, base, Val::I32(100)).unwrap();
    let module = Module::new(
        &engine,
        r#"(module (import "" "base" (global $base i32))
            (memory (export "m") 1)
            (global (export "g") i64 (i64.mul (i64.const -3) (i64.const 5)))
            (global (export "f") funcref (ref.func $f))
            (func $f)
            (data (i32.add (global.get $base) (i32.const 28)) "hi"))"#,
    )
    .unwrap();
    let instance = Instance::new(&mut store, &module, &[base.into()]).unwrap();
    let memory = instance.get_memory(&store, "m").unwrap();
    assert_eq!(&memory.data(&store)[128..130], b"hi");
    let global = instance.get_global(&store, "g").unwrap();
    assert_eq!(global.get(&store).unwrap(), Val::I64(-15));
    let global = instance.get_global(&store, "f").unwrap();
    assert!(matches!(global.get(&store).unwrap(), Val::FuncRef(Some(_))));
    let names: Vec<_> = instance.exports(&store).into_iter().map(|e| e.0).collect();
    assert_eq!(names, ["m", "g", "f"]);
    assert_eq!(instance.export_at(&store, 0), Some(memory.into()));
    assert_eq!(instance.export_at(&store, 3), None);
}

#[test]
fn engines_do_not_mix() {
    let module = Module::new(&Engine::default(), "(module)").unwrap();
    let mut store = Store::<()>::new(&Engine::default(), ());
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let linker = Linker::<()>::new(module.engine());
    assert!(linker.instantiate(&mut store, &module).is_err());
}

#[test]
fn passive_segments_are_copied_and_dropped() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (memory (export "m") 1) (table (export "t") 4 funcref)
            (data $d "hello") (elem $e func $f) (func $f)
            (func (export "init") (param i32 i32 i32)
                (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
            (func (export "tinit") (param i32)
                (table.init $e (local.get 0) (i32.const 0) (i32.const 1)))
            (func (export "drop") (data.drop $d) (elem.drop $e)))"#,
    )
    .unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let init: TypedFunc<(i32, i32, i32), ()> = instance.get_typed_func(&store, "init").unwrap();
    let tinit: TypedFunc<i32, ()> = instance.get_typed_func(&store, "tinit").unwrap();
    let drop: TypedFunc<(), ()> = instance.get_typed_func(&store, "drop").unwrap();
    init.call(&mut store, (10, 1, 3)).unwrap();
    let memory = instance.get_memory(&store, "m").unwrap();
    assert_eq!(&memory.data(&store)[10..14], b"ell\0");
    assert_eq!(
        init.call(&mut store, (0, 3, 3)).unwrap_err().trap(),
        Some(Trap::MemoryOutOfBounds)
    );
    tinit.call(&mut store, 3).unwrap();
    assert!(tinit.call(&mut store, 4).is_err());
    drop.call(&mut store, ()).unwrap();
    init.call(&mut store, (0, 0, 0)).unwrap();
    assert!(init.call(&mut store, (0, 0, 1)).is_err());
    assert_eq!(
        tinit.call(&mut store, 0).unwrap_err().trap(),
        Some(Trap::TableOutOfBounds)
    );
}
