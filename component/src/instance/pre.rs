//! From a linked component to prepared steps: names of core exports become
//! positions, so that instantiation looks nothing up.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use linkspan_canon_abi::{PointerSize, ResourceTypeId};
use linkspan_engine as core;

use super::Instance;
use super::run::Run;
use crate::code::{Code, core_pointer};
use crate::error::{Error, Result};
use crate::linker::{Definition, Resolved};
use crate::plan::{
    CoreInstance, CoreInstanceSlot, CoreItem, FuncSlot, FuncSource, Item, Lift, LiftId, MemorySlot,
    ModuleRef, OptionsId, ResourceDef, Step, Stub,
};
use crate::resource::ResourceType;
use crate::store::{AnyStore, ComponentState};

/// A component with a definition for each of its imports: all names are
/// resolved and all types compared. Cloning shares it.
pub struct InstancePre<T: 'static> {
    pre: Arc<Pre>,
    /// Of the stores that it can be instantiated in.
    _data: PhantomData<fn(T) -> T>,
}

pub(super) struct Pre {
    pub(super) component: crate::Component,
    /// The binaries that the plan is made of.
    pub(super) components: Arc<[crate::Component]>,
    pub(super) code: Arc<Code>,
    pub(super) imports: Vec<Definition>,
    /// What each step needs that was looked up by name; parallel to the
    /// plan's steps.
    pub(super) steps: Vec<Prepared>,
    /// The pointer size of each memory that steps take out of instances.
    memories: Vec<PointerSize>,
}

impl Pre {
    fn new(component: &crate::Component, resolved: Resolved) -> Result<Pre> {
        let Resolved {
            code,
            components,
            imports,
        } = resolved;
        let mut preparation = Preparation {
            code: &code,
            components: &components,
            imports: &imports,
            modules: vec![None; code.counts.core_instances as usize],
            funcs: vec![None; code.counts.funcs as usize],
            memories: vec![PointerSize::P32; code.counts.memories as usize],
            lift_names: lift_names(&code),
        };
        let steps = code
            .steps
            .iter()
            .map(|step| preparation.step(step))
            .collect::<Result<Vec<_>>>()?;
        let memories = preparation.memories;
        Ok(Pre {
            component: component.clone(),
            components: components.into(),
            code,
            imports,
            steps,
            memories,
        })
    }

    fn instantiate(&self, mut store: AnyStore<'_>) -> Result<Instance> {
        let depth = store.extra().frames.len();
        let run = Run::new(self, store.reborrow());
        run.and_then(Run::run)
            .inspect_err(|error| store.extra_mut().unwind(depth, error))
    }

    /// The pointer size of a function's memory; of no use without one.
    pub(super) fn pointer(&self, memory: Option<MemorySlot>) -> PointerSize {
        pointer(&self.memories, memory)
    }
}

fn pointer(memories: &[PointerSize], memory: Option<MemorySlot>) -> PointerSize {
    memory
        .and_then(|slot| memories.get(slot.index()).copied())
        .unwrap_or_default()
}

/// See [`Pre::steps`].
pub(super) enum Prepared {
    Instantiate {
        module: core::Module,
        args: Vec<Arg>,
    },
    /// The position of an export in its instance.
    Bind {
        position: usize,
    },
    /// What errors call the function behind a stub.
    Stub {
        name: Arc<str>,
    },
    Nothing,
}

/// Where an import of a core module comes from.
pub(super) enum Arg {
    Export {
        instance: CoreInstanceSlot,
        position: usize,
    },
    Func(FuncSlot),
    Unsupported {
        what: &'static str,
        offset: u64,
        ty: core::FuncType,
    },
}

impl<T> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        InstancePre::of(Arc::clone(&self.pre))
    }
}

impl<T> fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre")
            .field("component", &self.pre.component)
            .finish_non_exhaustive()
    }
}

