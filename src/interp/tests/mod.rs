//! The interpreter against models that share no code with it, and its own rules.

mod arena;
mod calls;
mod memory;
mod model;
mod second_opinion;
mod values;
