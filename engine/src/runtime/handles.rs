//! How the host holds on to objects: a stack of references that scopes cut
//! back, and a list of those that the host owns. Both are roots.
//!
//! A handle is a position and the epoch in which it was given out. Every
//! scope that ends and gave handles out starts a new epoch, so that a handle
//! that outlived its scope is found out and never leads to another object.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use super::store::{StoreCore, StoreId, wrong_store};
use crate::error::{Error, Result};

/// A reference in the hands of the host, valid until its scope ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    store: StoreId,
    index: u32,
    epoch: u64,
}

/// A reference that the host owns: it is a root until the last clone is
/// dropped.
#[derive(Clone, Debug)]
pub(crate) struct OwnedHandle {
    store: StoreId,
    /// Where the reference is in its store's list.
    index: Arc<AtomicU32>,
}

/// All handles of a store. Reading a table or global makes handles, and
/// needs the store for reading alone: hence the cell. No borrow of it leaves
/// a function of this file.
#[derive(Default)]
pub(crate) struct Handles(RefCell<Lists>);

#[derive(Default)]
struct Lists {
    scoped: Vec<Scoped>,
    epoch: u64,
    owned: Vec<Owned>,
    /// With so many owned references, those that nobody owns are looked for.
    trim_at: usize,
}

struct Scoped {
    reference: u32,
    epoch: u64,
}

struct Owned {
    reference: u32,
    index: Arc<AtomicU32>,
}

/// Fewest owned references between two searches for those that nobody owns.
const TRIM_MIN: usize = 32;

impl Handles {
    /// Gives a handle out.
    pub(crate) fn push(&self, store: StoreId, reference: u32) -> Handle {
        let mut lists = self.0.borrow_mut();
        let epoch = lists.epoch;
        // Each takes more than one byte of an address space of the host.
        let index = u32::try_from(lists.scoped.len()).unwrap_or(u32::MAX);
        lists.scoped.push(Scoped { reference, epoch });
        Handle {
            store,
            index,
            epoch,
        }
    }

    /// How many handles there are: what a scope starts with.
    #[inline]
    pub(crate) fn mark(&self) -> usize {
        // SAFETY: the store is not shared between threads, and no borrow of
        // the lists is alive outside the functions of this file.
        unsafe { (*self.0.as_ptr()).scoped.len() }
    }

    /// Ends the scope that started with `mark` handles.
    #[inline]
    pub(crate) fn release(&self, mark: usize) {
        if self.mark() > mark {
            self.release_some(mark);
        }
    }

    #[cold]
    fn release_some(&self, mark: usize) {
        let mut lists = self.0.borrow_mut();
        lists.scoped.truncate(mark);
        lists.epoch += 1;
    }

    /// Makes a reference the host's own.
    pub(crate) fn own(&self, store: StoreId, reference: u32) -> OwnedHandle {
        let mut lists = self.0.borrow_mut();
        if lists.owned.len() >= lists.trim_at {
            lists.trim();
        }
        let position = u32::try_from(lists.owned.len()).unwrap_or(u32::MAX);
        let index = Arc::new(AtomicU32::new(position));
        lists.owned.push(Owned {
            reference,
            index: Arc::clone(&index),
        });
        OwnedHandle { store, index }
    }

    /// All references, for the collector.
    pub(crate) fn visit(&mut self, each: &mut dyn FnMut(&mut u32)) {
        let lists = self.0.get_mut();
        lists.trim();
        for scoped in &mut lists.scoped {
            each(&mut scoped.reference);
        }
        for owned in &mut lists.owned {
            each(&mut owned.reference);
        }
    }
}

impl Lists {
    /// Forgets what nobody owns any more.
    fn trim(&mut self) {
        self.owned
            .retain(|owned| Arc::strong_count(&owned.index) > 1);
        for (index, owned) in (0..).zip(&self.owned) {
            owned.index.store(index, Ordering::Relaxed);
        }
        self.trim_at = TRIM_MIN.max(self.owned.len() * 2);
    }
}

impl Handle {
    /// The reference.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the scope has ended, or if
    /// this is another store.
    pub(crate) fn get(self, core: &StoreCore) -> Result<u32> {
        if self.store != core.id {
            return Err(wrong_store("reference"));
        }
        let lists = core.handles.0.borrow();
        match lists.scoped.get(self.index as usize) {
            Some(scoped) if scoped.epoch == self.epoch => Ok(scoped.reference),
            _ => Err(stale()),
        }
    }
}

impl OwnedHandle {
    /// The reference.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if this is another store.
    pub(crate) fn get(&self, core: &StoreCore) -> Result<u32> {
        if self.store != core.id {
            return Err(wrong_store("reference"));
        }
        let lists = core.handles.0.borrow();
        let index = self.index.load(Ordering::Relaxed) as usize;
        lists
            .owned
            .get(index)
            .map(|owned| owned.reference)
            .ok_or_else(stale)
    }
}

#[cold]
fn stale() -> Error {
    Error::usage(
        "the reference is used after its scope: keep it with to_owned, or use it inside the host \
         call or Store::scope in which it was made",
    )
}
