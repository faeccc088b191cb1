//! What must be seen of programs of which there is much to see.

use ebpf_sim::btf::Value;
use ebpf_sim::events::Event;
use ebpf_sim::machine::Comm;
use ebpf_sim::maps::BPF_F_LOCK;
use ebpf_sim::sim::Firing;

use crate::seen::{Seen, packet};

pub(crate) fn bounded_loop(seen: &Seen) {
    let bytes = packet("udp");
    let (mut a, mut b) = (1u32, 0u32);
    for byte in &bytes {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    assert_eq!(
        seen.sim.global("last_checksum").unwrap(),
        (b << 16 | a).to_le_bytes()
    );
    assert_eq!(
        seen.sim.global("last_length").unwrap(),
        (bytes.len() as u32).to_le_bytes()
    );
}

/// What Linux 6.12.117 answered, by `ebpf-sim diff --kernel vm:6.12`.
pub(crate) fn map_errors(seen: &Seen) {
    const KEYED: [[i64; 9]; 4] = [
        [-2, 0, -17, -22, -22, 0, -7, 0, -2],
        [0, -17, -17, -22, -22, 0, -7, -22, -22],
        [0, -17, -17, -22, -22, 0, -7, -22, -22],
        [-2, 0, -17, -22, -22, 0, -7, 0, -2],
    ];
    const LISTS: [&[i64]; 4] = [
        &[-2, 0, 0, -7, -22, 0, 0, 0],
        &[-2, 0, 0, -7, -22, 0, 0, 0],
        &[-2, 0, 0, 0, -22, -22, -2, 0, 0],
        &[-22, 0, 16, 16, 0],
    ];
    const REDIRECT: [i64; 12] = [1, 2, 0, 4, 3, 2, 0, 3, 0, 1, 1, 1];
    let wanted = [KEYED.concat(), LISTS.concat(), REDIRECT.to_vec()].concat();
    seen.answers(&wanted);
}

/// As above: result, number and sum of the bits of each piece.
pub(crate) fn iter_bits(seen: &Seen) {
    const PIECES: [[i64; 3]; 9] = [
        [0, 2, 63],
        [0, 2, 63],
        [0, 10, 1179],
        [0, 8, 92],
        [0, 11, 33882],
        [-22, 0, 0],
        [-22, 0, 0],
        [-7, 0, 0],
        [-14, 0, 0],
    ];
    let none_set = vec![0; 3];
    let elements = vec![0, 2, 1, 0];
    seen.answers(&[PIECES.concat(), none_set, elements].concat());
}

/// What Linux 6.18 answered after the same two packets and the same call.
pub(crate) fn arena(seen: &Seen) {
    const LIST: [i64; 17] = [
        101,
        201,
        0,
        243,
        243,
        240,
        241,
        0,
        11,
        12,
        13,
        0,
        0,
        9,
        0,
        (1 << 44) + 608,
        (1 << 44) + 592,
    ];
    const PAGES: [i64; 12] = [1, 2, 3, -1, -1, -1, -1, -1, 0, 2, 0, 0];
    seen.answers(&LIST);
    seen.array("pages", &PAGES);
    let view = seen.sim.map("arena").unwrap();
    let arena = view.arena().unwrap();
    assert_eq!(arena.present(), std::slice::from_ref(&(0..1)));
    assert_eq!(seen.global("packets"), "102");
    assert_eq!(seen.global("list"), "0x100000000260");
    let names: Vec<String> = view.variables().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["packets", "flags", "pool", "list"]);
    // Whoever reads may write, and lets a page come with it.
    arena.write(4094, &[1, 2, 3]).unwrap();
    assert_eq!(arena.present(), std::slice::from_ref(&(0..2)));
}

/// As above: result, numbers and sum of each range, and the pairs of two nested loops.
pub(crate) fn iter_num(seen: &Seen) {
    const RANGES: [[i64; 3]; 9] = [
        [0, 4, 18],
        [0, 7, 7],
        [0, 0, 0],
        [-22, 0, 0],
        [-7, 0, 0],
        [-7, 0, 0],
        [0, 1, 2_147_483_646],
        [0, 100_000, 4_999_950_000],
        [0, 1, -2_147_483_648],
    ];
    seen.answers(&[RANGES.concat(), vec![1330]].concat());
}

