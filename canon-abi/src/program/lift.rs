//! Programs run to lift: memory or flat slots to [`Val`] (the chapters
//! "Loading" and "Flat Lifting").

use super::{At, FROM, Op, Program, Scalar, Sum, check_case, flat_pointer, read_bits};
use crate::context::{LiftContext, array};
use crate::memory::Handles;
use crate::string::lift_string;
use crate::traits::{Lift, canonicalize_nan32, canonicalize_nan64, convert_i32_to_char};
use crate::trap::{Content, Error, Result};
use crate::types::ValType;
use crate::value::{Handle, List, Val};
use crate::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS};

/// Where the values of a program are.
#[derive(Clone, Copy)]
enum Place<'a, 's> {
    Memory(&'a [u8]),
    Flat(&'s [u64]),
}

impl<'a, 's> Place<'a, 's> {
    /// A 32-bit or smaller value; flat slots hold more bits than it has.
    fn bits(self, at: At, size: u32) -> u64 {
        match self {
            Self::Memory(bytes) => read_bits(&bytes[at.byte(FROM)..], size),
            Self::Flat(slots) => slots[at.slot()],
        }
    }

    fn pair<H: Handles>(self, cx: &LiftContext<'a, H>, at: At) -> (u64, u64) {
        match self {
            Self::Memory(bytes) => cx.memory_pair(&bytes[at.byte(FROM)..]),
            Self::Flat(slots) => cx.flat_pair(&slots[at.slot()..]),
        }
    }

    fn inner(self, at: At) -> Self {
        match self {
            Self::Memory(bytes) => Self::Memory(&bytes[at.byte(FROM)..]),
            Self::Flat(slots) => Self::Flat(&slots[at.slot()..]),
        }
    }
}

/// What a boxed or stored value costs the host.
const VAL_BYTES: u64 = size_of::<Val>() as u64;

impl Program {
    /// Lifts the parameters of a call that a guest makes (`lift_flat_values`).
    ///
    /// # Errors
    /// What the guest's values break, with a path.
    ///
    /// # Panics
    /// When the window is shorter than [`Program::param_slots`].
    pub fn lift_params<H: Handles>(
        &self,
        cx: &mut LiftContext<'_, H>,
        window: &[u64],
    ) -> Result<Vec<Val>> {
        let place = self.place(cx, window, MAX_FLAT_PARAMS)?;
        let mut values = Vec::with_capacity(self.values());
        let mut pc = 0;
        for value in 0..self.values {
            values.push(self.lift(cx, &mut pc, place).map_err(|error| {
                if self.values > 1 {
                    error.within_position(value)
                } else {
                    error
                }
            })?);
        }
        Ok(values)
    }

    /// Lifts the result of a call into a guest (`lift_flat_values`).
    ///
    /// # Errors
    /// What the guest's value breaks, with a path.
    ///
    /// # Panics
    /// When there is a result and the window is empty.
    pub fn lift_result<H: Handles>(
        &self,
        cx: &mut LiftContext<'_, H>,
        window: &[u64],
    ) -> Result<Option<Val>> {
        let place = self.place(cx, window, MAX_FLAT_RESULTS)?;
        if self.values == 0 {
            return Ok(None);
        }
        self.lift(cx, &mut 0, place).map(Some)
    }

    /// Where the values are: in the window, or where it points to.
    fn place<'a, 's, H: Handles>(
        &self,
        cx: &LiftContext<'a, H>,
        window: &'s [u64],
        max: usize,
    ) -> Result<Place<'a, 's>> {
        self.check_pointer(FROM, cx.pointer())?;
        if self.flat <= max {
            return Ok(Place::Flat(&window[..self.flat]));
        }
        let layout = self.layout[FROM];
        let pointer = flat_pointer(cx.pointer(), window[0]);
        let size = u64::from(layout.size);
        cx.range(Content::Values, pointer, size, layout.align)
            .map(Place::Memory)
    }

    /// Lifts the value whose ops start at `pc`, and leaves `pc` behind them.
    fn lift<'a, H: Handles>(
        &self,
        cx: &mut LiftContext<'a, H>,
        pc: &mut usize,
        place: Place<'a, '_>,
    ) -> Result<Val> {
        let op = *pc;
        *pc += self.ops[op].width();
        match &self.ops[op] {
            Op::Scalar { at, scalar } => lift_scalar(*scalar, place.bits(*at, scalar.size())),
            Op::String { at } => {
                let (pointer, length) = place.pair(cx, *at);
                Ok(Val::String(lift_string(cx, pointer, length)?.into()))
            }
            Op::List { at, elem } => {
                let (pointer, count) = place.pair(cx, *at);
                let layout = elem.layout[FROM];
                let bytes = cx.list(pointer, count, layout.size, layout.align)?;
                elem.lift_list(cx, bytes).map(Val::List)
            }
            Op::FixedLengthList { at, elem, count } => {
                elem.lift_elements(cx, *at, *count, place).map(Val::List)
            }
            Op::Map { at, entry } => {
                let (pointer, count) = place.pair(cx, *at);
                let layout = entry.layout[FROM];
                let bytes = cx.list(pointer, count, layout.size, layout.align)?;
                entry.lift_map(cx, bytes).map(Val::Map)
            }
            Op::Record { fields, .. } => {
                Ok(Val::Record(self.lift_fields(cx, op, pc, *fields, place)?))
            }
            Op::Tuple { fields } => Ok(Val::Tuple(self.lift_fields(cx, op, pc, *fields, place)?)),
            Op::Flags { at, bytes, mask } => Ok(Val::Flags(place.bits(*at, *bytes) as u32 & mask)),
            Op::Enum { at, bytes, cases } => {
                let case = place.bits(*at, *bytes) as u32;
                check_case(case, *cases as usize)?;
                Ok(Val::Enum(case))
            }
            Op::Switch { .. } => self.lift_case(cx, op, place),
            Op::Own { at, resource } => {
                let index = place.bits(*at, 4) as u32;
                let rep = cx.handles().lift_own(*resource, index)?;
                Ok(Val::Own(Handle {
                    resource: *resource,
                    rep,
                }))
            }
            Op::Borrow { at, resource } => {
                let index = place.bits(*at, 4) as u32;
                let rep = cx.handles().lift_borrow(*resource, index)?;
                Ok(Val::Borrow(Handle {
                    resource: *resource,
                    rep,
                }))
            }
            Op::Outlined { at, program } => program.lift(cx, &mut 0, place.inner(*at)),
            Op::Copy { .. } => self.lift(cx, pc, place),
        }
    }

    /// Lifts a variant, option or result (`load_variant`, `lift_flat_variant`).
    fn lift_case<'a, H: Handles>(
        &self,
        cx: &mut LiftContext<'a, H>,
        op: usize,
        place: Place<'a, '_>,
    ) -> Result<Val> {
        let Op::Switch {
            at,
            bytes,
            sum,
            cases,
            ..
        } = &self.ops[op]
        else {
            return Err(Error::value("variant", self.expectation(op)));
        };
        let case = place.bits(*at, *bytes) as u32;
        let payload = match &cases[check_case(case, cases.len())?] {
            Some(body) => {
                cx.charge(VAL_BYTES)?;
                let mut pc = op + 1 + body.start as usize;
                let payload = self
                    .lift(cx, &mut pc, place)
                    .map_err(|error| error.within(self.case(op, case)))?;
                Some(Box::new(payload))
            }
            None => None,
        };
        Ok(match (sum, case) {
            (Sum::Variant(_), case) => Val::Variant(case, payload),
            (Sum::Option, _) => Val::Option(payload),
            (Sum::Result, 0) => Val::Result(Ok(payload)),
            (Sum::Result, _) => Val::Result(Err(payload)),
        })
    }

