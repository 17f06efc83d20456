//! The store's heap as running code and the host use it: making objects,
//! collecting, and reading and writing fields in the form that slots have.
//!
//! A place where an object is made is a place where others may be freed or
//! moved. Whoever calls here has put every reference that is used afterwards
//! where [`roots`](super::roots) finds it.

use core::ptr;
use core::sync::atomic::Ordering;
use std::sync::LazyLock;

use super::owned::Owned;
use super::roots::StoreRoots;
use super::store::StoreCore;
use super::vmctx::{FuncDef, Slot, StoreCtx};
use crate::error::Error;
use crate::gc::{Attempt, HostValue, Refusal};
use crate::translate::Safepoint;
use crate::trap::Trap;
use crate::types::rtt::{
    ARRAY_LENGTH_OFFSET, HOST_SLOT_OFFSET, HOST_TYPE, OBJECT_ALIGN_BYTES, Rtt, RttKind, Shape,
    Storage,
};

/// The type of values of the host.
pub(crate) static HOST_RTT: LazyLock<Rtt> =
    LazyLock::new(|| Rtt::new(HOST_TYPE, RttKind::Host, &[], Shape::Host));

/// Bytes that are marked for the fuel of one operator, as many as bulk
/// operators touch for it.
const BYTES_PER_FUEL: u64 = 64;

impl StoreCore {
    /// The number of a function in objects, given when it is first stored
    /// in one.
    pub(crate) fn func_number(&mut self, func: *const FuncDef) -> u32 {
        // SAFETY: definitions live as long as their store.
        let Some(def) = (unsafe { func.as_ref() }) else {
            return 0;
        };
        let number = def.heap_number.load(Ordering::Relaxed);
        if number != 0 {
            return number;
        }
        self.func_numbers.push(func);
        // A definition takes more than one byte.
        let number = u32::try_from(self.func_numbers.len()).unwrap_or(0);
        def.heap_number.store(number, Ordering::Relaxed);
        number
    }

    /// The function with a number, null for zero.
    pub(crate) fn numbered_func(&self, number: u32) -> *const FuncDef {
        let index = (number as usize).wrapping_sub(1);
        self.func_numbers.get(index).copied().unwrap_or(ptr::null())
    }

    /// The type of an object; none of null and of numbers.
    pub(crate) fn rtt_of(&self, at: u32) -> Option<&Rtt> {
        if at == 0 || !at.is_multiple_of(OBJECT_ALIGN_BYTES) {
            return None;
        }
        // SAFETY: references lead to objects; types in the table live as
        // long as the store.
        unsafe {
            let id = self.object(at).cast::<u32>().read();
            self.rtts.get(id as usize)?.as_ref()
        }
    }

    /// The bytes of an object.
    pub(crate) fn object(&self, at: u32) -> *mut u8 {
        self.gc.base().as_ptr().wrapping_add(at as usize)
    }

    /// The length of an array.
    ///
    /// # Safety
    ///
    /// `at` must refer to an array.
    pub(crate) unsafe fn array_length(&self, at: u32) -> u32 {
        // SAFETY: passed on to the caller.
        unsafe {
            self.object(at)
                .add(ARRAY_LENGTH_OFFSET as usize)
                .cast::<u32>()
                .read()
        }
    }

    /// A field or element as it stands in slots; the second is used by
    /// vectors alone. Packed integers are zero-extended.
    ///
    /// # Safety
    ///
    /// A field of this storage must be at `offset` of the object at `at`.
    pub(crate) unsafe fn load(&self, at: u32, offset: u32, storage: Storage) -> [Slot; 2] {
        // SAFETY: passed on to the caller.
        unsafe {
            let place = self.object(at).add(offset as usize);
            let low = match storage {
                Storage::I8 => u64::from(place.read()),
                Storage::I16 => u64::from(place.cast::<u16>().read()),
                Storage::I32 | Storage::F32 | Storage::Ref => u64::from(place.cast::<u32>().read()),
                Storage::I64 | Storage::F64 => place.cast::<u64>().read(),
                Storage::V128 => return place.cast::<[Slot; 2]>().read(),
                Storage::FuncRef => {
                    let number = place.cast::<u32>().read();
                    self.numbered_func(number).expose_provenance() as Slot
                }
            };
            [low, 0]
        }
    }

