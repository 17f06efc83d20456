//! Bindings in a build script: the text goes to `OUT_DIR`, what Cargo should know to its output.
//!
//! Nothing here knows how the text is made. The files are those of [`Output::files`]; the folders
//! are watched too, since a file that is new in one changes the package as well.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Generator, Origin, Output, Source};
use crate::error::{Error, ErrorKind, Result, Severity};

/// Generates bindings for `world` of the WIT at `path` in a build script.
///
/// The text is written to `OUT_DIR`, in a file that is called as the world's label is: `plugin.rs`
/// for `plugin` or `acme:app/plugin@1.2.0`. An unchanged file is not touched. Cargo runs the script
/// again when a file that was read changes, or anything in the folder `path`.
///
/// ```no_run
/// // build.rs
/// fn main() -> linkspan_wit::Result<()> {
///     linkspan_wit::bindgen::build("wit", "plugin")
/// }
/// ```
///
/// ```text
/// // src/lib.rs
/// mod bindings {
///     include!(concat!(env!("OUT_DIR"), "/plugin.rs"));
/// }
/// ```
///
/// [`Generator::emit_out_dir`] does the same with options and several sources.
///
/// # Errors
///
/// As [`Generator::emit_out_dir`].
pub fn build(path: impl AsRef<Path>, world: &str) -> Result<()> {
    let label = world.rsplit('/').next().unwrap_or(world);
    let label = label.split('@').next().unwrap_or(label);
    let generator = Generator::new(Source::path(path)).world(world);
    generator.emit_out_dir(&format!("{label}.rs")).map(drop)
}

impl Generator {
    /// Generates bindings in a build script: writes them to the file `name` in `OUT_DIR`, and
    /// answers its path.
    ///
    /// An unchanged file is not touched. What Cargo should know is printed: the files that were
    /// read and the folders that were given, so that a change in them runs the script again, and
    /// everything worth a warning.
    ///
    /// ```no_run
    /// // build.rs
    /// use linkspan_wit::bindgen::{Generator, Options, Source};
    ///
    /// fn main() -> linkspan_wit::Result<()> {
    ///     let mut options = Options::default();
    ///     options.header = Some("Generated: do not edit.".to_owned());
    ///     Generator::new(Source::path("wit"))
    ///         .world("plugin")
    ///         .options(options)
    ///         .emit_out_dir("plugin.rs")?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`generate`](Self::generate) and [`Output::into_result`]; [`ErrorKind::Generate`]
    /// if Cargo did not set `OUT_DIR` or `name` is no plain file name; [`ErrorKind::Io`] if the
    /// file or the instructions cannot be written. An error that `main` answers is shown as a
    /// whole.
    pub fn emit_out_dir(self, name: &str) -> Result<PathBuf> {
        let Some(folder) = std::env::var_os("OUT_DIR") else {
            return Err(Error::new(ErrorKind::Generate, "`OUT_DIR` is not set")
                .with_help("call this in a build script, which Cargo runs"));
        };
        self.emit_to(Path::new(&folder), name, &mut std::io::stdout().lock())
    }

    /// Writes to `folder`, and instructions for Cargo to `cargo`.
    pub(super) fn emit_to(
        self,
        folder: &Path,
        name: &str,
        cargo: &mut dyn Write,
    ) -> Result<PathBuf> {
        let plain = Path::new(name).file_name().is_some_and(|file| file == name);
        if !plain {
            return Err(Error::new(
                ErrorKind::Generate,
                format!("expected the name of a file in `OUT_DIR`, found `{name}`"),
            ));
        }
        let failed = |e| Error::io("cannot write instructions for Cargo", e);
        // A source that cannot be loaded is watched too: the script runs again once it is mended.
        if let Origin::Loader(loader) = &self.source.0 {
            for path in loader.paths() {
                watch(cargo, path).map_err(failed)?;
            }
        }
        let output = self.generate()?;
        for path in &output.files {
            watch(cargo, path).map_err(failed)?;
        }
        warn(cargo, &output).map_err(failed)?;
        let path = folder.join(name);
        output.write_if_changed(&path)?;
        Ok(path)
    }
}

/// Makes Cargo run the script again when `path` changes.
fn watch(cargo: &mut dyn Write, path: &Path) -> std::io::Result<()> {
    let path = path.display().to_string();
    // What follows a line feed would be another instruction. A file of such a name stands in a
    // folder that is watched.
    if path.contains(['\n', '\r']) {
        return Ok(());
    }
    writeln!(cargo, "cargo::rerun-if-changed={path}")
}

/// Shows what is worth knowing and is no error, a line each.
fn warn(cargo: &mut dyn Write, output: &Output) -> std::io::Result<()> {
    let diagnostics = output.diagnostics.iter();
    for diagnostic in diagnostics.filter(|d| d.severity != Severity::Error) {
        let message = diagnostic.to_string().replace(['\n', '\r'], " ");
        writeln!(cargo, "cargo::warning={message}")?;
    }
    Ok(())
}
