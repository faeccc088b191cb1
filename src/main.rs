//! The command `ebpf-sim`.
fn main() {}
