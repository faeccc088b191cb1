//! What programs are run on: packets that were given, or generated from a seed.

/// The inputs of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// Packets, from the Ethernet header on; programs that take none are not run on them.
    pub packets: Vec<Vec<u8>>,
    /// The context that they arrive with, a `struct __sk_buff` or `struct xdp_md`, if it is given; also what programs
    /// are given that are called.
    pub context: Option<Vec<u8>>,
    /// Programs of the section `syscall` that are called first, before each of the others.
    pub prepare: Vec<String>,
    /// How often each packet is sent; 0 counts as once.
    pub repeat: u32,
    /// Whether programs on events are attached, and an event is made to happen.
    pub events: Events,
}

/// Whether a process is started to see what programs on events do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Events {
    /// They are judged only: nothing is attached to the real kernel.
    #[default]
    Ignore,
    /// They are attached while `/bin/true` is started.
    Compare,
}

/// `EtherType`s of IPv4 and IPv6.
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
/// Protocols that are put into IP packets: ICMP, TCP, UDP, ICMPv6.
const PROTOCOLS: [u8; 4] = [1, 6, 17, 58];
/// Lengths of payloads, at the edges and between.
const PAYLOADS: [u64; 6] = [0, 1, 20, 46, 200, 1400];

/// Packets by chance: mostly well-formed IP, some cut short, some of other protocols. The same seed
/// gives the same packets.
pub fn generate(seed: u64, count: u32) -> Vec<Vec<u8>> {
    let mut random = Random(seed ^ 0x9e37_79b9_7f4a_7c15);
    (0..count).map(|_| packet(&mut random)).collect()
}

/// A generator of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        choices.get(index).copied().unwrap_or_default()
    }

    fn bytes(&mut self, count: u64) -> impl Iterator<Item = u8> {
        (0..count).map(|_| self.next() as u8)
    }
}

fn packet(random: &mut Random) -> Vec<u8> {
    let mut packet: Vec<u8> = random.bytes(12).collect();
    let ethertype = match random.below(8) {
        0 => random.next() as u16,
        1 | 2 => IPV6,
        _ => IPV4,
    };
    packet.extend(ethertype.to_be_bytes());
    let protocol = random.pick(&PROTOCOLS);
    let count = random.pick(&PAYLOADS);
    let payload: Vec<u8> = random.bytes(count + 20).collect();
    let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    match ethertype {
        IPV4 => {
            let [high, low] = len.saturating_add(20).to_be_bytes();
            packet.extend([0x45, 0, high, low, 0, 1, 0x40, 0, 64, protocol, 0, 0]);
            packet.extend(random.bytes(8));
        }
        IPV6 => {
            let [high, low] = len.to_be_bytes();
            packet.extend([0x60, 0, 0, 0, high, low, protocol, 64]);
            packet.extend(random.bytes(32));
        }
        _ => {}
    }
    packet.extend(payload);
    if random.below(6) == 0 {
        let spare = packet.len().saturating_sub(MIN_LEN) as u64;
        let keep = MIN_LEN + usize::try_from(random.below(spare + 1)).unwrap_or(0);
        packet.truncate(keep);
    }
    packet
}

/// The shortest packet that kernels take, an Ethernet header and a byte.
const MIN_LEN: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_the_same_packets_and_another_does_not() {
        assert_eq!(generate(1, 20), generate(1, 20));
        assert_ne!(generate(1, 20), generate(2, 20));
    }

    #[test]
    fn packets_are_long_enough_and_of_several_kinds() {
        let packets = generate(7, 300);
        assert!(packets.iter().all(|packet| packet.len() >= MIN_LEN));
        for kind in [IPV4, IPV6] {
            let found = packets
                .iter()
                .filter(|packet| packet[12..14] == kind.to_be_bytes());
            assert!(found.count() > 20);
        }
    }
}
