//! Globals: the handle, and typed reading and writing.

use core::fmt;
use core::ptr::NonNull;

use super::owned::Owned;
use super::store::{AsContext, AsContextMut, StoreId, wrong_store};
use super::value::Val;
use super::vmctx::{GlobalDef, Slot};
use crate::error::{Error, Result};
use crate::types::{GlobalType, ValType};

/// A global of a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Global {
    store: StoreId,
    data: NonNull<GlobalData>,
}

// SAFETY: the pointer is followed only after the id was compared with that
// of a store which the caller has borrowed; globals live as long as their
// store.
unsafe impl Send for Global {}
// SAFETY: as above.
unsafe impl Sync for Global {}

/// A global and its type.
#[repr(C)]
pub(crate) struct GlobalData {
    /// First, so that the address of the definition is the block's.
    pub(crate) def: GlobalDef,
    pub(crate) ty: GlobalType,
}

impl GlobalData {
    /// A global that holds `value`.
    pub(crate) fn new(ty: GlobalType, value: [Slot; 2]) -> GlobalData {
        GlobalData {
            def: GlobalDef { value },
            ty,
        }
    }
}

impl Global {
    /// A new global that holds `value`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if `value` has another type or
    /// belongs to another store.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Global> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        if let ValType::Ref(ty) = ty.content {
            core.keep_type(ty)?;
        }
        let mut slots = [0; 2];
        // SAFETY: no type takes more than two slots.
        unsafe { value.store(slots.as_mut_ptr(), ty.content, core)? };
        let block: Box<[GlobalData]> = Box::new([GlobalData::new(ty, slots)]);
        let block = Owned::new(block);
        let data = block.element(0);
        core.globals.push(block);
        Ok(Global {
            store: core.id,
            data,
        })
    }

    /// # Safety
    ///
    /// `def` must be the address of a global of store `store`.
    pub(crate) unsafe fn from_def(store: StoreId, def: NonNull<GlobalDef>) -> Global {
        Global {
            store,
            data: def.cast(),
        }
    }

    pub(crate) fn data_in(self, id: StoreId) -> Result<NonNull<GlobalData>> {
        if id == self.store {
            Ok(self.data)
        } else {
            Err(wrong_store("global"))
        }
    }

    /// The global's type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<GlobalType> {
        let data = self.data_in(store.as_context().core().id)?;
        // SAFETY: the global belongs to the store, which is borrowed.
        Ok(unsafe { data.as_ref() }.ty)
    }

    /// The global's value.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn get(&self, store: impl AsContext) -> Result<Val> {
        let store = store.as_context();
        let core = store.core();
        let data = self.data_in(core.id)?;
        // SAFETY: the global belongs to the store, which is borrowed; it
        // holds a value of its type.
        unsafe {
            let data = data.as_ref();
            Ok(Val::load(data.def.value.as_ptr(), data.ty.content, core))
        }
    }

    /// Replaces the global's value.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the global is immutable,
    /// if `value` has another type, or if one belongs to another store.
    pub fn set(&self, mut store: impl AsContextMut, value: Val) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let mut data = self.data_in(core.id)?;
        // SAFETY: the global belongs to the store, which is borrowed for us
        // alone; the block is not part of the core.
        let data = unsafe { data.as_mut() };
        if !data.ty.mutable {
            return Err(Error::usage(
                "expected a mutable global, found an immutable one",
            ));
        }
        let slots = data.def.value.as_mut_ptr();
        // SAFETY: a global has the slots of every type.
        unsafe { value.store(slots, data.ty.content, core) }
    }
}

impl fmt::Debug for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Global({:?})", self.store)
    }
}
