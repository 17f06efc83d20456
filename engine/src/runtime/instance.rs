//! Instances: a module with its imports filled in, its memories, tables and
//! globals made, its segments applied, and its start function run.
//!
//! An instance that fails half-way stays in the store: the specification
//! keeps what it has written into imported tables and memories, and those
//! tables may refer to its functions.

use core::cell::Cell;
use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32};

use super::driver;
use super::func::{Func, type_of};
use super::global::{Global, GlobalData};
use super::heap;
use super::libcalls;
use super::linker::{LinkProblem, LinkProblems};
use super::memory::{Memory, MemoryData};
use super::objects;
use super::owned::Owned;
use super::shared::SharedMemory;
use super::store::{AsContext, AsContextMut, StoreContextMut, StoreCore, StoreId, wrong_store};
use super::table::{Table, TableData};
use super::tag::{Tag, TagData};
use super::typed::{TypedFunc, WasmParams, WasmResults};
use super::vmctx::{FuncDef, GlobalDef, MemoryDef, Slot, StoreCtx, TableDef, TagDef, VmCtx};
use crate::engine::Engine;
use crate::entity::{DataIndex, ElemIndex, FuncIndex, GlobalIndex};
use crate::error::{Error, Result};
use crate::interp;
use crate::module::{
    ConstContext, DataMode, ElemItems, ElemMode, ElemSegment, EntityIndex, Module, ModuleInner,
    NewOp,
};
use crate::trap::Trap;
use crate::types::rtt::RttKind;
use crate::types::{DefinedType, ExternType, GlobalType};

/// Something that instances import and export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A linear memory.
    Memory(Memory),
    /// A global.
    Global(Global),
    /// A tag.
    Tag(Tag),
}

impl Extern {
    /// The function, if it is one.
    #[must_use]
    pub fn into_func(self) -> Option<Func> {
        if let Extern::Func(func) = self {
            Some(func)
        } else {
            None
        }
    }

    /// The table, if it is one.
    #[must_use]
    pub fn into_table(self) -> Option<Table> {
        if let Extern::Table(table) = self {
            Some(table)
        } else {
            None
        }
    }

    /// The memory, if it is one, shared or not.
    #[must_use]
    pub fn into_memory(self) -> Option<Memory> {
        if let Extern::Memory(memory) = self {
            Some(memory)
        } else {
            None
        }
    }

    /// The global, if it is one.
    #[must_use]
    pub fn into_global(self) -> Option<Global> {
        if let Extern::Global(global) = self {
            Some(global)
        } else {
            None
        }
    }

    /// The tag, if it is one.
    #[must_use]
    pub fn into_tag(self) -> Option<Tag> {
        if let Extern::Tag(tag) = self {
            Some(tag)
        } else {
            None
        }
    }

    /// The type, with the current size of memories and tables.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<ExternType> {
        Ok(match self {
            Extern::Func(func) => ExternType::Func(func.ty(store)?),
            Extern::Table(table) => ExternType::Table(table.ty(store)?),
            Extern::Memory(memory) => ExternType::Memory(memory.ty(store)?),
            Extern::Global(global) => ExternType::Global(global.ty(store)?),
            Extern::Tag(tag) => ExternType::Tag(tag.ty(store)?),
        })
    }
}

impl From<Func> for Extern {
    fn from(func: Func) -> Extern {
        Extern::Func(func)
    }
}

impl From<Table> for Extern {
    fn from(table: Table) -> Extern {
        Extern::Table(table)
    }
}

impl From<Memory> for Extern {
    fn from(memory: Memory) -> Extern {
        Extern::Memory(memory)
    }
}

impl From<Global> for Extern {
    fn from(global: Global) -> Extern {
        Extern::Global(global)
    }
}

impl From<Tag> for Extern {
    fn from(tag: Tag) -> Extern {
        Extern::Tag(tag)
    }
}

/// A module that lives in a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    store: StoreId,
    data: NonNull<InstanceData>,
}

// SAFETY: the pointer is followed only after the id was compared with that
// of a store which the caller has borrowed; instances live as long as their
// store.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

