//! The Rust that `bindgen!` writes for a world.

use linkspan_wit::bindgen::{Generator, Source};

use crate::Case;

/// Generates bindings for the case's world; `//! world = name` chooses one.
///
/// # Errors
///
/// When there are none: that is a case of the stage `error`.
pub fn generate(case: &Case) -> Result<String, String> {
    let mut generator = Generator::new(Source::text(case.name(), case.text.clone()));
    if let Some(world) = case.option("world") {
        generator = generator.world(world);
    }
    let output = generator.generate().map_err(|error| error.render())?;
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
