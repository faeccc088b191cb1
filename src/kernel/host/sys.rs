//! bpf(2), one safe function a command.
//!
//! It decides nothing. Attributes are laid out as `union bpf_attr` has them
//! (`include/uapi/linux/bpf.h`); bytes that a kernel does not know are zero, which it accepts.
//!
//! Rules:
//! - Errors are positive error numbers, as the kernel gave them.
//! - Every pointer in an attribute comes from a slice that outlives the call, with its length
//!   beside it or, for keys and values of maps, checked against the sizes the map was made with.

#![expect(unsafe_code, reason = "system calls")]

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// An error number of the kernel.
pub(super) type SysResult<T> = Result<T, i32>;

/// `enum bpf_cmd`.
#[derive(Clone, Copy, Debug)]
#[repr(i64)]
enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapNextKey = 4,
    ProgLoad = 5,
    ProgTestRun = 10,
    RawTracepointOpen = 17,
    BtfLoad = 18,
    MapLookupAndDelete = 21,
    MapFreeze = 22,
    LinkCreate = 28,
}

/// Length of names, with their NUL.
pub(super) const NAME_LEN: usize = 16;

/// Attributes of `BPF_MAP_CREATE`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct MapCreate {
    pub(super) map_type: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) flags: u32,
    pub(super) inner_map_fd: u32,
    pub(super) numa_node: u32,
    pub(super) name: [u8; NAME_LEN],
    pub(super) ifindex: u32,
    pub(super) btf_fd: u32,
    pub(super) key_type: u32,
    pub(super) value_type: u32,
    pub(super) vmlinux_value_type: u32,
    pub(super) extra: u64,
}

#[derive(Debug, Default)]
#[repr(C)]
struct MapElem {
    map_fd: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[derive(Debug, Default)]
#[repr(C)]
struct BtfLoad {
    btf: u64,
    log_buf: u64,
    size: u32,
    log_size: u32,
    log_level: u32,
    pad: u32,
}

#[derive(Debug, Default)]
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    flags: u32,
    name: [u8; NAME_LEN],
    ifindex: u32,
    expected_attach_type: u32,
    btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
    attach_prog_fd: u32,
    core_relo_cnt: u32,
}

#[derive(Debug, Default)]
#[repr(C)]
struct TestRun {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    pad: u32,
}

#[derive(Debug, Default)]
#[repr(C)]
struct RawTracepoint {
    name: u64,
    prog_fd: u32,
    pad: u32,
}

#[derive(Debug, Default)]
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    target_btf_id: u64,
}

/// A program to load. Text ends in a NUL.
#[derive(Debug)]
pub(super) struct Load<'a> {
    pub(super) prog_type: u32,
    pub(super) attach_type: u32,
    pub(super) attach_btf_id: u32,
    pub(super) attach_prog: Option<&'a OwnedFd>,
    pub(super) flags: u32,
    pub(super) name: [u8; NAME_LEN],
    pub(super) insns: &'a [[u8; 8]],
    pub(super) licence: &'a std::ffi::CStr,
    pub(super) btf: Option<&'a OwnedFd>,
    pub(super) func_info: &'a [[u32; 2]],
    pub(super) line_info: &'a [[u32; 4]],
    pub(super) log_level: u32,
}

/// A test run.
#[derive(Debug, Default)]
pub(super) struct Run<'a> {
    pub(super) data: &'a [u8],
    /// The context; system call programs write into it.
    pub(super) ctx: &'a mut [u8],
    pub(super) data_out: &'a mut [u8],
    pub(super) ctx_out: &'a mut [u8],
    pub(super) repeat: u32,
    pub(super) flags: u32,
    pub(super) cpu: u32,
    pub(super) batch_size: u32,
}

/// What a test run gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    pub(super) retval: u32,
    /// Bytes of the packet, which may be more than there was room for.
    pub(super) data_len: u32,
    /// Bytes of the context.
    pub(super) ctx_len: u32,
    pub(super) duration: u32,
}

/// Makes a map.
pub(super) fn map_create(attr: &MapCreate) -> SysResult<OwnedFd> {
    let mut attr = *attr;
    // SAFETY: the attributes hold no pointers.
    unsafe { bpf(Command::MapCreate, &mut attr) }.and_then(owned)
}

