//! What generated bindings are made of: the trait [`Bindings`] with which a
//! host loads, links and instantiates, and the types that stand in generated
//! signatures.
//!
//! Everything here is public because generated code, in a macro or in a file,
//! uses nothing else; what a macro writes, a person can write. Names and types
//! are compared once, when a [`Pre`] is made. A call knows its function by
//! position and looks nothing up.
//!
//! - `export`: the table of exports, and its comparison with a component
//! - `pre`: prepared components, guests with their stores
//! - `handle`: handles of both sides as Rust values
//! - `host`: parameters and results of host functions
//! - `host_error`: what host functions fail with; values for functions with the
//!   store
//! - `macros`: the parts that are the same for all worlds, or tables
//! - `wide`: more parameters than a tuple has

mod export;
mod handle;
mod host;
mod host_error;
mod macros;
mod pre;
mod wide;

use std::path::Path;

use linkspan_engine as core;

pub(crate) use export::{Describe, describe, differences};
pub use export::{Export, Interface, NamedResource, func, interface, resource};
pub use handle::{Borrow, GuestHandle, GuestResource, Handle, Lend, LendAll};
pub use host::{HostParam, HostParams, HostResource, HostTag, Mut, New, Own, Ref};
pub use host_error::{HostError, HostValues, OrTrap};
pub use pre::{Bound, Exports, Pre};
pub use wide::Wide;

/// What the macros of this module expand to: no part of the API.
#[doc(hidden)]
pub mod hidden {
    pub use super::handle::{guest_lift, guest_lower};
    pub use linkspan_canon_abi::{
        ComponentType, Guest, Handles, Lift, LiftContext, Lower, LowerContext, Result, TypeTable,
        ValType, hidden::Abi,
    };
}

use linkspan_canon_abi::{LiftOwned, Lower};

use crate::component::Component;
use crate::error::Result;
use crate::linker::Linker;
use crate::resource::Resource;
use crate::store::{ComponentState, OpaqueStore, Store};

/// Full access to a store whose data is an `H`: the store itself, a borrow of
/// it, or what a host function gets.
pub trait Access<H>: core::AsContextMut<Data = H, Extra = ComponentState> {}

impl<H, S: core::AsContextMut<Data = H, Extra = ComponentState>> Access<H> for S {}

/// The plumbing of a world's type; written by [`bindings!`](crate::bindings).
pub trait World: Sized {
    /// What the store of a guest holds: the host.
    type Host: 'static;
    /// The exports of a guest without its store.
    type Exports: Copy;

    #[doc(hidden)]
    fn from_bound(bound: Bound<Self::Host>) -> Self;
    #[doc(hidden)]
    fn into_bound(self) -> Bound<Self::Host>;
    #[doc(hidden)]
    fn bound(&mut self) -> &mut Bound<Self::Host>;
    #[doc(hidden)]
    fn exports(exports: Exports) -> Self::Exports;
}

/// The bindings of a world: how a host loads a guest of it.
///
/// [`bindgen!`](crate::bindgen) implements it for the type that it names after
/// the world. That type's own methods are the guest's exports and nothing
/// else, so everything that is about the guest as a whole stands here. An
/// export of the same name as a method here wins when it is called with a dot:
/// that is why all of these take `&mut self`, or no receiver.
///
/// ```
/// # #[cfg(all(feature = "macros", feature = "wat"))] {
/// use linkspan::{Bindings, Component, Engine};
///
/// linkspan::bindgen!({
///     inline: "package acme:app; world plugin {
///         import limit: func() -> u32;
///         export clamp: func(n: u32) -> u32;
///     }"
/// });
///
/// struct App { limit: u32 }
///
/// impl PluginImports for App {
///     fn limit(&mut self) -> u32 {
///         self.limit
///     }
/// }
///
/// let component = Component::new(&Engine::default(), r#"
///     (component
///       (import "limit" (func $limit (result u32)))
///       (core func $limit' (canon lower (func $limit)))
///       (core module $m
///         (import "" "limit" (func $limit (result i32)))
///         (func (export "clamp") (param i32) (result i32)
///           (select (local.get 0) (call $limit)
///             (i32.lt_u (local.get 0) (call $limit)))))
///       (core instance $i (instantiate $m
///         (with "" (instance (export "limit" (func $limit'))))))
///       (func (export "clamp") (param "n" u32) (result u32)
///         (canon lift (core func $i "clamp"))))
/// "#)?;
/// let mut plugin = Plugin::from_component(&component, App { limit: 10 })?;
/// assert_eq!(plugin.clamp(7)?, 7);
/// assert_eq!(plugin.clamp(70)?, 10);
/// plugin.host().limit = 50;
/// assert_eq!(plugin.clamp(70)?, 50);
/// # }
/// # Ok::<(), linkspan::Error>(())
/// ```
pub trait Bindings: World {
    /// The world, as WIT names it.
    const WORLD: &'static str;

