//! Atomic instructions, in one form each: the address is slot `a`, the first
//! operand is slot `b`, the second is the slot in the upper half of word 2.
//! The lower half of that word names the memory, with a flag. Words 3 and 4
//! are the offset. All are sequentially consistent. Operands are wrapped to
//! the width of what they meet in memory, and results zero-extended.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

use super::control::Stopped;
use super::dispatch::{Dispatch, Op, Regs};
use super::emit::Val;
use super::encode::Encoder;
use super::memory::checked;
use super::operand::read;
use super::ops::Opcode;
use super::shape::stop;
use crate::runtime::libcalls;
use crate::runtime::vmctx::{Ip, MemoryDef, Slot, VmCtx};
use crate::translate::{AtomicKind, AtomicOp, BulkOperand, MemoryPlace};
use crate::trap::Trap;
use crate::types::AddressType;

/// In the lower half of word 2: addresses have 64 bits.
pub(super) const WIDE_ADDRESS: u16 = 1 << 15;

/// Words of every atomic instruction but the fence.
const WORDS: usize = 5;

/// What the words of an instruction say.
struct Access {
    memory: u32,
    address: u64,
    offset: u64,
    a: u64,
    b: u64,
}

impl Access {
    /// # Safety
    ///
    /// `ip` is an atomic instruction of the frame at `sp`.
    #[inline(always)]
    unsafe fn read(ip: Ip, sp: *mut Slot) -> Access {
        // SAFETY: the encoder writes the words and slots that this reads.
        unsafe {
            let half = |index: usize| *ip.cast::<u16>().add(index);
            let slot = |index: u16| *sp.add(usize::from(index));
            let flags = half(4);
            let address = slot(half(2));
            Access {
                memory: u32::from(flags & !WIDE_ADDRESS),
                address: if flags & WIDE_ADDRESS == 0 {
                    address & 0xffff_ffff
                } else {
                    address
                },
                offset: read(ip.add(3).cast()),
                a: slot(half(3)),
                b: slot(half(5)),
            }
        }
    }

    /// The aligned place of a number of `size` bytes.
    ///
    /// # Safety
    ///
    /// `cx` is the context of the running function.
    #[inline(always)]
    unsafe fn place(&self, cx: *mut VmCtx, size: usize) -> Result<*mut u8, Trap> {
        let start = self.address.wrapping_add(self.offset);
        if !start.is_multiple_of(size as u64) {
            return Err(Trap::UnalignedAtomic);
        }
        // SAFETY: validation has seen that the memory exists.
        unsafe {
            let memory: &MemoryDef = &**(*cx).memories.add(self.memory as usize);
            match checked(self.address, self.offset, size, memory.size_bytes()) {
                Some(start) => Ok(memory.base.add(start as usize)),
                None => Err(Trap::MemoryOutOfBounds),
            }
        }
    }
}

/// A number in memory.
pub(super) trait Cell {
    type Number;
    /// The low bits.
    fn narrow(bits: u64) -> Self::Number;
    /// # Safety
    ///
    /// `place` is an aligned number of this width in a memory, which nobody
    /// borrows.
    unsafe fn at<'a>(place: *mut u8) -> &'a Self;
    fn get(&self) -> u64;
    fn add(&self, number: u64) -> u64;
    fn and(&self, bits: u64) -> u64;
    fn or(&self, bits: u64) -> u64;
    fn xor(&self, bits: u64) -> u64;
    fn replace(&self, number: u64) -> u64;
    /// Stores `new` if the number is `old`, which is wrapped as `new` is.
    fn compare(&self, old: u64, new: u64) -> u64;
}

macro_rules! cells {
    ($($atomic:ident $ty:ident |$bits:ident| $narrow:expr;)*) => {$(
        impl Cell for $atomic {
            type Number = $ty;

            #[inline(always)]
            fn narrow($bits: u64) -> $ty {
                $narrow
            }

            #[inline(always)]
            unsafe fn at<'a>(place: *mut u8) -> &'a $atomic {
                // SAFETY: the caller's promise.
                unsafe { $atomic::from_ptr(place.cast()) }
            }

            #[inline(always)]
            fn get(&self) -> u64 {
                $ty::from_le(self.load(Ordering::SeqCst)).into()
            }

            #[inline(always)]
            fn add(&self, number: u64) -> u64 {
                if cfg!(target_endian = "little") {
                    return self.fetch_add(Self::narrow(number), Ordering::SeqCst).into();
                }
                let add = |old| Some($ty::from_le(old).wrapping_add(Self::narrow(number)).to_le());
                match self.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add) {
                    Ok(old) | Err(old) => $ty::from_le(old).into(),
                }
            }

            #[inline(always)]
            fn and(&self, bits: u64) -> u64 {
                $ty::from_le(self.fetch_and(Self::narrow(bits).to_le(), Ordering::SeqCst)).into()
            }

            #[inline(always)]
            fn or(&self, bits: u64) -> u64 {
                $ty::from_le(self.fetch_or(Self::narrow(bits).to_le(), Ordering::SeqCst)).into()
            }

            #[inline(always)]
            fn xor(&self, bits: u64) -> u64 {
                $ty::from_le(self.fetch_xor(Self::narrow(bits).to_le(), Ordering::SeqCst)).into()
            }

            #[inline(always)]
            fn replace(&self, number: u64) -> u64 {
                $ty::from_le(self.swap(Self::narrow(number).to_le(), Ordering::SeqCst)).into()
            }

            #[inline(always)]
            fn compare(&self, old: u64, new: u64) -> u64 {
                let (old, new) = (Self::narrow(old).to_le(), Self::narrow(new).to_le());
                match self.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst) {
                    Ok(old) | Err(old) => $ty::from_le(old).into(),
                }
            }
        }
    )*};
}

