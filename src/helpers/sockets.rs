//! Sockets: looking them up, letting them go, giving them to packets, their options, and what the kernel
//! calls them.
//!
//! Which there are is the machine's affair ([`crate::machine::Sockets`]).

use std::net::{IpAddr, SocketAddr};

use super::map::status;
use super::time::jiffies_of;
use super::{Call, Entry, HelperError, Reply};
use crate::abi::{ProgType, context};
use crate::isa::Size;
use crate::machine::socket::{AF_INET, AF_INET6};
use crate::machine::{Addr, Errno, Protocol, socket};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(49, "bpf_setsockopt", setsockopt),
    Entry::new(57, "bpf_getsockopt", getsockopt),
    Entry::new(59, "bpf_sock_ops_cb_flags_set", sock_ops_cb_flags_set),
    Entry::new(64, "bpf_bind", bind),
    Entry::new(84, "bpf_sk_lookup_tcp", sk_lookup_tcp),
    Entry::new(85, "bpf_sk_lookup_udp", sk_lookup_udp),
    Entry::new(86, "bpf_sk_release", sk_release),
    Entry::new(99, "bpf_skc_lookup_tcp", sk_lookup_tcp),
    Entry::new(124, "bpf_sk_assign", sk_assign),
];

/// Bytes of a `struct bpf_sock_tuple` of either family.
const TUPLE_4: u32 = 12;
const TUPLE_6: u32 = 36;

/// `struct bpf_sock *bpf_sk_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size, u64 netns, u64 flags)`
fn sk_lookup_tcp(call: &mut Call<'_>) -> Reply {
    look_up(call, Protocol::Tcp)
}

/// `struct bpf_sock *bpf_sk_lookup_udp(void *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size, u64 netns, u64 flags)`
fn sk_lookup_udp(call: &mut Call<'_>) -> Reply {
    look_up(call, Protocol::Udp)
}

/// The socket that would receive what has this source and destination; none of another network
/// namespace.
fn look_up(call: &Call<'_>, protocol: Protocol) -> Reply {
    let [_, tuple, size, netns, flags] = call.args;
    let size = size as u32;
    let own_netns = (netns as u32).cast_signed() < 0;
    let bytes = match size {
        TUPLE_4 | TUPLE_6 if flags == 0 && own_netns => {
            call.memory().read_vec(Addr(tuple), size)?
        }
        _ => return Ok(0),
    };
    let Some((remote, local)) = ends(&bytes) else {
        return Ok(0);
    };
    let found = call.world.machine.sockets.find(protocol, local, remote);
    Ok(found.map_or(0, |socket| socket.at.0))
}

/// Source and destination of a tuple: addresses first, then ports.
fn ends(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let width = if bytes.len() == TUPLE_4 as usize {
        4
    } else {
        16
    };
    let address = |index: usize| -> Option<IpAddr> {
        let part = bytes.get(index * width..(index + 1) * width)?;
        Some(match width {
            4 => IpAddr::from(<[u8; 4]>::try_from(part).ok()?),
            _ => IpAddr::from(<[u8; 16]>::try_from(part).ok()?),
        })
    };
    let port = |index: usize| -> Option<u16> {
        let at = 2 * width + 2 * index;
        let part = bytes.get(at..at + 2)?;
        Some(u16::from_be_bytes(part.try_into().ok()?))
    };
    let end = |index| Some(SocketAddr::new(address(index)?, port(index)?));
    Some((end(0)?, end(1)?))
}

/// `long bpf_sk_release(void *sock)`
fn sk_release(_call: &mut Call<'_>) -> Reply {
    Ok(0)
}

/// `long bpf_sk_assign(void *ctx, struct bpf_sock *sk, u64 flags)`, of a packet on its way in or, for
/// programs that look sockets up, of the lookup.
fn sk_assign(call: &mut Call<'_>) -> Reply {
    let [ctx, sk, flags, ..] = call.args;
    if call.world.prog_type == ProgType::SkLookup {
        return assign_to_lookup(call, (Addr(ctx), Addr(sk)), flags);
    }
    if sk == 0 || flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let skb = call.skb()?;
    // Nobody finds a socket that is bound to nothing, as a test run's.
    let kind = call
        .memory()
        .peek_uint(Addr(sk).offset(socket::TYPE.cast_signed()), Size::W)?;
    if !call.is_ingress(skb) || kind == 0 {
        return Ok(Errno::EOPNOTSUPP.as_return());
    }
    skb.set_field(call.memory(), SKB_SK, Size::DW, sk);
    Ok(0)
}

/// Offset of `sk` in `struct __sk_buff`.
const SKB_SK: u32 = 168;

