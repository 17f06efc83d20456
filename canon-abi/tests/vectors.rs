//! Runs test vectors that the specification's `definitions.py` made.
//!
//! `vectors/sample.txt` is a sample; `CANON_ABI_VECTORS` names a larger file.
//! `tests/canon-abi/generate.py` writes them. A line is one of
//!
//! ```text
//! layout TYPE 32 64                   size/alignment/flat types (i I f F)
//! lower  MODE TYPE ENC PTR NEXT VALUE (FLAT MEMORY | SIZE trap)
//! lift   MODE TYPE ENC PTR FLAT MEMORY HANDLES (VALUE | trap)
//! move   MODE TYPE ENC PTR FLAT MEMORY HANDLES ENC PTR NEXT (FLAT MEMORY | SIZE trap)
//! ```
//!
//! MODE is `p` for a parameter and `r` for a result (its area is at 8); NEXT is
//! where `realloc` starts; MEMORY is its size and its bytes in hexadecimal
//! without the trailing fill byte; a string is `'` and its UTF-8 in hexadecimal,
//! a float its bits, a variant its case and payload.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{FILL, FakeGuest};
use linkspan_canon_abi::program::{MoveContext, Pair, Programs};
use linkspan_canon_abi::value::Handle;
use linkspan_canon_abi::{
    CoreType, Encoding, Guest, Handles, Options, PointerSize, ResourceTypeId, Result, Scratch,
    TypeDef, TypeTable, Val, ValType,
};

const RESOURCE: ResourceTypeId = ResourceTypeId(0);
const RETURN_AREA: u64 = 8;

/// Reads types and values character by character.
struct Text<'a> {
    rest: &'a str,
}

impl<'a> Text<'a> {
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

