//! What a run is given, and what follows it, wherever programs are run: at hooks, again and again, by timers, by readers
//! of iterators.

use crate::abi::ProgType;
use crate::code::RunEnv;
use crate::helpers::World;
use crate::machine::Task;
use crate::maps::MapEnv;

use super::Sim;
use super::surroundings::Surroundings;

impl Sim {
    /// What helpers see of a run on the first CPU, of which the rest is to be said.
    #[inline]
    pub(super) fn world<'a>(
        &'a self,
        prog_type: ProgType,
        task: &'a Task,
        surroundings: &'a Surroundings,
    ) -> World<'a> {
        World {
            task_struct: surroundings.task_struct,
            kernel: self.kernel_facts(),
            hook: surroundings.hook(),
            ..World::new(&self.machine, &self.maps, prog_type, task)
        }
    }

    /// What an engine needs for a run on the stacks of the first CPU.
    #[inline]
    pub(super) fn run_env<'a>(&'a self, world: World<'a>) -> RunEnv<'a> {
        RunEnv {
            world,
            programs: &self.programs,
            stacks: &self.stacks,
            fuel: self.options.fuel,
        }
    }
}

/// Frees what maps kept for the sake of a run, when it goes.
pub(super) struct EndOfRun<'a>(pub(super) &'a Sim, pub(super) &'a RunEnv<'a>);

impl Drop for EndOfRun<'_> {
    #[inline]
    fn drop(&mut self) {
        let EndOfRun(sim, env) = self;
        sim.machine.objects.end_of_run();
        sim.maps.end_of_run(&MapEnv {
            memory: &sim.machine.memory,
            cpu: env.world.cpu,
        });
    }
}
