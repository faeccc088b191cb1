//! When what was given back may be freed: once every run that may hold it has ended, as after a grace period of RCU.
//!
//! It frees nothing: whoever keeps things for the sake of runs puts them into a [`Limbo`], and asks at the end of each
//! run what may go.
//!
//! Rules:
//! - While runs follow one another, nothing is noted: at the end of each, no program runs.
//! - Where several threads run programs, each notes where no other writes in which epoch its run began. What was put
//!   away in an epoch goes when no run is left that began in it or before.
//! - A thing is out of reach before it is put away: runs that begin later do not find it.

use std::collections::VecDeque;
use std::collections::vec_deque::Drain;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use super::CpuId;

/// What a CPU notes that runs nothing: later than all epochs.
const IDLE: u64 = u64::MAX;

/// In which epoch the run of a CPU began, in cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Began(AtomicU64);

/// Which runs are under way.
#[derive(Debug, Default)]
pub struct Grace {
    epoch: AtomicU64,
    /// Whether somebody keeps something for the sake of runs.
    awaited: Awaited,
    /// By CPU; none while runs follow one another.
    began: Box<[Began]>,
}

impl Grace {
    /// From now on programs run on so many CPUs at once, from the first on.
    pub fn run_on(&mut self, cpus: usize) {
        let idle = || Began(AtomicU64::new(IDLE));
        self.began = match cpus {
            0 | 1 => Box::default(),
            many => (0..many).map(|_| idle()).collect(),
        };
    }

    /// A run begins on a CPU.
    #[inline]
    pub fn begin(&self, cpu: CpuId) {
        if let Some(Began(began)) = self.began.get(cpu.index()) {
            began.store(self.epoch.load(Ordering::Acquire), Ordering::Relaxed);
            // Whoever does not see the note has put away before what this run then does not find.
            fence(Ordering::SeqCst);
        }
    }

    /// It has ended.
    #[inline]
    pub fn end(&self, cpu: CpuId) {
        if let Some(Began(began)) = self.began.get(cpu.index()) {
            began.store(IDLE, Ordering::Release);
        }
    }

    /// Where those note it who keep things until runs have ended.
    pub fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// Whether anybody has: after most runs nobody needs to be asked.
    #[inline]
    pub fn is_awaited(&self) -> bool {
        self.awaited.0.load(Ordering::Relaxed)
    }

    /// Clears that, before all are asked: who keeps something on notes it again.
    pub fn ask(&self) {
        self.awaited.0.swap(false, Ordering::AcqRel);
    }

    /// Whether runs follow one another.
    #[inline]
    pub fn is_alone(&self) -> bool {
        self.began.is_empty()
    }

    /// Ends an epoch, and gives it.
    fn end_epoch(&self) -> u64 {
        self.epoch.fetch_add(1, Ordering::AcqRel)
    }

    /// The epoch in which the oldest run began that is under way.
    fn oldest(&self) -> u64 {
        fence(Ordering::SeqCst);
        let began = self.began.iter();
        let began = began.map(|Began(began)| began.load(Ordering::Acquire));
        began.min().unwrap_or(IDLE)
    }
}

/// Whether anybody keeps something until runs have ended.
#[derive(Clone, Debug, Default)]
pub struct Awaited(Arc<AtomicBool>);

/// Whether somebody does.
#[derive(Debug)]
pub struct Waiting {
    own: AtomicBool,
    any: Awaited,
}

impl Waiting {
    /// Nothing waits yet.
    pub fn new(any: &Awaited) -> Waiting {
        Waiting {
            own: AtomicBool::new(false),
            any: any.clone(),
        }
    }

    /// Something waits.
    #[inline]
    pub fn note(&self) {
        self.own.store(true, Ordering::Relaxed);
        let Awaited(any) = &self.any;
        if !any.load(Ordering::Relaxed) {
            any.store(true, Ordering::Release);
        }
    }

    /// Whether something waits.
    #[inline]
    pub fn is_noted(&self) -> bool {
        self.own.load(Ordering::Relaxed)
    }

    /// Notes whether something is left.
    pub fn note_left<T>(&self, limbo: &Limbo<T>) {
        match limbo.is_empty() {
            true => self.own.store(false, Ordering::Relaxed),
            false => self.note(),
        }
    }
}

/// What was given back, the oldest first, and waits until nobody can hold it.
#[derive(Debug)]
pub struct Limbo<T> {
    things: VecDeque<T>,
    /// How many left it.
    gone: u64,
    /// Ended epochs, and how many things there had been by their ends.
    epochs: VecDeque<(u64, u64)>,
}

impl<T> Default for Limbo<T> {
    fn default() -> Limbo<T> {
        Limbo {
            things: VecDeque::new(),
            gone: 0,
            epochs: VecDeque::new(),
        }
    }
}

impl<T> Limbo<T> {
    /// Puts away what no run finds any more.
    #[inline]
    pub fn push(&mut self, thing: T) {
        self.things.push_back(thing);
    }

    /// How many things wait.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// All that wait.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.things.iter()
    }

    /// A run has ended: takes out what nobody can hold any more.
    pub fn settle(&mut self, grace: &Grace) -> Drain<'_, T> {
        let total = self.gone + self.things.len() as u64;
        let free = match grace.is_alone() {
            true => total,
            false => self.free_by_now(grace, total),
        };
        self.epochs.retain(|(_, things)| *things > free);
        let leave = free.saturating_sub(self.gone) as usize;
        self.gone += leave as u64;
        self.things.drain(..leave)
    }

    /// How many things, of all that there ever were, nobody can hold.
    fn free_by_now(&mut self, grace: &Grace, total: u64) -> u64 {
        if self.epochs.back().is_none_or(|(_, things)| *things < total) {
            self.epochs.push_back((grace.end_epoch(), total));
        }
        let oldest = grace.oldest();
        let over = self.epochs.iter().filter(|(epoch, _)| *epoch < oldest);
        over.map(|(_, things)| *things).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPUS: [CpuId; 3] = [CpuId(0), CpuId(1), CpuId(2)];

    fn grace(cpus: usize) -> Grace {
        let mut grace = Grace::default();
        grace.run_on(cpus);
        grace
    }

    fn settled(limbo: &mut Limbo<u32>, grace: &Grace) -> Vec<u32> {
        limbo.settle(grace).collect()
    }

    #[test]
    fn thing_goes_at_once_while_runs_follow_one_another() {
        let grace = grace(1);
        let mut limbo = Limbo::default();
        grace.begin(CpuId(0));
        limbo.push(1);
        grace.end(CpuId(0));
        assert_eq!(settled(&mut limbo, &grace), [1]);
        assert!(limbo.is_empty());
    }

    #[test]
    fn thing_waits_for_runs_that_began_before_and_for_no_others() {
        let grace = grace(3);
        let mut limbo = Limbo::default();
        let [one, other, third] = CPUS;
        grace.begin(one);
        grace.begin(other);
        limbo.push(1);
        grace.end(one);
        assert_eq!(settled(&mut limbo, &grace), Vec::<u32>::new());
        grace.begin(third);
        limbo.push(2);
        grace.end(other);
        assert_eq!(settled(&mut limbo, &grace), [1]);
        grace.begin(one);
        grace.end(third);
        assert_eq!((settled(&mut limbo, &grace), limbo.len()), (vec![2], 0));
    }
}
