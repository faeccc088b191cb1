//! The names of the kernel functions that a program calls, for programs that nobody judged: the kernel's types tell
//! which function an id is.

use std::collections::BTreeMap;

use crate::abi::kfuncs;
use crate::btf::{self, Btf, BtfId};
use crate::object::Program;

/// Operation code of a call, and the source register that says that it is one of a kernel function.
const CALL: (u8, u8) = (0x85, 2);

/// The functions of the kernel itself that a program calls, by their ids; the embedded types of Linux 6.12 are read
/// only if it calls one.
pub(super) fn called(program: &Program, btf: Option<&Btf>) -> BTreeMap<i32, &'static str> {
    let calls = program
        .code
        .iter()
        .filter(|insn| (insn.opcode, insn.src) == CALL && insn.off == 0);
    let named = calls.filter_map(|insn| {
        let btf = btf.unwrap_or_else(|| btf::kernel_6_12());
        let name = btf.ty(BtfId(insn.imm.cast_unsigned())).name();
        let kfunc = kfuncs::by_name(name)?;
        Some((insn.imm, kfunc.name))
    });
    named.collect()
}
