//! `Option` and `Result`, and the helpers with which the macros lower the cases
//! of any variant.

use super::{Abi, ComponentType, Lift, Lower, value_type};
use crate::context::{LiftContext, LowerContext};
use crate::memory::{Guest, Handles};
use crate::trap::{Error, Result, Trap};
use crate::types::{TypeTable, ValType};

/// The trap for a discriminant without a case.
#[cold]
#[inline(never)]
pub fn invalid_discriminant(found: u32, cases: u32) -> Error {
    Trap::InvalidDiscriminant { found, cases }.into()
}

/// Lowers one case flat: discriminant, payload, and zeros where other cases
/// have more values (`lower_flat_variant`).
#[inline(always)]
pub fn lower_case<T: Lower, G: Guest>(
    cx: &mut LowerContext<G>,
    slots: &mut [u64],
    case: u32,
    payload: &T,
) -> Result<()> {
    slots[0] = u64::from(case);
    let (own, rest) = slots[1..].split_at_mut(T::ABI.flat);
    rest.fill(0);
    payload.lower_flat(cx, own)
}

/// The flat slots of the payload of one case.
#[inline(always)]
pub fn case_slots<T: ComponentType>(slots: &[u64]) -> &[u64] {
    &slots[1..=T::ABI.flat]
}

/// The bytes of the payload of one case.
#[inline(always)]
pub fn case_bytes<T: ComponentType, H: Handles>(
    cx: &LiftContext<'_, H>,
    bytes: &[u8],
    offsets: [usize; 2],
) -> std::ops::Range<usize> {
    debug_assert!(!bytes.is_empty());
    let at = pick(offsets, cx.pointer());
    at..at + T::ABI.size(cx.pointer())
}

/// The offset for one pointer size; a constant where they are equal.
#[inline(always)]
fn pick(offsets: [usize; 2], pointer: crate::PointerSize) -> usize {
    if offsets[0] == offsets[1] {
        offsets[0]
    } else {
        offsets[pointer.index()]
    }
}

/// Stores one case (`store_variant`).
#[inline(always)]
pub fn store_case<T: Lower, G: Guest>(
    cx: &mut LowerContext<G>,
    at: usize,
    case: u32,
    cases: usize,
    offsets: [usize; 2],
    payload: &T,
) -> Result<()> {
    write_discriminant(cx.bytes_at(at, discriminant_bytes(cases))?, case, cases);
    if const { T::ABI.flat == 0 } {
        return Ok(());
    }
    payload.store(cx, at + pick(offsets, cx.pointer()))
}

/// Writes one case of a variant without pointers and handles.
#[inline(always)]
pub fn write_case<T: Lower>(
    bytes: &mut [u8],
    case: u32,
    cases: usize,
    offsets: [usize; 2],
    payload: &T,
) {
    write_discriminant(bytes, case, cases);
    if const { T::ABI.plain } {
        let at = offsets[0];
        payload.write(&mut bytes[at..at + T::ABI.size(crate::PointerSize::P32)]);
    }
}

const fn discriminant_bytes(cases: usize) -> usize {
    crate::layout::discriminant_size(cases) as usize
}

/// Writes a discriminant (the first lines of `store_variant`).
#[inline(always)]
pub fn write_discriminant(bytes: &mut [u8], case: u32, cases: usize) {
    let size = discriminant_bytes(cases);
    bytes[..size].copy_from_slice(&case.to_le_bytes()[..size]);
}

/// Reads a discriminant (the first lines of `load_variant`).
#[inline(always)]
pub fn read_discriminant(bytes: &[u8], cases: usize) -> u32 {
    let size = discriminant_bytes(cases);
    let mut case = [0; 4];
    case[..size].copy_from_slice(&bytes[..size]);
    u32::from_le_bytes(case)
}

impl<T: ComponentType> ComponentType for Option<T> {
    const ABI: Abi = Abi::variant(&[Abi::UNIT, T::ABI]);

    fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
        let some = value_type::<T>(types)?;
        types.option(some).map(Some)
    }
}

impl<T: ComponentType> Sum for Option<T> {
    const CASES: usize = 2;
    const OFFSETS: [usize; 2] = Abi::payload_offsets(&[Abi::UNIT, T::ABI]);
}

/// The constants of a variant.
trait Sum {
    const CASES: usize;
    const OFFSETS: [usize; 2];
}

impl<T: Lower> Lower for Option<T> {
    #[inline(always)]
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> Result<()> {
        match self {
            None => lower_case(cx, slots, 0, &()),
            Some(payload) => lower_case(cx, slots, 1, payload),
        }
    }

