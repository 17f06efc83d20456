//! The operators that make references and test them for null.
//!
//! A null reference is a slot of zeros in every hierarchy, so the tests are
//! comparisons of 64 bits, which sinks know how to fuse with branches.

use crate::error::Result;
use crate::module::FuncIndex;
use crate::types::{RefType, ValType};

use super::Walk;
use super::numeric::CompareOp;
use super::sink::{Check, Sink};
use super::stack::{Operand, Place};

impl<C: Check, S: Sink> Walk<'_, C, S> {
    pub(super) fn ref_func(&mut self, func: u32) -> Result<()> {
        let func = FuncIndex(func);
        let ty = RefType::non_null(self.module.func_type(func).heap_type());
        let val = self.sink.ref_func(func, self.stack.next_home()?);
        self.stack.push(ty.into(), val)
    }

    pub(super) fn ref_is_null(&mut self) -> Result<()> {
        let reference = self.stack.pop();
        let null = self.sink.constant(ValType::I64, 0);
        let val = self
            .sink
            .compare(CompareOp::I64Eq, reference.val, null, reference.home);
        self.stack.push(ValType::I32, val)
    }

    pub(super) fn ref_as_non_null(&mut self) -> Result<()> {
        let reference = self.pop_to_keep();
        self.sink
            .non_null(reference.ty, reference.val, reference.home);
        self.push_kept(&reference)
    }

    pub(super) fn br_on_null(&mut self, depth: u32) -> Result<()> {
        let target = self.target(depth);
        let reference = self.pop_to_keep();
        self.settle_for_branch(target);
        let is_null = self.compare_null(CompareOp::I64Eq, &reference)?;
        self.branch_if(is_null, target)?;
        self.push_kept(&reference)
    }

    pub(super) fn br_on_non_null(&mut self, depth: u32) -> Result<()> {
        let target = self.target(depth);
        self.settle_for_branch(target);
        let reference = self.pop_to_keep();
        self.push_kept(&reference)?;
        let is_other = self.compare_null(CompareOp::I64Ne, &reference)?;
        self.branch_if(is_other, target)?;
        self.stack.pop();
        Ok(())
    }

    /// Pops a reference that is used once more after the operator has looked
    /// at it: it stays in its local or its home.
    pub(super) fn pop_to_keep(&mut self) -> Operand<S::Val> {
        if self.stack.peek().place == Place::Constant {
            self.stack.flush_above(self.stack.height() - 1, self.sink);
        }
        self.stack.pop()
    }

    /// Pushes what [`pop_to_keep`](Walk::pop_to_keep) answered.
    pub(super) fn push_kept(&mut self, reference: &Operand<S::Val>) -> Result<()> {
        match reference.place {
            Place::Local(index) => self.local_get(index),
            Place::Home | Place::Constant => {
                let val = self.sink.slot(reference.ty, reference.home);
                self.stack.push(reference.ty, val)
            }
        }
    }

    /// Compares a reference with null; the result stands above its home.
    fn compare_null(&mut self, op: CompareOp, reference: &Operand<S::Val>) -> Result<S::Val> {
        let dst = self.stack.reserve_above(reference.home)?;
        let null = self.sink.constant(ValType::I64, 0);
        let val = match reference.place {
            Place::Home => self.sink.slot(reference.ty, reference.home),
            Place::Local(_) | Place::Constant => reference.val,
        };
        Ok(self.sink.compare(op, val, null, dst))
    }
}
