//! The texts that were loaded, and places in them.
//!
//! The parser works with one number line over all files; this module knows the files by name and
//! makes [`Location`]s and [`Label`]s out of byte ranges. It never reads a file.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{Label, Location};

/// All sources of one load, by the unique name they were registered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    texts: BTreeMap<String, String>,
}

impl Sources {
    /// Registers a text and returns its name, made unique by a number if need be.
    pub(crate) fn add(&mut self, name: &str, text: String) -> String {
        let mut unique = name.to_owned();
        let mut number = 2_usize;
        while self.texts.contains_key(&unique) {
            unique = format!("{name} ({number})");
            number += 1;
        }
        self.texts.insert(unique.clone(), text);
        unique
    }

    /// The text registered under `name`.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// The place of `range` in the file `name`; `None` if there is no such file.
    pub(crate) fn location(&self, name: &str, range: &Range<usize>) -> Option<Location> {
        let (location, _) = locate(name, self.text(name)?, range.start);
        Some(location)
    }

    /// A label on `range` in the file `name`; `None` if there is no such file.
    pub(crate) fn label(&self, name: &str, range: &Range<usize>, message: &str) -> Option<Label> {
        Some(label(name, self.text(name)?, range, message))
    }
}

/// A label on `range` of `text`, which need not be registered.
pub(crate) fn label(name: &str, text: &str, range: &Range<usize>, message: &str) -> Label {
    let (location, line_start) = locate(name, text, range.start);
    let line_text = text[line_start..].lines().next().unwrap_or("").to_owned();
    let line_end = line_start + line_text.len();
    let start = location.offset.min(line_end);
    let end = floor_char_boundary(text, range.end).clamp(start, line_end);
    let width = text[start..end].chars().count().max(1);
    Label {
        location,
        width: u32::try_from(width).unwrap_or(u32::MAX),
        line_text,
        message: message.to_owned(),
    }
}

/// The location of byte `offset`, and the offset at which its line starts.
fn locate(name: &str, text: &str, offset: usize) -> (Location, usize) {
    let offset = floor_char_boundary(text, offset);
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    let location = Location {
        file: name.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        offset,
    };
    (location, line_start)
}

/// The largest char boundary at or below `offset`: spans of the lexer may end inside a character.
fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_lines() {
        let text = "abc\nä€ x\n";
        let l = label("f", text, &(10..11), "m");
        assert_eq!(l.location.to_string(), "f:2:4");
        assert_eq!(l.line_text, "ä€ x");
        // Inside the euro sign: floored to its start.
        let l = label("f", text, &(7..8), "");
        assert_eq!((l.location.column, l.width), (2, 1));
        // At and past the end of the text.
        let l = label("f", text, &(99..99), "");
        assert_eq!(l.location.to_string(), "f:3:1");
        // A range over several lines is marked on its first.
        let l = label("f", text, &(1..9), "");
        assert_eq!(l.width, 2);
    }

    #[test]
    fn names_are_made_unique() {
        let mut s = Sources::default();
        assert_eq!(s.add("a", String::new()), "a");
        assert_eq!(s.add("a", String::new()), "a (2)");
        assert_eq!(s.add("a", String::new()), "a (3)");
    }
}
