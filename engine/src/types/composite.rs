//! Definitions of types: what a module's type section declares and what a
//! host can declare in its place. They are plain data; the registry gives
//! them ids.

use core::fmt;
use std::sync::Arc;

use super::{FuncType, HeapType, RefType, ValType, list};
use crate::entity::TypeId;

/// What a field of a structure or an element of an array holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StorageType {
    /// An 8-bit integer, which is read as an `i32`.
    I8,
    /// A 16-bit integer, which is read as an `i32`.
    I16,
    /// A value.
    Val(ValType),
}

impl StorageType {
    /// The type of the value that reading answers.
    #[must_use]
    pub fn unpacked(self) -> ValType {
        match self {
            StorageType::I8 | StorageType::I16 => ValType::I32,
            StorageType::Val(ty) => ty,
        }
    }
}

impl From<ValType> for StorageType {
    fn from(ty: ValType) -> StorageType {
        StorageType::Val(ty)
    }
}

impl fmt::Display for StorageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageType::I8 => f.write_str("i8"),
            StorageType::I16 => f.write_str("i16"),
            StorageType::Val(ty) => ty.fmt(f),
        }
    }
}

/// A field of a structure, or the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldType {
    /// Whether it may be written.
    pub mutable: bool,
    /// What it holds.
    pub storage: StorageType,
}

impl FieldType {
    /// A field that may be written.
    #[must_use]
    pub fn mutable(storage: impl Into<StorageType>) -> FieldType {
        FieldType {
            mutable: true,
            storage: storage.into(),
        }
    }

    /// A field that keeps its first value.
    #[must_use]
    pub fn constant(storage: impl Into<StorageType>) -> FieldType {
        FieldType {
            mutable: false,
            storage: storage.into(),
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mutable {
            write!(f, "(mut {})", self.storage)
        } else {
            self.storage.fmt(f)
        }
    }
}

/// The fields of a structure. Cloning is cheap; comparison is structural.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StructType {
    fields: Arc<[FieldType]>,
}

impl StructType {
    /// A structure type from its fields.
    ///
    /// Any length is accepted here. A type with more than 10 000 fields is
    /// refused where it is defined.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = FieldType>) -> StructType {
        StructType {
            fields: list(fields.into_iter().collect()),
        }
    }

    /// The fields in order.
    #[must_use]
    pub fn fields(&self) -> &[FieldType] {
        &self.fields
    }
}

impl fmt::Debug for StructType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Prints the text format: `(struct (field i8) (field (mut i32)))`.
impl fmt::Display for StructType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(struct")?;
        for field in self.fields() {
            write!(f, " (field {field})")?;
        }
        f.write_str(")")
    }
}

/// What an array's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArrayType {
    /// Every element.
    pub element: FieldType,
}

/// Prints the text format: `(array (mut i8))`.
impl fmt::Display for ArrayType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(array {})", self.element)
    }
}

/// What a type definition defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompositeType {
    /// A function type.
    Func(FuncType),
    /// A structure type.
    Struct(StructType),
    /// An array type.
    Array(ArrayType),
}

impl From<FuncType> for CompositeType {
    fn from(ty: FuncType) -> CompositeType {
        CompositeType::Func(ty)
    }
}

impl From<StructType> for CompositeType {
    fn from(ty: StructType) -> CompositeType {
        CompositeType::Struct(ty)
    }
}

impl From<ArrayType> for CompositeType {
    fn from(ty: ArrayType) -> CompositeType {
        CompositeType::Array(ty)
    }
}

impl fmt::Display for CompositeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompositeType::Func(ty) => ty.fmt(f),
            CompositeType::Struct(ty) => ty.fmt(f),
            CompositeType::Array(ty) => ty.fmt(f),
        }
    }
}

/// A type definition: a composite type, what it is declared a subtype of,
/// and whether it may have subtypes itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubType {
    /// Whether no type can declare this one as its supertype.
    pub is_final: bool,
    /// The declared supertype.
    pub supertype: Option<TypeId>,
    /// What is defined.
    pub composite: CompositeType,
}

