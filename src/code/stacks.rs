//! The stack bytes of a run's frames, in guest memory.
//!
//! They are allocated once and used by one run at a time; whoever runs programs keeps one for each
//! simulated CPU. Each frame is an object of its own, so that running over it traps.

use super::MAX_TAIL_CALLS;
use crate::machine::{Addr, Fault, Memory, ObjectKind, ObjectSpec, OutOfMemory, Owner};

/// How deep calls and callbacks of a program may nest (`MAX_CALL_FRAMES`).
pub const MAX_FRAMES: usize = 8;

/// Frames of the longest run: each of its tail calls may come from the innermost function of a
/// program, and leaves the functions around it waiting.
pub const RUN_FRAMES: usize = MAX_TAIL_CALLS as usize * (MAX_FRAMES - 1) + MAX_FRAMES;

/// Stack bytes of one frame (`MAX_BPF_STACK`).
pub const STACK_SIZE: u32 = 512;

/// The frames of 512 bytes that the longest run needs.
#[derive(Debug)]
pub struct Stacks {
    /// The end of each, where `r10` points.
    tops: Box<[u64]>,
}

impl Stacks {
    /// Allocates them.
    pub fn new(memory: &Memory, owner: &Owner) -> Result<Stacks, OutOfMemory> {
        let frame = |index| {
            let name = format!("frame {index}");
            let spec = ObjectSpec::new(ObjectKind::Stack, name, owner.clone());
            let start = memory.allocate(u64::from(STACK_SIZE), &spec)?;
            Ok(start.0 + u64::from(STACK_SIZE))
        };
        let tops: Result<_, OutOfMemory> = (0..RUN_FRAMES).map(frame).collect();
        Ok(Stacks { tops: tops? })
    }

    /// Gives them back.
    pub fn free(self, memory: &Memory) {
        for top in self.tops {
            memory.free(Addr(top - u64::from(STACK_SIZE)));
        }
    }

    /// The ends of all frames, the outermost first.
    pub fn tops(&self) -> &[u64] {
        &self.tops
    }

    /// The end of a frame, where `r10` points; null past the last.
    #[inline]
    pub fn top(&self, depth: usize) -> Addr {
        Addr(self.tops.get(depth).copied().unwrap_or_default())
    }

    /// Zeroes the part of a frame that a function uses, so that no run sees what another left.
    #[inline]
    pub fn clear(&self, memory: &Memory, depth: usize, used: u32) -> Result<(), Fault> {
        const ZEROS: [u8; STACK_SIZE as usize] = [0; STACK_SIZE as usize];
        if used == 0 {
            return Ok(());
        }
        let used = used.next_multiple_of(8).min(STACK_SIZE);
        let zeros = ZEROS.get(..used as usize).unwrap_or(&ZEROS);
        memory.write(self.top(depth).offset(-i64::from(used)), zeros)
    }
}
