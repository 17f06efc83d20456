//! A fake guest: a byte vector, a `realloc` that never frees, a handle table.

#![allow(dead_code, reason = "each test binary uses another part of it")]

use std::any;
use std::fmt::Debug;

use linkspan_canon_abi::handle::ScopeId;
use linkspan_canon_abi::program::Programs;
use linkspan_canon_abi::{
    Encoding, Error, Guest, HandleTable, Handles, LiftContext, LiftOwned, Lower, LowerContext,
    Options, PointerSize, ResourceTypeId, Result, Scratch, TypeTable, Val, call, value_type,
};

/// The byte that fresh memory is filled with.
pub(crate) const FILL: u8 = 0xcc;

/// Handles of one call: a table, the call's scope, and what it borrowed.
pub(crate) struct CallHandles {
    pub(crate) table: HandleTable,
    pub(crate) scope: ScopeId,
    pub(crate) lent: Vec<u32>,
    /// Rust types that stand for resource types, by key.
    pub(crate) named: Vec<(any::TypeId, ResourceTypeId)>,
    /// A resource that this guest implements: borrows of it arrive as reps.
    pub(crate) implements: Option<ResourceTypeId>,
}

impl CallHandles {
    /// Ends the loans of the call, then the call.
    pub(crate) fn finish(&mut self) -> Result<()> {
        for index in self.lent.drain(..) {
            self.table.end_lend(index);
        }
        let scope = std::mem::replace(&mut self.scope, self.table.enter_scope());
        self.table.exit_scope(scope)
    }
}

impl Handles for CallHandles {
    fn lift_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        self.table.take_own(resource, index)
    }

    fn lift_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u64> {
        let rep = self.table.lend(resource, index)?;
        self.lent.push(index);
        Ok(rep)
    }

    fn lower_own(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32> {
        self.table.insert_own(resource, rep)
    }

    fn lower_borrow(&mut self, resource: ResourceTypeId, rep: u64) -> Result<u32> {
        if self.implements == Some(resource) {
            return Ok(rep as u32);
        }
        self.table.insert_borrow(resource, rep, self.scope)
    }

    fn resource_type(&self, key: any::TypeId) -> Result<ResourceTypeId> {
        self.named
            .iter()
            .find(|(named, _)| *named == key)
            .map(|(_, resource)| *resource)
            .ok_or_else(|| Error::guest("unknown resource"))
    }
}

pub(crate) struct FakeGuest {
    pub(crate) memory: Vec<u8>,
    pub(crate) next: u64,
    pub(crate) reallocs: Vec<(u64, u64, u32, u64)>,
    pub(crate) handles: CallHandles,
    pub(crate) options: Options,
}

impl FakeGuest {
    pub(crate) fn new(size: usize, next: u64, options: Options) -> Self {
        let mut table = HandleTable::new();
        let scope = table.enter_scope();
        let handles = CallHandles {
            table,
            scope,
            lent: Vec::new(),
            named: Vec::new(),
            implements: None,
        };
        Self {
            memory: vec![FILL; size],
            next,
            reallocs: Vec::new(),
            handles,
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

impl Guest for FakeGuest {
    type Handles = CallHandles;

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    fn parts(&mut self) -> (&[u8], &mut CallHandles) {
        (&self.memory, &mut self.handles)
    }

    /// The `realloc` of `generate.py`.
    fn realloc(&mut self, old: u64, old_bytes: u64, align: u32, bytes: u64) -> Result<u64> {
        self.reallocs.push((old, old_bytes, align, bytes));
        if bytes <= old_bytes {
            return Ok(old);
        }
        let at = self.next.next_multiple_of(u64::from(align));
        self.next = at + bytes;
        if old_bytes > 0 && at + old_bytes <= self.memory.len() as u64 {
            self.memory
                .copy_within(old as usize..(old + old_bytes) as usize, at as usize);
        }
        Ok(at)
    }
}

/// Every encoding and pointer size.
pub(crate) fn all_options() -> Vec<Options> {
    [Encoding::Utf8, Encoding::Utf16, Encoding::Latin1Utf16]
        .into_iter()
        .flat_map(|encoding| PointerSize::ALL.map(|pointer| Options { encoding, pointer }))
        .collect()
}

/// Lowers typed and dynamic, compares the bytes, and lifts both ways.
pub(crate) fn agree<T: LiftOwned + Lower + Debug + PartialEq>(
    typed: &T,
    value: &Val,
    options: Options,
) {
    let mut types = TypeTable::new();
    let ty = value_type::<T>(&mut types).unwrap();
    value.check(&types, ty).unwrap();
    for pointer in PointerSize::ALL {
        let abi = T::ABI.layout(pointer);
        assert_eq!(abi, types.layout(ty, pointer), "{}", types.display(ty));
    }
    assert_eq!(T::ABI.flat.min(17), types.flat(ty, options.pointer).count());
    let program = Programs::new()
        .values(&types, &[ty], options.pointer, options.pointer)
        .unwrap();
    let scratch = Scratch::new();

    let mut a = FakeGuest::new(4000, 1024, options);
    let mut b = FakeGuest::new(4000, 1024, options);
    let (mut wa, mut wb) = ([u64::MAX; 20], [u64::MAX; 20]);
    call::lower_params(&mut a.lower(), &(typed,), &mut wa).unwrap();
    program
        .lower_params(&mut b.lower(), std::slice::from_ref(value), &mut wb)
        .unwrap();
    assert_eq!(wa[..program.param_slots()], wb[..program.param_slots()]);
    assert!(a.memory == b.memory, "{}", types.display(ty));
    assert_eq!(a.reallocs, b.reallocs);
    let (back,) = call::lift_params::<(T,), _>(&mut a.lift(&scratch), &wb).unwrap();
    assert_eq!(back, *typed);
    let back = program.lift_params(&mut b.lift(&scratch), &wa).unwrap();
    assert_eq!(back, std::slice::from_ref(value));

    let (mut wa, mut wb) = ([64; 20], [64; 20]);
    call::lower_result(&mut a.lower(), typed, &mut wa, 0).unwrap();
    program
        .lower_result(&mut b.lower(), Some(value), &mut wb, 0)
        .unwrap();
    assert_eq!(wa[0], wb[0]);
    assert!(a.memory == b.memory, "{}", types.display(ty));
    assert_eq!(
        call::lift_result::<T, _>(&mut b.lift(&scratch), &wa).unwrap(),
        *typed
    );
    let back = program.lift_result(&mut a.lift(&scratch), &wb).unwrap();
    assert_eq!(back.as_ref(), Some(value));
}
