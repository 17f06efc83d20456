//! Operands of instructions: the value types, where a value comes from (slot,
//! accumulator, immediate), and how instructions read their own words.
//!
//! Layout of an instruction: word 0 holds the opcode and a slot `d`, word 1
//! the slots `a` and `b`, each 16 bits wide; immediates follow as whole
//! words. A value is read from a slot as its type's width: what stands above
//! the low half of a 32-bit value means nothing.

use crate::runtime::vmctx::{Ip, Slot};

use super::dispatch::{Dispatch, Regs};

/// Reads possibly unaligned memory. `read_unaligned` is no substitute: in
/// builds with debug assertions it takes the address of a local, and a
/// handler with such a local cannot jump to the next.
///
/// # Safety
///
/// `size_of::<T>()` bytes at `ptr` are readable.
#[inline(always)]
pub(super) unsafe fn read<T: Copy>(ptr: *const u8) -> T {
    #[derive(Clone, Copy)]
    #[repr(C, packed)]
    struct Unaligned<T>(T);
    // SAFETY: The caller's promise; a packed type needs no alignment.
    unsafe { (*ptr.cast::<Unaligned<T>>()).0 }
}

/// Writes possibly unaligned memory; see [`read`].
///
/// # Safety
///
/// `size_of::<T>()` bytes at `ptr` are writable.
#[inline(always)]
pub(super) unsafe fn write<T: Copy>(ptr: *mut u8, value: T) {
    #[derive(Clone, Copy)]
    #[repr(C, packed)]
    struct Unaligned<T>(T);
    // SAFETY: The caller's promise; a packed type needs no alignment.
    unsafe { (*ptr.cast::<Unaligned<T>>()).0 = value }
}

/// A value of one slot.
pub(super) trait Value: Copy {
    /// Words that an immediate of this type takes.
    const WORDS: usize;
    fn from_slot(slot: Slot) -> Self;
    fn to_slot(self) -> Slot;
    /// The accumulator of this type's class.
    fn from_acc(r: &Regs) -> Self;
    fn to_acc(self, r: &mut Regs);
    /// # Safety
    ///
    /// [`Value::WORDS`] words are readable at `ip`.
    unsafe fn immediate(ip: Ip) -> Self;
}

macro_rules! integers {
    ($($ty:ident |$slot:ident| $from:expr, |$value:ident| $to:expr, |$word:ident| $imm:expr;)*) => {$(
        impl Value for $ty {
            const WORDS: usize = 1;

            #[inline(always)]
            fn from_slot($slot: Slot) -> $ty {
                $from
            }

            #[inline(always)]
            fn to_slot(self) -> Slot {
                let $value = self;
                $to
            }

            #[inline(always)]
            fn from_acc(r: &Regs) -> $ty {
                $ty::from_slot(r.acc)
            }

            #[inline(always)]
            fn to_acc(self, r: &mut Regs) {
                r.acc = self.to_slot();
            }

            #[inline(always)]
            unsafe fn immediate(ip: Ip) -> $ty {
                // SAFETY: The caller's promise.
                let $word = unsafe { *ip };
                $imm
            }
        }
    )*};
}

// A 32-bit value is the low half of its slot; an immediate is one word,
// sign-extended.
integers! {
    u32 |slot| slot as u32, |x| u64::from(x), |word| word;
    i32 |slot| slot as i32, |x| u64::from(x.cast_unsigned()), |word| word.cast_signed();
    u64 |slot| slot, |x| x, |word| i64::from(word.cast_signed()).cast_unsigned();
    i64 |slot| slot.cast_signed(), |x| x.cast_unsigned(), |word| i64::from(word.cast_signed());
}

impl Value for f32 {
    const WORDS: usize = 1;

    #[inline(always)]
    fn from_slot(slot: Slot) -> f32 {
        f32::from_bits(slot as u32)
    }

    #[inline(always)]
    fn to_slot(self) -> Slot {
        u64::from(self.to_bits())
    }

    #[inline(always)]
    fn from_acc(r: &Regs) -> f32 {
        f32::from_bits(r.facc.to_bits() as u32)
    }

    #[inline(always)]
    fn to_acc(self, r: &mut Regs) {
        r.facc = f64::from_bits(u64::from(self.to_bits()));
    }

    #[inline(always)]
    unsafe fn immediate(ip: Ip) -> f32 {
        // SAFETY: The caller's promise.
        f32::from_bits(unsafe { *ip })
    }
}

impl Value for f64 {
    const WORDS: usize = 2;

    #[inline(always)]
    fn from_slot(slot: Slot) -> f64 {
        f64::from_bits(slot)
    }

    #[inline(always)]
    fn to_slot(self) -> Slot {
        self.to_bits()
    }

    #[inline(always)]
    fn from_acc(r: &Regs) -> f64 {
        r.facc
    }

    #[inline(always)]
    fn to_acc(self, r: &mut Regs) {
        r.facc = self;
    }

    #[inline(always)]
    unsafe fn immediate(ip: Ip) -> f64 {
        // SAFETY: The caller's promise.
        f64::from_bits(unsafe { read(ip.cast()) })
    }
}

