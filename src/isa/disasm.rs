//! From [`Insn`] to text, in the syntax of the kernel verifier's log.
//!
//! It gives one instruction without index and without the `(bf)` prefix, whose byte is
//! [`RawInsn::opcode`](super::RawInsn::opcode). It knows no names: the caller's [`Names`] does.
//!
//! Rules:
//! - What the kernel's log prints as an address that means nothing to a reader is written as
//!   `bpftool prog dump xlated` writes it: `map[NAME]`, `map[NAME][0]+8`, `map[idx:3]`,
//!   `subprog[+5]`; and, since nobody has a syntax for it, `btf[NAME]` for a kernel variable.
//! - Helpers without a name are `unknown#N` as in the kernel, kernel functions
//!   `kernel-function#N` as in bpftool, maps `map[fd:N]`. A module's function ends in `@INDEX`.
//! - Second slots are the empty text: the log has no line for them.
//! - The text assembles to the same instruction, see [`asm`](super::asm).

use std::fmt::{self, Display, Formatter};

use super::{
    AddrSpaceCast, AluOp, AtomicOp, ByteOrder, CallTarget, Extend, Fetch, Imm64, Insn, JumpForm,
    JumpOp, LegacyMode, Operand, Reg, Width,
};

/// Names for the numbers in a program; a number without a name is printed as itself.
pub trait Names {
    /// The name of a helper.
    fn helper(&self, number: i32) -> Option<&str> {
        let _ = number;
        None
    }

    /// The name of a kernel function.
    fn kfunc(&self, id: i32, btf_index: i16) -> Option<&str> {
        let _ = (id, btf_index);
        None
    }

    /// The name of the map that [`Imm64::MapFd`] and [`Imm64::MapValue`] name.
    fn map(&self, fd: i32) -> Option<&str> {
        let _ = fd;
        None
    }

    /// The name of a kernel variable.
    fn variable(&self, id: u32, btf_fd: i32) -> Option<&str> {
        let _ = (id, btf_fd);
        None
    }
}

/// Knows no name.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl Names for NoNames {}

/// The text of an instruction.
///
/// ```
/// use ebpf_sim::isa::{AluOp, Insn, NoNames, Operand, Reg, Width, disassemble};
/// let (dst, src) = (Reg::R1, Operand::Imm(-8));
/// let insn = Insn::Alu { width: Width::W64, op: AluOp::Add, dst, src };
/// assert_eq!(disassemble(insn, &NoNames).to_string(), "r1 += -8");
/// ```
pub fn disassemble(insn: Insn, names: &dyn Names) -> impl Display + '_ {
    fmt::from_fn(move |f| write_insn(f, insn, names))
}

fn write_insn(f: &mut Formatter<'_>, insn: Insn, names: &dyn Names) -> fmt::Result {
    match insn {
        Insn::Alu {
            width,
            op,
            dst,
            src,
        } => {
            write!(f, "{} {} ", name(width, dst), alu_symbol(op))?;
            write_operand(f, width, src)
        }
        Insn::Neg { width, dst } => write!(f, "{0} = -{0}", name(width, dst)),
        Insn::MovSx {
            width,
            from,
            dst,
            src,
        } => {
            write!(
                f,
                "{} = (s{}){}",
                name(width, dst),
                from.bits(),
                name(width, src)
            )
        }
        Insn::Endian { order, size, dst } => {
            write!(f, "{dst} = {}{} {dst}", order_name(order), size.bits())
        }
        Insn::AddrSpaceCast { cast, dst, src } => {
            let spaces = match cast {
                AddrSpaceCast::ToKernel => "0, 1",
                AddrSpaceCast::ToArena => "1, 0",
            };
            write!(f, "{dst} = addr_space_cast({src}, {spaces})")
        }
        Insn::LoadImm64 { dst, value } => {
            write!(f, "{dst} = ")?;
            write_imm64(f, value, names)
        }
        Insn::Imm64High => Ok(()),
        Insn::Load {
            size,
            extend,
            dst,
            base,
            off,
        } => {
            let sign = match extend {
                Extend::Zero => 'u',
                Extend::Sign => 's',
            };
            write!(f, "{dst} = *({sign}{} *)({base} {off:+})", size.bits())
        }
        Insn::Store {
            size,
            base,
            off,
            src,
        } => {
            write!(f, "*(u{} *)({base} {off:+}) = ", size.bits())?;
            write_operand(f, Width::W64, src)
        }
        Insn::Atomic {
            op,
            width,
            base,
            off,
            src,
        } => write_atomic(f, op, width, (base, off), src),
        Insn::LegacyLoad { size, mode, imm } => {
            write!(f, "r0 = *(u{} *)skb[", size.bits())?;
            match mode {
                LegacyMode::Abs => write!(f, "{imm}]"),
                LegacyMode::Ind(reg) => write!(f, "{reg} + {imm}]"),
            }
        }
        Insn::Jump {
            form: JumpForm::Short,
            off,
        } => write!(f, "goto pc{off:+}"),
        Insn::Jump {
            form: JumpForm::Long,
            off,
        } => write!(f, "gotol pc{off:+}"),
        Insn::JumpIf {
            width,
            op,
            dst,
            src,
            off,
        } => {
            write!(f, "if {} {} ", name(width, dst), jump_symbol(op))?;
            match src {
                Operand::Reg(src) => write!(f, "{}", name(width, src))?,
                Operand::Imm(imm) => write!(f, "{imm:#x}")?,
            }
            write!(f, " goto pc{off:+}")
        }
        Insn::MayGoto { off } => write!(f, "may_goto pc{off:+}"),
        Insn::Call(target) => write_call(f, target, names),
        Insn::Exit => f.write_str("exit"),
    }
}

