//! Values of core WebAssembly in scripts: arguments, and patterns for results.

use linkspan_engine::{AnyRef, ExternRef, HeapType as Heap, RefType, Store, Val};
use wast::core::{AbstractHeapType, HeapType, WastArgCore, WastRetCore};

use super::{floats, vectors};
use crate::session::Outcome;

/// The value of an argument.
pub(super) fn argument(store: &mut Store<()>, argument: &WastArgCore<'_>) -> Outcome<Val> {
    let host = |store: &mut Store<()>, key: u32| {
        ExternRef::new(store, key).map_err(|error| error.to_string())
    };
    Ok(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::RefNull(HeapType::Abstract { shared: false, ty }) => match ty {
            AbstractHeapType::Func | AbstractHeapType::NoFunc => Val::FuncRef(None),
            AbstractHeapType::Extern | AbstractHeapType::NoExtern => Val::ExternRef(None),
            AbstractHeapType::Exn | AbstractHeapType::NoExn => Val::ExnRef(None),
            _ => Val::AnyRef(None),
        },
        WastArgCore::RefExtern(key) => Val::ExternRef(Some(host(store, *key)?)),
        WastArgCore::RefHost(key) => Val::AnyRef(Some(host(store, *key)?.to_any())),
        WastArgCore::V128(value) => Val::V128(vectors::bits(value)),
        WastArgCore::RefNull(_) => {
            return Err(format!(
                "the argument {argument:?}, which this engine does not know yet"
            ));
        }
    })
}

/// Whether `found` is what `expected` describes.
pub(super) fn matches(store: &Store<()>, expected: &WastRetCore<'_>, found: &Val) -> bool {
    let any = |any: &AnyRef, heap| {
        any.matches(store, RefType::non_null(heap))
            .unwrap_or_default()
    };
    match (expected, found) {
        (WastRetCore::I32(expected), Val::I32(found)) => expected == found,
        (WastRetCore::I64(expected), Val::I64(found)) => expected == found,
        (WastRetCore::F32(expected), Val::F32(found)) => floats::is_f32(expected, *found),
        (WastRetCore::F64(expected), Val::F64(found)) => floats::is_f64(expected, *found),
        (WastRetCore::V128(expected), Val::V128(found)) => vectors::matches(expected, *found),
        (WastRetCore::RefNull(heap), found) => is_null(heap.as_ref(), found),
        (WastRetCore::RefExtern(None), Val::ExternRef(Some(_)))
        // Scripts use the index for documentation only.
        | (WastRetCore::RefFunc(_), Val::FuncRef(Some(_))) => true,
        (WastRetCore::RefExtern(Some(key)), Val::ExternRef(Some(found))) => {
            host_key(store, *found) == Some(*key)
        }
        (WastRetCore::RefHost(key), Val::AnyRef(Some(found))) => {
            host_key(store, found.to_extern()) == Some(*key)
        }
        (WastRetCore::RefAny, Val::AnyRef(Some(_))) => true,
        (WastRetCore::RefEq, Val::AnyRef(Some(found))) => any(found, Heap::Eq),
        (WastRetCore::RefArray, Val::AnyRef(Some(found))) => any(found, Heap::Array),
        (WastRetCore::RefStruct, Val::AnyRef(Some(found))) => any(found, Heap::Struct),
        (WastRetCore::RefI31, Val::AnyRef(Some(found))) => any(found, Heap::I31),
        (WastRetCore::Either(choices), found) => {
            choices.iter().any(|choice| matches(store, choice, found))
        }
        _ => false,
    }
}

/// Whether `found` is null, of the hierarchy that `heap` stands in if the
/// script says which.
fn is_null(heap: Option<&HeapType<'_>>, found: &Val) -> bool {
    use AbstractHeapType as A;
    let Some(heap) = heap else {
        return matches!(
            found,
            Val::FuncRef(None) | Val::AnyRef(None) | Val::ExternRef(None) | Val::ExnRef(None)
        );
    };
    let HeapType::Abstract { shared: false, ty } = heap else {
        return matches!(found, Val::FuncRef(None) | Val::AnyRef(None));
    };
    match found {
        Val::FuncRef(None) => matches!(ty, A::Func | A::NoFunc),
        Val::ExternRef(None) => matches!(ty, A::Extern | A::NoExtern),
        Val::ExnRef(None) => matches!(ty, A::Exn | A::NoExn),
        Val::AnyRef(None) => {
            matches!(ty, A::Any | A::Eq | A::I31 | A::Struct | A::Array | A::None)
        }
        _ => false,
    }
}

/// The number with which a script made a value of the host.
fn host_key(store: &Store<()>, reference: ExternRef) -> Option<u32> {
    let data = reference.data(store).ok()??;
    data.downcast_ref::<u32>().copied()
}

/// A pattern, for people.
pub(super) fn show_expected(expected: &WastRetCore<'_>) -> String {
    match expected {
        WastRetCore::I32(value) => format!("i32 {value}"),
        WastRetCore::I64(value) => format!("i64 {value}"),
        WastRetCore::F32(pattern) => {
            let pattern = floats::show_pattern(pattern, |value| floats::show_f32(value.bits));
            format!("f32 {pattern}")
        }
        WastRetCore::F64(pattern) => {
            let pattern = floats::show_pattern(pattern, |value| floats::show_f64(value.bits));
            format!("f64 {pattern}")
        }
        WastRetCore::V128(pattern) => format!("v128 {}", vectors::show_pattern(pattern)),
        WastRetCore::Either(choices) => {
            let choices: Vec<_> = choices.iter().map(show_expected).collect();
            choices.join(" or ")
        }
        pattern => format!("{pattern:?}"),
    }
}

/// Values, for people.
pub(super) fn show_all(store: &Store<()>, values: &[Val]) -> String {
    let values: Vec<_> = values.iter().map(|value| show(store, value)).collect();
    format!("[{}]", values.join(" "))
}

/// A value, for people.
fn show(store: &Store<()>, value: &Val) -> String {
    match value {
        Val::I32(value) => format!("i32 {value}"),
        Val::I64(value) => format!("i64 {value}"),
        Val::F32(bits) => format!("f32 {}", floats::show_f32(*bits)),
        Val::F64(bits) => format!("f64 {}", floats::show_f64(*bits)),
        Val::V128(bits) => vectors::show(*bits),
        Val::FuncRef(None) => "null funcref".to_owned(),
        Val::FuncRef(Some(_)) => "funcref".to_owned(),
        Val::AnyRef(None) => "null anyref".to_owned(),
        Val::AnyRef(Some(found)) => match found.as_i31(store) {
            Ok(Some(value)) => format!("i31ref {}", value.get_i32()),
            _ => "anyref".to_owned(),
        },
        Val::ExternRef(None) => "null externref".to_owned(),
        Val::ExternRef(Some(found)) => match host_key(store, *found) {
            Some(key) => format!("externref {key}"),
            None => "externref".to_owned(),
        },
        Val::ExnRef(None) => "null exnref".to_owned(),
        Val::ExnRef(Some(_)) => "exnref".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_differ_by_sign_and_types_by_name() {
        let store = &Store::new(&linkspan_engine::Engine::default(), ());
        let zero = WastRetCore::I32(0);
        assert!(matches(store, &zero, &Val::I32(0)));
        assert!(!matches(store, &zero, &Val::I64(0)));
        assert!(!matches(store, &zero, &Val::F32(0)));
        let either = WastRetCore::Either(vec![WastRetCore::I32(1), WastRetCore::I32(2)]);
        assert!(matches(store, &either, &Val::I32(2)) && !matches(store, &either, &Val::I32(3)));
    }
}
