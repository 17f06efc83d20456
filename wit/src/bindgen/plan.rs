//! What is to be generated: the modules of one world, and every Rust name in them.
//!
//! A [`Plan`] is made once and only read afterwards. Each interface becomes one [`Module`] per
//! side, at a path made of its package; what stands in the world itself belongs to the root, the
//! first module. Nothing here writes Rust.
//!
//! Invariants: the names of one Rust scope are distinct; the same world gives the same plan; a
//! plan exists only for worlds all of whose items can be generated.

use std::collections::{BTreeMap, BTreeSet};

use wit_parser::{
    AccessorKind, Docs, Function, FunctionKind, Handle, InterfaceId, PackageId, Record, Resolve,
    Span, Type, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem, WorldKey,
};

use super::choose::{self, Looks};
use super::options::{Borrow, ImportFlags, Options};
use super::with::External;
use super::writer::{CrateName, Writer};
use crate::error::{Diagnostic, Result};
use crate::names::{self, Renamed, Scope};
use crate::set::PackageSet;

/// Who implements a module's functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The host: the world imports them.
    Import,
    /// The guest: the world exports them.
    Export,
}

/// One Rust module: an interface on one side, or the world itself.
#[derive(Debug)]
pub(super) struct Module<'a> {
    pub(super) side: Side,
    /// The interface; `None` for the root.
    pub(super) interface: Option<InterfaceId>,
    /// The name in the component, such as `acme:app/net@1.2.0`; empty for the root.
    pub(super) wit_name: String,
    /// Rust modules from the root to this one.
    pub(super) path: Vec<String>,
    pub(super) docs: Option<&'a str>,
    pub(super) types: Vec<NamedType>,
    pub(super) resources: Vec<Resource>,
    /// Where each resource stands in `resources`, and its functions in `funcs`.
    members: BTreeMap<TypeId, (usize, Vec<usize>)>,
    pub(super) funcs: Vec<Func<'a>>,
    /// The type names of this module, those that are reserved included.
    pub(super) scope: Scope,
    /// The name of the method that leads to an exported interface.
    pub(super) accessor: String,
    /// What [`Plan::supertraits`] answers.
    supertraits: Vec<usize>,
    /// A guest may lack the exported interface.
    pub(super) optional: bool,
}

/// A type with a name, resources excepted.
#[derive(Debug)]
pub(super) struct NamedType {
    pub(super) id: TypeId,
    pub(super) name: String,
}

/// A resource where it is defined.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) id: TypeId,
    /// The label in WIT.
    pub(super) label: String,
    /// The tag of a host resource, the handle type of a guest resource.
    pub(super) name: String,
    /// The trait that hosts implement; unused for guest resources.
    pub(super) host_trait: String,
}

/// A function with its Rust name.
#[derive(Debug)]
pub(super) struct Func<'a> {
    pub(super) wit: &'a Function,
    pub(super) name: String,
    /// The resource it belongs to.
    pub(super) resource: Option<TypeId>,
    /// Position among all exported functions of the world; 0 for imports.
    pub(super) index: usize,
    /// How an imported function is called.
    pub(super) flags: ImportFlags,
    /// A guest may lack the exported function.
    pub(super) optional: bool,
}

/// What can be said of a type without looking at it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Something in it owns memory or a handle.
    pub(super) owns: bool,
    /// It holds a floating-point number.
    pub(super) float: bool,
    /// It holds an `own` handle.
    pub(super) own_handle: bool,
    /// It holds a `borrow` handle.
    pub(super) borrow_handle: bool,
    /// It holds something else than numbers in the order of WIT.
    pub(super) other: bool,
    /// The largest alignment of a number in it.
    pub(super) alignment: usize,
    /// It holds a type of the user, of which nothing else is known.
    pub(super) foreign: bool,
}

impl Facts {
    fn or(self, other: Self) -> Self {
        Self {
            owns: self.owns | other.owns,
            float: self.float | other.float,
            own_handle: self.own_handle | other.own_handle,
            borrow_handle: self.borrow_handle | other.borrow_handle,
            other: self.other | other.other,
            alignment: self.alignment.max(other.alignment),
            foreign: self.foreign | other.foreign,
        }
    }

