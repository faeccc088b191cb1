//! Reading maps back at the end of a job.
//!
//! What programs sent through ring buffers and perf event arrays is read as records; perf event
//! arrays must be listened to before programs run.

use crate::abi::MapType;
use crate::abi::map_type::flag::SEGV_ON_FAULT;
use crate::kernel::job::{Job, MapContents, MapJob};

use super::mapping::{PAGE, PerfBuffer, drain_ringbuf, read_arena};
use super::maps::Made;
use super::sys::{MapFd, SysResult};

/// The most entries that are read of one map.
const ENTRY_LIMIT: usize = 1 << 20;

/// The most pages of an arena of which all are read.
const PAGE_LIMIT: u32 = 1024;

/// Who listens to the perf event arrays of a job, by map.
#[derive(Debug, Default)]
pub(super) struct Readers(Vec<(u32, SysResult<Vec<PerfBuffer>>)>);

impl Readers {
    /// Listens to the arrays that are to be read.
    pub(super) fn open(job: &Job, maps: &[Made], cpus: u32) -> Readers {
        let open = |&index: &u32| {
            let spec = job.maps.get(index as usize)?;
            let map = maps.get(index as usize)?.as_ref().ok()?;
            let is_perf = spec.map_type == MapType::PerfEventArray.number();
            is_perf.then(|| (index, listen(map, cpus)))
        };
        Readers(job.read_maps.iter().filter_map(open).collect())
    }

    fn records(&self, index: u32) -> SysResult<Vec<Vec<u8>>> {
        let found = self.0.iter().find(|(map, _)| *map == index);
        match found {
            Some((_, Ok(buffers))) => Ok(buffers.iter().flat_map(PerfBuffer::drain).collect()),
            Some((_, Err(errno))) => Err(*errno),
            None => Ok(Vec::new()),
        }
    }
}

fn listen(map: &MapFd, cpus: u32) -> SysResult<Vec<PerfBuffer>> {
    let mut buffers = Vec::new();
    for cpu in 0..cpus {
        let buffer = match PerfBuffer::open(cpu) {
            Ok(buffer) => buffer,
            // A CPU that is possible but not there.
            Err(libc::ENODEV) => continue,
            Err(errno) => return Err(errno),
        };
        match map.update(&cpu.to_le_bytes(), &buffer.number().to_le_bytes()) {
            Ok(()) => buffers.push(buffer),
            // More CPUs than the array has room for.
            Err(libc::E2BIG) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(buffers)
}

/// What is in each map that is wanted.
pub(super) fn read(job: &Job, maps: &[Made], readers: Readers) -> Vec<Result<MapContents, i32>> {
    let one = |&index: &u32| {
        let spec = job.maps.get(index as usize).ok_or(libc::ENOENT)?;
        let map = match maps.get(index as usize) {
            Some(Ok(map)) => map,
            Some(Err(failure)) => return Err(failure.errno),
            None => return Err(libc::ENOENT),
        };
        contents(spec, map, index, &readers)
    };
    job.read_maps.iter().map(one).collect()
}

fn contents(spec: &MapJob, map: &MapFd, index: u32, readers: &Readers) -> SysResult<MapContents> {
    let mut contents = MapContents::default();
    match MapType::from_number(spec.map_type) {
        Some(MapType::Ringbuf) => {
            contents.records = drain_ringbuf(map.fd(), spec.max_entries as usize)?;
        }
        Some(MapType::PerfEventArray) => contents.records = readers.records(index)?,
        Some(MapType::Queue | MapType::Stack) => contents.entries = pop_all(map)?,
        Some(MapType::Arena) => contents.entries = pages(spec, map)?,
        _ => contents.entries = entries(map)?,
    }
    Ok(contents)
}

/// The pages of an arena that hold something, by number. To read one that is not there lets it come, which nobody sees
/// any more; where that would be a signal, none is read.
fn pages(spec: &MapJob, map: &MapFd) -> SysResult<Vec<(Vec<u8>, Vec<u8>)>> {
    if spec.flags & SEGV_ON_FAULT != 0 {
        return Err(libc::EOPNOTSUPP);
    }
    if spec.max_entries > PAGE_LIMIT {
        return Err(libc::EFBIG);
    }
    let pages = read_arena(map.fd(), spec.extra, spec.max_entries)?;
    let numbered = (0u32..).zip(pages.chunks(PAGE));
    let used = numbered.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
    Ok(used
        .map(|(number, page)| (number.to_le_bytes().to_vec(), page.to_vec()))
        .collect())
}

fn pop_all(map: &MapFd) -> SysResult<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut values = Vec::new();
    while values.len() < ENTRY_LIMIT {
        match map.pop() {
            Ok(value) => values.push((Vec::new(), value)),
            Err(libc::ENOENT) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(values)
}

fn entries(map: &MapFd) -> SysResult<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut entries = Vec::new();
    let mut last: Option<Vec<u8>> = None;
    while entries.len() < ENTRY_LIMIT {
        let key = match map.next_key(last.as_deref()) {
            Ok(key) => key,
            Err(libc::ENOENT) => break,
            Err(errno) => return Err(errno),
        };
        match map.lookup(&key) {
            Ok(value) => entries.push((key.clone(), value)),
            // An empty slot of an array of maps or programs, or deleted meanwhile.
            Err(libc::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        last = Some(key);
    }
    Ok(entries)
}
