//! Program and attach types: number, name, first release.

use super::Version;

/// A program type (`enum bpf_prog_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProgType {
    /// `unspec`, since 3.18.
    Unspec,
    /// `socket_filter`, since 3.19.
    SocketFilter,
    /// `kprobe`, since 4.1.
    Kprobe,
    /// `sched_cls`, since 4.1.
    SchedCls,
    /// `sched_act`, since 4.1.
    SchedAct,
    /// `tracepoint`, since 4.7.
    Tracepoint,
    /// `xdp`, since 4.8.
    Xdp,
    /// `perf_event`, since 4.9.
    PerfEvent,
    /// `cgroup_skb`, since 4.10.
    CgroupSkb,
    /// `cgroup_sock`, since 4.10.
    CgroupSock,
    /// `lwt_in`, since 4.10.
    LwtIn,
    /// `lwt_out`, since 4.10.
    LwtOut,
    /// `lwt_xmit`, since 4.10.
    LwtXmit,
    /// `sock_ops`, since 4.13.
    SockOps,
    /// `sk_skb`, since 4.14.
    SkSkb,
    /// `cgroup_device`, since 4.15.
    CgroupDevice,
    /// `sk_msg`, since 4.17.
    SkMsg,
    /// `raw_tracepoint`, since 4.17.
    RawTracepoint,
    /// `cgroup_sock_addr`, since 4.17.
    CgroupSockAddr,
    /// `lwt_seg6local`, since 4.18.
    LwtSeg6local,
    /// `lirc_mode2`, since 4.18.
    LircMode2,
    /// `sk_reuseport`, since 4.19.
    SkReuseport,
    /// `flow_dissector`, since 4.20.
    FlowDissector,
    /// `cgroup_sysctl`, since 5.2.
    CgroupSysctl,
    /// `raw_tracepoint_writable`, since 5.2.
    RawTracepointWritable,
    /// `cgroup_sockopt`, since 5.3.
    CgroupSockopt,
    /// `tracing`, since 5.5.
    Tracing,
    /// `struct_ops`, since 5.6.
    StructOps,
    /// `ext`, since 5.6.
    Ext,
    /// `lsm`, since 5.7.
    Lsm,
    /// `sk_lookup`, since 5.9.
    SkLookup,
    /// `syscall`, since 5.14.
    Syscall,
    /// `netfilter`, since 6.4.
    Netfilter,
}

/// Variant, name and first release, by number.
#[rustfmt::skip]
const TABLE: [(ProgType, &str, Version); 33] = [
    (ProgType::Unspec, "unspec", Version::new(3, 18)),
    (ProgType::SocketFilter, "socket_filter", Version::new(3, 19)),
    (ProgType::Kprobe, "kprobe", Version::new(4, 1)),
    (ProgType::SchedCls, "sched_cls", Version::new(4, 1)),
    (ProgType::SchedAct, "sched_act", Version::new(4, 1)),
    (ProgType::Tracepoint, "tracepoint", Version::new(4, 7)),
    (ProgType::Xdp, "xdp", Version::new(4, 8)),
    (ProgType::PerfEvent, "perf_event", Version::new(4, 9)),
    (ProgType::CgroupSkb, "cgroup_skb", Version::new(4, 10)),
    (ProgType::CgroupSock, "cgroup_sock", Version::new(4, 10)),
    (ProgType::LwtIn, "lwt_in", Version::new(4, 10)),
    (ProgType::LwtOut, "lwt_out", Version::new(4, 10)),
    (ProgType::LwtXmit, "lwt_xmit", Version::new(4, 10)),
    (ProgType::SockOps, "sock_ops", Version::new(4, 13)),
    (ProgType::SkSkb, "sk_skb", Version::new(4, 14)),
    (ProgType::CgroupDevice, "cgroup_device", Version::new(4, 15)),
    (ProgType::SkMsg, "sk_msg", Version::new(4, 17)),
    (ProgType::RawTracepoint, "raw_tracepoint", Version::new(4, 17)),
    (ProgType::CgroupSockAddr, "cgroup_sock_addr", Version::new(4, 17)),
    (ProgType::LwtSeg6local, "lwt_seg6local", Version::new(4, 18)),
    (ProgType::LircMode2, "lirc_mode2", Version::new(4, 18)),
    (ProgType::SkReuseport, "sk_reuseport", Version::new(4, 19)),
    (ProgType::FlowDissector, "flow_dissector", Version::new(4, 20)),
    (ProgType::CgroupSysctl, "cgroup_sysctl", Version::new(5, 2)),
    (ProgType::RawTracepointWritable, "raw_tracepoint_writable", Version::new(5, 2)),
    (ProgType::CgroupSockopt, "cgroup_sockopt", Version::new(5, 3)),
    (ProgType::Tracing, "tracing", Version::new(5, 5)),
    (ProgType::StructOps, "struct_ops", Version::new(5, 6)),
    (ProgType::Ext, "ext", Version::new(5, 6)),
    (ProgType::Lsm, "lsm", Version::new(5, 7)),
    (ProgType::SkLookup, "sk_lookup", Version::new(5, 9)),
    (ProgType::Syscall, "syscall", Version::new(5, 14)),
    (ProgType::Netfilter, "netfilter", Version::new(6, 4)),
];