/// As above: dynptrs to a value, a record, an XDP program's packet, a socket buffer, and one not to be written.
pub(crate) fn dynptrs(seen: &Seen) {
    const VALUE: [i64; 27] = [
        -22,
        1,
        0xffff_ffea,
        -22,
        -22,
        1,
        0,
        0,
        -7,
        -22,
        0x64_6362,
        -7,
        -22,
        -22,
        -34,
        0,
        10,
        0x6463_6261,
        0x64_6362,
        0,
        7,
        0,
        0,
        0,
        0,
        10,
        0,
    ];
    const RECORD: [i64; 3] = [-22, -22, 0];
    const XDP: [i64; 11] = [
        -22,
        47,
        -22,
        0,
        0x64_6362,
        0x200_3131,
        0,
        -22,
        -22,
        0,
        0x7a7a_6c65,
    ];
    const SKB: [i64; 12] = [-22, 45, -22, 0, 0x64_6362, 0x200_3131, 0, 0, -14, 0, -14, 0];
    const READ_ONLY: [i64; 5] = [0, 1, -22, 0x3131_3131, 0x31_3131];
    let wanted = [&VALUE[..], &RECORD, &XDP, &SKB, &READ_ONLY].concat();
    seen.answers(&wanted);
}

/// Texts of values, and the answers beside them; all as on Linux 6.12 and 6.18.
pub(crate) fn typed_text(seen: &Seen) {
    let texts = seen.sim.map("texts").unwrap().entries();
    let texts = texts.iter().map(|entry| {
        let bytes = &entry.values[0];
        let end = bytes.iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8(bytes[..end].to_vec()).unwrap()
    });
    let texts: Vec<String> = texts.collect();
    let wanted = [
        "(struct btf_enum){.val = (__s32)-1,}",
        "{-1,}",
        "(struct btf_enum){.name_off = (__u32)0,.val = (__s32)-1,}",
        "(struct btf_enum){\n .val = (__s32)-1,\n}\n",
        "{\n 0,\n -1,\n}\n",
        "(struct bpf_insn){.code = (__u8)1,.dst_reg = (__u8)0x2,.src_reg = (__u8)0x3,.off = (__s16)4,.imm = (__s32)-5,}",
        "(struct list_head){.next = (struct list_head *)0x0000000000000001,}",
        "(enum bpf_cmd)BPF_PROG_LOAD",
        "2000\n",
        "(refcount_t){\n .refs = (atomic_t){\n  .counter = (int)7,\n },\n}\n",
        "(refcount_t){\n .refs = (atomic_t){\n  .counter = (int)7,\n },\n}\n",
        "(refcount_t){.refs = (atomic_t){.counter = (int)7,},}",
    ];
    assert_eq!(texts[..wanted.len()], wanted);
    let lengths = wanted.iter().map(|text| text.len() as i64);
    // A text that is cut, a flag, a size, a type and an address that there are not.
    let cut = i64::from_le_bytes(*b"(struct\0");
    let errors = [36, cut, -22, -22, -22, -34];
    let answers: Vec<i64> = lengths.chain([0; 4]).chain(errors).collect();
    seen.answers(&answers);
}

/// Both ends of a connection are made, and each sends a message.
pub(crate) fn connection() -> Vec<Event> {
    const SERVER: &str = "tcp:127.0.0.1:80-127.0.0.1:40000";
    const CLIENT: &str = "tcp:127.0.0.1:40000-127.0.0.1:80";
    let ports = |local: u16, remote: u16| {
        let remote = u32::from(remote).to_be();
        [local.to_string(), remote.to_string()]
    };
    let made = |op: &str, socket: &str, local, remote| {
        let [local, remote] = ports(local, remote);
        let args = [
            ("op", op),
            ("sk", socket),
            ("local_port", &local),
            ("remote_port", &remote),
        ];
        Event::parse("sockops", &args).unwrap()
    };
    let sent = |socket: &str, local, remote| {
        let [local, remote] = ports(local, remote);
        let args = [
            ("data", "hello"),
            ("sk", socket),
            ("local_port", &local),
            ("remote_port", &remote),
        ];
        Event::parse("sk_msg", &args).unwrap()
    };
    vec![
        made("5", SERVER, 80, 40000),
        made("4", CLIENT, 40000, 80),
        sent(CLIENT, 40000, 80),
        sent(SERVER, 80, 40000),
    ]
}

