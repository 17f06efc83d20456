//! `wasi:clocks`: the monotonic clock, the wall clock, and waiting for a time.

use std::time;

use super::bindings::wasi::clocks::monotonic_clock::{self, Duration, Instant};
use super::bindings::wasi::clocks::wall_clock::{self, Datetime};
use super::io::Pollable;
use crate::ctx::WasiView;

/// Nanoseconds; after 584 years the clock stands still.
fn nanoseconds(time: time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn datetime(time: time::Duration) -> Datetime {
    Datetime {
        seconds: time.as_secs(),
        nanoseconds: time.subsec_nanos(),
    }
}

impl<T: WasiView + 'static> monotonic_clock::Host for T {
    fn now(&mut self) -> Instant {
        nanoseconds(self.wasi().clock().monotonic())
    }

    fn resolution(&mut self) -> Duration {
        nanoseconds(self.wasi().clock().monotonic_resolution())
    }

    fn subscribe_instant(&mut self, when: Instant) -> Pollable {
        let now = self.wasi().clock().monotonic();
        Pollable::after(time::Duration::from_nanos(when).saturating_sub(now))
    }

    fn subscribe_duration(&mut self, when: Duration) -> Pollable {
        Pollable::after(time::Duration::from_nanos(when))
    }
}

impl<T: WasiView + 'static> wall_clock::Host for T {
    fn now(&mut self) -> Datetime {
        datetime(self.wasi().clock().wall())
    }

    fn resolution(&mut self) -> Datetime {
        datetime(self.wasi().clock().wall_resolution())
    }
}
