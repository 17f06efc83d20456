//! The canonical text of WIT: packages, interfaces and worlds from the model, nothing guessed.
//!
//! The law of this module: what is printed loads to the same model, and printing that changes
//! nothing. Comments that are not documentation, `include` and file boundaries are not in the
//! model, so they are not in the text either: worlds are written out.
//!
//! Order: within an interface `use`, then types and functions, types as early as the order of
//! functions allows (those of a resource stand in it, so it stands where they do); within a world
//! imported interfaces, `use`, types, functions, then exports. All other packages follow the first
//! main package as nested ones, sorted by name.
//!
//! One thing cannot be written in WIT: a world that includes a world of another package keeps the
//! functions' `@since` of that package. Such a gate is left out where it would be refused.

mod docs;
mod items;
mod names;

use std::collections::BTreeMap;

use wit_parser::{
    Docs, Function, InterfaceId, Package, PackageId, Resolve, Stability, TypeId, TypeOwner, World,
    WorldId, WorldItem, WorldKey,
};

pub(crate) use items::{function, type_name};
pub(crate) use names::escaped;

use crate::inspect;
use crate::set::PackageSet;

/// Spaces for one level.
const INDENT: usize = 2;

/// Prints WIT, with options.
///
/// ```
/// use linkspan_wit::{PackageSet, Printer};
///
/// let set = PackageSet::from_text("a.wit", "package a:b;world w{/// Runs.\nexport run:func();}")?;
/// assert_eq!(set.print(), "\
/// package a:b;
///
/// world w {
///   /// Runs.
///   export run: func();
/// }
/// ");
/// assert!(!Printer::new().docs(false).set(&set).contains("///"));
/// # Ok::<(), linkspan_wit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Printer {
    docs: bool,
}

impl Default for Printer {
    fn default() -> Self {
        Self { docs: true }
    }
}

impl PackageSet {
    /// Everything in the set as canonical WIT text, with documentation.
    #[must_use]
    pub fn print(&self) -> String {
        Printer::new().set(self)
    }
}

impl Printer {
    /// A printer that keeps documentation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether documentation is printed.
    #[must_use]
    pub fn docs(mut self, docs: bool) -> Self {
        self.docs = docs;
        self
    }

    /// All packages of `set`: the first main package, then the others nested.
    #[must_use]
    pub fn set(&self, set: &PackageSet) -> String {
        let resolve = set.resolve();
        let mut text = self.text(resolve);
        let main = set.main_packages().next().map(|p| p.parts().1);
        let mut others: Vec<PackageId> = resolve.packages.iter().map(|(id, _)| id).collect();
        others.retain(|id| Some(*id) != main);
        others.sort_by_key(|id| &resolve.packages[*id].name);
        if let Some(main) = main {
            text.main_package(main);
        }
        for id in others {
            text.nested_package(id);
        }
        text.out
    }

    /// One package, without its dependencies.
    #[must_use]
    pub fn package(&self, package: inspect::Package<'_>) -> String {
        let (set, id) = package.parts();
        let mut text = self.text(set.resolve());
        text.main_package(id);
        text.out
    }

    /// One world, without its package.
    #[must_use]
    pub fn world(&self, world: inspect::World<'_>) -> String {
        let (set, id) = world.parts();
        let mut text = self.text(set.resolve());
        text.world(id);
        text.out
    }

    /// One interface, without its package.
    #[must_use]
    pub fn interface(&self, interface: inspect::Interface<'_>) -> String {
        let (set, id) = interface.parts();
        let mut text = self.text(set.resolve());
        text.interface(id);
        text.out
    }

    fn text<'a>(&self, resolve: &'a Resolve) -> Text<'a> {
        Text {
            resolve,
            docs: self.docs,
            out: String::new(),
            depth: 0,
            package: None,
            previous: Shape::First,
        }
    }
}

/// What stands before the next item: it decides about a blank line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Nothing, in this block.
    First,
    /// An item of one line.
    Line,
    /// An item of several lines.
    Block,
}

/// Functions in order, and those of each resource.
struct Functions<'a> {
    all: Vec<&'a Function>,
    /// Where a resource's first function stands in `all`, and its functions.
    by_resource: BTreeMap<TypeId, (usize, Vec<&'a Function>)>,
}

