//! Names to definitions: what a host offers to the components that it
//! instantiates, and the one pass that finds a definition for each import.
//!
//! All problems of a component are collected before any is reported. What
//! linking answers holds no names: instantiation and calls look nothing up.

mod modules;
mod offers;
mod report;
mod resolve;
mod stubs;

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use linkspan_engine as core;

pub(crate) use offers::with_article;
pub(crate) use report::Differences;
pub use report::{
    LinkDifference, LinkImport, LinkOffer, LinkProblem, LinkReport, LinkSource, LinkState,
};
pub(crate) use resolve::{Resolved, resolve};
pub use stubs::UnknownFunc;

use crate::component::Component;
use crate::error::{Error, Result};
use crate::func::host::{DynamicFunc, HostFunction};
use crate::func::{Func, Val};
use crate::instance::{Instance, InstanceExport, InstancePre};
use crate::names::VersionedMap;
use crate::resource::{HostDtor, ResourceType};
use crate::store::{ComponentState, StoreContextMut};

/// Definitions for the imports of components.
///
/// Interface names match semver-compatible versions in both directions: a
/// definition for `a:b/c@0.2.4` serves an import of `a:b/c@0.2.0` and one of
/// `a:b/c@0.2.9`; an exact match wins, then the newest.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "wat")] {
/// use linkspan::{Component, Engine, Linker, Store, Val};
///
/// let engine = Engine::default();
/// let component = Component::new(&engine, r#"
///     (component
///       (import "answer" (func $answer (result u32)))
///       (core func $answer' (canon lower (func $answer)))
///       (core module $m
///         (import "" "answer" (func $answer (result i32)))
///         (func (export "twice") (result i32)
///           (i32.mul (call $answer) (i32.const 2))))
///       (core instance $i (instantiate $m
///         (with "" (instance (export "answer" (func $answer'))))))
///       (func (export "twice") (result u32) (canon lift (core func $i "twice"))))
/// "#)?;
/// let mut linker = Linker::<()>::new(&engine);
/// linker.root().func_new("answer", |_store, _params, results| {
///     results[0] = Val::U32(21);
///     Ok(())
/// })?;
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &component)?;
/// let twice = instance.get_func(&mut store, "twice").unwrap();
/// let mut results = [Val::Bool(false)];
/// twice.call(&mut store, &[], &mut results)?;
/// assert_eq!(results[0], Val::U32(42));
/// # }
/// # Ok::<(), linkspan::Error>(())
/// ```
pub struct Linker<T: 'static> {
    engine: core::Engine,
    names: Names,
    /// Which modules of bindings have put their interfaces here.
    linked: BTreeSet<(&'static str, &'static str)>,
    /// Of the stores that its definitions can be put into.
    _data: PhantomData<fn(T) -> T>,
}

/// Names of one level of a linker.
pub(crate) type Names = VersionedMap<Definition>;

/// What a name stands for.
#[derive(Clone)]
pub(crate) enum Definition {
    /// A function of the host.
    Host(Arc<dyn HostFunction>),
    /// A function of an instance.
    Guest(Arc<InstanceExport>, Func),
    /// A resource type, and what runs when a handle of the host's is dropped.
    Resource(ResourceType, Option<HostDtor>),
    /// A core module.
    Module(core::Module),
    /// A component.
    Component(Component),
    /// A value.
    Value(Arc<Val>),
    /// A set of names.
    Instance(Names),
}

impl Definition {
    /// The word for its kind.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Definition::Host(_) | Definition::Guest(..) => "func",
            Definition::Resource(..) => "resource",
            Definition::Module(_) => "core module",
            Definition::Component(_) => "component",
            Definition::Value(_) => "value",
            Definition::Instance(_) => "instance",
        }
    }
}

