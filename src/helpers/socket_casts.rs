//! Sockets as the kernel's own structures: `struct tcp_sock` and its kin.
//!
//! A socket of the machine gets its structure when a program first asks for it, with the fields that the
//! user-visible one has; the rest is zero. A structure that is given, and is one already, stays what it is.

use super::{Call, Entry, HelperError, Reply};
use crate::btf::{Btf, KindFilter};
use crate::isa::Size;
use crate::machine::socket::{AF_INET6, AF_UNIX};
use crate::machine::{Addr, Machine, ObjectKind, ObjectSpec, Owner, ProgramAccess, socket};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(136, "bpf_skc_to_tcp6_sock", to_tcp6),
    Entry::new(137, "bpf_skc_to_tcp_sock", to_tcp),
    Entry::new(138, "bpf_skc_to_tcp_timewait_sock", to_timewait),
    Entry::new(139, "bpf_skc_to_tcp_request_sock", to_request),
    Entry::new(140, "bpf_skc_to_udp6_sock", to_udp6),
    Entry::new(178, "bpf_skc_to_unix_sock", to_unix),
    Entry::new(196, "bpf_skc_to_mptcp_sock", to_mptcp),
];

const TCP: u64 = 6;
const UDP: u64 = 17;
/// States of sockets that are not full.
const TIME_WAIT: u64 = 6;
const REQUEST: u64 = 12;

/// What a socket is, however it is laid out.
struct Facts {
    family: u64,
    protocol: u64,
    state: u64,
}

impl Facts {
    fn of(call: &Call<'_>, sk: Addr) -> Result<Facts, HelperError> {
        let is_user_visible = is_user_visible(call, sk);
        let field = |off: u64, path: &str| match is_user_visible {
            true => call
                .memory()
                .peek_uint(sk.offset(off.cast_signed()), Size::W),
            false => Ok(call.kernel_field(sk, "sock", path)),
        };
        Ok(Facts {
            family: field(socket::FAMILY, "__sk_common.skc_family")?,
            protocol: field(socket::PROTOCOL, "sk_protocol")?,
            state: field(socket::STATE, "__sk_common.skc_state")?,
        })
    }

    fn is_full(&self) -> bool {
        self.state != TIME_WAIT && self.state != REQUEST
    }
}

/// Whether a socket is laid out as programs see one, and not as the kernel does.
fn is_user_visible(call: &Call<'_>, sk: Addr) -> bool {
    let object = call.memory().describe(sk);
    object.is_some_and(|object| &*object.name == "socket" && object.len == socket::LEN)
}

/// The structure of that name for a socket of which that is true; else null.
fn cast(call: &Call<'_>, structure: &str, is_one: impl Fn(&Facts) -> bool) -> Reply {
    let sk = Addr(call.args[0]);
    if sk.is_null() {
        return Ok(0);
    }
    let facts = Facts::of(call, sk)?;
    if !is_one(&facts) {
        return Ok(0);
    }
    match is_user_visible(call, sk) {
        true => {
            let btf = call.world.kernel.btf();
            Ok(socket_structure(call.world.machine, btf, structure, sk)?.0)
        }
        false => Ok(sk.0),
    }
}

