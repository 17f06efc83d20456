//! Values to text, with the names of their type.
//!
//! The text is on one line, and what is printed parses to the same value, handles aside.

use std::fmt::Write as _;

use linkspan_canon_abi::types::Named;
use linkspan_canon_abi::value::{Handle, List};
use linkspan_canon_abi::{FuncType, ResourceTypeId, Result, TypeDef, TypeTable, Val, ValType};

use super::KEYWORDS;
use crate::bounded::{PRINT_BYTES_MAX, Text};

/// The text of `value`, which is of the type `ty`.
///
/// ```
/// use linkspan_canon_abi::{TypeTable, Val, ValType};
///
/// let mut types = TypeTable::new();
/// let perms = types.flags(["read", "write", "exec"]).unwrap();
/// assert_eq!(linkspan::wave::print(&types, perms, &Val::Flags(0b101)).unwrap(), "{read, exec}");
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

/// The text of the arguments of a call to `func`, in parentheses.
///
/// # Errors
/// As [`print()`]; arguments beyond the parameters are left out.
///
/// # Panics
/// If a type of `func` is not of `types`.
pub fn print_args(types: &TypeTable, func: &FuncType, values: &[Val]) -> Result<String> {
    for (ty, value) in func.param_types().zip(values) {
        value.check(types, ty)?;
    }
    let mut printer = Printer {
        types,
        out: Text::new(PRINT_BYTES_MAX),
    };
    let args = func.param_types().zip(values);
    printer.sequence(('(', ')'), args, |printer, (ty, value)| {
        printer.value(ty, value);
    });
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
            Val::S64(v) => self.display(v),
            Val::U64(v) => self.display(v),
            // Rust's spelling of a number that is none is `NaN`.
            Val::F32(v) if v.is_nan() => self.out.push_str("nan"),
            Val::F64(v) if v.is_nan() => self.out.push_str("nan"),
            Val::F32(v) => self.display(v),
            Val::F64(v) => self.display(v),
            Val::Char(c) => {
                self.out.push('\'');
                self.char(*c, '\'');
                self.out.push('\'');
            }
            Val::String(text) => {
                self.out.push('"');
                for c in text.chars() {
                    self.char(c, '"');
                }
                self.out.push('"');
            }
            Val::List(_)
            | Val::Map(_)
            | Val::Record(_)
            | Val::Tuple(_)
            | Val::Variant(..)
            | Val::Enum(_)
            | Val::Option(_)
            | Val::Result(_)
            | Val::Flags(_)
            | Val::Own(_)
            | Val::Borrow(_) => {
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
            (TypeDef::Record(fields), Val::Record(values)) => self.record(fields, values),
            (TypeDef::Tuple(fields), Val::Tuple(values)) => {
                let fields = fields.iter().zip(values);
                self.sequence(('(', ')'), fields, |printer, (ty, value)| {
                    printer.value(*ty, value);
                });
            }
            (TypeDef::Variant(cases), Val::Variant(case, payload)) => {
                if let Some(case) = usize::try_from(*case).ok().and_then(|i| cases.get(i)) {
                    self.case(&case.name);
                    self.payload(case.ty, payload.as_deref());
                }
            }
            (TypeDef::Enum(names), Val::Enum(case)) => {
                if let Some(name) = usize::try_from(*case).ok().and_then(|i| names.get(i)) {
                    self.case(name);
                }
            }
            (TypeDef::Option(_), Val::Option(None)) => self.out.push_str("none"),
            (TypeDef::Option(some), Val::Option(payload)) => {
                self.out.push_str("some");
                self.payload(Some(*some), payload.as_deref());
            }
            (TypeDef::Result { ok, .. }, Val::Result(Ok(payload))) => {
                self.out.push_str("ok");
                self.payload(*ok, payload.as_deref());
            }
            (TypeDef::Result { err, .. }, Val::Result(Err(payload))) => {
                self.out.push_str("err");
                self.payload(*err, payload.as_deref());
            }
            (TypeDef::Flags(names), Val::Flags(bits)) => {
                let set = (0_u32..).zip(names.iter());
                let set = set.filter(|(i, _)| bits.checked_shr(*i).unwrap_or(0) & 1 == 1);
                self.sequence(('{', '}'), set, |printer, (_, name)| {
                    printer.out.push_str(name);
                });
            }
            (TypeDef::Own(resource), Val::Own(handle))
            | (TypeDef::Borrow(resource), Val::Borrow(handle)) => self.handle(*resource, handle),
            // Checked before: a value of another type does not get here.
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

    fn record(&mut self, fields: &[Named<ValType>], values: &[Val]) {
        let present = |v: &&Val| !matches!(v, Val::Option(None));
        let fields = fields.iter().zip(values);
        let fields: Vec<_> = fields.filter(|(_, v)| present(v)).collect();
        if fields.is_empty() {
            self.out.push_str("{:}");
            return;
        }
        self.sequence(('{', '}'), fields, |printer, (field, value)| {
            printer.out.push_str(&field.name);
            printer.out.push_str(": ");
            printer.value(field.ty, value);
        });
    }

    fn map(&mut self, (key_ty, value_ty): (ValType, ValType), entries: &[(Val, Val)]) {
        if entries.is_empty() {
            self.out.push_str("{:}");
            return;
        }
        self.sequence(('{', '}'), entries, |printer, (key, value)| {
            printer.value(key_ty, key);
            printer.out.push_str(": ");
            printer.value(value_ty, value);
        });
    }

    fn list(&mut self, elem: ValType, list: &List) {
        match list {
            List::Values(values) => {
                self.sequence(('[', ']'), values, |printer, value| {
                    printer.value(elem, value);
                });
            }
            numbers => {
                self.sequence(('[', ']'), numbers.iter(), |printer, value| {
                    printer.value(elem, &value);
                });
            }
        }
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
                self.out.push_str(", ");
            }
            print(self, item);
        }
        self.out.push(brackets.1);
    }

    fn case(&mut self, name: &str) {
        if KEYWORDS.contains(&name) {
            self.out.push('%');
        }
        self.out.push_str(name);
    }

    fn payload(&mut self, ty: Option<ValType>, value: Option<&Val>) {
        if let (Some(ty), Some(value)) = (ty, value) {
            self.out.push('(');
            self.value(ty, value);
            self.out.push(')');
        }
    }

    fn handle(&mut self, resource: ResourceTypeId, handle: &Handle) {
        let name = self.types.resource_name(resource).unwrap_or("resource");
        let _ = write!(self.out, "<{name} {}>", handle.rep);
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // Writing to a text cannot fail.
        let _ = write!(self.out, "{value}");
    }

    /// One character between quotes `quote`.
    fn char(&mut self, c: char, quote: char) {
        match c {
            '\n' => self.out.push_str("\\n"),
            '\t' => self.out.push_str("\\t"),
            '\r' => self.out.push_str("\\r"),
            '\\' => self.out.push_str("\\\\"),
            c if c == quote => {
                self.out.push('\\');
                self.out.push(c);
            }
            '"' | '\'' => self.out.push(c),
            c if c.is_control() => {
                let _ = write!(self.out, "\\u{{{:x}}}", u32::from(c));
            }
            // What would not show, or would attach itself to the quote, is escaped.
            c => self.display(c.escape_debug()),
        }
    }
}
