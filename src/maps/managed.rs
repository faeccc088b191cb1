//! Special fields of values: what becomes of them when values are written, read and deleted.
//!
//! Rules:
//! - Whoever reads a value from outside sees them as zero.
//! - Whoever writes a value leaves them alone; then what they hold is released, as it is when the value is deleted.
//! - With `BPF_F_LOCK` a value is read or written under its lock, in place, and its fields stay as they are.
//!
//! Kernel: `copy_map_value`, `copy_map_value_locked`, `check_and_init_map_value`, `bpf_obj_free_fields`, 6.12.

use std::sync::Arc;

use super::ops::BPF_F_LOCK;
use crate::isa::{AtomicOp, Size, Width};
use crate::machine::{Addr, Errno, Layout, Memory, ObjectTable, Part, PartKind};
use crate::object::{Field, FieldKind, Fields, KptrHold, MapSpec};

/// How often a lock is tried before its holder is taken for gone.
const MAX_SPINS: u32 = 1 << 22;

/// The special fields of a map's values.
#[derive(Clone, Debug)]
pub(super) struct Managed {
    layout: Layout,
    objects: Arc<ObjectTable>,
}

/// How a structure with those fields is made up.
pub fn layout_of(name: &str, size: u32, fields: &Fields) -> Layout {
    let part = |field: &Field| Part {
        offset: field.offset,
        size: field.kind.size(),
        kind: match &field.kind {
            FieldKind::SpinLock => PartKind::Lock,
            FieldKind::Refcount => PartKind::Count,
            FieldKind::Kptr(kptr) => match kptr.hold {
                KptrHold::None => PartKind::Other,
                KptrHold::Reference | KptrHold::PerCpu => PartKind::Pointer,
            },
            FieldKind::ListHead(_) | FieldKind::RbRoot(_) => PartKind::Root,
            FieldKind::ListNode | FieldKind::RbNode => PartKind::Node,
            FieldKind::Timer | FieldKind::WorkQueue => PartKind::Other,
        },
    };
    Layout {
        name: name.into(),
        size,
        parts: fields.iter().map(part).collect(),
    }
}

impl Managed {
    /// Those of the values of a map, if they have some.
    pub(super) fn of(spec: &MapSpec, objects: &Arc<ObjectTable>) -> Option<Managed> {
        (!spec.fields.is_empty()).then(|| Managed {
            layout: layout_of(&spec.name, spec.value_size, &spec.fields),
            objects: Arc::clone(objects),
        })
    }

    /// Writes the bytes of a value beside the fields.
    pub(super) fn write(&self, memory: &Memory, addr: Addr, value: &[u8]) -> Result<(), Errno> {
        let mut from = 0_usize;
        let ends = self.layout.parts.iter().map(|part| {
            let start = part.offset as usize;
            (start, start + part.size as usize)
        });
        for (start, next) in ends.chain([(value.len(), value.len())]) {
            let bytes = value.get(from..start).ok_or(Errno::EINVAL)?;
            let at = addr.offset(from as i64);
            if !bytes.is_empty() {
                memory.poke(at, bytes).map_err(|_| Errno::EFAULT)?;
            }
            from = next;
        }
        Ok(())
    }

    /// The same under the value's lock.
    pub(super) fn write_locked(
        &self,
        memory: &Memory,
        addr: Addr,
        value: &[u8],
    ) -> Result<(), Errno> {
        let lock = self.lock_in(addr).ok_or(Errno::EINVAL)?;
        take(memory, lock)?;
        let written = self.write(memory, addr, value);
        memory
            .poke_uint(lock, Size::W, 0)
            .map_err(|_| Errno::EFAULT)?;
        written
    }

    /// A copy of a value, made under its lock, its fields hidden.
    pub(super) fn read_locked(&self, memory: &Memory, addr: Addr) -> Result<Vec<u8>, Errno> {
        let lock = self.lock_in(addr).ok_or(Errno::EINVAL)?;
        take(memory, lock)?;
        let read = memory.peek_vec(addr, self.layout.size);
        memory
            .poke_uint(lock, Size::W, 0)
            .map_err(|_| Errno::EFAULT)?;
        let mut value = read.map_err(|_| Errno::EFAULT)?;
        self.hide(&mut value);
        Ok(value)
    }

    /// Hides the fields in a copy of a value.
    pub(super) fn hide(&self, value: &mut [u8]) {
        for part in &self.layout.parts {
            let start = part.offset as usize;
            let bytes = value.get_mut(start..start + part.size as usize);
            bytes.into_iter().for_each(|bytes| bytes.fill(0));
        }
    }

    /// Releases what the fields of a value hold.
    pub(super) fn release(&self, addr: Addr) {
        self.objects.release_fields(addr, &self.layout);
    }

    /// Whether the values have a lock.
    pub(super) fn has_lock(&self) -> bool {
        self.lock_in(Addr::NULL).is_some()
    }

    fn lock_in(&self, addr: Addr) -> Option<Addr> {
        let mut parts = self.layout.parts.iter();
        let lock = parts.find(|part| part.kind == PartKind::Lock)?;
        Some(addr.offset(i64::from(lock.offset)))
    }
}

/// Waits for a lock and takes it.
fn take(memory: &Memory, lock: Addr) -> Result<(), Errno> {
    for _ in 0..MAX_SPINS {
        let held = memory
            .atomic(lock, AtomicOp::Cmpxchg, Width::W32, 1, 0)
            .map_err(|_| Errno::EFAULT)?;
        if held == 0 {
            return Ok(());
        }
        std::thread::yield_now();
    }
    Err(Errno::EBUSY)
}

/// Whether an update asks for the value's lock, and the other flags.
pub(super) fn split_lock(managed: Option<&Managed>, flags: u64) -> Result<(Locking, u64), Errno> {
    if flags & BPF_F_LOCK == 0 {
        return Ok((Locking::No, flags));
    }
    match managed.is_some_and(Managed::has_lock) {
        true => Ok((Locking::Yes, flags & !BPF_F_LOCK)),
        false => Err(Errno::EINVAL),
    }
}

/// Whether a value is written under its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locking {
    No,
    Yes,
}
