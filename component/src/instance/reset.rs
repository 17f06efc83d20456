//! A second life for an instance, in place: the steps that made it run again.
//!
//! Core instances keep their addresses, so whatever was bound to them when the
//! plan first ran (stubs, lifted functions, adapters of other components) is
//! bound to the new state. Handles are the exception: a representation means
//! something to the state that made it alone.

use linkspan_canon_abi::ResourceTypeId;
use linkspan_engine as core;

use super::{Instance, InstanceState};
use crate::error::{Error, ErrorKind, Result};
use crate::func::destroy;
use crate::plan::{ResourceDef, Step};
use crate::resource::AnyHandle;
use crate::store::{AsContextMut, ComponentState, Lock, OpaqueStore};

impl Instance {
    /// Takes the instance back to where it was when it was instantiated, its
    /// nested instances included: memories, tables and globals get their
    /// first values, start functions run, and a trap of before locks nothing
    /// any more. Whatever memory the guest has grown to is given back.
    ///
    /// [`Func`](crate::Func)s of the instance stay valid and reach the new
    /// state, and so do components that were linked to it. Handles to
    /// resources that it defines are stale from now on, whoever holds them;
    /// their destructors do not run. What it owned of others is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "wat")] {
    /// use linkspan::{Component, Engine, Linker, Store, Val};
    ///
    /// let engine = Engine::default();
    /// let component = Component::new(&engine, r#"
    ///     (component
    ///       (core module $m
    ///         (global $n (mut i32) (i32.const 0))
    ///         (func (export "next") (result i32)
    ///           (global.set $n (i32.add (global.get $n) (i32.const 1)))
    ///           (if (i32.gt_u (global.get $n) (i32.const 1)) (then unreachable))
    ///           (global.get $n)))
    ///       (core instance $i (instantiate $m))
    ///       (func (export "next") (result u32) (canon lift (core func $i "next"))))
    /// "#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    /// let next = instance.get_func(&store, "next").unwrap();
    /// let mut results = [Val::Bool(false)];
    /// next.call(&mut store, &[], &mut results)?;
    /// assert!(next.call(&mut store, &[], &mut results).is_err());
    /// instance.reset(&mut store)?;
    /// next.call(&mut store, &[], &mut results)?;
    /// assert_eq!(results[0], Val::U32(1));
    /// # }
    /// # Ok::<(), linkspan::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Host`](crate::ErrorKind::Host) while a call is running or
    /// parked in the store, or if the instance belongs to another one, and
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if a component
    /// in it has a start function, which gets and makes values, or a core
    /// instance in it defines a shared memory, which other threads may be
    /// using: then nothing has changed.
    /// [`ErrorKind::Trap`](crate::ErrorKind::Trap) if a start function traps or
    /// the instance trapped on the way, and what host functions fail with: then
    /// the instance is locked until a reset succeeds.
    ///
    /// Until the reset is over, destructors and host functions that it calls
    /// cannot enter the instance.
    pub fn reset(&self, mut store: impl AsContextMut) -> Result<()> {
        let mut store = store.as_context_mut().opaque();
        let lives = self.check_reset(&mut store)?;
        let owned = self.take_handles(store.extra_mut())?;
        self.seal(store.extra_mut())
            .and_then(|()| clear_all(&mut store, &lives))
            .and_then(|()| self.destroy_all(&mut store, owned))
            // Destructors cannot enter the instance; whatever they did to it
            // all the same is undone.
            .and_then(|()| self.seal(store.extra_mut()))
            .and_then(|()| self.restart(&mut store, &lives))
            .and_then(|()| self.unseal(store.extra_mut()))
            .inspect_err(|error| self.lock(store.extra_mut(), error))
    }

    /// Refuses what cannot be reset, before anything changes; the core
    /// instances otherwise.
    fn check_reset(self, store: &mut OpaqueStore<'_>) -> Result<Box<[core::Instance]>> {
        let state = store.extra_mut();
        if !state.frames.is_empty() {
            return Err(Error::msg(
                "an instance cannot be reset while a call is running in its store: reset it when \
                 the call has returned",
            ));
        }
        let instance = self.state(state)?;
        if instance
            .code
            .steps
            .iter()
            .any(|step| matches!(step, Step::Start { .. }))
        {
            return Err(Error::unsupported(
                "resetting an instance whose component has a start function is",
            ));
        }
        let lives = instance.core_instances.clone();
        for life in &lives {
            life.check_clear(&mut *store)?;
        }
        Ok(lives)
    }

