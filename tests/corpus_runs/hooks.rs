//! What the programs of `corpus/hook_answers.o` answer at hooks that no test run of a kernel reaches.
//!
//! The answers are those of Linux 6.18.44, where a process in a cgroup of its own made the same happen: it read and wrote
//! the parameter, connected over the loopback device, sent both ways through maps of sockets with these programs, sent a
//! datagram to a port that two sockets share, had its time sampled, and read an iterator. The rules behind them stand in files of 6.12 that
//! each test names. Answers that are not listed are 0.

use ebpf_sim::events::Event;
use ebpf_sim::machine::SocketSpec;
use ebpf_sim::sim::{Options, Sim};

use crate::seen::corpus;

/// The object.
pub(crate) const OBJECT: &str = "hook_answers";
/// A connection, and who accepted it.
const CLIENT: &str = "tcp:127.0.0.1:40000-127.0.0.1:80";
const SERVER: &str = "tcp:127.0.0.1:80";

fn loaded() -> Sim {
    let mut sim = Sim::new(Options::default()).unwrap();
    let load = sim.load_file(corpus(&format!("{OBJECT}.o"))).unwrap();
    for program in &load.programs {
        let refusal = program.verdict.refusal().map(ToString::to_string);
        assert_eq!(refusal, None, "{}", program.name);
    }
    sim
}

fn fire(sim: &mut Sim, name: &str, args: &[(&str, &str)]) {
    let event = Event::parse(name, args).unwrap();
    let firing = sim.fire(&event).unwrap();
    assert_eq!(firing.trap().map(ToString::to_string), None, "{name}");
    assert!(firing.runs().next().is_some(), "{name}");
}

/// The answers that are not 0, by number.
fn answers(sim: &Sim) -> Vec<(usize, i64)> {
    let entries = sim.map("answers").unwrap().entries();
    let answers = entries.iter().map(|entry| entry.values[0].as_slice());
    let answers = answers.map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()));
    answers
        .enumerate()
        .filter(|(_, answer)| *answer != 0)
        .collect()
}

/// Opens a socket, and puts it into a map.
fn open(sim: &Sim, map: &str, key: u32, socket: &str) {
    let spec: SocketSpec = socket.parse().unwrap();
    let open = sim.machine().sockets.all();
    let known = open
        .iter()
        .find(|open| open.spec.local == spec.local && open.spec.remote == spec.remote);
    let cookie = match known {
        Some(open) => open.cookie,
        None => sim.machine().open_socket(spec).unwrap().cookie,
    };
    let map = sim.map(map).unwrap();
    map.update(&key.to_le_bytes(), &cookie.to_le_bytes())
        .unwrap();
}

/// With a connection whose two ends are in the maps of sockets.
fn connected() -> Sim {
    let sim = loaded();
    open(&sim, "sockets", 0, CLIENT);
    open(&sim, "sockets", 1, SERVER);
    open(&sim, "sockets_by_key", 0, CLIENT);
    sim
}

/// kernel/bpf/cgroup.c
#[test]
fn parameter_is_told_and_changed_as_linux_does() {
    const NAME: (&str, &str) = ("name", "net/ipv4/ip_default_ttl");
    let mut sim = loaded();
    fire(&mut sim, "cgroup/sysctl", &[NAME, ("value", "64\n")]);
    let read = [
        (167, 23),
        (168, 998_189_849_909_497_842),
        (169, 14),
        (170, -2_951_129_331_321_013_591),
        (171, -7),
        (172, 4_553_251_240_461_139_100),
        (173, -7),
        (174, -1_395_471_354_831_047_878),
        (175, 23),
        (176, 998_189_849_909_497_842),
        (177, 3),
        (178, -7_350_642_817_709_863_308),
        (179, -7),
        (180, -3_877_899_544_228_362_051),
        (181, -22),
        (183, -22),
    ];
    assert_eq!(answers(&sim), read);
    let mut sim = loaded();
    fire(
        &mut sim,
        "cgroup/sysctl",
        &[NAME, ("value", "64\n"), ("new", "64"), ("write", "1")],
    );
    let written = [
        (159, 2),
        (160, -6_257_272_766_628_150_210),
        (161, -7),
        (162, -3_877_899_544_228_362_051),
        (163, -7),
        (165, 2),
        (166, -6_257_272_766_628_150_210),
    ];
    assert_eq!(answers(&sim), written);
}

/// net/core/filter.c (`bpf_bind`, options, cookies), kernel/bpf/cgroup.c (return values)
#[test]
fn who_connects_is_answered_as_by_linux() {
    let mut sim = loaded();
    let to = [
        ("user_family", "2"),
        ("family", "2"),
        ("type", "1"),
        ("protocol", "6"),
        ("sk", CLIENT),
    ];
    fire(&mut sim, "cgroup/connect4", &to);
    let wanted = [
        (139, -22),
        (140, -97),
        (141, -22),
        (143, -22),
        (144, 1),
        (145, 1),
        (148, -13),
        (150, 5),
        (152, -5000),
        (156, 5),
        (157, -22),
    ];
    assert_eq!(answers(&sim), wanted);
}

