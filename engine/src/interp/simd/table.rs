//! The part of the table of instructions that is about vectors: families like
//! those of [`ops`](super::super::ops), from its `VECTOR` on.

use crate::translate::{
    ExtractLane, LaneWidth, ReplaceLane, Splat, VectorBinary, VectorLoad, VectorShift,
    VectorTernary, VectorTest, VectorUnary, for_each_vector_binary, for_each_vector_extract,
    for_each_vector_load, for_each_vector_replace, for_each_vector_shift, for_each_vector_splat,
    for_each_vector_ternary, for_each_vector_test, for_each_vector_unary,
};

use super::super::dispatch::{Dispatch, Handler, handler_of};
use super::super::memory::{
    Any, At, Constant, InSlot, Other, SlotPlus, TwoSlots, WidePlus, WideSlot,
};
use super::super::ops::{self, AddressForm, Opcode, VECTOR};
use super::shape::{BinaryOf, ExtractOf, ReplaceOf, ShiftOf, SplatOf, TernaryOf, TestOf, UnaryOf};
use super::{integer, memory};

/// Columns of loads and stores of vectors: see [`column`].
const PLACES: usize = 10;
/// Columns of those of lanes: the last of the others.
const LANE_PLACES: usize = 4;

const UNARY: usize = VECTOR;
const BINARY: usize = UNARY + VectorUnary::COUNT;
const TERNARY: usize = BINARY + VectorBinary::COUNT;
const SHIFT: usize = TERNARY + VectorTernary::COUNT;
const TEST: usize = SHIFT + VectorShift::COUNT * 2;
const SPLAT: usize = TEST + VectorTest::COUNT;
const EXTRACT: usize = SPLAT + Splat::COUNT;
const REPLACE: usize = EXTRACT + ExtractLane::COUNT;
const LOAD: usize = REPLACE + ReplaceLane::COUNT;
const STORE: usize = LOAD + VectorLoad::COUNT * PLACES;
const LOAD_LANE: usize = STORE + PLACES;
const STORE_LANE: usize = LOAD_LANE + LaneWidth::COUNT * LANE_PLACES;

/// How many instructions there are.
pub(in super::super) const COUNT: usize = STORE_LANE + LaneWidth::COUNT * LANE_PLACES - VECTOR;

/// The column of an address. Accumulators are not asked: the slot that they
/// hold too is as good.
fn column(form: AddressForm) -> usize {
    match form {
        AddressForm::Slot | AddressForm::Acc => 0,
        AddressForm::Const => 1,
        AddressForm::SlotPlus | AddressForm::AccPlus => 2,
        AddressForm::TwoSlots | AddressForm::SlotAcc => 3,
        AddressForm::Wide | AddressForm::WideAcc => 4,
        AddressForm::WidePlus => 5,
        AddressForm::Other => 6,
        AddressForm::AnyWide => 7,
        AddressForm::AnyShared => 8,
        AddressForm::AnySharedWide => 9,
    }
}

impl Opcode {
    pub(super) fn vector_unary(op: VectorUnary) -> Opcode {
        Opcode::at(UNARY, op as u16, 1, 0)
    }

    pub(super) fn vector_binary(op: VectorBinary) -> Opcode {
        Opcode::at(BINARY, op as u16, 1, 0)
    }

    pub(super) fn vector_ternary(op: VectorTernary) -> Opcode {
        Opcode::at(TERNARY, op as u16, 1, 0)
    }

    /// By a slot, or by a constant.
    pub(super) fn vector_shift(op: VectorShift, constant: bool) -> Opcode {
        Opcode::at(SHIFT, op as u16, 2, usize::from(constant))
    }

    pub(super) fn vector_test(op: VectorTest) -> Opcode {
        Opcode::at(TEST, op as u16, 1, 0)
    }

    pub(super) fn splat(op: Splat) -> Opcode {
        Opcode::at(SPLAT, op as u16, 1, 0)
    }

    pub(super) fn extract_lane(op: ExtractLane) -> Opcode {
        Opcode::at(EXTRACT, op as u16, 1, 0)
    }

    pub(super) fn replace_lane(op: ReplaceLane) -> Opcode {
        Opcode::at(REPLACE, op as u16, 1, 0)
    }

    pub(super) fn vector_load(op: VectorLoad, form: AddressForm) -> Opcode {
        Opcode::at(LOAD, op as u16, PLACES, column(form))
    }

    pub(super) fn vector_store(form: AddressForm) -> Opcode {
        Opcode::at(STORE, 0, PLACES, column(form))
    }

    /// At an address of a form that goes with every memory.
    pub(super) fn load_lane(width: LaneWidth, form: AddressForm) -> Opcode {
        let column = column(form) - (PLACES - LANE_PLACES);
        Opcode::at(LOAD_LANE, width as u16, LANE_PLACES, column)
    }

    /// See `load_lane`.
    pub(super) fn store_lane(width: LaneWidth, form: AddressForm) -> Opcode {
        let column = column(form) - (PLACES - LANE_PLACES);
        Opcode::at(STORE_LANE, width as u16, LANE_PLACES, column)
    }
}

