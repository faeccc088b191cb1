use super::*;
use crate::abi::ProgType;
use crate::interp::fixture::{Fixture, program};
use crate::isa::asm::{NoSymbols, assemble};
use crate::isa::{Extend, Insn, Reg};
use crate::object::{CallFacts, KernelCall, Program};
use crate::verifier::{AccessKind, Fact, Loops, Stats, Verified};

fn insns(text: &str) -> Vec<Insn> {
    assemble(text, &NoSymbols).expect("assembles").insns
}

fn raw(prog_type: ProgType, text: &str) -> Program {
    program(prog_type, &insns(text))
}

fn refused(text: &str) -> LowerError {
    let program = raw(ProgType::SocketFilter, text);
    lower_unverified(&program, &Bindings::default()).expect_err("is refused")
}

/// A judged program; facts are given by slot, the others are reached and touch plain memory.
fn verified(prog_type: ProgType, text: &str, facts: &[(usize, Fact)]) -> Verified {
    let insns = insns(text);
    let reached = Fact {
        reached: true,
        ..Fact::default()
    };
    let mut all = vec![reached; insns.len()];
    for (slot, fact) in facts {
        all[*slot] = *fact;
    }
    Verified {
        loops: Loops::default(),
        kernel_calls: BTreeMap::new(),
        program: Arc::new(program(prog_type, &insns)),
        insns,
        facts: all,
        stack_depths: vec![16],
        functions: Vec::new(),
        stats: Stats::default(),
        log: String::new(),
    }
}

fn access(access: AccessKind) -> Fact {
    Fact {
        reached: true,
        access: Some(access),
        ..Fact::default()
    }
}

#[test]
fn op_takes_sixteen_bytes() {
    assert_eq!(size_of::<Op>(), 16);
}

#[test]
fn slots_and_operations_are_told_apart() {
    let program = raw(
        ProgType::SocketFilter,
        "r1 = 7 ll\nif r1 == 7 goto out\nr0 = 1\nexit\nout:\nr0 = 2\nexit",
    );
    let code = lower_unverified(&program, &Bindings::default()).expect("lowers");
    assert_eq!(code.pcs, [0, 2, 3, 4, 5, 6].map(Pc));
    assert!(matches!(
        code.ops[1],
        Op::JumpIfImm {
            branch: Branch {
                target: Target(4),
                ..
            },
            ..
        }
    ));
}

#[test]
fn unreached_instructions_shrink_to_one_trap() {
    let dead = Fact::default();
    let text = "r0 = 0\nif r0 == 0 goto out\nr0 = 1\nr1 = 5 ll\nr0 = 2\nout:\nexit";
    let facts = [2, 3, 4, 5].map(|slot| (slot, dead));
    let code = lower(
        &verified(ProgType::SocketFilter, text, &facts),
        &Bindings::default(),
    );
    let code = code.expect("lowers");
    assert_eq!(code.pcs, [0, 1, 2, 6].map(Pc));
    assert!(matches!(code.ops[2], Op::Unreached));
    assert!(matches!(
        code.ops[1],
        Op::JumpIfImm {
            branch: Branch {
                target: Target(3),
                ..
            },
            ..
        }
    ));
    let fixture = Fixture::new();
    assert_eq!(fixture.run(&code, crate::machine::Addr::NULL).result, Ok(0));
}

#[test]
fn context_pointer_loads_read_eight_bytes_where_the_guest_keeps_them() {
    let text = "r2 = *(u32 *)(r1 + 4)\nr3 = *(u32 *)(r1 + 12)\nr0 = 0\nexit";
    let facts = [
        (0, access(AccessKind::Context(4))),
        (1, access(AccessKind::Context(12))),
    ];
    let code = lower(&verified(ProgType::Xdp, text, &facts), &Bindings::default()).expect("lowers");
    let end = crate::abi::context::guest::XDP_DATA_END as i32;
    let Op::Load(Load {
        extend,
        at: Place { size, off, .. },
        ..
    }) = code.ops[0]
    else {
        panic!("{code}")
    };
    assert_eq!((size, off, extend), (Size::DW, end, Extend::Zero));
    let Op::Load(Load {
        at: Place { size, off, .. },
        ..
    }) = code.ops[1]
    else {
        panic!("{code}")
    };
    assert_eq!((size, off), (Size::W, 12), "a number stays where it is");
}

#[test]
fn context_offset_counts_from_the_register_not_the_field() {
    let text = "r1 += 4\nr2 = *(u32 *)(r1 + 0)\nr0 = 0\nexit";
    let facts = [(1, access(AccessKind::Context(4)))];
    let code = lower(&verified(ProgType::Xdp, text, &facts), &Bindings::default()).expect("lowers");
    let Op::Load(Load {
        at: Place { off, .. },
        ..
    }) = code.ops[1]
    else {
        panic!("{code}")
    };
    assert_eq!(off, crate::abi::context::guest::XDP_DATA_END as i32 - 4);
}

