//! Exceptions: the one that is on its way to a handler, those that guests
//! refer to, and those that the host holds.
//!
//! To throw is to copy the payload into the store's buffer; nothing is
//! allocated. An object is made when a handler wants a reference, and an
//! entry of the host's when the exception reaches the host.

use core::fmt;
use core::fmt::Write as _;
use core::ptr::NonNull;
use core::slice;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::activation::{ActivationId, Progress};
use super::driver;
use super::func::{read_vals, type_of, write_vals};
use super::heap;
use super::reference::{self, ExnRef, Sealed as _};
use super::roots::visit_slot;
use super::store::{
    AsContext, AsContextMut, Store, StoreContextMut, StoreCore, StoreId, wrong_store,
};
use super::tag::{Tag, TagData};
use super::value::Val;
use super::vmctx::{HostStatus, Slot, StoreCtx, VmCtx};
use crate::error::{Error, Result};
use crate::translate::Safepoint;
use crate::types::rtt::EXCEPTION_TAG_OFFSET;

/// The exception that is on its way, and all others of a store.
#[derive(Default)]
pub(crate) struct Exceptions {
    /// None if no exception is on its way.
    tag: Option<NonNull<TagData>>,
    payload: Vec<Slot>,
    /// The reference to it if there is one, else zero.
    reference: u32,
    /// The error as which it came back from the host.
    error: Option<Error>,
    /// Exceptions that the host may hold, by number.
    held: BTreeMap<u64, Held>,
    /// Number of the next one.
    next: u64,
    /// With so many entries, those that nobody holds are looked for.
    sweep_at: usize,
}

/// An exception that the host holds.
struct Held {
    holder: Weak<Inner>,
    tag: NonNull<TagData>,
    payload: Box<[Slot]>,
    reference: u32,
}

/// Fewest entries between two searches for those that nobody holds.
const SWEEP_MIN: usize = 16;

impl Exceptions {
    /// Makes an exception the one that is on its way.
    fn set(&mut self, tag: NonNull<TagData>, payload: &[Slot], reference: u32) {
        self.tag = Some(tag);
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        self.reference = reference;
        self.error = None;
    }

    /// All references in exceptions, for the collector.
    pub(super) fn visit(&mut self, each: &mut dyn FnMut(&mut u32)) {
        if let Some(tag) = self.tag {
            // SAFETY: tags live as long as their store.
            visit_payload(unsafe { tag.as_ref() }, &mut self.payload, each);
            each(&mut self.reference);
        }
        self.held.retain(|_, held| held.holder.strong_count() > 0);
        for held in self.held.values_mut() {
            // SAFETY: as above.
            visit_payload(unsafe { held.tag.as_ref() }, &mut held.payload, each);
            each(&mut held.reference);
        }
    }

    /// Its tag.
    pub(super) fn tag(&self) -> Option<NonNull<TagData>> {
        self.tag
    }

    /// Its payload.
    pub(super) fn payload(&self) -> &[Slot] {
        &self.payload
    }

    /// It has arrived.
    pub(super) fn clear(&mut self) {
        self.tag = None;
        self.payload.clear();
        self.reference = 0;
        self.error = None;
    }
}

/// Visits the references in a payload.
fn visit_payload(tag: &TagData, payload: &mut [Slot], each: &mut dyn FnMut(&mut u32)) {
    let mut rest = payload;
    for ty in tag.ty.params() {
        let Some((value, others)) = rest.split_at_mut_checked(ty.slots()) else {
            return;
        };
        if ty.is_traced() {
            visit_slot(&mut value[0], each);
        }
        rest = others;
    }
}

/// A reference to the exception that is on its way.
///
/// # Errors
///
/// [`Trap::HeapExhausted`] if there is no room for the object.
///
/// # Safety
///
/// `store` must be a live context that the caller has alone, whose registers
/// describe the innermost frame.
pub(super) unsafe fn materialize(store: *mut StoreCtx) -> Result<u32> {
    // SAFETY: passed on to the caller; tags live as long as their store. The
    // payload is a root while the object is made, and fits its type.
    unsafe {
        let exceptions = &(*(*store).core).exceptions;
        let Some(tag) = exceptions.tag.filter(|_| exceptions.reference == 0) else {
            return Ok(exceptions.reference);
        };
        let rtt = tag.as_ref().ty.rtt();
        heap::learn(store, rtt);
        let at = heap::new_object(store, rtt, Safepoint::Call)?;
        let core = &mut *(*store).core;
        core.object(at)
            .add(EXCEPTION_TAG_OFFSET as usize)
            .cast::<u32>()
            .write(tag.as_ref().def.number);
        let mut slot = 0;
        for field in rtt.fields() {
            let payload = &core.exceptions.payload;
            let value = [payload[slot], payload.get(slot + 1).copied().unwrap_or(0)];
            core.write(at, field.offset_bytes, field.storage, value);
            slot += field.storage.slots();
        }
        core.exceptions.reference = at;
        Ok(at)
    }
}