    /// What a component must export, in the order of positions.
    #[doc(hidden)]
    const EXPORTS: &'static [Interface];

    /// Defines everything that the world imports.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if a name is defined
    /// already.
    fn link(linker: &mut Linker<Self::Host>) -> Result<()>;

    /// Loads a component from a file, with an engine of its own, and
    /// instantiates it for `host`.
    ///
    /// # Errors
    ///
    /// As [`Component::from_file`] and [`Bindings::from_component`].
    fn load(path: impl AsRef<Path>, host: Self::Host) -> Result<Self> {
        let engine = core::Engine::default();
        Self::from_component(&Component::from_file(&engine, path)?, host)
    }

    /// Links a component with what `Self::Host` implements and instantiates it
    /// in a store of its own.
    ///
    /// # Errors
    ///
    /// As [`Pre::new`] and [`Pre::instantiate`].
    fn from_component(component: &Component, host: Self::Host) -> Result<Self> {
        let mut linker = Linker::new(component.engine());
        Self::link(&mut linker)?;
        Pre::new(component, &linker)?.instantiate(host)
    }

    /// The host.
    fn host(&mut self) -> &mut Self::Host {
        self.store().data_mut()
    }

    /// The store that the guest lives in.
    fn store(&mut self) -> &mut Store<Self::Host> {
        self.bound().store_mut()
    }

    /// Ends the guest and gives the host back.
    fn into_host(this: Self) -> Self::Host {
        this.into_bound().into_store().into_data()
    }

    /// Puts a value of the host into the store and answers a handle that owns
    /// it, to be passed to the guest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if the store holds too
    /// many values.
    fn push<R: HostTag<Self::Host>>(&mut self, value: R::Value) -> Result<Resource<R>> {
        self.store().push_value(value)
    }

    /// The value of the host behind a handle.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the handle is
    /// stale or its value in use.
    fn get<R: HostTag<Self::Host>>(&mut self, handle: &Resource<R>) -> Result<&mut R::Value> {
        self.store().value(handle)
    }

    /// Takes the value of the host behind a handle that owns it out of the
    /// store.
    ///
    /// # Errors
    ///
    /// As [`Bindings::get`], and for a handle that borrows.
    fn take<R: HostTag<Self::Host>>(&mut self, handle: Resource<R>) -> Result<R::Value> {
        self.store().take_value(handle)
    }
}

/// Whatever has a guest of the world whose exports are `W` within reach.
///
/// Handles of guest resources take it to be called.
pub trait Holds<W> {
    /// What the store holds.
    type Data: 'static;
    /// How the store is reached.
    type Access: Access<Self::Data>;

    /// The guest.
    #[doc(hidden)]
    fn guest(&mut self) -> &mut Bound<Self::Data, Self::Access>;

    /// Calls the export at a position of the world's table.
    ///
    /// # Errors
    ///
    /// What the call fails with.
    #[doc(hidden)]
    #[inline]
    fn call<P: Lower, R: LiftOwned>(&mut self, index: u32, params: P) -> Result<R> {
        self.guest().call(index, params)
    }

    /// As [`Holds::call`], for an export that the guest may lack: `None` if it
    /// does.
    ///
    /// # Errors
    ///
    /// What the call fails with.
    #[doc(hidden)]
    #[inline]
    fn call_optional<P: Lower, R: LiftOwned>(
        &mut self,
        index: u32,
        params: P,
    ) -> Result<Option<R>> {
        self.guest().call_optional(index, params)
    }
}

/// A guest of `W` that is reached through a borrow.
impl<W, A: Holds<W> + ?Sized> Holds<W> for &mut A {
    type Data = A::Data;
    type Access = A::Access;

    fn guest(&mut self) -> &mut Bound<Self::Data, Self::Access> {
        (**self).guest()
    }
}

/// Drops a handle of the host, if there is one.
pub(crate) fn drop_token(store: &mut OpaqueStore<'_>, token: u64) -> Result<()> {
    crate::func::drop_handle(store, token)
}
