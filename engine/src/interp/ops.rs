//! The table of all instructions: their numbers and their handlers, both
//! made from the same lists. Numbers are dense: first the instructions of
//! which there is one each, then one family after another, in a family one
//! row an operator, in a row one column a form.

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use crate::runtime::vmctx::Ip;
use crate::translate::{
    AtomicKind, AtomicOp, AtomicWidth, BinaryOp, CompareOp, LoadOp, StoreOp, UnaryOp,
    for_each_binary, for_each_compare, for_each_load, for_each_store, for_each_unary,
};
use crate::types::ValType;

use super::atomic::{AtomicOn, Fence, Notify, Wait};
use super::bulk::{BulkOf, MemoryCopy, MemoryFill, MemoryInit, TableCopy, TableFill, TableInit};
use super::call::{
    Call, CallRef, Final, Import, Indirect, Lazy, Open, Reference, Restore, Return, ReturnCall,
    ReturnCallRef, ReturnValue,
};
use super::control::{
    Br, BrBack, BrTable, BrVia, Const, ConstWide, Copy, Copy2, CopyAcc, CopyOne, CopyRun, EnterBig,
    Fuel, GlobalGet, GlobalSet, HostResume, IncrementCopy, Leave, Nothing, Unreachable, Zero,
};
use super::dispatch::{Dispatch, Handler, handler_of};
use super::exception::{Throw, ThrowRef};
use super::fused::{LoadThen, Pair};
use super::gc::{ArrayGet, ArraySet, BrTest, RefCast, RefTest, StructGet, StructSet};
use super::memory::{
    AccPlus, Any, At, Constant, InAcc, InSlot, LoadFrom, Other, SlotAcc, SlotPlus, StoreTo,
    TwoSlots, WideAcc, WidePlus, WideSlot,
};
use super::memory::{DataDrop, MemoryGrow, MemorySize};
use super::operand::{I, R, S};
use super::reference::{NonNull, RefFunc};
use super::shape::{AccNonZero, Bin, BinWide, BrCmp, Cmp, Holds, Latch, NonZero, Select, Un};
use super::simd::{
    ConstVector, CopyVector, GlobalGetVector, GlobalSetVector, SelectVector, Shuffle,
};
use super::table::{ElemDrop, TableGet, TableGrow, TableSet, TableSize};
use super::wide::{WideOf, WideningOf};
use super::{atomic, gc, memory, numeric, simd, wide};

/// The number of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opcode(pub(super) u16);

/// The number of the instruction at `ip`.
///
/// # Safety
///
/// An instruction starts at `ip`.
#[inline(always)]
pub(super) unsafe fn opcode_at(ip: Ip) -> usize {
    // SAFETY: the caller's promise.
    unsafe { usize::from(*ip.cast::<u16>()) }
}

macro_rules! define_plain {
    ($($name:ident = $op:ty;)*) => {
        /// The instructions of which there is one each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(super) enum Plain { $($name,)* }

        const PLAIN_COUNT: usize = [$(Plain::$name),*].len();

        const fn plain<D: Dispatch>() -> [[Handler<D::Next>; 1]; PLAIN_COUNT] {
            [$([handler_of::<D, $op>()]),*]
        }
    };
}

