//! Ciphers by the names that the kernel's crypto API has for them: AES, block by block or chained.
//!
//! It knows nothing of guest memory, nor of programs.
//!
//! Rules:
//! - There are those that Linux 6.12 has as `lskcipher`s over AES, which are what programs are given: `ecb(aes)` and
//!   `cbc(aes)`. Modes that it has as another kind of cipher alone are known by name, and cannot be had.
//! - Whole blocks are worked on, whatever is left over: then the answer is an error all the same.
//!
//! Kernel: crypto/ecb.c, crypto/cbc.c and crypto/bpf_crypto_skcipher.c, 6.12.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};

/// Bytes of a block of AES.
const BLOCK: usize = 16;

/// How blocks depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Not at all: `ecb(aes)`.
    Ecb,
    /// Each on the one before: `cbc(aes)`.
    Cbc,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Encrypt,
    Decrypt,
}

/// What there is of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Programs may have it.
    Had(Mode),
    /// It is there, as a kind that programs are not given.
    NotGiven,
    /// Nothing.
    Nothing,
}

/// Modes of AES that are there as another kind.
const NOT_GIVEN: [&[u8]; 1] = [b"ctr(aes)"];

/// What there is of that name.
pub(super) fn known(name: &[u8]) -> Known {
    match name {
        b"ecb(aes)" => Known::Had(Mode::Ecb),
        b"cbc(aes)" => Known::Had(Mode::Cbc),
        _ if NOT_GIVEN.contains(&name) => Known::NotGiven,
        _ => Known::Nothing,
    }
}

impl Mode {
    /// How many bytes a program gives beside the text: what the first block depends on.
    pub(super) fn state_len(self) -> u32 {
        match self {
            Mode::Ecb => 0,
            Mode::Cbc => BLOCK as u32,
        }
    }
}

/// A cipher with its key.
pub(super) enum Cipher {
    Aes128(Box<Aes128>),
    Aes192(Box<Aes192>),
    Aes256(Box<Aes256>),
}

impl Cipher {
    /// AES, if a key of it can be that long.
    pub(super) fn new(key: &[u8]) -> Option<Cipher> {
        let aes128 = || Aes128::new_from_slice(key).map(|aes| Cipher::Aes128(Box::new(aes)));
        let aes192 = || Aes192::new_from_slice(key).map(|aes| Cipher::Aes192(Box::new(aes)));
        let aes256 = || Aes256::new_from_slice(key).map(|aes| Cipher::Aes256(Box::new(aes)));
        aes128().or_else(|_| aes192()).or_else(|_| aes256()).ok()
    }

    fn block(&self, way: Way, block: &mut Block) {
        match (self, way) {
            (Cipher::Aes128(aes), Way::Encrypt) => aes.encrypt_block(block),
            (Cipher::Aes128(aes), Way::Decrypt) => aes.decrypt_block(block),
            (Cipher::Aes192(aes), Way::Encrypt) => aes.encrypt_block(block),
            (Cipher::Aes192(aes), Way::Decrypt) => aes.decrypt_block(block),
            (Cipher::Aes256(aes), Way::Encrypt) => aes.encrypt_block(block),
            (Cipher::Aes256(aes), Way::Decrypt) => aes.decrypt_block(block),
        }
    }

    /// Works on the whole blocks of a text in place, chained by `state` if the mode is; what the next text begins with
    /// is left there. Gives how many bytes are left over.
    pub(super) fn run(&self, mode: Mode, way: Way, text: &mut [u8], state: &mut [u8]) -> usize {
        let (blocks, rest) = text.as_chunks_mut::<BLOCK>();
        let mut chain: [u8; BLOCK] = state.first_chunk().copied().unwrap_or_default();
        for text in blocks {
            let before = *text;
            let mut block = Block::from(match (mode, way) {
                (Mode::Cbc, Way::Encrypt) => xor(before, chain),
                (Mode::Cbc, Way::Decrypt) | (Mode::Ecb, _) => before,
            });
            self.block(way, &mut block);
            let after: [u8; BLOCK] = block.into();
            (*text, chain) = match (mode, way) {
                (Mode::Ecb, _) => (after, chain),
                (Mode::Cbc, Way::Encrypt) => (after, after),
                (Mode::Cbc, Way::Decrypt) => (xor(after, chain), before),
            };
        }
        if let Some(state) = state.first_chunk_mut() {
            *state = chain;
        }
        rest.len()
    }
}

