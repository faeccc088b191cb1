//! Facts about the kernel's eBPF interface, as tables: what exists, what it looks like, since when.
//!
//! No behaviour lives here: the verifier reads prototypes and access rules, the engines call bodies
//! that `helpers` keeps. The reference is Linux 6.12; a row says with [`Version`] what brought it.
//!
//! - [`ProgType`], [`AttachType`], [`MapType`]: the enumerations of `include/uapi/linux/bpf.h`.
//! - [`sections`]: `SEC()` names as libbpf 1.5 reads them.
//! - [`helpers`]: number, name, prototype and availability of every helper.
//! - [`map_type`]: map types, creation flags, and which helpers may take which map.
//! - [`tracepoints`]: the records of tracepoints, and the system calls.
//! - [`return_range`]: what a program may return.
//! - [`Feature`], [`kfuncs`]: what else came with which release.
//! - [`privilege`]: the capabilities that loading takes, and its flags.
//! - [`hooks`]: what is known of hooks by name: nullable arguments, where programs may sleep.
//! - [`context`]: the fields of every program type's context and who may touch them.

pub mod context;
mod feature;
pub mod helpers;
pub mod hooks;
pub mod kfuncs;
pub mod kptrs;
pub mod map_type;
pub mod privilege;
mod prog_type;
mod return_range;
pub mod sections;
pub mod tracepoints;

pub use feature::Feature;
pub use map_type::MapType;
pub use prog_type::{AttachType, ProgType};
pub use return_range::{LsmHook, lsm_return_range, return_range};

/// A kernel release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Major number.
    pub major: u16,
    /// Minor number.
    pub minor: u16,
}

impl Version {
    /// The release `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Version {
        Version { major, minor }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
