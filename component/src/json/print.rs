//! Values to JSON, on one line.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use linkspan_canon_abi::types::Named;
use linkspan_canon_abi::value::{Handle, List};
use linkspan_canon_abi::{Result, TypeDef, TypeTable, Val, ValType};

use super::{EXACT_MAX, HANDLE, may_be_null};
use crate::bounded::{PRINT_BYTES_MAX, Text};

/// The JSON of `value`, which is of the type `ty`.
///
/// ```
/// use linkspan_canon_abi::{TypeTable, Val, ValType};
///
/// let mut types = TypeTable::new();
/// let perms = types.flags(["read", "write", "exec"]).unwrap();
/// let text = linkspan::json::print(&types, perms, &Val::Flags(0b101)).unwrap();
/// assert_eq!(text, r#"["read","exec"]"#);
/// ```
///
/// # Errors
/// If `value` is not of the type, with the path to what does not fit, or if the text would be
/// longer than 256 MiB.
///
/// # Panics
/// If `ty` is not of `types`.
pub fn print(types: &TypeTable, ty: ValType, value: &Val) -> Result<String> {
    print_within(PRINT_BYTES_MAX, types, ty, value)
}

/// As [`print()`], with a limit of `bytes_max`.
pub(super) fn print_within(
    bytes_max: usize,
    types: &TypeTable,
    ty: ValType,
    value: &Val,
) -> Result<String> {
    value.check(types, ty)?;
    let mut printer = Printer {
        types,
        out: Text::new(bytes_max),
    };
    printer.value(ty, value);
    printer.out.finish()
}

struct Printer<'a> {
    types: &'a TypeTable,
    out: Text,
}