define_plain! {
    Unreachable = Unreachable;
    Leave = Leave;
    HostResume = HostResume;
    Restore = Restore;
    Lazy = Lazy;
    Br = Br;
    BrBack = BrBack<Nothing>;
    CopyBrBack = BrBack<CopyOne>;
    Increment32CopyBrBack = BrBack<IncrementCopy<u32>>;
    Increment64CopyBrBack = BrBack<IncrementCopy<u64>>;
    BrVia = BrVia<Nothing>;
    CopyBrVia = BrVia<CopyOne>;
    Increment32CopyBrVia = BrVia<IncrementCopy<u32>>;
    Increment64CopyBrVia = BrVia<IncrementCopy<u64>>;
    BrTable = BrTable<false>;
    BrTableAcc = BrTable<true>;
    Fuel = Fuel;
    EnterBig = EnterBig;
    Zero = Zero;
    Copy = Copy;
    Copy2 = Copy2;
    CopyAcc = CopyAcc<u64>;
    CopyFloatAcc = CopyAcc<f64>;
    CopyRun = CopyRun;
    Const32 = Const<u32>;
    ConstSigned = Const<i64>;
    ConstWide = ConstWide;
    ConstF32 = Const<f32>;
    ConstF64 = Const<f64>;
    GlobalGet = GlobalGet<u64>;
    GlobalGetFloat = GlobalGet<f64>;
    GlobalSet = GlobalSet<u64, S>;
    GlobalSetAcc = GlobalSet<u64, R>;
    GlobalSetFloatAcc = GlobalSet<f64, R>;
    Return = Return;
    ReturnSlot = ReturnValue<u64, S>;
    ReturnAcc = ReturnValue<u64, R>;
    ReturnFloatAcc = ReturnValue<f64, R>;
    ReturnConst = ReturnValue<u32, I>;
    ReturnConstSigned = ReturnValue<i64, I>;
    CallEven = Call<false>;
    CallOdd = Call<true>;
    ReturnCallEven = ReturnCall<false>;
    ReturnCallOdd = ReturnCall<true>;
    CallImport = CallRef<Import>;
    CallIndirect = CallRef<Indirect<u32, Final>>;
    CallIndirectWide = CallRef<Indirect<u64, Final>>;
    CallIndirectOpen = CallRef<Indirect<u32, Open>>;
    CallIndirectOpenWide = CallRef<Indirect<u64, Open>>;
    CallReference = CallRef<Reference>;
    ReturnCallImport = ReturnCallRef<Import>;
    ReturnCallIndirect = ReturnCallRef<Indirect<u32, Final>>;
    ReturnCallIndirectWide = ReturnCallRef<Indirect<u64, Final>>;
    ReturnCallIndirectOpen = ReturnCallRef<Indirect<u32, Open>>;
    ReturnCallIndirectOpenWide = ReturnCallRef<Indirect<u64, Open>>;
    ReturnCallReference = ReturnCallRef<Reference>;
    Select = Select<u64, NonZero>;
    SelectAcc = Select<u64, AccNonZero>;
    SelectFloat = Select<f64, NonZero>;
    SelectFloatAcc = Select<f64, AccNonZero>;
    MemorySize = MemorySize;
    MemoryGrow = MemoryGrow<u32>;
    MemoryGrowWide = MemoryGrow<u64>;
    MemoryCopy = BulkOf<MemoryCopy>;
    MemoryFill = BulkOf<MemoryFill>;
    MemoryInit = BulkOf<MemoryInit>;
    TableCopy = BulkOf<TableCopy>;
    TableFill = BulkOf<TableFill>;
    TableInit = BulkOf<TableInit>;
    DataDrop = DataDrop;
    ElemDrop = ElemDrop;
    TableGet = TableGet<u32>;
    TableGetWide = TableGet<u64>;
    TableSet = TableSet<u32>;
    TableSetWide = TableSet<u64>;
    TableSize = TableSize;
    TableGrow = TableGrow<u32>;
    TableGrowWide = TableGrow<u64>;
    RefFunc = RefFunc;
    StructGet8S = StructGet<gc::I8S>;
    StructGet8U = StructGet<gc::I8U>;
    StructGet16S = StructGet<gc::I16S>;
    StructGet16U = StructGet<gc::I16U>;
    StructGet32 = StructGet<gc::Word>;
    StructGet64 = StructGet<gc::Long>;
    StructGetF32 = StructGet<gc::F32>;
    StructGetF64 = StructGet<gc::F64>;
    StructGetVector = gc::StructGetSpecial<gc::Vector>;
    StructGetFunc = gc::StructGetSpecial<gc::Function>;
    StructSet8 = StructSet<gc::I8U>;
    StructSet16 = StructSet<gc::I16U>;
    StructSet32 = StructSet<gc::Word>;
    StructSet64 = StructSet<gc::Long>;
    StructSetVector = gc::StructSetSpecial<gc::Vector>;
    StructSetFunc = gc::StructSetSpecial<gc::Function>;
    ArrayGet8S = ArrayGet<gc::I8S>;
    ArrayGet8U = ArrayGet<gc::I8U>;
    ArrayGet16S = ArrayGet<gc::I16S>;
    ArrayGet16U = ArrayGet<gc::I16U>;
    ArrayGet32 = ArrayGet<gc::Word>;
    ArrayGet64 = ArrayGet<gc::Long>;
    ArrayGetF32 = ArrayGet<gc::F32>;
    ArrayGetF64 = ArrayGet<gc::F64>;
    ArrayGetVector = gc::ArrayGetSpecial<gc::Vector>;
    ArrayGetFunc = gc::ArrayGetSpecial<gc::Function>;
    ArraySet8 = ArraySet<gc::I8U>;
    ArraySet16 = ArraySet<gc::I16U>;
    ArraySet32 = ArraySet<gc::Word>;
    ArraySet64 = ArraySet<gc::Long>;
    ArraySetVector = gc::ArraySetSpecial<gc::Vector>;
    ArraySetFunc = gc::ArraySetSpecial<gc::Function>;
    ArrayLen = gc::ArrayLen;
    SmallNew0 = gc::SmallNew<0>;
    SmallNew1 = gc::SmallNew<1>;
    SmallNew2 = gc::SmallNew<2>;
    SmallNew3 = gc::SmallNew<3>;
    StructNew = gc::StructNew;
    AnyNew = gc::AnyNew;
    ArrayNew = gc::ArrayNew<gc::Equal>;
    ArrayNewDefault = gc::ArrayNew<gc::Zeros>;
    ArrayNewFixed = gc::ArrayNew<gc::Fixed>;
    ArrayNewData = gc::ArrayNew<gc::Data>;
    ArrayNewElem = gc::ArrayNew<gc::Elem>;
    ArrayFill = gc::ArrayBulk<gc::Fill>;
    ArrayCopy = gc::ArrayBulk<gc::CopyElements>;
    ArrayInitData = gc::ArrayBulk<gc::InitData>;
    ArrayInitElem = gc::ArrayBulk<gc::InitElem>;
    I31GetS = gc::I31Get<true>;
    I31GetU = gc::I31Get<false>;
    TestExact = RefTest<gc::Exact>;
    TestOpen = RefTest<gc::Open>;
    TestFunc = RefTest<gc::OfFunc>;
    TestKind = RefTest<gc::OfKind>;
    CastExact = RefCast<gc::Exact>;
    CastOpen = RefCast<gc::Open>;
    CastFunc = RefCast<gc::OfFunc>;
    CastKind = RefCast<gc::OfKind>;
    BrExact = BrTest<gc::Exact, false>;
    BrOpen = BrTest<gc::Open, false>;
    BrFunc = BrTest<gc::OfFunc, false>;
    BrKind = BrTest<gc::OfKind, false>;
    BrExactBack = BrTest<gc::Exact, true>;
    BrOpenBack = BrTest<gc::Open, true>;
    BrFuncBack = BrTest<gc::OfFunc, true>;
    BrKindBack = BrTest<gc::OfKind, true>;
    TryCollector = gc::TryCollector;
    ConstVector = ConstVector;
    CopyVector = CopyVector;
    SelectVector = SelectVector<NonZero>;
    SelectVectorAcc = SelectVector<AccNonZero>;
    GlobalGetVector = GlobalGetVector;
    GlobalSetVector = GlobalSetVector;
    Shuffle8 = Shuffle<u8, 16>;
    Shuffle16 = Shuffle<u16, 8>;
    Shuffle32 = Shuffle<u32, 4>;
    I64Add128 = WideOf<wide::I64Add128>;
    I64Sub128 = WideOf<wide::I64Sub128>;
    I64MulWideS = WideningOf<wide::I64MulWideS>;
    I64MulWideU = WideningOf<wide::I64MulWideU>;
    Fence = Fence;
    Throw = Throw;
    ThrowRef = ThrowRef;
    NonNull = NonNull;
}

