//! Functions of the host on Rust values: what a linker is given, and the core
//! function that a guest calls instead.
//!
//! The host's crate compiles what depends on the types of a function, and that for
//! each of them, at every build: it is little, and goes in steps between others
//! that are compiled with this crate.

use std::marker::PhantomData;
use std::sync::Arc;

use linkspan_canon_abi as abi;
use linkspan_canon_abi::{
    ComponentType, LiftContext, LiftOwned, Lower, LowerContext, NoHandles, Params, Scratch,
};
use linkspan_engine as core;
use linkspan_engine::{Answer, HostCall, HostFunc};

use super::guest::GuestView;
use super::host::{FuncCheck, FuncMismatch, HostFunction, LoweredImport, host_store};
use super::typed::{NoGuest, in_result};
use crate::bound::{Describe, HostParams, HostResource, New};
use crate::error::{Error, Result};
use crate::linker::{Definition, LinkerInstance};
use crate::resource::ResourceType;
use crate::store::{AnyStore, CallInfo, ComponentState, HandleMode, OpaqueStore, StoreContextMut};

/// The value of a result, or a return with its error: as `?`, which compiles three
/// functions for each type that it is used with.
macro_rules! value {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
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
        self.define_typed(name, Arc::new(Typed::<_, P, R>::new(func)))
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
        let func = WithHost(Infallible(func), |value, _: &mut New<'_>| value);
        self.define_typed(name, Arc::new(Typed::new(func)))
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
        let func = WithHost(Infallible(func), handles);
        self.define_typed(name, Arc::new(Typed::new(func)))
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
        let func = WithHost(Fallible(func), handles);
        self.define_typed(name, Arc::new(Typed::new(func)))
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

    fn define_typed(&mut self, name: &str, func: Arc<dyn RunHost<T>>) -> Result<&mut Self> {
        self.define(name, Definition::Host(Arc::new(TypedHost(func))))
    }
}

/// A closure with the Rust types that a component sees.
struct Typed<F, P, R> {
    func: F,
    _types: PhantomData<fn(P) -> R>,
}

impl<F, P, R> Typed<F, P, R> {
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

/// A closure that never fails.
struct Infallible<F>(F);

/// A closure that can fail.
struct Fallible<F>(F);

/// What these two have in common: `V` is the value that they answer.
trait HostClosure<T, P: HostParams, V>: Send + Sync + 'static {
    fn call<'a>(&self, host: &'a mut T, args: P::Args<'a>) -> Result<V>;
}

impl<T, P, V, F> HostClosure<T, P, V> for Infallible<F>
where
    P: HostParams,
    F: for<'a> Fn(&'a mut T, P::Args<'a>) -> V + Send + Sync + 'static,
{
    #[inline]
    fn call<'a>(&self, host: &'a mut T, args: P::Args<'a>) -> Result<V> {
        Ok((self.0)(host, args))
    }
}

impl<T, P, V, F> HostClosure<T, P, V> for Fallible<F>
where
    P: HostParams,
    F: for<'a> Fn(&'a mut T, P::Args<'a>) -> Result<V> + Send + Sync + 'static,
{
    #[inline]
    fn call<'a>(&self, host: &'a mut T, args: P::Args<'a>) -> Result<V> {
        (self.0)(host, args)
    }
}

/// A function whose Rust types are left behind.
trait RunHost<T>: Send + Sync + 'static {
    /// What builds its type.
    fn describe(&self) -> Describe;

    /// Lifts the parameters, runs the closure and lowers the result.
    fn run(&self, call: &mut HostCall<'_, T, ComponentState>, import: &LoweredImport)
    -> Result<()>;
}