/// A map with the sizes that the kernel reads and writes at once.
#[derive(Debug)]
pub(super) struct MapFd {
    fd: OwnedFd,
    key_size: usize,
    value_size: usize,
}

impl MapFd {
    /// A map that was made with that size of keys and whose values have that size for user space.
    pub(super) fn new(fd: OwnedFd, key_size: usize, value_size: usize) -> MapFd {
        MapFd {
            fd,
            key_size,
            value_size,
        }
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(super) fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Puts a value in.
    pub(super) fn update(&self, key: &[u8], value: &[u8]) -> SysResult<()> {
        if key.len() != self.key_size || value.len() != self.value_size {
            return Err(libc::EINVAL);
        }
        let mut attr = self.elem(key.as_ptr() as u64, value.as_ptr() as u64);
        // SAFETY: key and value have the sizes that the kernel reads.
        unsafe { bpf(Command::MapUpdate, &mut attr) }.map(drop)
    }

    /// Copies the value under a key out.
    pub(super) fn lookup(&self, key: &[u8]) -> SysResult<Vec<u8>> {
        if key.len() != self.key_size {
            return Err(libc::EINVAL);
        }
        let mut value = vec![0; self.value_size];
        let mut attr = self.elem(key.as_ptr() as u64, value.as_mut_ptr() as u64);
        // SAFETY: key and value have the sizes that the kernel reads and writes.
        unsafe { bpf(Command::MapLookup, &mut attr) }?;
        Ok(value)
    }

    /// Takes the next value out of a queue or stack.
    pub(super) fn pop(&self) -> SysResult<Vec<u8>> {
        let mut value = vec![0; self.value_size];
        let mut attr = self.elem(0, value.as_mut_ptr() as u64);
        // SAFETY: there is no key, and the value has the size that the kernel writes.
        unsafe { bpf(Command::MapLookupAndDelete, &mut attr) }?;
        Ok(value)
    }

    /// The key after a key, or the first.
    pub(super) fn next_key(&self, key: Option<&[u8]>) -> SysResult<Vec<u8>> {
        if key.is_some_and(|key| key.len() != self.key_size) {
            return Err(libc::EINVAL);
        }
        let mut next = vec![0; self.key_size];
        let key = key.map_or(0, |key| key.as_ptr() as u64);
        let mut attr = self.elem(key, next.as_mut_ptr() as u64);
        // SAFETY: both keys have the size that the kernel reads and writes.
        unsafe { bpf(Command::MapNextKey, &mut attr) }?;
        Ok(next)
    }

    /// Forbids user space to change the map.
    pub(super) fn freeze(&self) -> SysResult<()> {
        let mut attr = self.elem(0, 0);
        // SAFETY: the attributes hold no pointers.
        unsafe { bpf(Command::MapFreeze, &mut attr) }.map(drop)
    }

    fn elem(&self, key: u64, value: u64) -> MapElem {
        MapElem {
            map_fd: number(&self.fd),
            key,
            value,
            ..MapElem::default()
        }
    }
}

/// Loads type information.
pub(super) fn btf_load(btf: &[u8], log: &mut [u8]) -> SysResult<OwnedFd> {
    let mut attr = BtfLoad {
        btf: btf.as_ptr() as u64,
        size: len(btf),
        log_buf: log.as_mut_ptr() as u64,
        log_size: len(log),
        log_level: u32::from(!log.is_empty()),
        ..BtfLoad::default()
    };
    if log.is_empty() {
        attr.log_buf = 0;
    }
    // SAFETY: both buffers are as long as the attributes say.
    unsafe { bpf(Command::BtfLoad, &mut attr) }.and_then(owned)
}

/// Loads a program.
pub(super) fn prog_load(load: &Load<'_>, log: &mut [u8]) -> SysResult<OwnedFd> {
    let has_log = load.log_level != 0 && !log.is_empty();
    let mut attr = ProgLoad {
        prog_type: load.prog_type,
        insn_cnt: len(load.insns),
        insns: load.insns.as_ptr() as u64,
        license: load.licence.as_ptr() as u64,
        log_level: if has_log { load.log_level } else { 0 },
        log_size: if has_log { len(log) } else { 0 },
        log_buf: if has_log { log.as_mut_ptr() as u64 } else { 0 },
        flags: load.flags,
        name: load.name,
        expected_attach_type: load.attach_type,
        btf_fd: load.btf.map_or(0, number),
        func_info_rec_size: 8,
        func_info: load.func_info.as_ptr() as u64,
        func_info_cnt: len(load.func_info),
        line_info_rec_size: 16,
        line_info: load.line_info.as_ptr() as u64,
        line_info_cnt: len(load.line_info),
        attach_btf_id: load.attach_btf_id,
        attach_prog_fd: load.attach_prog.map_or(0, number),
        ..ProgLoad::default()
    };
    if load.btf.is_none() {
        (attr.func_info_cnt, attr.func_info_rec_size) = (0, 0);
        (attr.line_info_cnt, attr.line_info_rec_size) = (0, 0);
    }
    // SAFETY: every buffer is as long as the attributes say, and the licence ends in a NUL.
    unsafe { bpf(Command::ProgLoad, &mut attr) }.and_then(owned)
}

/// Runs a program.
pub(super) fn test_run(prog: &OwnedFd, run: &mut Run<'_>) -> SysResult<Ran> {
    let pointer = |bytes: &[u8]| match bytes {
        [] => 0,
        _ => bytes.as_ptr() as u64,
    };
    let mut attr = TestRun {
        prog_fd: number(prog),
        data_size_in: len(run.data),
        data_size_out: len(run.data_out),
        data_in: pointer(run.data),
        data_out: pointer(run.data_out),
        repeat: run.repeat,
        ctx_size_in: len(run.ctx),
        ctx_size_out: len(run.ctx_out),
        ctx_in: pointer(run.ctx),
        ctx_out: pointer(run.ctx_out),
        flags: run.flags,
        cpu: run.cpu,
        batch_size: run.batch_size,
        ..TestRun::default()
    };
    // SAFETY: every buffer is as long as the attributes say, and those the kernel writes are
    // borrowed for writing.
    unsafe { bpf(Command::ProgTestRun, &mut attr) }?;
    Ok(Ran {
        retval: attr.retval,
        data_len: attr.data_size_out,
        ctx_len: attr.ctx_size_out,
        duration: attr.duration,
    })
}

/// Attaches a program to a raw tracepoint, or, without name, to what it was loaded for.
pub(super) fn raw_tracepoint_open(
    prog: &OwnedFd,
    name: Option<&std::ffi::CStr>,
) -> SysResult<OwnedFd> {
    let mut attr = RawTracepoint {
        name: name.map_or(0, |name| name.as_ptr() as u64),
        prog_fd: number(prog),
        ..RawTracepoint::default()
    };
    // SAFETY: the name ends in a NUL.
    unsafe { bpf(Command::RawTracepointOpen, &mut attr) }.and_then(owned)
}

/// Attaches a program to a perf event with a link (`BPF_PERF_EVENT`).
pub(super) fn link_perf_event(prog: &OwnedFd, event: &OwnedFd) -> SysResult<OwnedFd> {
    const BPF_PERF_EVENT: u32 = 41;
    let mut attr = LinkCreate {
        prog_fd: number(prog),
        target_fd: number(event),
        attach_type: BPF_PERF_EVENT,
        ..LinkCreate::default()
    };
    // SAFETY: the attributes hold no pointers.
    unsafe { bpf(Command::LinkCreate, &mut attr) }.and_then(owned)
}

fn number(fd: &OwnedFd) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn len<T>(slice: &[T]) -> u32 {
    u32::try_from(slice.len()).unwrap_or(u32::MAX)
}

fn owned(fd: i32) -> SysResult<OwnedFd> {
    if fd < 0 {
        return Err(libc::EBADF);
    }
    // SAFETY: the kernel has just given this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The system call.
///
/// # Safety
/// Pointers in the attributes point to memory of the lengths that the command reads and writes.
unsafe fn bpf<T>(command: Command, attr: &mut T) -> SysResult<i32> {
    let size = size_of::<T>();
    // SAFETY: the attributes are as long as they say; their pointers are the caller's duty.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as i64, &raw mut *attr, size) };
    match i32::try_from(result) {
        Ok(value) if value >= 0 => Ok(value),
        _ => Err(last_error()),
    }
}

/// What the last system call failed with.
pub(super) fn last_error() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
