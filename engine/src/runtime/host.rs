//! Host functions: the traits that embedders implement, the trampoline that
//! guests enter, and the views of the store that a host function gets.
//!
//! The trampoline is compiled once for each store type and closure, so a call
//! from a guest is one indirect call: no lookup, no lock, no allocation. It
//! never unwinds: a panic becomes an [`Error`] of kind
//! [`Host`](crate::ErrorKind::Host) that stops the guest and comes out where
//! the host called it. Whoever would rather unwind there takes the payload
//! with [`Error::take_panic`].

use core::fmt;
use core::marker::PhantomData;
use core::panic::AssertUnwindSafe;
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicU32};
use std::panic::catch_unwind;
use std::sync::Arc;

use super::activation::ActivationId;
use super::driver::{HOST_FRAME_SLOTS, callee_offset};
use super::exception;
use super::func::Func;
use super::instance::{Extern, Instance};
use super::memory::Memory;
use super::owned::Owned;
use super::shared::SharedMemory;
use super::store::{
    AsContext, AsContextMut, CallRequest, StoreContext, StoreContextMut, StoreCore, StoreId,
    StoreInner,
};
use super::tag::Tag;
use super::typed::{ClosureResults, WasmTy};
use super::value::Val;
use super::vmctx::{
    FuncDef, HostDef, HostEntry, HostStatus, RED_ZONE_SLOTS, Slot, StoreCtx, VmCtx,
};
use crate::engine::Engine;
use crate::entity::FuncIndex;
use crate::error::{Error, Result};
use crate::interp;
use crate::types::{FuncType, FuncTypeRef};

/// A host function in its rawest safe form: it finds its parameters in a
/// window of 64-bit slots, leaves its results there, and may suspend its
/// caller or have a guest function called without nesting.
///
/// `i32` and `f32` stand in the lower half of their slot, and the upper half
/// is ignored. A `v128` takes two slots, lane 0 lowest in the first.
/// References cannot be passed.
pub trait HostFunc<T, X>: Send + Sync + 'static {
    /// Runs the function.
    fn call(&self, call: HostCall<'_, T, X>) -> Answer;

    /// Goes on after the guest function that an [`Answer::Call`] asked for
    /// has returned: its results stand in
    /// [`callee_window`](HostCall::callee_window), and `then` is what the
    /// answer said.
    fn resume(&self, call: HostCall<'_, T, X>, then: u32) -> Answer {
        let _ = (call, then);
        Answer::Trap(Error::usage(
            "the host function asked for a call but has no continuation",
        ))
    }

    /// Goes on after the guest function that an [`Answer::Call`] asked for
    /// has thrown an exception, which `error` carries; `then` is what the
    /// answer said. Unless a function says otherwise, this is its own
    /// failure, which no guest catches: state that it keeps across the call
    /// would not be undone. To let the exception go on to the caller, answer
    /// `error` as it is. A trap stops the function, too, and is not seen
    /// here.
    fn catch(&self, call: HostCall<'_, T, X>, then: u32, error: Error) -> Answer {
        let _ = (call, then);
        Answer::Trap(error.without_exception())
    }

    /// Slots beyond parameters and results that the function keeps in its
    /// window; they survive the calls that it asks for.
    fn scratch_slots(&self) -> u32 {
        0
    }

    /// Slots for arguments and results of guest functions that it asks for.
    fn callee_slots(&self) -> u32 {
        16
    }
}

/// What a host function answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// The results are in the window.
    Done,
    /// The guest stops with this error; the caller of the guest gets it. An
    /// error that carries an [`Exception`](crate::Exception) does not stop
    /// the guest: it throws the exception.
    Trap(Error),
    /// The results come later: the whole call is parked. Possible only in a
    /// call that was made with [`Func::start`], and outside nested calls.
    Pending,
    /// `func` is called in this activation, with the arguments that stand in
    /// [`callee_window`](HostCall::callee_window); then
    /// [`HostFunc::resume`] goes on.
    Call {
        /// What to call.
        func: Func,
        /// For [`HostFunc::resume`]; less than [`u32::MAX`].
        then: u32,
    },
}

/// One call of a host function: the window, and the store in disjoint parts.
pub struct HostCall<'a, T, X> {
    store: *mut StoreCtx,
    caller: *mut VmCtx,
    window: *mut Slot,
    func: *const FuncDef,
    _borrow: PhantomData<&'a mut StoreInner<T, X>>,
}