/// Where the two operands of an instruction come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Form {
    SlotSlot,
    AccSlot,
    SlotConst,
    AccConst,
    /// From here on only where exchanging the operands changes the result.
    SlotAcc,
    ConstSlot,
    ConstAcc,
}

const BINARY_FORMS: usize = 7;
const COMPARE_FORMS: usize = 4;
const BRANCH_FORMS: usize = COMPARE_FORMS * 4;

/// Where a load or store goes: one column for each [`Place`](memory::Place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum AddressForm {
    /// From here on in memory 0, at 32-bit addresses.
    Slot,
    Acc,
    Const,
    SlotPlus,
    AccPlus,
    TwoSlots,
    SlotAcc,
    /// From here on in memory 0, at 64-bit addresses.
    Wide,
    WideAcc,
    WidePlus,
    /// In a memory that the instruction names, at a 32-bit address.
    Other,
    /// The same at a 64-bit address, and with any offset; the last two are
    /// for shared memories.
    AnyWide,
    AnyShared,
    AnySharedWide,
}

impl AddressForm {
    /// How many forms there are.
    const COUNT: usize = AddressForm::AnySharedWide as usize + 1;

    /// Whether the offset takes two words.
    pub(super) fn has_wide_offset(self) -> bool {
        self as u16 >= AddressForm::AnyWide as u16
    }

    /// Whether there are stores of this form from the accumulator and of
    /// constants.
    pub(super) fn has_immediates(self) -> bool {
        (self as usize) < STORES_BY_THREE
    }
}

/// Forms of which there are stores from a slot, from the accumulator and of
/// a constant; of the others there are only those from a slot.
const STORES_BY_THREE: usize = AddressForm::Other as usize;

/// Where one operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum From {
    Slot,
    Acc,
    Const,
}

/// What the sum and the bound of a latch are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum LatchForm {
    /// Slot plus constant, compared with a constant.
    ConstConst,
    /// Slot plus constant, compared with a slot.
    ConstSlot,
    /// Slot plus slot, compared with a constant.
    SlotConst,
}

