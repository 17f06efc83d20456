//! The wall clock and the monotonic clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where a program reads the time.
///
/// A host that wants repeatable runs implements it; waiting is measured by the
/// host's own clock all the same.
pub trait Clock: Send {
    /// Time since 1970-01-01 00:00 UTC.
    fn wall(&self) -> Duration;

    /// The step of the wall clock.
    fn wall_resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    /// Time since a moment that never changes; it never goes back.
    fn monotonic(&self) -> Duration;

    /// The step of the monotonic clock.
    fn monotonic_resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }
}

/// The clocks of the host. The monotonic one starts when this is made, so that it
/// tells nothing about the host.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Clocks of which the monotonic one starts now.
    #[must_use]
    pub fn new() -> SystemClock {
        SystemClock {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        // Before 1970 there was no WebAssembly.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
