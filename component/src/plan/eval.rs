//! Types while a plan is made: declarations become types of the plan's table
//! or closures, with resource types resolved to the plan's own.
//!
//! The type of a root import is evaluated to the items that the host must
//! provide. Types that the canonical ABI does not know yet are kept as the
//! reason why, and only their use fails.

use std::sync::Arc;

use linkspan_canon_abi::types::Named;
use linkspan_canon_abi::{FuncType, ResourceTypeId, TypeDef, ValType};
use wasmparser::{ComponentTypeRef, ComponentValType, PrimitiveValType, TypeBounds};

use super::flatten::Flattener;
use super::modules::CoreTypeItem;
use super::space::{Env, EnvId, Items, get};
use super::{
    ComponentItem, Declared, FuncItem, FuncSource, FuncTypeId, Import, ImportId, ImportKind,
    InstanceId, Item, ModuleRef, ReasonId, ResourceDef, SourceId, TypeClosure, TypeItem,
    ValueSource,
};
use crate::decode::{Alias, DefinedType, FuncTypeDecl, ScopeDecl, TypeDecl};
use crate::error::{Error, Result};
use crate::names::ItemPath;

/// How deeply the types of imported instances may nest.
pub(super) const TYPE_NESTING_MAX: u32 = 100;

/// A value type, or why there is none.
pub(super) type Usable<T> = Result<T, ReasonId>;

/// What an item of an imported instance is told about its surroundings.
#[derive(Clone, Copy)]
pub(super) struct ImportSite<'a> {
    pub(super) path: &'a ItemPath,
    pub(super) implements: Option<&'a str>,
    pub(super) depth: u32,
}

impl Flattener {
    /// Evaluates a type declaration of the environment.
    pub(super) fn type_item(
        &mut self,
        source: SourceId,
        env: EnvId,
        decl: &TypeDecl,
    ) -> Result<TypeItem> {
        let closure = |scope| TypeClosure { source, scope, env };
        Ok(match decl {
            TypeDecl::Defined(ty) => match self.defined(env, ty)? {
                Ok(ty) => TypeItem::Value(ty),
                Err(reason) => TypeItem::Unusable(reason),
            },
            TypeDecl::Func(ty) => TypeItem::Func(self.func_type(env, ty)?),
            TypeDecl::Instance(scope) => TypeItem::Instance(closure(*scope)),
            TypeDecl::Component(scope) => TypeItem::Component(closure(*scope)),
            TypeDecl::Resource { .. } => {
                return Err(Error::inconsistent("a resource type in a type body"));
            }
        })
    }

    fn func_type(&mut self, env: EnvId, decl: &FuncTypeDecl) -> Result<FuncTypeId> {
        self.spend_names(decl.params.iter().map(|(name, _)| name))?;
        let ty = self.func_type_parts(env, decl)?;
        let id = FuncTypeId(self.next(self.plan.func_types.len())?);
        self.plan.func_types.push(ty);
        Ok(id)
    }

