//! What the numeric operators compute, one type an operator, named as in the
//! translator's lists. Pure functions: a test can call them without a
//! machine.
//!
//! Integers have no sign in WebAssembly; an operator that gives them one
//! takes its operands as a signed type.

use crate::trap::Trap;

use super::operand::Value;

/// An operator of one operand.
pub(super) trait Unary {
    type From: Value;
    type To: Value;
    fn eval(a: Self::From) -> Result<Self::To, Trap>;
}

/// An operator of two operands of one type, with a result of the same type.
pub(super) trait Binary {
    type T: Value;
    fn eval(a: Self::T, b: Self::T) -> Result<Self::T, Trap>;
}

/// A comparison.
pub(super) trait Compare {
    type T: Value;
    fn eval(a: Self::T, b: Self::T) -> bool;
}

macro_rules! unary {
    ($($name:ident $from:ident $to:ident |$a:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Unary for $name {
            type From = $from;
            type To = $to;
            #[inline(always)]
            fn eval($a: $from) -> Result<$to, Trap> {
                Ok($value)
            }
        }
    )*};
}

macro_rules! truncations {
    ($($name:ident $from:ident $to:ident, above $low:literal, below $high:literal;)*) => {$(
        pub(super) struct $name;
        impl Unary for $name {
            type From = $from;
            type To = $to;
            #[inline(always)]
            fn eval(a: $from) -> Result<$to, Trap> {
                if a > $low && a < $high {
                    Ok(a as $to)
                } else if a.is_nan() {
                    Err(Trap::InvalidConversionToInteger)
                } else {
                    Err(Trap::IntegerOverflow)
                }
            }
        }
    )*};
}

macro_rules! binary {
    ($($name:ident $ty:ident |$a:ident, $b:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Binary for $name {
            type T = $ty;
            #[inline(always)]
            fn eval($a: $ty, $b: $ty) -> Result<$ty, Trap> {
                Ok($value)
            }
        }
    )*};
}

macro_rules! divisions {
    ($($name:ident $ty:ident |$a:ident, $b:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Binary for $name {
            type T = $ty;
            #[inline(always)]
            fn eval($a: $ty, $b: $ty) -> Result<$ty, Trap> {
                if $b == 0 {
                    return Err(Trap::IntegerDivideByZero);
                }
                $value
            }
        }
    )*};
}

macro_rules! compare {
    ($($name:ident $ty:ident $op:tt;)*) => {$(
        pub(super) struct $name;
        impl Compare for $name {
            type T = $ty;
            #[inline(always)]
            fn eval(a: $ty, b: $ty) -> bool {
                a $op b
            }
        }
    )*};
}

unary! {
    I32Clz u32 u32 |a| a.leading_zeros();
    I32Ctz u32 u32 |a| a.trailing_zeros();
    I32Popcnt u32 u32 |a| a.count_ones();
    I64Clz u64 u64 |a| u64::from(a.leading_zeros());
    I64Ctz u64 u64 |a| u64::from(a.trailing_zeros());
    I64Popcnt u64 u64 |a| u64::from(a.count_ones());
    F32Abs f32 f32 |a| a.abs();
    F32Neg f32 f32 |a| -a;
    F32Ceil f32 f32 |a| quiet32(a, a.ceil());
    F32Floor f32 f32 |a| quiet32(a, a.floor());
    F32Trunc f32 f32 |a| quiet32(a, a.trunc());
    F32Nearest f32 f32 |a| quiet32(a, a.round_ties_even());
    F32Sqrt f32 f32 |a| a.sqrt();
    F64Abs f64 f64 |a| a.abs();
    F64Neg f64 f64 |a| -a;
    F64Ceil f64 f64 |a| quiet64(a, a.ceil());
    F64Floor f64 f64 |a| quiet64(a, a.floor());
    F64Trunc f64 f64 |a| quiet64(a, a.trunc());
    F64Nearest f64 f64 |a| quiet64(a, a.round_ties_even());
    F64Sqrt f64 f64 |a| a.sqrt();
    I32TruncSatF32S f32 i32 |a| a as i32;
    I32TruncSatF32U f32 u32 |a| a as u32;
    I32TruncSatF64S f64 i32 |a| a as i32;
    I32TruncSatF64U f64 u32 |a| a as u32;
    I64TruncSatF32S f32 i64 |a| a as i64;
    I64TruncSatF32U f32 u64 |a| a as u64;
    I64TruncSatF64S f64 i64 |a| a as i64;
    I64TruncSatF64U f64 u64 |a| a as u64;
    I64ExtendI32S i32 i64 |a| i64::from(a);
    I64ExtendI32U u32 u64 |a| u64::from(a);
    F32ConvertI32S i32 f32 |a| a as f32;
    F32ConvertI32U u32 f32 |a| a as f32;
    F32ConvertI64S i64 f32 |a| a as f32;
    F32ConvertI64U u64 f32 |a| a as f32;
    F64ConvertI32S i32 f64 |a| f64::from(a);
    F64ConvertI32U u32 f64 |a| f64::from(a);
    F64ConvertI64S i64 f64 |a| a as f64;
    F64ConvertI64U u64 f64 |a| a as f64;
    F32DemoteF64 f64 f32 |a| a as f32;
    F64PromoteF32 f32 f64 |a| f64::from(a);
    I32Extend8S u32 i32 |a| i32::from(a as i8);
    I32Extend16S u32 i32 |a| i32::from(a as i16);
    I64Extend8S u64 i64 |a| i64::from(a as i8);
    I64Extend16S u64 i64 |a| i64::from(a as i16);
    I64Extend32S u64 i64 |a| i64::from(a as i32);
    F32NormalizeNan f32 f32 |a| if a.is_nan() { f32::from_bits(0x7fc0_0000) } else { a };
    F64NormalizeNan f64 f64 |a| if a.is_nan() { f64::from_bits(0x7ff8 << 48) } else { a };
}

