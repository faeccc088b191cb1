//! Looking at maps, records and variables, and changing them.

use crate::abi::MapType;
use crate::abi::map_type::cpu_part;
use crate::btf::{self, Btf, BtfId, Value};
use crate::machine::{CpuId, Errno, MapId};
use crate::maps::{BPF_ANY, Map, PerfEventArray, Ringbuf};
use crate::object::{Global, MapSpec};

use super::{InspectError, Load, Sim};

/// A map, to look at and to change.
#[derive(Clone, Copy, Debug)]
pub struct MapView<'a> {
    sim: &'a Sim,
    load: &'a Load,
    map: &'a Map,
}

/// A key and what stands under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key's bytes; none in a queue or stack.
    pub key: Vec<u8>,
    /// The value's bytes; of a per-CPU map one for each CPU, in order.
    pub values: Vec<Vec<u8>>,
    /// The key by its type, if the object tells it.
    pub typed_key: Option<Value>,
    /// The values by their type, if the object tells it.
    pub typed_values: Option<Vec<Value>>,
}

/// A record that a program sent to user space.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The CPU it was sent from, of a perf event array.
    pub cpu: Option<CpuId>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// It by its type, if the map's declaration tells it.
    pub value: Option<Value>,
}

impl<'a> MapView<'a> {
    /// Its id.
    pub fn id(&self) -> MapId {
        self.map.id
    }

