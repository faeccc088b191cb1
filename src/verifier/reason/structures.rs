//! Kinds of rejection: locks, dynamic pointers, timers, lists and trees in values of maps; arenas.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(68),
        title: "a spin lock is not used as it must be",
        sentences: &[
            "…bpf_spin_lock…",
            "…bpf_spin_unlock…",
            "…spin_{lock,unlock}…",
            "global function calls are not allowed while holding a lock,",
        ],
        advice: "lock and unlock once on each path, with nothing but plain accesses in \
            between, and touch the lock by its helpers alone",
        explanation: "A struct bpf_spin_lock lies in a map's value or in an allocated object and \
            protects what lies beside it. Between lock and unlock no function may be \
            called, each path must unlock, only one lock may be held, and lists and \
            trees may be touched only while their lock is. Tracing programs cannot use \
            it.",
        examples: Some(Examples {
            wrong: example!("E068_wrong.bpf.c"),
            right: example!("E068_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(69),
        title: "a dynamic pointer is not in the state that this call needs",
        sentences: &["…dynptr…"],
        advice: "begin it with a function that makes one, pass its address, and release what \
            must be released",
        explanation: "A struct bpf_dynptr on the stack describes memory whose size is known only \
            at run time. It is begun by bpf_dynptr_from_mem(), \
            bpf_ringbuf_reserve_dynptr() and the like, passed by address, and must not \
            be written to, copied or begun twice. One that holds a ring buffer record \
            must be submitted or discarded. Slices of it may be null and end when it \
            does.",
        examples: Some(Examples {
            wrong: example!("E069_wrong.s"),
            right: example!("E069_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(70),
        title: "a list, a tree or an allocated object is not used as it must be",
        sentences: &[
            "…bpf_list_…",
            "…bpf_rb_…",
            "…bpf_{list_head,rb_root}…",
            "…rbtree_remove…",
            "…obj_new…",
            "…obj_drop…",
            "…rbtree…",
            "arg#… expected pointer to allocated object",
            "arg#… expected pointer to map value or allocated object",
            "allocated object must be referenced",
            "arg#… is neither owning or non-owning ref",
            "arg#… doesn't point to a type with bpf_refcount field",
            "direct access to … is disallowed",
            "local type ID argument must be in range [0, U32_MAX]",
            "held lock and object are not in the same allocation",
            "operation on … expects arg#1 … at offset=… in struct …, but arg is at offset=… in struct …",
            "arg#1 offset=…, but expected … at offset=… in struct …",
            "arg#… expected for …()",
            "… not found at offset=…",
            "R… doesn't have constant offset. … has to be at the constant offset",
        ],
        advice: "hold the lock that belongs to the list or tree, pass its own type of node, \
            and give every object back",
        explanation: "Programs can allocate objects with bpf_obj_new() and link them into lists \
            and trees whose heads lie in values of maps. An object belongs to the \
            program until it is put into a collection or dropped; heads and nodes are \
            touched by kernel functions alone, under the lock that lies beside the head.",
        examples: Some(Examples {
            wrong: example!("E070_wrong.bpf.c"),
            right: example!("E070_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(71),
        title: "a timer, a lock or a kernel pointer where it cannot be",
        sentences: &[
            "tracing progs cannot use … yet",
            "R… doesn't have constant offset. bpf_timer has to be at the constant offset",
            "map '…' has to have BTF in order to use …",
            "off … doesn't point to 'struct bpf_timer' that is at …",
            "… cannot be accessed directly by load/store",
            "workqueue pointer in R… map_uid=… doesn't match map pointer in R… map_uid=…",
            "pointer in R… isn't map pointer",
            "arg#… doesn't point to a map value",
            "off … doesn't point to 'struct bpf_wq' that is at …",
            "R… doesn't have constant offset. bpf_wq has to be at the constant offset",
            "map '…' has no valid …",
        ],
        advice: "use the helpers that are made for the field, from a type of program that may",
        explanation: "Values of maps may hold fields that belong to the kernel: timers, locks, \
            pointers to kernel objects. Loads and stores that hit them are refused, each \
            has helpers of its own, and some types of programs, those that trace, may \
            not use all of them.",
        examples: Some(Examples {
            wrong: example!("E071_wrong.bpf.c"),
            right: example!("E071_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(72),
        title: "the verifier contradicts itself",
        sentences: &[
            "kernel subsystem misconfigured verifier",
            "a callback without a map",
            "a size without memory",
            "not a kernel object",
            "an object without types",
            "verifier internal error: …",
            "verifier bug: …",
            "REG INVARIANTS VIOLATION (…): …",
        ],
        advice: "this is a fault of a verifier rather than of the program: report it, with \
            the program",
        explanation: "With BPF_F_TEST_REG_INVARIANTS the verifier tests its own ranges and refuses \
            when they contradict each other. Without that flag such ranges are \
            forgotten, which costs precision and nothing else.",
        examples: None,
    },
    Kind {
        code: Code(73),
        title: "the simulator cannot judge this yet",
        sentences: &["not supported yet: …"],
        advice: "ask a real kernel: --kernel host, or --kernel vm:6.12",
        explanation: "The program uses something that this simulator does not model yet. It \
            refuses rather than guess, so this says nothing about what Linux would do: a \
            kernel may accept the program or refuse it.",
        examples: None,
    },
    Kind {
        code: Code(74),
        title: "a field that points to an object is not used as it must be",
        sentences: &[
            "store to referenced kptr disallowed",
            "kptr …",
            "invalid kptr access, …",
            "R… has no valid kptr",
            "off=… doesn't point to kptr",
            "off=… kptr isn't referenced kptr",
            "R… doesn't have constant offset. kptr has to be at the constant offset",
            "map '…' has to have BTF in order to use bpf_kptr_xchg",
            "BPF_ST imm must be 0 when storing to kptr at off=…",
        ],
        advice: "exchange what the field holds with bpf_kptr_xchg(), and release what comes \
            out",
        explanation: "A pointer tagged kptr in a map's value or in an allocated object holds a \
            reference. It is loaded as a whole and then may be null or stale; it is changed by \
            bpf_kptr_xchg() alone, which takes an object that the program owns, of the \
            field's type, and gives back what was there, to be released. One tagged \
            kptr_untrusted holds nothing and may be stored to.",
        examples: Some(Examples {
            wrong: example!("E074_wrong.bpf.c"),
            right: example!("E074_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(75),
        title: "an arena is not used as it must be",
        sentences: &[
            "addr_space_cast insn can only be used in a program that has an associated arena",
            "Only one arena per program",
            "CAP_BPF and CAP_PERFMON are required to use arena",
            "sign extending loads from arena are not supported yet",
            "R… is not a pointer to arena or scalar",
        ],
        advice: "refer to one arena map in the program, load from it unsigned and extend the sign \
            afterwards",
        explanation: "An arena is memory that a program shares with user space. Its pointers are not \
            tracked: any number can be cast to one, and where no page is, zero is read and nothing \
            written. But a program must refer to the arena that casts are about, so that it is \
            known, and to no second one; loads must not extend a sign; and a function that takes \
            such a pointer is given one, or a number.",
        examples: Some(Examples {
            wrong: example!("E075_wrong.s"),
            right: example!("E075_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
];
