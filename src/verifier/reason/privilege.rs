//! Kinds of rejection: what is refused to those without privileges.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(65),
        title: "a program without privileges shows or compares a pointer",
        sentences: &[
            "R… leaks addr …",
            "R… pointer comparison prohibited",
            "R… pointer arithmetic prohibited",
            "R… partial copy of pointer",
            "R… sign-extension part of pointer",
            "attempt to corrupt spilled pointer on stack",
            "leaking pointer from stack off …",
        ],
        advice: "addresses must not leave the program: store, return and compare numbers, or \
            load it with CAP_PERFMON",
        explanation: "Kernel addresses help attackers, so a program loaded without CAP_PERFMON may \
            not let one out: not into a map, the context, a packet or a result, nor by \
            comparing or computing with it so that a number depends on it. Pointers \
            saved on the stack must stay whole.",
        examples: Some(Examples {
            wrong: example!("E065_wrong.s"),
            right: example!("E065_right.s"),
            loaded: Loaded::Unprivileged,
        }),
    },
    Kind {
        code: Code(66),
        title: "a pointer may go out of bounds in speculation",
        sentences: &[
            "R… stack pointer arithmetic goes out of range, prohibited for !root; …",
            "R… pointer arithmetic of map value goes out of range, prohibited for !root",
            "R… variable stack access prohibited for !root, …",
            "R… has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root",
            "R… tried to … from different maps, paths or scalars, pointer arithmetic with it prohibited for !root",
            "R… has pointer with unsupported alu operation, pointer arithmetic with it prohibited for !root",
            "R… tried to … beyond pointer bounds, pointer arithmetic with it prohibited for !root",
            "R… could not be pushed for speculative verification, pointer arithmetic with it prohibited for !root",
        ],
        advice: "move pointers by constants, or by an unsigned number that is bounded the \
            same way on every path",
        explanation: "A processor runs ahead of a comparison whose outcome it does not know yet, \
            and may read there what the program never would (Spectre). For programs \
            without CAP_PERFMON the kernel masks each pointer arithmetic, which works \
            only if the direction and the limit are the same on each path, and the \
            result never leaves the object.",
        examples: Some(Examples {
            wrong: example!("E066_wrong.s"),
            right: example!("E066_right.s"),
            loaded: Loaded::Unprivileged,
        }),
    },
    Kind {
        code: Code(67),
        title: "a program without privileges does what takes some",
        sentences: &[
            "loading programs of type … takes …",
            "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN",
            "'struct …' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
            "back-edge from insn … to …",
            "tail_call abusing map_ptr",
        ],
        advice: "load it with CAP_BPF and what the message names, or do without loops, \
            functions and the like",
        explanation: "Who has no capabilities may load socket filters and cgroup packet filters \
            only, of 4096 instructions, without loops, without functions of their own, \
            and may tail call through one map at one place. CAP_BPF lifts most of that, \
            CAP_NET_ADMIN is for networking, CAP_PERFMON for tracing and for reading \
            kernel memory.",
        examples: Some(Examples {
            wrong: example!("E067_wrong.s"),
            right: example!("E067_right.s"),
            loaded: Loaded::Unprivileged,
        }),
    },
];
