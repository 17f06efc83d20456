//! JSON to values, led by the type.

use std::str::FromStr;

use linkspan_canon_abi::path::Step;
use linkspan_canon_abi::types::Named;
use linkspan_canon_abi::value::{Handle, List};
use linkspan_canon_abi::{FuncType, ResourceTypeId, TypeDef, TypeTable, Val, ValType};

use super::read::{Reader, Result};
use super::{HANDLE, may_be_null};
use crate::bounded::Room;
use crate::text_error::TextError;

/// Parses one value of the type `ty`; nothing else may stand in `text`.
///
/// ```
/// use linkspan_canon_abi::{TypeTable, Val, ValType};
///
/// let mut types = TypeTable::new();
/// let point = types.record([("x", ValType::S32), ("y", ValType::S32)]).unwrap();
/// let value = linkspan::json::parse(&types, point, r#"{"y": 4, "x": -3}"#).unwrap();
/// assert_eq!(value, Val::Record([Val::S32(-3), Val::S32(4)].into()));
/// ```
///
/// # Errors
/// The first place at which the text is not a value of the type, with the path in the value.
/// Handles are refused: see [`parse_with`].
///
/// # Panics
/// If `ty` is not of `types`.
pub fn parse(types: &TypeTable, ty: ValType, text: &str) -> Result<Val> {
    parse_with(types, ty, text, &mut |_| false)
}

/// As [`parse`], for values with handles: `{"$handle": 7}` is the handle with the token 7 if
/// `known` says so.
///
/// A token is nothing but a number, and whoever wrote the text may have guessed it: answer `true`
/// only for handles that were given to the same party before.
///
/// # Errors
/// As [`parse`]; a handle that is not known is one.
///
/// # Panics
/// If `ty` is not of `types`.
pub fn parse_with(
    types: &TypeTable,
    ty: ValType,
    text: &str,
    known: &mut dyn FnMut(Handle) -> bool,
) -> Result<Val> {
    parse_within(Room::new(), types, ty, text, known)
}

/// As [`parse_with`], with room for so many values.
pub(super) fn parse_within(
    room: Room,
    types: &TypeTable,
    ty: ValType,
    text: &str,
    known: &mut dyn FnMut(Handle) -> bool,
) -> Result<Val> {
    let mut parser = Parser {
        types,
        reader: Reader::new(text),
        room,
        known,
    };
    let value = parser.value(ty)?;
    parser.end()?;
    Ok(value)
}

/// Parses the arguments of a call: an array of them, or an object by the names of the parameters.
///
/// Arguments that are `none` may be left out: in an object, and at the end of an array.
///
/// # Errors
/// As [`parse`]; paths start with the parameter's name.
///
/// # Panics
/// If a type of `func` is not of `types`.
pub fn parse_args(types: &TypeTable, func: &FuncType, text: &str) -> Result<Vec<Val>> {
    let mut parser = Parser {
        types,
        reader: Reader::new(text),
        room: Room::new(),
        known: &mut |_| false,
    };
    let values = match parser.reader.peek() {
        Some('{') => parser.fields(&func.params, "argument")?,
        Some('[') => parser.positions(&func.params)?,
        Some(_) | None => {
            let expected = "the arguments as an array or as an object by name";
            return Err(parser.reader.unexpected(expected));
        }
    };
    parser.end()?;
    Ok(values)
}

struct Parser<'a, 'k> {
    types: &'a TypeTable,
    reader: Reader<'a>,
    room: Room,
    known: &'k mut dyn FnMut(Handle) -> bool,
}

