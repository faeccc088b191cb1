//! The command as a user meets it: output, exit codes, errors.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod run;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The command in the repository's top folder, without what the host's settings could change.
fn command(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ebpf-sim"));
    command
        .args(args.split_whitespace())
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null());
    command
}

fn run(args: &str) -> Output {
    command(args).output().unwrap()
}

fn with_input(args: &str, input: &[u8]) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Output of a command that must end with this code.
fn ends(code: i32, args: &str) -> String {
    let output = run(args);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{args}\n{}{}",
        stdout(&output),
        stderr(&output)
    );
    stdout(&output)
}

/// Standard error of a command that must end with code 2.
fn fails(args: &str) -> String {
    let output = run(args);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{args}\n{}{}",
        stdout(&output),
        stderr(&output)
    );
    stderr(&output)
}

fn json(code: i32, args: &str) -> Value {
    let document: Value = serde_json::from_str(&ends(code, args)).unwrap();
    assert_eq!(document["schema"], 1);
    document
}

/// A file of this test alone.
fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

const EXIT_0: [u8; 16] = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn dump_of_a_stage_shows_source_lines_beside_it() {
    for (stage, expected) in [
        ("insns", "call bpf_map_lookup_elem#1"),
        ("lowered", "call bpf_map_lookup_elem in array 0"),
        ("clif", "imul"),
    ] {
        let text = ends(0, &format!("dump corpus/bench/array.o --stage {stage}"));
        assert!(
            text.contains("bpf_map_lookup_elem(&counts, &key)"),
            "{stage}: {text}"
        );
        assert!(text.contains(expected), "{stage}: {text}");
    }
    let native = ends(0, "dump corpus/bench/array.o --stage asm");
    let listed = if cfg!(target_arch = "x86_64") {
        "; sum += ++*count; @"
    } else {
        "block0:"
    };
    assert!(native.contains(listed), "{native}");
}

#[test]
fn bench_measures_every_program_in_every_engine() {
    let args = "bench corpus/bench/sort.o corpus/bench/tail.o --repeat 2 --samples 3 --format json";
    let document: Value = serde_json::from_str(&ends(0, args)).unwrap();
    let programs = document["programs"].as_array().unwrap();
    assert_eq!(programs.len(), 2);
    for program in programs {
        assert!(program["insns"].as_u64().unwrap() > 100, "{program}");
        let results = program["results"].as_array().unwrap();
        assert_eq!(results.len(), 2, "{program}");
        for result in results {
            assert!(result["ns"].as_f64().unwrap() > 0.0, "{program}");
            assert_eq!(result["samples"], 3, "{program}");
        }
    }
}

#[test]
fn verify_of_assembly_without_a_type_takes_the_one_given() {
    let text = scratch("untyped.s", b"r0 = 2\nexit\n");
    let text = ends(0, &format!("verify --type xdp {}", text.display()));
    assert!(text.contains("accepted"), "{text}");
}

#[test]
fn verify_of_mixed_objects_tells_each_and_counts() {
    let text = ends(1, "verify corpus/hello.o corpus/reject_null_check.o");
    assert!(
        text.starts_with("corpus/hello.o: hello: accepted"),
        "{text}"
    );
    assert!(
        text.contains("corpus/reject_null_check.o: reject_null_check: refused"),
        "{text}"
    );
    assert!(text.contains("reject_null_check.bpf.c:21"), "{text}");
    assert!(text.contains("help: "), "{text}");
    assert!(
        text.ends_with("2 programs: 1 accepted, 1 refused\n"),
        "{text}"
    );
}

#[test]
fn verify_as_csv_has_the_columns_of_veristat() {
    let text = ends(
        1,
        "verify corpus/hello.o corpus/reject_null_check.o --format csv",
    );
    let mut lines = text.lines();
    let columns = "file_name,prog_name,verdict,duration,total_insns,total_states";
    assert_eq!(lines.next(), Some(columns));
    let row: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(row[..3], ["hello.o", "hello", "success"]);
    assert!(row[3].parse::<u64>().is_ok(), "{row:?}");
    assert_eq!(row[4..], ["5", "0"]);
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("reject_null_check.o,reject_null_check,failure,")
    );
}

#[test]
fn verify_as_json_says_why() {
    let document = json(1, "verify corpus/reject_null_check.o --format json");
    let program = &document["programs"][0];
    assert_eq!(program["verdict"], "failure");
    let refusal = &program["refusal"];
    assert_eq!(
        refusal["reason"],
        "R0 invalid mem access 'map_value_or_null'"
    );
    assert_eq!(refusal["code"], "E004");
    assert_eq!(refusal["errno"], 13);
    assert_eq!(refusal["pc"], 7);
    assert_eq!(refusal["source"]["line"], 21);
    assert!(refusal["hint"].is_string(), "{refusal}");
    assert!(program["stats"]["total_insns"].as_u64().unwrap() > 0);
}

