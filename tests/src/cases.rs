//! Lists the files that are a suite's cases.
//!
//! A folder of cases holds nothing else: a file that no suite would run is an
//! error, so that a misspelt extension cannot hide a test.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file below `folder` whose name ends in one of `extensions`, with its
/// path relative to `folder` in `/` notation, sorted by it.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn list(folder: &Path, extensions: &[&str]) -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    walk(folder, "", &mut found)?;
    found.retain(|(name, _)| has_extension(name, extensions));
    found.sort();
    Ok(found)
}

/// As [`list`], for one of the project's own folders of cases.
///
/// # Errors
///
/// When the folder cannot be read or holds a file of another kind.
pub fn own(folder: &Path, extensions: &[&str]) -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    walk(folder, "", &mut found)?;
    if let Some((name, _)) = found
        .iter()
        .find(|(name, _)| !has_extension(name, extensions))
    {
        return Err(format!(
            "expected files ending in {extensions:?} in a folder of cases, found {name}: \
             no suite runs it; rename it or move it out"
        ));
    }
    found.sort();
    Ok(found)
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|found| extensions.iter().any(|expected| found == *expected))
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<(String, PathBuf)>) -> Result<(), String> {
    let entries = fs::read_dir(folder)
        .map_err(|error| format!("failed to read the folder {}: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("failed to read {prefix}: {error}"))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            walk(&path, &format!("{name}/"), found)?;
        } else {
            found.push((name, path));
        }
    }
    Ok(())
}
