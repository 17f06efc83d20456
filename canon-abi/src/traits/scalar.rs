//! Numbers, `bool` and `char`: one flat value, `size` bytes in memory.
//!
//! Lists of numbers are written in loops over little-endian arrays, which compile
//! to one copy on a little-endian host.

use super::same::SameBytes;
use super::{Abi, ComponentType, Lift, Lower};
use crate::context::{LiftContext, LowerContext, array};
use crate::memory::{Guest, Handles};
use crate::trap::{Error, Result, Trap};
use crate::types::{TypeTable, ValType};

/// `CANONICAL_FLOAT32_NAN`
pub(crate) const CANONICAL_NAN32: u32 = 0x7fc0_0000;
/// `CANONICAL_FLOAT64_NAN`
pub(crate) const CANONICAL_NAN64: u64 = 0x7ff8_0000_0000_0000;

/// `canonicalize_nan32`
#[inline(always)]
pub(crate) fn canonicalize_nan32(bits: u32) -> f32 {
    let value = f32::from_bits(bits);
    if value.is_nan() {
        f32::from_bits(CANONICAL_NAN32)
    } else {
        value
    }
}

/// `canonicalize_nan64`
#[inline(always)]
pub(crate) fn canonicalize_nan64(bits: u64) -> f64 {
    let value = f64::from_bits(bits);
    if value.is_nan() {
        f64::from_bits(CANONICAL_NAN64)
    } else {
        value
    }
}

/// `convert_i32_to_char`
#[inline]
pub(crate) fn convert_i32_to_char(bits: u32) -> Result<char> {
    char::from_u32(bits).ok_or_else(|| Error::from(Trap::InvalidChar { bits }))
}

/// `ComponentType` and `Lower` of a scalar: its type, its shape, how it looks
/// flat and in memory.
macro_rules! lower_scalar {
    ($ty:ty, $val:ident, $abi:expr, |$value:ident| $flat:expr, $bytes:expr) => {
        impl ComponentType for $ty {
            const ABI: Abi = $abi;

            fn describe(_: &mut TypeTable) -> Result<Option<ValType>> {
                Ok(Some(ValType::$val))
            }
        }

        impl Lower for $ty {
            #[inline(always)]
            fn lower_flat<G: Guest>(
                &self,
                _: &mut LowerContext<G>,
                slots: &mut [u64],
            ) -> Result<()> {
                let $value = *self;
                slots[0] = $flat;
                Ok(())
            }

            #[inline(always)]
            fn store<G: Guest>(&self, cx: &mut LowerContext<G>, at: usize) -> Result<()> {
                self.write(cx.bytes_at(at, size_of::<$ty>())?);
                Ok(())
            }

            #[inline(always)]
            fn write(&self, bytes: &mut [u8]) {
                let $value = *self;
                bytes[..size_of::<$ty>()].copy_from_slice(&$bytes);
            }
        }
    };
}

/// `Lift` of a scalar of which any bytes are a value; how a borrowed list of it
/// looks comes last.
macro_rules! lift_scalar {
    ($ty:ty, |$slot:ident| $flat:expr, |$array:ident| $memory:expr, $slice:item) => {
        impl Lift for $ty {
            type Lifted<'a> = $ty;
            type Slice<'a> = &'a [$ty];

            const SAME_BYTES: SameBytes<Self> = SameBytes::<$ty>::SCALAR;

            #[inline(always)]
            fn lift_flat<'a, H: Handles>(
                _: &mut LiftContext<'a, H>,
                slots: &[u64],
            ) -> Result<$ty> {
                let $slot = slots[0];
                Ok($flat)
            }

            #[inline(always)]
            fn load<'a, H: Handles>(
                _: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> Result<$ty> {
                let $array = array(bytes);
                Ok($memory)
            }

            #[inline(always)]
            fn read(bytes: &[u8]) -> Option<$ty> {
                let $array = array(bytes);
                Some($memory)
            }

            $slice
        }
    };
    ($ty:ty, |$slot:ident| $flat:expr, |$array:ident| $memory:expr) => {
        lift_scalar!(
            $ty,
            |$slot| $flat,
            |$array| $memory,
            #[inline]
            fn load_slice<'a, H: Handles>(
                cx: &mut LiftContext<'a, H>,
                bytes: &'a [u8],
            ) -> Result<&'a [$ty]> {
                let list = Self::load_list(cx, bytes)?;
                Ok(cx.keep(list)?)
            }
        );
    };
}

