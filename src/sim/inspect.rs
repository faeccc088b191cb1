//! Looking at maps, records and variables, and changing them.

use crate::btf::Value;
use crate::machine::{CpuId, MapId};
use crate::object::MapSpec;

use super::{InspectError, Sim};

/// A map, to look at and to change.
#[derive(Clone, Copy, Debug)]
pub struct MapView<'a> {
    sim: &'a Sim,
    id: MapId,
    spec: &'a MapSpec,
}

/// A key and what stands under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key's bytes.
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
        self.id
    }

    /// Its declaration.
    pub fn spec(&self) -> &'a MapSpec {
        self.spec
    }

    /// Everything in it, in the order of the kernel's iteration.
    pub fn entries(&self) -> Vec<Entry> {
        let _ = self.sim;
        Vec::new()
    }

    /// The value under a key; of a per-CPU map the values of all CPUs, each padded to 8 bytes.
    pub fn lookup(&self, key: &[u8]) -> Option<Vec<u8>> {
        let _ = key;
        None
    }

    /// The value under an integer key, both little-endian of the map's sizes; of a per-CPU map the
    /// sum over all CPUs.
    pub fn number(&self, key: u64) -> Option<u64> {
        let _ = key;
        None
    }

    /// Puts a value under a key.
    ///
    /// # Errors
    /// A size is wrong, or the map refuses.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<(), InspectError> {
        let _ = (key, value);
        Ok(())
    }
}

impl Sim {
    /// The map of that name; of several the one loaded first. `object/map` names one object's.
    ///
    /// # Errors
    /// There is none.
    pub fn map(&self, name: &str) -> Result<MapView<'_>, InspectError> {
        Err(InspectError::Unknown {
            what: "map",
            name: name.to_owned(),
            known: String::new(),
        })
    }

    /// All maps, in the order of their ids.
    pub fn maps(&self) -> Vec<MapView<'_>> {
        Vec::new()
    }

    /// Takes the records that programs sent through a ring buffer or a perf event array.
    ///
    /// # Errors
    /// There is no such map.
    pub fn records(&self, map: &str) -> Result<Vec<Record>, InspectError> {
        self.map(map).map(|_| Vec::new())
    }

    /// The bytes of a global variable.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn global(&self, name: &str) -> Result<Vec<u8>, InspectError> {
        Err(InspectError::Unknown {
            what: "variable",
            name: name.to_owned(),
            known: String::new(),
        })
    }

    /// A global variable by its type, if the object tells it.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn global_value(&self, name: &str) -> Result<Option<Value>, InspectError> {
        self.global(name).map(|_| None)
    }

    /// Sets the bytes of a global variable.
    ///
    /// # Errors
    /// There is none of that name, or the size is not its.
    pub fn set_global(&mut self, name: &str, bytes: &[u8]) -> Result<(), InspectError> {
        let _ = bytes;
        self.global(name).map(|_| ())
    }
}