const LOAD_FORMS: usize = AddressForm::COUNT;
const STORE_FORMS: usize = STORES_BY_THREE * 3 + (AddressForm::COUNT - STORES_BY_THREE);
const LATCH_FORMS: usize = 3;
const SELECT_FORMS: usize = 2;

const BINARY: usize = PLAIN_COUNT;
const WIDE: usize = BINARY + BinaryOp::COUNT * BINARY_FORMS;
const UNARY: usize = WIDE + BinaryOp::COUNT * 2;
const COMPARE: usize = UNARY + UnaryOp::COUNT * 2;
const BRANCH: usize = COMPARE + CompareOp::COUNT * COMPARE_FORMS;
const LATCH: usize = BRANCH + CompareOp::COUNT * BRANCH_FORMS;
const SELECT: usize = LATCH + CompareOp::COUNT * LATCH_FORMS;
const LOAD: usize = SELECT + CompareOp::COUNT * SELECT_FORMS;
const STORE: usize = LOAD + LoadOp::COUNT * LOAD_FORMS;
const ATOMIC: usize = STORE + StoreOp::COUNT * STORE_FORMS;
const PAIR: usize = ATOMIC + AtomicKind::COUNT * AtomicWidth::COUNT;
const LOAD_THEN: usize = PAIR + PAIRS.len() * PAIR_FORMS;

/// The first of the families of [`simd`].
pub(super) const VECTOR: usize = LOAD_THEN + LOADS_THEN.len() * LOAD_THEN_FORMS;

/// How many instructions there are.
pub(super) const COUNT: usize = VECTOR + simd::COUNT;

impl Opcode {
    pub(super) const fn at(base: usize, row: u16, forms: usize, form: usize) -> Opcode {
        // The numbers of all instructions fit: there are fewer than 2^16.
        const { assert!(COUNT < u16::MAX as usize) };
        Opcode((base + row as usize * forms + form) as u16)
    }

    pub(super) const fn plain(op: Plain) -> Opcode {
        Opcode(op as u16)
    }

    pub(super) fn binary(op: BinaryOp, form: Form) -> Opcode {
        Opcode::at(BINARY, op as u16, BINARY_FORMS, form as usize)
    }

    /// With a 64-bit constant as second operand.
    pub(super) fn wide(op: BinaryOp, acc: bool) -> Opcode {
        Opcode::at(WIDE, op as u16, 2, usize::from(acc))
    }

    pub(super) fn unary(op: UnaryOp, acc: bool) -> Opcode {
        Opcode::at(UNARY, op as u16, 2, usize::from(acc))
    }

    pub(super) fn compare(op: CompareOp, form: Form) -> Opcode {
        Opcode::at(COMPARE, op as u16, COMPARE_FORMS, form as usize)
    }

    pub(super) fn branch(op: CompareOp, form: Form, when: bool, back: bool) -> Opcode {
        let column = form as usize * 4 + usize::from(!when) * 2 + usize::from(back);
        Opcode::at(BRANCH, op as u16, BRANCH_FORMS, column)
    }

    pub(super) fn latch(op: CompareOp, form: LatchForm) -> Opcode {
        Opcode::at(LATCH, op as u16, LATCH_FORMS, form as usize)
    }

    /// A select of integers on a comparison of integer slots, or of a slot
    /// and a constant.
    pub(super) fn select(op: CompareOp, constant: bool) -> Opcode {
        Opcode::at(SELECT, op as u16, SELECT_FORMS, usize::from(constant))
    }

    pub(super) fn load(op: LoadOp, form: AddressForm) -> Opcode {
        Opcode::at(LOAD, same_load(op) as u16, LOAD_FORMS, form as usize)
    }

    /// A form without [immediates](AddressForm::has_immediates) goes with
    /// values from slots alone.
    pub(super) fn store(op: StoreOp, form: AddressForm, value: From) -> Opcode {
        let column = match (form as usize).checked_sub(STORES_BY_THREE) {
            None => form as usize * 3 + value as usize,
            Some(other) => STORES_BY_THREE * 3 + other,
        };
        Opcode::at(STORE, same_store(op) as u16, STORE_FORMS, column)
    }

    pub(super) fn atomic(op: AtomicOp) -> Opcode {
        Opcode::at(
            ATOMIC,
            op.kind as u16,
            AtomicWidth::COUNT,
            op.width as usize,
        )
    }

    /// Two operators in one; `acc` if the first operand is in the
    /// accumulator. `None` if there is no such instruction.
    pub(super) fn pair(pair: PairOf, acc: bool) -> Option<Opcode> {
        let row = PAIRS.iter().position(|known| *known == pair)?;
        Some(Opcode((PAIR + row * PAIR_FORMS + usize::from(acc)) as u16))
    }

