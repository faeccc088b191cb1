//! Random programs, valid and slightly broken, and what is expected of them.
//!
//! It finds disagreements; it decides nothing about who is right but that an accepted program never
//! traps and that what the verifier learnt changes nothing that a program does.
//!
//! - [`plan`] is what a program does, as a tree that proptest makes and shrinks; `emit` makes
//!   instructions of it, and [`mutate`] breaks one of them.
//! - [`Case`] is a program with its input; [`Generator`] makes them by seed and number.
//! - [`Lab`] is our side: it judges, runs and compares the engines' ways of lowering.
//!
//! Rules:
//! - Case `n` of a seed is the same on every machine, whoever else makes cases of that seed.
//! - Nothing a program is given depends on time, randomness or the host.

mod campaign;
mod case;
mod emit;
mod finding;
mod generate;
mod hazard;
mod kernel_side;
mod known;
mod lab;
pub mod mutate;
pub mod plan;
mod rewrite;
mod sound;
#[cfg(test)]
mod tests;

pub use campaign::{Campaign, CampaignError, Disagreement, Finding, Ours, Totals, differs};
pub use case::{Case, Input, Observed, Pair, specs};
pub use finding::{Reproducer, ReproducerError, text};
pub use generate::{Generator, Shrinking};
pub use hazard::Hazard;
pub use kernel_side::{AskError, Caution, Referee, Their, Theirs};
pub use lab::{Compared, Lab, LabError, Ran, Unsound};
pub use sound::{Failed, FalseClaim, Place};
