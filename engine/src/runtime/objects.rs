//! Slow paths of running code on objects: making all but the smallest, and
//! operations on whole arrays. Like all slow paths they never unwind; a trap
//! is recorded in the store and answered as a status, or as null.

use core::ops::Range;
use core::ptr;

use super::heap;
use super::instance::{Bulk, InstanceData};
use super::libcalls::{FINE, TRAPPED, set_error, set_trap};
use super::store::StoreCore;
use super::vmctx::{FuncDef, Slot, StoreCtx, VmCtx};
use crate::entity::{DataIndex, ElemIndex};
use crate::error::Error;
use crate::module::{Module, ModuleInner, NewOp};
use crate::translate::Safepoint;
use crate::trap::Trap;
use crate::types::rtt::{
    ARRAY_LENGTH_OFFSET, Field, Rtt, Shape, Storage, array_size_bytes, elements_offset,
};

/// The answer of a slow path that trapped instead of making an object.
pub(crate) const NO_OBJECT: u32 = 0;

/// # Safety
///
/// `cx` must be the context of a live instance, whose store's core nobody
/// borrows.
unsafe fn core<'a>(cx: *mut VmCtx) -> &'a mut StoreCore {
    // SAFETY: passed on to the caller.
    unsafe { &mut *(*(*cx).store).core }
}

/// # Safety
///
/// As for [`core`].
unsafe fn made(cx: *mut VmCtx, result: Result<u32, Trap>) -> u32 {
    match result {
        Ok(at) => at,
        Err(trap) => {
            // SAFETY: passed on to the caller.
            unsafe {
                let store = (*cx).store;
                match heap::damage(store) {
                    Some(error) => set_error(store, error),
                    None => set_trap(store, trap),
                }
            }
            NO_OBJECT
        }
    }
}

/// # Safety
///
/// As for [`core`].
unsafe fn status(cx: *mut VmCtx, result: Bulk) -> u32 {
    match result {
        Ok(()) => FINE,
        Err(trap) => {
            // SAFETY: passed on to the caller.
            unsafe { set_trap((*cx).store, trap) };
            TRAPPED
        }
    }
}

/// The type of an id that the module's code names.
///
/// # Safety
///
/// `cx` must be the context of a live instance whose module has the type.
unsafe fn rtt<'a>(cx: *mut VmCtx, id: u32) -> &'a Rtt {
    // SAFETY: the store has learnt all types of its instances.
    unsafe { &**(*(*cx).store).rtts.add(id as usize) }
}

fn element(rtt: &Rtt) -> Storage {
    match &rtt.shape {
        Shape::Array { element } => *element,
        // Validation has seen that it is an array.
        Shape::Fields { .. } | Shape::Host => Storage::I8,
    }
}

/// Room for an object, whose header is written.
///
/// # Safety
///
/// `cx` must be the context of a live instance, its frame must be the
/// innermost one and at an operator that makes an object; the caller has the
/// store alone.
#[inline(never)]
pub(crate) unsafe extern "C" fn allocate(cx: *mut VmCtx, id: u32, size_bytes: u32) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let result = heap::allocate((*cx).store, size_bytes, Safepoint::Operator);
        if let Ok(at) = result {
            core(cx).object(at).cast::<u32>().write(id);
        }
        made(cx, result)
    }
}

/// A structure whose fields' values stand in the slots that `fields` names,
/// or one of zeros if `fields` is null.
///
/// # Safety
///
/// As for [`allocate`]; `fields` must have a slot number for every field,
/// and `sp` must be the frame.
#[inline(never)]
pub(crate) unsafe extern "C" fn struct_new(
    cx: *mut VmCtx,
    id: u32,
    sp: *const Slot,
    fields: *const u32,
) -> u32 {
    // SAFETY: passed on to the caller; slots are read after the last moment
    // at which what they refer to could have moved.
    unsafe {
        let rtt = rtt(cx, id);
        let result = heap::new_object((*cx).store, rtt, Safepoint::Operator);
        if let Ok(at) = result
            && !fields.is_null()
        {
            for (i, field) in rtt.fields().iter().enumerate() {
                let slot = sp.add(*fields.add(i) as usize);
                let value = read(slot, field.storage);
                core(cx).write(at, field.offset_bytes, field.storage, value);
            }
        }
        made(cx, result)
    }
}

