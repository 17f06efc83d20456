//! WIT that is a part of a Rust file, placed as it stands there.
//!
//! Such text gets as many line feeds and spaces in front as it takes for the line and column of an
//! error to be those that an editor shows.

use proc_macro::{Span, TokenTree};

use crate::cursor::Text;

/// WIT in a string.
#[derive(Debug)]
pub(crate) struct InlineWit {
    /// What it is called in messages.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl InlineWit {
    /// The WIT in `text`, which stands as `literal`.
    pub(crate) fn new(text: Text, literal: Option<&TokenTree>) -> Self {
        let Text { value, span } = text;
        let source = literal.and_then(|literal| match literal {
            TokenTree::Literal(literal) => Some(literal.to_string()),
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) => None,
        });
        // With escapes in it, columns of the string are not those of the file.
        let placed = source.as_deref().and_then(|source| {
            let quote = source.find('"')? + 1;
            source[quote..].strip_prefix(value.as_str())?;
            if span.source_text()? != source {
                return None;
            }
            let (line, column) = behind(span, &source[..quote]);
            placed(&value, line, column)
        });
        let (name, text) = match placed {
            Some(text) => (span.file(), text),
            None => ("inline WIT".to_owned(), value),
        };
        Self { name, text, span }
    }
}

/// `text` with line feeds and spaces in front, so that it starts in `line` and `column`.
pub(crate) fn placed(text: &str, line: usize, column: usize) -> Option<String> {
    let mut placed = "\n".repeat(line.checked_sub(1)?);
    placed.push_str(&" ".repeat(column.checked_sub(1)?));
    placed.push_str(text);
    Some(placed)
}

/// Line and column behind `text`, which stands at the start of `span`.
pub(crate) fn behind(span: Span, text: &str) -> (usize, usize) {
    let start = span.start();
    let (line, column) = (start.line(), start.column());
    match text.rsplit_once('\n') {
        None => (line, column + text.chars().count()),
        Some((before, last)) => (
            line + before.matches('\n').count() + 1,
            last.chars().count() + 1,
        ),
    }
}