#[test]
fn context_without_such_a_field_is_refused() {
    let text = "r2 = *(u32 *)(r1 + 60)\nr0 = 0\nexit";
    let facts = [(0, access(AccessKind::Context(60)))];
    let error = lower(&verified(ProgType::Xdp, text, &facts), &Bindings::default());
    let expected = LowerError::NoField {
        pc: Pc(0),
        context: "xdp_md",
        off: 60,
    };
    assert_eq!(error.expect_err("is refused"), expected);
}

#[test]
fn probed_loads_read_zero_where_plain_ones_trap() {
    let text = "r0 = *(u64 *)(r1 + 8)\nexit";
    let fixture = Fixture::new();
    let run = |kind| {
        let verified = verified(ProgType::Tracing, text, &[(0, access(kind))]);
        let code = lower(&verified, &Bindings::default()).expect("lowers");
        fixture.run(&code, crate::machine::Addr(0)).result
    };
    assert_eq!(run(AccessKind::Probed), Ok(0));
    assert!(run(AccessKind::Plain).is_err());
}

#[test]
fn unverified_context_loads_resolve_when_they_run() {
    use crate::abi::context::guest;
    let fixture = Fixture::new();
    let mut context = vec![0; guest::XDP_SIZE as usize];
    context[guest::XDP_DATA as usize..][..8]
        .copy_from_slice(&0x1122_3344_5566_7788_u64.to_le_bytes());
    context[12] = 9;
    let ctx = fixture.data(&context);
    for (load, expected) in [
        ("*(u32 *)(r1 + 0)", 0x1122_3344_5566_7788),
        ("*(u32 *)(r1 + 12)", 9),
        ("*(u64 *)(r1 + 24)", 0x1122_3344_5566_7788),
    ] {
        let code = fixture.lower(ProgType::Xdp, &insns(&format!("r0 = {load}\nexit")));
        assert_eq!(fixture.run(&code, ctx).result, Ok(expected), "{load}");
    }
    let elsewhere = fixture.data(&[5, 0, 0, 0]);
    let text = format!("r2 = {:#x} ll\nr0 = *(u32 *)(r2 + 0)\nexit", elsewhere.0);
    let code = fixture.lower(ProgType::Xdp, &insns(&text));
    assert_eq!(
        fixture.run(&code, ctx).result,
        Ok(5),
        "what is no context is left alone"
    );
}

#[test]
fn references_become_addresses() {
    let bindings = Bindings {
        maps: vec![MapBinding {
            handle: 0x1000,
            value: Some(0x2000),
            array: None,
            map: None,
        }],
        variables: [(7, 0x3000)].into(),
        kfuncs: [(9, "bpf_rcu_read_lock")].into(),
    };
    let text = "
        r1 = map[fd:0]
        r2 = map[fd:0][0]+8
        r3 = btf[id:7]
        call kernel-function#9
        r0 = 0
        exit";
    let code = lower_unverified(&raw(ProgType::SocketFilter, text), &bindings).expect("lowers");
    assert!(code.ops.iter().any(|op| match op {
        Op::CallKfunc { kfunc, .. } => kfunc.name() == "bpf_rcu_read_lock",
        _ => false,
    }));
    let values = code.ops.iter().filter_map(|op| match op {
        Op::LoadImm { value, .. } => Some(*value),
        _ => None,
    });
    let expected = [0x1000, 0x2008, 0x3000];
    assert_eq!(values.collect::<Vec<_>>(), expected);
}

#[test]
fn what_cannot_run_is_refused_by_name() {
    let no_map = "r1 = map[fd:3]\nr0 = 0\nexit";
    assert_eq!(
        refused(no_map),
        LowerError::NoMap {
            pc: Pc(0),
            index: 3
        }
    );
    let cast = "r0 = addr_space_cast(r1, 0, 1)\nexit";
    assert_eq!(refused(cast), LowerError::NoArena { pc: Pc(0) });
    let variable = "r0 = btf[id:7]\nexit";
    assert_eq!(
        refused(variable),
        LowerError::NoVariable { pc: Pc(0), id: 7 }
    );
    let kfunc = "r0 = 0\ncall kernel-function#123\nexit";
    assert_eq!(
        refused(kfunc),
        LowerError::Kfunc {
            pc: Pc(1),
            id: 123,
            name: None
        }
    );
    assert_eq!(
        refused("call 9999\nexit"),
        LowerError::NoHelper {
            pc: Pc(0),
            number: 9999
        }
    );
    let body = refused("call 74\nexit").to_string();
    assert_eq!(
        body,
        "instruction 0: not supported yet: helper bpf_lwt_seg6_store_bytes (74): \
         the machine routes no segments (SRv6)"
    );
}

