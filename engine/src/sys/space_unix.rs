//! Spaces as mappings: parts are made accessible and inaccessible in place.

use core::ptr::{self, NonNull};

use super::SPACE_UNIT_BYTES;
use super::region::map;

/// Address space that never moves, of which parts are usable.
#[derive(Debug)]
pub(crate) struct Space {
    base: NonNull<u8>,
    size_bytes: usize,
}

// SAFETY: a space owns its mapping, which any thread may use and release.
unsafe impl Send for Space {}
// SAFETY: shared references only read the two fields.
unsafe impl Sync for Space {}

impl Space {
    /// Reserves address space, a multiple of [`SPACE_UNIT_BYTES`], none of
    /// which is usable; `None` if the system refuses.
    pub(crate) fn new(size_bytes: usize) -> Option<Space> {
        let size_bytes = size_bytes.checked_next_multiple_of(SPACE_UNIT_BYTES)?;
        let base = map(size_bytes)?;
        Some(Space { base, size_bytes })
    }

    /// The first byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Reserved bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Makes bytes usable, zero if they were not before. Both ends must be
    /// multiples of [`SPACE_UNIT_BYTES`]. False if the system refuses.
    pub(crate) fn open(&self, start: usize, end: usize) -> bool {
        let Some(part) = self.part(start, end) else {
            return false;
        };
        // SAFETY: `part` lies in the reservation.
        let status = unsafe {
            libc::mprotect(
                part.cast().as_ptr(),
                part.len(),
                libc::PROT_READ | libc::PROT_WRITE,
            )
        };
        status == 0
    }

    /// Makes usable bytes zero again and gives their pages back; both ends
    /// as for [`open`](Space::open). False if the system refuses: then
    /// nothing has changed.
    pub(crate) fn reset(&self, start: usize, end: usize) -> bool {
        self.remap(start, end, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Makes bytes unusable and gives their pages back.
    pub(crate) fn close(&self, start: usize, end: usize) -> bool {
        self.remap(start, end, libc::PROT_NONE)
    }

    fn part(&self, start: usize, end: usize) -> Option<NonNull<[u8]>> {
        if start >= end || end > self.size_bytes {
            return None;
        }
        // SAFETY: the part lies in the reservation by the line above.
        let first = unsafe { self.base.add(start) };
        Some(NonNull::slice_from_raw_parts(first, end - start))
    }

    fn remap(&self, start: usize, end: usize, access: libc::c_int) -> bool {
        let Some(part) = self.part(start, end) else {
            return start == end;
        };
        // SAFETY: `part` lies in the reservation, so the new mapping
        // replaces pages of ours alone.
        let address = unsafe {
            libc::mmap(
                part.cast().as_ptr(),
                part.len(),
                access,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        ptr::eq(address, part.cast().as_ptr())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: base and size are what `map` answered, and whoever kept
        // pointers into the space is gone with its owner.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.size_bytes) };
    }
}
