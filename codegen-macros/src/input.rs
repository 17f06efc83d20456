//! The input of `bindgen!`: string literals, with or without keys.
//!
//! Invariant: whatever is not understood is an error on its token, never ignored.

use std::iter::Peekable;

use linkspan_wit::nearest;
use proc_macro::{Delimiter, Span, TokenStream, TokenTree, token_stream};

use crate::error::SpannedError;

/// The keys of the long form.
const KEYS: [&str; 3] = ["world", "path", "inline"];

/// A string literal.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Span,
}

/// What the macro was given.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) world: Option<Text>,
    pub(crate) paths: Vec<Text>,
    pub(crate) inline: Option<Text>,
}

type Result<T> = std::result::Result<T, SpannedError>;
type Tokens = Peekable<token_stream::IntoIter>;

impl Input {
    /// Parses either form.
    pub(crate) fn parse(input: TokenStream) -> Result<Self> {
        let mut tokens = input.into_iter().peekable();
        let mut this = Self::default();
        let braces = |g: &proc_macro::Group| g.delimiter() == Delimiter::Brace;
        match tokens.peek() {
            None => return Ok(this),
            Some(TokenTree::Group(group)) if braces(group) => {
                let inner = group.stream();
                tokens.next();
                this.parse_keys(inner)?;
            }
            Some(_) => this.parse_short(&mut tokens)?,
        }
        match tokens.next() {
            None => Ok(this),
            Some(extra) => Err(unexpected(&extra, "the end of the input")),
        }
    }

    /// `"world"`, `in "path"`, or both.
    fn parse_short(&mut self, tokens: &mut Tokens) -> Result<()> {
        if let Some(TokenTree::Literal(_) | TokenTree::Group(_)) = tokens.peek() {
            self.world = Some(text(tokens, "the name of a world")?);
        }
        match tokens.peek() {
            Some(TokenTree::Ident(word)) if word.to_string() == "in" => {
                tokens.next();
                self.paths.push(text(tokens, "a path")?);
                Ok(())
            }
            Some(other) if self.world.is_none() => Err(unexpected(
                other,
                "the name of a world as a string, `in` and a path, or `{ key: value, … }`",
            )),
            _ => Ok(()),
        }
    }

    /// `key: value, …`
    fn parse_keys(&mut self, input: TokenStream) -> Result<()> {
        let mut tokens = input.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let TokenTree::Ident(key) = &token else {
                return Err(unexpected(&token, "a key"));
            };
            let name = key.to_string();
            if !KEYS.contains(&name.as_str()) {
                return Err(unknown_key(&name, key.span()));
            }
            match tokens.next() {
                Some(TokenTree::Punct(p)) if p.as_char() == ':' => {}
                Some(other) => return Err(unexpected(&other, &format!("`:` after `{name}`"))),
                None => {
                    return Err(SpannedError::new(
                        key.span(),
                        format!("`{name}` needs a value"),
                    ));
                }
            }
            self.parse_value(&name, key.span(), &mut tokens)?;
            match tokens.next() {
                None => break,
                Some(TokenTree::Punct(p)) if p.as_char() == ',' => {}
                Some(other) => return Err(unexpected(&other, "`,`")),
            }
        }
        Ok(())
    }

    fn parse_value(&mut self, key: &str, span: Span, tokens: &mut Tokens) -> Result<()> {
        let twice = match key {
            "world" => self.world.is_some(),
            "inline" => self.inline.is_some(),
            _ => !self.paths.is_empty(),
        };
        if twice {
            return Err(SpannedError::new(span, format!("`{key}` is given twice")));
        }
        if tokens.peek().is_none() {
            return Err(SpannedError::new(span, format!("`{key}` needs a value")));
        }
        match key {
            "world" => self.world = Some(text(tokens, "the name of a world")?),
            "inline" => self.inline = Some(text(tokens, "WIT text")?),
            _ => self.paths = paths(tokens)?,
        }
        Ok(())
    }
}

