//! Typed calls, in both directions: Rust values straight to and from the
//! guest's window and memory, monomorphised for each function.
//!
//! Types are compared once, when a [`TypedFunc`] is made or a component is
//! linked. A call of numbers touches neither memory nor allocator.

use std::any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use linkspan_canon_abi as abi;
use linkspan_canon_abi::{
    Guest, LiftContext, LiftOwned, Lower, LowerContext, NoHandles, Params, ResourceTypeId, Scratch,
};
use linkspan_engine as core;
use linkspan_engine::{Answer, HostCall, HostFunc};

use super::guest::GuestView;
use super::host::{FuncCheck, FuncMismatch, HostFunction, LoweredImport, host_store};
use super::{FEW_SLOTS, Func, WINDOW_SLOTS, call_lifted, call_scalars};
use crate::bound::{HostParams, HostResource, New};
use crate::code::Pointers;
use crate::error::{Error, Result};
use crate::linker::{Definition, LinkerInstance};
use crate::resource::ResourceType;
use crate::store::{
    AnyStore, AsContext, AsContextMut, CallInfo, ComponentState, HandleMode, OpaqueStore,
    StoreContextMut,
};

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
    call_lifted::<SLOTS, _>(
        store,
        func,
        #[inline(always)]
        |guest, window| {
            let options = guest.site.options;
            let mut cx = LowerContext::new(guest, options);
            abi::call::lower_params(&mut cx, params, window)
                .map_err(|error| Error::from(error).within("parameters"))
        },
        #[inline(always)]
        |mut guest, window| {
            let options = guest.site.options;
            let scratch = Scratch::new();
            let (memory, handles) = guest.parts();
            let budget = handles.limits.lift_bytes_max;
            let mut cx = LiftContext::new(memory, handles, &scratch, options).with_budget(budget);
            let result = abi::call::lift_result::<R, _>(&mut cx, window)
                .map_err(|error| Error::from(error).within("result"))?;
            let bytes = cx.charged_bytes();
            super::pay(&mut guest.store, bytes)?;
            Ok(result)
        },
    )
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
            R::lift_flat(&mut cx, &slots[..R::ABI.flat])
                .map_err(|error| Error::from(error).within("result"))
        },
    )
}

