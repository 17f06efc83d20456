//! Dynamic values: positional, without names, small.
//!
//! A value does not know its type: names stand in the [`TypeTable`], positions
//! in the value. Nothing here lifts or lowers; that is [`program`](crate::program).
//!
//! Equality is structural. Floats compare as IEEE 754 says, but every NaN equals
//! every other: lifting makes all of them the canonical one. A list of scalars
//! equals the same list held as [`List::Values`].

use std::borrow::Cow;

use crate::path::Step;
use crate::trap::{Error, Result};
use crate::types::{ResourceTypeId, TypeDef, TypeTable, ValType};

/// A resource handle as a value: an opaque token of whoever makes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    /// The resource type that the function's type names.
    pub resource: ResourceTypeId,
    /// What the embedder stores behind handles of this type.
    pub rep: u64,
}

/// A dynamic component value.
#[derive(Clone, Debug)]
pub enum Val {
    /// `bool`
    Bool(bool),
    /// `s8`
    S8(i8),
    /// `u8`
    U8(u8),
    /// `s16`
    S16(i16),
    /// `u16`
    U16(u16),
    /// `s32`
    S32(i32),
    /// `u32`
    U32(u32),
    /// `s64`
    S64(i64),
    /// `u64`
    U64(u64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `char`
    Char(char),
    /// `string`
    String(Box<str>),
    /// `list<t>` and `list<t, n>`
    List(List),
    /// `map<k, v>`: keys with their values, in order; a key may come twice, and
    /// then its last value counts.
    Map(Box<[(Val, Val)]>),
    /// `record`: the fields in order.
    Record(Box<[Val]>),
    /// `tuple`: the fields in order.
    Tuple(Box<[Val]>),
    /// `variant`: the case by its position, and its payload.
    Variant(u32, Option<Box<Val>>),
    /// `enum`: the case by its position.
    Enum(u32),
    /// `option`
    Option(Option<Box<Val>>),
    /// `result`
    Result(Result<Option<Box<Val>>, Option<Box<Val>>>),
    /// `flags`: a bit for each label, the first lowest.
    Flags(u32),
    /// `own<r>`
    Own(Handle),
    /// `borrow<r>`
    Borrow(Handle),
}

/// Applies a macro to the scalar types that have a column in [`List`].
macro_rules! columns {
    ($apply:ident) => {
        $apply! {
            S8 i8, U8 u8, S16 i16, U16 u16, S32 i32, U32 u32, S64 i64, U64 u64, F32 f32, F64 f64
        }
    };
}

macro_rules! define_list {
    ($($name:ident $ty:ty),+) => {
        /// The elements of a list: numbers in one block, anything else as values.
        #[derive(Clone, Debug)]
        pub enum List {
            $(
                #[doc = concat!("A list of `", stringify!($ty), "`.")]
                $name(Vec<$ty>),
            )+
            /// A list of anything.
            Values(Vec<Val>),
        }

        impl List {
            /// How many elements there are.
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$name(list) => list.len(),)+
                    Self::Values(list) => list.len(),
                }
            }

            /// The list of these elements: a column if all are numbers of one
            /// type.
            ///
            /// # Examples
            /// ```
            /// use linkspan_canon_abi::{Val, value::List};
            /// let list = List::pack(vec![Val::U8(1), Val::U8(2)]);
            /// assert!(matches!(list, List::U8(bytes) if bytes == [1, 2]));
            /// ```
            pub fn pack(values: Vec<Val>) -> Self {
                match values.first() {
                    $(Some(Val::$name(_)) => {
                        let column = values.iter().map(|value| match value {
                            Val::$name(number) => Some(*number),
                            _ => None,
                        });
                        match column.collect() {
                            Some(column) => Self::$name(column),
                            None => Self::Values(values),
                        }
                    })+
                    Some(_) | None => Self::Values(values),
                }
            }

