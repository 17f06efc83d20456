//! Reading tokens one after another, and the plain values that keys have.
//!
//! Invariant: whatever is not understood is an error on its token, never ignored.

use std::iter::Peekable;

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree, token_stream};

use crate::error::SpannedError;
use crate::literal::unquote;
use crate::rust_text;

pub(crate) type Result<T> = std::result::Result<T, SpannedError>;

/// Text and the tokens that it was written as.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Span,
}

/// A Rust path and the tokens that it was written as.
#[derive(Clone, Debug)]
pub(crate) struct RustPath {
    pub(crate) text: Text,
    pub(crate) tokens: Vec<TokenTree>,
}

/// Tokens that are read from left to right.
pub(crate) struct Cursor {
    tokens: Peekable<token_stream::IntoIter>,
    /// What is marked when there are no more tokens.
    end: Span,
}

impl Cursor {
    pub(crate) fn new(tokens: TokenStream, end: Span) -> Self {
        Self {
            tokens: tokens.into_iter().peekable(),
            end,
        }
    }

    /// The tokens in `group`.
    pub(crate) fn inside(group: &Group) -> Self {
        Self::new(group.stream(), group.span_close())
    }

    pub(crate) fn peek(&mut self) -> Option<&TokenTree> {
        self.tokens.peek()
    }

    pub(crate) fn next(&mut self) -> Option<TokenTree> {
        self.tokens.next()
    }

    pub(crate) fn is_empty(&mut self) -> bool {
        self.tokens.peek().is_none()
    }

