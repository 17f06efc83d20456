//! Whether the text of a trap or an error is the one that a script expects.

/// Whether a trap that says `found` is the one a script calls `expected`.
///
/// Scripts abbreviate (`undefined element` for `undefined element 7`) and
/// sometimes say more than a trap knows (`uninitialized element 2`), so one
/// text must begin the other; the scripts of components quote a part. An empty
/// text matches nothing.
pub(crate) fn is_trap(expected: &str, found: &str) -> bool {
    let expected = expected.strip_prefix("wasm trap: ").unwrap_or(expected);
    if expected.is_empty() || found.is_empty() {
        return false;
    }
    found.contains(expected) || expected.starts_with(found)
}

/// Whether `found` says that an exception left the guest.
pub(crate) fn is_exception(found: &str) -> bool {
    found.starts_with("uncaught exception: ")
}

/// Whether a module that was refused with `found` was refused for the reason
/// that a script gives. The texts are no part of the standard: a difference is
/// worth a remark, not a failure.
pub(crate) fn is_refusal(expected: &str, found: &str) -> bool {
    found.to_lowercase().contains(&expected.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_matches_by_prefix_or_quotation() {
        assert!(is_trap("out of bounds", "out of bounds memory access"));
        assert!(is_trap("uninitialized element 2", "uninitialized element"));
        assert!(is_trap(
            "wasm trap: unaligned pointer",
            "f: unaligned pointer: 0x3"
        ));
        assert!(!is_trap("integer overflow", "integer divide by zero"));
        assert!(!is_trap("", "unreachable"));
        assert!(!is_trap("unreachable", ""));
        assert!(is_exception("uncaught exception: tag without a name"));
        assert!(!is_exception("unreachable"));
    }
}
