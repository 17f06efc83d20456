//! The host's side: traits for what the world imports, and the functions that link them.
//!
//! An imported interface becomes a trait `Host`; each resource in it a tag type, an associated
//! type of `Host` (the host's own Rust type) and a trait for its methods. `link` puts all of it
//! into a linker. The exports are in `exports`.
//!
//! Invariant: a call in the glue names the trait it means, so that no inherent method and no
//! method of another trait is taken by mistake.

use wit_parser::{FunctionKind, Handle, Type, TypeDefKind, TypeId};

use super::ALLOW;
use super::exports::type_of;
use super::options::Borrow;
use super::plan::{Func, Module, Plan, ROOT, Resource};
use super::refs::{Position, Refs};
use super::writer::{Mark, Writer, tuple_expr, tuple_marker, tuple_pattern};
use crate::names::Scope;

/// Writes the traits of `module` and its `link`.
pub(super) fn emit(w: &mut Writer, plan: &Plan<'_>, module: usize) {
    let this = &plan.modules[module];
    if !this.needs_host() {
        return;
    }
    let emit = Emit {
        plan,
        module,
        this,
        refs: Refs::new(plan, module),
        generic: this.generic("H"),
    };
    for resource in &this.resources {
        emit.tag(w, resource);
    }
    emit.host_trait(w);
    for resource in &this.resources {
        emit.resource_trait(w, resource);
        emit.tag_value(w, resource);
    }
    emit.link(w);
}

/// One module being written.
struct Emit<'p> {
    plan: &'p Plan<'p>,
    module: usize,
    this: &'p Module<'p>,
    refs: Refs<'p>,
    /// The name of the host's type parameter.
    generic: String,
}

/// A parameter of a host function.
struct Arg {
    name: String,
    ty: String,
    marker: String,
    /// The expression that passes it on.
    pass: String,
}

