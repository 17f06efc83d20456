//! Canonical definitions and resource types: the functions that cross the
//! border between components and core modules, and what they are made with.

use wasmparser::{CanonicalFunction, CanonicalOption};

use linkspan_canon_abi::{Encoding, PointerSize, ResourceTypeId};

use super::flatten::Flattener;
use super::space::{EnvId, get};
use super::{
    CoreItem, FuncItem, FuncSlot, FuncSource, Lift, LiftId, MemorySlot, Options, OptionsId,
    OwnerId, ResourceDef, Step, Stub, TypeItem,
};
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
                let FuncItem { source, ty } = get(&self.env(env).funcs, *func_index)?;
                let stub = match (source, self.options(env, options)?) {
                    (_, Err(what)) => Err((what, offset)),
                    (FuncSource::Unsupported(what, offset), _) => Err((what, offset)),
                    (FuncSource::Import(import), Ok(options)) => Ok(Stub::LowerImport {
                        import,
                        ty,
                        options,
                    }),
                    (FuncSource::Lift(lift), Ok(options)) => {
                        Ok(Stub::Adapter { lift, ty, options })
                    }
                };
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
            other => self.stub(env, Err((builtin_name(other), offset)))?,
        }
        Ok(())
    }

    /// Makes a core function of the canonical ABI. One that is not built
    /// becomes an item whose use is an error.
    fn stub(&mut self, env: EnvId, stub: Result<Stub, (&'static str, u64)>) -> Result<()> {
        let item = match stub {
            Err((what, offset)) => CoreItem::Unsupported(what, offset),
            Ok(stub) => {
                let owner = self.env(env).owner;
                self.uses_handles(owner);
                if let (Stub::ContextGet(..) | Stub::ContextSet(..), Some(owner)) =
                    (stub, self.plan.owners.get_mut(owner.index()))
                {
                    owner.uses_context = true;
                }
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
                CanonicalOption::Async | CanonicalOption::Callback(_) => {
                    return Ok(Err("the canonical option `async` is"));
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

/// What an error says of a built-in that is not built.
fn builtin_name(canon: &CanonicalFunction) -> &'static str {
    use CanonicalFunction as C;
    match canon {
        C::ThreadSpawnRef { .. }
        | C::ThreadSpawnIndirect { .. }
        | C::ThreadAvailableParallelism
        | C::ThreadIndex
        | C::ThreadNewIndirect { .. }
        | C::ThreadResumeLater
        | C::ThreadSuspend
        | C::ThreadSuspendThenResume
        | C::ThreadYieldThenResume
        | C::ThreadSuspendThenPromote
        | C::ThreadYieldThenPromote
        | C::ThreadYield => "the `thread` built-ins are",
        C::TaskReturn { .. } | C::TaskCancel => "the `task` built-ins are",
        C::SubtaskDrop | C::SubtaskCancel { .. } => "the `subtask` built-ins are",
        C::StreamNew { .. }
        | C::StreamRead { .. }
        | C::StreamWrite { .. }
        | C::StreamForward { .. }
        | C::StreamCancelRead { .. }
        | C::StreamCancelWrite { .. }
        | C::StreamDropReadable { .. }
        | C::StreamDropWritable { .. } => "the `stream` built-ins are",
        C::FutureNew { .. }
        | C::FutureRead { .. }
        | C::FutureWrite { .. }
        | C::FutureForward { .. }
        | C::FutureCancelRead { .. }
        | C::FutureCancelWrite { .. }
        | C::FutureDropReadable { .. }
        | C::FutureDropWritable { .. } => "the `future` built-ins are",
        C::ErrorContextNew { .. } | C::ErrorContextDebugMessage { .. } | C::ErrorContextDrop => {
            "the `error-context` built-ins are"
        }
        C::WaitableSetNew
        | C::WaitableSetWait { .. }
        | C::WaitableSetPoll { .. }
        | C::WaitableSetDrop
        | C::WaitableJoin => "the `waitable` built-ins are",
        C::Lift { .. }
        | C::Lower { .. }
        | C::ResourceNew { .. }
        | C::ResourceDrop { .. }
        | C::ResourceRep { .. }
        | C::ContextGet { .. }
        | C::ContextSet { .. }
        | C::BackpressureInc
        | C::BackpressureDec => "this canonical definition is",
    }
}
