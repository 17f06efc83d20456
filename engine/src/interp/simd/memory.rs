//! Loads and stores of vectors and of single lanes, with the addresses of the
//! scalar ones.

use core::marker::PhantomData;

use super::super::dispatch::{Dispatch, Op, Regs};
use super::super::memory::{Address, other_place, place};
use super::super::operand::{read, write};
use super::super::shape::stop;
use super::lanes::{Lanes, map};
use crate::trap::Trap;

/// A load that makes a whole vector of what is read.
pub(super) trait Load {
    type Raw: Copy;
    fn extend(raw: Self::Raw) -> impl Lanes;
}

macro_rules! loads {
    ($($name:ident $raw:ty, |$bits:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Load for $name {
            type Raw = $raw;
            #[inline(always)]
            fn extend($bits: $raw) -> impl Lanes {
                $value
            }
        }
    )*};
}

loads! {
    V128Load [u8; 16], |x| x;
    V128Load8x8S [i8; 8], |x| map(x, i16::from);
    V128Load8x8U [u8; 8], |x| map(x, u16::from);
    V128Load16x4S [i16; 4], |x| map(x, |x| i32::from(i16::from_le(x)));
    V128Load16x4U [u16; 4], |x| map(x, |x| u32::from(u16::from_le(x)));
    V128Load32x2S [i32; 2], |x| map(x, |x| i64::from(i32::from_le(x)));
    V128Load32x2U [u32; 2], |x| map(x, |x| u64::from(u32::from_le(x)));
    V128Load8Splat u8, |x| [x; 16];
    V128Load16Splat u16, |x| [u16::from_le(x); 8];
    V128Load32Splat u32, |x| [u32::from_le(x); 4];
    V128Load64Splat u64, |x| [u64::from_le(x); 2];
    V128Load32Zero u32, |x| [u32::from_le(x), 0, 0, 0];
    V128Load64Zero u64, |x| [u64::from_le(x), 0];
}

/// `d = memory 0 [address + offset]`
pub(super) struct LoadFrom<O, A>(PhantomData<(O, A)>);

impl<O: Load, A: Address> Op for LoadFrom<O, A> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `place` checks the bounds of the memory.
        unsafe {
            let Some(place) = place(&r, A::get(&r), size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            r.put_vector(r.d(), O::extend(read(place)));
            r.next::<D>(3 + A::WORDS)
        }
    }
}

/// `d = memory b [a + offset]`
pub(super) struct LoadOther<O>(PhantomData<O>);

impl<O: Load> Op for LoadOther<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `other_place` checks the bounds of the memory.
        unsafe {
            let Some(place) = other_place(&r, r.get(r.a()), size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            r.put_vector(r.d(), O::extend(read(place)));
            r.next::<D>(3)
        }
    }
}

/// `memory 0 [address + offset] = d`
pub(super) struct StoreTo<A>(PhantomData<A>);

impl<A: Address> Op for StoreTo<A> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `place` checks the bounds of the memory.
        unsafe {
            let Some(place) = place(&r, A::get(&r), size_of::<[u8; 16]>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            write::<[u8; 16]>(place, r.vector(r.d()));
            r.next::<D>(3 + A::WORDS)
        }
    }
}

/// `memory b [a + offset] = d`
pub(super) struct StoreOther;

impl Op for StoreOther {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `other_place` checks the bounds of the memory.
        unsafe {
            let Some(place) = other_place(&r, r.get(r.a()), size_of::<[u8; 16]>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            write::<[u8; 16]>(place, r.vector(r.d()));
            r.next::<D>(3)
        }
    }
}

/// A number that can be a lane in memory.
pub(super) trait Lane: Copy {
    /// Between the order of bytes in memory and the host's.
    fn swap(self) -> Self;
}

macro_rules! lanes {
    ($($ty:ident)*) => {$(
        impl Lane for $ty {
            #[inline(always)]
            fn swap(self) -> $ty {
                $ty::from_le(self)
            }
        }
    )*};
}

lanes! { u8 u16 u32 u64 }

/// `d = the vector in a slot, with one lane from memory b [a + offset]`;
/// slot and lane are the halves of word 3.
pub(super) struct LoadLane<T>(PhantomData<T>);

impl<T: Lane> Op for LoadLane<T> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `other_place` checks the bounds of the memory.
        unsafe {
            let Some(place) = other_place(&r, r.get(r.a()), size_of::<T>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            let word = r.word(3);
            let value = read::<T>(place).swap();
            r.put_vector::<[u64; 2]>(r.d(), r.vector(word as u16 as usize));
            *r.lane(r.d(), (word >> 16) as usize) = value;
            r.next::<D>(4)
        }
    }
}

/// `memory b [a + offset] = one lane of d`, whose index is word 3.
pub(super) struct StoreLane<T>(PhantomData<T>);

impl<T: Lane> Op for StoreLane<T> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `other_place` checks the bounds of the memory.
        unsafe {
            let Some(place) = other_place(&r, r.get(r.a()), size_of::<T>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            write(place, (*r.lane::<T>(r.d(), r.word(3) as usize)).swap());
            r.next::<D>(4)
        }
    }
}
