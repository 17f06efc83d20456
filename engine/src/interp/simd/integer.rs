//! What the operators on vectors of integers and of bits compute, one type an
//! operator, named as in the translator's lists. Pure functions: a test can
//! call them without a machine.

use super::lanes::{high, join, low, map, pairs, zip, zip3};
use super::shape::{Binary, Narrow, Shift, Ternary, Test, Unary, Widen};

macro_rules! unary {
    ($($name:ident $lanes:ty, |$a:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Unary for $name {
            type A = $lanes;
            #[inline(always)]
            fn eval($a: $lanes) -> impl super::lanes::Lanes {
                $value
            }
        }
    )*};
}
pub(super) use unary;

macro_rules! binary {
    ($($name:ident $lanes:ty, |$a:ident, $b:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Binary for $name {
            type A = $lanes;
            #[inline(always)]
            fn eval($a: $lanes, $b: $lanes) -> impl super::lanes::Lanes {
                $value
            }
        }
    )*};
}
pub(super) use binary;

macro_rules! ternary {
    ($($name:ident $lanes:ty, $last:ty, |$a:ident, $b:ident, $c:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Ternary for $name {
            type A = $lanes;
            type C = $last;
            #[inline(always)]
            fn eval($a: $lanes, $b: $lanes, $c: $last) -> $last {
                $value
            }
        }
    )*};
}
pub(super) use ternary;

/// Operators on the lanes of two vectors.
macro_rules! lanewise {
    ($($name:ident $lanes:ty, $f:expr;)*) => {
        binary! { $($name $lanes, |a, b| zip(a, b, $f);)* }
    };
}
pub(super) use lanewise;

/// Comparisons: all bits of a lane are set, or none, as a signed lane says.
macro_rules! compare {
    ($mask:ident; $($name:ident $lanes:ty, $op:tt;)*) => {
        binary! { $($name $lanes, |a, b| zip(a, b, |x, y| -$mask::from(x $op y));)* }
    };
}
pub(super) use compare;

macro_rules! shift {
    ($($name:ident $lanes:ty, $f:path;)*) => {$(
        pub(super) struct $name;
        impl Shift for $name {
            type A = $lanes;
            #[inline(always)]
            fn eval(a: $lanes, count: u32) -> $lanes {
                map(a, |x| $f(x, count))
            }
        }
    )*};
}

macro_rules! test {
    ($($name:ident $lanes:ty, |$a:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Test for $name {
            type A = $lanes;
            #[inline(always)]
            fn eval($a: $lanes) -> u32 {
                $value
            }
        }
    )*};
}

/// Splats and replacements of lanes.
macro_rules! narrow {
    ($($splat:ident $replace:ident $ty:ident $lane:ident $count:literal, |$value:ident| $bits:expr;)*) => {$(
        pub(super) struct $splat;
        pub(super) type $replace = $splat;
        impl Narrow for $splat {
            type T = $ty;
            type Lane = $lane;
            #[inline(always)]
            fn narrow($value: $ty) -> $lane {
                $bits
            }
            #[inline(always)]
            fn splat($value: $ty) -> impl super::lanes::Lanes {
                [$bits; $count]
            }
        }
    )*};
}

macro_rules! widen {
    ($($name:ident $lane:ident $ty:ident, |$bits:ident| $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Widen for $name {
            type T = $ty;
            type Lane = $lane;
            #[inline(always)]
            fn widen($bits: $lane) -> $ty {
                $value
            }
        }
    )*};
}

narrow! {
    I8x16Splat I8x16ReplaceLane u32 u8 16, |x| x as u8;
    I16x8Splat I16x8ReplaceLane u32 u16 8, |x| x as u16;
    I32x4Splat I32x4ReplaceLane u32 u32 4, |x| x;
    I64x2Splat I64x2ReplaceLane u64 u64 2, |x| x;
    F32x4Splat F32x4ReplaceLane f32 f32 4, |x| x;
    F64x2Splat F64x2ReplaceLane f64 f64 2, |x| x;
}

