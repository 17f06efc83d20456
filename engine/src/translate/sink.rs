//! What a walk over a function body needs from both sides: a [`Check`] that
//! sees each operator first, and a [`Sink`] that receives what the body
//! does, free of stacks, block types and unreachable code.
//!
//! Invariants every sink may rely on: operands arrive valid and in order; a
//! destination slot is the home of the operand that the call makes; every
//! live operand is in its home when a label is bound or a loop starts, and
//! from then on its `Val` means that home; a value that the sink answered is
//! used at most once more unless it came from [`Sink::slot`] or
//! [`Sink::constant`].

use core::fmt::Debug;

use wasmparser::{Operator, ValType as ParsedType};

use crate::error::Result;
use crate::module::{FuncIndex, TableIndex, TagIndex, TypeIndex};
use crate::types::rtt::Storage;
use crate::types::{AddressType, ValType};

use super::atomic::AtomicOp;
use super::gc::{ArrayBulk, CastTest, FieldLoad, NewObject};
use super::numeric::{BinaryOp, CompareOp, LoadOp, StoreOp, UnaryOp};
use super::roots::RootMaps;
use super::simd::VectorOp;
use super::wide::WideOp;

/// A position in the frame of the running function, in slots.
pub(crate) type FrameSlot = u16;

/// A part of a body, as the binary has it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "modules are validated when they are loaded; a check that looks is for bodies that were not"
    )
)]
pub(crate) enum Seen<'a> {
    /// Locals of one type.
    Locals { count: u32, ty: ParsedType },
    /// The next operator.
    Operator(&'a Operator<'a>),
}

/// Sees a body's locals and operators, each with its offset, before they are
/// translated: any closure, for example one around a validator.
pub(crate) trait Check {
    /// Refuses what is not valid.
    fn see(&mut self, offset: u32, part: Seen<'_>) -> Result<()>;
}

/// The check of bodies that are known to be valid: none.
pub(crate) struct Trusted;

impl Check for Trusted {
    #[inline]
    fn see(&mut self, _: u32, _: Seen<'_>) -> Result<()> {
        Ok(())
    }
}

impl<F: FnMut(u32, Seen<'_>) -> Result<()>> Check for F {
    #[inline]
    fn see(&mut self, offset: u32, part: Seen<'_>) -> Result<()> {
        self(offset, part)
    }
}

/// Where the parts of a frame are: parameters and results share its start,
/// then come the header, the other locals, and the operands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// First slot of the header.
    pub(crate) header: FrameSlot,
    /// First slot of the locals that are no parameters.
    pub(crate) locals: FrameSlot,
    /// First slot of the operands.
    pub(crate) operands: FrameSlot,
    /// Slots that the results take.
    pub(crate) result_slots: u16,
}

/// What the end of a walk knows about the whole function.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// Slots of the frame, header and operands included.
    pub(crate) frame_slots: u32,
    /// Locals that must be zero when the function starts, as first slot and
    /// count: references, and whatever is read before it is written.
    pub(crate) zeroed: &'a [(FrameSlot, u16)],
    /// The references of frames, for the collector.
    pub(crate) roots: RootMaps,
}

/// Whom a call site calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callee<V> {
    /// A function that this module defines.
    Defined(FuncIndex),
    /// An imported function.
    Imported(FuncIndex),
    /// An element of a table, which must have the type.
    Indirect {
        table: TableIndex,
        ty: TypeIndex,
        index: V,
    },
    /// What a reference of the type points to.
    Reference { ty: TypeIndex, func: V },
}

/// A call: its arguments are in the slots from `window` on, where the results
/// will be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSite<V> {
    pub(crate) callee: Callee<V>,
    /// First slot of the arguments.
    pub(crate) window: FrameSlot,
    /// Slot of the callee's header, in the frame of the caller.
    pub(crate) header: FrameSlot,
    /// Slots of the arguments.
    pub(crate) param_slots: u16,
    /// Slots of the results.
    pub(crate) result_slots: u16,
}

/// A clause of `try_table`: which exceptions it takes, and where they go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clause<L> {
    /// The tag of the exceptions; none if the clause takes all.
    pub(crate) tag: Option<TagIndex>,
    /// Whether a reference to the exception follows its payload.
    pub(crate) with_ref: bool,
    /// Where control goes, with all that lies below the payload in its home.
    pub(crate) label: L,
    /// First slot of the payload.
    pub(crate) payload: FrameSlot,
}

/// The slots below a call's window that hold references, for the collector.
/// Made on demand: only a sink that keeps maps pays for them.
pub(crate) trait RootMap {
    /// Calls `each` with every such slot, in ascending order.
    fn for_each(&self, each: &mut dyn FnMut(FrameSlot));
}

/// Which memory a load or store touches, and where in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryPlace {
    pub(crate) memory: u32,
    /// What the address operand is.
    pub(crate) address: AddressType,
    /// Whether other threads may touch the same bytes at once.
    pub(crate) shared: bool,
    /// Added to the address without wrapping.
    pub(crate) offset: u64,
}

