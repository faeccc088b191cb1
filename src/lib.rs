//! A user-space eBPF machine.
pub mod abi;
pub mod btf;
pub mod code;
pub mod events;
pub mod helpers;
pub mod interp;
pub mod isa;
pub mod machine;
pub mod maps;
pub mod object;
pub mod report;
pub mod sim;
pub mod verifier;

/// The examples of the README, which are tested with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
