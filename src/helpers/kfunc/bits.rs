//! Iterators over the bits of some memory.
//!
//! The state lies in the program's stack: the word itself, or where the copy of several is, then how many bits there
//! are and which was given last, 32 bits each.

use super::{Call, Entry, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, ObjectKind, ObjectSpec, Owner, ProgramAccess};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_iter_bits_new", 3, new),
    Entry::new("bpf_iter_bits_next", 1, next),
    Entry::new("bpf_iter_bits_destroy", 1, destroy),
];

/// Most words of one iterator: as many as the kernel's allocator for programs has room for.
const MAX_WORDS: u32 = 511;

/// What faults call a copy of several words.
const NAME: &str = "bpf_iter_bits";

/// Where in the state the number of bits and the last bit are.
const COUNT: i64 = 8;
const LAST: i64 = 12;

/// `int bpf_iter_bits_new(struct bpf_iter_bits *it, const u64 *unsafe_ptr__ign, u32 nr_words)`: on an error it is
/// empty.
fn new(call: &mut Call<'_>) -> Reply {
    let [iter, source, words, ..] = call.args;
    let (iter, words) = (Addr(iter), words as u32);
    let memory = call.memory();
    memory.store(iter, Size::DW, 0)?;
    memory.store(iter.offset(COUNT), Size::W, 0)?;
    memory.store(iter.offset(LAST), Size::W, u64::from(u32::MAX))?;
    if source == 0 || words == 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if words > MAX_WORDS {
        return Ok(Errno::E2BIG.as_return());
    }
    let mut bytes = vec![0; words as usize * 8];
    if memory.probe_read(Addr(source), &mut bytes).is_err() {
        return Ok(Errno::EFAULT.as_return());
    }
    match words {
        1 => memory.write(iter, &bytes)?,
        _ => {
            let spec = ObjectSpec::new(ObjectKind::KernelObject, NAME, Owner::Kernel);
            let spec = spec.with_access(ProgramAccess::None);
            let Ok(copy) = memory.allocate(bytes.len() as u64, &spec) else {
                return Ok(Errno::ENOMEM.as_return());
            };
            memory.poke(copy, &bytes)?;
            memory.store(iter, Size::DW, copy.0)?;
        }
    }
    memory.store(iter.offset(COUNT), Size::W, u64::from(words) * 64)?;
    Ok(0)
}

/// `int *bpf_iter_bits_next(struct bpf_iter_bits *it)`: where the bit's number is, or null behind the last.
fn next(call: &mut Call<'_>) -> Reply {
    let (memory, iter) = (call.memory(), Addr(call.args[0]));
    let count = memory.load(iter.offset(COUNT), Size::W)? as u32;
    let last = memory.load(iter.offset(LAST), Size::W)? as u32;
    let from = last.wrapping_add(1).min(count);
    let words = match count {
        0..=64 => iter,
        _ => Addr(memory.load(iter, Size::DW)?),
    };
    let mut found = count;
    for word in from / 64..count.div_ceil(64) {
        let bits = memory.peek_uint(words.offset(i64::from(word) * 8), Size::DW)?;
        let skipped = from.saturating_sub(word * 64);
        let left = bits & (u64::MAX << (skipped % 64));
        if left != 0 {
            found = word * 64 + left.trailing_zeros();
            break;
        }
    }
    memory.store(iter.offset(LAST), Size::W, u64::from(found))?;
    Ok(match found < count {
        true => iter.offset(LAST).0,
        false => 0,
    })
}

/// `void bpf_iter_bits_destroy(struct bpf_iter_bits *it)`
fn destroy(call: &mut Call<'_>) -> Reply {
    let (memory, iter) = (call.memory(), Addr(call.args[0]));
    if memory.load(iter.offset(COUNT), Size::W)? > 64 {
        let copy = Addr(memory.load(iter, Size::DW)?);
        let info = call.object_named(copy, NAME);
        if info.is_some_and(|info| info.offset == 0) {
            memory.free(copy);
        }
    }
    memory.store(iter.offset(COUNT), Size::W, 0)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::tests::bench::{Bench, errno};

    /// The bits of some words, or the error that the iterator starts with.
    fn bits(words: &[u64], count: u64) -> Result<Vec<u32>, i64> {
        let mut bench = Bench::new();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let source = bench.data(&bytes);
        let iter = bench.data(&[0xff; 16]);
        let started = bench.kfunc("bpf_iter_bits_new", [iter, source, count]);
        let mut yielded = Vec::new();
        loop {
            let place = bench.kfunc("bpf_iter_bits_next", [iter]);
            if place == 0 {
                break;
            }
            let bit = bench.bytes(place.cast_unsigned(), 4);
            yielded.push(u32::from_le_bytes(bit.try_into().expect("four bytes")));
        }
        assert_eq!(
            bench.kfunc("bpf_iter_bits_next", [iter]),
            0,
            "stays drained"
        );
        let copy = Addr(bench.word(iter));
        bench.kfunc("bpf_iter_bits_destroy", [iter]);
        if started == 0 && count > 1 {
            let copy = bench.machine.memory.describe(copy);
            assert!(copy.is_some_and(|copy| &*copy.name == NAME && !copy.live));
        }
        match started {
            0 => Ok(yielded),
            error => {
                assert!(yielded.is_empty());
                Err(error)
            }
        }
    }

    #[test]
    fn bits_of_one_word_and_of_several_come_in_order() {
        assert_eq!(bits(&[0b1010_0001], 1), Ok(vec![0, 5, 7]));
        assert_eq!(bits(&[1 << 63], 1), Ok(vec![63]));
        assert_eq!(bits(&[0], 1), Ok(Vec::new()));
        assert_eq!(bits(&[1 << 63, 0, 1 | 1 << 40], 3), Ok(vec![63, 128, 168]));
        assert_eq!(bits(&[2; 511], 511).map(|bits| bits.len()), Ok(511));
    }

    #[test]
    fn no_words_too_many_and_bad_places_are_errors() {
        assert_eq!(bits(&[1], 0), Err(errno(Errno::EINVAL)));
        assert_eq!(bits(&[1], 512), Err(errno(Errno::E2BIG)));
        assert_eq!(bits(&[1], 511), Err(errno(Errno::EFAULT)));
        let mut bench = Bench::new();
        let iter = bench.data(&[0; 16]);
        let null = bench.kfunc("bpf_iter_bits_new", [iter, 0, 1]);
        assert_eq!(null, errno(Errno::EINVAL));
    }
}
