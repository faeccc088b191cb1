//! What fires when something happens: from one event to the hooks it passes, in Linux 6.12's order,
//! each with its context.
//!
//! It executes nothing: who walks the hooks runs the programs and says what they answered.

mod error;
mod event;

pub use error::EventError;
pub use event::{Direction, Event, Execve, HookEvent, Packet, SyscallEvent};
