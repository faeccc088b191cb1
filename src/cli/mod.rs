//! The command line: one file per subcommand, each from typed arguments to an [`Exit`].
//!
//! It decides nothing about programs, and nothing outside of a subcommand's file sees its raw flags.
//!
//! Rules:
//! - Exit codes: 0 all is well, 1 a program was refused or trapped or differs, 2 usage, input or output.
//! - A file that cannot be read does not keep the others from being processed.
//! - Nobody reads the rest of the output: that is no error.
//! - The same input gives the same bytes; only the durations of `--format csv` differ.

mod bench;
mod btf;
mod completions;
#[cfg(all(feature = "kernel", target_os = "linux"))]
mod diff;
mod dump;
mod engine;
mod explain;
mod fuzz;
mod input;
#[cfg(all(feature = "kernel", target_os = "linux"))]
mod kernel;
mod link;
mod loader;
#[cfg_attr(
    not(all(feature = "kernel", target_os = "linux")),
    path = "no_oracle.rs"
)]
mod oracle;
mod output;
mod requires;
mod run;
mod test;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use self::output::Output;

/// A user-space eBPF machine: judges, explains and runs eBPF programs without a kernel.
#[derive(Debug, Parser)]
#[command(name = "ebpf-sim", version, about, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    /// When to colour the output.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ebpf-sim run hello.o --event execve    what the program does when a process starts
  ebpf-sim verify *.o                    what the kernel's verifier would say, and why
  ebpf-sim explain E004                  what a refusal means, with examples
  ebpf-sim bench corpus/bench/*.o        how fast programs run
  ebpf-sim dump hello.o                  programs, maps and instructions

Exit status: 0 all is well, 1 a program was refused or trapped, 2 usage, input or output.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Verify(verify::Args),
    Explain(explain::Args),
    Test(test::Args),
    Bench(bench::Args),
    Dump(dump::Args),
    Btf(btf::Args),
    Requires(requires::Args),
    Link(link::Args),
    #[cfg(all(feature = "kernel", target_os = "linux"))]
    Diff(diff::Args),
    #[cfg(all(feature = "kernel", target_os = "linux"))]
    Kernel(kernel::Args),
    Fuzz(fuzz::Args),
    Completions(completions::Args),
}

/// When to colour.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the process ends with. The greater one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    /// All is well.
    #[default]
    Ok,
    /// A program was refused, or trapped.
    Refused,
    /// Usage, input or output.
    Failure,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Ok => 0,
            Exit::Refused => 1,
            Exit::Failure => 2,
        })
    }
}

/// Runs the command with the arguments of the process.
pub(crate) fn main() -> ExitCode {
    #[cfg(all(feature = "kernel", target_os = "linux"))]
    if ebpf_sim::kernel::vm::agent::is_guest() {
        ebpf_sim::kernel::vm::agent::run();
    }
    let cli = Cli::parse();
    let mut output = Output::new(cli.color);
    let result = match cli.command {
        Command::Run(args) => run::run(*args, &mut output),
        Command::Verify(args) => verify::run(args, &mut output),
        Command::Explain(args) => explain::run(&args, &mut output),
        Command::Test(args) => test::run(args, &mut output),
        Command::Bench(args) => bench::run(args, &mut output),
        Command::Dump(args) => dump::run(args, &mut output),
        Command::Btf(args) => btf::run(&args, &mut output),
        Command::Link(args) => link::run(&args),
        Command::Requires(args) => requires::run(&args, &mut output),
        #[cfg(all(feature = "kernel", target_os = "linux"))]
        Command::Diff(args) => diff::run(args, &mut output),
        #[cfg(all(feature = "kernel", target_os = "linux"))]
        Command::Kernel(args) => kernel::run(&args, &mut output),
        Command::Fuzz(args) => fuzz::run(&args, &mut output),
        Command::Completions(args) => completions::run(&args, &mut output),
    };
    let result = result.and_then(|exit| output.finish().map(|()| exit).map_err(Into::into));
    result
        .unwrap_or_else(|error| failure(&mut output, &error))
        .into()
}

/// Reports what ended the command early.
fn failure(output: &mut Output, error: &anyhow::Error) -> Exit {
    let is_closed = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    if error.downcast_ref().is_some_and(is_closed) {
        return Exit::Ok;
    }
    // If standard output is closed as well, the exit code still tells.
    let _ = output.error(error);
    Exit::Failure
}
