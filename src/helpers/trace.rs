//! What tracing programs ask about the place they are attached to: arguments and cookies.

use super::{Call, Entry, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(58, "bpf_override_return", override_return),
    Entry::new(173, "bpf_get_func_ip", get_func_ip),
    Entry::new(174, "bpf_get_attach_cookie", get_attach_cookie),
    Entry::new(183, "bpf_get_func_arg", get_func_arg),
    Entry::new(184, "bpf_get_func_ret", get_func_ret),
    Entry::new(185, "bpf_get_func_arg_cnt", get_func_arg_cnt),
];

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

/// Whether the traced function has returned, as in `fexit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Returned {
    /// It has not.
    #[default]
    No,
    /// It has, and its return value follows its arguments in the context.
    Yes,
}
