//! The table: interning, layouts, flat forms and facts of each type.
//!
//! Names are taken as they come: whoever decodes a component has validated
//! them. What would break an invariant of this crate (empty records, too much
//! nesting, too large values) is refused.

use std::any;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Named, ResourceTypeId, TypeDef, TypeId, ValType};
use crate::flatten::{CoreType, FlatTypes};
use crate::layout::{Layout, PointerSize};
use crate::trap::{Error, Result};
use crate::{MAX_FLAGS, MAX_TYPE_DEPTH, MAX_VALUE_BYTES};

/// What holds of every value of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Holds a string or list.
    pub has_pointer: bool,
    /// Holds an own or borrow.
    pub has_handle: bool,
    /// Holds a borrow.
    pub has_borrow: bool,
    /// Holds a stream, a future or an error context.
    pub has_async: bool,
    /// Bits without padding, pointers or handles: a copy of the bytes is a copy
    /// of the value.
    pub pod: bool,
    /// Every bit pattern is a value, and the only pattern of it: no bool, char,
    /// enum, variant or partly used flags inside.
    pub valid_any: bool,
    /// Levels of nesting: 1 for a primitive.
    pub depth: u32,
}

impl Facts {
    const fn scalar(valid_any: bool) -> Self {
        Self {
            has_pointer: false,
            has_handle: false,
            has_borrow: false,
            has_async: false,
            pod: true,
            valid_any,
            depth: 1,
        }
    }

    const POINTER: Self = Self {
        has_pointer: true,
        pod: false,
        valid_any: false,
        ..Self::scalar(false)
    };

    /// The facts of something that holds both.
    fn and(self, other: Self) -> Self {
        Self {
            has_pointer: self.has_pointer | other.has_pointer,
            has_handle: self.has_handle | other.has_handle,
            has_borrow: self.has_borrow | other.has_borrow,
            has_async: self.has_async | other.has_async,
            pod: self.pod & other.pod,
            valid_any: self.valid_any & other.valid_any,
            depth: self.depth.max(other.depth),
        }
    }
}

/// All that is known of one type.
#[derive(Clone, Copy, Debug)]
struct Shape {
    layout: [Layout; 2],
    flat: [FlatTypes; 2],
    facts: Facts,
}

impl Shape {
    const EMPTY: Self = Self {
        layout: [Layout::EMPTY; 2],
        flat: [FlatTypes::EMPTY; 2],
        facts: Facts {
            depth: 0,
            ..Facts::scalar(true)
        },
    };

    fn scalar(size: u32, flat: CoreType, valid_any: bool) -> Self {
        Self {
            layout: [Layout::scalar(size); 2],
            flat: [FlatTypes::of(&[flat]); 2],
            facts: Facts::scalar(valid_any),
        }
    }

    fn pointer_pair() -> Self {
        Self {
            layout: PointerSize::ALL.map(Layout::pointer_pair),
            flat: PointerSize::ALL.map(|p| FlatTypes::of(&[CoreType::pointer(p); 2])),
            facts: Facts::POINTER,
        }
    }

    /// A list of elements of which these facts hold.
    fn list(elem: Facts) -> Self {
        let mut shape = Self::pointer_pair();
        shape.facts = Facts {
            depth: elem.depth,
            ..shape.facts.and(elem)
        };
        shape
    }

    fn handle(borrow: bool) -> Self {
        let mut shape = Self::scalar(4, CoreType::I32, false);
        shape.facts.depth = 0;
        shape.facts.has_handle = true;
        shape.facts.has_borrow = borrow;
        shape.facts.pod = false;
        shape
    }

    /// One end of something asynchronous: an index of a handle table, too.
    fn end(depth: u32) -> Self {
        let mut shape = Self::handle(false);
        shape.facts.has_async = true;
        shape.facts.depth = depth;
        shape
    }

