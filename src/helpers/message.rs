//! Messages that a socket sends, on their way through a map of sockets: their bytes in guest memory, behind
//! `data` and `data_end` of `struct sk_msg_md`.

use super::{Answer, Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, ObjectKind, ObjectSpec, Owner};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(61, "bpf_msg_apply_bytes", apply_bytes),
    Entry::new(62, "bpf_msg_cork_bytes", cork_bytes),
    Entry::new(63, "bpf_msg_pull_data", pull_data),
    Entry::new(90, "bpf_msg_push_data", push_data),
    Entry::new(91, "bpf_msg_pop_data", pop_data),
];

/// Offsets in `struct sk_msg_md`.
const DATA: i64 = 0;
const DATA_END: i64 = 8;
const SIZE: i64 = 68;
/// The longest message that helpers make.
const MAX: u64 = 1 << 20;

/// A message.
struct Message {
    ctx: Addr,
    /// Where its bytes begin, whatever part of them is shown.
    start: Addr,
    size: u32,
}

impl Message {
    fn of(call: &Call<'_>) -> Result<Message, HelperError> {
        let ctx = Addr(call.args[0]);
        let memory = call.memory();
        let shown = Addr(memory.peek_uint(ctx.offset(DATA), Size::DW)?);
        let object = memory.describe(shown);
        let start = object.filter(|object| object.kind == ObjectKind::Packet);
        let start = start.ok_or(HelperError::Refused("this run has no message"))?;
        Ok(Message {
            ctx,
            start: start.base,
            size: memory.peek_uint(ctx.offset(SIZE), Size::W)? as u32,
        })
    }

    /// Shows the program a part of its bytes.
    fn show(&self, call: &Call<'_>, from: u32, to: u32) -> Result<(), HelperError> {
        let memory = call.memory();
        let place = |at: u32| self.start.offset(i64::from(at)).0;
        memory.poke_uint(self.ctx.offset(DATA), Size::DW, place(from))?;
        memory.poke_uint(self.ctx.offset(DATA_END), Size::DW, place(to))?;
        memory.poke_uint(self.ctx.offset(SIZE), Size::W, u64::from(self.size))?;
        Ok(())
    }

    /// Puts other bytes in place of its own.
    fn replace(&self, call: &mut Call<'_>, bytes: &[u8]) -> Answer<()> {
        let spec = ObjectSpec::new(ObjectKind::Packet, "data", Owner::Kernel);
        let len = bytes.len() as u64;
        if len > MAX {
            return Ok(Err(Errno::ENOMEM));
        }
        let Ok(start) = call.memory().allocate(len.max(8), &spec) else {
            return Ok(Err(Errno::ENOMEM));
        };
        call.state().kept.push(start);
        call.memory().poke(start, bytes)?;
        let size = bytes.len() as u32;
        let message = Message {
            start,
            size,
            ctx: self.ctx,
        };
        message.show(call, 0, size)?;
        Ok(Ok(()))
    }
}

/// `long bpf_msg_apply_bytes(struct sk_msg_buff *msg, u32 bytes)`
fn apply_bytes(call: &mut Call<'_>) -> Reply {
    let bytes = call.args[1] as u32;
    call.state().applied = Some(bytes);
    Ok(0)
}

/// `long bpf_msg_cork_bytes(struct sk_msg_buff *msg, u32 bytes)`
fn cork_bytes(call: &mut Call<'_>) -> Reply {
    let bytes = call.args[1] as u32;
    call.state().corked = Some(bytes);
    Ok(0)
}

/// `long bpf_msg_pull_data(struct sk_msg_buff *msg, u32 start, u32 end, u64 flags)`
fn pull_data(call: &mut Call<'_>) -> Reply {
    let [_, start, end, flags, _] = call.args;
    let (start, end) = (start as u32, end as u32);
    let message = Message::of(call)?;
    if flags != 0 || end <= start || end > message.size {
        return Ok(Errno::EINVAL.as_return());
    }
    message.show(call, start, end)?;
    Ok(0)
}

/// `long bpf_msg_push_data(struct sk_msg_buff *msg, u32 start, u32 len, u64 flags)`: the new bytes are zero.
fn push_data(call: &mut Call<'_>) -> Reply {
    let [_, start, len, flags, _] = call.args;
    let (start, len) = (start as u32, len as u32);
    if flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if len == 0 {
        return Ok(0);
    }
    let message = Message::of(call)?;
    if start > message.size {
        return Ok(Errno::EINVAL.as_return());
    }
    if u64::from(len) > MAX {
        return Ok(Errno::ENOMEM.as_return());
    }
    let mut bytes = call.memory().peek_vec(message.start, message.size)?;
    let at = start as usize;
    bytes.splice(at..at, std::iter::repeat_n(0, len as usize));
    Ok(super::map::status(message.replace(call, &bytes)?))
}

/// `long bpf_msg_pop_data(struct sk_msg_buff *msg, u32 start, u32 len, u64 flags)`
fn pop_data(call: &mut Call<'_>) -> Reply {
    let [_, start, len, flags, _] = call.args;
    let (start, len) = (start as u32, len as u32);
    if flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if len == 0 {
        return Ok(0);
    }
    let message = Message::of(call)?;
    let end = start.checked_add(len).filter(|end| *end <= message.size);
    let Some(end) = end else {
        return Ok(Errno::EINVAL.as_return());
    };
    let mut bytes = call.memory().peek_vec(message.start, message.size)?;
    bytes.drain(start as usize..end as usize);
    Ok(super::map::status(message.replace(call, &bytes)?))
}
