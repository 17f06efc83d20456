//! Backtraces: which guest functions were active when a guest stopped. They
//! are read from the frame headers on the slot stack; nothing is recorded
//! while guests run well.

use core::fmt;
use core::ptr;

use super::driver::HostFrame;
use super::instance::InstanceData;
use super::vmctx::{Ip, Slot, StoreCtx, VmCtx, header};
use crate::entity::FuncIndex;
use crate::interp;
use crate::module::Module;

/// Frames kept of one stop, innermost first.
const FRAMES_MAX: usize = 64;

/// The guest frames that were active when a guest stopped, innermost first.
/// At most 64 are kept.
#[derive(Clone, Debug, Default)]
pub struct Backtrace {
    frames: Vec<Frame>,
    is_cut: bool,
}

/// One guest function that was active.
#[derive(Clone)]
pub struct Frame {
    module: Module,
    func: FuncIndex,
    offset: Option<u64>,
}

impl Frame {
    /// The module that the function belongs to.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The function's index in its module, imports first.
    #[must_use]
    pub fn func_index(&self) -> u32 {
        self.func.0
    }

    /// The function's name, from the name section or else its export.
    #[must_use]
    pub fn func_name(&self) -> Option<&str> {
        self.module.inner().func_name(self.func)
    }

    /// Where in the binary the function was, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }
}

/// Prints `module!function @ 0x1f`, with `<wasm>` and `func[3]` for what has
/// no name.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.module.name().unwrap_or("<wasm>"))?;
        match self.func_name() {
            Some(name) => write!(f, "!{name}")?,
            None => write!(f, "!func[{}]", self.func.0)?,
        }
        if let Some(offset) = self.offset {
            write!(f, " @ 0x{offset:x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Backtrace {
    /// The frames, innermost first.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Whether outer frames were left out.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Appends the frames of the run that was left last.
    ///
    /// # Safety
    ///
    /// `ip`, `sp` and `cx` of the context must be those of the innermost
    /// frame, or `ip` the exit position.
    pub(crate) unsafe fn capture(&mut self, store: *mut StoreCtx) {
        // SAFETY: the context is live; its registers are as promised.
        let mut walk = unsafe {
            Walk {
                ip: (*store).ip,
                sp: (*store).sp,
                cx: (*store).cx,
                codes: Codes::default(),
            }
        };
        // SAFETY: `walk` starts at a frame of this store, and each step goes
        // to the caller that the frame's header names.
        while let Some(frame) = unsafe { walk.next() } {
            if self.frames.len() >= FRAMES_MAX {
                self.is_cut = true;
                return;
            }
            self.frames.push(frame);
        }
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("guest backtrace:")?;
        for (i, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {i:2}: {frame}")?;
        }
        if self.is_cut {
            f.write_str("\n  ...")?;
        }
        Ok(())
    }
}

/// Goes from frame to frame through the headers.
struct Walk {
    ip: Ip,
    sp: *mut Slot,
    cx: *mut VmCtx,
    codes: Codes,
}

impl Walk {
    /// The frame here, after a step to its caller.
    ///
    /// # Safety
    ///
    /// `ip`, `sp`, `cx` must be those of a frame, or `ip` the exit position.
    unsafe fn next(&mut self) -> Option<Frame> {
        while self.ip == interp::host_resume_ip() {
            // SAFETY: whoever returns to this position has the host's frame
            // as its caller's `sp`.
            let host = unsafe { &*HostFrame::at(self.sp) };
            (self.ip, self.sp, self.cx) = (host.ip, host.sp, host.cx);
        }
        if self.ip.is_null() || self.ip == interp::exit_ip() || self.cx.is_null() {
            return None;
        }
        // SAFETY: the context of a guest frame is that of a live instance.
        let module = unsafe { &(*InstanceData::of(self.cx)).module };
        let (func, header_slot, offset) = self.codes.find(module, self.ip)?;
        let frame = Frame {
            module: module.clone(),
            func,
            offset,
        };
        // SAFETY: the frame has a header where its code says.
        unsafe { self.step(header_slot) };
        Some(frame)
    }

    /// # Safety
    ///
    /// `sp` must be a frame whose header is at `header_slot`.
    unsafe fn step(&mut self, header_slot: usize) {
        let word = |slot: usize| {
            // SAFETY: passed on to the caller.
            unsafe { self.sp.add(header_slot + slot).read() }
        };
        let return_ip: Ip = pointer(word(header::RETURN_IP)).cast_const().cast();
        if return_ip == interp::restore_ip() {
            self.ip = pointer(word(header::CALLER_IP)).cast_const().cast();
            self.cx = pointer(word(header::CALLER_CX)).cast();
        } else {
            self.ip = return_ip;
        }
        self.sp = pointer(word(header::CALLER_SP)).cast();
    }
}

/// An address that was stored in a slot.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the slot was made from an address"
)]
pub(crate) fn pointer(slot: Slot) -> *mut u8 {
    ptr::with_exposed_provenance_mut(slot as usize)
}

/// Finds the function whose code contains a position. The last answer is
/// tried first: deep stacks are mostly recursion.
#[derive(Default)]
struct Codes {
    last: Option<FuncIndex>,
}

impl Codes {
    /// The function of `module` whose code contains `ip`, where its frames
    /// keep their header, and the offset in the binary.
    fn find(&mut self, module: &Module, ip: Ip) -> Option<(FuncIndex, usize, Option<u64>)> {
        let inner = module.inner();
        let imported = inner.imported_funcs;
        let all = (imported..).take(inner.bodies.len()).map(FuncIndex);
        for func in self.last.into_iter().chain(all) {
            let Some(code) = inner.body(func).and_then(|body| body.code.get()) else {
                continue;
            };
            if code.contains(ip) {
                self.last = Some(func);
                let offset = Some(u64::from(code.wasm_offset(ip)));
                return Some((func, code.header_slot(), offset));
            }
        }
        None
    }
}
