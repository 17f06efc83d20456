//! Slow paths of running code: what an instruction does that is not worth
//! code of its own in every tier. They never unwind; a trap is recorded in
//! the store and answered as a status.
//!
//! The `extern "C"` functions are what tiers call; the plain ones beside
//! them serve instantiation, too.

use core::ptr::NonNull;
use core::time::Duration;
use std::sync::Arc;

use super::instance::{Bulk, InstanceData};
use super::memory::MemoryData;
use super::racing;
use super::shared::Expected;
use super::store::StoreCore;
use super::table::TableData;
use super::value::low;
use super::vmctx::{Slot, StoreCtx, VmCtx};
use super::wait::WaitResult;
use crate::entity::{DataIndex, ElemIndex, FuncIndex, MemoryIndex, TableIndex};
use crate::error::{Error, Result};
use crate::trap::Trap;

/// Status of a slow path that has done its work.
pub(crate) const FINE: u32 = 0;

/// Status of a slow path that trapped.
pub(crate) const TRAPPED: u32 = 1;

/// What a refused `memory.grow` or `table.grow` answers.
pub(crate) const REFUSED: u64 = u64::MAX;

/// Records why the guest stops.
///
/// # Safety
///
/// `store` must be a live context whose core nobody borrows.
#[cold]
pub(crate) unsafe fn set_trap(store: *mut StoreCtx, trap: Trap) {
    // SAFETY: passed on to the caller.
    unsafe { set_error(store, trap.into()) };
}

/// Records an error as the reason for which the guest stops.
///
/// # Safety
///
/// As for [`set_trap`].
#[cold]
pub(crate) unsafe fn set_error(store: *mut StoreCtx, error: Error) {
    // SAFETY: passed on to the caller.
    unsafe { (*(*store).core).pending = Some(error) };
}

/// Charges fuel for work that one instruction did beyond its own cost, if
/// the engine counts fuel.
///
/// # Safety
///
/// As for [`core`].
pub(crate) unsafe extern "C" fn charge(cx: *mut VmCtx, cost: u64) -> u32 {
    // SAFETY: passed on to the caller; the borrow of the core ends at once.
    unsafe {
        if !core(cx).engine.config().fuel {
            return FINE;
        }
        let store = (*cx).store;
        (*store).fuel = (*store).fuel.saturating_sub_unsigned(cost);
        let enough = (*store).fuel >= 0;
        status(cx, if enough { Ok(()) } else { Err(Trap::OutOfFuel) })
    }
}

/// # Safety
///
/// `cx` must be the context of a live instance.
unsafe fn instance(cx: *mut VmCtx) -> NonNull<InstanceData> {
    // SAFETY: passed on to the caller.
    unsafe { NonNull::new_unchecked(InstanceData::of(cx)) }
}

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

/// `start..start + len` if it ends at or before `size`.
fn range(start: u64, len: u64, size: u64, trap: Trap) -> Result<core::ops::Range<usize>, Trap> {
    let end = start
        .checked_add(len)
        .filter(|end| *end <= size)
        .ok_or(trap)?;
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(trap),
    }
}

/// Grows a memory and answers its old size in pages, or [`REFUSED`].
///
/// # Safety
///
/// `cx` must be the context of a live instance that has such a memory, and
/// nobody else may use its store.
pub(crate) unsafe extern "C" fn memory_grow(cx: *mut VmCtx, memory: u32, delta: u64) -> u64 {
    // SAFETY: passed on to the caller; memories are blocks of their own.
    unsafe {
        let memory = instance(cx).as_ref().memory(memory as usize);
        MemoryData::grow(memory, core(cx), delta).unwrap_or(REFUSED)
    }
}

/// Copies from a data segment into a memory.
///
/// # Safety
///
/// As for [`memory_grow`], and the module must have such a segment.
pub(crate) unsafe extern "C" fn memory_init(
    cx: *mut VmCtx,
    memory: u32,
    data: u32,
    dst: u64,
    src: u64,
    len: u64,
) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let result = init_memory(
            instance(cx),
            MemoryIndex(memory),
            DataIndex(data),
            dst,
            src,
            len,
        );
        status(cx, result)
    }
}

/// Uses a data segment up.
///
/// # Safety
///
/// As for [`memory_init`].
pub(crate) unsafe extern "C" fn data_drop(cx: *mut VmCtx, data: u32) {
    // SAFETY: passed on to the caller.
    unsafe { drop_data(instance(cx), DataIndex(data)) };
}