    /// Whether any handle is in it.
    pub(super) fn handle(self) -> bool {
        self.own_handle || self.borrow_handle
    }
}

/// Everything known about one world before Rust is written.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) set: &'a PackageSet,
    pub(super) resolve: &'a Resolve,
    pub(super) world: WorldId,
    /// The Rust name of the world.
    pub(super) name: String,
    /// The world with its package, as WIT writes it.
    pub(super) wit_name: String,
    pub(super) modules: Vec<Module<'a>>,
    /// Exported functions of the world itself.
    pub(super) root_exports: Vec<Func<'a>>,
    /// Functions that did not get the name they asked for.
    renamed: Vec<Renamed>,
    imports: BTreeMap<InterfaceId, usize>,
    exports: BTreeMap<InterfaceId, usize>,
    type_names: BTreeMap<(usize, TypeId), String>,
    facts: BTreeMap<TypeId, Facts>,
    /// How the crate is called.
    pub(super) names: CrateName,
    /// What parameters borrow.
    pub(super) borrow: Borrow,
    /// What the user has.
    pub(super) external: External,
    looks: BTreeMap<(usize, TypeId), Looks>,
    /// What options could not do.
    pub(super) notes: Vec<Diagnostic>,
}

/// The root is the first module.
pub(super) const ROOT: usize = 0;

impl<'a> Plan<'a> {
    /// Plans the bindings of `world`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Generate`](crate::ErrorKind::Generate) for an option that fits nothing.
    pub(super) fn new(set: &'a PackageSet, world: WorldId, options: &Options) -> Result<Self> {
        let resolve = set.resolve();
        let definition = &resolve.worlds[world];
        let name = names::upper_camel(&definition.name);
        let wit_name = definition.package.map_or_else(
            || definition.name.clone(),
            |package| resolve.id_of_name(package, &definition.name),
        );
        let mut plan = Self {
            set,
            resolve,
            world,
            name,
            wit_name,
            modules: Vec::new(),
            root_exports: Vec::new(),
            renamed: Vec::new(),
            imports: BTreeMap::new(),
            exports: BTreeMap::new(),
            type_names: BTreeMap::new(),
            facts: BTreeMap::new(),
            names: options.crate_name()?,
            borrow: options.borrow,
            external: External::default(),
            looks: BTreeMap::new(),
            notes: Vec::new(),
        };
        plan.lay_out();
        plan.external = External::new(&plan, options)?;
        for module in 0..plan.modules.len() {
            plan.name_types(module);
        }
        plan.name_functions();
        for module in 0..plan.modules.len() {
            plan.modules[module].supertraits = plan.find_supertraits(module);
        }
        choose::functions(&mut plan, options)?;
        (plan.looks, plan.notes) = choose::looks(&plan, options)?;
        Ok(plan)
    }

    /// The imported interfaces with something for the host to implement.
    pub(super) fn host_modules(&self) -> impl Iterator<Item = (usize, &Module<'a>)> {
        self.modules
            .iter()
            .enumerate()
            .filter(|(_, m)| m.side == Side::Import && m.needs_host())
    }

    /// The exported interfaces.
    pub(super) fn guest_modules(&self) -> impl Iterator<Item = (usize, &Module<'a>)> {
        self.modules
            .iter()
            .enumerate()
            .filter(|(_, m)| m.side == Side::Export)
    }

    /// The last line of an item's documentation: its name in WIT, and the file.
    ///
    /// It names no line, so that a line more in one item changes no other item's text; that is
    /// in [`Item::wit_span`](super::Item::wit_span).
    pub(super) fn origin(&self, label: &str, span: Span) -> String {
        match self.set.origin(span) {
            Some(file) => format!("WIT: `{label}` in `{file}`"),
            None => format!("WIT: `{label}`"),
        }
    }

