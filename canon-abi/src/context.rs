//! What a lift or a lower carries with it (`LiftLowerContext`): the guest, the
//! options, a byte budget, and checked access to memory.
//!
//! A lift never runs guest code, so it holds the memory itself and what it
//! answers may borrow from it. A lower may run `realloc` at any step, so it
//! asks for the memory anew each time.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::fmt;

use crate::layout::PointerSize;
use crate::memory::{Encoding, Guest, Handles, Options};
use crate::trap::{Content, Result, Trap};
use crate::{MAX_LIST_BYTE_LENGTH, MAX_STRING_BYTE_LENGTH};

/// How many bytes one call may lift unless the embedder says otherwise.
///
/// It covers what the host allocates for the values and what it scans in place,
/// so a guest cannot make the host work without end on overlapping lists.
pub const DEFAULT_LIFT_BUDGET_BYTES: u64 = 1 << 29;

/// Bytes between two questions whether the embedder wants the call to stop.
const CHECKPOINT_BYTES: u64 = 1 << 20;

/// What one call may still move. It is paid out in slices, so that a payment
/// is one subtraction.
#[derive(Debug)]
pub(crate) struct Budget {
    slice_left: u64,
    /// What is left behind the slice.
    rest: u64,
    total: u64,
}

impl Budget {
    pub(crate) const fn new(total: u64) -> Self {
        let slice_left = if total < CHECKPOINT_BYTES {
            total
        } else {
            CHECKPOINT_BYTES
        };
        Self {
            slice_left,
            rest: total - slice_left,
            total,
        }
    }

    /// What was paid.
    pub(crate) const fn spent(&self) -> u64 {
        self.total - self.rest - self.slice_left
    }

    /// Pays out of the slice; `false` if it is too small.
    #[inline]
    pub(crate) fn pay(&mut self, bytes: u64) -> bool {
        match self.slice_left.checked_sub(bytes) {
            Some(left) => {
                self.slice_left = left;
                true
            }
            None => false,
        }
    }

    /// Pays what the slice was too small for, and cuts the next one. If there
    /// is too little left, the answer is the whole budget.
    #[cold]
    pub(crate) fn pay_across(&mut self, bytes: u64) -> Result<(), u64> {
        // Both are parts of one number of 64 bits.
        let left = (self.slice_left + self.rest)
            .checked_sub(bytes)
            .ok_or(self.total)?;
        self.slice_left = left.min(CHECKPOINT_BYTES);
        self.rest = left - self.slice_left;
        Ok(())
    }
}

/// Keeps what borrowed lifts need that guest memory cannot lend: transcoded
/// strings, and lists of scalars wider than a byte.
///
/// An unused one costs nothing. It belongs to one call.
#[derive(Default)]
pub struct Scratch {
    blocks: OnceCell<Box<Blocks>>,
}

/// Block `k` has `2^k` places, so places never move and the list never walks.
struct Blocks {
    count: Cell<usize>,
    blocks: [OnceCell<Box<[Place]>>; usize::BITS as usize],
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            count: Cell::new(0),
            blocks: [const { OnceCell::new() }; usize::BITS as usize],
        }
    }
}

type Place = OnceCell<Box<dyn Any + Send>>;

impl Scratch {
    /// An empty one.
    #[inline]
    pub const fn new() -> Self {
        Self {
            blocks: OnceCell::new(),
        }
    }

    /// Keeps a value as long as the scratch lives.
    fn keep<T: Any + Send>(&self, value: T) -> &T {
        let blocks = self.blocks.get_or_init(Box::default);
        let number = blocks.count.get() + 1;
        blocks.count.set(number);
        let block = number.ilog2() as usize;
        let places = blocks.blocks[block]
            .get_or_init(|| (0..1_usize << block).map(|_| OnceCell::new()).collect());
        let kept = places[number - (1 << block)].get_or_init(|| Box::new(value));
        kept.downcast_ref()
            .expect("each place is filled once, by this call")
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.blocks.get().map_or(0, |blocks| blocks.count.get());
        f.debug_struct("Scratch").field("kept", &kept).finish()
    }
}

/// What lifting carries: values lifted with it may borrow for `'a`.
#[derive(Debug)]
pub struct LiftContext<'a, H> {
    memory: &'a [u8],
    scratch: &'a Scratch,
    handles: H,
    options: Options,
    budget: Budget,
}

