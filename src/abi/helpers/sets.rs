//! The sets of program types that the helper tables name: who may call what.
//!
//! They are observations of Linux 6.12 (`testdata/helpers-6.12.csv`), grouped so that a row fits a
//! line; the kernel's own tables (`*_func_proto`) are per program type.

use super::Availability::{self, Attached, Only, Unless};
use crate::abi::AttachType::{
    self as Attach, CgroupInet4Bind, CgroupInet4Connect, CgroupInet4Getpeername,
    CgroupInet4Getsockname, CgroupInet6Bind, CgroupInet6Connect, CgroupInet6Getpeername,
    CgroupInet6Getsockname, CgroupSetsockopt, CgroupUdp4Recvmsg, CgroupUdp4Sendmsg,
    CgroupUdp6Recvmsg, CgroupUdp6Sendmsg, CgroupUnixConnect, CgroupUnixRecvmsg, CgroupUnixSendmsg,
    LsmCgroup, LsmMac, ModifyReturn, TraceFentry, TraceFexit, TraceIter, TraceRawTp,
};
use crate::abi::ProgType::{self, *};

pub(super) const ALL: Availability = Availability::All;

/// Programs that watch the kernel.
const TRACING_TYPES: &[ProgType] = &[
    Kprobe,
    Tracepoint,
    PerfEvent,
    RawTracepoint,
    RawTracepointWritable,
    Tracing,
    Lsm,
    Syscall,
];
pub(super) const TRACING: Availability = Only(TRACING_TYPES);

/// Programs whose context the kernel types by BTF, and `syscall`.
pub(super) const BTF_TRACING: Availability = Only(&[Tracing, Lsm, Syscall]);

/// Traffic control.
pub(super) const TC: Availability = Only(&[SchedCls, SchedAct]);
pub(super) const TC_XDP: Availability = Only(&[SchedCls, SchedAct, Xdp]);
pub(super) const TC_XMIT: Availability = Only(&[SchedCls, SchedAct, LwtXmit]);
pub(super) const TC_XMIT_SKSKB: Availability = Only(&[SchedCls, SchedAct, LwtXmit, SkSkb]);
pub(super) const TC_XDP_XMIT: Availability = Only(&[SchedCls, SchedAct, Xdp, LwtXmit]);
pub(super) const TC_SKSKB: Availability = Only(&[SchedCls, SchedAct, SkSkb]);
pub(super) const TC_LWT: Availability =
    Only(&[SchedCls, SchedAct, LwtIn, LwtOut, LwtXmit, LwtSeg6local]);
pub(super) const TC_LWT_XDP: Availability = Only(&[
    SchedCls,
    SchedAct,
    Xdp,
    LwtIn,
    LwtOut,
    LwtXmit,
    LwtSeg6local,
]);
pub(super) const TC_LWT_SKSKB: Availability =
    Only(&[SchedCls, SchedAct, LwtIn, LwtOut, LwtXmit, SkSkb]);
pub(super) const TC_CGROUP_SKB: Availability = Only(&[SchedCls, SchedAct, CgroupSkb]);
pub(super) const TC_LOOKUP: Availability = Only(&[SchedCls, SchedAct, SkLookup]);

pub(super) const XDP: Availability = Only(&[Xdp]);
pub(super) const XDP_BTF: Availability = Only(&[Xdp, Tracing, Lsm, Syscall]);
pub(super) const SOCK_OPS: Availability = Only(&[SockOps]);
pub(super) const SK_MSG: Availability = Only(&[SkMsg]);
pub(super) const SK_SKB: Availability = Only(&[SkSkb]);
pub(super) const SYSCTL: Availability = Only(&[CgroupSysctl]);
pub(super) const SYSCALL: Availability = Only(&[Syscall]);
pub(super) const LSM: Availability = Only(&[Lsm]);
pub(super) const LIRC: Availability = Only(&[LircMode2]);
pub(super) const SEG6: Availability = Only(&[LwtSeg6local]);
pub(super) const ENCAP: Availability = Only(&[LwtIn, LwtXmit]);
pub(super) const REUSEPORT: Availability = Only(&[SkReuseport]);
pub(super) const STRUCT_OPS: Availability = Only(&[StructOps]);
/// Not on many functions at once.
pub(super) const KPROBE: Availability = Unless {
    types: &[Kprobe],
    at: &[Attach::TraceKprobeMulti],
};
pub(super) const PERF: Availability = Only(&[PerfEvent]);
pub(super) const CGROUP_SKB: Availability = Only(&[CgroupSkb]);

