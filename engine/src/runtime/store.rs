//! The store: one embedder's data together with everything that its guests
//! made. All mutation happens here.
//!
//! A [`Store`] owns one heap block, [`StoreInner`], and reaches it through
//! one raw pointer. The block starts with the context that guest code sees,
//! so that a trampoline can come back from there to the embedder's types.
//!
//! Handles ([`Func`](crate::Func) and the others) are the store's id beside
//! a pointer to a block that lives as long as the store. Every use compares
//! the id first; ids are never reused. A pointer instead of an index saves a
//! call one load and one bounds check, and function references need no
//! table to become handles.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::num::NonZeroU64;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::activation::Activations;
use super::exception::Exceptions;
use super::global::GlobalData;
use super::handles::Handles;
use super::host::{HostFuncData, StoreParts};
use super::instance::InstanceData;
use super::interrupt::{Interrupt, InterruptHandle};
use super::memory::MemoryData;
use super::owned::Owned;
use super::shared::SharedMemory;
use super::table::TableData;
use super::tag::TagData;
use super::vmctx::{FuncDef, MemoryDef, StoreCtx, TICK_SLICE};
use crate::config::Limits;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::gc::{Bump, Heap};
use crate::interp;
use crate::trap::Trap;
use crate::types::rtt::Rtt;
use crate::types::{DefinedType, RefType, TypeId};

/// Names one store of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StoreId(NonZeroU64);

impl StoreId {
    fn next() -> StoreId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        // 2⁶⁴ stores are out of reach.
        StoreId(NonZeroU64::new(id).unwrap_or(NonZeroU64::MAX))
    }
}

/// Data of the embedder (`T`), of a layer between it and the engine (`X`),
/// and of all guests.
///
/// A store is `Send` when its data are, and never `Sync`.
pub struct Store<T, X = ()> {
    inner: NonNull<StoreInner<T, X>>,
    /// Owns both, and must not vary: host functions were made for exactly
    /// these types.
    _owns: PhantomData<(StoreInner<T, X>, fn(T, X) -> (T, X))>,
}

// SAFETY: the store owns all that its pointers reach; host functions in it
// are `Send`, and so are the data by the bounds.
unsafe impl<T: Send, X: Send> Send for Store<T, X> {}

/// What a store owns.
#[repr(C)]
pub(crate) struct StoreInner<T, X> {
    /// First, so that its address is the block's.
    pub(crate) ctx: StoreCtx,
    pub(crate) core: StoreCore,
    pub(crate) extra: X,
    /// Last, so that the rest lies where it does in a store of other data.
    pub(crate) data: T,
}

/// The part of a store that does not depend on the embedder's types.
pub struct StoreCore {
    pub(crate) id: StoreId,
    pub(crate) engine: Engine,
    pub(crate) dispatch: interp::Dispatch,
    pub(crate) limits: Limits,
    pub(crate) usage: Usage,
    pub(crate) activations: Activations,
    /// Why the guest stops, set before a status or exit says so.
    pub(crate) pending: Option<Error>,
    /// The exception that is on its way to a handler, and others.
    pub(crate) exceptions: Exceptions,
    /// What a host function's answer `Call` asks for.
    pub(crate) call: Option<CallRequest>,
    /// How many entries into guests are nested now.
    pub(crate) depth: u32,
    pub(crate) interrupt: Arc<Interrupt>,
    /// Host functions of linkers that are in this store already, by the
    /// address of their shared closure.
    pub(crate) linked: BTreeMap<usize, NonNull<FuncDef>>,
    pub(crate) empty_memory: Owned<MemoryDef>,
    pub(crate) instances: Vec<Owned<InstanceData>>,
    pub(crate) memories: Vec<Owned<MemoryData>>,
    /// Memories that other stores may have, too.
    pub(crate) shared_memories: Vec<SharedMemory>,
    pub(crate) tables: Vec<Owned<TableData>>,
    pub(crate) globals: Vec<Owned<[GlobalData]>>,
    /// Every tag of the store by its number.
    pub(crate) tags: Vec<NonNull<TagData>>,
    /// The blocks in which they are.
    pub(crate) tag_blocks: Vec<Owned<[TagData]>>,
    pub(crate) host_funcs: Vec<Owned<HostFuncData>>,
    /// Types that tables, globals and objects made by the host name.
    pub(crate) types: BTreeMap<TypeId, DefinedType>,
    /// Structures, arrays, exceptions and values of the host.
    pub(crate) gc: Heap,
    /// Run-time types by id, null where none is known.
    pub(crate) rtts: Vec<*const Rtt>,
    /// Functions by the numbers that objects have for them.
    pub(crate) func_numbers: Vec<*const FuncDef>,
    /// References in the hands of the host.
    pub(crate) handles: Handles,
}

