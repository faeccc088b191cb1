//! What only native code has.
