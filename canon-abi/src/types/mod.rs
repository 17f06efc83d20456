//! Value types, structurally interned: equal types of one table have equal ids,
//! and each knows its layout, its flat form and its facts.
//!
//! Resource types are not structural: they are abstract slots
//! ([`ResourceTypeId`]) that the user of the crate maps to whatever it links.
//! Streams, futures and error contexts are types as any other, whose values
//! cannot be moved yet.

mod compare;
mod picture;
mod print;
mod table;

pub use compare::Comparison;
pub use picture::DisplayLayout;
pub use print::{DisplayFunc, DisplayType};
pub use table::{Facts, TypeTable};

use crate::layout::PointerSize;

/// A value type: a primitive, or the id of a defined type in a [`TypeTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValType {
    /// `bool`
    Bool,
    /// `s8`
    S8,
    /// `u8`
    U8,
    /// `s16`
    S16,
    /// `u16`
    U16,
    /// `s32`
    S32,
    /// `u32`
    U32,
    /// `s64`
    S64,
    /// `u64`
    U64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// Everything else.
    Defined(TypeId),
}

impl ValType {
    /// Whether a map may have keys of this type (`keytype`).
    pub const fn is_key(self) -> bool {
        match self {
            Self::Bool
            | Self::S8
            | Self::U8
            | Self::S16
            | Self::U16
            | Self::S32
            | Self::U32
            | Self::S64
            | Self::U64
            | Self::Char
            | Self::String => true,
            Self::F32 | Self::F64 | Self::Defined(_) => false,
        }
    }
}

/// A defined type in one [`TypeTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(u32);

impl TypeId {
    /// The position in the table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An abstract resource type, which the user of the crate maps.
///
/// Ids with the bit [`ResourceTypeId::HOST`] name resources that the host
/// implements; the bit matters for messages alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceTypeId(pub u32);

impl ResourceTypeId {
    /// Marks a resource that the host implements.
    pub const HOST: u32 = 1 << 31;

    /// The resource type of the host with this number.
    pub const fn host(number: u32) -> Self {
        Self(number | Self::HOST)
    }

    /// Whether the host implements it.
    pub const fn is_host(self) -> bool {
        self.0 & Self::HOST != 0
    }

    pub(crate) const fn origin(self) -> &'static str {
        if self.is_host() {
            "host-defined resource"
        } else {
            "guest-defined resource"
        }
    }
}

/// A field of a record, or a case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named<T> {
    /// Its name in WIT (kebab case).
    pub name: Box<str>,
    /// Its type.
    pub ty: T,
}

/// The structure of a defined type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypeDef {
    /// `list<t>`
    List(ValType),
    /// `list<t, n>`: `n` elements in place, at least one.
    FixedLengthList(ValType, u32),
    /// `map<k, v>`: underneath, a list of pairs, in which keys may come twice.
    Map(ValType, ValType),
    /// `record { … }`, at least one field.
    Record(Box<[Named<ValType>]>),
    /// `tuple<…>`, at least one field.
    Tuple(Box<[ValType]>),
    /// `variant { … }`, at least one case.
    Variant(Box<[Named<Option<ValType>>]>),
    /// `enum { … }`, at least one case.
    Enum(Box<[Box<str>]>),
    /// `option<t>`
    Option(ValType),
    /// `result<t, e>`
    Result {
        /// The payload of `ok`.
        ok: Option<ValType>,
        /// The payload of `error`.
        err: Option<ValType>,
    },
    /// `flags { … }`, 1 to 32 labels.
    Flags(Box<[Box<str>]>),
    /// `own<r>`
    Own(ResourceTypeId),
    /// `borrow<r>`
    Borrow(ResourceTypeId),
    /// `stream<t>`, or `stream` of nothing. No value of it can be moved yet.
    Stream(Option<ValType>),
    /// `future<t>`, or `future` of nothing. No value of it can be moved yet.
    Future(Option<ValType>),
    /// `error-context`. No value of it can be moved yet.
    ErrorContext,
}

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuncType {
    /// Whether it is declared `async`.
    pub is_async: bool,
    /// Names and types of the parameters.
    pub params: Box<[Named<ValType>]>,
    /// The type of the result, if there is one.
    pub result: Option<ValType>,
}

impl FuncType {
    /// The type of a synchronous function.
    pub fn new<N: Into<Box<str>>>(
        params: impl IntoIterator<Item = (N, ValType)>,
        result: Option<ValType>,
    ) -> Self {
        let params = params
            .into_iter()
            .map(|(name, ty)| Named {
                name: name.into(),
                ty,
            })
            .collect();
        Self {
            is_async: false,
            params,
            result,
        }
    }

    /// Whether calls of the function need what is not built: it is
    /// asynchronous, or passes a stream, a future or an error context.
    pub fn needs_async(&self, types: &TypeTable) -> bool {
        let of_values = self.param_types().chain(self.result);
        self.is_async || of_values.into_iter().any(|ty| types.facts(ty).has_async)
    }

    /// The types of the parameters.
    pub fn param_types(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        self.params.iter().map(|param| param.ty)
    }

    /// Whether a call with this type needs a memory in the guest that it enters
    /// or leaves: a pointer in a parameter or result, or too many values.
    pub fn needs_memory(&self, types: &TypeTable) -> bool {
        let has_pointer = |ty: ValType| types.facts(ty).has_pointer;
        let signature =
            crate::flatten_functype(types, self, PointerSize::P32, crate::Context::Lift);
        signature.params_in_memory
            || signature.results_in_memory
            || self.param_types().any(has_pointer)
            || self.result.is_some_and(has_pointer)
    }
}
