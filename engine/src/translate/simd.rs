//! The operators on vectors as lists, and their part of the walk. A vector
//! operator is data: the walk pops as many operands as it has, the sink gets
//! the operator with them, and the result is pushed.
//!
//! Relaxed operators become the operators that the deterministic profile of
//! the specification makes of them, so that results are the same on every
//! machine: `relaxed_madd` and `relaxed_nmadd` round once, `relaxed_dot`
//! takes both operands as signed, and the others are their strict kin.

use wasmparser::{MemArg, Operator};

use crate::error::Result;
use crate::module::ModuleInner;
use crate::types::ValType;

use super::memory::place;
use super::sink::{Check, MemoryPlace, Sink};
use super::{Walk, unsupported};

/// Calls `$with!` with `$head` and the operators of one vector that make a vector.
macro_rules! for_each_vector_unary {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            V128Not I8x16Abs I8x16Neg I8x16Popcnt I16x8ExtAddPairwiseI8x16S
            I16x8ExtAddPairwiseI8x16U I16x8Abs I16x8Neg I16x8ExtendLowI8x16S I16x8ExtendHighI8x16S
            I16x8ExtendLowI8x16U I16x8ExtendHighI8x16U I32x4ExtAddPairwiseI16x8S
            I32x4ExtAddPairwiseI16x8U I32x4Abs I32x4Neg I32x4ExtendLowI16x8S I32x4ExtendHighI16x8S
            I32x4ExtendLowI16x8U I32x4ExtendHighI16x8U I64x2Abs I64x2Neg I64x2ExtendLowI32x4S
            I64x2ExtendHighI32x4S I64x2ExtendLowI32x4U I64x2ExtendHighI32x4U F32x4Ceil F32x4Floor
            F32x4Trunc F32x4Nearest F32x4Abs F32x4Neg F32x4Sqrt F64x2Ceil F64x2Floor F64x2Trunc
            F64x2Nearest F64x2Abs F64x2Neg F64x2Sqrt I32x4TruncSatF32x4S I32x4TruncSatF32x4U
            F32x4ConvertI32x4S F32x4ConvertI32x4U I32x4TruncSatF64x2SZero I32x4TruncSatF64x2UZero
            F64x2ConvertLowI32x4S F64x2ConvertLowI32x4U F32x4DemoteF64x2Zero F64x2PromoteLowF32x4
        }
    };
}
pub(crate) use for_each_vector_unary;

/// Calls `$with!` with `$head` and the operators of two vectors that make a vector.
macro_rules! for_each_vector_binary {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            I8x16Swizzle I8x16Eq I8x16Ne I8x16LtS I8x16LtU I8x16GtS I8x16GtU I8x16LeS I8x16LeU
            I8x16GeS I8x16GeU I16x8Eq I16x8Ne I16x8LtS I16x8LtU I16x8GtS I16x8GtU I16x8LeS
            I16x8LeU I16x8GeS I16x8GeU I32x4Eq I32x4Ne I32x4LtS I32x4LtU I32x4GtS I32x4GtU
            I32x4LeS I32x4LeU I32x4GeS I32x4GeU I64x2Eq I64x2Ne I64x2LtS I64x2GtS I64x2LeS
            I64x2GeS F32x4Eq F32x4Ne F32x4Lt F32x4Gt F32x4Le F32x4Ge F64x2Eq F64x2Ne F64x2Lt
            F64x2Gt F64x2Le F64x2Ge V128And V128AndNot V128Or V128Xor I8x16NarrowI16x8S
            I8x16NarrowI16x8U I8x16Add I8x16AddSatS I8x16AddSatU I8x16Sub I8x16SubSatS
            I8x16SubSatU I8x16MinS I8x16MinU I8x16MaxS I8x16MaxU I8x16AvgrU I16x8Q15MulrSatS
            I16x8NarrowI32x4S I16x8NarrowI32x4U I16x8Add I16x8AddSatS I16x8AddSatU I16x8Sub
            I16x8SubSatS I16x8SubSatU I16x8Mul I16x8MinS I16x8MinU I16x8MaxS I16x8MaxU I16x8AvgrU
            I16x8ExtMulLowI8x16S I16x8ExtMulHighI8x16S I16x8ExtMulLowI8x16U I16x8ExtMulHighI8x16U
            I32x4Add I32x4Sub I32x4Mul I32x4MinS I32x4MinU I32x4MaxS I32x4MaxU I32x4DotI16x8S
            I32x4ExtMulLowI16x8S I32x4ExtMulHighI16x8S I32x4ExtMulLowI16x8U I32x4ExtMulHighI16x8U
            I64x2Add I64x2Sub I64x2Mul I64x2ExtMulLowI32x4S I64x2ExtMulHighI32x4S
            I64x2ExtMulLowI32x4U I64x2ExtMulHighI32x4U F32x4Add F32x4Sub F32x4Mul F32x4Div
            F32x4Min F32x4Max F32x4PMin F32x4PMax F64x2Add F64x2Sub F64x2Mul F64x2Div F64x2Min
            F64x2Max F64x2PMin F64x2PMax I16x8RelaxedDotI8x16I7x16S
        }
    };
}
pub(crate) use for_each_vector_binary;