impl Emit<'_> {
    /// Items at the root stand under the attribute that modules have as a whole.
    fn allow(&self, w: &mut Writer) {
        if self.module == ROOT {
            w.line(ALLOW);
        }
    }

    fn tag(&self, w: &mut Writer, resource: &Resource) {
        w.gap();
        w.item(Mark::Type(self.module, resource.id), |w| {
            self.plan.type_docs(w, resource.id);
            self.allow(w);
            w.line("#[derive(Debug)]");
            w.attributes(&self.plan.looks(self.module, resource.id).attributes);
            w.line(&format!("pub enum {} {{}}", resource.name));
        });
    }

    /// Says which values of a host stand behind the tag.
    fn tag_value(&self, w: &mut Writer, resource: &Resource) {
        let generic = &self.generic;
        let host = self.plan.host_trait(self.module);
        let value = self.refs.host_value(generic, self.module, resource.id);
        w.gap();
        w.open(&format!(
            "impl<{generic}: {host}> ::linkspan::HostTag<{generic}> for {} {{",
            resource.name
        ));
        w.line(&format!("type Value = {value};"));
        w.close("}");
    }

    fn host_trait(&self, w: &mut Writer) {
        let name = self.plan.host_trait(self.module);
        w.gap();
        let what = match self.module {
            ROOT => &self.plan.wit_name,
            _ => &self.this.wit_name,
        };
        w.line(&format!("/// What a host of `{what}` implements."));
        self.allow(w);
        let supertraits: Vec<String> = (self.plan.supertraits(self.module).iter())
            .map(|m| self.plan.path(self.module, *m, &self.plan.host_trait(*m)))
            .collect();
        w.trait_head(
            &format!("pub trait {name}"),
            &supertraits,
            &self.refs.prelude("Sized"),
        );
        for resource in &self.this.resources {
            if self.plan.external.resource(resource.id, 0).is_some() {
                continue;
            }
            w.line(&format!(
                "type {}: {}<Self>;",
                resource.name, resource.host_trait
            ));
        }
        for func in self.this.free_funcs() {
            let (params, ret) = self.free_signature(func);
            self.declare(w, func, &params, &ret);
        }
        w.close("}");
    }

    fn resource_trait(&self, w: &mut Writer, resource: &Resource) {
        let host = self.plan.host_trait(self.module);
        w.gap();
        w.line(&format!(
            "/// The functions of the resource `{}`, on the type that the host gives it.",
            resource.label
        ));
        self.allow(w);
        let head = format!(
            "pub trait {}<{}: {host}>",
            resource.host_trait, self.generic
        );
        if self.this.funcs_of(resource.id).next().is_none() {
            w.line(&format!("{head}: ::linkspan::HostResource {{}}"));
            return;
        }
        w.trait_head(&head, &[], "::linkspan::HostResource");
        for func in self.this.funcs_of(resource.id) {
            let (params, ret) = self.resource_signature(func);
            self.declare(w, func, &params, &ret);
        }
        w.close("}");
    }

    /// A method of a trait.
    fn declare(&self, w: &mut Writer, func: &Func<'_>, params: &[String], ret: &str) {
        w.gap();
        w.item(Mark::Import(self.module, func.wit.name.clone()), |w| {
            self.plan.func_docs(w, func);
            w.signature(&format!("fn {}", func.name), params, ret, ";");
        });
    }

    /// Parameters and result of a function of the `Host` trait.
    fn free_signature(&self, func: &Func<'_>) -> (Vec<String>, String) {
        let args = self.args(func, "Self");
        let mut params = match func.flags.store {
            true => vec!["store: ::linkspan::StoreContextMut<'_, Self>".to_owned()],
            false => vec!["&mut self".to_owned()],
        };
        params.extend(args.iter().map(|a| format!("{}: {}", a.name, a.ty)));
        (params, self.ret(func, Position::Ret("Self"), None))
    }

    /// Parameters and result of a function of a resource's trait.
    fn resource_signature(&self, func: &Func<'_>) -> (Vec<String>, String) {
        let generic = &self.generic;
        let args = self.args(func, generic);
        let typed = |a: &Arg| format!("{}: {}", a.name, a.ty);
        if func.flags.store {
            let store = format!("store: ::linkspan::StoreContextMut<'_, {generic}>");
            let params = std::iter::once(store).chain(args.iter().map(typed));
            return (params.collect(), self.ret(func, Position::RetMarker, None));
        }
        let method = is_method(func);
        let mut params = Vec::new();
        if method {
            params.push("&mut self".to_owned());
        }
        params.push(format!("host: &mut {generic}"));
        params.extend(args.iter().skip(usize::from(method)).map(typed));
        let constructor = matches!(func.wit.kind, FunctionKind::Constructor(_));
        let constructed = constructor.then_some("Self");
        (params, self.ret(func, Position::Ret(generic), constructed))
    }

    /// The result of a function in its trait, empty for none; a constructor answers the resource
    /// by the name `constructed`.
    fn ret(&self, func: &Func<'_>, position: Position<'_>, constructed: Option<&str>) -> String {
        let flags = func.flags;
        // Who has the store makes handles of values, or hands on those that there are.
        let position = match flags.store {
            true => Position::RetMarker,
            false => position,
        };
        let result = func.wit.result.as_ref();
        if let Some(TypeDefKind::Result(result)) = result.and_then(|ty| self.refs.structure(ty))
            && (flags.trap || constructed.is_some())
        {
            let ok = constructed.map_or_else(
                || self.refs.optional(result.ok.as_ref(), position),
                str::to_owned,
            );
            let mut error = self.refs.optional(result.err.as_ref(), position);
            if flags.trap {
                error = format!("::linkspan::HostError<{error}>");
            }
            return format!("{}<{ok}, {error}>", self.refs.prelude("Result"));
        }
        let plain = match (constructed, result) {
            (Some(this), _) => this.to_owned(),
            (None, Some(ty)) => self.refs.ty(ty, position),
            (None, None) if flags.trap => "()".to_owned(),
            (None, None) => String::new(),
        };
        match flags.trap {
            true => format!("::linkspan::Result<{plain}>"),
            false => plain,
        }
    }

    /// The type arguments that stand for a resource in the glue.
    fn tag_and_value(&self, id: TypeId) -> String {
        let tag = self.plan.type_name(self.module, id);
        let value = self.refs.host_value(&self.generic, self.module, id);
        format!("{tag}, {value}")
    }

    fn args(&self, func: &Func<'_>, this: &str) -> Vec<Arg> {
        let store = func.flags.store;
        let mut scope = Scope::with_reserved([if store { "store" } else { "host" }, "this"]);
        let generic = &self.generic;
        let mut args = Vec::new();
        for (i, param) in func.wit.params.iter().enumerate() {
            let method = i == 0 && is_method(func);
            if store {
                let ty = self.refs.ty(&param.ty, Position::Owned);
                let name = match method {
                    true => "this".to_owned(),
                    false => scope.snake(&param.name),
                };
                args.push(Arg {
                    marker: ty.clone(),
                    ty,
                    pass: name.clone(),
                    name,
                });
                continue;
            }
            if method {
                let resource = func.resource.map(|id| self.tag_and_value(id));
                args.push(Arg {
                    name: "this".to_owned(),
                    ty: String::new(),
                    marker: format!("::linkspan::Mut<{}>", resource.unwrap_or_default()),
                    pass: "this".to_owned(),
                });
                continue;
            }
            let name = scope.snake(&param.name);
            args.push(Arg {
                ty: self.refs.ty(&param.ty, Position::Arg(this)),
                marker: self.refs.ty(&param.ty, Position::ArgMarker(generic)),
                pass: self.pass(&param.ty, &name),
                name,
            });
        }
        args
    }

    /// How the glue passes the lifted parameter `name` on.
    fn pass(&self, ty: &Type, name: &str) -> String {
        let borrowed_list = |ty: &Type| match self.refs.structure(ty) {
            Some(TypeDefKind::List(element)) => !self.plan.facts(element).own_handle,
            _ => false,
        };
        match self.refs.structure(ty) {
            Some(TypeDefKind::List(_))
                if self.plan.borrow == Borrow::Params && borrowed_list(ty) =>
            {
                format!("&{name}")
            }
            _ => name.to_owned(),
        }
    }

    /// The function that puts this module into a linker; the root's is part of `Bindings`.
    fn link(&self, w: &mut Writer) {
        if self.module == ROOT {
            return;
        }
        let generic = &self.generic;
        let bounds = bounds(self.plan, self.module, self.module, generic);
        w.gap();
        w.open(&format!(
            "::linkspan::imports! {{ pub fn link<{generic}: Host>(at: {:?}){} {{",
            self.this.wit_name,
            where_clause(&bounds)
        ));
        self.glue(w);
        w.close("} }");
    }

    /// The statements that link each resource and function into `at`.
    fn glue(&self, w: &mut Writer) {
        for resource in &self.this.resources {
            let value = self
                .refs
                .host_value(&self.generic, self.module, resource.id);
            w.line(&format!(
                "at.host_resource::<{}, {value}>({:?})?;",
                resource.name, resource.label
            ));
        }
        for func in &self.this.funcs {
            w.line(&self.glue_of(func));
        }
    }

    fn glue_of(&self, func: &Func<'_>) -> String {
        let args = self.args(func, &self.generic);
        let markers: Vec<String> = args.iter().map(|a| a.marker.clone()).collect();
        let names: Vec<String> = args.iter().map(|a| a.name.clone()).collect();
        let (params, names) = (tuple_marker(&markers), tuple_pattern(&names));
        let name = &func.wit.name;
        let flags = func.flags;
        let mut call = self.call_of(func, &args);
        let result = func.wit.result.as_ref();
        let structure = result.and_then(|ty| self.refs.structure(ty));
        if flags.trap && matches!(structure, Some(TypeDefKind::Result(_))) {
            call = format!("::linkspan::HostError::split({call})");
        }
        let marker = result.map_or_else(
            || "()".to_owned(),
            |ty| self.refs.ty(ty, Position::RetMarker),
        );
        if flags.store {
            if !flags.trap {
                call = format!("::std::result::Result::Ok({call})");
            }
            return format!(
                "at.func_wrap::<{params}, {marker}>({name:?}, |store, {names}| {call})?;"
            );
        }
        match result.and_then(|result| self.wrap(result, "v")) {
            Some(wrapped) => {
                let kind = if flags.trap { "fallible" } else { "owning" };
                format!(
                    "at.host_func_{kind}::<{params}, _, {marker}>({name:?}, |host, {names}| \
                     {call}, |v, new| {wrapped})?;"
                )
            }
            None if flags.trap => format!(
                "at.host_func_fallible::<{params}, _, {marker}>({name:?}, |host, {names}| \
                 {call}, |v, _| v)?;"
            ),
            None => {
                format!("at.host_func::<{params}, {marker}>({name:?}, |host, {names}| {call})?;")
            }
        }
    }

    /// The call of the trait's function.
    fn call_of(&self, func: &Func<'_>, args: &[Arg]) -> String {
        let generic = &self.generic;
        let store = func.flags.store;
        let mut passed = vec![if store { "store" } else { "host" }.to_owned()];
        let resource = func
            .resource
            .and_then(|id| self.plan.resource(self.module, id));
        let Some(resource) = resource else {
            passed.extend(args.iter().map(|a| a.pass.clone()));
            let host = self.plan.host_trait(self.module);
            return format!("{host}::{}({})", func.name, passed.join(", "));
        };
        let method = usize::from(is_method(func) && !store);
        passed.splice(0..0, args.iter().take(method).map(|a| a.pass.clone()));
        passed.extend(args.iter().skip(method).map(|a| a.pass.clone()));
        let value = self.refs.host_value(generic, self.module, resource.id);
        format!(
            "<{value} as {}<{generic}>>::{}({})",
            resource.host_trait,
            func.name,
            passed.join(", ")
        )
    }

    /// Puts the host values in the result `value` into the table, so that handles are left; `None`
    /// if there are no values in it.
    fn wrap(&self, ty: &Type, value: &str) -> Option<String> {
        let map = |part: Option<&Type>, method: &str| {
            let wrapped = part.and_then(|part| self.wrap(part, "v"));
            wrapped.map(|wrapped| format!(".{method}(|v| {wrapped})"))
        };
        let on_value = |calls: String| format!("{value}{calls}");
        match self.refs.structure(ty)? {
            TypeDefKind::Handle(Handle::Own(_)) => Some(format!("new.own({value})")),
            TypeDefKind::Option(part) | TypeDefKind::FixedLengthList(part, _) => {
                map(Some(part), "map").map(on_value)
            }
            TypeDefKind::Result(result) => {
                match (
                    map(result.ok.as_ref(), "map"),
                    map(result.err.as_ref(), "map_err"),
                ) {
                    (None, None) => None,
                    (ok, error) => Some(on_value(
                        ok.unwrap_or_default() + &error.unwrap_or_default(),
                    )),
                }
            }
            TypeDefKind::List(element) => {
                map(Some(element), "map").map(|map| format!("{value}.into_iter(){map}.collect()"))
            }
            TypeDefKind::Tuple(tuple) => {
                let names: Vec<String> = (0..tuple.types.len()).map(|i| format!("v{i}")).collect();
                let parts = tuple.types.iter().zip(&names);
                let wrapped: Vec<Option<String>> =
                    parts.map(|(ty, name)| self.wrap(ty, name)).collect();
                if wrapped.iter().all(Option::is_none) {
                    return None;
                }
                let parts = wrapped.into_iter().zip(&names);
                let parts: Vec<String> = parts
                    .map(|(part, name)| part.unwrap_or_else(|| name.clone()))
                    .collect();
                let (names, parts) = (tuple_expr(&names), tuple_expr(&parts));
                Some(format!("{{ let {names} = {value}; {parts} }}"))
            }
            // A named type holds handles, not values.
            _ => None,
        }
    }
}

