//! References as the host sees them: small handles to objects of a store's
//! heap, which keep them alive until their scope ends.
//!
//! Every host call is a scope, and [`Store::scope`](crate::Store::scope)
//! makes one elsewhere. A handle used after its scope, or with another
//! store, is an error. [`OwnedRooted`] holds on to an object for longer.

use core::any::Any;
use core::fmt;
use core::marker::PhantomData;

use super::handles::{Handle, OwnedHandle};
use super::heap;
use super::store::{AsContext, AsContextMut, Store, StoreContext, StoreContextMut, StoreCore};
use crate::error::Result;
use crate::gc::GcStats;
use crate::translate::Safepoint;
use crate::types::rtt::{HOST_SLOT_OFFSET, RttKind};
use crate::types::{HeapType, Hierarchy, RefType};

/// A 31-bit integer: the values that a reference holds without an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct I31(u32);

impl I31 {
    /// The integer without sign, if it has at most 31 bits.
    #[must_use]
    pub fn new_u32(value: u32) -> Option<I31> {
        (value >> 31 == 0).then_some(I31(value))
    }

    /// The integer with sign, if it is in `-2^30..2^30`.
    #[must_use]
    pub fn new_i32(value: i32) -> Option<I31> {
        let wrapped = I31::wrapping_i32(value);
        (wrapped.get_i32() == value).then_some(wrapped)
    }

    /// The low 31 bits of an integer.
    #[must_use]
    pub fn wrapping_u32(value: u32) -> I31 {
        I31(value & (u32::MAX >> 1))
    }

    /// The low 31 bits of an integer.
    #[must_use]
    pub fn wrapping_i32(value: i32) -> I31 {
        I31::wrapping_u32(value.cast_unsigned())
    }

    /// The integer, read without sign.
    #[must_use]
    pub fn get_u32(self) -> u32 {
        self.0
    }

    /// The integer, read with its sign.
    #[must_use]
    pub fn get_i32(self) -> i32 {
        (self.0 << 1).cast_signed() >> 1
    }

    fn to_reference(self) -> u32 {
        self.0 << 1 | 1
    }
}

impl fmt::Debug for I31 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I31({})", self.get_i32())
    }
}

mod sealed {
    use super::Handle;

    /// A handle of some type.
    pub trait Sealed: Copy {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "nobody else can name the trait")]
        fn from_handle(handle: Handle) -> Self;
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "nobody else can name the trait")]
        fn handle(self) -> Handle;
    }
}
pub(super) use sealed::Sealed;

/// A handle to an object: [`AnyRef`], [`StructRef`], [`ArrayRef`],
/// [`ExternRef`] or [`ExnRef`].
pub trait Reference: Sealed {
    /// A reference that lasts until its last clone is dropped, whatever the
    /// scope.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the scope of the handle has
    /// ended, or if it belongs to another store.
    fn to_owned_rooted(self, store: impl AsContextMut) -> Result<OwnedRooted<Self>> {
        let mut store = store;
        let store = store.as_context_mut();
        let core = store.core();
        let reference = self.handle().get(core)?;
        Ok(OwnedRooted {
            handle: core.handles.own(core.id, reference),
            _type: PhantomData,
        })
    }

    /// Whether two handles lead to the same object, or hold the same 31-bit
    /// integer.
    ///
    /// # Errors
    ///
    /// As for [`to_owned_rooted`](Reference::to_owned_rooted), for either.
    fn ref_eq(self, store: impl AsContext, other: impl Reference) -> Result<bool> {
        let store = store.as_context();
        let core = store.core();
        Ok(self.handle().get(core)? == other.handle().get(core)?)
    }
}