    /// The name of a type or resource in its interface.
    pub(super) fn label(&self, id: TypeId) -> &'a str {
        self.resolve.types[id].name.as_deref().unwrap_or_default()
    }

    /// The name of a function in its interface: `f`, or `conn.send` for one of a resource.
    pub(super) fn func_label(&self, func: &Func<'_>) -> String {
        let name = func.wit.item_name();
        match func.resource {
            Some(id) => format!("{}.{name}", self.label(id)),
            None => name.to_owned(),
        }
    }

    /// Writes the documentation of a function.
    pub(super) fn func_docs(&self, w: &mut Writer, func: &Func<'_>) {
        let origin = self.origin(&self.func_label(func), func.wit.span);
        w.docs_of(docs(&func.wit.docs), &origin);
    }

    /// Writes the documentation of a type or resource.
    pub(super) fn type_docs(&self, w: &mut Writer, id: TypeId) {
        let def = &self.resolve.types[id];
        w.docs_of(docs(&def.docs), &self.origin(self.label(id), def.span));
    }

    /// Writes the documentation of a module of an interface.
    pub(super) fn module_docs(&self, w: &mut Writer, module: &Module<'_>) {
        if let Some(id) = module.interface {
            let span = self.resolve.interfaces[id].span;
            w.docs_of(module.docs, &self.origin(&module.wit_name, span));
        }
    }

    /// The names that could not be given as asked.
    pub(super) fn renamed(&self) -> Vec<Renamed> {
        let types = self.modules.iter().flat_map(|m| m.scope.renamed());
        types.chain(&self.renamed).cloned().collect()
    }

    /// Makes the modules, without their content.
    fn lay_out(&mut self) {
        let world = &self.resolve.worlds[self.world];
        let reserved = ["Imports", "Exports", "Pre"].map(|s| self.beside_world(s));
        let mut scope = Scope::with_reserved(reserved.iter().map(String::as_str));
        scope.reserve(&self.name);
        self.modules.push(Module {
            side: Side::Import,
            interface: None,
            wit_name: String::new(),
            path: Vec::new(),
            docs: docs(&world.docs),
            types: Vec::new(),
            resources: Vec::new(),
            members: BTreeMap::new(),
            funcs: Vec::new(),
            scope,
            accessor: String::new(),
            supertraits: Vec::new(),
            optional: false,
        });
        let packages = self.package_modules();
        for (side, items) in [
            (Side::Import, &world.imports),
            (Side::Export, &world.exports),
        ] {
            let mut siblings = Scope::with_reserved(["exports"]);
            for (key, item) in items {
                let WorldItem::Interface { id, .. } = item else {
                    continue;
                };
                let module = self.module(side, key, *id, &packages, &mut siblings);
                let index = self.modules.len();
                let map = match side {
                    Side::Import => &mut self.imports,
                    Side::Export => &mut self.exports,
                };
                map.entry(*id).or_insert(index);
                self.modules.push(module);
            }
        }
    }

    /// One interface on one side.
    fn module(
        &self,
        side: Side,
        key: &WorldKey,
        id: InterfaceId,
        packages: &BTreeMap<PackageId, String>,
        siblings: &mut Scope,
    ) -> Module<'a> {
        let interface = &self.resolve.interfaces[id];
        let mut path = Vec::new();
        if side == Side::Export {
            path.push("exports".to_owned());
        }
        let label = match key {
            WorldKey::Name(label) => {
                path.push(siblings.snake(label));
                label.clone()
            }
            WorldKey::Interface(_) => {
                let label = interface.name.clone().unwrap_or_default();
                if let Some(package) = interface.package {
                    let namespace = &self.resolve.packages[package].name.namespace;
                    path.push(names::snake(namespace));
                    path.extend(packages.get(&package).cloned());
                }
                path.push(names::snake(&label));
                label
            }
        };
        let reserved: &[&str] = match side {
            Side::Import => &["Host"],
            Side::Export => &["Guest", "World"],
        };
        Module {
            side,
            interface: Some(id),
            wit_name: self.resolve.name_world_key(key),
            path,
            docs: docs(&interface.docs),
            types: Vec::new(),
            resources: Vec::new(),
            members: BTreeMap::new(),
            funcs: Vec::new(),
            scope: Scope::with_reserved(reserved.iter().copied()),
            accessor: label,
            supertraits: Vec::new(),
            optional: false,
        }
    }

    /// The modules of the packages of the world's interfaces, within that of their namespace: with
    /// a version where there are several.
    fn package_modules(&mut self) -> BTreeMap<PackageId, String> {
        let resolve = self.resolve;
        let world = &resolve.worlds[self.world];
        let mut packages = Vec::new();
        for (key, _) in world.imports.iter().chain(&world.exports) {
            if let WorldKey::Interface(id) = key
                && let Some(package) = resolve.interfaces[*id].package
                && !packages.contains(&package)
            {
                packages.push(package);
            }
        }
        let mut versions: BTreeMap<_, usize> = BTreeMap::new();
        for package in &packages {
            let name = &resolve.packages[*package].name;
            *versions.entry((&name.namespace, &name.name)).or_default() += 1;
        }
        let mut scopes: BTreeMap<String, Scope> = BTreeMap::new();
        let mut modules = BTreeMap::new();
        for package in packages {
            let name = &resolve.packages[package].name;
            let several = versions.get(&(&name.namespace, &name.name)) > Some(&1);
            let version = name.version.as_ref().filter(|_| several);
            let version = version.map(ToString::to_string);
            let wanted = names::package_module(&name.name, version.as_deref());
            let scope = scopes.entry(names::snake(&name.namespace)).or_default();
            modules.insert(package, scope.claim(&name.to_string(), &wanted));
        }
        for scope in scopes.values() {
            self.renamed.extend_from_slice(scope.renamed());
        }
        modules
    }

    /// Names the types and resources of a module.
    fn name_types(&mut self, index: usize) {
        let resolve = self.resolve;
        for (label, id) in self.types_of(&self.modules[index]) {
            self.facts_of_def(id);
            let module = &mut self.modules[index];
            let name = module.scope.upper_camel(label);
            self.type_names.insert((index, id), name.clone());
            if matches!(resolve.types[id].kind, TypeDefKind::Resource) {
                module.resources.push(Resource {
                    id,
                    label: label.clone(),
                    name,
                    host_trait: String::new(),
                });
            } else {
                module.types.push(NamedType { id, name });
            }
        }
        let Module {
            resources,
            scope,
            side,
            ..
        } = &mut self.modules[index];
        if *side == Side::Import {
            for resource in resources {
                let wanted = format!("Host{}", resource.name.trim_end_matches('_'));
                resource.host_trait = scope.claim(&resource.label, &wanted);
            }
        }
    }

    /// The types of a module, with their labels.
    pub(super) fn types_of(&self, module: &Module<'a>) -> Vec<(&'a String, TypeId)> {
        match module.interface {
            Some(id) => {
                let types = &self.resolve.interfaces[id].types;
                types.iter().map(|(name, id)| (name, *id)).collect()
            }
            None => self.root_types(),
        }
    }

    /// The types that stand in the world itself.
    fn root_types(&self) -> Vec<(&'a String, TypeId)> {
        let world = &self.resolve.worlds[self.world];
        let items = world.imports.iter().chain(&world.exports);
        items
            .filter_map(|(key, item)| match (key, item) {
                (WorldKey::Name(name), WorldItem::Type { id, .. }) => Some((name, *id)),
                _ => None,
            })
            .collect()
    }

    /// Names the functions of all modules, and numbers the exported ones.
    fn name_functions(&mut self) {
        let resolve = self.resolve;
        let world = &resolve.worlds[self.world];
        let direct = |item: &'a WorldItem| match item {
            WorldItem::Function(function) => Some(function),
            WorldItem::Interface { .. } | WorldItem::Type { .. } => None,
        };
        let mut next = 0;
        let mut number = |funcs: &mut Vec<Func<'a>>| {
            for func in funcs {
                func.index = next;
                next += 1;
            }
        };
        let imports: Vec<&Function> = world.imports.values().filter_map(direct).collect();
        let mut renamed = Vec::new();
        let mut name = |functions: &[&'a Function], free: &mut Scope| {
            name_functions(functions, free, &mut renamed)
        };
        self.modules[ROOT].funcs = name(&imports, &mut Scope::new());
        self.modules[ROOT].find_members();
        let mut inherent = Scope::new();
        let exports: Vec<&Function> = world.exports.values().filter_map(direct).collect();
        self.root_exports = name(&exports, &mut inherent);
        number(&mut self.root_exports);
        for module in &mut self.modules {
            let Some(id) = module.interface else { continue };
            let functions: Vec<&Function> = resolve.interfaces[id].functions.values().collect();
            module.funcs = name(&functions, &mut Scope::new());
            module.find_members();
            if module.side == Side::Export {
                let label = std::mem::take(&mut module.accessor);
                module.accessor = inherent.snake(&label);
                number(&mut module.funcs);
            }
        }
        renamed.extend_from_slice(inherent.renamed());
        self.renamed.extend(renamed);
    }

    /// The name of what stands beside the world's type; a world called `self` has `SelfImports`.
    pub(super) fn beside_world(&self, what: &str) -> String {
        format!("{}{what}", self.name.trim_end_matches('_'))
    }

    /// The name of the trait that hosts implement for `module`.
    pub(super) fn host_trait(&self, module: usize) -> String {
        match module {
            ROOT => self.beside_world("Imports"),
            _ => "Host".to_owned(),
        }
    }

    /// The other modules whose host resources the functions of `module` take or give.
    pub(super) fn supertraits(&self, module: usize) -> &[usize] {
        &self.modules[module].supertraits
    }

    fn find_supertraits(&self, module: usize) -> Vec<usize> {
        let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut pending: Vec<Type> = Vec::new();
        for func in &self.modules[module].funcs {
            pending.extend(func.wit.parameter_and_result_types());
        }
        while let Some(ty) = pending.pop() {
            let Type::Id(id) = ty else { continue };
            if !seen.insert(id) {
                continue;
            }
            let def = &self.resolve.types[id];
            match &def.kind {
                TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => {
                    let owner = self.module_of(Side::Import, module, self.definition(*id));
                    found.insert(owner);
                }
                // Named structures hold handles of a type without a host.
                TypeDefKind::Record(_) | TypeDefKind::Variant(_) => {}
                other => pending.extend(parts(other)),
            }
        }
        found.remove(&module);
        found.into_iter().collect()
    }

    /// Follows `use` and `type a = b` to the definition that stands behind `id`.
    pub(super) fn definition(&self, mut id: TypeId) -> TypeId {
        while let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[id].kind {
            id = next;
        }
        id
    }

    /// The module that holds the type `id`, seen from a module of `side`.
    pub(super) fn module_of(&self, side: Side, from: usize, id: TypeId) -> usize {
        let TypeOwner::Interface(owner) = self.resolve.types[id].owner else {
            return ROOT;
        };
        if self.modules[from].interface == Some(owner) {
            return from;
        }
        let (first, second) = match side {
            Side::Import => (&self.imports, &self.exports),
            Side::Export => (&self.exports, &self.imports),
        };
        let found = first.get(&owner).or_else(|| second.get(&owner));
        found.copied().unwrap_or(ROOT)
    }

    /// The Rust name of the named type `id` in `module`.
    pub(super) fn type_name(&self, module: usize, id: TypeId) -> &str {
        self.type_names
            .get(&(module, id))
            .map_or("", String::as_str)
    }

    /// The resource `id`, which its module defines.
    pub(super) fn resource(&self, module: usize, id: TypeId) -> Option<&Resource> {
        let module = &self.modules[module];
        let (at, _) = module.members.get(&id)?;
        module.resources.get(*at)
    }

    /// The path from module `from` to the item `name` of module `to`.
    pub(super) fn path(&self, from: usize, to: usize, name: &str) -> String {
        let (from, to) = (&self.modules[from], &self.modules[to]);
        if let Some(path) = self.external.module(to, from.path.len()) {
            return format!("{path}::{name}");
        }
        let (from, to) = (&from.path, &to.path);
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let mut path = "super::".repeat(from.len() - common);
        for segment in &to[common..] {
            path.push_str(segment);
            path.push_str("::");
        }
        path + name
    }

    /// The path from the root to the module `to`, which is an interface.
    pub(super) fn module_path(&self, to: usize) -> String {
        let to = &self.modules[to];
        let external = self.external.module(to, 0);
        external.unwrap_or_else(|| to.path.join("::"))
    }

    /// The user's type behind `id`, perhaps under another name.
    pub(super) fn foreign(&self, mut id: TypeId) -> bool {
        while self.external.ty(id, 0).is_none() {
            let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[id].kind else {
                return false;
            };
            id = next;
        }
        true
    }

    /// What a type or resource looks like beyond its definition.
    pub(super) fn looks(&self, module: usize, id: TypeId) -> &Looks {
        const PLAIN: &Looks = &Looks::plain();
        self.looks.get(&(module, id)).unwrap_or(PLAIN)
    }

    /// What is known of `ty`.
    pub(super) fn facts(&self, ty: &Type) -> Facts {
        match ty {
            Type::Id(id) => self.facts.get(id).copied().unwrap_or_else(|| {
                // A type without a name: its parts have been looked at or are as short.
                let parts = parts(&self.resolve.types[*id].kind);
                let own = own_facts(&self.resolve.types[*id].kind);
                parts.iter().fold(own, |all, part| all.or(self.facts(part)))
            }),
            scalar => scalar_facts(scalar),
        }
    }

    /// Whether Rust would put the fields of a record of numbers in another order than WIT: they
    /// are aligned in several ways.
    pub(super) fn keeps_order(&self, record: &Record) -> bool {
        let fields = record.fields.iter().map(|field| self.facts(&field.ty));
        let mut alignments = BTreeSet::new();
        for facts in fields {
            if facts.other || facts.foreign {
                return false;
            }
            alignments.insert(facts.alignment);
        }
        alignments.len() > 1
    }

    /// Computes and keeps the facts of a definition; the loader limits how deep types go.
    fn facts_of_def(&mut self, id: TypeId) -> Facts {
        if let Some(known) = self.facts.get(&id) {
            return *known;
        }
        if self.external.ty(id, 0).is_some() {
            let facts = Facts {
                owns: true,
                foreign: true,
                ..Facts::default()
            };
            self.facts.insert(id, facts);
            return facts;
        }
        let kind = &self.resolve.types[id].kind;
        let mut facts = own_facts(kind);
        for part in parts(kind) {
            facts = facts.or(match part {
                Type::Id(part) => self.facts_of_def(part),
                scalar => scalar_facts(&scalar),
            });
        }
        self.facts.insert(id, facts);
        facts
    }
}

