//! The handle table of a component instance: own and borrow handles in slots of
//! eight bytes, with lend counts and the scopes of borrows (the chapters "Table
//! State" and "Resource State").
//!
//! It stores tokens, and never runs a destructor: [`HandleTable::remove`] says
//! whether one is due. Index 0 is never used; freed indices are used again, last
//! freed first, as the specification demands.

use std::collections::BTreeMap;

use crate::trap::{Error, Result, Trap};
use crate::types::ResourceTypeId;

/// The most handles that the specification allows in one table (`MAX_LENGTH`).
pub const MAX_HANDLES: u32 = (1 << 28) - 1;

/// How many handles a table holds unless the embedder says otherwise.
pub const DEFAULT_HANDLES_MAX: u32 = 1_000_000;

/// The calls of an instance whose borrows are counted: one for each call that
/// is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(u32);

/// What was removed from a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// An owned handle: its destructor is due with this rep.
    Own(u64),
    /// A borrow: nothing is due.
    Borrow,
}

/// A slot: rep 32 · kind 2 · resource type 18 · lends 6 · scope 6 bits.
///
/// A free slot is kind 0, and its rep is the next free index. Counts that do not
/// fit stand in a map on the side; no guest in practice comes to that. Reps that
/// do not fit, of a resource that `i64` represents, stand in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot(u64);

/// Both small fields at their maximum: look on the side.
const SPILLED: u32 = 63;

/// A rep from here on stands on the side.
const WIDE_REP: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Free,
    Own,
    Borrow,
}

impl Slot {
    const fn free(next: u32) -> Self {
        Self(next as u64)
    }

    fn new(kind: Kind, resource: u32, rep: u32) -> Self {
        let kind = match kind {
            Kind::Free => 0,
            Kind::Own => 1,
            Kind::Borrow => 2,
        };
        Self(u64::from(rep) | kind << 32 | u64::from(resource) << 34)
    }

    const fn rep(self) -> u32 {
        self.0 as u32
    }

    const fn kind(self) -> Kind {
        match self.0 >> 32 & 3 {
            1 => Kind::Own,
            2 => Kind::Borrow,
            _ => Kind::Free,
        }
    }

    const fn resource(self) -> u32 {
        (self.0 >> 34) as u32 & RESOURCE_MASK
    }

    const fn lends(self) -> u32 {
        (self.0 >> 52) as u32 & SPILLED
    }

    const fn scope(self) -> u32 {
        (self.0 >> 58) as u32
    }

    const fn with_counts(self, lends: u32, scope: u32) -> Self {
        Self(self.0 & ((1 << 52) - 1) | (lends as u64) << 52 | (scope as u64) << 58)
    }
}

const RESOURCE_BITS: u32 = 18;
const RESOURCE_MASK: u32 = (1 << RESOURCE_BITS) - 1;
/// Where [`ResourceTypeId::HOST`] stands in a slot.
const HOST_BIT: u32 = 1 << (RESOURCE_BITS - 1);

/// Lend count and scope of a handle, wherever they stand.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    lends: u32,
    scope: u32,
}

/// The handles of one component instance.
#[derive(Debug)]
pub struct HandleTable {
    /// Slot 0 is never used.
    slots: Vec<Slot>,
    /// The index freed last, or 0.
    free: u32,
    live: u32,
    /// The most that were alive at once.
    peak: u32,
    limit: u32,
    spilled: BTreeMap<u32, Counts>,
    /// Reps that have more bits than a slot has for them, by index.
    wide: BTreeMap<u32, u64>,
    /// Borrows alive in each scope; `None` for a scope that has ended.
    scopes: Vec<Option<u32>>,
}

impl Default for HandleTable {
    fn default() -> Self {
        Self::with_limit(DEFAULT_HANDLES_MAX)
    }
}

impl HandleTable {
    /// An empty table with the default limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty table for `limit` handles, at most [`MAX_HANDLES`].
    pub fn with_limit(limit: u32) -> Self {
        Self {
            slots: Vec::new(),
            free: 0,
            live: 0,
            peak: 0,
            limit: limit.min(MAX_HANDLES),
            spilled: BTreeMap::new(),
            wide: BTreeMap::new(),
            scopes: Vec::new(),
        }
    }