impl<'a, T, X> HostCall<'a, T, X> {
    /// Parameters in, results out, at the start; then the scratch slots.
    pub fn window(&mut self) -> &mut [u64] {
        // SAFETY: the window has as many slots; nothing else refers to them
        // while the host function runs.
        unsafe { slice::from_raw_parts_mut(self.window, window_slots(self.func)) }
    }

    /// Where the arguments of a guest function go that an [`Answer::Call`]
    /// asks for, and where its results are in [`HostFunc::resume`].
    pub fn callee_window(&mut self) -> &mut [u64] {
        // SAFETY: these slots follow the window and the room for the host's
        // frame; they were checked to be there when the function was made.
        unsafe {
            let start = self.window.add(callee_offset(self.func));
            slice::from_raw_parts_mut(start, (*(*self.func).host).callee_slots as usize)
        }
    }

    /// [`window`](HostCall::window) and [`callee_window`](HostCall::callee_window) at
    /// once.
    pub fn windows(&mut self) -> (&mut [u64], &mut [u64]) {
        // SAFETY: as in both; the room for the host's frame lies between them.
        unsafe {
            let callee = self.window.add(callee_offset(self.func));
            let callee_slots = (*(*self.func).host).callee_slots as usize;
            (
                slice::from_raw_parts_mut(self.window, window_slots(self.func)),
                slice::from_raw_parts_mut(callee, callee_slots),
            )
        }
    }

    /// The embedder's data.
    pub fn data(&mut self) -> &mut T {
        // SAFETY: a host call has the store alone, and the store has these
        // types: functions are made for one store type.
        unsafe { &mut (*self.inner()).data }
    }

    /// The data of the layer between embedder and engine.
    pub fn extra(&mut self) -> &mut X {
        // SAFETY: as in `data`.
        unsafe { &mut (*self.inner()).extra }
    }

    /// Everything at once, as disjoint borrows.
    pub fn parts(&mut self) -> HostParts<'_, T, X> {
        let inner = self.inner();
        // SAFETY: as in `data` and `window`; the fields of the store, the
        // window and the memories do not overlap.
        unsafe {
            HostParts {
                data: &mut (*inner).data,
                extra: &mut (*inner).extra,
                window: slice::from_raw_parts_mut(self.window, window_slots(self.func)),
                memories: Memories {
                    id: (*inner).core.id,
                    _borrow: PhantomData,
                },
            }
        }
    }

    /// The instance whose code called; none if the host called the function
    /// itself.
    #[must_use]
    pub fn caller_instance(&self) -> Option<Instance> {
        // SAFETY: the context of a caller is that of a live instance.
        unsafe { Instance::from_cx(self.store_id(), self.caller) }
    }

    /// The suspendable call that this call belongs to.
    #[must_use]
    pub fn activation(&self) -> Option<ActivationId> {
        // SAFETY: a host call has the store alone.
        unsafe { (*self.inner()).core.activations.current }
    }

    /// The whole store, for calls of guest functions from here (they nest,
    /// and their depth is limited) and for everything else.
    pub fn store(&mut self) -> StoreContextMut<'_, T, X> {
        // SAFETY: a host call has the store alone, and it has these types.
        unsafe { StoreContextMut::from_ctx(self.store) }
    }

    /// A caller's view, for the whole duration of the call.
    #[must_use]
    pub fn into_caller(self) -> Caller<'a, T, X> {
        Caller {
            caller: self.caller,
            // SAFETY: as in `store`; the call is given up.
            store: unsafe { StoreContextMut::from_ctx(self.store) },
        }
    }

    pub(crate) fn store_id(&self) -> StoreId {
        // SAFETY: as in `data`.
        unsafe { (*self.inner()).core.id }
    }

    /// The part of the store that values need.
    pub(crate) fn core(&self) -> *const StoreCore {
        // SAFETY: a host call has the store alone.
        unsafe { (*self.store).core }
    }

    pub(crate) fn window_ptr(&self) -> *mut Slot {
        self.window
    }

    fn inner(&self) -> *mut StoreInner<T, X> {
        self.store.cast()
    }
}

impl<T, X> fmt::Debug for HostCall<'_, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCall").finish_non_exhaustive()
    }
}

