//! A shallow look at WIT text before the parser sees it.
//!
//! It is no parser: it knows comments, strings, words and punctuation. It serves three ends.
//! [`check`] refuses what the parser answers with a panic or a place in the wrong file,
//! [`blank_empty_comments`] takes out the one comment that the parser cannot digest, and
//! [`declared_names`] and [`unclosed_brace`] help to explain errors.
//!
//! Invariants: nothing here recurses, and each function is linear in the text.

use std::borrow::Cow;
use std::ops::Range;

/// What a [`Token`] is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A comment of either form.
    Comment,
    /// A word, without a leading `%`.
    Word,
    /// A string literal.
    String,
    /// Any other character that is not white space.
    Other,
}

#[derive(Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

impl Token {
    fn text(self, source: &str) -> &str {
        &source[self.start..self.end]
    }
}

/// Splits text into tokens; white space is dropped.
struct Tokens<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// The end of the comment that starts at `start`; `None` if none starts there.
    fn comment_end(&self, start: usize) -> Option<usize> {
        let rest = &self.text[start..];
        if rest.starts_with("//") {
            return Some(start + rest.find('\n').unwrap_or(rest.len()));
        }
        let mut bytes = rest.strip_prefix("/*")?.bytes().enumerate().peekable();
        let mut depth = 1_usize;
        while let Some((i, byte)) = bytes.next() {
            match (byte, bytes.peek()) {
                (b'/', Some((_, b'*'))) => depth += 1,
                (b'*', Some((_, b'/'))) => depth -= 1,
                _ => continue,
            }
            bytes.next();
            if depth == 0 {
                // Two bytes opened the comment, and two more close it at `i`.
                return Some(start + 2 + i + 2);
            }
        }
        Some(self.text.len())
    }

    /// The end of the string literal that starts at `start`.
    fn string_end(&self, start: usize) -> usize {
        let mut escaped = false;
        for (i, byte) in self.text[start..].bytes().enumerate().skip(1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return start + i + 1,
                _ => {}
            }
        }
        self.text.len()
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let rest = &self.text[self.position..];
        let start = self.position + rest.find(|c: char| !c.is_whitespace())?;
        let first = self.text[start..].chars().next()?;
        let (kind, end) = if let Some(end) = self.comment_end(start) {
            (Kind::Comment, end)
        } else if first == '"' {
            (Kind::String, self.string_end(start))
        } else if is_word(first) {
            let rest = &self.text[start..];
            (
                Kind::Word,
                start + rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            )
        } else {
            (Kind::Other, start + first.len_utf8())
        };
        self.position = end;
        Some(Token { kind, start, end })
    }
}

/// Something [`check`] refuses: where, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
}

/// Refuses characters that WIT forbids and lists of gates that contradict themselves.
pub(crate) fn check(text: &str) -> Result<(), Refused> {
    check_characters(text)?;
    let mut gates = Gates::default();
    let mut tokens = Tokens::new(text).filter(|t| t.kind != Kind::Comment);
    let mut next = tokens.next();
    while let Some(token) = next {
        next = tokens.next();
        if token.text(text) != "@" {
            gates.finish()?;
            gates = Gates::default();
            continue;
        }
        let Some(name) = next.filter(|t| t.kind == Kind::Word) else {
            continue;
        };
        // `@1.2.0` is a version, not a gate.
        if name.text(text).starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        gates.add(name.text(text), name.start..name.end)?;
        next = tokens.next();
        if next.is_some_and(|t| t.text(text) == "(") {
            next = tokens.find(|t| t.text(text) == ")").and(tokens.next());
        }
    }
    gates.finish()
}

/// The gates before one item.
#[derive(Default)]
struct Gates {
    since: Option<Range<usize>>,
    unstable: Option<Range<usize>>,
    deprecated: Option<Range<usize>>,
}