fn assign_to_lookup(call: &Call<'_>, (ctx, sk): (Addr, Addr), flags: u64) -> Reply {
    /// `BPF_SK_LOOKUP_F_REPLACE`, and both flags.
    const REPLACE: u64 = 1;
    const FLAGS: u64 = 3;
    let field = |name: &str| field_at(ProgType::SkLookup, name);
    let (family_at, protocol_at) = (field("family"), field("protocol"));
    let memory = call.memory();
    let old = memory.peek_uint(ctx, Size::DW)?;
    if flags & !FLAGS != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if !sk.is_null() {
        let of = |off: u64| memory.peek_uint(sk.offset(off.cast_signed()), Size::W);
        let wanted = |off: i64| memory.peek_uint(ctx.offset(off), Size::W);
        if of(socket::STATE)? == socket::ESTABLISHED && of(socket::PROTOCOL)? == 6 {
            return Ok(Errno::ESOCKTNOSUPPORT.as_return());
        }
        if of(socket::PROTOCOL)? != wanted(protocol_at)? {
            return Ok(Errno::EPROTOTYPE.as_return());
        }
        if of(socket::FAMILY)? != wanted(family_at)? {
            return Ok(Errno::EAFNOSUPPORT.as_return());
        }
    }
    if old != 0 && flags & REPLACE == 0 {
        return Ok(Errno::EEXIST.as_return());
    }
    memory.poke_uint(ctx, Size::DW, sk.0)?;
    Ok(0)
}

/// Where a field of a context is in guest memory.
pub(super) fn field_at(prog_type: ProgType, name: &str) -> i64 {
    let context::Shape::Fields(fields) = context::of(prog_type).shape else {
        return 0;
    };
    let field = fields.iter().find(|field| field.name == name);
    field.map_or(0, |field| i64::from(field.guest_off))
}

impl Call<'_> {
    /// The socket that a program's context is about.
    pub(super) fn context_socket(&self) -> Result<Option<Addr>, HelperError> {
        let place = Addr(self.args[0]).offset(field_at(self.world.prog_type, "sk"));
        let sk = Addr(self.memory().peek_uint(place, Size::DW)?);
        Ok((!sk.is_null()).then_some(sk))
    }

    /// The socket whose options a program means: the first argument, where that is none of a context.
    fn option_socket(&self) -> Result<Option<Addr>, HelperError> {
        let first = Addr(self.args[0]);
        let is_socket = self.world.machine.holders.get(first).is_some();
        match is_socket {
            true => Ok(Some(first)),
            false => self.context_socket(),
        }
    }
}

/// The options that programs may set and ask for: level, name, and how many bytes (0: a text).
/// Numbers are 4 bytes.
const OPTIONS: [(i32, i32, u32); 31] = [
    (SOL_SOCKET, 2, 4),
    (SOL_SOCKET, 7, 4),
    (SOL_SOCKET, 8, 4),
    (SOL_SOCKET, 9, 4),
    (SOL_SOCKET, 12, 4),
    (SOL_SOCKET, 15, 4),
    (SOL_SOCKET, 18, 4),
    (SOL_SOCKET, 25, 0),
    (SOL_SOCKET, 36, 4),
    (SOL_SOCKET, 47, 4),
    (SOL_SOCKET, 62, 4),
    (SOL_SOCKET, 74, 4),
    (SOL_TCP, 1, 4),
    (SOL_TCP, 2, 4),
    (SOL_TCP, 4, 4),
    (SOL_TCP, 5, 4),
    (SOL_TCP, 6, 4),
    (SOL_TCP, 7, 4),
    (SOL_TCP, 10, 4),
    (SOL_TCP, 13, 0),
    (SOL_TCP, 16, 4),
    (SOL_TCP, 18, 4),
    (SOL_TCP, 25, 4),
    (SOL_TCP, 27, 4),
    (SOL_TCP, 1001, 4),
    (SOL_TCP, 1002, 4),
    (SOL_TCP, 1003, 4),
    (SOL_TCP, 1004, 4),
    (SOL_IP, 1, 4),
    (SOL_IPV6, 67, 4),
    (SOL_IPV6, 70, 4),
];
const SOL_IP: i32 = 0;
const SOL_SOCKET: i32 = 1;
const SOL_TCP: i32 = 6;
const SOL_IPV6: i32 = 41;
/// `TCP_CONGESTION`, and what it is at first.
const CONGESTION: (i32, i32) = (SOL_TCP, 13);
/// `TCP_BPF_SOCK_OPS_CB_FLAGS`.
const FIRST_CONGESTION: &[u8] = b"cubic";

/// What is known of an option of a socket: how many bytes it has, if the socket has it.
fn option_size(
    call: &Call<'_>,
    sk: Addr,
    level: i32,
    name: i32,
) -> Result<Option<u32>, HelperError> {
    let of = |off: u64| {
        call.memory()
            .peek_uint(sk.offset(off.cast_signed()), Size::W)
    };
    let has = match level {
        SOL_TCP => of(socket::PROTOCOL)? == 6,
        SOL_IP => of(socket::FAMILY)? == AF_INET,
        SOL_IPV6 => of(socket::FAMILY)? == AF_INET6,
        _ => true,
    };
    let mut known = OPTIONS.iter();
    let found = known.find(|(one, number, _)| (*one, *number) == (level, name));
    Ok(found.filter(|_| has).map(|(_, _, size)| *size))
}

/// Whether an option is one that only programs have, and only to set: `TCP_BPF_IW`, `…_SNDCWND_CLAMP`, `…_DELACK_MAX`,
/// `…_RTO_MIN`.
fn is_of_programs(level: i32, name: i32) -> bool {
    level == SOL_TCP && (1001..=1004).contains(&name)
}

