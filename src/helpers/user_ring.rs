//! Samples that user space sends to programs.

use super::dynptr::{Dynptr, DynptrKind};
use super::{Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno, ObjectKind, ObjectSpec, Owner};

pub(super) const ROWS: &[Entry] = &[Entry::new(
    209,
    "bpf_user_ringbuf_drain",
    user_ringbuf_drain,
)];

/// `BPF_RB_NO_WAKEUP` and `BPF_RB_FORCE_WAKEUP`.
const WAKEUP_FLAGS: u64 = 3;
/// The most samples of one call (`BPF_MAX_USER_RINGBUF_SAMPLES`).
const MAX_SAMPLES: u64 = 128 * 1024;
/// Bytes of a dynptr.
const DYNPTR: u64 = 16;

/// `long bpf_user_ringbuf_drain(struct bpf_map *map, void *callback_fn, void *ctx, u64 flags)`
fn user_ringbuf_drain(call: &mut Call<'_>) -> Reply {
    let [map, callback, data, flags, _] = call.args;
    let map = call.map(map)?;
    let ring = map
        .user_ringbuf()
        .ok_or(HelperError::Refused("the map is no user ring buffer"))?;
    if flags & !WAKEUP_FLAGS != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let drain = match ring.drain() {
        Ok(drain) => drain,
        Err(errno) => return Ok(errno.as_return()),
    };
    let mut taken = 0;
    while taken < MAX_SAMPLES
        && let Some(sample) = drain.peek()
    {
        let answer = with_sample(call, Owner::Map(map.id), &sample, |call, dynptr| {
            call.engine.callback(callback, [dynptr.0, data, 0, 0, 0])
        })?;
        drain.take();
        taken += 1;
        if answer != 0 {
            break;
        }
    }
    Ok(taken)
}

/// Does something with a dynptr to a sample.
fn with_sample(
    call: &mut Call<'_>,
    owner: Owner,
    sample: &[u8],
    then: impl FnOnce(&mut Call<'_>, Addr) -> Reply,
) -> Reply {
    let memory = call.memory();
    let spec = |name| ObjectSpec::new(ObjectKind::Data, name, owner.clone());
    const FULL: HelperError = HelperError::Refused("there is no memory for a sample");
    let bytes = memory
        .allocate(sample.len() as u64, &spec("sample"))
        .map_err(|_| FULL)?;
    let Ok(dynptr) = memory.allocate(DYNPTR, &spec("dynptr of a sample")) else {
        memory.free(bytes);
        return Err(FULL);
    };
    let made = Dynptr::new(DynptrKind::Local, bytes, sample.len() as u32);
    let written = memory
        .poke(bytes, sample)
        .and_then(|()| memory.poke(dynptr, &made.to_bytes()));
    let reply = match written {
        Ok(()) => then(call, dynptr),
        Err(fault) => Err(fault.into()),
    };
    memory.free(dynptr);
    memory.free(bytes);
    reply
}
