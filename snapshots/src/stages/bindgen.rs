//! The Rust that `bindgen!` writes for a world.

use linkspan_wit::bindgen::{Generator, Options, Source};

use crate::Case;

/// Generates bindings for the case's world; `//! world = name` chooses one, and
/// lines such as `//! imports = f = trap` set options.
///
/// # Errors
///
/// When there are none: that is a case of the stage `error`.
pub fn generate(case: &Case) -> Result<String, String> {
    let mut generator = Generator::new(Source::text(case.name(), case.text.clone()));
    if let Some(world) = case.option("world") {
        generator = generator.world(world);
    }
    let options = options(&case.text).map_err(|error| error.render())?;
    let output = generator
        .options(options)
        .generate()
        .map_err(|error| error.render())?;
    let notes: String = output
        .diagnostics
        .iter()
        .map(|note| note.render())
        .collect();
    if output.code.is_empty() {
        Err(notes)
    } else {
        Ok(format!("{notes}{}", output.code))
    }
}

/// The options in the first lines of a case, as [`Options::set`] takes them.
///
/// # Errors
///
/// Those of [`Options::set`].
pub fn options(text: &str) -> Result<Options, linkspan_wit::Error> {
    let mut options = Options::default();
    let head = text.lines().map_while(|line| line.strip_prefix("//!"));
    for (option, value) in head.filter_map(|line| line.split_once('=')) {
        if option.trim() != "world" {
            options.set(option.trim(), value)?;
        }
    }
    Ok(options)
}
