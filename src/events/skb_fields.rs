//! What a packet carries beside its bytes once it is a socket buffer.
//!
//! These are the fields of `struct __sk_buff` that a test run takes and gives back
//! (`convert___skb_to_skb` in net/bpf/test_run.c, 6.12).

use crate::isa::Size;

/// One field: its name, its offset in `struct __sk_buff`, its size.
type Field = (&'static str, u32, Size);

/// The fields, by rising offset.
const FIELDS: [Field; 12] = [
    ("mark", 8, Size::W),
    ("priority", 32, Size::W),
    ("cb[0]", 48, Size::W),
    ("cb[1]", 52, Size::W),
    ("cb[2]", 56, Size::W),
    ("cb[3]", 60, Size::W),
    ("cb[4]", 64, Size::W),
    ("tstamp", 152, Size::DW),
    ("wire_len", 160, Size::W),
    ("gso_segs", 164, Size::W),
    ("gso_size", 176, Size::W),
    ("hwtstamp", 184, Size::DW),
];

/// Bytes of `struct __sk_buff`.
const LEN: usize = 192;

/// What may be set although it is not taken from there: the device that the packet came from.
const DEVICE: std::ops::Range<usize> = 36..44;

/// Values of those fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkbFields([u64; FIELDS.len()]);

/// Why a context is none that a packet could arrive with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Something is set that is not taken.
    #[error(
        "byte {offset} of the context is not zero, and no packet arrives with what it stands for"
    )]
    NotTaken {
        /// The first such byte.
        offset: usize,
    },
    /// A field has a value that no packet has.
    #[error("{name} of the context is {got}, and {wanted} was wanted")]
    OutOfRange {
        /// The field.
        name: &'static str,
        /// Its value.
        got: u64,
        /// What it may be.
        wanted: &'static str,
    },
}

/// The most segments of a packet (`GSO_MAX_SEGS`).
const MAX_SEGMENTS: u64 = 65_535;

impl SkbFields {
    /// The fields in a `struct __sk_buff`; what is missing at its end is zero.
    ///
    /// # Errors
    /// Something else is set in it.
    pub fn parse(context: &[u8]) -> Result<SkbFields, FieldError> {
        let is_taken = |offset: usize| {
            let in_field = |&(_, start, size): &Field| {
                let start = start as usize;
                (start..start + size.bytes() as usize).contains(&offset)
            };
            DEVICE.contains(&offset) || FIELDS.iter().any(in_field)
        };
        let mut set = context.iter().enumerate().filter(|(_, byte)| **byte != 0);
        match set.find(|(offset, _)| !is_taken(*offset)) {
            Some((offset, _)) => Err(FieldError::NotTaken { offset }),
            None => Ok(SkbFields::of(context)),
        }
    }

    /// The fields in a `struct __sk_buff`, whatever else is in it.
    pub fn of(context: &[u8]) -> SkbFields {
        let mut whole = [0; LEN];
        for (to, from) in whole.iter_mut().zip(context) {
            *to = *from;
        }
        SkbFields(FIELDS.map(|(_, start, size)| {
            let bytes = whole.iter().skip(start as usize);
            let bytes = bytes.take(size.bytes() as usize).rev();
            bytes.fold(0, |value, byte| value << 8 | u64::from(*byte))
        }))
    }

    /// Whether a packet of so many bytes may carry that.
    ///
    /// # Errors
    /// A field has a value that no packet has.
    pub fn check(&self, len: usize) -> Result<(), FieldError> {
        let refused = |name, got, wanted| Err(FieldError::OutOfRange { name, got, wanted });
        for (name, value) in self.iter() {
            match name {
                "wire_len" if value != 0 && value < len as u64 => {
                    return refused(name, value, "0 or at least the packet's length");
                }
                "gso_segs" if value > MAX_SEGMENTS => {
                    return refused(name, value, "at most 65535");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Each field with its name and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        FIELDS
            .iter()
            .zip(self.0)
            .map(|((name, ..), value)| (*name, value))
    }

    /// Each field that is not zero, with its offset and its size.
    pub(super) fn given(&self) -> impl Iterator<Item = (u32, Size, u64)> {
        let all = FIELDS.iter().zip(self.0);
        all.filter(|(_, value)| *value != 0)
            .map(|((_, offset, size), value)| (*offset, *size, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_context_are_read_by_offset() {
        let mut context = [0; LEN];
        context[8] = 7;
        context[152..160].copy_from_slice(&0x0102_0304_0506_0708_u64.to_le_bytes());
        let fields = SkbFields::parse(&context).expect("only fields are set");
        let set: Vec<_> = fields.iter().filter(|(_, value)| *value != 0).collect();
        assert_eq!(set, [("mark", 7), ("tstamp", 0x0102_0304_0506_0708)]);
        assert_eq!(
            SkbFields::parse(&context[..9]).expect("a short one").0[0],
            7
        );
    }

    #[test]
    fn length_on_the_wire_below_the_packets_is_refused() {
        let with = |offset: usize, value: u32| {
            let mut context = vec![0; LEN];
            context[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
            SkbFields::of(&context).check(60).is_ok()
        };
        assert!(with(160, 60) && with(160, 0) && !with(160, 59));
        assert!(with(164, 65_535) && !with(164, 65_536));
    }

    #[test]
    fn context_with_anything_else_set_is_refused() {
        let refused = |offset: usize| {
            let mut context = vec![0; 256];
            context[offset] = 1;
            SkbFields::parse(&context) == Err(FieldError::NotTaken { offset })
        };
        assert!([0, 4, 12, 44, 76, 168, 200].into_iter().all(refused));
        assert!(!refused(40) && !refused(160));
    }
}
