//! Handles as Rust values: those that own a guest's resource and are dropped
//! like any other value, those that are lent for a call, and their lifting and
//! lowering.
//!
//! A guest's resource is known by a token of the store's handles; a token
//! that was passed on or dropped is seen to be stale. Values of the host are in
//! `host`.

use std::any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use linkspan_canon_abi::hidden::Abi;
use linkspan_canon_abi::{
    self as abi, ComponentType, Guest, Handles, Lift, LiftContext, Lower, LowerContext, TypeTable,
    ValType,
};

use crate::error::{Error, Result};
use crate::resource::{DropQueue, Resource, ResourceAny};
use crate::store::AsContextMut;

/// A handle type: [`Resource`] for resources of the host, a generated type for
/// those of a guest.
pub trait Handle: Sized + 'static {
    /// The Rust type that names the resource.
    type Names: 'static;

    /// What lending the handle lowers.
    #[doc(hidden)]
    fn token(&self) -> abi::Result<u64>;
}

impl<T: 'static> Handle for Resource<T> {
    type Names = T;

    fn token(&self) -> abi::Result<u64> {
        Ok(u64::from(self.rep()))
    }
}

/// A handle that owns a resource of a guest: what a generated handle type
/// wraps.
///
/// Dropping it drops the resource, whose destructor runs at the next call into
/// a guest of the same store; [`GuestHandle::close`] runs it at once. If there
/// is no such call, it never runs: a store that is dropped runs no guest code.
/// What a destructor that runs so late fails with is only to be seen by
/// [`GuestResource::drop_pending`], and in
/// [`Metrics::failed_drops`](crate::Metrics::failed_drops).
pub struct GuestResource {
    /// Zero once the handle was passed on or closed.
    token: AtomicU64,
    dropped: Option<Arc<DropQueue>>,
}

impl GuestResource {
    /// The token, unless the handle was passed on.
    fn token(&self) -> abi::Result<u64> {
        match self.token.load(Ordering::Relaxed) {
            0 => Err(abi::Error::guest(gone())),
            token => Ok(token),
        }
    }

    /// Gives the token away: dropping this does nothing from now on.
    fn forget(&self) {
        self.token.store(0, Ordering::Relaxed);
    }

    /// Runs the destructors of all handles of a store that were dropped where
    /// no store was at hand, instead of leaving that to the next call. All of
    /// them run, even if some fail.
    ///
    /// # Errors
    ///
    /// What the first destructor that failed did so with.
    pub fn drop_pending(mut store: impl AsContextMut) -> Result<()> {
        crate::func::drop_queued(&mut store.as_context_mut().opaque())
    }

    #[doc(hidden)]
    pub fn lend_token(&self) -> abi::Result<u64> {
        self.token()
    }

    #[doc(hidden)]
    pub fn close(self, mut store: impl AsContextMut) -> Result<()> {
        let token = self.token().map_err(Error::from)?;
        self.forget();
        super::drop_token(&mut store.as_context_mut().opaque(), token)
    }
}

#[cold]
fn gone() -> Error {
    Error::resource("the handle was passed on: whoever got it owns the resource now")
}

impl Drop for GuestResource {
    fn drop(&mut self) {
        if let (token @ 1.., Some(dropped)) = (*self.token.get_mut(), &self.dropped) {
            dropped.push(token);
        }
    }
}

impl fmt::Debug for GuestResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.token.load(Ordering::Relaxed) {
            0 => f.write_str("passed on"),
            token => write!(f, "own({token:#x})"),
        }
    }
}

/// What every generated handle type of a guest's resource can do beside the
/// resource's own functions.
pub trait GuestHandle: Handle {
    /// The resource as WIT names it: `ns:pkg/iface@1.2.3#resource`.
    const PATH: &'static str;

    #[doc(hidden)]
    fn into_resource(self) -> GuestResource;
    #[doc(hidden)]
    fn resource(&self) -> &GuestResource;

