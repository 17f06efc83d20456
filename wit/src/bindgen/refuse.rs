//! What no bindings can be written for yet, each with its place.
//!
//! Asynchronous functions, streams, futures, error contexts, and types whose spelling has too many
//! parts are refused, and maps of handles, which the component model has not. A world is refused as
//! a whole: bindings that leave functions out would not link.

use std::collections::{BTreeMap, BTreeSet};

use wit_parser::{
    Function, InterfaceId, Resolve, Span, Type, TypeDefKind, TypeId, WorldId, WorldItem,
};

use super::label;
use super::refs::is_nominal;
use crate::error::{Diagnostic, Severity};
use crate::set::PackageSet;

/// Most parameters of a function that the runtime can take.
pub(super) const PARAMS_MAX: usize = 32;

/// Most parts of a type that has to be spelled out. An alias of an alias of tuples can have more
/// than a compiler can bear.
const PARTS_MAX: usize = 1000;

/// What no component can have, though the parser of WIT takes it.
const MAP_OF_HANDLES: &str = "uses a map of handles";

/// One diagnostic for each item of `world` that cannot be generated.
pub(super) fn unsupported(set: &PackageSet, world: WorldId) -> Vec<Diagnostic> {
    let resolve = set.resolve();
    let mut search = Search {
        set,
        resolve,
        found: Vec::new(),
        interfaces: BTreeSet::new(),
        sizes: BTreeMap::new(),
    };
    let definition = &resolve.worlds[world];
    for item in definition
        .imports
        .values()
        .chain(definition.exports.values())
    {
        match item {
            WorldItem::Interface { id, .. } => search.interface(*id),
            WorldItem::Function(function) => search.function("", function),
            WorldItem::Type { id, .. } => search.named("", *id),
        }
    }
    search.found
}

struct Search<'a> {
    set: &'a PackageSet,
    resolve: &'a Resolve,
    found: Vec<Diagnostic>,
    interfaces: BTreeSet<InterfaceId>,
    /// How many parts types have, see [`Search::size`].
    sizes: BTreeMap<TypeId, usize>,
}

impl Search<'_> {
    fn interface(&mut self, id: InterfaceId) {
        // One that is both imported and exported is reported once.
        if !self.interfaces.insert(id) {
            return;
        }
        let interface = &self.resolve.interfaces[id];
        let name = self.resolve.id_of(id).unwrap_or_default();
        for ty in interface.types.values() {
            self.named(&name, *ty);
        }
        for function in interface.functions.values() {
            self.function(&name, function);
        }
    }

    fn named(&mut self, interface: &str, id: TypeId) {
        let def = &self.resolve.types[id];
        let parts = super::plan::parts(&def.kind);
        let what = self.refused(&def.kind);
        let what = what.or_else(|| parts.iter().find_map(|part| self.inside(part)));
        let what = what.or_else(|| self.too_large(parts));
        if let Some(what) = what {
            let name = def.name.as_deref().unwrap_or("type");
            self.report(&format!("type `{}`", path(interface, name)), what, def.span);
        }
    }

    fn function(&mut self, interface: &str, function: &Function) {
        let types: Vec<Type> = function.parameter_and_result_types().collect();
        let what = if function.kind.is_async() {
            Some("is asynchronous")
        } else if function.params.len() > PARAMS_MAX {
            Some("has more than 32 parameters")
        } else {
            let refused = types.iter().find_map(|ty| self.inside(ty));
            refused.or_else(|| self.too_large(types))
        };
        if let Some(what) = what {
            let name = path(interface, &function.name);
            self.report(&format!("function `{name}`"), what, function.span);
        }
    }

    fn too_large(&mut self, types: Vec<Type>) -> Option<&'static str> {
        let too_large = types.iter().any(|ty| self.size(ty) > PARTS_MAX);
        too_large.then_some("has a type of more than 1000 parts, records and variants not counted")
    }

    /// How many parts a type has when its aliases are replaced by what they stand for; the loader
    /// limits how deep types go.
    fn size(&mut self, ty: &Type) -> usize {
        let Type::Id(id) = ty else { return 1 };
        if let Some(known) = self.sizes.get(id) {
            return *known;
        }
        let def = &self.resolve.types[*id];
        let mut size = 1_usize;
        if !is_nominal(def) {
            for part in super::plan::parts(&def.kind) {
                size = size.saturating_add(self.size(&part));
            }
        }
        self.sizes.insert(*id, size);
        size
    }

    /// What is refused in a type, not looking behind names.
    fn inside(&self, ty: &Type) -> Option<&'static str> {
        let id = match ty {
            Type::ErrorContext => return Some("uses an error context"),
            Type::Id(id) => *id,
            _ => return None,
        };
        let def = &self.resolve.types[id];
        if def.name.is_some() {
            return None;
        }
        let parts = super::plan::parts(&def.kind);
        let what = self.refused(&def.kind);
        what.or_else(|| parts.iter().find_map(|part| self.inside(part)))
    }

    /// What of a type is refused, its parts not looked at.
    fn refused(&self, kind: &TypeDefKind) -> Option<&'static str> {
        match kind {
            TypeDefKind::Future(_) => Some("uses a future"),
            TypeDefKind::Stream(_) => Some("uses a stream"),
            TypeDefKind::Map(_, value) if self.has_handle(value, &mut BTreeSet::new()) => {
                Some(MAP_OF_HANDLES)
            }
            TypeDefKind::Unknown => Some("is of unknown structure"),
            TypeDefKind::Record(_)
            | TypeDefKind::Resource
            | TypeDefKind::Handle(_)
            | TypeDefKind::Flags(_)
            | TypeDefKind::Tuple(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Option(_)
            | TypeDefKind::Result(_)
            | TypeDefKind::List(_)
            | TypeDefKind::Map(..)
            | TypeDefKind::FixedLengthList(..)
            | TypeDefKind::Type(_) => None,
        }
    }

    /// Whether a handle is in a type, names looked behind; each type is looked at once.
    fn has_handle(&self, ty: &Type, seen: &mut BTreeSet<TypeId>) -> bool {
        let Type::Id(id) = ty else {
            return false;
        };
        let kind = &self.resolve.types[*id].kind;
        matches!(kind, TypeDefKind::Handle(_))
            || seen.insert(*id)
                && super::plan::parts(kind)
                    .iter()
                    .any(|part| self.has_handle(part, seen))
    }

    fn report(&mut self, item: &str, what: &str, span: Span) {
        let mut diagnostic = Diagnostic::new(
            Severity::Error,
            format!("no bindings for {item}: it {what}"),
        );
        diagnostic.labels.extend(label(self.set, span, ""));
        let note = match what {
            MAP_OF_HANDLES => {
                "the component model has no such maps, whose values a key that comes twice would \
                 lose: use a list of pairs"
            }
            _ => "this kind of item is not supported by the generator yet",
        };
        diagnostic.notes.push(note.to_owned());
        self.found.push(diagnostic);
    }
}

fn path(interface: &str, name: &str) -> String {
    if interface.is_empty() {
        name.to_owned()
    } else {
        format!("{interface}#{name}")
    }
}
