//! Which CPU an event happens on where there are many: in turn, or all of them at once.
//!
//! Rules:
//! - Events take the CPUs in turn, whichever event and repetition they are. Sleep is no CPU's, and takes no turn.
//! - At once, each CPU is a thread of its own and takes the same events in the same order as in turn; what other CPUs do
//!   meanwhile is as the host has it.

use crate::events::{Event, EventError};
use crate::machine::{CpuId, Cpus};

use super::Sim;
use super::fire::{Firing, Trail};

/// Deals events out among CPUs.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    cpus: Cpus,
    taken: u32,
}

impl Turns {
    /// Among so many CPUs, from the first on.
    pub fn new(cpus: Cpus) -> Turns {
        Turns { cpus, taken: 0 }
    }

    /// The CPU whose turn it is; that of the event before, if this one takes none.
    pub fn take(&mut self, event: &Event) -> CpuId {
        let cpu = match event {
            Event::Sleep(_) => self.taken.saturating_sub(1),
            Event::Execve(_)
            | Event::Syscall(_)
            | Event::Usdt(_)
            | Event::Packet(_)
            | Event::Hook(_)
            | Event::Place(_)
            | Event::Iterate(_) => {
                let next = self.taken % self.cpus.count();
                self.taken = next + 1;
                next
            }
        };
        CpuId(cpu)
    }
}

impl Sim {
    /// Lets all events happen, one after the other and that so many times, each on the CPU whose turn it is; the CPUs
    /// run at once, each on a thread. `seen` gets what came of each event, by its place among them, with the simulator and
    /// what the CPU has gathered so far. Gives what each CPU gathered. CPUs that the machine has not are left out.
    ///
    /// # Errors
    /// As [`Sim::fire`]; a CPU stops at the first.
    pub fn fire_at_once<T: Default + Send>(
        &mut self,
        events: &[&Event],
        times: u32,
        cpus: Cpus,
        seen: impl Fn(&Sim, &mut T, usize, Firing) + Sync,
    ) -> Result<Vec<T>, EventError> {
        let cpus = Cpus::new(cpus.count().min(self.options.cpus.count()));
        self.make_stacks(cpus)?;
        for event in events {
            self.attach_probes_of(event)?;
        }
        self.machine.grace.run_on(cpus.count() as usize);
        let (sim, seen): (&Sim, _) = (self, &seen);
        let on = |cpu: CpuId| {
            let (mut gathered, mut trail) = (T::default(), Trail::default());
            let mut turns = Turns::new(cpus);
            for _ in 0..times {
                for (index, event) in (0..).zip(events) {
                    if turns.take(event) == cpu {
                        let firing = sim.happen(event, cpu, &mut trail)?;
                        seen(sim, &mut gathered, index, firing);
                    }
                }
            }
            Ok((gathered, trail))
        };
        let results: Vec<Result<(T, Trail), EventError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = cpus
                .iter()
                .map(|cpu| scope.spawn(move || on(cpu)))
                .collect();
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined
                .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut all = Vec::new();
        for result in results {
            let (gathered, trail) = result?;
            self.follow(trail);
            all.push(gathered);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_go_round_and_sleep_takes_none() {
        let mut turns = Turns::new(Cpus::new(3));
        let [packet, sleep] = [Event::packet([0; 64]), Event::Sleep(1)];
        let events = [&sleep, &packet, &packet, &sleep, &packet, &sleep, &packet];
        let cpus = events.map(|event| turns.take(event).0);
        assert_eq!(cpus, [0, 0, 1, 1, 2, 2, 0]);
    }
}
