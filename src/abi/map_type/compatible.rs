//! Which helpers may take which maps (`check_map_func_compatibility`, 6.12).
//!
//! Two tables, as in the kernel: some maps are for a few helpers only, and some helpers are for a
//! few maps only. A pair passes when neither table forbids it. Helpers are named by number; the
//! names are in [`crate::abi::helpers`].

use super::MapType::{self, *};
use crate::abi::{AttachType, ProgType};

const LOOKUP: u32 = 1;
const UPDATE: u32 = 2;
const DELETE: u32 = 3;
const TAIL_CALL: u32 = 12;
const PERF_EVENT_READ: u32 = 22;
const PERF_EVENT_OUTPUT: u32 = 25;
const GET_STACKID: u32 = 27;
const SKB_UNDER_CGROUP: u32 = 33;
const CURRENT_TASK_UNDER_CGROUP: u32 = 37;
const REDIRECT_MAP: u32 = 51;
const SK_REDIRECT_MAP: u32 = 52;
const SOCK_MAP_UPDATE: u32 = 53;
const PERF_EVENT_READ_VALUE: u32 = 55;
const MSG_REDIRECT_MAP: u32 = 60;
const SOCK_HASH_UPDATE: u32 = 70;
const MSG_REDIRECT_HASH: u32 = 71;
const SK_REDIRECT_HASH: u32 = 72;
const GET_LOCAL_STORAGE: u32 = 81;
const SK_SELECT_REUSEPORT: u32 = 82;
const PUSH: u32 = 87;
const POP: u32 = 88;
const PEEK: u32 = 89;
const SK_STORAGE_GET: u32 = 107;
const SK_STORAGE_DELETE: u32 = 108;
const SKB_OUTPUT: u32 = 111;
const XDP_OUTPUT: u32 = 121;
const RINGBUF_OUTPUT: u32 = 130;
const RINGBUF_RESERVE: u32 = 131;
const RINGBUF_QUERY: u32 = 134;
const INODE_STORAGE_GET: u32 = 145;
const INODE_STORAGE_DELETE: u32 = 146;
const TASK_STORAGE_GET: u32 = 156;
const TASK_STORAGE_DELETE: u32 = 157;
const KPTR_XCHG: u32 = 194;
const LOOKUP_PERCPU: u32 = 195;
const RINGBUF_RESERVE_DYNPTR: u32 = 198;
const USER_RINGBUF_DRAIN: u32 = 209;
const CGRP_STORAGE_GET: u32 = 210;
const CGRP_STORAGE_DELETE: u32 = 211;

/// Whether the kernel lets a program pass a map of that type to the helper of that number.
///
/// [`may_update_sockmap`] decides of `map_update_elem` and `map_delete_elem` on socket maps besides.
pub fn map_func_compatible(map_type: MapType, helper: u32) -> bool {
    let map_allows = helpers_of(map_type).is_none_or(|helpers| helpers.contains(&helper));
    let helper_allows = maps_of(helper).is_none_or(|maps| maps.contains(&map_type));
    map_allows && helper_allows
}

/// Whether such programs may change socket maps with `map_update_elem` or `map_delete_elem`, that
/// helper (`may_update_sockmap`).
pub fn may_update_sockmap(
    prog_type: ProgType,
    attach_type: Option<AttachType>,
    helper: u32,
) -> bool {
    match prog_type {
        // They update with helpers of their own.
        ProgType::SockOps => helper == DELETE,
        ProgType::Tracing => attach_type == Some(AttachType::TraceIter),
        ProgType::SocketFilter
        | ProgType::SchedCls
        | ProgType::SchedAct
        | ProgType::Xdp
        | ProgType::SkReuseport
        | ProgType::FlowDissector
        | ProgType::SkLookup => true,
        _ => false,
    }
}

