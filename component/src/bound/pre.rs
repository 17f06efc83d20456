//! Prepared components, and guests together with the store that they live in.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use linkspan_canon_abi::{LiftOwned, Lower};
use linkspan_engine as core;

use super::export::{self, Found};
use super::{Access, Bindings};
use crate::component::Component;
use crate::error::{Error, Result};
use crate::func::{Func, typed};
use crate::instance::{Instance, InstancePre};
use crate::linker::Linker;
use crate::store::{ComponentState, OpaqueStore, Store, StoreContext, StoreContextMut};

/// A component that was linked for the bindings `B`, with all its exports found
/// and all types compared. Cloning shares it.
///
/// ```text
/// let pre = HelloPre::new(&component, &linker)?;   // once: all names and types
/// let mut hello = pre.instantiate(host)?;          // a guest in a store of its own
/// let exports = pre.instantiate_in(&mut store)?;   // a guest in a store of yours
/// exports.on(&mut store).greet("hi")?;
/// ```
pub struct Pre<B: Bindings> {
    pre: InstancePre<B::Host>,
    found: Arc<Found>,
}

impl<B: Bindings> Pre<B> {
    /// Links a component and checks everything that the world exports.
    ///
    /// The linker defines what the component imports; [`Bindings::link`] puts
    /// the host's part of the world into it.
    ///
    /// # Errors
    ///
    /// As [`Linker::instantiate_pre`], and
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) with all exports that are
    /// missing or of another type.
    pub fn new(component: &Component, linker: &Linker<B::Host>) -> Result<Self> {
        let pre = linker.instantiate_pre(component)?;
        let found = export::find(pre.code(), B::EXPORTS, &|id| pre.imported_resource(id))
            .map_err(|error| error.within(format!("world {}", B::WORLD)))?;
        Ok(Self {
            pre,
            found: Arc::new(found),
        })
    }

    /// A new guest in a new store that holds `host`.
    ///
    /// # Errors
    ///
    /// As [`InstancePre::instantiate`].
    pub fn instantiate(&self, host: B::Host) -> Result<B> {
        let mut store = Store::new(self.pre.component().engine(), host);
        let exports = self.bind(&mut store)?;
        Ok(B::from_bound(exports.on(store)))
    }

    /// A new guest in a store that there is already.
    ///
    /// # Errors
    ///
    /// As [`InstancePre::instantiate`].
    pub fn instantiate_in(&self, mut store: impl Access<B::Host>) -> Result<B::Exports> {
        self.bind(&mut store).map(B::exports)
    }

    fn bind(&self, store: &mut impl Access<B::Host>) -> Result<Exports> {
        let instance = self.pre.instantiate(&mut *store)?;
        Exports::bind(&mut store.as_context_mut().opaque(), instance, &self.found)
    }
}

impl<B: Bindings> Clone for Pre<B> {
    fn clone(&self) -> Self {
        Self {
            pre: self.pre.clone(),
            found: Arc::clone(&self.found),
        }
    }
}

impl<B: Bindings> fmt::Debug for Pre<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pre")
            .field("world", &B::WORLD)
            .field("component", self.pre.component())
            .finish_non_exhaustive()
    }
}

/// The exports of a guest by position: an index into a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exports {
    instance: Instance,
    state: u64,
    /// The exported functions stand side by side in the store.
    first: u32,
    count: u32,
    /// Where it stands which of them there are, if not all are: an index into the store.
    sparse: u32,
}

/// All exports are there.
const DENSE: u32 = u32::MAX;
/// An export is not there.
const ABSENT: u32 = u32::MAX;

