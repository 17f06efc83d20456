//! One pass over the imports of a component: a definition for each, its kind
//! and type compared. Resource types are settled first, since functions
//! refer to them.

use linkspan_canon_abi::{Comparison, ResourceTypeId, Val, ValType};

use super::report::{LinkProblem, LinkReport};
use super::{Definition, Names};
use crate::code::Code;
use crate::component::Component;
use crate::decode::ModuleTypeDecl;
use crate::error::Error;
use crate::func::host::FuncCheck;
use crate::func::values::value_for;
use crate::names::{ItemPath, closest};
use crate::plan::{FuncTypeId, Import, ImportKind, Plan};
use crate::resource::ResourceType;

/// A component with a definition for each of its imports.
pub(crate) struct Resolved<T: 'static> {
    /// Plan and compiled types, with imported components bound.
    pub(crate) code: std::sync::Arc<Code>,
    /// The binaries that the plan is made of.
    pub(crate) components: Vec<Component>,
    /// By import.
    pub(crate) imports: Vec<Definition<T>>,
}

/// Finds a definition for each import of a component.
pub(crate) fn resolve<T: 'static>(
    names: &Names<T>,
    component: &Component,
) -> Result<Resolved<T>, LinkReport> {
    let mut report = LinkReport::default();
    let bound: Vec<(ItemPath, Component)> = component
        .code()
        .imports
        .iter()
        .filter_map(|import| match look_up(names, import) {
            Ok(Definition::Component(component)) => Some((import.path.clone(), component.clone())),
            Ok(_) | Err(_) => None,
        })
        .collect();
    let (code, components) = match component.bind(&bound) {
        Ok(bound) => bound,
        Err(error) => {
            report = LinkReport::of(&error);
            // The other imports are looked at all the same.
            (component.code().clone(), vec![component.clone()])
        }
    };
    let mut found: Vec<Option<Definition<T>>> = Vec::with_capacity(code.imports.len());
    for import in &code.imports {
        match look_up(names, import) {
            Ok(definition) if definition.kind() == kind(&import.kind) => {
                found.push(Some(definition.clone()));
            }
            Ok(definition) => {
                let mut problem = problem(&code, import);
                problem.found = Some(definition.kind().to_owned());
                report.push(problem);
                found.push(None);
            }
            Err(hint) => {
                let mut problem = problem(&code, import);
                problem.hint = hint;
                report.push(problem);
                found.push(None);
            }
        }
    }
    compare(&code, &found, &mut report);
    let imports: Vec<Definition<T>> = found.into_iter().flatten().collect();
    if report.is_ok() && imports.len() == code.imports.len() {
        Ok(Resolved {
            code,
            components,
            imports,
        })
    } else {
        Err(report)
    }
}

/// The word for the kind of definition that an import asks for.
fn kind(import: &ImportKind) -> &'static str {
    match import {
        ImportKind::Func(_) => "func",
        ImportKind::Resource(_) => "resource",
        ImportKind::Module(_) => "core module",
        ImportKind::Component => "component",
        ImportKind::Value(_) => "value",
    }
}

fn problem(plan: &Plan, import: &Import) -> LinkProblem {
    LinkProblem {
        path: import.path.clone(),
        expected: match &import.kind {
            ImportKind::Func(ty) => plan.func(*ty).to_string(),
            ImportKind::Value(value) => match plan.values.get(value.index()).map(|v| v.ty) {
                Some(Ok(ty)) => format!("a value of type {}", plan.types.display(ty)),
                Some(Err(_)) | None => "a value".to_owned(),
            },
            other => format!("a {}", kind(other)),
        },
        found: None,
        hint: None,
    }
}

/// The definition for an import, or a hint about what is wrong.
fn look_up<'a, T>(
    names: &'a Names<T>,
    import: &Import,
) -> Result<&'a Definition<T>, Option<String>> {
    let mut level = names;
    let path = import.path.names();
    for (i, name) in path.iter().enumerate() {
        // An instance under a name of its own may be defined as the interface
        // that it implements.
        let implemented = || import.implements.as_deref().filter(|_| i == 0);
        let definition = level
            .get(name)
            .or_else(|| level.get(implemented()?))
            .ok_or_else(|| hint(level, name, i == 0))?;
        if i + 1 == path.len() {
            return Ok(definition);
        }
        match definition {
            Definition::Instance(inner) => level = inner,
            other => return Err(Some(format!("{name:?} is defined as a {}", other.kind()))),
        }
    }
    Err(None)
}

