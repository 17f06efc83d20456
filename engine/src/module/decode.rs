//! From bytes to a module: reads the sections, validates everything once,
//! and keeps what later stages need. Bodies stay bytes.
//!
//! Nothing is allocated by a number that the binary states: lists grow as
//! items are read, so the binary's size bounds what decoding keeps.

use std::sync::OnceLock;

use wasmparser::{
    DataKind, ElementItems, ElementKind, Encoding, ExternalKind, FuncValidatorAllocations, Imports,
    Parser, Payload, TableInit, TypeRef, ValidPayload, Validator,
};

use super::names::{is_name_section, range_in};
use super::parsed;
use super::{
    Body, Bytes, ConstExpr, DataMode, DataSegment, DebugInfo, ElemItems, ElemMode, ElemSegment,
    EntityIndex, Export, FuncIndex, GlobalIndex, Import, MemoryIndex, ModuleInner, TableIndex,
    TagIndex, TypeIndex,
};
use crate::config::{Features, Proposal};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::interp::{CodeCell, CodeMap};
use crate::types::{
    AddressType, DefinedType, GlobalType, MemoryType, PAGE_SIZE_BYTES, RefType, TableType,
};

/// Decodes and validates `bytes`.
pub(super) fn decode(engine: &Engine, bytes: Box<[u8]>) -> Result<ModuleInner> {
    let mut decoder = Decoder::new(engine, &bytes);
    let result = decoder.run();
    let Decoder { parts, .. } = decoder;
    match result {
        Ok(()) => parts.finish(engine, bytes),
        Err(error) => Err(explain(engine.features(), &bytes, error)),
    }
}

/// Validates `bytes` and keeps nothing.
pub(super) fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
    Decoder::new(engine, bytes)
        .run()
        .map_err(|error| explain(engine.features(), bytes, error))
}

/// An error of the parser while it reads what was validated before, or of
/// the validator: both say where.
pub(super) fn malformed(error: wasmparser::Error) -> Error {
    Error::new(ErrorKind::Malformed, error.message()).with_offset(error.offset())
}

/// What stopped decoding.
enum Failure {
    /// The parser or the validator refused.
    Validation(wasmparser::Error),
    /// We did.
    Ours(Error),
}

impl From<wasmparser::Error> for Failure {
    fn from(error: wasmparser::Error) -> Failure {
        Failure::Validation(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Ours(error)
    }
}

/// What has been decoded so far.
#[derive(Default)]
struct Parts {
    types: Vec<DefinedType>,
    funcs: Vec<TypeIndex>,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
    globals: Vec<GlobalType>,
    tags: Vec<TypeIndex>,
    imported_funcs: u32,
    imported_tables: u32,
    imported_memories: u32,
    imported_globals: u32,
    imported_tags: u32,
    global_inits: Vec<ConstExpr>,
    table_inits: Vec<Option<ConstExpr>>,
    bodies: Vec<Bytes>,
    elems: Vec<ElemSegment>,
    datas: Vec<DataSegment>,
    imports: Vec<Import>,
    exports: Vec<Export>,
    start: Option<FuncIndex>,
    escaping: Vec<FuncIndex>,
    names_section: Option<Bytes>,
    debug: DebugInfo,
}

struct Decoder<'a> {
    engine: &'a Engine,
    bytes: &'a [u8],
    parts: Parts,
}

