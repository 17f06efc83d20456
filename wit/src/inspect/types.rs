//! Views of types.

use std::fmt;

use wit_parser as wp;

use super::{Interface, Stability, World, view};
use crate::error::Location;
use crate::print;
use crate::set::PackageSet;

/// A type as it stands in a signature, a field or a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type<'a> {
    /// `bool`
    Bool,
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `s8`
    S8,
    /// `s16`
    S16,
    /// `s32`
    S32,
    /// `s64`
    S64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// `error-context`
    ErrorContext,
    /// A defined type, named or, like `list<u8>`, not.
    Defined(TypeDef<'a>),
}

impl<'a> Type<'a> {
    pub(crate) fn new(set: &'a PackageSet, ty: wp::Type) -> Self {
        match ty {
            wp::Type::Bool => Self::Bool,
            wp::Type::U8 => Self::U8,
            wp::Type::U16 => Self::U16,
            wp::Type::U32 => Self::U32,
            wp::Type::U64 => Self::U64,
            wp::Type::S8 => Self::S8,
            wp::Type::S16 => Self::S16,
            wp::Type::S32 => Self::S32,
            wp::Type::S64 => Self::S64,
            wp::Type::F32 => Self::F32,
            wp::Type::F64 => Self::F64,
            wp::Type::Char => Self::Char,
            wp::Type::String => Self::String,
            wp::Type::ErrorContext => Self::ErrorContext,
            wp::Type::Id(id) => Self::Defined(TypeDef::new(set, id)),
        }
    }
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::S8 => "s8",
            Self::S16 => "s16",
            Self::S32 => "s32",
            Self::S64 => "s64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Char => "char",
            Self::String => "string",
            Self::ErrorContext => "error-context",
            Self::Defined(def) => return def.fmt(f),
        })
    }
}

