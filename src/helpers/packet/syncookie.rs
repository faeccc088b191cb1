//! SYN cookies: numbers of connections that a server need not remember, after D. J. Bernstein
//! (<https://cr.yp.to/syncookies.html>).
//!
//! A cookie holds the minute in its upper 8 bits and the number of a segment size below, both added to
//! hashes of addresses and ports. The kernel's secrets are random; ours come from the machine's seed, so
//! cookies are as large and live as long as the kernel's, and are other numbers.

use crate::helpers::{Answer, Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::socket::AF_INET6;
use crate::machine::{Addr, Errno, socket};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(100, "bpf_tcp_check_syncookie", check),
    Entry::new(110, "bpf_tcp_gen_syncookie", generate),
    Entry::new(204, "bpf_tcp_raw_gen_syncookie_ipv4", raw_generate_ipv4),
    Entry::new(205, "bpf_tcp_raw_gen_syncookie_ipv6", raw_generate_ipv6),
    Entry::new(206, "bpf_tcp_raw_check_syncookie_ipv4", raw_check_ipv4),
    Entry::new(207, "bpf_tcp_raw_check_syncookie_ipv6", raw_check_ipv6),
];

/// Bytes of a TCP header without options.
const TCP_HEADER: u32 = 20;
/// Segment sizes that cookies can say, of IPv4 and of IPv6.
const SIZES_4: [u16; 4] = [536, 1300, 1440, 1460];
const SIZES_6: [u16; 4] = [1220, 1420, 1440, 8940];
/// The segment size of who names none.
const DEFAULT_4: u16 = 536;
const DEFAULT_6: u16 = 1220;
/// Cookies live for so many minutes (`MAX_SYNCOOKIE_AGE`).
const MAX_AGE: u32 = 2;
const MINUTE: u64 = 60_000_000_000;
/// The lower bits of a cookie, which hold the segment size.
const LOW: u32 = 0x00ff_ffff;
const TCP: u64 = 6;
const LISTEN: u64 = 10;

/// Which protocol is below TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Below {
    V4,
    V6,
}

impl Below {
    fn sizes(self) -> [u16; 4] {
        match self {
            Below::V4 => SIZES_4,
            Below::V6 => SIZES_6,
        }
    }

    fn header(self) -> u32 {
        match self {
            Below::V4 => 20,
            Below::V6 => 40,
        }
    }

    /// Where source and destination address are.
    fn addresses(self) -> std::ops::Range<usize> {
        match self {
            Below::V4 => 12..20,
            Below::V6 => 8..40,
        }
    }
}

/// The headers of a segment.
struct Segment {
    below: Below,
    /// Addresses and ports, from the source on.
    flow: Vec<u8>,
    tcp: Vec<u8>,
}

impl Segment {
    fn read(
        call: &Call<'_>,
        below: Below,
        ip: u64,
        tcp: (u64, u32),
    ) -> Result<Segment, HelperError> {
        let ip = call.memory().read_vec(Addr(ip), below.header())?;
        let tcp = call.memory().read_vec(Addr(tcp.0), tcp.1)?;
        let addresses = ip.get(below.addresses()).unwrap_or_default();
        let flow = [addresses, tcp.get(..4).unwrap_or_default()].concat();
        Ok(Segment { below, flow, tcp })
    }

    fn word(&self, at: usize) -> u32 {
        let bytes = self.tcp.get(at..at + 4);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    }

    /// Whether flags of the header are set.
    fn has(&self, flags: u8) -> bool {
        self.tcp.get(13).is_some_and(|byte| byte & flags != 0)
    }

    /// Bytes of the header with its options.
    fn header(&self) -> u32 {
        self.tcp.get(12).map_or(0, |byte| u32::from(byte >> 4) * 4)
    }

