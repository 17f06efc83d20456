//! Calls of guests with Rust values, straight to and from the guest's window and
//! memory, monomorphised for each function.
//!
//! Types are compared once, when a [`TypedFunc`] is made or a component is
//! linked. A call of numbers touches neither memory nor allocator.

use std::any;
use std::fmt;
use std::marker::PhantomData;

use linkspan_canon_abi as abi;
use linkspan_canon_abi::{
    Guest, LiftContext, LiftOwned, Lower, LowerContext, NoHandles, Params, ResourceTypeId, Scratch,
};

use super::guest::GuestView;
use super::host::FuncMismatch;
use super::{Call, FEW_SLOTS, Func, WINDOW_SLOTS, call_scalars};
use crate::code::Pointers;
use crate::error::{Error, Result};
use crate::store::{AsContext, AsContextMut, ComponentState, HandleMode, OpaqueStore};

/// A function of a guest with its Rust types: `P` is the tuple of its
/// parameters, `R` its result, `()` if it has none.
///
/// It is an index, as cheap to copy as an integer, and belongs to one store.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "wat")] {
/// use linkspan::{Component, Engine, Linker, Store};
///
/// let engine = Engine::default();
/// let component = Component::new(&engine, r#"
///     (component
///       (core module $m
///         (func (export "add") (param i32 i32) (result i32)
///           (i32.add (local.get 0) (local.get 1))))
///       (core instance $i (instantiate $m))
///       (func (export "add") (param "a" u32) (param "b" u32) (result u32)
///         (canon lift (core func $i "add"))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
/// let add = instance.get_func(&mut store, "add").unwrap().typed::<(u32, u32), u32>(&store)?;
/// assert_eq!(add.call(&mut store, (1, 2))?, 3);
/// # }
/// # Ok::<(), linkspan::Error>(())
/// ```
pub struct TypedFunc<P, R> {
    func: Func,
    _types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)
    }
}

impl<P: Lower, R: LiftOwned> TypedFunc<P, R> {
    /// Calls the function.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Trap`](crate::ErrorKind::Trap) if the guest traps or has
    /// trapped before, and what host functions fail with.
    #[inline]
    pub fn call(&self, mut store: impl AsContextMut, params: P) -> Result<R> {
        call(&mut store.as_context_mut().opaque(), self.func, &params)
    }

    /// The function without its Rust types.
    #[must_use]
    pub fn func(&self) -> Func {
        self.func
    }
}

impl Func {
    /// Compares the function's type with Rust types, for calls that need no
    /// dynamic values.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Type`](crate::ErrorKind::Type) with the path to each
    /// difference; [`ErrorKind::Host`](crate::ErrorKind::Host) if the function
    /// belongs to another store.
    pub fn typed<P: Params + Lower, R: LiftOwned>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<P, R>> {
        let store = store.as_context();
        let state = store.extra();
        let site = self.lifted(state)?.site;
        let (instance, pointers) = (site.instance, Pointers::both(site.options.pointer));
        let (code, ty) = self.code(state)?;
        let same = |id: ResourceTypeId, key: any::TypeId| {
            let named = state.instances.get(instance as usize)?.key(key);
            let named = named.or_else(|| state.host_resource_of(key))?;
            Some(state.plan_resource(instance, id).ok()? == named)
        };
        crate::bound::differences(
            &code.types,
            &code
                .signature(ty, pointers)
                .map_err(|error| self.named(state, error))?
                .ty,
            crate::bound::describe::<P, R>,
            &|id, key| same(id, key).unwrap_or(false),
        )
        .map_err(FuncMismatch::into_error)?;
        Ok(TypedFunc {
            func: *self,
            _types: PhantomData,
        })
    }
}

