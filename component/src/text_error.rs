//! What is wrong with a text, and where: the place in the text and in the value.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use linkspan_canon_abi::Path;
use linkspan_canon_abi::path::Step;

use crate::error::ErrorKind;

/// Longest piece of a line that a report shows.
const LINE_CHARS_MAX: usize = 120;
/// Characters kept before the marked ones when a line is cut.
const LINE_CHARS_BEFORE: usize = 40;

/// A text that is not a value of the type asked for.
///
/// `{}` is one line; `{:#}` adds the line of the text with a caret under the place.
pub struct TextError(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    span: Range<usize>,
    /// Lines before the one with the place, and that line up to where it is cut.
    line: usize,
    line_text: String,
    mark: Range<usize>,
    path: Path,
    help: Option<String>,
}

impl TextError {
    /// An error of a kind, about the bytes `span` of `text`.
    #[cold]
    pub(crate) fn new(
        kind: ErrorKind,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let start = floor_char_boundary(text, span.start);
        let end = floor_char_boundary(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_text = text[line_start..].lines().next().unwrap_or("");
        let column = text[line_start..start].chars().count();
        let marked = text[start..end].lines().next().unwrap_or("");
        let width = marked.chars().count().max(1);
        let (line_text, mark) = window(line_text, column, width);
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            span: start..end,
            line: text[..start].matches('\n').count(),
            line_text,
            mark,
            path: Path::new(),
            help: None,
        }))
    }

    /// Adds a line of advice.
    #[cold]
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Puts a step in front of the path.
    #[cold]
    pub(crate) fn within(mut self, step: Step) -> Self {
        self.0.path.push_outer(step);
        self
    }

    /// As [`within`](Self::within), for a name.
    #[cold]
    pub(crate) fn within_name(self, name: &str) -> Self {
        self.within(Step::Name(Cow::Owned(name.to_owned())))
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The bytes of the text that the error is about.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.0.span.clone()
    }

    /// Where in the value: `p.tags[1]`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

/// The part of `line` around the mark that is shown, and the mark in it, in characters.
fn window(line: &str, column: usize, width: usize) -> (String, Range<usize>) {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let chars: Vec<char> = line.chars().map(shown).collect();
    if chars.len() <= LINE_CHARS_MAX {
        return (chars.into_iter().collect(), column..column + width);
    }
    let first = column.saturating_sub(LINE_CHARS_BEFORE).min(chars.len());
    let end = (first + LINE_CHARS_MAX).min(chars.len());
    let lead = if first > 0 { "…" } else { "" };
    let tail = if end < chars.len() { "…" } else { "" };
    let middle: String = chars[first..end].iter().collect();
    let start = column - first + lead.chars().count();
    let width = width.min(end.saturating_sub(column).max(1));
    (format!("{lead}{middle}{tail}"), start..start + width)
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            message,
            line,
            line_text,
            mark,
            path,
            help,
            ..
        } = &*self.0;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)?;
        if f.alternate() {
            let gutter = (line + 1).to_string();
            write!(f, "\n{gutter} | {line_text}\n")?;
            write!(f, "{:width$} | ", "", width = gutter.len())?;
            write!(f, "{:start$}", "", start = mark.start)?;
            f.write_str(&"^".repeat(mark.len()))?;
        }
        match help {
            Some(help) if f.alternate() => write!(f, "\nhelp: {help}"),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl std::error::Error for TextError {}

impl From<TextError> for crate::Error {
    /// Kind [`ErrorKind::Wave`] or [`ErrorKind::Json`], with the report as its cause.
    #[cold]
    fn from(error: TextError) -> Self {
        Self::caused(error.0.kind, Box::new(error))
    }
}
