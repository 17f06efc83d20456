//! One pass over the imports of a component: a definition for each, its kind
//! and type compared. Resource types are settled first, since functions
//! refer to them.

use linkspan_canon_abi::{Comparison, ResourceTypeId, Val, ValType};

use super::offers;
use super::report::{LinkDifference, LinkImport, LinkProblem, LinkReport, LinkSource, LinkState};
use super::{Definition, Names};
use crate::code::Code;
use crate::component::Component;
use crate::func::host::{FuncCheck, FuncMismatch};
use crate::func::values::value_for;
use crate::names::{self, ItemPath};
use crate::plan::{FuncTypeId, Import, ImportKind, Plan};
use crate::resource::ResourceType;

/// A component with a definition for each of its imports.
pub(crate) struct Resolved {
    /// Plan and compiled types, with imported components bound.
    pub(crate) code: std::sync::Arc<Code>,
    /// The binaries that the plan is made of.
    pub(crate) components: Vec<Component>,
    /// By import.
    pub(crate) imports: Vec<Definition>,
}

/// What the look-up of a component's imports came to.
pub(crate) struct Resolution {
    /// What is known about each import.
    pub(crate) report: LinkReport,
    /// The definitions, if each import has one that fits.
    pub(crate) resolved: Option<Resolved>,
}

/// Finds a definition for each import of a component.
pub(crate) fn resolve(names: &Names, component: &Component) -> Resolution {
    let mut report = LinkReport::default();
    let bound: Vec<(ItemPath, Component)> = component
        .code()
        .imports
        .iter()
        .filter_map(|import| match look_up(names, import) {
            Ok((_, Definition::Component(component))) => {
                Some((import.path.clone(), component.clone()))
            }
            Ok(_) | Err(_) => None,
        })
        .collect();
    let (code, components) = match component.bind(&bound) {
        Ok(bound) => bound,
        Err(error) => {
            report.push_error(&error);
            // The other imports are looked at all the same.
            (component.code().clone(), vec![component.clone()])
        }
    };
    let mut found: Vec<Option<Definition>> = Vec::with_capacity(code.imports.len());
    for import in &code.imports {
        found.push(find(names, &code, import, &mut report));
    }
    compare(&code, &found, &mut report);
    report.settle();
    let imports: Vec<Definition> = found.into_iter().flatten().collect();
    let is_linked = report.is_ok() && imports.len() == code.imports.len();
    Resolution {
        report,
        resolved: is_linked.then_some(Resolved {
            code,
            components,
            imports,
        }),
    }
}

/// The definition of one import, if there is one of its kind. What is known
/// of it goes into the report, its type still to be compared.
fn find(
    names: &Names,
    plan: &Plan,
    import: &Import,
    report: &mut LinkReport,
) -> Option<Definition> {
    let mut problem = LinkProblem::new(import.path.clone(), expected(plan, import));
    let mut out = None;
    let state = match look_up(names, import) {
        Ok((by, definition)) if definition.kind() == kind(&import.kind) => {
            out = Some(definition.clone());
            let versioned = by.names().first();
            LinkState::Satisfied {
                track: versioned.and_then(|name| names::track(name)),
                source: source(definition),
                by,
            }
        }
        Ok((_, definition)) => {
            problem.found = Some(offers::with_article(definition.kind()));
            LinkState::Mismatched
        }
        Err(missing) => {
            offers::add(names, missing, &mut problem);
            match problem.found {
                Some(_) => LinkState::Mismatched,
                None => LinkState::Missing,
            }
        }
    };
    report.push_import(LinkImport {
        path: import.path.clone(),
        expected: problem.expected.clone(),
        state,
    });
    if out.is_none() {
        report.push(problem);
    }
    out
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

fn source(definition: &Definition) -> LinkSource {
    match definition {
        Definition::Host(func) if func.is_stub() => LinkSource::Stub,
        Definition::Host(_) => LinkSource::HostFunc,
        Definition::Guest(..) => LinkSource::InstanceFunc,
        Definition::Resource(..) => LinkSource::Resource,
        Definition::Module(_) => LinkSource::Module,
        Definition::Component(_) => LinkSource::Component,
        // No import is an instance: its items are.
        Definition::Value(_) | Definition::Instance(_) => LinkSource::Value,
    }
}

/// What an import asks for, in words.
fn expected(plan: &Plan, import: &Import) -> String {
    match &import.kind {
        ImportKind::Func(ty) => plan.func(*ty).to_string(),
        ImportKind::Value(value) => match plan.values.get(value.index()).map(|v| v.ty) {
            Some(Ok(ty)) => format!("a value of type {}", plan.types.display(ty)),
            Some(Err(_)) | None => "a value".to_owned(),
        },
        other @ (ImportKind::Resource(_) | ImportKind::Module(_) | ImportKind::Component) => {
            format!("a {}", kind(other))
        }
    }
}

/// How far a look-up came: the position of the name that is missing, the
/// names that led to its level, and what stands in the way if it is not that
/// there is nothing.
pub(super) struct Missing<'a> {
    pub(super) position: usize,
    pub(super) prefix: Vec<String>,
    pub(super) level: &'a Names,
    pub(super) other: Option<&'a Definition>,
}

