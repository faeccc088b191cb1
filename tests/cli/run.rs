//! `ebpf-sim run`: what it prints, returns and refuses.
//!
//! Other commands are tested in [`super`].

use super::*;

#[test]
fn run_of_hello_prints_a_trace_line_and_the_return_value() {
    let text = ends(0, "run corpus/hello.o --event execve");
    let first = text.lines().next().unwrap();
    assert!(first.ends_with("bpf_trace_printk: Hello World!"), "{text}");
    assert!(first.contains("bash-1234"), "{text}");
    assert!(text.contains("hello returned 0"), "{text}");
}

#[test]
fn run_in_native_code_prints_what_the_interpreter_prints() {
    let args = "run corpus/ringbuf_events.o corpus/callbacks.o corpus/subprogs.o --event execve";
    let interpreted = ends(0, args);
    assert_eq!(ends(0, &format!("{args} --engine jit")), interpreted);
    assert_eq!(
        ends(0, &format!("{args} --engine jit --no-verify")),
        interpreted
    );
}

#[test]
fn run_twice_gives_the_same_bytes() {
    let args = "run corpus/ringbuf_events.o corpus/count_by_uid.o --event execve --repeat 3";
    assert_eq!(ends(0, args), ends(0, args));
}

#[test]
fn run_shows_task_and_arguments_that_were_given() {
    let text = ends(
        0,
        "run corpus/hello_tracepoint.o --event execve --arg filename=/bin/xyz --pid 77 --comm zsh",
    );
    assert!(text.contains("zsh-77"), "{text}");
    assert!(text.contains("/bin/xyz"), "{text}");
}

#[test]
fn run_counts_repeats_and_shows_the_map() {
    let text = ends(
        0,
        "run corpus/count_by_uid.o --event execve --uid 7 --repeat 3",
    );
    assert!(text.contains("map counts (hash)\n  7: 3\n"), "{text}");
}

/// The CPUs that printed lines, in order.
fn printing_cpus(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.contains("Hello World!"));
    lines
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect()
}

#[test]
fn run_on_many_cpus_takes_them_in_turn_whatever_happens() {
    let args = "run corpus/hello.o --event execve --event sleep:1ms --event execve";
    let text = ends(0, &format!("{args} --repeat 2 --cpus 3"));
    assert_eq!(printing_cpus(&text), ["000", "001", "002", "000"], "{text}");
    let text = ends(0, &format!("{args} --repeat 2"));
    assert_eq!(printing_cpus(&text), ["000"; 4], "{text}");
}

#[test]
fn run_on_many_cpus_shows_what_each_counted() {
    let args = "run corpus/percpu_count.o --event execve --repeat 5 --cpus 2 --map starts";
    let text = ends(0, args);
    assert!(text.contains("  0: 3 on CPU 0, 2 on CPU 1\n"), "{text}");
}

#[test]
fn run_in_parallel_counts_every_event_once() {
    for engine in ["interp", "jit"] {
        let text = ends(
            0,
            &format!(
                "run corpus/count_by_uid.o --event execve --uid 7 --repeat 402 --cpus 4 --parallel --engine {engine}"
            ),
        );
        let times = |what: &str| -> u32 {
            let lines = text.lines().filter(|line| line.contains(what));
            let times = lines.map(|line| line.split(", ").last().unwrap_or_default());
            let times = times.map(|times| times.strip_suffix(" times"));
            times.map(|n| n.map_or(1, |n| n.parse().unwrap())).sum()
        };
        assert_eq!(times("count_by_uid returned 0"), 402, "{text}");
        // Of those that found no counter one put it there, and the others counted nothing.
        let counted = 402 + 1 - times("18 instructions");
        let map = format!("map counts (hash)\n  7: {counted}\n");
        assert!(text.contains(&map), "{text}");
    }
}

#[test]
fn run_in_parallel_says_in_json_where_each_event_happened() {
    let text = ends(
        0,
        "run corpus/count_by_uid.o --event execve --repeat 6 --cpus 3 --parallel --json",
    );
    let json: Value = serde_json::from_str(&text).unwrap();
    let events = json["events"].as_array().unwrap();
    let cpus: Vec<u64> = events
        .iter()
        .map(|event| event["cpu"].as_u64().unwrap())
        .collect();
    assert_eq!(cpus, [0, 0, 1, 1, 2, 2]);
}

#[test]
fn run_of_a_redirect_says_where_to() {
    let program = b".type xdp\nr1 = 7\nr2 = 0\ncall bpf_redirect\nexit\n";
    let file = scratch("redirect.s", program);
    let args = format!("run {} --data corpus/packets/udp.bin", file.display());
    let text = ends(0, &args);
    assert!(
        text.contains("returned XDP_REDIRECT (4) to device 7"),
        "{text}"
    );
    let document = json(0, &format!("{args} --json"));
    let run = &document["events"][0]["hooks"][0]["runs"][0];
    assert_eq!(run["redirect"], "device 7");
}

