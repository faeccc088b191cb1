//! What helpers ask of the moment at which a program runs: the current task as the kernel keeps it, stacks,
//! registers, mappings. Only what some loaded program asks for is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::btf::{self, BtfId, Type};
use crate::code::{Code, Op};
use crate::events::{EventError, Scene, Stop};
use crate::helpers::kfunc::Needs;
use crate::helpers::{Hook, KernelFacts, Vma};
use crate::isa::Size;
use crate::machine::{
    Addr, CpuId, ObjectKind, ObjectSpec, OutOfMemory, Owner, ProgramAccess, Stride, Task,
};
use crate::object::Program;

use super::Sim;
use super::fire::Attached;

/// Operation codes of a call and of a 64-bit load.
const CALL: u8 = 0x85;
const LOAD: u8 = 0x18;
/// What a load's source says that gives a variable of the kernel (`BPF_PSEUDO_BTF_ID`).
const VARIABLE: u8 = 3;
/// The section of variables that each CPU has.
const PER_CPU: &str = ".data..percpu";

/// What a program asks of its surroundings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    task: bool,
    stacks: bool,
    registers: bool,
    mappings: bool,
    population: bool,
    kernel_context: bool,
}

impl Wants {
    /// What a program calls helpers and kernel functions for.
    pub(super) fn of(program: &Program, code: &Code) -> Wants {
        let needs = |what: Needs| {
            let mut ops = code.ops.iter();
            ops.any(|op| match op {
                Op::CallKfunc { kfunc, .. } => kfunc.needs() == what,
                _ => false,
            })
        };
        let calls = |helpers: &[i32]| {
            let mut insns = program.code.iter();
            insns.any(|insn| insn.opcode == CALL && insn.src == 0 && helpers.contains(&insn.imm))
        };
        Wants {
            task: calls(&[35, 158]),
            stacks: calls(&[27, 67, 141]),
            registers: calls(&[175]),
            mappings: calls(&[180]) || needs(Needs::Mappings),
            population: needs(Needs::Population),
            kernel_context: needs(Needs::KernelContext),
        }
    }

    fn and(self, other: Wants) -> Wants {
        Wants {
            task: self.task || other.task,
            stacks: self.stacks || other.stacks,
            registers: self.registers || other.registers,
            mappings: self.mappings || other.mappings,
            population: self.population || other.population,
            kernel_context: self.kernel_context || other.kernel_context,
        }
    }
}

/// What was made for a run.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    pub(super) cpu: CpuId,
    pub(super) task_struct: Option<Addr>,
    kernel_stack: Vec<u64>,
    user_stack: Vec<u64>,
    sleeping_stack: Vec<u64>,
    user_regs: Option<Addr>,
    sleeping_regs: Option<Addr>,
    vmas: Vec<Vma>,
}

impl Surroundings {
    /// The place of a run, of which the rest is to be said.
    pub(super) fn hook(&self) -> Hook<'_> {
        Hook {
            kernel_stack: &self.kernel_stack,
            user_stack: &self.user_stack,
            sleeping_stack: &self.sleeping_stack,
            user_regs: self.user_regs,
            sleeping_regs: self.sleeping_regs,
            vmas: &self.vmas,
            ..Hook::default()
        }
    }
}

impl Sim {
    /// Makes what programs ask for at a stop, or while none is passed.
    pub(super) fn surroundings(
        &self,
        stop: Option<&Stop>,
        task: &Arc<Task>,
        scene: &mut Scene<'_>,
    ) -> Result<Surroundings, EventError> {
        let all = self.attached.iter().map(|program| program.wants);
        let wants = all.fold(Wants::default(), Wants::and);
        let mut made = Surroundings {
            cpu: scene.cpu(),
            ..Surroundings::default()
        };
        if wants.task {
            made.task_struct = Some(scene.task_struct(task)?);
        }
        if wants.stacks {
            made.kernel_stack = stop
                .map(|stop| scene.kernel_stack(stop))
                .unwrap_or_default();
            made.user_stack = scene.user_stack();
            made.sleeping_stack = scene.sleeping_stack();
        }
        if wants.registers {
            made.user_regs = Some(scene.user_regs(stop.and_then(|stop| stop.returned))?);
            made.sleeping_regs = Some(scene.sleeping_regs()?);
        }
        if wants.population {
            scene.population(task)?;
        }
        if wants.mappings {
            made.vmas = scene.vmas(task)?;
        }
        Ok(made)
    }