    /// Makes the state of all component instances as if they were new, but for
    /// a lock that keeps others out.
    fn seal(self, state: &mut ComponentState) -> Result<()> {
        let owners = self.state(state)?.owner_range();
        for owner in state.owners.get_mut(owners).into_iter().flatten() {
            owner.handles.clear();
            owner.lock = Some(Lock::Resetting);
            owner.may_leave = true;
            owner.backpressure = 0;
        }
        Ok(())
    }

    /// Opens the component instances, unless one has trapped.
    fn unseal(self, state: &mut ComponentState) -> Result<()> {
        let owners = self.state(state)?.owner_range();
        let owners = state.owners.get_mut(owners).unwrap_or_default();
        for owner in owners.iter() {
            if let Some(Lock::Trapped(trap)) = &owner.lock {
                return Err(Error::new(
                    ErrorKind::Trap,
                    format!("a component instance trapped while it was reset: {trap}"),
                ));
            }
        }
        for owner in owners {
            owner.lock = None;
        }
        Ok(())
    }

    /// Takes all handles out of the instance's tables and makes those to its
    /// own resources stale elsewhere. Answers what it owned of others.
    fn take_handles(self, state: &mut ComponentState) -> Result<Vec<AnyHandle>> {
        let instance = self.state(state)?;
        let own_types = instance.own_resources();
        let owners = instance.owner_range();
        let is_own = |resource: ResourceTypeId| own_types.binary_search(&resource).is_ok();
        let mut owned = Vec::new();
        for (number, owner) in state.owners.iter_mut().enumerate() {
            if owners.contains(&number) {
                let others = owner.handles.owned().filter(|(ty, _)| !is_own(*ty));
                owned.extend(others.map(|(resource, rep)| AnyHandle {
                    resource,
                    rep,
                    own: true,
                }));
                owner.handles.clear();
            } else {
                owner.handles.revoke(&is_own);
            }
        }
        state.any.revoke(&is_own);
        Ok(owned)
    }

    /// Drops what the instance owned.
    fn destroy_all(self, store: &mut OpaqueStore<'_>, owned: Vec<AnyHandle>) -> Result<()> {
        let state = store.extra_mut();
        let owner = self.state(state)?.owners;
        // A call of the instance, as it were: destructors reset nothing.
        state.enter(owner, false);
        for handle in owned {
            // A destructor that traps locks the instance that it is of, and
            // the next call of that one says so.
            drop(destroy(store, handle));
        }
        store.extra_mut().exit();
        Ok(())
    }

    /// Runs the steps that made the instance once more, as far as they have
    /// an effect on what is there.
    fn restart(self, store: &mut OpaqueStore<'_>, lives: &[core::Instance]) -> Result<()> {
        let instance = self.state(store.extra())?;
        let (code, owners) = (std::sync::Arc::clone(&instance.code), instance.owners);
        for step in &code.steps {
            let Step::Instantiate { slot, owner, .. } = step else {
                // Memories and functions are bound where they were bound, and
                // resource types keep their numbers.
                continue;
            };
            let Some(life) = lives.get(slot.index()) else {
                return Err(Error::inconsistent("a core instance is missing"));
            };
            let owner = owners.saturating_add(owner.0);
            store.extra_mut().enter(owner, false);
            life.restart(&mut *store)
                .map_err(|error| Error::from(error).within(format!("core instance {}", slot.0)))
                .inspect_err(|error| store.extra_mut().unwind(0, error))?;
            store.extra_mut().exit();
        }
        Ok(())
    }

    /// Locks all component instances of one whose reset failed.
    fn lock(self, state: &mut ComponentState, error: &Error) {
        let owners = self.state(state).map(InstanceState::owner_range);
        for owner in owners.into_iter().flatten() {
            state.poison(u32::try_from(owner).unwrap_or(u32::MAX), error);
        }
    }
}

/// Clears all core instances, before the first is restarted.
fn clear_all(store: &mut OpaqueStore<'_>, lives: &[core::Instance]) -> Result<()> {
    for life in lives {
        life.clear(&mut *store)?;
    }
    Ok(())
}

impl InstanceState {
    /// The store's numbers of the resource types that the instance defines, in
    /// order.
    fn own_resources(&self) -> Vec<ResourceTypeId> {
        let defs = self.code.resources.iter().zip(&self.resources);
        let own = defs.filter(|(def, _)| matches!(def, ResourceDef::Defined(..)));
        let mut own: Vec<ResourceTypeId> = own.map(|(_, id)| *id).collect();
        own.sort_unstable();
        own
    }

    /// The store's numbers of the component instances.
    fn owner_range(&self) -> std::ops::Range<usize> {
        let first = self.owners as usize;
        first..first + self.code.owners.len()
    }
}