/// Calls `$with!` with `$head` and the operators of three vectors that make a vector.
macro_rules! for_each_vector_ternary {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            V128Bitselect F32x4RelaxedMadd F32x4RelaxedNmadd F64x2RelaxedMadd F64x2RelaxedNmadd
            I32x4RelaxedDotI8x16I7x16AddS
        }
    };
}
pub(crate) use for_each_vector_ternary;

/// Calls `$with!` with `$head` and the shifts of all lanes by one number.
macro_rules! for_each_vector_shift {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            I8x16Shl I8x16ShrS I8x16ShrU I16x8Shl I16x8ShrS I16x8ShrU I32x4Shl I32x4ShrS I32x4ShrU
            I64x2Shl I64x2ShrS I64x2ShrU
        }
    };
}
pub(crate) use for_each_vector_shift;

/// Calls `$with!` with `$head` and the operators that ask about all lanes.
macro_rules! for_each_vector_test {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            V128AnyTrue I8x16AllTrue I8x16Bitmask I16x8AllTrue I16x8Bitmask I32x4AllTrue
            I32x4Bitmask I64x2AllTrue I64x2Bitmask
        }
    };
}
pub(crate) use for_each_vector_test;

/// Calls `$with!` with `$head` and the operators that put a number into all lanes.
macro_rules! for_each_vector_splat {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            I8x16Splat I16x8Splat I32x4Splat I64x2Splat F32x4Splat F64x2Splat
        }
    };
}
pub(crate) use for_each_vector_splat;

/// Calls `$with!` with `$head` and the operators that read one lane, each with the type of a lane as an operand.
macro_rules! for_each_vector_extract {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            I8x16ExtractLaneS: I32 I8x16ExtractLaneU: I32 I16x8ExtractLaneS: I32
            I16x8ExtractLaneU: I32 I32x4ExtractLane: I32 I64x2ExtractLane: I64
            F32x4ExtractLane: F32 F64x2ExtractLane: F64
        }
    };
}
pub(crate) use for_each_vector_extract;

/// Calls `$with!` with `$head` and the operators that replace one lane, each with the type of a lane as an operand.
macro_rules! for_each_vector_replace {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            I8x16ReplaceLane: I32 I16x8ReplaceLane: I32 I32x4ReplaceLane: I32
            I64x2ReplaceLane: I64 F32x4ReplaceLane: F32 F64x2ReplaceLane: F64
        }
    };
}
pub(crate) use for_each_vector_replace;

/// Calls `$with!` with `$head` and the loads that make a whole vector.
macro_rules! for_each_vector_load {
    ($with:path, $($head:tt)*) => {
        $with! { $($head)*;
            V128Load V128Load8x8S V128Load8x8U V128Load16x4S V128Load16x4U V128Load32x2S V128Load32x2U
            V128Load8Splat V128Load16Splat V128Load32Splat V128Load64Splat V128Load32Zero
            V128Load64Zero
        }
    };
}
pub(crate) use for_each_vector_load;