cells! {
    AtomicU8 u8 |bits| bits as u8;
    AtomicU16 u16 |bits| bits as u16;
    AtomicU32 u32 |bits| bits as u32;
    AtomicU64 u64 |bits| bits;
}

/// An atomic operation on a number, with operands `a` and `b`; none if it has
/// no result.
pub(super) trait Atomic {
    fn run<C: Cell>(cell: &C, a: u64, b: u64) -> Option<u64>;
}

macro_rules! operations {
    ($($name:ident |$cell:ident, $a:ident, $b:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Atomic for $name {
            #[inline(always)]
            fn run<C: Cell>($cell: &C, $a: u64, $b: u64) -> Option<u64> {
                $value
            }
        }
    )*};
}

operations! {
    Load |cell, _a, _b| Some(cell.get());
    Store |cell, a, _b| {
        cell.replace(a);
        None
    };
    Add |cell, a, _b| Some(cell.add(a));
    Sub |cell, a, _b| Some(cell.add(a.wrapping_neg()));
    And |cell, a, _b| Some(cell.and(a));
    Or |cell, a, _b| Some(cell.or(a));
    Xor |cell, a, _b| Some(cell.xor(a));
    Xchg |cell, a, _b| Some(cell.replace(a));
    Cmpxchg |cell, a, b| Some(cell.compare(a, b));
}

/// `d = O` on a number of type `C`.
pub(super) struct AtomicOn<O, C>(PhantomData<(O, C)>);

impl<O: Atomic, C: Cell> Op for AtomicOn<O, C> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words and slots that this reads;
        // `place` checks alignment and bounds.
        unsafe {
            let access = Access::read(r.ip, r.sp);
            let place = match access.place(r.cx, size_of::<C>()) {
                Ok(place) => place,
                Err(trap) => return stop::<D>(r, trap),
            };
            if let Some(value) = O::run(C::at(place), access.a, access.b) {
                r.set(r.d(), value);
            }
            r.next::<D>(WORDS)
        }
    }
}

/// `d = how a wait ended` for the number `a` of as many bytes, for as many
/// nanoseconds as `b` says.
pub(super) struct Wait<const SIZE: usize>;

impl<const SIZE: usize> Op for Wait<SIZE> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: this is such an instruction.
        unsafe {
            let result = wait::<SIZE>(r.cx, r.ip, r.sp);
            if result == libcalls::REFUSED {
                return D::cold::<Stopped>(r);
            }
            r.set(r.d(), result);
            r.next::<D>(WORDS)
        }
    }
}

/// # Safety
///
/// `ip` is a wait of the frame at `sp` and the context `cx`.
#[inline(never)]
unsafe extern "C" fn wait<const SIZE: usize>(cx: *mut VmCtx, ip: Ip, sp: *mut Slot) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let access = Access::read(ip, sp);
        match access.place(cx, SIZE) {
            // What is inside does not wrap.
            Ok(_) => {
                let start = access.address.wrapping_add(access.offset);
                let timeout = access.b.cast_signed();
                libcalls::memory_wait::<SIZE>(cx, access.memory, start, access.a, timeout)
            }
            Err(trap) => {
                libcalls::set_trap((*cx).store, trap);
                libcalls::REFUSED
            }
        }
    }
}

/// `d = how many of at most a threads were notified`
pub(super) struct Notify;

impl Op for Notify {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: this is such an instruction.
        unsafe {
            let result = notify(r.cx, r.ip, r.sp);
            if result == libcalls::REFUSED {
                return D::cold::<Stopped>(r);
            }
            r.set(r.d(), result);
            r.next::<D>(WORDS)
        }
    }
}

/// # Safety
///
/// `ip` is a notification of the frame at `sp` and the context `cx`.
#[inline(never)]
unsafe extern "C" fn notify(cx: *mut VmCtx, ip: Ip, sp: *mut Slot) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let access = Access::read(ip, sp);
        match access.place(cx, size_of::<u32>()) {
            Ok(_) => {
                let start = access.address.wrapping_add(access.offset);
                libcalls::memory_notify(cx, access.memory, start, access.a as u32)
            }
            Err(trap) => {
                libcalls::set_trap((*cx).store, trap);
                libcalls::REFUSED
            }
        }
    }
}

/// Orders all accesses before it and behind it.
pub(super) struct Fence;

impl Op for Fence {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        fence(Ordering::SeqCst);
        // SAFETY: the instruction has one word.
        unsafe { r.next::<D>(1) }
    }
}

impl Encoder<'_> {
    /// Writes an atomic instruction, whose first operand is the address.
    pub(super) fn write_atomic(
        &mut self,
        op: AtomicOp,
        place: MemoryPlace,
        operands: &[BulkOperand<Val>],
    ) -> Val {
        let mut slots = [0; 3];
        // Validation allows at most 100 memories.
        let memory = place.memory as u16
            | match place.address {
                AddressType::I32 => 0,
                AddressType::I64 => WIDE_ADDRESS,
            };
        for (slot, operand) in slots.iter_mut().zip(operands) {
            *slot = self.slot_of(operand.ty, operand.val, operand.home);
        }
        let dst = operands[0].home;
        let at = self.asm.op(Opcode::atomic(op), dst);
        self.asm.slots(slots[0], slots[1]);
        self.asm.slots(memory, slots[2]);
        self.asm.wide(place.offset);
        self.asm.position(at);
        if op.kind == AtomicKind::Store {
            self.asm.forget();
            return Val::Slot(dst);
        }
        self.value(at, op.ty, dst)
    }
}
