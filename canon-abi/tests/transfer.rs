//! Values moved between two guests: against lifting and lowering, with handles,
//! with one memory on both sides, and with programs that share their parts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{FILL, FakeGuest, all_options};
use linkspan_canon_abi::program::{Bridge, Memories, MoveContext, Pair, Programs};
use linkspan_canon_abi::{
    Encoding, Guest, Handles, Options, PointerSize, ResourceTypeId, Result, Scratch, Trap, TypeDef,
    TypeTable, Val, ValType,
};

const R: ResourceTypeId = ResourceTypeId(2);

/// Moves a parameter, and lifts it on the other side.
fn moved(types: &TypeTable, ty: ValType, value: &Val, from: Options, to: Options) -> Val {
    let mut programs = Programs::new();
    let mut program = |a: PointerSize, b| programs.values(types, &[ty], a, b).unwrap();
    let mut source = FakeGuest::new(1 << 16, 64, from);
    let mut target = FakeGuest::new(1 << 16, 64, to);
    let (mut a, mut b) = ([0; 16], [0; 16]);
    program(from.pointer, from.pointer)
        .lower_params(&mut source.lower(), std::slice::from_ref(value), &mut a)
        .unwrap();
    let mut cx = MoveContext::new(
        Pair {
            from: &mut source,
            to: &mut target,
        },
        from,
        to,
    );
    program(from.pointer, to.pointer)
        .move_params(&mut cx, &a, &mut b)
        .unwrap();
    let scratch = Scratch::new();
    let mut values = program(to.pointer, to.pointer)
        .lift_params(&mut target.lift(&scratch), &b)
        .unwrap();
    values.pop().unwrap()
}

#[test]
fn every_encoding_and_pointer_size() {
    let mut types = TypeTable::new();
    let pair = types
        .tuple([ValType::U8, ValType::String, ValType::U32, ValType::U64])
        .unwrap();
    let ty = types.list(pair).unwrap();
    let texts = [
        "",
        "ascii",
        "grüße",
        "☃ snow 🎉",
        "ÿ",
        "aaaaaaaaaaa☃",
        "日本語",
    ];
    let list: Vec<Val> = texts
        .iter()
        .map(|text| Val::Tuple([Val::U8(1), Val::from(*text), Val::U32(2), Val::U64(3)].into()))
        .collect();
    let value = Val::from(list);
    for from in all_options() {
        for to in all_options() {
            assert_eq!(
                moved(&types, ty, &value, from, to),
                value,
                "{from:?} {to:?}"
            );
        }
    }
}

/// 2^30 leaves if parts were not shared.
#[test]
fn programs_share_their_parts() {
    let mut types = TypeTable::new();
    let mut ty = types.tuple([ValType::String, ValType::U8]).unwrap();
    for _ in 0..30 {
        let option = types.option(ty).unwrap();
        let list = types.list(option).unwrap();
        ty = types.tuple([list, list]).unwrap();
    }
    assert!(types.facts(ty).depth > 90);
    let mut wide = ValType::String;
    for _ in 0..20 {
        wide = types.tuple([wide, wide]).unwrap();
    }
    let mut programs = Programs::new();
    for ty in [ty, wide] {
        let program = programs
            .values(&types, &[ty], PointerSize::P32, PointerSize::P64)
            .unwrap();
        assert!(program.to_string().len() < 100_000);
    }
}

#[test]
fn outlined_parts_travel() {
    let mut types = TypeTable::new();
    let many: Vec<ValType> = (0..30)
        .map(|i| {
            if i % 3 == 0 {
                ValType::String
            } else {
                ValType::U16
            }
        })
        .collect();
    let value: Vec<Val> = (0..30_u16)
        .map(|i| {
            if i % 3 == 0 {
                Val::from(format!("☃{i}"))
            } else {
                Val::U16(i)
            }
        })
        .collect();
    let part = types.tuple(many).unwrap();
    let option = types.option(part).unwrap();
    let ty = types
        .record([("x", ValType::U8), ("a", option), ("b", option)])
        .unwrap();
    let part = Val::Option(Some(Box::new(Val::Tuple(value.into()))));
    let value = Val::Record([Val::U8(7), part, Val::Option(None)].into());
    for from in all_options() {
        for to in all_options() {
            assert_eq!(moved(&types, ty, &value, from, to), value);
        }
    }
}

