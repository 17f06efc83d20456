//! Every kind of instruction, many times over on a thread with a tiny
//! stack: a handler that calls the next one instead of jumping to it would
//! overflow it. Both ways to dispatch run, and count to the same sums.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;

use linkspan_engine::{Config, DispatchMode, Engine, Error, Linker, Module, Store, TypedFunc};

/// A return address for each would fill the stack ten times.
const ROUNDS: u32 = 100_000;
/// Room for a handler that calls the runtime, not for a thousand handlers.
const STACK_BYTES: usize = 64 << 10;

/// Operators by the types of their operands and of their result.
const BINARY: &[(&str, &str, &str)] = &[
    (
        "i32",
        "i32",
        "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr",
    ),
    (
        "i64",
        "i64",
        "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr",
    ),
    ("f32", "f32", "add sub mul div min max copysign"),
    ("f64", "f64", "add sub mul div min max copysign"),
    (
        "i32",
        "i32",
        "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u",
    ),
    (
        "i64",
        "i32",
        "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u",
    ),
    ("f32", "i32", "eq ne lt gt le ge"),
    ("f64", "i32", "eq ne lt gt le ge"),
];

const UNARY: &[(&str, &str, &str)] = &[
    (
        "i32",
        "i32",
        "i32.clz i32.ctz i32.popcnt i32.eqz i32.extend8_s i32.extend16_s",
    ),
    (
        "i64",
        "i64",
        "i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s",
    ),
    ("i64", "i32", "i64.eqz i32.wrap_i64"),
    (
        "f32",
        "f32",
        "f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt",
    ),
    (
        "f64",
        "f64",
        "f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt",
    ),
    (
        "f32",
        "i32",
        "i32.trunc_f32_s i32.trunc_f32_u i32.trunc_sat_f32_s i32.trunc_sat_f32_u",
    ),
    (
        "f64",
        "i32",
        "i32.trunc_f64_s i32.trunc_f64_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u",
    ),
    (
        "f32",
        "i64",
        "i64.trunc_f32_s i64.trunc_f32_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u",
    ),
    (
        "f64",
        "i64",
        "i64.trunc_f64_s i64.trunc_f64_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u",
    ),
    ("i32", "i64", "i64.extend_i32_s i64.extend_i32_u"),
    (
        "i32",
        "f32",
        "f32.convert_i32_s f32.convert_i32_u f32.reinterpret_i32",
    ),
    ("i64", "f32", "f32.convert_i64_s f32.convert_i64_u"),
    ("i32", "f64", "f64.convert_i32_s f64.convert_i32_u"),
    (
        "i64",
        "f64",
        "f64.convert_i64_s f64.convert_i64_u f64.reinterpret_i64",
    ),
    ("f64", "f32", "f32.demote_f64"),
    ("f32", "f64", "f64.promote_f32"),
    ("f32", "i32", "i32.reinterpret_f32"),
    ("f64", "i64", "i64.reinterpret_f64"),
];

const ACCESS: &[(&str, &str, &str)] = &[
    (
        "i32",
        "load load8_s load8_u load16_s load16_u",
        "store store8 store16",
    ),
    (
        "i64",
        "load load8_s load8_u load16_s load16_u load32_s load32_u",
        "store store8 store16 store32",
    ),
    ("f32", "load", "store"),
    ("f64", "load", "store"),
];

