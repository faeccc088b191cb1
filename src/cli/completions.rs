//! `ebpf-sim completions`: the command's words for a shell.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::output::Output;
use super::{Cli, Exit};

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim completions bash > ~/.local/share/bash-completion/completions/ebpf-sim
  ebpf-sim completions fish > ~/.config/fish/completions/ebpf-sim.fish")]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ebpf-sim", &mut script);
    output.write_all(&script)?;
    Ok(Exit::Ok)
}
