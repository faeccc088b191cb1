//! Why something fails, in libbpf's words and in ours.

/// A piece of libbpf's sentence, and of ours for the same cause.
const CAUSES: &[(&str, &str)] = &[
    (
        "failed to find BTF for extern",
        "no type information describes it",
    ),
    ("unrecognized extern section", "want `.kconfig` or `.ksyms`"),
    ("invalid pinning value", "unknown pinning"),
    (
        "not found in kernel or module BTFs",
        "not found in the kernel's types",
    ),
    ("not found in kernel BTF", "not found in the kernel's types"),
    (
        "(strong): not resolved",
        "not found among the kernel's symbols",
    ),
    (
        "is not found in kernel BTF",
        "not found in the kernel's types",
    ),
    (
        "failed to find kernel BTF type ID",
        "not found in the kernel's types",
    ),
    (
        "attach program FD is not set",
        "the program that is attached to is not given",
    ),
    (
        "no BTF-based attach target is specified",
        "names no target to attach to",
    ),
    ("missing BPF prog type", "names no program type"),
    (
        "isn't referenced anywhere",
        "no struct_ops map refers to the program",
    ),
    (
        "Cannot find member",
        "the kernel's structure has none of that name",
    ),
];

/// The name of the cause in libbpf's log; the log itself when it is none of the known.
pub(crate) fn theirs(log: &str) -> String {
    let found = CAUSES.iter().find(|(cause, _)| log.contains(cause));
    found.map_or_else(|| log.to_owned(), |(_, cause)| (*cause).to_owned())
}

/// The name of the cause in our sentence; the sentence itself when it is none of the known.
pub(crate) fn ours(error: &str) -> String {
    let found = CAUSES.iter().find(|(_, cause)| error.contains(cause));
    found.map_or_else(|| error.to_owned(), |(_, cause)| (*cause).to_owned())
}
