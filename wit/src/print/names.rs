//! Names and literals as WIT writes them.

use wit_parser::PackageName;

use crate::scan;

/// Words that must be written with `%` to be names. Sorted.
const KEYWORDS: &[&str] = &[
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
];

/// `label`, with `%` if it is a keyword.
pub(crate) fn escaped(label: &str) -> String {
    if KEYWORDS.binary_search(&label).is_ok() {
        format!("%{label}")
    } else {
        label.to_owned()
    }
}

/// `ns:pkg@version`
pub(super) fn package(name: &PackageName) -> String {
    let version = name.version.as_ref();
    let version = version.map_or_else(String::new, |v| format!("@{v}"));
    format!(
        "{}:{}{version}",
        escaped(&name.namespace),
        escaped(&name.name)
    )
}

/// `ns:pkg/label@version`
pub(super) fn item(name: &PackageName, label: &str) -> String {
    let version = name.version.as_ref();
    let version = version.map_or_else(String::new, |v| format!("@{v}"));
    format!(
        "{}:{}/{}{version}",
        escaped(&name.namespace),
        escaped(&name.name),
        escaped(label)
    )
}

/// A string literal.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if scan::forbidden(c).is_some() => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_and_escaped() {
        assert!(KEYWORDS.is_sorted());
        assert_eq!(escaped("use"), "%use");
        assert_eq!(escaped("get"), "get");
    }

    #[test]
    fn every_escaped_keyword_is_accepted_and_every_other_name_needs_none() {
        for keyword in KEYWORDS {
            let with = format!(
                "package %{keyword}:p; interface %{keyword} {{ %{keyword}: func(%{keyword}: u8); }}"
            );
            assert!(
                crate::PackageSet::from_text("a.wit", with).is_ok(),
                "{keyword}"
            );
            let without = format!("package a:b; interface i {{ {keyword}: func(); }}");
            assert!(
                crate::PackageSet::from_text("a.wit", without).is_err(),
                "{keyword} need not be escaped"
            );
        }
    }

    #[test]
    fn literals_escape_what_they_must() {
        assert_eq!(literal("a\"\\\n\u{7f}ä"), "\"a\\\"\\\\\\n\\u{7f}ä\"");
    }
}