/// Refuses code that was made for another engine. Instances of a store nest
/// no deeper than plans do, and so do their definitions.
fn check_engine(engine: &core::Engine, definition: &Definition) -> Result<()> {
    let (what, other) = match definition {
        Definition::Module(module) => ("core module", module.engine()),
        Definition::Component(component) => ("component", component.engine()),
        Definition::Instance(names) => {
            return names.iter().try_for_each(|(name, inner)| {
                check_engine(engine, inner).map_err(|error| error.within(format!("{name:?}")))
            });
        }
        Definition::Host(_)
        | Definition::Guest(..)
        | Definition::Resource(..)
        | Definition::Value(_) => return Ok(()),
    };
    if core::Engine::same(engine, other) {
        return Ok(());
    }
    Err(Error::link(format!(
        "the {what} was made for another engine"
    )))
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    #[must_use]
    pub fn new(engine: &core::Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            names: Names::default(),
            linked: BTreeSet::new(),
            _data: PhantomData,
        }
    }

    /// The engine that the linker was made for.
    #[must_use]
    pub fn engine(&self) -> &core::Engine {
        &self.engine
    }

    /// The top level: functions and so on that a world imports by plain
    /// names.
    pub fn root(&mut self) -> LinkerInstance<'_, T> {
        LinkerInstance {
            engine: &self.engine,
            names: &mut self.names,
            _data: PhantomData,
        }
    }

    /// The definitions of one interface, made if there are none:
    /// `ns:pkg/iface@1.2.3`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name stands for
    /// something else than an instance.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        self.root().into_instance(name)
    }

    /// As [`Linker::instance`], for bindings that define the whole interface
    /// `name`: nothing if the same bindings, which `module` stands for, have
    /// done so before. Worlds that share an interface can thus be linked one
    /// after the other.
    ///
    /// # Errors
    ///
    /// As [`Linker::instance`].
    pub fn instance_once(
        &mut self,
        name: &'static str,
        module: &'static str,
    ) -> Result<Option<LinkerInstance<'_, T>>> {
        if !self.linked.contains(&(name, module)) {
            self.instance(name)?;
            self.linked.insert((name, module));
            return self.instance(name).map(Some);
        }
        Ok(None)
    }

    /// Compares what the component imports with what is defined, and reports
    /// on each import: by what it is satisfied, or what is wrong with it, all
    /// at once. What else would make [`Linker::instantiate_pre`] fail is
    /// reported as a problem of the component.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "wat")] {
    /// use linkspan::{Component, Engine, LinkState, Linker};
    ///
    /// let engine = Engine::default();
    /// let component = Component::new(&engine, r#"
    ///     (component
    ///       (import "acme:app/log@1.4.0" (instance
    ///         (export "write" (func (param "line" string)))
    ///         (export "flush" (func)))))
    /// "#)?;
    /// let mut linker = Linker::<()>::new(&engine);
    /// linker.instance("acme:app/log@1.0.0")?.func_new("write", |_, _, _| Ok(()))?;
    /// let report = linker.check(&component);
    /// let LinkState::Satisfied { by, track, .. } = &report.imports()[0].state else {
    ///     panic!("{report}");
    /// };
    /// assert_eq!(by.names(), ["acme:app/log@1.0.0", "write"]);
    /// assert_eq!(track.as_deref(), Some("1"));
    /// assert_eq!(report.imports()[1].state, LinkState::Missing);
    /// println!("{report}");
    /// # }
    /// # Ok::<(), linkspan::Error>(())
    /// ```
    #[must_use]
    pub fn check(&self, component: &Component) -> LinkReport {
        if let Err(error) = self.check_engine(component) {
            return LinkReport::of(&error);
        }
        let resolution = resolve(&self.names, component);
        let mut report = resolution.report;
        let prepared = resolution
            .resolved
            .map(|resolved| InstancePre::<T>::new(component, resolved));
        if let Some(Err(error)) = prepared {
            report.push_error(&error);
        }
        report
    }

    fn check_engine(&self, component: &Component) -> Result<()> {
        if core::Engine::same(&self.engine, component.engine()) {
            return Ok(());
        }
        Err(Error::link(
            "the component was made for another engine than the linker: clone one engine",
        ))
    }

    /// Links a component: finds and compares all names and types, once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) with all problems at once;
    /// [`Error::downcast_ref`] gives the [`LinkReport`]. Also
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if a core
    /// module needs what the engine does not have.
    pub fn instantiate_pre(&self, component: &Component) -> Result<InstancePre<T>> {
        self.check_engine(component)?;
        let resolution = resolve(&self.names, component);
        let resolved = resolution
            .resolved
            .ok_or_else(|| resolution.report.into_error())?;
        InstancePre::new(component, resolved)
    }

    /// Links and instantiates a component.
    ///
    /// # Errors
    ///
    /// As [`Linker::instantiate_pre`] and [`InstancePre::instantiate`].
    pub fn instantiate(
        &self,
        store: impl core::AsContextMut<Data = T, Extra = ComponentState>,
        component: &Component,
    ) -> Result<Instance> {
        self.instantiate_pre(component)?.instantiate(store)
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Linker {
            engine: self.engine.clone(),
            linked: self.linked.clone(),
            names: self.names.clone(),
            _data: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names.iter().map(|(name, item)| (name, item.kind()));
        f.debug_map().entries(names).finish()
    }
}

/// One level of a [`Linker`]: its root, or an interface.
pub struct LinkerInstance<'a, T: 'static> {
    engine: &'a core::Engine,
    names: &'a mut Names,
    _data: PhantomData<fn(T) -> T>,
}

