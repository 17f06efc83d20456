//! A walk over all that can be reached, with no trust in marks: every
//! reference must lead to the start of an object, every object must have a
//! type and lie in usable space, and no two may share a byte.

use std::collections::BTreeMap;

use super::RttTable;
use super::arena::Arena;
use super::collect::Roots;
use super::heap::{Heap, SMALL_BYTES_MAX};
use super::mark::describe;
use crate::types::rtt::{ARRAY_LENGTH_OFFSET, Rtt, RttKind, Shape, Storage, elements_offset};

impl Heap {
    /// Looks for what cannot be.
    ///
    /// # Safety
    ///
    /// As for [`Heap::collect`].
    pub(crate) unsafe fn verify(
        &self,
        types: &RttTable,
        roots: &mut dyn Roots,
    ) -> Result<(), String> {
        let Some(arena) = &self.arena else {
            return Ok(());
        };
        // Ends by starts.
        let mut objects: BTreeMap<u32, u32> = BTreeMap::new();
        let mut waiting: Vec<(u32, u32)> = Vec::new();
        roots.visit(&mut |reference| waiting.push((*reference, 0)));
        while let Some((at, holder)) = waiting.pop() {
            if at == 0 || at & 1 == 1 || objects.contains_key(&at) {
                continue;
            }
            let wrong = |what: &str| {
                let from = match holder {
                    0 => "a root".to_owned(),
                    holder => format!("the object at {holder:#x}"),
                };
                Err(format!("{from} refers to {at:#x}: {what}"))
            };
            if !arena.is_place(at) {
                return wrong("no object can be there");
            }
            // SAFETY: the place is usable; the header is compared with the
            // table.
            let Some((rtt, size_bytes)) = (unsafe { describe(arena, types, at) }) else {
                return wrong("what is there has no type");
            };
            let is_small = at < arena.small_end;
            let end = u64::from(at) + u64::from(size_bytes);
            if is_small != (size_bytes <= SMALL_BYTES_MAX) {
                return wrong("the object has the wrong size for its place");
            }
            if is_small && end > u64::from(arena.small_end) {
                return wrong("the object does not end in the heap");
            }
            if !is_small
                && self
                    .large
                    .find(at)
                    .is_none_or(|found| u64::from(found.end) < end)
            {
                return wrong("it is not the start of a large object");
            }
            let end = u32::try_from(end).unwrap_or(u32::MAX);
            let before = objects.range(..at).next_back();
            let after = objects.range(at..).next();
            if before.is_some_and(|(_, last)| *last > at)
                || after.is_some_and(|(first, _)| *first < end)
            {
                return wrong("two objects share bytes");
            }
            objects.insert(at, end);
            // SAFETY: an object of this type starts here.
            if !unsafe { follow(arena, rtt, at, &mut waiting) } {
                return wrong("its type contradicts itself");
            }
        }
        Ok(())
    }
}

/// Puts the references of an object on the list. False if its type cannot
/// be.
///
/// # Safety
///
/// An object of type `rtt` must be at `at`.
unsafe fn follow(arena: &Arena, rtt: &Rtt, at: u32, waiting: &mut Vec<(u32, u32)>) -> bool {
    let object = arena.object(at);
    let mut push = |offset: usize| {
        // SAFETY: fields and elements are inside the object.
        waiting.push((unsafe { object.add(offset).cast::<u32>().read() }, at));
    };
    match (&rtt.shape, rtt.kind) {
        (Shape::Fields { refs, .. }, RttKind::Struct | RttKind::Func) => {
            refs.iter().for_each(|offset| push(*offset as usize));
        }
        (Shape::Array { element }, RttKind::Array) => {
            if *element == Storage::Ref {
                // SAFETY: an array has its length here.
                let length = unsafe {
                    object
                        .add(ARRAY_LENGTH_OFFSET as usize)
                        .cast::<u32>()
                        .read()
                };
                let first = elements_offset(*element) as usize;
                (0..length as usize).for_each(|index| push(first + index * 4));
            }
        }
        (Shape::Host, RttKind::Host) => {}
        (Shape::Fields { .. } | Shape::Array { .. } | Shape::Host, _) => return false,
    }
    true
}
