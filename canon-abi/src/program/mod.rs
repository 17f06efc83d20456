//! Types compiled to linear programs: one description of a sequence of values,
//! and three ways to run it.
//!
//! * [`lift`](Program::lift_params): out of a guest, into [`Val`](crate::Val);
//! * [`lower`](Program::lower_params): from `Val` into a guest;
//! * [`transfer`](Program::move_params): from one guest into another, never
//!   through values of the host.
//!
//! Every op knows its place three times: as an offset on the side that is read,
//! as an offset on the side that is written (they differ when the pointer sizes
//! do), and as a flat slot. So one program serves memory and flat form, and
//! mixed calls between 32- and 64-bit memories. Structure that only `Val` needs
//! stands in marker ops; runs of plain data are preceded by a copy op that
//! only a transfer from memory to memory takes. A part that is large is outlined
//! and shared, so programs stay proportional to the types, not to the values.
//!
//! The executors recurse as deep as types nest, which a
//! [`TypeTable`](crate::TypeTable) limits.

mod compile;
mod lift;
mod lower;
mod plain;
mod print;
mod transfer;

pub use compile::Programs;
pub use lift::{lift_primitive, lift_primitive_to};
pub use lower::lower_primitive;
pub use transfer::{Bridge, DEFAULT_MOVE_BUDGET_BYTES, Memories, MoveContext, Pair};

use std::ops::Range;
use std::sync::Arc;

use crate::layout::{Layout, PointerSize};
use crate::path::Step;
use crate::trap::{Error, Result, Trap};
use crate::types::{ResourceTypeId, TypeDef, ValType};

/// The side that is read, in pairs such as [`At::bytes`].
const FROM: usize = 0;
/// The side that is written.
const TO: usize = 1;

/// A compiled sequence of values, laid out as a tuple.
#[derive(Debug)]
pub struct Program {
    ops: Box<[Op]>,
    values: u32,
    pointers: [PointerSize; 2],
    layout: [Layout; 2],
    /// Flat values, at most one more than [`MAX_FLAT_PARAMS`](crate::MAX_FLAT_PARAMS).
    flat: usize,
    /// No strings, lists or handles.
    plain: bool,
    /// A copy of the bytes is a copy of the values.
    copyable: bool,
}

/// Where an op stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct At {
    /// Offset in memory on each side.
    bytes: [u32; 2],
    /// Flat slot.
    slot: u32,
}

impl At {
    #[inline]
    const fn plus(self, base: Self) -> Self {
        Self {
            bytes: [
                self.bytes[FROM] + base.bytes[FROM],
                self.bytes[TO] + base.bytes[TO],
            ],
            slot: self.slot + base.slot,
        }
    }

    #[inline]
    const fn byte(self, side: usize) -> usize {
        self.bytes[side] as usize
    }

    #[inline]
    const fn slot(self) -> usize {
        self.slot as usize
    }
}

/// A primitive type but `string`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scalar {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
}

impl Scalar {
    /// The scalar that a type is.
    #[inline]
    const fn of(ty: ValType) -> Option<Self> {
        Some(match ty {
            ValType::Bool => Self::Bool,
            ValType::S8 => Self::S8,
            ValType::U8 => Self::U8,
            ValType::S16 => Self::S16,
            ValType::U16 => Self::U16,
            ValType::S32 => Self::S32,
            ValType::U32 => Self::U32,
            ValType::S64 => Self::S64,
            ValType::U64 => Self::U64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::Char => Self::Char,
            ValType::String | ValType::Defined(_) => return None,
        })
    }

