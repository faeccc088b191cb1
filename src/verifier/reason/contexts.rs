//! Kinds of rejection: contexts, packets, sockets and kernel objects.
//!
//! A table without rules: see the module above.

use super::{Code, Examples, Kind, Loaded};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: Code(25),
        title: "no such field in the context",
        sentences: &[
            "invalid bpf_context access off=… size=…",
            "R… expects pointer to ctx",
            "arg#… should be `struct … *`",
            "arg#… should be void pointer",
            "arg#… type doesn't have a name",
            "arg… in …() is not a pointer to context",
        ],
        advice: "no field of the context may be used like this: check offset, width and \
            whether it may be written",
        explanation: "Each type of program has a context with certain fields, and each field has \
            its rules: how wide it may be read, whether it may be written, for which \
            hooks it exists. An access beyond the last field, across two fields, wider \
            than the field, or a write to one that is read-only gives this sentence. Use \
            the structure that belongs to the program's type (struct xdp_md, struct \
            __sk_buff, struct pt_regs and so on) and read whole fields.",
        examples: Some(Examples {
            wrong: example!("E025_wrong.bpf.c"),
            right: example!("E025_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(26),
        title: "an argument that the traced function does not have",
        sentences: &[
            "func '…' doesn't have …-th argument",
            "not the context of the traced program",
            "func '…' offset … is not multiple of 8",
            "func '…' size … must be 8",
            "func '…' arg… '…' has no type that programs may read",
            "func '…' arg… is a pointer to what is not a struct",
        ],
        advice: "read the arguments that the function has, each as 8 bytes at a multiple of 8",
        explanation: "The context of a program on a typed hook (fentry, fexit, tp_btf, lsm) is an \
            array of eight-byte words, one for each argument of the function in the \
            kernel's type information. An offset that is not at a word's start, or past \
            the last argument, is refused; only structures and numbers can be read. Look \
            the prototype up with ebpf-sim btf.",
        examples: Some(Examples {
            wrong: example!("E026_wrong.s"),
            right: example!("E026_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(27),
        title: "the packet is read without a look at its end",
        sentences: &["R… offset is outside of the packet"],
        advice: "compare the pointer plus the bytes you need with data_end before this \
            access, on the same path",
        explanation: "How long a packet is, is known only when it arrives. A program must compare \
            a pointer plus the number of bytes it wants with data_end and leave on the \
            side where the packet is shorter; on the other side the verifier notes how \
            many bytes may be read through that pointer and its copies. A variable part, \
            as the length of the IP header, must be bounded, and the comparison repeated \
            with it included. Helpers that may move the packet make all packet pointers \
            void: read data and data_end again.",
        examples: Some(Examples {
            wrong: example!("E027_wrong.bpf.c"),
            right: example!("E027_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(28),
        title: "a load of the old kind where it may not be",
        sentences: &[
            "at the time of BPF_LD_ABS|IND R6 != pointer to skb",
            "BPF_LD_[ABS|IND] instructions not allowed for this program type",
            "… is only allowed in functions that return 'int'.",
            "… is not allowed in subprogs without BTF",
            "BPF_LD_[ABS|IND] …",
        ],
        advice: "use direct packet access or bpf_skb_load_bytes() instead",
        explanation: "The loads inherited from classic BPF read the packet of a socket filter or \
            traffic classifier and end the program if it is too short. They expect the \
            context in r6, exist only for programs on a struct __sk_buff, and since they \
            may end the program, nothing may be held then. New programs should not use \
            them.",
        examples: Some(Examples {
            wrong: example!("E028_wrong.s"),
            right: example!("E028_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(29),
        title: "no such field of a socket",
        sentences: &[
            "R… invalid sock access off=… size=…",
            "R… invalid sock_common access off=… size=…",
            "R… invalid tcp_sock access off=… size=…",
            "R… invalid xdp_sock access off=… size=…",
            "no write support to nf_conn at off …",
            "no write support to tcp_sock at off …",
            "write access at off … with size … beyond the member of nf_conn ended at …",
            "write access at off … with size … beyond the member of tcp_sock ended at …",
            "invalid access to flow keys off=… size=…",
        ],
        advice: "check the field, its width, and whether this view of the socket has it: \
            bpf_sk_fullsock() or bpf_tcp_sock() give a fuller one",
        explanation: "What a program holds of a socket is a view: sock_common has the first few \
            fields of struct bpf_sock, a full socket has all of them, struct \
            bpf_tcp_sock others. Each field has a width that must be kept. Ask for the \
            fuller view with the helper that gives it, and compare its result with 0.",
        examples: Some(Examples {
            wrong: example!("E029_wrong.s"),
            right: example!("E029_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(30),
        title: "a kernel object is read outside of its type",
        sentences: &[
            "access beyond struct … at off … size …",
            "access beyond the end of member … (mend:…) in struct … with off … size …",
            "cannot access ptr member … with moff … in struct … with off … size …",
            "R… is … invalid negative access: off=…",
            "R… is ptr_… invalid variable offset: off=…, var_off=…",
            "R… is ptr_… access … memory: off=…",
        ],
        advice: "read a member as the kernel's type has it, at a constant offset",
        explanation: "A typed pointer can be followed without a helper, but only along the members \
            of its type in the kernel's type information: a whole member, at a constant \
            offset. Offsets past the end come from structures that were declared by hand \
            or for another kernel. Let CO-RE find the offsets: \
            __attribute__((preserve_access_index)) on the structure, or a generated \
            vmlinux.h.",
        examples: Some(Examples {
            wrong: example!("E030_wrong.bpf.c"),
            right: example!("E030_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(31),
        title: "a kernel object is written",
        sentences: &["only read is supported", "only read from … is supported"],
        advice: "kernel objects can only be read here: helpers and kernel functions change \
            what may be changed",
        explanation: "Pointers to typed kernel objects are for reading. Only some programs may \
            write to some members, as a congestion control to those of its socket. \
            Everything else is changed by helpers, as bpf_setsockopt(), or not at all.",
        examples: Some(Examples {
            wrong: example!("E031_wrong.bpf.c"),
            right: example!("E031_right.bpf.c"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(32),
        title: "a kernel object of another type",
        sentences: &[
            "R… is of type … but … is expected",
            "kernel function … args#… expected pointer to … but R… has a pointer to …",
            "kernel function … args#… pointer type … is not supported",
            "arg#… is … expected … or socket",
            "Helper has invalid btf_id in R1",
        ],
        advice: "pass an object of the type that is named: follow a member that leads to one, \
            or ask for it",
        explanation: "Helpers and kernel functions that take kernel objects look at the type, not \
            only at the fact that it is a pointer. A structure whose first member is of \
            the wanted type will do for some. Follow the right member (a file has its \
            path in f_path), or acquire an object of that type.",
        examples: Some(Examples {
            wrong: example!("E032_wrong.s"),
            right: example!("E032_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
    Kind {
        code: Code(33),
        title: "a kernel object that is not trusted",
        sentences: &[
            "R… must be referenced or trusted",
            "R… must be a rcu pointer",
            "R… type=untrusted_ptr_ expected=…",
            "R… must be referenced",
        ],
        advice: "use an object that the hook was given or that was acquired; under RCU, take \
            and use it between bpf_rcu_read_lock() and bpf_rcu_read_unlock()",
        explanation: "A pointer that was followed through some member may lead to an object that \
            is being freed, so it can be read, where a fault gives zero, but not be \
            handed to functions that rely on it. Trusted are the arguments of typed \
            hooks, what was acquired and not yet released, and some members of trusted \
            objects; others are trusted only within an RCU section. Acquire the object \
            first, or follow a member that the kernel keeps.",
        examples: Some(Examples {
            wrong: example!("E033_wrong.s"),
            right: example!("E033_right.s"),
            loaded: Loaded::Privileged,
        }),
    },
];
