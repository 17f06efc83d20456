//! Runs the parser over what was read, and makes a [`PackageSet`] of its result.
//!
//! The parser recurses and, on input it did not foresee, panics. Both are contained here: it runs
//! on a stack of its own, after the budget was checked, and a panic becomes an error.

use std::any::Any;
use std::collections::BTreeMap;

use wit_parser::{PackageId, Resolve, SourceMap, UnresolvedPackage, UnresolvedPackageGroup};

use super::budget::{self, Budget};
use super::files::{Gathered, Group, Text};
use super::{Loader, decode, report};
use crate::error::{Error, ErrorKind, Result};
use crate::scan;
use crate::set::PackageSet;
use crate::source::{self, Sources};

/// Room for the parser's recursion at the limits, in an unoptimised build.
const STACK_SIZE_BYTES: usize = 128 << 20;

/// Runs `work` with a deep stack and turns a panic into an error.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if cfg!(target_family = "wasm") {
        let work = std::panic::AssertUnwindSafe(work);
        return std::panic::catch_unwind(work).unwrap_or_else(|panic| Err(gave_up(&*panic)));
    }
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new()
            .name("wit".to_owned())
            .stack_size(STACK_SIZE_BYTES);
        match builder.spawn_scoped(scope, work) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| Err(gave_up(&*panic))),
            Err(e) => Err(Error::io("cannot start a thread to load WIT in", e)),
        }
    })
}

#[cold]
fn gave_up(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(
        ErrorKind::Internal,
        "the WIT parser gave up on this source without saying where",
    )
    .with_note(text.unwrap_or("it gave no reason"))
    .with_help("please report the source: malformed WIT should get a proper error")
}

/// Loads everything in `gathered` with the options of `loader`.
pub(super) fn load(gathered: Gathered, loader: &Loader) -> Result<PackageSet> {
    let mut resolve = Resolve::default();
    // Merging looks at the gates of binaries, too.
    resolve.features.extend(loader.features.iter().cloned());
    resolve.all_features = loader.all_features;
    let mut mains = Vec::new();
    let mut component_world = None;
    for binary in &gathered.binaries {
        let decoded = decode::binary(binary, &loader.limits)?;
        let remap = resolve
            .merge(decoded.resolve)
            .map_err(|e| report::merging(&binary.name, e.chain().map(ToString::to_string)))?;
        if binary.main {
            mains.push(remap.packages[decoded.package.index()]);
            let world = decoded.world.and_then(|w| remap.worlds[w.index()]);
            component_world = component_world.or(world);
        }
    }
    let mut sources = Sources::default();
    let groups = without_copies(gathered.groups);
    let mut parsed = Vec::new();
    for group in groups {
        let main = group.main;
        let unresolved = parse(group, &mut sources)?;
        parsed.push((main, unresolved));
    }
    let before = resolve.package_names.len();
    let text_mains = push(&mut resolve, parsed, &sources, &gathered.searched, loader)?;
    mains.extend(text_mains);
    budget::check_type_depth(&resolve, &loader.limits)?;
    // A set of nothing but dependencies cannot be; a binary in `deps` alone has no main text.
    debug_assert!(!mains.is_empty() || before == resolve.package_names.len());
    Ok(PackageSet::new(
        resolve,
        mains,
        component_world,
        sources,
        gathered.files,
    ))
}

/// Drops groups that repeat the texts of an earlier one: two packages may bring the same
/// dependency in their `deps` folders. A main group wins over a dependency.
fn without_copies(groups: Vec<Group>) -> Vec<Group> {
    let mut kept: Vec<Group> = Vec::new();
    let mut seen: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for group in groups {
        let texts: Vec<String> = group.files.iter().map(|file| file.text.clone()).collect();
        match seen.get(&texts) {
            Some(&earlier) => kept[earlier].main |= group.main,
            None => {
                seen.insert(texts, kept.len());
                kept.push(group);
            }
        }
    }
    kept
}

/// Parses the files of one group.
fn parse(group: Group, sources: &mut Sources) -> Result<UnresolvedPackageGroup> {
    let mut map = SourceMap::default();
    let mut names = Vec::new();
    for Text { name, origin, text } in group.files {
        if let Err(refused) = scan::check(&text) {
            let label = source::label(&name, &text, &refused.range, "");
            return Err(Error::new(ErrorKind::Parse, refused.message).with_label(label));
        }
        let blanked = scan::blank_empty_comments(&text).into_owned();
        let name = sources.add(&name, &origin, text);
        map.push_str(&name, blanked);
        names.push(name);
    }
    map.parse()
        .map_err(|(map, error)| report::parsing(&error, &map, sources, &names))
}

/// Adds all groups to `resolve` and returns the packages of the main ones.
fn push(
    resolve: &mut Resolve,
    groups: Vec<(bool, UnresolvedPackageGroup)>,
    sources: &Sources,
    searched: &[std::path::PathBuf],
    loader: &Loader,
) -> Result<Vec<PackageId>> {
    let packages: Vec<&UnresolvedPackage> = groups
        .iter()
        .flat_map(|(_, group)| group.nested.iter().chain([&group.main]))
        .collect();
    Budget::new(resolve).check(&packages, &loader.limits)?;
    for package in &packages {
        if resolve.package_names.contains_key(&package.name) {
            return Err(Error::new(
                ErrorKind::Resolve,
                format!(
                    "package `{}` is defined both in WIT text and in a binary",
                    package.name
                ),
            )
            .with_help("keep one of the two"));
        }
    }
    let known = resolve.package_names.keys().cloned();
    let known: Vec<_> = known
        .chain(packages.iter().map(|p| p.name.clone()))
        .collect();
    let main_names: Vec<_> = groups
        .iter()
        .filter(|(main, _)| *main)
        .map(|(_, group)| group.main.name.clone())
        .collect();
    let mut groups = groups.into_iter().map(|(_, group)| group);
    let Some(first) = groups.next() else {
        return Ok(Vec::new());
    };
    resolve
        .push_groups(first, groups.collect())
        .map_err(|error| {
            let asked = report::Asked {
                packages: &known,
                searched,
            };
            report::resolving(&error, resolve, sources, &asked)
        })?;
    let ids = main_names.iter();
    Ok(ids
        .filter_map(|name| resolve.package_names.get(name).copied())
        .collect())
}
