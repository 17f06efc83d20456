//! All references outside the heap: in the frames of every activation, in
//! globals, tables and element segments, in exceptions, and in the hands of
//! the host.
//!
//! Windows of host functions are none: a closure has taken its arguments out
//! before anything can be collected, and raw host functions have no
//! references.

use super::driver::Saved;
use super::frames::{Frames, Here};
use super::instance::InstanceData;
use super::owned::Owned;
use super::vmctx::{Slot, StoreCtx};
use crate::gc::Roots;
use crate::interp;
use crate::translate::Safepoint;
use crate::types::ValType;

/// The roots of a store.
pub(crate) struct StoreRoots {
    pub(crate) store: *mut StoreCtx,
    /// How the innermost frame stands.
    pub(crate) safepoint: Safepoint,
}

/// Visits a reference that stands in a slot.
pub(crate) fn visit_slot(slot: &mut Slot, each: &mut dyn FnMut(&mut u32)) {
    // The upper half of a reference's slot is zero.
    let old = *slot as u32;
    let mut reference = old;
    each(&mut reference);
    // Pages that nobody has written to stay so.
    if reference != old {
        *slot = u64::from(reference);
    }
}

impl Roots for StoreRoots {
    fn visit(&mut self, each: &mut dyn FnMut(&mut u32)) -> bool {
        // SAFETY: whoever collects has the store alone, and borrows only the
        // heap and the table of types.
        unsafe {
            let is_whole = self.visit_frames(each);
            self.visit_instances(each);
            let core = (*self.store).core;
            (*core).exceptions.visit(each);
            (*core).handles.visit(each);
            is_whole
        }
    }
}

impl StoreRoots {
    /// Visits all activations: the one that runs, with those that wait for
    /// it, and those that are parked. False if a frame could not be read.
    ///
    /// # Safety
    ///
    /// The registers in the context must describe the innermost frame.
    unsafe fn visit_frames(&self, each: &mut dyn FnMut(&mut u32)) -> bool {
        // SAFETY: passed on to the caller; what was saved, and what is
        // parked, are the registers of frames.
        unsafe {
            let store = self.store;
            let mut is_whole = visit_run(Frames::of(store), self.safepoint, each);
            let mut outer: *const Saved = (*store).outer;
            while let Some(saved) = outer.as_ref() {
                is_whole &= visit_run(saved.frames(), Safepoint::Call, each);
                outer = saved.outer();
            }
            for parked in (*(*store).core).activations.all_parked() {
                is_whole &= visit_run(parked.frames(), Safepoint::Call, each);
            }
            is_whole
        }
    }

    /// # Safety
    ///
    /// The store must be live.
    unsafe fn visit_instances(&self, each: &mut dyn FnMut(&mut u32)) {
        // SAFETY: passed on to the caller; blocks live as long as the store.
        unsafe {
            let core = (*self.store).core;
            for block in &(*core).globals {
                for global in &mut *block.pointer().as_ptr() {
                    if global.ty.content.is_traced() {
                        visit_slot(&mut global.def.value[0], each);
                    }
                }
            }
            for table in (*core).tables.iter().map(Owned::pointer) {
                let table = &mut *table.as_ptr();
                if table.element_type().is_traced() {
                    for slot in table.elements_mut() {
                        visit_slot(slot, each);
                    }
                }
            }
            for instance in (*core).instances.iter().map(Owned::pointer) {
                let instance: *mut InstanceData = instance.as_ptr();
                let segments = &*(*instance).module.inner().elems;
                let values = &mut (*instance).elem_values;
                for (segment, values) in segments.iter().zip(values) {
                    if ValType::Ref(segment.ty).is_traced() {
                        for slot in values {
                            visit_slot(slot, each);
                        }
                    }
                }
            }
        }
    }
}

/// Positions that a walk keeps.
const OFFSETS: usize = 16;

/// Visits the frames of one run, up to where the driver entered it.
///
/// # Safety
///
/// `frames` must be at a frame that stands at such a `safepoint`.
unsafe fn visit_run(
    mut frames: Frames<'_>,
    mut safepoint: Safepoint,
    each: &mut dyn FnMut(&mut u32),
) -> bool {
    // Where a position belongs takes a search, and a deep stack has few
    // positions: the last of each kind are kept.
    let mut offsets = [(core::ptr::null(), 0); OFFSETS];
    // SAFETY: passed on to the caller; every step goes to the caller that
    // the frame's header names, and a function's map names slots of its
    // frames.
    unsafe {
        loop {
            match frames.here() {
                Here::Guest(guest) => {
                    let known = &mut offsets[frames.ip.addr() / 4 % OFFSETS];
                    if known.0 != frames.ip {
                        *known = (frames.ip, guest.code.wasm_offset(frames.ip));
                    }
                    let offset = known.1;
                    guest.code.roots().for_each(offset, safepoint, |slot| {
                        visit_slot(&mut *frames.sp.add(usize::from(slot)), each);
                    });
                    frames.leave(guest.code);
                }
                Here::Host(host) => frames.leave_host(host),
                Here::End => {
                    let ip = frames.ip;
                    return ip.is_null() || ip == interp::exit_ip() || frames.cx.is_null();
                }
            }
            safepoint = Safepoint::Call;
        }
    }
}
