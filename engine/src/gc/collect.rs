//! A collection, from the roots to the next hole. It stops the guests of its
//! store and takes time in proportion to the roots and what is in use.
//! Marking needs no memory that it does not have already; sweeping takes
//! some, in proportion to the large objects and values of the host that it
//! frees.

use core::time::Duration;

use super::arena::COLOUR_BITS;
use super::heap::Heap;
use super::host_values::DroppedValues;
use super::mark::Marker;
use super::{Bump, RttTable};

/// Whoever knows the roots of a heap.
pub(crate) trait Roots {
    /// Calls `each` with every reference outside the heap, once. What it
    /// leaves there is where the object is from then on. False if some could
    /// not be found: then nothing may be freed.
    fn visit(&mut self, each: &mut dyn FnMut(&mut u32)) -> bool;
}

impl<F: FnMut(&mut dyn FnMut(&mut u32))> Roots for F {
    fn visit(&mut self, each: &mut dyn FnMut(&mut u32)) -> bool {
        self(each);
        true
    }
}

/// Roots that are counted while they are visited.
struct Counted<'a> {
    roots: &'a mut dyn Roots,
    count: u64,
}

impl Roots for Counted<'_> {
    fn visit(&mut self, each: &mut dyn FnMut(&mut u32)) -> bool {
        let count = &mut self.count;
        self.roots.visit(&mut |reference| {
            *count += 1;
            each(reference);
        })
    }
}

/// Colours go from one up to this, so that what an old collection left on
/// granules that nobody has used since does not look like a new one's.
const COLOUR_MAX: u8 = COLOUR_BITS - 1;

impl Heap {
    /// Frees what cannot be reached. An object of `pending_bytes` is about
    /// to be made.
    ///
    /// # Safety
    ///
    /// `types` must have the types of all objects, and `roots` all
    /// references to objects that are used again.
    pub(crate) unsafe fn collect(
        &mut self,
        bump: &mut Bump,
        types: &RttTable,
        roots: &mut dyn Roots,
        pending_bytes: u32,
    ) -> DroppedValues {
        let mut dropped = DroppedValues::default();
        if self.arena.is_none() || self.corruption.is_some() {
            return dropped;
        }
        let clock = Clock::start();
        self.retire(bump);
        let roots = &mut Counted { roots, count: 0 };
        let live_bytes = if self.zeal.shuffle {
            // SAFETY: passed on to the caller.
            unsafe { self.move_all(types, roots, &mut dropped) }
        } else {
            self.mark_all(types, roots, &mut dropped)
        };
        self.roots = roots.count;
        if self.corruption.is_none() {
            self.restart(live_bytes, pending_bytes);
        }
        self.stats.live_bytes = live_bytes;
        self.stats.collections += 1;
        let pause = clock.elapsed();
        self.stats.time_in_collector += pause;
        self.stats.pause_max = self.stats.pause_max.max(pause);
        if self.zeal.verify && self.corruption.is_none() {
            // SAFETY: passed on to the caller.
            self.corruption = unsafe { self.verify(types, roots) }.err();
        }
        dropped
    }

    /// Marks what is in use and sweeps large objects and values of the host.
    /// Holes between small objects are found when they are needed.
    fn mark_all(
        &mut self,
        types: &RttTable,
        roots: &mut dyn Roots,
        dropped: &mut DroppedValues,
    ) -> u64 {
        let Some(arena) = &self.arena else { return 0 };
        if self.colour == COLOUR_MAX {
            arena.clear_marks();
            self.colour = 0;
        }
        self.colour += 1;
        let mut marker = Marker {
            arena,
            types,
            stack: &mut self.marks,
            colour: self.colour,
            live_bytes: 0,
            corruption: None,
        };
        let is_whole = roots.visit(&mut |reference| marker.mark(*reference));
        marker.drain(&self.large);
        let live_bytes = marker.live_bytes;
        self.corruption = marker.corruption.take();
        if !is_whole {
            self.corruption = Some("a frame is none of any function".to_owned());
        }
        if self.corruption.is_some() {
            // What is in use is not known: nothing is freed.
            return live_bytes;
        }
        let colour = self.colour;
        self.hosts.sweep(dropped, |object| {
            // SAFETY: objects are in usable space, and so are their marks.
            let mark = unsafe { arena.mark(object).read() };
            (mark & COLOUR_BITS == colour).then_some(object)
        });
        self.large.sweep(arena, colour);
        live_bytes
    }
}

/// Measures a pause where there is a clock.
struct Clock(#[cfg(not(target_family = "wasm"))] std::time::Instant);

impl Clock {
    #[cfg(not(target_family = "wasm"))]
    fn start() -> Clock {
        Clock(std::time::Instant::now())
    }

    #[cfg(not(target_family = "wasm"))]
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    #[cfg(target_family = "wasm")]
    fn start() -> Clock {
        Clock()
    }

    #[cfg(target_family = "wasm")]
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}