impl Exports {
    fn bind(store: &mut OpaqueStore<'_>, instance: Instance, found: &Found) -> Result<Self> {
        let mut lifts = Vec::with_capacity(found.funcs.len());
        let mut places = Vec::with_capacity(found.funcs.len());
        for found in &found.funcs {
            let Some(found) = found else {
                places.push(ABSENT);
                continue;
            };
            let func = match (found.lift, &found.path) {
                (Some(lift), _) => instance.lifted_func(store.extra(), lift).ok(),
                (None, (Some(interface), name)) => {
                    instance.get_func(&*store, (&**interface, &**name))
                }
                (None, (None, name)) => instance.get_func(&*store, &**name),
            };
            let func = func.ok_or_else(|| {
                let name = &found.path.1;
                Error::unsupported(format!(
                    "calling the export {name:?}, an import passed on, is"
                ))
            })?;
            places.push(u32::try_from(lifts.len()).unwrap_or(ABSENT));
            lifts.push(*func.lifted(store.extra())?);
        }
        let state = store.extra_mut();
        for (key, resource) in &found.keys {
            instance.state_mut(state)?.add_key(*key, *resource);
        }
        let too_many = || Error::limit("the store holds too many functions");
        let first = u32::try_from(state.lifts.len()).map_err(|_| too_many())?;
        let count = u32::try_from(found.funcs.len()).map_err(|_| too_many())?;
        first.checked_add(count).ok_or_else(too_many)?;
        let mut sparse = DENSE;
        if lifts.len() < places.len() {
            sparse = u32::try_from(state.sparse_exports.len()).map_err(|_| too_many())?;
            state.sparse_exports.push(places.into());
        }
        state.lifts.extend(lifts);
        Ok(Self {
            instance,
            state: state.id,
            first,
            count,
            sparse,
        })
    }

    /// The guest, with the store that it lives in.
    pub fn on<H: 'static, S: Access<H>>(self, store: S) -> Bound<H, S> {
        Bound {
            store,
            exports: self,
            _host: PhantomData,
        }
    }

    /// The instance whose exports they are.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.instance
    }

    /// The export at a position; `None` if the guest lacks it and may lack it.
    #[inline]
    fn func(&self, state: &ComponentState, index: u32) -> Result<Option<Func>> {
        if index >= self.count {
            return Err(Error::inconsistent(
                "a world has fewer exports than are called",
            ));
        }
        let mut place = index;
        // Another store tells so when the function is called.
        if self.sparse != DENSE && state.id == self.state {
            let places = state.sparse_exports.get(self.sparse as usize);
            place = places.map_or(ABSENT, |places| places[index as usize]);
            if place == ABSENT {
                return Ok(None);
            }
        }
        Ok(Some(Func::new(self.state, self.first + place)))
    }
}

/// A guest with the store that it lives in, or with a borrow of it.
pub struct Bound<H: 'static, S = Store<H>> {
    store: S,
    exports: Exports,
    _host: PhantomData<fn() -> H>,
}

impl<H: 'static, S: Access<H>> Bound<H, S> {
    /// Calls the export at a position of the world's table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Trap`](crate::ErrorKind::Trap) if the guest traps or has
    /// trapped before, and what host functions fail with.
    #[inline]
    pub fn call<P: Lower, R: LiftOwned>(&mut self, index: u32, params: P) -> Result<R> {
        let store = self.store.as_context_mut();
        match self.exports.func(store.extra(), index)? {
            Some(func) => typed::call(&mut store.opaque(), func, &params),
            None => Err(Error::link(
                "the guest lacks this export, which is optional",
            )),
        }
    }

    /// As [`Bound::call`], for an export that the guest may lack: `None` if it does.
    ///
    /// # Errors
    ///
    /// As [`Bound::call`].
    #[inline]
    pub fn call_optional<P: Lower, R: LiftOwned>(
        &mut self,
        index: u32,
        params: P,
    ) -> Result<Option<R>> {
        let store = self.store.as_context_mut();
        match self.exports.func(store.extra(), index)? {
            Some(func) => typed::call(&mut store.opaque(), func, &params).map(Some),
            None => Ok(None),
        }
    }

    /// Whether the guest has any of the exports at these positions.
    pub fn has(&self, mut positions: Range<u32>) -> bool {
        let store = self.store.as_context();
        let state = store.extra();
        positions.any(|index| matches!(self.exports.func(state, index), Ok(Some(_))))
    }
}

impl<H: 'static, S> Bound<H, S> {
    /// How the store is reached.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// How the store is reached.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Ends the guest, but for what the store still holds of it.
    pub fn into_store(self) -> S {
        self.store
    }

    /// The exports without the store.
    pub fn exports(&self) -> Exports {
        self.exports
    }
}

impl<H: 'static, S: Access<H>> core::AsContext for Bound<H, S> {
    type Data = H;
    type Extra = ComponentState;

    fn as_context(&self) -> StoreContext<'_, H> {
        self.store.as_context()
    }
}

impl<H: 'static, S: Access<H>> core::AsContextMut for Bound<H, S> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, H> {
        self.store.as_context_mut()
    }
}

impl<H: 'static, S> fmt::Debug for Bound<H, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("exports", &self.exports)
            .finish_non_exhaustive()
    }
}
