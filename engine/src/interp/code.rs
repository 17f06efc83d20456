//! The code of one function: words, where they came from, and the cell that
//! publishes them. A code is immutable but for the code pointers of its call
//! sites, which are atomic.
//!
//! A position inside the code belongs to the instruction that starts last
//! before it. So return positions and the positions that traps leave need
//! no different treatment: both lie behind the start of their instruction.

use core::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use super::exception::{Clause, Handlers};
use crate::entity::FuncIndex;
use crate::runtime::vmctx::Ip;
use crate::translate::RootMaps;

/// A function's code.
pub(crate) struct Code {
    /// Pairs of words, so that pointers in them are aligned.
    words: Box<[UnsafeCell<u64>]>,
    /// Words that are used.
    count: u32,
    /// Where the function starts.
    entry: u32,
    header_slot: u16,
    /// Starts of instructions that may trap or call, with their offsets in
    /// the binary, both as differences from the last.
    positions: Box<[u8]>,
    /// Places in `positions` from which a search can start.
    marks: Box<[Mark]>,
    roots: RootMaps,
    /// Where exceptions are caught, if they are.
    handlers: Option<Box<Handlers>>,
}

// SAFETY: the words are plain data that nobody writes, except pointers that
// are read and written atomically; they point to code of the same module.
unsafe impl Send for Code {}
// SAFETY: see above.
unsafe impl Sync for Code {}

/// A place in the list of positions: what was read in front of it.
#[derive(Clone, Copy, Default)]
struct Mark {
    at: u32,
    offset: u32,
    byte: u32,
}

/// Positions from one mark to the next: so many are read at most to find one,
/// however long a guest makes its functions and however deep it recurses.
const MARKED: usize = 64;

/// What an encoder hands over.
pub(super) struct Parts<'a> {
    pub(super) words: &'a [u32],
    pub(super) entry: u32,
    pub(super) header_slot: u16,
    /// Instructions and offsets in ascending order.
    pub(super) positions: &'a [(u32, u32)],
    pub(super) roots: &'a RootMaps,
    pub(super) handlers: Option<Box<Handlers>>,
}

impl Code {
    pub(super) fn new(parts: Parts<'_>) -> Code {
        let pair = |pair: &[u32]| {
            let mut bytes = [0; 8];
            for (half, word) in bytes.chunks_exact_mut(4).zip(pair) {
                half.copy_from_slice(&word.to_ne_bytes());
            }
            UnsafeCell::new(u64::from_ne_bytes(bytes))
        };
        let mut positions = Vec::with_capacity(parts.positions.len() * 2);
        let mut marks = Vec::with_capacity(parts.positions.len() / MARKED);
        let mut last = (0, 0);
        for (index, (at, offset)) in parts.positions.iter().enumerate() {
            if index > 0 && index.is_multiple_of(MARKED) {
                marks.push(Mark {
                    at: last.0,
                    offset: last.1,
                    byte: u32::try_from(positions.len()).unwrap_or(u32::MAX),
                });
            }
            push_unsigned(&mut positions, at.wrapping_sub(last.0));
            // The entry's instructions stand last and belong to the start.
            let difference = offset.wrapping_sub(last.1).cast_signed();
            push_unsigned(
                &mut positions,
                ((difference << 1) ^ (difference >> 31)).cast_unsigned(),
            );
            last = (*at, *offset);
        }
        Code {
            words: parts.words.chunks(2).map(pair).collect(),
            count: u32::try_from(parts.words.len()).unwrap_or(u32::MAX),
            entry: parts.entry,
            header_slot: parts.header_slot,
            positions: positions.into_boxed_slice(),
            marks: marks.into_boxed_slice(),
            roots: parts.roots.clone(),
            handlers: parts.handlers,
        }
    }

    fn start(&self) -> Ip {
        self.words.as_ptr().cast()
    }

    /// Where the function starts.
    pub(crate) fn ip(&self) -> Ip {
        self.start().wrapping_add(self.entry as usize)
    }

