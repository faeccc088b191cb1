//! What an object of guest memory is: its kind, name, owner, and how programs may access it.

use std::fmt;
use std::sync::Arc;

use crate::machine::MapId;

/// What an object is allocated as.
#[derive(Clone, Debug)]
pub struct ObjectSpec {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name, as faults give it: of a map value the map's name.
    pub name: Arc<str>,
    /// Whose it is.
    pub owner: Owner,
    /// How programs may access it. User memory is never directly accessible, whatever this says.
    pub access: ProgramAccess,
    /// Of an array, the shape of its elements.
    pub stride: Option<Stride>,
}

impl ObjectSpec {
    /// A readable and writable object without stride.
    pub fn new(kind: ObjectKind, name: impl Into<Arc<str>>, owner: Owner) -> ObjectSpec {
        let name = name.into();
        ObjectSpec {
            kind,
            name,
            owner,
            access: ProgramAccess::ReadWrite,
            stride: None,
        }
    }

    /// The same with that access.
    pub fn with_access(self, access: ProgramAccess) -> ObjectSpec {
        ObjectSpec { access, ..self }
    }

    /// The same as an array of elements.
    pub fn with_stride(self, stride: Option<Stride>) -> ObjectSpec {
        ObjectSpec { stride, ..self }
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ObjectKind {
    /// The stack of a program's run.
    Stack,
    /// A program's context.
    Context,
    /// The buffer of a packet.
    Packet,
    /// The value of a map, or all of an array's.
    MapValue,
    /// What stands for the kernel's `struct bpf_map`.
    MapHandle,
    /// A reserved record of a ring buffer.
    RingbufRecord,
    /// A structure of the modelled kernel.
    KernelObject,
    /// Memory of a user-space process.
    UserMemory,
    /// Constants and scratch space.
    Data,
    /// What stands for the address of a function.
    Code,
    /// An object that a program allocated.
    Allocated,
}

impl ObjectKind {
    /// The kind of that number; of a number that is none, [`ObjectKind::Data`].
    pub(super) fn from_number(number: u8) -> ObjectKind {
        const KINDS: [ObjectKind; 11] = [
            ObjectKind::Stack,
            ObjectKind::Context,
            ObjectKind::Packet,
            ObjectKind::MapValue,
            ObjectKind::MapHandle,
            ObjectKind::RingbufRecord,
            ObjectKind::KernelObject,
            ObjectKind::UserMemory,
            ObjectKind::Data,
            ObjectKind::Code,
            ObjectKind::Allocated,
        ];
        KINDS
            .get(usize::from(number))
            .copied()
            .unwrap_or(ObjectKind::Data)
    }
}

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The modelled kernel's.
    Kernel,
    /// A map's.
    Map(MapId),
    /// A program's, by name.
    Program(Arc<str>),
    /// A task's, by pid.
    Task(u32),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Kernel => f.write_str("of the kernel"),
            Owner::Map(id) => write!(f, "of map {id}"),
            Owner::Program(name) => write!(f, "of program {name}"),
            Owner::Task(pid) => write!(f, "of task {pid}"),
        }
    }
}

/// How programs may access an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramAccess {
    /// Not at all.
    None,
    /// By reading.
    ReadOnly,
    /// By writing.
    WriteOnly,
    /// By both.
    ReadWrite,
}

/// The shape of an array: elements of a size, each at a multiple of 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    elem: u32,
}

impl Stride {
    /// The stride of elements of that size; none for size 0 or one that cannot be rounded up.
    pub fn of(elem: u32) -> Option<Stride> {
        (elem != 0 && elem.checked_next_multiple_of(8).is_some()).then_some(Stride { elem })
    }

    /// Accessible bytes of an element.
    pub fn elem(self) -> u32 {
        self.elem
    }

    /// Bytes from one element to the next: the size rounded up to 8.
    pub fn stride(self) -> u32 {
        self.elem.next_multiple_of(8)
    }
}

/// An object and a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: Arc<str>,
    /// Whose it is.
    pub owner: Owner,
    /// Its first address.
    pub base: super::Addr,
    /// Its length.
    pub len: u64,
    /// The place, from the base: negative before it, from `len` on past its end.
    pub offset: i64,
    /// Of an array, the shape of its elements.
    pub stride: Option<Stride>,
    /// Whether it still lives.
    pub live: bool,
}

impl ObjectInfo {
    /// In an array: which element the place is in, and the offset there.
    pub fn element(&self) -> Option<(u64, u64)> {
        let stride = u64::from(self.stride?.stride());
        let offset = u64::try_from(self.offset)
            .ok()
            .filter(|off| *off < self.len)?;
        Some((offset / stride, offset % stride))
    }
}
