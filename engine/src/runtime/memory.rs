//! Linear memories: the handle, and growth under the store's limits. What
//! only shared memories can do is in [`shared`](super::shared).

use core::fmt;
use core::ptr::{self, NonNull};
use core::slice;

use super::owned::Owned;
use super::shared::{Shared, SharedMemory};
use super::store::{AsContext, AsContextMut, StoreCore, StoreId, wrong_store};
use super::vmctx::MemoryDef;
use crate::config::Limits;
use crate::error::{Error, Result};
use crate::sys::{Region, RegionPool};
use crate::trap::Trap;
use crate::types::{MemoryType, PAGE_SIZE_BYTES};

/// A linear memory of a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    store: StoreId,
    data: NonNull<MemoryData>,
}

// SAFETY: the pointer is followed only after the id was compared with that
// of a store which the caller has borrowed; memories live as long as their
// store.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// A memory and its bytes.
#[repr(C)]
pub(crate) struct MemoryData {
    /// First, so that the address of the definition is the block's.
    pub(crate) def: MemoryDef,
    backing: Backing,
    pub(super) ty: MemoryType,
}

/// Who has a memory.
pub(super) enum Backing {
    /// One store.
    Own(Region),
    /// Any number of stores.
    Shared(Shared),
}

impl MemoryData {
    pub(super) fn new(def: MemoryDef, backing: Backing, ty: MemoryType) -> MemoryData {
        MemoryData { def, backing, ty }
    }

    /// Gives the bytes of a memory whose store ends to the pool.
    pub(super) fn release(self, regions: &RegionPool) {
        match self.backing {
            Backing::Own(region) => regions.give(region),
            // Other stores may have it.
            Backing::Shared(_) => {}
        }
    }

    /// What a shared memory has beyond others.
    pub(super) fn shared(&self) -> Result<&Shared> {
        match &self.backing {
            Backing::Shared(shared) => Ok(shared),
            Backing::Own(_) => Err(Error::usage("expected a shared memory, found another")),
        }
    }

    /// Whether other threads may touch the bytes at any moment.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.ty.shared
    }

    /// Makes a memory in a store.
    pub(crate) fn create(core: &mut StoreCore, ty: MemoryType) -> Result<NonNull<MemoryData>> {
        if ty.shared {
            return SharedMemory::create(core, ty);
        }
        check_count(core)?;
        let pages_max = check_type(&ty)?;
        // More than addresses and limits can reach is refused below.
        let size_bytes = bytes_of(&ty, ty.min_pages).unwrap_or(u64::MAX);
        let limit = core.limits.memory_size_bytes_max;
        let total = core.usage.memory_bytes.saturating_add(size_bytes);
        if size_bytes > limit || total > core.limits.memory_total_bytes_max {
            return Err(beyond_limits(size_bytes, &core.limits));
        }
        // There is no use in address space that the limits keep out of reach.
        let reserve = bytes_of(&ty, pages_max).map_or(limit, |bytes| bytes.min(limit));
        let region = match (usize::try_from(reserve), usize::try_from(size_bytes)) {
            (Ok(reserve), Ok(size)) => core.engine.regions().take(reserve, size),
            _ => None,
        };
        let region = region.ok_or_else(|| {
            Error::limit(format!(
                "the system refused {size_bytes} bytes for a memory"
            ))
        })?;
        core.usage.memory_bytes = total;
        let data = Owned::new(Box::new(MemoryData {
            def: MemoryDef::new(region.base().as_ptr(), size_bytes),
            backing: Backing::Own(region),
            ty,
        }));
        let pointer = data.pointer();
        core.memories.push(data);
        Ok(pointer)
    }

    /// Grows by `delta` pages and answers the old number of pages; `None` if
    /// a limit or the system refuses.
    ///
    /// # Safety
    ///
    /// `this` must be a memory of the store of `core`, and unless it is
    /// shared nobody may borrow it.
    pub(crate) unsafe fn grow(
        this: NonNull<MemoryData>,
        core: &mut StoreCore,
        delta: u64,
    ) -> Option<u64> {
        // SAFETY: the memory is live, and borrowed for us alone only if it is
        // the store's alone.
        unsafe {
            if this.as_ref().is_shared() {
                let limit_bytes = core.limits.memory_size_bytes_max;
                return this.as_ref().grow_shared(limit_bytes, delta);
            }
            (*this.as_ptr()).grow_own(core, delta)
        }
    }

    fn grow_own(&mut self, core: &mut StoreCore, delta: u64) -> Option<u64> {
        let Backing::Own(region) = &mut self.backing else {
            return None;
        };
        let old_pages = self.def.size_bytes() / u64::from(self.ty.page_size_bytes);
        let pages = old_pages.checked_add(delta)?;
        if pages > self.ty.reachable_pages() {
            return None;
        }
        let size_bytes = bytes_of(&self.ty, pages)?;
        let added = size_bytes - self.def.size_bytes();
        let total = core.usage.memory_bytes.checked_add(added)?;
        if delta > 0
            && (size_bytes > core.limits.memory_size_bytes_max
                || total > core.limits.memory_total_bytes_max)
        {
            return None;
        }
        if !region.grow(usize::try_from(size_bytes).ok()?) {
            return None;
        }
        core.usage.memory_bytes = total;
        self.def.base = region.base().as_ptr();
        self.def.set_size_bytes(size_bytes);
        Some(old_pages)
    }

    /// Takes the memory back to its first size, all zeros. One that other
    /// stores may have stays as it is.
    pub(super) fn reset(&mut self, core: &mut StoreCore) {
        let Backing::Own(region) = &mut self.backing else {
            return;
        };
        // It was allocated with that size.
        let size_bytes = bytes_of(&self.ty, self.ty.min_pages).unwrap_or(0);
        region.reset(usize::try_from(size_bytes).unwrap_or(0));
        let freed = self.def.size_bytes().saturating_sub(size_bytes);
        core.usage.memory_bytes = core.usage.memory_bytes.saturating_sub(freed);
        self.def.base = region.base().as_ptr();
        self.def.set_size_bytes(size_bytes);
    }

    /// The type with the current size: what an import is compared with.
    pub(crate) fn current_type(&self) -> MemoryType {
        MemoryType {
            min_pages: self.size_pages(),
            ..self.ty
        }
    }

    pub(super) fn size_pages(&self) -> u64 {
        self.def.size_bytes() / u64::from(self.ty.page_size_bytes)
    }
}

