//! Types of values, functions, tables, memories and globals: the words of
//! the specification, without any knowledge of what is registered.

use core::fmt;
use std::sync::Arc;

pub use crate::entity::TypeId;
pub use composite::{ArrayType, CompositeType, FieldType, StorageType, StructType, SubType};
pub use registry::DefinedType;
pub(crate) use registry::TypeRegistry;

/// A defined type that is known to be a function type.
pub(crate) type FuncTypeRef = DefinedType;

mod composite;
mod note;
mod registry;
pub(crate) mod rtt;
pub(crate) mod subtype;

#[cfg(test)]
mod tests;

/// The type of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValType {
    /// A 32-bit integer without sign.
    I32,
    /// A 64-bit integer without sign.
    I64,
    /// A 32-bit IEEE 754 number.
    F32,
    /// A 64-bit IEEE 754 number.
    F64,
    /// A vector of 128 bits.
    V128,
    /// A reference.
    Ref(RefType),
}

/// The type of a reference: what it may point to, and whether it may be
/// null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefType {
    /// Whether null is a value of the type.
    pub nullable: bool,
    /// What the reference points to.
    pub heap: HeapType,
}

/// What a reference points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: the bottom of the functions.
    NoFunc,
    /// Any value of the host.
    Extern,
    /// No value of the host.
    NoExtern,
    /// Any value inside WebAssembly.
    Any,
    /// Any value that `ref.eq` compares.
    Eq,
    /// A 31-bit integer.
    I31,
    /// Any structure.
    Struct,
    /// Any array.
    Array,
    /// No value: the bottom of [`Any`](HeapType::Any).
    None,
    /// Any exception.
    Exn,
    /// No exception.
    NoExn,
    /// Functions of one type.
    ConcreteFunc(TypeId),
    /// Structures of one type and its subtypes.
    ConcreteStruct(TypeId),
    /// Arrays of one type and its subtypes.
    ConcreteArray(TypeId),
}

/// One of the four trees of types that share no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// Functions.
    Func,
    /// Values of the host.
    Extern,
    /// Values inside WebAssembly: structures, arrays, 31-bit integers.
    Any,
    /// Exceptions.
    Exn,
}

impl HeapType {
    /// The keyword of an abstract type; `None` for a type of a module.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            HeapType::Func => "func",
            HeapType::NoFunc => "nofunc",
            HeapType::Extern => "extern",
            HeapType::NoExtern => "noextern",
            HeapType::Any => "any",
            HeapType::Eq => "eq",
            HeapType::I31 => "i31",
            HeapType::Struct => "struct",
            HeapType::Array => "array",
            HeapType::None => "none",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
            HeapType::ConcreteFunc(_)
            | HeapType::ConcreteStruct(_)
            | HeapType::ConcreteArray(_) => return None,
        })
    }

    /// The type's id if a module defines it.
    #[must_use]
    pub fn type_id(self) -> Option<TypeId> {
        match self {
            HeapType::ConcreteFunc(id)
            | HeapType::ConcreteStruct(id)
            | HeapType::ConcreteArray(id) => Some(id),
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
            | HeapType::NoExn => None,
        }
    }

    /// The tree that the type stands in.
    #[must_use]
    pub fn hierarchy(self) -> Hierarchy {
        match self {
            HeapType::Func | HeapType::NoFunc | HeapType::ConcreteFunc(_) => Hierarchy::Func,
            HeapType::Extern | HeapType::NoExtern => Hierarchy::Extern,
            HeapType::Any
            | HeapType::Eq
            | HeapType::I31
            | HeapType::Struct
            | HeapType::Array
            | HeapType::None
            | HeapType::ConcreteStruct(_)
            | HeapType::ConcreteArray(_) => Hierarchy::Any,
            HeapType::Exn | HeapType::NoExn => Hierarchy::Exn,
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.type_id() {
            Some(id) => write!(f, "{}", id.0),
            None => f.write_str(self.name().unwrap_or_default()),
        }
    }
}

