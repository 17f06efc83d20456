//! A type in one line, for [`Item::signature`](super::Item::signature): its members by the names
//! that `types` gives them, without documentation, attributes and tables.

use wit_parser::TypeDefKind;

use super::plan::NamedType;
use super::refs::{Position, Refs};
use crate::names::Scope;

/// What stands behind the name of a type: ` { x: u8 }`, ` { Empty, Circle(f64) }`, ` = Vec<u8>`.
pub(super) fn of_type(refs: &Refs<'_>, ty: &NamedType) -> String {
    let mut scope = Scope::new();
    let target = |target: String| format!(" = {target}");
    if let Some(user) = refs.foreign(ty.id) {
        return target(user);
    }
    match &refs.plan.resolve.types[ty.id].kind {
        TypeDefKind::Record(record) => members(record.fields.iter().map(|field| {
            let ty = refs.ty(&field.ty, Position::Owned);
            format!("{}: {ty}", scope.snake(&field.name))
        })),
        TypeDefKind::Variant(variant) => members(variant.cases.iter().map(|case| {
            let name = scope.upper_camel(&case.name);
            match &case.ty {
                Some(ty) => format!("{name}({})", refs.ty(ty, Position::Owned)),
                None => name,
            }
        })),
        TypeDefKind::Enum(definition) => {
            members((definition.cases.iter()).map(|case| scope.upper_camel(&case.name)))
        }
        TypeDefKind::Flags(flags) => {
            let mut scope = Scope::with_reserved(["NAMES"]);
            members((flags.flags.iter()).map(|flag| scope.shouty(&flag.name)))
        }
        TypeDefKind::Type(_)
        | TypeDefKind::Handle(_)
        | TypeDefKind::Tuple(_)
        | TypeDefKind::Option(_)
        | TypeDefKind::Result(_)
        | TypeDefKind::List(_)
        | TypeDefKind::Map(..)
        | TypeDefKind::FixedLengthList(..)
        | TypeDefKind::Future(_)
        | TypeDefKind::Stream(_) => target(refs.alias(ty.id)),
        TypeDefKind::Resource | TypeDefKind::Unknown => String::new(),
    }
}

fn members(members: impl Iterator<Item = String>) -> String {
    let members: Vec<String> = members.collect();
    if members.is_empty() {
        return " {}".to_owned();
    }
    format!(" {{ {} }}", members.join(", "))
}
