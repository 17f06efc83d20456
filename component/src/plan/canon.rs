//! Canonical definitions and resource types: the functions that cross the
//! border between components and core modules, and what they are made with.

use wasmparser::{CanonicalFunction, CanonicalOption};

use linkspan_canon_abi::{Encoding, PointerSize, ResourceTypeId};

use super::flatten::Flattener;
use super::space::{EnvId, get};
use super::{
    CoreItem, FuncItem, FuncSlot, FuncSource, Lift, LiftId, MemorySlot, Options, OptionsId,
    OwnerId, ResourceDef, Step, Stub, TypeItem, Unbuilt, UnbuiltId,
};
use crate::decode::CoreFuncDecl;
use crate::error::{Error, Result};

impl Flattener {
    pub(super) fn define_resource(
        &mut self,
        env: EnvId,
        rep: wasmparser::ValType,
        dtor: Option<u32>,
    ) -> Result<()> {
        let owner = self.env(env).owner;
        self.uses_handles(owner);
        let resource = self.new_resource(ResourceDef::Defined(owner, pointer_size(rep)?))?;
        let dtor = match dtor {
            None => None,
            Some(index) => Some(self.core_func(env, index)?),
        };
        self.step(Step::DefineResource {
            resource,
            owner,
            dtor,
        })?;
        self.env_mut(env).types.push(TypeItem::Resource(resource));
        Ok(())
    }

    /// A resource type that the component defines, and how wide its
    /// representations are.
    fn defined_resource(&self, env: EnvId, index: u32) -> Result<(ResourceTypeId, PointerSize)> {
        let resource = self.resource(env, index)?;
        match self.plan.resources.get(resource.0 as usize) {
            Some(ResourceDef::Defined(_, rep)) => Ok((resource, *rep)),
            Some(ResourceDef::Import(_) | ResourceDef::Outer) | None => Err(Error::inconsistent(
                "expected a resource type of the component",
            )),
        }
    }

    fn uses_handles(&mut self, owner: OwnerId) {
        if let Some(owner) = self.plan.owners.get_mut(owner.index()) {
            owner.uses_handles = true;
        }
    }

    pub(super) fn canon(
        &mut self,
        env: EnvId,
        offset: u64,
        canon: &CanonicalFunction,
        core_type: Option<&CoreFuncDecl>,
    ) -> Result<()> {
        match canon {
            CanonicalFunction::Lift {
                core_func_index,
                type_index,
                options,
            } => {
                let TypeItem::Func(ty) = get(&self.env(env).types, *type_index)? else {
                    return Err(Error::inconsistent("expected a function type"));
                };
                let source = match self.options(env, options)? {
                    Err(what) => FuncSource::Unsupported(what, offset),
                    Ok(options) => {
                        let func = self.core_func(env, *core_func_index)?;
                        let owner = self.env(env).owner;
                        FuncSource::Lift(self.lift(Lift {
                            func,
                            ty,
                            options,
                            owner,
                        })?)
                    }
                };
                self.env_mut(env).funcs.push(FuncItem { source, ty });
            }
            CanonicalFunction::Lower {
                func_index,
                options,
            } => {
                let func = get(&self.env(env).funcs, *func_index)?;
                let stub = self.lowered(env, func, options, offset, core_type)?;
                self.stub(env, stub)?;
            }
            CanonicalFunction::ResourceNew { resource } => {
                let (resource, rep) = self.defined_resource(env, *resource)?;
                self.stub(env, Ok(Stub::ResourceNew(resource, rep)))?;
            }
            CanonicalFunction::ResourceDrop { resource } => {
                let resource = self.resource(env, *resource)?;
                self.stub(env, Ok(Stub::ResourceDrop(resource)))?;
            }
            CanonicalFunction::ResourceRep { resource } => {
                let (resource, rep) = self.defined_resource(env, *resource)?;
                self.stub(env, Ok(Stub::ResourceRep(resource, rep)))?;
            }
            CanonicalFunction::ContextGet { ty, slot } => {
                self.stub(env, Ok(context(*ty, *slot, Stub::ContextGet)?))?;
            }
            CanonicalFunction::ContextSet { ty, slot } => {
                self.stub(env, Ok(context(*ty, *slot, Stub::ContextSet)?))?;
            }
            CanonicalFunction::BackpressureInc => {
                self.stub(env, Ok(Stub::BackpressureInc))?;
            }
            CanonicalFunction::BackpressureDec => {
                self.stub(env, Ok(Stub::BackpressureDec))?;
            }
            // Everything else belongs to async, threads and error contexts.
            other => {
                let (name, needs) = unbuilt_builtin(other);
                let stub = self.unbuilt(name.into(), needs, offset, core_type)?;
                self.stub(env, stub)?;
            }
        }
        Ok(())
    }

