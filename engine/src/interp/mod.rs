//! The interpreter: threaded register code. Functions are translated when
//! they are first called; their code is words that handlers read, one
//! handler an instruction, each jumping to the next.
//!
//! Every result goes to its slot in the frame and to an accumulator; slots
//! are the truth, accumulators only save the next instruction a load. Calls
//! between guest functions use no native stack.

#![expect(
    unsafe_code,
    reason = "handlers read code, frames and contexts through pointers"
)]

mod atomic;
mod branch;
mod bulk;
mod call;
mod code;
mod control;
mod dispatch;
mod emit;
mod encode;
mod exception;
mod fused;
mod gc;
mod memory;
mod numeric;
mod objects;
mod operand;
mod ops;
mod reference;
mod shape;
mod simd;
mod table;
#[cfg(test)]
mod tests;
mod thread;
mod wide;

use crate::config::DispatchMode;
use crate::error::{Error, Result};
use crate::module::{FuncIndex, ModuleInner};
use crate::runtime::vmctx::{Exit, Ip, Slot, StoreCtx, VmCtx};
use crate::translate::{Trusted, translate};

pub(crate) use code::{Code, CodeCell, CodeMap};
use dispatch::{Looped, Regs};
pub(crate) use exception::Clause;
use ops::{Opcode, Plain};

/// Code of one instruction that belongs to no function.
#[repr(align(8))]
struct Stub([u32; 2]);

impl Stub {
    const fn new(op: Plain) -> Stub {
        Stub([Opcode::plain(op).0 as u32, 0])
    }

    fn ip(&'static self) -> Ip {
        self.0.as_ptr()
    }
}

static EXIT: Stub = Stub::new(Plain::Leave);
static HOST_RESUME: Stub = Stub::new(Plain::HostResume);
static RESTORE: Stub = Stub::new(Plain::Restore);
static LAZY: Stub = Stub::new(Plain::Lazy);
static HOST: Stub = Stub::new(Plain::Unreachable);

/// The return position of a function that the driver enters.
pub(crate) fn exit_ip() -> Ip {
    EXIT.ip()
}

/// The return position of a function that a host function calls.
pub(crate) fn host_resume_ip() -> Ip {
    HOST_RESUME.ip()
}

/// The return position of a function that another instance calls.
pub(crate) fn restore_ip() -> Ip {
    RESTORE.ip()
}

/// The code of a function before it is translated. Only calls may go there.
pub(crate) fn lazy_ip() -> Ip {
    LAZY.ip()
}

/// Stands for the code of a host function. Calls see that it is one, and
/// never go there.
pub(crate) fn host_ip() -> Ip {
    HOST.ip()
}

/// The way to dispatch that an engine uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    #[cfg(tail_dispatch)]
    Threaded,
    Looped,
}

impl Dispatch {
    /// The way for a configuration: threaded where this build can.
    pub(crate) fn new(mode: DispatchMode) -> Dispatch {
        match mode {
            #[cfg(tail_dispatch)]
            DispatchMode::Auto | DispatchMode::Threaded => Dispatch::Threaded,
            #[cfg(not(tail_dispatch))]
            DispatchMode::Auto | DispatchMode::Threaded => Dispatch::Looped,
            DispatchMode::Loop => Dispatch::Looped,
        }
    }
}

/// The code of a function that the module defines, translated if nobody did
/// that before.
pub(crate) fn code_for(module: &ModuleInner, func: FuncIndex) -> Result<&Code> {
    let Some(body) = module.body(func) else {
        return Err(Error::usage(format!(
            "function {} is imported: it has no code",
            func.0
        )));
    };
    if let Some(code) = body.code.get() {
        return Ok(code);
    }
    let mut encoder = encode::Encoder::new(module);
    translate(module, func, &mut Trusted, &mut encoder)
        .map_err(|error| error.context(format!("function {}", func.0)))?;
    match encoder.code {
        Some(code) => Ok(body.code.publish(func, code, &module.codes)),
        None => Err(Error::usage("the translation of a function gave no code")),
    }
}

/// Runs guest code from `ip` until something leaves it.
///
/// # Safety
///
/// `store` is the block of `cx`; `ip` is a position of the code of the
/// instance of `cx`, or one of the positions above that a return may go to;
/// `sp` is its frame, in an activation whose limit is in `store`, with a
/// valid header. No reference to the store is held.
pub(crate) unsafe fn enter(
    store: *mut StoreCtx,
    cx: *mut VmCtx,
    ip: Ip,
    sp: *mut Slot,
    tick: i64,
    dispatch: Dispatch,
) -> Exit {
    // SAFETY: the context is live.
    let mem = unsafe {
        debug_assert_eq!((*cx).store, store);
        (*(*cx).memory0).base
    };
    let regs = Regs {
        ip,
        sp,
        mem,
        cx,
        tick,
        acc: 0,
        facc: 0.0,
    };
    // SAFETY: the caller's promise.
    unsafe {
        match dispatch {
            #[cfg(tail_dispatch)]
            Dispatch::Threaded => dispatch::Threaded::run(regs),
            Dispatch::Looped => Looped::run(regs),
        }
    }
}