/// The definition for an import, and by which names it was found.
pub(super) fn look_up<'a>(
    names: &'a Names,
    import: &Import,
) -> Result<(ItemPath, &'a Definition), Missing<'a>> {
    let mut level = names;
    let mut by: Option<ItemPath> = None;
    let path = import.path.names();
    let missing = |position, level, by: Option<ItemPath>, other| Missing {
        position,
        prefix: by.map(|by| by.names().to_vec()).unwrap_or_default(),
        level,
        other,
    };
    for (i, name) in path.iter().enumerate() {
        // An instance under a name of its own may be defined as the interface
        // that it implements.
        let implemented = || import.implements.as_deref().filter(|_| i == 0);
        let found = level
            .get_named(name)
            .or_else(|| level.get_named(implemented()?));
        let Some((known, definition)) = found else {
            return Err(missing(i, level, by, None));
        };
        let here = match &by {
            None => ItemPath::root(known),
            Some(by) => by.child(known),
        };
        if i + 1 == path.len() {
            return Ok((here, definition));
        }
        match definition {
            Definition::Instance(inner) => level = inner,
            other => return Err(missing(i, level, Some(here), Some(other))),
        }
        by = Some(here);
    }
    Err(missing(0, level, by, None))
}

/// Compares types.
fn compare(plan: &Plan, found: &[Option<Definition>], report: &mut LinkReport) {
    // Where a resource type is missing, functions on it say nothing new.
    let is_complete = report.is_ok();
    let types = Resources {
        plan,
        found,
        is_complete,
    };
    for (import, definition) in plan.imports.iter().zip(found) {
        let mismatch = match (&import.kind, definition) {
            (ImportKind::Func(ty), Some(definition)) => compare_func(&types, *ty, definition),
            (ImportKind::Module(ty), Some(Definition::Module(module))) => {
                let differences = super::modules::compare(ty, module);
                (!differences.is_empty()).then(|| FuncMismatch {
                    found: super::modules::describe(module),
                    differences,
                })
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
        if let Some(FuncMismatch { found, differences }) = mismatch {
            let mut problem = LinkProblem::new(import.path.clone(), expected(plan, import));
            problem.found = Some(found);
            problem.hint = offers::for_differences(&differences);
            problem.differences = differences;
            report.push(problem);
        }
    }
}

/// What the resource types of a plan were linked to.
struct Resources<'a> {
    plan: &'a Plan,
    found: &'a [Option<Definition>],
    is_complete: bool,
}

impl Resources<'_> {
    /// The resource type that an import of a resource was resolved to.
    fn get(&self, id: ResourceTypeId) -> Option<ResourceType> {
        let def = self.plan.resources.get(id.0 as usize)?;
        let crate::plan::ResourceDef::Import(import) = def else {
            return None;
        };
        match self.found.get(import.index())? {
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

    /// Whether a resource type is what `is_same` says, or missing, which is
    /// reported for itself.
    fn fits(&self, id: ResourceTypeId, is_same: &dyn Fn(ResourceType) -> bool) -> bool {
        match self.get(id) {
            Some(ty) => is_same(ty),
            None => !self.is_complete,
        }
    }
}

/// What is wrong with a function, if anything.
fn compare_func(
    resources: &Resources<'_>,
    ty: FuncTypeId,
    definition: &Definition,
) -> Option<FuncMismatch> {
    let plan = resources.plan;
    // A function whose type is not built can be linked: calling it fails.
    let Some(Ok(ty)) = plan.func_types.get(ty.index()) else {
        return None;
    };
    match definition {
        Definition::Host(func) => func
            .check(FuncCheck {
                types: &plan.types,
                ty,
                resource: &|id, is_same| resources.fits(id, is_same),
            })
            .err(),
        Definition::Guest(export, _) => {
            let mut same = |expected: ResourceTypeId, found: ResourceTypeId| {
                resources.fits(expected, &|ty| Some(ty) == export.resource_type(found))
            };
            let Some(found) = export.func_type() else {
                return Some(FuncMismatch {
                    found: "a func whose type is not supported yet".to_owned(),
                    differences: Vec::new(),
                });
            };
            let differences: Vec<LinkDifference> =
                Comparison::new(&plan.types, export.types(), &mut same)
                    .func_differences(ty, found)
                    .into_iter()
                    .map(LinkDifference::from)
                    .collect();
            (!differences.is_empty()).then(|| FuncMismatch {
                found: export.types().display_func(found).to_string(),
                differences,
            })
        }
        Definition::Resource(..)
        | Definition::Module(_)
        | Definition::Component(_)
        | Definition::Value(_)
        | Definition::Instance(_) => None,
    }
}

/// What is wrong with a value, if anything. Whether its handles are alive is
/// for a store to say.
fn compare_value(plan: &Plan, ty: ValType, found: &Val) -> Option<FuncMismatch> {
    let found = value_for(&plan.types, ty, found);
    let error = found.check(&plan.types, ty).err()?;
    Some(FuncMismatch {
        found: format!("a value of another type ({error})"),
        differences: Vec::new(),
    })
}
