//! Routes, neighbours, sockets and connections as text, written as `ip route`, `ip neighbour` and addresses are.
//!
//! - A route: `192.0.2.0/24 via 10.0.0.254 dev 2 metric 5`, `198.51.100.0/24 dev 2`, `blackhole 203.0.113.0/24`
//!   (or `unreachable`, `prohibit`); `default` stands for all addresses of IPv4.
//! - A neighbour: `10.0.0.9 lladdr 52:54:00:00:00:09 dev 2`.
//! - A socket: `tcp:10.0.0.1:80`, `udp:[::1]:53-[::1]:1024`.
//! - A tracked connection, from where its first packet came: `tcp:192.0.2.1:1024-10.0.0.1:80 mark 7`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{ConnectionSpec, Hop, MAIN_TABLE, Neighbour, Protocol, Route, SocketSpec};

/// Why a text is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {wanted}")]
pub struct NetworkTextError {
    text: String,
    wanted: &'static str,
}

impl FromStr for Route {
    type Err = NetworkTextError;

    fn from_str(text: &str) -> Result<Route, NetworkTextError> {
        route(text).ok_or_else(|| NetworkTextError {
            text: text.to_owned(),
            wanted: "route such as `192.0.2.0/24 via 10.0.0.254 dev 2` or `blackhole 192.0.2.0/24`",
        })
    }
}

fn route(text: &str) -> Option<Route> {
    let mut words = text.split_whitespace().peekable();
    let kind = match *words.peek()? {
        "blackhole" => Some(Hop::Blackhole),
        "unreachable" => Some(Hop::Unreachable),
        "prohibit" => Some(Hop::Prohibited),
        _ => None,
    };
    if kind.is_some() {
        words.next();
    }
    let (to, bits) = prefix(words.next()?)?;
    let (mut gateway, mut device, mut metric) = (None, 2, 0);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word {
            "via" => gateway = Some(value.parse::<IpAddr>().ok()?),
            "dev" => device = value.parse().ok()?,
            "metric" => metric = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(Route {
        to,
        bits,
        table: MAIN_TABLE,
        metric,
        way: kind.unwrap_or(Hop::Via { device, gateway }),
    })
}

/// An address and how many of its bits count; all of them if that is not said.
fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    if text == "default" {
        return Some((IpAddr::from([0; 4]), 0));
    }
    let (address, bits) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        "" => width,
        bits => bits.parse().ok()?,
    };
    (bits <= width).then_some((address, bits))
}

impl FromStr for Neighbour {
    type Err = NetworkTextError;

    fn from_str(text: &str) -> Result<Neighbour, NetworkTextError> {
        neighbour(text).ok_or_else(|| NetworkTextError {
            text: text.to_owned(),
            wanted: "neighbour such as `10.0.0.9 lladdr 52:54:00:00:00:09 dev 2`",
        })
    }
}

fn neighbour(text: &str) -> Option<Neighbour> {
    let mut words = text.split_whitespace();
    let address = words.next()?.parse().ok()?;
    let (mut mac, mut device) = (None, 2);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word {
            "lladdr" => mac = link_address(value),
            "dev" => device = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(Neighbour {
        address,
        device,
        mac: mac?,
    })
}

fn link_address(text: &str) -> Option<[u8; 6]> {
    let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16));
    let bytes: Result<Vec<u8>, _> = bytes.collect();
    bytes.ok()?.try_into().ok()
}

impl FromStr for SocketSpec {
    type Err = NetworkTextError;

    fn from_str(text: &str) -> Result<SocketSpec, NetworkTextError> {
        socket(text).ok_or_else(|| NetworkTextError {
            text: text.to_owned(),
            wanted: "socket such as `tcp:10.0.0.1:80` or `udp:[::1]:53-[::1]:1024`",
        })
    }
}

