//! Reads the types and values of vectors. What is malformed panics: the vectors
//! are the project's own.

use linkspan::abi::value::Handle;
use linkspan::abi::{ResourceTypeId, TypeDef, TypeTable, Val, ValType};

/// Reads types and values character by character.
pub(crate) struct Text<'a> {
    rest: &'a str,
}

impl<'a> Text<'a> {
    pub(crate) fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) {
        assert!(self.take(token), "expected `{token}` at `{}`", self.rest);
    }

    fn word(&mut self) -> &'a str {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn number<T: std::str::FromStr>(&mut self) -> T {
        let word = self.word();
        word.parse()
            .unwrap_or_else(|_| panic!("expected a number, found `{word}`"))
    }

    fn types(&mut self, types: &mut TypeTable) -> Vec<Option<ValType>> {
        self.expect("(");
        let mut list = Vec::new();
        loop {
            list.push(if self.take("_") {
                None
            } else {
                Some(self.ty(types))
            });
            if self.take(")") {
                return list;
            }
            self.expect(",");
        }
    }

    /// The type that comes next.
    pub(crate) fn ty(&mut self, types: &mut TypeTable) -> ValType {
        let name = self.word();
        let names = |n: usize| (0..n).map(|i| format!("n{i}"));
        let count = |text: &mut Self| -> u32 {
            text.expect("(");
            let count = text.number();
            text.expect(")");
            count
        };
        let ty = match name {
            "bool" => return ValType::Bool,
            "s8" => return ValType::S8,
            "u8" => return ValType::U8,
            "s16" => return ValType::S16,
            "u16" => return ValType::U16,
            "s32" => return ValType::S32,
            "u32" => return ValType::U32,
            "s64" => return ValType::S64,
            "u64" => return ValType::U64,
            "f32" => return ValType::F32,
            "f64" => return ValType::F64,
            "char" => return ValType::Char,
            "string" => return ValType::String,
            "own" => types.own(ResourceTypeId(count(self))),
            "borrow" => types.borrow(ResourceTypeId(count(self))),
            "fixed" => {
                self.expect("(");
                let elem = self.ty(types);
                self.expect(",");
                let length = self.number();
                self.expect(")");
                types.fixed_length_list(elem, length)
            }
            "enum" => types.enumeration(names(count(self) as usize)),
            "flags" => types.flags(names(count(self) as usize)),
            _ => {
                let inner = self.types(types);
                let all = || inner.iter().map(|ty| ty.unwrap());
                match name {
                    "list" => types.list(inner[0].unwrap()),
                    "map" => types.map(inner[0].unwrap(), inner[1].unwrap()),
                    "option" => types.option(inner[0].unwrap()),
                    "result" => types.result(inner[0], inner[1]),
                    "tuple" => types.tuple(all()),
                    "record" => types.record(names(inner.len()).zip(all())),
                    "variant" => types.variant(names(inner.len()).zip(inner.iter().copied())),
                    other => panic!("unknown type `{other}`"),
                }
            }
        };
        ty.unwrap()
    }

    fn sequence<T>(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        self.expect(open);
        let mut list = Vec::new();
        while !self.take(close) {
            list.push(item(self));
            self.take(",");
        }
        list
    }

    fn payload(&mut self, types: &TypeTable, ty: Option<ValType>) -> Option<Box<Val>> {
        let ty = ty?;
        self.expect("(");
        let value = self.value(types, ty);
        self.expect(")");
        Some(Box::new(value))
    }

    /// The value of a type that comes next.
    pub(crate) fn value(&mut self, types: &TypeTable, ty: ValType) -> Val {
        match ty {
            ValType::Bool => Val::Bool(self.number::<u8>() != 0),
            ValType::S8 => Val::S8(self.number()),
            ValType::U8 => Val::U8(self.number()),
            ValType::S16 => Val::S16(self.number()),
            ValType::U16 => Val::U16(self.number()),
            ValType::S32 => Val::S32(self.number()),
            ValType::U32 => Val::U32(self.number()),
            ValType::S64 => Val::S64(self.number()),
            ValType::U64 => Val::U64(self.number()),
            ValType::F32 => Val::F32(f32::from_bits(self.number())),
            ValType::F64 => Val::F64(f64::from_bits(self.number())),
            ValType::Char => Val::Char(char::from_u32(self.number()).unwrap()),
            ValType::String => {
                self.expect("'");
                Val::from(String::from_utf8(hex(self.word())).unwrap())
            }
            ValType::Defined(id) => self.defined(types, types.def(id)),
        }
    }

    fn defined(&mut self, types: &TypeTable, def: &TypeDef) -> Val {
        match def {
            TypeDef::List(elem) | TypeDef::FixedLengthList(elem, _) => {
                Val::from(self.sequence("[", "]", |text| text.value(types, *elem)))
            }
            TypeDef::Map(key, value) => Val::Map(
                self.sequence("[", "]", |text| {
                    text.expect("(");
                    let key = text.value(types, *key);
                    text.expect(",");
                    let value = text.value(types, *value);
                    text.expect(")");
                    (key, value)
                })
                .into(),
            ),
            TypeDef::Record(fields) => {
                let mut fields = fields.iter();
                let next = |text: &mut Self| text.value(types, fields.next().unwrap().ty);
                Val::Record(self.sequence("(", ")", next).into())
            }
            TypeDef::Tuple(fields) => {
                let mut fields = fields.iter();
                let next = |text: &mut Self| text.value(types, *fields.next().unwrap());
                Val::Tuple(self.sequence("(", ")", next).into())
            }
            TypeDef::Variant(cases) => {
                let case: u32 = self.number();
                Val::Variant(case, self.payload(types, cases[case as usize].ty))
            }
            TypeDef::Enum(_) => Val::Enum(self.number()),
            TypeDef::Option(some) => match self.number::<u32>() {
                0 => Val::Option(None),
                _ => Val::Option(self.payload(types, Some(*some))),
            },
            TypeDef::Result { ok, err } => match self.number::<u32>() {
                0 => Val::Result(Ok(self.payload(types, *ok))),
                _ => Val::Result(Err(self.payload(types, *err))),
            },
            TypeDef::Flags(_) => Val::Flags(self.number()),
            TypeDef::Own(resource) => Val::Own(Handle {
                resource: *resource,
                rep: self.number(),
            }),
            TypeDef::Borrow(resource) => Val::Borrow(Handle {
                resource: *resource,
                rep: self.number(),
            }),
            TypeDef::Stream(_) | TypeDef::Future(_) | TypeDef::ErrorContext => {
                panic!("no vector has a value that cannot be moved")
            }
        }
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}