/// Every type but `lirc_mode2`, whose programs get a handful of helpers.
pub(super) const BASE: Availability = Only(&[
    SocketFilter,
    Kprobe,
    SchedCls,
    SchedAct,
    Tracepoint,
    Xdp,
    PerfEvent,
    CgroupSkb,
    CgroupSock,
    LwtIn,
    LwtOut,
    LwtXmit,
    SockOps,
    SkSkb,
    CgroupDevice,
    SkMsg,
    RawTracepoint,
    CgroupSockAddr,
    LwtSeg6local,
    SkReuseport,
    FlowDissector,
    CgroupSysctl,
    RawTracepointWritable,
    CgroupSockopt,
    Tracing,
    StructOps,
    Lsm,
    SkLookup,
    Syscall,
    Netfilter,
]);

/// Those that may cast a socket to a protocol's own type.
pub(super) const SOCKET_CAST: Availability = Only(&[
    SocketFilter,
    SchedCls,
    SchedAct,
    Xdp,
    CgroupSkb,
    LwtIn,
    LwtOut,
    LwtXmit,
    SockOps,
    SkSkb,
    SkMsg,
    CgroupSockAddr,
    LwtSeg6local,
    FlowDissector,
    Tracing,
    Lsm,
    SkLookup,
    Syscall,
]);

/// `get_current_comm` and its like.
pub(super) const TASK_CONTEXT: Availability = Only(&[
    Kprobe,
    Tracepoint,
    PerfEvent,
    CgroupSock,
    CgroupDevice,
    RawTracepoint,
    CgroupSockAddr,
    CgroupSysctl,
    RawTracepointWritable,
    CgroupSockopt,
    Tracing,
    Lsm,
    Syscall,
]);
pub(super) const UID_GID: Availability = Only(&[
    Kprobe,
    Tracepoint,
    PerfEvent,
    CgroupSock,
    CgroupDevice,
    SkMsg,
    RawTracepoint,
    CgroupSockAddr,
    CgroupSysctl,
    RawTracepointWritable,
    CgroupSockopt,
    Tracing,
    Lsm,
    Syscall,
]);
pub(super) const CLASSID: Availability = Only(&[
    SchedCls,
    SchedAct,
    CgroupSock,
    LwtIn,
    LwtOut,
    LwtXmit,
    CgroupDevice,
    SkMsg,
    CgroupSockAddr,
    LwtSeg6local,
    CgroupSysctl,
    CgroupSockopt,
]);
pub(super) const EVENT_OUTPUT: Availability = Only(&[
    SocketFilter,
    Kprobe,
    SchedCls,
    SchedAct,
    Tracepoint,
    Xdp,
    PerfEvent,
    CgroupSkb,
    CgroupSock,
    LwtIn,
    LwtOut,
    LwtXmit,
    SockOps,
    SkSkb,
    CgroupDevice,
    SkMsg,
    RawTracepoint,
    CgroupSockAddr,
    LwtSeg6local,
    CgroupSysctl,
    RawTracepointWritable,
    CgroupSockopt,
    Tracing,
    Lsm,
    SkLookup,
    Syscall,
]);
pub(super) const LOAD_BYTES: Availability = Only(&[
    SocketFilter,
    SchedCls,
    SchedAct,
    CgroupSkb,
    LwtIn,
    LwtOut,
    LwtXmit,
    SkSkb,
    LwtSeg6local,
    SkReuseport,
    FlowDissector,
]);
pub(super) const LOAD_RELATIVE: Availability =
    Only(&[SocketFilter, SchedCls, SchedAct, CgroupSkb, SkReuseport]);
pub(super) const SOCKET_COOKIE: Availability = Only(&[
    SocketFilter,
    SchedCls,
    SchedAct,
    CgroupSkb,
    CgroupSock,
    SockOps,
    SkSkb,
    CgroupSockAddr,
    SkReuseport,
    Tracing,
    Lsm,
    Syscall,
]);
pub(super) const SOCKET_UID: Availability =
    Only(&[SocketFilter, SchedCls, SchedAct, CgroupSkb, SkSkb]);
pub(super) const NETNS_COOKIE: Availability =
    Only(&[CgroupSock, SockOps, SkMsg, CgroupSockAddr, CgroupSockopt]);
pub(super) const SOCKET_LOOKUP: Availability =
    Only(&[SchedCls, SchedAct, Xdp, CgroupSkb, SkSkb, CgroupSockAddr]);
pub(super) const SOCKET_RELEASE: Availability = Only(&[
    SchedCls,
    SchedAct,
    Xdp,
    CgroupSkb,
    SkSkb,
    CgroupSockAddr,
    SkLookup,
]);
pub(super) const TCP_SOCK: Availability =
    Only(&[SchedCls, SchedAct, CgroupSkb, SockOps, CgroupSockopt]);
