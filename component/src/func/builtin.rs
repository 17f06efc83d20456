//! Built-ins that guests call on their own handles (`canon resource.new`,
//! `resource.drop`, `resource.rep`), and what stands in for definitions that
//! are not built.

use std::sync::Arc;

use linkspan_canon_abi::handle::Removed;
use linkspan_canon_abi::{PointerSize, ResourceTypeId};
use linkspan_engine as core;
use linkspan_engine::{Answer, HostFunc, Opaque};

use crate::code::core_pointer;
use crate::error::{Error, Result};
use crate::resource::{Dtor, representation};
use crate::store::{ComponentState, OpaqueCall, OwnerState};

/// A built-in on the handles of one component instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Builtin {
    pub(crate) owner: u32,
    /// The resource type, numbered by the store.
    pub(crate) resource: ResourceTypeId,
    pub(crate) kind: BuiltinKind,
}

/// See [`Builtin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuiltinKind {
    /// Takes a representation of that width.
    New(PointerSize),
    Drop,
    /// Answers a representation of that width.
    Rep(PointerSize),
}

impl BuiltinKind {
    /// The core type of the built-in.
    pub(crate) fn ty(self) -> core::FuncType {
        let handle = core::ValType::I32;
        let (param, result) = match self {
            BuiltinKind::New(rep) => (core_pointer(rep), Some(handle)),
            BuiltinKind::Rep(rep) => (handle, Some(core_pointer(rep))),
            BuiltinKind::Drop => (handle, None),
        };
        core::FuncType::new([param], result)
    }
}

impl HostFunc<Opaque, ComponentState> for Builtin {
    fn call(&self, mut call: OpaqueCall<'_>) -> Answer {
        let arg = first(call.window());
        let state = call.extra();
        let result = match self.kind {
            BuiltinKind::New(rep) => self.new_handle(state, narrow(arg, rep)).map(Done::Value),
            BuiltinKind::Rep(_) => self.rep(state, representation(arg)).map(Done::Value),
            BuiltinKind::Drop => self.drop_handle(state, representation(arg)),
        };
        match result {
            Ok(Done::Value(value)) => {
                if let Some(slot) = call.window().first_mut() {
                    *slot = value;
                }
                Answer::Done
            }
            Ok(Done::Nothing) => Answer::Done,
            Ok(Done::Destroy { func, rep }) => {
                if let Some(slot) = call.callee_window().first_mut() {
                    *slot = rep;
                }
                Answer::Call { func, then: 0 }
            }
            Err(error) => Answer::Trap(error.into()),
        }
    }

    fn resume(&self, mut call: OpaqueCall<'_>, _then: u32) -> Answer {
        // The destructor has returned.
        let state = call.extra();
        state.exit();
        match state.check_resume(self.owner) {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Trap(error.into()),
        }
    }

    fn catch(&self, _: OpaqueCall<'_>, _then: u32, error: core::Error) -> Answer {
        let error = Error::from(error).within("calling a destructor");
        Answer::Trap(error.into())
    }
}

/// What a built-in comes to.
enum Done {
    Value(u64),
    Nothing,
    /// A destructor is to be called.
    Destroy {
        func: core::Func,
        rep: u64,
    },
}

impl Builtin {
    fn owner<'a>(&self, state: &'a mut ComponentState) -> Result<&'a mut OwnerState> {
        state
            .owners
            .get_mut(self.owner as usize)
            .ok_or_else(|| Error::inconsistent("a component instance is missing"))
    }

    fn new_handle(&self, state: &mut ComponentState, rep: u64) -> Result<u64> {
        state.check_leave(self.owner)?;
        let index = self.owner(state)?.handles.insert_own(self.resource, rep)?;
        Ok(u64::from(index))
    }

    fn rep(&self, state: &mut ComponentState, index: u32) -> Result<u64> {
        Ok(self.owner(state)?.handles.rep(self.resource, index)?)
    }

    fn drop_handle(&self, state: &mut ComponentState, index: u32) -> Result<Done> {
        state.check_leave(self.owner)?;
        let removed = self.owner(state)?.handles.remove(self.resource, index)?;
        let rep = match removed {
            Removed::Own(rep) => rep,
            Removed::Borrow => return Ok(Done::Nothing),
        };
        let resource = *state.resource(self.resource)?;
        match resource.dtor {
            Dtor::None => {
                if let Some(owner) = resource.owner {
                    state.check_enter_from(self.owner, owner)?;
                }
                Ok(Done::Nothing)
            }
            Dtor::Table => {
                drop(state.table.remove(representation(rep))?);
                Ok(Done::Nothing)
            }
            Dtor::Func(func) => {
                let owner = resource.owner.unwrap_or(self.owner);
                state.check_enter_from(self.owner, owner)?;
                state.enter(owner, false);
                Ok(Done::Destroy { func, rep })
            }
        }
    }
}

