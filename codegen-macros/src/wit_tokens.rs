//! WIT that stands among Rust's tokens, as text in which every place leads back to its token.
//!
//! The text is that of the Rust file, with comments and layout. Where the compiler has none (tokens
//! that another macro made), it is put together from the tokens.
//!
//! Rust's lexer reads the tokens first, so that WIT which is none to it, such as the name `x-2e`, can
//! only be given as a string.

use std::iter::Peekable;
use std::ops::Range;

use linkspan_wit::{Label, Location};
use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree, token_stream};

use crate::error::Place;
use crate::literal::unquote;
use crate::wit_text;

/// WIT and the tokens it came from.
#[derive(Debug)]
pub(crate) struct WitTokens {
    /// What it is called in messages.
    pub(crate) name: String,
    pub(crate) text: String,
    /// The token at each range of the text, in the order of the text.
    tokens: Vec<(Range<usize>, Span)>,
    /// What is marked when the text ends too early.
    end: Span,
}

/// Words with which a WIT document begins.
const FIRST_WORDS: [&str; 3] = ["package", "interface", "world"];

/// Whether `input` begins like WIT and not like `key: value`.
pub(crate) fn begins_like_wit(input: &TokenStream) -> bool {
    let mut tokens = input.clone().into_iter().peekable();
    while doc_comment(&mut tokens).is_some() {}
    let first = tokens.next();
    let is_word = matches!(first, Some(TokenTree::Ident(word))
        if FIRST_WORDS.contains(&word.to_string().as_str()));
    let names = match tokens.next() {
        Some(TokenTree::Ident(_)) => true,
        Some(TokenTree::Punct(punct)) => punct.as_char() == '%',
        _ => false,
    };
    is_word && names
}

impl WitTokens {
    /// The WIT in braces.
    pub(crate) fn in_group(group: &Group) -> Self {
        let text = group.span().source_text();
        let text = text.as_deref().and_then(|text| {
            let inner = text.strip_prefix('{')?.strip_suffix('}')?;
            Some((inner, wit_text::behind(group.span(), "{")))
        });
        Self::new(text, group.stream(), group.span_close())
    }

    /// The WIT that is all the macro was given.
    pub(crate) fn in_call(input: TokenStream) -> Self {
        let call = Span::call_site();
        let text = call.source_text();
        let text = text.as_deref().and_then(|text| {
            let name = text.find('!')?;
            let open = name + text[name..].find(['{', '(', '['])?;
            let inner = text.get(open + 1..text.len().checked_sub(1)?)?;
            Some((inner, wit_text::behind(call, &text[..=open])))
        });
        Self::new(text, input, call)
    }

    fn new(text: Option<(&str, (usize, usize))>, tokens: TokenStream, end: Span) -> Self {
        let in_place = text.and_then(|(inner, (line, column))| {
            let text = wit_text::placed(inner, line, column)?;
            let mut places = Placing::new(&text);
            places.all(tokens.clone())?;
            let tokens = places.found;
            let name = end.file();
            Some(Self {
                name,
                text,
                tokens,
                end,
            })
        });
        in_place.unwrap_or_else(|| {
            let mut joined = Joining::default();
            joined.all(tokens);
            Self {
                name: "WIT tokens".to_owned(),
                text: joined.text,
                tokens: joined.found,
                end,
            }
        })
    }

    /// What is marked when the WIT is wrong as a whole.
    pub(crate) fn first(&self) -> Span {
        self.tokens.first().map_or(self.end, |(_, span)| *span)
    }

    /// The tokens of the name at a place in this text.
    pub(crate) fn name(&self, location: &Location) -> Option<Place> {
        if location.file != self.name {
            return None;
        }
        let is_before = |(range, _): &(Range<usize>, Span)| range.end <= location.offset;
        let at = self.tokens.partition_point(is_before);
        let mut tokens = self.tokens.get(at..)?.iter();
        let (range, first) = tokens.next()?;
        if !range.contains(&location.offset) {
            return None;
        }
        // Rust reads `get-it` as three tokens.
        let (mut end, mut last) = (range.end, *first);
        for (range, span) in tokens {
            let text = self.text.get(range.clone())?;
            let in_name = text.chars().all(|c| c.is_alphanumeric() || c == '-');
            if range.start != end || !in_name {
                break;
            }
            (end, last) = (range.end, *span);
        }
        Some(Place::between(*first, last))
    }

    /// The tokens under a label; `None` if it is about another source.
    pub(crate) fn place(&self, label: &Label) -> Option<Place> {
        if label.location.file != self.name {
            return None;
        }
        let start = label.location.offset;
        let rest = self.text.get(start..)?;
        let mut chars = rest.char_indices();
        let width = usize::try_from(label.width).ok()?;
        let end = start + chars.nth(width).map_or(rest.len(), |(at, _)| at);
        let under = |(range, _): &&(Range<usize>, Span)| range.start < end && start < range.end;
        let mut marked = self.tokens.iter().filter(under).map(|(_, span)| *span);
        let Some(first) = marked.next() else {
            let next = self.tokens.iter().find(|(range, _)| range.start >= start);
            return Some(next.map_or(self.end, |(_, span)| *span).into());
        };
        Some(Place::between(first, marked.next_back().unwrap_or(first)))
    }
}

