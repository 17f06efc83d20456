//! Objects of more than eight kilobytes. They lie at the end of the address
//! space, each in pages of its own, and are swept right after marking, so
//! that their pages go back at once.

use core::ops::Range;
use std::collections::BTreeSet;

use super::arena::{Arena, COLOUR_BITS, UNIT_BYTES};

/// Sizes of large objects are multiples of this.
const PAGE_BYTES: u32 = 4096;

/// From this size on an object gets whole units, which the system can take
/// back.
const RETURNED_BYTES_MIN: u32 = 2 * UNIT_BYTES;

/// A large object.
#[derive(Clone, Copy, Debug)]
struct Large {
    start: u32,
    end: u32,
}

/// A gap between large objects; ordered by size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gap {
    size_bytes: u32,
    start: u32,
    /// Whether all bytes are zero.
    is_zero: bool,
}

/// All large objects, and the gaps between them.
#[derive(Default)]
pub(super) struct LargeObjects {
    /// In no order between collections.
    objects: Vec<Large>,
    gaps: BTreeSet<Gap>,
    /// Bytes of all objects.
    pub(super) bytes: u64,
    /// Bytes of gaps that the system has not got back.
    pub(super) kept_bytes: u64,
}

/// The bytes that an object of a size takes.
pub(super) fn size_of_pages(size_bytes: u32) -> Option<u32> {
    if size_bytes >= RETURNED_BYTES_MIN {
        size_bytes.checked_next_multiple_of(UNIT_BYTES)
    } else {
        size_bytes.checked_next_multiple_of(PAGE_BYTES)
    }
}

impl LargeObjects {
    /// A place for an object, which may hold anything; `None` if the space is
    /// used up or the system refuses.
    pub(super) fn allocate(&mut self, arena: &mut Arena, size_bytes: u32) -> Option<u32> {
        let size = size_of_pages(size_bytes)?;
        if let Some((gap, start)) = self.find_gap(size) {
            self.gaps.remove(&gap);
            if !gap.is_zero {
                self.kept_bytes -= u64::from(gap.size_bytes);
            }
            self.gap(gap.start..start, gap.is_zero);
            self.gap(start + size..gap.start + gap.size_bytes, gap.is_zero);
            return Some(self.place(start, size));
        }
        let top = arena.large_start;
        let start = top.checked_sub(size)?;
        if !arena.grow_large(start) {
            return None;
        }
        // `large_start` is a multiple of a unit, as an aligned size is.
        self.gap(arena.large_start..start, true);
        Some(self.place(start, size))
    }

    /// Bytes that the heap takes more when an object of so many pages is
    /// made.
    pub(super) fn bytes_needed(&self, size: u32) -> u32 {
        match self.find_gap(size) {
            Some((gap, _)) if !gap.is_zero => 0,
            Some(_) | None => size,
        }
    }

    /// A gap with room for an object of so many pages, and where the object
    /// starts in it.
    fn find_gap(&self, size: u32) -> Option<(Gap, u32)> {
        let is_aligned = size.is_multiple_of(UNIT_BYTES);
        let smallest = Gap {
            size_bytes: size,
            start: 0,
            is_zero: false,
        };
        let place = |gap: &Gap| {
            let end = gap.start + gap.size_bytes;
            // A whole unit or more must be able to go back alone.
            let start = if is_aligned {
                (end - size) / UNIT_BYTES * UNIT_BYTES
            } else {
                end - size
            };
            (start >= gap.start).then_some((*gap, start))
        };
        let mut fitting = self.gaps.range(smallest..).take(8).filter_map(place);
        let first = fitting.next()?;
        // Memory that the system has not got back costs nothing.
        let kept = core::iter::once(first)
            .chain(fitting)
            .find(|(gap, _)| !gap.is_zero);
        Some(kept.unwrap_or(first))
    }

    fn place(&mut self, start: u32, size: u32) -> u32 {
        self.objects.push(Large {
            start,
            end: start + size,
        });
        self.bytes += u64::from(size);
        start
    }

    fn gap(&mut self, bytes: Range<u32>, is_zero: bool) {
        if bytes.start < bytes.end {
            let size_bytes = bytes.end - bytes.start;
            if !is_zero {
                self.kept_bytes += u64::from(size_bytes);
            }
            self.gaps.insert(Gap {
                size_bytes,
                start: bytes.start,
                is_zero,
            });
        }
    }

    /// Frees the objects that do not have `colour`.
    pub(super) fn sweep(&mut self, arena: &Arena, colour: u8) {
        let mut freed = Vec::new();
        self.objects.retain(|object| {
            // SAFETY: the object is in usable space, and so is its mark.
            let mark = unsafe { arena.mark(object.start).read() };
            let is_used = mark & COLOUR_BITS == colour;
            if !is_used {
                freed.push(*object);
            }
            is_used
        });
        if freed.is_empty() {
            return;
        }
        let freed = freed.into_iter().map(|object| {
            self.bytes -= u64::from(object.end - object.start);
            (object.start, object.end, false)
        });
        let mut all: Vec<(u32, u32, bool)> = freed.collect();
        let old = core::mem::take(&mut self.gaps).into_iter();
        all.extend(old.map(|gap| (gap.start, gap.start + gap.size_bytes, gap.is_zero)));
        all.sort_unstable();
        self.kept_bytes = 0;
        let mut rest = all.as_slice();
        while let Some((first, _)) = rest.split_first() {
            let (start, mut end, mut count) = (first.0, first.1, 1);
            while let Some(next) = rest.get(count).filter(|next| next.0 == end) {
                (end, count) = (next.1, count + 1);
            }
            let (run, others) = rest.split_at(count);
            self.give_back(arena, start..end, run);
            rest = others;
        }
    }

    /// Notes free bytes, which consist of `pieces`. The system gets their
    /// whole units back.
    fn give_back(&mut self, arena: &Arena, bytes: Range<u32>, pieces: &[(u32, u32, bool)]) {
        let units = bytes.start.next_multiple_of(UNIT_BYTES)..bytes.end / UNIT_BYTES * UNIT_BYTES;
        let is_zero = |part: &Range<u32>| {
            let is_kept =
                |piece: &(u32, u32, bool)| !piece.2 && piece.1 > part.start && piece.0 < part.end;
            !pieces.iter().any(is_kept)
        };
        if units.start >= units.end {
            let is_zero = is_zero(&bytes);
            return self.gap(bytes, is_zero);
        }
        for edge in [bytes.start..units.start, units.end..bytes.end] {
            let is_zero = is_zero(&edge);
            self.gap(edge, is_zero);
        }
        let is_zero = is_zero(&units) || arena.reset(&units);
        self.gap(units, is_zero);
    }

    /// Where every object starts.
    pub(super) fn starts(&self) -> impl Iterator<Item = u32> {
        self.objects.iter().map(|object| object.start)
    }

    /// The bytes of the object at `at`, if there is one.
    pub(super) fn find(&self, at: u32) -> Option<Range<u32>> {
        let object = self.objects.iter().find(|object| object.start == at)?;
        Some(object.start..object.end)
    }

    /// Forgets all objects and gaps.
    pub(super) fn clear(&mut self) {
        *self = LargeObjects::default();
    }
}
