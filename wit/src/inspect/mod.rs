//! What a [`PackageSet`] holds, as plain views for tools.
//!
//! A view is a `Copy` pair of the set and a position in it; views of the same item are equal.
//! Names keep the spelling of WIT, without `%`. Worlds are complete: what they `include` and the
//! interfaces that their interfaces need are written out, which is how a component sees them.
//!
//! Every view shows as WIT through `Display`: a type as it stands in a signature, a function with
//! its signature, packages, worlds and interfaces as their identifier.

mod function;
mod types;

use std::fmt;

use wit_parser as wp;

pub use function::{Accessor, Function, FunctionKind, Param};
pub use types::{Case, Field, Flag, Type, TypeDef, TypeKind, TypeOwner};

use crate::error::Location;
use crate::set::PackageSet;

/// A package's name: `namespace:name@version`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName {
    /// The part before the colon.
    pub namespace: String,
    /// The part after the colon.
    pub name: String,
    /// The version, if the package has one, in the form of semantic versioning.
    pub version: Option<String>,
}

impl From<&wp::PackageName> for PackageName {
    fn from(name: &wp::PackageName) -> Self {
        Self {
            namespace: name.namespace.clone(),
            name: name.name.clone(),
            version: name.version.as_ref().map(ToString::to_string),
        }
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

/// How an item is gated: by `@since`, by `@unstable`, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stability {
    /// No gate.
    #[default]
    Ungated,
    /// `@since(version = …)`
    Since {
        /// The first version of the package with the item.
        version: String,
        /// The version that deprecated it.
        deprecated: Option<String>,
    },
    /// `@unstable(feature = …)`
    Unstable {
        /// The feature that must be on for the item to be loaded.
        feature: String,
        /// The version that deprecated it.
        deprecated: Option<String>,
    },
}

impl From<&wp::Stability> for Stability {
    fn from(stability: &wp::Stability) -> Self {
        match stability {
            wp::Stability::Unknown => Self::Ungated,
            wp::Stability::Stable { since, deprecated } => Self::Since {
                version: since.to_string(),
                deprecated: deprecated.as_ref().map(ToString::to_string),
            },
            wp::Stability::Unstable {
                feature,
                deprecated,
            } => Self::Unstable {
                feature: feature.clone(),
                deprecated: deprecated.as_ref().map(ToString::to_string),
            },
        }
    }
}

/// Declares a view: a set and an id in one of its arenas.
macro_rules! view {
    ($(#[$doc:meta])* $name:ident, $id:ty, $arena:ident, $data:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            set: &'a PackageSet,
            id: $id,
        }

        impl<'a> $name<'a> {
            pub(crate) fn new(set: &'a PackageSet, id: $id) -> Self {
                Self { set, id }
            }

            /// The set and the position in it.
            pub(crate) fn parts(self) -> (&'a PackageSet, $id) {
                (self.set, self.id)
            }

            fn data(self) -> &'a $data {
                &self.set.resolve().$arena[self.id]
            }
        }

        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                std::ptr::eq(self.set, other.set) && self.id == other.id
            }
        }

        impl Eq for $name<'_> {}

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(`{self}`)", stringify!($name))
            }
        }
    };
}
use view;

view! {
    /// A package.
    Package, wp::PackageId, packages, wp::Package
}

impl<'a> Package<'a> {
    /// Its name.
    #[must_use]
    pub fn name(self) -> PackageName {
        (&self.data().name).into()
    }

    /// The documentation of the `package` line.
    #[must_use]
    pub fn docs(self) -> Option<&'a str> {
        self.data().docs.contents.as_deref()
    }

    /// Whether the package was asked for, not only needed.
    #[must_use]
    pub fn is_main(self) -> bool {
        self.set.is_main(self.id)
    }

    /// Its named interfaces, each after those that it uses.
    pub fn interfaces(self) -> impl Iterator<Item = Interface<'a>> {
        let ids = self.data().interfaces.values();
        ids.map(move |id| Interface::new(self.set, *id))
    }

    /// Its worlds, each after those that it includes.
    pub fn worlds(self) -> impl Iterator<Item = World<'a>> {
        let ids = self.data().worlds.values();
        ids.map(move |id| World::new(self.set, *id))
    }
}

impl fmt::Display for Package<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data().name.fmt(f)
    }
}

view! {
    /// A world: what a component imports and exports.
    World, wp::WorldId, worlds, wp::World
}

impl<'a> World<'a> {
    /// Its label.
    #[must_use]
    pub fn name(self) -> &'a str {
        &self.data().name
    }

    /// `ns:pkg/world@version`.
    #[must_use]
    pub fn id(self) -> String {
        self.to_string()
    }

    /// The package that it stands in.
    #[must_use]
    pub fn package(self) -> Option<Package<'a>> {
        self.data().package.map(|id| Package::new(self.set, id))
    }

    /// Its documentation.
    #[must_use]
    pub fn docs(self) -> Option<&'a str> {
        self.data().docs.contents.as_deref()
    }

    /// Its gate.
    #[must_use]
    pub fn stability(self) -> Stability {
        (&self.data().stability).into()
    }

    /// Where it is defined; `None` if it comes from a binary.
    #[must_use]
    pub fn location(self) -> Option<Location> {
        self.set.location(self.data().span)
    }

    /// What it imports: interfaces, then types, then functions; methods follow all of them.
    pub fn imports(self) -> impl Iterator<Item = WorldItem<'a>> {
        self.items(&self.data().imports)
    }

    /// What it exports: functions and interfaces.
    pub fn exports(self) -> impl Iterator<Item = WorldItem<'a>> {
        self.items(&self.data().exports)
    }

    fn items(
        self,
        items: &'a wp::IndexMap<wp::WorldKey, wp::WorldItem>,
    ) -> impl Iterator<Item = WorldItem<'a>> {
        let set = self.set;
        items
            .iter()
            .map(move |(key, item)| WorldItem { set, key, item })
    }
}

