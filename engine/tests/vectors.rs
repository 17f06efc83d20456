//! Vectors as values: through the host, through globals, blocks and calls of
//! every kind, and what the engine promises of operators that the
//! specification leaves open.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use linkspan_engine::{
    Answer, Config, DispatchMode, Engine, Error, Func, FuncType, Global, GlobalType, HostCall,
    HostFunc, Instance, Linker, Module, Store, Trap, Val, ValType,
};

const A: u128 = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100;
const B: u128 = 0xffff_0000_8000_0000_7fff_ffff_1234_5678;

/// Calls `name` of `text` in both ways to dispatch; both must agree.
fn run_with(config: &Config, text: &str, name: &str, params: &[Val]) -> Result<Vec<Val>, Error> {
    let try_mode = |mode| -> Result<Vec<Val>, Error> {
        let engine = Engine::new(config.clone().dispatch(mode)).unwrap();
        let module = Module::new(&engine, text).unwrap();
        let mut store: Store<()> = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let func = instance.get_func(&store, name).unwrap();
        let count = func.ty(&store).unwrap().results().len();
        let mut results = vec![Val::I32(0); count];
        func.call(&mut store, params, &mut results)?;
        Ok(results)
    };
    let (first, second) = (try_mode(DispatchMode::Auto), try_mode(DispatchMode::Loop));
    match (&first, &second) {
        (Ok(first), Ok(second)) => assert_eq!(first, second),
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string()),
        _ => panic!("{first:?} and {second:?}"),
    }
    first
}

fn run(text: &str, name: &str, params: &[Val]) -> Vec<Val> {
    run_with(&Config::new(), text, name, params).unwrap()
}

struct Swap;

impl HostFunc<(), ()> for Swap {
    fn call(&self, mut call: HostCall<'_, (), ()>) -> Answer {
        let window = call.window();
        // A vector, a number and a vector take five slots.
        assert_eq!(window.len(), 5);
        window.swap(0, 3);
        window.swap(1, 4);
        Answer::Done
    }
}

#[test]
fn vectors_go_through_host_functions_of_every_kind() {
    let text = r#"(module
        (import "h" "typed" (func $typed (param v128 i32 v128) (result v128 i32 v128)))
        (import "h" "dynamic" (func $dynamic (param v128 i32 v128) (result v128 i32 v128)))
        (import "h" "raw" (func $raw (param v128 i32 v128) (result v128 i32 v128)))
        (func (export "run") (param v128 i32 v128) (result v128 i32 v128)
            (call $raw (call $dynamic (call $typed (local.get 0) (local.get 1) (local.get 2))))))"#;
    let engine = Engine::default();
    let module = Module::new(&engine, text).unwrap();
    let mut store: Store<()> = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let sides = [ValType::V128, ValType::I32, ValType::V128];
    let ty = FuncType::new(sides, sides);
    linker
        .func_wrap("h", "typed", |a: u128, n: i32, b: u128| (b, n + 1, a))
        .unwrap();
    let dynamic = Func::new(&mut store, ty.clone(), |_, params, results| {
        results.copy_from_slice(params);
        results.swap(0, 2);
        Ok(())
    });
    linker.define("h", "dynamic", dynamic.unwrap()).unwrap();
    let raw = Func::from_host(&mut store, &ty, Swap).unwrap();
    linker.define("h", "raw", raw).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();

    let typed = instance
        .get_typed_func::<(u128, i32, u128), (u128, i32, u128)>(&store, "run")
        .unwrap();
    assert_eq!(typed.call(&mut store, (A, 6, B)).unwrap(), (B, 7, A));
    let func = instance.get_func(&store, "run").unwrap();
    let mut results = [Val::I32(0); 3];
    let params = [Val::V128(A), Val::I32(6), Val::V128(B)];
    func.call(&mut store, &params, &mut results).unwrap();
    assert_eq!(results, [Val::V128(B), Val::I32(7), Val::V128(A)]);
    let raw = func
        .call_raw(&mut store, |window| {
            window.copy_from_slice(&[A as u64, (A >> 64) as u64, 6, B as u64, (B >> 64) as u64]);
        })
        .unwrap();
    assert_eq!(raw[..2], [B as u64, (B >> 64) as u64]);
    assert_eq!(raw[3..], [A as u64, (A >> 64) as u64]);
    let wrong = func.call(&mut store, &[Val::I64(0); 3], &mut results);
    assert!(wrong.unwrap_err().to_string().contains("v128"));
}

