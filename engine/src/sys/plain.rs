//! Regions as ordinary allocations: for builds without the feature `os`, for
//! systems without mappings, and for Miri.

use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc};

/// Zeroed bytes that can grow; the base moves when they do.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    /// What was allocated; never empty.
    layout: Layout,
    accessible_bytes: usize,
}

// SAFETY: a region owns its allocation, which any thread may use and release.
unsafe impl Send for Region {}
// SAFETY: shared references only read the three fields.
unsafe impl Sync for Region {}

/// Borrowed views of guest memory rely on this alignment.
const ALIGN_BYTES: usize = 16;

impl Region {
    /// Allocates `accessible_bytes`; the reservation is a wish that an
    /// allocator cannot grant. `None` if there is not so much memory.
    pub(crate) fn new(_reserve_bytes: usize, accessible_bytes: usize) -> Option<Region> {
        let layout =
            Layout::from_size_align(accessible_bytes.max(ALIGN_BYTES), ALIGN_BYTES).ok()?;
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Region {
            base,
            layout,
            accessible_bytes,
        })
    }

    /// Allocates all of `reserve_bytes` and makes the first
    /// `accessible_bytes` usable, so that growth up to the reservation never
    /// moves the base. `None` if there is not so much memory.
    pub(crate) fn fixed(reserve_bytes: usize, accessible_bytes: usize) -> Option<Region> {
        let mut region = Region::new(0, reserve_bytes.max(accessible_bytes))?;
        region.accessible_bytes = accessible_bytes;
        Some(region)
    }

    /// The first byte, aligned to 16.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Regions of an allocator are not kept: it has lists of its own.
    pub(super) fn is_like(&self, _reserve_bytes: usize, _accessible_bytes: usize) -> bool {
        false
    }

    /// See [`is_like`](Region::is_like).
    pub(super) fn vacate(&mut self) -> bool {
        false
    }

    /// See [`is_like`](Region::is_like).
    pub(super) fn resize(&mut self, _accessible_bytes: usize) -> bool {
        false
    }

    /// How many bytes are usable.
    #[cfg(test)]
    pub(crate) fn accessible_bytes(&self) -> usize {
        self.accessible_bytes
    }

    /// Makes the first `accessible_bytes` usable. Answers false, and changes
    /// nothing, if there is not so much memory. Only
    /// [`reset`](Region::reset) shrinks a region.
    pub(crate) fn grow(&mut self, accessible_bytes: usize) -> bool {
        if accessible_bytes <= self.layout.size() {
            self.accessible_bytes = self.accessible_bytes.max(accessible_bytes);
            return true;
        }
        // Half as much again, so that a guest that grows by single pages
        // does not copy its memory each time.
        let spare = accessible_bytes.saturating_add(accessible_bytes / 2);
        let larger = Region::new(0, spare).or_else(|| Region::new(0, accessible_bytes));
        let Some(mut larger) = larger else {
            return false;
        };
        larger.accessible_bytes = accessible_bytes;
        // SAFETY: both allocations are live and distinct, and each has at
        // least the old region's accessible bytes.
        unsafe {
            larger
                .base
                .as_ptr()
                .copy_from_nonoverlapping(self.base.as_ptr(), self.accessible_bytes);
        }
        *self = larger;
        true
    }
}

impl Region {
    /// Makes all bytes zero again and the first `accessible_bytes` alone
    /// usable, at most as many as before; the base stays.
    pub(crate) fn reset(&mut self, accessible_bytes: usize) {
        // SAFETY: the allocation has the accessible bytes, and the region is
        // borrowed for us alone.
        unsafe { self.base.as_ptr().write_bytes(0, self.accessible_bytes) };
        self.accessible_bytes = accessible_bytes.min(self.accessible_bytes);
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: `base` was allocated with exactly this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
