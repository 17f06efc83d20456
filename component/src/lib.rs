//! Linkspan: components of the WebAssembly component model, called from Rust.
//!
//! A component is decoded and planned once ([`Component`]), linked to what
//! the host offers ([`Linker`]), instantiated in a [`Store`], and called
//! through [`Func`] (dynamic values) or [`TypedFunc`] (Rust types). Core
//! WebAssembly is under [`core`](mod@core), on the same engine.
//!
//! # Map
//!
//! | module | job |
//! |---|---|
//! | `decode` | bytes → declarations, validated |
//! | `plan` | declarations → one flat list of steps; nesting and aliases vanish |
//! | `code` | function types → signatures and programs that move values |
//! | `linker` | names → definitions; types compared once |
//! | `instance` | runs a plan in a store |
//! | `func` | calls in all three directions: host → guest, guest → host, guest → guest |
//! | `limits` | what the components of a store may use, and what they use |
//! | `resource`, `store` | handles, resource types, and what a store keeps for components |
//! | [`types`] | what a component imports and exports |
//! | [`wave`], [`json`] | dynamic values as text, with their type as schema |
//!
//! # Resources and their destructors
//!
//! A resource ends when the handle that owns it is dropped, and its destructor
//! runs then and there: when a guest drops its handle (`resource.drop`), and
//! when the host does ([`ResourceAny::resource_drop`], [`GuestHandle::close`]).
//! A typed handle that goes out of scope has no store at hand: its destructor
//! waits for the next call into a guest of the store, or for
//! [`GuestResource::drop_pending`].
//!
//! A destructor that traps is a trap of the component that defines the
//! resource, and of the guest that dropped the handle, if one did; the handle
//! is gone.
//!
//! No guest code runs when a store is dropped. Handles that guests or the host
//! still hold end without destructors then; the host's own values, which live
//! in the store's [`ResourceTable`], are dropped with it.
//!
//! After a trap no code runs in the component instances that were in the call:
//! whoever enters one gets an error that quotes the trap. Their handles stay
//! with them. If a call fails while its handles are passed on, those that
//! nobody got go back to the table they came from, and a handle that the host
//! gave away and the guest had no room for is dropped as if it had gone out of
//! scope. [`ComponentState::metrics`] counts what there is.

#![forbid(unsafe_code)]

pub mod bound;
mod bounded;
mod code;
mod component;
mod decode;
mod error;
mod features;
mod func;
mod instance;
pub mod json;
mod layout;
mod limits;
mod linker;
mod names;
mod plan;
#[cfg(test)]
mod random;
mod resource;
mod store;
mod text_error;
pub mod types;
pub mod wave;

/// Core WebAssembly: modules, instances, memories and so on, on the same
/// engine and in the same store.
pub mod core {
    pub use linkspan_engine::*;
}

pub use bound::{
    Bindings, Borrow, GuestHandle, GuestResource, Holds, HostError, HostResource, HostTag,
    HostValues, Lend, LendAll, Mut, OrTrap, Own, Ref, Wide,
};
pub use component::Component;
pub use error::{Error, ErrorKind, Result};
pub use features::{ComponentConfig, ComponentFeatures, ComponentProposal};
pub use func::{Func, TypedFunc, Val};
pub use instance::{ExportPath, Instance, InstancePre};
pub use limits::{Limits, Metrics, ResourceUsage, Usage};
pub use linker::{
    LinkDifference, LinkImport, LinkOffer, LinkProblem, LinkReport, LinkSource, LinkState, Linker,
    LinkerInstance, UnknownFunc,
};
pub use linkspan_canon_abi as abi;
pub use linkspan_canon_abi::{Schema, enumeration, flags, record, variant};
#[cfg(feature = "macros")]
#[doc(inline)]
pub use linkspan_codegen_macros::bindgen;
pub use linkspan_engine::{Config, Engine, InterruptHandle, Trap, WakeOnInterrupt};
pub use names::{ItemPath, VersionedMap, compatible_name};
pub use resource::{Resource, ResourceAny, ResourceTable, ResourceType};
pub use store::{AsContext, AsContextMut, ComponentState, Store, StoreContext, StoreContextMut};
pub use text_error::TextError;
