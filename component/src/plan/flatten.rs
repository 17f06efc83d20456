//! Components to plan: interprets the declarations of the root component and,
//! at each `instantiate`, those of the instantiated one with its arguments.
//!
//! What is known without running anything (which item a name stands for,
//! which function a call reaches, which type a handle has) is settled here;
//! only side effects become steps. Nested components are kept on a stack of
//! our own, and everything that a binary can multiply is counted against a
//! budget, so a hostile one ends in an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmparser::ComponentOuterAliasKind;

use super::eval::{ImportSite, item_kind};
use super::handed_back::handed_back;
use super::space::{CoreSet, Env, EnvId, Items, get};
use super::{
    ComponentItem, CoreExport, CoreInstance, CoreInstanceSlot, CoreItem, CoreSetId, Declared,
    FuncSlot, InstanceId, Item, MemorySlot, ModuleRef, ModuleSlot, OptionsId, OptionsKey, Owner,
    OwnerId, Plan, ReasonId, SourceId, Step, TypeItem,
};
use crate::decode::{self, Alias, ComponentId, Decl, Decoded, Instance, ItemRef, TypeDecl};
use crate::error::{Error, Result};
use crate::names::ItemPath;

/// Declarations, names and types that one plan may interpret.
const BUDGET: u32 = 2_000_000;

/// Bytes of copied text that cost as much as one declaration.
const BYTES_PER_UNIT: usize = 16;

/// Component instances that one plan may make.
const OWNERS_MAX: usize = 10_000;

/// Steps that one plan may have.
const STEPS_MAX: usize = 500_000;

/// A decoded binary that takes part in a plan.
pub(crate) type Source = Arc<Decoded>;

/// A component that the host provides.
#[derive(Clone)]
pub(crate) struct Provided {
    /// The binary.
    pub(crate) source: Source,
    /// The component in it.
    pub(crate) component: ComponentId,
}

impl Provided {
    /// The root component of a binary.
    pub(crate) fn root(source: Source) -> Provided {
        Provided {
            source,
            component: ComponentId(0),
        }
    }
}

/// Components that the host provides for imports of kind component.
pub(crate) type Bindings = BTreeMap<ItemPath, Provided>;

/// Makes the plan of a component.
///
/// A component that instantiates an imported component has a plan only when
/// `bindings` provides it: without one the plan ends in an error step.
pub(crate) fn flatten(root: Source, bindings: &Bindings) -> Result<(Plan, Vec<Source>)> {
    let mut flattener = Flattener::new(root, bindings);
    flattener.run(Flattener::ROOT)?;
    Ok((flattener.plan, flattener.sources))
}

/// Makes the plan of a component that another one exports, which may itself
/// be an export: `outer` holds the bindings of each and the path of the export
/// in it, outermost first. Of the outer ones remains what the exported one
/// refers to.
pub(crate) fn flatten_export(
    root: Source,
    outer: &[(Bindings, &[String])],
    bindings: &Bindings,
) -> Result<(Plan, Vec<Source>)> {
    let mut flattener = Flattener::new(root, bindings);
    let mut component = Flattener::ROOT;
    for (level, (outer, path)) in (0..).zip(outer) {
        flattener.bindings = outer.clone();
        flattener.run(component)?;
        component = flattener.exported_component(path.iter().map(String::as_str))?;
        flattener.start_anew(level);
    }
    flattener.bindings = bindings.clone();
    flattener.run(component)?;
    Ok((flattener.plan, flattener.sources))
}

pub(super) struct Flattener {
    pub(super) plan: Plan,
    pub(super) sources: Vec<Source>,
    pub(super) bindings: Bindings,
    pub(super) envs: Vec<Env>,
    /// Component instances under construction, outermost first.
    frames: Vec<Frame>,
    /// Position of sources that bindings brought in, by address.
    bound: BTreeMap<usize, SourceId>,
    pub(super) memories: BTreeMap<CoreExport, MemorySlot>,
    pub(super) funcs: BTreeMap<CoreExport, FuncSlot>,
    pub(super) options: BTreeMap<OptionsKey, OptionsId>,
    pub(super) modules: BTreeMap<ModuleRef, ModuleSlot>,
    /// Positions in the plan's `reasons`.
    pub(super) reasons: BTreeMap<Box<str>, ReasonId>,
    budget: u32,
}

