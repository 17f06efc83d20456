//! Programs run to lower: [`Val`] to memory or flat slots (the chapters
//! "Storing" and "Flat Lowering").
//!
//! A value that is not of the program's type is refused where it is met; what
//! was lowered before it stays in the guest, so check values first
//! ([`Val::check`]) where the guest is to live on.

use super::{At, Op, Program, Scalar, Sum, TO, flat_pointer, write_bits};
use crate::context::LowerContext;
use crate::layout::Layout;
use crate::memory::{Guest, Handles};
use crate::string::lower_string;
use crate::traits::Lower;
use crate::trap::{Content, Error, Result};
use crate::types::ValType;
use crate::value::{List, Val};
use crate::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS};

/// Where the values of a program go.
enum Place<'s> {
    Memory(usize),
    Flat(&'s mut [u64]),
}

impl Place<'_> {
    /// Writes the low bytes to memory, or all bits to a slot.
    fn put<G: Guest>(
        &mut self,
        cx: &mut LowerContext<G>,
        at: At,
        size: u32,
        bits: u64,
    ) -> Result<()> {
        match self {
            Self::Memory(base) => {
                write_bits(cx.bytes_at(*base + at.byte(TO), size as usize)?, size, bits);
            }
            Self::Flat(slots) => slots[at.slot()] = bits,
        }
        Ok(())
    }

    fn put_pair<G: Guest>(
        &mut self,
        cx: &mut LowerContext<G>,
        at: At,
        pointer: u64,
        length: u64,
    ) -> Result<()> {
        match self {
            Self::Memory(base) => cx.store_pair(*base + at.byte(TO), pointer, length),
            Self::Flat(slots) => {
                slots[at.slot()] = pointer;
                slots[at.slot() + 1] = length;
                Ok(())
            }
        }
    }

    /// Zeros the slots behind the discriminant (`payload.append(0)`).
    fn clear(&mut self, at: At, slots: u32) {
        if let Self::Flat(all) = self {
            all[at.slot() + 1..at.slot() + slots as usize].fill(0);
        }
    }

    fn inner(&mut self, at: At) -> Place<'_> {
        match self {
            Self::Memory(base) => Place::Memory(*base + at.byte(TO)),
            Self::Flat(slots) => Place::Flat(&mut slots[at.slot()..]),
        }
    }
}

impl Program {
    /// Lowers the parameters of a call into a guest (`lower_flat_values`).
    ///
    /// # Errors
    /// What the guest's `realloc` breaks; an error when the values are not of
    /// their types.
    ///
    /// # Panics
    /// When the window is shorter than [`Program::param_slots`].
    pub fn lower_params<G: Guest>(
        &self,
        cx: &mut LowerContext<G>,
        values: &[Val],
        window: &mut [u64],
    ) -> Result<()> {
        if self.flat > MAX_FLAT_PARAMS {
            let layout = self.layout[TO];
            let at = cx.allocate(Content::Values, layout.align, u64::from(layout.size))?;
            window[0] = at as u64;
            return self.lower_values(cx, values, &mut Place::Memory(at));
        }
        self.lower_values(cx, values, &mut Place::Flat(&mut window[..self.flat]))
    }

    /// Lowers the result of a call that a guest makes (`lower_flat_values` with
    /// an `out_param`). `param_slots` is how many slots the parameters took: a
    /// pointer for the result stands behind them.
    ///
    /// # Errors
    /// As [`Program::lower_params`].
    ///
    /// # Panics
    /// When the window is shorter than the parameters and that pointer, or has
    /// no room for a flat result.
    pub fn lower_result<G: Guest>(
        &self,
        cx: &mut LowerContext<G>,
        result: Option<&Val>,
        window: &mut [u64],
        param_slots: usize,
    ) -> Result<()> {
        let values = result.map_or(&[][..], std::slice::from_ref);
        if self.flat > MAX_FLAT_RESULTS {
            let layout = self.layout[TO];
            let pointer = flat_pointer(cx.pointer(), window[param_slots]);
            let at = cx.return_area(pointer, layout.size, layout.align)?;
            return self.lower_values(cx, values, &mut Place::Memory(at));
        }
        self.lower_values(cx, values, &mut Place::Flat(&mut window[..self.flat]))
    }

    /// Checks the pointer through which a guest asks for a result, as
    /// [`Program::lower_result`] does again: before there is one that could be
    /// lost.
    ///
    /// # Errors
    /// As [`LowerContext::return_area`].
    ///
    /// # Panics
    /// When the window is shorter than the parameters and that pointer.
    pub fn check_return_area<G: Guest>(
        &self,
        cx: &mut LowerContext<G>,
        window: &[u64],
        param_slots: usize,
    ) -> Result<()> {
        if self.flat > MAX_FLAT_RESULTS {
            let layout = self.layout[TO];
            let pointer = flat_pointer(cx.pointer(), window[param_slots]);
            cx.return_area(pointer, layout.size, layout.align)?;
        }
        Ok(())
    }