/// Whether such an option takes a number: windows hold something, and times, in microseconds, are between two jiffies and
/// a fifth of a second (`bpf_sol_tcp_setsockopt` in net/core/filter.c, 6.12).
fn may_be_set(
    call: &Call<'_>,
    (level, name): (i32, i32),
    value: Addr,
) -> Result<bool, HelperError> {
    const LONGEST: u32 = 200_000;
    if !is_of_programs(level, name) {
        return Ok(true);
    }
    let number = call.memory().load(value, Size::W)? as u32;
    Ok(match name {
        1001 | 1002 => number.cast_signed() > 0,
        _ => number <= LONGEST && jiffies_of(number.div_ceil(1000)) >= 2,
    })
}

/// `long bpf_setsockopt(void *bpf_socket, int level, int optname, void *optval, int optlen)`
fn setsockopt(call: &mut Call<'_>) -> Reply {
    let [_, level, name, value, len] = call.args;
    let (level, name, len) = (level as i32, name as i32, len as u32);
    let Some(sk) = call.option_socket()? else {
        return Ok(Errno::EINVAL.as_return());
    };
    let set = match option_size(call, sk, level, name)? {
        None => Err(Errno::EINVAL),
        Some(size) if size != 0 && len != size => Err(Errno::EINVAL),
        Some(_) if !may_be_set(call, (level, name), Addr(value))? => Err(Errno::EINVAL),
        Some(_) => {
            let bytes = call.memory().read_vec(Addr(value), len)?;
            let sockets = &call.world.machine.sockets;
            sockets.set_option(sk, level, name, bytes);
            Ok(())
        }
    };
    Ok(status(set))
}

/// `long bpf_getsockopt(void *bpf_socket, int level, int optname, void *optval, int optlen)`: what was never
/// set is 0.
fn getsockopt(call: &mut Call<'_>) -> Reply {
    let [_, level, name, to, len] = call.args;
    let (level, name, len) = (level as i32, name as i32, len as u32 as usize);
    call.check_room(to, len)?;
    let found = match call.option_socket()? {
        None => Err(Errno::EINVAL),
        Some(_) if is_of_programs(level, name) => Err(Errno::EINVAL),
        Some(sk) => match option_size(call, sk, level, name)? {
            None => Err(Errno::EINVAL),
            Some(size) if size != 0 && len != size as usize => Err(Errno::EINVAL),
            Some(size) => {
                let sockets = &call.world.machine.sockets;
                let first = match (level, name) {
                    CONGESTION => FIRST_CONGESTION.to_vec(),
                    _ => vec![0; size as usize],
                };
                Ok(sockets.option(sk, level, name).unwrap_or(first))
            }
        },
    };
    let reply = status(found.as_ref().map(drop).map_err(|errno| *errno));
    let mut bytes = found.unwrap_or_default();
    bytes.resize(len, 0);
    call.memory().write(Addr(to), &bytes)?;
    Ok(reply)
}

/// `long bpf_bind(struct bpf_sock_addr *ctx, struct sockaddr *addr, int addr_len)`: the address that the
/// socket shall connect from; its port must be 0.
fn bind(call: &mut Call<'_>) -> Reply {
    /// Bytes of a `struct sockaddr_in` and of a short `struct sockaddr_in6`.
    const SHORTEST: [(u64, u32); 2] = [(AF_INET, 16), (AF_INET6, 24)];
    let [_, addr, len, ..] = call.args;
    let len = len as u32;
    let bytes = call.memory().read_vec(Addr(addr), len)?;
    let word = |at: usize| {
        let two = bytes.get(at..at + 2).and_then(|two| two.try_into().ok());
        two.map_or(0, u16::from_le_bytes)
    };
    if len < 2 {
        return Ok(Errno::EINVAL.as_return());
    }
    let family = u64::from(word(0));
    let shortest = SHORTEST.iter().find(|(one, _)| *one == family);
    let bound = match shortest {
        None => Err(Errno::EAFNOSUPPORT),
        Some((_, shortest)) if len < *shortest => Err(Errno::EINVAL),
        Some(_) => {
            call.state().bound = Some(bytes);
            Ok(())
        }
    };
    Ok(status(bound))
}

/// `long bpf_sock_ops_cb_flags_set(struct bpf_sock_ops *bpf_sock, int argval)`: the flags that are not known.
fn sock_ops_cb_flags_set(call: &mut Call<'_>) -> Reply {
    /// `BPF_SOCK_OPS_ALL_CB_FLAGS`.
    const ALL: u32 = 0x7f;
    let [ctx, flags, ..] = call.args;
    let place = |name| Addr(ctx).offset(field_at(ProgType::SockOps, name));
    let memory = call.memory();
    if memory.peek_uint(place("is_fullsock"), Size::W)? == 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let flags = flags as u32;
    let at = place("bpf_sock_ops_cb_flags");
    memory.poke_uint(at, Size::W, u64::from(flags & ALL))?;
    Ok(u64::from(flags & !ALL))
}