/// An instance, and everything that its context points to.
#[repr(C)]
pub(crate) struct InstanceData {
    /// First, so that the address of the context is the block's.
    pub(crate) vmctx: VmCtx,
    pub(crate) module: Module,
    /// By index, imports first; the context points to these lists.
    memories: Owned<[*mut MemoryDef]>,
    tables: Owned<[*mut TableDef]>,
    globals: Owned<[*mut GlobalDef]>,
    tags: Owned<[*mut TagDef]>,
    imports: Owned<[*const FuncDef]>,
    /// Definitions of the functions that escape, in the module's order.
    funcs: Owned<[FuncDef]>,
    /// Values of the element segments that are given as expressions, by
    /// segment: made once, since each may make an object. Empty for other
    /// segments and for those that are used up.
    pub(crate) elem_values: Box<[Box<[Slot]>]>,
    /// Element segments that are used up.
    pub(crate) dropped_elems: Box<[bool]>,
    /// Data segments that are used up.
    pub(crate) dropped_datas: Box<[bool]>,
}

impl InstanceData {
    /// The instance that owns a context.
    pub(crate) fn of(cx: *mut VmCtx) -> *mut InstanceData {
        cx.cast()
    }

    /// What a function reference to `func` points to.
    pub(crate) fn func_def(&self, func: FuncIndex) -> NonNull<FuncDef> {
        let inner = self.module.inner();
        if inner.is_imported(func) {
            // SAFETY: the index is in the list, whose entries were filled
            // with definitions when the instance was made.
            return unsafe {
                NonNull::new_unchecked(self.imports.element(func.index()).read().cast_mut())
            };
        }
        // Only functions that escape can be asked for: the decoder collected
        // them from every place that can.
        self.funcs
            .element(inner.escaping_position(func).unwrap_or(usize::MAX))
    }

    /// A memory by index.
    pub(crate) fn memory(&self, index: usize) -> NonNull<MemoryData> {
        entry(&self.memories, index).cast()
    }

    /// A table by index.
    pub(crate) fn table(&self, index: usize) -> NonNull<TableData> {
        entry(&self.tables, index).cast()
    }

    fn global(&self, index: usize) -> NonNull<GlobalDef> {
        entry(&self.globals, index)
    }

    /// The handle for something in an index space.
    fn entity(&self, store: StoreId, entity: EntityIndex) -> Extern {
        // SAFETY: everything in an instance belongs to its store, and the
        // lists hold addresses of whole blocks.
        unsafe {
            match entity {
                EntityIndex::Func(i) => Extern::Func(Func::from_def(store, self.func_def(i))),
                EntityIndex::Table(i) => {
                    Extern::Table(Table::from_def(store, self.table(i.index()).cast()))
                }
                EntityIndex::Memory(i) => {
                    Extern::Memory(Memory::from_def(store, self.memory(i.index()).cast()))
                }
                EntityIndex::Global(i) => {
                    Extern::Global(Global::from_def(store, self.global(i.index())))
                }
                EntityIndex::Tag(i) => {
                    Extern::Tag(Tag::from_data(store, entry(&self.tags, i.index()).cast()))
                }
            }
        }
    }
}

/// An address in one of an instance's lists.
fn entry<D>(list: &Owned<[*mut D]>, index: usize) -> NonNull<D> {
    // SAFETY: `element` checks the index, and every list is filled with
    // addresses of live definitions before anybody sees the instance.
    unsafe { NonNull::new_unchecked(list.element(index).read()) }
}

/// Values that constant expressions may use.
impl ConstContext for InstanceData {
    fn global(&self, global: GlobalIndex) -> &[u64] {
        let slots = self.module.inner().globals[global.index()].content.slots();
        // SAFETY: the definition is live, and validation allows only globals
        // that have their value already.
        unsafe { &InstanceData::global(self, global.index()).as_ref().value[..slots] }
    }

    fn func(&self, func: FuncIndex) -> u64 {
        self.func_def(func).as_ptr().expose_provenance() as Slot
    }

    fn new_object(&self, op: NewOp, stack: &mut Vec<u64>) -> Result<u64> {
        // SAFETY: the instance is being made, so the caller has its store
        // alone and borrows no more of it than the instance.
        unsafe { objects::new_constant(self.vmctx.store, &self.module, op, stack) }
    }
}

