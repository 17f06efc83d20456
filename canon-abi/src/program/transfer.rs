//! Programs run to move values from one guest into another: each op lifts and
//! lowers at once, and no value of the host stands between.
//!
//! The specification lifts all values before it lowers the first. Fused, the
//! destination's `realloc` runs in between; it may not leave its instance, so
//! only a component that calls itself through shared memory could tell. What is
//! moved is checked after the last `realloc` that could have changed it, so the
//! destination never sees an invalid string, `char` or discriminant.

use std::ops::Range;

use super::{At, FROM, Op, Program, TO, check_case, flat_pointer, read_bits, write_bits};
use crate::context::{Budget, check_range, check_realloc, flat_pair, list_bytes, memory_pair};
use crate::memory::{Guest, Handles, Options};
use crate::string::{Source, StringMove, store_string};
use crate::trap::{Content, Error, Result, Trap};
use crate::types::ResourceTypeId;
use crate::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS};

/// How many bytes one call may move unless the embedder says otherwise.
///
/// Memories bound what a call moves, unless a `realloc` gives out the same bytes
/// again and again: that must not keep the host busy without end.
pub const DEFAULT_MOVE_BUDGET_BYTES: u64 = 1 << 32;

/// The memories of the two guests of a call.
#[derive(Debug)]
pub enum Memories<'a> {
    /// Two memories.
    Apart {
        /// Values are read here.
        from: &'a [u8],
        /// And written here.
        to: &'a mut [u8],
    },
    /// Both sides use one memory.
    Shared(&'a mut [u8]),
}

/// Two guests of one call: the one that values come from, and the one they go
/// to.
pub trait Bridge {
    /// The memories, as they are now.
    fn memories(&mut self) -> Memories<'_>;

    /// Calls the `realloc` of the guest that is written; see [`Guest::realloc`].
    ///
    /// # Errors
    /// As [`Guest::realloc`].
    fn realloc(
        &mut self,
        old_pointer: u64,
        old_bytes: u64,
        alignment: u32,
        new_bytes: u64,
    ) -> Result<u64>;

    /// Moves an owned handle: the index in the guest that is written (`lift_own`,
    /// then `lower_own`).
    ///
    /// # Errors
    /// As [`Handles::lift_own`] and [`Handles::lower_own`].
    fn move_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32>;

    /// Lends a handle: the index, or rep, in the guest that is written
    /// (`lift_borrow`, then `lower_borrow`).
    ///
    /// # Errors
    /// As [`Handles::lift_borrow`] and [`Handles::lower_borrow`].
    fn move_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32>;

    /// Called about once for each mebibyte that a call moves: an error stops
    /// it.
    ///
    /// # Errors
    /// Whatever the embedder wants the call to fail with.
    fn checkpoint(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Two guests with a memory each as a [`Bridge`].
#[derive(Debug)]
pub struct Pair<A, B> {
    /// Values come from here.
    pub from: A,
    /// And go here.
    pub to: B,
}

impl<A: Guest, B: Guest> Bridge for Pair<A, B> {
    fn memories(&mut self) -> Memories<'_> {
        Memories::Apart {
            from: self.from.parts().0,
            to: self.to.bytes_mut(),
        }
    }

    fn realloc(&mut self, old: u64, old_bytes: u64, align: u32, bytes: u64) -> Result<u64> {
        self.to.realloc(old, old_bytes, align, bytes)
    }

    fn move_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32> {
        let rep = self.from.parts().1.lift_own(resource, index)?;
        self.to.parts().1.lower_own(resource, rep)
    }

    fn move_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32> {
        let rep = self.from.parts().1.lift_borrow(resource, index)?;
        self.to.parts().1.lower_borrow(resource, rep)
    }
}

impl<T: Bridge + ?Sized> Bridge for &mut T {
    fn memories(&mut self) -> Memories<'_> {
        (**self).memories()
    }

