//! Handles that were dropped where no store was at hand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Tokens of handles that were dropped where no store was at hand: the next
/// entry into a guest of the store drops them for good.
#[derive(Debug, Default)]
pub(crate) struct DropQueue {
    tokens: Mutex<Vec<u64>>,
    /// As many as there are tokens, so that a look costs no lock.
    count: AtomicUsize,
}

impl DropQueue {
    /// Adds a token.
    pub(crate) fn push(&self, token: u64) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.push(token);
        self.count.store(tokens.len(), Ordering::Release);
    }

    /// Whether there is no token.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// How many tokens there are.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Takes all tokens out.
    pub(crate) fn take(&self) -> Vec<u64> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.store(0, Ordering::Release);
        std::mem::take(&mut *tokens)
    }
}