    /// Drops the resource now: its destructor has run when this answers. It is
    /// no method, so that it is not taken for a function `close` of the
    /// resource: `GuestHandle::close(account, &mut app)`.
    ///
    /// # Errors
    ///
    /// What the destructor fails with, and
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the resource is
    /// lent to a running call.
    fn close(this: Self, store: impl AsContextMut) -> Result<()> {
        this.into_resource().close(store)
    }

    /// The handle without its type; it goes stale with this one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the handle is
    /// stale.
    fn any(&self, mut store: impl AsContextMut) -> Result<ResourceAny> {
        let token = self.resource().token()?;
        let store = store.as_context_mut();
        let resource = store.extra().any.get(token)?.resource;
        Ok(ResourceAny::from_token(resource, token))
    }
}

/// Implements the traits of a handle type for a guest's resource.
///
/// `guest_resource! { Account = "account" in "acme:app/bank@1.0.0" }` stands
/// beside `pub struct Account(GuestResource)`.
#[macro_export]
macro_rules! guest_resource {
    ($ty:ident = $name:literal in $interface:literal $(,)?) => {
        impl $crate::bound::Handle for $ty {
            type Names = Self;

            fn token(&self) -> $crate::bound::hidden::Result<u64> {
                self.0.lend_token()
            }
        }

        impl $crate::bound::GuestHandle for $ty {
            const PATH: &'static str = concat!($interface, "#", $name);

            fn into_resource(self) -> $crate::GuestResource {
                self.0
            }

            fn resource(&self) -> &$crate::GuestResource {
                &self.0
            }
        }

        impl $crate::bound::hidden::ComponentType for $ty {
            const ABI: $crate::bound::hidden::Abi = $crate::bound::hidden::Abi::HANDLE;

            fn describe(
                types: &mut $crate::bound::hidden::TypeTable,
            ) -> $crate::bound::hidden::Result<::core::option::Option<$crate::bound::hidden::ValType>>
            {
                let resource = types.host_resource::<Self>();
                types.own(resource).map(::core::option::Option::Some)
            }
        }

        impl $crate::bound::hidden::Lower for $ty {
            fn lower_flat<G: $crate::bound::hidden::Guest>(
                &self,
                cx: &mut $crate::bound::hidden::LowerContext<G>,
                slots: &mut [u64],
            ) -> $crate::bound::hidden::Result<()> {
                let handle = $crate::bound::hidden::guest_lower::<Self, G>(&self.0, cx)?;
                $crate::bound::hidden::Lower::lower_flat(&handle, cx, slots)
            }

            fn store<G: $crate::bound::hidden::Guest>(
                &self,
                cx: &mut $crate::bound::hidden::LowerContext<G>,
                at: usize,
            ) -> $crate::bound::hidden::Result<()> {
                let handle = $crate::bound::hidden::guest_lower::<Self, G>(&self.0, cx)?;
                $crate::bound::hidden::Lower::store(&handle, cx, at)
            }

            fn write(&self, _: &mut [u8]) {}
        }

        impl $crate::bound::hidden::Lift for $ty {
            type Lifted<'a> = Self;
            type Slice<'a> = ::std::vec::Vec<Self>;

            fn lift_flat<'a, H: $crate::bound::hidden::Handles>(
                cx: &mut $crate::bound::hidden::LiftContext<'a, H>,
                slots: &[u64],
            ) -> $crate::bound::hidden::Result<Self> {
                let handle = <u32 as $crate::bound::hidden::Lift>::lift_flat(cx, slots)?;
                $crate::bound::hidden::guest_lift::<Self, H>(cx, handle).map(Self)
            }

            fn load<'a, H: $crate::bound::hidden::Handles>(
                cx: &mut $crate::bound::hidden::LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> $crate::bound::hidden::Result<Self> {
                let handle = <u32 as $crate::bound::hidden::Lift>::load(cx, bytes)?;
                $crate::bound::hidden::guest_lift::<Self, H>(cx, handle).map(Self)
            }

            fn load_slice<'a, H: $crate::bound::hidden::Handles>(
                cx: &mut $crate::bound::hidden::LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> $crate::bound::hidden::Result<::std::vec::Vec<Self>> {
                <Self as $crate::bound::hidden::Lift>::load_list(cx, bytes)
            }
        }
    };
}

