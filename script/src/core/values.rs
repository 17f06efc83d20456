//! Values of core WebAssembly in scripts: arguments, and patterns for results.

use linkspan_engine::{ExternRef, Val};
use wast::core::{AbstractHeapType, HeapType, WastArgCore, WastRetCore};

use super::floats;
use crate::session::Outcome;

/// The value of an argument.
pub(super) fn argument(argument: &WastArgCore<'_>) -> Outcome<Val> {
    Ok(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::RefNull(heap) if is(heap, AbstractHeapType::Func) => Val::FuncRef(None),
        WastArgCore::RefNull(heap) if is(heap, AbstractHeapType::Extern) => Val::ExternRef(None),
        WastArgCore::RefExtern(key) => Val::ExternRef(Some(ExternRef::from(*key))),
        WastArgCore::V128(_) | WastArgCore::RefNull(_) | WastArgCore::RefHost(_) => {
            return Err(format!(
                "the argument {argument:?}, which this engine does not know yet"
            ));
        }
    })
}

/// Whether `found` is what `expected` describes.
pub(super) fn matches(expected: &WastRetCore<'_>, found: &Val) -> bool {
    match (expected, found) {
        (WastRetCore::I32(expected), Val::I32(found)) => expected == found,
        (WastRetCore::I64(expected), Val::I64(found)) => expected == found,
        (WastRetCore::F32(expected), Val::F32(found)) => floats::is_f32(expected, *found),
        (WastRetCore::F64(expected), Val::F64(found)) => floats::is_f64(expected, *found),
        (WastRetCore::RefNull(None), Val::FuncRef(None) | Val::ExternRef(None)) => true,
        (WastRetCore::RefNull(Some(heap)), Val::FuncRef(None)) => is(heap, AbstractHeapType::Func),
        (WastRetCore::RefNull(Some(heap)), Val::ExternRef(None)) => {
            is(heap, AbstractHeapType::Extern)
        }
        (WastRetCore::RefExtern(None), Val::ExternRef(Some(_))) => true,
        (WastRetCore::RefExtern(Some(key)), Val::ExternRef(Some(found))) => {
            found.key() == u64::from(*key)
        }
        // Scripts use the index for documentation only.
        (WastRetCore::RefFunc(_), Val::FuncRef(Some(_))) => true,
        (WastRetCore::Either(choices), found) => {
            choices.iter().any(|choice| matches(choice, found))
        }
        _ => false,
    }
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
        WastRetCore::Either(choices) => {
            let choices: Vec<_> = choices.iter().map(show_expected).collect();
            choices.join(" or ")
        }
        pattern => format!("{pattern:?}"),
    }
}

/// Values, for people.
pub(super) fn show_all(values: &[Val]) -> String {
    let values: Vec<_> = values.iter().map(show).collect();
    format!("[{}]", values.join(" "))
}

/// A value, for people.
fn show(value: &Val) -> String {
    match value {
        Val::I32(value) => format!("i32 {value}"),
        Val::I64(value) => format!("i64 {value}"),
        Val::F32(bits) => format!("f32 {}", floats::show_f32(*bits)),
        Val::F64(bits) => format!("f64 {}", floats::show_f64(*bits)),
        Val::FuncRef(None) => "null funcref".to_owned(),
        Val::FuncRef(Some(_)) => "funcref".to_owned(),
        Val::ExternRef(None) => "null externref".to_owned(),
        Val::ExternRef(Some(found)) => format!("externref {}", found.key()),
    }
}

fn is(heap: &HeapType<'_>, expected: AbstractHeapType) -> bool {
    matches!(heap, HeapType::Abstract { shared: false, ty } if *ty == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_differ_by_sign_and_types_by_name() {
        let zero = WastRetCore::I32(0);
        assert!(matches(&zero, &Val::I32(0)));
        assert!(!matches(&zero, &Val::I64(0)));
        assert!(!matches(&zero, &Val::F32(0)));
        let either = WastRetCore::Either(vec![WastRetCore::I32(1), WastRetCore::I32(2)]);
        assert!(matches(&either, &Val::I32(2)) && !matches(&either, &Val::I32(3)));
    }
}
