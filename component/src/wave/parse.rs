//! Text to values, led by the type.

use std::str::FromStr;

use linkspan_canon_abi::path::Step;
use linkspan_canon_abi::types::Named;
use linkspan_canon_abi::value::List;
use linkspan_canon_abi::{FuncType, TypeDef, TypeTable, Val, ValType};

use super::lex::{Label, Lexer, Result};
use crate::bounded::Room;
use crate::text_error::TextError;

/// Parses one value of the type `ty`; nothing else may stand in `text`.
///
/// ```
/// use linkspan_canon_abi::{TypeTable, Val, ValType};
///
/// let mut types = TypeTable::new();
/// let point = types.record([("x", ValType::S32), ("y", ValType::S32)]).unwrap();
/// let value = linkspan::wave::parse(&types, point, "{y: 4, x: -3}").unwrap();
/// assert_eq!(value, Val::Record([Val::S32(-3), Val::S32(4)].into()));
/// ```
///
/// # Errors
/// The first place at which the text is not a value of the type.
///
/// # Panics
/// If `ty` is not of `types`.
pub fn parse(types: &TypeTable, ty: ValType, text: &str) -> Result<Val> {
    parse_within(Room::new(), types, ty, text)
}

/// As [`parse`], with room for so many values.
pub(super) fn parse_within(room: Room, types: &TypeTable, ty: ValType, text: &str) -> Result<Val> {
    let mut parser = Parser {
        room,
        ..Parser::new(types, text, 0)
    };
    let value = parser.value(ty)?;
    parser.end()?;
    Ok(value)
}

/// Parses the arguments of a call, in parentheses: `(1, "a")`.
///
/// Arguments that are `none` may be left out at the end.
///
/// # Errors
/// As [`parse`]; paths start with the parameter's name.
///
/// # Panics
/// If a type of `func` is not of `types`.
pub fn parse_args(types: &TypeTable, func: &FuncType, text: &str) -> Result<Vec<Val>> {
    args_at(types, func, text, 0)
}

/// Parses the arguments that stand in `text` from the byte `position` on.
pub(super) fn args_at(
    types: &TypeTable,
    func: &FuncType,
    text: &str,
    position: usize,
) -> Result<Vec<Val>> {
    let mut parser = Parser::new(types, text, position);
    let values = parser.args(func)?;
    parser.lexer.eat(';');
    parser.end()?;
    Ok(values)
}

struct Parser<'a> {
    types: &'a TypeTable,
    lexer: Lexer<'a>,
    room: Room,
}

impl<'a> Parser<'a> {
    fn new(types: &'a TypeTable, text: &'a str, position: usize) -> Self {
        let lexer = Lexer::new(text, position);
        Self {
            types,
            lexer,
            room: Room::new(),
        }
    }

    fn end(&mut self) -> Result<()> {
        if self.lexer.at_end() {
            return Ok(());
        }
        Err(self.lexer.unexpected("nothing more"))
    }

    /// Takes the room of values that are about to be made.
    fn charge(&mut self, values: usize) -> Result<()> {
        let at = self.lexer.position();
        let taken = self.room.take(values);
        taken.map_err(|message| self.lexer.error(at..at, message))
    }

    #[cold]
    fn expected(&self, ty: ValType) -> TextError {
        let expected = format!("a value of type {}", self.types.display(ty));
        self.lexer.unexpected(&expected)
    }

    fn value(&mut self, ty: ValType) -> Result<Val> {
        self.lexer.skip();
        match ty {
            ValType::Bool => self.bool(),
            ValType::S8 => self.integer(ty).map(Val::S8),
            ValType::U8 => self.integer(ty).map(Val::U8),
            ValType::S16 => self.integer(ty).map(Val::S16),
            ValType::U16 => self.integer(ty).map(Val::U16),
            ValType::S32 => self.integer(ty).map(Val::S32),
            ValType::U32 => self.integer(ty).map(Val::U32),
            ValType::S64 => self.integer(ty).map(Val::S64),
            ValType::U64 => self.integer(ty).map(Val::U64),
            ValType::F32 => self.float(ty).map(Val::F32),
            ValType::F64 => self.float(ty).map(Val::F64),
            ValType::Char => match self.lexer.peek() {
                Some('\'') => self.lexer.char_literal().map(Val::Char),
                Some(_) | None => Err(self.expected(ty)),
            },
            ValType::String => match self.lexer.peek() {
                Some('"') => self.lexer.string_literal().map(Val::from),
                Some(_) | None => Err(self.expected(ty)),
            },
            ValType::Defined(id) => {
                let types = self.types;
                self.defined(ty, types.def(id))
            }
        }
    }

