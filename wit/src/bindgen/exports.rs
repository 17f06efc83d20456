//! The guest's side: what a host calls.
//!
//! An exported interface becomes a type `Guest` with its functions, reached through a method of
//! the world's type; each of its resources a handle type with the resource's functions. The world
//! itself is in `world`, imports are in `imports`.
//!
//! Invariant: a function is called by its position in the table that `table` writes, which is its
//! [`Func::index`](super::plan::Func).

use wit_parser::{FunctionKind, Type, TypeDefKind};

use super::imports::is_method;
use super::plan::{Func, Plan, ROOT, Resource};
use super::refs::{Position, Refs};
use super::writer::{Mark, Writer, tuple_expr, tuple_marker};
use crate::names::Scope;

/// How the generated function reaches the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Through `self.0`.
    Own,
    /// Through a parameter `app`, on a handle.
    Method,
    /// Through a parameter `app`, without a handle.
    Static,
}

/// Writes handle types and functions of the exported interface `module`.
pub(super) fn emit(w: &mut Writer, plan: &Plan<'_>, module: usize) {
    let this = &plan.modules[module];
    let refs = Refs::new(plan, module);
    for resource in &this.resources {
        w.gap();
        w.item(Mark::Type(module, resource.id), |w| {
            emit_resource(w, &refs, resource);
        });
    }
    if !this.needs_guest() {
        return;
    }
    let world = plan.path(module, ROOT, &plan.beside_world("Exports"));
    let guest = match this.funcs.as_slice() {
        [] => String::new(),
        _ => format!(", Guest of World = {world}"),
    };
    let mut entries: Vec<String> = (this.resources.iter())
        .map(|resource| format!("resource {} = {:?};", resource.name, resource.label))
        .collect();
    entries.extend(table(&refs, &this.funcs));
    w.gap();
    w.entries(
        &format!(
            "::linkspan::exports! {{ {}{:?}{guest} {{",
            optional(this.optional),
            this.wit_name
        ),
        &entries,
        "} }",
    );
    if this.free_funcs().next().is_none() {
        return;
    }
    let generic = this.generic("A");
    w.gap();
    w.open(&format!(
        "impl<{generic}: ::linkspan::Holds<World>> Guest<'_, {generic}> {{"
    ));
    for func in this.free_funcs() {
        emit_func(w, &refs, func, Reach::Own);
    }
    w.close("}");
}

fn emit_resource(w: &mut Writer, refs: &Refs<'_>, resource: &Resource) {
    let plan = refs.plan;
    let this = &plan.modules[refs.module];
    plan.type_docs(w, resource.id);
    w.line("#[derive(Debug)]");
    w.attributes(&plan.looks(refs.module, resource.id).attributes);
    w.line(&format!(
        "pub struct {}(::linkspan::GuestResource);",
        resource.name
    ));
    w.table(
        "::linkspan::guest_resource! {",
        &[format!(
            "{} = {:?} in {:?}",
            resource.name, resource.label, this.wit_name
        )],
        "}",
    );
    if this.funcs_of(resource.id).next().is_none() {
        return;
    }
    w.gap();
    w.open(&format!("impl {} {{", resource.name));
    for func in this.funcs_of(resource.id) {
        emit_func(w, refs, func, reach(func));
    }
    w.close("}");
}

/// How the functions of a resource reach the guest.
pub(super) fn reach(func: &Func<'_>) -> Reach {
    if is_method(func) {
        Reach::Method
    } else {
        Reach::Static
    }
}

/// The parameters of a function as it is called, and the expressions that lower them.
fn params(refs: &Refs<'_>, func: &Func<'_>, reach: Reach) -> (Vec<String>, Vec<String>) {
    let mut scope = Scope::with_reserved(["app"]);
    let (mut params, mut passed) = (Vec::new(), Vec::new());
    let app = "app: &mut impl ::linkspan::Holds<World>".to_owned();
    match reach {
        Reach::Own => params.push("&mut self".to_owned()),
        Reach::Method => {
            params.extend(["&self".to_owned(), app]);
            passed.push("::linkspan::Lend(self)".to_owned());
        }
        Reach::Static => params.push(app),
    }
    for param in func.wit.params.iter().skip(passed.len()) {
        let name = scope.snake(&param.name);
        params.push(format!("{name}: {}", refs.ty(&param.ty, Position::Param)));
        passed.push(lend(refs, &param.ty, &name));
    }
    (params, passed)
}

/// The signature of a function for [`Item::signature`](super::Item::signature).
pub(super) fn summary(plan: &Plan<'_>, module: usize, func: &Func<'_>, reach: Reach) -> String {
    let refs = Refs::new(plan, module);
    let (params, _) = params(&refs, func, reach);
    let types: Vec<&str> = params.iter().map(|p| type_of(p)).collect();
    let result = result_type(&refs, func);
    format!("({}) -> ::linkspan::Result<{result}>", types.join(", "))
}

