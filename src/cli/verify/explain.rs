//! What the verifier learnt of an accepted program, instruction by instruction.
//!
//! It adds nothing to what [`Verified`] says.

use std::fmt::Write as _;

use ebpf_sim::report::{Slot, line_start, slots, source_file};
use ebpf_sim::verifier::{AccessKind, Fact, Verified};

/// Instructions with what was learnt of each behind it, under their source lines.
pub(super) fn accepted(verified: &Verified) -> String {
    let program = &verified.program;
    let mut text = String::new();
    for slot in slots(program).iter().filter(|slot| !slot.is_high()) {
        let mut functions = program.subprogs.iter().zip(&verified.stack_depths);
        if let Some((function, depth)) = functions.find(|(function, _)| function.start == slot.pc) {
            let _ = writeln!(text, "  {}: {depth} bytes of stack", function.name);
        }
        if let Some(line) = line_start(program, slot.pc) {
            let _ = writeln!(
                text,
                "    ; {} @ {}:{}",
                line.text.trim(),
                source_file(line),
                line.line
            );
        }
        let fact = verified
            .facts
            .get(slot.pc.index())
            .copied()
            .unwrap_or_default();
        text += &instruction(slot, fact);
    }
    text
}

fn instruction(slot: &Slot, fact: Fact) -> String {
    let line = format!("{:4}: {}", slot.pc, slot.log_line());
    match what(fact) {
        Some(what) => format!("{line:<48} ; {what}\n"),
        None => format!("{line}\n"),
    }
}

fn what(fact: Fact) -> Option<String> {
    if !fact.reached {
        return Some("no path comes here".to_owned());
    }
    fact.access.map(|access| match access {
        AccessKind::Plain => "plain memory".to_owned(),
        AccessKind::Context(offset) => format!("the context at offset {offset}"),
        AccessKind::Socket(view) => format!("a socket, as {}", view.name()),
        AccessKind::Arena => {
            "the arena: without a page there, zero is read and nothing written".to_owned()
        }
        AccessKind::Probed => "a kernel object: a fault reads zero".to_owned(),
    })
}
