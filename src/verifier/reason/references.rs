//! Kinds of rejection: what must be given back, and regions that must be left.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(57),
        title: "something acquired is not given back",
        sentences: &[
            "Unreleased reference id=… alloc_insn=…",
            "… would lead to reference leak",
            "BPF_LD_[ABS|IND] cannot be mixed with socket references",
        ],
        advice: "every path to the exit must give back what the call acquired: submit or \
            discard the record, release the object, destroy the iterator",
        explanation: "A record from bpf_ringbuf_reserve(), a socket from a lookup, a task, an \
            iterator: what was acquired must be given back on every path to the exit, \
            and before anything that may end the program, a tail call for instance. The \
            message names the instruction that acquired it. Mind the early returns; \
            where the result is null nothing was acquired.",
        examples: Some(Examples {
            wrong: example!("E057_wrong.bpf.c"),
            right: example!("E057_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(58),
        title: "something is released that is not held",
        sentences: &[
            "R… must be referenced when passed to release function",
            "release kernel function … expects refcounted PTR_TO_BTF_ID",
            "arg … is an unacquired reference",
            "R… type=scalar expected=ringbuf_mem",
            "… reference has not been acquired before",
        ],
        advice: "release only what this program acquired, and only once",
        explanation: "A release takes what the matching call acquired, as it came and once. What \
            the context holds, a pointer that was followed through members, or one that \
            has been released already is not the program's to give back.",
        examples: Some(Examples {
            wrong: example!("E058_wrong.bpf.c"),
            right: example!("E058_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(59),
        title: "an iterator is not in the state that this call needs",
        sentences: &[
            "expected uninitialized … as arg #…",
            "expected an initialized … as arg #…",
            "arg#… expected pointer to an iterator on stack",
            "cannot pass in iter at an offset=…",
            "iter has to be at a constant offset",
        ],
        advice: "new on a fresh iterator on the stack, then next in the loop's head, then \
            destroy on every path",
        explanation: "An open-coded iterator lives on the stack, aligned to 8, and has a life: \
            bpf_iter_…_new() begins it, …_next() moves it, …_destroy() ends it, also \
            when new failed. Beginning twice, moving one that was destroyed, overwriting \
            its bytes or passing one of another type is refused.",
        examples: Some(Examples {
            wrong: example!("E059_wrong.s"),
            right: example!("E059_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(60),
        title: "a region that is not left, or left without having been entered",
        sentences: &[
            "bpf_rcu_read_unlock is missing",
            "… bpf_preempt_enable is missing",
            "… bpf_preempt_enable(s) are missing",
            "nested rcu read lock (kernel function …)",
            "unmatched rcu read unlock (kernel function …)",
            "unmatched attempt to enable preemption (kernel function …)",
            "expected an RCU CS when using …",
            "… cannot be used inside …-ed region",
        ],
        advice: "pair lock and unlock on every path, in the same function",
        explanation: "Reading under RCU and running without preemption are regions that must be \
            left before the program ends, throws or calls on to another program, on each \
            path as often as they were entered. RCU sections do not nest, and some \
            iterators work only inside of one.",
        examples: Some(Examples {
            wrong: example!("E060_wrong.s"),
            right: example!("E060_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(61),
        title: "something may sleep where sleeping is forbidden",
        sentences: &[
            "… is not sleepable",
            "helper call might sleep in a non-sleepable prog",
            "sleepable helper … in … region",
            "program must be sleepable to call sleepable kfunc …",
            "kernel func … is sleepable within … region",
        ],
        advice: "use the function that does not sleep, or a sleepable program (a section \
            ending in .s) on a hook that may sleep, outside of regions",
        explanation: "Functions that may wait for memory, as bpf_copy_from_user(), may be called \
            only by programs loaded as sleepable (sections such as lsm.s or fentry.s), \
            outside of RCU and non-preemptible regions; and only some hooks may sleep. \
            Without that, bpf_probe_read_user() reads what is in memory already.",
        examples: Some(Examples {
            wrong: example!("E061_wrong.s"),
            right: example!("E061_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
];
