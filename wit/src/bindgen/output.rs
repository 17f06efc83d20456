//! The result of generating: text, what it was made of, and a map between the two.
//!
//! Nothing here knows how the text is written. Files are touched only by [`Output::write_if_changed`]
//! and read only by [`Output::check`].

use std::fmt;
use std::path::{Path, PathBuf};

use super::exports;
use super::imports;
use super::plan::{Func, Module, Plan, ROOT, Side};
use super::writer;
use crate::error::{Diagnostic, Error, ErrorKind, Result, Severity};

/// Generated bindings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Output {
    /// The Rust text; empty if a diagnostic is an error.
    pub code: String,
    /// The files that were read, for build scripts and macros to watch.
    pub files: Vec<PathBuf>,
    /// What could not be generated (errors), or not under its usual name (notes).
    pub diagnostics: Vec<Diagnostic>,
    /// Every type, resource and function, in the order of the text's parts.
    pub items: Vec<Item>,
}

/// One WIT item and what stands for it in Rust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its name in WIT, such as `acme:app/net@1.2.0#conn.send`.
    pub wit_path: String,
    /// Its path in the generated text, such as `acme::app::net::HostConn::send`.
    pub rust_path: String,
    /// The Rust signature of a function, empty for types.
    pub signature: String,
}

/// What an [`Item`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// A record, variant, enum, flags or alias.
    Type,
    /// A resource.
    Resource,
    /// A function, method, static function or constructor.
    Function,
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "type",
            Self::Resource => "resource",
            Self::Function => "fn",
        })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            wit_path,
            rust_path,
            signature,
        } = self;
        write!(f, "{kind} {wit_path} -> {rust_path}{signature}")
    }
}

impl Output {
    /// One line for each item: what it is, its WIT name, its Rust name and signature.
    #[must_use]
    pub fn summary(&self) -> String {
        self.items.iter().map(|item| format!("{item}\n")).collect()
    }

    /// Lines of code, without blank lines and documentation.
    #[must_use]
    pub fn code_lines(&self) -> usize {
        writer::code_lines(&self.code)
    }

    /// The output, or an error with everything that could not be generated.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Generate`] if a diagnostic is an error: the first one, with the others as
    /// notes.
    pub fn into_result(self) -> Result<Self> {
        let errors = self.diagnostics.iter();
        let mut errors = errors.filter(|d| d.severity == Severity::Error);
        let Some(first) = errors.next() else {
            return Ok(self);
        };
        let mut error = Error::from_diagnostic(ErrorKind::Generate, first.clone());
        for other in errors {
            error = error.with_note(other.to_string());
        }
        Err(error)
    }

    /// Writes the text to `path` unless the file holds it already; answers whether it wrote.
    ///
    /// An unchanged file keeps its time, so that nothing is built again.
    ///
    /// # Errors
    ///
    /// As [`Output::into_result`], and [`ErrorKind::Io`] if the file cannot be written.
    pub fn write_if_changed(&self, path: impl AsRef<Path>) -> Result<bool> {
        let path = path.as_ref();
        self.clone().into_result()?;
        if std::fs::read(path).is_ok_and(|old| old == self.code.as_bytes()) {
            return Ok(false);
        }
        std::fs::write(path, &self.code)
            .map_err(|e| Error::io(format!("cannot write bindings to `{}`", path.display()), e))?;
        Ok(true)
    }

    /// Checks that the file at `path` holds this text.
    ///
    /// # Errors
    ///
    /// As [`Output::into_result`]; [`ErrorKind::Io`] if the file cannot be read;
    /// [`ErrorKind::Generate`] with the first line that differs.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.clone().into_result()?;
        let old = std::fs::read_to_string(path)
            .map_err(|e| Error::io(format!("cannot read bindings in `{}`", path.display()), e))?;
        if old == self.code {
            return Ok(());
        }
        let (mut line, mut found, mut expected) = (0, old.lines(), self.code.lines());
        loop {
            line += 1;
            let (found, expected) = (found.next(), expected.next());
            if found == expected && found.is_some() {
                continue;
            }
            let show = |text: Option<&str>| text.unwrap_or("the end of the file").to_owned();
            return Err(Error::new(
                ErrorKind::Generate,
                format!("the bindings in `{}` are out of date", path.display()),
            )
            .with_note(format!("line {line} holds: {}", show(found)))
            .with_note(format!("it should hold: {}", show(expected)))
            .with_help("generate them again"));
        }
    }
}

/// The items of a plan.
pub(super) fn items(plan: &Plan<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for (index, module) in plan.modules.iter().enumerate() {
        // Nothing is generated for what the user has.
        if plan.external.replaces(module) {
            continue;
        }
        let path = |name: &str| plan.path(ROOT, index, name);
        for ty in &module.types {
            let label = plan.resolve.types[ty.id].name.as_deref().unwrap_or("");
            items.push(Item {
                kind: ItemKind::Type,
                wit_path: wit_path(module, label),
                rust_path: path(&ty.name),
                signature: String::new(),
            });
        }
        for resource in &module.resources {
            items.push(Item {
                kind: ItemKind::Resource,
                wit_path: wit_path(module, &resource.label),
                rust_path: path(&resource.name),
                signature: String::new(),
            });
        }
        for func in &module.funcs {
            items.push(function(plan, index, func));
        }
    }
    for func in &plan.root_exports {
        items.push(Item {
            kind: ItemKind::Function,
            wit_path: func.wit.name.clone(),
            rust_path: format!("{}::{}", plan.name, func.name),
            signature: exports::summary(plan, ROOT, func, exports::Reach::Own),
        });
    }
    items
}

fn wit_path(module: &Module<'_>, label: &str) -> String {
    if module.wit_name.is_empty() {
        label.to_owned()
    } else {
        format!("{}#{label}", module.wit_name)
    }
}

fn function(plan: &Plan<'_>, index: usize, func: &Func<'_>) -> Item {
    let module = &plan.modules[index];
    let resource = func.resource.and_then(|id| plan.resource(index, id));
    let label = match resource {
        Some(resource) => format!("{}.{}", resource.label, func.wit.item_name()),
        None => func.wit.item_name().to_owned(),
    };
    let (owner, signature) = match (module.side, resource) {
        (Side::Import, None) => (plan.host_trait(index), imports::summary(plan, index, func)),
        (Side::Import, Some(r)) => (r.host_trait.clone(), imports::summary(plan, index, func)),
        (Side::Export, None) => (
            "Guest".to_owned(),
            exports::summary(plan, index, func, exports::Reach::Own),
        ),
        (Side::Export, Some(r)) => (
            r.name.clone(),
            exports::summary(plan, index, func, exports::reach(func)),
        ),
    };
    Item {
        kind: ItemKind::Function,
        wit_path: wit_path(module, &label),
        rust_path: plan.path(ROOT, index, &format!("{owner}::{}", func.name)),
        signature,
    }
}