/// Slots of parameters or results, and scratch.
///
/// # Safety
///
/// `func` must be a live host function.
#[inline]
unsafe fn window_slots(func: *const FuncDef) -> usize {
    // SAFETY: passed on to the caller.
    unsafe { (*func).header_slot() + (*(*func).host).scratch_slots as usize }
}

/// Disjoint parts of the store that a host function runs in.
pub struct HostParts<'a, T, X> {
    /// The embedder's data.
    pub data: &'a mut T,
    /// The data of the layer between embedder and engine.
    pub extra: &'a mut X,
    /// Parameters, results and scratch, as in [`HostCall::window`].
    pub window: &'a mut [u64],
    /// The bytes of the store's memories.
    pub memories: Memories<'a>,
}

impl<T, X> fmt::Debug for HostParts<'_, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostParts").finish_non_exhaustive()
    }
}

/// Disjoint parts of a store.
pub struct StoreParts<'a, T, X> {
    /// The embedder's data.
    pub data: &'a mut T,
    /// The data of the layer between embedder and engine.
    pub extra: &'a mut X,
    /// The bytes of the store's memories.
    pub memories: Memories<'a>,
}

impl<T, X> fmt::Debug for StoreParts<'_, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreParts").finish_non_exhaustive()
    }
}

impl<'a, T, X> StoreParts<'a, T, X> {
    /// # Safety
    ///
    /// `inner` must be a live store that the caller may use alone for `'a`.
    pub(crate) unsafe fn new(inner: *mut StoreInner<T, X>) -> StoreParts<'a, T, X> {
        // SAFETY: the store is live and ours alone; its fields and the
        // memories do not overlap.
        unsafe {
            StoreParts {
                data: &mut (*inner).data,
                extra: &mut (*inner).extra,
                memories: Memories {
                    id: (*inner).core.id,
                    _borrow: PhantomData,
                },
            }
        }
    }
}

/// The bytes of all memories of a store, borrowed at once: while this
/// borrow lasts, no memory can grow.
pub struct Memories<'a> {
    id: StoreId,
    _borrow: PhantomData<&'a mut [u8]>,
}

impl<'a> Memories<'a> {
    /// The bytes of a memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the memory belongs to
    /// another store or is shared.
    #[inline]
    pub fn get(&self, memory: Memory) -> Result<&[u8]> {
        let bytes = memory.bytes_in(self.id)?;
        // SAFETY: the store is borrowed as long as `self`, so the memory
        // neither moves nor changes; `bytes` is its base and size.
        Ok(unsafe { bytes.as_ref() })
    }

    /// The bytes of a memory, for writing.
    ///
    /// # Errors
    ///
    /// As for [`get`](Memories::get).
    pub fn get_mut(&mut self, memory: Memory) -> Result<&mut [u8]> {
        let mut bytes = memory.bytes_in(self.id)?;
        // SAFETY: as in `get`, and `self` is borrowed for writing.
        Ok(unsafe { bytes.as_mut() })
    }

    /// The bytes of a memory, for as long as the store is borrowed.
    ///
    /// # Errors
    ///
    /// As for [`get`](Memories::get).
    #[inline]
    pub fn into_bytes(self, memory: Memory) -> Result<&'a mut [u8]> {
        let mut bytes = memory.bytes_in(self.id)?;
        // SAFETY: the store is borrowed for writing as long as `'a`, and
        // `self`, which alone gives access to its memories, is used up.
        Ok(unsafe { bytes.as_mut() })
    }

    /// As [`pair`](Memories::pair), for as long as the store is borrowed.
    ///
    /// # Errors
    ///
    /// As for [`pair`](Memories::pair).
    #[inline]
    pub fn into_pair(self, from: Memory, to: Memory) -> Result<(&'a [u8], &'a mut [u8])> {
        if from == to {
            return Err(Error::usage("expected two memories, found one twice"));
        }
        let from = from.bytes_in(self.id)?;
        let mut to = to.bytes_in(self.id)?;
        // SAFETY: as in `into_bytes`; distinct memories have distinct bytes.
        Ok(unsafe { (from.as_ref(), to.as_mut()) })
    }

    /// The bytes of one memory for reading and of another for writing.
    ///
    /// # Errors
    ///
    /// As for [`get`](Memories::get), and if both are the same memory.
    pub fn pair(&mut self, from: Memory, to: Memory) -> Result<(&[u8], &mut [u8])> {
        if from == to {
            return Err(Error::usage("expected two memories, found one twice"));
        }
        let from = from.bytes_in(self.id)?;
        let mut to = to.bytes_in(self.id)?;
        // SAFETY: as above; distinct memories have distinct bytes.
        Ok(unsafe { (from.as_ref(), to.as_mut()) })
    }
}

