//! Source lines in backtraces, from guests that a compiler made, and from
//! debug information that wants to do harm.
//!
//! `dwarf/deep4.wasm` and `dwarf/deep5.wasm` are `dwarf/deep.c`, compiled with
//! `zig cc -target wasm32-freestanding -gdwarf-4 -O1 -nostdlib -Wl,--no-entry
//! -fno-sanitize=all -fdebug-compilation-dir=.` (and `-gdwarf-5`).
#![cfg(feature = "dwarf")]
#![expect(clippy::unwrap_used, reason = "a test stops where a step fails")]

use std::time::{Duration, Instant};

use linkspan_engine::{Backtrace, Engine, Instance, Module, SourceLocation, Store, Val};

const DEEP: [&[u8]; 2] = [
    include_bytes!("dwarf/deep4.wasm"),
    include_bytes!("dwarf/deep5.wasm"),
];

/// The backtrace of `run` in a module that traps in it.
fn backtrace(binary: &[u8]) -> Backtrace {
    let engine = Engine::default();
    let module = Module::from_binary(&engine, binary).unwrap();
    let mut store = Store::<()>::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let run = instance.get_func(&store, "run").unwrap();
    let error = run
        .call(&mut store, &[Val::I32(5)], &mut [Val::I32(0)])
        .unwrap_err();
    error.backtrace().unwrap().clone()
}

fn places(locations: &[SourceLocation]) -> Vec<(&str, u32)> {
    let place = |location: &SourceLocation| {
        assert_eq!(location.file.as_deref(), Some("deep.c"));
        assert!(location.column.is_some(), "{location:?}");
        location.line.unwrap()
    };
    locations
        .iter()
        .map(|location| (location.function.as_deref().unwrap(), place(location)))
        .collect()
}

#[test]
fn frames_know_their_lines() {
    for binary in DEEP {
        let trace = backtrace(binary);
        let [fail, run] = trace.frames() else {
            panic!("{trace}");
        };
        assert_eq!(places(&fail.source()), [("fail", 5)]);
        // The call is in a function that was inlined into another.
        assert_eq!(places(&run.source()), [("helper", 10), ("run", 16)]);
        let text = trace.to_string();
        for expected in [
            "!fail @ 0x",
            "\n        at deep.c:5:9\n",
            "\n        at deep.c:10:12 (helper, inlined)\n        at deep.c:16:16",
        ] {
            assert!(text.contains(expected), "{expected:?} in {text}");
        }
    }
}

#[test]
fn modules_without_debug_information_have_no_lines() {
    let binary =
        wat::parse_str(r#"(module (func (export "run") (param i32) (result i32) unreachable))"#)
            .unwrap();
    let trace = backtrace(&binary);
    assert_eq!(trace.frames()[0].source(), []);
    assert_eq!(trace.to_string().lines().count(), 2);
}

/// Where each custom section called `.debug_*` has its contents.
fn debug_sections(binary: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 8;
    while at < binary.len() {
        let id = binary[at];
        let (size, start) = leb(binary, at + 1);
        if id == 0 {
            let (name, name_start) = leb(binary, start);
            if binary[name_start..name_start + name].starts_with(b".debug_") {
                found.push(name_start + name..start + size);
            }
        }
        at = start + size;
    }
    found
}

fn leb(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return (value, at);
        }
    }
}

/// Numbers that differ from test to test but not from run to run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

#[test]
fn damaged_debug_information_answers() {
    let mut lost = 0;
    for (seed, binary) in (1..).zip(DEEP) {
        let sections = debug_sections(binary);
        assert!(sections.len() >= 4);
        let whole = backtrace(binary).to_string();
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        for _ in 0..3000 {
            let mut damaged = binary.to_vec();
            for _ in 0..=random.below(4) {
                let section = sections[random.below(sections.len())].clone();
                let at = section.start + random.below(section.len());
                damaged[at] = match random.below(3) {
                    0 => 0xff,
                    1 => damaged[at] ^ (1 << random.below(8)),
                    _ => u8::try_from(random.below(256)).unwrap(),
                };
            }
            lost += usize::from(backtrace(&damaged).to_string() != whole);
        }
    }
    assert!(lost > 500, "{lost}");
}

