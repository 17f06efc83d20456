//! What resolving would cost, known before it is done.
//!
//! Two properties of WIT make small sources expensive. Types and interfaces refer to each other in
//! chains that the parser follows by recursion. And a world lists everything that it includes, and
//! every interface that its interfaces need, so a chain of `include`s can write out a thousand
//! times its length. This module adds both up, in dependency order and without recursion, and
//! refuses what is beyond the limits.
//!
//! It is an upper bound, not the exact cost: an interface that is needed twice counts twice.

use std::collections::{BTreeMap, BTreeSet};

use wit_parser::{
    AstItem, Handle, InterfaceId, PackageName, Resolve, Type, TypeDefKind, TypeId, TypeOwner,
    UnresolvedPackage, World, WorldId, WorldItem,
};

use super::Limits;
use crate::error::{Error, ErrorKind, Result};

/// What an interface brings along.
#[derive(Clone, Copy, Default)]
struct Reach {
    /// Length of the longest chain of interfaces below it, itself included.
    depth: usize,
    /// Interfaces and types that elaborating it visits.
    items: u64,
}

/// Sums over the packages visited so far, by name.
#[derive(Default)]
pub(super) struct Budget {
    interfaces: BTreeMap<(PackageName, String), Reach>,
    worlds: BTreeMap<(PackageName, String), u64>,
    types: BTreeMap<(PackageName, String, String), usize>,
    /// Interfaces and types in all packages: no reach is larger.
    all_items: u64,
    spent: u64,
}

impl Budget {
    /// Starts with the packages that binaries brought.
    pub(super) fn new(resolve: &Resolve) -> Self {
        let mut budget = Self::default();
        let count = resolve.interfaces.len().saturating_add(resolve.types.len());
        budget.all_items = to_u64(count);
        let depths = type_depths(resolve);
        for (_, package) in resolve.packages.iter() {
            for (name, id) in &package.interfaces {
                let reach = Reach {
                    depth: 1,
                    items: budget.all_items,
                };
                let key = (package.name.clone(), name.clone());
                budget.interfaces.insert(key, reach);
                for (ty, type_id) in &resolve.interfaces[*id].types {
                    let key = (package.name.clone(), name.clone(), ty.clone());
                    budget.types.insert(key, depths[type_id.index()]);
                }
            }
            for (name, id) in &package.worlds {
                let world = &resolve.worlds[*id];
                let items = to_u64(world.imports.len().saturating_add(world.exports.len()));
                let key = (package.name.clone(), name.clone());
                budget.worlds.insert(key, items);
            }
        }
        budget
    }

    /// Checks `packages`, whatever their order. Says nothing about packages that depend on each
    /// other in a cycle or are defined twice: resolving reports those at once.
    pub(super) fn check(mut self, packages: &[&UnresolvedPackage], limits: &Limits) -> Result<()> {
        if packages.len() > limits.packages_max {
            return Err(exceeded(format!(
                "more than {} packages",
                limits.packages_max
            )));
        }
        for package in packages {
            let count = package.interfaces.len().saturating_add(package.types.len());
            self.all_items = self.all_items.saturating_add(to_u64(count));
        }
        for package in in_dependency_order(packages) {
            self.package(package, limits)?;
        }
        Ok(())
    }

    fn package(&mut self, package: &UnresolvedPackage, limits: &Limits) -> Result<()> {
        let foreign = Foreign::new(package);
        self.types_of(package, &foreign, limits)?;
        let reaches = self.interfaces_of(package, &foreign, limits)?;
        let mut worlds: Vec<u64> = Vec::with_capacity(package.worlds.len());
        for (id, world) in package.worlds.iter() {
            let cost = match foreign.worlds.get(&id) {
                Some(key) => self.worlds.get(key).copied().unwrap_or(1),
                None => self.world(package, world, &reaches, &worlds),
            };
            worlds.push(cost);
            if foreign.worlds.contains_key(&id) {
                continue;
            }
            self.spent = self.spent.saturating_add(cost);
            if self.spent > limits.world_items_max {
                return Err(exceeded(format!(
                    "the worlds have more than {} items once their includes are written out; \
                     the limit was passed in world `{}` of package `{}`",
                    limits.world_items_max, world.name, package.name
                )));
            }
            let key = (package.name.clone(), world.name.clone());
            self.worlds.insert(key, cost);
        }
        Ok(())
    }

