//! What programs ask for: by their type, and by each instruction.

use super::{Found, Kind, Place, Thing, of_program};
use crate::abi::{AttachType, Feature, ProgType, helpers, kfuncs, sections};
use crate::btf::{Btf, BtfId, kernel_6_12};
use crate::isa::decode_program;
use crate::isa::{
    AluOp, AtomicOp, ByteOrder, CallTarget, Extend, Fetch, Imm64, Insn, JumpForm, JumpOp, Pc, Width,
};
use crate::object::{Linkage, Program, Sleepable};

/// Instructions that every kernel takes, and the most that kernels before [`Feature::LargeProgram`] take.
const SMALL_PROGRAM: usize = 4096;

/// The number of `bpf_tail_call`.
const TAIL_CALL: i32 = 12;

/// Helpers that libbpf replaces by `bpf_probe_read` and `bpf_probe_read_str` where a kernel lacks them.
const REPLACED: [&str; 2] = ["bpf_probe_read_kernel", "bpf_probe_read_kernel_str"];

pub(super) fn program(program: &Program, kernel: Option<&Btf>, found: &mut Found) {
    types(program, found);
    whole(program, found);
    let Ok(insns) = decode_program(&program.code) else {
        return;
    };
    let has_functions = program.subprogs.len() > 1;
    for (pc, insn) in (0..).map(Pc).zip(&insns) {
        let place = || of_instruction(program, pc);
        if let Some(thing) = of_insn(*insn, kernel) {
            found.add(thing, place);
        }
        if has_functions && *insn == Insn::Call(CallTarget::Helper(TAIL_CALL)) {
            found.add(feature(Feature::TailCallWithFunctions), place);
        }
        if jumps_back(*insn) {
            found.add(feature(Feature::Loop), place);
        }
    }
}

fn feature(feature: Feature) -> Thing {
    Thing::needed(Kind::Instruction, feature.name(), feature.since())
}

/// What the program's type and way of attachment ask for.
fn types(program: &Program, found: &mut Found) {
    let prog_type = program.prog_type;
    let name = prog_type.name();
    let thing = Thing::needed(Kind::ProgramType, name, prog_type.since());
    found.add(thing, || of_program(program));
    if let Some(attach_type) = program.attach_type {
        let (name, since) = (attach_type.name(), attach_type.since());
        let thing = match is_optional(program, attach_type) {
            true => Thing::adapted(Kind::AttachType, name, since),
            false => Thing::needed(Kind::AttachType, name, since),
        };
        found.add(thing, || of_program(program));
    }
    if program.sleepable == Sleepable::Yes && prog_type != ProgType::Syscall {
        let sleepable = match (prog_type, program.attach_type) {
            (ProgType::Kprobe, _) => Feature::SleepableUprobe,
            (ProgType::StructOps, _) => Feature::SleepableStructOps,
            (_, Some(AttachType::TraceIter)) => Feature::SleepableIter,
            _ => Feature::Sleepable,
        };
        found.add(of_type(sleepable), || of_program(program));
    }
    if sections::parse(&program.section).is_some_and(|section| section.frags) {
        found.add(of_type(Feature::XdpFrags), || of_program(program));
    }
}

fn of_type(feature: Feature) -> Thing {
    Thing::needed(Kind::ProgramType, feature.name(), feature.since())
}

/// Whether the loader does without the attach type where a kernel does not know it: the program then attaches the old way.
fn is_optional(program: &Program, attach_type: AttachType) -> bool {
    match attach_type {
        AttachType::Xdp | AttachType::PerfEvent => true,
        // `tc/ingress` is for either way, `tcx/ingress` is not.
        AttachType::TcxIngress | AttachType::TcxEgress => program.section.starts_with("tc/"),
        _ => false,
    }
}

/// What the program as a whole asks for.
fn whole(program: &Program, found: &mut Found) {
    if program.code.len() > SMALL_PROGRAM {
        found.add(feature(Feature::LargeProgram), || of_program(program));
    }
    for subprog in program.subprogs.iter().skip(1) {
        let place = || of_instruction(program, subprog.start);
        found.add(feature(Feature::LocalCall), place);
        if subprog.linkage == Linkage::Global {
            let global = Feature::GlobalFunction;
            found.add(
                Thing::adapted(Kind::Btf, global.name(), global.since()),
                place,
            );
        }
    }
}

