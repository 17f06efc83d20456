//! The plan of a component: one flat list of steps that instantiates it, and
//! the tables that the steps refer to by number.
//!
//! Nested components, aliases and virtualisation have vanished; what remains
//! are the side effects in their order. A plan holds no handles into a store
//! and no pointers: it can be printed, shared between threads, and run any
//! number of times.

mod canon;
mod contract;
mod eval;
mod exported;
mod flatten;
mod handed_back;
mod modules;
mod print;
mod space;
#[cfg(test)]
#[cfg(feature = "wat")]
mod tests;
mod values;

use std::sync::Arc;

use linkspan_canon_abi::{Encoding, FuncType, PointerSize, ResourceTypeId, TypeTable, ValType};

use crate::decode::{ComponentId, CoreFuncDecl, ModuleId, ScopeId};
use crate::names::ItemPath;

pub(crate) use flatten::{Bindings, Provided, Source, flatten, flatten_export};
pub(crate) use modules::{CoreItemType, ModuleType};
pub(crate) use space::{CoreSet, EnvId, Items};

macro_rules! plan_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u32);

        impl $name {
            /// The position as a slice index.
            pub(crate) fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

plan_ids! {
    /// A component instance at run time: a handle table and flags.
    OwnerId,
    /// A leaf of the root component's imports.
    ImportId,
    /// A core module, embedded or imported.
    ModuleSlot,
    /// A core instance that a step makes.
    CoreInstanceSlot,
    /// A core function that a step makes or takes out of an instance.
    FuncSlot,
    /// A memory that a step takes out of an instance.
    MemorySlot,
    /// A set of exports of core instances under new names.
    CoreSetId,
    /// A lifted function.
    LiftId,
    /// The type of a component function.
    FuncTypeId,
    /// Canonical options.
    OptionsId,
    /// A component instance as names see it: a set of items.
    InstanceId,
    /// A value that the host provides or a start function makes.
    ValueId,
    /// A core function that is not built.
    UnbuiltId,
    /// Why a type cannot be used.
    ReasonId,
    /// One of the binaries that a plan is made of; the root is 0.
    SourceId,
}

/// The plan of a component.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Value types; resource types are positions in `resources`.
    pub(crate) types: TypeTable,
    /// Function types, or why they cannot be called.
    pub(crate) func_types: Vec<Result<FuncType, ReasonId>>,
    /// What unusable types need.
    pub(crate) reasons: Vec<Box<str>>,
    /// Resource types.
    pub(crate) resources: Vec<ResourceDef>,
    /// What the host must provide.
    pub(crate) imports: Vec<Import>,
    /// Core modules.
    pub(crate) modules: Vec<ModuleRef>,
    /// Synthetic core instances.
    pub(crate) core_sets: Vec<CoreSet>,
    /// Values of component-level types.
    pub(crate) values: Vec<ValueDef>,
    /// Canonical options.
    pub(crate) options: Vec<Options>,
    /// Core functions of the canonical ABI that are not built.
    pub(crate) unbuilt: Vec<Unbuilt>,
    /// Lifted functions.
    pub(crate) lifts: Vec<Lift>,
    /// Component instances at run time, the root first.
    pub(crate) owners: Vec<Owner>,
    /// How many core instances, functions and memories the steps make.
    pub(crate) counts: Counts,
    /// What to do, in order.
    pub(crate) steps: Vec<Step>,
    /// Sets of items, for imports and exports.
    pub(crate) instances: Vec<Items>,
    /// The root component's imports by name.
    pub(crate) root_imports: Items,
    /// The root component's exports by name.
    pub(crate) root_exports: Items,
    /// Imported functions that are exported as they are, or called as start
    /// functions.
    pub(crate) handed_back: Vec<(ImportId, FuncTypeId)>,
}

/// How many slots of each kind a plan fills.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) core_instances: u32,
    pub(crate) funcs: u32,
    pub(crate) memories: u32,
}

/// One step of instantiation.
#[derive(Debug)]
pub(crate) enum Step {
    /// Instantiates a core module; its start function runs.
    Instantiate {
        /// Where the instance goes.
        slot: CoreInstanceSlot,
        /// The module.
        module: ModuleSlot,
        /// Import module name → where its items come from.
        args: Vec<(Arc<str>, CoreInstance)>,
        /// The component instance that it belongs to.
        owner: OwnerId,
    },
    /// Takes a memory out of a core instance.
    BindMemory {
        /// Where it goes.
        slot: MemorySlot,
        /// Which one.
        export: CoreExport,
    },
    /// Takes a function out of a core instance.
    BindFunc {
        /// Where it goes.
        slot: FuncSlot,
        /// Which one.
        export: CoreExport,
    },
    /// Makes a new resource type.
    DefineResource {
        /// Which one.
        resource: ResourceTypeId,
        /// The component instance that implements it.
        owner: OwnerId,
        /// What runs on the representation of a dropped resource.
        dtor: Option<FuncSlot>,
    },
    /// Prepares a lifted function.
    Lift(LiftId),
    /// Makes a core function of the canonical ABI.
    Stub {
        /// Where it goes.
        slot: FuncSlot,
        /// What it does.
        stub: Stub,
        /// The component instance whose code calls it.
        owner: OwnerId,
    },
    /// Calls a component-level function: a component's start function.
    Start {
        /// Which function.
        func: FuncItem,
        /// Its arguments.
        args: Vec<ValueId>,
        /// What becomes of its result.
        result: Option<ValueId>,
    },
    /// Stops with an error: the component needs what is not built.
    Unsupported {
        /// What it needs, and where.
        what: Box<str>,
        /// Offset in the binary.
        offset: u64,
    },
}

