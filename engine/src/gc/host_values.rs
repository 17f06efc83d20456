//! The values of the host that guests hold references to. Each belongs to
//! one object of the heap; when a collection finds the object dead, the
//! value is handed out to be dropped where no borrow of the heap is left.

use core::any::Any;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// A value of the host.
pub(crate) type HostValue = Box<dyn Any + Send + Sync>;

/// The values and the objects that stand for them.
#[derive(Default)]
pub(super) struct HostValues {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

struct Entry {
    /// The object's reference; zero if the entry is free.
    object: u32,
    value: Option<HostValue>,
}

impl HostValues {
    /// Keeps a value and answers its place. Its object must be made known
    /// with [`bind`](HostValues::bind) before the next collection.
    pub(super) fn insert(&mut self, value: HostValue) -> Option<u32> {
        let entry = Entry {
            object: 0,
            value: Some(value),
        };
        if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = entry;
            return Some(slot);
        }
        let slot = u32::try_from(self.entries.len()).ok()?;
        self.entries.push(entry);
        Some(slot)
    }

    /// `object` stands for the value at `slot`.
    pub(super) fn bind(&mut self, slot: u32, object: u32) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.object = object;
        }
    }

    /// The value at a place.
    pub(super) fn get(&self, slot: u32) -> Option<&HostValue> {
        self.entries.get(slot as usize)?.value.as_ref()
    }

    /// The value at a place, for writing.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut HostValue> {
        self.entries.get_mut(slot as usize)?.value.as_mut()
    }

    /// How many values there are.
    pub(super) fn count(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Asks of every object where it is now; values of those that are
    /// nowhere go to `dropped`.
    pub(super) fn sweep(
        &mut self,
        dropped: &mut DroppedValues,
        mut place: impl FnMut(u32) -> Option<u32>,
    ) {
        for (slot, entry) in self.entries.iter_mut().enumerate() {
            if entry.value.is_none() {
                continue;
            }
            match place(entry.object) {
                Some(object) => entry.object = object,
                None => {
                    entry.object = 0;
                    dropped.0.extend(entry.value.take());
                    self.free.push(u32::try_from(slot).unwrap_or(u32::MAX));
                }
            }
        }
    }
}

/// What is left when the store goes is dropped as the collector drops it:
/// two destructors that panic must not meet.
impl Drop for HostValues {
    fn drop(&mut self) {
        let entries = core::mem::take(&mut self.entries);
        let values = entries.into_iter().filter_map(|entry| entry.value);
        DroppedValues(values.collect()).finalise();
    }
}

/// Values whose objects are dead. Dropping them runs code of the host, so
/// it must happen where nothing of the store is borrowed.
#[derive(Default)]
#[must_use]
pub(crate) struct DroppedValues(Vec<HostValue>);

impl DroppedValues {
    /// Drops the values. A destructor that panics does no harm: the guest
    /// that happened to run has nothing to do with it.
    pub(crate) fn finalise(self) {
        for value in self.0 {
            // A payload may panic when it is dropped, too.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                core::mem::forget(payload);
            }
        }
    }
}
