//! Stores through pointers to the kernel's own structures: which programs may write to which members.
//!
//! What congestion control may write is in [`super::struct_ops`].
//!
//! Kernel: `check_ptr_to_btf_access` in kernel/bpf/verifier.c, `_nf_conntrack_btf_struct_access` in
//! net/netfilter/nf_conntrack_bpf.c, 6.12.

use crate::abi::ProgType;
use crate::btf::BtfId;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::outcome::AccessKind;
use super::state::Register;

/// A tracked connection, and one that is not in the table yet, which begins with it.
const CONNECTIONS: [&str; 2] = ["nf_conn", "nf_conn___init"];
/// The member of it that programs may write.
const MARK: &str = "mark";

impl Verifier<'_> {
    /// Judges a store through a pointer to a kernel structure.
    pub(super) fn check_object_write(&mut self, id: BtfId, off: u64, size: u32) -> Check<Register> {
        let prog_type = self.program.prog_type;
        if prog_type == ProgType::StructOps {
            return self.check_socket_write(id, off, size);
        }
        match [ProgType::SchedCls, ProgType::SchedAct, ProgType::Xdp].contains(&prog_type) {
            true => self.check_connection_write(id, off, size),
            false => Err(Fail::access("only read is supported")),
        }
    }

    fn check_connection_write(&mut self, id: BtfId, off: u64, size: u32) -> Check<Register> {
        let btf = self.kernel_btf();
        if !CONNECTIONS.contains(&btf.ty(id).name()) {
            return Err(Fail::access("only read is supported"));
        }
        let mark = btf.member_path(self.kernel_struct(CONNECTIONS[0])?, MARK);
        let range = mark.and_then(|mark| {
            let start = mark.bit_offset / 8;
            Some((start, start.checked_add(btf.size_of(mark.ty)?)?))
        });
        let Some((_, end)) = range.filter(|(start, _)| *start == off) else {
            return Err(Fail::access(format!(
                "no write support to nf_conn at off {off}"
            )));
        };
        if off.saturating_add(u64::from(size)) > end {
            return Err(Fail::access(format!(
                "write access at off {off} with size {size} beyond the member of nf_conn ended at {end}"
            )));
        }
        self.note_access(AccessKind::Probed)?;
        Ok(Register::unknown())
    }
}
