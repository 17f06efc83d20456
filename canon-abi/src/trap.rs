//! Every way in which lifting and lowering fail: one row of [`Trap`] for each
//! `trap_if` of the specification, and the crate's one-word [`Error`].
//!
//! It does not hold traps of core WebAssembly: what a guest's own code does
//! wrong during `realloc` arrives as [`ErrorKind::Guest`].
//!
//! The texts contain what the specification's tests expect, both where the
//! host takes part in a call and where two components call each other.

use std::borrow::Cow;
use std::fmt;

use crate::path::{Path, Step};
use crate::types::ResourceTypeId;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a checked range of guest memory was to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes of a string.
    String,
    /// The elements of a list.
    List,
    /// Parameters or results that do not fit the flat form.
    Values,
}

/// A trap of the canonical ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trap {
    /// A string of more than [`MAX_STRING_BYTE_LENGTH`](crate::MAX_STRING_BYTE_LENGTH) bytes.
    StringTooLong {
        /// Its length in bytes.
        length_bytes: u64,
    },
    /// A list of more than [`MAX_LIST_BYTE_LENGTH`](crate::MAX_LIST_BYTE_LENGTH) bytes.
    ListTooLong {
        /// Its length in bytes, saturating.
        length_bytes: u64,
    },
    /// A pointer from a guest is not aligned for what it points to.
    Unaligned {
        /// The pointer.
        pointer: u64,
        /// The alignment in bytes.
        alignment: u32,
    },
    /// A range that a guest names ends beyond its memory.
    OutOfBounds {
        /// What the range was to hold.
        content: Content,
        /// Where it starts.
        pointer: u64,
        /// Its length in bytes.
        length_bytes: u64,
        /// The size of the memory in bytes.
        memory_bytes: u64,
    },
    /// `realloc` returned a pointer that is not aligned as asked.
    ReallocUnaligned {
        /// The pointer.
        pointer: u64,
        /// The alignment in bytes.
        alignment: u32,
    },
    /// `realloc` returned a range that ends beyond the memory.
    ReallocOutOfBounds {
        /// What the range was to hold.
        content: Content,
        /// The pointer.
        pointer: u64,
        /// The size asked for, in bytes.
        length_bytes: u64,
        /// The size of the memory in bytes.
        memory_bytes: u64,
    },
    /// Bytes of a string are not UTF-8.
    InvalidUtf8 {
        /// Index of the first byte that belongs to no character.
        index: u64,
        /// Whether the string ends inside a character.
        incomplete: bool,
    },
    /// UTF-16 holds half of a surrogate pair.
    UnpairedSurrogate {
        /// Index of the code unit.
        index: u64,
    },
    /// A `char` is a surrogate or beyond U+10FFFF.
    InvalidChar {
        /// The bits found.
        bits: u32,
    },
    /// A discriminant names no case of its variant, enum, option or result.
    InvalidDiscriminant {
        /// The discriminant.
        found: u32,
        /// How many cases there are.
        cases: u32,
    },
    /// A handle index at which nothing lives.
    UnknownHandle {
        /// The index.
        index: u32,
    },
    /// A handle of another resource type than the one expected.
    WrongHandleType {
        /// The index.
        index: u32,
        /// What the function's type asks for.
        expected: ResourceTypeId,
        /// What lives at the index.
        found: ResourceTypeId,
    },
    /// An `own` is asked for, and the index holds a `borrow`.
    NotOwned {
        /// The index.
        index: u32,
    },
    /// A handle is removed while it is lent to a call.
    StillLent {
        /// The index.
        index: u32,
        /// How often it is lent.
        lends: u32,
    },
    /// A call ends, and handles that were lent to it were not dropped.
    BorrowsRemain {
        /// How many.
        borrows: u32,
    },
    /// The handle table holds as many handles as it may.
    HandleTableFull {
        /// The limit.
        limit: u32,
    },
    /// One call lifts more bytes into the host than its budget allows.
    LiftBudgetExceeded {
        /// The budget in bytes.
        budget_bytes: u64,
    },
    /// One call moves more bytes from guest to guest than its budget allows.
    MoveBudgetExceeded {
        /// The budget in bytes.
        budget_bytes: u64,
    },
    /// A guest calls an import while it runs `realloc` or `post-return`.
    CannotLeave,
    /// An instance is entered that has trapped or is being entered already.
    CannotEnter,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::List => "list",
            Self::Values => "parameter or result",
        })
    }
}

