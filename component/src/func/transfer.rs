//! Two guests of one store as the canonical ABI's bridge: both memories at
//! once, the destination's `realloc`, and handles that change their table.

use linkspan_canon_abi as abi;
use linkspan_canon_abi::program::{Bridge, Memories, MoveContext};
use linkspan_canon_abi::{Guest, Handles, ResourceTypeId};

use super::guest::{GuestView, Site};
use crate::code::Signature;
use crate::error::{Error, Result};
use crate::store::{ComponentState, HandleMode, OpaqueStore};

/// The guest that values come from, and the one that they go to.
pub(crate) struct Sides<'a> {
    to: GuestView<'a>,
    from: Site,
}

impl<'a> Sides<'a> {
    pub(crate) fn new(store: &'a mut OpaqueStore<'_>, from: Site, to: Site) -> Sides<'a> {
        Sides {
            to: GuestView::new(store, to, HandleMode::Raw),
            from,
        }
    }

    /// The state, on behalf of one side.
    fn state(&mut self, site: Site) -> &mut ComponentState {
        let state = self.to.store.extra_mut();
        state.call = site.call(HandleMode::Raw);
        state
    }
}

impl Bridge for Sides<'_> {
    fn memories(&mut self) -> Memories<'_> {
        let memories = self.to.store.parts().memories;
        let pair = match (self.from.memory, self.to.site.memory) {
            (Some(from), Some(to)) if from == to => memories.into_bytes(to).map(Memories::Shared),
            (Some(from), Some(to)) => memories
                .into_pair(from, to)
                .map(|(from, to)| Memories::Apart { from, to }),
            (Some(from), None) => memories
                .into_bytes(from)
                .map(|from| Memories::Apart { from, to: &mut [] }),
            (None, Some(to)) => memories
                .into_bytes(to)
                .map(|to| Memories::Apart { from: &[], to }),
            (None, None) => Ok(no_memory()),
        };
        // Both memories are of this store: they were taken from its instances.
        pair.unwrap_or_else(|_| no_memory())
    }

    fn realloc(
        &mut self,
        old_pointer: u64,
        old_bytes: u64,
        alignment: u32,
        new_bytes: u64,
    ) -> abi::Result<u64> {
        self.to
            .realloc(old_pointer, old_bytes, alignment, new_bytes)
    }

    fn move_own(&mut self, resource: ResourceTypeId, index: u32) -> abi::Result<u32> {
        let rep = self.state(self.from).lift_own(resource, index)?;
        let state = self.state(self.to.site);
        let moved = state.lower_own(resource, rep);
        state.end_lift(moved)
    }

    fn move_borrow(&mut self, resource: ResourceTypeId, index: u32) -> abi::Result<u32> {
        let rep = self.state(self.from).lift_borrow(resource, index)?;
        self.state(self.to.site).lower_borrow(resource, rep)
    }

    fn checkpoint(&mut self) -> abi::Result<()> {
        self.to.store.extra_mut().checkpoint()
    }
}

/// Ends a transfer: it costs fuel.
fn finish(moved: Result<()>, bytes: u64, sides: &mut Sides<'_>) -> Result<()> {
    moved?;
    super::pay(&mut sides.to.store, bytes)
}

fn no_memory() -> Memories<'static> {
    Memories::Apart {
        from: &[],
        to: &mut [],
    }
}

/// Moves parameters: the caller's window is read, the callee's written.
pub(crate) fn params(
    signature: &Signature,
    sides: &mut Sides<'_>,
    from: &[u64],
    to: &mut [u64],
) -> Result<()> {
    let options = (sides.from.options, sides.to.site.options);
    let budget = sides.to.store.extra().limits.move_bytes_max;
    let mut cx = MoveContext::new(&mut *sides, options.0, options.1).with_budget(budget);
    let moved = signature
        .params
        .move_params(&mut cx, from, to)
        .map_err(|error| signature.param_error(error));
    let bytes = cx.charged_bytes();
    finish(moved, bytes, sides)
}

/// Moves the result: what the callee returned is read, the caller's window
/// written.
pub(crate) fn result(
    signature: &Signature,
    sides: &mut Sides<'_>,
    returned: u64,
    window: &mut [u64],
) -> Result<()> {
    let options = (sides.from.options, sides.to.site.options);
    let budget = sides.to.store.extra().limits.move_bytes_max;
    let mut cx = MoveContext::new(&mut *sides, options.0, options.1).with_budget(budget);
    let moved = signature
        .result
        .move_result(&mut cx, &[returned], window, signature.facts.param_slots)
        .map_err(|error| Error::from(error).within("result"));
    let bytes = cx.charged_bytes();
    finish(moved, bytes, sides)
}
