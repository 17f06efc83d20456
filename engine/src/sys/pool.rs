//! The pool that an engine keeps of regions for memories: to reserve address space,
//! open it and unmap it again costs more than everything else that a small instance
//! needs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Region;

/// Regions that a pool keeps. They have no pages, only addresses.
const KEPT_MAX: usize = 16;

/// Regions for reuse, all bytes of which are zero.
#[derive(Debug, Default)]
pub(crate) struct RegionPool {
    kept: Mutex<Vec<Region>>,
}

impl RegionPool {
    /// As [`Region::new`], from what is kept if something fits.
    pub(crate) fn take(&self, reserve_bytes: usize, accessible_bytes: usize) -> Option<Region> {
        let mut kept = self.lock();
        let found = kept
            .iter()
            .rposition(|region| region.is_like(reserve_bytes, accessible_bytes));
        let Some(found) = found else {
            drop(kept);
            return Region::new(reserve_bytes, accessible_bytes);
        };
        let mut region = kept.swap_remove(found);
        drop(kept);
        if region.resize(accessible_bytes) {
            return Some(region);
        }
        // A system that has no room for one mapping more may have it for what
        // this one leaves.
        drop(region);
        Region::new(reserve_bytes, accessible_bytes)
    }

    /// Keeps a region that nobody uses any more, or frees it if there are enough.
    pub(crate) fn give(&self, mut region: Region) {
        // The system call happens outside the lock.
        if self.lock().len() < KEPT_MAX && region.vacate() {
            let mut kept = self.lock();
            if kept.len() < KEPT_MAX {
                kept.push(region);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Region>> {
        // Nothing that can panic happens under the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_comes_back_zeroed() {
        const RESERVE_BYTES: usize = 1 << 20;
        let pool = RegionPool::default();
        let region = pool.take(RESERVE_BYTES, 1 << 17).unwrap();
        let base = region.base();
        // SAFETY: the region has this byte.
        unsafe { base.add(100_000).write(7) };
        pool.give(region);
        let kept = pool.lock().len();
        let again = pool.take(RESERVE_BYTES, 1 << 17).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { again.base().add(100_000).read() }, 0);
        if kept == 1 {
            assert_eq!(again.base(), base, "the kept region was taken");
        }
    }

    #[test]
    fn other_sizes_and_too_many_are_not_kept() {
        let pool = RegionPool::default();
        let regions: Vec<Region> = (0..KEPT_MAX + 4)
            .map(|_| pool.take(1 << 18, 1 << 16).unwrap())
            .collect();
        for region in regions {
            pool.give(region);
        }
        let kept = pool.lock().len();
        assert!(kept <= KEPT_MAX);
        drop(pool.take(1 << 19, 1 << 16).unwrap());
        assert_eq!(pool.lock().len(), kept, "no kept region is as large");
    }

    #[test]
    fn a_smaller_memory_gets_no_more_than_it_asks_for() {
        let pool = RegionPool::default();
        pool.give(pool.take(1 << 20, 1 << 18).unwrap());
        let small = pool.take(1 << 20, 1 << 16).unwrap();
        assert_eq!(small.accessible_bytes(), 1 << 16);
    }
}
