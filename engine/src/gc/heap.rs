//! Making objects, and when the heap grows.
//!
//! Small objects go into holes between old ones. The hole that running code
//! uses is in a [`Bump`] of the store; objects that do not fit into it go to
//! a second hole, so that one larger object does not waste the first. Holes
//! are found one after another, when they are needed. Large objects have a
//! space of their own.
//!
//! What is handed out holds whatever stood there before: whoever asks writes
//! the whole object before the next collection can happen.

use core::ops::Range;
use core::ptr::NonNull;

use super::arena::{Arena, HOLE_BYTES_MIN, UNIT_BYTES};
use super::host_values::{HostValue, HostValues};
use super::large::{LargeObjects, size_of_pages};
use super::mark::MarkStack;
use super::{Bump, GcStats, GcZeal};

/// Objects up to this size fit into every hole: code may make them with the
/// cursor alone.
pub(crate) const INLINE_BYTES_MAX: u32 = HOLE_BYTES_MIN;

/// Larger objects are large ones.
pub(super) const SMALL_BYTES_MAX: u32 = 8 << 10;

/// What a new heap takes from the system.
const FIRST_BYTES: u32 = 256 << 10;

/// A heap that is smaller than this grows rather than being collected.
const LIMIT_BYTES_MIN: u64 = 1 << 20;

/// A heap with less in use than this may take three times as much.
const SMALL_HEAP_BYTES: u64 = 16 << 20;

/// The most that a heap grows by at once.
const STEP_BYTES_MAX: u64 = 16 << 20;

/// A collection at the heap's limit should come after the program has taken
/// at least this part of it since the last one.
const FRUITFUL_PART: u64 = 32;

/// So many collections in a row may come earlier before the heap counts as
/// full: what a guest needed that has stopped may be garbage by now.
const FRUITLESS_MAX: u32 = 8;

/// Bytes in use that a root counts for when the next collection is planned:
/// to visit it takes about as long as to mark as much.
const ROOT_BYTES: u64 = 8;

/// Bytes of a hole for objects that do not fit into the running code's.
const OVERFLOW_BYTES: u32 = 32 << 10;

/// What freed memory is filled with when the collector is tried: an odd
/// number, so that a reference read from there is seen to be none.
const POISON: u8 = 0x5a;

/// Why no object was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A collection should come first.
    Collect,
    /// The limit is reached, or the system refuses.
    Full,
}

/// Whether a collection may still be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    First,
    /// A collection was just made.
    Last,
}

/// The heap of a store.
pub(crate) struct Heap {
    /// Absent until the first object is made.
    pub(super) arena: Option<Arena>,
    pub(super) large: LargeObjects,
    pub(super) hosts: HostValues,
    /// The colour of what the last collection found in use; never zero.
    pub(super) colour: u8,
    /// Where the search for the next hole starts.
    scan: u32,
    /// The hole that the store's cursor moves through.
    hole: Range<u32>,
    /// The rest of the second hole.
    overflow: Range<u32>,
    /// Where the search for the next second hole starts, unless `scan` has
    /// come farther.
    overflow_scan: u32,
    /// Bytes that the heap may take before the next collection.
    pub(super) limit_bytes: u64,
    /// Bytes that the heap may ever take.
    bytes_max: u64,
    /// Bytes made available since the last collection.
    taken_bytes: u64,
    /// How many collections in a row were asked for at the heap's limit with
    /// little taken since the one before.
    fruitless: u32,
    /// Roots that the last collection visited.
    pub(super) roots: u64,
    /// How many collections in a row found the heap far too big.
    spacious: u32,
    pub(super) stats: GcStats,
    pub(super) zeal: GcZeal,
    zeal_count: u32,
    /// Counts the arenas that the heap has had.
    pub(super) generation: u32,
    /// The arena before the last shuffle, closed.
    pub(super) old: Option<Arena>,
    pub(super) marks: MarkStack,
    /// What the collector found that cannot be; no object is made any more.
    pub(super) corruption: Option<String>,
}

impl Heap {
    pub(crate) fn new(zeal: GcZeal) -> Heap {
        Heap {
            arena: None,
            large: LargeObjects::default(),
            hosts: HostValues::default(),
            colour: 1,
            scan: 0,
            hole: 0..0,
            overflow: 0..0,
            overflow_scan: 0,
            limit_bytes: LIMIT_BYTES_MIN,
            bytes_max: u64::MAX,
            taken_bytes: 0,
            fruitless: 0,
            roots: 0,
            spacious: 0,
            stats: GcStats::default(),
            zeal,
            zeal_count: 0,
            generation: 0,
            old: None,
            marks: MarkStack::default(),
            corruption: None,
        }
    }

