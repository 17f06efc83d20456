//! Runs test vectors that the specification's `definitions.py` made.
//!
//! A line is one of
//!
//! ```text
//! layout TYPE 32 64                   size/alignment/flat types (i I f F)
//! lower  MODE TYPE ENC PTR NEXT VALUE (FLAT MEMORY | SIZE trap)
//! lift   MODE TYPE ENC PTR FLAT MEMORY HANDLES (VALUE | trap)
//! move   MODE TYPE ENC PTR FLAT MEMORY HANDLES ENC PTR NEXT (FLAT MEMORY | SIZE trap)
//! ```
//!
//! MODE is `p` for a parameter and `r` for a result (its area is at 8); NEXT is
//! where `realloc` goes on, and what it adds to each answer; MEMORY is its size
//! and its bytes in hexadecimal without the trailing fill byte; a handle is `o` or
//! `b`, its resource type and its representation; a string is `'` and its UTF-8 in
//! hexadecimal, a float its bits, a variant its case and payload.

use std::collections::BTreeSet;
use std::fmt::Debug;

use linkspan::abi::program::{MoveContext, Pair, Program, Programs};
use linkspan::abi::{
    CoreType, Encoding, Guest, Handles, Options, PointerSize, ResourceTypeId, Scratch, Trap,
    TypeTable, Val, ValType,
};

use crate::guest::{FILL, VectorGuest};
use crate::text::{Text, hex};

const RETURN_AREA: u64 = 8;

/// What was run: numbers, so that a generator that degenerates is seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Values that were lowered.
    pub(crate) values: usize,
    /// Lines that end in a trap.
    pub(crate) traps: usize,
    /// Kinds of traps.
    pub(crate) kinds: BTreeSet<&'static str>,
}

/// What the oracle says and what came out differ.
type Disagreement = String;

/// Runs one line.
pub(crate) fn run(line: &str, seen: &mut Seen) -> Result<(), Disagreement> {
    let words: Vec<&str> = line.split(' ').collect();
    let trap = match words[0] {
        "layout" => return layout(&words),
        "lower" => {
            seen.values += 1;
            lower(&words)?
        }
        "lift" => lift(&words)?,
        "move" => transfer(&words)?,
        other => return Err(format!("unknown kind of line `{other}`")),
    };
    if let Some(trap) = trap {
        seen.traps += 1;
        seen.kinds.insert(kind(&trap));
    }
    Ok(())
}

/// A short name for what kind of trap it is.
fn kind(trap: &Trap) -> &'static str {
    match trap {
        Trap::StringTooLong { .. } => "string too long",
        Trap::ListTooLong { .. } => "list too long",
        Trap::Unaligned { .. } => "unaligned",
        Trap::OutOfBounds { .. } => "out of bounds",
        Trap::ReallocUnaligned { .. } => "realloc unaligned",
        Trap::ReallocOutOfBounds { .. } => "realloc out of bounds",
        Trap::InvalidUtf8 { .. } => "invalid utf-8",
        Trap::UnpairedSurrogate { .. } => "unpaired surrogate",
        Trap::InvalidChar { .. } => "invalid char",
        Trap::InvalidDiscriminant { .. } => "invalid discriminant",
        Trap::UnknownHandle { .. } => "unknown handle",
        Trap::WrongHandleType { .. } => "wrong handle type",
        Trap::NotOwned { .. } => "not owned",
        Trap::StillLent { .. } => "still lent",
        Trap::BorrowsRemain { .. } => "borrows remain",
        Trap::HandleTableFull { .. } => "handle table full",
        Trap::LiftBudgetExceeded { .. } => "lift budget exceeded",
        Trap::MoveBudgetExceeded { .. } => "move budget exceeded",
        Trap::CannotLeave => "cannot leave",
        Trap::CannotEnter => "cannot enter",
    }
}

fn same<T: PartialEq + Debug + ?Sized>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}"))
    }
}

fn options(encoding: &str, pointer: &str) -> Options {
    let encoding = match encoding {
        "utf8" => Encoding::Utf8,
        "utf16" => Encoding::Utf16,
        "latin1+utf16" => Encoding::Latin1Utf16,
        other => panic!("unknown encoding `{other}`"),
    };
    let pointer = if pointer == "64" {
        PointerSize::P64
    } else {
        PointerSize::P32
    };
    Options { encoding, pointer }
}

fn flat(text: &str) -> Vec<u64> {
    if text == "-" {
        Vec::new()
    } else {
        text.split(',').map(|n| n.parse().unwrap()).collect()
    }
}

fn memory(text: &str) -> Vec<u8> {
    let (size, bytes) = text.split_once(':').unwrap_or((text, ""));
    let mut memory = hex(bytes);
    memory.resize(size.parse().unwrap(), FILL);
    memory
}

/// The memory in which a lower or move starts: as large as it ends.
fn fresh_memory(expected: &[&str]) -> Vec<u8> {
    let size = if expected[1] == "trap" {
        expected[0]
    } else {
        expected[1]
    };
    vec![FILL; memory(size).len()]
}

/// One mode, type and source side: what every line but `layout` starts with.
struct Case {
    types: TypeTable,
    ty: ValType,
    param: bool,
    from: Options,
}

impl Case {
    fn new(words: &[&str]) -> Self {
        let mut types = TypeTable::new();
        let ty = Text::new(words[2]).ty(&mut types);
        Self {
            types,
            ty,
            param: words[1] == "p",
            from: options(words[3], words[4]),
        }
    }

    fn program(&self, to: PointerSize) -> std::sync::Arc<Program> {
        Programs::new()
            .values(&self.types, &[self.ty], self.from.pointer, to)
            .unwrap()
    }

