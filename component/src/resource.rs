//! Resources on the host's side: the table of values behind the host's own
//! resources, typed and untyped handles, and resource types as linkers know
//! them.
//!
//! A representation that guests see is an index with a generation, so one
//! that outlived its value is an error and not another value.

use std::any::{self, Any};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use linkspan_canon_abi::value::Handle;
use linkspan_canon_abi::{ResourceTypeId, Val};
use linkspan_engine as core;

use crate::error::{Error, Result};
use crate::store::{AsContext, AsContextMut, ComponentState, StoreContextMut};

/// What runs when a guest drops a handle that owns a resource of the host.
pub(crate) enum HostDtor<T: 'static> {
    /// A closure gets the representation.
    Call(Arc<dyn Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync>),
    /// The value is taken out of the store's table and dropped.
    Table,
}

/// Which destructor a resource type of the host has in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DtorIdentity {
    /// A closure, by the address of what is shared.
    Call(usize),
    /// See [`HostDtor::Table`].
    Table,
}

impl<T> HostDtor<T> {
    /// Equal for the same destructor, as long as it lives.
    pub(crate) fn identity(&self) -> DtorIdentity {
        match self {
            HostDtor::Call(dtor) => DtorIdentity::Call(Arc::as_ptr(dtor).cast::<()>().addr()),
            HostDtor::Table => DtorIdentity::Table,
        }
    }
}

impl<T> Clone for HostDtor<T> {
    fn clone(&self) -> Self {
        match self {
            HostDtor::Call(dtor) => HostDtor::Call(Arc::clone(dtor)),
            HostDtor::Table => HostDtor::Table,
        }
    }
}

/// The identity of a resource type: two are equal if values of one can be
/// passed where the other is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceType(ResourceKind);

/// See [`ResourceType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResourceKind {
    /// A resource of the host, named by a Rust type.
    Host(any::TypeId),
    /// A resource of the host, named by a number.
    Numbered(u32),
    /// A resource of the host that has no other name than the number that it
    /// was given.
    Unique(u64),
    /// A resource that a component instance defines: the store, and its
    /// number there.
    Guest { state: u64, id: u32 },
}

impl ResourceType {
    /// The resource of the host that a Rust type stands for: the type of its
    /// values, or any type that serves as a name.
    #[must_use]
    pub fn host<R: 'static>() -> ResourceType {
        ResourceType(ResourceKind::Host(any::TypeId::of::<R>()))
    }

    /// A resource of the host that is named by a number, for hosts that learn
    /// their resources at run time.
    #[must_use]
    pub fn numbered(number: u32) -> ResourceType {
        ResourceType(ResourceKind::Numbered(number))
    }

    /// A resource of the host that equals no other.
    #[must_use]
    pub fn unique() -> ResourceType {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        ResourceType(ResourceKind::Unique(NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn guest(state: u64, id: u32) -> ResourceType {
        ResourceType(ResourceKind::Guest { state, id })
    }

    pub(crate) fn kind(self) -> ResourceKind {
        self.0
    }

    /// Whether it stands for that Rust type.
    pub(crate) fn is_host(self, key: any::TypeId) -> bool {
        self.0 == ResourceKind::Host(key)
    }
}

/// A resource type in a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuntimeResource {
    /// Its identity.
    pub(crate) ty: ResourceType,
    /// The component instance that defines it.
    pub(crate) owner: Option<u32>,
    /// What runs when a handle that owns one is dropped.
    pub(crate) dtor: Dtor,
}

/// See [`RuntimeResource::dtor`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dtor {
    /// Nothing.
    None,
    /// A core function of the defining instance, or of the host.
    Func(core::Func),
    /// The value in the store's table is dropped.
    Table,
}

/// A handle to a resource of the host, typed by the Rust type that names the
/// resource.
///
/// It is an index into the store's [`ResourceTable`] (or whatever the host
/// uses as representation), not the value itself. A handle that owns its
/// resource passes it on when it is given to a guest as `own`.
pub struct Resource<T> {
    rep: u32,
    own: bool,
    _names: PhantomData<fn() -> T>,
}