/// The structure of that name, one that begins with a `struct sock`, for a socket of the machine that lies at `sk` as
/// programs see it.
///
/// # Errors
/// The kernel's types have no such structure, or there is no memory.
pub fn socket_structure(
    machine: &Machine,
    btf: &Btf,
    name: &str,
    sk: Addr,
) -> Result<Addr, HelperError> {
    let holder = machine.holders.get(sk);
    let number = holder.map_or(0, |holder| holder.number);
    if let Some(known) = machine.sockets.structure(number, name) {
        return Ok(known);
    }
    let size = btf
        .find(name, KindFilter::STRUCT)
        .and_then(|id| btf.size_of(id));
    let size = size.ok_or(HelperError::Refused(
        "the kernel's types have no such socket",
    ))?;
    let spec = ObjectSpec::new(ObjectKind::KernelObject, name, Owner::Kernel)
        .with_access(ProgramAccess::ReadOnly);
    let at = machine.memory.allocate(size, &spec);
    let at = at.map_err(|_| HelperError::Refused("there is no memory for the socket"))?;
    let field = |off: u64, size| {
        let memory = &machine.memory;
        memory.peek_uint(sk.offset(off.cast_signed()), size)
    };
    let port = field(socket::SRC_PORT, Size::W)?;
    let is_tcp = matches!(name, "tcp_sock" | "tcp6_sock");
    let tcp = |off: u64| match is_tcp {
        true => field(socket::TCP + off, Size::W),
        false => Ok(0),
    };
    for (structure, path, value) in [
        (
            "sock",
            "__sk_common.skc_family",
            field(socket::FAMILY, Size::W)?,
        ),
        (
            "sock",
            "__sk_common.skc_state",
            field(socket::STATE, Size::W)?,
        ),
        ("sock", "__sk_common.skc_num", port),
        (
            "sock",
            "__sk_common.skc_dport",
            field(socket::DST_PORT, Size::H)?,
        ),
        (
            "sock",
            "__sk_common.skc_rcv_saddr",
            field(socket::SRC_IP4, Size::W)?,
        ),
        (
            "sock",
            "__sk_common.skc_daddr",
            field(socket::DST_IP4, Size::W)?,
        ),
        ("sock", "__sk_common.skc_cookie.counter", number),
        ("sock", "sk_protocol", field(socket::PROTOCOL, Size::W)?),
        ("sock", "sk_type", field(socket::TYPE, Size::W)?),
        ("inet_sock", "inet_sport", u64::from((port as u16).to_be())),
        ("tcp_sock", "snd_cwnd", tcp(0)?),
        ("tcp_sock", "snd_ssthresh", tcp(12)?),
        ("tcp_sock", "mss_cache", tcp(28)?),
        ("tcp_sock", "snd_cwnd_clamp", u32::MAX.into()),
    ] {
        if structure == "tcp_sock" && !is_tcp {
            continue;
        }
        let btf_id = btf.find(structure, KindFilter::STRUCT);
        let Some(member) = btf_id.and_then(|id| btf.member_path(id, path)) else {
            continue;
        };
        let width = btf
            .size_of(member.ty)
            .and_then(|size| u32::try_from(size).ok());
        let off = member.bit_offset / 8;
        // Those of connections that are over or not there yet are not full.
        let Some(width) = width.and_then(Size::from_bytes) else {
            continue;
        };
        if off.saturating_add(width.bytes().into()) <= size {
            machine
                .memory
                .poke_uint(at.offset(off.cast_signed()), width, value)?;
        }
    }
    if let Some(holder) = holder {
        machine.holders.insert(at, holder);
    }
    machine.sockets.keep_structure(number, name, at);
    Ok(at)
}

/// `struct tcp6_sock *bpf_skc_to_tcp6_sock(void *sk)`
fn to_tcp6(call: &mut Call<'_>) -> Reply {
    cast(call, "tcp6_sock", |sk| {
        sk.is_full() && sk.protocol == TCP && sk.family == AF_INET6
    })
}

/// `struct tcp_sock *bpf_skc_to_tcp_sock(void *sk)`
fn to_tcp(call: &mut Call<'_>) -> Reply {
    cast(call, "tcp_sock", |sk| sk.is_full() && sk.protocol == TCP)
}

/// `struct tcp_timewait_sock *bpf_skc_to_tcp_timewait_sock(void *sk)`
fn to_timewait(call: &mut Call<'_>) -> Reply {
    cast(call, "tcp_timewait_sock", |sk| sk.state == TIME_WAIT)
}

/// `struct tcp_request_sock *bpf_skc_to_tcp_request_sock(void *sk)`
fn to_request(call: &mut Call<'_>) -> Reply {
    cast(call, "tcp_request_sock", |sk| sk.state == REQUEST)
}

/// `struct udp6_sock *bpf_skc_to_udp6_sock(void *sk)`
fn to_udp6(call: &mut Call<'_>) -> Reply {
    cast(call, "udp6_sock", |sk| {
        sk.is_full() && sk.protocol == UDP && sk.family == AF_INET6
    })
}

/// `struct unix_sock *bpf_skc_to_unix_sock(void *sk)`
fn to_unix(call: &mut Call<'_>) -> Reply {
    cast(call, "unix_sock", |sk| sk.family == AF_UNIX)
}

/// `struct mptcp_sock *bpf_skc_to_mptcp_sock(void *sk)`: none is part of one.
fn to_mptcp(_call: &mut Call<'_>) -> Reply {
    Ok(0)
}