/// A value of so many slots.
///
/// # Safety
///
/// The slots must be there.
unsafe fn read(slot: *const Slot, storage: Storage) -> [Slot; 2] {
    // SAFETY: passed on to the caller.
    unsafe {
        match storage.slots() {
            2 => [*slot, *slot.add(1)],
            _ => [*slot, 0],
        }
    }
}

/// An array whose elements are not written yet.
///
/// # Safety
///
/// As for [`allocate`].
unsafe fn new_array(cx: *mut VmCtx, id: u32, length: u32) -> Result<u32, Trap> {
    // SAFETY: passed on to the caller; the object has as many bytes.
    unsafe {
        let element = element(rtt(cx, id));
        let size = array_size_bytes(element, length).ok_or(Trap::AllocationTooLarge)?;
        let at = heap::allocate((*cx).store, size, Safepoint::Operator)?;
        let object = core(cx).object(at);
        object.cast::<u32>().write(id);
        object
            .add(ARRAY_LENGTH_OFFSET as usize)
            .cast::<u32>()
            .write(length);
        Ok(at)
    }
}

/// An array of equal elements; `value` is the slot of one, or null for
/// zeros.
///
/// # Safety
///
/// As for [`allocate`]; the slot must hold a value for such an element.
#[inline(never)]
pub(crate) unsafe extern "C" fn array_new(
    cx: *mut VmCtx,
    id: u32,
    value: *const Slot,
    length: u32,
) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let result = new_array(cx, id, length);
        if let Ok(at) = result {
            let element = element(rtt(cx, id));
            let value = if value.is_null() {
                [0, 0]
            } else {
                read(value, element)
            };
            fill(core(cx), at, element, 0..length, value);
        }
        made(cx, result)
    }
}

/// An array of the elements that stand from the slot `first` on.
///
/// # Safety
///
/// As for [`allocate`]; the slots must hold such elements.
#[inline(never)]
pub(crate) unsafe extern "C" fn array_new_fixed(
    cx: *mut VmCtx,
    id: u32,
    first: *const Slot,
    length: u32,
) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let result = new_array(cx, id, length);
        if let Ok(at) = result {
            let element = element(rtt(cx, id));
            for index in 0..length {
                let slot = first.add(index as usize * element.slots());
                let value = read(slot, element);
                core(cx).write(at, offset(element, index), element, value);
            }
        }
        made(cx, result)
    }
}

/// An array of bytes from a data segment.
///
/// # Safety
///
/// As for [`allocate`]; the module must have such a segment.
#[inline(never)]
pub(crate) unsafe extern "C" fn array_new_data(
    cx: *mut VmCtx,
    id: u32,
    data: u32,
    start: u32,
    length: u32,
) -> u32 {
    // SAFETY: passed on to the caller. The segment is checked before the
    // array is made.
    unsafe {
        let element = element(rtt(cx, id));
        let result = match data_range(cx, data, element, start, length) {
            Ok(_) => new_array(cx, id, length),
            Err(trap) => Err(trap),
        };
        if let Ok(at) = result {
            let written = init_data(cx, at, element, 0, (data, start), length);
            return if written.is_ok() { at } else { NO_OBJECT };
        }
        made(cx, result)
    }
}

/// An array of references from an element segment.
///
/// # Safety
///
/// As for [`allocate`]; the module must have such a segment.
#[inline(never)]
pub(crate) unsafe extern "C" fn array_new_elem(
    cx: *mut VmCtx,
    id: u32,
    elem: u32,
    start: u32,
    length: u32,
) -> u32 {
    // SAFETY: as for `array_new_data`.
    unsafe {
        let element = element(rtt(cx, id));
        let result = match elem_range(cx, elem, start, length) {
            Ok(()) => new_array(cx, id, length),
            Err(trap) => Err(trap),
        };
        if let Ok(at) = result {
            write_elems(cx, at, element, 0, (elem, start), length);
        }
        made(cx, result)
    }
}

