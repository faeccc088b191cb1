//! Tracked connections: looked up, made, put into the table, and changed.
//!
//! A connection is a `struct nf_conn` in guest memory, laid out by the kernel's types, as an object that programs and
//! the table hold. What it says of itself is there alone: its tuples, zone, status, timeout and mark.
//!
//! Rules:
//! - Both layouts of `struct bpf_ct_opts` are taken, that of 12 bytes and, since 6.10, that of 16 with a zone.
//! - There is one network namespace, without a number: any number given is of none.
//! - A connection out of date is found no more. None expires otherwise, and no packet makes or changes one: programs do,
//!   and who furnishes the machine ([`track`]).
//!
//! Kernel: net/netfilter/nf_conntrack_bpf.c, nf_nat_bpf.c and nf_nat_core.c, 6.12.

use std::net::{IpAddr, SocketAddr};

use super::{Call, Entry, Reply};
use crate::btf::{Btf, KindFilter};
use crate::helpers::time::{jiffies, jiffies_of};
use crate::helpers::{Answer, HelperError};
use crate::isa::Size;
use crate::machine::socket::{AF_INET, AF_INET6};
use crate::machine::{
    Addr, ConnectionSpec, Copies, Errno, Fault, FlowBytes, FlowKey, FlowWay, Layout, Machine,
    ObjectRefusal, Protocol,
};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_xdp_ct_alloc", 5, allocate),
    Entry::new("bpf_xdp_ct_lookup", 5, look_up),
    Entry::new("bpf_skb_ct_alloc", 5, allocate),
    Entry::new("bpf_skb_ct_lookup", 5, look_up),
    Entry::new("bpf_ct_insert_entry", 1, insert),
    Entry::new("bpf_ct_release", 1, release),
    Entry::new("bpf_ct_set_timeout", 2, set_timeout),
    Entry::new("bpf_ct_change_timeout", 2, change_timeout),
    Entry::new("bpf_ct_set_status", 2, change_status),
    Entry::new("bpf_ct_change_status", 2, change_status),
    Entry::new("bpf_ct_set_nat_info", 4, translate),
];

/// What faults call a connection.
const NAME: &str = "nf_conn";
/// How long one lasts that nobody said it of, in seconds.
const TIMEOUT: u32 = 10;

/// Sizes of a `struct bpf_sock_tuple` of either family.
const TUPLE_4: u32 = 12;
const TUPLE_6: u32 = 36;
/// Protocols that can be asked for.
const PROTOCOLS: [u8; 2] = [6, 17];
/// The zone that a connection is in by default, and the directions that zones hold for by default.
const DEFAULT_ZONE: u16 = 0;
const BOTH_WAYS: u8 = 3;

/// Bits of a connection's status (`IPS_…`).
mod status {
    pub(super) const EXPECTED: u64 = 1 << 0;
    pub(super) const SEEN_REPLY: u64 = 1 << 1;
    pub(super) const ASSURED: u64 = 1 << 2;
    pub(super) const CONFIRMED: u64 = 1 << 3;
    pub(super) const SRC_NAT: u64 = 1 << 4;
    pub(super) const DST_NAT: u64 = 1 << 5;
    pub(super) const SRC_NAT_DONE: u64 = 1 << 7;
    pub(super) const DST_NAT_DONE: u64 = 1 << 8;
    pub(super) const DYING: u64 = 1 << 9;
    pub(super) const FIXED_TIMEOUT: u64 = 1 << 10;
    /// All that there are.
    pub(super) const ALL: u64 = (1 << 16) - 1;
    /// Those that nobody sets by a number: the ones above but `SEEN_REPLY`, `ASSURED` and `FIXED_TIMEOUT`, and
    /// `SEQ_ADJUST`, `TEMPLATE`, `UNTRACKED`, `OFFLOAD` and `HW_OFFLOAD`.
    pub(super) const UNCHANGEABLE: u64 = EXPECTED
        | CONFIRMED
        | SRC_NAT
        | DST_NAT
        | SRC_NAT_DONE
        | DST_NAT_DONE
        | DYING
        | 1 << 6
        | 1 << 11
        | 1 << 12
        | 1 << 14
        | 1 << 15;
}

