//! Why a program was refused or stopped, as a source listing.
//!
//! It writes text and prints nothing: where it goes, and whether it may be coloured, is the
//! caller's to say. It judges nothing.
//!
//! Rules:
//! - The title is the kernel's sentence, the way the log ends, so that it can be searched for.
//! - What each reason says is in `reason`, how it looks in `listing`: only that file knows the crate
//!   that draws it.
//! - Nothing is invented: without line information there is no source line, and without an
//!   instruction there is no listing.

mod instructions;
mod listing;
mod reason;

#[cfg(test)]
mod tests;

use crate::code::Trap;
use crate::isa::Pc;
use crate::object::{Line, Program};
use crate::verifier::Rejection;

pub use self::instructions::{ProgramNames, Slot, slots};

/// Whether a listing holds escape sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    #[default]
    Plain,
    /// Text with ANSI colours.
    Coloured,
}

/// Why a program was refused: the source line, the instruction, the registers, the way there and
/// what to do about it. It does not end in a newline.
pub fn rejection(program: &Program, rejection: &Rejection, style: Style) -> String {
    listing::render(program, &reason::of_rejection(rejection), style)
}

/// Why a run stopped: the source line, the instruction, and the object that the access was to. It
/// does not end in a newline.
pub fn trap(program: &Program, trap: &Trap, style: Style) -> String {
    listing::render(program, &reason::of_trap(trap), style)
}

/// The source line that an instruction came from, if the object tells.
pub fn source_line(program: &Program, pc: Pc) -> Option<&Line> {
    let after = program.lines.partition_point(|line| line.pc <= pc);
    program.lines.get(after.checked_sub(1)?)
}

/// The source line that starts at an instruction, if it is not the same as the one before.
pub fn line_start(program: &Program, pc: Pc) -> Option<&Line> {
    let index = program.lines.partition_point(|line| line.pc < pc);
    let line = program.lines.get(index).filter(|line| line.pc == pc)?;
    let before = index
        .checked_sub(1)
        .and_then(|index| program.lines.get(index));
    let is_same = |before: &Line| (&before.file, before.line) == (&line.file, line.line);
    (!before.is_some_and(is_same)).then_some(line)
}

/// A line's file as its compiler named it, without the folder if that is only `.`.
pub fn source_file(line: &Line) -> &str {
    line.file.strip_prefix("./").unwrap_or(&line.file)
}