/// What counts against [`Limits`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) memory_bytes: u64,
    pub(crate) table_elements: u64,
    pub(crate) instance_bytes: u64,
}

/// A host function wants a guest function to be called.
#[derive(Clone, Copy)]
pub(crate) struct CallRequest {
    pub(crate) callee: NonNull<FuncDef>,
    pub(crate) then: u32,
}

impl StoreCore {
    fn new(engine: &Engine) -> StoreCore {
        StoreCore {
            id: StoreId::next(),
            engine: engine.clone(),
            dispatch: interp::Dispatch::new(engine.config().dispatch),
            limits: engine.config().limits.clone(),
            usage: Usage::default(),
            activations: Activations::default(),
            pending: None,
            exceptions: Exceptions::default(),
            call: None,
            depth: 0,
            interrupt: Arc::default(),
            linked: BTreeMap::new(),
            empty_memory: Owned::new(Box::new(MemoryDef::new(ptr::without_provenance_mut(16), 0))),
            instances: Vec::new(),
            memories: Vec::new(),
            shared_memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            tag_blocks: Vec::new(),
            host_funcs: Vec::new(),
            types: BTreeMap::new(),
            gc: Heap::new(engine.config().gc_zeal),
            rtts: Vec::new(),
            func_numbers: Vec::new(),
            handles: Handles::default(),
        }
    }
}

impl StoreCore {
    /// Keeps the type that a reference type names, if it names one, for as
    /// long as the store.
    pub(crate) fn keep_type(&mut self, ty: RefType) -> Result<()> {
        if let Some(defined) = self.engine.types().check_ref(ty)? {
            self.types.entry(defined.id()).or_insert(defined);
        }
        Ok(())
    }
}

impl fmt::Debug for StoreCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreCore").finish_non_exhaustive()
    }
}

impl Drop for StoreCore {
    fn drop(&mut self) {
        self.activations.release(self.engine.stacks());
        for memory in self.memories.drain(..) {
            memory.into_box().release(self.engine.regions());
        }
    }
}

#[cold]
pub(crate) fn wrong_store(what: &str) -> Error {
    Error::usage(format!("the {what} belongs to another store"))
}

impl<T, X> Store<T, X> {
    /// A store for guests of `engine` that holds `data`.
    #[must_use]
    pub fn new(engine: &Engine, data: T) -> Store<T, X>
    where
        X: Default,
    {
        Store::with_extra(engine, data, X::default())
    }

    /// A store that holds `data` for the embedder and `extra` for a layer
    /// between embedder and engine.
    #[must_use]
    pub fn with_extra(engine: &Engine, data: T, extra: X) -> Store<T, X> {
        let core = StoreCore::new(engine);
        let interrupt = core.interrupt.word();
        let block = Box::new(StoreInner {
            ctx: StoreCtx {
                // Below every address, so that the first entry makes a stack.
                stack_limit: ptr::null_mut(),
                fuel: 0,
                interrupt,
                ip: ptr::null(),
                sp: ptr::null_mut(),
                cx: ptr::null_mut(),
                window: ptr::null_mut(),
                host: ptr::null(),
                tick: TICK_SLICE,
                alloc: Bump::default(),
                heap_base: ptr::null_mut(),
                rtts: ptr::null(),
                outer: ptr::null(),
                core: ptr::null_mut(),
            },
            core,
            extra,
            data,
        });
        let inner = NonNull::from(Box::leak(block));
        // SAFETY: the block was just made, and nobody else knows it.
        unsafe { (*inner.as_ptr()).ctx.core = &raw mut (*inner.as_ptr()).core };
        Store {
            inner,
            _owns: PhantomData,
        }
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        self.as_context().data()
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: the borrow of `self` is exclusive and as long.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    /// The data of the layer between embedder and engine.
    #[must_use]
    pub fn extra(&self) -> &X {
        self.as_context().extra()
    }

    /// The data of the layer between embedder and engine.
    pub fn extra_mut(&mut self) -> &mut X {
        // SAFETY: the borrow of `self` is exclusive and as long.
        unsafe { &mut (*self.inner.as_ptr()).extra }
    }

    /// Ends the store and hands the embedder's data back.
    #[must_use]
    pub fn into_data(self) -> T {
        let store = ManuallyDrop::new(self);
        // SAFETY: `inner` came from a box, and the wrapper keeps `drop` from
        // releasing it a second time.
        let block = unsafe { Box::from_raw(store.inner.as_ptr()) };
        block.data
    }

    /// The engine that the store was made for.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.as_context().engine()
    }

