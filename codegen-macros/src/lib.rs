//! The procedural macro of Linkspan: [`bindgen!`].
//!
//! It reads its input, asks `linkspan_wit::bindgen` for the text and hands it to the compiler; it
//! decides nothing about the text. Its errors, and those of WIT that stands among its tokens, are on
//! the token that is wrong; errors of other WIT name file, line and column, and stand on the literal
//! that led there.
//!
//! - `input`: the keys; `cursor`, `literal`, `rust_text`: their values
//! - `wit_tokens`, `wit_text`: WIT among the tokens, and in strings
//! - `sources`: where WIT comes from, and which token an error is about
//! - `wasi`: whether the caller has an implementation of WASI
//! - `emit`: the expansion, in place or in a file; `definitions`, `given_paths`: names at
//!   the tokens that they come from
//!
//! It depends on no parser of Rust: the input is a handful of literals and paths.
#![forbid(unsafe_code)]

extern crate proc_macro;

mod cursor;
mod definitions;
mod emit;
mod error;
mod given_paths;
mod input;
mod literal;
mod rust_text;
mod sources;
mod wasi;
mod wit_text;
mod wit_tokens;

use linkspan_wit::Severity;
use proc_macro::TokenStream;

use crate::error::Errors;
use crate::input::Input;
use crate::sources::Sources;

#[doc = include_str!("bindgen.md")]
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    match expand(input) {
        Ok(tokens) => tokens,
        Err(errors) => errors.into_compile_errors(),
    }
}

fn expand(input: TokenStream) -> Result<TokenStream, Errors> {
    let mut input = Input::parse(input)?;
    if !input.wasi_given {
        input.options.wasi = wasi::module();
    }
    let (sources, generator) = Sources::new(&input)?;
    let output = generator
        .generate()
        .map_err(|error| sources.blame(&error))?;
    // All that cannot be generated is said at once, each on its own token.
    let errors = output.diagnostics.iter();
    let errors = errors.filter(|diagnostic| diagnostic.severity == Severity::Error);
    let errors = errors.map(|diagnostic| sources.blame_diagnostic(diagnostic));
    if let Some(errors) = Errors::from_list(errors.collect()) {
        return Err(errors);
    }
    Ok(emit::expansion(&input, &output)?)
}
