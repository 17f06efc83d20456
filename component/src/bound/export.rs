//! The table of what a component must export, and its comparison with what it
//! does export: names with versions, then types, everything at once.

use std::any;
use std::fmt;

use linkspan_canon_abi as abi;
use linkspan_canon_abi::{
    Comparison, FuncType, LiftOwned, Params, ResourceTypeId, TypeTable, ValType,
};

use crate::code::Code;
use crate::error::{Error, ErrorKind, Result};
use crate::func::host::FuncMismatch;
use crate::linker::LinkDifference;
use crate::names::{VersionedMap, closest};
use crate::plan::{FuncSource, FuncTypeId, Item, Items, LiftId, ResourceDef, TypeItem};
use crate::resource::ResourceType;

/// One interface that a world exports, or, without a name, the functions of
/// the world itself.
#[derive(Clone, Copy)]
pub struct Interface {
    name: &'static str,
    resources: &'static [NamedResource],
    funcs: &'static [Export],
    optional: bool,
}

/// A resource of an interface, and the Rust type that names it.
#[derive(Clone, Copy)]
pub struct NamedResource {
    name: &'static str,
    key: fn() -> any::TypeId,
}

/// A function of an interface, with its type.
#[derive(Clone, Copy)]
pub struct Export {
    name: &'static str,
    describe: Describe,
    optional: bool,
}

impl Interface {
    /// The interface, which a component may lack.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Whether a component may lack it, as it may lack all that is in it.
    fn may_lack(&self) -> bool {
        let every = self.resources.is_empty() && !self.funcs.is_empty();
        self.optional || every && self.funcs.iter().all(|func| func.optional)
    }
}

impl Export {
    /// The function, which a component may lack.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// Builds the types of parameters and result.
pub(crate) type Describe = fn(&mut TypeTable) -> abi::Result<(Vec<ValType>, Option<ValType>)>;

/// An interface of a world: its name, its resources and its functions.
#[must_use]
pub const fn interface(
    name: &'static str,
    resources: &'static [NamedResource],
    funcs: &'static [Export],
) -> Interface {
    Interface {
        name,
        resources,
        funcs,
        optional: false,
    }
}

/// A resource that the Rust type `R` names.
#[must_use]
pub const fn resource<R: 'static>(name: &'static str) -> NamedResource {
    NamedResource {
        name,
        key: any::TypeId::of::<R>,
    }
}

/// A function that takes `P` and answers `R`.
#[must_use]
pub const fn func<P: Params, R: LiftOwned>(name: &'static str) -> Export {
    Export {
        name,
        describe: describe::<P, R>,
        optional: false,
    }
}

pub(crate) fn describe<P: Params, R: abi::ComponentType>(
    types: &mut TypeTable,
) -> abi::Result<(Vec<ValType>, Option<ValType>)> {
    match (P::describe_params(types), R::describe(types)) {
        (Ok(params), Ok(result)) => Ok((params, result)),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interface")
            .field("name", &self.name)
            .field("funcs", &self.funcs)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NamedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What the exports of a world are called in a component.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Functions by position; `None` for those that the component lacks and may lack.
    pub(super) funcs: Vec<Option<FoundFunc>>,
    /// Rust types and the resources that they name.
    pub(super) keys: Vec<(any::TypeId, ResourceTypeId)>,
}

/// An exported function.
#[derive(Debug)]
pub(super) struct FoundFunc {
    /// Its interface in the component, if it has one, and its name.
    pub(super) path: (Option<Box<str>>, Box<str>),
    /// The lifted function; `None` if the component passes on an import.
    pub(super) lift: Option<LiftId>,
}

/// Finds every export in the table in a component and compares the types.
///
/// `import` says what an imported resource type was linked to.
pub(super) fn find(
    code: &Code,
    table: &[Interface],
    import: &dyn Fn(ResourceTypeId) -> Option<ResourceType>,
) -> Result<Found> {
    let mut search = Search {
        code,
        import,
        found: Found::default(),
        problems: Vec::new(),
    };
    let instances: Vec<_> = table.iter().map(|i| (i, search.instance(i))).collect();
    // Resources first: functions of any interface may refer to them.
    for (interface, items) in &instances {
        if let Some((_, items)) = items {
            search.resources(interface, items);
        }
    }
    for (interface, items) in &instances {
        match items {
            Some((name, items)) => search.funcs(interface, name.as_deref(), items),
            None => search
                .found
                .funcs
                .extend(interface.funcs.iter().map(|_| None)),
        }
    }
    match search.problems.as_slice() {
        [] => Ok(search.found),
        [one] => Err(Error::new(ErrorKind::Link, one.as_str())),
        many => Err(Error::new(
            ErrorKind::Link,
            format!(
                "{} exports are missing or do not match\n  {}",
                many.len(),
                many.join("\n  ")
            ),
        )),
    }
}

struct Search<'a> {
    code: &'a Code,
    import: &'a dyn Fn(ResourceTypeId) -> Option<ResourceType>,
    found: Found,
    problems: Vec<String>,
}