#[test]
fn fixed_lists_and_maps_travel() {
    let mut types = TypeTable::new();
    let option = types.option(ValType::Char).unwrap();
    let list =
        |n: usize, value: &dyn Fn(usize) -> Val| Val::from((0..n).map(value).collect::<Vec<Val>>());
    let letters = |n: usize| {
        list(n, &|i| {
            Val::Option((i % 2 == 0).then(|| Box::new(Val::from('☃'))))
        })
    };
    let map = |entries: &[(&str, Val)]| {
        let entries = entries.iter();
        Val::Map(
            entries
                .map(|(key, val)| (Val::from(*key), val.clone()))
                .collect(),
        )
    };
    let flat = types.fixed_length_list(option, 3).unwrap();
    let long = types.fixed_length_list(option, 300).unwrap();
    let texts = types.fixed_length_list(ValType::String, 4).unwrap();
    let many = types.fixed_length_list(ValType::String, 40).unwrap();
    let nested = types.map(ValType::String, texts).unwrap();
    let words = types.map(ValType::U16, ValType::U16).unwrap();
    let text = |i: usize| Val::from("aß☃".repeat(i));
    let two = map(&[("ä", list(4, &text)), ("ä", list(4, &text))]);
    let numbers = [(1, 2), (1, 3)].map(|(a, b)| (Val::U16(a), Val::U16(b)));
    for (ty, value) in [
        (flat, letters(3)),
        (long, letters(300)),
        (texts, list(4, &text)),
        (many, list(40, &text)),
        (nested, two),
        (words, Val::Map(numbers.into())),
    ] {
        for from in all_options() {
            for to in all_options() {
                assert_eq!(moved(&types, ty, &value, from, to), value);
            }
        }
    }
}

#[test]
fn errors_name_the_place() {
    let mut types = TypeTable::new();
    let shape = types
        .variant([("dot", None), ("letter", Some(ValType::Char))])
        .unwrap();
    let item = types
        .record([("n", ValType::U32), ("m", ValType::U32), ("shape", shape)])
        .unwrap();
    let list = types.list(item).unwrap();
    let named = types
        .record([("name", ValType::String), ("items", list)])
        .unwrap();
    let options = Options::default();
    let program = Programs::new()
        .values(
            &types,
            &[ValType::U8, named],
            PointerSize::P32,
            PointerSize::P32,
        )
        .unwrap();
    let mut source = FakeGuest::new(256, 64, options);
    // One item at 16: n, m, then case 1 with a surrogate.
    source.memory[16..24].fill(0);
    source.memory[24] = 1;
    source.memory[28..32].copy_from_slice(&0xd800_u32.to_le_bytes());
    let mut target = FakeGuest::new(256, 64, options);
    let mut cx = MoveContext::new(
        Pair {
            from: &mut source,
            to: &mut target,
        },
        options,
        options,
    );
    let mut window = [0; 5];
    let mut fail = |slots: [u64; 5]| {
        program
            .move_params(&mut cx, &slots, &mut window)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        fail([1, 0, 0, 16, 1]),
        "1.items[0].shape.letter: invalid `char` bit pattern: 0xd800"
    );
    assert!(fail([1, 0, 0, 16, 99]).starts_with("1.items: list pointer/length out of bounds"));
    assert!(fail([1, 255, 2, 16, 0]).contains("1.name: string pointer/length out of bounds"));
    let scratch = Scratch::new();
    let error = program
        .lift_params(&mut source.lift(&scratch), &[1, 0, 0, 16, 1])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "1.items[0].shape.letter: invalid `char` bit pattern: 0xd800"
    );
}

#[test]
fn long_lists_of_plain_records() {
    let mut types = TypeTable::new();
    let level = types.enumeration(["a", "b", "c"]).unwrap();
    let perms = types.flags(["r", "w"]).unwrap();
    let fields = [
        ValType::U32,
        ValType::Bool,
        ValType::Char,
        ValType::U8,
        ValType::U64,
        ValType::S16,
        level,
        perms,
    ];
    let item = types.tuple(fields).unwrap();
    let maybe = types.option(item).unwrap();
    for (elem, optional) in [(item, false), (maybe, true)] {
        let list = types.list(elem).unwrap();
        let values = (0..1000_u32).map(|i| {
            let item = Val::Tuple(
                [
                    Val::U32(i * 7919),
                    Val::Bool(i % 3 == 0),
                    Val::Char(char::from_u32(i + 1).unwrap()),
                    Val::U8(i as u8),
                    Val::U64(u64::from(i) << 33),
                    Val::S16(-(i as i16)),
                    Val::Enum(i % 3),
                    Val::Flags(i % 4),
                ]
                .into(),
            );
            if optional {
                Val::Option(Some(Box::new(item)))
            } else {
                item
            }
        });
        let value = Val::from(values.collect::<Vec<_>>());
        let options = Options::default();
        assert_eq!(moved(&types, list, &value, options, options), value);
    }
}

