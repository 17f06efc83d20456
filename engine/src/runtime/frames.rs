//! The frames of an activation, from the innermost outwards, as their headers
//! name them: what backtraces and the search for a handler walk over. Nothing
//! is changed here.

use core::ptr;

use super::driver::HostFrame;
use super::instance::InstanceData;
use super::vmctx::{Ip, Slot, StoreCtx, VmCtx, header};
use crate::entity::FuncIndex;
use crate::interp::{self, Code};
use crate::module::Module;

/// A place in the walk.
pub(super) struct Frames<'a> {
    /// Position behind the instruction that the frame waits for.
    pub(super) ip: Ip,
    /// The frame.
    pub(super) sp: *mut Slot,
    /// Its instance.
    pub(super) cx: *mut VmCtx,
    /// What was found last: deep stacks are mostly recursion.
    last: Option<Guest<'a>>,
}

/// What is at a place in the walk.
pub(super) enum Here<'a> {
    /// The frame of a guest function.
    Guest(Guest<'a>),
    /// A host function that waits for a guest function.
    Host(*mut HostFrame),
    /// The driver entered guest code here.
    End,
}

/// The function of a frame.
#[derive(Clone, Copy)]
pub(super) struct Guest<'a> {
    pub(super) module: &'a Module,
    pub(super) func: FuncIndex,
    pub(super) code: &'a Code,
}

impl<'a> Frames<'a> {
    /// The innermost frame of the run that was left last.
    ///
    /// # Safety
    ///
    /// `ip`, `sp` and `cx` of the context must be those of a frame, or `ip`
    /// the exit position; the store must live for `'a`.
    pub(super) unsafe fn of(store: *const StoreCtx) -> Frames<'a> {
        // SAFETY: passed on to the caller.
        unsafe { Frames::at((*store).ip, (*store).sp, (*store).cx) }
    }

    /// The innermost frame of a run that waits.
    ///
    /// # Safety
    ///
    /// As for [`of`](Frames::of).
    pub(super) unsafe fn at(ip: Ip, sp: *mut Slot, cx: *mut VmCtx) -> Frames<'a> {
        Frames {
            ip,
            sp,
            cx,
            last: None,
        }
    }

    /// What is here.
    ///
    /// # Safety
    ///
    /// The place must be one that [`Frames::of`] and the steps from there
    /// lead to, and the frames must be as they were then.
    pub(super) unsafe fn here(&mut self) -> Here<'a> {
        if self.ip == interp::host_resume_ip() {
            return Here::Host(HostFrame::at(self.sp));
        }
        if self.ip.is_null() || self.ip == interp::exit_ip() || self.cx.is_null() {
            return Here::End;
        }
        if let Some(last) = self.last
            && last.code.contains(self.ip)
        {
            return Here::Guest(last);
        }
        // SAFETY: the context of a guest frame is that of a live instance,
        // which keeps its module.
        let module = unsafe { &(*InstanceData::of(self.cx)).module };
        let inner = module.inner();
        let found = inner.codes.find(self.ip).and_then(|func| {
            let code = inner.body(func)?.code.get()?;
            code.contains(self.ip)
                .then_some(Guest { module, func, code })
        });
        match found {
            Some(guest) => {
                self.last = found;
                Here::Guest(guest)
            }
            None => Here::End,
        }
    }

    /// Goes from a guest's frame to its caller.
    ///
    /// # Safety
    ///
    /// `code` must be that of the function [here](Frames::here).
    pub(super) unsafe fn leave(&mut self, code: &Code) {
        let word = |slot: usize| {
            // SAFETY: the frame has its header where its code says.
            unsafe { self.sp.add(code.header_slot() + slot).read() }
        };
        let return_ip: Ip = pointer(word(header::RETURN_IP)).cast_const().cast();
        if return_ip == interp::restore_ip() {
            self.ip = pointer(word(header::CALLER_IP)).cast_const().cast();
            self.cx = pointer(word(header::CALLER_CX)).cast();
        } else {
            self.ip = return_ip;
        }
        self.sp = pointer(word(header::CALLER_SP)).cast();
    }

    /// Goes from a host function to its caller.
    ///
    /// # Safety
    ///
    /// `host` must be what is [here](Frames::here).
    pub(super) unsafe fn leave_host(&mut self, host: *const HostFrame) {
        // SAFETY: passed on to the caller.
        let host = unsafe { &*host };
        (self.ip, self.sp, self.cx) = (host.ip, host.sp, host.cx);
    }
}

/// An address that was stored in a slot.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the slot was made from an address"
)]
fn pointer(slot: Slot) -> *mut u8 {
    ptr::with_exposed_provenance_mut(slot as usize)
}
