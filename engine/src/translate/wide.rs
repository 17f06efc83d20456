//! 128-bit arithmetic on pairs of 64-bit integers: the only operators with
//! two results.

use crate::error::Result;
use crate::types::ValType;

use super::Walk;
use super::sink::{Check, Sink};

/// An operator of the wide-arithmetic proposal. Operands and results of 128
/// bits are two, the lower half first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WideOp {
    I64Add128,
    I64Sub128,
    I64MulWideS,
    I64MulWideU,
}

/// Operands of the operators that have most.
const OPERANDS_MAX: usize = 4;

impl WideOp {
    fn operands(self) -> usize {
        match self {
            WideOp::I64Add128 | WideOp::I64Sub128 => OPERANDS_MAX,
            WideOp::I64MulWideS | WideOp::I64MulWideU => 2,
        }
    }
}

impl<C: Check, S: Sink> Walk<'_, C, S> {
    pub(super) fn wide(&mut self, op: WideOp) -> Result<()> {
        let first = self.stack.height() - op.operands();
        let home = self.stack.above(first)[0].home;
        let mut vals = [self.stack.above(first)[0].val; OPERANDS_MAX];
        for (val, operand) in vals.iter_mut().zip(self.stack.above(first)) {
            *val = operand.val;
        }
        self.stack.truncate(first);
        let [low, high] = self.sink.wide(op, &vals[..op.operands()], home);
        self.stack.push(ValType::I64, low)?;
        self.stack.push(ValType::I64, high)
    }
}