    fn defined(&mut self, ty: ValType, def: &'a TypeDef) -> Result<Val> {
        match def {
            TypeDef::List(elem) => self.list(ty, *elem).map(Val::List),
            TypeDef::FixedLengthList(elem, count) => self.fixed_length_list(ty, *elem, *count),
            TypeDef::Map(key, value) => self.map(ty, *key, *value),
            TypeDef::Record(fields) => self.record(ty, fields),
            TypeDef::Tuple(fields) => self.tuple(ty, fields),
            TypeDef::Variant(cases) => self.variant(ty, cases),
            TypeDef::Enum(names) => {
                let label = self.case(ty)?;
                let found = names.iter().position(|name| **name == *label.name);
                match found.and_then(|case| u32::try_from(case).ok()) {
                    Some(case) => Ok(Val::Enum(case)),
                    None => Err(self.no_such_case(&label, names.iter())),
                }
            }
            TypeDef::Option(some) => self.option(*some),
            TypeDef::Result { ok, err } => self.result(ty, *ok, *err),
            TypeDef::Flags(names) => self.flags(ty, names),
            TypeDef::Own(_)
            | TypeDef::Borrow(_)
            | TypeDef::Stream(_)
            | TypeDef::Future(_)
            | TypeDef::ErrorContext => {
                let expected = self.types.display(ty);
                let message = format!("a value of type {expected} cannot be written as text");
                Err(self
                    .lexer
                    .error(self.lexer.position()..self.lexer.position(), message)
                    .with_help("handles come from calls: call the function from Rust"))
            }
        }
    }

    fn bool(&mut self) -> Result<Val> {
        let start = self.lexer.position();
        match self.lexer.label()? {
            Some(label) if label.is("true") => Ok(Val::Bool(true)),
            Some(label) if label.is("false") => Ok(Val::Bool(false)),
            Some(_) | None => Err(self.expected_at(start, ValType::Bool)),
        }
    }

    /// As [`expected`](Self::expected), about what stands at `start`.
    #[cold]
    fn expected_at(&mut self, start: usize, ty: ValType) -> TextError {
        self.lexer = Lexer::new(self.lexer.text(), start);
        self.expected(ty)
    }

