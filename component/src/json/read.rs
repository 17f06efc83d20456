//! The tokens of JSON: white space, numbers, strings and words.
//!
//! It knows no types; the parser asks for the token that its type calls for.

use std::ops::Range;

use crate::error::ErrorKind;
use crate::text_error::TextError;

/// The result of looking at text.
pub(super) type Result<T, E = TextError> = std::result::Result<T, E>;

/// A position in a text.
pub(super) struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    /// The first character behind white space, if there is one.
    pub(super) fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.position += rest.len() - trimmed.len();
        trimmed.chars().next()
    }

    /// Takes `c` if it comes next.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.position += c.len_utf8();
        }
        found
    }

    pub(super) fn expect(&mut self, c: char, expected: &str) -> Result<()> {
        if self.eat(c) {
            return Ok(());
        }
        Err(self.unexpected(expected))
    }

    /// Takes `word` if it comes next.
    pub(super) fn word(&mut self, word: &str) -> bool {
        self.peek();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let found = self
            .rest()
            .strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(is_word));
        if found {
            self.position += word.len();
        }
        found
    }

    /// The number that comes next, as it is written; `None` if something else does.
    pub(super) fn number(&mut self) -> Result<Option<&'a str>> {
        if !matches!(self.peek(), Some('-' | '0'..='9')) {
            return Ok(None);
        }
        let rest = self.rest();
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        let token = &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())];
        if !is_number(token) {
            let span = self.position..self.position + token.len();
            let shown: String = token.chars().take(40).collect();
            return Err(self.error(span, format!("`{shown}` is no number of JSON")));
        }
        self.position += token.len();
        Ok(Some(token))
    }

    /// The string that comes next; `None` if something else does.
    pub(super) fn string(&mut self) -> Result<Option<String>> {
        if self.peek() != Some('"') {
            return Ok(None);
        }
        let start = self.position;
        self.position += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let plain = rest
                .find(|c: char| c == '"' || c == '\\' || c < ' ')
                .unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.position += plain;
            let at = self.position;
            match self.rest().chars().next() {
                Some('"') => {
                    self.position += 1;
                    return Ok(Some(out));
                }
                Some('\\') => {
                    self.position += 1;
                    out.push(self.escape(at)?);
                }
                Some(_) => {
                    let message = "a control character in a string";
                    let help = "write it as an escape, such as \\n or \\u0000";
                    return Err(self.error(at..at + 1, message).with_help(help));
                }
                None => return Err(self.error(start..at, "the string does not end")),
            }
        }
    }

    /// The character of the escape whose backslash stands at `start`.
    fn escape(&mut self, start: usize) -> Result<char> {
        let c = self.rest().chars().next();
        self.position += c.map_or(0, char::len_utf8);
        Ok(match c {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let mut code = self.hex4(start)?;
                // A character beyond 16 bits is written as two surrogates.
                if (0xd800..0xdc00).contains(&code) && self.rest().starts_with("\\u") {
                    self.position += 2;
                    let low = self.hex4(start)?;
                    if (0xdc00..0xe000).contains(&low) {
                        code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    }
                }
                char::from_u32(code).ok_or_else(|| {
                    self.error(start..self.position, "half of a pair of surrogates")
                })?
            }
            Some(_) | None => {
                return Err(self.error(start..self.position, "an unknown escape"));
            }
        })
    }

    fn hex4(&mut self, start: usize) -> Result<u32> {
        let digits = self.rest().get(..4);
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.position += 4;
                Ok(code)
            }
            None => Err(self.error(start..self.position, "expected four hexadecimal digits")),
        }
    }

    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> TextError {
        TextError::new(ErrorKind::Json, self.text, span, message)
    }

    /// The error that something else comes next.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &str) -> TextError {
        let next = self.peek();
        let length = next.map_or(0, char::len_utf8);
        let found = match next {
            None => "the end of the text".to_owned(),
            Some('"') => "a string".to_owned(),
            Some('{') => "an object".to_owned(),
            Some('[') => "an array".to_owned(),
            Some('-' | '0'..='9') => "a number".to_owned(),
            Some(c) => {
                let rest = self.rest();
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
                match &rest[..end.unwrap_or(rest.len())] {
                    word @ ("null" | "true" | "false") => format!("`{word}`"),
                    _ => format!("{c:?}"),
                }
            }
        };
        let span = self.position..self.position + length;
        self.error(span, format!("expected {expected}, found {found}"))
    }
}

/// Whether the token is a number by the grammar of JSON, which is stricter than Rust's.
fn is_number(token: &str) -> bool {
    fn digits(text: &str) -> Option<&str> {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < text.len()).then_some(rest)
    }
    let whole = token.strip_prefix('-').unwrap_or(token);
    let Some(mut rest) = digits(whole) else {
        return false;
    };
    if whole.starts_with('0') && whole.len() - rest.len() > 1 {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let Some(behind) = digits(fraction) else {
            return false;
        };
        rest = behind;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        return digits(exponent) == Some("");
    }
    rest.is_empty()
}
