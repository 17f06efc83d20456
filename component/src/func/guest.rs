//! A guest as the canonical ABI sees it: memory, `realloc` and handles of one
//! lifted or lowered function, reached through the store that owns them.

use std::any;
use std::sync::Arc;

use linkspan_canon_abi as abi;
use linkspan_canon_abi::{Guest, Handles, ResourceTypeId};
use linkspan_engine as core;

use crate::error::{Error, ErrorKind};
use crate::resource::AnyHandle;
use crate::store::{CallInfo, ComponentState, HandleMode, Lend, OpaqueStore};

/// What a lifted or lowered function was prepared with. Everything is found
/// when a component is instantiated; a call looks nothing up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// The memory that pointers point to.
    pub(crate) memory: Option<core::Memory>,
    /// Allocates in it.
    pub(crate) realloc: Option<core::Func>,
    /// Encoding and pointer size.
    pub(crate) options: abi::Options,
    /// The component instance.
    pub(crate) owner: u32,
    /// The root instance whose plan numbers resource types.
    pub(crate) instance: u32,
    /// Whether the guest may use the storage of its running call.
    pub(crate) framed: bool,
    /// Whether the guest can ask, or be asked, whether it may leave its instance.
    pub(crate) leaves: bool,
}

impl Site {
    pub(crate) fn call(&self, mode: HandleMode) -> CallInfo {
        CallInfo {
            owner: self.owner,
            instance: self.instance,
            mode,
        }
    }

    /// Runs a core function of the instance that must not call out of it. Where it
    /// could not anyway, nothing needs to be noted.
    #[inline]
    pub(crate) fn call_closed(
        &self,
        store: &mut OpaqueStore<'_>,
        func: core::Func,
        write: impl FnOnce(&mut [u64]),
    ) -> Result<u64, core::Error> {
        if self.leaves {
            self.set_may_leave(store, false);
        }
        let result = func
            .call_raw(store, write)
            .map(|results| results.first().copied().unwrap_or(0));
        if self.leaves {
            self.set_may_leave(store, true);
        }
        result
    }

    fn set_may_leave(&self, store: &mut OpaqueStore<'_>, may_leave: bool) {
        if let Some(owner) = store.extra_mut().owners.get_mut(self.owner as usize) {
            owner.may_leave = may_leave;
        }
    }
}

/// A guest for the time of a lift or lower.
pub(crate) struct GuestView<'a> {
    pub(crate) store: OpaqueStore<'a>,
    pub(crate) site: Site,
    pub(crate) mode: HandleMode,
}

impl<'a> GuestView<'a> {
    pub(crate) fn new(
        store: &'a mut OpaqueStore<'_>,
        site: Site,
        mode: HandleMode,
    ) -> GuestView<'a> {
        GuestView {
            store: core::AsContextMut::as_context_mut(store),
            site,
            mode,
        }
    }
}

impl Guest for GuestView<'_> {
    type Handles = ComponentState;

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        match self.site.memory {
            Some(memory) => memory.data_mut(&mut self.store),
            None => &mut [],
        }
    }

    #[inline]
    fn parts(&mut self) -> (&[u8], &mut ComponentState) {
        let parts = self.store.parts();
        let memory = match self.site.memory {
            // The memory is of this store: it was taken from its instances.
            Some(memory) => parts.memories.into_bytes(memory).unwrap_or_default(),
            None => &mut [],
        };
        parts.extra.call = self.site.call(self.mode);
        (memory, parts.extra)
    }

    fn realloc(
        &mut self,
        old_pointer: u64,
        old_bytes: u64,
        alignment: u32,
        new_bytes: u64,
    ) -> abi::Result<u64> {
        let Some(realloc) = self.site.realloc else {
            return Err(abi::Error::guest(Error::inconsistent(
                "a function without `realloc` allocates",
            )));
        };
        if self.site.framed {
            let owner = self.site.owner;
            self.store.extra_mut().enter_realloc(owner);
        }
        let result = self.site.call_closed(&mut self.store, realloc, |slots| {
            let args = [old_pointer, old_bytes, u64::from(alignment), new_bytes];
            for (slot, arg) in slots.iter_mut().zip(args) {
                *slot = arg;
            }
        });
        // The frame of one that trapped is for `unwind` to find.
        if self.site.framed && result.is_ok() {
            self.store.extra_mut().exit();
        }
        match (result, self.site.options.pointer) {
            (Ok(pointer), abi::PointerSize::P32) => Ok(pointer & 0xffff_ffff),
            (Ok(pointer), abi::PointerSize::P64) => Ok(pointer),
            (Err(error), _) => Err(abi::Error::guest(error)),
        }
    }
}

/// Handles of the component instance that the state's `call` names.
///
/// In typed calls resource types are numbered by the store, in all others by
/// the plan of the instance.
impl Handles for ComponentState {
    fn lift_own(&mut self, resource: ResourceTypeId, index: u32) -> abi::Result<u64> {
        let resource = self.number(resource)?;
        let rep = self.handle_table()?.take_own(resource, index)?;
        if self.is_raw(resource) {
            self.note_taken(AnyHandle::own(resource, rep), None);
            return Ok(rep);
        }
        let own = AnyHandle::own(resource, rep);
        self.note_taken(own, None);
        let token = self.any.insert(own).map_err(abi::Error::guest)?;
        if let Some(taken) = self.taken.last_mut() {
            taken.token = Some(token);
        }
        Ok(token)
    }

