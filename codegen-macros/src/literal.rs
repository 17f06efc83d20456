//! String literals in source form, as the strings they stand for.

/// The value of a string literal in source form; `None` for other literals.
pub(crate) fn unquote(literal: &str) -> Option<String> {
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
