//! Component to component: a lowered function whose callee is a lifted one.
//! Values move from one guest to the other by the programs of their type,
//! and the callee runs in the caller's activation: nothing of the host
//! stands between the two but the moves themselves.

use std::sync::Arc;

use linkspan_engine::{Answer, HostFunc, Opaque};

use super::guest::Site;
use super::transfer::{self, Sides};
use super::{Lifted, WINDOW_SLOTS};
use crate::code::Signature;
use crate::error::{Error, Result};
use crate::store::{ComponentState, OpaqueCall};

/// See the module.
pub(crate) struct Adapter {
    /// The calling guest.
    pub(crate) caller: Site,
    /// The called function.
    pub(crate) callee: Lifted,
    /// The type as the caller's plan knows it.
    pub(crate) signature: Arc<Signature>,
    /// What is called, for errors.
    pub(crate) name: Arc<str>,
}

/// The continuation after the callee has returned.
const RETURNED: u32 = 0;

impl HostFunc<Opaque, ComponentState> for Adapter {
    fn call(&self, mut call: OpaqueCall<'_>) -> Answer {
        let state = call.extra();
        if let Err(error) = state.check_leave(self.caller.owner) {
            return Answer::Trap(error);
        }
        if let Err(error) = state.check_enter_from(self.caller.owner, self.callee.site.owner) {
            return Answer::Trap(self.error(error));
        }
        state.enter(self.callee.site.owner, self.signature.facts.has_borrow);
        match self.pass_params(&mut call) {
            Ok(()) => Answer::Call {
                func: self.callee.func,
                then: RETURNED,
            },
            Err(error) => Answer::Trap(self.error(error)),
        }
    }

    fn resume(&self, mut call: OpaqueCall<'_>, _then: u32) -> Answer {
        match self.pass_result(&mut call) {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Trap(self.error(error)),
        }
    }

    fn catch(&self, _: OpaqueCall<'_>, _then: u32, error: linkspan_engine::Error) -> Answer {
        Answer::Trap(self.error(error.into()))
    }

    fn callee_slots(&self) -> u32 {
        WINDOW_SLOTS as u32
    }
}

impl Adapter {
    #[cold]
    fn error(&self, error: Error) -> linkspan_engine::Error {
        error.within(format!("calling {}", self.name)).into()
    }

    /// The two sides; resource types are numbered by the caller's plan.
    fn sides(&self) -> (Site, Site) {
        let callee = Site {
            instance: self.caller.instance,
            ..self.callee.site
        };
        (self.caller, callee)
    }

    fn pass_params(&self, call: &mut OpaqueCall<'_>) -> Result<()> {
        let facts = &self.signature.facts;
        let count = facts.param_slots.min(WINDOW_SLOTS);
        if facts.params_copy {
            let (window, callee) = call.windows();
            for (to, from) in callee.iter_mut().zip(&*window).take(count) {
                *to = *from;
            }
            return Ok(());
        }
        let mut from = [0; WINDOW_SLOTS];
        from[..count].copy_from_slice(&call.window()[..count]);
        let mut to = [0; WINDOW_SLOTS];
        let (caller, callee) = self.sides();
        let mut store = call.store();
        let mut sides = Sides::new(&mut store, caller, callee);
        transfer::params(&self.signature, &mut sides, &from, &mut to)?;
        call.callee_window()[..count].copy_from_slice(&to[..count]);
        Ok(())
    }

    fn pass_result(&self, call: &mut OpaqueCall<'_>) -> Result<()> {
        let facts = &self.signature.facts;
        let returned = call.callee_window().first().copied().unwrap_or(0);
        let state = call.extra();
        state.check_resume(self.caller.owner)?;
        if facts.has_borrow {
            state.check_borrows()?;
        }
        if facts.result_copy {
            if facts.has_result
                && let Some(slot) = call.window().first_mut()
            {
                *slot = returned;
            }
        } else {
            let mut window = [0; WINDOW_SLOTS];
            let slots = call.window();
            let count = slots.len().min(WINDOW_SLOTS);
            window[..count].copy_from_slice(&slots[..count]);
            let (caller, callee) = self.sides();
            let mut store = call.store();
            let mut sides = Sides::new(&mut store, callee, caller);
            transfer::result(&self.signature, &mut sides, returned, &mut window)?;
            if !facts.result_in_memory
                && let Some(slot) = call.window().first_mut()
            {
                *slot = window[0];
            }
        }
        if self.callee.post_return.is_some() {
            self.callee.run_post_return(&mut call.store(), returned)?;
        }
        call.extra().exit();
        Ok(())
    }
}