    /// The segment size among the options, if there is one.
    fn segment_size(&self) -> Option<u16> {
        const END: u8 = 0;
        const NOTHING: u8 = 1;
        const SIZE: u8 = 2;
        let mut rest = self.tcp.get(TCP_HEADER as usize..).unwrap_or_default();
        loop {
            match rest {
                [] | [END, ..] => return None,
                [NOTHING, after @ ..] => rest = after,
                [SIZE, 4, high, low, ..] => {
                    let size = u16::from_be_bytes([*high, *low]);
                    return (size != 0).then_some(size);
                }
                [_, len, ..] if *len >= 2 => rest = rest.get(usize::from(*len)..)?,
                [_, ..] => return None,
            }
        }
    }

    /// The cookie for a connection, and the segment size that it says.
    fn cookie(&self, call: &Call<'_>, wanted: u16) -> (u32, u16) {
        let sizes = self.below.sizes();
        let index = sizes.iter().rposition(|size| *size <= wanted).unwrap_or(0);
        let size = sizes.get(index).copied().unwrap_or(DEFAULT_4);
        let minute = minute(call);
        let low = self.hash(call, minute, 1).wrapping_add(index as u32) & LOW;
        let cookie = self
            .hash(call, 0, 0)
            .wrapping_add(self.word(4))
            .wrapping_add(minute << 24)
            .wrapping_add(low);
        (cookie, size)
    }

    /// Whether the acknowledged number is a cookie of ours that has not become too old.
    fn is_ours(&self, call: &Call<'_>) -> bool {
        let cookie = self.word(8).wrapping_sub(1);
        let first = self.word(4).wrapping_sub(1);
        let rest = cookie
            .wrapping_sub(self.hash(call, 0, 0))
            .wrapping_sub(first);
        let now = minute(call);
        let age = now.wrapping_sub(rest >> 24) & 0xff;
        let index = rest.wrapping_sub(self.hash(call, now.wrapping_sub(age), 1)) & LOW;
        age < MAX_AGE && (index as usize) < self.below.sizes().len()
    }

    /// A keyed hash of the flow: SipHash-2-4 (Aumasson and Bernstein, 2012).
    fn hash(&self, call: &Call<'_>, minute: u32, secret: u64) -> u32 {
        let mut bytes = self.flow.clone();
        bytes.extend(minute.to_le_bytes());
        let seed = call.world.machine.random.seed();
        siphash([seed ^ 0x7379_6e63_6f6f_6b69, secret], &bytes) as u32
    }
}

/// Minutes since boot.
fn minute(call: &Call<'_>) -> u32 {
    (call.world.machine.clock.peek() / MINUTE) as u32
}

/// `s64 bpf_tcp_raw_gen_syncookie_ipv4(struct iphdr *iph, struct tcphdr *th, u32 th_len)`
fn raw_generate_ipv4(call: &mut Call<'_>) -> Reply {
    raw_generate(call, Below::V4, DEFAULT_4)
}

/// `s64 bpf_tcp_raw_gen_syncookie_ipv6(struct ipv6hdr *iph, struct tcphdr *th, u32 th_len)`
fn raw_generate_ipv6(call: &mut Call<'_>) -> Reply {
    raw_generate(call, Below::V6, DEFAULT_6)
}

fn raw_generate(call: &Call<'_>, below: Below, default: u16) -> Reply {
    let [ip, tcp, len, ..] = call.args;
    let len = len as u32;
    if len < TCP_HEADER {
        return Ok(Errno::EINVAL.as_return());
    }
    let segment = Segment::read(call, below, ip, (tcp, len))?;
    if segment.header() != len {
        return Ok(Errno::EINVAL.as_return());
    }
    let wanted = segment.segment_size().unwrap_or(default);
    let (cookie, size) = segment.cookie(call, wanted);
    Ok(u64::from(cookie) | u64::from(size) << 32)
}

/// `long bpf_tcp_raw_check_syncookie_ipv4(struct iphdr *iph, struct tcphdr *th)`
fn raw_check_ipv4(call: &mut Call<'_>) -> Reply {
    raw_check(call, Below::V4)
}

/// `long bpf_tcp_raw_check_syncookie_ipv6(struct ipv6hdr *iph, struct tcphdr *th)`
fn raw_check_ipv6(call: &mut Call<'_>) -> Reply {
    raw_check(call, Below::V6)
}

