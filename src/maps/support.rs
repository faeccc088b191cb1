//! How far each type of map is what it is in the kernel, as `docs/support.md` says it.

use crate::abi::MapType;

/// How far something of the kernel's is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// All of it.
    Full,
    /// All but this.
    Partial(&'static str),
    /// Nothing, for this reason.
    Refused(&'static str),
}

/// What the kernel has of a map type and we have not. Of every type alike: values with fields that
/// the kernel treats specially are refused by the verifier.
pub fn support(map_type: MapType) -> Support {
    match map_type {
        MapType::Hash
        | MapType::PercpuHash
        | MapType::Array
        | MapType::PercpuArray
        | MapType::LpmTrie
        | MapType::ArrayOfMaps
        | MapType::HashOfMaps
        | MapType::Queue
        | MapType::Stack
        | MapType::InodeStorage
        | MapType::TaskStorage
        | MapType::CgrpStorage
        | MapType::BloomFilter
        | MapType::LruHash
        | MapType::LruPercpuHash
        | MapType::Ringbuf => Support::Full,
        MapType::ProgArray => {
            Support::Partial("whether a program suits the array is not checked when it is put in")
        }
        MapType::PerfEventArray => {
            Support::Partial("every slot has a buffer from the start, and none has a counter")
        }
        MapType::StackTrace => {
            Support::Partial("stacks are what the event says, not unwound; no build ids")
        }
        MapType::CgroupArray => Support::Partial("cgroups are named by their ids"),
        MapType::Devmap | MapType::DevmapHash | MapType::Cpumap => {
            Support::Partial("no programs at elements; a packet that is sent there goes no further")
        }
        MapType::Xskmap => {
            Support::Partial("sockets are numbers; a packet that is sent there goes no further")
        }
        MapType::Sockmap | MapType::Sockhash | MapType::ReuseportSockarray => Support::Partial(
            "of sockets that were opened on the machine; no data flows through them",
        ),
        MapType::CgroupStorage | MapType::PercpuCgroupStorage => {
            Support::Partial("programs are attached to the root cgroup only")
        }
        MapType::SkStorage => {
            Support::Partial("of sockets that packets belong to or hooks are given; no clones")
        }
        MapType::StructOps => Support::Partial("its programs are judged; no event runs them"),
        MapType::UserRingbuf => {
            Support::Partial("the callback that takes samples is not judged yet")
        }
        MapType::Arena => {
            Support::Partial("no task has it mapped: helpers that read user memory do not find it")
        }
        MapType::Unspec => Support::Refused("it is no type"),
    }
}
