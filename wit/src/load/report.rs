//! The parser's errors, as ours: places kept, words made plain, advice added.

use std::path::PathBuf;

use wit_parser::{
    PackageName, ParseError, ParseErrorKind, Resolve, ResolveError, ResolveErrorKind, SourceMap,
    Span, SpanLocation, Stability,
};

use crate::error::{Error, ErrorKind, Label};
use crate::scan;
use crate::source::{self, Sources};
use crate::suggest::{listed, nearest};

/// Types that WIT itself names.
const BUILTIN_TYPES: [&str; 25] = [
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "s8",
    "s16",
    "s32",
    "s64",
    "f32",
    "f64",
    "char",
    "string",
    "list",
    "option",
    "result",
    "tuple",
    "map",
    "own",
    "borrow",
    "stream",
    "future",
    "error-context",
    "resource",
    "func",
];

/// An error from parsing the files `names`, registered in `map` in this order.
pub(super) fn parsing(
    error: &ParseError,
    map: &SourceMap,
    sources: &Sources,
    names: &[String],
) -> Error {
    if let (ParseErrorKind::Lex(_), true) = (error.kind(), names.len() > 1)
        && let Some(found) = parsing_alone(sources, names)
    {
        return found;
    }
    let message = plain(&error.to_string());
    let span = error.kind().span();
    let place = map.resolve_span(span);
    let label = |text: &str| {
        let place = place.as_ref()?;
        sources.label(place.path, &place.range, text)
    };
    let text = place.as_ref().and_then(|place| sources.text(place.path));
    match error.kind() {
        ParseErrorKind::ItemNotFound { name, kind, .. } => {
            let error = Error::new(ErrorKind::Parse, format!("{kind} `{name}` does not exist"));
            let is_type = kind == "type" || kind == "name" && !in_use_list(text, &place);
            with_near_name(error, name, is_type, text).with_label(label("not defined here"))
        }
        ParseErrorKind::TypeCycle { name, kind, .. } => Error::new(
            ErrorKind::Parse,
            format!("{kind} `{name}` depends on itself"),
        )
        .with_label(label("this reference closes the circle")),
        _ => {
            let error = Error::new(ErrorKind::Parse, message.clone());
            let error = if span.is_known() {
                error.with_label(label(""))
            } else if message.starts_with("no `package` header") {
                no_header(names)
            } else {
                error
            };
            match (&place, text) {
                (Some(place), Some(text)) if place.range.start >= text.trim_end().len() => {
                    error.with_label(unclosed(place.path, text))
                }
                _ => error,
            }
        }
    }
}

/// Places of lexical errors are wrong in all files but the first, so each is parsed by itself
/// until one shows a lexical error.
fn parsing_alone(sources: &Sources, names: &[String]) -> Option<Error> {
    names.iter().find_map(|name| {
        let mut map = SourceMap::default();
        let text = sources.text(name)?;
        map.push_str(name, scan::blank_empty_comments(text).into_owned());
        let (map, error) = map.parse().err()?;
        matches!(error.kind(), ParseErrorKind::Lex(_))
            .then(|| parsing(&error, &map, sources, std::slice::from_ref(name)))
    })
}

fn no_header(names: &[String]) -> Error {
    let files = names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>();
    Error::new(
        ErrorKind::Parse,
        format!("no `package` line in {}", files.join(", ")),
    )
    .with_help("begin with a line such as `package my-org:my-package;`")
}

fn unclosed(path: &str, text: &str) -> Option<Label> {
    let brace = scan::unclosed_brace(text)?;
    Some(source::label(path, text, &brace, "opened here"))
}

/// Whether `place` is among the names of a `use`, where WIT's own types cannot stand.
fn in_use_list(text: Option<&str>, place: &Option<SpanLocation<'_>>) -> bool {
    let before = text.zip(place.as_ref());
    let before = before.and_then(|(text, place)| text.get(..place.range.start));
    let statement = before.and_then(|before| before.rsplit(';').next());
    statement.is_some_and(|statement| {
        let brace = statement.rfind('{');
        brace.is_some_and(|brace| statement[..brace].trim_end().ends_with('.'))
    })
}

fn with_near_name(error: Error, name: &str, is_type: bool, text: Option<&str>) -> Error {
    match name {
        "float32" => return error.with_help("the type is called `f32`"),
        "float64" => return error.with_help("the type is called `f64`"),
        _ => {}
    }
    let declared = text.map(scan::declared_names).unwrap_or_default();
    let builtin: &[&str] = if is_type { &BUILTIN_TYPES } else { &[] };
    let candidates = declared.into_iter().filter(|c| *c != name);
    match nearest(name, candidates.chain(builtin.iter().copied())) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// The parser's wording with our marks for code and our name for the end of the file.
fn plain(message: &str) -> String {
    let mut out = message.replace("found eof", "found the end of the file");
    for c in ["=", ",", ":", ".", ";", "(", ")", "{", "}", "<", ">", "%"] {
        out = out.replace(&format!("'{c}'"), &format!("`{c}`"));
    }
    out = out.replace("found expected", "found");
    match out.strip_prefix("Control") {
        Some(rest) => format!("control{rest}"),
        None => out,
    }
}

/// What a load was asked for, to be named in messages.
pub(super) struct Asked<'a> {
    /// All packages of the sources, those included that could not be resolved yet.
    pub(super) packages: &'a [PackageName],
    /// The `deps` folders that were looked into.
    pub(super) searched: &'a [PathBuf],
}