/// The register under the name it has in operations of that width.
fn name(width: Width, reg: Reg) -> impl Display {
    let letter = match width {
        Width::W32 => 'w',
        Width::W64 => 'r',
    };
    fmt::from_fn(move |f| write!(f, "{letter}{}", reg.number()))
}

fn write_operand(f: &mut Formatter<'_>, width: Width, operand: Operand) -> fmt::Result {
    match operand {
        Operand::Reg(reg) => write!(f, "{}", name(width, reg)),
        Operand::Imm(imm) => write!(f, "{imm}"),
    }
}

fn write_imm64(f: &mut Formatter<'_>, value: Imm64, names: &dyn Names) -> fmt::Result {
    let map = |fd| {
        fmt::from_fn(move |f| match names.map(fd) {
            Some(name) => f.write_str(name),
            None => write!(f, "fd:{fd}"),
        })
    };
    match value {
        Imm64::Value(value) => write!(f, "{value:#x}"),
        Imm64::MapFd(fd) => write!(f, "map[{}]", map(fd)),
        Imm64::MapValue { fd, off } => write!(f, "map[{}][0]+{off}", map(fd)),
        Imm64::BtfVar { id, btf_fd } => match names.variable(id, btf_fd) {
            Some(name) => write!(f, "btf[{name}]"),
            None if btf_fd == 0 => write!(f, "btf[id:{id}]"),
            None => write!(f, "btf[id:{id},fd:{btf_fd}]"),
        },
        Imm64::Func(off) => write!(f, "subprog[{off:+}]"),
        Imm64::MapIdx(index) => write!(f, "map[idx:{index}]"),
        Imm64::MapIdxValue { index, off } => write!(f, "map[idx:{index}]+{off}"),
    }
}

fn write_atomic(
    f: &mut Formatter<'_>,
    op: AtomicOp,
    width: Width,
    (base, off): (Reg, i16),
    src: Reg,
) -> fmt::Result {
    let (suffix, bits) = match width {
        Width::W32 => ("", 32),
        Width::W64 => ("64", 64),
    };
    let (symbol, verb, fetch) = match op {
        AtomicOp::Add(fetch) => ("+=", "add", fetch),
        AtomicOp::Or(fetch) => ("|=", "or", fetch),
        AtomicOp::And(fetch) => ("&=", "and", fetch),
        AtomicOp::Xor(fetch) => ("^=", "xor", fetch),
        AtomicOp::Xchg => {
            return write!(
                f,
                "{src} = atomic{suffix}_xchg((u{bits} *)({base} {off:+}), {src})"
            );
        }
        AtomicOp::Cmpxchg => {
            return write!(
                f,
                "r0 = atomic{suffix}_cmpxchg((u{bits} *)({base} {off:+}), r0, {src})"
            );
        }
    };
    match fetch {
        Fetch::No => write!(f, "lock *(u{bits} *)({base} {off:+}) {symbol} {src}"),
        Fetch::Yes => {
            write!(
                f,
                "{src} = atomic{suffix}_fetch_{verb}((u{bits} *)({base} {off:+}), {src})"
            )
        }
    }
}

fn write_call(f: &mut Formatter<'_>, target: CallTarget, names: &dyn Names) -> fmt::Result {
    match target {
        CallTarget::Helper(number) => {
            write!(
                f,
                "call {}#{number}",
                names.helper(number).unwrap_or("unknown")
            )
        }
        CallTarget::Local(off) => write!(f, "call pc{off:+}"),
        CallTarget::Kfunc { id, btf_index } => {
            let name = names.kfunc(id, btf_index).unwrap_or("kernel-function");
            write!(f, "call {name}#{id}")?;
            if btf_index == 0 {
                Ok(())
            } else {
                write!(f, "@{btf_index}")
            }
        }
        CallTarget::Reg(reg) => write!(f, "callx {reg}"),
    }
}

pub(super) fn alu_symbol(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div => "/=",
        AluOp::SDiv => "s/=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Mod => "%=",
        AluOp::SMod => "s%=",
        AluOp::Xor => "^=",
        AluOp::Mov => "=",
        AluOp::Arsh => "s>>=",
    }
}

pub(super) fn jump_symbol(op: JumpOp) -> &'static str {
    match op {
        JumpOp::Eq => "==",
        JumpOp::Gt => ">",
        JumpOp::Ge => ">=",
        JumpOp::Set => "&",
        JumpOp::Ne => "!=",
        JumpOp::SGt => "s>",
        JumpOp::SGe => "s>=",
        JumpOp::Lt => "<",
        JumpOp::Le => "<=",
        JumpOp::SLt => "s<",
        JumpOp::SLe => "s<=",
    }
}

fn order_name(order: ByteOrder) -> &'static str {
    match order {
        ByteOrder::Le => "le",
        ByteOrder::Be => "be",
        ByteOrder::Swap => "bswap",
    }
}

#[cfg(test)]
mod tests;
