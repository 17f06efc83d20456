//! Instructions on ranges of memories and tables: what they share is that one
//! can do the work of millions, in the runtime's slow paths, and pays for it.

use core::marker::PhantomData;

use super::control::{Slice, Stopped};
use super::dispatch::{Dispatch, Op, Regs};
use crate::runtime::libcalls;
use crate::runtime::vmctx::VmCtx;

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
pub(super) const UNITS_PER_TICK: u64 = 64;
