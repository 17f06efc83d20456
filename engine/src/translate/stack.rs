//! The operand stack of a walk: types, homes, and which operands are still
//! only an alias of a local or a constant.
//!
//! Invariants: the aliases of one local form a list through the stack,
//! highest first, so that overwriting the local finds them without a search;
//! operands below `flushed` are in their homes.

use crate::error::{Error, Result};
use crate::types::ValType;

use super::roots::{RootMaps, RootSpan};
use super::sink::{FrameSlot, Layout, RootMap, Sink};

/// No operand.
const NONE: u32 = u32::MAX;

/// Slots of the largest frame: positions in it are 16-bit operands.
pub(crate) const FRAME_SLOTS_MAX: u32 = 65_535;

/// Where an operand's value is, as far as every tier agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In its home slot.
    Home,
    /// Still in the local that it was read from.
    Local(u32),
    /// A constant that was not stored yet.
    Constant,
}

/// One operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<V> {
    pub(crate) val: V,
    /// The next lower alias of the same local.
    below: u32,
    pub(crate) place: Place,
    pub(crate) home: FrameSlot,
    pub(crate) ty: ValType,
    /// The operator that brought the operand to its home.
    since: u32,
}

/// A local variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    pub(crate) slot: FrameSlot,
    pub(crate) ty: ValType,
    /// Written on every path to here, or a parameter.
    assigned: bool,
    /// Somebody reads it before it is written.
    zeroed: bool,
    /// Its highest alias on the operand stack.
    alias: u32,
}

/// Operands and locals of the function that is walked.
pub(crate) struct Stack<V> {
    operands: Vec<Operand<V>>,
    locals: Vec<Local>,
    /// Locals in the order in which they became assigned; blocks cut it back.
    assigned: Vec<u32>,
    layout: Layout,
    /// Slot of the next operand.
    top: u32,
    /// Highest slot ever used, plus one.
    frame_slots: u32,
    /// All operands below this height are in their homes.
    flushed: usize,
    /// Locals that the collector follows, in order.
    ref_locals: Vec<FrameSlot>,
    /// Operands that the collector follows.
    ref_operands: u32,
    /// The operator that is walked now.
    offset: u32,
    /// The last operator during which a collection may happen.
    safepoint: u32,
    /// Operands that were home at one of those.
    spans: Vec<RootSpan>,
}

impl<V: Copy> Stack<V> {
    pub(crate) fn new() -> Stack<V> {
        Stack {
            operands: Vec::new(),
            locals: Vec::new(),
            assigned: Vec::new(),
            layout: Layout::default(),
            top: 0,
            frame_slots: 0,
            flushed: 0,
            ref_locals: Vec::new(),
            ref_operands: 0,
            offset: 0,
            safepoint: 0,
            spans: Vec::new(),
        }
    }

    /// The operator at `offset` starts.
    pub(crate) fn at(&mut self, offset: u32) {
        self.offset = offset;
    }

    /// A collection may happen during the operator. What it has popped
    /// before this is no root then.
    pub(crate) fn safepoint(&mut self) {
        self.safepoint = self.offset;
    }

    /// The references of the function's frames, after its walk.
    pub(crate) fn root_maps(&mut self) -> RootMaps {
        // What the function returns, or leaves behind dead code, was on the
        // stack to the end.
        self.truncate(0);
        RootMaps::new(&self.ref_locals, core::mem::take(&mut self.spans))
    }

    /// Declares a local; parameters come first.
    pub(crate) fn declare(&mut self, ty: ValType, slot: u32, parameter: bool) -> Result<()> {
        let slot = frame_slot(slot)?;
        if ty.is_traced() {
            self.ref_locals.push(slot);
        }
        self.locals.push(Local {
            slot,
            ty,
            assigned: parameter,
            zeroed: ty.is_ref() && !parameter,
            alias: NONE,
        });
        Ok(())
    }

    /// All locals are declared.
    pub(crate) fn start(&mut self, layout: Layout) {
        self.layout = layout;
        self.top = u32::from(layout.operands);
        self.frame_slots = self.top;
    }

    pub(crate) fn height(&self) -> usize {
        self.operands.len()
    }

    pub(crate) fn local(&self, index: u32) -> Local {
        self.locals[index as usize]
    }

