//! What a register may hold, by kind: the pointers there are, how far they are trusted, how the program holds its objects.
//!
//! What is known of one register beside its kind is in [`super::state`].

use crate::abi::context::SockView;
use crate::btf::BtfId;

/// A map that a register refers to: one of the program's, or its inner map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MapRef {
    /// Index into the program's maps.
    pub(super) index: u32,
    /// Whether the inner map of that map is meant.
    pub(super) level: MapLevel,
    /// Tells inner maps with timers in their values apart: the id that their lookup gave, [`UNSETTLED`] before it
    /// is known not to have failed.
    pub(super) uid: u32,
}

/// The [`MapRef::uid`] of an inner map that may be none.
pub(super) const UNSETTLED: u32 = u32::MAX;

/// Which map of a map of maps is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MapLevel {
    /// The map itself.
    Outer,
    /// The map that a lookup in it gave.
    Inner,
}

/// What may be done with memory of known size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemKind {
    /// Read and written.
    Plain,
    /// Read only.
    ReadOnly,
    /// Reserved in a ring buffer, to be submitted or discarded.
    Ringbuf,
    /// A part of a packet, from a dynptr: written through to it, or to a copy.
    PacketSlice,
    /// The same, read only.
    ReadOnlyPacketSlice,
}

impl MemKind {
    /// Whether it may only be read.
    pub(super) fn is_read_only(self) -> bool {
        match self {
            MemKind::ReadOnly | MemKind::ReadOnlyPacketSlice => true,
            MemKind::Plain | MemKind::Ringbuf | MemKind::PacketSlice => false,
        }
    }

    /// Whether it goes away with the pointers to the packet.
    pub(super) fn is_packet_slice(self) -> bool {
        match self {
            MemKind::PacketSlice | MemKind::ReadOnlyPacketSlice => true,
            MemKind::Plain | MemKind::ReadOnly | MemKind::Ringbuf => false,
        }
    }
}

/// What may be done with a buffer of unknown size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BufKind {
    /// Read only.
    ReadOnly,
    /// Read and written.
    ReadWrite,
}

/// How far a pointer to a kernel object is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Valid as long as the program runs (`PTR_TRUSTED`).
    Trusted,
    /// Not vouched for, but helpers take it as they always did: what other functions are given,
    /// and what is reached by walking from there. It may be loaded from, faults read zero.
    Plain,
    /// Valid until the end of the read-side critical section (`MEM_RCU`).
    Rcu,
    /// Not vouched for, and helpers do not take it (`PTR_UNTRUSTED`).
    Untrusted,
    /// In the memory of the process (`MEM_USER`).
    User,
    /// An offset into the memory of each CPU (`MEM_PERCPU`).
    PerCpu,
}

/// How a program holds an object of one of its own types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// It must release it (`MEM_ALLOC`).
    Owned,
    /// It must release memory that each CPU has (`MEM_ALLOC | MEM_PERCPU`).
    OwnedPerCpu,
    /// It is in a list or tree whose lock the program holds (`MEM_ALLOC | NON_OWN_REF`).
    NonOwning,
    /// The same, of what has a reference count (`MEM_ALLOC | NON_OWN_REF | MEM_RCU`).
    NonOwningRcu,
    /// The same, after the read-side critical section.
    NonOwningLost,
    /// Valid until the end of the read-side critical section (`MEM_ALLOC | MEM_RCU`).
    Rcu,
    /// The same, after it.
    RcuLost,
    /// Memory that each CPU has, valid until the end of the section (`MEM_PERCPU | MEM_RCU`).
    RcuPerCpu,
    /// The same, after it.
    PerCpuLost,
    /// Not vouched for (`PTR_UNTRUSTED`).
    Untrusted,
}

impl Hold {
    /// Whether it is known to have been allocated as what it is (`MEM_ALLOC`).
    pub(super) fn is_alloc(self) -> bool {
        match self {
            Hold::Owned
            | Hold::OwnedPerCpu
            | Hold::NonOwning
            | Hold::NonOwningRcu
            | Hold::NonOwningLost
            | Hold::Rcu
            | Hold::RcuLost => true,
            Hold::RcuPerCpu | Hold::PerCpuLost | Hold::Untrusted => false,
        }
    }

    /// Whether a list or tree holds it (`NON_OWN_REF`).
    pub(super) fn is_non_owning(self) -> bool {
        matches!(
            self,
            Hold::NonOwning | Hold::NonOwningRcu | Hold::NonOwningLost
        )
    }

    /// Whether each CPU has its own (`MEM_PERCPU`).
    pub(super) fn is_per_cpu(self) -> bool {
        matches!(self, Hold::OwnedPerCpu | Hold::RcuPerCpu | Hold::PerCpuLost)
    }

    /// Whether a read-side critical section keeps it (`MEM_RCU`).
    pub(super) fn is_rcu(self) -> bool {
        matches!(self, Hold::NonOwningRcu | Hold::Rcu | Hold::RcuPerCpu)
    }

    /// Whether nobody vouches for it (`PTR_UNTRUSTED`).
    pub(super) fn is_untrusted(self) -> bool {
        match self {
            Hold::NonOwningLost | Hold::RcuLost | Hold::PerCpuLost | Hold::Untrusted => true,
            Hold::Owned
            | Hold::OwnedPerCpu
            | Hold::NonOwning
            | Hold::NonOwningRcu
            | Hold::Rcu
            | Hold::RcuPerCpu => false,
        }
    }

    /// What is left of it when the read-side critical section ends.
    pub(super) fn after_section(self) -> Hold {
        match self {
            Hold::NonOwningRcu => Hold::NonOwningLost,
            Hold::Rcu => Hold::RcuLost,
            Hold::RcuPerCpu => Hold::PerCpuLost,
            Hold::Owned
            | Hold::OwnedPerCpu
            | Hold::NonOwning
            | Hold::NonOwningLost
            | Hold::RcuLost
            | Hold::PerCpuLost
            | Hold::Untrusted => self,
        }
    }
}

/// What a register holds (the kernel's `enum bpf_reg_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing yet: unreadable.
    Uninit,
    /// A number.
    Scalar,
    /// The context.
    Ctx,
    /// A map.
    Map(MapRef),
    /// A value of a map.
    MapValue(MapRef),
    /// A key of a map.
    MapKey(MapRef),
    /// The stack of the frame of that index.
    Stack(u8),
    /// The packet's bytes.
    Packet,
    /// The packet's metadata.
    PacketMeta,
    /// The packet's end.
    PacketEnd,
    /// Memory of that many bytes.
    Mem(u32, MemKind),
    /// The subprogram of that index.
    Func(u32),
    /// A kernel object of that type.
    Btf(BtfId, Trust),
    /// An object of that type of the program's.
    Local(BtfId, Hold),
    /// A socket, as programs see it.
    Sock(SockView),
    /// What a flow dissector fills.
    FlowKeys,
    /// Memory whose size is only known when the program is attached.
    Buf(BufKind),
    /// A dynptr of somebody else's, which is not to be changed (`CONST_PTR_TO_DYNPTR`).
    Dynptr,
    /// A place in the program's arena, if one is there: nothing else is known of it.
    Arena,
}
