//! Instructions on references of any kind, and those that make references to
//! functions.

use super::dispatch::{Dispatch, Op, Regs};
use super::shape::stop;
use crate::runtime::libcalls;
use crate::trap::Trap;

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