widen! {
    I8x16ExtractLaneS i8 i32, |x| i32::from(x);
    I8x16ExtractLaneU u8 u32, |x| u32::from(x);
    I16x8ExtractLaneS i16 i32, |x| i32::from(x);
    I16x8ExtractLaneU u16 u32, |x| u32::from(x);
    I32x4ExtractLane u32 u32, |x| x;
    I64x2ExtractLane u64 u64, |x| x;
    F32x4ExtractLane f32 f32, |x| x;
    F64x2ExtractLane f64 f64, |x| x;
}

unary! {
    V128Not [u64; 2], |a| map(a, |x| !x);
    I8x16Abs [i8; 16], |a| map(a, i8::wrapping_abs);
    I8x16Neg [u8; 16], |a| map(a, u8::wrapping_neg);
    I8x16Popcnt [u8; 16], |a| map(a, |x| x.count_ones() as u8);
    I16x8Abs [i16; 8], |a| map(a, i16::wrapping_abs);
    I16x8Neg [u16; 8], |a| map(a, u16::wrapping_neg);
    I32x4Abs [i32; 4], |a| map(a, i32::wrapping_abs);
    I32x4Neg [u32; 4], |a| map(a, u32::wrapping_neg);
    I64x2Abs [i64; 2], |a| map(a, i64::wrapping_abs);
    I64x2Neg [u64; 2], |a| map(a, u64::wrapping_neg);
    I16x8ExtAddPairwiseI8x16S [i8; 16], |a| pairs::<_, _, 16, 8>(a, |x, y| i16::from(x) + i16::from(y));
    I16x8ExtAddPairwiseI8x16U [u8; 16], |a| pairs::<_, _, 16, 8>(a, |x, y| u16::from(x) + u16::from(y));
    I32x4ExtAddPairwiseI16x8S [i16; 8], |a| pairs::<_, _, 8, 4>(a, |x, y| i32::from(x) + i32::from(y));
    I32x4ExtAddPairwiseI16x8U [u16; 8], |a| pairs::<_, _, 8, 4>(a, |x, y| u32::from(x) + u32::from(y));
    I16x8ExtendLowI8x16S [i8; 16], |a| low::<_, i16, 16, 8>(a, i16::from);
    I16x8ExtendHighI8x16S [i8; 16], |a| high::<_, i16, 16, 8>(a, i16::from);
    I16x8ExtendLowI8x16U [u8; 16], |a| low::<_, u16, 16, 8>(a, u16::from);
    I16x8ExtendHighI8x16U [u8; 16], |a| high::<_, u16, 16, 8>(a, u16::from);
    I32x4ExtendLowI16x8S [i16; 8], |a| low::<_, i32, 8, 4>(a, i32::from);
    I32x4ExtendHighI16x8S [i16; 8], |a| high::<_, i32, 8, 4>(a, i32::from);
    I32x4ExtendLowI16x8U [u16; 8], |a| low::<_, u32, 8, 4>(a, u32::from);
    I32x4ExtendHighI16x8U [u16; 8], |a| high::<_, u32, 8, 4>(a, u32::from);
    I64x2ExtendLowI32x4S [i32; 4], |a| low::<_, i64, 4, 2>(a, i64::from);
    I64x2ExtendHighI32x4S [i32; 4], |a| high::<_, i64, 4, 2>(a, i64::from);
    I64x2ExtendLowI32x4U [u32; 4], |a| low::<_, u64, 4, 2>(a, u64::from);
    I64x2ExtendHighI32x4U [u32; 4], |a| high::<_, u64, 4, 2>(a, u64::from);
}

