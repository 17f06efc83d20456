//! Constant expressions: initial values of globals and tables, offsets and
//! elements of segments. They are validated before they come here; what is
//! left is to keep them small and to evaluate them without recursion.

use wasmparser::{Operator, OperatorsReader};

use crate::entity::{FuncIndex, GlobalIndex, TypeIndex};
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
    /// A 31-bit integer as a reference.
    RefI31,
    /// Makes an object of operands on the stack.
    New(NewOp),
}

/// An operation that makes an object in the store's heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewOp {
    /// A structure of as many operands as it has fields.
    Struct(TypeIndex),
    /// A structure of zeros and nulls.
    StructDefault(TypeIndex),
    /// An array of a value and a length.
    Array(TypeIndex),
    /// An array of a length, of zeros or nulls.
    ArrayDefault(TypeIndex),
    /// An array of so many operands.
    ArrayFixed(TypeIndex, u32),
}

/// What an expression needs to know of the instance that it initialises.
pub(crate) trait ConstContext {
    /// The slots of a global's value: as many as its type takes.
    fn global(&self, global: GlobalIndex) -> &[u64];
    /// The slot of a reference to a function.
    fn func(&self, func: FuncIndex) -> u64;
    /// Takes the slots of the operands of `op` from the end of `stack` and
    /// answers the slot of the new reference.
    fn new_object(&self, op: NewOp, stack: &mut Vec<u64>) -> Result<u64>;
}

impl ConstExpr {
    /// Whether an object is made.
    pub(crate) fn makes_object(&self) -> bool {
        match self {
            ConstExpr::Value(_)
            | ConstExpr::Vector(_)
            | ConstExpr::GlobalGet(_)
            | ConstExpr::RefFunc(_) => false,
            ConstExpr::Ops(ops) => ops.iter().any(|op| matches!(op, ConstOp::New(_))),
        }
    }

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
            if matches!(
                operator,
                Operator::AnyConvertExtern | Operator::ExternConvertAny
            ) {
                // A reference is the same in both hierarchies.
                continue;
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
    ///
    /// # Errors
    ///
    /// Those of making an object.
    pub(crate) fn eval(&self, cx: &dyn ConstContext) -> Result<u64> {
        Ok(self.eval_slots(cx)?[0])
    }

    /// The slots that the expression evaluates to; a value of one slot leaves
    /// the second zero.
    ///
    /// # Errors
    ///
    /// Those of making an object.
    pub(crate) fn eval_slots(&self, cx: &dyn ConstContext) -> Result<[u64; 2]> {
        Ok(match self {
            ConstExpr::Value(value) => [*value, 0],
            ConstExpr::Vector(value) => *value,
            ConstExpr::GlobalGet(global) => two_slots(cx.global(*global)),
            ConstExpr::RefFunc(func) => [cx.func(*func), 0],
            ConstExpr::Ops(ops) => {
                let mut stack = Vec::new();
                for op in ops {
                    op.eval(&mut stack, cx)?;
                }
                // Validation left exactly one value.
                two_slots(&stack)
            }
        })
    }
}

impl ConstOp {
    fn decode(operator: &Operator<'_>) -> Option<ConstOp> {
        Some(match *operator {
            Operator::I32Const { value } => ConstOp::Value(u64::from(value.cast_unsigned())),
            Operator::I64Const { value } => ConstOp::Value(value.cast_unsigned()),
            Operator::F32Const { value } => ConstOp::Value(u64::from(value.bits())),
            Operator::F64Const { value } => ConstOp::Value(value.bits()),
            Operator::V128Const { value } => ConstOp::Vector(halves(value.i128().cast_unsigned())),
            Operator::RefNull { .. } => ConstOp::Value(0),
            Operator::RefFunc { function_index } => ConstOp::RefFunc(FuncIndex(function_index)),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex(global_index)),
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::RefI31 => ConstOp::RefI31,
            Operator::StructNew { struct_type_index } => {
                ConstOp::New(NewOp::Struct(TypeIndex(struct_type_index)))
            }
            Operator::StructNewDefault { struct_type_index } => {
                ConstOp::New(NewOp::StructDefault(TypeIndex(struct_type_index)))
            }
            Operator::ArrayNew { array_type_index } => {
                ConstOp::New(NewOp::Array(TypeIndex(array_type_index)))
            }
            Operator::ArrayNewDefault { array_type_index } => {
                ConstOp::New(NewOp::ArrayDefault(TypeIndex(array_type_index)))
            }
            Operator::ArrayNewFixed {
                array_type_index,
                array_size,
            } => ConstOp::New(NewOp::ArrayFixed(TypeIndex(array_type_index), array_size)),
            _ => return None,
        })
    }

    fn eval(self, stack: &mut Vec<u64>, cx: &dyn ConstContext) -> Result<()> {
        let value = match self {
            ConstOp::Value(value) => value,
            ConstOp::Vector(value) => {
                stack.extend(value);
                return Ok(());
            }
            ConstOp::GlobalGet(global) => {
                stack.extend(cx.global(global));
                return Ok(());
            }
            ConstOp::RefFunc(func) => cx.func(func),
            ConstOp::I32Add => binary32(stack, u32::wrapping_add),
            ConstOp::I32Sub => binary32(stack, u32::wrapping_sub),
            ConstOp::I32Mul => binary32(stack, u32::wrapping_mul),
            ConstOp::I64Add => binary64(stack, u64::wrapping_add),
            ConstOp::I64Sub => binary64(stack, u64::wrapping_sub),
            ConstOp::I64Mul => binary64(stack, u64::wrapping_mul),
            // The lowest bit tells a number from an object.
            ConstOp::RefI31 => u64::from(pop32(stack) << 1 | 1),
            ConstOp::New(op) => cx.new_object(op, stack)?,
        };
        stack.push(value);
        Ok(())
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
fn pop32(stack: &mut Vec<u64>) -> u32 {
    stack.pop().unwrap_or_default() as u32
}

fn binary32(stack: &mut Vec<u64>, f: fn(u32, u32) -> u32) -> u64 {
    let b = pop32(stack);
    let a = pop32(stack);
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
        fn new_object(&self, _: NewOp, stack: &mut Vec<u64>) -> Result<u64> {
            Ok(stack.drain(..).sum())
        }
    }

    #[test]
    fn extended_expressions_wrap() {
        let expr = ConstExpr::Ops(Box::new([
            ConstOp::Value(5),
            ConstOp::GlobalGet(GlobalIndex(1)),
            ConstOp::I32Sub,
        ]));
        assert_eq!(
            expr.eval(&Fixed).unwrap(),
            u64::from(5_u32.wrapping_sub(101))
        );
    }

    #[test]
    fn single_forms_evaluate_to_themselves() {
        assert_eq!(ConstExpr::Value(7).eval(&Fixed).unwrap(), 7);
        let global = ConstExpr::GlobalGet(GlobalIndex(2));
        assert_eq!(global.eval(&Fixed).unwrap(), 102);
        let func = ConstExpr::RefFunc(FuncIndex(3));
        assert_eq!(func.eval(&Fixed).unwrap(), 1003);
    }

    #[test]
    fn objects_take_their_operands_from_the_stack() {
        let expr = ConstExpr::Ops(Box::new([
            ConstOp::Value(u64::from(u32::MAX)),
            ConstOp::RefI31,
            ConstOp::Value(1),
            ConstOp::New(NewOp::Struct(TypeIndex(0))),
        ]));
        assert_eq!(expr.eval(&Fixed).unwrap(), 1 << 32);
    }
}