/// Throws an exception of an instance's tag whose payload stands at
/// `payload`.
///
/// # Safety
///
/// `cx` must be the context of a live instance that has such a tag, whose
/// store's core nobody borrows; the payload must be of the tag's type.
#[inline(never)]
pub(crate) unsafe extern "C" fn throw(cx: *mut VmCtx, tag: u32, payload: *const Slot) {
    // SAFETY: passed on to the caller; tags live as long as their store.
    unsafe {
        let core = &mut *(*(*cx).store).core;
        let tag = NonNull::new_unchecked(*(*cx).tags.add(tag as usize));
        let slots = usize::from(tag.as_ref().payload_slots);
        let payload = slice::from_raw_parts(payload, slots);
        core.exceptions.set(tag.cast(), payload, 0);
    }
}

/// Throws an exception again.
///
/// # Safety
///
/// `cx` must be the context of a live instance, whose store's core nobody
/// borrows; `reference` must refer to an exception of that store.
#[inline(never)]
pub(crate) unsafe extern "C" fn throw_ref(cx: *mut VmCtx, reference: u32) {
    // SAFETY: passed on to the caller.
    unsafe {
        let core = &mut *(*(*cx).store).core;
        if let Some((tag, payload)) = read(core, reference) {
            core.exceptions.set(tag, &payload, reference);
        }
    }
}

/// Tag and payload of an exception.
///
/// # Safety
///
/// `reference` must refer to an exception of the store.
unsafe fn read(core: &StoreCore, reference: u32) -> Option<(NonNull<TagData>, Vec<Slot>)> {
    // SAFETY: passed on to the caller; the object has the fields of its
    // type, and its tag is one of the store.
    unsafe {
        let number = core
            .object(reference)
            .add(EXCEPTION_TAG_OFFSET as usize)
            .cast::<u32>()
            .read();
        let tag = *core.tags.get(number as usize)?;
        let mut payload = Vec::new();
        for field in core.rtt_of(reference)?.fields() {
            let value = core.load(reference, field.offset_bytes, field.storage);
            payload.extend_from_slice(&value[..field.storage.slots()]);
        }
        Some((tag, payload))
    }
}

/// The exception that is on its way, as the error that the host gets.
pub(super) fn take_error(core: &mut StoreCore) -> Error {
    let exceptions = &mut core.exceptions;
    if let Some(error) = exceptions.error.take() {
        exceptions.clear();
        return error;
    }
    let Some(tag) = exceptions.tag else {
        return Error::usage("a guest threw no exception");
    };
    let payload: Box<[Slot]> = exceptions.payload.as_slice().into();
    let reference = exceptions.reference;
    exceptions.clear();
    Exception::hold(core, tag, payload, reference).into()
}

/// Makes the exception that an error carries the one that is on its way.
///
/// # Errors
///
/// The error itself if it carries none; [`ErrorKind::Usage`](crate::ErrorKind) if the exception
/// belongs to another store.
pub(super) fn throw_error(core: &mut StoreCore, error: Error) -> Result<()> {
    let Some(exception) = error.exception() else {
        return Err(error);
    };
    let held = exception.held_in(core)?;
    let (tag, payload, reference) = (held.tag, held.payload.clone(), held.reference);
    core.exceptions.set(tag, &payload, reference);
    core.exceptions.error = Some(error);
    Ok(())
}

/// An exception in the hands of the host: one that no guest has caught, or
/// one that the host has made. Cloning shares it; it lasts as long as a clone
/// of it, or an [`Error`] that carries it.
///
/// A host function throws it by answering with an error made
/// [from](Error::from) it, or with the error in which it came.
///
/// ```
/// use linkspan_engine::{Caller, Engine, FuncType, Linker, Module, Store, Tag, Val, ValType};
///
/// let engine = Engine::default();
/// let module = Module::new(
///     &engine,
///     r#"(module
///         (import "host" "oops" (tag $oops (param i32)))
///         (import "host" "fail" (func $fail))
///         (func (export "run") (result i32)
///             (block $caught (result i32)
///                 (try_table (catch $oops $caught) (call $fail))
///                 (i32.const 0))))"#,
/// )?;
/// let mut store = Store::<()>::new(&engine, ());
/// let oops = Tag::new(&mut store, &FuncType::new([ValType::I32], []))?;
/// let mut linker = Linker::new(&engine);
/// linker.define("host", "oops", oops)?;
/// linker.func_wrap("host", "fail", move |mut caller: Caller<'_, ()>| {
///     linkspan_engine::Result::<()>::Err(caller.throw(oops, &[Val::I32(7)]))
/// })?;
/// let instance = linker.instantiate(&mut store, &module)?;
/// let run = instance.get_typed_func::<(), i32>(&store, "run")?;
/// assert_eq!(run.call(&mut store, ())?, 7);
/// # Ok::<(), linkspan_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Exception(Arc<Inner>);

