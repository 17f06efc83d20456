//! Imports of kind component against what the host provides for them: each
//! argument with what the component imports, each export with the declared
//! type. Not for components of one binary, which validation has compared.
//!
//! Comparison happens where the component is instantiated, on the items
//! themselves: the plan interns types and numbers resource types, so equal
//! types are equal ids, and generative types need no substitution.

use std::sync::Arc;

use linkspan_canon_abi::Comparison;
use wasmparser::{ComponentTypeRef, TypeBounds};

use super::eval::{TYPE_NESTING_MAX, Usable};
use super::flatten::{Args, Flattener};
use super::space::{Env, EnvId, Items, get};
use super::{
    ComponentItem, Declared, FuncItem, FuncSource, FuncTypeId, InstanceId, Item, ModuleRef,
    ResourceDef, TypeClosure, TypeItem, ValueSource,
};
use crate::decode::{ExternName, ScopeDecl};
use crate::error::{Error, ErrorKind, Result};
use crate::linker::{Differences, LinkDifference, LinkProblem, LinkReport, with_article};

/// Where the exports of a type's body come from.
#[derive(Clone, Copy)]
enum Exports<'a> {
    /// They exist and are compared.
    Found(&'a Items),
    /// They are made up: nothing of them can run.
    Assumed { declared: Declared, offset: u64 },
}

impl Flattener {
    /// Compares an argument of a provided component with what it imports.
    pub(super) fn check_arg(
        &mut self,
        declared: Declared,
        env: EnvId,
        name: &ExternName,
        ty: ComponentTypeRef,
        given: Option<Item>,
    ) -> Result<Item> {
        let checked = match given {
            None => Err(Differences::error("one of the declared imports", {
                kind(ty).to_owned()
            })),
            Some(item) => self.check(env, ty, item, 0).map(|()| item),
        };
        checked.map_err(|error| {
            self.mismatch(declared, error.within(format!("import {:?}", name.name)))
        })
    }

    /// Compares the exports of a provided component with its declared type.
    pub(super) fn check_exports(
        &mut self,
        declared: Declared,
        args: &Args,
        exports: &Items,
    ) -> Result<()> {
        self.body(declared.ty, args, Exports::Found(exports), 0)
            .map(drop)
            .map_err(|error| self.mismatch(declared, error))
    }

    /// The exports that a component which is not provided would have.
    pub(super) fn assume_exports(
        &mut self,
        declared: Declared,
        args: &Args,
        offset: u64,
    ) -> Result<InstanceId> {
        let exports = Exports::Assumed { declared, offset };
        let items = self.body(declared.ty, args, exports, 0)?;
        self.new_instance(items)
    }

    /// Evaluates the body of an instance type or component type.
    fn body(
        &mut self,
        closure: TypeClosure,
        args: &Args,
        exports: Exports<'_>,
        depth: u32,
    ) -> Result<Items> {
        if depth >= TYPE_NESTING_MAX {
            return Err(Error::limit(format!(
                "the type of an imported component nests deeper than {TYPE_NESTING_MAX}"
            )));
        }
        let decoded = self.decoded(closure.source)?;
        let body = decoded
            .scopes
            .get(closure.scope.index())
            .ok_or_else(|| Error::inconsistent("a type body is missing"))?;
        let owner = self.env(closure.env).owner;
        let env = self.new_env(Env {
            parent: Some(closure.env),
            owner,
            ..Env::default()
        })?;
        let mut items = Items::default();
        for decl in &body.decls {
            self.spend(1)?;
            match decl {
                ScopeDecl::CoreType(ty) => self.core_type(env, ty)?,
                ScopeDecl::Type(ty) => {
                    let ty = self.type_item(closure.source, env, ty)?;
                    self.env_mut(env).types.push(ty);
                }
                ScopeDecl::Alias(alias) => self.type_alias(env, alias)?,
                ScopeDecl::Import(name) => {
                    let item = *args
                        .get(name)
                        .ok_or_else(|| Error::inconsistent("an argument is missing"))?;
                    self.env_mut(env).push(item);
                }
                ScopeDecl::Export { name, ty } => {
                    let item = match exports {
                        Exports::Found(found) => found
                            .get(&name.name)
                            .ok_or_else(|| Differences::error(with_article(kind(*ty)), "nothing"))
                            .and_then(|item| self.check(env, *ty, item, depth).map(|()| item)),
                        Exports::Assumed { declared, offset } => {
                            self.assume(env, *ty, declared, offset, depth)
                        }
                    }
                    .map_err(|error| error.within(format!("export {:?}", name.name)))?;
                    self.env_mut(env).push(item);
                    items.push(Arc::clone(&name.name), item);
                }
            }
        }
        Ok(items)
    }

