//! Fields that hold objects.

use super::{Call, Entry, Reply};
use crate::isa::{AtomicOp, Width};
use crate::machine::Addr;

pub(super) const ROWS: &[Entry] = &[Entry::new(194, "bpf_kptr_xchg", kptr_xchg)];

/// `void *bpf_kptr_xchg(void *dst, void *ptr)`: what the field held, which is the program's now.
fn kptr_xchg(call: &mut Call<'_>) -> Reply {
    let [field, object, ..] = call.args;
    let (op, width) = (AtomicOp::Xchg, Width::W64);
    let objects = &call.world.machine.objects;
    // Counted before anybody can take it out again.
    objects.put_in_field(Addr(object));
    let exchanged = call.memory().atomic(Addr(field), op, width, object, 0);
    let gone = exchanged.as_ref().map_or(object, |old| *old);
    objects.taken_from_field(Addr(gone));
    Ok(exchanged?)
}