impl<'a, H: Handles> LiftContext<'a, H> {
    /// A context over a guest's memory and handles
    /// ([`Guest::parts`]), with the default budget.
    #[inline]
    pub fn new(memory: &'a [u8], handles: H, scratch: &'a Scratch, options: Options) -> Self {
        Self {
            memory,
            scratch,
            handles,
            options,
            budget: Budget::new(DEFAULT_LIFT_BUDGET_BYTES),
        }
    }

    /// Limits the bytes that this call may lift.
    #[must_use]
    pub fn with_budget(mut self, budget_bytes: u64) -> Self {
        self.budget = Budget::new(budget_bytes);
        self
    }

    /// How many bytes were charged so far.
    #[inline]
    pub fn charged_bytes(&self) -> u64 {
        self.budget.spent()
    }

    /// The options of the side that is read.
    #[inline]
    pub fn options(&self) -> Options {
        self.options
    }

    /// The address type of the memory.
    #[inline]
    pub fn pointer(&self) -> PointerSize {
        self.options.pointer
    }

    /// The handle operations of the call.
    #[inline]
    pub fn handles(&mut self) -> &mut H {
        &mut self.handles
    }

    /// The guest's memory.
    #[inline]
    pub fn memory(&self) -> &'a [u8] {
        self.memory
    }

    /// Keeps a value as long as what is lifted may borrow. The place of it is
    /// charged; what it owns beside that should have been before.
    ///
    /// # Errors
    /// As [`LiftContext::charge`].
    pub fn keep<T: Any + Send>(&mut self, value: T) -> Result<&'a T> {
        self.charge((size_of::<T>() + size_of::<Place>()) as u64)?;
        Ok(self.scratch.keep(value))
    }

    /// Pays for bytes that the host allocates or scans.
    ///
    /// # Errors
    /// [`Trap::LiftBudgetExceeded`], and what [`Handles::checkpoint`] answers
    /// once in a while.
    #[inline]
    pub fn charge(&mut self, bytes: u64) -> Result<()> {
        if self.budget.pay(bytes) {
            return Ok(());
        }
        self.budget
            .pay_across(bytes)
            .map_err(|budget_bytes| Trap::LiftBudgetExceeded { budget_bytes })?;
        self.handles.checkpoint()
    }

    /// Pointer and length of a string or list in two flat slots.
    #[inline]
    pub fn flat_pair(&self, slots: &[u64]) -> (u64, u64) {
        flat_pair(self.pointer(), slots)
    }

    /// Pointer and length of a string or list in memory.
    #[inline]
    pub fn memory_pair(&self, bytes: &[u8]) -> (u64, u64) {
        memory_pair(self.pointer(), bytes)
    }

    /// A checked range of the memory (the `trap_if`s of `load_list_from_range`
    /// and its like).
    ///
    /// # Errors
    /// [`Trap::Unaligned`], then [`Trap::OutOfBounds`].
    #[inline]
    pub fn range(
        &self,
        content: Content,
        pointer: u64,
        bytes: u64,
        align: u32,
    ) -> Result<&'a [u8]> {
        let at = check_range(content, pointer, bytes, align, self.memory.len())?;
        Ok(&self.memory[at..at + bytes as usize])
    }

    /// The bytes of a list of `count` elements, charged to the budget
    /// (`load_list_from_range`).
    ///
    /// # Errors
    /// [`Trap::ListTooLong`], and as [`LiftContext::range`] and
    /// [`LiftContext::charge`].
    #[inline]
    pub fn list(&mut self, pointer: u64, count: u64, size: u32, align: u32) -> Result<&'a [u8]> {
        let bytes = list_bytes(count, size)?;
        let range = self.range(Content::List, pointer, bytes, align)?;
        self.charge(bytes)?;
        Ok(range)
    }
}

/// What lowering carries.
#[derive(Debug)]
pub struct LowerContext<G> {
    guest: G,
    options: Options,
}

impl<G: Guest> LowerContext<G> {
    /// A context over a guest.
    #[inline]
    pub fn new(guest: G, options: Options) -> Self {
        Self { guest, options }
    }

    /// The options of the side that is written.
    #[inline]
    pub fn options(&self) -> Options {
        self.options
    }

    /// The address type of the memory.
    #[inline]
    pub fn pointer(&self) -> PointerSize {
        self.options.pointer
    }

    /// The guest.
    #[inline]
    pub fn guest(&mut self) -> &mut G {
        &mut self.guest
    }

    /// The handle operations of the call.
    #[inline]
    pub fn handles(&mut self) -> &mut G::Handles {
        self.guest.parts().1
    }

