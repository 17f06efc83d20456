//! Untyped handles: to resources that are known only at run time.

use std::any;
use std::fmt;

use linkspan_canon_abi::value::Handle;
use linkspan_canon_abi::{ResourceTypeId, Val};

use super::{AnyHandle, Resource, ResourceKind, ResourceType, representation, wrong_type};
use crate::error::{Error, Result};
use crate::store::{AsContext, AsContextMut};

/// A handle to a resource that is known only at run time: one that a
/// component defines, or one of the host in a dynamic call.
///
/// It belongs to one store. A copy of a handle that was dropped or passed on
/// is stale, and its use an error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceAny {
    resource: ResourceTypeId,
    token: u64,
}

impl ResourceAny {
    /// A handle that owns a resource of the host, to be passed to a guest in
    /// a dynamic call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if no component of
    /// this store was linked to that resource type;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if the host holds too
    /// many handles.
    pub fn new_own(
        mut store: impl AsContextMut,
        ty: ResourceType,
        rep: u32,
    ) -> Result<ResourceAny> {
        let mut store = store.as_context_mut();
        let state = store.extra_mut();
        let resource = state.resource_of(ty)?;
        let token = state.any.insert(AnyHandle {
            resource,
            rep: u64::from(rep),
            own: true,
        })?;
        Ok(ResourceAny { resource, token })
    }

    /// The handle in a dynamic value.
    #[must_use]
    pub fn from_val(val: &Val) -> Option<ResourceAny> {
        match val {
            Val::Own(handle) | Val::Borrow(handle) => Some(ResourceAny::from_handle(*handle)),
            _ => None,
        }
    }

    /// The handle as a value of type `own`.
    #[must_use]
    pub fn into_own(self) -> Val {
        Val::Own(self.handle())
    }

    /// The handle as a value of type `borrow`.
    #[must_use]
    pub fn into_borrow(self) -> Val {
        Val::Borrow(self.handle())
    }

    pub(crate) fn from_handle(handle: Handle) -> ResourceAny {
        ResourceAny {
            resource: handle.resource,
            token: handle.rep,
        }
    }

    pub(crate) fn handle(self) -> Handle {
        Handle {
            resource: self.resource,
            rep: self.token,
        }
    }

    /// A handle made of a token that lifting answered.
    pub(crate) fn from_token(resource: ResourceTypeId, token: u64) -> ResourceAny {
        ResourceAny { resource, token }
    }

    /// The resource type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the handle is
    /// stale or another store's.
    pub fn ty(&self, store: impl AsContext) -> Result<ResourceType> {
        let store = store.as_context();
        let state = store.extra();
        Ok(state.resource(state.any.get(self.token)?.resource)?.ty)
    }

    /// The representation of a resource of the host.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::ty`], and for a resource that a guest defines: its
    /// representation is the guest's own.
    pub fn rep(&self, store: impl AsContext) -> Result<u32> {
        let store = store.as_context();
        let state = store.extra();
        let handle = state.any.get(self.token)?;
        match state.resource(handle.resource)?.ty.kind() {
            ResourceKind::Host(_) | ResourceKind::Numbered(_) | ResourceKind::Unique(_) => {
                Ok(representation(handle.rep))
            }
            ResourceKind::Guest { .. } => Err(Error::resource(
                "only the guest that defines a resource knows its representation",
            )),
        }
    }

    /// Whether the handle owns its resource.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::ty`].
    pub fn owned(&self, store: impl AsContext) -> Result<bool> {
        Ok(store.as_context().extra().any.get(self.token)?.own)
    }

    /// The handle as one of the host's Rust types; this one is stale
    /// afterwards.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::ty`], and if the resource is not `R`'s.
    pub fn into_resource<R: 'static>(self, mut store: impl AsContextMut) -> Result<Resource<R>> {
        let mut store = store.as_context_mut();
        let state = store.extra_mut();
        let handle = *state.any.get(self.token)?;
        if !state
            .resource(handle.resource)?
            .ty
            .is_host(any::TypeId::of::<R>())
        {
            return Err(wrong_type::<R>());
        }
        if !handle.own {
            return Ok(Resource::new_borrow(representation(handle.rep)));
        }
        state.any.take_own(self.token, handle.resource)?;
        Ok(Resource::new_own(representation(handle.rep)))
    }

    /// Drops the handle; if it owns its resource, the destructor runs.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::ty`], if the resource is lent to a running call, and
    /// what the destructor fails with.
    pub fn resource_drop(self, mut store: impl AsContextMut) -> Result<()> {
        let mut store = store.as_context_mut().opaque();
        crate::func::drop_handle(&mut store, self.token)
    }
}

impl fmt::Debug for ResourceAny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceAny({:#x})", self.token)
    }
}