impl Printer<'_> {
    /// The value was checked against the type: what cannot be is left out.
    fn value(&mut self, ty: ValType, value: &Val) {
        match value {
            Val::Bool(v) => self.display(v),
            Val::S8(v) => self.display(v),
            Val::U8(v) => self.display(v),
            Val::S16(v) => self.display(v),
            Val::U16(v) => self.display(v),
            Val::S32(v) => self.display(v),
            Val::U32(v) => self.display(v),
            Val::S64(v) => self.wide(v.unsigned_abs(), v),
            Val::U64(v) => self.wide(*v, v),
            Val::F32(v) => self.float(f64::from(*v), v),
            Val::F64(v) => self.float(*v, v),
            Val::Char(v) => self.string(v.encode_utf8(&mut [0; 4])),
            Val::String(v) => self.string(v),
            Val::Own(handle) | Val::Borrow(handle) => self.handle(handle),
            Val::List(_)
            | Val::Map(_)
            | Val::Record(_)
            | Val::Tuple(_)
            | Val::Variant(..)
            | Val::Enum(_)
            | Val::Option(_)
            | Val::Result(_)
            | Val::Flags(_) => {
                if let ValType::Defined(id) = ty {
                    let types = self.types;
                    self.defined(types.def(id), value);
                }
            }
        }
    }

    fn defined(&mut self, def: &TypeDef, value: &Val) {
        match (def, value) {
            (TypeDef::List(elem) | TypeDef::FixedLengthList(elem, _), Val::List(list)) => {
                self.list(*elem, list);
            }
            (TypeDef::Map(key, value), Val::Map(entries)) => self.map((*key, *value), entries),
            (TypeDef::Record(fields), Val::Record(values)) => {
                let fields = fields.iter().zip(values);
                self.sequence(('{', '}'), fields, |printer, (field, value)| {
                    printer.string(&field.name);
                    printer.out.push(':');
                    printer.value(field.ty, value);
                });
            }
            (TypeDef::Tuple(fields), Val::Tuple(values)) => {
                let fields = fields.iter().zip(values);
                self.sequence(('[', ']'), fields, |printer, (ty, value)| {
                    printer.value(*ty, value);
                });
            }
            (TypeDef::Variant(cases), Val::Variant(case, payload)) => {
                if let Some(Named { name, ty }) = cases.get(*case as usize) {
                    self.case(name, *ty, payload.as_deref());
                }
            }
            (TypeDef::Enum(names), Val::Enum(case)) => {
                if let Some(name) = names.get(*case as usize) {
                    self.string(name);
                }
            }
            (TypeDef::Option(_), Val::Option(None)) => self.out.push_str("null"),
            (TypeDef::Option(some), Val::Option(payload)) => {
                if may_be_null(self.types, *some) {
                    self.case("some", Some(*some), payload.as_deref());
                } else if let Some(payload) = payload {
                    self.value(*some, payload);
                }
            }
            (TypeDef::Result { ok, .. }, Val::Result(Ok(payload))) => {
                self.case("ok", *ok, payload.as_deref());
            }
            (TypeDef::Result { err, .. }, Val::Result(Err(payload))) => {
                self.case("err", *err, payload.as_deref());
            }
            (TypeDef::Flags(names), Val::Flags(bits)) => {
                let set = (0_u32..).zip(names.iter());
                let set = set.filter(|(i, _)| bits.checked_shr(*i).unwrap_or(0) & 1 == 1);
                self.sequence(('[', ']'), set, |printer, (_, name)| printer.string(name));
            }
            // Checked before: a value of another type does not get here, and handles were
            // printed without their type.
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
            ) => {}
        }
    }

    fn list(&mut self, elem: ValType, list: &List) {
        match list {
            List::Values(values) => self.sequence(('[', ']'), values, |printer, value| {
                printer.value(elem, value);
            }),
            numbers => self.sequence(('[', ']'), numbers.iter(), |printer, value| {
                printer.value(elem, &value);
            }),
        }
    }

    fn map(&mut self, (key_ty, value_ty): (ValType, ValType), entries: &[(Val, Val)]) {
        if is_object(entries) && key_ty == ValType::String {
            self.sequence(('{', '}'), entries, |printer, (key, value)| {
                printer.value(key_ty, key);
                printer.out.push(':');
                printer.value(value_ty, value);
            });
            return;
        }
        self.sequence(('[', ']'), entries, |printer, (key, value)| {
            printer.out.push('[');
            printer.value(key_ty, key);
            printer.out.push(',');
            printer.value(value_ty, value);
            printer.out.push(']');
        });
    }

    fn sequence<T>(
        &mut self,
        brackets: (char, char),
        items: impl IntoIterator<Item = T>,
        mut print: impl FnMut(&mut Self, T),
    ) {
        self.out.push(brackets.0);
        for (i, item) in items.into_iter().enumerate() {
            if self.out.is_full() {
                return;
            }
            if i > 0 {
                self.out.push(',');
            }
            print(self, item);
        }
        self.out.push(brackets.1);
    }

    /// A name alone, or an object of the name and its payload.
    fn case(&mut self, name: &str, ty: Option<ValType>, payload: Option<&Val>) {
        let (Some(ty), Some(payload)) = (ty, payload) else {
            return self.string(name);
        };
        self.out.push('{');
        self.string(name);
        self.out.push(':');
        self.value(ty, payload);
        self.out.push('}');
    }

    fn handle(&mut self, handle: &Handle) {
        self.out.push('{');
        self.string(HANDLE);
        self.out.push(':');
        self.wide(handle.rep, &handle.rep);
        self.out.push('}');
    }

    /// An integer of that magnitude, which not all readers may be able to hold.
    fn wide(&mut self, magnitude: u64, value: &impl std::fmt::Display) {
        if magnitude > EXACT_MAX {
            self.out.push('"');
            self.display(value);
            self.out.push('"');
        } else {
            self.display(value);
        }
    }

    /// `value` in its own precision; JSON has no number that is none, nor infinity.
    fn float(&mut self, wide: f64, value: &impl std::fmt::Debug) {
        if wide.is_nan() {
            self.out.push_str("\"nan\"");
        } else if wide.is_infinite() {
            let text = if wide > 0.0 { "\"inf\"" } else { "\"-inf\"" };
            self.out.push_str(text);
        } else {
            // `Debug` tells a float from an integer, and writes large ones with an exponent.
            let _ = write!(self.out, "{value:?}");
        }
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // Writing to a text cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                c if c < ' ' => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

/// Whether an object can hold the entries: no key comes twice.
fn is_object(entries: &[(Val, Val)]) -> bool {
    let mut seen = BTreeSet::new();
    entries.iter().all(|(key, _)| match key {
        Val::String(key) => seen.insert(key),
        _ => false,
    })
}
