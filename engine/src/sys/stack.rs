//! Slot stacks, and the pool that an engine keeps of them: to map, touch and
//! unmap a stack costs more than to load and run a small module.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Region;

/// Stacks that a pool keeps.
const KEPT_MAX: usize = 16;

/// The largest stack that is worth keeping: its touched pages stay in use.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// The slots that frames live in. Frames may start in the first part; a red
/// zone follows.
#[derive(Debug)]
pub(crate) struct SlotStack {
    region: Region,
    size_slots: usize,
}

impl SlotStack {
    /// A stack on which frames may start in the first `size_slots` slots;
    /// `None` if the system refuses.
    fn new(size_slots: usize, red_zone_slots: usize) -> Option<SlotStack> {
        let slots = size_slots.checked_add(red_zone_slots)?;
        let bytes = slots.checked_mul(size_of::<u64>())?;
        let region = Region::new(bytes, bytes)?;
        Some(SlotStack { region, size_slots })
    }

    /// The first slot.
    pub(crate) fn base(&self) -> *mut u64 {
        self.region.base().as_ptr().cast()
    }

    /// The last slot at which a frame may start.
    pub(crate) fn limit(&self) -> *mut u64 {
        self.base().wrapping_add(self.size_slots)
    }
}

/// Stacks of one size, for reuse. A kept stack keeps the pages that guests
/// have touched.
#[derive(Debug)]
pub(crate) struct StackPool {
    size_slots: usize,
    red_zone_slots: usize,
    kept: Mutex<Vec<SlotStack>>,
}

impl StackPool {
    /// A pool of stacks on which frames may start in the first `size_bytes`.
    pub(crate) fn new(size_bytes: usize, red_zone_slots: usize) -> StackPool {
        StackPool {
            size_slots: size_bytes / size_of::<u64>(),
            red_zone_slots,
            kept: Mutex::default(),
        }
    }

    /// A stack, kept or new; `None` if the system refuses.
    pub(crate) fn take(&self) -> Option<SlotStack> {
        let kept = self.lock().pop();
        kept.or_else(|| SlotStack::new(self.size_slots, self.red_zone_slots))
    }

    /// Keeps a stack of this pool, or frees it if it is large or there are
    /// enough.
    pub(crate) fn give(&self, stack: SlotStack) {
        let mut kept = self.lock();
        if kept.len() < KEPT_MAX && stack.size_slots * size_of::<u64>() <= KEPT_BYTES_MAX {
            kept.push(stack);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SlotStack>> {
        // Nothing that can panic happens under the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