#[test]
fn verify_with_log_prints_it() {
    let text = ends(0, "verify corpus/hello.o --log=2");
    assert!(text.contains("call bpf_trace_printk#6"), "{text}");
    let text = ends(1, "verify corpus/reject_null_check.o --log");
    assert!(text.contains("processed "), "{text}");
}

#[test]
fn verify_with_explain_tells_of_each_instruction() {
    let text = ends(0, "verify corpus/count_by_uid.o --explain");
    assert!(text.contains("bytes of stack"), "{text}");
    assert!(text.contains("; plain memory"), "{text}");
}

#[test]
fn verify_as_another_type_judges_as_that() {
    ends(0, "verify corpus/xdp_count.o");
    ends(1, "verify corpus/xdp_count.o --type kprobe/f");
    assert!(fails("verify corpus/xdp_count.o --type nonsense").contains("nonsense"));
}

#[test]
fn verify_of_one_program_judges_that() {
    let text = ends(0, "verify corpus/exec_latency.o --prog exec_exit");
    assert!(
        text.ends_with("1 program: 1 accepted, 0 refused\n"),
        "{text}"
    );
    assert!(fails("verify corpus/exec_latency.o --prog nope").contains("nope"));
}

#[test]
fn verify_of_assembly_text_shows_its_lines() {
    let text = ".type xdp\n.map counts hash 4 8 16\n  r1 = map[counts]\n  r0 = r5\n  exit\n";
    let path = scratch("unset.s", text.as_bytes());
    let text = ends(1, &format!("verify {}", path.display()));
    assert!(text.contains("unset.s:4:3"), "{text}");
    assert!(text.contains("map[counts]"), "{text}");
}

#[test]
fn verify_of_broken_assembly_says_where() {
    let path = scratch("broken.s", b".type xdp\n  r0 = \n  exit\n");
    let text = fails(&format!("verify {}", path.display()));
    assert!(text.contains("broken.s: line 2, column"), "{text}");
    let path = scratch("typeless.s", b"r0 = 0\nexit\n");
    assert!(fails(&format!("verify {}", path.display())).contains(".type"));
}

#[test]
fn raw_instructions_are_accepted_by_every_command() {
    let path = scratch("zero.bin", &EXIT_0);
    let file = path.display();
    let text = ends(0, &format!("verify --raw xdp {file}"));
    assert!(text.contains("zero: accepted"), "{text}");
    assert!(ends(0, &format!("dump --raw socket {file}")).contains("(95) exit"));
    let text = ends(
        0,
        &format!("run --raw xdp {file} --data corpus/packets/udp.bin"),
    );
    assert!(text.contains("XDP_ABORTED"), "{text}");
    let output = with_input("verify --raw xdp -", &EXIT_0);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn raw_instructions_of_another_size_or_type_fail() {
    let path = scratch("short.bin", &EXIT_0[..9]);
    assert!(fails(&format!("verify --raw xdp {}", path.display())).contains("9 bytes"));
    let path = scratch("whole.bin", &EXIT_0);
    assert!(fails(&format!("verify --raw nonsense {}", path.display())).contains("nonsense"));
}

#[test]
fn broken_object_names_section_and_offset_and_the_others_go_on() {
    let mut bytes = std::fs::read("corpus/hello.o").unwrap();
    bytes.truncate(bytes.len() / 2);
    let path = scratch("broken.o", &bytes);
    for name in ["verify", "dump"] {
        let output = run(&format!("{name} {} corpus/hello.o", path.display()));
        assert_eq!(output.status.code(), Some(2));
        let error = stderr(&output);
        assert!(
            error.contains("broken.o: ") && error.contains("offset 0x"),
            "{error}"
        );
        assert!(stdout(&output).contains("corpus/hello.o"), "{name}");
    }
    let output = run(&format!(
        "run {} corpus/hello.o --event execve",
        path.display()
    ));
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("Hello World!"));
    assert_eq!(
        stderr(&output).matches("broken.o").count(),
        1,
        "{}",
        stderr(&output)
    );
}

#[test]
fn missing_file_and_bad_usage_end_with_2() {
    assert!(fails("verify nowhere.o").contains("nowhere.o"));
    fails("verify");
    fails("nonsense");
    fails("run corpus/hello.o --repeat 0 --event execve");
}

