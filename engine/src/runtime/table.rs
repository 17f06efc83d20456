//! Tables: the handle, and growth under the store's limits. An element is
//! one slot, in the form that guest code reads.

use core::fmt;
use core::ptr::{self, NonNull};
use core::slice;
use std::alloc::{Layout, alloc_zeroed};

use super::owned::Owned;
use super::store::{AsContext, AsContextMut, StoreCore, StoreId, wrong_store};
use super::value::Val;
use super::vmctx::{Slot, TableDef};
use crate::error::{Error, Result};
use crate::trap::Trap;
use crate::types::{TableType, ValType};

/// A table of a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Table {
    store: StoreId,
    data: NonNull<TableData>,
}

// SAFETY: the pointer is followed only after the id was compared with that
// of a store which the caller has borrowed; tables live as long as their
// store.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

/// A table and its elements.
#[repr(C)]
pub(crate) struct TableData {
    /// First, so that the address of the definition is the block's.
    pub(crate) def: TableDef,
    /// Reached through `def` alone between two growths.
    elements: Owned<[Slot]>,
    ty: TableType,
}

impl TableData {
    /// Makes a table in a store, filled with `init`.
    pub(crate) fn create(
        core: &mut StoreCore,
        ty: TableType,
        init: Slot,
    ) -> Result<NonNull<TableData>> {
        if core.tables.len() >= core.limits.tables_max {
            return Err(Error::limit(format!(
                "the store may have {} tables, and has them",
                core.limits.tables_max
            )));
        }
        if ty.max.is_some_and(|max| max < ty.min) {
            return Err(Error::limit(format!(
                "expected a maximum of at least {} elements, found {}",
                ty.min,
                ty.max.unwrap_or_default()
            )));
        }
        if ty.min > ty.address.max() {
            return Err(Error::limit(format!(
                "expected a table of at most {} elements, found {}",
                ty.address.max(),
                ty.min
            )));
        }
        let limit = core.limits.table_elements_max;
        let total = core.usage.table_elements.saturating_add(ty.min);
        if ty.min > limit || total > core.limits.table_total_elements_max {
            return Err(Error::limit(format!(
                "a table of {} elements exceeds the store's limits: {limit} for one table, {} for \
                 all",
                ty.min, core.limits.table_total_elements_max
            )));
        }
        let elements = extended(&[], ty.min, init).ok_or_else(|| {
            Error::limit(format!("there is no memory for {} table elements", ty.min))
        })?;
        core.usage.table_elements = total;
        let elements = Owned::new(elements);
        let data = Owned::new(Box::new(TableData {
            def: TableDef {
                base: elements.pointer().as_ptr().cast(),
                size: ty.min,
            },
            elements,
            ty,
        }));
        let pointer = data.pointer();
        core.tables.push(data);
        Ok(pointer)
    }

    /// Grows by `delta` elements and answers the old number; `None` if a
    /// limit or the system refuses.
    pub(crate) fn grow(&mut self, core: &mut StoreCore, init: Slot, delta: u64) -> Option<u64> {
        let old = self.def.size;
        let size = old.checked_add(delta)?;
        if size > self.elements_max() {
            return None;
        }
        if delta == 0 {
            return Some(old);
        }
        let total = core.usage.table_elements.checked_add(delta)?;
        if size > core.limits.table_elements_max || total > core.limits.table_total_elements_max {
            return None;
        }
        let elements = Owned::new(extended(self.elements(), size, init)?);
        core.usage.table_elements = total;
        self.def.base = elements.pointer().as_ptr().cast();
        self.def.size = size;
        self.elements = elements;
        Some(old)
    }

    /// Takes the table back to its first size, all null. Elements that cannot
    /// be null stay until they are initialised again. False, and nothing has
    /// changed, if there is no memory for it.
    pub(super) fn reset(&mut self, core: &mut StoreCore) -> bool {
        if self.def.size != self.ty.min {
            let first = usize::try_from(self.ty.min).unwrap_or(0);
            let kept = self.elements().get(..first).unwrap_or_default();
            let Some(elements) = extended(kept, self.ty.min, 0) else {
                return false;
            };
            let elements = Owned::new(elements);
            let freed = self.def.size.saturating_sub(self.ty.min);
            core.usage.table_elements = core.usage.table_elements.saturating_sub(freed);
            self.def.base = elements.pointer().as_ptr().cast();
            self.def.size = self.ty.min;
            self.elements = elements;
        }
        if self.ty.element.nullable {
            self.elements_mut().fill(0);
        }
        true
    }

    /// Elements that the table may grow to, by its type alone.
    fn elements_max(&self) -> u64 {
        let addressable = self.ty.address.max();
        self.ty.max.unwrap_or(addressable).min(addressable)
    }

    /// All elements.
    pub(crate) fn elements(&self) -> &[Slot] {
        // SAFETY: base and size describe the block that the table owns.
        unsafe { slice::from_raw_parts(self.def.base, self.elements.pointer().len()) }
    }

