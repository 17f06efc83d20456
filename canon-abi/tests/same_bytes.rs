//! Lists that are lifted as one copy, and lists that look as if they could be: a
//! host without unsafe code sees no difference but speed, and the bits of a NaN.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::mem::offset_of;

use common::{FakeGuest, agree, all_options};
use linkspan_canon_abi::program::Programs;
use linkspan_canon_abi::{
    LiftContext, LiftOwned, NoHandles, Options, PointerSize, Result, Scratch, Trap, TypeTable, Val,
    call, enumeration, record, value_type,
};

/// Padding at the end, which the canonical ABI has, too.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
struct Item {
    id: u64,
    x: f64,
    n: u32,
}

record!(Item { "id" => id: u64, "x" => x: f64, "n" => n: u32 });

/// Padding between the fields, and fields of more than one number.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
struct Nested {
    tag: u8,
    items: [Item; 2],
    small: [i16; 3],
}

record!(Nested {
    "tag" => tag: u8,
    "items" => items: [Item; 2],
    "small" => small: [i16; 3],
});

/// As large as its record, with the fields in another order.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
struct Swapped {
    second: u32,
    first: u32,
}

record!(Swapped { "first" => first: u32, "second" => second: u32 });

/// Rust may put `wide` first, where it saves eight bytes.
#[derive(Clone, Debug, PartialEq)]
struct Reordered {
    a: u8,
    wide: u64,
    b: u8,
}

record!(Reordered { "a" => a: u8, "wide" => wide: u64, "b" => b: u8 });

/// Larger than its record.
#[derive(Clone, Debug, PartialEq)]
#[repr(C, align(16))]
struct Aligned {
    value: u64,
}

record!(Aligned { "value" => value: u64 });

#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    Low,
    High,
}

enumeration!(Level { "low" => Low, "high" => High });

/// One byte each, and not any byte is a value.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
struct Choosy {
    on: bool,
    level: Level,
    count: u16,
    letter: char,
}

record!(Choosy {
    "on" => on: bool,
    "level" => level: Level,
    "count" => count: u16,
    "letter" => letter: char,
});

/// A boxed number is a pointer, whatever the number is.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
struct Boxed {
    value: Box<u64>,
}

record!(Boxed { "value" => value: Box<u64> });

fn item(n: u32) -> Item {
    Item {
        id: u64::from(n) << 33 | 5,
        x: f64::from(n) / 4.0,
        n,
    }
}

/// The bytes of an item in a guest, with something between the fields.
fn item_bytes(item: &Item) -> Vec<u8> {
    let mut bytes = item.id.to_le_bytes().to_vec();
    bytes.extend(item.x.to_le_bytes());
    bytes.extend(item.n.to_le_bytes());
    bytes.extend([0xa5; 4]);
    bytes
}

/// Lifts a list of `count` elements that starts where the memory does.
fn lift<T: LiftOwned>(memory: &[u8], count: u64, pointer: PointerSize) -> Result<Vec<T>> {
    let scratch = Scratch::new();
    let options = Options {
        pointer,
        ..Options::default()
    };
    let mut cx = LiftContext::new(memory, NoHandles, &scratch, options);
    call::lift_params::<(Vec<T>,), _>(&mut cx, &[0, count]).map(|(list,)| list)
}

fn record_val(fields: impl IntoIterator<Item = Val>) -> Val {
    Val::Record(fields.into_iter().collect())
}

fn item_val(item: &Item) -> Val {
    record_val([Val::from(item.id), Val::from(item.x), Val::from(item.n)])
}

