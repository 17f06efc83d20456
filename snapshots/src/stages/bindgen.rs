//! The Rust that `bindgen!` writes for a world.

use linkspan_wit::bindgen::{Generator, Source};

use crate::Case;

/// Generates bindings for the case's world; `//! world = name` chooses one.
#[must_use]
pub fn generate(case: &Case) -> String {
    let mut generator = Generator::new(Source::text(case.name(), case.text.clone()));
    if let Some(world) = case.option("world") {
        generator = generator.world(world);
    }
    match generator.generate() {
        Ok(output) => {
            let notes: String = output
                .diagnostics
                .iter()
                .map(|note| note.render())
                .collect();
            format!("{notes}{}", output.code)
        }
        Err(error) => format!(
            "error, which belongs into the stage `error`:\n{}",
            error.render()
        ),
    }
}
