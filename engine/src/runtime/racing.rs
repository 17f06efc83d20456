//! Access to bytes that other threads may touch at the same moment: those of
//! shared memories. Every byte is read and written by relaxed atomic
//! operations, so a race gives a guest some mixture of old and new bytes and
//! is never undefined for us.
//!
//! Aligned accesses of 2, 4 and 8 bytes are one operation, which the
//! specification promises not to tear; others go byte by byte. Language
//! models of atomics say little about races between accesses of different
//! sizes; guests may have them, and on all machines that we build for they
//! are plain loads and stores.

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// A number as it stands in memory, of 1, 2, 4 or 8 bytes; or several, one
/// behind the other, each read and written on its own.
pub(crate) trait Raw: Copy {
    /// # Safety
    ///
    /// As many bytes at `place` are readable, and are written by atomic
    /// operations alone as long as other threads reach them.
    unsafe fn load(place: *mut u8) -> Self;
    /// # Safety
    ///
    /// As for `load`, with writable bytes.
    unsafe fn store(self, place: *mut u8);
}

macro_rules! unsigned {
    ($($ty:ident $atomic:ident;)*) => {$(
        impl Raw for $ty {
            #[inline(always)]
            unsafe fn load(place: *mut u8) -> $ty {
                // SAFETY: the caller's promise; the alignment was checked.
                unsafe {
                    if place.addr().is_multiple_of(size_of::<$ty>()) {
                        $atomic::from_ptr(place.cast()).load(Ordering::Relaxed)
                    } else {
                        (load_bytes(place, size_of::<$ty>()) as $ty).to_le()
                    }
                }
            }

            #[inline(always)]
            unsafe fn store(self, place: *mut u8) {
                // SAFETY: as above.
                unsafe {
                    if place.addr().is_multiple_of(size_of::<$ty>()) {
                        $atomic::from_ptr(place.cast()).store(self, Ordering::Relaxed);
                    } else {
                        let value = u64::from($ty::from_le(self));
                        store_bytes(place, size_of::<$ty>(), value);
                    }
                }
            }
        }
    )*};
}

macro_rules! signed {
    ($($ty:ident $unsigned:ident;)*) => {$(
        impl Raw for $ty {
            #[inline(always)]
            unsafe fn load(place: *mut u8) -> $ty {
                // SAFETY: the caller's promise.
                unsafe { $unsigned::load(place) }.cast_signed()
            }

            #[inline(always)]
            unsafe fn store(self, place: *mut u8) {
                // SAFETY: the caller's promise.
                unsafe { self.cast_unsigned().store(place) }
            }
        }
    )*};
}

unsigned! {
    u16 AtomicU16;
    u32 AtomicU32;
}

impl<T: Raw, const N: usize> Raw for [T; N] {
    #[inline(always)]
    unsafe fn load(place: *mut u8) -> [T; N] {
        // SAFETY: the caller's promise for all bytes.
        unsafe {
            let mut out = [T::load(place); N];
            let mut i = 1;
            while i < N {
                out[i] = T::load(place.add(i * size_of::<T>()));
                i += 1;
            }
            out
        }
    }

    #[inline(always)]
    unsafe fn store(self, place: *mut u8) {
        let mut i = 0;
        while i < N {
            // SAFETY: the caller's promise for all bytes.
            unsafe { self[i].store(place.add(i * size_of::<T>())) };
            i += 1;
        }
    }
}

signed! {
    i8 u8;
    i16 u16;
    i32 u32;
}

impl Raw for u8 {
    #[inline(always)]
    unsafe fn load(place: *mut u8) -> u8 {
        // SAFETY: the caller's promise; bytes need no alignment.
        unsafe { AtomicU8::from_ptr(place) }.load(Ordering::Relaxed)
    }

    #[inline(always)]
    unsafe fn store(self, place: *mut u8) {
        // SAFETY: as above.
        unsafe { AtomicU8::from_ptr(place) }.store(self, Ordering::Relaxed);
    }
}

impl Raw for u64 {
    #[inline(always)]
    unsafe fn load(place: *mut u8) -> u64 {
        // SAFETY: the caller's promise; the alignment was checked.
        unsafe {
            if place.addr().is_multiple_of(8) {
                AtomicU64::from_ptr(place.cast()).load(Ordering::Relaxed)
            } else {
                load_bytes(place, 8).to_le()
            }
        }
    }