macro_rules! rows {
    ($family:ident $shape:ident $list:ident $($extra:ident)*; $($name:ident $(: $ty:ident)?)*) => {
        const fn $family<D: Dispatch>() -> [[Handler<D::Next>; 1]; $list::COUNT] {
            use super::numeric as n;
            [$([handler_of::<D, $shape<n::$name>>()],)* $([handler_of::<D, $shape<n::$extra>>()],)*]
        }
    };
}

for_each_vector_unary!(rows, unary UnaryOf VectorUnary F32x4NormalizeNan F64x2NormalizeNan);
for_each_vector_binary!(rows, binary BinaryOf VectorBinary);
for_each_vector_ternary!(rows, ternary TernaryOf VectorTernary);
for_each_vector_test!(rows, test TestOf VectorTest);
for_each_vector_splat!(rows, splat SplatOf Splat);
for_each_vector_extract!(rows, extract ExtractOf ExtractLane);
for_each_vector_replace!(rows, replace ReplaceOf ReplaceLane);

macro_rules! shift_rows {
    (; $($name:ident)*) => {
        const fn shift<D: Dispatch>() -> [[Handler<D::Next>; 2]; VectorShift::COUNT] {
            [$([
                handler_of::<D, ShiftOf<integer::$name, false>>(),
                handler_of::<D, ShiftOf<integer::$name, true>>(),
            ]),*]
        }
    };
}
for_each_vector_shift!(shift_rows,);

macro_rules! load_rows {
    (; $($name:ident)*) => {
        const fn load<D: Dispatch>() -> [[Handler<D::Next>; PLACES]; VectorLoad::COUNT] {
            [$(load_row::<D, memory::$name>()),*]
        }
    };
}
for_each_vector_load!(load_rows,);

const fn load_row<D: Dispatch, O: memory::Load>() -> [Handler<D::Next>; PLACES] {
    use memory::LoadFrom as L;
    [
        handler_of::<D, L<O, At<InSlot>>>(),
        handler_of::<D, L<O, At<Constant>>>(),
        handler_of::<D, L<O, At<SlotPlus>>>(),
        handler_of::<D, L<O, At<TwoSlots>>>(),
        handler_of::<D, L<O, At<WideSlot>>>(),
        handler_of::<D, L<O, At<WidePlus>>>(),
        handler_of::<D, L<O, Other>>(),
        handler_of::<D, L<O, Any<true, false>>>(),
        handler_of::<D, L<O, Any<false, true>>>(),
        handler_of::<D, L<O, Any<true, true>>>(),
    ]
}

const fn store_row<D: Dispatch>() -> [Handler<D::Next>; PLACES] {
    use memory::StoreTo as S;
    [
        handler_of::<D, S<At<InSlot>>>(),
        handler_of::<D, S<At<Constant>>>(),
        handler_of::<D, S<At<SlotPlus>>>(),
        handler_of::<D, S<At<TwoSlots>>>(),
        handler_of::<D, S<At<WideSlot>>>(),
        handler_of::<D, S<At<WidePlus>>>(),
        handler_of::<D, S<Other>>(),
        handler_of::<D, S<Any<true, false>>>(),
        handler_of::<D, S<Any<false, true>>>(),
        handler_of::<D, S<Any<true, true>>>(),
    ]
}

/// Loads or stores of a lane, by the place's column and the lane's width.
macro_rules! lane_rows {
    ($family:ident $shape:ident) => {
        const fn $family<D: Dispatch>() -> [[Handler<D::Next>; LANE_PLACES]; LaneWidth::COUNT] {
            use memory::$shape as L;
            const fn row<D: Dispatch, T: memory::Lane>() -> [Handler<D::Next>; LANE_PLACES] {
                [
                    handler_of::<D, L<T, Other>>(),
                    handler_of::<D, L<T, Any<true, false>>>(),
                    handler_of::<D, L<T, Any<false, true>>>(),
                    handler_of::<D, L<T, Any<true, true>>>(),
                ]
            }
            [
                row::<D, u8>(),
                row::<D, u16>(),
                row::<D, u32>(),
                row::<D, u64>(),
            ]
        }
    };
}

lane_rows!(load_lane LoadLane);
lane_rows!(store_lane StoreLane);

/// Writes all rows into the table.
pub(in super::super) const fn fill<D: Dispatch>(table: &mut [Handler<D::Next>; ops::COUNT]) {
    ops::fill(table, UNARY, &unary::<D>());
    ops::fill(table, BINARY, &binary::<D>());
    ops::fill(table, TERNARY, &ternary::<D>());
    ops::fill(table, SHIFT, &shift::<D>());
    ops::fill(table, TEST, &test::<D>());
    ops::fill(table, SPLAT, &splat::<D>());
    ops::fill(table, EXTRACT, &extract::<D>());
    ops::fill(table, REPLACE, &replace::<D>());
    ops::fill(table, LOAD, &load::<D>());
    ops::fill(table, STORE, &[store_row::<D>()]);
    ops::fill(table, LOAD_LANE, &load_lane::<D>());
    ops::fill(table, STORE_LANE, &store_lane::<D>());
}
