//! The texts that were loaded, and places in them.
//!
//! The parser works with one number line over all files; this module knows the files by name and
//! makes [`Location`]s and [`Label`]s out of byte ranges. It never reads a file.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{Label, Location};

/// One text.
#[derive(Clone, Debug)]
struct Source {
    origin: String,
    text: String,
    /// The first character at or after each multiple of [`CHUNK_SIZE_BYTES`]: with it the place
    /// of any byte is found without counting the lines of the whole text.
    chunks: Vec<Location>,
}

/// Bytes between two places that are known beforehand.
const CHUNK_SIZE_BYTES: usize = 4096;

/// All sources of one load, by the unique name they were registered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    texts: BTreeMap<String, Source>,
}

impl Sources {
    /// Registers a text and returns its name, made unique by a number if need be.
    ///
    /// `origin` names it in what is generated: the same on every machine.
    pub(crate) fn add(&mut self, name: &str, origin: &str, text: String) -> String {
        let mut unique = name.to_owned();
        let mut number = 2_usize;
        while self.texts.contains_key(&unique) {
            unique = format!("{name} ({number})");
            number += 1;
        }
        let source = Source {
            origin: origin.to_owned(),
            chunks: chunks(&unique, &text),
            text,
        };
        self.texts.insert(unique.clone(), source);
        unique
    }

    /// The text registered under `name`.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|source| source.text.as_str())
    }

    /// What the source registered under `name` is called in generated text.
    pub(crate) fn origin(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|source| source.origin.as_str())
    }

    /// The place of `range` in the file `name`; `None` if there is no such file.
    pub(crate) fn location(&self, name: &str, range: &Range<usize>) -> Option<Location> {
        let Source { text, chunks, .. } = self.texts.get(name)?;
        let offset = floor_char_boundary(text, range.start);
        let chunk = (offset / CHUNK_SIZE_BYTES).min(chunks.len().saturating_sub(1));
        let mut location = chunks.get(chunk)?.clone();
        let passed = text.get(location.offset..offset)?;
        passed.chars().for_each(|c| location.pass(c));
        Some(location)
    }

    /// A label on `range` in the file `name`; `None` if there is no such file.
    pub(crate) fn label(&self, name: &str, range: &Range<usize>, message: &str) -> Option<Label> {
        Some(label(name, self.text(name)?, range, message))
    }
}

/// The places that begin the chunks of `text`: at least its start.
fn chunks(name: &str, text: &str) -> Vec<Location> {
    let mut location = Location {
        file: name.to_owned(),
        line: 1,
        column: 1,
        offset: 0,
    };
    let mut chunks = vec![location.clone()];
    for c in text.chars() {
        if location.offset >= chunks.len() * CHUNK_SIZE_BYTES {
            chunks.push(location.clone());
        }
        location.pass(c);
    }
    chunks
}

impl Location {
    /// Goes on behind the character `c`, which stands here.
    fn pass(&mut self, c: char) {
        self.offset += c.len_utf8();
        if c == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
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
    fn chunks_lead_to_the_same_places() {
        let mut text = "ab€\n".repeat(3_000);
        text.push_str(&"é".repeat(5_000));
        let mut sources = Sources::default();
        sources.add("f", "f", text.clone());
        let around = |at: usize| (at.saturating_sub(3)..at + 3).filter(|i| *i <= text.len());
        for offset in (0..8).flat_map(|chunk| around(chunk * CHUNK_SIZE_BYTES)) {
            let found = sources.location("f", &(offset..offset));
            assert_eq!(found, Some(locate("f", &text, offset).0), "{offset}");
        }
        let end = text.len();
        let found = sources.location("f", &(end..end));
        assert_eq!(found, Some(locate("f", &text, end).0));
        sources.add("empty", "empty", String::new());
        let found = sources.location("empty", &(0..0)).map(|l| l.to_string());
        assert_eq!(found.as_deref(), Some("empty:1:1"));
    }

    #[test]
    fn names_are_made_unique() {
        let mut s = Sources::default();
        assert_eq!(s.add("a", "o", String::new()), "a");
        assert_eq!(s.add("a", "p", String::new()), "a (2)");
        assert_eq!(s.add("a", "p", String::new()), "a (3)");
        assert_eq!((s.origin("a"), s.origin("a (2)")), (Some("o"), Some("p")));
    }
}
