//! Instances: handles to instantiated components, what they export, and their
//! exports as definitions for other components of the same store.

mod pre;
mod relays;
mod reset;
mod run;

use std::any;
use std::fmt;
use std::sync::Arc;

use linkspan_canon_abi as abi;
use linkspan_canon_abi::{ResourceTypeId, TypeTable};
use linkspan_engine as core;

pub use pre::InstancePre;

use crate::code::Code;
use crate::component::Outer;
use crate::error::{Error, Result};
use crate::func::{Func, Val, other_store};
use crate::linker::Definition;
use crate::names::{ItemPath, VersionedMap, closest};
use crate::plan::{
    ComponentItem, FuncItem, FuncSource, FuncTypeId, ImportId, InstanceId, Item, Items, LiftId,
    ModuleRef, ModuleSlot, TypeItem,
};
use crate::resource::ResourceType;
use crate::store::{AsContext, ComponentState};
use crate::types;

/// An instance in a store's state.
pub(crate) struct InstanceState {
    /// Plan and compiled types.
    pub(crate) code: Arc<Code>,
    /// Resource types of the plan, numbered by the store.
    pub(crate) resources: Box<[ResourceTypeId]>,
    /// Lifted functions of the plan, by their place in the store.
    lifts: Box<[u32]>,
    /// The store's number of the plan's first component instance.
    owners: u32,
    /// Core instances of the plan.
    core_instances: Box<[core::Instance]>,
    /// Imported functions that are handed back: import → function, in the
    /// order of the imports.
    func_imports: Vec<(u32, Func)>,
    /// Values of the plan.
    values: Box<[Option<Arc<Val>>]>,
    /// What the host provided that instances export as it is, in the order of
    /// the imports.
    imported: Vec<(u32, Imported)>,
    /// Rust types that name resource types of this instance.
    keys: Vec<(any::TypeId, ResourceTypeId)>,
    component: crate::Component,
    /// The binaries that the plan is made of.
    components: Arc<[crate::Component]>,
}

/// See [`InstanceState`].
enum Imported {
    Module(core::Module),
    Component(crate::Component),
}

impl InstanceState {
    /// The resource type that a Rust type names.
    pub(crate) fn key(&self, key: any::TypeId) -> Option<ResourceTypeId> {
        let found = self.keys.iter().find(|(known, _)| *known == key)?;
        Some(found.1)
    }

    /// Lets a Rust type name a resource type of the plan.
    pub(crate) fn add_key(&mut self, key: any::TypeId, resource: ResourceTypeId) {
        let Some(resource) = self.resources.get(resource.0 as usize).copied() else {
            return;
        };
        match self.keys.iter_mut().find(|(known, _)| *known == key) {
            Some(known) => known.1 = resource,
            None => self.keys.push((key, resource)),
        }
    }

    /// The path under which a function of the store is exported or imported.
    pub(crate) fn path_of(&self, place: u32) -> Option<ItemPath> {
        let lift = self.lifts.iter().position(|known| *known == place);
        let handed_back = || {
            let mut known = self.func_imports.iter();
            let (import, _) = known.find(|(_, func)| func.is_at(place))?;
            Some(self.code.imports.get(*import as usize)?.path.clone())
        };
        match lift {
            Some(lift) => self.code.export_path(LiftId(u32::try_from(lift).ok()?)),
            None => handed_back(),
        }
    }

    fn imported(&self, import: ImportId) -> Option<&Imported> {
        by_import(&self.imported, import)
    }

    /// A core module of the plan, if it is at hand.
    fn module(&self, slot: ModuleSlot) -> Option<core::Module> {
        match self.code.modules.get(slot.index())? {
            ModuleRef::Embedded(source, id) => {
                let component = self.components.get(source.index())?;
                component.module(*id).ok().cloned()
            }
            ModuleRef::Captured(level, import) => self.component.captured_module(*level, *import),
            ModuleRef::Import(import) => match self.imported(*import)? {
                Imported::Module(module) => Some(module.clone()),
                Imported::Component(_) => None,
            },
        }
    }

