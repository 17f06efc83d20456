//! Components that a component exports. One is a closure: besides its own
//! declarations it may refer to types, core modules and components around it,
//! which validation has made sure hold nothing of an instance. So its plan is
//! made in the surroundings that the plan of the outer component has left.

use super::flatten::Flattener;
use super::{ComponentItem, Counts, Item, ModuleRef, ResourceDef, ValueSource};
use crate::error::{Error, Result};

impl Flattener {
    /// The exported component of that path.
    pub(super) fn exported_component<'n>(
        &self,
        path: impl Iterator<Item = &'n str>,
    ) -> Result<ComponentItem> {
        match self.plan.export(path) {
            Some(Item::Component(ComponentItem::Closure {
                source,
                component,
                env,
                ..
            })) => Ok(ComponentItem::Closure {
                source,
                component,
                env,
                declared: None,
            }),
            Some(Item::Component(ComponentItem::Import(_))) => Err(Error::link(
                "the exported component is an import: link and instantiate what exports it",
            )),
            _ => Err(Error::link("no component of that name is exported")),
        }
    }

    /// Forgets the steps of the outer component and what only they can refer
    /// to. Imports of core modules become modules that are given.
    pub(super) fn start_anew(&mut self, level: u32) {
        self.memories.clear();
        self.funcs.clear();
        self.options.clear();
        self.modules.clear();
        let plan = &mut self.plan;
        for module in &mut plan.modules {
            if let ModuleRef::Import(import) = *module {
                *module = ModuleRef::Captured(level, import);
            }
        }
        for resource in &mut plan.resources {
            *resource = ResourceDef::Outer;
        }
        for value in &mut plan.values {
            value.source = ValueSource::Unknown;
        }
        plan.imports.clear();
        plan.core_sets.clear();
        plan.options.clear();
        plan.lifts.clear();
        plan.unbuilt.clear();
        plan.owners.clear();
        plan.steps.clear();
        plan.counts = Counts::default();
        plan.root_imports = Default::default();
        plan.root_exports = Default::default();
    }
}