impl<'a> Decoder<'a> {
    fn new(engine: &'a Engine, bytes: &'a [u8]) -> Decoder<'a> {
        Decoder {
            engine,
            bytes,
            parts: Parts::default(),
        }
    }

    fn run(&mut self) -> Result<(), Failure> {
        let size_max = self.engine.config().max_module_bytes;
        if self.bytes.len() > size_max {
            return Err(Error::limit(format!(
                "expected a module of at most {size_max} bytes, found {}",
                self.bytes.len()
            ))
            .into());
        }
        let features = self.engine.features().validator_features();
        let mut validator = Validator::new_with_features(features);
        let mut parser = Parser::new(0);
        parser.set_features(features);
        let mut allocations = FuncValidatorAllocations::default();
        for payload in parser.parse_all(self.bytes) {
            let payload = payload?;
            if let Payload::Version { encoding, .. } = &payload
                && *encoding != Encoding::Module
            {
                return Err(not_a_module());
            }
            if let Payload::TypeSection(section) = &payload {
                self.check_type_count(section)?;
            }
            if let ValidPayload::Func(func, body) = validator.payload(&payload)? {
                let mut func = func.into_validator(allocations);
                func.validate(&body)?;
                allocations = func.into_allocations();
            }
            self.payload(payload)?;
        }
        Ok(())
    }

    /// Keeps one section, after it was validated.
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), Failure> {
        match payload {
            Payload::TypeSection(section) => self.types(section)?,
            Payload::ImportSection(section) => self.imports(section)?,
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.parts.funcs.push(TypeIndex(ty?));
                }
                self.check_function_count()?;
            }
            Payload::TableSection(section) => self.tables(section)?,
            Payload::MemorySection(section) => {
                for ty in section {
                    self.parts.memories.push(memory_type(&ty?)?);
                }
            }
            Payload::GlobalSection(section) => self.globals(section)?,
            Payload::TagSection(section) => {
                for ty in section {
                    self.parts.tags.push(TypeIndex(ty?.func_type_idx));
                }
            }
            Payload::ExportSection(section) => self.exports(section)?,
            Payload::StartSection { func, .. } => {
                self.parts.start = Some(FuncIndex(func));
                self.parts.escaping.push(FuncIndex(func));
            }
            Payload::ElementSection(section) => self.elements(section)?,
            Payload::DataSection(section) => self.datas(section)?,
            Payload::CodeSectionEntry(body) => self.parts.bodies.push(range(&body.range())),
            Payload::CustomSection(section) if is_name_section(&section) => {
                let contents = section.data_offset()..section.range().end;
                self.parts.names_section = Some(range(&contents));
            }
            Payload::CustomSection(section) => {
                let contents = section.data_offset()..section.range().end;
                self.parts
                    .debug
                    .note_section(section.name(), range(&contents));
            }
            Payload::CodeSectionStart {
                unchecked_range, ..
            } => self.parts.debug.note_code(range(&unchecked_range).start),
            // Everything else holds nothing that is kept, or was refused by
            // the validator.
            _ => {}
        }
        Ok(())
    }

    fn check_function_count(&self) -> Result<()> {
        let max = self.engine.config().max_functions;
        if self.parts.funcs.len() > max as usize {
            return Err(Error::limit(format!(
                "expected at most {max} functions, found {}",
                self.parts.funcs.len()
            )));
        }
        Ok(())
    }

    /// Counts the types before anything is made of them: no other items have
    /// so many bytes in memory for each in the binary.
    fn check_type_count(&self, section: &wasmparser::TypeSectionReader<'_>) -> Result<(), Failure> {
        let max = self.engine.config().max_types;
        let mut count: usize = 0;
        for group in section.clone() {
            count = count.saturating_add(group?.types().len());
            if count > max as usize {
                return Err(
                    Error::limit(format!("expected at most {max} types, found more")).into(),
                );
            }
        }
        Ok(())
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), Failure> {
        let types = &mut self.parts.types;
        for group in section {
            let definitions = parsed::group(&group?, count(types), types);
            let definitions = definitions.ok_or_else(unsupported_type)?;
            types.extend(self.engine.types().register_group(definitions)?);
        }
        Ok(())
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), Failure> {
        for group in section {
            match group? {
                Imports::Single(_, import) => self.import(&import)?,
                // Needs a proposal that no configuration switches on.
                Imports::Compact1 { .. } | Imports::Compact2 { .. } => {
                    return Err(unsupported_type());
                }
            }
        }
        self.check_function_count()?;
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) -> Result<(), Failure> {
        let parts = &mut self.parts;
        let entity = match import.ty {
            TypeRef::Func(ty) => {
                let func = FuncIndex(count(&parts.funcs));
                parts.funcs.push(TypeIndex(ty));
                parts.imported_funcs += 1;
                EntityIndex::Func(func)
            }
            TypeRef::Table(ty) => {
                let table = TableIndex(count(&parts.tables));
                parts.tables.push(table_type(&ty, &parts.types)?);
                parts.imported_tables += 1;
                EntityIndex::Table(table)
            }
            TypeRef::Memory(ty) => {
                let memory = MemoryIndex(count(&parts.memories));
                parts.memories.push(memory_type(&ty)?);
                parts.imported_memories += 1;
                EntityIndex::Memory(memory)
            }
            TypeRef::Global(ty) => {
                let global = GlobalIndex(count(&parts.globals));
                parts.globals.push(global_type(&ty, &parts.types)?);
                parts.imported_globals += 1;
                EntityIndex::Global(global)
            }
            TypeRef::Tag(ty) => {
                let tag = TagIndex(count(&parts.tags));
                parts.tags.push(TypeIndex(ty.func_type_idx));
                parts.imported_tags += 1;
                EntityIndex::Tag(tag)
            }
            TypeRef::FuncExact(_) => return Err(unsupported_type()),
        };
        parts.imports.push(Import {
            module: range_in(self.bytes, import.module),
            name: range_in(self.bytes, import.name),
            entity,
        });
        Ok(())
    }

    fn tables(&mut self, section: wasmparser::TableSectionReader<'_>) -> Result<(), Failure> {
        for table in section {
            let table = table?;
            let ty = table_type(&table.ty, &self.parts.types)?;
            self.parts.tables.push(ty);
            let init = match table.init {
                TableInit::RefNull => None,
                TableInit::Expr(expr) => Some(self.const_expr(&expr)?),
            };
            self.parts.table_inits.push(init);
        }
        Ok(())
    }

    fn globals(&mut self, section: wasmparser::GlobalSectionReader<'_>) -> Result<(), Failure> {
        for global in section {
            let global = global?;
            let ty = global_type(&global.ty, &self.parts.types)?;
            self.parts.globals.push(ty);
            let init = self.const_expr(&global.init_expr)?;
            self.parts.global_inits.push(init);
        }
        Ok(())
    }

    fn exports(&mut self, section: wasmparser::ExportSectionReader<'_>) -> Result<(), Failure> {
        for export in section {
            let export = export?;
            let entity = match export.kind {
                ExternalKind::Func => {
                    self.parts.escaping.push(FuncIndex(export.index));
                    EntityIndex::Func(FuncIndex(export.index))
                }
                ExternalKind::Table => EntityIndex::Table(TableIndex(export.index)),
                ExternalKind::Memory => EntityIndex::Memory(MemoryIndex(export.index)),
                ExternalKind::Global => EntityIndex::Global(GlobalIndex(export.index)),
                ExternalKind::Tag => EntityIndex::Tag(TagIndex(export.index)),
                ExternalKind::FuncExact => return Err(unsupported_type()),
            };
            self.parts.exports.push(Export {
                name: range_in(self.bytes, export.name),
                entity,
            });
        }
        Ok(())
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'_>) -> Result<(), Failure> {
        for element in section {
            let element = element?;
            let mode = match element.kind {
                ElementKind::Passive => ElemMode::Passive,
                ElementKind::Declared => ElemMode::Declared,
                ElementKind::Active {
                    table_index,
                    offset_expr,
                } => ElemMode::Active {
                    table: TableIndex(table_index.unwrap_or(0)),
                    offset: self.const_expr(&offset_expr)?,
                },
            };
            let mut ty = RefType::FUNCREF;
            let items = match element.items {
                ElementItems::Functions(section) => {
                    let mut funcs = Vec::new();
                    for func in section {
                        funcs.push(FuncIndex(func?));
                    }
                    self.parts.escaping.extend_from_slice(&funcs);
                    ElemItems::Funcs(funcs.into())
                }
                ElementItems::Expressions(parsed, section) => {
                    let found = parsed::ref_type(parsed, &parsed::lookup(&self.parts.types));
                    ty = found.ok_or_else(unsupported_type)?;
                    let mut exprs = Vec::new();
                    for expr in section {
                        exprs.push(self.const_expr(&expr?)?);
                    }
                    ElemItems::Exprs(exprs.into())
                }
            };
            self.parts.elems.push(ElemSegment { ty, mode, items });
        }
        Ok(())
    }

    fn datas(&mut self, section: wasmparser::DataSectionReader<'_>) -> Result<(), Failure> {
        for data in section {
            let data = data?;
            let mode = match data.kind {
                DataKind::Passive => DataMode::Passive,
                DataKind::Active {
                    memory_index,
                    offset_expr,
                } => DataMode::Active {
                    memory: MemoryIndex(memory_index),
                    offset: self.const_expr(&offset_expr)?,
                },
            };
            let end = data.range.end;
            let start = end - data.data.len() as u64;
            self.parts.datas.push(DataSegment {
                mode,
                bytes: range(&(start..end)),
            });
        }
        Ok(())
    }

    /// Decodes a constant expression; the functions that it names escape.
    fn const_expr(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        let escaping = &mut self.parts.escaping;
        ConstExpr::decode(expr, &mut |func| escaping.push(func))
    }
}

