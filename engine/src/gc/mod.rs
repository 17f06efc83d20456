//! The heap of one store: structures, arrays, exceptions and values of the
//! host, and the collector that finds which of them are still in use.
//!
//! A reference is 32 bits wide: zero is null, an odd one is a 31-bit
//! integer, any other the distance of an object from the start of the heap,
//! a multiple of 16. Whatever a guest does with a reference, it cannot name
//! a byte outside the heap's address space.
//!
//! Objects do not move. What is in use is noted beside them, one byte per 16
//! bytes, and only the collector writes there: a new object costs its bytes
//! and the step of a cursor through a hole between old ones. All roots are
//! known exactly, so a collection frees whatever cannot be reached.
//!
//! Nothing here knows of stores, instances or stacks: whoever collects
//! brings the roots.

#![expect(
    unsafe_code,
    reason = "objects are read and written through pointers into the heap"
)]

mod arena;
mod collect;
mod heap;
mod host_values;
mod large;
mod mark;
mod shuffle;
#[cfg(test)]
mod tests;
mod verify;

use core::time::Duration;

pub(crate) use collect::Roots;
pub(crate) use heap::{Attempt, Heap, INLINE_BYTES_MAX, Refusal};
pub(crate) use host_values::HostValue;

use crate::types::rtt::Rtt;

/// The run-time types of the objects in a heap, by the ids that objects
/// carry; null where there is none.
pub(crate) type RttTable = [*const Rtt];

/// The hole in which small objects are made. Code that makes them moves the
/// cursor itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Bump {
    /// Where the next object goes.
    pub(crate) cursor: u32,
    /// Where the hole ends.
    pub(crate) end: u32,
}

/// What a store's heap has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcStats {
    /// Collections.
    pub collections: u64,
    /// Bytes that the last collection found in use.
    pub live_bytes: u64,
    /// Bytes that the heap takes now.
    pub committed_bytes: u64,
    /// The most bytes that it ever took.
    pub committed_bytes_max: u64,
    /// Bytes of all objects ever made.
    pub allocated_bytes_total: u64,
    /// Values of the host that are in use, or not known not to be.
    pub host_values: u64,
    /// Time spent in collections. Zero where there is no clock.
    pub time_in_collector: Duration,
    /// The longest collection. Zero where there is no clock.
    pub pause_max: Duration,
}

/// How hard the collector is tried; for tests. The default is not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcZeal {
    /// Collect at every so-manyth object; zero is never.
    pub allocations: u32,
    /// Collect at every so-manyth call; zero is never.
    pub calls: u32,
    /// Every collection moves all objects, and makes the places where they
    /// were unusable.
    pub shuffle: bool,
    /// Check the whole heap after every collection.
    pub verify: bool,
}

impl GcZeal {
    /// Whether anything is tried at all.
    pub(crate) fn is_on(self) -> bool {
        self != GcZeal::default()
    }
}