    /// The exported component of that path.
    fn component(&self, path: Vec<String>) -> Result<crate::Component> {
        if let Some(Item::Component(item)) = self.code.export(path.iter().map(String::as_str)) {
            match item {
                // One that the host has provided is exported as it is.
                ComponentItem::Closure {
                    declared: Some(declared),
                    ..
                }
                | ComponentItem::Import(declared) => {
                    if let Some(Imported::Component(found)) = self.imported(declared.import) {
                        return Ok(found.clone());
                    }
                }
                ComponentItem::Closure { declared: None, .. } => {}
            }
        }
        let imports = || self.imported.iter().map(|(i, found)| (ImportId(*i), found));
        self.component.exported(Outer {
            path,
            components: imports()
                .filter_map(|(import, found)| match found {
                    Imported::Component(found) => {
                        let import = self.code.imports.get(import.index())?;
                        Some((import.path.clone(), found.clone()))
                    }
                    Imported::Module(_) => None,
                })
                .collect(),
            modules: imports()
                .filter_map(|(import, found)| match found {
                    Imported::Module(module) => Some((import, module.clone())),
                    Imported::Component(_) => None,
                })
                .collect(),
        })
    }

    fn items(&self, id: InstanceId) -> Option<&Items> {
        self.code.instances.get(id.index())
    }

    /// The types of the instance, apart from its store.
    fn guest_types(&self, state: &ComponentState) -> Result<Arc<GuestTypes>> {
        let resources = self.resources.iter();
        let resources = resources.map(|id| state.resource(*id).map(|resource| resource.ty));
        Ok(Arc::new(GuestTypes {
            code: Arc::clone(&self.code),
            resources: resources.collect::<Result<_>>()?,
        }))
    }
}

/// What belongs to an import, in a list in the order of the imports.
fn by_import<V>(list: &[(u32, V)], import: ImportId) -> Option<&V> {
    let position = list.binary_search_by_key(&import.0, |(known, _)| *known);
    Some(&list.get(position.ok()?)?.1)
}

/// Value types and the like: nobody has to define them.
fn has_no_runtime_part(item: Item) -> bool {
    matches!(item, Item::Type(ty) if !matches!(ty, TypeItem::Resource(_)))
}

#[cold]
fn no_export(instance: &InstanceState, name: &str) -> Error {
    let names = instance.code.root_exports.iter();
    let near = closest(name, names.map(|(known, _)| &**known));
    let hint = near.map_or(String::new(), |near| format!(": did you mean {near:?}?"));
    Error::link(format!("the instance exports no {name:?}{hint}"))
}

/// An instance of a component.
///
/// It is an index, as cheap to copy as an integer, and belongs to one store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    state: u64,
    index: u32,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({})", self.index)
    }
}

/// A path to an export: a name, or the names of an instance and of an item
/// in it.
pub trait ExportPath {
    /// The names from the outside in.
    fn names(&self) -> impl Iterator<Item = &str>;
}

impl ExportPath for &str {
    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(*self)
    }
}

impl ExportPath for &String {
    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.as_str())
    }
}

impl ExportPath for (&str, &str) {
    fn names(&self) -> impl Iterator<Item = &str> {
        [self.0, self.1].into_iter()
    }
}

impl ExportPath for &[&str] {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().copied()
    }
}

impl Instance {
    pub(crate) fn state(self, state: &ComponentState) -> Result<&InstanceState> {
        if state.id != self.state {
            return Err(other_store());
        }
        state
            .instances
            .get(self.index as usize)
            .ok_or_else(other_store)
    }

    pub(crate) fn state_mut(self, state: &mut ComponentState) -> Result<&mut InstanceState> {
        if state.id != self.state {
            return Err(other_store());
        }
        state
            .instances
            .get_mut(self.index as usize)
            .ok_or_else(other_store)
    }

    /// The component.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Host`](crate::ErrorKind::Host) if the instance belongs to
    /// another store.
    pub fn component(&self, store: impl AsContext) -> Result<crate::Component> {
        let store = store.as_context();
        Ok(self.state(store.extra())?.component.clone())
    }