    /// Writes a field or element from slots.
    ///
    /// # Safety
    ///
    /// As for [`load`](StoreCore::load); the slots must hold such a value.
    pub(crate) unsafe fn write(
        &mut self,
        at: u32,
        offset: u32,
        storage: Storage,
        value: [Slot; 2],
    ) {
        let [low, _] = value;
        // SAFETY: passed on to the caller.
        unsafe {
            let place = self.object(at).add(offset as usize);
            match storage {
                Storage::I8 => place.write(low as u8),
                Storage::I16 => place.cast::<u16>().write(low as u16),
                Storage::I32 | Storage::F32 | Storage::Ref => place.cast::<u32>().write(low as u32),
                Storage::I64 | Storage::F64 => place.cast::<u64>().write(low),
                Storage::V128 => place.cast::<[Slot; 2]>().write(value),
                Storage::FuncRef => {
                    let func = ptr::with_exposed_provenance(low as usize);
                    let number = self.func_number(func);
                    place.cast::<u32>().write(number);
                }
            }
        }
    }
}

/// Makes a type known to the collector and to casts.
///
/// # Safety
///
/// `store` must be a live context that the caller has alone; the type must
/// live as long as the store.
pub(crate) unsafe fn learn(store: *mut StoreCtx, rtt: &Rtt) {
    // SAFETY: passed on to the caller.
    unsafe {
        let core = &mut *(*store).core;
        let id = rtt.id.0 as usize;
        if id >= core.rtts.len() {
            core.rtts.resize(id + 1, ptr::null());
        }
        core.rtts[id] = rtt;
        (*store).rtts = core.rtts.as_ptr();
    }
}

/// Frees what cannot be reached.
///
/// # Safety
///
/// `store` must be a live context that the caller has alone, whose registers
/// describe the innermost frame as it stands at such a `safepoint`.
#[cold]
#[inline(never)]
pub(crate) unsafe fn collect(store: *mut StoreCtx, pending_bytes: u32, safepoint: Safepoint) {
    // SAFETY: passed on to the caller; the roots are in other parts of the
    // store than the heap and the table of types.
    unsafe {
        let core = (*store).core;
        let mut roots = StoreRoots { store, safepoint };
        let types = (*core).rtts.as_slice();
        let dropped = (*core)
            .gc
            .collect(&mut (*store).alloc, types, &mut roots, pending_bytes);
        move_base(store);
        // Destructors of the host run where nothing of the store is
        // borrowed.
        dropped.finalise();
    }
}

/// Frees what cannot be reached, and gives memory back that is not needed
/// for what can.
///
/// # Safety
///
/// As for [`collect`], between calls of guests.
#[cold]
pub(crate) unsafe fn collect_and_shrink(store: *mut StoreCtx) {
    // SAFETY: passed on to the caller; the borrow ends at once.
    unsafe {
        collect(store, 0, Safepoint::Call);
        (*(*store).core).gc.shrink();
    }
}

/// Makes room for the objects of constant expressions, during which nothing
/// can be freed, if the heap may have none.
///
/// # Safety
///
/// As for [`collect_and_shrink`].
pub(crate) unsafe fn prepare_constants(store: *mut StoreCtx) {
    // SAFETY: passed on to the caller.
    unsafe {
        if (*(*store).core).gc.is_crowded() {
            collect_and_shrink(store);
        }
    }
}

/// Makes the guest pay for the last collection: one allocation can cause the
/// work of millions, and neither fuel nor an interruption may be blind to
/// that. Who is out of fuel stops where it is charged next.
///
/// # Errors
///
/// [`Trap::Interrupted`] if the code of a guest is to stop.
///
/// # Safety
///
/// `store` must be a live context whose core nobody borrows.
unsafe fn charge(store: *mut StoreCtx, safepoint: Safepoint) -> Result<(), Trap> {
    // SAFETY: passed on to the caller; the interrupt word lives as long as
    // the store.
    unsafe {
        let core = &*(*store).core;
        if core.engine.config().fuel {
            let cost = core.gc.last_work_bytes() / BYTES_PER_FUEL;
            (*store).fuel = (*store).fuel.saturating_sub_unsigned(cost);
        }
        let is_guest = safepoint == Safepoint::Operator;
        if is_guest && (*(*store).interrupt).load(Ordering::Relaxed) != 0 {
            return Err(Trap::Interrupted);
        }
    }
    Ok(())
}

/// Tells the contexts where the heap is now.
///
/// # Safety
///
/// `store` must be a live context that the caller has alone.
unsafe fn move_base(store: *mut StoreCtx) {
    // SAFETY: passed on to the caller; contexts are blocks of their own.
    unsafe {
        let core = (*store).core;
        let base = (*core).gc.base().as_ptr();
        if base == (*store).heap_base {
            return;
        }
        (*store).heap_base = base;
        for instance in (*core).instances.iter().map(Owned::pointer) {
            (*instance.as_ptr()).vmctx.heap_base.set(base);
        }
    }
}

