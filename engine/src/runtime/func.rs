//! Functions: the handle, calls with values of any type, raw calls on a
//! window, and calls that may suspend.

use core::fmt;
use core::ptr::NonNull;
use core::slice;

use super::activation::{ActivationId, Progress};
use super::driver;
use super::host::{
    Answer, Caller, HostCall, HostFunc, HostFuncData, HostTemplate, IntoHostFunc, raw_func_ref,
};
use super::instance::InstanceData;
use super::store::{
    AsContext, AsContextMut, Store, StoreContextMut, StoreCore, StoreId, wrong_store,
};
use super::typed::{TypedFunc, WasmParams, WasmResults};
use super::value::Val;
use super::vmctx::{FuncDef, HostStatus, Slot};
use crate::error::{Error, Result};
use crate::types::{FuncType, FuncTypeRef, ValType};

/// A function of a store: one that a guest defines, or one of the host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Func {
    store: StoreId,
    def: NonNull<FuncDef>,
}

// SAFETY: the pointer is followed only after the id was compared with that
// of a store which the caller has borrowed; definitions live as long as
// their store.
unsafe impl Send for Func {}
// SAFETY: as above.
unsafe impl Sync for Func {}

impl Func {
    /// # Safety
    ///
    /// `def` must be a definition of store `store` that lives as long as it,
    /// with a pointer to the whole block that it starts.
    pub(crate) unsafe fn from_def(store: StoreId, def: NonNull<FuncDef>) -> Func {
        Func { store, def }
    }

    /// The definition, for the store that it belongs to.
    #[inline]
    pub(crate) fn def_in(self, id: StoreId) -> Result<NonNull<FuncDef>> {
        if id == self.store {
            Ok(self.def)
        } else {
            Err(wrong_store("function"))
        }
    }

    /// A host function from a closure; see [`IntoHostFunc`] for the closures
    /// that will do.
    ///
    /// # Errors
    ///
    /// None that is known: every closure that is accepted has few parameters.
    pub fn wrap<C: AsContextMut, M, F>(mut store: C, function: F) -> Result<Func>
    where
        F: IntoHostFunc<C::Data, C::Extra, M>,
    {
        let mut store = store.as_context_mut();
        let template = HostTemplate::new(store.engine(), &F::func_type(), function.into_host())?;
        Ok(template.func(store.core_mut()))
    }

    /// A host function of any type, whose values the closure sees as [`Val`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if the type is too long.
    pub fn new<C: AsContextMut>(
        mut store: C,
        ty: FuncType,
        function: impl Fn(Caller<'_, C::Data, C::Extra>, &[Val], &mut [Val]) -> Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Result<Func> {
        let mut store = store.as_context_mut();
        let template = HostTemplate::new(store.engine(), &ty.clone(), Dynamic { ty, function })?;
        Ok(template.func(store.core_mut()))
    }

    /// A host function in its raw form.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if the type is too long, or if
    /// the function wants too many slots;
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the type has
    /// references.
    pub fn from_host<C: AsContextMut>(
        mut store: C,
        ty: &FuncType,
        function: impl HostFunc<C::Data, C::Extra>,
    ) -> Result<Func> {
        let mut store = store.as_context_mut();
        let template = HostTemplate::raw(store.engine(), ty, function)?;
        Ok(template.func(store.core_mut()))
    }

    /// The function's type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<FuncType> {
        let store = store.as_context();
        let def = self.def_in(store.core().id)?;
        // SAFETY: the definition belongs to the store, which is borrowed.
        Ok(unsafe { type_of(def) }.ty().clone())
    }