    fn realloc(&mut self, old: u64, old_bytes: u64, align: u32, bytes: u64) -> Result<u64> {
        (**self).realloc(old, old_bytes, align, bytes)
    }

    fn move_own(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32> {
        (**self).move_own(resource, index)
    }

    fn move_borrow(&mut self, resource: ResourceTypeId, index: u32) -> Result<u32> {
        (**self).move_borrow(resource, index)
    }

    fn checkpoint(&mut self) -> Result<()> {
        (**self).checkpoint()
    }
}

/// What moving values between two guests carries.
#[derive(Debug)]
pub struct MoveContext<B> {
    bridge: B,
    from: Options,
    to: Options,
    budget: Budget,
}

/// Where the values of a program are, or go.
#[derive(Clone, Copy)]
enum Place {
    /// At this position of the memory.
    Memory(usize),
    /// From this slot of the window.
    Flat(usize),
}

/// A memory and a window of either side.
struct Windows<'w> {
    source: &'w [u64],
    target: &'w mut [u64],
}

impl<B: Bridge> MoveContext<B> {
    /// A context over two guests, with the default budget.
    pub fn new(bridge: B, from: Options, to: Options) -> Self {
        Self {
            bridge,
            from,
            to,
            budget: Budget::new(DEFAULT_MOVE_BUDGET_BYTES),
        }
    }

    /// Limits the bytes that this call may move.
    #[must_use]
    pub fn with_budget(mut self, budget_bytes: u64) -> Self {
        self.budget = Budget::new(budget_bytes);
        self
    }

    /// How many bytes were charged so far.
    pub fn charged_bytes(&self) -> u64 {
        self.budget.spent()
    }

    fn charge(&mut self, bytes: u64) -> Result<()> {
        if self.budget.pay(bytes) {
            return Ok(());
        }
        self.budget
            .pay_across(bytes)
            .map_err(|budget_bytes| Trap::MoveBudgetExceeded { budget_bytes })?;
        self.bridge.checkpoint()
    }

    fn source_len(&mut self) -> usize {
        match self.bridge.memories() {
            Memories::Apart { from, .. } => from.len(),
            Memories::Shared(memory) => memory.len(),
        }
    }

    fn target_len(&mut self) -> usize {
        match self.bridge.memories() {
            Memories::Apart { to, .. } => to.len(),
            Memories::Shared(memory) => memory.len(),
        }
    }

    fn allocate(&mut self, content: Content, align: u32, bytes: u64) -> Result<usize> {
        self.reallocate(content, 0, 0, align, bytes)
    }

    fn reallocate(
        &mut self,
        content: Content,
        old: usize,
        old_bytes: u64,
        align: u32,
        bytes: u64,
    ) -> Result<usize> {
        let pointer = self.bridge.realloc(old as u64, old_bytes, align, bytes)?;
        let memory = self.target_len();
        check_realloc(content, pointer, bytes, align, memory)
    }

    /// Reads bytes of the source.
    fn read<R>(&mut self, at: usize, bytes: usize, read: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let memory: &[u8] = match self.bridge.memories() {
            Memories::Apart { from, .. } => from,
            Memories::Shared(memory) => memory,
        };
        Ok(read(at_range(memory, at, bytes)?))
    }

    /// Writes bytes of the destination.
    fn write(&mut self, at: usize, bytes: usize, write: impl FnOnce(&mut [u8])) -> Result<()> {
        let memory = match self.bridge.memories() {
            Memories::Apart { to, .. } => to,
            Memories::Shared(memory) => memory,
        };
        write(at_range_mut(memory, at, bytes)?);
        Ok(())
    }

    /// Copies bytes from memory to memory.
    fn copy(&mut self, from_at: usize, to_at: usize, bytes: usize) -> Result<()> {
        match self.bridge.memories() {
            Memories::Apart { from, to } => {
                let source = at_range(from, from_at, bytes)?;
                at_range_mut(to, to_at, bytes)?.copy_from_slice(source);
            }
            Memories::Shared(memory) => {
                at_range(memory, from_at, bytes)?;
                at_range(memory, to_at, bytes)?;
                memory.copy_within(from_at..from_at + bytes, to_at);
            }
        }
        Ok(())
    }

