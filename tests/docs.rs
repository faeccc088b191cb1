//! Runs the commands that README.md and docs/ show, and holds their output against what is printed
//! there.
//!
//! A block of kind `console` is a command after `$ ` and everything that it prints, up to the next
//! command. `BLESS=1 cargo test --release --test docs` writes the output anew.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;
use std::process::Command;

#[test]
fn readme_shows_what_commands_print() {
    check("README.md");
}

#[test]
fn tutorial_shows_what_commands_print() {
    check("docs/tutorial.md");
}

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let fresh = with_fresh_output(&text);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, fresh).unwrap();
        return;
    }
    for (number, (old, new)) in (1..).zip(text.lines().zip(fresh.lines())) {
        assert_eq!(old, new, "{name}:{number}");
    }
    assert_eq!(text, fresh, "{name}");
}

/// The text with the output of its commands replaced by what they print now.
fn with_fresh_output(text: &str) -> String {
    let mut fresh = String::new();
    let mut in_console = false;
    for line in text.lines() {
        let is_fence = line.starts_with("```");
        if is_fence {
            in_console = line == "```console";
        }
        if is_fence || !in_console {
            fresh += line;
            fresh.push('\n');
        } else if let Some(command) = line.strip_prefix("$ ") {
            fresh += line;
            fresh.push('\n');
            fresh += &output(command);
        }
    }
    fresh
}

/// What a command prints: standard output, then standard error.
fn output(command: &str) -> String {
    let args = command
        .strip_prefix("ebpf-sim ")
        .or(command.strip_prefix("cargo run --release -- "));
    let args = args.unwrap_or_else(|| panic!("not our command: {command}"));
    let output = Command::new(env!("CARGO_BIN_EXE_ebpf-sim"))
        .args(args.split_whitespace())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}
