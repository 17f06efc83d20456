//! Composition: a component whose imports are filled by the exports of others, as one component.
//!
//! The parts go into the new component as they are. Around them stand the imports that nobody
//! fills, once for all parts that ask for the same, the instantiations, and the exports of the
//! socket. What comes out is validated before anybody sees it.

mod part;
mod types;

use std::collections::BTreeMap;

use linkspan::VersionedMap;
use wasm_encoder::{ComponentBuilder, ComponentExportKind, ComponentExternName};
use wasmparser::component_types::{ComponentEntityType, ComponentInstanceTypeId, ComponentItem};

use crate::failure::{Failure, Kind, Result};
pub(crate) use part::Part;
use types::TypeEncoder;

/// One import that a plug fills.
#[derive(Debug)]
pub(crate) struct Connection {
    /// What the socket imports.
    pub(crate) import: String,
    /// The export of the plug that fills it.
    pub(crate) export: String,
    /// The plug's position.
    plug: usize,
}

/// What came of a composition.
#[derive(Debug)]
pub(crate) struct Composed {
    /// The new component.
    pub(crate) bytes: Vec<u8>,
    /// Each filled import, and the name of the plug that fills it.
    pub(crate) filled: Vec<(Connection, String)>,
    /// What the new component imports.
    pub(crate) imports: Vec<String>,
}

/// Puts plugs into a socket.
pub(crate) fn compose(socket: &Part, plugs: &[Part]) -> Result<Composed> {
    let connections = connect(socket, plugs)?;
    let parts: Vec<&Part> = plugs.iter().chain([socket]).collect();
    let mut composer = Composer {
        types: TypeEncoder::new(ComponentBuilder::default(), &parts),
        imports: BTreeMap::new(),
    };
    let by_import: BTreeMap<&str, &Connection> =
        connections.iter().map(|c| (&*c.import, c)).collect();
    let filled = |part: usize, name: &str| {
        let is_socket = part == plugs.len();
        by_import.get(name).copied().filter(|_| is_socket)
    };
    composer.import(&parts, &|part, name| filled(part, name).is_some())?;
    let imports = composer.names();
    let mut instances = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let component = composer.types.builder().component_raw(None, &part.bytes);
        let mut arguments = Vec::new();
        for (name, item) in part.imports() {
            let kind = types::kind(&item.ty);
            let position = match filled(index, name) {
                Some(from) => {
                    let plug: u32 = instances[from.plug];
                    let builder = composer.types.builder();
                    builder.alias_export(plug, &from.export, kind)
                }
                None => composer.place(index, name)?,
            };
            arguments.push((name.to_owned(), kind, position));
        }
        let builder = composer.types.builder();
        instances.push(builder.instantiate(None, component, arguments));
    }
    let last = instances.pop().unwrap_or_default();
    for (name, item) in socket.exports() {
        let kind = types::kind(&item.ty);
        let builder = composer.types.builder();
        let position = builder.alias_export(last, name, kind);
        builder.export(extern_name(name, item), kind, position, None);
    }
    let bytes = composer.types.finish();
    check(&bytes)?;
    let name = |c: Connection| {
        let plug = plugs[c.plug].name.clone();
        (c, plug)
    };
    Ok(Composed {
        bytes,
        filled: connections.into_iter().map(name).collect(),
        imports,
    })
}

/// Which plug fills which import of the socket.
fn connect(socket: &Part, plugs: &[Part]) -> Result<Vec<Connection>> {
    let mut connections: Vec<Connection> = Vec::new();
    let mut fillers: BTreeMap<&str, &Part> = BTreeMap::new();
    for (plug, part) in plugs.iter().enumerate() {
        let mut exports = VersionedMap::default();
        for (name, _) in part.exports() {
            exports.insert(name, ());
        }
        let before = connections.len();
        for (import, item) in socket.imports() {
            let implemented = item.full_implements();
            let export = exports
                .get_named(import)
                .or_else(|| exports.get_named(implemented.as_deref()?));
            let Some((export, ())) = export else {
                continue;
            };
            if let Some(other) = fillers.insert(import, part) {
                let message = format!(
                    "`{import}` is exported by two plugs: `{}` and `{}`\n  = help: leave one of \
                     them out",
                    other.name, part.name
                );
                return Err(Failure::new(Kind::Usage, message));
            }
            connections.push(Connection {
                import: import.to_owned(),
                export: export.to_owned(),
                plug,
            });
        }
        if connections.len() == before {
            return Err(unrelated(socket, part));
        }
    }
    Ok(connections)
}

/// A plug that fits nowhere.
fn unrelated(socket: &Part, plug: &Part) -> Failure {
    let list = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<String> = names.map(|name| format!("\n      {name}")).collect();
        match names.as_slice() {
            [] => " nothing".to_owned(),
            names => names.concat(),
        }
    };
    let imports = list(&mut socket.imports().map(|(name, _)| name));
    let exports = list(&mut plug.exports().map(|(name, _)| name));
    let message = format!(
        "`{}` exports nothing that `{}` imports\n  = note: the plug exports:{exports}\n  = note: \
         the socket imports:{imports}\n  = help: names must be equal, but for compatible versions",
        plug.name, socket.name
    );
    Failure::new(Kind::Link, message)
}

/// Says what validation found, in the words of composition.
fn check(bytes: &[u8]) -> Result {
    let validated = part::validator().validate_all(bytes);
    validated.map(drop).map_err(|error| {
        let message = format!(
            "the parts do not fit together: {}\n  = help: `linkspan inspect` shows the types of \
             imports and exports; a resource that an export of the socket mentions must come from \
             outside, not from a plug",
            error.message()
        );
        Failure::new(Kind::Link, message)
    })
}

