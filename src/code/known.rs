//! What lowering knows of a call, so that no engine asks again when it happens: the array that is
//! looked into, and helpers that only tell of the run.
//!
//! What such a call does is what the helper does, to the text of its traps.

use crate::isa::{Imm64, Insn, Pc, Reg};
use crate::machine::CpuId;
use crate::maps::{ArrayMap, Map};

/// The number of `bpf_map_lookup_elem`.
pub(super) const LOOKUP: i32 = 1;

/// The number of `bpf_loop`.
pub(super) const LOOP: i32 = 181;

/// The number of `bpf_tail_call`.
pub(super) const TAIL_CALL: i32 = 12;

/// The register in which a helper takes a map, if engines ask which that is.
pub(super) fn map_argument(number: i32) -> Option<Reg> {
    match number {
        // Lookup, update and deletion; output to ring buffers, and reservation.
        LOOKUP | 2 | 3 | 130 | 131 => Some(Reg::R1),
        TAIL_CALL => Some(Reg::R2),
        _ => None,
    }
}

/// How far before a call the load of its map is looked for.
const REACH: u32 = 16;

/// An index into [`super::Code::arrays`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayId(pub u32);

/// Something that a helper tells of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// `bpf_get_smp_processor_id`.
    Cpu,
    /// `bpf_get_current_pid_tgid`.
    PidTgid,
    /// `bpf_ktime_get_ns`: time goes on by being read.
    Now,
    /// `bpf_jiffies64`: the same.
    Jiffies,
}

impl Known {
    /// What the helper of that number tells, if it is one of these.
    pub(super) fn of_helper(number: i32) -> Option<Known> {
        match number {
            5 => Some(Known::Now),
            8 => Some(Known::Cpu),
            14 => Some(Known::PidTgid),
            118 => Some(Known::Jiffies),
            _ => None,
        }
    }

    /// The helper's name.
    pub fn helper(self) -> &'static str {
        match self {
            Known::Cpu => "bpf_get_smp_processor_id",
            Known::PidTgid => "bpf_get_current_pid_tgid",
            Known::Now => "bpf_ktime_get_ns",
            Known::Jiffies => "bpf_jiffies64",
        }
    }

    /// Whether it is the same all through a run, and asking changes nothing.
    pub fn stays(self) -> bool {
        match self {
            Known::Cpu | Known::PidTgid => true,
            Known::Now | Known::Jiffies => false,
        }
    }
}

/// Where the elements of an array map lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayShape {
    /// The map's name.
    pub name: String,
    /// The first element: one address, or one for each CPU.
    pub bases: Box<[u64]>,
    /// Whether each CPU has elements of its own.
    pub per_cpu: bool,
    /// How many elements there are.
    pub count: u32,
    /// Bytes from one to the next.
    pub stride: u32,
}

impl ArrayShape {
    /// The shape of a map, if it is an array.
    pub(super) fn of(map: &Map) -> Option<ArrayShape> {
        let array: &ArrayMap = map.array()?;
        Some(ArrayShape {
            name: map.spec.name.clone(),
            bases: array.bases().iter().map(|base| base.0).collect(),
            per_cpu: array.base().is_none(),
            count: array.count(),
            stride: array.stride(),
        })
    }

    /// The address of an element, or 0.
    pub fn element(&self, index: u32, cpu: CpuId) -> u64 {
        let base = match self.per_cpu {
            true => self.bases.get(cpu.index()),
            false => self.bases.first(),
        };
        match base {
            Some(base) if index < self.count => {
                base.wrapping_add(u64::from(index) * u64::from(self.stride))
            }
            Some(_) | None => 0,
        }
    }
}

/// The map that a register holds at a call, if the same block loads it: its index in the program.
pub(super) fn map_at(
    insns: &[Insn],
    pc: Pc,
    reg: Reg,
    is_target: impl Fn(Pc) -> bool,
) -> Option<i32> {
    for back in 1..=REACH {
        // Whoever jumps between the load and the call brings another map.
        if is_target(Pc(pc.0.checked_sub(back)? + 1)) {
            return None;
        }
        match insns.get((pc.0 - back) as usize)? {
            Insn::LoadImm64 { dst, value } if *dst == reg => {
                return match value {
                    Imm64::MapFd(index) | Imm64::MapIdx(index) => Some(*index),
                    Imm64::Value(_)
                    | Imm64::MapValue { .. }
                    | Imm64::BtfVar { .. }
                    | Imm64::Func(_)
                    | Imm64::MapIdxValue { .. } => None,
                };
            }
            insn if keeps(insn, reg) => {}
            _ => return None,
        }
    }
    None
}

/// Whether a register is afterwards what it was, and the next instruction is the next to run.
fn keeps(insn: &Insn, reg: Reg) -> bool {
    match *insn {
        Insn::Alu { dst, .. }
        | Insn::Neg { dst, .. }
        | Insn::MovSx { dst, .. }
        | Insn::Endian { dst, .. }
        | Insn::AddrSpaceCast { dst, .. }
        | Insn::LoadImm64 { dst, .. }
        | Insn::Load { dst, .. } => dst != reg,
        Insn::Imm64High | Insn::Store { .. } => true,
        Insn::Atomic { src, .. } => src != reg,
        Insn::LegacyLoad { .. }
        | Insn::Jump { .. }
        | Insn::JumpIf { .. }
        | Insn::MayGoto { .. }
        | Insn::Call(_)
        | Insn::Exit => false,
    }
}
