//! Where a packet would go, and whether it would fit there.
//!
//! Devices, routes and neighbours are [`crate::machine::Network`]'s.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::frame::Packet;
use crate::helpers::{Answer, Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::socket::{AF_INET, AF_INET6};
use crate::machine::{
    Addr, Device, Errno, Forwarding, Hop, LOCAL_TABLE, MAIN_TABLE, Network, Route,
};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(69, "bpf_fib_lookup", fib_lookup),
    Entry::new(163, "bpf_check_mtu", check_mtu),
];

/// Bytes of an Ethernet header.
const HEADER: u32 = 14;
/// Bytes of a VLAN tag, which a device takes beside its longest packet.
const VLAN: u32 = 4;

/// Offsets in `struct bpf_fib_lookup`.
mod field {
    pub(super) const SIZE: u64 = 64;
    pub(super) const FAMILY: i64 = 0;
    /// `tot_len`, and afterwards `mtu_result`.
    pub(super) const LENGTH: i64 = 6;
    pub(super) const IFINDEX: i64 = 8;
    /// `rt_metric`.
    pub(super) const METRIC: i64 = 12;
    pub(super) const SOURCE: i64 = 16;
    pub(super) const DESTINATION: i64 = 32;
    /// `tbid`, and afterwards the VLAN.
    pub(super) const TABLE: i64 = 48;
    pub(super) const OWN_MAC: i64 = 52;
    pub(super) const NEXT_MAC: i64 = 58;
}

/// `BPF_FIB_LOOKUP_…`.
mod flag {
    pub(super) const DIRECT: u64 = 1;
    pub(super) const OUTPUT: u64 = 2;
    pub(super) const SKIP_NEIGHBOUR: u64 = 4;
    pub(super) const TABLE: u64 = 8;
    pub(super) const SOURCE: u64 = 16;
    /// All of them, the last being that of the mark.
    pub(super) const ALL: u64 = 63;
}

/// What a lookup finds (`BPF_FIB_LKUP_RET_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Success = 0,
    Blackhole = 1,
    Unreachable = 2,
    Prohibited = 3,
    NotForwarded = 4,
    ForwardingOff = 5,
    NoNeighbour = 7,
    TooLong = 8,
    NoSource = 9,
}

/// `long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *params, int plen, u32 flags)`
fn fib_lookup(call: &mut Call<'_>) -> Reply {
    let [_, params, len, flags, _] = call.args;
    let flags = flags & 0xffff_ffff;
    if (len as u32).cast_signed() < field::SIZE as i32 || flags & !flag::ALL != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let lookup = Lookup {
        call,
        params: Addr(params),
        flags,
    };
    let found = match lookup.get(field::FAMILY, Size::B)? {
        family @ (AF_INET | AF_INET6) => lookup.run(family)?,
        _ => return Ok(Errno::EAFNOSUPPORT.as_return()),
    };
    Ok(found.map_or_else(Errno::as_return, |found| found as u64))
}

/// One lookup.
struct Lookup<'a, 'b> {
    call: &'a Call<'b>,
    params: Addr,
    flags: u64,
}

impl Lookup<'_, '_> {
    fn get(&self, off: i64, size: Size) -> Result<u64, HelperError> {
        Ok(self.call.memory().load(self.params.offset(off), size)?)
    }

    fn set(&self, off: i64, size: Size, value: u64) -> Result<(), HelperError> {
        Ok(self
            .call
            .memory()
            .store(self.params.offset(off), size, value)?)
    }

    fn set_bytes(&self, off: i64, bytes: &[u8]) -> Result<(), HelperError> {
        Ok(self.call.memory().write(self.params.offset(off), bytes)?)
    }

    fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    fn network(&self) -> &Network {
        &self.call.world.machine.network
    }

    fn address(&self, family: u64, off: i64) -> Result<IpAddr, HelperError> {
        let mut bytes = [0; 16];
        let memory = self.call.memory();
        if family == AF_INET {
            let mut bytes = [0; 4];
            memory.read(self.params.offset(off), &mut bytes)?;
            return Ok(IpAddr::V4(Ipv4Addr::from(bytes)));
        }
        memory.read(self.params.offset(off), &mut bytes)?;
        Ok(IpAddr::V6(Ipv6Addr::from(bytes)))
    }

    fn set_address(&self, off: i64, address: IpAddr) -> Result<(), HelperError> {
        match address {
            IpAddr::V4(address) => self.set_bytes(off, &address.octets()),
            IpAddr::V6(address) => self.set_bytes(off, &address.octets()),
        }
    }

    fn run(&self, family: u64) -> Answer<Found> {
        let to = self.address(family, field::DESTINATION)?;
        if family == AF_INET6 && self.is_strict()? {
            return Ok(Ok(Found::NotForwarded));
        }
        let ifindex = self.get(field::IFINDEX, Size::W)? as u32;
        let Some(device) = self.network().device(ifindex) else {
            return Ok(Err(Errno::ENODEV));
        };
        if device.forwarding == Forwarding::Off {
            return Ok(Ok(Found::ForwardingOff));
        }
        let out = self.has(flag::OUTPUT).then_some(ifindex);
        let table = self.get(field::TABLE, Size::W)? as u32;
        let tables: &[u32] = match (self.has(flag::DIRECT), self.has(flag::TABLE)) {
            (true, true) => &[table],
            (true, false) => &[MAIN_TABLE],
            (false, _) => &[LOCAL_TABLE, MAIN_TABLE],
        };
        let Some(route) = self.network().route(to, tables, out) else {
            return Ok(Ok(Found::NotForwarded));
        };
        self.follow(&route, to)
    }

