//! Which functions and lines there are, by address: made once for a module,
//! the lines of a unit when one of its functions is first asked for.

use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

use gimli::{Abbreviations, DebugInfoOffset, Reader as _, Section as _, UnitOffset};

use super::{Budget, Dwarf, Reader, TABLE_BYTES_MAX, Unit, Value, inlined};
use crate::runtime::SourceLocation;

/// What is known of a module.
pub(super) struct Index {
    budget: Budget,
    /// For the locations of addresses, which are looked up one by one.
    lookups: Budget,
    /// Locations that were looked up: traps come back to the same addresses.
    answers: BTreeMap<u32, Vec<SourceLocation>>,
    /// Where units start in `.debug_info`.
    units: Vec<usize>,
    /// Functions by their first address.
    functions: Vec<Function>,
    /// Lines of the units that were asked for.
    lines: BTreeMap<u32, Lines>,
}

/// The code of a function, or a part of it.
#[derive(Clone, Copy)]
struct Function {
    begin: u32,
    end: u32,
    /// Position in [`Index::units`].
    unit: u32,
    /// Where its entry is in the unit.
    entry: u32,
}

/// The lines of a unit by address.
type Lines = Arc<[Row]>;

/// From this address to that of the next row the code is that of a line; zero
/// stands for the end of a run of addresses.
#[derive(Clone, Copy)]
pub(super) struct Row {
    address: u32,
    pub(super) file: u32,
    /// Zero if it is not known.
    pub(super) line: u32,
    /// Zero if it is not known.
    pub(super) column: u32,
}

/// A function that was found.
pub(super) struct Found {
    /// Where the unit starts in `.debug_info`.
    pub(super) unit: usize,
    /// Where the function's entry is in it.
    pub(super) entry: usize,
    /// The line of the address.
    pub(super) row: Option<Row>,
}

/// How many answers are kept.
const ANSWERS_MAX: usize = 256;

/// How far back a function is looked for whose code others lie in.
const OVERLAPS_MAX: usize = 32;

