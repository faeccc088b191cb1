//! Making maps and filling them.
//!
//! It reads none.

use std::os::fd::{AsRawFd as _, OwnedFd};

use crate::abi::MapType;
use crate::abi::map_type::cpu_part;
use crate::kernel::job::{Access, Job, MapFailure, MapJob};

use super::mapping;
use super::privilege;
use super::programs::Loaded;
use super::sys::{self, MapCreate, MapFd, NAME_LEN, SysResult};

/// Bytes that a map may take: the kernel belongs to others too.
pub const MAP_LIMIT: u64 = 64 << 20;

/// `BPF_F_NO_PREALLOC`.
const NO_PREALLOC: u32 = 1;

/// What became of a map.
pub(super) type Made = Result<MapFd, MapFailure>;

/// Makes every map, puts values and maps in, freezes those that are to be.
pub(super) fn make(job: &Job, btf: Option<&OwnedFd>, cpus: u32) -> Vec<Made> {
    let mut maps: Vec<Made> = job
        .maps
        .iter()
        .map(|map| create(map, btf, cpus, job.without))
        .collect();
    for index in 0..maps.len() {
        let (Some(spec), Some(Ok(map))) = (job.maps.get(index), maps.get(index)) else {
            continue;
        };
        if let Err(failure) = fill(spec, map, &maps, cpus)
            && let Some(made) = maps.get_mut(index)
        {
            *made = Err(failure);
        }
    }
    maps
}

/// Puts programs into the arrays that want them.
pub(super) fn insert_programs(job: &Job, mut maps: Vec<Made>, programs: &[Loaded]) -> Vec<Made> {
    for (spec, made) in job.maps.iter().zip(&mut maps) {
        let Ok(map) = made else { continue };
        let loaded = spec.programs.iter().filter_map(|(slot, program)| {
            let fd = programs.get(*program as usize)?.fd.as_ref()?;
            Some((*slot, fd.as_raw_fd()))
        });
        let failed = loaded
            .map(|(slot, fd)| map.update(&slot.to_le_bytes(), &fd.to_le_bytes()))
            .find_map(Result::err);
        if let Some(errno) = failed {
            *made = Err(failure("insert a program", errno));
        }
    }
    maps
}

/// Bytes of a value as user space sees it: of per-CPU maps a part for each CPU.
pub(super) fn user_value_size(spec: &MapJob, cpus: u32) -> usize {
    match MapType::from_number(spec.map_type) {
        Some(map_type) => map_type.user_value_size(spec.value_size, cpus),
        None => spec.value_size as usize,
    }
}

fn is_per_cpu(map_type: u32) -> bool {
    MapType::from_number(map_type).is_some_and(MapType::is_per_cpu)
}

/// Makes a map without these capabilities, since what programs may do with it depends on who made it;
/// with them, if it takes them.
fn create(spec: &MapJob, btf: Option<&OwnedFd>, cpus: u32, without: u64) -> Made {
    if size(spec, cpus) > MAP_LIMIT {
        return Err(failure("create beyond 64 MiB", libc::E2BIG));
    }
    let create = || create_fd(spec, btf, cpus);
    let created = match privilege::without(without, create) {
        Err(_) | Ok(Err(libc::EPERM)) => create(),
        Ok(created) => created,
    };
    let fd = created.map_err(|errno| failure("create", errno))?;
    let value_size = user_value_size(spec, cpus);
    Ok(MapFd::new(fd, spec.key_size as usize, value_size))
}

/// Bytes that a map takes, roughly.
fn size(spec: &MapJob, cpus: u32) -> u64 {
    let map_type = MapType::from_number(spec.map_type);
    if matches!(map_type, Some(MapType::Ringbuf | MapType::UserRingbuf)) {
        return u64::from(spec.max_entries);
    }
    if map_type == Some(MapType::Arena) {
        return 0;
    }
    let copies = if is_per_cpu(spec.map_type) { cpus } else { 1 };
    let value = u64::from(spec.value_size).saturating_mul(copies.into());
    let element = match spec.flags & NO_PREALLOC {
        0 => value.saturating_add(spec.key_size.into()),
        _ => 16,
    };
    element.saturating_mul(spec.max_entries.into())
}

fn create_fd(spec: &MapJob, btf: Option<&OwnedFd>, cpus: u32) -> SysResult<OwnedFd> {
    let inner = spec.inner.as_deref();
    let inner = inner.map(|inner| create_fd(inner, btf, cpus)).transpose()?;
    let is_perf = spec.map_type == MapType::PerfEventArray.number();
    let max_entries = match spec.max_entries {
        0 if is_perf => cpus,
        entries => entries,
    };
    let plain = MapCreate {
        map_type: spec.map_type,
        key_size: spec.key_size,
        value_size: spec.value_size,
        max_entries,
        flags: spec.flags,
        inner_map_fd: inner.as_ref().map_or(0, number),
        name: name(&spec.name),
        vmlinux_value_type: spec.kernel_value_type,
        extra: spec.extra,
        ..MapCreate::default()
    };
    // That a structure of functions is one of the kernel's, the kernel believes only who has types of its own.
    let types = [spec.key_type, spec.value_type, spec.kernel_value_type];
    let Some(btf) = btf.filter(|_| types != [0; 3]) else {
        return sys::map_create(&plain);
    };
    let typed = MapCreate {
        btf_fd: number(btf),
        key_type: spec.key_type,
        value_type: spec.value_type,
        ..plain
    };
    sys::map_create(&typed).or_else(|_| sys::map_create(&plain))
}

fn fill(spec: &MapJob, map: &MapFd, maps: &[Made], cpus: u32) -> Result<(), MapFailure> {
    if spec.map_type == MapType::Arena.number() {
        let bytes = spec.values.first().map_or(&[][..], |(_, bytes)| bytes);
        return mapping::fill_arena(map.fd(), spec.extra, spec.max_entries, bytes)
            .map_err(|errno| failure("map", errno));
    }
    let (size, copies) = match is_per_cpu(spec.map_type) {
        true => (cpu_part(spec.value_size), cpus),
        false => (spec.value_size as usize, 1),
    };
    for (key, value) in &spec.values {
        let mut part = value.clone();
        part.resize(size, 0);
        let value = part.repeat(copies as usize);
        map.update(key, &value)
            .map_err(|errno| failure("fill", errno))?;
    }
    for (key, inner) in &spec.inner_maps {
        let Some(Ok(inner)) = maps.get(*inner as usize) else {
            return Err(failure("find the inner map", libc::ENOENT));
        };
        map.update(&key.to_le_bytes(), &inner.number().to_le_bytes())
            .map_err(|errno| failure("insert a map", errno))?;
    }
    match spec.access {
        Access::Frozen => map.freeze().map_err(|errno| failure("freeze", errno)),
        Access::ReadWrite => Ok(()),
    }
}

fn failure(step: &str, errno: i32) -> MapFailure {
    MapFailure {
        step: step.to_owned(),
        errno,
    }
}

fn number(fd: &OwnedFd) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// A name as the kernel takes it: what fits, of letters, digits, `_` and `.`.
pub(super) fn name(text: &str) -> [u8; NAME_LEN] {
    let mut name = [0; NAME_LEN];
    let bytes = text.bytes().take(NAME_LEN - 1);
    for (place, byte) in name.iter_mut().zip(bytes) {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        *place = if plain { byte } else { b'_' };
    }
    name
}