impl<T: 'static> Resource<T> {
    /// A handle that owns the resource with this representation.
    #[must_use]
    pub fn new_own(rep: u32) -> Resource<T> {
        Resource {
            rep,
            own: true,
            _names: PhantomData,
        }
    }

    /// A handle that borrows the resource with this representation.
    #[must_use]
    pub fn new_borrow(rep: u32) -> Resource<T> {
        Resource {
            rep,
            own: false,
            _names: PhantomData,
        }
    }

    /// The representation.
    #[must_use]
    pub fn rep(&self) -> u32 {
        self.rep
    }

    /// Whether the handle owns the resource.
    #[must_use]
    pub fn owned(&self) -> bool {
        self.own
    }

    /// A borrow of the same resource.
    #[must_use]
    pub fn borrow(&self) -> Resource<T> {
        Resource::new_borrow(self.rep)
    }
}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.own { "own" } else { "borrow" };
        write!(f, "{kind}({:#x})", self.rep)
    }
}

/// How many values a [`ResourceTable`] can hold.
const VALUES_MAX: u32 = 1 << 24;

/// Values of the host, each under a representation that guests can hold.
///
/// A representation is an index of 24 bits with a generation of 8 bits.
#[derive(Default)]
pub struct ResourceTable {
    slots: Vec<ValueSlot>,
    /// The slot freed last.
    free: Option<u32>,
    /// Free slots whose next representation was given out before, the one
    /// that rests longest first.
    worn: VecDeque<u32>,
    live: u32,
}

/// How many slots rest once their generations are used up. A guest has to
/// make 256 times as many resources to see a representation again.
const WORN_MAX: usize = 1 << 20;

struct ValueSlot {
    generation: u8,
    state: ValueState,
}

enum ValueState {
    Free {
        next: Option<u32>,
    },
    Value(Box<dyn Any + Send>),
    /// The value is with the host function that took it for the time of a
    /// call.
    Taken,
}