impl Memory {
    /// A new memory, zeroed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if a limit of the store or the
    /// system refuses.
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let data = MemoryData::create(core, ty)?;
        Ok(Memory {
            store: core.id,
            data,
        })
    }

    /// A handle for a shared memory in this store, where it counts against
    /// the limits with all that it may grow to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if a limit of the store
    /// refuses.
    pub fn from_shared(mut store: impl AsContextMut, memory: &SharedMemory) -> Result<Memory> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let data = memory.add_to(core)?;
        Ok(Memory {
            store: core.id,
            data,
        })
    }

    /// The memory for other stores, if it is shared.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn shared(&self, store: impl AsContext) -> Result<Option<SharedMemory>> {
        let core = store.as_context().core();
        let data = self.data_in(core.id)?;
        let memories = &core.shared_memories;
        Ok(memories.iter().find(|have| have.data() == data).cloned())
    }

    /// The memory, unless it is shared.
    pub(crate) fn unless_shared(self, core: &StoreCore) -> Option<Memory> {
        let data = self.data_in(core.id).ok()?;
        // SAFETY: the memory belongs to the store, which is borrowed.
        let is_shared = unsafe { data.as_ref() }.is_shared();
        (!is_shared).then_some(self)
    }

    /// # Safety
    ///
    /// `def` must be the address of a memory of store `store`.
    pub(crate) unsafe fn from_def(store: StoreId, def: NonNull<MemoryDef>) -> Memory {
        Memory {
            store,
            data: def.cast(),
        }
    }

    #[inline]
    pub(crate) fn data_in(self, id: StoreId) -> Result<NonNull<MemoryData>> {
        if id == self.store {
            Ok(self.data)
        } else {
            Err(wrong_store("memory"))
        }
    }

    /// Base and length, for the store that the memory belongs to. There is
    /// no such view of a shared memory, which others write at any moment.
    #[inline]
    pub(crate) fn bytes_in(self, id: StoreId) -> Result<NonNull<[u8]>> {
        let data = self.data_in(id)?;
        // SAFETY: the memory belongs to the store, which the caller has.
        let data = unsafe { data.as_ref() };
        if data.is_shared() {
            return Err(Error::usage(
                "the bytes of a shared memory cannot be borrowed: use Memory::read and \
                 Memory::write, or Memory::shared",
            ));
        }
        let def = &data.def;
        // What is mapped fits in an address.
        let size = usize::try_from(def.size_bytes()).unwrap_or(0);
        let bytes = ptr::slice_from_raw_parts_mut(def.base, size);
        NonNull::new(bytes).ok_or_else(|| wrong_store("memory"))
    }

    /// The memory's type, with its current size.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<MemoryType> {
        let data = self.data_in(store.as_context().core().id)?;
        // SAFETY: the memory belongs to the store, which is borrowed.
        Ok(unsafe { data.as_ref() }.current_type())
    }

    /// The current size in pages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn size_pages(&self, store: impl AsContext) -> Result<u64> {
        Ok(self.ty(store)?.min_pages)
    }

    /// All bytes.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store, or is shared. A memory from
    /// [`Instance::get_memory`](crate::Instance::get_memory) is not.
    #[must_use]
    pub fn data<'s, C: AsContext>(&self, store: &'s C) -> &'s [u8] {
        match self.bytes_in(store.as_context().core().id) {
            // SAFETY: base and size of a memory of this store, which is
            // borrowed as long as the answer, so the memory stays.
            Ok(bytes) => unsafe { slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) },
            Err(error) => panic!("{error}"),
        }
    }

    /// All bytes, for writing.
    ///
    /// # Panics
    ///
    /// As for [`data`](Memory::data).
    #[must_use]
    pub fn data_mut<'s, C: AsContextMut>(&self, store: &'s mut C) -> &'s mut [u8] {
        match self.bytes_in(store.as_context_mut().core().id) {
            // SAFETY: as in `data`, and the store is borrowed for us alone.
            Ok(bytes) => unsafe { slice::from_raw_parts_mut(bytes.as_ptr().cast(), bytes.len()) },
            Err(error) => panic!("{error}"),
        }
    }

    /// Copies bytes out of the memory.
    ///
    /// # Errors
    ///
    /// [`Trap::MemoryOutOfBounds`] if the range is not inside;
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn read(&self, store: impl AsContext, offset: u64, into: &mut [u8]) -> Result<()> {
        let id = store.as_context().core().id;
        let data = self.data_in(id)?;
        // SAFETY: the memory belongs to the store, which is borrowed.
        let data = unsafe { data.as_ref() };
        if data.is_shared() {
            return data.read(offset, into);
        }
        let bytes = self.bytes_in(id)?;
        // SAFETY: as in `data`; the borrow ends in this function.
        let bytes = unsafe { bytes.as_ref() };
        let range = range(bytes.len(), offset, into.len())?;
        into.copy_from_slice(&bytes[range]);
        Ok(())
    }

    /// Copies bytes into the memory.
    ///
    /// # Errors
    ///
    /// As for [`read`](Memory::read).
    pub fn write(&self, mut store: impl AsContextMut, offset: u64, from: &[u8]) -> Result<()> {
        let id = store.as_context_mut().core().id;
        let data = self.data_in(id)?;
        // SAFETY: the memory belongs to the store, which is borrowed.
        let data = unsafe { data.as_ref() };
        if data.is_shared() {
            return data.write(offset, from);
        }
        let mut bytes = self.bytes_in(id)?;
        // SAFETY: as in `data_mut`; the borrow ends in this function.
        let bytes = unsafe { bytes.as_mut() };
        let range = range(bytes.len(), offset, from.len())?;
        bytes[range].copy_from_slice(from);
        Ok(())
    }

    /// Grows by `delta` pages and answers the old number of pages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if the memory's maximum, a
    /// limit of the store or the system refuses;
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        let data = self.data_in(core.id)?;
        // SAFETY: the memory belongs to the store, which is borrowed for us
        // alone; the block is not part of the core.
        let grown = unsafe { MemoryData::grow(data, core, delta) };
        grown.ok_or_else(|| {
            // SAFETY: as above.
            let data = unsafe { data.as_ref() };
            Error::limit(format!(
                "the memory cannot grow by {delta} pages: it has {} of {}",
                data.current_type().min_pages,
                data.ty.reachable_pages()
            ))
        })
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({:?})", self.store)
    }
}

