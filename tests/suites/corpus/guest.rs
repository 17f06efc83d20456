//! A real guest, instantiated, and called by the plain names of its functions.

use std::path::Path;

use linkspan::types::{Func as FuncType, Item};
use linkspan::{Component, Engine, Error, Instance, Linker, Store, Trap, Val};
use linkspan_script::{Mode, Options};
use linkspan_tests::notation::{self, Node};

/// A guest and everything that a call into it needs.
pub(crate) struct Guest<T: 'static> {
    component: Component,
    pub(crate) store: Store<T>,
    instance: Instance,
}

/// An engine that runs guests in `mode`.
pub(crate) fn engine(mode: Mode) -> Result<Engine, Error> {
    let options = Options {
        mode,
        ..Options::default()
    };
    Ok(Engine::new(&options.config())?)
}

impl<T: 'static> Guest<T> {
    /// Loads and instantiates the component at `path`.
    pub(crate) fn load(path: &Path, linker: &Linker<T>, data: T) -> Result<Guest<T>, Error> {
        Guest::load_in(Store::new(linker.engine(), data), path, linker)
    }

    /// As [`Guest::load`], in a store that exists.
    pub(crate) fn load_in(
        mut store: Store<T>,
        path: &Path,
        linker: &Linker<T>,
    ) -> Result<Guest<T>, Error> {
        let component = Component::from_file(linker.engine(), path)?;
        let instance = linker.instantiate(&mut store, &component)?;
        Ok(Guest {
            component,
            store,
            instance,
        })
    }

    /// The type of the function `name`, wherever it is exported.
    pub(crate) fn func_type(&self, name: &str) -> Result<FuncType<'_>, Error> {
        self.find(name).map(|(_, ty)| ty)
    }

    fn find(&self, name: &str) -> Result<(&str, FuncType<'_>), Error> {
        for (interface, item) in self.component.exports().iter() {
            if let Item::Instance(items) = item
                && let Some(Item::Func(ty)) = items.get(name)
            {
                return Ok((interface, ty));
            }
        }
        Err(Error::msg(format!(
            "the guest exports no function {name:?}"
        )))
    }

    /// Calls the function `name`; what it returns, if it returns something.
    pub(crate) fn call(&mut self, name: &str, arguments: &[Val]) -> Result<Option<Val>, Error> {
        let (interface, ty) = self.find(name)?;
        let mut results = vec![Val::Bool(false); usize::from(ty.result().is_some())];
        let interface = interface.to_owned();
        let func = self
            .instance
            .get_func(&mut self.store, (interface.as_str(), name));
        let func = func.ok_or_else(|| Error::msg(format!("no function {name:?}")))?;
        func.call(&mut self.store, arguments, &mut results)?;
        Ok(results.pop())
    }

    /// Calls a function that returns something.
    pub(crate) fn value(&mut self, name: &str, arguments: &[Val]) -> Result<Val, Error> {
        let value = self.call(name, arguments)?;
        value.ok_or_else(|| Error::msg(format!("{name:?} returned nothing")))
    }

    /// Makes the call that a line of an expectation writes down and compares
    /// the values.
    pub(crate) fn play(&mut self, line: &str) -> Result<(), String> {
        let (name, nodes, expected) = notation::read_call(line)?;
        let ty = self.func_type(&name).map_err(|error| error.to_string())?;
        let pairs = nodes.iter().zip(ty.params());
        let arguments: Result<Vec<Val>, String> = pairs
            .map(|(node, (_, ty))| notation::typed(node, ty))
            .collect();
        let wanted = ty
            .result()
            .map(|ty| notation::typed(&expected, ty))
            .transpose();
        match (&expected, self.call(&name, &arguments?)) {
            (Node::Text(text), Err(error)) if text.starts_with("TRAP") => match error.trap() {
                Some(Trap::Unreachable) => Ok(()),
                other => Err(format!(
                    "expected the trap unreachable, found {other:?}: {error}"
                )),
            },
            (_, Err(error)) => Err(format!("expected {expected:?}, found the error: {error:#}")),
            (_, Ok(found)) => match wanted? {
                wanted if wanted == found => Ok(()),
                wanted => Err(format!("{name}: expected {wanted:?}, found {found:?}")),
            },
        }
    }
}
