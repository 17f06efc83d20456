//! Values of components in scripts. A script names cases and fields, a value
//! holds positions: the type stands between them.

use linkspan::Val;
use linkspan::abi::value::List;
use linkspan::abi::{TypeDef, ValType};
use linkspan::types::Type;
use wast::component::WastVal;

use crate::session::Outcome;

/// The value of type `ty` that a script writes down.
pub(super) fn value(wast: &WastVal<'_>, ty: Type<'_>) -> Outcome<Val> {
    match ty.def() {
        Some(def) => defined(wast, def, ty),
        None => primitive(wast, ty),
    }
}

fn primitive(wast: &WastVal<'_>, ty: Type<'_>) -> Outcome<Val> {
    Ok(match (ty.val_type(), wast) {
        (ValType::Bool, WastVal::Bool(value)) => Val::Bool(*value),
        (ValType::S8, WastVal::S8(value)) => Val::S8(*value),
        (ValType::U8, WastVal::U8(value)) => Val::U8(*value),
        (ValType::S16, WastVal::S16(value)) => Val::S16(*value),
        (ValType::U16, WastVal::U16(value)) => Val::U16(*value),
        (ValType::S32, WastVal::S32(value)) => Val::S32(*value),
        (ValType::U32, WastVal::U32(value)) => Val::U32(*value),
        (ValType::S64, WastVal::S64(value)) => Val::S64(*value),
        (ValType::U64, WastVal::U64(value)) => Val::U64(*value),
        (ValType::F32, WastVal::F32(value)) => Val::F32(f32::from_bits(value.bits)),
        (ValType::F64, WastVal::F64(value)) => Val::F64(f64::from_bits(value.bits)),
        (ValType::Char, WastVal::Char(value)) => Val::Char(*value),
        (ValType::String, WastVal::String(value)) => Val::from(*value),
        _ => return Err(misfit(wast, ty)),
    })
}

fn defined(wast: &WastVal<'_>, def: &TypeDef, ty: Type<'_>) -> Outcome<Val> {
    let of = |inner: ValType| Type::new(ty.table(), inner);
    let boxed = |wast: &WastVal<'_>, inner: ValType| value(wast, of(inner)).map(Box::new);
    Ok(match (def, wast) {
        (TypeDef::List(element) | TypeDef::FixedLengthList(element, _), WastVal::List(list)) => {
            let list = list.iter().map(|wast| value(wast, of(*element)));
            Val::List(List::Values(list.collect::<Outcome<_>>()?))
        }
        (TypeDef::Map(key_ty, value_ty), WastVal::Map(entries)) => {
            let entries = entries
                .iter()
                .map(|(k, v)| Ok((value(k, of(*key_ty))?, value(v, of(*value_ty))?)));
            Val::Map(entries.collect::<Outcome<_>>()?)
        }
        (TypeDef::Record(fields), WastVal::Record(found)) if fields.len() == found.len() => {
            let values: Outcome<Vec<Val>> = fields
                .iter()
                .map(|field| {
                    let given = found.iter().find(|(name, _)| *name == &*field.name);
                    let (_, given) = given.ok_or_else(|| format!("no field {:?}", field.name))?;
                    value(given, of(field.ty))
                })
                .collect();
            Val::Record(values?.into())
        }
        (TypeDef::Tuple(types), WastVal::Tuple(found)) if types.len() == found.len() => {
            let values: Outcome<Vec<Val>> = types
                .iter()
                .zip(found)
                .map(|(inner, wast)| value(wast, of(*inner)))
                .collect();
            Val::Tuple(values?.into())
        }
        (TypeDef::Variant(cases), WastVal::Variant(name, payload)) => {
            let case = position(cases.iter().map(|case| &*case.name), name)?;
            let payload = match (cases[case as usize].ty, payload) {
                (Some(inner), Some(payload)) => Some(boxed(payload, inner)?),
                (None, None) => None,
                _ => return Err(misfit(wast, ty)),
            };
            Val::Variant(case, payload)
        }
        (TypeDef::Enum(names), WastVal::Enum(name)) => {
            Val::Enum(position(names.iter().map(|name| &**name), name)?)
        }
        (TypeDef::Flags(names), WastVal::Flags(set)) => {
            let mut bits = 0;
            for name in set {
                bits |= 1 << position(names.iter().map(|name| &**name), name)?;
            }
            Val::Flags(bits)
        }
        (TypeDef::Option(_), WastVal::Option(None)) => Val::Option(None),
        (TypeDef::Option(inner), WastVal::Option(Some(some))) => {
            Val::Option(Some(boxed(some, *inner)?))
        }
        (TypeDef::Result { ok, err }, WastVal::Result(result)) => {
            let payload =
                |wast: &Option<Box<WastVal<'_>>>, inner: &Option<ValType>| match (wast, inner) {
                    (Some(wast), Some(inner)) => boxed(wast, *inner).map(Some),
                    (None, None) => Ok(None),
                    _ => Err(format!("another payload than {ty} has")),
                };
            Val::Result(match result {
                Ok(value) => Ok(payload(value, ok)?),
                Err(value) => Err(payload(value, err)?),
            })
        }
        _ => return Err(misfit(wast, ty)),
    })
}

fn position<'a>(mut names: impl Iterator<Item = &'a str>, name: &str) -> Outcome<u32> {
    let position = names.position(|found| found == name);
    let position = position.and_then(|position| u32::try_from(position).ok());
    position.ok_or_else(|| format!("no case or flag {name:?}"))
}

fn misfit(wast: &WastVal<'_>, ty: Type<'_>) -> String {
    format!("{wast:?}, which is no value of type {ty}")
}

/// Whether two values are the same, zeros of both signs told apart.
pub(super) fn identical(a: &Val, b: &Val) -> bool {
    let all =
        |a: &[Val], b: &[Val]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b));
    let maybe = |a: &Option<Box<Val>>, b: &Option<Box<Val>>| match (a, b) {
        (Some(a), Some(b)) => identical(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    match (a, b) {
        (Val::F32(a), Val::F32(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Val::F64(a), Val::F64(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Val::List(a), Val::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| identical(&a, &b))
        }
        (Val::Map(a), Val::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((k, v), (l, w))| identical(k, l) && identical(v, w))
        }
        (Val::Record(a), Val::Record(b)) | (Val::Tuple(a), Val::Tuple(b)) => all(a, b),
        (Val::Variant(a, x), Val::Variant(b, y)) => a == b && maybe(x, y),
        (Val::Option(a), Val::Option(b)) => maybe(a, b),
        (Val::Result(Ok(a)), Val::Result(Ok(b))) | (Val::Result(Err(a)), Val::Result(Err(b))) => {
            maybe(a, b)
        }
        (a, b) => a == b,
    }
}