/// The next tokens, if they are what the compiler makes of `/// text`: the first token, and the text.
///
/// A comment that stands inside an item (`//!`) is no documentation to WIT; its text is `None`.
fn doc_comment(
    tokens: &mut Peekable<token_stream::IntoIter>,
) -> Option<(TokenTree, Option<String>)> {
    let is = |token: &TokenTree, c| matches!(token, TokenTree::Punct(p) if p.as_char() == c);
    if !tokens.peek().is_some_and(|token| is(token, '#')) {
        return None;
    }
    // WIT has no `#`: whatever follows is no other token of it.
    let mark = tokens.next()?;
    let inner = tokens.next_if(|token| is(token, '!')).is_some();
    let group = tokens.next_if(|token| matches!(token, TokenTree::Group(_)));
    let Some(TokenTree::Group(group)) = group else {
        return Some((mark, None));
    };
    let text = match group.stream().into_iter().last() {
        Some(TokenTree::Literal(text)) if !inner => unquote(&text.to_string()),
        _ => None,
    };
    Some((mark, text))
}

/// Finds tokens in the text by the line and column that they have in the file.
struct Placing<'a> {
    text: &'a str,
    /// Where each line starts.
    lines: Vec<usize>,
    found: Vec<(Range<usize>, Span)>,
}

impl<'a> Placing<'a> {
    fn new(text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            lines: std::iter::once(0).chain(breaks).collect(),
            found: Vec::new(),
        }
    }

    /// Places all tokens; `None` if one does not stand where it says, as those do not that come from
    /// elsewhere.
    fn all(&mut self, tokens: TokenStream) -> Option<()> {
        let mut tokens = tokens.into_iter().peekable();
        loop {
            if let Some((mark, _)) = doc_comment(&mut tokens) {
                let start = self.offset(mark.span())?;
                let line = self.text[start..].lines().next()?;
                if !line.starts_with("//") && !line.starts_with("/*") {
                    return None;
                }
                self.found.push((start..start + line.len(), mark.span()));
                continue;
            }
            let Some(token) = tokens.next() else {
                return Some(());
            };
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = delimiters(group.delimiter())?;
                    self.one(group.span_open(), open)?;
                    self.all(group.stream())?;
                    self.one(group.span_close(), close)?;
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.one(token.span(), &token.to_string())?;
                }
            }
        }
    }

    fn one(&mut self, span: Span, expected: &str) -> Option<()> {
        let start = self.offset(span)?;
        self.text[start..].strip_prefix(expected)?;
        self.found.push((start..start + expected.len(), span));
        Some(())
    }

    fn offset(&self, span: Span) -> Option<usize> {
        let start = span.start();
        let line = *self.lines.get(start.line().checked_sub(1)?)?;
        let mut chars = self.text[line..].char_indices();
        let (at, _) = chars.nth(start.column().checked_sub(1)?)?;
        Some(line + at)
    }
}

fn delimiters(delimiter: Delimiter) -> Option<(&'static str, &'static str)> {
    match delimiter {
        Delimiter::Parenthesis => Some(("(", ")")),
        Delimiter::Brace => Some(("{", "}")),
        Delimiter::Bracket => Some(("[", "]")),
        Delimiter::None => None,
    }
}

/// Puts text together from tokens.
#[derive(Default)]
struct Joining {
    text: String,
    found: Vec<(Range<usize>, Span)>,
}

impl Joining {
    fn all(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        loop {
            if let Some((mark, text)) = doc_comment(&mut tokens) {
                for line in text.iter().flat_map(|text| text.lines()) {
                    self.text.push_str("\n///");
                    self.one(mark.span(), line);
                }
                self.text.push('\n');
                continue;
            }
            let Some(token) = tokens.next() else {
                return;
            };
            match token {
                TokenTree::Group(group) => match delimiters(group.delimiter()) {
                    Some((open, close)) => {
                        self.one(group.span_open(), open);
                        self.all(group.stream());
                        self.one(group.span_close(), close);
                        if group.delimiter() == Delimiter::Brace {
                            self.text.push('\n');
                        }
                    }
                    None => self.all(group.stream()),
                },
                TokenTree::Punct(punct) => {
                    let c = punct.as_char();
                    self.one(punct.span(), c.encode_utf8(&mut [0; 4]));
                    // Names, versions and package paths hold punctuation and no spaces.
                    if matches!(c, ';' | ',') {
                        self.text.push('\n');
                    }
                }
                TokenTree::Ident(_) | TokenTree::Literal(_) => {
                    if self.text.ends_with(|c: char| c.is_alphanumeric()) {
                        self.text.push(' ');
                    }
                    self.one(token.span(), &token.to_string());
                }
            }
        }
    }

    fn one(&mut self, span: Span, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.found.push((start..self.text.len(), span));
    }
}
