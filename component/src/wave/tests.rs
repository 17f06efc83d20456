//! The table of spellings, what is refused and how it is told, and that every value comes back
//! from its text.

use linkspan_canon_abi::value::Handle;
use linkspan_canon_abi::{FuncType, MAX_TYPE_DEPTH, ResourceTypeId, TypeTable, Val, ValType};

use super::*;
use crate::random::Random;

fn record() -> (TypeTable, ValType) {
    let mut types = TypeTable::new();
    let email = types.option(ValType::String).unwrap();
    let nested = types.option(email).unwrap();
    let ty = types.record([("age", ValType::U8), ("email", email), ("none", nested)]);
    (types, ty.unwrap())
}

#[track_caller]
fn parses(types: &TypeTable, ty: ValType, text: &str, printed: &str) {
    let value = parse(types, ty, text).unwrap_or_else(|e| panic!("{e:#}"));
    assert_eq!(print(types, ty, &value).unwrap(), printed);
    assert_eq!(parse(types, ty, printed).unwrap(), value);
}

#[track_caller]
fn refuses(types: &TypeTable, ty: ValType, text: &str, report: &str) {
    match parse(types, ty, text) {
        Ok(value) => panic!("`{text}` is {value:?}"),
        Err(error) => assert_eq!(format!("{error:#}"), report),
    }
}