impl fmt::Debug for Memories<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memories").finish_non_exhaustive()
    }
}

/// What a closure that serves as a host function sees of its caller.
pub struct Caller<'a, T, X = ()> {
    store: StoreContextMut<'a, T, X>,
    caller: *mut VmCtx,
}

impl<T, X> Caller<'_, T, X> {
    /// The same view, for a shorter time.
    pub fn reborrow(&mut self) -> Caller<'_, T, X> {
        Caller {
            caller: self.caller,
            store: self.store.as_context_mut(),
        }
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The data of the layer between embedder and engine.
    #[must_use]
    pub fn extra(&self) -> &X {
        self.store.extra()
    }

    /// The data of the layer between embedder and engine.
    pub fn extra_mut(&mut self) -> &mut X {
        self.store.extra_mut()
    }

    /// The store's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// The instance whose code called; none if the host called the function
    /// itself.
    #[must_use]
    pub fn instance(&self) -> Option<Instance> {
        // SAFETY: the context of a caller is that of a live instance.
        unsafe { Instance::from_cx(self.store.core().id, self.caller) }
    }

    /// An error that throws an exception when the host function answers with
    /// it; see [`Store::throw`](crate::Store::throw).
    #[must_use]
    pub fn throw(&mut self, tag: Tag, payload: &[Val]) -> Error {
        self.store.throw(tag, payload)
    }

    /// What the calling instance exports as `name`.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        self.instance()?.get_export(&self.store, name)
    }

    /// The memory that the calling instance exports as `name`; see
    /// [`Instance::get_memory`].
    #[must_use]
    pub fn get_memory(&self, name: &str) -> Option<Memory> {
        self.instance()?.get_memory(&self.store, name)
    }

    /// The shared memory that the calling instance exports as `name`.
    #[must_use]
    pub fn get_shared_memory(&self, name: &str) -> Option<SharedMemory> {
        self.instance()?.get_shared_memory(&self.store, name)
    }
}

impl<T, X> AsContext for Caller<'_, T, X> {
    type Data = T;
    type Extra = X;
    fn as_context(&self) -> StoreContext<'_, T, X> {
        self.store.as_context()
    }
}

impl<T, X> AsContextMut for Caller<'_, T, X> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T, X> {
        self.store.as_context_mut()
    }
}

impl<T, X> fmt::Debug for Caller<'_, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

/// A host function as guests enter it.
///
/// # Safety
///
/// `store` must be the context of a `StoreInner<T, X>`, `func` a definition
/// whose closure is an `H`, and `window` its window.
unsafe extern "C" fn entry<T, X, H: HostFunc<T, X>>(
    store: *mut StoreCtx,
    caller: *mut VmCtx,
    window: *mut Slot,
    func: *const FuncDef,
    then: u32,
) -> HostStatus {
    // SAFETY: passed on to the caller; the borrow ends at once.
    let scope = unsafe { (*(*store).core).handles.mark() };
    // What leaves the closure is one word, so that it stays in a register.
    let status = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: passed on to the caller. The closure lives in the store,
        // in a block of its own, and is only ever shared.
        let closure = unsafe {
            (*store).host = func;
            &*(*(*func).host).closure.cast::<H>()
        };
        let call = HostCall::<T, X> {
            store,
            caller,
            window,
            func,
            _borrow: PhantomData,
        };
        let answer = match then.checked_sub(1) {
            None => {
                // SAFETY: passed on to the caller.
                unsafe { clear_results(window, func) };
                closure.call(call)
            }
            // SAFETY: the core is borrowed for this line alone.
            Some(then) => match unsafe { (*(*store).core).pending.take() } {
                None => closure.resume(call, then),
                Some(error) => closure.catch(call, then, error),
            },
        };
        match answer {
            Answer::Done => HostStatus::Done,
            // SAFETY: passed on to the caller; the host function is gone, so nobody
            // else refers to the store.
            Answer::Call { func: callee, then } => unsafe {
                let slots = (*(*func).host).callee_slots;
                match call_request(&*(*store).core, callee, then, slots) {
                    Ok(request) => {
                        (*(*store).core).call = Some(request);
                        HostStatus::Call
                    }
                    Err(error) => other_answer(store, Answer::Trap(error)),
                }
            },
            // SAFETY: as above.
            answer => unsafe { other_answer(store, answer) },
        }
    }));
    // SAFETY: as above. The results are in the window, where the guest's
    // frame keeps what they refer to.
    unsafe { (*(*store).core).handles.release(scope) };
    match status {
        Ok(status) => status,
        // SAFETY: passed on to the caller.
        Err(payload) => unsafe { other_answer(store, Answer::Trap(Error::panicked(payload))) },
    }
}

