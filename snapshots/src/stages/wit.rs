//! WIT as our printer writes it: what the loader understood.

use linkspan_wit::PackageSet;

use crate::Case;

/// Loads the case and prints it again.
///
/// # Errors
///
/// When it cannot be loaded: that is a case of the stage `error`.
pub fn print(case: &Case) -> Result<String, String> {
    let set = PackageSet::from_text(case.name(), case.text.clone());
    set.map(|set| set.print()).map_err(|error| error.render())
}
