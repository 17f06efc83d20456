//! The values of the host behind its own resources, and typed handles to them.
//!
//! A representation that guests see is an index with a generation, so one
//! that outlived its value is an error and not another value.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

use super::{not_owned, stale, wrong_type};
use crate::error::{Error, Result};
use crate::limits::Usage;

/// A handle to a resource of the host, typed by the Rust type that names the
/// resource.
///
/// It is an index into the store's [`ResourceTable`] (or whatever the host
/// uses as representation), not the value itself. A handle that owns its
/// resource passes it on when it is given to a guest as `own`.
pub struct Resource<T> {
    rep: u32,
    own: bool,
    _names: PhantomData<fn() -> T>,
}

impl<T: 'static> Resource<T> {
    /// A handle that owns the resource with this representation.
    #[must_use]
    pub fn new_own(rep: u32) -> Resource<T> {
        Resource {
            rep,
            own: true,
            _names: PhantomData,
        }
    }

    /// A handle that borrows the resource with this representation.
    #[must_use]
    pub fn new_borrow(rep: u32) -> Resource<T> {
        Resource {
            rep,
            own: false,
            _names: PhantomData,
        }
    }

    /// The representation.
    #[must_use]
    pub fn rep(&self) -> u32 {
        self.rep
    }

    /// Whether the handle owns the resource.
    #[must_use]
    pub fn owned(&self) -> bool {
        self.own
    }

    /// A borrow of the same resource.
    #[must_use]
    pub fn borrow(&self) -> Resource<T> {
        Resource::new_borrow(self.rep)
    }
}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.own { "own" } else { "borrow" };
        write!(f, "{kind}({:#x})", self.rep)
    }
}

/// How many values a [`ResourceTable`] can hold: representations keep 24 bits
/// of the index.
pub(crate) const HOST_VALUES_MAX: u32 = 1 << 24;

/// Values of the host, each under a representation that guests can hold.
///
/// A representation is an index of 24 bits with a generation of 8 bits.
pub struct ResourceTable {
    slots: Vec<ValueSlot>,
    /// The slot freed last.
    free: Option<u32>,
    /// Free slots whose next representation was given out before, the one
    /// that rests longest first.
    worn: VecDeque<u32>,
    live: u32,
    peak: u32,
    limit: u32,
}

/// How many slots rest once their generations are used up. A guest has to
/// make 256 times as many resources to see a representation again.
const WORN_MAX: usize = 1 << 20;

struct ValueSlot {
    generation: u8,
    state: ValueState,
}

enum ValueState {
    Free {
        next: Option<u32>,
    },
    Value(Box<dyn Any + Send>),
    /// The value is with the host function that took it for the time of a
    /// call.
    Taken,
}

impl Default for ResourceTable {
    /// An empty table with the default limit.
    fn default() -> ResourceTable {
        ResourceTable {
            slots: Vec::new(),
            free: None,
            worn: VecDeque::new(),
            live: 0,
            peak: 0,
            limit: HOST_VALUES_MAX,
        }
    }
}