    /// Compares an item with a type of the environment.
    fn check(&mut self, env: EnvId, ty: ComponentTypeRef, item: Item, depth: u32) -> Result<()> {
        match (ty, item) {
            (ComponentTypeRef::Func(index), Item::Func(found)) => {
                let TypeItem::Func(expected) = get(&self.env(env).types, index)? else {
                    return Err(Error::inconsistent("expected a function type"));
                };
                self.check_func(expected, found.ty)
            }
            (ComponentTypeRef::Type(TypeBounds::Eq(index)), Item::Type(found)) => {
                let expected = get(&self.env(env).types, index)?;
                self.check_type(expected, found)
            }
            (
                ComponentTypeRef::Type(TypeBounds::SubResource),
                Item::Type(TypeItem::Resource(_)),
            ) => Ok(()),
            (ComponentTypeRef::Instance(index), Item::Instance(found)) => {
                let TypeItem::Instance(closure) = get(&self.env(env).types, index)? else {
                    return Err(Error::inconsistent("expected an instance type"));
                };
                let found = self
                    .plan
                    .instances
                    .get(found.index())
                    .cloned()
                    .ok_or_else(|| Error::inconsistent("an instance is missing"))?;
                self.spend(self.next(found.iter().len())?)?;
                self.body(closure, &Args::new(), Exports::Found(&found), depth + 1)
                    .map(drop)
            }
            // What is used of it is compared when an instance is prepared.
            (ComponentTypeRef::Module(_), Item::Module(_)) => Ok(()),
            (ComponentTypeRef::Component(_), Item::Component(_)) => Err(Error::link(
                "a component as import or export of an imported component is not supported yet",
            )),
            (ComponentTypeRef::Value(ty), Item::Value(found)) => {
                let expected = self.val_type(env, ty)?;
                let found = self.value_type(found)?;
                let item = |ty: Usable<_>| ty.map_or_else(TypeItem::Unusable, TypeItem::Value);
                self.check_type(item(expected), item(found))
            }
            (ty, item) => Err(Differences::error(
                with_article(kind(ty)),
                with_article(item.kind()),
            )),
        }
    }

    fn check_func(&mut self, expected: FuncTypeId, found: FuncTypeId) -> Result<()> {
        let (Some(a), Some(b)) = (
            self.plan.func_types.get(expected.index()),
            self.plan.func_types.get(found.index()),
        ) else {
            return Err(Error::inconsistent("a function type is missing"));
        };
        if a == b {
            return Ok(());
        }
        if let (Ok(a), Ok(b)) = (a, b) {
            let types = &self.plan.types;
            let mut same = |a, b| a == b;
            let differences = Comparison::new(types, types, &mut same).func_differences(a, b);
            let differences = differences.into_iter().map(LinkDifference::from);
            return Err(Differences(differences.collect()).into_error());
        }
        Err(Differences::error(
            self.plan.func(expected).to_string(),
            self.plan.func(found).to_string(),
        ))
    }