lanewise! {
    V128And [u64; 2], |x, y| x & y;
    V128AndNot [u64; 2], |x, y| x & !y;
    V128Or [u64; 2], |x, y| x | y;
    V128Xor [u64; 2], |x, y| x ^ y;
    I8x16Add [u8; 16], u8::wrapping_add;
    I8x16AddSatS [i8; 16], i8::saturating_add;
    I8x16AddSatU [u8; 16], u8::saturating_add;
    I8x16Sub [u8; 16], u8::wrapping_sub;
    I8x16SubSatS [i8; 16], i8::saturating_sub;
    I8x16SubSatU [u8; 16], u8::saturating_sub;
    I8x16MinS [i8; 16], Ord::min;
    I8x16MinU [u8; 16], Ord::min;
    I8x16MaxS [i8; 16], Ord::max;
    I8x16MaxU [u8; 16], Ord::max;
    I8x16AvgrU [u8; 16], |x, y| ((u16::from(x) + u16::from(y) + 1) >> 1) as u8;
    I16x8Add [u16; 8], u16::wrapping_add;
    I16x8AddSatS [i16; 8], i16::saturating_add;
    I16x8AddSatU [u16; 8], u16::saturating_add;
    I16x8Sub [u16; 8], u16::wrapping_sub;
    I16x8SubSatS [i16; 8], i16::saturating_sub;
    I16x8SubSatU [u16; 8], u16::saturating_sub;
    I16x8Mul [u16; 8], u16::wrapping_mul;
    I16x8MinS [i16; 8], Ord::min;
    I16x8MinU [u16; 8], Ord::min;
    I16x8MaxS [i16; 8], Ord::max;
    I16x8MaxU [u16; 8], Ord::max;
    I16x8AvgrU [u16; 8], |x, y| ((u32::from(x) + u32::from(y) + 1) >> 1) as u16;
    I16x8Q15MulrSatS [i16; 8], q15mulr;
    I32x4Add [u32; 4], u32::wrapping_add;
    I32x4Sub [u32; 4], u32::wrapping_sub;
    I32x4Mul [u32; 4], u32::wrapping_mul;
    I32x4MinS [i32; 4], Ord::min;
    I32x4MinU [u32; 4], Ord::min;
    I32x4MaxS [i32; 4], Ord::max;
    I32x4MaxU [u32; 4], Ord::max;
    I64x2Add [u64; 2], u64::wrapping_add;
    I64x2Sub [u64; 2], u64::wrapping_sub;
    I64x2Mul [u64; 2], u64::wrapping_mul;
}

compare! { i8;
    I8x16Eq [u8; 16], ==; I8x16Ne [u8; 16], !=;
    I8x16LtS [i8; 16], <; I8x16LtU [u8; 16], <; I8x16GtS [i8; 16], >; I8x16GtU [u8; 16], >;
    I8x16LeS [i8; 16], <=; I8x16LeU [u8; 16], <=; I8x16GeS [i8; 16], >=; I8x16GeU [u8; 16], >=;
}

compare! { i16;
    I16x8Eq [u16; 8], ==; I16x8Ne [u16; 8], !=;
    I16x8LtS [i16; 8], <; I16x8LtU [u16; 8], <; I16x8GtS [i16; 8], >; I16x8GtU [u16; 8], >;
    I16x8LeS [i16; 8], <=; I16x8LeU [u16; 8], <=; I16x8GeS [i16; 8], >=; I16x8GeU [u16; 8], >=;
}

compare! { i32;
    I32x4Eq [u32; 4], ==; I32x4Ne [u32; 4], !=;
    I32x4LtS [i32; 4], <; I32x4LtU [u32; 4], <; I32x4GtS [i32; 4], >; I32x4GtU [u32; 4], >;
    I32x4LeS [i32; 4], <=; I32x4LeU [u32; 4], <=; I32x4GeS [i32; 4], >=; I32x4GeU [u32; 4], >=;
}

compare! { i64;
    I64x2Eq [u64; 2], ==; I64x2Ne [u64; 2], !=;
    I64x2LtS [i64; 2], <; I64x2GtS [i64; 2], >; I64x2LeS [i64; 2], <=; I64x2GeS [i64; 2], >=;
}

