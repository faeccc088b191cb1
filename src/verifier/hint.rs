//! What to do about a rejection: a sentence for each of the kernel's that has a usual cause.
//!
//! A table from a part of the kernel's sentence to advice. It changes no verdict.

/// Parts of sentences, all of which must occur in this order, and what to do about them.
const HINTS: &[(&[&str], &str)] = &[
    (
        &["invalid mem access 'map_value_or_null'"],
        "a lookup gives null when the key is absent: compare the pointer with 0 before using it",
    ),
    (
        &["invalid mem access '", "_or_null"],
        "the pointer may be null: compare it with 0 before using it",
    ),
    (
        &["offset is outside of the packet"],
        "compare the pointer plus the bytes you need with data_end before this access, on the same path",
    ),
    (
        &["!read_ok"],
        "the register holds nothing here: every path must set it, and r1 to r5 are lost in a call",
    ),
    (
        &["infinite loop detected"],
        "nothing that the verifier tracks changes from one pass to the next: count with a bounded variable, or use bpf_loop()",
    ),
    (
        &["BPF program is too large"],
        "a loop runs too often or branches multiply: bound it tighter, move its body into a global function, or use bpf_loop()",
    ),
    (
        &["Unreleased reference"],
        "every path to the exit must give back what the call acquired: submit or discard the record, release the socket",
    ),
    (
        &["tail_call would lead to reference leak"],
        "give back what was acquired before bpf_tail_call(), which does not return",
    ),
    (
        &["cannot use helper"],
        "this program type has no such helper: see the table of helpers by program type in bpf-helpers(7)",
    ),
    (
        &["cannot call GPL-restricted function"],
        "declare a licence compatible with the GPL: char LICENSE[] SEC(\"license\") = \"GPL\";",
    ),
    (
        &["must have a GPL compatible license"],
        "declare a licence compatible with the GPL: char LICENSE[] SEC(\"license\") = \"GPL\";",
    ),
    (
        &["invalid mem access 'scalar'"],
        "the register holds a number, not a pointer the verifier knows: read kernel or user memory with bpf_probe_read_*(), and use no pointer after its record was released or the packet changed",
    ),
    (
        &["min value is negative"],
        "the index may be negative: make it unsigned, or compare it with 0 first",
    ),
    (
        &["unbounded memory access"],
        "the index or size has no upper bound here: compare it with a constant, or mask it",
    ),
    (
        &["outside of the allowed memory range"],
        "the access may pass the end of the object: bound the index so that index plus size stays within it",
    ),
    (
        &["invalid zero-sized read"],
        "the size may be 0: compare it with 0 first",
    ),
    (
        &["write into map forbidden"],
        "the map is read-only for programs: const data, or BPF_F_RDONLY_PROG",
    ),
    (
        &["invalid bpf_context access"],
        "no field of the context may be used like this: check offset, width and whether it may be written",
    ),
    (
        &["dereference of modified ctx ptr"],
        "use the context pointer as it came: read a field into a variable instead of moving the pointer",
    ),
    (
        &["At program exit the register R0"],
        "return one of the values that this program type allows",
    ),
    (
        &["pointer arithmetic with"],
        "only addition and subtraction make sense on a pointer: compute the offset in a number first",
    ),
    (
        &["bitwise operator"],
        "only addition and subtraction make sense on a pointer: compute the offset in a number first",
    ),
    (
        &["pointer arithmetic on", "null-check it first"],
        "compare the pointer with 0 before moving it",
    ),
    (
        &["combined stack size"],
        "the functions of this chain of calls use more than 512 bytes of stack together: move large variables into a per-cpu array",
    ),
    (
        &["invalid write to stack"],
        "the stack is 512 bytes below r10: move large variables into a per-cpu array",
    ),
    (
        &["the call stack of"],
        "calls nest at most 8 deep, and functions may not call themselves",
    ),
    (
        &["type=", "expected="],
        "the helper wants another kind of pointer in this argument",
    ),
    (
        &["must be referenced when passed to release function"],
        "only what bpf_ringbuf_reserve() returned, once, may be released",
    ),
    (
        &["unreachable insn"],
        "no path leads to this instruction: remove it",
    ),
    (
        &["frame pointer is read only"],
        "r10 cannot be written: copy it to another register first",
    ),
    (
        &["misaligned stack access"],
        "stack accesses must be aligned to their size",
    ),
];

/// What to do about a rejection with that sentence, if there is something to say.
pub(super) fn of(message: &str) -> Option<String> {
    let matches = |parts: &&[&str]| {
        let mut rest = message;
        parts.iter().all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    };
    HINTS
        .iter()
        .find(|(parts, _)| matches(parts))
        .map(|(_, hint)| (*hint).to_owned())
}
