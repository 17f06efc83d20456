//! Types printed in the manner of WIT, with structure in place of names.
//!
//! The text is for people: it ends with `…` when a type is larger than anyone
//! would read, so a type that shares its parts cannot make it explode.

use std::cell::Cell;
use std::fmt;

use super::{FuncType, ResourceTypeId, TypeDef, TypeTable, ValType};

/// How many types one text prints.
const TYPES_MAX: u32 = 500;

impl TypeTable {
    /// The type in the manner of WIT: `list<tuple<string, u8>>`.
    pub fn display(&self, ty: ValType) -> DisplayType<'_> {
        DisplayType {
            types: self,
            ty,
            left: Cell::new(TYPES_MAX),
        }
    }

    /// The function type in the manner of WIT: `func(name: string) -> u32`.
    pub fn display_func<'a>(&'a self, func: &'a FuncType) -> DisplayFunc<'a> {
        DisplayFunc { types: self, func }
    }
}

/// A value type to print: see [`TypeTable::display`].
#[derive(Debug)]
pub struct DisplayType<'a> {
    types: &'a TypeTable,
    ty: ValType,
    left: Cell<u32>,
}

/// A function type to print: see [`TypeTable::display_func`].
#[derive(Debug)]
pub struct DisplayFunc<'a> {
    types: &'a TypeTable,
    func: &'a FuncType,
}

impl fmt::Display for DisplayType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.left.set(TYPES_MAX);
        self.ty(f, self.ty)
    }
}

impl fmt::Display for DisplayFunc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.func.is_async {
            "async func("
        } else {
            "func("
        })?;
        for (i, param) in self.func.params.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", param.name, self.types.display(param.ty))?;
        }
        f.write_str(")")?;
        match self.func.result {
            Some(result) => write!(f, " -> {}", self.types.display(result)),
            None => Ok(()),
        }
    }
}

