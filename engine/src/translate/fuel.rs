//! Fuel: which operators a basic block pays for. The answer depends on the
//! WebAssembly alone, so every tier charges the same.
//!
//! A block starts at the function's start, at a loop's start, behind every
//! branch and at every label that is branched to. It pays at its start for
//! all operators that it holds; markers (`block`, `loop`, `else`, `end`,
//! `nop`) are free.

use super::sink::Sink;

/// The block that is walked now.
pub(crate) struct Meter<P> {
    enabled: bool,
    open: Option<(P, u32)>,
}

impl<P: Copy> Meter<P> {
    pub(crate) fn new(enabled: bool) -> Meter<P> {
        Meter {
            enabled,
            open: None,
        }
    }

    /// An operator that costs something starts.
    #[inline]
    pub(crate) fn operator<S: Sink<FuelPoint = P>>(&mut self, sink: &mut S) {
        if self.enabled {
            let (_, count) = self.open.get_or_insert_with(|| (sink.fuel(), 0));
            *count += 1;
        }
    }

    /// The block is over.
    #[inline]
    pub(crate) fn split<S: Sink<FuelPoint = P>>(&mut self, sink: &mut S) {
        if let Some((point, count)) = self.open.take() {
            sink.set_fuel(point, count);
        }
    }
}