    /// The next token if it is this punctuation.
    pub(crate) fn eat(&mut self, punct: char) -> bool {
        let is = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == punct);
        self.tokens.next_if(is).is_some()
    }

    /// The next token if it is a group in these delimiters.
    pub(crate) fn group(&mut self, delimiter: Delimiter) -> Option<Group> {
        let is =
            |token: &TokenTree| matches!(token, TokenTree::Group(g) if g.delimiter() == delimiter);
        match self.tokens.next_if(is) {
            Some(TokenTree::Group(group)) => Some(group),
            _ => None,
        }
    }

    /// An error about the next token, which is something else than `expected`.
    pub(crate) fn unexpected(&mut self, expected: &str) -> SpannedError {
        match self.peek().cloned() {
            Some(token) => {
                // A whole group in a message is too much to read.
                let found = match &token {
                    TokenTree::Group(group) => match group.delimiter() {
                        Delimiter::Parenthesis => "(".to_owned(),
                        Delimiter::Brace => "{".to_owned(),
                        Delimiter::Bracket => "[".to_owned(),
                        Delimiter::None => token.to_string(),
                    },
                    TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {
                        token.to_string()
                    }
                };
                SpannedError::new(
                    token.span(),
                    format!("expected {expected}, found `{found}`"),
                )
            }
            None => SpannedError::new(
                self.end,
                format!("expected {expected}, found the end of the input"),
            ),
        }
    }

    /// Goes behind the next comma, to look for more errors there.
    pub(crate) fn skip_value(&mut self) {
        while !self.is_empty() && !self.eat(',') {
            self.next();
        }
    }

    /// The comma between two values, or the end after the last.
    pub(crate) fn separator(&mut self) -> Result<()> {
        if self.is_empty() || self.eat(',') {
            return Ok(());
        }
        Err(self.unexpected("`,`"))
    }

    /// A string literal; `expected` says what it stands for.
    pub(crate) fn text(&mut self, expected: &str) -> Result<Text> {
        if let Some(text) = self.peek().and_then(literal_text) {
            self.next();
            return Ok(text);
        }
        Err(self.unexpected(expected))
    }

    /// A word.
    pub(crate) fn word(&mut self) -> Option<Text> {
        let token = self.tokens.next_if(|t| matches!(t, TokenTree::Ident(_)))?;
        Some(Text {
            value: token.to_string(),
            span: token.span(),
        })
    }

    /// The path of a type, trait or module, as far as the next comma outside of `<` and `>`.
    pub(crate) fn path(&mut self) -> Result<RustPath> {
        let mut depth = 0_usize;
        let mut after_minus = false;
        let mut taken = Vec::new();
        while let Some(token) = self.peek() {
            match token {
                TokenTree::Punct(p) if p.as_char() == ',' && depth == 0 => break,
                TokenTree::Punct(p) if p.as_char() == '<' => depth += 1,
                TokenTree::Punct(p) if p.as_char() == '>' && !after_minus => {
                    depth = depth.saturating_sub(1);
                }
                // Only what stands in `<` and `>` can be a literal.
                TokenTree::Literal(_) if depth == 0 => break,
                TokenTree::Ident(word) if word.to_string() == "$crate" => {
                    let message = "`$crate` cannot be used here: write the path of the crate, \
                                   or `crate` for this one";
                    return Err(SpannedError::new(token.span(), message));
                }
                TokenTree::Group(_)
                | TokenTree::Ident(_)
                | TokenTree::Punct(_)
                | TokenTree::Literal(_) => {}
            }
            after_minus = matches!(token, TokenTree::Punct(p) if p.as_char() == '-');
            taken.extend(self.next());
        }
        let Some(first) = taken.first() else {
            return Err(self.unexpected("a path such as `crate::net::Socket`"));
        };
        let text = Text {
            span: first.span(),
            value: rust_text::of(taken.iter().cloned()),
        };
        Ok(RustPath {
            text,
            tokens: taken,
        })
    }

    /// `[value, …]`, or one value without brackets.
    pub(crate) fn list<T>(
        &mut self,
        one: impl Fn(&mut Self) -> Result<T>,
        what: &str,
    ) -> Result<Vec<T>> {
        let Some(group) = self.group(Delimiter::Bracket) else {
            return Ok(vec![one(self)?]);
        };
        let mut inner = Self::inside(&group);
        let mut values = Vec::new();
        while !inner.is_empty() {
            values.push(one(&mut inner)?);
            inner.separator()?;
        }
        if values.is_empty() {
            let message = format!("expected at least one {what}");
            return Err(SpannedError::new(group.span(), message));
        }
        Ok(values)
    }

    /// `{ "key": value, … }`, where `default` may stand for a key if `with_default` says so.
    pub(crate) fn map<T>(
        &mut self,
        with_default: bool,
        value: impl Fn(&mut Self) -> Result<T>,
    ) -> Result<Vec<(Text, T)>> {
        let Some(group) = self.group(Delimiter::Brace) else {
            return Err(self.unexpected("`{ \"key\": value, … }`"));
        };
        let mut inner = Self::inside(&group);
        let mut entries: Vec<(Text, T)> = Vec::new();
        while !inner.is_empty() {
            let is_default =
                matches!(inner.peek(), Some(TokenTree::Ident(w)) if w.to_string() == "default");
            let key = match inner.peek().and_then(literal_text) {
                None if with_default && is_default => inner.word(),
                None => None,
                Some(text) => {
                    inner.next();
                    Some(text)
                }
            };
            let Some(key) = key else {
                return Err(inner.unexpected(if with_default {
                    "the WIT path of an item as a string, or `default`"
                } else {
                    "the WIT path of an item as a string"
                }));
            };
            if entries.iter().any(|(other, _)| other.value == key.value) {
                let message = format!("`{}` is given twice", key.value);
                return Err(SpannedError::new(key.span, message));
            }
            if !inner.eat(':') {
                return Err(inner.unexpected(&format!("`:` after `{}`", key.value)));
            }
            entries.push((key, value(&mut inner)?));
            inner.separator()?;
        }
        Ok(entries)
    }
}

/// The value of a string literal.
fn literal_text(token: &TokenTree) -> Option<Text> {
    // A literal that came through `macro_rules!` stands in a group without delimiters.
    let mut token = token.clone();
    while let TokenTree::Group(group) = &token {
        let mut inner = group.stream().into_iter();
        match (group.delimiter(), inner.next(), inner.next()) {
            (Delimiter::None, Some(only), None) => token = only,
            _ => return None,
        }
    }
    let TokenTree::Literal(literal) = &token else {
        return None;
    };
    Some(Text {
        value: unquote(&literal.to_string())?,
        span: token.span(),
    })
}
