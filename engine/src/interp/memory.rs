//! Loads and stores. An address is a wrapping 32-bit sum, as the operators
//! before it computed it, plus the instruction's offset in 64 bits, which
//! cannot overflow; the check against the memory's length is explicit.

use core::marker::PhantomData;

use super::dispatch::{Dispatch, Op, Regs};
use super::operand::{Source, Value, read, words, write};
use super::shape::stop;
use crate::runtime::vmctx::MemoryDef;
use crate::trap::Trap;

/// A load: what is read, and what it becomes.
pub(super) trait Load {
    type Raw: Copy;
    type T: Value;
    fn extend(raw: Self::Raw) -> Self::T;
}

/// A store: what becomes of the value, and what is written.
pub(super) trait Store {
    type Raw: Copy;
    type T: Value;
    fn narrow(value: Self::T) -> Self::Raw;
}

macro_rules! loads {
    ($($name:ident $raw:ident $ty:ident |$bits:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Load for $name {
            type Raw = $raw;
            type T = $ty;
            #[inline(always)]
            fn extend(raw: $raw) -> $ty {
                let $bits = $raw::from_le(raw);
                $value
            }
        }
    )*};
}

macro_rules! stores {
    ($($name:ident $raw:ident $ty:ident |$value:ident| $bits:expr;)*) => {$(
        pub(super) struct $name;
        impl Store for $name {
            type Raw = $raw;
            type T = $ty;
            #[inline(always)]
            fn narrow($value: $ty) -> $raw {
                $raw::to_le($bits)
            }
        }
    )*};
}

loads! {
    I32Load u32 u32 |x| x;
    I64Load u64 u64 |x| x;
    F32Load u32 f32 |x| f32::from_bits(x);
    F64Load u64 f64 |x| f64::from_bits(x);
    I32Load8S i8 i32 |x| i32::from(x);
    I32Load8U u8 u32 |x| u32::from(x);
    I32Load16S i16 i32 |x| i32::from(x);
    I32Load16U u16 u32 |x| u32::from(x);
    I64Load8S i8 i64 |x| i64::from(x);
    I64Load8U u8 u64 |x| u64::from(x);
    I64Load16S i16 i64 |x| i64::from(x);
    I64Load16U u16 u64 |x| u64::from(x);
    I64Load32S i32 i64 |x| i64::from(x);
    I64Load32U u32 u64 |x| u64::from(x);
}

stores! {
    I32Store u32 u32 |x| x;
    I64Store u64 u64 |x| x;
    F32Store u32 f32 |x| x.to_bits();
    F64Store u64 f64 |x| x.to_bits();
    I32Store8 u8 u32 |x| x as u8;
    I32Store16 u16 u32 |x| x as u16;
    I64Store8 u8 u64 |x| x as u8;
    I64Store16 u16 u64 |x| x as u16;
    I64Store32 u32 u64 |x| x as u32;
}

/// How an address is made; its own immediate is word 3.
pub(super) trait Address {
    /// Words of its own immediate.
    const WORDS: usize;
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn get(r: &Regs) -> u32;
}

