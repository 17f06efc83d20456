//! What a host needs to know about a module to use it: exports with the kinds of
//! their parameters, and whether it is one that can be compared at all.

use wasmparser::types::{EntityType, Types};
use wasmparser::{
    CompositeInnerType, Operator, Parser, Payload, UnpackedIndex, ValType, Validator, WasmFeatures,
};

use crate::value::{Hierarchy, Kind};

/// A module as its host sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// The functions that a host can call, with their parameters.
    pub(crate) functions: Vec<(String, Vec<Kind>)>,
    pub(crate) globals: Vec<String>,
    /// Memories that are not shared.
    pub(crate) memories: Vec<String>,
    pub(crate) tables: Vec<String>,
}

/// Why a module is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The validator refuses it: a fault of the generator.
    Invalid(String),
    /// An import has a type of which a host cannot make a value.
    Import,
    /// It waits on a shared memory, for as long as it likes.
    Waits,
    /// It has a shared memory that is empty at first: wasmtime 48 refuses accesses to
    /// such a memory even when it has grown.
    EmptyShared,
}

impl Shape {
    /// Looks at a module.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, Unfit> {
        let invalid = |error: wasmparser::BinaryReaderError| Unfit::Invalid(error.to_string());
        let types = Validator::new_with_features(WasmFeatures::all())
            .validate_all(bytes)
            .map_err(invalid)?;
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader().map_err(invalid)? {
                        if waits(&operator.map_err(invalid)?) {
                            return Err(Unfit::Waits);
                        }
                    }
                }
                Payload::MemorySection(reader) => {
                    for memory in reader {
                        let memory = memory.map_err(invalid)?;
                        if memory.shared && memory.initial == 0 {
                            return Err(Unfit::EmptyShared);
                        }
                    }
                }
                Payload::ExportSection(reader) => {
                    for export in reader {
                        let export = export.map_err(invalid)?;
                        let entity = types.as_ref().entity_type_from_export(&export);
                        shape.export(&types, export.name, entity);
                    }
                }
                Payload::ImportSection(reader) => {
                    for import in reader.into_imports() {
                        let import = import.map_err(invalid)?;
                        let entity = types.as_ref().entity_type_from_import(&import);
                        if let Some(EntityType::Memory(memory)) = &entity
                            && memory.shared
                            && memory.initial == 0
                        {
                            return Err(Unfit::EmptyShared);
                        }
                        if !makeable(&types, entity) {
                            return Err(Unfit::Import);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    fn export(&mut self, types: &Types, name: &str, entity: Option<EntityType>) {
        match entity {
            Some(EntityType::Func(id) | EntityType::FuncExact(id)) => {
                let ty = types[id].unwrap_func();
                let kinds: Option<Vec<Kind>> =
                    ty.params().iter().map(|ty| kind(types, *ty)).collect();
                if let Some(kinds) = kinds {
                    self.functions.push((name.to_owned(), kinds));
                }
            }
            Some(EntityType::Global(_)) => self.globals.push(name.to_owned()),
            Some(EntityType::Memory(ty)) if !ty.shared => self.memories.push(name.to_owned()),
            Some(EntityType::Table(_)) => self.tables.push(name.to_owned()),
            Some(EntityType::Memory(_) | EntityType::Tag(_)) | None => {}
        }
    }
}

fn kind(types: &Types, ty: ValType) -> Option<Kind> {
    Kind::of(ty, |index| match index {
        UnpackedIndex::Id(id) => match types[id].composite_type.inner {
            CompositeInnerType::Func(_) => Hierarchy::Func,
            CompositeInnerType::Array(_)
            | CompositeInnerType::Struct(_)
            | CompositeInnerType::Cont(_) => Hierarchy::Any,
        },
        // The validator answers with identifiers only.
        UnpackedIndex::Module(_) | UnpackedIndex::RecGroup(_) => Hierarchy::Any,
    })
}

/// Whether a host can provide this import.
fn makeable(types: &Types, entity: Option<EntityType>) -> bool {
    let has_default = |ty: ValType| {
        let is_needed = matches!(ty, ValType::Ref(reference) if !reference.is_nullable());
        !is_needed && kind(types, ty).is_some()
    };
    match entity {
        Some(EntityType::Global(ty)) => has_default(ty.content_type),
        Some(EntityType::Table(ty)) => has_default(ValType::Ref(ty.element_type)),
        Some(EntityType::Memory(_) | EntityType::Tag(_)) => true,
        Some(EntityType::Func(_) | EntityType::FuncExact(_)) => true,
        None => false,
    }
}

fn waits(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. }
    )
}
