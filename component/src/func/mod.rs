//! Functions: handles to lifted functions, and the one path by which the host
//! calls them. Typed calls and dynamic ones differ only in what fills and
//! reads the window.

pub(crate) mod adapter;
pub(crate) mod builtin;
pub(crate) mod guest;
pub(crate) mod host;
mod host_typed;
pub(crate) mod relay;
pub(crate) mod transfer;
pub(crate) mod typed;
pub(crate) mod values;

use std::sync::Arc;

use linkspan_canon_abi::program::{lift_primitive, lift_primitive_to, lower_primitive};
use linkspan_canon_abi::{Guest, LiftContext, LowerContext, Scratch, ValType};
use linkspan_engine as core;

pub use linkspan_canon_abi::Val;
pub use typed::TypedFunc;

use crate::code::{Code, Pointers, Signature};
use crate::error::{Error, Result};
use crate::plan::FuncTypeId;
use crate::resource::{AnyHandle, Dtor, representation};
use crate::store::{AsContext, AsContextMut, ComponentState, HandleMode, OpaqueStore};
use crate::types;
use guest::{GuestView, Site};

/// Slots of the largest window: flat parameters and a pointer to the result.
pub(crate) const WINDOW_SLOTS: usize = linkspan_canon_abi::MAX_FLAT_PARAMS + 1;

/// Slots that most functions do with.
const FEW_SLOTS: usize = 4;

/// Bytes that cost as much fuel as one operator, as for bulk instructions.
const BYTES_PER_OPERATOR: u64 = 64;

/// A lifted function, ready to be called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifted {
    /// The core function.
    pub(crate) func: core::Func,
    /// Frees what the results point to.
    pub(crate) post_return: Option<core::Func>,
    pub(crate) site: Site,
    /// Its type in the plan of `site.instance`.
    pub(crate) ty: FuncTypeId,
    pub(crate) facts: crate::code::CallFacts,
}

impl Lifted {
    /// Calls `post-return` with what the function returned.
    pub(crate) fn run_post_return(&self, store: &mut OpaqueStore<'_>, returned: u64) -> Result<()> {
        if let Some(post_return) = self.post_return {
            self.site.call_closed(store, post_return, |slots| {
                if let Some(slot) = slots.first_mut() {
                    *slot = returned;
                }
            })?;
        }
        Ok(())
    }
}

/// A function that a component instance exports.
///
/// It is an index, as cheap to copy as an integer, and belongs to one store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Func {
    state: u64,
    index: u32,
}

impl Func {
    pub(crate) fn new(state: u64, index: u32) -> Func {
        Func { state, index }
    }

    pub(crate) fn is_at(self, place: u32) -> bool {
        self.index == place
    }

    /// Says which function an error is about.
    #[cold]
    pub(crate) fn named(self, state: &ComponentState, error: Error) -> Error {
        let instance = self.lifted(state).map(|lifted| lifted.site.instance);
        let instance = instance.ok().and_then(|i| state.instances.get(i as usize));
        match instance.and_then(|instance| instance.path_of(self.index)) {
            Some(path) => error.within(path.to_string()),
            None => error,
        }
    }

    /// The prepared function, in the store that it belongs to.
    #[inline]
    pub(crate) fn lifted(self, state: &ComponentState) -> Result<&Lifted> {
        if state.id != self.state {
            return Err(other_store());
        }
        state
            .lifts
            .get(self.index as usize)
            .ok_or_else(|| Error::inconsistent("a function is missing"))
    }

    /// The plan that describes the function's type, and the type.
    pub(crate) fn code(self, state: &ComponentState) -> Result<(&Arc<Code>, FuncTypeId)> {
        let lifted = self.lifted(state)?;
        let instance = state
            .instances
            .get(lifted.site.instance as usize)
            .ok_or_else(|| Error::inconsistent("an instance is missing"))?;
        Ok((&instance.code, lifted.ty))
    }

