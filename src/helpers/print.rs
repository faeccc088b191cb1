//! Printing: to the trace pipe and into buffers.
//!
//! What conversions mean is [`super::format`]'s; here is who may pass how many arguments.

use super::format::{Source, Space, format};
use super::{Call, Entry, Reply, probe};
use crate::machine::{Addr, Errno, TraceFlags};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(6, "bpf_trace_printk", trace_printk),
    Entry::new(165, "bpf_snprintf", snprintf),
    Entry::new(177, "bpf_trace_vprintk", trace_vprintk),
];

/// Longest text that goes to the trace pipe, its terminating zero included (`MAX_BPRINTF_BUF`).
const MAX_LINE: usize = 1024;

/// Most arguments that come in an array (`MAX_BPRINTF_VARARGS`).
const MAX_ARGS: u32 = 12;

/// Longest string that one conversion prints, its zero included (`MAX_BPRINTF_BIN_ARGS`).
const MAX_STRING: u32 = 512;

/// `long bpf_trace_printk(const char *fmt, u32 fmt_size, ...)`
fn trace_printk(call: &mut Call<'_>) -> Reply {
    let [fmt, size, arguments @ ..] = call.args;
    let fmt = call.memory().read_vec(Addr(fmt), size as u32)?;
    Ok(print(call, &fmt, &arguments))
}

/// `long bpf_trace_vprintk(const char *fmt, u32 fmt_size, const void *data, u32 data_len)`
fn trace_vprintk(call: &mut Call<'_>) -> Reply {
    let [fmt, size, data, len, _] = call.args;
    let fmt = call.memory().read_vec(Addr(fmt), size as u32)?;
    match arguments(call, data, len as u32)? {
        Some(arguments) => Ok(print(call, &fmt, &arguments)),
        None => Ok(Errno::EINVAL.as_return()),
    }
}

/// `long bpf_snprintf(char *str, u32 str_size, const char *fmt, u64 *data, u32 data_len)`
fn snprintf(call: &mut Call<'_>) -> Reply {
    let [to, size, fmt, data, len] = call.args;
    let Some(arguments) = arguments(call, data, len as u32)? else {
        return Ok(Errno::EINVAL.as_return());
    };
    let mut fmt = call.memory().read_cstr(Addr(fmt), u32::MAX)?;
    fmt.push(0);
    let size = size as u32 as usize;
    let mut text = match format(&fmt, &arguments, &Reader { call }, size) {
        Ok(text) => text,
        Err(errno) => return Ok(errno.as_return()),
    };
    if size != 0 {
        text.bytes.push(0);
        call.memory().write(Addr(to), &text.bytes)?;
    }
    Ok(text.length as u64 + 1)
}

/// Arguments in an array, unless their number is not one that the kernel takes.
pub(super) fn arguments(
    call: &Call<'_>,
    data: u64,
    len: u32,
) -> Result<Option<Vec<u64>>, super::HelperError> {
    if !len.is_multiple_of(8) || len > MAX_ARGS * 8 || (len != 0 && data == 0) {
        return Ok(None);
    }
    if len == 0 {
        return Ok(Some(Vec::new()));
    }
    let bytes = call.memory().read_vec(Addr(data), len)?;
    let (words, _) = bytes.as_chunks::<8>();
    Ok(Some(
        words.iter().copied().map(u64::from_le_bytes).collect(),
    ))
}

fn print(call: &Call<'_>, fmt: &[u8], arguments: &[u64]) -> u64 {
    match format(fmt, arguments, &Reader { call }, MAX_LINE) {
        Ok(text) => {
            let world = call.world;
            let (machine, now) = (world.machine, world.machine.clock.now());
            machine.trace.print(
                world.task,
                world.cpu,
                TraceFlags::default(),
                now,
                &text.bytes,
            );
            text.length as u64
        }
        Err(errno) => errno.as_return(),
    }
}

/// Reads what conversions point to.
pub(super) struct Reader<'a, 'b> {
    pub(super) call: &'a Call<'b>,
}

impl Source for Reader<'_, '_> {
    fn string(&self, addr: u64, space: Space) -> Option<Vec<u8>> {
        let read = match space {
            Space::Either => probe::str_from_either,
            Space::Kernel => probe::str_from_kernel,
            Space::User => probe::str_from_user,
        };
        read(self.call, Addr(addr), MAX_STRING).ok()
    }

    fn bytes(&self, addr: u64, buf: &mut [u8]) -> Option<()> {
        probe::from_kernel(self.call, Addr(addr), buf).ok()
    }

    fn symbol(&self, _addr: u64) -> Option<String> {
        None
    }

    fn hash(&self, addr: u64) -> u32 {
        self.call.world.machine.random.hash(addr)
    }
}
