//! The components of a script: definitions, instances, and calls.
//!
//! Every instance lives in a store of its own: a trap in one says nothing about
//! another.

mod values;

use std::collections::BTreeMap;

use linkspan::types::{Func, Item};
use linkspan::{Component, Engine, Error, Instance, Linker, Store, Val};
use wast::{WastArg, WastInvoke, WastRet};

use crate::session::{Mismatch, Outcome};
use crate::watchdog::Watchdog;

/// All components of one script.
pub(crate) struct Components {
    engine: Engine,
    definitions: BTreeMap<String, Component>,
    latest_definition: Option<Component>,
    live: Vec<Live>,
    /// Positions in `live` by the names of instances.
    names: BTreeMap<String, usize>,
    /// The instance that directives without a name are about; none after a
    /// component that failed, so that nothing is asked of an older one.
    current: Option<usize>,
}

struct Live {
    component: Component,
    store: Store<()>,
    instance: Instance,
}

impl Components {
    pub(crate) fn new(engine: &Engine) -> Components {
        Components {
            engine: engine.clone(),
            definitions: BTreeMap::new(),
            latest_definition: None,
            live: Vec::new(),
            names: BTreeMap::new(),
            current: None,
        }
    }

    /// Whether a component is called `name`.
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.definitions.contains_key(name)
    }

    /// Whether an instance of a component is called `name`.
    pub(crate) fn instantiates(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Checks that `bytes` are a valid component.
    pub(crate) fn validate(&self, bytes: &[u8]) -> Outcome<()> {
        Component::from_binary(&self.engine, bytes)
            .map(drop)
            .map_err(text)
    }

    /// Makes `bytes` the latest definition, and the one called `name`.
    pub(crate) fn define(&mut self, name: Option<&str>, bytes: &[u8]) -> Outcome<()> {
        self.current = None;
        self.latest_definition = None;
        let component = Component::from_binary(&self.engine, bytes).map_err(text)?;
        if let Some(name) = name {
            self.definitions.insert(name.to_owned(), component.clone());
        }
        self.latest_definition = Some(component);
        Ok(())
    }

    /// Forgets which instance is called `name`: another component has taken
    /// the name, and an instance of it is made when it is called.
    pub(crate) fn release(&mut self, name: &str) {
        self.names.remove(name);
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
        let component = match definition {
            Some(name) => self.definitions.get(name),
            None => self.latest_definition.as_ref(),
        };
        let component = component.cloned().ok_or("no definition to instantiate")?;
        let live = self.link(watchdog, component)?;
        let position = self.live.len();
        self.live.push(live);
        if let Some(name) = name {
            self.names.insert(name.to_owned(), position);
        }
        self.current = Some(position);
        Ok(())
    }

    /// Makes an instance of the definition called `name`, or of the latest one,
    /// unless there is one.
    pub(crate) fn ensure(&mut self, watchdog: &Watchdog, name: Option<&str>) -> Outcome<()> {
        let known = match name {
            Some(name) => self.instantiates(name),
            None => self.current.is_some(),
        };
        if known {
            return Ok(());
        }
        self.instantiate(watchdog, name, name)
    }

    /// Instantiates `bytes` and forgets the instance.
    pub(crate) fn try_out(&self, watchdog: &Watchdog, bytes: &[u8]) -> Outcome<()> {
        let component = Component::from_binary(&self.engine, bytes).map_err(text)?;
        self.link(watchdog, component).map(drop)
    }

    /// Scripts of the specification import nothing: a component that does is
    /// told what is missing.
    fn link(&self, watchdog: &Watchdog, component: Component) -> Outcome<Live> {
        let linker = Linker::new(&self.engine);
        let mut store = Store::new(&self.engine, ());
        let handle = store.interrupt_handle();
        let linked = watchdog.watch(handle, || linker.instantiate(&mut store, &component));
        let instance = linked.map_err(text)?;
        Ok(Live {
            component,
            store,
            instance,
        })
    }

    /// Calls an exported function; what it returns, if it returns something.
    pub(crate) fn invoke(
        &mut self,
        watchdog: &Watchdog,
        invoke: &WastInvoke<'_>,
    ) -> Outcome<Option<Val>> {
        let live = self.live(invoke)?;
        let ty = live.func_type(invoke.name)?;
        if ty.params().len() != invoke.args.len() {
            return Err(format!("{} arguments for {ty}", invoke.args.len()));
        }
        let mut arguments = Vec::new();
        for (argument, (_, ty)) in invoke.args.iter().zip(ty.params()) {
            arguments.push(match argument {
                WastArg::Component(argument) => values::value(argument, ty)?,
                _ => return Err("a core value as argument of a component's function".to_owned()),
            });
        }
        let mut results = vec![Val::Bool(false); usize::from(ty.result().is_some())];
        let live = self.live_mut(invoke)?;
        let func = live.instance.get_func(&mut live.store, invoke.name);
        let func = func.ok_or_else(|| format!("no function {:?}", invoke.name))?;
        let handle = live.store.interrupt_handle();
        let store = &mut live.store;
        let called = watchdog.watch(handle, || func.call(store, &arguments, &mut results));
        called.map_err(text)?;
        Ok(results.pop())
    }

    /// Compares what a call returned with what is expected.
    pub(crate) fn compare(
        &self,
        invoke: &WastInvoke<'_>,
        expected: &[WastRet<'_>],
        found: Option<&Val>,
    ) -> Result<(), Mismatch> {
        let show = |value: Option<&Val>| value.map_or("nothing".to_owned(), |v| format!("{v:?}"));
        let ty = self
            .live(invoke)
            .and_then(|live| live.func_type(invoke.name));
        let ty = ty.map_err(|text| Mismatch::new("a function", text))?;
        let expected = match (expected, ty.result()) {
            ([], _) => None,
            ([WastRet::Component(expected)], Some(ty)) => {
                let value = values::value(expected, ty);
                Some(value.map_err(|text| Mismatch::new(text, show(found)))?)
            }
            _ => return Err(Mismatch::new(format!("{expected:?}"), show(found))),
        };
        let same = match (&expected, found) {
            (Some(expected), Some(found)) => values::identical(expected, found),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if same {
            Ok(())
        } else {
            Err(Mismatch::new(show(expected.as_ref()), show(found)))
        }
    }

    fn position(&self, invoke: &WastInvoke<'_>) -> Outcome<usize> {
        match invoke.module {
            Some(id) => self
                .names
                .get(id.name())
                .copied()
                .ok_or_else(|| format!("no instance ${}", id.name())),
            None => self
                .current
                .ok_or_else(|| "no instance: the latest component failed".to_owned()),
        }
    }

    fn live(&self, invoke: &WastInvoke<'_>) -> Outcome<&Live> {
        let position = self.position(invoke)?;
        self.live
            .get(position)
            .ok_or_else(|| "no instance".to_owned())
    }

    fn live_mut(&mut self, invoke: &WastInvoke<'_>) -> Outcome<&mut Live> {
        let position = self.position(invoke)?;
        self.live
            .get_mut(position)
            .ok_or_else(|| "no instance".to_owned())
    }
}

impl Live {
    fn func_type(&self, name: &str) -> Outcome<Func<'_>> {
        match self.component.exports().get(name) {
            Some(Item::Func(ty)) => Ok(ty),
            _ => Err(format!("no function {name:?}")),
        }
    }
}

/// An error as a script sees it: with its causes, which hold the texts of
/// traps.
fn text(error: Error) -> String {
    error.to_string()
}