    /// Calls `read` with the function's type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Host`](crate::ErrorKind::Host) if the function belongs to
    /// another store.
    pub fn with_type<R>(
        &self,
        store: impl AsContext,
        read: impl FnOnce(types::Func<'_>) -> R,
    ) -> Result<R> {
        let store = store.as_context();
        let (code, ty) = self.code(store.extra())?;
        Ok(read(types::Func::new(code, ty)))
    }

    /// Calls the function with dynamic values. `results` has one element if
    /// the function has a result, and none otherwise.
    ///
    /// Handles in `params` that own their resource are gone afterwards.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Type`](crate::ErrorKind::Type) with the path to what does
    /// not fit, [`ErrorKind::Trap`](crate::ErrorKind::Trap) if the guest
    /// traps or has trapped before, and what host functions fail with.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let mut store = store.as_context_mut().opaque();
        if self.lifted(store.extra())?.facts.primitive {
            let done = if params.len() <= FEW_SLOTS {
                self.call_primitive::<FEW_SLOTS>(&mut store, params, results)
            } else {
                self.call_primitive::<WINDOW_SLOTS>(&mut store, params, results)
            };
            if let Some(done) = done {
                return done;
            }
        }
        let (code, ty) = self.code(store.extra())?;
        let code = Arc::clone(code);
        let site = self.lifted(store.extra())?.site;
        let signature = code
            .signature(ty, Pointers::both(site.options.pointer))
            .map_err(|error| self.named(store.extra(), error))?;
        check_counts(signature, params, results)?;
        let state = store.extra();
        let instance = site.instance;
        let params = values::params_for(state, instance, &code.types, &signature.ty, params)?;
        let call = Call::start(&mut store, *self)?;
        let mut window = [0; WINDOW_SLOTS];
        let guest = GuestView::new(&mut store, site, HandleMode::Dynamic);
        let mut cx = LowerContext::new(guest, site.options);
        let lowered = signature
            .params
            .lower_params(&mut cx, &params, call.params(&mut window))
            .map_err(|error| signature.param_error(error));
        let returned = call.run(&mut store, lowered, &window)?;
        let mut guest = GuestView::new(&mut store, site, HandleMode::Dynamic);
        let scratch = Scratch::new();
        let (memory, handles) = guest.parts();
        let budget = handles.limits.lift_bytes_max;
        let mut cx = LiftContext::new(memory, handles, &scratch, site.options).with_budget(budget);
        let result = signature.result.lift_result(&mut cx, &[returned]);
        let bytes = cx.charged_bytes();
        let result =
            result.map_err(|error| call.not_lifted(&mut store, typed::in_result(error)))?;
        call.finish(&mut store, returned, bytes)?;
        if let (Some(place), Some(result)) = (results.first_mut(), result) {
            *place = result;
        }
        Ok(())
    }
}

impl Func {
    /// Calls a function of primitive types, straight on the engine's window; `None`, and
    /// nothing done, if values or their number do not fit.
    #[inline]
    fn call_primitive<const SLOTS: usize>(
        self,
        store: &mut OpaqueStore<'_>,
        params: &[Val],
        results: &mut [Val],
    ) -> Option<Result<()>> {
        let (code, ty) = self.code(store.extra()).ok()?;
        let ty = code.func_types.get(ty.index())?.as_ref().ok()?;
        if params.len() != ty.params.len() || results.len() != usize::from(ty.result.is_some()) {
            return None;
        }
        let mut slots = [0; SLOTS];
        for ((slot, param), value) in slots.iter_mut().zip(&ty.params).zip(params) {
            *slot = lower_primitive(param.ty, value)?;
        }
        let count = params.len();
        let result = ty.result;
        let called = call_scalars(
            store,
            self,
            // PERF: slot by slot, since a copy of what was just written waits for it.
            |window| {
                for (i, slot) in slots.iter().enumerate() {
                    if i < count
                        && let Some(place) = window.get_mut(i)
                    {
                        *place = *slot;
                    }
                }
            },
            |window| {
                let slot = window.first().copied().unwrap_or(0);
                if result == Some(ValType::Char) {
                    lift_primitive(ValType::Char, slot)
                        .map_err(|error| Error::from(error).within("result"))?;
                }
                Ok(slot)
            },
        );
        Some(called.and_then(|slot| {
            if let (Some(place), Some(ty)) = (results.first_mut(), result) {
                lift_primitive_to(place, ty, slot)?;
            }
            Ok(())
        }))
    }
}

impl std::fmt::Debug for Func {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Func({})", self.index)
    }
}

#[cold]
pub(crate) fn other_store() -> Error {
    Error::msg("the function or instance belongs to another store")
}

