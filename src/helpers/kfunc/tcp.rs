//! What all congestion control shares: slow start, additive increase, halving, for programs that stand in for one.
//!
//! The connection is the structure that an operation is given; no other runs here.
//!
//! Source of the rules: RFC 5681, RFC 3465 for acknowledgements of several segments; net/ipv4/tcp_cong.c, 6.12, for
//! which members hold what.

use super::{Call, Entry, Reply};
use crate::helpers::HelperError;
use crate::isa::Size;
use crate::machine::Addr;

pub(super) const ROWS: &[Entry] = &[
    Entry::new("tcp_reno_ssthresh", 1, ssthresh),
    Entry::new("tcp_reno_undo_cwnd", 1, undo_cwnd),
    Entry::new("tcp_reno_cong_avoid", 3, cong_avoid),
    Entry::new("tcp_slow_start", 2, |call| {
        slow_start(call, call.args[1] as u32).map(u64::from)
    }),
    Entry::new("tcp_cong_avoid_ai", 3, |call| {
        increase(call, call.args[1] as u32, call.args[2] as u32)
    }),
];

/// The structure of a connection.
const CONNECTION: &str = "tcp_sock";
/// The least that a window shrinks to, in segments.
const LEAST: u32 = 2;

fn get(call: &Call<'_>, member: &str) -> Result<u32, HelperError> {
    let (off, size) = place(call, member)?;
    let at = Addr(call.args[0]).offset(off);
    Ok(call.memory().load(at, size)? as u32)
}

fn set(call: &Call<'_>, member: &str, value: u32) -> Result<(), HelperError> {
    let (off, size) = place(call, member)?;
    let at = Addr(call.args[0]).offset(off);
    Ok(call.memory().store(at, size, value.into())?)
}

fn place(call: &Call<'_>, member: &str) -> Result<(i64, Size), HelperError> {
    let missing = HelperError::Refused("the kernel's types have no such member of a connection");
    call.member(CONNECTION, member).ok_or(missing)
}

/// `u32 tcp_reno_ssthresh(struct sock *sk)`: half of the window.
fn ssthresh(call: &mut Call<'_>) -> Reply {
    let window = get(call, "snd_cwnd")?;
    Ok((window / 2).max(LEAST).into())
}

/// `u32 tcp_reno_undo_cwnd(struct sock *sk)`: the window as it was before a loss that was none.
fn undo_cwnd(call: &mut Call<'_>) -> Reply {
    let (window, before) = (get(call, "snd_cwnd")?, get(call, "prior_cwnd")?);
    Ok(window.max(before).into())
}

/// `u32 tcp_slow_start(struct tcp_sock *tp, u32 acked)`: a segment more for each that is acknowledged, up to the
/// threshold. Gives how many are left.
fn slow_start(call: &mut Call<'_>, acked: u32) -> Result<u32, HelperError> {
    let (window, threshold) = (get(call, "snd_cwnd")?, get(call, "snd_ssthresh")?);
    let grown = window.wrapping_add(acked).min(threshold);
    let most = get(call, "snd_cwnd_clamp")?;
    set(call, "snd_cwnd", grown.min(most))?;
    Ok(acked.wrapping_sub(grown.wrapping_sub(window)))
}

/// `void tcp_cong_avoid_ai(struct tcp_sock *tp, u32 w, u32 acked)`: a segment more for each `w` that are acknowledged.
fn increase(call: &mut Call<'_>, each: u32, acked: u32) -> Reply {
    let (mut window, mut count) = (get(call, "snd_cwnd")?, get(call, "snd_cwnd_cnt")?);
    // Credit from a time when more was asked for counts as one segment.
    if count >= each {
        (count, window) = (0, window.wrapping_add(1));
    }
    count = count.wrapping_add(acked);
    if let Some(more) = count.checked_div(each) {
        count = count.wrapping_sub(more.wrapping_mul(each));
        window = window.wrapping_add(more);
    }
    let most = get(call, "snd_cwnd_clamp")?;
    set(call, "snd_cwnd_cnt", count)?;
    set(call, "snd_cwnd", window.min(most))?;
    Ok(0)
}

/// `void tcp_reno_cong_avoid(struct sock *sk, u32 ack, u32 acked)`: slow start, then a segment more for each window.
fn cong_avoid(call: &mut Call<'_>) -> Reply {
    let mut acked = call.args[2] as u32;
    if !is_limited(call)? {
        return Ok(0);
    }
    if is_slow(call)? {
        acked = slow_start(call, acked)?;
        if acked == 0 {
            return Ok(0);
        }
    }
    let window = get(call, "snd_cwnd")?;
    increase(call, window, acked)
}

