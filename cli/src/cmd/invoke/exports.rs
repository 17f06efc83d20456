//! The functions that a component exports: listed with their types, and found by name.

use std::io::Write;

use linkspan::Component;
use linkspan::TextError;
use linkspan::abi::{FuncType, TypeTable};
use linkspan::types::{self, Item, Items};
use linkspan::wave::Callee;
use linkspan_wit::inspect::{Function, FunctionKind, World, WorldItemKind};
use linkspan_wit::{PackageSet, nearest};

use crate::failure::{Failure, Kind, Result};

/// How deep exported instances are looked into.
const INSTANCE_DEPTH_MAX: usize = 8;
/// Names listed when none of them was meant.
const LISTED_MAX: usize = 12;

/// All exported functions.
pub(super) struct Exports<'c> {
    functions: Vec<Export<'c>>,
}

/// An exported function.
#[derive(Clone, Debug)]
pub(super) struct Export<'c> {
    /// The instances around it, from the outside in.
    interfaces: Vec<&'c str>,
    /// Its name in the component: `[method]conn.send`.
    name: &'c str,
    func: types::Func<'c>,
}

/// A text that is not the value it should be: the report shows the place.
pub(super) fn usage(error: &TextError) -> Failure {
    Failure::new(Kind::Usage, format!("{error:#}"))
}

impl<'c> Export<'c> {
    pub(super) fn path(&self) -> impl Iterator<Item = &'c str> {
        self.interfaces.iter().copied().chain([self.name])
    }

    /// `interface#name`, as a person would call it.
    pub(super) fn name(&self) -> String {
        match self.interfaces.as_slice() {
            [] => self.label(),
            interfaces => format!("{}#{}", interfaces.join("#"), self.label()),
        }
    }

    /// The name without the mark for what it is: `conn.send`, `conn.constructor`.
    fn label(&self) -> String {
        match self.name.strip_prefix("[constructor]") {
            Some(resource) => format!("{resource}.constructor"),
            None => self.name.rsplit(']').next().unwrap_or(self.name).to_owned(),
        }
    }

    pub(super) fn types(&self) -> &'c TypeTable {
        self.func.table()
    }

    /// Its type, if all of it can be called.
    pub(super) fn ty(&self) -> Result<&'c FuncType> {
        self.func.func_type().ok_or_else(|| {
            let message = format!(
                "`{}` cannot be called: its type {} is not supported yet",
                self.name(),
                self.func
            );
            Failure::new(Kind::Input, message)
        })
    }

    fn is_called(&self, callee: &Callee) -> bool {
        let named = |function: &str| function == self.name || function == self.label();
        match &callee.interface {
            Some(interface) => {
                let inner = self.interfaces.last();
                named(&callee.function) && inner.is_some_and(|i| interface_is(i, interface))
            }
            None => named(&callee.function),
        }
    }
}

/// Whether `id`, an interface as a component names it, is meant by `name`: the same, or without
/// its version, or only its label.
fn interface_is(id: &str, name: &str) -> bool {
    let unversioned = id.split('@').next().unwrap_or(id);
    let label = unversioned.rsplit('/').next().unwrap_or(unversioned);
    [id, unversioned, label].contains(&name)
}

impl<'c> Exports<'c> {
    pub(super) fn new(component: &'c Component) -> Self {
        let mut exports = Self {
            functions: Vec::new(),
        };
        exports.add(component.exports(), &[]);
        exports
    }

