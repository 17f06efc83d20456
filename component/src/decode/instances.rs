//! Instances and aliases as declared: names and indices, nothing resolved.

use std::sync::Arc;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ExternalKind,
};

/// An item of a component's index spaces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemRef {
    /// The index space.
    pub(crate) kind: ComponentExternalKind,
    /// The position in it.
    pub(crate) index: u32,
}

/// How a core instance is made.
#[derive(Debug)]
pub(crate) enum CoreInstance {
    /// By instantiating a core module; arguments are core instances.
    Instantiate {
        /// The module.
        module: u32,
        /// Import module name → core instance.
        args: Vec<(Arc<str>, u32)>,
    },
    /// By giving names to existing core items.
    Exports(Vec<(Arc<str>, ExternalKind, u32)>),
}

impl From<wasmparser::Instance<'_>> for CoreInstance {
    fn from(instance: wasmparser::Instance<'_>) -> CoreInstance {
        match instance {
            wasmparser::Instance::Instantiate { module_index, args } => CoreInstance::Instantiate {
                module: module_index,
                args: args.iter().map(|a| (a.name.into(), a.index)).collect(),
            },
            wasmparser::Instance::FromExports(exports) => CoreInstance::Exports(
                exports
                    .iter()
                    .map(|e| (e.name.into(), e.kind, e.index))
                    .collect(),
            ),
        }
    }
}

/// How a component instance is made.
#[derive(Debug)]
pub(crate) enum Instance {
    /// By instantiating a component.
    Instantiate {
        /// The component.
        component: u32,
        /// Import name → argument.
        args: Vec<(Arc<str>, ItemRef)>,
    },
    /// By giving names to existing items.
    Exports(Vec<(Arc<str>, ItemRef)>),
}

impl From<ComponentInstance<'_>> for Instance {
    fn from(instance: ComponentInstance<'_>) -> Instance {
        let item = |kind, index| ItemRef { kind, index };
        match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => Instance::Instantiate {
                component: component_index,
                args: args
                    .iter()
                    .map(|a| (a.name.into(), item(a.kind, a.index)))
                    .collect(),
            },
            ComponentInstance::FromExports(exports) => Instance::Exports(
                exports
                    .iter()
                    .map(|e| (e.name.name.into(), item(e.kind, e.index)))
                    .collect(),
            ),
        }
    }
}

/// A second name for an existing item.
#[derive(Debug)]
pub(crate) enum Alias {
    /// An export of a component instance.
    Export {
        /// The item's kind.
        kind: ComponentExternalKind,
        /// The component instance.
        instance: u32,
        /// The export's name.
        name: Arc<str>,
    },
    /// An export of a core instance.
    CoreExport {
        /// The item's kind.
        kind: ExternalKind,
        /// The core instance.
        instance: u32,
        /// The export's name.
        name: Arc<str>,
    },
    /// An item of an enclosing component or type.
    Outer {
        /// The item's kind.
        kind: ComponentOuterAliasKind,
        /// How many levels outwards; 0 is the declaring component itself.
        count: u32,
        /// The item's position there.
        index: u32,
    },
}

impl From<ComponentAlias<'_>> for Alias {
    fn from(alias: ComponentAlias<'_>) -> Alias {
        match alias {
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => Alias::Export {
                kind,
                instance: instance_index,
                name: name.into(),
            },
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => Alias::CoreExport {
                kind,
                instance: instance_index,
                name: name.into(),
            },
            ComponentAlias::Outer { kind, count, index } => Alias::Outer { kind, count, index },
        }
    }
}