impl Module<'_> {
    /// Notes which functions belong to which resource.
    fn find_members(&mut self) {
        let resources = self.resources.iter().enumerate();
        self.members = resources.map(|(at, r)| (r.id, (at, Vec::new()))).collect();
        for (at, func) in self.funcs.iter().enumerate() {
            let members = func.resource.and_then(|id| self.members.get_mut(&id));
            if let Some((_, funcs)) = members {
                funcs.push(at);
            }
        }
    }

    /// Whether a host has something to implement.
    pub(super) fn needs_host(&self) -> bool {
        !self.funcs.is_empty() || !self.resources.is_empty()
    }

    /// Whether a guest has something to offer.
    pub(super) fn needs_guest(&self) -> bool {
        self.needs_host()
    }

    /// A name for a generic parameter that no type of this module has.
    pub(super) fn generic(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.scope.is_taken(&name) {
            name.push('_');
        }
        name
    }

    /// The functions that belong to no resource.
    pub(super) fn free_funcs(&self) -> impl Iterator<Item = &Func<'_>> {
        self.funcs.iter().filter(|f| f.resource.is_none())
    }

    /// The functions of the resource `id`.
    pub(super) fn funcs_of(&self, id: TypeId) -> impl Iterator<Item = &Func<'_>> {
        let members = self.members.get(&id);
        let members = members.into_iter().flat_map(|(_, funcs)| funcs);
        members.filter_map(|at| self.funcs.get(*at))
    }
}

