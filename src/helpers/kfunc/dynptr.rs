//! Dynptrs to packets, and what is done with any: narrowed, cloned, asked, read in place.
//!
//! How one lies in memory, and the helpers on it, are in `src/helpers/dynptr.rs`.

use super::{Call, Entry, Reply};
use crate::abi::context::{PacketRule, packet_rule};
use crate::helpers::HelperError;
use crate::helpers::dynptr::{Dynptr, DynptrKind, Part, is_too_far, packet};
use crate::helpers::packet::Packet;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_dynptr_from_skb", 3, from_skb),
    Entry::new("bpf_dynptr_from_xdp", 3, from_xdp),
    Entry::new("bpf_dynptr_adjust", 3, adjust),
    Entry::new("bpf_dynptr_is_null", 1, is_null),
    Entry::new("bpf_dynptr_is_rdonly", 1, is_rdonly),
    Entry::new("bpf_dynptr_size", 1, size),
    Entry::new("bpf_dynptr_clone", 2, clone),
    Entry::new("bpf_dynptr_slice", 4, slice),
    Entry::new("bpf_dynptr_slice_rdwr", 4, slice_rdwr),
];

/// `int bpf_dynptr_from_skb(struct __sk_buff *s, u64 flags, struct bpf_dynptr *ptr__uninit)`: not to be written by
/// programs that may not write to packets.
fn from_skb(call: &mut Call<'_>) -> Reply {
    let Packet::Skb(skb) = packet(call)? else {
        return Err(HelperError::Refused("this run has no sk_buff"));
    };
    let made = Dynptr::new(DynptrKind::Skb, Addr(call.args[0]), skb.len());
    let made = match packet_rule(call.world.prog_type) {
        PacketRule::Store | PacketRule::StoreAndPassToAny => made,
        PacketRule::Load | PacketRule::LoadAndPass => made.read_only(),
    };
    finish(call, made)
}

/// `int bpf_dynptr_from_xdp(struct xdp_md *x, u64 flags, struct bpf_dynptr *ptr__uninit)`
fn from_xdp(call: &mut Call<'_>) -> Reply {
    let Packet::Xdp(frame) = packet(call)? else {
        return Err(HelperError::Refused("this run has no xdp_buff"));
    };
    let made = Dynptr::new(DynptrKind::Xdp, Addr(call.args[0]), frame.len());
    finish(call, made)
}

/// Writes what was made of a packet; nothing, if flags are set: there are none.
fn finish(call: &Call<'_>, made: Dynptr) -> Reply {
    let [_, flags, ptr, ..] = call.args;
    match flags {
        0 => {
            made.store(call.memory(), ptr)?;
            Ok(0)
        }
        _ => {
            Dynptr::NOTHING.store(call.memory(), ptr)?;
            Ok(Errno::EINVAL.as_return())
        }
    }
}

/// `int bpf_dynptr_adjust(const struct bpf_dynptr *p, u32 start, u32 end)`
fn adjust(call: &mut Call<'_>) -> Reply {
    let [ptr, start, end, ..] = call.args;
    let (start, end) = (start as u32, end as u32);
    let dynptr = Dynptr::load(call.memory(), ptr)?;
    if dynptr.is_null() || start > end {
        return Ok(Errno::EINVAL.as_return());
    }
    match dynptr.narrowed(start, end) {
        Some(narrowed) => {
            narrowed.store(call.memory(), ptr)?;
            Ok(0)
        }
        None => Ok(Errno::ERANGE.as_return()),
    }
}

/// `bool bpf_dynptr_is_null(const struct bpf_dynptr *p)`
fn is_null(call: &mut Call<'_>) -> Reply {
    Ok(given(call)?.is_null().into())
}

/// `bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *p)`
fn is_rdonly(call: &mut Call<'_>) -> Reply {
    let dynptr = given(call)?;
    Ok((!dynptr.is_null() && dynptr.is_read_only()).into())
}

