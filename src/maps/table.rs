//! The maps of a machine, by id and by the handle that programs hold.
//!
//! Maps are added and never removed while the table lives, so that finding one takes no lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::isa::Size;
use crate::machine::{Addr, Errno, Grace, Holder, MapId, Memory, ObjectKind, Owner};

use super::Map;

/// Entry `n` has room for 2^n ids.
const SEGMENTS: usize = 32;

type Segment = Box<[OnceLock<Arc<Map>>]>;

/// All maps of a machine.
#[derive(Debug, Default)]
pub struct MapTable {
    segments: [OnceLock<Segment>; SEGMENTS],
    /// How many segments there are up to the last that is in use.
    used: AtomicUsize,
}

impl MapTable {
    /// Adds a map under its id; nothing happens if the id is taken.
    pub fn insert(&self, map: Arc<Map>) {
        let Some((segment, slot)) = place(map.id) else {
            return;
        };
        let Some(lock) = self.segments.get(segment) else {
            return;
        };
        let entries = lock.get_or_init(|| (0..1u64 << segment).map(|_| OnceLock::new()).collect());
        if let Some(entry) = entries.get(slot) {
            entry.get_or_init(|| map);
            self.used.fetch_max(segment + 1, Ordering::Release);
        }
    }

    /// The map of that id.
    pub fn get(&self, id: MapId) -> Option<&Arc<Map>> {
        let (segment, slot) = place(id)?;
        self.segments.get(segment)?.get()?.get(slot)?.get()
    }

    /// The map whose handle that is.
    pub fn by_handle(&self, memory: &Memory, handle: Addr) -> Option<&Arc<Map>> {
        let id = memory.peek_uint(handle, Size::W).ok()?;
        let id = MapId(u32::try_from(id).ok()?);
        self.get(id).filter(|map| map.handle == handle)
    }

    /// The ring buffer that a reserved record belongs to.
    pub fn by_record(&self, memory: &Memory, record: Addr) -> Option<&Arc<Map>> {
        let object = memory.describe(record)?;
        match (object.kind, object.owner) {
            (ObjectKind::RingbufRecord, Owner::Map(id)) => self.get(id),
            _ => None,
        }
    }

    /// All maps by rising id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Map>> {
        let used = self.segments.iter().take(self.used.load(Ordering::Acquire));
        let entries = used.filter_map(OnceLock::get).flatten();
        entries.filter_map(OnceLock::get)
    }

    /// `BPF_MAP_UPDATE_ELEM` of the system call, where the value of a map of maps is a map's id.
    pub fn update_user(
        &self,
        map: &Map,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        if map.maps().is_none() {
            return map.update_user(key, value, flags);
        }
        let id = value
            .try_into()
            .map(u32::from_le_bytes)
            .map_err(|_| Errno::EINVAL)?;
        let inner = self.get(MapId(id)).ok_or(Errno::EBADF)?;
        map.insert_map(key, inner, flags)
    }

    /// Says that a task, inode, socket or cgroup is gone.
    pub fn holder_gone(&self, holder: Holder) {
        self.iter().for_each(|map| map.ops().holder_gone(holder));
    }

    /// Says that a run has ended.
    #[inline]
    pub fn end_of_run(&self, memory: &Memory, grace: &Grace) {
        self.iter()
            .for_each(|map| map.ops().end_of_run(memory, grace));
    }
}

fn place(id: MapId) -> Option<(usize, usize)> {
    let segment = id.0.checked_ilog2()?;
    Some((segment as usize, (id.0 - (1 << segment)) as usize))
}