impl RefType {
    /// A function or null.
    pub const FUNCREF: RefType = RefType::nullable(HeapType::Func);
    /// A value of the host or null.
    pub const EXTERNREF: RefType = RefType::nullable(HeapType::Extern);
    /// Any value inside WebAssembly or null.
    pub const ANYREF: RefType = RefType::nullable(HeapType::Any);
    /// A value that `ref.eq` compares or null.
    pub const EQREF: RefType = RefType::nullable(HeapType::Eq);
    /// A 31-bit integer or null.
    pub const I31REF: RefType = RefType::nullable(HeapType::I31);
    /// A structure or null.
    pub const STRUCTREF: RefType = RefType::nullable(HeapType::Struct);
    /// An array or null.
    pub const ARRAYREF: RefType = RefType::nullable(HeapType::Array);
    /// An exception or null.
    pub const EXNREF: RefType = RefType::nullable(HeapType::Exn);

    /// A reference that may be null.
    #[must_use]
    pub const fn nullable(heap: HeapType) -> RefType {
        RefType {
            nullable: true,
            heap,
        }
    }

    /// A reference that is not null.
    #[must_use]
    pub const fn non_null(heap: HeapType) -> RefType {
        RefType {
            nullable: false,
            heap,
        }
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nullable {
            let short = match self.heap {
                HeapType::NoFunc => Some("nullfuncref"),
                HeapType::NoExtern => Some("nullexternref"),
                HeapType::None => Some("nullref"),
                HeapType::NoExn => Some("nullexnref"),
                HeapType::Func => Some("funcref"),
                HeapType::Extern => Some("externref"),
                HeapType::Any => Some("anyref"),
                HeapType::Eq => Some("eqref"),
                HeapType::I31 => Some("i31ref"),
                HeapType::Struct => Some("structref"),
                HeapType::Array => Some("arrayref"),
                HeapType::Exn => Some("exnref"),
                HeapType::ConcreteFunc(_)
                | HeapType::ConcreteStruct(_)
                | HeapType::ConcreteArray(_) => None,
            };
            match short {
                Some(short) => f.write_str(short),
                None => write!(f, "(ref null {})", self.heap),
            }
        } else {
            write!(f, "(ref {})", self.heap)
        }
    }
}

impl From<RefType> for ValType {
    fn from(ty: RefType) -> ValType {
        ValType::Ref(ty)
    }
}

impl ValType {
    /// A function or null.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF);
    /// A value of the host or null.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF);
    /// Any value inside WebAssembly or null.
    pub const ANYREF: ValType = ValType::Ref(RefType::ANYREF);
    /// A value that `ref.eq` compares or null.
    pub const EQREF: ValType = ValType::Ref(RefType::EQREF);
    /// A 31-bit integer or null.
    pub const I31REF: ValType = ValType::Ref(RefType::I31REF);
    /// A structure or null.
    pub const STRUCTREF: ValType = ValType::Ref(RefType::STRUCTREF);
    /// An array or null.
    pub const ARRAYREF: ValType = ValType::Ref(RefType::ARRAYREF);
    /// An exception or null.
    pub const EXNREF: ValType = ValType::Ref(RefType::EXNREF);

    /// Whether values of this type are references.
    #[must_use]
    pub fn is_ref(self) -> bool {
        matches!(self, ValType::Ref(_))
    }

    /// Whether values of this type are references that the collector
    /// follows: all but those to functions.
    #[must_use]
    pub(crate) fn is_traced(self) -> bool {
        matches!(self, ValType::Ref(ty) if ty.heap.hierarchy() != Hierarchy::Func)
    }

    /// The type as a reference type, if it is one.
    #[must_use]
    pub fn as_ref_type(self) -> Option<RefType> {
        if let ValType::Ref(ty) = self {
            Some(ty)
        } else {
            None
        }
    }

