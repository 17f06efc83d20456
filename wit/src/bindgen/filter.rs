//! Keys of options: which items of a world a key means, and what to say of one that means none.
//!
//! A key is never parsed. Each item knows the keys that mean it, most specific first
//! ([`Names`]), and an option is asked for them ([`Filter`]); what was never asked for fits nothing.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::suggest::{listed, nearest};

/// The keys that mean one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// From most to least specific.
    keys: Vec<String>,
    /// How the item is shown in lists.
    shown: String,
}

impl Names {
    /// An interface, as the world names it: `ns:pkg/iface@1.2.0`, or a plain name.
    pub(super) fn interface(interface: &str) -> Self {
        let mut names = Self {
            keys: Vec::new(),
            shown: split_version(interface).0.to_owned(),
        };
        names.add_interface(interface);
        names
    }

    /// An interface, not by its package.
    pub(super) fn exact_interface(interface: &str) -> Self {
        let (base, version) = split_version(interface);
        let mut keys = vec![base.to_owned()];
        if version.is_some() {
            keys.insert(0, interface.to_owned());
        }
        Self {
            keys,
            shown: split_version(interface).0.to_owned(),
        }
    }

    /// An item of an interface, or of the world itself if the interface has no name.
    pub(super) fn item(interface: &str, item: &str) -> Self {
        if interface.is_empty() {
            return Self {
                keys: vec![item.to_owned()],
                shown: item.to_owned(),
            };
        }
        let (base, version) = split_version(interface);
        let mut keys = Vec::new();
        if version.is_some() {
            keys.push(format!("{interface}.{item}"));
        }
        if let Some(version) = version {
            keys.push(format!("{base}.{item}@{version}"));
        }
        let shown = format!("{base}.{item}");
        keys.push(shown.clone());
        Self { keys, shown }
    }

    /// A function, also by all functions of its resource or interface.
    pub(super) fn function(interface: &str, function: &str) -> Self {
        let mut names = Self::item(interface, function);
        if let Some((resource, _)) = function.split_once('.') {
            names
                .keys
                .extend(Self::item(interface, &format!("{resource}.*")).keys);
        }
        if !interface.is_empty() {
            names.keys.extend(Self::item(interface, "*").keys);
        }
        names
    }

    /// Adds the interface, its package and its namespace.
    pub(super) fn or_interface(mut self, interface: &str) -> Self {
        self.add_interface(interface);
        self
    }

    /// Adds the key that means everything.
    pub(super) fn or_default(mut self) -> Self {
        self.keys.push(DEFAULT.to_owned());
        self
    }

    fn add_interface(&mut self, interface: &str) {
        if interface.is_empty() {
            return;
        }
        let (base, version) = split_version(interface);
        let mut add = |name: &str| {
            if let Some(version) = version {
                self.keys.push(format!("{name}@{version}"));
            }
            self.keys.push(name.to_owned());
        };
        add(base);
        if let Some((package, _)) = base.split_once('/') {
            add(package);
        }
        if let Some((namespace, _)) = base.split_once(':') {
            self.keys.push(namespace.to_owned());
        }
    }

    /// How the item is shown in lists.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

/// The key that means everything.
pub(super) const DEFAULT: &str = "default";

/// The name without its version, and the version.
pub(super) fn split_version(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((base, version)) => (base, Some(version)),
        None => (name, None),
    }
}

/// One option with keys, while it is looked up.
#[derive(Debug)]
pub(super) struct Filter<'o, V> {
    option: &'static str,
    /// What keys of it mean, for messages.
    what: &'static str,
    entries: Vec<Entry<'o, V>>,
    /// Every item that was asked for.
    known: BTreeSet<String>,
}

#[derive(Debug)]
struct Entry<'o, V> {
    /// As it was given.
    given: &'o str,
    /// As it is compared.
    key: String,
    value: &'o V,
    used: bool,
}

