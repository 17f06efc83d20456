//! The WebAssembly value encoding (WAVE): component values as text a person writes and reads.
//!
//! Text becomes a value of a type that is known beforehand: `{x: 1}` may be a record or, with
//! other words in it, flags, and only the type can tell. This module knows types and values and
//! nothing of components or instances.
//!
//! | type | text |
//! |---|---|
//! | bool, integers, floats | `true` · `-7` · `6.02e23` `nan` `-inf` |
//! | char, string | `'x'` `'\u{2603}'` · `"tab\t"`, or `"""` and lines |
//! | list, tuple | `[1, 2]` · `(1, "a")` |
//! | map | `{"a": 1, "b": 2}`, or a list of pairs; `{:}` has no entry |
//! | record | `{name: "Z", age: 3}`; fields that are `none` may be left out, and `{:}` has no field |
//! | variant, enum | `circle(2.5)` · `empty` |
//! | option, result | `some(1)` `none` · `ok("x")` `err`; `1` alone where it is not ambiguous |
//! | flags | `{read, write}` |
//!
//! `true false inf nan some none ok err` are written `%true` and so on where they are names of
//! cases; a `%` may stand before any name. Comments run from `//` to the end of the line.
//!
//! Resources have no text: a handle is printed as `<name 7>`, and no text is a handle.
//!
//! Recursion follows the type, and types nest no deeper than
//! [`MAX_TYPE_DEPTH`](linkspan_canon_abi::MAX_TYPE_DEPTH), so no text is too deep.

mod call;
mod lex;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use call::{Call, Callee};
pub use parse::{parse, parse_args};
pub use print::{print, print_args};

/// Words that are not names of cases unless a `%` stands before them.
const KEYWORDS: [&str; 8] = ["true", "false", "inf", "nan", "some", "none", "ok", "err"];