    fn lower_values<G: Guest>(
        &self,
        cx: &mut LowerContext<G>,
        values: &[Val],
        place: &mut Place<'_>,
    ) -> Result<()> {
        self.check_pointer(TO, cx.pointer())?;
        if values.len() != self.values() {
            return Err(Error::value(
                format!("{} values", self.values()),
                format!("{} values", values.len()),
            ));
        }
        let mut pc = 0;
        for (i, value) in (0..).zip(values) {
            self.lower(cx, &mut pc, value, place).map_err(|error| {
                if self.values > 1 {
                    error.within_position(i)
                } else {
                    error
                }
            })?;
        }
        Ok(())
    }

    /// Lowers the value whose ops start at `pc`, and leaves `pc` behind them.
    fn lower<G: Guest>(
        &self,
        cx: &mut LowerContext<G>,
        pc: &mut usize,
        value: &Val,
        place: &mut Place<'_>,
    ) -> Result<()> {
        let op = *pc;
        *pc += self.ops[op].width();
        match (&self.ops[op], value) {
            (Op::Scalar { at, scalar }, value) => {
                let bits = lower_scalar(*scalar, value)?;
                place.put(cx, *at, scalar.size(), bits)
            }
            (Op::String { at }, Val::String(text)) => {
                let (pointer, length) = lower_string(cx, text)?;
                place.put_pair(cx, *at, pointer, length)
            }
            (Op::List { at, elem }, Val::List(list)) => {
                let layout = elem.layout[TO];
                let start = cx.allocate_list(list.len(), layout.size, layout.align)?;
                elem.lower_list(cx, list, start)?;
                place.put_pair(cx, *at, start as u64, list.len() as u64)
            }
            (Op::FixedLengthList { at, elem, count }, Val::List(list)) => {
                elem.lower_elements(cx, list, (*at, *count), place)
            }
            (Op::Map { at, entry }, Val::Map(entries)) => {
                let start = entry.lower_map(cx, entries)?;
                place.put_pair(cx, *at, start, entries.len() as u64)
            }
            (Op::Record { fields, .. }, Val::Record(values))
            | (Op::Tuple { fields }, Val::Tuple(values))
                if values.len() == *fields as usize =>
            {
                for (field, value) in (0..).zip(values) {
                    self.lower(cx, pc, value, place)
                        .map_err(|error| error.within(self.field(op, field)))?;
                }
                Ok(())
            }
            (Op::Flags { at, bytes, mask }, Val::Flags(bits)) if bits & !mask == 0 => {
                place.put(cx, *at, *bytes, u64::from(*bits))
            }
            (Op::Enum { at, bytes, cases }, Val::Enum(case)) if case < cases => {
                place.put(cx, *at, *bytes, u64::from(*case))
            }
            (Op::Switch { .. }, value) => self.lower_case(cx, op, value, place),
            (Op::Own { at, resource }, Val::Own(handle)) if handle.resource == *resource => {
                let index = cx.handles().lower_own(*resource, handle.rep)?;
                place.put(cx, *at, 4, u64::from(index))
            }
            (Op::Borrow { at, resource }, Val::Borrow(handle)) if handle.resource == *resource => {
                let index = cx.handles().lower_borrow(*resource, handle.rep)?;
                place.put(cx, *at, 4, u64::from(index))
            }
            (Op::Copy { .. }, value) => self.lower(cx, pc, value, place),
            (Op::Outlined { at, program }, value) => {
                program.lower(cx, &mut 0, value, &mut place.inner(*at))
            }
            (
                Op::String { .. }
                | Op::List { .. }
                | Op::FixedLengthList { .. }
                | Op::Map { .. }
                | Op::Record { .. }
                | Op::Tuple { .. }
                | Op::Flags { .. }
                | Op::Enum { .. }
                | Op::Own { .. }
                | Op::Borrow { .. },
                value,
            ) => Err(self.misfit(op, value)),
        }
    }

    /// Lowers a variant, option or result (`store_variant`, `lower_flat_variant`).
    fn lower_case<G: Guest>(
        &self,
        cx: &mut LowerContext<G>,
        op: usize,
        value: &Val,
        place: &mut Place<'_>,
    ) -> Result<()> {
        let Op::Switch {
            at,
            bytes,
            sum,
            cases,
            slots,
            ..
        } = &self.ops[op]
        else {
            return Err(self.misfit(op, value));
        };
        let (case, payload) = match (sum, value) {
            (Sum::Variant(_), Val::Variant(case, payload)) => (*case, payload),
            (Sum::Option, Val::Option(payload)) => (u32::from(payload.is_some()), payload),
            (Sum::Result, Val::Result(Ok(payload))) => (0, payload),
            (Sum::Result, Val::Result(Err(payload))) => (1, payload),
            (Sum::Variant(_) | Sum::Option | Sum::Result, value) => {
                return Err(self.misfit(op, value));
            }
        };
        let Some(body) = cases.get(case as usize) else {
            return Err(self.misfit(op, value));
        };
        place.put(cx, *at, *bytes, u64::from(case))?;
        place.clear(*at, *slots);
        match (body, payload) {
            (Some(body), Some(payload)) => {
                let mut pc = op + 1 + body.start as usize;
                self.lower(cx, &mut pc, payload, place)
                    .map_err(|error| error.within(self.case(op, case)))
            }
            (None, None) => Ok(()),
            (Some(_), None) => {
                Err(Error::value("with a payload", "none").within(self.case(op, case)))
            }
            (None, Some(value)) => {
                Err(Error::value("without a payload", value.kind()).within(self.case(op, case)))
            }
        }
    }