/// `__u32 bpf_dynptr_size(const struct bpf_dynptr *p)`: the error is a number of 32 bits, too.
fn size(call: &mut Call<'_>) -> Reply {
    let dynptr = given(call)?;
    Ok(u64::from(match dynptr.is_null() {
        true => Errno::EINVAL.as_return() as u32,
        false => dynptr.len(),
    }))
}

/// `int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *clone__uninit)`
fn clone(call: &mut Call<'_>) -> Reply {
    let dynptr = given(call)?;
    let (copy, result) = match dynptr.is_null() {
        true => (Dynptr::NOTHING, Errno::EINVAL.as_return()),
        false => (dynptr, 0),
    };
    copy.store(call.memory(), call.args[1])?;
    Ok(result)
}

fn given(call: &Call<'_>) -> Result<Dynptr, HelperError> {
    Dynptr::load(call.memory(), call.args[0])
}

/// `void *bpf_dynptr_slice(const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk)`
fn slice(call: &mut Call<'_>) -> Reply {
    let dynptr = given(call)?;
    slice_of(call, dynptr)
}

/// `void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *p, u32 offset, void *buffer__opt, u32 buffer__szk)`
fn slice_rdwr(call: &mut Call<'_>) -> Reply {
    let dynptr = given(call)?;
    match dynptr.is_read_only() {
        true => Ok(0),
        false => slice_of(call, dynptr),
    }
}