macro_rules! references {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// Comparing handles compares the handles alone; see
        /// [`Reference::ref_eq`] for the objects.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name(Handle);

        impl Sealed for $name {
            #[expect(private_interfaces, reason = "nobody else can name the trait")]
            fn from_handle(handle: Handle) -> $name {
                $name(handle)
            }
            #[expect(private_interfaces, reason = "nobody else can name the trait")]
            fn handle(self) -> Handle {
                self.0
            }
        }

        impl Reference for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

references! {
    /// A value inside WebAssembly: a structure, an array, a 31-bit integer,
    /// or a value of the host that a guest has internalised.
    AnyRef;
    /// A structure.
    StructRef;
    /// An array.
    ArrayRef;
    /// A value of the host, or one of WebAssembly that a guest has
    /// externalised.
    ExternRef;
    /// An exception.
    ExnRef;
}

/// Makes a handle.
pub(super) fn new<R: Reference>(core: &StoreCore, reference: u32) -> R {
    R::from_handle(core.handles.push(core.id, reference))
}

/// Whether a reference that is not null is one of type `heap`.
pub(super) fn matches(core: &StoreCore, reference: u32, heap: HeapType) -> bool {
    if heap.hierarchy() == Hierarchy::Extern {
        return heap == HeapType::Extern;
    }
    if reference & 1 == 1 {
        return matches!(heap, HeapType::Any | HeapType::Eq | HeapType::I31);
    }
    core.rtt_of(reference).is_some_and(|rtt| match rtt.kind {
        RttKind::Func => heap == HeapType::Exn,
        RttKind::Host => heap == HeapType::Any,
        RttKind::Struct => {
            HeapType::ConcreteStruct(rtt.id).matches(heap, |_, sup| rtt.inherits(sup))
        }
        RttKind::Array => HeapType::ConcreteArray(rtt.id).matches(heap, |_, sup| rtt.inherits(sup)),
    })
}

/// A reference that lasts until the last clone of it is dropped. It can go
/// to other threads, and is used with its store by
/// [`to_rooted`](OwnedRooted::to_rooted).
pub struct OwnedRooted<R> {
    handle: OwnedHandle,
    _type: PhantomData<fn() -> R>,
}

impl<R> Clone for OwnedRooted<R> {
    fn clone(&self) -> Self {
        OwnedRooted {
            handle: self.handle.clone(),
            _type: PhantomData,
        }
    }
}

impl<R> fmt::Debug for OwnedRooted<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedRooted")
    }
}

impl<R: Reference> OwnedRooted<R> {
    /// A handle for the scope that is open now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the reference belongs to
    /// another store.
    pub fn to_rooted(&self, store: impl AsContext) -> Result<R> {
        let store = store.as_context();
        let core = store.core();
        Ok(new(core, self.handle.get(core)?))
    }
}

impl AnyRef {
    /// A 31-bit integer.
    pub fn from_i31(store: impl AsContextMut, value: I31) -> AnyRef {
        let mut store = store;
        new(store.as_context_mut().core(), value.to_reference())
    }

    /// The 31-bit integer, if it is one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the scope of the handle has
    /// ended, or if it belongs to another store.
    pub fn as_i31(self, store: impl AsContext) -> Result<Option<I31>> {
        let reference = self.0.get(store.as_context().core())?;
        Ok((reference & 1 == 1).then_some(I31(reference >> 1)))
    }

    /// The structure, if it is one.
    ///
    /// # Errors
    ///
    /// As for [`as_i31`](AnyRef::as_i31).
    pub fn as_struct(self, store: impl AsContext) -> Result<Option<StructRef>> {
        let is_struct = self.matches(store, RefType::non_null(HeapType::Struct))?;
        Ok(is_struct.then_some(StructRef(self.0)))
    }

    /// The array, if it is one.
    ///
    /// # Errors
    ///
    /// As for [`as_i31`](AnyRef::as_i31).
    pub fn as_array(self, store: impl AsContext) -> Result<Option<ArrayRef>> {
        let is_array = self.matches(store, RefType::non_null(HeapType::Array))?;
        Ok(is_array.then_some(ArrayRef(self.0)))
    }

    /// The same value outside WebAssembly, as `extern.convert_any` gives it.
    #[must_use]
    pub fn to_extern(self) -> ExternRef {
        ExternRef(self.0)
    }

    /// The most specific type of the value: that with which the structure
    /// or array was made.
    ///
    /// # Errors
    ///
    /// As for [`as_i31`](AnyRef::as_i31).
    pub fn ty(self, store: impl AsContext) -> Result<HeapType> {
        let store = store.as_context();
        let core = store.core();
        let reference = self.0.get(core)?;
        if reference & 1 == 1 {
            return Ok(HeapType::I31);
        }
        Ok(core
            .rtt_of(reference)
            .map_or(HeapType::Any, |rtt| match rtt.kind {
                RttKind::Struct => HeapType::ConcreteStruct(rtt.id),
                RttKind::Array => HeapType::ConcreteArray(rtt.id),
                RttKind::Host | RttKind::Func => HeapType::Any,
            }))
    }

    /// Whether the value is one of type `ty`.
    ///
    /// # Errors
    ///
    /// As for [`as_i31`](AnyRef::as_i31).
    pub fn matches(self, store: impl AsContext, ty: RefType) -> Result<bool> {
        let store = store.as_context();
        let core = store.core();
        let reference = self.0.get(core)?;
        Ok(ty.heap.hierarchy() == Hierarchy::Any && matches(core, reference, ty.heap))
    }
}

impl From<StructRef> for AnyRef {
    fn from(reference: StructRef) -> AnyRef {
        AnyRef(reference.0)
    }
}

impl From<ArrayRef> for AnyRef {
    fn from(reference: ArrayRef) -> AnyRef {
        AnyRef(reference.0)
    }
}

