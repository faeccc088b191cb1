//! Capabilities that loading a program asks for, and the flags it may be loaded with.
//!
//! What follows from them is the verifier's. Linux 6.12: `bpf_prog_load` in kernel/bpf/syscall.c,
//! include/uapi/linux/bpf.h.

use std::fmt;
use std::ops::BitOr;

use super::ProgType;

/// A capability that loading programs asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `CAP_NET_ADMIN`: programs that change traffic.
    NetAdmin,
    /// `CAP_SYS_ADMIN`, which stands for all others.
    SysAdmin,
    /// `CAP_PERFMON`, since 5.8: programs that see the kernel's memory.
    Perfmon,
    /// `CAP_BPF`, since 5.8: most program types, loops, functions.
    Bpf,
}

/// Each capability with its number and name.
const CAPABILITIES: [(Capability, u32, &str); 4] = [
    (Capability::NetAdmin, 12, "CAP_NET_ADMIN"),
    (Capability::SysAdmin, 21, "CAP_SYS_ADMIN"),
    (Capability::Perfmon, 38, "CAP_PERFMON"),
    (Capability::Bpf, 39, "CAP_BPF"),
];

impl Capability {
    fn row(self) -> &'static (Capability, u32, &'static str) {
        let row = CAPABILITIES.iter().find(|row| row.0 == self);
        row.expect("the table has all of them")
    }

    /// The kernel's number of it.
    pub fn number(self) -> u32 {
        self.row().1
    }

    /// As `CAP_…`.
    pub fn name(self) -> &'static str {
        self.row().2
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What whoever loads a program may do: a set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Default for Capabilities {
    fn default() -> Capabilities {
        Capabilities::ALL
    }
}

impl Capabilities {
    /// All: root.
    pub const ALL: Capabilities = Capabilities(u64::MAX);
    /// None: anybody.
    pub const NONE: Capabilities = Capabilities(0);

    /// The set of these.
    pub fn of(capabilities: &[Capability]) -> Capabilities {
        let bits = capabilities.iter().map(|one| 1 << one.number());
        Capabilities(bits.fold(0, u64::bitor))
    }

    /// Whether the capability, or the one that stands for all, is among them.
    pub fn has(self, capability: Capability) -> bool {
        let is_set = |one: Capability| self.0 >> one.number() & 1 == 1;
        is_set(capability) || is_set(Capability::SysAdmin)
    }

    /// Those of [`Capability`] that are not in the set, a bit each by number.
    pub fn missing(self) -> u64 {
        let bits = CAPABILITIES.iter().map(|row| 1 << row.0.number());
        bits.fold(0, u64::bitor) & !self.0
    }
}

/// Helpers that take `CAP_BPF`, as observed of Linux 6.12.117.
const BPF_HELPERS: [u32; 24] = [
    80, 93, 94, 118, 123, 153, 154, 164, 169, 170, 171, 172, 181, 194, 197, 198, 199, 200, 201,
    202, 203, 209, 210, 211,
];
/// Helpers that take `CAP_PERFMON`, as observed of Linux 6.12.117; but in `syscall` programs.
const PERFMON_HELPERS: [u32; 18] = [
    6, 35, 112, 113, 114, 115, 136, 137, 138, 139, 140, 149, 158, 165, 175, 177, 178, 196,
];
/// Those that take it there: `bpf_probe_write_user` and `bpf_sys_bpf`.
const SYSCALL_PERFMON_HELPERS: [u32; 2] = [36, 166];

/// What calling a helper takes, beside a program type that may; where that type takes it to load,
/// nothing is asked again.
pub fn needed_for_helper(prog_type: ProgType, helper: u32) -> Option<Capability> {
    if needed_for(prog_type).contains(&Capability::Perfmon) {
        return None;
    }
    let perfmon = match prog_type {
        ProgType::Syscall => &SYSCALL_PERFMON_HELPERS[..],
        _ => &PERFMON_HELPERS[..],
    };
    match (perfmon.contains(&helper), BPF_HELPERS.contains(&helper)) {
        (true, _) => Some(Capability::Perfmon),
        (false, true) => Some(Capability::Bpf),
        (false, false) => None,
    }
}

/// Flags that a program is loaded with (`BPF_F_…`), beside those that follow from its section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadFlags(u32);

/// Each flag with its name.
const FLAGS: [(LoadFlags, &str); 5] = [
    (LoadFlags::STRICT_ALIGNMENT, "BPF_F_STRICT_ALIGNMENT"),
    (LoadFlags::ANY_ALIGNMENT, "BPF_F_ANY_ALIGNMENT"),
    (LoadFlags::TEST_RND_HI32, "BPF_F_TEST_RND_HI32"),
    (LoadFlags::TEST_STATE_FREQ, "BPF_F_TEST_STATE_FREQ"),
    (LoadFlags::TEST_REG_INVARIANTS, "BPF_F_TEST_REG_INVARIANTS"),
];

