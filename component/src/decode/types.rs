//! Types as declared: positions in index spaces, not yet the types they
//! stand for. The bodies of instance types and component types are numbered,
//! so that a plan can name one and evaluate it only when it must.

use std::sync::Arc;

use wasmparser::{
    ComponentDefinedType, ComponentExternName, ComponentFuncType, ComponentType,
    ComponentTypeDeclaration, ComponentTypeRef, ComponentValType, CoreType,
    InstanceTypeDeclaration, ModuleTypeDeclaration, PrimitiveValType, ValType,
};

use super::{Alias, ScopeId};
use crate::error::{Error, Result};

/// The name of an import or export, with its annotations.
#[derive(Clone, Debug)]
pub(crate) struct ExternName {
    /// The name that the binary's own definitions match by.
    pub(crate) name: Arc<str>,
    /// The name with its version suffix: what a host sees.
    pub(crate) full: Arc<str>,
    /// The interface that an instance of another name implements.
    pub(crate) implements: Option<Box<str>>,
}

impl From<ComponentExternName<'_>> for ExternName {
    fn from(name: ComponentExternName<'_>) -> ExternName {
        ExternName {
            name: name.name.into(),
            full: name.full_name().into(),
            implements: name.full_implements().map(|n| n.into_owned().into()),
        }
    }
}

/// One entry of the core type section, which may define several types.
#[derive(Debug)]
pub(crate) enum CoreTypeDecl {
    /// A group of types that core modules define.
    Group(wasmparser::RecGroup),
    /// The type of a core module.
    Module(ModuleTypeDecl),
}

/// What a core module type asks for and offers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleTypeDecl {
    /// Its declarations in order.
    pub(crate) decls: Vec<ModuleDecl>,
}

/// One declaration in the body of a core module type.
#[derive(Clone, Debug)]
pub(crate) enum ModuleDecl {
    /// Types of its own.
    Group(wasmparser::RecGroup),
    /// A core type of a scope around it.
    OuterAlias { count: u32, index: u32 },
    /// Module name, item name, type.
    Import(Box<str>, Box<str>, wasmparser::TypeRef),
    /// Item name, type.
    Export(Box<str>, wasmparser::TypeRef),
}

impl CoreTypeDecl {
    pub(super) fn new(ty: &CoreType<'_>) -> CoreTypeDecl {
        match ty {
            CoreType::Rec(group) => CoreTypeDecl::Group(group.clone()),
            CoreType::Module(decls) => {
                let decls = decls.iter().map(|decl| match decl {
                    ModuleTypeDeclaration::Type(group) => ModuleDecl::Group(group.clone()),
                    ModuleTypeDeclaration::OuterAlias { count, index, .. } => {
                        ModuleDecl::OuterAlias {
                            count: *count,
                            index: *index,
                        }
                    }
                    ModuleTypeDeclaration::Import(import) => {
                        ModuleDecl::Import(import.module.into(), import.name.into(), import.ty)
                    }
                    ModuleTypeDeclaration::Export { name, ty } => {
                        ModuleDecl::Export((*name).into(), *ty)
                    }
                });
                CoreTypeDecl::Module(ModuleTypeDecl {
                    decls: decls.collect(),
                })
            }
        }
    }
}

/// A component-level type.
#[derive(Debug)]
pub(crate) enum TypeDecl {
    /// A value type.
    Defined(DefinedType),
    /// A function type.
    Func(FuncTypeDecl),
    /// An instance type.
    Instance(ScopeId),
    /// A component type.
    Component(ScopeId),
    /// A new resource type.
    Resource {
        /// How it is represented in core WebAssembly.
        rep: ValType,
        /// Core function to run on the representation of a dropped resource.
        dtor: Option<u32>,
    },
}

/// The type of a component function.
#[derive(Debug)]
pub(crate) struct FuncTypeDecl {
    /// Whether it is declared `async`.
    pub(crate) is_async: bool,
    /// Names and types of the parameters.
    pub(crate) params: Vec<(Box<str>, ComponentValType)>,
    /// The result.
    pub(crate) result: Option<ComponentValType>,
}

/// A value type: the same cases as wasmparser's, owned.
#[derive(Debug)]
pub(crate) enum DefinedType {
    Primitive(PrimitiveValType),
    Record(Vec<(Box<str>, ComponentValType)>),
    Variant(Vec<(Box<str>, Option<ComponentValType>)>),
    List(ComponentValType),
    FixedLengthList(ComponentValType, u32),
    Map(ComponentValType, ComponentValType),
    Tuple(Vec<ComponentValType>),
    Flags(Vec<Box<str>>),
    Enum(Vec<Box<str>>),
    Option(ComponentValType),
    Result {
        ok: Option<ComponentValType>,
        err: Option<ComponentValType>,
    },
    Own(u32),
    Borrow(u32),
    /// Compared and shown; calls that would pass one are refused. Likewise below.
    Future(Option<ComponentValType>),
    Stream(Option<ComponentValType>),
}

