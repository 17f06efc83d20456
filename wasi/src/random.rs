//! Random bytes: secure ones of the host, and repeatable ones.

use std::io;

/// Where random bytes come from.
pub trait Random: Send {
    /// Fills the bytes.
    ///
    /// # Errors
    ///
    /// If the source has nothing to give.
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()>;
}

/// The host's source of secure random bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(|error| io::Error::other(error.to_string()))
    }
}

/// Bytes that follow from a seed (SplitMix64): for repeatable runs and for what a
/// program knows to be insecure.
#[derive(Clone, Copy, Debug)]
pub struct SeededRandom(u64);

impl SeededRandom {
    /// The bytes that follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> SeededRandom {
        SeededRandom(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_all() {
        let bytes = |seed, count| {
            let mut bytes = vec![0; count];
            SeededRandom::new(seed).fill(&mut bytes).expect("a seed");
            bytes
        };
        assert_eq!(bytes(1, 13), bytes(1, 13));
        assert_eq!(bytes(1, 13)[..5], bytes(1, 5)[..]);
        assert_ne!(bytes(1, 13), bytes(2, 13));
        // The first word of SplitMix64 for the seed 0, as published.
        assert_eq!(bytes(0, 8), 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
    }
}