    /// What a lowered function does.
    fn lowered(
        &mut self,
        env: EnvId,
        func: FuncItem,
        options: &[CanonicalOption],
        offset: u64,
        core_type: Option<&CoreFuncDecl>,
    ) -> Result<Result<Stub, (&'static str, u64)>> {
        let FuncItem { source, ty } = func;
        let options = match self.options(env, options)? {
            Err(what) => return Ok(Err((what, offset))),
            Ok(options) => options,
        };
        let is_async = self.plan.options.get(options.index());
        if is_async.is_some_and(|options| options.is_async) || self.plan.needs_async(ty) {
            let name = match source {
                FuncSource::Import(import) => match self.plan.imports.get(import.index()) {
                    Some(import) => format!("import {}", import.path),
                    None => return Err(Error::inconsistent("an import is missing")),
                },
                FuncSource::Lift(lift) => format!("lift {}", lift.0),
                FuncSource::Unsupported(..) => "canon lower".to_owned(),
            };
            return self.unbuilt(name.into(), ASYNC, offset, core_type);
        }
        Ok(match source {
            FuncSource::Unsupported(what, offset) => Err((what, offset)),
            FuncSource::Import(import) => Ok(Stub::LowerImport {
                import,
                ty,
                options,
            }),
            FuncSource::Lift(lift) => Ok(Stub::Adapter { lift, ty, options }),
        })
    }

    /// A core function that is not built. Without a type that is known here,
    /// it gets the type with which it is imported.
    fn unbuilt(
        &mut self,
        name: Box<str>,
        needs: &'static str,
        offset: u64,
        core_type: Option<&CoreFuncDecl>,
    ) -> Result<Result<Stub, (&'static str, u64)>> {
        let Some(ty) = core_type else {
            return Ok(Err((needs, offset)));
        };
        self.spend_bytes(name.len() + ty.params.len())?;
        let id = UnbuiltId(self.next(self.plan.unbuilt.len())?);
        self.plan.unbuilt.push(Unbuilt {
            name,
            needs,
            offset,
            ty: ty.clone(),
        });
        Ok(Ok(Stub::Unbuilt(id)))
    }

