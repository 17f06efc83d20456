//! Core modules of the host against what a component declares them to be.

use std::collections::BTreeMap;

use linkspan_engine::{Engine, ExternType, Module};

use super::report::LinkDifference;
use crate::plan::{CoreItemType, ModuleType};

/// Every import that the module needs and is not given, and every export that
/// it lacks or has with another type.
pub(super) fn compare(declared: &ModuleType, module: &Module) -> Vec<LinkDifference> {
    let engine = module.engine();
    let mut differences = Vec::new();
    let imports = declared.imports.iter();
    let given: BTreeMap<(&str, &str), &CoreItemType> = imports
        .map(|(from, name, ty)| ((&**from, &**name), ty))
        .collect();
    for import in module.imports() {
        let path = format!("import {:?} {:?}", import.module, import.name);
        match given.get(&(import.module, import.name)) {
            None => {
                let expected = "one of the declared imports";
                differences.push(LinkDifference::new(path, expected, import.ty.to_string()));
            }
            // What the component gives must do for what the module needs.
            Some(given) if !provides(engine, given, &import.ty) => {
                let (expected, found) = (given.describe(), import.ty.to_string());
                differences.push(LinkDifference::new(path, expected, found));
            }
            Some(_) => {}
        }
    }
    for (name, expected) in &declared.exports {
        let path = format!("export {name:?}");
        match module.get_export(name) {
            None => {
                differences.push(LinkDifference::new(path, expected.describe(), "nothing"));
            }
            Some(found) if !satisfies(engine, &found, expected) => {
                let found = found.to_string();
                differences.push(LinkDifference::new(path, expected.describe(), found));
            }
            Some(_) => {}
        }
    }
    differences
}

/// The module in words.
pub(super) fn describe(module: &Module) -> String {
    match module.name() {
        Some(name) => format!("the core module {name:?}"),
        None => "a core module".to_owned(),
    }
}

fn provides(engine: &Engine, given: &CoreItemType, needed: &ExternType) -> bool {
    match &given.ty {
        Some(given) => engine.fits(given, needed),
        None => given.kind == needed.kind_name(),
    }
}

fn satisfies(engine: &Engine, found: &ExternType, declared: &CoreItemType) -> bool {
    match &declared.ty {
        Some(declared) => engine.fits(found, declared),
        None => found.kind_name() == declared.kind,
    }
}

impl CoreItemType {
    fn describe(&self) -> String {
        match &self.ty {
            Some(ty) => ty.to_string(),
            None => format!("a {}", self.kind),
        }
    }
}