/// Operators on vectors: of one, of two, and with a lane's index.
const VECTORS: &[(&str, &str, &str)] = &[
    ("v128", "not", "and andnot or xor"),
    (
        "i8x16",
        "abs neg popcnt",
        "swizzle relaxed_swizzle narrow_i16x8_s narrow_i16x8_u add_sat_s add_sat_u sub_sat_s \
         sub_sat_u avgr_u add sub min_s min_u max_s max_u eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s \
         ge_u",
    ),
    (
        "i16x8",
        "abs neg extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u extend_low_i8x16_s \
         extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u",
        "narrow_i32x4_s narrow_i32x4_u add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u add sub mul \
         min_s min_u max_s max_u eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u q15mulr_sat_s \
         relaxed_q15mulr_s extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u \
         extmul_high_i8x16_u relaxed_dot_i8x16_i7x16_s",
    ),
    (
        "i32x4",
        "abs neg extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u extend_low_i16x8_s \
         extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u trunc_sat_f32x4_s \
         trunc_sat_f32x4_u trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero relaxed_trunc_f32x4_s \
         relaxed_trunc_f32x4_u relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero",
        "add sub mul min_s min_u max_s max_u eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u \
         dot_i16x8_s extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u",
    ),
    (
        "i64x2",
        "abs neg extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u",
        "add sub mul eq ne lt_s gt_s le_s ge_s extmul_low_i32x4_s extmul_high_i32x4_s \
         extmul_low_i32x4_u extmul_high_i32x4_u",
    ),
    (
        "f32x4",
        "ceil floor trunc nearest abs neg sqrt convert_i32x4_s convert_i32x4_u demote_f64x2_zero",
        "add sub mul div min max pmin pmax relaxed_min relaxed_max eq ne lt gt le ge",
    ),
    (
        "f64x2",
        "ceil floor trunc nearest abs neg sqrt convert_low_i32x4_s convert_low_i32x4_u \
         promote_low_f32x4",
        "add sub mul div min max pmin pmax relaxed_min relaxed_max eq ne lt gt le ge",
    ),
];

/// Operators on three vectors.
const VECTOR_TERNARY: &str = "v128.bitselect f32x4.relaxed_madd f32x4.relaxed_nmadd \
    f64x2.relaxed_madd f64x2.relaxed_nmadd i8x16.relaxed_laneselect \
    i32x4.relaxed_dot_i8x16_i7x16_add_s";

/// Shapes of vectors: the type of a lane, how it is read, and what of the
/// operators on all lanes there is.
const SHAPES: &[(&str, &str, &str, &str)] = &[
    (
        "i8x16",
        "i32",
        "extract_lane_s extract_lane_u",
        "all_true bitmask",
    ),
    (
        "i16x8",
        "i32",
        "extract_lane_s extract_lane_u",
        "all_true bitmask",
    ),
    ("i32x4", "i32", "extract_lane", "all_true bitmask"),
    ("i64x2", "i64", "extract_lane", "all_true bitmask"),
    ("f32x4", "f32", "extract_lane", ""),
    ("f64x2", "f64", "extract_lane", ""),
];

/// Loads of whole vectors, and the widths of lanes.
const VECTOR_LOADS: &str = "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u \
    load8_splat load16_splat load32_splat load64_splat load32_zero load64_zero";

