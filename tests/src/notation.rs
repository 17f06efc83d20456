//! Reads values as the reference host of the real guests writes them, and gives
//! them the types of our own values, so that values are compared and not text.
//!
//! That notation is Python's, and leaves out what Python does not need: the
//! case of a variant where the payload tells it, `ok` and `err`. The type puts
//! it back. For trusted text only.

use linkspan::Val;
use linkspan::abi::value::List;
use linkspan::abi::{TypeDef, ValType};
use linkspan::types::Type;

/// A value without a type.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `None`
    Nothing,
    /// `True`, `False`
    Bool(bool),
    /// `-1.5e+3`
    Number(String),
    /// `'text'`
    Text(String),
    /// `b'bytes'`
    Bytes(Vec<u8>),
    /// `[1, 2]`
    List(Vec<Node>),
    /// `{name: 1}`
    Record(Vec<(String, Node)>),
    /// `(1, 2)`
    Tuple(Vec<Node>),
    /// `flags['a', 'b']`
    Flags(Vec<Node>),
    /// `name` or `name(payload)`
    Case(String, Option<Box<Node>>),
}

/// Reads one value.
///
/// # Errors
///
/// When the text is not exactly one value.
pub fn read(text: &str) -> Result<Node, String> {
    let mut reader = Reader { rest: text };
    let node = reader.node()?;
    reader.end()?;
    Ok(node)
}

/// Reads `name(value, …) = value`: a function's name, its arguments, its result.
///
/// # Errors
///
/// When the text is not a call with a result.
pub fn read_call(text: &str) -> Result<(String, Vec<Node>, Node), String> {
    let open = text
        .find('(')
        .ok_or_else(|| format!("expected a call, found {text:?}"))?;
    let mut reader = Reader {
        rest: &text[open..],
    };
    let Node::Tuple(arguments) = reader.node()? else {
        return Err(format!("expected arguments in {text:?}"));
    };
    reader.expect("=")?;
    let result = reader.node()?;
    reader.end()?;
    Ok((text[..open].to_owned(), arguments, result))
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn node(&mut self) -> Result<Node, String> {
        self.rest = self.rest.trim_start();
        let next = self.rest.chars().next();
        match next {
            Some('\'') => String::from_utf8(self.quoted()?)
                .map(Node::Text)
                .map_err(|_| "expected text, found bytes".to_owned()),
            Some('[') => Ok(Node::List(self.sequence('[', ']')?)),
            Some('(') => Ok(Node::Tuple(self.sequence('(', ')')?)),
            Some('{') => self.record(),
            Some(c) if c == '-' || c.is_ascii_digit() => {
                let number = self.word(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                Ok(Node::Number(number))
            }
            Some('b') if self.rest.starts_with("b'") => {
                self.rest = &self.rest[1..];
                Ok(Node::Bytes(self.quoted()?))
            }
            Some(c) if c.is_ascii_alphabetic() => self.named(),
            other => Err(format!("expected a value, found {other:?}")),
        }
    }

    fn named(&mut self) -> Result<Node, String> {
        let word = self.word(|c| c.is_ascii_alphanumeric() || c == '-');
        Ok(match (word.as_str(), self.rest.chars().next()) {
            ("None", _) => Node::Nothing,
            ("True", _) => Node::Bool(true),
            ("False", _) => Node::Bool(false),
            ("flags", Some('[')) => Node::Flags(self.sequence('[', ']')?),
            (_, Some('(')) => match self.sequence('(', ')')?.as_slice() {
                [Node::Nothing] => Node::Case(word, None),
                [payload] => Node::Case(word, Some(Box::new(payload.clone()))),
                payload => return Err(format!("expected one payload, found {payload:?}")),
            },
            _ => Node::Case(word, None),
        })
    }

    fn sequence(&mut self, open: char, close: char) -> Result<Vec<Node>, String> {
        self.expect(&open.to_string())?;
        let mut nodes = Vec::new();
        while !self.rest.trim_start().starts_with(close) {
            nodes.push(self.node()?);
            if !self.rest.trim_start().starts_with(close) {
                self.expect(",")?;
            }
        }
        self.expect(&close.to_string())?;
        Ok(nodes)
    }

    fn record(&mut self) -> Result<Node, String> {
        self.expect("{")?;
        let mut fields = Vec::new();
        while !self.rest.trim_start().starts_with('}') {
            self.rest = self.rest.trim_start();
            let name = match self.rest.starts_with('\'') {
                true => String::from_utf8(self.quoted()?).map_err(|error| error.to_string())?,
                false => self.word(|c| c.is_ascii_alphanumeric() || c == '-'),
            };
            self.expect(":")?;
            fields.push((name, self.node()?));
            if !self.rest.trim_start().starts_with('}') {
                self.expect(",")?;
            }
        }
        self.expect("}")?;
        Ok(Node::Record(fields))
    }

    /// A quoted text with Python's escapes, as bytes.
    fn quoted(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(bytes);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => bytes.push(b'\n'),
                    Some((_, 't')) => bytes.push(b'\t'),
                    Some((_, 'r')) => bytes.push(b'\r'),
                    Some((at, 'x')) => {
                        let digits = self.rest.get(at + 1..at + 3).unwrap_or_default();
                        let byte =
                            u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
                        bytes.push(byte);
                        chars.nth(1);
                    }
                    Some((_, escaped)) => bytes.extend(escaped.to_string().bytes()),
                    None => break,
                },
                c => bytes.extend(c.to_string().bytes()),
            }
        }
        Err("expected a closing quote, found the end".to_owned())
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(format!("expected {token:?}, found {:?}", self.rest)),
        }
    }

    fn end(&self) -> Result<(), String> {
        match self.rest.trim() {
            "" => Ok(()),
            rest => Err(format!("expected the end, found {rest:?}")),
        }
    }
}

