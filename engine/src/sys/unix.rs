//! Regions as mappings: address space is reserved without access, made
//! accessible as a region grows, and backed by pages when first touched.

use core::ptr::{self, NonNull};

/// Zeroed bytes that can grow, in place as far as reserved.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    reserved_bytes: usize,
    accessible_bytes: usize,
}

// SAFETY: a region owns its mapping, which any thread may use and release.
unsafe impl Send for Region {}
// SAFETY: shared references only read the three fields.
unsafe impl Sync for Region {}

/// Mappings are rounded up to this: the largest page of common systems.
const GRANULE_BYTES: usize = 1 << 16;

/// Up to here a reset writes zeros instead of asking for new pages.
const WIPED_BYTES_MAX: usize = 1 << 18;

impl Region {
    /// Reserves `reserve_bytes` of address space, or only what is needed if
    /// there is not so much, and makes the first `accessible_bytes` usable.
    /// `None` if the system refuses.
    pub(crate) fn new(reserve_bytes: usize, accessible_bytes: usize) -> Option<Region> {
        let needed = accessible_bytes
            .max(1)
            .checked_next_multiple_of(GRANULE_BYTES)?;
        let wanted = reserve_bytes
            .checked_next_multiple_of(GRANULE_BYTES)?
            .max(needed);
        let (base, reserved_bytes) = match map(wanted) {
            Some(base) => (base, wanted),
            None => (map(needed)?, needed),
        };
        Region::opened(base, reserved_bytes, accessible_bytes)
    }

    /// Reserves all of `reserve_bytes` and makes the first `accessible_bytes`
    /// usable, so that growth up to the reservation never moves the base.
    /// `None` if the system refuses.
    pub(crate) fn fixed(reserve_bytes: usize, accessible_bytes: usize) -> Option<Region> {
        let reserved_bytes = reserve_bytes
            .max(accessible_bytes)
            .max(1)
            .checked_next_multiple_of(GRANULE_BYTES)?;
        Region::opened(map(reserved_bytes)?, reserved_bytes, accessible_bytes)
    }

    fn opened(base: NonNull<u8>, reserved_bytes: usize, accessible_bytes: usize) -> Option<Region> {
        let mut region = Region {
            base,
            reserved_bytes,
            accessible_bytes: 0,
        };
        region.open(accessible_bytes).then_some(region)
    }

    /// The first byte, aligned to a page.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Whether [`Region::new`] would reserve as much for these wishes.
    pub(super) fn is_like(&self, reserve_bytes: usize, accessible_bytes: usize) -> bool {
        let wanted = reserve_bytes.max(accessible_bytes).max(1);
        wanted.checked_next_multiple_of(GRANULE_BYTES) == Some(self.reserved_bytes)
    }

    /// Makes all usable bytes zero and gives their pages back, which costs less than to
    /// map anew. False if the system cannot.
    pub(super) fn vacate(&mut self) -> bool {
        self.give_back(0, self.accessible_bytes.next_multiple_of(GRANULE_BYTES))
    }

    /// How many bytes are usable.
    #[cfg(test)]
    pub(crate) fn accessible_bytes(&self) -> usize {
        self.accessible_bytes
    }

    /// Makes the first `accessible_bytes` usable; the base moves if they are
    /// more than was reserved. Answers false, and changes nothing, if the
    /// system refuses. Only
    /// [`reset`](Region::reset) shrinks a region.
    pub(crate) fn grow(&mut self, accessible_bytes: usize) -> bool {
        if accessible_bytes <= self.reserved_bytes {
            return self.open(accessible_bytes);
        }
        // Twice as much, so that a guest that grows by single pages does not
        // copy its memory each time.
        let reserve_bytes = accessible_bytes.saturating_mul(2);
        let Some(larger) = Region::new(reserve_bytes, accessible_bytes) else {
            return false;
        };
        // SAFETY: both regions are live and distinct, the old one has
        // `accessible_bytes` readable, the larger one more than that.
        unsafe {
            ptr::copy_nonoverlapping(
                self.base.as_ptr(),
                larger.base.as_ptr(),
                self.accessible_bytes,
            );
        }
        *self = larger;
        true
    }

    /// Makes all bytes zero again and the first `accessible_bytes` alone
    /// usable, at most as many as before; the base stays.
    pub(crate) fn reset(&mut self, accessible_bytes: usize) {
        let accessible_bytes = accessible_bytes.min(self.accessible_bytes);
        let done = self.accessible_bytes.next_multiple_of(GRANULE_BYTES);
        let kept = accessible_bytes.next_multiple_of(GRANULE_BYTES);
        // New pages are dearer than a few old ones wiped.
        let is_small = kept <= WIPED_BYTES_MAX;
        if is_small || !self.give_back(0, kept) {
            self.wipe(0, kept);
        }
        if !self.give_back(kept, done) {
            self.wipe(kept, done);
        }
        // What the system does not close stays accessible, and is zero.
        self.close(kept, done);
        self.accessible_bytes = accessible_bytes;
    }

