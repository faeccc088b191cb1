//! One program again and again at one place: everything that an event lays out is laid out once.
//!
//! It is the fast way to run a program on many packets, and to measure one as `BPF_PROG_TEST_RUN`
//! repeats. Other programs at the hook do not run, and what happens to the event afterwards is nobody's matter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::code::{Outcome, RunEnv};
use crate::events::{Context, Event, EventError, Scene, verdict_name};
use crate::helpers::{Hook, World};
use crate::machine::{Addr, CpuId, Cpus, ProgId, Task};

use super::Sim;
use super::fire::Attached;
use super::running::UnderWay;
use super::surroundings::Surroundings;

/// A program with its context laid out.
#[derive(Debug)]
pub struct Prepared<'a> {
    sim: &'a Sim,
    program: &'a Attached,
    scene: Scene<'a>,
    context: Context,
    task: Arc<Task>,
    surroundings: Surroundings,
    cpu: CpuId,
    kernel_context: Option<Addr>,
}

/// What came of repeated runs.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// The last run.
    pub outcome: Outcome,
    /// How long all runs took.
    pub duration: Duration,
}

impl Sim {
    /// Makes everything ready to run a program where an event first reaches it, on the first CPU.
    ///
    /// Gives nothing if there is no such program, or the event does not reach it.
    ///
    /// # Errors
    /// There is no such event, or a context cannot be laid out.
    pub fn prepare(
        &mut self,
        id: ProgId,
        event: &Event,
    ) -> Result<Option<Prepared<'_>>, EventError> {
        let mut prepared = self.prepare_each(id, event, Cpus::new(1))?;
        Ok(prepared.pop())
    }

    /// As [`Sim::prepare`], on each of so many CPUs: every one has its own context and packet, and may be
    /// taken to a thread of its own, to run beside the others on the same maps. CPUs that the machine has not are
    /// left out.
    ///
    /// # Errors
    /// There is no such event, or a context cannot be laid out.
    pub fn prepare_each(
        &mut self,
        id: ProgId,
        event: &Event,
        cpus: Cpus,
    ) -> Result<Vec<Prepared<'_>>, EventError> {
        let cpus = Cpus::new(cpus.count().min(self.options.cpus.count()));
        self.make_stacks(cpus)?;
        self.machine.grace.run_on(cpus.count() as usize);
        // Nothing else runs meanwhile: the frames on the stacks are these runs' alone.
        let sim: &Sim = self;
        let Some(program) = sim.attached.iter().find(|program| program.id == id) else {
            return Ok(Vec::new());
        };
        let each = cpus.iter().map(|cpu| sim.prepare_on(cpu, program, event));
        each.filter_map(Result::transpose).collect()
    }

    fn prepare_on<'a>(
        &'a self,
        cpu: CpuId,
        program: &'a Attached,
        event: &Event,
    ) -> Result<Option<Prepared<'a>>, EventError> {
        let mut passage = event.passage(&self.task)?;
        let kernel = self.options.kernel_btf.as_deref();
        let mut scene = Scene::new(&self.machine, kernel, &passage).on(cpu);
        while let Some(stop) = passage.advance() {
            if !program.attachment.runs_at(&stop.point, passage.named()) {
                continue;
            }
            let task = Arc::clone(passage.task());
            let context = scene.context(&stop, &program.attachment, &task)?;
            let surroundings = self.surroundings(Some(&stop), &task, &mut scene)?;
            let kernel_context = self.kernel_context(program, &mut scene, context.addr)?;
            return Ok(Some(Prepared {
                sim: self,
                program,
                scene,
                context,
                task,
                surroundings,
                cpu,
                kernel_context,
            }));
        }
        Ok(None)
    }
}

impl Prepared<'_> {
    /// Runs the program once, on what earlier runs left of its context and packet.
    pub fn run(&mut self) -> Outcome {
        let _under_way = UnderWay::begin(self.sim, self.cpu);
        let engines = &self.sim.engines;
        engines.run(&self.program.ready, &self.env(), self.context.addr)
    }

    /// Lets another packet arrive in place of the last one, for the next run.
    ///
    /// # Errors
    /// The event is no packet; this one is too short or too long.
    pub fn arrive(&mut self, packet: &[u8]) -> Result<(), EventError> {
        self.context.addr = self.scene.arrive(packet)?;
        let (sim, program) = (self.sim, self.program);
        self.kernel_context = sim.kernel_context(program, &mut self.scene, self.context.addr)?;
        Ok(())
    }

    /// Runs the program so many times, at least once; what a run does to the packet the next one
    /// sees. It stops at the first trap.
    pub fn repeat(&mut self, times: u32) -> Repeated {
        let (env, ctx) = (self.env(), self.context.addr);
        let start = Instant::now();
        let under_way = UnderWay::begin(self.sim, self.cpu);
        let (engines, ready) = (&self.sim.engines, &self.program.ready);
        let outcome = engines.repeat((ready, ctx), &env, times, || under_way.again());
        drop(under_way);
        let duration = start.elapsed();
        Repeated { outcome, duration }
    }

    /// What a return value means, where it is a verdict: `XDP_DROP`.
    pub fn verdict(&self, r0: u64) -> Option<&'static str> {
        verdict_name(self.program.ready.code().prog_type, r0)
    }

    /// The packet as the last run left it.
    pub fn packet(&self) -> Option<Vec<u8>> {
        self.scene.packet_bytes()
    }

    #[inline]
    fn env(&self) -> RunEnv<'_> {
        let prog_type = self.program.ready.code().prog_type;
        let world = self.sim.world(prog_type, &self.task, &self.surroundings);
        self.sim.run_env(World {
            kernel_context: self.kernel_context,
            packet: self.scene.packet(),
            hook: Hook {
                func_ip: self.context.func_ip,
                func_args: self.context.func_args,
                returned: self.context.returned,
                ..world.hook
            },
            ..world
        })
    }
}