#[test]
fn scalars() {
    let types = TypeTable::new();
    for (ty, text, printed) in [
        (ValType::Bool, " true // yes", "true"),
        (ValType::S8, "-128", "-128"),
        (ValType::S64, "-0", "0"),
        (ValType::U64, "18446744073709551615", "18446744073709551615"),
        (ValType::F64, "2.0", "2"),
        (ValType::F64, "-0.0e-0", "-0"),
        (ValType::F64, "6.02E+23", "602000000000000000000000"),
        (ValType::F32, "1.4012984643e-46", "0"),
        (ValType::F32, "3.4028234664e39", "inf"),
        (ValType::F32, "-inf", "-inf"),
        (ValType::F32, "nan", "nan"),
        (ValType::Char, r"'\''", r"'\''"),
        (ValType::Char, r"'\u{002603}'", "'☃'"),
        (ValType::Char, "'\"'", "'\"'"),
        (ValType::String, "\"WAVE🌊\"", "\"WAVE🌊\""),
        (
            ValType::String,
            r#""'\'\"\t\n\r\\\u{0}""#,
            r#""''\"\t\n\r\\\u{0}""#,
        ),
    ] {
        parses(&types, ty, text, printed);
    }
    for (ty, text) in [
        (ValType::Bool, "%true"),
        (ValType::Bool, "1"),
        (ValType::U8, "256"),
        (ValType::U8, "-1"),
        (ValType::U8, "01"),
        (ValType::U8, "1.0"),
        (ValType::U8, "0x1"),
        (ValType::U8, "1 2"),
        (ValType::U8, ""),
        (ValType::F64, "1."),
        (ValType::F64, ".5"),
        (ValType::F64, "infinity"),
        (ValType::F64, "1e"),
        (ValType::Char, "''"),
        (ValType::Char, "'ab'"),
        (ValType::Char, "'"),
        (ValType::Char, r"'\u{d800}'"),
        (ValType::String, r#""\u{110000}""#),
        (ValType::String, r#""\u{+1}""#),
        (ValType::String, r#""\u{}""#),
        (ValType::String, r#""\j""#),
        (ValType::String, "\"\n\""),
        (ValType::String, r#""\"#),
        (ValType::String, "'a'"),
    ] {
        let error = parse(&types, ty, text).expect_err(text);
        assert!(
            !error.message().is_empty() && error.span().end <= text.len(),
            "{text}"
        );
    }
}

#[test]
fn lines() {
    let types = TypeTable::new();
    for (text, printed) in [
        ("\"\"\"\n\"\"\"", r#""""#),
        ("\"\"\"\nA line\n\"\"\"", r#""A line""#),
        (
            "\"\"\"\r\n    Trailing indent\r\n  determines\r\n  \"\"\"",
            r#""  Trailing indent\ndetermines""#,
        ),
        ("\"\"\"\n\nkept\n\n\"\"\"", r#""\nkept\n""#),
        ("\"\"\"\na \"\"\\\"\" b\\r\n\"\"\"", r#""a \"\"\"\" b\r""#),
    ] {
        parses(&types, ValType::String, text, printed);
    }
    for text in [
        "\"\"\"\"\"\"",
        "\"\"\" \"\"\"",
        "\"\"\"\nextra\"\"\"",
        "\"\"\"\n  a\n b\n  \"\"\"",
        "\"\"\"\n \"\"\" \n\"\"\"",
        "\"\"\"\n\"\"",
        "\"\"\"\n\\j\n\"\"\"",
    ] {
        assert!(parse(&types, ValType::String, text).is_err(), "{text}");
    }
}

#[test]
fn records_and_flags() {
    let (mut types, person) = record();
    parses(&types, person, "{age: 1}", "{age: 1}");
    parses(
        &types,
        person,
        "{%none: some(none), age: 1,}",
        "{age: 1, none: some(none)}",
    );
    parses(
        &types,
        person,
        "{ email:\"a\" , age : 2 }",
        "{age: 2, email: some(\"a\")}",
    );
    let optional = types.option(ValType::U8).unwrap();
    let all = types.record([("a", optional)]).unwrap();
    parses(&types, all, "{ : }", "{:}");
    parses(&types, all, "{}", "{:}");
    let perms = types.flags(["read", "write", "ok"]).unwrap();
    parses(&types, perms, "{ok, read,}", "{read, ok}");
    parses(&types, perms, "{}", "{}");
    refuses(
        &types,
        person,
        "{age: 1, mail: \"x\"}",
        "there is no field `mail`\n1 | {age: 1, mail: \"x\"}\n  |          ^^^^\nhelp: the fields are age, email, none",
    );
    refuses(
        &types,
        person,
        "{email: none}",
        "field `age` of type u8 is missing\n1 | {email: none}\n  | ^^^^^^^^^^^^^",
    );
    refuses(
        &types,
        person,
        "{age: 1, age: 2}",
        "field `age` is given twice\n1 | {age: 1, age: 2}\n  |          ^^^",
    );
    refuses(
        &types,
        perms,
        "{read read}",
        "expected `,` or `}`, found `read`\n1 | {read read}\n  |       ^^^^",
    );
}

#[test]
fn lists_of_fixed_length_and_maps() {
    let mut types = TypeTable::new();
    let three = types.fixed_length_list(ValType::U8, 3).unwrap();
    parses(&types, three, "[1,2,3,]", "[1, 2, 3]");
    refuses(
        &types,
        three,
        "[1, 2]",
        "expected 3 elements, found 2\n1 | [1, 2]\n  | ^^^^^^",
    );
    let map = types.map(ValType::String, three).unwrap();
    parses(&types, map, "{}", "{:}");
    parses(&types, map, "{:}", "{:}");
    parses(&types, map, "[]", "{:}");
    // Keys may come twice, and stay in their order.
    parses(
        &types,
        map,
        r#"{ "b": [1, 2, 3], "a" : [4, 5, 6], "b": [0, 0, 0], }"#,
        r#"{"b": [1, 2, 3], "a": [4, 5, 6], "b": [0, 0, 0]}"#,
    );
    parses(
        &types,
        map,
        r#"[("b", [1, 2, 3],), ("a", [4, 5, 6])]"#,
        r#"{"b": [1, 2, 3], "a": [4, 5, 6]}"#,
    );
    let inner = types.map(ValType::Bool, map).unwrap();
    parses(
        &types,
        inner,
        r#"{true: {"x": [1, 2, 3]}, false: {:}}"#,
        r#"{true: {"x": [1, 2, 3]}, false: {:}}"#,
    );
    refuses(
        &types,
        inner,
        r#"{true: {"x": [1, 2]}}"#,
        "[0].1[0].1: expected 3 elements, found 2\n1 | {true: {\"x\": [1, 2]}}\n  |              ^^^^^^",
    );
    for text in [
        "{:, true: {}}",
        "{true}",
        "{1: {}}",
        "[(true)]",
        "[true: {}]",
        "{true: {}",
    ] {
        assert!(parse(&types, inner, text).is_err(), "{text}");
    }
}

#[test]
fn cases() {
    let mut types = TypeTable::new();
    let status = types.enumeration(["ok", "not-found"]).unwrap();
    parses(&types, status, "%ok", "%ok");
    parses(&types, status, "%not-found", "not-found");
    refuses(
        &types,
        status,
        "ok",
        "`ok` is a keyword\n1 | ok\n  | ^^\nhelp: write `%ok` if it is the name of a case",
    );
    let shape = types
        .variant([("circle", Some(ValType::F64)), ("empty", None)])
        .unwrap();
    parses(&types, shape, "circle ( 2.50 )", "circle(2.5)");
    parses(&types, shape, "empty", "empty");
    for text in [
        "circle",
        "empty()",
        "empty(1)",
        "circle()",
        "circle(1, 2)",
        "Circle(1)",
    ] {
        assert!(parse(&types, shape, text).is_err(), "{text}");
    }
    let option = types.option(ValType::U8).unwrap();
    parses(&types, option, "7", "some(7)");
    parses(&types, option, "none", "none");
    let double = types.option(option).unwrap();
    parses(&types, double, "some(none)", "some(none)");
    assert!(parse(&types, double, "7").is_err());
    // The case `none` of the payload needs its escape; without it the option itself is none.
    let word = types.enumeration(["none", "all"]).unwrap();
    let maybe = types.option(word).unwrap();
    parses(&types, maybe, "none", "none");
    parses(&types, maybe, "%none", "some(%none)");
    parses(&types, maybe, "all", "some(all)");
    let unit = types.result(None, None).unwrap();
    parses(&types, unit, "err", "err");
    let both = types.result(Some(ValType::U8), Some(status)).unwrap();
    parses(&types, both, "3", "ok(3)");
    parses(&types, both, "err(not-found)", "err(not-found)");
    for text in ["ok", "ok()", "err", "err(3)", "o(3)"] {
        assert!(parse(&types, both, text).is_err(), "{text}");
    }
    let of_option = types.result(Some(option), None).unwrap();
    assert!(parse(&types, of_option, "3").is_err());
}

#[test]
fn errors_say_where_in_the_value() {
    let (mut types, person) = record();
    let people = types.list(person).unwrap();
    let func = FuncType::new([("people", people), ("years", ValType::U8)], None);
    let error = parse_args(&types, &func, "([{age: 1}, {age: \"old\"}], 3)").unwrap_err();
    assert_eq!(error.path().to_string(), "people[1].age");
    assert_eq!(
        error.to_string(),
        "people[1].age: expected a value of type u8, found a string"
    );
    assert!(
        format!("{error:#}").contains("\n  |                   ^\n"),
        "{error:#}"
    );
    assert!(
        error
            .help()
            .unwrap()
            .starts_with("the type is func(people: list<")
    );
}

#[test]
fn calls() {
    let mut types = TypeTable::new();
    let option = types.option(ValType::U8).unwrap();
    let func = FuncType::new([("a", ValType::U8), ("b", option), ("c", option)], None);
    for text in ["f(1)", "f(1,)", " f ( 1 , none ) ; ", "f(1, none, none)"] {
        let call = Call::parse(text).unwrap();
        assert_eq!(call.callee().to_string(), "f");
        let args = call.args(&types, &func).unwrap();
        assert_eq!(args, [Val::U8(1), Val::Option(None), Val::Option(None)]);
        assert_eq!(print_args(&types, &func, &args).unwrap(), "(1, none, none)");
    }
    for text in ["f()", "f(1, none, none, none)", "f(1) 2", "f(1", "f(1;)"] {
        assert!(
            Call::parse(text).unwrap().args(&types, &func).is_err(),
            "{text}"
        );
    }
    for text in ["", "f", "(1)", "f 1", "\"f\"(1)"] {
        assert!(Call::parse(text).is_err(), "{text}");
    }
    let name = |text: &str| Call::parse(text).unwrap().callee().to_string();
    assert_eq!(name("a:b/c@1.2.0#d.e()"), "a:b/c@1.2.0#d.e");
    assert_eq!(name("a:b/c.f@0.1.0()"), "a:b/c@0.1.0#f");
    assert_eq!(name("a:b/c.f()"), "a:b/c#f");
    assert_eq!(name("c#[method]r.m()"), "c#[method]r.m");
    assert_eq!(name("c.f()"), "c.f");
}

#[test]
fn handles_are_shown_but_not_read() {
    let mut types = TypeTable::new();
    let conn = ResourceTypeId(3);
    types.name_resource(conn, "conn");
    let own = types.own(conn).unwrap();
    let value = Val::Own(Handle {
        resource: conn,
        rep: 7,
    });
    assert_eq!(print(&types, own, &value).unwrap(), "<conn 7>");
    assert!(parse(&types, own, "<conn 7>").is_err());
    assert!(print(&types, ValType::U8, &value).is_err());
}

#[test]
fn depth_is_that_of_the_type() {
    let mut types = TypeTable::new();
    let mut ty = ValType::U8;
    let mut text = "1".to_owned();
    for _ in 1..MAX_TYPE_DEPTH {
        ty = types.list(ty).unwrap();
        text = format!("[{text}]");
    }
    parses(&types, ty, &text, &text);
    let flat = types.list(ValType::U8).unwrap();
    assert!(parse(&types, flat, &"[".repeat(1_000_000)).is_err());
    assert!(parse(&types, flat, &"(".repeat(1_000_000)).is_err());
}

#[test]
fn every_value_comes_back_from_its_text() {
    let mut random = Random(0x0dd_ba11);
    for _ in 0..3_000 {
        let mut types = TypeTable::new();
        let ty = random.ty(&mut types, 5);
        let value = random.value(&types, ty);
        let text = print(&types, ty, &value).unwrap();
        let back = parse(&types, ty, &text).unwrap_or_else(|e| panic!("{e:#}"));
        assert_eq!(back, value, "{text}");
    }
}

#[test]
fn damaged_text_is_a_value_or_an_error() {
    let mut random = Random(0xfeed_5eed);
    let pieces = [
        "{", "}", "(", ")", "[", "]", ":", ",", "\"", "'", "\\", "\\u{", "%", "//", "\n", "\"\"\"",
        "-", "1", "e", "none", "ok", "é", " ",
    ];
    for _ in 0..5_000 {
        let mut types = TypeTable::new();
        let ty = random.ty(&mut types, 4);
        let value = random.value(&types, ty);
        let mut text = print(&types, ty, &value).unwrap();
        for _ in 0..=random.below(2) {
            let mut at = random.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if random.below(2) == 0 {
                text.insert_str(at, pieces[random.index(pieces.len())]);
            } else if at < text.len() {
                text.remove(at);
            }
        }
        match parse(&types, ty, &text) {
            Ok(value) => value.check(&types, ty).unwrap(),
            Err(error) => assert!(format!("{error:#}").lines().count() >= 3),
        }
    }
}

#[test]
fn long_names_do_not_make_endless_text() {
    let mut types = TypeTable::new();
    let name = "n".repeat(1000);
    let named = types.enumeration([&*name]).unwrap();
    let list = types.list(named).unwrap();
    let value = Val::from(vec![Val::Enum(0); 1_000_000]);
    let within = |bytes| super::print::print_within(bytes, &types, list, &value);
    let error = within(1 << 20).unwrap_err();
    assert_eq!(
        linkspan_error(error),
        "the text of the value is longer than 1048576 bytes, which is the limit"
    );
    let few = Val::from(vec![Val::Enum(0); 3]);
    let text = print(&types, list, &few).unwrap();
    let exact = |bytes| super::print::print_within(bytes, &types, list, &few);
    assert_eq!(exact(text.len()).unwrap(), text);
    assert!(exact(text.len() - 1).is_err());
}

fn linkspan_error(error: linkspan_canon_abi::Error) -> String {
    let error = crate::error::Error::from(error);
    assert_eq!(error.kind(), crate::error::ErrorKind::Limit);
    error.to_string()
}

#[test]
fn fields_that_are_left_out_are_counted() {
    let mut types = TypeTable::new();
    let option = types.option(ValType::U8).unwrap();
    let names: Vec<String> = (0..100).map(|i| format!("f{i}")).collect();
    let fields = names.iter().map(|name| (&**name, option));
    let record = types.record(fields).unwrap();
    let list = types.list(record).unwrap();
    let text = ["[", &"{:},".repeat(999), "{:}]"].concat();
    let bytes = 101_000 * size_of::<Val>() as u64;
    let within = |bytes| {
        let room = crate::bounded::Room::of_bytes(bytes);
        super::parse::parse_within(room, &types, list, &text)
    };
    assert!(within(bytes).is_ok());
    let error = within(bytes - 1).unwrap_err().to_string();
    let expected = format!("take more than {} bytes", bytes - 1);
    assert!(error.contains(&expected), "{error}");
}