    fn func_type_parts(&mut self, env: EnvId, decl: &FuncTypeDecl) -> Result<Usable<FuncType>> {
        let mut params = Vec::with_capacity(decl.params.len());
        for (name, ty) in &decl.params {
            match self.val_type(env, *ty)? {
                Ok(ty) => params.push((name.clone(), ty)),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        let result = match decl.result {
            None => None,
            Some(ty) => match self.val_type(env, ty)? {
                Ok(ty) => Some(ty),
                Err(reason) => return Ok(Err(reason)),
            },
        };
        Ok(Ok(FuncType {
            is_async: decl.is_async,
            ..FuncType::new(params, result)
        }))
    }

    /// The value type at a use.
    pub(super) fn val_type(&mut self, env: EnvId, ty: ComponentValType) -> Result<Usable<ValType>> {
        match ty {
            ComponentValType::Primitive(primitive) => self.primitive(primitive),
            ComponentValType::Type(index) => match get(&self.env(env).types, index)? {
                TypeItem::Value(ty) => Ok(Ok(ty)),
                TypeItem::Unusable(reason) => Ok(Err(reason)),
                TypeItem::Func(_)
                | TypeItem::Resource(_)
                | TypeItem::Instance(_)
                | TypeItem::Component(_) => Err(Error::inconsistent("expected a value type")),
            },
        }
    }

    fn optional(
        &mut self,
        env: EnvId,
        ty: Option<ComponentValType>,
    ) -> Result<Usable<Option<ValType>>> {
        match ty {
            None => Ok(Ok(None)),
            Some(ty) => Ok(self.val_type(env, ty)?.map(Some)),
        }
    }

    fn primitive(&mut self, ty: PrimitiveValType) -> Result<Usable<ValType>> {
        Ok(Ok(match ty {
            PrimitiveValType::Bool => ValType::Bool,
            PrimitiveValType::S8 => ValType::S8,
            PrimitiveValType::U8 => ValType::U8,
            PrimitiveValType::S16 => ValType::S16,
            PrimitiveValType::U16 => ValType::U16,
            PrimitiveValType::S32 => ValType::S32,
            PrimitiveValType::U32 => ValType::U32,
            PrimitiveValType::S64 => ValType::S64,
            PrimitiveValType::U64 => ValType::U64,
            PrimitiveValType::F32 => ValType::F32,
            PrimitiveValType::F64 => ValType::F64,
            PrimitiveValType::Char => ValType::Char,
            PrimitiveValType::String => ValType::String,
            PrimitiveValType::ErrorContext => return self.interned(TypeDef::ErrorContext),
        }))
    }

    fn defined(&mut self, env: EnvId, ty: &DefinedType) -> Result<Usable<ValType>> {
        macro_rules! usable {
            ($e:expr) => {
                match $e? {
                    Ok(ty) => ty,
                    Err(reason) => return Ok(Err(reason)),
                }
            };
        }
        self.spend_defined(ty)?;
        let def = match ty {
            DefinedType::Primitive(ty) => return self.primitive(*ty),
            DefinedType::Record(fields) => {
                let mut out = Vec::with_capacity(fields.len());
                for (name, ty) in fields {
                    let ty = usable!(self.val_type(env, *ty));
                    out.push(Named {
                        name: name.clone(),
                        ty,
                    });
                }
                TypeDef::Record(out.into())
            }
            DefinedType::Variant(cases) => {
                let mut out = Vec::with_capacity(cases.len());
                for (name, ty) in cases {
                    let ty = usable!(self.optional(env, *ty));
                    out.push(Named {
                        name: name.clone(),
                        ty,
                    });
                }
                TypeDef::Variant(out.into())
            }
            DefinedType::List(element) => TypeDef::List(usable!(self.val_type(env, *element))),
            DefinedType::FixedLengthList(element, count) => {
                TypeDef::FixedLengthList(usable!(self.val_type(env, *element)), *count)
            }
            DefinedType::Map(key, value) => {
                let key = usable!(self.val_type(env, *key));
                TypeDef::Map(key, usable!(self.val_type(env, *value)))
            }
            DefinedType::Tuple(types) => {
                let mut out = Vec::with_capacity(types.len());
                for ty in types {
                    out.push(usable!(self.val_type(env, *ty)));
                }
                TypeDef::Tuple(out.into())
            }
            DefinedType::Flags(names) => TypeDef::Flags(names.as_slice().into()),
            DefinedType::Enum(names) => TypeDef::Enum(names.as_slice().into()),
            DefinedType::Option(some) => TypeDef::Option(usable!(self.val_type(env, *some))),
            DefinedType::Result { ok, err } => TypeDef::Result {
                ok: usable!(self.optional(env, *ok)),
                err: usable!(self.optional(env, *err)),
            },
            DefinedType::Own(index) => TypeDef::Own(self.resource(env, *index)?),
            DefinedType::Borrow(index) => TypeDef::Borrow(self.resource(env, *index)?),
            DefinedType::Future(value) => TypeDef::Future(usable!(self.optional(env, *value))),
            DefinedType::Stream(elem) => TypeDef::Stream(usable!(self.optional(env, *elem))),
        };
        self.interned(def)
    }

    fn interned(&mut self, def: TypeDef) -> Result<Usable<ValType>> {
        match self.plan.types.intern(def) {
            Ok(ty) => Ok(Ok(ty)),
            Err(error) => Ok(Err(
                self.reason(&format!("a type is invalid ({error}) and"))?
            )),
        }
    }

    /// The resource type at a position of the environment's types.
    pub(super) fn resource(&self, env: EnvId, index: u32) -> Result<ResourceTypeId> {
        match get(&self.env(env).types, index)? {
            TypeItem::Resource(resource) => Ok(resource),
            TypeItem::Value(_)
            | TypeItem::Unusable(_)
            | TypeItem::Func(_)
            | TypeItem::Instance(_)
            | TypeItem::Component(_) => Err(Error::inconsistent("expected a resource type")),
        }
    }

    /// Adds a resource type.
    pub(super) fn new_resource(&mut self, def: ResourceDef) -> Result<ResourceTypeId> {
        let id = ResourceTypeId(self.next(self.plan.resources.len())?);
        if id.is_host() {
            return Err(Error::limit(
                "the component defines too many resource types",
            ));
        }
        self.plan.resources.push(def);
        Ok(id)
    }

    /// Counts the size of a type that the table may have to copy.
    fn spend_defined(&mut self, ty: &DefinedType) -> Result<()> {
        match ty {
            DefinedType::Record(fields) => self.spend_names(fields.iter().map(|(name, _)| name)),
            DefinedType::Variant(cases) => self.spend_names(cases.iter().map(|(name, _)| name)),
            DefinedType::Flags(names) | DefinedType::Enum(names) => self.spend_names(names),
            DefinedType::Tuple(types) => self.spend(self.next(types.len())?),
            DefinedType::Primitive(_)
            | DefinedType::List(_)
            | DefinedType::FixedLengthList(..)
            | DefinedType::Map(..)
            | DefinedType::Option(_)
            | DefinedType::Result { .. }
            | DefinedType::Own(_)
            | DefinedType::Borrow(_)
            | DefinedType::Future(_)
            | DefinedType::Stream(_) => Ok(()),
        }
    }

    fn spend_names<'a>(&mut self, names: impl IntoIterator<Item = &'a Box<str>>) -> Result<()> {
        for name in names {
            self.spend(1)?;
            self.spend_bytes(name.len())?;
        }
        Ok(())
    }

    fn reason(&mut self, what: &str) -> Result<ReasonId> {
        if let Some(known) = self.reasons.get(what) {
            return Ok(*known);
        }
        self.spend_bytes(what.len())?;
        let id = ReasonId(self.next(self.plan.reasons.len())?);
        self.plan.reasons.push(what.into());
        self.reasons.insert(what.into(), id);
        Ok(id)
    }

    /// Declares an import of the root component, or of an instance that it
    /// imports, and answers the item that stands for it.
    pub(super) fn import(
        &mut self,
        env: EnvId,
        ty: ComponentTypeRef,
        site: ImportSite<'_>,
    ) -> Result<Item> {
        // Each item has a path of its own, which holds all names above it.
        let names = site.path.names();
        self.spend(self.next(names.len())?)?;
        self.spend_bytes(names.iter().map(String::len).sum())?;
        match ty {
            ComponentTypeRef::Func(index) => {
                let TypeItem::Func(ty) = get(&self.env(env).types, index)? else {
                    return Err(Error::inconsistent("expected a function type"));
                };
                let source = FuncSource::Import(self.leaf(site, ImportKind::Func(ty))?);
                Ok(Item::Func(FuncItem { source, ty }))
            }
            ComponentTypeRef::Type(TypeBounds::Eq(index)) => {
                Ok(Item::Type(get(&self.env(env).types, index)?))
            }
            ComponentTypeRef::Type(TypeBounds::SubResource) => {
                let import = ImportId(self.next(self.plan.imports.len())?);
                let resource = self.new_resource(ResourceDef::Import(import))?;
                self.leaf(site, ImportKind::Resource(resource))?;
                if let Some(name) = site.path.names().last() {
                    self.spend_bytes(name.len())?;
                    self.plan.types.name_resource(resource, name.as_str());
                }
                Ok(Item::Type(TypeItem::Resource(resource)))
            }
            ComponentTypeRef::Instance(index) => {
                let TypeItem::Instance(closure) = get(&self.env(env).types, index)? else {
                    return Err(Error::inconsistent("expected an instance type"));
                };
                Ok(Item::Instance(self.import_instance(closure, site)?))
            }
            ComponentTypeRef::Module(index) => {
                let CoreTypeItem::Module(ty) = get(&self.env(env).core_types, index)? else {
                    return Err(Error::inconsistent("expected a core module type"));
                };
                let import = self.leaf(site, ImportKind::Module(ty))?;
                Ok(Item::Module(self.module(ModuleRef::Import(import))?))
            }
            ComponentTypeRef::Component(index) => {
                let TypeItem::Component(ty) = get(&self.env(env).types, index)? else {
                    return Err(Error::inconsistent("expected a component type"));
                };
                let import = self.leaf(site, ImportKind::Component)?;
                let declared = Declared { import, ty };
                Ok(Item::Component(self.bound_component(declared, site.path)?))
            }
            ComponentTypeRef::Value(ty) => {
                let ty = self.val_type(env, ty)?;
                let import = ImportId(self.next(self.plan.imports.len())?);
                let value = self.new_value(ValueSource::Import(import), ty)?;
                self.leaf(site, ImportKind::Value(value))?;
                Ok(Item::Value(value))
            }
        }
    }

    fn leaf(&mut self, site: ImportSite<'_>, kind: ImportKind) -> Result<ImportId> {
        let id = ImportId(self.next(self.plan.imports.len())?);
        self.spend_bytes(site.implements.map_or(0, str::len))?;
        self.plan.imports.push(Import {
            path: site.path.clone(),
            implements: site.implements.map(Into::into),
            kind,
        });
        Ok(id)
    }

    fn bound_component(&mut self, declared: Declared, path: &ItemPath) -> Result<ComponentItem> {
        match self.bindings.get(path) {
            None => Ok(ComponentItem::Import(declared)),
            Some(provided) => {
                let provided = provided.clone();
                self.source_item(provided, declared)
            }
        }
    }

    /// Evaluates the body of an instance type to a set of imports.
    fn import_instance(
        &mut self,
        closure: TypeClosure,
        site: ImportSite<'_>,
    ) -> Result<InstanceId> {
        if site.depth >= TYPE_NESTING_MAX {
            return Err(Error::limit(format!(
                "imported instances nest deeper than {TYPE_NESTING_MAX}"
            ))
            .within(site.path.to_string()));
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
                ScopeDecl::Import(_) => {
                    return Err(Error::inconsistent("an import in an instance type"));
                }
                ScopeDecl::Export { name, ty } => {
                    let path = site.path.child(&name.full);
                    let inner = ImportSite {
                        path: &path,
                        implements: site.implements,
                        depth: site.depth + 1,
                    };
                    let item = self.import(env, *ty, inner)?;
                    self.env_mut(env).push(item);
                    items.push(Arc::clone(&name.name), item);
                }
            }
        }
        self.new_instance(items)
    }

    /// An alias inside a type body.
    pub(super) fn type_alias(&mut self, env: EnvId, alias: &Alias) -> Result<()> {
        match alias {
            Alias::Export {
                kind,
                instance,
                name,
            } => {
                let item = self.instance_item(env, *instance, name)?;
                if item_kind(&item) != *kind {
                    return Err(Error::inconsistent("an alias of another kind"));
                }
                self.env_mut(env).push(item);
                Ok(())
            }
            Alias::Outer { kind, count, index } => self.outer_alias(env, *kind, *count, *index),
            Alias::CoreExport { .. } => Err(Error::inconsistent("a core alias in a type body")),
        }
    }
}

/// The kind of an item as wasmparser names it.
pub(super) fn item_kind(item: &Item) -> wasmparser::ComponentExternalKind {
    use wasmparser::ComponentExternalKind as Kind;
    match item {
        Item::Func(_) => Kind::Func,
        Item::Instance(_) => Kind::Instance,
        Item::Type(_) => Kind::Type,
        Item::Module(_) => Kind::Module,
        Item::Component(_) => Kind::Component,
        Item::Value(_) => Kind::Value,
    }
}
