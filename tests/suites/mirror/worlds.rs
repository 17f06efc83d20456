//! The worlds that run: the suite's own cases, and what others wrote as WIT.
//!
//! A world need not be its own mirror: what it exports and does not import is
//! imported too, and the other way round. The bindings are then those of the
//! world that this makes, read back from its binary form.

use std::fs;
use std::path::{Path, PathBuf};

use linkspan_tests::{cases, upstream};
use linkspan_wit::bindgen::{Generator, Options};
use linkspan_wit::{Loader, PackageSet};
use wit_parser::abi::AbiVariant;
use wit_parser::{PackageId, Resolve, WorldId, WorldItem};

use super::ROUNDS;
use super::component;
use super::driver::{self, Driver};

/// Options that the bindings of worlds are generated with.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// A name for them; empty for the default.
    name: &'static str,
    options: Options,
    /// Rounds for each function.
    rounds: usize,
}

impl Style {
    /// No options at all.
    pub(super) fn plain() -> Self {
        Self {
            name: "",
            options: Options::default(),
            rounds: ROUNDS,
        }
    }

    /// Options that change how values are passed, with fewer rounds.
    pub(super) fn others() -> Result<Vec<Self>, String> {
        let style = |name, settings: &[(&str, &str)]| {
            let mut options = Options::default();
            for (option, value) in settings {
                options.set(option, value).map_err(said)?;
            }
            Ok::<_, String>(Self {
                name,
                options,
                rounds: ROUNDS / 10,
            })
        };
        Ok(vec![
            style(
                "owned",
                &[
                    ("borrow", "none"),
                    ("imports", "default = trap"),
                    ("derives", "PartialOrd"),
                ],
            )?,
            style(
                "store",
                &[
                    ("imports", "default = trap, store"),
                    ("exports", "default = optional"),
                ],
            )?,
        ])
    }

    /// Whether a world that has one shape alone is left to the default.
    pub(super) fn skips(&self, name: &str) -> bool {
        let alone = ["scalar-", "list-", "flags-"];
        !self.name.is_empty() && alone.iter().any(|start| name.starts_with(start))
    }
}

/// One world, ready to be compiled and run.
pub(super) struct World {
    pub(super) name: String,
    /// Whether it is the suite's own: every function of it must be called.
    pub(super) own: bool,
    /// Rounds for each function.
    pub(super) rounds: usize,
    pub(super) module: String,
    pub(super) component: PathBuf,
    pub(super) driver: Driver,
}

/// Makes a component and a driver for the world in a file of the suite.
pub(super) fn own(name: &str, path: &Path, folder: &Path, style: &Style) -> Result<World, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut resolve = Resolve::new();
    resolve.all_features = true;
    let package = resolve.push_str(name, &text).map_err(said)?;
    let world = resolve
        .select_world(&[package], Some("mirror"))
        .map_err(said)?;
    let changed = complete(&mut resolve, world).ok_or("two things have one name")?;
    let set = if changed {
        None
    } else {
        Some(PackageSet::from_text(name, text).map_err(said)?)
    };
    let name = match style.name {
        "" => name.to_owned(),
        style => format!("{style}/{name}"),
    };
    let world = make(&name, &resolve, (package, world), set, folder, style)?;
    let mut world = world.ok_or("there are no bindings for this world")?;
    world.own = true;
    Ok(world)
}