/// Names functions: those of each resource in a scope of their own, constructors first.
///
/// Names of resource functions that were not free are added to `renamed`; those of others are kept
/// by `free`.
fn name_functions<'a>(
    functions: &[&'a Function],
    free: &mut Scope,
    renamed: &mut Vec<Renamed>,
) -> Vec<Func<'a>> {
    let mut scopes: BTreeMap<TypeId, Scope> = BTreeMap::new();
    for function in functions {
        if let FunctionKind::Constructor(id) = function.kind {
            scopes.entry(id).or_default().reserve("new");
        }
    }
    let mut named = Vec::new();
    for function in functions {
        let resource = function.kind.resource();
        let wanted = match function.kind.accessor() {
            // A property has one name for both of its functions.
            Some(AccessorKind::Setter) => format!("set-{}", function.item_name()),
            Some(AccessorKind::Getter) | None => function.item_name().to_owned(),
        };
        let name = match (&function.kind, resource) {
            (FunctionKind::Constructor(_), _) => "new".to_owned(),
            (_, Some(id)) => scopes.entry(id).or_default().snake(&wanted),
            (_, None) => free.snake(&wanted),
        };
        named.push(Func {
            wit: function,
            name,
            resource,
            index: 0,
            flags: ImportFlags::default(),
            optional: false,
        });
    }
    for scope in scopes.values() {
        renamed.extend_from_slice(scope.renamed());
    }
    named
}

