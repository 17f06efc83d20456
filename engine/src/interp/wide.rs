//! 128-bit arithmetic on pairs of 64-bit integers. `d` is the slot of the
//! upper half of the result, which the accumulator has too; the slot of the
//! lower half is the last word.

use core::marker::PhantomData;

use super::dispatch::{Dispatch, Op, Regs};
use super::emit::{Kind, Val};
use super::encode::Encoder;
use super::ops::Plain;
use crate::translate::{FrameSlot, WideOp};
use crate::types::ValType;

/// An operator of two 128-bit integers.
pub(super) trait Wide {
    fn eval(a: u128, b: u128) -> u128;
}

/// An operator of two 64-bit integers, whose result has 128 bits.
pub(super) trait Widening {
    fn eval(a: u64, b: u64) -> u128;
}

macro_rules! operators {
    ($trait:ident $operand:ident; $($name:ident |$a:ident, $b:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl $trait for $name {
            #[inline(always)]
            fn eval($a: $operand, $b: $operand) -> u128 {
                $value
            }
        }
    )*};
}

operators! { Wide u128;
    I64Add128 |a, b| a.wrapping_add(b);
    I64Sub128 |a, b| a.wrapping_sub(b);
}

operators! { Widening u64;
    I64MulWideS |a, b| (i128::from(a.cast_signed()) * i128::from(b.cast_signed())).cast_unsigned();
    I64MulWideU |a, b| u128::from(a) * u128::from(b);
}

impl Regs {
    /// Writes both halves of a result and goes on.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`]; so for both methods here.
    #[inline(always)]
    unsafe fn put_wide<D: Dispatch>(mut self, result: u128, last: usize) -> D::Next {
        // SAFETY: The caller's promise.
        unsafe {
            self.put(self.word(last) as usize, result as u64);
            self.set(self.d(), (result >> 64) as u64);
            self.next::<D>(last + 1)
        }
    }

    /// The number whose halves are in two slots.
    #[inline(always)]
    unsafe fn halves(&self, low: usize, high: usize) -> u128 {
        // SAFETY: The caller's promise.
        unsafe { u128::from(self.get::<u64>(low)) | u128::from(self.get::<u64>(high)) << 64 }
    }
}

/// `(word 3, d) = (a, b) O (halves of word 2)`
pub(super) struct WideOf<O>(PhantomData<O>);

impl<O: Wide> Op for WideOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let second = r.word(2);
            let a = r.halves(r.a(), r.b());
            let b = r.halves(second as u16 as usize, (second >> 16) as usize);
            r.put_wide::<D>(O::eval(a, b), 3)
        }
    }
}

/// `(word 2, d) = a O b`
pub(super) struct WideningOf<O>(PhantomData<O>);

impl<O: Widening> Op for WideningOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let result = O::eval(r.get(r.a()), r.get(r.b()));
            r.put_wide::<D>(result, 2)
        }
    }
}

impl Encoder<'_> {
    pub(super) fn write_wide(&mut self, op: WideOp, operands: &[Val], home: FrameSlot) -> [Val; 2] {
        // Constants go to their homes, which follow one by one.
        let mut slots = [0; 4];
        for ((slot, val), own) in slots.iter_mut().zip(operands).zip(home..) {
            *slot = self.slot_of(ValType::I64, *val, own);
        }
        let plain = match op {
            WideOp::I64Add128 => Plain::I64Add128,
            WideOp::I64Sub128 => Plain::I64Sub128,
            WideOp::I64MulWideS => Plain::I64MulWideS,
            WideOp::I64MulWideU => Plain::I64MulWideU,
        };
        // The upper half is what the next instruction wants first.
        let high = home + 1;
        let at = self.plain(plain, high);
        self.asm.slots(slots[0], slots[1]);
        if operands.len() > 2 {
            self.asm
                .word(u32::from(slots[2]) | u32::from(slots[3]) << 16);
        }
        self.asm.word(u32::from(home));
        self.asm.accs.lose(home);
        self.asm.defined(at, ValType::I64, high, Kind::Other);
        [Val::Slot(home), Val::Slot(high)]
    }
}