impl fmt::Display for Trap {
    #[expect(clippy::too_many_lines, reason = "one row for each trap")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StringTooLong { length_bytes } => write!(
                f,
                "string of {length_bytes} bytes is longer than the limit of {} bytes",
                crate::MAX_STRING_BYTE_LENGTH
            ),
            Self::ListTooLong { length_bytes } => write!(
                f,
                "list of {length_bytes} bytes is longer than the limit of {} bytes",
                crate::MAX_LIST_BYTE_LENGTH
            ),
            Self::Unaligned { pointer, alignment } => {
                write!(
                    f,
                    "unaligned pointer: {pointer:#x} is not a multiple of {alignment}"
                )
            }
            Self::OutOfBounds {
                content,
                pointer,
                length_bytes,
                memory_bytes,
            } => write!(
                f,
                "{content} pointer/length out of bounds of memory: {content} content out-of-bounds \
                 ({length_bytes} bytes at {pointer:#x}, memory has {memory_bytes:#x})"
            ),
            Self::ReallocUnaligned { pointer, alignment } => write!(
                f,
                "realloc return: result not aligned: unaligned pointer: \
                 {pointer:#x} is not a multiple of {alignment}"
            ),
            Self::ReallocOutOfBounds {
                content,
                pointer,
                length_bytes,
                memory_bytes,
            } => write!(
                f,
                "realloc return: beyond end of memory: {content} content out-of-bounds \
                 ({length_bytes} bytes at {pointer:#x}, memory has {memory_bytes:#x})"
            ),
            Self::InvalidUtf8 {
                index,
                incomplete: false,
            } => {
                write!(f, "invalid utf-8 sequence from index {index}")
            }
            Self::InvalidUtf8 {
                index,
                incomplete: true,
            } => {
                write!(f, "incomplete utf-8 byte sequence from index {index}")
            }
            Self::UnpairedSurrogate { index } => {
                write!(
                    f,
                    "unpaired surrogate found at code unit {index} of a utf-16 string"
                )
            }
            Self::InvalidChar { bits } => write!(f, "invalid `char` bit pattern: {bits:#x}"),
            Self::InvalidDiscriminant { found, cases } => {
                write!(
                    f,
                    "invalid variant discriminant: {found}, there are {cases} cases"
                )
            }
            Self::UnknownHandle { index } => write!(f, "unknown handle index {index}"),
            Self::WrongHandleType {
                index,
                expected,
                found,
            } => {
                let different = if expected.is_host() == found.is_host() {
                    "a different "
                } else {
                    ""
                };
                write!(
                    f,
                    "handle index {index} used with the wrong type, expected {} but found {different}{}",
                    expected.origin(),
                    found.origin()
                )
            }
            Self::NotOwned { index } => {
                write!(
                    f,
                    "cannot lift own resource from a borrow: handle index {index}"
                )
            }
            Self::StillLent { index, lends } => write!(
                f,
                "cannot remove owned resource while borrowed: handle index {index} is lent {lends} times"
            ),
            Self::BorrowsRemain { borrows } => {
                write!(
                    f,
                    "borrow handles still remain at the end of the call: {borrows} not dropped"
                )
            }
            Self::HandleTableFull { limit } => {
                write!(
                    f,
                    "resource table has no free keys: its limit is {limit} handles: raise \
                     `handles_max` in the store's limits"
                )
            }
            Self::LiftBudgetExceeded { budget_bytes } => write!(
                f,
                "call moves more than {budget_bytes} bytes out of the guest: raise `lift_bytes_max` in \
                 the store's limits"
            ),
            Self::MoveBudgetExceeded { budget_bytes } => write!(
                f,
                "call moves more than {budget_bytes} bytes from component to component: raise \
                 `move_bytes_max` in the store's limits"
            ),
            Self::CannotLeave => f.write_str("cannot leave component instance"),
            Self::CannotEnter => f.write_str("cannot enter component instance"),
        }
    }
}

/// What an [`Error`] is about.
#[derive(Debug)]
pub enum ErrorKind {
    /// A guest broke a rule of the canonical ABI.
    Trap(Trap),
    /// Code of the guest that the call needs (`realloc`) failed, or the
    /// embedder refused a handle: the source says how.
    Guest(Box<dyn std::error::Error + Send + Sync>),
    /// A type breaks a rule of the component model: the text says which.
    Type(Cow<'static, str>),
    /// A dynamic value is not of the type that it is lowered to.
    Value {
        /// The type asked for.
        expected: String,
        /// The value found.
        found: String,
    },
    /// Two types differ.
    Mismatch {
        /// The type, or the property of it, that was asked for.
        expected: String,
        /// What stands in its place.
        found: String,
    },
}

/// The crate's error: one word, with a path into the value or type.
///
/// Any failure of lifting or lowering is a trap for the guest: its instance
/// must not be entered again.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    path: Path,
}