    /// Allocates in the guest and checks what it answers (`allocate`): the
    /// position of `bytes` bytes of its memory.
    ///
    /// # Errors
    /// [`Trap::ReallocUnaligned`], then [`Trap::ReallocOutOfBounds`], or what
    /// the guest fails with.
    #[inline]
    pub fn allocate(&mut self, content: Content, align: u32, bytes: u64) -> Result<usize> {
        self.reallocate(content, 0, 0, align, bytes)
    }

    /// As [`LowerContext::allocate`], for an allocation that exists.
    #[inline]
    pub(crate) fn reallocate(
        &mut self,
        content: Content,
        old: u64,
        old_bytes: u64,
        align: u32,
        bytes: u64,
    ) -> Result<usize> {
        let pointer = self.guest.realloc(old, old_bytes, align, bytes)?;
        check_realloc(content, pointer, bytes, align, self.guest.bytes_mut().len())
    }

    /// Allocates a list of `count` elements (`store_list_into_range`).
    ///
    /// # Errors
    /// [`Trap::ListTooLong`], and as [`LowerContext::allocate`].
    #[inline]
    pub fn allocate_list(&mut self, count: usize, size: u32, align: u32) -> Result<usize> {
        let bytes = list_bytes(count as u64, size)?;
        self.allocate(Content::List, align, bytes)
    }

    /// `bytes` bytes of the memory that were allocated before.
    ///
    /// # Errors
    /// [`Trap::OutOfBounds`] when the memory does not hold them.
    #[inline]
    pub fn bytes_at(&mut self, at: usize, bytes: usize) -> Result<&mut [u8]> {
        let memory = self.guest.bytes_mut();
        let memory_bytes = memory.len() as u64;
        match at
            .checked_add(bytes)
            .and_then(|end| memory.get_mut(at..end))
        {
            Some(range) => Ok(range),
            None => Err(Trap::OutOfBounds {
                content: Content::Values,
                pointer: at as u64,
                length_bytes: bytes as u64,
                memory_bytes,
            }
            .into()),
        }
    }

    /// Writes pointer and length of a string or list to memory.
    ///
    /// # Errors
    /// As [`LowerContext::bytes_at`].
    #[inline]
    pub fn store_pair(&mut self, at: usize, pointer: u64, length: u64) -> Result<()> {
        match self.pointer() {
            PointerSize::P32 => {
                let pair = pointer & 0xffff_ffff | length << 32;
                self.bytes_at(at, 8)?.copy_from_slice(&pair.to_le_bytes());
            }
            PointerSize::P64 => {
                let bytes = self.bytes_at(at, 16)?;
                bytes[..8].copy_from_slice(&pointer.to_le_bytes());
                bytes[8..].copy_from_slice(&length.to_le_bytes());
            }
        }
        Ok(())
    }

    /// Checks a pointer through which a guest asks for its results.
    ///
    /// # Errors
    /// [`Trap::Unaligned`], then [`Trap::OutOfBounds`].
    pub fn return_area(&mut self, pointer: u64, bytes: u32, align: u32) -> Result<usize> {
        let memory = self.guest.bytes_mut().len();
        check_range(Content::Values, pointer, u64::from(bytes), align, memory)
    }
}

/// Reads two pointer-sized flat values.
#[inline]
pub(crate) fn flat_pair(pointer: PointerSize, slots: &[u64]) -> (u64, u64) {
    let (a, b) = (slots[0], slots[1]);
    match pointer {
        PointerSize::P32 => (a & 0xffff_ffff, b & 0xffff_ffff),
        PointerSize::P64 => (a, b),
    }
}

/// Reads two pointer-sized integers from memory.
#[inline]
pub(crate) fn memory_pair(pointer: PointerSize, bytes: &[u8]) -> (u64, u64) {
    match pointer {
        PointerSize::P32 => {
            let pair = u64::from_le_bytes(array(bytes));
            (pair & 0xffff_ffff, pair >> 32)
        }
        PointerSize::P64 => (
            u64::from_le_bytes(array(bytes)),
            u64::from_le_bytes(array(&bytes[8..])),
        ),
    }
}

/// The first bytes as an array.
#[inline]
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}

