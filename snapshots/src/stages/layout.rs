//! The layout of a component's types, and how its functions' values travel.

use linkspan::{Component, Engine};

use crate::Case;

/// Prints the layout of all types of the component's functions.
///
/// # Errors
///
/// When the component is refused: that is a case of the stage `error`.
pub fn explain(case: &Case) -> Result<String, String> {
    let component = Component::new(&Engine::default(), &case.text);
    component
        .map(|component| component.explain_layout())
        .map_err(|error| format!("{error:#}"))
}