impl<T: 'static> InstancePre<T> {
    pub(crate) fn new(component: &crate::Component, resolved: Resolved) -> Result<Self> {
        Pre::new(component, resolved).map(|pre| Self::of(Arc::new(pre)))
    }

    fn of(pre: Arc<Pre>) -> Self {
        InstancePre {
            pre,
            _data: PhantomData,
        }
    }

    /// The component.
    #[must_use]
    pub fn component(&self) -> &crate::Component {
        &self.pre.component
    }

    pub(crate) fn code(&self) -> &Arc<Code> {
        &self.pre.code
    }

    /// What an imported resource type of the plan was linked to.
    pub(crate) fn imported_resource(&self, resource: ResourceTypeId) -> Option<ResourceType> {
        match self.pre.code.resources.get(resource.0 as usize)? {
            ResourceDef::Import(import) => match self.pre.imports.get(import.index())? {
                Definition::Resource(ty, _) => Some(*ty),
                _ => None,
            },
            ResourceDef::Defined(..) | ResourceDef::Outer => None,
        }
    }

    /// Instantiates the component: its core modules are instantiated in their
    /// order, and their start functions run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Trap`](crate::ErrorKind::Trap) if a start function traps,
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if a limit of the store
    /// refuses, [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if
    /// the component needs what is not built, and
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if it was linked to items
    /// of another store.
    pub fn instantiate(
        &self,
        mut store: impl core::AsContextMut<Data = T, Extra = ComponentState>,
    ) -> Result<Instance> {
        self.pre.instantiate(AnyStore::new(store.as_context_mut()))
    }
}

/// Resolves names while a component is linked.
struct Preparation<'a> {
    code: &'a Code,
    components: &'a [crate::Component],
    imports: &'a [Definition],
    /// The module of each core instance so far.
    modules: Vec<Option<core::Module>>,
    /// The type of each core function that was taken out of an instance.
    /// Those of the canonical ABI's own are known from the plan.
    funcs: Vec<Option<core::FuncType>>,
    /// The pointer size of each memory that was taken out of an instance so
    /// far.
    memories: Vec<PointerSize>,
    /// What errors call lifted functions.
    lift_names: BTreeMap<LiftId, Arc<str>>,
}

/// The first name under which some instance has each lifted function.
fn lift_names(code: &Code) -> BTreeMap<LiftId, Arc<str>> {
    let mut names = BTreeMap::new();
    for items in code.instances.iter().chain([&code.root_exports]) {
        for (name, item) in items.iter() {
            if let Item::Func(func) = item
                && let FuncSource::Lift(lift) = func.source
            {
                let quoted = || format!("{name:?}").into();
                names.entry(lift).or_insert_with(quoted);
            }
        }
    }
    names
}

