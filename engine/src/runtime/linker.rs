//! The linker: names for what modules import, resolved once for as many
//! instances as wanted.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::collections::BTreeMap;

use super::func::{Dynamic, Func};
use super::host::{Caller, HostFunc, HostTemplate, IntoHostFunc};
use super::instance::{Extern, Instance};
use super::memory::Memory;
use super::shared::SharedMemory;
use super::store::{AsContext, AsContextMut, StoreCore};
use super::value::Val;
use super::vmctx::FuncDef;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::module::{EntityIndex, Module};
use crate::types::{ExternType, FuncType};

/// One import that could not be satisfied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkProblem {
    /// The first of the import's two names.
    pub module: String,
    /// The second.
    pub name: String,
    /// What the module declares.
    pub expected: ExternType,
    /// What was there instead; absent if there was nothing of that name.
    pub found: Option<ExternType>,
    /// What the printed types leave open.
    note: String,
}

impl LinkProblem {
    pub(super) fn new(
        engine: &Engine,
        module: &str,
        name: &str,
        expected: ExternType,
        found: Option<ExternType>,
    ) -> LinkProblem {
        LinkProblem {
            module: module.to_owned(),
            name: name.to_owned(),
            note: engine.types().note(&expected, found.as_ref()),
            expected,
            found,
        }
    }
}

impl fmt::Display for LinkProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" \"{}\": expected {}, found ",
            self.module, self.name, self.expected
        )?;
        match &self.found {
            Some(found) => found.fmt(f)?,
            None => f.write_str("nothing")?,
        }
        f.write_str(&self.note)
    }
}

/// All imports of a module that could not be satisfied: what
/// [`Error::downcast_ref`] finds in an error of kind
/// [`Link`](crate::ErrorKind::Link).
#[derive(Clone, Debug)]
pub struct LinkProblems(Vec<LinkProblem>);

impl LinkProblems {
    pub(super) fn new(problems: Vec<LinkProblem>) -> LinkProblems {
        LinkProblems(problems)
    }

    pub(super) fn into_error(self) -> Error {
        // The specification's scripts tell the two cases apart by these
        // words.
        let context = if self.0.iter().any(|problem| problem.found.is_none()) {
            "unknown import"
        } else {
            "incompatible import type"
        };
        Error::from_source(ErrorKind::Link, self).context(context)
    }

    /// The problems, in the module's order of imports.
    #[must_use]
    pub fn problems(&self) -> &[LinkProblem] {
        &self.0
    }
}

impl fmt::Display for LinkProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl core::error::Error for LinkProblems {}

/// What a name stands for.
#[derive(Clone)]
enum Definition {
    /// A host function, in no store yet.
    Host(HostTemplate),
    /// Something of one store.
    Item(Extern),
    /// A memory that any store may have.
    Shared(SharedMemory),
}

/// Definitions by name, for modules whose stores hold `T` and `X`.
///
/// ```
/// use linkspan_engine::{Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(
///     &engine,
///     r#"(module
///         (import "host" "double" (func $double (param i32) (result i32)))
///         (func (export "run") (result i32) (call $double (i32.const 21))))"#,
/// )?;
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("host", "double", |x: i32| x * 2)?;
/// let mut store = Store::<()>::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let run = instance.get_typed_func::<(), i32>(&store, "run")?;
/// assert_eq!(run.call(&mut store, ())?, 42);
/// # Ok::<(), linkspan_engine::Error>(())
/// ```
pub struct Linker<T, X = ()> {
    engine: Engine,
    definitions: BTreeMap<String, BTreeMap<String, Definition>>,
    may_shadow: bool,
    _types: PhantomData<fn(T, X) -> (T, X)>,
}

impl<T, X> Clone for Linker<T, X> {
    fn clone(&self) -> Self {
        Linker {
            engine: self.engine.clone(),
            definitions: self.definitions.clone(),
            may_shadow: self.may_shadow,
            _types: PhantomData,
        }
    }
}

impl<T, X> Linker<T, X> {
    /// A linker without definitions.
    #[must_use]
    pub fn new(engine: &Engine) -> Linker<T, X> {
        Linker {
            engine: engine.clone(),
            definitions: BTreeMap::new(),
            may_shadow: false,
            _types: PhantomData,
        }
    }

