//! Options that speak of functions and types, given to the items of a plan.
//!
//! What replaces items is in `with`; this is about items that are generated. Each option is looked
//! up for every item once, and what it says is kept with the item.

use std::collections::{BTreeMap, BTreeSet};

use wit_parser::{FunctionKind, Type, TypeDefKind, TypeId};

use super::filter::{DEFAULT, Filter, Names, refused};
use super::options::Options;
use super::plan::{Facts, Func, Module, Plan, Side};
use super::with::is_path;
use crate::error::{Diagnostic, Result, Severity};

/// What a type looks like beyond its definition.
#[derive(Clone, Debug, Default)]
pub(super) struct Looks {
    /// Traits that it derives beside its own.
    pub(super) derives: Vec<String>,
    /// Attributes of the type.
    pub(super) attributes: Vec<String>,
    /// Attributes of fields and cases, by label.
    pub(super) members: BTreeMap<String, Vec<String>>,
}

impl Looks {
    /// Nothing beyond the definition.
    pub(super) const fn plain() -> Self {
        Self {
            derives: Vec::new(),
            attributes: Vec::new(),
            members: BTreeMap::new(),
        }
    }

    /// The attributes of a field or case.
    pub(super) fn member(&self, label: &str) -> &[String] {
        self.members.get(label).map_or(&[], Vec::as_slice)
    }
}

/// Gives functions and exported interfaces their flags.
///
/// # Errors
///
/// [`ErrorKind::Generate`](crate::ErrorKind::Generate) for a key that means no function.
pub(super) fn functions(plan: &mut Plan<'_>, options: &Options) -> Result<()> {
    let mut imports = Filter::unique("imports", "imported function", &options.imports)?;
    let mut exports = Filter::unique("exports", "export", &options.exports)?;
    imports.allow(DEFAULT);
    exports.allow(DEFAULT);
    for index in 0..plan.modules.len() {
        let module = &plan.modules[index];
        if plan.external.replaces(module) {
            continue;
        }
        let (side, interface) = (module.side, module.wit_name.clone());
        let labels: Vec<String> = module
            .funcs
            .iter()
            .map(|func| label(module, func))
            .collect();
        let module = &mut plan.modules[index];
        for (func, label) in module.funcs.iter_mut().zip(labels) {
            let names = Names::function(&interface, &label);
            if side == Side::Import {
                let names = names.or_interface(&interface).or_default();
                func.flags = imports.best(&names).map_or(func.flags, |(_, flags)| *flags);
            } else {
                func.optional = exports
                    .best(&names)
                    .is_some_and(|(_, flags)| flags.optional);
            }
        }
        if side == Side::Export {
            let names = Names::interface(&interface).or_default();
            module.optional = exports
                .best(&names)
                .is_some_and(|(_, flags)| flags.optional);
        }
    }
    for func in &mut plan.root_exports {
        let names = Names::function("", func.wit.item_name()).or_default();
        func.optional = exports
            .best(&names)
            .is_some_and(|(_, flags)| flags.optional);
    }
    imports.finish(&plan.wit_name)?;
    exports.finish(&plan.wit_name)
}

/// The name of a function in keys: `f`, `resource.f`, `resource.constructor`; a property's is that
/// of its getter and its setter.
fn label(module: &Module<'_>, func: &Func<'_>) -> String {
    let resource = func
        .resource
        .and_then(|id| module.resources.iter().find(|r| r.id == id));
    let name = match func.wit.kind {
        FunctionKind::Constructor(_) => "constructor",
        _ => func.wit.item_name(),
    };
    match resource {
        Some(resource) => format!("{}.{name}", resource.label),
        None => name.to_owned(),
    }
}

/// Derives and attributes by module and type, and notes on derives that a type cannot have.
type Chosen = (BTreeMap<(usize, TypeId), Looks>, Vec<Diagnostic>);

