//! The fixed part of a world's bindings: its type, its prepared form, and the glue to the runtime.
//!
//! The world's type holds a guest together with its store, or with a borrow of one; its inherent
//! methods are the exports and nothing else. What differs between worlds in here is names and two
//! tables; types and functions are written by the other files of this folder.

use super::ALLOW;
use super::exports::{self, Reach};
use super::imports;
use super::plan::{self, Plan, ROOT};
use super::refs::Refs;
use super::writer::Writer;

/// Writes everything that stands at the root, types excepted.
pub(super) fn emit(w: &mut Writer, plan: &Plan<'_>) {
    types(w, plan);
    bindings(w, plan);
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
    w.gap();
    w.line(&format!(
        "::linkspan::bindings! {{ {name}, {name}Exports, {name}Pre }}"
    ));
}

fn bindings(w: &mut Writer, plan: &Plan<'_>) {
    let name = &plan.name;
    w.gap();
    let h = plan.modules[ROOT].generic("H");
    let head = format!("impl<{h}: 'static> ::linkspan::Bindings for {name}<{h}>");
    if plan.host_modules().next().is_none() {
        w.open(&format!("{head} {{"));
    } else {
        w.line(&head);
        w.open("where");
        for (index, _) in plan.host_modules() {
            let path = plan.path(ROOT, index, &plan.host_trait(index));
            w.line(&format!("{h}: {path},"));
            for bound in imports::bounds(plan, ROOT, index, &h) {
                w.line(&format!("{bound},"));
            }
        }
        w.close("{");
        w.indent();
    }
    w.line(&format!("const WORLD: &'static str = {:?};", plan.wit_name));
    exports_table(w, plan);
    w.gap();
    link(w, plan);
    w.close("}");
}

/// The tables of the world's own functions and of its interfaces, as one.
fn exports_table(w: &mut Writer, plan: &Plan<'_>) {
    let head = "const EXPORTS: &'static [::linkspan::bound::Interface]";
    let paths: Vec<String> = plan
        .guest_modules()
        .filter(|(_, module)| module.needs_guest())
        .map(|(index, _)| plan.path(ROOT, index, "EXPORTS"))
        .collect();
    if plan.root_exports.is_empty() {
        return w.array(head, &paths);
    }
    w.line("#[rustfmt::skip]");
    w.open(&format!("{head} = &["));
    w.open("::linkspan::bound::interface(\"\", &[], &[");
    exports::table(w, &Refs::new(plan, ROOT), &plan.root_exports);
    w.close("]),");
    for path in paths {
        w.line(&format!("{path},"));
    }
    w.close("];");
}

/// The function that links everything the world imports.
fn link(w: &mut Writer, plan: &Plan<'_>) {
    let modules: Vec<usize> = plan.host_modules().map(|(index, _)| index).collect();
    let linker = if modules.is_empty() {
        "_linker"
    } else {
        "linker"
    };
    let h = plan.modules[ROOT].generic("H");
    // What stands in the world itself is linked in lines as long as they come.
    if modules.first() == Some(&ROOT) {
        w.line("#[rustfmt::skip]");
    }
    w.open(&format!(
        "fn link({linker}: &mut ::linkspan::Linker<{h}>) -> ::linkspan::Result<()> {{"
    ));
    let (mut last, mut calls) = ("::std::result::Result::Ok(())".to_owned(), Vec::new());
    for index in modules {
        if index == ROOT {
            imports::emit_root_glue(w, plan, &h);
        } else {
            calls.push(format!("{}(linker)", plan.path(ROOT, index, "link")));
        }
    }
    if let Some(call) = calls.pop() {
        last = call;
    }
    for call in calls {
        w.line(&format!("{call}?;"));
    }
    w.line(&last);
    w.close("}");
}

/// The exported functions, and a way to each exported interface.
fn functions(w: &mut Writer, plan: &Plan<'_>) {
    let reached = |module: &plan::Module<'_>| !module.funcs.is_empty();
    if plan.root_exports.is_empty() && !plan.guest_modules().any(|(_, m)| reached(m)) {
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
    for (index, module) in plan.guest_modules() {
        if !reached(module) {
            continue;
        }
        w.gap();
        w.line(&format!("/// The interface `{}`.", module.wit_name));
        let guest = plan.path(ROOT, index, "Guest");
        w.signature(
            &format!("pub fn {}", module.accessor),
            &["&mut self".to_owned()],
            &match module.optional {
                true => format!("::std::option::Option<{guest}<'_, Self>>"),
                false => format!("{guest}<'_, Self>"),
            },
            " {",
        );
        match (module.optional, module.funcs.as_slice()) {
            (true, [first, .., last]) => optional(w, &guest, first.index, last.index),
            (true, [only]) => optional(w, &guest, only.index, only.index),
            _ => w.line(&format!("{guest}(self)")),
        }
        w.close("}");
    }
    w.close("}");
}

/// Answers an interface if the guest has a function of it.
fn optional(w: &mut Writer, guest: &str, first: usize, last: usize) {
    w.open(&format!("if self.0.has({first}..{}) {{", last + 1));
    w.line(&format!("::std::option::Option::Some({guest}(self))"));
    w.close("} else {");
    w.indented(|w| w.line("::std::option::Option::None"));
    w.line("}");
}
