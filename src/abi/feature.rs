//! What else of eBPF came when: instructions, limits, and what maps and type information may hold.
//!
//! Helpers, maps, programs and attachments have releases in tables of their own. A row here is the first mainline release
//! with the feature on x86-64; distributions backport, and other architectures may be later. Sources: the git history of
//! `kernel/bpf`, `include/uapi/linux/bpf.h` and `btf.h`, and the feature probes of libbpf 1.5.

use super::Version;

/// Something that a kernel has or lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Jumps on "less than" (`-mcpu=v2`).
    JumpLess,
    /// Comparisons of 32 bits (`-mcpu=v3`).
    Jump32,
    /// Atomic operations other than addition, and those that fetch.
    Atomics,
    /// The instructions of `-mcpu=v4`.
    CpuV4,
    /// `may_goto`.
    MayGoto,
    /// Casts between arena and kernel addresses.
    AddrSpaceCast,
    /// Functions in programs.
    LocalCall,
    /// Tail calls from programs with functions.
    TailCallWithFunctions,
    /// Addresses of functions as values, for callbacks.
    FunctionPointer,
    /// Global variables: addresses inside map values.
    GlobalData,
    /// Addresses of kernel variables with types.
    KernelVariable,
    /// Calls of kernel functions.
    Kfunc,
    /// Calls of functions of kernel modules.
    ModuleKfunc,
    /// More than 4096 instructions.
    LargeProgram,
    /// Loops.
    Loop,
    /// Programs that sleep.
    Sleepable,
    /// Programs on user functions that sleep.
    SleepableUprobe,
    /// Iterators that sleep.
    SleepableIter,
    /// Members of `struct_ops` that sleep.
    SleepableStructOps,
    /// XDP programs that take packets in fragments.
    XdpFrags,
    /// `struct bpf_spin_lock` in a value.
    SpinLock,
    /// `struct bpf_timer` in a value.
    Timer,
    /// `struct bpf_wq` in a value.
    Workqueue,
    /// Pointers to kernel objects in a value.
    Kptr,
    /// Pointers to per-cpu objects in a value.
    PercpuKptr,
    /// `struct bpf_list_head` in a value.
    List,
    /// `struct bpf_rb_root` in a value.
    Tree,
    /// `struct bpf_refcount` in an object.
    Refcount,
    /// Type information.
    Btf,
    /// Names and prototypes of functions.
    FuncInfo,
    /// Variables and sections in type information.
    BtfDatasec,
    /// Functions judged on their own.
    GlobalFunction,
    /// Floating-point types.
    BtfFloat,
    /// Tags on declarations.
    BtfDeclTag,
    /// Tags on types.
    BtfTypeTag,
    /// Enumerations of 64 bits.
    BtfEnum64,
    /// The kernel's own types in `/sys/kernel/btf/vmlinux`.
    KernelTypes,
}

/// Feature, what it is called and first release, by kind.
#[rustfmt::skip]
const TABLE: [(Feature, &str, Version); 37] = [
    (Feature::JumpLess, "jumps on less than (v2)", Version::new(4, 14)),
    (Feature::Jump32, "jumps on 32 bits (v3)", Version::new(5, 1)),
    (Feature::Atomics, "atomic operations", Version::new(5, 12)),
    (Feature::CpuV4, "v4 instructions", Version::new(6, 6)),
    (Feature::MayGoto, "may_goto", Version::new(6, 9)),
    (Feature::AddrSpaceCast, "address-space casts", Version::new(6, 9)),
    (Feature::LocalCall, "functions", Version::new(4, 16)),
    (Feature::TailCallWithFunctions, "tail calls beside functions", Version::new(5, 10)),
    (Feature::FunctionPointer, "callbacks", Version::new(5, 13)),
    (Feature::GlobalData, "global variables", Version::new(5, 2)),
    (Feature::KernelVariable, "typed kernel variables", Version::new(5, 10)),
    (Feature::Kfunc, "kernel functions", Version::new(5, 13)),
    (Feature::ModuleKfunc, "functions of kernel modules", Version::new(5, 16)),
    (Feature::LargeProgram, "more than 4096 instructions", Version::new(5, 2)),
    (Feature::Loop, "loops", Version::new(5, 3)),
    (Feature::Sleepable, "programs that sleep", Version::new(5, 10)),
    (Feature::SleepableUprobe, "uprobes that sleep", Version::new(6, 0)),
    (Feature::SleepableIter, "iterators that sleep", Version::new(5, 18)),
    (Feature::SleepableStructOps, "struct_ops that sleep", Version::new(6, 3)),
    (Feature::XdpFrags, "XDP fragments", Version::new(5, 18)),
    (Feature::SpinLock, "bpf_spin_lock", Version::new(5, 1)),
    (Feature::Timer, "bpf_timer", Version::new(5, 15)),
    (Feature::Workqueue, "bpf_wq", Version::new(6, 10)),
    (Feature::Kptr, "kernel pointers in maps", Version::new(5, 19)),
    (Feature::PercpuKptr, "per-cpu kernel pointers in maps", Version::new(6, 7)),
    (Feature::List, "bpf_list_head", Version::new(6, 2)),
    (Feature::Tree, "bpf_rb_root", Version::new(6, 3)),
    (Feature::Refcount, "bpf_refcount", Version::new(6, 4)),
    (Feature::Btf, "BTF", Version::new(4, 18)),
    (Feature::FuncInfo, "BTF of functions", Version::new(5, 0)),
    (Feature::BtfDatasec, "BTF of variables", Version::new(5, 2)),
    (Feature::GlobalFunction, "global functions", Version::new(5, 6)),
    (Feature::BtfFloat, "BTF float", Version::new(5, 13)),
    (Feature::BtfDeclTag, "BTF decl_tag", Version::new(5, 16)),
    (Feature::BtfTypeTag, "BTF type_tag", Version::new(5, 17)),
    (Feature::BtfEnum64, "BTF enum64", Version::new(6, 0)),
    (Feature::KernelTypes, "types of the kernel (CO-RE)", Version::new(5, 4)),
];

impl Feature {
    /// What it is called.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The release that brought it.
    pub fn since(self) -> Version {
        TABLE[self as usize].2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_their_features() {
        for (index, (feature, name, since)) in TABLE.iter().enumerate() {
            assert_eq!(*feature as usize, index);
            assert_eq!((feature.name(), feature.since()), (*name, *since));
        }
    }
}
