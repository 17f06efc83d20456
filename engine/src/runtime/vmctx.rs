//! The layout of everything that running code reaches through a pointer: the
//! two context blocks, and the definitions of memories, tables, globals and
//! functions. Interpreter and compiled code share these layouts; no other
//! file may repeat an offset.
//!
//! Ownership: a store owns every block in stable boxes, and contexts hold raw
//! pointers into them. A block lives as long as its store. Only the thread
//! that has the store mutably borrowed runs guest code, so plain cells need
//! no synchronisation; what another thread may write is atomic.
//!
//! A value takes one 64-bit slot, a `v128` two, its lower half first. An
//! `i32` or `f32` is the low half of its slot; the upper half may hold
//! anything, and readers ignore it. A null reference is zero; a `funcref` is
//! the address of its [`FuncDef`], and every other reference 32 bits, with
//! zeros above them.

use core::cell::Cell;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::entity::{FuncIndex, TypeId};
use crate::gc::Bump;
use crate::types::rtt::Rtt;

/// One word of the slot stack.
pub(crate) type Slot = u64;

/// Where the interpreter's code is read from.
pub(crate) type Ip = *const u32;

/// The frame header, at slot `max(params, results)` of every frame:
/// return position, caller's frame, and for calls that cross instances the
/// caller's real position and context (valid only if the return position is
/// the interpreter's RESTORE code).
pub(crate) mod header {
    /// Return position.
    pub(crate) const RETURN_IP: usize = 0;
    /// Slot pointer of the caller's frame.
    pub(crate) const CALLER_SP: usize = 1;
    /// Position to continue at, when the return position is RESTORE.
    pub(crate) const CALLER_IP: usize = 2;
    /// Context of the caller, when the return position is RESTORE.
    pub(crate) const CALLER_CX: usize = 3;
    /// Slots in a header.
    pub(crate) const SLOTS: usize = 4;
}

/// Slots that are always free above a frame whose `sp` passed the limit
/// check. A function whose frame (header, locals, operands) needs more
/// checks again at its entry; so does a host function that wants more.
pub(crate) const RED_ZONE_SLOTS: usize = 4096;

/// Calls and taken back edges between two looks at the interrupt word.
pub(crate) const TICK_SLICE: i64 = 1 << 14;

/// What one store shares among all its instances. It is the first field of
/// the generic store (`StoreInner<T, X>`): the trampolines of host functions,
/// which know `T` and `X`, cast its address.
#[repr(C)]
pub(crate) struct StoreCtx {
    /// A frame may start at or below this address: [`RED_ZONE_SLOTS`] slots
    /// above it are mapped.
    pub(crate) stack_limit: *mut Slot,
    /// Remaining fuel. Code charges it only when it was translated with
    /// fuel on; below zero means out of fuel.
    pub(crate) fuel: i64,
    /// Non-zero asks running guests to stop. Written by other threads
    /// through a shared handle; guests look at it when their tick runs out.
    pub(crate) interrupt: *const AtomicU32,
    /// Position, frame and context of the innermost guest frame, stored
    /// before every host call and every exit, so that the driver can walk
    /// the stack or re-enter.
    pub(crate) ip: Ip,
    /// See `ip`.
    pub(crate) sp: *mut Slot,
    /// See `ip`.
    pub(crate) cx: *mut VmCtx,
    /// First slot of the window of the host function that runs now. A
    /// nested entry into guest code places its frame above this window.
    pub(crate) window: *mut Slot,
    /// The host function that runs now, written by its trampoline; null
    /// while the host itself is in control, outside any guest. Then `window`
    /// is the first free slot.
    pub(crate) host: *const FuncDef,
    /// Ticks left when guest code was last left.
    pub(crate) tick: i64,
    /// The hole in which small objects are made.
    pub(crate) alloc: Bump,
    /// The byte that references count from.
    pub(crate) heap_base: *mut u8,
    /// Types of the heap's objects by the ids in their headers.
    pub(crate) rtts: *const *const Rtt,
    /// The registers of the run that this one interrupted.
    pub(crate) outer: *const super::driver::Saved,
    /// The non-generic part of the store, for slow paths.
    pub(crate) core: *mut crate::runtime::store::StoreCore,
}

/// What the code of one instance reaches.
#[repr(C)]
pub(crate) struct VmCtx {
    /// The store's shared block.
    pub(crate) store: *mut StoreCtx,
    /// Memory 0; an empty definition when the instance has none, so that
    /// the check against its length needs no null test.
    pub(crate) memory0: *mut MemoryDef,
    /// All memories by index.
    pub(crate) memories: *const *mut MemoryDef,
    /// All globals by index.
    pub(crate) globals: *const *mut GlobalDef,
    /// All tables by index.
    pub(crate) tables: *const *mut TableDef,
    /// All tags by index.
    pub(crate) tags: *const *mut TagDef,
    /// Imported functions by index.
    pub(crate) imports: *const *const FuncDef,
    /// The byte that references count from. A cell, since it is set when the
    /// store makes its first object, whoever borrows the instance then.
    pub(crate) heap_base: Cell<*mut u8>,
    /// The instance that owns this block: index into `StoreCore`.
    pub(crate) instance: u32,
    /// Anonymous words that stubs and compiled code may test inline. The
    /// engine gives them no meaning.
    pub(crate) cells: [u32; 4],
}

