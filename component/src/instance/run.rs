//! Running a plan: the steps of a linked component, in a store. Each step is a
//! few indexed loads and one call of the engine.

use std::sync::Arc;

use linkspan_canon_abi as abi;
use linkspan_canon_abi::ResourceTypeId;
use linkspan_engine as core;
use linkspan_engine::AsContextMut;

use super::pre::{Arg, Pre, Prepared};
use super::{Imported, Instance, InstanceState, by_import};
use crate::code::{Pointers, core_val_type};
use crate::error::{Error, Result};
use crate::func::adapter::Adapter;
use crate::func::builtin::{Builtin, BuiltinKind, CallBuiltin, CallBuiltinKind, Unsupported};
use crate::func::guest::Site;
use crate::func::host::LoweredImport;
use crate::func::values::check_value_handles;
use crate::func::{Func, Lifted, Val};
use crate::linker::Definition;
use crate::plan::{
    CoreInstanceSlot, FuncItem, FuncSlot, FuncSource, FuncTypeId, ImportId, Lift, LiftId,
    OptionsId, OwnerId, ResourceDef, Step, Stub, UnbuiltId, ValueId, ValueSource,
};
use crate::resource::{Dtor, HostDtor, ResourceKind, ResourceType, RuntimeResource};
use crate::store::AnyStore;

/// The error of a function that lives in another store than the component.
#[cold]
pub(super) fn linked_elsewhere() -> Error {
    Error::link("the component was linked to a function of another store")
}

