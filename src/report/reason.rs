//! What a listing says of each reason to stop: title, labels, notes and help.
//!
//! It draws nothing. Every reason there is has its arm here and nowhere else.

use crate::code::{Cause, Trap};
use crate::isa::Pc;
use crate::machine::{Fault, FaultReason};
use crate::verifier::Rejection;

/// What a listing says.
#[derive(Clone, Debug, Default)]
pub(super) struct Reason<'a> {
    /// The code of its kind, if it has one.
    pub(super) code: Option<String>,
    /// The sentence at the top.
    pub(super) title: String,
    /// The instruction, if it is one's.
    pub(super) pc: Option<Pc>,
    /// What is said under the instruction.
    pub(super) label: String,
    /// Facts, one a line.
    pub(super) notes: Vec<String>,
    /// The instructions that led there, oldest first.
    pub(super) path: &'a [Pc],
    /// What to do about it.
    pub(super) help: Option<String>,
}

/// What is said of a rejection.
pub(super) fn of_rejection(rejection: &Rejection) -> Reason<'_> {
    let mut notes: Vec<String> = rejection.detail.iter().cloned().collect();
    let register = |(reg, state): &(_, String)| match state.is_empty() {
        true => format!("{reg} holds nothing"),
        false => format!("{reg} = {state}"),
    };
    notes.extend(rejection.registers.iter().map(register));
    if rejection.unsupported {
        notes.push("the simulator cannot judge this; a kernel may accept it".to_owned());
    }
    Reason {
        code: rejection.kind.map(|kind| kind.code.to_string()),
        title: rejection.message.clone(),
        pc: rejection.pc,
        label: rejection
            .pc
            .map_or_else(String::new, |pc| format!("refused at instruction {pc}")),
        notes,
        path: &rejection.path,
        help: rejection.kind.map(|kind| kind.advice.to_owned()),
    }
}

/// What is said of a trap.
pub(super) fn of_trap(trap: &Trap) -> Reason<'_> {
    let mut notes = vec![format!("in program `{}`", trap.program)];
    notes.extend(fault_of(&trap.cause).map(object_note));
    Reason {
        code: None,
        title: trap.cause.to_string(),
        pc: Some(trap.pc),
        label: format!("trapped at instruction {}", trap.pc),
        notes,
        path: &[],
        help: help(&trap.cause).map(str::to_owned),
    }
}

/// The memory fault behind a trap, if it is one.
fn fault_of(cause: &Cause) -> Option<&Fault> {
    match cause {
        Cause::Memory(fault) | Cause::HelperMemory { fault, .. } => Some(fault),
        _ => None,
    }
}

/// Which object was hit or nearly hit, and whose it is.
fn object_note(fault: &Fault) -> String {
    match fault.object() {
        Some(object) => format!(
            "{} `{}` has {} bytes and belongs to {}; the {} was of {} at offset {}",
            object.kind,
            object.name,
            object.len,
            object.owner,
            fault.access(),
            fault.len(),
            object.offset,
        ),
        None => format!("no object is near address {}", fault.addr()),
    }
}

/// What to do about a trap.
fn help(cause: &Cause) -> Option<&'static str> {
    match cause {
        Cause::Memory(fault) | Cause::HelperMemory { fault, .. } => match fault.reason() {
            FaultReason::Null => Some("compare the pointer with 0 before using it"),
            FaultReason::UserMemory => {
                Some("read user memory with bpf_probe_read_user() or bpf_probe_read_user_str()")
            }
            FaultReason::Freed => Some("use nothing after it was given back"),
            FaultReason::PastEnd { .. } | FaultReason::OutsideWindow { .. } => {
                Some("compare offset and size with the object's length first")
            }
            _ => None,
        },
        Cause::OutOfFuel { .. } => Some("bound the loop: the run used up its instructions"),
        _ => None,
    }
}
