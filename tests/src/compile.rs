//! Compiles single files with rustc, against the library that the running test was built with.
//!
//! Nothing is built again for it: the library, and the macro with it, lie beside the test.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A command that checks the library in `file`, as Cargo would for a package in `folder`.
///
/// What it writes goes below Cargo's target folder.
///
/// # Panics
///
/// If there is no library beside the running test.
#[must_use]
pub fn rustc(folder: &Path, file: &Path) -> Command {
    let library = library().expect("the library that this test was built with, beside it");
    let mut command = with_library(&deps(), library);
    command.arg(file).env("CARGO_MANIFEST_DIR", folder);
    command
}

fn with_library(deps: &Path, library: &Path) -> Command {
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
        .arg(deps.join("ui"));
    command
}

/// Where Cargo puts the running test, and what it was built with.
fn deps() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    test.parent().unwrap_or(Path::new(".")).to_owned()
}

/// The newest build of the library beside the running test that has the macro: others are left from
/// other features.
pub fn library() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| search(&deps())).as_deref()
}

fn search(deps: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(deps).ok()?.filter_map(Result::ok);
    let libraries = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("liblinkspan-") && name.ends_with(".rlib")
    });
    let mut libraries: Vec<PathBuf> = libraries.map(|entry| entry.path()).collect();
    libraries.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
    libraries
        .into_iter()
        .rev()
        .find(|library| has_macro(deps, library))
}

fn has_macro(deps: &Path, library: &Path) -> bool {
    let mut command = with_library(deps, library);
    command.args(["--crate-name", "probe", "-"]);
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    let probed = command.spawn().and_then(|mut child| {
        if let Some(mut source) = child.stdin.take() {
            source.write_all(b"pub use linkspan::bindgen;")?;
        }
        child.wait()
    });
    probed.is_ok_and(|status| status.success())
}