impl Index {
    /// Reads all entries, until the budget is used up; what is left of it is for
    /// lines.
    pub(super) fn new(dwarf: &Dwarf<'_>, budget: Budget, lookups: Budget) -> Index {
        let mut index = Index {
            budget,
            lookups,
            answers: BTreeMap::new(),
            units: Vec::new(),
            functions: Vec::new(),
            lines: BTreeMap::new(),
        };
        let mut tables = Tables::new(dwarf);
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let Some(start) = header.debug_info_offset() else {
                break;
            };
            if index.budget.pay(16).is_none() {
                break;
            }
            let at = index.units.len() as u32;
            index.units.push(start.0);
            // What cannot be read in one unit says nothing about the next.
            if let Some(unit) = open(dwarf, start.0, &mut tables, &mut index.budget) {
                index.read_functions(dwarf, &unit, at);
            }
            if tables.overlap {
                break;
            }
        }
        index.functions.sort_by_key(|f| (f.begin, f.end));
        index
    }

    fn read_functions(&mut self, dwarf: &Dwarf<'_>, unit: &Unit<'_>, at: u32) -> Option<()> {
        let mut entries = unit.entries_raw(None).ok()?;
        while !entries.is_empty() {
            let start = entries.next_offset();
            let Some(abbreviation) = entries.read_abbreviation().ok()? else {
                self.budget.pay(1)?;
                continue;
            };
            let specs = abbreviation.attributes();
            if abbreviation.tag() != gimli::DW_TAG_subprogram {
                entries.skip_attributes(specs).ok()?;
                self.budget
                    .pay(spent(start, entries.next_offset(), specs.len()))?;
                continue;
            }
            let mut code = Code::default();
            for spec in specs {
                let attribute = entries.read_attribute(*spec).ok()?;
                code.note(dwarf, unit, attribute.name(), attribute.value());
            }
            self.budget
                .pay(spent(start, entries.next_offset(), specs.len()))?;
            let functions = &mut self.functions;
            code.each_range(dwarf, unit, &mut self.budget, |range| {
                functions.push(Function {
                    begin: range.start,
                    end: range.end,
                    unit: at,
                    entry: u32::try_from(start.0).unwrap_or(u32::MAX),
                });
            })?;
        }
        Some(())
    }

    /// The locations of an address, innermost first.
    pub(super) fn locations(&mut self, dwarf: &Dwarf<'_>, address: u32) -> Vec<SourceLocation> {
        if let Some(known) = self.answers.get(&address) {
            return known.clone();
        }
        let locations = match self.find(dwarf, address) {
            Some(found) => inlined::locations(dwarf, &found, address, &mut self.lookups),
            None => Vec::new(),
        };
        if self.answers.len() >= ANSWERS_MAX {
            self.answers.clear();
        }
        self.answers.insert(address, locations.clone());
        locations
    }

    /// The function whose code an address is in.
    fn find(&mut self, dwarf: &Dwarf<'_>, address: u32) -> Option<Found> {
        let behind = self.functions.partition_point(|f| f.begin <= address);
        let candidates = self.functions[..behind].iter().rev().take(OVERLAPS_MAX);
        let function = *candidates.into_iter().find(|f| address < f.end)?;
        let unit = *self.units.get(function.unit as usize)?;
        let lines = match self.lines.get(&function.unit) {
            Some(lines) => Arc::clone(lines),
            None => {
                let lines = self.read_lines(dwarf, unit).unwrap_or_default();
                self.lines.insert(function.unit, Arc::clone(&lines));
                lines
            }
        };
        let behind = lines.partition_point(|row| row.address <= address);
        let row = behind.checked_sub(1).map(|at| lines[at]);
        Some(Found {
            unit,
            entry: function.entry as usize,
            row: row.filter(|row| row.line != 0),
        })
    }

    fn read_lines(&mut self, dwarf: &Dwarf<'_>, unit: usize) -> Option<Lines> {
        let unit = open(dwarf, unit, &mut Tables::new(dwarf), &mut self.budget)?;
        let program = unit.line_program.clone()?;
        self.budget.pay(program.header().raw_program_buf().len())?;
        let mut rows = Vec::new();
        // Where the run of addresses at hand starts in `rows`.
        let mut run = 0;
        let mut program = program.rows();
        while let Ok(Some((_, row))) = program.next_row() {
            // A row takes more memory than its bytes.
            self.budget.pay(8)?;
            let Ok(address) = u32::try_from(row.address()) else {
                continue;
            };
            let small = |value: u64| u32::try_from(value).unwrap_or(0);
            rows.push(match row.end_sequence() {
                true => Row {
                    address,
                    file: 0,
                    line: 0,
                    column: 0,
                },
                false => Row {
                    address,
                    file: small(row.file_index()),
                    line: row.line().map_or(0, |line| small(line.get())),
                    column: match row.column() {
                        gimli::ColumnType::LeftEdge => 0,
                        gimli::ColumnType::Column(column) => small(column.get()),
                    },
                },
            });
            if row.end_sequence() {
                // Linkers leave functions at address zero that they removed:
                // no function is there, since their number comes first.
                if rows.get(run).is_some_and(|first: &Row| first.address == 0) {
                    rows.truncate(run);
                }
                run = rows.len();
            }
        }
        // A run's end gives way to what starts there.
        rows.sort_by_key(|row| (row.address, row.line != 0));
        Some(rows.into())
    }
}

/// What reading an entry cost: attributes can take no bytes.
fn spent(from: UnitOffset, to: UnitOffset, attributes: usize) -> usize {
    to.0.saturating_sub(from.0).saturating_add(attributes)
}

/// The lists of abbreviations that were read, by where they start in
/// `.debug_abbrev`.
pub(super) struct Tables {
    lists: BTreeMap<usize, Arc<Abbreviations>>,
    /// Bytes of the section that no list has taken. A list is many times larger
    /// in memory, so they may not share bytes; no compiler makes such.
    bytes_left: usize,
    /// Set when lists turn out to share bytes.
    overlap: bool,
}

impl Tables {
    pub(super) fn new(dwarf: &Dwarf<'_>) -> Tables {
        Tables {
            lists: BTreeMap::new(),
            bytes_left: dwarf.debug_abbrev.reader().len(),
            overlap: false,
        }
    }

    /// The list of a unit.
    fn list<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        header: &gimli::UnitHeader<Reader<'a>>,
        budget: &mut Budget,
    ) -> Option<Arc<Abbreviations>> {
        let offset = header.debug_abbrev_offset();
        if let Some(list) = self.lists.get(&offset.0) {
            return Some(Arc::clone(list));
        }
        let mut section = *dwarf.debug_abbrev.reader();
        section.skip(offset.0).ok()?;
        let start = section.len();
        let skipped = skip_abbreviations(&mut section);
        let bytes = start - section.len();
        // What cannot be read was looked at all the same.
        budget.pay(bytes)?;
        skipped.filter(|()| bytes <= TABLE_BYTES_MAX)?;
        let Some(bytes_left) = self.bytes_left.checked_sub(bytes) else {
            self.overlap = true;
            return None;
        };
        self.bytes_left = bytes_left;
        let list = Arc::new(header.abbreviations(&dwarf.debug_abbrev).ok()?);
        self.lists.insert(offset.0, Arc::clone(&list));
        Some(list)
    }
}