/// Where an element is in its array.
fn offset(element: Storage, index: u32) -> u32 {
    // The whole array fits into 32 bits.
    elements_offset(element).wrapping_add(index.wrapping_mul(element.size_bytes()))
}

/// Writes one value to many elements.
///
/// # Safety
///
/// The elements must be in the array at `at`.
unsafe fn fill(
    core: &mut StoreCore,
    at: u32,
    element: Storage,
    elements: Range<u32>,
    value: [Slot; 2],
) {
    if elements.is_empty() {
        return;
    }
    let count = (elements.end - elements.start) as usize;
    // SAFETY: passed on to the caller. Elements are aligned to their size.
    unsafe {
        let place = core
            .object(at)
            .add(offset(element, elements.start) as usize);
        let low = value[0];
        match element {
            _ if value == [0, 0] => {
                place.write_bytes(0, count * element.size_bytes() as usize);
            }
            Storage::I8 => place.write_bytes(low as u8, count),
            Storage::I16 => {
                core::slice::from_raw_parts_mut(place.cast::<u16>(), count).fill(low as u16);
            }
            Storage::I32 | Storage::F32 | Storage::Ref => {
                core::slice::from_raw_parts_mut(place.cast::<u32>(), count).fill(low as u32);
            }
            Storage::FuncRef => {
                let number = core.func_number(ptr::with_exposed_provenance(low as usize));
                core::slice::from_raw_parts_mut(place.cast::<u32>(), count).fill(number);
            }
            Storage::I64 | Storage::F64 => {
                core::slice::from_raw_parts_mut(place.cast::<u64>(), count).fill(low);
            }
            Storage::V128 => {
                core::slice::from_raw_parts_mut(place.cast::<[Slot; 2]>(), count).fill(value);
            }
        }
    }
}

/// Refuses elements that an array does not have, and null.
///
/// # Safety
///
/// `array` must be null or an array.
unsafe fn check(core: &StoreCore, array: u32, start: u32, count: u32) -> Bulk {
    if array == 0 {
        return Err(Trap::NullArray);
    }
    // SAFETY: passed on to the caller.
    let length = unsafe { core.array_length(array) };
    if u64::from(start) + u64::from(count) > u64::from(length) {
        return Err(Trap::ArrayOutOfBounds);
    }
    Ok(())
}

/// `array.fill`; `storage` is the number of one.
///
/// # Safety
///
/// `cx` must be the context of a live instance whose store the caller has
/// alone, `array` null or an array of such elements, and `value` the slot of
/// one.
#[inline(never)]
pub(crate) unsafe extern "C" fn array_fill(
    cx: *mut VmCtx,
    storage: u32,
    array: u32,
    start: u32,
    value: *const Slot,
    count: u32,
) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let core = core(cx);
        let storage = storage_of(storage);
        let result = check(core, array, start, count);
        if result.is_ok() {
            let value = read(value, storage);
            fill(core, array, storage, start..start + count, value);
        }
        status(cx, result)
    }
}

/// `array.copy`.
///
/// # Safety
///
/// As for [`array_fill`], for both arrays.
#[inline(never)]
pub(crate) unsafe extern "C" fn array_copy(
    cx: *mut VmCtx,
    storage: u32,
    to: u32,
    to_start: u32,
    from: u32,
    from_start: u32,
    count: u32,
) -> u32 {
    // SAFETY: passed on to the caller; both ranges are inside, and `copy`
    // allows that they overlap.
    unsafe {
        let core = core(cx);
        let storage = storage_of(storage);
        let result =
            check(core, to, to_start, count).and_then(|()| check(core, from, from_start, count));
        if result.is_ok() {
            let bytes = count as usize * storage.size_bytes() as usize;
            let target = core.object(to).add(offset(storage, to_start) as usize);
            let source = core.object(from).add(offset(storage, from_start) as usize);
            target.copy_from(source, bytes);
        }
        status(cx, result)
    }
}

/// `array.init_data`.
///
/// # Safety
///
/// As for [`array_fill`]; the module must have such a segment.
#[inline(never)]
pub(crate) unsafe extern "C" fn array_init_data(
    cx: *mut VmCtx,
    storage: u32,
    data: u32,
    array: u32,
    start: u32,
    from: u32,
    count: u32,
) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let result = check(core(cx), array, start, count)
            .and_then(|()| init_data(cx, array, storage_of(storage), start, (data, from), count));
        status(cx, result)
    }
}

