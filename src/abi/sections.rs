//! `SEC()` names.