    /// How many slots of the slot stack a value of this type takes.
    #[must_use]
    pub(crate) const fn slots(self) -> usize {
        match self {
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 | ValType::Ref(_) => 1,
            ValType::V128 => 2,
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(ty) => ty.fmt(f),
        }
    }
}

/// The parameters and results of a function. Cloning is cheap; comparison is
/// structural.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncType {
    /// Parameters first, then results.
    types: Arc<[ValType]>,
    /// How many of `types` are parameters.
    param_count: u32,
}

impl FuncType {
    /// A function type from its parameters and results.
    ///
    /// Any length is accepted here. A type with more than 1000 parameters or
    /// results is refused where a function is made of it.
    #[must_use]
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let param_count = u32::try_from(types.len()).unwrap_or(u32::MAX);
        types.extend(results);
        FuncType {
            types: list(types),
            param_count,
        }
    }

    /// The types of the parameters.
    #[must_use]
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.param_count as usize]
    }

    /// The types of the results.
    #[must_use]
    pub fn results(&self) -> &[ValType] {
        &self.types[self.param_count as usize..]
    }
}

/// A shared list; all empty ones are one.
fn list<T>(items: Vec<T>) -> Arc<[T]> {
    if items.is_empty() {
        Arc::default()
    } else {
        items.into()
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Prints the text format: `(func (param i32 i64) (result f32))`.
impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word: &str, types: &[ValType]| {
            if types.is_empty() {
                return Ok(());
            }
            write!(f, " ({word}")?;
            for ty in types {
                write!(f, " {ty}")?;
            }
            f.write_str(")")
        };
        f.write_str("(func")?;
        list(f, "param", self.params())?;
        list(f, "result", self.results())?;
        f.write_str(")")
    }
}

/// What addresses of a memory and indices into a table are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressType {
    /// 32 bits without sign.
    #[default]
    I32,
    /// 64 bits without sign.
    I64,
}

impl AddressType {
    /// The type of operands that are addresses.
    #[must_use]
    pub fn val_type(self) -> ValType {
        match self {
            AddressType::I32 => ValType::I32,
            AddressType::I64 => ValType::I64,
        }
    }

    /// The largest address.
    #[must_use]
    pub fn max(self) -> u64 {
        match self {
            AddressType::I32 => u64::from(u32::MAX),
            AddressType::I64 => u64::MAX,
        }
    }
}

impl fmt::Display for AddressType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.val_type().fmt(f)
    }
}

/// Bytes of a page, unless a memory's type says otherwise.
pub(crate) const PAGE_SIZE_BYTES: u32 = 1 << 16;

/// The type of a linear memory.
///
/// ```
/// use linkspan_engine::{AddressType, MemoryType};
///
/// let small = MemoryType::new(1, Some(16));
/// let large = MemoryType { address: AddressType::I64, ..small };
/// assert_eq!(large.to_string(), "(memory i64 1 16)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// What addresses and sizes are.
    pub address: AddressType,
    /// Initial size in pages.
    pub min_pages: u64,
    /// Pages that the memory may grow to; absent means as far as addresses
    /// go. A shared memory has a maximum.
    pub max_pages: Option<u64>,
    /// Whether several threads may use the memory at once.
    pub shared: bool,
    /// Bytes of a page: 65,536 or 1.
    pub page_size_bytes: u32,
}

impl MemoryType {
    /// A memory of 32-bit addresses for one thread, in pages of 64 KiB.
    #[must_use]
    pub fn new(min_pages: u64, max_pages: Option<u64>) -> MemoryType {
        MemoryType {
            address: AddressType::I32,
            min_pages,
            max_pages,
            shared: false,
            page_size_bytes: PAGE_SIZE_BYTES,
        }
    }

