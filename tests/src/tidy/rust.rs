//! Splits Rust source text into code and comments without parsing it.
//!
//! Both views keep every line break, so a place in a view is a place in the
//! file. Text inside string and character literals is in neither view.

/// The two views of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Views {
    /// The code; comments and the insides of literals are blank.
    pub code: String,
    /// The comments; everything else is blank.
    pub comments: String,
}

/// Splits `text`. Never fails: an unclosed literal or comment extends to the end.
#[must_use]
pub fn views(text: &str) -> Views {
    let mut scanner = Scanner {
        rest: text,
        views: Views::default(),
    };
    while let Some(next) = scanner.rest.chars().next() {
        let rest = scanner.rest;
        if rest.starts_with("//") {
            scanner.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            scanner.comment(block_comment_length(rest));
        } else if let Some(length) = raw_string_length(rest) {
            scanner.literal(length);
        } else if next == '"' {
            scanner.literal(quoted_length(rest, '"'));
        } else if next == '\'' && is_char_literal(rest) {
            scanner.literal(quoted_length(rest, '\''));
        } else if next.is_alphanumeric() || next == '_' {
            // A whole word at once: the `r` of `for"` starts no raw string.
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            scanner.code(end);
        } else {
            scanner.code(next.len_utf8());
        }
    }
    scanner.views
}

/// The words of a line of code with their parts: identifiers, split at `_` and
/// at capitals, in small letters.
pub fn words(line: &str) -> impl Iterator<Item = (&str, Vec<String>)> {
    let identifiers = line.split(|c: char| !c.is_alphanumeric() && c != '_');
    identifiers
        .filter(|word| !word.is_empty())
        .map(|word| (word, parts(word)))
}

fn parts(word: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut previous_small = false;
    for c in word.chars() {
        if c == '_' || (c.is_uppercase() && previous_small) {
            parts.push(String::new());
        }
        previous_small = c.is_lowercase();
        if c != '_'
            && let Some(part) = parts.last_mut()
        {
            part.extend(c.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

struct Scanner<'a> {
    rest: &'a str,
    views: Views,
}

impl Scanner<'_> {
    fn code(&mut self, length: usize) {
        self.take(length, true, false);
    }

    fn comment(&mut self, length: usize) {
        self.take(length, false, true);
    }

    fn literal(&mut self, length: usize) {
        self.take(length, false, false);
    }

    fn take(&mut self, length: usize, code: bool, comment: bool) {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        for c in taken.chars() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            self.views.code.push(if code { c } else { blank });
            self.views.comments.push(if comment { c } else { blank });
        }
        self.rest = rest;
    }
}

/// Length of the block comment at the start of `text`; block comments nest.
fn block_comment_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Length of the raw string literal at the start of `text`, if one is there.
fn raw_string_length(text: &str) -> Option<usize> {
    let after_prefix = ["br", "cr", "r"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = after_prefix.len() - after_prefix.trim_start_matches('#').len();
    let body = after_prefix[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - body.len();
    Some(
        body.find(&close)
            .map_or(text.len(), |at| start + at + close.len()),
    )
}

/// Length of the literal at the start of `text`, from quote to quote.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match (escaped, c) {
            (true, _) => escaped = false,
            (false, '\\') => escaped = true,
            (false, c) if c == quote => return at + quote.len_utf8(),
            (false, _) => {}
        }
    }
    text.len()
}

/// Tells `'x'` and `'\n'` from the lifetime `'x`.
fn is_char_literal(text: &str) -> bool {
    let mut after = text.chars().skip(1);
    match after.next() {
        Some('\\') => true,
        Some(_) => after.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_comments_are_told_apart() {
        let text = "let a = \"// no\"; // yes\n/* one /* two */ */ fn f<'a>() { 'x'; '\\''; }\n";
        let views = views(text);
        assert_eq!(views.code.lines().count(), 2);
        let code: Vec<_> = views.code.split_whitespace().collect();
        assert_eq!(code.join(" "), "let a = ; fn f<'a>() { ; ; }");
        let comments: Vec<_> = views.comments.split_whitespace().collect();
        assert_eq!(comments.join(" "), "// yes /* one /* two */ */");
    }

    #[test]
    fn raw_strings_end_where_they_end() {
        let views = views("f(r#\"a \" unsafe \"#, br\"\\\", for_r\"x\", 'é') + 1");
        assert!(!views.code.contains("unsafe"));
        assert!(views.code.ends_with(") + 1"), "{:?}", views.code);
        assert!(views.code.contains("for_r"));
    }

    #[test]
    fn unclosed_literals_extend_to_the_end() {
        for text in ["\"a", "r#\"a\"", "/* a", "'\\", "b\"\\", "'"] {
            assert_eq!(views(text).code.chars().count(), text.chars().count());
        }
    }

    #[test]
    fn words_have_parts() {
        let found: Vec<_> = words("ComponentState::own_resource(RESOURCE_MAX)").collect();
        assert_eq!(found[0].1, ["component", "state"]);
        assert_eq!(found[1].1, ["own", "resource"]);
        assert_eq!(found[2].1, ["resource", "max"]);
    }
}
