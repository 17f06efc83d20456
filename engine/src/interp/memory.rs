//! Loads and stores. An instruction is an operator ([`Load`], [`Store`]) at a
//! [`Place`]: which memory, how the address is made, and whether other
//! threads may touch the bytes. An [`Address`] is what the operators before
//! computed, wrapping; the instruction's offset is added to it without
//! wrapping, and the check against the memory's length is explicit.
//!
//! Memory 0 has places of its own if it is not shared; every other memory is
//! [`Other`] or [`Any`].

use core::marker::PhantomData;

use super::bulk::UNITS_PER_TICK;
use super::dispatch::{Dispatch, Op, Regs};
use super::operand::{Source, Value, read, words, write};
use super::shape::stop;
use crate::runtime::libcalls;
use crate::runtime::racing::Raw;
use crate::runtime::vmctx::MemoryDef;
use crate::trap::Trap;

/// A load: what is read, and what it becomes.
pub(super) trait Load {
    type Raw: Raw;
    type T: Value;
    fn extend(raw: Self::Raw) -> Self::T;
}

/// A store: what becomes of the value, and what is written.
pub(super) trait Store {
    type Raw: Raw;
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
    /// Whether it has 64 bits; otherwise its upper half is zero.
    const WIDE: bool;
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn get(r: &Regs) -> u64;
}

macro_rules! addresses {
    ($($(#[$doc:meta])* $name:ident $words:literal $ty:ident |$r:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;
        impl Address for $name {
            const WORDS: usize = $words;
            const WIDE: bool = size_of::<$ty>() == size_of::<u64>();
            #[inline(always)]
            unsafe fn get($r: &Regs) -> u64 {
                // SAFETY: The caller's promise.
                let address: $ty = unsafe { $value };
                address.into()
            }
        }
    )*};
}

addresses! {
    /// Slot `a`.
    InSlot 0 u32 |r| r.get(r.a());
    /// The accumulator.
    InAcc 0 u32 |r| Regs::acc32(r);
    /// A constant.
    Constant 1 u32 |r| r.word(3);
    /// Slot `a` plus a constant.
    SlotPlus 1 u32 |r| r.get::<u32>(r.a()).wrapping_add(r.word(3));
    /// The accumulator plus a constant.
    AccPlus 1 u32 |r| r.acc32().wrapping_add(r.word(3));
    /// Slot `a` plus slot `b`.
    TwoSlots 0 u32 |r| r.get::<u32>(r.a()).wrapping_add(r.get::<u32>(r.b()));
    /// Slot `a` plus the accumulator, which is in slot `b` too.
    SlotAcc 0 u32 |r| r.get::<u32>(r.a()).wrapping_add(r.acc32());
    /// All of slot `a`.
    WideSlot 0 u64 |r| r.get(r.a());
    /// All of the accumulator.
    WideAcc 0 u64 |r| r.acc64();
    /// All of slot `a` plus a constant, which is sign-extended.
    WidePlus 1 u64 |r| r.get::<u64>(r.a()).wrapping_add(u64::immediate(r.ip.add(3)));
}

/// Where a load or store goes.
pub(super) trait Place {
    /// Words of the instruction without those of a stored value.
    const WORDS: usize;
    /// The first of so many bytes, if all are in bounds.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn find(r: &Regs, size: usize) -> Option<*mut u8>;
    /// # Safety
    ///
    /// `place` is what `find` answered for a value of this size.
    #[inline(always)]
    unsafe fn load<T: Raw>(place: *mut u8) -> T {
        // SAFETY: The caller's promise.
        unsafe { read(place) }
    }
    /// # Safety
    ///
    /// As for `load`.
    #[inline(always)]
    unsafe fn store<T: Raw>(place: *mut u8, value: T) {
        // SAFETY: The caller's promise.
        unsafe { write(place, value) }
    }
}

/// Where an access starts that ends at or before `size_bytes`.
#[inline(always)]
pub(super) fn checked(address: u64, offset: u64, size: usize, size_bytes: u64) -> Option<u64> {
    // The end of the access may be past the end of all addresses; what is
    // behind the start cannot be negative.
    let behind = offset.checked_add(size as u64)?;
    let last = size_bytes.checked_sub(behind)?;
    (address <= last).then(|| address + offset)
}

/// In memory 0, which no other thread reaches. The offset is word 2.
pub(super) struct At<A>(PhantomData<A>);

impl<A: Address> Place for At<A> {
    const WORDS: usize = 3 + A::WORDS;

    #[inline(always)]
    unsafe fn find(r: &Regs, size: usize) -> Option<*mut u8> {
        // SAFETY: Contexts and definitions live as long as the store.
        unsafe {
            let (address, offset) = (A::get(r), u64::from(r.word(2)));
            let memory: &MemoryDef = &*(*r.cx).memory0;
            if A::WIDE {
                let start = checked(address, offset, size, memory.own_size_bytes())?;
                return Some(r.mem.add(start as usize));
            }
            // Two numbers of 32 bits and the size of a memory are small enough
            // to be compared with signs: so nothing is computed but the start
            // and the last one, and handlers need no register to be saved.
            let start = (address + offset).cast_signed();
            let last = memory
                .own_size_bytes()
                .cast_signed()
                .wrapping_sub(size as i64);
            if start > last {
                return None;
            }
            Some(r.mem.add(start as usize))
        }
    }
}

/// In the memory that `b` names, which has 32-bit addresses and which no
/// other thread reaches: slot `a` plus word 2.
pub(super) struct Other;

impl Place for Other {
    const WORDS: usize = 3;

    #[inline(always)]
    unsafe fn find(r: &Regs, size: usize) -> Option<*mut u8> {
        // SAFETY: Validation has seen that the memory exists; definitions
        // live as long as the store.
        unsafe {
            let memory: &MemoryDef = &**(*r.cx).memories.add(r.b());
            let start = u64::from(r.get::<u32>(r.a())) + u64::from(r.word(2));
            if start + size as u64 > memory.own_size_bytes() {
                return None;
            }
            Some(memory.base.add(start as usize))
        }
    }
}

/// In any memory, named by `b`: slot `a`, of 64 bits if `WIDE`, plus words 2
/// and 3. If not `SHARED`, no other thread reaches it.
pub(super) struct Any<const WIDE: bool, const SHARED: bool>;

impl<const WIDE: bool, const SHARED: bool> Place for Any<WIDE, SHARED> {
    const WORDS: usize = 4;

    #[inline(always)]
    unsafe fn find(r: &Regs, size: usize) -> Option<*mut u8> {
        // SAFETY: As for `Other`.
        unsafe {
            let memory: &MemoryDef = &**(*r.cx).memories.add(r.b());
            let address = if WIDE {
                r.get::<u64>(r.a())
            } else {
                u64::from(r.get::<u32>(r.a()))
            };
            let size_bytes = if SHARED {
                memory.size_bytes()
            } else {
                memory.own_size_bytes()
            };
            let start = checked(address, read(r.ip.add(2).cast()), size, size_bytes)?;
            Some(memory.base.add(start as usize))
        }
    }

    #[inline(always)]
    unsafe fn load<T: Raw>(place: *mut u8) -> T {
        // SAFETY: The caller's promise.
        unsafe { if SHARED { T::load(place) } else { read(place) } }
    }

    #[inline(always)]
    unsafe fn store<T: Raw>(place: *mut u8, value: T) {
        // SAFETY: The caller's promise.
        unsafe {
            if SHARED {
                value.store(place);
            } else {
                write(place, value);
            }
        }
    }
}

/// `d = O [place]`
pub(super) struct LoadFrom<O, P>(PhantomData<(O, P)>);

impl<O: Load, P: Place> Op for LoadFrom<O, P> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads;
        // `find` checks the bounds of the memory.
        unsafe {
            let Some(place) = P::find(&r, size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            r.set(r.d(), O::extend(P::load(place)));
            r.next::<D>(P::WORDS)
        }
    }
}