    /// Its declaration, with the capacity that it was made with.
    pub fn spec(&self) -> &'a MapSpec {
        &self.map.spec
    }

    /// The file of the object that declares it.
    pub fn object(&self) -> &'a str {
        &self.load.name
    }

    /// The object's types, which the declaration's key and value types are of.
    pub fn btf(&self) -> Option<&'a Btf> {
        self.load.object.as_ref()?.btf().map(AsRef::as_ref)
    }

    /// The map itself.
    pub(super) fn map(&self) -> &'a Map {
        self.map
    }

    /// The variables of the object that lie in it.
    pub(super) fn globals(&self) -> impl Iterator<Item = &'a Global> {
        let index = self.load.maps.iter().position(|id| *id == self.map.id);
        let all = self.load.object.iter().flat_map(|object| object.globals());
        all.filter(move |global| Some(global.map as usize) == index)
    }

    /// Everything in it, in the order in which it lists its keys; of an arena the pages that hold something, under
    /// their numbers.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .map
            .entries()
            .into_iter()
            .map(|(key, value)| self.entry(key, &value))
            .collect();
        if let Some(queue) = self.map.queue() {
            let values = queue.values(&self.sim.machine.memory);
            entries.extend(values.iter().map(|value| self.entry(Vec::new(), value)));
        }
        entries.extend(self.pages());
        entries
    }

    /// The value under a key; of a per-CPU map the values of all CPUs, each padded to 8 bytes.
    pub fn lookup(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.map.lookup_user(key)
    }

    /// The entry under a key.
    pub fn get(&self, key: &[u8]) -> Option<Entry> {
        self.lookup(key)
            .map(|value| self.entry(key.to_vec(), &value))
    }

    /// The value under an integer key, both little-endian of the map's sizes, as far as 8 bytes
    /// hold them; of a per-CPU map the sum over all CPUs.
    pub fn number(&self, key: u64) -> Option<u64> {
        let mut bytes = key.to_le_bytes().to_vec();
        bytes.resize(self.spec().key_size as usize, 0);
        let values = self.get(&bytes)?.values;
        Some(
            values
                .iter()
                .map(|value| little_endian(value))
                .fold(0, u64::wrapping_add),
        )
    }

    /// Puts a value under a key, as user space does: of a per-CPU map the values of all CPUs, of
    /// a map of maps a map's id.
    ///
    /// # Errors
    /// A size is wrong, or the map refuses.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<(), InspectError> {
        self.update_with(key, value, BPF_ANY)
    }

    /// As [`MapView::update`], with the flags of the system call: whether the key may exist, and
    /// `BPF_F_LOCK` to write the value under its lock.
    ///
    /// # Errors
    /// A size is wrong, or the map refuses.
    pub fn update_with(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), InspectError> {
        self.check_size("key", self.spec().key_size, key)?;
        self.sim
            .maps
            .update_user(self.map, key, value, flags)
            .map_err(|errno| self.refused(errno))
    }

    /// The value under a key as the system call copies it: with `BPF_F_LOCK` under its lock.
    ///
    /// # Errors
    /// The size is wrong, there is none, or it has no lock.
    pub fn read(&self, key: &[u8], flags: u64) -> Result<Vec<u8>, InspectError> {
        self.check_size("key", self.spec().key_size, key)?;
        let read = self.map.read_user_with(key, flags);
        read.map_err(|errno| self.refused(errno))
    }

    /// Deletes a key, as user space does.
    ///
    /// # Errors
    /// The size is wrong, or the map refuses.
    pub fn delete(&self, key: &[u8]) -> Result<(), InspectError> {
        self.check_size("key", self.spec().key_size, key)?;
        self.map
            .delete_user(key)
            .map_err(|errno| self.refused(errno))
    }

    /// Takes the value under a key out, as user space does: of a hash, or the next one of a queue or
    /// stack, whose key is empty.
    ///
    /// # Errors
    /// The size is wrong, there is none, or the type of map does not do that.
    pub fn take(&self, key: &[u8]) -> Result<Vec<u8>, InspectError> {
        self.check_size("key", self.spec().key_size, key)?;
        let taken = self.map.take_user(key, 0);
        taken.map_err(|errno| self.refused(errno))
    }

    /// Sends a sample to programs through a user ring buffer.
    ///
    /// # Errors
    /// It does not fit, or the map is none.
    pub fn send(&self, sample: &[u8]) -> Result<(), InspectError> {
        let ring = self.map.user_ringbuf().ok_or(Errno::EINVAL);
        let sent = ring.and_then(|ring| ring.send(sample));
        sent.map_err(|errno| self.refused(errno))
    }

    /// Whether a value may be in a bloom filter.
    ///
    /// # Errors
    /// The size is wrong, or the map is none.
    pub fn may_contain(&self, value: &[u8]) -> Result<bool, InspectError> {
        self.check_size("value", self.spec().value_size, value)?;
        let filter = self.map.bloom().ok_or(Errno::EINVAL);
        match filter.and_then(|filter| filter.peek(&self.sim.machine.memory, value)) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(self.refused(errno)),
        }
    }

    pub(super) fn refused(&self, errno: Errno) -> InspectError {
        InspectError::Refused {
            name: self.spec().name.clone(),
            errno,
        }
    }

    /// Takes the records that programs sent through it, a ring buffer or a perf event array.
    pub fn records(&self) -> Vec<Record> {
        let record = |cpu, bytes: Vec<u8>| Record {
            cpu,
            value: self.typed(self.spec().value_type, &bytes),
            bytes,
        };
        if let Some(perf) = self.map.perf() {
            return perf
                .drain()
                .into_iter()
                .map(|sent| record(Some(sent.cpu), sent.data))
                .collect();
        }
        let sent = self
            .map
            .ringbuf()
            .map(|ringbuf| ringbuf.drain())
            .unwrap_or_default();
        sent.into_iter().map(|bytes| record(None, bytes)).collect()
    }

    /// How many records found no room in it, a ring buffer or a perf event array.
    pub fn lost(&self) -> u64 {
        let refused = self.map.ringbuf().map(Ringbuf::refused);
        let lost = self.map.perf().map(PerfEventArray::lost);
        refused.or(lost).unwrap_or_default()
    }

    fn entry(&self, key: Vec<u8>, value: &[u8]) -> Entry {
        let values = self.split(value);
        let typed: Option<Vec<Value>> = match self.spec().map_type {
            MapType::StackTrace => Some(values.iter().map(|value| frames(value)).collect()),
            _ => values
                .iter()
                .map(|value| self.typed(self.spec().value_type, value))
                .collect(),
        };
        Entry {
            typed_key: self.typed(self.spec().key_type, &key),
            typed_values: typed,
            key,
            values,
        }
    }

    /// The values of a key: one, or one for each CPU.
    fn split(&self, value: &[u8]) -> Vec<Vec<u8>> {
        let size = self.spec().value_size as usize;
        match self.spec().map_type.is_per_cpu() && size > 0 {
            true => value
                .chunks_exact(cpu_part(self.spec().value_size))
                .map(|part| part.get(..size).unwrap_or(part).to_vec())
                .collect(),
            false => vec![value.to_vec()],
        }
    }

    pub(super) fn typed(&self, ty: Option<BtfId>, bytes: &[u8]) -> Option<Value> {
        ty.zip(self.btf())
            .map(|(ty, btf)| btf::value(btf, ty, bytes))
    }

    fn check_size(
        &self,
        what: &'static str,
        wanted: u32,
        bytes: &[u8],
    ) -> Result<(), InspectError> {
        match bytes.len() == wanted as usize {
            true => Ok(()),
            false => Err(InspectError::Size {
                what,
                name: self.spec().name.clone(),
                wanted,
                got: bytes.len(),
            }),
        }
    }
}

