//! The command against the kernel underneath, where it may be asked; else each test says that it was
//! skipped.

#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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
            skip(&error.to_string());
            false
        }
    }
}

/// Says what is skipped, not by a macro, whose output is shown of failed tests only.
fn skip(reason: &str) {
    let said = writeln!(std::io::stderr(), "skipped: {reason}");
    said.expect("standard error is open");
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
    let files = [
        "corpus/count_by_uid.o",
        "corpus/ringbuf_events.o",
        "corpus/stack_trace.o",
    ];
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
            let (name, reason) = (&program["program"], &program["not_compared"]);
            skip(&format!("{name}: {reason}"));
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
fn program_that_prepares_runs_before_the_others() {
    if !permitted() {
        return;
    }
    let (object, prepare) = ("corpus/crypto.o", ["--prepare", "crypto_make"]);
    let output = ebpf_sim(&[&["diff", object, "--format", "json"][..], &prepare].concat());
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    // The call that prepares, and the packets.
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let runs = |name: &str| {
        let programs = report["programs"].as_array().expect("there are programs");
        let found = programs.iter().find(|one| one["program"] == name);
        found.map(|one| one["runs"].clone())
    };
    assert_eq!(runs("crypto_make"), Some(1.into()));
    assert_eq!(runs("crypto_packet"), Some(17.into()));
    let output = ebpf_sim(&["diff", object, "--prepare", "nobody"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
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

/// Bytes of a `struct __sk_buff` with a mark, a length on the wire, and one byte more.
fn context(wire_len: u32, other: usize) -> Vec<u8> {
    let mut bytes = vec![0; 192];
    bytes[8] = 41;
    bytes[160..164].copy_from_slice(&wire_len.to_le_bytes());
    bytes[other] |= 1;
    bytes
}

#[test]
fn context_that_a_packet_arrives_with_leaves_as_on_this_kernel() {
    if !permitted() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = folder.join("marks.s");
    // It sums what it is given, and changes what may be changed.
    let source = ".type sched_cls
        r0 = *(u32 *)(r1 + 8)
        *(u32 *)(r1 + 32) = 77
        *(u32 *)(r1 + 52) = r0
        r2 = *(u32 *)(r1 + 160)
        r0 += r2
        *(u32 *)(r1 + 8) = r0
        *(u64 *)(r1 + 152) = r0
        exit\n";
    std::fs::write(&program, source).expect("a file is written");
    // Byte 12 is of a field that no packet arrives with: neither side takes it.
    for (name, wire_len, other) in [("fits", 2000, 8), ("short", 1, 8), ("other", 2000, 12)] {
        let ctx = folder.join(name);
        std::fs::write(&ctx, context(wire_len, other)).expect("a file is written");
        let ctx = ctx.display().to_string();
        let args = ["diff", &program.display().to_string(), "--ctx", &ctx];
        let output = ebpf_sim(&args);
        let shown = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name}: {shown}");
        assert!(shown.contains("runs"), "{name}: {shown}");
    }
}

/// The ids of all programs in the kernel.
#[expect(unsafe_code, reason = "bpf(2) is asked without the library's help")]
fn programs() -> Vec<u32> {
    const PROG_GET_NEXT_ID: i32 = 11;
    let mut ids = Vec::new();
    loop {
        let mut attr = [ids.last().copied().unwrap_or(0), 0, 0, 0];
        // SAFETY: the attributes are as many bytes as is said, and outlive the call.
        let done = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                PROG_GET_NEXT_ID,
                attr.as_mut_ptr(),
                size_of_val(&attr),
            )
        };
        if done != 0 {
            return ids;
        }
        ids.push(attr[1]);
    }
}

#[test]
#[expect(unsafe_code, reason = "a process is interrupted")]
fn command_that_is_interrupted_leaves_no_program_behind() {
    if !permitted() {
        return;
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = programs();
    let is_new = || programs().iter().any(|id| !before.contains(id));
    for later in [0, 20, 60, 200] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ebpf-sim"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["diff", "--events"])
            .args(corpus())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command starts");
        while !is_new() {
            let ended = child.try_wait().expect("a child is asked");
            assert_eq!(ended, None, "no program was ever in the kernel");
        }
        std::thread::sleep(Duration::from_millis(later));
        let pid = i32::try_from(child.id()).expect("a process id");
        // SAFETY: the process is a child that nobody has waited for.
        unsafe { libc::kill(pid, libc::SIGINT) };
        child.wait().expect("it ends");
        wait_until(|| !is_new());
    }
}

/// Waits for the kernel, which takes its time to let go of a program.
fn wait_until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(
            Instant::now() < deadline,
            "programs are left: {:?}",
            programs()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn kernel_that_is_none_is_refused() {
    let output = ebpf_sim(&["verify", "corpus/hello.o", "--kernel", "elsewhere"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr);
    assert!(shown.contains("neither `host` nor `vm:`"), "{shown}");
}
