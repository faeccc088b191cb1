//! Kinds of rejection: the way through a program: jumps, loops, size.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(45),
        title: "an endless loop",
        sentences: &[
            "infinite loop detected at insn …",
            "infinite loop detected…",
        ],
        advice: "nothing that the verifier tracks changes from one pass to the next: count \
            with a bounded variable, or use bpf_loop()",
        explanation: "The verifier walks through loops pass by pass. If it comes back to an \
            instruction with the very same state, nothing will ever end the loop. The \
            condition hangs on something that it does not know as a changing number, \
            such as a value in a map. Count with a variable that has a constant bound, \
            or use bpf_loop(), an open-coded iterator or may_goto.",
        examples: Some(Examples {
            wrong: example!("E045_wrong.s"),
            right: example!("E045_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(46),
        title: "too much to walk through",
        sentences: &[
            "BPF program is too large. Processed … insn",
            "The sequence of … jumps is too complex.",
            "The sequence of … jumps is too complex for async cb.",
            "the program has … instructions, over …",
        ],
        advice: "a loop runs too often or branches multiply: bound it tighter, move its body \
            into a global function, or use bpf_loop()",
        explanation: "The verifier looks at a million instructions at most, counting each pass of \
            a loop and each path through branches. Loops with many passes, and branches \
            whose outcomes lead to different states, use that up. bpf_loop() and \
            open-coded iterators are judged once; global functions are judged once, \
            apart from their callers; and a number that is masked again after a branch \
            lets paths meet.",
        examples: Some(Examples {
            wrong: example!("E046_wrong.s"),
            right: example!("E046_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(47),
        title: "an instruction that nothing leads to",
        sentences: &["unreachable insn …"],
        advice: "no path leads to this instruction: remove it",
        explanation: "Every instruction must be reachable by following jumps, whether or not they \
            can be taken. Compilers remove dead code; what is left comes from assembly \
            or from a generator. Instructions behind a branch that is never taken are no \
            matter: the kernel drops them itself.",
        examples: Some(Examples {
            wrong: example!("E047_wrong.bpf.c"),
            right: example!("E047_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(48),
        title: "a program or function without an end",
        sentences: &[
            "last insn is not an exit or jmp",
            "the program has no instructions",
        ],
        advice: "end every function with an exit: in C, return on every path",
        explanation: "The last instruction of the program and of each function must be an exit or \
            a jump, or the processor would run on into what follows. Compilers leave it \
            out where they find that the end is never reached, as behind undefined \
            behaviour or __builtin_unreachable(): look for an uninitialised variable or \
            an overflow at the end of the function.",
        examples: Some(Examples {
            wrong: example!("E048_wrong.bpf.c"),
            right: example!("E048_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(49),
        title: "a jump to where nothing is",
        sentences: &[
            "jump out of range from insn …",
            "jump into the middle of ldimm64 insn …",
            "invalid insn idx …",
            "call to invalid destination at insn …",
            "call to invalid destination",
            "invalid function reference at insn …",
        ],
        advice: "jumps stay within their function, and none may end in the second half of a \
            wide instruction",
        explanation: "A jump must lead to an instruction of the same function, and a call to the \
            first instruction of a function. A load of a 64-bit constant takes two \
            slots, and the second is no instruction. It comes from offsets written by \
            hand, or from a tool that inserted instructions and did not adapt the jumps.",
        examples: Some(Examples {
            wrong: example!("E049_wrong.s"),
            right: example!("E049_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
];
