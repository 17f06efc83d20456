//! What the translator tells sinks, seen through the printing sink.

use wasmparser::{Parser, ValidPayload, Validator, WasmFeatures};

use super::print_ir;
use super::sink::Seen;
use crate::config::Config;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::module::{FuncIndex, Module};

/// The lines that the printing sink makes of function 0 of `fields`, without
/// the first two (type and layout).
fn body_with(config: &Config, fields: &str) -> String {
    let engine = Engine::new(config).unwrap();
    let module = Module::new(&engine, format!("(module {fields})")).unwrap();
    let text = print_ir(&module, module.inner().imported_funcs).unwrap();
    let lines: Vec<&str> = text.lines().skip(2).map(str::trim_start).collect();
    lines.join("\n")
}

fn body(fields: &str) -> String {
    body_with(&Config::new(), fields)
}

#[test]
fn operands_are_slots_of_locals_until_somebody_needs_more() {
    let text = body("(func (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))");
    assert_eq!(text, "s6 = i32.add s0 s1\nreturn s6\nslots 8");
}

#[test]
fn overwriting_a_local_stores_its_aliases_first() {
    let text = body(
        "(func (param i32) (result i32)
           local.get 0  local.get 0  i32.const 1  i32.add  local.set 0)",
    );
    assert_eq!(
        text,
        "s6 = i32.add s0 1\ns5 = spill s0\ns0 = s6\nreturn s5\nslots 8"
    );
}

#[test]
fn aliases_and_constants_are_home_before_a_block() {
    let text = body(
        "(func (param i32) (result i32)
           local.get 0  i32.const 7
           (block (br_if 0 (local.get 0)) (local.set 0 (i32.const 1)))
           i32.add)",
    );
    assert_eq!(
        text,
        "s6 = 7\ns5 = s0\nif s0 jump L1\ns0 = 1\nL1:\ns5 = i32.add s5 s6\nreturn s5\nslots 8"
    );
}

#[test]
fn dead_code_is_skipped_with_all_its_blocks() {
    let text = body(
        "(func (result i32)
           (block (result i32) (br 0 (i32.const 1)) (loop (block (br 2 (i32.const 2)))) (if (i32.const 1) (then) (else))))",
    );
    assert_eq!(text, "s5 = 1\njump L1\nL1:\nreturn s5\nslots 6");
}

#[test]
fn branches_carry_operands_to_the_labels_homes() {
    let text = body(
        "(func (param i32) (result i32)
           (block (result i32)
             i32.const 5  i32.const 6  (br_if 0 (local.get 0))  drop))",
    );
    // Falling through keeps the operands where they are.
    assert_eq!(
        text,
        "s6 = 6\ns5 = 5\nif not s0 jump L2\ns5 = s6\njump L1\nL2:\nL1:\nreturn s5\nslots 8"
    );
}

#[test]
fn loops_are_named_by_offset_and_take_parameters() {
    let text = body(
        "(func (param i32) (result i32)
           local.get 0
           (loop (param i32) (result i32)
             i32.const 1  i32.sub  local.get 0  br_if 0))",
    );
    assert!(text.starts_with("s5 = s0\nL1: loop at 0x"), "{text}");
    assert!(
        text.ends_with("s5 = i32.sub s5 1\nif s0 jump L1\nreturn s5\nslots 7"),
        "{text}"
    );
}

#[test]
fn locals_are_zeroed_only_if_somebody_may_see_it() {
    let written = body("(func (local i32 i64) (local.set 0 (i32.const 1)) (drop (local.get 0)))");
    assert!(!written.contains("zero"), "{written}");
    let read = body("(func (local i32 i64) (drop (local.get 1)) (local.set 0 (i32.const 1)))");
    assert!(read.contains("entry: zero s5 for 1"), "{read}");
    let maybe = body(
        "(func (param i32) (local i32)
           (if (local.get 0) (then (local.set 1 (i32.const 1)))) (drop (local.get 1)))",
    );
    assert!(maybe.contains("entry: zero s5 for 1"), "{maybe}");
    let both = body(
        "(func (param i32) (local i32)
           (block (br_if 0 (local.get 0)) (local.set 1 (i32.const 1)) (drop (local.get 1))))",
    );
    assert!(!both.contains("zero"), "{both}");
}

#[test]
fn root_maps_hold_written_references_below_the_window() {
    let text = body(
        "(func (param externref i32) (local anyref)
           local.get 0  (ref.i31 (i32.const 1))  (call 1 (local.get 1) (local.get 0))  drop  drop)
         (func (param i32 externref))",
    );
    // The parameter and the local are roots, the alias and the argument are
    // not, the reference below the window is.
    assert!(
        text.contains("call func 1 window s9 (2 in, 0 out) roots{ s0 s6 s8 }"),
        "{text}"
    );
    assert!(text.contains("entry: zero s6 for 1"), "{text}");
}