    /// The engine that host functions are made for.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a definition may replace an older one of the same name; off
    /// at first.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.may_shadow = allow;
        self
    }

    /// Defines something of a store. It can be linked only there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if the name is taken.
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self> {
        self.insert(module, name, Definition::Item(item.into()))
    }

    /// Defines a shared memory, for every store that links it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if the name is taken.
    pub fn define_shared(
        &mut self,
        module: &str,
        name: &str,
        memory: &SharedMemory,
    ) -> Result<&mut Self> {
        self.insert(module, name, Definition::Shared(memory.clone()))
    }

    /// Defines a host function from a closure; see [`IntoHostFunc`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if the name is taken.
    pub fn func_wrap<M>(
        &mut self,
        module: &str,
        name: &str,
        function: impl IntoHostFunc<T, X, M>,
    ) -> Result<&mut Self> {
        let template = template(&self.engine, function)?;
        self.insert(module, name, Definition::Host(template))
    }

    /// Defines a host function of any type; see [`Func::new`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if the name is taken; [`ErrorKind::Limit`] if the
    /// type is too long.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        function: impl Fn(Caller<'_, T, X>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let template = HostTemplate::new(&self.engine, &ty.clone(), Dynamic { ty, function })?;
        self.insert(module, name, Definition::Host(template))
    }

    /// Defines a host function in its raw form.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if the name is taken, and those of
    /// [`Func::from_host`].
    pub fn func_host(
        &mut self,
        module: &str,
        name: &str,
        ty: &FuncType,
        function: impl HostFunc<T, X>,
    ) -> Result<&mut Self> {
        let template = HostTemplate::raw(&self.engine, ty, function)?;
        self.insert(module, name, Definition::Host(template))
    }

    /// Defines all exports of an instance under the module name `module`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if a name is taken.
    pub fn instance(
        &mut self,
        store: impl AsContext,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Self> {
        for (name, item) in instance.exports(&store) {
            self.define(module, &name, item)?;
        }
        // An instance without exports is still a name.
        self.definitions.entry(module.to_owned()).or_default();
        Ok(self)
    }

    /// Gives every definition of the module name `module` a second place
    /// under `as_module`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if there is no such name, or a name is taken.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<&mut Self> {
        let Some(items) = self.definitions.get(module).cloned() else {
            return Err(Error::link(format!(
                "unknown import: nothing is defined in \"{module}\""
            )));
        };
        for (name, definition) in items {
            self.insert(as_module, &name, definition)?;
        }
        Ok(self)
    }

    /// Gives one definition a second name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if there is no such definition, or the name is
    /// taken.
    pub fn alias(
        &mut self,
        module: &str,
        name: &str,
        as_module: &str,
        as_name: &str,
    ) -> Result<&mut Self> {
        let Some(definition) = self.find(module, name).cloned() else {
            return Err(Error::link(format!(
                "unknown import: \"{module}\" \"{name}\" is not defined"
            )));
        };
        self.insert(as_module, as_name, definition)
    }

    /// What a name stands for in `store`; a host function is added to it.
    /// Nothing stands for a name in a store of another engine, nor for a
    /// shared memory where the store's limits refuse it.
    pub fn get(
        &self,
        mut store: impl AsContextMut<Data = T, Extra = X>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let definition = self.find(module, name)?;
        let mut store = store.as_context_mut();
        // Types are interned by engine: another engine's ids mean other types.
        if !Engine::same(&self.engine, store.engine()) {
            return None;
        }
        definition.item(store.core_mut()).ok()
    }

    /// Instantiates a module; see [`Instance::new`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] with all imports that are missing or do not fit
    /// at once, and the errors of [`Instance::new`].
    pub fn instantiate(
        &self,
        store: impl AsContextMut<Data = T, Extra = X>,
        module: &Module,
    ) -> Result<Instance> {
        self.instantiate_pre(module)?.instantiate(store)
    }

    /// Resolves a module's imports, for many instances.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] with all imports that are missing, and host
    /// functions that do not fit, at once. What belongs to a store is
    /// compared at instantiation. [`ErrorKind::Usage`] if the module belongs
    /// to another engine.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T, X>> {
        if !Engine::same(&self.engine, module.engine()) {
            return Err(Error::usage(
                "the linker and the module belong to different engines",
            ));
        }
        let mut problems = Vec::new();
        let mut imports = Vec::new();
        let inner = module.inner();
        for (import, declared) in module.imports().zip(&inner.imports) {
            let found = match self.find(import.module, import.name) {
                None => None,
                Some(definition) => {
                    imports.push(definition.clone());
                    match definition {
                        Definition::Item(_) | Definition::Shared(_) => continue,
                        Definition::Host(template) => {
                            if let EntityIndex::Func(func) = declared.entity
                                && template.ty.rtt().inherits(inner.func_type(func).id())
                            {
                                continue;
                            }
                            Some(ExternType::Func(template.ty.ty().clone()))
                        }
                    }
                }
            };
            problems.push(LinkProblem::new(
                &self.engine,
                import.module,
                import.name,
                import.ty,
                found,
            ));
        }
        if !problems.is_empty() {
            return Err(LinkProblems::new(problems).into_error());
        }
        Ok(InstancePre {
            module: module.clone(),
            imports: imports.into(),
            _types: PhantomData,
        })
    }

    fn find(&self, module: &str, name: &str) -> Option<&Definition> {
        self.definitions.get(module)?.get(name)
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition) -> Result<&mut Self> {
        let items = match self.definitions.get_mut(module) {
            Some(items) => items,
            None => self.definitions.entry(module.to_owned()).or_default(),
        };
        if !self.may_shadow && items.contains_key(name) {
            return Err(Error::link(format!(
                "\"{module}\" \"{name}\" is defined twice"
            )));
        }
        items.insert(name.to_owned(), definition);
        Ok(self)
    }
}

