//! What the operators on vectors of floats compute, as [`integer`] has those
//! on integers. Nothing here branches, and nothing calls a library of
//! mathematics but the fused multiplications: rounding is done with additions
//! that push the fraction out, which round to the nearest even integer.
//!
//! [`integer`]: super::integer

use super::integer::{binary, compare, lanewise, ternary, unary};
use super::lanes::{low, map, zip, zip3};
use super::shape::{Binary, Ternary, Unary};

unary! {
    F32x4Abs [f32; 4], |a| map(a, f32::abs);
    F32x4Neg [f32; 4], |a| map(a, |x| -x);
    F32x4Sqrt [f32; 4], |a| map(a, f32::sqrt);
    F32x4Ceil [f32; 4], |a| map(a, ceil32);
    F32x4Floor [f32; 4], |a| map(a, floor32);
    F32x4Trunc [f32; 4], |a| map(a, trunc32);
    F32x4Nearest [f32; 4], |a| map(a, nearest32);
    F64x2Abs [f64; 2], |a| map(a, f64::abs);
    F64x2Neg [f64; 2], |a| map(a, |x| -x);
    F64x2Sqrt [f64; 2], |a| map(a, f64::sqrt);
    F64x2Ceil [f64; 2], |a| map(a, ceil64);
    F64x2Floor [f64; 2], |a| map(a, floor64);
    F64x2Trunc [f64; 2], |a| map(a, trunc64);
    F64x2Nearest [f64; 2], |a| map(a, nearest64);
    I32x4TruncSatF32x4S [f32; 4], |a| map(a, |x| x as i32);
    I32x4TruncSatF32x4U [f32; 4], |a| map(a, |x| x as u32);
    I32x4TruncSatF64x2SZero [f64; 2], |a| [a[0] as i32, a[1] as i32, 0, 0];
    I32x4TruncSatF64x2UZero [f64; 2], |a| [a[0] as u32, a[1] as u32, 0, 0];
    F32x4ConvertI32x4S [i32; 4], |a| map(a, |x| x as f32);
    F32x4ConvertI32x4U [u32; 4], |a| map(a, |x| x as f32);
    F64x2ConvertLowI32x4S [i32; 4], |a| low::<_, f64, 4, 2>(a, f64::from);
    F64x2ConvertLowI32x4U [u32; 4], |a| low::<_, f64, 4, 2>(a, f64::from);
    F32x4DemoteF64x2Zero [f64; 2], |a| [a[0] as f32, a[1] as f32, 0.0, 0.0];
    F64x2PromoteLowF32x4 [f32; 4], |a| low::<_, f64, 4, 2>(a, f64::from);
    F32x4NormalizeNan [f32; 4], |a| {
        map(a, |x| if x.is_nan() { f32::from_bits(0x7fc0_0000) } else { x })
    };
    F64x2NormalizeNan [f64; 2], |a| {
        map(a, |x| if x.is_nan() { f64::from_bits(0x7ff8 << 48) } else { x })
    };
}

lanewise! {
    F32x4Add [f32; 4], |x, y| x + y;
    F32x4Sub [f32; 4], |x, y| x - y;
    F32x4Mul [f32; 4], |x, y| x * y;
    F32x4Div [f32; 4], |x, y| x / y;
    F32x4Min [f32; 4], min32;
    F32x4Max [f32; 4], max32;
    F32x4PMin [f32; 4], |x, y| if y < x { y } else { x };
    F32x4PMax [f32; 4], |x, y| if x < y { y } else { x };
    F64x2Add [f64; 2], |x, y| x + y;
    F64x2Sub [f64; 2], |x, y| x - y;
    F64x2Mul [f64; 2], |x, y| x * y;
    F64x2Div [f64; 2], |x, y| x / y;
    F64x2Min [f64; 2], min64;
    F64x2Max [f64; 2], max64;
    F64x2PMin [f64; 2], |x, y| if y < x { y } else { x };
    F64x2PMax [f64; 2], |x, y| if x < y { y } else { x };
}

compare! { i32;
    F32x4Eq [f32; 4], ==; F32x4Ne [f32; 4], !=; F32x4Lt [f32; 4], <;
    F32x4Gt [f32; 4], >; F32x4Le [f32; 4], <=; F32x4Ge [f32; 4], >=;
}

compare! { i64;
    F64x2Eq [f64; 2], ==; F64x2Ne [f64; 2], !=; F64x2Lt [f64; 2], <;
    F64x2Gt [f64; 2], >; F64x2Le [f64; 2], <=; F64x2Ge [f64; 2], >=;
}

ternary! {
    F32x4RelaxedMadd [f32; 4], [f32; 4], |a, b, c| zip3(a, b, c, |x, y, z| x.mul_add(y, z));
    F32x4RelaxedNmadd [f32; 4], [f32; 4], |a, b, c| zip3(a, b, c, |x, y, z| (-x).mul_add(y, z));
    F64x2RelaxedMadd [f64; 2], [f64; 2], |a, b, c| zip3(a, b, c, |x, y, z| x.mul_add(y, z));
    F64x2RelaxedNmadd [f64; 2], [f64; 2], |a, b, c| zip3(a, b, c, |x, y, z| (-x).mul_add(y, z));
}