/// A judged program that calls kernel functions: where, which, and the constant that is known.
fn calling(text: &str, calls: &[(u32, &'static str, Option<u64>)]) -> Verified {
    let mut verified = verified(ProgType::SocketFilter, text, &[]);
    let calls = calls.iter().map(|(pc, name, constant)| {
        let facts = CallFacts {
            object: None,
            constant: *constant,
        };
        (Pc(*pc), KernelCall { name, facts })
    });
    verified.kernel_calls = calls.collect();
    verified
}

#[test]
fn judged_kernel_functions_become_their_rows_with_what_is_known() {
    let text = "call kernel-function#7\ncall kernel-function#8\nr0 = 0\nexit";
    let (lock, unlock) = ("bpf_rcu_read_lock", "bpf_rcu_read_unlock");
    let calls = [(0, lock, Some(5)), (1, unlock, None)];
    let code = lower(&calling(text, &calls), &Bindings::default()).expect("lowers");
    let called = |op: &Op| match op {
        Op::CallKfunc { kfunc, call } => (kfunc.name(), code.facts_of(*call).constant),
        other => panic!("{other:?} is no call"),
    };
    assert_eq!(called(&code.ops[0]), (lock, Some(5)));
    assert_eq!(called(&code.ops[1]), (unlock, None));
}

#[test]
fn kernel_functions_without_body_are_refused_by_name() {
    let refused = |name| {
        let program = calling("call kernel-function#7\nexit", &[(0, name, None)]);
        let error = lower(&program, &Bindings::default()).expect_err("is refused");
        error.to_string()
    };
    assert_eq!(
        refused("crash_kexec"),
        "instruction 0: not supported: running kernel function crash_kexec: there is no machine to bring down"
    );
    assert_eq!(
        refused("bpf_new_in_7_0"),
        "instruction 0: not supported yet: running kernel function bpf_new_in_7_0"
    );
}

#[test]
fn jumps_that_leave_the_program_are_refused() {
    assert_eq!(
        refused("goto +5\nexit"),
        LowerError::BadTarget { pc: Pc(0), off: 5 }
    );
    assert_eq!(
        refused("goto -2\nexit"),
        LowerError::BadTarget { pc: Pc(0), off: -2 }
    );
    assert_eq!(
        refused("goto +1\nr0 = 1 ll\nexit"),
        LowerError::BadTarget { pc: Pc(0), off: 1 }
    );
    assert_eq!(
        refused("call pc+7\nexit"),
        LowerError::BadTarget { pc: Pc(0), off: 7 }
    );
    assert_eq!(refused("r0 = 0"), LowerError::FallsOffEnd { pc: Pc(0) });
    let empty = lower_unverified(&program(ProgType::SocketFilter, &[]), &Bindings::default());
    assert_eq!(empty.expect_err("is refused"), LowerError::Empty);
}

#[test]
fn handles_stand_for_functions_of_the_program_only() {
    let text = "r2 = subprog[inner]\ncall inner\nexit\ninner:\nr0 = 0\nexit";
    let code =
        lower_unverified(&raw(ProgType::SocketFilter, text), &Bindings::default()).expect("lowers");
    assert_eq!(code.entries.len(), 2);
    assert_eq!(
        (code.entries[1].pc, code.entries[1].stack),
        (Pc(4), STACK_SIZE)
    );
    let handle = Code::handle_of(EntryId(1));
    assert_eq!(code.entry_of(handle), Some(EntryId(1)));
    for wrong in [
        handle + 1,
        handle - 1,
        Code::handle_of(EntryId(2)),
        0,
        u64::MAX,
    ] {
        assert_eq!(code.entry_of(wrong), None, "{wrong:#x}");
    }
}

#[test]
fn listing_shows_functions_operations_and_slots() {
    let text = "r1 = 7 ll\nw2 = -1\n*(u32 *)(r10 - 4) = r2\nif w2 s< 0 goto out\ncall inner\nout:\nexit\ninner:\nr0 = *(s8 *)(r10 - 4)\nexit";
    let code =
        lower_unverified(&raw(ProgType::SocketFilter, text), &Bindings::default()).expect("lowers");
    let listing = code.to_string();
    let expected = "test:
    0  r1 = 0x7 ll                                  ; 0
    1  w2 = -1                                      ; 2
    2  *(u32 *)(r10 -4) = r2                        ; 3
    3  if w2 s< 0 goto 5                            ; 4
    4  call function 1                              ; 5
    5  exit                                         ; 6
subprog_1:
    6  r0 = *(s8 *)(r10 -4)                         ; 7
    7  exit                                         ; 8
";
    assert_eq!(listing, expected);
    assert!(matches!(
        code.ops[6],
        Op::Load(Load {
            dst: Reg::R0,
            extend: Extend::Sign,
            ..
        })
    ));
}
