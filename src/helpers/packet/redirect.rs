//! Sending a packet elsewhere: recorded in the run's state for whoever ran the program.

use std::fmt;

use crate::abi::ProgType;
use crate::helpers::{Call, Entry, HelperError, Reply};
use crate::machine::{Errno, MapId};
use crate::maps::RedirectKind;

pub(super) const ROWS: &[Entry] = &[
    Entry::new(13, "bpf_clone_redirect", clone_redirect),
    Entry::new(23, "bpf_redirect", redirect),
    Entry::new(51, "bpf_redirect_map", redirect_map),
    Entry::new(152, "bpf_redirect_neigh", redirect_neigh),
    Entry::new(155, "bpf_redirect_peer", redirect_peer),
];

/// `BPF_F_INGRESS`.
const INGRESS: u64 = 1;
/// What `bpf_redirect_map` returns where nothing is found.
const ACTION_MASK: u64 = 3;
/// `BPF_F_BROADCAST`.
const BROADCAST: u64 = 1 << 3;
/// `BPF_F_EXCLUDE_INGRESS`.
const EXCLUDE_INGRESS: u64 = 1 << 4;
/// Bytes of `struct bpf_redir_neigh`.
const NEIGHBOUR: u32 = 20;

const XDP_ABORTED: u64 = 0;
const XDP_REDIRECT: u64 = 4;
const TC_ACT_SHOT: u64 = 2;
const TC_ACT_REDIRECT: u64 = 7;

/// Where a packet shall go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// To a device.
    Device {
        /// Its index.
        ifindex: u32,
        /// On which side of it.
        way: Way,
    },
    /// To every device of a map (`BPF_F_BROADCAST`), sent from each.
    Devices {
        /// Their indices.
        ifindexes: Vec<u32>,
    },
    /// To a CPU, whose network stack takes it up.
    Cpu {
        /// Its number.
        cpu: u32,
    },
    /// To a socket of the machine.
    Stream {
        /// Its cookie.
        cookie: u64,
        /// Whether the socket receives or sends it.
        way: Way,
    },
    /// To a socket of user space (`AF_XDP`).
    Socket {
        /// The map that it is in.
        map: MapId,
        /// Its place there.
        index: u32,
    },
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Redirect::Device { ifindex, way } => match way {
                Way::Egress => write!(f, "device {ifindex}"),
                Way::Ingress => write!(f, "device {ifindex}, on its way in"),
                Way::Peer => write!(f, "the peer of device {ifindex}"),
                Way::Neighbour => write!(f, "a neighbour at device {ifindex}"),
            },
            Redirect::Stream { cookie, way } => match way {
                Way::Ingress => write!(f, "socket {cookie}, which receives it"),
                Way::Egress | Way::Peer | Way::Neighbour => write!(f, "socket {cookie}"),
            },
            Redirect::Devices { ifindexes } if ifindexes.is_empty() => f.write_str("no device"),
            Redirect::Devices { ifindexes } => {
                let all: Vec<String> = ifindexes.iter().map(u32::to_string).collect();
                write!(f, "devices {}", all.join(", "))
            }
            Redirect::Cpu { cpu } => write!(f, "CPU {cpu}"),
            Redirect::Socket { map, index } => write!(f, "socket {index} of map {map}"),
        }
    }
}

/// How a packet comes to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is sent from it.
    Egress,
    /// It is received by it (`BPF_F_INGRESS`).
    Ingress,
    /// It is received by its peer in another namespace (`bpf_redirect_peer`).
    Peer,
    /// It is sent from it with the neighbour's address filled in (`bpf_redirect_neigh`).
    Neighbour,
}

/// A copy of a packet on its way (`bpf_clone_redirect`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCopy {
    /// Where it goes.
    pub redirect: Redirect,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// `long bpf_redirect(u32 ifindex, u64 flags)`