    fn get(&mut self, w: &Windows<'_>, place: Place, at: At, size: u32) -> Result<u64> {
        match place {
            Place::Memory(base) => self.read(base + at.byte(FROM), size as usize, |bytes| {
                read_bits(bytes, size)
            }),
            Place::Flat(base) => Ok(w.source[base + at.slot()]),
        }
    }

    fn put(
        &mut self,
        w: &mut Windows<'_>,
        place: Place,
        at: At,
        size: u32,
        bits: u64,
    ) -> Result<()> {
        match place {
            Place::Memory(base) => self.write(base + at.byte(TO), size as usize, |bytes| {
                write_bits(bytes, size, bits);
            }),
            Place::Flat(base) => {
                w.target[base + at.slot()] = bits;
                Ok(())
            }
        }
    }

    /// Reads a discriminant.
    fn case(
        &mut self,
        w: &Windows<'_>,
        place: Place,
        at: At,
        size: u32,
        cases: usize,
    ) -> Result<usize> {
        check_case(self.get(w, place, at, size)? as u32, cases)
    }

    fn get_pair(&mut self, w: &Windows<'_>, place: Place, at: At) -> Result<(u64, u64)> {
        let pointer = self.from.pointer;
        match place {
            Place::Memory(base) => {
                let bytes = 2 * pointer.bytes() as usize;
                self.read(base + at.byte(FROM), bytes, |bytes| {
                    memory_pair(pointer, bytes)
                })
            }
            Place::Flat(base) => Ok(flat_pair(pointer, &w.source[base + at.slot()..])),
        }
    }

    fn put_pair(
        &mut self,
        w: &mut Windows<'_>,
        place: Place,
        at: At,
        (pointer, length): (u64, u64),
    ) -> Result<()> {
        let size = self.to.pointer.bytes();
        match place {
            Place::Memory(base) => self.write(base + at.byte(TO), 2 * size as usize, |bytes| {
                let (a, b) = bytes.split_at_mut(size as usize);
                write_bits(a, size, pointer);
                write_bits(b, size, length);
            }),
            Place::Flat(base) => {
                w.target[base + at.slot()] = pointer;
                w.target[base + at.slot() + 1] = length;
                Ok(())
            }
        }
    }

    /// Moves one string in whatever encodings: pointer and length on the other
    /// side.
    fn string(&mut self, pointer: u64, tagged: u64) -> Result<(u64, u64)> {
        let source = Source::new(self.from, tagged)?;
        let memory = self.source_len();
        let at = source.check(pointer, memory)?;
        self.charge(source.bytes)?;
        let bytes = source.bytes as usize;
        let kept = match self.bridge.memories() {
            Memories::Apart { .. } => None,
            Memories::Shared(memory) => Some(at_range(memory, at, bytes)?.to_vec()),
        };
        let (from, to) = (self.from.encoding, self.to);
        let mut string = MovedString {
            cx: self,
            at,
            bytes,
            kept,
        };
        store_string(&mut string, from, source.encoding, source.units, to)
    }

    /// Moves the elements of a list: pointer and length on the other side.
    fn list(&mut self, elem: &Program, pointer: u64, count: u64) -> Result<(u64, u64)> {
        let [from, to] = elem.layout;
        let from_bytes = list_bytes(count, from.size)?;
        let memory = self.source_len();
        let from_at = check_range(Content::List, pointer, from_bytes, from.align, memory)?;
        // The limit above keeps this below 2^32: sizes at most double.
        let to_bytes = count * u64::from(to.size);
        self.charge(from_bytes.max(to_bytes))?;
        let to_at = self.allocate(Content::List, to.align, to_bytes)?;
        self.elements(elem, from_at, to_at, count as usize)?;
        Ok((to_at as u64, count))
    }