/// Statements that need more than operands, each tried as it stands.
const OTHERS: &[&str] = &[
    "(local.set $i32 (call $leaf (local.get $i32)))",
    "(local.set $i64 (call $wide (local.get $i64) (i64.const 3)))",
    "(local.set $i32 (call_indirect (type $leaf) (local.get $i32) (i32.const 0)))",
    "(call $host)",
    "(local.set $i32 (call $tail (i32.const 2) (local.get $i32)))",
    "(local.set $i32 (call $tail_indirect (local.get $i32)))",
    "(call $tail_host)",
    "(call $many (local.get $i32) (local.get $i64) (local.get $f64)) \
     (local.set $f64) (local.set $i64) (local.set $i32)",
    "(global.set $g (i32.add (global.get $g) (i32.const 1)))",
    "(global.set $x (f64.add (global.get $x) (f64.const 1)))",
    "(global.set $g (i32.const 7)) (global.set $x (f64.const 7))",
    "(local.set $i32 (i32.add (table.size $t) (i32.const 1)))",
    "(data.drop $e) (elem.drop $n)",
    "(table.copy (i32.const 1) (i32.const 0) (i32.const 1))",
    "(table.init $n2 (i32.const 1) (i32.const 0) (i32.const 0))",
    "(table.fill $t (i32.const 2) (ref.func $leaf) (i32.const 1))",
    "(table.set $t (i32.const 2) (table.get $t (i32.const 0)))",
    "(local.set $i32 (call_indirect $t64 (type $leaf) (local.get $i32) (i64.const 0)))",
    "(local.set $i32 (call $tail_indirect64 (local.get $i32)))",
    "(table.set $t64 (i64.const 2) (table.get $t64 (i64.const 0)))",
    "(local.set $i64 (table.grow $t64 (ref.null func) (i64.const 0)))",
    "(local.set $i64 (i64.add (table.size $t64) (i64.const 1)))",
    "(table.fill $t64 (i64.const 2) (ref.func $leaf) (i64.const 1))",
    "(table.copy $t64 $t64 (i64.const 1) (i64.const 0) (i64.const 1))",
    "(table.copy $t64 $t (i64.const 1) (i32.const 0) (i32.const 1))",
    "(table.init $t64 $n2 (i64.const 1) (i32.const 0) (i32.const 0))",
    "(local.set $i32 (ref.is_null (ref.null func)))",
    "(local.set $i32 (table.grow $t (ref.null func) (i32.const 0)))",
    "(local.set $i32 (select (local.get $i32) (i32.const 4) (local.get $n)))",
    "(local.set $i32 (select (local.get $i32) (local.get $n) (i32.lt_u (local.get $n) (i32.const 9))))",
    "(local.set $i32 (select (local.get $i32) (local.get $n) (i64.eq (local.get $i64) (i64.const 1))))",
    "(local.set $f64 (select (local.get $f64) (f64.const 4) (local.get $n)))",
    "(local.set $f32 (select (local.get $f32) (f32.const 4) (f64.lt (local.get $f64) (f64.const 1))))",
    "(block (block (block (br_table 0 1 2 (i32.rem_u (local.get $n) (i32.const 4))))))",
    "(block (block (br_table 0 1 (local.get $n))))",
    "(block (br_if 0 (f64.lt (local.get $f64) (f64.const 1))) (local.set $i32 (i32.const 1)))",
    "(block (br_if 0 (i32.eqz (f64.lt (local.get $f64) (f64.const 1)))) (local.set $i32 (i32.const 1)))",
    "(if (local.get $n) (then (local.set $i32 (i32.const 1))) (else (local.set $i32 (i32.const 2))))",
    "(local.set $i32 (block (result i32) (br_if 0 (i32.const 1) (local.get $n)) (drop) (i32.const 2)))",
    "(local.set $k (i32.const 2)) (loop (br_if 0 (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))",
    "(local.set $k (i32.const 0)) (loop (br_if 0 (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 3))))",
    "(local.set $k (i32.const 0)) (loop (br_if 0 (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $two))))",
    "(local.set $k (i32.const 0)) (loop (br_if 0 (i32.lt_u (local.tee $k (i32.add (local.get $k) (local.get $two))) (i32.const 5))))",
    "(local.set $k (i32.const 0)) (block (loop (br_if 1 (local.get $k)) (local.set $k (local.get $two)) (br 0)))",
    "(local.set $i32 (i32.xor (local.get $i32) (i32.shl (local.get $i32) (i32.const 13))))",
    "(local.set $i64 (i64.xor (local.get $i64) (i64.shr_u (local.get $i64) (i64.const 7))))",
    "(local.set $i64 (i64.mul (local.get $i64) (i64.const 0x9E3779B97F4A7C15)))",
    "(local.set $i64 (i64.and (i64.add (local.get $i64) (i64.const 1)) (i64.const 0x1FFFFFFFFFFFFFFF)))",
    "(local.set $f64 (f64.add (local.get $f64) (f64.mul (local.get $f64) (local.get $f64))))",
    "(local.set $f64 (f64.sub (local.get $f64) (f64.mul (local.get $f64) (local.get $f64))))",
    "(local.set $f64 (f64.mul (local.get $f64) (f64.load (i32.const 8))))",
    "(local.set $f64 (f64.sub (f64.load offset=8 (local.get $two)) (local.get $f64)))",
    "(local.set $i32 (i32.add (local.get $i32) (i32.load (i32.add (local.get $two) (i32.const 8)))))",
    "(local.set $i32 (i32.and (i32.shr_u (local.get $i32) (i32.const 3)) (i32.const 255)))",
    "(local.set $i64 (i64.add (i64.mul (local.get $i64) (local.get $i64)) (local.get $i64)))",
    "(block $h (result i32) (try_table (catch $e $h) (throw $e (local.get $i32))) (unreachable)) \
     (local.set $i32)",
    "(block $h (try_table (catch_all $h) (call $thrower (local.get $n))))",
    "(block $h (result i32) (try_table (catch $e $h) (block $h (result exnref) \
     (try_table (catch_all_ref $h) (call $thrower (local.get $i32))) (unreachable)) (throw_ref)) \
     (unreachable)) (local.set $i32)",
    "(block $h (result i32) (try_table (catch $e $h) (try_table (catch_all 0) (call $host)) \
     (call $thrower (local.get $i32))) (unreachable)) (local.set $i32)",
    "(local.set $k (local.get $i32)) (local.set $i32 (local.get $two)) (local.set $two (local.get $k)) (local.set $two (i32.const 2))",
];

