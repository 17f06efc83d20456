//! The address space of a heap, with a byte of marks beside every granule of
//! 16 bytes, and the search for holes in it.
//!
//! Small objects fill the space from its start, large ones from its end; what
//! is between them is not usable yet. The low six bits of a mark are the
//! colour of the collection that last saw the object there in use, on every
//! granule of a small object and on the first of a large one.

use core::ops::Range;
use core::ptr::NonNull;

use crate::sys::{SPACE_UNIT_BYTES, Space};
use crate::types::rtt::OBJECT_ALIGN_BYTES;

/// Parts of the heap become usable in multiples of this.
pub(super) const UNIT_BYTES: u32 = SPACE_UNIT_BYTES as u32;

/// A hole is at least this long, so that every object that code makes by
/// itself fits into any hole.
pub(super) const HOLE_BYTES_MIN: u32 = 128;

/// The bits of a mark that are the colour.
pub(super) const COLOUR_BITS: u8 = 0x3f;

/// The object is in use, but nobody has looked at its references.
pub(super) const GREY: u8 = 0x80;

/// Heap and guard behind it: fields end well before a reference that is
/// just below four gigabytes could leave it.
const RESERVED_BYTES: u64 = (1 << 32) + (1 << 20);

/// The last unit below four gigabytes holds no object, so that sums of a
/// reference and a small size have 32 bits.
const END_MAX: u64 = (1 << 32) - SPACE_UNIT_BYTES as u64;

/// The smallest heap that is worth trying.
const SIZE_BYTES_MIN: usize = 4 << 20;

/// Address space and marks.
pub(super) struct Arena {
    objects: Space,
    marks: Space,
    /// Where small objects start. Nothing lies below it.
    pub(super) small_start: u32,
    /// Up to here the space is usable from its start on.
    pub(super) small_end: u32,
    /// From here on the space is usable up to `large_end`.
    pub(super) large_start: u32,
    /// Where large objects end.
    pub(super) large_end: u32,
}

impl Arena {
    /// Reserves address space, less of it if the system refuses much. With
    /// another `generation` objects get other places. `None` if the system
    /// refuses even a little.
    pub(super) fn new(generation: u32) -> Option<Arena> {
        let mut bytes = usize::try_from(RESERVED_BYTES).unwrap_or(1 << 30);
        let objects = loop {
            match Space::new(bytes) {
                Some(space) => break space,
                None if bytes > SIZE_BYTES_MIN => bytes /= 2,
                None => return None,
            }
        };
        let size = objects.size_bytes() as u64;
        let end = u32::try_from(size.min(END_MAX)).ok()? / UNIT_BYTES * UNIT_BYTES;
        let marks = Space::new(end as usize / OBJECT_ALIGN_BYTES as usize)?;
        // Four places for each end, of which neighbours share nothing.
        let shift = (generation % 4) * (end / 16 / UNIT_BYTES * UNIT_BYTES);
        let (start, end) = (UNIT_BYTES + shift, end - shift);
        if marks.size_bytes() < end as usize / OBJECT_ALIGN_BYTES as usize {
            return None;
        }
        Some(Arena {
            objects,
            marks,
            small_start: start,
            small_end: start,
            large_start: end,
            large_end: end,
        })
    }

    /// The byte that references count from.
    pub(super) fn base(&self) -> NonNull<u8> {
        self.objects.base()
    }

    /// Bytes that small objects can use now.
    pub(super) fn small_bytes(&self) -> u32 {
        self.small_end - self.small_start
    }

    /// Makes `bytes` more usable for small objects. False if the system
    /// refuses or the space is used up.
    pub(super) fn grow_small(&mut self, bytes: u32) -> bool {
        let end = match self.small_end.checked_add(bytes) {
            Some(end) if end <= self.large_start => end,
            _ => return false,
        };
        if !self.open(self.small_end..end) {
            return false;
        }
        self.small_end = end;
        true
    }

    /// Makes space down to `start` usable for large objects. False if the
    /// system refuses or the space is used up.
    pub(super) fn grow_large(&mut self, start: u32) -> bool {
        let start = start / UNIT_BYTES * UNIT_BYTES;
        if start < self.small_end {
            return false;
        }
        if start < self.large_start {
            if !self.open(start..self.large_start) {
                return false;
            }
            self.large_start = start;
        }
        true
    }

    /// Gives the end of the space for small objects back, which must hold
    /// none in use.
    pub(super) fn shrink_small(&mut self, end: u32) {
        let (old, unit) = (self.small_end, UNIT_BYTES);
        if end >= old || !end.is_multiple_of(unit) {
            return;
        }
        if self.objects.close(end as usize, old as usize) {
            // SAFETY: the marks of usable space are usable.
            unsafe {
                self.mark(end)
                    .write_bytes(0, ((old - end) / OBJECT_ALIGN_BYTES) as usize);
            }
            self.small_end = end;
        }
    }

    /// Makes bytes of the space for large objects zero and gives their pages
    /// back; both ends are multiples of [`UNIT_BYTES`].
    pub(super) fn reset(&self, bytes: &Range<u32>) -> bool {
        self.objects.reset(bytes.start as usize, bytes.end as usize)
    }

    /// Makes all objects unusable, as far as the system can. No more than
    /// was ever used is touched.
    pub(super) fn close(&self) {
        for part in [
            self.small_start..self.small_end,
            self.large_start..self.large_end,
        ] {
            self.objects.close(part.start as usize, part.end as usize);
        }
    }

