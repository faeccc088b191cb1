//! Addresses of longest-prefix-match maps: bits, of which bit 0 is the highest of the first byte.
//!
//! It knows no map. The first 128 bits are two numbers; what is behind them stays bytes.

/// Bytes of an address that are numbers.
pub(super) const HEAD: usize = 16;

/// An address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'a> {
    /// The first 128 bits, zero behind the end.
    pub(super) head: [u64; 2],
    /// What is behind them.
    pub(super) rest: &'a [u8],
}

impl<'a> Address<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Address<'a> {
        let (first, rest) = bytes.split_at(bytes.len().min(HEAD));
        let mut head = [0; HEAD];
        for (to, from) in head.iter_mut().zip(first) {
            *to = *from;
        }
        let head = u128::from_be_bytes(head);
        Address {
            head: [(head >> 64) as u64, head as u64],
            rest,
        }
    }

    /// A bit, as an index; 0 behind the end.
    #[inline(always)]
    pub(super) fn bit(&self, index: u32) -> usize {
        let [high, low] = self.head;
        let bit = match index {
            0..64 => high >> (63 - index),
            64..128 => low >> (127 - index),
            _ => {
                let byte = self.rest.get(index as usize / 8 - HEAD);
                u64::from(byte.map_or(0, |byte| byte >> (7 - index % 8)))
            }
        };
        (bit & 1) as usize
    }

    /// How many bits at the start are those of another address, at most so many.
    #[inline(always)]
    pub(super) fn common(&self, other: &Address<'_>, most: u32) -> u32 {
        let ([high, low], [other_high, other_low]) = (self.head, other.head);
        let same = (high ^ other_high).leading_zeros();
        if same < 64 || most <= 64 {
            return same.min(most);
        }
        let same = 64 + (low ^ other_low).leading_zeros();
        if same < 128 || most <= 128 {
            return same.min(most);
        }
        let mut same = 128;
        for (own, other) in self.rest.iter().zip(other.rest) {
            let bits = (own ^ other).leading_zeros();
            same += bits;
            if bits < 8 {
                break;
            }
        }
        same.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_common_bits_are_those_of_the_bytes_at_any_length() {
        let bytes: Vec<u8> = (0..20u8).map(|i| i.wrapping_mul(37) ^ 0x5a).collect();
        let address = Address::of(&bytes);
        for index in 0..160 {
            let bit = bytes[index / 8] >> (7 - index % 8) & 1;
            assert_eq!(address.bit(index as u32), usize::from(bit), "{index}");
            let mut changed = bytes.clone();
            changed[index / 8] ^= 0x80 >> (index % 8);
            let changed = Address::of(&changed);
            for most in [0, 1, 31, 63, 64, 65, 127, 128, 129, 160] {
                let expected = most.min(index as u32);
                assert_eq!(address.common(&changed, most), expected, "{index} {most}");
            }
        }
        assert_eq!(address.common(&address, 160), 160);
        assert_eq!(Address::of(&[0x80]).bit(0), 1);
        assert_eq!(Address::of(&[0x80]).bit(40), 0);
    }
}
