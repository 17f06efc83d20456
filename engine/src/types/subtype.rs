//! Which types are subtypes of which. Types that modules define are compared
//! by their declared supertypes, which every type lists in its display, so
//! nothing here follows a graph of types.

use super::composite::{ArrayType, CompositeType, FieldType, StorageType, SubType};
use super::registry::{DefinedType, TypeRegistry};
use super::rtt::SUPERTYPES_MAX;
use super::{ExternType, FuncType, GlobalType, HeapType, MemoryType, RefType, TableType, ValType};
use crate::engine::Engine;
use crate::entity::TypeId;
use crate::error::{Error, Result};

impl HeapType {
    /// Whether the abstract type `sup` contains this type, whose id if any
    /// does not matter then.
    fn is_within(self, sup: HeapType) -> bool {
        use HeapType as H;
        match sup {
            H::Func => matches!(self, H::Func | H::NoFunc | H::ConcreteFunc(_)),
            H::Extern => matches!(self, H::Extern | H::NoExtern),
            H::Exn => matches!(self, H::Exn | H::NoExn),
            H::Any => self == H::Any || self.is_within(H::Eq),
            H::Eq => {
                matches!(self, H::Eq | H::I31)
                    || self.is_within(H::Struct)
                    || self.is_within(H::Array)
            }
            H::I31 => matches!(self, H::I31 | H::None),
            H::Struct => matches!(self, H::Struct | H::None | H::ConcreteStruct(_)),
            H::Array => matches!(self, H::Array | H::None | H::ConcreteArray(_)),
            H::NoFunc
            | H::NoExtern
            | H::None
            | H::NoExn
            | H::ConcreteFunc(_)
            | H::ConcreteStruct(_)
            | H::ConcreteArray(_) => self == sup,
        }
    }

    /// Whether every reference to `self` is one to `sup`; `inherits` tells
    /// whether the first of two different defined types is declared below
    /// the second, at any distance.
    pub(crate) fn matches(
        self,
        sup: HeapType,
        inherits: impl FnOnce(TypeId, TypeId) -> bool,
    ) -> bool {
        use HeapType as H;
        match (self, sup) {
            (H::NoFunc, H::ConcreteFunc(_))
            | (H::None, H::ConcreteStruct(_) | H::ConcreteArray(_)) => true,
            (H::ConcreteFunc(sub), H::ConcreteFunc(sup))
            | (H::ConcreteStruct(sub), H::ConcreteStruct(sup))
            | (H::ConcreteArray(sub), H::ConcreteArray(sup)) => sub == sup || inherits(sub, sup),
            _ => self.is_within(sup),
        }
    }
}

impl RefType {
    /// As [`HeapType::matches`], with null.
    pub(crate) fn matches(
        self,
        sup: RefType,
        inherits: impl FnOnce(TypeId, TypeId) -> bool,
    ) -> bool {
        (sup.nullable || !self.nullable) && self.heap.matches(sup.heap, inherits)
    }
}

/// Whether a size from `found.0` to `found.1` satisfies a declared one.
fn limits_fit(found: (u64, Option<u64>), expected: (u64, Option<u64>)) -> bool {
    found.0 >= expected.0
        && match (found.1, expected.1) {
            (_, None) => true,
            (Some(found), Some(expected)) => found <= expected,
            (None, Some(_)) => false,
        }
}

impl MemoryType {
    /// Whether a memory of this type can be imported as `expected`.
    pub(crate) fn fits(&self, expected: &MemoryType) -> bool {
        self.address == expected.address
            && self.shared == expected.shared
            && self.page_size_bytes == expected.page_size_bytes
            && limits_fit(
                (self.min_pages, self.max_pages),
                (expected.min_pages, expected.max_pages),
            )
    }
}

impl TableType {
    /// Whether a table of this type can be imported as `expected`.
    pub(crate) fn fits(&self, expected: &TableType) -> bool {
        self.address == expected.address
            && self.element == expected.element
            && limits_fit((self.min, self.max), (expected.min, expected.max))
    }
}

impl Engine {
    /// Whether something of type `found` can be imported as `expected`.
    /// Function types are compared for equality: what modules declare of
    /// their supertypes is not in an [`ExternType`], but
    /// [`Module::accepts`](crate::Module::accepts) knows it.
    #[must_use]
    pub fn fits(&self, found: &ExternType, expected: &ExternType) -> bool {
        match (found, expected) {
            (ExternType::Func(found), ExternType::Func(expected)) => found == expected,
            (ExternType::Table(found), ExternType::Table(expected)) => found.fits(expected),
            (ExternType::Memory(found), ExternType::Memory(expected)) => found.fits(expected),
            (ExternType::Global(found), ExternType::Global(expected)) => {
                self.types().global_matches(found, expected)
            }
            (ExternType::Tag(found), ExternType::Tag(expected)) => found == expected,
            (
                ExternType::Func(_)
                | ExternType::Table(_)
                | ExternType::Memory(_)
                | ExternType::Global(_)
                | ExternType::Tag(_),
                _,
            ) => false,
        }
    }
}

