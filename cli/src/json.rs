//! WIT and link reports as JSON for tools: by name, without positions in tables, with a version.
//!
//! Types are WIT text where they stand in a signature, and objects where they are defined. A new
//! key may appear in the same version; a key that changes its meaning raises it.

use linkspan::{LinkOffer, LinkProblem, LinkReport, LinkState};
use linkspan_wit::PackageSet;
use linkspan_wit::inspect::{
    Case, Function, FunctionKind, Interface, Package, Stability, TypeDef, TypeKind, World,
    WorldItem, WorldItemKind,
};
use serde_json::{Map, Value, json};

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// Everything in a set.
pub(crate) fn set(set: &PackageSet) -> Value {
    let packages: Vec<Value> = set.packages().map(package).collect();
    json!({ "version": VERSION, "kind": "wit", "packages": packages })
}

fn package(package: Package<'_>) -> Value {
    let mut out = described(package.docs(), &Stability::Ungated);
    out.insert("name".to_owned(), package.name().to_string().into());
    out.insert("main".to_owned(), package.is_main().into());
    let interfaces: Map<String, Value> = package
        .interfaces()
        .map(|i| (i.name().unwrap_or_default().to_owned(), interface(i)))
        .collect();
    let worlds: Map<String, Value> = package
        .worlds()
        .map(|w| (w.name().to_owned(), world(w)))
        .collect();
    out.insert("interfaces".to_owned(), interfaces.into());
    out.insert("worlds".to_owned(), worlds.into());
    out.into()
}

/// One world.
pub(crate) fn world(world: World<'_>) -> Value {
    let mut out = described(world.docs(), &world.stability());
    out.insert("id".to_owned(), world.id().into());
    let imports: Vec<Value> = world.imports().map(item).collect();
    let exports: Vec<Value> = world.exports().map(item).collect();
    out.insert("imports".to_owned(), imports.into());
    out.insert("exports".to_owned(), exports.into());
    out.into()
}

fn item(item: WorldItem<'_>) -> Value {
    let mut out = described(item.docs(), &item.stability());
    out.insert("name".to_owned(), item.name().into());
    match item.kind() {
        WorldItemKind::Interface(i) => {
            out.insert("kind".to_owned(), "interface".into());
            match i.id() {
                Some(id) => {
                    out.insert("interface".to_owned(), id.into());
                }
                None => {
                    out.insert("inline".to_owned(), interface(i));
                }
            }
        }
        WorldItemKind::Function(f) => {
            out.insert("kind".to_owned(), "function".into());
            out.insert("function".to_owned(), function(f));
        }
        WorldItemKind::Type(ty) => {
            out.insert("kind".to_owned(), "type".into());
            out.insert("type".to_owned(), type_def(ty));
        }
    }
    out.into()
}

/// One interface.
pub(crate) fn interface(interface: Interface<'_>) -> Value {
    let mut out = described(interface.docs(), &interface.stability());
    if let Some(id) = interface.id() {
        out.insert("id".to_owned(), id.into());
    }
    let types: Map<String, Value> = interface
        .types()
        .map(|ty| (ty.name().unwrap_or_default().to_owned(), type_def(ty)))
        .collect();
    let functions: Vec<Value> = interface.functions().map(function).collect();
    out.insert("types".to_owned(), types.into());
    out.insert("functions".to_owned(), functions.into());
    out.into()
}

fn function(f: Function<'_>) -> Value {
    let mut out = described(f.docs(), &f.stability());
    out.insert("name".to_owned(), f.name().into());
    let (kind, resource) = match f.kind() {
        FunctionKind::Freestanding => ("freestanding", None),
        FunctionKind::Method(r) => ("method", Some(r)),
        FunctionKind::Static(r) => ("static", Some(r)),
        FunctionKind::Constructor(r) => ("constructor", Some(r)),
    };
    out.insert("kind".to_owned(), kind.into());
    if let Some(resource) = resource {
        out.insert("resource".to_owned(), resource.to_string().into());
    }
    if f.is_async() {
        out.insert("async".to_owned(), true.into());
    }
    let params: Vec<Value> = f
        .params()
        .map(|p| json!({ "name": p.name, "type": p.ty.to_string() }))
        .collect();
    out.insert("params".to_owned(), params.into());
    let result = f.result().map(|ty| ty.to_string());
    out.insert("result".to_owned(), result.into());
    out.insert("wit".to_owned(), f.to_string().into());
    out.into()
}

fn type_def(ty: TypeDef<'_>) -> Value {
    let mut out = described(ty.docs(), &ty.stability());
    let (kind, content) = content(ty);
    out.insert("kind".to_owned(), kind.into());
    if let Some((key, value)) = content {
        out.insert(key.to_owned(), value);
    }
    out.into()
}