fn extern_name<'a>(name: &'a str, item: &'a ComponentItem) -> ComponentExternName<'a> {
    ComponentExternName {
        name: name.into(),
        implements: item.implements.as_deref().map(Into::into),
        version_suffix: item.version_suffix.as_deref().map(Into::into),
        external_id: item.external_id.as_deref().map(Into::into),
    }
}

/// The component that is being written.
struct Composer<'a> {
    types: TypeEncoder<'a>,
    /// Part and name of an import → name of the new component's import, and its place in the
    /// index space of its kind.
    imports: BTreeMap<(usize, String), (String, u32)>,
}

/// Imports of several parts that are one import of the new component.
#[derive(Default)]
struct Group<'a> {
    members: Vec<(usize, &'a str, &'a ComponentItem)>,
}

impl<'a> Composer<'a> {
    /// Imports what no plug fills: what several parts ask for, in compatible versions, once.
    fn import(&mut self, parts: &[&'a Part], is_filled: &dyn Fn(usize, &str) -> bool) -> Result {
        let mut groups: Vec<Group<'a>> = Vec::new();
        // For each kind of import, the positions of groups by their names.
        let mut kinds: Vec<(ComponentExportKind, VersionedMap<usize>)> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            for (name, item) in part.imports() {
                if is_filled(index, name) {
                    continue;
                }
                let kind = types::kind(&item.ty);
                let place = kinds.iter().position(|(known, _)| *known == kind);
                let place = place.unwrap_or_else(|| {
                    kinds.push((kind, VersionedMap::default()));
                    kinds.len() - 1
                });
                let names = &mut kinds[place].1;
                let known = names.get(name).copied().unwrap_or_else(|| {
                    groups.push(Group::default());
                    groups.len() - 1
                });
                names.insert(name, known);
                groups[known].members.push((index, name, item));
            }
        }
        groups.iter().try_for_each(|group| self.import_group(group))
    }

    fn import_group(&mut self, group: &Group<'a>) -> Result {
        // The newest version has what the older ones have.
        let names = || group.members.iter().map(|(_, name, _)| *name);
        let newest = newest(names());
        let Some((first, name, item)) = group.members.iter().find(|(_, name, _)| *name == newest)
        else {
            return Ok(());
        };
        let failed = |what: &str| {
            let message = format!(
                "`{name}` is {what}, which this command cannot pass on\n  = help: plug a component \
                 that exports it"
            );
            Failure::new(Kind::Link, message)
        };
        let full = extern_name(name, item);
        let place = match item.ty {
            ComponentEntityType::Instance(_) => {
                let instances: Vec<(usize, ComponentInstanceTypeId)> = group
                    .members
                    .iter()
                    .filter_map(|(part, _, item)| match item.ty {
                        ComponentEntityType::Instance(id) => Some((*part, id)),
                        _ => None,
                    })
                    .collect();
                self.types.import_instance(full, &instances)?
            }
            ComponentEntityType::Func(id) => self.types.import_func(full, *first, id)?,
            ComponentEntityType::Type { .. } => {
                let members = group.members.iter();
                let types: Vec<_> = members.map(|(part, _, item)| (*part, item.ty)).collect();
                self.types.import_type(full, *first, item.ty, &types)?
            }
            ComponentEntityType::Module(_) => return Err(failed("a core module")),
            ComponentEntityType::Component(_) => return Err(failed("a component")),
            ComponentEntityType::Value(_) => return Err(failed("a value")),
        };
        for (part, member, _) in &group.members {
            let key = (*part, (*member).to_owned());
            self.imports.insert(key, ((*name).to_owned(), place));
        }
        Ok(())
    }

    /// Where an import of a part stands in the new component.
    fn place(&self, part: usize, name: &str) -> Result<u32> {
        let key = (part, name.to_owned());
        let found = self.imports.get(&key).map(|(_, place)| *place);
        found.ok_or_else(|| {
            let message = format!("`{name}` was lost while the component was put together");
            Failure::new(Kind::Input, message)
        })
    }

    /// The new component's imports.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .imports
            .values()
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The newest of names that are compatible with each other.
fn newest<'a>(names: impl Iterator<Item = &'a str> + Clone) -> &'a str {
    let Some(first) = names.clone().next() else {
        return "";
    };
    // A version that nobody has is answered by the newest that is compatible.
    let probe = match first.split_once('@') {
        Some((base, version)) if !version.contains('-') => {
            let mut parts = version.split('.');
            let (major, minor) = (parts.next().unwrap_or("0"), parts.next().unwrap_or("0"));
            match (major, minor) {
                ("0", minor) => format!("{base}@0.{minor}.{}", u64::MAX),
                (major, _) => format!("{base}@{major}.{}.0", u64::MAX),
            }
        }
        _ => first.to_owned(),
    };
    linkspan::compatible_name(&probe, names).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_name_is_chosen() {
        let newest = |names: &[&'static str]| newest(names.iter().copied());
        assert_eq!(newest(&["a:b/c@0.2.3", "a:b/c@0.2.10"]), "a:b/c@0.2.10");
        assert_eq!(newest(&["a:b/c@1.3.0", "a:b/c@1.2.9"]), "a:b/c@1.3.0");
        assert_eq!(newest(&["a:b/c@0.0.1"]), "a:b/c@0.0.1");
        assert_eq!(newest(&["plain"]), "plain");
    }
}