    /// Sets the remaining fuel.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the engine's configuration
    /// has fuel off.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.as_context_mut().set_fuel(fuel)
    }

    /// The remaining fuel.
    ///
    /// # Errors
    ///
    /// As for [`set_fuel`](Store::set_fuel).
    pub fn fuel(&self) -> Result<u64> {
        self.as_context().fuel()
    }

    /// A handle with which any thread can stop the guests of this store.
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle::new(&self.as_context().core().interrupt)
    }

    /// The limits that hold from now on. What exists already stays.
    pub fn limits_mut(&mut self) -> &mut Limits {
        // SAFETY: the borrow of `self` is exclusive and as long.
        unsafe { &mut (*self.inner.as_ptr()).core.limits }
    }
}

impl<T, X> Drop for Store<T, X> {
    fn drop(&mut self) {
        // SAFETY: `inner` came from a box, and no borrow of the store is left.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl<T: fmt::Debug, X> fmt::Debug for Store<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("data", self.data())
            .finish_non_exhaustive()
    }
}

/// A store, borrowed for reading.
pub struct StoreContext<'a, T, X = ()> {
    inner: NonNull<StoreInner<T, X>>,
    _borrow: PhantomData<&'a StoreInner<T, X>>,
}

impl<T, X> Clone for StoreContext<'_, T, X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, X> Copy for StoreContext<'_, T, X> {}

impl<'a, T, X> StoreContext<'a, T, X> {
    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &'a T {
        // SAFETY: the store is borrowed for `'a`, so nobody writes.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    /// The data of the layer between embedder and engine.
    #[must_use]
    pub fn extra(&self) -> &'a X {
        // SAFETY: as in `data`.
        unsafe { &(*self.inner.as_ptr()).extra }
    }

    /// The store's engine.
    #[must_use]
    pub fn engine(&self) -> &'a Engine {
        &self.core().engine
    }

    /// The remaining fuel.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the engine's configuration
    /// has fuel off.
    pub fn fuel(&self) -> Result<u64> {
        check_fuel(self.core())?;
        // SAFETY: as in `data`.
        let fuel = unsafe { (*self.inner.as_ptr()).ctx.fuel };
        Ok(u64::try_from(fuel).unwrap_or(0))
    }

    /// The cursor of the heap.
    pub(crate) fn bump(&self) -> Bump {
        // SAFETY: as in `data`.
        unsafe { (*self.inner.as_ptr()).ctx.alloc }
    }

    pub(crate) fn core(&self) -> &'a StoreCore {
        // SAFETY: as in `data`.
        unsafe { &(*self.inner.as_ptr()).core }
    }
}

impl<T, X> fmt::Debug for StoreContext<'_, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreContext").finish_non_exhaustive()
    }
}

/// A store, borrowed for everything.
pub struct StoreContextMut<'a, T, X = ()> {
    inner: NonNull<StoreInner<T, X>>,
    _borrow: PhantomData<&'a mut StoreInner<T, X>>,
}

// SAFETY: this is an exclusive borrow of a store, and crosses threads exactly
// if the store does.
unsafe impl<T: Send, X: Send> Send for StoreContextMut<'_, T, X> {}

