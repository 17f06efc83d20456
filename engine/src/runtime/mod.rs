//! Everything that exists while guests run: the store and what it owns, the
//! contexts that code reaches, the driver that enters and leaves guest code,
//! and the handles and traits that embedders see.
//!
//! One rule keeps pointers honest: all blocks of a store are reached from
//! one raw pointer per block ([`owned::Owned`], and the root of the store
//! itself), and no reference to a whole store exists while a guest runs.
//! References to parts are made where they are needed and end before the
//! next entry.

#![expect(
    unsafe_code,
    reason = "contexts are shared with running code through pointers"
)]

pub(crate) mod activation;
mod aggregate;
pub(crate) mod backtrace;
pub(crate) mod driver;
pub(crate) mod exception;
mod frames;
pub(crate) mod func;
pub(crate) mod global;
pub(crate) mod handles;
pub(crate) mod heap;
pub(crate) mod host;
pub(crate) mod instance;
pub(crate) mod interrupt;
pub(crate) mod libcalls;
pub(crate) mod linker;
pub(crate) mod memory;
pub(crate) mod objects;
mod opaque;
pub(crate) mod owned;
pub(crate) mod racing;
pub(crate) mod reference;
mod reset;
pub(crate) mod roots;
pub(crate) mod shared;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod tag;
pub(crate) mod typed;
mod unwind;
pub(crate) mod value;
pub(crate) mod vmctx;
pub(crate) mod wait;

pub use activation::{ActivationId, Progress};
pub use backtrace::{Backtrace, Frame, SourceLocation};
pub use exception::Exception;
pub use func::Func;
pub use global::Global;
pub use host::{Answer, Caller, HostCall, HostFunc, HostParts, IntoHostFunc, Memories, StoreParts};
pub use instance::{Extern, Instance};
pub use interrupt::{InterruptHandle, WakeOnInterrupt};
pub use linker::{InstancePre, LinkProblem, LinkProblems, Linker};
pub use memory::Memory;
pub use opaque::{AnyStoreMut, Opaque};
pub use reference::{AnyRef, ArrayRef, ExnRef, ExternRef, I31, OwnedRooted, Reference, StructRef};
pub use shared::SharedMemory;
pub use store::{AsContext, AsContextMut, Store, StoreContext, StoreContextMut};
pub use table::Table;
pub use tag::Tag;
pub use typed::{TypedFunc, WasmParams, WasmResults, WasmTy};
pub use value::Val;
pub use wait::WaitResult;