/// `array.init_elem`.
///
/// # Safety
///
/// As for [`array_fill`]; the module must have such a segment.
#[inline(never)]
pub(crate) unsafe extern "C" fn array_init_elem(
    cx: *mut VmCtx,
    storage: u32,
    elem: u32,
    array: u32,
    start: u32,
    from: u32,
    count: u32,
) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let result =
            check(core(cx), array, start, count).and_then(|()| elem_range(cx, elem, from, count));
        if result.is_ok() {
            write_elems(cx, array, storage_of(storage), start, (elem, from), count);
        }
        status(cx, result)
    }
}

/// The bytes of a data segment that so many elements are read from.
///
/// # Safety
///
/// `cx` must be the context of a live instance that has such a segment.
unsafe fn data_range(
    cx: *mut VmCtx,
    data: u32,
    element: Storage,
    start: u32,
    count: u32,
) -> Result<Range<usize>, Trap> {
    // SAFETY: passed on to the caller.
    let instance = unsafe { &*InstanceData::of(cx) };
    let inner: &ModuleInner = instance.module.inner();
    let data = DataIndex(data);
    let available = if instance.dropped_datas[data.index()] {
        0
    } else {
        inner.datas[data.index()].bytes.len() as u64
    };
    let start = u64::from(start);
    let end = start + u64::from(count) * u64::from(element.size_bytes());
    if end > available {
        return Err(Trap::MemoryOutOfBounds);
    }
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(Trap::MemoryOutOfBounds),
    }
}

/// Copies elements from a data segment.
///
/// # Safety
///
/// As for [`data_range`]; the elements must be in the array at `at`.
unsafe fn init_data(
    cx: *mut VmCtx,
    at: u32,
    element: Storage,
    to: u32,
    (data, start): (u32, u32),
    count: u32,
) -> Bulk {
    // SAFETY: passed on to the caller; a segment and the heap are separate.
    unsafe {
        let range = data_range(cx, data, element, start, count)?;
        if range.is_empty() {
            return Ok(());
        }
        let inner = (*InstanceData::of(cx)).module.inner();
        let bytes = &inner.slice(&inner.datas[data as usize].bytes)[range];
        let place = core(cx).object(at).add(offset(element, to) as usize);
        place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        if cfg!(target_endian = "big") {
            let size = element.size_bytes() as usize;
            core::slice::from_raw_parts_mut(place, bytes.len())
                .chunks_exact_mut(size)
                .for_each(<[u8]>::reverse);
        }
        Ok(())
    }
}

/// # Safety
///
/// As for [`data_range`], for element segments.
unsafe fn elem_range(cx: *mut VmCtx, elem: u32, start: u32, count: u32) -> Bulk {
    // SAFETY: passed on to the caller.
    let instance = unsafe { &*InstanceData::of(cx) };
    let elem = ElemIndex(elem);
    let available = if instance.dropped_elems[elem.index()] {
        0
    } else {
        instance.module.inner().elems[elem.index()].items.len() as u64
    };
    if u64::from(start) + u64::from(count) > available {
        return Err(Trap::TableOutOfBounds);
    }
    Ok(())
}

/// Copies elements from an element segment.
///
/// # Safety
///
/// As for [`elem_range`], which must have allowed it; the elements must be
/// in the array at `at`.
unsafe fn write_elems(
    cx: *mut VmCtx,
    at: u32,
    element: Storage,
    to: u32,
    (elem, start): (u32, u32),
    count: u32,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let instance = &*InstanceData::of(cx);
        for index in 0..count {
            let item = (start + index) as usize;
            let slot = instance.elem(ElemIndex(elem), item).unwrap_or(0);
            core(cx).write(at, offset(element, to + index), element, [slot, 0]);
        }
    }
}

/// The number of a function in objects.
///
/// # Safety
///
/// `func` must be null or a live definition of the store of `cx`.
#[inline(never)]
pub(crate) unsafe extern "C" fn func_number(cx: *mut VmCtx, func: *const FuncDef) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe { core(cx).func_number(func) }
}

