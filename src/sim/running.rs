//! What a run is given, and what follows it, wherever programs are run: at hooks, again and again, by timers, by readers
//! of iterators.

use crate::abi::ProgType;
use crate::code::{RunEnv, Stacks};
use crate::helpers::World;
use crate::machine::{CpuId, Cpus, Machine, OutOfMemory, Owner, Task};

use super::Sim;
use super::surroundings::Surroundings;

impl Sim {
    /// What helpers see of a run, of which the rest is to be said.
    #[inline]
    pub(super) fn world<'a>(
        &'a self,
        prog_type: ProgType,
        task: &'a Task,
        surroundings: &'a Surroundings,
    ) -> World<'a> {
        World {
            cpu: surroundings.cpu,
            task_struct: surroundings.task_struct,
            kernel: self.kernel_facts(),
            hook: surroundings.hook(),
            ..World::new(&self.machine, &self.maps, prog_type, task)
        }
    }

    /// What an engine needs for a run, on the stacks of its CPU.
    #[inline]
    pub(super) fn run_env<'a>(&'a self, world: World<'a>) -> RunEnv<'a> {
        RunEnv {
            programs: &self.programs,
            stacks: self.stacks_of(world.cpu),
            world,
            fuel: self.options.fuel,
        }
    }

    /// Makes the stacks of the CPUs up to the last of so many, where they are missing.
    pub(super) fn make_stacks(&mut self, cpus: Cpus) -> Result<(), OutOfMemory> {
        while self.other_stacks.len() + 1 < cpus.count() as usize {
            let stacks = Stacks::new(&self.machine.memory, &Owner::Kernel)?;
            self.other_stacks.push(stacks);
        }
        Ok(())
    }

    /// The stacks of a CPU that has its own.
    #[inline]
    pub(super) fn stacks_of(&self, cpu: CpuId) -> &Stacks {
        let other = cpu.index().checked_sub(1);
        let other = other.and_then(|other| self.other_stacks.get(other));
        other.unwrap_or(&self.stacks)
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

    /// It ends, and the next one begins.
    #[inline]
    pub(super) fn again(&self) {
        self.end();
        self.sim.machine.grace.begin(self.cpu);
    }

    #[inline]
    fn end(&self) {
        let UnderWay { sim, cpu } = self;
        let Machine {
            grace,
            objects,
            memory,
            ..
        } = &sim.machine;
        grace.end(*cpu);
        if grace.is_awaited() {
            grace.ask();
            objects.end_of_run(grace);
            sim.maps.end_of_run(memory, grace);
        }
    }
}

impl Drop for UnderWay<'_> {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}