/// An operand of an operation that every tier leaves to the runtime: with its
/// home, so that a sink can store constants there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BulkOperand<V> {
    pub(crate) ty: ValType,
    pub(crate) val: V,
    pub(crate) home: FrameSlot,
}

/// An operation on memories or tables that takes three operands and gives
/// none: it goes through the runtime in every tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkOp {
    MemoryCopy { dst: u32, src: u32 },
    MemoryFill { memory: u32 },
    MemoryInit { memory: u32, data: u32 },
    TableCopy { dst: u32, src: u32 },
    TableFill { table: u32 },
    TableInit { table: u32, elem: u32 },
}

/// Receives the body of a function.
pub(crate) trait Sink {
    /// Where an operand is while it is on the operand stack.
    type Val: Copy + Debug;
    /// A position to branch to.
    type Label: Copy + Debug;
    /// A place in the code that charges fuel, for an amount not yet known.
    type FuelPoint: Copy;

    /// The body starts.
    fn begin(&mut self, layout: Layout);
    /// The operator at this offset of the binary starts.
    fn at(&mut self, offset: u32) -> Result<()>;
    /// The body has ended; control does not reach this point.
    fn finish(&mut self, summary: &Summary<'_>) -> Result<()>;

    /// A basic block starts, and pays first.
    fn fuel(&mut self) -> Self::FuelPoint;
    /// What the block that starts at `point` pays.
    fn set_fuel(&mut self, point: Self::FuelPoint, operators: u32);

    /// A constant operand; `bits` are zero-extended.
    fn constant(&mut self, ty: ValType, bits: u64) -> Self::Val;
    /// An operand whose value is in a slot: a local, or a home that was
    /// written before control came here.
    fn slot(&mut self, ty: ValType, slot: FrameSlot) -> Self::Val;
    /// Writes an operand to a slot. If the operand's home is another slot,
    /// nobody looks there any more.
    fn put(&mut self, ty: ValType, val: Self::Val, to: FrameSlot);
    /// Copies `slots` slots, in ascending order; `to` is below `from`.
    fn put_run(&mut self, from: FrameSlot, to: FrameSlot, slots: u16);
    /// Writes an operand that is still an alias of a local to its home,
    /// because the local is about to be overwritten by the value that was
    /// made last.
    fn spill(&mut self, ty: ValType, val: Self::Val, home: FrameSlot);
    /// The same bits (or, to `i32`, the low half of them) as another type.
    fn recast(&mut self, from: ValType, to: ValType, val: Self::Val) -> Self::Val;

    fn unary(&mut self, op: UnaryOp, a: Self::Val, dst: FrameSlot) -> Self::Val;
    fn binary(&mut self, op: BinaryOp, a: Self::Val, b: Self::Val, dst: FrameSlot) -> Self::Val;
    fn compare(&mut self, op: CompareOp, a: Self::Val, b: Self::Val, dst: FrameSlot) -> Self::Val;
    /// `a` if `cond` is not zero, else `b`.
    fn select(
        &mut self,
        ty: ValType,
        cond: Self::Val,
        a: Self::Val,
        b: Self::Val,
        dst: FrameSlot,
    ) -> Self::Val;

    fn load(
        &mut self,
        op: LoadOp,
        place: MemoryPlace,
        addr: Self::Val,
        dst: FrameSlot,
    ) -> Self::Val;
    /// `home` is the home of the address; the value's follows it.
    fn store(
        &mut self,
        op: StoreOp,
        place: MemoryPlace,
        addr: Self::Val,
        val: Self::Val,
        home: FrameSlot,
    );
    /// An operator on vectors; `home` is the home of its first operand, the
    /// others' follow. What it answers for a store means nothing.
    fn vector(&mut self, op: VectorOp, operands: &[Self::Val], home: FrameSlot) -> Self::Val;
    /// 128-bit arithmetic on halves, the lower first; `home` is the home of
    /// the first operand and of the lower half of the result, the others
    /// follow one by one.
    fn wide(&mut self, op: WideOp, operands: &[Self::Val], home: FrameSlot) -> [Self::Val; 2];
    /// The size in pages, of the memory's address type; likewise below.
    fn memory_size(&mut self, memory: u32, dst: FrameSlot) -> Self::Val;
    fn memory_grow(&mut self, memory: u32, delta: Self::Val, dst: FrameSlot) -> Self::Val;
    /// Operands in the order in which they were pushed. Those that are
    /// addresses and lengths are of 32 or 64 bits, as the memories or tables
    /// say; a length between two of them has the smaller type.
    fn bulk(&mut self, op: BulkOp, operands: [BulkOperand<Self::Val>; 3]);
    fn data_drop(&mut self, data: u32);
    fn elem_drop(&mut self, elem: u32);

    /// An atomic operator: its address, then its operands, each with its
    /// home; the result goes to the address's home. What a store answers is
    /// not used.
    fn atomic(
        &mut self,
        op: AtomicOp,
        place: MemoryPlace,
        operands: &[BulkOperand<Self::Val>],
    ) -> Self::Val;
    fn atomic_fence(&mut self);

    fn global_get(&mut self, ty: ValType, global: u32, dst: FrameSlot) -> Self::Val;
    fn global_set(&mut self, ty: ValType, global: u32, val: Self::Val, home: FrameSlot);

    fn table_get(&mut self, table: u32, index: Self::Val, dst: FrameSlot) -> Self::Val;
    /// `home` is the home of the index; the value's follows it.
    fn table_set(&mut self, table: u32, index: Self::Val, val: Self::Val, home: FrameSlot);
    fn table_size(&mut self, table: u32, dst: FrameSlot) -> Self::Val;
    fn table_grow(
        &mut self,
        table: u32,
        init: Self::Val,
        delta: Self::Val,
        dst: FrameSlot,
    ) -> Self::Val;
    fn ref_func(&mut self, func: FuncIndex, dst: FrameSlot) -> Self::Val;
    /// Traps if the reference is null, and leaves it where it is; `home` is
    /// its home.
    fn non_null(&mut self, ty: ValType, val: Self::Val, home: FrameSlot);

    /// Makes an object; its operands, in order, are roots until it exists.
    fn new_object(
        &mut self,
        object: NewObject<'_>,
        operands: &[BulkOperand<Self::Val>],
        dst: FrameSlot,
    ) -> Self::Val;
    /// Reads the field at `offset` bytes of a structure; null traps.
    fn field_get(
        &mut self,
        load: FieldLoad,
        offset: u32,
        object: Self::Val,
        dst: FrameSlot,
    ) -> Self::Val;
    fn field_set(
        &mut self,
        storage: Storage,
        offset: u32,
        object: BulkOperand<Self::Val>,
        value: BulkOperand<Self::Val>,
    );
    /// The result goes to the home of the array.
    fn array_get(
        &mut self,
        load: FieldLoad,
        array: BulkOperand<Self::Val>,
        index: BulkOperand<Self::Val>,
    ) -> Self::Val;
    /// Operands are array, index and value.
    fn array_set(&mut self, storage: Storage, operands: [BulkOperand<Self::Val>; 3]);
    fn array_len(&mut self, array: Self::Val, dst: FrameSlot) -> Self::Val;
    fn array_bulk(&mut self, op: ArrayBulk, operands: &[BulkOperand<Self::Val>]);
    fn i31_get(&mut self, signed: bool, reference: Self::Val, dst: FrameSlot) -> Self::Val;
    /// Whether a reference passes a test, as an `i32`.
    fn ref_test(
        &mut self,
        test: CastTest,
        reference: BulkOperand<Self::Val>,
        dst: FrameSlot,
    ) -> Self::Val;
    /// Traps if a reference does not pass, and leaves it where it is.
    fn ref_cast(&mut self, test: CastTest, reference: BulkOperand<Self::Val>);

    /// A label that is bound later.
    fn label(&mut self) -> Self::Label;
    /// Control from branches and from above meets here.
    fn bind(&mut self, label: Self::Label);
    /// A loop starts; `offset` of its operator names it in every tier.
    fn loop_header(&mut self, offset: u32) -> Self::Label;
    fn jump(&mut self, label: Self::Label);
    /// Branches if `cond` is not zero, or with `when` false if it is zero.
    fn branch_if(&mut self, cond: Self::Val, when: bool, label: Self::Label);
    /// Branches to the label at `index`, or to the last one.
    fn branch_table(&mut self, index: Self::Val, labels: &[Self::Label]);
    fn unreachable(&mut self);

    /// From here on to the matching [`end_try`](Sink::end_try), exceptions
    /// that leave a call go to the first clause that takes them. Clauses
    /// take nothing from the code around: no code is needed to enter.
    fn try_table(&mut self, clauses: &[Clause<Self::Label>]);
    /// The innermost `try_table` ends.
    fn end_try(&mut self);
    /// Throws an exception whose payload stands from the slot `payload` on.
    fn throw(&mut self, tag: TagIndex, payload: FrameSlot, roots: &dyn RootMap);
    /// Throws an exception again, by its reference.
    fn throw_ref(&mut self, exception: Self::Val, home: FrameSlot, roots: &dyn RootMap);

    fn call(&mut self, site: CallSite<Self::Val>, roots: &dyn RootMap);
    /// Calls in place of the running function. The arguments are in the
    /// site's window.
    fn return_call(&mut self, site: CallSite<Self::Val>, roots: &dyn RootMap);
    /// Returns; the results are in the first slots of the frame.
    fn return_(&mut self);
    /// Returns one value of one slot.
    fn return_value(&mut self, ty: ValType, val: Self::Val);
}
