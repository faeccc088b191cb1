//! Programs in assembly, each with what Linux 6.12 says of it: see `tests/verifier/README.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ebpf_sim::abi::privilege::{Capabilities, LoadFlags, Loader};
use ebpf_sim::object::Program;
use ebpf_sim::verifier::{Env, Errno, verify};

/// A program and what is expected of it.
struct Case {
    name: String,
    expected: String,
    text: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifier")
}

fn cases(topic: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(folder().join(topic)).expect("the topic has a file");
    text.split("\n---\n")
        .map(|text| {
            let first = text.lines().next().unwrap_or_default();
            let (name, expected) = first
                .trim_start_matches("; ")
                .split_once(": ")
                .expect("`; name: expected`");
            Case {
                name: name.to_owned(),
                expected: expected.to_owned(),
                text: text.to_owned(),
            }
        })
        .collect()
}

fn check(topic: &str) {
    check_loaded_by(Loader::default(), topic);
}

/// The same, for who loads the programs like this.
fn check_loaded_by(loader: Loader, topic: &str) {
    let env = Env {
        loader,
        ..Env::default()
    };
    let mut wrong = Vec::new();
    for case in cases(topic) {
        let program = match Program::from_assembly(topic, &case.text) {
            Ok(program) => Arc::new(program),
            Err(error) => {
                wrong.push(format!("{}: {error}", case.name));
                continue;
            }
        };
        let verdict = match verify(&program, &env) {
            // How much work it was is held against Linux where the program is about that.
            Ok(verified) if case.expected.starts_with("accepted: ") => {
                let count = verified.stats.insns_processed;
                format!("accepted: {count} instructions")
            }
            Ok(_) => "accepted".to_owned(),
            Err(rejection) => rejection.message,
        };
        if verdict != case.expected {
            wrong.push(format!(
                "{}:\n  ours:     {verdict}\n  expected: {}",
                case.name, case.expected
            ));
        }
    }
    assert!(wrong.is_empty(), "{topic}:\n{}", wrong.join("\n"));
}

#[test]
fn flow_is_judged_as_by_linux() {
    check("flow.s");
}

#[test]
fn registers_are_judged_as_by_linux() {
    check("registers.s");
}

#[test]
fn stack_is_judged_as_by_linux() {
    check("stack.s");
}

#[test]
fn unprivileged_programs_are_judged_as_by_linux() {
    let loader = Loader {
        capabilities: Capabilities::NONE,
        ..Loader::default()
    };
    check_loaded_by(loader, "unprivileged.s");
}

#[test]
fn strict_alignment_is_judged_as_by_linux() {
    let flags = LoadFlags::STRICT_ALIGNMENT;
    let loader = Loader {
        flags,
        ..Loader::default()
    };
    check_loaded_by(loader, "alignment.s");
    // The one flag makes up for the other.
    let flags = flags | LoadFlags::ANY_ALIGNMENT;
    let any = Env {
        loader: Loader { flags, ..loader },
        ..Env::default()
    };
    for case in cases("alignment.s") {
        let program = Program::from_assembly(&case.name, &case.text).expect("it assembles");
        // These must be aligned anyway.
        let is_refused = ["context_misaligned", "socket_misaligned"].contains(&&*case.name);
        assert_eq!(verify(&Arc::new(program), &any).is_err(), is_refused);
    }
}

#[test]
fn stack_access_that_ends_outside_is_invalid_and_one_that_starts_there_forbidden() {
    for (off, errno) in [
        (-4, Errno::Invalid),
        (8, Errno::Access),
        (-520, Errno::Access),
    ] {
        let text = format!(
            ".type socket_filter\nr3 = r10\nr3 += {off}\nr2 = 0\nr4 = 8\ncall 26\nr0 = 0\nexit\n"
        );
        let program = Program::from_assembly("stack", &text).expect("it assembles");
        let rejection = verify(&Arc::new(program), &Env::default()).expect_err("it is outside");
        assert_eq!(rejection.errno, errno, "{off}: {rejection}");
    }
}

#[test]
fn as_many_states_are_pruned_as_by_linux() {
    check("pruning.s");
}

#[test]
fn memory_is_judged_as_by_linux() {
    check("memory.s");
}

#[test]
fn calls_are_judged_as_by_linux() {
    check("calls.s");
}

#[test]
fn sockets_are_judged_as_by_linux() {
    check("sockets.s");
}

#[test]
fn fields_and_what_is_none_are_judged_as_linux_does() {
    check("fields.s");
}

#[test]
fn maps_are_judged_as_by_linux() {
    check("maps.s");
}

#[test]
fn kernel_objects_are_judged_as_by_linux() {
    check("objects.s");
}

#[test]
fn kfuncs_are_judged_as_by_linux() {
    check("kfuncs.s");
}

#[test]
fn dynptrs_are_judged_as_by_linux() {
    check("dynptrs.s");
}

#[test]
fn iterators_are_judged_as_by_linux() {
    check("iterators.s");
}