impl<'o, V> Filter<'o, V> {
    /// The entries of `option`, whose keys mean `what`.
    pub(super) fn new(
        option: &'static str,
        what: &'static str,
        entries: &'o [(String, V)],
    ) -> Self {
        let entry = |(given, value): &'o (String, V)| Entry {
            given: given.as_str(),
            // Messages and lists of items write `iface#f`.
            key: given.replace('#', "."),
            value,
            used: false,
        };
        Self {
            option,
            what,
            entries: entries.iter().map(entry).collect(),
            known: BTreeSet::new(),
        }
    }

    /// As [`Filter::new`], for an option in which each key stands once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Generate`] for a key that is given twice.
    pub(super) fn unique(
        option: &'static str,
        what: &'static str,
        entries: &'o [(String, V)],
    ) -> Result<Self> {
        let filter = Self::new(option, what, entries);
        let mut seen = BTreeSet::new();
        for entry in &filter.entries {
            if !seen.insert(entry.key.as_str()) {
                let message = format!("`{}` is given twice in the option `{option}`", entry.given);
                return Err(refused(option, entry.given, message));
            }
        }
        Ok(filter)
    }

    /// Says that `key` has a meaning even where no item has.
    pub(super) fn allow(&mut self, key: &str) {
        for entry in self.entries.iter_mut().filter(|entry| entry.key == key) {
            entry.used = true;
        }
    }

    /// The most specific entry that means the item: its key as it was given, and its value.
    pub(super) fn best(&mut self, names: &Names) -> Option<(&'o str, &'o V)> {
        self.all(names).into_iter().next()
    }

    /// All entries that mean the item, the most specific first.
    pub(super) fn all(&mut self, names: &Names) -> Vec<(&'o str, &'o V)> {
        self.known.insert(names.shown.clone());
        let mut found = Vec::new();
        for name in &names.keys {
            for entry in self.entries.iter_mut().filter(|entry| entry.key == *name) {
                entry.used = true;
                found.push((entry.given, entry.value));
            }
        }
        found
    }

    /// The first key that means the item and nothing that was asked for before.
    pub(super) fn unused(&self, names: &Names) -> Option<&'o str> {
        let mut unused = self.entries.iter().filter(|entry| !entry.used);
        let found = unused.find(|entry| names.keys.contains(&entry.key));
        found.map(|entry| entry.given)
    }

    /// Ends the look-up.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Generate`] for the first key that means nothing, with the nearest name and the
    /// names there are; [`Error::option`] tells the key.
    pub(super) fn finish(self, world: &str) -> Result<()> {
        let mut unused = self.entries.iter().filter(|entry| !entry.used);
        let Some(first) = unused.next() else {
            return Ok(());
        };
        let what = self.what;
        let message = format!("no {what} `{}` in the world `{world}`", first.given);
        let mut error = refused(self.option, first.given, message);
        let near = nearest(&first.key, self.known.iter().map(String::as_str));
        if let Some(near) = near {
            error = error.with_help(format!("did you mean `{near}`?"));
        }
        // Names beside the one that was meant help more than all names.
        let scope = |name: &str| name.rsplit_once('.').map(|(scope, _)| scope.to_owned());
        let near_scope = scope(&first.key);
        let mut names: Vec<String> = self.known.iter().cloned().collect();
        if near_scope.is_some() && names.iter().any(|name| scope(name) == near_scope) {
            names.retain(|name| scope(name) == near_scope);
        }
        error = match names.is_empty() {
            true => error.with_note(format!("there is no {what} in this world")),
            false => error.with_note(listed("there are", &names)),
        };
        for other in unused {
            error = error.with_note(format!("`{}` means nothing either", other.given));
        }
        Err(error)
    }
}

/// An error about `key` of `option`.
#[cold]
pub(super) fn refused(option: &'static str, key: &str, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Generate, message).with_option(option, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(keys: &[&str]) -> Vec<(String, usize)> {
        let numbered = keys.iter().enumerate();
        numbered.map(|(i, key)| ((*key).to_owned(), i)).collect()
    }

    /// The number of the key that counts for `conn.send` of `acme:app/net@1.2.0`.
    fn winner(keys: &[&str]) -> Option<usize> {
        let entries = entries(keys);
        let mut filter = Filter::new("imports", "function", &entries);
        let interface = "acme:app/net@1.2.0";
        let names = Names::function(interface, "conn.send");
        let names = names.or_interface(interface).or_default();
        filter.best(&names).map(|(_, value)| *value)
    }

    #[test]
    fn the_most_specific_key_counts() {
        let by_rank = [
            "acme:app/net@1.2.0.conn.send",
            "acme:app/net.conn.send@1.2.0",
            "acme:app/net.conn.send",
            "acme:app/net@1.2.0.conn.*",
            "acme:app/net.conn.*",
            "acme:app/net@1.2.0.*",
            "acme:app/net.*",
            "acme:app/net@1.2.0",
            "acme:app/net",
            "acme:app@1.2.0",
            "acme:app",
            "acme",
            "default",
        ];
        for (i, key) in by_rank.iter().enumerate() {
            assert_eq!(winner(&[key]), Some(0), "{key}");
            let mut from_least: Vec<&str> = by_rank[i..].to_vec();
            from_least.reverse();
            assert_eq!(winner(&from_least), Some(from_least.len() - 1), "{key}");
        }
        assert_eq!(winner(&["acme:app/net#conn.send"]), Some(0));
        for stranger in [
            "acme:app/net@1.2.1",
            "acme:app/nets",
            "app",
            "acme:app/net.conn",
            "",
        ] {
            assert_eq!(winner(&[stranger]), None, "{stranger}");
        }
    }

    #[test]
    fn a_key_that_means_nothing_is_an_error() {
        let entries = entries(&["acme:app/net.fetc", "x"]);
        let mut filter = Filter::new("imports", "imported function", &entries);
        for (interface, function) in [
            ("acme:app/net", "fetch"),
            ("acme:app/net", "now"),
            ("", "f"),
        ] {
            filter.best(&Names::function(interface, function));
        }
        let error = filter.finish("acme:app/plugin").unwrap_err();
        assert_eq!(error.option(), Some(("imports", "acme:app/net.fetc")));
        assert_eq!(error.kind(), ErrorKind::Generate);
        assert_eq!(
            format!("{error:#}"),
            "error: no imported function `acme:app/net.fetc` in the world `acme:app/plugin`\n \
             = note: there are: acme:app/net.fetch, acme:app/net.now\n \
             = note: `x` means nothing either\n \
             = help: did you mean `acme:app/net.fetch`?"
        );
    }

    #[test]
    fn a_key_stands_once() {
        let entries = entries(&["a:b/c.f", "a:b/c#f"]);
        let error = Filter::unique("with", "type", &entries).unwrap_err();
        assert_eq!(error.option(), Some(("with", "a:b/c#f")));
    }
}
