//! Judges a program as the Linux verifier would, and says why.
//!
//! `verify` explores a program path by path, depth first, and prunes states that an earlier one
//! covers. It knows nothing of the engines nor of what a helper does beyond its prototype.

pub mod outcome;

pub use outcome::{AccessKind, Env, Errno, Fact, LogLevel, Rejection, Stats, Verified};
