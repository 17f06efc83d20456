//! What the encoder writes: which instructions it fuses, what it must not,
//! and where instructions came from.

use super::code::{Code, Parts};
use super::emit::{Assembler, fits, pair};
use super::ops::{AddressForm, Form, From, LatchForm, Opcode, PairOf, Plain};
use crate::config::Config;
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::module::{FuncIndex, Module};
use crate::translate::{BinaryOp, CompareOp, LoadOp, StoreOp};
use crate::types::ValType;

/// The code of the first function that `fields` define.
fn words(fields: &str) -> Vec<u32> {
    let engine = Engine::new(&Config::new()).unwrap();
    let module = Module::new(&engine, format!("(module {fields})")).unwrap();
    let func = FuncIndex(module.inner().imported_funcs);
    super::code_for(module.inner(), func).unwrap().words()
}

/// The first word of an instruction.
fn first(op: Opcode, d: u16) -> u32 {
    pair(op.0, d)
}

#[test]
fn results_go_straight_into_locals() {
    let words = words("(func (param i32 i32) (local.set 1 (i32.add (local.get 0) (i32.const 3))))");
    let add = Opcode::binary(BinaryOp::I32Add, Form::SlotConst);
    assert_eq!(words[0], first(add, 1));
    assert_eq!(words[1..3], [pair(0, 0), 3]);
    assert_eq!(words[3], first(Opcode::plain(Plain::Return), 2));
}

#[test]
fn the_accumulator_feeds_the_next_instruction() {
    let words = words(
        "(func (param i64 i64) (result i64)
           (i64.sub (local.get 1) (i64.mul (local.get 0) (local.get 1))))",
    );
    let sub = Opcode::binary(BinaryOp::I64Sub, Form::SlotAcc);
    // The result goes to slot 0, where the caller wants it.
    assert_eq!(words[2], first(sub, 0));
}

#[test]
fn a_subtraction_of_a_constant_is_an_addition() {
    let words = words("(func (param i32) (local.set 0 (i32.sub (local.get 0) (i32.const 1))))");
    let add = Opcode::binary(BinaryOp::I32Add, Form::SlotConst);
    assert_eq!((words[0], words[2]), (first(add, 0), u32::MAX));
}

#[test]
fn comparisons_become_part_of_branches() {
    let words = words(
        "(func (param f64) (block
           (br_if 0 (i32.eqz (f64.gt (local.get 0) (f64.const 2))))
           (local.set 0 (f64.const 0))))",
    );
    // Not `le`: that would be wrong for a NaN.
    let branch = Opcode::branch(CompareOp::F64Gt, Form::SlotConst, false, false);
    assert_eq!(words[0], first(branch, 0));
}

#[test]
fn counting_loops_end_in_one_instruction() {
    let counted = words(
        "(func (param i32 i32) (loop
           (local.set 0 (i32.add (local.get 0) (i32.const 4)))
           (br_if 0 (i32.lt_u (local.get 0) (local.get 1)))))",
    );
    let latch = Opcode::latch(CompareOp::I32LtU, LatchForm::ConstSlot);
    assert_eq!(counted[..4], [first(latch, 0), pair(0, 1), 4, 0]);
    let down = words(
        "(func (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))",
    );
    let latch = Opcode::latch(CompareOp::I32Ne, LatchForm::ConstConst);
    assert_eq!(down[..5], [first(latch, 0), 0, u32::MAX, 0, 0]);
}

#[test]
fn wrapping_sums_become_part_of_addresses() {
    let load = words(
        "(memory 1) (func (param i32) (result i32)
           (i32.load8_u offset=5 (i32.add (local.get 0) (i32.const 1024))))",
    );
    let op = Opcode::load(LoadOp::I32Load8U, AddressForm::SlotPlus);
    assert_eq!(load[..4], [first(op, 0), 0, 5, 1024]);
    let store = words(
        "(memory 1) (func (param i32)
           (i32.store8 (i32.add (local.get 0) (i32.const 1024)) (i32.const 7)))",
    );
    let op = Opcode::store(StoreOp::I32Store8, AddressForm::SlotPlus, From::Const);
    assert_eq!(store[..5], [first(op, 0), 0, 0, 1024, 7]);
}

#[test]
fn a_sum_that_somebody_else_reads_stays() {
    let words = words(
        "(memory 1) (func (param i32 i32) (result i32)
           (i32.load (local.tee 1 (i32.add (local.get 0) (i32.const 1024)))))",
    );
    assert_eq!(
        words[0],
        first(Opcode::binary(BinaryOp::I32Add, Form::SlotConst), 1)
    );
    assert_eq!(
        words[3],
        first(Opcode::load(LoadOp::I32Load, AddressForm::Acc), 0)
    );
}

#[test]
fn pairs_of_operators_are_one_instruction() {
    let words = words(
        "(func (param f64 f64 f64) (result f64)
           (f64.sub (local.get 2) (f64.mul (local.get 0) (local.get 1))))",
    );
    let pair_of = PairOf {
        inner: BinaryOp::F64Mul,
        outer: BinaryOp::F64Sub,
        inner_const: false,
        outer_const: false,
        swapped: true,
    };
    let op = Opcode::pair(pair_of, false).unwrap();
    assert_eq!(words[..3], [first(op, 0), pair(0, 1), 2]);
}