impl<T: 'static> LinkerInstance<'_, T> {
    /// Defines a function by a closure on Rust types: it gets the store and
    /// the tuple of the parameters.
    ///
    /// ```
    /// # #[cfg(feature = "wat")] {
    /// use linkspan::{Component, Engine, Linker, Store, StoreContextMut};
    ///
    /// let engine = Engine::default();
    /// let component = Component::new(&engine, r#"
    ///     (component
    ///       (import "add" (func $add (param "n" u32) (result u32)))
    ///       (core func $add' (canon lower (func $add)))
    ///       (core module $m
    ///         (func (import "" "add") (param i32) (result i32))
    ///         (func (export "run") (result i32) (call 0 (i32.const 40))))
    ///       (core instance $i (instantiate $m
    ///         (with "" (instance (export "add" (func $add'))))))
    ///       (func (export "run") (result u32) (canon lift (core func $i "run"))))
    /// "#)?;
    /// let mut linker = Linker::new(&engine);
    /// linker.root().func_wrap("add", |store: StoreContextMut<'_, u32>, (n,): (u32,)| {
    ///     Ok(n + *store.data())
    /// })?;
    /// let mut store = Store::new(&engine, 2);
    /// let instance = linker.instantiate(&mut store, &component)?;
    /// let run = instance.get_func(&mut store, "run").unwrap().typed::<(), u32>(&store)?;
    /// assert_eq!(run.call(&mut store, ())?, 42);
    /// # }
    /// # Ok::<(), linkspan::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind::Link) if the name is taken. Types
    /// are compared when a component is linked.
    pub fn func_wrap<P, R>(
        &mut self,
        name: &str,
        func: impl Fn(StoreContextMut<'_, T>, P) -> Result<R> + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        P: Params + LiftOwned,
        R: Lower + 'static,
    {
        let func = WithStore(func);
        self.define(
            name,
            Definition::Host(Arc::new(Typed::<T, _, P, R>::new(func))),
        )
    }

    /// Defines a function by a closure that gets the host and the tuple of the
    /// parameters, which borrow from the guest's memory and from the host's
    /// resources where they can.
    ///
    /// `P` says how each parameter is passed, see
    /// [`HostParam`](crate::bound::HostParam): `&str` and `&[T]` borrow,
    /// [`Own`](crate::Own), [`Ref`](crate::Ref) and [`Mut`](crate::Mut) reach
    /// the values behind handles.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::func_wrap`].
    pub fn host_func<P, R>(
        &mut self,
        name: &str,
        func: impl for<'a> Fn(&'a mut T, P::Args<'a>) -> R + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        P: HostParams,
        R: Lower + 'static,
    {
        let func = WithHost(infallible::<T, P, R>(func), |value, _: &mut New<'_>| value);
        self.define(
            name,
            Definition::Host(Arc::new(Typed::<T, _, P, (R, R)>::new(func))),
        )
    }

    /// As [`LinkerInstance::host_func`], for a result with values of the host
    /// that become resources: `handles` puts them into the store.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::func_wrap`].
    pub fn host_func_owning<P, V, R>(
        &mut self,
        name: &str,
        func: impl for<'a> Fn(&'a mut T, P::Args<'a>) -> V + Send + Sync + 'static,
        handles: impl Fn(V, &mut New<'_>) -> R + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        P: HostParams,
        V: 'static,
        R: Lower + 'static,
    {
        let func = WithHost(infallible::<T, P, V>(func), handles);
        self.define(
            name,
            Definition::Host(Arc::new(Typed::<T, _, P, (V, R)>::new(func))),
        )
    }

    /// As [`LinkerInstance::host_func_owning`], for a function that can fail:
    /// its error traps the guest that called it, and comes out of the call that
    /// the host made, where [`Error::downcast_ref`] finds what
    /// [`Error::host`] wrapped.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::func_wrap`].
    pub fn host_func_fallible<P, V, R>(
        &mut self,
        name: &str,
        func: impl for<'a> Fn(&'a mut T, P::Args<'a>) -> Result<V> + Send + Sync + 'static,
        handles: impl Fn(V, &mut New<'_>) -> R + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        P: HostParams,
        V: 'static,
        R: Lower + 'static,
    {
        let func = WithHost(func, handles);
        self.define(
            name,
            Definition::Host(Arc::new(Typed::<T, _, P, (V, R)>::new(func))),
        )
    }

    /// Defines a resource of the host that the type `R` names, and whose
    /// values, of type `V`, live in the store.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::func_wrap`].
    pub fn host_resource<R: 'static, V: HostResource>(&mut self, name: &str) -> Result<&mut Self> {
        self.table_resource(name, ResourceType::host::<R>())
    }
}

/// A function of the host that never fails, as one that could.
fn infallible<T, P: HostParams, V>(
    func: impl for<'a> Fn(&'a mut T, P::Args<'a>) -> V + Send + Sync + 'static,
) -> impl for<'a> Fn(&'a mut T, P::Args<'a>) -> Result<V> + Send + Sync + 'static {
    move |host, args| Ok(func(host, args))
}

/// A closure with its Rust types.
struct Typed<T, F, P, R> {
    func: F,
    _types: PhantomData<fn(T, P) -> R>,
}

impl<T, F, P, R> Typed<T, F, P, R> {
    fn new(func: F) -> Self {
        Self {
            func,
            _types: PhantomData,
        }
    }
}

/// A closure on the store and owned parameters.
struct WithStore<F>(F);

/// A closure on the host and borrowed parameters, and one that makes handles
/// of the values in its result.
struct WithHost<F, N>(F, N);

/// What the two kinds of closures have in common.
trait Run<T>: Send + Sync + 'static {
    /// The parameters as they are lifted.
    type Params: Params;
    /// The result as it is lowered.
    type Result: Lower;

    /// Lifts the parameters and runs the closure.
    fn run(
        &self,
        call: &mut HostCall<'_, T, ComponentState>,
        import: &LoweredImport,
    ) -> Result<Self::Result>;
}

impl<T, F, P, R> Run<T> for Typed<T, WithStore<F>, P, R>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, P) -> Result<R> + Send + Sync + 'static,
    P: Params + LiftOwned,
    R: Lower + 'static,
{
    type Params = P;
    type Result = R;

    #[inline]
    fn run(&self, call: &mut HostCall<'_, T, ComponentState>, import: &LoweredImport) -> Result<R> {
        begin(call, import);
        let scratch = Scratch::new();
        let (params, bytes) = {
            let core::HostParts {
                extra,
                window,
                memories,
                ..
            } = call.parts();
            let memory = memory_of(&memories, import)?;
            let budget = extra.limits.lift_bytes_max;
            let mut cx = LiftContext::new(memory, &mut *extra, &scratch, import.site.options)
                .with_budget(budget);
            let params = abi::call::lift_params::<P, _>(&mut cx, window).map_err(Error::from);
            (params, cx.charged_bytes())
        };
        // Who cannot pay gets back what was taken.
        let params = params.and_then(|params| {
            super::pay(&mut call.store().opaque(), bytes)?;
            Ok(params)
        });
        let params = end_lift::<P, _>(call.extra(), params)?;
        let result = self.func.0(call.store(), params)?;
        call.extra().check_resume(import.site.owner)?;
        Ok(result)
    }
}

impl<T, F, N, P, V, R> Run<T> for Typed<T, WithHost<F, N>, P, (V, R)>
where
    T: 'static,
    F: for<'a> Fn(&'a mut T, P::Args<'a>) -> Result<V> + Send + Sync + 'static,
    N: Fn(V, &mut New<'_>) -> R + Send + Sync + 'static,
    P: HostParams,
    V: 'static,
    R: Lower + 'static,
{
    type Params = P::Raw;
    type Result = R;

    #[inline]
    fn run(&self, call: &mut HostCall<'_, T, ComponentState>, import: &LoweredImport) -> Result<R> {
        let WithHost(func, handles) = &self.func;
        begin(call, import);
        let scratch = Scratch::new();
        let mut taken = P::untaken();
        let mut bytes = 0;
        let value = (|| {
            let core::HostParts {
                data,
                extra,
                window,
                memories,
                ..
            } = call.parts();
            let memory = memory_of(&memories, import)?;
            let budget = extra.limits.lift_bytes_max;
            let mut cx = LiftContext::new(memory, &mut *extra, &scratch, import.site.options)
                .with_budget(budget);
            let raw = abi::call::lift_params::<P::Raw, _>(&mut cx, window).map_err(Error::from);
            bytes = cx.charged_bytes();
            let raw = raw.and_then(|raw| {
                P::take(&raw, &mut taken, &mut extra.table)?;
                Ok(raw)
            });
            let raw = end_lift::<P::Raw, _>(extra, raw)?;
            let args = P::args(raw, &mut taken, &extra.table)?;
            func(data, args)
        })();
        let table = &mut call.extra().table;
        P::put_back(taken, table);
        let value = value?;
        // Before there are handles, which nobody would get.
        super::pay(&mut call.store().opaque(), bytes)?;
        let mut new = New::in_table(&mut call.extra().table);
        let result = handles(value, &mut new);
        new.finish()?;
        Ok(result)
    }
}

impl<T, F, P, R> HostFunction for Typed<T, F, P, R>
where
    T: 'static,
    Self: Run<T>,
{
    fn check(&self, with: FuncCheck<'_>) -> Result<(), FuncMismatch> {
        let FuncCheck {
            types,
            ty,
            resource,
        } = with;
        let describe = crate::bound::describe::<<Self as Run<T>>::Params, <Self as Run<T>>::Result>;
        crate::bound::differences(types, ty, describe, &|id, key| {
            resource(id, &|ty| ty.is_host(key))
        })
    }

    fn is_stub(&self) -> bool {
        false
    }

    fn bind(
        self: Arc<Self>,
        store: &mut AnyStore<'_>,
        import: LoweredImport,
    ) -> Result<core::Func> {
        bind_typed::<T>(self, store, import)
    }
}

/// Puts the core function for one `canon lower` into a store.
fn bind_typed<T: 'static>(
    def: Arc<dyn RunLowered<T>>,
    store: &mut AnyStore<'_>,
    import: LoweredImport,
) -> Result<core::Func> {
    let ty = import.signature.lower.clone();
    let stub = TypedStub { def, import };
    Ok(core::Func::from_host(host_store::<T>(store)?, &ty, stub)?)
}

/// The core function for one `canon lower` of a typed function.
///
/// It is compiled once for each store type, with all that the engine needs for a
/// host function: what a host waits for at every build is worth the nanosecond
/// that a call by pointer takes.
struct TypedStub<T> {
    def: Arc<dyn RunLowered<T>>,
    import: LoweredImport,
}

impl<T: 'static> HostFunc<T, ComponentState> for TypedStub<T> {
    #[inline]
    fn call(&self, mut call: HostCall<'_, T, ComponentState>) -> Answer {
        if let Err(error) = call.extra().check_leave(self.import.site.owner) {
            return Answer::Trap(error);
        }
        match self.def.run_lowered(&mut call, &self.import) {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Trap(self.import.error(error)),
        }
    }

    fn callee_slots(&self) -> u32 {
        0
    }
}

/// A typed function whose types are left behind.
trait RunLowered<T>: Send + Sync + 'static {
    /// Lifts the parameters, runs the closure and lowers the result.
    fn run_lowered(
        &self,
        call: &mut HostCall<'_, T, ComponentState>,
        import: &LoweredImport,
    ) -> Result<()>;
}

impl<T: 'static, D: Run<T>> RunLowered<T> for D {
    fn run_lowered(
        &self,
        call: &mut HostCall<'_, T, ComponentState>,
        import: &LoweredImport,
    ) -> Result<()> {
        let site = import.site;
        let facts = import.signature.facts;
        // Where the result goes if it is large; the window is used again.
        let area = call.window().get(facts.param_slots).copied();
        let area = area.unwrap_or(0);
        if facts.has_borrow {
            call.extra().enter_host(site.owner);
        }
        let abi = const { <D::Result as abi::ComponentType>::ABI };
        if facts.result_in_memory {
            // A place that is none must not cost the result.
            let mut store = call.store().opaque();
            let guest = GuestView::new(&mut store, site, HandleMode::Typed);
            let mut cx = LowerContext::new(guest, site.options);
            let layout = abi.layout(cx.pointer());
            cx.return_area(flat_pointer(cx.pointer(), area), layout.size, layout.align)
                .map_err(|error| Error::from(error).within("result"))?;
        }
        let result = self.run(call, import)?;
        let is_number = const {
            let abi = <D::Result as abi::ComponentType>::ABI;
            abi.plain && abi.flat <= abi::MAX_FLAT_RESULTS
        };
        if is_number {
            let mut cx = LowerContext::new(NoGuest(NoHandles), site.options);
            result.lower_flat(&mut cx, &mut call.window()[..abi.flat])?;
        } else {
            let mut store = call.store().opaque();
            let guest = GuestView::new(&mut store, site, HandleMode::Typed);
            let mut cx = LowerContext::new(guest, site.options);
            let mut window = [0, area];
            abi::call::lower_result(&mut cx, &result, &mut window, 1)
                .map_err(|error| Error::from(error).within("result"))?;
            if !facts.result_in_memory
                && let Some(slot) = call.window().first_mut()
            {
                *slot = window[0];
            }
        }
        if facts.has_borrow {
            call.extra().exit();
        }
        Ok(())
    }
}

/// Prepares the store's state for handles in a call.
#[inline]
fn begin<T>(call: &mut HostCall<'_, T, ComponentState>, import: &LoweredImport) {
    call.extra().call = CallInfo {
        owner: import.site.owner,
        instance: import.site.instance,
        mode: HandleMode::Typed,
    };
}

/// Ends a lift of parameters; numbers have taken nothing.
#[inline(always)]
fn end_lift<P: abi::ComponentType, R>(
    state: &mut ComponentState,
    lifted: Result<R, impl Into<Error>>,
) -> Result<R> {
    let lifted = lifted.map_err(Into::into);
    if const { P::ABI.plain } {
        return lifted;
    }
    state.end_lift(lifted)
}

/// A pointer in a slot, of which a memory may use the lower half.
#[inline]
fn flat_pointer(pointer: abi::PointerSize, slot: u64) -> u64 {
    match pointer {
        abi::PointerSize::P32 => slot & 0xffff_ffff,
        abi::PointerSize::P64 => slot,
    }
}

/// The memory of the calling guest.
#[inline]
fn memory_of<'m>(memories: &'m core::Memories<'_>, import: &LoweredImport) -> Result<&'m [u8]> {
    match import.site.memory {
        Some(memory) => Ok(memories.get(memory)?),
        None => Ok(&[]),
    }
}

/// The guest of values that need none: numbers.
struct NoGuest(NoHandles);

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
