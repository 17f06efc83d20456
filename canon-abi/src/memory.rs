//! How a guest arrives: one trait for its memory, its `realloc` and its
//! handles, and the options of a lifted or lowered function (the chapters
//! "Canonical ABI Options" and "Lifting and Lowering Context").
//!
//! This file knows no engine. Everything works alike through generics and
//! through `dyn`.

use std::any;
use std::sync::Arc;

use crate::layout::PointerSize;
use crate::trap::{Error, Result};
use crate::types::ResourceTypeId;

/// The string encoding of one side of a call (`string_encoding`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `utf8`
    #[default]
    Utf8,
    /// `utf16`, little-endian
    Utf16,
    /// `latin1+utf16`: a bit in the length says which of the two.
    Latin1Utf16,
}

/// The canonical options that change how values look (`LiftLowerOptions`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How strings are encoded.
    pub encoding: Encoding,
    /// The address type of the memory.
    pub pointer: PointerSize,
}

/// The handle operations that lifting and lowering need, for one call.
///
/// A `rep` is an opaque token: what the embedder stores behind a handle. A
/// resource type is whatever slot the types of the call name.
pub trait Handles {
    /// Takes the owned handle out of the table (`lift_own`).
    ///
    /// # Errors
    /// Traps when the index is unknown, of another type, lent, or a borrow.
    fn lift_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64>;

    /// Lends the handle to the call (`lift_borrow`).
    ///
    /// # Errors
    /// Traps when the index is unknown or of another type.
    fn lift_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64>;

    /// Puts an owned handle into the table (`lower_own`).
    ///
    /// # Errors
    /// Traps when the table is full.
    fn lower_own(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32>;

    /// Puts a borrow of this call into the table, or answers the rep itself
    /// when the guest implements the resource (`lower_borrow`).
    ///
    /// # Errors
    /// Traps when the table is full.
    fn lower_borrow(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32>;

    /// The resource type for which a Rust type stands in this call: typed code
    /// names resources by [`any::TypeId`], as in
    /// [`TypeTable::host_resource`](crate::TypeTable::host_resource).
    ///
    /// # Errors
    /// When the call's types name no such resource.
    fn resource_type(&self, key: any::TypeId) -> Result<ResourceTypeId>;

    /// Called about once for each mebibyte that a call lifts: an error stops
    /// it.
    ///
    /// # Errors
    /// Whatever the embedder wants the call to fail with.
    fn checkpoint(&mut self) -> Result<()> {
        Ok(())
    }

    /// What the embedder attaches to handles that live in Rust values, so that
    /// it learns when one is dropped.
    fn attachment(&self) -> Option<Arc<dyn any::Any + Send + Sync>> {
        None
    }
}

/// One guest in one call: its memory, `realloc` and handles.
pub trait Guest {
    /// The handle operations, apart from the memory so that a borrowed string
    /// and a handle can be lifted in one call.
    type Handles: Handles + ?Sized;

    /// The linear memory; empty when the function has none.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// The linear memory to read from, and the handles beside it.
    fn parts(&mut self) -> (&[u8], &mut Self::Handles);

    /// Calls the guest's `realloc` (`LiftLowerContext.reallocate`). The memory
    /// may grow or move: earlier slices of it have ended. The caller checks
    /// what is returned.
    ///
    /// # Errors
    /// [`ErrorKind::Guest`](crate::ErrorKind::Guest) when the guest traps or
    /// the function has no `realloc`.
    fn realloc(
        &mut self,
        old_pointer: u64,
        old_bytes: u64,
        alignment: u32,
        new_bytes: u64,
    ) -> Result<u64>;
}

impl<T: Handles + ?Sized> Handles for &mut T {
    fn lift_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        (**self).lift_own(resource, index)
    }

    fn lift_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        (**self).lift_borrow(resource, index)
    }

    fn lower_own(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32> {
        (**self).lower_own(resource, rep)
    }

    fn lower_borrow(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32> {
        (**self).lower_borrow(resource, rep)
    }

    fn resource_type(&self, key: any::TypeId) -> Result<ResourceTypeId> {
        (**self).resource_type(key)
    }

    fn checkpoint(&mut self) -> Result<()> {
        (**self).checkpoint()
    }

    fn attachment(&self) -> Option<Arc<dyn any::Any + Send + Sync>> {
        (**self).attachment()
    }
}

impl<T: Guest + ?Sized> Guest for &mut T {
    type Handles = T::Handles;

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        (**self).bytes_mut()
    }

    #[inline]
    fn parts(&mut self) -> (&[u8], &mut Self::Handles) {
        (**self).parts()
    }

    #[inline]
    fn realloc(
        &mut self,
        old_pointer: u64,
        old_bytes: u64,
        alignment: u32,
        new_bytes: u64,
    ) -> Result<u64> {
        (**self).realloc(old_pointer, old_bytes, alignment, new_bytes)
    }
}

/// Handles for calls whose types name no resource: every operation fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHandles;

impl NoHandles {
    #[cold]
    fn refuse<T>() -> Result<T> {
        Err(Error::guest("this call was made without a handle table"))
    }
}

impl Handles for NoHandles {
    fn lift_own(&mut self, _: ResourceTypeId, _: u32) -> Result<u64> {
        Self::refuse()
    }

    fn lift_borrow(&mut self, _: ResourceTypeId, _: u32) -> Result<u64> {
        Self::refuse()
    }

    fn lower_own(&mut self, _: ResourceTypeId, _: u64) -> Result<u32> {
        Self::refuse()
    }

    fn lower_borrow(&mut self, _: ResourceTypeId, _: u64) -> Result<u32> {
        Self::refuse()
    }

    fn resource_type(&self, _: any::TypeId) -> Result<ResourceTypeId> {
        Self::refuse()
    }
}
