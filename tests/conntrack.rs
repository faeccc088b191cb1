//! Programs that track connections, on a kernel that has that built in: Linux 6.12's types with the functions and
//! structures that its modules add.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::PathBuf;
use std::sync::Arc;

use ebpf_sim::btf::{self, Btf, KindFilter};
use ebpf_sim::events::Event;
use ebpf_sim::helpers::kfunc::TrackError;
use ebpf_sim::machine::ConnectionSpec;
use ebpf_sim::object::Program;
use ebpf_sim::sim::{Options, Sim};
use ebpf_sim::verifier::{Env, verify};

/// Kinds of types, as their numbers stand above a count.
const POINTER: u32 = 2 << 24;
const STRUCT: u32 = 4 << 24;
const FUNC: u32 = 12 << 24;
const FUNC_PROTO: u32 = 13 << 24;

/// Types that continue the kernel's.
struct Types {
    kernel: Arc<Btf>,
    words: Vec<u32>,
    text: Vec<u8>,
    count: u32,
}

impl Types {
    fn find(&self, name: &str, kind: KindFilter) -> u32 {
        self.kernel.find(name, kind).unwrap().0
    }

    fn name(&mut self, name: &str) -> u32 {
        let base = u32::from_le_bytes(self.kernel.bytes()[20..24].try_into().unwrap());
        let at = base + u32::try_from(self.text.len()).unwrap();
        self.text.extend(name.bytes().chain([0]));
        at
    }

    fn add(&mut self, words: &[u32]) -> u32 {
        self.words.extend(words);
        self.count += 1;
        self.kernel.type_count() + self.count - 1
    }

    fn pointer(&mut self, to: u32) -> u32 {
        self.add(&[0, POINTER, to])
    }

    /// A structure: its size, and its members with their types and first bytes.
    fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let count = u32::try_from(members.len()).unwrap();
        let mut words = vec![self.name(name), STRUCT | count, size];
        for (name, ty, at) in members {
            words.extend([self.name(name), *ty, at * 8]);
        }
        self.add(&words)
    }

    /// A function: its result, and its parameters.
    fn function(&mut self, name: &str, result: u32, params: &[(&str, u32)]) {
        let count = u32::try_from(params.len()).unwrap();
        let mut words = vec![0, FUNC_PROTO | count, result];
        for (name, ty) in params {
            words.extend([self.name(name), *ty]);
        }
        let proto = self.add(&words);
        let name = self.name(name);
        self.add(&[name, FUNC | 1, proto]);
    }

    /// All of them as one kernel's: a header of six words, the types, their names.
    fn finish(self) -> Arc<Btf> {
        let old = self.kernel.bytes();
        let word = |at: usize| u32::from_le_bytes(old[at..at + 4].try_into().unwrap());
        let [start, types, names, text] = [4, 12, 16, 20].map(|at| word(at) as usize);
        let own: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let lens = [
            0,
            types + own.len(),
            types + own.len(),
            text + self.text.len(),
        ];
        let lens = lens.map(|len| u32::try_from(len).unwrap().to_le_bytes());
        let bytes = [
            &old[..8],
            lens.as_flattened(),
            &old[start..start + types],
            &own,
            &old[start + names..start + names + text],
            &self.text,
        ];
        Arc::new(Btf::parse(bytes.concat()).unwrap())
    }
}

