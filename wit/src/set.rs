//! [`PackageSet`]: everything one load brought, and the search for a world or interface by name.

use std::path::{Path, PathBuf};

use wit_parser::{InterfaceId, PackageId, Resolve, Span, WorldId};

use crate::error::{Error, ErrorKind, Location, Result};
use crate::inspect::{Interface, Package, World};
use crate::load::Loader;
use crate::source::Sources;
use crate::suggest::{listed, nearest};

/// WIT packages that fit together: the result of a load.
///
/// It is immutable, and every name in it is resolved. Look into it with [`packages`](Self::packages),
/// [`world`](Self::world) and [`interface`](Self::interface); print it with
/// [`print`](crate::print).
///
/// ```
/// let set = linkspan_wit::PackageSet::from_text(
///     "greet.wit",
///     "package acme:app@1.2.0; world greeter { export greet: func(who: string) -> string; }",
/// )?;
/// let world = set.world(None)?;
/// assert_eq!(world.id(), "acme:app/greeter@1.2.0");
/// let greet = world.exports().next().unwrap();
/// assert_eq!(greet.to_string(), "greet: func(who: string) -> string");
/// # Ok::<(), linkspan_wit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PackageSet {
    resolve: Resolve,
    mains: Vec<PackageId>,
    component_world: Option<WorldId>,
    sources: Sources,
    files: Vec<PathBuf>,
}

impl PackageSet {
    pub(crate) fn new(
        resolve: Resolve,
        mains: Vec<PackageId>,
        component_world: Option<WorldId>,
        sources: Sources,
        files: Vec<PathBuf>,
    ) -> Self {
        Self {
            resolve,
            mains,
            component_world,
            sources,
            files,
        }
    }