/// Arguments of an instantiation by import name.
pub(super) type Args = BTreeMap<Arc<str>, Item>;

/// A component whose declarations are being interpreted.
struct Frame {
    source: SourceId,
    component: ComponentId,
    env: EnvId,
    /// Position of the next declaration.
    next: usize,
    /// Arguments by import name; absent for the root, whose imports are the
    /// host's to provide.
    args: Option<Args>,
    /// Set for a component that the host has provided: its arguments and
    /// exports are compared.
    declared: Option<Declared>,
    exports: Items,
}

impl Flattener {
    const ROOT: ComponentItem = ComponentItem::Closure {
        source: SourceId(0),
        component: ComponentId(0),
        env: None,
        declared: None,
    };

    fn new(root: Source, bindings: &Bindings) -> Flattener {
        Flattener {
            plan: Plan::default(),
            sources: vec![root],
            bindings: bindings.clone(),
            envs: Vec::new(),
            frames: Vec::new(),
            bound: BTreeMap::new(),
            memories: BTreeMap::new(),
            funcs: BTreeMap::new(),
            options: BTreeMap::new(),
            modules: BTreeMap::new(),
            reasons: BTreeMap::new(),
            budget: BUDGET,
        }
    }

    fn run(&mut self, root: ComponentItem) -> Result<()> {
        self.enter(root, None)?;
        while let Some(frame) = self.frames.last_mut() {
            let position = frame.next;
            frame.next += 1;
            let decoded = Arc::clone(
                self.sources
                    .get(frame.source.index())
                    .ok_or_else(|| Error::inconsistent("a binary is missing"))?,
            );
            let component = decoded
                .components
                .get(frame.component.index())
                .ok_or_else(|| Error::inconsistent("a component is missing"))?;
            match component.decls.get(position) {
                Some((offset, decl)) => {
                    self.spend(1)?;
                    self.decl(*offset, decl)
                        .map_err(|error| error.at(*offset))?;
                }
                None => self.leave()?,
            }
        }
        self.plan.handed_back = handed_back(&self.plan);
        Ok(())
    }

    /// Starts to instantiate a component.
    fn enter(&mut self, component: ComponentItem, args: Option<Args>) -> Result<()> {
        let ComponentItem::Closure {
            source,
            component,
            env: parent,
            declared,
        } = component
        else {
            return Err(Error::inconsistent("an imported component is entered"));
        };
        if self.plan.owners.len() >= OWNERS_MAX {
            return Err(Error::limit(format!(
                "the component instantiates more than {OWNERS_MAX} components"
            )));
        }
        let owner = OwnerId(self.next(self.plan.owners.len())?);
        self.plan.owners.push(Owner {
            parent: self.frames.last().map(|f| self.env(f.env).owner),
            component: (source, component),
            uses_handles: false,
            uses_context: false,
            leaves: false,
        });
        let env = self.new_env(Env {
            parent,
            owner,
            ..Env::default()
        })?;
        self.frames.push(Frame {
            source,
            component,
            env,
            next: 0,
            args,
            declared,
            exports: Items::default(),
        });
        Ok(())
    }

