//! What a store keeps for components: handle tables and flags of component
//! instances, resource types, the values and handles of the host, and the
//! calls that are running.
//!
//! The engine's store carries this state beside the embedder's data. Ids in
//! it are never reused, so a handle to an instance or function is a number
//! beside the store's own.

use std::any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use linkspan_canon_abi::handle::ScopeId;
use linkspan_canon_abi::{HandleTable, ResourceTypeId, Trap};
use linkspan_engine as core;

use crate::error::{Error, ErrorKind, Result};
use crate::func::Lifted;
use crate::func::relay::AreaInUse;
use crate::instance::InstanceState;
use crate::limits::Limits;
use crate::resource::{
    AnyHandle, AnyTable, DtorIdentity, ResourceKind, ResourceTable, RuntimeResource,
};

/// The data of an embedder together with everything that its components made.
pub type Store<T> = core::Store<T, ComponentState>;

/// Reading access to a [`Store`].
pub type StoreContext<'a, T> = core::StoreContext<'a, T, ComponentState>;

/// Full access to a [`Store`].
pub type StoreContextMut<'a, T> = core::StoreContextMut<'a, T, ComponentState>;

/// A [`Store`] without the type of its data. What does not depend on them is
/// written for it, so that it is compiled with this crate and not again with
/// each host.
pub(crate) type OpaqueStore<'a> = StoreContextMut<'a, core::Opaque>;

/// A [`Store`] whose data can be had back by functions that know their type.
pub(crate) type AnyStore<'a> = core::AnyStoreMut<'a, ComponentState>;

/// A call of a function that leaves the host's data alone.
pub(crate) type OpaqueCall<'a> = core::HostCall<'a, core::Opaque, ComponentState>;

/// Whatever gives full access to a [`Store`] of components.
pub trait AsContextMut: core::AsContextMut<Extra = ComponentState> {}

impl<C: core::AsContextMut<Extra = ComponentState>> AsContextMut for C {}

/// Whatever gives reading access to a [`Store`] of components.
pub trait AsContext: core::AsContext<Extra = ComponentState> {}

impl<C: core::AsContext<Extra = ComponentState>> AsContext for C {}

/// The part of a [`Store`] that components need.
pub struct ComponentState {
    /// Names the store in handles.
    pub(crate) id: u64,
    /// Component instances, nested ones too.
    pub(crate) owners: Vec<OwnerState>,
    /// Instances of root components.
    pub(crate) instances: Vec<InstanceState>,
    /// Lifted functions.
    pub(crate) lifts: Vec<Lifted>,
    /// Of guests that lack exports: the place of each export among its lifts.
    pub(crate) sparse_exports: Vec<Box<[u32]>>,
    /// Resource types.
    pub(crate) resources: Vec<RuntimeResource>,
    /// Resource types of the host that are known here, and their destructors.
    host_resources: BTreeMap<ResourceKind, (u32, Option<DtorIdentity>)>,
    /// Values of the host behind its resources.
    pub(crate) table: ResourceTable,
    /// Handles that the host holds.
    pub(crate) any: AnyTable,
    /// Calls that are running, innermost last.
    pub(crate) frames: Vec<Frame>,
    /// What is lent to the running calls; each frame knows where its part
    /// starts.
    pub(crate) lends: Vec<Lend>,
    /// What the lift at hand has taken out of handle tables.
    pub(crate) taken: Vec<Taken>,
    /// On whose behalf handles are lifted and lowered now.
    pub(crate) call: CallInfo,
    /// Handles that were dropped without a store at hand.
    pub(crate) dropped: Arc<crate::resource::DropQueue>,
    /// Destructors of such handles that failed.
    pub(crate) failed_drops: u64,
    /// With which long lifts see that they shall stop; there once the store has
    /// an instance.
    pub(crate) interrupt: Option<core::InterruptHandle>,
    /// See [`ComponentState::set_limits`].
    pub(crate) limits: Limits,
}

/// A component instance.
#[derive(Debug)]
pub(crate) struct OwnerState {
    pub(crate) handles: HandleTable,
    /// Cleared while the instance runs `realloc` or `post-return`.
    pub(crate) may_leave: bool,
    /// Why the instance must not be entered.
    pub(crate) lock: Option<Lock>,
    /// Set for what is no component's instance: nothing of it can break.
    pub(crate) unbreakable: bool,
    /// What is in use of its memory, if it is such a thing and has one.
    pub(crate) area: Option<AreaInUse>,
    /// How often the guest asked for no more concurrent calls. Calls of
    /// synchronous functions do not wait for it.
    pub(crate) backpressure: u16,
}

