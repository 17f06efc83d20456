//! Random types with values of them, the same on every machine: for tests that
//! turn every value into something else and back.

use linkspan_canon_abi::value::List;
use linkspan_canon_abi::{TypeDef, TypeTable, Val, ValType};

/// The same numbers on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    pub(crate) fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(u64::try_from(n).unwrap_or(1))).unwrap_or(0)
    }

    fn name(&mut self) -> String {
        let names = [
            "a", "ok", "none", "true", "b-2", "HTTP3", "x-Y", "nan", "some",
        ];
        // Names of one type must differ: a number makes that sure.
        format!("{}-{}", names[self.index(names.len())], self.below(1 << 40))
    }

    pub(crate) fn ty(&mut self, types: &mut TypeTable, depth: u32) -> ValType {
        let scalars = [
            ValType::Bool,
            ValType::S8,
            ValType::U16,
            ValType::S32,
            ValType::U64,
            ValType::F32,
            ValType::F64,
            ValType::Char,
            ValType::String,
        ];
        if depth == 0 || self.below(4) == 0 {
            return scalars[self.index(scalars.len())];
        }
        let count = 1 + self.below(3);
        let ty = match self.below(11) {
            0 | 1 => {
                let elem = self.ty(types, depth - 1);
                types.list(elem)
            }
            2 => {
                let fields: Vec<_> = (0..count)
                    .map(|_| (self.name(), self.ty(types, depth - 1)))
                    .collect();
                types.record(fields)
            }
            3 => {
                let fields: Vec<_> = (0..count).map(|_| self.ty(types, depth - 1)).collect();
                types.tuple(fields)
            }
            4 => {
                let cases: Vec<_> = (0..count)
                    .map(|_| (self.name(), self.maybe(types, depth)))
                    .collect();
                types.variant(cases)
            }
            5 => {
                let names = [
                    "ok", "err", "none", "some", "true", "false", "inf", "nan", "x",
                ];
                types.enumeration(names)
            }
            6 => {
                let some = self.ty(types, depth - 1);
                types.option(some)
            }
            7 => {
                let ok = self.maybe(types, depth);
                let err = self.maybe(types, depth);
                types.result(ok, err)
            }
            8 => {
                let elem = self.ty(types, depth - 1);
                types.fixed_length_list(elem, 1 + u32::try_from(self.below(4)).unwrap_or(0))
            }
            9 => {
                let keys: Vec<_> = scalars.into_iter().filter(|ty| ty.is_key()).collect();
                let value = self.ty(types, depth - 1);
                types.map(keys[self.index(keys.len())], value)
            }
            _ => {
                let names: Vec<_> = (0..=self.below(31)).map(|i| format!("f{i}")).collect();
                types.flags(names)
            }
        };
        ty.unwrap()
    }

    fn maybe(&mut self, types: &mut TypeTable, depth: u32) -> Option<ValType> {
        (self.below(2) == 0).then(|| self.ty(types, depth - 1))
    }

    pub(crate) fn value(&mut self, types: &TypeTable, ty: ValType) -> Val {
        let bits = self.below(u64::MAX) ^ (self.below(1 << 20) << 44);
        let narrow = u32::try_from(bits & 0xffff_ffff).unwrap_or(0);
        match ty {
            ValType::Bool => Val::Bool(bits & 1 == 1),
            ValType::S8 => Val::S8(bits.to_le_bytes()[0].cast_signed()),
            ValType::U16 => Val::U16(u16::from_le_bytes([bits.to_le_bytes()[0], 7])),
            ValType::S32 => Val::S32(narrow.cast_signed()),
            ValType::U64 => Val::U64(bits),
            ValType::F32 => Val::F32(f32::from_bits(narrow)),
            ValType::F64 => Val::F64(f64::from_bits(bits)),
            ValType::Char => Val::Char(self.char()),
            ValType::String => {
                let text: String = (0..self.below(6)).map(|_| self.char()).collect();
                Val::from(text)
            }
            ValType::Defined(id) => self.defined(types, types.def(id)),
            other => panic!("no values of {other:?} here"),
        }
    }

    fn char(&mut self) -> char {
        let edge = [
            '"', '\'', '\\', '\n', '\r', '\t', '\0', '\u{7f}', '\u{301}', '\u{202e}', 'é',
        ];
        match self.below(4) {
            0 => edge[self.index(edge.len())],
            1 => char::from_u32(u32::try_from(self.below(0x11_0000)).unwrap_or(0)).unwrap_or('x'),
            _ => char::from(b'a' + u8::try_from(self.below(26)).unwrap_or(0)),
        }
    }

    fn payload(&mut self, types: &TypeTable, ty: Option<ValType>) -> Option<Box<Val>> {
        ty.map(|ty| Box::new(self.value(types, ty)))
    }

    fn defined(&mut self, types: &TypeTable, def: &TypeDef) -> Val {
        use TypeDef as D;
        match def {
            D::List(elem) => {
                let values = (0..self.below(4))
                    .map(|_| self.value(types, *elem))
                    .collect();
                Val::List(List::Values(values))
            }
            D::FixedLengthList(elem, count) => {
                let values = (0..*count).map(|_| self.value(types, *elem)).collect();
                Val::List(List::Values(values))
            }
            D::Map(key, value) => {
                let entries = (0..self.below(4))
                    .map(|_| (self.value(types, *key), self.value(types, *value)))
                    .collect();
                Val::Map(entries)
            }
            D::Record(fields) => {
                Val::Record(fields.iter().map(|f| self.value(types, f.ty)).collect())
            }
            D::Tuple(fields) => Val::Tuple(fields.iter().map(|f| self.value(types, *f)).collect()),
            D::Variant(cases) => {
                let at = self.index(cases.len());
                let payload = self.payload(types, cases[at].ty);
                Val::Variant(u32::try_from(at).unwrap_or(0), payload)
            }
            D::Enum(names) => Val::Enum(u32::try_from(self.index(names.len())).unwrap_or(0)),
            D::Option(some) => {
                let some = (self.below(2) == 0).then_some(*some);
                Val::Option(self.payload(types, some))
            }
            D::Result { ok, err } => Val::Result(if self.below(2) == 0 {
                Ok(self.payload(types, *ok))
            } else {
                Err(self.payload(types, *err))
            }),
            D::Flags(names) => {
                let mask = u32::MAX >> (32 - names.len());
                Val::Flags(u32::try_from(self.below(1 << 32)).unwrap_or(0) & mask)
            }
            D::Own(_) | D::Borrow(_) | D::Stream(_) | D::Future(_) | D::ErrorContext => {
                panic!("no handles here")
            }
        }
    }
}