    /// Whether an IPv6 address is of the link alone.
    fn is_strict(&self) -> Result<bool, HelperError> {
        let ends = [field::DESTINATION, field::SOURCE];
        for off in ends {
            if let IpAddr::V6(address) = self.address(AF_INET6, off)?
                && (address.is_multicast()
                    || address.is_unicast_link_local()
                    || address.is_loopback())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn follow(&self, route: &Route, to: IpAddr) -> Answer<Found> {
        let (device, gateway) = match route.way {
            Hop::Via { device, gateway } => (device, gateway),
            Hop::Local => return Ok(Ok(Found::NotForwarded)),
            Hop::Blackhole => return Ok(Ok(Found::Blackhole)),
            Hop::Unreachable => return Ok(Ok(Found::Unreachable)),
            Hop::Prohibited => return Ok(Ok(Found::Prohibited)),
        };
        let Some(device) = self.network().device(device) else {
            return Ok(Ok(Found::NotForwarded));
        };
        let length = self.get(field::LENGTH, Size::H)? as u32;
        if length > device.mtu {
            self.set(field::LENGTH, Size::H, u64::from(device.mtu))?;
            return Ok(Ok(Found::TooLong));
        }
        self.set(field::METRIC, Size::W, u64::from(route.metric))?;
        self.set(field::IFINDEX, Size::W, u64::from(device.index))?;
        if let Some(gateway) = gateway {
            self.set_address(field::DESTINATION, gateway)?;
        }
        if self.has(flag::SOURCE) {
            let own = device.addresses.iter();
            let mut own = own.filter(|own| own.is_ipv4() == to.is_ipv4());
            match own.next() {
                Some(own) => self.set_address(field::SOURCE, *own)?,
                None => return Ok(Ok(Found::NoSource)),
            }
        }
        if !self.has(flag::SKIP_NEIGHBOUR) {
            let next = gateway.unwrap_or(to);
            let Some(mac) = self.network().neighbour(next, device.index) else {
                return Ok(Ok(Found::NoNeighbour));
            };
            self.set_bytes(field::NEXT_MAC, &mac)?;
            self.set_bytes(field::OWN_MAC, &device.mac)?;
        }
        self.set(field::TABLE, Size::W, 0)?;
        self.fit(&device, length).map(Ok)
    }

    /// Whether the packet fits; its own length counts where none was given and it has one.
    fn fit(&self, device: &Device, length: u32) -> Result<Found, HelperError> {
        let Some(Packet::Skb(skb)) = self.call.world.packet.filter(|_| length == 0) else {
            if length != 0 {
                self.set(field::LENGTH, Size::H, u64::from(device.mtu))?;
            }
            return Ok(Found::Success);
        };
        self.set(field::LENGTH, Size::H, u64::from(device.mtu))?;
        Ok(match skb.len() > device.mtu + HEADER + VLAN {
            true => Found::TooLong,
            false => Found::Success,
        })
    }
}

/// `long bpf_check_mtu(void *ctx, u32 ifindex, u32 *mtu_len, s32 len_diff, u64 flags)`
fn check_mtu(call: &mut Call<'_>) -> Reply {
    /// `BPF_MTU_CHK_SEGS`: the segments of a large packet count.
    const SEGMENTS: u64 = 1;
    /// `BPF_MTU_CHK_RET_FRAG_NEEDED`.
    const TOO_LONG: u64 = 1;
    let [ctx, ifindex, room, more, flags] = call.args;
    let (ctx, room, more) = (Addr(ctx), Addr(room), i64::from(more as i32));
    let packet = call.world.packet;
    let packet = packet.ok_or(HelperError::Refused("this run has no packet"))?;
    let given = call.memory().load(room, Size::W)?;
    let (known, own, segments) = match packet {
        Packet::Xdp(_) => (0, call.memory().peek_uint(ctx.offset(12), Size::W)?, 0),
        Packet::Skb(skb) => {
            let field = |off| skb.field(call.memory(), off, Size::W);
            // `ifindex` and `gso_segs`.
            (SEGMENTS, field(40), field(164))
        }
    };
    if flags & !known != 0 || (flags & SEGMENTS != 0 && (more != 0 || given != 0)) {
        return Ok(Errno::EINVAL.as_return());
    }
    let index = match ifindex as u32 {
        0 => own as u32,
        index => index,
    };
    let Some(device) = call.world.machine.network.device(index) else {
        return Ok(Errno::ENODEV.as_return());
    };
    let limit = i64::from(device.mtu) + i64::from(HEADER);
    let length = match given {
        0 => i64::from(packet.len()),
        given => given.cast_signed() + i64::from(HEADER),
    };
    call.memory().store(room, Size::W, u64::from(device.mtu))?;
    Ok(match length + more > limit && segments == 0 {
        true => TOO_LONG,
        false => 0,
    })
}
