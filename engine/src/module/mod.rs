//! A module: what a binary declares, immutable and shared between threads.
//!
//! Decoding validates every function body first, so all later stages may
//! rely on valid input. Bodies are translated one at a time, when a function
//! is first called. Strings stay in the binary: a module keeps their ranges.

mod const_expr;
mod decode;
#[cfg_attr(not(feature = "dwarf"), path = "no_dwarf.rs")]
mod dwarf;
mod names;
mod parsed;

use core::fmt;
use core::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

pub(crate) use crate::entity::{
    FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeIndex,
};
pub(crate) use const_expr::{ConstContext, ConstExpr, NewOp};
pub(crate) use dwarf::DebugInfo;
pub(crate) use names::Names;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::interp::{CodeCell, CodeMap};
use crate::types::{
    DefinedType, ExportType, ExternType, FuncTypeRef, GlobalType, ImportType, MemoryType, RefType,
    TableType, TagType, ValType,
};

/// A range of bytes of the binary. Offsets fit: modules have at most 1 GiB.
pub(crate) type Bytes = Range<u32>;

/// A decoded and validated module. Cloning shares it.
#[derive(Clone)]
pub struct Module(Arc<ModuleInner>);

/// What a binary declares.
pub(crate) struct ModuleInner {
    pub(crate) engine: Engine,
    /// The whole binary.
    pub(crate) bytes: Box<[u8]>,
    /// By type index; each keeps its id registered.
    pub(crate) types: Box<[DefinedType]>,
    /// Type of each function, imports first.
    pub(crate) funcs: Box<[TypeIndex]>,
    pub(crate) tables: Box<[TableType]>,
    pub(crate) memories: Box<[MemoryType]>,
    pub(crate) globals: Box<[GlobalType]>,
    /// Type of each tag, imports first.
    pub(crate) tags: Box<[TypeIndex]>,
    pub(crate) imported_funcs: u32,
    pub(crate) imported_tables: u32,
    pub(crate) imported_memories: u32,
    pub(crate) imported_globals: u32,
    pub(crate) imported_tags: u32,
    /// Initial values of defined globals.
    pub(crate) global_inits: Box<[ConstExpr]>,
    /// Initial element of each defined table.
    pub(crate) table_inits: Box<[Option<ConstExpr>]>,
    /// Defined functions.
    pub(crate) bodies: Box<[Body]>,
    /// Which of them have code, and where.
    pub(crate) codes: CodeMap,
    pub(crate) elems: Box<[ElemSegment]>,
    pub(crate) datas: Box<[DataSegment]>,
    pub(crate) imports: Box<[Import]>,
    pub(crate) exports: Box<[Export]>,
    /// Positions in `exports`, sorted by name.
    pub(crate) exports_by_name: Box<[u32]>,
    /// Positions in `exports`, sorted by what is exported, made when a name
    /// is first asked for.
    pub(crate) exports_by_entity: OnceLock<Box<[u32]>>,
    pub(crate) start: Option<FuncIndex>,
    /// Defined functions that something besides a direct call can reach:
    /// exports, references, the start function. Sorted.
    pub(crate) escaping: Box<[FuncIndex]>,
    /// Contents of the custom section `name`.
    pub(crate) names_section: Option<Bytes>,
    /// The names in it, decoded when first asked for.
    pub(crate) names: OnceLock<Names>,
    /// Where the code's sources are.
    pub(crate) debug: DebugInfo,
}

/// A defined function.
pub(crate) struct Body {
    /// Locals and operators, without the size in front.
    pub(crate) range: Bytes,
    /// The function's code, once somebody needed it.
    pub(crate) code: CodeCell,
}

/// One import.
#[derive(Clone)]
pub(crate) struct Import {
    pub(crate) module: Bytes,
    pub(crate) name: Bytes,
    pub(crate) entity: EntityIndex,
}

/// One export.
#[derive(Clone)]
pub(crate) struct Export {
    pub(crate) name: Bytes,
    pub(crate) entity: EntityIndex,
}

/// A position in one of the five index spaces of things that can be
/// imported and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EntityIndex {
    Func(FuncIndex),
    Table(TableIndex),
    Memory(MemoryIndex),
    Global(GlobalIndex),
    Tag(TagIndex),
}

/// An element segment.
pub(crate) struct ElemSegment {
    pub(crate) ty: RefType,
    pub(crate) mode: ElemMode,
    pub(crate) items: ElemItems,
}

/// When an element segment is used.
pub(crate) enum ElemMode {
    /// By `table.init`.
    Passive,
    /// Never: it only declares functions that `ref.func` may name.
    Declared,
    /// At instantiation.
    Active {
        table: TableIndex,
        offset: ConstExpr,
    },
}

/// The elements of a segment.
pub(crate) enum ElemItems {
    Funcs(Box<[FuncIndex]>),
    Exprs(Box<[ConstExpr]>),
}

impl ElemItems {
    pub(crate) fn len(&self) -> usize {
        match self {
            ElemItems::Funcs(items) => items.len(),
            ElemItems::Exprs(items) => items.len(),
        }
    }
}