pub(super) const COARSE_CLOCK: Availability = Only(&[
    SocketFilter,
    SchedCls,
    SchedAct,
    Xdp,
    CgroupSkb,
    CgroupSock,
    LwtIn,
    LwtOut,
    LwtXmit,
    SockOps,
    SkSkb,
    SkMsg,
    CgroupSockAddr,
    LwtSeg6local,
    SkReuseport,
    FlowDissector,
    CgroupSysctl,
    StructOps,
    SkLookup,
]);

/// The attach types of `tracing` programs that run on a function.
const TRAMPOLINE: &[Attach] = &[TraceFentry, TraceFexit, ModifyReturn];

pub(super) const FUNCTION_ARGS: Availability = Attached {
    always: &[],
    at: &[(Tracing, TRAMPOLINE), (Lsm, &[LsmMac])],
};
pub(super) const ATTACH_COOKIE: Availability = Attached {
    always: &[
        Kprobe,
        Tracepoint,
        PerfEvent,
        RawTracepoint,
        RawTracepointWritable,
    ],
    at: &[
        (
            Tracing,
            &[TraceRawTp, TraceFentry, TraceFexit, ModifyReturn],
        ),
        (Lsm, &[LsmMac]),
    ],
};
pub(super) const ITER: Availability = Attached {
    always: &[],
    at: &[(Tracing, &[TraceIter])],
};
pub(super) const D_PATH: Availability = Only(&[Tracing, Lsm]);

/// Every attach type of `cgroup_sock_addr` but the names of unix sockets.
const SOCK_ADDR_OPTIONS: &[Attach] = &[
    CgroupInet4Bind,
    CgroupInet6Bind,
    CgroupInet4Connect,
    CgroupInet6Connect,
    CgroupUdp4Sendmsg,
    CgroupUdp6Sendmsg,
    CgroupUdp4Recvmsg,
    CgroupUdp6Recvmsg,
    CgroupInet4Getpeername,
    CgroupInet6Getpeername,
    CgroupInet4Getsockname,
    CgroupInet6Getsockname,
    CgroupUnixConnect,
    CgroupUnixSendmsg,
    CgroupUnixRecvmsg,
];
pub(super) const SOCKOPT: Availability = Attached {
    always: &[SockOps, StructOps],
    at: &[
        (CgroupSockAddr, SOCK_ADDR_OPTIONS),
        (CgroupSockopt, &[CgroupSetsockopt]),
        (Lsm, &[LsmCgroup]),
    ],
};
pub(super) const BIND: Availability = Attached {
    always: &[],
    at: &[(CgroupSockAddr, &[CgroupInet4Connect, CgroupInet6Connect])],
};
pub(super) const LOCAL_STORAGE: Availability = Attached {
    always: &[
        CgroupSkb,
        CgroupSock,
        SockOps,
        CgroupDevice,
        CgroupSockAddr,
        CgroupSysctl,
        CgroupSockopt,
    ],
    at: &[(Lsm, &[LsmCgroup])],
};
pub(super) const RETVAL: Availability = Attached {
    always: &[CgroupSock, CgroupDevice, CgroupSysctl, CgroupSockopt],
    at: &[
        (
            CgroupSockAddr,
            &[
                CgroupInet4Bind,
                CgroupInet6Bind,
                CgroupInet4Connect,
                CgroupInet6Connect,
                CgroupUdp4Sendmsg,
                CgroupUdp6Sendmsg,
                CgroupUnixConnect,
                CgroupUnixSendmsg,
            ],
        ),
        (Lsm, &[LsmCgroup]),
    ],
};
const SK_STORAGE_ATTACHED: &[(ProgType, &[Attach])] =
    &[(Tracing, &[TraceFentry, TraceFexit, TraceRawTp, TraceIter])];
pub(super) const SK_STORAGE_GET: Availability = Attached {
    always: &[
        SchedCls,
        SchedAct,
        CgroupSkb,
        CgroupSock,
        SockOps,
        SkMsg,
        CgroupSockAddr,
        CgroupSockopt,
        StructOps,
        Lsm,
    ],
    at: SK_STORAGE_ATTACHED,
};
pub(super) const SK_STORAGE_DELETE: Availability = Attached {
    always: &[
        SchedCls,
        SchedAct,
        CgroupSkb,
        SockOps,
        SkMsg,
        CgroupSockAddr,
        CgroupSockopt,
        StructOps,
        Lsm,
    ],
    at: SK_STORAGE_ATTACHED,
};