/// The type of a parameter that is written with its name.
pub(super) fn type_of(param: &str) -> &str {
    param.split_once(": ").map_or(param, |(_, ty)| ty)
}

/// Writes one function.
pub(super) fn emit_func(w: &mut Writer, refs: &Refs<'_>, func: &Func<'_>, reach: Reach) {
    w.gap();
    w.item(Mark::Export(refs.module, func.wit.name.clone()), |w| {
        define(w, refs, func, reach);
    });
}

fn define(w: &mut Writer, refs: &Refs<'_>, func: &Func<'_>, reach: Reach) {
    refs.plan.func_docs(w, func);
    let (params, passed) = params(refs, func, reach);
    let result = format!("::linkspan::Result<{}>", result_type(refs, func));
    let call = if func.optional {
        "call_optional"
    } else {
        "call"
    };
    w.signature(&format!("pub fn {}", func.name), &params, &result, " {");
    let owner = if reach == Reach::Own { "self.0" } else { "app" };
    w.call(&format!("{owner}.{call}"), &func.index.to_string(), &passed);
    w.close("}");
}

/// The owned result of a function, `()` for none; a guest may lack an optional function.
fn result_type(refs: &Refs<'_>, func: &Func<'_>) -> String {
    let own = matches!(func.wit.kind, FunctionKind::Constructor(_));
    let result = match &func.wit.result {
        Some(Type::Id(id)) if own && !is_result(refs, Type::Id(*id)) => "Self".to_owned(),
        Some(ty) => refs.ty(ty, Position::Owned),
        None => "()".to_owned(),
    };
    match func.optional {
        true => format!("{}<{result}>", refs.prelude("Option")),
        false => result,
    }
}

fn is_result(refs: &Refs<'_>, ty: Type) -> bool {
    matches!(refs.structure(&ty), Some(TypeDefKind::Result(_)))
}

/// The expression that lowers the parameter `value`: borrowed handles say that they are lent.
fn lend(refs: &Refs<'_>, ty: &Type, value: &str) -> String {
    if !refs.plan.facts(ty).borrow_handle {
        return value.to_owned();
    }
    if refs.lent(ty).is_some() {
        return format!("::linkspan::Lend({value})");
    }
    let closure = |part: &Type| {
        if refs.lent(part).is_some() {
            "::linkspan::Lend".to_owned()
        } else {
            format!("|v| {}", lend(refs, part, "v"))
        }
    };
    let needs = |part: &Option<Type>| part.filter(|ty| refs.plan.facts(ty).borrow_handle);
    match refs.structure(ty) {
        Some(TypeDefKind::List(element)) if refs.lent(element).is_some() => {
            format!("::linkspan::LendAll({value})")
        }
        Some(TypeDefKind::Option(some)) => format!("{value}.map({})", closure(some)),
        Some(TypeDefKind::Result(result)) => {
            let ok = needs(&result.ok).map(|ok| format!(".map({})", closure(&ok)));
            let error = needs(&result.err).map(|error| format!(".map_err({})", closure(&error)));
            value.to_owned() + &ok.unwrap_or_default() + &error.unwrap_or_default()
        }
        Some(TypeDefKind::FixedLengthList(element, _)) => {
            format!("{value}.map({})", closure(element))
        }
        Some(TypeDefKind::Tuple(tuple)) => {
            let parts = tuple.types.iter().enumerate();
            let parts: Vec<String> = parts
                .map(|(i, ty)| lend(refs, ty, &format!("{value}.{i}")))
                .collect();
            tuple_expr(&parts)
        }
        _ => value.to_owned(),
    }
}

/// Says in a table that a component may lack something.
fn optional(optional: bool) -> &'static str {
    if optional { "optional " } else { "" }
}

/// The functions of one interface, as entries of a table.
pub(super) fn table(refs: &Refs<'_>, funcs: &[Func<'_>]) -> Vec<String> {
    let entry = |func: &Func<'_>| {
        let params = func.wit.params.iter();
        let markers: Vec<String> = params
            .map(|param| refs.ty(&param.ty, Position::ParamMarker))
            .collect();
        let result = func.wit.result.as_ref();
        let result = result.map_or_else(|| "()".to_owned(), |ty| refs.ty(ty, Position::Owned));
        format!(
            "fn {}{:?}: {} => {result};",
            optional(func.optional),
            func.wit.name,
            tuple_marker(&markers)
        )
    };
    funcs.iter().map(entry).collect()
}
