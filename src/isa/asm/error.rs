//! What can be wrong with assembly text, and where.

use crate::isa::DecodeError;

/// Text that is no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct AsmError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub kind: AsmErrorKind,
}

/// What is wrong with the text at a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AsmErrorKind {
    /// Something else was expected.
    #[error("expected {wanted}, got {got}")]
    Expected {
        /// What the syntax has here.
        wanted: &'static str,
        /// What stands here, in backquotes, or `end of line`.
        got: String,
    },
    /// A number that does not fit where it stands.
    #[error("number {number} is out of range, expected {wanted}")]
    OutOfRange {
        /// The number as written.
        number: String,
        /// The range.
        wanted: &'static str,
    },
    /// A name that nothing defines.
    #[error("no {what} is named `{name}`")]
    UnknownName {
        /// What was looked for.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name defined twice.
    #[error("label `{name}` is defined twice")]
    DuplicateLabel {
        /// The name.
        name: String,
    },
    /// Two `.map` lines with the same name.
    #[error("map `{name}` is declared twice")]
    DuplicateMap {
        /// The name.
        name: String,
    },
    /// A label out of reach of the instruction.
    #[error("the label is {distance} slots away, expected at most 16 bits (use gotol)")]
    TooFar {
        /// The distance.
        distance: i64,
    },
    /// The index before the instruction does not continue those before it.
    #[error("expected index {wanted}, got {got}")]
    WrongIndex {
        /// The index as written.
        got: u64,
        /// The index that follows from the first one.
        wanted: u64,
    },
    /// The opcode before the instruction is another instruction's.
    #[error("the instruction has opcode ({wanted:02x}), got ({got:02x})")]
    WrongOpcode {
        /// The opcode as written.
        got: u8,
        /// The opcode of the instruction.
        wanted: u8,
    },
    /// No directive has this name.
    #[error("unknown directive `{name}`, expected .type, .license, .name or .map")]
    UnknownDirective {
        /// The name.
        name: String,
    },
    /// The instruction can be written but not encoded.
    #[error("{source}")]
    Refused {
        /// Why.
        source: DecodeError,
    },
}