/// The documentation, if there is any.
pub(super) fn docs(docs: &Docs) -> Option<&str> {
    docs.contents.as_deref()
}

fn scalar_facts(ty: &Type) -> Facts {
    let mut facts = Facts::default();
    match ty {
        Type::U8 | Type::S8 => facts.alignment = 1,
        Type::U16 | Type::S16 => facts.alignment = 2,
        Type::U32 | Type::S32 => facts.alignment = 4,
        Type::U64 | Type::S64 => facts.alignment = 8,
        Type::F32 | Type::F64 => {
            facts.float = true;
            facts.alignment = if *ty == Type::F32 { 4 } else { 8 };
        }
        Type::String | Type::ErrorContext => {
            facts.owns = true;
            facts.other = true;
        }
        Type::Bool | Type::Char => facts.other = true,
        // Looked at where its definition is.
        Type::Id(_) => {}
    }
    facts
}

fn own_facts(kind: &TypeDefKind) -> Facts {
    let mut facts = Facts {
        other: true,
        ..Facts::default()
    };
    match kind {
        TypeDefKind::Handle(Handle::Own(_)) => {
            facts.owns = true;
            facts.own_handle = true;
        }
        TypeDefKind::Handle(Handle::Borrow(_)) => {
            facts.owns = true;
            facts.borrow_handle = true;
        }
        TypeDefKind::List(_) | TypeDefKind::Map(..) => facts.owns = true,
        TypeDefKind::Record(_) | TypeDefKind::FixedLengthList(..) | TypeDefKind::Type(_) => {
            facts.other = false;
        }
        _ => {}
    }
    facts
}

/// The types that a definition is made of.
pub(super) fn parts(kind: &TypeDefKind) -> Vec<Type> {
    match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|f| f.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|c| c.ty).collect(),
        TypeDefKind::Option(ty)
        | TypeDefKind::List(ty)
        | TypeDefKind::FixedLengthList(ty, _)
        | TypeDefKind::Type(ty) => vec![*ty],
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        TypeDefKind::Map(key, value) => vec![*key, *value],
        TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => ty.iter().copied().collect(),
        TypeDefKind::Resource
        | TypeDefKind::Handle(_)
        | TypeDefKind::Flags(_)
        | TypeDefKind::Enum(_)
        | TypeDefKind::Unknown => Vec::new(),
    }
}
