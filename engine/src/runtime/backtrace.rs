//! Backtraces: which guest functions were active when a guest stopped. They
//! are read from the frame headers on the slot stack; nothing is recorded
//! while guests run well.

use core::fmt;

use super::frames::{Frames, Here};
use super::vmctx::StoreCtx;
use crate::entity::FuncIndex;
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

    /// Where in the source the function was, if the module carries DWARF and
    /// the engine is built with its feature `dwarf`. If functions were inlined
    /// there, the innermost one comes first and the function itself last. The
    /// first question reads all that the module carries.
    #[must_use]
    pub fn source(&self) -> Vec<SourceLocation> {
        let module = self.module.inner();
        match self.offset {
            Some(offset) => module.debug.source(&module.bytes, offset),
            None => Vec::new(),
        }
    }

    /// Where in the binary the function was, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }
}

/// A place in the source of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceLocation {
    /// The function, as the source calls it.
    pub function: Option<String>,
    /// The file, as the compiler knew it.
    pub file: Option<String>,
    /// The line, from one on.
    pub line: Option<u32>,
    /// The column, from one on.
    pub column: Option<u32>,
}

/// Prints `at file:line:column`.
impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.file.as_deref().unwrap_or("<unknown>"))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        Ok(())
    }
}

/// Prints `module!function @ 0x1f`, with `<wasm>` and `func[3]` for what has
/// no name, and below it the places in the source, if they are known. The
/// functions in front of the last were inlined.
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
        let source = self.source();
        for (i, location) in source.iter().enumerate() {
            write!(f, "\n        {location}")?;
            if i + 1 < source.len() {
                match &location.function {
                    Some(function) => write!(f, " ({function}, inlined)")?,
                    None => f.write_str(" (inlined)")?,
                }
            }
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

    /// Appends the frames of the run that was left last, or, with
    /// `to_host`, those up to the first host function that waits for a guest
    /// function.
    ///
    /// # Safety
    ///
    /// `ip`, `sp` and `cx` of the context must be those of the innermost
    /// frame, or `ip` the exit position.
    pub(crate) unsafe fn capture(&mut self, store: *mut StoreCtx, to_host: bool) {
        // SAFETY: the context is as promised, and each step goes to the
        // caller that the frame's header names.
        unsafe {
            let mut frames = Frames::of(store);
            loop {
                match frames.here() {
                    Here::Guest(guest) => {
                        if self.frames.len() >= FRAMES_MAX {
                            self.is_cut = true;
                            return;
                        }
                        self.frames.push(Frame {
                            module: guest.module.clone(),
                            func: guest.func,
                            offset: Some(u64::from(guest.code.wasm_offset(frames.ip))),
                        });
                        frames.leave(guest.code);
                    }
                    Here::Host(_) if to_host => return,
                    Here::Host(host) => frames.leave_host(host),
                    Here::End => return,
                }
            }
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