/// An error from fitting packages together.
pub(super) fn resolving(
    error: &ResolveError,
    resolve: &Resolve,
    sources: &Sources,
    asked: &Asked<'_>,
) -> Error {
    let label = |span: Span, text: &str| {
        let place = resolve.source_map.resolve_span(span)?;
        sources.label(place.path, &place.range, text)
    };
    let new = |message: String| Error::new(ErrorKind::Resolve, message);
    match error.kind() {
        ResolveErrorKind::PackageNotFound {
            span, requested, ..
        } => package_not_found(requested, asked).with_label(label(*span, "needed here")),
        ResolveErrorKind::WorldNotFound {
            span,
            requested,
            package,
        } => {
            let worlds = members(resolve, package, |p| p.worlds.keys().collect());
            let error = new(format!("package `{package}` has no world `{requested}`"));
            with_members(error, requested, "worlds", &worlds).with_label(label(*span, ""))
        }
        ResolveErrorKind::InterfaceNotFound {
            span,
            requested,
            package,
        } => {
            let interfaces = members(resolve, package, |p| p.interfaces.keys().collect());
            let error = new(format!(
                "package `{package}` has no interface `{requested}`"
            ));
            with_members(error, requested, "interfaces", &interfaces).with_label(label(*span, ""))
        }
        ResolveErrorKind::InvalidTransitiveDependency { span, name } => new(format!(
            "interface `{name}` is exported, and so is an interface that it needs only as an import"
        ))
        .with_label(label(*span, "in this world"))
        .with_help("export the interfaces in between as well, so that all use the same types"),
        ResolveErrorKind::DuplicatePackage { name, span1, span2 } => {
            new(format!("package `{name}` is defined twice"))
                .with_label(label(*span1, "defined here"))
                .with_label(label(*span2, "and here"))
        }
        ResolveErrorKind::PackageCycle { package, span } => {
            new(format!("package `{package}` depends on itself"))
                .with_label(label(*span, "this dependency closes the circle"))
        }
        ResolveErrorKind::ItemShadowing {
            span,
            item_type,
            name,
        } => new(format!(
            "this world already has an {item_type} `{name}` when it is included again"
        ))
        .with_label(label(*span, ""))
        .with_help(format!(
            "rename one: `include … with {{ {name} as other-name }}`"
        )),
        ResolveErrorKind::StabilityMismatch { span, from, into } => new(format!(
            "the same item is gated in two ways: {} and {}",
            gate(from),
            gate(into)
        ))
        .with_label(label(*span, "")),
        other => with_gate_help(new(plain(&other.to_string()))).with_label(label(other.span(), "")),
    }
}

fn with_gate_help(error: Error) -> Error {
    if error.diagnostic().message.contains("feature") {
        return error.with_help("name the features to keep when loading, or gate both sides alike");
    }
    error
}

fn gate(stability: &Stability) -> String {
    match stability {
        Stability::Unknown => "not at all".to_owned(),
        Stability::Unstable { feature, .. } => format!("`@unstable(feature = {feature})`"),
        Stability::Stable { since, .. } => format!("`@since(version = {since})`"),
    }
}

fn package_not_found(requested: &PackageName, asked: &Asked<'_>) -> Error {
    let mut error = Error::new(
        ErrorKind::Resolve,
        format!("package `{requested}` is not known"),
    );
    let known = asked.packages;
    let other_versions: Vec<String> = known
        .iter()
        .filter(|k| k.namespace == requested.namespace && k.name == requested.name)
        .map(|k| format!("`{k}`"))
        .collect();
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    if !other_versions.is_empty() {
        error = error.with_help(format!(
            "another version is there: {}",
            other_versions.join(", ")
        ));
    } else if let Some(near) = nearest(&requested.to_string(), names.iter().map(String::as_str)) {
        error = error.with_help(format!("did you mean `{near}`?"));
    }
    if !names.is_empty() {
        error = error.with_note(listed("known packages", &names));
    }
    if !asked.searched.is_empty() {
        let folders = asked.searched.iter();
        let folders: Vec<String> = folders.map(|p| p.display().to_string()).collect();
        error = error.with_note(listed("searched for dependencies in", &folders));
    }
    error
}

fn members<'a>(
    resolve: &'a Resolve,
    package: &PackageName,
    names: impl Fn(&'a wit_parser::Package) -> Vec<&'a String>,
) -> Vec<String> {
    let id = resolve.package_names.get(package);
    let names = id.map(|id| names(&resolve.packages[*id]));
    names.unwrap_or_default().into_iter().cloned().collect()
}

fn with_members(mut error: Error, wanted: &str, what: &str, names: &[String]) -> Error {
    if let Some(near) = nearest(wanted, names.iter().map(String::as_str)) {
        error = error.with_help(format!("did you mean `{near}`?"));
    }
    if names.is_empty() {
        return error;
    }
    error.with_note(listed(&format!("{what} in it"), names))
}

/// An error from adding the packages of the binary `name` to those of others.
pub(super) fn merging(name: &str, causes: impl Iterator<Item = String>) -> Error {
    let error = Error::new(
        ErrorKind::Resolve,
        format!("the packages in `{name}` contradict those of another source"),
    );
    causes.fold(error, Error::with_note)
}
