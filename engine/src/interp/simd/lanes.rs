//! Vectors as arrays of lanes: how they stand in a frame, and the few ways
//! to make one array of another. Loops over constant bounds, and no methods
//! of arrays, so that handlers stay free of calls at every level of
//! optimisation.

use super::super::dispatch::Regs;
use super::super::operand::{read, write};

/// 128 bits as lanes of one type, the lowest first.
pub(super) trait Lanes: Copy {
    /// Between the order of lanes and that of a frame. Halves are 64-bit
    /// numbers of the host: where those start with their highest byte, the
    /// lanes of a half stand in the opposite order.
    fn reorder(self) -> Self;
}

impl<T: Copy, const N: usize> Lanes for [T; N] {
    #[inline(always)]
    fn reorder(self) -> [T; N] {
        const { assert!(size_of::<[T; N]>() == 16) };
        if cfg!(target_endian = "little") {
            return self;
        }
        let mut out = self;
        let mut i = 0;
        while i < N {
            out[i] = self[place_of(i, N)];
            i += 1;
        }
        out
    }
}

/// Where lane `lane` of `count` stands in a frame, in lanes.
#[inline(always)]
const fn place_of(lane: usize, count: usize) -> usize {
    if cfg!(target_endian = "little") {
        lane
    } else {
        lane ^ (count / 2 - 1)
    }
}

impl Regs {
    /// The vector in two slots of the frame.
    ///
    /// # Safety
    ///
    /// As for [`super::super::dispatch::Op::run`]; so for all methods here.
    #[inline(always)]
    pub(super) unsafe fn vector<V: Lanes>(&self, slot: usize) -> V {
        // SAFETY: The caller's promise.
        unsafe { read::<V>(self.sp.add(slot).cast()).reorder() }
    }

    /// Writes two slots of the frame.
    #[inline(always)]
    pub(super) unsafe fn put_vector<V: Lanes>(&self, slot: usize, vector: V) {
        // SAFETY: The caller's promise.
        unsafe { write(self.sp.add(slot).cast(), vector.reorder()) }
    }

    /// The lane `lane` of the vector in a slot and its successor.
    #[inline(always)]
    pub(super) unsafe fn lane<T: Copy>(&self, slot: usize, lane: usize) -> *mut T {
        // SAFETY: Validation has seen that the vector has the lane.
        unsafe {
            let first: *mut T = self.sp.add(slot).cast();
            first.add(place_of(lane, 16 / size_of::<T>()))
        }
    }
}

/// `f` of each lane.
#[inline(always)]
pub(super) fn map<T: Copy, R: Copy + Default, const N: usize>(
    a: [T; N],
    f: impl Fn(T) -> R,
) -> [R; N] {
    part(a, 0, f)
}

/// `f` of each of `M` lanes from `first` on.
#[inline(always)]
fn part<T: Copy, R: Copy + Default, const N: usize, const M: usize>(
    a: [T; N],
    first: usize,
    f: impl Fn(T) -> R,
) -> [R; M] {
    let mut out = [R::default(); M];
    let mut i = 0;
    while i < M {
        out[i] = f(a[first + i]);
        i += 1;
    }
    out
}

/// `f` of each lane of the lower half.
#[inline(always)]
pub(super) fn low<T: Copy, R: Copy + Default, const N: usize, const M: usize>(
    a: [T; N],
    f: impl Fn(T) -> R,
) -> [R; M] {
    part(a, 0, f)
}

/// `f` of each lane of the upper half.
#[inline(always)]
pub(super) fn high<T: Copy, R: Copy + Default, const N: usize, const M: usize>(
    a: [T; N],
    f: impl Fn(T) -> R,
) -> [R; M] {
    part(a, M, f)
}

/// `f` of the lanes of two vectors.
#[inline(always)]
pub(super) fn zip<T: Copy, R: Copy + Default, const N: usize>(
    a: [T; N],
    b: [T; N],
    f: impl Fn(T, T) -> R,
) -> [R; N] {
    let mut out = [R::default(); N];
    let mut i = 0;
    while i < N {
        out[i] = f(a[i], b[i]);
        i += 1;
    }
    out
}

/// `f` of the lanes of three vectors.
#[inline(always)]
pub(super) fn zip3<T: Copy + Default, const N: usize>(
    a: [T; N],
    b: [T; N],
    c: [T; N],
    f: impl Fn(T, T, T) -> T,
) -> [T; N] {
    let mut out = [T::default(); N];
    let mut i = 0;
    while i < N {
        out[i] = f(a[i], b[i], c[i]);
        i += 1;
    }
    out
}

/// `f` of each lane and its successor.
#[inline(always)]
pub(super) fn pairs<T: Copy, R: Copy + Default, const N: usize, const M: usize>(
    a: [T; N],
    f: impl Fn(T, T) -> R,
) -> [R; M] {
    let mut out = [R::default(); M];
    let mut i = 0;
    while i < M {
        out[i] = f(a[2 * i], a[2 * i + 1]);
        i += 1;
    }
    out
}

/// `f` of the lanes of one vector, then of the other.
#[inline(always)]
pub(super) fn join<T: Copy, R: Copy + Default, const N: usize, const M: usize>(
    a: [T; N],
    b: [T; N],
    f: impl Fn(T) -> R,
) -> [R; M] {
    let mut out = [R::default(); M];
    let mut i = 0;
    while i < N {
        out[i] = f(a[i]);
        out[N + i] = f(b[i]);
        i += 1;
    }
    out
}