    /// A load and an operator in one, if there is such an instruction.
    pub(super) fn load_then(
        load: LoadOp,
        form: AddressForm,
        op: BinaryOp,
        swapped: bool,
    ) -> Option<Opcode> {
        let known = |row: &(LoadOp, BinaryOp, bool)| *row == (same_load(load), op, swapped);
        let row = LOADS_THEN.iter().position(known)?;
        let column = match form {
            AddressForm::Slot => 0,
            AddressForm::Acc => 1,
            AddressForm::SlotPlus => 2,
            AddressForm::Const
            | AddressForm::AccPlus
            | AddressForm::TwoSlots
            | AddressForm::SlotAcc
            | AddressForm::Wide
            | AddressForm::WideAcc
            | AddressForm::WidePlus
            | AddressForm::Other
            | AddressForm::AnyWide
            | AddressForm::AnyShared
            | AddressForm::AnySharedWide => return None,
        };
        Some(Opcode((LOAD_THEN + row * LOAD_THEN_FORMS + column) as u16))
    }
}

/// Two operators in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PairOf {
    pub(super) inner: BinaryOp,
    pub(super) outer: BinaryOp,
    /// Whether the inner operator's second operand is a constant.
    pub(super) inner_const: bool,
    /// Whether the outer operator's other operand is a constant.
    pub(super) outer_const: bool,
    /// Whether the inner result is the outer operator's second operand, and
    /// that makes a difference.
    pub(super) swapped: bool,
}

/// The load that leaves the same bits in slot and accumulator, since values
/// are zero-extended: it needs no handlers of its own.
const fn same_load(op: LoadOp) -> LoadOp {
    match op {
        LoadOp::I64Load8U => LoadOp::I32Load8U,
        LoadOp::I64Load16U => LoadOp::I32Load16U,
        LoadOp::I64Load32U => LoadOp::I32Load,
        LoadOp::I32Load
        | LoadOp::I64Load
        | LoadOp::F32Load
        | LoadOp::F64Load
        | LoadOp::I32Load8S
        | LoadOp::I32Load8U
        | LoadOp::I32Load16S
        | LoadOp::I32Load16U
        | LoadOp::I64Load8S
        | LoadOp::I64Load16S
        | LoadOp::I64Load32S => op,
    }
}

/// The store that writes the same low bits.
const fn same_store(op: StoreOp) -> StoreOp {
    match op {
        StoreOp::I64Store8 => StoreOp::I32Store8,
        StoreOp::I64Store16 => StoreOp::I32Store16,
        StoreOp::I64Store32 => StoreOp::I32Store,
        StoreOp::I32Store
        | StoreOp::I64Store
        | StoreOp::F32Store
        | StoreOp::F64Store
        | StoreOp::I32Store8
        | StoreOp::I32Store16 => op,
    }
}

/// Stands where a row has no instruction; never encoded.
const fn none<D: Dispatch>() -> Handler<D::Next> {
    handler_of::<D, Unreachable>()
}

macro_rules! binary_rows {
    ($($name:ident $ty:ident $text:literal;)*) => {
        const fn binary<D: Dispatch>() -> [[Handler<D::Next>; BINARY_FORMS]; BinaryOp::COUNT] {
            use numeric as n;
            [$({
                let one_sided = BinaryOp::$name.is_commutative();
                [
                    handler_of::<D, Bin<n::$name, S, S>>(),
                    handler_of::<D, Bin<n::$name, R, S>>(),
                    handler_of::<D, Bin<n::$name, S, I>>(),
                    handler_of::<D, Bin<n::$name, R, I>>(),
                    if one_sided { none::<D>() } else { handler_of::<D, Bin<n::$name, S, R>>() },
                    if one_sided { none::<D>() } else { handler_of::<D, Bin<n::$name, I, S>>() },
                    if one_sided { none::<D>() } else { handler_of::<D, Bin<n::$name, I, R>>() },
                ]
            }),*]
        }

        const fn wide<D: Dispatch>() -> [[Handler<D::Next>; 2]; BinaryOp::COUNT] {
            use numeric as n;
            [$(
                if matches!(ValType::$ty, ValType::I64) {
                    [
                        handler_of::<D, BinWide<n::$name, S>>(),
                        handler_of::<D, BinWide<n::$name, R>>(),
                    ]
                } else {
                    [none::<D>(); 2]
                }
            ),*]
        }
    };
}
for_each_binary!(binary_rows);