/// Whether the window has not reached the threshold.
fn is_slow(call: &Call<'_>) -> Result<bool, HelperError> {
    Ok(get(call, "snd_cwnd")? < get(call, "snd_ssthresh")?)
}

/// Whether it is the window that keeps the connection from sending more.
fn is_limited(call: &Call<'_>) -> Result<bool, HelperError> {
    if let Some((off, bit)) = call.member_bit(CONNECTION, "is_cwnd_limited") {
        let at = Addr(call.args[0]).offset(off);
        let byte = call.memory().load(at, Size::B)?;
        if byte >> bit & 1 != 0 {
            return Ok(true);
        }
    }
    let out = get(call, "max_packets_out")?;
    Ok(is_slow(call)? && get(call, "snd_cwnd")? < out.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use crate::btf::{KindFilter, kernel_6_12};
    use crate::helpers::tests::bench::{Bench, member_offset};
    use crate::isa::Size;

    /// A connection with these members.
    struct Connection {
        bench: Bench,
        at: u64,
    }

    impl Connection {
        fn new(members: &[(&str, u64)]) -> Connection {
            let btf = kernel_6_12();
            let id = btf.find("tcp_sock", KindFilter::STRUCT).expect("a type");
            let len = usize::try_from(btf.size_of(id).expect("a size")).expect("a length");
            let bench = Bench::new();
            let at = bench.data(&vec![0; len]);
            let connection = Connection { bench, at };
            connection.set("snd_cwnd_clamp", u64::from(u32::MAX));
            for (member, value) in members {
                connection.set(member, *value);
            }
            connection
        }

        fn place(&self, member: &str) -> crate::machine::Addr {
            crate::machine::Addr(self.at).offset(member_offset("tcp_sock", member))
        }

        fn set(&self, member: &str, value: u64) {
            let set = self
                .bench
                .machine
                .memory
                .poke_uint(self.place(member), Size::W, value);
            set.expect("in bounds");
        }

        fn window(&self) -> [u64; 2] {
            ["snd_cwnd", "snd_cwnd_cnt"].map(|member| {
                let read = self
                    .bench
                    .machine
                    .memory
                    .peek_uint(self.place(member), Size::W);
                read.expect("in bounds")
            })
        }
    }

    #[test]
    fn threshold_is_half_of_the_window_but_two_at_least() {
        for (window, half) in [(20, 10), (3, 2), (0, 2)] {
            let mut one = Connection::new(&[("snd_cwnd", window)]);
            assert_eq!(one.bench.kfunc("tcp_reno_ssthresh", [one.at]), half);
        }
    }

    #[test]
    fn slow_start_ends_at_the_threshold_and_gives_what_is_left() {
        let mut one = Connection::new(&[("snd_cwnd", 10), ("snd_ssthresh", 13)]);
        assert_eq!(one.bench.kfunc("tcp_slow_start", [one.at, 2]), 0);
        assert_eq!(one.window(), [12, 0]);
        assert_eq!(one.bench.kfunc("tcp_slow_start", [one.at, 5]), 4);
        assert_eq!(one.window(), [13, 0]);
    }

    #[test]
    fn window_grows_by_one_for_each_window_acknowledged() {
        let mut one = Connection::new(&[("snd_cwnd", 10)]);
        one.bench.kfunc("tcp_cong_avoid_ai", [one.at, 10, 6]);
        assert_eq!(one.window(), [10, 6]);
        one.bench.kfunc("tcp_cong_avoid_ai", [one.at, 10, 6]);
        assert_eq!(one.window(), [11, 2]);
        one.set("snd_cwnd_cnt", 12);
        one.bench.kfunc("tcp_cong_avoid_ai", [one.at, 11, 1]);
        assert_eq!(one.window(), [12, 1], "credit counts once");
    }

    #[test]
    fn window_that_is_not_used_up_does_not_grow() {
        let mut one = Connection::new(&[("snd_cwnd", 10), ("snd_ssthresh", 100)]);
        one.bench.kfunc("tcp_reno_cong_avoid", [one.at, 0, 3]);
        assert_eq!(one.window(), [10, 0]);
        one.set("max_packets_out", 6);
        one.bench.kfunc("tcp_reno_cong_avoid", [one.at, 0, 3]);
        assert_eq!(one.window(), [13, 0]);
    }

    #[test]
    fn undo_takes_the_larger_window() {
        let mut one = Connection::new(&[("snd_cwnd", 10), ("prior_cwnd", 12)]);
        assert_eq!(one.bench.kfunc("tcp_reno_undo_cwnd", [one.at]), 12);
    }
}
