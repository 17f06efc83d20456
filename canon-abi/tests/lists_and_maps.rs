//! Lists of fixed length and maps: typed against dynamic, in errors, and how
//! large their programs are.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_types,
    reason = "hash maps are lifted and lowered, too"
)]

mod common;

use std::collections::{BTreeMap, HashMap};

use common::{FakeGuest, agree, all_options};
use linkspan_canon_abi::program::Programs;
use linkspan_canon_abi::{
    Comparison, Guest, MAX_VALUE_BYTES, Options, PointerSize, Scratch, TypeTable, Val, ValType,
    call, record, value_type,
};

#[derive(Clone, Debug, PartialEq)]
struct Host {
    address: [u8; 4],
    names: [String; 2],
    ports: BTreeMap<String, [u16; 3]>,
    open: bool,
}

record!(Host {
    "address" => address: [u8; 4],
    "names" => names: [String; 2],
    "ports" => ports: BTreeMap<String, [u16; 3]>,
    "open" => open: bool,
});

fn map(entries: impl IntoIterator<Item = (Val, Val)>) -> Val {
    Val::Map(entries.into_iter().collect())
}

#[test]
fn typed_and_dynamic_agree() {
    for options in all_options() {
        agree(&[1_u8, 2, 3, 4], &Val::from(vec![1_u8, 2, 3, 4]), options);
        agree(&[-1_i64], &Val::from(vec![-1_i64]), options);
        agree(
            &[[0.5_f32, 1.5], [2.5, -0.0]],
            &Val::from(vec![
                Val::from(vec![0.5_f32, 1.5]),
                Val::from(vec![2.5_f32, -0.0]),
            ]),
            options,
        );
        // Sixteen values are flat, seventeen are not.
        agree(&[7_u32; 16], &Val::from(vec![7_u32; 16]), options);
        agree(&[7_u32; 17], &Val::from(vec![7_u32; 17]), options);
        agree(
            &vec![[true, false], [true, true]],
            &Val::from(
                [[true, false], [true, true]]
                    .map(|pair| Val::from(pair.map(Val::from).to_vec()))
                    .to_vec(),
            ),
            options,
        );
        agree(
            &Some(["ä".to_owned(), "☃".to_owned()]),
            &Val::Option(Some(Box::new(Val::from(vec![
                Val::from("ä"),
                Val::from("☃"),
            ])))),
            options,
        );
        agree(
            &BTreeMap::from([('b', 2_u64), ('a', 1)]),
            &map([
                (Val::from('a'), Val::from(1_u64)),
                (Val::from('b'), Val::from(2_u64)),
            ]),
            options,
        );
        agree(&BTreeMap::<bool, u8>::new(), &map([]), options);
        agree(
            &HashMap::from([("k".to_owned(), vec![1_u8])]),
            &map([(Val::from("k"), Val::from(vec![1_u8]))]),
            options,
        );
        agree(
            &Host {
                address: [127, 0, 0, 1],
                names: ["a".to_owned(), String::new()],
                ports: BTreeMap::from([("http".to_owned(), [80, 8080, 8000])]),
                open: true,
            },
            &Val::Record(
                [
                    Val::from(vec![127_u8, 0, 0, 1]),
                    Val::from(vec![Val::from("a"), Val::from("")]),
                    map([(Val::from("http"), Val::from(vec![80_u16, 8080, 8000]))]),
                    Val::from(true),
                ]
                .into(),
            ),
            options,
        );
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    let mut types = TypeTable::new();
    let ty = types.map(ValType::String, ValType::U8).unwrap();
    let entries = [("b", 1), ("a", 2), ("b", 3)];
    let value = map(entries.map(|(key, n)| (Val::from(key), Val::U8(n))));
    let program = Programs::new()
        .values(&types, &[ty], PointerSize::P32, PointerSize::P32)
        .unwrap();
    let mut guest = FakeGuest::new(1000, 64, Options::default());
    let mut window = [0; 2];
    program
        .lower_params(
            &mut guest.lower(),
            std::slice::from_ref(&value),
            &mut window,
        )
        .unwrap();
    let scratch = Scratch::new();
    let mut cx = guest.lift(&scratch);
    assert_eq!(program.lift_params(&mut cx, &window).unwrap(), [value]);
    type Ages<'a> = (BTreeMap<&'a str, u8>,);
    let (ages,) = call::lift_params::<Ages<'static>, _>(&mut cx, &window).unwrap();
    assert_eq!(ages, BTreeMap::from([("a", 2), ("b", 3)]));
    let (ages,) = call::lift_params::<(HashMap<String, u8>,), _>(&mut cx, &window).unwrap();
    assert_eq!((ages.len(), ages["b"]), (2, 3));
}