    #[inline]
    const fn size(self) -> u32 {
        match self {
            Self::Bool | Self::S8 | Self::U8 => 1,
            Self::S16 | Self::U16 => 2,
            Self::S32 | Self::U32 | Self::F32 | Self::Char => 4,
            Self::S64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Whether every bit pattern is its own value.
    const fn valid_any(self) -> bool {
        !matches!(self, Self::Bool | Self::Char)
    }

    /// Lifts and lowers again: bits as they were read, to bits as they are
    /// written to a flat slot. Memory takes as many as it needs.
    #[inline]
    fn pass(self, bits: u64) -> Result<u64> {
        Ok(match self {
            Self::Bool => u64::from(bits as u32 != 0),
            Self::U8 => bits & 0xff,
            Self::U16 => bits & 0xffff,
            Self::U32 | Self::S32 | Self::F32 => bits & 0xffff_ffff,
            Self::S8 => u64::from(i32::from(bits as i8) as u32),
            Self::S16 => u64::from(i32::from(bits as i16) as u32),
            Self::S64 | Self::U64 | Self::F64 => bits,
            Self::Char => u64::from(u32::from(crate::traits::convert_i32_to_char(bits as u32)?)),
        })
    }
}

/// Which type is a variant underneath.
#[derive(Clone, Debug)]
enum Sum {
    Variant(Arc<TypeDef>),
    Option,
    Result,
}

/// One step of a program. Each value is one op, or a marker with the values
/// inside it behind it.
#[derive(Clone, Debug)]
enum Op {
    /// The next `skip` ops are `bytes` adjacent bytes that may be copied
    /// unseen from memory to memory.
    Copy {
        at: [u32; 2],
        bytes: u32,
        skip: u32,
    },
    Scalar {
        at: At,
        scalar: Scalar,
    },
    String {
        at: At,
    },
    List {
        at: At,
        elem: Arc<Program>,
    },
    /// `count` elements in place: a loop, never unrolled.
    FixedLengthList {
        at: At,
        elem: Arc<Program>,
        count: u32,
    },
    /// As a list; `entry` is the program of two values, key and value.
    Map {
        at: At,
        entry: Arc<Program>,
    },
    /// The fields follow.
    Record {
        def: Arc<TypeDef>,
        fields: u32,
    },
    /// The fields follow.
    Tuple {
        fields: u32,
    },
    Flags {
        at: At,
        bytes: u32,
        mask: u32,
    },
    Enum {
        at: At,
        bytes: u32,
        cases: u32,
    },
    /// The payloads of the cases follow, `body` ops in all; `cases` are ranges
    /// within them. Flat, the whole takes `slots` slots.
    Switch {
        at: At,
        bytes: u32,
        sum: Sum,
        cases: Box<[Option<Range<u32>>]>,
        body: u32,
        slots: u32,
    },
    Own {
        at: At,
        resource: ResourceTypeId,
    },
    Borrow {
        at: At,
        resource: ResourceTypeId,
    },
    /// One value whose ops stand elsewhere.
    Outlined {
        at: At,
        program: Arc<Program>,
    },
}

impl Op {
    /// How many ops belong to this one alone: it and the bodies of its cases.
    #[inline]
    const fn width(&self) -> usize {
        match self {
            Self::Switch { body, .. } => 1 + *body as usize,
            Self::Copy { .. }
            | Self::Scalar { .. }
            | Self::String { .. }
            | Self::List { .. }
            | Self::FixedLengthList { .. }
            | Self::Map { .. }
            | Self::Record { .. }
            | Self::Tuple { .. }
            | Self::Flags { .. }
            | Self::Enum { .. }
            | Self::Own { .. }
            | Self::Borrow { .. }
            | Self::Outlined { .. } => 1,
        }
    }
}

impl Program {
    /// How many values the program describes.
    #[inline]
    pub fn values(&self) -> usize {
        self.values as usize
    }

    /// How many slots the values take as parameters: one if they travel through
    /// memory.
    pub fn param_slots(&self) -> usize {
        if self.flat > crate::MAX_FLAT_PARAMS {
            1
        } else {
            self.flat
        }
    }

    /// Whether the value travels through memory as a result.
    pub fn result_in_memory(&self) -> bool {
        self.flat > crate::MAX_FLAT_RESULTS
    }

    /// Size and alignment of the values as a tuple, on the side that is read.
    pub fn layout_from(&self) -> Layout {
        self.layout[FROM]
    }

    /// Size and alignment of the values as a tuple, on the side that is written.
    pub fn layout_to(&self) -> Layout {
        self.layout[TO]
    }

    /// Refuses a memory for which the program was not compiled.
    #[inline]
    fn check_pointer(&self, side: usize, pointer: PointerSize) -> Result<()> {
        if self.pointers[side] == pointer {
            return Ok(());
        }
        Err(Error::mismatch(
            format!(
                "a memory with {}-byte pointers",
                self.pointers[side].bytes()
            ),
            format!("{}-byte pointers", pointer.bytes()),
        ))
    }

    /// Where an element of a flat fixed-length list stands, of which this is the
    /// program and `at` the first.
    #[inline]
    fn element_at(&self, at: At, index: u32) -> At {
        At {
            bytes: [
                at.bytes[FROM] + index * self.layout[FROM].size,
                at.bytes[TO] + index * self.layout[TO].size,
            ],
            slot: at.slot + index * self.flat as u32,
        }
    }

    /// The path to an op, for errors.
    #[cold]
    fn locate(&self, error: Error, pc: usize) -> Error {
        let mut steps = Vec::new();
        let mut at = 0;
        for value in 0..self.values {
            let end = self.end(at);
            if pc < end {
                if self.values > 1 {
                    steps.push(Step::Position(value));
                }
                self.locate_in(at, pc, &mut steps);
                break;
            }
            at = end;
        }
        steps.into_iter().rev().fold(error, Error::within)
    }

    /// Adds the steps from the value at `at` to the op at `pc` inside it.
    fn locate_in(&self, mut at: usize, pc: usize, steps: &mut Vec<Step>) {
        while at < pc {
            match &self.ops[at] {
                Op::Copy { .. } => at += 1,
                Op::Record { fields, .. } | Op::Tuple { fields } => {
                    let (fields, op) = (*fields, at);
                    at += 1;
                    for field in 0..fields {
                        let end = self.end(at);
                        if pc < end {
                            steps.push(self.field(op, field));
                            break;
                        }
                        at = end;
                    }
                }
                Op::Switch { cases, .. } => {
                    let inside = (pc - at - 1) as u32;
                    let case = cases
                        .iter()
                        .position(|body| body.as_ref().is_some_and(|b| b.contains(&inside)));
                    let Some((case, body)) =
                        case.and_then(|case| Some((case, cases[case].clone()?)))
                    else {
                        return;
                    };
                    steps.push(self.case(at, case as u32));
                    at += 1 + body.start as usize;
                }
                Op::Scalar { .. }
                | Op::String { .. }
                | Op::List { .. }
                | Op::FixedLengthList { .. }
                | Op::Map { .. }
                | Op::Flags { .. }
                | Op::Enum { .. }
                | Op::Own { .. }
                | Op::Borrow { .. }
                | Op::Outlined { .. } => return,
            }
        }
    }

    /// The op behind the value that starts at `at`.
    fn end(&self, at: usize) -> usize {
        let mut left = 1_u64;
        let mut at = at;
        while left > 0 {
            match &self.ops[at] {
                Op::Copy { .. } => {}
                Op::Record { fields, .. } | Op::Tuple { fields } => {
                    left += u64::from(*fields);
                    left -= 1;
                }
                Op::Scalar { .. }
                | Op::String { .. }
                | Op::List { .. }
                | Op::FixedLengthList { .. }
                | Op::Map { .. }
                | Op::Flags { .. }
                | Op::Enum { .. }
                | Op::Switch { .. }
                | Op::Own { .. }
                | Op::Borrow { .. }
                | Op::Outlined { .. } => left -= 1,
            }
            at += self.ops[at].width();
        }
        at
    }

    /// The step to a field of the record or tuple at `op`.
    fn field(&self, op: usize, field: u32) -> Step {
        if let Op::Record { def, .. } = &self.ops[op]
            && let TypeDef::Record(fields) = &**def
            && let Some(field) = fields.get(field as usize)
        {
            return Step::Name(field.name.to_string().into());
        }
        Step::Position(field)
    }

    /// The step to the payload of a case of the switch at `op`.
    fn case(&self, op: usize, case: u32) -> Step {
        if let Op::Switch { sum, .. } = &self.ops[op] {
            match sum {
                Sum::Variant(def) => {
                    if let TypeDef::Variant(cases) = &**def
                        && let Some(case) = cases.get(case as usize)
                    {
                        return Step::Name(case.name.to_string().into());
                    }
                }
                Sum::Option => return Step::Name("some".into()),
                Sum::Result => {
                    return Step::Name(if case == 0 { "ok" } else { "error" }.into());
                }
            }
        }
        Step::Position(case)
    }
}

/// Checks a discriminant (`trap_if(case_index >= len(cases))`).
#[inline]
fn check_case(case: u32, cases: usize) -> Result<usize> {
    if (case as usize) < cases {
        Ok(case as usize)
    } else {
        Err(Trap::InvalidDiscriminant {
            found: case,
            cases: cases as u32,
        }
        .into())
    }
}

/// Reads `size` bytes, little-endian.
#[inline]
fn read_bits(bytes: &[u8], size: u32) -> u64 {
    use crate::context::array;
    match size {
        1 => u64::from(bytes[0]),
        2 => u64::from(u16::from_le_bytes(array(bytes))),
        4 => u64::from(u32::from_le_bytes(array(bytes))),
        _ => u64::from_le_bytes(array(bytes)),
    }
}

/// Writes the low `size` bytes, little-endian.
#[inline]
fn write_bits(bytes: &mut [u8], size: u32, bits: u64) {
    match size {
        1 => bytes[0] = bits as u8,
        2 => bytes[..2].copy_from_slice(&(bits as u16).to_le_bytes()),
        4 => bytes[..4].copy_from_slice(&(bits as u32).to_le_bytes()),
        _ => bytes[..8].copy_from_slice(&bits.to_le_bytes()),
    }
}

/// A pointer in a flat slot.
#[inline]
fn flat_pointer(pointer: PointerSize, slot: u64) -> u64 {
    match pointer {
        PointerSize::P32 => slot & 0xffff_ffff,
        PointerSize::P64 => slot,
    }
}
