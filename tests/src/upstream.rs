//! Finds the suites of others: files inside crates that Cargo has downloaded.
//!
//! The crates are dependencies of this package under a target that never
//! matches, so they are pinned and downloaded with everything else and never
//! built. Nothing is copied into the project.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// What `cargo metadata` says about this workspace.
struct Metadata {
    /// Name, version and folder of every package in the lock file.
    packages: Vec<(String, String, PathBuf)>,
    /// Where Cargo puts what it builds.
    target: PathBuf,
}

/// The folder `inside` the downloaded crate `package` of exactly `version`.
///
/// # Errors
///
/// When Cargo cannot describe the workspace, the crate is not in the lock file,
/// or the folder is missing; the message says how to download it.
pub fn folder(package: &str, version: &str, inside: &str) -> Result<PathBuf, String> {
    let found = metadata()?
        .packages
        .iter()
        .find(|(name, at, _)| name == package && at == version);
    let Some((_, _, root)) = found else {
        return Err(format!(
            "expected {package} {version} among the packages of the workspace, found none: \
             name it in `tests/Cargo.toml` and run `cargo fetch --locked`"
        ));
    };
    let folder = root.join(inside);
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(format!(
            "expected the folder {inside} in {package} {version}, found none: \
             run `cargo fetch --locked`"
        ))
    }
}

/// Where Cargo puts what it builds, for reports that machines read.
///
/// # Errors
///
/// When Cargo cannot describe the workspace.
pub fn target_folder() -> Result<PathBuf, String> {
    metadata().map(|metadata| metadata.target.clone())
}

/// The root of the project.
#[must_use]
pub fn project() -> &'static Path {
    // The manifest of this package stands one folder below the root.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// A command that runs the Cargo which runs these tests, in the project.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(project());
    command
}

fn metadata() -> Result<&'static Metadata, String> {
    static METADATA: OnceLock<Result<Metadata, String>> = OnceLock::new();
    METADATA
        .get_or_init(read_metadata)
        .as_ref()
        .map_err(Clone::clone)
}

fn read_metadata() -> Result<Metadata, String> {
    // Not `--offline`: on a fresh machine this downloads the suites, which no
    // build has asked for yet.
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .map_err(|error| format!("failed to run cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo metadata failed: run `cargo fetch --locked` once with a network\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let value: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("failed to read what cargo metadata printed: {error}"))?;
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let packages = value["packages"].as_array().into_iter().flatten();
    Ok(Metadata {
        packages: packages
            .map(|package| {
                let manifest = PathBuf::from(text(package, "manifest_path"));
                let root = manifest.parent().unwrap_or(Path::new("")).to_owned();
                (text(package, "name"), text(package, "version"), root)
            })
            .collect(),
        target: text(&value, "target_directory").into(),
    })
}