/// Clears the result slots that hold no parameter, so that a host function
/// that leaves one unwritten shows its guest nothing of an earlier call.
///
/// # Safety
///
/// `func` must be a live definition and `window` its window.
#[inline]
unsafe fn clear_results(window: *mut Slot, func: *const FuncDef) {
    // SAFETY: passed on to the caller.
    unsafe {
        for slot in (*func).param_slots..(*func).result_slots {
            *window.add(usize::from(slot)) = 0;
        }
    }
}

/// Keeps what an answer says for the driver; a call was kept already.
///
/// # Safety
///
/// `store` must be a live context that the caller has alone.
#[cold]
unsafe fn other_answer(store: *mut StoreCtx, answer: Answer) -> HostStatus {
    // SAFETY: passed on to the caller; the host function is gone, so nobody
    // else refers to the store.
    let core = unsafe { &mut *(*store).core };
    let error = match answer {
        Answer::Done => return HostStatus::Done,
        Answer::Pending => return HostStatus::Pending,
        Answer::Call { .. } => return HostStatus::Call,
        Answer::Trap(error) => error,
    };
    match exception::throw_error(core, error) {
        Ok(()) => HostStatus::Throw,
        Err(error) => {
            core.pending = Some(error);
            HostStatus::Trap
        }
    }
}

#[inline]
fn call_request(core: &StoreCore, callee: Func, then: u32, slots: u32) -> Result<CallRequest> {
    let callee = callee.def_in(core.id)?;
    let Some(then) = then.checked_add(1) else {
        return Err(Error::usage(
            "the continuation of a call is less than u32::MAX",
        ));
    };
    // SAFETY: the definition belongs to this store, which is borrowed.
    let def = unsafe { callee.as_ref() };
    if def.has_refs {
        return Err(raw_func_ref());
    }
    let needed = def.header_slot();
    if needed > slots as usize {
        return Err(Error::usage(format!(
            "expected a function whose parameters and results fit {slots} slots, found one that \
             needs {needed}: see HostFunc::callee_slots"
        )));
    }
    Ok(CallRequest { callee, then })
}

#[cold]
pub(crate) fn raw_func_ref() -> Error {
    Error::usage("a reference cannot be passed in a raw window: use Func::call or Func::new")
}

/// Whatever a host function keeps, without its type.
pub(crate) trait Erased: Send + Sync {}

impl<H: Send + Sync> Erased for H {}

/// A host function that is in no store yet. Cloning shares the closure.
#[derive(Clone)]
pub(crate) struct HostTemplate {
    pub(crate) ty: FuncTypeRef,
    entry: HostEntry,
    closure: Arc<dyn Erased>,
    scratch_slots: u32,
    callee_slots: u32,
}

impl HostTemplate {
    /// A host function of type `ty` that safe code of others implements:
    /// there must be no function reference that it could make up.
    pub(crate) fn raw<T, X, H: HostFunc<T, X>>(
        engine: &Engine,
        ty: &FuncType,
        host: H,
    ) -> Result<HostTemplate> {
        let template = HostTemplate::new(engine, ty, host)?;
        if template.ty.has_refs() {
            return Err(raw_func_ref());
        }
        Ok(template)
    }

