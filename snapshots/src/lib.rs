//! What pictures are made of: a case, and one function a stage that turns it
//! into text.
//!
//! A stage prints; it does not judge. What must hold is tested in `tests/`.
#![forbid(unsafe_code)]

pub mod stages;

use std::fs;
use std::path::{Path, PathBuf};

/// One input file.
#[derive(Debug)]
pub struct Case {
    /// Where it stands.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

impl Case {
    /// Reads the case at `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not text.
    pub fn read(path: &Path) -> Result<Case, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("failed to read {}: {error}", path.display()))?;
        Ok(Case {
            path: path.to_owned(),
            text,
        })
    }

    /// The file's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// The values of an option in the file's first lines, which then start
    /// with `;;!` or `//!`: `;;! features = multi-memory`.
    pub fn options<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let head = self.text.lines().map_while(|line| {
            line.strip_prefix(";;!")
                .or_else(|| line.strip_prefix("//!"))
        });
        head.filter_map(move |line| {
            let (found, value) = line.split_once('=')?;
            (found.trim() == key).then_some(value.trim())
        })
    }

    /// The first value of an option.
    #[must_use]
    pub fn option<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.options(key).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_in_the_first_lines() {
        let text = ";;! world = a\n;;! key=1\n;;! key = 2\n(module)\n;;! late = 3".to_owned();
        let case = Case {
            path: "x.wat".into(),
            text,
        };
        assert_eq!(case.option("world"), Some("a"));
        assert_eq!(case.options("key").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(case.option("late"), None);
    }
}