macro_rules! addresses {
    ($($(#[$doc:meta])* $name:ident $words:literal |$r:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;
        impl Address for $name {
            const WORDS: usize = $words;
            #[inline(always)]
            unsafe fn get($r: &Regs) -> u32 {
                // SAFETY: The caller's promise.
                unsafe { $value }
            }
        }
    )*};
}

addresses! {
    /// Slot `a`.
    InSlot 0 |r| r.get::<u32>(r.a());
    /// The accumulator.
    InAcc 0 |r| Regs::acc32(r);
    /// A constant.
    Constant 1 |r| r.word(3);
    /// Slot `a` plus a constant.
    SlotPlus 1 |r| r.get::<u32>(r.a()).wrapping_add(r.word(3));
    /// The accumulator plus a constant.
    AccPlus 1 |r| r.acc32().wrapping_add(r.word(3));
    /// Slot `a` plus slot `b`.
    TwoSlots 0 |r| r.get::<u32>(r.a()).wrapping_add(r.get::<u32>(r.b()));
    /// Slot `a` plus the accumulator, which is in slot `b` too.
    SlotAcc 0 |r| r.get::<u32>(r.a()).wrapping_add(r.acc32());
}

/// The place of `size` bytes in memory 0, if they are in bounds.
#[inline(always)]
pub(super) unsafe fn place(r: &Regs, addr: u32, size: usize) -> Option<*mut u8> {
    // SAFETY: Contexts and definitions live as long as the store.
    unsafe {
        let start = u64::from(addr) + u64::from(r.word(2));
        if start + size as u64 > (*(*r.cx).memory0).size_bytes {
            return None;
        }
        Some(r.mem.add(start as usize))
    }
}

/// `d = memory 0 [address + offset]`
pub(super) struct LoadFrom<O, A>(PhantomData<(O, A)>);

impl<O: Load, A: Address> Op for LoadFrom<O, A> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads;
        // `place` checks the bounds of the memory.
        unsafe {
            let Some(place) = place(&r, A::get(&r), size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            r.set(r.d(), O::extend(read(place)));
            r.next::<D>(3 + A::WORDS)
        }
    }
}

/// `memory 0 [address + offset] = value`; a slot is `d`, an immediate last.
pub(super) struct StoreTo<O, A, B>(PhantomData<(O, A, B)>);

impl<O: Store, A: Address, B: Stored> Op for StoreTo<O, A, B> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads;
        // `place` checks the bounds of the memory.
        unsafe {
            let Some(place) = place(&r, A::get(&r), size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            write(place, O::narrow(B::value(&r, 3 + A::WORDS)));
            r.next::<D>(3 + A::WORDS + words::<O::T, B>())
        }
    }
}

/// Where a stored value comes from: slots are in word 0.
pub(super) trait Stored: Source {
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn value<T: Value>(r: &Regs, index: usize) -> T;
}

impl Stored for super::operand::S {
    #[inline(always)]
    unsafe fn value<T: Value>(r: &Regs, _: usize) -> T {
        // SAFETY: The caller's promise.
        unsafe { r.get(r.d()) }
    }
}

impl Stored for super::operand::R {
    #[inline(always)]
    unsafe fn value<T: Value>(r: &Regs, _: usize) -> T {
        T::from_acc(r)
    }
}

impl Stored for super::operand::I {
    #[inline(always)]
    unsafe fn value<T: Value>(r: &Regs, index: usize) -> T {
        // SAFETY: The caller's promise.
        unsafe { T::immediate(r.ip.add(index)) }
    }
}

/// The place of `size` bytes in the memory that `b` names.
#[inline(always)]
pub(super) unsafe fn other_place(r: &Regs, addr: u32, size: usize) -> Option<*mut u8> {
    // SAFETY: Validation has seen that the memory exists; definitions live
    // as long as the store.
    unsafe {
        let memory: &MemoryDef = &**(*r.cx).memories.add(r.b());
        let start = u64::from(addr) + u64::from(r.word(2));
        if start + size as u64 > memory.size_bytes {
            return None;
        }
        Some(memory.base.add(start as usize))
    }
}

/// `d = memory b [a + offset]`
pub(super) struct LoadOther<O>(PhantomData<O>);

impl<O: Load> Op for LoadOther<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads;
        // `other_place` checks the bounds of the memory.
        unsafe {
            let Some(place) = other_place(&r, r.get(r.a()), size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            r.set(r.d(), O::extend(read(place)));
            r.next::<D>(3)
        }
    }
}

/// `memory b [a + offset] = d`
pub(super) struct StoreOther<O>(PhantomData<O>);

impl<O: Store> Op for StoreOther<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads;
        // `other_place` checks the bounds of the memory.
        unsafe {
            let Some(place) = other_place(&r, r.get(r.a()), size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            write(place, O::narrow(r.get(r.d())));
            r.next::<D>(3)
        }
    }
}