    #[inline(always)]
    unsafe fn store(self, place: *mut u8) {
        // SAFETY: as above.
        unsafe {
            if place.addr().is_multiple_of(8) {
                AtomicU64::from_ptr(place.cast()).store(self, Ordering::Relaxed);
            } else {
                store_bytes(place, 8, u64::from_le(self));
            }
        }
    }
}

/// The little-endian number of `count` bytes: out of line, since handlers of
/// the interpreter jump on only if they keep nothing on the stack.
///
/// # Safety
///
/// As for [`Raw::load`].
#[cold]
#[inline(never)]
unsafe extern "C" fn load_bytes(place: *mut u8, count: usize) -> u64 {
    let mut value = 0;
    for i in (0..count).rev() {
        // SAFETY: the caller's promise.
        let byte = unsafe { AtomicU8::from_ptr(place.add(i)) }.load(Ordering::Relaxed);
        value = value << 8 | u64::from(byte);
    }
    value
}

/// # Safety
///
/// As for [`Raw::store`].
#[cold]
#[inline(never)]
unsafe extern "C" fn store_bytes(place: *mut u8, count: usize, value: u64) {
    for i in 0..count {
        // SAFETY: the caller's promise.
        let byte = unsafe { AtomicU8::from_ptr(place.add(i)) };
        byte.store((value >> (8 * i)) as u8, Ordering::Relaxed);
    }
}

/// Copies bytes of which other threads may touch either side; the ranges may
/// overlap.
///
/// # Safety
///
/// `count` bytes are readable at `from` and writable at `to`, and as long as
/// other threads reach them they are written by atomic operations alone.
pub(crate) unsafe fn copy(from: *mut u8, to: *mut u8, count: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        match from.addr().wrapping_sub(to.addr()) % WORD {
            0 => copy_aligned(from, to, count),
            skew => copy_skewed(from, to, count, skew),
        }
    }
}

/// Bytes of the words by which most is copied.
const WORD: usize = size_of::<u64>();

/// Bytes up to the next address that is a multiple of [`WORD`].
fn to_word(place: *mut u8) -> usize {
    place.addr().wrapping_neg() % WORD
}

/// # Safety
///
/// As for [`copy`]; both addresses have the same remainder by [`WORD`].
unsafe fn copy_aligned(from: *mut u8, to: *mut u8, count: usize) {
    let head = to_word(to).min(count);
    let words = (count - head) / WORD;
    let tail = head + words * WORD;
    // SAFETY: every offset is below `count`.
    let step = |at: usize| unsafe { u8::load(from.add(at)).store(to.add(at)) };
    // SAFETY: as above, and the addresses are aligned from `head` on.
    let word_step = |i: usize| unsafe {
        let at = head + i * WORD;
        u64::load(from.add(at)).store(to.add(at));
    };
    // Overlapping ranges are copied from the end that is not overwritten.
    if to.addr() <= from.addr() {
        (0..head).for_each(step);
        (0..words).for_each(word_step);
        (tail..count).for_each(step);
    } else {
        (tail..count).rev().for_each(step);
        (0..words).rev().for_each(word_step);
        (0..head).rev().for_each(step);
    }
}

/// Copies words between addresses that are aligned differently: each word
/// that is written has its bytes from two aligned words, of which one is
/// kept for the next.
///
/// # Safety
///
/// As for [`copy`]; `from` is `skew` bytes, less than a word and not none,
/// behind an address with the remainder of `to` by [`WORD`].
unsafe fn copy_skewed(from: *mut u8, to: *mut u8, count: usize, skew: usize) {
    // Words are written from `head` on, and the words around what is read for
    // them begin `skew` before and end within the range.
    let aligned = to_word(to);
    let head = if aligned < skew {
        aligned + WORD
    } else {
        aligned
    };
    let words = count.saturating_sub(head + WORD - skew) / WORD;
    let head = if words == 0 { count } else { head };
    let tail = head + words * WORD;
    // SAFETY: every offset is below `count`.
    let step = |at: usize| unsafe { u8::load(from.add(at)).store(to.add(at)) };
    // The aligned word that begins `skew` before word `i`.
    // SAFETY: as above, by the choice of `head` and `words`.
    let load = |i: usize| unsafe { u64::from_le(u64::load(from.add(head + i * WORD - skew))) };
    let store = |i: usize, low: u64, high: u64| {
        let word = low >> (8 * skew) | high << (8 * (WORD - skew));
        // SAFETY: as above.
        unsafe { word.to_le().store(to.add(head + i * WORD)) };
    };
    // What is still to be read is never written before, as in
    // `copy_aligned`: the half of a word that is kept was read already.
    if to.addr() <= from.addr() {
        (0..head).for_each(step);
        if words > 0 {
            let mut low = load(0);
            for i in 0..words {
                let high = load(i + 1);
                store(i, low, high);
                low = high;
            }
        }
        (tail..count).for_each(step);
    } else {
        (tail..count).rev().for_each(step);
        if words > 0 {
            let mut high = load(words);
            for i in (0..words).rev() {
                let low = load(i);
                store(i, low, high);
                high = low;
            }
        }
        (0..head).rev().for_each(step);
    }
}