struct Inner {
    store: StoreId,
    number: u64,
    text: String,
}

impl Exception {
    /// A new exception, for the host to throw.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if number or types of the values are not those
    /// of the tag, or something belongs to another store.
    pub fn new(mut store: impl AsContextMut, tag: Tag, payload: &[Val]) -> Result<Exception> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let tag = tag.data_in(core.id)?;
        // SAFETY: the tag belongs to the store, which is borrowed.
        let (ty, slots) = unsafe { (&tag.as_ref().ty, tag.as_ref().def.payload_slots) };
        let mut window = vec![0; usize::from(slots)];
        // SAFETY: there is a slot for each value.
        unsafe { write_vals(core, window.as_mut_ptr(), ty.params(), payload) }
            .map_err(|error| error.context("payload of an exception"))?;
        Ok(Exception::hold(core, tag, window.into(), 0))
    }

    /// Puts an exception where the host can get at it.
    fn hold(
        core: &mut StoreCore,
        tag: NonNull<TagData>,
        payload: Box<[Slot]>,
        reference: u32,
    ) -> Exception {
        let id = core.id;
        // SAFETY: tags live as long as their store, which is borrowed; the
        // payload has the tag's type.
        let text = unsafe { describe(core, tag.as_ref(), &payload) };
        let exceptions = &mut core.exceptions;
        if exceptions.held.len() >= exceptions.sweep_at {
            exceptions
                .held
                .retain(|_, held| held.holder.strong_count() > 0);
            exceptions.sweep_at = SWEEP_MIN.max(exceptions.held.len() * 2);
        }
        let number = exceptions.next;
        exceptions.next += 1;
        let inner = Arc::new(Inner {
            store: id,
            number,
            text,
        });
        let held = Held {
            holder: Arc::downgrade(&inner),
            tag,
            payload,
            reference,
        };
        exceptions.held.insert(number, held);
        Exception(inner)
    }

    fn held_in<'a>(&self, core: &'a StoreCore) -> Result<&'a Held> {
        if core.id != self.0.store {
            return Err(wrong_store("exception"));
        }
        let held = core.exceptions.held.get(&self.0.number);
        held.ok_or_else(|| Error::usage("the exception is no longer in its store"))
    }

    /// The exception's tag.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the exception belongs to another store.
    pub fn tag(&self, store: impl AsContext) -> Result<Tag> {
        let store = store.as_context();
        let held = self.held_in(store.core())?;
        // SAFETY: the tag belongs to the store of the exception.
        Ok(unsafe { Tag::from_data(self.0.store, held.tag) })
    }

    /// The values that the exception carries.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the exception belongs to another store.
    pub fn payload(&self, mut store: impl AsContextMut) -> Result<Vec<Val>> {
        let store = store.as_context_mut();
        let core = store.core();
        let held = self.held_in(core)?;
        // SAFETY: the tag lives as long as the store, and the payload has
        // its type.
        unsafe {
            let ty = &held.tag.as_ref().ty;
            Ok(read_vals(core, held.payload.as_ptr(), ty.params()))
        }
    }
}

impl Exception {
    /// A reference to the exception, as guests have it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the exception belongs to
    /// another store; [`Trap::HeapExhausted`](crate::Trap) if there is no
    /// room for the object.
    pub fn to_ref(&self, mut store: impl AsContextMut) -> Result<ExnRef> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let held = self.held_in(core)?;
        let (tag, payload, reference) = (held.tag, held.payload.clone(), held.reference);
        // While the host runs, no other exception is on its way.
        core.exceptions.set(tag, &payload, reference);
        let ctx = store.ctx();
        // SAFETY: the store is borrowed for us alone; all references that
        // the host holds are in handles, and guests wait in calls.
        let reference = unsafe { materialize(ctx) };
        let core = store.core_mut();
        core.exceptions.clear();
        let reference = reference?;
        if let Some(held) = core.exceptions.held.get_mut(&self.0.number) {
            held.reference = reference;
        }
        Ok(reference::new(core, reference))
    }
}

impl ExnRef {
    /// The exception, for its tag and payload, and to throw it again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if the scope of the handle has
    /// ended, or if it belongs to another store.
    pub fn exception(self, mut store: impl AsContextMut) -> Result<Exception> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let reference = self.handle().get(core)?;
        // SAFETY: the handle leads to an exception of this store.
        let (tag, payload) = unsafe { read(core, reference) }
            .ok_or_else(|| Error::usage("expected a reference to an exception"))?;
        Ok(Exception::hold(core, tag, payload.into(), reference))
    }
}