impl Regs {
    /// The slot number in word 0.
    ///
    /// # Safety
    ///
    /// As for [`super::dispatch::Op::run`]; so for all methods here, with
    /// the words and slots that the instruction at `ip` has.
    #[inline(always)]
    pub(super) unsafe fn d(&self) -> usize {
        // SAFETY: The caller's promise.
        unsafe { usize::from(*self.ip.cast::<u16>().add(1)) }
    }

    /// The lower slot number in word 1.
    #[inline(always)]
    pub(super) unsafe fn a(&self) -> usize {
        // SAFETY: The caller's promise.
        unsafe { usize::from(*self.ip.cast::<u16>().add(2)) }
    }

    /// The upper slot number in word 1.
    #[inline(always)]
    pub(super) unsafe fn b(&self) -> usize {
        // SAFETY: The caller's promise.
        unsafe { usize::from(*self.ip.cast::<u16>().add(3)) }
    }

    /// Word `index` of the instruction.
    #[inline(always)]
    pub(super) unsafe fn word(&self, index: usize) -> u32 {
        // SAFETY: The caller's promise.
        unsafe { *self.ip.add(index) }
    }

    /// The low half of the accumulator.
    ///
    /// # Safety
    ///
    /// None is needed; it is unsafe as its siblings are, for the lists of
    /// forms that use them.
    #[inline(always)]
    pub(super) unsafe fn acc32(&self) -> u32 {
        self.acc as u32
    }

    /// All of the accumulator.
    ///
    /// # Safety
    ///
    /// As for [`acc32`](Regs::acc32).
    #[inline(always)]
    pub(super) unsafe fn acc64(&self) -> u64 {
        self.acc
    }

    /// The value in a slot of the frame.
    #[inline(always)]
    pub(super) unsafe fn get<T: Value>(&self, slot: usize) -> T {
        // SAFETY: The caller's promise.
        unsafe { T::from_slot(*self.sp.add(slot)) }
    }

    /// Writes a slot of the frame, and no accumulator.
    #[inline(always)]
    pub(super) unsafe fn put<T: Value>(&self, slot: usize, value: T) {
        // SAFETY: The caller's promise.
        unsafe { *self.sp.add(slot) = value.to_slot() }
    }

    /// Writes a slot of the frame and the accumulator.
    #[inline(always)]
    pub(super) unsafe fn set<T: Value>(&mut self, slot: usize, value: T) {
        // SAFETY: The caller's promise.
        unsafe { self.put(slot, value) };
        value.to_acc(self);
    }

    /// Goes on behind this instruction of `words` words.
    #[inline(always)]
    pub(super) unsafe fn next<D: Dispatch>(mut self, words: usize) -> D::Next {
        // SAFETY: Valid code never ends without a jump.
        unsafe {
            self.ip = self.ip.add(words);
            D::next(self)
        }
    }

    /// Goes on where the offset in word `index` says, in bytes relative to
    /// this instruction: to scale words would cost a cycle on the way to the
    /// next handler.
    #[inline(always)]
    pub(super) unsafe fn jump<D: Dispatch>(mut self, index: usize) -> D::Next {
        // SAFETY: Branch offsets lead to instructions of the same function.
        unsafe {
            self.ip = self.ip.byte_offset(self.word(index).cast_signed() as isize);
            D::next(self)
        }
    }
}

/// Where an operand comes from, given the slot number that belongs to it and
/// the index of the instruction's first immediate.
pub(super) trait Source {
    /// Whether the instruction has an immediate for it.
    const IMMEDIATE: bool;
    /// # Safety
    ///
    /// As for [`super::dispatch::Op::run`].
    unsafe fn a<T: Value>(r: &Regs, index: usize) -> T;
    /// # Safety
    ///
    /// As for [`super::dispatch::Op::run`].
    unsafe fn b<T: Value>(r: &Regs, index: usize) -> T;
}

/// The words that an operand of type `T` from `S` adds to an instruction.
pub(super) const fn words<T: Value, S: Source>() -> usize {
    if S::IMMEDIATE { T::WORDS } else { 0 }
}

/// From a slot.
pub(super) struct S;
/// From the accumulator.
pub(super) struct R;
/// From the instruction.
pub(super) struct I;

impl Source for S {
    const IMMEDIATE: bool = false;

    #[inline(always)]
    unsafe fn a<T: Value>(r: &Regs, _: usize) -> T {
        // SAFETY: The caller's promise.
        unsafe { r.get(r.a()) }
    }

    #[inline(always)]
    unsafe fn b<T: Value>(r: &Regs, _: usize) -> T {
        // SAFETY: The caller's promise.
        unsafe { r.get(r.b()) }
    }
}

impl Source for R {
    const IMMEDIATE: bool = false;

    #[inline(always)]
    unsafe fn a<T: Value>(r: &Regs, _: usize) -> T {
        T::from_acc(r)
    }

    #[inline(always)]
    unsafe fn b<T: Value>(r: &Regs, _: usize) -> T {
        T::from_acc(r)
    }
}

impl Source for I {
    const IMMEDIATE: bool = true;

    #[inline(always)]
    unsafe fn a<T: Value>(r: &Regs, index: usize) -> T {
        // SAFETY: The caller's promise.
        unsafe { T::immediate(r.ip.add(index)) }
    }

    #[inline(always)]
    unsafe fn b<T: Value>(r: &Regs, index: usize) -> T {
        // SAFETY: The caller's promise.
        unsafe { T::immediate(r.ip.add(index)) }
    }
}