macro_rules! floats {
    ($float:ident $bits:ident, integers from $whole:literal, quiet $quiet:literal;
     $nearest:ident $trunc:ident $ceil:ident $floor:ident $min:ident $max:ident) => {
        /// The nearest integer, of two the even one.
        #[inline(always)]
        fn $nearest(a: $float) -> $float {
            const SIGN: $bits = 1 << ($bits::BITS - 1);
            let magnitude = a.abs();
            let rounded = (magnitude + $whole) - $whole;
            // From `$whole` on, all numbers are integers.
            let rounded = if magnitude < $whole {
                rounded
            } else {
                magnitude
            };
            let signed = rounded.to_bits() | a.to_bits() & SIGN;
            $float::from_bits(if a.is_nan() {
                a.to_bits() | $quiet
            } else {
                signed
            })
        }

        /// The next integer towards zero.
        #[inline(always)]
        fn $trunc(a: $float) -> $float {
            let rounded = $nearest(a);
            let magnitude = if rounded.abs() > a.abs() {
                rounded.abs() - 1.0
            } else {
                rounded
            };
            magnitude.copysign(a)
        }

        /// The next integer above.
        #[inline(always)]
        fn $ceil(a: $float) -> $float {
            let rounded = $nearest(a);
            (if rounded < a { rounded + 1.0 } else { rounded }).copysign(a)
        }

        /// The next integer below.
        #[inline(always)]
        fn $floor(a: $float) -> $float {
            let rounded = $nearest(a);
            (if rounded > a { rounded - 1.0 } else { rounded }).copysign(a)
        }

        /// The smaller operand; a NaN if there is one, and -0 below +0.
        #[inline(always)]
        fn $min(a: $float, b: $float) -> $float {
            let smaller = if a < b { a } else { b };
            let equal = $float::from_bits(a.to_bits() | b.to_bits());
            let number = if a == b { equal } else { smaller };
            if a.is_nan() | b.is_nan() {
                a + b
            } else {
                number
            }
        }

        /// The larger operand; a NaN if there is one, and +0 above -0.
        #[inline(always)]
        fn $max(a: $float, b: $float) -> $float {
            let larger = if a > b { a } else { b };
            let equal = $float::from_bits(a.to_bits() & b.to_bits());
            let number = if a == b { equal } else { larger };
            if a.is_nan() | b.is_nan() {
                a + b
            } else {
                number
            }
        }
    };
}

floats! {
    f32 u32, integers from 8_388_608.0, quiet 0x0040_0000;
    nearest32 trunc32 ceil32 floor32 min32 max32
}

floats! {
    f64 u64, integers from 4_503_599_627_370_496.0, quiet 0x0008_0000_0000_0000;
    nearest64 trunc64 ceil64 floor64 min64 max64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers around every border that rounding has.
    fn samples() -> impl Iterator<Item = f32> {
        let near = [
            0.0,
            0.25,
            0.5,
            0.75,
            1.0,
            1.5,
            2.5,
            3.5,
            4_194_303.5,
            4_194_304.5,
            8_388_607.0,
            8_388_607.5,
            8_388_608.0,
            8_388_609.0,
            3.0e9,
            1.0e30,
            f32::MAX,
            f32::MIN_POSITIVE,
            1.0e-45,
            f32::INFINITY,
        ];
        near.into_iter().flat_map(|x: f32| {
            [x, x.next_up(), x.next_down()]
                .into_iter()
                .flat_map(|x| [x, -x])
        })
    }

    #[test]
    fn rounding_agrees_with_the_library() {
        for x in samples().filter(|x| !x.is_nan()) {
            let wide = f64::from(x);
            for (ours, theirs) in [
                (nearest32(x), x.round_ties_even()),
                (trunc32(x), x.trunc()),
                (ceil32(x), x.ceil()),
                (floor32(x), x.floor()),
            ] {
                assert_eq!(ours.to_bits(), theirs.to_bits(), "{x}");
            }
            for (ours, theirs) in [
                (nearest64(wide), wide.round_ties_even()),
                (trunc64(wide), wide.trunc()),
                (ceil64(wide), wide.ceil()),
                (floor64(wide), wide.floor()),
            ] {
                assert_eq!(ours.to_bits(), theirs.to_bits(), "{wide}");
            }
        }
    }

    #[test]
    fn rounding_keeps_payloads_and_quiets_nans() {
        for f in [nearest32, trunc32, ceil32, floor32] {
            assert_eq!(f(f32::from_bits(0xff80_0001)).to_bits(), 0xffc0_0001);
        }
        for f in [nearest64, trunc64, ceil64, floor64] {
            assert_eq!(
                f(f64::from_bits(0x7ff0 << 48 | 1)).to_bits(),
                0x7ff8 << 48 | 1
            );
        }
    }

    #[test]
    fn zeros_have_an_order_in_min_and_max() {
        assert_eq!(min32(0.0, -0.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(max64(-0.0, 0.0).to_bits(), 0);
        assert!(min32(f32::NAN, 1.0).is_nan() && max64(1.0, f64::NAN).is_nan());
        assert_eq!((min64(2.0, 1.0), max32(2.0, 1.0)), (1.0, 2.0));
    }
}
