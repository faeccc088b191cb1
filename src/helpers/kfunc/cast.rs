//! Casts: the verifier knows the result as something else.

use super::{Call, Entry, Reply};
use crate::helpers::HelperError;

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_rdonly_cast", 2, same),
    Entry::new("bpf_cast_to_kern_ctx", 1, kernel_context),
];

/// `void *bpf_cast_to_kern_ctx(void *obj)`
fn kernel_context(call: &mut Call<'_>) -> Reply {
    let none = HelperError::Refused("this context is not modelled as the kernel has it");
    Ok(call.world.kernel_context.ok_or(none)?.0)
}

/// `void *bpf_rdonly_cast(const void *obj__ign, u32 btf_id__k)`
fn same(call: &mut Call<'_>) -> Reply {
    Ok(call.args[0])
}