    #[inline]
    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
        match self {
            None => store_case(cx, at, 0, Self::CASES, Self::OFFSETS, &()),
            Some(payload) => store_case(cx, at, 1, Self::CASES, Self::OFFSETS, payload),
        }
    }

    #[inline]
    fn write(&self, bytes: &mut [u8]) {
        match self {
            None => write_case(bytes, 0, Self::CASES, Self::OFFSETS, &()),
            Some(payload) => write_case(bytes, 1, Self::CASES, Self::OFFSETS, payload),
        }
    }
}

impl<T: Lift> Lift for Option<T> {
    type Lifted<'a> = Option<T::Lifted<'a>>;
    type Slice<'a> = Vec<Self::Lifted<'a>>;

    #[inline]
    fn lift_flat<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        slots: &[u64],
    ) -> Result<Self::Lifted<'a>> {
        match slots[0] as u32 {
            0 => Ok(None),
            1 => match T::lift_flat(cx, case_slots::<T>(slots)) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(some(error)),
            },
            found => Err(invalid_discriminant(found, 2)),
        }
    }

    #[inline]
    fn load<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Lifted<'a>> {
        match read_discriminant(bytes, Self::CASES) {
            0 => Ok(None),
            1 => {
                let range = case_bytes::<T, H>(cx, bytes, Self::OFFSETS);
                match T::load(cx, &bytes[range]) {
                    Ok(value) => Ok(Some(value)),
                    Err(error) => Err(some(error)),
                }
            }
            found => Err(invalid_discriminant(found, 2)),
        }
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Slice<'a>> {
        Self::load_list(cx, bytes)
    }
}

#[cold]
fn some(error: Error) -> Error {
    error.within_name("some")
}

impl<T: ComponentType, E: ComponentType> ComponentType for Result<T, E> {
    const ABI: Abi = Abi::variant(&[T::ABI, E::ABI]);

    fn describe(types: &mut TypeTable) -> Result<Option<ValType>> {
        let ok = T::describe(types)?;
        let err = E::describe(types)?;
        types.result(ok, err).map(Some)
    }
}

impl<T: ComponentType, E: ComponentType> Sum for Result<T, E> {
    const CASES: usize = 2;
    const OFFSETS: [usize; 2] = Abi::payload_offsets(&[T::ABI, E::ABI]);
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    #[inline(always)]
    fn lower_flat<G: Guest>(&self, cx: &mut LowerContext<G>, slots: &mut [u64]) -> Result<()> {
        match self {
            Ok(payload) => lower_case(cx, slots, 0, payload),
            Err(payload) => lower_case(cx, slots, 1, payload),
        }
    }

    #[inline]
    fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
        match self {
            Ok(payload) => store_case(cx, at, 0, Self::CASES, Self::OFFSETS, payload),
            Err(payload) => store_case(cx, at, 1, Self::CASES, Self::OFFSETS, payload),
        }
    }

    #[inline]
    fn write(&self, bytes: &mut [u8]) {
        match self {
            Ok(payload) => write_case(bytes, 0, Self::CASES, Self::OFFSETS, payload),
            Err(payload) => write_case(bytes, 1, Self::CASES, Self::OFFSETS, payload),
        }
    }
}

impl<T: Lift, E: Lift> Lift for Result<T, E> {
    type Lifted<'a> = Result<T::Lifted<'a>, E::Lifted<'a>>;
    type Slice<'a> = Vec<Self::Lifted<'a>>;

    #[inline]
    fn lift_flat<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        slots: &[u64],
    ) -> Result<Self::Lifted<'a>> {
        match slots[0] as u32 {
            0 => match T::lift_flat(cx, case_slots::<T>(slots)) {
                Ok(value) => Ok(Ok(value)),
                Err(error) => Err(error.within_name("ok")),
            },
            1 => match E::lift_flat(cx, case_slots::<E>(slots)) {
                Ok(value) => Ok(Err(value)),
                Err(error) => Err(error.within_name("error")),
            },
            found => Err(invalid_discriminant(found, 2)),
        }
    }

    #[inline]
    fn load<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Lifted<'a>> {
        match read_discriminant(bytes, Self::CASES) {
            0 => {
                let range = case_bytes::<T, H>(cx, bytes, Self::OFFSETS);
                match T::load(cx, &bytes[range]) {
                    Ok(value) => Ok(Ok(value)),
                    Err(error) => Err(error.within_name("ok")),
                }
            }
            1 => {
                let range = case_bytes::<E, H>(cx, bytes, Self::OFFSETS);
                match E::load(cx, &bytes[range]) {
                    Ok(value) => Ok(Err(value)),
                    Err(error) => Err(error.within_name("error")),
                }
            }
            found => Err(invalid_discriminant(found, 2)),
        }
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<Self::Slice<'a>> {
        Self::load_list(cx, bytes)
    }
}
