//! What iterators are given: the reader's file, and each object in turn (`struct bpf_iter_meta` and the
//! `bpf_iter__…` structures of Linux 6.12).
//!
//! Who goes through the objects is [`crate::sim`]: maps are none of this module's business.

use std::sync::Arc;

use crate::helpers::socket_structure;
use crate::machine::{Addr, ObjectKind, ObjectSpec, OpenSocket, Owner, Protocol, Task};

use super::place::read_only;
use super::{Context, EventError, Scene};

/// What a map is, as its structure in the kernel shows it.
#[derive(Clone, Debug)]
pub struct MapFacts {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Number of its type.
    pub map_type: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many elements it may have.
    pub max_entries: u32,
    /// Its flags.
    pub flags: u32,
}

impl Scene<'_> {
    /// The file that an iterator writes to.
    ///
    /// # Errors
    /// There is no memory.
    pub fn sequence(&mut self) -> Result<Addr, EventError> {
        self.laid("seq_file", "iterator").map(|(laid, _)| laid.at)
    }

    /// A context: who reads, how manyeth call it is, and the objects.
    ///
    /// # Errors
    /// There is no memory.
    pub fn iteration(&mut self, number: u64, objects: &[u64]) -> Result<Context, EventError> {
        let file = self.sequence()?;
        let (meta, _) = self.laid("bpf_iter_meta", &format!("call {number}"))?;
        self.set(meta, "seq", file.0);
        self.set(meta, "session_id", 1);
        self.set(meta, "seq_num", number);
        let words: Vec<u64> = std::iter::once(meta.at.0)
            .chain(objects.iter().copied())
            .collect();
        self.words(&words).map(Context::plain)
    }

    /// The `struct bpf_map` of a map.
    ///
    /// # Errors
    /// There is no memory.
    pub fn map_object(&mut self, facts: &MapFacts) -> Result<Addr, EventError> {
        let (map, _) = self.laid("bpf_map", &facts.id.to_string())?;
        self.set_bytes(map, "name", facts.name.as_bytes());
        for (path, value) in [
            ("id", facts.id),
            ("map_type", facts.map_type),
            ("key_size", facts.key_size),
            ("value_size", facts.value_size),
            ("max_entries", facts.max_entries),
            ("map_flags", facts.flags),
        ] {
            self.set(map, path, u64::from(value));
        }
        Ok(map.at)
    }

    /// The key of an element that an iterator is shown.
    ///
    /// # Errors
    /// There is no memory.
    pub fn shown_key(&mut self, key: &[u8]) -> Result<Addr, EventError> {
        self.shown(key, &read_only("key"))
    }

    /// A copy of an element's values on all CPUs: what the program writes there goes no further.
    ///
    /// # Errors
    /// There is no memory.
    pub fn shown_values(&mut self, values: &[u8]) -> Result<Addr, EventError> {
        let spec = ObjectSpec::new(ObjectKind::KernelObject, "values", Owner::Kernel);
        self.shown(values, &spec)
    }

    fn shown(&mut self, bytes: &[u8], spec: &ObjectSpec) -> Result<Addr, EventError> {
        let at = self.allocate((bytes.len() as u64).max(8), spec)?;
        self.put_bytes(at, 0, bytes);
        Ok(at)
    }

    /// The kernel's structure of an open socket.
    ///
    /// # Errors
    /// The kernel's types have none, or there is no memory.
    pub fn kernel_socket(&mut self, socket: &OpenSocket) -> Result<Addr, EventError> {
        let name = match (socket.spec.protocol, socket.spec.local.is_ipv4()) {
            (Protocol::Tcp, true) => "tcp_sock",
            (Protocol::Tcp, false) => "tcp6_sock",
            (Protocol::Udp, true) => "udp_sock",
            (Protocol::Udp, false) => "udp6_sock",
        };
        let laid = socket_structure(self.machine, self.btf(), name, socket.at);
        laid.map_err(|error| EventError::NoLayout {
            hook: format!("struct {name}"),
            reason: error.to_string(),
        })
    }

    /// The `task_struct` of a task that an iterator has come to.
    ///
    /// # Errors
    /// There is no memory.
    pub fn task_object(&mut self, task: &Arc<Task>) -> Result<Addr, EventError> {
        self.task_struct(task)
    }
}
