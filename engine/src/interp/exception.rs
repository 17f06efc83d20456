//! Exceptions in the interpreter: the table of a function's `try_table`s, and
//! the two instructions that throw.
//!
//! No instruction enters a `try_table`. The assembler notes which code lies
//! inside, and only a search for a handler looks there. A region holds the
//! positions behind its start up to its end, like every position that is
//! asked for: calls and throws stand for the code in front of them.
//!
//! Invariants: regions are sorted by their starts, an outer one before those
//! inside; a region lies in its parent.

use crate::error::{Error, ErrorKind, Result};
use crate::module::TagIndex;
use crate::runtime::exception;
use crate::runtime::vmctx::Exit;
use crate::translate::{self, FrameSlot};
use crate::trap::Trap;

use super::dispatch::{Dispatch, Op, Regs};
use super::emit::Label;
use super::shape::stop;

/// Stands for no region, and for no tag.
const NONE: u32 = u32::MAX;

/// A part of a function's code.
#[derive(Clone, Copy, Debug)]
struct Region {
    /// In words of the code.
    start: u32,
    /// See `start`.
    end: u32,
    /// The region around this one.
    parent: u32,
    /// Its clauses: they end where those of the next region start.
    clauses: u32,
    /// Whether exceptions leave the function from here, whatever is around:
    /// a host function runs in place of it.
    leaves: bool,
}

/// A clause of a `try_table`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clause {
    /// The tag's index, or [`NONE`].
    tag: u32,
    /// Label, later position, in words, of the handler.
    target: u32,
    /// First slot of the payload.
    pub(crate) payload: FrameSlot,
    /// Whether a reference to the exception follows its payload.
    pub(crate) with_ref: bool,
}

impl Clause {
    /// The tag of the exceptions that the clause takes; none if it takes all.
    pub(crate) fn tag(&self) -> Option<TagIndex> {
        (self.tag != NONE).then_some(TagIndex(self.tag))
    }

    /// Where the handler is, in words of the function's code.
    pub(super) fn target(&self) -> usize {
        self.target as usize
    }
}

/// The regions of a function while it is written.
#[derive(Default)]
pub(super) struct Builder {
    regions: Vec<Region>,
    clauses: Vec<Clause>,
    /// Positions of starts and ends in the order in which they were passed,
    /// as regions.
    passed: Vec<(u32, Side)>,
    /// For each open `try_table`, the innermost region around the code in it.
    open: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Side {
    Start,
    End,
}

impl Builder {
    /// The innermost open region, or [`NONE`].
    fn covering(&self) -> u32 {
        self.open.last().copied().unwrap_or(NONE)
    }

    fn start(&mut self, at: usize, leaves: bool) {
        let region = count(&self.regions);
        self.regions.push(Region {
            start: word(at),
            end: NONE,
            parent: self.covering(),
            clauses: count(&self.clauses),
            leaves,
        });
        self.passed.push((region, Side::Start));
        self.open.push(region);
    }

    /// A `try_table` starts at a position.
    pub(super) fn enter(&mut self, at: usize, clauses: &[translate::Clause<Label>]) {
        if clauses.is_empty() {
            // It takes nothing, so no search needs to see it.
            self.open.push(self.covering());
            return;
        }
        self.start(at, false);
        self.clauses.extend(clauses.iter().map(|clause| Clause {
            tag: clause.tag.map_or(NONE, |tag| tag.0),
            target: clause.label.number(),
            payload: clause.payload,
            with_ref: clause.with_ref,
        }));
    }

    /// Code starts at a position that may run in place of the function.
    /// Answers whether it must be left again.
    pub(super) fn enter_leaving(&mut self, at: usize) -> bool {
        let is_inside = self.covering() != NONE;
        if is_inside {
            self.start(at, true);
        }
        is_inside
    }

    /// The innermost region ends at a position.
    pub(super) fn leave(&mut self, at: usize) {
        let index = self.open.pop().unwrap_or(NONE);
        if index != NONE && index != self.covering() {
            self.regions[index as usize].end = word(at);
            self.passed.push((index, Side::End));
        }
    }

    /// Code was cut off at `at`: what starts or ends behind it does so there.
    /// The code that was cut off neither calls nor throws.
    pub(super) fn cut(&mut self, at: usize) {
        let at = word(at);
        for (region, side) in self.passed.iter().rev() {
            let region = &mut self.regions[*region as usize];
            let place = match side {
                Side::Start => &mut region.start,
                Side::End => &mut region.end,
            };
            if *place <= at {
                break;
            }
            *place = at;
        }
    }