/// Lowers a handle that owns a guest's resource: the guest's index of it.
#[doc(hidden)]
pub fn guest_lower<T: Handle, G: Guest>(
    resource: &GuestResource,
    cx: &mut LowerContext<G>,
) -> abi::Result<u32> {
    let token = resource.token()?;
    let index = lower_own(cx, any::TypeId::of::<T::Names>(), token)?;
    resource.forget();
    Ok(index)
}

/// Lifts a handle that owns a guest's resource.
#[doc(hidden)]
pub fn guest_lift<T: Handle, H: Handles>(
    cx: &mut LiftContext<'_, H>,
    index: u32,
) -> abi::Result<GuestResource> {
    let handles = cx.handles();
    let resource = handles.resource_type(any::TypeId::of::<T::Names>())?;
    let token = handles.lift_own(resource, index)?;
    let dropped = handles.attachment();
    Ok(GuestResource {
        token: AtomicU64::new(token),
        dropped: dropped.and_then(|queue| queue.downcast().ok()),
    })
}

fn lower_own<G: Guest>(cx: &mut LowerContext<G>, key: any::TypeId, token: u64) -> abi::Result<u32> {
    let handles = cx.handles();
    let resource = handles.resource_type(key)?;
    handles.lower_own(resource, token)
}

fn lower_borrow<T: Handle, G: Guest>(cx: &mut LowerContext<G>, token: u64) -> abi::Result<u32> {
    let handles = cx.handles();
    let resource = handles.resource_type(any::TypeId::of::<T::Names>())?;
    handles.lower_borrow(resource, token)
}

/// The types of handles: a number in the guest.
macro_rules! handle_lower {
    ([$($lifetime:lifetime)?] $ty:ty, $T:ident: $bound:ident, $own:ident, |$this:ident, $cx:ident| $index:expr) => {
        impl<$($lifetime,)? $T: $bound> ComponentType for $ty {
            const ABI: Abi = Abi::HANDLE;

            fn describe(types: &mut TypeTable) -> abi::Result<Option<ValType>> {
                let resource = types.host_resource::<<Self as Named>::Names>();
                types.$own(resource).map(Some)
            }
        }

        impl<$($lifetime,)? $T: $bound> Lower for $ty {
            fn lower_flat<G: Guest>(
                &self,
                $cx: &mut LowerContext<G>,
                slots: &mut [u64],
            ) -> abi::Result<()> {
                let $this = self;
                let index: u32 = $index;
                index.lower_flat($cx, slots)
            }

            fn store<G: Guest>(&self, $cx: &mut LowerContext<G>, at: usize) -> abi::Result<()> {
                let $this = self;
                let index: u32 = $index;
                index.store($cx, at)
            }

            fn write(&self, _: &mut [u8]) {}
        }
    };
}

/// The type that names the resource of a handle.
trait Named {
    type Names: 'static;
}

/// Any type that can name a resource.
trait Name: 'static {}

impl<T: 'static> Name for T {}

impl<T: 'static> Named for Resource<T> {
    type Names = T;
}

impl<T: Handle> Named for Lend<'_, T> {
    type Names = T::Names;
}

impl<T: Handle> Named for Borrow<T> {
    type Names = T::Names;
}

handle_lower!([] Resource<T>, T: Name, own, |this, cx| {
    if !this.owned() {
        return Err(abi::Error::guest(Error::resource(
            "expected a handle that owns its resource, found a borrow",
        )));
    }
    lower_own(cx, any::TypeId::of::<T>(), u64::from(this.rep()))?
});

/// A handle that is lent to a guest for the time of a call: the parameter of a
/// function that takes a `borrow`.
#[derive(Debug)]
pub struct Lend<'a, T>(pub &'a T);