    /// A host function of type `ty`, whose implementation leaves results of
    /// just these types.
    pub(crate) fn new<T, X, H: HostFunc<T, X>>(
        engine: &Engine,
        ty: &FuncType,
        host: H,
    ) -> Result<HostTemplate> {
        let ty = engine.register(ty)?;
        let (scratch_slots, callee_slots) = (host.scratch_slots(), host.callee_slots());
        // A window starts at most at the stack's limit. What a host function
        // may use above it, and the header of a guest function that it
        // calls, must end before the red zone does.
        let used = [
            scratch_slots as usize,
            callee_slots as usize,
            HOST_FRAME_SLOTS,
        ]
        .into_iter()
        .fold(ty.header_slot(), usize::saturating_add);
        if used > HOST_SLOTS_MAX {
            return Err(Error::limit(format!(
                "a host function may use {HOST_SLOTS_MAX} slots of its window, found {used}"
            )));
        }
        Ok(HostTemplate {
            ty,
            entry: entry::<T, X, H>,
            closure: Arc::new(host),
            scratch_slots,
            callee_slots,
        })
    }

    /// What tells two templates apart.
    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.closure).cast::<()>().addr()
    }

    /// Puts the function into a store.
    pub(crate) fn add_to(&self, core: &mut StoreCore) -> NonNull<FuncDef> {
        let data = Box::new(HostFuncData {
            def: FuncDef {
                code: AtomicPtr::new(interp::host_ip().cast_mut()),
                cx: ptr::null_mut(),
                host: ptr::null(),
                type_id: self.ty.id(),
                rtt: self.ty.rtt(),
                heap_number: AtomicU32::new(0),
                index: FuncIndex(0),
                param_slots: self.ty.param_slots(),
                result_slots: self.ty.result_slots(),
                has_refs: self.ty.has_refs(),
            },
            host: HostDef {
                entry: self.entry,
                closure: Arc::as_ptr(&self.closure).cast(),
                scratch_slots: self.scratch_slots,
                callee_slots: self.callee_slots,
            },
            ty: self.ty.clone(),
            _closure: Arc::clone(&self.closure),
        });
        let data = Owned::new(data);
        let pointer = data.pointer();
        // SAFETY: the block was just made, and nobody else knows it.
        unsafe { (*pointer.as_ptr()).def.host = &raw const (*pointer.as_ptr()).host };
        core.host_funcs.push(data);
        pointer.cast()
    }
}

/// Slots that a host function may use in all; the rest of the red zone is
/// for the header of what it calls.
const HOST_SLOTS_MAX: usize = RED_ZONE_SLOTS - 1100;

/// A host function in a store.
#[repr(C)]
pub(crate) struct HostFuncData {
    /// First, so that the address of the definition is the block's.
    def: FuncDef,
    host: HostDef,
    pub(crate) ty: FuncTypeRef,
    _closure: Arc<dyn Erased>,
}

/// A closure that can serve as a host function.
///
/// Implemented for `Fn` with 0 to 16 parameters of the types of
/// [`WasmTy`], with or without a first parameter [`Caller`], whose result is
/// nothing, one such type, a tuple of them, or a `Result` of those. `M` is
/// inferred.
pub trait IntoHostFunc<T, X, M>: sealed::Sealed<T, X, M> {}

pub(crate) mod sealed {
    use super::{FuncType, HostFunc};

    /// What [`super::IntoHostFunc`] does, out of the reach of others.
    pub trait Sealed<T, X, M>: Send + Sync + 'static {
        /// The closure with its signature.
        type Host: HostFunc<T, X>;
        /// Gives the closure its signature.
        fn into_host(self) -> Self::Host;
        /// The signature.
        fn func_type() -> FuncType;
    }
}

/// A closure with its signature `M`.
pub struct Closure<F, M> {
    function: F,
    _signature: PhantomData<fn() -> M>,
}

impl<F, M> fmt::Debug for Closure<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closure")
    }
}

/// Signature of a closure without [`Caller`].
#[derive(Debug)]
pub struct Plain<P, R>(PhantomData<fn(P) -> R>);

/// Signature of a closure that starts with [`Caller`].
#[derive(Debug)]
pub struct WithCaller<P, R>(PhantomData<fn(P) -> R>);

