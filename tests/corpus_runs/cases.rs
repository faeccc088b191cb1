//! The programs of the corpus, what happens to each, and what must be seen then.

use ebpf_sim::events::Event;
use ebpf_sim::machine::{Comm, Task};
use ebpf_sim::sim::Firing;

use crate::checks::*;
use crate::seen::*;

/// One row: the object, who acts, what happens, and what must be seen.
pub(crate) struct Case {
    pub(crate) object: &'static str,
    pub(crate) task: fn() -> Task,
    pub(crate) events: fn() -> Vec<Event>,
    pub(crate) check: fn(&Seen),
}

pub(crate) const CASES: &[Case] = &[
    case(
        "arena",
        || [packets(&["udp", "udp"]), called()].concat(),
        arena,
    ),
    case("bounded_loop", || packets(&["udp"]), bounded_loop),
    case(
        "bloom_filter",
        || packets(&["udp", "udp", "icmpv6", "udp"]),
        |seen| assert_eq!(seen.returned("bloom_filter"), [1, 2, 2, 2]),
    ),
    case(
        "congestion",
        || {
            operations(
                "gentle",
                &["init", "cong_avoid", "pkts_acked", "ssthresh", "undo_cwnd"],
            )
        },
        congestion,
    ),
    case(
        "connect_unix",
        || vec![Event::parse("cgroup/connect_unix", &[("name", "/run/socket")]).unwrap()],
        |seen| {
            seen.answers(&[13, i64::from(b'/'), 0, 12, i64::from(b'e')]);
            let path = seen.firings[0]
                .runs()
                .next()
                .unwrap()
                .state
                .sun_path
                .clone();
            assert_eq!(path.unwrap(), b"\0elsewhere");
        },
    ),
    // The kernel whose types are embedded has connection tracking in a module.
    case("conntrack", || packets(&["udp"]), |seen| seen.answers(&[])),
    case(
        "crypto",
        || [calls(&["crypto_errors", "crypto_make"]), packets(&["udp"])].concat(),
        crypto,
    ),
    // No socket is open; another test closes some.
    case(
        "sock_destroy",
        || ["iter:tcp", "iter:udp"].map(named).to_vec(),
        |seen| assert_eq!(seen.returned("destroy_udp"), [0]),
    ),
    case("btf_tracepoint", execve, |seen| {
        seen.prints(&["pid 1234, child of 1000, was 1234"])
    }),
    case("callbacks", execve, |seen| {
        seen.prints(&["8 rounds, 6 elements, total 55"])
    }),
    case(
        "loops",
        || packets(&["udp"]),
        |seen| {
            // Errors have 32 bits where the loop is compiled in, and 64 where the helper is called.
            let too_big = -7_i64 as u64;
            let results = [
                10,
                4,
                0,
                too_big & u64::from(u32::MAX),
                -22_i64 as u64,
                too_big,
                3,
                475,
            ];
            for (index, result) in (0..).zip(results) {
                assert_eq!(seen.number("results", index), Some(result), "{index}");
            }
        },
    ),
    case(
        "reuse",
        || packets(&["udp"]),
        |seen| {
            let of_hash = [10, 10, 30, 40, 30, 30, 41, 41];
            let of_percpu = [10, 10, 30, 40, 31, 31, 31, 32];
            let on_demand = [10, 10, 30, 40, 30, 50, 50, 50];
            for (index, result) in (0..).zip([of_hash, of_percpu, on_demand].concat()) {
                assert_eq!(seen.number("results", index), Some(result), "{index}");
            }
        },
    ),
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
        "cgroup_lock",
        || vec![sent("udp"), Event::packet(packet("udp"))],
        cgroup_lock,
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
    case(
        "encapsulate",
        || packets(&["udp"]),
        |seen| {
            seen.answers(&[0, -114, -114, 0, 0, -114, -22, -22, -22, -114, 47]);
        },
    ),
    case("change_head", || packets(&["udp"]), change_head),
    case("decapsulate", || packets(&["udp"]), decapsulate),
    case("map_flags", || packets(&["udp"]), map_flags),
    case("exec_latency", execve, |seen| {
        seen.prints(&["execve returned 0 after 1 us"]);
        assert!(seen.sim.map("entered").unwrap().entries().is_empty());
    }),
    case("formats", || packets(&["udp"]), formats),
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
    case("iter_areas", execve, |seen| seen.holds([0..2, 2..4])),
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
    case("file_facts", execve, |seen| {
        let globals = ["length", "too_short", "of_users", "of_others"];
        let globals = globals.map(|name| seen.global(name));
        assert_eq!(globals, ["10", "-36", "-61", "-1"]);
        assert!(seen.global("text").starts_with("\"/bin/bash"));
    }),
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
        "lru_order",
        || packets(&["udp"]),
        |seen| {
            let has = |map: &str, key: u32| seen.sim.map(map).unwrap().number(key.into()).is_some();
            for map in ["small", "percpu"] {
                for (before, first) in [
                    ("plain", false),
                    ("looked", true),
                    ("updated", true),
                    ("deleted", false),
                ] {
                    let map = format!("{map}_{before}");
                    let found = [1, 4, 5, 25].map(|key| has(&map, key));
                    assert_eq!(found, [first, first, false, true], "{map}");
                }
            }
            for before in ["plain", "looked", "updated", "deleted"] {
                assert!(has(&format!("own_{before}"), 25));
                assert!(has(&format!("large_{before}"), 1537));
            }
            // Eight times 2 of 16 nodes are taken at a time, 4 of a CPU's part of 4, and 128 of 1024.
            let left = [
                "small_plain",
                "percpu_plain",
                "own_plain",
                "large_plain",
                "large_looked",
            ];
            let left = left.map(|map| seen.sim.map(map).unwrap().entries().len());
            assert_eq!(left, [15, 15, 1, 897, 1023]);
            assert!(
                !has("large_looked", 129),
                "the oldest of those that were not passed over"
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
    case(
        "many_objects",
        || packets(&["udp"; 6]),
        |seen| {
            let globals = ["runs", "made", "dropped", "broken"];
            assert_eq!(globals.map(|name| seen.global(name)), ["6", "6", "2", "0"]);
            assert_eq!(seen.sim.machine().objects.held(), 4, "one on each shelf");
        },
    ),
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
                .map(|(name, _, after)| (name.as_str(), *after))
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
    case(
        "iter_elements",
        || {
            let of = |map| Event::parse("iter:bpf_map_elem", &[("map", map)]).unwrap();
            vec![of("squares"), of("squares"), of("copies")]
        },
        |seen| {
            for key in 0..3 {
                let twice = 2 * key * key;
                assert_eq!(seen.number("squares", key), Some(twice));
                assert_eq!(seen.number("copies", key), Some(0));
            }
        },
    ),
    case(
        "xdp_metadata",
        || packets(&["udp"]),
        |seen| {
            assert_eq!(seen.firings[0].metadata, Some(vec![4, 3, 2, 1]));
            assert_eq!(seen.firings[0].packet, Some(packet("udp")));
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
        "timer_stale",
        || packets(&["udp", "udp"]),
        |seen| {
            seen.answers(&[0, 0, 0, 0, -22, 0, 0, 0, -16, 0, 0, 1]);
            assert_eq!(seen.sim.machine().timers.waiting(), 0, "it is cancelled");
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
    case(
        "work",
        || packets(&["udp", "udp"]),
        |seen| {
            let wanted = [-22, -22, -22, 0, -16, -22, -22, 0, -22, 0, 0];
            let wanted_again = [0, 0, -22, -16, -16, 0, -22, 0, -22, 0, 0];
            seen.answers(&[wanted, wanted_again].concat());
            let held = seen.sim.machine().objects.held();
            assert_eq!(held, 1, "it saw its key and value");
            for firing in &seen.firings {
                let hooks: Vec<_> = firing.hooks.iter().map(|hook| hook.hook.as_str()).collect();
                let follows = |pair: &&[&str]| **pair == ["tc ingress", "work in tasks"];
                let times = hooks.windows(2).filter(follows).count();
                assert_eq!(times, 1, "once, after the program: {hooks:?}");
            }
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