    /// The byte that references count from; dangling while there is no
    /// object.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.arena.as_ref().map_or(NonNull::dangling(), Arena::base)
    }

    /// What the heap has done; `bump` is the store's cursor.
    pub(crate) fn stats(&self, bump: Bump) -> GcStats {
        GcStats {
            allocated_bytes_total: self.stats.allocated_bytes_total
                + u64::from(bump.cursor.saturating_sub(self.hole.start)),
            committed_bytes: self.committed_bytes(),
            host_values: self.hosts.count() as u64,
            ..self.stats
        }
    }

    /// What the collector found that cannot be.
    pub(crate) fn corruption(&self) -> Option<&str> {
        self.corruption.as_deref()
    }

    fn committed_bytes(&self) -> u64 {
        let small = self.arena.as_ref().map_or(0, Arena::small_bytes);
        u64::from(small) + self.large.bytes + self.large.kept_bytes
    }

    /// Room for an object of `size_bytes`, a multiple of 16. `bytes_max` is
    /// what the heap may take in all.
    pub(crate) fn allocate(
        &mut self,
        bump: &mut Bump,
        size_bytes: u32,
        bytes_max: u64,
        attempt: Attempt,
    ) -> Result<u32, Refusal> {
        if size_bytes <= INLINE_BYTES_MAX {
            self.reserve(bump, size_bytes, bytes_max, attempt)?;
            let at = bump.cursor;
            bump.cursor += size_bytes;
            return Ok(at);
        }
        self.prepare(bytes_max, attempt)?;
        if size_bytes > SMALL_BYTES_MAX {
            return self.allocate_large(size_bytes, attempt);
        }
        if size_bytes <= self.hole.end - bump.cursor {
            let at = bump.cursor;
            bump.cursor += size_bytes;
            if self.zeal.is_on() {
                bump.end = bump.cursor;
            }
            return Ok(at);
        }
        if size_bytes > self.overflow.end - self.overflow.start {
            self.refill_overflow(size_bytes, attempt)?;
        }
        let at = self.overflow.start;
        self.overflow.start += size_bytes;
        self.stats.allocated_bytes_total += u64::from(size_bytes);
        Ok(at)
    }

    /// Gives the store's cursor room for an object of `size_bytes`, at most
    /// [`INLINE_BYTES_MAX`].
    pub(crate) fn reserve(
        &mut self,
        bump: &mut Bump,
        size_bytes: u32,
        bytes_max: u64,
        attempt: Attempt,
    ) -> Result<(), Refusal> {
        self.prepare(bytes_max, attempt)?;
        if size_bytes > self.hole.end - bump.cursor {
            self.refill(bump, attempt)?;
        }
        bump.end = if self.zeal.is_on() {
            // The next object comes here again.
            bump.cursor + size_bytes
        } else {
            self.hole.end
        };
        Ok(())
    }

    /// Whether a collection is to be tried at this call.
    pub(crate) fn is_turn_of_call(&mut self) -> bool {
        if self.zeal.calls == 0 {
            return false;
        }
        self.zeal_count += 1;
        let is_turn = self.zeal_count >= self.zeal.calls;
        if is_turn {
            self.zeal_count = 0;
        }
        is_turn
    }

    /// What comes before every object that is not made with the cursor
    /// alone.
    fn prepare(&mut self, bytes_max: u64, attempt: Attempt) -> Result<(), Refusal> {
        self.bytes_max = bytes_max;
        if self.corruption.is_some() {
            return Err(Refusal::Full);
        }
        if self.arena.is_none() {
            if !self.marks.reserve() {
                return Err(Refusal::Full);
            }
            self.install(Arena::new(self.generation).ok_or(Refusal::Full)?);
        }
        if attempt == Attempt::First && self.zeal.allocations > 0 {
            self.zeal_count += 1;
            if self.zeal_count >= self.zeal.allocations {
                self.zeal_count = 0;
                return Err(Refusal::Collect);
            }
        }
        Ok(())
    }

    /// Starts to use an empty arena.
    pub(super) fn install(&mut self, arena: Arena) -> Option<Arena> {
        let start = arena.small_start;
        (self.scan, self.overflow_scan) = (start, start);
        (self.hole, self.overflow) = (0..0, 0..0);
        self.arena.replace(arena)
    }

    /// Finds the next hole for the store's cursor.
    fn refill(&mut self, bump: &mut Bump, attempt: Attempt) -> Result<(), Refusal> {
        self.retire(bump);
        let hole = loop {
            let Some(arena) = &self.arena else {
                return Err(Refusal::Full);
            };
            if let Some(hole) = arena.find_hole(self.colour, self.scan, HOLE_BYTES_MIN) {
                break hole;
            }
            self.scan = self
                .scan
                .max(arena.small_end - HOLE_BYTES_MIN.min(arena.small_bytes()));
            self.grow(HOLE_BYTES_MIN, attempt)?;
        };
        self.scan = hole.end;
        self.take(&hole);
        (bump.cursor, bump.end) = (hole.start, hole.end);
        self.hole = hole;
        Ok(())
    }

    /// Finds a hole for objects that do not fit into the first.
    fn refill_overflow(&mut self, size_bytes: u32, attempt: Attempt) -> Result<(), Refusal> {
        let hole = loop {
            let Some(arena) = &self.arena else {
                return Err(Refusal::Full);
            };
            let from = self.scan.max(self.overflow_scan);
            if let Some(hole) = arena.find_hole(self.colour, from, size_bytes) {
                self.overflow_scan = hole.end;
                let end = hole.end.min(hole.start + OVERFLOW_BYTES);
                // The search for the first hole must pass it by. Dead
                // objects in it look used until the next collection.
                // SAFETY: the marks of usable space are usable.
                unsafe {
                    arena
                        .mark(hole.start)
                        .write_bytes(self.colour, ((end - hole.start) / 16) as usize);
                }
                self.overflow_scan = end;
                break hole.start..end;
            }
            self.overflow_scan = from.max(arena.small_end.saturating_sub(size_bytes));
            self.grow(size_bytes, attempt)?;
        };
        self.take(&hole);
        self.overflow = hole;
        Ok(())
    }

    fn take(&mut self, hole: &Range<u32>) {
        let bytes = hole.end - hole.start;
        self.taken_bytes += u64::from(bytes);
        if let Some(arena) = &self.arena
            && self.zeal.is_on()
        {
            // SAFETY: the hole is usable space that nobody uses.
            unsafe {
                arena.object(hole.start).write_bytes(POISON, bytes as usize);
            }
        }
    }

    /// Ends the use of the store's hole.
    pub(super) fn retire(&mut self, bump: &mut Bump) {
        let made = bump.cursor.saturating_sub(self.hole.start);
        self.stats.allocated_bytes_total += u64::from(made);
        self.hole = 0..0;
        *bump = Bump::default();
    }

    /// Makes more space usable for small objects.
    fn grow(&mut self, needed_bytes: u32, attempt: Attempt) -> Result<(), Refusal> {
        let needed = u64::from(needed_bytes.next_multiple_of(UNIT_BYTES));
        self.make_room(needed, attempt)?;
        let committed = self.committed_bytes();
        let limit = self.limit_bytes.min(self.bytes_max);
        let room = limit.max(committed + needed) - committed;
        let step = (committed / 2).clamp(u64::from(FIRST_BYTES), STEP_BYTES_MAX);
        let step = step.min(room).max(needed) / u64::from(UNIT_BYTES) * u64::from(UNIT_BYTES);
        let step = u32::try_from(step).map_err(|_| Refusal::Full)?;
        let needed = needed_bytes.next_multiple_of(UNIT_BYTES);
        let grown = self
            .arena
            .as_mut()
            .is_some_and(|arena| arena.grow_small(step) || arena.grow_small(needed));
        if !grown {
            return Err(self.refuse(attempt));
        }
        self.note_committed();
        Ok(())
    }

    /// Asks whether the heap may take `bytes` more.
    fn make_room(&mut self, bytes: u64, attempt: Attempt) -> Result<(), Refusal> {
        let wanted = self.committed_bytes() + bytes;
        if wanted <= self.limit_bytes.min(self.bytes_max) {
            return Ok(());
        }
        if wanted > self.bytes_max {
            return Err(self.refuse(attempt));
        }
        // Between two collections at least a quarter of the heap must have
        // been handed out; if it was less, the rest is in holes too small,
        // and another collection would not help.
        let is_fragmented = self.taken_bytes < self.limit_bytes / 4;
        if attempt == Attempt::First && !is_fragmented {
            return Err(Refusal::Collect);
        }
        self.limit_bytes = wanted.max(self.limit_bytes + self.limit_bytes / 2);
        Ok(())
    }

    /// The answer where the heap cannot grow. A program that keeps the heap
    /// full must not have all of it marked for every few objects.
    fn refuse(&mut self, attempt: Attempt) -> Refusal {
        let is_fruitful = self.taken_bytes >= self.bytes_max / FRUITFUL_PART;
        match attempt {
            Attempt::Last => Refusal::Full,
            Attempt::First if is_fruitful || self.zeal.is_on() => {
                self.fruitless = 0;
                Refusal::Collect
            }
            Attempt::First if self.fruitless < FRUITLESS_MAX => {
                self.fruitless += 1;
                Refusal::Collect
            }
            Attempt::First => {
                // The guest stops, and others may start anew.
                self.fruitless = 0;
                Refusal::Full
            }
        }
    }

    /// What the last collection has done, in bytes that were marked.
    pub(crate) fn last_work_bytes(&self) -> u64 {
        self.stats.live_bytes + self.roots * ROOT_BYTES
    }

    fn allocate_large(&mut self, size_bytes: u32, attempt: Attempt) -> Result<u32, Refusal> {
        let pages = size_of_pages(size_bytes).ok_or(Refusal::Full)?;
        let needed = self.large.bytes_needed(pages);
        if needed > 0 {
            self.make_room(u64::from(needed), attempt)?;
        }
        let place = self
            .arena
            .as_mut()
            .and_then(|arena| self.large.allocate(arena, size_bytes));
        let Some(place) = place else {
            return Err(self.refuse(attempt));
        };
        self.taken_bytes += u64::from(pages);
        self.stats.allocated_bytes_total += u64::from(size_bytes);
        self.note_committed();
        Ok(place)
    }

    fn note_committed(&mut self) {
        let committed = self.committed_bytes();
        self.stats.committed_bytes_max = self.stats.committed_bytes_max.max(committed);
    }

    /// Starts again at the first hole, after a collection that found
    /// `live_bytes` in use, with `pending_bytes` about to be made.
    pub(super) fn restart(&mut self, live_bytes: u64, pending_bytes: u32) {
        let Some(arena) = &mut self.arena else {
            return;
        };
        (self.scan, self.overflow_scan) = (arena.small_start, arena.small_start);
        self.overflow = 0..0;
        self.taken_bytes = 0;
        let factor = if live_bytes < SMALL_HEAP_BYTES { 3 } else { 2 };
        let work_bytes = live_bytes + self.roots * ROOT_BYTES;
        self.limit_bytes = (factor * work_bytes + u64::from(pending_bytes)).max(LIMIT_BYTES_MIN);
        let small = u64::from(arena.small_bytes());
        let is_crowded = self.large.bytes + small + u64::from(pending_bytes) > self.bytes_max;
        let is_spacious = small > 2 * self.limit_bytes;
        self.spacious = if is_spacious { self.spacious + 1 } else { 0 };
        if is_crowded || self.spacious >= 2 {
            self.spacious = 0;
            let room = if is_crowded { 0 } else { self.limit_bytes };
            let kept = u64::from(arena.small_start) + room;
            let kept = u32::try_from(kept).unwrap_or(u32::MAX);
            let end = arena.last_used(self.colour).max(kept);
            arena.shrink_small(end.checked_next_multiple_of(UNIT_BYTES).unwrap_or(end));
        }
    }

    /// Gives all back behind the last small object, after a collection.
    pub(crate) fn shrink(&mut self) {
        let is_used = !self.hole.is_empty() || !self.overflow.is_empty();
        if self.corruption.is_some() || is_used {
            return;
        }
        if let Some(arena) = &mut self.arena {
            let end = arena.last_used(self.colour);
            arena.shrink_small(end.checked_next_multiple_of(UNIT_BYTES).unwrap_or(end));
        }
    }

    /// Whether so much of the heap is taken that there may be no room for a
    /// large object without a collection.
    pub(crate) fn is_crowded(&self) -> bool {
        self.committed_bytes() > self.bytes_max / 4
    }

    /// Keeps a value of the host, and answers its place; `None` if there are
    /// too many.
    pub(crate) fn keep_host_value(&mut self, value: HostValue) -> Option<u32> {
        self.hosts.insert(value)
    }

    /// The object at `at` stands for the value at `slot`.
    pub(crate) fn bind_host_value(&mut self, slot: u32, at: u32) {
        self.hosts.bind(slot, at);
    }

    /// The value of the host at a place.
    pub(crate) fn host_value(&self, slot: u32) -> Option<&HostValue> {
        self.hosts.get(slot)
    }

    /// The value of the host at a place, for writing.
    pub(crate) fn host_value_mut(&mut self, slot: u32) -> Option<&mut HostValue> {
        self.hosts.get_mut(slot)
    }
}