/// An integer.
macro_rules! integer {
    ($ty:ty, $val:ident, |$value:ident| $lower:expr, |$slot:ident| $lift:expr) => {
        lower_scalar!(
            $ty,
            $val,
            Abi::scalar(size_of::<$ty>() as u32),
            |$value| $lower,
            $value.to_le_bytes()
        );
        lift_scalar!($ty, |$slot| $lift, |bytes| <$ty>::from_le_bytes(bytes));
    };
}

integer!(u16, U16, |value| u64::from(value), |slot| slot as u16);
integer!(u32, U32, |value| u64::from(value), |slot| slot as u32);
integer!(u64, U64, |value| value, |slot| slot);
integer!(i8, S8, |value| sign_extend(value.into()), |slot| slot as i8);
integer!(i16, S16, |value| sign_extend(value.into()), |slot| slot
    as i16);
integer!(i32, S32, |value| sign_extend(value), |slot| slot as i32);
integer!(i64, S64, |value| value as u64, |slot| slot as i64);

/// `lower_flat_signed` to an `i32`.
#[inline(always)]
fn sign_extend(value: i32) -> u64 {
    u64::from(value as u32)
}

lower_scalar!(u8, U8, Abi::scalar(1), |value| u64::from(value), [value]);
lift_scalar!(
    u8,
    |slot| slot as u8,
    |bytes| u8::from_le_bytes(bytes),
    #[inline]
    fn load_slice<'a, H: Handles>(_: &mut LiftContext<'a, H>, bytes: &'a [u8]) -> Result<&'a [u8]> {
        Ok(bytes)
    }
);

lower_scalar!(
    bool,
    Bool,
    Abi::scalar(1),
    |value| u64::from(value),
    [u8::from(value)]
);
lift_scalar!(bool, |slot| slot as u32 != 0, |bytes| u8::from_le_bytes(
    bytes
) != 0);

lower_scalar!(
    f32,
    F32,
    Abi::scalar(4),
    |value| u64::from(value.to_bits()),
    value.to_le_bytes()
);
lift_scalar!(f32, |slot| canonicalize_nan32(slot as u32), |bytes| {
    canonicalize_nan32(u32::from_le_bytes(bytes))
});

lower_scalar!(
    f64,
    F64,
    Abi::scalar(8),
    |value| value.to_bits(),
    value.to_le_bytes()
);
lift_scalar!(f64, |slot| canonicalize_nan64(slot), |bytes| {
    canonicalize_nan64(u64::from_le_bytes(bytes))
});

lower_scalar!(
    char,
    Char,
    Abi::scalar(4).checked(),
    |value| u64::from(u32::from(value)),
    u32::from(value).to_le_bytes()
);

impl Lift for char {
    type Lifted<'a> = Self;
    type Slice<'a> = &'a [Self];

    #[inline]
    fn lift_flat<'a, H: Handles>(_: &mut LiftContext<'a, H>, slots: &[u64]) -> Result<Self> {
        convert_i32_to_char(slots[0] as u32)
    }

    #[inline]
    fn load<'a, H: Handles>(_: &mut LiftContext<'a, H>, bytes: &'a [u8]) -> Result<Self> {
        convert_i32_to_char(u32::from_le_bytes(array(bytes)))
    }

    fn load_slice<'a, H: Handles>(
        cx: &mut LiftContext<'a, H>,
        bytes: &'a [u8],
    ) -> Result<&'a [Self]> {
        let list = Self::load_list(cx, bytes)?;
        Ok(cx.keep(list)?)
    }
}
