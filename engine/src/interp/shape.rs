//! The shapes of instructions that compute: one type a shape, generic over
//! the operator and over where its operands come from. The table in
//! [`ops`](super::ops) lists which instances exist.

use core::marker::PhantomData;

use super::control::{Slice, Stop};
use super::dispatch::{Dispatch, Op, Regs};
use super::numeric::{Binary, Compare, Unary};
use super::operand::{I, S, Source, Value, words};
use crate::trap::Trap;

/// Ends the instruction with a trap.
#[inline(always)]
pub(super) unsafe fn stop<D: Dispatch>(mut r: Regs, trap: Trap) -> D::Next {
    r.acc = trap as u64;
    // SAFETY: The registers are those of the instruction that traps.
    unsafe { D::cold::<Stop>(r) }
}

/// `d = O a`
pub(super) struct Un<O, A>(PhantomData<(O, A)>);

impl<O: Unary, A: Source> Op for Un<O, A> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            match O::eval(A::a(&r, 2)) {
                Ok(value) => {
                    r.set(r.d(), value);
                    r.next::<D>(2)
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}

/// `d = a O b`
pub(super) struct Bin<O, A, B>(PhantomData<(O, A, B)>);

impl<O: Binary, A: Source, B: Source> Op for Bin<O, A, B> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            match O::eval(A::a(&r, 2), B::b(&r, 2)) {
                Ok(value) => {
                    r.set(r.d(), value);
                    r.next::<D>(2 + words::<O::T, A>() + words::<O::T, B>())
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}

/// `d = a O b`, where `b` is a 64-bit immediate.
pub(super) struct BinWide<O, A>(PhantomData<(O, A)>);

impl<O: Binary, A: Source> Op for BinWide<O, A> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let b = O::T::from_slot(super::operand::read(r.ip.add(2).cast()));
            match O::eval(A::a(&r, 2), b) {
                Ok(value) => {
                    r.set(r.d(), value);
                    r.next::<D>(4)
                }
                Err(trap) => stop::<D>(r, trap),
            }
        }
    }
}

/// `d = a O b`, zero or one.
pub(super) struct Cmp<O, A, B>(PhantomData<(O, A, B)>);

impl<O: Compare, A: Source, B: Source> Op for Cmp<O, A, B> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let value = O::eval(A::a(&r, 2), B::b(&r, 2));
            r.set(r.d(), u32::from(value));
            r.next::<D>(2 + words::<O::T, A>() + words::<O::T, B>())
        }
    }
}

/// Branches if `a O b` is `WHEN`; backwards it costs a tick.
pub(super) struct BrCmp<O, A, B, const WHEN: bool, const BACK: bool>(PhantomData<(O, A, B)>);

impl<O: Compare, A: Source, B: Source, const WHEN: bool, const BACK: bool> Op
    for BrCmp<O, A, B, WHEN, BACK>
{
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let target = 2 + words::<O::T, A>() + words::<O::T, B>();
            if O::eval(A::a(&r, 2), B::b(&r, 2)) != WHEN {
                return r.next::<D>(target + 1);
            }
            if BACK {
                r.tick -= 1;
                if r.tick < 0 {
                    return D::cold::<Slice>(r);
                }
            }
            r.jump::<D>(target)
        }
    }
}

/// The end of a counting loop: `d = a + x`, and back if `d O b`.
///
/// `X` and `B` are not both slots: `b` and the slot of `x` share a place.
pub(super) struct Latch<O, T, X, B>(PhantomData<(O, T, X, B)>);

impl<O: Compare, T: Binary, X: Source, B: Source> Op for Latch<O, T, X, B>
where
    O::T: Value,
{
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let Ok(sum) = T::eval(S::a(&r, 2), X::b(&r, 2)) else {
                return stop::<D>(r, Trap::IntegerOverflow);
            };
            let bound = 2 + words::<T::T, X>();
            let target = bound + words::<O::T, B>();
            let taken = O::eval(O::T::from_slot(sum.to_slot()), B::b(&r, bound));
            if !taken {
                r.set(r.d(), sum);
                return r.next::<D>(target + 1);
            }
            r.tick -= 1;
            if r.tick < 0 {
                return D::cold::<Slice>(r);
            }
            r.set(r.d(), sum);
            r.jump::<D>(target)
        }
    }
}

/// `d = c != 0 ? a : b`
pub(super) struct Select<T, C>(PhantomData<(T, C)>);

impl<T: Value, C: Condition> Op for Select<T, C> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let (a, b) = (r.get::<T>(r.a()), r.get::<T>(r.b()));
            let value = if C::holds(&r) { a } else { b };
            r.set(r.d(), value);
            r.next::<D>(2 + C::WORDS)
        }
    }
}

/// What a `select` asks; its words start at 2.
pub(super) trait Condition {
    const WORDS: usize;
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn holds(r: &Regs) -> bool;
}

/// The slot in word 2 is not zero.
pub(super) struct NonZero;

impl Condition for NonZero {
    const WORDS: usize = 1;

    #[inline(always)]
    unsafe fn holds(r: &Regs) -> bool {
        // SAFETY: The caller's promise.
        unsafe { r.get::<u32>(r.word(2) as usize) != 0 }
    }
}

/// The accumulator is not zero.
pub(super) struct AccNonZero;

impl Condition for AccNonZero {
    const WORDS: usize = 0;

    #[inline(always)]
    unsafe fn holds(r: &Regs) -> bool {
        r.acc as u32 != 0
    }
}

/// A comparison of the slot in the low half of word 2 with the slot in its
/// upper half, or with an immediate.
pub(super) struct Holds<O, B>(PhantomData<(O, B)>);

impl<O: Compare, B: Source> Condition for Holds<O, B> {
    const WORDS: usize = 1 + words::<O::T, B>();

    #[inline(always)]
    unsafe fn holds(r: &Regs) -> bool {
        // SAFETY: The caller's promise.
        unsafe {
            let slots = r.word(2);
            let a = r.get::<O::T>(slots as u16 as usize);
            let b = if B::IMMEDIATE {
                I::b(r, 3)
            } else {
                r.get::<O::T>((slots >> 16) as usize)
            };
            O::eval(a, b)
        }
    }
}