impl ResourceTable {
    /// Adds a value; the handle owns it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if the table is full.
    pub fn push<R: Send + 'static>(&mut self, value: R) -> Result<Resource<R>> {
        self.push_boxed(Box::new(value)).map(Resource::new_own)
    }

    /// The value of a handle.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the handle is
    /// stale or another type's, or its value is in use.
    pub fn get<R: 'static>(&self, handle: &Resource<R>) -> Result<&R> {
        self.get_as(handle.rep)
    }

    /// The value of a handle.
    ///
    /// # Errors
    ///
    /// As [`ResourceTable::get`].
    pub fn get_mut<R: 'static>(&mut self, handle: &Resource<R>) -> Result<&mut R> {
        self.get_as_mut(handle.rep)
    }

    /// Takes the value of a handle that owns it out of the table.
    ///
    /// # Errors
    ///
    /// As [`ResourceTable::get`], and for a handle that borrows.
    pub fn delete<R: 'static>(&mut self, handle: Resource<R>) -> Result<R> {
        if !handle.own {
            return Err(not_owned());
        }
        self.get_as::<R>(handle.rep)?;
        match self.remove(handle.rep)?.downcast() {
            Ok(value) => Ok(*value),
            Err(_) => Err(wrong_type::<R>()),
        }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.live
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Adds a value: its representation.
    pub(crate) fn push_boxed(&mut self, value: Box<dyn Any + Send>) -> Result<u32> {
        let index = match self.free {
            Some(index) => index,
            None => self.fresh_slot()?,
        };
        let slot = &mut self.slots[index as usize];
        if let ValueState::Free { next } = slot.state {
            self.free = next;
        }
        slot.state = ValueState::Value(value);
        self.live += 1;
        Ok(index | u32::from(slot.generation) << 24)
    }

    /// A slot that is on no list of free ones.
    fn fresh_slot(&mut self) -> Result<u32> {
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        if self.worn.len() >= WORN_MAX || index >= VALUES_MAX {
            return self.worn.pop_front().ok_or_else(|| {
                Error::limit(format!(
                    "the resource table holds {VALUES_MAX} values, which is its limit"
                ))
            });
        }
        self.slots.push(ValueSlot {
            generation: 0,
            state: ValueState::Free { next: None },
        });
        Ok(index)
    }

    /// The value of a representation, as an `R`.
    pub(crate) fn get_as<R: 'static>(&self, rep: u32) -> Result<&R> {
        match self.slot(rep).map(|slot| &slot.state) {
            Some(ValueState::Value(value)) => value.downcast_ref().ok_or_else(wrong_type::<R>),
            Some(ValueState::Taken) => Err(busy()),
            Some(ValueState::Free { .. }) | None => Err(stale()),
        }
    }

    /// The value of a representation, as an `R`.
    pub(crate) fn get_as_mut<R: 'static>(&mut self, rep: u32) -> Result<&mut R> {
        match self.slot_mut(rep).map(|slot| &mut slot.state) {
            Some(ValueState::Value(value)) => value.downcast_mut().ok_or_else(wrong_type::<R>),
            Some(ValueState::Taken) => Err(busy()),
            Some(ValueState::Free { .. }) | None => Err(stale()),
        }
    }

    /// Takes a value for the time of a call. Until [`ResourceTable::put_back`]
    /// the representation answers that it is in use.
    pub(crate) fn take(&mut self, rep: u32) -> Result<Box<dyn Any + Send>> {
        let Some(slot) = self.slot_mut(rep) else {
            return Err(stale());
        };
        match std::mem::replace(&mut slot.state, ValueState::Taken) {
            ValueState::Value(value) => Ok(value),
            ValueState::Taken => Err(busy()),
            free @ ValueState::Free { .. } => {
                slot.state = free;
                Err(stale())
            }
        }
    }

    /// Ends [`ResourceTable::take`].
    pub(crate) fn put_back(&mut self, rep: u32, value: Box<dyn Any + Send>) {
        if let Some(slot) = self.slot_mut(rep)
            && matches!(slot.state, ValueState::Taken)
        {
            slot.state = ValueState::Value(value);
        }
    }

    /// Takes a value out of the table; its representation is stale from now
    /// on.
    pub(crate) fn remove(&mut self, rep: u32) -> Result<Box<dyn Any + Send>> {
        let free = self.free;
        let Some(slot) = self.slot_mut(rep) else {
            return Err(stale());
        };
        match std::mem::replace(&mut slot.state, ValueState::Free { next: free }) {
            ValueState::Value(value) => {
                slot.generation = slot.generation.wrapping_add(1);
                let index = rep & (VALUES_MAX - 1);
                if slot.generation == 0 {
                    slot.state = ValueState::Free { next: None };
                    self.worn.push_back(index);
                } else {
                    self.free = Some(index);
                }
                self.live -= 1;
                Ok(value)
            }
            ValueState::Taken => {
                slot.state = ValueState::Taken;
                Err(busy())
            }
            free @ ValueState::Free { .. } => {
                slot.state = free;
                Err(stale())
            }
        }
    }

    fn slot(&self, rep: u32) -> Option<&ValueSlot> {
        let slot = self.slots.get((rep & (VALUES_MAX - 1)) as usize)?;
        (u32::from(slot.generation) == rep >> 24).then_some(slot)
    }

    fn slot_mut(&mut self, rep: u32) -> Option<&mut ValueSlot> {
        let slot = self.slots.get_mut((rep & (VALUES_MAX - 1)) as usize)?;
        (u32::from(slot.generation) == rep >> 24).then_some(slot)
    }
}

#[cold]
fn stale() -> Error {
    Error::resource("the handle is stale: its resource was dropped or moved away")
}

#[cold]
fn busy() -> Error {
    Error::resource("the resource is in use by a call that is still running")
}

#[cold]
fn wrong_type<R>() -> Error {
    Error::resource(format!("the resource is not a {}", any::type_name::<R>()))
}

impl fmt::Debug for ResourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceTable")
            .field("len", &self.live)
            .finish_non_exhaustive()
    }
}