/// A memory that the store's limits refuse: says which of them.
#[cold]
fn beyond_limits(size_bytes: u64, limits: &Limits) -> Error {
    let (one, all) = (limits.memory_size_bytes_max, limits.memory_total_bytes_max);
    let limit = if size_bytes > one {
        format!("one memory of the store may have {one}")
    } else {
        format!("all memories of the store together may have {all}")
    };
    Error::limit(format!(
        "a memory of {size_bytes} bytes exceeds the store's limits: {limit}"
    ))
}

/// Refuses one more memory than the store may have.
pub(super) fn check_count(core: &StoreCore) -> Result<()> {
    let count = core.memories.len() + core.shared_memories.len();
    if count < core.limits.memories_max {
        return Ok(());
    }
    Err(Error::limit(format!(
        "the store may have {} memories, and has them",
        core.limits.memories_max
    )))
}

/// The bytes that `pages` take; `None` if they are too many for an address.
pub(super) fn bytes_of(ty: &MemoryType, pages: u64) -> Option<u64> {
    pages.checked_mul(u64::from(ty.page_size_bytes))
}

/// Refuses types that no memory has, and answers to how many pages one of
/// this type may grow.
pub(super) fn check_type(ty: &MemoryType) -> Result<u64> {
    if ty.page_size_bytes != 1 && ty.page_size_bytes != PAGE_SIZE_BYTES {
        return Err(Error::usage(format!(
            "expected pages of 1 or {PAGE_SIZE_BYTES} bytes, found {}",
            ty.page_size_bytes
        )));
    }
    let pages_max = ty.reachable_pages();
    if ty.min_pages > pages_max {
        return Err(Error::limit(format!(
            "expected a memory of at most {pages_max} pages, found {}",
            ty.min_pages
        )));
    }
    Ok(pages_max)
}

pub(super) fn range(size: usize, offset: u64, len: usize) -> Result<core::ops::Range<usize>> {
    let start = usize::try_from(offset).ok();
    let end = start.and_then(|start| start.checked_add(len));
    match (start, end) {
        (Some(start), Some(end)) if end <= size => Ok(start..end),
        _ => Err(Error::from(Trap::MemoryOutOfBounds)
            .context(format!("{len} bytes at {offset} of a memory of {size}"))),
    }
}