/// `[place] = O value`; a slot is `d`, an immediate last.
pub(super) struct StoreTo<O, P, B>(PhantomData<(O, P, B)>);

impl<O: Store, P: Place, B: Stored> Op for StoreTo<O, P, B> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: The encoder writes the words and slots that this reads;
        // `find` checks the bounds of the memory.
        unsafe {
            let Some(place) = P::find(&r, size_of::<O::Raw>()) else {
                return stop::<D>(r, Trap::MemoryOutOfBounds);
            };
            P::store(place, O::narrow(B::value(&r, P::WORDS)));
            r.next::<D>(P::WORDS + words::<O::T, B>())
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

/// `d = size of the memory in word 1`, in pages of as many bytes as two to
/// the power in word 2.
pub(super) struct MemorySize;

impl Op for MemorySize {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the memory exists.
        unsafe {
            let memory = *(*r.cx).memories.add(r.word(1) as usize);
            r.set(r.d(), (*memory).size_bytes() >> r.word(2));
            r.next::<D>(3)
        }
    }
}

/// `d = memory.grow` of the memory in word 2 by `a` pages, an `I`.
pub(super) struct MemoryGrow<I>(PhantomData<I>);

impl<I: Value + Into<u64>> Op for MemoryGrow<I> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the memory exists.
        unsafe {
            let delta = r.get::<I>(r.a()).into();
            let memory = *(*r.cx).memories.add(r.word(2) as usize);
            let before = (*memory).base;
            let old = libcalls::memory_grow(r.cx, r.word(2), delta);
            r.mem = (*(*r.cx).memory0).base;
            if (*memory).base != before {
                // Whether a memory moves depends on the platform, so only
                // the ticks may know of it, not the fuel.
                let cost = (*memory).size_bytes() / UNITS_PER_TICK;
                r.tick = r.tick.saturating_sub_unsigned(cost);
            }
            // A size, or all bits set: the low half is right for 32 bits.
            r.set(r.d(), old);
            r.next::<D>(3)
        }
    }
}

/// Drops the data segment in word 1.
pub(super) struct DataDrop;

impl Op for DataDrop {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: validation has seen that the segment exists.
        unsafe {
            libcalls::data_drop(r.cx, r.word(1));
            r.next::<D>(2)
        }
    }
}
