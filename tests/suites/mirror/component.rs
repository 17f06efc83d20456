//! Mirror components: each exported function passes its arguments to the imported
//! function of the same name and type, and answers what that answers.
//!
//! Flat arguments and pointers are passed on as they are, because both sides
//! share one memory and one layout. Handles are not: what an exported resource
//! holds is the handle of its imported twin, see [`handles`](super::handles).
//! The memory that a call took is free again in its post-return function.
//!
//! Invariant: the world imports what it exports, see [`worlds`](super::worlds).

use std::collections::BTreeMap;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, Resolve, ResourceIntrinsic, SizeAlign, TypeDefKind, TypeId,
    WasmExport, WasmExportKind, WasmImport, WorldId, WorldItem, WorldKey,
};

use super::handles::{self, Intrinsics};

/// How functions are called in the core module.
const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// Where the memory that calls take begins.
const HEAP: i32 = 1024;

/// The global that says where free memory begins.
const FREE: u32 = 0;

/// The global that is not zero while handles are dropped that a destructor
/// must not see: their content lives on.
pub(super) const KEEP: u32 = 1;

/// The mirror component of `world`.
pub(super) fn build(resolve: &Resolve, world: WorldId) -> Result<Vec<u8>, String> {
    let mut module = Mirror::new(resolve, world)?.module()?;
    let text = |error| format!("{error:#}");
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false)
        .map_err(text)?;
    let mut encoder = ComponentEncoder::default();
    // Versions that could be one interface stay apart, as the bindings have them.
    let encoder = encoder.validate(true).merge_imports_based_on_semver(false);
    let encoder = encoder.module(&module).map_err(text)?;
    encoder.encode().map_err(text)
}

/// The core module being written.
struct Mirror<'a> {
    resolve: &'a Resolve,
    world: WorldId,
    sizes: SizeAlign,
    types: TypeSection,
    imports: ImportSection,
    imported: u32,
    /// The imported functions, by interface and name.
    twins: BTreeMap<(Option<String>, String), u32>,
    resources: BTreeMap<TypeId, Intrinsics>,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
}

impl<'a> Mirror<'a> {
    fn new(resolve: &'a Resolve, world: WorldId) -> Result<Self, String> {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve).map_err(|error| error.to_string())?;
        Ok(Self {
            resolve,
            world,
            sizes,
            types: TypeSection::new(),
            imports: ImportSection::new(),
            imported: 0,
            twins: BTreeMap::new(),
            resources: BTreeMap::new(),
            functions: FunctionSection::new(),
            exports: ExportSection::new(),
            code: CodeSection::new(),
        })
    }