/// A linear memory.
#[repr(C)]
pub(crate) struct MemoryDef {
    /// First byte. Moves only when the memory grows, and never if the memory
    /// is shared.
    pub(crate) base: *mut u8,
    /// Accessible bytes. Other threads may let a shared memory grow.
    size_bytes: AtomicU64,
}

impl MemoryDef {
    pub(crate) fn new(base: *mut u8, size_bytes: u64) -> MemoryDef {
        MemoryDef {
            base,
            size_bytes: AtomicU64::new(size_bytes),
        }
    }

    /// Accessible bytes.
    #[inline(always)]
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::SeqCst)
    }

    /// Accessible bytes of a memory that is not shared: the compiler may make
    /// the load a part of the comparison.
    ///
    /// # Safety
    ///
    /// No other thread may write the size.
    #[inline(always)]
    pub(crate) unsafe fn own_size_bytes(&self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { *self.size_bytes.as_ptr() }
    }

    /// The memory has grown.
    pub(crate) fn set_size_bytes(&self, size_bytes: u64) {
        self.size_bytes.store(size_bytes, Ordering::SeqCst);
    }
}

/// A table: every element is one slot.
#[repr(C)]
pub(crate) struct TableDef {
    /// First element. Moves only when the table grows.
    pub(crate) base: *mut Slot,
    /// Elements.
    pub(crate) size: u64,
}

/// A global: wide enough for every value type.
#[repr(C, align(16))]
pub(crate) struct GlobalDef {
    /// The value; one-slot types use the first word.
    pub(crate) value: [Slot; 2],
}

/// A tag: exceptions with it are told apart by its address.
#[repr(C)]
pub(crate) struct TagDef {
    /// Position in the store's list of tags.
    pub(crate) number: u32,
    /// Interned function type, whose parameters are the payload.
    pub(crate) type_id: TypeId,
    /// Slots of the payload.
    pub(crate) payload_slots: u16,
}

/// A function that can be called through a reference or an import: what a
/// `funcref` points to.
#[repr(C)]
pub(crate) struct FuncDef {
    /// The interpreter's entry: the function's code, or a stub that
    /// translates it first, or the stub that calls a host function.
    pub(crate) code: AtomicPtr<u32>,
    /// Context of the instance that defines the function; null for a host
    /// function.
    pub(crate) cx: *mut VmCtx,
    /// The host function, or null.
    pub(crate) host: *const HostDef,
    /// Interned type.
    pub(crate) type_id: TypeId,
    /// What the type is a subtype of. Whoever made the definition keeps the
    /// type.
    pub(crate) rtt: *const Rtt,
    /// Number of the function in objects; zero until it is stored in one.
    pub(crate) heap_number: AtomicU32,
    /// Index in its module; zero for a host function.
    pub(crate) index: FuncIndex,
    /// Slots of parameters and of results.
    pub(crate) param_slots: u16,
    /// See `param_slots`.
    pub(crate) result_slots: u16,
    /// Whether a parameter or result is a reference, which safe code must
    /// not make up.
    pub(crate) has_refs: bool,
}

impl FuncDef {
    /// Where the header of this function's frame starts.
    pub(crate) fn header_slot(&self) -> usize {
        usize::from(self.param_slots.max(self.result_slots))
    }
}

/// How guest code enters a host function.
#[repr(C)]
pub(crate) struct HostDef {
    /// The trampoline: monomorphised for the store's types and the closure,
    /// never unwinds.
    pub(crate) entry: HostEntry,
    /// The closure that `entry` runs, owned by the store.
    pub(crate) closure: *const (),
    /// Slots beyond parameters and results that the function may use.
    pub(crate) scratch_slots: u32,
    /// Slots of the window in which the function may place arguments for a
    /// guest function that it asks to be called.
    pub(crate) callee_slots: u32,
}

/// Runs a host function on the window that starts at `window`: parameters in,
/// results out, in place. `then` is zero for a call, and for a continuation
/// one more than what the host function answered with its `Call`.
pub(crate) type HostEntry = unsafe extern "C" fn(
    store: *mut StoreCtx,
    caller: *mut VmCtx,
    window: *mut Slot,
    func: *const FuncDef,
    then: u32,
) -> HostStatus;

/// What a host function's trampoline tells the tier that called it. Anything
/// but `Done` goes to the driver; details stand in `StoreCore`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum HostStatus {
    /// The results are in the window.
    Done = 0,
    /// The guest stops; the error is in `StoreCore`.
    Trap = 1,
    /// The activation parks; the host function's results come later.
    Pending = 2,
    /// A guest function is to run in this activation first.
    Call = 3,
    /// An exception leaves the host function; it is in `StoreCore`.
    Throw = 4,
}

/// Why a tier gave control back to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Exit {
    /// The function that the driver entered has returned; results stand at
    /// the start of its frame.
    Return = 0,
    /// The guest stopped: the reason is in `StoreCore`, position and frame in
    /// `StoreCtx`.
    Trap = 1,
    /// A host function answered `Pending`.
    Pending = 2,
    /// A host function answered `Call`.
    Call = 3,
    /// A guest function that a host function called has returned: the host
    /// frame is `StoreCtx::sp`.
    HostReturn = 4,
    /// An exception was thrown: it is in `StoreCore`, position and frame are
    /// in `StoreCtx`.
    Throw = 5,
}
