//! Shared memories: bytes that stores on several threads use at once. They
//! are reserved up to their maximum when they are made, so that they never
//! move, and they never shrink; the size is atomic, growth takes a lock.
//!
//! Nothing here hands out a slice: other threads may write at any moment.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use super::interrupt::Interrupt;
use super::memory::{Backing, MemoryData, bytes_of, check_type, range};
use super::racing;
use super::store::StoreCore;
use super::vmctx::MemoryDef;
use super::wait::{WaitResult, Waiters};
use crate::config::Limits;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::sys::Region;
use crate::trap::Trap;
use crate::types::MemoryType;

/// A linear memory that several stores may have, each on its own thread.
/// Cloning shares it.
///
/// A store gets it by [`Memory::from_shared`](crate::Memory::from_shared) or
/// by name through
/// [`Linker::define_shared`](crate::Linker::define_shared).
///
/// ```
/// use linkspan_engine::{Engine, MemoryType, SharedMemory};
///
/// let ty = MemoryType { shared: true, ..MemoryType::new(1, Some(4)) };
/// let memory = SharedMemory::new(&Engine::default(), ty)?;
/// let there = memory.clone();
/// std::thread::spawn(move || there.write(8, b"hello")).join().expect("no panic")?;
/// let mut text = [0; 5];
/// memory.read(8, &mut text)?;
/// assert_eq!(&text, b"hello");
/// # Ok::<(), linkspan_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct SharedMemory(Arc<Block>);

/// A memory that is shared.
struct Block(MemoryData);

// SAFETY: the bytes are reached by atomic operations alone, the size is
// atomic, and the region and the queues are behind locks.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

/// What a shared memory has beyond others.
pub(super) struct Shared {
    region: Mutex<Region>,
    /// What was reserved: growth ends there.
    capacity_bytes: u64,
    waiters: Waiters,
}