impl Parts {
    fn finish(mut self, engine: &Engine, bytes: Box<[u8]>) -> Result<ModuleInner> {
        self.escaping.retain(|func| func.0 >= self.imported_funcs);
        self.escaping.sort_unstable();
        self.escaping.dedup();
        let text = |range: &Bytes| &bytes[range.start as usize..range.end as usize];
        let mut exports_by_name: Vec<u32> = (0..count(&self.exports)).collect();
        exports_by_name.sort_unstable_by(|a, b| {
            let name = |position: u32| text(&self.exports[position as usize].name);
            name(*a).cmp(name(*b))
        });
        let bodies = self.bodies.into_iter().map(|range| Body {
            range,
            code: CodeCell::default(),
        });
        Ok(ModuleInner {
            engine: engine.clone(),
            types: self.types.into(),
            funcs: self.funcs.into(),
            tables: self.tables.into(),
            memories: self.memories.into(),
            globals: self.globals.into(),
            tags: self.tags.into(),
            imported_funcs: self.imported_funcs,
            imported_tables: self.imported_tables,
            imported_memories: self.imported_memories,
            imported_globals: self.imported_globals,
            imported_tags: self.imported_tags,
            global_inits: self.global_inits.into(),
            table_inits: self.table_inits.into(),
            bodies: bodies.collect(),
            elems: self.elems.into(),
            datas: self.datas.into(),
            imports: self.imports.into(),
            exports: self.exports.into(),
            exports_by_name: exports_by_name.into(),
            exports_by_entity: OnceLock::new(),
            start: self.start,
            escaping: self.escaping.into(),
            names_section: self.names_section,
            names: OnceLock::new(),
            debug: self.debug,
            codes: CodeMap::default(),
            bytes,
        })
    }
}

