//! The command against the kernel underneath, where it may be asked; else each test says that it was
//! skipped.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use ebpf_sim::kernel::host::Host;

/// Events on a real kernel are everybody's: while one command waits for its own, no other starts.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn ebpf_sim(args: &[&str]) -> Output {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Command::new(env!("CARGO_BIN_EXE_ebpf-sim"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(args)
        .output()
        .expect("the command starts")
}

/// Whether the kernel may be asked; says so if not.
fn permitted() -> bool {
    match Host::open() {
        Ok(_) => true,
        Err(error) => {
            eprintln!("skipped: {error}");
            false
        }
    }
}

fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut files: Vec<String> = entries
        .map(|entry| entry.expect("it is readable").file_name())
        .map(|name| format!("corpus/{}", name.to_string_lossy()))
        .filter(|name| name.ends_with(".o"))
        .collect();
    files.sort();
    files
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn corpus_differs_from_this_kernel_only_as_known() {
    if !permitted() {
        return;
    }
    let files = corpus();
    let mut args = vec!["diff", "--kernel", "host"];
    args.extend(files.iter().map(String::as_str));
    let output = ebpf_sim(&args);
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("run on both sides"), "{shown}");
}

#[test]
fn event_leaves_the_same_shape_on_this_kernel() {
    if !permitted() {
        return;
    }
    // What is printed goes to a pipe that all tracers of a machine share: maps and records do not.
    let files = ["corpus/count_by_uid.o", "corpus/ringbuf_events.o"];
    let compare = || ebpf_sim(&[&["diff", "--events", "--format", "json"][..], &files].concat());
    // Other processes of the machine may get in between, but not every time.
    let mut output = compare();
    for _ in 0..4 {
        if output.status.success() {
            break;
        }
        output = compare();
    }
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    for program in document["programs"].as_array().expect("a list") {
        if program["runs"] == 0 {
            eprintln!(
                "skipped: {}: {}",
                program["program"], program["not_compared"]
            );
        }
    }
}

#[test]
fn verdict_of_this_kernel_has_the_same_form_as_ours() {
    if !permitted() {
        return;
    }
    let args = ["verify", "corpus/reject_null_check.o", "--format", "json"];
    let [ours, kernel] = [&args[..], &[&args[..], &["--kernel", "host"]].concat()].map(|args| {
        let output = ebpf_sim(args);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let document: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("it is JSON");
        document["programs"][0].clone()
    });
    for field in ["program", "verdict"] {
        assert_eq!(ours[field], kernel[field]);
    }
    for field in ["reason", "errno", "pc", "source"] {
        assert_eq!(ours["refusal"][field], kernel["refusal"][field], "{field}");
    }
    assert_eq!(ours["stats"]["total_insns"], kernel["stats"]["total_insns"]);
}

#[test]
fn difference_that_is_listed_and_gone_is_reported() {
    if !permitted() {
        return;
    }
    let list = std::env::temp_dir().join(format!("known-{}.csv", std::process::id()));
    let rows = "object,program,what,kernel,reason\nxdp_count.o,xdp_count,packet,,none\n";
    std::fs::write(&list, rows).expect("it is written");
    let path = list.to_str().expect("it is text");
    let output = ebpf_sim(&["diff", "corpus/xdp_count.o", "--known", path]);
    std::fs::remove_file(&list).expect("it is removed");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("vanished: xdp_count.o: xdp_count: packet"),
        "{shown}"
    );
}

#[test]
fn kernel_that_is_none_is_refused() {
    let output = ebpf_sim(&["verify", "corpus/hello.o", "--kernel", "elsewhere"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr);
    assert!(shown.contains("neither `host` nor `vm:`"), "{shown}");
}
