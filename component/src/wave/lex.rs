//! The characters of WAVE text: white space, words, numbers, chars and strings.
//!
//! It knows no types; the parser asks for the token that its type calls for. A failed question
//! leaves the position where it was.

use std::ops::Range;

use crate::error::ErrorKind;
use crate::text_error::TextError;

/// The result of looking at text.
pub(super) type Result<T, E = TextError> = std::result::Result<T, E>;

/// A position in a text.
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

/// A word, and whether a `%` stood before it.
#[derive(Clone, Copy)]
pub(super) struct Label<'a> {
    pub(super) name: &'a str,
    pub(super) escaped: bool,
    pub(super) start: usize,
}

impl Label<'_> {
    pub(super) fn span(&self) -> Range<usize> {
        let escape = usize::from(self.escaped);
        self.start..self.start + escape + self.name.len()
    }

    /// Whether the word is one of the reserved ones, unescaped.
    pub(super) fn is_keyword(&self) -> bool {
        !self.escaped && super::KEYWORDS.contains(&self.name)
    }

    /// Whether it is the keyword `word`.
    pub(super) fn is(&self, word: &str) -> bool {
        !self.escaped && self.name == word
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, position: usize) -> Self {
        Self { text, position }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    /// An error about `span`.
    #[cold]
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> TextError {
        TextError::new(ErrorKind::Wave, self.text, span, message)
    }

    /// An error about what stands here: `expected …, found …`.
    #[cold]
    pub(super) fn unexpected(&self, expected: &str) -> TextError {
        let (span, found) = self.found();
        self.error(span, format!("expected {expected}, found {found}"))
    }

    /// What stands here, for a message.
    fn found(&self) -> (Range<usize>, String) {
        let start = self.position;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return (start..start, "the end of the text".to_owned());
        };
        let length = match first {
            '"' | '\'' => {
                let word = if first == '"' { "a string" } else { "a char" };
                return (start..start + 1, word.to_owned());
            }
            c if is_word(c) || c == '%' => {
                let tail = &rest[1..];
                1 + tail
                    .find(|c: char| !is_word(c) && c != '.')
                    .unwrap_or(tail.len())
            }
            c => c.len_utf8(),
        };
        let shown: String = rest[..length].chars().take(40).collect();
        (start..start + length, format!("`{shown}`"))
    }

    /// Skips white space and comments.
    pub(super) fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.position += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.position += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// The next character after white space.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.skip();
        self.rest().chars().next()
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Takes `c` if it comes next.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.position += c.len_utf8();
        }
        found
    }

    /// Takes `c`, which must come next.
    pub(super) fn expect(&mut self, c: char, what: &str) -> Result<()> {
        if self.eat(c) {
            return Ok(());
        }
        Err(self.unexpected(what))
    }

    /// Takes a word if one comes next. Words start with a letter.
    pub(super) fn label(&mut self) -> Result<Option<Label<'a>>> {
        self.skip();
        let start = self.position;
        let rest = self.rest();
        let word = rest.strip_prefix('%').unwrap_or(rest);
        let escaped = word.len() < rest.len();
        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            if escaped {
                return Err(self.error(start..start + 1, "expected a name after `%`"));
            }
            return Ok(None);
        }
        let name = &word[..word.find(|c| !is_word(c)).unwrap_or(word.len())];
        let label = Label {
            name,
            escaped,
            start,
        };
        self.position = label.span().end;
        Ok(Some(label))
    }

    /// Takes a number if one comes next: its text. `nan` and the like are not numbers here, but
    /// `-inf` is.
    pub(super) fn number(&mut self) -> Result<Option<&'a str>> {
        self.skip();
        let start = self.position;
        let rest = self.rest();
        if !rest.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Ok(None);
        }
        let end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
        let token = &rest[..rest.find(end).unwrap_or(rest.len())];
        if token != "-inf" && !is_number(token) {
            let span = start..start + token.len();
            let shown: String = token.chars().take(40).collect();
            return Err(self.error(span, format!("`{shown}` is not a number")));
        }
        self.position += token.len();
        Ok(Some(token))
    }

    /// Takes a char literal, of which the opening quote comes next.
    pub(super) fn char_literal(&mut self) -> Result<char> {
        let start = self.position;
        self.position += 1;
        let c = match self.rest().chars().next() {
            None | Some('\n') => {
                return Err(self.error(start..start + 1, "this char is never closed"));
            }
            Some('\'') => {
                return Err(self.error(start..start + 2, "a char literal holds one character"));
            }
            Some('\\') => self.escape()?,
            Some(c) => {
                self.position += c.len_utf8();
                c
            }
        };
        if !self.rest().starts_with('\'') {
            let span = start..self.position;
            return Err(self
                .error(span, "a char literal holds one character")
                .with_help("a string is written with double quotes"));
        }
        self.position += 1;
        Ok(c)
    }

    /// Takes a string literal of either form, of which the opening quote comes next.
    pub(super) fn string_literal(&mut self) -> Result<String> {
        if self.rest().starts_with("\"\"\"") {
            return self.multiline_string();
        }
        let start = self.position;
        self.position += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(['"', '\\', '\n']).unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.position += plain;
            match rest[plain..].chars().next() {
                Some('"') => {
                    self.position += 1;
                    return Ok(out);
                }
                Some('\\') => out.push(self.escape()?),
                Some(_) | None => {
                    return Err(self
                        .error(start..start + 1, "this string is never closed")
                        .with_help("write a line feed as `\\n`, or use `\"\"\"` around lines"));
                }
            }
        }
    }

    /// `"""`, a line break, lines, and `"""` behind spaces that are taken from every line.
    fn multiline_string(&mut self) -> Result<String> {
        let start = self.position;
        let opening = start..start + 3;
        let body = start + 3;
        let rest = &self.text[body..];
        let first = rest.strip_prefix('\r').unwrap_or(rest);
        let Some(lines) = first.strip_prefix('\n') else {
            return Err(self.error(opening, "a line break must follow `\"\"\"`"));
        };
        let lines_start = self.text.len() - lines.len();
        // The end is searched behind the opening, from its line break on: the break may be the
        // one before the end as well.
        let Some(length) = lines.find("\"\"\"") else {
            return Err(self.error(opening, "this string is never closed"));
        };
        let close = lines_start + length;
        let content = &self.text[lines_start..close];
        let indent = &content[content.rfind('\n').map_or(0, |i| i + 1)..];
        if indent.contains(|c| c != ' ') {
            return Err(self.error(
                close..close + 3,
                "only spaces may stand before the closing `\"\"\"`",
            ));
        }
        let mut out = String::new();
        let mut at = lines_start;
        let last_line = close - indent.len();
        while at < last_line {
            let line = self.text[at..last_line].split('\n').next().unwrap_or("");
            if at > lines_start {
                out.push('\n');
            }
            self.line(line, at, indent, &mut out)?;
            at += line.len() + 1;
        }
        self.position = close + 3;
        Ok(out)
    }

    /// One line of a multi-line string, which starts at `at`.
    fn line(&mut self, line: &str, at: usize, indent: &str, out: &mut String) -> Result<()> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let Some(inner) = line.strip_prefix(indent) else {
            return Err(self.error(
                at..at + line.len(),
                "the line is indented less than the closing `\"\"\"`",
            ));
        };
        let end = at + line.len();
        self.position = end - inner.len();
        while self.position < end {
            let rest = &self.text[self.position..end];
            let plain = rest.find('\\').unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.position += plain;
            if self.position < end {
                out.push(self.escape()?);
            }
        }
        Ok(())
    }

    /// An escape, of which the backslash comes next.
    fn escape(&mut self) -> Result<char> {
        let start = self.position;
        let mut chars = self.rest().chars();
        chars.next();
        let (c, length) = match chars.next() {
            Some('n') => ('\n', 2),
            Some('t') => ('\t', 2),
            Some('r') => ('\r', 2),
            Some(c @ ('\\' | '"' | '\'')) => (c, 2),
            Some('u') => return self.unicode_escape(),
            other => {
                let width = 1 + other.map_or(0, char::len_utf8);
                return Err(self
                    .error(start..start + width, "unknown escape")
                    .with_help(r#"the escapes are \\ \" \' \t \n \r and \u{…}"#));
            }
        };
        self.position += length;
        Ok(c)
    }

    /// `\u{…}` with up to six digits.
    fn unicode_escape(&mut self) -> Result<char> {
        let start = self.position;
        let digits = self.rest()[2..].strip_prefix('{');
        let digits = digits.and_then(|rest| Some(&rest[..rest.find('}')?]));
        let Some(digits) = digits.filter(|d| d.len() < 64) else {
            return Err(self.error(start..start + 2, "expected `\\u{…}`"));
        };
        let span = start..start + 4 + digits.len();
        let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| valid);
        let Some(c) = number.and_then(char::from_u32) else {
            return Err(self.error(span, "not the number of a Unicode scalar value"));
        };
        self.position = span.end;
        Ok(c)
    }
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
fn is_number(token: &str) -> bool {
    let token = token.strip_prefix('-').unwrap_or(token);
    let (mantissa, exponent) = match token.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (token, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let exponent = exponent.map(|e| e.strip_prefix(['+', '-']).unwrap_or(e));
    digits(integer)
        && (integer == "0" || !integer.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}
