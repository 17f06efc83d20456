//! The atomic operators: one list, from which the translator's mapping and
//! the printed names are made. An operator is an access of some width; for
//! what it computes, the type of its operands makes no difference, since
//! narrow results are zero-extended.

use wasmparser::{MemArg, Operator};

use crate::error::Result;
use crate::types::ValType;

use super::Walk;
use super::memory::place;
use super::sink::{BulkOperand, Check, Sink};

/// What an atomic operator does with its place, besides its address operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum AtomicKind {
    Load,
    /// Stores the operand; the only one without a result.
    Store,
    /// From here on: answers the old value, and stores the result of the
    /// operation on it and the operand.
    Add,
    Sub,
    And,
    Or,
    Xor,
    Xchg,
    /// Stores the second operand if the old value is the first.
    Cmpxchg,
    /// Waits until notified if the value is the first operand, for as many
    /// nanoseconds as the second says.
    Wait,
    /// Wakes as many threads as the operand says.
    Notify,
}

impl AtomicKind {
    /// How many there are.
    pub(crate) const COUNT: usize = AtomicKind::Notify as usize + 1;

    fn operands(self) -> usize {
        match self {
            AtomicKind::Load => 0,
            AtomicKind::Store
            | AtomicKind::Add
            | AtomicKind::Sub
            | AtomicKind::And
            | AtomicKind::Or
            | AtomicKind::Xor
            | AtomicKind::Xchg
            | AtomicKind::Notify => 1,
            AtomicKind::Cmpxchg | AtomicKind::Wait => 2,
        }
    }

    fn text(self) -> &'static str {
        match self {
            AtomicKind::Load => "load",
            AtomicKind::Store => "store",
            AtomicKind::Add => "add",
            AtomicKind::Sub => "sub",
            AtomicKind::And => "and",
            AtomicKind::Or => "or",
            AtomicKind::Xor => "xor",
            AtomicKind::Xchg => "xchg",
            AtomicKind::Cmpxchg => "cmpxchg",
            AtomicKind::Wait => "wait",
            AtomicKind::Notify => "notify",
        }
    }
}

/// How many bytes an atomic operator touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum AtomicWidth {
    W8,
    W16,
    W32,
    W64,
}

impl AtomicWidth {
    /// How many there are.
    pub(crate) const COUNT: usize = 4;

    fn bits(self) -> u32 {
        8 << self as u32
    }
}

/// An atomic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtomicOp {
    pub(crate) kind: AtomicKind,
    pub(crate) width: AtomicWidth,
    /// Type of the result, if there is one.
    pub(crate) ty: ValType,
}

/// The name, close to that of the text format.
impl core::fmt::Display for AtomicOp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (ty, kind) = (self.ty, self.kind.text());
        write!(f, "{ty}.atomic{}.{kind}", self.width.bits())
    }
}

macro_rules! atomics {
    ($($name:ident $ty:ident $width:ident $kind:ident;)*) => {
        /// Finds `op` in the list.
        fn classify<'o>(op: &'o Operator<'_>) -> Option<(AtomicOp, &'o MemArg)> {
            match op {
                $(Operator::$name { memarg } => {
                    let op = AtomicOp {
                        kind: AtomicKind::$kind,
                        width: AtomicWidth::$width,
                        ty: ValType::$ty,
                    };
                    Some((op, memarg))
                })*
                _ => None,
            }
        }
    };
}

