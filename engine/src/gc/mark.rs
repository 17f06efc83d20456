//! Finding what is in use. The objects whose references are still to be
//! followed wait on a stack that never has to grow: what does not fit is
//! marked grey in its place, and found there again. The search goes over the
//! part of the heap where such objects are, eight marks at a time.

use super::RttTable;
use super::arena::{Arena, COLOUR_BITS, GREY};
use super::heap::SMALL_BYTES_MAX;
use super::large::LargeObjects;
use crate::types::rtt::{
    ARRAY_LENGTH_OFFSET, OBJECT_ALIGN_BYTES, Rtt, Shape, Storage, elements_offset,
};

/// Entries that the stack has from the start.
const STACK_FIRST: usize = 1 << 10;

/// Entries that the stack may have: it never takes more than 8 MiB.
const STACK_MAX: usize = 1 << 20;

/// References of an array that are followed at once. The rest waits as one
/// entry, so that a wide array does not fill the stack.
const CHUNK: u32 = 64;

/// An object to look at: its reference and, of an array, the first element.
type Entry = (u32, u32);

/// The objects that wait.
pub(super) struct MarkStack {
    entries: Vec<Entry>,
    /// How many there may be.
    pub(super) entries_max: usize,
    /// Where the objects are that did not fit and are grey: the first and
    /// the last.
    grey: Option<(u32, u32)>,
}

impl Default for MarkStack {
    fn default() -> MarkStack {
        MarkStack {
            entries: Vec::new(),
            entries_max: STACK_MAX,
            grey: None,
        }
    }
}

impl MarkStack {
    /// Makes the first entries, without which nothing could be marked. False
    /// if there is no memory.
    pub(super) fn reserve(&mut self) -> bool {
        let first = STACK_FIRST.min(self.entries_max);
        self.entries.try_reserve_exact(first).is_ok()
    }

    /// Whether there was room.
    #[inline]
    fn push(&mut self, entry: Entry) -> bool {
        if self.entries.len() == self.entries.capacity() && !self.extend() {
            return false;
        }
        self.entries.push(entry);
        true
    }

    /// Remembers that the object at `at` is grey.
    #[cold]
    fn note_grey(&mut self, at: u32) {
        let (first, last) = self.grey.unwrap_or((at, at));
        self.grey = Some((first.min(at), last.max(at)));
    }

    #[cold]
    fn extend(&mut self) -> bool {
        let wanted = (self.entries.len() * 2)
            .max(STACK_FIRST)
            .min(self.entries_max);
        match wanted.checked_sub(self.entries.len()) {
            None | Some(0) => false,
            Some(more) => self.entries.try_reserve_exact(more).is_ok(),
        }
    }
}

/// One collection's marking.
pub(super) struct Marker<'a> {
    pub(super) arena: &'a Arena,
    pub(super) types: &'a RttTable,
    pub(super) stack: &'a mut MarkStack,
    pub(super) colour: u8,
    /// Bytes of the objects that are marked.
    pub(super) live_bytes: u64,
    /// What was found that cannot be.
    pub(super) corruption: Option<String>,
}

/// The type that an object's header names, and the object's size.
///
/// # Safety
///
/// An object starts at `at`.
#[inline]
pub(super) unsafe fn describe<'t>(
    arena: &Arena,
    types: &'t RttTable,
    at: u32,
) -> Option<(&'t Rtt, u32)> {
    // SAFETY: the object is in usable space; the table has types that live
    // as long as it does.
    unsafe {
        let object = arena.object(at);
        let id = object.cast::<u32>().read();
        let rtt = types.get(id as usize)?.as_ref()?;
        let length = object
            .add(ARRAY_LENGTH_OFFSET as usize)
            .cast::<u32>()
            .read();
        Some((rtt, rtt.size_bytes(length)?))
    }
}

