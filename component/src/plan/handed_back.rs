//! Which imported functions a component hands back to its host: those that it
//! exports as they are, and those that it calls as start functions. The host
//! calls them as it calls lifted functions.

use std::collections::BTreeMap;

use super::{FuncItem, FuncSource, FuncTypeId, ImportId, Item, Items, Plan, Step};

/// Imported functions that are handed back, each with its type, in the order
/// of the imports.
pub(super) fn handed_back(plan: &Plan) -> Vec<(ImportId, FuncTypeId)> {
    let mut found = BTreeMap::new();
    let mut add = |func: FuncItem| {
        if let FuncSource::Import(import) = func.source {
            found.entry(import).or_insert(func.ty);
        }
    };
    for step in &plan.steps {
        if let Step::Start { func, .. } = step {
            add(*func);
        }
    }
    // An instance may be exported under many names.
    let mut seen = vec![false; plan.instances.len()];
    let mut open: Vec<&Items> = vec![&plan.root_exports];
    while let Some(items) = open.pop() {
        for (_, item) in items.iter() {
            match item {
                Item::Func(func) => add(func),
                Item::Instance(id) => {
                    if let (Some(seen @ false), Some(items)) =
                        (seen.get_mut(id.index()), plan.instances.get(id.index()))
                    {
                        *seen = true;
                        open.push(items);
                    }
                }
                Item::Type(_) | Item::Module(_) | Item::Component(_) | Item::Value(_) => {}
            }
        }
    }
    found.into_iter().collect()
}