/// A handle to a resource that is known only at run time: one that a
/// component defines, or one of the host in a dynamic call.
///
/// It belongs to one store. A copy of a handle that was dropped or passed on
/// is stale, and its use an error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceAny {
    resource: ResourceTypeId,
    token: u64,
}

impl ResourceAny {
    /// A handle that owns a resource of the host, to be passed to a guest in
    /// a dynamic call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if no component of
    /// this store was linked to that resource type;
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) if the host holds too
    /// many handles.
    pub fn new_own(
        mut store: impl AsContextMut,
        ty: ResourceType,
        rep: u32,
    ) -> Result<ResourceAny> {
        let mut store = store.as_context_mut();
        let state = store.extra_mut();
        let resource = state.resource_of(ty)?;
        let token = state.any.insert(AnyHandle {
            resource,
            rep,
            own: true,
        })?;
        Ok(ResourceAny { resource, token })
    }

    /// The handle in a dynamic value.
    #[must_use]
    pub fn from_val(val: &Val) -> Option<ResourceAny> {
        match val {
            Val::Own(handle) | Val::Borrow(handle) => Some(ResourceAny::from_handle(*handle)),
            _ => None,
        }
    }

    /// The handle as a value of type `own`.
    #[must_use]
    pub fn into_own(self) -> Val {
        Val::Own(self.handle())
    }

    /// The handle as a value of type `borrow`.
    #[must_use]
    pub fn into_borrow(self) -> Val {
        Val::Borrow(self.handle())
    }

    pub(crate) fn from_handle(handle: Handle) -> ResourceAny {
        ResourceAny {
            resource: handle.resource,
            token: handle.rep,
        }
    }

    pub(crate) fn handle(self) -> Handle {
        Handle {
            resource: self.resource,
            rep: self.token,
        }
    }

    /// A handle made of a token that lifting answered.
    pub(crate) fn from_token(resource: ResourceTypeId, token: u64) -> ResourceAny {
        ResourceAny { resource, token }
    }

    /// The resource type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resource`](crate::ErrorKind::Resource) if the handle is
    /// stale or another store's.
    pub fn ty(&self, store: impl AsContext) -> Result<ResourceType> {
        let store = store.as_context();
        let state = store.extra();
        Ok(state.resource(state.any.get(self.token)?.resource)?.ty)
    }

    /// The representation of a resource of the host.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::ty`], and for a resource that a guest defines: its
    /// representation is the guest's own.
    pub fn rep(&self, store: impl AsContext) -> Result<u32> {
        let store = store.as_context();
        let state = store.extra();
        let handle = state.any.get(self.token)?;
        match state.resource(handle.resource)?.ty.kind() {
            ResourceKind::Host(_) | ResourceKind::Numbered(_) | ResourceKind::Unique(_) => {
                Ok(handle.rep)
            }
            ResourceKind::Guest { .. } => Err(Error::resource(
                "only the guest that defines a resource knows its representation",
            )),
        }
    }

    /// Whether the handle owns its resource.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::ty`].
    pub fn owned(&self, store: impl AsContext) -> Result<bool> {
        Ok(store.as_context().extra().any.get(self.token)?.own)
    }

    /// The handle as one of the host's Rust types; this one is stale
    /// afterwards.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::ty`], and if the resource is not `R`'s.
    pub fn into_resource<R: 'static>(self, mut store: impl AsContextMut) -> Result<Resource<R>> {
        let mut store = store.as_context_mut();
        let state = store.extra_mut();
        let handle = *state.any.get(self.token)?;
        if !state
            .resource(handle.resource)?
            .ty
            .is_host(any::TypeId::of::<R>())
        {
            return Err(wrong_type::<R>());
        }
        if !handle.own {
            return Ok(Resource::new_borrow(handle.rep));
        }
        state.any.take_own(self.token, handle.resource)?;
        Ok(Resource::new_own(handle.rep))
    }

    /// Drops the handle; if it owns its resource, the destructor runs.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::ty`], if the resource is lent to a running call, and
    /// what the destructor fails with.
    pub fn resource_drop(self, mut store: impl AsContextMut) -> Result<()> {
        let mut store = store.as_context_mut();
        crate::func::drop_handle(&mut store, self.token)
    }
}

