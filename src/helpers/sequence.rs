//! Text for who reads an iterator, and values of the kernel's types as text.

use super::btf_text::{flag, show};
use super::format::format;
use super::print::{Reader, arguments};
use super::{Answer, Call, Entry, Reply};
use crate::btf::BtfId;
use crate::isa::Size;
use crate::machine::{Addr, Errno, ObjectKind};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(126, "bpf_seq_printf", seq_printf),
    Entry::new(127, "bpf_seq_write", seq_write),
    Entry::new(149, "bpf_snprintf_btf", snprintf_btf),
    Entry::new(150, "bpf_seq_printf_btf", seq_printf_btf),
];

/// Bytes of `struct btf_ptr`.
const BTF_PTR: u32 = 16;
/// What the kernel has room for when an iterator shows one thing (8 pages); it must not be filled.
const MAX_SHOWN: usize = 8 << 12;
/// The largest value that is turned into text.
const MAX_VALUE: u64 = 1 << 20;

/// `long bpf_seq_printf(struct seq_file *m, const char *fmt, u32 fmt_size, const void *data, u32 data_len)`
fn seq_printf(call: &mut Call<'_>) -> Reply {
    let [file, fmt, size, data, len] = call.args;
    let fmt = call.memory().read_vec(Addr(fmt), size as u32)?;
    let Some(arguments) = arguments(call, data, len as u32)? else {
        return Ok(Errno::EINVAL.as_return());
    };
    match format(&fmt, &arguments, &Reader { call }, MAX_SHOWN) {
        Ok(text) => write(call, file, &text.bytes),
        Err(errno) => Ok(errno.as_return()),
    }
}

/// `long bpf_seq_write(struct seq_file *m, const void *data, u32 len)`
fn seq_write(call: &mut Call<'_>) -> Reply {
    let [file, data, len, ..] = call.args;
    let bytes = match len as u32 {
        0 => Vec::new(),
        len => call.memory().read_vec(Addr(data), len)?,
    };
    write(call, file, &bytes)
}

fn write(call: &Call<'_>, file: u64, bytes: &[u8]) -> Reply {
    if bytes.len() >= MAX_SHOWN {
        return Ok(Errno::EOVERFLOW.as_return());
    }
    let written = call.world.machine.sequences.write(Addr(file), bytes);
    Ok(super::map::status(written))
}

/// `long bpf_snprintf_btf(char *str, u32 str_size, struct btf_ptr *ptr, u32 btf_ptr_size, u64 flags)`
fn snprintf_btf(call: &mut Call<'_>) -> Reply {
    let [to, size, pointer, pointer_size, flags] = call.args;
    let text = match text_of(call, pointer, pointer_size as u32, flags)? {
        Ok(text) => text,
        Err(errno) => return Ok(errno.as_return()),
    };
    let needed = text.len() as u64;
    let mut bytes = text.into_bytes();
    if let Some(room) = (size as u32 as usize).checked_sub(1) {
        bytes.truncate(room);
        bytes.push(0);
        call.memory().write(Addr(to), &bytes)?;
    }
    Ok(needed)
}

/// `long bpf_seq_printf_btf(struct seq_file *m, struct btf_ptr *ptr, u32 ptr_size, u64 flags)`
fn seq_printf_btf(call: &mut Call<'_>) -> Reply {
    let [file, pointer, pointer_size, flags, _] = call.args;
    match text_of(call, pointer, pointer_size as u32, flags)? {
        Ok(text) => write(call, file, text.as_bytes()),
        Err(errno) => Ok(errno.as_return()),
    }
}

/// The text of the value that a `struct btf_ptr` describes.
fn text_of(call: &Call<'_>, pointer: u64, size: u32, flags: u64) -> Answer<String> {
    if flags & !flag::ALL != 0 || size != BTF_PTR {
        return Ok(Err(Errno::EINVAL));
    }
    let value = call.memory().load(Addr(pointer), Size::DW)?;
    let id = call.memory().load(Addr(pointer).offset(8), Size::W)? as u32;
    let btf = call.world.kernel.btf();
    // `bpf_btf_printf_prepare` in kernel/trace/bpf_trace.c, 6.12.
    match id {
        0 => return Ok(Err(Errno::EINVAL)),
        id if id >= btf.type_count() => return Ok(Err(Errno::ENOENT)),
        _ => {}
    }
    let size = btf.size_of(BtfId(id)).filter(|size| *size <= MAX_VALUE);
    let Some(size) = size else {
        return Ok(Err(Errno::EINVAL));
    };
    let mut bytes = vec![0; size as usize];
    Ok(match call.memory().probe_read(Addr(value), &mut bytes) {
        Ok(()) => Ok(show(btf, BtfId(id), &bytes, flags)),
        Err(_) if is_user(call, Addr(value)) => Err(Errno::ERANGE),
        Err(_) => Err(Errno::EFAULT),
    })
}

/// Whether an address is none of the kernel's, which is not even tried.
fn is_user(call: &Call<'_>, at: Addr) -> bool {
    const USER_END: u64 = 1 << 47;
    let object = call.memory().describe(at).filter(|object| object.live);
    object.map_or(at.0 < USER_END, |object| {
        object.kind == ObjectKind::UserMemory
    })
}