#[test]
fn fuel_is_charged_for_basic_blocks() {
    let text = body_with(
        Config::new().fuel(true),
        "(func (param i32) (loop (nop) (br_if 0 (i32.eqz (local.get 0)))) (drop (local.get 0)))",
    );
    let charges: Vec<&str> = text.lines().filter(|l| l.starts_with("fuel")).collect();
    assert_eq!(charges, ["fuel 3", "fuel 2"], "{text}");
}

#[test]
fn nans_are_normalized_only_on_demand() {
    let fields = "(func (param f64) (result f64) (f64.neg (f64.add (local.get 0) (local.get 0))))";
    assert!(!body(fields).contains("normalize"));
    let text = body_with(Config::new().canonicalize_nans(true), fields);
    assert_eq!(text.matches("f64.normalize_nan").count(), 1, "{text}");
}

#[test]
fn eqz_and_is_null_are_comparisons() {
    let text = body(
        "(func (param i64 funcref) (drop (i64.eqz (local.get 0))) (drop (ref.is_null (local.get 1))))",
    );
    assert!(text.contains("i64.eq s0 0"), "{text}");
    assert!(text.contains("i64.eq s1 0"), "{text}");
}

#[test]
fn frames_beyond_the_operands_of_code_are_refused() {
    let many = "(local i64)".replace("i64", &"i64 ".repeat(50_000));
    let deep = "(i32.const 0)".repeat(16_000);
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        format!("(module (func {many} {deep} unreachable))"),
    )
    .unwrap();
    let error = print_ir(&module, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(
        error
            .to_string()
            .starts_with("function too large: frame of 65536 slots"),
        "{error}"
    );
    let fewer = "(i32.const 0)".repeat(15_000);
    let module = Module::new(
        &engine,
        format!("(module (func {many} {fewer} unreachable))"),
    )
    .unwrap();
    assert!(print_ir(&module, 0).is_ok());
}

#[test]
fn deep_nesting_and_huge_tables_do_not_recurse() {
    let (depth, count) = (20_000, 50_000);
    let targets = "0 1 2 ".repeat(count / 3);
    let fields = format!(
        "(func (param i32) {} (br_table {targets} (local.get 0)) {})",
        "block ".repeat(depth),
        "end ".repeat(depth)
    );
    let text = body(&fields);
    assert!(text.contains("table s0:"), "no table");
}

#[test]
fn imported_functions_have_no_body() {
    let module = Module::new(&Engine::default(), "(module (import \"a\" \"b\" (func)))").unwrap();
    assert_eq!(print_ir(&module, 0).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(print_ir(&module, 1).unwrap_err().kind(), ErrorKind::Usage);
}

/// Walks function 0 with a validator that sees everything first, as `features`
/// allow it.
fn walk_checked(module: &Module, binary: &[u8], features: WasmFeatures) -> Result<String> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut text = String::new();
    for payload in Parser::new(0).parse_all(binary) {
        let seen = validator.payload(&payload.unwrap()).unwrap();
        let ValidPayload::Func(func, _) = seen else {
            continue;
        };
        let func = wasmparser::FuncToValidate { features, ..func };
        let mut func = func.into_validator(wasmparser::FuncValidatorAllocations::default());
        let mut check = |offset: u32, part: Seen<'_>| {
            let offset = u64::from(offset);
            match part {
                Seen::Locals { count, ty } => func.define_locals(offset, count, ty),
                Seen::Operator(op) => func.op(offset, op),
            }
            .map_err(|e| Error::new(ErrorKind::Invalid, e.message()).with_offset(e.offset()))
        };
        let mut sink = super::print::Printer::default();
        super::translate(module.inner(), FuncIndex(0), &mut check, &mut sink)?;
        text.push_str(sink.text());
    }
    Ok(text)
}

#[test]
fn a_validator_can_ride_along() {
    let binary = wat::parse_str(
        "(module (func (param i32) (result i32) (local i64) (i32.extend8_s (local.get 0))))",
    )
    .unwrap();
    let module = Module::new(&Engine::default(), &binary).unwrap();
    let text = walk_checked(&module, &binary, WasmFeatures::all()).unwrap();
    assert!(print_ir(&module, 0).unwrap().ends_with(&text));
    let error = walk_checked(&module, &binary, WasmFeatures::WASM1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.offset().is_some());
}

#[test]
fn atomic_operators_say_width_place_and_operands() {
    let text = body(
        "(memory i64 1 1 shared)
         (func (param i64 i64) (result i64)
           (i64.atomic.store8 offset=3 (local.get 0) (local.get 1))
           (atomic.fence)
           (drop (memory.atomic.wait32 (local.get 0) (i32.const 5) (i64.const -1)))
           (i64.atomic.rmw16.cmpxchg_u (local.get 0) (local.get 1) (i64.const 7)))",
    );
    assert_eq!(
        text,
        "s6 = i64.atomic8.store m0[s0 + 3] s1\n\
         atomic.fence\n\
         s6 = i32.atomic32.wait m0[s0 + 0] 5 -1\n\
         s6 = i64.atomic16.cmpxchg m0[s0 + 0] s1 7\n\
         return s6\nslots 9"
    );
}