impl ExternRef {
    /// A reference to a value of the host. The store keeps the value and
    /// drops it after a collection that finds no reference to it, or when it
    /// ends itself.
    ///
    /// ```
    /// use linkspan_engine::{Engine, ExternRef, Store};
    ///
    /// let mut store = Store::<()>::new(&Engine::default(), ());
    /// let name = ExternRef::new(&mut store, String::from("host"))?;
    /// let data = name.data(&store)?.and_then(|data| data.downcast_ref::<String>());
    /// assert_eq!(data.map(String::as_str), Some("host"));
    /// # Ok::<(), linkspan_engine::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Trap::HeapExhausted`](crate::Trap) if the store's limit or the
    /// system refuses room for it.
    pub fn new(
        mut store: impl AsContextMut,
        value: impl Any + Send + Sync + 'static,
    ) -> Result<ExternRef> {
        let mut store = store.as_context_mut();
        let ctx = store.ctx();
        // SAFETY: the store is borrowed for us alone; all references that
        // the host holds are in handles, and guests wait in calls.
        let at = unsafe { heap::new_host_value(ctx, Box::new(value), Safepoint::Call) }?;
        Ok(new(store.core(), at))
    }

    /// The value of the host; `None` for a value of WebAssembly.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the scope of the handle has
    /// ended, or if it belongs to another store.
    pub fn data(self, store: &impl AsContext) -> Result<Option<&(dyn Any + Send + Sync)>> {
        let core = store.as_context().core();
        let reference = self.0.get(core)?;
        let Some(slot) = host_slot(core, reference) else {
            return Ok(None);
        };
        Ok(core.gc.host_value(slot).map(|value| &**value))
    }

    /// The value of the host, for writing; `None` for a value of
    /// WebAssembly.
    ///
    /// # Errors
    ///
    /// As for [`data`](ExternRef::data).
    pub fn data_mut(
        self,
        store: &mut impl AsContextMut,
    ) -> Result<Option<&mut (dyn Any + Send + Sync)>> {
        let mut context = store.as_context_mut();
        let core: *mut StoreCore = context.core_mut();
        // SAFETY: the store is borrowed for us alone as long as the answer.
        let core = unsafe { &mut *core };
        let reference = self.0.get(core)?;
        let Some(slot) = host_slot(core, reference) else {
            return Ok(None);
        };
        Ok(core.gc.host_value_mut(slot).map(|value| &mut **value))
    }

    /// The same value inside WebAssembly, as `any.convert_extern` gives it.
    #[must_use]
    pub fn to_any(self) -> AnyRef {
        AnyRef(self.0)
    }
}

/// The place of the value that an object stands for, if it is such an object.
fn host_slot(core: &StoreCore, reference: u32) -> Option<u32> {
    if reference & 1 == 1 || core.rtt_of(reference)?.kind != RttKind::Host {
        return None;
    }
    // SAFETY: such an object has its place here.
    Some(unsafe {
        core.object(reference)
            .add(HOST_SLOT_OFFSET as usize)
            .cast::<u32>()
            .read()
    })
}

impl<T, X> Store<T, X> {
    /// Runs `work` in a scope of its own: handles that are made in it are
    /// invalid afterwards, and hold nothing alive.
    pub fn scope<R>(&mut self, work: impl FnOnce(&mut StoreContextMut<'_, T, X>) -> R) -> R {
        self.as_context_mut().scope(work)
    }

    /// Frees all objects that cannot be reached.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the heap is damaged, which
    /// no guest can do.
    pub fn gc(&mut self) -> Result<()> {
        self.as_context_mut().gc()
    }

    /// What the heap has done so far.
    #[must_use]
    pub fn gc_stats(&self) -> GcStats {
        self.as_context().gc_stats()
    }
}

impl<T, X> StoreContext<'_, T, X> {
    /// See [`Store::gc_stats`].
    #[must_use]
    pub fn gc_stats(&self) -> GcStats {
        self.core().gc.stats(self.bump())
    }
}

impl<T, X> StoreContextMut<'_, T, X> {
    /// See [`Store::scope`].
    pub fn scope<R>(&mut self, work: impl FnOnce(&mut StoreContextMut<'_, T, X>) -> R) -> R {
        let mark = self.core().handles.mark();
        // If `work` panics, its handles stay until an outer scope ends.
        let result = work(self);
        self.core().handles.release(mark);
        result
    }

    /// See [`Store::gc`].
    ///
    /// # Errors
    ///
    /// Those of [`Store::gc`].
    pub fn gc(&mut self) -> Result<()> {
        let ctx = self.ctx();
        // SAFETY: the store is borrowed for us alone; all references that
        // the host holds are in handles, and guests wait in calls.
        unsafe { heap::collect_and_shrink(ctx) };
        // SAFETY: as above.
        match unsafe { heap::damage(ctx) } {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// See [`Store::gc_stats`].
    #[must_use]
    pub fn gc_stats(&self) -> GcStats {
        self.as_context().gc_stats()
    }
}
