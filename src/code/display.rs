//! Listings of operations, one a line, in a syntax close to the kernel's.

use std::fmt::{Display, Formatter, Result};

use super::{Atomic, Branch, Code, EntryId, Load, Op, Place};
use crate::isa::{AluOp, AtomicOp, ByteOrder, Extend, Fetch, JumpOp, LegacyMode, Reg, Size, Width};

impl Display for Code {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (index, (op, pc)) in self.ops.iter().zip(&self.pcs).enumerate() {
            for entry in self
                .entries
                .iter()
                .filter(|entry| entry.start.index() == index)
            {
                writeln!(f, "{}:", entry.name)?;
            }
            writeln!(f, "{index:5}  {op:<44} ; {pc}")?;
        }
        Ok(())
    }
}

impl Display for EntryId {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "function {}", self.0)
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.pad(&text(self))
    }
}

fn text(op: &Op) -> String {
    match *op {
        Op::Alu64Reg { op, dst, src } => format!("{dst} {}= {src}", alu(op)),
        Op::Alu64Imm { op, dst, imm } => format!("{dst} {}= {}", alu(op), imm as i64),
        Op::Alu32Reg { op, dst, src } => format!("{} {}= {}", w(dst), alu(op), w(src)),
        Op::Alu32Imm { op, dst, imm } => format!("{} {}= {}", w(dst), alu(op), imm as i32),
        Op::Neg { width, dst } => format!("{0} = -{0}", reg(width, dst)),
        Op::MovSx {
            width,
            from,
            dst,
            src,
        } => {
            format!(
                "{} = (s{}){}",
                reg(width, dst),
                from.bits(),
                reg(width, src)
            )
        }
        Op::Endian { order, size, dst } => {
            format!("{dst} = {}{} {dst}", byte_order(order), size.bits())
        }
        Op::Cast { dst, src, base } => format!("{dst} = {base:#x} + (u32){src}"),
        Op::LoadImm { dst, value } => format!("{dst} = {value:#x} ll"),
        Op::Load(insn) => load(insn),
        Op::LoadProbed(insn) => format!("{} probed", load(insn)),
        Op::LoadContext(insn) => format!("{} or context", load(insn)),
        Op::LoadArena(insn) => format!("{} in the arena", load(insn)),
        Op::StoreReg { at, src } => format!("{} = {src}", place('u', at)),
        Op::StoreImm { at, imm } => format!("{} = {imm}", place('u', at)),
        Op::StoreArenaReg { at, src } => format!("{} = {src} in the arena", place('u', at)),
        Op::StoreArenaImm { at, imm } => format!("{} = {imm} in the arena", place('u', at)),
        Op::Atomic(insn) => atomic(insn),
        Op::AtomicArena(insn) => format!("{} in the arena", atomic(insn)),
        Op::LegacyLoad { size, mode, imm } => legacy(size, mode, imm),
        Op::Jump { target } => format!("goto {target}"),
        Op::JumpIfReg { branch, src } => jump_if(branch, &reg(branch.width, src)),
        Op::JumpIfImm { branch, imm } => jump_if(branch, &imm.to_string()),
        Op::MayGoto { target } => format!("may_goto {target}"),
        Op::CallHelper { helper } => format!("call {}", helper.name()),
        Op::CallKfunc { kfunc, call: _ } => format!("call {}", kfunc.name()),
        Op::LookupArray { array } => format!("call bpf_map_lookup_elem in array {}", array.0),
        Op::Tell { what } => format!("call {}", what.helper()),
        Op::Loop { entry } => format!("call bpf_loop of {entry}"),
        Op::TailCall => "call bpf_tail_call".to_owned(),
        Op::CallLocal { entry } => format!("call {entry}"),
        Op::CallReg { target } => format!("callx {target}"),
        Op::Exit => "exit".to_owned(),
        Op::Unreached => "unreached".to_owned(),
    }
}

fn w(reg: Reg) -> String {
    format!("w{}", reg.number())
}

fn reg(width: Width, reg: Reg) -> String {
    match width {
        Width::W32 => w(reg),
        Width::W64 => reg.to_string(),
    }
}

fn place(sign: char, Place { size, base, off }: Place) -> String {
    format!("*({sign}{} *)({base} {off:+})", size.bits())
}

fn load(Load { extend, dst, at }: Load) -> String {
    let sign = match extend {
        Extend::Zero => 'u',
        Extend::Sign => 's',
    };
    format!("{dst} = {}", place(sign, at))
}

fn jump_if(branch: Branch, right: &str) -> String {
    let Branch {
        width,
        op,
        dst,
        target,
    } = branch;
    format!("if {} {} {right} goto {target}", reg(width, dst), jump(op))
}

fn legacy(size: Size, mode: LegacyMode, imm: i32) -> String {
    match mode {
        LegacyMode::Abs => format!("r0 = *(u{} *)skb[{imm}]", size.bits()),
        LegacyMode::Ind(src) => format!("r0 = *(u{} *)skb[{src} {imm:+}]", size.bits()),
    }
}

fn atomic(Atomic { op, src, at }: Atomic) -> String {
    let place = format!("(u{} *)({} {:+})", at.size.bits(), at.base, at.off);
    let (name, fetch) = match op {
        AtomicOp::Add(fetch) => ("add", fetch),
        AtomicOp::Or(fetch) => ("or", fetch),
        AtomicOp::And(fetch) => ("and", fetch),
        AtomicOp::Xor(fetch) => ("xor", fetch),
        AtomicOp::Xchg => return format!("{src} = xchg({place}, {src})"),
        AtomicOp::Cmpxchg => return format!("r0 = cmpxchg({place}, r0, {src})"),
    };
    match fetch {
        Fetch::No => format!("lock {name}({place}, {src})"),
        Fetch::Yes => format!("{src} = fetch_{name}({place}, {src})"),
    }
}

fn byte_order(order: ByteOrder) -> &'static str {
    match order {
        ByteOrder::Le => "le",
        ByteOrder::Be => "be",
        ByteOrder::Swap => "bswap",
    }
}

fn alu(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+",
        AluOp::Sub => "-",
        AluOp::Mul => "*",
        AluOp::Div => "/",
        AluOp::SDiv => "s/",
        AluOp::Or => "|",
        AluOp::And => "&",
        AluOp::Lsh => "<<",
        AluOp::Rsh => ">>",
        AluOp::Mod => "%",
        AluOp::SMod => "s%",
        AluOp::Xor => "^",
        AluOp::Mov => "",
        AluOp::Arsh => "s>>",
    }
}

fn jump(op: JumpOp) -> &'static str {
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
