//! Sockets as the kernel's own structures: `struct tcp_sock` and its kin.
//!
//! A socket of the machine gets its structure when a program first asks for it, with the fields that the
//! user-visible one has; the rest is zero. A structure that is given, and is one already, stays what it is.

use super::{Call, Entry, HelperError, Reply};
use crate::btf::KindFilter;
use crate::isa::Size;
use crate::machine::{Addr, ObjectKind, ObjectSpec, Owner, ProgramAccess, socket};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(136, "bpf_skc_to_tcp6_sock", to_tcp6),
    Entry::new(137, "bpf_skc_to_tcp_sock", to_tcp),
    Entry::new(138, "bpf_skc_to_tcp_timewait_sock", to_timewait),
    Entry::new(139, "bpf_skc_to_tcp_request_sock", to_request),
    Entry::new(140, "bpf_skc_to_udp6_sock", to_udp6),
    Entry::new(178, "bpf_skc_to_unix_sock", to_unix),
    Entry::new(196, "bpf_skc_to_mptcp_sock", to_mptcp),
];

const AF_UNIX: u64 = 1;
const AF_INET6: u64 = 10;
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
        true => Ok(laid_out(call, structure, sk, &facts)?.0),
        false => Ok(sk.0),
    }
}

/// The structure of a socket of the machine.
fn laid_out(call: &Call<'_>, name: &str, sk: Addr, facts: &Facts) -> Result<Addr, HelperError> {
    let machine = call.world.machine;
    let holder = machine.holders.get(sk);
    let number = holder.map_or(0, |holder| holder.number);
    if let Some(known) = machine.sockets.structure(number, name) {
        return Ok(known);
    }
    let btf = call.world.kernel.btf();
    let size = btf
        .find(name, KindFilter::STRUCT)
        .and_then(|id| btf.size_of(id));
    let size = size.ok_or(HelperError::Refused(
        "the kernel's types have no such socket",
    ))?;
    let spec = ObjectSpec::new(ObjectKind::KernelObject, name, Owner::Kernel)
        .with_access(ProgramAccess::ReadOnly);
    let at = call.memory().allocate(size, &spec);
    let at = at.map_err(|_| HelperError::Refused("there is no memory for the socket"))?;
    let port = |off: u64, size| call.memory().peek_uint(sk.offset(off.cast_signed()), size);
    // All of these begin with a `struct sock`.
    for (path, value) in [
        ("__sk_common.skc_family", facts.family),
        ("__sk_common.skc_state", facts.state),
        ("__sk_common.skc_num", port(socket::SRC_PORT, Size::W)?),
        ("__sk_common.skc_dport", port(socket::DST_PORT, Size::H)?),
        ("__sk_common.skc_rcv_saddr", port(socket::SRC_IP4, Size::W)?),
        ("__sk_common.skc_daddr", port(socket::DST_IP4, Size::W)?),
        ("__sk_common.skc_cookie.counter", number),
        ("sk_protocol", facts.protocol),
        ("sk_type", port(socket::TYPE, Size::W)?),
    ] {
        if let Some((off, size)) = call.member("sock", path) {
            call.memory().poke_uint(at.offset(off), size, value)?;
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