// Each bound is the nearest float outside the range of results.
truncations! {
    I32TruncF32S f32 i32, above -2_147_483_904.0, below 2_147_483_648.0;
    I32TruncF32U f32 u32, above -1.0, below 4_294_967_296.0;
    I32TruncF64S f64 i32, above -2_147_483_649.0, below 2_147_483_648.0;
    I32TruncF64U f64 u32, above -1.0, below 4_294_967_296.0;
    I64TruncF32S f32 i64, above -9_223_373_136_366_403_584.0, below 9_223_372_036_854_775_808.0;
    I64TruncF32U f32 u64, above -1.0, below 18_446_744_073_709_551_616.0;
    I64TruncF64S f64 i64, above -9_223_372_036_854_777_856.0, below 9_223_372_036_854_775_808.0;
    I64TruncF64U f64 u64, above -1.0, below 18_446_744_073_709_551_616.0;
}

binary! {
    I32Add u32 |a, b| a.wrapping_add(b);
    I32Sub u32 |a, b| a.wrapping_sub(b);
    I32Mul u32 |a, b| a.wrapping_mul(b);
    I32And u32 |a, b| a & b;
    I32Or u32 |a, b| a | b;
    I32Xor u32 |a, b| a ^ b;
    I32Shl u32 |a, b| a.wrapping_shl(b);
    I32ShrS i32 |a, b| a.wrapping_shr(b.cast_unsigned());
    I32ShrU u32 |a, b| a.wrapping_shr(b);
    I32Rotl u32 |a, b| a.rotate_left(b & 31);
    I32Rotr u32 |a, b| a.rotate_right(b & 31);
    I64Add u64 |a, b| a.wrapping_add(b);
    I64Sub u64 |a, b| a.wrapping_sub(b);
    I64Mul u64 |a, b| a.wrapping_mul(b);
    I64And u64 |a, b| a & b;
    I64Or u64 |a, b| a | b;
    I64Xor u64 |a, b| a ^ b;
    I64Shl u64 |a, b| a.wrapping_shl(b as u32);
    I64ShrS i64 |a, b| a.wrapping_shr(b as u32);
    I64ShrU u64 |a, b| a.wrapping_shr(b as u32);
    I64Rotl u64 |a, b| a.rotate_left((b & 63) as u32);
    I64Rotr u64 |a, b| a.rotate_right((b & 63) as u32);
    F32Add f32 |a, b| a + b;
    F32Sub f32 |a, b| a - b;
    F32Mul f32 |a, b| a * b;
    F32Div f32 |a, b| a / b;
    F32Min f32 |a, b| min32(a, b);
    F32Max f32 |a, b| max32(a, b);
    F32Copysign f32 |a, b| a.copysign(b);
    F64Add f64 |a, b| a + b;
    F64Sub f64 |a, b| a - b;
    F64Mul f64 |a, b| a * b;
    F64Div f64 |a, b| a / b;
    F64Min f64 |a, b| min64(a, b);
    F64Max f64 |a, b| max64(a, b);
    F64Copysign f64 |a, b| a.copysign(b);
}

divisions! {
    I32DivS i32 |a, b| a.checked_div(b).ok_or(Trap::IntegerOverflow);
    I32DivU u32 |a, b| Ok(a / b);
    I32RemS i32 |a, b| Ok(a.wrapping_rem(b));
    I32RemU u32 |a, b| Ok(a % b);
    I64DivS i64 |a, b| a.checked_div(b).ok_or(Trap::IntegerOverflow);
    I64DivU u64 |a, b| Ok(a / b);
    I64RemS i64 |a, b| Ok(a.wrapping_rem(b));
    I64RemU u64 |a, b| Ok(a % b);
}

