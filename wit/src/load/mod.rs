//! Loading WIT: files, folders with their `deps`, texts, and component binaries.
//!
//! [`Loader`] gathers the sources, and [`Loader::load`] makes one [`PackageSet`] of them. The
//! steps are one file each: `files` reads, `budget` refuses what would take too long, `decode`
//! reads binaries, `resolve` runs the parser, `report` turns its errors into ours.
//!
//! Invariants: hostile sources end in an `Err`, within the [`Limits`]; the order in which a
//! folder lists its files does not matter; the parser's types do not leave this crate.

mod budget;
mod decode;
mod files;
mod report;
mod resolve;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::set::PackageSet;

/// Upper bounds on what is loaded; beyond them loading ends with [`ErrorKind::Limit`].
///
/// The defaults are far above any WIT that people write, and keep loading under a second.
///
/// [`ErrorKind::Limit`]: crate::ErrorKind::Limit
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one WIT text; default 1 MiB.
    pub source_size_bytes_max: usize,
    /// Bytes of all WIT texts together; default 16 MiB.
    pub total_size_bytes_max: usize,
    /// Bytes of one component binary; default 256 MiB.
    pub binary_size_bytes_max: usize,
    /// Type definitions in one component binary; default 20,000.
    pub binary_types_max: usize,
    /// Files and folder entries looked at; default 10,000.
    pub files_max: usize,
    /// Packages, nested ones included; default 1,000.
    pub packages_max: usize,
    /// Longest chain of types that name each other; default 256.
    pub type_depth_max: usize,
    /// Longest chain of interfaces that use each other's types; default 256.
    pub interface_depth_max: usize,
    /// Items of all worlds together once `include` and the imports that imports need are
    /// written out; default 4,000,000.
    pub world_items_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source_size_bytes_max: 1 << 20,
            total_size_bytes_max: 16 << 20,
            binary_size_bytes_max: 256 << 20,
            binary_types_max: 20_000,
            files_max: 10_000,
            packages_max: 1_000,
            type_depth_max: 256,
            interface_depth_max: 256,
            world_items_max: 4_000_000,
        }
    }
}

/// One source as it was given.
#[derive(Clone, Debug)]
enum Input {
    Path(PathBuf),
    Bytes { name: String, bytes: Vec<u8> },
}

/// Gathers sources and loads them as one [`PackageSet`].
///
/// Every source is a *main* source: its package is listed by [`PackageSet::main_packages`] and
/// searched when a world is named without its package. What stands in the `deps` folder of a
/// folder is only there to be referred to. Sources may depend on each other in any order.
///
/// ```
/// use linkspan_wit::Loader;
///
/// let set = Loader::new()
///     .text("app.wit", "package acme:app; world app { import acme:log/out; }")
///     .text("log.wit", "package acme:log; interface out { write: func(line: string); }")
///     .load()?;
/// assert_eq!(set.world(Some("app"))?.imports().count(), 1);
/// # Ok::<(), linkspan_wit::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Loader {
    inputs: Vec<Input>,
    features: BTreeSet<String>,
    all_features: bool,
    limits: Limits,
}

impl Loader {
    /// A loader without sources, all `@unstable` features off, default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a path: a `.wit` file, a folder of `.wit` files with an optional `deps` folder, a
    /// component, or a WIT package in binary form. It is read by [`load`](Self::load).
    ///
    /// Binaries hold the structure alone: documentation and gates are lost in them.
    #[must_use]
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.inputs.push(Input::Path(path.as_ref().to_owned()));
        self
    }

    /// Adds WIT text; `name` stands for it in messages.
    #[must_use]
    pub fn text(self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.bytes(name, text.into())
    }

    /// Adds what a file would hold: WIT text, a component, or a WIT package in binary form.
    #[must_use]
    pub fn bytes(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.inputs.push(Input::Bytes {
            name: name.into(),
            bytes: bytes.into(),
        });
        self
    }

    /// Keeps items gated by `@unstable(feature = …)` of this name; others are dropped.
    #[must_use]
    pub fn feature(mut self, feature: impl Into<String>) -> Self {
        self.features.insert(feature.into());
        self
    }

    /// Keeps items gated by any of these features.
    #[must_use]
    pub fn features<S: Into<String>>(mut self, features: impl IntoIterator<Item = S>) -> Self {
        self.features.extend(features.into_iter().map(Into::into));
        self
    }

    /// Keeps every `@unstable` item, whatever its feature.
    #[must_use]
    pub fn all_features(mut self, all: bool) -> Self {
        self.all_features = all;
        self
    }

    /// Replaces the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The paths that were given.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.inputs.iter().filter_map(|input| match input {
            Input::Path(path) => Some(path.as_path()),
            Input::Bytes { .. } => None,
        })
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    ///
    /// The first problem found, with the places it concerns: unreadable files, malformed text or
    /// binaries, unknown or doubly defined names, packages that do not fit together, limits.
    pub fn load(self) -> Result<PackageSet> {
        let gathered = files::gather(&self.inputs, &self.limits)?;
        resolve::with_room(move || resolve::load(gathered, &self))
    }
}