impl Sim {
    /// The map of that name; of several the one loaded first. A data section's map may be called
    /// by its section alone (`.bss`).
    ///
    /// # Errors
    /// There is none.
    pub fn map(&self, name: &str) -> Result<MapView<'_>, InspectError> {
        let maps = self.maps();
        let is_named = |view: &MapView<'_>| {
            let full = view.spec().name.as_str();
            full == name || (name.starts_with('.') && full.ends_with(name))
        };
        maps.iter()
            .find(|view| is_named(view))
            .copied()
            .ok_or_else(|| {
                let known: Vec<_> = maps.iter().map(|view| view.spec().name.as_str()).collect();
                InspectError::Unknown {
                    what: "map",
                    name: name.to_owned(),
                    known: known.join(", "),
                }
            })
    }

    /// All maps, in the order of their ids.
    pub fn maps(&self) -> Vec<MapView<'_>> {
        self.views().collect()
    }

    /// The map of that id, if an object that was loaded has it.
    pub fn map_by_id(&self, id: MapId) -> Option<MapView<'_>> {
        self.views().find(|view| view.id() == id)
    }

    fn views(&self) -> impl Iterator<Item = MapView<'_>> {
        self.loads.iter().flat_map(|load| {
            load.maps.iter().filter_map(|id| {
                Some(MapView {
                    sim: self,
                    load,
                    map: self.maps.get(*id)?,
                })
            })
        })
    }

    /// Takes the records that programs sent through a ring buffer or a perf event array.
    ///
    /// # Errors
    /// There is no such map.
    pub fn records(&self, map: &str) -> Result<Vec<Record>, InspectError> {
        self.map(map).map(|view| view.records())
    }

    /// The bytes of a global variable.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn global(&self, name: &str) -> Result<Vec<u8>, InspectError> {
        let (view, global) = self.find_global(name)?;
        view.read_global(global)
    }

    /// A global variable by its type, if the object tells it.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn global_value(&self, name: &str) -> Result<Option<Value>, InspectError> {
        let bytes = self.global(name)?;
        let (view, global) = self.find_global(name)?;
        Ok(view.typed(global.ty, &bytes))
    }

    /// Sets the bytes of a global variable. Constants cannot be set: they are frozen at load.
    ///
    /// # Errors
    /// There is none of that name, the size is not its, or it is a constant.
    pub fn set_global(&mut self, name: &str, bytes: &[u8]) -> Result<(), InspectError> {
        let (view, global) = self.find_global(name)?;
        if bytes.len() != global.size as usize {
            let (name, wanted, got) = (name.to_owned(), global.size, bytes.len());
            return Err(InspectError::Size {
                what: "value",
                name,
                wanted,
                got,
            });
        }
        view.write_global(global, bytes)
    }

    /// The variable of that name, with the map of its section.
    fn find_global(&self, name: &str) -> Result<(MapView<'_>, &Global), InspectError> {
        let all = self.loads.iter().flat_map(|load| {
            let globals = load.object.iter().flat_map(|object| object.globals());
            globals.map(move |global| (load, global))
        });
        let found = all.clone().find_map(|(load, global)| {
            let id = load
                .maps
                .get(global.map as usize)
                .filter(|_| global.name == name)?;
            Some((
                MapView {
                    sim: self,
                    load,
                    map: self.maps.get(*id)?,
                },
                global,
            ))
        });
        found.ok_or_else(|| {
            let known: Vec<_> = all.map(|(_, global)| global.name.as_str()).collect();
            InspectError::Unknown {
                what: "variable",
                name: name.to_owned(),
                known: known.join(", "),
            }
        })
    }
}

/// A stack's return addresses, innermost first.
fn frames(bytes: &[u8]) -> Value {
    let (words, _) = bytes.as_chunks::<8>();
    let frames = words.iter().map(|word| u64::from_le_bytes(*word));
    Value::Array(
        frames
            .take_while(|ip| *ip != 0)
            .map(Value::Pointer)
            .collect(),
    )
}

/// The number that up to 8 bytes are.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