/// One instantiation.
pub(super) struct Run<'a> {
    pub(super) pre: &'a Pre,
    pub(super) store: AnyStore<'a>,
    state: u64,
    pub(super) instance: u32,
    owners: u32,
    core_instances: Vec<core::Instance>,
    funcs: Vec<Option<core::Func>>,
    memories: Vec<Option<core::Memory>>,
    resources: Vec<ResourceTypeId>,
    lifts: Vec<u32>,
    /// Functions that stand for imports: import → function, in the order of
    /// the imports.
    pub(super) func_imports: Vec<(u32, Func)>,
    /// Values that there are so far.
    values: Vec<Option<Arc<Val>>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(pre: &'a Pre, mut store: AnyStore<'a>) -> Result<Run<'a>> {
        let counts = pre.code.counts;
        let interrupt = store.as_context_mut().interrupt_handle();
        let state = store.extra_mut();
        state.interrupt.get_or_insert(interrupt);
        let instance = u32::try_from(state.instances.len())
            .map_err(|_| Error::limit("the store holds too many instances"))?;
        let owners = u32::try_from(state.owners.len())
            .map_err(|_| Error::limit("the store holds too many component instances"))?;
        for _ in &pre.code.owners {
            state.new_owner()?;
        }
        state.instances.push(InstanceState {
            code: Arc::clone(&pre.code),
            resources: Box::default(),
            lifts: Box::default(),
            owners,
            core_instances: Box::default(),
            func_imports: Vec::new(),
            values: Box::default(),
            imported: Vec::new(),
            keys: Vec::new(),
            component: pre.component.clone(),
            components: Arc::clone(&pre.components),
        });
        Ok(Run {
            pre,
            state: state.id,
            store,
            instance,
            owners,
            core_instances: Vec::with_capacity(counts.core_instances as usize),
            funcs: vec![None; counts.funcs as usize],
            memories: vec![None; counts.memories as usize],
            resources: vec![ResourceTypeId(u32::MAX); pre.code.resources.len()],
            lifts: Vec::with_capacity(pre.code.lifts.len()),
            func_imports: Vec::new(),
            values: vec![None; pre.code.values.len()],
        })
    }

    pub(super) fn run(mut self) -> Result<Instance> {
        self.imported_resources()?;
        self.imported_values()?;
        self.handed_back()?;
        for (step, prepared) in self.pre.code.steps.iter().zip(&self.pre.steps) {
            self.step(step, prepared)?;
        }
        self.publish();
        Ok(Instance {
            state: self.state,
            index: self.instance,
        })
    }

    /// Puts what instantiation has made so far where calls find it.
    fn publish(&mut self) {
        let imported = (0..)
            .zip(&self.pre.imports)
            .filter_map(|(i, definition)| match definition {
                Definition::Module(module) => Some((i, Imported::Module(module.clone()))),
                Definition::Component(component) => {
                    Some((i, Imported::Component(component.clone())))
                }
                Definition::Host(_)
                | Definition::Guest(..)
                | Definition::Resource(..)
                | Definition::Value(_)
                | Definition::Instance(_) => None,
            })
            .collect();
        let state = self.store.extra_mut();
        if let Some(instance) = state.instances.get_mut(self.instance as usize) {
            instance.lifts = self.lifts.as_slice().into();
            instance.core_instances = self.core_instances.as_slice().into();
            instance.func_imports = std::mem::take(&mut self.func_imports);
            instance.values = std::mem::take(&mut self.values).into();
            instance.imported = imported;
        }
    }

    fn imported_resources(&mut self) -> Result<()> {
        for (i, def) in self.pre.code.resources.iter().enumerate() {
            let ResourceDef::Import(import) = def else {
                continue;
            };
            let Some(Definition::Resource(ty, dtor)) = self.pre.imports.get(import.index()) else {
                return Err(Error::inconsistent("a resource type is missing"));
            };
            self.resources[i] = self.imported_resource(*ty, dtor.as_ref())?;
        }
        // Calls of start functions already lift and lower handles.
        let resources = self.resources.as_slice().into();
        if let Some(instance) = self
            .store
            .extra_mut()
            .instances
            .get_mut(self.instance as usize)
        {
            instance.resources = resources;
        }
        Ok(())
    }

    fn imported_resource(
        &mut self,
        ty: ResourceType,
        dtor: Option<&HostDtor>,
    ) -> Result<ResourceTypeId> {
        match ty.kind() {
            ResourceKind::Guest { .. } => self.store.extra().resource_of(ty).map_err(|_| {
                Error::link("the component was linked to a resource type of another store")
            }),
            kind
            @ (ResourceKind::Host(_) | ResourceKind::Numbered(_) | ResourceKind::Unique(_)) => {
                let identity = dtor.map(HostDtor::identity);
                if let Some(known) = self.store.extra().host_resource_with(kind, identity)? {
                    return Ok(known);
                }
                let dtor = match dtor {
                    None => Dtor::None,
                    Some(HostDtor::Table) => Dtor::Table,
                    Some(HostDtor::Call(dtor)) => {
                        Dtor::Func(Arc::clone(dtor).bind(&mut self.store)?)
                    }
                };
                let resource = RuntimeResource {
                    ty,
                    owner: None,
                    dtor,
                };
                self.store
                    .extra_mut()
                    .host_resource(kind, identity, resource)
            }
        }
    }

    fn owner(&self, owner: OwnerId) -> u32 {
        self.owners.saturating_add(owner.0)
    }

    fn func(&self, slot: FuncSlot) -> Result<core::Func> {
        self.funcs
            .get(slot.index())
            .copied()
            .flatten()
            .ok_or_else(|| Error::inconsistent("a core function is missing"))
    }

    fn export(&self, instance: CoreInstanceSlot, position: usize) -> Result<core::Extern> {
        self.core_instances
            .get(instance.index())
            .and_then(|instance| instance.export_at(&self.store, position))
            .ok_or_else(|| Error::inconsistent("a core export is missing"))
    }

    fn step(&mut self, step: &Step, prepared: &Prepared) -> Result<()> {
        match (step, prepared) {
            (Step::Instantiate { owner, slot, .. }, Prepared::Instantiate { module, args }) => {
                let instance = self
                    .instantiate(module, args, *owner)
                    .map_err(|error| error.within(format!("core instance {}", slot.0)))?;
                self.core_instances.push(instance);
            }
            (Step::BindMemory { slot, export }, Prepared::Bind { position }) => {
                let memory = self.export(export.instance, *position)?.into_memory();
                self.memories[slot.index()] = memory;
            }
            (Step::BindFunc { slot, export }, Prepared::Bind { position }) => {
                let func = self.export(export.instance, *position)?.into_func();
                self.funcs[slot.index()] = func;
            }
            (
                Step::DefineResource {
                    resource,
                    owner,
                    dtor,
                },
                _,
            ) => self.define_resource(*resource, *owner, *dtor)?,
            (Step::Lift(id), _) => self.lift(*id)?,
            (Step::Stub { slot, stub, owner }, prepared) => {
                let name = match prepared {
                    Prepared::Stub { name } => Some(name),
                    Prepared::Instantiate { .. } | Prepared::Bind { .. } | Prepared::Nothing => {
                        None
                    }
                };
                let func = self.stub(*stub, self.owner(*owner), name)?;
                self.funcs[slot.index()] = Some(func);
            }
            (Step::Start { func, args, result }, _) => self
                .start(*func, args, *result)
                .map_err(|error| error.within("start"))?,
            (Step::Unsupported { what, offset }, _) => {
                return Err(Error::unsupported(what).at(*offset));
            }
            (
                Step::Instantiate { .. } | Step::BindMemory { .. } | Step::BindFunc { .. },
                Prepared::Instantiate { .. }
                | Prepared::Bind { .. }
                | Prepared::Stub { .. }
                | Prepared::Nothing,
            ) => return Err(Error::inconsistent("a step was not prepared")),
        }
        Ok(())
    }

    fn instantiate(
        &mut self,
        module: &core::Module,
        args: &[Arg],
        owner: OwnerId,
    ) -> Result<core::Instance> {
        let owner = self.owner(owner);
        let imports = args
            .iter()
            .map(|arg| match arg {
                Arg::Export { instance, position } => self.export(*instance, *position),
                Arg::Func(slot) => Ok(core::Extern::Func(self.func(*slot)?)),
                Arg::Unsupported { what, offset, ty } => {
                    let stand_in = Unsupported {
                        owner,
                        name: None,
                        what,
                        offset: *offset,
                    };
                    Ok(core::Extern::Func(core::Func::from_host(
                        &mut self.store,
                        ty,
                        stand_in,
                    )?))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        // A start function may call out: then it runs as a call does.
        let state = self.store.extra_mut();
        state.enter(owner, false);
        let instance = core::Instance::new(&mut self.store, module, &imports)?;
        self.store.extra_mut().exit();
        Ok(instance)
    }

    fn define_resource(
        &mut self,
        resource: ResourceTypeId,
        owner: OwnerId,
        dtor: Option<FuncSlot>,
    ) -> Result<()> {
        let dtor = match dtor {
            None => Dtor::None,
            Some(slot) => Dtor::Func(self.func(slot)?),
        };
        let owner = self.owner(owner);
        let state = self.store.extra_mut();
        let number = u32::try_from(state.resources.len()).unwrap_or(u32::MAX);
        let id = state.guest_resource(RuntimeResource {
            ty: ResourceType::guest(state.id, number),
            owner: Some(owner),
            dtor,
        })?;
        if let Some(place) = state
            .instances
            .get_mut(self.instance as usize)
            .and_then(|instance| instance.resources.get_mut(resource.0 as usize))
        {
            *place = id;
        }
        if let Some(place) = self.resources.get_mut(resource.0 as usize) {
            *place = id;
        }
        Ok(())
    }

    fn site(&self, options: OptionsId, owner: u32) -> Result<Site> {
        let options = self
            .pre
            .code
            .options
            .get(options.index())
            .ok_or_else(|| Error::inconsistent("canonical options are missing"))?;
        let memory = match options.memory {
            None => None,
            Some(slot) => self.memories.get(slot.index()).copied().flatten(),
        };
        let realloc = options.realloc.map(|slot| self.func(slot)).transpose()?;
        let owners = &self.pre.code.owners;
        let facts = owners.get(owner.saturating_sub(self.owners) as usize);
        Ok(Site {
            memory,
            realloc,
            options: abi::Options {
                encoding: options.encoding,
                pointer: self.pre.pointer(options.memory),
            },
            owner,
            instance: self.instance,
            framed: facts.is_some_and(|owner| owner.uses_context),
            leaves: facts.is_none_or(|owner| owner.leaves),
        })
    }

    /// Takes the values that the host provides.
    fn imported_values(&mut self) -> Result<()> {
        let code = &self.pre.code;
        for (value, place) in code.values.iter().zip(&mut self.values) {
            let (ValueSource::Import(import), Ok(ty)) = (value.source, value.ty) else {
                continue;
            };
            let Some(Definition::Value(found)) = self.pre.imports.get(import.index()) else {
                return Err(Error::inconsistent("a value is missing"));
            };
            let state = self.store.extra();
            check_value_handles(state, self.instance, &code.types, ty, found).map_err(|error| {
                match code.imports.get(import.index()) {
                    Some(import) => error.within(format!("import {}", import.path)),
                    None => error,
                }
            })?;
            *place = Some(Arc::clone(found));
        }
        Ok(())
    }

    /// Calls a start function.
    fn start(&mut self, func: FuncItem, args: &[ValueId], result: Option<ValueId>) -> Result<()> {
        let place = match func.source {
            FuncSource::Lift(lift) => self.lifts.get(lift.index()).copied(),
            FuncSource::Import(import) => {
                return match by_import(&self.func_imports, import).copied() {
                    Some(func) => self.call_start(func, args, result),
                    None => Err(Error::inconsistent("a function is missing")),
                };
            }
            FuncSource::Unsupported(what, offset) => {
                return Err(Error::unsupported(what).at(offset));
            }
        };
        match place {
            Some(place) => self.call_start(Func::new(self.state, place), args, result),
            None => Err(Error::inconsistent("a lifted function is missing")),
        }
    }

    fn call_start(&mut self, func: Func, args: &[ValueId], result: Option<ValueId>) -> Result<()> {
        let args = args
            .iter()
            .map(|value| {
                let value = self.values.get(value.index()).and_then(Option::as_ref);
                value
                    .map(|value| Val::clone(value))
                    .ok_or_else(|| Error::inconsistent("a value is missing"))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut results = [Val::Bool(false)];
        let room = &mut results[..usize::from(result.is_some())];
        func.call(&mut self.store, &args, room)?;
        if let Some(place) = result.and_then(|result| self.values.get_mut(result.index())) {
            let [value] = results;
            *place = Some(Arc::new(value));
        }
        Ok(())
    }

    /// Adds a function to the store.
    pub(super) fn add_func(&mut self, lifted: Lifted) -> Result<Func> {
        let lifts = &mut self.store.extra_mut().lifts;
        let place = u32::try_from(lifts.len())
            .map_err(|_| Error::limit("the store holds too many functions"))?;
        lifts.push(lifted);
        Ok(Func::new(self.state, place))
    }

    fn lift(&mut self, id: LiftId) -> Result<()> {
        let code = &self.pre.code;
        let Some(Lift {
            func,
            ty,
            options,
            owner,
        }) = code.lifts.get(id.index()).copied()
        else {
            return Err(Error::inconsistent("a lifted function is missing"));
        };
        let state = self.store.extra();
        let place = u32::try_from(state.lifts.len())
            .map_err(|_| Error::limit("the store holds too many functions"))?;
        let post_return = code
            .options
            .get(options.index())
            .and_then(|options| options.post_return)
            .map(|slot| self.func(slot))
            .transpose()?;
        let lifted = Lifted {
            func: self.func(func)?,
            post_return,
            site: self.site(options, self.owner(owner))?,
            ty,
            facts: code.facts(ty)?,
        };
        self.store.extra_mut().lifts.push(lifted);
        self.lifts.push(place);
        Ok(())
    }

    fn stub(&mut self, stub: Stub, owner: u32, name: Option<&Arc<str>>) -> Result<core::Func> {
        let name = || {
            name.cloned()
                .ok_or_else(|| Error::inconsistent("a step was not prepared"))
        };
        match stub {
            Stub::LowerImport {
                import,
                ty,
                options,
            } => self.lower_import(import, ty, self.site(options, owner)?, name()?),
            Stub::Adapter { lift, ty, options } => {
                let site = self.site(options, owner)?;
                let place = self
                    .lifts
                    .get(lift.index())
                    .copied()
                    .ok_or_else(|| Error::inconsistent("a lifted function is missing"))?;
                self.adapter(Func::new(self.state, place), ty, site, name()?)
            }
            Stub::ResourceNew(resource, rep) => {
                self.builtin(resource, owner, BuiltinKind::New(rep))
            }
            Stub::ResourceDrop(resource) => self.builtin(resource, owner, BuiltinKind::Drop),
            Stub::ResourceRep(resource, rep) => {
                self.builtin(resource, owner, BuiltinKind::Rep(rep))
            }
            Stub::ContextGet(slot, size) => {
                self.call_builtin(owner, CallBuiltinKind::Get(slot, size))
            }
            Stub::ContextSet(slot, size) => {
                self.call_builtin(owner, CallBuiltinKind::Set(slot, size))
            }
            Stub::BackpressureInc => self.call_builtin(owner, CallBuiltinKind::Inc),
            Stub::BackpressureDec => self.call_builtin(owner, CallBuiltinKind::Dec),
            Stub::Unbuilt(id) => self.unbuilt(owner, id),
        }
    }

    fn lower_import(
        &mut self,
        import: ImportId,
        ty: FuncTypeId,
        site: Site,
        path: Arc<str>,
    ) -> Result<core::Func> {
        match self.pre.imports.get(import.index()) {
            Some(Definition::Host(func)) => {
                let signature = self
                    .pre
                    .code
                    .signature(ty, Pointers::both(site.options.pointer))
                    .map_err(|error| error.within(format!("import {path}")))?;
                let import = LoweredImport {
                    site,
                    code: Arc::clone(&self.pre.code),
                    signature: Arc::clone(signature),
                    path,
                };
                Arc::clone(func).bind(&mut self.store, import)
            }
            Some(Definition::Guest(_, func)) => self.adapter(*func, ty, site, path),
            _ => Err(Error::inconsistent("a function is missing")),
        }
    }

    fn adapter(
        &mut self,
        callee: Func,
        ty: FuncTypeId,
        caller: Site,
        name: Arc<str>,
    ) -> Result<core::Func> {
        let callee = *callee
            .lifted(self.store.extra())
            .map_err(|_| linked_elsewhere())?;
        let pointers = Pointers {
            caller: caller.options.pointer,
            callee: callee.site.options.pointer,
        };
        let signature = Arc::clone(self.pre.code.signature(ty, pointers)?);
        let ty = signature.lower.clone();
        let adapter = Adapter {
            caller,
            callee,
            signature,
            name,
        };
        Ok(core::Func::from_host(&mut self.store, &ty, adapter)?)
    }

    fn unbuilt(&mut self, owner: u32, id: UnbuiltId) -> Result<core::Func> {
        let code = &self.pre.code;
        let unbuilt = code
            .unbuilt
            .get(id.index())
            .ok_or_else(|| Error::inconsistent("a core function is missing"))?;
        let number = owner.saturating_sub(self.owners);
        let name = match code.owners.len() {
            1 => unbuilt.name.to_string(),
            _ => format!("component instance {number}: {}", unbuilt.name),
        };
        let stand_in = Unsupported {
            owner,
            name: Some(name.into()),
            what: unbuilt.needs,
            offset: unbuilt.offset,
        };
        let types =
            |types: &[abi::CoreType]| types.iter().copied().map(core_val_type).collect::<Vec<_>>();
        let ty = core::FuncType::new(types(&unbuilt.ty.params), types(&unbuilt.ty.results));
        Ok(core::Func::from_host(&mut self.store, &ty, stand_in)?)
    }

    fn call_builtin(&mut self, owner: u32, kind: CallBuiltinKind) -> Result<core::Func> {
        let builtin = CallBuiltin { owner, kind };
        Ok(core::Func::from_host(&mut self.store, &kind.ty(), builtin)?)
    }

    fn builtin(
        &mut self,
        resource: ResourceTypeId,
        owner: u32,
        kind: BuiltinKind,
    ) -> Result<core::Func> {
        let resource = self
            .resources
            .get(resource.0 as usize)
            .copied()
            .ok_or_else(|| Error::inconsistent("a resource type is missing"))?;
        let builtin = Builtin {
            owner,
            resource,
            kind,
        };
        Ok(core::Func::from_host(&mut self.store, &kind.ty(), builtin)?)
    }
}