compare! {
    I32Eq u32 ==; I32Ne u32 !=;
    I32LtS i32 <; I32LtU u32 <; I32GtS i32 >; I32GtU u32 >;
    I32LeS i32 <=; I32LeU u32 <=; I32GeS i32 >=; I32GeU u32 >=;
    I64Eq u64 ==; I64Ne u64 !=;
    I64LtS i64 <; I64LtU u64 <; I64GtS i64 >; I64GtU u64 >;
    I64LeS i64 <=; I64LeU u64 <=; I64GeS i64 >=; I64GeU u64 >=;
    F32Eq f32 ==; F32Ne f32 !=; F32Lt f32 <; F32Gt f32 >; F32Le f32 <=; F32Ge f32 >=;
    F64Eq f64 ==; F64Ne f64 !=; F64Lt f64 <; F64Gt f64 >; F64Le f64 <=; F64Ge f64 >=;
}

/// Rounding must answer a quiet NaN for any NaN, which not every platform's
/// mathematics library does.
#[inline(always)]
fn quiet32(a: f32, rounded: f32) -> f32 {
    if a.is_nan() {
        f32::from_bits(a.to_bits() | 0x0040_0000)
    } else {
        rounded
    }
}

/// See [`quiet32`].
#[inline(always)]
fn quiet64(a: f64, rounded: f64) -> f64 {
    if a.is_nan() {
        f64::from_bits(a.to_bits() | 0x0008 << 48)
    } else {
        rounded
    }
}

macro_rules! extremes {
    ($($min:ident $max:ident $ty:ident;)*) => {$(
        /// The smaller operand; a NaN if there is one, and -0 below +0.
        #[inline(always)]
        fn $min(a: $ty, b: $ty) -> $ty {
            if a < b {
                a
            } else if b < a {
                b
            } else if a == b {
                $ty::from_bits(a.to_bits() | b.to_bits())
            } else {
                a + b
            }
        }

        /// The larger operand; a NaN if there is one, and +0 above -0.
        #[inline(always)]
        fn $max(a: $ty, b: $ty) -> $ty {
            if a > b {
                a
            } else if b > a {
                b
            } else if a == b {
                $ty::from_bits(a.to_bits() & b.to_bits())
            } else {
                a + b
            }
        }
    )*};
}

extremes! {
    min32 max32 f32;
    min64 max64 f64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_traps_outside_the_range_only() {
        assert_eq!(I32TruncF64S::eval(-2_147_483_648.9), Ok(i32::MIN));
        assert_eq!(
            I32TruncF64S::eval(-2_147_483_649.0),
            Err(Trap::IntegerOverflow)
        );
        assert_eq!(I32TruncF32S::eval(-2_147_483_648.0), Ok(i32::MIN));
        assert_eq!(
            I64TruncF32S::eval(-9_223_372_036_854_775_808.0),
            Ok(i64::MIN)
        );
        assert_eq!(
            I64TruncF64S::eval(-9_223_372_036_854_775_808.0),
            Ok(i64::MIN)
        );
        assert_eq!(I64TruncF64U::eval(-0.9), Ok(0));
        assert_eq!(
            I64TruncF64U::eval(f64::NAN),
            Err(Trap::InvalidConversionToInteger)
        );
        assert_eq!(
            I32TruncF32U::eval(f32::INFINITY),
            Err(Trap::IntegerOverflow)
        );
    }

    #[test]
    fn zeros_have_an_order_in_min_and_max() {
        assert_eq!(min64(0.0, -0.0).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(max32(-0.0, 0.0).to_bits(), 0);
        assert!(min32(f32::NAN, 1.0).is_nan());
        assert!(max64(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn rounding_quiets_signalling_nans() {
        let signalling = f32::from_bits(0x7f80_0001);
        assert_eq!(F32Floor::eval(signalling).unwrap().to_bits(), 0x7fc0_0001);
        assert_eq!(F64Nearest::eval(2.5), Ok(2.0));
        assert_eq!(
            F64Nearest::eval(-0.4).unwrap().to_bits(),
            (-0.0_f64).to_bits()
        );
    }

    #[test]
    fn division_has_two_traps() {
        assert_eq!(I32DivS::eval(i32::MIN, -1), Err(Trap::IntegerOverflow));
        assert_eq!(I32RemS::eval(i32::MIN, -1), Ok(0));
        assert_eq!(I64DivU::eval(1, 0), Err(Trap::IntegerDivideByZero));
    }
}