    fn add(&mut self, items: Items<'c>, interfaces: &[&'c str]) {
        for (name, item) in items.iter() {
            match item {
                Item::Func(func) => self.functions.push(Export {
                    interfaces: interfaces.to_vec(),
                    name,
                    func,
                }),
                Item::Instance(items) if interfaces.len() < INSTANCE_DEPTH_MAX => {
                    let mut interfaces = interfaces.to_vec();
                    interfaces.push(name);
                    self.add(items, &interfaces);
                }
                _ => {}
            }
        }
    }

    /// The function that `callee` names.
    pub(super) fn find(&self, callee: &Callee) -> Result<Export<'c>> {
        let mut found: Vec<&Export<'c>> = self
            .functions
            .iter()
            .filter(|e| e.is_called(callee))
            .collect();
        // A function of the component itself comes before one of an interface.
        if callee.interface.is_none() && found.iter().any(|e| e.interfaces.is_empty()) {
            found.retain(|e| e.interfaces.is_empty());
        }
        match found.as_slice() {
            [export] => Ok((*export).clone()),
            [] => match self.in_interface(callee) {
                Some(callee) => self.find(&callee),
                None => Err(self.not_found(callee)),
            },
            several => {
                let names = several.iter().map(|e| format!("\n    {}", e.name()));
                let names: String = names.collect();
                let message = format!("`{callee}` is the name of several functions:{names}");
                Err(Failure::new(Kind::Usage, message))
            }
        }
    }

    /// `a.b`, which is no method, as the function `b` of an interface `a`.
    fn in_interface(&self, callee: &Callee) -> Option<Callee> {
        let (interface, function) = callee.function.split_once('.')?;
        let callee = Callee {
            interface: Some(interface.to_owned()),
            function: function.to_owned(),
        };
        let found = self.functions.iter().any(|e| e.is_called(&callee));
        (found && !callee.function.is_empty()).then_some(callee)
    }

    #[cold]
    fn not_found(&self, callee: &Callee) -> Failure {
        let mut message = format!("there is no function `{callee}`");
        let labels: Vec<String> = self.functions.iter().map(Export::label).collect();
        if let Some(near) = nearest(&callee.function, labels.iter().map(String::as_str)) {
            message.push_str(&format!("\n  = help: did you mean `{near}`?"));
        } else if self.functions.is_empty() {
            message.push_str("\n  = note: the component exports no function");
        } else {
            message.push_str("\n  = note: it exports");
            for export in self.functions.iter().take(LISTED_MAX) {
                message.push_str(&format!("\n      {}", export.name()));
            }
            if let Some(more @ 1..) = self.functions.len().checked_sub(LISTED_MAX) {
                message.push_str(&format!("\n      and {more} more"));
            }
        }
        Failure::new(Kind::Usage, message)
    }

    /// Prints all functions, with the names that their types have in WIT. Where a component is
    /// more than WIT can say, types are printed by their structure.
    pub(super) fn list(&self, out: &mut dyn Write, wit: Option<&PackageSet>) -> Result {
        if self.functions.is_empty() {
            writeln!(
                out,
                "nothing can be called: the component exports no function"
            )?;
            return Ok(());
        }
        if let Some(world) = wit.and_then(|wit| wit.world(None).ok()) {
            return list_world(out, world);
        }
        for export in &self.functions {
            writeln!(out, "{}: {}", export.name(), export.func)?;
        }
        Ok(())
    }
}

fn list_world(out: &mut dyn Write, world: World<'_>) -> Result {
    for item in world.exports() {
        match item.kind() {
            WorldItemKind::Function(function) => writeln!(out, "{}", signature(function))?,
            WorldItemKind::Interface(interface) => {
                if interface.functions().next().is_none() {
                    continue;
                }
                writeln!(out, "{}", item.name())?;
                for function in interface.functions() {
                    writeln!(out, "  {}", signature(function))?;
                }
            }
            WorldItemKind::Type(_) => {}
        }
    }
    Ok(())
}

/// A function with its signature, under the name by which it is called here.
fn signature(function: Function<'_>) -> String {
    match function.kind() {
        FunctionKind::Freestanding => function.to_string(),
        FunctionKind::Method(resource)
        | FunctionKind::Static(resource)
        | FunctionKind::Constructor(resource) => format!("{resource}.{function}"),
    }
}
