//! Values of core WebAssembly in scripts: arguments, what is seen of results,
//! and patterns for these.
//!
//! A reference is looked at while its store is at hand; what is seen of it
//! lasts.

use linkspan_engine::{AnyRef, ExternRef, Hierarchy, StoreContextMut, Val};
use wast::core::{AbstractHeapType, HeapType, WastArgCore, WastRetCore};

use super::{floats, text, vectors};
use crate::session::Outcome;

/// A result, as far as a script can ask about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// The bits of a `v128`.
    V128(u128),
    /// Null, in a hierarchy of references.
    Null(Hierarchy),
    /// A function.
    Func,
    /// A small integer.
    I31,
    /// A structure.
    Struct,
    /// An array.
    Array,
    /// A value of the host that a guest has internalised.
    Host(u32),
    /// A value of the host, with its number, or one that a guest has
    /// externalised.
    Extern(Option<u32>),
    /// An exception.
    Exn,
}

/// The value of an argument, made in a store.
pub(super) fn argument(
    store: &mut StoreContextMut<'_, ()>,
    argument: &WastArgCore<'_>,
) -> Outcome<Val> {
    let mut host = |number: u32| ExternRef::new(&mut *store, number).map_err(text);
    Ok(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(vectors::bits(value)),
        WastArgCore::RefNull(heap) => match hierarchy(heap) {
            Some(Hierarchy::Func) => Val::FuncRef(None),
            Some(Hierarchy::Extern) => Val::ExternRef(None),
            Some(Hierarchy::Any) => Val::AnyRef(None),
            Some(Hierarchy::Exn) => Val::ExnRef(None),
            None => return Err(format!("the argument {argument:?}, which names no type")),
        },
        WastArgCore::RefExtern(number) => Val::ExternRef(Some(host(*number)?)),
        WastArgCore::RefHost(number) => Val::AnyRef(Some(host(*number)?.to_any())),
    })
}

/// What is seen of a value.
pub(super) fn look(store: &StoreContextMut<'_, ()>, value: &Val) -> Outcome<Seen> {
    Ok(match *value {
        Val::I32(value) => Seen::I32(value),
        Val::I64(value) => Seen::I64(value),
        Val::F32(bits) => Seen::F32(bits),
        Val::F64(bits) => Seen::F64(bits),
        Val::V128(bits) => Seen::V128(bits),
        Val::FuncRef(None) => Seen::Null(Hierarchy::Func),
        Val::FuncRef(Some(_)) => Seen::Func,
        Val::AnyRef(None) => Seen::Null(Hierarchy::Any),
        Val::AnyRef(Some(reference)) => any(store, reference)?,
        Val::ExternRef(None) => Seen::Null(Hierarchy::Extern),
        Val::ExternRef(Some(reference)) => Seen::Extern(number(store, reference)?),
        Val::ExnRef(None) => Seen::Null(Hierarchy::Exn),
        Val::ExnRef(Some(_)) => Seen::Exn,
    })
}

fn any(store: &StoreContextMut<'_, ()>, reference: AnyRef) -> Outcome<Seen> {
    if reference.as_i31(store).map_err(text)?.is_some() {
        Ok(Seen::I31)
    } else if reference.as_struct(store).map_err(text)?.is_some() {
        Ok(Seen::Struct)
    } else if reference.as_array(store).map_err(text)?.is_some() {
        Ok(Seen::Array)
    } else {
        match number(store, reference.to_extern())? {
            Some(number) => Ok(Seen::Host(number)),
            None => Err("a reference of no kind that there is".to_owned()),
        }
    }
}

/// The number of a value of the host.
fn number(store: &StoreContextMut<'_, ()>, reference: ExternRef) -> Outcome<Option<u32>> {
    let data = reference.data(store).map_err(text)?;
    Ok(data.and_then(|data| data.downcast_ref()).copied())
}

/// Whether `found` is what `expected` describes.
pub(super) fn matches(expected: &WastRetCore<'_>, found: Seen) -> bool {
    match (expected, found) {
        (WastRetCore::I32(expected), Seen::I32(found)) => *expected == found,
        (WastRetCore::I64(expected), Seen::I64(found)) => *expected == found,
        (WastRetCore::F32(expected), Seen::F32(found)) => floats::is_f32(expected, found),
        (WastRetCore::F64(expected), Seen::F64(found)) => floats::is_f64(expected, found),
        (WastRetCore::V128(expected), Seen::V128(found)) => vectors::matches(expected, found),
        (WastRetCore::RefNull(None), Seen::Null(_)) => true,
        (WastRetCore::RefNull(Some(heap)), Seen::Null(found)) => hierarchy(heap) == Some(found),
        (WastRetCore::RefExtern(None), Seen::Extern(_)) => true,
        (WastRetCore::RefExtern(Some(number)), Seen::Extern(found)) => found == Some(*number),
        (WastRetCore::RefHost(number), Seen::Host(found)) => *number == found,
        // Scripts use the index for documentation only.
        (WastRetCore::RefFunc(_), Seen::Func)
        | (WastRetCore::RefAny, Seen::I31 | Seen::Struct | Seen::Array | Seen::Host(_))
        | (WastRetCore::RefEq, Seen::I31 | Seen::Struct | Seen::Array)
        | (WastRetCore::RefI31, Seen::I31)
        | (WastRetCore::RefStruct, Seen::Struct)
        | (WastRetCore::RefArray, Seen::Array) => true,
        (WastRetCore::Either(choices), found) => {
            choices.iter().any(|choice| matches(choice, found))
        }
        _ => false,
    }
}

