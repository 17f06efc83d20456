//! WIT names to Rust names: case conversion, keywords, and a collision-free allocator.
//!
//! The mapping follows what hosts of the component model already know: functions, fields,
//! parameters and modules are `snake_case`, types and cases `UpperCamelCase`, flags
//! `SHOUTY_SNAKE_CASE`. It is not for names a user reads in messages: those keep the spelling of
//! WIT (`acme:app/net#fetch`).
//!
//! Invariants: every function here returns a valid Rust identifier for every valid WIT label, and
//! a [`Scope`] never hands out the same identifier twice. Both are deterministic: the same labels
//! in the same order give the same names.

use std::collections::BTreeMap;
use std::fmt;

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

/// Words that are not identifiers in any edition up to 2024, with `try` and `gen`.
///
/// Weak keywords (`union`, `raw`, `macro_rules`, `safe`, `'static`) are legal identifiers and
/// therefore absent. Sorted, so that membership is a binary search.
const KEYWORDS: &[&str] = &[
    "Self", "_", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Whether `name` is a word that Rust does not accept as an identifier.
///
/// ```
/// use linkspan_wit::names::is_keyword;
///
/// assert!(is_keyword("type") && is_keyword("Self") && is_keyword("gen"));
/// assert!(!is_keyword("union"));
/// ```
#[must_use]
pub fn is_keyword(name: &str) -> bool {
    KEYWORDS.binary_search(&name).is_ok()
}

/// Makes an identifier out of a converted label: keywords get a trailing `_`.
fn escape(mut name: String) -> String {
    // A label always starts with a letter; this guards names that did not come out of WIT.
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if is_keyword(&name) {
        name.push('_');
    }
    name
}

/// The Rust name of a function, field, parameter or module.
///
/// ```
/// use linkspan_wit::names::snake;
///
/// assert_eq!(snake("get-it"), "get_it");
/// assert_eq!(snake("method-GET"), "method_get");
/// assert_eq!(snake("type"), "type_");
/// ```
#[must_use]
pub fn snake(label: &str) -> String {
    escape(label.to_snake_case())
}

/// The Rust name of a type, a trait, or a case of a variant or enum.
///
/// ```
/// use linkspan_wit::names::upper_camel;
///
/// assert_eq!(upper_camel("point-2d"), "Point2d");
/// assert_eq!(upper_camel("self"), "Self_");
/// ```
#[must_use]
pub fn upper_camel(label: &str) -> String {
    escape(label.to_upper_camel_case())
}

/// The Rust name of a flag.
///
/// ```
/// assert_eq!(linkspan_wit::names::shouty("read-write"), "READ_WRITE");
/// ```
#[must_use]
pub fn shouty(label: &str) -> String {
    escape(label.to_shouty_snake_case())
}

/// The Rust module of a package.
///
/// `version` is given only when the same bindings hold several versions of the package; it is
/// then appended with `.`, `-` and `+` written as `_`.
///
/// ```
/// use linkspan_wit::names::package_module;
///
/// assert_eq!(package_module("io", None), "io");
/// assert_eq!(package_module("io", Some("0.2.0-rc.1")), "io0_2_0_rc_1");
/// assert_eq!(package_module("use", Some("1.0.0")), "use1_0_0");
/// ```
#[must_use]
pub fn package_module(package: &str, version: Option<&str>) -> String {
    let mut module = package.to_snake_case();
    if let Some(version) = version {
        module.extend(version.chars().map(|c| match c {
            '.' | '-' | '+' => '_',
            c => c,
        }));
    }
    escape(module)
}

/// A name that a [`Scope`] could not give as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The WIT label that asked for a name.
    pub label: String,
    /// The Rust name it would have had.
    pub wanted: String,
    /// The Rust name it got.
    pub given: String,
}

impl fmt::Display for Renamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label,
            wanted,
            given,
        } = self;
        write!(
            f,
            "`{label}` is named `{given}` in Rust, because `{wanted}` is taken"
        )
    }
}

/// The names of one Rust scope: a module, the methods of one trait, the fields of one struct.
///
/// Rust has separate namespaces for types and values; a scope here is one of them, so a module
/// needs two. The first label to ask for a name gets it; a later one gets a `_` appended, then
/// `_2`, `_3` and so on. Ask in WIT order and the result is stable when items are appended.
///
/// ```
/// use linkspan_wit::names::Scope;
///
/// let mut types = Scope::with_reserved(["Self", "Host"]);
/// assert_eq!(types.upper_camel("host"), "Host_");
/// assert_eq!(types.upper_camel("conn"), "Conn");
///
/// let mut methods = Scope::new();
/// assert_eq!(methods.claim("[constructor]conn", "new"), "new");
/// assert_eq!(methods.snake("new"), "new_");
/// assert_eq!(methods.snake("new"), "new_2");
/// assert_eq!(methods.renamed().len(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The suffix to try next for a name that is already taken.
    taken: BTreeMap<String, u32>,
    renamed: Vec<Renamed>,
}

