//! Throwing. What is unwound, and which function of the program then decides, is the engines' business.

use super::{Call, Entry, Reply};
use crate::helpers::HelperError;

pub(super) const ROWS: &[Entry] = &[Entry::new("bpf_throw", 1, throw)];

/// `void bpf_throw(u64 cookie)`
fn throw(call: &mut Call<'_>) -> Reply {
    Err(HelperError::Thrown(call.args[0]))
}