#[test]
fn globals_hold_vectors_and_share_them() {
    let engine = Engine::default();
    let text = r#"(module
        (import "h" "g" (global $g (mut v128)))
        (import "h" "c" (global $c v128))
        (global $d (export "d") v128 (global.get $c))
        (global $e (export "e") (mut v128) (v128.const i64x2 -1 2))
        (func (export "add") (global.set $g (i32x4.add (global.get $g) (global.get $d)))
            (global.set $e (global.get $g))))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store: Store<()> = Store::new(&engine, ());
    let ty = |mutable| GlobalType {
        content: ValType::V128,
        mutable,
    };
    let g = Global::new(&mut store, ty(true), Val::V128(A)).unwrap();
    let c = Global::new(&mut store, ty(false), Val::V128(B)).unwrap();
    assert!(Global::new(&mut store, ty(true), Val::I64(0)).is_err());
    let instance = Instance::new(&mut store, &module, &[g.into(), c.into()]).unwrap();
    let e = instance.get_global(&store, "e").unwrap();
    assert_eq!(e.get(&store).unwrap(), Val::V128(0x2_ffff_ffff_ffff_ffff));
    let d = instance.get_global(&store, "d").unwrap();
    assert_eq!(d.get(&store).unwrap(), Val::V128(B));
    let add = instance.get_typed_func::<(), ()>(&store, "add").unwrap();
    add.call(&mut store, ()).unwrap();
    let lane = |i: u32| ((A >> (32 * i)) as u32).wrapping_add((B >> (32 * i)) as u32);
    let sum = (0..4).fold(0, |sum, i| sum | u128::from(lane(i)) << (32 * i));
    assert_eq!(g.get(&store).unwrap(), Val::V128(sum));
    assert_eq!(e.get(&store).unwrap(), Val::V128(sum));
    g.set(&mut store, Val::V128(7)).unwrap();
    assert_eq!(g.get(&store).unwrap(), Val::V128(7));
}

const BLOCKS: &str = r#"(module
    (type $pair (func (param v128 i32 v128) (result v128 i32 v128)))
    (table funcref (elem $swap))
    (func $swap (type $pair) (local.get 2) (local.get 1) (local.get 0))
    (func (export "table") (param i32 v128 v128) (result v128 i32 v128)
        (block $a (result v128 i32 v128) (local.get 1) (i32.const 1) (local.get 2)
            (block $b (type $pair)
                (block $c (type $pair)
                    (br_table $a $b $c $a (local.get 0)))
                (br $a (i32.const 3) (local.get 1)))
            (return (i32.const 2) (local.get 1))))
    (func (export "loop") (param i32 v128) (result v128)
        (local v128)
        (i32.const 9) (local.get 1) (v128.const i32x4 1 1 1 1)
        (loop $again (param v128 v128) (result v128)
            (local.set 2) (local.get 2) (i32x4.add) (local.get 2)
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
            (drop))
        (local.set 1) (drop) (local.get 1))
    (func (export "if") (param i32 v128 v128) (result v128)
        (local.get 1) (local.get 2) (local.get 0)
        (if (param v128 v128) (result v128)
            (then (i8x16.sub)) (else (drop))))
    (func (export "select") (param i32 v128 v128) (result v128)
        (select (result v128) (i8x16.add (local.get 1) (local.get 2)) (local.get 2) (local.get 0)))
    (func (export "choose") (param i32 v128 v128) (result v128)
        (select (result v128) (local.get 1) (local.get 2) (i32.gt_s (local.get 0) (i32.const 3))))
    (func (export "indirect") (type $pair)
        (return_call_indirect (type $pair) (local.get 0) (local.get 1) (local.get 2) (i32.const 0)))
    (func $down (export "down") (param i32 v128 v128) (result v128)
        (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
        (return_call $down (i32.sub (local.get 0) (i32.const 1)) (local.get 2)
            (i64x2.add (local.get 1) (v128.const i64x2 1 0))))
    (func (export "alias") (param v128 v128) (result v128 v128 v128)
        ;; What is on the stack keeps the value that the local had.
        (local.get 0) (local.get 0)
        (local.set 0 (i8x16.neg (local.get 1)))
        (local.set 1 (v128.not (local.get 0)))
        (local.get 1)))"#;

