//! Structures, arrays, 31-bit integers and casts.
//!
//! What a module's types look like in memory is known here, so sinks get
//! offsets and widths, never field indices.

use wasmparser::{
    HeapType as ParsedHeap, Operator, RefType as ParsedRef, UnpackedIndex, ValType as ParsedType,
};

use crate::error::Result;
use crate::module::TypeIndex;
use crate::types::rtt::{Rtt, Shape, Storage};
use crate::types::{CompositeType, DefinedType, HeapType, RefType, StorageType, ValType};

use super::Walk;
use super::numeric::{BinaryOp, CompareOp};
use super::sink::{BulkOperand, Check, FrameSlot, Sink};
use super::stack::Operand;

/// What a new object is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NewObject<'m> {
    /// Operands are the fields.
    Struct(&'m Rtt),
    /// All fields are zero or null.
    StructDefault(&'m Rtt),
    /// Operands are a value and a length.
    Array(&'m Rtt),
    /// The operand is the length; elements are zero or null.
    ArrayDefault(&'m Rtt),
    /// The elements stand in so many homes from this one on.
    ArrayFixed(&'m Rtt, FrameSlot, u32),
    /// From a data segment; operands are offset and length.
    ArrayData(&'m Rtt, u32),
    /// From an element segment; operands are offset and length.
    ArrayElem(&'m Rtt, u32),
}

/// How a field or element is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldLoad {
    I8S,
    I8U,
    I16S,
    I16U,
    I32,
    I64,
    F32,
    F64,
    V128,
    Ref,
    FuncRef,
}

/// An operation on whole arrays. Operands are in the order of the
/// specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrayBulk {
    Fill(Storage),
    Copy(Storage),
    InitData(Storage, u32),
    InitElem(Storage, u32),
}

/// What a reference that is not null is asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CastTarget {
    /// Whatever its hierarchy has.
    Top,
    /// What no reference is.
    Bottom,
    Eq,
    I31,
    Struct,
    Array,
    /// A structure or array of this type. `depth` is the number of its
    /// supertypes; a final type has no subtypes.
    Object {
        id: u32,
        depth: u8,
        is_final: bool,
    },
    /// A function of this type.
    Func {
        id: u32,
        depth: u8,
    },
}

/// A test of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CastTest {
    pub(crate) target: CastTarget,
    /// Whether null passes.
    pub(crate) nullable: bool,
    /// Whether the answer is turned around.
    pub(crate) negated: bool,
}

impl FieldLoad {
    fn of(storage: Storage, signed: bool) -> FieldLoad {
        match storage {
            Storage::I8 if signed => FieldLoad::I8S,
            Storage::I8 => FieldLoad::I8U,
            Storage::I16 if signed => FieldLoad::I16S,
            Storage::I16 => FieldLoad::I16U,
            Storage::I32 => FieldLoad::I32,
            Storage::I64 => FieldLoad::I64,
            Storage::F32 => FieldLoad::F32,
            Storage::F64 => FieldLoad::F64,
            Storage::V128 => FieldLoad::V128,
            Storage::Ref => FieldLoad::Ref,
            Storage::FuncRef => FieldLoad::FuncRef,
        }
    }
}

/// The type of a structure's field as it stands on the operand stack.
fn field_type(ty: &DefinedType, field: u32) -> ValType {
    let storage = match &ty.definition().composite {
        CompositeType::Struct(ty) => ty.fields()[field as usize].storage,
        CompositeType::Array(ty) => ty.element.storage,
        CompositeType::Func(_) => StorageType::I8,
    };
    storage.unpacked()
}

/// What the elements of an array type are in memory.
fn element(rtt: &Rtt) -> Storage {
    match &rtt.shape {
        Shape::Array { element } => *element,
        // Validation has seen that it is an array.
        Shape::Fields { .. } | Shape::Host => Storage::I8,
    }
}

impl<'m, C: Check, S: Sink> Walk<'m, C, S> {
    /// The operators on objects of the heap.
    #[expect(clippy::too_many_lines, reason = "one arm an operator")]
    pub(super) fn gc(&mut self, offset: u32, op: &Operator<'_>) -> Result<()> {
        use Operator as O;
        match *op {
            O::RefEq => self.ref_eq(),
            O::RefI31 => self.ref_i31(),
            O::I31GetS => self.i31_get(true),
            O::I31GetU => self.i31_get(false),
            O::StructNew { struct_type_index } => self.struct_new(struct_type_index),
            O::StructNewDefault { struct_type_index } => self.struct_new_default(struct_type_index),
            O::StructGet {
                struct_type_index: ty,
                field_index: field,
            }
            | O::StructGetU {
                struct_type_index: ty,
                field_index: field,
            } => self.struct_get(ty, field, false),
            O::StructGetS {
                struct_type_index: ty,
                field_index: field,
            } => self.struct_get(ty, field, true),
            O::StructSet {
                struct_type_index: ty,
                field_index: field,
            } => {
                self.struct_set(ty, field);
                Ok(())
            }
            O::ArrayNew {
                array_type_index: ty,
            } => self.array_new(ty),
            O::ArrayNewDefault {
                array_type_index: ty,
            } => self.array_new_default(ty),
            O::ArrayNewFixed {
                array_type_index: ty,
                array_size,
            } => self.array_new_fixed(ty, array_size),
            O::ArrayNewData {
                array_type_index: ty,
                array_data_index,
            } => self.array_new_data(ty, array_data_index),
            O::ArrayNewElem {
                array_type_index: ty,
                array_elem_index,
            } => self.array_new_elem(ty, array_elem_index),
            O::ArrayGet {
                array_type_index: ty,
            }
            | O::ArrayGetU {
                array_type_index: ty,
            } => self.array_get(ty, false),
            O::ArrayGetS {
                array_type_index: ty,
            } => self.array_get(ty, true),
            O::ArrayLen => self.array_len(),
            O::RefTestNonNull { hty } => self.ref_test(hty, false),
            O::RefTestNullable { hty } => self.ref_test(hty, true),
            O::RefCastNonNull { hty } => self.ref_cast(hty, false),
            O::RefCastNullable { hty } => self.ref_cast(hty, true),
            O::BrOnCast {
                relative_depth,
                to_ref_type,
                ..
            } => self.br_on_cast(relative_depth, to_ref_type, false),
            O::BrOnCastFail {
                relative_depth,
                to_ref_type,
                ..
            } => self.br_on_cast(relative_depth, to_ref_type, true),
            _ => self.gc_without_result(offset, op),
        }
    }

    fn gc_without_result(&mut self, offset: u32, op: &Operator<'_>) -> Result<()> {
        use Operator as O;
        match *op {
            O::ArraySet { array_type_index } => self.array_set(array_type_index),
            O::ArrayFill { array_type_index } => self.array_fill(array_type_index),
            O::ArrayCopy {
                array_type_index_dst,
                ..
            } => self.array_copy(array_type_index_dst),
            O::ArrayInitData {
                array_type_index,
                array_data_index,
            } => {
                self.array_init_data(array_type_index, array_data_index);
            }
            O::ArrayInitElem {
                array_type_index,
                array_elem_index,
            } => {
                self.array_init_elem(array_type_index, array_elem_index);
            }
            O::AnyConvertExtern => self.convert(HeapType::Any),
            O::ExternConvertAny => self.convert(HeapType::Extern),
            _ => return self.vector(offset, op),
        }
        Ok(())
    }

    fn rtt(&self, ty: u32) -> &'m Rtt {
        self.module.type_at(TypeIndex(ty)).rtt()
    }

    /// The reference to a new object of a module's type.
    fn object_type(&self, ty: u32) -> ValType {
        RefType::non_null(self.module.type_at(TypeIndex(ty)).heap_type()).into()
    }

    /// Makes an object of the topmost `count` operands.
    fn new_object(&mut self, ty: u32, object: NewObject<'m>, count: usize) -> Result<()> {
        self.stack.safepoint();
        let mut operands = Vec::with_capacity(count);
        for operand in self.stack.above(self.stack.height() - count) {
            operands.push(bulk(operand));
        }
        let dst = match operands.first() {
            Some(first) => first.home,
            None => self.stack.next_home()?,
        };
        self.stack.truncate(self.stack.height() - count);
        let val = self.sink.new_object(object, &operands, dst);
        self.stack.push(self.object_type(ty), val)
    }

    pub(super) fn struct_new(&mut self, ty: u32) -> Result<()> {
        let rtt = self.rtt(ty);
        self.new_object(ty, NewObject::Struct(rtt), rtt.fields().len())
    }

    pub(super) fn struct_new_default(&mut self, ty: u32) -> Result<()> {
        self.new_object(ty, NewObject::StructDefault(self.rtt(ty)), 0)
    }

    pub(super) fn array_new(&mut self, ty: u32) -> Result<()> {
        self.new_object(ty, NewObject::Array(self.rtt(ty)), 2)
    }

    pub(super) fn array_new_default(&mut self, ty: u32) -> Result<()> {
        self.new_object(ty, NewObject::ArrayDefault(self.rtt(ty)), 1)
    }

    pub(super) fn array_new_fixed(&mut self, ty: u32, count: u32) -> Result<()> {
        let first = self.stack.height() - count as usize;
        self.stack.flush_above(first, self.sink);
        self.stack.safepoint();
        let home = match self.stack.above(first).first() {
            Some(first) => first.home,
            None => self.stack.next_home()?,
        };
        self.stack.truncate(first);
        let object = NewObject::ArrayFixed(self.rtt(ty), home, count);
        let val = self.sink.new_object(object, &[], home);
        self.stack.push(self.object_type(ty), val)
    }

    pub(super) fn array_new_data(&mut self, ty: u32, data: u32) -> Result<()> {
        self.new_object(ty, NewObject::ArrayData(self.rtt(ty), data), 2)
    }

    pub(super) fn array_new_elem(&mut self, ty: u32, elem: u32) -> Result<()> {
        self.new_object(ty, NewObject::ArrayElem(self.rtt(ty), elem), 2)
    }

    pub(super) fn struct_get(&mut self, ty: u32, field: u32, signed: bool) -> Result<()> {
        let object = self.stack.pop();
        let place = self.rtt(ty).fields()[field as usize];
        let load = FieldLoad::of(place.storage, signed);
        let val = self
            .sink
            .field_get(load, place.offset_bytes, object.val, object.home);
        let ty = field_type(self.module.type_at(TypeIndex(ty)), field);
        self.stack.push(ty, val)
    }

    pub(super) fn struct_set(&mut self, ty: u32, field: u32) {
        let value = self.stack.pop();
        let object = self.stack.pop();
        let place = self.rtt(ty).fields()[field as usize];
        self.sink.field_set(
            place.storage,
            place.offset_bytes,
            bulk(&object),
            bulk(&value),
        );
    }

    pub(super) fn array_get(&mut self, ty: u32, signed: bool) -> Result<()> {
        let index = self.stack.pop();
        let array = self.stack.pop();
        let load = FieldLoad::of(element(self.rtt(ty)), signed);
        let val = self.sink.array_get(load, bulk(&array), bulk(&index));
        let ty = field_type(self.module.type_at(TypeIndex(ty)), 0);
        self.stack.push(ty, val)
    }

    pub(super) fn array_set(&mut self, ty: u32) {
        let value = self.stack.pop();
        let index = self.stack.pop();
        let array = self.stack.pop();
        let operands = [bulk(&array), bulk(&index), bulk(&value)];
        self.sink.array_set(element(self.rtt(ty)), operands);
    }

    pub(super) fn array_len(&mut self) -> Result<()> {
        let array = self.stack.pop();
        let val = self.sink.array_len(array.val, array.home);
        self.stack.push(ValType::I32, val)
    }

    fn array_bulk(&mut self, op: ArrayBulk, count: usize) {
        let first = self.stack.height() - count;
        let operands: Vec<_> = self.stack.above(first).iter().map(bulk).collect();
        self.stack.truncate(first);
        self.sink.array_bulk(op, &operands);
    }

    pub(super) fn array_fill(&mut self, ty: u32) {
        self.array_bulk(ArrayBulk::Fill(element(self.rtt(ty))), 4);
    }

    pub(super) fn array_copy(&mut self, ty: u32) {
        self.array_bulk(ArrayBulk::Copy(element(self.rtt(ty))), 5);
    }

    pub(super) fn array_init_data(&mut self, ty: u32, data: u32) {
        self.array_bulk(ArrayBulk::InitData(element(self.rtt(ty)), data), 4);
    }

    pub(super) fn array_init_elem(&mut self, ty: u32, elem: u32) {
        self.array_bulk(ArrayBulk::InitElem(element(self.rtt(ty)), elem), 4);
    }

    /// `(n << 1) | 1`: the lowest bit tells a number from an object.
    pub(super) fn ref_i31(&mut self) -> Result<()> {
        let number = self.stack.pop();
        let one = self.sink.constant(ValType::I32, 1);
        let val = self
            .sink
            .binary(BinaryOp::I32Shl, number.val, one, number.home);
        let one = self.sink.constant(ValType::I32, 1);
        let val = self.sink.binary(BinaryOp::I32Or, val, one, number.home);
        self.stack
            .push(RefType::non_null(HeapType::I31).into(), val)
    }

    pub(super) fn i31_get(&mut self, signed: bool) -> Result<()> {
        let reference = self.stack.pop();
        let val = self.sink.i31_get(signed, reference.val, reference.home);
        self.stack.push(ValType::I32, val)
    }

    pub(super) fn ref_eq(&mut self) -> Result<()> {
        let b = self.stack.pop();
        let a = self.stack.pop();
        let val = self.sink.compare(CompareOp::I64Eq, a.val, b.val, a.home);
        self.stack.push(ValType::I32, val)
    }

    /// `any.convert_extern` and its inverse: the same bits.
    pub(super) fn convert(&mut self, heap: HeapType) {
        let top = self.stack.peek();
        self.stack.retype(RefType::nullable(heap).into(), top.val);
    }

    fn cast_target(&self, heap: ParsedHeap) -> Result<CastTarget> {
        let parsed = ParsedRef::new(true, heap).map_or(ParsedType::I32, ParsedType::Ref);
        let ValType::Ref(ty) = self.value_type(parsed)? else {
            return Ok(CastTarget::Bottom);
        };
        let defined = match heap {
            ParsedHeap::Concrete(UnpackedIndex::Module(index)) => {
                Some(self.module.type_at(TypeIndex(index)))
            }
            ParsedHeap::Concrete(_) | ParsedHeap::Abstract { .. } | ParsedHeap::Exact(_) => None,
        };
        let depth = defined.map_or(0, |ty| ty.rtt().depth);
        Ok(match ty.heap {
            HeapType::Any | HeapType::Extern | HeapType::Func | HeapType::Exn => CastTarget::Top,
            HeapType::None | HeapType::NoExtern | HeapType::NoFunc | HeapType::NoExn => {
                CastTarget::Bottom
            }
            HeapType::Eq => CastTarget::Eq,
            HeapType::I31 => CastTarget::I31,
            HeapType::Struct => CastTarget::Struct,
            HeapType::Array => CastTarget::Array,
            HeapType::ConcreteStruct(id) | HeapType::ConcreteArray(id) => CastTarget::Object {
                id: id.0,
                depth,
                is_final: defined.is_some_and(|ty| ty.definition().is_final),
            },
            HeapType::ConcreteFunc(id) => CastTarget::Func { id: id.0, depth },
        })
    }

    pub(super) fn ref_test(&mut self, heap: ParsedHeap, nullable: bool) -> Result<()> {
        let reference = self.stack.pop();
        let test = CastTest {
            target: self.cast_target(heap)?,
            nullable,
            negated: false,
        };
        let operand = bulk(&reference);
        let val = self.sink.ref_test(test, operand, reference.home);
        self.stack.push(ValType::I32, val)
    }

    pub(super) fn ref_cast(&mut self, heap: ParsedHeap, nullable: bool) -> Result<()> {
        let test = CastTest {
            target: self.cast_target(heap)?,
            nullable,
            negated: false,
        };
        let reference = self.pop_to_keep();
        self.sink.ref_cast(test, bulk(&reference));
        self.push_kept(&reference)
    }

    /// Branches with a reference that is of type `to`, or with `negated`
    /// with one that is not.
    pub(super) fn br_on_cast(&mut self, depth: u32, to: ParsedRef, negated: bool) -> Result<()> {
        let test = CastTest {
            target: self.cast_target(to.heap_type())?,
            nullable: to.is_nullable(),
            negated,
        };
        let target = self.target(depth);
        self.settle_for_branch(target);
        let reference = self.pop_to_keep();
        self.push_kept(&reference)?;
        let kept = bulk(&self.stack.peek());
        let dst = self.stack.reserve_above(reference.home)?;
        let answer = self.sink.ref_test(test, kept, dst);
        self.branch_if(answer, target)
    }
}

fn bulk<V: Copy>(operand: &Operand<V>) -> BulkOperand<V> {
    BulkOperand {
        ty: operand.ty,
        val: operand.val,
        home: operand.home,
    }
}
