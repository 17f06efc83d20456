//! How control goes from one instruction to the next: the registers of the
//! machine, the one function type of all handlers, and the two dispatchers.
//!
//! An instruction is a type that implements [`Op`]; [`handler`] is the only
//! function that the dispatchers call. With [`Threaded`] every handler ends
//! in a call of the next one, which the compiler turns into a jump. That
//! holds only if no local variable's address escapes, nothing with a
//! destructor is alive, nothing unwinds, and all handlers have one signature
//! whose arguments fit into registers. So: memory is read through
//! [`read`](super::operand::read), never with `read_unaligned`; heavy work is
//! in `extern "C"` functions; rare endings are [`Dispatch::cold`] ops.

use crate::runtime::vmctx::{Exit, Ip, Slot, VmCtx};

use super::ops;

/// The machine's registers.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Regs {
    /// The instruction that runs.
    pub(super) ip: Ip,
    /// Frame of the running function.
    pub(super) sp: *mut Slot,
    /// First byte of memory 0.
    pub(super) mem: *mut u8,
    /// Context of the running function's instance.
    pub(super) cx: *mut VmCtx,
    /// Calls and taken back edges until the next look at the interrupt word.
    pub(super) tick: i64,
    /// The last integer or reference that an instruction made.
    pub(super) acc: u64,
    /// The last float that an instruction made; an `f32` is in the low half.
    pub(super) facc: f64,
}

/// An instruction.
pub(super) trait Op {
    /// Runs the instruction at `r.ip`.
    ///
    /// # Safety
    ///
    /// `r.ip` points to this instruction in valid code, and the other
    /// registers are those of a running activation.
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next;
}

/// A way to go from one instruction to the next.
pub(super) trait Dispatch: Sized + 'static {
    /// What a handler returns.
    type Next;

    /// Goes on with the instruction at `r.ip`.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`].
    unsafe fn next(r: Regs) -> Self::Next;

    /// Leaves the interpreter.
    fn exit(exit: Exit) -> Self::Next;

    /// Goes on with `O` instead of the instruction at `r.ip`.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`].
    #[inline(always)]
    unsafe fn then<O: Op>(r: Regs) -> Self::Next {
        // SAFETY: The caller's promise.
        unsafe { handler::<Self, O>(r.ip, r.sp, r.mem, r.cx, r.tick, r.acc, r.facc) }
    }

    /// The same for a rare way to end an instruction.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`].
    #[inline(always)]
    unsafe fn cold<O: Op>(r: Regs) -> Self::Next {
        // SAFETY: The caller's promise.
        unsafe { cold_handler::<Self, O>(r.ip, r.sp, r.mem, r.cx, r.tick, r.acc, r.facc) }
    }
}

macro_rules! define_handlers {
    ($abi:literal) => {
        /// The function type of all handlers.
        pub(super) type Handler<N> = unsafe extern $abi fn(
            ip: Ip,
            sp: *mut Slot,
            mem: *mut u8,
            cx: *mut VmCtx,
            tick: i64,
            acc: u64,
            facc: f64,
        ) -> N;

        /// Runs an instruction and goes on.
        #[inline(never)]
        unsafe extern $abi fn handler<D: Dispatch, O: Op>(
            ip: Ip,
            sp: *mut Slot,
            mem: *mut u8,
            cx: *mut VmCtx,
            tick: i64,
            acc: u64,
            facc: f64,
        ) -> D::Next {
            // SAFETY: The dispatcher found this handler by the code at `ip`.
            unsafe { O::run::<D>(Regs { ip, sp, mem, cx, tick, acc, facc }) }
        }

        /// The same for a rare ending.
        #[cold]
        #[inline(never)]
        unsafe extern $abi fn cold_handler<D: Dispatch, O: Op>(
            ip: Ip,
            sp: *mut Slot,
            mem: *mut u8,
            cx: *mut VmCtx,
            tick: i64,
            acc: u64,
            facc: f64,
        ) -> D::Next {
            // SAFETY: The instruction at `ip` chose this ending.
            unsafe { O::run::<D>(Regs { ip, sp, mem, cx, tick, acc, facc }) }
        }
    };
}

#[cfg(sysv_handlers)]
define_handlers!("sysv64");
#[cfg(not(sysv_handlers))]
define_handlers!("C");

/// The handler of an instruction.
pub(super) const fn handler_of<D: Dispatch, O: Op>() -> Handler<D::Next> {
    handler::<D, O>
}

/// Every handler jumps to the next.
#[cfg(tail_dispatch)]
pub(super) struct Threaded;

#[cfg(tail_dispatch)]
static THREADED: [Handler<usize>; ops::COUNT] = ops::table::<Threaded>();

#[cfg(tail_dispatch)]
impl Dispatch for Threaded {
    type Next = usize;

    #[inline(always)]
    unsafe fn next(r: Regs) -> usize {
        // SAFETY: Valid code holds only opcodes of the table.
        unsafe {
            let handler = THREADED.get_unchecked(ops::opcode_at(r.ip));
            handler(r.ip, r.sp, r.mem, r.cx, r.tick, r.acc, r.facc)
        }
    }

    #[inline(always)]
    fn exit(exit: Exit) -> usize {
        exit as usize
    }
}

#[cfg(tail_dispatch)]
impl Threaded {
    /// Runs from `r.ip` until something leaves the interpreter.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`].
    pub(super) unsafe fn run(r: Regs) -> Exit {
        // SAFETY: The caller's promise.
        match unsafe { Threaded::next(r) } {
            0 => Exit::Return,
            1 => Exit::Trap,
            2 => Exit::Pending,
            3 => Exit::Call,
            4 => Exit::HostReturn,
            _ => Exit::Throw,
        }
    }
}

/// A loop calls one handler after another.
pub(super) struct Looped;

static LOOPED: [Handler<Step>; ops::COUNT] = ops::table::<Looped>();

/// What a handler of the loop returns: the registers to go on with, or why
/// not to.
#[repr(C)]
pub(super) struct Step {
    regs: Regs,
    exit: Option<Exit>,
}

impl Dispatch for Looped {
    type Next = Step;

    #[inline(always)]
    unsafe fn next(regs: Regs) -> Step {
        Step { regs, exit: None }
    }

    #[inline(always)]
    fn exit(exit: Exit) -> Step {
        let regs = Regs {
            ip: core::ptr::null(),
            sp: core::ptr::null_mut(),
            mem: core::ptr::null_mut(),
            cx: core::ptr::null_mut(),
            tick: 0,
            acc: 0,
            facc: 0.0,
        };
        Step {
            regs,
            exit: Some(exit),
        }
    }
}

impl Looped {
    /// Runs from `r.ip` until something leaves the interpreter.
    ///
    /// # Safety
    ///
    /// As for [`Op::run`].
    pub(super) unsafe fn run(mut r: Regs) -> Exit {
        loop {
            // SAFETY: The caller's promise, and every handler's: what it
            // goes on with is valid again.
            let step = unsafe {
                let handler = LOOPED.get_unchecked(ops::opcode_at(r.ip));
                handler(r.ip, r.sp, r.mem, r.cx, r.tick, r.acc, r.facc)
            };
            match step.exit {
                None => r = step.regs,
                Some(exit) => return exit,
            }
        }
    }
}
