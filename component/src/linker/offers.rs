//! What a linker has instead of an import that is missing, and what that
//! suggests. Only errors come here.

use super::report::{LinkDifference, LinkOffer, LinkProblem};
use super::resolve::Missing;
use super::{Definition, Names};
use crate::names::{self, ItemPath, closest};

/// How many offers of one kind a problem carries.
const OFFERS_MAX: usize = 3;

/// How many names a hint lists.
const NAMES_MAX: usize = 5;

/// Says what is there instead of a missing definition.
pub(super) fn add(root: &Names, missing: Missing<'_>, problem: &mut LinkProblem) {
    let path = problem.path.names().to_vec();
    let Missing {
        position,
        prefix,
        level,
        other,
    } = missing;
    let Some(name) = path.get(position) else {
        return;
    };
    if let Some(other) = other {
        problem.found = Some(format!("{name:?} as {}", with_article(other.kind())));
        problem.hint = Some(format!(
            "{name:?} must be an instance, which has what is asked for"
        ));
        return;
    }
    let place = |known: &str| join(&prefix, known);
    let mut versions: Vec<&str> = level
        .iter()
        .map(|(known, _)| known)
        .filter(|known| names::base(known) == names::base(name))
        .collect();
    versions.truncate(OFFERS_MAX);
    if !versions.is_empty() {
        let offers = versions.iter().map(|known| place(known));
        problem.offers.extend(offers.map(LinkOffer::OtherVersion));
        problem.hint = Some(format!(
            "{} is defined, which is not compatible: {} would be",
            quoted(&versions),
            names::compatible_versions(name)
        ));
    } else if let Some(known) = closest(name, level.iter().map(|(known, _)| known)) {
        problem.offers.push(LinkOffer::Similar(place(known)));
        problem.hint = Some(format!("did you mean {known:?}?"));
    } else if let Some(hint) = elsewhere(root, &path, problem) {
        problem.hint = Some(hint);
    } else if position > 0 {
        problem.hint = Some(alternatives(name, &prefix, level));
    }
    // WASI comes in one piece: an interface of it is not a mistake in a name.
    if position == 0 && versions.is_empty() && name.starts_with("wasi:") {
        let hint = if name.starts_with("wasi:http/") {
            "the crate `linkspan-wasi` defines it with the feature `http`: `p2::http::add_to_linker`"
        } else {
            "the crate `linkspan-wasi` defines it: `p2::add_to_linker`"
        };
        problem.hint = Some(hint.to_owned());
    }
}

/// Definitions of the same name in other interfaces.
fn elsewhere(root: &Names, path: &[String], problem: &mut LinkProblem) -> Option<String> {
    let leaf = path.last()?;
    let mut found = Vec::new();
    let mut open = vec![(ItemPath::default(), root)];
    while let Some((place, names)) = open.pop() {
        for (known, definition) in names.iter() {
            let here = join(place.names(), known);
            match definition {
                Definition::Instance(inner) => open.push((here, inner)),
                _ if known == leaf && here.names() != path => found.push(here),
                _ => {}
            }
        }
    }
    found.sort();
    found.truncate(OFFERS_MAX);
    let hint = found
        .first()
        .map(|first| format!("{first} is defined, under another name than the component asks for"));
    problem
        .offers
        .extend(found.into_iter().map(LinkOffer::Elsewhere));
    hint
}

/// What an interface has that lacks a name.
fn alternatives(name: &str, prefix: &[String], level: &Names) -> String {
    let interface = prefix.last().map_or("", String::as_str);
    let all: Vec<&str> = level.iter().map(|(known, _)| known).collect();
    if all.is_empty() {
        return format!("{interface:?} is defined, but empty: add {name:?} to it");
    }
    let more = if all.len() > NAMES_MAX { ", …" } else { "" };
    let some = &all[..all.len().min(NAMES_MAX)];
    format!(
        "{interface:?} has {}{more}: add {name:?} to it",
        quoted(some)
    )
}

/// What differences of types suggest.
pub(super) fn for_differences(differences: &[LinkDifference]) -> Option<String> {
    let is_handle = |text: &str| text.starts_with("own<") || text.starts_with("borrow<");
    let handles = differences
        .iter()
        .any(|d| is_handle(&d.expected) && is_handle(&d.found));
    handles.then(|| {
        "both are handles, but of different resource types: define the resource and the funcs \
         that use it with the same one"
            .to_owned()
    })
}

/// `"a", "b"`
fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}

fn join(prefix: &[String], name: &str) -> ItemPath {
    let mut parts = prefix.iter();
    let Some(first) = parts.next() else {
        return ItemPath::root(name);
    };
    let path = parts.fold(ItemPath::root(first), |path, part| path.child(part));
    path.child(name)
}

/// `a func`, `an instance`
pub(crate) fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}