#[test]
fn errors_in_long_lists_name_the_element() {
    let mut types = TypeTable::new();
    let pair = types
        .record([("n", ValType::U8), ("letter", ValType::Char)])
        .unwrap();
    let list = types.list(pair).unwrap();
    let program = Programs::new()
        .values(&types, &[list], PointerSize::P32, PointerSize::P32)
        .unwrap();
    let options = Options::default();
    let mut source = FakeGuest::new(8000, 0, options);
    source.memory.fill(0);
    source.memory[8 * 700 + 4..8 * 701].fill(0xff);
    let mut target = FakeGuest::new(8000, 0, options);
    let mut cx = MoveContext::new(
        Pair {
            from: &mut source,
            to: &mut target,
        },
        options,
        options,
    );
    let error = program
        .move_params(&mut cx, &[0, 1000], &mut [0; 2])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "[700].letter: invalid `char` bit pattern: 0xffffffff"
    );
    // Padding of the source stays where it is.
    assert_eq!(target.memory[..5], [0, FILL, FILL, FILL, 0]);
}

#[test]
fn handles_move_and_are_lent() {
    let mut types = TypeTable::new();
    let own = types.own(R).unwrap();
    let borrow = types.borrow(R).unwrap();
    let options = Options::default();
    let program = Programs::new()
        .values(&types, &[own, borrow], PointerSize::P32, PointerSize::P32)
        .unwrap();
    let mut source = FakeGuest::new(0, 0, options);
    let mut target = FakeGuest::new(0, 0, options);
    let a = source.handles.lower_own(R, 70).unwrap();
    let b = source.handles.lower_own(R, 80).unwrap();
    let go = |source: &mut FakeGuest, target: &mut FakeGuest, slots: [u32; 2]| {
        let mut window = [0; 2];
        let mut cx = MoveContext::new(
            Pair {
                from: source,
                to: target,
            },
            options,
            options,
        );
        program
            .move_params(&mut cx, &slots.map(u64::from), &mut window)
            .map(|()| window.map(|slot| slot as u32))
    };
    let [own, borrowed] = go(&mut source, &mut target, [a, b]).unwrap();
    assert_eq!(target.handles.table.rep(R, own).unwrap(), 70);
    assert_eq!(target.handles.table.rep(R, borrowed).unwrap(), 80);
    assert!(source.handles.table.rep(R, a).is_err());
    // What is lent cannot be moved, and the callee must drop its borrow.
    let error = go(&mut source, &mut target, [b, b]).unwrap_err();
    assert_eq!(error.trap(), Some(&Trap::StillLent { index: b, lends: 1 }));
    let error = target.handles.finish().unwrap_err();
    assert_eq!(error.trap(), Some(&Trap::BorrowsRemain { borrows: 1 }));
    source.handles.finish().unwrap();
    assert_eq!(source.handles.table.take_own(R, b).unwrap(), 80);
    // The guest that implements a resource is lent the rep.
    target.handles.implements = Some(R);
    let c = source.handles.lower_own(R, 90).unwrap();
    let d = source.handles.lower_own(R, 91).unwrap();
    let [_, rep] = go(&mut source, &mut target, [c, d]).unwrap();
    assert_eq!(rep, 91);
}

/// A component that calls itself: one guest on both sides.
struct Same<'g>(&'g mut FakeGuest);

impl Bridge for Same<'_> {
    fn memories(&mut self) -> Memories<'_> {
        Memories::Shared(self.0.bytes_mut())
    }

    fn realloc(&mut self, old: u64, old_bytes: u64, align: u32, bytes: u64) -> Result<u64> {
        self.0.realloc(old, old_bytes, align, bytes)
    }

    fn move_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32> {
        let rep = self.0.handles.lift_own(resource, index)?;
        self.0.handles.lower_own(resource, rep)
    }

    fn move_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32> {
        let rep = self.0.handles.lift_borrow(resource, index)?;
        self.0.handles.lower_borrow(resource, rep)
    }
}

#[test]
fn one_memory_on_both_sides() {
    let mut types = TypeTable::new();
    let list = types.list(ValType::U16).unwrap();
    let checked = types.list(ValType::Bool).unwrap();
    let program = Programs::new()
        .values(
            &types,
            &[ValType::String, list, checked],
            PointerSize::P32,
            PointerSize::P32,
        )
        .unwrap();
    let values = [
        Val::from("grüße"),
        Val::from(vec![1_u16, 2, 3]),
        Val::from(vec![Val::Bool(true), Val::Bool(false)]),
    ];
    for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Latin1Utf16] {
        let from = Options::default();
        let to = Options { encoding, ..from };
        let mut guest = FakeGuest::new(1000, 64, from);
        let (mut a, mut b) = ([0; 6], [0; 6]);
        program
            .lower_params(&mut guest.lower(), &values, &mut a)
            .unwrap();
        let mut cx = MoveContext::new(Same(&mut guest), from, to);
        program.move_params(&mut cx, &a, &mut b).unwrap();
        guest.options = to;
        let scratch = Scratch::new();
        assert_eq!(
            program.lift_params(&mut guest.lift(&scratch), &b).unwrap(),
            values
        );
    }
}

