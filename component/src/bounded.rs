//! Bounds of what values and their text may take: a type whose names are long, or whose fields
//! are many, makes one of them far larger than the other.

use std::fmt;

use linkspan_canon_abi as abi;
use linkspan_canon_abi::{DEFAULT_LIFT_BUDGET_BYTES, Val};

use crate::error::Error;

/// How many bytes of text one value is printed as: 256 MiB.
pub(crate) const PRINT_BYTES_MAX: usize = 1 << 28;

/// A text that grows up to a limit. What goes beyond is left out, and [`Text::finish`] tells.
pub(crate) struct Text {
    out: String,
    bytes_max: usize,
    is_full: bool,
}

impl Text {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            out: String::new(),
            bytes_max,
            is_full: false,
        }
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        if text.len() > self.bytes_max - self.out.len() {
            self.is_full = true;
        }
        if !self.is_full {
            self.out.push_str(text);
        }
    }

    pub(crate) fn push(&mut self, c: char) {
        self.push_str(c.encode_utf8(&mut [0; 4]));
    }

    /// Whether something was left out: printing more is in vain.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// The text.
    pub(crate) fn finish(self) -> abi::Result<String> {
        if self.is_full {
            return Err(abi::Error::guest(Error::limit(format!(
                "the text of the value is longer than {} bytes, which is the limit",
                self.bytes_max
            ))));
        }
        Ok(self.out)
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

/// What the values that a text stands for may still take: fields that are left out, and the
/// places of all others, cost no text.
pub(crate) struct Room {
    bytes_max: u64,
    values_left: usize,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self::of_bytes(DEFAULT_LIFT_BUDGET_BYTES)
    }

    pub(crate) fn of_bytes(bytes_max: u64) -> Self {
        let bytes = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Self {
            bytes_max,
            values_left: bytes / size_of::<Val>(),
        }
    }

    /// Takes the room of some values, or says what is wrong.
    pub(crate) fn take(&mut self, values: usize) -> Result<(), String> {
        match self.values_left.checked_sub(values) {
            Some(left) => {
                self.values_left = left;
                Ok(())
            }
            None => Err(format!(
                "the values of the text take more than {} bytes, which is the limit",
                self.bytes_max
            )),
        }
    }
}
