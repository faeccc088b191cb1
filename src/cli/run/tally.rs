//! What came of an event, all times together: no more is kept of a time than is printed of it.

use std::collections::HashMap;

use ebpf_sim::code::Trap;
use ebpf_sim::sim::{Firing, HookRun};

use super::text;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// What the text says: how often each answer came.
    Tally,
    /// Every time, for machines.
    Every,
}

/// What came of one event so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// A line for each program at each hook and each of its answers, with how often it came, in the order in which they
    /// first came.
    lines: Vec<(String, u64)>,
    /// Which line that is.
    places: HashMap<String, usize>,
    /// What iterators wrote.
    written: Vec<u8>,
    /// The first trap.
    trap: Option<Box<Trap>>,
    last: Option<Last>,
}

/// What is told of the last time.
#[derive(Debug)]
struct Last {
    result: Option<i64>,
    packet: Option<Vec<u8>>,
}

impl Seen {
    /// Adds one more time.
    pub(super) fn add(&mut self, firing: Firing, keep: Keep) {
        for hook in firing.hooks {
            self.add_hook(hook, keep);
        }
        if keep == Keep::Tally {
            self.written.extend(firing.output.unwrap_or_default());
        }
        self.last = Some(Last {
            result: firing.result,
            packet: firing.packet,
        });
    }

    fn add_hook(&mut self, hook: HookRun, keep: Keep) {
        for run in hook.runs {
            if keep == Keep::Tally {
                self.count(text::returned(&hook.hook, &run), 1);
            }
            if let (None, Err(trap)) = (&self.trap, run.outcome) {
                self.trap = Some(trap);
            }
        }
    }

    fn count(&mut self, line: String, times: u64) {
        if let Some((_, count)) = self
            .places
            .get(&line)
            .and_then(|at| self.lines.get_mut(*at))
        {
            *count += times;
            return;
        }
        self.places.insert(line.clone(), self.lines.len());
        self.lines.push((line, times));
    }

    /// Adds what another CPU has seen.
    pub(super) fn join(&mut self, other: Seen) {
        for (line, times) in other.lines {
            self.count(line, times);
        }
        self.written.extend(other.written);
        self.trap = self.trap.take().or(other.trap);
        self.last = other.last.or(self.last.take());
    }

    /// Each answer, and how often it came.
    pub(super) fn lines(&self) -> &[(String, u64)] {
        &self.lines
    }

    /// What iterators wrote.
    pub(super) fn written(&self) -> &[u8] {
        &self.written
    }

    /// The first trap, if a program trapped.
    pub(super) fn trap(&self) -> Option<&Trap> {
        self.trap.as_deref()
    }

    /// What the system call returned the last time.
    pub(super) fn result(&self) -> Option<i64> {
        self.last.as_ref()?.result
    }

    /// The packet after the last time.
    pub(super) fn packet(&self) -> Option<&[u8]> {
        self.last.as_ref()?.packet.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use ebpf_sim::helpers::RunState;
    use ebpf_sim::machine::ProgId;
    use ebpf_sim::sim::ProgramRun;

    use super::*;

    /// One program that returned this.
    fn firing(value: u64) -> Firing {
        let run = ProgramRun {
            id: ProgId(1),
            name: "filter".into(),
            outcome: Ok(value),
            verdict: None,
            insns: None,
            tail_calls: 0,
            state: RunState::default(),
            changed: Vec::new(),
            context: None,
            written: None,
        };
        let hook = HookRun {
            hook: "xdp".to_owned(),
            runs: vec![run],
        };
        Firing {
            hooks: vec![hook],
            packet: Some(vec![1; 64]),
            ..Firing::default()
        }
    }

    #[test]
    fn time_that_answers_as_one_before_is_only_counted() {
        let mut seen = Seen::default();
        for time in 0..1000 {
            seen.add(firing(time % 2), Keep::Tally);
        }
        let counts: Vec<u64> = seen.lines().iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [500, 500]);
        assert_eq!(seen.packet(), Some([1; 64].as_slice()));
    }

    #[test]
    fn what_another_cpu_saw_is_added() {
        let [mut seen, mut other] = [(); 2].map(|()| Seen::default());
        seen.add(firing(1), Keep::Tally);
        other.add(firing(2), Keep::Tally);
        other.add(firing(1), Keep::Tally);
        seen.join(other);
        let counts: Vec<u64> = seen.lines().iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1]);
    }
}
