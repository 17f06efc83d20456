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
use super::store::{
    AsContext, AsContextMut, Store, StoreContextMut, StoreCore, StoreId, wrong_store,
};
use super::tag::{Tag, TagData};
use super::value::Val;
use super::vmctx::{HostStatus, Slot, VmCtx};
use crate::error::{Error, Result};

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
    /// Exceptions to which guests refer.
    objects: Vec<Object>,
    /// Exceptions that the host may hold, by number.
    held: BTreeMap<u64, Held>,
    /// Number of the next one.
    next: u64,
    /// With so many entries, those that nobody holds are looked for.
    sweep_at: usize,
}

/// An exception to which guests refer.
struct Object {
    tag: NonNull<TagData>,
    payload: Box<[Slot]>,
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

/// A reference to the exception that is on its way.
///
/// # Errors
///
/// [`ErrorKind::Limit`](crate::ErrorKind) if there is no room for the object.
pub(super) fn materialize(core: &mut StoreCore) -> Result<u32> {
    let exceptions = &mut core.exceptions;
    if exceptions.reference == 0
        && let Some(tag) = exceptions.tag
    {
        let number = exceptions.objects.len() + 1;
        let reference = u32::try_from(number).ok().and_then(|n| n.checked_mul(16));
        exceptions.reference = reference.ok_or_else(|| Error::limit("too many exceptions"))?;
        exceptions.objects.push(Object {
            tag,
            payload: exceptions.payload.as_slice().into(),
        });
    }
    Ok(exceptions.reference)
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
    let core = unsafe { &mut *(*(*cx).store).core };
    let exceptions = &mut core.exceptions;
    let index = (reference / 16).wrapping_sub(1) as usize;
    if let Some(object) = exceptions.objects.get(index) {
        let (tag, payload) = (object.tag, object.payload.clone());
        exceptions.set(tag, &payload, reference);
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
        unsafe { write_vals(core.id, window.as_mut_ptr(), ty.params(), payload) }
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
        let exceptions = &mut core.exceptions;
        if exceptions.held.len() >= exceptions.sweep_at {
            exceptions
                .held
                .retain(|_, held| held.holder.strong_count() > 0);
            exceptions.sweep_at = SWEEP_MIN.max(exceptions.held.len() * 2);
        }
        let number = exceptions.next;
        exceptions.next += 1;
        // SAFETY: tags live as long as their store, which is borrowed; the
        // payload has the tag's type.
        let text = unsafe { describe(id, tag.as_ref(), &payload) };
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
        let held = self.held_in(store.core())?;
        // SAFETY: the tag lives as long as the store, and the payload has
        // its type.
        unsafe {
            let ty = &held.tag.as_ref().ty;
            Ok(read_vals(self.0.store, held.payload.as_ptr(), ty.params()))
        }
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
unsafe fn describe(id: StoreId, tag: &TagData, payload: &[Slot]) -> String {
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
    // SAFETY: passed on to the caller.
    let values = unsafe { read_vals(id, payload.as_ptr(), shown) };
    for (i, (value, ty)) in values.iter().zip(shown).enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        // Writing to a string cannot fail.
        let _ = match value {
            Val::I32(value) => write!(text, "{separator}{ty} {value}"),
            Val::I64(value) => write!(text, "{separator}{ty} {value}"),
            Val::F32(bits) => write!(text, "{separator}{ty} {:?}", f32::from_bits(*bits)),
            Val::F64(bits) => write!(text, "{separator}{ty} {:?}", f64::from_bits(*bits)),
            Val::V128(bits) => write!(text, "{separator}{ty} 0x{bits:032x}"),
            Val::FuncRef(None) | Val::ExternRef(None) => write!(text, "{separator}{ty} null"),
            Val::FuncRef(Some(_)) | Val::ExternRef(Some(_)) => write!(text, "{separator}{ty}"),
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
                |func, window| read_vals((*(*ctx).core).id, window, type_of(func).results()),
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