    /// The finished table, if there is anything in it; `position` answers
    /// where a label is.
    ///
    /// # Errors
    ///
    /// If a label is nowhere, for which no valid module is known.
    pub(super) fn finish(
        mut self,
        position: impl Fn(u32) -> Option<usize>,
    ) -> Result<Option<Box<Handlers>>> {
        if self.clauses.is_empty() {
            return Ok(None);
        }
        for clause in &mut self.clauses {
            let target = position(clause.target).ok_or_else(|| {
                Error::new(
                    ErrorKind::Invalid,
                    "expected a label for each handler, found none",
                )
            })?;
            clause.target = word(target);
        }
        Ok(Some(Box::new(Handlers {
            regions: self.regions.into(),
            clauses: self.clauses.into(),
        })))
    }
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(NONE)
}

/// A position; code has fewer words than 2^32.
fn word(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// The handlers of a function.
#[derive(Debug)]
pub(super) struct Handlers {
    regions: Box<[Region]>,
    clauses: Box<[Clause]>,
}

impl Handlers {
    /// The clauses around a position behind an instruction's start,
    /// innermost first. `None` stands for a step on the way that found no
    /// clause, so that whoever counts sees all the work.
    pub(super) fn around(&self, behind: usize) -> impl Iterator<Item = Option<&Clause>> {
        let behind = word(behind);
        let last = self.regions.partition_point(|r| r.start < behind);
        let innermost = last.checked_sub(1);
        let parent = |region: &usize| {
            let parent = self.regions[*region].parent;
            (parent != NONE).then_some(parent as usize)
        };
        core::iter::successors(innermost, parent)
            .map(move |region| (region, behind <= self.regions[region].end))
            .take_while(|(region, is_inside)| !(*is_inside && self.regions[*region].leaves))
            .flat_map(|(region, is_inside)| {
                let clauses = if is_inside {
                    &self.clauses[self.clauses_of(region)]
                } else {
                    &[]
                };
                core::iter::once(None).chain(clauses.iter().map(Some))
            })
    }

    fn clauses_of(&self, region: usize) -> core::ops::Range<usize> {
        let start = self.regions[region].clauses as usize;
        let end = self.regions.get(region + 1);
        start..end.map_or(self.clauses.len(), |next| next.clauses as usize)
    }
}

/// Throws an exception whose payload stands from `d` on; word 1 is the tag.
pub(super) struct Throw;

impl Op for Throw {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: validation has seen that the tag exists; the payload is
        // there by the encoder.
        unsafe {
            r.save();
            exception::throw(r.cx, r.word(1), r.sp.add(r.d()));
        }
        D::exit(Exit::Throw)
    }
}

/// Throws the exception again to which `d` refers.
pub(super) struct ThrowRef;

impl Op for ThrowRef {
    #[inline(always)]
    unsafe fn run<D: Dispatch>(r: Regs) -> D::Next {
        // SAFETY: validation has seen that the slot holds a reference to an
        // exception.
        unsafe {
            let reference = r.get::<u32>(r.d());
            if reference == 0 {
                return stop::<D>(r, Trap::NullExceptionReference);
            }
            r.save();
            exception::throw_ref(r.cx, reference);
        }
        D::exit(Exit::Throw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(payload: FrameSlot) -> Clause {
        Clause {
            tag: NONE,
            target: 0,
            payload,
            with_ref: false,
        }
    }

    fn payloads(handlers: &Handlers, behind: usize) -> Vec<FrameSlot> {
        handlers
            .around(behind)
            .flatten()
            .map(|c| c.payload)
            .collect()
    }

    /// Two regions in one, of which the second holds a call in place of the
    /// function.
    fn nested() -> Builder {
        let mut builder = Builder::default();
        builder.start(4, false);
        builder.clauses.push(clause(1));
        builder.start(4, false);
        builder.clauses.extend([clause(2), clause(3)]);
        builder.leave(10);
        builder.start(12, false);
        builder.clauses.push(clause(4));
        assert!(builder.enter_leaving(14));
        builder.leave(18);
        builder.leave(20);
        builder.leave(22);
        builder
    }

    #[test]
    fn clauses_are_found_from_the_inside_out() {
        let handlers = nested()
            .finish(|label| Some(label as usize))
            .unwrap()
            .unwrap();
        assert!(payloads(&handlers, 4).is_empty());
        assert_eq!(payloads(&handlers, 5), [2, 3, 1]);
        assert_eq!(payloads(&handlers, 10), [2, 3, 1]);
        assert_eq!(payloads(&handlers, 11), [1]);
        assert_eq!(payloads(&handlers, 14), [4, 1]);
        assert!(payloads(&handlers, 15).is_empty());
        assert_eq!(payloads(&handlers, 19), [4, 1]);
        assert_eq!(payloads(&handlers, 22), [1]);
        assert!(payloads(&handlers, 23).is_empty());
    }

    #[test]
    fn what_takes_nothing_is_no_step_of_a_search() {
        let mut builder = Builder::default();
        builder.start(4, false);
        builder.clauses.push(clause(1));
        for _ in 0..100 {
            builder.enter(4, &[]);
        }
        builder.start(4, false);
        builder.clauses.push(clause(2));
        builder.leave(6);
        for _ in 0..100 {
            builder.leave(8);
        }
        assert!(builder.enter_leaving(9));
        builder.leave(10);
        builder.leave(12);
        assert!(!builder.enter_leaving(12));
        let handlers = builder
            .finish(|label| Some(label as usize))
            .unwrap()
            .unwrap();
        assert_eq!(payloads(&handlers, 5), [2, 1]);
        assert_eq!(handlers.around(5).count(), 4);
        assert_eq!(payloads(&handlers, 8), [1]);
        assert!(payloads(&handlers, 10).is_empty());
        assert_eq!(payloads(&handlers, 12), [1]);
    }

    #[test]
    fn code_that_is_cut_off_takes_starts_and_ends_with_it() {
        let mut builder = Builder::default();
        builder.start(4, false);
        builder.clauses.push(clause(1));
        builder.start(8, false);
        builder.clauses.push(clause(2));
        builder.cut(6);
        builder.leave(9);
        builder.cut(7);
        builder.leave(12);
        let handlers = builder
            .finish(|label| Some(label as usize))
            .unwrap()
            .unwrap();
        assert_eq!(payloads(&handlers, 7), [2, 1]);
        assert_eq!(payloads(&handlers, 8), [1]);
    }
}