/// The files and folders of WIT that have other uses in the project, and those
/// of wit-parser.
pub(super) fn others() -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    let parser = upstream::folder("wit-parser", "0.263.0", "tests/ui")?;
    let folders = [
        ("bindgen", upstream::project().join("wit/tests/bindgen")),
        (
            "pictures",
            upstream::project().join("snapshots/cases/bindgen"),
        ),
        ("wasi", upstream::project().join("wasi")),
        ("parser", parser),
    ];
    for (label, folder) in folders {
        for entry in fs::read_dir(folder).map_err(said)? {
            let path = entry.map_err(said)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let wit = path.extension().is_some_and(|extension| extension == "wit");
            if wit || path.is_dir() && name != "parse-fail" {
                found.push((format!("{label}/{name}"), path.clone()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Makes components and drivers for all worlds in a file or folder that have
/// functions and bindings.
pub(super) fn all(name: &str, path: &Path, folder: &Path) -> Result<Vec<World>, String> {
    let mut resolve = Resolve::new();
    resolve.all_features = true;
    // What is no WIT by itself is a dependency of another unit.
    let Ok((package, _)) = resolve.push_path(path) else {
        return Ok(Vec::new());
    };
    let mut made = Vec::new();
    for (label, world) in resolve.packages[package].worlds.clone() {
        if name.starts_with("wasi/") && label == "imports" {
            // What the world `command` imports, too.
            continue;
        }
        let mut resolve = resolve.clone();
        if complete(&mut resolve, world).is_none() {
            continue;
        }
        let name = format!("{name}/{label}");
        let mut style = Style::plain();
        if name.starts_with("wasi/") {
            // So many functions that some values of each must do.
            style.rounds = ROUNDS / 10;
        }
        made.extend(make(
            &name,
            &resolve,
            (package, world),
            None,
            folder,
            &style,
        )?);
    }
    Ok(made)
}

/// Imports what is exported, and exports what is imported and can be called;
/// answers whether anything was missing, and nothing if an import and an export
/// of one name are not the same.
///
/// The order of imports is one in which no interface uses a later one.
fn complete(resolve: &mut Resolve, world: WorldId) -> Option<bool> {
    if !agree(resolve, &resolve.worlds[world]) {
        return None;
    }
    let interfaces = &resolve.interfaces;
    let world = &mut resolve.worlds[world];
    let before = (world.imports.len(), world.exports.len());
    for (key, item) in &world.exports {
        if !world.imports.contains_key(key) {
            world.imports.insert(key.clone(), item.clone());
        }
    }
    let exports = std::mem::take(&mut world.exports);
    for (key, item) in &world.imports {
        let callable = match item {
            WorldItem::Interface { id, .. } => !interfaces[*id].functions.is_empty(),
            WorldItem::Function(func) => func.kind.resource().is_none(),
            WorldItem::Type { .. } => false,
        };
        if let Some(item) = exports.get(key) {
            world.exports.insert(key.clone(), item.clone());
        } else if callable {
            world.exports.insert(key.clone(), item.clone());
        }
    }
    Some(before != (world.imports.len(), world.exports.len()))
}

/// Whether what a world imports and exports under one name can be called alike.
fn agree(resolve: &Resolve, world: &wit_parser::World) -> bool {
    let signature = |func| resolve.wasm_signature(AbiVariant::GuestImport, func);
    world
        .exports
        .iter()
        .all(|(key, item)| match (world.imports.get(key), item) {
            (None, _) | (Some(WorldItem::Interface { .. }), WorldItem::Interface { .. }) => true,
            (Some(WorldItem::Function(one)), WorldItem::Function(other)) => {
                signature(one) == signature(other)
            }
            _ => false,
        })
}

/// Makes a component and a driver; nothing for a world without functions or
/// bindings. Without a `set` the bindings are those of `resolve` itself.
fn make(
    name: &str,
    resolve: &Resolve,
    (package, world): (PackageId, WorldId),
    set: Option<PackageSet>,
    folder: &Path,
    style: &Style,
) -> Result<Option<World>, String> {
    let set = match set {
        Some(set) => set,
        None => {
            let bytes = wit_component::encode(resolve, package, false).map_err(said)?;
            let loader = Loader::new().bytes(name, bytes).all_features(true);
            loader.load().map_err(said)?
        }
    };
    let id = resolve.id_of_name(package, &resolve.worlds[world].name);
    let generator = Generator::new(set).world(id).options(style.options.clone());
    let output = generator.generate().map_err(said)?;
    let label = name.trim_end_matches(".wit");
    let module = format!(
        "world_{}",
        label.replace(|c: char| !c.is_alphanumeric(), "_")
    );
    let driver = driver::driver(&module, &output.code, !style.options.exports.is_empty());
    if driver.functions == 0 {
        return Ok(None);
    }
    let bytes = component::build(resolve, world)?;
    let component = folder.join(format!("{module}.wasm"));
    fs::write(&component, bytes).map_err(said)?;
    Ok(Some(World {
        name: name.to_owned(),
        own: false,
        rounds: style.rounds,
        module,
        component,
        driver,
    }))
}

fn said(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}

/// The suite's own cases.
pub(super) fn cases() -> Result<Vec<(String, PathBuf)>, String> {
    cases::own(&upstream::project().join("tests/cases/mirror"), &["wit"])
}