/// Where things are in a connection's structure.
struct Places {
    size: u32,
    timeout: i64,
    status: i64,
    /// Absent where the kernel has no zones.
    zone: Option<i64>,
    /// Absent where the kernel has no marks.
    mark: Option<i64>,
    tuples: [i64; 2],
}

impl Places {
    fn of(call: &Call<'_>) -> Result<Places, HelperError> {
        let refused = HelperError::Refused("the kernel's types have no struct nf_conn");
        Places::find(call.world.kernel.btf()).ok_or(refused)
    }

    fn find(btf: &Btf) -> Option<Places> {
        let whole = btf.find(NAME, KindFilter::STRUCT)?;
        let place = |path| {
            let bit = btf.member_path(whole, path)?.bit_offset;
            i64::try_from(bit / 8).ok()
        };
        Some(Places {
            size: u32::try_from(btf.size_of(whole)?).ok()?,
            timeout: place("timeout")?,
            status: place("status")?,
            zone: place("zone"),
            mark: place("mark"),
            tuples: [place("tuplehash[0].tuple")?, place("tuplehash[1].tuple")?],
        })
    }
}

/// What is asked for in a `struct bpf_ct_opts`.
struct Options {
    namespace: i32,
    protocol: u8,
    zone: Zone,
}

/// A zone, and the directions in which it holds.
#[derive(Clone, Copy)]
struct Zone {
    id: u16,
    ways: u8,
}

impl Zone {
    /// What tells flows of that direction apart.
    fn of(self, way: FlowWay) -> u16 {
        let bit = match way {
            FlowWay::Original => 1,
            FlowWay::Reply => 2,
        };
        match self.ways & bit {
            0 => DEFAULT_ZONE,
            _ => self.id,
        }
    }
}

/// Offsets in `struct bpf_ct_opts`.
const OPTIONS_ERROR: i64 = 4;
const OPTIONS_WAY: i64 = 9;
const OPTIONS_ZONE_WAYS: i64 = 12;

impl Options {
    /// What is in as many bytes, if it is that.
    fn parse(bytes: &[u8]) -> Result<Options, Errno> {
        let invalid = Err(Errno::EINVAL);
        let (zone, is_reserved) = match *bytes {
            [_, _, _, _, _, _, _, _, _, _, a, b] => (Zone::DEFAULT, [a, b, 0]),
            [_, _, _, _, _, _, _, _, _, _, low, high, ways, a, b, c] => {
                let id = u16::from_le_bytes([low, high]);
                let ways = if ways == 0 { BOTH_WAYS } else { ways };
                (Zone { id, ways }, [a, b, c])
            }
            _ => return invalid,
        };
        let (Some(namespace), Some(protocol)) = (bytes.first_chunk(), bytes.get(8)) else {
            return invalid;
        };
        let namespace = i32::from_le_bytes(*namespace);
        match is_reserved == [0; 3] {
            true => Ok(Options {
                namespace,
                protocol: *protocol,
                zone,
            }),
            false => invalid,
        }
    }
}

impl Zone {
    const DEFAULT: Zone = Zone {
        id: DEFAULT_ZONE,
        ways: BOTH_WAYS,
    };
}

/// One end of a flow: 16 bytes of address, and 2 of the port.
type End = [u8; 18];
/// Where the ends of a `struct nf_conntrack_tuple` are, and the numbers of its protocols.
const SOURCE: usize = 0;
const FAMILY: usize = 18;
const DESTINATION: usize = 20;
const PROTOCOL: usize = 38;

/// The two ends of a `struct bpf_sock_tuple`, and their family.
fn ends(tuple: &[u8]) -> Option<([End; 2], u8)> {
    let (width, family) = match tuple.len() as u32 {
        TUPLE_4 => (4, AF_INET as u8),
        TUPLE_6 => (16, AF_INET6 as u8),
        _ => return None,
    };
    let end = |index: usize| {
        let mut end = [0; 18];
        let address = tuple.get(index * width..(index + 1) * width)?;
        let port = tuple.get(2 * width + 2 * index..)?.get(..2)?;
        end.get_mut(..width)?.copy_from_slice(address);
        end.get_mut(16..)?.copy_from_slice(port);
        Some(end)
    };
    Some(([end(0)?, end(1)?], family))
}