impl<'a> Functions<'a> {
    fn new(functions: impl Iterator<Item = &'a Function>) -> Self {
        let all: Vec<_> = functions.collect();
        let mut by_resource = BTreeMap::new();
        for (i, f) in all.iter().copied().enumerate() {
            if let Some(resource) = f.kind.resource() {
                let entry = by_resource.entry(resource);
                entry.or_insert_with(|| (i, Vec::new())).1.push(f);
            }
        }
        Self { all, by_resource }
    }

    fn first_of(&self, resource: TypeId) -> Option<usize> {
        self.by_resource.get(&resource).map(|(first, _)| *first)
    }

    fn of(&self, resource: TypeId) -> &[&'a Function] {
        let found = self.by_resource.get(&resource);
        found.map_or(&[], |(_, functions)| functions.as_slice())
    }

    fn free(&self) -> impl Iterator<Item = &'a Function> {
        let free = |f: &&Function| f.kind.resource().is_none();
        self.all.iter().copied().filter(free)
    }
}

/// Text being written.
struct Text<'a> {
    resolve: &'a Resolve,
    docs: bool,
    out: String,
    depth: usize,
    /// The package whose items are being written.
    package: Option<PackageId>,
    previous: Shape,
}

impl<'a> Text<'a> {
    fn line(&mut self, line: &str) {
        if !line.is_empty() {
            let indent = self.depth * INDENT;
            self.out.extend(std::iter::repeat_n(' ', indent));
            self.out.push_str(line);
        }
        self.out.push('\n');
    }

    /// Writes `head {`, the items of `body`, and `}`; `head {}` if there are none.
    fn block(&mut self, head: &str, body: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        let start = self.out.len();
        let previous = std::mem::replace(&mut self.previous, Shape::First);
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.previous = previous;
        if self.out.len() == start {
            self.out.pop();
            self.out.push_str("}\n");
        } else {
            self.line("}");
        }
    }

    /// Writes one item, with a blank line before it if it or the item before is more than a line.
    fn item(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        write(self);
        let lines = self.out[start..].matches('\n').count();
        let shape = if lines > 1 { Shape::Block } else { Shape::Line };
        let apart = shape == Shape::Block || self.previous == Shape::Block;
        if apart && self.previous != Shape::First {
            self.out.insert(start, '\n');
        }
        self.previous = shape;
    }

    fn main_package(&mut self, id: PackageId) {
        let package = &self.resolve.packages[id];
        self.package = Some(id);
        self.item(|text| {
            text.docs(&package.docs);
            text.line(&format!("package {};", names::package(&package.name)));
        });
        self.previous = Shape::Block;
        self.package_items(package);
    }

    fn nested_package(&mut self, id: PackageId) {
        let package = &self.resolve.packages[id];
        self.package = Some(id);
        self.previous = Shape::Block;
        self.item(|text| {
            text.docs(&package.docs);
            let head = format!("package {}", names::package(&package.name));
            text.block(&head, |text| text.package_items(package));
        });
    }

    fn package_items(&mut self, package: &Package) {
        for id in package.interfaces.values() {
            self.item(|text| text.interface(*id));
        }
        for id in package.worlds.values() {
            self.item(|text| text.world(*id));
        }
    }

    fn interface(&mut self, id: InterfaceId) {
        let interface = &self.resolve.interfaces[id];
        self.package = interface.package;
        self.docs(&interface.docs);
        self.gate(&interface.stability, None);
        let label = escaped(interface.name.as_deref().unwrap_or("interface"));
        self.block(&format!("interface {label}"), |text| {
            text.interface_items(id);
        });
    }

    fn interface_items(&mut self, id: InterfaceId) {
        let interface = &self.resolve.interfaces[id];
        let functions = Functions::new(interface.functions.values());
        let types: Vec<_> = interface.types.values().copied().collect();
        let mut written = 0;
        for ty in self.uses(TypeOwner::Interface(id), &types) {
            // Free functions that come before those of a resource stay before them.
            if let Some(first) = functions.first_of(ty).filter(|first| *first > written) {
                self.free_functions(&functions.all[written..first]);
                written = first;
            }
            self.item(|text| text.declaration(ty, functions.of(ty)));
        }
        self.free_functions(&functions.all[written..]);
    }

    fn free_functions(&mut self, functions: &[&Function]) {
        for f in functions.iter().filter(|f| f.kind.resource().is_none()) {
            self.item(|text| text.function("", f));
        }
    }

