//! Our side of a comparison: one machine that judges and runs one case after the other.
//!
//! It knows no kernel. Maps are made once and refilled for each run.

use std::sync::Arc;

use super::case::{Case, Input, Observed, specs};
use super::sound::{Checker, FalseClaim, Scene};
use crate::abi::ProgType;
use crate::code::{
    Bindings, Code, LowerError, MapBinding, Outcome, Programs, RunEnv, Stacks, Trap, lower,
    lower_unverified,
};
use crate::helpers::{Packet, World};
use crate::interp;
#[cfg(feature = "jit")]
use crate::jit::{self, Compiler, Counting, JitError, Native, Natives};
use crate::machine::{
    Addr, Errno, Machine, MachineConfig, MemoryConfig, MemoryError, ObjectKind, ObjectSpec,
    OutOfMemory, Owner, PacketError, SkBuff, SkbLayer, Task, XdpFrame, XdpQueue,
};
use crate::maps::{BPF_ANY, Map, MapError, MapTable};
use crate::object::MapSpec;
use crate::verifier::{Env, Recording, Rejection, Verified, record, verify};

/// More than any generated program runs that ends at all.
const FUEL: u64 = 1 << 22;

/// How often a program runs again to see whether it does the same.
const AGAIN: u32 = 4;

/// Both kinds of native code.
#[cfg(feature = "jit")]
const BOTH: [Counting; 2] = [Counting::On, Counting::Off];

/// Bytes of an Ethernet header.
const LINK_HEADER: usize = 14;

/// A machine with the maps of generated programs.
#[derive(Debug)]
pub struct Lab {
    machine: Machine,
    stacks: Stacks,
    programs: Programs,
    table: MapTable,
    maps: Vec<Arc<Map>>,
    bindings: Bindings,
    task: Task,
    #[cfg(feature = "jit")]
    compiler: Compiler,
}

/// What keeps a case from being run.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// There is no memory for a machine.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// There is no memory for stacks.
    #[error(transparent)]
    Stacks(#[from] OutOfMemory),
    /// A map cannot be made.
    #[error(transparent)]
    Map(#[from] MapError),
    /// A map cannot be filled.
    #[error("map {map} does not take its contents: {errno}")]
    Fill {
        /// The map.
        map: String,
        /// What it says.
        errno: Errno,
    },
    /// The packet cannot be put in memory.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// No packet is laid out for programs of this type.
    #[error("programs of type {} get no packet", prog_type.name())]
    ProgType {
        /// The type.
        prog_type: ProgType,
    },
    /// What was accepted cannot be run.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// There is no native code of it.
    #[cfg(feature = "jit")]
    #[error(transparent)]
    Jit(#[from] JitError),
}

/// A run and what it left.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What the engine says.
    pub outcome: Outcome,
    /// What can be seen.
    pub observed: Observed,
    /// What was held against a recording.
    pub compared: Compared,
}

/// What was held against what the verifier recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many steps.
    pub steps: u64,
    /// The first claim that was not true.
    pub found: Option<FalseClaim>,
}

/// What must not be, whatever a kernel says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// An accepted program trapped.
    #[error("accepted, and traps: {0}")]
    Trap(Box<Trap>),
    /// An accepted program is none that could run.
    #[error("accepted, and cannot be run: {0}")]
    Lower(LowerError),
    /// A register or a byte of stack holds what the verifier holds to be impossible.
    #[error("{0}")]
    Claim(FalseClaim),
    /// With what the verifier learnt, a program does something else than without.
    #[error("{what} with the verifier's facts: {with}; without: {without}")]
    Facts {
        /// What differs.
        what: &'static str,
        /// What it is with them.
        with: String,
        /// What it is without.
        without: String,
    },
    /// Native code does something else than the interpreter.
    #[error("{what} in the interpreter: {interpreter}; in native code: {native}")]
    Engines {
        /// What differs.
        what: &'static str,
        /// What it is in the interpreter.
        interpreter: String,
        /// What it is in native code.
        native: String,
    },
}

