//! Instructions on whole tables and on their elements. What may grow or fail
//! goes through the runtime's slow paths; they record why they fail.

use core::marker::PhantomData;

use super::bulk::charged;
use super::dispatch::{Dispatch, Op, Regs};
use super::operand::Value;
use super::shape::stop;
use crate::runtime::libcalls;
use crate::trap::Trap;

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