    fn world(&mut self, id: WorldId) {
        let world = &self.resolve.worlds[id];
        self.package = world.package;
        self.docs(&world.docs);
        self.gate(&world.stability, None);
        self.block(&format!("world {}", escaped(&world.name)), |text| {
            text.world_items(id, world);
        });
    }

    fn world_items(&mut self, id: WorldId, world: &'a World) {
        let mut types = Vec::new();
        let imported = world.imports.values().filter_map(|item| match item {
            WorldItem::Function(f) => Some(f),
            WorldItem::Interface { .. } | WorldItem::Type { .. } => None,
        });
        let functions = Functions::new(imported);
        for (key, item) in &world.imports {
            match item {
                WorldItem::Interface { .. } => {
                    self.item(|text| text.extern_interface("import ", key, item));
                }
                WorldItem::Type { id, .. } => types.push(*id),
                WorldItem::Function(_) => {}
            }
        }
        for ty in self.uses(TypeOwner::World(id), &types) {
            self.item(|text| text.declaration(ty, functions.of(ty)));
        }
        for f in functions.free() {
            self.item(|text| text.function("import ", f));
        }
        if self.previous != Shape::First && !world.exports.is_empty() {
            self.previous = Shape::Block;
        }
        for (key, item) in &world.exports {
            match item {
                WorldItem::Interface { .. } => {
                    self.item(|text| text.extern_interface("export ", key, item));
                }
                WorldItem::Function(f) => self.item(|text| text.function("export ", f)),
                // Only imports can be types.
                WorldItem::Type { .. } => {}
            }
        }
    }

    /// `import …;` or `export …;` of an interface: named, labelled or inline.
    fn extern_interface(&mut self, direction: &str, key: &WorldKey, item: &WorldItem) {
        let WorldItem::Interface {
            id,
            stability,
            external_id,
            docs,
            ..
        } = item
        else {
            return;
        };
        let interface = &self.resolve.interfaces[*id];
        let inline = interface.name.is_none();
        self.docs(if inline { &interface.docs } else { docs });
        self.gate(stability, external_id.as_deref());
        let path = self.interface_path(*id);
        match key {
            WorldKey::Interface(_) => self.line(&format!("{direction}{path};")),
            WorldKey::Name(label) if inline => {
                let head = format!("{direction}{}: interface", escaped(label));
                self.block(&head, |text| text.interface_items(*id));
            }
            WorldKey::Name(label) => {
                self.line(&format!("{direction}{}: {path};", escaped(label)));
            }
        }
    }

    /// How `interface` is named from the package that is being written.
    fn interface_path(&self, interface: InterfaceId) -> String {
        let interface = &self.resolve.interfaces[interface];
        let label = interface.name.as_deref().unwrap_or_default();
        match interface.package {
            Some(package) if interface.package != self.package => {
                names::item(&self.resolve.packages[package].name, label)
            }
            _ => escaped(label),
        }
    }

    fn docs(&mut self, docs: &Docs) {
        let Some(contents) = docs.contents.as_deref().filter(|_| self.docs) else {
            return;
        };
        match docs::comment(contents) {
            docs::Comment::Lines(lines) => {
                for line in lines {
                    self.line(&line);
                }
            }
            docs::Comment::Block(block) => {
                // The lines inside are content: only the first is indented.
                self.line(&block);
            }
        }
    }

    /// `@since`, `@unstable`, `@deprecated` and `@external-id`.
    fn gate(&mut self, stability: &Stability, external_id: Option<&str>) {
        let deprecated = match stability {
            Stability::Unknown => &None,
            Stability::Stable { since, deprecated } => {
                let package = self.package.map(|id| &self.resolve.packages[id]);
                let version = package.and_then(|p| p.name.version.as_ref());
                if version.is_some_and(|version| since <= version) {
                    self.line(&format!("@since(version = {since})"));
                    deprecated
                } else {
                    &None
                }
            }
            Stability::Unstable {
                feature,
                deprecated,
            } => {
                self.line(&format!("@unstable(feature = {})", escaped(feature)));
                deprecated
            }
        };
        if let Some(version) = deprecated {
            self.line(&format!("@deprecated(version = {version})"));
        }
        if let Some(id) = external_id {
            self.line(&format!("@external-id({})", names::literal(id)));
        }
    }
}