    fn module(mut self) -> Result<Vec<u8>, String> {
        self.import_all();
        self.allocator();
        self.export_all()?;
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 4,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        self.exports.export("memory", ExportKind::Memory, 0);
        let mut globals = GlobalSection::new();
        for value in [HEAP, 0] {
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            globals.global(ty, &ConstExpr::i32_const(value));
        }
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.imports)
            .section(&self.functions)
            .section(&memories)
            .section(&globals)
            .section(&self.exports)
            .section(&self.code);
        Ok(module.finish())
    }

    fn ty(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let index = self.types.len();
        let (params, results) = (params.iter().copied(), results.iter().copied());
        self.types.ty().function(params, results);
        index
    }

    fn import(&mut self, what: WasmImport<'_>, params: &[ValType], results: &[ValType]) -> u32 {
        let (module, name) = self.resolve.wasm_import_name(ABI, what);
        let ty = self.ty(params, results);
        let entity = wasm_encoder::EntityType::Function(ty);
        self.imports.import(&module, &name, entity);
        self.imported += 1;
        self.imported - 1
    }

    /// Imports every function of the world, and what handles need.
    fn import_all(&mut self) {
        let resolve = self.resolve;
        let world = &resolve.worlds[self.world];
        for (key, item) in &world.imports {
            match item {
                WorldItem::Interface { id, .. } => {
                    let interface = &resolve.interfaces[*id];
                    for func in interface.functions.values() {
                        self.import_func(Some(key), func);
                    }
                    for id in interface.types.values() {
                        self.import_drop(Some(key), *id);
                    }
                }
                WorldItem::Function(func) => self.import_func(None, func),
                WorldItem::Type { id, .. } => self.import_drop(None, *id),
            }
        }
        for (key, item) in &world.exports {
            let WorldItem::Interface { id, .. } = item else {
                continue;
            };
            for id in resolve.interfaces[*id].types.values() {
                self.import_intrinsics(key, *id);
            }
        }
    }

    fn import_func(&mut self, interface: Option<&WorldKey>, func: &wit_parser::Function) {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, func);
        let what = WasmImport::Func { interface, func };
        let index = self.import(
            what,
            &values(&signature.params),
            &values(&signature.results),
        );
        let key = self.twin(interface, func);
        self.twins.insert(key, index);
    }

    /// The name by which a function and its twin know each other.
    fn twin(
        &self,
        interface: Option<&WorldKey>,
        func: &wit_parser::Function,
    ) -> (Option<String>, String) {
        let interface = interface.map(|key| self.resolve.name_world_key(key));
        (interface, func.name.clone())
    }

    fn is_resource(&self, id: TypeId) -> bool {
        matches!(self.resolve.types[id].kind, TypeDefKind::Resource)
    }

    fn import_drop(&mut self, interface: Option<&WorldKey>, resource: TypeId) {
        if self.is_resource(resource) {
            let what = WasmImport::ResourceIntrinsic {
                interface,
                resource,
                intrinsic: ResourceIntrinsic::ImportedDrop,
            };
            let drop = self.import(what, &[ValType::I32], &[]);
            self.resources.entry(resource).or_default().drop_twin = Some(drop);
        }
    }

    fn import_intrinsics(&mut self, key: &WorldKey, resource: TypeId) {
        if !self.is_resource(resource) {
            return;
        }
        let mut import = |intrinsic, results: &[ValType]| {
            let what = WasmImport::ResourceIntrinsic {
                interface: Some(key),
                resource,
                intrinsic,
            };
            self.import(what, &[ValType::I32], results)
        };
        let exported = handles::Exported {
            make: import(ResourceIntrinsic::ExportedNew, &[ValType::I32]),
            rep: import(ResourceIntrinsic::ExportedRep, &[ValType::I32]),
            drop: import(ResourceIntrinsic::ExportedDrop, &[]),
        };
        self.resources.entry(resource).or_default().exported = Some(exported);
    }

    fn define(&mut self, name: &str, params: &[ValType], results: &[ValType], body: Function) {
        let ty = self.ty(params, results);
        let index = self.imported + self.functions.len();
        self.functions.function(ty);
        self.code.function(&body);
        self.exports.export(name, ExportKind::Func, index);
    }

    /// `cabi_realloc`: takes memory from the front of what is free.
    fn allocator(&mut self) {
        let mut body = Function::new([(1, ValType::I32)]);
        let i32 = |value| Instruction::I32Const(value);
        let get = |local| Instruction::LocalGet(local);
        // The place: what is free, aligned.
        for instruction in [
            Instruction::GlobalGet(FREE),
            get(2),
            Instruction::I32Add,
            i32(1),
            Instruction::I32Sub,
            i32(0),
            get(2),
            Instruction::I32Sub,
            Instruction::I32And,
            Instruction::LocalTee(4),
            get(3),
            Instruction::I32Add,
            Instruction::GlobalSet(FREE),
            // Memory grows by what is missing, and a page.
            Instruction::GlobalGet(FREE),
            Instruction::MemorySize(0),
            i32(16),
            Instruction::I32Shl,
            Instruction::I32GtU,
            Instruction::If(BlockType::Empty),
            Instruction::GlobalGet(FREE),
            i32(16),
            Instruction::I32ShrU,
            i32(1),
            Instruction::I32Add,
            Instruction::MemorySize(0),
            Instruction::I32Sub,
            Instruction::MemoryGrow(0),
            i32(0),
            Instruction::I32LtS,
            Instruction::If(BlockType::Empty),
            Instruction::Unreachable,
            Instruction::End,
            Instruction::End,
            // What stood at the old place moves.
            get(4),
            get(0),
            get(1),
            Instruction::MemoryCopy {
                src_mem: 0,
                dst_mem: 0,
            },
            get(4),
            Instruction::End,
        ] {
            body.instruction(&instruction);
        }
        self.define("cabi_realloc", &[ValType::I32; 4], &[ValType::I32], body);
    }

    /// Exports a mirror of every function.
    fn export_all(&mut self) -> Result<(), String> {
        let world = &self.resolve.worlds[self.world];
        for (key, item) in &world.exports {
            match item {
                WorldItem::Interface { id, .. } => {
                    let interface = &self.resolve.interfaces[*id];
                    for func in interface.functions.values() {
                        self.export(Some(key), func)?;
                    }
                    for resource in interface.types.values() {
                        self.destructor(key, *resource);
                    }
                }
                WorldItem::Function(func) => self.export(None, func)?,
                WorldItem::Type { .. } => {}
            }
        }
        Ok(())
    }

    fn export(
        &mut self,
        interface: Option<&WorldKey>,
        func: &wit_parser::Function,
    ) -> Result<(), String> {
        let twin = self.twins.get(&self.twin(interface, func)).copied();
        let twin = twin.ok_or_else(|| format!("nothing is imported for {}", func.name))?;
        let outer = self.resolve.wasm_signature(AbiVariant::GuestExport, func);
        let (params, results) = (values(&outer.params), values(&outer.results));
        let body = handles::Body::new(
            self.resolve,
            &self.sizes,
            &self.resources,
            interface.is_some(),
            params.len(),
        )
        .mirror(func, &outer, twin, self.imported);
        let name = |kind| {
            let export = WasmExport::Func {
                interface,
                func,
                kind,
            };
            self.resolve.wasm_export_name(ABI, export)
        };
        let (normal, post) = (
            name(WasmExportKind::Normal),
            name(WasmExportKind::PostReturn),
        );
        self.define(&normal, &params, &results, body);
        let mut body = Function::new([]);
        body.instruction(&Instruction::I32Const(HEAP))
            .instruction(&Instruction::GlobalSet(FREE))
            .instruction(&Instruction::End);
        self.define(&post, &results, &[], body);
        Ok(())
    }

    /// The destructor of an exported resource drops the twin in it.
    fn destructor(&mut self, interface: &WorldKey, resource: TypeId) {
        if !self.is_resource(resource) {
            return;
        }
        let drop = self.resources[&resource].drop_twin;
        let mut body = Function::new([]);
        body.instruction(&Instruction::GlobalGet(KEEP))
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::Return)
            .instruction(&Instruction::End)
            .instruction(&Instruction::LocalGet(0))
            .instruction(&drop.map_or(Instruction::Drop, Instruction::Call))
            .instruction(&Instruction::End);
        let export = WasmExport::ResourceDtor {
            interface,
            resource,
        };
        let name = self.resolve.wasm_export_name(ABI, export);
        self.define(&name, &[ValType::I32], &[], body);
    }
}

/// The core types of a 32-bit guest.
pub(super) fn values(types: &[WasmType]) -> Vec<ValType> {
    let value = |ty: &WasmType| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    };
    types.iter().map(value).collect()
}