/// A unit with everything that is needed to read its entries and lines.
pub(super) fn open<'a>(
    dwarf: &Dwarf<'a>,
    start: usize,
    tables: &mut Tables,
    budget: &mut Budget,
) -> Option<Unit<'a>> {
    let header = dwarf.unit_header(DebugInfoOffset(start)).ok()?;
    let table = tables.list(dwarf, &header, budget)?;
    // The unit reads the header of its lines: that is paid for first.
    let mut root = header.entries_raw(&table, None).ok()?;
    let specs = root.read_abbreviation().ok()??.attributes();
    budget.pay(specs.len())?;
    for spec in specs {
        let attribute = root.read_attribute(*spec).ok()?;
        if let (gimli::DW_AT_stmt_list, Value::DebugLineRef(offset)) =
            (attribute.name(), attribute.value())
        {
            let bytes = line_header_len(*dwarf.debug_line.reader(), offset.0)?;
            budget.pay(Some(bytes).filter(|bytes| *bytes <= TABLE_BYTES_MAX)?)?;
        }
    }
    Unit::new_with_abbreviations(dwarf, header, table).ok()
}

/// Goes behind a list of abbreviations, or a little further into it than
/// [`TABLE_BYTES_MAX`]: one that is refused later need not be read to its end.
fn skip_abbreviations(input: &mut Reader<'_>) -> Option<()> {
    let whole = input.len();
    while input.read_uleb128().ok()? != 0 {
        input.read_uleb128().ok()?;
        input.read_u8().ok()?;
        loop {
            let name = input.read_uleb128().ok()?;
            let form = input.read_uleb128().ok()?;
            if form == u64::from(gimli::DW_FORM_implicit_const.0) {
                input.read_sleb128().ok()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
            if whole - input.len() > TABLE_BYTES_MAX {
                return Some(());
            }
        }
        if whole - input.len() > TABLE_BYTES_MAX {
            return Some(());
        }
    }
    Some(())
}

/// How many bytes the header of a line program takes.
fn line_header_len(mut input: Reader<'_>, offset: usize) -> Option<usize> {
    input.skip(offset).ok()?;
    let (_, format) = input.read_initial_length().ok()?;
    if input.read_u16().ok()? >= 5 {
        input.read_u16().ok()?;
    }
    let bytes = input.read_length(format).ok()?;
    (bytes <= input.len()).then_some(bytes)
}

/// The code of a function or of an inlined one, as its attributes say.
#[derive(Default)]
pub(super) struct Code {
    low: Option<u64>,
    high: Option<u64>,
    size: Option<u64>,
    ranges: Option<gimli::RangeListsOffset>,
}

impl Code {
    /// Takes an attribute that is about code.
    pub(super) fn note<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        name: gimli::DwAt,
        value: Value<'a>,
    ) {
        match (name, value) {
            (gimli::DW_AT_low_pc, value) => {
                self.low = dwarf.attr_address(unit, value).ok().flatten();
            }
            (gimli::DW_AT_high_pc, Value::Udata(size)) => self.size = Some(size),
            (gimli::DW_AT_high_pc, value) => {
                self.high = dwarf.attr_address(unit, value).ok().flatten();
            }
            (gimli::DW_AT_ranges, value) => {
                self.ranges = dwarf.attr_ranges_offset(unit, value).ok().flatten();
            }
            _ => {}
        }
    }

    /// Calls `each` with each range of addresses. `None` if the budget is used
    /// up.
    pub(super) fn each_range<'a>(
        &self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        budget: &mut Budget,
        mut each: impl FnMut(Range<u32>),
    ) -> Option<()> {
        let mut whole = |begin: u64, end: u64| {
            let range = u32::try_from(begin).ok().zip(u32::try_from(end).ok());
            // What starts at zero was removed by the linker.
            if let Some((begin, end)) = range.filter(|(begin, end)| 0 < *begin && begin < end) {
                each(begin..end);
            }
        };
        if let Some(offset) = self.ranges {
            if let Ok(mut ranges) = dwarf.ranges(unit, offset) {
                while let Ok(Some(range)) = ranges.next() {
                    budget.pay(8)?;
                    whole(range.begin, range.end);
                }
            }
        } else if let Some(low) = self.low {
            let end = self.high.or(self.size.map(|size| low.saturating_add(size)));
            whole(low, end.unwrap_or(low));
        }
        Some(())
    }
}
