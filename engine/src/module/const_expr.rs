//! Constant expressions: initial values of globals and tables, offsets and
//! elements of segments. They are validated before they come here; what is
//! left is to keep them small and to evaluate them without recursion.

use wasmparser::{Operator, OperatorsReader};

use crate::entity::{FuncIndex, GlobalIndex};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::value::halves;

/// A constant expression. The common forms are one word; only extended
/// expressions keep a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConstExpr {
    /// A number, as its slot, or a null reference (zero).
    Value(u64),
    /// A vector, as its slots.
    Vector([u64; 2]),
    /// The value of a global.
    GlobalGet(GlobalIndex),
    /// A reference to a function.
    RefFunc(FuncIndex),
    /// Operations on a stack.
    Ops(Box<[ConstOp]>),
}

/// One operation of an extended constant expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConstOp {
    Value(u64),
    Vector([u64; 2]),
    GlobalGet(GlobalIndex),
    RefFunc(FuncIndex),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

/// What an expression needs to know of the instance that it initialises.
pub(crate) trait ConstContext {
    /// The slots of a global's value: as many as its type takes.
    fn global(&self, global: GlobalIndex) -> &[u64];
    /// The slot of a reference to a function.
    fn func(&self, func: FuncIndex) -> u64;
}

impl ConstExpr {
    /// Decodes an expression, and reports each function that it refers to.
    pub(crate) fn decode(
        expr: &wasmparser::ConstExpr<'_>,
        on_func: &mut dyn FnMut(FuncIndex),
    ) -> Result<ConstExpr> {
        let reader: OperatorsReader<'_> = expr.get_operators_reader();
        let mut ops = Vec::new();
        for item in reader.into_iter_with_offsets() {
            let (operator, offset) = item.map_err(super::decode::malformed)?;
            if matches!(operator, Operator::End) {
                break;
            }
            let op = ConstOp::decode(&operator).ok_or_else(|| {
                Error::new(
                    ErrorKind::Unsupported,
                    format!("constant expression uses an unsupported operator: {operator:?}"),
                )
                .with_offset(offset)
            })?;
            if let ConstOp::RefFunc(func) = op {
                on_func(func);
            }
            ops.push(op);
        }
        Ok(match ops.as_slice() {
            [ConstOp::Value(value)] => ConstExpr::Value(*value),
            [ConstOp::Vector(value)] => ConstExpr::Vector(*value),
            [ConstOp::GlobalGet(global)] => ConstExpr::GlobalGet(*global),
            [ConstOp::RefFunc(func)] => ConstExpr::RefFunc(*func),
            _ => ConstExpr::Ops(ops.into()),
        })
    }

    /// The slot that an expression of a type of one slot evaluates to.
    pub(crate) fn eval(&self, cx: &dyn ConstContext) -> u64 {
        self.eval_slots(cx)[0]
    }

    /// The slots that the expression evaluates to; a value of one slot leaves
    /// the second zero.
    pub(crate) fn eval_slots(&self, cx: &dyn ConstContext) -> [u64; 2] {
        match self {
            ConstExpr::Value(value) => [*value, 0],
            ConstExpr::Vector(value) => *value,
            ConstExpr::GlobalGet(global) => two_slots(cx.global(*global)),
            ConstExpr::RefFunc(func) => [cx.func(*func), 0],
            ConstExpr::Ops(ops) => {
                let mut stack = Vec::new();
                for op in ops {
                    op.eval(&mut stack, cx);
                }
                // Validation left exactly one value.
                two_slots(&stack)
            }
        }
    }
}

impl ConstOp {
    fn decode(operator: &Operator<'_>) -> Option<ConstOp> {
        Some(match *operator {
            Operator::I32Const { value } => ConstOp::Value(u64::from(value.cast_unsigned())),
            Operator::I64Const { value } => ConstOp::Value(value.cast_unsigned()),
            Operator::F32Const { value } => ConstOp::Value(u64::from(value.bits())),
            Operator::F64Const { value } => ConstOp::Value(value.bits()),
            Operator::V128Const { value } => {
                ConstOp::Vector(halves(value.i128().cast_unsigned()))
            }
            Operator::RefNull { .. } => ConstOp::Value(0),
            Operator::RefFunc { function_index } => ConstOp::RefFunc(FuncIndex(function_index)),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex(global_index)),
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            _ => return None,
        })
    }

    fn eval(self, stack: &mut Vec<u64>, cx: &dyn ConstContext) {
        let value = match self {
            ConstOp::Value(value) => value,
            ConstOp::Vector(value) => return stack.extend(value),
            ConstOp::GlobalGet(global) => return stack.extend(cx.global(global)),
            ConstOp::RefFunc(func) => cx.func(func),
            ConstOp::I32Add => binary32(stack, u32::wrapping_add),
            ConstOp::I32Sub => binary32(stack, u32::wrapping_sub),
            ConstOp::I32Mul => binary32(stack, u32::wrapping_mul),
            ConstOp::I64Add => binary64(stack, u64::wrapping_add),
            ConstOp::I64Sub => binary64(stack, u64::wrapping_sub),
            ConstOp::I64Mul => binary64(stack, u64::wrapping_mul),
        };
        stack.push(value);
    }
}

/// The slots of a value, of which a vector has two.
fn two_slots(slots: &[u64]) -> [u64; 2] {
    let slot = |i: usize| slots.get(i).copied().unwrap_or_default();
    [slot(0), slot(1)]
}

fn binary64(stack: &mut Vec<u64>, f: fn(u64, u64) -> u64) -> u64 {
    // Validation promises two operands.
    let b = stack.pop().unwrap_or_default();
    let a = stack.pop().unwrap_or_default();
    f(a, b)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an i32 is the lower half of its slot"
)]
fn binary32(stack: &mut Vec<u64>, f: fn(u32, u32) -> u32) -> u64 {
    let b = stack.pop().unwrap_or_default() as u32;
    let a = stack.pop().unwrap_or_default() as u32;
    u64::from(f(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl ConstContext for Fixed {
        fn global(&self, global: GlobalIndex) -> &[u64] {
            &[100, 101, 102, 103][global.index()..][..1]
        }
        fn func(&self, func: FuncIndex) -> u64 {
            u64::from(func.0) + 1000
        }
    }

    #[test]
    fn extended_expressions_wrap() {
        let expr = ConstExpr::Ops(Box::new([
            ConstOp::Value(5),
            ConstOp::GlobalGet(GlobalIndex(1)),
            ConstOp::I32Sub,
        ]));
        assert_eq!(expr.eval(&Fixed), u64::from(5_u32.wrapping_sub(101)));
    }

    #[test]
    fn single_forms_evaluate_to_themselves() {
        assert_eq!(ConstExpr::Value(7).eval(&Fixed), 7);
        assert_eq!(ConstExpr::GlobalGet(GlobalIndex(2)).eval(&Fixed), 102);
        assert_eq!(ConstExpr::RefFunc(FuncIndex(3)).eval(&Fixed), 1003);
    }
}
