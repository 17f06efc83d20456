//! What can be chosen about the generated text.
//!
//! Options are data: nothing here reads WIT. A key names an item as WIT does (`ns:pkg/iface.item`),
//! so that options outlive the names that Rust gives it.

use crate::error::{Error, ErrorKind, Result};

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
    /// Rust type of the host's values.
    pub with: Vec<(String, String)>,
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

impl Options {
    /// Checks that nothing is asked for that the generator cannot do.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Generate`] for such an option.
    pub(super) fn supported(&self) -> Result<()> {
        let first =
            |option: &'static str, key: Option<&str>| key.map(|key| (option, key.to_owned()));
        let unsupported = first("crate_path", self.crate_path.as_deref())
            .or_else(|| first("with", self.with.first().map(|(key, _)| key.as_str())))
            .or_else(|| first("imports", self.imports.first().map(|(key, _)| key.as_str())))
            .or_else(|| first("exports", self.exports.first().map(|(key, _)| key.as_str())))
            .or_else(|| first("derives", self.derives.first().map(String::as_str)))
            .or_else(|| {
                first(
                    "derives_for",
                    self.derives_for.first().map(|(k, _)| k.as_str()),
                )
            })
            .or_else(|| {
                first(
                    "attributes",
                    self.attributes.first().map(|(k, _)| k.as_str()),
                )
            })
            .or_else(|| first("borrow", (self.borrow == Borrow::None).then_some("")));
        let Some((option, key)) = unsupported else {
            return Ok(());
        };
        let message = format!("the option `{option}` is not supported yet");
        Err(Error::new(ErrorKind::Generate, message).with_option(option, key))
    }
}