/// Copies within a memory or from one to another.
///
/// # Safety
///
/// As for [`memory_grow`], for both memories.
pub(crate) unsafe extern "C" fn memory_copy(
    cx: *mut VmCtx,
    dst_memory: u32,
    src_memory: u32,
    dst: u64,
    src: u64,
    len: u64,
) -> u32 {
    // SAFETY: the definitions are live; base and size describe their bytes,
    // and both ranges are inside. They may overlap, which `copy` allows.
    unsafe {
        let instance = instance(cx).as_ref();
        let to: NonNull<MemoryData> = instance.memory(dst_memory as usize);
        let from: NonNull<MemoryData> = instance.memory(src_memory as usize);
        let shared = to.as_ref().is_shared() || from.as_ref().is_shared();
        let (to, from) = (&to.as_ref().def, &from.as_ref().def);
        let trap = Trap::MemoryOutOfBounds;
        let ranges = range(src, len, from.size_bytes(), trap)
            .and_then(|src| Ok((src, range(dst, len, to.size_bytes(), trap)?)));
        let result = ranges.map(|(src, dst)| {
            let bytes = src.len();
            let (to, from) = (to.base.add(dst.start), from.base.add(src.start));
            if shared {
                racing::copy(from, to, bytes);
            } else {
                to.copy_from(from, bytes);
            }
        });
        status(cx, result)
    }
}

/// Sets a range of bytes.
///
/// # Safety
///
/// As for [`memory_grow`].
pub(crate) unsafe extern "C" fn memory_fill(
    cx: *mut VmCtx,
    memory: u32,
    dst: u64,
    value: u8,
    len: u64,
) -> u32 {
    // SAFETY: the definition is live, and the range is inside.
    unsafe {
        let memory: NonNull<MemoryData> = instance(cx).as_ref().memory(memory as usize);
        let def = &memory.as_ref().def;
        let result = range(dst, len, def.size_bytes(), Trap::MemoryOutOfBounds).map(|range| {
            let place = def.base.add(range.start);
            if memory.as_ref().is_shared() {
                racing::fill(place, value, range.len());
            } else {
                place.write_bytes(value, range.len());
            }
        });
        status(cx, result)
    }
}

/// Waits at an address of a memory, for `timeout` nanoseconds or, if that is
/// negative, without bound; answers 0 if notified, 1 if the number of `SIZE`
/// bytes there is not `expected`, 2 if the time is over, or [`REFUSED`] if
/// the guest stops.
///
/// # Safety
///
/// As for [`memory_grow`].
pub(crate) unsafe fn memory_wait<const SIZE: usize>(
    cx: *mut VmCtx,
    memory: u32,
    address: u64,
    expected: u64,
    timeout: i64,
) -> u64 {
    // SAFETY: passed on to the caller; the borrow of the core ends at once,
    // and what it gave is shared.
    let (memory, interrupt, patience) = unsafe {
        let memory = instance(cx).as_ref().memory(memory as usize);
        let core = core(cx);
        let is_alone = core
            .shared_memories
            .iter()
            .any(|have| have.data() == memory && have.is_alone());
        let patience = if is_alone {
            Patience::Alone
        } else {
            Patience::Bounded(core.limits.wait_max)
        };
        (memory, Arc::clone(&core.interrupt), patience)
    };
    let expected = if SIZE == size_of::<u32>() {
        // The upper half of its slot means nothing.
        Expected::Half(low(expected))
    } else {
        Expected::Whole(expected)
    };
    let timeout = u64::try_from(timeout).ok().map(Duration::from_nanos);
    // SAFETY: the memory is live.
    let memory = unsafe { memory.as_ref() };
    let result = memory.wait(address, expected, patience.cut(timeout), Some(&interrupt));
    let result = result.and_then(|result| match result {
        WaitResult::TimedOut => patience.check(timeout).map(|()| result),
        WaitResult::Notified | WaitResult::NotEqual => Ok(result),
    });
    match result {
        Ok(WaitResult::Notified) => 0,
        Ok(WaitResult::NotEqual) => 1,
        Ok(WaitResult::TimedOut) => 2,
        Err(error) => {
            // SAFETY: passed on to the caller.
            unsafe { set_error((*cx).store, error) };
            REFUSED
        }
    }
}

