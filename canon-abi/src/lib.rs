//! The canonical ABI of the WebAssembly component model: how component values
//! become core values and bytes, and back.
//!
//! It knows no engine and allocates nothing in a guest by itself: a guest
//! arrives as a [`Guest`], an embedder drives the call. It has one dependency,
//! which validates UTF-8, and one file with `unsafe` code, `traits/same.rs`. The files follow the
//! chapters of the specification's `definitions.py`; functions name their twin in it.
//!
//! # Map
//!
//! | file | job |
//! |---|---|
//! | [`types`] | value types, structurally interned; comparison with a path; printing |
//! | [`layout`], [`flatten`] | size and alignment; core signatures |
//! | [`memory`], [`context`] | [`Guest`] and [`Handles`], options; what a lift or lower carries |
//! | [`handle`] | the handle table of a component instance |
//! | `string` | three encodings, and storing one as another |
//! | [`traits`], `macros` | typed Rust values: [`Lift`], [`Lower`], and the macros that implement them |
//! | [`value`], `schema` | [`Val`], dynamic values; [`Schema`], which converts typed ones |
//! | [`program`] | a type compiled to linear ops: lift to `Val`, lower from it, move between two guests |
//! | [`call`] | parameters and results of a typed call |
//! | [`trap`], [`path`] | every trap, and where in a value it happened |
//!
//! # How a caller drives a call
//!
//! Types are compared once, at link ([`Comparison`]); from then on a call looks
//! at no type. A call works on a *window*: `u64` slots, one for each core value.
//! `i32` and `f32` are zero-extended, floats are their bits, and readers ignore
//! the upper half of a 32-bit value.
//!
//! **The host calls a guest** (`canon lift`):
//! 1. [`call::lower_params`] with a [`LowerContext`] fills the window; it may
//!    run the guest's `realloc`.
//! 2. The embedder calls the core function with the window. The core result, if
//!    there is one, comes back in slot 0.
//! 3. [`call::lift_result`] with a [`LiftContext`] over [`Guest::parts`] reads
//!    slot 0, or the memory that it points to. The result must own its parts:
//!    [`LiftOwned`].
//! 4. The embedder calls `post-return` with slot 0 as it came back, and ends the
//!    borrows of the call.
//!
//! **A guest calls the host** (`canon lower`):
//! 1. [`call::lift_params`] reads the window. Markers such as `&'static str`
//!    lift to values that borrow from guest memory, so this memory stays
//!    borrowed while the host function runs.
//! 2. The embedder calls the host function.
//! 3. [`call::lower_result`] writes slot 0, or the memory that the slot behind
//!    the parameters points to.
//!
//! **Dynamic values** go through a [`program::Program`] in the same steps, and
//! **a call between two components** moves parameters with one program and
//! results with another, never through values of the host.
//!
//! Any [`Error`] of these steps is a trap: the embedder must not enter the
//! instance again.
//!
//! ```
//! use linkspan_canon_abi::{
//!     Guest, LiftContext, LowerContext, NoHandles, Options, Result, Scratch, call,
//! };
//!
//! /// A guest that never frees.
//! struct Bump { memory: Vec<u8>, next: u64, handles: NoHandles }
//!
//! impl Guest for Bump {
//!     type Handles = NoHandles;
//!     fn bytes_mut(&mut self) -> &mut [u8] { &mut self.memory }
//!     fn parts(&mut self) -> (&[u8], &mut NoHandles) { (&self.memory, &mut self.handles) }
//!     fn realloc(&mut self, _: u64, _: u64, align: u32, bytes: u64) -> Result<u64> {
//!         let at = self.next.next_multiple_of(u64::from(align));
//!         self.next = at + bytes;
//!         Ok(at)
//!     }
//! }
//!
//! /// The host's side of `greet: func(name: string, times: u32) -> string`,
//! /// as an import: `name` borrows from guest memory.
//! fn greet((name, times): (&str, u32)) -> String {
//!     format!("hello {name}! ").repeat(times as usize)
//! }
//!
//! let mut guest = Bump { memory: vec![0; 256], next: 16, handles: NoHandles };
//! let (options, scratch) = (Options::default(), Scratch::new());
//! let mut window = [0; 4];
//!
//! // What a caller's core code would leave in the window.
//! let mut cx = LowerContext::new(&mut guest, options);
//! call::lower_params(&mut cx, &("Ada", 2_u32), &mut window)?;
//! window[3] = 128; // where the caller wants the result
//!
//! let (memory, handles) = guest.parts();
//! let mut cx = LiftContext::new(memory, handles, &scratch, options);
//! let result = greet(call::lift_params::<(&'static str, u32), _>(&mut cx, &window)?);
//! let mut cx = LowerContext::new(&mut guest, options);
//! call::lower_result(&mut cx, &result, &mut window, 3)?;
//!
//! let (memory, handles) = guest.parts();
//! let mut cx = LiftContext::new(memory, handles, &scratch, options);
//! assert_eq!(call::lift_result::<String, _>(&mut cx, &[128])?, "hello Ada! hello Ada! ");
//! # Ok::<(), linkspan_canon_abi::Error>(())
//! ```

pub mod call;
pub mod context;
pub mod flatten;
pub mod handle;
pub mod layout;
mod macros;
pub mod memory;
pub mod path;
pub mod program;
mod schema;
mod string;
pub mod traits;
pub mod trap;
pub mod types;
pub mod value;

pub use context::{DEFAULT_LIFT_BUDGET_BYTES, LiftContext, LowerContext, Scratch};
pub use flatten::{Context, CoreSignature, CoreType, FlatTypes, flatten_functype};
pub use handle::HandleTable;
pub use layout::{Layout, PointerSize};
pub use memory::{Encoding, Guest, Handles, NoHandles, Options};
pub use path::Path;
pub use schema::Schema;
pub use traits::{ComponentType, Lift, LiftOwned, Lower, Params, value_type};
pub use trap::{Error, ErrorKind, Result, Trap};
pub use types::{Comparison, FuncType, ResourceTypeId, TypeDef, TypeId, TypeTable, ValType};
pub use value::Val;

/// More flat parameters than this travel through memory (`MAX_FLAT_PARAMS`).
pub const MAX_FLAT_PARAMS: usize = 16;
/// More flat results than this travel through memory (`MAX_FLAT_RESULTS`).
pub const MAX_FLAT_RESULTS: usize = 1;
/// The longest string in bytes (`MAX_STRING_BYTE_LENGTH`).
pub const MAX_STRING_BYTE_LENGTH: u64 = (1 << 28) - 1;
/// The longest list in bytes (`MAX_LIST_BYTE_LENGTH`).
pub const MAX_LIST_BYTE_LENGTH: u64 = (1 << 28) - 1;
/// The most labels of a flags type.
pub const MAX_FLAGS: usize = 32;
/// How deep types nest: validators of components allow as much.
pub const MAX_TYPE_DEPTH: u32 = 100;
/// The largest value in bytes, what it points to aside.
pub const MAX_VALUE_BYTES: u32 = (1 << 28) - 1;

/// What the macros of this crate expand to: no part of the API.
#[doc(hidden)]
pub mod hidden {
    pub use std::mem::offset_of;

    pub use crate::layout::flags_mask;
    pub use crate::traits::hidden::*;
}
