//! Instructions that move values and control within a function, and the
//! rare endings of instructions.

use core::marker::PhantomData;
use core::sync::atomic::Ordering;

use super::dispatch::{Dispatch, Op, Regs};
use super::operand::{Value, read, words};
use super::shape::stop;
use crate::runtime::libcalls;
use crate::runtime::vmctx::{Exit, RED_ZONE_SLOTS, Slot, TICK_SLICE};
use crate::trap::Trap;

impl Regs {
    /// Stores position, frame, context and tick for whoever looks at the
    /// activation next. The position is the one behind the first word of the
    /// instruction: like a return position, it lies behind the start of the
    /// instruction that it belongs to.
    #[inline(always)]
    pub(super) unsafe fn save(&self) {
        // SAFETY: contexts live as long as the store.
        unsafe {
            let store = (*self.cx).store;
            (*store).ip = self.ip.wrapping_add(1);
            (*store).sp = self.sp;
            (*store).cx = self.cx;
            (*store).tick = self.tick;
        }
    }
}

/// Rare ending: the guest stops for the reason whose number `acc` holds.
pub(super) struct Stop;

impl Op for Stop {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: `acc` holds the number of a trap; contexts are live.
        unsafe {
            let trap = Trap::ALL
                .get(r.acc as usize)
                .copied()
                .unwrap_or(Trap::Unreachable);
            libcalls::set_trap((*r.cx).store, trap);
            D::cold::<Stopped>(r)
        }
    }
}

/// Rare ending: the guest stops; the reason is recorded already.
pub(super) struct Stopped;

impl Op for Stopped {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the registers are those of the instruction that stops.
        unsafe { r.save() };
        D::exit(Exit::Trap)
    }
}

/// Rare ending: the ticks ran out. Looks at the interrupt word and starts
/// the instruction again, which has done nothing yet.
pub(super) struct Slice;

impl Op for Slice {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the interrupt word lives as long as the store.
        unsafe {
            let interrupt = (*(*r.cx).store).interrupt;
            r.tick = TICK_SLICE;
            if (*interrupt).load(Ordering::Relaxed) != 0 {
                return stop::<D>(r, Trap::Interrupted);
            }
            D::next(r)
        }
    }
}

/// The operator of this name, and what stands where no code may run.
pub(super) struct Unreachable;

impl Op for Unreachable {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: passed on.
        unsafe { stop::<D>(r, Trap::Unreachable) }
    }
}

/// The driver's entry returns here.
pub(super) struct Leave;

impl Op for Leave {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: passed on.
        unsafe { r.save() };
        D::exit(Exit::Return)
    }
}

/// A function that a host function called returns here; the caller's frame
/// is the host's.
pub(super) struct HostResume;

impl Op for HostResume {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: passed on.
        unsafe { r.save() };
        D::exit(Exit::HostReturn)
    }
}

/// Goes to the offset in word 1.
pub(super) struct Br;

impl Op for Br {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe { r.jump::<D>(1) }
    }
}

/// What the end of a loop does before it goes back.
pub(super) trait LoopEnd {
    /// The word of the offset.
    const OFFSET: usize;
    /// # Safety
    ///
    /// As for [`Op::run`]; `r.ip` points to the [`BrBack`].
    unsafe fn act(r: &Regs);
}

/// Acts as `E` does, and goes back.
pub(super) struct BrBack<E>(PhantomData<E>);

impl<E: LoopEnd> Op for BrBack<E> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            r.tick -= 1;
            if r.tick < 0 {
                return D::cold::<Slice>(r);
            }
            E::act(&r);
            r.jump::<D>(E::OFFSET)
        }
    }
}

/// A branch to a [`BrBack`], which is as many words away as `d` says: acts as
/// that does, and goes where it goes, by the offset in word 1. The address of
/// the next instruction is then known one load earlier, and those loads are
/// the chain that a loop full of branches waits for.
pub(super) struct BrVia<E>(PhantomData<E>);

impl<E: LoopEnd> Op for BrVia<E> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder has seen a `BrBack<E>` at `end`.
        unsafe {
            let here = r.ip;
            let end = r.ip.add(r.d());
            r.ip = end;
            if r.tick <= 0 {
                // It is the place that is known to the collector and to
                // backtraces.
                return D::cold::<BrBack<E>>(r);
            }
            r.tick -= 1;
            E::act(&r);
            r.ip = here;
            r.jump::<D>(1)
        }
    }
}

/// Nothing.
pub(super) struct Nothing;

impl LoopEnd for Nothing {
    const OFFSET: usize = 1;

    #[inline(always)]
    unsafe fn act(_: &Regs) {}
}

/// `d = a`.
pub(super) struct CopyOne;

impl LoopEnd for CopyOne {
    const OFFSET: usize = 2;

    #[inline(always)]
    unsafe fn act(r: &Regs) {
        // SAFETY: the encoder writes the words that this reads.
        unsafe { r.put::<u64>(r.d(), r.get(r.a())) }
    }
}

/// `b = b + word 2` of type `T`, then `d = a`.
pub(super) struct IncrementCopy<T>(PhantomData<T>);

impl<T: Counter> LoopEnd for IncrementCopy<T> {
    const OFFSET: usize = 2 + T::WORDS;

    #[inline(always)]
    unsafe fn act(r: &Regs) {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            let step = T::immediate(r.ip.add(2));
            r.put(r.b(), r.get::<T>(r.b()).plus(step));
            r.put::<u64>(r.d(), r.get(r.a()));
        }
    }
}

/// An integer that a loop counts with.
pub(super) trait Counter: Value {
    fn plus(self, step: Self) -> Self;
}

