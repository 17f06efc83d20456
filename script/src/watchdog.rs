//! Interrupts a guest that runs too long.
//!
//! One thread a script. It looks a few times a second, so that the thousands
//! of short calls of a script cost it nothing. It bounds guests only: a hang
//! inside the engine itself is bounded by whoever runs the script.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use linkspan_engine::InterruptHandle;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Watches the guest that runs now, if one does.
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    time_max: Duration,
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

enum State {
    Idle,
    Watching(Instant, InterruptHandle),
    Ended,
}

impl Watchdog {
    /// Starts the thread. When the system has none left, nothing is watched.
    pub(crate) fn new(time_max: Duration) -> Watchdog {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Idle),
            ended: Condvar::new(),
        });
        let watched = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || watched.watch());
        Watchdog {
            shared,
            thread: thread.ok(),
            time_max,
        }
    }

    /// Runs `guest`; if it takes too long its store is interrupted.
    pub(crate) fn watch<R>(&self, handle: InterruptHandle, guest: impl FnOnce() -> R) -> R {
        // The guard goes idle even when the call panics.
        let _idle = IdleOnDrop(&self.shared);
        *self.shared.lock() = State::Watching(Instant::now() + self.time_max, handle);
        guest()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.shared.lock() = State::Ended;
        self.shared.ended.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread has no result, and a panic of it was printed.
            let _ = thread.join();
        }
    }
}

struct IdleOnDrop<'a>(&'a Shared);

impl Drop for IdleOnDrop<'_> {
    fn drop(&mut self) {
        *self.0.lock() = State::Idle;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut state = self.lock();
        while !matches!(&*state, State::Ended) {
            if let State::Watching(end, handle) = &*state
                && *end <= Instant::now()
            {
                // Under the lock: the guest that is interrupted is the one that
                // was watched, never the next.
                handle.interrupt();
                *state = State::Idle;
            }
            let woken = self.ended.wait_timeout(state, LOOK_EVERY);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
