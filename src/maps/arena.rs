//! Arenas as maps: neither keys nor values, pages that programs and user space share.
//!
//! The pages themselves are [`crate::machine::Arena`].
//!
//! Rules:
//! - An arena without an address of its own (`map_extra`) gets one by its id, as if libbpf had mapped it.
//! - Initial contents are its first bytes.

use std::sync::Arc;

use super::ops::{MapEnv, MapOps};
use crate::abi::map_type::flag::NO_USER_CONV;
use crate::machine::{Arena, Errno, MapId, Memory, OutOfMemory};
use crate::object::MapSpec;

/// Where user space has arenas that do not say where: 4 GiB for each, in the order of their ids.
const USER: u64 = 0x7e00_0000_0000;

/// How far into these they begin, where that fits: null is no address of theirs.
const BEGIN: u64 = 0x1000_0000;

/// `arena`.
#[derive(Debug)]
pub struct ArenaMap {
    arena: Arc<Arena>,
    casts: Casts,
}

/// Whether casts towards user space give its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Casts {
    /// They do.
    ToUser,
    /// They leave the low half (`BPF_F_NO_USER_CONV`).
    LowHalf,
}

impl ArenaMap {
    pub(super) fn new(
        memory: &Arc<Memory>,
        id: MapId,
        spec: &MapSpec,
    ) -> Result<ArenaMap, OutOfMemory> {
        let len = u64::from(spec.max_entries) << 12;
        let user = match spec.extra {
            0 => USER + (u64::from(id.0) << 32) + begin(len),
            address => address,
        };
        Ok(ArenaMap {
            arena: Arc::new(Arena::new(memory, user, spec.max_entries)?),
            casts: match spec.flags & NO_USER_CONV {
                0 => Casts::ToUser,
                _ => Casts::LowHalf,
            },
        })
    }

    /// Its pages.
    pub fn pages(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// Whether casts towards user space give its addresses.
    pub fn casts(&self) -> Casts {
        self.casts
    }
}

/// Where an arena of so many bytes begins in its 4 GiB.
fn begin(len: u64) -> u64 {
    match BEGIN + len <= 1 << 32 {
        true => BEGIN,
        false => 0,
    }
}

impl MapOps for ArenaMap {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn update_user(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn release(&self, _memory: &Memory) {}
}