    fn open(&self, bytes: Range<u32>) -> bool {
        let granule = OBJECT_ALIGN_BYTES as usize;
        let first = bytes.start as usize / granule / SPACE_UNIT_BYTES * SPACE_UNIT_BYTES;
        let last = (bytes.end as usize / granule).next_multiple_of(SPACE_UNIT_BYTES);
        self.marks.open(first, last.min(self.marks.size_bytes()))
            && self.objects.open(bytes.start as usize, bytes.end as usize)
    }

    /// Whether an object may stand at `at`, as far as its place tells.
    pub(super) fn is_place(&self, at: u32) -> bool {
        at.is_multiple_of(OBJECT_ALIGN_BYTES)
            && ((self.small_start..self.small_end).contains(&at)
                || (self.large_start..self.large_end).contains(&at))
    }

    /// The object at `at`.
    pub(super) fn object(&self, at: u32) -> *mut u8 {
        self.base().as_ptr().wrapping_add(at as usize)
    }

    /// The mark of the granule at `at`, usable if the granule is.
    pub(super) fn mark(&self, at: u32) -> *mut u8 {
        let granule = at / OBJECT_ALIGN_BYTES;
        self.marks.base().as_ptr().wrapping_add(granule as usize)
    }

    /// Clears all marks.
    pub(super) fn clear_marks(&self) {
        for part in [
            self.small_start..self.small_end,
            self.large_start..self.large_end,
        ] {
            let granules = part.end.saturating_sub(part.start) / OBJECT_ALIGN_BYTES;
            // SAFETY: the marks of usable space are usable.
            unsafe { self.mark(part.start).write_bytes(0, granules as usize) };
        }
    }

    /// The first hole of at least `size_bytes` from `from` on. Both ends of a
    /// hole are multiples of 16.
    pub(super) fn find_hole(&self, colour: u8, from: u32, size_bytes: u32) -> Option<Range<u32>> {
        const EVERY: u64 = 0x0101_0101_0101_0101;
        const TOP: u64 = 0x8080_8080_8080_8080;
        let bits = u64::from(COLOUR_BITS) * EVERY;
        let pattern = u64::from(colour) * EVERY;
        let size = size_bytes.max(HOLE_BYTES_MIN);
        let step = OBJECT_ALIGN_BYTES * 8;
        // The search goes by words of marks; a part of the first is not ours.
        let mut word_at = from / step * step;
        let mut skipped = TOP.checked_shl((from - word_at) / OBJECT_ALIGN_BYTES * 8);
        let mut start = None;
        while word_at < self.small_end {
            // SAFETY: the marks of usable space are usable; the space is a
            // multiple of a word's part of it, and marks are aligned likewise.
            let word = u64::from_le(unsafe { self.mark(word_at).cast::<u64>().read() });
            // A byte of `free` has its top bit set if its colour is another:
            // no sum here carries.
            let differs = (word & bits) ^ pattern;
            let mut free = (differs + (TOP - EVERY)) & TOP;
            if let Some(kept) = skipped.take() {
                free &= kept;
            }
            if free == TOP {
                start.get_or_insert(word_at);
            } else {
                let used = !free & TOP;
                let leading = used.trailing_zeros() / 8 * OBJECT_ALIGN_BYTES;
                if let Some(start) = start.take()
                    && word_at + leading - start >= size
                {
                    return Some(start..word_at + leading);
                }
                let trailing = used.leading_zeros() / 8 * OBJECT_ALIGN_BYTES;
                if trailing > 0 {
                    start = Some(word_at + step - trailing);
                }
            }
            word_at += step;
        }
        let start = start?;
        (word_at - start >= size).then_some(start..word_at)
    }

    /// The end of the last granule of a small object that has `colour`.
    pub(super) fn last_used(&self, colour: u8) -> u32 {
        let mut at = self.small_end;
        while at > self.small_start {
            // SAFETY: the marks of usable space are usable.
            let mark = unsafe { self.mark(at - OBJECT_ALIGN_BYTES).read() };
            if mark & COLOUR_BITS == colour {
                break;
            }
            at -= OBJECT_ALIGN_BYTES;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_where_they_start_and_end() {
        let mut arena = Arena::new(0).unwrap();
        assert!(arena.grow_small(UNIT_BYTES));
        let (start, end) = (arena.small_start, arena.small_end);
        assert_eq!(arena.find_hole(1, start, 16), Some(start..end));
        let used = |at: u32| {
            // SAFETY: in usable space.
            unsafe { arena.mark(start + at * 16).write(1) }
        };
        used(3);
        // Another colour is no use.
        // SAFETY: in usable space.
        unsafe { arena.mark(start + 64).write(2) };
        used(13);
        used(20);
        used(4095);
        let hole = |from: u32, to: u32| Some(start + from * 16..start + to * 16);
        assert_eq!(arena.find_hole(1, start, 16), hole(4, 13));
        assert_eq!(arena.find_hole(1, start + 13 * 16, 16), hole(21, 4095));
        assert_eq!(arena.find_hole(1, start + 16 * 5, 16), hole(5, 13));
        assert_eq!(arena.find_hole(1, start, 16 * 10), hole(21, 4095));
        assert_eq!(arena.find_hole(1, start, 1 << 20), None);
        assert_eq!(arena.find_hole(1, start + 16 * 4090, 16), None);
        assert_eq!(arena.last_used(1), end);
        assert_eq!(arena.last_used(2), start + 5 * 16);
    }
}