    /// Makes a core function of the canonical ABI. One without a type becomes
    /// an item whose use is an error.
    fn stub(&mut self, env: EnvId, stub: Result<Stub, (&'static str, u64)>) -> Result<()> {
        let owner = self.env(env).owner;
        if let Some(owner) = self.plan.owners.get_mut(owner.index()) {
            owner.leaves = true;
            if let Ok(Stub::ContextGet(..) | Stub::ContextSet(..)) = stub {
                owner.uses_context = true;
            }
        }
        let item = match stub {
            Err((what, offset)) => CoreItem::Unsupported(what, offset),
            Ok(stub) => {
                self.uses_handles(owner);
                let slot = self.func_slot();
                self.step(Step::Stub { slot, stub, owner })?;
                CoreItem::Func(slot)
            }
        };
        self.env_mut(env).core_funcs.push(item);
        Ok(())
    }

    fn lift(&mut self, lift: Lift) -> Result<LiftId> {
        self.uses_handles(lift.owner);
        let id = LiftId(self.next(self.plan.lifts.len())?);
        self.plan.lifts.push(lift);
        self.step(Step::Lift(id))?;
        Ok(id)
    }

    /// Canonical options, or what they need that is not built.
    fn options(
        &mut self,
        env: EnvId,
        options: &[CanonicalOption],
    ) -> Result<Result<OptionsId, &'static str>> {
        let mut out = Options {
            encoding: Encoding::Utf8,
            memory: None,
            realloc: None,
            post_return: None,
            is_async: false,
            callback: None,
        };
        for option in options {
            match option {
                CanonicalOption::UTF8 => out.encoding = Encoding::Utf8,
                CanonicalOption::UTF16 => out.encoding = Encoding::Utf16,
                CanonicalOption::CompactUTF16 => out.encoding = Encoding::Latin1Utf16,
                CanonicalOption::Memory(index) => out.memory = Some(self.memory(env, *index)?),
                CanonicalOption::Realloc(index) => {
                    out.realloc = Some(self.core_func(env, *index)?);
                }
                CanonicalOption::PostReturn(index) => {
                    out.post_return = Some(self.core_func(env, *index)?);
                }
                // Implied by the type of what is lowered.
                CanonicalOption::CoreType(_) => {}
                CanonicalOption::Async => out.is_async = true,
                CanonicalOption::Callback(index) => {
                    out.callback = Some(self.core_func(env, *index)?);
                }
                CanonicalOption::Gc => return Ok(Err("the canonical option `gc` is")),
            }
        }
        if let Some(id) = self.options.get(&out.key()) {
            return Ok(Ok(*id));
        }
        let id = OptionsId(self.next(self.plan.options.len())?);
        self.plan.options.push(out);
        self.options.insert(out.key(), id);
        Ok(Ok(id))
    }

    /// The slot of a core function, taken out of its instance if need be.
    fn core_func(&mut self, env: EnvId, index: u32) -> Result<FuncSlot> {
        match get(&self.env(env).core_funcs, index)? {
            CoreItem::Func(slot) => Ok(slot),
            CoreItem::Export(export) => {
                if let Some(slot) = self.funcs.get(&export) {
                    return Ok(*slot);
                }
                let slot = self.func_slot();
                self.funcs.insert(export.clone(), slot);
                self.step(Step::BindFunc { slot, export })?;
                Ok(slot)
            }
            CoreItem::Unsupported(what, offset) => {
                let slot = self.func_slot();
                self.unsupported(what, offset)?;
                Ok(slot)
            }
        }
    }

    fn memory(&mut self, env: EnvId, index: u32) -> Result<MemorySlot> {
        match get(&self.env(env).core_memories, index)? {
            CoreItem::Export(export) => {
                if let Some(slot) = self.memories.get(&export) {
                    return Ok(*slot);
                }
                let slot = MemorySlot(self.plan.counts.memories);
                self.plan.counts.memories += 1;
                self.memories.insert(export.clone(), slot);
                self.step(Step::BindMemory { slot, export })?;
                Ok(slot)
            }
            CoreItem::Func(_) | CoreItem::Unsupported(..) => {
                Err(Error::inconsistent("expected a memory"))
            }
        }
    }

    fn func_slot(&mut self) -> FuncSlot {
        let slot = FuncSlot(self.plan.counts.funcs);
        self.plan.counts.funcs += 1;
        slot
    }
}

/// A built-in on a slot of the storage of the running call.
fn context(
    ty: wasmparser::ValType,
    slot: u32,
    stub: impl FnOnce(u8, PointerSize) -> Stub,
) -> Result<Stub> {
    match u8::try_from(slot) {
        Ok(slot @ 0..2) => Ok(stub(slot, pointer_size(ty)?)),
        _ => Err(Error::inconsistent("expected one of two slots")),
    }
}

/// A core type that is `i32` or `i64`: the validator allows no other where
/// this is asked.
fn pointer_size(ty: wasmparser::ValType) -> Result<PointerSize> {
    match ty {
        wasmparser::ValType::I32 => Ok(PointerSize::P32),
        wasmparser::ValType::I64 => Ok(PointerSize::P64),
        _ => Err(Error::inconsistent("expected `i32` or `i64`")),
    }
}