    fn check_type(&self, expected: TypeItem, found: TypeItem) -> Result<()> {
        let print = |ty| match ty {
            TypeItem::Value(ty) => self.plan.types.display(ty).to_string(),
            TypeItem::Func(ty) => self.plan.func(ty).to_string(),
            TypeItem::Resource(id) => match self.plan.types.resource_name(id) {
                Some(name) => format!("resource {name}"),
                None => "resource".to_owned(),
            },
            TypeItem::Unusable(_) | TypeItem::Instance(_) | TypeItem::Component(_) => {
                "type".to_owned()
            }
        };
        let same = match (expected, found) {
            (TypeItem::Value(a), TypeItem::Value(b)) => a == b,
            (TypeItem::Unusable(a), TypeItem::Unusable(b)) => a == b,
            (TypeItem::Resource(a), TypeItem::Resource(b)) => a == b,
            (TypeItem::Func(a), TypeItem::Func(b)) => {
                let ty = |id: FuncTypeId| self.plan.func_types.get(id.index());
                ty(a) == ty(b)
            }
            (TypeItem::Instance(_), TypeItem::Instance(_))
            | (TypeItem::Component(_), TypeItem::Component(_)) => {
                return Err(Error::link(
                    "a type of instances or components is not comparable yet",
                ));
            }
            (
                TypeItem::Value(_)
                | TypeItem::Unusable(_)
                | TypeItem::Resource(_)
                | TypeItem::Func(_)
                | TypeItem::Instance(_)
                | TypeItem::Component(_),
                _,
            ) => false,
        };
        if same {
            return Ok(());
        }
        Err(Differences::error(print(expected), print(found)))
    }

    /// An item of that type which cannot be run.
    fn assume(
        &mut self,
        env: EnvId,
        ty: ComponentTypeRef,
        declared: Declared,
        offset: u64,
        depth: u32,
    ) -> Result<Item> {
        let import = declared.import;
        Ok(match ty {
            ComponentTypeRef::Func(index) => {
                let TypeItem::Func(ty) = get(&self.env(env).types, index)? else {
                    return Err(Error::inconsistent("expected a function type"));
                };
                let what = "functions of an imported component without a definition are";
                let source = FuncSource::Unsupported(what, offset);
                Item::Func(FuncItem { source, ty })
            }
            ComponentTypeRef::Type(TypeBounds::Eq(index)) => {
                Item::Type(get(&self.env(env).types, index)?)
            }
            ComponentTypeRef::Type(TypeBounds::SubResource) => {
                let resource = self.new_resource(ResourceDef::Import(import))?;
                Item::Type(TypeItem::Resource(resource))
            }
            ComponentTypeRef::Instance(index) => {
                let TypeItem::Instance(closure) = get(&self.env(env).types, index)? else {
                    return Err(Error::inconsistent("expected an instance type"));
                };
                let exports = Exports::Assumed { declared, offset };
                let items = self.body(closure, &Args::new(), exports, depth + 1)?;
                Item::Instance(self.new_instance(items)?)
            }
            ComponentTypeRef::Module(_) => Item::Module(self.module(ModuleRef::Import(import))?),
            ComponentTypeRef::Component(index) => {
                let TypeItem::Component(ty) = get(&self.env(env).types, index)? else {
                    return Err(Error::inconsistent("expected a component type"));
                };
                Item::Component(ComponentItem::Import(Declared { import, ty }))
            }
            ComponentTypeRef::Value(ty) => {
                let ty = self.val_type(env, ty)?;
                Item::Value(self.new_value(ValueSource::Unknown, ty)?)
            }
        })
    }

    /// A comparison that failed as the problem of an import.
    fn mismatch(&self, declared: Declared, error: Error) -> Error {
        let import = self.plan.imports.get(declared.import.index());
        let (ErrorKind::Link, Some(import)) = (error.kind(), import) else {
            return error;
        };
        let mut report = LinkReport::default();
        let mut problem = LinkProblem::new(import.path.clone(), "a component".to_owned());
        match Differences::of(&error) {
            Some(differences) => {
                problem.found = Some("a component".to_owned());
                problem.differences = differences;
            }
            None => problem.found = Some(format!("a component of another type ({error})")),
        }
        report.push(problem);
        report.into_error()
    }
}

/// The word for the kind of item that a type describes.
fn kind(ty: ComponentTypeRef) -> &'static str {
    match ty {
        ComponentTypeRef::Module(_) => "core module",
        ComponentTypeRef::Func(_) => "func",
        ComponentTypeRef::Value(_) => "value",
        ComponentTypeRef::Type(TypeBounds::Eq(_)) => "type",
        ComponentTypeRef::Type(TypeBounds::SubResource) => "resource",
        ComponentTypeRef::Instance(_) => "instance",
        ComponentTypeRef::Component(_) => "component",
    }
}