impl Gates {
    fn add(&mut self, name: &str, range: Range<usize>) -> Result<(), Refused> {
        let slot = match name {
            "since" => &mut self.since,
            "unstable" => &mut self.unstable,
            "deprecated" => &mut self.deprecated,
            _ => return Ok(()),
        };
        if slot.replace(range.clone()).is_some() {
            return Err(Refused {
                range,
                message: format!("an item cannot have two `@{name}` gates"),
            });
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), Refused> {
        match (&self.since, &self.unstable, &self.deprecated) {
            (Some(range), Some(_), _) => Err(Refused {
                range: range.clone(),
                message: "an item cannot be both `@since` and `@unstable`".to_owned(),
            }),
            (None, None, Some(range)) => Err(Refused {
                range: range.clone(),
                message: "`@deprecated` needs `@since` or `@unstable` beside it".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Refuses control characters, characters that change the direction of text, and characters that
/// Unicode discourages. WIT forbids them everywhere, comments included.
fn check_characters(text: &str) -> Result<(), Refused> {
    for (start, c) in text.char_indices() {
        if let Some(what) = forbidden(c) {
            return Err(Refused {
                range: start..start + c.len_utf8(),
                message: format!("{what} U+{:04X} is not allowed in WIT", u32::from(c)),
            });
        }
    }
    Ok(())
}

/// Why `c` may not stand in WIT; `None` if it may.
pub(crate) fn forbidden(c: char) -> Option<&'static str> {
    match c {
        '\n' | '\r' | '\t' => None,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some("direction-changing character"),
        '\u{149}' | '\u{673}' | '\u{f77}' | '\u{f79}' | '\u{17a3}' | '\u{17a4}' | '\u{17b4}'
        | '\u{17b5}' => Some("discouraged character"),
        c if c.is_control() => Some("control character"),
        _ => None,
    }
}

/// Replaces each `/**/`, which the parser takes for an unfinished documentation comment, by
/// spaces; all offsets stay.
pub(crate) fn blank_empty_comments(text: &str) -> Cow<'_, str> {
    let empty = |t: &Token| t.kind == Kind::Comment && t.text(text) == "/**/";
    let mut found = Tokens::new(text).filter(empty).peekable();
    if found.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for token in found {
        out.push_str(&text[copied..token.start]);
        out.push_str("    ");
        copied = token.end;
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Whether `text` is one comment from its first to its last byte.
pub(crate) fn is_one_comment(text: &str) -> bool {
    let end = Tokens::new(text).comment_end(0);
    end == Some(text.len()) && (text.starts_with("//") || text.ends_with("*/"))
}

/// The words that stand where a name is declared or brought into scope.
pub(crate) fn declared_names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut declares = false;
    let mut in_use = false;
    for token in Tokens::new(text).filter(|t| t.kind != Kind::Comment) {
        let word = token.text(text);
        if token.kind == Kind::Word && (declares || in_use) && word != "as" {
            names.push(word);
        }
        match word {
            "use" => in_use = true,
            ";" => in_use = false,
            _ => {}
        }
        let keyword = matches!(
            word,
            "type" | "record" | "variant" | "enum" | "flags" | "resource" | "interface" | "world"
        );
        declares = (keyword && !declares) || (declares && word == "%");
    }
    names
}

/// The innermost `{` that is never closed.
pub(crate) fn unclosed_brace(text: &str) -> Option<Range<usize>> {
    let mut open = Vec::new();
    for token in Tokens::new(text).filter(|t| t.kind == Kind::Other) {
        match token.text(text) {
            "{" => open.push(token.start..token.end),
            "}" => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_that_contradict_themselves_are_refused() {
        for bad in [
            "@since(version = 1.0.0) @since(version = 1.0.0) use a:b/c;",
            "@unstable(feature = x) // why\n @unstable(feature = y) f: func();",
            "@since(version = 1.0.0) @unstable(feature = x) f: func();",
            "@deprecated(version = 1.0.0) f: func();",
            "@deprecated(version=1.0.0)",
            "@since(version=1.0.0) @since",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        for good in [
            "@since(version = 1.0.0) @deprecated(version = 1.1.0) f: func();",
            "@since(version = 1.0.0) f: func(); @since(version = 1.0.0) g: func();",
            "package a:b@1.0.0; use c:d/e@1.0.0; import f:g/h@2.0.0;",
            "/* @since @since */ // @deprecated",
            "@external-id(\")(\\\"@deprecated\") f: func();",
            "@",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn forbidden_characters_are_found_anywhere() {
        let refused = check("// a\u{202e}b").unwrap_err();
        assert_eq!(refused.range, 4..7);
        assert!(check("a\0").is_err());
        assert!(check("tab\there\r\n\u{feff}").is_ok());
    }

    #[test]
    fn empty_comments_are_blanked_where_they_stand_alone() {
        assert_eq!(blank_empty_comments("a/**/b /***/"), "a    b /***/");
        let nested = "/* /**/ */ // /**/\n\"/**/\"";
        assert_eq!(blank_empty_comments(nested), nested);
    }

    #[test]
    fn helpers_see_names_and_braces() {
        let text = "interface i { use x.{a as b}; type %type = u8; record r { f: u8 }";
        assert_eq!(declared_names(text), ["i", "x", "a", "b", "type", "r"]);
        assert_eq!(unclosed_brace(text), Some(12..13));
        assert_eq!(unclosed_brace("{ } /* { */"), None);
    }

    #[test]
    fn unfinished_tokens_end_with_the_text() {
        for text in ["/* /* */", "\"abc\\", "\"", "//", "%", "/*/"] {
            assert!(Tokens::new(text).count() <= text.len());
            let _ = check(text);
        }
    }
}