    fn lift_borrow(&mut self, resource: ResourceTypeId, index: u32) -> abi::Result<u64> {
        let resource = self.number(resource)?;
        let owner = self.call.owner;
        let rep = self.handle_table()?.lend(resource, index)?;
        self.push_lend(Lend::Guest { owner, index })
            .map_err(abi::Error::guest)?;
        if self.is_raw(resource) {
            return Ok(rep);
        }
        let borrow = AnyHandle {
            resource,
            rep,
            own: false,
        };
        let token = self.any.insert(borrow).map_err(abi::Error::guest)?;
        self.push_lend(Lend::Temporary { token })
            .map_err(abi::Error::guest)?;
        Ok(token)
    }

    fn lower_own(&mut self, resource: ResourceTypeId, rep: u64) -> abi::Result<u32> {
        let resource = self.number(resource)?;
        if self.is_raw(resource) {
            return self.lower_raw(resource, rep);
        }
        // It leaves the host's handles when the guest has it, not before.
        let token = rep;
        let rep = self
            .any
            .own_rep(token, resource)
            .map_err(abi::Error::guest)?;
        let index = self.handle_table()?.insert_own(resource, rep)?;
        self.any.take(token).map_err(abi::Error::guest)?;
        Ok(index)
    }

    fn lower_borrow(&mut self, resource: ResourceTypeId, rep: u64) -> abi::Result<u32> {
        let resource = self.number(resource)?;
        let rep = if self.is_raw(resource) {
            rep
        } else {
            let token = rep;
            let rep = self.any.lend(token, resource).map_err(abi::Error::guest)?;
            self.push_lend(Lend::Host { token })
                .map_err(abi::Error::guest)?;
            rep
        };
        let owner = self.call.owner;
        if self.resource(resource).map_err(abi::Error::guest)?.owner == Some(owner) {
            return u32::try_from(rep).map_err(|_| wide_borrow(rep));
        }
        match self.frames.last().and_then(|frame| frame.scope) {
            Some(scope) => self.handle_table()?.insert_borrow(resource, rep, scope),
            None => Err(abi::Error::guest(Error::resource(
                "a borrow can be passed to a guest only for the time of a call",
            ))),
        }
    }

    fn checkpoint(&mut self) -> abi::Result<()> {
        match &self.interrupt {
            Some(handle) if handle.is_interrupted() => {
                handle.clear();
                Err(abi::Error::guest(core::Error::from(
                    core::Trap::Interrupted,
                )))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn attachment(&self) -> Option<Arc<dyn any::Any + Send + Sync>> {
        Some(self.dropped.clone())
    }

    fn resource_type(&self, key: any::TypeId) -> abi::Result<ResourceTypeId> {
        self.instances
            .get(self.call.instance as usize)
            .and_then(|instance| instance.key(key))
            .or_else(|| self.host_resource_of(key))
            .ok_or_else(|| {
                abi::Error::guest(Error::resource(
                    "no component of this store was linked to that resource type",
                ))
            })
    }
}

impl ComponentState {
    /// A resource type of the running call as a number of the store.
    #[inline]
    fn number(&self, resource: ResourceTypeId) -> abi::Result<ResourceTypeId> {
        match self.call.mode {
            HandleMode::Typed => Ok(resource),
            HandleMode::Raw | HandleMode::Dynamic => self
                .plan_resource(self.call.instance, resource)
                .map_err(abi::Error::guest),
        }
    }

    /// Whether the other side sees representations instead of tokens.
    #[inline]
    fn is_raw(&self, resource: ResourceTypeId) -> bool {
        match self.call.mode {
            HandleMode::Raw => true,
            HandleMode::Typed => resource.is_host(),
            HandleMode::Dynamic => false,
        }
    }

    /// Lowers a handle that comes as a representation.
    fn lower_raw(&mut self, resource: ResourceTypeId, rep: u64) -> abi::Result<u32> {
        let lowered = self.handle_table()?.insert_own(resource, rep);
        if lowered.is_err() && self.call.mode == HandleMode::Typed {
            // The host has given it away, and the guest could not take it.
            self.drop_later(AnyHandle::own(resource, rep));
        }
        lowered
    }

    /// The handle table of the running call.
    #[inline]
    fn handle_table(&mut self) -> abi::Result<&mut abi::HandleTable> {
        match self.owners.get_mut(self.call.owner as usize) {
            Some(owner) => Ok(&mut owner.handles),
            None => Err(abi::Error::guest(Error::inconsistent(
                "a component instance is missing",
            ))),
        }
    }
}

/// The specification gives the component that defines a resource the
/// representation behind a borrow in place of a handle, in the 32 bits of a
/// handle.
#[cold]
fn wide_borrow(rep: u64) -> abi::Error {
    abi::Error::guest(Error::new(
        ErrorKind::Trap,
        format!(
            "the representation {rep:#x} behind a borrow does not fit into the `i32` by which \
             the component that defines the resource gets it"
        ),
    ))
}