/// The types of a kernel with connection tracking.
fn kernel() -> Arc<Btf> {
    let mut types = Types {
        kernel: Arc::clone(btf::kernel_6_12()),
        words: Vec::new(),
        text: Vec::new(),
        count: 0,
    };
    let [int, word] = ["int", "unsigned int"].map(|name| types.find(name, KindFilter::INT));
    let [byte, half] =
        ["unsigned char", "short unsigned int"].map(|name| types.find(name, KindFilter::INT));
    let structure = |types: &Types, name| types.find(name, KindFilter::STRUCT);
    let tracked = structure(&types, "nf_conn");
    let [packet, frame, tuple] =
        ["__sk_buff", "xdp_md", "bpf_sock_tuple"].map(|name| structure(&types, name));
    let made = structure(&types, "nf_conn___init");
    let opts = types.structure(
        "bpf_ct_opts",
        16,
        &[
            ("netns_id", int, 0),
            ("error", int, 4),
            ("l4proto", byte, 8),
            ("dir", byte, 9),
            ("ct_zone_id", half, 10),
            ("ct_zone_dir", byte, 12),
            ("reserved0", byte, 13),
            ("reserved1", byte, 14),
            ("reserved2", byte, 15),
        ],
    );
    let address = types.find("nf_inet_addr", KindFilter::UNION);
    let manip = types.find("nf_nat_manip_type", KindFilter::ENUM);
    let [tracked, made, packet, frame, tuple, opts, address] =
        [tracked, made, packet, frame, tuple, opts, address].map(|ty| types.pointer(ty));
    for (prefix, context) in [("bpf_skb", packet), ("bpf_xdp", frame)] {
        let params = [
            ("ctx", context),
            ("bpf_tuple", tuple),
            ("tuple__sz", word),
            ("opts", opts),
            ("opts__sz", word),
        ];
        types.function(&format!("{prefix}_ct_alloc"), made, &params);
        types.function(&format!("{prefix}_ct_lookup"), tracked, &params);
    }
    types.function("bpf_ct_insert_entry", tracked, &[("nfct_i", made)]);
    types.function("bpf_ct_release", 0, &[("nfct", tracked)]);
    for (name, of, result) in [
        ("bpf_ct_set_timeout", made, 0),
        ("bpf_ct_change_timeout", tracked, int),
        ("bpf_ct_set_status", made, int),
        ("bpf_ct_change_status", tracked, int),
    ] {
        types.function(name, result, &[("nfct", of), ("number", word)]);
    }
    let params = [
        ("nfct", made),
        ("addr", address),
        ("port", int),
        ("manip", manip),
    ];
    types.function("bpf_ct_set_nat_info", int, &params);
    types.finish()
}

fn sim() -> Sim {
    let options = Options {
        kernel_btf: Some(kernel()),
        ..Options::default()
    };
    let mut sim = Sim::new(options).unwrap();
    let object = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus/conntrack.o");
    let load = sim.load_file(object).unwrap();
    for program in &load.programs {
        assert_eq!(program.verdict.refusal().map(ToString::to_string), None);
    }
    sim
}

/// What Linux 6.18 answered, which has the same functions; all others were 0.
#[rustfmt::skip]
const ANSWERS: [(u32, i64); 41] = [
    (0, -2), (1, 3), (2, -22), (3, -22), (4, -2), (5, -97), (6, -2), (7, -22), (8, -22), (9, -71), (10, -71),
    (11, -71), (12, -97), (13, -64), (14, -22), (15, -22), (16, 3), (18, -16), (20, 8194), (21, 8202), (22, 1),
    (23, -16), (24, -16), (26, 9230), (27, -1), (29, 77), (30, 1), (31, 78), (42, 432), (43, 1), (44, 1),
    (47, 1), (48, 1), (50, -71), (51, -22), (52, -22), (53, -22), (54, -97), (55, -64), (56, -71), (57, -71),
];
const LAST: [(u32, i64); 3] = [(58, -22), (59, -22), (60, -22)];

#[test]
fn answers_are_those_of_a_kernel_that_tracks_connections() {
    let mut sim = sim();
    let firing = sim.fire(&Event::packet([0; 64])).unwrap();
    assert!(firing.trap().is_none(), "{:?}", firing.trap());
    let entries = sim.map("answers").unwrap().entries();
    let answers = (0..).zip(entries.iter().map(|entry| {
        let bytes = entry.values[0].as_slice().try_into().unwrap();
        i64::from_le_bytes(bytes)
    }));
    let answers: Vec<(u32, i64)> = answers.filter(|(_, answer)| *answer != 0).collect();
    assert_eq!(answers, [&ANSWERS[..], &LAST].concat());
}

