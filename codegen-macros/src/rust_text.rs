//! Tokens of Rust as text, the same whatever compiler prints them.
//!
//! It serves paths and attributes. The result is Rust again, and for paths without spaces that
//! nobody would write.

use proc_macro::{Delimiter, Spacing, TokenTree};

/// The text of `tokens`.
pub(crate) fn of(tokens: impl IntoIterator<Item = TokenTree>) -> String {
    let mut out = String::new();
    write(&mut out, tokens);
    out
}

fn write(out: &mut String, tokens: impl IntoIterator<Item = TokenTree>) {
    let mut joint = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                out.push_str(open);
                write(out, group.stream());
                out.push_str(close);
                joint = false;
            }
            TokenTree::Punct(punct) => {
                let c = punct.as_char();
                // `::`, `<`, `>`, `&`, `'` and the like stand close to their neighbours.
                let spaced = matches!(c, '=' | '+' | '|') && !joint;
                if spaced {
                    out.push(' ');
                }
                out.push(c);
                joint = punct.spacing() == Spacing::Joint;
                if !joint && (matches!(c, '=' | '+' | '|' | ',') || out.ends_with("->")) {
                    out.push(' ');
                }
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                let after_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
                if out.ends_with(after_word) {
                    out.push(' ');
                }
                out.push_str(&token.to_string());
                joint = false;
            }
        }
    }
    // A comma at the end separates nothing.
    out.truncate(out.trim_end().len());
}