/// Wrong values are found before anything of the guest has run, so its
/// instance stays usable.
fn check_counts(signature: &Signature, params: &[Val], results: &[Val]) -> Result<()> {
    let expected = signature.ty.params.len();
    if params.len() != expected {
        return Err(Error::ty(format!(
            "expected {expected} parameters, found {}",
            params.len()
        )));
    }
    let expected = usize::from(signature.facts.has_result);
    if results.len() != expected {
        return Err(Error::ty(format!(
            "expected room for {expected} results, found {}",
            results.len()
        )));
    }
    Ok(())
}

/// A call of a lifted function by the host that is under way.
///
/// It goes in steps, since only lowering and lifting depend on the types of a
/// function: the rest is compiled once. Any error makes the component instance
/// unusable, as the specification demands of traps.
pub(crate) struct Call {
    lifted: Lifted,
    /// How many calls ran before.
    depth: usize,
    /// How many handles the instance had before.
    handles: u32,
}

impl Call {
    /// Enters the instance. Next, parameters are lowered.
    #[inline]
    pub(crate) fn start(store: &mut OpaqueStore<'_>, func: Func) -> Result<Call> {
        drain_dropped(store);
        let state = store.extra_mut();
        let lifted = *func.lifted(state)?;
        let owner = lifted.site.owner;
        state.check_enter(owner)?;
        let (depth, handles) = (state.frames.len(), state.handle_count(owner));
        state.enter(owner, lifted.facts.has_borrow);
        Ok(Call {
            lifted,
            depth,
            handles,
        })
    }

    /// What the function was prepared with.
    #[inline]
    pub(crate) fn site(&self) -> Site {
        self.lifted.site
    }

    /// The slots that parameters are lowered to, of a window that has enough.
    #[inline]
    pub(crate) fn params<'w>(&self, window: &'w mut [u64]) -> &'w mut [u64] {
        &mut window[..self.lifted.facts.param_slots.max(1)]
    }

    /// Runs the function on parameters that were lowered, if they were: the first
    /// slot of its results, which is lifted next.
    #[inline]
    pub(crate) fn run(
        &self,
        store: &mut OpaqueStore<'_>,
        lowered: Result<()>,
        params: &[u64],
    ) -> Result<u64> {
        if let Err(error) = lowered {
            return Err(self.not_lowered(store, error));
        }
        let params = &params[..self.lifted.facts.param_slots];
        match call_core(store, &self.lifted, params) {
            Ok(returned) => Ok(returned),
            Err(error) => Err(self.unwind(store, error)),
        }
    }

    /// Ends the call when the result was lifted: the bytes that were are paid for,
    /// and `post-return` runs.
    #[inline]
    pub(crate) fn finish(
        &self,
        store: &mut OpaqueStore<'_>,
        returned: u64,
        bytes: u64,
    ) -> Result<()> {
        let mut done = pay(store, bytes);
        if done.is_ok() {
            done = self.lifted.run_post_return(store, returned);
        }
        match done {
            Ok(()) => {
                let state = store.extra_mut();
                state.settle_lift(true);
                state.exit();
                Ok(())
            }
            Err(error) => Err(self.not_lifted(store, error)),
        }
    }

    /// Ends the call when the result was not lifted.
    #[cold]
    pub(crate) fn not_lifted(&self, store: &mut OpaqueStore<'_>, error: Error) -> Error {
        store.extra_mut().settle_lift(false);
        self.unwind(store, error)
    }

    #[cold]
    fn not_lowered(&self, store: &mut OpaqueStore<'_>, error: Error) -> Error {
        let state = store.extra_mut();
        // A mistake of the host that was found before the guest was called,
        // and before it got a handle: one that it got for a call that never
        // was would outlive what it stands for.
        if error.is_misuse() && state.handle_count(self.lifted.site.owner) == self.handles {
            state.free_between();
            // No borrow can remain, so this only ends their scope.
            drop(state.check_borrows());
            state.exit();
            return error;
        }
        self.unwind(store, error)
    }

    #[cold]
    fn unwind(&self, store: &mut OpaqueStore<'_>, error: Error) -> Error {
        store.extra_mut().unwind(self.depth, &error);
        error
    }
}

