//! WIT as our printer writes it: what the loader understood.

use linkspan_wit::PackageSet;

use crate::Case;

/// Loads the case and prints it again.
#[must_use]
pub fn print(case: &Case) -> String {
    match PackageSet::from_text(case.name(), case.text.clone()) {
        Ok(set) => set.print(),
        Err(error) => format!(
            "error, which belongs into the stage `error`:\n{}",
            error.render()
        ),
    }
}
