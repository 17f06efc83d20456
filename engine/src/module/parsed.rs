//! From types as the parser reads them to ours. Only type indices need
//! help: from the module's types, or while its types are being read from
//! whoever knows how many there are.

use wasmparser::{AbstractHeapType, HeapType as ParsedHeap, UnpackedIndex};

use crate::types::{
    ArrayType, CompositeType, DefinedType, FieldType, FuncType, HeapType, RefType, StorageType,
    StructType, SubType, TypeId, ValType,
};

/// What a type index means.
pub(super) type Lookup<'a> = &'a dyn Fn(u32) -> Option<HeapType>;

/// Looks type indices up among types that are registered.
pub(super) fn lookup(types: &[DefinedType]) -> impl Fn(u32) -> Option<HeapType> {
    |index| Some(types.get(index as usize)?.heap_type())
}

/// `None` for a type that the engine does not have.
pub(super) fn val_type(ty: wasmparser::ValType, lookup: Lookup<'_>) -> Option<ValType> {
    Some(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty, lookup)?),
    })
}

/// As [`val_type`].
pub(super) fn ref_type(ty: wasmparser::RefType, lookup: Lookup<'_>) -> Option<RefType> {
    Some(RefType {
        nullable: ty.is_nullable(),
        heap: heap_type(ty.heap_type(), lookup)?,
    })
}

/// As [`val_type`].
pub(super) fn heap_type(ty: ParsedHeap, lookup: Lookup<'_>) -> Option<HeapType> {
    use AbstractHeapType as A;
    match ty {
        ParsedHeap::Concrete(UnpackedIndex::Module(index)) => lookup(index),
        ParsedHeap::Abstract { shared: false, ty } => Some(match ty {
            A::Func => HeapType::Func,
            A::Extern => HeapType::Extern,
            A::Any => HeapType::Any,
            A::None => HeapType::None,
            A::NoExtern => HeapType::NoExtern,
            A::NoFunc => HeapType::NoFunc,
            A::Eq => HeapType::Eq,
            A::Struct => HeapType::Struct,
            A::Array => HeapType::Array,
            A::I31 => HeapType::I31,
            A::Exn => HeapType::Exn,
            A::NoExn => HeapType::NoExn,
            A::Cont | A::NoCont => return None,
        }),
        ParsedHeap::Abstract { shared: true, .. }
        | ParsedHeap::Concrete(_)
        | ParsedHeap::Exact(_) => None,
    }
}

/// As [`val_type`].
pub(super) fn composite_type(
    ty: &wasmparser::CompositeType,
    lookup: Lookup<'_>,
) -> Option<CompositeType> {
    use wasmparser::CompositeInnerType as Inner;
    if ty.shared || ty.descriptor_idx.is_some() || ty.describes_idx.is_some() {
        return None;
    }
    Some(match &ty.inner {
        Inner::Func(ty) => {
            let list = |types: &[wasmparser::ValType]| -> Option<Vec<ValType>> {
                types.iter().map(|ty| val_type(*ty, lookup)).collect()
            };
            FuncType::new(list(ty.params())?, list(ty.results())?).into()
        }
        Inner::Array(ty) => {
            let element = field_type(&ty.0, lookup)?;
            ArrayType { element }.into()
        }
        Inner::Struct(ty) => {
            let fields: Option<Vec<FieldType>> =
                ty.fields.iter().map(|ty| field_type(ty, lookup)).collect();
            StructType::new(fields?).into()
        }
        Inner::Cont(_) => return None,
    })
}

fn field_type(ty: &wasmparser::FieldType, lookup: Lookup<'_>) -> Option<FieldType> {
    Some(FieldType {
        mutable: ty.mutable,
        storage: match ty.element_type {
            wasmparser::StorageType::I8 => StorageType::I8,
            wasmparser::StorageType::I16 => StorageType::I16,
            wasmparser::StorageType::Val(ty) => StorageType::Val(val_type(ty, lookup)?),
        },
    })
}

/// The recursion group that starts at type index `first`, as the registry
/// takes it: its own types are positions.
pub(super) fn group(
    group: &wasmparser::RecGroup,
    first: u32,
    types: &[DefinedType],
) -> Option<Vec<SubType>> {
    use wasmparser::CompositeInnerType as Inner;
    let kinds: Vec<fn(TypeId) -> HeapType> = group
        .types()
        .map(|ty| {
            Some(match &ty.composite_type.inner {
                Inner::Func(_) => HeapType::ConcreteFunc as fn(TypeId) -> HeapType,
                Inner::Struct(_) => HeapType::ConcreteStruct,
                Inner::Array(_) => HeapType::ConcreteArray,
                Inner::Cont(_) => return None,
            })
        })
        .collect::<Option<_>>()?;
    let earlier = lookup(types);
    let heap = |index: u32| match index.checked_sub(first) {
        None => earlier(index),
        Some(position) => {
            let kind = kinds.get(position as usize)?;
            Some(kind(TypeId::in_group(position)))
        }
    };
    let definition = |ty: &wasmparser::SubType| {
        let supertype = match ty.supertype_idxs.as_slice() {
            [] => None,
            [index] => Some(heap(index.as_module_index()?)?.type_id()?),
            _ => return None,
        };
        Some(SubType {
            is_final: ty.is_final,
            supertype,
            composite: composite_type(&ty.composite_type, &heap)?,
        })
    };
    group.types().map(definition).collect()
}