    /// All elements, for writing.
    pub(crate) fn elements_mut(&mut self) -> &mut [Slot] {
        // SAFETY: as above, and the table is borrowed for us alone.
        unsafe { slice::from_raw_parts_mut(self.def.base, self.elements.pointer().len()) }
    }

    /// What an element is.
    pub(crate) fn element_type(&self) -> ValType {
        self.ty.element.into()
    }

    /// The type with the current size: what an import is compared with.
    pub(crate) fn current_type(&self) -> TableType {
        TableType {
            min: self.def.size,
            ..self.ty
        }
    }
}

/// A longer copy; `None` if there is no memory for it. Null elements come
/// from the allocator as they are, so that a large table costs no time.
fn extended(old: &[Slot], size: u64, init: Slot) -> Option<Box<[Slot]>> {
    let size = usize::try_from(size).ok()?;
    let layout = Layout::array::<Slot>(size).ok()?;
    if layout.size() == 0 {
        return Some(Box::default());
    }
    // SAFETY: the layout is not empty.
    let block = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    let elements = ptr::slice_from_raw_parts_mut(block.as_ptr().cast::<Slot>(), size);
    // SAFETY: the block was allocated with the layout of such a box, and
    // zeros are slots.
    let mut elements = unsafe { Box::from_raw(elements) };
    let (kept, added) = elements.split_at_mut_checked(old.len())?;
    kept.copy_from_slice(old);
    if init != 0 {
        added.fill(init);
    }
    Some(elements)
}

impl Table {
    /// A new table, filled with `init`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if `init` is not what the
    /// elements are; [`ErrorKind::Limit`](crate::ErrorKind) if a limit of
    /// the store or the system refuses.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Val) -> Result<Table> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        core.keep_type(ty.element)?;
        let init = init.to_slot(ty.element.into(), core)?;
        let data = TableData::create(core, ty, init)?;
        Ok(Table {
            store: core.id,
            data,
        })
    }

    /// # Safety
    ///
    /// `def` must be the address of a table of store `store`.
    pub(crate) unsafe fn from_def(store: StoreId, def: NonNull<TableDef>) -> Table {
        Table {
            store,
            data: def.cast(),
        }
    }

    pub(crate) fn data_in(self, id: StoreId) -> Result<NonNull<TableData>> {
        if id == self.store {
            Ok(self.data)
        } else {
            Err(wrong_store("table"))
        }
    }

    /// The table's type, with its current size.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<TableType> {
        let data = self.data_in(store.as_context().core().id)?;
        // SAFETY: the table belongs to the store, which is borrowed.
        Ok(unsafe { data.as_ref() }.current_type())
    }

    /// The current number of elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn size(&self, store: impl AsContext) -> Result<u64> {
        Ok(self.ty(store)?.min)
    }

    /// An element.
    ///
    /// # Errors
    ///
    /// [`Trap::TableOutOfBounds`] if there is no such element;
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the table belongs to
    /// another store.
    pub fn get(&self, store: impl AsContext, index: u64) -> Result<Val> {
        let store = store.as_context();
        let core = store.core();
        let data = self.data_in(core.id)?;
        // SAFETY: the table belongs to the store, which is borrowed.
        let data = unsafe { data.as_ref() };
        let position = usize::try_from(index).ok();
        let slot = position.and_then(|position| data.elements().get(position));
        let slot = *slot.ok_or(Trap::TableOutOfBounds)?;
        // SAFETY: elements hold references of the table's type and store.
        Ok(unsafe { Val::from_slot(slot, data.element_type(), core) })
    }

    /// Replaces an element.
    ///
    /// # Errors
    ///
    /// As for [`get`](Table::get), and [`ErrorKind::Usage`](crate::ErrorKind)
    /// if `value` is not what the elements are.
    pub fn set(&self, mut store: impl AsContextMut, index: u64, value: Val) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let mut data = self.data_in(core.id)?;
        // SAFETY: the table belongs to the store, which is borrowed for us
        // alone; the block is not part of the core.
        let data = unsafe { data.as_mut() };
        let value = value.to_slot(data.element_type(), core)?;
        let position = usize::try_from(index).ok();
        let slot = position.and_then(|position| data.elements_mut().get_mut(position));
        *slot.ok_or(Trap::TableOutOfBounds)? = value;
        Ok(())
    }

    /// Grows by `delta` elements, each `init`, and answers the old number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if the table's maximum, a
    /// limit of the store or the system refuses;
    /// [`ErrorKind::Usage`](crate::ErrorKind) if `init` is not what the
    /// elements are, or the table belongs to another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Val) -> Result<u64> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let mut data = self.data_in(core.id)?;
        // SAFETY: as in `set`.
        let data = unsafe { data.as_mut() };
        let init = init.to_slot(data.element_type(), core)?;
        data.grow(core, init, delta).ok_or_else(|| {
            Error::limit(format!(
                "the table cannot grow by {delta} elements: it has {} of {}",
                data.def.size,
                data.elements_max()
            ))
        })
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?})", self.store)
    }
}