#[test]
fn blocks_and_branches_carry_vectors() {
    let (a, b) = (Val::V128(A), Val::V128(B));
    let table = |n| run(BLOCKS, "table", &[Val::I32(n), a, b]);
    assert_eq!(table(0), [a, Val::I32(1), b]);
    assert_eq!(table(1), [b, Val::I32(2), a]);
    assert_eq!(table(2), [b, Val::I32(3), a]);
    assert_eq!(table(7), [a, Val::I32(1), b]);
    let ones = 0x1_0000_0001_0000_0001_0000_0001;
    let counted = run(BLOCKS, "loop", &[Val::I32(5), Val::V128(0)]);
    assert_eq!(counted, [Val::V128(ones * 5)]);
    assert_eq!(run(BLOCKS, "if", &[Val::I32(0), a, b]), [a]);
    assert_eq!(run(BLOCKS, "if", &[Val::I32(1), a, a]), [Val::V128(0)]);
    assert_eq!(run(BLOCKS, "select", &[Val::I32(0), a, b]), [b]);
    let sum = run(BLOCKS, "select", &[Val::I32(1), a, Val::V128(0)]);
    assert_eq!(sum, [a]);
    assert_eq!(run(BLOCKS, "choose", &[Val::I32(4), a, b]), [a]);
    assert_eq!(run(BLOCKS, "choose", &[Val::I32(-4), a, b]), [b]);
}

#[test]
fn calls_in_place_of_others_carry_vectors() {
    let (a, b) = (Val::V128(A), Val::V128(B));
    let swapped = run(BLOCKS, "indirect", &[a, Val::I32(4), b]);
    assert_eq!(swapped, [b, Val::I32(4), a]);
    let down = run(BLOCKS, "down", &[Val::I32(100_001), Val::V128(0), b]);
    assert_eq!(down, [Val::V128(B + 50_000)]);
    let negated = |x: u128| x.to_le_bytes().map(u8::wrapping_neg);
    let expected = Val::V128(!u128::from_le_bytes(negated(B)));
    assert_eq!(run(BLOCKS, "alias", &[a, b]), [a, a, expected]);
}

#[test]
fn a_thousand_vectors_are_parameters_and_results() {
    let types = "v128 ".repeat(1000);
    let gets: String = (0..1000).map(|i| format!("(local.get {i}) ")).collect();
    let text = format!(
        r#"(module (func $id (param {types}) (result {types}) {gets})
            (func (export "run") (param {types}) (result {types}) {gets} (call $id)))"#
    );
    let params: Vec<Val> = (0..1000).map(|i| Val::V128(A ^ i)).collect();
    assert_eq!(run(&text, "run", &params), params);
}

