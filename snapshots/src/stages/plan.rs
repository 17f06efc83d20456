//! The plan of a component: what nesting, aliases and instantiations come to.

use linkspan::{Component, Engine};

use crate::Case;

/// Plans the component and prints the steps.
///
/// # Errors
///
/// When there is no plan: that is a case of the stage `error`.
pub fn explain(case: &Case) -> Result<String, String> {
    let component = Component::new(&Engine::default(), &case.text);
    component
        .map(|component| component.explain())
        .map_err(|error| format!("{error:#}"))
}