macro_rules! unary_rows {
    ($($name:ident $from:ident $to:ident $text:literal;)*) => {
        const fn unary<D: Dispatch>() -> [[Handler<D::Next>; 2]; UnaryOp::COUNT] {
            use numeric as n;
            [
                $([handler_of::<D, Un<n::$name, S>>(), handler_of::<D, Un<n::$name, R>>()],)*
                [
                    handler_of::<D, Un<n::F32NormalizeNan, S>>(),
                    handler_of::<D, Un<n::F32NormalizeNan, R>>(),
                ],
                [
                    handler_of::<D, Un<n::F64NormalizeNan, S>>(),
                    handler_of::<D, Un<n::F64NormalizeNan, R>>(),
                ],
            ]
        }
    };
}
for_each_unary!(unary_rows);

/// The addition of the type that a comparison compares, for latches.
trait Sum {
    type Add;
}

macro_rules! sums {
    ($($ty:ident $add:ident;)*) => {$(
        impl Sum for $ty {
            type Add = numeric::$add;
        }
    )*};
}

sums! {
    u32 I32Add;
    i32 I32Add;
    u64 I64Add;
    i64 I64Add;
    f32 F32Add;
    f64 F64Add;
}

macro_rules! compare_rows {
    ($($name:ident $ty:ident $swapped:ident $text:literal;)*) => {
        const fn compare<D: Dispatch>() -> [[Handler<D::Next>; COMPARE_FORMS]; CompareOp::COUNT] {
            use numeric as n;
            [$([
                handler_of::<D, Cmp<n::$name, S, S>>(),
                handler_of::<D, Cmp<n::$name, R, S>>(),
                handler_of::<D, Cmp<n::$name, S, I>>(),
                handler_of::<D, Cmp<n::$name, R, I>>(),
            ]),*]
        }

        const fn branch<D: Dispatch>() -> [[Handler<D::Next>; BRANCH_FORMS]; CompareOp::COUNT] {
            [$({
                let inverted = CompareOp::$name.inverse().is_none();
                let mut row = [none::<D>(); BRANCH_FORMS];
                branches::<D, numeric::$name, S, S>(&mut row, 0, inverted);
                branches::<D, numeric::$name, R, S>(&mut row, 1, inverted);
                branches::<D, numeric::$name, S, I>(&mut row, 2, inverted);
                branches::<D, numeric::$name, R, I>(&mut row, 3, inverted);
                row
            }),*]
        }

        const fn latch<D: Dispatch>() -> [[Handler<D::Next>; LATCH_FORMS]; CompareOp::COUNT] {
            use numeric as n;
            type Add<C> = <<C as n::Compare>::T as Sum>::Add;
            [$(
                if matches!(ValType::$ty, ValType::I32 | ValType::I64) {
                    [
                        handler_of::<D, Latch<n::$name, Add<n::$name>, I, I>>(),
                        handler_of::<D, Latch<n::$name, Add<n::$name>, I, S>>(),
                        handler_of::<D, Latch<n::$name, Add<n::$name>, S, I>>(),
                    ]
                } else {
                    [none::<D>(); LATCH_FORMS]
                }
            ),*]
        }

        const fn select<D: Dispatch>() -> [[Handler<D::Next>; SELECT_FORMS]; CompareOp::COUNT] {
            use numeric as n;
            [$(
                if matches!(ValType::$ty, ValType::I32 | ValType::I64) {
                    [
                        handler_of::<D, Select<u64, Holds<n::$name, S>>>(),
                        handler_of::<D, Select<u64, Holds<n::$name, I>>>(),
                    ]
                } else {
                    [none::<D>(); SELECT_FORMS]
                }
            ),*]
        }
    };
}
for_each_compare!(compare_rows);

/// The branches of one form: when it holds and when not, forwards and back.
const fn branches<D: Dispatch, O, A, B>(
    row: &mut [Handler<D::Next>; BRANCH_FORMS],
    form: usize,
    inverted: bool,
) where
    O: numeric::Compare,
    A: super::operand::Source,
    B: super::operand::Source,
{
    row[form * 4] = handler_of::<D, BrCmp<O, A, B, true, false>>();
    row[form * 4 + 1] = handler_of::<D, BrCmp<O, A, B, true, true>>();
    if inverted {
        row[form * 4 + 2] = handler_of::<D, BrCmp<O, A, B, false, false>>();
        row[form * 4 + 3] = handler_of::<D, BrCmp<O, A, B, false, true>>();
    }
}

