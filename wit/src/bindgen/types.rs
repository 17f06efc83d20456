//! Definitions of types: plain Rust, and one table for the runtime beside each.
//!
//! Records are structs, variants and enums are enums, flags come from a macro, everything else
//! with a name is an alias. What a type derives follows from what is in it. How types are spelled
//! where they are used is in `refs`; resources are written by `imports` and `exports`.

use wit_parser::{Enum, Flags, Record, Type, TypeDefKind, Variant};

use super::choose::{Looks, own_derives};
use super::plan::{self, NamedType, Plan};
use super::refs::{Position, Refs};
use super::writer::{Mark, Writer};
use crate::names::Scope;

/// Writes the types of `module`, each under `attribute` if there is one.
pub(super) fn emit(w: &mut Writer, plan: &Plan<'_>, module: usize, attribute: Option<&str>) {
    let refs = Refs::new(plan, module);
    for ty in &plan.modules[module].types {
        w.gap();
        w.item(Mark::Type(module, ty.id), |w| {
            definition(w, &refs, ty, attribute);
        });
    }
}

fn definition(w: &mut Writer, refs: &Refs<'_>, ty: &NamedType, attribute: Option<&str>) {
    let def = &refs.plan.resolve.types[ty.id];
    let looks = refs.plan.looks(refs.module, ty.id);
    let own = own_derives(&def.kind, refs.plan.facts(&Type::Id(ty.id))).unwrap_or_default();
    let head = |w: &mut Writer| {
        refs.plan.type_docs(w, ty.id);
        if let Some(attribute) = attribute {
            w.line(attribute);
        }
    };
    let alias = |w: &mut Writer, target: &str| {
        head(w);
        w.attributes(&looks.attributes);
        w.alias(&ty.name, target);
    };
    if let Some(target) = refs.foreign(ty.id) {
        return alias(w, &target);
    }
    match &def.kind {
        TypeDefKind::Record(definition) => {
            head(w);
            dress(w, own, looks);
            record(w, refs, &ty.name, definition, looks);
        }
        TypeDefKind::Variant(definition) => {
            head(w);
            dress(w, own, looks);
            variant(w, refs, &ty.name, definition, looks);
        }
        TypeDefKind::Enum(definition) => {
            head(w);
            dress(w, own, looks);
            enumeration(w, &ty.name, definition, looks);
        }
        TypeDefKind::Flags(definition) => {
            w.open("::linkspan::flags! {");
            head(w);
            // What it derives of itself comes from the macro.
            dress(w, &[], looks);
            flags(w, &ty.name, definition, looks, attribute.is_some());
            w.close("}");
        }
        // An alias is written by what it stands for.
        TypeDefKind::Type(_)
        | TypeDefKind::Handle(_)
        | TypeDefKind::Tuple(_)
        | TypeDefKind::Option(_)
        | TypeDefKind::Result(_)
        | TypeDefKind::List(_)
        | TypeDefKind::Map(..)
        | TypeDefKind::FixedLengthList(..)
        | TypeDefKind::Future(_)
        | TypeDefKind::Stream(_) => {
            alias(w, &refs.alias(ty.id));
        }
        // Resources are no types of a module's list, and a plan holds nothing unknown.
        TypeDefKind::Resource | TypeDefKind::Unknown => {}
    }
}

/// Writes what a type derives, and its attributes, which may belong to what is derived.
fn dress(w: &mut Writer, own: &[&str], looks: &Looks) {
    let own = own.iter().map(|derive| (*derive).to_owned());
    let derives: Vec<String> = own.chain(looks.derives.iter().cloned()).collect();
    w.derive(&derives);
    w.attributes(&looks.attributes);
}