/// The same with vectors and halves of wide numbers.
const VECTOR_OTHERS: &[&str] = &[
    "(local.set $v (v128.const i32x4 1 2 3 4)) (local.set $w (local.get $v)) (local.set $v (local.get $cv))",
    "(global.set $gv (i8x16.add (global.get $gv) (local.get $cv))) (local.set $v (global.get $gv))",
    "(local.set $v (select (local.get $cv) (local.get $cw) (local.get $n)))",
    "(local.set $v (select (local.get $cv) (local.get $cw) (i32.lt_u (local.get $n) (i32.const 9))))",
    "(local.set $v (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31 (local.get $cv) (local.get $cw)))",
    "(local.set $v (i8x16.shuffle 2 3 18 19 6 7 22 23 10 11 26 27 14 15 30 31 (local.get $cv) (local.get $cw)))",
    "(local.set $v (i8x16.shuffle 12 13 14 15 16 17 18 19 4 5 6 7 24 25 26 27 (local.get $cv) (local.get $cw)))",
    "(local.set $i32 (v128.any_true (local.get $cv)))",
    "(block (br_if 0 (i8x16.all_true (local.get $cv))) (local.set $i32 (i32.const 1)))",
    "(local.set $v (call $vectors (local.get $cv) (local.get $i32) (local.get $cw))) (local.set $i32) (local.set $w)",
    "(local.set $v (block (result v128) (br_if 0 (local.get $cv) (local.get $n)) (drop) (local.get $cw)))",
    "(i64.add128 (local.get $i64) (i64.const 1) (local.get $i64) (local.get $i64)) (local.set $i64) (drop)",
    "(i64.sub128 (local.get $i64) (i64.const 1) (local.get $i64) (local.get $i64)) (drop) (local.set $i64)",
    "(i64.mul_wide_s (local.get $i64) (i64.const -3)) (local.set $i64) (drop)",
    "(i64.mul_wide_u (local.get $i64) (local.get $i64)) (drop) (local.set $i64)",
];