impl<'a, T, X> StoreContextMut<'a, T, X> {
    /// The store whose context a host function was given.
    ///
    /// # Safety
    ///
    /// `ctx` must be the first field of a live `StoreInner<T, X>`, and the
    /// caller must have the right to use that store alone for `'a`.
    pub(crate) unsafe fn from_ctx(ctx: *mut StoreCtx) -> StoreContextMut<'a, T, X> {
        StoreContextMut {
            // SAFETY: a live store is not at address zero.
            inner: unsafe { NonNull::new_unchecked(ctx.cast()) },
            _borrow: PhantomData,
        }
    }

    /// The store as one of other data.
    ///
    /// # Safety
    ///
    /// `U` must be the type of the store's data, or `Opaque`.
    #[inline]
    pub(super) unsafe fn cast<U>(self) -> StoreContextMut<'a, U, X> {
        StoreContextMut {
            inner: self.inner.cast(),
            _borrow: PhantomData,
        }
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        self.as_context().data()
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: the store is borrowed for us alone.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    /// Everything at once, as disjoint borrows.
    pub fn parts(&mut self) -> StoreParts<'_, T, X> {
        // SAFETY: the store is borrowed for us alone.
        unsafe { StoreParts::new(self.inner.as_ptr()) }
    }

    /// The data of the layer between embedder and engine.
    #[must_use]
    pub fn extra(&self) -> &X {
        self.as_context().extra()
    }

    /// The data of the layer between embedder and engine.
    pub fn extra_mut(&mut self) -> &mut X {
        // SAFETY: the store is borrowed for us alone.
        unsafe { &mut (*self.inner.as_ptr()).extra }
    }

    /// Both data at once.
    pub fn data_and_extra_mut(&mut self) -> (&mut T, &mut X) {
        // SAFETY: the store is borrowed for us alone, and the two fields are
        // distinct.
        unsafe {
            (
                &mut (*self.inner.as_ptr()).data,
                &mut (*self.inner.as_ptr()).extra,
            )
        }
    }

    /// The store's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.as_context().engine()
    }

    /// Sets the remaining fuel.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the engine's configuration
    /// has fuel off.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        check_fuel(self.core())?;
        let fuel = i64::try_from(fuel).unwrap_or(i64::MAX);
        // SAFETY: the store is borrowed for us alone.
        unsafe { (*self.inner.as_ptr()).ctx.fuel = fuel };
        Ok(())
    }

    /// The remaining fuel.
    ///
    /// # Errors
    ///
    /// As for [`set_fuel`](StoreContextMut::set_fuel).
    pub fn fuel(&self) -> Result<u64> {
        self.as_context().fuel()
    }

    /// As [`Store::interrupt_handle`].
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle::new(&self.core().interrupt)
    }

    /// Takes fuel for work that the host does on behalf of a guest; nothing
    /// if the engine's configuration has fuel off.
    ///
    /// # Errors
    ///
    /// [`Trap::OutOfFuel`] if there was less; there is none left then.
    pub fn charge_fuel(&mut self, operators: u64) -> Result<()> {
        if !self.core().engine.config().fuel {
            return Ok(());
        }
        // SAFETY: the store is borrowed for us alone.
        let fuel = unsafe { &mut (*self.inner.as_ptr()).ctx.fuel };
        *fuel = fuel.saturating_sub_unsigned(operators);
        if *fuel < 0 {
            return Err(Trap::OutOfFuel.into());
        }
        Ok(())
    }

    /// The limits that hold from now on. What exists already stays.
    pub fn limits_mut(&mut self) -> &mut Limits {
        &mut self.core_mut().limits
    }

    pub(crate) fn core(&self) -> &StoreCore {
        self.as_context().core()
    }

    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        // SAFETY: the store is borrowed for us alone.
        unsafe { &mut (*self.inner.as_ptr()).core }
    }

    /// The context that guest code sees: a pointer to the whole store.
    #[inline]
    pub(crate) fn ctx(&mut self) -> *mut StoreCtx {
        self.inner.as_ptr().cast()
    }
}

fn check_fuel(core: &StoreCore) -> Result<()> {
    if core.engine.config().fuel {
        return Ok(());
    }
    Err(Error::usage(
        "fuel is off in the engine's configuration: switch it on with Config::fuel",
    ))
}

impl<T, X> fmt::Debug for StoreContextMut<'_, T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreContextMut").finish_non_exhaustive()
    }
}

/// Whatever gives reading access to a store.
pub trait AsContext {
    /// The embedder's data.
    type Data;
    /// The data of the layer between embedder and engine.
    type Extra;
    /// The store.
    fn as_context(&self) -> StoreContext<'_, Self::Data, Self::Extra>;
}

/// Whatever gives full access to a store.
pub trait AsContextMut: AsContext {
    /// The store.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data, Self::Extra>;
}

impl<T, X> AsContext for Store<T, X> {
    type Data = T;
    type Extra = X;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, T, X> {
        StoreContext {
            inner: self.inner,
            _borrow: PhantomData,
        }
    }
}

impl<T, X> AsContextMut for Store<T, X> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T, X> {
        StoreContextMut {
            inner: self.inner,
            _borrow: PhantomData,
        }
    }
}

impl<T, X> AsContext for StoreContext<'_, T, X> {
    type Data = T;
    type Extra = X;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, T, X> {
        *self
    }
}

impl<T, X> AsContext for StoreContextMut<'_, T, X> {
    type Data = T;
    type Extra = X;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, T, X> {
        StoreContext {
            inner: self.inner,
            _borrow: PhantomData,
        }
    }
}

impl<T, X> AsContextMut for StoreContextMut<'_, T, X> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T, X> {
        StoreContextMut {
            inner: self.inner,
            _borrow: PhantomData,
        }
    }
}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;
    type Extra = C::Extra;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, C::Data, C::Extra> {
        (**self).as_context()
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;
    type Extra = C::Extra;
    #[inline]
    fn as_context(&self) -> StoreContext<'_, C::Data, C::Extra> {
        (**self).as_context()
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data, C::Extra> {
        (**self).as_context_mut()
    }
}