impl fmt::Debug for ResourceAny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceAny({:#x})", self.token)
    }
}

/// A handle that the host holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnyHandle {
    /// Its resource type, numbered by the store.
    pub(crate) resource: ResourceTypeId,
    pub(crate) rep: u32,
    pub(crate) own: bool,
}

/// Bits of a token that are the slot.
const SLOT_BITS: u32 = 24;
/// Bits of a token that name the store.
const STORE_BITS: u32 = 20;
/// The last generation that a token has room for.
const GENERATION_MAX: u32 = (1 << (u64::BITS - SLOT_BITS - STORE_BITS)) - 1;

/// How many handles the host can hold in one store.
const HANDLES_MAX: usize = 1 << SLOT_BITS;

/// The handles that the host holds, named by tokens.
///
/// A token is, from its lowest bit on, a slot, the lower bits of the store's
/// number, and a generation. A token of another store is known as such, unless
/// very many stores were made between the two.
#[derive(Debug)]
pub(crate) struct AnyTable {
    slots: Vec<AnySlot>,
    free: Vec<u32>,
    /// The store's part of tokens, at its place.
    store: u64,
}

#[derive(Debug)]
struct AnySlot {
    generation: u32,
    lends: u32,
    handle: Option<AnyHandle>,
}

impl AnyTable {
    /// An empty table of the store with this number.
    pub(crate) fn new(store: u64) -> AnyTable {
        AnyTable {
            slots: Vec::new(),
            free: Vec::new(),
            store: (store & STORE_MASK) << SLOT_BITS,
        }
    }

    /// Adds a handle: its token.
    pub(crate) fn insert(&mut self, handle: AnyHandle) -> Result<u64> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                if self.slots.len() >= HANDLES_MAX {
                    return Err(Error::limit(format!(
                        "the host holds {HANDLES_MAX} handles of this store, which is the limit"
                    )));
                }
                self.slots.push(AnySlot {
                    // Zero would make tokens that look like representations.
                    generation: 1,
                    lends: 0,
                    handle: None,
                });
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let place = &mut self.slots[slot as usize];
        place.handle = Some(handle);
        let generation = u64::from(place.generation) << (SLOT_BITS + STORE_BITS);
        Ok(generation | self.store | u64::from(slot))
    }

    /// The handle of a token.
    pub(crate) fn get(&self, token: u64) -> Result<&AnyHandle> {
        self.slot(token)
            .and_then(|slot| slot.handle.as_ref())
            .ok_or_else(|| self.missing(token))
    }

    /// Why there is no handle of that token.
    #[cold]
    fn missing(&self, token: u64) -> Error {
        if token & (STORE_MASK << SLOT_BITS) == self.store {
            stale()
        } else {
            Error::resource("the handle belongs to another store")
        }
    }

    /// Checks that a handle can be passed on, or lent, as one of that type.
    pub(crate) fn check(&self, token: u64, resource: ResourceTypeId, own: bool) -> Result<()> {
        let handle = self.get(token)?;
        if handle.resource != resource {
            return Err(other_resource());
        }
        if own && !handle.own {
            return Err(not_owned());
        }
        if own && self.slot(token).is_some_and(|slot| slot.lends > 0) {
            return Err(lent());
        }
        Ok(())
    }

    fn slot(&self, token: u64) -> Option<&AnySlot> {
        let slot = self.slots.get(place(token))?;
        let generation = u64::from(slot.generation) << (SLOT_BITS + STORE_BITS);
        (generation | self.store == token & !SLOT_MASK).then_some(slot)
    }

    fn slot_mut(&mut self, token: u64) -> Option<&mut AnySlot> {
        self.slot(token)?;
        self.slots.get_mut(place(token))
    }

    /// Frees the slot of a token. One whose generations are used up is not
    /// used again: that is one slot for a million handles.
    fn free_slot(&mut self, token: u64) {
        if let Some(slot) = self.slot_mut(token)
            && slot.handle.take().is_some()
        {
            slot.lends = 0;
            slot.generation += 1;
            if slot.generation <= GENERATION_MAX {
                self.free.push((token & SLOT_MASK) as u32);
            }
        }
    }

    /// Takes a handle out: for passing it on, or to drop it.
    pub(crate) fn take(&mut self, token: u64) -> Result<AnyHandle> {
        let handle = *self.get(token)?;
        if self.slot(token).is_some_and(|slot| slot.lends > 0) {
            return Err(lent());
        }
        self.free_slot(token);
        Ok(handle)
    }

    /// Takes out a handle that owns a resource of that type.
    pub(crate) fn take_own(&mut self, token: u64, resource: ResourceTypeId) -> Result<u32> {
        self.check(token, resource, true)?;
        self.take(token).map(|handle| handle.rep)
    }

    /// Lends a handle of that type to a call: its representation.
    pub(crate) fn lend(&mut self, token: u64, resource: ResourceTypeId) -> Result<u32> {
        let handle = *self.get(token)?;
        if handle.resource != resource {
            return Err(other_resource());
        }
        if let Some(slot) = self.slot_mut(token) {
            slot.lends = slot.lends.saturating_add(1);
        }
        Ok(handle.rep)
    }

    /// Makes all handles stale whose resource type is gone.
    pub(crate) fn revoke(&mut self, is_gone: &dyn Fn(ResourceTypeId) -> bool) {
        for slot in 0..self.slots.len() {
            let place = &self.slots[slot];
            let gone = place.handle.is_some_and(|handle| is_gone(handle.resource));
            if gone {
                let generation = u64::from(place.generation) << (SLOT_BITS + STORE_BITS);
                self.free_slot(generation | self.store | slot as u64);
            }
        }
    }

    /// Ends a loan, unless the handle is gone.
    pub(crate) fn end_lend(&mut self, token: u64) {
        if let Some(slot) = self.slot_mut(token) {
            slot.lends = slot.lends.saturating_sub(1);
        }
    }

    /// Ends a borrow that the host got for the time of a call, unless the host
    /// dropped it before.
    pub(crate) fn end_temporary(&mut self, token: u64) {
        self.free_slot(token);
    }
}