const PRELUDE: &str = r#"
  (type $leaf (func (param i32) (result i32)))
  (global $gv (mut v128) (v128.const i64x2 5 6)) (table $t 8 funcref) (table $t64 i64 8 funcref) (global $g (mut i32) (i32.const 1)) (global $x (mut f64) (f64.const 1))
  (data $d "ab") (data $e "") (elem $n func) (elem $n2 func $leaf) (elem (i32.const 0) func $leaf) (elem (table $t64) (i64.const 0) func $leaf)
  (func $leaf (type $leaf) (i32.add (local.get 0) (i32.const 1)))
  (func $wide (param i64 i64) (result i64) (local i64 i64)
    (local.set 3 (i64.add (local.get 0) (local.get 2)))
    (if (i64.eqz (local.get 3)) (then (return (i64.const 5))))
    (local.get 1))
  (func $many (param i32 i64 f64) (result i32 i64 f64) (local.get 0) (local.get 1) (local.get 2))
  (func $vectors (param v128 i32 v128) (result v128 i32 v128)
    (return_call $swapped (local.get 2) (local.get 1) (local.get 0)))
  (func $swapped (param v128 i32 v128) (result v128 i32 v128) (local.get 0) (local.get 1) (local.get 2))
  (func $tail (param i32 i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $tail (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
  (func $tail_indirect (param i32) (result i32)
    (return_call_indirect (type $leaf) (local.get 0) (i32.const 0)))
  (func $tail_indirect64 (param i32) (result i32)
    (return_call_indirect $t64 (type $leaf) (local.get 0) (i64.const 0)))
  (func $tail_host (return_call $host))
  (tag $e (param i32))
  (func $thrower (param i32) (throw $e (local.get 0)))
"#;

/// The memories of most statements: one.
const MEMORY: &str = "(memory 1)";

/// What decides how a place in memory is written down: the memories, of which
/// the last is used, and the addresses that are tried.
const PLACES: &[(&str, &[&str])] = &[
    (MEMORY, ADDRESSES),
    ("(memory 0) (memory 1)", ADDRESSES),
    ("(memory i64 1)", WIDE_ADDRESSES),
    ("(memory 0) (memory i64 1)", WIDE_ADDRESSES),
    ("(memory 1 1 shared)", ADDRESSES),
    ("(memory 0) (memory i64 1 1 shared)", WIDE_ADDRESSES),
];

/// A module whose `run(n)` does `statement` `n` times and answers what the
/// variables then hold.
fn module(memories: &str, statement: &str) -> String {
    format!(
        r#"(module (import "host" "nothing" (func $host)) {memories} {PRELUDE}
        (func (export "run") (param $n i32) (result i64)
          (local $i32 i32) (local $i64 i64) (local $f32 f32) (local $f64 f64) (local $k i32) (local $two i32)
          (local $v v128) (local $w v128) (local $cv v128) (local $cw v128)
          (local $ci32 i32) (local $ci64 i64) (local $cf32 f32) (local $cf64 f64)
          (local.set $ci32 (i32.const 3)) (local.set $ci64 (i64.const 3))
          (local.set $cf32 (f32.const 3)) (local.set $cf64 (f64.const 3))
          (local.set $cv (v128.const f32x4 1.5 -2.5 3.5 1e20)) (local.set $cw (v128.const f32x4 1 2 3 -4))
          (local.set $i32 (i32.const 9)) (local.set $i64 (i64.const 9)) (local.set $two (i32.const 2))
          (local.set $f32 (f32.const 1.5)) (local.set $f64 (f64.const 1.5))
          (loop $again {statement}
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_if $again (local.get $n)))
          (i64.add (i64.extend_i32_u (i32.add (local.get $i32) (local.get $k)))
            (i64.add (i64.xor (local.get $i64) (i64x2.extract_lane 1 (v128.xor (local.get $v) (local.get $w))))
              (i64.add (i64.extend_i32_u (i32.reinterpret_f32 (local.get $f32)))
                (i64.reinterpret_f64 (local.get $f64)))))))"#
    )
}

/// Statements for each operator with operands from everywhere: locals, the
/// result before, constants.
fn statements() -> Vec<(&'static str, String)> {
    let mut all: Vec<String> = OTHERS.iter().map(|s| (*s).to_owned()).collect();
    for (from, to, names) in BINARY {
        all.extend(names.split(' ').map(|name| binary(from, to, name)));
    }
    for (from, to, names) in UNARY {
        let (x, small) = (format!("(local.get ${from})"), format!("({from}.const 3)"));
        all.extend(names.split(' ').map(|op| {
            format!(
                "(drop ({op} {x})) (local.set ${from} ({from}.add {small} {small})) \
                 (local.set ${to} ({op} ({from}.sub {x} {small}))) (local.set ${from} {small})"
            )
        }));
    }
    all.extend(vector_statements());
    let mut all: Vec<_> = all.into_iter().map(|text| (MEMORY, text)).collect();
    for (memories, addresses) in PLACES {
        let last = memories.matches("(memory").count() - 1;
        let places = addresses
            .iter()
            .map(|address| format!("{last} offset=8 {address}"));
        let places: Vec<String> = places.collect();
        all.extend(accesses(&places).map(|text| (*memories, text)));
        all.extend(vector_accesses(&places).map(|text| (*memories, text)));
        let wide = addresses[0].contains("i64");
        // There is but one form of these.
        if *memories == MEMORY || wide && memories.contains("shared") {
            all.extend(atomics(last, addresses[0]).map(|text| (*memories, text)));
        }
        all.extend(ranges(last, wide).map(|text| (*memories, text)));
    }
    all.extend(
        WAITS
            .iter()
            .map(|text| ("(memory 1 1 shared)", (*text).to_owned())),
    );
    all
}

fn vector_statements() -> Vec<String> {
    let mut all: Vec<String> = VECTOR_OTHERS.iter().map(|s| (*s).to_owned()).collect();
    let (v, w) = ("(local.get $cv)", "(local.get $cw)");
    for (shape, unary, binary) in VECTORS {
        let set = |operation: String| format!("(local.set $v ({shape}.{operation}))");
        all.extend(unary.split(' ').map(|op| set(format!("{op} {v}"))));
        all.extend(binary.split(' ').map(|op| set(format!("{op} {v} {w}"))));
    }
    let ternary = VECTOR_TERNARY.split_ascii_whitespace();
    all.extend(ternary.map(|op| format!("(local.set $v ({op} {v} {w} {w}))")));
    for (shape, lane, reads, tests) in SHAPES {
        all.push(format!(
            "(local.set $v ({shape}.replace_lane 1 ({shape}.splat (local.get ${lane})) \
             ({lane}.const 3)))"
        ));
        let read = |op: &str| format!("(local.set ${lane} ({shape}.{op} 1 {v}))");
        all.extend(reads.split(' ').map(read));
        let test = |op: &str| format!("(local.set $i32 ({shape}.{op} {v}))");
        all.extend(tests.split_terminator(' ').map(test));
        if !tests.is_empty() {
            all.extend(["shl", "shr_s", "shr_u"].map(|op| {
                format!(
                    "(local.set $v ({shape}.{op} {v} (local.get $n))) \
                     (local.set $w ({shape}.{op} {v} (i32.const 3)))"
                )
            }));
        }
    }
    all
}

/// Loads and stores of vectors and lanes at each of `places`.
fn vector_accesses(places: &[String]) -> impl Iterator<Item = String> {
    let v = "(local.get $cv)";
    let loads = VECTOR_LOADS.split_ascii_whitespace().map(move |op| {
        let load = |at: &String| format!("(local.set $v (v128.{op} {at})) ");
        places.iter().map(load).collect()
    });
    let store = |at: &String| format!("(v128.store {at} {v}) ");
    let lanes = [8, 16, 32, 64].map(|width| {
        // The lane stands between offset and address.
        let (place, address) = places[0].split_once(" (").unwrap();
        format!(
            "(local.set $v (v128.load{width}_lane {place} 1 ({address} {v})) \
             (v128.store{width}_lane {place} 1 ({address} {v})"
        )
    });
    loads
        .chain([places.iter().map(store).collect()])
        .chain(lanes)
}

/// Loads and stores at each of `places`.
fn accesses(places: &[String]) -> impl Iterator<Item = String> {
    ACCESS.iter().flat_map(move |(ty, loads, stores)| {
        let load = move |op| {
            let load = |at: &String| format!("(local.set ${ty} ({ty}.{op} {at})) ");
            places.iter().map(load).collect()
        };
        let store = move |op| store(ty, op, places);
        loads
            .split(' ')
            .map(load)
            .chain(stores.split(' ').map(store))
    })
}

/// Every atomic operator, at a place that is aligned: the address is 2 or 3.
fn atomics(memory: usize, address: &str) -> impl Iterator<Item = String> {
    let offset = if address.contains("i64") { 5 } else { 6 };
    let place = format!("{memory} offset={offset} {address}");
    let rmw = ["add", "sub", "and", "or", "xor", "xchg", "cmpxchg"];
    let widths = |ty| match ty {
        "i32" => ["", "8", "16"].as_slice(),
        _ => ["", "8", "16", "32"].as_slice(),
    };
    let mut all = vec![
        "(atomic.fence)".to_owned(),
        format!("(local.set $i32 (memory.atomic.notify {place} (local.get $i32)))"),
    ];
    for ty in ["i32", "i64"] {
        let x = format!("(local.get ${ty})");
        for width in widths(ty) {
            let u = if width.is_empty() { "" } else { "_u" };
            all.push(format!(
                "(local.set ${ty} ({ty}.atomic.load{width}{u} {place}))"
            ));
            all.push(format!("({ty}.atomic.store{width} {place} {x})"));
            all.extend(rmw.iter().map(|op| {
                let expected = if *op == "cmpxchg" { x.as_str() } else { "" };
                format!("(local.set ${ty} ({ty}.atomic.rmw{width}.{op}{u} {place} {expected} {x}))")
            }));
        }
    }
    all.into_iter()
}

/// Operators on whole memories and ranges of them.
fn ranges(memory: usize, wide: bool) -> impl Iterator<Item = String> {
    let ty = if wide { "i64" } else { "i32" };
    let at = |value: u32| format!("({ty}.const {value})");
    let (to, from, len) = (at(64), at(128), at(16));
    [
        format!(
            "(local.set ${ty} ({ty}.add (memory.size {memory}) (memory.grow {memory} {})))",
            at(0)
        ),
        format!("(memory.copy {memory} {memory} {to} {from} {len})"),
        format!("(memory.fill {memory} {to} (i32.const 3) {len})"),
        format!("(memory.init {memory} $d {to} (i32.const 0) (i32.const 2))"),
    ]
    .into_iter()
}

/// Waits, which only shared memories have: the value differs.
const WAITS: &[&str] = &[
    "(local.set $i32 (memory.atomic.wait32 (i32.const 64) (i32.const 1) (i64.const -1)))",
    "(local.set $i32 (memory.atomic.wait64 (i32.const 64) (i64.const 1) (i64.const -1)))",
];

/// A binary operator in all its forms, and in a branch if it compares.
fn binary(from: &str, to: &str, name: &str) -> String {
    let op = format!("{from}.{name}");
    // Two locals, of which the second is never zero, and a constant.
    let (x, y) = (
        format!("(local.get ${from})"),
        format!("(local.get $c{from})"),
    );
    let k = format!("({from}.const 3)");
    // The result of this one is in the accumulator.
    let acc = format!("({from}.add {y} {k})");
    let operands = [
        (&x, &y),
        (&acc, &y),
        (&x, &k),
        (&acc, &k),
        (&x, &acc),
        (&k, &y),
        (&k, &acc),
    ];
    let mut statement = String::new();
    for (a, b) in operands {
        let _ = write!(statement, "(drop ({op} {a} {b})) ");
    }
    let _ = write!(statement, "(local.set ${to} ({op} {x} {k})) ");
    if to != from || ["eq", "ne", "lt", "gt", "le", "ge"].contains(&&name[..2]) {
        for (a, b) in operands {
            let _ = write!(statement, "(block (br_if 0 ({op} {a} {b}))) ");
            let _ = write!(statement, "(block (br_if 0 (i32.eqz ({op} {a} {b})))) ");
        }
    }
    statement
}

/// A store in all its forms.
fn store(ty: &str, op: &str, places: &[String]) -> String {
    let mut statement = String::new();
    for place in places {
        for value in [
            format!("(local.get ${ty})"),
            format!("({ty}.const 3)"),
            format!("({ty}.add (local.get ${ty}) ({ty}.const 1))"),
        ] {
            let _ = write!(statement, "({ty}.{op} {place} {value}) ");
        }
    }
    statement
}

const WIDE_ADDRESSES: &[&str] = &[
    "(local.get $ci64)",
    "(i64.mul (local.get $ci64) (i64.const 3))",
    "(i64.const 40)",
    "(i64.add (local.get $ci64) (i64.const 64))",
    "(i64.add (local.get $ci64) (local.get $ci64))",
];

const ADDRESSES: &[&str] = &[
    "(local.get $two)",
    "(i32.mul (local.get $two) (i32.const 3))",
    "(i32.const 40)",
    "(i32.add (local.get $two) (i32.const 64))",
    "(i32.add (local.get $two) (local.get $two))",
    "(i32.add (i32.mul (local.get $two) (i32.const 3)) (local.get $two))",
    "(i32.add (i32.mul (local.get $two) (i32.const 3)) (i32.const 24))",
];

struct Case {
    statement: String,
    store: Store<()>,
    run: TypedFunc<u32, u64>,
}

fn load(engine: &Engine, memories: &str, statement: String) -> Result<Case, Error> {
    let text = module(memories, &statement);
    let module = Module::new(engine, text).map_err(|e| e.context(statement.clone()))?;
    let mut store: Store<()> = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "nothing", || {})?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<u32, u64>(&store, "run")?;
    Ok(Case {
        statement,
        store,
        run,
    })
}