/// A built-in on the running call of a component instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallBuiltin {
    pub(crate) owner: u32,
    pub(crate) kind: CallBuiltinKind,
}

/// See [`CallBuiltin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallBuiltinKind {
    /// `context.get` of a slot of that width.
    Get(u8, PointerSize),
    /// `context.set` of a slot of that width.
    Set(u8, PointerSize),
    /// `backpressure.inc`
    Inc,
    /// `backpressure.dec`
    Dec,
}

impl CallBuiltinKind {
    /// The core type of the built-in.
    pub(crate) fn ty(self) -> core::FuncType {
        let (param, result) = match self {
            CallBuiltinKind::Get(_, size) => (None, Some(core_pointer(size))),
            CallBuiltinKind::Set(_, size) => (Some(core_pointer(size)), None),
            CallBuiltinKind::Inc | CallBuiltinKind::Dec => (None, None),
        };
        core::FuncType::new(param, result)
    }
}

impl HostFunc<Opaque, ComponentState> for CallBuiltin {
    fn call(&self, mut call: OpaqueCall<'_>) -> Answer {
        match self.run(&mut call) {
            Some(()) => Answer::Done,
            None => Answer::Trap(self.failure().into()),
        }
    }

    fn callee_slots(&self) -> u32 {
        0
    }
}

impl CallBuiltin {
    fn run(&self, call: &mut OpaqueCall<'_>) -> Option<()> {
        match self.kind {
            CallBuiltinKind::Get(slot, _) => {
                let frame = call.extra().frames.last()?;
                let value = *frame.context.get(usize::from(slot))?;
                *call.window().first_mut()? = value;
            }
            CallBuiltinKind::Set(slot, size) => {
                let value = narrow(first(call.window()), size);
                let frame = call.extra().frames.last_mut()?;
                *frame.context.get_mut(usize::from(slot))? = value;
            }
            CallBuiltinKind::Inc | CallBuiltinKind::Dec => {
                let owner = call.extra().owners.get_mut(self.owner as usize)?;
                owner.backpressure = match self.kind {
                    CallBuiltinKind::Inc => owner.backpressure.checked_add(1),
                    _ => owner.backpressure.checked_sub(1),
                }?;
            }
        }
        Some(())
    }

    #[cold]
    fn failure(&self) -> Error {
        Error::new(
            crate::ErrorKind::Trap,
            match self.kind {
                CallBuiltinKind::Get(..) | CallBuiltinKind::Set(..) => "no call is running",
                CallBuiltinKind::Inc => "backpressure counter overflowed",
                CallBuiltinKind::Dec => "backpressure counter underflowed",
            },
        )
    }
}

/// The argument of a built-in.
fn first(window: &[u64]) -> u64 {
    window.first().copied().unwrap_or(0)
}

/// A slot without what stands above a value of that width.
fn narrow(slot: u64, size: PointerSize) -> u64 {
    match size {
        PointerSize::P32 => slot & 0xffff_ffff,
        PointerSize::P64 => slot,
    }
}

/// Stands in for a canonical definition that is not built: it can be linked,
/// and traps when it is called.
#[derive(Clone, Debug)]
pub(crate) struct Unsupported {
    pub(crate) owner: u32,
    /// Which one, if it has a name.
    pub(crate) name: Option<Arc<str>>,
    /// What it needs.
    pub(crate) what: &'static str,
    pub(crate) offset: u64,
}

impl HostFunc<Opaque, ComponentState> for Unsupported {
    fn call(&self, mut call: OpaqueCall<'_>) -> Answer {
        if let Err(error) = call.extra().check_leave(self.owner) {
            return Answer::Trap(error);
        }
        let error = Error::unsupported(self.what).at(self.offset);
        let error = match &self.name {
            Some(name) => error.within(&**name),
            None => error,
        };
        Answer::Trap(error.into())
    }
}
