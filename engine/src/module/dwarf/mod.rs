//! Source lines of code: the custom sections `.debug_*`, which compilers for
//! WebAssembly fill with DWARF. They are read when somebody asks, never
//! before.
//!
//! What is in them is not validated and can be hostile. Whatever it is, there
//! is no answer instead of a panic; nothing here recurses; and the work is a
//! small multiple of the size of the sections, however often their parts name
//! each other and however often somebody asks: each step is paid for out of a
//! [`Budget`] that lives as long as the module.
//!
//! Addresses count from the start of the code section's contents, as the
//! tool conventions demand.

mod index;
mod inlined;

use gimli::{EndianSlice, LittleEndian, SectionId};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Bytes;
use crate::runtime::SourceLocation;
use index::Index;

/// A part of a section.
type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// All sections of a module.
type Dwarf<'a> = gimli::Dwarf<Reader<'a>>;

/// A unit of compilation.
type Unit<'a> = gimli::Unit<Reader<'a>>;

/// A value of an attribute.
type Value<'a> = gimli::AttributeValue<Reader<'a>>;

/// The sections that are read.
const SECTIONS: [SectionId; 9] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// Steps for each byte of the sections: what compilers write takes about
/// four.
const STEPS_PER_BYTE: u64 = 16;

/// The longest header of a line program, and the longest list of
/// abbreviations, that is read: both become much larger in memory.
const TABLE_BYTES_MAX: usize = 1 << 20;

/// Work that may still be done.
struct Budget(u64);

impl Budget {
    /// Pays for so many steps; `None`, now and from now on, if there are not so
    /// many left.
    fn pay(&mut self, steps: usize) -> Option<()> {
        let left = self.0.checked_sub(steps as u64);
        self.0 = left.unwrap_or(0);
        left.map(drop)
    }
}

/// Where a module's debug information is, and what was found in it.
#[derive(Default)]
pub(crate) struct DebugInfo {
    /// In the order of [`SECTIONS`], empty if there is none.
    sections: [Bytes; SECTIONS.len()],
    code_start: u32,
    index: OnceLock<Mutex<Index>>,
}

impl DebugInfo {
    /// Notes a custom section; the first of a name counts.
    pub(crate) fn note_section(&mut self, name: &str, contents: Bytes) {
        if let Some(at) = SECTIONS.iter().position(|id| id.name() == name)
            && self.sections[at].is_empty()
        {
            self.sections[at] = contents;
        }
    }

    /// Notes where the contents of the code section start.
    pub(crate) fn note_code(&mut self, start: u32) {
        self.code_start = start;
    }

    /// The source of the instruction at an offset of the binary: the innermost
    /// inlined function first, the function itself last. Empty if nothing is
    /// known.
    pub(crate) fn source(&self, binary: &[u8], offset: u64) -> Vec<SourceLocation> {
        let address = offset
            .checked_sub(u64::from(self.code_start))
            .and_then(|address| u32::try_from(address).ok());
        let (Some(address), false) = (
            address,
            self.section(binary, SectionId::DebugInfo).is_empty(),
        ) else {
            return Vec::new();
        };
        let dwarf = self.dwarf(binary);
        let size: u64 = self.sections.iter().map(|range| range.len() as u64).sum();
        let budget = || Budget(size.saturating_mul(STEPS_PER_BYTE));
        let index = self
            .index
            .get_or_init(|| Mutex::new(Index::new(&dwarf, budget(), budget())));
        let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
        index.locations(&dwarf, address)
    }

    fn section<'a>(&self, binary: &'a [u8], id: SectionId) -> &'a [u8] {
        let range = SECTIONS
            .iter()
            .position(|known| *known == id)
            .map(|at| &self.sections[at]);
        range
            .and_then(|range| binary.get(range.start as usize..range.end as usize))
            .unwrap_or_default()
    }

    fn dwarf<'a>(&self, binary: &'a [u8]) -> Dwarf<'a> {
        let load = |id| {
            let section = EndianSlice::new(self.section(binary, id), LittleEndian);
            Ok::<_, core::convert::Infallible>(section)
        };
        match Dwarf::load(load) {
            Ok(dwarf) => dwarf,
            Err(never) => match never {},
        }
    }
}