    /// A program's context as the kernel has it, if it may ask for that, or another that it goes on in.
    pub(super) fn kernel_context(
        &self,
        program: &Attached,
        scene: &mut Scene<'_>,
        ctx: Addr,
    ) -> Result<Option<Addr>, EventError> {
        match self.attached.iter().any(|one| one.wants.kernel_context) {
            true => scene.kernel_context(program.ready.code().prog_type, ctx),
            false => Ok(None),
        }
    }

    /// The kernel's types and symbols, as helpers ask for them.
    pub(super) fn kernel_facts(&self) -> KernelFacts<'_> {
        KernelFacts {
            btf: self.options.kernel_btf.as_deref(),
            setup: Some(&self.options.setup),
        }
    }

    /// Where the kernel's variables lie that a program refers to; they are made when one first does.
    pub(super) fn variables(
        &mut self,
        program: &Program,
    ) -> Result<BTreeMap<u32, u64>, OutOfMemory> {
        let mut places = BTreeMap::new();
        // The second half says which module's types are meant; 0 are the kernel's own.
        let loads = program.code.windows(2).filter(|pair| match pair {
            [low, high] => low.opcode == LOAD && low.src == VARIABLE && high.imm == 0,
            _ => false,
        });
        for id in loads.filter_map(|pair| pair.first().map(|insn| insn.imm.cast_unsigned())) {
            let place = match self.variables.get(&id) {
                Some(place) => Some(*place),
                None => self.make_variable(BtfId(id))?,
            };
            if let Some(place) = place {
                self.variables.insert(id, place);
                places.insert(id, place.0);
            }
        }
        Ok(places)
    }

    /// A variable of zeros, or one for each CPU; of a function, where it is said to be.
    fn make_variable(&self, id: BtfId) -> Result<Option<Addr>, OutOfMemory> {
        let kernel = self.options.kernel_btf.as_deref();
        let kernel = kernel.unwrap_or_else(|| btf::kernel_6_12());
        if kernel.ids().next_back().is_none_or(|last| last < id) {
            return Ok(None);
        }
        let ty = match kernel.ty(id) {
            Type::Var { ty, .. } => ty,
            Type::Func { name, .. } => {
                return Ok(self.options.setup.symbol(kernel, name).map(Addr));
            }
            _ => return Ok(None),
        };
        let size = kernel.size_of(ty).and_then(|size| u32::try_from(size).ok());
        let Some(stride) = size.and_then(Stride::of) else {
            return Ok(None);
        };
        let copies = match is_per_cpu(kernel, id) {
            true => self.machine.cpus.count(),
            false => 1,
        };
        let name = kernel.ty(id).name().to_owned();
        let spec = ObjectSpec::new(ObjectKind::KernelObject, name.as_str(), Owner::Kernel)
            .with_access(ProgramAccess::ReadOnly)
            .with_stride(Some(stride));
        let len = u64::from(stride.stride()) * u64::from(copies);
        let at = self.machine.memory.allocate(len, &spec)?;
        for cpu in 0..copies {
            let copy = at.offset(i64::from(cpu) * i64::from(stride.stride()));
            self.number_cpu(kernel, (ty, &name), copy, cpu);
        }
        Ok(Some(at))
    }

    /// Sets what names a CPU in its copy of a variable: its run queue's, and its own number.
    fn number_cpu(&self, kernel: &btf::Btf, (ty, name): (BtfId, &str), copy: Addr, cpu: u32) {
        let place = match name {
            "runqueues" => kernel
                .member_path(ty, "cpu")
                .map(|member| member.bit_offset / 8),
            "pcpu_hot" => kernel
                .member_path(ty, "cpu_number")
                .map(|member| member.bit_offset / 8),
            "cpu_number" => Some(0),
            _ => None,
        };
        if let Some(place) = place {
            let at = copy.offset(place.cast_signed());
            let set = self.machine.memory.poke_uint(at, Size::W, u64::from(cpu));
            debug_assert!(set.is_ok(), "members lie in their variable: {set:?}");
        }
    }
}

/// Whether each CPU has a variable of its own.
fn is_per_cpu(kernel: &btf::Btf, id: BtfId) -> bool {
    let section = kernel.find(PER_CPU, btf::KindFilter::DATASEC);
    let section = section.map(|section| kernel.ty(section));
    match section {
        Some(Type::Datasec { entries, .. }) => entries.iter().any(|entry| entry.var == id),
        _ => false,
    }
}
