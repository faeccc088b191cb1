//! Dynptrs that kernel functions make, use and cut parts from.
//!
//! What holds for every dynptr is in [`super::super::dynptr`].
//!
//! Kernel: `check_kfunc_args`, `check_kfunc_call` in kernel/bpf/verifier.c, 6.12.

use crate::abi::helpers::{ArgType, DynptrArg};
use crate::isa::Reg;

use super::super::dynptr::{DynptrType, Want};
use super::super::explore::Verifier;
use super::super::fail::{Check, Fail};
use super::super::outcome::Errno;
use super::super::state::{Kind, Register};
use super::{Call, Effect};

/// The end of the name of a parameter that the function fills.
const ROOM: &str = "__uninit";

impl Verifier<'_> {
    /// Judges the dynptr that a call is given for the parameter of that name, and makes it if it does.
    pub(super) fn check_kfunc_dynptr(&mut self, call: &mut Call, reg: Reg, name: &str) -> Check {
        let register = *self.cur.reg(reg);
        self.check_offset(reg, &register, ArgType::Dynptr(DynptrArg::Initialised))?;
        if !name.ends_with(ROOM) {
            self.check_dynptr(reg, Want::Any)?;
            call.dynptr = self.dynptr_of(reg);
            return Ok(());
        }
        let made = match call.effect {
            Effect::DynptrFromSkb => Want::Room(DynptrType::Skb),
            Effect::DynptrFromXdp => Want::Room(DynptrType::Xdp),
            _ => match call.dynptr {
                Some(parent) => Want::RoomForClone(parent),
                None => return Err(Fail::invalid("kernel subsystem misconfigured verifier")),
            },
        };
        if register.kind == Kind::Dynptr {
            return Err(Fail::new(
                Errno::Fault,
                "verifier internal error: misconfigured dynptr helper type flags",
            ));
        }
        self.check_dynptr(reg, made)
    }

    /// The part of a dynptr's memory that a call returns; the kernel does not tie it to the reference.
    pub(super) fn kfunc_slice(&mut self, call: &Call) -> Check<Register> {
        let (Some(dynptr), Some(size)) = (call.dynptr, call.size) else {
            return Err(Fail::new(
                Errno::Fault,
                "verifier internal error: bpf_dynptr_slice(_rdwr) no constant size",
            ));
        };
        let access = match call.effect {
            Effect::DynptrSlice => dynptr.ty.read_only_slice(),
            _ if self.may_write_packet() => dynptr.ty.slice(),
            _ => {
                return Err(Fail::invalid(
                    "the prog does not allow writes to packet data",
                ));
            }
        };
        Ok(dynptr.slice(size, access))
    }
}