fn template<T, X, M, F: IntoHostFunc<T, X, M>>(
    engine: &Engine,
    function: F,
) -> Result<HostTemplate> {
    HostTemplate::new(engine, &F::func_type(), function.into_host())
}

impl<T, X> fmt::Debug for Linker<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |(module, items): (&String, &BTreeMap<String, Definition>)| {
            (module.clone(), items.keys().cloned().collect::<Vec<_>>())
        };
        f.debug_map()
            .entries(self.definitions.iter().map(names))
            .finish()
    }
}

impl Definition {
    fn item(&self, core: &mut StoreCore) -> Result<Extern> {
        Ok(match self {
            Definition::Item(item) => *item,
            Definition::Shared(memory) => {
                let data = memory.add_to(core)?;
                // SAFETY: the memory has just become one of this store's.
                Extern::Memory(unsafe { Memory::from_def(core.id, data.cast()) })
            }
            Definition::Host(template) => {
                let key = template.key();
                let known: Option<NonNull<FuncDef>> = core.linked.get(&key).copied();
                let def = known.unwrap_or_else(|| {
                    let def = template.add_to(core);
                    core.linked.insert(key, def);
                    def
                });
                // SAFETY: the definition was made in this store, which also
                // keeps the closure whose address is the key.
                Extern::Func(unsafe { Func::from_def(core.id, def) })
            }
        })
    }
}

/// A module with its imports resolved.
pub struct InstancePre<T, X = ()> {
    module: Module,
    imports: Box<[Definition]>,
    _types: PhantomData<fn(T, X) -> (T, X)>,
}

impl<T, X> Clone for InstancePre<T, X> {
    fn clone(&self) -> Self {
        InstancePre {
            module: self.module.clone(),
            imports: self.imports.clone(),
            _types: PhantomData,
        }
    }
}

impl<T, X> InstancePre<T, X> {
    /// The module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Makes an instance; see [`Instance::new`].
    ///
    /// # Errors
    ///
    /// Those of [`Instance::new`].
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T, Extra = X>,
    ) -> Result<Instance> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        if !Engine::same(&core.engine, self.module.engine()) {
            return Err(Error::usage(
                "the module was loaded for another engine than the store's",
            ));
        }
        let imports: Vec<Extern> = self
            .imports
            .iter()
            .map(|import| import.item(core))
            .collect::<Result<_>>()?;
        Instance::new(store, &self.module, &imports)
    }
}

impl<T, X> fmt::Debug for InstancePre<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre")
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}