/// What an instruction asks for, if not every kernel has it.
fn of_insn(insn: Insn, kernel: Option<&Btf>) -> Option<Thing> {
    let since = match insn {
        Insn::Alu {
            op: AluOp::SDiv | AluOp::SMod,
            ..
        } => Feature::CpuV4,
        Insn::MovSx { .. } => Feature::CpuV4,
        Insn::Endian {
            order: ByteOrder::Swap,
            ..
        } => Feature::CpuV4,
        Insn::Load {
            extend: Extend::Sign,
            ..
        } => Feature::CpuV4,
        Insn::Jump {
            form: JumpForm::Long,
            ..
        } => Feature::CpuV4,
        Insn::AddrSpaceCast { .. } => Feature::AddrSpaceCast,
        Insn::LoadImm64 { value, .. } => return of_value(value).map(feature),
        Insn::Atomic {
            op: AtomicOp::Add(Fetch::No),
            ..
        } => return None,
        Insn::Atomic { .. } => Feature::Atomics,
        Insn::JumpIf {
            width: Width::W32, ..
        } => Feature::Jump32,
        Insn::JumpIf {
            op: JumpOp::Lt | JumpOp::Le | JumpOp::SLt | JumpOp::SLe,
            ..
        } => Feature::JumpLess,
        Insn::MayGoto { .. } => Feature::MayGoto,
        Insn::Call(target) => return of_call(target, kernel),
        Insn::Alu { .. } | Insn::Neg { .. } | Insn::Endian { .. } => return None,
        Insn::Imm64High | Insn::Load { .. } | Insn::Store { .. } => return None,
        Insn::LegacyLoad { .. } | Insn::Jump { .. } | Insn::JumpIf { .. } => return None,
        Insn::Exit => return None,
    };
    Some(feature(since))
}

fn of_value(value: Imm64) -> Option<Feature> {
    match value {
        Imm64::Value(_) | Imm64::MapFd(_) | Imm64::MapIdx(_) => None,
        Imm64::MapValue { .. } | Imm64::MapIdxValue { .. } => Some(Feature::GlobalData),
        Imm64::BtfVar { .. } => Some(Feature::KernelVariable),
        Imm64::Func(_) => Some(Feature::FunctionPointer),
    }
}

fn of_call(target: CallTarget, kernel: Option<&Btf>) -> Option<Thing> {
    match target {
        CallTarget::Helper(number) => {
            let helper = helpers::by_number(number)?;
            let thing = match REPLACED.contains(&helper.name) {
                true => Thing::adapted(Kind::Helper, helper.name, helper.since),
                false => Thing::needed(Kind::Helper, helper.name, helper.since),
            };
            Some(thing)
        }
        CallTarget::Kfunc { id, btf_index } => Some(of_kfunc(id, btf_index, kernel)),
        // Functions are counted once each, where they are.
        CallTarget::Local(_) | CallTarget::Reg(_) => None,
    }
}

/// A kernel function: by name where its release is known, else by what lets programs call any.
fn of_kfunc(id: i32, btf_index: i16, kernel: Option<&Btf>) -> Thing {
    if btf_index != 0 {
        return feature(Feature::ModuleKfunc);
    }
    let btf = kernel.unwrap_or_else(|| kernel_6_12());
    let name = btf.ty(BtfId(id.cast_unsigned())).name();
    let since = kfuncs::since(name).unwrap_or(Feature::Kfunc.since());
    match name {
        "" => feature(Feature::Kfunc),
        name => Thing::needed(Kind::Kfunc, name, since),
    }
}

/// Whether the instruction may jump to itself or to one before it.
fn jumps_back(insn: Insn) -> bool {
    match insn {
        Insn::Jump { off, .. } => off < 0,
        Insn::JumpIf { off, .. } | Insn::MayGoto { off } => off < 0,
        Insn::Alu { .. } | Insn::Neg { .. } | Insn::MovSx { .. } | Insn::Endian { .. } => false,
        Insn::AddrSpaceCast { .. } | Insn::LoadImm64 { .. } | Insn::Imm64High => false,
        Insn::Load { .. } | Insn::Store { .. } | Insn::Atomic { .. } => false,
        Insn::LegacyLoad { .. } | Insn::Call(_) | Insn::Exit => false,
    }
}

fn of_instruction(program: &Program, pc: Pc) -> Place {
    let before = program.lines.partition_point(|line| line.pc <= pc);
    let line = before
        .checked_sub(1)
        .and_then(|index| program.lines.get(index));
    Place::Instruction {
        program: program.name.clone(),
        section: program.section.clone(),
        pc,
        source: line.map(|line| (file_name(&line.file), line.line)),
    }
}

/// A file's name without the folder that is the compiler's own.
fn file_name(file: &str) -> String {
    file.strip_prefix("./").unwrap_or(file).to_owned()
}
