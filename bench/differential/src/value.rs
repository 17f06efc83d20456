//! What crosses the border between a module and its host, in a form that all
//! engines share and that can be compared: bits, never floating-point numbers.

use std::fmt;

use wasmparser::{AbstractHeapType, HeapType, UnpackedIndex, ValType};

/// The four hierarchies of references; a null belongs to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hierarchy {
    Func,
    Extern,
    Any,
    Exn,
}

/// A value. Of a reference only that is kept which does not depend on where an
/// engine puts its objects; its hierarchy is known from its type and matters for
/// values that are passed, not for those that come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null(Hierarchy),
    I31(u32),
    /// A reference that is neither null nor an `i31`.
    Object,
}

impl Value {
    /// A reference that came back.
    pub(crate) fn reference(is_null: bool) -> Self {
        if is_null {
            Self::Null(Hierarchy::Any)
        } else {
            Self::Object
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32(x) => write!(f, "i32:{x:#x}"),
            Self::I64(x) => write!(f, "i64:{x:#x}"),
            Self::F32(x) => write!(f, "f32:{x:#010x}"),
            Self::F64(x) => write!(f, "f64:{x:#018x}"),
            Self::V128(x) => write!(f, "v128:{x:#034x}"),
            Self::Null(_) => f.write_str("null"),
            Self::I31(x) => write!(f, "i31:{x:#x}"),
            Self::Object => f.write_str("object"),
        }
    }
}

/// What a host can pass for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    I32,
    I64,
    F32,
    F64,
    V128,
    Null(Hierarchy),
    /// A non-null reference that an `i31` is good for.
    I31,
}

impl Kind {
    /// The kind of a parameter of type `ty`; nothing if a host cannot make one.
    pub(crate) fn of(ty: ValType, concrete: impl Fn(UnpackedIndex) -> Hierarchy) -> Option<Self> {
        Some(match ty {
            ValType::I32 => Self::I32,
            ValType::I64 => Self::I64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::V128,
            ValType::Ref(reference) => match (reference.is_nullable(), reference.heap_type()) {
                (true, HeapType::Abstract { ty, .. }) => Self::Null(hierarchy(ty)?),
                (true, HeapType::Concrete(index)) => Self::Null(concrete(index)),
                (
                    false,
                    HeapType::Abstract {
                        ty: AbstractHeapType::Any | AbstractHeapType::Eq | AbstractHeapType::I31,
                        ..
                    },
                ) => Self::I31,
                (_, HeapType::Abstract { .. } | HeapType::Concrete(_) | HeapType::Exact(_)) => {
                    return None;
                }
            },
        })
    }

    /// One of the values at the edges of the type, chosen by `random`.
    pub(crate) fn edge(self, random: u64) -> Value {
        match self {
            Self::I32 => Value::I32(pick(&EDGES_32, random)),
            Self::I64 => Value::I64(pick(&EDGES_64, random)),
            Self::F32 => Value::F32(pick(&FLOATS_32, random)),
            Self::F64 => Value::F64(pick(&FLOATS_64, random)),
            Self::V128 => {
                let half = |random| u128::from(pick(&EDGES_64, random));
                Value::V128(half(random) << 64 | half(random >> 8))
            }
            Self::Null(hierarchy) => Value::Null(hierarchy),
            Self::I31 => Value::I31(pick(&EDGES_32, random) & 0x7fff_ffff),
        }
    }
}

fn hierarchy(ty: AbstractHeapType) -> Option<Hierarchy> {
    Some(match ty {
        AbstractHeapType::Func | AbstractHeapType::NoFunc => Hierarchy::Func,
        AbstractHeapType::Extern | AbstractHeapType::NoExtern => Hierarchy::Extern,
        AbstractHeapType::Any
        | AbstractHeapType::None
        | AbstractHeapType::Eq
        | AbstractHeapType::Struct
        | AbstractHeapType::Array
        | AbstractHeapType::I31 => Hierarchy::Any,
        AbstractHeapType::Exn | AbstractHeapType::NoExn => Hierarchy::Exn,
        AbstractHeapType::Cont | AbstractHeapType::NoCont => return None,
    })
}

fn pick<T: Copy>(items: &[T], random: u64) -> T {
    items[usize::try_from(random % items.len() as u64).unwrap_or(0)]
}

const EDGES_32: [u32; 12] = [
    0,
    1,
    u32::MAX,
    0x8000_0000,
    0x7fff_ffff,
    2,
    31,
    32,
    0xff,
    0xffff,
    0x1_0000,
    0x1234_5678,
];

const EDGES_64: [u64; 12] = [
    0,
    1,
    u64::MAX,
    0x8000_0000_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    0x8000_0000,
    63,
    64,
    0xffff_ffff_8000_0000,
    0x0123_4567_89ab_cdef,
];

const FLOATS_32: [u32; 14] = [
    0,
    0x8000_0000, // -0
    0x3f80_0000, // 1
    0xbf80_0000, // -1
    0x7f80_0000, // infinity
    0xff80_0000,
    0x7fc0_0000, // the canonical NaN
    0x7fa0_0001, // a signalling NaN
    0x0000_0001, // the smallest number
    0x7f7f_ffff, // the largest
    0x4f00_0000, // 2^31
    0xcf00_0001, // below -2^31
    0x5f00_0000, // 2^63
    0x3f00_0000, // a half
];

const FLOATS_64: [u64; 14] = [
    0,
    0x8000_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x7ff4_0000_0000_0001,
    0x0000_0000_0000_0001,
    0x7fef_ffff_ffff_ffff,
    0x41e0_0000_0000_0000,
    0xc1e0_0000_0020_0000,
    0x43e0_0000_0000_0000,
    0x3fe0_0000_0000_0000,
];
