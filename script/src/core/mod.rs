//! The core modules of a script: definitions, instances in one store, names
//! under which later modules import them, and calls.

mod floats;
mod spectest;
mod values;
mod vectors;

use std::collections::BTreeMap;

use linkspan_engine::{
    Engine, Error, Extern, Instance, Memory, Module, Proposal, SharedMemory, Store, Val,
};
use wast::{WastArg, WastInvoke, WastRet};

use self::values::Seen;
use crate::session::{Mismatch, Outcome};
use crate::watchdog::Watchdog;

/// All core modules of one script.
pub(crate) struct Modules {
    store: Store<()>,
    definitions: BTreeMap<String, Module>,
    latest_definition: Option<Module>,
    instances: BTreeMap<String, Exports>,
    /// The instance that directives without a name are about; none after a
    /// module that failed, so that nothing is asked of an older one.
    current: Option<Instance>,
    registered: BTreeMap<String, Exports>,
    spectest: BTreeMap<&'static str, Extern>,
}

/// What the name of an instance stands for.
#[derive(Clone)]
enum Exports {
    /// An instance of this thread.
    Own(Instance),
    /// What this thread got of another thread's instance.
    Shared(BTreeMap<String, Memory>),
}

/// The shared memories that an instance exports, for another thread.
pub(crate) type Shared = Vec<(String, SharedMemory)>;

impl Modules {
    pub(crate) fn new(engine: &Engine) -> Result<Modules, Error> {
        let mut store = Store::new(engine, ());
        let spectest = spectest::define(&mut store, engine.has(Proposal::Threads))?;
        Ok(Modules {
            store,
            definitions: BTreeMap::new(),
            latest_definition: None,
            instances: BTreeMap::new(),
            current: None,
            registered: BTreeMap::new(),
            spectest,
        })
    }

    /// Checks that `bytes` are a valid module.
    pub(crate) fn validate(engine: &Engine, bytes: &[u8]) -> Outcome<()> {
        Module::from_binary(engine, bytes).map(drop).map_err(text)
    }

    /// Makes `bytes` the latest definition, and the one called `name`.
    pub(crate) fn define(
        &mut self,
        engine: &Engine,
        name: Option<&str>,
        bytes: &[u8],
    ) -> Outcome<()> {
        self.current = None;
        self.latest_definition = None;
        let module = Module::from_binary(engine, bytes).map_err(text)?;
        if let Some(name) = name {
            self.definitions.insert(name.to_owned(), module.clone());
        }
        self.latest_definition = Some(module);
        Ok(())
    }

    /// Makes an instance of a definition the current one, and the one called
    /// `name`.
    pub(crate) fn instantiate(
        &mut self,
        watchdog: &Watchdog,
        name: Option<&str>,
        definition: Option<&str>,
    ) -> Outcome<()> {
        self.current = None;
        let module = match definition {
            Some(name) => self.definitions.get(name),
            None => self.latest_definition.as_ref(),
        };
        let module = module.cloned().ok_or("no definition to instantiate")?;
        let instance = self.link(watchdog, &module)?;
        if let Some(name) = name {
            self.instances
                .insert(name.to_owned(), Exports::Own(instance));
        }
        self.current = Some(instance);
        Ok(())
    }

    /// Instantiates `bytes` and forgets the instance.
    pub(crate) fn try_out(
        &mut self,
        engine: &Engine,
        watchdog: &Watchdog,
        bytes: &[u8],
    ) -> Outcome<()> {
        let module = Module::from_binary(engine, bytes).map_err(text)?;
        self.link(watchdog, &module).map(drop)
    }

    fn link(&mut self, watchdog: &Watchdog, module: &Module) -> Outcome<Instance> {
        let mut imports = Vec::new();
        for import in module.imports() {
            let (from, name) = (import.module, import.name);
            let found = match self.registered.get(from) {
                Some(Exports::Own(instance)) => instance.get_export(&self.store, name),
                Some(Exports::Shared(memories)) => memories.get(name).copied().map(Extern::Memory),
                None if from == "spectest" => self.spectest.get(name).copied(),
                None => None,
            };
            imports.push(found.ok_or_else(|| format!("unknown import {from:?} {name:?}"))?);
        }
        let handle = self.store.interrupt_handle();
        let linked = watchdog.watch(handle, || Instance::new(&mut self.store, module, &imports));
        linked.map_err(text)
    }

