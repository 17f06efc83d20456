//! Lets the names that bindings define stand where WIT that is among the tokens names them.
//!
//! Editors then go from a Rust name to its WIT, and the compiler shows the WIT where it speaks of a
//! definition. Names keep the meaning they have; only the place changes.

use std::collections::BTreeMap;
use std::iter::Peekable;

use linkspan_wit::bindgen::Output;
use proc_macro::{Delimiter, Group, TokenStream, TokenTree, token_stream};

use crate::error::Place;
use crate::wit_tokens::WitTokens;

type Tokens = Peekable<token_stream::IntoIter>;

/// `code` with the places of `wit`.
pub(crate) fn place(code: TokenStream, output: &Output, wit: &WitTokens) -> TokenStream {
    let items = output.items.iter();
    let places = items.filter_map(|item| {
        let place = wit.name(item.wit_span.as_ref()?)?;
        Some((item.rust_path.as_str(), place.for_definition()))
    });
    let places = Places(places.collect());
    places.items(code, "")
}

/// Where the definition of each Rust path stands in WIT.
struct Places<'a>(BTreeMap<&'a str, Place>);

impl Places<'_> {
    /// The items of a module, trait or block of methods, which is called `path`.
    fn items(&self, tokens: TokenStream, path: &str) -> TokenStream {
        let mut tokens = tokens.into_iter().peekable();
        let mut out = Vec::new();
        while let Some(token) = tokens.next() {
            let word = match &token {
                TokenTree::Ident(word) => word.to_string(),
                TokenTree::Group(_) | TokenTree::Literal(_) | TokenTree::Punct(_) => String::new(),
            };
            let start = out.len();
            out.push(token);
            match word.as_str() {
                "mod" | "trait" => {
                    if let Some(inner) = name(&mut tokens, path, &mut out) {
                        head(&mut tokens, &mut out);
                        self.body(&mut tokens, &inner, &mut out);
                    }
                }
                "struct" | "enum" | "type" | "fn" => {
                    let name = name(&mut tokens, path, &mut out);
                    head(&mut tokens, &mut out);
                    out.extend(tokens.next_if(is_end));
                    if let Some(place) = name.and_then(|name| self.0.get(name.as_str())) {
                        move_to(*place, &mut out[start..]);
                    }
                }
                "impl" => {
                    head(&mut tokens, &mut out);
                    if let Some(name) = implemented(&out[start + 1..]) {
                        self.body(&mut tokens, &join(path, &name), &mut out);
                    }
                }
                _ => {}
            }
        }
        out.into_iter().collect()
    }

    /// Moves the names in the braces that come next.
    fn body(&self, tokens: &mut Tokens, path: &str, out: &mut Vec<TokenTree>) {
        if let Some(TokenTree::Group(group)) = tokens.next_if(is_body)
            && group.delimiter() == Delimiter::Brace
        {
            let mut moved = Group::new(Delimiter::Brace, self.items(group.stream(), path));
            moved.set_span(group.span());
            out.push(moved.into());
        }
    }
}

/// Takes the name that comes next, and answers its path.
fn name(tokens: &mut Tokens, path: &str, out: &mut Vec<TokenTree>) -> Option<String> {
    let token = tokens.next_if(|token| matches!(token, TokenTree::Ident(_)))?;
    let path = join(path, &token.to_string());
    out.push(token);
    Some(path)
}

/// Places the head of a definition, which the compiler marks from its first token to its last.
fn move_to(place: Place, head: &mut [TokenTree]) {
    for (index, token) in head.iter_mut().enumerate() {
        // The keyword and the name, on which editors look, and what follows them.
        let span = if index < 2 {
            place.start()
        } else {
            place.end()
        };
        token.set_span(span);
    }
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_end(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';')
}

/// Moves on to the braces of an item, or to the end of one that has none.
fn head(tokens: &mut Tokens, out: &mut Vec<TokenTree>) {
    while let Some(token) = tokens.next_if(|token| !is_body(token) && !is_end(token)) {
        out.push(token);
    }
}

/// The name of the type that has methods of its own in a block with this head.
fn implemented(head: &[TokenTree]) -> Option<String> {
    let mut depth = 0_usize;
    let mut name = None;
    for token in head {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' => depth = depth.saturating_sub(1),
            TokenTree::Ident(word) if depth == 0 => match word.to_string().as_str() {
                "for" => return None,
                "where" => break,
                word => name = Some(word.to_owned()),
            },
            _ => {}
        }
    }
    name
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}::{name}")
    }
}