impl ResourceTable {
    /// Adds a value; the handle owns it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if the table is full.
    pub fn push<R: Send + 'static>(&mut self, value: R) -> Result<Resource<R>> {
        self.push_boxed(Box::new(value)).map(Resource::new_own)
    }

    /// The value of a handle.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the handle is
    /// stale or another type's, or its value is in use.
    pub fn get<R: 'static>(&self, handle: &Resource<R>) -> Result<&R> {
        self.get_as(handle.rep)
    }

    /// The value of a handle.
    ///
    /// # Errors
    ///
    /// As [`ResourceTable::get`].
    pub fn get_mut<R: 'static>(&mut self, handle: &Resource<R>) -> Result<&mut R> {
        self.get_as_mut(handle.rep)
    }

    /// Takes the value of a handle that owns it out of the table.
    ///
    /// # Errors
    ///
    /// As [`ResourceTable::get`], and for a handle that borrows.
    pub fn delete<R: 'static>(&mut self, handle: Resource<R>) -> Result<R> {
        if !handle.own {
            return Err(not_owned());
        }
        self.get_as::<R>(handle.rep)?;
        match self.remove(handle.rep)?.downcast() {
            Ok(value) => Ok(*value),
            Err(_) => Err(wrong_type::<R>()),
        }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.live
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Adds a value: its representation.
    pub(crate) fn push_boxed(&mut self, value: Box<dyn Any + Send>) -> Result<u32> {
        if self.live >= self.limit {
            return Err(self.full());
        }
        let index = match self.free {
            Some(index) => index,
            None => self.fresh_slot()?,
        };
        let slot = &mut self.slots[index as usize];
        if let ValueState::Free { next } = slot.state {
            self.free = next;
        }
        slot.state = ValueState::Value(value);
        self.live += 1;
        self.peak = self.peak.max(self.live);
        Ok(index | u32::from(slot.generation) << 24)
    }

    /// A slot that is on no list of free ones.
    fn fresh_slot(&mut self) -> Result<u32> {
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        if self.worn.len() >= WORN_MAX || index >= HOST_VALUES_MAX {
            return self.worn.pop_front().ok_or_else(|| self.full());
        }
        self.slots.push(ValueSlot {
            generation: 0,
            state: ValueState::Free { next: None },
        });
        Ok(index)
    }

    #[cold]
    fn full(&self) -> Error {
        let limit = self.limit;
        Error::limit(format!(
            "the store's table of host values is full: it holds {limit} values, which is its \
             limit: raise `host_values_max` in the store's limits"
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

    /// The value of a representation, as an `R`.
    pub(crate) fn get_as<R: 'static>(&self, rep: u32) -> Result<&R> {
        match self.slot(rep).map(|slot| &slot.state) {
            Some(ValueState::Value(value)) => value.downcast_ref().ok_or_else(wrong_type::<R>),
            Some(ValueState::Taken) => Err(busy()),
            Some(ValueState::Free { .. }) | None => Err(stale()),
        }
    }

    /// The value of a representation, as an `R`.
    pub(crate) fn get_as_mut<R: 'static>(&mut self, rep: u32) -> Result<&mut R> {
        match self.slot_mut(rep).map(|slot| &mut slot.state) {
            Some(ValueState::Value(value)) => value.downcast_mut().ok_or_else(wrong_type::<R>),
            Some(ValueState::Taken) => Err(busy()),
            Some(ValueState::Free { .. }) | None => Err(stale()),
        }
    }

    /// Takes a value for the time of a call. Until [`ResourceTable::put_back`]
    /// the representation answers that it is in use.
    pub(crate) fn take(&mut self, rep: u32) -> Result<Box<dyn Any + Send>> {
        let Some(slot) = self.slot_mut(rep) else {
            return Err(stale());
        };
        match std::mem::replace(&mut slot.state, ValueState::Taken) {
            ValueState::Value(value) => Ok(value),
            ValueState::Taken => Err(busy()),
            free @ ValueState::Free { .. } => {
                slot.state = free;
                Err(stale())
            }
        }
    }

    /// Ends [`ResourceTable::take`].
    pub(crate) fn put_back(&mut self, rep: u32, value: Box<dyn Any + Send>) {
        if let Some(slot) = self.slot_mut(rep)
            && matches!(slot.state, ValueState::Taken)
        {
            slot.state = ValueState::Value(value);
        }
    }

    /// Takes a value out of the table; its representation is stale from now
    /// on.
    pub(crate) fn remove(&mut self, rep: u32) -> Result<Box<dyn Any + Send>> {
        let free = self.free;
        let Some(slot) = self.slot_mut(rep) else {
            return Err(stale());
        };
        match std::mem::replace(&mut slot.state, ValueState::Free { next: free }) {
            ValueState::Value(value) => {
                slot.generation = slot.generation.wrapping_add(1);
                let index = rep & (HOST_VALUES_MAX - 1);
                if slot.generation == 0 {
                    slot.state = ValueState::Free { next: None };
                    self.worn.push_back(index);
                } else {
                    self.free = Some(index);
                }
                self.live -= 1;
                Ok(value)
            }
            ValueState::Taken => {
                slot.state = ValueState::Taken;
                Err(busy())
            }
            free @ ValueState::Free { .. } => {
                slot.state = free;
                Err(stale())
            }
        }
    }

    fn slot(&self, rep: u32) -> Option<&ValueSlot> {
        let slot = self.slots.get((rep & (HOST_VALUES_MAX - 1)) as usize)?;
        (u32::from(slot.generation) == rep >> 24).then_some(slot)
    }

    fn slot_mut(&mut self, rep: u32) -> Option<&mut ValueSlot> {
        let slot = self.slots.get_mut((rep & (HOST_VALUES_MAX - 1)) as usize)?;
        (u32::from(slot.generation) == rep >> 24).then_some(slot)
    }
}

#[cold]
fn busy() -> Error {
    Error::resource(
        "the resource is in use by a call that is still running, or given to one call twice; a \
         function that allows this has the flag `store` in its bindings and takes handles",
    )
}

impl fmt::Debug for ResourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceTable")
            .field("len", &self.live)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_stale_handles_are_seen() {
        let mut table = ResourceTable::default();
        let first = table.push(String::from("a")).unwrap();
        let second = table.push(7_u32).unwrap();
        assert_eq!(table.get(&first).unwrap(), "a");
        *table.get_mut(&second).unwrap() += 1;
        assert!(table.get(&Resource::<u64>::new_own(second.rep())).is_err());
        let copy = first.borrow();
        assert!(
            table.delete(first.borrow()).is_err(),
            "a borrow owns nothing"
        );
        assert_eq!(table.delete(first).unwrap(), "a");
        assert!(table.get(&copy).is_err(), "the value is gone");
        let third = table.push(String::from("b")).unwrap();
        assert_ne!(third.rep(), copy.rep(), "same slot, next generation");
        assert!(table.get(&copy).is_err());
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn representations_come_back_only_after_a_long_rest() {
        let mut table = ResourceTable::default();
        let first = table.push(0_u32).unwrap();
        let stale = first.borrow();
        table.delete(first).unwrap();
        for i in 0..1000_u32 {
            let handle = table.push(i).unwrap();
            assert_ne!(handle.rep(), stale.rep());
            assert!(table.get(&stale).is_err());
            table.delete(handle).unwrap();
        }
        assert!(table.is_empty());
        assert_eq!(table.slots.len(), 4);
    }

    #[test]
    fn worn_slots_are_used_again_when_enough_of_them_rest() {
        let mut table = ResourceTable::default();
        table.worn.extend(0..WORN_MAX as u32);
        table.slots.extend((0..WORN_MAX).map(|_| ValueSlot {
            generation: 0,
            state: ValueState::Free { next: None },
        }));
        let handle = table.push(1_u8).unwrap();
        assert_eq!(handle.rep(), 0, "the one that rests longest");
        assert_eq!(table.slots.len(), WORN_MAX);
    }

    #[test]
    fn taken_values_are_busy() {
        let mut table = ResourceTable::default();
        let handle = table.push(1_u8).unwrap();
        let value = table.take(handle.rep()).unwrap();
        assert!(
            table
                .take(handle.rep())
                .unwrap_err()
                .to_string()
                .contains("in use")
        );
        assert!(table.remove(handle.rep()).is_err());
        table.put_back(handle.rep(), value);
        assert_eq!(*table.get(&handle).unwrap(), 1);
    }
}