    /// The exported function of that name, or of that name in an exported
    /// instance: `"run"`, or `("ns:pkg/iface@1.0.0", "run")`. Names of
    /// instances match semver-compatible versions.
    ///
    /// `None` also for an instance of another store.
    #[must_use]
    pub fn get_func(&self, store: impl AsContext, path: impl ExportPath) -> Option<Func> {
        let store = store.as_context();
        let instance = self.state(store.extra()).ok()?;
        match item(instance, &path)? {
            Item::Func(func) => self.func_of(instance, func),
            Item::Instance(_)
            | Item::Type(_)
            | Item::Module(_)
            | Item::Component(_)
            | Item::Value(_) => None,
        }
    }

    /// The exported value of that name. Handles in it belong to the host: one
    /// that owns its resource can be passed on once, whoever asked for the
    /// value.
    #[must_use]
    pub fn get_value(&self, store: impl AsContext, path: impl ExportPath) -> Option<Val> {
        let store = store.as_context();
        let instance = self.state(store.extra()).ok()?;
        match item(instance, &path)? {
            Item::Value(value) => {
                let value = instance.values.get(value.index())?.as_ref()?;
                Some(Val::clone(value))
            }
            Item::Func(_)
            | Item::Instance(_)
            | Item::Type(_)
            | Item::Module(_)
            | Item::Component(_) => None,
        }
    }

    /// A lifted function that was found in the plan.
    pub(crate) fn lifted_func(self, state: &ComponentState, lift: LiftId) -> Result<Func> {
        let place = self.state(state)?.lifts.get(lift.index()).copied();
        place
            .map(|place| Func::new(self.state, place))
            .ok_or_else(|| Error::inconsistent("a lifted function is missing"))
    }

    fn func_of(self, instance: &InstanceState, func: FuncItem) -> Option<Func> {
        match func.source {
            FuncSource::Lift(id) => {
                let place = *instance.lifts.get(id.index())?;
                Some(Func::new(self.state, place))
            }
            FuncSource::Import(import) => by_import(&instance.func_imports, import).copied(),
            FuncSource::Unsupported(..) => None,
        }
    }

    /// The exported core module of that name.
    #[must_use]
    pub fn get_module(&self, store: impl AsContext, path: impl ExportPath) -> Option<core::Module> {
        let store = store.as_context();
        let instance = self.state(store.extra()).ok()?;
        let Item::Module(slot) = item(instance, &path)? else {
            return None;
        };
        instance.module(slot)
    }

    /// The exported component of that name, with everything that the instance
    /// was linked to and that it refers to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if there is none,
    /// [`ErrorKind::Host`](crate::ErrorKind::Host) if the instance belongs to
    /// another store.
    pub fn get_component(
        &self,
        store: impl AsContext,
        path: impl ExportPath,
    ) -> Result<crate::Component> {
        let store = store.as_context();
        let instance = self.state(store.extra())?;
        instance.component(path.names().map(str::to_owned).collect())
    }

    /// The exported resource type of that name.
    #[must_use]
    pub fn get_resource(
        &self,
        store: impl AsContext,
        path: impl ExportPath,
    ) -> Option<ResourceType> {
        let store = store.as_context();
        let state = store.extra();
        let instance = self.state(state).ok()?;
        let Item::Type(TypeItem::Resource(id)) = item(instance, &path)? else {
            return None;
        };
        let id = *instance.resources.get(id.0 as usize)?;
        Some(state.resource(id).ok()?.ty)
    }

