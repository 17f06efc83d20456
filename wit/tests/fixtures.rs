//! The printer's law over the parser's own fixtures: all that the parser accepts loads, prints to
//! text that loads to the same model, and prints to the same text again.
//!
//! The fixtures are not copied here: they are those of the parser's package, found through
//! `cargo metadata`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use linkspan_wit::inspect::{
    Function, Interface, Package, Type, TypeDef, TypeKind, TypeOwner, WorldItem, WorldItemKind,
};
use linkspan_wit::{Loader, PackageSet};

/// Files and folders that the parser accepts.
const ACCEPTED: usize = 78;
/// Files and folders that it refuses.
const REFUSED: usize = 187;

/// The folder of the parser's fixtures.
fn fixtures() -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .expect("the packages are downloaded: run `cargo fetch --locked` first");
    let packages = metadata["packages"].as_array().expect("packages");
    let parser = packages
        .iter()
        .find(|p| p["name"] == "wit-parser")
        .expect("wit-parser is a dependency");
    let manifest = Path::new(parser["manifest_path"].as_str().expect("a path"));
    manifest.parent().expect("a folder").join("tests/ui")
}

/// The cases directly in `folder`, sorted.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = folder
        .read_dir()
        .expect("the fixtures are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let extension = path.extension().and_then(|e| e.to_str());
            let folder = path.is_dir() && path.file_name().is_none_or(|n| n != "parse-fail");
            folder || matches!(extension, Some("wit" | "wat" | "wasm"))
        })
        .collect();
    cases.sort();
    cases
}

fn loader() -> Loader {
    // The feature that the fixtures' gates expect.
    Loader::new().feature("active")
}