macro_rules! define_list {
    ($(#[$doc:meta])* $list:ident $find:ident $($extra:ident)*; $($name:ident)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum $list { $($name,)* $($extra,)* }

        impl $list {
            /// How many there are.
            pub(crate) const COUNT: usize = [$($list::$name,)* $($list::$extra,)*].len();
        }

        fn $find(op: &Operator<'_>) -> Option<VectorOp> {
            match op {
                $(Operator::$name => Some(VectorOp::from($list::$name)),)*
                _ => None,
            }
        }

        impl From<$list> for VectorOp {
            fn from(op: $list) -> VectorOp {
                VectorOp::$list(op)
            }
        }
    };
}

macro_rules! define_lane_list {
    ($(#[$doc:meta])* $list:ident $find:ident; $($name:ident: $ty:ident)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum $list { $($name,)* }

        impl $list {
            /// How many there are.
            pub(crate) const COUNT: usize = [$($list::$name),*].len();

            /// The type of a lane as operand or result.
            pub(crate) fn lane(self) -> ValType {
                match self { $($list::$name => ValType::$ty,)* }
            }
        }

        fn $find(op: &Operator<'_>) -> Option<VectorOp> {
            match op {
                $(Operator::$name { lane } => Some(VectorOp::$list($list::$name, *lane)),)*
                _ => None,
            }
        }
    };
}

macro_rules! define_load_list {
    ($(#[$doc:meta])* $list:ident $find:ident; $($name:ident)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum $list { $($name,)* }

        impl $list {
            /// How many there are.
            pub(crate) const COUNT: usize = [$($list::$name),*].len();
        }

        fn $find<'o>(op: &'o Operator<'_>) -> Option<($list, &'o MemArg)> {
            match op {
                $(Operator::$name { memarg } => Some(($list::$name, memarg)),)*
                _ => None,
            }
        }
    };
}

for_each_vector_unary!(
    define_list,
    /** An operator of one vector. */
    VectorUnary unary
    F32x4NormalizeNan F64x2NormalizeNan
);
for_each_vector_binary!(
    define_list,
    /** An operator of two vectors. */
    VectorBinary binary
);
for_each_vector_ternary!(
    define_list,
    /** An operator of three vectors. */
    VectorTernary ternary
);
for_each_vector_shift!(
    define_list,
    /** A shift of all lanes by an `i32`. */
    VectorShift shift
);
for_each_vector_test!(
    define_list,
    /** A question about all lanes; the answer is an `i32`. */
    VectorTest test
);
for_each_vector_splat!(
    define_list,
    #[expect(clippy::enum_variant_names, reason = "operators keep their names")]
    /** A vector whose lanes are all the same. */
    Splat splat
);
for_each_vector_extract!(
    define_lane_list,
    #[expect(clippy::enum_variant_names, reason = "operators keep their names")]
    /** Reads a lane. */
    ExtractLane extract
);
for_each_vector_replace!(
    define_lane_list,
    #[expect(clippy::enum_variant_names, reason = "operators keep their names")]
    /** Replaces a lane. */
    ReplaceLane replace
);
for_each_vector_load!(
    define_load_list,
    /** A load that makes a whole vector. */
    VectorLoad load_op
);

/// The lane that an access to memory reads or writes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum LaneWidth {
    Bits8,
    Bits16,
    Bits32,
    Bits64,
}

impl LaneWidth {
    /// How many there are.
    pub(crate) const COUNT: usize = 4;
}

/// An operator on vectors, with its immediates.
#[derive(Clone, Copy, Debug)]
pub(crate) enum VectorOp {
    Const(u128),
    VectorUnary(VectorUnary),
    VectorBinary(VectorBinary),
    VectorTernary(VectorTernary),
    /// Of a vector and an `i32`.
    VectorShift(VectorShift),
    VectorTest(VectorTest),
    Splat(Splat),
    ExtractLane(ExtractLane, u8),
    ReplaceLane(ReplaceLane, u8),
    /// Of two vectors; each lane is the index of a byte of both.
    Shuffle([u8; 16]),
    Load(VectorLoad, MemoryPlace),
    Store(MemoryPlace),
    /// Of an address and the vector whose lane is replaced.
    LoadLane(LaneWidth, MemoryPlace, u8),
    StoreLane(LaneWidth, MemoryPlace, u8),
}

/// Operands of the operator that has most.
const OPERANDS_MAX: usize = 3;

impl VectorOp {
    /// How many operands it has.
    pub(crate) fn operands(self) -> usize {
        match self {
            VectorOp::Const(_) => 0,
            VectorOp::VectorUnary(_)
            | VectorOp::VectorTest(_)
            | VectorOp::Splat(_)
            | VectorOp::ExtractLane(..)
            | VectorOp::Load(..) => 1,
            VectorOp::VectorBinary(_)
            | VectorOp::VectorShift(_)
            | VectorOp::ReplaceLane(..)
            | VectorOp::Shuffle(_)
            | VectorOp::Store(_)
            | VectorOp::LoadLane(..)
            | VectorOp::StoreLane(..) => 2,
            VectorOp::VectorTernary(_) => 3,
        }
    }

    /// The type of its result; a store has none.
    pub(crate) fn result(self) -> Option<ValType> {
        match self {
            VectorOp::VectorTest(_) => Some(ValType::I32),
            VectorOp::ExtractLane(op, _) => Some(op.lane()),
            VectorOp::Store(_) | VectorOp::StoreLane(..) => None,
            VectorOp::Const(_)
            | VectorOp::VectorUnary(_)
            | VectorOp::VectorBinary(_)
            | VectorOp::VectorTernary(_)
            | VectorOp::VectorShift(_)
            | VectorOp::Splat(_)
            | VectorOp::ReplaceLane(..)
            | VectorOp::Shuffle(_)
            | VectorOp::Load(..)
            | VectorOp::LoadLane(..) => Some(ValType::V128),
        }
    }

    /// What replaces the NaNs that it may make of its own.
    fn normalizer(self) -> Option<VectorUnary> {
        use {VectorBinary as B, VectorTernary as T, VectorUnary as U};
        match self {
            VectorOp::VectorUnary(
                U::F32x4Ceil
                | U::F32x4Floor
                | U::F32x4Trunc
                | U::F32x4Nearest
                | U::F32x4Sqrt
                | U::F32x4DemoteF64x2Zero,
            )
            | VectorOp::VectorBinary(
                B::F32x4Add | B::F32x4Sub | B::F32x4Mul | B::F32x4Div | B::F32x4Min | B::F32x4Max,
            )
            | VectorOp::VectorTernary(T::F32x4RelaxedMadd | T::F32x4RelaxedNmadd) => {
                Some(U::F32x4NormalizeNan)
            }
            VectorOp::VectorUnary(
                U::F64x2Ceil
                | U::F64x2Floor
                | U::F64x2Trunc
                | U::F64x2Nearest
                | U::F64x2Sqrt
                | U::F64x2PromoteLowF32x4,
            )
            | VectorOp::VectorBinary(
                B::F64x2Add | B::F64x2Sub | B::F64x2Mul | B::F64x2Div | B::F64x2Min | B::F64x2Max,
            )
            | VectorOp::VectorTernary(T::F64x2RelaxedMadd | T::F64x2RelaxedNmadd) => {
                Some(U::F64x2NormalizeNan)
            }
            _ => None,
        }
    }
}

/// The strict operator that a relaxed one is.
fn relaxed(op: &Operator<'_>) -> Option<VectorOp> {
    use {Operator as O, VectorBinary as B, VectorTernary as T, VectorUnary as U};
    Some(match op {
        O::I8x16RelaxedSwizzle => B::I8x16Swizzle.into(),
        O::I32x4RelaxedTruncF32x4S => U::I32x4TruncSatF32x4S.into(),
        O::I32x4RelaxedTruncF32x4U => U::I32x4TruncSatF32x4U.into(),
        O::I32x4RelaxedTruncF64x2SZero => U::I32x4TruncSatF64x2SZero.into(),
        O::I32x4RelaxedTruncF64x2UZero => U::I32x4TruncSatF64x2UZero.into(),
        O::I8x16RelaxedLaneselect
        | O::I16x8RelaxedLaneselect
        | O::I32x4RelaxedLaneselect
        | O::I64x2RelaxedLaneselect => T::V128Bitselect.into(),
        O::F32x4RelaxedMin => B::F32x4Min.into(),
        O::F32x4RelaxedMax => B::F32x4Max.into(),
        O::F64x2RelaxedMin => B::F64x2Min.into(),
        O::F64x2RelaxedMax => B::F64x2Max.into(),
        O::I16x8RelaxedQ15mulrS => B::I16x8Q15MulrSatS.into(),
        _ => return None,
    })
}

/// Operators that access memory, and those that stand alone.
fn other(module: &ModuleInner, op: &Operator<'_>) -> Result<Option<VectorOp>> {
    use {LaneWidth as W, Operator as O};
    let place = |memarg| place(module, memarg);
    let load = |width, memarg, lane: &u8| Ok(VectorOp::LoadLane(width, place(memarg)?, *lane));
    let store = |width, memarg, lane: &u8| Ok(VectorOp::StoreLane(width, place(memarg)?, *lane));
    match op {
        O::V128Const { value } => Ok(VectorOp::Const(value.i128().cast_unsigned())),
        O::I8x16Shuffle { lanes } => Ok(VectorOp::Shuffle(*lanes)),
        O::V128Store { memarg } => Ok(VectorOp::Store(place(memarg)?)),
        O::V128Load8Lane { memarg, lane } => load(W::Bits8, memarg, lane),
        O::V128Load16Lane { memarg, lane } => load(W::Bits16, memarg, lane),
        O::V128Load32Lane { memarg, lane } => load(W::Bits32, memarg, lane),
        O::V128Load64Lane { memarg, lane } => load(W::Bits64, memarg, lane),
        O::V128Store8Lane { memarg, lane } => store(W::Bits8, memarg, lane),
        O::V128Store16Lane { memarg, lane } => store(W::Bits16, memarg, lane),
        O::V128Store32Lane { memarg, lane } => store(W::Bits32, memarg, lane),
        O::V128Store64Lane { memarg, lane } => store(W::Bits64, memarg, lane),
        _ => match load_op(op) {
            Some((load, memarg)) => Ok(VectorOp::Load(load, place(memarg)?)),
            None => return Ok(None),
        },
    }
    .map(Some)
}

/// Finds `op` in the lists.
fn classify(module: &ModuleInner, op: &Operator<'_>) -> Result<Option<VectorOp>> {
    let listed = binary(op)
        .or_else(|| unary(op))
        .or_else(|| shift(op))
        .or_else(|| splat(op))
        .or_else(|| extract(op))
        .or_else(|| replace(op))
        .or_else(|| test(op))
        .or_else(|| ternary(op))
        .or_else(|| relaxed(op));
    match listed {
        Some(op) => Ok(Some(op)),
        None => other(module, op),
    }
}

impl<C: Check, S: Sink> Walk<'_, C, S> {
    /// An operator that is in no other list.
    pub(super) fn vector(&mut self, offset: u32, op: &Operator<'_>) -> Result<()> {
        let Some(op) = classify(self.module, op)? else {
            return Err(unsupported(offset, op));
        };
        let first = self.stack.height() - op.operands();
        let home = match self.stack.above(first).first() {
            Some(first) => first.home,
            None => self.stack.next_home()?,
        };
        let mut vals = [self.sink.slot(ValType::V128, home); OPERANDS_MAX];
        for (val, operand) in vals.iter_mut().zip(self.stack.above(first)) {
            *val = operand.val;
        }
        self.stack.truncate(first);
        let val = self.sink.vector(op, &vals[..op.operands()], home);
        let Some(ty) = op.result() else {
            return Ok(());
        };
        let val = match op.normalizer() {
            Some(op) if self.normalize_nans => self.sink.vector(op.into(), &[val], home),
            _ => val,
        };
        self.stack.push(ty, val)
    }
}
