//! Options in the headers of segments that a socket receives and sends, for programs on socket operations.
//!
//! The segment that came is in `skb_data`; what programs add to one that leaves is kept in the run's state.

use super::{Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(142, "bpf_load_hdr_opt", load),
    Entry::new(143, "bpf_store_hdr_opt", store),
    Entry::new(144, "bpf_reserve_hdr_opt", reserve),
];

/// Offsets in `struct bpf_sock_ops`.
const OP: i64 = 0;
const SKB_DATA: i64 = 192;
const SKB_DATA_END: i64 = 200;
/// `BPF_SOCK_OPS_HDR_OPT_LEN_CB` and `BPF_SOCK_OPS_WRITE_HDR_OPT_CB`.
const MEASURES: u64 = 14;
const WRITES: u64 = 15;
/// Bytes of a header without options, and most bytes of options.
const HEADER: usize = 20;
const MOST: u32 = 40;
const END: u8 = 0;
const NOTHING: u8 = 1;
/// Kinds that are told apart by the bytes behind their length.
const EXPERIMENTAL: [u8; 2] = [253, 254];

fn op(call: &Call<'_>) -> Result<u64, HelperError> {
    let ctx = Addr(call.args[0]);
    Ok(call.memory().peek_uint(ctx.offset(OP), Size::W)?)
}

/// The options of the segment that came.
fn received(call: &Call<'_>) -> Result<Vec<u8>, HelperError> {
    let ctx = Addr(call.args[0]);
    let memory = call.memory();
    let start = memory.peek_uint(ctx.offset(SKB_DATA), Size::DW)?;
    let end = memory.peek_uint(ctx.offset(SKB_DATA_END), Size::DW)?;
    let len = u32::try_from(end.saturating_sub(start)).unwrap_or(0);
    let bytes = memory.peek_vec(Addr(start), len.min(60))?;
    let words = bytes.get(12).map_or(0, |byte| usize::from(byte >> 4));
    let options = bytes.get(HEADER..(words * 4).max(HEADER).min(bytes.len()));
    Ok(options.unwrap_or_default().to_vec())
}

/// Each option with its kind and length.
fn each(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        loop {
            let kind = *rest.first()?;
            match kind {
                END => return None,
                NOTHING => rest = rest.get(1..)?,
                _ => {
                    let len = usize::from(*rest.get(1)?).max(2);
                    let option = rest.get(..len)?;
                    rest = rest.get(len..)?;
                    return Some(option);
                }
            }
        }
    })
}

/// Whether an option is of the wanted kind, and of its experiment.
fn is_wanted(option: &[u8], wanted: &[u8]) -> bool {
    let magic = wanted.get(2..).unwrap_or_default();
    option.first() == wanted.first() && option.get(2..).unwrap_or_default().starts_with(magic)
}

/// `long bpf_load_hdr_opt(struct bpf_sock_ops *skops, void *searchby_res, u32 len, u64 flags)`
fn load(call: &mut Call<'_>) -> Reply {
    /// `BPF_LOAD_HDR_OPT_TCP_SYN`: that of the segment that began the connection, which nobody saved.
    const OF_SYN: u64 = 1;
    let [_, room, len, flags, _] = call.args;
    let len = len as u32;
    if len < 2 || flags & !OF_SYN != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let given = call.memory().read_vec(Addr(room), len)?;
    let Some(wanted) = search(&given) else {
        return Ok(Errno::EINVAL.as_return());
    };
    if flags == OF_SYN {
        return Ok(Errno::ENOENT.as_return());
    }
    let options = received(call)?;
    let Some(found) = each(&options).find(|option| is_wanted(option, wanted)) else {
        return Ok(Errno::ENOMSG.as_return());
    };
    let fits = found.get(..len as usize).unwrap_or(found);
    call.memory().write(Addr(room), fits)?;
    Ok(match found.len() > len as usize {
        true => Errno::ENOSPC.as_return(),
        false => found.len() as u64,
    })
}

/// What is searched for: kind, length, and of an experiment the bytes that tell it.
fn search(given: &[u8]) -> Option<&[u8]> {
    let (kind, len) = (*given.first()?, usize::from(*given.get(1)?));
    match EXPERIMENTAL.contains(&kind) {
        _ if kind <= NOTHING => None,
        true if len == 4 || len == 6 => given.get(..len),
        false if len == 0 => given.get(..2),
        true | false => None,
    }
}

/// `long bpf_store_hdr_opt(struct bpf_sock_ops *skops, const void *from, u32 len, u64 flags)`
fn store(call: &mut Call<'_>) -> Reply {
    let [_, from, len, flags, _] = call.args;
    if op(call)? != WRITES {
        return Ok(Errno::EPERM.as_return());
    }
    let len = len as u32;
    if len < 2 || flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let given = call.memory().read_vec(Addr(from), len)?;
    let (kind, own) = match given.as_slice() {
        [kind, own, ..] => (*kind, usize::from(*own)),
        _ => (END, 0),
    };
    let Some(option) = given.get(..own).filter(|_| kind > NOTHING && own >= 2) else {
        return Ok(Errno::EINVAL.as_return());
    };
    let magic = match EXPERIMENTAL.contains(&kind) {
        true if own < 4 => return Ok(Errno::EINVAL.as_return()),
        true => option.get(..4).unwrap_or(option),
        false => option.get(..2).unwrap_or(option),
    };
    let wanted = [magic.get(..1), Some(&[0]), magic.get(2..)];
    let wanted: Vec<u8> = wanted.into_iter().flatten().flatten().copied().collect();
    let written = call.state().options.clone();
    if written.len() + own > MOST as usize {
        return Ok(Errno::ENOSPC.as_return());
    }
    if each(&written).any(|option| is_wanted(option, &wanted)) {
        return Ok(Errno::EEXIST.as_return());
    }
    call.state().options.extend(option);
    Ok(0)
}

/// `long bpf_reserve_hdr_opt(struct bpf_sock_ops *skops, u32 len, u64 flags)`
fn reserve(call: &mut Call<'_>) -> Reply {
    let [_, len, flags, ..] = call.args;
    if op(call)? != MEASURES {
        return Ok(Errno::EPERM.as_return());
    }
    let len = len as u32;
    if flags != 0 || len < 2 {
        return Ok(Errno::EINVAL.as_return());
    }
    let reserved = call.state().reserved;
    if len > MOST.saturating_sub(reserved) {
        return Ok(Errno::ENOSPC.as_return());
    }
    call.state().reserved = reserved + len;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::{each, is_wanted};

    #[test]
    fn options_end_at_their_end_and_skip_what_means_nothing() {
        let options = [1, 1, 2, 4, 5, 180, 253, 6, 0xab, 0xcd, 1, 2, 0, 8, 10];
        let found: Vec<&[u8]> = each(&options).collect();
        assert_eq!(found, [&options[2..6], &options[6..12]]);
        assert!(is_wanted(found[1], &[253, 4, 0xab, 0xcd]));
        assert!(!is_wanted(found[1], &[253, 4, 0xab, 0xce]));
        assert_eq!(each(&[2, 200, 1]).count(), 0);
    }
}