/// A core function of the canonical ABI.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stub {
    /// `canon lower` of a function of the host.
    LowerImport {
        import: ImportId,
        ty: FuncTypeId,
        options: OptionsId,
    },
    /// `canon lower` of a lifted function: a call from component to component.
    Adapter {
        lift: LiftId,
        ty: FuncTypeId,
        options: OptionsId,
    },
    /// `canon resource.new`, with the width of representations
    ResourceNew(ResourceTypeId, PointerSize),
    /// `canon resource.drop`
    ResourceDrop(ResourceTypeId),
    /// `canon resource.rep`, with the width of representations
    ResourceRep(ResourceTypeId, PointerSize),
    /// `canon context.get` of a slot of some width
    ContextGet(u8, PointerSize),
    /// `canon context.set` of a slot of some width
    ContextSet(u8, PointerSize),
    /// `canon backpressure.inc`
    BackpressureInc,
    /// `canon backpressure.dec`
    BackpressureDec,
    /// One that is not built: calls of it answer so.
    Unbuilt(UnbuiltId),
}

/// A core function of the canonical ABI that can be linked and not be called.
#[derive(Debug)]
pub(crate) struct Unbuilt {
    /// Its name, or that of the function which it lowers.
    pub(crate) name: Box<str>,
    /// What it needs: `async is`.
    pub(crate) needs: &'static str,
    /// Offset in the binary.
    pub(crate) offset: u64,
    /// Its type.
    pub(crate) ty: CoreFuncDecl,
}

/// `canon lift`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lift {
    /// The core function.
    pub(crate) func: FuncSlot,
    /// Its type as a component function.
    pub(crate) ty: FuncTypeId,
    /// Memory, encoding and so on.
    pub(crate) options: OptionsId,
    /// The component instance that it belongs to.
    pub(crate) owner: OwnerId,
}

/// Canonical options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) encoding: Encoding,
    pub(crate) memory: Option<MemorySlot>,
    pub(crate) realloc: Option<FuncSlot>,
    pub(crate) post_return: Option<FuncSlot>,
    /// Set for functions that are lifted or lowered asynchronously.
    pub(crate) is_async: bool,
    /// What a function that was lifted so runs when it goes on.
    pub(crate) callback: Option<FuncSlot>,
}

impl Options {
    /// A key by which equal options are found again.
    fn key(&self) -> OptionsKey {
        (
            self.encoding as u8,
            self.memory,
            self.realloc,
            self.post_return,
            self.is_async,
            self.callback,
        )
    }
}

/// See [`Options::key`].
type OptionsKey = (
    u8,
    Option<MemorySlot>,
    Option<FuncSlot>,
    Option<FuncSlot>,
    bool,
    Option<FuncSlot>,
);

/// A component instance at run time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    /// The instance whose component instantiates it.
    pub(crate) parent: Option<OwnerId>,
    /// Its component, for printing.
    pub(crate) component: (SourceId, ComponentId),
    /// Whether its handle table can ever hold anything.
    pub(crate) uses_handles: bool,
    /// Whether its code can use the storage of a running call.
    pub(crate) uses_context: bool,
    /// Whether its code can call out of it, or use a built-in function that asks whether
    /// it may.
    pub(crate) leaves: bool,
}

/// A resource type of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ResourceDef {
    /// The host provides it.
    Import(ImportId),
    /// A step defines it: the component instance that implements it, and how
    /// wide its representations are.
    Defined(OwnerId, PointerSize),
    /// It belongs to the component that exports the one at hand, which cannot
    /// refer to it.
    Outer,
}

/// A value of a component-level type. Validation has made sure that it is
/// there before it is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueDef {
    /// Where it comes from.
    pub(crate) source: ValueSource,
    /// Its type, or why there is none.
    pub(crate) ty: Result<ValType, ReasonId>,
}

/// See [`ValueDef`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum ValueSource {
    /// The host provides it.
    Import(ImportId),
    /// A start function makes it.
    Start,
    /// It would come out of a component that the host has yet to provide.
    Unknown,
}

/// One thing that the host must provide.
#[derive(Debug)]
pub(crate) struct Import {
    /// Its name, and that of the interface around it.
    pub(crate) path: ItemPath,
    /// The interface that the outermost name implements, if it says so.
    pub(crate) implements: Option<Box<str>>,
    /// What it is.
    pub(crate) kind: ImportKind,
}

