//! Iterators over numbers: `bpf_for` and its like.
//!
//! The state lies in the program's stack: the last number given and the end, 32 bits each, with a sign.

use super::{Call, Entry, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, Fault, Memory};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_iter_num_new", 3, new),
    Entry::new("bpf_iter_num_next", 1, next),
    Entry::new("bpf_iter_num_destroy", 1, destroy),
];

/// Most numbers of one iterator (`BPF_MAX_LOOPS`).
const MAX_NUMBERS: i64 = 8 * 1024 * 1024;

/// `int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end)`; on an error it is empty.
fn new(call: &mut Call<'_>) -> Reply {
    let [iter, start, end, ..] = call.args;
    let (start, end) = (start as i32, end as i32);
    let count = i64::from(end) - i64::from(start);
    let (state, result) = match count {
        ..0 => ((0, 0), Errno::EINVAL.as_return()),
        0..=MAX_NUMBERS => ((start.wrapping_sub(1), end), 0),
        _ => ((0, 0), Errno::E2BIG.as_return()),
    };
    set(call.memory(), iter, state)?;
    Ok(result)
}

/// `int *bpf_iter_num_next(struct bpf_iter_num *it)`: where the number is, or null behind the last.
fn next(call: &mut Call<'_>) -> Reply {
    let (memory, [iter, ..]) = (call.memory(), call.args);
    let last = memory.load(Addr(iter), Size::W)? as i32;
    let end = memory.load(Addr(iter).offset(4), Size::W)? as i32;
    // Before the lowest number stands the highest: it wraps around.
    let number = last.wrapping_add(1);
    if number >= end {
        set(memory, iter, (0, 0))?;
        return Ok(0);
    }
    set(memory, iter, (number, end))?;
    Ok(iter)
}

/// `void bpf_iter_num_destroy(struct bpf_iter_num *it)`
fn destroy(call: &mut Call<'_>) -> Reply {
    set(call.memory(), call.args[0], (0, 0))?;
    Ok(0)
}

fn set(memory: &Memory, iter: u64, (last, end): (i32, i32)) -> Result<(), Fault> {
    let state = u64::from(end.cast_unsigned()) << 32 | u64::from(last.cast_unsigned());
    memory.store(Addr(iter), Size::DW, state)
}

#[cfg(test)]
mod tests {
    use crate::helpers::tests::bench::{Bench, errno};
    use crate::machine::Errno;

    /// What an iterator over a range yields, or the error it starts with.
    fn numbers(start: i32, end: i32) -> Result<Vec<i32>, i64> {
        let mut bench = Bench::new();
        let iter = bench.data(&[0xff; 8]);
        let started = bench.kfunc("bpf_iter_num_new", [iter, start as u64, end as u64]);
        let mut yielded = Vec::new();
        loop {
            let place = bench.kfunc("bpf_iter_num_next", [iter]);
            if place == 0 {
                break;
            }
            yielded.push(bench.word(place.cast_unsigned()) as i32);
        }
        assert_eq!(bench.kfunc("bpf_iter_num_next", [iter]), 0, "stays drained");
        bench.kfunc("bpf_iter_num_destroy", [iter]);
        assert_eq!(bench.word(iter), 0);
        match started {
            0 => Ok(yielded),
            error => {
                assert!(yielded.is_empty());
                Err(error)
            }
        }
    }

    #[test]
    fn numbers_come_in_order_without_the_end() {
        assert_eq!(numbers(3, 7), Ok(vec![3, 4, 5, 6]));
        assert_eq!(numbers(-2, 1), Ok(vec![-2, -1, 0]));
        assert_eq!(numbers(5, 5), Ok(Vec::new()));
        assert_eq!(numbers(i32::MIN, i32::MIN + 1), Ok(vec![i32::MIN]));
        assert_eq!(numbers(i32::MAX - 1, i32::MAX), Ok(vec![i32::MAX - 1]));
    }

    #[test]
    fn numbers_backwards_or_too_many_are_errors() {
        assert_eq!(numbers(1, 0), Err(errno(Errno::EINVAL)));
        assert_eq!(numbers(i32::MAX, i32::MIN), Err(errno(Errno::EINVAL)));
        assert_eq!(numbers(0, 8 * 1024 * 1024 + 1), Err(errno(Errno::E2BIG)));
        assert_eq!(numbers(i32::MIN, i32::MAX), Err(errno(Errno::E2BIG)));
    }

    #[test]
    fn iterator_where_nobody_may_write_traps() {
        let mut bench = Bench::new();
        assert!(bench.kfunc_reply("bpf_iter_num_new", [0, 0, 1]).is_err());
        assert!(bench.kfunc_reply("bpf_iter_num_next", [0]).is_err());
    }
}