fn xor(mut one: [u8; BLOCK], other: [u8; BLOCK]) -> [u8; BLOCK] {
    for (byte, other) in one.iter_mut().zip(other) {
        *byte ^= other;
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key, the text and what becomes of it, of NIST SP 800-38A, F.1.1 and F.2.1: two blocks.
    const KEY: u128 = 0x2b7e1516_28aed2a6_abf71588_09cf4f3c;
    const TEXT: [u128; 2] = [
        0x6bc1bee2_2e409f96_e93d7e11_7393172a,
        0xae2d8a57_1e03ac9c_9eb76fac_45af8e51,
    ];
    const ECB: [u128; 2] = [
        0x3ad77bb4_0d7a3660_a89ecaf3_2466ef97,
        0xf5d3d585_03b9699d_e785895a_96fdbaaf,
    ];
    const CBC: [u128; 2] = [
        0x7649abac_8119b246_cee98e9b_12e9197d,
        0x5086cb9b_507219ee_95db113a_917678b2,
    ];
    const STATE: u128 = 0x00010203_04050607_08090a0b_0c0d0e0f;

    fn bytes(blocks: [u128; 2]) -> Vec<u8> {
        blocks
            .iter()
            .flat_map(|block| block.to_be_bytes())
            .collect()
    }

    #[test]
    fn published_examples_are_met_both_ways() {
        let cipher = Cipher::new(&KEY.to_be_bytes()).expect("a key");
        for (mode, expected) in [(Mode::Ecb, ECB), (Mode::Cbc, CBC)] {
            let mut text = bytes(TEXT);
            let mut state = STATE.to_be_bytes();
            assert_eq!(cipher.run(mode, Way::Encrypt, &mut text, &mut state), 0);
            assert_eq!(text, bytes(expected));
            let mut state = STATE.to_be_bytes();
            assert_eq!(cipher.run(mode, Way::Decrypt, &mut text, &mut state), 0);
            assert_eq!(text, bytes(TEXT));
        }
    }

    #[test]
    fn state_carries_from_one_text_to_the_next() {
        let cipher = Cipher::new(&KEY.to_be_bytes()).expect("a key");
        for (way, from, to) in [(Way::Encrypt, TEXT, CBC), (Way::Decrypt, CBC, TEXT)] {
            let mut state = STATE.to_be_bytes();
            for (text, expected) in from.into_iter().zip(to) {
                let mut text = text.to_be_bytes();
                cipher.run(Mode::Cbc, way, &mut text, &mut state);
                assert_eq!(text, expected.to_be_bytes());
            }
        }
    }

    #[test]
    fn what_fills_no_block_is_left_alone() {
        let cipher = Cipher::new(&KEY.to_be_bytes()).expect("a key");
        let mut text = bytes(TEXT);
        text.truncate(20);
        assert_eq!(cipher.run(Mode::Ecb, Way::Encrypt, &mut text, &mut []), 4);
        assert_eq!(text[..16], ECB[0].to_be_bytes());
        assert_eq!(text[16..], bytes(TEXT)[16..20]);
    }

    #[test]
    fn keys_have_one_of_three_lengths() {
        let fits = |len: &usize| Cipher::new(&vec![0; *len]).is_some();
        let lens: Vec<usize> = (0..=256).filter(fits).collect();
        assert_eq!(lens, [16, 24, 32]);
    }
}
