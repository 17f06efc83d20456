//! The part of the table of instructions that is about vectors: families like
//! those of [`ops`](super::super::ops), from its `VECTOR` on.

use crate::translate::{
    ExtractLane, LaneWidth, ReplaceLane, Splat, VectorBinary, VectorLoad, VectorShift,
    VectorTernary, VectorTest, VectorUnary, for_each_vector_binary, for_each_vector_extract,
    for_each_vector_load, for_each_vector_replace, for_each_vector_shift, for_each_vector_splat,
    for_each_vector_ternary, for_each_vector_test, for_each_vector_unary,
};

use super::super::dispatch::{Dispatch, Handler, handler_of};
use super::super::memory::{Constant, InSlot, SlotPlus, TwoSlots};
use super::super::ops::{self, AddressForm, Opcode, VECTOR};
use super::shape::{
    BinaryOf, ExtractOf, ReplaceOf, ShiftOf, SplatOf, TernaryOf, TestOf, UnaryOf,
};
use super::{integer, memory};

/// Addresses that loads and stores of vectors have, and another memory.
const ADDRESS_FORMS: usize = 5;
const OTHER_MEMORY: usize = ADDRESS_FORMS - 1;

const UNARY: usize = VECTOR;
const BINARY: usize = UNARY + VectorUnary::COUNT;
const TERNARY: usize = BINARY + VectorBinary::COUNT;
const SHIFT: usize = TERNARY + VectorTernary::COUNT;
const TEST: usize = SHIFT + VectorShift::COUNT * 2;
const SPLAT: usize = TEST + VectorTest::COUNT;
const EXTRACT: usize = SPLAT + Splat::COUNT;
const REPLACE: usize = EXTRACT + ExtractLane::COUNT;
const LOAD: usize = REPLACE + ReplaceLane::COUNT;
const STORE: usize = LOAD + VectorLoad::COUNT * ADDRESS_FORMS;
const LOAD_LANE: usize = STORE + ADDRESS_FORMS;
const STORE_LANE: usize = LOAD_LANE + LaneWidth::COUNT;

/// How many instructions there are.
pub(in super::super) const COUNT: usize = STORE_LANE + LaneWidth::COUNT - VECTOR;

/// The column of an address. Accumulators are not asked: the slot that they
/// hold too is as good.
fn column(form: AddressForm) -> usize {
    match form {
        AddressForm::Slot | AddressForm::Acc => 0,
        AddressForm::Const => 1,
        AddressForm::SlotPlus | AddressForm::AccPlus => 2,
        AddressForm::TwoSlots | AddressForm::SlotAcc => 3,
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

    /// From memory 0 with a form of address, or from another memory.
    pub(super) fn vector_load(op: VectorLoad, form: Option<AddressForm>) -> Opcode {
        let column = form.map_or(OTHER_MEMORY, column);
        Opcode::at(LOAD, op as u16, ADDRESS_FORMS, column)
    }

    /// The same for stores.
    pub(super) fn vector_store(form: Option<AddressForm>) -> Opcode {
        Opcode::at(STORE, 0, ADDRESS_FORMS, form.map_or(OTHER_MEMORY, column))
    }

    pub(super) fn load_lane(width: LaneWidth) -> Opcode {
        Opcode::at(LOAD_LANE, width as u16, 1, 0)
    }

    pub(super) fn store_lane(width: LaneWidth) -> Opcode {
        Opcode::at(STORE_LANE, width as u16, 1, 0)
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
        const fn load<D: Dispatch>() -> [[Handler<D::Next>; ADDRESS_FORMS]; VectorLoad::COUNT] {
            use memory::{LoadFrom, LoadOther};
            [$([
                handler_of::<D, LoadFrom<memory::$name, InSlot>>(),
                handler_of::<D, LoadFrom<memory::$name, Constant>>(),
                handler_of::<D, LoadFrom<memory::$name, SlotPlus>>(),
                handler_of::<D, LoadFrom<memory::$name, TwoSlots>>(),
                handler_of::<D, LoadOther<memory::$name>>(),
            ]),*]
        }
    };
}
for_each_vector_load!(load_rows,);

const fn store<D: Dispatch>() -> [[Handler<D::Next>; ADDRESS_FORMS]; 1] {
    use memory::{StoreOther, StoreTo};
    [[
        handler_of::<D, StoreTo<InSlot>>(),
        handler_of::<D, StoreTo<Constant>>(),
        handler_of::<D, StoreTo<SlotPlus>>(),
        handler_of::<D, StoreTo<TwoSlots>>(),
        handler_of::<D, StoreOther>(),
    ]]
}

const fn load_lane<D: Dispatch>() -> [[Handler<D::Next>; 1]; LaneWidth::COUNT] {
    use memory::LoadLane as L;
    [
        [handler_of::<D, L<u8>>()],
        [handler_of::<D, L<u16>>()],
        [handler_of::<D, L<u32>>()],
        [handler_of::<D, L<u64>>()],
    ]
}

const fn store_lane<D: Dispatch>() -> [[Handler<D::Next>; 1]; LaneWidth::COUNT] {
    use memory::StoreLane as L;
    [
        [handler_of::<D, L<u8>>()],
        [handler_of::<D, L<u16>>()],
        [handler_of::<D, L<u32>>()],
        [handler_of::<D, L<u64>>()],
    ]
}

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
    ops::fill(table, STORE, &store::<D>());
    ops::fill(table, LOAD_LANE, &load_lane::<D>());
    ops::fill(table, STORE_LANE, &store_lane::<D>());
}
