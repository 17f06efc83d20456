//! Types of parts, written once more for the component around them.
//!
//! Validation has numbered types and resources, so equal ones are found by their numbers: a type
//! is written where it is first needed, and referred to from then on. Each instance type is a
//! scope of its own, which sees the scopes around it through aliases.

use std::collections::BTreeMap;

use wasm_encoder::{
    Alias, ComponentBuilder, ComponentExportKind, ComponentExternName, ComponentOuterAliasKind,
    ComponentTypeEncoder, ComponentTypeRef, ComponentValType, InstanceType, PrimitiveValType,
    TypeBounds,
};
use wasmparser::component_types::{
    self as found, ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId,
    ComponentEntityType, ComponentFuncTypeId, ComponentInstanceTypeId, ResourceId,
};

use super::{Part, extern_name};
use crate::failure::{Failure, Kind, Result};

/// The word for the kind of an import or export.
pub(super) fn kind(ty: &ComponentEntityType) -> ComponentExportKind {
    match ty {
        ComponentEntityType::Module(_) => ComponentExportKind::Module,
        ComponentEntityType::Func(_) => ComponentExportKind::Func,
        ComponentEntityType::Value(_) => ComponentExportKind::Value,
        ComponentEntityType::Type { .. } => ComponentExportKind::Type,
        ComponentEntityType::Instance(_) => ComponentExportKind::Instance,
        ComponentEntityType::Component(_) => ComponentExportKind::Component,
    }
}

/// Where types go: the component itself, or an instance type inside it.
#[derive(Default)]
struct Scope {
    /// What the instance type says so far; unused by the component's own scope.
    body: InstanceType,
    /// Part and number of a type → its index in the scope.
    defined: BTreeMap<(usize, ComponentDefinedTypeId), u32>,
    /// Resource → its index in the scope.
    resources: BTreeMap<ResourceId, u32>,
}

/// Writes a component and the types that it needs.
pub(super) struct TypeEncoder<'a> {
    parts: Vec<&'a Part>,
    builder: ComponentBuilder,
    /// The component's own scope, then those of instance types that are being written.
    scopes: Vec<Scope>,
}

impl<'a> TypeEncoder<'a> {
    pub(super) fn new(builder: ComponentBuilder, parts: &[&'a Part]) -> Self {
        Self {
            parts: parts.to_vec(),
            builder,
            scopes: vec![Scope::default()],
        }
    }

    /// The component.
    pub(super) fn builder(&mut self) -> &mut ComponentBuilder {
        &mut self.builder
    }

    /// The component's bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.builder.finish()
    }

    /// Imports an instance with all that the given types have together.
    pub(super) fn import_instance(
        &mut self,
        name: ComponentExternName<'_>,
        sources: &[(usize, ComponentInstanceTypeId)],
    ) -> Result<u32> {
        let ty = self.instance_type(sources)?;
        let place = self.builder.import(name, ComponentTypeRef::Instance(ty));
        // Later imports refer to its types.
        let mut aliases: BTreeMap<String, u32> = BTreeMap::new();
        for (part, id) in sources {
            for (name, item) in self.exports(*part, *id) {
                let ComponentEntityType::Type { created, .. } = item.ty else {
                    continue;
                };
                let builder = &mut self.builder;
                let alias = *aliases.entry(name).or_insert_with_key(|name| {
                    builder.alias_export(place, name, ComponentExportKind::Type)
                });
                self.name(*part, created, alias);
            }
        }
        Ok(place)
    }

    /// Imports a function.
    pub(super) fn import_func(
        &mut self,
        name: ComponentExternName<'_>,
        part: usize,
        id: ComponentFuncTypeId,
    ) -> Result<u32> {
        let ty = self.func_type(part, id)?;
        Ok(self.builder.import(name, ComponentTypeRef::Func(ty)))
    }

