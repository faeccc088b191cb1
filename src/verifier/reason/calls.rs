//! Kinds of rejection: calls of helpers and kernel functions, and their arguments.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(34),
        title: "an argument of the wrong kind",
        sentences: &["R… type=… expected=…", "R… type=… expected="],
        advice: "the function wants another kind of pointer in this argument: the message \
            lists those that will do",
        explanation: "Each argument of a helper has a kind: a map, memory, a constant, the \
            context, a socket, a record. The sentence names what the register holds and \
            what would do. A number where memory is expected is often an address that \
            was computed or that was released before; memory must be the stack, a map's \
            value, a packet or the like.",
        examples: Some(Examples {
            wrong: example!("E034_wrong.bpf.c"),
            right: example!("E034_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(35),
        title: "this type of program does not have that helper",
        sentences: &[
            "program of this type cannot use helper …",
            "func … supported only for … programs",
            "func … not supported for program type …",
            "helper call is not allowed in probe",
            "cannot update sockmap in this context",
            "helper access to the packet is not allowed",
            "get_local_storage() doesn't support non-zero flags",
        ],
        advice: "this program type has no such helper: see the table of helpers by program \
            type in bpf-helpers(7)",
        explanation: "Every type of program has its own set of helpers, some only with privileges \
            or on certain hooks: packets cannot be changed from a tracing program, and \
            files' paths can be asked for only where no lock is held. Look for one that \
            does the same for your type (an XDP program writes to the packet directly), \
            or choose another hook.",
        examples: Some(Examples {
            wrong: example!("E035_wrong.bpf.c"),
            right: example!("E035_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(36),
        title: "a helper that does not exist",
        sentences: &["invalid func unknown#…"],
        advice: "no helper has this number: the kernel is older than the program, or the \
            declaration is wrong",
        explanation: "Helpers are called by number, and the kernel knows none with this one. A \
            declaration by hand may be wrong, or the helper is newer than the kernel. \
            ebpf-sim requires says which kernel an object needs.",
        examples: Some(Examples {
            wrong: example!("E036_wrong.s"),
            right: example!("E036_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(37),
        title: "a kernel function that this program may not call",
        sentences: &[
            "calling kernel function … is not allowed",
            "metadata kfuncs require device-bound program",
            "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs",
        ],
        advice: "choose a program type or a hook that has this function",
        explanation: "Kernel functions are registered for types of programs, and some ask for \
            more: a sleepable program, one bound to a device. What may be called where \
            is not in the function's prototype but in the kernel's documentation of \
            kfuncs and in the lists beside each function.",
        examples: Some(Examples {
            wrong: example!("E037_wrong.s"),
            right: example!("E037_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(38),
        title: "a function reserved for programs under the GPL",
        sentences: &[
            "cannot call GPL-restricted function from non-GPL compatible program",
            "cannot call kernel function from non-GPL compatible program",
            "… must have a GPL compatible license",
            "Cannot access kernel 'struct …' from non-GPL compatible program",
        ],
        advice: "declare a licence compatible with the GPL: char LICENSE[] SEC(\"license\") = \
            \"GPL\";",
        explanation: "Many helpers, all kernel functions, some types of programs and typed access \
            to kernel objects are open only to programs that declare a licence \
            compatible with the GPL. The declaration is a string in a section called \
            license; GPL, GPL v2, Dual BSD/GPL and Dual MIT/GPL are among those that \
            will do.",
        examples: Some(Examples {
            wrong: example!("E038_wrong.bpf.c"),
            right: example!("E038_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(39),
        title: "a helper or a program that does not go with this type of map",
        sentences: &[
            "cannot pass map_type … into func …",
            "Sleepable programs can only use array, hash, ringbuf and local storage maps",
            "invalid map_ptr to access map->…",
            "timer pointer in R… map_uid=… doesn't match map pointer in R… map_uid=…",
        ],
        advice: "use the helper that goes with the map's type, or another type of map",
        explanation: "Maps of some types are not looked up: records go into a perf event array or \
            a ring buffer through the output helpers, programs in a program array are \
            reached by bpf_tail_call(). And each of these helpers takes only its own \
            type of map. Programs that may sleep use only maps whose elements stay \
            meanwhile.",
        examples: Some(Examples {
            wrong: example!("E039_wrong.bpf.c"),
            right: example!("E039_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(40),
        title: "a constant is needed here",
        sentences: &[
            "R… is not a known constant'",
            "R… must be a known constant",
            "kfunc … type ID argument must be …",
            "… type ID argument must be …",
        ],
        advice: "pass a constant: the size must be known when the program is judged",
        explanation: "Some arguments decide how large or of which type the result is, as the size \
            of a ring buffer's record. The verifier must know it, so it must have \
            exactly one value on this path. For sizes that vary there is another way, as \
            bpf_ringbuf_output() from a buffer, or a record of the largest size.",
        examples: Some(Examples {
            wrong: example!("E040_wrong.s"),
            right: example!("E040_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(41),
        title: "a text that is not constant",
        sentences: &[
            "R… does not point to a readonly map'",
            "R… is not a constant address'",
            "string is not zero-terminated",
            "Invalid format string",
            "bpf_snprintf takes 8 bytes an argument, not … bytes",
            "arg#… doesn't point to a const string",
        ],
        advice: "declare the string as static const char [] so that it lies in .rodata",
        explanation: "Formats and patterns are read when the program is judged, so they must lie \
            in a map that is read-only and frozen, at a constant address, and end with a \
            zero byte. A string on the stack or in a writable global variable will not \
            do. A static const array in C becomes what is needed.",
        examples: Some(Examples {
            wrong: example!("E041_wrong.bpf.c"),
            right: example!("E041_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(42),
        title: "a size that may be negative or has no bound",
        sentences: &[
            "R… min value is negative, either use unsigned or 'var &= const'",
            "R… unbounded memory access, use 'var &= const' or 'if (var < const)'",
        ],
        advice: "give the size both bounds: make it unsigned and compare it with a constant, \
            or mask it",
        explanation: "A helper that is given memory and a size must find that many bytes there, so \
            the size needs an upper bound, and as a signed number it must not be below \
            0. Compare it, in 64 bits and as unsigned number, with the size of the \
            buffer right before the call, or mask it: size &= 63. Compilers sometimes \
            compare one copy and pass another; a mask in assembly settles it.",
        examples: Some(Examples {
            wrong: example!("E042_wrong.bpf.c"),
            right: example!("E042_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(43),
        title: "a size that may be zero",
        sentences: &[
            "R… invalid zero-sized read: u64=[…,…]",
            "invalid zero-sized read",
        ],
        advice: "the size may be 0: compare it with 0 first",
        explanation: "Most helpers refuse to read nothing. The verifier sees a range of sizes that \
            begins at 0. Compare with 0 first, or add 1 to a masked size where that is \
            what you want.",
        examples: Some(Examples {
            wrong: example!("E043_wrong.bpf.c"),
            right: example!("E043_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(44),
        title: "memory given to a kernel function does not fit",
        sentences: &[
            "arg#… pointer type … must point to …scalar, or struct with scalar",
            "arg#… arg#… memory, len pair leads to invalid memory access",
            "arg#… reference type('…') size cannot be determined",
            "R… is not a scalar",
            "arg… expected pointer to func",
            "arg#… expected pointer to ctx, but got …",
            "…() may write into memory pointed by R… type=…",
        ],
        advice: "give what the function's prototype says: the object itself, a number, or \
            memory as long as its size argument",
        explanation: "Kernel functions are judged by their prototypes: a number for a number, the \
            program's context for a context, memory of the given size for plain \
            structures, and for kernel objects a pointer that the verifier knows as one. \
            The address of a variable on the stack is never a kernel object, and an \
            object that was released has become a number.",
        examples: Some(Examples {
            wrong: example!("E044_wrong.s"),
            right: example!("E044_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
];