#[test]
fn typed_and_dynamic_agree() {
    let nested = Nested {
        tag: 7,
        items: [item(1), item(2)],
        small: [-1, 2, -3],
    };
    let nested_val = record_val([
        Val::from(7_u8),
        Val::from([item_val(&item(1)), item_val(&item(2))].to_vec()),
        Val::from(vec![-1_i16, 2, -3]),
    ]);
    for options in all_options() {
        let items: Vec<Item> = (0..50).map(item).collect();
        let vals: Vec<Val> = items.iter().map(item_val).collect();
        agree(&items, &Val::from(vals), options);
        agree(
            &vec![nested.clone(), nested.clone()],
            &Val::from(vec![nested_val.clone(), nested_val.clone()]),
            options,
        );
        agree(
            &vec![Swapped {
                first: 1,
                second: 2,
            }],
            &Val::from(vec![record_val([Val::from(1_u32), Val::from(2_u32)])]),
            options,
        );
        let reordered = Reordered {
            a: 1,
            wide: u64::MAX - 1,
            b: 3,
        };
        let fields = [Val::from(1_u8), Val::from(u64::MAX - 1), Val::from(3_u8)];
        agree(
            &vec![reordered.clone(), reordered],
            &Val::from(vec![record_val(fields.clone()), record_val(fields)]),
            options,
        );
        agree(
            &vec![Aligned { value: 8 }, Aligned { value: 9 }],
            &Val::from([8_u64, 9].map(|v| record_val([Val::from(v)])).to_vec()),
            options,
        );
        agree(
            &vec![Boxed { value: Box::new(8) }],
            &Val::from(vec![record_val([Val::from(8_u64)])]),
            options,
        );
        agree(
            &vec![[1_u64, 2], [3, u64::MAX]],
            &Val::from(vec![
                Val::from(vec![1_u64, 2]),
                Val::from(vec![3_u64, u64::MAX]),
            ]),
            options,
        );
    }
}

#[test]
fn fields_that_rust_puts_elsewhere_are_found() {
    // Otherwise these tests would say nothing.
    assert_eq!(offset_of!(Swapped, first), 4);
    assert_ne!(size_of::<Aligned>(), 8);
    let bytes: Vec<u8> = [1_u32, 2, 3, 4]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    for pointer in PointerSize::ALL {
        assert_eq!(
            lift::<Swapped>(&bytes, 2, pointer).unwrap(),
            [
                Swapped {
                    first: 1,
                    second: 2
                },
                Swapped {
                    first: 3,
                    second: 4
                }
            ]
        );
    }
}

#[test]
fn what_lies_between_fields_goes_nowhere() {
    let items: Vec<Item> = (0..3).map(item).collect();
    let bytes: Vec<u8> = items.iter().flat_map(item_bytes).collect();
    for pointer in PointerSize::ALL {
        let lifted = lift::<Item>(&bytes, 3, pointer).unwrap();
        assert_eq!(lifted, items);
        // What a guest gets depends on the values alone.
        let written = [&lifted, &items].map(|list| {
            let options = Options {
                pointer,
                ..Options::default()
            };
            let mut guest = FakeGuest::new(512, 64, options);
            call::lower_params(&mut guest.lower(), &(list,), &mut [0; 2]).unwrap();
            guest.memory
        });
        assert_eq!(written[0], written[1]);
        assert!(!written[0].contains(&0xa5));
    }
}

#[test]
fn ranges_and_budgets_are_checked_first() {
    let bytes: Vec<u8> = (0..4).flat_map(|n| item_bytes(&item(n))).collect();
    assert_eq!(lift::<Item>(&bytes, 0, PointerSize::P32).unwrap(), []);
    assert_eq!(lift::<Item>(&[], 0, PointerSize::P64).unwrap(), []);
    assert_eq!(
        lift::<[u8; 3]>(&[1, 2, 3, 4], 1, PointerSize::P32).unwrap(),
        [[1, 2, 3]]
    );

    let error = lift::<Item>(&bytes, 5, PointerSize::P32).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("list pointer/length out of bounds of memory"),
        "{text}"
    );
    let error = lift::<Item>(&bytes, 1 << 28, PointerSize::P32).unwrap_err();
    assert!(
        error.to_string().contains("longer than the limit"),
        "{error}"
    );

    let lift_from = |pointer, budget| {
        let scratch = Scratch::new();
        let mut cx =
            LiftContext::new(&bytes, NoHandles, &scratch, Options::default()).with_budget(budget);
        call::lift_params::<(Vec<Item>,), _>(&mut cx, &[pointer, 3]).map(|(list,)| list)
    };
    let text = lift_from(4, 1000).unwrap_err().to_string();
    assert!(text.contains("unaligned pointer"), "{text}");
    // The bytes that are read, and as many that are allocated.
    assert_eq!(lift_from(0, 2 * 72).unwrap(), [item(0), item(1), item(2)]);
    assert_eq!(
        lift_from(0, 2 * 72 - 1).unwrap_err().trap(),
        Some(&Trap::LiftBudgetExceeded { budget_bytes: 143 })
    );
}