#[test]
fn vectors_cross_instances() {
    let engine = Engine::default();
    let mut store: Store<()> = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let callee = r#"(module (func (export "f") (param v128 i64) (result i64 v128)
        (local.get 1) (i64x2.replace_lane 1 (local.get 0) (local.get 1))))"#;
    let callee = Module::new(&engine, callee).unwrap();
    let callee = linker.instantiate(&mut store, &callee).unwrap();
    linker.instance(&mut store, "callee", callee).unwrap();
    let caller = r#"(module (import "callee" "f" (func $f (param v128 i64) (result i64 v128)))
        (func (export "run") (param v128 i64) (result i64 v128)
            (call $f (i8x16.add (local.get 0) (local.get 0)) (local.get 1)))
        (func (export "tail") (param v128 i64) (result i64 v128)
            (return_call $f (local.get 0) (local.get 1))))"#;
    let caller = Module::new(&engine, caller).unwrap();
    let caller = linker.instantiate(&mut store, &caller).unwrap();
    for (name, low) in [("run", 2), ("tail", 1)] {
        let run = caller
            .get_typed_func::<(u128, i64), (i64, u128)>(&store, name)
            .unwrap();
        let found = run.call(&mut store, (1, 5)).unwrap();
        assert_eq!(found, (5, 5 << 64 | low), "{name}");
    }
}

#[test]
fn accesses_end_at_the_end_of_memory() {
    let text = r#"(module (memory 1) (memory $big i64 1)
        (func (export "load") (param i32) (result v128) (v128.load (local.get 0)))
        (func (export "plus") (param i32) (result v128)
            (v128.load offset=16 (i32.add (local.get 0) (i32.const 16))))
        (func (export "store") (param i32) (v128.store (local.get 0) (v128.const i64x2 1 2)))
        (func (export "lane") (param i32) (v128.store32_lane 3 (local.get 0) (v128.const i64x2 1 2)))
        (func (export "wide") (param i64) (result v128) (v128.load $big (local.get 0)))
        (func (export "extend") (param i32) (result v128) (v128.load32x2_s (local.get 0))))"#;
    let end = 1 << 16;
    for (name, size) in [
        ("load", 16),
        ("plus", 48),
        ("store", 16),
        ("lane", 4),
        ("extend", 8),
    ] {
        let at = |at: i32| run_with(&Config::new(), text, name, &[Val::I32(at)]);
        assert!(at(end - size).is_ok(), "{name}");
        let error = at(end - size + 1).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds), "{name}");
    }
    let wide = |at: i64| run_with(&Config::new(), text, "wide", &[Val::I64(at)]);
    assert!(wide((1 << 16) - 16).is_ok());
    assert!(wide((1 << 16) - 15).is_err() && wide(-1).is_err());
}

#[test]
fn relaxed_operators_have_the_results_of_the_deterministic_profile() {
    let unary = |op: &str, x: u128| {
        let text = format!(
            r#"(module (func (export "f") (param v128) (result v128) ({op} (local.get 0))))"#
        );
        run(&text, "f", &[Val::V128(x)])[0].v128().unwrap()
    };
    let ternary = |op: &str, [x, y, z]: [u128; 3]| {
        let text = format!(
            r#"(module (func (export "f") (param v128 v128 v128) (result v128)
                ({op} (local.get 0) (local.get 1) (local.get 2))))"#
        );
        run(&text, "f", &[x, y, z].map(Val::V128))[0]
            .v128()
            .unwrap()
    };
    let f32s = |x: f32| u128::from(x.to_bits()) * 0x1_0000_0001_0000_0001_0000_0001;
    assert_eq!(unary("i32x4.relaxed_trunc_f32x4_s", f32s(f32::NAN)), 0);
    assert_eq!(unary("i32x4.relaxed_trunc_f32x4_u", f32s(-5.0)), 0);
    let most = 0x7fff_ffff_7fff_ffff_7fff_ffff_7fff_ffff;
    assert_eq!(unary("i32x4.relaxed_trunc_f32x4_s", f32s(1e30)), most);
    // One rounding: the product of these has a bit that an `f32` cannot hold.
    let x = 1.0 + f32::EPSILON;
    let fused = ternary("f32x4.relaxed_madd", [f32s(x), f32s(x), f32s(-(x * x))]);
    assert_eq!(fused, f32s(f32::EPSILON * f32::EPSILON));
    let negated = ternary("f32x4.relaxed_nmadd", [f32s(x), f32s(x), f32s(x * x)]);
    assert_eq!(negated, f32s(-(f32::EPSILON * f32::EPSILON)));
    assert_eq!(
        ternary("i8x16.relaxed_laneselect", [A, B, 1]),
        B & !1 | A & 1
    );
}

