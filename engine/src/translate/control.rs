//! Blocks, branches, calls and returns of a walk.
//!
//! Unreachable operators are skipped, not translated: while `skip` counts the
//! blocks opened in dead code, only the operator that ends the dead part is
//! looked at. A branch moves its operands to the homes that the label
//! expects; sources never lie below their destinations, so ascending order
//! is safe.

use std::collections::BTreeMap;

use wasmparser::{BlockType, BrTable};

use crate::error::Result;
use crate::module::{FuncIndex, TableIndex, TypeIndex};
use crate::types::{FuncTypeRef, ValType};

use super::Walk;
use super::sink::{CallSite, Callee, Check, FrameSlot, Sink};
use super::stack::{Place, frame_slot};

/// More operands than this are moved as one run.
const SINGLE_MOVES_MAX: usize = 4;

/// What opened a control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Block,
    Loop,
    If,
    Else,
    Try,
}

/// Parameters and results of a block.
#[derive(Clone, Copy)]
enum Signature<'m> {
    Empty,
    Result(ValType),
    Func(&'m FuncTypeRef),
}

impl Signature<'_> {
    fn params(&self) -> &[ValType] {
        match self {
            Signature::Empty | Signature::Result(_) => &[],
            Signature::Func(ty) => ty.params(),
        }
    }

    fn results(&self) -> &[ValType] {
        match self {
            Signature::Empty => &[],
            Signature::Result(ty) => core::slice::from_ref(ty),
            Signature::Func(ty) => ty.results(),
        }
    }
}

/// An open block.
pub(super) struct Frame<'m, L> {
    kind: Kind,
    signature: Signature<'m>,
    /// Where branches to this block go; the function has none, they return.
    pub(super) label: Option<L>,
    /// Where a false condition of `if` goes.
    else_label: Option<L>,
    /// Operands below the block's parameters.
    height: usize,
    /// Home of the first operand of the block.
    pub(super) base: FrameSlot,
    /// Assigned locals at the start.
    assigned: usize,
    /// Some branch or exception goes to the label.
    pub(super) used: bool,
}

impl<L> Frame<'_, L> {
    /// The types of what a branch to this block carries.
    fn branch_types(&self) -> &[ValType] {
        match self.kind {
            Kind::Loop => self.signature.params(),
            Kind::Function | Kind::Block | Kind::If | Kind::Else | Kind::Try => {
                self.signature.results()
            }
        }
    }
}

fn slots(types: &[ValType]) -> u16 {
    // Signatures have at most 1000 values.
    u16::try_from(types.iter().map(|t| t.slots()).sum::<usize>()).unwrap_or(u16::MAX)
}