/// A `realloc` that always answers the same bytes.
struct Reuse<'g>(Same<'g>);

impl Bridge for Reuse<'_> {
    fn memories(&mut self) -> Memories<'_> {
        self.0.memories()
    }

    fn realloc(&mut self, _: u64, _: u64, _: u32, _: u64) -> Result<u64> {
        Ok(4096)
    }

    fn move_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32> {
        self.0.move_own(resource, index)
    }

    fn move_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32> {
        self.0.move_borrow(resource, index)
    }
}

#[test]
fn a_call_moves_within_its_budget() {
    let mut types = TypeTable::new();
    let bytes = types.list(ValType::U8).unwrap();
    let lists = types.list(bytes).unwrap();
    let options = Options::default();
    let mut guest = FakeGuest::new(8192, 64, options);
    for pair in guest.memory[..4096].chunks_exact_mut(8) {
        pair[..4].fill(0);
        pair[4..].copy_from_slice(&4096_u32.to_le_bytes());
    }
    let program = Programs::new()
        .values(&types, &[lists], PointerSize::P32, PointerSize::P32)
        .unwrap();
    let mut cx = MoveContext::new(Reuse(Same(&mut guest)), options, options).with_budget(100_000);
    let error = program
        .move_params(&mut cx, &[0, 512], &mut [0; 2])
        .unwrap_err();
    assert_eq!(
        error.trap(),
        Some(&Trap::MoveBudgetExceeded {
            budget_bytes: 100_000
        })
    );
}

/// What needs no `realloc` of its own is paid for as well: a fixed-length list can be long.
#[test]
fn values_in_place_are_charged() {
    let mut types = TypeTable::new();
    let fixed = types
        .intern(TypeDef::FixedLengthList(ValType::U32, 1000))
        .unwrap();
    let program = Programs::new()
        .values(&types, &[fixed], PointerSize::P32, PointerSize::P32)
        .unwrap();
    let options = Options::default();
    let mut guest = FakeGuest::new(16384, 8192, options);
    let mut budget = |bytes| {
        let mut cx = MoveContext::new(Reuse(Same(&mut guest)), options, options).with_budget(bytes);
        let params = program.move_params(&mut cx, &[0], &mut [0]);
        let result = program.move_result(&mut cx, &[0], &mut [4096], 0);
        (params.is_ok(), result.is_ok(), cx.charged_bytes())
    };
    assert_eq!(budget(8000), (true, true, 8000));
    assert_eq!(budget(7999), (true, false, 4000));
    assert_eq!(budget(3999), (false, false, 0));
}

#[test]
fn programs_know_their_memories() {
    let types = TypeTable::new();
    let program = Programs::new()
        .values(
            &types,
            &[ValType::String],
            PointerSize::P32,
            PointerSize::P64,
        )
        .unwrap();
    let mut guest = FakeGuest::new(64, 8, Options::default());
    let scratch = Scratch::new();
    program
        .lift_params(&mut guest.lift(&scratch), &[0, 0])
        .unwrap();
    let error = program
        .lower_params(&mut guest.lower(), &[Val::from("a")], &mut [0; 2])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a memory with 8-byte pointers, found 4-byte pointers"
    );
}

#[test]
fn copies_merge_across_records() {
    let mut types = TypeTable::new();
    let point = types
        .record([("x", ValType::U32), ("y", ValType::F32)])
        .unwrap();
    let line = types.tuple([point, point]).unwrap();
    let ty = types
        .record([("line", line), ("on", ValType::Bool), ("n", ValType::U16)])
        .unwrap();
    let program = Programs::new()
        .values(&types, &[ty], PointerSize::P32, PointerSize::P32)
        .unwrap();
    assert_eq!(
        program.to_string(),
        "program 0: values 1 flat 6 size 20/20 align 4/4\n   \
            0 record with 3 fields\n   \
            1 tuple with 2 fields\n   \
            2 record with 2 fields\n   \
            3 @0/0 copy 16 bytes, skip 5\n   \
            4 @0/0 $0 u32\n   \
            5 @4/4 $1 f32\n   \
            6 record with 2 fields\n   \
            7 @8/8 $2 u32\n   \
            8 @12/12 $3 f32\n   \
            9 @16/16 $4 bool\n  \
           10 @18/18 $5 u16\n"
    );
}
