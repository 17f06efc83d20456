//! What one program makes the host hold: fields and buffers, of which it could
//! otherwise have as many as it has handles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use linkspan::{Error, Result};

/// The bytes that are held for one program. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(super) struct Account(Arc<AtomicUsize>);

/// Some of them, until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    account: Account,
    bytes: usize,
}

impl Account {
    /// Holds so many bytes.
    pub(super) fn hold(&self, bytes: usize, max: usize) -> Result<Held> {
        let mut held = Held {
            account: self.clone(),
            bytes: 0,
        };
        held.resize(bytes, max)?;
        Ok(held)
    }
}

impl Held {
    /// Holds so many bytes from now on.
    pub(super) fn resize(&mut self, bytes: usize, max: usize) -> Result<()> {
        let Account(count) = &self.account;
        count.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
        let before = count.fetch_add(bytes, Ordering::Relaxed);
        self.bytes = bytes;
        match before.saturating_add(bytes) <= max {
            true => Ok(()),
            false => Err(Error::msg(format!(
                "expected fields and bodies of at most {max} bytes together, found more"
            ))),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Account(count) = &self.account;
        count.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_makes_room() {
        let account = Account::default();
        let mut first = account.hold(6, 10).expect("room");
        assert!(account.hold(5, 10).is_err());
        let second = account.hold(4, 10).expect("room");
        assert!(first.resize(7, 10).is_err());
        assert!(first.resize(6, 10).is_ok());
        drop(second);
        assert!(first.resize(10, 10).is_ok());
    }
}