binary! {
    I8x16Swizzle [u8; 16], |a, b| map(b, |i| if i < 16 { a[usize::from(i % 16)] } else { 0 });
    I8x16NarrowI16x8S [i16; 8], |a, b| join::<_, i8, 8, 16>(a, b, |x| x.clamp(-0x80, 0x7f) as i8);
    I8x16NarrowI16x8U [i16; 8], |a, b| join::<_, u8, 8, 16>(a, b, |x| x.clamp(0, 0xff) as u8);
    I16x8NarrowI32x4S [i32; 4], |a, b| {
        join::<_, i16, 4, 8>(a, b, |x| x.clamp(-0x8000, 0x7fff) as i16)
    };
    I16x8NarrowI32x4U [i32; 4], |a, b| join::<_, u16, 4, 8>(a, b, |x| x.clamp(0, 0xffff) as u16);
    I32x4DotI16x8S [i16; 8], |a, b| {
        let products: [i32; 8] = zip(a, b, |x, y| i32::from(x) * i32::from(y));
        pairs::<_, i32, 8, 4>(products, i32::wrapping_add)
    };
    I16x8RelaxedDotI8x16I7x16S [i8; 16], |a, b| dot(a, b);
}

/// Products of the extended lanes of two halves.
macro_rules! extended_products {
    ($($low:ident $high:ident [$from:ident; $n:literal] [$to:ident; $m:literal];)*) => {
        binary! {$(
            $low [$from; $n], |a, b| {
                let (a, b) = (low::<_, $to, $n, $m>(a, $to::from), low::<_, $to, $n, $m>(b, $to::from));
                zip(a, b, $to::wrapping_mul)
            };
            $high [$from; $n], |a, b| {
                let (a, b) = (high::<_, $to, $n, $m>(a, $to::from), high::<_, $to, $n, $m>(b, $to::from));
                zip(a, b, $to::wrapping_mul)
            };
        )*}
    };
}

extended_products! {
    I16x8ExtMulLowI8x16S I16x8ExtMulHighI8x16S [i8; 16] [i16; 8];
    I16x8ExtMulLowI8x16U I16x8ExtMulHighI8x16U [u8; 16] [u16; 8];
    I32x4ExtMulLowI16x8S I32x4ExtMulHighI16x8S [i16; 8] [i32; 4];
    I32x4ExtMulLowI16x8U I32x4ExtMulHighI16x8U [u16; 8] [u32; 4];
    I64x2ExtMulLowI32x4S I64x2ExtMulHighI32x4S [i32; 4] [i64; 2];
    I64x2ExtMulLowI32x4U I64x2ExtMulHighI32x4U [u32; 4] [u64; 2];
}

ternary! {
    V128Bitselect [u64; 2], [u64; 2], |a, b, c| zip3(a, b, c, |x, y, mask| x & mask | y & !mask);
    I32x4RelaxedDotI8x16I7x16AddS [i8; 16], [i32; 4], |a, b, c| {
        let products: [i32; 16] = zip(a, b, |x, y| i32::from(x) * i32::from(y));
        let halves: [i32; 8] = pairs(products, i32::wrapping_add);
        zip(pairs(halves, i32::wrapping_add), c, i32::wrapping_add)
    };
}

shift! {
    I8x16Shl [u8; 16], u8::wrapping_shl;
    I8x16ShrS [i8; 16], i8::wrapping_shr;
    I8x16ShrU [u8; 16], u8::wrapping_shr;
    I16x8Shl [u16; 8], u16::wrapping_shl;
    I16x8ShrS [i16; 8], i16::wrapping_shr;
    I16x8ShrU [u16; 8], u16::wrapping_shr;
    I32x4Shl [u32; 4], u32::wrapping_shl;
    I32x4ShrS [i32; 4], i32::wrapping_shr;
    I32x4ShrU [u32; 4], u32::wrapping_shr;
    I64x2Shl [u64; 2], u64::wrapping_shl;
    I64x2ShrS [i64; 2], i64::wrapping_shr;
    I64x2ShrU [u64; 2], u64::wrapping_shr;
}

