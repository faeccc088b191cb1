//! The network that the modelled machine is on: its devices, routes and neighbours.
//!
//! No packet travels here; programs ask where one would go, and whether it would fit.
//!
//! Rules:
//! - A fresh machine has the loopback device, number 1, and `eth0`, number 2: 10.0.0.1/24 and fd00::1/64,
//!   with routers at 10.0.0.254 and fd00::fe whose link-layer address is known. `eth0` forwards packets.
//! - The longest prefix wins, of equal ones the one with the lowest metric, of those the first.
//! - Tables are numbered as in the kernel: local addresses are in 255, all else is in 254 unless it says so.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The table of local addresses (`RT_TABLE_LOCAL`).
pub const LOCAL_TABLE: u32 = 255;
/// The table of routes (`RT_TABLE_MAIN`).
pub const MAIN_TABLE: u32 = 254;

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The longest packet it takes, without the link-layer header.
    pub mtu: u32,
    /// Its link-layer address.
    pub mac: [u8; 6],
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether packets that arrive there may go on to elsewhere.
    pub forwarding: Forwarding,
}

/// Whether a device forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// What is not for the machine is dropped.
    Off,
    /// It is sent on.
    On,
}

/// Where packets to some addresses go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The first address.
    pub to: IpAddr,
    /// How many of its bits count.
    pub bits: u8,
    /// The table it is in.
    pub table: u32,
    /// How dear it is.
    pub metric: u32,
    /// What becomes of packets.
    pub way: Hop,
}

/// What becomes of packets on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// They leave by a device, to a router or to whom they are for.
    Via {
        /// The device.
        device: u32,
        /// The router.
        gateway: Option<IpAddr>,
    },
    /// They are for the machine.
    Local,
    /// They are dropped.
    Blackhole,
    /// They are answered with "unreachable".
    Unreachable,
    /// They are answered with "prohibited".
    Prohibited,
}

/// Somebody whose link-layer address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The address.
    pub address: IpAddr,
    /// The device at which it is.
    pub device: u32,
    /// The link-layer address.
    pub mac: [u8; 6],
}

/// Devices, routes and neighbours of a machine.
#[derive(Debug)]
pub struct Network {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    devices: Vec<Device>,
    routes: Vec<Route>,
    neighbours: Vec<Neighbour>,
}

impl Default for Network {
    fn default() -> Network {
        let network = Network {
            inner: Mutex::default(),
        };
        network.furnish();
        network
    }
}

impl Network {
    /// Adds a device, or replaces the one of that number.
    pub fn add_device(&self, device: Device) {
        let mut inner = self.lock();
        inner.devices.retain(|known| known.index != device.index);
        inner.devices.push(device);
    }

    /// Adds a route.
    pub fn add_route(&self, route: Route) {
        self.lock().routes.push(route);
    }

    /// Adds a neighbour, or replaces the one at that address.
    pub fn add_neighbour(&self, neighbour: Neighbour) {
        let mut inner = self.lock();
        let same = |known: &Neighbour| {
            (known.address, known.device) == (neighbour.address, neighbour.device)
        };
        inner.neighbours.retain(|known| !same(known));
        inner.neighbours.push(neighbour);
    }

    /// Forgets all devices, routes and neighbours.
    pub fn clear(&self) {
        *self.lock() = Inner::default();
    }

    /// The device of that number.
    pub fn device(&self, index: u32) -> Option<Device> {
        let inner = self.lock();
        inner
            .devices
            .iter()
            .find(|device| device.index == index)
            .cloned()
    }

    /// The route of packets to an address, by the first of those tables that has one, and if that is
    /// said, by one that leaves by a device.
    pub fn route(&self, to: IpAddr, tables: &[u32], out: Option<u32>) -> Option<Route> {
        let inner = self.lock();
        let leaves = |route: &Route| match (out, route.way) {
            (Some(out), Hop::Via { device, .. }) => device == out,
            _ => true,
        };
        tables.iter().find_map(|table| {
            let all = inner.routes.iter();
            let fitting =
                all.filter(|route| route.table == *table && route.covers(to) && leaves(route));
            // Of several minima the first is taken.
            fitting
                .min_by_key(|route| (u8::MAX - route.bits, route.metric))
                .cloned()
        })
    }

    /// The link-layer address of somebody at a device, if it is known.
    pub fn neighbour(&self, address: IpAddr, device: u32) -> Option<[u8; 6]> {
        let inner = self.lock();
        let mut known = inner.neighbours.iter();
        let found = known.find(|one| (one.address, one.device) == (address, device));
        found.map(|one| one.mac)
    }

