//! A user-space eBPF machine: it loads the object that clang made, judges each program as the Linux
//! verifier would, runs what was accepted, and shows what came of it.
//!
//! ```
//! use ebpf_sim::{events::Event, sim::{Options, Sim}};
//!
//! let mut sim = Sim::new(Options::default())?;
//! sim.load_file("corpus/hello.o")?;
//! sim.load_file("corpus/count_by_uid.o")?;
//! let firing = sim.fire(&Event::execve("/bin/ls"))?;
//!
//! assert_eq!(firing.result, Some(0));
//! assert!(sim.trace_lines()[0].ends_with("Hello World!"));
//! assert_eq!(sim.map("counts")?.number(1000), Some(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`sim`] is the front door. The other modules are the steps of the way from bytes to an outcome:
//! [`object`], [`verifier`], [`code`] and [`interp`], over [`machine`], [`maps`] and [`helpers`];
//! [`isa`], [`btf`] and [`abi`] are what they all speak of.

pub mod abi;
pub mod btf;
pub mod code;
#[cfg(all(feature = "kernel", target_os = "linux"))]
pub mod diff;
pub mod events;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod helpers;
pub mod interp;
pub mod isa;
#[cfg(feature = "jit")]
pub mod jit;
#[cfg(all(feature = "kernel", target_os = "linux"))]
pub mod kernel;
pub mod linker;
pub mod machine;
pub mod maps;
pub mod object;
pub mod report;
pub mod requires;
pub mod sim;
pub mod verifier;

/// The examples of the README, which are tested with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