/// Why a component instance must not be entered.
#[derive(Clone, Debug)]
pub(crate) enum Lock {
    /// It has trapped.
    Trapped(Arc<str>),
    /// It is being reset: it and its like may call each other, nobody else.
    Resetting,
}

/// A call into a component instance that is running.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The instance that runs.
    pub(crate) owner: u32,
    /// Counts the borrows that the call got, if its type has any.
    pub(crate) scope: Option<ScopeId>,
    /// Where the call's part of `lends` starts.
    pub(crate) lends_start: u32,
    /// What the guest keeps for the call (`context.get`, `context.set`).
    pub(crate) context: [u64; 2],
}

/// Something lent to a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lend {
    /// A handle of a component instance.
    Guest { owner: u32, index: u32 },
    /// A handle of the host.
    Host { token: u64 },
    /// A borrow that the host got for the time of the call.
    Temporary { token: u64 },
}

/// A handle that a lift has taken out of the table of a component instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    owner: u32,
    handle: AnyHandle,
    /// The host's handle that took its place, unless the representation did.
    pub(crate) token: Option<u64>,
}

/// See [`ComponentState::call`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallInfo {
    /// The component instance whose table is meant.
    pub(crate) owner: u32,
    /// The root instance whose plan numbers the resource types.
    pub(crate) instance: u32,
    /// What a representation looks like on the other side.
    pub(crate) mode: HandleMode,
}

/// What stands for a handle between lifting and lowering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HandleMode {
    /// The representation itself: a call from component to component.
    #[default]
    Raw,
    /// The representation of a host resource that is named by a Rust type; a
    /// token of the host's handles otherwise.
    Typed,
    /// A token of the host's handles.
    Dynamic,
}

impl Default for ComponentState {
    fn default() -> ComponentState {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        ComponentState {
            id,
            owners: Vec::new(),
            instances: Vec::new(),
            lifts: Vec::new(),
            sparse_exports: Vec::new(),
            resources: Vec::new(),
            host_resources: BTreeMap::new(),
            table: ResourceTable::default(),
            any: AnyTable::new(id),
            frames: Vec::new(),
            lends: Vec::new(),
            taken: Vec::new(),
            call: CallInfo::default(),
            dropped: Arc::default(),
            failed_drops: 0,
            interrupt: None,
            limits: Limits::default(),
        }
    }
}

impl ComponentState {
    /// The values that the host keeps behind its resources.
    #[must_use]
    pub fn table(&self) -> &ResourceTable {
        &self.table
    }

