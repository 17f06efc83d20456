//! Where the parts of a type stand, and the whole of it as text for people: size,
//! alignment, offsets, flat form, facts, and the program that moves its values.

use std::fmt;

use super::{TypeDef, TypeTable, ValType};
use crate::flatten::{CoreType, FlatTypes};
use crate::layout::{Layout, PointerSize, discriminant_size};
use crate::program::Programs;

impl TypeTable {
    /// Where the parts of a value stand in memory: the fields of a record or
    /// tuple, or the payload of a variant, option or result. Other types have no
    /// parts in place, or parts that are all alike.
    pub fn offsets(&self, ty: ValType, pointer: PointerSize) -> Vec<u32> {
        let ValType::Defined(id) = ty else {
            return Vec::new();
        };
        match self.def(id) {
            TypeDef::Record(fields) => self.fields(fields.iter().map(|f| f.ty), pointer),
            TypeDef::Tuple(fields) => self.fields(fields.iter().copied(), pointer),
            TypeDef::Variant(cases) => {
                let payloads = cases.iter().filter_map(|case| case.ty);
                self.payload(cases.len(), payloads, pointer)
            }
            TypeDef::Option(some) => self.payload(2, [*some].into_iter(), pointer),
            TypeDef::Result { ok, err } => {
                self.payload(2, [*ok, *err].into_iter().flatten(), pointer)
            }
            TypeDef::List(_)
            | TypeDef::FixedLengthList(..)
            | TypeDef::Map(..)
            | TypeDef::Enum(_)
            | TypeDef::Flags(_)
            | TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::Stream(_)
            | TypeDef::Future(_)
            | TypeDef::ErrorContext => Vec::new(),
        }
    }

    fn fields(&self, fields: impl Iterator<Item = ValType>, pointer: PointerSize) -> Vec<u32> {
        let mut whole = Layout::EMPTY;
        // A type of the table has a size, so no field leaves it.
        fields
            .map_while(|ty| {
                let (at, next) = whole.append(self.layout(ty, pointer))?;
                whole = next;
                Some(at)
            })
            .collect()
    }

    fn payload(
        &self,
        cases: usize,
        payloads: impl Iterator<Item = ValType>,
        pointer: PointerSize,
    ) -> Vec<u32> {
        let payload = payloads.fold(Layout::EMPTY, |whole, ty| {
            whole.max(self.layout(ty, pointer))
        });
        let whole = Layout::variant(cases, payload);
        whole.map(|(at, _)| at).into_iter().collect()
    }

    /// How values of the type look in memory and as core values, and how they
    /// move. What differs with 64-bit pointers stands behind a `/`. The format
    /// may change.
    pub fn display_layout(&self, ty: ValType) -> DisplayLayout<'_> {
        DisplayLayout { types: self, ty }
    }
}

/// The layout of a type to print: see [`TypeTable::display_layout`].
#[derive(Debug)]
pub struct DisplayLayout<'a> {
    types: &'a TypeTable,
    ty: ValType,
}

/// Something for 32-bit and for 64-bit pointers: once if it is the same.
struct Both<T>([T; 2]);

impl<T: fmt::Display + PartialEq> fmt::Display for Both<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([a, b]) = self;
        if a == b {
            write!(f, "{a}")
        } else {
            write!(f, "{a}/{b}")
        }
    }
}

fn both<T>(of: impl FnMut(PointerSize) -> T) -> Both<T> {
    Both(PointerSize::ALL.map(of))
}

impl fmt::Display for DisplayLayout<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { types, ty } = *self;
        writeln!(f, "{}", types.display(ty))?;
        self.measures(f, ty)?;
        let flat = PointerSize::ALL.map(|p| flat_text(&types.flat(ty, p)));
        match &flat {
            [a, b] if a == b => writeln!(f, "  flat {a}")?,
            [a, b] => writeln!(f, "  flat {a} / {b}")?,
        }
        self.facts(f)?;
        if let ValType::Defined(id) = ty {
            self.parts(f, types.def(id))?;
        }
        let [from, to] = PointerSize::ALL;
        match Programs::new().values(types, &[ty], from, to) {
            Ok(program) => program
                .to_string()
                .lines()
                .try_for_each(|line| writeln!(f, "  {line}")),
            Err(error) => writeln!(f, "  {error}"),
        }
    }
}