impl SharedMemory {
    /// A new memory, zeroed, that no store has yet. The limits of the
    /// engine's configuration hold for it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if a limit or the system
    /// refuses; [`ErrorKind::Usage`](crate::ErrorKind) if the type is not
    /// that of a shared memory, which has a maximum.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<SharedMemory> {
        let limits = &engine.config().limits;
        SharedMemory::within(limits, limits.memory_total_bytes_max, ty)
    }

    /// A new memory of at most `available_bytes`.
    fn within(limits: &Limits, available_bytes: u64, ty: MemoryType) -> Result<SharedMemory> {
        if !ty.shared || ty.max_pages.is_none() {
            return Err(Error::usage(format!(
                "expected the type of a shared memory with a maximum, found {ty}"
            )));
        }
        let pages_max = check_type(&ty)?;
        let reachable_bytes = limits.memory_size_bytes_max.min(available_bytes);
        // More than addresses reach is more than any limit.
        let size_bytes = bytes_of(&ty, ty.min_pages).unwrap_or(u64::MAX);
        if size_bytes > reachable_bytes {
            return Err(Error::limit(format!(
                "a shared memory of {size_bytes} bytes exceeds the store's limits, which leave \
                 {reachable_bytes}"
            )));
        }
        let capacity_bytes =
            bytes_of(&ty, pages_max).map_or(reachable_bytes, |bytes| bytes.min(reachable_bytes));
        let region = match (usize::try_from(capacity_bytes), usize::try_from(size_bytes)) {
            (Ok(reserve), Ok(size)) => Region::fixed(reserve, size),
            _ => None,
        };
        let region = region.ok_or_else(|| {
            Error::limit(format!(
                "the system refused {capacity_bytes} bytes for a shared memory, which is \
                 reserved up to its maximum"
            ))
        })?;
        let def = MemoryDef::new(region.base().as_ptr(), size_bytes);
        let shared = Shared {
            region: Mutex::new(region),
            capacity_bytes,
            waiters: Waiters::default(),
        };
        let data = MemoryData::new(def, Backing::Shared(shared), ty);
        Ok(SharedMemory(Arc::new(Block(data))))
    }

    /// Makes a memory in a store.
    pub(super) fn create(core: &mut StoreCore, ty: MemoryType) -> Result<NonNull<MemoryData>> {
        let total = core.limits.memory_total_bytes_max;
        let available_bytes = total.saturating_sub(core.usage.memory_bytes);
        SharedMemory::within(&core.limits, available_bytes, ty)?.add_to(core)
    }

    /// Puts the memory into a store, where it counts with all that it may
    /// grow to: other stores may let it grow.
    pub(super) fn add_to(&self, core: &mut StoreCore) -> Result<NonNull<MemoryData>> {
        let data = self.data();
        if core.shared_memories.iter().any(|have| have.data() == data) {
            return Ok(data);
        }
        super::memory::check_count(core)?;
        let capacity_bytes = self.shared()?.capacity_bytes;
        let total = core.usage.memory_bytes.saturating_add(capacity_bytes);
        if total > core.limits.memory_total_bytes_max {
            return Err(Error::limit(format!(
                "a shared memory of up to {capacity_bytes} bytes exceeds the store's limit of {} \
                 for all memories",
                core.limits.memory_total_bytes_max
            )));
        }
        core.usage.memory_bytes = total;
        core.shared_memories.push(self.clone());
        Ok(data)
    }

    /// Whether nobody else has the memory, and nobody can get it while the
    /// store that has it is borrowed.
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The block that stores point to.
    pub(super) fn data(&self) -> NonNull<MemoryData> {
        NonNull::from(&self.0.0)
    }

    fn shared(&self) -> Result<&Shared> {
        self.0.0.shared()
    }

    /// The memory's type, with its current size.
    #[must_use]
    pub fn ty(&self) -> MemoryType {
        self.0.0.current_type()
    }

    /// The current size in pages. Another thread may let the memory grow at
    /// any moment; it never shrinks.
    #[must_use]
    pub fn size_pages(&self) -> u64 {
        self.ty().min_pages
    }

    /// The current size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.0.0.def.size_bytes()
    }

    /// Grows by `delta` pages and answers the old number of pages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`](crate::ErrorKind) if the memory's maximum, the
    /// limits under which it was made or the system refuses.
    pub fn grow(&self, delta: u64) -> Result<u64> {
        self.0.0.grow_shared(u64::MAX, delta).ok_or_else(|| {
            Error::limit(format!(
                "the shared memory cannot grow by {delta} pages: it has {} of {}",
                self.size_pages(),
                self.0.0.ty.reachable_pages()
            ))
        })
    }

    /// Copies bytes out of the memory. What other threads write meanwhile
    /// may be missing, there or mixed in, byte by byte.
    ///
    /// # Errors
    ///
    /// [`Trap::MemoryOutOfBounds`] if the range is not inside.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.0.0.read(offset, into)
    }

    /// Copies bytes into the memory; as for [`read`](SharedMemory::read),
    /// threads that read meanwhile may see any part of them.
    ///
    /// # Errors
    ///
    /// As for [`read`](SharedMemory::read).
    pub fn write(&self, offset: u64, from: &[u8]) -> Result<()> {
        self.0.0.write(offset, from)
    }

    /// The number at an address, for atomic operations. It has the byte order
    /// of the host, where guests have little-endian numbers.
    ///
    /// # Errors
    ///
    /// [`Trap::UnalignedAtomic`] if the address is no multiple of 4;
    /// [`Trap::MemoryOutOfBounds`] if it is not inside.
    pub fn atomic_u32(&self, address: u64) -> Result<&AtomicU32> {
        let place = self.0.0.atomic_place(address, 4)?;
        // SAFETY: the place is aligned and inside the memory, which neither
        // moves nor shrinks while `self` lives, and other threads write it by
        // atomic operations alone.
        Ok(unsafe { AtomicU32::from_ptr(place.cast()) })
    }

    /// The number at an address; see [`atomic_u32`](SharedMemory::atomic_u32).
    ///
    /// # Errors
    ///
    /// As for [`atomic_u32`](SharedMemory::atomic_u32), with multiples of 8.
    pub fn atomic_u64(&self, address: u64) -> Result<&AtomicU64> {
        let place = self.0.0.atomic_place(address, 8)?;
        // SAFETY: as in `atomic_u32`.
        Ok(unsafe { AtomicU64::from_ptr(place.cast()) })
    }

    /// Wakes up to `count` threads that wait at an address, and answers how
    /// many: `memory.atomic.notify`.
    ///
    /// # Errors
    ///
    /// As for [`atomic_u32`](SharedMemory::atomic_u32).
    pub fn notify(&self, address: u64, count: u32) -> Result<u32> {
        self.0.0.notify(address, count)
    }

    /// Blocks this thread until another one notifies it, if the number at an
    /// address is `expected`: `memory.atomic.wait32`. Without a `timeout` it
    /// waits without bound.
    ///
    /// # Errors
    ///
    /// As for [`atomic_u32`](SharedMemory::atomic_u32), and
    /// [`ErrorKind::Limit`](crate::ErrorKind) if too many threads wait.
    pub fn wait32(
        &self,
        address: u64,
        expected: u32,
        timeout: Option<Duration>,
    ) -> Result<WaitResult> {
        let expected = Expected::Half(expected);
        self.0.0.wait(address, expected, timeout, None)
    }

    /// As [`wait32`](SharedMemory::wait32), for a number of 64 bits:
    /// `memory.atomic.wait64`.
    ///
    /// # Errors
    ///
    /// As for [`wait32`](SharedMemory::wait32).
    pub fn wait64(
        &self,
        address: u64,
        expected: u64,
        timeout: Option<Duration>,
    ) -> Result<WaitResult> {
        let expected = Expected::Whole(expected);
        self.0.0.wait(address, expected, timeout, None)
    }

    /// Whether both are clones of one memory.
    #[must_use]
    pub fn same(a: &SharedMemory, b: &SharedMemory) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedMemory").field(&self.ty()).finish()
    }
}