/// Prints the tag's name and the payload: `tag "oops" with payload (i32 7)`.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exception({})", self.0.text)
    }
}

impl From<Exception> for Error {
    #[cold]
    fn from(exception: Exception) -> Error {
        Error::uncaught(exception)
    }
}

/// Values of a payload that are printed.
const VALUES_SHOWN_MAX: usize = 16;

/// An exception for people.
///
/// # Safety
///
/// The payload must be of the tag's type and of store `id`.
unsafe fn describe(core: &StoreCore, tag: &TagData, payload: &[Slot]) -> String {
    let mut text = match tag.name() {
        Some(name) => format!("tag {name:?}"),
        None => "tag without a name".to_owned(),
    };
    let types = tag.ty.params();
    if types.is_empty() {
        return text;
    }
    text.push_str(" with payload (");
    let shown = &types[..types.len().min(VALUES_SHOWN_MAX)];
    let scope = core.handles.mark();
    // SAFETY: passed on to the caller.
    let values = unsafe { read_vals(core, payload.as_ptr(), shown) };
    // No more than whether they are null is asked of references.
    core.handles.release(scope);
    for (i, (value, ty)) in values.iter().zip(shown).enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        // Writing to a string cannot fail.
        let _ = match value {
            Val::I32(value) => write!(text, "{separator}{ty} {value}"),
            Val::I64(value) => write!(text, "{separator}{ty} {value}"),
            Val::F32(bits) => write!(text, "{separator}{ty} {:?}", f32::from_bits(*bits)),
            Val::F64(bits) => write!(text, "{separator}{ty} {:?}", f64::from_bits(*bits)),
            Val::V128(bits) => write!(text, "{separator}{ty} 0x{bits:032x}"),
            Val::FuncRef(None) | Val::AnyRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => {
                write!(text, "{separator}{ty} null")
            }
            Val::FuncRef(Some(_))
            | Val::AnyRef(Some(_))
            | Val::ExternRef(Some(_))
            | Val::ExnRef(Some(_)) => write!(text, "{separator}{ty}"),
        };
    }
    text.push_str(if shown.len() < types.len() {
        ", ...)"
    } else {
        ")"
    });
    text
}

impl<T, X> Store<T, X> {
    /// An error that throws an exception when a host function answers with
    /// it: short for [`Exception::new`]. If the exception cannot be made,
    /// the error says why.
    #[must_use]
    pub fn throw(&mut self, tag: Tag, payload: &[Val]) -> Error {
        self.as_context_mut().throw(tag, payload)
    }

    /// Goes on with a parked call whose host function has failed: the error
    /// stops the guest, or, if it carries an exception, throws that where
    /// the guest waits.
    ///
    /// # Errors
    ///
    /// As for [`Store::resume`](crate::Store::resume);
    /// [`ErrorKind::Usage`](crate::ErrorKind) also if the exception belongs
    /// to another store: then the call waits on.
    pub fn resume_with_error(
        &mut self,
        activation: ActivationId,
        error: Error,
    ) -> Result<Progress> {
        self.as_context_mut().resume_with_error(activation, error)
    }
}

impl<T, X> StoreContextMut<'_, T, X> {
    /// See [`Store::throw`].
    #[must_use]
    pub fn throw(&mut self, tag: Tag, payload: &[Val]) -> Error {
        match Exception::new(self, tag, payload) {
            Ok(exception) => exception.into(),
            Err(error) => error,
        }
    }

    /// See [`Store::resume_with_error`].
    ///
    /// # Errors
    ///
    /// Those of [`Store::resume_with_error`].
    pub fn resume_with_error(
        &mut self,
        activation: ActivationId,
        error: Error,
    ) -> Result<Progress> {
        let ctx = self.ctx();
        // SAFETY: the store is borrowed for us alone; `read` gets a
        // definition of this store with its window.
        let done = unsafe {
            driver::resume(
                ctx,
                activation,
                |_, _| fail(&mut *(*ctx).core, error),
                |func, window| read_vals(&*(*ctx).core, window, type_of(func).results()),
            )
        };
        Ok(match done? {
            Ok(results) => Progress::Done(results),
            Err(activation) => Progress::Pending(activation),
        })
    }
}

/// Makes an error what came of a host function.
///
/// # Errors
///
/// [`ErrorKind::Usage`](crate::ErrorKind) if the error carries an exception
/// of another store.
fn fail(core: &mut StoreCore, error: Error) -> Result<HostStatus> {
    if error.exception().is_some() {
        throw_error(core, error)?;
        return Ok(HostStatus::Throw);
    }
    core.pending = Some(error);
    Ok(HostStatus::Trap)
}