impl Error {
    /// An error without a path.
    #[cold]
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            path: Path::new(),
        }))
    }

    /// Wraps a failure of the guest's code or of the embedder.
    #[cold]
    pub fn guest(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Guest(source.into()))
    }

    /// A malformed type.
    #[cold]
    pub fn invalid_type(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Type(text.into()))
    }

    /// Two types that differ.
    #[cold]
    pub fn mismatch(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(ErrorKind::Mismatch {
            expected: expected.into(),
            found: found.into(),
        })
    }

    /// A value that is not of its type.
    #[cold]
    pub fn value(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value {
            expected: expected.into(),
            found: found.into(),
        })
    }

    /// What the error is about.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Takes the error apart: the way to the source of [`ErrorKind::Guest`].
    pub fn into_parts(self) -> (ErrorKind, Path) {
        (self.0.kind, self.0.path)
    }

    /// The trap, if the error is one of the canonical ABI.
    pub fn trap(&self) -> Option<&Trap> {
        match &self.0.kind {
            ErrorKind::Trap(trap) => Some(trap),
            ErrorKind::Guest(_)
            | ErrorKind::Type(_)
            | ErrorKind::Value { .. }
            | ErrorKind::Mismatch { .. } => None,
        }
    }

    /// Where in the value or type it stands.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Adds a step outside the path so far: the error travels up.
    #[cold]
    #[must_use]
    pub fn within(mut self, step: Step) -> Self {
        self.0.path.push_outer(step);
        self
    }

    /// As [`Error::within`], for a name.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn within_name(self, name: &'static str) -> Self {
        self.within(Step::Name(Cow::Borrowed(name)))
    }

    /// As [`Error::within`], for a position in a tuple or list of cases.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn within_position(self, position: u32) -> Self {
        self.within(Step::Position(position))
    }

    /// As [`Error::within`], for an element of a list.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn within_index(self, index: usize) -> Self {
        self.within(Step::Index(index as u64))
    }
}

impl From<Trap> for Error {
    #[cold]
    #[inline(never)]
    fn from(trap: Trap) -> Self {
        Self::new(ErrorKind::Trap(trap))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "{}: ", self.0.path)?;
        }
        match &self.0.kind {
            ErrorKind::Trap(trap) => write!(f, "{trap}"),
            ErrorKind::Guest(source) => write!(f, "{source}"),
            ErrorKind::Type(text) => f.write_str(text),
            ErrorKind::Value { expected, found } => {
                write!(f, "expected a value of type {expected}, found {found}")
            }
            ErrorKind::Mismatch { expected, found } => {
                write!(f, "expected {expected}, found {found}")
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("path", &self.0.path)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            ErrorKind::Guest(source) => Some(&**source),
            ErrorKind::Trap(_)
            | ErrorKind::Type(_)
            | ErrorKind::Value { .. }
            | ErrorKind::Mismatch { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    /// One text serves both wordings of the specification's tests.
    #[test]
    fn texts_of_the_specification() {
        let out_of_bounds = Trap::OutOfBounds {
            content: Content::String,
            pointer: 1,
            length_bytes: 2,
            memory_bytes: 2,
        }
        .to_string();
        assert!(out_of_bounds.contains("string pointer/length out of bounds of memory"));
        assert!(out_of_bounds.contains("string content out-of-bounds"));
        let wrong = |expected, found| {
            Trap::WrongHandleType {
                index: 1,
                expected,
                found,
            }
            .to_string()
        };
        assert_eq!(
            wrong(ResourceTypeId(1), ResourceTypeId(2)),
            "handle index 1 used with the wrong type, expected guest-defined resource \
             but found a different guest-defined resource"
        );
        assert!(
            wrong(ResourceTypeId(1), ResourceTypeId::host(2))
                .ends_with("but found host-defined resource")
        );
        let text = Error::from(Trap::UnknownHandle { index: 5 })
            .within_index(2)
            .within_name("all");
        assert_eq!(text.to_string(), "all[2]: unknown handle index 5");
    }
}
