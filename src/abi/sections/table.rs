//! The section definitions of libbpf 1.5, in its order.
//!
//! A row is a name and what it stands for; reading a name is [`super::parse`]'s work.

use super::SectionKind::{self, *};
use super::TargetRule::{self, Btf, Free, Program};
use crate::abi::AttachType::{self, *};
use crate::abi::ProgType;

/// Which names a definition takes.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// The very name.
    Exact,
    /// The name, alone or followed by a slash and a target.
    Prefix,
}

/// One definition.
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) prog_type: ProgType,
    pub(super) attach_type: Option<AttachType>,
    pub(super) target_rule: TargetRule,
    pub(super) kind: SectionKind,
    pub(super) sleepable: bool,
    pub(super) frags: bool,
}

const fn exact(name: &'static str, prog_type: ProgType) -> Definition {
    Definition {
        name,
        form: Form::Exact,
        prog_type,
        attach_type: None,
        target_rule: Free,
        kind: Plain,
        sleepable: false,
        frags: false,
    }
}

const fn prefix(name: &'static str, prog_type: ProgType) -> Definition {
    let mut definition = exact(name, prog_type);
    definition.form = Form::Prefix;
    definition
}

/// A program on a function or probe, in the kernel or outside.
const fn probe(name: &'static str, kind: SectionKind) -> Definition {
    let mut definition = prefix(name, ProgType::Kprobe);
    definition.kind = kind;
    definition
}

/// A program on a target that BTF knows.
const fn btf(
    name: &'static str,
    prog_type: ProgType,
    attach: AttachType,
    at: &'static str,
) -> Definition {
    let mut definition = prefix(name, prog_type).at(attach);
    definition.target_rule = Btf { prefix: at };
    definition
}

impl Definition {
    const fn at(mut self, attach_type: AttachType) -> Definition {
        self.attach_type = Some(attach_type);
        self
    }

    const fn sleepable(mut self) -> Definition {
        self.sleepable = true;
        self
    }

    const fn frags(mut self) -> Definition {
        self.frags = true;
        self
    }

    const fn replaces(mut self) -> Definition {
        self.target_rule = Program;
        self
    }
}

const TC: ProgType = ProgType::SchedCls;
const TRACING: ProgType = ProgType::Tracing;
const SOCK: ProgType = ProgType::CgroupSock;
const ADDR: ProgType = ProgType::CgroupSockAddr;