impl LoadFlags {
    /// No flag.
    pub const NONE: LoadFlags = LoadFlags(0);
    /// Every access must be aligned, as on machines that cannot do others.
    pub const STRICT_ALIGNMENT: LoadFlags = LoadFlags(1 << 0);
    /// None need be, on machines that cannot do others; it wins over the former.
    pub const ANY_ALIGNMENT: LoadFlags = LoadFlags(1 << 1);
    /// The upper halves of 32-bit results are made random; no verdict depends on it.
    pub const TEST_RND_HI32: LoadFlags = LoadFlags(1 << 2);
    /// A state is stored wherever one may be.
    pub const TEST_STATE_FREQ: LoadFlags = LoadFlags(1 << 3);
    /// Ranges of a number that contradict each other are an error; since 6.8.
    pub const TEST_REG_INVARIANTS: LoadFlags = LoadFlags(1 << 7);

    /// The flag of that name.
    pub fn by_name(name: &str) -> Option<LoadFlags> {
        let row = FLAGS.iter().find(|(_, known)| *known == name);
        row.map(|(flag, _)| *flag)
    }

    /// Whether all of `flags` are set.
    pub fn contains(self, flags: LoadFlags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These flags but for `flags`.
    #[must_use]
    pub fn without(self, flags: LoadFlags) -> LoadFlags {
        LoadFlags(self.0 & !flags.0)
    }

    /// The kernel's number.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl BitOr for LoadFlags {
    type Output = LoadFlags;

    fn bitor(self, other: LoadFlags) -> LoadFlags {
        LoadFlags(self.0 | other.0)
    }
}

/// Who loads a program, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loader {
    /// What it may do.
    pub capabilities: Capabilities,
    /// The flags that it sets.
    pub flags: LoadFlags,
}

impl Default for Loader {
    /// Root, without flags.
    fn default() -> Loader {
        Loader {
            capabilities: Capabilities::ALL,
            flags: LoadFlags::NONE,
        }
    }
}

/// What loading a program of that type takes beside the right to use bpf(2) at all.
pub fn needed_for(prog_type: ProgType) -> &'static [Capability] {
    use Capability::{Bpf, NetAdmin, Perfmon};
    match prog_type {
        ProgType::SocketFilter | ProgType::CgroupSkb => &[],
        ProgType::SchedCls
        | ProgType::SchedAct
        | ProgType::Xdp
        | ProgType::LwtIn
        | ProgType::LwtOut
        | ProgType::LwtXmit
        | ProgType::LwtSeg6local
        | ProgType::SkSkb
        | ProgType::SkMsg
        | ProgType::FlowDissector
        | ProgType::CgroupDevice
        | ProgType::CgroupSock
        | ProgType::CgroupSockAddr
        | ProgType::CgroupSockopt
        | ProgType::CgroupSysctl
        | ProgType::SockOps
        | ProgType::Netfilter => &[Bpf, NetAdmin],
        ProgType::Kprobe
        | ProgType::Tracepoint
        | ProgType::PerfEvent
        | ProgType::RawTracepoint
        | ProgType::RawTracepointWritable
        | ProgType::Tracing
        | ProgType::Lsm
        | ProgType::StructOps => &[Bpf, Perfmon],
        ProgType::Ext => &[Bpf, NetAdmin, Perfmon],
        ProgType::Unspec
        | ProgType::LircMode2
        | ProgType::SkReuseport
        | ProgType::SkLookup
        | ProgType::Syscall => &[Bpf],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sys_admin_stands_for_all_and_others_for_themselves() {
        let root = Capabilities::of(&[Capability::SysAdmin]);
        assert!(root.has(Capability::Bpf) && root.has(Capability::Perfmon));
        let some = Capabilities::of(&[Capability::Bpf]);
        assert!(some.has(Capability::Bpf) && !some.has(Capability::Perfmon));
        assert!(!Capabilities::NONE.has(Capability::NetAdmin));
        assert_eq!(Capabilities::ALL.missing(), 0);
        assert_eq!(Capabilities::NONE.missing().count_ones(), 4);
    }

    #[test]
    fn flags_have_the_kernels_numbers() {
        let named = |name: &str| LoadFlags::by_name(name).map(LoadFlags::bits);
        assert_eq!(named("BPF_F_STRICT_ALIGNMENT"), Some(1));
        assert_eq!(named("BPF_F_TEST_REG_INVARIANTS"), Some(128));
        assert_eq!(named("BPF_F_NONSENSE"), None);
        let both = LoadFlags::STRICT_ALIGNMENT | LoadFlags::TEST_STATE_FREQ;
        assert!(both.contains(LoadFlags::TEST_STATE_FREQ));
        assert!(!both.contains(LoadFlags::ANY_ALIGNMENT));
    }
}