#[test]
fn nans_are_made_the_same_in_every_lane_if_asked() {
    let mut config = Config::new();
    config.canonicalize_nans(true);
    let signalling = 0xff80_0001_7fa0_0000_ffff_ffff_7f80_0001;
    let canonical = 0x7fc0_0000_7fc0_0000_7fc0_0000_7fc0_0000;
    for op in ["f32x4.add", "f32x4.min", "f32x4.mul", "f32x4.relaxed_max"] {
        let text = format!(
            r#"(module (func (export "f") (param v128) (result v128)
                ({op} (local.get 0) (local.get 0))))"#
        );
        let found = run_with(&config, &text, "f", &[Val::V128(signalling)]).unwrap();
        assert_eq!(found, [Val::V128(canonical)], "{op}");
    }
    for op in ["f32x4.neg", "f32x4.abs"] {
        let text = format!(
            r#"(module (func (export "f") (param v128) (result v128) ({op} (local.get 0))))"#
        );
        let found = run_with(&config, &text, "f", &[Val::V128(signalling)]).unwrap();
        assert_ne!(found, [Val::V128(canonical)], "{op}");
    }
    let text = r#"(module (func (export "f") (param v128) (result v128)
        (f64x2.promote_low_f32x4 (local.get 0))))"#;
    let found = run_with(&config, text, "f", &[Val::V128(signalling)]).unwrap();
    assert_eq!(
        found,
        [Val::V128(0x7ff8_0000_0000_0000_7ff8_0000_0000_0000)]
    );
}

#[test]
fn vector_operators_cost_fuel() {
    let mut config = Config::new();
    config.fuel(true);
    let engine = Engine::new(&config).unwrap();
    let text = r#"(module (func (export "f") (result v128)
        (i8x16.add (v128.const i64x2 1 2) (i8x16.splat (i32.const 3)))))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store: Store<()> = Store::new(&engine, ());
    store.set_fuel(100).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_typed_func::<(), u128>(&store, "f").unwrap();
    let lanes = f.call(&mut store, ()).unwrap().to_le_bytes();
    assert_eq!(lanes[0..2], [4, 3]);
    assert_eq!(store.fuel().unwrap(), 100 - 4);
}

#[test]
fn wide_arithmetic_takes_constants_and_gives_two_results() {
    let mut config = Config::new();
    config.wasm_wide_arithmetic(true);
    let text = r#"(module
        (func (export "add") (param i64 i64) (result i64 i64)
            (i64.add128 (local.get 0) (local.get 1) (i64.const -1) (i64.const 0)))
        (func (export "mul") (param i64 i64) (result i64 i64) (local $low i64) (local $high i64)
            (i64.mul_wide_s (local.get 0) (i64.const 0x123456789abcdef0))
            (local.set $high) (local.set $low)
            (i64.sub128 (local.get $low) (local.get $high) (local.get 1) (i64.const 0)))
        (func (export "const") (result i64 i64)
            (i64.mul_wide_u (i64.const -1) (i64.const -1))))"#;
    let call = |name: &str, params: &[Val]| {
        let found = run_with(&config, text, name, params).unwrap();
        let half = |val: Val| u128::from(val.i64().unwrap().cast_unsigned());
        half(found[0]) | half(found[1]) << 64
    };
    let sum = call("add", &[Val::I64(1), Val::I64(7)]);
    assert_eq!(sum, 8 << 64);
    let product = call("mul", &[Val::I64(-2), Val::I64(5)]);
    assert_eq!(
        product,
        (-2 * 0x1234_5678_9abc_def0_i128 - 5).cast_unsigned()
    );
    let product = call("const", &[]);
    assert_eq!(product, u128::from(u64::MAX) * u128::from(u64::MAX));
    let refused = Module::new(&Engine::default(), text).unwrap_err();
    assert!(refused.to_string().contains("wide-arithmetic"));
}