#[test]
fn accepted_fixtures_print_to_the_same_model() {
    let cases = cases(&fixtures());
    assert_eq!(cases.len(), ACCEPTED);
    let mut failures = Vec::new();
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if let Err(problem) = check(case) {
            failures.push(format!("{name}: {problem}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {ACCEPTED} failed\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn check(case: &Path) -> Result<(), String> {
    let set = loader().path(case).load().map_err(|e| format!("{e:#}"))?;
    let printed = set.print();
    let again = loader()
        .text("printed.wit", printed.as_str())
        .load()
        .map_err(|e| format!("what is printed does not load:\n{e:#}\n{printed}"))?;
    let (before, after) = (dump(&set), dump(&again));
    if let Some((a, b)) = before.lines().zip(after.lines()).find(|(a, b)| a != b) {
        return Err(format!("the model changed\n- {a}\n+ {b}\n{printed}"));
    }
    if before.lines().count() != after.lines().count() {
        return Err(format!("the model changed\n{before}\n---\n{after}"));
    }
    let reprinted = again.print();
    if reprinted != printed {
        return Err(format!(
            "printing is not stable\n{printed}\n---\n{reprinted}"
        ));
    }
    Ok(())
}

#[test]
fn refused_fixtures_are_refused_with_a_message() {
    let cases = cases(&fixtures().join("parse-fail"));
    assert_eq!(cases.len(), REFUSED);
    for case in cases {
        let error = match loader().path(&case).load() {
            Err(error) => error,
            Ok(_) => panic!("{} is accepted", case.display()),
        };
        let diagnostic = error.diagnostic();
        let name = case.display();
        assert_ne!(
            error.kind(),
            linkspan_wit::ErrorKind::Internal,
            "{name}: {error}"
        );
        assert!(
            !diagnostic.message.is_empty() && !diagnostic.message.ends_with('.'),
            "{name}"
        );
        let first = diagnostic.message.chars().next().unwrap_or('A');
        assert!(!first.is_uppercase(), "{name}: {error}");
        for label in &diagnostic.labels {
            let text = std::fs::read_to_string(&label.location.file).expect("a file");
            assert!(text.lines().any(|l| l == label.line_text) || label.line_text.is_empty());
        }
    }
}

/// The model as text: every fact that a component or a binding can depend on, packages by name.
fn dump(set: &PackageSet) -> String {
    let mut packages: Vec<Package<'_>> = set.packages().collect();
    packages.sort_by_key(|p| p.name());
    let mut out = String::new();
    for package in packages {
        let _ = writeln!(out, "package {package} {:?}", package.docs());
        for interface in package.interfaces() {
            let gate = interface.stability();
            let _ = writeln!(out, "interface {interface} {:?} {gate:?}", interface.docs());
            dump_interface(&mut out, interface);
        }
        for world in package.worlds() {
            let _ = writeln!(
                out,
                "world {world} {:?} {:?}",
                world.docs(),
                world.stability()
            );
            for item in world.imports() {
                dump_item(&mut out, "import", item);
            }
            for item in world.exports() {
                dump_item(&mut out, "export", item);
            }
        }
    }
    out
}

fn dump_item(out: &mut String, direction: &str, item: WorldItem<'_>) {
    let gate = item.stability();
    let _ = writeln!(
        out,
        " {direction} {} {} {:?} {gate:?} {:?}",
        item.name(),
        item.is_labelled(),
        item.docs(),
        item.external_id()
    );
    match item.kind() {
        WorldItemKind::Interface(interface) if interface.name().is_none() => {
            let _ = writeln!(out, "  {:?}", interface.docs());
            dump_interface(out, interface);
        }
        WorldItemKind::Interface(interface) => {
            let _ = writeln!(out, "  {interface}");
        }
        WorldItemKind::Function(function) => dump_function(out, function),
        WorldItemKind::Type(ty) => dump_type(out, ty),
    }
}

fn dump_interface(out: &mut String, interface: Interface<'_>) {
    for ty in interface.types() {
        dump_type(out, ty);
    }
    for function in interface.functions() {
        dump_function(out, function);
    }
}

fn dump_function(out: &mut String, f: Function<'_>) {
    let _ = write!(
        out,
        "  {} {:?} async={} {:?} {:?} {:?}",
        f.full_name(),
        f.accessor(),
        f.is_async(),
        f.docs(),
        f.stability(),
        f.external_id()
    );
    for param in f.params() {
        let _ = write!(out, " {}:{}", param.name, reference(param.ty));
    }
    let _ = writeln!(out, " -> {:?}", f.result().map(reference));
    if let Some(resource) = f.resource() {
        let _ = writeln!(out, "   of {}", reference(Type::Defined(resource)));
    }
}

fn dump_type(out: &mut String, ty: TypeDef<'_>) {
    let _ = writeln!(
        out,
        "  type {} = {} {:?} {:?} {:?}",
        reference(Type::Defined(ty)),
        structure(ty),
        ty.docs(),
        ty.stability(),
        ty.external_id()
    );
}

/// A type as another names it: by owner and label, or by structure.
fn reference(ty: Type<'_>) -> String {
    let Type::Defined(def) = ty else {
        return ty.to_string();
    };
    match (def.name(), def.owner()) {
        (Some(name), Some(TypeOwner::Interface(i))) => format!("{i}.{name}"),
        (Some(name), Some(TypeOwner::World(w))) => format!("{w}.{name}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => format!("{} {:?}", structure(def), def.stability()),
    }
}

fn structure(def: TypeDef<'_>) -> String {
    let optional = |ty: Option<Type<'_>>| ty.map_or_else(|| "_".to_owned(), reference);
    match def.kind() {
        TypeKind::Record(fields) => fields.iter().fold("record".to_owned(), |s, f| {
            format!("{s} {}:{}{:?}", f.name, reference(f.ty), f.docs)
        }),
        TypeKind::Variant(cases) => cases.iter().fold("variant".to_owned(), |s, c| {
            format!("{s} {}:{}{:?}", c.name, optional(c.ty), c.docs)
        }),
        TypeKind::Enum(cases) => cases.iter().fold("enum".to_owned(), |s, c| {
            format!("{s} {}{:?}", c.name, c.docs)
        }),
        TypeKind::Flags(flags) => flags.iter().fold("flags".to_owned(), |s, f| {
            format!("{s} {}{:?}", f.name, f.docs)
        }),
        TypeKind::Tuple(types) => types
            .iter()
            .fold("tuple".to_owned(), |s, t| format!("{s} {}", reference(*t))),
        TypeKind::Option(ty) => format!("option<{}>", reference(ty)),
        TypeKind::Result { ok, err } => format!("result<{},{}>", optional(ok), optional(err)),
        TypeKind::List(ty) => format!("list<{}>", reference(ty)),
        TypeKind::FixedLengthList(ty, n) => format!("list<{},{n}>", reference(ty)),
        TypeKind::Map(key, value) => format!("map<{},{}>", reference(key), reference(value)),
        TypeKind::Future(ty) => format!("future<{}>", optional(ty)),
        TypeKind::Stream(ty) => format!("stream<{}>", optional(ty)),
        TypeKind::Resource => "resource".to_owned(),
        TypeKind::Own(def) => format!("own<{}>", reference(Type::Defined(def))),
        TypeKind::Borrow(def) => format!("borrow<{}>", reference(Type::Defined(def))),
        TypeKind::Alias(ty) => format!("alias {}", reference(ty)),
    }
}