#[test]
fn run_of_packets_names_verdicts() {
    let text = ends(
        0,
        "run corpus/xdp_packet_of_death.o --pcap corpus/packets/packets.pcap",
    );
    assert_eq!(text.matches("XDP_DROP").count(), 1, "{text}");
    assert_eq!(text.matches("XDP_PASS").count(), 6, "{text}");
}

#[test]
fn run_shows_what_changed_in_a_packet() {
    let text = ends(
        0,
        "run corpus/tc_rewrite.o --data corpus/packets/dns_query.bin",
    );
    assert!(text.contains("the packet changed"), "{text}");
    let marked = |mark: &str| text.lines().filter(|line| line.starts_with(mark)).count();
    assert!(
        marked("  - 00") > 0 && marked("  - 00") == marked("  + 00"),
        "{text}"
    );
}

#[test]
fn run_takes_a_packet_from_standard_input() {
    let packet = std::fs::read("corpus/packets/udp.bin").unwrap();
    let output = with_input("run corpus/xdp_count.o --data -", &packet);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("XDP_PASS"), "{}", stdout(&output));
}

#[test]
fn run_shows_records() {
    let text = ends(0, "run corpus/perf_events.o --event execve");
    assert!(
        text.contains("records of events (perf_event_array)\n  CPU 0"),
        "{text}"
    );
}

/// A program that sends two records each time, in a buffer that has room for one.
const SENDER: &str = "\
.type xdp
.name sender
.map events ringbuf 0 0 4096
r6 = 2
again:
r1 = map[events] ll
r2 = 3000
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto next
r1 = r0
r2 = 0
call bpf_ringbuf_submit
next:
r6 -= 1
if r6 != 0 goto again
r0 = 2
exit
";

#[test]
fn records_are_read_after_each_event_and_those_without_room_counted() {
    let sender = scratch("sender.s", SENDER.as_bytes());
    let args = format!(
        "run {} --data corpus/packets/udp.bin --repeat 5",
        sender.display()
    );
    let text = ends(0, &args);
    assert_eq!(text.matches("  3000 bytes\n").count(), 5, "{text}");
    assert!(text.ends_with("  5 more found no room\n"), "{text}");
    for args in [
        format!("{args} --json"),
        format!("{args} --json --parallel"),
    ] {
        let document: Value = serde_json::from_str(&ends(0, &args)).unwrap();
        let sent = document["records"].as_array().unwrap().len() as u64;
        let lost = document["lost"][0]["records"].as_u64().unwrap();
        assert_eq!(
            (sent + lost, document["lost"][0]["map"].as_str()),
            (10, Some("events"))
        );
    }
}

#[test]
fn lines_that_the_trace_pipe_has_lost_are_counted() {
    // A line of a thousand blanks and a digit.
    let text = b"\
.type xdp
.license GPL
r1 = 0x0000643030303125 ll
*(u64 *)(r10 - 8) = r1
r1 = r10
r1 += -8
r2 = 7
r3 = 1
call bpf_trace_printk
r0 = 2
exit
";
    let program = scratch("lines.s", text);
    let args = format!(
        "run {} --data corpus/packets/udp.bin --repeat 17000",
        program.display()
    );
    let text = ends(0, &args);
    let (first, rest) = text.split_once('\n').unwrap();
    let lost = first
        .strip_prefix("[LOST ")
        .and_then(|first| first.strip_suffix(" EVENTS]"));
    let lost: usize = lost.unwrap().parse().unwrap();
    assert_eq!(rest.matches("bpf_trace_printk").count() + lost, 17_000);
    assert!(lost > 0);
    assert_eq!(json(0, &format!("{args} --json"))["trace_lost"], lost);
}

#[test]
fn connections_are_tracked_once() {
    let args = "run corpus/xdp_count.o --data corpus/packets/udp.bin";
    let one = "--connection udp:192.0.2.1:53-10.0.0.1:1024";
    ends(0, &format!("{args} {one} --connection tcp:[::1]:1-[::1]:2"));
    let output = run(&format!("{args} {one} {one}"));
    assert_eq!(output.status.code(), Some(2));
    let why =
        "--connection from 192.0.2.1:53 to 10.0.0.1:1024: such a connection is tracked already";
    assert!(stderr(&output).contains(why), "{}", stderr(&output));
}

#[test]
fn records_of_many_events_are_all_there() {
    let text = ends(
        0,
        "run corpus/ringbuf_events.o --event execve --repeat 1000 --json",
    );
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["records"].as_array().map(Vec::len), Some(2000));
    assert_eq!(document["lost"].as_array().map(Vec::len), Some(0));
}