macro_rules! closures {
    ($($arg:ident)*) => {
        impl<T, X, F, R, $($arg,)*> IntoHostFunc<T, X, Plain<($($arg,)*), R>> for F
        where
            F: Fn($($arg),*) -> R + Send + Sync + 'static,
            R: ClosureResults,
            $($arg: WasmTy,)*
        {
        }

        impl<T, X, F, R, $($arg,)*> sealed::Sealed<T, X, Plain<($($arg,)*), R>> for F
        where
            F: Fn($($arg),*) -> R + Send + Sync + 'static,
            R: ClosureResults,
            $($arg: WasmTy,)*
        {
            type Host = Closure<F, Plain<($($arg,)*), R>>;
            fn into_host(self) -> Self::Host {
                Closure { function: self, _signature: PhantomData }
            }
            fn func_type() -> FuncType {
                FuncType::new([$($arg::TYPE),*], R::types().iter().copied())
            }
        }

        impl<T, X, F, R, $($arg,)*> HostFunc<T, X> for Closure<F, Plain<($($arg,)*), R>>
        where
            F: Fn($($arg),*) -> R + Send + Sync + 'static,
            R: ClosureResults,
            $($arg: WasmTy,)*
        {
            #[expect(clippy::allow_attributes, reason = "the lists differ")]
            #[allow(
                non_snake_case, unused_variables, unused_mut, unused_assignments,
                reason = "type parameters name the values; the empty list has none"
            )]
            fn call(&self, call: HostCall<'_, T, X>) -> Answer {
                let (window, core) = (call.window_ptr(), call.core());
                let mut slot = 0;
                $(
                    // SAFETY: the function's type says that the slot holds
                    // an argument of this type.
                    let $arg = unsafe { $arg::load(window.add(slot), &*core) };
                    slot += $arg::TYPE.slots();
                )*
                let results = (self.function)($($arg),*);
                // SAFETY: the window has room for the results.
                answer(unsafe { results.write(window, &*core) })
            }

            fn callee_slots(&self) -> u32 {
                0
            }
        }

        impl<T, X, F, R, $($arg,)*> IntoHostFunc<T, X, WithCaller<($($arg,)*), R>> for F
        where
            F: Fn(Caller<'_, T, X>, $($arg),*) -> R + Send + Sync + 'static,
            R: ClosureResults,
            $($arg: WasmTy,)*
        {
        }

        impl<T, X, F, R, $($arg,)*> sealed::Sealed<T, X, WithCaller<($($arg,)*), R>> for F
        where
            F: Fn(Caller<'_, T, X>, $($arg),*) -> R + Send + Sync + 'static,
            R: ClosureResults,
            $($arg: WasmTy,)*
        {
            type Host = Closure<F, WithCaller<($($arg,)*), R>>;
            fn into_host(self) -> Self::Host {
                Closure { function: self, _signature: PhantomData }
            }
            fn func_type() -> FuncType {
                FuncType::new([$($arg::TYPE),*], R::types().iter().copied())
            }
        }

        impl<T, X, F, R, $($arg,)*> HostFunc<T, X> for Closure<F, WithCaller<($($arg,)*), R>>
        where
            F: Fn(Caller<'_, T, X>, $($arg),*) -> R + Send + Sync + 'static,
            R: ClosureResults,
            $($arg: WasmTy,)*
        {
            #[expect(clippy::allow_attributes, reason = "the lists differ")]
            #[allow(
                non_snake_case, unused_variables, unused_mut, unused_assignments,
                reason = "type parameters name the values; the empty list has none"
            )]
            fn call(&self, call: HostCall<'_, T, X>) -> Answer {
                let (window, core) = (call.window_ptr(), call.core());
                let mut slot = 0;
                $(
                    // SAFETY: the function's type says that the slot holds
                    // an argument of this type.
                    let $arg = unsafe { $arg::load(window.add(slot), &*core) };
                    slot += $arg::TYPE.slots();
                )*
                let results = (self.function)(call.into_caller(), $($arg),*);
                // SAFETY: the window has room for the results, and nothing
                // that the closure did has moved it.
                answer(unsafe { results.write(window, &*core) })
            }

            fn callee_slots(&self) -> u32 {
                0
            }
        }
    };
}

closures!();
closures!(A0);
closures!(A0 A1);
closures!(A0 A1 A2);
closures!(A0 A1 A2 A3);
closures!(A0 A1 A2 A3 A4);
closures!(A0 A1 A2 A3 A4 A5);
closures!(A0 A1 A2 A3 A4 A5 A6);
closures!(A0 A1 A2 A3 A4 A5 A6 A7);
closures!(A0 A1 A2 A3 A4 A5 A6 A7 A8);
closures!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9);
closures!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
closures!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
closures!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
closures!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
closures!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
closures!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);

#[inline]
fn answer(result: Result<()>) -> Answer {
    match result {
        Ok(()) => Answer::Done,
        Err(error) => Answer::Trap(error),
    }
}
