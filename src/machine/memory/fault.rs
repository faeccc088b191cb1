//! What is wrong with an access, in the words of KASAN: the object, the offset in it, its owner.

use std::fmt;

use super::{Access, Addr, ObjectInfo, ObjectKind};

/// Addresses below this are taken for a null pointer and a field's offset.
pub(super) const NULL_PAGE: u64 = 4096;

/// An access that must not be made.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Fault(Box<Details>);

impl Fault {
    pub(super) fn new(
        (access, addr, len): (Access, Addr, u64),
        reason: FaultReason,
        object: Option<ObjectInfo>,
    ) -> Fault {
        Fault(Box::new(Details {
            access,
            addr,
            len,
            reason,
            object,
        }))
    }

    /// Why it must not be made.
    pub fn reason(&self) -> FaultReason {
        self.0.reason
    }

    /// Whether it was a read or a write.
    pub fn access(&self) -> Access {
        self.0.access
    }

    /// Its first address.
    pub fn addr(&self) -> Addr {
        self.0.addr
    }

    /// How many bytes it was for.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Whether it was for no byte at all.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The object it hit or nearly hit.
    pub fn object(&self) -> Option<&ObjectInfo> {
        self.0.object.as_ref()
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why an access must not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultReason {
    /// The null pointer, or less than a page above it.
    Null,
    /// There is no object.
    Wild,
    /// The object's life has ended.
    Freed,
    /// It begins before the object.
    Before {
        /// How many bytes before.
        by: u64,
    },
    /// It ends after the object.
    PastEnd {
        /// How many bytes after.
        by: u64,
    },
    /// It is outside the part of the object that is accessible.
    OutsideWindow {
        /// First accessible offset.
        start: u64,
        /// End of the accessible offsets.
        end: u64,
    },
    /// It leaves the bytes of one array element.
    CrossesElement,
    /// The object may not be read, or not be written, by programs.
    Forbidden,
    /// The object is in user space, where programs may not reach directly.
    UserMemory,
    /// The object is not in user space.
    NotUserMemory,
    /// An atomic access is not aligned.
    Misaligned,
    /// There is no terminating zero within the bytes that may be read.
    Unterminated,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
struct Details {
    access: Access,
    addr: Addr,
    len: u64,
    reason: FaultReason,
    object: Option<ObjectInfo>,
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ", self.access, Bytes(self.len))?;
        match &self.object {
            Some(object) => {
                write_place(f, object)?;
                write!(f, " ({}, {}): ", Bytes(size_of(object)), object.owner)?;
            }
            None => write!(f, "at {}: ", self.addr)?,
        }
        self.write_reason(f)
    }
}

impl Details {
    fn write_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            FaultReason::Null => f.write_str("null pointer"),
            FaultReason::Wild => f.write_str("no object lives there"),
            FaultReason::Freed => f.write_str("use after free"),
            FaultReason::Before { by } => write!(f, "begins {} before its start", Bytes(by)),
            FaultReason::PastEnd { by } => write!(f, "ends {} past its end", Bytes(by)),
            FaultReason::OutsideWindow { start, end } => {
                write!(f, "only offsets {start} to {end} are accessible")
            }
            FaultReason::CrossesElement => f.write_str("leaves the bytes of that element"),
            FaultReason::Forbidden => match self.access {
                Access::Read => f.write_str("not readable by programs"),
                Access::Write => f.write_str("read-only for programs"),
            },
            FaultReason::UserMemory => {
                f.write_str("user memory, which only the user-space helpers may access")
            }
            FaultReason::NotUserMemory => f.write_str("not user memory"),
            FaultReason::Misaligned => f.write_str("atomic access is not aligned"),
            FaultReason::Unterminated => f.write_str("string does not end there"),
        }
    }
}

/// Bytes of the object, or of the element that is meant.
fn size_of(object: &ObjectInfo) -> u64 {
    object
        .stride
        .map_or(object.len, |stride| u64::from(stride.elem()))
}

/// `at 12 in map value counts[3]`.
fn write_place(f: &mut fmt::Formatter<'_>, object: &ObjectInfo) -> fmt::Result {
    let Some((index, offset)) = object.element() else {
        return write!(f, "at {} in {} {}", object.offset, object.kind, object.name);
    };
    write!(f, "at {offset} in {} {}[{index}]", object.kind, object.name)
}

/// A number of bytes, in words.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 byte"),
            n => write!(f, "{n} bytes"),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Read => "read",
            Access::Write => "write",
        })
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Stack => "stack",
            ObjectKind::Context => "context",
            ObjectKind::Packet => "packet",
            ObjectKind::MapValue => "map value",
            ObjectKind::MapHandle => "map",
            ObjectKind::RingbufRecord => "ring buffer record",
            ObjectKind::KernelObject => "kernel object",
            ObjectKind::UserMemory => "user memory",
            ObjectKind::Data => "data",
            ObjectKind::Code => "code",
            ObjectKind::Allocated => "allocated object",
        })
    }
}