/// A data segment.
pub(crate) struct DataSegment {
    pub(crate) mode: DataMode,
    pub(crate) bytes: Bytes,
}

/// When a data segment is used.
pub(crate) enum DataMode {
    /// By `memory.init`.
    Passive,
    /// At instantiation.
    Active {
        memory: MemoryIndex,
        offset: ConstExpr,
    },
}

impl ModuleInner {
    /// Whether a constant expression makes an object.
    pub(crate) fn has_constant_objects(&self) -> bool {
        let elements = self.elems.iter().flat_map(|segment| match &segment.items {
            ElemItems::Funcs(_) => [].iter(),
            ElemItems::Exprs(items) => items.iter(),
        });
        let tables = self.table_inits.iter().flatten();
        let all = self.global_inits.iter().chain(tables).chain(elements);
        all.into_iter().any(ConstExpr::makes_object)
    }

    /// The type of a function.
    pub(crate) fn func_type(&self, func: FuncIndex) -> &FuncTypeRef {
        self.type_at(self.funcs[func.index()])
    }

    /// The type at a type index.
    pub(crate) fn type_at(&self, ty: TypeIndex) -> &DefinedType {
        &self.types[ty.index()]
    }

    /// Our type for a type of the binary, if the engine has it.
    pub(crate) fn val_type(&self, ty: wasmparser::ValType) -> Option<ValType> {
        parsed::val_type(ty, &parsed::lookup(&self.types))
    }

    /// The type of a tag: its parameters are the payload.
    pub(crate) fn tag_type(&self, tag: TagIndex) -> &FuncTypeRef {
        self.type_at(self.tags[tag.index()])
    }

    /// The name of a tag for people: that of its export.
    pub(crate) fn tag_name(&self, tag: TagIndex) -> Option<&str> {
        self.export_name(EntityIndex::Tag(tag))
    }

    /// The first name under which something is exported.
    fn export_name(&self, entity: EntityIndex) -> Option<&str> {
        let entity_at = |position: &u32| self.exports[*position as usize].entity;
        let sorted = self.exports_by_entity.get_or_init(|| {
            let mut sorted: Vec<u32> = (0..).take(self.exports.len()).collect();
            sorted.sort_by_key(entity_at);
            sorted.into()
        });
        let first = sorted.partition_point(|position| entity_at(position) < entity);
        let export = &self.exports[*sorted.get(first)? as usize];
        (export.entity == entity).then(|| self.text(&export.name))
    }

    /// Whether `func` is imported.
    pub(crate) fn is_imported(&self, func: FuncIndex) -> bool {
        func.0 < self.imported_funcs
    }

    /// The body of a defined function; `None` for an import.
    pub(crate) fn body(&self, func: FuncIndex) -> Option<&Body> {
        let defined = func.0.checked_sub(self.imported_funcs)?;
        self.bodies.get(defined as usize)
    }

    /// The bytes of a range.
    pub(crate) fn slice(&self, range: &Bytes) -> &[u8] {
        &self.bytes[range.start as usize..range.end as usize]
    }

    /// The text in a range that was decoded as a string.
    pub(crate) fn text(&self, range: &Bytes) -> &str {
        // The decoder has seen that it is UTF-8.
        core::str::from_utf8(self.slice(range)).unwrap_or_default()
    }

    /// The names that the binary gives to its functions and to itself.
    pub(crate) fn names(&self) -> &Names {
        self.names.get_or_init(|| match &self.names_section {
            Some(range) => Names::decode(&self.bytes, range),
            None => Names::default(),
        })
    }

    /// The name of a function for people, from the name section or else from
    /// its export.
    pub(crate) fn func_name(&self, func: FuncIndex) -> Option<&str> {
        if let Some(range) = self.names().func(func) {
            return Some(self.text(range));
        }
        self.export_name(EntityIndex::Func(func))
    }

    /// The export called `name`: its position in `exports`.
    pub(crate) fn export_position(&self, name: &str) -> Option<usize> {
        let found = self.exports_by_name.binary_search_by(|position| {
            let export = &self.exports[*position as usize];
            self.slice(&export.name).cmp(name.as_bytes())
        });
        Some(self.exports_by_name[found.ok()?] as usize)
    }

    /// The type of something in an index space.
    pub(crate) fn extern_type(&self, entity: EntityIndex) -> ExternType {
        match entity {
            EntityIndex::Func(i) => ExternType::Func(self.func_type(i).ty().clone()),
            EntityIndex::Table(i) => ExternType::Table(self.tables[i.index()]),
            EntityIndex::Memory(i) => ExternType::Memory(self.memories[i.index()]),
            EntityIndex::Global(i) => ExternType::Global(self.globals[i.index()]),
            EntityIndex::Tag(i) => ExternType::Tag(TagType {
                func: self.tag_type(i).ty().clone(),
            }),
        }
    }

    /// Position of a defined function in `escaping`.
    pub(crate) fn escaping_position(&self, func: FuncIndex) -> Option<usize> {
        self.escaping.binary_search(&func).ok()
    }
}

