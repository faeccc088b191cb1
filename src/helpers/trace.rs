//! What tracing programs ask about the place they are attached to: arguments, stacks, cookies.
//!
//! Stacks are those the event says there are; nothing is unwound.

use super::{Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(58, "bpf_override_return", override_return),
    Entry::new(67, "bpf_get_stack", get_stack),
    Entry::new(173, "bpf_get_func_ip", get_func_ip),
    Entry::new(174, "bpf_get_attach_cookie", get_attach_cookie),
    Entry::new(183, "bpf_get_func_arg", get_func_arg),
    Entry::new(184, "bpf_get_func_ret", get_func_ret),
    Entry::new(185, "bpf_get_func_arg_cnt", get_func_arg_cnt),
];

/// How many frames to skip.
const SKIP_MASK: u64 = 0xff;
/// `BPF_F_USER_STACK`.
const USER_STACK: u64 = 1 << 8;
/// `BPF_F_USER_BUILD_ID`.
const USER_BUILD_ID: u64 = 1 << 11;

/// `long bpf_override_return(struct pt_regs *regs, u64 rc)`
fn override_return(call: &mut Call<'_>) -> Reply {
    call.state().overridden = Some(call.args[1]);
    Ok(0)
}

/// `u64 bpf_get_func_ip(void *ctx)`
fn get_func_ip(call: &mut Call<'_>) -> Reply {
    Ok(call.world.hook.func_ip)
}

/// `u64 bpf_get_attach_cookie(void *ctx)`
fn get_attach_cookie(call: &mut Call<'_>) -> Reply {
    Ok(call.world.hook.cookie)
}

/// `long bpf_get_func_arg(void *ctx, u32 n, u64 *value)`
fn get_func_arg(call: &mut Call<'_>) -> Reply {
    let [ctx, index, value, ..] = call.args;
    let index = index as u32;
    if index >= call.world.hook.func_args {
        return Ok(Errno::EINVAL.as_return());
    }
    copy_slot(call, ctx, index, value)
}

/// `long bpf_get_func_ret(void *ctx, u64 *value)`: only where the function has returned.
fn get_func_ret(call: &mut Call<'_>) -> Reply {
    let [ctx, value, ..] = call.args;
    match call.world.hook.returned {
        Returned::Yes => copy_slot(call, ctx, call.world.hook.func_args, value),
        Returned::No => Ok(Errno::EOPNOTSUPP.as_return()),
    }
}

/// `long bpf_get_func_arg_cnt(void *ctx)`
fn get_func_arg_cnt(call: &mut Call<'_>) -> Reply {
    Ok(u64::from(call.world.hook.func_args))
}

fn copy_slot(call: &Call<'_>, ctx: u64, index: u32, to: u64) -> Reply {
    let from = Addr(ctx).offset(i64::from(index) * 8);
    let value = call.memory().peek_uint(from, Size::DW)?;
    call.memory().store(Addr(to), Size::DW, value)?;
    Ok(0)
}

/// `long bpf_get_stack(void *ctx, void *buf, u32 size, u64 flags)`
fn get_stack(call: &mut Call<'_>) -> Reply {
    let [_, buf, size, flags, _] = call.args;
    let size = size as u32 as usize;
    call.check_room(buf, size)?;
    let frames = stack(call, flags, size);
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
fn stack<'a>(
    call: &Call<'a>,
    flags: u64,
    size: usize,
) -> Result<Result<&'a [u64], Errno>, HelperError> {
    if flags & !(SKIP_MASK | USER_STACK | USER_BUILD_ID) != 0 || !size.is_multiple_of(8) {
        return Ok(Err(Errno::EINVAL));
    }
    if flags & USER_BUILD_ID != 0 {
        return match flags & USER_STACK {
            0 => Ok(Err(Errno::EINVAL)),
            _ => Err(HelperError::Refused(
                "not supported yet: build ids of user stacks",
            )),
        };
    }
    let hook = &call.world.hook;
    let all = if flags & USER_STACK == 0 {
        hook.kernel_stack
    } else {
        hook.user_stack
    };
    let skip = (flags & SKIP_MASK) as usize;
    let frames = all.get(skip..).filter(|frames| !frames.is_empty());
    Ok(frames
        .map(|frames| frames.get(..size / 8).unwrap_or(frames))
        .ok_or(Errno::EFAULT))
}

/// Whether the traced function has returned, as in `fexit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Returned {
    /// It has not.
    #[default]
    No,
    /// It has, and its return value follows its arguments in the context.
    Yes,
}