    /// The slot that the next operand gets.
    pub(crate) fn next_home(&self) -> Result<FrameSlot> {
        frame_slot(self.top)
    }

    /// The slot behind a home of one slot, for a value that is used at once.
    pub(crate) fn reserve_above(&mut self, home: FrameSlot) -> Result<FrameSlot> {
        let slot = u32::from(home) + 1;
        self.frame_slots = self.frame_slots.max(slot + 1);
        frame_slot(slot)
    }

    pub(crate) fn frame_slots(&self) -> u32 {
        self.frame_slots
    }

    pub(crate) fn peek(&self) -> Operand<V> {
        self.operands[self.operands.len() - 1]
    }

    /// The operands from `height` on.
    pub(crate) fn above(&self, height: usize) -> &[Operand<V>] {
        &self.operands[height..]
    }

    /// Pushes an operand that is in its home.
    #[inline]
    pub(crate) fn push(&mut self, ty: ValType, val: V) -> Result<()> {
        self.push_at(ty, val, Place::Home)
    }

    #[inline]
    pub(crate) fn push_constant(&mut self, ty: ValType, val: V) -> Result<()> {
        self.push_at(ty, val, Place::Constant)
    }

    #[inline]
    pub(crate) fn push_local(&mut self, index: u32, val: V) -> Result<()> {
        let height = self.operands.len();
        let local = &mut self.locals[index as usize];
        if !local.assigned {
            local.zeroed = true;
        }
        let (ty, below) = (local.ty, local.alias);
        local.alias = u32::try_from(height).unwrap_or(NONE);
        self.push_at(ty, val, Place::Local(index))?;
        self.operands[height].below = below;
        Ok(())
    }

    #[inline]
    fn push_at(&mut self, ty: ValType, val: V, place: Place) -> Result<()> {
        let home = frame_slot(self.top)?;
        self.top += u32::try_from(ty.slots()).unwrap_or(0);
        self.frame_slots = self.frame_slots.max(self.top);
        self.ref_operands += u32::from(ty.is_traced());
        self.operands.push(Operand {
            val,
            below: NONE,
            place,
            home,
            ty,
            since: self.offset,
        });
        Ok(())
    }

    /// Pops an operand of a valid body.
    #[inline]
    pub(crate) fn pop(&mut self) -> Operand<V> {
        let last = self.operands.len() - 1;
        let operand = self.operands[last];
        self.operands.truncate(last);
        self.forget(&operand);
        operand
    }

    #[inline]
    fn forget(&mut self, operand: &Operand<V>) {
        self.top = u32::from(operand.home);
        if operand.ty.is_traced() {
            self.ref_operands -= 1;
            self.note_span(operand);
        }
        self.flushed = self.flushed.min(self.operands.len());
        if let Place::Local(index) = operand.place {
            self.locals[index as usize].alias = operand.below;
        }
    }

    fn note_span(&mut self, operand: &Operand<V>) {
        let (since, now) = (operand.since, self.offset);
        let is_seen = self.safepoint > since || (self.safepoint == now && since == now);
        if is_seen && operand.place == Place::Home {
            self.spans.push(RootSpan {
                slot: operand.home,
                from: since,
                to: now,
            });
        }
    }

    /// Drops the operands above `height`.
    pub(crate) fn truncate(&mut self, height: usize) {
        while self.operands.len() > height {
            self.pop();
        }
    }

    /// Gives the topmost operand another type and value, in the same place.
    pub(crate) fn retype(&mut self, ty: ValType, val: V) {
        if let Some(top) = self.operands.last_mut() {
            top.ty = ty;
            top.val = val;
        }
    }

    /// Stores every operand in its home.
    pub(crate) fn flush<S: Sink<Val = V>>(&mut self, sink: &mut S) {
        self.flush_above(0, sink);
    }

    /// Stores the operands from `height` on in their homes.
    pub(crate) fn flush_above<S: Sink<Val = V>>(&mut self, height: usize, sink: &mut S) {
        for position in (height.max(self.flushed)..self.operands.len()).rev() {
            let operand = self.operands[position];
            match operand.place {
                Place::Home => continue,
                // From the top down, each operand is its local's highest alias.
                Place::Local(index) => self.locals[index as usize].alias = operand.below,
                Place::Constant => {}
            }
            self.settle(position, sink);
        }
        if height <= self.flushed {
            self.flushed = self.operands.len();
        }
    }

