//! The shapes of instructions that compute with vectors, each generic over
//! the operator; and the instructions that only move vectors.

use core::marker::PhantomData;

use super::super::dispatch::{Dispatch, Op, Regs};
use super::super::operand::{Value, read, write};
use super::super::shape::Condition;
use super::lanes::Lanes;

/// An operator of one vector.
pub(super) trait Unary {
    type A: Lanes;
    fn eval(a: Self::A) -> impl Lanes;
}

/// An operator of two vectors.
pub(super) trait Binary {
    type A: Lanes;
    fn eval(a: Self::A, b: Self::A) -> impl Lanes;
}

/// An operator of three vectors.
pub(super) trait Ternary {
    type A: Lanes;
    type C: Lanes;
    fn eval(a: Self::A, b: Self::A, c: Self::C) -> Self::C;
}

/// A shift of all lanes.
pub(super) trait Shift {
    type A: Lanes;
    fn eval(a: Self::A, count: u32) -> Self::A;
}

/// A question about all lanes.
pub(super) trait Test {
    type A: Lanes;
    fn eval(a: Self::A) -> u32;
}

/// A number as a lane: what a splat, or the replacement of a lane, writes.
pub(super) trait Narrow {
    type T: Value;
    type Lane: Copy;
    fn narrow(value: Self::T) -> Self::Lane;
    fn splat(value: Self::T) -> impl Lanes;
}

/// A lane as a number.
pub(super) trait Widen {
    type T: Value;
    type Lane: Copy;
    fn widen(lane: Self::Lane) -> Self::T;
}

/// `d = O a`
pub(super) struct UnaryOf<O>(PhantomData<O>);

impl<O: Unary> Op for UnaryOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            r.put_vector(r.d(), O::eval(r.vector(r.a())));
            r.next::<D>(2)
        }
    }
}

/// `d = a O b`
pub(super) struct BinaryOf<O>(PhantomData<O>);

impl<O: Binary> Op for BinaryOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            r.put_vector(r.d(), O::eval(r.vector(r.a()), r.vector(r.b())));
            r.next::<D>(2)
        }
    }
}

/// `d = O a b c`; the slot `c` is word 2.
pub(super) struct TernaryOf<O>(PhantomData<O>);

impl<O: Ternary> Op for TernaryOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let c = r.vector(r.word(2) as usize);
            r.put_vector(r.d(), O::eval(r.vector(r.a()), r.vector(r.b()), c));
            r.next::<D>(3)
        }
    }
}

/// `d = a O b`, where `b` is a slot, or with `CONST` the number of bits.
pub(super) struct ShiftOf<O, const CONST: bool>(PhantomData<O>);

impl<O: Shift, const CONST: bool> Op for ShiftOf<O, CONST> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let count = if CONST { r.b() as u32 } else { r.get(r.b()) };
            r.put_vector(r.d(), O::eval(r.vector(r.a()), count));
            r.next::<D>(2)
        }
    }
}

/// `d = O a`, an `i32`.
pub(super) struct TestOf<O>(PhantomData<O>);

impl<O: Test> Op for TestOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            r.set(r.d(), O::eval(r.vector(r.a())));
            r.next::<D>(2)
        }
    }
}

/// `d = lanes that are all a`
pub(super) struct SplatOf<O>(PhantomData<O>);

impl<O: Narrow> Op for SplatOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            r.put_vector(r.d(), O::splat(r.get(r.a())));
            r.next::<D>(2)
        }
    }
}

/// `d = lane b of a`
pub(super) struct ExtractOf<O>(PhantomData<O>);

impl<O: Widen> Op for ExtractOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let lane = *r.lane::<O::Lane>(r.a(), r.b());
            r.set(r.d(), O::widen(lane));
            r.next::<D>(2)
        }
    }
}

/// `d = a, with lane (word 2) b`
pub(super) struct ReplaceOf<O>(PhantomData<O>);

impl<O: Narrow> Op for ReplaceOf<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let lane = O::narrow(r.get(r.b()));
            r.put_vector::<[u64; 2]>(r.d(), r.vector(r.a()));
            *r.lane(r.d(), r.word(2) as usize) = lane;
            r.next::<D>(3)
        }
    }
}

/// `d = lanes of a and b`, whose indices stand from word 2 on, a byte each.
pub(in super::super) struct Shuffle<T, const N: usize>(PhantomData<T>);

impl<T: Copy + Default, const N: usize> Op for Shuffle<T, N> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let from: [[T; N]; 2] = [r.vector(r.a()), r.vector(r.b())];
            let lanes: [u8; N] = read(r.ip.add(2).cast());
            let mut out = [T::default(); N];
            let mut i = 0;
            while i < N {
                let lane = usize::from(lanes[i]);
                out[i] = from[lane / N % 2][lane % N];
                i += 1;
            }
            r.put_vector(r.d(), out);
            r.next::<D>(2 + N / size_of::<u32>())
        }
    }
}

/// `d = words 1 to 4`
pub(in super::super) struct ConstVector;

impl Op for ConstVector {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let halves: [u64; 2] = read(r.ip.add(1).cast());
            write(r.sp.add(r.d()).cast(), halves);
            r.next::<D>(5)
        }
    }
}

/// `d = a`
pub(in super::super) struct CopyVector;

impl Op for CopyVector {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            r.put_vector::<[u64; 2]>(r.d(), r.vector(r.a()));
            r.next::<D>(2)
        }
    }
}

/// `d = C ? a : b`
pub(in super::super) struct SelectVector<C>(PhantomData<C>);

impl<C: Condition> Op for SelectVector<C> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads.
        unsafe {
            let from = if C::holds(&r) { r.a() } else { r.b() };
            r.put_vector::<[u64; 2]>(r.d(), r.vector(from));
            r.next::<D>(2 + C::WORDS)
        }
    }
}

/// `d = global`, whose index is word 1.
pub(in super::super) struct GlobalGetVector;

impl Op for GlobalGetVector {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: Validation has seen that the global exists.
        unsafe {
            let global = *(*r.cx).globals.add(r.word(1) as usize);
            let halves: [u64; 2] = (*global).value;
            write(r.sp.add(r.d()).cast(), halves);
            r.next::<D>(2)
        }
    }
}

/// `global = d`; the global's index is word 1.
pub(in super::super) struct GlobalSetVector;

impl Op for GlobalSetVector {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: Validation has seen that the global exists and is mutable.
        unsafe {
            let global = *(*r.cx).globals.add(r.word(1) as usize);
            (*global).value = read(r.sp.add(r.d()).cast());
            r.next::<D>(2)
        }
    }
}