    /// Moves adjacent elements from memory to memory.
    fn elements(
        &mut self,
        elem: &Program,
        from_at: usize,
        to_at: usize,
        count: usize,
    ) -> Result<()> {
        let [from_size, to_size] = elem.layout.map(|layout| layout.size as usize);
        if elem.copyable {
            return self.copy(from_at, to_at, count * from_size);
        }
        if elem.plain && self.plain_list(elem, from_at, to_at, count)? {
            return Ok(());
        }
        let w = &mut Windows {
            source: &[],
            target: &mut [],
        };
        for i in 0..count {
            let from = Place::Memory(from_at + i * from_size);
            let to = Place::Memory(to_at + i * to_size);
            elem.steps(self, w, from, to)
                .map_err(|error| error.within_index(i))?;
        }
        Ok(())
    }

    /// Moves a list of elements without pointers and handles between two
    /// memories; answers `false` when they are one.
    fn plain_list(
        &mut self,
        elem: &Program,
        from_at: usize,
        to_at: usize,
        count: usize,
    ) -> Result<bool> {
        let Memories::Apart { from, to } = self.bridge.memories() else {
            return Ok(false);
        };
        let [from_size, to_size] = elem.layout.map(|layout| layout.size as usize);
        let source = at_range(from, from_at, count * from_size)?;
        let target = at_range_mut(to, to_at, count * to_size)?;
        elem.move_plain_list(source, target)?;
        Ok(true)
    }
}

/// A string on its way between two guests.
struct MovedString<'c, B> {
    cx: &'c mut MoveContext<B>,
    at: usize,
    bytes: usize,
    /// A copy of the source, when the destination's writes could reach it.
    kept: Option<Vec<u8>>,
}

impl<B: Bridge> StringMove for MovedString<'_, B> {
    fn views(&mut self) -> Result<(&[u8], &mut [u8])> {
        match (self.cx.bridge.memories(), &self.kept) {
            (Memories::Apart { from, to }, None) => Ok((at_range(from, self.at, self.bytes)?, to)),
            (Memories::Apart { to, .. } | Memories::Shared(to), Some(kept)) => Ok((kept, to)),
            (Memories::Shared(_), None) => Err(Error::guest(
                "the memories of a call became one while it ran",
            )),
        }
    }

    fn reallocate(&mut self, old: usize, old_bytes: u64, align: u32, bytes: u64) -> Result<usize> {
        self.cx
            .reallocate(Content::String, old, old_bytes, align, bytes)
    }
}

impl Program {
    /// Moves the parameters of a call between two guests: the window of the
    /// caller is read, that of the callee is written.
    ///
    /// # Errors
    /// What either guest breaks.
    ///
    /// # Panics
    /// When a window is shorter than [`Program::param_slots`].
    pub fn move_params<B: Bridge>(
        &self,
        cx: &mut MoveContext<B>,
        source: &[u64],
        target: &mut [u64],
    ) -> Result<()> {
        if self.flat <= MAX_FLAT_PARAMS {
            let w = Windows {
                source: &source[..self.flat],
                target: &mut target[..self.flat],
            };
            return self.transfer(cx, w, Place::Flat(0), Place::Flat(0));
        }
        let from = self.spilled(cx, source[0])?;
        let layout = self.layout[TO];
        let to = cx.allocate(Content::Values, layout.align, u64::from(layout.size))?;
        target[0] = to as u64;
        self.transfer(cx, Windows { source, target }, from, Place::Memory(to))
    }