/// The flow from one end to another.
fn flow([from, to]: [End; 2], family: u8, protocol: u8) -> FlowBytes {
    let mut flow = [0; 39];
    for (at, end) in [(SOURCE, from), (DESTINATION, to)] {
        for (place, byte) in flow.iter_mut().skip(at).zip(end) {
            *place = byte;
        }
    }
    flow[FAMILY] = family;
    flow[PROTOCOL] = protocol;
    flow
}

/// What a call asks for: its options and both ends.
struct Asked {
    options: Options,
    ends: [End; 2],
    family: u8,
}

/// What a connection is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Make,
    Find,
}

/// Runs what answers with a connection; where there is none, the options say why.
fn answer(
    call: &mut Call<'_>,
    purpose: Purpose,
    body: fn(&mut Call<'_>, &Asked) -> Answer<Addr>,
) -> Reply {
    let [_, _, _, options, size] = call.args;
    let found = match asked(call, purpose)? {
        Ok(asked) => body(call, &asked)?,
        Err(errno) => Err(errno),
    };
    match found {
        Ok(at) => Ok(at.0),
        // The kernel writes even behind options that are too short for it.
        Err(errno) if options != 0 && size as u32 >= 8 => {
            let at = Addr(options).offset(OPTIONS_ERROR);
            call.memory().store(at, Size::W, errno.as_return())?;
            Ok(0)
        }
        Err(_) => Ok(0),
    }
}

/// What is asked for, in the order in which the kernel looks at it.
fn asked(call: &Call<'_>, purpose: Purpose) -> Answer<Asked> {
    let [_, tuple, tuple_size, at, size] = call.args;
    let (tuple_size, size) = (tuple_size as u32, size as u32);
    if tuple == 0 || at == 0 || !matches!(size, 12 | 16) {
        return Ok(Err(Errno::EINVAL));
    }
    let options = match Options::parse(&call.memory().read_vec(Addr(at), size)?) {
        Ok(options) => options,
        Err(errno) => return Ok(Err(errno)),
    };
    let is_known = PROTOCOLS.contains(&options.protocol);
    if purpose == Purpose::Find && !is_known {
        return Ok(Err(Errno::EPROTO));
    }
    if options.namespace < -1 {
        return Ok(Err(Errno::EINVAL));
    }
    if !is_known {
        return Ok(Err(Errno::EPROTO));
    }
    if !matches!(tuple_size, TUPLE_4 | TUPLE_6) {
        return Ok(Err(Errno::EAFNOSUPPORT));
    }
    let tuple = call.memory().read_vec(Addr(tuple), tuple_size)?;
    let Some((ends, family)) = ends(&tuple) else {
        return Ok(Err(Errno::EAFNOSUPPORT));
    };
    if options.namespace >= 0 {
        return Ok(Err(Errno::ENONET));
    }
    if size == 16 {
        let ways = Addr(at).offset(OPTIONS_ZONE_WAYS);
        let said = u64::from(options.zone.ways);
        call.memory().store(ways, Size::B, said)?;
    }
    Ok(Ok(Asked {
        options,
        ends,
        family,
    }))
}

/// `struct nf_conn___init *bpf_xdp_ct_alloc(struct xdp_md *xdp_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
/// struct bpf_ct_opts *opts, u32 opts__sz)`, and the same for a `struct __sk_buff`.
fn allocate(call: &mut Call<'_>) -> Reply {
    answer(call, Purpose::Make, |call, asked| {
        let places = Places::of(call)?;
        let Some(made) = lay_out(call.world.machine, &places, asked)? else {
            return Ok(Err(Errno::ENOMEM));
        };
        let timeout = u64::from(jiffies_of(TIMEOUT * 1000));
        call.memory()
            .poke_uint(made.offset(places.timeout), Size::W, timeout)?;
        Ok(Ok(made))
    })
}

/// A connection's structure with its flows and its zone; none if there is no memory for it.
fn lay_out(machine: &Machine, places: &Places, asked: &Asked) -> Result<Option<Addr>, Fault> {
    let layout = Layout {
        name: NAME.into(),
        size: places.size,
        parts: Vec::new(),
    };
    let Some(made) = machine.objects.allocate(layout.into(), Copies::One) else {
        return Ok(None);
    };
    let memory = &machine.memory;
    let [from, to] = asked.ends;
    let (family, protocol) = (asked.family, asked.options.protocol);
    for (ends, way) in [([from, to], 0_u8), ([to, from], 1)] {
        let at = made.offset(places.tuples[usize::from(way)]);
        memory.poke(at, &flow(ends, family, protocol))?;
        memory.poke_uint(at.offset(39), Size::B, way.into())?;
    }
    if let Some(zone) = places.zone {
        let Zone { id, ways } = asked.options.zone;
        memory.poke_uint(made.offset(zone), Size::H, id.into())?;
        memory.poke_uint(made.offset(zone + 3), Size::B, ways.into())?;
    }
    Ok(Some(made))
}

/// `struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *xdp_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
/// struct bpf_ct_opts *opts, u32 opts__sz)`, and the same for a `struct __sk_buff`.
fn look_up(call: &mut Call<'_>) -> Reply {
    answer(call, Purpose::Find, |call, asked| {
        let flow = flow(asked.ends, asked.family, asked.options.protocol);
        let (places, machine) = (Places::of(call)?, call.world.machine);
        for way in [FlowWay::Original, FlowWay::Reply] {
            let zone = asked.options.zone.of(way);
            let found = machine.connections.find(&FlowKey { flow, zone });
            let Some((at, _)) = found.filter(|(_, found)| *found == way) else {
                continue;
            };
            if is_expired(call, &places, at)? {
                forget(call, at);
                continue;
            }
            // Another CPU may have forgotten it since.
            if machine.objects.acquire(at).is_err() {
                continue;
            }
            let said = Addr(call.args[3]).offset(OPTIONS_WAY);
            call.memory().store(said, Size::B, way as u64)?;
            return Ok(Ok(at));
        }
        Ok(Err(Errno::ENOENT))
    })
}

fn is_expired(call: &Call<'_>, places: &Places, at: Addr) -> Result<bool, HelperError> {
    let timeout = call
        .memory()
        .peek_uint(at.offset(places.timeout), Size::W)? as u32;
    let left = timeout.wrapping_sub(now(call)).cast_signed();
    Ok(left <= 0)
}

/// Takes a connection out of the table, which held it.
fn forget(call: &Call<'_>, at: Addr) {
    if call.world.machine.connections.remove(at) {
        // Whoever holds it beside the table keeps it.
        let given_back = call.world.machine.objects.give_back(at);
        debug_assert!(given_back.is_ok(), "the table held it");
    }
}

/// The time as connections have it: 32 bits of it.
fn now(call: &Call<'_>) -> u32 {
    jiffies(&call.world.machine.clock) as u32
}

fn refused(_: ObjectRefusal) -> HelperError {
    HelperError::Refused("nobody holds this nf_conn")
}

/// The connection that the first argument is, and where things are in it.
fn own(call: &Call<'_>) -> Result<(Addr, Places), HelperError> {
    let at = Addr(call.args[0]);
    match call.object_named(at, NAME).is_some() && call.world.machine.objects.is_held(at) {
        true => Ok((at, Places::of(call)?)),
        false => Err(HelperError::Refused("this is no nf_conn")),
    }
}

fn status_of(call: &Call<'_>, places: &Places, at: Addr) -> Result<u64, HelperError> {
    Ok(call
        .memory()
        .peek_uint(at.offset(places.status), Size::DW)?)
}

/// What a connection is found by in a direction.
fn key(call: &Call<'_>, places: &Places, at: Addr, way: FlowWay) -> Result<FlowKey, HelperError> {
    let tuple = at.offset(places.tuples[way as usize]);
    let mut flow = [0; 39];
    call.memory().peek(tuple, &mut flow)?;
    let zone = match places.zone {
        Some(zone) => Zone {
            id: call.memory().peek_uint(at.offset(zone), Size::H)? as u16,
            ways: call.memory().peek_uint(at.offset(zone + 3), Size::B)? as u8,
        },
        None => Zone::DEFAULT,
    };
    let zone = zone.of(way);
    Ok(FlowKey { flow, zone })
}

/// `struct nf_conn *bpf_ct_insert_entry(struct nf_conn___init *nfct_i)`: null, and the connection gone, if there is
/// one with either of its flows.
fn insert(call: &mut Call<'_>) -> Reply {
    let (at, places) = own(call)?;
    let (memory, machine) = (call.memory(), call.world.machine);
    let status = status_of(call, &places, at)?;
    if status & status::CONFIRMED == 0 {
        let timeout = memory.peek_uint(at.offset(places.timeout), Size::W)? as u32;
        set(call, at, places.timeout, timeout.wrapping_add(now(call)))?;
    }
    memory.poke_uint(
        at.offset(places.status),
        Size::DW,
        status | status::CONFIRMED,
    )?;
    let original = key(call, &places, at, FlowWay::Original)?;
    let reply = key(call, &places, at, FlowWay::Reply)?;
    for key in [original, reply] {
        // What is out of date is in nobody's way.
        if let Some((other, _)) = machine.connections.find(&key)
            && is_expired(call, &places, other)?
        {
            forget(call, other);
        }
    }
    // The table holds it before anybody finds it there.
    machine.objects.acquire(at).map_err(refused)?;
    if machine.connections.insert(at, original, reply) {
        return Ok(at.0);
    }
    for _ in ["the table's", "the program's"] {
        machine.objects.give_back(at).map_err(refused)?;
    }
    Ok(0)
}

fn set(call: &Call<'_>, at: Addr, place: i64, value: u32) -> Result<(), HelperError> {
    Ok(call
        .memory()
        .poke_uint(at.offset(place), Size::W, value.into())?)
}

/// `void bpf_ct_release(struct nf_conn *nfct)`
fn release(call: &mut Call<'_>) -> Reply {
    let (at, _) = own(call)?;
    let objects = &call.world.machine.objects;
    objects.give_back(at).map_err(refused)?;
    Ok(0)
}

/// `void bpf_ct_set_timeout(struct nf_conn___init *nfct, u32 timeout)`: in milliseconds; counted from now on for one
/// in the table.
fn set_timeout(call: &mut Call<'_>) -> Reply {
    let (at, places) = own(call)?;
    let timeout = jiffies_of(call.args[1] as u32).min(i32::MAX.cast_unsigned());
    let start = match status_of(call, &places, at)? & status::CONFIRMED {
        0 => 0,
        _ => now(call),
    };
    set(call, at, places.timeout, start.wrapping_add(timeout))?;
    Ok(0)
}

/// `int bpf_ct_change_timeout(struct nf_conn *nfct, u32 timeout)`
fn change_timeout(call: &mut Call<'_>) -> Reply {
    let (at, places) = own(call)?;
    match status_of(call, &places, at)? & status::FIXED_TIMEOUT {
        0 => set_timeout(call),
        _ => Ok(Errno::EPERM.as_return()),
    }
}

/// `int bpf_ct_set_status(const struct nf_conn___init *nfct, u32 status)`, and `bpf_ct_change_status` of one in the
/// table: bits are only set.
fn change_status(call: &mut Call<'_>) -> Reply {
    let (at, places) = own(call)?;
    let (before, wanted) = (
        status_of(call, &places, at)?,
        u64::from(call.args[1] as u32),
    );
    let changed = before ^ wanted;
    let fixed = status::EXPECTED | status::CONFIRMED | status::DYING;
    let lost = before & !wanted & (status::SEEN_REPLY | status::ASSURED);
    if changed & fixed != 0 || lost != 0 {
        return Ok(Errno::EBUSY.as_return());
    }
    let on = wanted & status::ALL & !status::UNCHANGEABLE;
    let place = at.offset(places.status);
    call.memory().poke_uint(place, Size::DW, before | on)?;
    Ok(0)
}

/// `int bpf_ct_set_nat_info(struct nf_conn___init *nfct, union nf_inet_addr *addr, int port, enum nf_nat_manip_type
/// manip)`: what the source or the destination becomes, which is where replies go to or come from. A port that is not
/// positive stays.
fn translate(call: &mut Call<'_>) -> Reply {
    let (at, places) = own(call)?;
    let [_, address, port, manip, _] = call.args;
    let (end, done, changed) = match manip as u32 {
        0 => (DESTINATION, status::SRC_NAT_DONE, status::SRC_NAT),
        _ => (SOURCE, status::DST_NAT_DONE, status::DST_NAT),
    };
    let memory = call.memory();
    let before = status_of(call, &places, at)?;
    if before & status::CONFIRMED != 0 {
        return Ok(0);
    }
    if before & done != 0 {
        return Ok(Errno::ENOMEM.as_return());
    }
    let address = memory.read_vec(Addr(address), 16)?;
    let reply = at.offset(places.tuples[1]);
    let place = reply.offset(end as i64);
    let (old, old_port) = (
        memory.peek_vec(place, 16)?,
        memory.peek_vec(place.offset(16), 2)?,
    );
    let port = match port as i32 {
        port @ 1.. => (port as u16).to_be_bytes().to_vec(),
        _ => old_port.clone(),
    };
    let is_changed = old != address || old_port != port;
    memory.poke(place, &[address, port].concat())?;
    let set = if is_changed { done | changed } else { done };
    memory.poke_uint(at.offset(places.status), Size::DW, before | set)?;
    Ok(0)
}

/// Why a connection is not tracked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// The kernel tracks none.
    #[error("the kernel's types have no struct nf_conn")]
    NoType,
    /// There is no memory for it.
    #[error("there is no memory for a connection")]
    OutOfMemory,
    /// There is one with either of its flows.
    #[error("such a connection is tracked already")]
    Exists,
    /// Its ends are of different families.
    #[error("{from} and {to} are addresses of different families")]
    Families {
        /// Where the first packet came from.
        from: SocketAddr,
        /// Where it went.
        to: SocketAddr,
    },
    /// Guest memory refuses it.
    #[error(transparent)]
    Memory(#[from] Fault),
}

/// Tracks a connection, as if packets had gone both ways: confirmed, assured, and as long as Linux lets such a one wait
/// for more (`nf_conntrack_tcp_timeout_established`, `nf_conntrack_udp_timeout_stream`).
///
/// # Errors
/// The kernel's types have no connections, there is such a connection, there is no memory for it, or its ends are of
/// different families.
pub fn track(machine: &Machine, btf: &Btf, spec: &ConnectionSpec) -> Result<(), TrackError> {
    let family = match (spec.from, spec.to) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => AF_INET,
        (SocketAddr::V6(_), SocketAddr::V6(_)) => AF_INET6,
        (from, to) => return Err(TrackError::Families { from, to }),
    };
    let places = Places::find(btf).ok_or(TrackError::NoType)?;
    let (protocol, seconds) = match spec.protocol {
        Protocol::Tcp => (PROTOCOLS[0], 432_000),
        Protocol::Udp => (PROTOCOLS[1], 120),
    };
    let asked = Asked {
        options: Options {
            namespace: -1,
            protocol,
            zone: Zone::DEFAULT,
        },
        ends: [spec.from, spec.to].map(end_of),
        family: family as u8,
    };
    let made = lay_out(machine, &places, &asked)?.ok_or(TrackError::OutOfMemory)?;
    let status = status::SEEN_REPLY | status::ASSURED | status::CONFIRMED;
    let timeout = (jiffies(&machine.clock) as u32).wrapping_add(jiffies_of(seconds * 1000));
    let memory = &machine.memory;
    memory.poke_uint(made.offset(places.status), Size::DW, status)?;
    memory.poke_uint(made.offset(places.timeout), Size::W, timeout.into())?;
    if let Some(mark) = places.mark {
        memory.poke_uint(made.offset(mark), Size::W, spec.mark.into())?;
    }
    let [from, to] = asked.ends;
    let [original, reply] = [[from, to], [to, from]].map(|ends| FlowKey {
        flow: flow(ends, asked.family, protocol),
        zone: DEFAULT_ZONE,
    });
    if machine.connections.insert(made, original, reply) {
        return Ok(());
    }
    let given_back = machine.objects.give_back(made);
    debug_assert!(given_back.is_ok(), "nobody else has seen it");
    Err(TrackError::Exists)
}

/// An address and a port as flows have them.
fn end_of(address: SocketAddr) -> End {
    let octets = match address.ip() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let port = address.port().to_be_bytes();
    let mut end = [0; 18];
    for (place, byte) in end.iter_mut().zip(octets) {
        *place = byte;
    }
    for (place, byte) in end.iter_mut().skip(16).zip(port) {
        *place = byte;
    }
    end
}

#[cfg(test)]
mod tests;
