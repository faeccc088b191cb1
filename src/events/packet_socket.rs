//! The socket that a packet belongs to, as programs see it behind `skb->sk`.
//!
//! Rules:
//! - On its way out a packet belongs to the socket that sent it; on its way in to the one that will
//!   receive it, but only once the network layer has found that: for hooks of cgroups.
//! - A socket is known by its flow, so that the packets of a connection belong to one.
//! - A test run of the kernel's gives every packet a socket that was never opened, and each a new one.
//!   What it says of that one was asked of Linux 6.18.

use crate::isa::Size;
use crate::machine::socket::{AF_INET, AF_INET6};
use crate::machine::{
    Addr, Holder, HolderKind, ObjectKind, ObjectSpec, Owner, ProgramAccess, socket,
};

use super::event::{Direction, Packet, PacketSocket};
use super::wire::View;
use super::{EventError, Scene};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
const TCP_ESTABLISHED: u32 = 1;
const TCP_CLOSE: u32 = 7;
/// The user of a test run's socket.
const ROOT: u32 = 0;
/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;

/// What a packet's headers say of its flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Flow {
    family: u64,
    protocol: u8,
    /// Addresses of sender and receiver: 4 or 16 bytes.
    addresses: [Vec<u8>; 2],
    /// Ports of sender and receiver, in network order.
    ports: [[u8; 2]; 2],
}

impl Flow {
    /// The flow of a frame; of one that is no IP an empty one.
    fn of(frame: &[u8]) -> Flow {
        let word = |at: usize| {
            let bytes = frame.get(at..at + 2).and_then(|two| two.try_into().ok());
            bytes.unwrap_or([0; 2])
        };
        let part = |at: usize, len: usize| frame.get(at..at + len).unwrap_or_default().to_vec();
        let byte = |at: usize| frame.get(at).copied().unwrap_or(0);
        let ip = ETHERNET;
        let (family, protocol, at, len, transport) = match u16::from_be_bytes(word(12)) {
            ETH_P_IP => {
                let words = usize::from(byte(ip) & 15);
                (AF_INET, byte(ip + 9), ip + 12, 4, ip + words * 4)
            }
            ETH_P_IPV6 => (AF_INET6, byte(ip + 6), ip + 8, 16, ip + 40),
            _ => return Flow::default(),
        };
        let ports = match protocol {
            TCP | UDP => [word(transport), word(transport + 2)],
            _ => [[0; 2]; 2],
        };
        let addresses = [part(at, len), part(at + len, len)];
        Flow {
            family,
            protocol,
            addresses,
            ports,
        }
    }

    /// The flow as the receiver sees it, whose own end comes first.
    fn reversed(self) -> Flow {
        let Flow {
            addresses: [from, to],
            ports: [from_port, to_port],
            ..
        } = self;
        let (addresses, ports) = ([to, from], [to_port, from_port]);
        Flow {
            addresses,
            ports,
            ..self
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.protocol];
        bytes.extend(self.addresses.iter().flatten());
        bytes.extend(self.ports.iter().flatten());
        bytes
    }
}

impl Scene<'_> {
    /// The socket that the event's packet belongs to where it is seen so.
    pub(super) fn packet_socket(
        &self,
        view: View,
        frame: &[u8],
    ) -> Result<Option<Addr>, EventError> {
        let Some(packet) = &self.packet else {
            return Ok(None);
        };
        let found = view == View::Network || packet.direction == Direction::Egress;
        if packet.socket == PacketSocket::OfFlow && !found {
            return Ok(None);
        }
        let memory = &self.machine.memory;
        let spec = ObjectSpec::new(ObjectKind::KernelObject, "socket", Owner::Kernel)
            .with_access(ProgramAccess::ReadOnly);
        let at = memory.allocate(socket::LEN, &spec)?;
        let number = self.fill_socket(at, packet, frame);
        let kind = HolderKind::Socket;
        self.machine.holders.insert(at, Holder { kind, number });
        Ok(Some(at))
    }

    /// Fills a socket in, and gives its number.
    fn fill_socket(&self, at: Addr, packet: &Packet, frame: &[u8]) -> u64 {
        let flow = Flow::of(frame);
        let flow = match (packet.socket, packet.direction) {
            (PacketSocket::OfFlow, Direction::Ingress) => flow.reversed(),
            (PacketSocket::OfFlow, Direction::Egress) | (PacketSocket::OfTestRun, _) => flow,
        };
        let word = |off, value: u32| self.put(at, off, Size::W, value.into());
        self.put(at, socket::FAMILY, Size::W, flow.family);
        word(socket::RX_QUEUE_MAPPING, u32::MAX);
        let [own, peer] = &flow.addresses;
        let (own_at, peer_at) = match flow.family {
            AF_INET6 => (socket::SRC_IP6, socket::DST_IP6),
            _ => (socket::SRC_IP4, socket::DST_IP4),
        };
        self.put_bytes(at, own_at, own);
        self.put_bytes(at, peer_at, peer);
        if packet.socket == PacketSocket::OfTestRun {
            word(socket::STATE, TCP_CLOSE);
            word(socket::UID, ROOT);
            return self.machine.holders.fresh();
        }
        let kind = match flow.protocol {
            TCP => SOCK_STREAM,
            UDP => SOCK_DGRAM,
            _ => SOCK_RAW,
        };
        if flow.protocol == TCP {
            for (off, value) in socket::TCP_START {
                self.put(at, socket::TCP + off, Size::W, value);
            }
        }
        word(socket::TYPE, kind);
        word(socket::PROTOCOL, flow.protocol.into());
        word(socket::STATE, TCP_ESTABLISHED);
        word(socket::UID, self.user);
        let [own, peer] = flow.ports;
        word(socket::SRC_PORT, u16::from_be_bytes(own).into());
        self.put_bytes(at, socket::DST_PORT, &peer);
        number_of(&flow.bytes())
    }
}

/// A number for a flow: a hash (FNV-1a) of 32 bits.
fn number_of(bytes: &[u8]) -> u64 {
    let mix = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    u64::from(bytes.iter().fold(0x811c_9dc5, mix).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flow_is_the_same_from_both_ends() {
        let udp = include_bytes!("../../corpus/packets/udp.bin");
        let flow = Flow::of(udp);
        assert_eq!((flow.family, flow.protocol), (AF_INET, UDP));
        assert_eq!(flow.ports[1], 9u16.to_be_bytes());
        assert_eq!(flow.clone().reversed().reversed(), flow);
        assert_ne!(
            number_of(&flow.bytes()),
            number_of(&flow.reversed().bytes())
        );
        assert_eq!(Flow::of(&[]), Flow::default());
        let runt = include_bytes!("../../corpus/packets/runt.bin");
        assert_eq!(Flow::of(runt).ports, [[0; 2]; 2]);
    }
}
