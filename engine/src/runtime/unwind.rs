//! The search for a handler of the exception that is on its way. It walks
//! the frames from the one that threw outwards and asks each function's code;
//! nothing is undone on the way, since frames are plain data.
//!
//! Host functions are borders: what waits for a guest function is asked by
//! the driver, and behind an entry of the driver the exception is an error.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use super::driver::HostFrame;
use super::exception;
use super::frames::{Frames, Guest, Here};
use super::store::StoreCore;
use super::tag::TagData;
use super::vmctx::{StoreCtx, TICK_SLICE, VmCtx};
use crate::error::Result;
use crate::interp::Clause;
use crate::trap::Trap;

/// Where an exception goes.
pub(super) enum Found {
    /// To the handler that position, frame and context of the store name:
    /// its payload stands there.
    Handler,
    /// To a host function that waits for a guest function.
    Host(*mut HostFrame),
    /// Out of the run.
    Nobody,
}

/// Steps that one unit of fuel pays for: to look at a `try_table` or at a
/// clause is one. A search of fewer costs nothing beyond its `throw`.
const STEPS_PER_FUEL: u64 = 64;

/// What a frame counts, whose function may have to be found.
const FRAME_STEPS: u64 = 8;

/// Steps between two looks at what is left of fuel and time. A stack has room
/// for frames by the ten thousand, and a function for clauses by the million.
const STEPS_UNPAID_MAX: u64 = 1024;

/// The same for ticks.
const STEPS_PER_TICK: u64 = 16;

/// Finds who takes the exception that is on its way, and hands it over if
/// that is a guest.
///
/// # Errors
///
/// [`Trap::OutOfFuel`] if the search is dearer than what is left,
/// [`Trap::Interrupted`] if the guest is to stop, and a limit if there is no
/// room for an exception to which a handler wants a reference.
///
/// # Safety
///
/// `store` must be a live context that the caller has alone; its position,
/// frame and context must be those of the instruction that threw, or of
/// whoever called the host function that did.
pub(super) unsafe fn search(store: *mut StoreCtx) -> Result<Found> {
    let mut steps = Steps { store, unpaid: 0 };
    // SAFETY: passed on to the caller; frames are not written before the
    // walk has ended.
    unsafe {
        let mut frames = Frames::of(store);
        let Some(tag) = (*(*store).core).exceptions.tag() else {
            return Ok(Found::Nobody);
        };
        loop {
            match frames.here() {
                Here::Guest(guest) => {
                    steps.add(FRAME_STEPS)?;
                    if let Some(clause) = clause(&frames, guest, tag, &mut steps)? {
                        steps.pay()?;
                        take(store, &frames, guest, clause)?;
                        return Ok(Found::Handler);
                    }
                    frames.leave(guest.code);
                }
                Here::Host(host) => {
                    steps.pay()?;
                    return Ok(Found::Host(host));
                }
                Here::End => {
                    steps.pay()?;
                    return Ok(Found::Nobody);
                }
            }
        }
    }
}

/// The innermost clause of a frame that takes exceptions with `tag`.
///
/// # Safety
///
/// `guest` must be what is here in the walk, and the store of `steps` a live
/// context that the caller has alone.
unsafe fn clause<'a>(
    frames: &Frames<'a>,
    guest: Guest<'a>,
    tag: NonNull<TagData>,
    steps: &mut Steps,
) -> Result<Option<&'a Clause>> {
    for clause in guest.code.clauses(frames.ip) {
        // SAFETY: passed on to the caller.
        unsafe { steps.add(1)? };
        let takes = |clause: &Clause| {
            clause.tag().is_none_or(|index| {
                // SAFETY: the context of a frame is that of a live instance,
                // and validation has seen that it has such a tag.
                unsafe { tag_at(frames.cx, index.index()) == tag }
            })
        };
        if let Some(clause) = clause.filter(|clause| takes(clause)) {
            return Ok(Some(clause));
        }
    }
    Ok(None)
}

/// The work of a search.
struct Steps {
    /// Whose guest pays for it.
    store: *mut StoreCtx,
    unpaid: u64,
}

impl Steps {
    /// Counts work, and has it paid from time to time.
    ///
    /// # Safety
    ///
    /// The store must be a live context that the caller has alone.
    unsafe fn add(&mut self, steps: u64) -> Result<()> {
        self.unpaid += steps;
        if self.unpaid < STEPS_UNPAID_MAX {
            return Ok(());
        }
        // SAFETY: passed on to the caller.
        unsafe { self.pay() }
    }

    /// Has what was counted paid.
    ///
    /// # Safety
    ///
    /// As for [`add`](Steps::add).
    unsafe fn pay(&mut self) -> Result<()> {
        // SAFETY: passed on to the caller.
        unsafe { charge(self.store, core::mem::take(&mut self.unpaid)) }
    }
}

/// # Safety
///
/// `cx` must be the context of a live instance that has such a tag.
unsafe fn tag_at(cx: *mut VmCtx, index: usize) -> NonNull<TagData> {
    // SAFETY: passed on to the caller; the list holds no null.
    unsafe { NonNull::new_unchecked(*(*cx).tags.add(index)).cast() }
}

/// A throw may go back, as a branch may, and a long search is no single tick:
/// looks at the interrupt word when the ticks run out. It costs fuel, too.
///
/// # Safety
///
/// `store` must be a live context that the caller has alone.
unsafe fn charge(store: *mut StoreCtx, steps: u64) -> Result<()> {
    // SAFETY: passed on to the caller; the interrupt word lives as long as
    // the store.
    unsafe {
        let ticks = 1 + steps / STEPS_PER_TICK;
        (*store).tick = (*store).tick.saturating_sub_unsigned(ticks);
        if (*store).tick < 0 {
            (*store).tick = TICK_SLICE;
            if (*(*store).interrupt).load(Ordering::Relaxed) != 0 {
                return Err(Trap::Interrupted.into());
            }
        }
        let cost = steps / STEPS_PER_FUEL;
        if cost == 0 || !(*(*store).core).engine.config().fuel {
            return Ok(());
        }
        (*store).fuel = (*store).fuel.saturating_sub_unsigned(cost);
        if (*store).fuel < 0 {
            return Err(Trap::OutOfFuel.into());
        }
        Ok(())
    }
}

/// Hands the exception to a clause of the frame here.
///
/// # Safety
///
/// `clause` must be one of `guest`, which must be what is here in the walk.
unsafe fn take(
    store: *mut StoreCtx,
    frames: &Frames<'_>,
    guest: Guest<'_>,
    clause: &Clause,
) -> Result<()> {
    // SAFETY: the payload's slots belong to the frame, by the walk over the
    // function's body; everything above is dead.
    unsafe {
        // From here on the frame is the innermost: making an object may
        // collect others.
        (*store).ip = frames.ip;
        (*store).sp = frames.sp;
        (*store).cx = frames.cx;
        let reference = if clause.with_ref {
            exception::materialize(store)?
        } else {
            0
        };
        let core: &mut StoreCore = &mut *(*store).core;
        let mut to = frames.sp.add(usize::from(clause.payload));
        if clause.tag().is_some() {
            for slot in core.exceptions.payload() {
                to.write(*slot);
                to = to.add(1);
            }
        }
        if clause.with_ref {
            to.write(u64::from(reference));
        }
        core.exceptions.clear();
        (*store).ip = guest.code.handler(clause);
    }
    Ok(())
}