    /// Imports a type, which is that of every member.
    pub(super) fn import_type(
        &mut self,
        name: ComponentExternName<'_>,
        part: usize,
        ty: ComponentEntityType,
        members: &[(usize, ComponentEntityType)],
    ) -> Result<u32> {
        let ComponentEntityType::Type { referenced, .. } = ty else {
            return Err(unknown("a type that is none"));
        };
        let bounds = self.bounds(part, referenced)?;
        let place = self.builder.import(name, ComponentTypeRef::Type(bounds));
        for (part, member) in members {
            if let ComponentEntityType::Type { created, .. } = member {
                self.name(*part, *created, place);
            }
        }
        Ok(place)
    }

    fn scope(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    fn exports(
        &self,
        part: usize,
        id: ComponentInstanceTypeId,
    ) -> Vec<(String, found::ComponentItem)> {
        let types = self.parts[part].types.as_ref();
        let exports = types.get(id).map(|ty| ty.exports.iter());
        let exports = exports.into_iter().flatten();
        exports
            .map(|(name, item)| (name.clone(), item.clone()))
            .collect()
    }

    /// Writes a type into the innermost scope: its index.
    fn define(&mut self, write: impl FnOnce(ComponentTypeEncoder<'_>)) -> u32 {
        if self.scopes.len() > 1 {
            let body = &mut self.scope().body;
            let index = body.type_count();
            write(body.ty());
            return index;
        }
        let (index, encoder) = self.builder.ty(None);
        write(encoder);
        index
    }

    /// What a lookup finds, as an index of the innermost scope.
    fn find(&mut self, get: &dyn Fn(&Scope) -> Option<u32>) -> Option<u32> {
        let scopes = (0..).zip(self.scopes.iter().rev());
        let (count, index) = scopes
            .filter_map(|(count, scope)| Some((count, get(scope)?)))
            .next()?;
        if count == 0 {
            return Some(index);
        }
        let body = &mut self.scope().body;
        body.alias(Alias::Outer {
            kind: ComponentOuterAliasKind::Type,
            count,
            index,
        });
        Some(body.type_count() - 1)
    }

    fn find_defined(&mut self, part: usize, id: ComponentDefinedTypeId) -> Option<u32> {
        let mut next = Some(id);
        while let Some(wanted) = next {
            if let Some(index) = self.find(&|scope| scope.defined.get(&(part, wanted)).copied()) {
                self.scope().defined.insert((part, id), index);
                return Some(index);
            }
            next = self.parts[part].types.as_ref().peel_alias(wanted);
        }
        None
    }

    fn find_resource(&mut self, id: ResourceId) -> Option<u32> {
        let index = self.find(&|scope| scope.resources.get(&id).copied())?;
        self.scope().resources.insert(id, index);
        Some(index)
    }

    /// Notes what a type that was imported or exported is called from now on.
    fn name(&mut self, part: usize, created: ComponentAnyTypeId, index: u32) {
        match created {
            ComponentAnyTypeId::Resource(id) => {
                self.scope().resources.insert(id.resource(), index);
            }
            ComponentAnyTypeId::Defined(id) => {
                self.scope().defined.insert((part, id), index);
            }
            ComponentAnyTypeId::Func(_)
            | ComponentAnyTypeId::Instance(_)
            | ComponentAnyTypeId::Component(_) => {}
        }
    }

    fn instance_type(&mut self, sources: &[(usize, ComponentInstanceTypeId)]) -> Result<u32> {
        self.scopes.push(Scope::default());
        let mut names: BTreeMap<String, Option<u32>> = BTreeMap::new();
        for (part, id) in sources {
            for (name, item) in self.exports(*part, *id) {
                match names.get(&name) {
                    Some(known) => {
                        if let (ComponentEntityType::Type { created, .. }, Some(index)) =
                            (item.ty, *known)
                        {
                            self.name(*part, created, index);
                        }
                    }
                    None => {
                        let index = self.instance_item(*part, &name, &item)?;
                        names.insert(name, index);
                    }
                }
            }
        }
        let body = self.scopes.pop().unwrap_or_default().body;
        Ok(self.define(|encoder| encoder.instance(&body)))
    }

    /// Adds an export to the instance type that is being written: the index of its type, if it is
    /// a type.
    fn instance_item(
        &mut self,
        part: usize,
        name: &str,
        item: &found::ComponentItem,
    ) -> Result<Option<u32>> {
        let ty = match item.ty {
            ComponentEntityType::Func(id) => ComponentTypeRef::Func(self.func_type(part, id)?),
            ComponentEntityType::Type { referenced, .. } => {
                ComponentTypeRef::Type(self.bounds(part, referenced)?)
            }
            ComponentEntityType::Instance(id) => {
                ComponentTypeRef::Instance(self.instance_type(&[(part, id)])?)
            }
            ComponentEntityType::Module(_) => return Err(unknown("a core module in an instance")),
            ComponentEntityType::Component(_) => return Err(unknown("a component in an instance")),
            ComponentEntityType::Value(_) => return Err(unknown("a value in an instance")),
        };
        let body = &mut self.scope().body;
        body.export(extern_name(name, item), ty);
        let ComponentEntityType::Type { created, .. } = item.ty else {
            return Ok(None);
        };
        let index = body.type_count() - 1;
        self.name(part, created, index);
        Ok(Some(index))
    }

    /// What an exported or imported type is: an existing one, or a new resource.
    fn bounds(&mut self, part: usize, referenced: ComponentAnyTypeId) -> Result<TypeBounds> {
        Ok(match referenced {
            ComponentAnyTypeId::Resource(id) => match self.find_resource(id.resource()) {
                Some(index) => TypeBounds::Eq(index),
                None => TypeBounds::SubResource,
            },
            ComponentAnyTypeId::Defined(id) => TypeBounds::Eq(self.defined(part, id)?),
            ComponentAnyTypeId::Func(id) => TypeBounds::Eq(self.func_type(part, id)?),
            ComponentAnyTypeId::Instance(id) => TypeBounds::Eq(self.instance_type(&[(part, id)])?),
            ComponentAnyTypeId::Component(_) => return Err(unknown("a type of components")),
        })
    }

    fn func_type(&mut self, part: usize, id: ComponentFuncTypeId) -> Result<u32> {
        let types = self.parts[part].types.as_ref();
        let ty = types
            .get(id)
            .ok_or_else(|| unknown("a function type that is missing"))?;
        let mut params = Vec::new();
        for (name, ty) in &ty.params {
            params.push((name.as_str(), self.val_type(part, *ty)?));
        }
        let result = ty.result.map(|ty| self.val_type(part, ty)).transpose()?;
        let is_async = ty.async_;
        Ok(self.define(|encoder| {
            let mut encoder = encoder.function();
            encoder.async_(is_async).params(params).result(result);
        }))
    }

    fn val_type(&mut self, part: usize, ty: found::ComponentValType) -> Result<ComponentValType> {
        Ok(match ty {
            found::ComponentValType::Primitive(ty) => ComponentValType::Primitive(primitive(ty)),
            found::ComponentValType::Type(id) => ComponentValType::Type(self.defined(part, id)?),
        })
    }

    fn optional(
        &mut self,
        part: usize,
        ty: Option<found::ComponentValType>,
    ) -> Result<Option<ComponentValType>> {
        ty.map(|ty| self.val_type(part, ty)).transpose()
    }

    /// The index of a type, which is written if it is not known.
    fn defined(&mut self, part: usize, id: ComponentDefinedTypeId) -> Result<u32> {
        if let Some(index) = self.find_defined(part, id) {
            return Ok(index);
        }
        let types = self.parts[part].types.as_ref();
        let ty = types
            .get(id)
            .ok_or_else(|| unknown("a type that is missing"))?;
        let index = self.write(part, ty)?;
        self.scope().defined.insert((part, id), index);
        Ok(index)
    }

    #[expect(clippy::too_many_lines, reason = "one row for each kind of type")]
    fn write(&mut self, part: usize, ty: &ComponentDefinedType) -> Result<u32> {
        use ComponentDefinedType as T;
        Ok(match ty {
            T::Primitive(ty) => {
                let ty = primitive(*ty);
                self.define(|encoder| encoder.defined_type().primitive(ty))
            }
            T::Record(record) => {
                let mut fields = Vec::new();
                for (name, ty) in &record.fields {
                    fields.push((name.as_str(), self.val_type(part, *ty)?));
                }
                self.define(|encoder| encoder.defined_type().record(fields))
            }
            T::Variant(variant) => {
                let mut cases = Vec::new();
                for (name, case) in &variant.cases {
                    cases.push((name.as_str(), self.optional(part, case.ty)?));
                }
                self.define(|encoder| encoder.defined_type().variant(cases))
            }
            T::List { element, .. } => {
                let element = self.val_type(part, *element)?;
                self.define(|encoder| encoder.defined_type().list(element))
            }
            T::Map { key, value, .. } => {
                let (key, value) = (self.val_type(part, *key)?, self.val_type(part, *value)?);
                self.define(|encoder| encoder.defined_type().map(key, value))
            }
            T::FixedLengthList {
                element, length, ..
            } => {
                let element = self.val_type(part, *element)?;
                let length = *length;
                self.define(|encoder| encoder.defined_type().fixed_length_list(element, length))
            }
            T::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.val_type(part, *ty));
                let types = types.collect::<Result<Vec<_>>>()?;
                self.define(|encoder| encoder.defined_type().tuple(types))
            }
            T::Flags(names) => {
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                self.define(|encoder| encoder.defined_type().flags(names))
            }
            T::Enum(names) => {
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                self.define(|encoder| encoder.defined_type().enum_type(names))
            }
            T::Option { ty, .. } => {
                let ty = self.val_type(part, *ty)?;
                self.define(|encoder| encoder.defined_type().option(ty))
            }
            T::Result { ok, err, .. } => {
                let (ok, err) = (self.optional(part, *ok)?, self.optional(part, *err)?);
                self.define(|encoder| encoder.defined_type().result(ok, err))
            }
            T::Own(id) => {
                let resource = self.resource(id.resource())?;
                self.define(|encoder| encoder.defined_type().own(resource))
            }
            T::Borrow(id) => {
                let resource = self.resource(id.resource())?;
                self.define(|encoder| encoder.defined_type().borrow(resource))
            }
            T::Future { ty, .. } => {
                let ty = self.optional(part, *ty)?;
                self.define(|encoder| encoder.defined_type().future(ty))
            }
            T::Stream { ty, .. } => {
                let ty = self.optional(part, *ty)?;
                self.define(|encoder| encoder.defined_type().stream(ty))
            }
        })
    }