#[test]
fn json_of_many_events_is_one_document_with_the_events_of_each_kind_together() {
    let args = "run corpus/hello.o corpus/xdp_count.o --event execve --data corpus/packets/udp.bin --repeat 3000 --json";
    let text = ends(0, args);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(format!("{document:#}\n"), text, "as it is always drawn");
    let events = document["events"].as_array().unwrap();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((of("execve"), events.len()), (3000, 6000));
    assert!(
        events[..3000]
            .iter()
            .all(|event| event["event"] == "execve")
    );
}

#[test]
fn run_names_programs_that_nothing_reached() {
    let text = ends(0, "run corpus/hello.o corpus/xdp_count.o --event execve");
    assert!(text.contains("xdp_count did not run"), "{text}");
    assert!(!text.contains("hello did not run"), "{text}");
}

#[test]
fn run_names_who_ended_a_packet_before_a_program() {
    let drop = scratch("drop.s", b".type xdp\n.name drop\nr0 = 1\nexit\n");
    let pass = scratch("pass.s", b".type xdp\n.name pass\nr0 = 2\nexit\n");
    let (drop, pass) = (drop.display(), pass.display());
    let text = ends(
        0,
        &format!("run {drop} {pass} --data corpus/packets/udp.bin"),
    );
    assert!(
        text.contains("pass did not run: drop returned XDP_DROP before it; try --prog pass"),
        "{text}"
    );
}

#[test]
fn run_of_a_program_that_does_not_link_says_what_it_lacks() {
    let object = "src/object/testdata/strong.o";
    let text = ends(1, &format!("run {object} --event execve"));
    assert!(
        text.contains("extern `no_such_kfunc`: function not found in the kernel's types"),
        "{text}"
    );
    let object = "src/object/testdata/externs.o";
    let text = ends(0, &format!("run {object} --prog plain --event execve"));
    assert!(!text.contains("cannot run"), "{text}");
}

#[test]
fn run_without_events_lists_what_would_reach_each_program() {
    let text = fails("run corpus/hello.o corpus/xdp_count.o");
    assert!(text.contains("hello: --event execve"), "{text}");
    assert!(text.contains("--data FILE"), "{text}");
}

#[test]
fn run_of_a_refused_program_explains_and_runs_the_others() {
    let text = ends(
        1,
        "run corpus/reject_null_check.o corpus/hello.o --event execve",
    );
    assert!(
        text.contains("error[E004]: R0 invalid mem access 'map_value_or_null'"),
        "{text}"
    );
    assert!(text.contains("Hello World!"), "{text}");
}

#[test]
fn run_without_verifier_traps_with_a_listing() {
    let text = ends(
        1,
        "run corpus/reject_null_check.o --event execve --no-verify",
    );
    assert!(text.contains("null pointer"), "{text}");
    assert!(text.contains("trapped at instruction"), "{text}");
}

#[test]
fn run_of_one_program_leaves_out_the_others() {
    let text = ends(
        0,
        "run corpus/exec_latency.o --prog exec_enter --event execve",
    );
    assert!(text.contains("exec_enter returned"), "{text}");
    assert!(!text.contains("exec_exit"), "{text}");
}

#[test]
fn run_as_json_holds_trace_returns_and_maps() {
    let document = json(
        0,
        "run corpus/count_by_uid.o corpus/hello.o --event execve --uid 7 --json",
    );
    let trace = document["trace"][0].as_str().unwrap();
    assert!(trace.ends_with("Hello World!"), "{trace}");
    assert_eq!(document["maps"][0]["entries"][0]["key"], 7);
    assert_eq!(document["maps"][0]["entries"][0]["value"], 1);
    let hooks = document["events"][0]["hooks"].as_array().unwrap();
    let runs = hooks
        .iter()
        .flat_map(|hook| hook["runs"].as_array().unwrap());
    assert!(runs.clone().all(|run| run["returned"] == 0), "{document}");
    assert_eq!(runs.count(), 2);
}

#[test]
fn run_with_an_argument_that_no_event_takes_fails() {
    assert!(fails("run corpus/hello.o --event execve --arg foo=1").contains("`foo`"));
    assert!(fails("run corpus/hello.o --arg foo=1").contains("--event"));
    assert!(fails("run corpus/hello.o --event execve --arg foo").contains("NAME=VALUE"));
}

#[test]
fn run_with_unknown_names_lists_those_there_are() {
    assert!(fails("run corpus/hello.o --event nonsense").contains("execve"));
    assert!(fails("run corpus/count_by_uid.o --event execve --map nope").contains("counts"));
}