/// How long a guest may block its thread.
#[derive(Clone, Copy)]
enum Patience {
    /// Not at all: nobody else has the memory, so the wait could only time
    /// out. The time that passes is nothing that the guest can rely on.
    Alone,
    /// So long.
    Bounded(Duration),
}

impl Patience {
    /// The time to wait for a guest that asked for `timeout`.
    fn cut(self, timeout: Option<Duration>) -> Option<Duration> {
        match self {
            Patience::Alone => Some(Duration::ZERO),
            Patience::Bounded(Duration::MAX) => timeout,
            Patience::Bounded(max) => Some(timeout.map_or(max, |timeout| timeout.min(max))),
        }
    }

    /// Whether the guest's own time is over as well.
    fn check(self, timeout: Option<Duration>) -> Result<()> {
        match (self, timeout) {
            (Patience::Alone, Some(_)) => Ok(()),
            (Patience::Alone, None) => Err(Trap::EndlessWait.into()),
            (Patience::Bounded(max), Some(timeout)) if timeout <= max => Ok(()),
            (Patience::Bounded(max), _) => Err(Error::limit(format!(
                "a guest waited for another thread, and {max:?} are the longest that it may"
            ))),
        }
    }
}

/// Wakes up to `count` threads that wait at an address of a memory; how many,
/// or [`REFUSED`] if the guest stops.
///
/// # Safety
///
/// As for [`memory_grow`].
pub(crate) unsafe fn memory_notify(cx: *mut VmCtx, memory: u32, address: u64, count: u32) -> u64 {
    // SAFETY: passed on to the caller.
    unsafe {
        let memory = instance(cx).as_ref().memory(memory as usize);
        match memory.as_ref().notify(address, count) {
            Ok(count) => u64::from(count),
            Err(error) => {
                set_error((*cx).store, error);
                REFUSED
            }
        }
    }
}

/// Grows a table and answers its old size, or [`REFUSED`].
///
/// # Safety
///
/// `cx` must be the context of a live instance that has such a table, and
/// nobody else may use its store.
pub(crate) unsafe extern "C" fn table_grow(
    cx: *mut VmCtx,
    table: u32,
    init: Slot,
    delta: u64,
) -> u64 {
    // SAFETY: passed on to the caller; tables are blocks of their own.
    unsafe {
        let mut table = instance(cx).as_ref().table(table as usize);
        table
            .as_mut()
            .grow(core(cx), init, delta)
            .unwrap_or(REFUSED)
    }
}

/// Copies from an element segment into a table.
///
/// # Safety
///
/// As for [`table_grow`], and the module must have such a segment.
pub(crate) unsafe extern "C" fn table_init(
    cx: *mut VmCtx,
    table: u32,
    elem: u32,
    dst: u64,
    src: u64,
    len: u64,
) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let result = init_table(
            instance(cx),
            TableIndex(table),
            ElemIndex(elem),
            dst,
            src,
            len,
        );
        status(cx, result)
    }
}

/// Uses an element segment up.
///
/// # Safety
///
/// As for [`table_init`].
pub(crate) unsafe extern "C" fn elem_drop(cx: *mut VmCtx, elem: u32) {
    // SAFETY: passed on to the caller.
    unsafe { drop_elem(instance(cx), ElemIndex(elem)) };
}

/// Copies within a table or from one to another.
///
/// # Safety
///
/// As for [`table_grow`], for both tables.
pub(crate) unsafe extern "C" fn table_copy(
    cx: *mut VmCtx,
    dst_table: u32,
    src_table: u32,
    dst: u64,
    src: u64,
    len: u64,
) -> u32 {
    // SAFETY: the definitions are live; base and size describe their
    // elements, and both ranges are inside. They may overlap, which `copy`
    // allows.
    unsafe {
        let instance = instance(cx).as_ref();
        let to: NonNull<TableData> = instance.table(dst_table as usize);
        let from: NonNull<TableData> = instance.table(src_table as usize);
        let (to, from) = (&to.as_ref().def, &from.as_ref().def);
        let trap = Trap::TableOutOfBounds;
        let ranges = range(src, len, from.size, trap)
            .and_then(|src| Ok((src, range(dst, len, to.size, trap)?)));
        let result = ranges.map(|(src, dst)| {
            let elements = src.len();
            to.base
                .add(dst.start)
                .copy_from(from.base.add(src.start), elements);
        });
        status(cx, result)
    }
}