impl Preparation<'_> {
    fn step(&mut self, step: &Step) -> Result<Prepared> {
        Ok(match step {
            Step::Instantiate {
                slot, module, args, ..
            } => {
                let module = self.module(*module)?;
                let args = self.args(&module, args)?;
                if let Some(place) = self.modules.get_mut(slot.index()) {
                    *place = Some(module.clone());
                }
                Prepared::Instantiate { module, args }
            }
            Step::BindMemory { slot, export } => {
                let (position, ty) = self.export(export.instance, &export.name)?;
                match ty {
                    core::ExternType::Memory(ty) => {
                        let pointer =
                            pointer_size(&ty).map_err(|error| error.within(path(&export.name)))?;
                        if let Some(place) = self.memories.get_mut(slot.index()) {
                            *place = pointer;
                        }
                        Prepared::Bind { position }
                    }
                    other => return Err(mismatch(&"a memory", &other).within(path(&export.name))),
                }
            }
            Step::BindFunc { slot, export } => {
                let (position, ty) = self.export(export.instance, &export.name)?;
                match ty {
                    core::ExternType::Func(ty) => {
                        if let Some(place) = self.funcs.get_mut(slot.index()) {
                            *place = Some(ty);
                        }
                        Prepared::Bind { position }
                    }
                    other => return Err(mismatch(&"a function", &other).within(path(&export.name))),
                }
            }
            Step::DefineResource { resource, dtor, .. } => {
                let def = self.code.resources.get(resource.0 as usize);
                if let (Some(dtor), Some(ResourceDef::Defined(_, rep))) = (dtor, def) {
                    let expected = core::FuncType::new([core_pointer(*rep)], []);
                    self.check_func(*dtor, &expected, "destructor")?;
                }
                Prepared::Nothing
            }
            Step::Lift(id) => {
                self.check_lift(
                    self.code
                        .lifts
                        .get(id.index())
                        .ok_or_else(|| Error::inconsistent("a lifted function is missing"))?,
                )?;
                Prepared::Nothing
            }
            Step::Stub { stub, .. } => self.stub(*stub)?,
            Step::Unsupported { what, offset } => {
                return Err(Error::unsupported(what).at(*offset));
            }
            Step::Start { .. } => Prepared::Nothing,
        })
    }

    /// Where each import of a core module comes from, in order.
    fn args(&self, module: &core::Module, given: &[(Arc<str>, CoreInstance)]) -> Result<Vec<Arg>> {
        let by_name: BTreeMap<&str, CoreInstance> =
            given.iter().map(|(name, from)| (&**name, *from)).collect();
        let arg = |(place, import): (usize, core::ImportType<'_>)| {
            let arg = self
                .arg(&by_name, &import)
                .and_then(|arg| self.check_arg(module, place, &import, &arg).map(|()| arg));
            let segment = || format!("core import {:?} {:?}", import.module, import.name);
            arg.map_err(|error| error.within(segment()))
        };
        module.imports().enumerate().map(arg).collect()
    }

    fn stub(&self, stub: Stub) -> Result<Prepared> {
        Ok(match stub {
            Stub::LowerImport {
                import, options, ..
            } => {
                self.check_realloc(options)?;
                let import = self.code.imports.get(import.index());
                let path = import.map(|import| import.path.to_string());
                Prepared::Stub {
                    name: path.unwrap_or_default().into(),
                }
            }
            Stub::Adapter { lift, options, .. } => {
                self.check_realloc(options)?;
                let name = self.lift_names.get(&lift).cloned();
                Prepared::Stub {
                    name: name.unwrap_or_else(|| format!("lift {}", lift.0).into()),
                }
            }
            Stub::ResourceNew(..)
            | Stub::ResourceDrop(_)
            | Stub::ResourceRep(..)
            | Stub::ContextGet(..)
            | Stub::ContextSet(..)
            | Stub::BackpressureInc
            | Stub::BackpressureDec
            | Stub::Unbuilt(_) => Prepared::Nothing,
        })
    }

    fn module(&self, slot: crate::plan::ModuleSlot) -> Result<core::Module> {
        match self.code.modules.get(slot.index()) {
            Some(ModuleRef::Embedded(source, id)) => self
                .components
                .get(source.index())
                .ok_or_else(|| Error::inconsistent("a binary is missing"))?
                .module(*id)
                .cloned(),
            Some(ModuleRef::Captured(level, import)) => self
                .components
                .first()
                .and_then(|component| component.captured_module(*level, *import))
                .ok_or_else(|| Error::inconsistent("a core module is missing")),
            Some(ModuleRef::Import(import)) => match self.imports.get(import.index()) {
                Some(Definition::Module(module)) => Ok(module.clone()),
                _ => Err(Error::inconsistent("a core module is missing")),
            },
            None => Err(Error::inconsistent("a core module is missing")),
        }
    }

    /// The position and type of an export of a core instance.
    fn export(&self, instance: CoreInstanceSlot, name: &str) -> Result<(usize, core::ExternType)> {
        self.modules
            .get(instance.index())
            .and_then(Option::as_ref)
            .and_then(|module| Some((module.export_position(name)?, module.get_export(name)?)))
            .ok_or_else(|| Error::link(format!("a core module without the export {name:?}")))
    }

    /// Compares an export of one core instance with the import of another
    /// that it is given to: the host may have provided either module.
    fn check_arg(
        &self,
        module: &core::Module,
        place: usize,
        import: &core::ImportType<'_>,
        arg: &Arg,
    ) -> Result<()> {
        let Arg::Export { instance, position } = arg else {
            return Ok(());
        };
        let from = self.modules.get(instance.index()).and_then(Option::as_ref);
        let from = from.ok_or_else(|| Error::inconsistent("a core module is missing"))?;
        if module.accepts(place, from, *position) {
            return Ok(());
        }
        match from.exports().nth(*position) {
            Some(found) => Err(mismatch(&import.ty, &found.ty)),
            None => Err(Error::inconsistent("a core export is missing")),
        }
    }

    fn position(&self, instance: CoreInstanceSlot, name: &str) -> Result<usize> {
        self.export(instance, name).map(|(position, _)| position)
    }

    /// Compares the core functions of a lifted function with what its type
    /// demands: the validator compared them with what a module was declared
    /// to be, and the host may have provided another one.
    fn check_lift(&self, lift: &Lift) -> Result<()> {
        let pointer = self.pointer(lift.options)?;
        let Some(expected) = self.code.lifted_core_type(lift.ty, pointer)? else {
            // Calls of it are refused when they are compiled.
            return Ok(());
        };
        self.check_func(lift.func, &expected, "lifted function")?;
        self.check_realloc(lift.options)?;
        match self.options(lift.options)?.post_return {
            None => Ok(()),
            Some(slot) => {
                let expected = core::FuncType::new(expected.results().iter().copied(), []);
                self.check_func(slot, &expected, "post-return function")
            }
        }
    }

    fn check_realloc(&self, options: OptionsId) -> Result<()> {
        match self.options(options)?.realloc {
            None => Ok(()),
            Some(slot) => {
                let pointer = core_pointer(self.pointer(options)?);
                let expected = core::FuncType::new([pointer; 4], [pointer]);
                self.check_func(slot, &expected, "realloc function")
            }
        }
    }

    fn pointer(&self, options: OptionsId) -> Result<PointerSize> {
        Ok(pointer(&self.memories, self.options(options)?.memory))
    }

    fn options(&self, id: OptionsId) -> Result<&crate::plan::Options> {
        self.code
            .options
            .get(id.index())
            .ok_or_else(|| Error::inconsistent("canonical options are missing"))
    }

    fn check_func(&self, slot: FuncSlot, expected: &core::FuncType, role: &str) -> Result<()> {
        match self.funcs.get(slot.index()) {
            Some(Some(found)) if found != expected => Err(mismatch(expected, found).within(role)),
            Some(Some(_) | None) => Ok(()),
            None => Err(Error::inconsistent("a core function is missing")),
        }
    }

    fn arg(
        &self,
        args: &BTreeMap<&str, CoreInstance>,
        import: &core::ImportType<'_>,
    ) -> Result<Arg> {
        let from = args
            .get(import.module)
            .ok_or_else(|| Error::link("no instance of that name is given"))?;
        match *from {
            CoreInstance::Real(instance) => Ok(Arg::Export {
                instance,
                position: self.position(instance, import.name)?,
            }),
            CoreInstance::Set(set) => {
                let item = self
                    .code
                    .core_sets
                    .get(set.index())
                    .and_then(|set| set.get(import.name))
                    .ok_or_else(|| Error::link("the instance has no item of that name"))?;
                match (item, &import.ty) {
                    (CoreItem::Export(export), _) => Ok(Arg::Export {
                        instance: export.instance,
                        position: self.position(export.instance, &export.name)?,
                    }),
                    (CoreItem::Func(slot), _) => Ok(Arg::Func(slot)),
                    (CoreItem::Unsupported(what, offset), core::ExternType::Func(ty)) => {
                        Ok(Arg::Unsupported {
                            what,
                            offset,
                            ty: ty.clone(),
                        })
                    }
                    (CoreItem::Unsupported(..), _) => {
                        Err(Error::link("the instance has a function of that name"))
                    }
                }
            }
        }
    }
}

/// The size of pointers into a memory.
fn pointer_size(ty: &core::MemoryType) -> Result<PointerSize> {
    if ty.shared {
        return Err(Error::unsupported(
            "a canonical option `memory` that is shared is",
        ));
    }
    Ok(match ty.address {
        core::AddressType::I32 => PointerSize::P32,
        core::AddressType::I64 => PointerSize::P64,
    })
}

/// A core item of another type than the canonical ABI needs.
fn mismatch(expected: &dyn fmt::Display, found: &dyn fmt::Display) -> Error {
    Error::link(format!("expected {expected}, found {found}"))
}

fn path(export: &str) -> String {
    format!("core export {export:?}")
}
