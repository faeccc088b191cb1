//! One program again and again on one context: for measuring, as `BPF_PROG_TEST_RUN` repeats.
//!
//! It measures nothing but the time of all runs together.

use std::time::{Duration, Instant};

use crate::code::{Outcome, RunEnv};
use crate::events::{Event, EventError, Scene};
use crate::helpers::{Hook, World};
use crate::machine::{CpuId, ProgId};
use crate::maps::MapEnv;

use super::Sim;

/// What came of repeated runs.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// The last run.
    pub outcome: Outcome,
    /// How long all runs took.
    pub duration: Duration,
}

impl Sim {
    /// Runs a program so many times, at least once, where an event first reaches it. Other programs
    /// do not run, and what a run does to the packet the next one sees. It stops at the first trap.
    ///
    /// Gives nothing if there is no such program, or the event does not reach it.
    ///
    /// # Errors
    /// There is no such event, or a context cannot be laid out.
    pub fn repeat(
        &mut self,
        id: ProgId,
        event: &Event,
        times: u32,
    ) -> Result<Option<Repeated>, EventError> {
        let Some(program) = self.attached.iter().find(|program| program.id == id) else {
            return Ok(None);
        };
        let mut passage = event.passage(&self.task)?;
        let kernel = self.options.kernel_btf.clone();
        let mut scene = Scene::new(&self.machine, kernel.as_deref(), &passage);
        while let Some(stop) = passage.advance() {
            if !program.attachment.runs_at(&stop.point, passage.named()) {
                continue;
            }
            let context = scene.context(&stop, &program.attachment, passage.task())?;
            let task_struct = match program.wants_task {
                true => Some(scene.task_struct(passage.task())?),
                false => None,
            };
            let world = World {
                task_struct,
                packet: scene.packet(),
                hook: Hook {
                    func_ip: context.func_ip,
                    func_args: context.func_args,
                    returned: context.returned,
                    ..Hook::default()
                },
                ..World::new(
                    &self.machine,
                    &self.maps,
                    program.ready.code().prog_type,
                    passage.task(),
                )
            };
            let env = RunEnv {
                world,
                programs: &self.programs,
                stacks: &self.stacks,
                fuel: self.options.fuel,
            };
            let maps = MapEnv {
                memory: &self.machine.memory,
                cpu: CpuId(0),
            };
            let start = Instant::now();
            let mut outcome = self.engines.run(&program.ready, &env, context.addr);
            self.maps.end_of_run(&maps);
            for _ in 1..times {
                if outcome.result.is_err() {
                    break;
                }
                outcome = self.engines.run(&program.ready, &env, context.addr);
                self.maps.end_of_run(&maps);
            }
            let duration = start.elapsed();
            return Ok(Some(Repeated { outcome, duration }));
        }
        Ok(None)
    }
}