    /// Calls `read` with everything that the instance exports.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Host`](crate::ErrorKind::Host) if the instance belongs to
    /// another store.
    pub fn with_exports<R>(
        &self,
        store: impl AsContext,
        read: impl FnOnce(types::Items<'_>) -> R,
    ) -> Result<R> {
        let store = store.as_context();
        let code = &self.state(store.extra())?.code;
        Ok(read(types::Items::new(code, &code.root_exports)))
    }

    /// An export as a definition for other components of the same store.
    pub(crate) fn definition(self, state: &ComponentState, export: &str) -> Result<Definition> {
        let instance = self.state(state)?;
        let found = item(instance, &export).ok_or_else(|| no_export(instance, export))?;
        let types = instance.guest_types(state)?;
        self.item_definition(instance, &types, found, &mut vec![export.to_owned()])
            .map_err(|error| error.within(format!("{export:?}")))
    }

    /// All exports as definitions for other components of the same store, by
    /// name.
    pub(crate) fn definitions(self, state: &ComponentState) -> Result<Vec<(String, Definition)>> {
        let instance = self.state(state)?;
        let types = instance.guest_types(state)?;
        let mut definitions = Vec::new();
        for (name, item) in instance.code.root_exports.iter() {
            if has_no_runtime_part(item) {
                continue;
            }
            let definition = self
                .item_definition(instance, &types, item, &mut vec![name.to_string()])
                .map_err(|error| error.within(format!("{name:?}")))?;
            definitions.push((name.to_string(), definition));
        }
        Ok(definitions)
    }

    fn item_definition(
        self,
        instance: &InstanceState,
        types: &Arc<GuestTypes>,
        found: Item,
        path: &mut Vec<String>,
    ) -> Result<Definition> {
        const DEPTH_MAX: usize = 16;
        match found {
            Item::Func(func) => {
                let handle = self.func_of(instance, func).ok_or_else(|| {
                    Error::unsupported("a function of a component that is not provided is")
                })?;
                let export = InstanceExport {
                    types: Arc::clone(types),
                    ty: func.ty,
                };
                Ok(Definition::Guest(Arc::new(export), handle))
            }
            Item::Instance(id) if path.len() <= DEPTH_MAX => {
                let mut names = VersionedMap::default();
                for (name, inner) in instance.items(id).map(Items::iter).into_iter().flatten() {
                    if has_no_runtime_part(inner) {
                        continue;
                    }
                    path.push(name.to_string());
                    let definition = self.item_definition(instance, types, inner, path)?;
                    path.pop();
                    names.insert(name, definition);
                }
                Ok(Definition::Instance(names))
            }
            Item::Instance(_) => Err(Error::limit(format!(
                "exported instances nest deeper than {DEPTH_MAX}"
            ))),
            Item::Type(TypeItem::Resource(id)) => types
                .resources
                .get(id.0 as usize)
                .map(|ty| Definition::Resource(*ty, None))
                .ok_or_else(|| Error::inconsistent("a resource type is missing")),
            Item::Module(slot) => instance
                .module(slot)
                .map(Definition::Module)
                .ok_or_else(|| Error::unsupported("re-exporting this core module is")),
            Item::Value(value) => instance
                .values
                .get(value.index())
                .and_then(Option::as_ref)
                .map(|value| Definition::Value(Arc::clone(value)))
                .ok_or_else(|| Error::inconsistent("a value is missing")),
            Item::Component(_) => instance.component(path.clone()).map(Definition::Component),
            Item::Type(_) => Err(Error::link(
                "a type that is no resource is nothing that is linked: types are compared by \
                 their structure",
            )),
        }
    }
}

/// The item of a path in an instance's exports.
fn item(instance: &InstanceState, path: &impl ExportPath) -> Option<Item> {
    let mut items = &instance.code.root_exports;
    let mut names = path.names().peekable();
    while let Some(name) = names.next() {
        let found = items.get(name).or_else(|| compatible(items, name))?;
        if names.peek().is_none() {
            return Some(found);
        }
        let Item::Instance(id) = found else {
            return None;
        };
        items = instance.items(id)?;
    }
    None
}

/// The item whose name is a semver-compatible version of `name`.
fn compatible(items: &Items, name: &str) -> Option<Item> {
    name.contains('@').then_some(())?;
    let mut versions = VersionedMap::default();
    for (known, item) in items.iter() {
        versions.insert(known, item);
    }
    versions.get(name).copied()
}

/// A function of an instance as linkers know it: with its type.
pub(crate) struct InstanceExport {
    types: Arc<GuestTypes>,
    ty: FuncTypeId,
}

/// The types of an instance, apart from its store.
struct GuestTypes {
    code: Arc<Code>,
    resources: Box<[ResourceType]>,
}

impl InstanceExport {
    /// The table of the function's type.
    pub(crate) fn types(&self) -> &TypeTable {
        &self.types.code.types
    }

    /// The function's type.
    pub(crate) fn func_type(&self) -> Option<&abi::FuncType> {
        self.types
            .code
            .func_types
            .get(self.ty.index())?
            .as_ref()
            .ok()
    }

    /// What a resource type of the function's type is.
    pub(crate) fn resource_type(&self, id: ResourceTypeId) -> Option<ResourceType> {
        self.types.resources.get(id.0 as usize).copied()
    }
}
