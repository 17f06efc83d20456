//! Functions of the host that a component hands back: exported as they were
//! imported, or called as a start function. Whoever calls one finds a lifted
//! function as any other, so calls, links and errors need no second path.
//!
//! Between caller and function stands a guest without code: a memory that
//! values cross, a bump allocator for it, and a handle table. It is nobody's
//! component: a function of the host that fails makes it no less usable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use linkspan_engine as core;
use linkspan_engine::{Answer, HostFunc, Opaque};

use super::WINDOW_SLOTS;
use crate::code::CallFacts;
use crate::error::{Error, Result};
use crate::store::{ComponentState, OpaqueCall, OpaqueStore};

/// The memory of the guest that stands between.
#[derive(Clone)]
pub(crate) struct Area {
    pub(crate) memory: core::Memory,
    pub(crate) in_use: AreaInUse,
}

/// What is in use of the memory of a guest that stands between.
#[derive(Clone, Debug, Default)]
pub(crate) struct AreaInUse(Arc<Mutex<Marks>>);

impl AreaInUse {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frees what a call got that has failed, wherever it was, while `depth`
    /// calls ran.
    pub(crate) fn abandon(&self, depth: usize) {
        let mut marks = self.marks();
        marks.forget(depth);
        marks.top = marks.floor;
    }
}

/// What of the memory is in use. Calls nest, so it is a stack: what lies above
/// the floor was allocated since the innermost call started or ended.
#[derive(Debug, Default)]
struct Marks {
    top: u64,
    floor: u64,
    /// For each running call: how many calls ran around it, and the floor to
    /// return to.
    calls: Vec<(usize, u64)>,
}

impl Marks {
    /// Forgets calls that never ended: `depth` calls run.
    fn forget(&mut self, depth: usize) {
        while let Some((_, floor)) = self.calls.pop_if(|(known, _)| *known >= depth) {
            self.floor = floor;
        }
    }
}

impl Area {
    pub(crate) fn new(store: &mut OpaqueStore<'_>) -> Result<Area> {
        let memory = core::Memory::new(store, core::MemoryType::new(0, None))?;
        Ok(Area {
            memory,
            in_use: AreaInUse::default(),
        })
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.in_use.marks()
    }

    /// Room for `bytes`, above everything that is in use.
    fn allocate(&self, store: &mut OpaqueStore<'_>, bytes: u64, alignment: u64) -> Result<u64> {
        let start = self.marks().top.next_multiple_of(alignment.max(1));
        self.extend(store, start.saturating_add(bytes))?;
        Ok(start)
    }

    /// Puts everything below `end` in use.
    fn extend(&self, store: &mut OpaqueStore<'_>, end: u64) -> Result<()> {
        let page = u64::from(self.memory.ty(&*store)?.page_size_bytes);
        let pages = self.memory.size_pages(&*store)?;
        let missing = end.div_ceil(page).saturating_sub(pages);
        if missing > 0 {
            // Twice as much each time, so that many small pieces cost little.
            self.memory
                .grow(&mut *store, missing.max(pages))
                .or_else(|_| self.memory.grow(&mut *store, missing))?;
        }
        self.marks().top = end;
        Ok(())
    }

    /// Notes that the arguments of a call are complete: `depth` calls run.
    fn start(&self, depth: usize) {
        let mut marks = self.marks();
        marks.forget(depth);
        let floor = marks.floor;
        marks.calls.push((depth, floor));
        marks.floor = marks.top;
    }

    /// Frees what was allocated for the innermost call.
    fn end(&self) {
        let mut marks = self.marks();
        if let Some((_, floor)) = marks.calls.pop() {
            (marks.floor, marks.top) = (floor, floor);
        }
    }

    /// The core function that allocates.
    pub(crate) fn realloc(&self, store: &mut OpaqueStore<'_>) -> Result<core::Func> {
        let ty = core::FuncType::new([core::ValType::I32; 4], [core::ValType::I32]);
        Ok(core::Func::from_host(store, &ty, Realloc(self.clone()))?)
    }

    /// The core function that frees the innermost call's part.
    pub(crate) fn post_return(
        &self,
        store: &mut OpaqueStore<'_>,
        results: &[core::ValType],
    ) -> Result<core::Func> {
        let ty = core::FuncType::new(results.iter().copied(), []);
        Ok(core::Func::from_host(store, &ty, PostReturn(self.clone()))?)
    }
}