impl SubType {
    /// A final type without supertype: what the text format means when it
    /// says nothing of either.
    #[must_use]
    pub fn plain(composite: impl Into<CompositeType>) -> SubType {
        SubType {
            is_final: true,
            supertype: None,
            composite: composite.into(),
        }
    }

    /// A type that may have subtypes, below `supertype` if there is one.
    #[must_use]
    pub fn open(supertype: Option<TypeId>, composite: impl Into<CompositeType>) -> SubType {
        SubType {
            is_final: false,
            supertype,
            composite: composite.into(),
        }
    }

    /// Calls `each` with every reference type in it.
    pub(super) fn for_each_ref(&self, each: &mut dyn FnMut(RefType)) {
        let mut value = |ty: ValType| {
            if let ValType::Ref(ty) = ty {
                each(ty);
            }
        };
        match &self.composite {
            CompositeType::Func(ty) => ty.types.iter().copied().for_each(&mut value),
            CompositeType::Struct(ty) => {
                let fields = ty.fields().iter();
                fields.for_each(|field| value(field.storage.unpacked()));
            }
            CompositeType::Array(ty) => value(ty.element.storage.unpacked()),
        }
    }

    /// Calls `each` with every id in it.
    pub(super) fn for_each_id(&self, each: &mut dyn FnMut(TypeId)) {
        self.supertype.into_iter().for_each(&mut *each);
        self.for_each_ref(&mut |ty| ty.heap.type_id().into_iter().for_each(&mut *each));
    }

    /// The same definition with other ids. Lists without ids stay shared.
    pub(super) fn map_ids(&self, map: &dyn Fn(TypeId) -> TypeId) -> SubType {
        let value = |ty: ValType| match ty {
            ValType::Ref(ty) => ValType::Ref(RefType {
                nullable: ty.nullable,
                heap: map_heap(ty.heap, map),
            }),
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 | ValType::V128 => ty,
        };
        let field = |field: &FieldType| FieldType {
            mutable: field.mutable,
            storage: match field.storage {
                StorageType::Val(ty) => StorageType::Val(value(ty)),
                packed @ (StorageType::I8 | StorageType::I16) => packed,
            },
        };
        let mut has_ids = false;
        self.for_each_ref(&mut |ty| has_ids |= ty.heap.type_id().is_some());
        let composite = match &self.composite {
            composite if !has_ids => composite.clone(),
            CompositeType::Func(ty) => CompositeType::Func(FuncType {
                types: ty.types.iter().map(|ty| value(*ty)).collect(),
                param_count: ty.param_count,
            }),
            CompositeType::Struct(ty) => {
                CompositeType::Struct(StructType::new(ty.fields().iter().map(field)))
            }
            CompositeType::Array(ty) => CompositeType::Array(ArrayType {
                element: field(&ty.element),
            }),
        };
        SubType {
            is_final: self.is_final,
            supertype: self.supertype.map(map),
            composite,
        }
    }
}

fn map_heap(heap: HeapType, map: &dyn Fn(TypeId) -> TypeId) -> HeapType {
    match heap {
        HeapType::ConcreteFunc(id) => HeapType::ConcreteFunc(map(id)),
        HeapType::ConcreteStruct(id) => HeapType::ConcreteStruct(map(id)),
        HeapType::ConcreteArray(id) => HeapType::ConcreteArray(map(id)),
        HeapType::Func
        | HeapType::NoFunc
        | HeapType::Extern
        | HeapType::NoExtern
        | HeapType::Any
        | HeapType::Eq
        | HeapType::I31
        | HeapType::Struct
        | HeapType::Array
        | HeapType::None
        | HeapType::Exn
        | HeapType::NoExn => heap,
    }
}

/// Prints the text format: `(sub final 7 (struct (field i32)))`, or the
/// composite type alone where that means the same.
impl fmt::Display for SubType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_final && self.supertype.is_none() {
            return self.composite.fmt(f);
        }
        f.write_str(if self.is_final { "(sub final" } else { "(sub" })?;
        if let Some(supertype) = self.supertype {
            write!(f, " {}", supertype.0)?;
        }
        write!(f, " {})", self.composite)
    }
}