    fn primitive(ty: ValType) -> Option<Self> {
        let int = |size| Self::scalar(size, CoreType::I32, true);
        Some(match ty {
            ValType::Bool => Self::scalar(1, CoreType::I32, false),
            ValType::S8 | ValType::U8 => int(1),
            ValType::S16 | ValType::U16 => int(2),
            ValType::S32 | ValType::U32 => int(4),
            ValType::S64 | ValType::U64 => Self::scalar(8, CoreType::I64, true),
            ValType::F32 => Self::scalar(4, CoreType::F32, true),
            ValType::F64 => Self::scalar(8, CoreType::F64, true),
            ValType::Char => Self::scalar(4, CoreType::I32, false),
            ValType::String => Self::pointer_pair(),
            ValType::Defined(_) => return None,
        })
    }
}

#[derive(Clone, Debug)]
struct Node {
    def: Arc<TypeDef>,
    shape: Shape,
}

/// A table of interned types.
#[derive(Clone, Debug, Default)]
pub struct TypeTable {
    nodes: Vec<Node>,
    ids: BTreeMap<Arc<TypeDef>, TypeId>,
    host_resources: Vec<(any::TypeId, &'static str)>,
    resource_names: BTreeMap<ResourceTypeId, Box<str>>,
}

impl TypeTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many defined types there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no type is defined yet.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The type with this structure: an existing one, or a new one.
    ///
    /// # Errors
    /// When a record, tuple, variant, enum, flags or fixed-length list type is
    /// empty, flags have more than 32 labels, the key of a map is neither bool,
    /// integer, char nor string, types nest deeper than [`MAX_TYPE_DEPTH`], or a
    /// value takes more than [`MAX_VALUE_BYTES`].
    ///
    /// # Panics
    /// When `def` names a type that is not of this table.
    pub fn intern(&mut self, def: TypeDef) -> Result<ValType> {
        if let Some(id) = self.ids.get(&def) {
            return Ok(ValType::Defined(*id));
        }
        let shape = self.shape_of(&def)?;
        let id = u32::try_from(self.nodes.len())
            .map(TypeId)
            .map_err(|_| Error::invalid_type("a type table holds at most 2^32 types"))?;
        let def = Arc::new(def);
        self.ids.insert(Arc::clone(&def), id);
        self.nodes.push(Node { def, shape });
        Ok(ValType::Defined(id))
    }

    /// `list<elem>`
    pub fn list(&mut self, elem: ValType) -> Result<ValType> {
        self.intern(TypeDef::List(elem))
    }

    /// `list<elem, count>`
    pub fn fixed_length_list(&mut self, elem: ValType, count: u32) -> Result<ValType> {
        self.intern(TypeDef::FixedLengthList(elem, count))
    }

    /// `map<key, value>`
    pub fn map(&mut self, key: ValType, value: ValType) -> Result<ValType> {
        self.intern(TypeDef::Map(key, value))
    }

    /// `record { … }`
    pub fn record<N: Into<Box<str>>>(
        &mut self,
        fields: impl IntoIterator<Item = (N, ValType)>,
    ) -> Result<ValType> {
        let fields = fields.into_iter().map(|(name, ty)| Named {
            name: name.into(),
            ty,
        });
        self.intern(TypeDef::Record(fields.collect()))
    }

    /// `tuple<…>`
    pub fn tuple(&mut self, fields: impl IntoIterator<Item = ValType>) -> Result<ValType> {
        self.intern(TypeDef::Tuple(fields.into_iter().collect()))
    }

    /// `variant { … }`
    pub fn variant<N: Into<Box<str>>>(
        &mut self,
        cases: impl IntoIterator<Item = (N, Option<ValType>)>,
    ) -> Result<ValType> {
        let cases = cases.into_iter().map(|(name, ty)| Named {
            name: name.into(),
            ty,
        });
        self.intern(TypeDef::Variant(cases.collect()))
    }

