//! Every accepted program of the corpus, run on the events that reach it, does what the comment at
//! its top says.
//!
//! A case is a row of [`CASES`]: an object, what happens, and what must be seen afterwards.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use ebpf_sim::btf::Value;
use ebpf_sim::events::{Direction, Event};
use ebpf_sim::machine::{Comm, Task};
use ebpf_sim::sim::{Engine, Firing, Options, Sim};

/// What a case looks at: the machine, and what came of each event.
struct Seen {
    sim: Sim,
    firings: Vec<Firing>,
}

/// One row: the object, who acts, what happens, and what must be seen.
struct Case {
    object: &'static str,
    task: fn() -> Task,
    events: fn() -> Vec<Event>,
    check: fn(&Seen),
}

const CASES: &[Case] = &[
    case("bounded_loop", || packets(&["udp"]), bounded_loop),
    case(
        "bloom_filter",
        || packets(&["udp", "udp", "icmpv6", "udp"]),
        |seen| assert_eq!(seen.returned("bloom_filter"), [1, 2, 2, 2]),
    ),
    case("btf_tracepoint", execve, |seen| {
        seen.prints(&["pid 1234, child of 1000, was 1234"])
    }),
    case("callbacks", execve, |seen| {
        seen.prints(&["8 rounds, 6 elements, total 55"])
    }),
    case("core_read", execve, |seen| {
        seen.prints(&["user 1000, child of 1000 (sshd)"])
    }),
    case(
        "cgroup_storage",
        || vec![sent("udp"), sent("dns_query")],
        |seen| {
            // The root cgroup's, of `cgroup_skb/egress`.
            let mut key = 1u64.to_le_bytes().to_vec();
            key.extend([1, 0, 0, 0, 0, 0, 0, 0]);
            let bytes = packet("udp").len() + packet("dns_query").len() - 2 * 14;
            let counted = format!("{{.packets = 2, .bytes = {bytes}}}");
            assert_eq!(seen.values("sent", &key), [counted]);
        },
    ),
    case(
        "count_by_uid",
        || [execve(), execve()].concat(),
        |seen| {
            assert_eq!(seen.number("counts", 1000), Some(2));
            assert_eq!(seen.number("counts", 0), None);
        },
    ),
    case("dynptrs", || packets(&["udp"]), dynptrs),
    case(
        "user_ring",
        || packets(&["udp"]),
        |seen| seen.answers(&[-22]),
    ),
    case("exec_latency", execve, |seen| {
        seen.prints(&["execve returned 0 after 1 us"]);
        assert!(seen.sim.map("entered").unwrap().entries().is_empty());
    }),
    case("globals", || [execve(), execve()].concat(), globals),
    case("hello", execve, |seen| seen.prints(&["Hello World!"])),
    case("hello_tracepoint", execve, |seen| {
        seen.prints(&["Hello, /bin/ls!"])
    }),
    case(
        "exceptions",
        || packets(&["udp"]),
        |seen| {
            seen.answers(&[0, -21, -11, -4, 94]);
            for program in ["thrown", "not_thrown", "decided", "calling"] {
                let returned = seen.returned(program);
                let returned: Vec<u32> = returned.iter().map(|r0| *r0 as u32).collect();
                assert_eq!(returned, [u32::MAX], "{program}");
            }
        },
    ),
    case(
        "many_cpus",
        || packets(&["udp"]),
        |seen| {
            let globals = ["runs", "queued", "popped", "sent", "lost"];
            let globals = globals.map(|name| seen.global(name));
            assert_eq!(globals, ["1", "1", "0", "1", "0"]);
        },
    ),
    case("iter_bits", || packets(&["udp"]), iter_bits),
    case("iter_num", || packets(&["udp"]), iter_num),
    case("cpumask", execve, |seen| {
        seen.holds([0..14, 20..29, 30..31]);
    }),
    case("tasks", execve, |seen| {
        seen.holds([0..5, 10..17, 20..27, 30..35]);
    }),
    case("session", execve, |seen| {
        seen.prints(&["entered", "entry_only: 0, 0", "returned with 42"]);
    }),
    case(
        "kptr",
        || packets(&["udp", "udp"]),
        |seen| {
            assert_eq!(seen.returned("kptr"), [0, 0]);
            let globals = ["before", "after", "again", "counted"];
            assert_eq!(globals.map(|name| seen.global(name)), ["3", "4", "4", "28"]);
            let hidden = seen.values("shelves", &0u32.to_le_bytes());
            assert_eq!(hidden, ["{.note = 0x0, .number = 0x0}"]);
        },
    ),
    case(
        "kernel_kptr",
        || [execve(), execve()].concat(),
        |seen| {
            let globals = ["pid_before", "cpu_before"];
            assert_eq!(globals.map(|name| seen.global(name)), ["1234", "1"]);
            let objects = &seen.sim.machine().objects;
            assert_eq!((objects.lent(), objects.held()), (1, 1));
            let seats = seen.sim.map("seats").unwrap();
            seats.delete(&0u32.to_le_bytes()).unwrap();
            assert_eq!((objects.lent(), objects.held()), (0, 0));
        },
    ),
    case("ksyscall", execve, |seen| {
        seen.prints(&["bash calls execve(/bin/ls), argv[0] is /bin/ls, uid 1000"]);
    }),
    case(
        "linked_list",
        || packets(&["udp"]),
        |seen| {
            assert_eq!(seen.returned("linked_list"), [0]);
            assert_eq!(seen.global("popped"), "[1, 4, 2, 3]");
            assert_eq!(seen.global("left"), "0");
        },
    ),
    case(
        "lru_hash",
        || [execve(), execve()].concat(),
        |seen| {
            assert_eq!(
                seen.values("processes", &1234u32.to_le_bytes()),
                ["{.count = 2, .comm = \"bash\"}"]
            );
        },
    ),
    case(
        "lsm_deny",
        || vec![Event::execve("/usr/bin/forbidden")],
        |seen| {
            assert_eq!(seen.firings[0].result, Some(-1));
            assert!(!seen.passed("tracepoint sched/sched_process_exec"));
            assert!(seen.passed("tracepoint syscalls/sys_exit_execve"));
        },
    ),
    case("lsm_deny", execve, |seen| {
        assert_eq!(seen.firings[0].result, Some(0));
        assert!(seen.passed("tracepoint sched/sched_process_exec"));
    }),
    Case {
        object: "lsm_deny",
        task: || Task {
            uid: 0,
            gid: 0,
            ..Task::default()
        },
        events: || vec![Event::execve("/usr/bin/forbidden")],
        check: |seen| assert_eq!(seen.firings[0].result, Some(0)),
    },
    case("map_errors", || packets(&["udp"]), map_errors),
    case("map_in_map", execve, |seen| {
        let counted = [
            "counters_of_root",
            "counters_of_user",
            "counters_even",
            "counters_odd",
        ];
        assert_eq!(
            counted.map(|map| seen.number(map, 1)),
            [Some(0), Some(1), Some(1), Some(0)]
        );
    }),
    case(
        "percpu_count",
        || [execve(), execve()].concat(),
        |seen| {
            assert_eq!(seen.values("starts", &[0; 4]), ["2", "0", "0", "0"]);
            assert_eq!(
                seen.values("starts_by_comm", Comm::new("bash").bytes()),
                ["2", "0", "0", "0"]
            );
        },
    ),
    case("perf_events", execve, |seen| {
        let records = seen.sim.records("events").unwrap();
        assert_eq!(
            records
                .iter()
                .map(|record| record.bytes.clone())
                .collect::<Vec<_>>(),
            [record()]
        );
        assert_eq!(records[0].cpu.map(|cpu| cpu.0), Some(0));
    }),
    case(
        "raw_tracepoint",
        || [execve(), syscall("getpid")].concat(),
        |seen| seen.prints(&["system call 59"]),
    ),
    case(
        "rbtree",
        || packets(&["udp"]),
        |seen| {
            assert_eq!(seen.returned("rbtree"), [0]);
            assert_eq!(seen.global("sorted"), "[10, 20, 30, 40, 0]");
        },
    ),
    case(
        "redirect_map",
        || packets(&["udp", "tcp_syn", "icmp", "icmpv6"]),
        |seen| assert_eq!(seen.returned("redirect_map"), [2, 1, 3, 2]),
    ),
    case(
        "ringbuf_events",
        || vec![Event::execve("/bin/ls"), Event::execve("")],
        |seen| {
            let records: Vec<_> = seen
                .sim
                .records("events")
                .unwrap()
                .into_iter()
                .map(|record| record.bytes)
                .collect();
            let mut empty = record();
            empty[24..].fill(0);
            assert_eq!(records, [record(), record(), empty]);
        },
    ),
    case("sched_exec", execve, |seen| {
        seen.prints(&["pid 1234 is now /bin/ls"]);
        assert!(
            seen.sim.trace_lines()[0]
                .trim_start()
                .starts_with("ls-1234")
        );
    }),
    case(
        "sk_storage",
        || ["udp", "udp", "dns_query", "udp"].map(sent).to_vec(),
        |seen| {
            // The third is of another socket.
            assert_eq!(seen.returned("sk_storage"), [1, 1, 1, 0]);
            assert_eq!(seen.sim.map("sent").unwrap().entries().len(), 2);
        },
    ),
    case(
        "socket_fields",
        || [packets(&["tcp_syn"]), vec![sent("udp")]].concat(),
        |seen| {
            let fields = seen.values("sockets", &[0; 4]).concat();
            for field in [".family = 2", ".type = 2", ".protocol = 17", ".uid = 1000"] {
                assert!(fields.contains(field), "{fields}");
            }
        },
    ),
    case(
        "socket_filter",
        || packets(&["udp", "tcp_syn", "icmpv6", "runt"]),
        |seen| {
            assert_eq!(seen.returned("keep_udp"), [47, 0, 0, 0]);
            assert_eq!(seen.returned("keep_tcp"), [0, 64, 0, 0]);
        },
    ),
    case(
        "spin_lock",
        || packets(&["udp", "udp"]),
        |seen| {
            let bytes = 2 * packet("udp").len();
            let counted = format!("{{.packets = 2, .lock = {{.val = 0}}, .bytes = {bytes}}}");
            assert_eq!(seen.values("accounts", &8u32.to_le_bytes()), [counted]);
        },
    ),
    case(
        "stack_trace",
        || [execve(), execve()].concat(),
        |seen| {
            let ways = seen.sim.map("counts").unwrap().entries();
            assert_eq!(ways.len(), 1);
            assert_eq!(ways[0].values, [2u64.to_le_bytes()]);
            let kept = |id: &[u8]| seen.values("stacks", id);
            let (kernel, user) = ways[0].key.split_at(4);
            assert_eq!(kept(user), ["[0x555555555000]"]);
            let kernel = kept(kernel).concat();
            assert_eq!(kernel.matches("0xffffffff81").count(), 3, "{kernel}");
        },
    ),
    case(
        "subprogs",
        || [execve(), syscall("read")].concat(),
        |seen| seen.prints(&["execve weighs 597"]),
    ),
    case(
        "tail_calls",
        || {
            ["write", "read", "getpid"]
                .into_iter()
                .flat_map(syscall)
                .chain(execve())
                .collect()
        },
        |seen| seen.prints(&["write", "another system call: 39", "execve"]),
    ),
    case(
        "task_storage",
        || [execve(), execve(), syscall("exit_group"), execve()].concat(),
        |seen| {
            let [first, second] = [1, 2].map(|count| format!("program {count} of process 1234"));
            seen.prints(&[&first, &second, &first]);
            assert_eq!(seen.number("programs", 1234), Some(1));
        },
    ),
    case("tc_rewrite", || packets(&["dns_query", "udp"]), tc_rewrite),
    case(
        "connect_elsewhere",
        || {
            let to = |ip: &str, port: u16| {
                let port = port.to_be().to_string();
                let args = [("user_ip4", ip), ("user_port", port.as_str())];
                Event::parse("cgroup/connect4", &args).unwrap()
            };
            // 192.0.2.1 as a number in network order.
            vec![to("0x010200c0", 80), to("0x010200c0", 23)]
        },
        |seen| {
            let [elsewhere, nowhere] = seen.firings.as_slice() else {
                panic!("two connections");
            };
            assert_eq!(elsewhere.result, Some(0));
            let changed = &elsewhere.runs().next().unwrap().changed;
            let after: Vec<_> = changed
                .iter()
                .map(|(name, _, after)| (*name, *after))
                .collect();
            let port = u64::from(8080u16.to_be());
            assert_eq!(after, [("user_ip4", 0x0100_007f), ("user_port", port)]);
            assert_eq!(nowhere.result, Some(-1));
        },
    ),
    case(
        "iter_tasks",
        || vec![Event::parse::<&str, &str>("iter:task", &[]).unwrap()],
        |seen| {
            let output = seen.firings[0].output.clone().unwrap();
            assert_eq!(
                String::from_utf8(output).unwrap(),
                "  pid name\n    1 systemd\n 1000 sshd\n 1234 bash\n3 tasks\n"
            );
        },
    ),
    case("net_errors", || packets(&["udp"]), net_errors),
    case("short_cut", connection, |seen| {
        let open = seen.sim.machine().sockets.all();
        let [server, client] = open.as_slice() else {
            panic!("two ends: {open:?}");
        };
        let entries = seen.sim.map("connections").unwrap().entries();
        assert_eq!(entries.len(), 2);
        let [.., there, back] = seen.firings.as_slice() else {
            panic!("two messages");
        };
        let to = |firing: &Firing| {
            firing
                .runs()
                .next()
                .unwrap()
                .redirect()
                .unwrap()
                .to_string()
        };
        assert_eq!(
            to(there),
            format!("socket {}, which receives it", server.cookie)
        );
        assert_eq!(
            to(back),
            format!("socket {}, which receives it", client.cookie)
        );
    }),
    case(
        "timer",
        || {
            [
                execve(),
                execve(),
                vec![Event::Sleep(999_999_000)],
                execve(),
            ]
            .concat()
        },
        |seen| {
            seen.prints(&[]);
            assert_eq!(seen.sim.machine().timers.waiting(), 1);
        },
    ),
    case(
        "timer",
        || [execve(), execve(), vec![Event::Sleep(2_000_000_000)]].concat(),
        |seen| {
            seen.prints(&["user 1000 started 2 programs, and then none"]);
            assert!(seen.passed("timer in pauses"));
            assert!(seen.sim.map("pauses").unwrap().entries().is_empty());
            assert_eq!(seen.sim.machine().timers.waiting(), 0);
        },
    ),
    case(
        "timer_errors",
        || packets(&["udp"]),
        |seen| {
            let wanted = [
                -22, -22, -22, -22, -22, 0, -16, -22, 0, -22, 0, 0, 1, -22, -22, 0,
            ];
            seen.answers(&[wanted, wanted].concat());
        },
    ),
    case("typed_text", || packets(&["udp"]), typed_text),
    case("uninit_stack", execve, |seen| {
        assert_eq!(seen.returned("uninit_stack"), [0])
    }),
    case(
        "xdp_count",
        || packets(&["udp", "dns_query", "tcp_syn", "icmp", "icmpv6", "runt"]),
        |seen| {
            let counts = [17, 6, 1, 58, 255].map(|protocol| seen.number("packets", protocol));
            assert_eq!(counts, [Some(2), Some(1), Some(1), Some(1), Some(1)]);
        },
    ),
    case(
        "xdp_packet_of_death",
        || {
            packets(&[
                "udp",
                "packet_of_death",
                "dns_query",
                "tcp_syn",
                "icmp",
                "icmpv6",
                "runt",
            ])
        },
        |seen| {
            let dropped = |verdict: &&str| *verdict == "XDP_DROP";
            let verdicts: Vec<_> = seen
                .firings
                .iter()
                .flat_map(Firing::runs)
                .filter_map(|run| run.verdict)
                .collect();
            assert_eq!(
                (verdicts.len(), verdicts.iter().position(&dropped)),
                (7, Some(1))
            );
            assert_eq!(verdicts.iter().copied().filter(&dropped).count(), 1);
            let went_on =
                |firing: &Firing| firing.hooks.iter().any(|hook| hook.hook == "tc ingress");
            assert_eq!(seen.firings.iter().map(went_on).filter(|on| !on).count(), 1);
        },
    ),
];

