//! The command `ebpf-sim`.
//!
//! It is a thin skin over the library: arguments, files and text. What is decided is decided there.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
