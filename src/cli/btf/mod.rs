//! `ebpf-sim btf`: type information of objects and kernels, for people and for compilers.
//!
//! Programs are not looked at: whatever has types will do.

mod dump;
mod json;
mod source;

use clap::Subcommand;

use super::Exit;
use super::output::Output;

/// Look at type information.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dump(dump::Args),
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Dump(args) => dump::run(args, output),
    }
}