handle_lower!(['a] Lend<'a, T>, T: Handle, borrow, |this, cx| {
    lower_borrow::<T, G>(cx, this.0.token()?)?
});

/// Handles that are lent to a guest for the time of a call: the parameter of a
/// function that takes a list of `borrow`s.
#[derive(Debug)]
pub struct LendAll<'a, T>(pub &'a [&'a T]);

impl<T: Handle> ComponentType for LendAll<'_, T> {
    const ABI: Abi = Abi::POINTER_PAIR;

    fn describe(types: &mut TypeTable) -> abi::Result<Option<ValType>> {
        <[Lend<'_, T>]>::describe(types)
    }
}

impl<T: Handle> LendAll<'_, T> {
    /// Stores the list: where it stands.
    fn lower_list<G: Guest>(&self, cx: &mut LowerContext<G>) -> abi::Result<u64> {
        let layout = Abi::HANDLE.layout(cx.pointer());
        let at = cx.allocate_list(self.0.len(), layout.size, layout.align)?;
        for (i, handle) in self.0.iter().enumerate() {
            Lend(*handle).store(cx, at + i * layout.size as usize)?;
        }
        Ok(at as u64)
    }
}

impl<T: Handle> Lower for LendAll<'_, T> {
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> abi::Result<()> {
        slots[0] = self.lower_list(cx)?;
        slots[1] = self.0.len() as u64;
        Ok(())
    }

    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> abi::Result<()> {
        let pointer = self.lower_list(cx)?;
        cx.store_pair(at, pointer, self.0.len() as u64)
    }

    fn write(&self, _: &mut [u8]) {}
}

/// A `borrow` inside of a record, variant or list: a handle that is good for
/// the time of one call, whoever made it.
pub struct Borrow<T> {
    token: u64,
    _handle: PhantomData<fn() -> T>,
}

impl<T: Handle> Borrow<T> {
    /// Lends a handle. Passing the borrow to a guest after the handle is gone is
    /// an error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the handle was
    /// passed on.
    pub fn of(handle: &T) -> Result<Self> {
        Ok(Self {
            token: handle.token()?,
            _handle: PhantomData,
        })
    }
}

impl<T: 'static> Borrow<Resource<T>> {
    /// The borrow as the handle that stands for it in the host's functions.
    #[must_use]
    pub fn resource(&self) -> Resource<T> {
        // The tokens of the host's own resources are their representations.
        Resource::new_borrow(crate::resource::representation(self.token))
    }
}

impl<T> fmt::Debug for Borrow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "borrow({:#x})", self.token)
    }
}

handle_lower!([] Borrow<T>, T: Handle, borrow, |this, cx| {
    lower_borrow::<T, G>(cx, this.token)?
});

/// `Lift` of a handle type, from the index that the guest gives.
macro_rules! handle_lift {
    ($ty:ty, $T:ident: $bound:ident, |$cx:ident, $index:ident| $handle:expr) => {
        impl<$T: $bound> Lift for $ty {
            type Lifted<'a> = Self;
            type Slice<'a> = Vec<Self>;

            fn lift_flat<'a, H: Handles>(
                $cx: &mut LiftContext<'a, H>,
                slots: &[u64],
            ) -> abi::Result<Self> {
                let $index = u32::lift_flat($cx, slots)?;
                $handle
            }

            fn load<'a, H: Handles>(
                $cx: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> abi::Result<Self> {
                let $index = u32::load($cx, bytes)?;
                $handle
            }

            fn load_slice<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> abi::Result<Vec<Self>> {
                Self::load_list(cx, bytes)
            }
        }
    };
}

handle_lift!(Resource<T>, T: Name, |cx, index| {
    let handles = cx.handles();
    let resource = handles.resource_type(any::TypeId::of::<T>())?;
    let rep = handles.lift_own(resource, index)?;
    Ok(Resource::new_own(crate::resource::representation(rep)))
});

handle_lift!(Borrow<T>, T: Handle, |cx, index| {
    let handles = cx.handles();
    let resource = handles.resource_type(any::TypeId::of::<T::Names>())?;
    let token = handles.lift_borrow(resource, index)?;
    Ok(Borrow { token, _handle: PhantomData })
});
