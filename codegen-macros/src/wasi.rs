//! Where the crate that is called implements WASI: whether its manifest names `linkspan-wasi`.
//!
//! Only what is certain counts: an optional dependency, one of some targets alone, or one without
//! the feature `p2` may not be there, and the key `wasi` says so if it is. The manifest is read line
//! by line, as Cargo and people write it: a parser of TOML would be five more crates.

use std::path::Path;

/// The package that implements WASI.
const PACKAGE: &str = "linkspan-wasi";

/// Its module with bindings of WASI.
const MODULE: &str = "p2::bindings::wasi";

/// The path of WASI's bindings for the crate that is compiled; none if it does not depend on them.
pub(crate) fn module() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok();
    if variable("CARGO_PKG_NAME").as_deref() == Some(PACKAGE) {
        // Its library makes the bindings; its tests take them.
        let is_library = variable("CARGO_CRATE_NAME").as_deref() == Some("linkspan_wasi");
        return (!is_library).then(|| format!("::linkspan_wasi::{MODULE}"));
    }
    let folder = variable("CARGO_MANIFEST_DIR")?;
    let manifest = std::fs::read_to_string(Path::new(&folder).join("Cargo.toml")).ok()?;
    // Cargo sets it for tests and benchmarks, which alone are sure to have what `dev` names.
    let is_test = variable("CARGO_TARGET_TMPDIR").is_some();
    let name = dependency(&manifest, is_test)?;
    Some(format!("::{}::{MODULE}", name.replace('-', "_")))
}

/// The name by which a manifest depends on the package.
fn dependency(manifest: &str, is_test: bool) -> Option<String> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut table = String::new();
    let mut lines = manifest.lines();
    while let Some(line) = lines.next() {
        let mut entry = without_comment(line).trim().to_owned();
        if let Some(header) = entry.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            table = header.trim().to_owned();
            continue;
        }
        // An array may go on in the lines below.
        while entry.matches('[').count() > entry.matches(']').count() {
            match lines.next() {
                Some(line) => entry += without_comment(line).trim(),
                None => break,
            }
        }
        let Some((key, value)) = entry.split_once('=') else {
            continue;
        };
        let (name, key) = match (dependencies(&table, is_test), key.trim().split_once('.')) {
            // [dependencies.name] key = value
            (Some(Some(name)), _) => (name.to_owned(), key.trim().to_owned()),
            // [dependencies] name.key = value
            (Some(None), Some((name, key))) => (name.to_owned(), key.to_owned()),
            // [dependencies] name = value
            (Some(None), None) => (key.trim().to_owned(), String::new()),
            (None, _) => continue,
        };
        let name = unquoted(&name).to_owned();
        let known = found.iter_mut().find(|dependency| dependency.name == name);
        let said = format!("{key} = {value}, ");
        match known {
            Some(known) => known.said += &said,
            None => found.push(Dependency { name, said }),
        }
    }
    found
        .into_iter()
        .find(Dependency::is_wasi)
        .map(|found| found.name)
}

/// What a manifest says of one dependency.
struct Dependency {
    name: String,
    said: String,
}

impl Dependency {
    fn is_wasi(&self) -> bool {
        let said: String = self.said.split_whitespace().collect();
        let is_package = match said.split_once("package=") {
            Some((_, package)) => package.get(1..).is_some_and(|name| {
                name.strip_prefix(PACKAGE)
                    .is_some_and(|rest| rest.starts_with(['"', '\'']))
            }),
            None => self.name == PACKAGE,
        };
        let is_certain = !said.contains("optional=true");
        let has_p2 = !said.contains("default-features=false") || said.contains("\"p2\"");
        is_package && is_certain && has_p2
    }
}

/// Whether a table holds dependencies; of one of them alone if it names it.
fn dependencies(table: &str, is_test: bool) -> Option<Option<&str>> {
    let rest = match table.strip_prefix("dev-dependencies") {
        Some(rest) if is_test => rest,
        _ => table.strip_prefix("dependencies")?,
    };
    match rest.strip_prefix('.') {
        Some(name) => Some(Some(name)),
        None if rest.is_empty() => Some(None),
        None => None,
    }
}

fn unquoted(name: &str) -> &str {
    name.trim().trim_matches(['"', '\''])
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_found_as_manifests_write_it() {
        for (manifest, name) in [
            ("[dependencies]\nlinkspan-wasi = \"0.1\"", "linkspan-wasi"),
            (
                "[dependencies]\nlinkspan-wasi.workspace = true",
                "linkspan-wasi",
            ),
            (
                "[dependencies] # what is needed\n\"linkspan-wasi\" = { path = \"../a#b\" } # here",
                "linkspan-wasi",
            ),
            (
                "[dependencies.linkspan-wasi]\nversion = \"0.1\"",
                "linkspan-wasi",
            ),
            (
                "[dependencies]\nsandbox = { package = \"linkspan-wasi\", version = \"0.1\" }",
                "sandbox",
            ),
            (
                "[dependencies.sandbox]\nversion = \"0.1\"\npackage = 'linkspan-wasi'",
                "sandbox",
            ),
            (
                "[dependencies]\na = { features = [\n\"b\",\n] }\nlinkspan-wasi = { default-features \
                 = false, features = [\n    \"p2\", # for components\n] }",
                "linkspan-wasi",
            ),
        ] {
            assert_eq!(
                dependency(manifest, false).as_deref(),
                Some(name),
                "{manifest}"
            );
        }
    }

    #[test]
    fn what_may_not_be_there_does_not_count() {
        for manifest in [
            "",
            "[package]\nname = \"linkspan-wasi\"",
            "[features]\nlinkspan-wasi = []",
            "[dependencies]\nlinkspan-wasi-extra = \"1\"\nlinkspan = \"1\"",
            "[dependencies]\n# linkspan-wasi = \"1\"",
            "[dependencies]\nlinkspan-wasi = { version = \"1\", optional = true }",
            "[dependencies]\nlinkspan-wasi = { features = [\n\"p2\"\n], optional = true }",
            "[dependencies]\nlinkspan-wasi = { default-features = false, features = [\"p1\"] }",
            "[dependencies]\nlinkspan-wasi = { package = \"other\" }",
            "[dependencies]\na = { package = \"linkspan-wasi-extra\" }",
            "[build-dependencies]\nlinkspan-wasi = \"1\"",
            "[target.'cfg(windows)'.dependencies]\nlinkspan-wasi = \"1\"",
            "[dev-dependencies]\nlinkspan-wasi = \"1\"",
            "[workspace.dependencies]\nlinkspan-wasi = \"1\"",
        ] {
            assert_eq!(dependency(manifest, false), None, "{manifest}");
        }
    }

    #[test]
    fn tests_have_what_is_named_for_them() {
        for manifest in [
            "[dev-dependencies]\nlinkspan-wasi = \"1\"",
            "[dev-dependencies.linkspan-wasi]\nversion = \"1\"",
        ] {
            let found = dependency(manifest, true);
            assert_eq!(found.as_deref(), Some("linkspan-wasi"), "{manifest}");
        }
    }
}