/// The value of type `ty` that `node` stands for.
///
/// # Errors
///
/// When it stands for none.
pub fn typed(node: &Node, ty: Type<'_>) -> Result<Val, String> {
    match ty.def() {
        Some(def) => defined(node, def, ty),
        None => primitive(node, ty),
    }
}

fn primitive(node: &Node, ty: Type<'_>) -> Result<Val, String> {
    let misfit = || format!("expected a value of type {ty}, found {node:?}");
    if let (ValType::Char, Node::Text(text)) = (ty.val_type(), node) {
        let mut chars = text.chars();
        return match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(Val::Char(c)),
            _ => Err(misfit()),
        };
    }
    let number = match (ty.val_type(), node) {
        (ValType::Bool, Node::Bool(value)) => return Ok(Val::Bool(*value)),
        (ValType::String, Node::Text(text)) => return Ok(Val::from(text.as_str())),
        (_, Node::Number(number)) => number,
        _ => return Err(misfit()),
    };
    let value = match ty.val_type() {
        ValType::S8 => number.parse().ok().map(Val::S8),
        ValType::U8 => number.parse().ok().map(Val::U8),
        ValType::S16 => number.parse().ok().map(Val::S16),
        ValType::U16 => number.parse().ok().map(Val::U16),
        ValType::S32 => number.parse().ok().map(Val::S32),
        ValType::U32 => number.parse().ok().map(Val::U32),
        ValType::S64 => number.parse().ok().map(Val::S64),
        ValType::U64 => number.parse().ok().map(Val::U64),
        ValType::F32 => number.parse().ok().map(Val::F32),
        ValType::F64 => number.parse().ok().map(Val::F64),
        ValType::Bool | ValType::Char | ValType::String | ValType::Defined(_) => None,
    };
    value.ok_or_else(misfit)
}

