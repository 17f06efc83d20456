//! `linkspan inspect`: what a component, a module or a WIT package is.

use std::io::{self, Write};

use clap::Args;
use linkspan_wit::inspect::{Interface, World, WorldItem, WorldItemKind};
use linkspan_wit::{Loader, PackageSet};
use serde_json::json;

use crate::binary::{self, Detail, Kind, Node};
use crate::failure::{Failure, Kind as FailureKind, Result};
use crate::input::WitInput;
use crate::json;

/// Show what a component imports, exports and contains.
///
/// Of a component: its imports and exports with their types, then the modules and components
/// inside, with the size of their sections and the tools that made them. Of a core module: the
/// same without types of the component model. Of WIT: its packages, interfaces and worlds.
///
/// Nothing is linked or run, so a component may be inspected whatever it needs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Inspect {
    #[command(flatten)]
    input: WitInput,

    /// Print JSON, made for tools: one object, with the format's version.
    #[arg(long)]
    json: bool,

    /// List the largest functions of each module.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    functions: usize,

    /// Leave out what is inside: only imports and exports.
    #[arg(long)]
    no_contents: bool,
}

const EXAMPLES: &str = "\
Examples:
  linkspan inspect plugin.wasm
  linkspan inspect plugin.wasm --functions 10    where the bytes are
  linkspan inspect plugin.wasm --json
  linkspan inspect wit                           the packages in a folder";

impl Inspect {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result {
        match self.input.single_binary()? {
            Some((name, bytes)) => self.binary(out, &name, &bytes),
            None => self.wit(out),
        }
    }

    fn wit(&self, out: &mut dyn Write) -> Result {
        let set = self.input.load()?;
        if self.json {
            return print_json(out, &json::set(&set));
        }
        for package in set.packages() {
            let role = if package.is_main() {
                ""
            } else {
                " (dependency)"
            };
            writeln!(out, "package {package}{role}")?;
            for interface in package.interfaces() {
                let name = interface.name().unwrap_or_default();
                let (types, functions) = (interface.types().count(), interface.functions().count());
                writeln!(
                    out,
                    "  interface {name}: {types} types, {functions} functions"
                )?;
            }
            for world in package.worlds() {
                let (imports, exports) = (world.imports().count(), world.exports().count());
                let name = world.name();
                writeln!(out, "  world {name}: {imports} imports, {exports} exports")?;
            }
        }
        Ok(())
    }

    fn binary(&self, out: &mut dyn Write, name: &str, bytes: &[u8]) -> Result {
        let node = Node::read(bytes)?;
        let set = match node.kind {
            Kind::Component => Some(Loader::new().bytes(name, bytes).load()?),
            Kind::Module => None,
        };
        if self.json {
            return self.binary_json(out, &node, set.as_ref());
        }
        writeln!(out, "{name}: {}", node.kind.name())?;
        if let Some(set) = &set {
            match set.world(None) {
                Ok(world) => print_world(out, world)?,
                // A binary WIT package holds packages, not a world of its own.
                Err(_) => {
                    for package in set.main_packages() {
                        writeln!(out, "  the WIT package {package} in binary form")?;
                    }
                }
            }
        }
        if !self.no_contents {
            let detail = Detail {
                functions: self.functions,
                core_items: node.kind == Kind::Module,
            };
            writeln!(out, "contents")?;
            binary::print(out, &node, 1, detail)?;
        }
        Ok(())
    }

    fn binary_json(&self, out: &mut dyn Write, node: &Node, set: Option<&PackageSet>) -> Result {
        let mut value = json!({ "version": json::VERSION, "kind": node.kind.name() });
        let world = set.and_then(|set| set.world(None).ok());
        if let Some(world) = world {
            value["world"] = json::world(world);
        }
        if let Some(set) = set {
            value["packages"] = json::set(set)["packages"].take();
        }
        if !self.no_contents {
            value["contents"] = node.json(self.functions);
        }
        print_json(out, &value)
    }
}

fn print_json(out: &mut dyn Write, value: &serde_json::Value) -> Result {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::new(FailureKind::Input, format!("cannot write JSON: {e}")))?;
    writeln!(out, "{text}")?;
    Ok(())
}

/// Imports and exports with their types.
fn print_world(out: &mut dyn Write, world: World<'_>) -> io::Result<()> {
    let imports: Vec<WorldItem<'_>> = world.imports().collect();
    let exports: Vec<WorldItem<'_>> = world.exports().collect();
    for (word, items) in [("imports", imports), ("exports", exports)] {
        if items.is_empty() {
            writeln!(out, "{word} nothing")?;
            continue;
        }
        writeln!(out, "{word}")?;
        for item in items {
            print_item(out, item)?;
        }
    }
    Ok(())
}

fn print_item(out: &mut dyn Write, item: WorldItem<'_>) -> io::Result<()> {
    match item.kind() {
        WorldItemKind::Interface(interface) => {
            writeln!(out, "  {}", item.name())?;
            print_functions(out, interface)
        }
        WorldItemKind::Function(function) => match function.resource() {
            Some(resource) => writeln!(out, "  {resource}.{function}"),
            None => writeln!(out, "  {function}"),
        },
        WorldItemKind::Type(ty) => writeln!(out, "  type {ty}"),
    }
}

fn print_functions(out: &mut dyn Write, interface: Interface<'_>) -> io::Result<()> {
    for function in interface.functions() {
        match function.resource() {
            Some(resource) => writeln!(out, "    {resource}.{function}")?,
            None => writeln!(out, "    {function}")?,
        }
    }
    Ok(())
}