const fn case(object: &'static str, events: fn() -> Vec<Event>, check: fn(&Seen)) -> Case {
    Case {
        object,
        task: Task::default,
        events,
        check,
    }
}

#[test]
fn every_program_does_what_its_comment_says() {
    for case in CASES {
        println!("{}", case.object);
        let seen = run(case);
        let trap = seen.firings.iter().find_map(Firing::trap);
        assert!(trap.is_none(), "{}: {}", case.object, trap.unwrap());
        let refused = seen.sim.loads()[0]
            .programs
            .iter()
            .find_map(|program| program.verdict.refusal());
        assert!(refused.is_none(), "{}: {}", case.object, refused.unwrap());
        assert_eq!(seen.sim.unreached(), [], "{}", case.object);
        (case.check)(&seen);
    }
}

#[test]
fn every_accepted_object_has_a_case() {
    let files = std::fs::read_dir(corpus(""))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let objects: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "o"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("reject_"))
        .collect();
    let cases: BTreeSet<String> = CASES.iter().map(|case| case.object.to_owned()).collect();
    assert_eq!(objects, cases);
}

#[test]
fn the_same_events_give_the_same_bytes() {
    for case in CASES {
        let (one, other) = (run(case), run(case));
        assert_eq!(one.sim.trace_lines(), other.sim.trace_lines());
        for (one, other) in one.sim.maps().iter().zip(other.sim.maps()) {
            assert_eq!(one.entries(), other.entries(), "{}", case.object);
            assert_eq!(one.records(), other.records(), "{}", case.object);
        }
        for (one, other) in one.firings.iter().zip(&other.firings) {
            assert_eq!(one.packet, other.packet, "{}", case.object);
            let insns = |firing: &Firing| firing.runs().map(|run| run.insns).collect::<Vec<_>>();
            assert_eq!(insns(one), insns(other), "{}", case.object);
        }
    }
}