fn record(w: &mut Writer, refs: &Refs<'_>, name: &str, record: &Record, looks: &Looks) {
    let mut scope = Scope::new();
    // Fields that Rust left where they are in a guest make a list of records one copy.
    if refs.plan.keeps_order(record) {
        w.line("#[repr(C)]");
    }
    w.open(&format!("pub struct {name} {{"));
    let mut entries = Vec::new();
    for field in &record.fields {
        let ty = refs.ty(&field.ty, Position::Owned);
        let rust = scope.snake(&field.name);
        w.docs(plan::docs(&field.docs));
        w.attributes(looks.member(&field.name));
        w.typed(&format!("pub {rust}: "), &ty, ",");
        entries.push(format!("{:?} => {rust}: {ty}", field.name));
    }
    w.close("}");
    w.table(
        &format!("::linkspan::record! {{ {name} {{"),
        &entries,
        "} }",
    );
}

fn variant(w: &mut Writer, refs: &Refs<'_>, name: &str, variant: &Variant, looks: &Looks) {
    let mut scope = Scope::new();
    w.open(&format!("pub enum {name} {{"));
    let mut entries = Vec::new();
    for case in &variant.cases {
        let rust = scope.upper_camel(&case.name);
        w.docs(plan::docs(&case.docs));
        w.attributes(looks.member(&case.name));
        match &case.ty {
            Some(ty) => {
                let ty = refs.ty(ty, Position::Owned);
                w.typed(&format!("{rust}("), &ty, "),");
                entries.push(format!("{:?} => {rust}({})", case.name, unshadowed(&ty)));
            }
            None => {
                w.line(&format!("{rust},"));
                entries.push(format!("{:?} => {rust}", case.name));
            }
        }
    }
    w.close("}");
    let name = unshadowed(name);
    w.table(
        &format!("::linkspan::variant! {{ {name} {{"),
        &entries,
        "} }",
    );
}

fn enumeration(w: &mut Writer, name: &str, definition: &Enum, looks: &Looks) {
    let mut scope = Scope::new();
    w.open(&format!("pub enum {name} {{"));
    let mut entries = Vec::new();
    for case in &definition.cases {
        let rust = scope.upper_camel(&case.name);
        w.docs(plan::docs(&case.docs));
        w.attributes(looks.member(&case.name));
        w.line(&format!("{rust},"));
        entries.push(format!("{:?} => {rust}", case.name));
    }
    w.close("}");
    let name = unshadowed(name);
    w.table(
        &format!("::linkspan::enumeration! {{ {name} {{"),
        &entries,
        "} }",
    );
}

fn flags(w: &mut Writer, name: &str, flags: &Flags, looks: &Looks, document: bool) {
    // The macro keeps the names of the flags under this name.
    let mut scope = Scope::with_reserved(["NAMES"]);
    w.open(&format!("pub struct {name} {{"));
    for flag in &flags.flags {
        let rust = scope.shouty(&flag.name);
        match plan::docs(&flag.docs) {
            // The attribute on the type does not reach the constants that the macro makes.
            None if document => w.line(&format!("/// `{}`", flag.name)),
            docs => w.docs(docs),
        }
        w.attributes(looks.member(&flag.name));
        w.line(&format!("{:?} => {rust},", flag.name));
    }
    w.close("}");
}

/// A type as it must be spelled in the macros, which have a type `Index` of their own.
fn unshadowed(ty: &str) -> String {
    let mut text = String::with_capacity(ty.len());
    let mut rest = ty;
    while let Some(at) = rest.find("Index") {
        let (before, from) = rest.split_at(at);
        let after = &from["Index".len()..];
        text.push_str(before);
        let part_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        if !before.ends_with(part_of_name) && !after.starts_with(part_of_name) {
            text.push_str("self::");
        }
        text.push_str("Index");
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::unshadowed;

    #[test]
    fn only_the_whole_name_is_shadowed() {
        assert_eq!(unshadowed("Vec<Index>"), "Vec<self::Index>");
        assert_eq!(unshadowed("super::a::Index"), "super::a::Index");
        assert_eq!(unshadowed("(IndexEntry, MyIndex)"), "(IndexEntry, MyIndex)");
    }
}