/// Length of a list whose length the validator has bounded.
fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// A range of the binary; it fits because modules have at most 1 GiB.
fn range(range: &core::ops::Range<u64>) -> Bytes {
    let fit = |offset: u64| u32::try_from(offset).unwrap_or(u32::MAX);
    fit(range.start)..fit(range.end)
}

#[cold]
fn not_a_module() -> Failure {
    Failure::Ours(
        Error::new(
            ErrorKind::Malformed,
            "expected a core module, found a binary of another layer: load it with the crate \
             for that layer",
        )
        .with_offset(4),
    )
}

/// The validator lets nothing through that ends here; this is the answer if
/// a newer one does.
#[cold]
fn unsupported_type() -> Failure {
    Failure::Ours(Error::new(
        ErrorKind::Unsupported,
        "the module declares a kind of type or item that this version does not support",
    ))
}

fn memory_type(ty: &wasmparser::MemoryType) -> Result<MemoryType, Failure> {
    let log2 = ty.page_size_log2.unwrap_or(PAGE_SIZE_BYTES.ilog2());
    Ok(MemoryType {
        address: address_type(ty.memory64),
        min_pages: ty.initial,
        max_pages: ty.maximum,
        shared: ty.shared,
        page_size_bytes: 1_u32.checked_shl(log2).ok_or_else(unsupported_type)?,
    })
}

fn table_type(ty: &wasmparser::TableType, types: &[DefinedType]) -> Result<TableType, Failure> {
    if ty.shared {
        return Err(unsupported_type());
    }
    let element = parsed::ref_type(ty.element_type, &parsed::lookup(types));
    Ok(TableType {
        address: address_type(ty.table64),
        element: element.ok_or_else(unsupported_type)?,
        min: ty.initial,
        max: ty.maximum,
    })
}

fn address_type(is_64: bool) -> AddressType {
    if is_64 {
        AddressType::I64
    } else {
        AddressType::I32
    }
}

fn global_type(ty: &wasmparser::GlobalType, types: &[DefinedType]) -> Result<GlobalType, Failure> {
    let content = parsed::val_type(ty.content_type, &parsed::lookup(types));
    Ok(GlobalType {
        content: content.ok_or_else(unsupported_type)?,
        mutable: ty.mutable,
    })
}

