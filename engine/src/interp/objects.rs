//! The encoder's part for structures, arrays and casts.
//!
//! An instruction that makes an object reads its operands from slots: what
//! stands in an accumulator may have moved by then. For the same reason no
//! instruction before it can be changed afterwards.

use crate::gc::INLINE_BYTES_MAX;
use crate::translate::{
    ArrayBulk, BulkOperand, CastTarget, CastTest, FieldLoad, FrameSlot, NewObject,
};
use crate::types::ValType;
use crate::types::rtt::{OBJECT_ALIGN_BYTES, Rtt, Shape, Storage};

use super::emit::{Kind, Val, pair};
use super::encode::Encoder;
use super::gc::{NEGATED, NULLABLE, kind};
use super::ops::Plain;

/// The fields of a structure that is made of so few operands are named in
/// the instruction.
const SMALL_FIELDS_MAX: usize = 3;

impl Encoder<'_> {
    /// The slots of operands; constants are stored in their homes.
    fn slots_of(&mut self, operands: &[BulkOperand<Val>]) -> Vec<FrameSlot> {
        let slot = |operand: &BulkOperand<Val>| self.slot_of(operand.ty, operand.val, operand.home);
        operands.iter().map(slot).collect()
    }

    /// Notes that the instruction at `at` makes an object.
    fn made(&mut self, at: usize, dst: FrameSlot) -> Val {
        self.asm.position(at);
        self.asm.forget();
        self.value(at, ValType::ANYREF, dst)
    }

    pub(super) fn write_new(
        &mut self,
        object: NewObject<'_>,
        operands: &[BulkOperand<Val>],
        dst: FrameSlot,
    ) -> Val {
        let slots = self.slots_of(operands);
        let at = match object {
            NewObject::Struct(rtt) => self.struct_new(rtt, &slots, dst),
            NewObject::StructDefault(rtt) => self.any_new(rtt, &[], dst),
            NewObject::Array(rtt) => {
                self.array_new(Plain::ArrayNew, rtt, (slots[0], slots[1]), dst)
            }
            NewObject::ArrayDefault(rtt) => {
                self.array_new(Plain::ArrayNewDefault, rtt, (0, slots[0]), dst)
            }
            NewObject::ArrayFixed(rtt, first, count) => {
                let at = self.array_new(Plain::ArrayNewFixed, rtt, (first, 0), dst);
                self.asm.word(count);
                at
            }
            NewObject::ArrayData(rtt, data) => {
                let at = self.array_new(Plain::ArrayNewData, rtt, (slots[0], slots[1]), dst);
                self.asm.word(data);
                at
            }
            NewObject::ArrayElem(rtt, elem) => {
                let at = self.array_new(Plain::ArrayNewElem, rtt, (slots[0], slots[1]), dst);
                self.asm.word(elem);
                at
            }
        };
        self.made(at, dst)
    }

    fn struct_new(&mut self, rtt: &Rtt, slots: &[FrameSlot], dst: FrameSlot) -> usize {
        let fields = rtt.fields();
        let size = rtt.size_bytes(0).unwrap_or(u32::MAX);
        let is_plain = |storage: Storage| !matches!(storage, Storage::FuncRef | Storage::V128);
        let mut offset = 0;
        let is_small = fields.len() <= SMALL_FIELDS_MAX
            && size == OBJECT_ALIGN_BYTES
            && fields.iter().all(|field| {
                offset += 4;
                is_plain(field.storage)
                    && field.storage.size_bytes() == 4
                    && field.offset_bytes == offset
            });
        if is_small {
            let op = [
                Plain::SmallNew0,
                Plain::SmallNew1,
                Plain::SmallNew2,
                Plain::SmallNew3,
            ][fields.len()];
            let at = self.plain(op, dst);
            self.asm.word(rtt.id.0);
            for two in slots.chunks(2) {
                self.asm
                    .word(pair(two[0], two.get(1).copied().unwrap_or(0)));
            }
            return at;
        }
        if size > INLINE_BYTES_MAX || !fields.iter().all(|field| is_plain(field.storage)) {
            return self.any_new(rtt, slots, dst);
        }
        let at = self.plain(Plain::StructNew, dst);
        self.asm.word(rtt.id.0);
        self.asm.word(size);
        self.asm.word(count(slots));
        for (field, slot) in fields.iter().zip(slots) {
            let log2 = field.storage.size_bytes().trailing_zeros() as u16;
            self.asm.word(pair(*slot, log2));
            self.asm.word(field.offset_bytes);
        }
        at
    }

    fn any_new(&mut self, rtt: &Rtt, slots: &[FrameSlot], dst: FrameSlot) -> usize {
        let at = self.plain(Plain::AnyNew, dst);
        self.asm.word(rtt.id.0);
        self.asm.word(count(slots));
        for slot in slots {
            self.asm.word(u32::from(*slot));
        }
        at
    }

    fn array_new(
        &mut self,
        op: Plain,
        rtt: &Rtt,
        (a, b): (FrameSlot, FrameSlot),
        dst: FrameSlot,
    ) -> usize {
        let at = self.plain(op, dst);
        self.asm.slots(a, b);
        self.asm.word(rtt.id.0);
        self.asm.word(match &rtt.shape {
            Shape::Array { element } => element.size_bytes(),
            // Validation has seen that it is an array.
            Shape::Fields { .. } | Shape::Host => 0,
        });
        at
    }

    pub(super) fn write_field_get(
        &mut self,
        load: FieldLoad,
        offset: u32,
        object: Val,
        dst: FrameSlot,
    ) -> Val {
        use FieldLoad as L;
        let object = self.slot_of(ValType::ANYREF, object, dst);
        let op = match load {
            L::I8S => Plain::StructGet8S,
            L::I8U => Plain::StructGet8U,
            L::I16S => Plain::StructGet16S,
            L::I16U => Plain::StructGet16U,
            L::I32 | L::Ref => Plain::StructGet32,
            L::I64 => Plain::StructGet64,
            L::F32 => Plain::StructGetF32,
            L::F64 => Plain::StructGetF64,
            L::V128 => Plain::StructGetVector,
            L::FuncRef => Plain::StructGetFunc,
        };
        let at = self.plain(op, dst);
        self.asm.slots(object, 0);
        self.asm.word(offset);
        self.loaded(at, load, dst)
    }

    /// Notes that the instruction at `at` reads a field or element.
    fn loaded(&mut self, at: usize, load: FieldLoad, dst: FrameSlot) -> Val {
        use FieldLoad as L;
        self.asm.position(at);
        let ty = match load {
            L::I8S | L::I8U | L::I16S | L::I16U | L::I32 => ValType::I32,
            L::I64 => ValType::I64,
            L::F32 => ValType::F32,
            L::F64 => ValType::F64,
            L::Ref => ValType::ANYREF,
            L::V128 => {
                self.asm.wrote(at, &[dst, dst + 1], Kind::Other);
                self.asm.forget();
                return Val::Slot(dst);
            }
            L::FuncRef => {
                self.asm.wrote(at, &[dst], Kind::Other);
                self.asm.forget();
                return Val::Slot(dst);
            }
        };
        self.value(at, ty, dst)
    }

    pub(super) fn write_field_set(
        &mut self,
        storage: Storage,
        offset: u32,
        object: BulkOperand<Val>,
        value: BulkOperand<Val>,
    ) {
        let slots = self.slots_of(&[object, value]);
        let at = self.plain(
            match storage {
                Storage::I8 => Plain::StructSet8,
                Storage::I16 => Plain::StructSet16,
                Storage::I32 | Storage::F32 | Storage::Ref => Plain::StructSet32,
                Storage::I64 | Storage::F64 => Plain::StructSet64,
                Storage::V128 => Plain::StructSetVector,
                Storage::FuncRef => Plain::StructSetFunc,
            },
            0,
        );
        self.asm.slots(slots[0], slots[1]);
        self.asm.word(offset);
        self.asm.position(at);
        self.asm.forget();
    }

    pub(super) fn write_array_get(
        &mut self,
        load: FieldLoad,
        array: BulkOperand<Val>,
        index: BulkOperand<Val>,
    ) -> Val {
        use FieldLoad as L;
        let dst = array.home;
        let slots = self.slots_of(&[array, index]);
        let op = match load {
            L::I8S => Plain::ArrayGet8S,
            L::I8U => Plain::ArrayGet8U,
            L::I16S => Plain::ArrayGet16S,
            L::I16U => Plain::ArrayGet16U,
            L::I32 | L::Ref => Plain::ArrayGet32,
            L::I64 => Plain::ArrayGet64,
            L::F32 => Plain::ArrayGetF32,
            L::F64 => Plain::ArrayGetF64,
            L::V128 => Plain::ArrayGetVector,
            L::FuncRef => Plain::ArrayGetFunc,
        };
        let at = self.plain(op, dst);
        self.asm.slots(slots[0], slots[1]);
        self.loaded(at, load, dst)
    }

    pub(super) fn write_array_set(&mut self, storage: Storage, operands: [BulkOperand<Val>; 3]) {
        let slots = self.slots_of(&operands);
        let at = self.plain(
            match storage {
                Storage::I8 => Plain::ArraySet8,
                Storage::I16 => Plain::ArraySet16,
                Storage::I32 | Storage::F32 | Storage::Ref => Plain::ArraySet32,
                Storage::I64 | Storage::F64 => Plain::ArraySet64,
                Storage::V128 => Plain::ArraySetVector,
                Storage::FuncRef => Plain::ArraySetFunc,
            },
            slots[2],
        );
        self.asm.slots(slots[0], slots[1]);
        self.asm.position(at);
        self.asm.forget();
    }

    pub(super) fn write_array_len(&mut self, array: Val, dst: FrameSlot) -> Val {
        let array = self.slot_of(ValType::ANYREF, array, dst);
        let at = self.plain(Plain::ArrayLen, dst);
        self.asm.slots(array, 0);
        self.asm.position(at);
        self.value(at, ValType::I32, dst)
    }

    pub(super) fn write_array_bulk(&mut self, op: ArrayBulk, operands: &[BulkOperand<Val>]) {
        let slots = self.slots_of(operands);
        let (plain, storage, d, segment) = match op {
            ArrayBulk::Fill(storage) => (Plain::ArrayFill, storage, 0, None),
            ArrayBulk::Copy(storage) => (Plain::ArrayCopy, storage, slots[4], None),
            ArrayBulk::InitData(storage, data) => (Plain::ArrayInitData, storage, 0, Some(data)),
            ArrayBulk::InitElem(storage, elem) => (Plain::ArrayInitElem, storage, 0, Some(elem)),
        };
        let at = self.plain(plain, d);
        self.asm.slots(slots[0], slots[1]);
        self.asm.word(pair(slots[2], slots[3]));
        self.asm.word(storage as u32 | storage.size_bytes() << 8);
        if let Some(segment) = segment {
            self.asm.word(segment);
        }
        self.asm.position(at);
        self.asm.forget();
    }

    pub(super) fn write_i31_get(&mut self, signed: bool, reference: Val, dst: FrameSlot) -> Val {
        let reference = self.slot_of(ValType::ANYREF, reference, dst);
        let op = if signed {
            Plain::I31GetS
        } else {
            Plain::I31GetU
        };
        let at = self.plain(op, dst);
        self.asm.slots(reference, 0);
        self.asm.position(at);
        self.value(at, ValType::I32, dst)
    }

    /// Writes a test of the kind that `ops` has for its target: a type
    /// without subtypes, one with, one of functions, or something else.
    pub(super) fn write_test(
        &mut self,
        ops: [Plain; 4],
        test: CastTest,
        reference: FrameSlot,
        dst: FrameSlot,
    ) -> usize {
        let [exact, open, func, other] = ops;
        let (op, what, depth) = match test.target {
            CastTarget::Object {
                id, is_final: true, ..
            } => (exact, id, 0),
            CastTarget::Object { id, depth, .. } => (open, id, depth),
            CastTarget::Func { id, depth } => (func, id, depth),
            CastTarget::Top => (other, kind::TOP, 0),
            CastTarget::Bottom => (other, kind::BOTTOM, 0),
            CastTarget::Eq => (other, kind::EQ, 0),
            CastTarget::I31 => (other, kind::I31, 0),
            CastTarget::Struct => (other, kind::STRUCT, 0),
            CastTarget::Array => (other, kind::ARRAY, 0),
        };
        let nullable = if test.nullable { NULLABLE } else { 0 };
        let negated = if test.negated { NEGATED } else { 0 };
        let at = self.plain(op, dst);
        self.asm.slots(reference, nullable | negated);
        self.asm.word(what);
        self.asm.word(u32::from(depth));
        at
    }

    pub(super) fn write_ref_test(
        &mut self,
        test: CastTest,
        reference: BulkOperand<Val>,
        dst: FrameSlot,
    ) -> Val {
        let slot = self.slot_of(reference.ty, reference.val, reference.home);
        let ops = [
            Plain::TestExact,
            Plain::TestOpen,
            Plain::TestFunc,
            Plain::TestKind,
        ];
        let at = self.write_test(ops, test, slot, dst);
        // Fused with a branch, the test writes nothing, so it may be that
        // it would overwrite what it reads.
        let kind = Kind::Test { test, a: slot };
        self.asm.defined(at, ValType::I32, dst, kind);
        Val::Slot(dst)
    }

    pub(super) fn write_ref_cast(&mut self, test: CastTest, reference: BulkOperand<Val>) {
        let slot = self.slot_of(reference.ty, reference.val, reference.home);
        let ops = [
            Plain::CastExact,
            Plain::CastOpen,
            Plain::CastFunc,
            Plain::CastKind,
        ];
        let at = self.write_test(ops, test, slot, 0);
        self.asm.position(at);
        self.asm.forget();
    }

    /// Tries a collection, where the engine is told to, in front of a call.
    pub(super) fn try_collector(&mut self) {
        if self.module.engine.config().gc_zeal.calls > 0 {
            let at = self.plain(Plain::TryCollector, 0);
            self.asm.position(at);
            self.asm.barrier();
        }
    }
}

fn count(slots: &[FrameSlot]) -> u32 {
    u32::try_from(slots.len()).unwrap_or(u32::MAX)
}