    /// Calls the function with values; `results` are overwritten.
    ///
    /// # Errors
    ///
    /// Whatever stopped the guest: a trap or an error of a host function,
    /// with a backtrace. [`ErrorKind::Usage`](crate::ErrorKind) if number or
    /// types of values are wrong or something belongs to another store.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        let id = store.core().id;
        let def = self.def_in(id)?;
        // SAFETY: the definition belongs to the store, which is borrowed.
        let ty = unsafe { type_of(def) };
        check_count("result", ty.results().len(), results.len())?;
        let ctx = store.ctx();
        // SAFETY: the store is borrowed for us alone; the window has room
        // for parameters and results, and the guest leaves results of the
        // function's type.
        unsafe {
            let base = driver::entry_window(ctx)?;
            write_vals(&*(*ctx).core, base, ty.params(), params)?;
            driver::invoke(ctx, base, def)?;
            let mut at = base.cast_const();
            for (result, ty) in results.iter_mut().zip(ty.results()) {
                *result = Val::load(at, *ty, &*(*ctx).core);
                at = at.add(ty.slots());
            }
        }
        Ok(())
    }

    /// Calls the function on its window: `write` puts the parameters into
    /// the slots, which have room for parameters and results; what comes
    /// back are the results. It is the cheapest call whose type is not known
    /// to Rust: no allocation, one comparison.
    ///
    /// An `i32` or `f32` stands in the lower half of its slot, and the upper
    /// half is ignored. A `v128` takes two slots, lane 0 lowest in the first.
    ///
    /// # Errors
    ///
    /// As for [`call`](Func::call), and
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the type has
    /// references.
    #[inline]
    pub fn call_raw<'s, C: AsContextMut>(
        &self,
        store: &'s mut C,
        write: impl FnOnce(&mut [u64]),
    ) -> Result<&'s [u64]> {
        let mut store = store.as_context_mut();
        let def = self.def_in(store.core().id)?;
        let ctx = store.ctx();
        // SAFETY: the store is borrowed for us alone, and stays so while the
        // results are; the window has `header_slot` slots, and numbers and
        // keys of the host are valid whatever they are.
        unsafe {
            if def.as_ref().has_refs {
                return Err(raw_func_ref());
            }
            let base = driver::entry_window(ctx)?;
            let slots = def.as_ref().header_slot();
            write(slice::from_raw_parts_mut(base, slots));
            driver::invoke(ctx, base, def)?;
            let count = usize::from(def.as_ref().result_slots);
            Ok(slice::from_raw_parts(base, count))
        }
    }

    /// Compares the function's type with Rust types, for faster calls.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the types do not match or
    /// the function belongs to another store.
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<P, R>> {
        let store = store.as_context();
        let def = self.def_in(store.core().id)?;
        // SAFETY: the definition belongs to the store, which is borrowed.
        TypedFunc::new(*self, unsafe { type_of(def) }.ty(), store.engine())
    }

    /// Calls the function on an activation of its own, so that a host
    /// function that it reaches may answer [`Answer::Pending`].
    ///
    /// # Errors
    ///
    /// As for [`call`](Func::call);
    /// [`ErrorKind::Limit`](crate::ErrorKind) if there are too many
    /// activations.
    pub fn start(&self, mut store: impl AsContextMut, params: &[Val]) -> Result<Progress> {
        let mut store = store.as_context_mut();
        let id = store.core().id;
        let def = self.def_in(id)?;
        // SAFETY: the definition belongs to the store, which is borrowed.
        let ty = unsafe { type_of(def) }.clone();
        let ctx = store.ctx();
        // SAFETY: the store is borrowed for us alone; `write` and `read` get
        // a window of this function.
        let done = unsafe {
            driver::start(
                ctx,
                def,
                |window| write_vals(&*(*ctx).core, window, ty.params(), params),
                |window| read_vals(&*(*ctx).core, window, ty.results()),
            )
        };
        Ok(match done? {
            Ok(results) => Progress::Done(results),
            Err(activation) => Progress::Pending(activation),
        })
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Func({:?})", self.store)
    }
}

impl<T, X> Store<T, X> {
    /// Goes on with a parked call; `results` are those of the host function
    /// that answered [`Answer::Pending`].
    ///
    /// # Errors
    ///
    /// As for [`Func::call`]; [`ErrorKind::Usage`](crate::ErrorKind) if the
    /// activation does not wait, or if the results have other types: then it
    /// waits on.
    pub fn resume(&mut self, activation: ActivationId, results: &[Val]) -> Result<Progress> {
        self.as_context_mut().resume(activation, results)
    }

    /// Ends a parked call without going on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the activation does not
    /// wait.
    pub fn abandon(&mut self, activation: ActivationId) -> Result<()> {
        self.as_context_mut().abandon(activation)
    }
}