    /// `enum { … }`
    pub fn enumeration<N: Into<Box<str>>>(
        &mut self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<ValType> {
        self.intern(TypeDef::Enum(names.into_iter().map(Into::into).collect()))
    }

    /// As [`TypeTable::record`], compiled once instead of for each Rust type.
    #[doc(hidden)]
    pub fn describe_record(&mut self, fields: &[(&str, ValType)]) -> Result<Option<ValType>> {
        self.record(fields.iter().copied()).map(Some)
    }

    /// As [`TypeTable::variant`], compiled once instead of for each Rust type.
    #[doc(hidden)]
    pub fn describe_variant(
        &mut self,
        cases: &[(&str, Option<ValType>)],
    ) -> Result<Option<ValType>> {
        self.variant(cases.iter().copied()).map(Some)
    }

    /// As [`TypeTable::enumeration`], compiled once instead of for each Rust type.
    #[doc(hidden)]
    pub fn describe_enumeration(&mut self, names: &[&str]) -> Result<Option<ValType>> {
        self.enumeration(names.iter().copied()).map(Some)
    }

    /// As [`TypeTable::flags`], compiled once instead of for each Rust type.
    #[doc(hidden)]
    pub fn describe_flags(&mut self, names: &[&str]) -> Result<Option<ValType>> {
        self.flags(names.iter().copied()).map(Some)
    }

    /// `option<some>`
    pub fn option(&mut self, some: ValType) -> Result<ValType> {
        self.intern(TypeDef::Option(some))
    }

    /// `result<ok, err>`
    pub fn result(&mut self, ok: Option<ValType>, err: Option<ValType>) -> Result<ValType> {
        self.intern(TypeDef::Result { ok, err })
    }

    /// `flags { … }`
    pub fn flags<N: Into<Box<str>>>(
        &mut self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<ValType> {
        self.intern(TypeDef::Flags(names.into_iter().map(Into::into).collect()))
    }

    /// `own<resource>`
    pub fn own(&mut self, resource: ResourceTypeId) -> Result<ValType> {
        self.intern(TypeDef::Own(resource))
    }

    /// `borrow<resource>`
    pub fn borrow(&mut self, resource: ResourceTypeId) -> Result<ValType> {
        self.intern(TypeDef::Borrow(resource))
    }

    /// `stream<elem>`
    pub fn stream(&mut self, elem: Option<ValType>) -> Result<ValType> {
        self.intern(TypeDef::Stream(elem))
    }

    /// `future<value>`
    pub fn future(&mut self, value: Option<ValType>) -> Result<ValType> {
        self.intern(TypeDef::Future(value))
    }

    /// `error-context`
    pub fn error_context(&mut self) -> Result<ValType> {
        self.intern(TypeDef::ErrorContext)
    }

    /// The structure of a defined type.
    ///
    /// # Panics
    /// When the id is not of this table.
    pub fn def(&self, id: TypeId) -> &TypeDef {
        &self.nodes[id.index()].def
    }

    pub(crate) fn def_arc(&self, id: TypeId) -> &Arc<TypeDef> {
        &self.nodes[id.index()].def
    }

    /// Size and alignment in memory.
    ///
    /// # Panics
    /// When the type is not of this table; so do the other queries.
    pub fn layout(&self, ty: ValType, pointer: PointerSize) -> Layout {
        self.shape(ty).layout[pointer.index()]
    }

    /// The core types that carry the value flat (`flatten_type`).
    pub fn flat(&self, ty: ValType, pointer: PointerSize) -> FlatTypes {
        self.shape(ty).flat[pointer.index()]
    }

    /// What holds of every value of the type.
    pub fn facts(&self, ty: ValType) -> Facts {
        self.shape(ty).facts
    }

    /// The slot that stands for a Rust type which names a resource: equal for
    /// equal types of this table.
    pub fn host_resource<T: 'static>(&mut self) -> ResourceTypeId {
        let key = any::TypeId::of::<T>();
        let number = self
            .host_resources
            .iter()
            .position(|(k, _)| *k == key)
            .unwrap_or_else(|| {
                self.host_resources.push((key, any::type_name::<T>()));
                self.host_resources.len() - 1
            });
        ResourceTypeId::host(number as u32)
    }

    /// The Rust type for which [`TypeTable::host_resource`] made this slot.
    pub fn host_resource_key(&self, resource: ResourceTypeId) -> Option<any::TypeId> {
        Some(self.host_resource_entry(resource)?.0)
    }

    /// The name of that Rust type, for printing.
    pub fn host_resource_name(&self, resource: ResourceTypeId) -> Option<&'static str> {
        Some(self.host_resource_entry(resource)?.1)
    }

