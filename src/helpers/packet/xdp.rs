//! Moving the ends of an XDP packet.

use super::bytes::ETHERNET;
use super::frame::Frame;
use crate::helpers::{Call, Entry, Reply};
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(44, "bpf_xdp_adjust_head", xdp_adjust_head),
    Entry::new(54, "bpf_xdp_adjust_meta", xdp_adjust_meta),
    Entry::new(65, "bpf_xdp_adjust_tail", xdp_adjust_tail),
];

/// Bytes at the start of the headroom that the kernel keeps for itself (`struct xdp_frame`).
const FRAME_HEADER: u64 = 40;

/// Most bytes of metadata: what fits a byte and is a multiple of 4.
const MAX_META: u64 = 252;

/// `long bpf_xdp_adjust_head(struct xdp_buff *xdp_md, int delta)`; metadata moves along.
fn xdp_adjust_head(call: &mut Call<'_>) -> Reply {
    let mut frame = Frame::need(call)?;
    let delta = i64::from(call.args[1] as i32);
    let meta_len = frame.data - frame.meta;
    let least = frame.head + FRAME_HEADER + meta_len;
    let most = frame.data_end.saturating_sub(ETHERNET);
    let Some(data) = frame
        .data
        .checked_add_signed(delta)
        .filter(|to| (least..=most).contains(to))
    else {
        return Ok(Errno::EINVAL.as_return());
    };
    let meta = call.memory().peek_vec(Addr(frame.meta), meta_len as u32)?;
    (frame.meta, frame.data) = (data - meta_len, data);
    call.memory().poke(Addr(frame.meta), &meta)?;
    frame.store(call.memory())?;
    Ok(0)
}

/// `long bpf_xdp_adjust_tail(struct xdp_buff *xdp_md, int delta)`; new bytes are zero.
fn xdp_adjust_tail(call: &mut Call<'_>) -> Reply {
    let mut frame = Frame::need(call)?;
    let delta = i64::from(call.args[1] as i32);
    let least = frame.data + ETHERNET;
    let end = frame.data_end.checked_add_signed(delta);
    let Some(end) = end.filter(|end| (least..=frame.end).contains(end)) else {
        return Ok(Errno::EINVAL.as_return());
    };
    let grown = end.saturating_sub(frame.data_end);
    call.memory()
        .poke(Addr(frame.data_end), &vec![0; grown as usize])?;
    frame.data_end = end;
    frame.store(call.memory())?;
    Ok(0)
}

/// `long bpf_xdp_adjust_meta(struct xdp_buff *xdp_md, int delta)`
fn xdp_adjust_meta(call: &mut Call<'_>) -> Reply {
    let mut frame = Frame::need(call)?;
    let delta = i64::from(call.args[1] as i32);
    let least = frame.head + FRAME_HEADER;
    let meta = frame.meta.checked_add_signed(delta);
    let Some(meta) = meta.filter(|meta| (least..=frame.data).contains(meta)) else {
        return Ok(Errno::EINVAL.as_return());
    };
    let len = frame.data - meta;
    if !len.is_multiple_of(4) || len > MAX_META {
        return Ok(Errno::EACCES.as_return());
    }
    frame.meta = meta;
    frame.store(call.memory())?;
    Ok(0)
}