/// Sets a range of elements.
///
/// # Safety
///
/// As for [`table_grow`].
pub(crate) unsafe extern "C" fn table_fill(
    cx: *mut VmCtx,
    table: u32,
    dst: u64,
    value: Slot,
    len: u64,
) -> u32 {
    // SAFETY: the table is live, and nobody borrows it.
    unsafe {
        let mut table: NonNull<TableData> = instance(cx).as_ref().table(table as usize);
        let table = table.as_mut();
        let result = range(dst, len, table.def.size, Trap::TableOutOfBounds)
            .map(|range| table.elements_mut()[range].fill(value));
        status(cx, result)
    }
}

/// The reference to a function of the instance.
///
/// # Safety
///
/// `cx` must be the context of a live instance, and `func` a function of its
/// module that a reference may be taken of.
pub(crate) unsafe extern "C" fn ref_func(cx: *mut VmCtx, func: u32) -> Slot {
    // SAFETY: passed on to the caller.
    let def = unsafe { instance(cx).as_ref().func_def(FuncIndex(func)) };
    def.as_ptr().expose_provenance() as Slot
}

/// Copies from a data segment into a memory.
///
/// # Safety
///
/// `instance` must be live, and nobody else may use its store.
pub(super) unsafe fn init_memory(
    instance: NonNull<InstanceData>,
    memory: MemoryIndex,
    data: DataIndex,
    dst: u64,
    src: u64,
    len: u64,
) -> Bulk {
    // SAFETY: the instance is live, and so are its memories; base and size
    // describe their bytes, and both ranges are inside.
    unsafe {
        let instance = instance.as_ref();
        let inner = instance.module.inner();
        let bytes: &[u8] = if instance.dropped_datas[data.index()] {
            &[]
        } else {
            inner.slice(&inner.datas[data.index()].bytes)
        };
        let memory = instance.memory(memory.index());
        let def = &memory.as_ref().def;
        let src = range(src, len, bytes.len() as u64, Trap::MemoryOutOfBounds)?;
        let dst = range(dst, len, def.size_bytes(), Trap::MemoryOutOfBounds)?;
        let from = &bytes[src];
        let to = def.base.add(dst.start);
        if memory.as_ref().is_shared() {
            racing::write(to, from);
        } else {
            to.copy_from_nonoverlapping(from.as_ptr(), from.len());
        }
    }
    Ok(())
}

/// Copies from an element segment into a table.
///
/// # Safety
///
/// `instance` must be live, and nobody else may use its store.
pub(super) unsafe fn init_table(
    instance: NonNull<InstanceData>,
    table: TableIndex,
    elem: ElemIndex,
    dst: u64,
    src: u64,
    len: u64,
) -> Bulk {
    // SAFETY: the instance and its tables are live, and a table is a block
    // of its own.
    unsafe {
        let instance = instance.as_ref();
        let items = &instance.module.inner().elems[elem.index()].items;
        let available = if instance.dropped_elems[elem.index()] {
            0
        } else {
            items.len()
        };
        let mut table = instance.table(table.index());
        let size = table.as_ref().def.size;
        let src = range(src, len, available as u64, Trap::TableOutOfBounds)?;
        let dst = range(dst, len, size, Trap::TableOutOfBounds)?;
        for (dst, src) in dst.zip(src) {
            let slot = instance.elem(elem, src).unwrap_or(0);
            table.as_mut().elements_mut()[dst] = slot;
        }
    }
    Ok(())
}

/// Uses an element segment up.
///
/// # Safety
///
/// `instance` must be live, and nobody may borrow it.
pub(super) unsafe fn drop_elem(instance: NonNull<InstanceData>, elem: ElemIndex) {
    // SAFETY: passed on to the caller.
    unsafe {
        (&mut (*instance.as_ptr()).dropped_elems)[elem.index()] = true;
        (&mut (*instance.as_ptr()).elem_values)[elem.index()] = Box::default();
    }
}

/// Uses a data segment up.
///
/// # Safety
///
/// `instance` must be live, and nobody may borrow it.
pub(super) unsafe fn drop_data(instance: NonNull<InstanceData>, data: DataIndex) {
    // SAFETY: passed on to the caller.
    unsafe { (&mut (*instance.as_ptr()).dropped_datas)[data.index()] = true };
}