/// By program: cookies, routes and lengths of XDP; tunnels, marks and lengths of traffic control. All as on
/// Linux 6.12 and 6.18.
pub(crate) fn net_errors(seen: &Seen) {
    const COOKIES: [i64; 16] = [
        -22, -22, 536, 0, 1, -13, 1300, 1220, 1220, 0, 0, 0, 0, 0, 0, 0,
    ];
    const ROUTES: [i64; 8] = [-22, -22, 5, -19, -19, -97, 0, 0];
    const LENGTHS: [i64; 16] = [0, 65536, 1, 65536, 1, 0, -22, 5, -19, 5, 0, 0, 0, 0, 0, 0];
    const TUNNELS: [i64; 28] = [
        -22,
        -2,
        -22,
        -22,
        -22,
        -22,
        -22,
        0,
        -71,
        -22,
        -22,
        0,
        7_722_351_265_797,
        0,
        1312,
        -2,
        -22,
        0,
        -12,
        8,
        0,
        0,
        8_937_827_227_256,
        17_179_869_195,
        -22,
        0,
        0,
        0,
    ];
    const MARKS: [i64; 16] = [
        -22, 0, 0, 0, 0, -22, 0, -22, 0, 0, 1, 65536, -22, 65536, -22, 5,
    ];
    let wanted = [&COOKIES[..], &ROUTES, &LENGTHS, &TUNNELS, &MARKS].concat();
    seen.answers(&wanted);
}

pub(crate) fn globals(seen: &Seen) {
    seen.prints(&["exec number 1: pid 1234", "exec number 2: pid 1234"]);
    assert_eq!(
        seen.sim.global_value("next_number").unwrap(),
        Some(Value::Int(3))
    );
    assert_eq!(seen.sim.global_value("seen").unwrap(), Some(Value::Int(2)));
    assert_eq!(
        seen.sim.global_value("skipped").unwrap(),
        Some(Value::Int(0))
    );
    let pids = seen
        .sim
        .global_value("last_pids")
        .unwrap()
        .map(|pids| pids.to_string());
    assert_eq!(pids.as_deref(), Some("[1234, 1234, 1, 1]"));
}

/// The port is another, the TTL is one less, and both checksums hold; other packets stay as they are.
pub(crate) fn tc_rewrite(seen: &Seen) {
    const IP: usize = 14;
    const UDP: usize = IP + 20;
    let before = packet("dns_query");
    let after = seen.firings[0].packet.clone().unwrap();
    assert_eq!(after[UDP + 2..UDP + 4], 5353u16.to_be_bytes());
    assert_eq!(after[IP + 8], before[IP + 8] - 1);
    assert_eq!(ones_complement(&after[IP..UDP]), 0xffff);
    let mut pseudo = after[IP + 12..IP + 20].to_vec();
    pseudo.extend([0, 17]);
    pseudo.extend_from_slice(&after[UDP + 4..UDP + 6]);
    pseudo.extend_from_slice(&after[UDP..]);
    assert_eq!(ones_complement(&pseudo), 0xffff);
    let changed = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .count();
    assert!((4..=7).contains(&changed), "{changed} bytes changed");
    assert_eq!(
        seen.firings[1].packet.as_deref(),
        Some(packet("udp").as_slice())
    );
}

