//! What a program may return (`check_return_code`, 6.12).
//!
//! It holds ranges, not their meaning: what a value does is the business of who runs the program.

use super::{AttachType, ProgType};

/// What the kernel function behind an LSM hook returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LsmHook {
    /// 0 or a negative error.
    Errno,
    /// A yes or no.
    Bool,
    /// Nothing.
    Void,
}

/// The smallest and largest value that such a program may return, both included; `None` where any
/// will do. LSM programs are taken to be on a hook that returns an error number; ask
/// [`lsm_return_range`] for the others. An `ext` program has its target's range.
pub fn return_range(prog_type: ProgType, attach_type: Option<AttachType>) -> Option<(i64, i64)> {
    match prog_type {
        ProgType::CgroupSkb if attach_type == Some(AttachType::CgroupInetEgress) => Some((0, 3)),
        ProgType::CgroupSockAddr => Some(sock_addr(attach_type)),
        ProgType::CgroupSkb
        | ProgType::CgroupSock
        | ProgType::SockOps
        | ProgType::CgroupDevice
        | ProgType::CgroupSysctl
        | ProgType::CgroupSockopt
        | ProgType::SkLookup
        | ProgType::Netfilter => Some((0, 1)),
        ProgType::Tracing => match attach_type {
            Some(AttachType::TraceFentry | AttachType::TraceFexit) => Some((0, 0)),
            Some(AttachType::TraceIter) => Some((0, 1)),
            _ => None,
        },
        ProgType::Kprobe if attach_type == Some(AttachType::TraceKprobeSession) => Some((0, 1)),
        ProgType::Lsm => lsm_return_range(attach_type, LsmHook::Errno),
        ProgType::Unspec
        | ProgType::SocketFilter
        | ProgType::Kprobe
        | ProgType::SchedCls
        | ProgType::SchedAct
        | ProgType::Tracepoint
        | ProgType::Xdp
        | ProgType::PerfEvent
        | ProgType::LwtIn
        | ProgType::LwtOut
        | ProgType::LwtXmit
        | ProgType::SkSkb
        | ProgType::SkMsg
        | ProgType::RawTracepoint
        | ProgType::LwtSeg6local
        | ProgType::LircMode2
        | ProgType::SkReuseport
        | ProgType::FlowDissector
        | ProgType::RawTracepointWritable
        | ProgType::StructOps
        | ProgType::Ext
        | ProgType::Syscall => None,
    }
}

fn sock_addr(attach_type: Option<AttachType>) -> (i64, i64) {
    use AttachType::{
        CgroupInet4Bind, CgroupInet4Getpeername, CgroupInet4Getsockname, CgroupInet6Bind,
        CgroupInet6Getpeername, CgroupInet6Getsockname, CgroupUdp4Recvmsg, CgroupUdp6Recvmsg,
        CgroupUnixGetpeername, CgroupUnixGetsockname, CgroupUnixRecvmsg,
    };
    match attach_type {
        Some(CgroupInet4Bind | CgroupInet6Bind) => (0, 3),
        // These cannot refuse.
        Some(
            CgroupUdp4Recvmsg
            | CgroupUdp6Recvmsg
            | CgroupUnixRecvmsg
            | CgroupInet4Getpeername
            | CgroupInet6Getpeername
            | CgroupUnixGetpeername
            | CgroupInet4Getsockname
            | CgroupInet6Getsockname
            | CgroupUnixGetsockname,
        ) => (1, 1),
        _ => (0, 1),
    }
}

/// The range of an LSM program on a hook of that kind.
pub fn lsm_return_range(attach_type: Option<AttachType>, hook: LsmHook) -> Option<(i64, i64)> {
    let cgroup = attach_type == Some(AttachType::LsmCgroup);
    match (cgroup, hook) {
        (true, LsmHook::Void) => Some((1, 1)),
        (true, LsmHook::Errno | LsmHook::Bool) | (false, LsmHook::Bool) => Some((0, 1)),
        (false, LsmHook::Errno) => Some((-4095, 0)),
        (false, LsmHook::Void) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBSERVED: &str = include_str!("testdata/returns-6.12.csv");

    #[test]
    fn constants_are_accepted_where_the_kernel_accepts_them() {
        for line in OBSERVED.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(',').collect();
            let prog_type = ProgType::from_name(fields[0]).unwrap();
            let attach_type = AttachType::from_number(fields[1].parse().unwrap());
            let range = match fields[2] {
                "bool" => lsm_return_range(attach_type, LsmHook::Bool),
                "void" => lsm_return_range(attach_type, LsmHook::Void),
                _ => return_range(prog_type, attach_type),
            };
            let accepted: Vec<i64> = fields[3]
                .split(' ')
                .map(|word| word.parse().unwrap())
                .collect();
            for value in [
                -2147483647,
                -4096,
                -4095,
                -1,
                0,
                1,
                2,
                3,
                4,
                5,
                100,
                65535,
                2147483647,
            ] {
                let ours = range.is_none_or(|(low, high)| (low..=high).contains(&value));
                assert_eq!(ours, accepted.contains(&value), "{line}: {value}");
            }
        }
    }
}
