//! `ebpf-sim link`: several objects into one.

use std::path::PathBuf;

use anyhow::Context as _;
use ebpf_sim::linker;

use super::Exit;
use super::input::read_all;

/// Link several objects into one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim link main.o lib.o -o both.o    what `bpftool gen object both.o main.o lib.o` does
  ebpf-sim run both.o --event execve")]
pub(super) struct Args {
    /// ELF objects.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Where to write the object.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let linked = linker::link(&read_all(&args.files)?)?;
    std::fs::write(&args.output, linked).with_context(|| args.output.display().to_string())?;
    Ok(Exit::Ok)
}