/// The hierarchy of an abstract type; of a defined one the script does not
/// tell.
fn hierarchy(heap: &HeapType<'_>) -> Option<Hierarchy> {
    let HeapType::Abstract { shared: false, ty } = heap else {
        return None;
    };
    Some(match ty {
        AbstractHeapType::Func | AbstractHeapType::NoFunc => Hierarchy::Func,
        AbstractHeapType::Extern | AbstractHeapType::NoExtern => Hierarchy::Extern,
        AbstractHeapType::Any
        | AbstractHeapType::Eq
        | AbstractHeapType::I31
        | AbstractHeapType::Struct
        | AbstractHeapType::Array
        | AbstractHeapType::None => Hierarchy::Any,
        AbstractHeapType::Exn | AbstractHeapType::NoExn => Hierarchy::Exn,
        AbstractHeapType::Cont | AbstractHeapType::NoCont => return None,
    })
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
pub(super) fn show_all(values: &[Seen]) -> String {
    let values: Vec<_> = values.iter().map(show).collect();
    format!("[{}]", values.join(" "))
}

/// A value, for people.
fn show(value: &Seen) -> String {
    match value {
        Seen::I32(value) => format!("i32 {value}"),
        Seen::I64(value) => format!("i64 {value}"),
        Seen::F32(bits) => format!("f32 {}", floats::show_f32(*bits)),
        Seen::F64(bits) => format!("f64 {}", floats::show_f64(*bits)),
        Seen::V128(bits) => vectors::show(*bits),
        Seen::Null(Hierarchy::Func) => "null funcref".to_owned(),
        Seen::Null(Hierarchy::Extern) => "null externref".to_owned(),
        Seen::Null(Hierarchy::Any) => "null anyref".to_owned(),
        Seen::Null(Hierarchy::Exn) => "null exnref".to_owned(),
        Seen::Func => "funcref".to_owned(),
        Seen::I31 => "i31ref".to_owned(),
        Seen::Struct => "structref".to_owned(),
        Seen::Array => "arrayref".to_owned(),
        Seen::Host(number) => format!("anyref of the host's {number}"),
        Seen::Extern(None) => "externref of a guest's value".to_owned(),
        Seen::Extern(Some(number)) => format!("externref {number}"),
        Seen::Exn => "exnref".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_differ_by_sign_and_types_by_name() {
        let zero = WastRetCore::I32(0);
        assert!(matches(&zero, Seen::I32(0)));
        assert!(!matches(&zero, Seen::I64(0)));
        assert!(!matches(&zero, Seen::F32(0)));
        let either = WastRetCore::Either(vec![WastRetCore::I32(1), WastRetCore::I32(2)]);
        assert!(matches(&either, Seen::I32(2)) && !matches(&either, Seen::I32(3)));
    }

    #[test]
    fn nulls_differ_by_hierarchy_and_references_by_kind() {
        let null = |ty| {
            let heap = HeapType::Abstract { shared: false, ty };
            WastRetCore::RefNull(Some(heap))
        };
        let any = Seen::Null(Hierarchy::Any);
        assert!(matches(&null(AbstractHeapType::None), any));
        assert!(matches(&null(AbstractHeapType::Struct), any));
        assert!(!matches(&null(AbstractHeapType::NoFunc), any));
        assert!(matches(&WastRetCore::RefNull(None), any));
        assert!(!matches(&WastRetCore::RefNull(None), Seen::Struct));
        assert!(!matches(&WastRetCore::RefAny, any));
        assert!(matches(&WastRetCore::RefAny, Seen::Host(1)));
        assert!(!matches(&WastRetCore::RefEq, Seen::Host(1)));
        assert!(!matches(&WastRetCore::RefHost(2), Seen::Host(1)));
        assert!(!matches(
            &WastRetCore::RefExtern(Some(1)),
            Seen::Extern(None)
        ));
        assert!(matches(&WastRetCore::RefExtern(None), Seen::Extern(None)));
        assert!(!matches(&WastRetCore::RefStruct, Seen::Array));
    }
}
