//! What the engine asks of the operating system: address space for memories,
//! slot stacks and heaps. One file per way to get it; no other module calls the
//! system.

#![expect(unsafe_code, reason = "system calls and raw allocation")]

#[cfg(not(all(unix, feature = "os", not(miri))))]
#[path = "plain.rs"]
mod region;
#[cfg(all(unix, feature = "os", not(miri)))]
#[path = "unix.rs"]
mod region;

#[cfg(not(all(unix, feature = "os", not(miri))))]
#[path = "space_plain.rs"]
mod space;
#[cfg(all(unix, feature = "os", not(miri)))]
#[path = "space_unix.rs"]
mod space;

mod pool;
mod stack;

/// Parts of a [`Space`] are multiples of this: the largest page of common
/// systems.
pub(crate) const SPACE_UNIT_BYTES: usize = 1 << 16;

pub(crate) use pool::RegionPool;
pub(crate) use region::Region;
pub(crate) use space::Space;
pub(crate) use stack::{SlotStack, StackPool};

#[cfg(test)]
mod tests {
    use super::Region;

    #[expect(
        clippy::undocumented_unsafe_blocks,
        reason = "in bounds by the assertions"
    )]
    fn byte(region: &Region, at: usize) -> *mut u8 {
        assert!(at < region.accessible_bytes());
        unsafe { region.base().as_ptr().add(at) }
    }

    #[test]
    fn grown_bytes_are_zero_and_old_ones_stay() {
        let mut region = Region::new(1 << 20, 1 << 16).unwrap();
        // SAFETY: `byte` checks the bounds.
        unsafe { byte(&region, 65535).write(7) };
        assert!(region.grow(1 << 17));
        // SAFETY: as above.
        unsafe {
            assert_eq!(byte(&region, 65535).read(), 7);
            assert_eq!(byte(&region, 65536).read(), 0);
            assert_eq!(byte(&region, (1 << 17) - 1).read(), 0);
        }
    }

    #[test]
    fn growth_past_the_reservation_moves() {
        let mut region = Region::new(1 << 16, 1 << 16).unwrap();
        // SAFETY: `byte` checks the bounds.
        unsafe { byte(&region, 1).write(9) };
        assert!(region.grow(1 << 21));
        // SAFETY: as above.
        unsafe {
            assert_eq!(byte(&region, 1).read(), 9);
            assert_eq!(byte(&region, (1 << 21) - 1).read(), 0);
        }
    }

    #[test]
    fn fixed_regions_grow_in_place() {
        let mut region = Region::fixed(1 << 21, 100).unwrap();
        let base = region.base();
        assert_eq!(region.accessible_bytes(), 100);
        // SAFETY: `byte` checks the bounds.
        unsafe { byte(&region, 99).write(5) };
        assert!(region.grow(1 << 21));
        assert_eq!(region.base(), base);
        // SAFETY: as above.
        unsafe {
            assert_eq!(byte(&region, 99).read(), 5);
            assert_eq!(byte(&region, (1 << 21) - 1).read(), 0);
        }
    }

    #[test]
    fn a_reset_region_is_zero_and_grows_again() {
        // Small enough to be wiped, and large enough to be mapped anew.
        for first in [1 << 16, 1 << 20] {
            let mut region = Region::new(1 << 22, first).unwrap();
            assert!(region.grow(first + (1 << 17)));
            // SAFETY: `byte` checks the bounds.
            unsafe {
                byte(&region, 5).write(1);
                byte(&region, first + 7).write(2);
            }
            let base = region.base();
            region.reset(first);
            assert_eq!((region.base(), region.accessible_bytes()), (base, first));
            assert!(region.grow(first + (1 << 17)));
            // SAFETY: as above.
            unsafe {
                assert_eq!(byte(&region, 5).read(), 0);
                assert_eq!(byte(&region, first + 7).read(), 0);
            }
        }
    }

    #[test]
    fn empty_regions_are_aligned() {
        let region = Region::new(0, 0).unwrap();
        assert_eq!(region.base().as_ptr().addr() % 16, 0);
        assert_eq!(region.accessible_bytes(), 0);
    }

    #[test]
    fn impossible_sizes_answer_none() {
        assert!(Region::new(usize::MAX, usize::MAX).is_none());
        assert!(Region::fixed(usize::MAX, 0).is_none());
    }
}
