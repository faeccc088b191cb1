//! Accesses to sockets, to what a flow dissector fills, and to buffers that are measured when the
//! program is attached.
//!
//! Kernel: `check_sock_access`, `check_flow_keys_access`, `check_buffer_access` in
//! kernel/bpf/verifier.c, 6.12.

use crate::abi::context::SockView;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Access, Use};
use super::outcome::AccessKind;
use super::state::{BufKind, Register};

/// The size of `struct bpf_flow_keys`.
const FLOW_KEYS_SIZE: i64 = 56;

impl Verifier<'_> {
    pub(super) fn check_sock(
        &mut self,
        pointer: &Register,
        view: SockView,
        access: Access,
        off: i64,
    ) -> Check<Register> {
        let number = access.reg.number();
        let name = self.type_name(pointer);
        if access.how == Use::Write {
            return Err(Fail::access(format!("R{number} cannot write into {name}")));
        }
        if !view.may_read(off, access.size) {
            return Err(Fail::access(format!(
                "R{number} invalid {name} access off={off} size={}",
                access.size
            )));
        }
        self.note_access(AccessKind::Socket(view))?;
        Ok(Register::unknown())
    }

    pub(super) fn check_flow_keys(&mut self, access: Access, off: i64) -> Check<Register> {
        let size = access.size;
        if off < 0 || off.saturating_add(i64::from(size)) > FLOW_KEYS_SIZE {
            return Err(Fail::access(format!(
                "invalid access to flow keys off={off} size={size}"
            )));
        }
        self.plain()
    }

    pub(super) fn check_buffer(
        &mut self,
        pointer: &Register,
        buffer: BufKind,
        access: Access,
        off: i64,
    ) -> Check<Register> {
        let number = access.reg.number();
        if access.how == Use::Write && buffer == BufKind::ReadOnly {
            let name = self.type_name(pointer);
            return Err(Fail::access(format!("R{number} cannot write into {name}")));
        }
        let what = match buffer {
            BufKind::ReadOnly => "rdonly",
            BufKind::ReadWrite => "rdwr",
        };
        if off < 0 {
            return Err(Fail::access(format!(
                "R{number} invalid {what} buffer access: off={off}, size={}",
                access.size
            )));
        }
        if !pointer.value.is_const() {
            let var_off = pointer.value.tnum;
            return Err(Fail::access(format!(
                "R{number} invalid variable buffer offset: off={off}, var_off={var_off}"
            )));
        }
        self.plain()
    }
}