    /// Makes the first `accessible_bytes` alone usable, more or fewer than
    /// before, of a region whose bytes are all zero. False if the system
    /// refuses.
    pub(super) fn resize(&mut self, accessible_bytes: usize) -> bool {
        let done = self.accessible_bytes.next_multiple_of(GRANULE_BYTES);
        let kept = accessible_bytes.next_multiple_of(GRANULE_BYTES);
        if kept < done {
            if !self.close(kept, done) {
                return false;
            }
            self.accessible_bytes = accessible_bytes;
        }
        self.grow(accessible_bytes)
    }

    /// Gives usable pages back to the system, which makes them zero. If it
    /// answers false, which it always does where systems may keep what was in
    /// them, some may be zero already, and all are usable as before.
    fn give_back(&mut self, start: usize, end: usize) -> bool {
        if start >= end {
            return true;
        }
        if !cfg!(any(target_os = "linux", target_os = "android")) {
            return false;
        }
        // SAFETY: the caller's range lies in the usable part of a private anonymous
        // mapping of ours, which is borrowed for us alone: such pages are zero when they
        // are touched again, and they stay mapped whether this fails or not.
        let status = unsafe {
            let place = self.base.as_ptr().add(start);
            libc::madvise(place.cast(), end - start, libc::MADV_DONTNEED)
        };
        status == 0
    }

    /// Makes pages unusable that were usable. False if the system refuses,
    /// which leaves all or some of them usable.
    fn close(&mut self, start: usize, end: usize) -> bool {
        if start >= end {
            return true;
        }
        // SAFETY: the caller's range lies in the reservation, and nobody uses bytes
        // of it: the region is borrowed for us alone.
        let status = unsafe {
            let place = self.base.as_ptr().add(start);
            libc::mprotect(place.cast(), end - start, libc::PROT_NONE)
        };
        status == 0
    }

    /// Makes bytes zero that are usable.
    fn wipe(&mut self, start: usize, end: usize) {
        // SAFETY: the caller's range was made usable, and the region is
        // borrowed for us alone.
        unsafe { self.base.as_ptr().add(start).write_bytes(0, end - start) };
    }

    /// Makes bytes usable within the reservation.
    fn open(&mut self, accessible_bytes: usize) -> bool {
        let done = self.accessible_bytes.next_multiple_of(GRANULE_BYTES);
        let end = accessible_bytes.next_multiple_of(GRANULE_BYTES);
        if end > done {
            // SAFETY: `done..end` lies within the reservation (`new` and
            // `grow` compare with it) and nothing else uses it.
            let status = unsafe {
                libc::mprotect(
                    self.base.as_ptr().add(done).cast(),
                    end - done,
                    libc::PROT_READ | libc::PROT_WRITE,
                )
            };
            if status != 0 {
                return false;
            }
        }
        self.accessible_bytes = self.accessible_bytes.max(accessible_bytes);
        true
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: `base` and `reserved_bytes` are what `map` answered, and
        // whoever kept pointers into the region is gone with its owner.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.reserved_bytes) };
    }
}

/// Reserves address space without access.
pub(super) fn map(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: an anonymous private mapping at an address of the system's
    // choice touches no existing memory.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            bytes,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return None;
    }
    NonNull::new(address.cast())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The system gives locked pages back to nobody.
    #[test]
    fn a_reset_wipes_what_the_system_keeps() {
        const FIRST_BYTES: usize = 2 * WIPED_BYTES_MAX;
        let mut region = Region::new(1 << 22, FIRST_BYTES + (1 << 17)).unwrap();
        let places = [
            5,
            8192,
            FIRST_BYTES - 1,
            FIRST_BYTES + 7,
            FIRST_BYTES + 65_536,
        ];
        // SAFETY: the region has these bytes; a page is the least that can be locked.
        unsafe {
            for at in places {
                region.base.as_ptr().add(at).write(1);
            }
            libc::mlock(region.base.as_ptr().add(4096).cast(), 4096);
            libc::mlock(region.base.as_ptr().add(FIRST_BYTES).cast(), 4096);
        }
        region.reset(FIRST_BYTES);
        assert!(region.grow(FIRST_BYTES + (1 << 17)));
        for at in places {
            // SAFETY: as above.
            assert_eq!(unsafe { region.base.as_ptr().add(at).read() }, 0, "{at}");
        }
    }
}
