//! How far a pointer that was loaded from a kernel structure is trusted.
//!
//! That hangs on how far the structure is, on the member, for some are known to be valid as long as
//! their structure is, and on whether the program runs in a read-side critical section, which it
//! does unless it may sleep.
//!
//! Kernel: `check_ptr_to_btf_access` and the `BTF_TYPE_SAFE_` lists in kernel/bpf/verifier.c, 6.12.

use super::explore::Verifier;
use super::kernel_object::{Found, Tag};
use super::state::{Kind, Register, Trust};

/// Members that are valid as long as their structure, which is trusted.
const TRUSTED: [(&str, &[&str]); 5] = [
    ("bpf_iter_meta", &["seq"]),
    ("bpf_iter__task", &["meta", "task"]),
    ("linux_binprm", &["file"]),
    ("file", &["f_inode"]),
    ("dentry", &["d_inode"]),
];
/// The same, but they may be null.
const TRUSTED_OR_NULL: [(&str, &[&str]); 1] = [("socket", &["sk"])];
/// Members that are valid in a read-side critical section.
const RCU: [(&str, &[&str]); 3] = [
    (
        "task_struct",
        &["cpus_ptr", "cgroups", "real_parent", "group_leader"],
    ),
    ("cgroup", &["kn"]),
    ("css_set", &["dfl_cgrp"]),
];
/// The same, but they may be null.
const RCU_OR_NULL: [(&str, &[&str]); 3] = [
    ("mm_struct", &["exe_file"]),
    ("sk_buff", &["sk"]),
    ("request_sock", &["sk"]),
];

impl Verifier<'_> {
    /// The pointer that a load through `pointer`, to a structure of that name, yields.
    pub(super) fn walked(&mut self, pointer: &Register, name: &str, found: &Found) -> Register {
        let member = found.member.as_str();
        let listed = |list: &[(&str, &[&str])]| {
            list.iter()
                .any(|(of, members)| *of == name && members.contains(&member))
        };
        let Kind::Btf(_, from) = pointer.kind else {
            return Register::unknown();
        };
        let in_section = self.in_rcu();
        // A union may hold something else than the pointer.
        let kept = match found.through_union {
            true => Trust::Untrusted,
            false => Trust::Plain,
        };
        let tagged = match found.tag {
            Tag::None | Tag::Rcu => kept,
            Tag::User => Trust::User,
            Tag::PerCpu => Trust::PerCpu,
        };
        let is_trusted = matches!(from, Trust::Trusted | Trust::Rcu) || pointer.ref_id != 0;
        let (trust, may_be_null) = match from {
            Trust::Untrusted => (Trust::Untrusted, false),
            _ if !is_trusted => (tagged, false),
            _ if listed(&TRUSTED) => (Trust::Trusted, false),
            _ if listed(&TRUSTED_OR_NULL) => (Trust::Trusted, true),
            _ if !in_section => (Trust::Untrusted, false),
            _ if listed(&RCU) => (Trust::Rcu, false),
            _ if listed(&RCU_OR_NULL) => (Trust::Rcu, true),
            _ if found.tag == Tag::Rcu && !found.through_union => (Trust::Rcu, true),
            _ => (tagged, false),
        };
        let walked = Register::pointer(Kind::Btf(found.pointee, trust));
        if may_be_null {
            self.or_null(walked)
        } else {
            walked
        }
    }
}
