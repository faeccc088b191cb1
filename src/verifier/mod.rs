//! To be written.
pub mod scalar;
pub mod tnum;
