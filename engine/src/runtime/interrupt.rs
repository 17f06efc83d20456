//! Requests to stop, from any thread to the guest of one store. A running
//! guest looks at the word now and then; one that waits is woken.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// What a store shares with its handles.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    /// Not zero while a request stands. Running code reads it.
    word: AtomicU32,
    /// The thread on which a guest of the store waits for another.
    waiting: Mutex<Option<Thread>>,
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
    pub(crate) fn wake_this_thread(&self) -> Waiting<'_> {
        *self.lock() = Some(thread::current());
        Waiting(self)
    }

    fn set(&self) {
        self.word.store(1, Ordering::SeqCst);
        if let Some(thread) = &*self.lock() {
            thread.unpark();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Thread>> {
        // Nothing that can panic happens under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guest waits on this thread.
pub(crate) struct Waiting<'a>(&'a Interrupt);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

/// Stops guests from another thread.
///
/// The request stands until a guest has stopped with
/// [`Trap::Interrupted`](crate::Trap), or until it is cleared. A guest
/// notices within some ten thousand calls and loop iterations, and at once
/// if it waits for another thread.
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
}