    fn lift_fields<'a, H: Handles>(
        &self,
        cx: &mut LiftContext<'a, H>,
        op: usize,
        pc: &mut usize,
        fields: u32,
        place: Place<'a, '_>,
    ) -> Result<Box<[Val]>> {
        cx.charge(u64::from(fields) * VAL_BYTES)?;
        let mut values = Vec::with_capacity(fields as usize);
        for field in 0..fields {
            let value = self
                .lift(cx, pc, place)
                .map_err(|error| error.within(self.field(op, field)))?;
            values.push(value);
        }
        Ok(values.into())
    }

    /// Lifts the elements of a fixed-length list, of which the first stands at
    /// `at` (`load_list_from_valid_range`, `lift_flat_list`).
    fn lift_elements<'a, H: Handles>(
        &self,
        cx: &mut LiftContext<'a, H>,
        at: At,
        count: u32,
        place: Place<'a, '_>,
    ) -> Result<List> {
        if let Place::Memory(bytes) = place {
            let size = self.layout[FROM].size as usize * count as usize;
            cx.charge(size as u64)?;
            return self.lift_list(cx, &bytes[at.byte(FROM)..][..size]);
        }
        cx.charge(u64::from(count) * VAL_BYTES)?;
        let mut values = Vec::with_capacity(count as usize);
        for i in 0..count {
            let place = place.inner(self.element_at(at, i));
            let value = self.lift(cx, &mut 0, place);
            values.push(value.map_err(|error| error.within_index(i as usize))?);
        }
        Ok(List::pack(values))
    }

    /// Lifts entries of a map: this program describes a key and its value.
    fn lift_map<'a, H: Handles>(
        &self,
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Box<[(Val, Val)]>> {
        let size = self.layout[FROM].size as usize;
        let count = bytes.len() / size;
        cx.charge(count as u64 * 2 * VAL_BYTES)?;
        let mut entries = Vec::with_capacity(count);
        for (i, entry) in bytes.chunks_exact(size).enumerate() {
            let mut pc = 0;
            let mut value = |position| {
                self.lift(cx, &mut pc, Place::Memory(entry))
                    .map_err(|error| error.within_position(position).within_index(i))
            };
            entries.push((value(0)?, value(1)?));
        }
        Ok(entries.into())
    }

    /// Lifts elements that this program describes; `bytes` is paid.
    fn lift_list<'a, H: Handles>(
        &self,
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<List> {
        if let [Op::Scalar { scalar, .. }] = &*self.ops {
            match scalar {
                Scalar::S8 => return i8::load_list(cx, bytes).map(List::S8),
                Scalar::U8 => return u8::load_list(cx, bytes).map(List::U8),
                Scalar::S16 => return i16::load_list(cx, bytes).map(List::S16),
                Scalar::U16 => return u16::load_list(cx, bytes).map(List::U16),
                Scalar::S32 => return i32::load_list(cx, bytes).map(List::S32),
                Scalar::U32 => return u32::load_list(cx, bytes).map(List::U32),
                Scalar::S64 => return i64::load_list(cx, bytes).map(List::S64),
                Scalar::U64 => return u64::load_list(cx, bytes).map(List::U64),
                Scalar::F32 => {
                    let read = |bytes| canonicalize_nan32(u32::from_le_bytes(bytes));
                    return lift_floats(cx, bytes, read).map(List::F32);
                }
                Scalar::F64 => {
                    let read = |bytes| canonicalize_nan64(u64::from_le_bytes(bytes));
                    return lift_floats(cx, bytes, read).map(List::F64);
                }
                Scalar::Bool | Scalar::Char => {}
            }
        }
        let size = self.layout[FROM].size as usize;
        let count = bytes.len() / size;
        cx.charge(count as u64 * VAL_BYTES)?;
        let mut values = Vec::with_capacity(count);
        for element in bytes.chunks_exact(size) {
            match self.lift(cx, &mut 0, Place::Memory(element)) {
                Ok(value) => values.push(value),
                Err(error) => return Err(error.within_index(values.len())),
            }
        }
        Ok(List::Values(values))
    }
}

