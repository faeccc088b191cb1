//! Kinds of rejection: the stack, the values of maps, and other plain memory.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(13),
        title: "an access outside of the stack frame",
        sentences: &[
            "invalid write to stack R… off=… size=…",
            "invalid read from stack R… off=… size=…",
            "invalid indirect access to stack R… off=… size=…",
            "invalid variable-offset… stack R… var_off=… off=… size=…",
            "invalid unbounded variable-offset… stack R…",
        ],
        advice: "the stack is the 512 bytes below r10: stay within it, and move large \
            variables into a per-cpu array",
        explanation: "A frame is 512 bytes below r10, and the verifier must see that every byte of \
            an access, also of one that a helper makes, lies within it. With an offset \
            that is not constant it looks at the lowest and the highest value that it \
            may have. Large buffers belong into a per-cpu array with one element; an \
            index into an array on the stack must be bounded first. Without \
            privileges the same is said of stack that nothing was ever written to.",
        examples: Some(Examples {
            wrong: example!("E013_wrong.s"),
            right: example!("E013_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(14),
        title: "stack is read that was never written",
        sentences: &[
            "invalid read from stack off …+… size …",
            "invalid indirect read from stack R… off …+… size …",
            "invalid indirect read from stack R… var_off …",
        ],
        advice: "write every byte first, padding between members included: initialise the \
            variable with = {}",
        explanation: "The stack holds what the kernel left there, so a program without privileges \
            must write each byte before it reads it or a helper reads it. Since Linux \
            6.3 privileged programs may read such bytes, but nobody may read those of an \
            iterator or a dynamic pointer. The trap in C is padding: members that are \
            all set may leave holes between them, and a map's key is compared with its \
            holes. Initialise the whole, by = {} or by memset.",
        examples: Some(Examples {
            wrong: example!("E014_wrong.s"),
            right: example!("E014_right.s"),
            loaded: Loaded::Unprivileged,
        }),
    },
    Kind {
        code: Code(15),
        title: "a helper is given stack at an offset that is not known",
        sentences: &["variable offset stack pointer cannot be passed into helper function; …"],
        advice: "use a constant offset here",
        explanation: "An access to the stack may have a bounded variable offset only if it is a \
            plain load or store. An atomic instruction there is treated as what a helper \
            does, and for programs without privileges every such access is refused: \
            which slots it changes would not be known. Copy the element to a place of \
            its own and work on that.",
        examples: Some(Examples {
            wrong: example!("E015_wrong.s"),
            right: example!("E015_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(16),
        title: "a part of a saved pointer is used",
        sentences: &[
            "invalid size of register fill",
            "invalid size of register spill",
        ],
        advice: "save and load pointers whole: 8 bytes at a multiple of 8",
        explanation: "A pointer that is saved on the stack keeps its meaning only if all of its \
            eight bytes are written and read at once. Half of a pointer is a number that \
            tells about addresses, and joining halves would make a pointer whose origin \
            is not known. It comes from unions and casts that look at a pointer's bytes.",
        examples: Some(Examples {
            wrong: example!("E016_wrong.s"),
            right: example!("E016_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(17),
        title: "a misaligned access",
        sentences: &["misaligned … access off …"],
        advice: "an access must be at a multiple of its size: stack and context always, \
            packets and values under BPF_F_STRICT_ALIGNMENT",
        explanation: "On the stack and in contexts an access of 8 bytes must be at a multiple of \
            8, one of 4 at a multiple of 4, and so on; elsewhere only if the program is \
            loaded with strict alignment or the processor needs it. In C the cause is a \
            packed structure or a cast of a char buffer. Give the buffer the alignment \
            with __attribute__((aligned(8))), or read it bytewise.",
        examples: Some(Examples {
            wrong: example!("E017_wrong.s"),
            right: example!("E017_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(18),
        title: "a pointer into the stack outlives its frame",
        sentences: &[
            "cannot return stack pointer to the caller",
            "cannot spill pointers to stack into stack frame of the caller",
        ],
        advice: "hand results back by value, or through memory that the caller owns",
        explanation: "When a function returns, its frame is gone. A pointer into it may therefore \
            neither be returned nor stored where the caller would find it. Let the \
            caller declare the variable and pass its address.",
        examples: Some(Examples {
            wrong: example!("E018_wrong.s"),
            right: example!("E018_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(19),
        title: "an access outside of an object",
        sentences: &[
            "R… min value is outside of the allowed memory range",
            "R… max value is outside of the allowed memory range",
            "R… invalid … buffer access: off=…, size=…",
            "R… invalid variable buffer offset: off=…, var_off=…",
            "invalid access to …_size=… off=… size=…",
        ],
        advice: "the access may pass the end of the object: bound the index so that index \
            plus size stays within it",
        explanation: "The verifier knows the size of what a pointer points to, a map's value for \
            instance, and between which numbers the offset lies. Both ends of that range \
            must keep the whole access inside. Compare the index with the number of \
            elements before it is used, the very variable that is used: a copy that the \
            compiler made before the comparison, or a sum that may wrap around, does not \
            profit from it. A mask like index & 7 works always.",
        examples: Some(Examples {
            wrong: example!("E019_wrong.bpf.c"),
            right: example!("E019_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(20),
        title: "an offset that may be negative",
        sentences: &[
            "R… min value is negative, either use unsigned index or do a if (index >=0) check.",
        ],
        advice: "the index may be negative: make it unsigned, or compare it with 0 first",
        explanation: "A number has a signed and an unsigned range. If the signed one begins below \
            0, the access might lie before the object. Comparing a signed index with an \
            upper bound leaves the negative numbers; use an unsigned type or compare \
            with 0 as well.",
        examples: Some(Examples {
            wrong: example!("E020_wrong.s"),
            right: example!("E020_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(21),
        title: "an offset without an upper bound",
        sentences: &["R… unbounded memory access, make sure to bounds check any such access"],
        advice: "the index has no upper bound here: compare it with a constant, or mask it",
        explanation: "The offset was added to the pointer without any bound on how large it may \
            be. The comparison may be missing, may be on a path that does not lead here, \
            or may have been on another copy of the number. Compare the number that is \
            added, right before it is added.",
        examples: Some(Examples {
            wrong: example!("E021_wrong.s"),
            right: example!("E021_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(22),
        title: "a write to what is read-only, or a read of what is write-only",
        sentences: &[
            "write into map forbidden…",
            "read from map forbidden…",
            "R… cannot write into …",
            "write to change key R… not allowed",
            "cannot write into packet",
            "the prog does not allow writes to packet data",
        ],
        advice: "programs may not write this memory: const globals, maps with \
            BPF_F_RDONLY_PROG, keys, sockets and what helpers hand out to be read",
        explanation: "Some memory is readable only: global constants (.rodata), maps created with \
            BPF_F_RDONLY_PROG, keys of maps, elements of iterators, packets in programs \
            that may only look at them. Making it writable is a matter of its \
            declaration: drop const, or the flag. Otherwise copy what you need to the \
            stack and change the copy.",
        examples: Some(Examples {
            wrong: example!("E022_wrong.bpf.c"),
            right: example!("E022_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(23),
        title: "an atomic instruction where there is none",
        sentences: &["BPF_ATOMIC stores into R… … is not allowed"],
        advice: "read, change and write in separate instructions, or count in a map",
        explanation: "Atomic instructions work on the stack, on values of maps and on other plain \
            memory. Contexts, packets and sockets are not plain memory: their accesses \
            are rewritten or unaligned. Counters belong into maps.",
        examples: Some(Examples {
            wrong: example!("E023_wrong.s"),
            right: example!("E023_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(24),
        title: "an address in a map that has no direct one",
        sentences: &[
            "no direct value access support for this map type",
            "invalid access to map value pointer, value_size=… off=…",
            "direct value offset of … is not allowed",
            "fd … is not pointing to valid bpf_map",
        ],
        advice: "only the value of an array with one element, as global variables are, has an \
            address at load time: look up the others",
        explanation: "Global variables are an array with one value, and instructions carry their \
            addresses. The same form for another type of map, or for an offset beyond \
            the value, is refused. Loaders write these instructions from the symbols of \
            an object, so it points to assembly or to a loader's mistake.",
        examples: Some(Examples {
            wrong: example!("E024_wrong.s"),
            right: example!("E024_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
];
