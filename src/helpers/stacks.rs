//! Stacks: as frames, or as the id of a stack that a map keeps.
//!
//! Stacks are those the event says there are; nothing is unwound.

use super::{Answer, Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(27, "bpf_get_stackid", get_stackid),
    Entry::new(67, "bpf_get_stack", get_stack),
];

/// How many frames to skip.
const SKIP_MASK: u64 = 0xff;
/// `BPF_F_USER_STACK`.
pub(super) const USER_STACK: u64 = 1 << 8;
/// `BPF_F_FAST_STACK_CMP` and `BPF_F_REUSE_STACKID`.
const ID_FLAGS: u64 = 3 << 9;
/// `BPF_F_USER_BUILD_ID`.
const USER_BUILD_ID: u64 = 1 << 11;
/// `BPF_F_STACK_BUILD_ID`, a flag of the map.
const MAP_BUILD_ID: u32 = crate::abi::map_type::flag::STACK_BUILD_ID;

const NO_BUILD_IDS: HelperError =
    HelperError::Refused("not supported yet: build ids of user stacks");

/// `long bpf_get_stackid(void *ctx, struct bpf_map *map, u64 flags)`
fn get_stackid(call: &mut Call<'_>) -> Reply {
    let [_, map, flags, ..] = call.args;
    let map = call.map(map)?;
    let stacks = map
        .stacks()
        .ok_or(HelperError::Refused("the map keeps no stacks"))?;
    if flags & !(SKIP_MASK | USER_STACK | ID_FLAGS) != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if map.spec.flags & MAP_BUILD_ID != 0 && flags & USER_STACK != 0 {
        return Err(NO_BUILD_IDS);
    }
    let stored = match frames(call, flags) {
        Some(frames) => stacks.store(frames, flags & ID_FLAGS),
        None => Err(Errno::EFAULT),
    };
    Ok(stored.map_or_else(Errno::as_return, u64::from))
}

/// `long bpf_get_stack(void *ctx, void *buf, u32 size, u64 flags)`
fn get_stack(call: &mut Call<'_>) -> Reply {
    let [_, buf, size, flags, _] = call.args;
    copy_stack(call, (buf, size as u32), flags, Whose::Current)
}

/// Whose stack is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    /// The current task's.
    Current,
    /// A task's that sleeps, in the kernel.
    Other(&'a [u64]),
}

/// Copies a stack out, and gives its length in bytes.
pub(super) fn copy_stack<'a>(
    call: &Call<'a>,
    (buf, size): (u64, u32),
    flags: u64,
    whose: Whose<'a>,
) -> Reply {
    let size = size as usize;
    call.check_room(buf, size)?;
    let frames = stack(call, flags, size, whose);
    let mut bytes: Vec<u8> = Vec::new();
    let reply = match frames? {
        Ok(frames) => {
            bytes.extend(frames.iter().flat_map(|ip| ip.to_le_bytes()));
            bytes.len() as u64
        }
        Err(errno) => errno.as_return(),
    };
    bytes.resize(size, 0);
    call.memory().write(Addr(buf), &bytes)?;
    Ok(reply)
}

/// The frames that flags and room ask for, innermost first.
fn stack<'a>(call: &Call<'a>, flags: u64, size: usize, whose: Whose<'a>) -> Answer<&'a [u64]> {
    if flags & !(SKIP_MASK | USER_STACK | USER_BUILD_ID) != 0 || !size.is_multiple_of(8) {
        return Ok(Err(Errno::EINVAL));
    }
    if flags & USER_BUILD_ID != 0 {
        return match flags & USER_STACK {
            0 => Ok(Err(Errno::EINVAL)),
            _ => Err(NO_BUILD_IDS),
        };
    }
    let cut = |frames: &'a [u64]| frames.get(..size / 8).unwrap_or(frames);
    let found = match whose {
        Whose::Current => frames(call, flags),
        Whose::Other(all) => rest(all, flags),
    };
    Ok(found.map(cut).ok_or(Errno::EFAULT))
}

/// The frames that are left of a stack after those that are skipped, if any.
fn frames<'a>(call: &Call<'a>, flags: u64) -> Option<&'a [u64]> {
    let hook = &call.world.hook;
    let all = if flags & USER_STACK == 0 {
        hook.kernel_stack
    } else {
        hook.user_stack
    };
    rest(all, flags)
}

fn rest(all: &[u64], flags: u64) -> Option<&[u64]> {
    let skip = (flags & SKIP_MASK) as usize;
    all.get(skip..).filter(|frames| !frames.is_empty())
}