impl DisplayType<'_> {
    fn ty(&self, f: &mut fmt::Formatter<'_>, ty: ValType) -> fmt::Result {
        let Some(left) = self.left.get().checked_sub(1) else {
            return f.write_str("…");
        };
        self.left.set(left);
        f.write_str(match ty {
            ValType::Bool => "bool",
            ValType::S8 => "s8",
            ValType::U8 => "u8",
            ValType::S16 => "s16",
            ValType::U16 => "u16",
            ValType::S32 => "s32",
            ValType::U32 => "u32",
            ValType::S64 => "s64",
            ValType::U64 => "u64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::Char => "char",
            ValType::String => "string",
            ValType::Defined(id) => return self.def(f, self.types.def(id)),
        })
    }

    fn def(&self, f: &mut fmt::Formatter<'_>, def: &TypeDef) -> fmt::Result {
        match def {
            TypeDef::List(elem) => self.generic(f, "list", &[Some(*elem)]),
            TypeDef::FixedLengthList(elem, count) => {
                f.write_str("list<")?;
                self.ty(f, *elem)?;
                write!(f, ", {count}>")
            }
            TypeDef::Map(key, value) => self.generic(f, "map", &[Some(*key), Some(*value)]),
            TypeDef::Option(some) => self.generic(f, "option", &[Some(*some)]),
            TypeDef::Result {
                ok: None,
                err: None,
            } => f.write_str("result"),
            TypeDef::Result { ok, err: None } => self.generic(f, "result", &[*ok]),
            TypeDef::Result { ok, err } => self.generic(f, "result", &[*ok, *err]),
            TypeDef::Tuple(fields) => {
                let fields: Vec<_> = fields.iter().copied().map(Some).collect();
                self.generic(f, "tuple", &fields)
            }
            TypeDef::Record(fields) => self.block(f, "record", fields.iter(), |f, field| {
                write!(f, "{}: ", field.name)?;
                self.ty(f, field.ty)
            }),
            TypeDef::Variant(cases) => self.block(f, "variant", cases.iter(), |f, case| {
                f.write_str(&case.name)?;
                match case.ty {
                    Some(ty) => {
                        f.write_str("(")?;
                        self.ty(f, ty)?;
                        f.write_str(")")
                    }
                    None => Ok(()),
                }
            }),
            TypeDef::Enum(names) => self.block(f, "enum", names.iter(), |f, n| f.write_str(n)),
            TypeDef::Flags(names) => self.block(f, "flags", names.iter(), |f, n| f.write_str(n)),
            TypeDef::Own(resource) => self.handle(f, "own", *resource),
            TypeDef::Borrow(resource) => self.handle(f, "borrow", *resource),
            TypeDef::Stream(None) => f.write_str("stream"),
            TypeDef::Stream(elem) => self.generic(f, "stream", &[*elem]),
            TypeDef::Future(None) => f.write_str("future"),
            TypeDef::Future(value) => self.generic(f, "future", &[*value]),
            TypeDef::ErrorContext => f.write_str("error-context"),
        }
    }

    fn generic(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        args: &[Option<ValType>],
    ) -> fmt::Result {
        write!(f, "{name}<")?;
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match arg {
                Some(ty) => self.ty(f, *ty)?,
                None => f.write_str("_")?,
            }
            if self.left.get() == 0 && i + 1 < args.len() {
                f.write_str(", …")?;
                break;
            }
        }
        f.write_str(">")
    }

    fn block<T>(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        items: impl Iterator<Item = T>,
        print: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
    ) -> fmt::Result {
        write!(f, "{name} {{")?;
        for (i, item) in items.enumerate() {
            f.write_str(if i == 0 { " " } else { ", " })?;
            let Some(left) = self.left.get().checked_sub(1) else {
                f.write_str("…")?;
                break;
            };
            self.left.set(left);
            print(f, item)?;
        }
        f.write_str(" }")
    }

    fn handle(
        &self,
        f: &mut fmt::Formatter<'_>,
        kind: &str,
        resource: ResourceTypeId,
    ) -> fmt::Result {
        match self.types.resource_name(resource) {
            Some(name) => write!(f, "{kind}<{name}>"),
            None if resource.is_host() => {
                if let Some(name) = self.types.host_resource_name(resource) {
                    return write!(f, "{kind}<{name}>");
                }
                write!(
                    f,
                    "{kind}<host resource {}>",
                    resource.0 & !ResourceTypeId::HOST
                )
            }
            None => write!(f, "{kind}<resource {}>", resource.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_like_wit() {
        let mut types = TypeTable::new();
        let color = types.enumeration(["red", "green"]).unwrap();
        let list = types.list(color).unwrap();
        let own = types.own(ResourceTypeId(3)).unwrap();
        let shape = types
            .variant([("dot", None), ("path", Some(list)), ("handle", Some(own))])
            .unwrap();
        let result = types.result(None, Some(ValType::String)).unwrap();
        let func = FuncType::new([("shape", shape), ("n", ValType::U8)], Some(result));
        let four = types.fixed_length_list(list, 4).unwrap();
        let map = types.map(ValType::String, four).unwrap();
        assert_eq!(
            types.display(map).to_string(),
            "map<string, list<list<enum { red, green }>, 4>>"
        );
        assert_eq!(
            types.display_func(&func).to_string(),
            "func(shape: variant { dot, path(list<enum { red, green }>), \
             handle(own<resource 3>) }, n: u8) -> result<_, string>"
        );
    }

    #[test]
    fn the_text_is_bounded() {
        let mut types = TypeTable::new();
        let mut ty = ValType::String;
        for _ in 0..40 {
            let list = types.list(ty).unwrap();
            ty = types.tuple([list, list, list]).unwrap();
        }
        let text = types.display(ty).to_string();
        assert!(text.contains('…') && text.len() < 20_000, "{}", text.len());
    }
}