#[test]
fn explain_tells_title_sentences_and_programs() {
    let text = ends(0, "explain E012");
    assert!(
        text.starts_with("E012: a division by the constant 0\n"),
        "{text}"
    );
    assert!(text.contains("\n  div by zero\n"), "{text}");
    assert!(text.contains("    \tasm volatile(\"r0 = 1;\""), "{text}");
    assert!(
        text.contains("Right (corpus/explain/E012_right.bpf.c):"),
        "{text}"
    );
    assert_eq!(ends(0, "explain e12"), text);
}

#[test]
fn explain_of_a_sentence_finds_its_kind() {
    let text = ends(0, "explain R7 !read_ok");
    assert!(text.starts_with("E001: "), "{text}");
}

#[test]
fn explain_alone_lists_every_code() {
    let text = ends(0, "explain");
    let document = json(0, "explain --format json");
    let kinds = document["kinds"].as_array().unwrap();
    assert_eq!(text.lines().count(), kinds.len());
    for (line, kind) in text.lines().zip(kinds) {
        assert!(line.starts_with(kind["code"].as_str().unwrap()), "{line}");
        assert!(line.ends_with(kind["title"].as_str().unwrap()), "{line}");
    }
}

#[test]
fn explain_of_no_code_names_near_ones() {
    let error = fails("explain E120");
    assert!(error.contains("there is no E120"), "{error}");
    assert!(
        error.contains("E020 (an offset that may be negative)"),
        "{error}"
    );
    let error = fails("explain all is well");
    assert!(error.contains("`all is well` is neither a code"), "{error}");
}

#[test]
fn dump_shows_programs_maps_and_instructions() {
    let text = ends(0, "dump corpus/count_by_uid.o");
    assert!(
        text.contains("tracepoint/syscalls/sys_enter_execve"),
        "{text}"
    );
    assert!(text.contains("counts  hash"), "{text}");
    assert!(text.contains("call bpf_map_lookup_elem#1"), "{text}");
    assert!(text.contains("map[counts]"), "{text}");
    let maps = ends(0, "dump corpus/count_by_uid.o --what maps");
    assert!(!maps.contains("call "), "{maps}");
}

#[test]
fn dump_as_json_holds_the_same() {
    let document = json(0, "dump corpus/count_by_uid.o --json");
    let file = &document["files"][0];
    assert_eq!(file["maps"][0]["name"], "counts");
    assert_eq!(file["maps"][0]["type"], "hash");
    let insns = file["programs"][0]["instructions"].as_array().unwrap();
    assert!(
        insns
            .iter()
            .any(|insn| insn["text"] == "call bpf_map_lookup_elem#1")
    );
    assert!(
        insns
            .iter()
            .all(|insn| insn["source"]["line"].as_u64().is_some())
    );
}

#[test]
fn color_is_off_without_terminal_and_on_when_asked_for() {
    let args = "verify corpus/reject_null_check.o";
    assert!(!ends(1, args).contains('\u{1b}'));
    assert!(ends(1, &format!("{args} --color always")).contains('\u{1b}'));
    assert!(!ends(1, &format!("{args} --color never")).contains('\u{1b}'));
}

#[test]
fn completions_name_the_subcommands() {
    for shell in ["bash", "zsh", "fish"] {
        let text = ends(0, &format!("completions {shell}"));
        assert!(text.contains("verify") && text.contains("dump"), "{shell}");
    }
}

#[test]
fn help_of_every_subcommand_has_examples() {
    for name in ["run", "verify", "dump", "completions"] {
        assert!(
            ends(0, &format!("{name} --help")).contains("Examples:"),
            "{name}"
        );
    }
}