/// What the collector found that cannot be, which no guest can bring about:
/// the heap makes no objects any more.
///
/// # Safety
///
/// `store` must be a live context whose core nobody borrows.
#[cold]
pub(crate) unsafe fn damage(store: *mut StoreCtx) -> Option<Error> {
    // SAFETY: passed on to the caller.
    let core = unsafe { &*(*store).core };
    let what = core.gc.corruption()?;
    Some(Error::usage(format!("the heap is damaged: {what}")))
}

/// Room for an object, of which nothing is written yet.
///
/// # Errors
///
/// [`Trap::HeapExhausted`] if it is more than the store's limit, or than the
/// system, allows.
///
/// # Safety
///
/// As for [`collect`]. `size_bytes` must be a multiple of 16.
pub(crate) unsafe fn allocate(
    store: *mut StoreCtx,
    size_bytes: u32,
    safepoint: Safepoint,
) -> Result<u32, Trap> {
    let mut attempt = Attempt::First;
    loop {
        // SAFETY: passed on to the caller; the borrows end at once.
        let answer = unsafe {
            let core = &mut *(*store).core;
            let max = core.limits.gc_heap_bytes_max;
            let bump = &mut (*store).alloc;
            let answer = core.gc.allocate(bump, size_bytes, max, attempt);
            move_base(store);
            answer
        };
        match (answer, attempt) {
            (Ok(at), _) => return Ok(at),
            (Err(Refusal::Collect), Attempt::First) => {
                // SAFETY: passed on to the caller.
                unsafe {
                    collect(store, size_bytes, safepoint);
                    charge(store, safepoint)?;
                }
                attempt = Attempt::Last;
            }
            (Err(_), _) => return Err(Trap::HeapExhausted),
        }
    }
}

/// Room for an object without a collection: for where not all references
/// are roots.
///
/// # Errors
///
/// As for [`allocate`].
///
/// # Safety
///
/// `store` must be a live context that the caller has alone.
pub(crate) unsafe fn allocate_at_once(store: *mut StoreCtx, size_bytes: u32) -> Result<u32, Trap> {
    // SAFETY: passed on to the caller.
    unsafe {
        let core = &mut *(*store).core;
        let max = core.limits.gc_heap_bytes_max;
        let bump = &mut (*store).alloc;
        let answer = core.gc.allocate(bump, size_bytes, max, Attempt::Last);
        move_base(store);
        answer.map_err(|_| Trap::HeapExhausted)
    }
}

/// A new object of a type with fields: header written, all else zero.
///
/// # Errors
///
/// As for [`allocate`].
///
/// # Safety
///
/// As for [`allocate`]; the store must have learnt the type.
pub(crate) unsafe fn new_object(
    store: *mut StoreCtx,
    rtt: &Rtt,
    safepoint: Safepoint,
) -> Result<u32, Trap> {
    // SAFETY: passed on to the caller; the object has as many bytes.
    unsafe {
        let size = rtt.size_bytes(0).ok_or(Trap::AllocationTooLarge)?;
        let at = allocate(store, size, safepoint)?;
        let object = (*(*store).core).object(at);
        object.write_bytes(0, size as usize);
        object.cast::<u32>().write(rtt.id.0);
        Ok(at)
    }
}

/// A new object that stands for a value of the host.
///
/// # Errors
///
/// As for [`allocate`].
///
/// # Safety
///
/// As for [`allocate`].
pub(crate) unsafe fn new_host_value(
    store: *mut StoreCtx,
    value: HostValue,
    safepoint: Safepoint,
) -> Result<u32, Trap> {
    // SAFETY: passed on to the caller; the object has as many bytes.
    unsafe {
        let at = allocate(store, 16, safepoint)?;
        learn(store, &HOST_RTT);
        let core = &mut *(*store).core;
        let slot = core.gc.keep_host_value(value).ok_or(Trap::HeapExhausted);
        let object = core.object(at);
        object.write_bytes(0, 16);
        object.cast::<u32>().write(HOST_TYPE.0);
        let slot = slot?;
        object
            .add(HOST_SLOT_OFFSET as usize)
            .cast::<u32>()
            .write(slot);
        core.gc.bind_host_value(slot, at);
        Ok(at)
    }
}