impl<T, F, P, R> RunHost<T> for Typed<WithStore<F>, P, R>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, P) -> Result<R> + Send + Sync + 'static,
    P: Params + LiftOwned,
    R: Lower + 'static,
{
    fn describe(&self) -> Describe {
        crate::bound::describe::<P, R>
    }

    fn run(
        &self,
        call: &mut HostCall<'_, T, ComponentState>,
        import: &LoweredImport,
    ) -> Result<()> {
        let area = begin(call, import, R::ABI)?;
        let scratch = Scratch::new();
        let (lifted, bytes) = {
            let core::HostParts {
                extra,
                window,
                memories,
                ..
            } = call.parts();
            let memory = memory_of(&memories, import)?;
            let mut cx = lift_context(memory, &mut *extra, import, &scratch);
            let lifted = abi::call::lift_params::<P, _>(&mut cx, window);
            (lifted, cx.charged_bytes())
        };
        let params = match lifted {
            Ok(params) => params,
            Err(error) => return Err(not_lifted(call.extra(), error.into())),
        };
        if let Err(error) = pay(call, bytes) {
            return Err(not_lifted(call.extra(), error));
        }
        // Numbers have taken nothing.
        if const { !P::ABI.plain } {
            call.extra().settle_lift(true);
        }
        let result = value!((self.func.0)(call.store(), params));
        call.extra().check_resume(import.site.owner)?;
        end(call, import, area, &result)
    }
}