/// Runs everything `rounds` times; what each answers.
fn run_all(mode: DispatchMode, rounds: u32) -> Vec<u64> {
    let mut config = Config::new();
    config.dispatch(mode).wasm_wide_arithmetic(true);
    let engine = Engine::new(&config).unwrap();
    let mut cases: Vec<Case> = statements()
        .into_iter()
        .map(|(memories, s)| load(&engine, memories, s).unwrap())
        .collect();
    // The first call translates, which may use more stack than running.
    for case in &mut cases {
        case.run
            .call(&mut case.store, 1)
            .unwrap_or_else(|e| panic!("{}: {e}", case.statement));
    }
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let running = thread.spawn(move || {
        cases
            .iter_mut()
            .map(|case| case.run.call(&mut case.store, rounds))
            .collect::<Vec<_>>()
    });
    running
        .unwrap()
        .join()
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn no_instruction_uses_up_the_stack() {
    let mut threaded = Config::new();
    threaded.dispatch(DispatchMode::Threaded);
    // A build that has only the loop shows nothing by many rounds.
    let rounds = if Engine::new(&threaded).is_ok() {
        ROUNDS
    } else {
        1000
    };
    let default = run_all(DispatchMode::Auto, rounds);
    // The loop cannot overflow; a few rounds compare what it computes.
    let few = run_all(DispatchMode::Loop, 1000);
    assert_eq!(run_all(DispatchMode::Auto, 1000), few);
    assert_eq!(default.len(), few.len());
}
