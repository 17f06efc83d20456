//! The table of spellings, what is refused and how it is told, and that every value comes back
//! from its text.

use linkspan_canon_abi::value::Handle;
use linkspan_canon_abi::{FuncType, MAX_TYPE_DEPTH, ResourceTypeId, TypeTable, Val, ValType};

use super::*;
use crate::random::Random;
use crate::wave;

/// The JSON, as it is and as it is printed, of a value in WAVE.
#[track_caller]
fn is(types: &TypeTable, ty: ValType, wave: &str, json: &str) {
    let value = wave::parse(types, ty, wave).unwrap_or_else(|e| panic!("{e:#}"));
    assert_eq!(print(types, ty, &value).unwrap(), json);
    reads(types, ty, json, wave);
}

#[track_caller]
fn reads(types: &TypeTable, ty: ValType, json: &str, wave: &str) {
    let value = wave::parse(types, ty, wave).unwrap_or_else(|e| panic!("{e:#}"));
    let read = parse(types, ty, json).unwrap_or_else(|e| panic!("{e:#}"));
    assert_eq!(read, value, "{json}");
}

#[track_caller]
fn refuses(types: &TypeTable, ty: ValType, json: &str, report: &str) {
    match parse(types, ty, json) {
        Ok(value) => panic!("`{json}` is {value:?}"),
        Err(error) => assert_eq!(format!("{error:#}"), report),
    }
}