fn unknown_key(name: &str, span: Span) -> SpannedError {
    let suggestion = nearest(name, KEYS)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    let keys = KEYS.map(|key| format!("`{key}`")).join(", ");
    SpannedError::new(
        span,
        format!("unknown key `{name}`{suggestion}\nthe keys are {keys}"),
    )
}

/// A path, or several in brackets.
fn paths(tokens: &mut Tokens) -> Result<Vec<Text>> {
    let brackets = |g: &proc_macro::Group| g.delimiter() == Delimiter::Bracket;
    let Some(TokenTree::Group(group)) =
        tokens.next_if(|token| matches!(token, TokenTree::Group(group) if brackets(group)))
    else {
        return Ok(vec![text(tokens, "a path, or paths in brackets")?]);
    };
    let mut inner = group.stream().into_iter().peekable();
    let mut paths = Vec::new();
    while inner.peek().is_some() {
        paths.push(text(&mut inner, "a path")?);
        match inner.next() {
            None => break,
            Some(TokenTree::Punct(p)) if p.as_char() == ',' => {}
            Some(other) => return Err(unexpected(&other, "`,`")),
        }
    }
    if paths.is_empty() {
        return Err(SpannedError::new(
            group.span(),
            "expected at least one path",
        ));
    }
    Ok(paths)
}

/// A string literal.
fn text(tokens: &mut Tokens, expected: &str) -> Result<Text> {
    let Some(token) = tokens.next() else {
        return Err(SpannedError::new(
            Span::call_site(),
            format!("expected {expected} as a string, found the end of the input"),
        ));
    };
    // A literal that came through `macro_rules!` stands in a group without delimiters.
    let mut token = token;
    while let TokenTree::Group(group) = &token {
        let mut inner = group.stream().into_iter();
        match (group.delimiter(), inner.next(), inner.next()) {
            (Delimiter::None, Some(only), None) => token = only,
            _ => break,
        }
    }
    let span = token.span();
    let value = match &token {
        TokenTree::Literal(literal) => unquote(&literal.to_string()),
        _ => None,
    };
    match value {
        Some(value) => Ok(Text { value, span }),
        None => Err(unexpected(&token, &format!("{expected} as a string"))),
    }
}

fn unexpected(token: &TokenTree, expected: &str) -> SpannedError {
    SpannedError::new(
        token.span(),
        format!("expected {expected}, found `{token}`"),
    )
}

/// The value of a string literal in source form; `None` for other literals.
fn unquote(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let closing = format!("\"{}", "#".repeat(hashes));
        let body = raw[hashes..].strip_prefix('"')?;
        return body.strip_suffix(closing.as_str()).map(str::to_owned);
    }
    let body = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut value = String::with_capacity(body.len());
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        match chars.next()? {
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            't' => value.push('\t'),
            '0' => value.push('\0'),
            'x' => {
                let digits: String = chars.by_ref().take(2).collect();
                value.push(char::from(u8::from_str_radix(&digits, 16).ok()?));
            }
            'u' => {
                let digits: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let digits = digits.strip_prefix('{')?.replace('_', "");
                value.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
            }
            // A line end is skipped together with the blanks after it.
            '\n' => while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {},
            quoted @ ('\\' | '"' | '\'') => value.push(quoted),
            _ => return None,
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn string_literals() {
        let ok = |literal: &str| unquote(literal).unwrap();
        assert_eq!(
            ok(r#""a\n\t\"\\\x41\u{e9}\u{1_F980}""#),
            "a\n\t\"\\A\u{e9}\u{1f980}"
        );
        assert_eq!(ok("\"a\\\n   b\""), "ab");
        assert_eq!(ok("r\"a\\n\""), "a\\n");
        assert_eq!(ok("r##\"a\"#b\"##"), "a\"#b");
        for other in ["1", "'a'", "b\"a\"", "c\"a\"", "\"a\\q\""] {
            assert_eq!(unquote(other), None, "{other}");
        }
    }
}
