//! Loads, stores and the operators on whole memories and tables.

use wasmparser::MemArgTarget;

use crate::error::{Error, ErrorKind, Result};
use crate::types::ValType;

use super::Walk;
use super::numeric::{LoadOp, StoreOp};
use super::sink::{BulkOp, Check, MemoryPlace, Sink};

impl<C: Check, S: Sink> Walk<'_, C, S> {
    pub(super) fn load(&mut self, op: LoadOp, memarg: &wasmparser::MemArg) -> Result<()> {
        let addr = self.stack.pop();
        let val = self.sink.load(op, place(memarg)?, addr.val, addr.home);
        self.stack.push(op.ty(), val)
    }

    pub(super) fn store(&mut self, op: StoreOp, memarg: &wasmparser::MemArg) -> Result<()> {
        let val = self.stack.pop();
        let addr = self.stack.pop();
        self.sink
            .store(op, place(memarg)?, addr.val, val.val, addr.home);
        Ok(())
    }

    pub(super) fn memory_size(&mut self, memory: u32) -> Result<()> {
        let val = self.sink.memory_size(memory, self.stack.next_home()?);
        self.stack.push(ValType::I32, val)
    }

    pub(super) fn memory_grow(&mut self, memory: u32) -> Result<()> {
        let delta = self.stack.pop();
        let val = self.sink.memory_grow(memory, delta.val, delta.home);
        self.stack.push(ValType::I32, val)
    }

    pub(super) fn bulk(&mut self, op: BulkOp) {
        let c = self.stack.pop();
        let b = self.stack.pop();
        let a = self.stack.pop();
        let operands = [(a.val, a.home), (b.val, b.home), (c.val, c.home)];
        self.sink.bulk(op, operands);
    }
}

pub(super) fn place(memarg: &wasmparser::MemArg) -> Result<MemoryPlace> {
    match memarg.target {
        MemArgTarget::Memory(memory) => Ok(MemoryPlace {
            memory,
            offset: memarg.offset,
        }),
        MemArgTarget::Array(_) => Err(Error::new(
            ErrorKind::Unsupported,
            "loads and stores on arrays are not supported by this version",
        )),
    }
}
