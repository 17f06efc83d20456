//! Random bytes and random windows: lifting and moving answer values or errors,
//! and never panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{FakeGuest, all_options};
use linkspan_canon_abi::program::{MoveContext, Pair, Programs};
use linkspan_canon_abi::{ResourceTypeId, Scratch, TypeTable, Val, ValType};

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number that is small, large, or near a limit.
    fn slot(&mut self) -> u64 {
        match self.below(8) {
            0..4 => self.below(64),
            4 => self.below(4096),
            5 => u64::MAX - self.below(8),
            6 => (1 << 31) + self.below(16),
            _ => self.next(),
        }
    }

    fn ty(&mut self, types: &mut TypeTable, depth: u32) -> ValType {
        let leaf = if depth == 0 { 12 } else { 24 };
        let resource = ResourceTypeId(0);
        let ty = match self.below(leaf) {
            0 => return ValType::Bool,
            1 => return ValType::Char,
            2 => return ValType::U8,
            3 => return ValType::S16,
            4 => return ValType::U32,
            5 => return ValType::F64,
            6..9 => return ValType::String,
            9 => types.own(resource),
            10 => types.borrow(resource),
            11 => types.flags(["a", "b", "c"]),
            12..16 => {
                let elem = self.ty(types, depth - 1);
                types.list(elem)
            }
            16..19 => {
                let some = self.ty(types, depth - 1);
                types.option(some)
            }
            19..22 => {
                let ok = self.ty(types, depth - 1);
                let err = self.ty(types, depth - 1);
                types.variant([("a", None), ("b", Some(ok)), ("c", Some(err))])
            }
            _ => {
                let count = self.below(6) + 1;
                let fields: Vec<ValType> = (0..count).map(|_| self.ty(types, depth - 1)).collect();
                types.tuple(fields)
            }
        };
        ty.unwrap()
    }
}

#[test]
fn nothing_panics() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut values, mut errors) = (0, 0);
    for _ in 0..1500 {
        let mut types = TypeTable::new();
        let ty = random.ty(&mut types, 4);
        let all = all_options();
        let from = all[random.below(all.len() as u64) as usize];
        let to = all[random.below(all.len() as u64) as usize];
        let mut source = FakeGuest::new(4096, 64, from);
        let mut target = FakeGuest::new(4096, 64, to);
        // Small words make pointers, lengths and discriminants likely.
        for word in source.memory.chunks_exact_mut(4) {
            let word: &mut [u8; 4] = word.try_into().unwrap();
            *word = match random.below(4) {
                0 => (random.next() as u32).to_le_bytes(),
                1 => (random.below(1024) as u32 & !7).to_le_bytes(),
                _ => (random.below(4) as u32).to_le_bytes(),
            };
        }
        let mut programs = Programs::new();
        let lift = programs
            .values(&types, &[ty], from.pointer, from.pointer)
            .unwrap();
        let across = programs
            .values(&types, &[ty], from.pointer, to.pointer)
            .unwrap();
        let lower = programs
            .values(&types, &[ty], to.pointer, to.pointer)
            .unwrap();
        for _ in 0..20 {
            let window: [u64; 16] = std::array::from_fn(|_| random.slot());
            let scratch = Scratch::new();
            let mut cx = source.lift(&scratch).with_budget(1 << 20);
            let lifted: Result<Vec<Val>, _> = lift.lift_params(&mut cx, &window);
            match lifted {
                Ok(lifted) => {
                    values += 1;
                    lifted[0].check(&types, ty).unwrap();
                    // The memory may be too small; it must not be too much.
                    let _ = lower.lower_params(&mut target.lower(), &lifted, &mut [0; 16]);
                }
                Err(error) => {
                    errors += 1;
                    assert!(error.trap().is_some(), "{error}");
                }
            }
            target.next = 64;
            let pair = Pair {
                from: &mut source,
                to: &mut target,
            };
            let mut cx = MoveContext::new(pair, from, to).with_budget(1 << 20);
            if let Err(error) = across.move_params(&mut cx, &window, &mut [0; 16]) {
                assert!(error.trap().is_some(), "{error}");
            }
        }
    }
    assert!(
        values > 1000 && errors > 1000,
        "{values} values, {errors} errors"
    );
}