/// What an import is.
#[derive(Debug)]
pub(crate) enum ImportKind {
    Func(FuncTypeId),
    Resource(ResourceTypeId),
    Module(Arc<ModuleType>),
    Component,
    Value(ValueId),
}

/// A core module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ModuleRef {
    /// It stands in one of the binaries.
    Embedded(SourceId, ModuleId),
    /// The host provides it.
    Import(ImportId),
    /// The host has provided it for an import of a component around the one at
    /// hand, which was taken out of it: how many are around that one, and the
    /// import.
    Captured(u32, ImportId),
}

/// Where a core import comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CoreInstance {
    /// An instance of a module.
    Real(CoreInstanceSlot),
    /// A synthetic instance.
    Set(CoreSetId),
}

/// An export of a core instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CoreExport {
    pub(crate) instance: CoreInstanceSlot,
    pub(crate) name: Arc<str>,
}

/// A core item.
#[derive(Clone, Debug)]
pub(crate) enum CoreItem {
    /// An export of a core instance, of any kind.
    Export(CoreExport),
    /// A function that a step made.
    Func(FuncSlot),
    /// A definition that cannot be run: what, and its offset in the binary.
    Unsupported(&'static str, u64),
}

/// What a name of a component instance stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    Func(FuncItem),
    Instance(InstanceId),
    Type(TypeItem),
    Module(ModuleSlot),
    Component(ComponentItem),
    Value(ValueId),
}

impl Plan {
    /// The first path under which a lifted function is exported.
    pub(crate) fn export_path(&self, lift: LiftId) -> Option<ItemPath> {
        let mut seen = vec![false; self.instances.len()];
        let mut open = vec![(ItemPath::default(), &self.root_exports)];
        while let Some((path, items)) = open.pop() {
            for (name, item) in items.iter() {
                match item {
                    Item::Func(FuncItem {
                        source: FuncSource::Lift(found),
                        ..
                    }) if found == lift => return Some(path.child(name)),
                    Item::Instance(id) => {
                        if let (Some(seen @ false), Some(items)) =
                            (seen.get_mut(id.index()), self.instances.get(id.index()))
                        {
                            *seen = true;
                            open.push((path.child(name), items));
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    }

    /// Whether calls of that type need what is not built.
    pub(crate) fn needs_async(&self, ty: FuncTypeId) -> bool {
        match self.func_types.get(ty.index()) {
            Some(Ok(ty)) => ty.needs_async(&self.types),
            Some(Err(_)) | None => false,
        }
    }

    /// The export at a path of names from the outside in.
    pub(crate) fn export<'n>(&self, path: impl Iterator<Item = &'n str>) -> Option<Item> {
        let mut items = Some(&self.root_exports);
        let mut found = None;
        for name in path {
            found = Some(items?.get(name)?);
            items = match found {
                Some(Item::Instance(id)) => self.instances.get(id.index()),
                _ => None,
            };
        }
        found
    }
}

impl Item {
    /// The word for its kind.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Item::Func(_) => "func",
            Item::Instance(_) => "instance",
            Item::Type(TypeItem::Resource(_)) => "resource",
            Item::Type(_) => "type",
            Item::Module(_) => "core module",
            Item::Component(_) => "component",
            Item::Value(_) => "value",
        }
    }
}

/// A component function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FuncItem {
    pub(crate) source: FuncSource,
    pub(crate) ty: FuncTypeId,
}

/// Who implements a component function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FuncSource {
    /// The host.
    Import(ImportId),
    /// A core function.
    Lift(LiftId),
    /// Nobody: the definition needs what is not built; its offset.
    Unsupported(&'static str, u64),
}

/// A component-level type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TypeItem {
    /// A value type.
    Value(linkspan_canon_abi::ValType),
    /// A value type that cannot be used.
    Unusable(ReasonId),
    /// A function type.
    Func(FuncTypeId),
    /// A resource type.
    Resource(ResourceTypeId),
    /// An instance type, to be evaluated in its scope.
    Instance(TypeClosure),
    /// A component type, to be evaluated with the arguments of one
    /// instantiation.
    Component(TypeClosure),
}

/// The body of an instance or component type, and where its outer names are
/// looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeClosure {
    pub(crate) source: SourceId,
    pub(crate) scope: ScopeId,
    pub(crate) env: EnvId,
}

/// A component, and where its outer names are looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ComponentItem {
    /// One of a binary's components.
    Closure {
        source: SourceId,
        component: ComponentId,
        env: Option<EnvId>,
        /// The import that the host has provided it for: what instantiates it
        /// knows no more of it than the declared type.
        declared: Option<Declared>,
    },
    /// A component that the host must provide.
    Import(Declared),
}

/// An import of kind component and the type that it is declared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    pub(crate) import: ImportId,
    pub(crate) ty: TypeClosure,
}