impl ProgType {
    /// The type of that number.
    pub fn from_number(number: u32) -> Option<ProgType> {
        let index = usize::try_from(number).ok()?;
        TABLE.get(index).map(|row| row.0)
    }

    /// The type of that name, as bpftool spells it.
    pub fn from_name(name: &str) -> Option<ProgType> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Its name, as bpftool spells it.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The release that brought it.
    pub fn since(self) -> Version {
        TABLE[self as usize].2
    }

    /// All of them, by number, `Unspec` aside.
    pub fn all() -> impl Iterator<Item = ProgType> {
        TABLE.iter().skip(1).map(|row| row.0)
    }
}

impl std::fmt::Display for ProgType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An attach type (`enum bpf_attach_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttachType {
    /// `BPF_CGROUP_INET_INGRESS`.
    CgroupInetIngress,
    /// `BPF_CGROUP_INET_EGRESS`.
    CgroupInetEgress,
    /// `BPF_CGROUP_INET_SOCK_CREATE`.
    CgroupInetSockCreate,
    /// `BPF_CGROUP_SOCK_OPS`.
    CgroupSockOps,
    /// `BPF_SK_SKB_STREAM_PARSER`.
    SkSkbStreamParser,
    /// `BPF_SK_SKB_STREAM_VERDICT`.
    SkSkbStreamVerdict,
    /// `BPF_CGROUP_DEVICE`.
    CgroupDevice,
    /// `BPF_SK_MSG_VERDICT`.
    SkMsgVerdict,
    /// `BPF_CGROUP_INET4_BIND`.
    CgroupInet4Bind,
    /// `BPF_CGROUP_INET6_BIND`.
    CgroupInet6Bind,
    /// `BPF_CGROUP_INET4_CONNECT`.
    CgroupInet4Connect,
    /// `BPF_CGROUP_INET6_CONNECT`.
    CgroupInet6Connect,
    /// `BPF_CGROUP_INET4_POST_BIND`.
    CgroupInet4PostBind,
    /// `BPF_CGROUP_INET6_POST_BIND`.
    CgroupInet6PostBind,
    /// `BPF_CGROUP_UDP4_SENDMSG`.
    CgroupUdp4Sendmsg,
    /// `BPF_CGROUP_UDP6_SENDMSG`.
    CgroupUdp6Sendmsg,
    /// `BPF_LIRC_MODE2`.
    LircMode2,
    /// `BPF_FLOW_DISSECTOR`.
    FlowDissector,
    /// `BPF_CGROUP_SYSCTL`.
    CgroupSysctl,
    /// `BPF_CGROUP_UDP4_RECVMSG`.
    CgroupUdp4Recvmsg,
    /// `BPF_CGROUP_UDP6_RECVMSG`.
    CgroupUdp6Recvmsg,
    /// `BPF_CGROUP_GETSOCKOPT`.
    CgroupGetsockopt,
    /// `BPF_CGROUP_SETSOCKOPT`.
    CgroupSetsockopt,
    /// `BPF_TRACE_RAW_TP`.
    TraceRawTp,
    /// `BPF_TRACE_FENTRY`.
    TraceFentry,
    /// `BPF_TRACE_FEXIT`.
    TraceFexit,
    /// `BPF_MODIFY_RETURN`.
    ModifyReturn,
    /// `BPF_LSM_MAC`.
    LsmMac,
    /// `BPF_TRACE_ITER`.
    TraceIter,
    /// `BPF_CGROUP_INET4_GETPEERNAME`.
    CgroupInet4Getpeername,
    /// `BPF_CGROUP_INET6_GETPEERNAME`.
    CgroupInet6Getpeername,
    /// `BPF_CGROUP_INET4_GETSOCKNAME`.
    CgroupInet4Getsockname,
    /// `BPF_CGROUP_INET6_GETSOCKNAME`.
    CgroupInet6Getsockname,
    /// `BPF_XDP_DEVMAP`.
    XdpDevmap,
    /// `BPF_CGROUP_INET_SOCK_RELEASE`.
    CgroupInetSockRelease,
    /// `BPF_XDP_CPUMAP`.
    XdpCpumap,
    /// `BPF_SK_LOOKUP`.
    SkLookup,
    /// `BPF_XDP`.
    Xdp,
    /// `BPF_SK_SKB_VERDICT`.
    SkSkbVerdict,
    /// `BPF_SK_REUSEPORT_SELECT`.
    SkReuseportSelect,
    /// `BPF_SK_REUSEPORT_SELECT_OR_MIGRATE`.
    SkReuseportSelectOrMigrate,
    /// `BPF_PERF_EVENT`.
    PerfEvent,
    /// `BPF_TRACE_KPROBE_MULTI`.
    TraceKprobeMulti,
    /// `BPF_LSM_CGROUP`.
    LsmCgroup,
    /// `BPF_STRUCT_OPS`.
    StructOps,
    /// `BPF_NETFILTER`.
    Netfilter,
    /// `BPF_TCX_INGRESS`.
    TcxIngress,
    /// `BPF_TCX_EGRESS`.
    TcxEgress,
    /// `BPF_TRACE_UPROBE_MULTI`.
    TraceUprobeMulti,
    /// `BPF_CGROUP_UNIX_CONNECT`.
    CgroupUnixConnect,
    /// `BPF_CGROUP_UNIX_SENDMSG`.
    CgroupUnixSendmsg,
    /// `BPF_CGROUP_UNIX_RECVMSG`.
    CgroupUnixRecvmsg,
    /// `BPF_CGROUP_UNIX_GETPEERNAME`.
    CgroupUnixGetpeername,
    /// `BPF_CGROUP_UNIX_GETSOCKNAME`.
    CgroupUnixGetsockname,
    /// `BPF_NETKIT_PRIMARY`.
    NetkitPrimary,
    /// `BPF_NETKIT_PEER`.
    NetkitPeer,
    /// `BPF_TRACE_KPROBE_SESSION`.
    TraceKprobeSession,
}

/// Every attach type with its name and first release, by number. An attach type often came after the program type
/// it is for; the releases are those of the enumeration in `include/uapi/linux/bpf.h`.
#[rustfmt::skip]
const ATTACH_TYPES: [(AttachType, &str, Version); 57] = [
    (AttachType::CgroupInetIngress, "cgroup_inet_ingress", Version::new(4, 10)),
    (AttachType::CgroupInetEgress, "cgroup_inet_egress", Version::new(4, 10)),
    (AttachType::CgroupInetSockCreate, "cgroup_inet_sock_create", Version::new(4, 10)),
    (AttachType::CgroupSockOps, "cgroup_sock_ops", Version::new(4, 13)),
    (AttachType::SkSkbStreamParser, "sk_skb_stream_parser", Version::new(4, 14)),
    (AttachType::SkSkbStreamVerdict, "sk_skb_stream_verdict", Version::new(4, 14)),
    (AttachType::CgroupDevice, "cgroup_device", Version::new(4, 15)),
    (AttachType::SkMsgVerdict, "sk_msg_verdict", Version::new(4, 17)),
    (AttachType::CgroupInet4Bind, "cgroup_inet4_bind", Version::new(4, 17)),
    (AttachType::CgroupInet6Bind, "cgroup_inet6_bind", Version::new(4, 17)),
    (AttachType::CgroupInet4Connect, "cgroup_inet4_connect", Version::new(4, 17)),
    (AttachType::CgroupInet6Connect, "cgroup_inet6_connect", Version::new(4, 17)),
    (AttachType::CgroupInet4PostBind, "cgroup_inet4_post_bind", Version::new(4, 17)),
    (AttachType::CgroupInet6PostBind, "cgroup_inet6_post_bind", Version::new(4, 17)),
    (AttachType::CgroupUdp4Sendmsg, "cgroup_udp4_sendmsg", Version::new(4, 18)),
    (AttachType::CgroupUdp6Sendmsg, "cgroup_udp6_sendmsg", Version::new(4, 18)),
    (AttachType::LircMode2, "lirc_mode2", Version::new(4, 18)),
    (AttachType::FlowDissector, "flow_dissector", Version::new(4, 20)),
    (AttachType::CgroupSysctl, "cgroup_sysctl", Version::new(5, 2)),
    (AttachType::CgroupUdp4Recvmsg, "cgroup_udp4_recvmsg", Version::new(5, 2)),
    (AttachType::CgroupUdp6Recvmsg, "cgroup_udp6_recvmsg", Version::new(5, 2)),
    (AttachType::CgroupGetsockopt, "cgroup_getsockopt", Version::new(5, 3)),
    (AttachType::CgroupSetsockopt, "cgroup_setsockopt", Version::new(5, 3)),
    (AttachType::TraceRawTp, "trace_raw_tp", Version::new(5, 5)),
    (AttachType::TraceFentry, "trace_fentry", Version::new(5, 5)),
    (AttachType::TraceFexit, "trace_fexit", Version::new(5, 5)),
    (AttachType::ModifyReturn, "modify_return", Version::new(5, 7)),
    (AttachType::LsmMac, "lsm_mac", Version::new(5, 7)),
    (AttachType::TraceIter, "trace_iter", Version::new(5, 8)),
    (AttachType::CgroupInet4Getpeername, "cgroup_inet4_getpeername", Version::new(5, 8)),
    (AttachType::CgroupInet6Getpeername, "cgroup_inet6_getpeername", Version::new(5, 8)),
    (AttachType::CgroupInet4Getsockname, "cgroup_inet4_getsockname", Version::new(5, 8)),
    (AttachType::CgroupInet6Getsockname, "cgroup_inet6_getsockname", Version::new(5, 8)),
    (AttachType::XdpDevmap, "xdp_devmap", Version::new(5, 8)),
    (AttachType::CgroupInetSockRelease, "cgroup_inet_sock_release", Version::new(5, 9)),
    (AttachType::XdpCpumap, "xdp_cpumap", Version::new(5, 9)),
    (AttachType::SkLookup, "sk_lookup", Version::new(5, 9)),
    (AttachType::Xdp, "xdp", Version::new(5, 9)),
    (AttachType::SkSkbVerdict, "sk_skb_verdict", Version::new(5, 13)),
    (AttachType::SkReuseportSelect, "sk_reuseport_select", Version::new(5, 14)),
    (AttachType::SkReuseportSelectOrMigrate, "sk_reuseport_select_or_migrate", Version::new(5, 14)),
    (AttachType::PerfEvent, "perf_event", Version::new(5, 15)),
    (AttachType::TraceKprobeMulti, "trace_kprobe_multi", Version::new(5, 18)),
    (AttachType::LsmCgroup, "lsm_cgroup", Version::new(6, 0)),
    (AttachType::StructOps, "struct_ops", Version::new(6, 4)),
    (AttachType::Netfilter, "netfilter", Version::new(6, 4)),
    (AttachType::TcxIngress, "tcx_ingress", Version::new(6, 6)),
    (AttachType::TcxEgress, "tcx_egress", Version::new(6, 6)),
    (AttachType::TraceUprobeMulti, "trace_uprobe_multi", Version::new(6, 6)),
    (AttachType::CgroupUnixConnect, "cgroup_unix_connect", Version::new(6, 7)),
    (AttachType::CgroupUnixSendmsg, "cgroup_unix_sendmsg", Version::new(6, 7)),
    (AttachType::CgroupUnixRecvmsg, "cgroup_unix_recvmsg", Version::new(6, 7)),
    (AttachType::CgroupUnixGetpeername, "cgroup_unix_getpeername", Version::new(6, 7)),
    (AttachType::CgroupUnixGetsockname, "cgroup_unix_getsockname", Version::new(6, 7)),
    (AttachType::NetkitPrimary, "netkit_primary", Version::new(6, 7)),
    (AttachType::NetkitPeer, "netkit_peer", Version::new(6, 7)),
    (AttachType::TraceKprobeSession, "trace_kprobe_session", Version::new(6, 10)),
];

impl AttachType {
    /// The type of that number.
    pub fn from_number(number: u32) -> Option<AttachType> {
        let index = usize::try_from(number).ok()?;
        ATTACH_TYPES.get(index).map(|row| row.0)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Its name, as bpftool spells it.
    pub fn name(self) -> &'static str {
        ATTACH_TYPES[self as usize].1
    }

    /// The release that brought it.
    pub fn since(self) -> Version {
        ATTACH_TYPES[self as usize].2
    }

    /// All of them, by number.
    pub fn all() -> impl Iterator<Item = AttachType> {
        ATTACH_TYPES.iter().map(|row| row.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_the_types_they_came_from() {
        for prog_type in ProgType::all() {
            assert_eq!(ProgType::from_number(prog_type.number()), Some(prog_type));
            assert_eq!(ProgType::from_name(prog_type.name()), Some(prog_type));
        }
        for (number, attach_type) in (0..).zip(AttachType::all()) {
            assert_eq!(attach_type.number(), number);
            assert_eq!(AttachType::from_number(number), Some(attach_type));
        }
        assert_eq!(AttachType::from_number(57), None);
        assert_eq!(AttachType::TraceKprobeSession.number(), 56);
    }

    #[test]
    fn releases_never_fall_along_the_numbers() {
        let types: Vec<Version> = ProgType::all().map(ProgType::since).collect();
        assert!(types.is_sorted(), "{types:?}");
        let attach: Vec<Version> = AttachType::all().map(AttachType::since).collect();
        assert!(attach.is_sorted(), "{attach:?}");
    }
}
