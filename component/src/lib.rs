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
//! | `resource`, `store` | handles, resource types, and what a store keeps for components |
//! | [`types`] | what a component imports and exports |
//! | [`wave`], [`json`] | dynamic values as text, with their type as schema |

#![forbid(unsafe_code)]

pub mod bound;
mod code;
mod component;
mod decode;
mod error;
mod features;
mod func;
mod instance;
pub mod json;
mod layout;
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
    Bindings, Borrow, GuestHandle, GuestResource, Holds, HostResource, HostTag, Lend, LendAll, Mut,
    Own, Ref, Wide,
};
pub use component::Component;
pub use error::{Error, ErrorKind, Result};
pub use features::{ComponentConfig, ComponentFeatures, ComponentProposal};
pub use func::{Func, TypedFunc, Val};
pub use instance::{ExportPath, Instance, InstancePre};
pub use linker::{
    LinkDifference, LinkImport, LinkOffer, LinkProblem, LinkReport, LinkSource, LinkState, Linker,
    LinkerInstance, UnknownFunc,
};
pub use linkspan_canon_abi as abi;
pub use linkspan_canon_abi::{Schema, enumeration, flags, record, variant};
#[cfg(feature = "macros")]
pub use linkspan_codegen_macros::bindgen;
pub use linkspan_engine::{Config, Engine, InterruptHandle, Trap};
pub use names::{ItemPath, compatible_name};
pub use resource::{Resource, ResourceAny, ResourceTable, ResourceType};
pub use store::{AsContext, AsContextMut, ComponentState, Store, StoreContext, StoreContextMut};
pub use text_error::TextError;