#[test]
fn an_event_leaves_no_memory_behind() {
    let mut sim = Sim::new(Options::default()).unwrap();
    sim.load_file(corpus("lsm_deny.o")).unwrap();
    sim.load_file(corpus("tc_rewrite.o")).unwrap();
    let events = [execve(), packets(&["dns_query"])].concat();
    let used = |sim: &mut Sim| {
        // Freed objects wait in a quarantine of bounded size.
        (0..300).for_each(|_| {
            events
                .iter()
                .for_each(|event| drop(sim.fire(event).unwrap()))
        });
        sim.machine().memory.used()
    };
    let first = used(&mut sim);
    assert_eq!(used(&mut sim), first);
}

fn bounded_loop(seen: &Seen) {
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
fn map_errors(seen: &Seen) {
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
fn iter_bits(seen: &Seen) {
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

/// As above: result, numbers and sum of each range, and the pairs of two nested loops.
fn iter_num(seen: &Seen) {
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
fn dynptrs(seen: &Seen) {
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
fn typed_text(seen: &Seen) {
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
fn connection() -> Vec<Event> {
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
fn net_errors(seen: &Seen) {
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

/// The second sample is too short for a number, the third says to stop.
#[test]
fn sample_sent_to_a_user_ring_buffer_reaches_the_callback() {
    let engines = [
        Engine::Interpreter,
        #[cfg(feature = "jit")]
        Engine::Jit(ebpf_sim::jit::Counting::On),
    ];
    for engine in engines {
        let mut sim = Sim::new(Options {
            engine,
            ..Options::default()
        })
        .unwrap();
        sim.load_file(corpus("user_ring.o")).unwrap();
        let samples = sim.map("samples").unwrap();
        for sample in [&[5, 0, 0, 0, 9][..], &[7], &[0; 4], &[3, 0, 0, 0]] {
            samples.send(sample).unwrap();
        }
        let event = Event::packet(packet("udp"));
        let firings = vec![sim.fire(&event).unwrap()];
        let mut seen = Seen { sim, firings };
        seen.answers(&[-22, 3, 6 + 1, 5 + 1 + 4, 1]);
        seen.firings = vec![seen.sim.fire(&event).unwrap()];
        seen.answers(&[-22, 1, 4, 4]);
    }
}

fn globals(seen: &Seen) {
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
fn tc_rewrite(seen: &Seen) {
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
fn ones_complement(bytes: &[u8]) -> u32 {
    let words = bytes
        .chunks(2)
        .map(|two| u32::from(two[0]) << 8 | u32::from(two.get(1).copied().unwrap_or(0)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16)
}

/// The record that `perf_events` and `ringbuf_events` send.
fn record() -> Vec<u8> {
    let mut record = Vec::new();
    record.extend(1234u32.to_le_bytes());
    record.extend(1000u32.to_le_bytes());
    record.extend(Comm::new("bash").bytes());
    record.extend(b"/bin/ls");
    record.resize(88, 0);
    record
}

impl Seen {
    /// Checks what was printed, line by line.
    #[track_caller]
    /// Of which numbers the map says that what they stand for holds: of these alone.
    fn holds<const N: usize>(&self, wanted: [Range<u32>; N]) {
        let entries = self.sim.map("right").unwrap().entries();
        let keys = entries
            .iter()
            .map(|entry| entry.key.as_slice().try_into().unwrap());
        let mut held: Vec<u32> = keys.map(u32::from_le_bytes).collect();
        held.sort_unstable();
        let wanted: Vec<u32> = wanted.into_iter().flatten().collect();
        assert_eq!(held, wanted);
    }

    /// What the map of answers begins with; the rest is zero.
    fn answers(&self, wanted: &[i64]) {
        let answers = self.sim.map("answers").unwrap().entries();
        let answers = answers.iter().map(|entry| entry.values[0].as_slice());
        let answers: Vec<i64> = answers
            .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        let (first, rest) = answers.split_at(wanted.len());
        assert_eq!(first, wanted);
        assert!(rest.iter().all(|answer| *answer == 0), "{rest:?}");
    }

    fn prints(&self, wanted: &[&str]) {
        let lines = self.sim.trace_lines();
        let texts: Vec<&str> = lines
            .iter()
            .map(|line| {
                line.split_once("bpf_trace_printk: ")
                    .map_or("", |(_, text)| text)
            })
            .collect();
        assert_eq!(texts, wanted);
    }

    fn number(&self, map: &str, key: u64) -> Option<u64> {
        self.sim.map(map).unwrap().number(key)
    }

    /// The values under a key as text, one for each CPU.
    fn values(&self, map: &str, key: &[u8]) -> Vec<String> {
        let entry = self.sim.map(map).unwrap().get(key).unwrap();
        entry
            .typed_values
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// A global variable as text.
    fn global(&self, name: &str) -> String {
        let value = self.sim.global_value(name).unwrap();
        value.unwrap().to_string()
    }

    /// What the runs of a program returned.
    fn returned(&self, program: &str) -> Vec<u64> {
        let runs = self.firings.iter().flat_map(Firing::runs);
        runs.filter(|run| &*run.name == program)
            .map(|run| run.outcome.clone().unwrap())
            .collect()
    }

    fn passed(&self, hook: &str) -> bool {
        self.firings
            .iter()
            .flat_map(|firing| &firing.hooks)
            .any(|passed| passed.hook == hook)
    }
}

fn run(case: &Case) -> Seen {
    let mut sim = Sim::new(Options {
        task: (case.task)(),
        ..Options::default()
    })
    .unwrap();
    sim.load_file(corpus(&format!("{}.o", case.object)))
        .unwrap();
    let firings = (case.events)()
        .iter()
        .map(|event| sim.fire(event).unwrap())
        .collect();
    Seen { sim, firings }
}

fn execve() -> Vec<Event> {
    vec![Event::execve("/bin/ls")]
}

fn syscall(name: &str) -> Vec<Event> {
    vec![Event::syscall(name, &[])]
}

fn packets(names: &[&str]) -> Vec<Event> {
    names
        .iter()
        .map(|name| Event::packet(packet(name)))
        .collect()
}

/// A packet that leaves the machine.
fn sent(name: &str) -> Event {
    let Event::Packet(mut event) = Event::packet(packet(name)) else {
        panic!("it is one")
    };
    event.direction = Direction::Egress;
    Event::Packet(event)
}

fn packet(name: &str) -> Vec<u8> {
    std::fs::read(corpus(&format!("packets/{name}.bin"))).unwrap()
}

fn corpus(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(file)
}