impl<'a> Search<'a> {
    /// The exported instance of an interface, and its name in the component.
    fn instance(&mut self, interface: &Interface) -> Option<(Option<Box<str>>, &'a Items)> {
        let root = &self.code.root_exports;
        if interface.name.is_empty() {
            return Some((None, root));
        }
        let mut versions = VersionedMap::default();
        for (name, item) in root.iter() {
            versions.insert(name, (name, item));
        }
        let found = versions.get(interface.name);
        if let Some((name, Item::Instance(id))) = found
            && let Some(items) = self.code.instances.get(id.index())
        {
            return Some((Some((***name).into()), items));
        }
        if found.is_none() && interface.may_lack() {
            return None;
        }
        let found = found.map_or_else(
            || missing(interface.name, root.iter().map(|(name, _)| &**name)),
            |(_, item)| format!("found a {}", item.kind()),
        );
        self.problems.push(format!(
            "export {:?}: expected an instance, {found}",
            interface.name
        ));
        None
    }

    fn resources(&mut self, interface: &Interface, items: &Items) {
        for resource in interface.resources {
            match items.get(resource.name) {
                Some(Item::Type(TypeItem::Resource(id))) => {
                    self.found.keys.push(((resource.key)(), id));
                }
                found => self.problem(interface, resource.name, "a resource", found, items),
            }
        }
    }

    fn funcs(&mut self, interface: &Interface, instance: Option<&str>, items: &Items) {
        for export in interface.funcs {
            let mut lift = None;
            match items.get(export.name) {
                Some(Item::Func(func)) => {
                    if let FuncSource::Lift(id) = func.source {
                        lift = Some(id);
                    }
                    if let Err(error) = self.compare(func.ty, export) {
                        let path = path(interface, export.name);
                        self.problems.push(format!("export {path}: {error}"));
                    }
                }
                None if export.optional => {
                    self.found.funcs.push(None);
                    continue;
                }
                found => self.problem(interface, export.name, "a func", found, items),
            }
            let path = (instance.map(Into::into), export.name.into());
            self.found.funcs.push(Some(FoundFunc { path, lift }));
        }
    }

    fn problem(
        &mut self,
        interface: &Interface,
        name: &str,
        expected: &str,
        found: Option<Item>,
        items: &Items,
    ) {
        let found = found.map_or_else(
            || missing(name, items.iter().map(|(name, _)| &**name)),
            |item| format!("found a {}", item.kind()),
        );
        let path = path(interface, name);
        self.problems
            .push(format!("export {path}: expected {expected}, {found}"));
    }

    fn compare(&self, ty: FuncTypeId, export: &Export) -> Result<()> {
        let expected = match self.code.func_types.get(ty.index()) {
            Some(Ok(ty)) => ty,
            Some(Err(reason)) => {
                let reason = self.code.reasons.get(reason.index());
                return Err(Error::unsupported(reason.map_or("this type is", |r| r)));
            }
            None => return Err(Error::inconsistent("a function type is missing")),
        };
        let same = |id: ResourceTypeId, key: any::TypeId| self.same_resource(id, key);
        differences(&self.code.types, expected, export.describe, &same)
            .map_err(FuncMismatch::into_error)
    }

    /// Whether a Rust type names a resource type of the component.
    fn same_resource(&self, id: ResourceTypeId, key: any::TypeId) -> bool {
        if self.found.keys.contains(&(key, id)) {
            return true;
        }
        match self.code.resources.get(id.0 as usize) {
            Some(ResourceDef::Import(_)) => (self.import)(id).is_some_and(|ty| ty.is_host(key)),
            Some(ResourceDef::Defined(..) | ResourceDef::Outer) | None => false,
        }
    }
}

/// Compares a function type of a component with Rust types, and tells every
/// parameter that differs. `same_resource` says whether a Rust type names a
/// resource type of the component.
pub(crate) fn differences(
    types: &TypeTable,
    expected: &FuncType,
    describe: Describe,
    same_resource: &dyn Fn(ResourceTypeId, any::TypeId) -> bool,
) -> Result<(), FuncMismatch> {
    let mut own = TypeTable::new();
    let (params, result) = match describe(&mut own) {
        Ok(described) => described,
        Err(error) => {
            return Err(FuncMismatch {
                found: "a Rust function without a type of the component model".to_owned(),
                differences: vec![error.into()],
            });
        }
    };
    let mut same = |id: ResourceTypeId, tag: ResourceTypeId| {
        own.host_resource_key(tag)
            .is_some_and(|key| same_resource(id, key))
    };
    let differences: Vec<LinkDifference> = Comparison::new(types, &own, &mut same)
        .signature_differences(expected, &params, result)
        .into_iter()
        .map(LinkDifference::from)
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let params: Vec<String> = params
        .iter()
        .map(|ty| own.display(*ty).to_string())
        .collect();
    let result = result.map(|ty| format!(" -> {}", own.display(ty)));
    Err(FuncMismatch {
        found: format!("func({}){}", params.join(", "), result.unwrap_or_default()),
        differences,
    })
}

fn path(interface: &Interface, name: &str) -> String {
    if interface.name.is_empty() {
        format!("{name:?}")
    } else {
        format!("{:?} → {name:?}", interface.name)
    }
}

fn missing<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match closest(name, known) {
        Some(near) => format!("found nothing; the component has {near:?}"),
        None => "found nothing".to_owned(),
    }
}