    /// Whether `ip` lies behind the start of one of the instructions.
    pub(crate) fn contains(&self, ip: Ip) -> bool {
        let start = self.start().addr();
        start < ip.addr() && ip.addr() <= start + self.count as usize * size_of::<u32>()
    }

    /// How many words lie in front of a position inside.
    fn behind(&self, ip: Ip) -> usize {
        (ip.addr() - self.start().addr()) / size_of::<u32>()
    }

    /// The clauses that see exceptions which leave the instruction in front
    /// of a position, innermost first, and `None` for each step between
    /// them; the position must be [inside](Code::contains).
    pub(crate) fn clauses(&self, ip: Ip) -> impl Iterator<Item = Option<&Clause>> {
        let behind = self.behind(ip);
        self.handlers.iter().flat_map(move |h| h.around(behind))
    }

    /// Where the handler of one of the clauses is.
    pub(crate) fn handler(&self, clause: &Clause) -> Ip {
        self.start().wrapping_add(clause.target())
    }

    /// The offset in the binary of the operator that a position behind its
    /// start belongs to; the position must be [inside](Code::contains).
    pub(crate) fn wasm_offset(&self, ip: Ip) -> u32 {
        let behind = self.behind(ip);
        // The positions in front of a mark are smaller than what it says.
        let marks = self.marks.partition_point(|m| (m.at as usize) < behind);
        let mark = marks
            .checked_sub(1)
            .map_or(Mark::default(), |i| self.marks[i]);
        let (mut at, mut offset, mut found) = (mark.at, mark.offset, mark.offset);
        let mut bytes = self
            .positions
            .get(mark.byte as usize..)
            .unwrap_or(&[])
            .iter();
        while let (Some(step), Some(difference)) =
            (read_unsigned(&mut bytes), read_unsigned(&mut bytes))
        {
            at = at.wrapping_add(step);
            let difference = (difference >> 1) ^ (difference & 1).wrapping_neg();
            offset = offset.wrapping_add(difference);
            if at as usize >= behind {
                break;
            }
            found = offset;
        }
        found
    }

    /// Where frames of this function keep their header.
    pub(crate) fn header_slot(&self) -> usize {
        usize::from(self.header_slot)
    }

    /// The references of this function's frames, by offsets in the binary.
    pub(crate) fn roots(&self) -> &RootMaps {
        &self.roots
    }

    /// The words, for tests.
    #[cfg(test)]
    pub(super) fn words(&self) -> Vec<u32> {
        // SAFETY: `count` words are inside the allocation, and no other
        // thread writes them in a test.
        unsafe { core::slice::from_raw_parts(self.start(), self.count as usize) }.to_vec()
    }
}

fn push_unsigned(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_unsigned(bytes: &mut core::slice::Iter<'_, u8>) -> Option<u32> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = *bytes.next()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}

/// A function's code, once it was translated.
#[derive(Default)]
pub(crate) struct CodeCell(OnceLock<Box<Code>>);

impl CodeCell {
    /// The code, if there is any.
    pub(crate) fn get(&self) -> Option<&Code> {
        self.0.get().map(|code| &**code)
    }

    /// Publishes `code` of `func`, unless another thread was faster. Whoever
    /// finds the code finds it in the module's map, too.
    pub(super) fn publish(&self, func: FuncIndex, code: Code, map: &CodeMap) -> &Code {
        self.0.get_or_init(|| {
            map.insert(code.start(), func);
            Box::new(code)
        })
    }
}

/// The functions of a module that have code, by where it starts.
#[derive(Default)]
pub(crate) struct CodeMap(RwLock<BTreeMap<usize, FuncIndex>>);

impl CodeMap {
    fn insert(&self, start: Ip, func: FuncIndex) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        map.insert(start.addr(), func);
    }

    /// The only function whose code may contain a position behind its start.
    pub(crate) fn find(&self, ip: Ip) -> Option<FuncIndex> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        map.range(..ip.addr()).next_back().map(|(_, func)| *func)
    }
}