test! {
    V128AnyTrue [u64; 2], |a| u32::from(a[0] | a[1] != 0);
    I8x16AllTrue [u8; 16], |a| all_true(a);
    I16x8AllTrue [u16; 8], |a| all_true(a);
    I32x4AllTrue [u32; 4], |a| all_true(a);
    I64x2AllTrue [u64; 2], |a| all_true(a);
    I8x16Bitmask [u64; 2], |a| signs8(a[0]) | signs8(a[1]) << 8;
    I16x8Bitmask [u64; 2], |a| signs16(a[0]) | signs16(a[1]) << 4;
    I32x4Bitmask [u64; 2], |a| signs32(a[0]) | signs32(a[1]) << 2;
    I64x2Bitmask [u64; 2], |a| (a[0] >> 63 | a[1] >> 63 << 1) as u32;
}

/// The rounded product of fractions with 15 bits. Only -1 times -1 leaves
/// their range.
#[inline(always)]
fn q15mulr(x: i16, y: i16) -> i16 {
    ((i32::from(x) * i32::from(y) + 0x4000) >> 15).min(0x7fff) as i16
}

/// Sums of the products of neighbours, which wrap only where both products
/// are those of -128 with itself.
#[inline(always)]
fn dot(a: [i8; 16], b: [i8; 16]) -> [i16; 8] {
    let products: [i16; 16] = zip(a, b, |x, y| i16::from(x) * i16::from(y));
    pairs(products, i16::wrapping_add)
}

#[inline(always)]
fn all_true<T: Copy + Default + PartialEq, const N: usize>(a: [T; N]) -> u32 {
    let mut all = true;
    let mut i = 0;
    while i < N {
        all &= a[i] != T::default();
        i += 1;
    }
    u32::from(all)
}

/// The highest bits of the eight bytes of a half: the factor moves bit `8 i`
/// to bit `56 + i`, and no two products meet.
#[inline(always)]
fn signs8(half: u64) -> u32 {
    ((half >> 7 & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

/// The same for four lanes: from bit `16 i` to bit `48 + i`.
#[inline(always)]
fn signs16(half: u64) -> u32 {
    const FACTOR: u64 = 1 << 48 | 1 << 33 | 1 << 18 | 1 << 3;
    ((half >> 15 & 0x0001_0001_0001_0001).wrapping_mul(FACTOR) >> 48) as u32
}

/// The same for two lanes.
#[inline(always)]
fn signs32(half: u64) -> u32 {
    (half >> 31 & 1 | half >> 63 << 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmasks_have_the_sign_of_each_lane() {
        for mask in 0..256_u32 {
            let mut bytes = [0_u8; 8];
            for (lane, byte) in bytes.iter_mut().enumerate() {
                *byte = if mask >> lane & 1 == 1 { 0xff } else { 0x7f };
            }
            assert_eq!(signs8(u64::from_le_bytes(bytes)), mask);
        }
        for mask in 0..16_u32 {
            let lane = |i: u32| {
                u64::from(if mask >> i & 1 == 1 {
                    0xffff_u16
                } else {
                    0x7fff
                })
            };
            let half = lane(0) | lane(1) << 16 | lane(2) << 32 | lane(3) << 48;
            assert_eq!(signs16(half), mask);
        }
        assert_eq!(signs32(0x7fff_ffff_ffff_ffff), 1);
        assert_eq!(signs32(0xffff_ffff_7fff_ffff), 2);
    }

    #[test]
    fn products_of_fractions_saturate_once() {
        assert_eq!(q15mulr(i16::MIN, i16::MIN), i16::MAX);
        assert_eq!(q15mulr(i16::MIN, i16::MAX), -0x7fff);
        assert_eq!(q15mulr(0x4000, 1), 1);
        assert_eq!(q15mulr(-0x4000, 1), 0);
    }

    #[test]
    fn relaxed_dot_products_take_both_operands_as_signed() {
        assert_eq!(dot([-128; 16], [-128; 16]), [i16::MIN; 8]);
        assert_eq!(dot([-1; 16], [127; 16]), [-254; 8]);
        let sums = I32x4RelaxedDotI8x16I7x16AddS::eval([-128; 16], [-128; 16], [i32::MAX; 4]);
        assert_eq!(sums, [i32::MIN + 0xffff; 4]);
    }
}
