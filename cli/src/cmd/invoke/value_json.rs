//! Component values as JSON.
//!
//! A record is an object, flags are an array of names, a variant is `"case"` or `{"case": …}`, an
//! option is `null` or the value, or `{"some": …}` where its value could be `null` too. Integers
//! that a double cannot hold, and floats that JSON cannot, are strings. A handle is
//! `{"$handle": n}`.

use linkspan::Val;
use linkspan::abi::value::List;
use linkspan::abi::{TypeDef, TypeTable, ValType};
use serde_json::{Map, Number, Value, json};

/// The largest integer that every JSON reader keeps.
const EXACT_MAX: u64 = 1 << 53;

/// `value`, which is of the type `ty`.
///
/// Recurses as deep as the type, which is limited.
pub(super) fn json(types: &TypeTable, ty: ValType, value: &Val) -> Value {
    match value {
        Val::Bool(v) => Value::Bool(*v),
        Val::S8(v) => (*v).into(),
        Val::U8(v) => (*v).into(),
        Val::S16(v) => (*v).into(),
        Val::U16(v) => (*v).into(),
        Val::S32(v) => (*v).into(),
        Val::U32(v) => (*v).into(),
        Val::S64(v) if v.unsigned_abs() > EXACT_MAX => v.to_string().into(),
        Val::S64(v) => (*v).into(),
        Val::U64(v) if *v > EXACT_MAX => v.to_string().into(),
        Val::U64(v) => (*v).into(),
        Val::F32(v) => float(f64::from(*v)),
        Val::F64(v) => float(*v),
        Val::Char(v) => v.to_string().into(),
        Val::String(v) => v.as_ref().into(),
        Val::Own(handle) | Val::Borrow(handle) => json!({ "$handle": handle.rep }),
        Val::List(_)
        | Val::Map(_)
        | Val::Record(_)
        | Val::Tuple(_)
        | Val::Variant(..)
        | Val::Enum(_)
        | Val::Option(_)
        | Val::Result(_)
        | Val::Flags(_) => match ty {
            ValType::Defined(id) => defined(types, types.def(id), value),
            _ => Value::Null,
        },
    }
}

fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "nan".into(),
        None => value.to_string().into(),
    }
}

fn defined(types: &TypeTable, def: &TypeDef, value: &Val) -> Value {
    match (def, value) {
        (TypeDef::Map(key_ty, value_ty), Val::Map(entries)) => entries
            .iter()
            .map(|(k, v)| json!([json(types, *key_ty, k), json(types, *value_ty, v)]))
            .collect(),
        (TypeDef::List(elem) | TypeDef::FixedLengthList(elem, _), Val::List(list)) => match list {
            List::Values(values) => values.iter().map(|v| json(types, *elem, v)).collect(),
            numbers => numbers.iter().map(|v| json(types, *elem, &v)).collect(),
        },
        (TypeDef::Record(fields), Val::Record(values)) => {
            let fields = fields.iter().zip(values);
            let fields = fields.map(|(f, v)| (f.name.to_string(), json(types, f.ty, v)));
            fields.collect::<Map<_, _>>().into()
        }
        (TypeDef::Tuple(fields), Val::Tuple(values)) => {
            let fields = fields.iter().zip(values);
            fields.map(|(ty, v)| json(types, *ty, v)).collect()
        }
        (TypeDef::Variant(cases), Val::Variant(case, payload)) => {
            let case = usize::try_from(*case).ok().and_then(|i| cases.get(i));
            case.map_or(Value::Null, |case| {
                tagged(types, &case.name, case.ty, payload.as_deref())
            })
        }
        (TypeDef::Enum(names), Val::Enum(case)) => {
            let name = usize::try_from(*case).ok().and_then(|i| names.get(i));
            name.map(|name| name.to_string()).into()
        }
        (TypeDef::Option(_), Val::Option(None)) => Value::Null,
        (TypeDef::Option(some), Val::Option(Some(payload))) => {
            let value = json(types, *some, payload);
            if is_option(types, *some) {
                json!({ "some": value })
            } else {
                value
            }
        }
        (TypeDef::Result { ok, .. }, Val::Result(Ok(payload))) => {
            tagged(types, "ok", *ok, payload.as_deref())
        }
        (TypeDef::Result { err, .. }, Val::Result(Err(payload))) => {
            tagged(types, "err", *err, payload.as_deref())
        }
        (TypeDef::Flags(names), Val::Flags(bits)) => {
            let set = (0_u32..).zip(names.iter());
            let set = set.filter(|(i, _)| bits.checked_shr(*i).unwrap_or(0) & 1 == 1);
            set.map(|(_, name)| Value::from(name.as_ref())).collect()
        }
        // A call never returns a value of another type than the function's.
        _ => Value::Null,
    }
}

fn tagged(types: &TypeTable, name: &str, ty: Option<ValType>, payload: Option<&Val>) -> Value {
    match (ty, payload) {
        (Some(ty), Some(payload)) => {
            let mut out = Map::new();
            out.insert(name.to_owned(), json(types, ty, payload));
            out.into()
        }
        _ => name.into(),
    }
}

fn is_option(types: &TypeTable, ty: ValType) -> bool {
    matches!(ty, ValType::Defined(id) if matches!(types.def(id), TypeDef::Option(_)))
}

#[cfg(test)]
mod tests {
    use linkspan::wave;

    use super::*;

    #[test]
    fn values_become_json() {
        let mut types = TypeTable::new();
        let option = types.option(ValType::U8).unwrap();
        let double = types.option(option).unwrap();
        let shape = types
            .variant([("circle", Some(ValType::F64)), ("empty", None)])
            .unwrap();
        let perms = types.flags(["read", "write"]).unwrap();
        let list = types.list(shape).unwrap();
        let bytes = types.list(ValType::U8).unwrap();
        let result = types.result(Some(double), None).unwrap();
        for (ty, text, expected) in [
            (ValType::U64, "9007199254740993", json!("9007199254740993")),
            (ValType::S64, "-7", json!(-7)),
            (ValType::F32, "nan", json!("nan")),
            (ValType::F64, "-inf", json!("-inf")),
            (ValType::Char, "'x'", json!("x")),
            (option, "none", json!(null)),
            (option, "some(3)", json!(3)),
            (double, "some(none)", json!({ "some": null })),
            (double, "none", json!(null)),
            (
                list,
                "[circle(1.5), empty]",
                json!([{ "circle": 1.5 }, "empty"]),
            ),
            (bytes, "[1, 2]", json!([1, 2])),
            (perms, "{write}", json!(["write"])),
            (result, "err", json!("err")),
            (result, "ok(some(some(1)))", json!({ "ok": { "some": 1 } })),
        ] {
            let value = wave::parse(&types, ty, text).unwrap();
            assert_eq!(json(&types, ty, &value), expected, "{text}");
        }
    }
}
