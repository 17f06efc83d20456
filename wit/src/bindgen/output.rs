//! The result of generating: text, what it was made of, and a map between the two.
//!
//! Nothing here knows how the text is written. Files are touched only by [`Output::write_if_changed`]
//! and read only by [`Output::check`].

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use wit_parser::{AccessorKind, TypeId};

use super::diff;
use super::exports;
use super::imports;
use super::plan::{Func, Module, Plan, ROOT, Side};
use super::refs::Refs;
use super::summary;
use super::writer::{self, Mark, Marks};
use crate::error::{Diagnostic, Error, ErrorKind, Location, Result, Severity};

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
#[non_exhaustive]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its name in WIT, such as `acme:app/net@1.2.0#conn.send`; the functions of a property begin
    /// with `[get]` and `[set]`: `acme:app/net#[get]conn.name`.
    pub wit_path: String,
    /// Its path in the generated text, such as `acme::app::net::HostConn::send`.
    pub rust_path: String,
    /// The Rust signature of a function, what a type is made of; empty for resources.
    pub signature: String,
    /// Where WIT names it; `None` for what came in binary form.
    pub wit_span: Option<Location>,
    /// The lines of [`Output::code`] that define it, documentation included: counted from 1, the
    /// end not included. `None` if nothing is written for it.
    pub code_range: Option<Range<usize>>,
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
            wit_span: _,
            code_range: _,
        } = self;
        write!(f, "{kind} {wit_path} -> {rust_path}{signature}")
    }
}

impl Output {
    /// One line for each item: what it is, its WIT name, its Rust name and signature, or what a
    /// type is made of.
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
        replace(path, &self.code)
            .map_err(|e| Error::io(format!("cannot write bindings to `{}`", path.display()), e))?;
        Ok(true)
    }

    /// Checks that the file at `path` holds this text; the ends of its lines may be those of
    /// another system.
    ///
    /// # Errors
    ///
    /// As [`Output::into_result`]; [`ErrorKind::Io`] if the file cannot be read;
    /// [`ErrorKind::Generate`] with the first lines that differ.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.clone().into_result()?;
        let old = std::fs::read(path)
            .map_err(|e| Error::io(format!("cannot read bindings in `{}`", path.display()), e))?;
        let old = String::from_utf8_lossy(&old).replace("\r\n", "\n");
        if old == self.code {
            return Ok(());
        }
        let difference = match diff::unified(&old, &self.code) {
            // Lines do not know how the last one ends.
            same if same.is_empty() => "the end of the last line".to_owned(),
            hunks => format!("from the file to what it should hold\n{hunks}"),
        };
        let path = path.display();
        Err(Error::new(
            ErrorKind::Generate,
            format!("the bindings in `{path}` are out of date"),
        )
        .with_note(format!("the difference: {difference}"))
        .with_help(format!(
            "write them again: `linkspan bindgen … -o {path}`, or whatever wrote this file"
        )))
    }
}

/// Writes a file at once: a compiler that reads it meanwhile sees all of the old text or of the new.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // Who made the path a link wants the file behind it to change.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut beside = path.clone().into_os_string();
    beside.push(format!(".{}", std::process::id()));
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
    if written.is_err() {
        // Best effort: the error that is answered says more than another one would.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// The items of a plan, and where they stand.
pub(super) fn items(plan: &Plan<'_>, marks: &Marks) -> Vec<Item> {
    let mut items = Vec::new();
    for (index, module) in plan.modules.iter().enumerate() {
        // Nothing is generated for what the user has.
        if plan.external.replaces(module) {
            continue;
        }
        let refs = Refs::new(plan, index);
        let named = |kind, id: TypeId, name: &str, signature: String| Item {
            kind,
            wit_path: wit_path(module, plan.label(id)),
            rust_path: plan.path(ROOT, index, name),
            signature,
            wit_span: plan.set.location(plan.resolve.types[id].span),
            code_range: marks.get(&Mark::Type(index, id)).cloned(),
        };
        let types = module.types.iter();
        items.extend(types.map(|ty| {
            let signature = summary::of_type(&refs, ty);
            named(ItemKind::Type, ty.id, &ty.name, signature)
        }));
        let resources = module.resources.iter();
        items.extend(resources.map(|r| named(ItemKind::Resource, r.id, &r.name, String::new())));
        let funcs = module.funcs.iter();
        items.extend(funcs.map(|func| function(plan, index, func, marks)));
    }
    for func in &plan.root_exports {
        items.push(Item {
            kind: ItemKind::Function,
            wit_path: accessor(func) + func.wit.item_name(),
            rust_path: format!("{}::{}", plan.name, func.name),
            signature: exports::summary(plan, ROOT, func, exports::Reach::Own),
            wit_span: plan.set.location(func.wit.span),
            code_range: exported(marks, ROOT, func),
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

/// What tells the two functions of a property apart.
fn accessor(func: &Func<'_>) -> String {
    match func.wit.kind.accessor() {
        Some(AccessorKind::Getter) => "[get]".to_owned(),
        Some(AccessorKind::Setter) => "[set]".to_owned(),
        None => String::new(),
    }
}

/// The lines of an exported function.
fn exported(marks: &Marks, module: usize, func: &Func<'_>) -> Option<Range<usize>> {
    let mark = Mark::Export(module, func.wit.name.clone());
    marks.get(&mark).cloned()
}

fn function(plan: &Plan<'_>, index: usize, func: &Func<'_>, marks: &Marks) -> Item {
    let module = &plan.modules[index];
    let resource = func.resource.and_then(|id| plan.resource(index, id));
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
        wit_path: wit_path(module, &(accessor(func) + &plan.func_label(func))),
        rust_path: plan.path(ROOT, index, &format!("{owner}::{}", func.name)),
        signature,
        wit_span: plan.set.location(func.wit.span),
        code_range: match module.side {
            Side::Import => {
                let mark = Mark::Import(index, func.wit.name.clone());
                marks.get(&mark).cloned()
            }
            Side::Export => exported(marks, index, func),
        },
    }
}