#[test]
fn errors_name_the_element() {
    let mut types = TypeTable::new();
    let letters = types.fixed_length_list(ValType::Char, 20).unwrap();
    let ty = types.map(ValType::U8, letters).unwrap();
    let program = Programs::new()
        .values(&types, &[ty], PointerSize::P32, PointerSize::P32)
        .unwrap();
    let mut guest = FakeGuest::new(1000, 64, Options::default());
    let entry = |n, length| (Val::U8(n), Val::from(vec![Val::from('x'); length]));
    let mut window = [0; 2];
    let value = [map([entry(1, 20), entry(2, 20)])];
    program
        .lower_params(&mut guest.lower(), &value, &mut window)
        .unwrap();
    // The pair takes 84 bytes, its letters start at 4.
    let at = window[0] as usize + 84 + 4 + 7 * 4;
    guest.bytes_mut()[at..at + 4].copy_from_slice(&0xd800_u32.to_le_bytes());
    let scratch = Scratch::new();
    let error = program
        .lift_params(&mut guest.lift(&scratch), &window)
        .unwrap_err();
    assert!(error.to_string().starts_with("[1].1[7]: "), "{error}");
    type Letters = (BTreeMap<u8, [char; 20]>,);
    let error = call::lift_params::<Letters, _>(&mut guest.lift(&scratch), &window).unwrap_err();
    assert!(error.to_string().starts_with("0[1].1[7]: "), "{error}");
    let error = program
        .lower_params(&mut guest.lower(), &[map([entry(1, 19)])], &mut window)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "[0].1: expected a value of type a list of 20, found a list of 19"
    );
}

/// A type of 2^28 bytes less one is a handful of ops.
#[test]
fn programs_are_as_large_as_types() {
    let mut types = TypeTable::new();
    let mut ty = ValType::Bool;
    for count in [255, 257, 1300] {
        let option = types.option(ValType::U8).unwrap();
        let pair = types.tuple([ty, option]).unwrap();
        ty = types.fixed_length_list(pair, count).unwrap();
    }
    assert!(types.layout(ty, PointerSize::P32).size > MAX_VALUE_BYTES / 2);
    let program = Programs::new()
        .values(&types, &[ty, ty], PointerSize::P32, PointerSize::P64)
        .unwrap();
    assert!(program.to_string().lines().count() < 40, "{program}");
    assert_eq!(program.param_slots(), 1);
}

#[test]
fn rust_types_describe_themselves() {
    let mut types = TypeTable::new();
    let ty = value_type::<BTreeMap<String, [Vec<u8>; 3]>>(&mut types).unwrap();
    assert_eq!(
        types.display(ty).to_string(),
        "map<string, list<list<u8>, 3>>"
    );
    let error = value_type::<BTreeMap<(u8,), u8>>(&mut types).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key of a map is a bool, an integer, a char or a string, found tuple<u8>"
    );
    let mut other = TypeTable::new();
    let pairs = value_type::<Vec<(String, [Vec<u8>; 3])>>(&mut other).unwrap();
    let mut never = |_, _| false;
    let error = Comparison::new(&types, &other, &mut never)
        .value(ty, pairs)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected map<string, list<list<u8>, 3>>, found list<tuple<string, list<list<u8>, 3>>>"
    );
}