fn hint<T>(level: &Names<T>, name: &str, outermost: bool) -> Option<String> {
    if outermost && name.starts_with("wasi:") {
        return Some(
            "WASI is not built yet, so the host has to define this interface itself".into(),
        );
    }
    let base = name.split_once('@').map_or(name, |(base, _)| base);
    let other_version = level
        .iter()
        .map(|(known, _)| known)
        .find(|known| known.split_once('@').is_some_and(|(b, _)| b == base));
    if let Some(known) = other_version {
        return Some(format!("{known:?} is defined, which is not compatible"));
    }
    let known = closest(name, level.iter().map(|(known, _)| known))?;
    Some(format!("did you mean {known:?}?"))
}

/// Compares types.
fn compare<T: 'static>(plan: &Plan, found: &[Option<Definition<T>>], report: &mut LinkReport) {
    let resource = |id: ResourceTypeId| resource_type(plan, found, id);
    for (import, definition) in plan.imports.iter().zip(found) {
        let mismatch = match (&import.kind, definition) {
            (ImportKind::Func(ty), Some(definition)) => {
                compare_func(plan, *ty, definition, &resource)
            }
            (ImportKind::Module(ty), Some(Definition::Module(module))) => {
                compare_module(ty, module)
            }
            (ImportKind::Value(value), Some(Definition::Value(found))) => {
                match plan.values.get(value.index()).map(|value| value.ty) {
                    Some(Ok(ty)) => compare_value(plan, ty, found),
                    // Whatever uses the value is refused.
                    Some(Err(_)) | None => None,
                }
            }
            _ => None,
        };
        if let Some(text) = mismatch {
            let mut problem = problem(plan, import);
            problem.found = Some(text);
            report.push(problem);
        }
    }
}

/// The resource type that an import of a resource was resolved to.
fn resource_type<T>(
    plan: &Plan,
    found: &[Option<Definition<T>>],
    id: ResourceTypeId,
) -> Option<ResourceType> {
    let crate::plan::ResourceDef::Import(import) = plan.resources.get(id.0 as usize)? else {
        return None;
    };
    match found.get(import.index())? {
        Some(Definition::Resource(ty, _)) => Some(*ty),
        Some(
            Definition::Host(_)
            | Definition::Guest(..)
            | Definition::Module(_)
            | Definition::Component(_)
            | Definition::Value(_)
            | Definition::Instance(_),
        )
        | None => None,
    }
}

/// What is wrong with a function, if anything.
fn compare_func<T: 'static>(
    plan: &Plan,
    ty: FuncTypeId,
    definition: &Definition<T>,
    resource: &dyn Fn(ResourceTypeId) -> Option<ResourceType>,
) -> Option<String> {
    // A function whose type is not built can be linked: calling it fails.
    let Some(Ok(ty)) = plan.func_types.get(ty.index()) else {
        return None;
    };
    let result = match definition {
        Definition::Host(func) => func.check(FuncCheck {
            types: &plan.types,
            ty,
            resource,
        }),
        Definition::Guest(export, _) => {
            let mut same = |expected: ResourceTypeId, found: ResourceTypeId| {
                resource(expected).is_some_and(|ty| Some(ty) == export.resource_type(found))
            };
            let Some(found) = export.func_type() else {
                return Some("a func whose type is not supported yet".to_owned());
            };
            Comparison::new(&plan.types, export.types(), &mut same)
                .func(ty, found)
                .map_err(Error::from)
        }
        Definition::Resource(..)
        | Definition::Module(_)
        | Definition::Component(_)
        | Definition::Value(_)
        | Definition::Instance(_) => Ok(()),
    };
    result
        .err()
        .map(|error| format!("a func of another type ({error})"))
}

/// What is wrong with a value, if anything. Whether its handles are alive is
/// for a store to say.
fn compare_value(plan: &Plan, ty: ValType, found: &Val) -> Option<String> {
    let found = value_for(&plan.types, ty, found);
    let error = found.check(&plan.types, ty).err()?;
    Some(format!("a value of another type ({error})"))
}

/// What is wrong with the names and kinds of a core module, if anything. Types
/// of its items are compared where they are used: by the engine for imports of
/// other core modules, and when an instance is prepared for the canonical ABI.
fn compare_module(ty: &ModuleTypeDecl, module: &linkspan_engine::Module) -> Option<String> {
    for import in module.imports() {
        let declared = ty
            .imports
            .iter()
            .any(|(m, n, _)| **m == *import.module && **n == *import.name);
        if !declared {
            return Some(format!(
                "a core module that needs {:?} {:?}",
                import.module, import.name
            ));
        }
    }
    for (name, kind) in &ty.exports {
        match module.get_export(name) {
            None => return Some(format!("a core module without the {kind} {name:?}")),
            Some(found) if found.kind_name() != *kind => {
                return Some(format!(
                    "a core module whose {name:?} is a {}, not a {kind}",
                    found.kind_name()
                ));
            }
            Some(_) => {}
        }
    }
    None
}