/// The definitions that imports resolve to, by index space.
#[derive(Default)]
struct Resolved {
    funcs: Vec<*const FuncDef>,
    tables: Vec<*mut TableDef>,
    memories: Vec<*mut MemoryDef>,
    globals: Vec<*mut GlobalDef>,
    tags: Vec<*mut TagDef>,
}

impl Instance {
    /// Instantiates a module with its imports in order, and runs its start
    /// function.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`](crate::ErrorKind) with all imports that do not
    /// fit; [`ErrorKind::Trap`](crate::ErrorKind) if a segment is out of
    /// bounds or the start function traps (what was written before stays
    /// written); [`ErrorKind::Limit`](crate::ErrorKind) if the store's
    /// limits refuse; [`ErrorKind::Usage`](crate::ErrorKind) if module or
    /// imports belong elsewhere.
    pub fn new(
        mut store: impl AsContextMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        check_module(core, module)?;
        let resolved = resolve(core, module.inner(), imports)?;
        let ctx = store.ctx();
        if module.inner().has_constant_objects() {
            // SAFETY: the store is borrowed for us alone, and guests wait in
            // calls; imports are no references to objects.
            unsafe { heap::prepare_constants(ctx) };
        }
        // SAFETY: the store is borrowed for us alone.
        let data = unsafe { build(ctx, module, resolved) }?;
        // SAFETY: as above; the instance was just made in this store.
        unsafe { initialise(ctx, data) }?;
        Ok(Instance {
            store: store.core().id,
            data,
        })
    }

    /// The instance that owns a context.
    ///
    /// # Safety
    ///
    /// `cx` must be null or the context of an instance of store `store`.
    pub(crate) unsafe fn from_cx(store: StoreId, cx: *mut VmCtx) -> Option<Instance> {
        Some(Instance {
            store,
            data: NonNull::new(InstanceData::of(cx))?,
        })
    }

    pub(super) fn data_in(self, id: StoreId) -> Result<NonNull<InstanceData>> {
        if id == self.store {
            Ok(self.data)
        } else {
            Err(wrong_store("instance"))
        }
    }

    /// The module that this is an instance of.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if it belongs to another store.
    pub fn module(&self, store: impl AsContext) -> Result<Module> {
        let data = self.data_in(store.as_context().core().id)?;
        // SAFETY: the instance belongs to the store, which is borrowed.
        Ok(unsafe { &(*data.as_ptr()).module }.clone())
    }

    /// The export called `name`; `None` also for an instance of another
    /// store.
    #[must_use]
    pub fn get_export(&self, store: impl AsContext, name: &str) -> Option<Extern> {
        let id = store.as_context().core().id;
        let data = self.data_in(id).ok()?;
        // SAFETY: the instance belongs to the store, which is borrowed.
        let data = unsafe { data.as_ref() };
        let inner = data.module.inner();
        let export = &inner.exports[inner.export_position(name)?];
        Some(data.entity(id, export.entity))
    }

    /// The export at a position of [`Module::exports`], without a look at
    /// its name.
    #[must_use]
    pub fn export_at(&self, store: impl AsContext, position: usize) -> Option<Extern> {
        let id = store.as_context().core().id;
        let data = self.data_in(id).ok()?;
        // SAFETY: the instance belongs to the store, which is borrowed.
        let data = unsafe { data.as_ref() };
        let export = data.module.inner().exports.get(position)?;
        Some(data.entity(id, export.entity))
    }

    /// All exports with their names, in order of declaration; empty for an
    /// instance of another store.
    #[must_use]
    pub fn exports(&self, store: impl AsContext) -> Vec<(String, Extern)> {
        let id = store.as_context().core().id;
        let Ok(data) = self.data_in(id) else {
            return Vec::new();
        };
        // SAFETY: the instance belongs to the store, which is borrowed.
        let data = unsafe { data.as_ref() };
        let inner = data.module.inner();
        let export = |export: &crate::module::Export| {
            let name = inner.text(&export.name).to_owned();
            (name, data.entity(id, export.entity))
        };
        inner.exports.iter().map(export).collect()
    }