/// The only helpers that may take maps of that type, if not all may.
fn helpers_of(map_type: MapType) -> Option<&'static [u32]> {
    Some(match map_type {
        ProgArray => &[TAIL_CALL],
        PerfEventArray => &[
            PERF_EVENT_READ,
            PERF_EVENT_OUTPUT,
            SKB_OUTPUT,
            PERF_EVENT_READ_VALUE,
            XDP_OUTPUT,
        ],
        Ringbuf => &[
            RINGBUF_OUTPUT,
            RINGBUF_RESERVE,
            RINGBUF_QUERY,
            RINGBUF_RESERVE_DYNPTR,
        ],
        UserRingbuf => &[USER_RINGBUF_DRAIN],
        StackTrace => &[GET_STACKID],
        CgroupArray => &[SKB_UNDER_CGROUP, CURRENT_TASK_UNDER_CGROUP],
        CgroupStorage | PercpuCgroupStorage => &[GET_LOCAL_STORAGE],
        Devmap | DevmapHash | Xskmap => &[REDIRECT_MAP, LOOKUP],
        Cpumap => &[REDIRECT_MAP],
        ArrayOfMaps | HashOfMaps => &[LOOKUP],
        Sockmap => &[
            SK_REDIRECT_MAP,
            SOCK_MAP_UPDATE,
            DELETE,
            MSG_REDIRECT_MAP,
            SK_SELECT_REUSEPORT,
            LOOKUP,
            UPDATE,
        ],
        Sockhash => &[
            SK_REDIRECT_HASH,
            SOCK_HASH_UPDATE,
            DELETE,
            MSG_REDIRECT_HASH,
            SK_SELECT_REUSEPORT,
            LOOKUP,
            UPDATE,
        ],
        ReuseportSockarray => &[SK_SELECT_REUSEPORT],
        Queue | Stack => &[PEEK, POP, PUSH],
        SkStorage => &[SK_STORAGE_GET, SK_STORAGE_DELETE, KPTR_XCHG],
        InodeStorage => &[INODE_STORAGE_GET, INODE_STORAGE_DELETE, KPTR_XCHG],
        TaskStorage => &[TASK_STORAGE_GET, TASK_STORAGE_DELETE, KPTR_XCHG],
        CgrpStorage => &[CGRP_STORAGE_GET, CGRP_STORAGE_DELETE, KPTR_XCHG],
        BloomFilter => &[PEEK, PUSH],
        Unspec | Hash | Array | PercpuHash | PercpuArray | LruHash | LruPercpuHash | LpmTrie
        | StructOps | Arena => return None,
    })
}

/// The only maps that a helper may take, if it may not take all.
fn maps_of(helper: u32) -> Option<&'static [MapType]> {
    Some(match helper {
        TAIL_CALL => &[ProgArray],
        PERF_EVENT_READ | PERF_EVENT_OUTPUT | PERF_EVENT_READ_VALUE | SKB_OUTPUT | XDP_OUTPUT => {
            &[PerfEventArray]
        }
        RINGBUF_OUTPUT | RINGBUF_RESERVE | RINGBUF_QUERY | RINGBUF_RESERVE_DYNPTR => &[Ringbuf],
        USER_RINGBUF_DRAIN => &[UserRingbuf],
        GET_STACKID => &[StackTrace],
        CURRENT_TASK_UNDER_CGROUP | SKB_UNDER_CGROUP => &[CgroupArray],
        REDIRECT_MAP => &[Devmap, DevmapHash, Cpumap, Xskmap],
        SK_REDIRECT_MAP | MSG_REDIRECT_MAP | SOCK_MAP_UPDATE => &[Sockmap],
        SK_REDIRECT_HASH | MSG_REDIRECT_HASH | SOCK_HASH_UPDATE => &[Sockhash],
        GET_LOCAL_STORAGE => &[CgroupStorage, PercpuCgroupStorage],
        SK_SELECT_REUSEPORT => &[ReuseportSockarray, Sockmap, Sockhash],
        POP => &[Queue, Stack],
        PEEK | PUSH => &[Queue, Stack, BloomFilter],
        LOOKUP_PERCPU => &[PercpuArray, PercpuHash, LruPercpuHash],
        SK_STORAGE_GET | SK_STORAGE_DELETE => &[SkStorage],
        INODE_STORAGE_GET | INODE_STORAGE_DELETE => &[InodeStorage],
        TASK_STORAGE_GET | TASK_STORAGE_DELETE => &[TaskStorage],
        CGRP_STORAGE_GET | CGRP_STORAGE_DELETE => &[CgrpStorage],
        _ => return None,
    })
}