/// A module that traps, with the given debug information.
fn with_sections(sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut binary =
        wat::parse_str(r#"(module (func (export "run") (param i32) (result i32) unreachable))"#)
            .unwrap();
    for (name, contents) in sections {
        binary.push(0);
        push_leb(&mut binary, 1 + name.len() + contents.len());
        push_leb(&mut binary, name.len());
        binary.extend(name.as_bytes());
        binary.extend(contents);
    }
    binary
}

fn push_leb(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Abbreviations: 1 is a unit with lines, 2 a function and 3 an inlined one,
/// all with children and code from 1 to 0x100.
const ABBREVIATIONS: &[u8] = &[
    1, 0x11, 1, 0x10, 0x17, 0, 0, // unit: stmt_list sec_offset
    2, 0x2e, 1, 0x11, 0x01, 0x12, 0x06, 0, 0, // function: low_pc addr, high_pc data4
    3, 0x1d, 1, 0x11, 0x01, 0x12, 0x06, 0, 0, // inlined_subroutine
    0,
];

const CODE: [u8; 8] = [1, 0, 0, 0, 0xff, 0, 0, 0];

/// A unit of DWARF 4 with these entries.
fn unit(entries: &[u8]) -> Vec<u8> {
    let mut unit = Vec::new();
    unit.extend(u32::try_from(entries.len() + 7).unwrap().to_le_bytes());
    unit.extend(4_u16.to_le_bytes());
    unit.extend(0_u32.to_le_bytes());
    unit.push(4);
    unit.extend(entries);
    unit
}

/// A line program without files whose body is `program`.
fn lines(program: &[u8]) -> Vec<u8> {
    // Minimum length 1, one operation, statements, line base 0, range 1,
    // opcode base 10 and the lengths of the standard opcodes; no directories
    // and one file.
    let header = b"\x01\x01\x01\x00\x01\x0a\0\x01\x01\x01\x01\0\0\0\x01\0f\0\0\0\0\0";
    let mut out = Vec::new();
    let length = 2 + 4 + header.len() + program.len();
    out.extend(u32::try_from(length).unwrap().to_le_bytes());
    out.extend(4_u16.to_le_bytes());
    out.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
    out.extend(header);
    out.extend(program);
    out
}

/// How long the whole backtrace takes, in a multiple of what the sections
/// should.
fn resolve(sections: &[(&str, Vec<u8>)]) -> (Vec<SourceLocation>, Duration) {
    let trace = backtrace(&with_sections(sections));
    let start = Instant::now();
    (trace.frames()[0].source(), start.elapsed())
}

#[test]
fn hand_made_units_are_read() {
    let mut entries = vec![1, 0, 0, 0, 0];
    entries.push(2);
    entries.extend(CODE);
    entries.extend([0, 0]);
    // Address 1, line 42, a row, address 0x100, end.
    let program = [0, 5, 2, 1, 0, 0, 0, 3, 41, 1, 2, 0xff, 0x01, 0, 1, 1];
    let (found, _) = resolve(&[
        (".debug_abbrev", ABBREVIATIONS.to_vec()),
        (".debug_info", unit(&entries)),
        (".debug_line", lines(&program)),
    ]);
    let [location] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(
        (location.file.as_deref(), location.line),
        (Some("f"), Some(42))
    );
}

#[test]
fn deep_nesting_is_cut() {
    let mut entries = vec![1, 0, 0, 0, 0];
    entries.push(2);
    entries.extend(CODE);
    for _ in 0..1_000_000 {
        entries.push(3);
        entries.extend(CODE);
    }
    let (found, time) = resolve(&[
        (".debug_abbrev", ABBREVIATIONS.to_vec()),
        (".debug_info", unit(&entries)),
        (".debug_line", lines(&[])),
    ]);
    assert_eq!(found.len(), 32);
    assert!(time < Duration::from_secs(10), "{time:?}");
}

/// Units that all have the same long line program, or the same long list of
/// abbreviations: the work does not grow with their product.
#[test]
fn sharing_does_not_multiply_the_work() {
    let mut entries = vec![1, 0, 0, 0, 0, 2];
    entries.extend(CODE);
    entries.extend([0, 0]);
    let units: Vec<u8> = (0..20_000).flat_map(|_| unit(&entries)).collect();
    // Special opcodes, each of which makes a row.
    let mut program = vec![0, 5, 2, 1, 0, 0, 0];
    program.extend(vec![10_u8; 500_000]);
    let mut abbreviations = ABBREVIATIONS[..ABBREVIATIONS.len() - 1].to_vec();
    for code in 4..50_000 {
        push_leb(&mut abbreviations, code);
        abbreviations.extend([0x34, 0, 0, 0]);
    }
    abbreviations.push(0);
    let (_, time) = resolve(&[
        (".debug_abbrev", abbreviations),
        (".debug_info", units),
        (".debug_line", lines(&program)),
    ]);
    assert!(time < Duration::from_secs(10), "{time:?}");
}

/// A list of abbreviations, and a header of lines, that are too long.
#[test]
fn long_tables_are_refused() {
    let mut entries = vec![1, 0, 0, 0, 0, 2];
    entries.extend(CODE);
    entries.extend([0, 0]);
    let mut abbreviations = ABBREVIATIONS[..ABBREVIATIONS.len() - 1].to_vec();
    for code in 4..400_000 {
        push_leb(&mut abbreviations, code);
        abbreviations.extend([0x34, 0, 0, 0]);
    }
    let (found, _) = resolve(&[
        (".debug_abbrev", abbreviations),
        (".debug_info", unit(&entries)),
        (".debug_line", lines(&[])),
    ]);
    assert_eq!(found, []);
}

/// Units whose lists of abbreviations start a few bytes apart and end together:
/// all of them would take the square of the section. What comes before the first
/// that shares bytes is read.
#[test]
fn overlapping_tables_are_refused() {
    let mut entries = vec![1, 0, 0, 0, 0, 2];
    entries.extend(CODE);
    entries.extend([0, 0]);
    let mut units = unit(&entries);
    let mut abbreviations = ABBREVIATIONS[..ABBREVIATIONS.len() - 1].to_vec();
    for code in 4..100_000 {
        let mut entries = Vec::new();
        push_leb(&mut entries, code);
        let mut unit = unit(&entries);
        let at = u32::try_from(abbreviations.len()).unwrap();
        unit[6..10].copy_from_slice(&at.to_le_bytes());
        units.extend(unit);
        push_leb(&mut abbreviations, code);
        abbreviations.extend([0x34, 0, 0, 0]);
    }
    abbreviations.push(0);
    let (found, time) = resolve(&[
        (".debug_abbrev", abbreviations),
        (".debug_info", units),
        (".debug_line", lines(&[])),
    ]);
    assert_eq!(found.len(), 1);
    assert!(time < Duration::from_secs(10), "{time:?}");
}