    /// Lets later modules import an instance's exports from `name`.
    pub(crate) fn register(&mut self, name: &str, instance: Option<&str>) -> Outcome<()> {
        let exports = match instance {
            Some(instance) => self.instances.get(instance).cloned(),
            None => self.current.map(Exports::Own),
        };
        let exports = exports.ok_or("no instance, or the latest module failed")?;
        self.registered.insert(name.to_owned(), exports);
        Ok(())
    }

    /// What the instance called `name` has for other threads.
    pub(crate) fn share(&self, name: &str) -> Outcome<Shared> {
        let instance = self.instance(Some(name))?;
        let mut shared = Vec::new();
        for (name, export) in instance.exports(&self.store) {
            let Extern::Memory(memory) = export else {
                continue;
            };
            if let Some(memory) = memory.shared(&self.store).map_err(text)? {
                shared.push((name.to_owned(), memory));
            }
        }
        Ok(shared)
    }

    /// Makes what another thread shared the exports of the instance `name`.
    pub(crate) fn adopt(&mut self, name: &str, shared: &Shared) -> Outcome<()> {
        let mut memories = BTreeMap::new();
        for (export, memory) in shared {
            let memory = Memory::from_shared(&mut self.store, memory).map_err(text)?;
            memories.insert(export.clone(), memory);
        }
        let exports = Exports::Shared(memories);
        self.instances.insert(name.to_owned(), exports);
        Ok(())
    }

    /// Calls an exported function.
    pub(crate) fn invoke(
        &mut self,
        watchdog: &Watchdog,
        invoke: &WastInvoke<'_>,
    ) -> Outcome<Vec<Seen>> {
        let instance = self.instance(invoke.module.map(|id| id.name()))?;
        let func = instance.get_func(&self.store, invoke.name);
        let func = func.ok_or_else(|| format!("no function {:?}", invoke.name))?;
        let count = func.ty(&self.store).map_err(text)?.results().len();
        let mut results = vec![Val::I32(0); count];
        let handle = self.store.interrupt_handle();
        self.store.scope(|store| {
            let mut arguments = Vec::new();
            for argument in &invoke.args {
                let WastArg::Core(argument) = argument else {
                    return Err("a component's value as argument of a core function".to_owned());
                };
                arguments.push(values::argument(store, argument)?);
            }
            let called =
                watchdog.watch(handle, || func.call(&mut *store, &arguments, &mut results));
            called.map_err(text)?;
            results
                .iter()
                .map(|value| values::look(store, value))
                .collect()
        })
    }

    /// Reads an exported global.
    pub(crate) fn global(&mut self, instance: Option<&str>, name: &str) -> Outcome<Seen> {
        let instance = self.instance(instance)?;
        let global = instance.get_global(&self.store, name);
        let global = global.ok_or_else(|| format!("no global {name:?}"))?;
        self.store.scope(|store| {
            let value = global.get(&mut *store).map_err(text)?;
            values::look(store, &value)
        })
    }

    /// Compares what a call or a global answered with what is expected.
    pub(crate) fn compare(expected: &[WastRet<'_>], found: &[Seen]) -> Result<(), Mismatch> {
        let mut wanted = Vec::new();
        for expected in expected {
            match expected {
                WastRet::Core(expected) => wanted.push(expected),
                _ => {
                    return Err(Mismatch::new(
                        "a component's value",
                        values::show_all(found),
                    ));
                }
            }
        }
        let same = wanted.len() == found.len()
            && wanted
                .iter()
                .zip(found)
                .all(|(expected, found)| values::matches(expected, *found));
        if same {
            Ok(())
        } else {
            let wanted: Vec<_> = wanted.into_iter().map(values::show_expected).collect();
            Err(Mismatch::new(
                format!("[{}]", wanted.join(" ")),
                values::show_all(found),
            ))
        }
    }

    fn instance(&self, name: Option<&str>) -> Outcome<Instance> {
        let Some(name) = name else {
            return self
                .current
                .ok_or_else(|| "no instance: the latest module failed".to_owned());
        };
        match self.instances.get(name) {
            Some(Exports::Own(instance)) => Ok(*instance),
            Some(Exports::Shared(_)) => Err(format!("${name} is an instance of another thread")),
            None => Err(format!("no instance ${name}")),
        }
    }
}

/// An error as a script sees it: a trap is its text alone.
fn text(error: Error) -> String {
    match error.trap() {
        Some(trap) => trap.text().to_owned(),
        None => error.to_string(),
    }
}
