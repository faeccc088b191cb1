//! The functions that a kernel calls in test runs of programs that trace them, with what it gives them.
//!
//! Kernel: `bpf_prog_test_run_tracing` in net/bpf/test_run.c, 6.12. It calls all of them; a program is attached to one.

use crate::abi::{AttachType, ProgType};
use crate::events::{Event, EventError};
use crate::object::Program;

/// Name, result and arguments.
const FUNCTIONS: [(&str, u64, &[u64]); 6] = [
    ("bpf_fentry_test1", 2, &[1]),
    ("bpf_fentry_test2", 5, &[2, 3]),
    ("bpf_fentry_test3", 15, &[4, 5, 6]),
    ("bpf_fentry_test4", 34, &[7, 8, 9, 10]),
    ("bpf_fentry_test5", 65, &[11, 12, 13, 14, 15]),
    ("bpf_fentry_test6", 111, &[16, 17, 18, 19, 20, 21]),
];

type Function = (&'static str, u64, &'static [u64]);

/// Whether a program traces one of them.
pub(super) fn is_traced(program: &Program) -> bool {
    function(program).is_some()
}

fn function(program: &Program) -> Option<&'static Function> {
    let traces = matches!(
        program.attach_type,
        Some(AttachType::TraceFentry | AttachType::TraceFexit)
    );
    let target = program.attach_target.as_deref()?;
    let mut functions = FUNCTIONS.iter();
    functions.find(|row| program.prog_type == ProgType::Tracing && traces && row.0 == target)
}

/// The call that the program sees.
///
/// # Errors
/// It traces none of them.
pub(super) fn call(program: &Program) -> Result<Event, String> {
    let (name, result, args) = function(program).ok_or("no function that test runs call")?;
    let args = (0..).zip(*args);
    let args = args.map(|(index, arg): (u32, _)| (format!("arg{index}"), arg.to_string()));
    let given: Vec<(String, String)> = args
        .chain([("ret".to_owned(), result.to_string())])
        .collect();
    Event::parse(&format!("fentry:{name}"), &given).map_err(|error: EventError| error.to_string())
}