/// The ones' complement sum of 16-bit words in network order.
pub(crate) fn ones_complement(bytes: &[u8]) -> u32 {
    let words = bytes
        .chunks(2)
        .map(|two| u32::from(two[0]) << 8 | u32::from(two.get(1).copied().unwrap_or(0)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16)
}

/// The record that `perf_events` and `ringbuf_events` send.
pub(crate) fn record() -> Vec<u8> {
    let mut record = Vec::new();
    record.extend(1234u32.to_le_bytes());
    record.extend(1000u32.to_le_bytes());
    record.extend(Comm::new("bash").bytes());
    record.extend(b"/bin/ls");
    record.resize(88, 0);
    record
}

/// By map: updates with ten sets of flags, each of an element that is there and of one that is not; deletions of
/// both; updates with eight sets of flags of what was deleted. As on Linux 6.18.
pub(crate) fn map_flags(seen: &Seen) {
    const ARRAY: [i64; 30] = [
        0, -7, -17, -7, 0, -7, -22, -22, -22, -7, -17, -7, -22, -7, -22, -22, -22, -22, -22, -22,
        -22, -22, 0, -17, 0, -22, -22, -17, -22, -22,
    ];
    const LOCKED_ARRAY: [i64; 30] = [
        0, -7, -17, -7, 0, -7, -22, -22, 0, -7, -17, -7, 0, -7, -22, -22, -22, -22, -22, -22, -22,
        -22, 0, -17, 0, -22, 0, -17, 0, -22,
    ];
    const HASH: [i64; 30] = [
        0, -7, -17, -7, 0, -2, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22,
        -22, -2, 0, 0, 0, -2, -22, -22, -22, -22, -22,
    ];
    const LOCKED_HASH: [i64; 30] = [
        0, -7, -17, -7, 0, -2, -22, -22, 0, -7, -17, -7, 0, -2, -22, -22, -22, -22, -22, -22, -2,
        0, 0, 0, -2, -22, 0, 0, -2, -22,
    ];
    const LRU: [i64; 30] = [
        0, 0, -17, -17, 0, 0, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22,
        0, 0, 0, 0, -2, -22, -22, -22, -22, -22,
    ];
    const PREFIX: [i64; 30] = [
        0, -28, -17, -28, 0, -2, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22,
        -22, -2, 0, 0, 0, -2, -22, -22, -22, -22, -22,
    ];
    const LONG_PREFIX: [i64; 30] = [
        0, -22, -17, -22, 0, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22, -22,
        -22, -22, 0, 0, 0, -2, -22, -22, -22, -22, -22,
    ];
    let arrays = [ARRAY, ARRAY, LOCKED_ARRAY].concat();
    let hashes = [HASH, HASH, HASH, LOCKED_HASH].concat();
    let others = [LRU, LRU, PREFIX, LONG_PREFIX].concat();
    seen.answers(&[arrays, vec![0; 10], hashes, vec![0; 30], others].concat());
}

/// As on Linux 6.12 and 6.18: lengths of texts, and how long they are where arguments have no room.
pub(crate) fn formats(seen: &Seen) {
    const LENGTHS: [i64; 16] = [
        2, 1024, 2001, 2002, 100_001, 30_001, 4001, 1, 2000, 4000, 3, 1, -22, 19, -22, 19,
    ];
    const ROOM: [i64; 21] = [
        512, 300, 511, -28, -28, -28, 508, -28, -28, -28, 55, 48, 502, 515, 511, 20, 510, -28, -28,
        510, 706,
    ];
    seen.answers(&[&LENGTHS[..], &ROOM].concat());
    let addresses = [
        "00000000000000ff|",
        "   ff|",
        "                  ff|",
        "ff                  |",
        "000000000000000000ff|",
        "ff                  |",
        "ff   |",
        "ff              |",
        "00000000000000ff|",
        "0000000000000000|",
        "    0|",
        "                   0|",
        "0                   |",
        "00000000000000000000|",
        "12345|",
        "00000000000000ff|",
    ];
    for (entry, wanted) in seen
        .sim
        .map("texts")
        .unwrap()
        .entries()
        .iter()
        .zip(addresses)
    {
        assert_eq!(entry.values[0].get(..wanted.len()), Some(wanted.as_bytes()));
    }
}

/// As on Linux 6.18, but that there each program has a packet of its own.
pub(crate) fn change_head(seen: &Seen) {
    const READS: [i64; 7] = [0, 0, 69, 0, 8, 0, 0];
    const GROWS: [i64; 4] = [0, 0, 0, 93];
    const SHRINKS: [i64; 5] = [0, 0, 0, -524, 91];
    const TRANSLATES: [i64; 6] = [0, 0, 131, 0, 0, 117];
    let wanted = [
        [&READS[..], &[0]].concat(),
        [&GROWS[..], &[0; 4]].concat(),
        [&SHRINKS[..], &[0; 3]].concat(),
        TRANSLATES.to_vec(),
    ];
    seen.answers(&wanted.concat());
}

/// As on Linux 6.18; 56710 and 8 are the protocols of IPv6 and IPv4.
pub(crate) fn decapsulate(seen: &Seen) {
    seen.answers(&[
        -22, 0, 0, 56710, -22, -22, -22, -524, -14, -22, -524, 0, 8, 0, 56710, 113,
    ]);
}

/// The storage of the root cgroup, by the system call with and without its lock.
pub(crate) fn cgroup_lock(seen: &Seen) {
    let traffic = seen.sim.map("traffic").unwrap();
    let key = 1u64.to_le_bytes();
    let bytes = packet("udp").len() as u64 - 14;
    let value = [(2_u64 << 32).to_le_bytes(), (2 * bytes).to_le_bytes()].concat();
    for flags in [0, BPF_F_LOCK] {
        assert_eq!(traffic.read(&key, flags).unwrap(), value);
    }
    traffic.update_with(&key, &[7; 16], BPF_F_LOCK).unwrap();
    let hidden = [[0, 0, 0, 0, 7, 7, 7, 7], [7; 8]].concat();
    assert_eq!(traffic.read(&key, 0).unwrap(), hidden);
}

/// What Linux 6.18 answered after the same calls and the same packet.
pub(crate) fn crypto(seen: &Seen) {
    const ERRORS: [i64; 16] = [
        0, -22, -22, -95, -22, -22, -22, 0, 0, 16, -22, -95, -95, -95, -22, -2,
    ];
    const MADE: [i64; 4] = [0; 4];
    const PACKET: [i64; 10] = [0, 0, 0, 95, 0, 127, 0, 104, 0, 0];
    const REFUSED: [i64; 14] = [
        -22, -22, -22, -22, -22, -22, 0, -22, -22, -22, 56, -22, 0, 0,
    ];
    seen.answers(&[&ERRORS[..], &MADE, &PACKET, &REFUSED].concat());
    let texts = seen.sim.map("texts").unwrap().entries();
    let starts = texts.iter().map(|entry| entry.values[0][..4].to_vec());
    let starts: Vec<Vec<u8>> = starts.collect();
    let [ecb, back, cbc, ..] = &starts[..] else {
        panic!("{starts:?}")
    };
    assert_eq!(*ecb, [0x6b, 0x5e, 0xce, 0x31]);
    assert_eq!(*back, [0x02, 0, 0, 0], "the packet again");
    assert_eq!(*cbc, [0x59, 0xf1, 0xb7, 0xfa]);
}

/// A window that begins with 20 segments, grows by what is acknowledged, and is cut by a quarter.
pub(crate) fn congestion(seen: &Seen) {
    let runs: Vec<_> = seen.firings.iter().flat_map(Firing::runs).collect();
    let changed = |index: usize| {
        let changed = runs[index].changed.iter();
        changed
            .map(|(name, before, after)| (name.as_str(), *before, *after))
            .collect::<Vec<_>>()
    };
    assert_eq!(changed(0), [("sk.snd_cwnd", 10, 20)]);
    assert_eq!(changed(1), [("sk.snd_cwnd", 20, 23)]);
    assert_eq!(changed(2), [("sk.inet_conn.icsk_ca_priv[0]", 0, 5)]);
    assert_eq!(seen.returned("congestion_ssthresh"), [18]);
    assert_eq!(seen.returned("congestion_undo"), [100]);
}