/// Calls a lifted function whose types were compared.
#[inline]
pub(crate) fn call<P: Lower, R: LiftOwned>(
    store: &mut OpaqueStore<'_>,
    func: Func,
    params: &P,
) -> Result<R> {
    // Known when the call is compiled, and the paths not taken are not: the
    // functions of a world are what its host waits for at every build.
    if const {
        P::ABI.plain
            && P::ABI.flat <= abi::MAX_FLAT_PARAMS
            && R::ABI.plain
            && R::ABI.flat <= abi::MAX_FLAT_RESULTS
    } {
        // Numbers need neither memory nor handles.
        return call_numbers(store, func, params);
    }
    if const { P::ABI.flat <= FEW_SLOTS } {
        call_values::<FEW_SLOTS, P, R>(store, func, params)
    } else {
        call_values::<WINDOW_SLOTS, P, R>(store, func, params)
    }
}

/// Calls a function on a window of `SLOTS` slots, which do for its parameters.
#[inline]
fn call_values<const SLOTS: usize, P: Lower, R: LiftOwned>(
    store: &mut OpaqueStore<'_>,
    func: Func,
    params: &P,
) -> Result<R> {
    let call = Call::start(store, func)?;
    let site = call.site();
    let mut window = [0; SLOTS];
    let guest = GuestView::new(store, site, HandleMode::Typed);
    let mut cx = LowerContext::new(guest, site.options);
    let lowered = abi::call::lower_params(&mut cx, params, call.params(&mut window));
    let returned = call.run(store, in_params(lowered), &window)?;

    let scratch = Scratch::new();
    let mut guest = GuestView::new(store, site, HandleMode::Typed);
    let mut cx = lift_context(&mut guest, &scratch);
    let result = abi::call::lift_result::<R, _>(&mut cx, &[returned]);
    let bytes = cx.charged_bytes();
    match result {
        Ok(result) => match call.finish(store, returned, bytes) {
            Ok(()) => Ok(result),
            Err(error) => Err(error),
        },
        Err(error) => Err(call.not_lifted(store, in_result(error))),
    }
}

/// Says that an error is about the parameters.
#[inline]
fn in_params(lowered: abi::Result<()>) -> Result<()> {
    lowered.map_err(|error| Error::from(error).within("parameters"))
}

/// Says that an error is about the result.
#[cold]
pub(super) fn in_result(error: abi::Error) -> Error {
    Error::from(error).within("result")
}

/// A lift out of a guest, as far as its limits go.
#[inline]
fn lift_context<'c>(
    guest: &'c mut GuestView<'_>,
    scratch: &'c Scratch,
) -> LiftContext<'c, &'c mut ComponentState> {
    let options = guest.site.options;
    let (memory, handles) = guest.parts();
    let budget = handles.limits.lift_bytes_max;
    LiftContext::new(memory, handles, scratch, options).with_budget(budget)
}

/// Calls a function of numbers, straight on the engine's window.
#[inline]
fn call_numbers<P: Lower, R: LiftOwned>(
    store: &mut OpaqueStore<'_>,
    func: Func,
    params: &P,
) -> Result<R> {
    let options = abi::Options::default();
    call_scalars(
        store,
        func,
        #[inline(always)]
        |slots| {
            let mut cx = LowerContext::new(NoGuest(NoHandles), options);
            let lowered = params.lower_flat(&mut cx, &mut slots[..P::ABI.flat]);
            debug_assert!(lowered.is_ok(), "numbers are lowered without a guest");
        },
        #[inline(always)]
        |slots| {
            let scratch = Scratch::new();
            let mut cx = LiftContext::new(&[], NoHandles, &scratch, options);
            match R::lift_flat(&mut cx, &slots[..R::ABI.flat]) {
                Ok(result) => Ok(result),
                Err(error) => Err(in_result(error)),
            }
        },
    )
}

/// The guest of values that need none: numbers.
pub(super) struct NoGuest(pub(super) NoHandles);

impl Guest for NoGuest {
    type Handles = NoHandles;

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut []
    }

    fn parts(&mut self) -> (&[u8], &mut NoHandles) {
        (&[], &mut self.0)
    }

    fn realloc(&mut self, _: u64, _: u64, _: u32, _: u64) -> abi::Result<u64> {
        Err(abi::Error::guest(Error::inconsistent(
            "a number that allocates",
        )))
    }
}