    fn integer<T: FromStr>(&mut self, ty: ValType) -> Result<T> {
        let start = self.lexer.position();
        let Some(token) = self.lexer.number()? else {
            return Err(self.expected(ty));
        };
        if let Ok(number) = token.parse() {
            return Ok(number);
        }
        let whole = token.strip_prefix('-').unwrap_or(token);
        if !whole.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.expected_at(start, ty));
        }
        let ty = self.types.display(ty);
        let shown: String = token.chars().take(40).collect();
        let span = start..self.lexer.position();
        Err(self
            .lexer
            .error(span, format!("{shown} is out of the range of {ty}")))
    }

    fn float<T: FromStr>(&mut self, ty: ValType) -> Result<T> {
        let start = self.lexer.position();
        let token = match self.lexer.number()? {
            Some(token) => token,
            None => match self.lexer.label()? {
                Some(label) if label.is("nan") || label.is("inf") => label.name,
                Some(_) | None => return Err(self.expected_at(start, ty)),
            },
        };
        // Every token that gets here is a float to Rust; out of range is infinity, as in WAVE.
        token.parse().map_err(|_| self.expected_at(start, ty))
    }

    /// Parses items up to `close`, of which the opening counterpart comes next.
    fn sequence(
        &mut self,
        ty: ValType,
        brackets: (char, char),
        mut item: impl FnMut(&mut Self, usize) -> Result<()>,
    ) -> Result<()> {
        let (open, close) = brackets;
        if !self.lexer.eat(open) {
            return Err(self.expected(ty));
        }
        let mut count = 0_usize;
        loop {
            if self.lexer.eat(close) {
                return Ok(());
            }
            item(self, count)?;
            count += 1;
            if !self.lexer.eat(',') {
                let what = format!("`,` or `{close}`");
                return self.lexer.expect(close, &what);
            }
        }
    }

    fn list(&mut self, ty: ValType, elem: ValType) -> Result<List> {
        macro_rules! column {
            ($variant:ident, $read:ident) => {{
                let mut values = Vec::new();
                self.sequence(ty, ('[', ']'), |parser, i| {
                    parser.lexer.skip();
                    parser.charge(1)?;
                    let value = parser.$read(elem).map_err(|e| e.within(index(i)))?;
                    values.push(value);
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
            ValType::S64 => column!(S64, integer),
            ValType::U64 => column!(U64, integer),
            ValType::F32 => column!(F32, float),
            ValType::F64 => column!(F64, float),
            ValType::Bool | ValType::Char | ValType::String | ValType::Defined(_) => {
                column!(Values, value)
            }
        })
    }

    fn fixed_length_list(&mut self, ty: ValType, elem: ValType, length: u32) -> Result<Val> {
        let start = self.lexer.position();
        let list = self.list(ty, elem)?;
        if list.len() == length as usize {
            return Ok(Val::List(list));
        }
        let span = start..self.lexer.position();
        let expected = count(length as usize, "element");
        let message = format!("expected {expected}, found {}", list.len());
        Err(self.lexer.error(span, message))
    }

    /// A map: entries in braces, or the list of pairs that it is underneath.
    fn map(&mut self, ty: ValType, key_ty: ValType, value_ty: ValType) -> Result<Val> {
        let mut entries = Vec::new();
        if self.lexer.peek() == Some('[') {
            self.sequence(ty, ('[', ']'), |parser, i| {
                let entry = parser.pair(key_ty, value_ty);
                entries.push(entry.map_err(|e| e.within(index(i)))?);
                Ok(())
            })?;
            return Ok(Val::Map(entries.into()));
        }
        let mut empty = false;
        self.sequence(ty, ('{', '}'), |parser, i| {
            // `{:}`: the map without entries.
            if i == 0 && parser.lexer.eat(':') {
                empty = true;
                return Ok(());
            }
            if empty {
                return Err(parser.lexer.unexpected("`}` after `:`"));
            }
            parser.charge(2)?;
            let key = parser.value(key_ty);
            let key = key.map_err(|e| e.within(position(0)).within(index(i)))?;
            parser.lexer.expect(':', "`:` after the key of an entry")?;
            let value = parser.value(value_ty);
            let value = value.map_err(|e| e.within(position(1)).within(index(i)))?;
            entries.push((key, value));
            Ok(())
        })?;
        Ok(Val::Map(entries.into()))
    }

    /// A key and its value as the tuple of both.
    fn pair(&mut self, key: ValType, value: ValType) -> Result<(Val, Val)> {
        self.charge(2)?;
        self.lexer.expect('(', "`(` before a key and its value")?;
        let key = self.value(key).map_err(|e| e.within(position(0)))?;
        self.lexer.expect(',', "`,` between a key and its value")?;
        let value = self.value(value).map_err(|e| e.within(position(1)))?;
        self.lexer.eat(',');
        self.lexer.expect(')', "`)` after a key and its value")?;
        Ok((key, value))
    }

    fn tuple(&mut self, ty: ValType, fields: &[ValType]) -> Result<Val> {
        let start = self.lexer.position();
        self.charge(fields.len())?;
        let mut values = Vec::with_capacity(fields.len());
        self.sequence(ty, ('(', ')'), |parser, i| {
            let Some(field) = fields.get(i) else {
                let what = format!("`)` after {}", count(fields.len(), "element"));
                return Err(parser.lexer.unexpected(&what));
            };
            values.push(parser.value(*field).map_err(|e| e.within(position(i)))?);
            Ok(())
        })?;
        if values.len() == fields.len() {
            return Ok(Val::Tuple(values.into()));
        }
        let span = start..self.lexer.position();
        let message = format!(
            "expected {}, found {}",
            count(fields.len(), "element"),
            values.len()
        );
        Err(self.lexer.error(span, message))
    }

    fn record(&mut self, ty: ValType, fields: &[Named<ValType>]) -> Result<Val> {
        let start = self.lexer.position();
        self.charge(fields.len())?;
        let mut values: Vec<Option<Val>> = fields.iter().map(|_| None).collect();
        let mut empty = false;
        self.sequence(ty, ('{', '}'), |parser, i| {
            // `{:}`: the record without fields.
            if i == 0 && parser.lexer.eat(':') {
                empty = true;
                return Ok(());
            }
            if empty {
                return Err(parser.lexer.unexpected("`}` after `:`"));
            }
            let Some(label) = parser.lexer.label()? else {
                return Err(parser.lexer.unexpected("the name of a field"));
            };
            let Some(at) = fields.iter().position(|f| *f.name == *label.name) else {
                let names = fields.iter().map(|f| &f.name);
                return Err(parser.no_such("field", &label, names));
            };
            if values[at].is_some() {
                let message = format!("field `{}` is given twice", label.name);
                return Err(parser.lexer.error(label.span(), message));
            }
            parser.lexer.expect(':', "`:` after the name of a field")?;
            let value = parser.value(fields[at].ty);
            values[at] = Some(value.map_err(|e| e.within_name(label.name))?);
            Ok(())
        })?;
        let mut out = Vec::with_capacity(fields.len());
        for (field, value) in fields.iter().zip(values) {
            out.push(match value {
                Some(value) => value,
                None if self.is_option(field.ty) => Val::Option(None),
                None => {
                    let span = start..self.lexer.position();
                    let ty = self.types.display(field.ty);
                    let message = format!("field `{}` of type {ty} is missing", field.name);
                    return Err(self.lexer.error(span, message));
                }
            });
        }
        Ok(Val::Record(out.into()))
    }

    fn flags(&mut self, ty: ValType, names: &[Box<str>]) -> Result<Val> {
        let mut bits = 0_u32;
        self.sequence(ty, ('{', '}'), |parser, _| {
            let Some(label) = parser.lexer.label()? else {
                return Err(parser.lexer.unexpected("the name of a flag"));
            };
            let Some(at) = names.iter().position(|name| **name == *label.name) else {
                return Err(parser.no_such("flag", &label, names.iter()));
            };
            let bit = u32::try_from(at).ok().and_then(|at| 1_u32.checked_shl(at));
            let bit = bit.unwrap_or(0);
            if bits & bit != 0 {
                let message = format!("flag `{}` is given twice", label.name);
                return Err(parser.lexer.error(label.span(), message));
            }
            bits |= bit;
            Ok(())
        })?;
        Ok(Val::Flags(bits))
    }

    /// The name of a case of a variant or enum.
    fn case(&mut self, ty: ValType) -> Result<Label<'a>> {
        let Some(label) = self.lexer.label()? else {
            return Err(self.expected(ty));
        };
        if label.is_keyword() {
            let message = format!("`{}` is a keyword", label.name);
            let help = format!("write `%{}` if it is the name of a case", label.name);
            return Err(self.lexer.error(label.span(), message).with_help(help));
        }
        Ok(label)
    }

    fn variant(&mut self, ty: ValType, cases: &[Named<Option<ValType>>]) -> Result<Val> {
        let label = self.case(ty)?;
        let Some(at) = cases.iter().position(|case| *case.name == *label.name) else {
            return Err(self.no_such_case(&label, cases.iter().map(|case| &case.name)));
        };
        let payload = self
            .payload(&label, cases[at].ty)
            .map_err(|e| e.within_name(label.name))?;
        Ok(Val::Variant(u32::try_from(at).unwrap_or(u32::MAX), payload))
    }

    /// The payload behind the case `label`, in parentheses if there is one.
    fn payload(&mut self, label: &Label<'_>, ty: Option<ValType>) -> Result<Option<Box<Val>>> {
        let open = self.lexer.peek() == Some('(');
        let name = label.name;
        match ty {
            None if open => {
                let message = format!("`{name}` has no payload");
                let at = self.lexer.position();
                Err(self.lexer.error(at..at + 1, message))
            }
            None => Ok(None),
            Some(ty) if !open => {
                let message = format!(
                    "`{name}` needs a payload of type {}",
                    self.types.display(ty)
                );
                Err(self.lexer.error(label.span(), message))
            }
            Some(ty) => {
                self.lexer.expect('(', "`(`")?;
                let value = self.value(ty)?;
                self.lexer.expect(')', "`)`")?;
                Ok(Some(Box::new(value)))
            }
        }
    }

    /// Takes one of `words` if it comes next as a keyword.
    fn keyword(&mut self, words: [&str; 2]) -> Result<Option<Label<'a>>> {
        let start = self.lexer.position();
        if let Some('a'..='z' | 'A'..='Z') = self.lexer.peek()
            && let Some(label) = self.lexer.label()?
            && words.iter().any(|word| label.is(word))
        {
            return Ok(Some(label));
        }
        self.lexer = Lexer::new(self.lexer.text(), start);
        Ok(None)
    }

    fn option(&mut self, some: ValType) -> Result<Val> {
        match self.keyword(["some", "none"])? {
            Some(label) if label.is("none") => Ok(Val::Option(None)),
            Some(label) => {
                let payload = self.payload(&label, Some(some));
                let payload = payload.map_err(|e| e.within_name("some"))?;
                Ok(Val::Option(payload))
            }
            None if self.may_be_flat(some) => {
                let value = self.value(some).map_err(|e| e.within_name("some"))?;
                Ok(Val::Option(Some(Box::new(value))))
            }
            None => Err(self.lexer.unexpected("`some(…)` or `none`")),
        }
    }

    fn result(&mut self, ty: ValType, ok: Option<ValType>, err: Option<ValType>) -> Result<Val> {
        match self.keyword(["ok", "err"])? {
            Some(label) if label.is("ok") => {
                let payload = self.payload(&label, ok).map_err(|e| e.within_name("ok"))?;
                Ok(Val::Result(Ok(payload)))
            }
            Some(label) => {
                let payload = self.payload(&label, err);
                let payload = payload.map_err(|e| e.within_name("err"))?;
                Ok(Val::Result(Err(payload)))
            }
            None => match ok.filter(|ok| self.may_be_flat(*ok)) {
                Some(ok) => {
                    let value = self.value(ok).map_err(|e| e.within_name("ok"))?;
                    Ok(Val::Result(Ok(Some(Box::new(value)))))
                }
                None => Err(self.expected(ty)),
            },
        }
    }

    /// Whether a payload of this type may stand for itself: not if it could be taken for the
    /// value around it.
    fn may_be_flat(&self, ty: ValType) -> bool {
        match ty {
            ValType::Defined(id) => !matches!(
                self.types.def(id),
                TypeDef::Option(_) | TypeDef::Result { .. }
            ),
            _ => true,
        }
    }

    fn is_option(&self, ty: ValType) -> bool {
        matches!(ty, ValType::Defined(id) if matches!(self.types.def(id), TypeDef::Option(_)))
    }

    fn args(&mut self, func: &FuncType) -> Result<Vec<Val>> {
        let start = self.lexer.position();
        let params = &func.params;
        self.lexer.expect('(', "`(` before the arguments")?;
        let mut values = Vec::with_capacity(params.len());
        while !self.lexer.eat(')') {
            let Some(param) = params.get(values.len()) else {
                let takes = format!("`)` after {}", count(params.len(), "argument"));
                return Err(self.with_signature(self.lexer.unexpected(&takes), func));
            };
            let value = self.value(param.ty);
            values.push(value.map_err(|e| {
                let error = e.within_name(&param.name);
                if error.help().is_none() {
                    self.with_signature(error, func)
                } else {
                    error
                }
            })?);
            if !self.lexer.eat(',') {
                self.lexer.expect(')', "`,` or `)`")?;
                break;
            }
        }
        while let Some(param) = params.get(values.len()) {
            if !self.is_option(param.ty) {
                let span = start..self.lexer.position();
                let ty = self.types.display(param.ty);
                let message = format!("argument `{}` of type {ty} is missing", param.name);
                return Err(self.with_signature(self.lexer.error(span, message), func));
            }
            values.push(Val::Option(None));
        }
        Ok(values)
    }

    #[cold]
    fn with_signature(&self, error: TextError, func: &FuncType) -> TextError {
        error.with_help(format!("the type is {}", self.types.display_func(func)))
    }

    #[cold]
    fn no_such_case<'n>(
        &self,
        label: &Label<'_>,
        names: impl Iterator<Item = &'n Box<str>>,
    ) -> TextError {
        self.no_such("case", label, names)
    }

    #[cold]
    fn no_such<'n>(
        &self,
        what: &str,
        label: &Label<'_>,
        names: impl Iterator<Item = &'n Box<str>>,
    ) -> TextError {
        let message = format!("there is no {what} `{}`", label.name);
        let names: Vec<&str> = names.take(20).map(|name| &**name).collect();
        self.lexer
            .error(label.span(), message)
            .with_help(format!("the {what}s are {}", names.join(", ")))
    }
}

fn count(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}

fn index(i: usize) -> Step {
    Step::Index(u64::try_from(i).unwrap_or(u64::MAX))
}

fn position(i: usize) -> Step {
    Step::Position(u32::try_from(i).unwrap_or(u32::MAX))
}
