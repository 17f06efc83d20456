//! 128-bit vectors in scripts: lanes of integers, or of floats with patterns
//! for NaNs, against the bits of a vector. Lane 0 is the lowest.

use wast::core::{NanPattern, V128Const, V128Pattern};

use super::floats;

/// The bits of a constant.
pub(super) fn bits(constant: &V128Const) -> u128 {
    u128::from_le_bytes(constant.to_le_bytes())
}

/// Whether the vector `found` has the lanes that `expected` describes.
pub(super) fn matches(expected: &V128Pattern, found: u128) -> bool {
    let found = found.to_le_bytes();
    match expected {
        V128Pattern::I8x16(lanes) => lanes.map(i8::to_le_bytes).as_flattened() == found,
        V128Pattern::I16x8(lanes) => lanes.map(i16::to_le_bytes).as_flattened() == found,
        V128Pattern::I32x4(lanes) => lanes.map(i32::to_le_bytes).as_flattened() == found,
        V128Pattern::I64x2(lanes) => lanes.map(i64::to_le_bytes).as_flattened() == found,
        V128Pattern::F32x4(lanes) => lanes
            .iter()
            .zip(found.as_chunks().0)
            .all(|(expected, found)| floats::is_f32(expected, u32::from_le_bytes(*found))),
        V128Pattern::F64x2(lanes) => lanes
            .iter()
            .zip(found.as_chunks().0)
            .all(|(expected, found)| floats::is_f64(expected, u64::from_le_bytes(*found))),
    }
}

/// A pattern, for people.
pub(super) fn show_pattern(pattern: &V128Pattern) -> String {
    match pattern {
        V128Pattern::I8x16(lanes) => format!("i8x16 {lanes:?}"),
        V128Pattern::I16x8(lanes) => format!("i16x8 {lanes:?}"),
        V128Pattern::I32x4(lanes) => format!("i32x4 {lanes:?}"),
        V128Pattern::I64x2(lanes) => format!("i64x2 {lanes:?}"),
        V128Pattern::F32x4(lanes) => {
            let show = |lane: &NanPattern<_>| {
                floats::show_pattern(lane, |value: &wast::token::F32| {
                    floats::show_f32(value.bits)
                })
            };
            format!("f32x4 [{}]", lanes.each_ref().map(show).join(", "))
        }
        V128Pattern::F64x2(lanes) => {
            let show = |lane: &NanPattern<_>| {
                floats::show_pattern(lane, |value: &wast::token::F64| {
                    floats::show_f64(value.bits)
                })
            };
            format!("f64x2 [{}]", lanes.each_ref().map(show).join(", "))
        }
    }
}

/// A vector, for people, in each shape that a script may have meant.
pub(super) fn show(bits: u128) -> String {
    let bytes = bits.to_le_bytes();
    let narrow = bytes
        .as_chunks()
        .0
        .iter()
        .map(|lane| u32::from_le_bytes(*lane));
    let floats: Vec<f32> = narrow.clone().map(f32::from_bits).collect();
    let narrow: Vec<String> = narrow.map(|lane| format!("0x{lane:08x}")).collect();
    format!("v128 i32x4 [{}], f32x4 {floats:?}", narrow.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_start_at_the_lowest_bits() {
        let mut lanes = [0_i16; 8];
        lanes[0] = -1;
        lanes[1] = 2;
        assert!(matches(&V128Pattern::I16x8(lanes), 0x2_ffff));
        assert!(!matches(&V128Pattern::I16x8(lanes), 0x2_ffff << 16));
        assert_eq!(bits(&V128Const::I64x2([1, -1])), u128::MAX << 64 | 1);
    }

    #[test]
    fn each_lane_has_a_pattern_of_its_own() {
        let value = |value: f32| {
            NanPattern::Value(wast::token::F32 {
                bits: value.to_bits(),
            })
        };
        let lanes = [
            NanPattern::CanonicalNan,
            value(1.0),
            NanPattern::ArithmeticNan,
            value(-0.0),
        ];
        let vector = |lanes: [u32; 4]| {
            let upwards = lanes.iter().rev();
            upwards.fold(0, |bits, lane| bits << 32 | u128::from(*lane))
        };
        let good = [0x7fc0_0000, 0x3f80_0000, 0x7fc0_0001, 0x8000_0000];
        let expected = V128Pattern::F32x4(lanes);
        assert!(matches(&expected, vector(good)));
        for lane in 0..4 {
            let mut bad = good;
            bad[lane] ^= 1;
            assert_eq!(matches(&expected, vector(bad)), lane == 2, "lane {lane}");
        }
    }
}
