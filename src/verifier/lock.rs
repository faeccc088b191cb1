//! Spin locks: one may be held at a time, and little may be done meanwhile.
//!
//! Kernel: `process_spin_lock`, `check_reg_allocation_locked`, `invalidate_non_owning_refs` in
//! kernel/bpf/verifier.c, 6.12.

use crate::isa::Reg;
use crate::object::FieldKind;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::state::{Kind, Lock, LockedIn, Register};

/// `bpf_spin_lock`.
const SPIN_LOCK: u32 = 93;
/// `bpf_spin_unlock`.
pub(super) const SPIN_UNLOCK: u32 = 94;

/// What is not allowed with a lock held.
pub(super) fn calls_refused() -> Fail {
    Fail::invalid("function calls are not allowed while holding a lock")
}

/// The lock that an object behind a pointer has.
pub(super) fn lock_of(register: &Register) -> Option<Lock> {
    let place = match register.kind {
        Kind::MapValue(map) => LockedIn::Map(map.index, map.level),
        Kind::Local(..) => LockedIn::Object,
        _ => return None,
    };
    Some(Lock {
        place,
        id: register.id,
    })
}

impl Verifier<'_> {
    /// A helper is given a lock, to take it or to release it.
    pub(super) fn check_lock(&mut self, number: u32, reg: Reg, register: &Register) -> Check {
        if self.in_tree_callback() {
            return Err(Fail::access("can't spin_{lock,unlock} in rbtree cb"));
        }
        let lock = self.lock_at(reg, register)?;
        match (number, self.cur.lock) {
            (SPIN_LOCK, Some(_)) => {
                Err(Fail::invalid("Locking two bpf_spin_locks are not allowed"))
            }
            (SPIN_LOCK, None) => {
                self.cur.lock = Some(lock);
                Ok(())
            }
            (_, None) => Err(Fail::invalid("bpf_spin_unlock without taking a lock")),
            (_, Some(held)) if held != lock => {
                Err(Fail::invalid("bpf_spin_unlock of different lock"))
            }
            (_, Some(_)) => {
                self.cur.lock = None;
                self.forget_shared_objects();
                Ok(())
            }
        }
    }

    /// The lock that a pointer points to.
    fn lock_at(&self, reg: Reg, register: &Register) -> Check<Lock> {
        let Some(moved) = register.value.const_value() else {
            return Err(Fail::invalid(format!(
                "R{} doesn't have constant offset. bpf_spin_lock has to be at the constant offset",
                reg.number()
            )));
        };
        let (what, name) = match register.kind {
            Kind::MapValue(map) => ("map", self.map_spec(map).name.as_str()),
            _ => ("local", "kptr"),
        };
        if let Kind::MapValue(map) = register.kind {
            self.check_has_types(map, FieldKind::SpinLock.name())?;
        }
        let Some(offset) = self.fields_behind(register.kind).lock() else {
            return Err(Fail::invalid(format!(
                "{what} '{name}' has no valid bpf_spin_lock"
            )));
        };
        let off = i64::from(register.off).wrapping_add(moved.cast_signed());
        if off != i64::from(offset) {
            return Err(Fail::invalid(format!(
                "off {off} doesn't point to 'struct bpf_spin_lock' that is at {offset}"
            )));
        }
        lock_of(register).ok_or_else(|| Fail::invalid("kernel subsystem misconfigured verifier"))
    }

    /// The lock beside a list or tree must be held.
    pub(super) fn check_locked(&self, register: &Register, root: &str) -> Check {
        if self.cur.lock.is_some() && self.cur.lock == lock_of(register) {
            return Ok(());
        }
        let offset = self.fields_behind(register.kind).lock().unwrap_or(0);
        let needed = format!("bpf_spin_lock at off={offset} must be held for {root}");
        Err(match self.cur.lock {
            None => Fail::invalid(needed),
            Some(_) => {
                Fail::invalid("held lock and object are not in the same allocation").then(needed)
            }
        })
    }

    /// What is in a list or tree may be removed by others once the lock is released.
    fn forget_shared_objects(&mut self) {
        let lost = self.lost_pointer();
        self.cur.for_each_register(|register| {
            if matches!(register.kind, Kind::Local(_, hold) if hold.is_non_owning()) {
                *register = lost.with_live(register.live);
            }
        });
    }
}