const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
const STORE_MASK: u64 = (1 << STORE_BITS) - 1;

/// The slot of a token.
fn place(token: u64) -> usize {
    (token & SLOT_MASK) as usize
}

/// A representation that was widened.
pub(crate) fn representation(rep: u64) -> u32 {
    (rep & 0xffff_ffff) as u32
}

#[cold]
fn not_owned() -> Error {
    Error::resource("expected a handle that owns its resource, found a borrow")
}

#[cold]
fn lent() -> Error {
    Error::resource("the resource is lent to a call that is still running")
}

#[cold]
fn other_resource() -> Error {
    Error::resource("the handle is of another resource type than the function takes")
}

impl ComponentState {
    /// The number of a resource type in this store.
    pub(crate) fn resource_of(&self, ty: ResourceType) -> Result<ResourceTypeId> {
        let known = match ty.kind() {
            ResourceKind::Guest { state, id } => (state == self.id).then_some(ResourceTypeId(id)),
            ResourceKind::Host(key) => self.host_resource_of(key),
            kind @ (ResourceKind::Numbered(_) | ResourceKind::Unique(_)) => {
                self.host_resource_id(kind)
            }
        };
        known.ok_or_else(|| {
            Error::resource("no component of this store is linked to that resource type")
        })
    }
}

/// Tokens of handles that were dropped where no store was at hand: the next
/// entry into a guest of the store drops them for good.
#[derive(Debug, Default)]
pub(crate) struct DropQueue {
    tokens: Mutex<Vec<u64>>,
    /// As many as there are tokens, so that a look costs no lock.
    count: AtomicUsize,
}