impl<'m, C: Check, S: Sink> Walk<'m, C, S> {
    fn signature(&self, ty: BlockType) -> Result<Signature<'m>> {
        Ok(match ty {
            BlockType::Empty => Signature::Empty,
            BlockType::Type(ty) => Signature::Result(self.value_type(ty)?),
            BlockType::FuncType(index) => Signature::Func(self.module.type_at(TypeIndex(index))),
        })
    }

    pub(super) fn open_function(&mut self, ty: &'m FuncTypeRef) {
        self.frames.push(Frame {
            kind: Kind::Function,
            signature: Signature::Func(ty),
            label: None,
            else_label: None,
            height: 0,
            base: 0,
            assigned: 0,
            used: false,
        });
    }

    pub(super) fn open(&mut self, kind: Kind, ty: BlockType) -> Result<Frame<'m, S::Label>> {
        let signature = self.signature(ty)?;
        let params = signature.params().len();
        let height = self.stack.height() - params;
        let base = match self.stack.above(height).first() {
            Some(first) => first.home,
            None => self.stack.next_home()?,
        };
        self.stack.flush(self.sink);
        Ok(Frame {
            kind,
            signature,
            label: None,
            else_label: None,
            height,
            base,
            assigned: self.stack.assigned(),
            used: false,
        })
    }

    pub(super) fn block(&mut self, ty: BlockType) -> Result<()> {
        let mut frame = self.open(Kind::Block, ty)?;
        frame.label = Some(self.sink.label());
        self.frames.push(frame);
        Ok(())
    }

    pub(super) fn loop_(&mut self, ty: BlockType, offset: u32) -> Result<()> {
        let mut frame = self.open(Kind::Loop, ty)?;
        self.fuel.split(self.sink);
        frame.label = Some(self.sink.loop_header(offset));
        self.frames.push(frame);
        Ok(())
    }

    pub(super) fn if_(&mut self, ty: BlockType) -> Result<()> {
        let cond = self.stack.pop();
        let mut frame = self.open(Kind::If, ty)?;
        let else_label = self.sink.label();
        frame.label = Some(self.sink.label());
        frame.else_label = Some(else_label);
        self.sink.branch_if(cond.val, false, else_label);
        self.fuel.split(self.sink);
        self.frames.push(frame);
        Ok(())
    }

    /// Pushes operands that control carried here in their homes.
    pub(super) fn push_homes(&mut self, types: &[ValType]) -> Result<()> {
        for ty in types {
            let val = self.sink.slot(*ty, self.stack.next_home()?);
            self.stack.push(*ty, val)?;
        }
        Ok(())
    }

    pub(super) fn else_(&mut self) -> Result<()> {
        let top = self.frames.len() - 1;
        let (height, assigned) = (self.frames[top].height, self.frames[top].assigned);
        if self.skip.is_none() {
            self.stack.flush_above(height, self.sink);
            self.fuel.split(self.sink);
            if let Some(label) = self.frames[top].label {
                self.sink.jump(label);
            }
            self.frames[top].used = true;
        }
        self.skip = None;
        self.frames[top].kind = Kind::Else;
        self.stack.truncate(height);
        self.stack.unassign(assigned);
        if let Some(label) = self.frames[top].else_label.take() {
            self.sink.bind(label);
        }
        let signature = self.frames[top].signature;
        self.push_homes(signature.params())
    }

    pub(super) fn end(&mut self) -> Result<()> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let reachable = self.skip.is_none();
        if frame.kind == Kind::Try {
            self.sink.end_try();
        }
        if frame.kind == Kind::Function {
            if reachable {
                self.emit_return(frame.signature.results().len())?;
                self.fuel.split(self.sink);
            }
            return self.catch_and_return(frame.signature.results());
        }
        let merges = frame.kind != Kind::Loop && (frame.used || frame.else_label.is_some());
        if !merges {
            // Control comes from above only, or not at all: what is on the
            // stack may stay as it is.
            return Ok(());
        }
        if reachable {
            self.stack.flush_above(frame.height, self.sink);
        }
        self.fuel.split(self.sink);
        self.skip = None;
        self.stack.truncate(frame.height);
        self.stack.unassign(frame.assigned);
        if let Some(label) = frame.else_label {
            self.sink.bind(label);
        }
        if let Some(label) = frame.label
            && frame.used
        {
            self.sink.bind(label);
        }
        self.push_homes(frame.signature.results())
    }

    /// What follows is dead until the block ends.
    pub(super) fn dead(&mut self) {
        self.fuel.split(self.sink);
        self.skip = Some(0);
    }

    pub(super) fn target(&self, depth: u32) -> usize {
        self.frames.len() - 1 - depth as usize
    }

    /// Moves the operands that a branch carries; the branch must follow.
    fn move_operands(&mut self, target: usize) {
        let frame = &self.frames[target];
        let count = frame.branch_types().len();
        let first = self.stack.height() - count;
        if count > SINGLE_MOVES_MAX {
            self.stack.flush_above(first, self.sink);
            let from = self.stack.above(first)[0].home;
            if from != frame.base {
                self.sink
                    .put_run(from, frame.base, slots(frame.branch_types()));
            }
            return;
        }
        let mut to = frame.base;
        for operand in self.stack.above(first) {
            if operand.place != Place::Home || operand.home != to {
                self.sink.put(operand.ty, operand.val, to);
            }
            to += slots(&[operand.ty]);
        }
    }

    /// Whether the operands that a branch carries are where the label wants
    /// them once all are in their homes.
    fn is_aligned(&self, target: usize) -> bool {
        let frame = &self.frames[target];
        let first = self.stack.height() - frame.branch_types().len();
        frame.label.is_some()
            && self
                .stack
                .above(first)
                .first()
                .is_none_or(|o| o.home == frame.base)
    }

    /// Moves operands and branches.
    fn emit_branch(&mut self, target: usize) -> Result<()> {
        let Some(label) = self.frames[target].label else {
            return self.emit_return(self.frames[target].signature.results().len());
        };
        self.move_operands(target);
        self.frames[target].used = true;
        self.sink.jump(label);
        Ok(())
    }

    pub(super) fn br(&mut self, depth: u32) -> Result<()> {
        self.emit_branch(self.target(depth))?;
        self.dead();
        Ok(())
    }

    pub(super) fn br_if(&mut self, depth: u32) -> Result<()> {
        let cond = self.stack.pop();
        self.branch_if(cond.val, self.target(depth))
    }

    /// Moves the operands that a branch to `target` may carry to their homes
    /// as far as such a branch needs it, for branches that may not be taken.
    pub(super) fn settle_for_branch(&mut self, target: usize) {
        let first = if self.is_aligned(target) {
            self.stack.height() - self.frames[target].branch_types().len()
        } else {
            0
        };
        self.stack.flush_above(first, self.sink);
    }

    /// Branches if `cond` is not zero.
    pub(super) fn branch_if(&mut self, cond: S::Val, target: usize) -> Result<()> {
        self.settle_for_branch(target);
        if self.is_aligned(target) {
            if let Some(label) = self.frames[target].label {
                self.sink.branch_if(cond, true, label);
            }
            self.frames[target].used = true;
        } else {
            let skip = self.sink.label();
            self.sink.branch_if(cond, false, skip);
            self.emit_branch(target)?;
            self.sink.bind(skip);
        }
        self.fuel.split(self.sink);
        Ok(())
    }

    pub(super) fn br_table(&mut self, table: &BrTable<'_>) -> Result<()> {
        let index = self.stack.pop();
        self.stack.flush(self.sink);
        let mut stubs: BTreeMap<usize, S::Label> = BTreeMap::new();
        let mut labels = Vec::new();
        let depths = table.targets().chain(core::iter::once(Ok(table.default())));
        for depth in depths {
            let target = self.target(depth.map_err(|e| super::malformed(&e))?);
            let label = match self.frames[target].label {
                Some(label) if self.is_aligned(target) => {
                    self.frames[target].used = true;
                    label
                }
                _ => *stubs.entry(target).or_insert_with(|| self.sink.label()),
            };
            labels.push(label);
        }
        self.sink.branch_table(index.val, &labels);
        for (target, label) in stubs {
            self.sink.bind(label);
            self.emit_branch(target)?;
        }
        self.dead();
        Ok(())
    }

    /// Returns the topmost `count` operands.
    pub(super) fn emit_return(&mut self, count: usize) -> Result<()> {
        let first = self.stack.height() - count;
        match self.stack.above(first) {
            [] => self.sink.return_(),
            [one] if one.ty.slots() == 1 => self.sink.return_value(one.ty, one.val),
            several => {
                let results = self.layout.result_slots;
                let overlaps = several.iter().any(|o| match o.place {
                    Place::Local(index) => self.stack.local(index).slot < results,
                    Place::Home | Place::Constant => false,
                });
                if overlaps || several.len() > SINGLE_MOVES_MAX {
                    self.stack.flush_above(first, self.sink);
                }
                let operands = self.stack.above(first);
                if operands.len() > SINGLE_MOVES_MAX {
                    self.sink.put_run(operands[0].home, 0, results);
                } else {
                    let mut to = 0;
                    for operand in operands {
                        self.sink.put(operand.ty, operand.val, to);
                        to += slots(&[operand.ty]);
                    }
                }
                self.sink.return_();
            }
        }
        Ok(())
    }

    pub(super) fn return_(&mut self) -> Result<()> {
        self.emit_return(self.frames[0].signature.results().len())?;
        self.dead();
        Ok(())
    }

    pub(super) fn unreachable(&mut self) {
        self.sink.unreachable();
        self.dead();
    }

    /// The callee and type of a direct call.
    pub(super) fn direct(&self, func: u32) -> (Callee<S::Val>, &'m FuncTypeRef) {
        let func = FuncIndex(func);
        let callee = if self.module.is_imported(func) {
            Callee::Imported(func)
        } else {
            Callee::Defined(func)
        };
        (callee, self.module.func_type(func))
    }

    /// The callee and type of an indirect call, whose index is popped.
    pub(super) fn indirect(&mut self, ty: u32, table: u32) -> (Callee<S::Val>, &'m FuncTypeRef) {
        let ty = TypeIndex(ty);
        let callee = Callee::Indirect {
            table: TableIndex(table),
            ty,
            index: self.stack.pop().val,
        };
        (callee, self.module.type_at(ty))
    }

    /// The callee and type of a call of a reference, which is popped.
    pub(super) fn referenced(&mut self, ty: u32) -> (Callee<S::Val>, &'m FuncTypeRef) {
        let ty = TypeIndex(ty);
        let callee = Callee::Reference {
            ty,
            func: self.stack.pop().val,
        };
        (callee, self.module.type_at(ty))
    }

    /// Brings the arguments into the callee's window.
    fn call_site(&mut self, callee: Callee<S::Val>, ty: &FuncTypeRef) -> Result<CallSite<S::Val>> {
        let first = self.stack.height() - ty.params().len();
        let window = match self.stack.above(first).first() {
            Some(first) => first.home,
            None => self.stack.next_home()?,
        };
        self.stack.flush_above(first, self.sink);
        let header = u32::from(window) + u32::try_from(ty.header_slot()).unwrap_or(u32::MAX);
        Ok(CallSite {
            callee,
            window,
            header: frame_slot(header)?,
            param_slots: ty.param_slots(),
            result_slots: ty.result_slots(),
        })
    }

    pub(super) fn call(&mut self, (callee, ty): (Callee<S::Val>, &'m FuncTypeRef)) -> Result<()> {
        let site = self.call_site(callee, ty)?;
        self.sink.call(site, &self.stack.roots(site.window));
        if self.zeal_at_calls {
            // The arguments are roots, too.
            self.stack.safepoint();
        }
        self.stack.truncate(self.stack.height() - ty.params().len());
        self.stack.safepoint();
        self.push_homes(ty.results())
    }

    pub(super) fn return_call(
        &mut self,
        (callee, ty): (Callee<S::Val>, &'m FuncTypeRef),
    ) -> Result<()> {
        let site = self.call_site(callee, ty)?;
        self.sink.return_call(site, &self.stack.roots(site.window));
        self.stack.safepoint();
        self.dead();
        Ok(())
    }
}