impl<T, F, N, P, V, R> RunHost<T> for Typed<WithHost<F, N>, P, (V, R)>
where
    T: 'static,
    F: HostClosure<T, P, V>,
    N: Fn(V, &mut New<'_>) -> R + Send + Sync + 'static,
    P: HostParams,
    V: 'static,
    R: Lower + 'static,
{
    fn describe(&self) -> Describe {
        crate::bound::describe::<P::Raw, R>
    }

    fn run(
        &self,
        call: &mut HostCall<'_, T, ComponentState>,
        import: &LoweredImport,
    ) -> Result<()> {
        let area = begin(call, import, R::ABI)?;
        let scratch = Scratch::new();
        let mut taken = P::untaken();
        let mut bytes = 0;
        let value = self.run_on(call, import, (&scratch, &mut taken, &mut bytes));
        P::put_back(taken, &mut call.extra().table);
        let value = value!(value);
        // Before there are handles, which nobody would get.
        pay(call, bytes)?;
        let mut new = New::in_table(&mut call.extra().table);
        let result = (self.func.1)(value, &mut new);
        new.finish()?;
        end(call, import, area, &result)
    }
}

impl<F, N, P: HostParams, V, R> Typed<WithHost<F, N>, P, (V, R)> {
    /// Lifts the parameters and runs the closure, which gets borrows of what was
    /// `taken` and of what is in the scratch. Says how many bytes were lifted.
    #[inline]
    fn run_on<T>(
        &self,
        call: &mut HostCall<'_, T, ComponentState>,
        import: &LoweredImport,
        (scratch, taken, bytes): (&Scratch, &mut P::Taken, &mut u64),
    ) -> Result<V>
    where
        F: HostClosure<T, P, V>,
    {
        let core::HostParts {
            data,
            extra,
            window,
            memories,
            ..
        } = call.parts();
        let memory = value!(memory_of(&memories, import));
        let mut cx = lift_context(memory, &mut *extra, import, scratch);
        let lifted = abi::call::lift_params::<P::Raw, _>(&mut cx, window);
        *bytes = cx.charged_bytes();
        let raw = match lifted {
            Ok(raw) => raw,
            Err(error) => return Err(not_lifted(extra, error.into())),
        };
        if let Err(error) = P::take(&raw, taken, &mut extra.table) {
            return Err(not_lifted(extra, error));
        }
        // Numbers have taken nothing.
        if const { !<P::Raw as ComponentType>::ABI.plain } {
            extra.settle_lift(true);
        }
        let args = value!(P::args(raw, taken, &extra.table));
        self.func.0.call(data, args)
    }
}

/// Starts a call: where the result goes if it is large, since the window is used
/// again.
#[inline(always)]
fn begin<T>(
    call: &mut HostCall<'_, T, ComponentState>,
    import: &LoweredImport,
    result: abi::hidden::Abi,
) -> Result<u64> {
    let (site, facts) = (&import.site, &import.signature.facts);
    if facts.has_borrow {
        call.extra().enter_host(site.owner);
    }
    let mut area = 0;
    if facts.result_in_memory {
        area = call.window().get(facts.param_slots).copied().unwrap_or(0);
        // A place that is none must not cost the result.
        check_area(&mut call.store().opaque(), import, result, area)?;
    }
    call.extra().call = CallInfo {
        owner: site.owner,
        instance: site.instance,
        mode: HandleMode::Typed,
    };
    Ok(area)
}

/// Refuses a place for a result that is not in the guest's memory.
fn check_area(
    store: &mut OpaqueStore<'_>,
    import: &LoweredImport,
    result: abi::hidden::Abi,
    area: u64,
) -> Result<()> {
    let guest = GuestView::new(store, import.site, HandleMode::Typed);
    let mut cx = LowerContext::new(guest, import.site.options);
    let layout = result.layout(cx.pointer());
    cx.return_area(flat_pointer(cx.pointer(), area), layout.size, layout.align)
        .map(drop)
        .map_err(in_result)
}

/// Ends a call: lowers its result.
#[inline(always)]
fn end<R: Lower, T>(
    call: &mut HostCall<'_, T, ComponentState>,
    import: &LoweredImport,
    area: u64,
    result: &R,
) -> Result<()> {
    let (site, facts) = (import.site, &import.signature.facts);
    if const { R::ABI.plain && R::ABI.flat <= abi::MAX_FLAT_RESULTS } {
        let mut cx = LowerContext::new(NoGuest(NoHandles), site.options);
        result.lower_flat(&mut cx, &mut call.window()[..R::ABI.flat])?;
    } else {
        let mut store = call.store().opaque();
        let guest = GuestView::new(&mut store, site, HandleMode::Typed);
        let mut cx = LowerContext::new(guest, site.options);
        let mut window = [0, area];
        abi::call::lower_result(&mut cx, result, &mut window, 1).map_err(in_result)?;
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

/// Ends a lift that failed: who cannot pay gets back what was taken.
#[cold]
fn not_lifted(state: &mut ComponentState, error: Error) -> Error {
    state.settle_lift(false);
    error
}

#[inline(always)]
fn pay<T>(call: &mut HostCall<'_, T, ComponentState>, bytes: u64) -> Result<()> {
    super::pay(&mut call.store().opaque(), bytes)
}

/// A lift out of the calling guest, as far as its limits go.
#[inline(always)]
fn lift_context<'c, 's>(
    memory: &'c [u8],
    state: &'s mut ComponentState,
    import: &LoweredImport,
    scratch: &'c Scratch,
) -> LiftContext<'c, &'s mut ComponentState> {
    let budget = state.limits.lift_bytes_max;
    LiftContext::new(memory, state, scratch, import.site.options).with_budget(budget)
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
#[inline(always)]
fn memory_of<'m>(memories: &'m core::Memories<'_>, import: &LoweredImport) -> Result<&'m [u8]> {
    match import.site.memory {
        Some(memory) => Ok(memories.get(memory)?),
        None => Ok(&[]),
    }
}

/// A function of Rust types as linkers know it.
struct TypedHost<T>(Arc<dyn RunHost<T>>);

impl<T: 'static> HostFunction for TypedHost<T> {
    fn check(&self, with: FuncCheck<'_>) -> Result<(), FuncMismatch> {
        let FuncCheck {
            types,
            ty,
            resource,
        } = with;
        crate::bound::differences(types, ty, self.0.describe(), &|id, key| {
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
        let ty = import.signature.lower.clone();
        let def = Arc::clone(&self.0);
        let stub = TypedStub { def, import };
        Ok(core::Func::from_host(host_store::<T>(store)?, &ty, stub)?)
    }
}

/// The core function for one `canon lower` of a typed function.
///
/// It is compiled once for each type of host, with all that the engine needs for a
/// host function: what a host waits for at every build is worth the nanosecond
/// that a call by pointer takes.
struct TypedStub<T> {
    def: Arc<dyn RunHost<T>>,
    import: LoweredImport,
}

impl<T: 'static> HostFunc<T, ComponentState> for TypedStub<T> {
    #[inline]
    fn call(&self, mut call: HostCall<'_, T, ComponentState>) -> Answer {
        if let Err(error) = call.extra().check_leave(self.import.site.owner) {
            return Answer::Trap(error);
        }
        match self.def.run(&mut call, &self.import) {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Trap(self.import.error(error)),
        }
    }

    fn callee_slots(&self) -> u32 {
        0
    }
}