/// A program that looks up a connection over TCP, whose ends are numbers as they lie in memory, and returns its mark
/// in hexadecimal digits before the direction; 0 if there is none.
fn asking([from, to]: [(u32, u16); 2], kernel: &Btf) -> Program {
    let nf_conn = kernel.find("nf_conn", KindFilter::STRUCT).unwrap();
    let mark = kernel.member_path(nf_conn, "mark").unwrap().bit_offset / 8;
    let text = format!(
        "\
.type sched_cls
.license GPL
*(u32 *)(r10 - 32) = {}
*(u32 *)(r10 - 28) = {}
*(u16 *)(r10 - 24) = {}
*(u16 *)(r10 - 22) = {}
*(u32 *)(r10 - 16) = -1
*(u32 *)(r10 - 12) = 0
*(u64 *)(r10 - 8) = 6
r2 = r10
r2 += -32
r3 = 12
r4 = r10
r4 += -16
r5 = 16
function
if r0 == 0 goto out
r6 = *(u32 *)(r0 + {mark})
r6 <<= 4
r1 = *(u8 *)(r10 - 7)
r6 |= r1
r1 = r0
function
r0 = r6
out:
exit
",
        from.0, to.0, from.1, to.1
    );
    calling(&text, &["bpf_skb_ct_lookup", "bpf_ct_release"], kernel)
}

#[test]
fn connection_that_the_machine_was_told_of_is_found_both_ways() {
    let kernel = kernel();
    let spec: ConnectionSpec = "tcp:192.0.2.1:1024-10.0.0.1:80 mark 7".parse().unwrap();
    let in_memory =
        |[a, b, c, d]: [u8; 4], port: u16| (u32::from_le_bytes([a, b, c, d]), port.to_be());
    let client = in_memory([192, 0, 2, 1], 1024);
    let [server, other] = [80, 81].map(|port| in_memory([10, 0, 0, 1], port));
    for (ends, expected) in [
        ([client, server], 0x70),
        ([server, client], 0x71),
        ([client, other], 0),
    ] {
        let mut sim = Sim::new(Options {
            kernel_btf: Some(Arc::clone(&kernel)),
            ..Options::default()
        })
        .unwrap();
        sim.track(&spec).unwrap();
        assert_eq!(sim.track(&spec), Err(TrackError::Exists));
        sim.load_program(asking(ends, &kernel));
        let firing = sim.fire(&Event::packet([0; 64])).unwrap();
        let answers: Vec<_> = firing.runs().map(|run| run.outcome.clone()).collect();
        assert_eq!(answers, [Ok(expected)]);
    }
}

#[test]
fn connection_is_tracked_only_where_the_types_have_one() {
    let mut sim = Sim::new(Options {
        kernel_btf: Some(Arc::new(Btf::parse(small_types()).unwrap())),
        ..Options::default()
    })
    .unwrap();
    let spec: ConnectionSpec = "udp:192.0.2.1:1024-10.0.0.1:53".parse().unwrap();
    assert_eq!(sim.track(&spec), Err(TrackError::NoType));
}

/// Types in which there are none: a header, and a name.
fn small_types() -> Vec<u8> {
    let words = [0x0001_eb9f_u32, 24, 0, 0, 0, 1];
    let bytes = words.into_iter().flat_map(u32::to_le_bytes);
    bytes.chain([0]).collect()
}

/// A program of text in which `function` stands for calls of the kernel functions named, in order.
fn calling(text: &str, functions: &[&str], kernel: &Btf) -> Program {
    // Any function of the kernel's stands for these, which assembly does not know.
    let text = text.replace("function", "call bpf_rcu_read_lock");
    let mut program = Program::from_assembly("said.s", &text).unwrap();
    let mut names = functions.iter();
    for insn in &mut program.code {
        if (insn.opcode, insn.src) == (0x85, 2) {
            let found = kernel.find(names.next().unwrap(), KindFilter::FUNC);
            insn.imm = found.unwrap().0.cast_signed();
        }
    }
    program
}