    fn host_resource_entry(
        &self,
        resource: ResourceTypeId,
    ) -> Option<&(any::TypeId, &'static str)> {
        let number = resource.0 & !ResourceTypeId::HOST;
        if resource.is_host() {
            self.host_resources.get(number as usize)
        } else {
            None
        }
    }

    /// Gives a resource a name for printing.
    pub fn name_resource(&mut self, resource: ResourceTypeId, name: impl Into<Box<str>>) {
        self.resource_names.insert(resource, name.into());
    }

    /// The name for printing.
    pub fn resource_name(&self, resource: ResourceTypeId) -> Option<&str> {
        self.resource_names.get(&resource).map(AsRef::as_ref)
    }

    fn shape(&self, ty: ValType) -> Shape {
        match ty {
            ValType::Defined(id) => self.nodes[id.index()].shape,
            ValType::Bool
            | ValType::S8
            | ValType::U8
            | ValType::S16
            | ValType::U16
            | ValType::S32
            | ValType::U32
            | ValType::S64
            | ValType::U64
            | ValType::F32
            | ValType::F64
            | ValType::Char
            | ValType::String => Shape::primitive(ty).unwrap_or(Shape::EMPTY),
        }
    }

    fn shape_of(&self, def: &TypeDef) -> Result<Shape> {
        let mut shape = match def {
            TypeDef::List(elem) => Shape::list(self.facts(*elem)),
            TypeDef::FixedLengthList(elem, count) => self.fixed_length(*elem, *count)?,
            TypeDef::Map(key, value) => {
                if !key.is_key() {
                    return Err(Error::invalid_type(format!(
                        "the key of a map is a bool, an integer, a char or a string, found {}",
                        self.display(*key)
                    )));
                }
                // The pairs must have a size, too.
                let pair = self.product([*key, *value].into_iter(), "pair")?;
                Shape::list(pair.facts)
            }
            TypeDef::Record(fields) => {
                self.product(fields.iter().map(|field| field.ty), "record")?
            }
            TypeDef::Tuple(fields) => self.product(fields.iter().copied(), "tuple")?,
            TypeDef::Variant(cases) => self.sum(cases.iter().map(|case| case.ty), "variant")?,
            TypeDef::Enum(names) => self.sum(names.iter().map(|_| None), "enum")?,
            TypeDef::Option(some) => self.sum([None, Some(*some)].into_iter(), "option")?,
            TypeDef::Result { ok, err } => self.sum([*ok, *err].into_iter(), "result")?,
            TypeDef::Flags(names) => {
                let count = names.len();
                if count == 0 || count > MAX_FLAGS {
                    return Err(Error::invalid_type(format!(
                        "flags have 1 to {MAX_FLAGS} labels, found {count}"
                    )));
                }
                let size = crate::layout::flags_size(count);
                let mut shape = Shape::scalar(size, CoreType::I32, count == size as usize * 8);
                shape.facts.depth = 0;
                shape
            }
            TypeDef::Own(_) => Shape::handle(false),
            TypeDef::Borrow(_) => Shape::handle(true),
            // One end of it travels, whatever the elements are.
            TypeDef::Stream(elem) | TypeDef::Future(elem) => {
                Shape::end(elem.map_or(0, |elem| self.facts(elem).depth))
            }
            TypeDef::ErrorContext => Shape::end(0),
        };
        shape.facts.depth += 1;
        if shape.facts.depth > MAX_TYPE_DEPTH {
            return Err(Error::invalid_type(format!(
                "types nest deeper than {MAX_TYPE_DEPTH}"
            )));
        }
        if shape.layout[0].size > MAX_VALUE_BYTES {
            return Err(too_large());
        }
        Ok(shape)
    }

