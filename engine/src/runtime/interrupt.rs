//! Requests to stop, from any thread to the guest of one store. A running
//! guest looks at the word now and then; one that waits is woken.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::task::Waker;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::thread::{self, Thread};

/// What a store shares with its handles.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    /// Not zero while a request stands. Running code reads it.
    word: AtomicU32,
    /// Wakes the thread on which a guest of the store waits, and the number
    /// of the guard that put it there.
    waiting: Mutex<Option<(u64, Waker)>>,
    guards: AtomicU64,
}

impl Interrupt {
    /// The word, for running code.
    pub(crate) fn word(&self) -> *const AtomicU32 {
        &raw const self.word
    }

    pub(crate) fn is_set(&self) -> bool {
        self.word.load(Ordering::SeqCst) != 0
    }

    pub(crate) fn clear(&self) {
        self.word.store(0, Ordering::SeqCst);
    }

    /// From now on, until the answer is dropped, a request unparks this
    /// thread. One that was made before stands in the word.
    pub(crate) fn wake_this_thread(self: &Arc<Self>) -> WakeOnInterrupt {
        self.wake(Arc::new(Parked(thread::current())).into())
    }

    fn wake(self: &Arc<Self>, waker: Waker) -> WakeOnInterrupt {
        let number = self.guards.fetch_add(1, Ordering::Relaxed);
        *self.lock() = Some((number, waker));
        WakeOnInterrupt {
            interrupt: Arc::clone(self),
            number,
        }
    }

    fn set(&self) {
        self.word.store(1, Ordering::SeqCst);
        // A waker is the host's code: it must not run under the lock.
        let waiting = self.lock().clone();
        if let Some((_, waker)) = waiting {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(u64, Waker)>> {
        // Only a clone of a waker could panic under the lock, and the waker
        // that stands there is whole all the same.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that parks while its guest waits.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// While it lives, an interruption wakes what was given to
/// [`InterruptHandle::wake_on_interrupt`].
#[derive(Debug)]
#[must_use = "nothing is woken once it is dropped"]
pub struct WakeOnInterrupt {
    interrupt: Arc<Interrupt>,
    number: u64,
}

impl Drop for WakeOnInterrupt {
    fn drop(&mut self) {
        let mut waiting = self.interrupt.lock();
        // A later guard's waker stays.
        if waiting
            .as_ref()
            .is_some_and(|(number, _)| *number == self.number)
        {
            *waiting = None;
        }
    }
}

/// Stops guests from another thread.
///
/// The request stands until a guest has stopped with
/// [`Trap::Interrupted`](crate::Trap), or until it is cleared. A guest
/// notices within some ten thousand calls and loop iterations, and at once
/// if it waits for another thread, or where the host has said how to wake it.
#[derive(Clone, Debug)]
pub struct InterruptHandle(Arc<Interrupt>);

impl InterruptHandle {
    pub(crate) fn new(interrupt: &Arc<Interrupt>) -> InterruptHandle {
        InterruptHandle(Arc::clone(interrupt))
    }

    /// Asks the guest that runs now, or else the next one, to stop.
    pub fn interrupt(&self) {
        self.0.set();
    }

    /// Takes a request back.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// Whether a request stands.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.0.is_set()
    }

    /// For host functions that wait: an interruption wakes `waker` until the
    /// answer is dropped. Look at [`is_interrupted`](Self::is_interrupted)
    /// afterwards, since a request that was made before wakes nobody. A store
    /// has one waiting place: the last waker that was given counts.
    pub fn wake_on_interrupt(&self, waker: Waker) -> WakeOnInterrupt {
        self.0.wake(waker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_last_waker_is_woken_until_its_own_guard_is_dropped() {
        let handle = InterruptHandle(Arc::default());
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let woken = || [&first, &second].map(|count| count.0.load(Ordering::SeqCst));
        let older = handle.wake_on_interrupt(Arc::clone(&first).into());
        let newer = handle.wake_on_interrupt(Arc::clone(&second).into());
        drop(older);
        handle.interrupt();
        assert_eq!(woken(), [0, 1]);
        drop(newer);
        handle.interrupt();
        assert_eq!(woken(), [0, 1]);
    }
}