    /// Moves the result of a call between two guests: the callee's core results
    /// are read, the caller's window is written. `param_slots` is how many slots
    /// the parameters took in the caller's window: a pointer for the result
    /// stands behind them.
    ///
    /// # Errors
    /// What either guest breaks.
    ///
    /// # Panics
    /// When a window is too short.
    pub fn move_result<B: Bridge>(
        &self,
        cx: &mut MoveContext<B>,
        source: &[u64],
        target: &mut [u64],
        param_slots: usize,
    ) -> Result<()> {
        if self.flat <= MAX_FLAT_RESULTS {
            let w = Windows {
                source: &source[..self.flat],
                target: &mut target[..self.flat],
            };
            return self.transfer(cx, w, Place::Flat(0), Place::Flat(0));
        }
        let from = self.spilled(cx, source[0])?;
        let layout = self.layout[TO];
        let pointer = flat_pointer(cx.to.pointer, target[param_slots]);
        let memory = cx.target_len();
        let size = u64::from(layout.size);
        let to = check_range(Content::Values, pointer, size, layout.align, memory)?;
        self.transfer(cx, Windows { source, target }, from, Place::Memory(to))
    }

    /// Values that the source keeps in memory; whoever asks moves all of them.
    fn spilled<B: Bridge>(&self, cx: &mut MoveContext<B>, slot: u64) -> Result<Place> {
        let [from, to] = self.layout;
        let pointer = flat_pointer(cx.from.pointer, slot);
        let memory = cx.source_len();
        let size = u64::from(from.size);
        let at = check_range(Content::Values, pointer, size, from.align, memory)?;
        cx.charge(u64::from(from.size.max(to.size)))?;
        Ok(Place::Memory(at))
    }

    fn transfer<B: Bridge>(
        &self,
        cx: &mut MoveContext<B>,
        mut w: Windows<'_>,
        from: Place,
        to: Place,
    ) -> Result<()> {
        self.check_pointer(FROM, cx.from.pointer)?;
        self.check_pointer(TO, cx.to.pointer)?;
        self.steps(cx, &mut w, from, to)
    }

    /// Moves the values of the whole program.
    fn steps<B: Bridge>(
        &self,
        cx: &mut MoveContext<B>,
        w: &mut Windows<'_>,
        from: Place,
        to: Place,
    ) -> Result<()> {
        self.run(cx, w, 0..self.ops.len(), from, to)
            .map_err(|fault| self.locate(fault.error, fault.pc))
    }

    /// Moves the values of these ops. The fields of a record are ops of their
    /// own, so only the cases of a variant recurse.
    fn run<B: Bridge>(
        &self,
        cx: &mut MoveContext<B>,
        w: &mut Windows<'_>,
        ops: Range<usize>,
        from: Place,
        to: Place,
    ) -> Result<(), Fault> {
        let mut pc = ops.start;
        while pc < ops.end {
            let op = &self.ops[pc];
            let fault = |error| Fault { error, pc };
            match (op, from, to) {
                (Op::Copy { at, bytes, skip }, Place::Memory(a), Place::Memory(b)) => {
                    let [from, to] = at.map(|at| at as usize);
                    cx.copy(a + from, b + to, *bytes as usize).map_err(fault)?;
                    pc += *skip as usize;
                }
                (
                    Op::Switch {
                        at,
                        bytes,
                        cases,
                        slots,
                        ..
                    },
                    from,
                    to,
                ) => {
                    let case = cx.case(w, from, *at, *bytes, cases.len()).map_err(fault)?;
                    cx.put(w, to, *at, *bytes, case as u64).map_err(fault)?;
                    if let Place::Flat(base) = to {
                        let first = base + at.slot();
                        w.target[first + 1..first + *slots as usize].fill(0);
                    }
                    if let Some(body) = &cases[case] {
                        let body = pc + 1 + body.start as usize..pc + 1 + body.end as usize;
                        self.run(cx, w, body, from, to)?;
                    }
                }
                (op, from, to) => op.step(cx, w, from, to).map_err(fault)?,
            }
            pc += op.width();
        }
        Ok(())
    }
}

