//! The helpers that have another prototype for some programs than the one in the tables.
//!
//! Availability is not decided here: a row says how a helper looks to a program that may call it.

use super::row::{
    ANY, CTX, FILL, INT, MAP, READ, SIZE, SOCK, SOCK_OR_NULL, SOCKET_OR_NULL, VALUE_OR_NULL, btf,
    btf_or_null, prototype,
};
use super::{ArgType, Availability, Prototype, RetType};
use crate::abi::AttachType::{self, TraceKprobeMulti, TraceKprobeSession, TraceUprobeMulti};
use crate::abi::ProgType::{self, *};

/// A socket as a kernel object, or null.
const OBJECT_SOCK: ArgType = btf_or_null(&["sock_common"]);

/// A prototype that replaces the common one.
pub(super) struct Variant {
    number: u32,
    prog_types: &'static [ProgType],
    /// Empty when the attach type does not matter.
    attach_types: &'static [AttachType],
    /// What the helper looks like there, when the simulator judges it.
    pub(super) prototype: Option<Prototype>,
}

/// The variant of a helper for that kind of program, if it has one.
pub(super) fn find(
    number: u32,
    prog_type: ProgType,
    attach_type: Option<AttachType>,
) -> Option<&'static Variant> {
    VARIANTS.iter().find(|row| {
        row.number == number
            && row.prog_types.contains(&prog_type)
            && (row.attach_types.is_empty()
                || attach_type.is_some_and(|one| row.attach_types.contains(&one)))
    })
}

const fn variant(
    number: u32,
    prog_types: &'static [ProgType],
    prototype: Option<Prototype>,
) -> Variant {
    Variant {
        number,
        prog_types,
        attach_types: &[],
        prototype,
    }
}

static VARIANTS: [Variant; 11] = [
    // The class of the running task instead of the packet's.
    variant(
        17,
        &[
            CgroupSock,
            CgroupDevice,
            SkMsg,
            CgroupSockAddr,
            CgroupSysctl,
            CgroupSockopt,
        ],
        Some(prototype(&[], INT, Availability::All)),
    ),
    // Perf event programs may collect stacks under any licence.
    variant(
        27,
        &[PerfEvent],
        Some(prototype(&[CTX, MAP, ANY], INT, Availability::All)),
    ),
    // Typed sockets where the context is not one.
    variant(
        46,
        &[Tracing, Lsm, Syscall, SkReuseport],
        Some(prototype(&[SOCK_OR_NULL], INT, Availability::All)),
    ),
    variant(
        49,
        &[CgroupSockopt, StructOps, Lsm, Tracing],
        Some(prototype(
            &[SOCK, ANY, ANY, READ, SIZE],
            INT,
            Availability::All,
        )),
    ),
    variant(
        57,
        &[CgroupSockopt, StructOps, Lsm, Tracing],
        Some(prototype(
            &[SOCK, ANY, ANY, FILL, SIZE],
            INT,
            Availability::All,
        )),
    ),
    // A lookup program may also assign null.
    variant(
        124,
        &[SkLookup],
        Some(prototype(
            &[CTX, SOCKET_OR_NULL, ANY],
            INT,
            Availability::All,
        )),
    ),
    // Where sockets are kernel objects.
    variant(
        107,
        &[Tracing],
        Some(prototype(
            &[MAP, OBJECT_SOCK, VALUE_OR_NULL, ANY],
            RetType::MapValueOrNull,
            Availability::All,
        )),
    ),
    variant(
        108,
        &[Tracing],
        Some(prototype(&[MAP, OBJECT_SOCK], INT, Availability::All)),
    ),
    // The context itself is the socket.
    variant(
        107,
        &[CgroupSock],
        Some(prototype(
            &[MAP, CTX, VALUE_OR_NULL, ANY],
            RetType::MapValueOrNull,
            Availability::All,
        )),
    ),
    Variant {
        number: 173,
        prog_types: &[Kprobe],
        attach_types: &[TraceKprobeMulti, TraceKprobeSession, TraceUprobeMulti],
        prototype: Some(prototype(&[CTX], INT, Availability::All)),
    },
    variant(
        188,
        &[Tracing, Lsm, Syscall],
        Some(prototype(&[btf(&["xdp_buff"])], INT, Availability::All)),
    ),
];
