//! Resources on the host's side: resource types as linkers and stores know
//! them, the table of values behind the host's own resources ([`table`]), and
//! the handles that the host holds ([`any`], [`held`]).

mod any;
mod held;
mod queue;
mod table;

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use linkspan_canon_abi::ResourceTypeId;
use linkspan_engine as core;

pub use any::ResourceAny;
pub(crate) use held::{AnyHandle, AnyTable, HOST_HANDLES_MAX};
pub(crate) use queue::DropQueue;
pub(crate) use table::HOST_VALUES_MAX;
pub use table::{Resource, ResourceTable};

use crate::error::{Error, Result};
use crate::func::host::host_store;
use crate::store::{AnyStore, ComponentState, StoreContextMut};

/// What runs when a guest drops a handle that owns a resource of the host.
#[derive(Clone)]
pub(crate) enum HostDtor {
    /// A closure gets the representation.
    Call(Arc<dyn HostDestructor>),
    /// The value is taken out of the store's table and dropped.
    Table,
}

/// Which destructor a resource type of the host has in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DtorIdentity {
    /// A closure, by the address of what is shared.
    Call(usize),
    /// See [`HostDtor::Table`].
    Table,
}

/// A closure on a store and a representation.
pub(crate) trait HostDestructor: Send + Sync {
    /// Puts the closure into a store, as a core function.
    fn bind(self: Arc<Self>, store: &mut AnyStore<'_>) -> Result<core::Func>;
}

/// A closure for stores with data of one type.
struct Destructor<T, F> {
    run: F,
    _data: PhantomData<fn(T)>,
}

impl<T, F> HostDestructor for Destructor<T, F>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync + 'static,
{
    fn bind(self: Arc<Self>, store: &mut AnyStore<'_>) -> Result<core::Func> {
        let run = move |mut caller: core::Caller<'_, T, ComponentState>, rep: i32| {
            let store = core::AsContextMut::as_context_mut(&mut caller);
            (self.run)(store, rep.cast_unsigned()).map_err(core::Error::from)
        };
        Ok(core::Func::wrap(host_store::<T>(store)?, run)?)
    }
}

impl HostDtor {
    /// A destructor that is a closure.
    pub(crate) fn call<T: 'static>(
        run: impl Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync + 'static,
    ) -> HostDtor {
        HostDtor::Call(Arc::new(Destructor {
            run,
            _data: PhantomData,
        }))
    }

    /// Equal for the same destructor, as long as it lives.
    pub(crate) fn identity(&self) -> DtorIdentity {
        match self {
            HostDtor::Call(dtor) => DtorIdentity::Call(Arc::as_ptr(dtor).cast::<()>().addr()),
            HostDtor::Table => DtorIdentity::Table,
        }
    }
}

/// The identity of a resource type: two are equal if values of one can be
/// passed where the other is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceType(ResourceKind);

/// See [`ResourceType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResourceKind {
    /// A resource of the host, named by a Rust type.
    Host(TypeId),
    /// A resource of the host, named by a number.
    Numbered(u32),
    /// A resource of the host that has no other name than the number that it
    /// was given.
    Unique(u64),
    /// A resource that a component instance defines: the store, and its
    /// number there.
    Guest { state: u64, id: u32 },
}

impl ResourceType {
    /// The resource of the host that a Rust type stands for: the type of its
    /// values, or any type that serves as a name.
    #[must_use]
    pub fn host<R: 'static>() -> ResourceType {
        ResourceType(ResourceKind::Host(TypeId::of::<R>()))
    }

    /// A resource of the host that is named by a number, for hosts that learn
    /// their resources at run time.
    #[must_use]
    pub fn numbered(number: u32) -> ResourceType {
        ResourceType(ResourceKind::Numbered(number))
    }

    /// A resource of the host that equals no other.
    #[must_use]
    pub fn unique() -> ResourceType {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        ResourceType(ResourceKind::Unique(NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn guest(state: u64, id: u32) -> ResourceType {
        ResourceType(ResourceKind::Guest { state, id })
    }

    pub(crate) fn kind(self) -> ResourceKind {
        self.0
    }

    /// Whether it stands for that Rust type.
    pub(crate) fn is_host(self, key: TypeId) -> bool {
        self.0 == ResourceKind::Host(key)
    }
}

/// A resource type in a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuntimeResource {
    /// Its identity.
    pub(crate) ty: ResourceType,
    /// The component instance that defines it.
    pub(crate) owner: Option<u32>,
    /// What runs when a handle that owns one is dropped.
    pub(crate) dtor: Dtor,
}

/// See [`RuntimeResource::dtor`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dtor {
    /// Nothing.
    None,
    /// A core function of the defining instance, or of the host.
    Func(core::Func),
    /// The value in the store's table is dropped.
    Table,
}
/// The representation of a resource of the host, or a handle, in a slot.
pub(crate) fn representation(rep: u64) -> u32 {
    (rep & 0xffff_ffff) as u32
}

#[cold]
pub(super) fn stale() -> Error {
    Error::resource("the handle is stale: its resource was dropped or moved away")
}

#[cold]
pub(super) fn wrong_type<R>() -> Error {
    Error::resource(format!(
        "the resource is not a {}",
        std::any::type_name::<R>()
    ))
}

#[cold]
pub(super) fn not_owned() -> Error {
    Error::resource("expected a handle that owns its resource, found a borrow")
}

impl ComponentState {
    /// The number of a resource type in this store.
    pub(crate) fn resource_of(&self, ty: ResourceType) -> Result<ResourceTypeId> {
        let known = match ty.kind() {
            ResourceKind::Guest { state, id } => (state == self.id).then_some(ResourceTypeId(id)),
            ResourceKind::Host(key) => self.host_resource_of(key),
            kind @ (ResourceKind::Numbered(_) | ResourceKind::Unique(_)) => {
                self.host_resource_id(kind)
            }
        };
        known.ok_or_else(|| {
            Error::resource("no component of this store is linked to that resource type")
        })
    }
}
