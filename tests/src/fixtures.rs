//! Finds WIT to try tools on: that of wit-parser, wit-component and wasm-tools,
//! which they parse in their own tests, and the project's own.
//!
//! Nothing is copied in; see [`upstream`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use linkspan_wit::{Error, Loader, PackageSet};

use crate::{cases, upstream};

/// WIT that is loaded as one.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// Its name in messages: `wit-parser/ui/types.wit`.
    pub name: String,
    /// Files or folders, the one with the worlds last.
    pub paths: Vec<PathBuf>,
}

impl Fixture {
    /// Loads it with every feature on.
    ///
    /// # Errors
    ///
    /// Those of [`Loader::load`].
    pub fn load(&self) -> Result<PackageSet, Error> {
        self.loader().load()
    }

    /// Loads it with one more world, `fixture:both/everything`, which imports and exports each
    /// interface of its main packages; `None` if there is no interface.
    ///
    /// # Errors
    ///
    /// Those of [`Loader::load`]; none is expected if [`Fixture::load`] has none.
    pub fn load_both(&self, set: &PackageSet) -> Option<Result<PackageSet, Error>> {
        let packages = set.main_packages();
        let ids: BTreeSet<String> = packages
            .flat_map(|package| package.interfaces())
            .filter_map(|interface| interface.id())
            .collect();
        if ids.is_empty() {
            return None;
        }
        let mut text = "package fixture:both; world everything {\n".to_owned();
        for id in &ids {
            let id = escaped(id);
            text.push_str(&format!("import {id}; export {id};\n"));
        }
        text.push('}');
        Some(self.loader().text("everything.wit", text).load())
    }

    fn loader(&self) -> Loader {
        let loader = Loader::new().all_features(true);
        self.paths
            .iter()
            .fold(loader, |loader, path| loader.path(path))
    }
}

/// The identifier of an interface as WIT spells it if it may hold keywords.
fn escaped(id: &str) -> String {
    let (id, version) = id
        .split_once('@')
        .map_or((id, None), |(id, version)| (id, Some(version)));
    let id = id.replace(':', ":%").replace('/', "/%");
    version.map_or_else(|| format!("%{id}"), |version| format!("%{id}@{version}"))
}

/// Every fixture, sorted by name.
///
/// # Errors
///
/// When a crate is not downloaded, with the command that does it, or a folder cannot be read.
pub fn list() -> Result<Vec<Fixture>, String> {
    let mut found = Vec::new();
    let ui = upstream::folder("wit-parser", "0.263.0", "tests/ui")?;
    whole(&mut found, "wit-parser/ui", &ui)?;
    let component = upstream::folder("wit-component", "0.263.0", "tests")?;
    whole(
        &mut found,
        "wit-component/interfaces",
        &component.join("interfaces"),
    )?;
    whole(
        &mut found,
        "wit-component/wit",
        &component.join("wit/parse-dir"),
    )?;
    for merge in folders(&component.join("merge"))? {
        for folder in folders(&merge)? {
            let name = format!("wit-component/merge/{}/{}", name(&merge), name(&folder));
            // What comes of a merge is several packages, a file each.
            let paths = match folder.ends_with("merge") {
                true => entries(&folder)?,
                false => vec![folder],
            };
            found.push(Fixture { name, paths });
        }
    }
    for part in ["components", "targets"] {
        for folder in folders(&component.join(part))? {
            let prefix = format!("wit-component/{part}/{}", name(&folder));
            // The files of most folders are parts of one package, the others have one each.
            let together = Fixture {
                name: prefix.clone(),
                paths: vec![folder.clone()],
            };
            match together.load() {
                Ok(_) => found.push(together),
                Err(_) => each(&mut found, &prefix, &folder)?,
            }
        }
    }
    let cli = upstream::folder("wasm-tools", "1.263.0", "tests/cli")?;
    each(&mut found, "wasm-tools/cli", &cli)?;
    let project = upstream::project();
    whole(
        &mut found,
        "wit/bindgen",
        &project.join("wit/tests/bindgen"),
    )?;
    found.push(Fixture {
        name: "wasi/wit".to_owned(),
        paths: vec![project.join("wasi/wit")],
    });
    each(&mut found, "tests/wit", &project.join("tests/wit"))?;
    for stage in ["bindgen", "wit"] {
        let folder = project.join("snapshots/cases").join(stage);
        for (name, path) in cases::list(&folder, &["wit"])? {
            let name = format!("snapshots/{stage}/{name}");
            found.push(Fixture {
                name,
                paths: vec![path],
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// What stands in `folder`: each file of WIT, and each folder as a whole.
fn whole(found: &mut Vec<Fixture>, prefix: &str, folder: &Path) -> Result<(), String> {
    for path in entries(folder)? {
        if is_wit(&path) || path.is_dir() && name(&path) != "parse-fail" {
            let name = format!("{prefix}/{}", name(&path));
            found.push(Fixture {
                name,
                paths: vec![path],
            });
        }
    }
    Ok(())
}

/// Each file of WIT in `folder`, with the packages that it may refer to.
fn each(found: &mut Vec<Fixture>, prefix: &str, folder: &Path) -> Result<(), String> {
    let deps = folder.join("deps");
    let deps = if deps.is_dir() {
        entries(&deps)?
    } else {
        Vec::new()
    };
    for path in entries(folder)? {
        if is_wit(&path) {
            let name = format!("{prefix}/{}", name(&path));
            let paths = deps.iter().cloned().chain([path]).collect();
            found.push(Fixture { name, paths });
        }
    }
    Ok(())
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.is_dir());
    Ok(paths)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("failed to read the folder {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn is_wit(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension == "wit")
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