    fn world(
        &self,
        package: &UnresolvedPackage,
        world: &World,
        reaches: &[Reach],
        worlds: &[u64],
    ) -> u64 {
        let mut own = 0_u64;
        let mut brought = 0_u64;
        for item in world.imports.values().chain(world.exports.values()) {
            own = own.saturating_add(1);
            let interface = match item {
                WorldItem::Interface { id, .. } => Some(*id),
                WorldItem::Type { id, .. } => used_interface(package, *id),
                WorldItem::Function(_) => None,
            };
            if let Some(id) = interface {
                let items = reaches.get(id.index()).map_or(1, |r| r.items);
                brought = brought.saturating_add(items);
            }
        }
        let mut cost = own.saturating_add(brought.min(self.all_items.saturating_add(own)));
        for include in &world.includes {
            let included = worlds.get(include.id.index()).copied().unwrap_or(1);
            cost = cost.saturating_add(included);
        }
        cost
    }

    /// The depth of every type, checked and noted by name.
    fn types_of(
        &mut self,
        package: &UnresolvedPackage,
        foreign: &Foreign,
        limits: &Limits,
    ) -> Result<()> {
        let mut depths: Vec<usize> = Vec::with_capacity(package.types.len());
        for (_, ty) in package.types.iter() {
            let name = ty.name.clone().unwrap_or_default();
            let owner = match ty.owner {
                TypeOwner::Interface(id) => Some(id),
                TypeOwner::World(_) | TypeOwner::None => None,
            };
            let depth = if let TypeDefKind::Unknown = ty.kind {
                let key = owner.and_then(|id| foreign.interfaces.get(&id));
                key.and_then(|(p, i)| self.types.get(&(p.clone(), i.clone(), name)))
                    .copied()
                    .unwrap_or(1)
            } else {
                let depth = depth_of(&ty.kind, &depths);
                if depth > limits.type_depth_max {
                    return Err(too_deep(ty.name.as_deref(), limits.type_depth_max));
                }
                let interface = owner.and_then(|id| package.interfaces[id].name.clone());
                if let (Some(interface), Some(_)) = (interface, &ty.name) {
                    let key = (package.name.clone(), interface, name);
                    self.types.insert(key, depth);
                }
                depth
            };
            depths.push(depth);
        }
        Ok(())
    }

    /// What every interface reaches, by index, checked and noted by name. Interfaces stand after
    /// those that they use.
    fn interfaces_of(
        &mut self,
        package: &UnresolvedPackage,
        foreign: &Foreign,
        limits: &Limits,
    ) -> Result<Vec<Reach>> {
        let mut reaches: Vec<Reach> = Vec::with_capacity(package.interfaces.len());
        for (id, interface) in package.interfaces.iter() {
            if let Some(key) = foreign.interfaces.get(&id) {
                reaches.push(self.interfaces.get(key).copied().unwrap_or_default());
                continue;
            }
            let used: BTreeSet<usize> = interface
                .types
                .values()
                .filter_map(|ty| used_interface(package, *ty))
                .map(|id| id.index())
                .collect();
            let mut reach = Reach {
                depth: 1,
                items: to_u64(interface.types.len().saturating_add(1)),
            };
            for used in used {
                let below = reaches.get(used).copied().unwrap_or_default();
                reach.depth = reach.depth.max(below.depth.saturating_add(1));
                reach.items = reach.items.saturating_add(below.items);
            }
            reach.items = reach.items.min(self.all_items);
            if reach.depth > limits.interface_depth_max {
                return Err(exceeded(format!(
                    "interface `{}` of package `{}` uses interfaces in a chain longer than {}",
                    interface.name.as_deref().unwrap_or("(inline)"),
                    package.name,
                    limits.interface_depth_max
                )));
            }
            if let Some(name) = &interface.name {
                let key = (package.name.clone(), name.clone());
                self.interfaces.insert(key, reach);
            }
            reaches.push(reach);
        }
        Ok(reaches)
    }
}

/// The names of what a package uses from others, by the placeholder it uses them through.
struct Foreign {
    interfaces: BTreeMap<InterfaceId, (PackageName, String)>,
    worlds: BTreeMap<WorldId, (PackageName, String)>,
}

impl Foreign {
    fn new(package: &UnresolvedPackage) -> Self {
        let mut interfaces = BTreeMap::new();
        let mut worlds = BTreeMap::new();
        for (dependency, items) in &package.foreign_deps {
            for (name, (item, _)) in items {
                let key = (dependency.clone(), name.clone());
                match item {
                    AstItem::Interface(id) => interfaces.insert(*id, key),
                    AstItem::World(id) => worlds.insert(*id, key),
                };
            }
        }
        Self { interfaces, worlds }
    }
}

