//! Loads and stores of every size, and what traps.

use super::super::fixture::Fixture;
use crate::code::{Cause, Code};
use crate::isa::Pc;
use crate::machine::{Addr, FaultReason, ObjectKind, ObjectSpec, Owner, ProgramAccess};

fn trap(fixture: &Fixture, text: &str, ctx: Addr) -> (Pc, String) {
    let trap = fixture
        .run(&fixture.code(text), ctx)
        .result
        .expect_err("traps");
    (trap.pc, trap.cause.to_string())
}

#[test]
fn loads_extend_what_they_read() {
    let fixture = Fixture::new();
    let data = fixture.data(&0x8182_8384_8586_8788_u64.to_le_bytes());
    for (load, expected) in [
        ("*(u8 *)(r1 + 1)", 0x87),
        ("*(u16 *)(r1 + 2)", 0x8586),
        ("*(u32 *)(r1 + 4)", 0x8182_8384),
        ("*(u64 *)(r1 + 0)", 0x8182_8384_8586_8788),
        ("*(s8 *)(r1 + 1)", 0xffff_ffff_ffff_ff87),
        ("*(s16 *)(r1 + 2)", 0xffff_ffff_ffff_8586),
        ("*(s32 *)(r1 + 4)", 0xffff_ffff_8182_8384),
        ("*(u32 *)(r1 + 3)", 0x8283_8485),
    ] {
        let code = fixture.code(&format!("r0 = {load}\nexit"));
        assert_eq!(fixture.run(&code, data).result, Ok(expected), "{load}");
    }
}

#[test]
fn stores_touch_only_their_bytes() {
    let fixture = Fixture::new();
    for (store, expected) in [
        ("*(u8 *)(r1 + 1) = 0x11", 0x8182_8384_8586_1188),
        ("*(u16 *)(r1 + 2) = -2", 0x8182_8384_fffe_8788),
        ("*(u32 *)(r1 + 4) = r2", 0x5566_7788_8586_8788),
        ("*(u64 *)(r1 + 0) = r2", 0x1122_3344_5566_7788),
        ("*(u64 *)(r1 + 0) = -1", u64::MAX),
    ] {
        let data = fixture.data(&0x8182_8384_8586_8788_u64.to_le_bytes());
        let text = format!("r2 = 0x1122334455667788 ll\n{store}\nr0 = *(u64 *)(r1 + 0)\nexit");
        assert_eq!(
            fixture.run(&fixture.code(&text), data).result,
            Ok(expected),
            "{store}"
        );
    }
}

#[test]
fn access_past_an_object_traps_naming_object_offset_and_owner() {
    let fixture = Fixture::new();
    let data = fixture.data(&[0; 12]);
    let (pc, message) = trap(&fixture, "r2 = 0\nr0 = *(u64 *)(r1 + 8)\nexit", data);
    assert_eq!(pc, Pc(1));
    assert_eq!(
        message,
        "read of 8 bytes at 8 in data data (12 bytes, of the kernel): ends 4 bytes past its end"
    );
}

#[test]
fn access_past_the_stack_traps_in_its_own_frame() {
    let fixture = Fixture::new();
    for (access, reason) in [
        ("*(u64 *)(r10 + 0) = 1", FaultReason::PastEnd { by: 8 }),
        ("*(u64 *)(r10 - 520) = 1", FaultReason::Before { by: 8 }),
    ] {
        let trap = fixture
            .run_text(&format!("{access}\nexit"))
            .result
            .expect_err("traps");
        let Cause::Memory(fault) = trap.cause else {
            panic!("{access}: {:?}", trap.cause)
        };
        assert_eq!(fault.reason(), reason, "{access}");
        let object = fault.object().expect("near the stack");
        assert_eq!((object.kind, &*object.name), (ObjectKind::Stack, "frame 0"));
        assert_eq!(object.owner, Owner::Program("test".into()));
    }
}

#[test]
fn null_and_wild_pointers_trap() {
    let fixture = Fixture::new();
    assert!(
        trap(&fixture, "r0 = *(u8 *)(r1 + 7)\nexit", Addr(0))
            .1
            .contains("null pointer")
    );
    let wild = trap(
        &fixture,
        "r1 = 0x123456789abc ll\n*(u8 *)(r1 + 0) = 1\nexit",
        Addr(0),
    )
    .1;
    assert!(wild.contains("no object lives there"), "{wild}");
}

#[test]
fn freed_and_read_only_objects_trap() {
    let fixture = Fixture::new();
    let spec = ObjectSpec::new(ObjectKind::MapValue, "config", Owner::Kernel);
    let spec = spec.with_access(ProgramAccess::ReadOnly);
    let object = fixture.machine.memory.allocate(8, &spec).expect("memory");
    let (_, message) = trap(&fixture, "*(u32 *)(r1 + 4) = 1\nexit", object);
    assert!(message.contains("read-only for programs"), "{message}");
    fixture.machine.memory.free(object);
    let (_, message) = trap(&fixture, "r0 = *(u32 *)(r1 + 4)\nexit", object);
    assert!(message.contains("use after free"), "{message}");
}

#[test]
fn misaligned_atomic_traps() {
    let fixture = Fixture::new();
    let (pc, message) = trap(
        &fixture,
        "r2 = 1\nlock *(u64 *)(r10 - 12) += r2\nexit",
        Addr(0),
    );
    assert_eq!(pc, Pc(1));
    assert!(message.contains("not aligned"), "{message}");
}

#[test]
fn trap_counts_the_instruction_at_fault() {
    let fixture = Fixture::new();
    let code = fixture.code("r2 = 0x100000000 ll\nr2 = 1\nr0 = *(u8 *)(r1 + 0)\nexit");
    let outcome = fixture.run(&code, Addr(0));
    assert_eq!(outcome.insns, Some(3), "a 64-bit immediate counts once");
    assert_eq!(
        outcome.result.expect_err("traps").pc,
        Pc(3),
        "and takes two slots"
    );
}

#[test]
fn stack_is_zero_at_the_start_of_every_run() {
    let fixture = Fixture::new();
    let code: Code = fixture.code("r0 = *(u64 *)(r10 - 8)\n*(u64 *)(r10 - 8) = 7\nexit");
    assert_eq!(fixture.run(&code, Addr(0)).result, Ok(0));
    assert_eq!(fixture.run(&code, Addr(0)).result, Ok(0));
}
