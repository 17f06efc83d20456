//! From a function that was found to source locations: names, files, and the
//! functions that were inlined where the address is.

use gimli::UnitOffset;

use super::index::{Code, Found, Tables, open};
use super::{Budget, Dwarf, Reader, Unit, Value};
use crate::runtime::SourceLocation;

/// The most locations of one address.
const LOCATIONS_MAX: usize = 32;

/// The longest name or path that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// How many entries may refer to each other before one has a name.
const ORIGINS_MAX: usize = 8;

/// A function, or one that was inlined.
#[derive(Default)]
struct Scope {
    name: Option<String>,
    /// File, line and column of the call, if it was inlined.
    call: (Option<u64>, u32, u32),
}

/// The locations of an address, innermost first.
pub(super) fn locations(
    dwarf: &Dwarf<'_>,
    found: &Found,
    address: u32,
    budget: &mut Budget,
) -> Vec<SourceLocation> {
    let Some(unit) = open(dwarf, found.unit, &mut Tables::new(dwarf), budget) else {
        return Vec::new();
    };
    let mut scopes = Vec::new();
    // What was read before an error is kept.
    let _ = read_scopes(dwarf, &unit, found.entry, address, budget, &mut scopes);
    let mut place = found
        .row
        .map(|row| (u64::from(row.file), row.line, row.column));
    let mut locations = Vec::new();
    for scope in scopes.into_iter().rev() {
        let (file, line, column) = place.unwrap_or((u64::MAX, 0, 0));
        locations.push(SourceLocation {
            function: scope.name,
            file: file_name(dwarf, &unit, file),
            line: (line != 0).then_some(line),
            column: (line != 0 && column != 0).then_some(column),
        });
        let (file, line, column) = scope.call;
        place = Some((file.unwrap_or(u64::MAX), line, column));
    }
    locations
}

/// Reads the function, and which of the functions inlined in it the address
/// is in, from the outside in.
fn read_scopes<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    entry: usize,
    address: u32,
    budget: &mut Budget,
    scopes: &mut Vec<Scope>,
) -> Option<()> {
    let mut entries = unit.entries_raw(Some(UnitOffset(entry))).ok()?;
    // The depth of the innermost scope so far.
    let mut depth = entries.next_depth();
    let outermost = depth;
    while !entries.is_empty() && scopes.len() < LOCATIONS_MAX {
        let (start, next) = (entries.next_offset(), entries.next_depth());
        if !scopes.is_empty() && next <= outermost {
            break;
        }
        let Some(abbreviation) = entries.read_abbreviation().ok()? else {
            budget.pay(1)?;
            continue;
        };
        let specs = abbreviation.attributes();
        let is_scope = scopes.is_empty()
            || next > depth && abbreviation.tag() == gimli::DW_TAG_inlined_subroutine;
        if is_scope {
            let (mut code, mut scope, mut origin) = (Code::default(), Scope::default(), None);
            for spec in specs {
                let attribute = entries.read_attribute(*spec).ok()?;
                let (name, value) = (attribute.name(), attribute.value());
                code.note(dwarf, unit, name, value);
                scope.note(dwarf, unit, name, value, &mut origin);
            }
            let mut is_here = scopes.is_empty();
            code.each_range(dwarf, unit, budget, |range| {
                is_here |= range.contains(&address);
            })?;
            if is_here {
                if scope.name.is_none() {
                    scope.name = origin.and_then(|origin| name_of(dwarf, unit, origin, budget));
                }
                scopes.push(scope);
                depth = next;
            }
        } else {
            entries.skip_attributes(specs).ok()?;
        }
        let bytes = entries.next_offset().0.saturating_sub(start.0);
        budget.pay(bytes.saturating_add(specs.len()))?;
    }
    Some(())
}

impl Scope {
    /// Takes an attribute that is about a name or a call.
    fn note<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        name: gimli::DwAt,
        value: Value<'a>,
        origin: &mut Option<Value<'a>>,
    ) {
        let small = || {
            value
                .udata_value()
                .and_then(|value| u32::try_from(value).ok())
        };
        match name {
            gimli::DW_AT_name => self.name = text(dwarf, unit, value),
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => *origin = Some(value),
            gimli::DW_AT_call_line => self.call.1 = small().unwrap_or(0),
            gimli::DW_AT_call_column => self.call.2 = small().unwrap_or(0),
            gimli::DW_AT_call_file => {
                // Zero means no file before version 5.
                if let Value::FileIndex(file) = value
                    && (file > 0 || unit.header.version() >= 5)
                {
                    self.call.0 = Some(file);
                }
            }
            _ => {}
        }
    }
}

/// The name of the entry that another one refers to.
fn name_of<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    origin: Value<'a>,
    budget: &mut Budget,
) -> Option<String> {
    let mut origin = origin;
    let mut other: Option<Unit<'a>> = None;
    for _ in 0..ORIGINS_MAX {
        let entry = match origin {
            Value::UnitRef(entry) => entry,
            Value::DebugInfoRef(at) => {
                let here = other.as_ref().unwrap_or(unit);
                match at.to_unit_offset(&here.header) {
                    Some(entry) => entry,
                    None => {
                        let found = unit_at(dwarf, at, budget)?;
                        let entry = at.to_unit_offset(&found.header)?;
                        other = Some(found);
                        entry
                    }
                }
            }
            _ => return None,
        };
        let here = other.as_ref().unwrap_or(unit);
        let mut entries = here.entries_raw(Some(entry)).ok()?;
        let specs = entries.read_abbreviation().ok()??.attributes();
        budget.pay(specs.len())?;
        let mut next = None;
        for spec in specs {
            let attribute = entries.read_attribute(*spec).ok()?;
            match attribute.name() {
                gimli::DW_AT_name => return text(dwarf, here, attribute.value()),
                gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => {
                    next = Some(attribute.value());
                }
                _ => {}
            }
        }
        origin = next?;
    }
    None
}

/// The unit that a position of `.debug_info` is in.
fn unit_at<'a>(
    dwarf: &Dwarf<'a>,
    at: gimli::DebugInfoOffset,
    budget: &mut Budget,
) -> Option<Unit<'a>> {
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        budget.pay(16)?;
        if at.to_unit_offset(&header).is_some() {
            let start = header.debug_info_offset()?.0;
            return open(dwarf, start, &mut Tables::new(dwarf), budget);
        }
    }
    None
}

/// The path of a file of a unit.
fn file_name(dwarf: &Dwarf<'_>, unit: &Unit<'_>, file: u64) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(file)?;
    let name = text(dwarf, unit, file.path_name())?;
    if name.starts_with('/') {
        return Some(name);
    }
    let directory = file.directory(header);
    let directory = directory.and_then(|directory| text(dwarf, unit, directory));
    Some(match directory {
        // Directory 0 is where the compiler ran: it says nothing here.
        Some(directory) if file.directory_index() != 0 => format!("{directory}/{name}"),
        Some(_) | None => name,
    })
}

fn text<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>, value: Value<'a>) -> Option<String> {
    let text: Reader<'a> = dwarf.attr_string(unit, value).ok()?;
    let text = text.slice();
    let kept = &text[..text.len().min(TEXT_BYTES_MAX)];
    let text = String::from_utf8_lossy(kept);
    // It is printed where control characters could pretend to be something
    // else.
    let clean = text.chars().filter(|c| !c.is_control());
    Some(clean.collect())
}