/// Calls the core function, and answers the first slot of its results.
#[inline]
fn call_core(store: &mut OpaqueStore<'_>, lifted: &Lifted, params: &[u64]) -> Result<u64> {
    let results = lifted.func.call_raw(store, |slots| {
        // As many as there are: compared when the instance was prepared.
        for (slot, value) in slots.iter_mut().zip(params) {
            *slot = *value;
        }
    })?;
    let returned = results.first().copied().unwrap_or(0);
    if lifted.facts.has_borrow {
        store.extra_mut().check_borrows()?;
    }
    Ok(returned)
}

/// Calls a lifted function whose parameters and result travel in slots and
/// need no memory and no handles: `write` fills them, `read` gets what came
/// back.
///
/// Nothing has to be kept for such a call, so it starts no frame, unless the
/// guest uses the storage of one.
#[inline]
pub(crate) fn call_scalars<R>(
    store: &mut OpaqueStore<'_>,
    func: Func,
    write: impl FnOnce(&mut [u64]),
    read: impl FnOnce(&[u64]) -> Result<R>,
) -> Result<R> {
    drain_dropped(store);
    let state = store.extra_mut();
    let lifted = func.lifted(state)?;
    let (core_func, owner) = (lifted.func, lifted.site.owner);
    if lifted.site.framed || lifted.post_return.is_some() {
        return call_scalars_framed(store, func, write, read);
    }
    state.check_enter(owner)?;
    let depth = state.frames.len();
    let result = match core_func.call_raw(store, write) {
        Ok(results) => read(results),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &result {
        let state = store.extra_mut();
        state.unwind(depth, error);
        state.poison(owner, error);
    }
    result
}

#[cold]
fn call_scalars_framed<R>(
    store: &mut OpaqueStore<'_>,
    func: Func,
    write: impl FnOnce(&mut [u64]),
    read: impl FnOnce(&[u64]) -> Result<R>,
) -> Result<R> {
    let call = Call::start(store, func)?;
    let mut window = [0; WINDOW_SLOTS];
    write(call.params(&mut window));
    let returned = call.run(store, Ok(()), &window)?;
    match read(&[returned]) {
        Ok(result) => {
            call.finish(store, returned, 0)?;
            Ok(result)
        }
        Err(error) => Err(call.not_lifted(store, error)),
    }
}

/// Charges fuel for bytes that a call has lifted or moved, as many to an
/// operator as bulk instructions touch.
#[inline]
pub(crate) fn pay(store: &mut OpaqueStore<'_>, bytes: u64) -> Result<()> {
    match bytes / BYTES_PER_OPERATOR {
        0 => Ok(()),
        operators => Ok(store.charge_fuel(operators)?),
    }
}

/// Drops handles whose owners were dropped where no store was at hand.
#[inline]
pub(crate) fn drain_dropped(store: &mut OpaqueStore<'_>) {
    if !store.extra().dropped.is_empty() {
        drain(store);
    }
}

#[cold]
fn drain(store: &mut OpaqueStore<'_>) {
    // A destructor that traps locks its instance, and the next call of that
    // one says so; the call at hand may have nothing to do with it.
    drop(drop_queued(store));
}

/// Drops the handles in the queue, all of them, whichever destructors fail.
/// Answers the first failure.
pub(crate) fn drop_queued(store: &mut OpaqueStore<'_>) -> Result<()> {
    let mut first = Ok(());
    for token in store.extra().dropped.take() {
        let state = store.extra_mut();
        if state.any.get(token).is_err() || state.any.drop_when_returned(token) {
            continue;
        }
        if let Err(error) = drop_handle(store, token) {
            store.extra_mut().failed_drops += 1;
            first = first.and(Err(error));
        }
    }
    first
}

/// Drops a handle that the host holds.
pub(crate) fn drop_handle(store: &mut OpaqueStore<'_>, token: u64) -> Result<()> {
    let handle = store.extra_mut().any.take(token)?;
    destroy(store, handle)
}

/// Runs the destructor that is due for a handle that stands in no table any
/// more.
pub(crate) fn destroy(store: &mut OpaqueStore<'_>, handle: AnyHandle) -> Result<()> {
    if !handle.own {
        return Ok(());
    }
    let state = store.extra_mut();
    let resource = *state.resource(handle.resource)?;
    if let Some(owner) = resource.owner {
        state.check_enter(owner)?;
    }
    match resource.dtor {
        Dtor::None => Ok(()),
        Dtor::Table => {
            drop(state.table.remove(representation(handle.rep))?);
            Ok(())
        }
        Dtor::Func(func) => {
            let depth = state.frames.len();
            if let Some(owner) = resource.owner {
                state.enter(owner, false);
            }
            let called = func.call_raw(store, |slots| {
                if let Some(slot) = slots.first_mut() {
                    *slot = handle.rep;
                }
            });
            match called.map(drop) {
                Ok(()) => {
                    let state = store.extra_mut();
                    while state.frames.len() > depth {
                        state.exit();
                    }
                    Ok(())
                }
                Err(error) => {
                    let error = Error::from(error).within("destructor");
                    store.extra_mut().unwind(depth, &error);
                    Err(error)
                }
            }
        }
    }
}

#[cfg(all(test, feature = "wat"))]
mod tests {
    use linkspan_engine::{Engine, Trap};

    use super::*;
    use crate::resource::ResourceAny;
    use crate::{Component, GuestResource, Instance, Linker, Store};

    /// A resource whose destructor traps for the representation 13.
    const BOMBS: &str = r#"(component
        (core module $d
          (global $sum (mut i32) (i32.const 0))
          (func (export "dtor") (param i32)
            (if (i32.eq (local.get 0) (i32.const 13)) (then unreachable))
            (global.set $sum (i32.add (global.get $sum) (local.get 0))))
          (func (export "sum") (result i32) (global.get $sum)))
        (core instance $d (instantiate $d))
        (type $R (resource (rep i32) (dtor (core func $d "dtor"))))
        (export $Re "r" (type $R))
        (core func $new (canon resource.new $R))
        (func (export "make") (param "rep" u32) (result (own $Re)) (canon lift (core func $new)))
        (func (export "sum") (result u32) (canon lift (core func $d "sum"))))"#;

    fn call(store: &mut Store<()>, instance: Instance, name: &str, params: &[Val]) -> Val {
        let mut results = [Val::Bool(false)];
        let func = instance.get_func(&mut *store, name).expect("an export");
        func.call(store, params, &mut results).expect("no trap");
        let [result] = results;
        result
    }

    fn setup() -> (Store<()>, [Instance; 2]) {
        let engine = Engine::default();
        let component = Component::new(&engine, BOMBS).expect("valid");
        let mut store = Store::new(&engine, ());
        let linker = Linker::new(&engine);
        let instances = [(); 2].map(|()| {
            linker
                .instantiate(&mut store, &component)
                .expect("nothing is imported")
        });
        (store, instances)
    }

    /// A handle that the host holds; only its token matters.
    fn make(store: &mut Store<()>, instance: Instance, rep: u32) -> u64 {
        let made = call(store, instance, "make", &[Val::U32(rep)]);
        ResourceAny::from_val(&made).expect("a handle").handle().rep
    }

    #[test]
    fn the_queue_goes_on_after_a_trap() {
        let (mut store, [a, b]) = setup();
        let tokens =
            [(a, 13), (a, 1), (b, 5)].map(|(instance, rep)| make(&mut store, instance, rep));
        // What is in the queue twice is dropped once.
        for token in tokens.into_iter().chain(tokens) {
            store.extra().dropped.push(token);
        }
        assert_eq!(store.extra().metrics().pending_drops, 6);
        let error = GuestResource::drop_pending(&mut store).expect_err("a bomb");
        assert_eq!(error.trap(), Some(Trap::Unreachable));
        let metrics = store.extra().metrics();
        assert_eq!((metrics.pending_drops, metrics.failed_drops), (0, 2));
        assert_eq!(metrics.host_handles.live, 0);
        assert_eq!(call(&mut store, b, "sum", &[]), Val::U32(5));
    }

    #[test]
    fn a_handle_dropped_while_it_is_lent_goes_with_the_loan() {
        let (mut store, [a, _]) = setup();
        let token = make(&mut store, a, 3);
        let state = store.extra_mut();
        let resource = state.any.get(token).expect("alive").resource;
        state.enter(0, false);
        state.any.lend(token, resource).expect("alive");
        state
            .push_lend(crate::store::Lend::Host { token })
            .expect("room");
        state.dropped.push(token);
        assert_eq!(call(&mut store, a, "sum", &[]), Val::U32(0));
        store.extra_mut().exit();
        assert_eq!(call(&mut store, a, "sum", &[]), Val::U32(3));
        assert_eq!(store.extra().metrics().host_handles.live, 0);
    }
}