atomics! {
    MemoryAtomicNotify I32 W32 Notify;
    MemoryAtomicWait32 I32 W32 Wait; MemoryAtomicWait64 I32 W64 Wait;
    I32AtomicLoad I32 W32 Load; I64AtomicLoad I64 W64 Load;
    I32AtomicLoad8U I32 W8 Load; I32AtomicLoad16U I32 W16 Load;
    I64AtomicLoad8U I64 W8 Load; I64AtomicLoad16U I64 W16 Load; I64AtomicLoad32U I64 W32 Load;
    I32AtomicStore I32 W32 Store; I64AtomicStore I64 W64 Store;
    I32AtomicStore8 I32 W8 Store; I32AtomicStore16 I32 W16 Store;
    I64AtomicStore8 I64 W8 Store; I64AtomicStore16 I64 W16 Store; I64AtomicStore32 I64 W32 Store;
    I32AtomicRmwAdd I32 W32 Add; I64AtomicRmwAdd I64 W64 Add;
    I32AtomicRmw8AddU I32 W8 Add; I32AtomicRmw16AddU I32 W16 Add;
    I64AtomicRmw8AddU I64 W8 Add; I64AtomicRmw16AddU I64 W16 Add; I64AtomicRmw32AddU I64 W32 Add;
    I32AtomicRmwSub I32 W32 Sub; I64AtomicRmwSub I64 W64 Sub;
    I32AtomicRmw8SubU I32 W8 Sub; I32AtomicRmw16SubU I32 W16 Sub;
    I64AtomicRmw8SubU I64 W8 Sub; I64AtomicRmw16SubU I64 W16 Sub; I64AtomicRmw32SubU I64 W32 Sub;
    I32AtomicRmwAnd I32 W32 And; I64AtomicRmwAnd I64 W64 And;
    I32AtomicRmw8AndU I32 W8 And; I32AtomicRmw16AndU I32 W16 And;
    I64AtomicRmw8AndU I64 W8 And; I64AtomicRmw16AndU I64 W16 And; I64AtomicRmw32AndU I64 W32 And;
    I32AtomicRmwOr I32 W32 Or; I64AtomicRmwOr I64 W64 Or;
    I32AtomicRmw8OrU I32 W8 Or; I32AtomicRmw16OrU I32 W16 Or;
    I64AtomicRmw8OrU I64 W8 Or; I64AtomicRmw16OrU I64 W16 Or; I64AtomicRmw32OrU I64 W32 Or;
    I32AtomicRmwXor I32 W32 Xor; I64AtomicRmwXor I64 W64 Xor;
    I32AtomicRmw8XorU I32 W8 Xor; I32AtomicRmw16XorU I32 W16 Xor;
    I64AtomicRmw8XorU I64 W8 Xor; I64AtomicRmw16XorU I64 W16 Xor; I64AtomicRmw32XorU I64 W32 Xor;
    I32AtomicRmwXchg I32 W32 Xchg; I64AtomicRmwXchg I64 W64 Xchg;
    I32AtomicRmw8XchgU I32 W8 Xchg; I32AtomicRmw16XchgU I32 W16 Xchg;
    I64AtomicRmw8XchgU I64 W8 Xchg; I64AtomicRmw16XchgU I64 W16 Xchg;
    I64AtomicRmw32XchgU I64 W32 Xchg;
    I32AtomicRmwCmpxchg I32 W32 Cmpxchg; I64AtomicRmwCmpxchg I64 W64 Cmpxchg;
    I32AtomicRmw8CmpxchgU I32 W8 Cmpxchg; I32AtomicRmw16CmpxchgU I32 W16 Cmpxchg;
    I64AtomicRmw8CmpxchgU I64 W8 Cmpxchg; I64AtomicRmw16CmpxchgU I64 W16 Cmpxchg;
    I64AtomicRmw32CmpxchgU I64 W32 Cmpxchg;
}

impl<C: Check, S: Sink> Walk<'_, C, S> {
    /// An atomic operator; false if `op` is none.
    pub(super) fn atomic(&mut self, op: &Operator<'_>) -> Result<bool> {
        if matches!(op, Operator::AtomicFence { .. }) {
            self.sink.atomic_fence();
            return Ok(true);
        }
        let Some((op, memarg)) = classify(op) else {
            return Ok(false);
        };
        let place = place(self.module, memarg)?;
        let mut pop = || {
            let operand = self.stack.pop();
            BulkOperand {
                ty: operand.ty,
                val: operand.val,
                home: operand.home,
            }
        };
        let val = match op.kind.operands() {
            0 => self.sink.atomic(op, place, &[pop()]),
            1 => {
                let b = pop();
                self.sink.atomic(op, place, &[pop(), b])
            }
            _ => {
                let (c, b) = (pop(), pop());
                self.sink.atomic(op, place, &[pop(), b, c])
            }
        };
        if op.kind != AtomicKind::Store {
            self.stack.push(op.ty, val)?;
        }
        Ok(true)
    }
}