/// The position of a checked range.
#[inline]
pub(crate) fn check_range(
    content: Content,
    pointer: u64,
    bytes: u64,
    align: u32,
    memory_bytes: usize,
) -> Result<usize> {
    if pointer & u64::from(align - 1) != 0 {
        return Err(Trap::Unaligned {
            pointer,
            alignment: align,
        }
        .into());
    }
    match pointer.checked_add(bytes) {
        Some(end) if end <= memory_bytes as u64 => Ok(pointer as usize),
        Some(_) | None => Err(Trap::OutOfBounds {
            content,
            pointer,
            length_bytes: bytes,
            memory_bytes: memory_bytes as u64,
        }
        .into()),
    }
}

/// The position of a checked result of `realloc`.
#[inline]
pub(crate) fn check_realloc(
    content: Content,
    pointer: u64,
    bytes: u64,
    align: u32,
    memory_bytes: usize,
) -> Result<usize> {
    if pointer & u64::from(align - 1) != 0 {
        return Err(Trap::ReallocUnaligned {
            pointer,
            alignment: align,
        }
        .into());
    }
    match pointer.checked_add(bytes) {
        Some(end) if end <= memory_bytes as u64 => Ok(pointer as usize),
        Some(_) | None => Err(Trap::ReallocOutOfBounds {
            content,
            pointer,
            length_bytes: bytes,
            memory_bytes: memory_bytes as u64,
        }
        .into()),
    }
}

/// The length of a list in bytes, within its limit.
#[inline]
pub(crate) fn list_bytes(count: u64, size: u32) -> Result<u64> {
    match count.checked_mul(u64::from(size)) {
        Some(bytes) if bytes <= MAX_LIST_BYTE_LENGTH => Ok(bytes),
        Some(bytes) => Err(Trap::ListTooLong {
            length_bytes: bytes,
        }
        .into()),
        None => Err(Trap::ListTooLong {
            length_bytes: u64::MAX,
        }
        .into()),
    }
}

/// The length of a string in bytes, within its limit.
#[inline]
pub(crate) fn string_bytes(bytes: u64) -> Result<u64> {
    if bytes <= MAX_STRING_BYTE_LENGTH {
        Ok(bytes)
    } else {
        Err(Trap::StringTooLong {
            length_bytes: bytes,
        }
        .into())
    }
}

/// Whether a side reads and writes the host's own encoding.
#[inline]
pub(crate) fn is_utf8(options: Options) -> bool {
    matches!(options.encoding, Encoding::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::NoHandles;

    #[test]
    fn scratch_keeps_many() {
        let scratch = Scratch::new();
        let kept: Vec<&String> = (0..100).map(|i| scratch.keep(i.to_string())).collect();
        assert!(
            kept.iter()
                .enumerate()
                .all(|(i, text)| **text == i.to_string())
        );
        assert_eq!(format!("{scratch:?}"), "Scratch { kept: 100 }");
    }

    #[test]
    fn ranges_are_checked_in_order() {
        let (memory, scratch) = ([0; 16], Scratch::new());
        let mut cx = LiftContext::new(&memory, NoHandles, &scratch, Options::default());
        let mut trap =
            |pointer, count| cx.list(pointer, count, 4, 4).map_err(|e| e.trap().cloned());
        assert_eq!(trap(8, 2).unwrap(), [0; 8]);
        assert_eq!(trap(16, 0).unwrap(), []);
        assert!(matches!(
            trap(18, 0),
            Err(Some(Trap::Unaligned {
                pointer: 18,
                alignment: 4
            }))
        ));
        assert!(matches!(trap(20, 0), Err(Some(Trap::OutOfBounds { .. }))));
        assert!(matches!(
            trap(u64::MAX - 3, 1),
            Err(Some(Trap::OutOfBounds { .. }))
        ));
        assert!(matches!(
            trap(0, 1 << 26),
            Err(Some(Trap::ListTooLong {
                length_bytes: 268_435_456
            }))
        ));
        assert!(matches!(
            trap(0, u64::MAX),
            Err(Some(Trap::ListTooLong { .. }))
        ));
    }

    #[test]
    fn the_budget_ends() {
        let (memory, scratch) = ([0; 16], Scratch::new());
        let mut cx =
            LiftContext::new(&memory, NoHandles, &scratch, Options::default()).with_budget(16);
        cx.list(0, 8, 1, 1).unwrap();
        cx.list(0, 8, 1, 1).unwrap();
        let error = cx.list(0, 1, 1, 1).unwrap_err();
        assert_eq!(
            error.trap(),
            Some(&Trap::LiftBudgetExceeded { budget_bytes: 16 })
        );
    }
}
