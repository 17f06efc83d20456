//! The collector's hardest trial: every collection copies what is in use to
//! a new arena at other places, and closes the old one. A root that was not
//! visited, or a reference that was kept elsewhere, then leads nowhere. It
//! is no way to collect: there may be no memory for it, and then it does
//! nothing but mark.

use super::RttTable;
use super::arena::{Arena, GREY, UNIT_BYTES};
use super::collect::Roots;
use super::heap::{Heap, SMALL_BYTES_MAX};
use super::host_values::DroppedValues;
use super::large::LargeObjects;
use super::mark::describe;
use crate::types::rtt::{ARRAY_LENGTH_OFFSET, Shape, Storage, elements_offset};

/// Copies objects from one arena to another.
struct Mover<'a> {
    from: &'a Arena,
    to: Arena,
    large: LargeObjects,
    types: &'a RttTable,
    colour: u8,
    next: u32,
    /// Copied objects whose references lead to the old arena.
    waiting: Vec<u32>,
    live_bytes: u64,
    corruption: Option<String>,
}

impl Heap {
    /// Moves what is in use, and answers its bytes.
    ///
    /// # Safety
    ///
    /// As for [`Heap::collect`].
    pub(super) unsafe fn move_all(
        &mut self,
        types: &RttTable,
        roots: &mut dyn Roots,
        dropped: &mut DroppedValues,
    ) -> u64 {
        let Some(from) = &self.arena else { return 0 };
        let Some(to) = Arena::new(self.generation.wrapping_add(1)) else {
            return 0;
        };
        let next = to.small_start;
        let mut mover = Mover {
            from,
            to,
            large: LargeObjects::default(),
            types,
            colour: self.colour,
            next,
            waiting: Vec::new(),
            live_bytes: 0,
            corruption: None,
        };
        if !roots.visit(&mut |reference| *reference = mover.forward(*reference)) {
            mover.corruption = Some("a frame is none of any function".to_owned());
        }
        while let Some(at) = mover.waiting.pop() {
            mover.forward_fields(at);
        }
        self.hosts.sweep(dropped, |object| mover.forwarded(object));
        let Mover {
            to,
            large,
            live_bytes,
            corruption,
            ..
        } = mover;
        self.corruption = corruption;
        self.generation = self.generation.wrapping_add(1);
        self.large.clear();
        self.large = large;
        let old = self.install(to);
        if let Some(old) = &old {
            old.close();
        }
        self.old = old;
        live_bytes
    }
}

impl Mover<'_> {
    /// Where a moved object is now.
    fn forwarded(&self, at: u32) -> Option<u32> {
        // SAFETY: objects are in usable space; the first word of a grey one
        // is its new place.
        unsafe {
            let is_moved = *self.from.mark(at) == GREY;
            is_moved.then(|| self.from.object(at).cast::<u32>().read())
        }
    }

    /// Where the object of a reference is from now on.
    fn forward(&mut self, reference: u32) -> u32 {
        if reference == 0 || reference & 1 == 1 {
            return reference;
        }
        if !self.from.is_place(reference) {
            return self.corrupted(reference, "it is no place of an object");
        }
        if let Some(at) = self.forwarded(reference) {
            return at;
        }
        // SAFETY: references lead to objects.
        let Some((_, size_bytes)) = (unsafe { describe(self.from, self.types, reference) }) else {
            return self.corrupted(reference, "its object has no type");
        };
        let Some(at) = self.allocate(size_bytes) else {
            return self.corrupted(reference, "there is no room to move its object to");
        };
        // SAFETY: both objects are in usable space, in different arenas.
        unsafe {
            let (old, new) = (self.from.object(reference), self.to.object(at));
            new.copy_from_nonoverlapping(old, size_bytes as usize);
            old.cast::<u32>().write(at);
            *self.from.mark(reference) = GREY;
        }
        self.live_bytes += u64::from(size_bytes);
        self.waiting.push(at);
        at
    }

    #[cold]
    fn corrupted(&mut self, reference: u32, what: &str) -> u32 {
        let found = || format!("the reference {reference:#x} is damaged: {what}");
        self.corruption.get_or_insert_with(found);
        0
    }

    fn allocate(&mut self, size_bytes: u32) -> Option<u32> {
        if size_bytes > SMALL_BYTES_MAX {
            let at = self.large.allocate(&mut self.to, size_bytes)?;
            // SAFETY: the object is in usable space, and so is its mark.
            unsafe { *self.to.mark(at) = self.colour };
            return Some(at);
        }
        let at = self.next;
        let end = at.checked_add(size_bytes)?;
        if end > self.to.small_end && !self.to.grow_small(UNIT_BYTES * 4) {
            return None;
        }
        self.next = end;
        // SAFETY: as above.
        unsafe {
            self.to
                .mark(at)
                .write_bytes(self.colour, (size_bytes / 16) as usize);
        }
        Some(at)
    }

    /// Forwards the references of an object that was moved to `at`.
    fn forward_fields(&mut self, at: u32) {
        let types = self.types;
        // SAFETY: the object was copied here whole.
        let Some((rtt, _)) = (unsafe { describe(&self.to, types, at) }) else {
            return;
        };
        let object = self.to.object(at);
        let mut forward = |offset: usize| {
            // SAFETY: fields and elements are inside the object.
            unsafe {
                let field = object.add(offset).cast::<u32>();
                let moved = self.forward(field.read());
                field.write(moved);
            }
        };
        match &rtt.shape {
            Shape::Fields { refs, .. } => {
                for offset in refs {
                    forward(*offset as usize);
                }
            }
            Shape::Array {
                element: element @ Storage::Ref,
            } => {
                // SAFETY: an array has its length here.
                let length = unsafe {
                    object
                        .add(ARRAY_LENGTH_OFFSET as usize)
                        .cast::<u32>()
                        .read()
                };
                for index in 0..length as usize {
                    forward(elements_offset(*element) as usize + index * 4);
                }
            }
            Shape::Array { .. } | Shape::Host => {}
        }
    }
}
