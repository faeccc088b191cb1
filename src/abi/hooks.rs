//! What the kernel knows by name of the hooks that programs attach to: which arguments may be null,
//! which may not be trusted, where a program may sleep.
//!
//! Lists only. All were observed of Linux 6.12.117: every LSM hook, every tracepoint of the kernel
//! itself, and every iterator that it is built with.

/// LSM hooks that sleepable programs may attach to.
const SLEEPABLE: [&str; 83] = [
    "bpf",
    "bpf_map",
    "bpf_map_create",
    "bpf_map_free",
    "bpf_prog",
    "bpf_prog_load",
    "bpf_token_capable",
    "bpf_token_cmd",
    "bpf_token_create",
    "bpf_token_free",
    "bprm_check_security",
    "bprm_committed_creds",
    "bprm_committing_creds",
    "bprm_creds_for_exec",
    "bprm_creds_from_file",
    "capget",
    "capset",
    "cred_prepare",
    "current_getsecid_subj",
    "file_ioctl",
    "file_lock",
    "file_open",
    "file_post_open",
    "file_receive",
    "inode_create",
    "inode_free_security",
    "inode_getattr",
    "inode_getxattr",
    "inode_mknod",
    "inode_post_setxattr",
    "inode_readlink",
    "inode_rename",
    "inode_rmdir",
    "inode_setattr",
    "inode_setxattr",
    "inode_symlink",
    "inode_unlink",
    "kernel_module_request",
    "kernel_read_file",
    "kernfs_init_security",
    "mmap_file",
    "netlink_send",
    "path_chmod",
    "path_chown",
    "path_link",
    "path_mkdir",
    "path_notify",
    "path_rename",
    "path_rmdir",
    "path_symlink",
    "path_truncate",
    "path_unlink",
    "release_secctx",
    "sb_alloc_security",
    "sb_eat_lsm_opts",
    "sb_kern_mount",
    "sb_mount",
    "sb_remount",
    "sb_set_mnt_opts",
    "sb_show_options",
    "sb_statfs",
    "sb_umount",
    "settime",
    "socket_accept",
    "socket_bind",
    "socket_connect",
    "socket_create",
    "socket_getpeername",
    "socket_getpeersec_dgram",
    "socket_getsockname",
    "socket_getsockopt",
    "socket_listen",
    "socket_post_create",
    "socket_recvmsg",
    "socket_sendmsg",
    "socket_shutdown",
    "socket_socketpair",
    "syslog",
    "task_alloc",
    "task_getsecid_obj",
    "task_prctl",
    "task_setscheduler",
    "userns_create",
];

/// LSM hooks whose arguments are being made or unmade, and not vouched for.
const UNTRUSTED: [&str; 7] = [
    "bpf_map_free",
    "bpf_prog_free",
    "file_alloc_security",
    "file_free_security",
    "sk_alloc_security",
    "sk_free_security",
    "task_free",
];

/// Functions that may call `bpf_d_path`.
const D_PATH: [&str; 9] = [
    "dentry_open",
    "filp_close",
    "security_file_open",
    "security_file_permission",
    "security_inode_getattr",
    "security_path_truncate",
    "vfs_fallocate",
    "vfs_getattr",
    "vfs_truncate",
];

/// Tracepoints with the indices of the arguments that may be null.
const NULLABLE: [(&str, &[usize]); 25] = [
    ("break_lease_block", &[1]),
    ("break_lease_noblock", &[1]),
    ("break_lease_unblock", &[1]),
    ("fcntl_setlk", &[1]),
    ("fib_table_lookup", &[2]),
    ("flock_lock_inode", &[1]),
    ("folio_wait_writeback", &[1]),
    ("generic_delete_lease", &[1]),
    ("kfree_skb", &[3]),
    ("locks_remove_posix", &[1]),
    ("mm_collapse_huge_page_isolate", &[0]),
    ("mm_khugepaged_scan_pmd", &[1]),
    ("mm_page_alloc", &[0]),
    ("mm_page_alloc_zone_locked", &[0]),
    ("mm_page_pcpu_drain", &[0]),
    ("posix_lock_inode", &[1]),
    ("qdisc_dequeue", &[3]),
    ("sched_pi_setprio", &[1]),
    ("sched_process_wait", &[0]),
    ("sched_stick_numa", &[2]),
    ("sched_swap_numa", &[2]),
    ("tcp_send_reset", &[0, 1]),
    ("time_out_leases", &[1]),
    ("tmigr_update_events", &[0]),
    ("writeback_dirty_folio", &[1]),
];

/// Tracepoints with the index of an argument that may be a small number instead of a pointer.
const OPAQUE: [(&str, usize); 2] = [("signal_deliver", 1), ("signal_generate", 1)];

/// What an argument of a hook is, beyond its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// What its type says.
    Typed,
    /// A number, whatever its type says.
    Number,
    /// What its type says, or null.
    OrNull,
    /// An object that is not vouched for, or null.
    PlainOrNull,
    /// A buffer to read, or null.
    Key,
    /// A buffer to read and write, or null.
    Value,
}

/// Iterators with what their arguments after the first one are.
const ITERATORS: [(&str, &[Given]); 16] = [
    ("bpf_link", &[Given::PlainOrNull]),
    ("bpf_map", &[Given::OrNull]),
    ("bpf_map_elem", &[Given::Typed, Given::Key, Given::Value]),
    ("bpf_prog", &[Given::PlainOrNull]),
    (
        "bpf_sk_storage_map",
        &[Given::Typed, Given::PlainOrNull, Given::Value],
    ),
    ("cgroup", &[Given::OrNull]),
    ("ipv6_route", &[Given::PlainOrNull]),
    ("ksym", &[Given::PlainOrNull]),
    ("netlink", &[Given::PlainOrNull]),
    ("sockmap", &[Given::Typed, Given::Key, Given::PlainOrNull]),
    ("task", &[Given::OrNull]),
    (
        "task_file",
        &[Given::PlainOrNull, Given::Typed, Given::PlainOrNull],
    ),
    ("task_vma", &[Given::PlainOrNull, Given::PlainOrNull]),
    ("tcp", &[Given::OrNull, Given::Typed]),
    ("udp", &[Given::OrNull, Given::Typed, Given::Typed]),
    ("unix", &[Given::PlainOrNull, Given::Typed]),
];

/// Whether sleepable programs may attach to that LSM hook.
pub fn may_sleep(hook: &str) -> bool {
    SLEEPABLE.contains(&hook)
}

/// Whether the kernel vouches for the arguments of that LSM hook.
pub fn is_trusted(hook: &str) -> bool {
    !UNTRUSTED.contains(&hook)
}

/// Whether a program on that function may call `bpf_d_path`.
pub fn may_ask_path(function: &str) -> bool {
    D_PATH.contains(&function)
}

/// What an argument of that tracepoint is.
pub fn tracepoint_argument(tracepoint: &str, index: usize) -> Given {
    if OPAQUE.contains(&(tracepoint, index)) {
        return Given::Number;
    }
    let found = NULLABLE.iter().find(|(name, _)| *name == tracepoint);
    match found {
        Some((_, indices)) if indices.contains(&index) => Given::OrNull,
        Some(_) | None => Given::Typed,
    }
}

/// What the arguments of that iterator are; `None` when it is not known.
pub fn iterator_arguments(iterator: &str) -> Option<Vec<Given>> {
    let found = ITERATORS.iter().find(|(name, _)| *name == iterator);
    found.map(|(_, given)| {
        std::iter::once(&Given::Typed)
            .chain(*given)
            .copied()
            .collect()
    })
}
