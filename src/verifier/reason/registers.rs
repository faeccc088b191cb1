//! Kinds of rejection: registers, and what may be done with the pointers in them.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(1),
        title: "a register is used that holds nothing",
        sentences: &["R… !read_ok"],
        advice: "the register holds nothing here: every path must set it, and r1 to r5 are \
            lost in a call",
        explanation: "When a program starts, only r1 (its context) and r10 (its stack) hold \
            something; a function has its arguments as well. A call leaves its result in \
            r0 and destroys r1 to r5. The verifier follows every path, and a register \
            must have been set on each one that reaches its use. In C the usual cause is \
            a function without a return statement on some path, a variable that is set \
            in only one branch, or inline assembly that forgets what a call destroys.",
        examples: Some(Examples {
            wrong: example!("E001_wrong.s"),
            right: example!("E001_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(2),
        title: "r10 is written",
        sentences: &["frame pointer is read only"],
        advice: "r10 cannot be written: copy it to another register first",
        explanation: "r10 points to the top of the stack frame and stays there for as long as the \
            function runs. Compilers never write it, so this comes from assembly. Copy \
            it and move the copy.",
        examples: Some(Examples {
            wrong: example!("E002_wrong.s"),
            right: example!("E002_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(3),
        title: "a number is used as an address",
        sentences: &["R… invalid mem access 'scalar'"],
        advice: "the register holds a number, not a pointer the verifier knows: read kernel \
            or user memory with bpf_probe_read_*(), and use no pointer after its record \
            was released or the packet changed",
        explanation: "Memory may only be accessed through a pointer whose origin the verifier \
            knows: the context, the stack, a map's value, a packet, a typed kernel \
            object. A number is none, even if it happens to be the address of something, \
            as what bpf_get_current_task() returns or what was read from the saved \
            registers of a kprobe. A pointer becomes a number again when what it points \
            to goes away: after its record was submitted, after its socket was released, \
            and for packets after any helper that may move them.",
        examples: Some(Examples {
            wrong: example!("E003_wrong.bpf.c"),
            right: example!("E003_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(4),
        title: "a pointer is used that may be null",
        sentences: &[
            "R… invalid mem access '…_or_null'",
            "R… invalid mem access '…_or_null_'",
            "R… pointer arithmetic on …_or_null… prohibited, null-check it first",
            "R… type=…_or_null expected=…",
            "R… type=…_or_null_ expected=…",
            "Possibly NULL pointer passed to trusted arg…",
            "Possibly NULL pointer passed to helper arg…",
            "R… is expected to be non-NULL",
        ],
        advice: "the pointer may be null: compare it with 0 on every path before using, \
            moving or passing it",
        explanation: "A lookup gives null when the key is absent, a reservation when there is no \
            room, a cast when the object is of another kind; a pointer argument of a \
            global function may be null as well, since the function is judged without \
            its callers. Such a pointer has a type that ends in _or_null until a branch \
            compares it with 0; on the side where it is not null, it and all its copies \
            lose that ending. Compare before you add an offset, too. If the compiler \
            moved the comparison behind the use, keep the pointer in a variable that is \
            not changed in between.",
        examples: Some(Examples {
            wrong: example!("E004_wrong.bpf.c"),
            right: example!("E004_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(5),
        title: "arithmetic that makes no sense on a pointer",
        sentences: &[
            "R… bitwise operator … on pointer prohibited",
            "R… pointer arithmetic with … operator prohibited",
            "R… 32-bit pointer arithmetic prohibited",
            "R… pointer … pointer prohibited",
            "R… tried to subtract pointer from scalar",
            "R… subtraction from stack pointer prohibited",
        ],
        advice: "only addition and subtraction of a number, in 64 bits, make sense on a \
            pointer: compute the offset in a number first",
        explanation: "The verifier keeps track of a pointer as a base and an offset. It can add a \
            number to it and subtract a number from it, and only in full width: masks, \
            shifts, multiplications, the sum of two pointers or the negation of one have \
            no meaning in these terms. In C it usually comes from aligning a pointer by \
            a mask or from casting it to an integer to compute with it. Compute the \
            offset first and add it once.",
        examples: Some(Examples {
            wrong: example!("E005_wrong.s"),
            right: example!("E005_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(6),
        title: "a pointer of a kind that may not be moved",
        sentences: &["R… pointer arithmetic on … prohibited"],
        advice: "this kind of pointer must be used as it came: copy it, but add nothing to it",
        explanation: "Some pointers stand for a thing rather than for memory that one may walk \
            through: a map, the end of a packet, a socket, flow keys. Adding to them is \
            refused even if the result is never used. A packet's end may only be \
            compared with; add to the pointer you read through instead.",
        examples: Some(Examples {
            wrong: example!("E006_wrong.s"),
            right: example!("E006_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(7),
        title: "a pointer is moved too far, or by who knows how much",
        sentences: &[
            "math between … pointer and … is not allowed",
            "… pointer offset … is not allowed",
            "value … makes … pointer be out of bounds",
        ],
        advice: "bound the number on both sides, as an unsigned comparison or a mask does, \
            before adding it to the pointer",
        explanation: "An offset must stay within half a gigabyte in both directions, so that sums \
            of them cannot overflow, and its lower bound must be known when it is added. \
            A number read from memory or returned by a helper may be negative as far as \
            the verifier knows; a comparison as signed number with an upper bound leaves \
            it so. Use an unsigned type, or mask the number, before it is added.",
        examples: Some(Examples {
            wrong: example!("E007_wrong.s"),
            right: example!("E007_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(8),
        title: "an access through a pointer that cannot be read",
        sentences: &["R… invalid mem access '…'"],
        advice: "nothing can be read or written through this kind of pointer: use the helper \
            that is made for it",
        explanation: "The register does hold a pointer, but of a kind that has no memory behind it \
            for programs: the end of a packet, a map where its structure is not known, a \
            dynamic pointer, a function. The name in the message is the kind. Often two \
            pointers were mixed up, as data and data_end.",
        examples: Some(Examples {
            wrong: example!("E008_wrong.s"),
            right: example!("E008_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(9),
        title: "a pointer is not where it must be",
        sentences: &[
            "dereference of modified … ptr R… off=… disallowed",
            "negative offset … ptr R… off=… disallowed",
            "variable … access var_off=… disallowed",
            "R… must have zero offset when passed to release func or trusted arg to kfunc",
        ],
        advice: "use the pointer as it came: put constant offsets into the access, and read a \
            field into a variable instead of moving the pointer",
        explanation: "Fields of a context are not memory as it lies in the kernel: each access is \
            rewritten, so its offset must be a constant in the instruction. Typed kernel \
            objects follow the same rule where they are handed on. The usual cause is an \
            array in the context, as cb[index] with a variable index, or a compiler that \
            keeps the address of a field in a register. Read the fields one by one, or \
            copy them to the stack.",
        examples: Some(Examples {
            wrong: example!("E009_wrong.s"),
            right: example!("E009_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(10),
        title: "one instruction, two kinds of pointers",
        sentences: &["same insn cannot be used with different pointers"],
        advice: "let each path make its own access: read before the paths meet",
        explanation: "Loads and stores of contexts, sockets and kernel objects are rewritten when \
            a program is loaded, and for one instruction there is one way to do that. If \
            one path brings a context and another the stack to the same instruction, it \
            is refused. Compilers do this when both branches of an if end in the same \
            access; do the access in each branch and let a number come out of it.",
        examples: Some(Examples {
            wrong: example!("E010_wrong.s"),
            right: example!("E010_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(11),
        title: "an instruction that does not exist",
        sentences: &[
            "unknown opcode …",
            "invalid bpf_ld_imm64 insn",
            "unrecognized bpf_ld_imm64 insn",
            "… uses reserved fields",
            "R… is invalid",
            "invalid shift …",
            "BPF_ATOMIC uses invalid atomic opcode …",
            "addr_space_cast insn can only convert between address space 1 and 0",
            "invalid may_goto off … imm …",
        ],
        advice: "no such instruction: check what wrote it, and whether the kernel is as new \
            as the instruction set (-mcpu) it was compiled for",
        explanation: "An instruction must be one that the kernel knows, with all the fields that \
            it does not use at zero and constants in range: a shift by less than the \
            width, registers up to r10. Compilers write such instructions only if they \
            are told of a newer instruction set than the kernel has; otherwise it is a \
            generator of code or inline assembly.",
        examples: Some(Examples {
            wrong: example!("E011_wrong.bpf.c"),
            right: example!("E011_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(12),
        title: "a division by the constant 0",
        sentences: &["div by zero"],
        advice: "divide by something else: only a divisor in a register may turn out to be 0",
        explanation: "Dividing by a register that is 0 gives 0 and is allowed; a constant divisor \
            of 0 can only be a mistake and is refused. Compilers usually remove such a \
            division as undefined, so it comes from assembly.",
        examples: Some(Examples {
            wrong: example!("E012_wrong.bpf.c"),
            right: example!("E012_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
];