fn socket(text: &str) -> Option<SocketSpec> {
    let (protocol, ends) = text.split_once(':')?;
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    let (local, remote) = match ends.split_once('-') {
        Some((local, remote)) => (local, Some(remote)),
        None => (ends, None),
    };
    let local: SocketAddr = local.parse().ok()?;
    let remote: Option<SocketAddr> = match remote {
        Some(remote) => Some(remote.parse().ok()?),
        None => None,
    };
    let same = remote.is_none_or(|remote| remote.is_ipv4() == local.is_ipv4());
    same.then_some(SocketSpec {
        protocol,
        local,
        remote,
        uid: 0,
    })
}

impl FromStr for ConnectionSpec {
    type Err = NetworkTextError;

    fn from_str(text: &str) -> Result<ConnectionSpec, NetworkTextError> {
        connection(text).ok_or_else(|| NetworkTextError {
            text: text.to_owned(),
            wanted: "connection such as `tcp:192.0.2.1:1024-10.0.0.1:80` or `… mark 7`",
        })
    }
}

fn connection(text: &str) -> Option<ConnectionSpec> {
    let mut words = text.split_whitespace();
    let ends = socket(words.next()?)?;
    let mut mark = 0;
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word {
            "mark" => mark = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(ConnectionSpec {
        protocol: ends.protocol,
        from: ends.local,
        to: ends.remote?,
        mark,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_is_written_as_ip_does() {
        let route: Route = "192.0.2.0/24 via 10.0.0.254 dev 3 metric 5"
            .parse()
            .unwrap();
        let gateway = Some(IpAddr::from([10, 0, 0, 254]));
        assert_eq!((route.bits, route.metric), (24, 5));
        assert_eq!(route.way, Hop::Via { device: 3, gateway });
        let route: Route = "blackhole 2001:db8::/32".parse().unwrap();
        assert_eq!((route.bits, route.way), (32, Hop::Blackhole));
        let all: Route = "default dev 2".parse().unwrap();
        assert_eq!((all.to, all.bits), (IpAddr::from([0; 4]), 0));
        for text in [
            "",
            "blackhole",
            "10.0.0.0/33",
            "10.0.0.0/8 via",
            "10.0.0.0/8 by 1",
        ] {
            assert!(text.parse::<Route>().is_err(), "{text}");
        }
    }

    #[test]
    fn neighbour_has_a_link_address() {
        let known: Neighbour = "10.0.0.9 lladdr 52:54:00:00:00:09 dev 2".parse().unwrap();
        assert_eq!((known.mac, known.device), ([0x52, 0x54, 0, 0, 0, 9], 2));
        for text in ["10.0.0.9", "10.0.0.9 lladdr 1:2:3", "x lladdr 1:2:3:4:5:6"] {
            assert!(text.parse::<Neighbour>().is_err(), "{text}");
        }
    }

    #[test]
    fn socket_is_read_with_one_end_or_two() {
        let listening: SocketSpec = "tcp:10.0.0.1:80".parse().unwrap();
        assert_eq!(
            (listening.protocol, listening.remote),
            (Protocol::Tcp, None)
        );
        let connected: SocketSpec = "udp:[::1]:53-[::1]:1024".parse().unwrap();
        assert_eq!(connected.remote.map(|end| end.port()), Some(1024));
        for text in [
            "",
            "tcp",
            "sctp:10.0.0.1:80",
            "tcp:10.0.0.1",
            "tcp:10.0.0.1:80-[::1]:80",
        ] {
            assert!(text.parse::<SocketSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn connection_has_two_ends_and_perhaps_a_mark() {
        let plain: ConnectionSpec = "udp:192.0.2.1:53-10.0.0.1:1024".parse().unwrap();
        assert_eq!((plain.protocol, plain.mark), (Protocol::Udp, 0));
        assert_eq!((plain.from.port(), plain.to.port()), (53, 1024));
        let marked: ConnectionSpec = "tcp:[::1]:1-[::1]:2 mark 7".parse().unwrap();
        assert_eq!(marked.mark, 7);
        for text in [
            "tcp:10.0.0.1:80",
            "tcp:10.0.0.1:80-10.0.0.2:81 mark",
            "tcp:10.0.0.1:80-10.0.0.2:81 zone 1",
        ] {
            assert!(text.parse::<ConnectionSpec>().is_err(), "{text}");
        }
    }
}
