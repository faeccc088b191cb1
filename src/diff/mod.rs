//! The simulator's outcome against a real kernel's.
