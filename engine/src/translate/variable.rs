//! Locals and globals, and the operators that only move operands.

use crate::error::Result;
use crate::types::ValType;

use super::Walk;
use super::sink::{Check, Sink};
use super::stack::Place;

impl<C: Check, S: Sink> Walk<'_, C, S> {
    pub(super) fn constant(&mut self, ty: ValType, bits: u64) -> Result<()> {
        let val = self.sink.constant(ty, bits);
        self.stack.push_constant(ty, val)
    }

    pub(super) fn local_get(&mut self, index: u32) -> Result<()> {
        let local = self.stack.local(index);
        let val = self.sink.slot(local.ty, local.slot);
        self.stack.push_local(index, val)
    }

    pub(super) fn local_set(&mut self, index: u32) {
        let operand = self.stack.pop();
        self.stack.assign(index, self.sink);
        let local = self.stack.local(index);
        self.sink.put(local.ty, operand.val, local.slot);
    }

    pub(super) fn local_tee(&mut self, index: u32) -> Result<()> {
        let place = self.stack.peek().place;
        let val = self.stack.peek().val;
        self.local_set(index);
        match place {
            Place::Constant => self.stack.push_constant(self.stack.local(index).ty, val),
            Place::Home | Place::Local(_) => self.local_get(index),
        }
    }

    pub(super) fn global_get(&mut self, global: u32) -> Result<()> {
        let ty = self.module.globals[global as usize].content;
        let val = self.sink.global_get(ty, global, self.stack.next_home()?);
        self.stack.push(ty, val)
    }

    pub(super) fn global_set(&mut self, global: u32) {
        let val = self.stack.pop();
        self.sink.global_set(val.ty, global, val.val, val.home);
    }

    pub(super) fn recast(&mut self, to: ValType) {
        let operand = self.stack.peek();
        let val = self.sink.recast(operand.ty, to, operand.val);
        self.stack.retype(to, val);
    }

    pub(super) fn select(&mut self) -> Result<()> {
        let cond = self.stack.pop();
        let b = self.stack.pop();
        let a = self.stack.pop();
        let val = self.sink.select(a.ty, cond.val, a.val, b.val, a.home);
        self.stack.push(a.ty, val)
    }
}
