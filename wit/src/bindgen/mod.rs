//! Rust bindings for a world: the library behind `bindgen!`, `linkspan bindgen`, build scripts
//! and snapshots.
//!
//! [`Generator`] takes WIT and answers an [`Output`]: Rust text that a host compiles against the
//! crate `linkspan`, and what is worth knowing about it. It writes no file unless asked, and
//! compiles nothing.
//!
//! The text depends on nothing but the WIT and the options; it is documented from the WIT, formatted
//! as rustfmt would, free of `unsafe`, and names only public items of `linkspan`.
//!
//! - `options`: what can be chosen; `filter`: keys as items; `choose`, `with`: choices given to a plan
//! - `plan`: modules and names, decided once
//! - `refs`: a WIT type as a Rust type, by where it stands
//! - `types`, `imports`, `exports`, `world`: the parts of the text
//! - `writer`, `layout`: lines; `refuse`: what cannot be generated
//! - `output`: the result; `summary`: a type in one of its lines; `diff`: how a file differs from it; `build_script`: for Cargo

mod build_script;
mod choose;
mod diff;
mod exports;
mod filter;
mod imports;
mod layout;
mod options;
mod output;
mod plan;
mod refs;
mod refuse;
mod summary;
#[cfg(test)]
mod tests;
mod types;
mod with;
mod world;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;

use wit_parser::Span;

pub use self::build_script::build;
pub use self::options::{Borrow, ExportFlags, ImportFlags, Options};
pub use self::output::{Item, ItemKind, Output};
use self::plan::{Plan, ROOT};
use self::writer::{Marks, Writer};
use crate::error::{Diagnostic, Error, ErrorKind, Label, Result, Severity};
use crate::load::Loader;
use crate::set::PackageSet;
use crate::source;

/// Stands on every item at the root: a host need not use all that its guest offers.
const ALLOW: &str = "#[allow(dead_code, missing_docs, unreachable_pub, clippy::all)]";

/// Where the WIT comes from.
#[derive(Clone, Debug)]
pub struct Source(Origin);

#[derive(Clone, Debug)]
enum Origin {
    Loader(Loader),
    Set(Box<PackageSet>),
}

impl Source {
    /// A `.wit` file, a folder of them with its `deps`, or a component.
    #[must_use]
    pub fn path(path: impl AsRef<Path>) -> Self {
        Loader::new().path(path).into()
    }

    /// WIT text; `name` stands for it in messages.
    #[must_use]
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Loader::new().text(name, text).into()
    }

    /// The bytes of a component; `name` stands for it in messages.
    #[must_use]
    pub fn component(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Loader::new().bytes(name, bytes).into()
    }
}

impl From<Loader> for Source {
    fn from(loader: Loader) -> Self {
        Self(Origin::Loader(loader))
    }
}

impl From<PackageSet> for Source {
    fn from(set: PackageSet) -> Self {
        Self(Origin::Set(Box::new(set)))
    }
}

/// Generates bindings for one world.
///
/// ```
/// use linkspan_wit::bindgen::{Generator, Source};
///
/// let wit = "package acme:app; world hello { export greet: func(who: string) -> string; }";
/// let output = Generator::new(Source::text("hello.wit", wit)).generate()?;
/// assert!(output.code.contains("pub fn greet(&mut self, who: &str) -> ::linkspan::Result<String>"));
/// assert_eq!(
///     output.summary().lines().last(),
///     Some("fn greet -> Hello::greet(&mut self, &str) -> ::linkspan::Result<String>"),
/// );
/// # Ok::<(), linkspan_wit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    source: Source,
    world: Option<String>,
    options: Options,
}

impl Generator {
    /// A generator for the only world of `source`, with default options.
    #[must_use]
    pub fn new(source: impl Into<Source>) -> Self {
        Self {
            source: source.into(),
            world: None,
            options: Options::default(),
        }
    }

    /// Chooses the world: `world`, `ns:pkg/world` or `ns:pkg/world@1.2.0`.
    #[must_use]
    pub fn world(mut self, world: impl Into<String>) -> Self {
        self.world = Some(world.into());
        self
    }