#[test]
fn values_that_can_be_wrong_are_looked_at() {
    let lift = |bytes: &[u8]| lift::<Choosy>(bytes, 2, PointerSize::P32).map_err(|e| e.to_string());
    let mut bytes = [2, 1, 3, 0, 0x41, 0, 0, 0, 0, 0, 0, 0, 0x42, 0, 0, 0];
    let expected = [
        Choosy {
            on: true,
            level: Level::High,
            count: 3,
            letter: 'A',
        },
        Choosy {
            on: false,
            level: Level::Low,
            count: 0,
            letter: 'B',
        },
    ];
    assert_eq!(lift(&bytes).unwrap(), expected);
    bytes[9] = 2;
    assert_eq!(
        lift(&bytes).unwrap_err(),
        "0[1].level: invalid variant discriminant: 2, there are 2 cases"
    );
    bytes[9] = 1;
    bytes[13..15].copy_from_slice(&[0xd8, 0x11]);
    assert_eq!(
        lift(&bytes).unwrap_err(),
        "0[1].letter: invalid `char` bit pattern: 0x11d842"
    );
}

#[test]
fn bits_of_a_nan_stay_in_copies_alone() {
    let bits = 0xfff4_0000_0000_0001;
    let nan = Item {
        x: f64::from_bits(bits),
        ..item(1)
    };
    let bytes = item_bytes(&nan);
    let (canonical, canonical32) = (0x7ff8_0000_0000_0000, 0x7fc0_0000);
    let little = cfg!(target_endian = "little");
    let copied = if little { bits } else { canonical };

    let items = lift::<Item>(&bytes, 1, PointerSize::P32).unwrap();
    assert_eq!(items[0].x.to_bits(), copied);
    let floats = lift::<f64>(&bytes[8..16], 1, PointerSize::P32).unwrap();
    assert_eq!(floats[0].to_bits(), copied);
    let narrow = lift::<f32>(&u32::MAX.to_le_bytes(), 1, PointerSize::P32).unwrap();
    let copied32 = if little { u32::MAX } else { canonical32 };
    assert_eq!(narrow[0].to_bits(), copied32);
    let pairs = lift::<(u64, f64, u32)>(&bytes, 1, PointerSize::P32).unwrap();
    assert_eq!(pairs[0].1.to_bits(), canonical);

    // Neither a value alone nor a dynamic one.
    let scratch = Scratch::new();
    let mut cx = LiftContext::new(&bytes, NoHandles, &scratch, Options::default());
    let slots = [nan.id, bits, 1];
    let (alone,) = call::lift_params::<(Item,), _>(&mut cx, &slots).unwrap();
    assert_eq!(alone.x.to_bits(), canonical);
    let mut types = TypeTable::new();
    let ty = value_type::<Vec<f64>>(&mut types).unwrap();
    let program = Programs::new()
        .values(&types, &[ty], PointerSize::P32, PointerSize::P32)
        .unwrap();
    let mut cx = LiftContext::new(&bytes, NoHandles, &scratch, Options::default());
    let vals = program.lift_params(&mut cx, &[8, 1]).unwrap();
    let [Val::List(list)] = &*vals else {
        panic!("expected a list, found {vals:?}");
    };
    assert_eq!(list.len(), 1);
    assert!(matches!(list.get(0), Some(Val::F64(v)) if v.to_bits() == canonical));
}