impl Counter for u32 {
    #[inline(always)]
    fn plus(self, step: u32) -> u32 {
        self.wrapping_add(step)
    }
}

impl Counter for u64 {
    #[inline(always)]
    fn plus(self, step: u64) -> u64 {
        self.wrapping_add(step)
    }
}

/// Goes to one of the offsets from word 2 on, by the index in `d` or in the
/// accumulator; word 1 is the index of the last one, which is the default.
/// Every edge costs a tick, since any may go back.
pub(super) struct BrTable<const ACC: bool>;

impl<const ACC: bool> Op for BrTable<ACC> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            r.tick -= 1;
            if r.tick < 0 {
                return D::cold::<Slice>(r);
            }
            let index = if ACC { r.acc32() } else { r.get::<u32>(r.d()) };
            let index = index.min(r.word(1));
            r.jump::<D>(2 + index as usize)
        }
    }
}

/// Charges the fuel in word 1.
pub(super) struct Fuel;

impl Op for Fuel {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: contexts live as long as the store.
        unsafe {
            let store = (*r.cx).store;
            let left = (*store).fuel.wrapping_sub(i64::from(r.word(1)));
            (*store).fuel = left;
            if left < 0 {
                return stop::<D>(r, Trap::OutOfFuel);
            }
            r.next::<D>(2)
        }
    }
}

/// At the entry of a function whose frame of as many slots as word 1 says
/// may not fit into the red zone.
pub(super) struct EnterBig;

impl Op for EnterBig {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: contexts live as long as the store; the frame's end is
        // only compared.
        unsafe {
            let beyond = (r.word(1) as usize).saturating_sub(RED_ZONE_SLOTS);
            if r.sp.wrapping_add(beyond) > (*(*r.cx).store).stack_limit {
                return stop::<D>(r, Trap::StackOverflow);
            }
            r.next::<D>(2)
        }
    }
}

/// Clears as many slots from `d` on as word 1 says.
pub(super) struct Zero;

impl Op for Zero {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the slots belong to the frame.
        unsafe {
            // A frame may have 65 thousand slots: clearing it is no single tick.
            r.tick -= i64::from(r.word(1) >> 6);
            let first = r.sp.add(r.d());
            let mut slot = first;
            let end = first.add(r.word(1) as usize);
            while slot < end {
                *slot = 0;
                slot = slot.add(1);
            }
            r.next::<D>(2)
        }
    }
}

/// `d = a`, without an accumulator.
pub(super) struct Copy;

impl Op for Copy {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            r.put::<u64>(r.d(), r.get(r.a()));
            r.next::<D>(2)
        }
    }
}

/// `d = a`, then the slot in word 2 `= b`.
pub(super) struct Copy2;

impl Op for Copy2 {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            r.put::<u64>(r.d(), r.get(r.a()));
            r.put::<u64>(r.word(2) as usize, r.get(r.b()));
            r.next::<D>(3)
        }
    }
}

/// `d = accumulator` of the class of `T`.
pub(super) struct CopyAcc<T>(PhantomData<T>);

impl<T: Value> Op for CopyAcc<T> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            r.put(r.d(), T::from_acc(&r));
            r.next::<D>(1)
        }
    }
}

/// Copies as many slots as `b` says from `a` on to `d` on, in ascending order.
pub(super) struct CopyRun;

impl Op for CopyRun {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: the slots belong to the frame.
        unsafe {
            move_slots(r.sp.add(r.a()), r.sp.add(r.d()), r.b());
            r.next::<D>(2)
        }
    }
}

/// Moves `count` slots to a lower or separate place.
///
/// # Safety
///
/// Both runs are slots of the activation.
#[inline(always)]
pub(super) unsafe fn move_slots(from: *mut Slot, to: *mut Slot, count: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let end = from.add(count);
        let (mut from, mut to) = (from, to);
        while from < end {
            *to = *from;
            from = from.add(1);
            to = to.add(1);
        }
    }
}

/// `d = word 1`, of type `T`.
pub(super) struct Const<T>(PhantomData<T>);

impl<T: Value> Op for Const<T> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            let value = T::immediate(r.ip.add(1));
            r.set(r.d(), value);
            r.next::<D>(1 + T::WORDS)
        }
    }
}

/// `d = words 1 and 2`, in the integer accumulator too.
pub(super) struct ConstWide;

impl Op for ConstWide {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: the encoder writes the words that this reads.
        unsafe {
            let value: u64 = read(r.ip.add(1).cast());
            r.set(r.d(), value);
            r.next::<D>(3)
        }
    }
}

/// `d = global`, whose index is word 1.
pub(super) struct GlobalGet<T>(PhantomData<T>);

impl<T: Value> Op for GlobalGet<T> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(mut r: Regs) -> D::Next {
        // SAFETY: validation has seen that the global exists.
        unsafe {
            let global = *(*r.cx).globals.add(r.word(1) as usize);
            r.set(r.d(), T::from_slot((*global).value[0]));
            r.next::<D>(2)
        }
    }
}

/// `global = value`: a slot is `d`, the global's index word 1, an immediate
/// follows.
pub(super) struct GlobalSet<T, A>(PhantomData<(T, A)>);

impl<T: Value, A: super::memory::Stored> Op for GlobalSet<T, A> {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: validation has seen that the global exists and is mutable.
        unsafe {
            let global = *(*r.cx).globals.add(r.word(1) as usize);
            (*global).value[0] = A::value::<T>(&r, 2).to_slot();
            r.next::<D>(2 + words::<T, A>())
        }
    }
}
