//! A second life for an instance, in place: its memories, tables and globals
//! become what they were when it was made. No block moves and none is freed,
//! so every handle and reference into the instance stays valid and reaches
//! the new state.

use super::heap;
use super::instance::{Instance, initialise};
use super::store::{AsContextMut, StoreCore};
use crate::error::{Error, ErrorKind, Result};

impl Instance {
    /// Takes the memories and tables that the instance defines back to their
    /// first size, all zero and null, and makes its segments usable again.
    /// Globals, and table elements that cannot be null, keep their values
    /// until [`restart`](Instance::restart). What the instance imports belongs
    /// to others and stays.
    ///
    /// Instances that share memories and tables are all cleared before the
    /// first is restarted, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// Those of [`check_clear`](Instance::check_clear): then nothing has
    /// changed. [`ErrorKind::Limit`](crate::ErrorKind) if there is no memory
    /// for a smaller table.
    pub fn clear(&self, mut store: impl AsContextMut) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        self.check_clear_in(core)?;
        let data = self.data_in(core.id)?;
        // SAFETY: the instance belongs to the store, which is borrowed for us
        // alone; its module is a handle of its own.
        let module = unsafe { &(*data.as_ptr()).module }.clone();
        let inner = module.inner();
        let memories = inner.imported_memories as usize..inner.memories.len();
        // SAFETY: as above: nobody else borrows the instance, and the blocks
        // of its memories and tables are no part of it or of the core.
        let instance = unsafe { &mut *data.as_ptr() };
        for index in memories {
            // SAFETY: see above.
            unsafe { instance.memory(index).as_mut() }.reset(core);
        }
        for index in inner.imported_tables as usize..inner.tables.len() {
            // SAFETY: see above.
            if !unsafe { instance.table(index).as_mut() }.reset(core) {
                return Err(Error::limit("there is no memory for a smaller table"));
            }
        }
        instance.dropped_elems.fill(false);
        instance.dropped_datas.fill(false);
        instance.vmctx.cells = [0; 4];
        Ok(())
    }

    /// Whether [`clear`](Instance::clear) would refuse: for who resets several
    /// instances or none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if guest code of the store is
    /// running or parked, or if the instance belongs to another store;
    /// [`ErrorKind::Unsupported`](crate::ErrorKind) if the instance defines a
    /// shared memory, which other threads may be using.
    pub fn check_clear(&self, mut store: impl AsContextMut) -> Result<()> {
        self.check_clear_in(store.as_context_mut().core_mut())
    }

    fn check_clear_in(&self, core: &StoreCore) -> Result<()> {
        let data = self.data_in(core.id)?;
        check_idle(core)?;
        // SAFETY: the instance belongs to the store, which is borrowed; no
        // guest code runs.
        let inner = unsafe { &(*data.as_ptr()).module }.inner();
        let own = &inner.memories[inner.imported_memories as usize..];
        if own.iter().any(|ty| ty.shared) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "an instance that defines a shared memory cannot be reset: other threads may be \
                 using it",
            ));
        }
        Ok(())
    }

    /// Gives the globals of the instance their first values, applies its
    /// segments and runs its start function, as when it was made.
    ///
    /// # Errors
    ///
    /// Those of [`Instance::new`] for what the module says, and
    /// [`ErrorKind::Usage`](crate::ErrorKind) if guest code of the store is
    /// running or parked, or the instance belongs to another store.
    pub fn restart(&self, mut store: impl AsContextMut) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let data = self.data_in(core.id)?;
        check_idle(core)?;
        // SAFETY: the instance belongs to the store, which is borrowed for us
        // alone.
        let has_objects = unsafe { &(*data.as_ptr()).module }
            .inner()
            .has_constant_objects();
        let ctx = store.ctx();
        // SAFETY: the store is borrowed for us alone, and no guest code runs.
        unsafe {
            if has_objects {
                heap::prepare_constants(ctx);
            }
            initialise(ctx, data)
        }
    }
}

/// Refuses while frames of guests may hold what is about to change.
fn check_idle(core: &StoreCore) -> Result<()> {
    if core.depth != 0 {
        return Err(Error::usage(
            "an instance cannot be reset while guest code of its store is running",
        ));
    }
    if core.activations.all_parked().next().is_some() {
        return Err(Error::usage(
            "an instance cannot be reset while a call of its store is parked: resume or abandon \
             it first",
        ));
    }
    Ok(())
}