impl fmt::Display for World<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.data();
        match world.package {
            Some(package) => f.write_str(&self.set.resolve().id_of_name(package, &world.name)),
            None => f.write_str(&world.name),
        }
    }
}

/// One import or export of a world.
#[derive(Clone, Copy)]
pub struct WorldItem<'a> {
    set: &'a PackageSet,
    key: &'a wp::WorldKey,
    item: &'a wp::WorldItem,
}

/// What a [`WorldItem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorldItemKind<'a> {
    /// A named or inline interface.
    Interface(Interface<'a>),
    /// A function of the world itself.
    Function(Function<'a>),
    /// A type of the world itself; only imported.
    Type(TypeDef<'a>),
}

impl<'a> WorldItem<'a> {
    /// Its name in a component: `ns:pkg/interface@version`, or a label.
    ///
    /// Names of methods and the like are those of a component, `[method]conn.send`.
    #[must_use]
    pub fn name(self) -> String {
        self.set.resolve().name_world_key(self.key)
    }

    /// Whether the name is a label given in the world, not the identifier of an interface.
    #[must_use]
    pub fn is_labelled(self) -> bool {
        matches!(self.key, wp::WorldKey::Name(_))
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> WorldItemKind<'a> {
        match self.item {
            wp::WorldItem::Interface { id, .. } => {
                WorldItemKind::Interface(Interface::new(self.set, *id))
            }
            wp::WorldItem::Function(f) => WorldItemKind::Function(Function::new(self.set, f)),
            wp::WorldItem::Type { id, .. } => WorldItemKind::Type(TypeDef::new(self.set, *id)),
        }
    }

    /// The documentation of the import or export; an inline interface has its own.
    #[must_use]
    pub fn docs(self) -> Option<&'a str> {
        let docs = match self.item {
            wp::WorldItem::Interface { docs, .. } => docs,
            wp::WorldItem::Function(f) => &f.docs,
            wp::WorldItem::Type { id, .. } => &self.set.resolve().types[*id].docs,
        };
        docs.contents.as_deref()
    }

    /// Its gate.
    #[must_use]
    pub fn stability(self) -> Stability {
        self.item.stability(self.set.resolve()).into()
    }

    /// The text of `@external-id`.
    #[must_use]
    pub fn external_id(self) -> Option<&'a str> {
        match self.item {
            wp::WorldItem::Interface { external_id, .. } => external_id.as_deref(),
            wp::WorldItem::Function(f) => f.external_id.as_deref(),
            wp::WorldItem::Type { id, .. } => self.set.resolve().types[*id].external_id.as_deref(),
        }
    }

    /// Where it stands; `None` if it comes from a binary or is needed by another import.
    #[must_use]
    pub fn location(self) -> Option<Location> {
        self.set.location(self.item.span())
    }
}

impl fmt::Display for WorldItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            WorldItemKind::Interface(_) => f.write_str(&self.name()),
            WorldItemKind::Function(function) => function.fmt(f),
            WorldItemKind::Type(ty) => ty.fmt(f),
        }
    }
}

impl fmt::Debug for WorldItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorldItem(`{self}`)")
    }
}

view! {
    /// An interface: types and functions under one name.
    Interface, wp::InterfaceId, interfaces, wp::Interface
}

impl<'a> Interface<'a> {
    /// Its label; an interface written inline in a world has none.
    #[must_use]
    pub fn name(self) -> Option<&'a str> {
        self.data().name.as_deref()
    }

    /// `ns:pkg/interface@version`; an interface written inline in a world has none.
    #[must_use]
    pub fn id(self) -> Option<String> {
        let interface = self.data();
        let name = interface.name.as_ref()?;
        let package = interface.package?;
        Some(self.set.resolve().id_of_name(package, name))
    }

    /// The package that it stands in.
    #[must_use]
    pub fn package(self) -> Option<Package<'a>> {
        self.data().package.map(|id| Package::new(self.set, id))
    }

    /// Its documentation.
    #[must_use]
    pub fn docs(self) -> Option<&'a str> {
        self.data().docs.contents.as_deref()
    }

    /// Its gate.
    #[must_use]
    pub fn stability(self) -> Stability {
        (&self.data().stability).into()
    }

    /// Where it is defined; `None` if it comes from a binary.
    #[must_use]
    pub fn location(self) -> Option<Location> {
        self.set.location(self.data().span)
    }

    /// Its types: those that it uses from other interfaces, then its own, each after those that
    /// it names.
    pub fn types(self) -> impl Iterator<Item = TypeDef<'a>> {
        let ids = self.data().types.values();
        ids.map(move |id| TypeDef::new(self.set, *id))
    }

    /// Its functions, those of its resources included.
    pub fn functions(self) -> impl Iterator<Item = Function<'a>> {
        let functions = self.data().functions.values();
        functions.map(move |f| Function::new(self.set, f))
    }
}

impl fmt::Display for Interface<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id() {
            Some(id) => f.write_str(&id),
            None => f.write_str("interface"),
        }
    }
}