    /// A list of a fixed length (`elem_size_list`, `flatten_list`).
    fn fixed_length(&self, elem: ValType, count: u32) -> Result<Shape> {
        if count == 0 {
            return Err(Error::invalid_type(
                "a list of fixed length has at least one element",
            ));
        }
        let elem = self.shape(elem);
        let mut whole = elem;
        for p in 0..2 {
            whole.layout[p] = elem.layout[p].repeat(count).ok_or_else(too_large)?;
            whole.flat[p] = elem.flat[p].repeat(count);
        }
        Ok(whole)
    }

    /// A record or tuple (`elem_size_record`, `flatten_record`).
    fn product(
        &self,
        fields: impl ExactSizeIterator<Item = ValType> + Clone,
        what: &str,
    ) -> Result<Shape> {
        if fields.len() == 0 {
            return Err(Error::invalid_type(format!(
                "a {what} has at least one field"
            )));
        }
        let mut whole = Shape::EMPTY;
        for ty in fields {
            let field = self.shape(ty);
            for p in 0..2 {
                let before = whole.layout[p].size;
                let (offset, layout) = whole.layout[p]
                    .append(field.layout[p])
                    .ok_or_else(too_large)?;
                whole.facts.pod &= offset == before;
                whole.layout[p] = layout;
                whole.flat[p].extend(&field.flat[p]);
            }
            whole.facts = whole.facts.and(field.facts);
        }
        for layout in &mut whole.layout {
            let padded = layout.pad().ok_or_else(too_large)?;
            whole.facts.pod &= padded == *layout;
            *layout = padded;
        }
        Ok(whole)
    }

    /// A variant or what is one underneath (`elem_size_variant`, `flatten_variant`).
    fn sum(
        &self,
        cases: impl ExactSizeIterator<Item = Option<ValType>> + Clone,
        what: &str,
    ) -> Result<Shape> {
        let count = cases.len();
        if count == 0 || u32::try_from(count).is_err() {
            return Err(Error::invalid_type(format!(
                "a {what} has at least one case"
            )));
        }
        let mut payload = Shape::EMPTY;
        let mut plain = true;
        for case in cases.flatten().map(|ty| self.shape(ty)) {
            plain = false;
            for p in 0..2 {
                payload.layout[p] = payload.layout[p].max(case.layout[p]);
                payload.flat[p].join(&case.flat[p]);
            }
            payload.facts = payload.facts.and(case.facts);
        }
        let mut whole = payload;
        whole.facts.pod = plain;
        whole.facts.valid_any = false;
        for p in 0..2 {
            let (_, layout) = Layout::variant(count, payload.layout[p]).ok_or_else(too_large)?;
            whole.layout[p] = layout;
            whole.flat[p] = FlatTypes::of(&[CoreType::I32]);
            whole.flat[p].extend(&payload.flat[p]);
        }
        Ok(whole)
    }
}