fn raw_check(call: &Call<'_>, below: Below) -> Reply {
    let [ip, tcp, ..] = call.args;
    let segment = Segment::read(call, below, ip, (tcp, TCP_HEADER))?;
    Ok(match segment.is_ours(call) {
        true => 0,
        false => Errno::EACCES.as_return(),
    })
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// The segment that a helper is given with a socket: its headers, if they and the socket will do.
fn with_socket(call: &Call<'_>) -> Answer<Segment> {
    let [sk, ip, ip_len, tcp, tcp_len] = call.args;
    let (ip_len, tcp_len) = (ip_len as u32, tcp_len as u32);
    let field = |off: u64| {
        call.memory()
            .peek_uint(Addr(sk).offset(off as i64), Size::W)
    };
    if tcp_len < TCP_HEADER
        || field(socket::PROTOCOL)? != TCP
        || field(socket::STATE)? != LISTEN
        || ip_len < Below::V4.header()
    {
        return Ok(Err(Errno::EINVAL));
    }
    let version = call.memory().load(Addr(ip), Size::B)? >> 4;
    let below = match version {
        4 => Below::V4,
        6 if ip_len < Below::V6.header() || field(socket::FAMILY)? != AF_INET6 => {
            return Ok(Err(Errno::EINVAL));
        }
        6 => Below::V6,
        _ => return Ok(Err(Errno::EPROTONOSUPPORT)),
    };
    Segment::read(call, below, ip, (tcp, tcp_len)).map(Ok)
}

/// `long bpf_tcp_check_syncookie(void *sk, void *iph, u32 iph_len, struct tcphdr *th, u32 th_len)`
fn check(call: &mut Call<'_>) -> Reply {
    let segment = match with_socket(call)? {
        Ok(segment) => segment,
        Err(errno) => return Ok(errno.as_return()),
    };
    let acknowledges = segment.has(ACK) && !segment.has(RST | SYN);
    Ok(match acknowledges && segment.is_ours(call) {
        true => 0,
        false => Errno::ENOENT.as_return(),
    })
}

/// `s64 bpf_tcp_gen_syncookie(void *sk, void *iph, u32 iph_len, struct tcphdr *th, u32 th_len)`
fn generate(call: &mut Call<'_>) -> Reply {
    let segment = match with_socket(call)? {
        Ok(segment) => segment,
        Err(errno) => return Ok(errno.as_return()),
    };
    let begins = segment.has(SYN) && !segment.has(ACK | FIN | RST);
    if segment.header() as usize != segment.tcp.len() || !begins {
        return Ok(Errno::EINVAL.as_return());
    }
    let default = match segment.below {
        Below::V4 => DEFAULT_4,
        Below::V6 => DEFAULT_6,
    };
    let wanted = segment.segment_size().unwrap_or(default);
    let (cookie, size) = segment.cookie(call, wanted);
    Ok(u64::from(cookie) | u64::from(size) << 32)
}

/// SipHash-2-4 of bytes by a key.
fn siphash([k0, k1]: [u64; 2], bytes: &[u8]) -> u64 {
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let last = u64::from_le_bytes(last) | (bytes.len() as u64) << 56;
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    for word in words.chain([last]) {
        state[3] ^= word;
        state = sip_round(sip_round(state));
        state[0] ^= word;
    }
    state[2] ^= 0xff;
    let [a, b, c, d] = (0..4).fold(state, |state, _| sip_round(state));
    a ^ b ^ c ^ d
}

fn sip_round([mut a, mut b, mut c, mut d]: [u64; 4]) -> [u64; 4] {
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::siphash;

    #[test]
    fn hash_is_that_of_the_published_vectors() {
        // The first three of the reference implementation's, whose key is 00 01 … 0f.
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let hashes = [&[][..], &[0], &[0, 1]].map(|bytes| siphash(key, bytes));
        let wanted = [
            0x726f_db47_dd0e_0e31,
            0x74f8_39c5_93dc_67fd,
            0x0d6c_8009_d9a9_4f5a,
        ];
        assert_eq!(hashes, wanted);
    }
}