    fn ty(&mut self, types: &mut TypeTable) -> ValType {
        let name = self.word();
        let names = |n: usize| (0..n).map(|i| format!("n{i}"));
        let count = |text: &mut Self| {
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
            "own" => types.own(RESOURCE),
            "enum" => types.enumeration(names(count(self))),
            "flags" => types.flags(names(count(self))),
            _ => {
                let inner = self.types(types);
                let all = || inner.iter().map(|ty| ty.unwrap());
                match name {
                    "list" => types.list(inner[0].unwrap()),
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

    fn value(&mut self, types: &TypeTable, ty: ValType) -> Val {
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
            TypeDef::Map(key, value) => {
                let entry = |text: &mut Self| {
                    text.expect("(");
                    let key = text.value(types, *key);
                    text.expect(",");
                    let value = text.value(types, *value);
                    text.expect(")");
                    (key, value)
                };
                Val::Map(self.sequence("[", "]", entry).into())
            }
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
            TypeDef::Borrow(_) => panic!("the vectors hold no borrows"),
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn options(encoding: &str, pointer: &str) -> Options {
    let encoding = match encoding {
        "utf8" => Encoding::Utf8,
        "utf16" => Encoding::Utf16,
        "latin1+utf16" => Encoding::Latin1Utf16,
        other => panic!("unknown encoding `{other}`"),
    };
    let pointer = if pointer == "64" {
        PointerSize::P64
    } else {
        PointerSize::P32
    };
    Options { encoding, pointer }
}

fn flat(text: &str) -> Vec<u64> {
    if text == "-" {
        Vec::new()
    } else {
        text.split(',').map(|n| n.parse().unwrap()).collect()
    }
}

fn memory(text: &str) -> Vec<u8> {
    let (size, bytes) = text.split_once(':').unwrap_or((text, ""));
    let mut memory = hex(bytes);
    memory.resize(size.parse().unwrap(), FILL);
    memory
}

/// One mode, type and source side: what every line but `layout` starts with.
struct Case {
    types: TypeTable,
    ty: ValType,
    param: bool,
    from: Options,
}

impl Case {
    fn new(words: &[&str]) -> Self {
        let mut types = TypeTable::new();
        let ty = Text { rest: words[2] }.ty(&mut types);
        Self {
            types,
            ty,
            param: words[1] == "p",
            from: options(words[3], words[4]),
        }
    }

    fn source(&self, words: &[&str]) -> (FakeGuest, Vec<u64>) {
        let mut guest = FakeGuest::new(0, 0, self.from);
        guest.memory = memory(words[6]);
        let reps = if words[7] == "-" { "" } else { words[7] };
        for rep in reps.split_terminator(',') {
            guest
                .handles
                .lower_own(RESOURCE, rep.parse().unwrap())
                .unwrap();
        }
        (guest, flat(words[5]))
    }

    fn value(&self, text: &str) -> Val {
        Text { rest: text }.value(&self.types, self.ty)
    }
}

/// What a lower or move left: its window and the guest.
fn check_written(result: Result<()>, window: &[u64], guest: &FakeGuest, expected: &[&str]) {
    if expected[1] == "trap" {
        let error = result.expect_err("the oracle traps");
        assert!(error.trap().is_some(), "{error}");
        return;
    }
    result.unwrap();
    let expected_flat = flat(expected[0]);
    assert_eq!(window[..expected_flat.len()], expected_flat);
    assert_eq!(guest.memory, memory(expected[1]));
}

fn lower(words: &[&str]) {
    let case = Case::new(words);
    let value = case.value(words[6]);
    value.check(&case.types, case.ty).unwrap();
    let size = if words[8] == "trap" {
        words[7]
    } else {
        words[8]
    };
    let next = words[5].parse().unwrap();
    let mut guest = FakeGuest::new(memory(size).len(), next, case.from);
    let pointer = case.from.pointer;
    let program = Programs::new()
        .values(&case.types, &[case.ty], pointer, pointer)
        .unwrap();
    let mut window = [RETURN_AREA; 17];
    let result = if case.param {
        program.lower_params(&mut guest.lower(), &[value], &mut window)
    } else {
        program.lower_result(&mut guest.lower(), Some(&value), &mut window, 0)
    };
    check_written(result, &window, &guest, &words[7..]);
}

fn lift(words: &[&str]) {
    let case = Case::new(words);
    let (mut guest, mut window) = case.source(words);
    // Readers ignore the upper half of 32-bit values.
    let pointer = case.from.pointer;
    let flat = case.types.flat(case.ty, pointer);
    if window.len() == flat.count() {
        for (slot, ty) in window.iter_mut().zip(flat.types()) {
            if matches!(ty, CoreType::I32 | CoreType::F32) {
                *slot |= 0xdead_beef << 32;
            }
        }
    }
    let program = Programs::new()
        .values(&case.types, &[case.ty], pointer, pointer)
        .unwrap();
    let scratch = Scratch::new();
    let mut cx = guest.lift(&scratch);
    let result = if case.param {
        program
            .lift_params(&mut cx, &window)
            .map(|mut values| values.pop())
    } else {
        program.lift_result(&mut cx, &window)
    };
    if words[8] == "trap" {
        let error = result.expect_err("the oracle traps");
        assert!(error.trap().is_some(), "{error}");
        return;
    }
    let value = result.unwrap().unwrap();
    value.check(&case.types, case.ty).unwrap();
    assert_eq!(value, case.value(words[8]));
}

fn transfer(words: &[&str]) {
    let case = Case::new(words);
    let (mut source, from_window) = case.source(words);
    let to = options(words[8], words[9]);
    let size = if words[12] == "trap" {
        words[11]
    } else {
        words[12]
    };
    let mut target = FakeGuest::new(memory(size).len(), words[10].parse().unwrap(), to);
    let program = Programs::new()
        .values(&case.types, &[case.ty], case.from.pointer, to.pointer)
        .unwrap();
    let mut window = [RETURN_AREA; 17];
    let mut cx = MoveContext::new(
        Pair {
            from: &mut source,
            to: &mut target,
        },
        case.from,
        to,
    );
    let result = if case.param {
        program.move_params(&mut cx, &from_window, &mut window)
    } else {
        program.move_result(&mut cx, &from_window, &mut window, 0)
    };
    check_written(result, &window, &target, &words[11..]);
    assert!(target.parts().0.len() == memory(size).len());
}

fn layout(words: &[&str]) {
    let mut types = TypeTable::new();
    let ty = Text { rest: words[1] }.ty(&mut types);
    for (pointer, expected) in PointerSize::ALL.into_iter().zip(&words[2..]) {
        let layout = types.layout(ty, pointer);
        let flat = types.flat(ty, pointer);
        let names = |ty: &CoreType| match ty {
            CoreType::I32 => 'i',
            CoreType::I64 => 'I',
            CoreType::F32 => 'f',
            CoreType::F64 => 'F',
        };
        let found: String = flat.types().iter().map(names).collect();
        let expected: Vec<&str> = expected.split('/').collect();
        assert_eq!(layout.size.to_string(), expected[0]);
        assert_eq!(layout.align.to_string(), expected[1]);
        // The oracle knows no limit, and the types past it mean nothing.
        if flat.overflows() {
            assert!(expected[2].len() > found.len());
        } else {
            assert_eq!(found, expected[2]);
        }
    }
}

fn run(text: &str) -> usize {
    let mut count = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split(' ').collect();
        let job = || match words[0] {
            "layout" => layout(&words),
            "lower" => lower(&words),
            "lift" => lift(&words),
            "move" => transfer(&words),
            other => panic!("unknown kind of line `{other}`"),
        };
        if std::panic::catch_unwind(job).is_err() {
            panic!("vector {number} failed: {line}");
        }
        count += 1;
    }
    count
}

#[test]
fn sample_agrees_with_the_specification() {
    assert!(run(include_str!("vectors/sample.txt")) > 500);
}

#[test]
fn large_file_agrees_with_the_specification() {
    let Ok(path) = std::env::var("CANON_ABI_VECTORS") else {
        return;
    };
    let count = run(&std::fs::read_to_string(path).unwrap());
    assert!(count > 0);
}