    fn source(&self, words: &[&str]) -> (VectorGuest, Vec<u64>) {
        let mut guest = VectorGuest::new(memory(words[6]), "0", self.from);
        let handles = if words[7] == "-" { "" } else { words[7] };
        for handle in handles.split_terminator(',') {
            let (kind, rep) = handle.split_once(':').unwrap();
            let (kind, resource) = kind.split_at(1);
            let (resource, rep) = (
                ResourceTypeId(resource.parse().unwrap()),
                rep.parse().unwrap(),
            );
            let added = match kind {
                "o" => guest.handles.lower_own(resource, rep),
                _ => guest.handles.lower_borrow(resource, rep),
            };
            added.unwrap();
        }
        (guest, flat(words[5]))
    }

    fn value(&self, text: &str) -> Val {
        Text::new(text).value(&self.types, self.ty)
    }
}

/// The trap in which both ended.
fn trapped<T>(result: linkspan::abi::Result<T>) -> Result<Option<Trap>, Disagreement> {
    match result {
        Ok(_) => Err("expected a trap, found none".into()),
        Err(error) => match error.trap() {
            Some(trap) => Ok(Some(trap.clone())),
            None => Err(format!("expected a trap, found the error {error}")),
        },
    }
}

/// What a lower or move left: its window and the guest.
fn check_written(
    result: linkspan::abi::Result<()>,
    window: &[u64],
    guest: &VectorGuest,
    expected: &[&str],
) -> Result<Option<Trap>, Disagreement> {
    if expected[1] == "trap" {
        return trapped(result);
    }
    result.map_err(|error| format!("expected no trap, found {error}"))?;
    let expected_flat = flat(expected[0]);
    same(
        "flat values",
        &expected_flat[..],
        &window[..expected_flat.len()],
    )?;
    same("memory", &memory(expected[1]), &guest.memory)?;
    Ok(None)
}

fn lower(words: &[&str]) -> Result<Option<Trap>, Disagreement> {
    let case = Case::new(words);
    let value = case.value(words[6]);
    value.check(&case.types, case.ty).unwrap();
    let expected = &words[7..];
    let mut guest = VectorGuest::new(fresh_memory(expected), words[5], case.from);
    let program = case.program(case.from.pointer);
    let mut window = [RETURN_AREA; 17];
    let result = if case.param {
        program.lower_params(&mut guest.lower(), &[value], &mut window)
    } else {
        program.lower_result(&mut guest.lower(), Some(&value), &mut window, 0)
    };
    check_written(result, &window, &guest, expected)
}

fn lift(words: &[&str]) -> Result<Option<Trap>, Disagreement> {
    let case = Case::new(words);
    let (mut guest, mut window) = case.source(words);
    // Readers ignore the upper half of 32-bit values.
    let pointer = case.from.pointer;
    let flat = case.types.flat(case.ty, pointer);
    if window.len() == flat.count() {
        for (slot, ty) in window.iter_mut().zip(flat.types()) {
            if matches!(ty, CoreType::I32 | CoreType::F32) {
                *slot |= 0xdead_beef << 32;
            }
        }
    }
    let program = case.program(pointer);
    let scratch = Scratch::new();
    let mut cx = guest.lift(&scratch);
    let result = if case.param {
        program
            .lift_params(&mut cx, &window)
            .map(|mut values| values.pop())
    } else {
        program.lift_result(&mut cx, &window)
    };
    if words[8] == "trap" {
        return trapped(result);
    }
    let value = result.map_err(|error| format!("expected no trap, found {error}"))?;
    let value = value.ok_or("expected a value, found none")?;
    value
        .check(&case.types, case.ty)
        .map_err(|error| error.to_string())?;
    same("value", &case.value(words[8]), &value)?;
    Ok(None)
}

fn transfer(words: &[&str]) -> Result<Option<Trap>, Disagreement> {
    let case = Case::new(words);
    let (mut source, from_window) = case.source(words);
    let to = options(words[8], words[9]);
    let expected = &words[11..];
    let mut target = VectorGuest::new(fresh_memory(expected), words[10], to);
    let program = case.program(to.pointer);
    let mut window = [RETURN_AREA; 17];
    let mut cx = MoveContext::new(
        Pair {
            from: &mut source,
            to: &mut target,
        },
        case.from,
        to,
    );
    let result = if case.param {
        program.move_params(&mut cx, &from_window, &mut window)
    } else {
        program.move_result(&mut cx, &from_window, &mut window, 0)
    };
    let bytes = target.parts().0.len();
    same("size of the memory", &fresh_memory(expected).len(), &bytes)?;
    check_written(result, &window, &target, expected)
}

fn layout(words: &[&str]) -> Result<(), Disagreement> {
    let mut types = TypeTable::new();
    let ty = Text::new(words[1]).ty(&mut types);
    for (pointer, expected) in PointerSize::ALL.into_iter().zip(&words[2..]) {
        let layout = types.layout(ty, pointer);
        let flat = types.flat(ty, pointer);
        let names = |ty: &CoreType| match ty {
            CoreType::I32 => 'i',
            CoreType::I64 => 'I',
            CoreType::F32 => 'f',
            CoreType::F64 => 'F',
        };
        let found: String = flat.types().iter().map(names).collect();
        let expected: Vec<&str> = expected.split('/').collect();
        same("size", expected[0], &layout.size.to_string())?;
        same("alignment", expected[1], &layout.align.to_string())?;
        // The oracle knows no limit, and the types past it mean nothing.
        if !flat.overflows() {
            same("flat types", expected[2], &found)?;
        } else if expected[2].len() <= found.len() {
            return Err(format!("flat types: expected {}, found more", expected[2]));
        }
    }
    Ok(())
}
