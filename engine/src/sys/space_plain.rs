//! Spaces as ordinary allocations: all of a space is usable from the start,
//! so it is smaller.

use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc};

use super::SPACE_UNIT_BYTES;

/// The largest space: an allocator hands zeroed memory of this size out
/// without touching it where there is an operating system below.
const SIZE_BYTES_MAX: usize = if cfg!(miri) {
    8 << 20
} else if cfg!(target_pointer_width = "64") {
    1 << 30
} else {
    16 << 20
};

/// Memory that never moves.
#[derive(Debug)]
pub(crate) struct Space {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a space owns its allocation, which any thread may use and release.
unsafe impl Send for Space {}
// SAFETY: shared references only read the two fields.
unsafe impl Sync for Space {}

impl Space {
    /// Allocates a multiple of [`SPACE_UNIT_BYTES`], at most as much as a
    /// space may have; `None` if there is not so much.
    pub(crate) fn new(size_bytes: usize) -> Option<Space> {
        let size_bytes = size_bytes
            .checked_next_multiple_of(SPACE_UNIT_BYTES)?
            .clamp(SPACE_UNIT_BYTES, SIZE_BYTES_MAX);
        let layout = Layout::from_size_align(size_bytes, 16).ok()?;
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Space { base, layout })
    }

    /// The first byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Allocated bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.layout.size()
    }

    /// Whether the bytes are there.
    pub(crate) fn open(&self, start: usize, end: usize) -> bool {
        start <= end && end <= self.size_bytes()
    }

    /// Makes bytes zero again.
    pub(crate) fn reset(&self, start: usize, end: usize) -> bool {
        if !self.open(start, end) {
            return false;
        }
        // SAFETY: the part lies in the allocation by the lines above.
        unsafe { self.base.add(start).write_bytes(0, end - start) };
        true
    }

    /// Makes bytes zero: access cannot be taken away.
    pub(crate) fn close(&self, start: usize, end: usize) -> bool {
        self.reset(start, end)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: `base` was allocated with exactly this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
