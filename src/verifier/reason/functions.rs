//! Kinds of rejection: functions, callbacks and exceptions.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(50),
        title: "calls nest too deep",
        sentences: &[
            "the call stack of … frames is too deep",
            "the call stack of … frames is too deep !",
            "too many subprograms",
        ],
        advice: "calls nest at most 8 deep, and functions may not call themselves",
        explanation: "Each function has a frame, and there are eight at most, the program's own \
            included. Recursion is therefore never possible, even where it would end. \
            Turn recursion into a loop, let small functions be inlined, or continue in \
            another program with bpf_tail_call().",
        examples: Some(Examples {
            wrong: example!("E050_wrong.s"),
            right: example!("E050_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(51),
        title: "functions use too much stack together",
        sentences: &[
            "combined stack size of … calls is …. Too large",
            "combined stack size …",
        ],
        advice: "the functions of this chain of calls use more than 512 bytes of stack \
            together: move large variables into a per-cpu array",
        explanation: "All frames of a chain of calls share 512 bytes, each rounded up to 32. Large \
            local arrays are the usual cause. Move them into a per-cpu array with one \
            element, or give the variable to the callee by pointer instead of having one \
            in each.",
        examples: Some(Examples {
            wrong: example!("E051_wrong.s"),
            right: example!("E051_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(52),
        title: "a global function does not fit its call or its declaration",
        sentences: &[
            "Caller passes invalid args into func#… ('…')",
            "Global function …() doesn't return scalar. Only those are supported.",
            "Global function …() with … > 5 args. Buggy compiler.",
            "Arg#… type … in …() is not supported yet.",
            "arg#… has invalid combination of tags",
            "At subprogram exit the register R… is not a scalar value (…)",
            "global function calls are not allowed with preemption disabled,",
            "function calls are not allowed while holding a lock",
            "global function …() without type information",
            "use static function instead",
        ],
        advice: "make the function static, or pass what its declaration promises",
        explanation: "A global function is judged once, from its declaration alone: numbers, the \
            context, or pointers to memory of a known size, which may be null. A caller \
            must pass what is promised, and the result must be a number. A static \
            function is judged at each call with what is really passed, so anything \
            goes; its price is that it is walked through each time.",
        examples: Some(Examples {
            wrong: example!("E052_wrong.bpf.c"),
            right: example!("E052_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(53),
        title: "a callback that is not one",
        sentences: &[
            "callback function not static: func#… ('…')",
            "missing btf func_info",
            "R… is not a stack pointer",
        ],
        advice: "pass a static function with the prototype that the helper documents, and \
            compile with -g",
        explanation: "Callbacks are functions of the same program, marked static, whose addresses \
            the compiler takes; the verifier needs the type information of functions to \
            know them, which -g writes. Programs in assembly have none, so callbacks \
            belong into C.",
        examples: Some(Examples {
            wrong: example!("E053_wrong.bpf.c"),
            right: example!("E053_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(54),
        title: "a callback returns what it may not",
        sentences: &[
            "At callback return the register R… …",
            "At async callback return the register R… …",
        ],
        advice: "return 0 to go on and 1 to stop",
        explanation: "What a callback returns is an order to the helper that calls it: 0 to go on, \
            1 to stop, for a timer always 0. The verifier looks at the range of the \
            result, so a result that is computed must be brought down to 0 or 1, as by \
            != 0.",
        examples: Some(Examples {
            wrong: example!("E054_wrong.bpf.c"),
            right: example!("E054_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(55),
        title: "a result that this program may not return",
        sentences: &[
            "At program exit the register R… has …",
            "At program exit the register R… is not a known value (…)",
            "R… not a scalar value (…)",
        ],
        advice: "return one of the values that this program type allows, by a constant if need be",
        explanation: "What a program returns is an order to the kernel, and each hook has its own \
            range: 0 or 1 for most cgroup hooks, 0 or a negative error for LSM, anything \
            for a traffic classifier. The verifier looks at the range of r0 on each \
            path. Compare or mask the value first, or return constants.",
        examples: Some(Examples {
            wrong: example!("E055_wrong.s"),
            right: example!("E055_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(56),
        title: "an exception where none may be thrown",
        sentences: &[
            "insn … cannot call exception cb directly",
            "bpf_throw kfunc (insn …) cannot be called from callback subprog …",
            "exception cb only supports single integer argument",
            "multiple exception callback tags for main subprog",
            "exception callback '…' could not be found in BTF",
            "… programs cannot attach to exception callback",
        ],
        advice: "give back what is held, leave regions and callbacks first, and throw a number",
        explanation: "bpf_throw() ends the program from any depth and runs the exception callback, \
            if one is named, whose result then is the program's. Nothing may be held \
            when it is thrown, it may not come from a callback that the kernel runs \
            later, and nobody may call the exception callback himself.",
        examples: Some(Examples {
            wrong: example!("E056_wrong.bpf.c"),
            right: example!("E056_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
];