impl Module {
    /// Decodes and validates a binary; with the feature `wat` also the text
    /// format. No function is translated yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`], [`ErrorKind::Invalid`] and
    /// [`ErrorKind::Unsupported`] say at which offset;
    /// [`ErrorKind::Text`] says at which line. [`ErrorKind::Limit`] if a
    /// limit of the configuration is exceeded.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        let bytes = bytes.as_ref();
        match text_to_binary(bytes)? {
            Some(binary) => Module::from_boxed(engine, binary.into()),
            None => Module::from_boxed(engine, bytes.into()),
        }
    }

    /// Decodes and validates a binary, and takes nothing else for one.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Module::new).
    pub fn from_binary(engine: &Engine, binary: &[u8]) -> Result<Module> {
        Module::from_boxed(engine, binary.into())
    }

    fn from_boxed(engine: &Engine, binary: Box<[u8]>) -> Result<Module> {
        let inner = decode::decode(engine, binary)
            .map_err(|error| error.context("failed to load module"))?;
        Ok(Module(Arc::new(inner)))
    }

    /// Reads a file and decodes it, as [`new`](Module::new) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the file cannot be read, and all errors of
    /// [`new`](Module::new), with the path in front.
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| {
            Error::new(ErrorKind::Io, error.to_string()).context(path.display().to_string())
        })?;
        Module::new(engine, bytes).map_err(|error| error.context(path.display().to_string()))
    }

    /// Checks whether `bytes` are a valid module for `engine`, and keeps
    /// nothing.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Module::new).
    pub fn validate(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<()> {
        let bytes = bytes.as_ref();
        match text_to_binary(bytes)? {
            Some(binary) => decode::validate(engine, &binary),
            None => decode::validate(engine, bytes),
        }
    }

    /// The engine that the module was loaded for.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The name that the binary gives itself.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        Some(self.0.text(self.0.names().module()?))
    }

    /// What the module needs, in order of declaration.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let inner = &*self.0;
        inner.imports.iter().map(|import| ImportType {
            module: inner.text(&import.module),
            name: inner.text(&import.name),
            ty: inner.extern_type(import.entity),
        })
    }

    /// What the module offers, in order of declaration.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let inner = &*self.0;
        inner.exports.iter().map(|export| ExportType {
            name: inner.text(&export.name),
            ty: inner.extern_type(export.entity),
        })
    }

    /// The type of the export called `name`.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let position = self.0.export_position(name)?;
        Some(self.0.extern_type(self.0.exports[position].entity))
    }

    /// The position of the export called `name` in the order of
    /// [`exports`](Module::exports): what
    /// [`Instance::export_at`](crate::Instance::export_at) takes.
    #[must_use]
    pub fn export_position(&self, name: &str) -> Option<usize> {
        self.0.export_position(name)
    }

    /// Whether the import at a position of [`imports`](Module::imports) takes
    /// the export at a position of another module's
    /// [`exports`](Module::exports), by their types alone: tables and memories
    /// may grow to a size that is asked for, and have it then.
    ///
    /// False also if there is no such import or export, or if the modules
    /// were loaded for different engines.
    #[must_use]
    pub fn accepts(&self, import: usize, from: &Module, export: usize) -> bool {
        let (inner, source) = (&*self.0, &*from.0);
        let (Some(import), Some(export)) = (inner.imports.get(import), source.exports.get(export))
        else {
            return false;
        };
        if !Engine::same(&inner.engine, &source.engine) {
            return false;
        }
        match (export.entity, import.entity) {
            (EntityIndex::Func(found), EntityIndex::Func(expected)) => {
                let expected = inner.func_type(expected).id();
                source.func_type(found).rtt().inherits(expected)
            }
            (EntityIndex::Tag(found), EntityIndex::Tag(expected)) => {
                source.tag_type(found).id() == inner.tag_type(expected).id()
            }
            (found, expected) => inner
                .engine
                .fits(&source.extern_type(found), &inner.extern_type(expected)),
        }
    }

    pub(crate) fn inner(&self) -> &Arc<ModuleInner> {
        &self.0
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .field("size_bytes", &self.0.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The binary of a module in text form; `None` if the bytes are binary.
#[cfg(feature = "wat")]
fn text_to_binary(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    if bytes.is_empty() || bytes.starts_with(b"\0") {
        return Ok(None);
    }
    let Ok(text) = core::str::from_utf8(bytes) else {
        return Ok(None);
    };
    match wat::parse_str(text) {
        Ok(binary) => Ok(Some(binary)),
        Err(error) => Err(Error::new(ErrorKind::Text, error.to_string())
            .context("failed to parse the text format")),
    }
}

/// Without the feature `wat`, text is refused with the way to have it.
#[cfg(not(feature = "wat"))]
fn text_to_binary(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let start = bytes.trim_ascii_start();
    if start.starts_with(b"(") || start.starts_with(b";;") {
        return Err(Error::new(
            ErrorKind::Text,
            "expected a binary module, found the text format: build the engine with its feature \
             `wat`",
        ));
    }
    Ok(None)
}
