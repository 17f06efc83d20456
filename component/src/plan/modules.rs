//! Core module types while a plan is made: what the host's modules are
//! compared with. Only what an [`ExternType`] can say is kept; the engine
//! compares the rest where an instance imports it.

use std::sync::Arc;

use linkspan_engine::{
    AddressType, ExternType, FuncType, GlobalType, MemoryType, RefType, TableType, TagType, ValType,
};
use wasmparser::{CompositeInnerType, TypeRef};

use super::flatten::Flattener;
use super::space::{EnvId, get};
use crate::decode::{CoreTypeDecl, ModuleDecl, ModuleTypeDecl};
use crate::error::{Error, Result};

/// An entry of a core type space.
#[derive(Clone, Debug)]
pub(crate) enum CoreTypeItem {
    /// A function type that stands for itself.
    Func(Arc<FuncType>),
    /// A type that only the engine can compare.
    Other,
    /// A module type.
    Module(Arc<ModuleType>),
}

/// What a core module is declared to import and export.
#[derive(Debug, Default)]
pub(crate) struct ModuleType {
    /// Module name, item name, type.
    pub(crate) imports: Vec<(Box<str>, Box<str>, CoreItemType)>,
    /// Item name, type.
    pub(crate) exports: Vec<(Box<str>, CoreItemType)>,
}

/// The declared type of a core import or export.
#[derive(Clone, Debug)]
pub(crate) struct CoreItemType {
    /// Its kind, in a word.
    pub(crate) kind: &'static str,
    /// Its type, if it names no types that modules define.
    pub(crate) ty: Option<ExternType>,
}

impl Flattener {
    /// Adds the entries of a core type declaration.
    pub(super) fn core_type(&mut self, env: EnvId, ty: &CoreTypeDecl) -> Result<()> {
        match ty {
            CoreTypeDecl::Group(group) => {
                self.spend_group(group)?;
                self.env_mut(env).core_types.extend(items(group));
            }
            CoreTypeDecl::Module(module) => {
                let ty = Arc::new(self.module_type(env, module)?);
                self.env_mut(env).core_types.push(CoreTypeItem::Module(ty));
            }
        }
        Ok(())
    }

    /// Counts the types of a group, of which function types copy their parts.
    fn spend_group(&mut self, group: &wasmparser::RecGroup) -> Result<()> {
        for ty in group.types() {
            let parts = match &ty.composite_type.inner {
                CompositeInnerType::Func(func) => func.params().len() + func.results().len(),
                CompositeInnerType::Array(_)
                | CompositeInnerType::Struct(_)
                | CompositeInnerType::Cont(_) => 0,
            };
            self.spend(u32::try_from(parts + 1).unwrap_or(u32::MAX))?;
        }
        Ok(())
    }

    fn module_type(&mut self, env: EnvId, module: &ModuleTypeDecl) -> Result<ModuleType> {
        let mut types: Vec<CoreTypeItem> = Vec::new();
        let mut out = ModuleType::default();
        for decl in &module.decls {
            self.spend(1)?;
            match decl {
                ModuleDecl::Group(group) => {
                    self.spend_group(group)?;
                    types.extend(items(group));
                }
                ModuleDecl::OuterAlias { count, index } => {
                    types.push(self.outer_core_type(env, &types, *count, *index)?);
                }
                ModuleDecl::Import(from, name, ty) => {
                    self.spend_bytes(from.len() + name.len())?;
                    let ty = CoreItemType::new(&types, *ty);
                    out.imports.push((from.clone(), name.clone(), ty));
                }
                ModuleDecl::Export(name, ty) => {
                    self.spend_bytes(name.len())?;
                    let ty = CoreItemType::new(&types, *ty);
                    out.exports.push((name.clone(), ty));
                }
            }
        }
        Ok(out)
    }

    /// The core type `count` scopes outside a module type in `env`.
    fn outer_core_type(
        &self,
        env: EnvId,
        own: &[CoreTypeItem],
        count: u32,
        index: u32,
    ) -> Result<CoreTypeItem> {
        let Some(above) = count.checked_sub(1) else {
            return get(own, index);
        };
        let mut outer = env;
        // Validation has counted the scopes.
        for _ in 0..above {
            outer = self
                .env(outer)
                .parent
                .ok_or_else(|| Error::inconsistent("an alias leaves the root component"))?;
        }
        get(&self.env(outer).core_types, index)
    }
}

/// The types of a group, one entry each.
fn items(group: &wasmparser::RecGroup) -> Vec<CoreTypeItem> {
    let is_alone = group.types().len() == 1;
    let item = |ty: &wasmparser::SubType| {
        // Types that take part in a hierarchy or refer to each other are not
        // equal because they look so.
        let stands_for_itself = is_alone && ty.is_final && ty.supertype_idxs.is_empty();
        match &ty.composite_type.inner {
            CompositeInnerType::Func(func) if stands_for_itself && !ty.composite_type.shared => {
                let list = |types: &[wasmparser::ValType]| -> Option<Vec<ValType>> {
                    types.iter().map(|ty| val_type(*ty)).collect()
                };
                match (list(func.params()), list(func.results())) {
                    (Some(params), Some(results)) => {
                        CoreTypeItem::Func(Arc::new(FuncType::new(params, results)))
                    }
                    _ => CoreTypeItem::Other,
                }
            }
            _ => CoreTypeItem::Other,
        }
    };
    group.types().map(item).collect()
}

fn val_type(ty: wasmparser::ValType) -> Option<ValType> {
    Some(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty)?),
    })
}

fn ref_type(ty: wasmparser::RefType) -> Option<RefType> {
    match ty {
        wasmparser::RefType::FUNCREF => Some(RefType::FUNCREF),
        wasmparser::RefType::EXTERNREF => Some(RefType::EXTERNREF),
        _ => None,
    }
}

impl CoreItemType {
    fn new(types: &[CoreTypeItem], ty: TypeRef) -> CoreItemType {
        let func = |index: u32| match types.get(index as usize) {
            Some(CoreTypeItem::Func(ty)) => Some((**ty).clone()),
            Some(CoreTypeItem::Other | CoreTypeItem::Module(_)) | None => None,
        };
        let address = |is_64: bool| match is_64 {
            true => AddressType::I64,
            false => AddressType::I32,
        };
        let (kind, ty) = match ty {
            TypeRef::Func(index) => ("func", func(index).map(ExternType::Func)),
            TypeRef::FuncExact(_) => ("func", None),
            TypeRef::Table(ty) => {
                let table = ref_type(ty.element_type).filter(|_| !ty.shared);
                let table = table.map(|element| TableType {
                    address: address(ty.table64),
                    element,
                    min: ty.initial,
                    max: ty.maximum,
                });
                ("table", table.map(ExternType::Table))
            }
            TypeRef::Memory(ty) => {
                let memory = MemoryType {
                    address: address(ty.memory64),
                    min_pages: ty.initial,
                    max_pages: ty.maximum,
                    shared: ty.shared,
                    page_size_bytes: 1 << ty.page_size_log2.unwrap_or(16).min(31),
                };
                ("memory", Some(ExternType::Memory(memory)))
            }
            TypeRef::Global(ty) => {
                let global = val_type(ty.content_type).filter(|_| !ty.shared);
                let global = global.map(|content| GlobalType {
                    content,
                    mutable: ty.mutable,
                });
                ("global", global.map(ExternType::Global))
            }
            TypeRef::Tag(ty) => {
                let tag = func(ty.func_type_idx).map(|func| TagType { func });
                ("tag", tag.map(ExternType::Tag))
            }
        };
        CoreItemType { kind, ty }
    }
}