    fn settle<S: Sink<Val = V>>(&mut self, position: usize, sink: &mut S) {
        let operand = &mut self.operands[position];
        sink.put(operand.ty, operand.val, operand.home);
        operand.val = sink.slot(operand.ty, operand.home);
        operand.place = Place::Home;
        operand.below = NONE;
        operand.since = self.offset;
    }

    /// The local `index` is about to be overwritten: its aliases move home.
    pub(crate) fn assign<S: Sink<Val = V>>(&mut self, index: u32, sink: &mut S) {
        let local = &mut self.locals[index as usize];
        if !local.assigned {
            local.assigned = true;
            self.assigned.push(index);
        }
        let mut position = core::mem::replace(&mut local.alias, NONE);
        while position != NONE {
            let operand = &mut self.operands[position as usize];
            sink.spill(operand.ty, operand.val, operand.home);
            operand.val = sink.slot(operand.ty, operand.home);
            operand.place = Place::Home;
            operand.since = self.offset;
            position = core::mem::replace(&mut operand.below, NONE);
        }
    }

    /// How many locals became assigned so far; see [`Stack::unassign`].
    pub(crate) fn assigned(&self) -> usize {
        self.assigned.len()
    }

    /// Forgets assignments that another path to here may have left out.
    pub(crate) fn unassign(&mut self, count: usize) {
        for index in self.assigned.drain(count..) {
            self.locals[index as usize].assigned = false;
        }
    }

    /// Runs of slots that must be zero at entry: few, so that hostile bodies
    /// cannot make long lists. Zeroing a local that needs it not is harmless.
    pub(crate) fn zeroed(&self) -> Vec<(FrameSlot, u16)> {
        const RUNS_MAX: usize = 4;
        let mut runs: Vec<(FrameSlot, u16)> = Vec::new();
        for local in self.locals.iter().filter(|l| l.zeroed) {
            let slots = u16::try_from(local.ty.slots()).unwrap_or(1);
            match runs.last_mut() {
                Some((first, count)) if *first + *count == local.slot => *count += slots,
                Some((first, count)) if runs_full(*first, *count, local.slot) => {
                    *count = local.slot + slots - *first;
                }
                _ => runs.push((local.slot, slots)),
            }
        }
        if runs.len() > RUNS_MAX {
            let (first, (last, count)) = (runs[0].0, runs[runs.len() - 1]);
            runs = vec![(first, last + count - first)];
        }
        runs
    }

    /// The references below the slot `window`.
    pub(crate) fn roots(&self, window: FrameSlot) -> Roots<'_, V> {
        Roots {
            stack: self,
            window,
        }
    }
}

/// Whether a gap is so small that zeroing over it is cheaper than a new run.
fn runs_full(first: FrameSlot, count: u16, next: FrameSlot) -> bool {
    const GAP_MAX: u16 = 4;
    next - (first + count) <= GAP_MAX
}

/// A view of the stack as a root map.
pub(crate) struct Roots<'a, V> {
    stack: &'a Stack<V>,
    window: FrameSlot,
}

impl<V: Copy> RootMap for Roots<'_, V> {
    fn for_each(&self, each: &mut dyn FnMut(FrameSlot)) {
        for slot in &self.stack.ref_locals {
            each(*slot);
        }
        if self.stack.ref_operands == 0 {
            return;
        }
        for operand in &self.stack.operands {
            if operand.home < self.window && operand.ty.is_traced() && operand.place == Place::Home
            {
                each(operand.home);
            }
        }
    }
}

/// A slot number as an operand of code.
pub(crate) fn frame_slot(slot: u32) -> Result<FrameSlot> {
    match FrameSlot::try_from(slot) {
        Ok(narrow) if u32::from(narrow) < FRAME_SLOTS_MAX => Ok(narrow),
        _ => Err(too_large(slot)),
    }
}

#[cold]
fn too_large(slot: u32) -> Error {
    Error::limit(format!(
        "function too large: frame of {} slots, at most {FRAME_SLOTS_MAX}",
        u64::from(slot) + 1
    ))
}
