//! Loads, stores and the operators on whole memories and tables.

use wasmparser::MemArgTarget;

use crate::error::{Error, ErrorKind, Result};
use crate::module::ModuleInner;
use crate::types::ValType;

use super::Walk;
use super::numeric::{LoadOp, StoreOp};
use super::sink::{BulkOp, BulkOperand, Check, MemoryPlace, Sink};

impl<C: Check, S: Sink> Walk<'_, C, S> {
    pub(super) fn load(&mut self, op: LoadOp, memarg: &wasmparser::MemArg) -> Result<()> {
        let addr = self.stack.pop();
        let val = self
            .sink
            .load(op, place(self.module, memarg)?, addr.val, addr.home);
        self.stack.push(op.ty(), val)
    }

    pub(super) fn store(&mut self, op: StoreOp, memarg: &wasmparser::MemArg) -> Result<()> {
        let val = self.stack.pop();
        let addr = self.stack.pop();
        let place = place(self.module, memarg)?;
        self.sink.store(op, place, addr.val, val.val, addr.home);
        Ok(())
    }

    pub(super) fn memory_size(&mut self, memory: u32) -> Result<()> {
        let val = self.sink.memory_size(memory, self.stack.next_home()?);
        self.stack.push(self.memory_address(memory), val)
    }

    pub(super) fn memory_grow(&mut self, memory: u32) -> Result<()> {
        let delta = self.stack.pop();
        let val = self.sink.memory_grow(memory, delta.val, delta.home);
        self.stack.push(self.memory_address(memory), val)
    }

    /// The type of addresses and sizes of a memory.
    fn memory_address(&self, memory: u32) -> ValType {
        self.module.memories[memory as usize].address.val_type()
    }

    pub(super) fn bulk(&mut self, op: BulkOp) {
        let c = self.stack.pop();
        let b = self.stack.pop();
        let a = self.stack.pop();
        let operands = [a, b, c].map(|operand| BulkOperand {
            ty: operand.ty,
            val: operand.val,
            home: operand.home,
        });
        self.sink.bulk(op, operands);
    }
}

/// The place that the immediates of a load, store or atomic operator name.
pub(super) fn place(module: &ModuleInner, memarg: &wasmparser::MemArg) -> Result<MemoryPlace> {
    match memarg.target {
        MemArgTarget::Memory(memory) => {
            let ty = &module.memories[memory as usize];
            Ok(MemoryPlace {
                memory,
                address: ty.address,
                shared: ty.shared,
                offset: memarg.offset,
            })
        }
        MemArgTarget::Array(_) => Err(Error::new(
            ErrorKind::Unsupported,
            "loads and stores on arrays are not supported by this version",
        )),
    }
}