    /// Replaces the options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Loads the WIT and writes the bindings.
    ///
    /// A world with items for which no bindings can be written (streams, futures, asynchronous
    /// functions and the like) answers an [`Output`] without code and with one diagnostic of
    /// severity [`Error`](Severity::Error) for each of them; [`Output::into_result`] makes an
    /// error of it.
    ///
    /// # Errors
    ///
    /// Those of [`Loader::load`] and [`PackageSet::world`]; [`ErrorKind::Generate`] for an option
    /// that fits nothing in the world, which [`Error::option`] names.
    pub fn generate(self) -> Result<Output> {
        let set = match self.source.0 {
            Origin::Loader(loader) => loader.load()?,
            Origin::Set(set) => *set,
        };
        let id = set.world(self.world.as_deref())?.id();
        let resolve = set.resolve();
        let found = resolve.worlds.iter().find(|(_, world)| {
            let package = world.package;
            package.is_some_and(|package| resolve.id_of_name(package, &world.name) == id)
        });
        let Some((world, _)) = found else {
            return Err(Error::new(
                ErrorKind::Select,
                format!("world `{id}` belongs to no package"),
            ));
        };
        let files = set.files().to_vec();
        let refused = refuse::unsupported(&set, world);
        if !refused.is_empty() {
            return Ok(Output {
                code: String::new(),
                files,
                diagnostics: refused,
                items: Vec::new(),
            });
        }
        let plan = Plan::new(&set, world, &self.options)?;
        let mut diagnostics = plan.notes.clone();
        for renamed in plan.renamed() {
            diagnostics.push(Diagnostic::new(Severity::Note, renamed.to_string()));
        }
        let (code, marks) = code(&plan, &self.options);
        let mut items = output::items(&plan, &marks);
        for item in &mut items {
            item.signature = plan.names.spell(&item.signature).into_owned();
        }
        Ok(Output {
            code,
            files,
            diagnostics,
            items,
        })
    }
}

/// The whole text, and where each item stands in it.
fn code(plan: &Plan<'_>, options: &Options) -> (String, Marks) {
    let mut w = Writer::new(plan.names.clone());
    if let Some(header) = &options.header {
        for line in header.lines() {
            w.line(&format!("// {line}"));
        }
        w.gap();
    }
    plan.external.emit(&mut w);
    types::emit(&mut w, plan, ROOT, Some(ALLOW));
    imports::emit(&mut w, plan, ROOT);
    world::emit(&mut w, plan);
    modules(&mut w, plan);
    w.finish()
}

/// The modules below the root, as a tree.
#[derive(Default)]
struct Tree {
    module: Option<usize>,
    children: BTreeMap<String, Tree>,
}

fn modules(w: &mut Writer, plan: &Plan<'_>) {
    let mut tree = Tree::default();
    for (index, module) in plan.modules.iter().enumerate().skip(1) {
        if plan.external.replaces(module) {
            continue;
        }
        let mut node = &mut tree;
        for segment in &module.path {
            node = node.children.entry(segment.clone()).or_default();
        }
        node.module = Some(index);
    }
    emit_tree(w, plan, &tree, 0);
}

/// Writes a module and those below it; the depth is that of a package's name, at most four.
fn emit_tree(w: &mut Writer, plan: &Plan<'_>, tree: &Tree, depth: usize) {
    if let Some(module) = tree.module {
        emit_module(w, plan, module);
    }
    for (name, child) in &tree.children {
        w.gap();
        if let Some(module) = child.module {
            plan.module_docs(w, &plan.modules[module]);
        }
        if depth == 0 {
            w.line(ALLOW);
        }
        if is_empty(plan, child) {
            w.line(&format!("pub mod {name} {{}}"));
            continue;
        }
        w.open(&format!("pub mod {name} {{"));
        emit_tree(w, plan, child, depth + 1);
        w.close("}");
    }
}

/// Whether nothing stands in a module.
fn is_empty(plan: &Plan<'_>, tree: &Tree) -> bool {
    let bare = |module: &plan::Module<'_>| {
        module.types.is_empty() && module.resources.is_empty() && module.funcs.is_empty()
    };
    tree.children.is_empty() && tree.module.is_none_or(|index| bare(&plan.modules[index]))
}

fn emit_module(w: &mut Writer, plan: &Plan<'_>, module: usize) {
    types::emit(w, plan, module, None);
    match plan.modules[module].side {
        plan::Side::Import => imports::emit(w, plan, module),
        plan::Side::Export => exports::emit(w, plan, module),
    }
}

/// A label on `span`, if its source is known.
fn label(set: &PackageSet, span: Span, message: &str) -> Option<Label> {
    let place = set.resolve().source_map.resolve_span(span)?;
    let text = set.source_text(place.path)?;
    Some(source::label(place.path, text, &place.range, message))
}
