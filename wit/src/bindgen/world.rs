//! The fixed part of a world's bindings: its type, its prepared form, and the glue to the runtime.
//!
//! The world's type holds a guest together with its store, or with a borrow of one; its inherent
//! methods are the exports and nothing else. What differs between worlds in here is names and a
//! table; types and functions are written by the other files of this folder.

use super::ALLOW;
use super::exports::{self, Reach};
use super::imports;
use super::plan::{self, Plan, ROOT};
use super::refs::Refs;
use super::writer::Writer;

/// Writes everything that stands at the root, types excepted.
pub(super) fn emit(w: &mut Writer, plan: &Plan<'_>) {
    types(w, plan);
    table(w, plan);
    functions(w, plan);
}

fn types(w: &mut Writer, plan: &Plan<'_>) {
    let name = &plan.name;
    let wit_name = &plan.wit_name;
    w.gap();
    let world = &plan.resolve.worlds[plan.world];
    w.docs_of(
        plan::docs(&world.docs),
        &format!("A guest of the world `{wit_name}`, with its store or a borrow of one."),
    );
    w.line("///");
    w.line(&format!("/// {}", plan.origin(&world.name, world.span)));
    w.line(ALLOW);
    w.line("#[derive(Debug)]");
    let root = &plan.modules[ROOT];
    let (h, s) = (root.generic("H"), root.generic("S"));
    let head = format!("pub struct {name}<{h}: 'static, {s} = ::linkspan::Store<{h}>>(");
    let field = format!("::linkspan::bound::Bound<{h}, {s}>");
    if w.fits(&format!("{head}{field});")) {
        w.line(&format!("{head}{field});"));
    } else {
        w.open(&head);
        w.line(&format!("{field},"));
        w.close(");");
    }
}

/// Writes the table of what the world imports and exports.
fn table(w: &mut Writer, plan: &Plan<'_>) {
    let name = &plan.name;
    w.gap();
    let h = plan.modules[ROOT].generic("H");
    let bounds: Vec<String> = (plan.host_modules())
        .flat_map(|(index, _)| imports::bounds(plan, ROOT, index, &h))
        .collect();
    w.open(&format!(
        "::linkspan::bindings! {{ {name}<{h}>, {}, {} of {:?}{} {{",
        plan.beside_world("Exports"),
        plan.beside_world("Pre"),
        plan.wit_name,
        imports::where_clause(&bounds)
    ));
    for (index, _) in plan.host_modules() {
        if index == ROOT {
            w.open(&format!("root {} |at| {{", plan.host_trait(ROOT)));
            imports::emit_root_glue(w, plan, &h);
            w.close("}");
        } else {
            w.line(&format!("import [{}];", plan.module_path(index)));
        }
    }
    w.lines(&exports::table(&Refs::new(plan, ROOT), &plan.root_exports));
    for (index, module) in plan.guest_modules().filter(|(_, m)| m.needs_guest()) {
        let path = plan.module_path(index);
        let [first, ..] = module.funcs.as_slice() else {
            w.line(&format!("export [{path}];"));
            continue;
        };
        let functions = match module.optional {
            true => format!(" if {}..{}", first.index, first.index + module.funcs.len()),
            false => String::new(),
        };
        w.line(&format!("/// The interface `{}`.", module.wit_name));
        w.line(&format!(
            "export [{path}] as {}{functions};",
            module.accessor
        ));
    }
    w.close("} }");
}

/// The exported functions of the world itself.
fn functions(w: &mut Writer, plan: &Plan<'_>) {
    if plan.root_exports.is_empty() {
        return;
    }
    let name = &plan.name;
    w.gap();
    w.line(ALLOW);
    let root = &plan.modules[ROOT];
    let (h, s) = (root.generic("H"), root.generic("S"));
    w.open(&format!(
        "impl<{h}, {s}: ::linkspan::bound::Access<{h}>> {name}<{h}, {s}> {{"
    ));
    let refs = Refs::new(plan, ROOT);
    for func in &plan.root_exports {
        exports::emit_func(w, &refs, func, Reach::Own);
    }
    w.close("}");
}
