//! The handles that the host holds, by the tokens that stand for them in
//! Rust values.

use linkspan_canon_abi::ResourceTypeId;

use super::{not_owned, stale};
use crate::error::{Error, Result};
use crate::limits::Usage;

/// A handle that the host holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnyHandle {
    /// Its resource type, numbered by the store.
    pub(crate) resource: ResourceTypeId,
    pub(crate) rep: u64,
    pub(crate) own: bool,
}

impl AnyHandle {
    pub(crate) fn own(resource: ResourceTypeId, rep: u64) -> AnyHandle {
        AnyHandle {
            resource,
            rep,
            own: true,
        }
    }
}

/// Bits of a token that are the slot.
const SLOT_BITS: u32 = 24;
/// Bits of a token that name the store.
const STORE_BITS: u32 = 20;
/// The last generation that a token has room for.
const GENERATION_MAX: u32 = (1 << (u64::BITS - SLOT_BITS - STORE_BITS)) - 1;

/// How many handles the host can hold in one store.
pub(crate) const HOST_HANDLES_MAX: u32 = 1 << SLOT_BITS;

/// The handles that the host holds, named by tokens.
///
/// A token is, from its lowest bit on, a slot, the lower bits of the store's
/// number, and a generation. A token of another store is known as such, unless
/// very many stores were made between the two.
#[derive(Debug)]
pub(crate) struct AnyTable {
    slots: Vec<AnySlot>,
    free: Vec<u32>,
    live: u32,
    peak: u32,
    limit: u32,
    /// The store's part of tokens, at its place.
    store: u64,
}

#[derive(Debug)]
struct AnySlot {
    generation: u32,
    lends: u32,
    /// Whether it was dropped while it was lent, without a store at hand.
    is_dropped: bool,
    handle: Option<AnyHandle>,
}

impl AnyTable {
    /// An empty table of the store with this number.
    pub(crate) fn new(store: u64) -> AnyTable {
        AnyTable {
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            peak: 0,
            limit: HOST_HANDLES_MAX,
            store: (store & STORE_MASK) << SLOT_BITS,
        }
    }