impl TypeRegistry {
    /// Whether every value of type `sub` is one of type `sup`.
    pub(crate) fn matches(&self, sub: ValType, sup: ValType) -> bool {
        match (sub, sup) {
            (ValType::Ref(sub), ValType::Ref(sup)) => {
                sub.matches(sup, |sub, sup| self.inherits(sub, sup))
            }
            _ => sub == sup,
        }
    }

    fn inherits(&self, sub: TypeId, sup: TypeId) -> bool {
        self.find(sub).is_some_and(|ty| ty.rtt().inherits(sup))
    }

    /// Whether a global of type `found` can be imported as `expected`: what
    /// may be written has one type.
    pub(crate) fn global_matches(&self, found: &GlobalType, expected: &GlobalType) -> bool {
        if found.mutable || expected.mutable {
            return found == expected;
        }
        self.matches(found.content, expected.content)
    }

    /// Refuses a definition that names no live type, or one of another kind
    /// than it says.
    pub(crate) fn check_refs(&self, definition: &SubType) -> Result<()> {
        let mut result = Ok(());
        definition.for_each_ref(&mut |ty| {
            if result.is_ok() {
                result = self.check_ref(ty).map(drop);
            }
        });
        result
    }

    /// The defined type that a reference type names, if it names one.
    pub(crate) fn check_ref(&self, ty: RefType) -> Result<Option<DefinedType>> {
        let Some(id) = ty.heap.type_id() else {
            return Ok(None);
        };
        match self.find(id) {
            Some(found) if found.heap_type() == ty.heap => Ok(Some(found)),
            Some(found) => Err(Error::usage(format!(
                "expected type {} to be what the reference says, found {}",
                id.0,
                found.definition()
            ))),
            None => Err(dead_type(id)),
        }
    }

    /// Whether what `ty` declares of its supertype holds, and all references
    /// in it are to types of the kind that they say: what validation checks
    /// for the types of modules.
    pub(crate) fn check_definition(&self, ty: &DefinedType) -> Result<()> {
        self.check_refs(ty.definition())?;
        let Some(id) = ty.definition().supertype else {
            return Ok(());
        };
        let supertype = self.find(id).ok_or_else(|| dead_type(id))?;
        if supertype.definition().is_final {
            return Err(Error::usage(format!(
                "expected a supertype that is not final, found {}",
                supertype.definition()
            )));
        }
        let (sub, sup) = (
            &ty.definition().composite,
            &supertype.definition().composite,
        );
        if self.composite_matches(sub, sup) {
            Ok(())
        } else {
            Err(Error::usage(format!(
                "expected a type that matches its supertype {sup}, found {sub}"
            )))
        }
    }

    fn composite_matches(&self, sub: &CompositeType, sup: &CompositeType) -> bool {
        match (sub, sup) {
            (CompositeType::Func(sub), CompositeType::Func(sup)) => self.func_matches(sub, sup),
            (CompositeType::Struct(sub), CompositeType::Struct(sup)) => {
                let (sub, sup) = (sub.fields(), sup.fields());
                sub.len() >= sup.len()
                    && sub
                        .iter()
                        .zip(sup)
                        .all(|(sub, sup)| self.field_matches(sub, sup))
            }
            (
                CompositeType::Array(ArrayType { element: sub }),
                CompositeType::Array(ArrayType { element: sup }),
            ) => self.field_matches(sub, sup),
            (CompositeType::Func(_) | CompositeType::Struct(_) | CompositeType::Array(_), _) => {
                false
            }
        }
    }

    fn func_matches(&self, sub: &FuncType, sup: &FuncType) -> bool {
        let all = |subs: &[ValType], sups: &[ValType]| {
            subs.len() == sups.len()
                && subs
                    .iter()
                    .zip(sups)
                    .all(|(sub, sup)| self.matches(*sub, *sup))
        };
        all(sup.params(), sub.params()) && all(sub.results(), sup.results())
    }

    fn field_matches(&self, sub: &FieldType, sup: &FieldType) -> bool {
        if sub.mutable || sup.mutable {
            return sub == sup;
        }
        match (sub.storage, sup.storage) {
            (StorageType::Val(sub), StorageType::Val(sup)) => self.matches(sub, sup),
            (sub, sup) => sub == sup,
        }
    }
}

#[cold]
pub(super) fn dead_type(id: TypeId) -> Error {
    Error::usage(format!(
        "there is no type {} in this engine: whoever defined it has been dropped",
        id.0
    ))
}

#[cold]
pub(super) fn too_deep() -> Error {
    Error::limit(format!(
        "a type may have {SUPERTYPES_MAX} supertypes, found more"
    ))
}
