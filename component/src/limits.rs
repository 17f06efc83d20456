//! What components may use in one store, and what they use.
//!
//! Each limit answers with an error or a trap that names it. Memories, tables,
//! core instances, stacks and the nesting of host calls are limits of the
//! engine: [`core::Limits`](crate::core::Limits).

use std::fmt;

use linkspan_canon_abi::handle::{DEFAULT_HANDLES_MAX, MAX_HANDLES};
use linkspan_canon_abi::program::DEFAULT_MOVE_BUDGET_BYTES;
use linkspan_canon_abi::{DEFAULT_LIFT_BUDGET_BYTES, ResourceTypeId};

use crate::resource::{HOST_HANDLES_MAX, HOST_VALUES_MAX, ResourceType};
use crate::store::ComponentState;

/// Upper bounds for what the components of one store may use, on top of those
/// of the engine. Every bound has a generous default; none is ever exceeded.
///
/// ```
/// use linkspan::{Engine, Limits, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let mut limits = Limits::default();
/// limits.lift_bytes_max = 1 << 20;
/// limits.handles_max = 1000;
/// store.extra_mut().set_limits(limits);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes that the parameters of one call of a host function may lift out
    /// of a guest's memory, or the result of one call of a guest. What the host
    /// allocates for them counts too, so that lists that overlap cannot make
    /// the host work, or fill its memory, without end. 512 MiB.
    pub lift_bytes_max: u64,
    /// Bytes that the parameters of one call from component to component may
    /// move, or its result. 4 GiB.
    pub move_bytes_max: u64,
    /// Handles of any one component instance; a million, at most 2²⁸ - 1.
    pub handles_max: u32,
    /// Handles that the host holds, as [`ResourceAny`](crate::ResourceAny) or
    /// as generated types; 2²⁴, and at most.
    pub host_handles_max: u32,
    /// Values in the store's [`ResourceTable`](crate::ResourceTable); 2²⁴,
    /// and at most.
    pub host_values_max: u32,
    /// Resource types that components define, once for each instance of
    /// theirs, and that the host provides; 2¹⁷, and at most.
    pub resource_types_max: u32,
    /// Component instances, nested ones too; a million.
    pub component_instances_max: u32,
    /// Borrows that the running calls of the store have been lent. Elements of
    /// lists can overlap, so the sizes of memories and handle tables are no
    /// limit. 2²⁰.
    pub lends_max: u32,
}

/// Handle tables keep 17 bits of a resource type's number.
const RESOURCE_TYPES_MAX: u32 = 1 << 17;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            lift_bytes_max: DEFAULT_LIFT_BUDGET_BYTES,
            move_bytes_max: DEFAULT_MOVE_BUDGET_BYTES,
            handles_max: DEFAULT_HANDLES_MAX,
            host_handles_max: HOST_HANDLES_MAX,
            host_values_max: HOST_VALUES_MAX,
            resource_types_max: RESOURCE_TYPES_MAX,
            component_instances_max: 1_000_000,
            lends_max: 1 << 20,
        }
    }
}

impl Limits {
    /// The same limits, with none beyond what the representations allow.
    fn clamped(mut self) -> Limits {
        self.handles_max = self.handles_max.min(MAX_HANDLES);
        self.host_handles_max = self.host_handles_max.min(HOST_HANDLES_MAX);
        self.host_values_max = self.host_values_max.min(HOST_VALUES_MAX);
        self.resource_types_max = self.resource_types_max.min(RESOURCE_TYPES_MAX);
        self
    }
}

/// How much of something there is, and the most that there ever was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How much there is now.
    pub live: u64,
    /// The most that there was at any one time.
    pub peak: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (peak {})", self.live, self.peak)
    }
}

/// What the components of a store use: see [`ComponentState::metrics`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Component instances, nested ones too.
    pub component_instances: u64,
    /// Those that have trapped.
    pub trapped_instances: u64,
    /// Handles in the tables of all component instances. The peak is that of
    /// the one instance that had most, which [`Limits::handles_max`] bounds.
    pub guest_handles: Usage,
    /// Handles that the host holds.
    pub host_handles: Usage,
    /// Values in the store's table.
    pub host_values: Usage,
    /// Handles that were dropped without a store at hand, and whose
    /// destructors wait for the next call.
    pub pending_drops: u64,
    /// Destructors of such handles that failed.
    pub failed_drops: u64,
    /// Resource types of which there are handles, the one defined first in
    /// front.
    pub resources: Vec<ResourceUsage>,
}

/// The handles of one resource type in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceUsage {
    /// The type.
    pub ty: ResourceType,
    /// Handles of guests that own a resource.
    pub guest_own: u64,
    /// Handles of guests that borrow one for a call.
    pub guest_borrow: u64,
    /// Handles of the host, as tokens of the store. A
    /// [`Resource`](crate::Resource) is a number, and not counted.
    pub host: u64,
}

impl ComponentState {
    /// The limits of this store.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The limits that hold from now on. What exists already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits.clamped();
        for owner in &mut self.owners {
            owner.handles.set_limit(self.limits.handles_max);
        }
        self.any.set_limit(self.limits.host_handles_max);
        self.table.set_limit(self.limits.host_values_max);
    }

    /// What the components of this store use now. Handles are counted one by
    /// one for it.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let tables = || self.owners.iter().map(|owner| &owner.handles);
        Metrics {
            component_instances: self.owners.len() as u64,
            trapped_instances: self.owners.iter().filter(|o| o.lock.is_some()).count() as u64,
            guest_handles: Usage {
                live: tables().map(|table| u64::from(table.len())).sum(),
                peak: tables()
                    .map(|table| u64::from(table.peak()))
                    .max()
                    .unwrap_or(0),
            },
            host_handles: self.any.usage(),
            host_values: self.table.usage(),
            pending_drops: self.dropped.len() as u64,
            failed_drops: self.failed_drops,
            resources: self.resource_usage(),
        }
    }

    fn resource_usage(&self) -> Vec<ResourceUsage> {
        let mut usage: Vec<ResourceUsage> = self
            .resources
            .iter()
            .map(|resource| ResourceUsage {
                ty: resource.ty,
                guest_own: 0,
                guest_borrow: 0,
                host: 0,
            })
            .collect();
        let place = |id: ResourceTypeId| (id.0 & !ResourceTypeId::HOST) as usize;
        for (id, own) in self.owners.iter().flat_map(|owner| owner.handles.iter()) {
            if let Some(usage) = usage.get_mut(place(id)) {
                usage.guest_own += u64::from(own);
                usage.guest_borrow += u64::from(!own);
            }
        }
        for handle in self.any.handles() {
            if let Some(usage) = usage.get_mut(place(handle.resource)) {
                usage.host += 1;
            }
        }
        usage.retain(|usage| usage.guest_own + usage.guest_borrow + usage.host > 0);
        usage
    }
}
