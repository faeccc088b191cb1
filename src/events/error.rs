//! What is wrong with an event that somebody asked for.

/// Why an event cannot be made or fired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// No event has this name.
    #[error("no event is called `{name}`; known are {known}")]
    UnknownEvent {
        /// The name.
        name: String,
        /// What there is, as text.
        known: String,
    },
    /// The event has no such argument.
    #[error("event {event} has no argument `{arg}`; it takes {known}")]
    UnknownArg {
        /// The event.
        event: String,
        /// The argument.
        arg: String,
        /// What it takes, as text.
        known: String,
    },
    /// An argument's value is not what it should be.
    #[error("argument {arg} of event {event} wants {wanted}, not `{value}`")]
    BadValue {
        /// The event.
        event: String,
        /// The argument.
        arg: String,
        /// What was given.
        value: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// The layout of what the programs at a hook are given is not known.
    #[error("the context of {hook} is not known: {reason}")]
    NoLayout {
        /// The hook.
        hook: String,
        /// What is missing.
        reason: String,
    },
    /// An argument of a probe lies where it cannot be what was given.
    #[error("argument {arg} of event {event} cannot be given: it is {with}")]
    Place {
        /// The event.
        event: String,
        /// The argument.
        arg: String,
        /// What it is.
        with: &'static str,
    },
    /// A probe cannot be read.
    #[error(transparent)]
    Usdt(#[from] crate::object::usdt::UsdtError),
    /// Programs cannot be told where a probe's arguments lie.
    #[error("{program} cannot be attached to {probe}: {reason}")]
    Attach {
        /// The program.
        program: String,
        /// The probe.
        probe: String,
        /// Why not.
        reason: String,
    },
    /// A packet arrives where none was.
    #[error("no packet can arrive at a hook that has not seen one")]
    NoPacket,
    /// A packet cannot be put in guest memory.
    #[error(transparent)]
    Packet(#[from] crate::machine::PacketError),
    /// Guest memory is full.
    #[error("no room for the event: {source}")]
    Memory {
        /// What memory said.
        #[from]
        source: crate::machine::OutOfMemory,
    },
}