/// Where the bytes lie. Packets are linear here, so that the buffer is of use only where an XDP program's packet
/// has shrunk since: then it holds what is left.
fn slice_of(call: &Call<'_>, dynptr: Dynptr) -> Reply {
    let [_, offset, buffer, len, _] = call.args;
    let len = len as u32;
    if dynptr.is_null() {
        return Ok(0);
    }
    let from = match dynptr.part(offset as u32, len) {
        Ok(Part::Memory(at)) => return Ok(at.0),
        Ok(Part::Packet(from)) => from,
        Err(_) => return Ok(0),
    };
    let packet = packet(call)?;
    let left = packet.len().saturating_sub(from);
    let is_refused = matches!(packet, Packet::Xdp(_)) && is_too_far(from, len);
    if left >= len && from <= packet.len() && !is_refused {
        return Ok(packet.data().offset(i64::from(from)).0);
    }
    if matches!(packet, Packet::Skb(_)) || buffer == 0 {
        return Ok(0);
    }
    let memory = call.memory();
    if let held @ 1.. = left.min(len) {
        let bytes = memory.read_vec(packet.data().offset(i64::from(from)), held)?;
        memory.write(Addr(buffer), &bytes)?;
    }
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use crate::abi::ProgType;
    use crate::helpers::tests::bench::{Bench, Owned, errno};
    use crate::machine::{Errno, SkBuff, SkbLayer, XdpFrame, XdpQueue};

    const DYNPTR_FROM_MEM: i32 = 197;
    const DYNPTR_READ: i32 = 201;
    const DYNPTR_WRITE: i32 = 202;
    const DYNPTR_DATA: i32 = 203;
    const FRAME: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

    fn with_skb(prog_type: ProgType) -> Bench {
        let mut bench = Bench::new();
        bench.prog_type = prog_type;
        let skb = SkBuff::new(&bench.machine.memory, FRAME, SkbLayer::Link).expect("a packet");
        bench.ctx = skb.ctx();
        bench.packet = Some(Owned::Skb(skb));
        bench
    }

    fn with_xdp() -> Bench {
        let mut bench = Bench::new();
        bench.prog_type = ProgType::Xdp;
        let queue = XdpQueue::default();
        let frame = XdpFrame::new(&bench.machine.memory, FRAME, queue).expect("a packet");
        bench.ctx = frame.ctx();
        bench.packet = Some(Owned::Xdp(frame));
        bench
    }

    /// A dynptr to the packet of the bench.
    fn made(bench: &mut Bench, name: &str) -> u64 {
        let ptr = bench.data(&[0xff; 16]);
        let ctx = bench.ctx.0;
        assert_eq!(bench.kfunc(name, [ctx, 1, ptr]), errno(Errno::EINVAL));
        assert_eq!(bench.kfunc("bpf_dynptr_is_null", [ptr]), 1);
        assert_eq!(bench.kfunc(name, [ctx, 0, ptr]), 0);
        assert_eq!(bench.kfunc("bpf_dynptr_is_null", [ptr]), 0);
        ptr
    }

    #[test]
    fn dynptr_of_nothing_answers_with_errors() {
        let mut bench = Bench::new();
        let (ptr, clone) = (bench.data(&[0; 16]), bench.data(&[0xff; 16]));
        assert_eq!(bench.kfunc("bpf_dynptr_size", [ptr]), 0xffff_ffea);
        assert_eq!(bench.kfunc("bpf_dynptr_is_rdonly", [ptr]), 0);
        let invalid = errno(Errno::EINVAL);
        assert_eq!(bench.kfunc("bpf_dynptr_adjust", [ptr, 0, 0]), invalid);
        assert_eq!(bench.kfunc("bpf_dynptr_clone", [ptr, clone]), invalid);
        assert_eq!(bench.bytes(clone, 16), [0; 16]);
        assert_eq!(bench.kfunc("bpf_dynptr_slice", [ptr, 0, 0, 0]), 0);
        assert_eq!(bench.kfunc("bpf_dynptr_slice_rdwr", [ptr, 0, 0, 0]), 0);
    }

    #[test]
    fn dynptr_narrowed_counts_from_its_new_start() {
        let mut bench = Bench::new();
        let (memory, ptr) = (bench.data(b"abcdefgh"), bench.data(&[0; 16]));
        assert_eq!(bench.call(DYNPTR_FROM_MEM, [memory, 8, 0, ptr]), 0);
        let adjust = "bpf_dynptr_adjust";
        assert_eq!(bench.kfunc(adjust, [ptr, 3, 2]), errno(Errno::EINVAL));
        assert_eq!(bench.kfunc(adjust, [ptr, 3, 9]), errno(Errno::ERANGE));
        assert_eq!(bench.kfunc(adjust, [ptr, 9, 9]), errno(Errno::ERANGE));
        assert_eq!(bench.kfunc(adjust, [ptr, 3, 7]), 0);
        let clone = bench.data(&[0; 16]);
        assert_eq!(bench.kfunc("bpf_dynptr_clone", [ptr, clone]), 0);
        assert_eq!(bench.kfunc(adjust, [ptr, 1, 2]), 0);
        assert_eq!(bench.kfunc("bpf_dynptr_size", [ptr]), 1);
        assert_eq!(bench.kfunc("bpf_dynptr_size", [clone]), 4);
        assert_eq!(bench.call(DYNPTR_DATA, [ptr, 0, 1]), memory as i64 + 4);
        let slice = bench.kfunc("bpf_dynptr_slice", [clone, 1, 0, 3]);
        assert_eq!(slice, memory as i64 + 4);
        assert_eq!(bench.kfunc("bpf_dynptr_slice", [clone, 2, 0, 3]), 0);
    }

    #[test]
    fn dynptr_of_a_socket_buffer_reads_and_writes_the_packet() {
        let mut bench = with_skb(ProgType::SchedCls);
        let ptr = made(&mut bench, "bpf_dynptr_from_skb");
        let buffer = bench.data(b"....");
        assert_eq!(bench.kfunc("bpf_dynptr_size", [ptr]), FRAME.len() as i64);
        assert_eq!(bench.call(DYNPTR_READ, [buffer, 4, ptr, 10, 0]), 0);
        assert_eq!(bench.bytes(buffer, 4), b"abcd");
        let beyond = bench.call(DYNPTR_READ, [buffer, 4, ptr, 33, 0]);
        assert_eq!(beyond, errno(Errno::E2BIG));
        let text = bench.data(b"WXYZ");
        let flags = bench.call(DYNPTR_WRITE, [ptr, 0, text, 4, 4]);
        assert_eq!(flags, errno(Errno::EINVAL));
        assert_eq!(bench.call(DYNPTR_WRITE, [ptr, 0, text, 4, 1]), 0);
        let slice = bench.kfunc("bpf_dynptr_slice_rdwr", [ptr, 2, 0, 4]);
        assert_eq!(bench.bytes(slice.cast_unsigned(), 4), b"YZ45");
        assert_eq!(bench.call(DYNPTR_DATA, [ptr, 0, 4]), 0);
    }

    #[test]
    fn dynptr_of_a_program_that_may_not_write_packets_is_read_only() {
        let mut bench = with_skb(ProgType::SocketFilter);
        let ptr = made(&mut bench, "bpf_dynptr_from_skb");
        let text = bench.data(b"WXYZ");
        assert_eq!(bench.kfunc("bpf_dynptr_is_rdonly", [ptr]), 1);
        let written = bench.call(DYNPTR_WRITE, [ptr, 0, text, 4, 0]);
        assert_eq!(written, errno(Errno::EINVAL));
        assert_eq!(bench.kfunc("bpf_dynptr_slice_rdwr", [ptr, 0, 0, 4]), 0);
        assert_ne!(bench.kfunc("bpf_dynptr_slice", [ptr, 0, 0, 4]), 0);
    }

    #[test]
    fn dynptr_of_a_packet_that_shrank_answers_with_errors() {
        let mut bench = with_skb(ProgType::SchedCls);
        let ptr = made(&mut bench, "bpf_dynptr_from_skb");
        let buffer = bench.data(b"....");
        const CHANGE_TAIL: i32 = 38;
        let ctx = bench.ctx.0;
        assert_eq!(bench.call(CHANGE_TAIL, [ctx, 20, 0]), 0);
        let read = bench.call(DYNPTR_READ, [buffer, 4, ptr, 18, 0]);
        assert_eq!(read, errno(Errno::EFAULT));
        assert_eq!(bench.bytes(buffer, 4), [0; 4]);
        let written = bench.call(DYNPTR_WRITE, [ptr, 18, buffer, 4, 0]);
        assert_eq!(written, errno(Errno::EFAULT));
        let slice = bench.kfunc("bpf_dynptr_slice", [ptr, 18, buffer, 4]);
        assert_eq!(slice, 0);
    }

    #[test]
    fn dynptr_of_an_xdp_packet_falls_back_to_the_buffer_where_that_shrank() {
        let mut bench = with_xdp();
        let ptr = made(&mut bench, "bpf_dynptr_from_xdp");
        let buffer = bench.data(b"....");
        let ctx = bench.ctx.0;
        let flags = bench.call(DYNPTR_WRITE, [ptr, 0, buffer, 4, 1]);
        assert_eq!(flags, errno(Errno::EINVAL));
        assert_eq!(bench.call(DYNPTR_WRITE, [ptr, 0, buffer, 2, 0]), 0);
        let slice = bench.kfunc("bpf_dynptr_slice", [ptr, 0, 0, 4]);
        assert_eq!(bench.bytes(slice.cast_unsigned(), 4), b"..23");
        const ADJUST_TAIL: i32 = 65;
        assert_eq!(bench.call(ADJUST_TAIL, [ctx, -16_i64 as u64]), 0);
        let read = bench.call(DYNPTR_READ, [buffer, 4, ptr, 18, 0]);
        assert_eq!(read, errno(Errno::EINVAL));
        assert_eq!(bench.kfunc("bpf_dynptr_slice", [ptr, 18, 0, 4]), 0);
        let slice = bench.kfunc("bpf_dynptr_slice", [ptr, 18, buffer, 4]);
        assert_eq!(slice, buffer as i64);
        assert_eq!(bench.bytes(buffer, 4), b"ij..");
    }

    #[test]
    fn dynptr_of_the_other_kind_of_packet_ends_the_run() {
        let mut bench = with_xdp();
        let ptr = bench.data(&[0; 16]);
        let reply = bench.kfunc_reply("bpf_dynptr_from_skb", [1, 0, ptr]);
        assert!(reply.is_err());
        bench.packet = None;
        let reply = bench.kfunc_reply("bpf_dynptr_from_xdp", [1, 0, ptr]);
        assert!(reply.is_err());
    }
}
