//! Index spaces while a plan is made: one environment for each component
//! instance and each evaluated type body, linked to the one that encloses it.
//!
//! An environment only grows, and outer aliases reach only what existed when
//! the inner definition was made: so a closure is a number.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::modules::CoreTypeItem;
use super::{
    ComponentItem, CoreInstance, CoreItem, FuncItem, InstanceId, Item, ModuleSlot, OwnerId,
    TypeItem, ValueId,
};
use crate::error::{Error, Result};

/// An environment of the plan under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EnvId(pub(super) u32);

/// Names and what they stand for, in order of declaration.
#[derive(Clone, Debug)]
pub(crate) struct Names<I> {
    list: Vec<(Arc<str>, I)>,
    by_name: BTreeMap<Arc<str>, u32>,
}

/// The names of a component instance.
pub(crate) type Items = Names<Item>;

/// The names of a synthetic core instance.
pub(crate) type CoreSet = Names<CoreItem>;

impl<I> Default for Names<I> {
    fn default() -> Self {
        Names {
            list: Vec::new(),
            by_name: BTreeMap::new(),
        }
    }
}

impl<I: Clone> Names<I> {
    /// Adds an item; validation has made sure that the name is new.
    pub(crate) fn push(&mut self, name: Arc<str>, item: I) {
        let position = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.by_name.insert(Arc::clone(&name), position);
        self.list.push((name, item));
    }

    /// The item of that name.
    pub(crate) fn get(&self, name: &str) -> Option<I> {
        let position = *self.by_name.get(name)?;
        Some(self.list.get(position as usize)?.1.clone())
    }

    /// All items in order of declaration.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, I)> {
        self.list.iter().map(|(name, item)| (name, item.clone()))
    }
}

/// The index spaces of one component instance or type body.
#[derive(Debug, Default)]
pub(super) struct Env {
    /// What encloses it.
    pub(super) parent: Option<EnvId>,
    /// The component instance at run time. Type bodies repeat their parent's.
    pub(super) owner: OwnerId,
    pub(super) core_modules: Vec<ModuleSlot>,
    pub(super) core_instances: Vec<CoreInstance>,
    pub(super) core_types: Vec<CoreTypeItem>,
    pub(super) core_funcs: Vec<CoreItem>,
    pub(super) core_tables: Vec<CoreItem>,
    pub(super) core_memories: Vec<CoreItem>,
    pub(super) core_globals: Vec<CoreItem>,
    pub(super) core_tags: Vec<CoreItem>,
    pub(super) components: Vec<ComponentItem>,
    pub(super) instances: Vec<InstanceId>,
    pub(super) funcs: Vec<FuncItem>,
    pub(super) types: Vec<TypeItem>,
    pub(super) values: Vec<ValueId>,
}

impl Env {
    /// Puts an item at the end of the index space of its kind.
    pub(super) fn push(&mut self, item: Item) {
        match item {
            Item::Func(func) => self.funcs.push(func),
            Item::Instance(instance) => self.instances.push(instance),
            Item::Type(ty) => self.types.push(ty),
            Item::Module(module) => self.core_modules.push(module),
            Item::Component(component) => self.components.push(component),
            Item::Value(value) => self.values.push(value),
        }
    }

    /// The item at a position of the index space of a kind.
    pub(super) fn item(&self, kind: wasmparser::ComponentExternalKind, index: u32) -> Result<Item> {
        use wasmparser::ComponentExternalKind as Kind;
        Ok(match kind {
            Kind::Func => Item::Func(get(&self.funcs, index)?),
            Kind::Instance => Item::Instance(get(&self.instances, index)?),
            Kind::Type => Item::Type(get(&self.types, index)?),
            Kind::Module => Item::Module(get(&self.core_modules, index)?),
            Kind::Component => Item::Component(get(&self.components, index)?),
            Kind::Value => Item::Value(get(&self.values, index)?),
        })
    }

    /// The core index space of a kind.
    pub(super) fn core_space(&mut self, kind: wasmparser::ExternalKind) -> &mut Vec<CoreItem> {
        use wasmparser::ExternalKind as Kind;
        match kind {
            Kind::Func | Kind::FuncExact => &mut self.core_funcs,
            Kind::Table => &mut self.core_tables,
            Kind::Memory => &mut self.core_memories,
            Kind::Global => &mut self.core_globals,
            Kind::Tag => &mut self.core_tags,
        }
    }
}

/// The entry of an index space; validation has checked the index.
pub(super) fn get<T: Clone>(space: &[T], index: u32) -> Result<T> {
    space
        .get(index as usize)
        .cloned()
        .ok_or_else(|| Error::inconsistent("an index is out of bounds"))
}
