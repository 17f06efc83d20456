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
    /// Bytes that are read.
    const SIZE_BYTES: usize;
    /// # Safety
    ///
    /// `place` is what `P` found for as many bytes.
    unsafe fn load<P: Place>(place: *mut u8) -> impl Lanes;
}

macro_rules! loads {
    ($($name:ident $raw:ty, |$bits:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Load for $name {
            const SIZE_BYTES: usize = size_of::<$raw>();
            #[inline(always)]
            unsafe fn load<P: Place>(place: *mut u8) -> impl Lanes {
                // SAFETY: The caller's promise.
                let $bits: $raw = unsafe { P::load(place) };
                $value
            }
        }
    )*};
}

/// Loads of half as many bytes, each lane extended. Lanes are read one by
/// one: the compiler makes one load of them, but takes a number of 64 bits
/// apart if it is given one.
macro_rules! extending_loads {
    ($($name:ident $lane:ident $wide:ident $count:literal;)*) => {$(
        pub(super) struct $name;
        impl Load for $name {
            const SIZE_BYTES: usize = 8;
            #[inline(always)]
            unsafe fn load<P: Place>(place: *mut u8) -> impl Lanes {
                let mut out: [$wide; $count] = [0; $count];
                let mut i = 0;
                while i < $count {
                    // SAFETY: The caller's promise: the lanes take 8 bytes.
                    let lane = unsafe { P::load::<$lane>(place.add(i * size_of::<$lane>())) };
                    out[i] = $wide::from($lane::from_le(lane));
                    i += 1;
                }
                out
            }
        }
    )*};
}

loads! {
    V128Load [u64; 2], |x| map(x, u64::from_le);
    V128Load8Splat u8, |x| [x; 16];
    V128Load16Splat u16, |x| [u16::from_le(x); 8];
    V128Load32Splat u32, |x| [u32::from_le(x); 4];
    V128Load64Splat u64, |x| [u64::from_le(x); 2];
    V128Load32Zero u32, |x| [u32::from_le(x), 0, 0, 0];
    V128Load64Zero u64, |x| [u64::from_le(x), 0];
}

extending_loads! {
    V128Load8x8S i8 i16 8;
    V128Load8x8U u8 u16 8;
    V128Load16x4S i16 i32 4;
    V128Load16x4U u16 u32 4;
    V128Load32x2S i32 i64 2;
    V128Load32x2U u32 u64 2;
}

/// `d = O [place]`
pub(super) struct LoadFrom<O, P>(PhantomData<(O, P)>);

impl<O: Load, P: Place> Op for LoadFrom<O, P> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `find` checks the bounds of the memory.
        unsafe {
            let Some(place) = P::find(&r, O::SIZE_BYTES) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            r.put_vector(r.d(), O::load::<P>(place));
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
