//! Loads and stores of vectors and of single lanes, at the places of the
//! scalar ones.

use core::marker::PhantomData;

use super::super::dispatch::{Dispatch, Op, Regs};
use super::super::memory::Place;
use super::super::shape::stop;
use super::lanes::{Lanes, map};
use crate::runtime::racing::Raw;
use crate::trap::Trap;

/// A load that makes a whole vector of what is read.
pub(super) trait Load {
    type Raw: Raw;
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
    V128Load [u64; 2], |x| map(x, u64::from_le);
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

/// `d = O [place]`
pub(super) struct LoadFrom<O, P>(PhantomData<(O, P)>);

impl<O: Load, P: Place> Op for LoadFrom<O, P> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `find` checks the bounds of the memory.
        unsafe {
            let Some(place) = P::find(&r, size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            r.put_vector(r.d(), O::extend(P::load(place)));
            r.next::<D>(P::WORDS)
        }
    }
}

/// `[place] = d`
pub(super) struct StoreTo<P>(PhantomData<P>);

impl<P: Place> Op for StoreTo<P> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `find` checks the bounds of the memory.
        unsafe {
            let Some(place) = P::find(&r, size_of::<[u64; 2]>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            P::store(place, map(r.vector::<[u64; 2]>(r.d()), u64::to_le));
            r.next::<D>(P::WORDS)
        }
    }
}

/// A number that can be a lane in memory.
pub(super) trait Lane: Raw {
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

/// `d = the vector in a slot, with one lane from the place`; slot and lane are
/// the halves of the last word.
pub(super) struct LoadLane<T, P>(PhantomData<(T, P)>);

impl<T: Lane, P: Place> Op for LoadLane<T, P> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `find` checks the bounds of the memory.
        unsafe {
            let Some(place) = P::find(&r, size_of::<T>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            let value = P::load::<T>(place).swap();
            let word = r.word(P::WORDS);
            r.put_vector::<[u64; 2]>(r.d(), r.vector(word as u16 as usize));
            *r.lane(r.d(), (word >> 16) as usize) = value;
            r.next::<D>(P::WORDS + 1)
        }
    }
}

/// `[place] = one lane of d`, whose index is the last word.
pub(super) struct StoreLane<T, P>(PhantomData<(T, P)>);

impl<T: Lane, P: Place> Op for StoreLane<T, P> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `find` checks the bounds of the memory.
        unsafe {
            let Some(place) = P::find(&r, size_of::<T>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            let lane = r.lane::<T>(r.d(), r.word(P::WORDS) as usize);
            P::store(place, (*lane).swap());
            r.next::<D>(P::WORDS + 1)
        }
    }
}
