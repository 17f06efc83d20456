//! Core WebAssembly for Linkspan: decode, translate, interpret, run.
//!
//! ```
//! use linkspan_engine::{Caller, Engine, Linker, Module, Store};
//!
//! let engine = Engine::default();
//! let module = Module::new(
//!     &engine,
//!     r#"(module
//!         (import "host" "log" (func $log (param i32)))
//!         (func (export "run") (param i32) (result i32)
//!             (call $log (local.get 0))
//!             (i32.mul (local.get 0) (i32.const 2))))"#,
//! )?;
//!
//! // Host functions are closures; what they share lives in the store.
//! let mut linker = Linker::<Vec<i32>>::new(&engine);
//! linker.func_wrap("host", "log", |mut caller: Caller<'_, Vec<i32>>, value: i32| {
//!     caller.data_mut().push(value);
//! })?;
//!
//! let mut store = Store::new(&engine, Vec::new());
//! let instance = linker.instantiate(&mut store, &module)?;
//! let run = instance.get_typed_func::<i32, i32>(&store, "run")?;
//! assert_eq!(run.call(&mut store, 21)?, 42);
//! assert_eq!(store.into_data(), [21]);
//! # Ok::<(), linkspan_engine::Error>(())
//! ```
//!
//! # What runs
//!
//! WebAssembly 3.0, and beyond it threads, wide arithmetic and custom page
//! sizes; the last two are off by default. A module that needs more, or what
//! is switched off, is refused with an error that names the [`Proposal`] and
//! the offset in the binary. Every proposal has its switch in [`Config`],
//! those that are part of WebAssembly 3.0 too.
//!
//! # Map
//!
//! Layers, each of which knows only those above it:
//!
//! | module | job |
//! |---|---|
//! | `entity`, `types`, `trap`, `config`, `error`, `engine` | words that all others use |
//! | `sys` | the operating system: address space for memories and stacks |
//! | `gc` | the heap of a store, and its collector |
//! | `module` | bytes → [`Module`]: decoded and validated, nothing translated |
//! | `translate` | one walk over a function's body, told to a sink |
//! | `interp` | a sink that writes register code, and the handlers that run it |
//! | `runtime` | [`Store`], instances, calls, and the driver that enters tiers |
//!
//! (`interp` and `runtime` share the layouts in `runtime::vmctx` and the slow
//! paths in `runtime::libcalls`; otherwise the driver alone enters `interp`.)
//!
//! # What to rely on
//!
//! * Hostile input is normal input: decoding answers [`Error`], and a guest
//!   can reach no memory but its own. Memories, tables, instances, stacks,
//!   nesting and suspended calls are bounded by [`Limits`] and [`Config`];
//!   run time is bounded by fuel ([`Config::fuel`], the same count in every
//!   run) or by another thread ([`Store::interrupt_handle`]).
//! * [`Engine`] and [`Module`] are immutable and `Send + Sync`. All change
//!   happens in a [`Store`], which is `Send` if its data are.
//! * Handles such as [`Func`] and [`Memory`] are small `Copy` values that
//!   know their store. With another store they are an error.
//! * A guest that calls a guest uses no native stack, so a call that waits
//!   for its host ([`Answer::Pending`]) is parked as plain data, and a host
//!   function can have guest functions called ([`Answer::Call`]) without
//!   nesting.
//!
//! # Features
//!
//! * `os` (default): memories and stacks come from the operating system and
//!   take pages when they are touched. Without it they are allocations.
//! * `wat` (default): [`Module::new`] accepts the text format.

mod config;
mod engine;
mod entity;
mod error;
mod gc;
mod interp;
mod module;
mod runtime;
mod sys;
mod translate;
mod trap;
mod types;

pub use config::{Config, DispatchMode, Features, Limits, Proposal, Tier};
pub use engine::Engine;
pub use error::{Error, ErrorKind, Result};
pub use gc::{GcStats, GcZeal};
pub use module::Module;
pub use runtime::{
    ActivationId, Answer, AnyRef, AnyStoreMut, ArrayRef, AsContext, AsContextMut, Backtrace,
    Caller, Exception, ExnRef, Extern, ExternRef, Frame, Func, Global, HostCall, HostFunc,
    HostParts, I31, Instance, InstancePre, InterruptHandle, IntoHostFunc, LinkProblem,
    LinkProblems, Linker, Memories, Memory, Opaque, OwnedRooted, Progress, Reference, SharedMemory,
    SourceLocation, Store, StoreContext, StoreContextMut, StoreParts, StructRef, Table, Tag,
    TypedFunc, Val, WaitResult, WakeOnInterrupt, WasmParams, WasmResults, WasmTy,
};
pub use translate::print_ir;
pub use trap::Trap;
pub use types::{
    AddressType, ArrayType, CompositeType, DefinedType, ExportType, ExternType, FieldType,
    FuncType, GlobalType, HeapType, Hierarchy, ImportType, MemoryType, RefType, StorageType,
    StructType, SubType, TableType, TagType, TypeId, ValType,
};