    /// Ends the innermost component: its exports become an instance of the
    /// one around it.
    fn leave(&mut self) -> Result<()> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        if let (Some(declared), Some(args)) = (frame.declared, &frame.args) {
            self.check_exports(declared, args, &frame.exports)?;
        }
        match self.frames.last().map(|outer| outer.env) {
            Some(outer) => {
                let instance = self.new_instance(frame.exports)?;
                self.env_mut(outer).instances.push(instance);
            }
            None => self.plan.root_exports = frame.exports,
        }
        Ok(())
    }

    fn frame(&self) -> Result<&Frame> {
        self.frames
            .last()
            .ok_or_else(|| Error::inconsistent("a declaration outside a component"))
    }

    fn decl(&mut self, offset: u64, decl: &Decl) -> Result<()> {
        let (source, env) = {
            let frame = self.frame()?;
            (frame.source, frame.env)
        };
        match decl {
            Decl::CoreModule(id) => {
                let module = self.module(ModuleRef::Embedded(source, *id))?;
                self.env_mut(env).core_modules.push(module);
            }
            Decl::Component(component) => {
                self.env_mut(env).components.push(ComponentItem::Closure {
                    source,
                    component: *component,
                    env: Some(env),
                    declared: None,
                });
            }
            Decl::CoreInstance(instance) => self.core_instance(env, instance)?,
            Decl::Instance(instance) => self.instance(env, offset, instance)?,
            Decl::Alias(alias) => self.alias(env, alias)?,
            Decl::CoreType(ty) => self.core_type(env, ty)?,
            Decl::Type(TypeDecl::Resource { rep, dtor }) => {
                self.define_resource(env, *rep, *dtor)?;
            }
            Decl::Type(ty) => {
                let ty = self.type_item(source, env, ty)?;
                self.env_mut(env).types.push(ty);
            }
            Decl::Canon { canon, core_type } => {
                self.canon(env, offset, canon, core_type.as_ref())?;
            }
            Decl::Start {
                func,
                args,
                results,
            } => self.start(env, *func, args, *results)?,
            Decl::Import { name, ty } => self.import_decl(env, name, *ty)?,
            Decl::Export {
                name, kind, index, ..
            } => self.export(env, &name.name, &name.full, *kind, *index)?,
        }
        Ok(())
    }

    fn import_decl(
        &mut self,
        env: EnvId,
        name: &decode::ExternName,
        ty: wasmparser::ComponentTypeRef,
    ) -> Result<()> {
        let frame = self.frame()?;
        let given = frame
            .args
            .as_ref()
            .map(|args| args.get(&name.name).copied());
        let item = match (given, frame.declared) {
            (Some(given), Some(declared)) => self.check_arg(declared, env, name, ty, given)?,
            (Some(Some(given)), None) => given,
            (Some(None), None) => return Err(Error::inconsistent("an argument is missing")),
            (None, _) => {
                let path = ItemPath::root(&name.full);
                let site = ImportSite {
                    path: &path,
                    implements: name.implements.as_deref(),
                    depth: 0,
                };
                let item = self.import(env, ty, site)?;
                self.plan.root_imports.push(Arc::clone(&name.full), item);
                item
            }
        };
        self.env_mut(env).push(item);
        Ok(())
    }

    fn export(
        &mut self,
        env: EnvId,
        name: &Arc<str>,
        full: &Arc<str>,
        kind: wasmparser::ComponentExternalKind,
        index: u32,
    ) -> Result<()> {
        let item = self.env(env).item(kind, index)?;
        self.env_mut(env).push(item);
        if let Item::Type(TypeItem::Resource(resource)) = item
            && self.plan.types.resource_name(resource).is_none()
        {
            self.spend_bytes(name.len())?;
            self.plan.types.name_resource(resource, &**name);
        }
        let root = self.frames.len() == 1;
        if let Some(frame) = self.frames.last_mut() {
            // Hosts see names with their version suffix, binaries do not.
            frame
                .exports
                .push(Arc::clone(if root { full } else { name }), item);
        }
        Ok(())
    }

    fn core_instance(&mut self, env: EnvId, instance: &decode::CoreInstance) -> Result<()> {
        let made = match instance {
            decode::CoreInstance::Instantiate { module, args } => {
                self.spend(self.next(args.len())?)?;
                let module = get(&self.env(env).core_modules, *module)?;
                let args = args
                    .iter()
                    .map(|(name, index)| {
                        let from = get(&self.env(env).core_instances, *index)?;
                        Ok((Arc::clone(name), from))
                    })
                    .collect::<Result<Vec<_>>>()?;
                let slot = CoreInstanceSlot(self.plan.counts.core_instances);
                self.plan.counts.core_instances += 1;
                let owner = self.env(env).owner;
                self.step(Step::Instantiate {
                    slot,
                    module,
                    args,
                    owner,
                })?;
                CoreInstance::Real(slot)
            }
            decode::CoreInstance::Exports(exports) => {
                self.spend(self.next(exports.len())?)?;
                let mut set = CoreSet::default();
                for (name, kind, index) in exports {
                    let space = self.env_mut(env).core_space(*kind);
                    set.push(Arc::clone(name), get(space, *index)?);
                }
                let id = CoreSetId(self.next(self.plan.core_sets.len())?);
                self.plan.core_sets.push(set);
                CoreInstance::Set(id)
            }
        };
        self.env_mut(env).core_instances.push(made);
        Ok(())
    }

    fn instance(&mut self, env: EnvId, offset: u64, instance: &Instance) -> Result<()> {
        match instance {
            Instance::Instantiate { component, args } => {
                self.spend(self.next(args.len())?)?;
                let component = get(&self.env(env).components, *component)?;
                let args = args
                    .iter()
                    .map(|(name, item)| Ok((Arc::clone(name), self.item(env, *item)?)))
                    .collect::<Result<Args>>()?;
                match component {
                    ComponentItem::Closure { .. } => self.enter(component, Some(args)),
                    ComponentItem::Import(declared) => {
                        self.unknown_instance(env, offset, declared, &args)
                    }
                }
            }
            Instance::Exports(exports) => {
                self.spend(self.next(exports.len())?)?;
                let mut items = Items::default();
                for (name, item) in exports {
                    items.push(Arc::clone(name), self.item(env, *item)?);
                }
                let instance = self.new_instance(items)?;
                self.env_mut(env).instances.push(instance);
                Ok(())
            }
        }
    }

    /// Stands in for an instance of a component that the host has yet to
    /// provide. Running the plan ends here; what the declared type says of
    /// the instance keeps the rest of the plan readable.
    fn unknown_instance(
        &mut self,
        env: EnvId,
        offset: u64,
        declared: Declared,
        args: &Args,
    ) -> Result<()> {
        let path = match self.plan.imports.get(declared.import.index()) {
            Some(import) => import.path.to_string(),
            None => return Err(Error::inconsistent("an import is missing")),
        };
        self.unsupported(
            &format!("instantiating the imported component {path} without a definition for it is"),
            offset,
        )?;
        let instance = self.assume_exports(declared, args, offset)?;
        self.env_mut(env).instances.push(instance);
        Ok(())
    }

    fn item(&self, env: EnvId, item: ItemRef) -> Result<Item> {
        self.env(env).item(item.kind, item.index)
    }

    fn alias(&mut self, env: EnvId, alias: &Alias) -> Result<()> {
        match alias {
            Alias::Export {
                kind,
                instance,
                name,
            } => {
                let item = self.instance_item(env, *instance, name)?;
                if item_kind(&item) != *kind {
                    return Err(Error::inconsistent("an alias of another kind"));
                }
                self.env_mut(env).push(item);
            }
            Alias::CoreExport {
                kind,
                instance,
                name,
            } => {
                let item = match get(&self.env(env).core_instances, *instance)? {
                    CoreInstance::Real(instance) => CoreItem::Export(CoreExport {
                        instance,
                        name: Arc::clone(name),
                    }),
                    CoreInstance::Set(set) => self
                        .plan
                        .core_sets
                        .get(set.index())
                        .and_then(|set| set.get(name))
                        .ok_or_else(|| Error::inconsistent("a core export is missing"))?,
                };
                self.env_mut(env).core_space(*kind).push(item);
            }
            Alias::Outer { kind, count, index } => self.outer_alias(env, *kind, *count, *index)?,
        }
        Ok(())
    }

    /// The export of an instance of the environment.
    pub(super) fn instance_item(&self, env: EnvId, instance: u32, name: &str) -> Result<Item> {
        let instance = get(&self.env(env).instances, instance)?;
        self.plan
            .instances
            .get(instance.index())
            .and_then(|items| items.get(name))
            .ok_or_else(|| Error::inconsistent("an export is missing"))
    }

    pub(super) fn outer_alias(
        &mut self,
        env: EnvId,
        kind: ComponentOuterAliasKind,
        count: u32,
        index: u32,
    ) -> Result<()> {
        let mut outer = env;
        self.spend(count)?;
        for _ in 0..count {
            outer = self.env(outer).parent.ok_or_else(|| {
                // Only a component that was taken out of another has more
                // around it than its own binary's root.
                Error::unsupported(
                    "an imported component that refers to what stands around it, where it \
                         was taken from, is",
                )
            })?;
        }
        match kind {
            ComponentOuterAliasKind::CoreModule => {
                let module = get(&self.env(outer).core_modules, index)?;
                self.env_mut(env).core_modules.push(module);
            }
            ComponentOuterAliasKind::CoreType => {
                let ty = get(&self.env(outer).core_types, index)?;
                self.env_mut(env).core_types.push(ty);
            }
            ComponentOuterAliasKind::Type => {
                let ty = get(&self.env(outer).types, index)?;
                self.env_mut(env).types.push(ty);
            }
            ComponentOuterAliasKind::Component => {
                let component = get(&self.env(outer).components, index)?;
                self.env_mut(env).components.push(component);
            }
        }
        Ok(())
    }

    pub(super) fn step(&mut self, step: Step) -> Result<()> {
        if self.plan.steps.len() >= STEPS_MAX {
            return Err(Error::limit(format!(
                "the component needs more than {STEPS_MAX} steps to instantiate"
            )));
        }
        self.plan.steps.push(step);
        Ok(())
    }

    /// Ends instantiation, when it comes to this point, with an error.
    pub(super) fn unsupported(&mut self, what: &str, offset: u64) -> Result<()> {
        self.step(Step::Unsupported {
            what: what.into(),
            offset,
        })
    }

    pub(super) fn module(&mut self, module: ModuleRef) -> Result<ModuleSlot> {
        if let Some(slot) = self.modules.get(&module) {
            return Ok(*slot);
        }
        let slot = ModuleSlot(self.next(self.plan.modules.len())?);
        self.plan.modules.push(module);
        self.modules.insert(module, slot);
        Ok(slot)
    }

    /// The component that a binding brings in.
    pub(super) fn source_item(
        &mut self,
        Provided { source, component }: Provided,
        declared: Declared,
    ) -> Result<ComponentItem> {
        let address = Arc::as_ptr(&source).addr();
        let id = match self.bound.get(&address) {
            Some(id) => *id,
            None => {
                let id = SourceId(self.next(self.sources.len())?);
                self.sources.push(source);
                self.bound.insert(address, id);
                id
            }
        };
        Ok(ComponentItem::Closure {
            source: id,
            component,
            env: None,
            declared: Some(declared),
        })
    }

    pub(super) fn decoded(&self, source: SourceId) -> Result<Source> {
        self.sources
            .get(source.index())
            .cloned()
            .ok_or_else(|| Error::inconsistent("a binary is missing"))
    }

    pub(super) fn new_instance(&mut self, items: Items) -> Result<InstanceId> {
        let id = InstanceId(self.next(self.plan.instances.len())?);
        self.plan.instances.push(items);
        Ok(id)
    }

    pub(super) fn new_env(&mut self, env: Env) -> Result<EnvId> {
        let id = EnvId(self.next(self.envs.len())?);
        self.envs.push(env);
        Ok(id)
    }

    pub(super) fn env(&self, id: EnvId) -> &Env {
        &self.envs[id.0 as usize]
    }

    pub(super) fn env_mut(&mut self, id: EnvId) -> &mut Env {
        &mut self.envs[id.0 as usize]
    }

    /// Counts work against the budget.
    pub(super) fn spend(&mut self, units: u32) -> Result<()> {
        self.budget = self.budget.checked_sub(units).ok_or_else(|| {
            Error::limit(format!(
                "the component is too large: its instances declare more than {BUDGET} items"
            ))
        })?;
        Ok(())
    }

    /// Counts text that the plan copies.
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<()> {
        self.spend(u32::try_from(bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX))
    }

    /// A length as an id.
    pub(super) fn next(&self, len: usize) -> Result<u32> {
        u32::try_from(len).map_err(|_| Error::limit("the component defines too many items"))
    }
}