impl DropQueue {
    /// Adds a token.
    pub(crate) fn push(&self, token: u64) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.push(token);
        self.count.store(tokens.len(), Ordering::Release);
    }

    /// Whether there is no token.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Takes all tokens out.
    pub(crate) fn take(&self) -> Vec<u64> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.store(0, Ordering::Release);
        std::mem::take(&mut *tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_stale_handles_are_seen() {
        let mut table = ResourceTable::default();
        let first = table.push(String::from("a")).unwrap();
        let second = table.push(7_u32).unwrap();
        assert_eq!(table.get(&first).unwrap(), "a");
        *table.get_mut(&second).unwrap() += 1;
        assert!(table.get(&Resource::<u64>::new_own(second.rep())).is_err());
        let copy = first.borrow();
        assert!(
            table.delete(first.borrow()).is_err(),
            "a borrow owns nothing"
        );
        assert_eq!(table.delete(first).unwrap(), "a");
        assert!(table.get(&copy).is_err(), "the value is gone");
        let third = table.push(String::from("b")).unwrap();
        assert_ne!(third.rep(), copy.rep(), "same slot, next generation");
        assert!(table.get(&copy).is_err());
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn representations_come_back_only_after_a_long_rest() {
        let mut table = ResourceTable::default();
        let first = table.push(0_u32).unwrap();
        let stale = first.borrow();
        table.delete(first).unwrap();
        for i in 0..1000_u32 {
            let handle = table.push(i).unwrap();
            assert_ne!(handle.rep(), stale.rep());
            assert!(table.get(&stale).is_err());
            table.delete(handle).unwrap();
        }
        assert!(table.is_empty());
        assert_eq!(table.slots.len(), 4);
    }

    #[test]
    fn worn_slots_are_used_again_when_enough_of_them_rest() {
        let mut table = ResourceTable::default();
        table.worn.extend(0..WORN_MAX as u32);
        table.slots.extend((0..WORN_MAX).map(|_| ValueSlot {
            generation: 0,
            state: ValueState::Free { next: None },
        }));
        let handle = table.push(1_u8).unwrap();
        assert_eq!(handle.rep(), 0, "the one that rests longest");
        assert_eq!(table.slots.len(), WORN_MAX);
    }

    #[test]
    fn a_token_names_its_store_and_one_handle() {
        let handle = AnyHandle {
            resource: ResourceTypeId(0),
            rep: 1,
            own: true,
        };
        let (mut a, mut b) = (AnyTable::new(1), AnyTable::new(2));
        let (of_a, of_b) = (a.insert(handle).unwrap(), b.insert(handle).unwrap());
        assert!(b.take(of_a).unwrap_err().to_string().contains("store"));
        b.end_temporary(of_a);
        assert_eq!(b.get(of_b).unwrap().rep, 1);
        a.slots[0].generation = GENERATION_MAX;
        let generation = u64::from(GENERATION_MAX - 1) << (SLOT_BITS + STORE_BITS);
        let last = of_a + generation;
        a.take(last).unwrap();
        assert_eq!(place(a.insert(handle).unwrap()), 1, "a worn slot rests");
    }

    #[test]
    fn taken_values_are_busy() {
        let mut table = ResourceTable::default();
        let handle = table.push(1_u8).unwrap();
        let value = table.take(handle.rep()).unwrap();
        assert!(
            table
                .take(handle.rep())
                .unwrap_err()
                .to_string()
                .contains("in use")
        );
        assert!(table.remove(handle.rep()).is_err());
        table.put_back(handle.rep(), value);
        assert_eq!(*table.get(&handle).unwrap(), 1);
    }

    #[test]
    fn tokens_are_checked() {
        let mut table = AnyTable::new(1);
        let resource = ResourceTypeId(3);
        let own = |rep| AnyHandle {
            resource,
            rep,
            own: true,
        };
        let token = table.insert(own(5)).unwrap();
        assert_eq!(table.lend(token, resource).unwrap(), 5);
        assert!(table.take_own(token, resource).is_err(), "lent");
        table.end_lend(token);
        assert!(
            table.take_own(token, ResourceTypeId(4)).is_err(),
            "other type"
        );
        assert_eq!(table.take_own(token, resource).unwrap(), 5);
        assert!(table.get(token).is_err(), "stale");
        let again = table.insert(own(6)).unwrap();
        assert_ne!(again, token);
        assert_eq!(again as u32, token as u32, "the slot is used again");
    }
}