    fn resource(&mut self, id: ResourceId) -> Result<u32> {
        self.find_resource(id).ok_or_else(|| {
            unknown(
                "a resource of an interface that a plug fills: plug the interface that uses it, too",
            )
        })
    }
}

/// Something that an import needs and that cannot be passed on.
fn unknown(what: &str) -> Failure {
    let message = format!("an import that no plug fills needs {what}");
    Failure::new(Kind::Link, message)
}

fn primitive(ty: wasmparser::PrimitiveValType) -> PrimitiveValType {
    match ty {
        wasmparser::PrimitiveValType::Bool => PrimitiveValType::Bool,
        wasmparser::PrimitiveValType::S8 => PrimitiveValType::S8,
        wasmparser::PrimitiveValType::U8 => PrimitiveValType::U8,
        wasmparser::PrimitiveValType::S16 => PrimitiveValType::S16,
        wasmparser::PrimitiveValType::U16 => PrimitiveValType::U16,
        wasmparser::PrimitiveValType::S32 => PrimitiveValType::S32,
        wasmparser::PrimitiveValType::U32 => PrimitiveValType::U32,
        wasmparser::PrimitiveValType::S64 => PrimitiveValType::S64,
        wasmparser::PrimitiveValType::U64 => PrimitiveValType::U64,
        wasmparser::PrimitiveValType::F32 => PrimitiveValType::F32,
        wasmparser::PrimitiveValType::F64 => PrimitiveValType::F64,
        wasmparser::PrimitiveValType::Char => PrimitiveValType::Char,
        wasmparser::PrimitiveValType::String => PrimitiveValType::String,
        wasmparser::PrimitiveValType::ErrorContext => PrimitiveValType::ErrorContext,
    }
}
