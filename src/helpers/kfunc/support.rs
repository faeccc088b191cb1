//! How far each kernel function is what it is in the kernel, as `docs/support.md` says it.

use super::entry;
use crate::abi::kfuncs::Kfunc;
use crate::maps::Support;

/// What bodies leave out.
const PARTIAL: &[(&str, &str)] = &[
    (
        "bpf_dynptr_from_skb",
        "of the packet that a run is about, not of a sk_buff that a hook is given",
    ),
    ("bpf_cpumask_any_distribute", THE_FIRST),
    ("bpf_cpumask_any_and_distribute", THE_FIRST),
    ("bpf_cast_to_kern_ctx", SOME_CONTEXTS),
    ("bpf_iter_task_vma_new", SOME_AREAS),
    ("bpf_lookup_user_key", NO_KEYS),
    ("bpf_crypto_ctx_create", SOME_CIPHERS),
    ("bpf_xdp_ct_lookup", OWN_CONNECTIONS),
    ("bpf_skb_ct_lookup", OWN_CONNECTIONS),
    ("bpf_ct_set_nat_info", OWN_PORT),
    (
        "bpf_sock_destroy",
        "a socket of datagrams is gone altogether, and maps keep what they hold",
    ),
    ("bpf_get_dentry_xattr", NO_ATTRIBUTES),
    ("bpf_get_file_xattr", NO_ATTRIBUTES),
    ("cgroup_rstat_updated", NO_STATISTICS),
    ("cgroup_rstat_flush", NO_STATISTICS),
];

const SOME_CONTEXTS: &str = "of packets and probes; a packet's is as it was when the program began, without what the context does not show";
const SOME_CIPHERS: &str = "ecb(aes) and cbc(aes)";
const OWN_CONNECTIONS: &str =
    "finds what programs put into the table, or the machine was told of: no packet is tracked";
const OWN_PORT: &str = "a port that is not given stays, even if another connection has it";
const SOME_AREAS: &str =
    "the current process's code and stack; areas of others are not known, and none are given";
const NO_ATTRIBUTES: &str = "no file has attributes";
const NO_KEYS: &str = "no user has keys: it finds none";
const THE_FIRST: &str = "gives the first CPU each time";
const NO_STATISTICS: &str =
    "nobody keeps statistics of cgroups, and no program at `bpf_rstat_flush` is run";

/// What can mean nothing in a simulator, and why.
const REFUSED: &[(&str, &str)] = &[
    ("crash_kexec", "there is no machine to bring down"),
    (
        "bpf_verify_pkcs7_signature",
        "there are no certificates to trust",
    ),
    ("cubictcp_init", NO_CUBIC),
    ("cubictcp_recalc_ssthresh", NO_CUBIC),
    ("cubictcp_cong_avoid", NO_CUBIC),
    ("cubictcp_state", NO_CUBIC),
    ("cubictcp_cwnd_event", NO_CUBIC),
    ("cubictcp_acked", NO_CUBIC),
    ("bpf_xdp_metadata_rx_timestamp", NO_DEVICE),
    ("bpf_xdp_metadata_rx_hash", NO_DEVICE),
    ("bpf_xdp_metadata_rx_vlan_tag", NO_DEVICE),
    ("bpf_sk_assign_tcp_reqsk", NO_TCP),
];

const NO_DEVICE: &str = "no program is loaded for one device, and Linux refuses all others";
const NO_TCP: &str = "no connection runs here";
const NO_CUBIC: &str =
    "the kernel's own congestion control is not modelled, but for what all of them share";

/// What the kernel has of a function and we have not.
pub fn support(kfunc: &Kfunc) -> Support {
    let of = |rows: &[(&str, &'static str)]| {
        rows.iter().find(|row| row.0 == kfunc.name).map(|row| row.1)
    };
    match (entry(kfunc.name), of(PARTIAL), of(REFUSED)) {
        (_, _, Some(why)) => Support::Refused(why),
        (None, _, None) => Support::Partial("judged, not run"),
        (Some(_), Some(what), None) => Support::Partial(what),
        (Some(_), None, None) => Support::Full,
    }
}

/// Why a function can mean nothing here, if it is one of these.
pub fn refusal(name: &str) -> Option<&'static str> {
    let row = REFUSED.iter().find(|row| row.0 == name);
    row.map(|row| row.1)
}
