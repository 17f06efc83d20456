//! Instructions on whole memories and tables, on table elements, and on
//! function references. What may grow or fail at length goes through the
//! runtime's slow paths; they record why they fail.

use core::marker::PhantomData;

use super::control::{Slice, Stopped};
use super::dispatch::{Dispatch, Op, Regs};
use super::operand::Value;
use super::shape::stop;
use crate::runtime::libcalls;
use crate::runtime::vmctx::VmCtx;
use crate::trap::Trap;

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

/// A slow path with three operands.
pub(super) trait Bulk {
    /// # Safety
    ///
    /// `cx` is the running context; `x` and `y` name what validation has seen.
    unsafe fn run(cx: *mut VmCtx, x: u32, y: u32, operands: [u64; 3]) -> u32;
}

macro_rules! bulk {
    ($($name:ident |$cx:ident, $x:ident, $y:ident, $a:ident, $b:ident, $c:ident| $call:expr;)*) => {$(
        pub(super) struct $name;
        impl Bulk for $name {
            #[inline(always)]
            unsafe fn run($cx: *mut VmCtx, $x: u32, $y: u32, [$a, $b, $c]: [u64; 3]) -> u32 {
                // SAFETY: the caller's promise.
                unsafe { $call }
            }
        }
    )*};
}

bulk! {
    MemoryCopy |cx, dst, src, a, b, c| libcalls::memory_copy(cx, dst, src, a, b, c);
    MemoryFill |cx, memory, _y, a, b, c| libcalls::memory_fill(cx, memory, a, b as u8, c);
    MemoryInit |cx, memory, data, a, b, c| libcalls::memory_init(cx, memory, data, a, b, c);
    TableCopy |cx, dst, src, a, b, c| libcalls::table_copy(cx, dst, src, a, b, c);
    TableFill |cx, table, _y, a, b, c| libcalls::table_fill(cx, table, a, b, c);
    TableInit |cx, table, elem, a, b, c| libcalls::table_init(cx, table, elem, a, b, c);
}

/// The operand in a slot; an `i32`, as bit `index` of `narrow` says, is the
/// low half of it.
#[inline(always)]
fn operand(slot: u64, narrow: u32, index: u32) -> u64 {
    if narrow >> index & 1 == 1 {
        slot & 0xffff_ffff
    } else {
        slot
    }
}

/// `K` with slots `d`, `a`, `b`, on what words 2 and 3 name. The bits of word
/// 4 say which operands are 32-bit numbers.
pub(super) struct BulkOf<K>(PhantomData<K>);

impl<K: Bulk> Op for BulkOf<K> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            let narrow = r.word(4);
            let operands = [
                operand(r.get(r.d()), narrow, 0),
                operand(r.get(r.a()), narrow, 1),
                operand(r.get(r.b()), narrow, 2),
            ];
            if K::run(r.cx, r.word(2), r.word(3), operands) != 0 {
                return D::cold::<Stopped>(r);
            }
            charged::<D>(r, operands[2], 5)
        }
    }
}

/// Goes on behind the instruction of so many words, after it has paid for
/// the `units` (bytes or elements) that it has touched: one instruction can
/// do the work of millions, and neither fuel nor an interruption may be
/// blind to that.
#[inline(always)]
pub(super) unsafe fn charged<D: Dispatch>(mut r: Regs, units: u64, words: usize) -> D::Next {
    let cost = units / UNITS_PER_TICK;
    if cost == 0 {
        // SAFETY: the instruction has as many words.
        return unsafe { r.next::<D>(words) };
    }
    // SAFETY: the context is live; another instruction follows this one.
    unsafe {
        if libcalls::charge(r.cx, cost) != 0 {
            return D::cold::<Stopped>(r);
        }
        r.tick = r.tick.saturating_sub_unsigned(cost);
        if r.tick < 0 {
            r.ip = r.ip.add(words);
            return D::cold::<Slice>(r);
        }
        r.next::<D>(words)
    }
}

/// Bytes or elements that cost as much as one operator.
const UNITS_PER_TICK: u64 = 64;

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

/// Drops the element segment in word 1.
pub(super) struct ElemDrop;

impl Op for ElemDrop {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: validation has seen that the segment exists.
        unsafe {
            libcalls::elem_drop(r.cx, r.word(1));
            r.next::<D>(2)
        }
    }
}

/// `d = element a` of the table in word 2; the index is an `I`.
pub(super) struct TableGet<I>(PhantomData<I>);

impl<I: Value + Into<u64>> Op for TableGet<I> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the table exists.
        unsafe {
            let table = *(*r.cx).tables.add(r.word(2) as usize);
            let index: u64 = r.get::<I>(r.a()).into();
            if index >= (*table).size {
                return stop::<D>(r, Trap::TableOutOfBounds);
            }
            r.set(r.d(), *(*table).base.add(index as usize));
            r.next::<D>(3)
        }
    }
}

/// `element a` of the table in word 2 `= b`; the index is an `I`.
pub(super) struct TableSet<I>(PhantomData<I>);

impl<I: Value + Into<u64>> Op for TableSet<I> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: validation has seen that the table exists.
        unsafe {
            let table = *(*r.cx).tables.add(r.word(2) as usize);
            let index: u64 = r.get::<I>(r.a()).into();
            if index >= (*table).size {
                return stop::<D>(r, Trap::TableOutOfBounds);
            }
            *(*table).base.add(index as usize) = r.get(r.b());
            r.next::<D>(3)
        }
    }
}

/// `d = elements of the table in word 1`.
pub(super) struct TableSize;

impl Op for TableSize {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the table exists.
        unsafe {
            let table = *(*r.cx).tables.add(r.word(1) as usize);
            r.set(r.d(), (*table).size);
            r.next::<D>(2)
        }
    }
}

/// `d = table.grow` of the table in word 2 by `b` elements, an `I`, that are
/// `a`.
pub(super) struct TableGrow<I>(PhantomData<I>);

impl<I: Value + Into<u64>> Op for TableGrow<I> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the table exists.
        unsafe {
            let delta: u64 = r.get::<I>(r.b()).into();
            let old = libcalls::table_grow(r.cx, r.word(2), r.get(r.a()), delta);
            r.set(r.d(), old);
            // Growing moves the whole table.
            let moved = if old == libcalls::REFUSED || delta == 0 {
                0
            } else {
                (old + delta) * size_of::<u64>() as u64
            };
            charged::<D>(r, moved, 3)
        }
    }
}

/// `d = reference to the function in word 1`.
pub(super) struct RefFunc;

impl Op for RefFunc {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the function exists.
        unsafe {
            let reference = libcalls::ref_func(r.cx, r.word(1));
            r.set(r.d(), reference);
            r.next::<D>(2)
        }
    }
}

/// Traps if the reference in slot `d` is null.
pub(super) struct NonNull;

impl Op for NonNull {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            if r.get::<u64>(r.d()) == 0 {
                return stop::<D>(r, Trap::NullReference);
            }
            r.next::<D>(1)
        }
    }
}
