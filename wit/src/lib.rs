//! WIT for Linkspan: load, inspect, print, and generate Rust.
//!
//! ```text
//! files · texts · components ──Loader──→ PackageSet ──views──→ tools, linters, documentation
//!                                            ├──Printer──────→ canonical WIT
//!                                            └──bindgen──────→ Rust
//! ```
//!
//! - [`Loader`] and [`PackageSet`]: sources to a model in which every name is resolved.
//! - [`inspect`]: the model as plain views.
//! - [`Printer`]: the model as canonical text.
//! - [`names`]: WIT names as Rust names.
//! - [`Error`] and [`Diagnostic`]: what is wrong, where, and what to do about it.
//!
//! The parser of the WebAssembly tools does the reading; none of its types is public here, so its
//! versions and ours are independent.
#![forbid(unsafe_code)]

pub mod bindgen;
pub mod error;
pub mod inspect;
pub mod load;
pub mod names;
pub mod print;
mod render;
mod scan;
mod set;
mod source;
mod suggest;

pub use error::{Diagnostic, Error, ErrorKind, Label, Location, Result, Severity};
pub use load::{Limits, Loader};
pub use print::Printer;
pub use set::PackageSet;
pub use suggest::nearest;
