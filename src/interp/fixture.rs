//! For tests: a small machine, and programs made from assembly text.

use std::sync::Arc;

use super::{Watch, run, run_watched};
use crate::abi::{self, ProgType};
use crate::code::{
    Bindings, Code, DEFAULT_FUEL, Outcome, Programs, RunEnv, Stacks, lower_unverified,
};
use crate::helpers::World;
use crate::isa::asm::{Symbols, assemble};
use crate::isa::{Insn, encode_program};
use crate::machine::{
    Addr, Machine, MachineConfig, MemoryConfig, ObjectKind, ObjectSpec, Owner, Task,
};
use crate::maps::MapTable;
use crate::object::Program;

/// A machine with one CPU's stacks.
pub(crate) struct Fixture {
    pub(crate) machine: Machine,
    pub(crate) maps: MapTable,
    pub(crate) stacks: Stacks,
    pub(crate) programs: Programs,
    pub(crate) task: Task,
    pub(crate) bindings: Bindings,
    pub(crate) fuel: u64,
}

/// Helpers by the names of the table of prototypes.
struct Helpers;

impl Symbols for Helpers {
    fn helper(&self, name: &str) -> Option<i32> {
        abi::helpers::by_name(name).and_then(|helper| i32::try_from(helper.number).ok())
    }
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let memory = MemoryConfig {
            budget: 64 << 20,
            ..MemoryConfig::default()
        };
        let config = MachineConfig {
            memory,
            ..MachineConfig::default()
        };
        let machine = Machine::new(config).expect("memory for a machine");
        // The arena's first object has nothing before it that a fault could be told from.
        let spec = ObjectSpec::new(ObjectKind::Data, "first", Owner::Kernel);
        machine.memory.allocate(8, &spec).expect("memory");
        let owner = Owner::Program(Arc::from("test"));
        let stacks = Stacks::new(&machine.memory, &owner).expect("memory for stacks");
        Fixture {
            machine,
            maps: MapTable::default(),
            stacks,
            programs: Programs::default(),
            task: Task::default(),
            bindings: Bindings::default(),
            fuel: DEFAULT_FUEL,
        }
    }

    /// An object with these bytes.
    pub(crate) fn data(&self, bytes: &[u8]) -> Addr {
        let spec = ObjectSpec::new(ObjectKind::Data, "data", Owner::Kernel);
        let addr = self
            .machine
            .memory
            .allocate(bytes.len() as u64, &spec)
            .expect("memory");
        self.machine.memory.poke(addr, bytes).expect("in bounds");
        addr
    }

    pub(crate) fn code(&self, text: &str) -> Code {
        let assembly = assemble(text, &Helpers).expect("assembly");
        self.lower(ProgType::SocketFilter, &assembly.insns)
    }

    pub(crate) fn lower(&self, prog_type: ProgType, insns: &[Insn]) -> Code {
        lower_unverified(&program(prog_type, insns), &self.bindings).expect("lowers")
    }

    pub(crate) fn run(&self, code: &Code, ctx: Addr) -> Outcome {
        run(code, &self.env(code), ctx)
    }

    /// Runs a program while somebody looks on.
    pub(crate) fn run_watched(&self, code: &Code, ctx: Addr, watch: &mut impl Watch) -> Outcome {
        run_watched(code, &self.env(code), ctx, watch)
    }

    fn env(&self, code: &Code) -> RunEnv<'_> {
        RunEnv {
            world: World::new(&self.machine, &self.maps, code.prog_type, &self.task),
            programs: &self.programs,
            stacks: &self.stacks,
            fuel: self.fuel,
        }
    }

    /// Runs a program without context.
    pub(crate) fn run_text(&self, text: &str) -> Outcome {
        self.run(&self.code(text), Addr::NULL)
    }
}

/// A program of these instructions.
pub(crate) fn program(prog_type: ProgType, insns: &[Insn]) -> Program {
    Program::from_raw("test", prog_type, encode_program(insns))
}
