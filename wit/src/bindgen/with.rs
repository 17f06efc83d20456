//! What is not generated because the user has it: the options `with` and `wasi`.
//!
//! A replaced interface is a module of the user's that is laid out as ours; a replaced type or host
//! resource is a Rust type. A path that is not absolute means what it means where the bindings
//! stand, so it is brought to the root under a name of its own and reached from there.

use std::collections::BTreeMap;

use wit_parser::{InterfaceId, TypeDefKind, TypeId};

use super::filter::{Filter, Names, refused, split_version};
use super::options::Options;
use super::plan::{Module, Plan, Side};
use super::writer::Writer;
use crate::error::Result;
use crate::names::snake;

const OPTION: &str = "with";

/// The interfaces of WASI 0.2 that the crate `linkspan-wasi` implements, by package.
const WASI: [(&str, &[&str]); 6] = [
    (
        "cli",
        &[
            "environment",
            "exit",
            "stderr",
            "stdin",
            "stdout",
            "terminal-input",
            "terminal-output",
            "terminal-stderr",
            "terminal-stdin",
            "terminal-stdout",
        ],
    ),
    ("clocks", &["monotonic-clock", "wall-clock"]),
    ("filesystem", &["preopens", "types"]),
    ("io", &["error", "poll", "streams"]),
    ("random", &["insecure", "insecure-seed", "random"]),
    (
        "sockets",
        &[
            "instance-network",
            "ip-name-lookup",
            "network",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
    ),
];

/// What the user has.
#[derive(Debug, Default)]
pub(super) struct External {
    /// Imported interfaces.
    modules: BTreeMap<InterfaceId, Target>,
    /// Types that are no resources.
    types: BTreeMap<TypeId, Target>,
    /// Resources of the host.
    resources: BTreeMap<TypeId, Target>,
    /// The names at the root, and what they stand for.
    roots: Vec<Root>,
}

/// A Rust path.
#[derive(Clone, Debug)]
struct Target {
    /// Whether it means the same everywhere.
    absolute: bool,
    text: String,
}

#[derive(Debug)]
struct Root {
    name: String,
    path: String,
    module: bool,
}

impl Target {
    /// The path as it is written `depth` modules below the root.
    fn from(&self, depth: usize) -> String {
        let up = if self.absolute { 0 } else { depth };
        "super::".repeat(up) + &self.text
    }
}

impl External {
    /// Finds what the options `with` and `wasi` mean in a plan whose modules are laid out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Generate`](crate::ErrorKind::Generate) for a key that means nothing that can be
    /// replaced, and a path that is none.
    pub(super) fn new(plan: &Plan<'_>, options: &Options) -> Result<Self> {
        let what = "type, resource or imported interface";
        let mut search = Search {
            filter: Filter::unique(OPTION, what, &options.with)?,
            wasi: options.wasi.as_deref(),
            world: &plan.name,
            found: Self::default(),
        };
        for module in &plan.modules {
            if module.interface.is_some() && module.side == Side::Import {
                search.module(module)?;
            }
        }
        for module in &plan.modules {
            search.items(plan, module)?;
        }
        for module in &plan.modules {
            search.refuse_exports(plan, module)?;
        }
        search.filter.finish(&plan.wit_name)?;
        Ok(search.found)
    }

    /// Whether a module is the user's.
    pub(super) fn replaces(&self, module: &Module<'_>) -> bool {
        let interface = module.interface.filter(|_| module.side == Side::Import);
        interface.is_some_and(|id| self.modules.contains_key(&id))
    }

    /// The path of the user's module, from `depth` modules below the root.
    pub(super) fn module(&self, module: &Module<'_>, depth: usize) -> Option<String> {
        let interface = module.interface.filter(|_| module.side == Side::Import)?;
        self.modules
            .get(&interface)
            .map(|target| target.from(depth))
    }

    /// The user's type.
    pub(super) fn ty(&self, id: TypeId, depth: usize) -> Option<String> {
        self.types.get(&id).map(|target| target.from(depth))
    }

    /// The user's type for the values of a resource.
    pub(super) fn resource(&self, id: TypeId, depth: usize) -> Option<String> {
        self.resources.get(&id).map(|target| target.from(depth))
    }

    /// Writes the names at the root.
    pub(super) fn emit(&self, w: &mut Writer) {
        for root in &self.roots {
            let Root { name, path, module } = root;
            w.gap();
            if *module {
                w.line(&format!("use {path} as {name};"));
            } else {
                w.line(&format!("type {name} = {path};"));
            }
        }
    }
}

struct Search<'s, 'o> {
    filter: Filter<'o, String>,
    /// Where WASI is found.
    wasi: Option<&'o str>,
    world: &'s str,
    found: External,
}

impl Search<'_, '_> {
    fn module(&mut self, module: &Module<'_>) -> Result<()> {
        let Some(id) = module.interface else {
            return Ok(());
        };
        let names = Names::interface(&module.wit_name);
        let (base, version) = split_version(&module.wit_name);
        let (target, own) = match (self.filter.best(&names), self.wasi) {
            (Some((key, path)), _) => {
                // A package stands for its interfaces, a namespace for its packages.
                let below = match split_version(key).0 {
                    key if key == base => 0,
                    key if key.contains(':') => 1,
                    _ => 2,
                };
                let own = &module.path[module.path.len().saturating_sub(below)..];
                (self.target(OPTION, key, path, true)?, own.to_vec())
            }
            (None, Some(path)) => match wasi_module(base, version) {
                Some(own) => (self.target("wasi", "wasi", path, true)?, own.to_vec()),
                None => return Ok(()),
            },
            (None, None) => return Ok(()),
        };
        let text = own
            .iter()
            .fold(target.text, |path, name| path + "::" + name);
        let target = Target { text, ..target };
        self.found.modules.insert(id, target);
        Ok(())
    }

    fn items(&mut self, plan: &Plan<'_>, module: &Module<'_>) -> Result<()> {
        // What stands behind a resource of a module of the user's is said as for ours.
        let replaced = self.found.replaces(module);
        for (label, id) in plan.types_of(module) {
            let resource = matches!(plan.resolve.types[id].kind, TypeDefKind::Resource);
            if resource && module.side == Side::Export || replaced && !resource {
                continue;
            }
            let names = Names::item(&module.wit_name, label);
            let Some((key, path)) = self.filter.best(&names) else {
                continue;
            };
            let target = self.target(OPTION, key, path, false)?;
            let map = match resource {
                true => &mut self.found.resources,
                false => &mut self.found.types,
            };
            map.insert(id, target);
        }
        Ok(())
    }

    /// Says of what is exported alone why it cannot be replaced.
    fn refuse_exports(&mut self, plan: &Plan<'_>, module: &Module<'_>) -> Result<()> {
        if module.side == Side::Import || module.interface.is_none() {
            return Ok(());
        }
        if let Some(key) = self
            .filter
            .unused(&Names::exact_interface(&module.wit_name))
        {
            let message = format!("the guest implements `{key}`: only imports can be replaced");
            return Err(refused(OPTION, key, message));
        }
        for (label, _) in plan.types_of(module) {
            if let Some(key) = self.filter.unused(&Names::item(&module.wit_name, label)) {
                let message = format!(
                    "the resource `{key}` is the guest's: only values of the host can be replaced"
                );
                return Err(refused(OPTION, key, message));
            }
        }
        Ok(())
    }

    /// The path `text`, which `key` of `option` stands for.
    fn target(
        &mut self,
        option: &'static str,
        key: &str,
        text: &str,
        module: bool,
    ) -> Result<Target> {
        let text = text.trim();
        let simple = is_path(text);
        if module && !simple {
            let message = format!("expected the path of a module for `{key}`, found `{text}`");
            return Err(refused(option, key, message));
        }
        if text.is_empty() || text.contains(char::is_control) {
            let message = format!("expected a Rust type for `{key}`, found `{text}`");
            return Err(refused(option, key, message));
        }
        if simple && (text.starts_with("::") || text.starts_with("crate::") || text == "crate") {
            return Ok(Target {
                absolute: true,
                text: text.to_owned(),
            });
        }
        let roots = &mut self.found.roots;
        let known = roots
            .iter()
            .find(|root| root.path == text && root.module == module);
        let name = known.map(|root| root.name.clone()).unwrap_or_else(|| {
            let number = roots.len();
            // No WIT name begins with an underscore.
            let name = match module {
                true => format!("__with_{number}_{}", snake(self.world)),
                false => format!("__With{number}{}", self.world),
            };
            roots.push(Root {
                name: name.clone(),
                path: text.to_owned(),
                module,
            });
            name
        });
        Ok(Target {
            absolute: false,
            text: name,
        })
    }
}

/// The module of an interface below that of WASI, if the crate `linkspan-wasi` has it.
fn wasi_module(interface: &str, version: Option<&str>) -> Option<[String; 2]> {
    let (package, name) = interface.strip_prefix("wasi:")?.split_once('/')?;
    let (_, known) = WASI.iter().find(|(known, _)| *known == package)?;
    // What came before a release had other functions.
    let patch = version?.strip_prefix("0.2.")?;
    let is_there = patch.bytes().all(|c| c.is_ascii_digit()) && known.contains(&name);
    is_there.then(|| [snake(package), snake(name)])
}

/// Whether `text` is a path of identifiers and nothing else.
pub(super) fn is_path(text: &str) -> bool {
    let identifier = |part: &str| {
        let part = part.strip_prefix("r#").unwrap_or(part);
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && chars.all(|c| c.is_alphanumeric() || c == '_')
    };
    text.strip_prefix("::")
        .unwrap_or(text)
        .split("::")
        .all(identifier)
}
