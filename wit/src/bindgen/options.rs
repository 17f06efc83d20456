//! What can be chosen about the generated text.
//!
//! Options are data: nothing here reads WIT. A key names an item as WIT does (`ns:pkg/iface.item`),
//! so that options outlive the names that Rust gives it.

use super::filter::refused;
use super::with::is_path;
use super::writer::CrateName;
use crate::error::{Error, ErrorKind, Result};
use crate::suggest::nearest;

/// What can be chosen about the generated text; the default is right for most hosts.
///
/// Keys are paths of WIT: a namespace `acme`, a package `acme:app`, an interface `acme:app/net`, or
/// an item of one, `acme:app/net.conn`; what stands in the world itself is `conn`. A version may
/// follow the package's items (`acme:app/net@1.2.0.conn`), and without one a key speaks of all
/// versions. Of several keys that fit, the most specific one counts. A key that fits nothing is an
/// error, never ignored.
///
/// ```
/// use linkspan_wit::bindgen::{Generator, ImportFlags, Options, Source};
///
/// let mut options = Options::default();
/// options.header = Some("Generated: do not edit.".into());
/// options.imports.push(("log".into(), ImportFlags::default().trap(true)));
/// # let wit = "package acme:app; world hello { import log: func(); }";
/// # let _ = Generator::new(Source::text("hello.wit", wit)).options(options);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Text that stands before everything else, such as a licence; lines become comments.
    pub header: Option<String>,
    /// The path of the crate `linkspan` in the generated text; `::linkspan` if there is none.
    pub crate_path: Option<String>,
    /// What is not generated because it exists: WIT path and Rust path.
    ///
    /// A namespace, package or interface is a module that is laid out as a generated one would be;
    /// a type is a Rust type with the runtime's traits; a resource that the host defines is the
    /// Rust type of the host's values. A module that was generated with a type for a resource needs
    /// the same entry where it stands for an interface.
    pub with: Vec<(String, String)>,
    /// The module that holds bindings of WASI 0.2, such as `::linkspan_wasi::p2::bindings::wasi`:
    /// imported interfaces that the crate `linkspan-wasi` implements are taken from it, unless
    /// [`with`](Self::with) has another place for them. None is taken without it.
    pub wasi: Option<String>,
    /// How imported functions are called.
    ///
    /// A key is a function of the world `f`, a function `ns:pkg/iface.f`, a method
    /// `ns:pkg/iface.res.method`, all of an interface `ns:pkg/iface` or `ns:pkg/iface.*`, or
    /// `default`.
    pub imports: Vec<(String, ImportFlags)>,
    /// How exports are reached; keys are those of `imports`.
    pub exports: Vec<(String, ExportFlags)>,
    /// Traits that every type derives as well, such as `serde::Serialize`.
    ///
    /// A type with a handle in it, which cannot be copied or compared, is left out with a note.
    pub derives: Vec<String>,
    /// Traits that the types of an interface, or one type, derive as well.
    pub derives_for: Vec<(String, Vec<String>)>,
    /// Attributes of a type (`ns:pkg/iface.type`), or of a field or case of one
    /// (`ns:pkg/iface.type.member`), such as `#[serde(rename = "X")]`.
    pub attributes: Vec<(String, String)>,
    /// What parameters borrow.
    pub borrow: Borrow,
}

/// What parameters borrow, of host functions and of guests' functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Borrow {
    /// Strings and lists are slices, a guest's parameters references.
    #[default]
    Params,
    /// Everything is owned; only handles that WIT borrows stay borrows.
    None,
}

/// How an imported function is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportFlags {
    /// It may trap: it answers a `Result` whose error is a `HostError`.
    pub trap: bool,
    /// It gets the store, not only the host; what it takes is owned.
    pub store: bool,
}

impl ImportFlags {
    /// Sets whether the function may trap.
    #[must_use]
    pub const fn trap(mut self, trap: bool) -> Self {
        self.trap = trap;
        self
    }

    /// Sets whether the function gets the store.
    #[must_use]
    pub const fn store(mut self, store: bool) -> Self {
        self.store = store;
        self
    }
}

/// How an export is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportFlags {
    /// A component may lack it: it is reached through an `Option`.
    pub optional: bool,
}

impl ExportFlags {
    /// Sets whether a component may lack the export.
    #[must_use]
    pub const fn optional(mut self, optional: bool) -> Self {
        self.optional = optional;
        self
    }
}

/// The options, by the names that [`Options::set`] takes.
const NAMES: [&str; 10] = [
    "header",
    "crate_path",
    "with",
    "wasi",
    "imports",
    "exports",
    "derives",
    "derives_for",
    "attributes",
    "borrow",
];