impl<'a, T: 'static> LinkerInstance<'a, T> {
    /// Defines a function on dynamic values. It takes the type that a
    /// component imports it with.
    ///
    /// The results are preset with arbitrary values; set each of them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name is taken.
    pub fn func_new(
        &mut self,
        name: &str,
        func: impl Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.define(name, Definition::Host(Arc::new(DynamicFunc::new(func))))
    }

    /// Defines a resource type, and what happens when a guest drops a handle
    /// that owns one: `dtor` gets its representation. In one store a resource
    /// type has one destructor: components that are linked with another one
    /// are not instantiated there.
    ///
    /// For a resource whose values live in the store's
    /// [`ResourceTable`](crate::ResourceTable), use
    /// [`LinkerInstance::table_resource`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name is taken.
    pub fn resource(
        &mut self,
        name: &str,
        ty: ResourceType,
        dtor: impl Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.define(name, Definition::Resource(ty, Some(HostDtor::call(dtor))))
    }

    /// Defines a resource type whose values live in the store's
    /// [`ResourceTable`](crate::ResourceTable): dropping a handle that owns
    /// one takes the value out of the table and drops it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name is taken.
    pub fn table_resource(&mut self, name: &str, ty: ResourceType) -> Result<&mut Self> {
        self.define(name, Definition::Resource(ty, Some(HostDtor::Table)))
    }

    /// Defines a core module.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name is taken or
    /// the module was made for another engine.
    pub fn module(&mut self, name: &str, module: &core::Module) -> Result<&mut Self> {
        self.define(name, Definition::Module(module.clone()))
    }

    /// Defines a component.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name is taken or
    /// the component was made for another engine.
    pub fn component(&mut self, name: &str, component: &Component) -> Result<&mut Self> {
        self.define(name, Definition::Component(component.clone()))
    }

    /// Defines a value. It is compared with the type of the import when a
    /// component is linked. Handles in it belong to one store: the linker is
    /// then of use for that store alone, and a handle that owns its resource
    /// can be passed on once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name is taken.
    pub fn value(&mut self, name: &str, value: impl Into<Val>) -> Result<&mut Self> {
        self.define(name, Definition::Value(Arc::new(value.into())))
    }

    /// Defines `name` as what an instance of this store exports under
    /// `export`: a function, an interface, a resource type, a core module, a
    /// component or a value.
    /// Components that are linked so call each other directly; the linker is
    /// then of use for that store alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name is taken, there
    /// is no such export, or it holds a core module or a component of another
    /// engine than the linker's.
    pub fn reexport(
        &mut self,
        store: impl core::AsContext<Data = T, Extra = ComponentState>,
        name: &str,
        instance: &Instance,
        export: &str,
    ) -> Result<&mut Self> {
        let definition = instance.definition(store.as_context().extra(), export)?;
        self.define(name, definition)
    }

    /// Defines all that an instance of this store exports, each under its own
    /// name: the components that are linked afterwards import it. Types that
    /// are no resources have no run-time part and need no definition.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::reexport`].
    pub fn reexport_all(
        &mut self,
        store: impl core::AsContext<Data = T, Extra = ComponentState>,
        instance: &Instance,
    ) -> Result<&mut Self> {
        for (name, definition) in instance.definitions(store.as_context().extra())? {
            self.define(&name, definition)?;
        }
        Ok(self)
    }

    /// The definitions of an instance inside this one, made if there are
    /// none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name stands for
    /// something else than an instance.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        LinkerInstance {
            engine: self.engine,
            names: self.names,
            _data: PhantomData,
        }
        .into_instance(name)
    }

    fn into_instance(self, name: &str) -> Result<LinkerInstance<'a, T>> {
        if self.names.get_exact(name).is_none() {
            self.names
                .insert(name, Definition::Instance(Names::default()));
        }
        match self.names.get_exact_mut(name) {
            Some(Definition::Instance(names)) => Ok(LinkerInstance {
                engine: self.engine,
                names,
                _data: PhantomData,
            }),
            Some(other) => Err(Error::link(format!(
                "expected an instance, found a {} of that name",
                other.kind()
            ))
            .within(format!("{name:?}"))),
            None => Err(Error::inconsistent("a name that was just defined")),
        }
    }

    /// Defines a name.
    pub(crate) fn define(&mut self, name: &str, definition: Definition) -> Result<&mut Self> {
        if let Some(known) = self.names.get_exact(name) {
            return Err(Error::link(format!(
                "the name is defined already, as a {}",
                known.kind()
            ))
            .within(format!("{name:?}")));
        }
        check_engine(self.engine, &definition)
            .map_err(|error| error.within(format!("{name:?}")))?;
        self.names.insert(name, definition);
        Ok(self)
    }
}

impl<T> fmt::Debug for LinkerInstance<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names.iter().map(|(name, item)| (name, item.kind()));
        f.debug_map().entries(names).finish()
    }
}
