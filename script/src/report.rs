//! What a script run tells: how many directives held, and what went wrong.

use std::collections::BTreeMap;
use std::fmt;

/// The outcome of one script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Directives that held.
    pub passed: u32,
    /// Directives that did not, in the order of the script.
    pub failures: Vec<Failure>,
    /// Modules that were refused as they should be, with another text than the
    /// script names. The texts of other validators are no part of the standard.
    pub differing_texts: Vec<Failure>,
    /// How many directives of each kind were judged, whatever came of them.
    pub judged: BTreeMap<&'static str, u32>,
}

/// One directive that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Line of the directive, counted from 1.
    pub line: u32,
    /// Column of the directive, counted from 1.
    pub column: u32,
    /// Which directive it is, with what it is about: `assert_return "fac"`.
    pub directive: String,
    /// What the script expects.
    pub expected: String,
    /// What happened.
    pub found: String,
}

impl Report {
    /// Whether every directive held.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: expected {}, found {}",
            self.line, self.column, self.directive, self.expected, self.found
        )
    }
}