#[test]
fn an_alias_is_saved_before_the_instruction_that_ends_it() {
    let words = words(
        "(func (param i32) (result i32)
           local.get 0  local.get 0  i32.const 1  i32.add  local.set 0)",
    );
    assert_eq!(words[0], first(Opcode::plain(Plain::Copy), 5));
    assert_eq!(
        words[2],
        first(Opcode::binary(BinaryOp::I32Add, Form::SlotConst), 0)
    );
}

#[test]
fn pointers_in_call_sites_are_aligned() {
    let site = |fields: &str| words(fields).iter().map(|w| *w as u16).collect::<Vec<_>>();
    // A load of a global has two words, one from memory three or four.
    let even = site("(memory 1) (func (call 1)) (func)");
    assert_eq!(even[0], Opcode::plain(Plain::CallEven).0);
    let odd = site(
        "(memory 1) (global i32 (i32.const 0))
         (func (drop (i32.load (i32.const 0))) (drop (global.get 0)) (call 1)) (func)",
    );
    assert_eq!(odd[4 + 2], Opcode::plain(Plain::CallEven).0);
    let odd = site("(memory 1) (func (param i32) (drop (i32.load (local.get 0))) (call 1)) (func)");
    assert_eq!(odd[3], Opcode::plain(Plain::CallOdd).0);
}

#[test]
fn positions_lead_back_to_the_binary() {
    let positions: Vec<(u32, u32)> = (0..300).map(|i| (i * 7, 1000 + i * 3)).collect();
    let words = vec![0; 300 * 7];
    let code = Code::new(Parts {
        handlers: None,
        words: &words,
        entry: 0,
        header_slot: 0,
        positions: &positions,
        roots: &crate::translate::RootMaps::default(),
    });
    for (at, offset) in &positions {
        for behind in 1..=7 {
            let ip = code.ip().wrapping_add((*at + behind) as usize);
            assert!(code.contains(ip));
            assert_eq!(code.wasm_offset(ip), *offset);
        }
    }
    assert!(!code.contains(code.ip()));
    assert!(!code.contains(code.ip().wrapping_add(words.len() + 1)));
}

#[test]
fn immediates_have_one_word_or_are_floats() {
    assert!(fits(ValType::I64, u64::MAX));
    assert!(fits(ValType::I64, 0x7fff_ffff));
    assert!(!fits(ValType::I64, 0x8000_0000));
    assert!(fits(ValType::F64, 1.5_f64.to_bits()));
}

#[test]
fn code_has_a_limit() {
    let mut asm = Assembler::default();
    asm.words = vec![0; 1 << 24];
    assert!(asm.at(0).is_ok());
    asm.words.push(0);
    assert_eq!(asm.at(0).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn wide_addresses_have_forms_of_their_own() {
    let load = |form| Opcode::load(LoadOp::I32Load, form);
    let words = words(
        "(memory i64 1) (func (param i64) (result i32)
           (drop (i32.load offset=8 (i64.add (local.get 0) (i64.const -3))))
           (drop (i32.load offset=0x100000000 (local.get 0)))
           (i32.load (i64.mul (local.get 0) (local.get 0))))",
    );
    assert_eq!(words[0] as u16, load(AddressForm::WidePlus).0);
    assert_eq!(words[2..4], [8, (-3_i32).cast_unsigned()]);
    assert_eq!(words[4] as u16, load(AddressForm::AnyWide).0);
    // The offset takes two words; then comes the multiplication.
    assert_eq!(words[4 + 4 + 2] as u16, load(AddressForm::WideAcc).0);
}

#[test]
fn shared_memories_are_never_reached_by_plain_accesses() {
    let words = words(
        "(memory 1 1 shared) (func (param i32)
           (i32.store (local.get 0) (i32.add (local.get 0) (i32.const 1))))",
    );
    let store = Opcode::store(StoreOp::I32Store, AddressForm::AnyShared, From::Slot);
    assert_eq!(words[3] as u16, store.0);
}

/// A loop whose body branches to the loop's end over `inside`.
fn continued_loop(inside: &str) -> Vec<u32> {
    words(&format!(
        "(func (param i32 i64 i64)
           (loop
             (block
               (if (local.get 0) (then (local.set 0 (i32.const 7)) (br 1)))
               {inside})
             (local.set 1 (i64.add (local.get 1) (i64.const -3)))
             (local.set 2 (local.get 1))
             (br 0)))"
    ))
}

#[test]
fn a_branch_to_the_end_of_a_loop_goes_on_from_there() {
    let words = continued_loop("");
    let via = Opcode::plain(Plain::Increment64CopyBrVia).0;
    let at = words.iter().position(|word| *word == pair(via, 2));
    // Straight to the start, which is that many bytes behind.
    let at = at.expect("two words before the end of the loop");
    assert_eq!(words[at + 1].cast_signed(), -4 * at as i32, "{words:x?}");
}

#[test]
fn an_end_of_a_loop_that_is_too_far_away_is_branched_to() {
    let words = continued_loop(&"(local.set 0 (i32.const 8))".repeat(40_000));
    let via = Opcode::plain(Plain::Increment64CopyBrVia).0;
    let op = |word: &u32| u16::from_ne_bytes([word.to_ne_bytes()[0], word.to_ne_bytes()[1]]);
    assert!(words.len() > 80_000);
    assert!(!words.iter().any(|word| op(word) == via));
    assert!(words.contains(&first(Opcode::plain(Plain::Br), 0)));
}