/// What is said of a program that asks for a connection and does something with it; `function` stands for calls of
/// the kernel functions named, in order.
fn said(prog_type: &str, functions: &[&str], then: &str) -> String {
    let text = format!(
        "\
.type {prog_type}
.license GPL
*(u64 *)(r10 - 8) = 0
*(u64 *)(r10 - 16) = 0
*(u64 *)(r10 - 24) = 0
*(u64 *)(r10 - 32) = 0
r2 = r10
r2 += -32
r3 = 12
r4 = r10
r4 += -16
r5 = 16
function
if r0 == 0 goto out
{then}
out:
r0 = 0
exit
"
    );
    let kernel = kernel();
    let program = calling(&text, functions, &kernel);
    let env = Env {
        kernel_btf: Some(kernel),
        ..Env::default()
    };
    match verify(&Arc::new(program), &env) {
        Ok(_) => "accepted".to_owned(),
        Err(rejection) => rejection.message,
    }
}

/// Each sentence is what Linux 6.18 says of the like, as its own tests (`test_bpf_nf_fail.c`) expect it.
#[test]
fn connections_are_judged_by_whether_they_are_in_the_table() {
    let (alloc, lookup) = ("bpf_skb_ct_alloc", "bpf_skb_ct_lookup");
    let (insert, release) = ("bpf_ct_insert_entry", "bpf_ct_release");
    let pointer = |function: &str, wanted: &str, held: &str| {
        format!(
            "kernel function {function} args#0 expected pointer to STRUCT {wanted} but R1 has a pointer to STRUCT {held}"
        )
    };
    let give = "r1 = r0\nfunction";
    let (made, tracked) = ("nf_conn___init", "nf_conn");
    for (functions, then, expected) in [
        (vec![lookup, release], give, "accepted".to_owned()),
        (vec![alloc, release], give, pointer(release, tracked, made)),
        (vec![lookup, insert], give, pointer(insert, made, tracked)),
        (
            vec![lookup, "bpf_ct_set_status"],
            "r1 = r0\nr2 = 0\nfunction",
            pointer("bpf_ct_set_status", made, tracked),
        ),
        (
            vec![alloc, "bpf_ct_change_timeout"],
            "r1 = r0\nr2 = 0\nfunction",
            pointer("bpf_ct_change_timeout", tracked, made),
        ),
    ] {
        assert_eq!(said("sched_cls", &functions, then), expected);
    }
    let leak = said("sched_cls", &[lookup], "r1 = 0");
    assert!(leak.starts_with("Unreleased reference id="), "{leak}");
    let other = said("socket_filter", &[lookup], "r1 = 0");
    assert_eq!(
        other,
        "calling kernel function bpf_skb_ct_lookup is not allowed"
    );
}

#[test]
fn mark_of_a_connection_is_written_and_nothing_else() {
    let btf = btf::kernel_6_12();
    let id = btf.find("nf_conn", KindFilter::STRUCT).unwrap();
    let place = |path| btf.member_path(id, path).unwrap().bit_offset / 8;
    let (mark, status) = (place("mark"), place("status"));
    let write = |size: &str, at: u64| {
        let store = format!("*({size} *)(r0 + {at}) = 7\nr1 = r0\nfunction");
        let store = store.replace("= 7", "= r1").replacen("*(", "r1 = 7\n*(", 1);
        said(
            "sched_cls",
            &["bpf_skb_ct_lookup", "bpf_ct_release"],
            &store,
        )
    };
    assert_eq!(write("u32", mark), "accepted");
    assert_eq!(
        write("u32", status),
        format!("no write support to nf_conn at off {status}")
    );
    let beyond = format!(
        "write access at off {mark} with size 8 beyond the member of nf_conn ended at {}",
        mark + 4
    );
    assert_eq!(write("u64", mark), beyond);
}