#[cold]
fn too_large() -> Error {
    Error::invalid_type(format!("a value takes more than {MAX_VALUE_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_structures_have_equal_ids() {
        let mut types = TypeTable::new();
        let a = types
            .record([("x", ValType::U8), ("y", ValType::String)])
            .unwrap();
        let b = types
            .record([("x", ValType::U8), ("y", ValType::String)])
            .unwrap();
        let c = types
            .record([("x", ValType::U8), ("z", ValType::String)])
            .unwrap();
        assert!(a == b && a != c);
        assert_eq!(types.len(), 2);
    }

    #[test]
    fn facts_follow_the_fields() {
        let mut types = TypeTable::new();
        let plain = types.tuple([ValType::U32, ValType::F32]).unwrap();
        let padded = types.tuple([ValType::U8, ValType::U32]).unwrap();
        let checked = types.tuple([ValType::Char, ValType::U32]).unwrap();
        let facts = |types: &TypeTable, ty| {
            let facts = types.facts(ty);
            (facts.pod, facts.valid_any)
        };
        assert_eq!(facts(&types, plain), (true, true));
        assert_eq!(facts(&types, padded), (false, true));
        assert_eq!(facts(&types, checked), (true, false));
        let borrow = types.borrow(ResourceTypeId(0)).unwrap();
        let list = types.list(borrow).unwrap();
        let outer = types.option(list).unwrap();
        let facts = types.facts(outer);
        assert!(facts.has_pointer && facts.has_handle && facts.has_borrow && !facts.pod);
        assert_eq!(facts.depth, 3);
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        let mut types = TypeTable::new();
        assert!(types.tuple([]).is_err());
        assert!(types.enumeration::<&str>([]).is_err());
        assert!(types.flags((0..33).map(|i| i.to_string())).is_err());
        assert!(types.flags((0..32).map(|i| i.to_string())).is_ok());
        let mut deep = ValType::U8;
        for _ in 1..MAX_TYPE_DEPTH {
            deep = types.list(deep).unwrap();
        }
        assert!(types.list(deep).is_err());
        let mut wide = ValType::U64;
        let last = loop {
            match types.tuple([wide, wide]) {
                Ok(ty) => wide = ty,
                Err(error) => break error,
            }
        };
        assert!(
            last.to_string().contains("more than 268435455 bytes"),
            "{last}"
        );
    }

    #[test]
    fn lists_of_fixed_length_are_in_place() {
        let mut types = TypeTable::new();
        let text = types.fixed_length_list(ValType::String, 3).unwrap();
        let sizes = PointerSize::ALL.map(|p| types.layout(text, p).size);
        assert_eq!(
            (sizes, types.flat(text, PointerSize::P64).count()),
            ([24, 48], 6)
        );
        let bytes = types.fixed_length_list(ValType::U8, 1 << 20).unwrap();
        assert_eq!(types.flat(bytes, PointerSize::P32).count(), 17);
        assert!(types.facts(bytes).pod && types.facts(bytes).valid_any);
        assert!(types.facts(text).has_pointer);
        assert!(types.fixed_length_list(ValType::U8, 0).is_err());
        assert!(
            types
                .fixed_length_list(ValType::U8, MAX_VALUE_BYTES)
                .is_ok()
        );
        for count in [256, 1 << 20, u32::MAX] {
            let error = types.fixed_length_list(bytes, count).unwrap_err();
            assert!(error.to_string().contains("268435455 bytes"), "{error}");
        }
    }

    #[test]
    fn maps_are_lists_of_pairs() {
        let mut types = TypeTable::new();
        let map = types.map(ValType::String, ValType::U8).unwrap();
        assert_eq!(types.layout(map, PointerSize::P32).size, 8);
        let borrow = types.borrow(ResourceTypeId(0)).unwrap();
        let lent = types.map(ValType::Char, borrow).unwrap();
        assert!(types.facts(lent).has_borrow && types.facts(lent).has_pointer);
        assert_eq!(types.facts(lent).depth, 2);
        for key in [ValType::F32, ValType::F64, map] {
            let error = types.map(key, ValType::U8).unwrap_err();
            assert!(
                error.to_string().starts_with("the key of a map is"),
                "{error}"
            );
        }
    }

    #[test]
    fn host_resources_are_keyed_by_rust_type() {
        let mut types = TypeTable::new();
        let a = types.host_resource::<u8>();
        let b = types.host_resource::<u16>();
        assert_eq!((types.host_resource::<u8>(), a == b), (a, false));
        assert_eq!(types.host_resource_key(b), Some(any::TypeId::of::<u16>()));
        assert_eq!(types.host_resource_key(ResourceTypeId(0)), None);
    }
}