    /// What a fresh machine has.
    fn furnish(&self) {
        let [own, own6] = [IpAddr::from([10, 0, 0, 1]), ip6(0xfd00, 1)];
        let [router, router6] = [IpAddr::from([10, 0, 0, 254]), ip6(0xfd00, 0xfe)];
        let [loopback, loopback6] = [IpAddr::from([127, 0, 0, 1]), ip6(0, 1)];
        let device = |index, name: &str, mtu, mac, addresses, forwarding| {
            self.add_device(Device {
                index,
                name: name.to_owned(),
                mtu,
                mac,
                addresses,
                forwarding,
            });
        };
        let mac = |last| [0x52, 0x54, 0, 0, 0, last];
        let loopbacks = vec![loopback, loopback6];
        device(1, "lo", 65536, [0; 6], loopbacks, Forwarding::Off);
        device(2, "eth0", 1500, mac(1), vec![own, own6], Forwarding::On);
        for (to, bits) in [(loopback, 8), (loopback6, 128), (own, 32), (own6, 128)] {
            self.add_free_route(to, bits, Hop::Local);
        }
        let [all, all6] = [IpAddr::from([0; 4]), ip6(0, 0)];
        for (to, bits, gateway) in [
            (own, 24, None),
            (own6, 64, None),
            (all, 0, Some(router)),
            (all6, 0, Some(router6)),
        ] {
            self.add_free_route(to, bits, Hop::Via { device: 2, gateway });
        }
        for address in [router, router6] {
            self.add_neighbour(Neighbour {
                address,
                device: 2,
                mac: mac(0xfe),
            });
        }
    }

    /// A route that costs nothing, in the table of its kind.
    fn add_free_route(&self, to: IpAddr, bits: u8, way: Hop) {
        let table = match way {
            Hop::Local => LOCAL_TABLE,
            Hop::Via { .. } | Hop::Blackhole | Hop::Unreachable | Hop::Prohibited => MAIN_TABLE,
        };
        self.add_route(Route {
            to,
            bits,
            table,
            metric: 0,
            way,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    /// Whether packets to an address take it, if there is no narrower one.
    fn covers(&self, address: IpAddr) -> bool {
        let (own, other, width) = match (self.to, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (
                u128::from(own.to_bits()),
                u128::from(other.to_bits()),
                32u32,
            ),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128u32),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let ignored = width.saturating_sub(u32::from(self.bits));
        (own ^ other).checked_shr(ignored).unwrap_or(0) == 0
    }
}

/// An address by its first and its last 16 bits.
fn ip6(first: u16, last: u16) -> IpAddr {
    IpAddr::from([first, 0, 0, 0, 0, 0, 0, last])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(network: &Network, to: &str) -> Option<Hop> {
        let tables = [LOCAL_TABLE, MAIN_TABLE];
        network
            .route(to.parse().unwrap(), &tables, None)
            .map(|route| route.way)
    }

    fn add(network: &Network, to: &str, bits: u8, metric: u32, way: Hop) {
        network.add_route(Route {
            to: to.parse().unwrap(),
            bits,
            table: MAIN_TABLE,
            metric,
            way,
        });
    }

    #[test]
    fn route_of_the_longest_prefix_wins_and_then_the_cheapest() {
        let network = Network::default();
        add(&network, "192.0.2.0", 24, 5, Hop::Blackhole);
        add(&network, "192.0.2.0", 24, 1, Hop::Unreachable);
        add(&network, "192.0.2.128", 25, 9, Hop::Prohibited);
        assert_eq!(hop(&network, "192.0.2.1"), Some(Hop::Unreachable));
        assert_eq!(hop(&network, "192.0.2.200"), Some(Hop::Prohibited));
        assert_eq!(hop(&network, "10.0.0.1"), Some(Hop::Local));
        assert_eq!(hop(&network, "::1"), Some(Hop::Local));
        let via = |gateway: Option<&str>| {
            Some(Hop::Via {
                device: 2,
                gateway: gateway.map(|text| text.parse().unwrap()),
            })
        };
        assert_eq!(hop(&network, "10.0.0.77"), via(None));
        assert_eq!(hop(&network, "192.0.3.1"), via(Some("10.0.0.254")));
        assert_eq!(hop(&network, "2001:db8::1"), via(Some("fd00::fe")));
        network.clear();
        assert_eq!(hop(&network, "10.0.0.1"), None);
    }

    #[test]
    fn route_that_must_leave_by_a_device_leaves_by_no_other() {
        let network = Network::default();
        let to = "192.0.2.1".parse().unwrap();
        assert_eq!(network.route(to, &[MAIN_TABLE], Some(1)), None);
        assert!(network.route(to, &[MAIN_TABLE], Some(2)).is_some());
        assert_eq!(network.route(to, &[99], None), None);
    }
}
