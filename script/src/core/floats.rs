//! Floating-point results in scripts: bits, or a kind of NaN.

use wast::core::NanPattern;
use wast::token::{F32, F64};

/// Whether the bits of an `f32` are what `expected` describes.
pub(super) fn is_f32(expected: &NanPattern<F32>, found: u32) -> bool {
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => found & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(expected) => expected.bits == found,
    }
}

/// Whether the bits of an `f64` are what `expected` describes.
pub(super) fn is_f64(expected: &NanPattern<F64>, found: u64) -> bool {
    match expected {
        NanPattern::CanonicalNan => found & (u64::MAX >> 1) == 0x7ff8 << 48,
        NanPattern::ArithmeticNan => found & (0x7ff8 << 48) == 0x7ff8 << 48,
        NanPattern::Value(expected) => expected.bits == found,
    }
}

/// An `f32`, for people: the bits too, since scripts compare those.
pub(super) fn show_f32(bits: u32) -> String {
    format!("{} (0x{bits:08x})", f32::from_bits(bits))
}

/// An `f64`, for people: the bits too, since scripts compare those.
pub(super) fn show_f64(bits: u64) -> String {
    format!("{} (0x{bits:016x})", f64::from_bits(bits))
}

/// A pattern for a float, for people.
pub(super) fn show_pattern<T>(pattern: &NanPattern<T>, show: impl Fn(&T) -> String) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_owned(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_owned(),
        NanPattern::Value(value) => show(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_nans_have_one_payload_and_either_sign() {
        for (bits, is_canonical, is_arithmetic) in [
            (0x7fc0_0000, true, true),
            (0xffc0_0000, true, true),
            (0x7fc0_0001, false, true),
            (0x7f80_0001, false, false),
            (0x7f80_0000, false, false),
        ] {
            let canonical = is_f32(&NanPattern::CanonicalNan, bits);
            assert_eq!(canonical, is_canonical, "{bits:x}");
            let arithmetic = is_f32(&NanPattern::ArithmeticNan, bits);
            assert_eq!(arithmetic, is_arithmetic, "{bits:x}");
        }
        let canonical = NanPattern::CanonicalNan;
        assert!(is_f64(&canonical, f64::NAN.to_bits() | 1 << 63));
        assert!(!is_f64(&canonical, f64::NAN.to_bits() | 1));
        assert!(!is_f64(&canonical, f64::INFINITY.to_bits()));
    }
}