macro_rules! load_rows {
    ($($name:ident $ty:ident $text:literal;)*) => {
        const fn load<D: Dispatch>() -> [[Handler<D::Next>; LOAD_FORMS]; LoadOp::COUNT] {
            use memory as m;
            [$(
                if same_load(LoadOp::$name) as u16 == LoadOp::$name as u16 {
                    [
                        handler_of::<D, LoadFrom<m::$name, At<InSlot>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<InAcc>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<Constant>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<SlotPlus>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<AccPlus>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<TwoSlots>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<SlotAcc>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<WideSlot>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<WideAcc>>>(),
                        handler_of::<D, LoadFrom<m::$name, At<WidePlus>>>(),
                        handler_of::<D, LoadFrom<m::$name, Other>>(),
                        handler_of::<D, LoadFrom<m::$name, Any<true, false>>>(),
                        handler_of::<D, LoadFrom<m::$name, Any<false, true>>>(),
                        handler_of::<D, LoadFrom<m::$name, Any<true, true>>>(),
                    ]
                } else {
                    [none::<D>(); LOAD_FORMS]
                }
            ),*]
        }
    };
}
for_each_load!(load_rows);

macro_rules! store_rows {
    ($($name:ident $ty:ident $text:literal;)*) => {
        const fn store<D: Dispatch>() -> [[Handler<D::Next>; STORE_FORMS]; StoreOp::COUNT] {
            [$({
                let mut row = [none::<D>(); STORE_FORMS];
                if same_store(StoreOp::$name) as u16 == StoreOp::$name as u16 {
                    stores::<D, memory::$name, At<InSlot>>(&mut row, 0);
                    stores::<D, memory::$name, At<InAcc>>(&mut row, 1);
                    stores::<D, memory::$name, At<Constant>>(&mut row, 2);
                    stores::<D, memory::$name, At<SlotPlus>>(&mut row, 3);
                    stores::<D, memory::$name, At<AccPlus>>(&mut row, 4);
                    stores::<D, memory::$name, At<TwoSlots>>(&mut row, 5);
                    stores::<D, memory::$name, At<SlotAcc>>(&mut row, 6);
                    stores::<D, memory::$name, At<WideSlot>>(&mut row, 7);
                    stores::<D, memory::$name, At<WideAcc>>(&mut row, 8);
                    stores::<D, memory::$name, At<WidePlus>>(&mut row, 9);
                    let n = STORES_BY_THREE * 3;
                    row[n] = handler_of::<D, StoreTo<memory::$name, Other, S>>();
                    row[n + 1] = handler_of::<D, StoreTo<memory::$name, Any<true, false>, S>>();
                    row[n + 2] = handler_of::<D, StoreTo<memory::$name, Any<false, true>, S>>();
                    row[n + 3] = handler_of::<D, StoreTo<memory::$name, Any<true, true>, S>>();
                }
                row
            }),*]
        }
    };
}
for_each_store!(store_rows);

/// The stores to one place: from a slot, the accumulator, a constant.
const fn stores<D: Dispatch, O, P>(row: &mut [Handler<D::Next>; STORE_FORMS], form: usize)
where
    O: memory::Store,
    P: memory::Place,
{
    row[form * 3] = handler_of::<D, StoreTo<O, P, S>>();
    row[form * 3 + 1] = handler_of::<D, StoreTo<O, P, R>>();
    row[form * 3 + 2] = handler_of::<D, StoreTo<O, P, I>>();
}

const fn atomic<D: Dispatch>() -> [[Handler<D::Next>; AtomicWidth::COUNT]; AtomicKind::COUNT] {
    let notify = [
        none::<D>(),
        none::<D>(),
        handler_of::<D, Notify>(),
        none::<D>(),
    ];
    [
        atomics::<D, atomic::Load>(),
        atomics::<D, atomic::Store>(),
        atomics::<D, atomic::Add>(),
        atomics::<D, atomic::Sub>(),
        atomics::<D, atomic::And>(),
        atomics::<D, atomic::Or>(),
        atomics::<D, atomic::Xor>(),
        atomics::<D, atomic::Xchg>(),
        atomics::<D, atomic::Cmpxchg>(),
        [
            none::<D>(),
            none::<D>(),
            handler_of::<D, Wait<4>>(),
            handler_of::<D, Wait<8>>(),
        ],
        notify,
    ]
}

/// An atomic operation by width.
const fn atomics<D: Dispatch, O: atomic::Atomic>() -> [Handler<D::Next>; AtomicWidth::COUNT] {
    [
        handler_of::<D, AtomicOn<O, AtomicU8>>(),
        handler_of::<D, AtomicOn<O, AtomicU16>>(),
        handler_of::<D, AtomicOn<O, AtomicU32>>(),
        handler_of::<D, AtomicOn<O, AtomicU64>>(),
    ]
}

macro_rules! is_const {
    (S) => {
        false
    };
    (I) => {
        true
    };
}