impl Marker<'_> {
    /// A reference is in use. It may be null or no reference to an object.
    #[inline]
    pub(super) fn mark(&mut self, reference: u32) {
        if reference == 0 || reference & 1 == 1 {
            return;
        }
        if !self.arena.is_place(reference) {
            self.corrupted(reference, "it is no place of an object");
            return;
        }
        let mark = self.arena.mark(reference);
        // SAFETY: the reference is in usable space, and so is its mark.
        unsafe {
            if *mark & COLOUR_BITS == self.colour {
                return;
            }
            *mark = self.colour;
            if !self.stack.push((reference, 0)) {
                *mark |= GREY;
                self.stack.note_grey(reference);
            }
        }
    }

    #[cold]
    fn corrupted(&mut self, reference: u32, what: &str) {
        let found = || format!("the reference {reference:#x} is damaged: {what}");
        self.corruption.get_or_insert_with(found);
    }

    /// Follows all references.
    pub(super) fn drain(&mut self, large: &LargeObjects) {
        loop {
            while let Some((at, first)) = self.stack.entries.pop() {
                self.scan(at, first);
            }
            match self.stack.grey.take() {
                Some((first, last)) => self.find_grey(first, last, large),
                None => return,
            }
        }
    }

    /// Looks at the grey objects from `first` to `last`, now that there is
    /// room on the stack.
    fn find_grey(&mut self, first: u32, last: u32, large: &LargeObjects) {
        const STEP: u32 = 8 * OBJECT_ALIGN_BYTES;
        let any = u64::from_ne_bytes([GREY; 8]);
        let end = self.arena.small_end.min(last.saturating_add(1));
        let mut at = first.max(self.arena.small_start) / STEP * STEP;
        while at < end {
            // SAFETY: the marks of usable space are usable; both of its ends
            // are multiples of a word's part of it, and marks are aligned
            // likewise.
            let word = unsafe { self.arena.mark(at).cast::<u64>().read() };
            if word & any != 0 {
                for granule in 0..8 {
                    self.scan_if_grey(at + granule * OBJECT_ALIGN_BYTES);
                }
            }
            at += STEP;
        }
        if last >= self.arena.large_start {
            for at in large.starts() {
                self.scan_if_grey(at);
            }
        }
    }

    fn scan_if_grey(&mut self, at: u32) {
        let mark = self.arena.mark(at);
        // SAFETY: the place is usable, and so is its mark. Only a marked
        // object's first granule is grey.
        unsafe {
            if *mark == self.colour | GREY {
                *mark = self.colour;
                self.scan(at, 0);
                while let Some((at, first)) = self.stack.entries.pop() {
                    self.scan(at, first);
                }
            }
        }
    }

    /// Follows the references of a marked object, those of an array from
    /// `first` on.
    fn scan(&mut self, at: u32, first: u32) {
        // SAFETY: only references to objects are marked, and `mark` has
        // looked at the place.
        let Some((rtt, size_bytes)) = (unsafe { describe(self.arena, self.types, at) }) else {
            self.corrupted(at, "its object has no type");
            return;
        };
        if first == 0 && !self.colour_object(at, size_bytes) {
            self.corrupted(at, "its object does not end in the heap");
            return;
        }
        let object = self.arena.object(at);
        match &rtt.shape {
            Shape::Fields { refs, .. } => {
                for offset in refs {
                    // SAFETY: the type's fields are inside its objects.
                    self.mark(unsafe { object.add(*offset as usize).cast::<u32>().read() });
                }
            }
            Shape::Array {
                element: element @ Storage::Ref,
            } => {
                // SAFETY: the size was computed from this length and lies
                // in usable space.
                unsafe {
                    let length = object.add(ARRAY_LENGTH_OFFSET as usize).cast::<u32>();
                    let length = length.read();
                    let end = length.min(first.saturating_add(CHUNK));
                    if end < length && !self.stack.push((at, end)) {
                        // It is looked at from its start again.
                        *self.arena.mark(at) |= GREY;
                        self.stack.note_grey(at);
                        self.live_bytes -= u64::from(size_bytes);
                    }
                    let elements = object.add(elements_offset(*element) as usize).cast::<u32>();
                    for index in first..end {
                        self.mark(elements.add(index as usize).read());
                    }
                }
            }
            Shape::Array { .. } | Shape::Host => {}
        }
    }

    /// Marks the other granules of a small object, and counts its bytes.
    /// False if it is not inside usable space.
    #[inline]
    fn colour_object(&mut self, at: u32, size_bytes: u32) -> bool {
        let is_small = at < self.arena.small_end;
        let end_max = if is_small {
            self.arena.small_end
        } else {
            self.arena.large_end
        };
        if size_bytes > end_max - at || is_small != (size_bytes <= SMALL_BYTES_MAX) {
            return false;
        }
        self.live_bytes += u64::from(size_bytes);
        if is_small {
            let mark = self.arena.mark(at);
            for granule in 1..(size_bytes / 16) as usize {
                // SAFETY: the object is in usable space, so its marks are.
                unsafe { *mark.add(granule) = self.colour };
            }
        }
        true
    }
}
