//! Lets Rust paths that were given as values stand at their tokens wherever bindings use them.
//!
//! The compiler then marks the path that leads nowhere, or the type that lacks a trait, and not the
//! whole call. What the paths mean is what they mean where the macro is called.

use proc_macro::{Group, Span, TokenStream, TokenTree};

/// Words before which a name is a definition and no path.
const DEFINING: [&str; 7] = ["struct", "enum", "mod", "fn", "trait", "type", "as"];

/// `code` in which the tokens of each path in `paths` stand where it was given.
pub(crate) fn place(code: TokenStream, paths: &[Vec<TokenTree>]) -> TokenStream {
    if paths.is_empty() {
        return code;
    }
    let mut tokens: Vec<TokenTree> = code.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let TokenTree::Group(group) = &tokens[at] {
            // Groups are nested as deeply as the generator writes them.
            let mut moved = Group::new(group.delimiter(), place(group.stream(), paths));
            moved.set_span(group.span());
            tokens[at] = moved.into();
        } else if !continues(&tokens[..at])
            && let Some(path) = paths.iter().find(|path| begins(&tokens[at..], path))
        {
            for (token, given) in tokens[at..].iter_mut().zip(path) {
                token.set_span(Span::call_site().located_at(given.span()));
            }
            at += path.len() - 1;
        }
        at += 1;
    }
    tokens.into_iter().collect()
}

/// Whether what comes next belongs to a path or definition that has begun.
fn continues(before: &[TokenTree]) -> bool {
    match before.last() {
        Some(TokenTree::Ident(word)) => DEFINING.contains(&word.to_string().as_str()),
        // After one colon comes a type; after two, the rest of a path.
        Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => {
            let one_more = before.len().checked_sub(2).and_then(|at| before.get(at));
            matches!(one_more, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
        }
        _ => false,
    }
}

fn begins(tokens: &[TokenTree], path: &[TokenTree]) -> bool {
    let same = |(token, given): (&TokenTree, &TokenTree)| match (token, given) {
        (TokenTree::Ident(token), TokenTree::Ident(given)) => {
            token.to_string() == given.to_string()
        }
        (TokenTree::Punct(token), TokenTree::Punct(given)) => token.as_char() == given.as_char(),
        _ => false,
    };
    !path.is_empty() && tokens.len() >= path.len() && tokens.iter().zip(path).all(same)
}