/// As `f64::load_list`, but in a [`Val`] every NaN is the canonical one.
fn lift_floats<T, H: Handles, const SIZE: usize>(
    cx: &mut LiftContext<'_, H>,
    bytes: &[u8],
    read: impl Fn([u8; SIZE]) -> T,
) -> Result<Vec<T>> {
    cx.charge(bytes.len() as u64)?;
    let elements = bytes.chunks_exact(SIZE);
    Ok(elements.map(|bytes| read(array(bytes))).collect())
}

/// Lifts a value of a primitive type other than `string` from its flat slot; `None` for
/// other types.
///
/// # Errors
/// [`Trap::InvalidChar`](crate::Trap::InvalidChar).
#[inline]
pub fn lift_primitive(ty: ValType, slot: u64) -> Result<Option<Val>> {
    Scalar::of(ty)
        .map(|scalar| lift_scalar(scalar, slot))
        .transpose()
}

/// As [`lift_primitive`], to its place; other types leave it as it is.
///
/// # Errors
/// As [`lift_primitive`].
#[inline]
pub fn lift_primitive_to(place: &mut Val, ty: ValType, slot: u64) -> Result<()> {
    // PERF: the commonest types are written part by part, since a value that is copied
    // as a whole right after it was made waits for its parts to be stored.
    match ty {
        ValType::U32 => *place = Val::U32(slot as u32),
        ValType::S32 => *place = Val::S32(slot as i32),
        ValType::U64 => *place = Val::U64(slot),
        ValType::S64 => *place = Val::S64(slot as i64),
        ValType::Bool => *place = Val::Bool(slot as u32 != 0),
        ValType::F64 => *place = Val::F64(canonicalize_nan64(slot)),
        ty => {
            if let Some(value) = lift_primitive(ty, slot)? {
                *place = value;
            }
        }
    }
    Ok(())
}

/// `load_int` and its like, and `lift_flat_unsigned` and its like.
fn lift_scalar(scalar: Scalar, bits: u64) -> Result<Val> {
    Ok(match scalar {
        Scalar::Bool => Val::Bool(bits as u32 != 0),
        Scalar::S8 => Val::S8(bits as i8),
        Scalar::U8 => Val::U8(bits as u8),
        Scalar::S16 => Val::S16(bits as i16),
        Scalar::U16 => Val::U16(bits as u16),
        Scalar::S32 => Val::S32(bits as i32),
        Scalar::U32 => Val::U32(bits as u32),
        Scalar::S64 => Val::S64(bits as i64),
        Scalar::U64 => Val::U64(bits),
        Scalar::F32 => Val::F32(canonicalize_nan32(bits as u32)),
        Scalar::F64 => Val::F64(canonicalize_nan64(bits)),
        Scalar::Char => Val::Char(convert_i32_to_char(bits as u32)?),
    })
}