/// The structure of a [`TypeDef`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeKind<'a> {
    /// `record { … }`
    Record(Vec<Field<'a>>),
    /// `variant { … }`
    Variant(Vec<Case<'a>>),
    /// `enum { … }`: cases without a payload.
    Enum(Vec<Case<'a>>),
    /// `flags { … }`
    Flags(Vec<Flag<'a>>),
    /// `tuple<…>`
    Tuple(Vec<Type<'a>>),
    /// `option<…>`
    Option(Type<'a>),
    /// `result<…, …>`
    Result {
        /// The payload of `ok`.
        ok: Option<Type<'a>>,
        /// The payload of `err`.
        err: Option<Type<'a>>,
    },
    /// `list<…>`
    List(Type<'a>),
    /// `list<…, n>`
    FixedLengthList(Type<'a>, u32),
    /// `map<…, …>`
    Map(Type<'a>, Type<'a>),
    /// `future` or `future<…>`
    Future(Option<Type<'a>>),
    /// `stream` or `stream<…>`
    Stream(Option<Type<'a>>),
    /// `resource`; its functions are those of the interface whose `resource()` it is.
    Resource,
    /// `own<…>`
    Own(TypeDef<'a>),
    /// `borrow<…>`
    Borrow(TypeDef<'a>),
    /// Another name for a type: `type a = b`, or `use`.
    Alias(Type<'a>),
}

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its label.
    pub name: &'a str,
    /// Its type.
    pub ty: Type<'a>,
    /// Its documentation.
    pub docs: Option<&'a str>,
}

/// A case of a variant or enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case<'a> {
    /// Its label.
    pub name: &'a str,
    /// Its payload.
    pub ty: Option<Type<'a>>,
    /// Its documentation.
    pub docs: Option<&'a str>,
}

/// A flag of a `flags` type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag<'a> {
    /// Its label.
    pub name: &'a str,
    /// Its documentation.
    pub docs: Option<&'a str>,
}

/// What owns a named type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeOwner<'a> {
    /// An interface.
    Interface(Interface<'a>),
    /// A world.
    World(World<'a>),
}

view! {
    /// A type that WIT does not name itself: declared, used, or composed in place.
    TypeDef, wp::TypeId, types, wp::TypeDef
}

impl<'a> TypeDef<'a> {
    /// Its label; a type composed in place, such as `list<u8>`, has none.
    #[must_use]
    pub fn name(self) -> Option<&'a str> {
        self.data().name.as_deref()
    }

    /// What it is declared in; `None` for a type composed in place.
    #[must_use]
    pub fn owner(self) -> Option<TypeOwner<'a>> {
        match self.data().owner {
            wp::TypeOwner::Interface(id) => Some(TypeOwner::Interface(self.set.interface_view(id))),
            wp::TypeOwner::World(id) => Some(TypeOwner::World(World::new(self.set, id))),
            wp::TypeOwner::None => None,
        }
    }

    /// Its structure, one level deep.
    #[must_use]
    pub fn kind(self) -> TypeKind<'a> {
        let view = |ty: &wp::Type| Type::new(self.set, *ty);
        let optional = |ty: &Option<wp::Type>| ty.as_ref().map(view);
        match &self.data().kind {
            wp::TypeDefKind::Record(r) => TypeKind::Record(
                r.fields
                    .iter()
                    .map(|f| Field {
                        name: &f.name,
                        ty: view(&f.ty),
                        docs: f.docs.contents.as_deref(),
                    })
                    .collect(),
            ),
            wp::TypeDefKind::Variant(v) => TypeKind::Variant(
                v.cases
                    .iter()
                    .map(|c| Case {
                        name: &c.name,
                        ty: optional(&c.ty),
                        docs: c.docs.contents.as_deref(),
                    })
                    .collect(),
            ),
            wp::TypeDefKind::Enum(e) => TypeKind::Enum(
                e.cases
                    .iter()
                    .map(|c| Case {
                        name: &c.name,
                        ty: None,
                        docs: c.docs.contents.as_deref(),
                    })
                    .collect(),
            ),
            wp::TypeDefKind::Flags(f) => TypeKind::Flags(
                f.flags
                    .iter()
                    .map(|f| Flag {
                        name: &f.name,
                        docs: f.docs.contents.as_deref(),
                    })
                    .collect(),
            ),
            wp::TypeDefKind::Tuple(t) => TypeKind::Tuple(t.types.iter().map(view).collect()),
            wp::TypeDefKind::Option(ty) => TypeKind::Option(view(ty)),
            wp::TypeDefKind::Result(r) => TypeKind::Result {
                ok: optional(&r.ok),
                err: optional(&r.err),
            },
            wp::TypeDefKind::List(ty) => TypeKind::List(view(ty)),
            wp::TypeDefKind::FixedLengthList(ty, n) => TypeKind::FixedLengthList(view(ty), *n),
            wp::TypeDefKind::Map(key, value) => TypeKind::Map(view(key), view(value)),
            wp::TypeDefKind::Future(ty) => TypeKind::Future(optional(ty)),
            wp::TypeDefKind::Stream(ty) => TypeKind::Stream(optional(ty)),
            wp::TypeDefKind::Handle(wp::Handle::Own(id)) => {
                TypeKind::Own(TypeDef::new(self.set, *id))
            }
            wp::TypeDefKind::Handle(wp::Handle::Borrow(id)) => {
                TypeKind::Borrow(TypeDef::new(self.set, *id))
            }
            wp::TypeDefKind::Type(ty) => TypeKind::Alias(view(ty)),
            // The parser replaces unknown types when it resolves; none is left in a set.
            wp::TypeDefKind::Resource | wp::TypeDefKind::Unknown => TypeKind::Resource,
        }
    }

    /// Its documentation.
    #[must_use]
    pub fn docs(self) -> Option<&'a str> {
        self.data().docs.contents.as_deref()
    }

    /// Its gate.
    #[must_use]
    pub fn stability(self) -> Stability {
        (&self.data().stability).into()
    }

    /// The text of `@external-id`.
    #[must_use]
    pub fn external_id(self) -> Option<&'a str> {
        self.data().external_id.as_deref()
    }

    /// Where it is defined; `None` if it comes from a binary.
    #[must_use]
    pub fn location(self) -> Option<Location> {
        self.set.location(self.data().span)
    }
}

impl fmt::Display for TypeDef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (set, id) = self.parts();
        f.write_str(&print::type_name(set.resolve(), &wp::Type::Id(id)))
    }
}