/// The function with a number.
///
/// # Safety
///
/// `cx` must be the context of a live instance.
#[inline(never)]
pub(crate) unsafe extern "C" fn numbered_func(cx: *mut VmCtx, number: u32) -> *const FuncDef {
    // SAFETY: passed on to the caller.
    unsafe { core(cx).numbered_func(number) }
}

/// An object of a constant expression, of operands at the end of `stack`.
/// It collects nothing, since what is on the stack is no root.
///
/// # Errors
///
/// [`Trap::HeapExhausted`] if there is no room, and
/// [`Trap::AllocationTooLarge`] if there could never be.
///
/// # Safety
///
/// `store` must be a live context that the caller has alone, and the store
/// must have learnt the module's types; the operands must be those of `op`.
pub(crate) unsafe fn new_constant(
    store: *mut StoreCtx,
    module: &Module,
    op: NewOp,
    stack: &mut Vec<u64>,
) -> Result<u64, Error> {
    let inner = module.inner();
    let (NewOp::Struct(ty)
    | NewOp::StructDefault(ty)
    | NewOp::Array(ty)
    | NewOp::ArrayDefault(ty)
    | NewOp::ArrayFixed(ty, _)) = op;
    let rtt = inner.type_at(ty).rtt();
    let length = match op {
        NewOp::Struct(_) | NewOp::StructDefault(_) => 0,
        // An i32 is the lower half of its slot.
        NewOp::Array(_) | NewOp::ArrayDefault(_) => stack.pop().unwrap_or_default() as u32,
        NewOp::ArrayFixed(_, length) => length,
    };
    let element = element(rtt);
    let storages: Vec<(u32, Storage)> = match op {
        NewOp::StructDefault(_) | NewOp::ArrayDefault(_) => Vec::new(),
        NewOp::Struct(_) => {
            let field = |field: &Field| (field.offset_bytes, field.storage);
            rtt.fields().iter().map(field).collect()
        }
        NewOp::Array(_) => vec![(offset(element, 0), element)],
        NewOp::ArrayFixed(..) => {
            let place = |index| (offset(element, index), element);
            (0..length).map(place).collect()
        }
    };
    let slots: usize = storages.iter().map(|(_, storage)| storage.slots()).sum();
    let operands = stack.split_off(stack.len().saturating_sub(slots));
    // SAFETY: passed on to the caller; the object has as many bytes.
    unsafe {
        let size = rtt.size_bytes(length).ok_or(Trap::AllocationTooLarge)?;
        let at = heap::allocate_at_once(store, size)?;
        let core = &mut *(*store).core;
        let object = core.object(at);
        object.write_bytes(0, size as usize);
        object.cast::<u32>().write(rtt.id.0);
        if matches!(rtt.shape, Shape::Array { .. }) {
            object
                .add(ARRAY_LENGTH_OFFSET as usize)
                .cast::<u32>()
                .write(length);
        }
        let mut rest = operands.as_slice();
        for (offset, storage) in storages {
            let (value, others) = rest.split_at(storage.slots());
            let value = read(value.as_ptr(), storage);
            if matches!(op, NewOp::Array(_)) {
                fill(core, at, storage, 0..length, value);
            } else {
                core.write(at, offset, storage, value);
            }
            rest = others;
        }
        Ok(u64::from(at))
    }
}

/// Tries a collection before a call, if it is the call's turn.
///
/// # Safety
///
/// As for [`allocate`], at a call whose arguments are in its window.
#[inline(never)]
pub(crate) unsafe extern "C" fn try_collector(cx: *mut VmCtx) {
    // SAFETY: passed on to the caller.
    unsafe {
        if core(cx).gc.is_turn_of_call() {
            heap::collect((*cx).store, 0, Safepoint::Operator);
        }
    }
}

const STORAGES: [Storage; 9] = [
    Storage::I8,
    Storage::I16,
    Storage::I32,
    Storage::I64,
    Storage::F32,
    Storage::F64,
    Storage::V128,
    Storage::Ref,
    Storage::FuncRef,
];

fn storage_of(number: u32) -> Storage {
    STORAGES
        .get(number as usize)
        .copied()
        .unwrap_or(Storage::I8)
}