/// Sets bytes that other threads may touch.
///
/// # Safety
///
/// As for [`copy`].
pub(crate) unsafe fn fill(to: *mut u8, value: u8, count: usize) {
    let head = to_word(to).min(count);
    let words = (count - head) / 8;
    let tail = head + words * 8;
    // SAFETY: every offset is below `count`, and the addresses of words are
    // aligned.
    unsafe {
        for at in (0..head).chain(tail..count) {
            value.store(to.add(at));
        }
        for i in 0..words {
            u64::from_ne_bytes([value; 8]).store(to.add(head + i * 8));
        }
    }
}

/// Copies out of bytes that other threads may touch.
///
/// # Safety
///
/// As for [`copy`], with as many bytes as `into` has.
pub(crate) unsafe fn read(from: *mut u8, into: &mut [u8]) {
    // SAFETY: passed on to the caller; the slice is ours alone, and atomic
    // writes to it are as good as others.
    unsafe { copy(from, into.as_mut_ptr(), into.len()) };
}

/// Copies into bytes that other threads may touch.
///
/// # Safety
///
/// As for [`copy`], with as many bytes as `bytes` has.
pub(crate) unsafe fn write(to: *mut u8, bytes: &[u8]) {
    let head = to_word(to).min(bytes.len());
    let (head, rest) = bytes.split_at(head);
    let (words, tail) = rest.as_chunks::<8>();
    let mut at = to;
    // SAFETY: passed on to the caller; the addresses run through as many
    // bytes as there are.
    unsafe {
        for byte in head {
            byte.store(at);
            at = at.add(1);
        }
        for word in words {
            u64::from_ne_bytes(*word).store(at);
            at = at.add(8);
        }
        for byte in tail {
            byte.store(at);
            at = at.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(16))]
    struct Block([u8; 64]);

    fn block() -> Block {
        let mut block = Block([0; 64]);
        for (i, byte) in (0..).zip(&mut block.0) {
            *byte = i;
        }
        block
    }

    #[test]
    fn copies_are_those_of_slices_for_every_alignment_and_overlap() {
        for from in 0..20 {
            for to in 0..20 {
                for count in [0, 1, 3, 7, 8, 9, 16, 29, 44] {
                    let (mut ours, mut theirs) = (block(), block());
                    let base = ours.0.as_mut_ptr();
                    // SAFETY: both ranges end below 64, and nobody else
                    // reaches the block.
                    unsafe { copy(base.add(from), base.add(to), count) };
                    theirs.0.copy_within(from..from + count, to);
                    assert_eq!(ours.0, theirs.0, "{count} from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn fills_reads_and_writes_touch_just_their_range() {
        for at in 0..17 {
            for count in [0, 1, 5, 8, 24] {
                let (mut ours, mut theirs) = (block(), block());
                let base = ours.0.as_mut_ptr();
                let mut read_back = vec![0; count];
                // SAFETY: the range ends below 64, and nobody else reaches
                // the block.
                unsafe {
                    fill(base.add(at), 0xee, count);
                    read(base.add(at), &mut read_back);
                    assert_eq!(read_back, vec![0xee; count]);
                    write(base.add(at), &block().0[..count]);
                }
                theirs.0[at..at + count].copy_from_slice(&block().0[..count]);
                assert_eq!(ours.0, theirs.0, "{count} at {at}");
            }
        }
    }

    #[test]
    fn unaligned_numbers_are_those_of_their_bytes() {
        let mut block = block();
        let base = block.0.as_mut_ptr();
        // SAFETY: all bytes are inside, and nobody else reaches the block.
        unsafe {
            assert_eq!(u32::from_le(u32::load(base.add(3))), 0x0605_0403);
            assert_eq!(u64::from_le(u64::load(base.add(8))), 0x0f0e_0d0c_0b0a_0908);
            0x1122_u16.to_le().store(base.add(1));
            assert_eq!(i16::from_le(i16::load(base.add(1))), 0x1122);
        }
        assert_eq!(block.0[..4], [0, 0x22, 0x11, 3]);
    }
}