    /// Pages that the memory may grow to, by its type alone: the maximum, or
    /// what addresses reach.
    pub(crate) fn reachable_pages(&self) -> u64 {
        let addressable = match self.address {
            // As many bytes as there are addresses, but the number of pages
            // is itself an address.
            AddressType::I32 => (1_u64 << 32) / u64::from(self.page_size_bytes.max(1)),
            AddressType::I64 => match self.page_size_bytes {
                0 | 1 => u64::MAX,
                bytes => (u64::MAX / u64::from(bytes)).saturating_add(1),
            },
        };
        let addressable = addressable.min(self.address.max());
        self.max_pages.unwrap_or(addressable).min(addressable)
    }
}

impl Default for MemoryType {
    /// An empty memory that may grow.
    fn default() -> MemoryType {
        MemoryType::new(0, None)
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(memory")?;
        if self.address == AddressType::I64 {
            write!(f, " {}", self.address)?;
        }
        write!(f, " {}", self.min_pages)?;
        if let Some(max) = self.max_pages {
            write!(f, " {max}")?;
        }
        if self.shared {
            f.write_str(" shared")?;
        }
        if self.page_size_bytes != PAGE_SIZE_BYTES {
            write!(f, " (pagesize {})", self.page_size_bytes)?;
        }
        f.write_str(")")
    }
}

/// The type of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    /// What indices and sizes are.
    pub address: AddressType,
    /// What an element is.
    pub element: RefType,
    /// Initial number of elements.
    pub min: u64,
    /// Elements that the table may grow to; absent means as far as indices
    /// go.
    pub max: Option<u64>,
}

impl TableType {
    /// A table with 32-bit indices.
    #[must_use]
    pub fn new(element: RefType, min: u64, max: Option<u64>) -> TableType {
        TableType {
            address: AddressType::I32,
            element,
            min,
            max,
        }
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(table")?;
        if self.address == AddressType::I64 {
            write!(f, " {}", self.address)?;
        }
        write!(f, " {}", self.min)?;
        if let Some(max) = self.max {
            write!(f, " {max}")?;
        }
        write!(f, " {})", self.element)
    }
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    /// What the global holds.
    pub content: ValType,
    /// Whether it may be written.
    pub mutable: bool,
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mutable {
            write!(f, "(global (mut {}))", self.content)
        } else {
            write!(f, "(global {})", self.content)
        }
    }
}

/// The type of a tag: what its exceptions carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TagType {
    /// The parameters are the types of the payload; there are no results.
    pub func: FuncType,
}

impl TagType {
    /// The types of the values that an exception with such a tag carries.
    #[must_use]
    pub fn payload(&self) -> &[ValType] {
        self.func.params()
    }
}

/// Prints the text format: `(tag (param i32))`.
impl fmt::Display for TagType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(tag")?;
        if !self.payload().is_empty() {
            f.write_str(" (param")?;
            for ty in self.payload() {
                write!(f, " {ty}")?;
            }
            f.write_str(")")?;
        }
        f.write_str(")")
    }
}

/// The type of something that a module imports or exports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag.
    Tag(TagType),
}

impl ExternType {
    /// The kind of item, as one word: `func`, `table`, `memory`,
    /// `global` or `tag`.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self {
            ExternType::Func(_) => "func",
            ExternType::Table(_) => "table",
            ExternType::Memory(_) => "memory",
            ExternType::Global(_) => "global",
            ExternType::Tag(_) => "tag",
        }
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => ty.fmt(f),
            ExternType::Table(ty) => ty.fmt(f),
            ExternType::Memory(ty) => ty.fmt(f),
            ExternType::Global(ty) => ty.fmt(f),
            ExternType::Tag(ty) => ty.fmt(f),
        }
    }
}

/// Something that a module needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportType<'m> {
    /// The first of the two names: by custom the providing module.
    pub module: &'m str,
    /// The second name.
    pub name: &'m str,
    /// What is expected.
    pub ty: ExternType,
}

/// Something that a module offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportType<'m> {
    /// Its name, unique in the module.
    pub name: &'m str,
    /// What it is.
    pub ty: ExternType,
}