/// The body of an instance type or component type.
#[derive(Debug, Default)]
pub(crate) struct TypeScope {
    /// Its declarations in order.
    pub(crate) decls: Vec<ScopeDecl>,
}

/// One declaration in the body of an instance type or component type.
#[derive(Debug)]
pub(crate) enum ScopeDecl {
    CoreType(CoreTypeDecl),
    Type(TypeDecl),
    Alias(Alias),
    /// Stands in component types alone. Its type says nothing new: validation
    /// has compared the argument with it.
    Import(Arc<str>),
    Export {
        name: ExternName,
        ty: ComponentTypeRef,
    },
}

/// Makes a type owned. Recursion is bounded by wasmparser's limit on nested
/// instance types and component types, which the reader has enforced.
pub(super) fn type_decl(scopes: &mut Vec<TypeScope>, ty: ComponentType<'_>) -> Result<TypeDecl> {
    Ok(match ty {
        ComponentType::Defined(ty) => TypeDecl::Defined(defined(ty)),
        ComponentType::Func(ty) => TypeDecl::Func(func(&ty)),
        ComponentType::Component(decls) => {
            let mut scope = TypeScope::default();
            for decl in decls {
                let decl = match decl {
                    ComponentTypeDeclaration::CoreType(ty) => {
                        ScopeDecl::CoreType(CoreTypeDecl::new(&ty))
                    }
                    ComponentTypeDeclaration::Type(ty) => ScopeDecl::Type(type_decl(scopes, ty)?),
                    ComponentTypeDeclaration::Alias(alias) => ScopeDecl::Alias(alias.into()),
                    ComponentTypeDeclaration::Import(import) => {
                        ScopeDecl::Import(import.name.name.into())
                    }
                    ComponentTypeDeclaration::Export { name, ty } => ScopeDecl::Export {
                        name: name.into(),
                        ty,
                    },
                };
                scope.decls.push(decl);
            }
            TypeDecl::Component(push(scopes, scope)?)
        }
        ComponentType::Instance(decls) => {
            let mut scope = TypeScope::default();
            for decl in decls {
                let decl = match decl {
                    InstanceTypeDeclaration::CoreType(ty) => {
                        ScopeDecl::CoreType(CoreTypeDecl::new(&ty))
                    }
                    InstanceTypeDeclaration::Type(ty) => ScopeDecl::Type(type_decl(scopes, ty)?),
                    InstanceTypeDeclaration::Alias(alias) => ScopeDecl::Alias(alias.into()),
                    InstanceTypeDeclaration::Export { name, ty } => ScopeDecl::Export {
                        name: name.into(),
                        ty,
                    },
                };
                scope.decls.push(decl);
            }
            TypeDecl::Instance(push(scopes, scope)?)
        }
        ComponentType::Resource { rep, dtor } => TypeDecl::Resource { rep, dtor },
    })
}

fn push(scopes: &mut Vec<TypeScope>, scope: TypeScope) -> Result<ScopeId> {
    let id = u32::try_from(scopes.len())
        .map_err(|_| Error::limit("too many types in one component binary"))?;
    scopes.push(scope);
    Ok(ScopeId(id))
}

fn func(ty: &ComponentFuncType<'_>) -> FuncTypeDecl {
    FuncTypeDecl {
        is_async: ty.async_,
        params: ty.params.iter().map(|(n, t)| ((*n).into(), *t)).collect(),
        result: ty.result,
    }
}

fn defined(ty: ComponentDefinedType<'_>) -> DefinedType {
    match ty {
        ComponentDefinedType::Primitive(p) => DefinedType::Primitive(p),
        ComponentDefinedType::Record(fields) => {
            DefinedType::Record(fields.iter().map(|(n, t)| ((*n).into(), *t)).collect())
        }
        ComponentDefinedType::Variant(cases) => {
            DefinedType::Variant(cases.iter().map(|c| (c.name.into(), c.ty)).collect())
        }
        ComponentDefinedType::List(element) => DefinedType::List(element),
        ComponentDefinedType::FixedLengthList(element, count) => {
            DefinedType::FixedLengthList(element, count)
        }
        ComponentDefinedType::Map(key, value) => DefinedType::Map(key, value),
        ComponentDefinedType::Tuple(types) => DefinedType::Tuple(types.into()),
        ComponentDefinedType::Flags(names) => {
            DefinedType::Flags(names.iter().map(|n| (*n).into()).collect())
        }
        ComponentDefinedType::Enum(names) => {
            DefinedType::Enum(names.iter().map(|n| (*n).into()).collect())
        }
        ComponentDefinedType::Option(some) => DefinedType::Option(some),
        ComponentDefinedType::Result { ok, err } => DefinedType::Result { ok, err },
        ComponentDefinedType::Own(resource) => DefinedType::Own(resource),
        ComponentDefinedType::Borrow(resource) => DefinedType::Borrow(resource),
        ComponentDefinedType::Future(value) => DefinedType::Future(value),
        ComponentDefinedType::Stream(elem) => DefinedType::Stream(elem),
    }
}
