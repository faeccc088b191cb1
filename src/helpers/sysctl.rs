//! Kernel parameters that are read and written, and remote controls.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(77, "bpf_rc_repeat", rc_repeat),
    Entry::new(78, "bpf_rc_keydown", rc_keydown),
    Entry::new(92, "bpf_rc_pointer_rel", rc_pointer_rel),
    Entry::new(101, "bpf_sysctl_get_name", get_name),
    Entry::new(102, "bpf_sysctl_get_current_value", get_current_value),
    Entry::new(103, "bpf_sysctl_get_new_value", get_new_value),
    Entry::new(104, "bpf_sysctl_set_new_value", set_new_value),
];

/// The longest value that is written (`PAGE_SIZE - 1`).
const MAX_VALUE: usize = 4095;

/// A kernel parameter that somebody reads or writes.
#[derive(Debug, Default)]
pub struct Sysctl {
    /// Its path: `net/ipv4/tcp_mem`.
    pub name: String,
    /// Its value.
    pub current: Vec<u8>,
    /// What it shall be, if it is written.
    new: Mutex<Option<Vec<u8>>>,
}

impl Sysctl {
    /// A parameter with its value, and the one that is written.
    pub fn new(name: String, current: Vec<u8>, new: Option<Vec<u8>>) -> Sysctl {
        Sysctl {
            name,
            current,
            new: Mutex::new(new),
        }
    }

    /// What it shall be now.
    pub fn written(&self) -> Option<Vec<u8>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a remote control did, as a program decoded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// The last key is still down.
    Repeat,
    /// A key went down.
    Key {
        /// The protocol.
        protocol: u32,
        /// The key.
        scancode: u64,
        /// Differs from one press to the next.
        toggle: u32,
    },
    /// A pointer moved.
    Pointer {
        /// To the right.
        x: i32,
        /// Down.
        y: i32,
    },
}

impl<'a> Call<'a> {
    fn sysctl(&self) -> Result<&'a Sysctl, HelperError> {
        let sysctl = self.world.sysctl;
        sysctl.ok_or(HelperError::Refused("this run has no kernel parameter"))
    }
}

/// `long bpf_sysctl_get_name(struct bpf_sysctl *ctx, char *buf, size_t buf_len, u64 flags)`
fn get_name(call: &mut Call<'_>) -> Reply {
    /// `BPF_F_SYSCTL_BASE_NAME`.
    const BASE: u64 = 1;
    let [_, to, size, flags, _] = call.args;
    let name = call.sysctl()?.name.clone();
    let shown = match flags & BASE {
        0 => name.as_str(),
        _ => name.rsplit('/').next().unwrap_or_default(),
    };
    let size = size as u32;
    let room = call.memory().read_vec(Addr(to), size)?;
    let (bytes, whole) = written_parts(room, shown);
    call.memory().write(Addr(to), &bytes)?;
    Ok(match whole {
        true => shown.len() as u64,
        false => Errno::E2BIG.as_return(),
    })
}

/// A buffer into which a path was copied part by part, and whether it fitted. What lies behind it stays, as far as the
/// kernel's copies, of words where they fit (`strscpy` in lib/string.c, 6.12), leave it.
fn written_parts(mut room: Vec<u8>, path: &str) -> (Vec<u8>, bool) {
    let mut at = 0;
    for part in path.split_inclusive('/') {
        let (name, slash) = part
            .strip_suffix('/')
            .map_or((part, ""), |name| (name, "/"));
        for text in [name, slash].into_iter().filter(|text| !text.is_empty()) {
            let Some(rest) = room.get_mut(at..).filter(|rest| !rest.is_empty()) else {
                return (room, false);
            };
            if !put_text(rest, text.as_bytes()) {
                return (room, false);
            }
            at += text.len();
        }
    }
    (room, true)
}

/// Copies a text with its zero, as far as there is room.
fn put_text(room: &mut [u8], text: &[u8]) -> bool {
    const WORD: usize = 8;
    let fits = text.len() < room.len();
    let words = (text.len() + 1).next_multiple_of(WORD);
    let end = match words <= room.len() {
        true => words,
        false => room.len().min(text.len() + 1),
    };
    let last = room.len() - 1;
    for (index, byte) in room.iter_mut().enumerate().take(end) {
        let shown = text.get(index).copied().filter(|_| fits || index < last);
        *byte = shown.unwrap_or(0);
    }
    fits
}

/// `long bpf_sysctl_get_current_value(struct bpf_sysctl *ctx, char *buf, size_t buf_len)`
fn get_current_value(call: &mut Call<'_>) -> Reply {
    let [_, to, size, ..] = call.args;
    let current = call.sysctl()?.current.clone();
    copy(call, to, size, Some(&current))
}

/// `long bpf_sysctl_get_new_value(struct bpf_sysctl *ctx, char *buf, size_t buf_len)`
fn get_new_value(call: &mut Call<'_>) -> Reply {
    let [_, to, size, ..] = call.args;
    let new = call.sysctl()?.written();
    copy(call, to, size, new.as_deref())
}

/// Copies a value out, with a zero behind it: its length, or that it was cut.
fn copy(call: &Call<'_>, to: u64, size: u64, value: Option<&[u8]>) -> Reply {
    let size = size as u32 as usize;
    call.check_room(to, size)?;
    let Some(room) = size.checked_sub(1) else {
        return Ok(Errno::E2BIG.as_return());
    };
    let value = value.unwrap_or_default();
    let mut bytes = value.get(..room).unwrap_or(value).to_vec();
    bytes.resize(size, 0);
    call.memory().write(Addr(to), &bytes)?;
    Ok(match value.len() {
        0 => Errno::EINVAL.as_return(),
        len if len > room => Errno::E2BIG.as_return(),
        len => len as u64,
    })
}

/// `long bpf_sysctl_set_new_value(struct bpf_sysctl *ctx, const char *buf, size_t buf_len)`
fn set_new_value(call: &mut Call<'_>) -> Reply {
    let [_, from, size, ..] = call.args;
    let size = size as u32;
    let sysctl = call.sysctl()?;
    if sysctl.written().is_none_or(|new| new.is_empty()) || size == 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if size as usize > MAX_VALUE {
        return Ok(Errno::E2BIG.as_return());
    }
    let bytes = call.memory().read_vec(Addr(from), size)?;
    *sysctl.lock() = Some(bytes);
    Ok(0)
}

/// `long bpf_rc_repeat(void *ctx)`
fn rc_repeat(call: &mut Call<'_>) -> Reply {
    call.state().remote.push(Remote::Repeat);
    Ok(0)
}

/// `long bpf_rc_keydown(void *ctx, u32 protocol, u64 scancode, u32 toggle)`
fn rc_keydown(call: &mut Call<'_>) -> Reply {
    let [_, protocol, scancode, toggle, _] = call.args;
    call.state().remote.push(Remote::Key {
        protocol: protocol as u32,
        scancode,
        toggle: u32::from(toggle as u32 != 0),
    });
    Ok(0)
}

/// `long bpf_rc_pointer_rel(void *ctx, s32 rel_x, s32 rel_y)`
fn rc_pointer_rel(call: &mut Call<'_>) -> Reply {
    let [_, x, y, ..] = call.args;
    let (x, y) = (x as i32, y as i32);
    call.state().remote.push(Remote::Pointer { x, y });
    Ok(0)
}