/// The kind of a type and its parts.
fn content(ty: TypeDef<'_>) -> (&'static str, Option<(&'static str, Value)>) {
    let cases = |cases: Vec<Case<'_>>| -> Value {
        let case = |c: &Case<'_>| json!({ "name": c.name, "type": c.ty.map(|ty| ty.to_string()), "docs": c.docs });
        cases.iter().map(case).collect()
    };
    let optional = |ty: Option<_>| ty.map(|ty: linkspan_wit::inspect::Type<'_>| ty.to_string());
    match ty.kind() {
        TypeKind::Record(fields) => {
            let field = |f: &linkspan_wit::inspect::Field<'_>| json!({ "name": f.name, "type": f.ty.to_string(), "docs": f.docs });
            (
                "record",
                Some(("fields", fields.iter().map(field).collect())),
            )
        }
        TypeKind::Variant(of) => ("variant", Some(("cases", cases(of)))),
        TypeKind::Enum(of) => ("enum", Some(("cases", cases(of)))),
        TypeKind::Flags(flags) => {
            let flags = flags
                .iter()
                .map(|f| json!({ "name": f.name, "docs": f.docs }));
            ("flags", Some(("flags", flags.collect())))
        }
        TypeKind::Tuple(types) => {
            let types = types.iter().map(|ty| Value::from(ty.to_string()));
            ("tuple", Some(("types", types.collect())))
        }
        TypeKind::Option(ty) => ("option", Some(("type", ty.to_string().into()))),
        TypeKind::Result { ok, err } => {
            let parts = json!({ "ok": optional(ok), "err": optional(err) });
            ("result", Some(("types", parts)))
        }
        TypeKind::List(ty) => ("list", Some(("type", ty.to_string().into()))),
        TypeKind::FixedLengthList(ty, length) => {
            let parts = json!({ "element": ty.to_string(), "length": length });
            ("fixed-length-list", Some(("type", parts)))
        }
        TypeKind::Map(key, value) => {
            let parts = json!({ "key": key.to_string(), "value": value.to_string() });
            ("map", Some(("type", parts)))
        }
        TypeKind::Future(ty) => ("future", Some(("type", optional(ty).into()))),
        TypeKind::Stream(ty) => ("stream", Some(("type", optional(ty).into()))),
        TypeKind::Resource => ("resource", None),
        TypeKind::Own(def) => ("own", Some(("resource", def.to_string().into()))),
        TypeKind::Borrow(def) => ("borrow", Some(("resource", def.to_string().into()))),
        TypeKind::Alias(ty) => ("alias", Some(("type", ty.to_string().into()))),
    }
}

/// An object with the documentation and gate, where there are such.
fn described(docs: Option<&str>, stability: &Stability) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(docs) = docs {
        out.insert("docs".to_owned(), docs.into());
    }
    let (gate, deprecated) = match stability {
        Stability::Ungated => return out,
        Stability::Since {
            version,
            deprecated,
        } => (json!({ "since": version }), deprecated),
        Stability::Unstable {
            feature,
            deprecated,
        } => (json!({ "unstable": feature }), deprecated),
    };
    out.insert("gate".to_owned(), gate);
    if let Some(version) = deprecated {
        out.insert("deprecated".to_owned(), version.clone().into());
    }
    out
}

/// What is known about the imports of a component.
pub(crate) fn link(report: &LinkReport) -> Value {
    let imports: Vec<Value> = report
        .imports()
        .iter()
        .map(|import| {
            let mut out = Map::new();
            out.insert("path".to_owned(), import.path.names().into());
            out.insert("expected".to_owned(), import.expected.clone().into());
            let state = match &import.state {
                LinkState::Satisfied { by, source, track } => {
                    out.insert("by".to_owned(), by.names().into());
                    out.insert("source".to_owned(), source.name().into());
                    out.insert("track".to_owned(), track.clone().into());
                    "satisfied"
                }
                LinkState::Missing => "missing",
                LinkState::Mismatched => "mismatched",
                _ => "unknown",
            };
            out.insert("state".to_owned(), state.into());
            out.into()
        })
        .collect();
    let problems: Vec<Value> = report.problems().iter().map(problem).collect();
    json!({
        "version": VERSION,
        "kind": "link",
        "ok": report.is_ok(),
        "imports": imports,
        "problems": problems,
    })
}

fn problem(problem: &LinkProblem) -> Value {
    let differences: Vec<Value> = problem
        .differences
        .iter()
        .map(|d| json!({ "path": d.path, "expected": d.expected, "found": d.found }))
        .collect();
    let offers: Vec<Value> = problem
        .offers
        .iter()
        .map(|offer| {
            let kind = match offer {
                LinkOffer::Similar(_) => "similar-name",
                LinkOffer::OtherVersion(_) => "other-version",
                LinkOffer::Elsewhere(_) => "elsewhere",
                _ => "other",
            };
            json!({ "kind": kind, "path": offer.path().names() })
        })
        .collect();
    json!({
        "path": problem.path.names(),
        "expected": problem.expected,
        "found": problem.found,
        "differences": differences,
        "offers": offers,
        "hint": problem.hint,
    })
}