/// Chooses the looks of all types that are generated.
///
/// # Errors
///
/// [`ErrorKind::Generate`](crate::ErrorKind::Generate) for a key that means no type, a derive that
/// is no path, and an attribute that is none.
pub(super) fn looks(plan: &Plan<'_>, options: &Options) -> Result<Chosen> {
    for derive in &options.derives {
        check_derive("derives", derive, derive)?;
    }
    for (key, derives) in &options.derives_for {
        for derive in derives {
            check_derive("derives_for", key, derive)?;
        }
    }
    for (key, attribute) in &options.attributes {
        check_attribute(key, attribute)?;
    }
    let mut choice = Choice {
        plan,
        all: &options.derives,
        derives: Filter::new("derives_for", "type to derive for", &options.derives_for),
        attributes: Filter::new("attributes", "type, field or case", &options.attributes),
        looks: BTreeMap::new(),
        notes: BTreeSet::new(),
    };
    for (index, module) in plan.modules.iter().enumerate() {
        if plan.external.replaces(module) {
            continue;
        }
        for (label, id) in plan.types_of(module) {
            if plan.external.ty(id, 0).is_none() {
                choice.of_type(index, module, label, id);
            }
        }
    }
    choice.derives.finish(&plan.wit_name)?;
    choice.attributes.finish(&plan.wit_name)?;
    let note = |text| Diagnostic::new(Severity::Note, text);
    Ok((choice.looks, choice.notes.into_iter().map(note).collect()))
}

struct Choice<'c, 'o> {
    plan: &'c Plan<'c>,
    all: &'o [String],
    derives: Filter<'o, Vec<String>>,
    attributes: Filter<'o, String>,
    looks: BTreeMap<(usize, TypeId), Looks>,
    /// An interface on both sides has its types twice, and its notes once.
    notes: BTreeSet<String>,
}

impl Choice<'_, '_> {
    fn of_type(&mut self, index: usize, module: &Module<'_>, label: &str, id: TypeId) {
        let interface = &module.wit_name;
        let kind = &self.plan.resolve.types[id].kind;
        let mut looks = Looks::default();
        let names = Names::item(interface, label);
        looks.attributes = self.attributes_of(&names);
        for member in members(kind) {
            let names = Names::item(interface, &format!("{label}.{member}"));
            let attributes = self.attributes_of(&names);
            if !attributes.is_empty() {
                looks.members.insert(member.to_owned(), attributes);
            }
        }
        if let Some(own) = own_derives(kind, self.plan.facts(&Type::Id(id))) {
            let chosen = self.derives.all(&names.clone().or_interface(interface));
            let chosen = chosen.into_iter().flat_map(|(_, derives)| derives);
            let all: Vec<&String> = self.all.iter().chain(chosen).collect();
            looks.derives = self.derives_of(names.shown(), id, own, all);
        }
        self.looks.insert((index, id), looks);
    }

    fn attributes_of(&mut self, names: &Names) -> Vec<String> {
        let found = self.attributes.all(names).into_iter();
        found
            .map(|(_, attribute)| attribute.trim().to_owned())
            .collect()
    }

    /// Those of `wanted` that a type can have and has not, once each.
    fn derives_of(
        &mut self,
        name: &str,
        id: TypeId,
        own: &[&str],
        wanted: Vec<&String>,
    ) -> Vec<String> {
        let kind = &self.plan.resolve.types[id].kind;
        let facts = self.plan.facts(&Type::Id(id));
        let mut derives: Vec<String> = Vec::new();
        for wanted in wanted {
            let wanted = wanted.trim();
            let known = standard(wanted);
            let same = |other: &str| match known {
                Some(known) => standard(other) == Some(known),
                None => other == wanted,
            };
            if own.iter().any(|own| same(own)) || derives.iter().any(|other| same(other)) {
                continue;
            }
            match unable(kind, facts, known) {
                Some(reason) => {
                    let note = format!("`{name}` does not derive `{wanted}`: {reason}");
                    self.notes.insert(note);
                }
                None => derives.push(wanted.to_owned()),
            }
        }
        derives
    }
}

