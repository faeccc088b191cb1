//! Helpers that call functions of the program back.

use super::{Call, Entry, Reply};
use crate::machine::Errno;

pub(super) const ROWS: &[Entry] = &[Entry::new(181, "bpf_loop", bpf_loop)];

/// Most iterations of one call (`BPF_MAX_LOOPS`).
const MAX_LOOPS: u32 = 8 * 1024 * 1024;

/// `long bpf_loop(u32 nr_loops, void *callback_fn, void *callback_ctx, u64 flags)`
fn bpf_loop(call: &mut Call<'_>) -> Reply {
    let [count, callback, data, flags, _] = call.args;
    let count = count as u32;
    if flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if count > MAX_LOOPS {
        return Ok(Errno::E2BIG.as_return());
    }
    for index in 0..u64::from(count) {
        // A callback that returns anything but 0 ends the loop.
        if call.engine.callback(callback, [index, data, 0, 0, 0])? != 0 {
            return Ok(index + 1);
        }
    }
    Ok(u64::from(count))
}