impl Op {
    /// Moves the value of one op that is neither a copy nor a switch.
    fn step<B: Bridge>(
        &self,
        cx: &mut MoveContext<B>,
        w: &mut Windows<'_>,
        from: Place,
        to: Place,
    ) -> Result<()> {
        match self {
            Self::Copy { .. } | Self::Switch { .. } | Self::Record { .. } | Self::Tuple { .. } => {
                Ok(())
            }
            Self::Scalar { at, scalar } => {
                let bits = scalar.pass(cx.get(w, from, *at, scalar.size())?)?;
                cx.put(w, to, *at, scalar.size(), bits)
            }
            Self::String { at } => {
                let (pointer, length) = cx.get_pair(w, from, *at)?;
                let moved = cx.string(pointer, length)?;
                cx.put_pair(w, to, *at, moved)
            }
            Self::List { at, elem } | Self::Map { at, entry: elem } => {
                let (pointer, count) = cx.get_pair(w, from, *at)?;
                let moved = cx.list(elem, pointer, count)?;
                cx.put_pair(w, to, *at, moved)
            }
            Self::FixedLengthList { at, elem, count } => match (from, to) {
                (Place::Memory(from), Place::Memory(to)) => {
                    let (from, to) = (from + at.byte(FROM), to + at.byte(TO));
                    cx.elements(elem, from, to, *count as usize)
                }
                (from, to) => {
                    for i in 0..*count {
                        let at = elem.element_at(*at, i);
                        elem.steps(cx, w, from.inner(at, FROM), to.inner(at, TO))
                            .map_err(|error| error.within_index(i as usize))?;
                    }
                    Ok(())
                }
            },
            Self::Flags { at, bytes, mask } => {
                let bits = cx.get(w, from, *at, *bytes)? & u64::from(*mask);
                cx.put(w, to, *at, *bytes, bits)
            }
            Self::Enum { at, bytes, cases } => {
                let case = cx.case(w, from, *at, *bytes, *cases as usize)?;
                cx.put(w, to, *at, *bytes, case as u64)
            }
            Self::Own { at, resource } => {
                let index = cx.get(w, from, *at, 4)? as u32;
                let index = cx.bridge.move_own(*resource, index)?;
                cx.put(w, to, *at, 4, u64::from(index))
            }
            Self::Borrow { at, resource } => {
                let index = cx.get(w, from, *at, 4)? as u32;
                let index = cx.bridge.move_borrow(*resource, index)?;
                cx.put(w, to, *at, 4, u64::from(index))
            }
            Self::Outlined { at, program } => {
                program.steps(cx, w, from.inner(*at, FROM), to.inner(*at, TO))
            }
        }
    }
}

/// An error, and the op that met it.
pub(super) struct Fault {
    pub(super) error: Error,
    pub(super) pc: usize,
}

impl Place {
    /// The place of an outlined value.
    fn inner(self, at: At, side: usize) -> Self {
        match self {
            Self::Memory(base) => Self::Memory(base + at.byte(side)),
            Self::Flat(base) => Self::Flat(base + at.slot()),
        }
    }
}

#[inline]
fn at_range(memory: &[u8], at: usize, bytes: usize) -> Result<&[u8]> {
    let size = memory.len();
    at.checked_add(bytes)
        .and_then(|end| memory.get(at..end))
        .ok_or_else(|| beyond(at, bytes, size))
}

#[inline]
fn at_range_mut(memory: &mut [u8], at: usize, bytes: usize) -> Result<&mut [u8]> {
    let size = memory.len();
    at.checked_add(bytes)
        .and_then(|end| memory.get_mut(at..end))
        .ok_or_else(|| beyond(at, bytes, size))
}

/// A range that was checked before is gone: the memory shrank.
#[cold]
fn beyond(at: usize, bytes: usize, memory: usize) -> Error {
    Trap::OutOfBounds {
        content: Content::Values,
        pointer: at as u64,
        length_bytes: bytes as u64,
        memory_bytes: memory as u64,
    }
    .into()
}