    /// Lowers the `count` elements of a fixed-length list, the first to `at`
    /// (`store_list_into_valid_range`, `lower_flat_list`).
    fn lower_elements<G: Guest>(
        &self,
        cx: &mut LowerContext<G>,
        list: &List,
        (at, count): (At, u32),
        place: &mut Place<'_>,
    ) -> Result<()> {
        if list.len() != count as usize {
            let found = format!("a list of {}", list.len());
            return Err(Error::value(format!("a list of {count}"), found));
        }
        if let Place::Memory(base) = place {
            return self.lower_list(cx, list, *base + at.byte(TO));
        }
        for (i, value) in (0..).zip(list.iter()) {
            let mut place = place.inner(self.element_at(at, i));
            self.lower(cx, &mut 0, &value, &mut place)
                .map_err(|error| error.within_index(i as usize))?;
        }
        Ok(())
    }

    /// Lowers the entries of a map, and answers where: this program describes a
    /// key and its value.
    fn lower_map<G: Guest>(&self, cx: &mut LowerContext<G>, entries: &[(Val, Val)]) -> Result<u64> {
        let Layout { size, align } = self.layout[TO];
        let start = cx.allocate_list(entries.len(), size, align)?;
        for (i, (key, value)) in entries.iter().enumerate() {
            let (mut pc, mut place) = (0, Place::Memory(start + i * size as usize));
            for (position, value) in (0..).zip([key, value]) {
                self.lower(cx, &mut pc, value, &mut place)
                    .map_err(|error| error.within_position(position).within_index(i))?;
            }
        }
        Ok(start as u64)
    }

    /// Lowers elements that this program describes.
    fn lower_list<G: Guest>(&self, cx: &mut LowerContext<G>, list: &List, at: usize) -> Result<()> {
        let scalar = match &*self.ops {
            [Op::Scalar { scalar, .. }] => Some(*scalar),
            _ => None,
        };
        match (scalar, list) {
            (Some(Scalar::S8), List::S8(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::U8), List::U8(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::S16), List::S16(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::U16), List::U16(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::S32), List::S32(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::U32), List::U32(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::S64), List::S64(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::U64), List::U64(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::F32), List::F32(list)) => Lower::store_list(list, cx, at),
            (Some(Scalar::F64), List::F64(list)) => Lower::store_list(list, cx, at),
            (_, List::Values(list)) => {
                let size = self.layout[TO].size as usize;
                for (i, value) in list.iter().enumerate() {
                    self.lower(cx, &mut 0, value, &mut Place::Memory(at + i * size))
                        .map_err(|error| error.within_index(i))?;
                }
                Ok(())
            }
            (_, list) => match list.get(0) {
                Some(value) => Err(self.misfit(0, &value).within_index(0)),
                None => Ok(()),
            },
        }
    }

    #[cold]
    fn misfit(&self, op: usize, value: &Val) -> Error {
        Error::value(self.expectation(op), value.kind())
    }
}

/// Lowers a value of a primitive type other than `string` to its flat slot; `None` for
/// other types, and if the value is of another one.
#[inline]
pub fn lower_primitive(ty: ValType, value: &Val) -> Option<u64> {
    scalar_bits(Scalar::of(ty)?, value)
}

/// `lower_flat` and `store_int` of a scalar.
fn lower_scalar(scalar: Scalar, value: &Val) -> Result<u64> {
    scalar_bits(scalar, value).ok_or_else(|| Error::value(scalar.name(), value.kind()))
}

#[inline]
fn scalar_bits(scalar: Scalar, value: &Val) -> Option<u64> {
    Some(match (scalar, value) {
        (Scalar::Bool, Val::Bool(value)) => u64::from(*value),
        (Scalar::S8, Val::S8(value)) => u64::from(i32::from(*value) as u32),
        (Scalar::U8, Val::U8(value)) => u64::from(*value),
        (Scalar::S16, Val::S16(value)) => u64::from(i32::from(*value) as u32),
        (Scalar::U16, Val::U16(value)) => u64::from(*value),
        (Scalar::S32, Val::S32(value)) => u64::from(*value as u32),
        (Scalar::U32, Val::U32(value)) => u64::from(*value),
        (Scalar::S64, Val::S64(value)) => *value as u64,
        (Scalar::U64, Val::U64(value)) => *value,
        (Scalar::F32, Val::F32(value)) => u64::from(value.to_bits()),
        (Scalar::F64, Val::F64(value)) => value.to_bits(),
        (Scalar::Char, Val::Char(value)) => u64::from(u32::from(*value)),
        _ => return None,
    })
}