/// What runs a program.
#[derive(Clone, Copy)]
enum How<'a> {
    /// The interpreter.
    Interpreted,
    /// The same, held against what the verifier held of each step.
    Watched(&'a Recording),
    /// Native code.
    #[cfg(feature = "jit")]
    Compiled(&'a Native),
}

impl Lab {
    /// A machine with the maps that every generated program has.
    ///
    /// # Errors
    /// The host does not give the memory.
    pub fn new() -> Result<Lab, LabError> {
        Lab::with_maps(&specs())
    }

    /// A machine with these maps.
    ///
    /// # Errors
    /// The host does not give the memory, or a map cannot be made.
    pub fn with_maps(specs: &[MapSpec]) -> Result<Lab, LabError> {
        Lab::build(specs, 0)
    }

    /// As [`Lab::new`], with everything so many bytes further up.
    pub(super) fn moved(by: u64) -> Result<Lab, LabError> {
        Lab::build(&specs(), by)
    }

    fn build(specs: &[MapSpec], moved: u64) -> Result<Lab, LabError> {
        let memory = MemoryConfig {
            budget: 256 << 20,
            ..MemoryConfig::default()
        };
        let machine = Machine::new(MachineConfig {
            memory,
            ..MachineConfig::default()
        })?;
        if moved > 0 {
            let spec = ObjectSpec::new(ObjectKind::Data, "gap", Owner::Kernel);
            machine.memory.allocate(moved, &spec)?;
        }
        let stacks = Stacks::new(&machine.memory, &Owner::Kernel)?;
        let made: Result<Vec<_>, _> = specs
            .iter()
            .map(|spec| Map::create(&machine, spec))
            .collect();
        let (maps, table) = (made?, MapTable::default());
        maps.iter().for_each(|map| table.insert(Arc::clone(map)));
        let bindings = Bindings {
            maps: maps.iter().map(MapBinding::of).collect(),
            ..Bindings::default()
        };
        Ok(Lab {
            machine,
            stacks,
            programs: Programs::default(),
            table,
            maps,
            bindings,
            task: Task::default(),
            #[cfg(feature = "jit")]
            compiler: Compiler::new()?,
        })
    }

    /// What the verifier says.
    ///
    /// # Errors
    /// It refuses the program.
    pub fn judge(&self, case: &Case) -> Result<Verified, Box<Rejection>> {
        verify(&case.program, &Env::default())
    }

    /// Runs an accepted program.
    ///
    /// # Errors
    /// It cannot be run at all; a trap is an outcome.
    pub fn run(&self, verified: &Verified, input: &Input) -> Result<Ran, LabError> {
        self.run_code(&lower(verified, &self.bindings)?, input, How::Interpreted)
    }

    /// What the verifier held before each instruction, if that is little enough to be recorded.
    pub fn record(&self, case: &Case) -> Option<Recording> {
        record(&case.program, &Env::default())
    }

    /// Runs an accepted program on one input after the other, each step held against what was
    /// recorded, up to the first claim that is not true; gives that input, too.
    ///
    /// # Errors
    /// It cannot be run at all; a trap is none.
    pub fn compare<'i>(
        &self,
        verified: &Verified,
        recording: &Recording,
        inputs: impl IntoIterator<Item = &'i Input>,
    ) -> Result<(Compared, Option<&'i Input>), LabError> {
        let code = lower(verified, &self.bindings)?;
        let mut all = Compared::default();
        for input in inputs {
            let ran = self.run_code(&code, input, How::Watched(recording))?;
            all.steps += ran.compared.steps;
            if ran.compared.found.is_some() {
                all.found = ran.compared.found;
                return Ok((all, Some(input)));
            }
        }
        Ok((all, None))
    }

    /// Runs a program that nobody judged.
    ///
    /// # Errors
    /// It cannot be run at all; a trap is an outcome.
    pub fn run_unverified(&self, case: &Case) -> Result<Ran, LabError> {
        self.run_code(&self.lower_unverified(case)?, &case.input, How::Interpreted)
    }

    fn lower_unverified(&self, case: &Case) -> Result<Code, LowerError> {
        lower_unverified(&case.program, &self.bindings)
    }

    /// The first thing that native code does otherwise than the interpreter.
    #[cfg(feature = "jit")]
    fn check_native(
        &self,
        code: Code,
        case: &Case,
        countings: &[Counting],
    ) -> Result<Option<Unsound>, LabError> {
        let code = Arc::new(code);
        let interpret = || self.run_code(&code, &case.input, How::Interpreted);
        for counting in countings {
            let native = self.compiler.compile(&code, *counting)?;
            for again in 0..=AGAIN {
                let interpreted = interpret()?;
                let compiled = self.run_code(&code, &case.input, How::Compiled(&native))?;
                let difference = engines_differ(&interpreted, &compiled);
                // What depends on where things lie differs between any two runs.
                if difference.is_none() || first_difference(&interpreted, &interpret()?).is_some() {
                    break;
                }
                if again == AGAIN {
                    return Ok(difference);
                }
            }
        }
        Ok(None)
    }

    /// Runs an accepted program and holds it against what must be.
    ///
    /// # Errors
    /// It cannot be run at all.
    pub fn check(
        &self,
        case: &Case,
        verified: &Verified,
    ) -> Result<Result<Ran, Unsound>, LabError> {
        let ran = match self.run(verified, &case.input) {
            Err(LabError::Lower(error)) => return Ok(Err(Unsound::Lower(error))),
            ran => ran?,
        };
        if let Err(trap) = &ran.outcome.result {
            return Ok(Err(Unsound::Trap(trap.clone())));
        }
        #[cfg(feature = "jit")]
        if let Some(unsound) = self.check_native(lower(verified, &self.bindings)?, case, &BOTH)? {
            return Ok(Err(unsound));
        }
        // Code that no path reaches may be such as cannot be run.
        let Ok(plain) = self.run_unverified(case) else {
            return Ok(Ok(ran));
        };
        #[cfg(feature = "jit")]
        if let Some(unsound) =
            self.check_native(self.lower_unverified(case)?, case, &[Counting::On])?
        {
            return Ok(Err(unsound));
        }
        let difference = differs(&ran, &plain);
        // What depends on where things lie differs between any two runs.
        for _ in 0..AGAIN {
            if difference.is_some() && differs(&ran, &self.run(verified, &case.input)?).is_some() {
                return Ok(Ok(ran));
            }
        }
        Ok(difference.map_or(Ok(ran), Err))
    }

    fn run_code(&self, code: &Code, input: &Input, how: How<'_>) -> Result<Ran, LabError> {
        self.fill(input)?;
        let memory = &self.machine.memory;
        match code.prog_type {
            ProgType::Xdp => {
                let frame = XdpFrame::new(memory, &input.packet, XdpQueue::default())?;
                let run = (Packet::Xdp(&frame), frame.ctx());
                let (outcome, compared) = self.execute(code, run, how);
                // Metadata counts as its beginning.
                let packet = [frame.meta(memory), frame.bytes(memory)].concat();
                frame.free(memory);
                Ok(self.observe(outcome, packet, compared))
            }
            ProgType::SchedCls | ProgType::SocketFilter => {
                // As in the kernel's test runs: a filter sees no link header, and what becomes
                // of it is shown as zeros.
                let (layer, hidden) = match code.prog_type {
                    ProgType::SchedCls => (SkbLayer::Link, 0),
                    _ => (SkbLayer::Network, LINK_HEADER),
                };
                let skb = SkBuff::new(memory, &input.packet, layer)?;
                let run = (Packet::Skb(&skb), skb.ctx());
                let (outcome, compared) = self.execute(code, run, how);
                let packet = [vec![0; hidden], skb.bytes(memory)].concat();
                skb.free(memory);
                Ok(self.observe(outcome, packet, compared))
            }
            prog_type => Err(LabError::ProgType { prog_type }),
        }
    }

    fn execute(
        &self,
        code: &Code,
        (packet, ctx): (Packet<'_>, Addr),
        how: How<'_>,
    ) -> (Outcome, Compared) {
        let world = World {
            packet: Some(packet),
            ..World::new(&self.machine, &self.table, code.prog_type, &self.task)
        };
        let env = RunEnv {
            world,
            programs: &self.programs,
            stacks: &self.stacks,
            fuel: FUEL,
        };
        let (outcome, compared) = match how {
            How::Interpreted => (interp::run(code, &env, ctx), Compared::default()),
            #[cfg(feature = "jit")]
            How::Compiled(native) => {
                let outcome = jit::run(native, &Natives::default(), &env, ctx);
                (outcome, Compared::default())
            }
            How::Watched(recording) => {
                let scene = Scene {
                    memory: &self.machine.memory,
                    stacks: &self.stacks,
                    maps: &self.maps,
                    packet,
                    ctx,
                };
                let mut checker = Checker::new(scene, recording);
                let outcome = interp::run_watched(code, &env, ctx, &mut checker);
                (outcome, checker.into_compared())
            }
        };
        let Machine {
            memory,
            grace,
            objects,
            ..
        } = &self.machine;
        objects.end_of_run(grace);
        self.table.end_of_run(memory, grace);
        (outcome, compared)
    }

    /// Gives the maps their contents.
    fn fill(&self, input: &Input) -> Result<(), LabError> {
        for (map, pairs) in self.maps.iter().zip(&input.maps) {
            let failed = |errno| LabError::Fill {
                map: map.spec.name.clone(),
                errno,
            };
            for (key, _) in map.entries() {
                if !pairs.iter().any(|(wanted, _)| *wanted == key) {
                    map.delete_user(&key).map_err(failed)?;
                }
            }
            for (key, value) in pairs {
                map.update_user(key, value, BPF_ANY).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn observe(&self, outcome: Outcome, packet: Vec<u8>, compared: Compared) -> Ran {
        let sorted = |map: &Arc<Map>| {
            let mut entries = map.entries();
            entries.sort();
            entries
        };
        let observed = Observed {
            retval: outcome.result.as_ref().map_or(0, |r0| *r0 as u32),
            packet,
            maps: self.maps.iter().map(sorted).collect(),
        };
        Ran {
            outcome,
            observed,
            compared,
        }
    }
}

/// What the verifier's facts change.
fn differs(with: &Ran, without: &Ran) -> Option<Unsound> {
    let (what, [with, without]) = first_difference(with, without)?;
    Some(Unsound::Facts {
        what,
        with,
        without,
    })
}

/// What native code does otherwise.
#[cfg(feature = "jit")]
fn engines_differ(interpreted: &Ran, compiled: &Ran) -> Option<Unsound> {
    let mut compiled = compiled.clone();
    // Nothing is compared where nothing was counted.
    compiled.outcome.insns = compiled.outcome.insns.or(interpreted.outcome.insns);
    let (what, [interpreter, native]) = first_difference(interpreted, &compiled)?;
    Some(Unsound::Engines {
        what,
        interpreter,
        native,
    })
}

/// One thing that a run shows.
type View = fn(&Ran) -> String;

/// The first thing in which two runs differ, and what it is in each.
fn first_difference(one: &Ran, other: &Ran) -> Option<(&'static str, [String; 2])> {
    let views: [(&'static str, View); 4] = [
        ("r0", |ran| format!("{:?}", ran.outcome.result)),
        ("instruction count", |ran| {
            format!("{:?}", ran.outcome.insns)
        }),
        ("packet", |ran| format!("{:02x?}", ran.observed.packet)),
        ("maps", |ran| format!("{:02x?}", ran.observed.maps)),
    ];
    views.into_iter().find_map(|(what, view)| {
        let (one, other) = (view(one), view(other));
        (one != other).then_some((what, [one, other]))
    })
}
