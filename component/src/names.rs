//! Names of imports and exports: splitting interface names, and matching
//! versions the way that semantic versioning calls compatible.
//!
//! Matching is the host's choice: inside a binary names match exactly.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

/// A semantic version, as far as matching needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    pre: Option<String>,
}

/// The part of a version that compatible versions share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Track {
    /// `1.2.3` is compatible with every other `1`.
    Major(u64),
    /// `0.2.3` is compatible with every other `0.2`.
    Minor(u64),
    /// `0.0.3` is compatible with itself alone.
    Patch(u64),
    /// A pre-release is compatible with itself alone.
    Exact(String),
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        let (text, _build) = text.split_once('+').unwrap_or((text, ""));
        let (numbers, pre) = match text.split_once('-') {
            Some((numbers, pre)) => (numbers, Some(pre.to_owned())),
            None => (text, None),
        };
        let mut parts = numbers.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u64>().ok()).flatten()
        });
        let major = parts.next()??;
        // A canonical version stops at its first number that is not zero.
        let minor = parts.next().unwrap_or(Some(0))?;
        let patch = parts.next().unwrap_or(Some(0))?;
        parts.next().is_none().then_some(Version {
            major,
            minor,
            patch,
            pre,
        })
    }

    fn track(&self, text: &str) -> Track {
        if self.pre.is_some() {
            Track::Exact(text.to_owned())
        } else if self.major != 0 {
            Track::Major(self.major)
        } else if self.minor != 0 {
            Track::Minor(self.minor)
        } else {
            Track::Patch(self.patch)
        }
    }
}

/// As people write it: `1`, `0.2`, `0.0.3`.
impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Track::Major(major) => write!(f, "{major}"),
            Track::Minor(minor) => write!(f, "0.{minor}"),
            Track::Patch(patch) => write!(f, "0.0.{patch}"),
            Track::Exact(version) => f.write_str(version),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        let numbers = |v: &Version| (v.major, v.minor, v.patch);
        Some(numbers(self).cmp(&numbers(other)))
    }
}

/// Splits `ns:pkg/iface@1.2.3` into the name without its version, and the
/// version. Names without a version that can be read answer `None`.
fn split(name: &str) -> Option<(&str, &str, Version)> {
    let (base, text) = name.split_once('@')?;
    Some((base, text, Version::parse(text)?))
}

/// A name without its version, whether the version can be read or not.
pub(crate) fn base(name: &str) -> &str {
    name.split_once('@').map_or(name, |(base, _)| base)
}

/// The part of the name's version that all compatible versions share, as
/// people write it; `None` for a name without a version.
pub(crate) fn track(name: &str) -> Option<String> {
    let (_, text, version) = split(name)?;
    Some(version.track(text).to_string())
}

/// Which versions are compatible with that of the name, for messages.
pub(crate) fn compatible_versions(name: &str) -> String {
    match split(name).map(|(_, text, version)| version.track(text)) {
        Some(track @ (Track::Major(_) | Track::Minor(_))) => format!("versions {track}.x"),
        Some(track @ (Track::Patch(_) | Track::Exact(_))) => format!("version {track}"),
        None => "a name without a version".to_owned(),
    }
}

/// A map whose look-up falls back to a semver-compatible version of the
/// name: `a:b/c@0.2.4` is found by `a:b/c@0.2.0` and the other way round.
/// Among several compatible versions the newest answers. Linkers look names
/// up so.
///
/// # Examples
///
/// ```
/// let mut names = linkspan::VersionedMap::default();
/// names.insert("a:b/c@0.2.4", 1);
/// names.insert("a:b/c@0.2.10", 2);
/// assert_eq!(names.get("a:b/c@0.2.4"), Some(&1));
/// assert_eq!(names.get_named("a:b/c@0.2.0"), Some(("a:b/c@0.2.10", &2)));
/// assert_eq!(names.get("a:b/c@0.3.0"), None);
/// ```
#[derive(Clone, Debug)]
pub struct VersionedMap<T> {
    exact: BTreeMap<String, T>,
    /// Name without version, compatible track → the newest full name.
    newest: BTreeMap<(String, Track), String>,
}

impl<T> Default for VersionedMap<T> {
    fn default() -> Self {
        VersionedMap {
            exact: BTreeMap::new(),
            newest: BTreeMap::new(),
        }
    }
}

impl<T> VersionedMap<T> {
    /// Adds what a name stands for; what it stood for before, if anything.
    pub fn insert(&mut self, name: &str, value: T) -> Option<T> {
        if let Some((base, text, version)) = split(name) {
            let newest = self
                .newest
                .entry((base.to_owned(), version.track(text)))
                .or_insert_with(|| name.to_owned());
            let newer = split(newest).is_none_or(|(_, _, known)| version > known);
            if newer {
                name.clone_into(newest);
            }
        }
        self.exact.insert(name.to_owned(), value)
    }

    /// The definition of that very name.
    pub(crate) fn get_exact(&self, name: &str) -> Option<&T> {
        self.exact.get(name)
    }

    /// As [`VersionedMap::get_exact`], to change it.
    pub(crate) fn get_exact_mut(&mut self, name: &str) -> Option<&mut T> {
        self.exact.get_mut(name)
    }