    /// Loads one path with the defaults of [`Loader`].
    ///
    /// # Errors
    ///
    /// See [`Loader::load`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        Loader::new().path(path).load()
    }

    /// Loads one text with the defaults of [`Loader`]; `name` stands for it in messages.
    ///
    /// # Errors
    ///
    /// See [`Loader::load`].
    pub fn from_text(name: impl Into<String>, text: impl Into<String>) -> Result<Self> {
        Loader::new().text(name, text).load()
    }

    /// Loads a component or a binary WIT package; `name` stands for it in messages.
    ///
    /// # Errors
    ///
    /// See [`Loader::load`].
    pub fn from_bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<Self> {
        Loader::new().bytes(name, bytes).load()
    }

    /// All packages, dependencies included, in an order fixed by the sources.
    pub fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        self.resolve
            .packages
            .iter()
            .map(|(id, _)| Package::new(self, id))
    }

    /// The packages that were asked for, in the order of the sources; binaries come first.
    pub fn main_packages(&self) -> impl Iterator<Item = Package<'_>> {
        self.mains.iter().map(|id| Package::new(self, *id))
    }

    /// The files that were read. A build script or macro watches these.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The text of a source, by the name that a [`Location`] gives it.
    #[must_use]
    pub fn source_text(&self, file: &str) -> Option<&str> {
        self.sources.text(file)
    }

    /// The world called `name`: `world`, `ns:pkg/world` or `ns:pkg/world@1.2.0`.
    ///
    /// A plain name is searched in the main packages, a name with a package in all. Without a
    /// name it is the world of the component that was loaded, or else the only world of the main
    /// packages. A version may be left out when there is only one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Select`] if there is no such world or more than one; the error lists the
    /// worlds to choose from and suggests the nearest.
    pub fn world(&self, name: Option<&str>) -> Result<World<'_>> {
        let id = match name {
            None => self.only_world()?,
            Some(name) => self.find(name, "world", |package, label| {
                self.resolve.packages[package].worlds.get(label).copied()
            })?,
        };
        Ok(World::new(self, id))
    }

    /// The interface called `name`: `interface`, `ns:pkg/interface` or `ns:pkg/interface@1.2.0`.
    ///
    /// # Errors
    ///
    /// As [`world`](Self::world).
    pub fn interface(&self, name: &str) -> Result<Interface<'_>> {
        let id = self.find(name, "interface", |package, label| {
            let interfaces = &self.resolve.packages[package].interfaces;
            interfaces.get(label).copied()
        })?;
        Ok(Interface::new(self, id))
    }

    fn only_world(&self) -> Result<WorldId> {
        if let Some(world) = self.component_world {
            return Ok(world);
        }
        let mut worlds = self
            .mains
            .iter()
            .flat_map(|package| self.resolve.packages[*package].worlds.values());
        match (worlds.next(), worlds.next()) {
            (Some(world), None) => Ok(*world),
            (None, _) => Err(Error::new(
                ErrorKind::Select,
                "no world is defined in the sources",
            )),
            (Some(_), Some(_)) => Err(Error::new(
                ErrorKind::Select,
                "there are several worlds; name one",
            )
            .with_note(listed("worlds", &self.names("world", true)))),
        }
    }

    /// Searches `name` with `get`, in the packages that the name allows.
    fn find<T>(
        &self,
        name: &str,
        what: &str,
        get: impl Fn(PackageId, &str) -> Option<T>,
    ) -> Result<T> {
        let path = ItemPath::parse(name);
        let packages: Vec<PackageId> = match path.package {
            None => self.mains.clone(),
            Some(package) => self
                .resolve
                .packages
                .iter()
                .filter(|(_, p)| {
                    let version = p.name.version.as_ref().map(ToString::to_string);
                    package == format!("{}:{}", p.name.namespace, p.name.name)
                        && (path.version.is_none() || path.version == version.as_deref())
                })
                .map(|(id, _)| id)
                .collect(),
        };
        let mut found = packages
            .iter()
            .filter_map(|id| get(*id, path.label).map(|item| (*id, item)));
        match (found.next(), found.next()) {
            (Some((_, item)), None) => Ok(item),
            (Some((first, _)), Some((second, _))) => {
                let id = |package| self.resolve.id_of_name(package, path.label);
                Err(
                    Error::new(ErrorKind::Select, format!("{what} `{name}` is not unique"))
                        .with_note(format!("candidates: {}, {}", id(first), id(second)))
                        .with_help("name it with package and version"),
                )
            }
            (None, _) => Err(self.not_found(name, what, &path)),
        }
    }

    #[cold]
    fn not_found(&self, name: &str, what: &str, path: &ItemPath<'_>) -> Error {
        let mut error = Error::new(ErrorKind::Select, format!("there is no {what} `{name}`"));
        let all = self.names(what, path.package.is_none());
        let label = |id: &String| ItemPath::parse(id).label.to_owned();
        let near = if path.package.is_some() {
            nearest(name, all.iter().map(String::as_str)).map(str::to_owned)
        } else {
            let labels: Vec<String> = all.iter().map(label).collect();
            nearest(name, labels.iter().map(String::as_str)).map(str::to_owned)
        };
        if let Some(near) = near {
            error = error.with_help(format!("did you mean `{near}`?"));
        }
        if all.is_empty() {
            return error.with_note(format!("the sources define no {what}"));
        }
        error.with_note(listed(&format!("{what}s"), &all))
    }

    /// The ids of all worlds or interfaces, of the main packages or of all.
    fn names(&self, what: &str, of_mains: bool) -> Vec<String> {
        let packages = self.resolve.packages.iter();
        packages
            .filter(|(id, _)| !of_mains || self.mains.contains(id))
            .flat_map(|(id, package)| {
                let names: Vec<&String> = match what {
                    "world" => package.worlds.keys().collect(),
                    _ => package.interfaces.keys().collect(),
                };
                let names = names.into_iter();
                names.map(move |name| self.resolve.id_of_name(id, name))
            })
            .collect()
    }

    /// The parser's model, for the other parts of this crate.
    pub(crate) fn resolve(&self) -> &Resolve {
        &self.resolve
    }

    pub(crate) fn is_main(&self, package: PackageId) -> bool {
        self.mains.contains(&package)
    }

    pub(crate) fn location(&self, span: Span) -> Option<Location> {
        let place = self.resolve.source_map.resolve_span(span)?;
        self.sources.location(place.path, &place.range)
    }

    /// What the source of `span` is called in generated text; `None` for what came in binary form.
    pub(crate) fn origin(&self, span: Span) -> Option<&str> {
        let place = self.resolve.source_map.resolve_span(span)?;
        self.sources.origin(place.path)
    }

    pub(crate) fn interface_view(&self, id: InterfaceId) -> Interface<'_> {
        Interface::new(self, id)
    }
}

/// `ns:pkg/label@version`, split; only the label must be there.
struct ItemPath<'a> {
    package: Option<&'a str>,
    label: &'a str,
    version: Option<&'a str>,
}

impl<'a> ItemPath<'a> {
    fn parse(path: &'a str) -> Self {
        let (package, rest) = match path.split_once('/') {
            Some((package, rest)) => (Some(package), rest),
            None => (None, path),
        };
        let (label, version) = match rest.split_once('@') {
            Some((label, version)) => (label, Some(version)),
            None => (rest, None),
        };
        Self {
            package,
            label: label.strip_prefix('%').unwrap_or(label),
            version,
        }
    }
}
