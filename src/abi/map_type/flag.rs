//! Map creation flags (`BPF_F_*` of `include/uapi/linux/bpf.h`, 6.12).
//!
//! What each type of map makes of them is not said here.

use crate::abi::Version;

/// Elements are allocated when inserted.
pub const NO_PREALLOC: u32 = 1 << 0;
/// Every CPU has its own list of recently used elements.
pub const NO_COMMON_LRU: u32 = 1 << 1;
/// Memory comes from a given NUMA node.
pub const NUMA_NODE: u32 = 1 << 2;
/// User space may only read.
pub const RDONLY: u32 = 1 << 3;
/// User space may only write.
pub const WRONLY: u32 = 1 << 4;
/// Stacks have build ids in place of addresses.
pub const STACK_BUILD_ID: u32 = 1 << 5;
/// The hash seed is zero.
pub const ZERO_SEED: u32 = 1 << 6;
/// Programs may only read.
pub const RDONLY_PROG: u32 = 1 << 7;
/// Programs may only write.
pub const WRONLY_PROG: u32 = 1 << 8;
/// A clone of a socket gets a copy of its storage.
pub const CLONE: u32 = 1 << 9;
/// User space may map the values.
pub const MMAPABLE: u32 = 1 << 10;
/// Perf events stay when the map that owns them is closed.
pub const PRESERVE_ELEMS: u32 = 1 << 11;
/// Inner maps may have another number of entries.
pub const INNER_MAP: u32 = 1 << 12;
/// The structure of functions is attached by a link.
pub const LINK: u32 = 1 << 13;
/// The value's type is a module's.
pub const VTYPE_BTF_OBJ_FD: u32 = 1 << 15;
/// User space that touches an arena's page that is not there is killed.
pub const SEGV_ON_FAULT: u32 = 1 << 17;
/// Address-space casts of an arena are left out.
pub const NO_USER_CONV: u32 = 1 << 18;

/// Every flag by bit: its name without `BPF_F_`, and the release that brought it.
#[rustfmt::skip]
const TABLE: [(&str, Version); 19] = [
    ("NO_PREALLOC", Version::new(4, 6)),
    ("NO_COMMON_LRU", Version::new(4, 10)),
    ("NUMA_NODE", Version::new(4, 14)),
    ("RDONLY", Version::new(4, 15)),
    ("WRONLY", Version::new(4, 15)),
    ("STACK_BUILD_ID", Version::new(4, 17)),
    ("ZERO_SEED", Version::new(5, 0)),
    ("RDONLY_PROG", Version::new(5, 2)),
    ("WRONLY_PROG", Version::new(5, 2)),
    ("CLONE", Version::new(5, 4)),
    ("MMAPABLE", Version::new(5, 5)),
    ("PRESERVE_ELEMS", Version::new(5, 10)),
    ("INNER_MAP", Version::new(5, 10)),
    ("LINK", Version::new(6, 4)),
    ("PATH_FD", Version::new(6, 5)),
    ("VTYPE_BTF_OBJ_FD", Version::new(6, 9)),
    ("TOKEN_FD", Version::new(6, 9)),
    ("SEGV_ON_FAULT", Version::new(6, 9)),
    ("NO_USER_CONV", Version::new(6, 9)),
];

/// The names and first releases of the flags in `flags`, from the lowest; bits without a name are left out.
pub fn named(flags: u32) -> impl Iterator<Item = (u32, &'static str, Version)> {
    let bits = (0..)
        .zip(TABLE)
        .map(|(bit, (name, since))| (1_u32 << bit, name, since));
    bits.filter(move |(bit, ..)| flags & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names_and_releases_that_never_fall() {
        let all: Vec<_> = named(u32::MAX).collect();
        assert_eq!(all.len(), TABLE.len());
        assert!(all.is_sorted_by_key(|&(_, _, since)| since));
        let one = |flag| named(flag).next().map(|(_, name, _)| name);
        assert_eq!(one(MMAPABLE), Some("MMAPABLE"));
        assert_eq!(one(INNER_MAP), Some("INNER_MAP"));
    }
}