    /// The exported function called `name`.
    #[must_use]
    pub fn get_func(&self, store: impl AsContext, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// The exported memory called `name`, if no other store can reach it.
    /// The bytes of a shared one cannot be borrowed, and a guest chooses what
    /// its memory is: ask for such a memory with
    /// [`get_shared_memory`](Instance::get_shared_memory), or for any with
    /// [`get_export`](Instance::get_export).
    #[must_use]
    pub fn get_memory(&self, store: impl AsContext, name: &str) -> Option<Memory> {
        let memory = self.get_export(&store, name)?.into_memory()?;
        memory.unless_shared(store.as_context().core())
    }

    /// The exported shared memory called `name`.
    #[must_use]
    pub fn get_shared_memory(&self, store: impl AsContext, name: &str) -> Option<SharedMemory> {
        let memory = self.get_export(&store, name)?.into_memory()?;
        memory.shared(&store).ok()?
    }

    /// The exported table called `name`.
    #[must_use]
    pub fn get_table(&self, store: impl AsContext, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// The exported global called `name`.
    #[must_use]
    pub fn get_global(&self, store: impl AsContext, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// The exported tag called `name`.
    #[must_use]
    pub fn get_tag(&self, store: impl AsContext, name: &str) -> Option<Tag> {
        self.get_export(store, name)?.into_tag()
    }

    /// The exported function called `name`, compared with Rust types.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if there is no such function
    /// or it has another type.
    pub fn get_typed_func<P: WasmParams, R: WasmResults>(
        &self,
        store: impl AsContext,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        let func = self
            .get_func(&store, name)
            .ok_or_else(|| Error::usage(format!("the instance exports no function \"{name}\"")))?;
        func.typed(store)
            .map_err(|error| error.context(format!("function \"{name}\"")))
    }

    /// One of the instance's four anonymous words. The engine gives them no
    /// meaning; a layer above may, and code that it adds can test them
    /// cheaply.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind) if there is no such cell or
    /// the instance belongs to another store.
    pub fn cell(&self, store: impl AsContext, cell: usize) -> Result<u32> {
        let data = self.data_in(store.as_context().core().id)?;
        // SAFETY: the instance belongs to the store, which is borrowed.
        let cells = unsafe { (*data.as_ptr()).vmctx.cells };
        cells.get(cell).copied().ok_or_else(|| no_cell(cell))
    }

    /// Sets one of the instance's anonymous words.
    ///
    /// # Errors
    ///
    /// As for [`cell`](Instance::cell).
    pub fn set_cell(&self, mut store: impl AsContextMut, cell: usize, value: u32) -> Result<()> {
        let data = self.data_in(store.as_context_mut().core().id)?;
        // SAFETY: the instance belongs to the store, which is borrowed for
        // us alone.
        let cells = unsafe { &mut (*data.as_ptr()).vmctx.cells };
        *cells.get_mut(cell).ok_or_else(|| no_cell(cell))? = value;
        Ok(())
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({:?})", self.store)
    }
}

#[cold]
fn no_cell(cell: usize) -> Error {
    Error::usage(format!("an instance has cells 0 to 3, found {cell}"))
}

fn check_module(core: &StoreCore, module: &Module) -> Result<()> {
    if !Engine::same(&core.engine, module.engine()) {
        return Err(Error::usage(
            "the module was loaded for another engine than the store's",
        ));
    }
    if core.instances.len() >= core.limits.instances_max {
        return Err(Error::limit(format!(
            "the store may have {} instances, and has them",
            core.limits.instances_max
        )));
    }
    Ok(())
}

/// Compares imports with what the module declares, all of them.
fn resolve(core: &StoreCore, inner: &ModuleInner, imports: &[Extern]) -> Result<Resolved> {
    if imports.len() != inner.imports.len() {
        return Err(Error::link(format!(
            "expected {} imports, found {}",
            inner.imports.len(),
            imports.len()
        )));
    }
    let mut resolved = Resolved::default();
    let mut problems = Vec::new();
    for (declared, given) in inner.imports.iter().zip(imports) {
        if let Some(found) = resolve_one(core, inner, declared.entity, *given, &mut resolved)? {
            problems.push(LinkProblem::new(
                &core.engine,
                inner.text(&declared.module),
                inner.text(&declared.name),
                inner.extern_type(declared.entity),
                Some(found),
            ));
        }
    }
    if problems.is_empty() {
        Ok(resolved)
    } else {
        Err(LinkProblems::new(problems).into_error())
    }
}

/// Keeps the definition of one import, or answers what was found in its
/// place.
fn resolve_one(
    core: &StoreCore,
    inner: &ModuleInner,
    declared: EntityIndex,
    given: Extern,
    resolved: &mut Resolved,
) -> Result<Option<ExternType>> {
    // SAFETY, for each block below: the handle was compared with the store's
    // id, and the store is borrowed.
    let fits = match (declared, given) {
        (EntityIndex::Func(i), Extern::Func(func)) => {
            let def = func.def_in(core.id)?;
            resolved.funcs.push(def.as_ptr().cast_const());
            // SAFETY: see above; a definition's type lives as long as it.
            let found = unsafe { &*def.as_ref().rtt };
            if found.inherits(inner.func_type(i).id()) {
                return Ok(None);
            }
            // SAFETY: see above.
            return Ok(Some(ExternType::Func(unsafe { type_of(def) }.ty().clone())));
        }
        (EntityIndex::Table(i), Extern::Table(table)) => {
            let data = table.data_in(core.id)?;
            resolved.tables.push(data.as_ptr().cast());
            // SAFETY: see above.
            let found = unsafe { data.as_ref() }.current_type();
            found.fits(&inner.tables[i.index()])
        }
        (EntityIndex::Memory(i), Extern::Memory(memory)) => {
            let data = memory.data_in(core.id)?;
            resolved.memories.push(data.as_ptr().cast());
            // SAFETY: see above.
            let found = unsafe { data.as_ref() }.current_type();
            found.fits(&inner.memories[i.index()])
        }
        (EntityIndex::Global(i), Extern::Global(global)) => {
            let data = global.data_in(core.id)?;
            resolved.globals.push(data.as_ptr().cast());
            // SAFETY: see above.
            let found: GlobalType = unsafe { data.as_ref() }.ty;
            let types = core.engine.types();
            types.global_matches(&found, &inner.globals[i.index()])
        }
        (EntityIndex::Tag(i), Extern::Tag(tag)) => {
            let data = tag.data_in(core.id)?;
            resolved.tags.push(data.as_ptr().cast());
            // SAFETY: see above.
            unsafe { data.as_ref() }.def.type_id == inner.tag_type(i).id()
        }
        (
            EntityIndex::Func(_)
            | EntityIndex::Table(_)
            | EntityIndex::Memory(_)
            | EntityIndex::Global(_)
            | EntityIndex::Tag(_),
            _,
        ) => false,
    };
    if fits {
        return Ok(None);
    }
    Ok(Some(current_type(core, given)?))
}

/// The type of something in a store.
fn current_type(core: &StoreCore, item: Extern) -> Result<ExternType> {
    // SAFETY, for each block below: the handle is compared with the store's
    // id, and the store is borrowed.
    Ok(match item {
        Extern::Func(func) => {
            let def = func.def_in(core.id)?;
            // SAFETY: see above.
            ExternType::Func(unsafe { type_of(def) }.ty().clone())
        }
        Extern::Table(table) => {
            let data = table.data_in(core.id)?;
            // SAFETY: see above.
            ExternType::Table(unsafe { data.as_ref() }.current_type())
        }
        Extern::Memory(memory) => {
            let data = memory.data_in(core.id)?;
            // SAFETY: see above.
            ExternType::Memory(unsafe { data.as_ref() }.current_type())
        }
        Extern::Global(global) => {
            let data = global.data_in(core.id)?;
            // SAFETY: see above.
            ExternType::Global(unsafe { data.as_ref() }.ty)
        }
        Extern::Tag(tag) => {
            let data = tag.data_in(core.id)?;
            // SAFETY: see above.
            ExternType::Tag(unsafe { data.as_ref() }.tag_type())
        }
    })
}

/// Makes an instance whose globals and tables have no values yet.
///
/// # Safety
///
/// The caller must have the store of `store` alone, and `resolved` must hold
/// definitions of that store that fit the module.
unsafe fn build(
    store: *mut StoreCtx,
    module: &Module,
    mut resolved: Resolved,
) -> Result<NonNull<InstanceData>> {
    // SAFETY: the context is live and knows its core, which nobody borrows.
    let core = unsafe { &mut *(*store).core };
    let inner = module.inner();
    let instance = u32::try_from(core.instances.len())
        .map_err(|_| Error::limit("too many instances in one store"))?;
    let (usage, memories, tables) = (core.usage, core.memories.len(), core.tables.len());
    let shared_memories = core.shared_memories.len();
    if let Err(error) = allocate(core, inner, &mut resolved) {
        // Nobody can refer to what was made: no instance came of it.
        core.memories.truncate(memories);
        core.shared_memories.truncate(shared_memories);
        core.tables.truncate(tables);
        core.usage = usage;
        return Err(error);
    }
    let defined = &inner.globals[inner.imported_globals as usize..];
    if !defined.is_empty() {
        let new = |ty: &GlobalType| GlobalData::new(*ty, [0; 2]);
        let block: Box<[GlobalData]> = defined.iter().map(new).collect();
        let block = Owned::new(block);
        let defs = (0..defined.len()).map(|i| block.element(i).as_ptr().cast());
        resolved.globals.extend(defs);
        core.globals.push(block);
    }
    // Nothing fails from here on, so that no tag of the store's list is lost.
    resolved.tags.extend(TagData::define(core, module));
    let empty_memory = core.empty_memory.pointer();
    // SAFETY: passed on to the caller.
    let data = Owned::new(unsafe { unfinished(store, module, resolved, empty_memory, instance) });
    let pointer = data.pointer();
    // SAFETY: the block was just made, and nobody else refers to it.
    unsafe { (*pointer.as_ptr()).funcs = Owned::new(func_defs(inner, pointer.as_ptr().cast())) };
    core.instances.push(data);
    // Types of functions are learnt with the first exception of theirs.
    let is_object = |ty: &&DefinedType| ty.rtt().kind != RttKind::Func;
    for ty in inner.types.iter().filter(is_object) {
        // SAFETY: passed on to the caller; the instance keeps its module,
        // which keeps the type.
        unsafe { heap::learn(store, ty.rtt()) };
    }
    Ok(pointer)
}

/// An instance that has what it imports, and memories, tables, globals and
/// tags, but no functions of its own.
///
/// # Safety
///
/// `store` must be a live context; what is in `resolved` belongs to it.
unsafe fn unfinished(
    store: *mut StoreCtx,
    module: &Module,
    resolved: Resolved,
    empty_memory: NonNull<MemoryDef>,
    instance: u32,
) -> Box<InstanceData> {
    let inner = module.inner();
    let memory0 = match resolved.memories.first() {
        Some(memory) => *memory,
        None => empty_memory.as_ptr(),
    };
    let memories = Owned::new(resolved.memories.into_boxed_slice());
    let tables = Owned::new(resolved.tables.into_boxed_slice());
    let globals = Owned::new(resolved.globals.into_boxed_slice());
    let tags = Owned::new(resolved.tags.into_boxed_slice());
    let imports = Owned::new(resolved.funcs.into_boxed_slice());
    Box::new(InstanceData {
        vmctx: VmCtx {
            store,
            memory0,
            memories: memories.pointer().as_ptr().cast_const().cast(),
            globals: globals.pointer().as_ptr().cast_const().cast(),
            tables: tables.pointer().as_ptr().cast_const().cast(),
            tags: tags.pointer().as_ptr().cast_const().cast(),
            imports: imports.pointer().as_ptr().cast_const().cast(),
            // SAFETY: the context is live.
            heap_base: Cell::new(unsafe { (*store).heap_base }),
            instance,
            cells: [0; 4],
        },
        module: module.clone(),
        memories,
        tables,
        globals,
        tags,
        imports,
        funcs: Owned::new(Box::default()),
        elem_values: Box::default(),
        dropped_elems: vec![false; inner.elems.len()].into(),
        dropped_datas: vec![false; inner.datas.len()].into(),
    })
}

/// Counts what an instance takes for itself, and makes its memories and
/// tables.
fn allocate(core: &mut StoreCore, inner: &ModuleInner, resolved: &mut Resolved) -> Result<()> {
    let globals = inner.globals.len() - inner.imported_globals as usize;
    let tags = inner.tags.len() - inner.imported_tags as usize;
    let values = inner.elems.iter().map(|elem| elem.items.value_count());
    let own_bytes = globals * size_of::<GlobalData>()
        + tags * size_of::<TagData>()
        + inner.escaping.len() * size_of::<FuncDef>()
        + values.sum::<usize>() * size_of::<Slot>()
        + list_bytes(inner);
    let total = core.usage.instance_bytes.saturating_add(own_bytes as u64);
    let limit = core.limits.instance_total_bytes_max;
    if total > limit {
        return Err(Error::limit(format!(
            "instances may take {limit} bytes for globals, functions and segments in this store, \
             and this one would make it {total}"
        )));
    }
    core.usage.instance_bytes = total;
    for ty in &inner.memories[inner.imported_memories as usize..] {
        resolved
            .memories
            .push(MemoryData::create(core, *ty)?.as_ptr().cast());
    }
    for ty in &inner.tables[inner.imported_tables as usize..] {
        resolved
            .tables
            .push(TableData::create(core, *ty, 0)?.as_ptr().cast());
    }
    Ok(())
}

/// Bytes of an instance's lists, by what its module imports and defines.
fn list_bytes(inner: &ModuleInner) -> usize {
    let items = inner.memories.len() + inner.tables.len() + inner.globals.len();
    let pointers = items + inner.tags.len() + inner.imported_funcs as usize;
    let elem_bytes = size_of::<Box<[Slot]>>() + size_of::<bool>();
    pointers * size_of::<*const ()>()
        + inner.elems.len() * elem_bytes
        + inner.datas.len() * size_of::<bool>()
}

/// Definitions of the functions that escape.
fn func_defs(inner: &ModuleInner, cx: *mut VmCtx) -> Box<[FuncDef]> {
    let def = |func: &FuncIndex| {
        let ty = inner.func_type(*func);
        let translated = inner.body(*func).and_then(|body| body.code.get());
        let ip = translated.map_or(interp::lazy_ip(), |code| code.ip());
        FuncDef {
            code: AtomicPtr::new(ip.cast_mut()),
            cx,
            host: ptr::null(),
            type_id: ty.id(),
            rtt: ty.rtt(),
            heap_number: AtomicU32::new(0),
            index: *func,
            param_slots: ty.param_slots(),
            result_slots: ty.result_slots(),
            has_refs: ty.has_refs(),
        }
    };
    inner.escaping.iter().map(def).collect()
}

/// Gives an instance its initial state and runs its start function.
///
/// # Safety
///
/// The caller must have the store alone, and `data` must be an instance of
/// it.
pub(super) unsafe fn initialise(store: *mut StoreCtx, data: NonNull<InstanceData>) -> Result<()> {
    // SAFETY: the instance is live. This borrow is shared, and what is
    // written below lies in blocks of its own.
    let instance = unsafe { data.as_ref() };
    let module = instance.module.clone();
    let inner = module.inner();
    let imported = inner.imported_globals as usize;
    for (i, init) in inner.global_inits.iter().enumerate() {
        let value = init.eval_slots(instance)?;
        // SAFETY: the definition is live, and nobody borrows it.
        unsafe { (*instance.global(imported + i).as_ptr()).value = value };
    }
    let imported = inner.imported_tables as usize;
    for (i, init) in inner.table_inits.iter().enumerate() {
        if let Some(init) = init {
            let value = init.eval(instance)?;
            // SAFETY: as above.
            unsafe { instance.table(imported + i).as_mut() }
                .elements_mut()
                .fill(value);
        }
    }
    let values = |elem: &ElemSegment| elem.items.values(instance);
    let values = inner.elems.iter().map(values).collect::<Result<_>>()?;
    // SAFETY: passed on to the caller; no borrow of the instance is used
    // from here on.
    unsafe {
        (*data.as_ptr()).elem_values = values;
        apply_segments(data, inner)?;
        match inner.start {
            Some(start) => run_start(store, data, start),
            None => Ok(()),
        }
    }
}

/// Applies active segments in order, and drops them and declared ones.
///
/// # Safety
///
/// `data` must be a live instance that nobody borrows.
unsafe fn apply_segments(data: NonNull<InstanceData>, inner: &ModuleInner) -> Result<()> {
    for (i, segment) in inner.elems.iter().enumerate() {
        let index = ElemIndex(u32::try_from(i).unwrap_or(u32::MAX));
        let trap = match &segment.mode {
            ElemMode::Passive => continue,
            ElemMode::Declared => None,
            ElemMode::Active { table, offset } => {
                let count = segment.items.len() as u64;
                // SAFETY: the instance is live; the borrow ends here.
                let offset = offset.eval(unsafe { data.as_ref() })?;
                let offset = offset & inner.tables[table.index()].address.max();
                // SAFETY: passed on to the caller.
                unsafe { libcalls::init_table(data, *table, index, offset, 0, count) }.err()
            }
        };
        if let Some(trap) = trap {
            return Err(trap.into());
        }
        // SAFETY: the instance is live and nobody borrows it.
        unsafe { libcalls::drop_elem(data, index) };
    }
    for (i, segment) in inner.datas.iter().enumerate() {
        let index = DataIndex(u32::try_from(i).unwrap_or(u32::MAX));
        if let DataMode::Active { memory, offset } = &segment.mode {
            let len = segment.bytes.len() as u64;
            // SAFETY: as above.
            let offset = offset.eval(unsafe { data.as_ref() })?;
            let offset = offset & inner.memories[memory.index()].address.max();
            // SAFETY: passed on to the caller.
            unsafe { libcalls::init_memory(data, *memory, index, offset, 0, len) }?;
            // SAFETY: the instance is live and nobody borrows it.
            unsafe { libcalls::drop_data(data, index) };
        }
    }
    Ok(())
}

/// # Safety
///
/// `data` must be an instance of the store, which the caller has alone.
unsafe fn run_start(
    store: *mut StoreCtx,
    data: NonNull<InstanceData>,
    start: FuncIndex,
) -> Result<()> {
    // SAFETY: the instance is live, and a start function has neither
    // parameters nor results.
    unsafe {
        let def = data.as_ref().func_def(start);
        let base = driver::entry_window(store)?;
        driver::invoke(store, base, def)
    }
    .map_err(|error| error.context("the start function failed"))
}

impl ElemItems {
    /// How many values [`values`](ElemItems::values) makes.
    fn value_count(&self) -> usize {
        match self {
            ElemItems::Funcs(_) => 0,
            ElemItems::Exprs(exprs) => exprs.len(),
        }
    }

    /// The values of items that are expressions.
    fn values(&self, instance: &InstanceData) -> Result<Box<[Slot]>> {
        match self {
            ElemItems::Funcs(_) => Ok(Box::default()),
            ElemItems::Exprs(exprs) => exprs.iter().map(|expr| expr.eval(instance)).collect(),
        }
    }
}

impl InstanceData {
    /// The slot of an item of an element segment; `None` if there is no such
    /// item or the segment is used up.
    pub(super) fn elem(&self, elem: ElemIndex, item: usize) -> Option<Slot> {
        match &self.module.inner().elems[elem.index()].items {
            ElemItems::Funcs(_) if self.dropped_elems[elem.index()] => None,
            ElemItems::Funcs(funcs) => Some(ConstContext::func(self, *funcs.get(item)?)),
            ElemItems::Exprs(_) => self.elem_values[elem.index()].get(item).copied(),
        }
    }
}

impl<T, X> StoreContextMut<'_, T, X> {
    /// How many instances the store has.
    #[must_use]
    pub fn instance_count(&self) -> usize {
        self.core().instances.len()
    }
}

/// The trap of a bulk operation as a result.
pub(super) type Bulk = core::result::Result<(), Trap>;
