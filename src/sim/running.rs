//! What a run is given, and what follows it, wherever programs are run: at hooks, again and again, by timers, by readers
//! of iterators.

use crate::abi::ProgType;
use crate::code::RunEnv;
use crate::helpers::World;
use crate::machine::{CpuId, Machine, Task};

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

/// A run that is under way; when it goes, what was kept for its sake may go, too.
pub(super) struct UnderWay<'a> {
    sim: &'a Sim,
    cpu: CpuId,
}

impl<'a> UnderWay<'a> {
    #[inline]
    pub(super) fn begin(sim: &'a Sim, cpu: CpuId) -> UnderWay<'a> {
        sim.machine.grace.begin(cpu);
        UnderWay { sim, cpu }
    }
}

impl Drop for UnderWay<'_> {
    #[inline]
    fn drop(&mut self) {
        let UnderWay { sim, cpu } = self;
        let Machine {
            grace,
            objects,
            memory,
            ..
        } = &sim.machine;
        grace.end(*cpu);
        objects.end_of_run(grace);
        sim.maps.end_of_run(memory, grace);
    }
}
