//! Makes hostile binaries from good ones, the same ones for the same seed.
//!
//! The changes are those that find holes in decoders: flipped bits, numbers
//! that are suddenly huge, pieces that are cut, doubled, moved or taken from
//! elsewhere in the file. Most results are refused early; changing little keeps
//! enough of them alive to reach linking and running.

/// Numbers in LEB128 that decoders must survive wherever a number may stand.
const HUGE: &[&[u8]] = &[
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x04],
    &[0xff, 0x7f],
    &[0x80, 0x00],
];

/// A generator of numbers: small, fast, and the same everywhere (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator that starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, or 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        let number = self.number().checked_rem(end).unwrap_or(0);
        usize::try_from(number).unwrap_or(0)
    }
}

/// A changed copy of `bytes`: mostly one change, sometimes a few.
#[must_use]
pub fn mutate(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    let changes = [1, 1, 1, 1, 2, 3, 8][random.below(7)];
    for _ in 0..changes {
        change(random, &mut mutant);
    }
    mutant
}

fn change(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    match random.below(9) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.number().to_le_bytes()[0];
            }
        }
        3 => {
            // The byte that stood here was often the number's first.
            let huge = HUGE[random.below(HUGE.len())];
            let end = (at + random.below(3)).min(bytes.len());
            bytes.splice(at..end, huge.iter().copied());
        }
        4 => bytes.truncate(at),
        5 => {
            let end = (at + 1 + random.below(16)).min(bytes.len());
            bytes.drain(at..end);
        }
        6 => {
            let length = 1 + random.below(8);
            let fresh: Vec<u8> = (0..length)
                .map(|_| random.number().to_le_bytes()[0])
                .collect();
            bytes.splice(at..at, fresh);
        }
        7 => {
            let piece = piece(random, bytes);
            bytes.splice(at..at, piece);
        }
        _ => {
            let piece = piece(random, bytes);
            let end = (at + piece.len()).min(bytes.len());
            bytes.splice(at..end, piece);
        }
    }
}

/// A copy of some of `bytes`: short mostly, at times long enough for a section.
fn piece(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let longest = [4, 16, 64, 4096][random.below(4)];
    let start = random.below(bytes.len());
    let end = (start + random.below(longest)).min(bytes.len());
    bytes[start..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_makes_the_same_mutants() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mutants = |seed| {
            let mut random = Random::new(seed);
            (0..100)
                .map(|_| mutate(&mut random, &bytes))
                .collect::<Vec<_>>()
        };
        assert_eq!(mutants(1), mutants(1));
        assert_ne!(mutants(1), mutants(2));
        let changed = mutants(1).iter().filter(|mutant| **mutant != bytes).count();
        assert!(changed > 90, "only {changed} of 100 differ");
    }

    #[test]
    fn nothing_is_too_short_to_change() {
        let mut random = Random::new(7);
        for length in 0..4 {
            for _ in 0..200 {
                let mutant = mutate(&mut random, &vec![0; length]);
                assert!(mutant.len() < 200, "{} bytes", mutant.len());
            }
        }
    }
}
