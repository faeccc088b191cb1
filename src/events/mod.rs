//! What fires when something happens: from one event to the hooks it passes, in Linux 6.12's order,
//! each with its context.
//!
//! It executes nothing. A [`Passage`] lists the hooks and is told what the programs at each
//! answered, since a denial ends what is under way; a [`Scene`] lays out, in guest memory, what
//! they are given. An [`Attachment`] says which hooks a program is attached to.
//!
//! Rules:
//! - Structures of the kernel are laid out by its BTF, and only when a program at the hook is given
//!   one: an event that needs no types reads none.
//! - Arguments find their values by name; a pointer to a structure finds its object by type.
//! - What a scene allocated is freed with it.

mod attachment;
mod context;
mod error;
mod event;
mod execve;
mod iterate;
mod kernel;
mod kernel_context;
mod operation;
mod packet;
mod packet_socket;
mod parse;
mod passage;
mod place;
mod scene;
mod session;
mod single;
mod skb_fields;
mod sleep;
mod stacks;
mod syscall;
#[cfg(test)]
mod tests;
mod usdt;
mod values;
mod wire;

pub use attachment::{Attachment, Named};
pub use context::Context;
pub use error::EventError;
pub use event::{
    Direction, Event, Execve, HookEvent, IterateEvent, Packet, PacketSocket, SyscallEvent,
};
pub use iterate::MapFacts;
pub use packet::verdict_name;
pub use passage::{Answer, Function, Passage, Point, Stop};
pub use place::{Place, PlaceEvent, changed};
pub use scene::Scene;
pub use skb_fields::{FieldError, SkbFields};
pub use usdt::UsdtEvent;
pub use values::{Given, Values};