            /// A copy of one element.
            pub fn get(&self, index: usize) -> Option<Val> {
                match self {
                    $(Self::$name(list) => list.get(index).copied().map(Val::$name),)+
                    Self::Values(list) => list.get(index).cloned(),
                }
            }
        }

        $(
            impl From<Vec<$ty>> for List {
                fn from(list: Vec<$ty>) -> Self {
                    Self::$name(list)
                }
            }

            impl From<Vec<$ty>> for Val {
                fn from(list: Vec<$ty>) -> Self {
                    Self::List(List::$name(list))
                }
            }

            impl From<$ty> for Val {
                fn from(value: $ty) -> Self {
                    Self::$name(value)
                }
            }
        )+
    };
}
columns!(define_list);

impl List {
    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies of the elements.
    pub fn iter(&self) -> impl Iterator<Item = Val> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl From<bool> for Val {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<char> for Val {
    fn from(value: char) -> Self {
        Self::Char(value)
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Val {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Vec<Val>> for Val {
    fn from(list: Vec<Val>) -> Self {
        Self::List(List::Values(list))
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::U8(a), Self::U8(b)) => a == b,
            (Self::Values(a), Self::Values(b)) => a == b,
            (a, b) => a.len() == b.len() && a.iter().eq(b.iter()),
        }
    }
}

impl Eq for List {}

impl PartialEq for Val {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::F32(a), Self::F32(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::F64(a), Self::F64(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::S8(a), Self::S8(b)) => a == b,
            (Self::U8(a), Self::U8(b)) => a == b,
            (Self::S16(a), Self::S16(b)) => a == b,
            (Self::U16(a), Self::U16(b)) => a == b,
            (Self::S32(a), Self::S32(b)) => a == b,
            (Self::U32(a), Self::U32(b)) => a == b,
            (Self::S64(a), Self::S64(b)) => a == b,
            (Self::U64(a), Self::U64(b)) => a == b,
            (Self::Char(a), Self::Char(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Record(a), Self::Record(b)) | (Self::Tuple(a), Self::Tuple(b)) => a == b,
            (Self::Variant(a, x), Self::Variant(b, y)) => a == b && x == y,
            (Self::Enum(a), Self::Enum(b)) | (Self::Flags(a), Self::Flags(b)) => a == b,
            (Self::Option(a), Self::Option(b)) => a == b,
            (Self::Result(a), Self::Result(b)) => a == b,
            (Self::Own(a), Self::Own(b)) | (Self::Borrow(a), Self::Borrow(b)) => a == b,
            (a, b) => {
                debug_assert!(std::mem::discriminant(a) != std::mem::discriminant(b));
                false
            }
        }
    }
}

impl Eq for Val {}

impl Val {
    /// The kind of the value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::S8(_) => "s8",
            Self::U8(_) => "u8",
            Self::S16(_) => "s16",
            Self::U16(_) => "u16",
            Self::S32(_) => "s32",
            Self::U32(_) => "u32",
            Self::S64(_) => "s64",
            Self::U64(_) => "u64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::Char(_) => "char",
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Record(_) => "record",
            Self::Tuple(_) => "tuple",
            Self::Variant(..) => "variant",
            Self::Enum(_) => "enum",
            Self::Option(_) => "option",
            Self::Result(_) => "result",
            Self::Flags(_) => "flags",
            Self::Own(_) => "own",
            Self::Borrow(_) => "borrow",
        }
    }

    /// Checks that this is a value of the type.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) with the path to what does
    /// not fit.
    pub fn check(&self, types: &TypeTable, ty: ValType) -> Result<()> {
        let fits = match (ty, self) {
            (ValType::Bool, Self::Bool(_))
            | (ValType::S8, Self::S8(_))
            | (ValType::U8, Self::U8(_))
            | (ValType::S16, Self::S16(_))
            | (ValType::U16, Self::U16(_))
            | (ValType::S32, Self::S32(_))
            | (ValType::U32, Self::U32(_))
            | (ValType::S64, Self::S64(_))
            | (ValType::U64, Self::U64(_))
            | (ValType::F32, Self::F32(_))
            | (ValType::F64, Self::F64(_))
            | (ValType::Char, Self::Char(_))
            | (ValType::String, Self::String(_)) => true,
            (ValType::Defined(id), value) => return value.check_def(types, ty, types.def(id)),
            (
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
                | ValType::String,
                _,
            ) => false,
        };
        if fits {
            Ok(())
        } else {
            Err(self.misfit(types, ty))
        }
    }

    #[cold]
    fn misfit(&self, types: &TypeTable, ty: ValType) -> Error {
        Error::value(types.display(ty).to_string(), self.kind())
    }

    #[expect(clippy::too_many_lines, reason = "one row for each kind of type")]
    fn check_def(&self, types: &TypeTable, ty: ValType, def: &TypeDef) -> Result<()> {
        match (def, self) {
            (TypeDef::List(elem), Self::List(list)) => list.check(types, *elem),
            (TypeDef::FixedLengthList(elem, count), Self::List(list)) => {
                if list.len() != *count as usize {
                    let found = format!("a list of {}", list.len());
                    return Err(Error::value(types.display(ty).to_string(), found));
                }
                list.check(types, *elem)
            }
            (TypeDef::Map(key, value), Self::Map(entries)) => {
                let check = |ty, value: &Self, place: (usize, u32)| {
                    value
                        .check(types, ty)
                        .map_err(|e| e.within_position(place.1).within_index(place.0))
                };
                entries.iter().enumerate().try_for_each(|(i, entry)| {
                    check(*key, &entry.0, (i, 0))?;
                    check(*value, &entry.1, (i, 1))
                })
            }
            (TypeDef::Record(fields), Self::Record(values)) if fields.len() == values.len() => {
                for (field, value) in fields.iter().zip(values) {
                    value
                        .check(types, field.ty)
                        .map_err(|e| e.within(name(&field.name)))?;
                }
                Ok(())
            }
            (TypeDef::Tuple(fields), Self::Tuple(values)) if fields.len() == values.len() => {
                for (i, (field, value)) in (0..).zip(fields.iter().zip(values)) {
                    value
                        .check(types, *field)
                        .map_err(|e| e.within_position(i))?;
                }
                Ok(())
            }
            (TypeDef::Variant(cases), Self::Variant(case, payload)) => {
                let Some(case) = cases.get(*case as usize) else {
                    return Err(too_many("case", *case, cases.len()));
                };
                check_payload(types, case.ty, payload).map_err(|e| e.within(name(&case.name)))
            }
            (TypeDef::Enum(names), Self::Enum(case)) if (*case as usize) < names.len() => Ok(()),
            (TypeDef::Enum(names), Self::Enum(case)) => Err(too_many("case", *case, names.len())),
            (TypeDef::Option(_), Self::Option(None)) => Ok(()),
            (TypeDef::Option(some), Self::Option(Some(value))) => {
                value.check(types, *some).map_err(|e| e.within_name("some"))
            }
            (TypeDef::Result { ok, .. }, Self::Result(Ok(payload))) => {
                check_payload(types, *ok, payload).map_err(|e| e.within_name("ok"))
            }
            (TypeDef::Result { err, .. }, Self::Result(Err(payload))) => {
                check_payload(types, *err, payload).map_err(|e| e.within_name("error"))
            }
            (TypeDef::Flags(names), Self::Flags(bits)) => {
                let mask = crate::layout::flags_mask(names.len());
                if bits & !mask == 0 {
                    Ok(())
                } else {
                    Err(too_many("flag", bits.ilog2(), names.len()))
                }
            }
            (TypeDef::Own(resource), Self::Own(handle))
            | (TypeDef::Borrow(resource), Self::Borrow(handle))
                if *resource == handle.resource =>
            {
                Ok(())
            }
            (
                TypeDef::List(_)
                | TypeDef::FixedLengthList(..)
                | TypeDef::Map(..)
                | TypeDef::Record(_)
                | TypeDef::Tuple(_)
                | TypeDef::Variant(_)
                | TypeDef::Enum(_)
                | TypeDef::Option(_)
                | TypeDef::Result { .. }
                | TypeDef::Flags(_)
                | TypeDef::Own(_)
                | TypeDef::Borrow(_)
                | TypeDef::Stream(_)
                | TypeDef::Future(_)
                | TypeDef::ErrorContext,
                _,
            ) => Err(self.misfit(types, ty)),
        }
    }
}

macro_rules! check_list {
    ($($name:ident $ty:ty),+) => {
        impl List {
            fn check(&self, types: &TypeTable, elem: ValType) -> Result<()> {
                let column = match self {
                    $(Self::$name(_) => ValType::$name,)+
                    Self::Values(list) => {
                        for (i, value) in list.iter().enumerate() {
                            value.check(types, elem).map_err(|e| e.within_index(i))?;
                        }
                        return Ok(());
                    }
                };
                if column == elem || self.is_empty() {
                    return Ok(());
                }
                let found = types.display(column).to_string();
                let expected = types.display(elem).to_string();
                Err(Error::value(expected, found).within(Step::Element))
            }
        }
    };
}
columns!(check_list);

fn check_payload(types: &TypeTable, ty: Option<ValType>, payload: &Option<Box<Val>>) -> Result<()> {
    match (ty, payload) {
        (None, None) => Ok(()),
        (Some(ty), Some(value)) => value.check(types, ty),
        (Some(ty), None) => Err(Error::value(types.display(ty).to_string(), "no payload")),
        (None, Some(value)) => Err(Error::value("no payload", value.kind())),
    }
}

#[cold]
fn too_many(what: &str, found: u32, count: usize) -> Error {
    Error::value(
        format!("one of {count} {what}s"),
        format!("{what} number {found}"),
    )
}

fn name(name: &str) -> Step {
    Step::Name(Cow::Owned(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Val>() <= 32, "{}", size_of::<Val>());
    }

    #[test]
    fn equality() {
        assert_eq!(Val::F64(f64::NAN), Val::F64(-f64::NAN));
        assert_eq!(Val::F32(0.0), Val::F32(-0.0));
        assert_eq!(
            Val::from(vec![1_u8, 2]),
            Val::from(vec![Val::U8(1), Val::U8(2)])
        );
        assert_ne!(Val::from(vec![1_u8]), Val::from(vec![1_u16]));
        assert_ne!(Val::Record([].into()), Val::Tuple([].into()));
        assert_eq!(Val::from(vec![f32::NAN]), Val::from(vec![f32::NAN]));
    }

    #[test]
    fn values_are_checked_with_a_path() {
        let mut types = TypeTable::new();
        let bytes = types.list(ValType::U8).unwrap();
        let pair = types.tuple([ValType::String, bytes]).unwrap();
        let pairs = types.list(pair).unwrap();
        let req = types
            .record([("url", ValType::String), ("headers", pairs)])
            .unwrap();
        let value = |body: Val| {
            let pair = Val::Tuple([Val::from("a"), body].into());
            Val::Record([Val::from("u"), Val::from(vec![pair])].into())
        };
        value(Val::from(vec![1_u8])).check(&types, req).unwrap();
        let error = value(Val::from("b")).check(&types, req).unwrap_err();
        assert_eq!(
            error.to_string(),
            "headers[0].1: expected a value of type list<u8>, found string"
        );
        let three = types.fixed_length_list(ValType::U8, 3).unwrap();
        let map = types.map(ValType::String, three).unwrap();
        let value = |bytes: Vec<u8>| Val::Map([(Val::from("a"), Val::from(bytes))].into());
        value(vec![1, 2, 3]).check(&types, map).unwrap();
        assert_eq!(
            value(vec![1]).check(&types, map).unwrap_err().to_string(),
            "[0].1: expected a value of type list<u8, 3>, found a list of 1"
        );
        let shape = types
            .variant([("dot", None), ("at", Some(ValType::U8))])
            .unwrap();
        let text = |value: Val| value.check(&types, shape).unwrap_err().to_string();
        assert_eq!(
            text(Val::Variant(2, None)),
            "expected a value of type one of 2 cases, found case number 2"
        );
        assert_eq!(
            text(Val::Variant(1, None)),
            "at: expected a value of type u8, found no payload"
        );
    }
}
