//! The stack bytes of a run's frames, in guest memory.
//!
//! They are allocated once and used by one run at a time; whoever runs programs keeps one for each
//! simulated CPU. Each frame is an object of its own, so that running over it traps.

use crate::machine::{Addr, Fault, Memory, ObjectKind, ObjectSpec, OutOfMemory, Owner};

/// How deep calls and callbacks may nest (`MAX_CALL_FRAMES`).
pub const MAX_FRAMES: usize = 8;

/// Stack bytes of one frame (`MAX_BPF_STACK`).
pub const STACK_SIZE: u32 = 512;

/// Eight frames of 512 bytes.
#[derive(Debug)]
pub struct Stacks {
    frames: [Addr; MAX_FRAMES],
}

impl Stacks {
    /// Allocates them.
    pub fn new(memory: &Memory, owner: &Owner) -> Result<Stacks, OutOfMemory> {
        let mut frames = [Addr::NULL; MAX_FRAMES];
        for (index, frame) in frames.iter_mut().enumerate() {
            let name = format!("frame {index}");
            let spec = ObjectSpec::new(ObjectKind::Stack, name, owner.clone());
            *frame = memory.allocate(u64::from(STACK_SIZE), &spec)?;
        }
        Ok(Stacks { frames })
    }

    /// Gives them back.
    pub fn free(self, memory: &Memory) {
        for frame in self.frames {
            memory.free(frame);
        }
    }

    /// The end of a frame, where `r10` points; null past the last.
    #[inline]
    pub fn top(&self, depth: usize) -> Addr {
        let start = self.frames.get(depth).copied().unwrap_or_default();
        start.offset(i64::from(STACK_SIZE))
    }

    /// Zeroes the part of a frame that a function uses, so that no run sees what another left.
    #[inline]
    pub fn clear(&self, memory: &Memory, depth: usize, used: u32) -> Result<(), Fault> {
        const ZEROS: [u8; STACK_SIZE as usize] = [0; STACK_SIZE as usize];
        let used = used.next_multiple_of(8).min(STACK_SIZE);
        let zeros = ZEROS.get(..used as usize).unwrap_or(&ZEROS);
        memory.write(self.top(depth).offset(-i64::from(used)), zeros)
    }
}