impl Options {
    /// Sets an option from text, for tools whose options come from a command line or a file.
    ///
    /// `option` is the name of a field. Options with keys take `key = value`, one key a call; flags
    /// and derives are lists with commas.
    ///
    /// ```
    /// use linkspan_wit::bindgen::Options;
    ///
    /// let mut options = Options::default();
    /// options.set("imports", "acme:app/net.fetch = trap, store")?;
    /// options.set("with", "acme:app/log = crate::log")?;
    /// options.set("derives", "Hash, serde::Serialize")?;
    /// options.set("borrow", "none")?;
    /// assert!(options.imports[0].1.trap && options.imports[0].1.store);
    /// assert_eq!(options.with[0].1, "crate::log");
    ///
    /// let error = options.set("import", "f = trap").unwrap_err();
    /// assert!(format!("{error:#}").contains("did you mean `imports`?"));
    /// # Ok::<(), linkspan_wit::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Generate`](crate::ErrorKind::Generate) for an unknown option or flag, and for a
    /// value without its key.
    pub fn set(&mut self, option: &str, value: &str) -> Result<()> {
        let value = value.trim();
        match option {
            "header" => self.header = Some(value.to_owned()),
            "crate_path" => self.crate_path = Some(value.to_owned()),
            "with" => self.with.push(pair("with", value)?),
            "wasi" => self.wasi = (value != "none").then(|| value.to_owned()),
            "imports" => {
                let (key, flags) = pair("imports", value)?;
                let flags = import_flags(&key, &flags)?;
                self.imports.push((key, flags));
            }
            "exports" => {
                let (key, flags) = pair("exports", value)?;
                let flags = export_flags(&key, &flags)?;
                self.exports.push((key, flags));
            }
            "derives" => self.derives.extend(list(value).map(str::to_owned)),
            "derives_for" => {
                let (key, derives) = pair("derives_for", value)?;
                let derives = list(&derives).map(str::to_owned).collect();
                self.derives_for.push((key, derives));
            }
            "attributes" => self.attributes.push(pair("attributes", value)?),
            "borrow" => {
                self.borrow = match value {
                    "params" => Borrow::Params,
                    "none" => Borrow::None,
                    other => return Err(unknown("borrow", other, other, &["params", "none"])),
                }
            }
            other => {
                let message = format!("there is no option `{other}`");
                return Err(suggest(
                    Error::new(ErrorKind::Generate, message),
                    other,
                    &NAMES,
                ));
            }
        }
        Ok(())
    }
}

impl Options {
    /// How the crate is called in the text.
    pub(super) fn crate_name(&self) -> Result<CrateName> {
        let path = self.crate_path.as_deref().map(str::trim);
        if let Some(path) = path {
            let first = path.split("::").next().unwrap_or_default();
            if !is_path(path) || matches!(first, "self" | "super" | "Self") {
                let message = format!(
                    "expected the path of the crate from everywhere, such as `::linkspan`, found \
                     `{path}`"
                );
                return Err(refused("crate_path", path, message));
            }
        }
        let other = path.filter(|path| *path != "::linkspan");
        Ok(CrateName(other.map(str::to_owned)))
    }
}

/// The key and what is said of it.
fn pair(option: &'static str, text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => {
            let message =
                format!("expected `key = value` for the option `{option}`, found `{text}`");
            Err(refused(option, text, message))
        }
    }
}

/// The parts of a list with commas.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn import_flags(key: &str, text: &str) -> Result<ImportFlags> {
    let mut flags = ImportFlags::default();
    for flag in list(text) {
        flags = match flag {
            "trap" => flags.trap(true),
            "store" => flags.store(true),
            "async" => return Err(asynchronous("imports", key)),
            other => return Err(unknown("imports", key, other, &["trap", "store"])),
        };
    }
    Ok(flags)
}

fn export_flags(key: &str, text: &str) -> Result<ExportFlags> {
    let mut flags = ExportFlags::default();
    for flag in list(text) {
        flags = match flag {
            "optional" => flags.optional(true),
            "async" => return Err(asynchronous("exports", key)),
            other => return Err(unknown("exports", key, other, &["optional"])),
        };
    }
    Ok(flags)
}

fn asynchronous(option: &'static str, key: &str) -> Error {
    refused(option, key, "asynchronous functions are not supported yet")
}

fn unknown(option: &'static str, key: &str, found: &str, known: &[&str]) -> Error {
    let error = refused(
        option,
        key,
        format!("the option `{option}` knows no `{found}`"),
    );
    suggest(error, found, known)
}

fn suggest(mut error: Error, found: &str, known: &[&str]) -> Error {
    if let Some(near) = nearest(found, known.iter().copied()) {
        error = error.with_help(format!("did you mean `{near}`?"));
    }
    error.with_note(format!("it is one of: {}", known.join(", ")))
}
