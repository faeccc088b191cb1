//! Timers and work that are due: their functions run, each by itself, as the kernel's interrupt or worker would call
//! them.
//!
//! Rules:
//! - A function runs on the CPU that started its timer or work; where threads play the CPUs, on that which finds it due.
//! - Timers fire after the programs of a hook, when the clock has come so far, and while the machine
//!   sleeps; then the idle task is current, as far as anybody asks.
//! - Work is done by a worker of the kernel's, a task that nothing else knows of, after the programs of the hook that
//!   started it.
//! - A function takes at least the clock's step, so that one that starts its timer anew comes to an end.
//! - The host's clock is not waited for: what is due within a sleep fires at once.

use std::sync::Arc;

use crate::code::{Cause, Code, Outcome, Start, Trap};
use crate::events::{EventError, Scene};
use crate::helpers::{RunState, World};
use crate::isa::Pc;
use crate::machine::{
    Addr, Comm, CpuId, DueTimer, Memory, ObjectKind, ObjectSpec, OutOfMemory, Owner, ProgId, Task,
    Waits,
};
use crate::maps::Map;

use super::Sim;
use super::fire::{HookRun, ProgramRun};
use super::running::UnderWay;

/// Most timers that fire at once; what is due beyond that fires later.
const MOST: usize = 100_000;
/// The number of the kernel's worker.
const WORKER: u32 = 10;

impl Sim {
    /// Nothing happens for so long, but for timers.
    pub(super) fn sleep(
        &self,
        nanoseconds: u64,
        scene: &mut Scene<'_>,
    ) -> Result<Vec<HookRun>, EventError> {
        let until = self.machine.clock.peek().saturating_add(nanoseconds);
        let idle = self.machine.tasks.get(0);
        let idle = idle.unwrap_or_else(|| Arc::clone(&self.task));
        let hooks = self.fire_timers(until, &idle, scene)?;
        self.machine.clock.reach(until);
        Ok(hooks)
    }

    /// Lets all timers fire that are due by then, one after the other.
    pub(super) fn fire_timers(
        &self,
        until: u64,
        task: &Arc<Task>,
        scene: &mut Scene<'_>,
    ) -> Result<Vec<HookRun>, EventError> {
        let mut hooks = Vec::new();
        while hooks.len() < MOST {
            let Some(due) = self.machine.timers.take_due(until) else {
                break;
            };
            self.machine.clock.reach(due.due);
            let worker = match due.waits {
                Waits::For(_) => None,
                Waits::ForWorker => Some(Arc::new(worker(due.cpu))),
            };
            let task = worker.as_ref().unwrap_or(task);
            hooks.extend(self.fire_timer(&due, task, scene)?);
            self.machine.clock.tick();
        }
        Ok(hooks)
    }

    /// Calls the function of one timer with its map, key and value.
    fn fire_timer(
        &self,
        due: &DueTimer,
        task: &Arc<Task>,
        scene: &mut Scene<'_>,
    ) -> Result<Option<HookRun>, EventError> {
        let memory = &self.machine.memory;
        let map = self.maps.by_handle(memory, due.map);
        let element = map.and_then(|map| Some((map, map.around(due.timer)?)));
        let Some((map, (key, value))) = element else {
            return Ok(None);
        };
        let room = key_room(memory, map, &key)?;
        let run = self.call_timer(due, [due.map, room, value], task, scene);
        memory.free(room);
        Ok(run?.map(|run| HookRun {
            hook: match due.waits {
                Waits::For(_) => format!("timer in {}", map.spec.name),
                Waits::ForWorker => format!("work in {}", map.spec.name),
            },
            runs: vec![run],
        }))
    }

    fn call_timer(
        &self,
        due: &DueTimer,
        given: [Addr; 3],
        task: &Arc<Task>,
        scene: &mut Scene<'_>,
    ) -> Result<Option<ProgramRun>, EventError> {
        let Some(code) = self.programs.get(due.callback.program) else {
            return Ok(None);
        };
        let surroundings = self.surroundings(None, task, scene)?;
        // Where others run at once, theirs are the other CPUs.
        let cpu = match self.machine.grace.is_alone() {
            true => due.cpu,
            false => scene.cpu(),
        };
        let env = self.run_env(World {
            timer: Some(due.id),
            cpu,
            ..self.world(code.prog_type, task, &surroundings)
        });
        let [map, key, value] = given.map(|addr| addr.0);
        let id = due.callback.program;
        let handle = due.callback.handle;
        let entry = code.entry_of(handle);
        let Some(entry) = entry else {
            return Ok(Some(lost(id, code, handle)));
        };
        let args = [map, key, value, 0, 0];
        let under_way = UnderWay::begin(self, env.world.cpu);
        let start = Start { entry, args };
        let outcome = self.engines.run_function((id, code), &env, start);
        drop(under_way);
        let run = ProgramRun::of(id, code, outcome);
        let function = code.entries.get(entry.index());
        Ok(Some(match function {
            Some(function) => ProgramRun {
                name: Arc::clone(&function.name),
                verdict: None,
                ..run
            },
            None => run,
        }))
    }
}

/// The task that does what waits in work queues.
fn worker(cpu: CpuId) -> Task {
    Task {
        pid: WORKER,
        tgid: WORKER,
        ppid: 2,
        uid: 0,
        gid: 0,
        comm: Comm::new(format!("kworker/{cpu}:1")),
        start_time: 0,
        filename: String::new(),
        args: Vec::new(),
        ..Task::default()
    }
}

/// A run that cannot begin, since the program has no such function.
fn lost(id: ProgId, code: &Code, handle: u64) -> ProgramRun {
    let trap = Trap {
        program: Arc::clone(&code.name),
        pc: Pc(0),
        cause: Cause::BadCallback { value: handle },
    };
    let outcome = Outcome {
        result: Err(Box::new(trap)),
        insns: None,
        tail_calls: 0,
        state: RunState::default(),
    };
    ProgramRun::of(id, code, outcome)
}

/// A place for a key, which functions take by pointer.
fn key_room(memory: &Memory, map: &Map, key: &[u8]) -> Result<Addr, OutOfMemory> {
    let spec = ObjectSpec::new(ObjectKind::Data, "key of an element", Owner::Map(map.id));
    let room = memory.allocate(key.len() as u64, &spec)?;
    let written = memory.poke(room, key);
    debug_assert!(written.is_ok(), "the room is the key's: {written:?}");
    Ok(room)
}