    /// Adds a handle: its token.
    pub(crate) fn insert(&mut self, handle: AnyHandle) -> Result<u64> {
        if self.live >= self.limit {
            return Err(self.full());
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                if self.slots.len() >= HOST_HANDLES_MAX as usize {
                    return Err(self.full());
                }
                self.slots.push(AnySlot {
                    // Zero would make tokens that look like representations.
                    generation: 1,
                    lends: 0,
                    is_dropped: false,
                    handle: None,
                });
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let place = &mut self.slots[slot as usize];
        place.handle = Some(handle);
        self.live += 1;
        self.peak = self.peak.max(self.live);
        let generation = u64::from(place.generation) << (SLOT_BITS + STORE_BITS);
        Ok(generation | self.store | u64::from(slot))
    }

    #[cold]
    fn full(&self) -> Error {
        let limit = self.limit;
        Error::limit(format!(
            "the host holds {limit} handles of this store, which is the limit: drop some, or \
             raise `host_handles_max` in the store's limits"
        ))
    }

    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            live: u64::from(self.live),
            peak: u64::from(self.peak),
        }
    }

    /// All handles.
    pub(crate) fn handles(&self) -> impl Iterator<Item = &AnyHandle> {
        self.slots.iter().filter_map(|slot| slot.handle.as_ref())
    }

    /// The handle of a token.
    pub(crate) fn get(&self, token: u64) -> Result<&AnyHandle> {
        self.slot(token)
            .and_then(|slot| slot.handle.as_ref())
            .ok_or_else(|| self.missing(token))
    }

    /// Why there is no handle of that token.
    #[cold]
    fn missing(&self, token: u64) -> Error {
        if token & (STORE_MASK << SLOT_BITS) == self.store {
            stale()
        } else {
            Error::resource("the handle belongs to another store")
        }
    }

    /// Checks that a handle can be passed on, or lent, as one of that type.
    pub(crate) fn check(&self, token: u64, resource: ResourceTypeId, own: bool) -> Result<()> {
        let handle = self.get(token)?;
        if handle.resource != resource {
            return Err(other_resource());
        }
        if own && !handle.own {
            return Err(not_owned());
        }
        if own && self.slot(token).is_some_and(|slot| slot.lends > 0) {
            return Err(lent());
        }
        Ok(())
    }

    fn slot(&self, token: u64) -> Option<&AnySlot> {
        let slot = self.slots.get(place(token))?;
        let generation = u64::from(slot.generation) << (SLOT_BITS + STORE_BITS);
        (generation | self.store == token & !SLOT_MASK).then_some(slot)
    }

    fn slot_mut(&mut self, token: u64) -> Option<&mut AnySlot> {
        self.slot(token)?;
        self.slots.get_mut(place(token))
    }

    /// Frees the slot of a token. One whose generations are used up is not
    /// used again: that is one slot for a million handles.
    fn free_slot(&mut self, token: u64) {
        if let Some(slot) = self.slot_mut(token)
            && slot.handle.take().is_some()
        {
            slot.lends = 0;
            slot.is_dropped = false;
            slot.generation += 1;
            if slot.generation <= GENERATION_MAX {
                self.free.push((token & SLOT_MASK) as u32);
            }
            self.live -= 1;
        }
    }

    /// Takes a handle out: for passing it on, or to drop it.
    pub(crate) fn take(&mut self, token: u64) -> Result<AnyHandle> {
        let handle = *self.get(token)?;
        if self.slot(token).is_some_and(|slot| slot.lends > 0) {
            return Err(lent());
        }
        self.free_slot(token);
        Ok(handle)
    }

    /// Takes out a handle that owns a resource of that type.
    pub(crate) fn take_own(&mut self, token: u64, resource: ResourceTypeId) -> Result<u64> {
        self.check(token, resource, true)?;
        self.take(token).map(|handle| handle.rep)
    }

    /// The representation behind a handle that owns a resource of that type
    /// and can be passed on.
    pub(crate) fn own_rep(&self, token: u64, resource: ResourceTypeId) -> Result<u64> {
        self.check(token, resource, true)?;
        self.get(token).map(|handle| handle.rep)
    }

    /// Whether a handle is lent; it is then noted as dropped, and the end of
    /// the last loan says so.
    pub(crate) fn drop_when_returned(&mut self, token: u64) -> bool {
        match self.slot_mut(token) {
            Some(slot) if slot.handle.is_some() && slot.lends > 0 => {
                slot.is_dropped = true;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Lends a handle of that type to a call: its representation.
    pub(crate) fn lend(&mut self, token: u64, resource: ResourceTypeId) -> Result<u64> {
        let handle = *self.get(token)?;
        if handle.resource != resource {
            return Err(other_resource());
        }
        if let Some(slot) = self.slot_mut(token) {
            slot.lends = slot.lends.saturating_add(1);
        }
        Ok(handle.rep)
    }

    /// Makes all handles stale whose resource type is gone.
    pub(crate) fn revoke(&mut self, is_gone: &dyn Fn(ResourceTypeId) -> bool) {
        for slot in 0..self.slots.len() {
            let place = &self.slots[slot];
            let gone = place.handle.is_some_and(|handle| is_gone(handle.resource));
            if gone {
                let generation = u64::from(place.generation) << (SLOT_BITS + STORE_BITS);
                self.free_slot(generation | self.store | slot as u64);
            }
        }
    }

    /// Ends a loan, unless the handle is gone: whether nobody needs it any
    /// more.
    pub(crate) fn end_lend(&mut self, token: u64) -> bool {
        match self.slot_mut(token) {
            Some(slot) => {
                slot.lends = slot.lends.saturating_sub(1);
                slot.lends == 0 && slot.is_dropped
            }
            None => false,
        }
    }

    /// Ends a borrow that the host got for the time of a call, unless the host
    /// dropped it before.
    pub(crate) fn end_temporary(&mut self, token: u64) {
        self.free_slot(token);
    }
}

const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
const STORE_MASK: u64 = (1 << STORE_BITS) - 1;

/// The slot of a token.
fn place(token: u64) -> usize {
    (token & SLOT_MASK) as usize
}

#[cold]
fn lent() -> Error {
    Error::resource("the resource is lent to a call that is still running")
}

#[cold]
fn other_resource() -> Error {
    Error::resource("the handle is of another resource type than the function takes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_store_and_one_handle() {
        let handle = AnyHandle {
            resource: ResourceTypeId(0),
            rep: 1,
            own: true,
        };
        let (mut a, mut b) = (AnyTable::new(1), AnyTable::new(2));
        let (of_a, of_b) = (a.insert(handle).unwrap(), b.insert(handle).unwrap());
        assert!(b.take(of_a).unwrap_err().to_string().contains("store"));
        b.end_temporary(of_a);
        assert_eq!(b.get(of_b).unwrap().rep, 1);
        a.slots[0].generation = GENERATION_MAX;
        let generation = u64::from(GENERATION_MAX - 1) << (SLOT_BITS + STORE_BITS);
        let last = of_a + generation;
        a.take(last).unwrap();
        assert_eq!(place(a.insert(handle).unwrap()), 1, "a worn slot rests");
    }

    #[test]
    fn tokens_are_checked() {
        let mut table = AnyTable::new(1);
        let resource = ResourceTypeId(3);
        let own = |rep| AnyHandle {
            resource,
            rep,
            own: true,
        };
        let token = table.insert(own(5)).unwrap();
        assert_eq!(table.lend(token, resource).unwrap(), 5);
        assert!(table.take_own(token, resource).is_err(), "lent");
        table.end_lend(token);
        assert!(
            table.take_own(token, ResourceTypeId(4)).is_err(),
            "other type"
        );
        assert_eq!(table.take_own(token, resource).unwrap(), 5);
        assert!(table.get(token).is_err(), "stale");
        let again = table.insert(own(6)).unwrap();
        assert_ne!(again, token);
        assert_eq!(again as u32, token as u32, "the slot is used again");
    }
}