/// net/core/filter.c (`sol_socket_sockopt`, `sol_tcp_sockopt`, `sol_ip_sockopt`, `sol_ipv6_sockopt`, options of headers),
/// net/core/sock_map.c (updates)
#[test]
fn connection_is_answered_as_by_linux() {
    let mut sim = loaded();
    // A segment with its largest size, that it takes selective acknowledgements, time stamps and a scale.
    let segment = "hex:0050 9c40 00000001 00000001 a012 ffff 0000 0000 0204 ffd7 0402 080a 00000001 00000001 01 0303 07";
    let mut happens = |op: &str| {
        let args = [
            ("op", op),
            ("sk", CLIENT),
            ("is_fullsock", "1"),
            ("data", segment),
        ];
        fire(&mut sim, "sockops", &args);
    };
    happens("4");
    happens("14");
    happens("15");
    let wanted: &[(usize, i64)] = &[
        (0, -22),
        (1, -2),
        (3, -17),
        (5, -22),
        (6, -2),
        (8, -17),
        (10, -7),
        (13, 4),
        (14, 1026),
        (15, -28),
        (16, 1026),
        (17, -22),
        (18, 2),
        (19, -22),
        (20, 1026),
        (21, -42),
        (22, 77),
        (23, -22),
        (25, -22),
        (26, 1),
        (27, -22),
        (28, 2),
        (29, -2),
        (30, 2),
        (31, -22),
        (32, 254),
        (33, -42),
        (34, 1278),
        (35, -22),
        (36, 1534),
        (37, -1),
        (38, -1),
        (40, 127),
        (41, 128),
        (42, 64),
        (45, 5),
        (46, -22),
        (47, -22),
        (49, -22),
        (50, -22),
        (55, 1),
        (58, 77),
        (61, 9),
        (64, 9),
        (68, 99),
        (69, -22),
        (72, -22),
        (73, -22),
        (75, -22),
        (80, 8),
        (81, -22),
        (82, -22),
        (83, -22),
        (85, -22),
        (86, -22),
        (88, -22),
        (89, -22),
        (90, -28),
        (92, -22),
        (93, -22),
        (94, -22),
        (95, -22),
        (96, -22),
        (97, -22),
        (98, -22),
        (99, -28),
        (101, -17),
        (103, -1),
    ];
    assert_eq!(answers(&sim), wanted);
}

/// net/core/filter.c (changes of messages), net/core/sock_map.c (redirects)
#[test]
fn message_is_answered_as_by_linux() {
    let mut sim = connected();
    fire(
        &mut sim,
        "sk_msg",
        &[("data", "hello world"), ("sk", CLIENT)],
    );
    let wanted: &[(usize, i64)] = &[
        (104, 11),
        (106, 11),
        (107, -22),
        (108, -22),
        (109, -22),
        (110, -22),
        (112, -22),
        (113, -22),
        (115, 13),
        (117, -22),
        (118, -22),
        (119, -22),
        (121, 11),
        (129, 1),
        (130, 1),
        (131, 1),
    ];
    assert_eq!(answers(&sim), wanted);
}

/// net/core/sock_map.c (redirects)
#[test]
fn stream_is_answered_as_by_linux() {
    let mut sim = connected();
    fire(
        &mut sim,
        "sk_skb/stream_verdict",
        &[("data", "from server")],
    );
    assert_eq!(answers(&sim), [(137, 1), (138, 1)]);
}

/// net/core/filter.c (`sk_select_reuseport`)
#[test]
fn choice_among_sockets_of_a_port_is_answered_as_by_linux() {
    let mut sim = loaded();
    open(&sim, "of_port", 0, "udp:127.0.0.1:5000");
    open(&sim, "of_port", 1, "udp:127.0.0.1:6000");
    let datagram = "hex:9c40 1388 0009 0000 78";
    fire(
        &mut sim,
        "sk_reuseport",
        &[
            ("data", datagram),
            ("ip_protocol", "17"),
            ("sk", "udp:127.0.0.1:5000"),
        ],
    );
    assert_eq!(answers(&sim), [(187, -2), (190, -77), (191, -2), (192, -2)]);
}

/// kernel/trace/bpf_trace.c (`bpf_perf_prog_read_value`, `bpf_read_branch_records`)
#[test]
fn sample_is_answered_as_by_linux() {
    let mut sim = loaded();
    fire(&mut sim, "perf_event", &[("sample_period", "100000")]);
    let wanted = [
        (194, 1),
        (195, -22),
        (197, -2),
        (198, -2),
        (199, -22),
        (200, -2),
    ];
    assert_eq!(answers(&sim), wanted);
}

/// net/core/filter.c (`bpf_lwt_in_push_encap`), net/core/lwt_bpf.c (`bpf_lwt_push_ip_encap`)
#[test]
fn routed_packet_is_answered_as_by_linux() {
    let mut sim = loaded();
    let packet = format!("hex:4500003c 00000000 4011{}", "00".repeat(50));
    fire(&mut sim, "lwt_in", &[("data", &packet)]);
    let wanted = [
        (201, -22),
        (202, -22),
        (203, -22),
        (204, -22),
        (205, -22),
        (206, 60),
        (208, 80),
        (209, 8),
    ];
    assert_eq!(answers(&sim), wanted);
}

/// kernel/trace/bpf_trace.c (texts and values for readers, `bpf_d_path`), fs/d_path.c
#[test]
fn reader_is_answered_as_by_linux() {
    let mut sim = loaded();
    fire(&mut sim, "iter:bpf_map_elem", &[("map", "element")]);
    let wanted = [
        (210, 1),
        (211, 47),
        (213, 1),
        (214, -36),
        (217, -22),
        (218, -22),
        (219, -22),
        (220, -22),
        (221, -22),
        (225, -75),
        (226, -2),
        (227, -22),
        (228, -22),
    ];
    assert_eq!(answers(&sim), wanted);
}