fn defined(node: &Node, def: &TypeDef, ty: Type<'_>) -> Result<Val, String> {
    let of = |inner: ValType| Type::new(ty.table(), inner);
    let misfit = || format!("expected a value of type {ty}, found {node:?}");
    match (def, node) {
        (TypeDef::List(ValType::U8), Node::Bytes(bytes)) => Ok(Val::from(bytes.clone())),
        (TypeDef::List(element) | TypeDef::FixedLengthList(element, _), Node::List(nodes)) => {
            let values: Result<_, _> = nodes.iter().map(|node| typed(node, of(*element))).collect();
            Ok(Val::List(List::Values(values?)))
        }
        (TypeDef::Record(fields), Node::Record(nodes)) if fields.len() == nodes.len() => {
            let values: Result<Vec<Val>, String> = fields
                .iter()
                .map(|field| {
                    let found = nodes.iter().find(|(name, _)| **name == *field.name);
                    typed(&found.ok_or_else(misfit)?.1, of(field.ty))
                })
                .collect();
            Ok(Val::Record(values?.into()))
        }
        (TypeDef::Tuple(types), Node::Tuple(nodes)) if types.len() == nodes.len() => {
            let pairs = types.iter().zip(nodes);
            let values: Result<Vec<Val>, _> =
                pairs.map(|(ty, node)| typed(node, of(*ty))).collect();
            Ok(Val::Tuple(values?.into()))
        }
        (TypeDef::Variant(cases), node) => variant(node, cases, ty).ok_or_else(misfit),
        (TypeDef::Enum(names), Node::Text(name) | Node::Case(name, None)) => {
            position(names, name).map(Val::Enum).ok_or_else(misfit)
        }
        (TypeDef::Flags(names), Node::Flags(set)) => {
            let mut bits = 0;
            for node in set {
                let Node::Text(name) = node else {
                    return Err(misfit());
                };
                bits |= 1 << position(names, name).ok_or_else(misfit)?;
            }
            Ok(Val::Flags(bits))
        }
        (TypeDef::Option(_), Node::Nothing) => Ok(Val::Option(None)),
        (TypeDef::Option(inner), node) => Ok(Val::Option(Some(Box::new(typed(node, of(*inner))?)))),
        (TypeDef::Result { ok, err }, node) => {
            let payload = |inner: Option<ValType>| match (inner, node) {
                (Some(inner), node) => typed(node, of(inner))
                    .ok()
                    .map(|value| Some(Box::new(value))),
                (None, Node::Nothing) => Some(None),
                (None, _) => None,
            };
            match node {
                Node::Case(word, None) if word == "ok" && ok.is_none() => Ok(Val::Result(Ok(None))),
                Node::Case(word, None) if word == "err" && err.is_none() => {
                    Ok(Val::Result(Err(None)))
                }
                _ => (payload(*ok).map(|value| Val::Result(Ok(value))))
                    .or_else(|| payload(*err).map(|value| Val::Result(Err(value))))
                    .ok_or_else(misfit),
            }
        }
        _ => Err(misfit()),
    }
}

type Case = linkspan::abi::types::Named<Option<ValType>>;

/// A variant: by the name of the case, or by the first case whose payload fits.
fn variant(node: &Node, cases: &[Case], ty: Type<'_>) -> Option<Val> {
    let value = |index: usize, payload: Option<&Node>| {
        let payload = match (cases[index].ty, payload) {
            (Some(inner), Some(node)) => {
                Some(Box::new(typed(node, Type::new(ty.table(), inner)).ok()?))
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return None,
        };
        Some(Val::Variant(u32::try_from(index).ok()?, payload))
    };
    if let Node::Case(name, payload) = node {
        let index = cases.iter().position(|case| *case.name == **name)?;
        return value(index, payload.as_deref());
    }
    let payload = (*node != Node::Nothing).then_some(node);
    (0..cases.len()).find_map(|index| value(index, payload))
}

fn position(names: &[Box<str>], name: &str) -> Option<u32> {
    let position = names.iter().position(|found| **found == *name)?;
    u32::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read() {
        let (name, arguments, result) =
            read_call(r"echo-it('h\x00é\'', {a: [True], b-c: None}, -1e+300) = bad-char('x')")
                .unwrap();
        assert_eq!(name, "echo-it");
        let fields = vec![
            ("a".to_owned(), Node::List(vec![Node::Bool(true)])),
            ("b-c".to_owned(), Node::Nothing),
        ];
        let expected = [
            Node::Text("h\0é'".to_owned()),
            Node::Record(fields),
            Node::Number("-1e+300".to_owned()),
        ];
        assert_eq!(arguments, expected);
        let payload = Some(Box::new(Node::Text("x".to_owned())));
        assert_eq!(result, Node::Case("bad-char".to_owned(), payload));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in ["'open", "[1", "{a 1}", "f(1, 2)", "1 2", "", "'\\x'"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
