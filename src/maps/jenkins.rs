//! The hash functions of Bob Jenkins' `lookup3.c` (2006, public domain) that the kernel calls `jhash`.
//!
//! Where a hash shows in what programs see, as the ids of stacks do, it must be the kernel's.

/// What the state starts from, besides length and seed.
const START: u32 = 0xdead_beef;

/// The hash of words (`hashword`).
pub(super) fn hash_words(words: &[u32], seed: u32) -> u32 {
    let bytes = (words.len() as u32).wrapping_shl(2);
    let [mut a, mut b, mut c] = [START.wrapping_add(bytes).wrapping_add(seed); 3];
    let mut rest = words;
    while let ([x, y, z, tail @ ..], true) = (rest, rest.len() > 3) {
        a = a.wrapping_add(*x);
        b = b.wrapping_add(*y);
        c = c.wrapping_add(*z);
        [a, b, c] = mix([a, b, c]);
        rest = tail;
    }
    if rest.is_empty() {
        return c;
    }
    let word = |index: usize| rest.get(index).copied().unwrap_or(0);
    last([
        a.wrapping_add(word(0)),
        b.wrapping_add(word(1)),
        c.wrapping_add(word(2)),
    ])
}

/// The hash of bytes (`hashlittle`).
pub(super) fn hash_bytes(bytes: &[u8], seed: u32) -> u32 {
    let start = START.wrapping_add(bytes.len() as u32).wrapping_add(seed);
    let mut state = [start; 3];
    let mut rest = bytes;
    while rest.len() > 12 {
        let (block, tail) = rest.split_at(12);
        state = mix(add(state, block));
        rest = tail;
    }
    match rest {
        [] => state[2],
        _ => last(add(state, rest)),
    }
}

/// Adds up to 12 bytes, little-endian.
fn add(state: [u32; 3], bytes: &[u8]) -> [u32; 3] {
    let mut block = [0; 12];
    for (to, from) in block.iter_mut().zip(bytes) {
        *to = *from;
    }
    let [a, b, c] = state;
    let (words, _) = block.as_chunks::<4>();
    let word = |index: usize| words.get(index).map_or(0, |word| u32::from_le_bytes(*word));
    [
        a.wrapping_add(word(0)),
        b.wrapping_add(word(1)),
        c.wrapping_add(word(2)),
    ]
}

/// Stirs a full block in.
fn mix(state: [u32; 3]) -> [u32; 3] {
    let [mut a, mut b, mut c] = state;
    for [first, second, third] in [[4, 6, 8], [16, 19, 4]] {
        a = a.wrapping_sub(c) ^ c.rotate_left(first);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(second);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(third);
        b = b.wrapping_add(a);
    }
    [a, b, c]
}

/// Stirs the last block in; what comes out is the hash.
fn last(state: [u32; 3]) -> u32 {
    let [mut a, mut b, mut c] = state;
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_bytes_is_that_of_the_published_driver() {
        // The examples that `lookup3.c` itself prints.
        let text = b"Four score and seven years ago";
        assert_eq!(hash_bytes(b"", 0), 0xdead_beef);
        assert_eq!(hash_bytes(b"", 0xdead_beef), 0xbd5b_7dde);
        assert_eq!(hash_bytes(text, 0), 0x1777_0551);
        assert_eq!(hash_bytes(text, 1), 0xcd62_8161);
    }

    #[test]
    fn hash_of_words_is_that_of_their_bytes() {
        let words = [1, 0x0203_0405, u32::MAX, 7, 9];
        for len in 0..=words.len() {
            let bytes: Vec<u8> = words[..len]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect();
            assert_eq!(hash_words(&words[..len], 3), hash_bytes(&bytes, 3), "{len}");
        }
    }
}