#[test]
fn closed_output_is_no_error() {
    let mut child = command("dump corpus/xdp_count.o corpus/tc_rewrite.o corpus/subprogs.o")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

#[test]
fn capture_that_is_none_or_broken_is_named() {
    let empty = scratch("empty.pcap", b"");
    let capture = std::fs::read("corpus/packets/packets.pcap").unwrap();
    let cut = scratch("cut.pcap", &capture[..100]);
    for path in [empty, cut] {
        let file = path.display();
        let error = fails(&format!("run corpus/xdp_count.o --pcap {file}"));
        assert!(error.contains(&file.to_string()), "{error}");
    }
}

#[test]
fn standard_input_may_be_assembly_or_an_object() {
    let output = with_input("verify -", b".type xdp\nr0 = 2\nexit\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = with_input("verify -", &std::fs::read("corpus/hello.o").unwrap());
    assert!(
        stdout(&output).starts_with("-: hello: accepted"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn kernel_btf_that_is_none_is_named() {
    for option in ["--kernel-btf", "--module-btf"] {
        let text = fails(&format!("verify corpus/hello.o {option} corpus/README.md"));
        assert!(
            text.contains("corpus/README.md") && text.contains("magic number"),
            "{text}"
        );
    }
}

#[test]
fn verify_takes_configuration_symbols_and_variables_of_the_user() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kconfig = folder.join("kconfig");
    std::fs::write(&kconfig, "CONFIG_HZ=nonsense\n").expect("the folder is writable");
    let kconfig = kconfig.display();
    let object = "src/object/testdata/externs.o";
    let text = ends(
        1,
        &format!("verify {object} --prog plain --kconfig {kconfig}"),
    );
    assert!(text.contains("extern `CONFIG_"), "{text}");
    let object = "src/object/testdata/variables.o";
    let text = ends(
        0,
        &format!("verify {object} --set limits[1].inner[0].max[2]=7"),
    );
    assert!(text.contains("accepted"), "{text}");
    let text = ends(1, &format!("verify {object} --set limit=4294967296"));
    assert!(text.contains("does not fit in its 32 bits"), "{text}");
}

#[test]
fn btf_dump_prints_types_in_each_format() {
    let text = ends(0, "btf dump corpus/count_by_uid.o");
    assert!(text.starts_with("[1] PTR '(anon)' type_id="), "{text}");
    let json: Value =
        serde_json::from_str(&ends(0, "btf dump corpus/count_by_uid.o --format json")).unwrap();
    assert_eq!(json["types"][0]["kind"], "PTR");
    let header = ends(0, "btf dump kernel --root list_head --format c");
    assert!(
        header.contains("struct list_head {\n\tstruct list_head *next;\n"),
        "{header}"
    );
    let error = fails("btf dump kernel --root no_such_type");
    assert!(
        error.contains("no type has the id or the name `no_such_type`"),
        "{error}"
    );
    let error = fails("btf dump Cargo.toml");
    assert!(error.contains("magic number"), "{error}");
}

#[test]
fn requires_says_which_kernel_and_why() {
    let text = ends(0, "requires corpus/ringbuf_events.o");
    assert!(
        text.starts_with("corpus/ringbuf_events.o: needs Linux 5.8: "),
        "{text}"
    );
    let csv = ends(0, "requires corpus/callbacks.o --format csv");
    let row = "corpus/callbacks.o,5.17,helper,bpf_loop,true,1,callbacks,";
    assert!(csv.lines().any(|line| line.starts_with(row)), "{csv}");
    let json: Value =
        serde_json::from_str(&ends(0, "requires corpus/hello.o --format json")).unwrap();
    assert_eq!(json["objects"][0]["minimum"], "5.2");
}

#[test]
fn link_makes_an_object_that_is_accepted() {
    let folder = std::env::temp_dir().join(format!("ebpf-sim-link-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let both = folder.join("both.o").display().to_string();
    let objects = "src/linker/testdata/first.o src/linker/testdata/second.o";
    ends(0, &format!("link {objects} -o {both}"));
    let text = ends(0, &format!("verify {both}"));
    assert!(text.contains("2 programs: 2 accepted, 0 refused"), "{text}");
    let together = ends(0, &format!("verify --link {objects}"));
    assert_eq!(
        together,
        ends(0, &format!("verify {both}")).replace(&both, &objects.replace(' ', "+"))
    );
    let error = fails(&format!("link corpus/hello.o corpus/hello.o -o {both}"));
    assert!(
        error.contains("`hello` is defined in corpus/hello.o and in corpus/hello.o"),
        "{error}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn programs_are_held_against_their_annotations() {
    let object = "src/cli/test/testdata/annotated.o";
    let text = ends(1, &format!("test --annotations {object}"));
    for line in [
        format!("test {object}::returns ... ok"),
        format!("test {object}::reads_nothing ... ok"),
        format!("test {object}::returns_something_else ... FAILED"),
        format!("test {object}::is_fine ... FAILED"),
        "it returned 0x2, and not 0x1".to_owned(),
        "it is accepted".to_owned(),
        format!("test {object}::returns_something_else (unprivileged) ... FAILED"),
        "3 of 5 verdicts as annotated, 1 of 1 logs of these with all messages, 1 of 2 return values"
            .to_owned(),
        "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    let text = ends(1, &format!("test --annotations --unpriv {object}"));
    assert!(text.contains("running 1 tests"), "{text}");
    let all = "--prog returns --prog reads_nothing";
    let xml = ends(
        0,
        &format!("test --annotations {object} {all} --format junit"),
    );
    assert!(
        xml.contains("tests=\"2\" skipped=\"0\" failures=\"0\""),
        "{xml}"
    );
}