/// The interface that `ty` is used from, if it is an alias of another interface's type.
fn used_interface(package: &UnresolvedPackage, ty: TypeId) -> Option<InterfaceId> {
    let ty = &package.types[ty];
    let TypeDefKind::Type(Type::Id(used)) = ty.kind else {
        return None;
    };
    match package.types[used].owner {
        owner if owner == ty.owner => None,
        TypeOwner::Interface(id) => Some(id),
        TypeOwner::World(_) | TypeOwner::None => None,
    }
}

/// `packages` with dependencies first; those in a cycle, and second definitions, are left out.
fn in_dependency_order<'a>(packages: &[&'a UnresolvedPackage]) -> Vec<&'a UnresolvedPackage> {
    let by_name: BTreeMap<&PackageName, &'a UnresolvedPackage> =
        packages.iter().map(|p| (&p.name, *p)).collect();
    let mut waits_for: BTreeMap<&PackageName, usize> = BTreeMap::new();
    let mut users: BTreeMap<&PackageName, Vec<&PackageName>> = BTreeMap::new();
    for (name, package) in &by_name {
        let known = package.foreign_deps.keys();
        let known = known.filter(|d| by_name.contains_key(*d));
        waits_for.insert(*name, known.clone().count());
        for dependency in known {
            users.entry(dependency).or_default().push(*name);
        }
    }
    let free = waits_for.iter().filter(|(_, count)| **count == 0);
    let mut ready: Vec<&PackageName> = free.map(|(name, _)| *name).collect();
    let mut order = Vec::new();
    while let Some(name) = ready.pop() {
        order.extend(by_name.get(name));
        for user in users.remove(name).unwrap_or_default() {
            if let Some(count) = waits_for.get_mut(user) {
                *count -= 1;
                if *count == 0 {
                    ready.push(user);
                }
            }
        }
    }
    order
}

/// Refuses types nested or chained beyond the limit, in what was resolved.
///
/// The check before resolving covers texts; this one covers binaries too, and gives everything
/// after it the right to recurse over types.
pub(super) fn check_type_depth(resolve: &Resolve, limits: &Limits) -> Result<()> {
    let depths = type_depths(resolve);
    for (id, ty) in resolve.types.iter() {
        if depths[id.index()] > limits.type_depth_max {
            return Err(too_deep(ty.name.as_deref(), limits.type_depth_max));
        }
    }
    Ok(())
}

/// The depth of each type by index. Types stand after those that they name.
fn type_depths(resolve: &Resolve) -> Vec<usize> {
    let mut depths = Vec::with_capacity(resolve.types.len());
    for (_, ty) in resolve.types.iter() {
        let depth = depth_of(&ty.kind, &depths);
        depths.push(depth);
    }
    depths
}

/// One more than the deepest type that `kind` names.
fn depth_of(kind: &TypeDefKind, depths: &[usize]) -> usize {
    let of = |ty: &Type| match ty {
        Type::Id(id) => depths.get(id.index()).copied().unwrap_or(1),
        _ => 0,
    };
    let below = match kind {
        TypeDefKind::Record(r) => r.fields.iter().map(|f| of(&f.ty)).max(),
        TypeDefKind::Tuple(t) => t.types.iter().map(of).max(),
        TypeDefKind::Variant(v) => v.cases.iter().filter_map(|c| c.ty.as_ref()).map(of).max(),
        TypeDefKind::Option(ty)
        | TypeDefKind::List(ty)
        | TypeDefKind::FixedLengthList(ty, _)
        | TypeDefKind::Type(ty) => Some(of(ty)),
        TypeDefKind::Map(key, value) => Some(of(key).max(of(value))),
        TypeDefKind::Result(r) => [&r.ok, &r.err].into_iter().flatten().map(of).max(),
        TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => ty.as_ref().map(of),
        TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => Some(of(&Type::Id(*id))),
        TypeDefKind::Resource
        | TypeDefKind::Flags(_)
        | TypeDefKind::Enum(_)
        | TypeDefKind::Unknown => None,
    };
    below.unwrap_or(0).saturating_add(1)
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn too_deep(name: Option<&str>, limit: usize) -> Error {
    let which = name.map_or_else(|| "a type".to_owned(), |name| format!("type `{name}`"));
    exceeded(format!(
        "{which} is built from other types in a chain longer than {limit}"
    ))
}

fn exceeded(message: String) -> Error {
    Error::new(ErrorKind::Limit, message)
        .with_help("raise the limit in `linkspan_wit::Limits` if the source is to be trusted")
}
