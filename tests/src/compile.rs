//! Compiles single files with rustc, against the library that the running test was built with.
//!
//! Nothing is built again for it: the library, and the macro with it, lie beside the test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A command that checks the library in `file`, as Cargo would for a package in `folder`.
///
/// What it writes goes below Cargo's target folder.
///
/// # Panics
///
/// If there is no library beside the running test.
#[must_use]
pub fn rustc(folder: &Path, file: &Path) -> Command {
    let test = std::env::current_exe().unwrap_or_default();
    let deps = test.parent().unwrap_or(Path::new("."));
    let library = library(deps).expect("the library that this test was built with");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command
        .args(["--edition", "2024", "--crate-type", "lib"])
        .args(["--emit", "metadata"])
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg("--extern")
        .arg(format!("linkspan={}", library.display()))
        .arg("--out-dir")
        .arg(deps.join("ui"))
        .arg(file)
        .env("CARGO_MANIFEST_DIR", folder);
    command
}

/// The newest build of the library in `deps`: others are left from other features.
fn library(deps: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(deps).ok()?.filter_map(Result::ok);
    let libraries = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("liblinkspan-") && name.ends_with(".rlib")
    });
    let newest = libraries.max_by_key(|entry| entry.metadata().and_then(|m| m.modified()).ok());
    newest.map(|entry| entry.path())
}
