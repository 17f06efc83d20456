//! The plan of a component: what nesting, aliases and instantiations come to.

use linkspan::{Component, Engine};

use crate::Case;

/// Plans the component and prints the steps.
#[must_use]
pub fn explain(case: &Case) -> String {
    match Component::new(&Engine::default(), &case.text) {
        Ok(component) => component.explain(),
        Err(error) => format!("error, which belongs into the stage `error`:\n{error:#}\n"),
    }
}