    /// The values that the host keeps behind its resources.
    pub fn table_mut(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Adds a component instance.
    pub(crate) fn new_owner(&mut self) -> Result<u32> {
        let limit = self.limits.component_instances_max;
        let id = u32::try_from(self.owners.len())
            .ok()
            .filter(|id| *id < limit)
            .ok_or_else(|| too_many("component instances", limit, "component_instances_max"))?;
        self.owners.push(OwnerState {
            handles: HandleTable::with_limit(self.limits.handles_max),
            may_leave: true,
            lock: None,
            unbreakable: false,
            area: None,
            backpressure: 0,
        });
        Ok(id)
    }

    /// Adds a resource type of the host, whose number is the same for each
    /// component that it is linked to.
    pub(crate) fn host_resource(
        &mut self,
        kind: ResourceKind,
        dtor: Option<DtorIdentity>,
        resource: RuntimeResource,
    ) -> Result<ResourceTypeId> {
        let id = self.new_resource(resource)?;
        self.host_resources.insert(kind, (id, dtor));
        Ok(ResourceTypeId::host(id))
    }

    /// Adds a resource type that a component instance defines.
    pub(crate) fn guest_resource(&mut self, resource: RuntimeResource) -> Result<ResourceTypeId> {
        self.new_resource(resource).map(ResourceTypeId)
    }

    fn new_resource(&mut self, resource: RuntimeResource) -> Result<u32> {
        let limit = self.limits.resource_types_max;
        let id = u32::try_from(self.resources.len())
            .ok()
            .filter(|id| *id < limit)
            .ok_or_else(|| too_many("resource types", limit, "resource_types_max"))?;
        self.resources.push(resource);
        Ok(id)
    }

    /// The resource type with this number.
    pub(crate) fn resource(&self, id: ResourceTypeId) -> Result<&RuntimeResource> {
        self.resources
            .get((id.0 & !ResourceTypeId::HOST) as usize)
            .ok_or_else(|| Error::resource("a resource type of another store"))
    }

    /// The number of a resource type of the host that is known here.
    pub(crate) fn host_resource_id(&self, kind: ResourceKind) -> Option<ResourceTypeId> {
        let (id, _) = self.host_resources.get(&kind)?;
        Some(ResourceTypeId::host(*id))
    }

    /// As [`ComponentState::host_resource_id`], for a definition with this
    /// destructor; one without has no say.
    pub(crate) fn host_resource_with(
        &self,
        kind: ResourceKind,
        dtor: Option<DtorIdentity>,
    ) -> Result<Option<ResourceTypeId>> {
        match self.host_resources.get(&kind) {
            None => Ok(None),
            Some((_, known)) if dtor.is_some() && *known != dtor => Err(Error::link(
                "the resource type has another destructor in this store: \
                 define it once and clone the linker",
            )),
            Some((id, _)) => Ok(Some(ResourceTypeId::host(*id))),
        }
    }

    /// The number of the host resource type that a Rust type names.
    pub(crate) fn host_resource_of(&self, key: any::TypeId) -> Option<ResourceTypeId> {
        self.host_resource_id(ResourceKind::Host(key))
    }

    /// What the plan of an instance calls `resource`, as a number of the
    /// store.
    pub(crate) fn plan_resource(
        &self,
        instance: u32,
        resource: ResourceTypeId,
    ) -> Result<ResourceTypeId> {
        self.instances
            .get(instance as usize)
            .and_then(|instance| instance.resources.get(resource.0 as usize).copied())
            .ok_or_else(|| Error::resource("a resource type that the component does not have"))
    }

    /// Refuses the host to enter an instance that is locked.
    #[inline]
    pub(crate) fn check_enter(&self, owner: u32) -> Result<()> {
        match self.owners.get(owner as usize) {
            Some(OwnerState { lock: None, .. }) => Ok(()),
            Some(OwnerState {
                lock: Some(lock), ..
            }) => Err(locked("enter", lock)),
            None => Err(Error::inconsistent("a component instance is missing")),
        }
    }

    /// Refuses an instance to enter another one that is locked.
    #[inline]
    pub(crate) fn check_enter_from(&self, caller: u32, owner: u32) -> Result<()> {
        match self.owners.get(owner as usize) {
            Some(OwnerState { lock: None, .. }) => Ok(()),
            Some(_) if self.are_resetting(caller, owner) => Ok(()),
            Some(_) | None => self.check_enter(owner),
        }
    }

    /// Whether two instances are reset together; there is one reset at a time.
    #[cold]
    fn are_resetting(&self, a: u32, b: u32) -> bool {
        [a, b].iter().all(|owner| {
            let owner = self.owners.get(*owner as usize);
            owner.is_some_and(|owner| matches!(owner.lock, Some(Lock::Resetting)))
        })
    }

    /// Refuses to go on in an instance that trapped in a call that it made
    /// itself, which whoever stood in between did not pass on.
    #[inline]
    pub(crate) fn check_resume(&self, owner: u32) -> Result<()> {
        match self.owners.get(owner as usize) {
            // Whoever is being reset is in the middle of it.
            Some(OwnerState {
                lock: None | Some(Lock::Resetting),
                ..
            }) => Ok(()),
            Some(OwnerState {
                lock: Some(lock), ..
            }) => Err(locked("return to", lock)),
            None => Err(Error::inconsistent("a component instance is missing")),
        }
    }

    /// Refuses a call out of an instance that runs `realloc` or
    /// `post-return`.
    #[inline]
    pub(crate) fn check_leave(&self, owner: u32) -> Result<(), core::Error> {
        match self.owners.get(owner as usize) {
            Some(OwnerState {
                may_leave: true, ..
            }) => Ok(()),
            Some(_) | None => Err(cannot_leave()),
        }
    }

    /// Starts a call into an instance.
    #[inline]
    pub(crate) fn enter(&mut self, owner: u32, has_borrow: bool) {
        let scope = if has_borrow {
            self.owners
                .get_mut(owner as usize)
                .map(|owner| owner.handles.enter_scope())
        } else {
            None
        };
        self.push_frame(owner, scope);
    }

    /// How many handles an instance has.
    #[inline]
    pub(crate) fn handle_count(&self, owner: u32) -> u32 {
        self.owners
            .get(owner as usize)
            .map_or(0, |owner| owner.handles.len())
    }

    /// Starts a call from an instance to the host, whose borrows end with it.
    pub(crate) fn enter_host(&mut self, owner: u32) {
        self.push_frame(owner, None);
    }

    /// Notes what is lent to the innermost call.
    #[inline]
    pub(crate) fn push_lend(&mut self, lend: Lend) -> Result<()> {
        self.lends.push(lend);
        if self.lends.len() > self.limits.lends_max as usize {
            return Err(too_many(
                "borrows in running calls",
                self.limits.lends_max,
                "lends_max",
            ));
        }
        Ok(())
    }

    /// Notes that the lift at hand has taken a handle out of its table.
    pub(crate) fn note_taken(&mut self, handle: AnyHandle, token: Option<u64>) {
        self.taken.push(Taken {
            owner: self.call.owner,
            handle,
            token,
        });
    }

    /// Ends a lift. If it failed, what it has taken goes back to the tables of
    /// the instance, which has trapped: handles that nobody got would be lost
    /// otherwise, and with them the values of the host behind them.
    #[inline]
    pub(crate) fn end_lift<R, E>(&mut self, lifted: Result<R, E>) -> Result<R, E> {
        self.settle_lift(lifted.is_ok());
        lifted
    }

    /// As [`ComponentState::end_lift`], for code that is compiled for each type:
    /// whether the lift went well.
    #[inline]
    pub(crate) fn settle_lift(&mut self, is_ok: bool) {
        if !self.taken.is_empty() {
            self.settle_taken(is_ok);
        }
    }

    #[cold]
    fn settle_taken(&mut self, is_kept: bool) {
        let taken = std::mem::take(&mut self.taken);
        for Taken {
            owner,
            handle,
            token,
        } in taken
        {
            if is_kept {
                continue;
            }
            if let Some(token) = token {
                // A Rust value that held it may have queued it for its
                // destructor, which finds it stale.
                drop(self.any.take(token));
            }
            if let Some(owner) = self.owners.get_mut(owner as usize) {
                // There is room: it was there before.
                drop(owner.handles.insert_own(handle.resource, handle.rep));
            }
        }
    }

    /// Lets the next call of a guest drop a handle that nobody holds.
    #[cold]
    pub(crate) fn drop_later(&mut self, handle: AnyHandle) {
        if let Ok(token) = self.any.insert(handle) {
            self.dropped.push(token);
        }
    }

    /// Starts a run of `realloc`, which has storage of its own.
    pub(crate) fn enter_realloc(&mut self, owner: u32) {
        self.push_frame(owner, None);
    }

    #[inline]
    fn push_frame(&mut self, owner: u32, scope: Option<ScopeId>) {
        // Their limit is below 2^32.
        let lends_start = u32::try_from(self.lends.len()).unwrap_or(u32::MAX);
        self.frames.push(Frame {
            owner,
            scope,
            lends_start,
            context: [0; 2],
        });
    }

    /// Traps if the innermost call still has what was lent to it.
    #[inline]
    pub(crate) fn check_borrows(&mut self) -> Result<()> {
        match self.frames.last_mut() {
            Some(Frame {
                owner,
                scope: scope @ Some(_),
                ..
            }) => {
                let (owner, ended) = (*owner, scope.take());
                match (self.owners.get_mut(owner as usize), ended) {
                    (Some(owner), Some(scope)) => Ok(owner.handles.exit_scope(scope)?),
                    _ => Ok(()),
                }
            }
            Some(Frame { scope: None, .. }) | None => Ok(()),
        }
    }

    /// Ends the innermost call: what was lent to it is free again.
    #[inline]
    pub(crate) fn exit(&mut self) {
        if let Some(frame) = self.frames.pop()
            && self.lends.len() > frame.lends_start as usize
        {
            self.end_lends(frame.lends_start as usize);
        }
    }

    #[cold]
    fn end_lends(&mut self, start: usize) {
        for lend in self.lends.drain(start..) {
            match lend {
                Lend::Guest { owner, index } => {
                    if let Some(owner) = self.owners.get_mut(owner as usize) {
                        owner.handles.end_lend(index);
                    }
                }
                Lend::Host { token } => {
                    if self.any.end_lend(token) {
                        self.dropped.push(token);
                    }
                }
                Lend::Temporary { token } => self.any.end_temporary(token),
            }
        }
    }

    /// Ends all calls above `depth` after a trap, and locks the instances that
    /// were in one: not those that had returned before, nor those below, which
    /// are locked in turn if the host's function passes the error on.
    #[cold]
    pub(crate) fn unwind(&mut self, depth: usize, error: &Error) {
        while self.frames.len() > depth {
            self.free_between();
            if let Some(&Frame { owner, scope, .. }) = self.frames.last() {
                if let Some(scope) = scope
                    && let Some(owner) = self.owners.get_mut(owner as usize)
                {
                    // What remains is of no interest: the instance is lost.
                    drop(owner.handles.exit_scope(scope));
                }
                self.poison(owner, error);
            }
            self.exit();
        }
    }

    /// Frees what the innermost call, which has failed, got from the host, if
    /// what it called is no component's instance: that one goes on without it.
    #[cold]
    pub(crate) fn free_between(&mut self) {
        let depth = self.frames.len();
        let Some(&Frame { owner, scope, .. }) = self.frames.last() else {
            return;
        };
        if let Some(owner) = self.owners.get_mut(owner as usize)
            && owner.unbreakable
        {
            if let Some(scope) = scope {
                owner.handles.drop_borrows(scope);
            }
            if let Some(area) = &owner.area {
                area.abandon(depth);
            }
        }
    }

    /// Says that what stands for an instance is none, so that traps do not make
    /// it unusable.
    pub(crate) fn never_poison(&mut self, owner: u32) {
        if let Some(owner) = self.owners.get_mut(owner as usize) {
            owner.unbreakable = true;
        }
    }

    /// Says what is in use of the memory of such a thing.
    pub(crate) fn set_area(&mut self, owner: u32, area: AreaInUse) {
        if let Some(owner) = self.owners.get_mut(owner as usize) {
            owner.area = Some(area);
        }
    }

    /// Drops what an instance borrowed for the innermost call, which is its.
    pub(crate) fn drop_borrows(&mut self, owner: u32) {
        let scope = self.frames.last().and_then(|frame| frame.scope);
        if let (Some(scope), Some(owner)) = (scope, self.owners.get_mut(owner as usize)) {
            owner.handles.drop_borrows(scope);
        }
    }

    /// Keeps an instance that has trapped from being entered again.
    #[cold]
    pub(crate) fn poison(&mut self, owner: u32, error: &Error) {
        if let Some(owner) = self.owners.get_mut(owner as usize) {
            owner.may_leave = true;
            if owner.unbreakable {
                return;
            }
            match owner.lock {
                Some(Lock::Trapped(_)) => {}
                None | Some(Lock::Resetting) => {
                    owner.lock = Some(Lock::Trapped(first_trap(error)));
                }
            }
        }
    }
}

#[cold]
fn too_many(what: &str, limit: u32, field: &str) -> Error {
    Error::limit(format!(
        "the store holds {limit} {what}, which is its limit: raise `{field}` in the store's limits"
    ))
}

#[cold]
fn locked(what: &str, lock: &Lock) -> Error {
    let why = match lock {
        Lock::Trapped(trap) => format!("it trapped before: {trap}"),
        Lock::Resetting => "it is being reset".to_owned(),
    };
    Error::new(
        ErrorKind::Trap,
        format!("cannot {what} component instance: {why}"),
    )
}

/// What later errors quote of the trap that made an instance unusable.
#[cold]
fn first_trap(error: &Error) -> Arc<str> {
    let frame = error.backtrace().and_then(|trace| trace.frames().first());
    match frame.map(|frame| (frame.func_name(), frame.func_index())) {
        Some((Some(name), _)) => format!("{} in `{name}`", error.message()).into(),
        Some((None, index)) => format!("{} in function {index}", error.message()).into(),
        None => error.message().into(),
    }
}

#[cold]
fn cannot_leave() -> core::Error {
    Error::from(Trap::CannotLeave).into()
}

impl fmt::Debug for ComponentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentState")
            .field("instances", &self.instances.len())
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
