//! Threads that wait at addresses of a shared memory until another one
//! notifies them: a queue for each address, oldest first.
//!
//! A thread compares the value and joins the queue under one lock, which a
//! notifier takes, too: no notification between the two is lost. Then it
//! parks; whoever takes it out of its queue has marked it before.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Instant;

use super::interrupt::Interrupt;
use crate::error::{Error, Result};
use crate::trap::Trap;

/// Why a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitResult {
    /// Another thread notified this one.
    Notified,
    /// The value in memory was not the expected one.
    NotEqual,
    /// Nobody notified this thread in time.
    TimedOut,
}

/// Threads that may wait at one memory. Each waits at one address, so a host
/// has to start as many threads for its guests to get there.
const WAITERS_MAX: usize = 1 << 16;

/// All threads that wait at one memory.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    queues: Mutex<Queues>,
}

#[derive(Debug, Default)]
struct Queues {
    by_address: BTreeMap<u64, VecDeque<Arc<Waiter>>>,
    count: usize,
}

#[derive(Debug)]
struct Waiter {
    thread: Thread,
    /// Set under the lock by whoever takes the waiter out of its queue.
    notified: AtomicBool,
}

impl Waiters {
    /// Waits at `address` if `is_equal` finds the expected value there,
    /// without a bound if there is no `timeout`.
    ///
    /// # Errors
    ///
    /// [`Trap::Interrupted`] if somebody asks the guest to stop, and a limit
    /// error if too many threads wait.
    pub(super) fn wait(
        &self,
        address: u64,
        is_equal: impl FnOnce() -> bool,
        timeout: Option<Duration>,
        interrupt: Option<&Arc<Interrupt>>,
    ) -> Result<WaitResult> {
        // A time past the end of the clock never comes.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let Some(waiter) = self.join(address, is_equal)? else {
            return Ok(WaitResult::NotEqual);
        };
        let _waking = interrupt.map(Interrupt::wake_this_thread);
        loop {
            if waiter.notified.load(Ordering::Acquire) {
                return Ok(WaitResult::Notified);
            }
            if interrupt.is_some_and(|interrupt| interrupt.is_set()) {
                return match self.leave(address, &waiter) {
                    true => Err(Trap::Interrupted.into()),
                    false => Ok(WaitResult::Notified),
                };
            }
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(match self.leave(address, &waiter) {
                            true => WaitResult::TimedOut,
                            false => WaitResult::Notified,
                        });
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }

    /// Takes up to `count` threads out of the queue at `address` and wakes
    /// them; how many there were.
    pub(super) fn notify(&self, address: u64, count: u32) -> u32 {
        let mut queues = self.lock();
        let Some(queue) = queues.by_address.get_mut(&address) else {
            return 0;
        };
        let taken = queue.len().min(count as usize);
        for waiter in queue.drain(..taken) {
            waiter.notified.store(true, Ordering::Release);
            waiter.thread.unpark();
        }
        if queue.is_empty() {
            queues.by_address.remove(&address);
        }
        queues.count -= taken;
        // No more than `count`.
        u32::try_from(taken).unwrap_or(count)
    }

    fn join(&self, address: u64, is_equal: impl FnOnce() -> bool) -> Result<Option<Arc<Waiter>>> {
        let mut queues = self.lock();
        if !is_equal() {
            return Ok(None);
        }
        if queues.count >= WAITERS_MAX {
            return Err(Error::limit(format!(
                "at most {WAITERS_MAX} threads may wait at one memory"
            )));
        }
        let waiter = Arc::new(Waiter {
            thread: thread::current(),
            notified: AtomicBool::new(false),
        });
        queues.count += 1;
        let queue = queues.by_address.entry(address).or_default();
        queue.push_back(Arc::clone(&waiter));
        Ok(Some(waiter))
    }

    /// Gives up waiting; false if somebody has notified the waiter before.
    fn leave(&self, address: u64, waiter: &Arc<Waiter>) -> bool {
        let mut queues = self.lock();
        if waiter.notified.load(Ordering::Acquire) {
            return false;
        }
        if let Some(queue) = queues.by_address.get_mut(&address) {
            queue.retain(|other| !Arc::ptr_eq(other, waiter));
            if queue.is_empty() {
                queues.by_address.remove(&address);
            }
        }
        queues.count -= 1;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // Every update leaves the queues whole before anything can panic.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_notified_in_the_order_in_which_they_came() {
        let waiters = Waiters::default();
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for i in 0..4 {
                let (waiters, order) = (&waiters, &order);
                scope.spawn(move || {
                    let woken = waiters.wait(8, || true, None, None).unwrap();
                    assert_eq!(woken, WaitResult::Notified);
                    order.lock().unwrap().push(i);
                });
                while waiters.lock().count <= i {
                    thread::yield_now();
                }
            }
            assert_eq!(waiters.notify(0, 10), 0);
            for i in 0..3 {
                assert_eq!(waiters.notify(8, 1), 1);
                while order.lock().unwrap().len() <= i {
                    thread::yield_now();
                }
            }
            assert_eq!(waiters.notify(8, u32::MAX), 1);
        });
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3]);
        assert_eq!(waiters.lock().count, 0);
        assert!(waiters.lock().by_address.is_empty());
    }

    #[test]
    fn who_times_out_leaves_nothing_behind() {
        let waiters = Waiters::default();
        let short = Some(Duration::from_millis(1));
        let result = waiters.wait(16, || true, short, None).unwrap();
        assert_eq!(result, WaitResult::TimedOut);
        let result = waiters.wait(16, || false, None, None).unwrap();
        assert_eq!(result, WaitResult::NotEqual);
        assert_eq!(waiters.notify(16, 1), 0);
        assert_eq!(waiters.lock().count, 0);
    }
}
