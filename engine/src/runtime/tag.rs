//! Tags: the handle, and what a store knows of each. A tag tells exceptions
//! apart by its identity; its type says what they carry.

use core::fmt;
use core::ptr::NonNull;

use super::owned::Owned;
use super::store::{AsContext, AsContextMut, StoreCore, StoreId, wrong_store};
use super::vmctx::TagDef;
use crate::entity::TagIndex;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::types::{FuncType, FuncTypeRef, TagType};

/// A tag of a store: one that a guest defines, or one of the host. Two tags
/// are equal if they are the same definition, whatever their types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    store: StoreId,
    data: NonNull<TagData>,
}

// SAFETY: the pointer is followed only after the id was compared with that
// of a store which the caller has borrowed; tags live as long as their
// store.
unsafe impl Send for Tag {}
// SAFETY: as above.
unsafe impl Sync for Tag {}

/// A tag, its type, and where it comes from.
#[repr(C)]
pub(crate) struct TagData {
    /// First, so that the address of the definition is the block's.
    pub(crate) def: TagDef,
    pub(crate) ty: FuncTypeRef,
    /// The module that defines it; none for a tag of the host.
    origin: Option<(Module, TagIndex)>,
}

impl TagData {
    fn new(number: usize, ty: &FuncTypeRef, origin: Option<(Module, TagIndex)>) -> TagData {
        TagData {
            def: TagDef {
                // So many tags would take hundreds of gigabytes.
                number: u32::try_from(number).unwrap_or(u32::MAX),
                type_id: ty.id(),
                payload_slots: ty.param_slots(),
            },
            ty: ty.clone(),
            origin,
        }
    }

    /// Makes the tags that a module defines, in order.
    pub(crate) fn define(
        core: &mut StoreCore,
        module: &Module,
    ) -> impl Iterator<Item = *mut TagDef> {
        let inner = module.inner();
        let (first, imported) = (core.tags.len(), inner.imported_tags);
        let defined = (imported..).zip(&inner.tags[imported as usize..]);
        let block: Box<[TagData]> = defined
            .enumerate()
            .map(|(position, (index, ty))| {
                let origin = Some((module.clone(), TagIndex(index)));
                TagData::new(first + position, inner.type_at(*ty), origin)
            })
            .collect();
        add(core, block);
        core.tags[first..].iter().map(|tag| tag.as_ptr().cast())
    }

    /// The type, for people and for comparison.
    pub(crate) fn tag_type(&self) -> TagType {
        TagType {
            func: self.ty.ty().clone(),
        }
    }

    /// The name under which the defining module exports the tag.
    pub(crate) fn name(&self) -> Option<&str> {
        let (module, index) = self.origin.as_ref()?;
        module.inner().tag_name(*index)
    }
}

/// Gives a block of tags to the store.
fn add(core: &mut StoreCore, block: Box<[TagData]>) {
    if block.is_empty() {
        return;
    }
    let count = block.len();
    let block = Owned::new(block);
    core.tags.extend((0..count).map(|i| block.element(i)));
    core.tag_blocks.push(block);
}

impl Tag {
    /// A new tag, for exceptions that carry the parameters of `ty`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if `ty` has results;
    /// [`ErrorKind::Limit`](crate::ErrorKind) if it is too long.
    pub fn new(mut store: impl AsContextMut, ty: &FuncType) -> Result<Tag> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        if !ty.results().is_empty() {
            return Err(Error::usage(format!(
                "expected a type without results for a tag, found {ty}"
            )));
        }
        let ty = core.engine.register(ty)?;
        let number = core.tags.len();
        add(core, Box::new([TagData::new(number, &ty, None)]));
        Ok(Tag {
            store: core.id,
            data: core.tags[number],
        })
    }

    /// # Safety
    ///
    /// `data` must be a tag of store `store`, with a pointer to the whole
    /// block that it starts.
    pub(crate) unsafe fn from_data(store: StoreId, data: NonNull<TagData>) -> Tag {
        Tag { store, data }
    }

    pub(crate) fn data_in(self, id: StoreId) -> Result<NonNull<TagData>> {
        if id == self.store {
            Ok(self.data)
        } else {
            Err(wrong_store("tag"))
        }
    }

    /// The tag's type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<TagType> {
        let data = self.data_in(store.as_context().core().id)?;
        // SAFETY: the tag belongs to the store, which is borrowed.
        Ok(unsafe { data.as_ref() }.tag_type())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({:?})", self.store)
    }
}
