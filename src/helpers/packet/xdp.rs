//! Moving the ends of an XDP packet.

use crate::helpers::map::status;
use crate::helpers::{Call, Entry, Reply};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(44, "bpf_xdp_adjust_head", xdp_adjust_head),
    Entry::new(54, "bpf_xdp_adjust_meta", xdp_adjust_meta),
    Entry::new(65, "bpf_xdp_adjust_tail", xdp_adjust_tail),
    Entry::new(188, "bpf_xdp_get_buff_len", xdp_get_buff_len),
];

/// `long bpf_xdp_adjust_head(struct xdp_buff *xdp_md, int delta)`
fn xdp_adjust_head(call: &mut Call<'_>) -> Reply {
    Ok(status(
        call.xdp()?.adjust_head(call.memory(), call.args[1] as i32),
    ))
}

/// `long bpf_xdp_adjust_tail(struct xdp_buff *xdp_md, int delta)`
fn xdp_adjust_tail(call: &mut Call<'_>) -> Reply {
    Ok(status(
        call.xdp()?.adjust_tail(call.memory(), call.args[1] as i32),
    ))
}

/// `long bpf_xdp_adjust_meta(struct xdp_buff *xdp_md, int delta)`
fn xdp_adjust_meta(call: &mut Call<'_>) -> Reply {
    Ok(status(
        call.xdp()?.adjust_meta(call.memory(), call.args[1] as i32),
    ))
}

/// `u64 bpf_xdp_get_buff_len(struct xdp_buff *xdp_md)`
fn xdp_get_buff_len(call: &mut Call<'_>) -> Reply {
    Ok(u64::from(call.xdp()?.len()))
}
