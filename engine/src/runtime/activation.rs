//! Activations: the slot stacks that calls run on, and the calls that are
//! parked because a host function answered *pending*.
//!
//! Ordinary calls share the store's main stack. A call that may suspend gets
//! a stack of its own, so that parking it is keeping five words.

use core::fmt;
use core::ptr::NonNull;

use super::frames::Frames;
use super::store::StoreId;
use super::value::Val;
use super::vmctx::{FuncDef, Ip, Slot, VmCtx};
use crate::error::{Error, Result};
use crate::sys::{SlotStack, StackPool};

/// Names a call that was made with [`Func::start`](crate::Func::start) and
/// waits for a host function. It becomes invalid when the call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivationId {
    store: StoreId,
    index: u32,
    generation: u32,
}

/// How far a call that may suspend has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The call has ended with these results.
    Done(Vec<Val>),
    /// A host function answered *pending*; its results are what
    /// [`Store::resume`](crate::Store::resume) takes.
    Pending(ActivationId),
}

/// Where a parked call goes on.
#[derive(Clone, Copy)]
pub(crate) struct Parked {
    pub(crate) ip: Ip,
    pub(crate) sp: *mut Slot,
    pub(crate) cx: *mut VmCtx,
    /// Window of the host function that answered *pending*.
    pub(crate) window: *mut Slot,
    pub(crate) host: NonNull<FuncDef>,
    /// The function that was started.
    pub(crate) root: NonNull<FuncDef>,
}

impl Parked {
    /// The frames of the call.
    ///
    /// # Safety
    ///
    /// The call must still be parked.
    pub(super) unsafe fn frames<'a>(&self) -> Frames<'a> {
        // SAFETY: passed on to the caller.
        unsafe { Frames::at(self.ip, self.sp, self.cx) }
    }
}

/// All activations of a store.
#[derive(Default)]
pub(crate) struct Activations {
    /// The stack of ordinary calls, made by the first of them.
    main: Option<SlotStack>,
    /// The suspendable call that runs now.
    pub(crate) current: Option<ActivationId>,
    entries: Vec<Entry>,
    free: Vec<u32>,
}

struct Entry {
    generation: u32,
    live: Option<Live>,
}

struct Live {
    stack: SlotStack,
    /// Absent while the call runs.
    parked: Option<Parked>,
}

impl Activations {
    /// Makes an activation with a stack of its own.
    pub(crate) fn open(
        &mut self,
        store: StoreId,
        stacks: &StackPool,
        count_max: usize,
    ) -> Result<ActivationId> {
        let live_count = self.entries.len() - self.free.len();
        if live_count >= count_max {
            return Err(Error::limit(format!(
                "the store may have {count_max} suspendable calls at once, and has them"
            )));
        }
        let live = Live {
            stack: stacks.take().ok_or_else(no_stack)?,
            parked: None,
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.entries.push(Entry {
                    generation: 0,
                    live: None,
                });
                u32::try_from(self.entries.len() - 1)
                    .map_err(|_| Error::limit("too many suspendable calls"))?
            }
        };
        let entry = &mut self.entries[index as usize];
        entry.live = Some(live);
        Ok(ActivationId {
            store,
            index,
            generation: entry.generation,
        })
    }

    /// The stack of a live activation.
    pub(crate) fn stack(&self, id: ActivationId) -> Result<&SlotStack> {
        match self.entries.get(id.index as usize) {
            Some(Entry {
                generation,
                live: Some(live),
            }) if *generation == id.generation => Ok(&live.stack),
            _ => Err(stale()),
        }
    }

    /// Parks a running activation.
    pub(crate) fn park(&mut self, id: ActivationId, parked: Parked) -> Result<()> {
        self.live(id)?.parked = Some(parked);
        Ok(())
    }

    /// Takes a parked activation up again.
    pub(crate) fn unpark(&mut self, id: ActivationId) -> Result<Parked> {
        self.live(id)?.parked.take().ok_or_else(running)
    }

    /// Where a parked activation waits.
    pub(crate) fn parked(&self, store: StoreId, id: ActivationId) -> Result<Parked> {
        if id.store != store {
            return Err(super::store::wrong_store("activation"));
        }
        self.stack(id)?;
        let live = self.entries[id.index as usize].live.as_ref();
        live.and_then(|live| live.parked).ok_or_else(running)
    }

    /// Where all parked activations wait.
    pub(crate) fn all_parked(&self) -> impl Iterator<Item = &Parked> {
        let live = self.entries.iter().filter_map(|entry| entry.live.as_ref());
        live.filter_map(|live| live.parked.as_ref())
    }

    /// Makes the stack of ordinary calls and answers its start and its limit.
    pub(crate) fn open_main(&mut self, stacks: &StackPool) -> Result<(*mut Slot, *mut Slot)> {
        let stack = stacks.take().ok_or_else(no_stack)?;
        let bounds = (stack.base(), stack.limit());
        self.main = Some(stack);
        Ok(bounds)
    }

    /// Gives all stacks back, when their store ends.
    pub(crate) fn release(&mut self, stacks: &StackPool) {
        let parked = self.entries.drain(..).filter_map(|entry| entry.live);
        for stack in self
            .main
            .take()
            .into_iter()
            .chain(parked.map(|live| live.stack))
        {
            stacks.give(stack);
        }
    }

    /// Ends an activation and keeps its stack for another.
    pub(crate) fn close(&mut self, id: ActivationId, stacks: &StackPool) -> Result<()> {
        self.live(id)?;
        let entry = &mut self.entries[id.index as usize];
        if let Some(live) = entry.live.take() {
            stacks.give(live.stack);
        }
        // An entry whose generations are used up is never offered again.
        if let Some(next) = entry.generation.checked_add(1) {
            entry.generation = next;
            self.free.push(id.index);
        }
        Ok(())
    }

    fn live(&mut self, id: ActivationId) -> Result<&mut Live> {
        match self.entries.get_mut(id.index as usize) {
            Some(entry) if entry.generation == id.generation => {
                entry.live.as_mut().ok_or_else(stale)
            }
            _ => Err(stale()),
        }
    }
}

impl fmt::Debug for Activations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activations").finish_non_exhaustive()
    }
}

#[cold]
fn no_stack() -> Error {
    Error::limit("the system refused memory for a guest's stack")
}

#[cold]
fn stale() -> Error {
    Error::usage("the activation has ended, or was abandoned")
}

#[cold]
fn running() -> Error {
    Error::usage("the activation is running, and not waiting for a host function")
}