impl Scope {
    /// A scope in which every name is free.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A scope in which `reserved` names are taken, as they stand.
    pub fn with_reserved<'a>(reserved: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scope = Self::new();
        for name in reserved {
            scope.reserve(name);
        }
        scope
    }

    /// Takes `name` as it stands; no label will get it. Taking a taken name does nothing.
    pub fn reserve(&mut self, name: &str) {
        self.taken.entry(name.to_owned()).or_insert(1);
    }

    /// Whether `name` was reserved or given out.
    #[must_use]
    pub fn is_taken(&self, name: &str) -> bool {
        self.taken.contains_key(name)
    }

    /// Allocates the name of a function, field, parameter or module.
    pub fn snake(&mut self, label: &str) -> String {
        self.claim(label, &snake(label))
    }

    /// Allocates the name of a type, trait or case.
    pub fn upper_camel(&mut self, label: &str) -> String {
        self.claim(label, &upper_camel(label))
    }

    /// Allocates the name of a flag.
    pub fn shouty(&mut self, label: &str) -> String {
        self.claim(label, &shouty(label))
    }

    /// Allocates `wanted`, or the nearest free name, for the item that WIT calls `label`.
    pub fn claim(&mut self, label: &str, wanted: &str) -> String {
        let wanted = escape(wanted.to_owned());
        if !self.is_taken(&wanted) {
            self.taken.insert(wanted.clone(), 1);
            return wanted;
        }
        let given = self.next_free(&wanted);
        self.taken.insert(given.clone(), 1);
        self.renamed.push(Renamed {
            label: label.to_owned(),
            wanted,
            given: given.clone(),
        });
        given
    }

    /// The labels that did not get the name they asked for, in the order they asked.
    #[must_use]
    pub fn renamed(&self) -> &[Renamed] {
        &self.renamed
    }

    /// The first free name among `wanted_`, `wanted_2`, `wanted_3`, …
    fn next_free(&mut self, wanted: &str) -> String {
        // `type_` already ends in the separator that a number needs.
        let stem = if wanted.ends_with('_') {
            wanted.to_owned()
        } else {
            format!("{wanted}_")
        };
        let mut number = self.taken.get(wanted).copied().unwrap_or(1);
        loop {
            let candidate = if number == 1 && stem != wanted {
                stem.clone()
            } else {
                format!("{stem}{}", number.max(2))
            };
            number = number.max(1).saturating_add(1);
            if !self.is_taken(&candidate) {
                // Remembered, so that a thousand equal labels cost a thousand steps, not a million.
                self.taken.insert(wanted.to_owned(), number);
                return candidate;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn every_keyword_is_escaped_in_every_case() {
        for keyword in KEYWORDS.iter().filter(|k| **k != "_") {
            let label = keyword.to_lowercase();
            for name in [
                snake(&label),
                upper_camel(&label),
                shouty(&label),
                package_module(&label, None),
                snake(&label.to_uppercase()),
            ] {
                assert!(!is_keyword(&name), "{name} from {label}");
            }
        }
        assert_eq!(snake("TYPE"), "type_");
        assert_eq!(upper_camel("SELF"), "Self_");
    }

    #[test]
    fn escaped_keywords_collide_into_numbers() {
        let mut scope = Scope::new();
        assert_eq!(scope.snake("type"), "type_");
        assert_eq!(scope.claim("[x]type", "type"), "type_2");
        assert_eq!(scope.claim("[y]type", "type"), "type_3");
    }

    #[test]
    fn a_suffix_that_is_taken_is_skipped() {
        let mut scope = Scope::with_reserved(["a", "a_", "a_2"]);
        assert_eq!(scope.snake("a"), "a_3");
        assert_eq!(scope.snake("a"), "a_4");
        assert_eq!(scope.renamed().len(), 2);
        assert_eq!(
            scope.renamed()[0].to_string(),
            "`a` is named `a_3` in Rust, because `a` is taken"
        );
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut scope = Scope::with_reserved(["Host", "Self"]);
        let mut seen = std::collections::BTreeSet::new();
        for label in [
            "host", "host", "Host", "self", "host-", "a1", "a-1", "A1", "new", "new",
        ] {
            assert!(seen.insert(scope.upper_camel(label)), "{label}");
        }
    }

    #[test]
    fn many_equal_labels_are_cheap() {
        let mut scope = Scope::new();
        for _ in 0..20_000 {
            scope.snake("x");
        }
        assert_eq!(scope.snake("x"), "x_20000");
    }

    #[test]
    fn names_not_from_wit_are_still_identifiers() {
        assert_eq!(snake(""), "__");
        assert_eq!(snake("2d"), "_2d");
    }
}