/// What functions need that call other ones without waiting for them.
const ASYNC: &str = "async is";

/// The name of a built-in that is not built, and what it needs.
fn unbuilt_builtin(canon: &CanonicalFunction) -> (&'static str, &'static str) {
    use CanonicalFunction as C;
    const THREADS: &str = "threads are";
    const ERROR_CONTEXT: &str = "error contexts are";
    match canon {
        C::ThreadSpawnRef { .. } => ("thread.spawn-ref", THREADS),
        C::ThreadSpawnIndirect { .. } => ("thread.spawn-indirect", THREADS),
        C::ThreadAvailableParallelism => ("thread.available-parallelism", THREADS),
        C::ThreadIndex => ("thread.index", THREADS),
        C::ThreadNewIndirect { .. } => ("thread.new-indirect", THREADS),
        C::ThreadResumeLater => ("thread.resume-later", THREADS),
        C::ThreadSuspend => ("thread.suspend", THREADS),
        C::ThreadSuspendThenResume => ("thread.suspend-then-resume", THREADS),
        C::ThreadYieldThenResume => ("thread.yield-then-resume", THREADS),
        C::ThreadSuspendThenPromote => ("thread.suspend-then-promote", THREADS),
        C::ThreadYieldThenPromote => ("thread.yield-then-promote", THREADS),
        C::ThreadYield => ("thread.yield", ASYNC),
        C::TaskReturn { .. } => ("task.return", ASYNC),
        C::TaskCancel => ("task.cancel", ASYNC),
        C::SubtaskDrop => ("subtask.drop", ASYNC),
        C::SubtaskCancel { .. } => ("subtask.cancel", ASYNC),
        C::StreamNew { .. } => ("stream.new", ASYNC),
        C::StreamRead { .. } => ("stream.read", ASYNC),
        C::StreamWrite { .. } => ("stream.write", ASYNC),
        C::StreamForward { .. } => ("stream.forward", ASYNC),
        C::StreamCancelRead { .. } => ("stream.cancel-read", ASYNC),
        C::StreamCancelWrite { .. } => ("stream.cancel-write", ASYNC),
        C::StreamDropReadable { .. } => ("stream.drop-readable", ASYNC),
        C::StreamDropWritable { .. } => ("stream.drop-writable", ASYNC),
        C::FutureNew { .. } => ("future.new", ASYNC),
        C::FutureRead { .. } => ("future.read", ASYNC),
        C::FutureWrite { .. } => ("future.write", ASYNC),
        C::FutureForward { .. } => ("future.forward", ASYNC),
        C::FutureCancelRead { .. } => ("future.cancel-read", ASYNC),
        C::FutureCancelWrite { .. } => ("future.cancel-write", ASYNC),
        C::FutureDropReadable { .. } => ("future.drop-readable", ASYNC),
        C::FutureDropWritable { .. } => ("future.drop-writable", ASYNC),
        C::ErrorContextNew { .. } => ("error-context.new", ERROR_CONTEXT),
        C::ErrorContextDebugMessage { .. } => ("error-context.debug-message", ERROR_CONTEXT),
        C::ErrorContextDrop => ("error-context.drop", ERROR_CONTEXT),
        C::WaitableSetNew => ("waitable-set.new", ASYNC),
        C::WaitableSetWait { .. } => ("waitable-set.wait", ASYNC),
        C::WaitableSetPoll { .. } => ("waitable-set.poll", ASYNC),
        C::WaitableSetDrop => ("waitable-set.drop", ASYNC),
        C::WaitableJoin => ("waitable.join", ASYNC),
        C::Lift { .. }
        | C::Lower { .. }
        | C::ResourceNew { .. }
        | C::ResourceDrop { .. }
        | C::ResourceRep { .. }
        | C::ContextGet { .. }
        | C::ContextSet { .. }
        | C::BackpressureInc
        | C::BackpressureDec => ("canon", "this canonical definition is"),
    }
}