macro_rules! define_pairs {
    ($($inner:ident $x:ident $outer:ident $y:ident $swapped:literal;)*) => {
        const PAIRS: &[PairOf] = &[$(PairOf {
            inner: BinaryOp::$inner,
            outer: BinaryOp::$outer,
            inner_const: is_const!($x),
            outer_const: is_const!($y),
            swapped: $swapped,
        }),*];

        const fn pair<D: Dispatch>() -> [[Handler<D::Next>; PAIR_FORMS]; PAIRS.len()] {
            use numeric as n;
            [$([
                handler_of::<D, Pair<n::$inner, n::$outer, S, $x, $y, $swapped>>(),
                handler_of::<D, Pair<n::$inner, n::$outer, R, $x, $y, $swapped>>(),
            ]),*]
        }
    };
}

const PAIR_FORMS: usize = 2;

// The inner operator, its second operand, the outer one, its other operand,
// and whether the inner result is the second.
define_pairs! {
    I32Shl I I32Xor S false; I32Shl I I32Add S false; I32Shl I I32Or S false;
    I32ShrU I I32Xor S false; I32ShrU I I32Add S false; I32ShrU I I32Or S false;
    I32Rotl I I32Xor S false; I32Rotl I I32Add S false;
    I32And I I32Or S false; I32And I I32Add S false;
    I32Shl I I32Add I false; I32And I I32Shl I false; I32ShrU I I32And I false;
    I32Add I I32And I false; I32Or I I32Add I false;
    I32Add S I32Add I false; I32Add S I32And I false;
    I32Xor S I32Add S false; I32Mul S I32Add S false; I32Mul I I32Add S false;
    I64Shl I I64Xor S false; I64Shl I I64Add S false; I64Shl I I64Or S false;
    I64ShrU I I64Xor S false; I64ShrU I I64Add S false; I64ShrU I I64Or S false;
    I64Rotl I I64Xor S false; I64ShrU I I64And I false; I64And I I64Or S false;
    I64Mul S I64Add S false; I64Mul I I64Add I false;
    F64Mul S F64Add S false; F64Mul S F64Sub S false; F64Mul S F64Sub S true;
    F64Mul S F64Mul S false; F64Add S F64Add S false; F64Add S F64Mul S false;
    F64Sub S F64Add S false; F64Sub S F64Mul S false;
    F32Mul S F32Add S false; F32Mul S F32Sub S true;
}

macro_rules! define_loads_then {
    ($($load:ident $op:ident $swapped:literal;)*) => {
        const LOADS_THEN: &[(LoadOp, BinaryOp, bool)] =
            &[$((LoadOp::$load, BinaryOp::$op, $swapped)),*];

        const fn load_then<D: Dispatch>()
        -> [[Handler<D::Next>; LOAD_THEN_FORMS]; LOADS_THEN.len()] {
            use {memory as m, numeric as n};
            [$([
                handler_of::<D, LoadThen<m::$load, InSlot, n::$op, $swapped>>(),
                handler_of::<D, LoadThen<m::$load, InAcc, n::$op, $swapped>>(),
                handler_of::<D, LoadThen<m::$load, SlotPlus, n::$op, $swapped>>(),
            ]),*]
        }
    };
}

const LOAD_THEN_FORMS: usize = 3;

// The load, the operator, and whether what was loaded is its second operand.
define_loads_then! {
    I32Load I32Add false; I32Load I32Mul false; I32Load I32Xor false;
    I32Load8U I32Add false; I64Load I64Add false; I64Load I64Xor false;
    F64Load F64Add false; F64Load F64Mul false;
    F64Load F64Sub false; F64Load F64Sub true;
}

/// Writes the rows of a family into the table.
pub(super) const fn fill<N, const FORMS: usize>(
    table: &mut [Handler<N>; COUNT],
    base: usize,
    rows: &[[Handler<N>; FORMS]],
) {
    let mut row = 0;
    while row < rows.len() {
        let mut form = 0;
        while form < FORMS {
            table[base + row * FORMS + form] = rows[row][form];
            form += 1;
        }
        row += 1;
    }
}

/// The handlers of all instructions.
pub(super) const fn table<D: Dispatch>() -> [Handler<D::Next>; COUNT] {
    let mut table = [none::<D>(); COUNT];
    fill(&mut table, 0, &plain::<D>());
    fill(&mut table, BINARY, &binary::<D>());
    fill(&mut table, WIDE, &wide::<D>());
    fill(&mut table, UNARY, &unary::<D>());
    fill(&mut table, COMPARE, &compare::<D>());
    fill(&mut table, BRANCH, &branch::<D>());
    fill(&mut table, LATCH, &latch::<D>());
    fill(&mut table, SELECT, &select::<D>());
    fill(&mut table, LOAD, &load::<D>());
    fill(&mut table, STORE, &store::<D>());
    fill(&mut table, ATOMIC, &atomic::<D>());
    fill(&mut table, PAIR, &pair::<D>());
    fill(&mut table, LOAD_THEN, &load_then::<D>());
    simd::fill::<D>(&mut table);
    table
}