/// See [`Area::realloc`].
struct Realloc(Area);

impl HostFunc<Opaque, ComponentState> for Realloc {
    fn call(&self, mut call: OpaqueCall<'_>) -> Answer {
        let mut args = [0; 4];
        for (arg, slot) in args.iter_mut().zip(call.window()) {
            *arg = *slot & 0xffff_ffff;
        }
        match self.run(&mut call.store(), args) {
            Ok(pointer) => {
                if let Some(slot) = call.window().first_mut() {
                    *slot = pointer;
                }
                Answer::Done
            }
            Err(error) => Answer::Trap(error.into()),
        }
    }

    fn callee_slots(&self) -> u32 {
        0
    }
}

impl Realloc {
    fn run(
        &self,
        store: &mut OpaqueStore<'_>,
        [old, old_bytes, alignment, bytes]: [u64; 4],
    ) -> Result<u64> {
        let area = &self.0;
        let top = area.marks().top;
        if old_bytes > 0 && old.saturating_add(old_bytes) == top {
            area.extend(store, old.saturating_add(bytes))?;
            return Ok(old);
        }
        let new = area.allocate(store, bytes, alignment)?;
        let memory = area.memory.data_mut(store);
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let kept = place(old)..place(old.saturating_add(old_bytes.min(bytes)));
        if !kept.is_empty() && kept.end <= memory.len() {
            memory.copy_within(kept, place(new));
        }
        Ok(new)
    }
}

/// See [`Area::post_return`].
struct PostReturn(Area);

impl HostFunc<Opaque, ComponentState> for PostReturn {
    fn call(&self, _: OpaqueCall<'_>) -> Answer {
        self.0.end();
        Answer::Done
    }

    fn callee_slots(&self) -> u32 {
        0
    }
}

/// A core function with the type of a lifted function that calls one with the
/// type of a lowered one: only large results travel differently.
pub(crate) struct Relay {
    /// The lowered function.
    pub(crate) lowered: core::Func,
    pub(crate) facts: CallFacts,
    /// Size and alignment of the result.
    pub(crate) result: (u64, u64),
    /// The guest that stands between.
    pub(crate) owner: u32,
    /// Its memory, if values need one.
    pub(crate) area: Option<Area>,
}

impl HostFunc<Opaque, ComponentState> for Relay {
    fn call(&self, mut call: OpaqueCall<'_>) -> Answer {
        match self.pass_params(&mut call) {
            Ok(()) => Answer::Call {
                func: self.lowered,
                then: 0,
            },
            Err(error) => Answer::Trap(error.into()),
        }
    }

    fn resume(&self, mut call: OpaqueCall<'_>, _then: u32) -> Answer {
        // What was borrowed for the call has served its purpose.
        call.extra().drop_borrows(self.owner);
        let returned = if self.facts.result_in_memory {
            call.window().last().copied()
        } else {
            call.callee_window().first().copied()
        };
        if self.facts.has_result
            && let (Some(returned), Some(slot)) = (returned, call.window().first_mut())
        {
            *slot = returned;
        }
        Answer::Done
    }

    fn scratch_slots(&self) -> u32 {
        1
    }

    fn callee_slots(&self) -> u32 {
        WINDOW_SLOTS as u32
    }
}

impl Relay {
    fn pass_params(&self, call: &mut OpaqueCall<'_>) -> Result<()> {
        let mut params = [0; WINDOW_SLOTS];
        let count = self.facts.param_slots.min(WINDOW_SLOTS - 1);
        params[..count].copy_from_slice(&call.window()[..count]);
        if let Some(area) = &self.area {
            if self.facts.result_in_memory {
                let (bytes, alignment) = self.result;
                params[count] = area.allocate(&mut call.store(), bytes, alignment)?;
                if let Some(kept) = call.window().last_mut() {
                    *kept = params[count];
                }
            }
            area.start(call.extra().frames.len());
        } else if self.facts.result_in_memory {
            return Err(Error::inconsistent("a result without a memory"));
        }
        call.callee_window()[..WINDOW_SLOTS].copy_from_slice(&params);
        Ok(())
    }
}
