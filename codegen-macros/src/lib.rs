//! The procedural macro of Linkspan: [`bindgen!`].
//!
//! It reads its input, asks `linkspan_wit::bindgen` for the text and hands it to the compiler; it
//! decides nothing about the text. Its own errors stand on the token that is wrong; errors of the
//! WIT name file, line and column, and stand on the literal that led there.
//!
//! It depends on no parser of Rust: the input is a handful of literals.
#![forbid(unsafe_code)]

extern crate proc_macro;

mod error;
mod input;

use std::path::{Path, PathBuf};

use linkspan_wit::bindgen::{Generator, Output};
use linkspan_wit::{Loader, Severity};
use proc_macro::{Span, TokenStream};

use crate::error::SpannedError;
use crate::input::{Input, Text};

/// Generates the types, traits and calls of a WIT world.
///
/// ```text
/// linkspan::bindgen!("hello");                    // the world `hello` in `wit/`, or `wit/hello.wit`
/// linkspan::bindgen!("hello" in "../shared/wit"); // the same, elsewhere
/// linkspan::bindgen!(in "../shared/wit");         // the only world there
/// linkspan::bindgen!({
///     world: "acme:app/hello@1.2.0", // as WIT names it; may be left out if there is only one
///     path: ["wit", "more.wit"],     // a file or folder, or several
///     inline: "package …; world …",  // WIT in place, which may refer to what is in `path`
/// });
/// ```
///
/// Paths start at the folder of the package's manifest. A change of a file that was read builds the
/// crate again; a file that is new in a folder does so only with a `cargo::rerun-if-changed` in
/// the build script.
///
/// What is generated is described at `linkspan::Bindings`. A world that the generator does not support
/// yet (streams, futures, asynchronous functions) is an error that lists each item.
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    match expand(input) {
        Ok(tokens) => tokens,
        Err(error) => error.into_compile_error(),
    }
}

fn expand(input: TokenStream) -> Result<TokenStream, SpannedError> {
    let input = Input::parse(input)?;
    let (loader, world) = sources(&input)?;
    let mut generator = Generator::new(loader);
    if let Some(world) = &world {
        generator = generator.world(world.value.as_str());
    }
    // An error in choosing the world stands on its name, any other on the sources.
    let blame = |error: &linkspan_wit::Error| {
        let source = input.inline.as_ref().or(input.paths.first());
        let world = world.as_ref().filter(|_| is_selection(error));
        let text = world.or(source).or(input.world.as_ref());
        text.map_or_else(Span::call_site, |text| text.span)
    };
    let output = generator
        .generate()
        .and_then(Output::into_result)
        .map_err(|error| {
            let report = format!("{error:#}");
            // The compiler says that it is an error.
            let report = report.strip_prefix("error: ").unwrap_or(&report);
            SpannedError::new(blame(&error), report)
        })?;
    debug_assert!(
        output
            .diagnostics
            .iter()
            .all(|d| d.severity != Severity::Error)
    );
    let code = output.code + "\nuse ::linkspan::Bindings as _;\n" + &tracking(&output.files)?;
    code.parse().map_err(|error| {
        SpannedError::new(
            Span::call_site(),
            format!("the generated bindings are no Rust; this is a bug of the generator: {error}"),
        )
    })
}

fn is_selection(error: &linkspan_wit::Error) -> bool {
    error.kind() == linkspan_wit::ErrorKind::Select
}

/// The sources, and the name of the world if one is to be chosen.
fn sources(input: &Input) -> Result<(Loader, Option<Text>), SpannedError> {
    let root = manifest_folder()?;
    let mut loader = Loader::new();
    let mut world = input.world.clone();
    for path in &input.paths {
        loader = loader.path(existing(&root, &path.value, path.span)?);
    }
    if let Some(inline) = &input.inline {
        loader = loader.text("inline WIT", inline.value.as_str());
    }
    if input.paths.is_empty() && input.inline.is_none() {
        // `wit/hello.wit` beats the folder: the short form names a world or a file.
        let file = world
            .as_ref()
            .map(|w| root.join("wit").join(format!("{}.wit", w.value)));
        match file.filter(|file| file.is_file()) {
            Some(file) => {
                loader = loader.path(file);
                world = None;
            }
            None => {
                let span = world.as_ref().map_or_else(Span::call_site, |w| w.span);
                loader = loader.path(existing(&root, "wit", span)?);
            }
        }
    }
    Ok((loader, world))
}

fn manifest_folder() -> Result<PathBuf, SpannedError> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    folder.ok_or_else(|| {
        SpannedError::new(
            Span::call_site(),
            "paths start at the folder in `CARGO_MANIFEST_DIR`, which is not set: build with cargo",
        )
    })
}

/// `path` from `root`, if it is there.
fn existing(root: &Path, path: &str, span: Span) -> Result<PathBuf, SpannedError> {
    let full = root.join(path);
    if full.exists() {
        return Ok(full);
    }
    Err(SpannedError::new(
        span,
        format!("there is no file or folder `{}`", full.display()),
    ))
}

/// Items that make the compiler watch the files.
fn tracking(files: &[PathBuf]) -> Result<String, SpannedError> {
    let mut text = String::new();
    for file in files {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let Some(path) = file.to_str() else {
            return Err(SpannedError::new(
                Span::call_site(),
                format!("the path `{}` is not UTF-8", file.display()),
            ));
        };
        text += &format!("const _: &[u8] = ::core::include_bytes!({path:?});\n");
    }
    Ok(text)
}