/// What a definition derives of itself; `None` for one that is no type of its own.
pub(super) fn own_derives(kind: &TypeDefKind, facts: Facts) -> Option<&'static [&'static str]> {
    match kind {
        TypeDefKind::Record(_) | TypeDefKind::Variant(_) => Some(match facts {
            f if f.handle() => &["Debug"],
            f if f.foreign => &["Clone", "Debug", "PartialEq"],
            f if f.owns && f.float => &["Clone", "Debug", "PartialEq"],
            f if f.owns => &["Clone", "Debug", "PartialEq", "Eq", "Hash"],
            f if f.float => &["Clone", "Copy", "Debug", "PartialEq"],
            _ => &["Clone", "Copy", "Debug", "PartialEq", "Eq", "Hash"],
        }),
        TypeDefKind::Enum(_) => Some(&[
            "Clone",
            "Copy",
            "Debug",
            "PartialEq",
            "Eq",
            "Hash",
            "PartialOrd",
            "Ord",
        ]),
        // The macro derives these, and writes `Debug`.
        TypeDefKind::Flags(_) => Some(&[
            "Clone",
            "Copy",
            "Debug",
            "Default",
            "PartialEq",
            "Eq",
            "PartialOrd",
            "Ord",
            "Hash",
        ]),
        TypeDefKind::Resource
        | TypeDefKind::Handle(_)
        | TypeDefKind::Tuple(_)
        | TypeDefKind::Option(_)
        | TypeDefKind::Result(_)
        | TypeDefKind::List(_)
        | TypeDefKind::Map(..)
        | TypeDefKind::FixedLengthList(..)
        | TypeDefKind::Future(_)
        | TypeDefKind::Stream(_)
        | TypeDefKind::Type(_)
        | TypeDefKind::Unknown => None,
    }
}

/// The labels of fields, cases or flags.
fn members(kind: &TypeDefKind) -> Vec<&str> {
    match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|f| f.name.as_str()).collect(),
        TypeDefKind::Variant(variant) => variant.cases.iter().map(|c| c.name.as_str()).collect(),
        TypeDefKind::Enum(cases) => cases.cases.iter().map(|c| c.name.as_str()).collect(),
        TypeDefKind::Flags(flags) => flags.flags.iter().map(|f| f.name.as_str()).collect(),
        TypeDefKind::Resource
        | TypeDefKind::Handle(_)
        | TypeDefKind::Tuple(_)
        | TypeDefKind::Option(_)
        | TypeDefKind::Result(_)
        | TypeDefKind::List(_)
        | TypeDefKind::Map(..)
        | TypeDefKind::FixedLengthList(..)
        | TypeDefKind::Future(_)
        | TypeDefKind::Stream(_)
        | TypeDefKind::Type(_)
        | TypeDefKind::Unknown => Vec::new(),
    }
}

/// Why a type cannot derive a trait; `known` is its name if the trait is the standard library's.
fn unable(kind: &TypeDefKind, facts: Facts, known: Option<&str>) -> Option<&'static str> {
    let cases = matches!(kind, TypeDefKind::Variant(_) | TypeDefKind::Enum(_));
    match known {
        _ if facts.handle() => Some("it holds a handle"),
        Some("Eq" | "Hash" | "Ord") if facts.float => Some("it holds a floating-point number"),
        Some("Copy") if facts.owns && !facts.foreign => Some("it owns memory"),
        Some("Default") if cases => Some("none of its cases is the default"),
        _ => None,
    }
}

/// The name of a trait of the standard library, however its path is written.
fn standard(derive: &str) -> Option<&str> {
    let path = derive.strip_prefix("::").unwrap_or(derive);
    match path.rsplit_once("::") {
        None => Some(path),
        Some((path, name)) => {
            let root = path.split("::").next();
            matches!(root, Some("std" | "core")).then_some(name)
        }
    }
}

fn check_derive(option: &'static str, key: &str, derive: &str) -> Result<()> {
    if is_path(derive.trim()) {
        return Ok(());
    }
    let message = format!("expected the path of a trait to derive, found `{derive}`");
    Err(refused(option, key, message))
}

fn check_attribute(key: &str, attribute: &str) -> Result<()> {
    let text = attribute.trim();
    if text.starts_with("#[") && text.ends_with(']') && !text.contains(char::is_control) {
        return Ok(());
    }
    let message = format!("expected an attribute such as `#[doc(hidden)]`, found `{attribute}`");
    Err(refused("attributes", key, message))
}
