//! A box without the claim to be the only pointer: blocks that contexts and
//! handles point into are owned by it, so that moving the owner does not
//! invalidate those pointers.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

/// Owns a heap block that others reach through copies of its pointer.
pub(crate) struct Owned<B: ?Sized> {
    pointer: NonNull<B>,
    _owns: PhantomData<B>,
}

impl<B: ?Sized> Owned<B> {
    /// Takes a box over.
    pub(crate) fn new(block: Box<B>) -> Owned<B> {
        Owned {
            pointer: NonNull::from(Box::leak(block)),
            _owns: PhantomData,
        }
    }

    /// The pointer that all others are copies of.
    pub(crate) fn pointer(&self) -> NonNull<B> {
        self.pointer
    }
}

impl<B> Owned<B> {
    /// Gives the block up to whoever takes it apart; nobody may use copies of the
    /// pointer afterwards.
    pub(crate) fn into_box(self) -> Box<B> {
        let owned = ManuallyDrop::new(self);
        // SAFETY: the pointer came out of a box in `new`, and the wrapper keeps `drop`
        // from releasing it a second time.
        unsafe { Box::from_raw(owned.pointer.as_ptr()) }
    }
}

impl<B> Owned<[B]> {
    /// The address of an element of the block.
    pub(crate) fn element(&self, index: usize) -> NonNull<B> {
        assert!(index < self.pointer.len());
        // SAFETY: the index is in bounds by the line above.
        unsafe { self.pointer.cast::<B>().add(index) }
    }
}

impl<B: ?Sized> Drop for Owned<B> {
    fn drop(&mut self) {
        // SAFETY: the pointer came out of a box in `new`, and the store that
        // owns this block outlives every use of its copies.
        drop(unsafe { Box::from_raw(self.pointer.as_ptr()) });
    }
}

// SAFETY: ownership moves like that of a box.
unsafe impl<B: ?Sized + Send> Send for Owned<B> {}
// SAFETY: a shared `Owned` hands out the address alone.
unsafe impl<B: ?Sized + Sync> Sync for Owned<B> {}

impl<B: ?Sized> fmt::Debug for Owned<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owned")
    }
}