impl<'a> Parser<'a, '_> {
    fn end(&mut self) -> Result<()> {
        match self.reader.peek() {
            None => Ok(()),
            Some(_) => Err(self.reader.unexpected("nothing more")),
        }
    }

    /// Takes the room of values that are about to be made.
    fn charge(&mut self, values: usize) -> Result<()> {
        let at = self.reader.position();
        let taken = self.room.take(values);
        taken.map_err(|message| self.reader.error(at..at, message))
    }

    #[cold]
    fn expected(&mut self, ty: ValType) -> TextError {
        let expected = format!("a value of type {}", self.types.display(ty));
        self.reader.unexpected(&expected)
    }

    fn value(&mut self, ty: ValType) -> Result<Val> {
        match ty {
            ValType::Bool if self.reader.word("true") => Ok(Val::Bool(true)),
            ValType::Bool if self.reader.word("false") => Ok(Val::Bool(false)),
            ValType::Bool => Err(self.expected(ty)),
            ValType::S8 => self.integer(ty).map(Val::S8),
            ValType::U8 => self.integer(ty).map(Val::U8),
            ValType::S16 => self.integer(ty).map(Val::S16),
            ValType::U16 => self.integer(ty).map(Val::U16),
            ValType::S32 => self.integer(ty).map(Val::S32),
            ValType::U32 => self.integer(ty).map(Val::U32),
            ValType::S64 => self.wide(ty).map(Val::S64),
            ValType::U64 => self.wide(ty).map(Val::U64),
            ValType::F32 => self.float(ty, |v: f32| v.is_finite()).map(Val::F32),
            ValType::F64 => self.float(ty, |v: f64| v.is_finite()).map(Val::F64),
            ValType::Char => {
                let start = self.reader.position();
                let text = self.string(ty)?;
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Ok(Val::Char(c)),
                    _ => {
                        let span = start..self.reader.position();
                        let message = "expected a string of one character for a char";
                        Err(self.reader.error(span, message))
                    }
                }
            }
            ValType::String => self.string(ty).map(Val::from),
            ValType::Defined(id) => {
                let types = self.types;
                self.defined(ty, types.def(id))
            }
        }
    }

    fn defined(&mut self, ty: ValType, def: &'a TypeDef) -> Result<Val> {
        match def {
            TypeDef::List(elem) => self.list(ty, *elem).map(Val::List),
            TypeDef::FixedLengthList(elem, length) => {
                let start = self.start();
                let list = self.list(ty, *elem)?;
                self.check_count(start, *length as usize, list.len())?;
                Ok(Val::List(list))
            }
            TypeDef::Map(key, value) => self.map(ty, *key, *value),
            TypeDef::Record(fields) => match self.reader.peek() {
                Some('{') => Ok(Val::Record(self.fields(fields, "field")?.into())),
                Some(_) | None => Err(self.expected(ty)),
            },
            TypeDef::Tuple(fields) => {
                let start = self.start();
                self.charge(fields.len())?;
                let mut values = Vec::with_capacity(fields.len());
                self.sequence(ty, ('[', ']'), |parser, i| {
                    let Some(field) = fields.get(i) else {
                        let expected = format!("`]` after {} elements", fields.len());
                        return Err(parser.reader.unexpected(&expected));
                    };
                    values.push(parser.value(*field).map_err(|e| e.within(position(i)))?);
                    Ok(())
                })?;
                self.check_count(start, fields.len(), values.len())?;
                Ok(Val::Tuple(values.into()))
            }
            TypeDef::Variant(cases) => {
                let names = |at: usize| cases.get(at).map(|case| (&*case.name, case.ty));
                let (at, payload) = self.case(ty, &names)?;
                Ok(Val::Variant(at, payload))
            }
            TypeDef::Enum(names) => {
                let names = |at: usize| names.get(at).map(|name| (&**name, None));
                Ok(Val::Enum(self.case(ty, &names)?.0))
            }
            TypeDef::Option(some) => self.option(*some),
            TypeDef::Result { ok, err } => {
                let cases = [("ok", *ok), ("err", *err)];
                let (at, payload) = self.case(ty, &|at| cases.get(at).copied())?;
                Ok(Val::Result(if at == 0 {
                    Ok(payload)
                } else {
                    Err(payload)
                }))
            }
            TypeDef::Flags(names) => self.flags(ty, names),
            TypeDef::Own(resource) => self.handle(ty, *resource).map(Val::Own),
            TypeDef::Borrow(resource) => self.handle(ty, *resource).map(Val::Borrow),
            TypeDef::Stream(_) | TypeDef::Future(_) | TypeDef::ErrorContext => {
                Err(self.expected(ty))
            }
        }
    }

    /// The position of what comes next.
    fn start(&mut self) -> usize {
        self.reader.peek();
        self.reader.position()
    }

    fn string(&mut self, ty: ValType) -> Result<String> {
        match self.reader.string()? {
            Some(text) => Ok(text),
            None => Err(self.expected(ty)),
        }
    }

    fn integer<T: FromStr>(&mut self, ty: ValType) -> Result<T> {
        let start = self.start();
        match self.reader.number()? {
            Some(token) => self.integer_of(ty, start, token),
            None => Err(self.expected(ty)),
        }
    }

    /// An integer that may be a string.
    fn wide<T: FromStr>(&mut self, ty: ValType) -> Result<T> {
        let start = self.start();
        match self.reader.string()? {
            Some(text) => self.integer_of(ty, start, &text),
            None => self.integer(ty),
        }
    }

    fn integer_of<T: FromStr>(&self, ty: ValType, start: usize, token: &str) -> Result<T> {
        let digits = token.strip_prefix('-').unwrap_or(token);
        let is_integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if is_integer && let Ok(number) = token.parse() {
            return Ok(number);
        }
        let shown: String = token.chars().take(40).collect();
        let ty = self.types.display(ty);
        let message = if is_integer {
            format!("{shown} is out of the range of {ty}")
        } else {
            format!("expected a value of type {ty}, found `{shown}`")
        };
        Err(self.reader.error(start..self.reader.position(), message))
    }

    fn float<T: FromStr + Copy>(
        &mut self,
        ty: ValType,
        is_finite: impl Fn(T) -> bool,
    ) -> Result<T> {
        let start = self.start();
        if let Some(token) = self.reader.number()? {
            let shown: String = token.chars().take(40).collect();
            return match token.parse() {
                Ok(number) if is_finite(number) => Ok(number),
                Ok(_) | Err(_) => {
                    let ty = self.types.display(ty);
                    let message = format!("{shown} is out of the range of {ty}");
                    Err(self.reader.error(start..self.reader.position(), message))
                }
            };
        }
        match self.reader.string()?.as_deref() {
            Some(word @ ("nan" | "inf" | "-inf")) => word.parse().map_err(|_| self.expected(ty)),
            Some(_) => {
                let message = "expected a number, or \"nan\", \"inf\" or \"-inf\"";
                Err(self.reader.error(start..self.reader.position(), message))
            }
            None => Err(self.expected(ty)),
        }
    }

    /// Parses items up to `close`, of which the opening counterpart comes next.
    fn sequence(
        &mut self,
        ty: ValType,
        (open, close): (char, char),
        mut item: impl FnMut(&mut Self, usize) -> Result<()>,
    ) -> Result<()> {
        if !self.reader.eat(open) {
            return Err(self.expected(ty));
        }
        if self.reader.eat(close) {
            return Ok(());
        }
        for count in 0.. {
            item(self, count)?;
            if !self.reader.eat(',') {
                break;
            }
        }
        self.reader.expect(close, &format!("`,` or `{close}`"))
    }

    fn list(&mut self, ty: ValType, elem: ValType) -> Result<List> {
        macro_rules! column {
            ($variant:ident, $read:ident) => {{
                let mut values = Vec::new();
                self.sequence(ty, ('[', ']'), |parser, i| {
                    parser.charge(1)?;
                    values.push(parser.$read(elem).map_err(|e| e.within(index(i)))?);
                    Ok(())
                })?;
                List::$variant(values)
            }};
        }
        Ok(match elem {
            ValType::S8 => column!(S8, integer),
            ValType::U8 => column!(U8, integer),
            ValType::S16 => column!(S16, integer),
            ValType::U16 => column!(U16, integer),
            ValType::S32 => column!(S32, integer),
            ValType::U32 => column!(U32, integer),
            ValType::S64 => column!(S64, wide),
            ValType::U64 => column!(U64, wide),
            ValType::F32
            | ValType::F64
            | ValType::Bool
            | ValType::Char
            | ValType::String
            | ValType::Defined(_) => match column!(Values, value) {
                List::Values(values) => List::pack(values),
                column => column,
            },
        })
    }

    fn check_count(&self, start: usize, expected: usize, found: usize) -> Result<()> {
        if expected == found {
            return Ok(());
        }
        let plural = if expected == 1 { "" } else { "s" };
        let message = format!("expected {expected} element{plural}, found {found}");
        Err(self.reader.error(start..self.reader.position(), message))
    }

    /// An object, or the list of pairs that a map is underneath.
    fn map(&mut self, ty: ValType, key_ty: ValType, value_ty: ValType) -> Result<Val> {
        let mut entries = Vec::new();
        if key_ty == ValType::String && self.reader.peek() == Some('{') {
            self.sequence(ty, ('{', '}'), |parser, i| {
                parser.charge(2)?;
                let key = parser.string(key_ty)?;
                parser.reader.expect(':', "`:` after a key")?;
                let value = parser.value(value_ty);
                let value = value.map_err(|e| e.within(position(1)).within(index(i)))?;
                entries.push((Val::from(key), value));
                Ok(())
            })?;
        } else {
            self.sequence(ty, ('[', ']'), |parser, i| {
                let entry = parser.pair(key_ty, value_ty);
                entries.push(entry.map_err(|e| e.within(index(i)))?);
                Ok(())
            })?;
        }
        Ok(Val::Map(entries.into()))
    }

    fn pair(&mut self, key: ValType, value: ValType) -> Result<(Val, Val)> {
        self.charge(2)?;
        self.reader
            .expect('[', "a key and its value in `[` and `]`")?;
        let key = self.value(key).map_err(|e| e.within(position(0)))?;
        self.reader.expect(',', "`,` between a key and its value")?;
        let value = self.value(value).map_err(|e| e.within(position(1)))?;
        self.reader.expect(']', "`]` after a key and its value")?;
        Ok((key, value))
    }

    /// An object with these keys; `what` they are called in errors.
    fn fields(&mut self, fields: &[Named<ValType>], what: &str) -> Result<Vec<Val>> {
        self.charge(fields.len())?;
        let start = self.reader.position();
        let mut values: Vec<Option<Val>> = fields.iter().map(|_| None).collect();
        self.sequence(ValType::Bool, ('{', '}'), |parser, _| {
            let start = parser.start();
            let Some(name) = parser.reader.string()? else {
                return Err(parser.reader.unexpected(&format!("the name of a {what}")));
            };
            let span = start..parser.reader.position();
            let Some(at) = fields.iter().position(|field| *field.name == *name) else {
                let names = fields.iter().map(|field| &*field.name);
                return Err(parser.no_such(what, span, &name, names));
            };
            if values[at].is_some() {
                let message = format!("{what} `{name}` is given twice");
                return Err(parser.reader.error(span, message));
            }
            parser
                .reader
                .expect(':', &format!("`:` after the name of a {what}"))?;
            let value = parser.value(fields[at].ty);
            values[at] = Some(value.map_err(|e| e.within_name(&name))?);
            Ok(())
        })?;
        let pairs = fields.iter().zip(values);
        pairs
            .map(|(field, value)| match value {
                Some(value) => Ok(value),
                None => self.left_out(field, what, start),
            })
            .collect()
    }

    /// An array of arguments.
    fn positions(&mut self, params: &[Named<ValType>]) -> Result<Vec<Val>> {
        let start = self.reader.position();
        let mut values = Vec::with_capacity(params.len());
        self.sequence(ValType::Bool, ('[', ']'), |parser, i| {
            let Some(param) = params.get(i) else {
                let expected = format!("`]` after {} arguments", params.len());
                return Err(parser.reader.unexpected(&expected));
            };
            let value = parser.value(param.ty);
            values.push(value.map_err(|e| e.within_name(&param.name))?);
            Ok(())
        })?;
        for param in &params[values.len()..] {
            values.push(self.left_out(param, "argument", start)?);
        }
        Ok(values)
    }

    /// The value of a field that is not given.
    fn left_out(&self, field: &Named<ValType>, what: &str, start: usize) -> Result<Val> {
        if may_be_null(self.types, field.ty) {
            return Ok(Val::Option(None));
        }
        let ty = self.types.display(field.ty);
        let message = format!("{what} `{}` of type {ty} is missing", field.name);
        Err(self.reader.error(start..self.reader.position(), message))
    }

    /// A case: its name, or an object of the name and the payload. `cases` gives the name and
    /// payload of each.
    fn case<'n>(
        &mut self,
        ty: ValType,
        cases: &dyn Fn(usize) -> Option<(&'n str, Option<ValType>)>,
    ) -> Result<(u32, Option<Box<Val>>)> {
        let is_object = self.reader.eat('{');
        let start = self.start();
        let Some(name) = self.reader.string()? else {
            return Err(if is_object {
                self.reader.unexpected("the name of a case")
            } else {
                self.expected(ty)
            });
        };
        let span = start..self.reader.position();
        let found = (0..).map_while(cases).position(|(case, _)| case == name);
        let Some((at, (_, payload))) = found.and_then(|at| Some((at, cases(at)?))) else {
            let names = (0..).map_while(|at| Some(cases(at)?.0));
            return Err(self.no_such("case", span, &name, names));
        };
        let value = match (payload, is_object) {
            (None, false) => None,
            (Some(payload), true) => {
                self.reader.expect(':', "`:` after the name of a case")?;
                let value = self.value(payload).map_err(|e| e.within_name(&name))?;
                self.reader.expect('}', "`}` after the payload of a case")?;
                Some(Box::new(value))
            }
            (None, true) => {
                let message = format!("`{name}` has no payload");
                let help = format!("write \"{name}\" without the object around it");
                return Err(self.reader.error(span, message).with_help(help));
            }
            (Some(payload), false) => {
                let ty = self.types.display(payload);
                let message = format!("`{name}` needs a payload of type {ty}");
                let help = format!("write {{\"{name}\": …}}");
                return Err(self.reader.error(span, message).with_help(help));
            }
        };
        Ok((u32::try_from(at).unwrap_or(u32::MAX), value))
    }

    fn option(&mut self, some: ValType) -> Result<Val> {
        if self.reader.word("null") {
            return Ok(Val::Option(None));
        }
        if may_be_null(self.types, some) {
            if self.reader.peek() != Some('{') {
                return Err(self.reader.unexpected("`null` or {\"some\": …}"));
            }
            let (_, payload) = self.case(some, &|at| (at == 0).then_some(("some", Some(some))))?;
            return Ok(Val::Option(payload));
        }
        let value = self.value(some).map_err(|e| e.within_name("some"))?;
        Ok(Val::Option(Some(Box::new(value))))
    }

    fn flags(&mut self, ty: ValType, names: &[Box<str>]) -> Result<Val> {
        let mut bits = 0_u32;
        self.sequence(ty, ('[', ']'), |parser, _| {
            let start = parser.start();
            let Some(name) = parser.reader.string()? else {
                return Err(parser.reader.unexpected("the name of a flag"));
            };
            let span = start..parser.reader.position();
            let at = names.iter().position(|flag| **flag == *name);
            let at = at.and_then(|at| u32::try_from(at).ok());
            let Some(bit) = at.and_then(|at| 1_u32.checked_shl(at)) else {
                let names = names.iter().map(|name| &**name);
                return Err(parser.no_such("flag", span, &name, names));
            };
            if bits & bit != 0 {
                let message = format!("flag `{name}` is given twice");
                return Err(parser.reader.error(span, message));
            }
            bits |= bit;
            Ok(())
        })?;
        Ok(Val::Flags(bits))
    }

    fn handle(&mut self, ty: ValType, resource: ResourceTypeId) -> Result<Handle> {
        let start = self.start();
        if !self.reader.eat('{') {
            return Err(self.expected(ty));
        }
        if self.reader.string()?.as_deref() != Some(HANDLE) {
            let span = start..self.reader.position();
            let message = format!("expected {{\"{HANDLE}\": …}} for a handle");
            return Err(self.reader.error(span, message));
        }
        self.reader.expect(':', "`:` after the name of a field")?;
        let rep = self.wide(ValType::U64)?;
        self.reader.expect('}', "`}` after a handle")?;
        let handle = Handle { resource, rep };
        if (self.known)(handle) {
            return Ok(handle);
        }
        let ty = self.types.display(ty);
        let message = format!("handle {rep} of type {ty} is not known here");
        let help = "handles come from calls: they cannot be made up";
        let span = start..self.reader.position();
        Err(self.reader.error(span, message).with_help(help))
    }

    #[cold]
    fn no_such<'n>(
        &self,
        what: &str,
        span: std::ops::Range<usize>,
        name: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> TextError {
        let shown: String = name.chars().take(40).collect();
        let names: Vec<&str> = names.take(20).collect();
        self.reader
            .error(
                span,
                format!("there is no {what} `{}`", shown.escape_debug()),
            )
            .with_help(format!("the {what}s are {}", names.join(", ")))
    }
}

fn index(i: usize) -> Step {
    Step::Index(u64::try_from(i).unwrap_or(u64::MAX))
}

fn position(i: usize) -> Step {
    Step::Position(u32::try_from(i).unwrap_or(u32::MAX))
}