/// The signature of a function for [`Item::signature`](super::Item::signature).
pub(super) fn summary(plan: &Plan<'_>, module: usize, func: &Func<'_>) -> String {
    let this = &plan.modules[module];
    let emit = Emit {
        plan,
        module,
        this,
        refs: Refs::new(plan, module),
        generic: this.generic("H"),
    };
    let (params, ret) = match func.resource {
        Some(_) => emit.resource_signature(func),
        None => emit.free_signature(func),
    };
    let types: Vec<&str> = params.iter().map(|p| type_of(p)).collect();
    let ret = if ret.is_empty() {
        ret
    } else {
        format!(" -> {ret}")
    };
    format!("({}){ret}", types.join(", "))
}

/// Writes the glue of what stands in the world itself, for `Bindings::link`.
pub(super) fn emit_root_glue(w: &mut Writer, plan: &Plan<'_>, generic: &str) {
    let this = &plan.modules[ROOT];
    if !this.needs_host() {
        return;
    }
    let mut refs = Refs::new(plan, ROOT);
    refs.many_traits |= plan.host_modules().count() > 1;
    let emit = Emit {
        plan,
        module: ROOT,
        this,
        refs,
        generic: generic.to_owned(),
    };
    emit.glue(w);
}

/// What must hold for the user's types that stand behind the resources of `module`, written in the
/// module `from`.
pub(super) fn bounds(plan: &Plan<'_>, from: usize, module: usize, generic: &str) -> Vec<String> {
    let depth = plan.modules[from].path.len();
    let resources = plan.modules[module].resources.iter();
    let bound = |resource: &Resource| {
        let value = plan.external.resource(resource.id, depth)?;
        let host = plan.path(from, module, &resource.host_trait);
        Some(format!("{value}: {host}<{generic}>"))
    };
    resources.filter_map(bound).collect()
}

/// The bounds as a macro takes them.
pub(super) fn where_clause(bounds: &[String]) -> String {
    match bounds {
        [] => String::new(),
        bounds => format!(" where [{}]", bounds.join(", ")),
    }
}

/// Whether the function takes its resource as the first parameter.
pub(super) fn is_method(func: &Func<'_>) -> bool {
    match func.wit.kind {
        FunctionKind::Method(_)
        | FunctionKind::AsyncMethod(_)
        | FunctionKind::MethodGetter(_)
        | FunctionKind::MethodSetter(_) => true,
        FunctionKind::Freestanding
        | FunctionKind::AsyncFreestanding
        | FunctionKind::Getter
        | FunctionKind::Setter
        | FunctionKind::Static(_)
        | FunctionKind::AsyncStatic(_)
        | FunctionKind::StaticGetter(_)
        | FunctionKind::StaticSetter(_)
        | FunctionKind::Constructor(_) => false,
    }
}
