//! Kinds of rejection: attach targets, replaced functions, kernel types.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(62),
        title: "a hook that programs cannot attach to",
        sentences: &[
            "…points to disabled hook …",
            "…points to wrong type name …",
            "…() is not modifiable",
            "attach to unsupported member … of struct …",
            "attach to invalid member …",
            "can't modify return codes of BPF programs",
            "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
            "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
        ],
        advice: "choose a hook that exists in this kernel and may be used this way",
        explanation: "The target of a typed program must exist, and must be one that programs may \
            stand at: some LSM hooks are switched off for programs, the result of only \
            some functions may be changed, and not every member of a structure of \
            operations can be a program.",
        examples: Some(Examples {
            wrong: example!("E062_wrong.s"),
            right: example!("E062_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(63),
        title: "a program does not fit the program that it is attached to",
        sentences: &[
            "Cannot recursively attach",
            "Cannot extend fentry/fexit",
            "Cannot replace kernel functions",
            "Cannot replace static functions",
            "Extension program changes packet data, while original does not",
            "FENTRY/FEXIT program can only be attached to another program annotated with BTF",
            "Program extension requires BTF",
            "… is not a global function",
            "Return type … of …() doesn't match type … of …()",
            "…() has … args while …() has … args",
            "arg… in …() has size … while …() has …",
            "arg… in …() has unrecognized type",
            "arg… in …() is … while …() has …",
            "arg… …(struct … *) doesn't match …(struct … *)",
            "the program that is attached to, …, is refused: …",
        ],
        advice: "replace a global function by one with the same prototype, and trace programs \
            with type information that are no tracing programs themselves",
        explanation: "A program that replaces a function of another (freplace) must have that \
            function's prototype, and the function must be global, since a static one \
            was judged with its callers. A program that traces another cannot be traced \
            itself. With --target you say which object holds the other program.",
        examples: None,
    },
    Kind {
        code: Code(64),
        title: "the kernel's types lack what the program asks for",
        sentences: &[
            "ldimm64 failed to find the address for kernel symbol '…'.",
            "failed to resolve CO-RE relocation …",
            "kfunc '…' is referenced but wasn't resolved",
            "failed to find kernel BTF type ID of '…'",
            "ldimm64 unable to resolve the size of type '…': -22",
            "arg#…: no kernel structure is called …",
            "the kernel has no type struct …",
            "btf_id … is neither a variable nor a function",
        ],
        advice: "guard it with bpf_core_field_exists(), bpf_ksym_exists() or the like, so \
            that kernels without it do not reach it",
        explanation: "The loader looks fields, types and functions up in the kernel's type \
            information. What is missing is turned into an instruction that no kernel \
            accepts, so that a program may hold it behind a branch that is never taken \
            on this kernel. The message appears when the verifier reaches it. The name \
            in it says what this kernel lacks.",
        examples: Some(Examples {
            wrong: example!("E064_wrong.bpf.c"),
            right: example!("E064_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
];
