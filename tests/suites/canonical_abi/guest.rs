//! The guest of the vectors: a byte vector, a `realloc` that never frees, and a
//! handle table. It does what the classes of `generate.py` do.

use std::any;

use linkspan::abi::handle::ScopeId;
use linkspan::abi::{
    Error, Guest, HandleTable, Handles, LiftContext, LowerContext, Options, ResourceTypeId, Result,
    Scratch,
};

/// The byte that memory is filled with before anything is written.
pub(crate) const FILL: u8 = 0xcc;

/// Handles of one call.
pub(crate) struct CallHandles {
    table: HandleTable,
    scope: ScopeId,
}

impl Handles for CallHandles {
    fn lift_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        self.table.take_own(resource, index)
    }

    fn lift_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        self.table.lend(resource, index)
    }

    fn lower_own(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32> {
        self.table.insert_own(resource, rep)
    }

    fn lower_borrow(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32> {
        self.table.insert_borrow(resource, rep, self.scope)
    }

    fn resource_type(&self, _: any::TypeId) -> Result<ResourceTypeId> {
        Err(Error::guest("the vectors know no Rust types"))
    }
}

/// See the module.
pub(crate) struct VectorGuest {
    pub(crate) memory: Vec<u8>,
    /// Where `realloc` goes on.
    next: u64,
    /// What it adds to each answer.
    skew: u64,
    pub(crate) handles: CallHandles,
    options: Options,
}

impl VectorGuest {
    /// A guest that allocates from `next` on, written `POSITION+SKEW`.
    pub(crate) fn new(memory: Vec<u8>, next: &str, options: Options) -> Self {
        let (next, skew) = next.split_once('+').unwrap_or((next, "0"));
        let mut table = HandleTable::new();
        let scope = table.enter_scope();
        Self {
            memory,
            next: next.parse().unwrap(),
            skew: skew.parse().unwrap(),
            handles: CallHandles { table, scope },
            options,
        }
    }

    pub(crate) fn lower(&mut self) -> LowerContext<&mut Self> {
        let options = self.options;
        LowerContext::new(self, options)
    }

    pub(crate) fn lift<'a>(
        &'a mut self,
        scratch: &'a Scratch,
    ) -> LiftContext<'a, &'a mut CallHandles> {
        LiftContext::new(&self.memory, &mut self.handles, scratch, self.options)
    }
}

impl Guest for VectorGuest {
    type Handles = CallHandles;

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    fn parts(&mut self) -> (&[u8], &mut CallHandles) {
        (&self.memory, &mut self.handles)
    }

    fn realloc(&mut self, old: u64, old_bytes: u64, align: u32, bytes: u64) -> Result<u64> {
        if bytes <= old_bytes {
            return Ok(old);
        }
        let at = self.next.next_multiple_of(u64::from(align)) + self.skew;
        self.next = at + bytes;
        if old_bytes > 0 && at + old_bytes <= self.memory.len() as u64 {
            self.memory
                .copy_within(old as usize..(old + old_bytes) as usize, at as usize);
        }
        Ok(at)
    }
}