    /// How many handles are alive.
    pub fn len(&self) -> u32 {
        self.live
    }

    /// The most handles that were alive at one time.
    pub fn peak(&self) -> u32 {
        self.peak
    }

    /// Changes the limit, which is at most [`MAX_HANDLES`]. Handles that exist
    /// stay.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit.min(MAX_HANDLES);
    }

    /// The resource type of each handle, and whether it is owned.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceTypeId, bool)> + '_ {
        self.slots
            .iter()
            .filter(|slot| slot.kind() != Kind::Free)
            .map(|slot| (unpack(slot.resource()), slot.kind() == Kind::Own))
    }

    /// Whether no handle is alive.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The reps of all owned handles: what is to be destroyed with the instance.
    pub fn owned(&self) -> impl Iterator<Item = (ResourceTypeId, u64)> + '_ {
        (0..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.kind() == Kind::Own)
            .map(|(index, slot)| (unpack(slot.resource()), self.full_rep(index, *slot)))
    }

    /// Adds an owned handle (`canon_resource_new`, `lower_own`).
    ///
    /// # Errors
    /// [`Trap::HandleTableFull`]; an error when the resource type's number has
    /// more than 17 bits.
    pub fn insert_own(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32> {
        self.insert(Kind::Own, resource, rep)
    }

    /// Adds a handle that is borrowed for a call (`lower_borrow`).
    ///
    /// # Errors
    /// As [`HandleTable::insert_own`].
    pub fn insert_borrow(
        &mut self,
        resource: ResourceTypeId,
        rep: u64,
        scope: ScopeId,
    ) -> Result<u32> {
        let index = self.insert(Kind::Borrow, resource, rep)?;
        self.set_counts(
            index,
            Counts {
                lends: 0,
                scope: scope.0,
            },
        );
        if let Some(Some(borrows)) = self.scopes.get_mut(scope.0 as usize) {
            *borrows += 1;
        }
        Ok(index)
    }

    /// The rep behind a handle (`canon_resource_rep`).
    ///
    /// # Errors
    /// [`Trap::UnknownHandle`], [`Trap::WrongHandleType`].
    pub fn rep(&self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        let slot = self.get(resource, index)?;
        Ok(self.full_rep(index, slot))
    }

    /// Lends a handle to a call (`lift_borrow`, `add_lender`): its rep. The
    /// caller keeps the index and gives it to [`HandleTable::end_lend`] when the
    /// call ends.
    ///
    /// # Errors
    /// [`Trap::UnknownHandle`], [`Trap::WrongHandleType`].
    pub fn lend(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        let slot = self.get(resource, index)?;
        let counts = self.counts(index, slot);
        let lends = counts.lends.saturating_add(1);
        self.set_counts(index, Counts { lends, ..counts });
        Ok(self.full_rep(index, slot))
    }

    /// Ends a loan (`deliver_resolve`). An index that is not lent is ignored.
    pub fn end_lend(&mut self, index: u32) {
        if let Some(slot) = self.live_slot(index) {
            let counts = self.counts(index, slot);
            let lends = counts.lends.saturating_sub(1);
            self.set_counts(index, Counts { lends, ..counts });
        }
    }

    /// Takes an owned handle out (`lift_own`): its rep.
    ///
    /// # Errors
    /// [`Trap::UnknownHandle`], [`Trap::WrongHandleType`], [`Trap::StillLent`],
    /// [`Trap::NotOwned`].
    pub fn take_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        let slot = self.removable(resource, index)?;
        match slot.kind() {
            Kind::Own => {
                let rep = self.full_rep(index, slot);
                self.free_slot(index);
                Ok(rep)
            }
            Kind::Free | Kind::Borrow => Err(Trap::NotOwned { index }.into()),
        }
    }

    /// Drops a handle (`canon_resource_drop`, but for the destructor).
    ///
    /// # Errors
    /// [`Trap::UnknownHandle`], [`Trap::WrongHandleType`], [`Trap::StillLent`].
    pub fn remove(&mut self, resource: ResourceTypeId, index: u32) -> Result<Removed> {
        let slot = self.removable(resource, index)?;
        let (counts, rep) = (self.counts(index, slot), self.full_rep(index, slot));
        self.free_slot(index);
        Ok(match slot.kind() {
            Kind::Own | Kind::Free => Removed::Own(rep),
            Kind::Borrow => {
                if let Some(Some(borrows)) = self.scopes.get_mut(counts.scope as usize) {
                    *borrows = borrows.saturating_sub(1);
                }
                Removed::Borrow
            }
        })
    }

    /// Removes all handles to resource types that are gone, whoever lent them.
    pub fn revoke(&mut self, is_gone: &dyn Fn(ResourceTypeId) -> bool) {
        for index in 1..self.slots.len() as u32 {
            let Some(slot) = self.live_slot(index) else {
                continue;
            };
            if !is_gone(unpack(slot.resource())) {
                continue;
            }
            let counts = self.counts(index, slot);
            self.free_slot(index);
            if slot.kind() == Kind::Borrow
                && let Some(Some(borrows)) = self.scopes.get_mut(counts.scope as usize)
            {
                *borrows = borrows.saturating_sub(1);
            }
        }
    }

    /// Removes all handles, as if the table was new, but for its
    /// [`peak`](HandleTable::peak).
    pub fn clear(&mut self) {
        *self = Self {
            peak: self.peak,
            ..Self::with_limit(self.limit)
        };
    }

    /// Starts to count the borrows of a call.
    pub fn enter_scope(&mut self) -> ScopeId {
        let place = self
            .scopes
            .iter()
            .position(Option::is_none)
            .unwrap_or_else(|| {
                self.scopes.push(None);
                self.scopes.len() - 1
            });
        self.scopes[place] = Some(0);
        ScopeId(place as u32)
    }

    /// Ends a call: all that was lent to it must be dropped by now.
    ///
    /// # Errors
    /// [`Trap::BorrowsRemain`].
    pub fn exit_scope(&mut self, scope: ScopeId) -> Result<()> {
        let place = self.scopes.get_mut(scope.0 as usize).and_then(Option::take);
        while self.scopes.last() == Some(&None) {
            self.scopes.pop();
        }
        match place {
            Some(borrows) if borrows > 0 => Err(Trap::BorrowsRemain { borrows }.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Drops all that was lent to a call, for a callee that only passed it on.
    pub fn drop_borrows(&mut self, scope: ScopeId) {
        for index in 1..self.slots.len() as u32 {
            let Some(slot) = self.live_slot(index) else {
                continue;
            };
            if slot.kind() == Kind::Borrow && self.counts(index, slot).scope == scope.0 {
                self.free_slot(index);
            }
        }
        if let Some(Some(borrows)) = self.scopes.get_mut(scope.0 as usize) {
            *borrows = 0;
        }
    }

    fn insert(&mut self, kind: Kind, resource: ResourceTypeId, rep: u64) -> Result<u32> {
        if self.live >= self.limit {
            return Err(Trap::HandleTableFull { limit: self.limit }.into());
        }
        let narrow = u32::try_from(rep).unwrap_or(WIDE_REP);
        let slot = Slot::new(kind, pack(resource)?, narrow);
        let index = if self.free != 0 {
            let index = self.free;
            self.free = self.slots[index as usize].rep();
            self.slots[index as usize] = slot;
            index
        } else {
            if self.slots.is_empty() {
                self.slots.push(Slot::free(0));
            }
            self.slots.push(slot);
            self.slots.len() as u32 - 1
        };
        self.live += 1;
        self.peak = self.peak.max(self.live);
        if narrow == WIDE_REP {
            self.wide.insert(index, rep);
        }
        Ok(index)
    }

    /// The rep in a slot that is not free.
    #[inline]
    fn full_rep(&self, index: u32, slot: Slot) -> u64 {
        match slot.rep() {
            WIDE_REP => self.wide.get(&index).copied().unwrap_or_default(),
            rep => u64::from(rep),
        }
    }

    fn free_slot(&mut self, index: u32) {
        self.spilled.remove(&index);
        if self.slots[index as usize].rep() == WIDE_REP {
            self.wide.remove(&index);
        }
        self.slots[index as usize] = Slot::free(self.free);
        self.free = index;
        self.live -= 1;
    }

    fn live_slot(&self, index: u32) -> Option<Slot> {
        self.slots
            .get(index as usize)
            .copied()
            .filter(|slot| slot.kind() != Kind::Free)
    }

    fn get(&self, resource: ResourceTypeId, index: u32) -> Result<Slot> {
        let slot = self
            .live_slot(index)
            .ok_or_else(|| Error::from(Trap::UnknownHandle { index }))?;
        let found = unpack(slot.resource());
        if found == resource {
            Ok(slot)
        } else {
            Err(Trap::WrongHandleType {
                index,
                expected: resource,
                found,
            }
            .into())
        }
    }

    fn removable(&self, resource: ResourceTypeId, index: u32) -> Result<Slot> {
        let slot = self.get(resource, index)?;
        match self.counts(index, slot).lends {
            0 => Ok(slot),
            lends => Err(Trap::StillLent { index, lends }.into()),
        }
    }

    fn counts(&self, index: u32, slot: Slot) -> Counts {
        if slot.lends() == SPILLED {
            return self.spilled.get(&index).copied().unwrap_or_default();
        }
        Counts {
            lends: slot.lends(),
            scope: slot.scope(),
        }
    }

    fn set_counts(&mut self, index: u32, counts: Counts) {
        let slot = &mut self.slots[index as usize];
        if counts.lends < SPILLED && counts.scope < SPILLED {
            if slot.lends() == SPILLED {
                self.spilled.remove(&index);
            }
            *slot = slot.with_counts(counts.lends, counts.scope);
        } else {
            *slot = slot.with_counts(SPILLED, SPILLED);
            self.spilled.insert(index, counts);
        }
    }
}

/// A resource type in the bits of a slot.
fn pack(resource: ResourceTypeId) -> Result<u32> {
    let number = resource.0 & !ResourceTypeId::HOST;
    if number >= HOST_BIT {
        return Err(Error::invalid_type(format!(
            "a handle table holds at most {HOST_BIT} resource types"
        )));
    }
    Ok(if resource.is_host() {
        number | HOST_BIT
    } else {
        number
    })
}

fn unpack(bits: u32) -> ResourceTypeId {
    let number = bits & !HOST_BIT;
    if bits & HOST_BIT == 0 {
        ResourceTypeId(number)
    } else {
        ResourceTypeId::host(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: ResourceTypeId = ResourceTypeId(5);
    const HOST: ResourceTypeId = ResourceTypeId::host(5);

    fn trap<T: std::fmt::Debug>(result: Result<T>) -> Trap {
        result.unwrap_err().trap().cloned().expect("a trap")
    }

    #[test]
    fn indices_start_at_one_and_are_reused_last_first() {
        let mut table = HandleTable::new();
        for (rep, index) in [(100, 1), (200, 2), (300, 3)] {
            assert_eq!(table.insert_own(R, rep).unwrap(), index);
        }
        for index in [1, 2, 3] {
            let rep = u64::from(index) * 100;
            assert_eq!(table.remove(R, index).unwrap(), Removed::Own(rep));
        }
        assert!(table.is_empty());
        let again: Vec<u32> = (0..4)
            .map(|rep| table.insert_own(HOST, rep).unwrap())
            .collect();
        assert_eq!(again, [3, 2, 1, 4]);
        assert_eq!(table.owned().count(), 4);
    }

    #[test]
    fn a_cleared_table_remembers_its_peak() {
        let mut table = HandleTable::with_limit(2);
        table.insert_own(R, 1).unwrap();
        table.insert_own(R, 2).unwrap();
        table.clear();
        assert_eq!((table.len(), table.peak()), (0, 2));
        assert_eq!(table.insert_own(R, 3).unwrap(), 1);
        assert_eq!(table.peak(), 2);
    }

    #[test]
    fn wide_reps_stand_on_the_side() {
        let mut table = HandleTable::new();
        let reps = [u64::MAX, u64::from(u32::MAX), 1 << 32, 7];
        let indices = reps.map(|rep| table.insert_own(R, rep).unwrap());
        assert_eq!(table.wide.len(), 3);
        let owned: Vec<u64> = table.owned().map(|(_, rep)| rep).collect();
        assert_eq!(owned, reps);
        for (index, rep) in indices.into_iter().zip(reps) {
            assert_eq!(table.rep(R, index).unwrap(), rep);
            assert_eq!(table.lend(R, index).unwrap(), rep);
            table.end_lend(index);
        }
        assert_eq!(table.take_own(R, indices[0]).unwrap(), reps[0]);
        assert_eq!(table.remove(R, indices[1]).unwrap(), Removed::Own(reps[1]));
        let scope = table.enter_scope();
        let borrow = table.insert_borrow(R, reps[2], scope).unwrap();
        assert_eq!(borrow, indices[1], "a freed index comes again");
        assert_eq!(table.rep(R, borrow).unwrap(), reps[2]);
        table.remove(R, borrow).unwrap();
        table.remove(R, indices[2]).unwrap();
        assert!(table.wide.is_empty());
    }

    #[test]
    fn unknown_wrong_and_full() {
        let mut table = HandleTable::with_limit(2);
        let index = table.insert_own(R, 7).unwrap();
        for unknown in [0, 2, u32::MAX] {
            assert_eq!(
                trap(table.rep(R, unknown)),
                Trap::UnknownHandle { index: unknown }
            );
        }
        assert_eq!(
            trap(table.take_own(HOST, index)),
            Trap::WrongHandleType {
                index,
                expected: HOST,
                found: R
            }
        );
        table.insert_own(R, 8).unwrap();
        assert_eq!(
            trap(table.insert_own(R, 9)),
            Trap::HandleTableFull { limit: 2 }
        );
        assert!(table.insert_own(ResourceTypeId(1 << 17), 0).is_err());
    }

    #[test]
    fn what_is_lent_stays() {
        let mut table = HandleTable::new();
        let index = table.insert_own(R, 7).unwrap();
        for _ in 0..100 {
            assert_eq!(table.lend(R, index).unwrap(), 7);
        }
        assert_eq!(
            trap(table.take_own(R, index)),
            Trap::StillLent { index, lends: 100 }
        );
        for _ in 0..100 {
            assert!(table.remove(R, index).is_err());
            table.end_lend(index);
        }
        assert_eq!(table.take_own(R, index).unwrap(), 7);
        assert!(table.spilled.is_empty());
    }

    #[test]
    fn borrows_end_with_their_call() {
        let mut table = HandleTable::new();
        let outer = table.enter_scope();
        let borrowed = table.insert_borrow(R, 1, outer).unwrap();
        let inner = table.enter_scope();
        let other = table.insert_borrow(R, 2, inner).unwrap();
        assert_eq!(
            trap(table.take_own(R, other)),
            Trap::NotOwned { index: other }
        );
        assert_eq!(table.remove(R, borrowed).unwrap(), Removed::Borrow);
        assert_eq!(
            trap(table.exit_scope(inner)),
            Trap::BorrowsRemain { borrows: 1 }
        );
        table.exit_scope(outer).unwrap();
        assert_eq!(table.enter_scope(), outer);
    }

    #[test]
    fn many_scopes_spill() {
        let mut table = HandleTable::new();
        let scopes: Vec<ScopeId> = (0..200).map(|_| table.enter_scope()).collect();
        let borrows: Vec<u32> = scopes
            .iter()
            .map(|scope| table.insert_borrow(R, 1, *scope).unwrap())
            .collect();
        for (scope, index) in scopes.iter().zip(&borrows).rev() {
            table.lend(R, *index).unwrap();
            table.end_lend(*index);
            table.remove(R, *index).unwrap();
            table.exit_scope(*scope).unwrap();
        }
        assert!(table.spilled.is_empty() && table.scopes.is_empty());
    }
}