impl<T, X> StoreContextMut<'_, T, X> {
    /// See [`Store::resume`].
    ///
    /// # Errors
    ///
    /// Those of [`Store::resume`].
    pub fn resume(&mut self, activation: ActivationId, results: &[Val]) -> Result<Progress> {
        let ctx = self.ctx();
        // SAFETY: the store is borrowed for us alone; `write` and `read` get
        // definitions of this store with their windows.
        let done = unsafe {
            driver::resume(
                ctx,
                activation,
                |host, window| {
                    write_vals(&*(*ctx).core, window, type_of(host).results(), results)?;
                    Ok(HostStatus::Done)
                },
                |func, window| read_vals(&*(*ctx).core, window, type_of(func).results()),
            )
        };
        Ok(match done? {
            Ok(results) => Progress::Done(results),
            Err(activation) => Progress::Pending(activation),
        })
    }

    /// See [`Store::abandon`].
    ///
    /// # Errors
    ///
    /// Those of [`Store::abandon`].
    pub fn abandon(&mut self, activation: ActivationId) -> Result<()> {
        let core = self.core_mut();
        core.activations.parked(core.id, activation)?;
        core.activations.close(activation, core.engine.stacks())
    }
}

/// The type of a definition.
///
/// # Safety
///
/// `def` must be live for `'a`, with a pointer to the whole block that it
/// starts.
pub(crate) unsafe fn type_of<'a>(def: NonNull<FuncDef>) -> &'a FuncTypeRef {
    // SAFETY: passed on to the caller; the definition of a host function is
    // the start of its `HostFuncData`.
    unsafe {
        let func = def.as_ref();
        if func.host.is_null() {
            let instance = InstanceData::of(func.cx);
            (*instance).module.inner().func_type(func.index)
        } else {
            &def.cast::<HostFuncData>().as_ref().ty
        }
    }
}

fn check_count(what: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::usage(format!(
        "expected {expected} {what}(s), found {found}"
    )))
}

/// Writes values into a window.
///
/// # Safety
///
/// The window must have the slots of these types.
pub(super) unsafe fn write_vals(
    core: &StoreCore,
    window: *mut Slot,
    types: &[ValType],
    vals: &[Val],
) -> Result<()> {
    check_count("argument", types.len(), vals.len())?;
    let mut at = window;
    for (i, (val, ty)) in vals.iter().zip(types).enumerate() {
        // SAFETY: there are slots for each type.
        unsafe {
            val.store(at, *ty, core)
                .map_err(|error| error.context(format!("argument {i}")))?;
            at = at.add(ty.slots());
        }
    }
    Ok(())
}

/// Reads values from a window.
///
/// # Safety
///
/// The slots must hold values of these types in store `id`.
pub(super) unsafe fn read_vals(
    core: &StoreCore,
    window: *const Slot,
    types: &[ValType],
) -> Vec<Val> {
    let mut at = window;
    let read = |ty: &ValType| {
        // SAFETY: passed on to the caller.
        unsafe {
            let val = Val::load(at, *ty, core);
            at = at.add(ty.slots());
            val
        }
    };
    types.iter().map(read).collect()
}

impl HostTemplate {
    /// Puts the function into a store, as a handle.
    pub(crate) fn func(&self, core: &mut StoreCore) -> Func {
        Func {
            store: core.id,
            def: self.add_to(core),
        }
    }
}

/// A closure over dynamic values as a raw host function.
pub(crate) struct Dynamic<F> {
    pub(crate) ty: FuncType,
    pub(crate) function: F,
}

impl<T, X, F> HostFunc<T, X> for Dynamic<F>
where
    F: Fn(Caller<'_, T, X>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    fn call(&self, call: HostCall<'_, T, X>) -> Answer {
        let window = call.window_ptr();
        let core = call.core();
        // SAFETY: the window holds arguments of the function's type.
        let params = unsafe { read_vals(&*core, window, self.ty.params()) };
        let defaults = self.ty.results().iter().map(|ty| Val::default_for(*ty));
        let mut results: Vec<Val> = defaults.collect();
        let mut caller = call.into_caller();
        let mut run = || {
            (self.function)(caller.reborrow(), &params, &mut results)?;
            // SAFETY: the window has the slots of the results.
            unsafe { write_vals(&*core, window, self.ty.results(), &results) }
                .map_err(|error| error.context("result of a host function"))
        };
        match run() {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Trap(error),
        }
    }
}