impl DisplayLayout<'_> {
    fn measures(&self, f: &mut fmt::Formatter<'_>, ty: ValType) -> fmt::Result {
        let layout = |p| self.types.layout(ty, p);
        let (size, align) = (both(|p| layout(p).size), both(|p| layout(p).align));
        writeln!(f, "  size {size}, aligned to {align}")
    }

    fn facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.types.facts(self.ty);
        let named = [
            (facts.pod, "no padding"),
            (facts.valid_any, "all bits valid"),
            (facts.has_pointer, "pointers"),
            (facts.has_handle, "handles"),
            (facts.has_borrow, "borrows"),
        ];
        f.write_str("  facts ")?;
        for (_, name) in named.iter().filter(|(holds, _)| *holds) {
            write!(f, "{name}, ")?;
        }
        writeln!(f, "depth {}", facts.depth)
    }

    fn parts(&self, f: &mut fmt::Formatter<'_>, def: &TypeDef) -> fmt::Result {
        let types = self.types;
        let [narrow, wide] = PointerSize::ALL.map(|p| types.offsets(self.ty, p));
        let offset = |i: usize| {
            let at = |offsets: &[u32]| offsets.get(i).copied().unwrap_or_default();
            Both([at(&narrow), at(&wide)])
        };
        let field = |f: &mut fmt::Formatter<'_>, i: usize, name: &str, ty: ValType| {
            writeln!(f, "  @{} {name}: {}", offset(i), types.display(ty))
        };
        match def {
            TypeDef::Record(fields) => fields
                .iter()
                .enumerate()
                .try_for_each(|(i, part)| field(f, i, &part.name, part.ty)),
            TypeDef::Tuple(fields) => fields
                .iter()
                .enumerate()
                .try_for_each(|(i, ty)| field(f, i, &i.to_string(), *ty)),
            TypeDef::Variant(cases) => {
                discriminant(f, cases.len())?;
                let payloads = cases.iter().filter_map(|case| Some((&case.name, case.ty?)));
                payloads
                    .into_iter()
                    .try_for_each(|(name, ty)| field(f, 0, name, ty))
            }
            TypeDef::Option(some) => {
                discriminant(f, 2)?;
                field(f, 0, "some", *some)
            }
            TypeDef::Result { ok, err } => {
                discriminant(f, 2)?;
                let payloads = [("ok", ok), ("error", err)];
                let mut payloads = payloads
                    .iter()
                    .filter_map(|(name, ty)| Some((name, (**ty)?)));
                payloads.try_for_each(|(name, ty)| field(f, 0, name, ty))
            }
            TypeDef::Enum(names) => discriminant(f, names.len()),
            TypeDef::List(elem) | TypeDef::FixedLengthList(elem, _) => {
                self.elements(f, "elements", &[*elem])
            }
            TypeDef::Map(key, value) => self.elements(f, "entries", &[*key, *value]),
            TypeDef::Flags(_)
            | TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::Stream(_)
            | TypeDef::Future(_)
            | TypeDef::ErrorContext => Ok(()),
        }
    }

    /// The distance from one element to the next.
    fn elements(&self, f: &mut fmt::Formatter<'_>, what: &str, parts: &[ValType]) -> fmt::Result {
        let stride = both(|p| {
            let parts = parts.iter().map(|ty| self.types.layout(*ty, p));
            let whole = parts.fold(Layout::EMPTY, |whole, part| {
                whole.append(part).map_or(whole, |(_, next)| next)
            });
            whole.pad().unwrap_or(whole).size
        });
        writeln!(f, "  {what} {stride} bytes apart")
    }
}

fn discriminant(f: &mut fmt::Formatter<'_>, cases: usize) -> fmt::Result {
    let bytes = discriminant_size(cases);
    writeln!(f, "  @0 which of {cases} cases, in {bytes} bytes")
}

fn flat_text(flat: &FlatTypes) -> String {
    if flat.overflows() {
        return format!("more than {}", crate::MAX_FLAT_PARAMS);
    }
    let names = flat.types().iter().map(|ty| ty.name());
    names.collect::<Vec<_>>().join(" ")
}

impl CoreType {
    /// The type as the text format writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_where_they_stand() {
        let mut types = TypeTable::new();
        let record = types
            .record([
                ("a", ValType::U8),
                ("b", ValType::String),
                ("c", ValType::U16),
            ])
            .unwrap();
        assert_eq!(types.offsets(record, PointerSize::P32), [0, 4, 12]);
        assert_eq!(types.offsets(record, PointerSize::P64), [0, 8, 24]);
        let option = types.option(record).unwrap();
        assert_eq!(types.offsets(option, PointerSize::P32), [4]);
        assert_eq!(types.offsets(option, PointerSize::P64), [8]);
        let list = types.list(record).unwrap();
        assert!(types.offsets(list, PointerSize::P32).is_empty());
        let text = types.display_layout(list).to_string();
        assert!(text.contains("elements 16/32 bytes apart"), "{text}");
    }
}
