//! What every path of a program must be, whatever the file system.

use crate::error::{ErrorCode, Result};

/// The longest path in bytes.
pub(crate) const PATH_MAX: usize = 4096;

/// Checks a path that a program gives: relative, of one to 4096 bytes, without NUL.
/// What a symbolic link is to hold is one, too: an absolute path could only mislead
/// others.
/// Where it leads is the file system's business.
pub(crate) fn checked(path: &str) -> Result<&str> {
    if path.is_empty() {
        return Err(ErrorCode::NoEntry);
    }
    if path.len() > PATH_MAX {
        return Err(ErrorCode::NameTooLong);
    }
    if path.contains('\0') {
        return Err(ErrorCode::Invalid);
    }
    if path.starts_with('/') {
        return Err(ErrorCode::NotPermitted);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_text_of_bounded_length() {
        let long = "a/".repeat(PATH_MAX / 2);
        assert_eq!(checked(&long), Ok(&*long));
        assert_eq!(checked(&format!("{long}a")), Err(ErrorCode::NameTooLong));
        assert_eq!(checked(""), Err(ErrorCode::NoEntry));
        assert_eq!(checked("a\0b"), Err(ErrorCode::Invalid));
        assert_eq!(checked("/etc/passwd"), Err(ErrorCode::NotPermitted));
    }
}
