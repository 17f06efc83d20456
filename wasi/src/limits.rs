//! What one program may use of the host at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{ErrorCode, Result};

/// What one program may use of the host at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files, directories and sockets that are open at a time.
    pub open_files: usize,
    /// Bytes that one call reads or writes; a program asks for the rest again.
    pub transfer_bytes: usize,
    /// Random bytes that one call gives.
    pub random_bytes: usize,
    /// Things that one call waits for.
    pub pollables: usize,
    /// Names that are looked up at a time, each by a thread of the host.
    pub name_lookups: usize,
}

impl Default for Limits {
    /// 1024 open files, 64 KiB for each read or write, 16 MiB of random bytes a call,
    /// 4096 pollables, 8 names.
    fn default() -> Limits {
        Limits {
            open_files: 1024,
            transfer_bytes: 64 << 10,
            random_bytes: 16 << 20,
            pollables: 4096,
            name_lookups: 8,
        }
    }
}

/// Counts open files. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct Tickets {
    open: Arc<AtomicUsize>,
    max: usize,
}

/// One open file, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<AtomicUsize>);

impl Tickets {
    /// Room for `max` open files.
    pub(crate) fn new(max: usize) -> Tickets {
        Tickets {
            open: Arc::default(),
            max,
        }
    }

    /// One more open file.
    pub(crate) fn take(&self) -> Result<Ticket> {
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket(Arc::clone(&self.open));
        if open >= self.max {
            return Err(ErrorCode::TooManyFiles);
        }
        Ok(ticket)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_file_makes_room() {
        let tickets = Tickets::new(1);
        let ticket = tickets.take().expect("room");
        for _ in 0..2 {
            assert_eq!(tickets.take().err(), Some(ErrorCode::TooManyFiles));
        }
        drop(ticket);
        assert!(tickets.clone().take().is_ok());
    }
}
