//! Component values as JSON, with their type as schema.
//!
//! It is for programs; [`wave`](crate::wave) is the form for people. This module knows types and
//! values and nothing of components or instances.
//!
//! | type | JSON |
//! |---|---|
//! | bool, integers | `true` · `-7`; a 64-bit integer may be a string, and is one beyond 2^53 |
//! | floats | `1.5` · `"nan"` · `"inf"` · `"-inf"` |
//! | char, string | `"x"` |
//! | list, tuple | `[1, 2]` |
//! | map | `{"a": 1}` if keys are strings and none comes twice, else pairs: `[[1, true]]` |
//! | record | `{"user-name": "Z"}`, names as in WIT; fields that are `none` may be left out |
//! | variant, enum, result | `"empty"` · `{"circle": 2.5}` · `{"ok": 1}` · `"err"` |
//! | option | `null` or the value; `{"some": …}` around a value that may be `null` too |
//! | flags | `["read", "write"]` |
//! | own, borrow | `{"$handle": 7}`, see [`parse_with`] |
//!
//! What is printed parses to the same value. Objects have each key once, maps aside: there a key
//! may come twice, and both entries are kept in their order.
//!
//! Recursion follows the type, and types nest no deeper than
//! [`MAX_TYPE_DEPTH`](linkspan_canon_abi::MAX_TYPE_DEPTH), so no text is too deep.

mod parse;
mod print;
mod read;
#[cfg(test)]
mod tests;

use linkspan_canon_abi::{TypeDef, TypeTable, ValType};

pub use parse::{parse, parse_args, parse_with};
pub use print::print;

/// The key of the object that stands for a handle.
const HANDLE: &str = "$handle";

/// The largest integer up to which every JSON reader keeps all integers.
const EXACT_MAX: u64 = 1 << 53;

/// Whether a value of the type may be `null`.
fn may_be_null(types: &TypeTable, ty: ValType) -> bool {
    matches!(ty, ValType::Defined(id) if matches!(types.def(id), TypeDef::Option(_)))
}