    /// What that name or a compatible version of it stands for.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        self.get_named(name).map(|(_, value)| value)
    }

    /// As [`VersionedMap::get`], with the name that was found.
    #[must_use]
    pub fn get_named(&self, name: &str) -> Option<(&str, &T)> {
        if let Some((known, value)) = self.exact.get_key_value(name) {
            return Some((known, value));
        }
        let (base, text, version) = split(name)?;
        let key = (base.to_owned(), version.track(text));
        let (known, value) = self.exact.get_key_value(self.newest.get(&key)?)?;
        Some((known, value))
    }

    /// All names and what they stand for, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.exact
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }
}

/// Which of the names serves an import called `name`: that name itself, or the
/// newest semver-compatible version of it. Linkers choose so.
#[must_use]
pub fn compatible_name<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let mut names = VersionedMap::default();
    for candidate in candidates {
        names.insert(candidate, candidate);
    }
    names.get(name).copied()
}

/// The place of an import or export, as errors print it:
/// `"wasi:io/poll@0.2.0" → "block"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemPath(Vec<String>);

impl ItemPath {
    /// A path of one name.
    pub(crate) fn root(name: &str) -> ItemPath {
        ItemPath(vec![name.to_owned()])
    }

    /// This path with one more name behind it.
    pub(crate) fn child(&self, name: &str) -> ItemPath {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        ItemPath(names)
    }

    /// The names from the outside in.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ItemPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" → ")?;
            }
            write!(f, "{name:?}")?;
        }
        Ok(())
    }
}

/// The name among `candidates` that a typing mistake most likely meant.
pub(crate) fn closest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = name.len() / 3 + 1;
    candidates
        .map(|candidate| (edit_distance(name, candidate, limit), candidate))
        // Where no letter is the same, nothing was mistyped.
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements between two names; anything above
/// `limit` may be answered as `limit + 1`.
fn edit_distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // Long names are never typing mistakes of each other here, and the table
    // below is quadratic.
    if a.len().abs_diff(b.len()) > limit || a.len().max(b.len()) > 200 {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: &[&str]) -> VersionedMap<usize> {
        let mut map = VersionedMap::default();
        for (i, name) in names.iter().enumerate() {
            map.insert(name, i);
        }
        map
    }

    #[test]
    fn compatible_versions_match_in_both_directions() {
        let map = map(&["a:b/c@1.2.3", "a:b/d@0.2.4", "a:b/e@0.0.3"]);
        assert_eq!(map.get("a:b/c@1.0.0"), Some(&0));
        assert_eq!(map.get("a:b/c@1.9.0"), Some(&0));
        assert_eq!(map.get("a:b/c@1"), Some(&0));
        assert_eq!(map.get("a:b/c@2.0.0"), None);
        assert_eq!(map.get("a:b/d@0.2.0"), Some(&1));
        assert_eq!(map.get("a:b/d@0.2"), Some(&1));
        assert_eq!(map.get("a:b/d@0.3.0"), None);
        assert_eq!(map.get("a:b/e@0.0.3"), Some(&2));
        assert_eq!(map.get("a:b/e@0.0.4"), None);
    }

    #[test]
    fn exact_wins_then_the_newest() {
        let map = map(&["a:b/c@1.2.3", "a:b/c@1.10.0", "a:b/c@1.9.0"]);
        assert_eq!(map.get("a:b/c@1.2.3"), Some(&0));
        assert_eq!(map.get("a:b/c@1.2.4"), Some(&1));
    }

    #[test]
    fn a_name_is_chosen_as_linkers_do() {
        let known = ["a:b/c@1.2.3", "a:b/c@1.10.0", "d"];
        assert_eq!(compatible_name("a:b/c@1.0.0", known), Some("a:b/c@1.10.0"));
        assert_eq!(compatible_name("a:b/c@1.2.3", known), Some("a:b/c@1.2.3"));
        assert_eq!(compatible_name("d", known), Some("d"));
        assert_eq!(compatible_name("a:b/c@2.0.0", known), None);
    }

    #[test]
    fn prereleases_and_unversioned_names_match_exactly() {
        let map = map(&["a:b/c@1.0.0-rc.1", "a:b/d", "plain"]);
        assert_eq!(map.get("a:b/c@1.0.0-rc.1"), Some(&0));
        assert_eq!(map.get("a:b/c@1.0.0"), None);
        assert_eq!(map.get("a:b/d"), Some(&1));
        assert_eq!(map.get("a:b/d@1.0.0"), None);
        assert_eq!(map.get("plain"), Some(&2));
    }

    #[test]
    fn tracks_are_told() {
        assert_eq!(track("a:b/c@1.2.3").as_deref(), Some("1"));
        assert_eq!(track("a:b/c@0.2.3").as_deref(), Some("0.2"));
        assert_eq!(track("a:b/c@0.0.3").as_deref(), Some("0.0.3"));
        assert_eq!(track("a:b/c"), None);
        assert_eq!(compatible_versions("a:b/c@0.2.3"), "versions 0.2.x");
        assert_eq!(
            compatible_versions("a:b/c@1.0.0-rc.1"),
            "version 1.0.0-rc.1"
        );
    }

    #[test]
    fn typing_mistakes_are_found() {
        let names = ["run", "read", "write"];
        assert_eq!(closest("raed", names.into_iter()), Some("read"));
        assert_eq!(closest("completely", names.into_iter()), None);
        assert_eq!(closest("r", ["f"].into_iter()), None);
    }

    #[test]
    fn paths_print_names_in_quotes() {
        let path = ItemPath::root("a:b/c@1.0.0").child("f");
        assert_eq!(path.to_string(), "\"a:b/c@1.0.0\" → \"f\"");
    }
}