/// Turns a failure into the error that is reported, and finds out whether a
/// proposal that is off would have helped.
#[cold]
fn explain(features: Features, bytes: &[u8], failure: Failure) -> Error {
    let error = match failure {
        Failure::Ours(error) => return error,
        Failure::Validation(error) => error,
    };
    let offset = error.offset();
    if let Some(proposal) = missing_proposal(features, bytes, &error) {
        let advice = match proposal {
            Proposal::LegacyExceptions => {
                "it was replaced: have the toolchain write the exceptions of WebAssembly 3.0 \
                 (with Clang, -fwasm-exceptions -mllvm -wasm-use-legacy-eh=false)"
            }
            _ if proposal.is_supported() => "it is switched off in the engine's configuration",
            _ => "this version does not support it",
        };
        return Error::new(
            ErrorKind::Unsupported,
            format!(
                "the module needs the proposal {proposal}, and {advice}: {}",
                error.message()
            ),
        )
        .with_proposal(proposal)
        .with_offset(offset);
    }
    let kind = if parses(features, bytes) {
        ErrorKind::Invalid
    } else {
        ErrorKind::Malformed
    };
    Error::new(kind, error.message()).with_offset(offset)
}

/// The proposal without which validation failed.
fn missing_proposal(
    features: Features,
    bytes: &[u8],
    error: &wasmparser::Error,
) -> Option<Proposal> {
    let off = || {
        Proposal::ALL
            .iter()
            .copied()
            .filter(|p| !features.contains(*p))
    };
    if let Some(flags) = error.missing_wasm_feature() {
        return off().find(|proposal| proposal.flags().intersects(flags));
    }
    // Built without vectors, the parser does not know their opcodes, which
    // all start with one byte.
    let at = usize::try_from(error.offset()).ok();
    let is_vector = at.and_then(|at| bytes.get(at)) == Some(&VECTOR_PREFIX);
    if is_vector && error.message().contains("opcode") {
        return Some(Proposal::Simd);
    }
    // The validator does not always say so. It reads at most as far as the
    // first error again, once with everything on; only if that gets further
    // is each proposal tried alone.
    let further = |extra: wasmparser::WasmFeatures| {
        let flags = features.validator_features() | extra;
        let stop = first_error(flags, bytes);
        stop.is_none_or(|offset| offset > error.offset())
    };
    let all = off().fold(wasmparser::WasmFeatures::empty(), |acc, p| acc | p.flags());
    if !further(all) || error.offset() > PROPOSAL_SEARCH_BYTES_MAX {
        return None;
    }
    off().find(|proposal| further(proposal.flags() | implied(*proposal)))
}

/// First byte of every vector instruction.
const VECTOR_PREFIX: u8 = 0xfd;

/// How far into a binary the search for a proposal goes: it validates that
/// much once for each proposal that is off.
const PROPOSAL_SEARCH_BYTES_MAX: u64 = 1 << 20;

/// Proposals that another one builds on.
fn implied(proposal: Proposal) -> wasmparser::WasmFeatures {
    use wasmparser::WasmFeatures as F;
    match proposal {
        Proposal::Gc | Proposal::CustomDescriptors | Proposal::StackSwitching => {
            F::FUNCTION_REFERENCES | F::REFERENCE_TYPES | F::GC | F::EXCEPTIONS
        }
        Proposal::FunctionReferences => F::REFERENCE_TYPES,
        Proposal::RelaxedSimd => F::SIMD,
        _ => F::empty(),
    }
}

/// Where validation with other features stops.
fn first_error(features: wasmparser::WasmFeatures, bytes: &[u8]) -> Option<u64> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let run = || -> wasmparser::Result<()> {
        let mut allocations = FuncValidatorAllocations::default();
        for payload in parser.parse_all(bytes) {
            if let ValidPayload::Func(func, body) = validator.payload(&payload?)? {
                let mut func = func.into_validator(allocations);
                func.validate(&body)?;
                allocations = func.into_allocations();
            }
        }
        Ok(())
    };
    run().err().map(|error| error.offset())
}

/// Whether the binary can be read at all, valid or not: that tells a
/// malformed module from an invalid one.
fn parses(features: Features, bytes: &[u8]) -> bool {
    let mut parser = Parser::new(0);
    parser.set_features(features.validator_features());
    let read = |payload: wasmparser::Result<Payload<'_>>| -> wasmparser::Result<()> {
        match payload? {
            Payload::TypeSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::ImportSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::FunctionSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::TableSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::MemorySection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::GlobalSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::TagSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::ExportSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::ElementSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::DataSection(s) => s.into_iter().try_for_each(|i| i.map(drop)),
            Payload::CodeSectionEntry(body) => {
                for locals in body.get_locals_reader()? {
                    locals?;
                }
                let mut operators = body.get_operators_reader()?;
                while !operators.eof() {
                    operators.read()?;
                }
                operators.finish()
            }
            _ => Ok(()),
        }
    };
    parser.parse_all(bytes).try_for_each(read).is_ok()
}