/// What a wait expects in memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// A number of 32 bits.
    Half(u32),
    /// A number of 64 bits.
    Whole(u64),
}

/// What is the same for all stores that have a shared memory.
impl MemoryData {
    /// Grows by `delta` pages, not past `limit_bytes`; see
    /// [`grow`](MemoryData::grow).
    pub(super) fn grow_shared(&self, limit_bytes: u64, delta: u64) -> Option<u64> {
        let shared = self.shared().ok()?;
        // Nothing that can panic happens under the lock.
        let region = shared.region.lock();
        let mut region = region.unwrap_or_else(PoisonError::into_inner);
        let old_pages = self.size_pages();
        let pages = old_pages.checked_add(delta)?;
        if delta == 0 {
            return Some(old_pages);
        }
        let size_bytes = bytes_of(&self.ty, pages)?;
        let max_bytes = shared.capacity_bytes.min(limit_bytes);
        if pages > self.ty.reachable_pages() || size_bytes > max_bytes {
            return None;
        }
        if !region.grow(usize::try_from(size_bytes).ok()?) {
            return None;
        }
        // Whoever sees the new size finds the bytes usable.
        self.def.set_size_bytes(size_bytes);
        Some(old_pages)
    }

    /// The place of an atomic access of `size` bytes.
    pub(super) fn atomic_place(&self, address: u64, size: u64) -> Result<*mut u8> {
        if !address.is_multiple_of(size) {
            return Err(Trap::UnalignedAtomic.into());
        }
        let size_bytes = usize::try_from(self.def.size_bytes()).unwrap_or(0);
        let range = range(size_bytes, address, usize::try_from(size).unwrap_or(0))?;
        // The range is inside, so it does not wrap.
        Ok(self.def.base.wrapping_add(range.start))
    }

    /// Wakes threads that wait at an address.
    pub(super) fn notify(&self, address: u64, count: u32) -> Result<u32> {
        self.atomic_place(address, 4)?;
        // At other memories nobody waits.
        Ok(self
            .shared()
            .map_or(0, |shared| shared.waiters.notify(address, count)))
    }

    /// Waits at an address.
    pub(super) fn wait(
        &self,
        address: u64,
        expected: Expected,
        timeout: Option<Duration>,
        interrupt: Option<&Arc<Interrupt>>,
    ) -> Result<WaitResult> {
        let place = match expected {
            Expected::Half(_) => self.atomic_place(address, 4)?,
            Expected::Whole(_) => self.atomic_place(address, 8)?,
        };
        let shared = self.shared().map_err(|_| Trap::ExpectedSharedMemory)?;
        // SAFETY: the place is aligned and inside; as for `atomic_u32`.
        let is_equal = || unsafe {
            match expected {
                Expected::Half(expected) => {
                    let found = AtomicU32::from_ptr(place.cast()).load(Ordering::SeqCst);
                    u32::from_le(found) == expected
                }
                Expected::Whole(expected) => {
                    let found = AtomicU64::from_ptr(place.cast()).load(Ordering::SeqCst);
                    u64::from_le(found) == expected
                }
            }
        };
        shared.waiters.wait(address, is_equal, timeout, interrupt)
    }

    /// Copies bytes out.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let from = self.place(offset, into.len())?;
        // SAFETY: the bytes are inside. Those of a memory that is not shared
        // belong to the store that the caller has borrowed.
        unsafe { racing::read(from, into) };
        Ok(())
    }

    /// Copies bytes in.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let to = self.place(offset, bytes.len())?;
        // SAFETY: as in `read`.
        unsafe { racing::write(to, bytes) };
        Ok(())
    }

    fn place(&self, offset: u64, len: usize) -> Result<*mut u8> {
        let size_bytes = usize::try_from(self.def.size_bytes()).unwrap_or(0);
        let range = range(size_bytes, offset, len)?;
        Ok(self.def.base.wrapping_add(range.start))
    }
}
