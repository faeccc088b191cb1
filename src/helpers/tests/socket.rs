//! The socket that a packet belongs to.

use super::bench::{Bench, Owned, errno};
use crate::abi::ProgType;
use crate::isa::Size;
use crate::machine::{Addr, Errno, Holder, HolderKind, ObjectKind, SkBuff, SkbLayer, socket};

const SK_REDIRECT_MAP: i32 = 52;
const SK_SELECT_REUSEPORT: i32 = 82;
const GET_SOCKET_COOKIE: i32 = 46;
const GET_SOCKET_UID: i32 = 47;
const SKB_CGROUP_ID: i32 = 79;
const SK_FULLSOCK: i32 = 95;
const TCP_SOCK: i32 = 96;
const GET_LISTENER_SOCK: i32 = 98;
const SKB_UNDER_CGROUP: i32 = 33;
/// Offset of `sk` in `struct __sk_buff`.
const SK: u32 = 168;

/// A bench with a packet, and the packet's socket if it shall have one.
fn skb(socket: Option<&[(u64, u32)]>) -> (Bench, u64) {
    let mut bench = Bench::new();
    bench.prog_type = ProgType::CgroupSkb;
    let skb = SkBuff::new(&bench.machine.memory, &[0; 60], SkbLayer::Network).expect("memory");
    let at = bench.object(ObjectKind::KernelObject, &[0; socket::LEN as usize]);
    let memory = &bench.machine.memory;
    for (off, value) in socket.unwrap_or_default() {
        let field = at.offset(off.cast_signed());
        memory
            .poke_uint(field, Size::W, u64::from(*value))
            .expect("in bounds");
    }
    let sk = if socket.is_some() { at } else { Addr::NULL };
    skb.set_field(memory, SK, Size::DW, sk.0);
    let holder = Holder {
        kind: HolderKind::Socket,
        number: 33,
    };
    bench.machine.holders.insert(at, holder);
    bench.packet = Some(Owned::Skb(skb));
    (bench, at.0)
}

#[test]
fn packet_without_a_socket_has_no_cookie_and_nobodys_user() {
    let (mut bench, _) = skb(None);
    assert_eq!(bench.call(GET_SOCKET_COOKIE, [0]), 0);
    assert_eq!(bench.call(GET_SOCKET_UID, [0]), 65534);
    assert_eq!(bench.call(SKB_CGROUP_ID, [0]), 0);
    let groups = bench.map("groups cgroup_array 4 4 1").handle.0;
    assert_eq!(
        bench.call(SKB_UNDER_CGROUP, [0, groups, 0]),
        errno(Errno::ENOENT)
    );
}

#[test]
fn packets_socket_is_told_of() {
    let (mut bench, sk) = skb(Some(&[(socket::UID, 7), (socket::STATE, 1)]));
    bench.task.cgroup_id = 99;
    assert_eq!(bench.call(GET_SOCKET_COOKIE, [0]), 33);
    assert_eq!(bench.call(GET_SOCKET_UID, [0]), 7);
    assert_eq!(bench.call(SKB_CGROUP_ID, [0]), 99);
    assert_eq!(bench.call(SK_FULLSOCK, [sk]), sk as i64);
    assert_eq!(bench.call(GET_LISTENER_SOCK, [sk]), 0);
    assert_eq!(bench.call(TCP_SOCK, [sk]), 0);
    let groups = bench.map("groups cgroup_array 4 4 1").handle.0;
    assert_eq!(
        bench.call(SKB_UNDER_CGROUP, [0, groups, 0]),
        errno(Errno::EAGAIN)
    );
}

#[test]
fn socket_that_waits_or_listens_is_no_other() {
    const TIME_WAIT: u32 = 6;
    const LISTEN: u32 = 10;
    let (mut bench, sk) = skb(Some(&[(socket::STATE, TIME_WAIT)]));
    assert_eq!(bench.call(SK_FULLSOCK, [sk]), 0);
    let tcp = [
        (socket::TYPE, 1),
        (socket::PROTOCOL, 6),
        (socket::STATE, LISTEN),
    ];
    let (mut bench, sk) = skb(Some(&tcp));
    assert_eq!(bench.call(GET_LISTENER_SOCK, [sk]), sk as i64);
    // What TCP knows lies behind what programs see of any socket.
    assert_eq!(bench.call(TCP_SOCK, [sk]), (sk + socket::TCP) as i64);
}

#[test]
fn maps_of_sockets_without_any_lead_nowhere() {
    let mut bench = Bench::new();
    let map = bench.map("sockets sockmap 4 8 1").handle.0;
    assert_eq!(bench.call(SK_REDIRECT_MAP, [0, map, 0, 0]), 0);
    let key = bench.data(&[0; 4]);
    assert_eq!(
        bench.call(SK_SELECT_REUSEPORT, [0, map, key, 0]),
        errno(Errno::ENOENT)
    );
    assert_eq!(
        bench.call(SK_SELECT_REUSEPORT, [0, map, key, 1]),
        errno(Errno::ENOENT)
    );
    let array = bench.map("array array 4 8 1").handle.0;
    assert!(bench.reply(SK_REDIRECT_MAP, [0, array, 0, 0]).is_err());
}
