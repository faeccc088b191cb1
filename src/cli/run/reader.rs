//! Who reads what programs send through ring buffers and perf event arrays.
//!
//! It reads after each event, as a process that waits in libbpf's `ring_buffer__poll` or `perf_buffer__poll` does: programs
//! find buffers empty again, and lose only what a single event has too much of. What it has read is put aside as it will
//! be printed.

use ebpf_sim::abi::MapType;
use ebpf_sim::machine::MapId;
use ebpf_sim::sim::{MapView, Sim};

use super::spool::Spool;
use super::tally::Keep;
use super::{json, maps, text};

/// All buffers, and what came out of them; each has a lane.
#[derive(Debug)]
pub(super) struct Reader {
    buffers: Vec<Buffer>,
    read: Spool,
    keep: Keep,
}

/// A buffer.
#[derive(Debug)]
pub(super) struct Buffer {
    id: MapId,
    pub(super) name: String,
    pub(super) map_type: MapType,
    /// Whether its records are printed.
    is_wanted: bool,
    /// How many records found no room.
    pub(super) lost: u64,
}

impl Reader {
    /// Of every buffer; those of these names are printed, or all.
    pub(super) fn new(sim: &Sim, names: &[String], keep: Keep) -> Reader {
        let buffer = |map: &MapView<'_>| Buffer {
            id: map.id(),
            name: map.spec().name.clone(),
            map_type: map.spec().map_type,
            is_wanted: names.is_empty() || names.contains(&map.spec().name),
            lost: 0,
        };
        let maps = sim.maps();
        let buffers = maps
            .iter()
            .filter(|map| maps::is_buffer(map.spec().map_type));
        Reader {
            buffers: buffers.map(buffer).collect(),
            read: Spool::default(),
            keep,
        }
    }

    /// Takes what is there.
    pub(super) fn poll(&mut self, sim: &Sim) {
        for (lane, buffer) in self.buffers.iter_mut().enumerate() {
            let Some(map) = sim.map_by_id(buffer.id) else {
                continue;
            };
            buffer.lost = map.lost();
            for record in map.records().iter().filter(|_| buffer.is_wanted) {
                let shown = match self.keep {
                    Keep::Tally => text::record(record) + "\n",
                    Keep::Every => json::element(&json::record(&buffer.name, record)),
                };
                self.read.push(lane, &shown);
            }
        }
    }

    /// The buffers that are printed, each with the lane of its records.
    pub(super) fn buffers(&self) -> impl Iterator<Item = (usize, &Buffer)> {
        let all = self.buffers.iter().enumerate();
        all.filter(|(_, buffer)| buffer.is_wanted)
    }

    /// What was read.
    pub(super) fn read(&self) -> &Spool {
        &self.read
    }
}