fn redirect(call: &mut Call<'_>) -> Reply {
    let [ifindex, flags, ..] = call.args;
    let (refused, accepted, known) = match call.world.prog_type {
        ProgType::Xdp => (XDP_ABORTED, XDP_REDIRECT, 0),
        _ => (TC_ACT_SHOT, TC_ACT_REDIRECT, INGRESS),
    };
    if flags & !known != 0 {
        return Ok(refused);
    }
    call.state().redirect = Some(Redirect::Device {
        ifindex: ifindex as u32,
        way: side(flags),
    });
    Ok(accepted)
}

/// `long bpf_redirect_map(struct bpf_map *map, u64 key, u64 flags)`
fn redirect_map(call: &mut Call<'_>) -> Reply {
    let [handle, key, flags, ..] = call.args;
    let map = call.map(handle)?;
    let targets = map
        .redirect()
        .ok_or(HelperError::Refused("the map leads nowhere"))?;
    let known = match targets.kind() {
        RedirectKind::Devices | RedirectKind::DevicesByKey => BROADCAST | EXCLUDE_INGRESS,
        RedirectKind::Cpus | RedirectKind::Sockets => 0,
    };
    if flags & !(ACTION_MASK | known) != 0 {
        return Ok(XDP_ABORTED);
    }
    if flags & BROADCAST != 0 {
        let ingress = call.xdp()?.ingress_ifindex(call.memory());
        let leaves_out = |ifindex: &u32| flags & EXCLUDE_INGRESS == 0 || *ifindex != ingress;
        let mut ifindexes = targets.targets(call.memory());
        ifindexes.retain(leaves_out);
        call.state().redirect = Some(Redirect::Devices { ifindexes });
        return Ok(XDP_REDIRECT);
    }
    let index = key as u32;
    let target = targets.target(call.memory(), index);
    let redirect = target.map(|number| match targets.kind() {
        RedirectKind::Devices | RedirectKind::DevicesByKey => Redirect::Device {
            ifindex: number,
            way: Way::Egress,
        },
        RedirectKind::Cpus => Redirect::Cpu { cpu: index },
        RedirectKind::Sockets => Redirect::Socket { map: map.id, index },
    });
    // One that finds nothing takes back what an earlier one said.
    let found = redirect.is_some();
    call.state().redirect = redirect;
    Ok(if found {
        XDP_REDIRECT
    } else {
        flags & ACTION_MASK
    })
}

/// `long bpf_redirect_peer(u32 ifindex, u64 flags)`
fn redirect_peer(call: &mut Call<'_>) -> Reply {
    let [ifindex, flags, ..] = call.args;
    if flags != 0 {
        return Ok(TC_ACT_SHOT);
    }
    call.state().redirect = Some(Redirect::Device {
        ifindex: ifindex as u32,
        way: Way::Peer,
    });
    Ok(TC_ACT_REDIRECT)
}

/// `long bpf_redirect_neigh(u32 ifindex, struct bpf_redir_neigh *params, int plen, u64 flags)`
fn redirect_neigh(call: &mut Call<'_>) -> Reply {
    let [ifindex, _, len, flags, _] = call.args;
    let len = len as u32;
    if flags != 0 || (len != 0 && len < NEIGHBOUR) {
        return Ok(TC_ACT_SHOT);
    }
    call.state().redirect = Some(Redirect::Device {
        ifindex: ifindex as u32,
        way: Way::Neighbour,
    });
    Ok(TC_ACT_REDIRECT)
}

/// `long bpf_clone_redirect(struct sk_buff *skb, u32 ifindex, u64 flags)`
fn clone_redirect(call: &mut Call<'_>) -> Reply {
    let [_, ifindex, flags, ..] = call.args;
    let skb = call.skb()?;
    let device = call.world.machine.network.device(ifindex as u32);
    if flags & !INGRESS != 0 || device.is_none() {
        return Ok(Errno::EINVAL.as_return());
    }
    let data = skb.bytes(call.memory());
    let redirect = Redirect::Device {
        ifindex: ifindex as u32,
        way: side(flags),
    };
    call.state().copies.push(SentCopy { redirect, data });
    Ok(0)
}

fn side(flags: u64) -> Way {
    if flags & INGRESS == 0 {
        Way::Egress
    } else {
        Way::Ingress
    }
}