#[test]
fn scalars() {
    let types = TypeTable::new();
    for (ty, wave, json) in [
        (ValType::Bool, "true", "true"),
        (ValType::S8, "-128", "-128"),
        (ValType::U64, "9007199254740992", "9007199254740992"),
        (ValType::U64, "9007199254740993", "\"9007199254740993\""),
        (
            ValType::S64,
            "-9223372036854775808",
            "\"-9223372036854775808\"",
        ),
        (ValType::S64, "-7", "-7"),
        (ValType::F32, "0.1", "0.1"),
        (ValType::F32, "nan", "\"nan\""),
        (ValType::F64, "-inf", "\"-inf\""),
        (ValType::F64, "-0", "-0.0"),
        (ValType::F64, "1e300", "1e300"),
        (ValType::F64, "2", "2.0"),
        (ValType::Char, "'☃'", "\"☃\""),
        (ValType::Char, "'\"'", r#""\"""#),
        (
            ValType::String,
            r#""a\\\n\u{1}/é""#,
            "\"a\\\\\\n\\u0001/é\"",
        ),
    ] {
        is(&types, ty, wave, json);
    }
    for (ty, json, wave) in [
        (ValType::U64, " 3 ", "3"),
        (ValType::S64, "\"-3\"", "-3"),
        (ValType::F64, "1E+2", "100"),
        (ValType::F64, "7", "7"),
        (
            ValType::String,
            r#""\u0041\ud83c\udf89\/\b\f""#,
            r#""A🎉/\u{8}\u{c}""#,
        ),
    ] {
        reads(&types, ty, json, wave);
    }
}

#[test]
fn other_scalars_are_refused() {
    let types = TypeTable::new();
    for (ty, json) in [
        (ValType::U8, "256"),
        (ValType::U8, "-1"),
        (ValType::U8, "01"),
        (ValType::U8, "1.0"),
        (ValType::U8, "1e0"),
        (ValType::U8, "\"1\""),
        (ValType::U8, "1 2"),
        (ValType::U8, ""),
        (ValType::U64, "\"\""),
        (ValType::U64, "\"+1\""),
        (ValType::U64, "\" 1\""),
        (ValType::U64, "\"18446744073709551616\""),
        (ValType::F64, "1."),
        (ValType::F64, ".5"),
        (ValType::F64, "NaN"),
        (ValType::F64, "1e999"),
        (ValType::F32, "1e39"),
        (ValType::F64, "\"infinity\""),
        (ValType::F64, "\"1\""),
        (ValType::Bool, "truey"),
        (ValType::Bool, "True"),
        (ValType::Char, "\"\""),
        (ValType::Char, "\"ab\""),
        (ValType::String, "\"\n\""),
        (ValType::String, r#""\ud83c""#),
        (ValType::String, r#""\ud83cx""#),
        (ValType::String, r#""\udf89""#),
        (ValType::String, r#""\ud83c\u0041""#),
        (ValType::String, r#""\u00é""#),
        (ValType::String, r#""\x""#),
        (ValType::String, r#""\"#),
        (ValType::String, "\"a"),
        (ValType::String, "'a'"),
    ] {
        let error = parse(&types, ty, json).expect_err(json);
        assert!(error.span().end <= json.len(), "{json}");
    }
}

#[test]
fn structures() {
    let mut types = TypeTable::new();
    let option = types.option(ValType::U8).unwrap();
    let double = types.option(option).unwrap();
    let shape = types
        .variant([("circle", Some(ValType::F64)), ("empty", None)])
        .unwrap();
    let perms = types.flags(["read", "write"]).unwrap();
    let shapes = types.list(shape).unwrap();
    let two = types.fixed_length_list(ValType::U8, 2).unwrap();
    let result = types.result(Some(double), None).unwrap();
    let pair = types.tuple([ValType::Bool, result]).unwrap();
    let user = types
        .record([("user-name", ValType::String), ("age", option)])
        .unwrap();
    let ages = types.map(ValType::String, two).unwrap();
    let names = types.map(ValType::U8, user).unwrap();
    for (ty, wave, json) in [
        (option, "none", "null"),
        (option, "some(3)", "3"),
        (double, "none", "null"),
        (double, "some(none)", r#"{"some":null}"#),
        (double, "some(some(1))", r#"{"some":1}"#),
        (
            shapes,
            "[circle(1.5), empty]",
            r#"[{"circle":1.5},"empty"]"#,
        ),
        (perms, "{write, read}", r#"["read","write"]"#),
        (perms, "{}", "[]"),
        (two, "[1, 2]", "[1,2]"),
        (result, "err", "\"err\""),
        (result, "ok(some(some(1)))", r#"{"ok":{"some":1}}"#),
        (pair, "(true, ok(none))", r#"[true,{"ok":null}]"#),
        (
            user,
            r#"{user-name: "Z"}"#,
            r#"{"user-name":"Z","age":null}"#,
        ),
        (
            ages,
            r#"{"b": [1, 2], "a": [3, 4]}"#,
            r#"{"b":[1,2],"a":[3,4]}"#,
        ),
        (ages, "{:}", "{}"),
        // An object has no two keys of one name.
        (
            ages,
            r#"{"b": [1, 2], "b": [3, 4]}"#,
            r#"[["b",[1,2]],["b",[3,4]]]"#,
        ),
        (
            names,
            r#"{7: {user-name: "Z", age: 1}}"#,
            r#"[[7,{"user-name":"Z","age":1}]]"#,
        ),
    ] {
        is(&types, ty, wave, json);
    }
    reads(&types, user, r#"{"user-name":"Z"}"#, r#"{user-name: "Z"}"#);
    reads(
        &types,
        ages,
        r#"{ "b" : [1, 2], "b": [3, 4] }"#,
        r#"{"b": [1, 2], "b": [3, 4]}"#,
    );
}

/// A record of a string and a map of variants.
fn drawing() -> (TypeTable, ValType) {
    let mut types = TypeTable::new();
    let two = types.fixed_length_list(ValType::U8, 2).unwrap();
    let shape = types
        .variant([("circle", Some(two)), ("empty", None)])
        .unwrap();
    let shapes = types.map(ValType::String, shape).unwrap();
    let drawing = types
        .record([("title", ValType::String), ("shapes", shapes)])
        .unwrap();
    (types, drawing)
}

#[test]
fn errors_say_where() {
    let (types, drawing) = drawing();
    refuses(
        &types,
        drawing,
        "{\"title\": \"a\",\n \"shapes\": {\"x\": {\"circle\": [1, 300]}}}",
        "shapes[0].1.circle[1]: 300 is out of the range of u8\n\
         2 |  \"shapes\": {\"x\": {\"circle\": [1, 300]}}}\n  |                                 ^^^",
    );
    refuses(
        &types,
        drawing,
        r#"{"shapes": {}, "titel": "a"}"#,
        "there is no field `titel`\n1 | {\"shapes\": {}, \"titel\": \"a\"}\n  |                ^^^^^^^\n\
         help: the fields are title, shapes",
    );
    refuses(
        &types,
        drawing,
        r#"{"shapes": []}"#,
        "field `title` of type string is missing\n1 | {\"shapes\": []}\n  | ^^^^^^^^^^^^^^",
    );
}

#[test]
fn errors_say_what() {
    let (types, drawing) = drawing();
    for (json, message) in [
        (
            r#"{"title": 1}"#,
            "title: expected a value of type string, found a number",
        ),
        (
            r#"{"title": "a", "title": "b"}"#,
            "field `title` is given twice",
        ),
        (
            r#"{"title": "a""#,
            "expected `,` or `}`, found the end of the text",
        ),
        (
            r#"{"title": "a",}"#,
            "expected the name of a field, found '}'",
        ),
        (
            "null",
            "expected a value of type record { title: string, shapes: \
             map<string, variant { circle(list<u8, 2>), empty }> }, found `null`",
        ),
        (
            r#"{"shapes": {"x": "circle"}}"#,
            "shapes[0].1: `circle` needs a payload of type list<u8, 2>",
        ),
        (
            r#"{"shapes": {"x": {"empty": null}}}"#,
            "shapes[0].1: `empty` has no payload",
        ),
        (
            r#"{"shapes": {"x": {"circle": [1]}}}"#,
            "shapes[0].1.circle: expected 2 elements, found 1",
        ),
        (
            r#"{"shapes": [["x"]]}"#,
            "shapes[0]: expected `,` between a key and its value, found ']'",
        ),
        (
            r#"{"shapes": {}, "title": ""} {}"#,
            "expected nothing more, found an object",
        ),
    ] {
        let error = parse(&types, drawing, json).expect_err(json);
        assert_eq!(error.to_string(), message, "{json}");
        let error = crate::Error::from(error);
        assert_eq!(error.kind(), crate::ErrorKind::Json);
    }
}

#[test]
fn arguments() {
    let mut types = TypeTable::new();
    let option = types.option(ValType::U8).unwrap();
    let func = FuncType::new([("a", ValType::U8), ("b", option), ("c", option)], None);
    let args = [Val::U8(1), Val::Option(None), Val::Option(None)];
    for text in [
        "[1]",
        "[1, null]",
        "[1,null,null]",
        "{\"a\": 1}",
        " {\"b\":null,\"a\":1} ",
    ] {
        assert_eq!(parse_args(&types, &func, text).unwrap(), args, "{text}");
    }
    for (text, message) in [
        ("[]", "argument `a` of type u8 is missing"),
        ("{}", "argument `a` of type u8 is missing"),
        ("[1, 300]", "b.some: 300 is out of the range of u8"),
        (
            "[1, 2, 3, 4]",
            "expected `]` after 3 arguments, found a number",
        ),
        ("{\"d\": 1}", "there is no argument `d`"),
        (
            "1",
            "expected the arguments as an array or as an object by name, found a number",
        ),
    ] {
        let error = parse_args(&types, &func, text).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
    }
}

#[test]
fn handles_must_be_known() {
    let mut types = TypeTable::new();
    let conn = ResourceTypeId(3);
    let own = types.own(conn).unwrap();
    let list = types.list(own).unwrap();
    let handle = |rep| {
        Val::Own(Handle {
            resource: conn,
            rep,
        })
    };
    let value = Val::from(vec![handle(7), handle(u64::MAX)]);
    let text = print(&types, list, &value).unwrap();
    assert_eq!(
        text,
        r#"[{"$handle":7},{"$handle":"18446744073709551615"}]"#
    );
    let error = parse(&types, list, &text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[0]: handle 7 of type own<resource 3> is not known here"
    );
    let back = parse_with(&types, list, &text, &mut |handle| handle.resource == conn);
    assert_eq!(back.unwrap(), value);
    for text in [
        "[7]",
        "[{}]",
        "[{\"handle\":7}]",
        "[{\"$handle\":-1}]",
        "[{\"$handle\":7]",
    ] {
        assert!(
            parse_with(&types, list, text, &mut |_| true).is_err(),
            "{text}"
        );
    }
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
    is(&types, ty, &text, &text);
    let flat = types.list(ValType::U8).unwrap();
    assert!(parse(&types, flat, &"[".repeat(1_000_000)).is_err());
    assert!(parse(&types, flat, &"{\"a\":".repeat(1_000_000)).is_err());
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
        // Both texts stand for one value.
        let wave = wave::print(&types, ty, &back).unwrap();
        let again = wave::parse(&types, ty, &wave).unwrap();
        assert_eq!(print(&types, ty, &again).unwrap(), text);
    }
}

#[test]
fn damaged_text_is_a_value_or_an_error() {
    let mut random = Random(0xfeed_5eed);
    let pieces = [
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud83c", "null", "true", "-", "1", "e",
        ".", "é", " ", "\n", "\u{1}",
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
    let text = ["[", &"{},".repeat(999), "{}]"].concat();
    let bytes = 101_000 * size_of::<Val>() as u64;
    let within = |bytes| {
        let room = crate::bounded::Room::of_bytes(bytes);
        super::parse::parse_within(room, &types, list, &text, &mut |_| false)
    };
    assert!(within(bytes).is_ok());
    let error = within(bytes - 1).unwrap_err().to_string();
    let expected = format!("take more than {} bytes", bytes - 1);
    assert!(error.contains(&expected), "{error}");
}
