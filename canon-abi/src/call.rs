//! The parameters and results of a typed call: which of them travel in the slot
//! window, and which through memory (`lift_flat_values`, `lower_flat_values`).
//!
//! A *window* is a run of `u64` slots, the core arguments in order; core results
//! come back from its start. Nothing here calls the guest's function.

use crate::context::{LiftContext, LowerContext};
use crate::memory::{Guest, Handles};
use crate::traits::{Abi, Lift, Lower};
use crate::trap::{Content, Result};
use crate::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS};

/// How many slots the parameters take (without a pointer for the results).
pub const fn param_slots<P: Lower>() -> usize {
    spilled(P::ABI, MAX_FLAT_PARAMS)
}

/// How many slots the parameters take when they are lifted.
pub const fn lifted_param_slots<P: Lift>() -> usize {
    spilled(P::ABI, MAX_FLAT_PARAMS)
}

/// Whether the result travels through memory.
pub const fn result_in_memory<R: Lift>() -> bool {
    R::ABI.flat > MAX_FLAT_RESULTS
}

const fn spilled(abi: Abi, max: usize) -> usize {
    if abi.flat > max { 1 } else { abi.flat }
}

/// Lowers the parameters of a call into a guest (`canon_lift` calls it so).
///
/// # Errors
/// What lowering fails with; the guest must then not be called.
///
/// # Panics
/// When the window is shorter than [`param_slots`].
#[inline(always)]
pub fn lower_params<P: Lower, G: Guest>(
    cx: &mut LowerContext<G>,
    params: &P,
    window: &mut [u64],
) -> Result<()> {
    if const { P::ABI.flat <= MAX_FLAT_PARAMS } {
        return params.lower_flat(cx, &mut window[..P::ABI.flat]);
    }
    let layout = P::ABI.layout(cx.pointer());
    let at = cx.allocate(Content::Values, layout.align, u64::from(layout.size))?;
    params.store(cx, at)?;
    window[0] = at as u64;
    Ok(())
}

/// Lifts the result of a call into a guest.
///
/// # Errors
/// What lifting fails with.
///
/// # Panics
/// When a result travels and the window is empty.
#[inline(always)]
pub fn lift_result<'a, R: Lift, H: Handles>(
    cx: &mut LiftContext<'a, H>,
    window: &[u64],
) -> Result<R::Lifted<'a>> {
    lift_values::<R, H, MAX_FLAT_RESULTS>(cx, window)
}

/// Lifts the parameters of a call that a guest makes (`canon_lower` calls it so).
///
/// # Errors
/// What lifting fails with.
///
/// # Panics
/// When the window is shorter than [`lifted_param_slots`].
#[inline(always)]
pub fn lift_params<'a, P: Lift, H: Handles>(
    cx: &mut LiftContext<'a, H>,
    window: &[u64],
) -> Result<P::Lifted<'a>> {
    lift_values::<P, H, MAX_FLAT_PARAMS>(cx, window)
}

/// [`lift_params`] with [`MAX_FLAT_PARAMS`] and [`lift_result`] with
/// [`MAX_FLAT_RESULTS`], for callers that are compiled for each function.
#[doc(hidden)]
#[inline(always)]
pub fn lift_values<'a, T: Lift, H: Handles, const MAX: usize>(
    cx: &mut LiftContext<'a, H>,
    window: &[u64],
) -> Result<T::Lifted<'a>> {
    if const { T::ABI.flat <= MAX } {
        return T::lift_flat(cx, &window[..T::ABI.flat]);
    }
    let layout = T::ABI.layout(cx.pointer());
    let pointer = match cx.pointer() {
        crate::PointerSize::P32 => window[0] & 0xffff_ffff,
        crate::PointerSize::P64 => window[0],
    };
    let bytes = cx.range(
        Content::Values,
        pointer,
        u64::from(layout.size),
        layout.align,
    )?;
    cx.charge(u64::from(layout.size))?;
    T::load(cx, bytes)
}

/// Lowers the result of a call that a guest makes. `param_slots` is how many
/// slots the parameters took ([`lifted_param_slots`]): a pointer for the result
/// stands behind them.
///
/// # Errors
/// What lowering fails with.
///
/// # Panics
/// When the window is shorter than the parameters and that pointer, or has no
/// room for a flat result.
#[inline(always)]
pub fn lower_result<R: Lower, G: Guest>(
    cx: &mut LowerContext<G>,
    result: &R,
    window: &mut [u64],
    param_slots: usize,
) -> Result<()> {
    if const { R::ABI.flat <= MAX_FLAT_RESULTS } {
        return result.lower_flat(cx, &mut window[..R::ABI.flat]);
    }
    let layout = R::ABI.layout(cx.pointer());
    let pointer = match cx.pointer() {
        crate::PointerSize::P32 => window[param_slots] & 0xffff_ffff,
        crate::PointerSize::P64 => window[param_slots],
    };
    let at = cx.return_area(pointer, layout.size, layout.align)?;
    result.store(cx, at)
}
