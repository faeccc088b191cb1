//! Randomness that a seed decides: SplitMix64 (Steele, Lea, Flood 2014).
//!
//! Not for secrets. One atomic counter is all its state, so that threads share it without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// A generator of random numbers.
#[derive(Debug)]
pub struct Random {
    seed: u64,
    state: AtomicU64,
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The generator of that seed.
    pub fn new(seed: u64) -> Random {
        Random {
            seed,
            state: AtomicU64::new(seed),
        }
    }

    /// What it was made with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// 64 random bits.
    pub fn next_u64(&self) -> u64 {
        let state = self.state.fetch_add(GAMMA, Ordering::Relaxed);
        mix(state.wrapping_add(GAMMA))
    }

    /// 32 bits that stand for a number, the same each time it is asked about.
    pub fn hash(&self, number: u64) -> u32 {
        mix(mix(self.seed).wrapping_add(number)) as u32
    }

    /// 32 random bits, as `bpf_get_prandom_u32` gives them.
    pub fn next_u32(&self) -> u32 {
        (self.next_u64() >> 32) as u32
    }
}

/// The bits of a number, thoroughly mixed.
fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs that the reference implementation gives for seed 1234567.
    #[test]
    fn random_of_a_known_seed_is_splitmix64() {
        let random = Random::new(1_234_567);
        let outputs = [random.next_u64(), random.next_u64(), random.next_u64()];
        let wanted = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(outputs, wanted);
    }

    #[test]
    fn hash_depends_on_the_number_and_the_seed_alone() {
        let [one, other] = [1, 2].map(Random::new);
        let hashed = one.hash(7);
        one.next_u64();
        assert_eq!(one.hash(7), hashed);
        assert_ne!(one.hash(8), hashed);
        assert_ne!(other.hash(7), hashed);
    }
}