#[rustfmt::skip]
pub(super) static DEFINITIONS: &[Definition] = &[
    exact("socket", ProgType::SocketFilter),
    exact("sk_reuseport/migrate", ProgType::SkReuseport).at(SkReuseportSelectOrMigrate),
    exact("sk_reuseport", ProgType::SkReuseport).at(SkReuseportSelect),
    probe("kprobe", Kprobe),
    probe("uprobe", Uprobe),
    probe("uprobe.s", Uprobe).sleepable(),
    probe("kretprobe", Kretprobe),
    probe("uretprobe", Uretprobe),
    probe("uretprobe.s", Uretprobe).sleepable(),
    probe("kprobe.multi", KprobeMulti).at(TraceKprobeMulti),
    probe("kretprobe.multi", KretprobeMulti).at(TraceKprobeMulti),
    probe("kprobe.session", KprobeSession).at(TraceKprobeSession),
    probe("uprobe.multi", UprobeMulti).at(TraceUprobeMulti),
    probe("uretprobe.multi", UretprobeMulti).at(TraceUprobeMulti),
    probe("uprobe.multi.s", UprobeMulti).at(TraceUprobeMulti).sleepable(),
    probe("uretprobe.multi.s", UretprobeMulti).at(TraceUprobeMulti).sleepable(),
    probe("ksyscall", Ksyscall),
    probe("kretsyscall", Kretsyscall),
    probe("usdt", Usdt),
    probe("usdt.s", Usdt).sleepable(),
    exact("tc/ingress", TC).at(TcxIngress),
    exact("tc/egress", TC).at(TcxEgress),
    exact("tcx/ingress", TC).at(TcxIngress),
    exact("tcx/egress", TC).at(TcxEgress),
    exact("tc", TC),
    exact("classifier", TC),
    exact("action", ProgType::SchedAct),
    exact("netkit/primary", TC).at(NetkitPrimary),
    exact("netkit/peer", TC).at(NetkitPeer),
    prefix("tracepoint", ProgType::Tracepoint),
    prefix("tp", ProgType::Tracepoint),
    prefix("raw_tracepoint", ProgType::RawTracepoint),
    prefix("raw_tp", ProgType::RawTracepoint),
    prefix("raw_tracepoint.w", ProgType::RawTracepointWritable),
    prefix("raw_tp.w", ProgType::RawTracepointWritable),
    btf("tp_btf", TRACING, TraceRawTp, "btf_trace_"),
    btf("fentry", TRACING, TraceFentry, ""),
    btf("fmod_ret", TRACING, ModifyReturn, ""),
    btf("fexit", TRACING, TraceFexit, ""),
    btf("fentry.s", TRACING, TraceFentry, "").sleepable(),
    btf("fmod_ret.s", TRACING, ModifyReturn, "").sleepable(),
    btf("fexit.s", TRACING, TraceFexit, "").sleepable(),
    prefix("freplace", ProgType::Ext).replaces(),
    btf("lsm", ProgType::Lsm, LsmMac, "bpf_lsm_"),
    btf("lsm.s", ProgType::Lsm, LsmMac, "bpf_lsm_").sleepable(),
    btf("lsm_cgroup", ProgType::Lsm, LsmCgroup, "bpf_lsm_"),
    btf("iter", TRACING, TraceIter, "bpf_iter_"),
    btf("iter.s", TRACING, TraceIter, "bpf_iter_").sleepable(),
    exact("syscall", ProgType::Syscall).sleepable(),
    exact("xdp.frags/devmap", ProgType::Xdp).at(XdpDevmap).frags(),
    exact("xdp/devmap", ProgType::Xdp).at(XdpDevmap),
    exact("xdp.frags/cpumap", ProgType::Xdp).at(XdpCpumap).frags(),
    exact("xdp/cpumap", ProgType::Xdp).at(XdpCpumap),
    exact("xdp.frags", ProgType::Xdp).at(Xdp).frags(),
    exact("xdp", ProgType::Xdp).at(Xdp),
    exact("perf_event", ProgType::PerfEvent),
    exact("lwt_in", ProgType::LwtIn),
    exact("lwt_out", ProgType::LwtOut),
    exact("lwt_xmit", ProgType::LwtXmit),
    exact("lwt_seg6local", ProgType::LwtSeg6local),
    exact("sockops", ProgType::SockOps).at(CgroupSockOps),
    exact("sk_skb/stream_parser", ProgType::SkSkb).at(SkSkbStreamParser),
    exact("sk_skb/stream_verdict", ProgType::SkSkb).at(SkSkbStreamVerdict),
    exact("sk_skb/verdict", ProgType::SkSkb).at(SkSkbVerdict),
    exact("sk_skb", ProgType::SkSkb),
    exact("sk_msg", ProgType::SkMsg).at(SkMsgVerdict),
    exact("lirc_mode2", ProgType::LircMode2).at(LircMode2),
    exact("flow_dissector", ProgType::FlowDissector).at(FlowDissector),
    exact("cgroup_skb/ingress", ProgType::CgroupSkb).at(CgroupInetIngress),
    exact("cgroup_skb/egress", ProgType::CgroupSkb).at(CgroupInetEgress),
    exact("cgroup/skb", ProgType::CgroupSkb),
    exact("cgroup/sock_create", SOCK).at(CgroupInetSockCreate),
    exact("cgroup/sock_release", SOCK).at(CgroupInetSockRelease),
    exact("cgroup/sock", SOCK).at(CgroupInetSockCreate),
    exact("cgroup/post_bind4", SOCK).at(CgroupInet4PostBind),
    exact("cgroup/post_bind6", SOCK).at(CgroupInet6PostBind),
    exact("cgroup/bind4", ADDR).at(CgroupInet4Bind),
    exact("cgroup/bind6", ADDR).at(CgroupInet6Bind),
    exact("cgroup/connect4", ADDR).at(CgroupInet4Connect),
    exact("cgroup/connect6", ADDR).at(CgroupInet6Connect),
    exact("cgroup/connect_unix", ADDR).at(CgroupUnixConnect),
    exact("cgroup/sendmsg4", ADDR).at(CgroupUdp4Sendmsg),
    exact("cgroup/sendmsg6", ADDR).at(CgroupUdp6Sendmsg),
    exact("cgroup/sendmsg_unix", ADDR).at(CgroupUnixSendmsg),
    exact("cgroup/recvmsg4", ADDR).at(CgroupUdp4Recvmsg),
    exact("cgroup/recvmsg6", ADDR).at(CgroupUdp6Recvmsg),
    exact("cgroup/recvmsg_unix", ADDR).at(CgroupUnixRecvmsg),
    exact("cgroup/getpeername4", ADDR).at(CgroupInet4Getpeername),
    exact("cgroup/getpeername6", ADDR).at(CgroupInet6Getpeername),
    exact("cgroup/getpeername_unix", ADDR).at(CgroupUnixGetpeername),
    exact("cgroup/getsockname4", ADDR).at(CgroupInet4Getsockname),
    exact("cgroup/getsockname6", ADDR).at(CgroupInet6Getsockname),
    exact("cgroup/getsockname_unix", ADDR).at(CgroupUnixGetsockname),
    exact("cgroup/sysctl", ProgType::CgroupSysctl).at(CgroupSysctl),
    exact("cgroup/getsockopt", ProgType::CgroupSockopt).at(CgroupGetsockopt),
    exact("cgroup/setsockopt", ProgType::CgroupSockopt).at(CgroupSetsockopt),
    exact("cgroup/dev", ProgType::CgroupDevice).at(CgroupDevice),
    prefix("struct_ops", ProgType::StructOps),
    prefix("struct_ops.s", ProgType::StructOps).sleepable(),
    exact("sk_lookup", ProgType::SkLookup).at(SkLookup),
    exact("netfilter", ProgType::Netfilter).at(Netfilter),
];
