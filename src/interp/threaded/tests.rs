//! Threaded code against the loop alone, which is what runs when somebody looks on: results, traps, counts and memory.

use proptest::prelude::*;

use crate::abi::ProgType;
use crate::code::{Cause, Code, Outcome};
use crate::interp::fixture::Fixture;
use crate::interp::{Step, Watch};
use crate::isa::{
    AluOp, ByteOrder, CallTarget, Extend, Insn, JumpForm, JumpOp, Operand, Reg, Size, Width,
};
use crate::machine::{Addr, ObjectKind, ObjectSpec, Owner, Stride};

/// Counts what it is shown.
#[derive(Default)]
struct Counter(u64);

impl Watch for Counter {
    fn step(&mut self, _step: &Step<'_>) {
        self.0 += 1;
    }
}

/// An object like an array's values, 12 bytes in 16, and what a run leaves in it.
fn elements(fixture: &Fixture) -> Addr {
    let spec = ObjectSpec::new(ObjectKind::MapValue, "elements", Owner::Kernel);
    let spec = spec.with_stride(Stride::of(12));
    fixture.machine.memory.allocate(64, &spec).expect("memory")
}

/// Runs it both ways, with the same memory, and compares.
fn compare(fixture: &Fixture, code: &Code, objects: [Addr; 2]) -> Outcome {
    let mut seen = Vec::new();
    let mut outcomes = Vec::new();
    let mut counter = Counter::default();
    for watched in [false, true] {
        for object in objects {
            let bytes: Vec<u8> = (0..64).collect();
            fixture.machine.memory.poke(object, &bytes).expect("lives");
        }
        outcomes.push(match watched {
            false => fixture.run(code, objects[0]),
            true => fixture.run_watched(code, objects[0], &mut counter),
        });
        let left = objects.map(|object| fixture.machine.memory.peek_vec(object, 64));
        seen.push(left.map(|bytes| bytes.expect("lives")));
    }
    let (watched, alone) = (outcomes.pop().expect("ran"), outcomes.pop().expect("ran"));
    assert_eq!(
        alone.result, watched.result,
        "fuel {}\n{code}",
        fixture.fuel
    );
    assert_eq!(alone.insns, watched.insns, "fuel {}\n{code}", fixture.fuel);
    assert_eq!(
        alone.insns,
        Some(counter.0),
        "fuel {}\n{code}",
        fixture.fuel
    );
    assert_eq!(seen[0], seen[1], "fuel {}\n{code}", fixture.fuel);
    alone
}

fn mov(dst: Reg, src: Operand) -> Insn {
    let (width, op) = (Width::W64, AluOp::Mov);
    Insn::Alu {
        width,
        op,
        dst,
        src,
    }
}

fn register() -> impl Strategy<Value = Reg> {
    (0..8_u8).prop_map(|number| Reg::new(number).expect("exists"))
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        register().prop_map(Operand::Reg),
        (-9..9).prop_map(Operand::Imm),
        any::<i32>().prop_map(Operand::Imm),
    ]
}

/// An operand that the decoder lets pass: no shift too far, no division by a zero that stands there.
fn encodable(op: AluOp, src: Operand) -> Operand {
    match (op, src) {
        (AluOp::Lsh | AluOp::Rsh | AluOp::Arsh, Operand::Imm(count)) => Operand::Imm(count & 31),
        (AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod, Operand::Imm(0)) => Operand::Imm(1),
        (_, src) => src,
    }
}

fn arithmetic() -> impl Strategy<Value = Insn> {
    // Moves and additions are what pairs begin with.
    let ops = prop_oneof![0..14_usize, Just(0_usize), Just(12_usize)];
    let alu = (ops, 0..2_usize, register(), operand());
    let alu = alu.prop_map(|(op, width, dst, src)| {
        let (op, width) = (AluOp::ALL[op], Width::ALL[width]);
        let src = encodable(op, src);
        Insn::Alu {
            width,
            op,
            dst,
            src,
        }
    });
    let neg = (0..2_usize, register()).prop_map(|(width, dst)| Insn::Neg {
        width: Width::ALL[width],
        dst,
    });
    let movsx = (0..2_usize, 0..3_usize, register(), register());
    let movsx = movsx.prop_map(|(width, from, dst, src)| Insn::MovSx {
        width: Width::ALL[width],
        from: Size::ALL[from.min(width + 1)],
        dst,
        src,
    });
    let orders = prop::sample::select(vec![ByteOrder::Le, ByteOrder::Be, ByteOrder::Swap]);
    let endian = (orders, 1..4_usize, register()).prop_map(|(order, size, dst)| Insn::Endian {
        order,
        size: Size::ALL[size],
        dst,
    });
    prop_oneof![8 => alu, 1 => neg, 1 => movsx, 1 => endian]
}

/// Accesses around two objects and the stack, mostly aligned and mostly inside.
fn access() -> impl Strategy<Value = Insn> {
    let base = prop::sample::select(vec![Reg::R8, Reg::R9, Reg::FP]);
    let off =
        prop_oneof![6 => (0..8_i16).prop_map(|slot| slot * 8), 2 => 0..64_i16, 1 => -9..73_i16];
    (base, off, 0..4_usize, operand(), 0..3_usize).prop_map(|(base, off, size, src, kind)| {
        let size = Size::ALL[size];
        let off = match base {
            Reg::FP => off - 64,
            _ => off,
        };
        match (kind, src) {
            (0, _) | (1, Operand::Imm(_)) => Insn::Store {
                size,
                base,
                off,
                src,
            },
            (1, Operand::Reg(dst)) if size != Size::DW => {
                let extend = Extend::Sign;
                Insn::Load {
                    size,
                    extend,
                    dst,
                    base,
                    off,
                }
            }
            (_, src) => {
                let dst = match src {
                    Operand::Reg(dst) => dst,
                    Operand::Imm(_) => Reg::R0,
                };
                let extend = Extend::Zero;
                Insn::Load {
                    size,
                    extend,
                    dst,
                    base,
                    off,
                }
            }
        }
    })
}

fn flow() -> impl Strategy<Value = Insn> {
    let off = -12..6_i16;
    let jump = (
        0..JumpOp::ALL.len(),
        0..2_usize,
        register(),
        operand(),
        off.clone(),
    );
    let jump = jump.prop_map(|(op, width, dst, src, off)| Insn::JumpIf {
        width: Width::ALL[width],
        op: JumpOp::ALL[op],
        dst,
        src,
        off,
    });
    let always = off.prop_map(|off| Insn::Jump {
        off: off.into(),
        form: JumpForm::Short,
    });
    let exit = Just(Insn::Exit);
    let call = (-12..6_i32).prop_map(|off| Insn::Call(CallTarget::Local(off)));
    prop_oneof![12 => jump, 3 => always, 1 => exit, 1 => call]
}

/// Keeps jumps of the instruction at `index` inside a body of that length.
fn inside(insn: Insn, index: usize, len: usize) -> Insn {
    let (index, len) = (index as i64, len as i64);
    let bound = |off: i64| (index + 1 + off).rem_euclid(len) - index - 1;
    match insn {
        Insn::JumpIf {
            width,
            op,
            dst,
            src,
            off,
        } => {
            let off = bound(off.into()) as i16;
            Insn::JumpIf {
                width,
                op,
                dst,
                src,
                off,
            }
        }
        Insn::Jump { off, form } => Insn::Jump {
            form,
            off: bound(off.into()) as i32,
        },
        Insn::Call(CallTarget::Local(off)) => {
            Insn::Call(CallTarget::Local(bound(off.into()) as i32))
        }
        other => other,
    }
}

/// A body with `r8` and `r9` leading to objects, which leaves all registers in memory.
fn framed(body: &[Insn], second: Addr) -> Vec<Insn> {
    let mut insns = vec![
        mov(Reg::R8, Operand::Reg(Reg::R1)),
        Insn::LoadImm64 {
            dst: Reg::R9,
            value: crate::isa::Imm64::Value(second.0),
        },
        Insn::Imm64High,
    ];
    insns.extend(
        (0..)
            .zip(body)
            .map(|(index, insn)| inside(*insn, index, body.len())),
    );
    for (slot, reg) in (0..8_i16).zip(Reg::all()) {
        let (size, base) = (Size::DW, Reg::R8);
        insns.push(Insn::Store {
            size,
            base,
            off: slot * 8,
            src: Operand::Reg(reg),
        });
    }
    insns.push(Insn::Exit);
    insns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_program_does_the_same_as_threaded_code_whatever_its_fuel(
        body in proptest::collection::vec(prop_oneof![4 => arithmetic(), 2 => access(), 2 => flow()], 1..50),
        fuels in proptest::collection::vec(prop_oneof![0..60_u64, 0..1100_u64, Just(5000_u64)], 4),
    ) {
        let mut fixture = Fixture::new();
        let objects = [fixture.data(&[0; 64]), elements(&fixture)];
        let code = fixture.lower(ProgType::SocketFilter, &framed(&body, objects[1]));
        for fuel in fuels {
            fixture.fuel = fuel;
            compare(&fixture, &code, objects);
        }
    }
}

#[test]
fn fuel_that_ends_anywhere_in_a_long_loop_traps_at_that_instruction() {
    let mut fixture = Fixture::new();
    let code =
        fixture.code("r0 = 0\nloop:\nr1 = r0\nr1 *= 3\nr0 += 1\nif r0 != 5000 goto loop\nexit");
    let objects = [fixture.data(&[0; 64]), elements(&fixture)];
    for fuel in (0..40)
        .chain(480..560)
        .chain(1000..1080)
        .chain(2030..2070)
        .chain([19999, 20002])
    {
        fixture.fuel = fuel;
        let outcome = compare(&fixture, &code, objects);
        match fuel {
            20002 => assert_eq!((outcome.result, outcome.insns), (Ok(5000), Some(20002))),
            _ => {
                let trap = outcome.result.expect_err("traps");
                assert_eq!(trap.cause, Cause::OutOfFuel { limit: fuel });
                assert_eq!(outcome.insns, Some(fuel));
                let wanted = if fuel == 0 { 0 } else { 1 + (fuel - 1) % 4 };
                assert_eq!(u64::from(trap.pc.0), wanted, "fuel {fuel}");
            }
        }
    }
}

#[test]
fn code_longer_than_a_window_runs_to_its_end_and_back() {
    let fixture = Fixture::new();
    let objects = [fixture.data(&[0; 64]), elements(&fixture)];
    let body = "r0 += 1\n".repeat(3000);
    let text = format!("r0 = 0\nr2 = 0\nagain:\n{body}r2 += 1\nif r2 != 3 goto again\nexit");
    let outcome = compare(&fixture, &fixture.code(&text), objects);
    assert_eq!(
        (outcome.result, outcome.insns),
        (Ok(9000), Some(2 + 3 * 3002 + 1))
    );
}

#[test]
fn jump_to_the_second_operation_of_a_pair_does_it_alone() {
    let fixture = Fixture::new();
    let objects = [fixture.data(&[0; 64]), elements(&fixture)];
    let code = fixture.code(
        "r0 = 1\nr2 = 40\ngoto second\nfirst:\nr0 = r2\nsecond:\nr0 += 2\nif r0 < 40 goto first\nexit",
    );
    let outcome = compare(&fixture, &code, objects);
    assert_eq!((outcome.result, outcome.insns), (Ok(42), Some(9)));
}

#[test]
fn code_changed_after_cloning_runs_as_changed() {
    let fixture = Fixture::new();
    let code = fixture.code("r0 = 1\nexit");
    assert_eq!(fixture.run(&code, Addr::NULL).result, Ok(1));
    let mut changed = code.clone();
    changed.ops[0] = fixture.code("r0 = 2\nexit").ops[0];
    assert_eq!(fixture.run(&changed, Addr::NULL).result, Ok(2));
    assert_eq!(fixture.run(&code, Addr::NULL).result, Ok(1));
}

#[test]
fn width_of_a_move_is_that_of_the_operation() {
    let fixture = Fixture::new();
    let objects = [fixture.data(&[0; 64]), elements(&fixture)];
    for width in [Width::W32, Width::W64] {
        let insns = [
            mov(Reg::R2, Operand::Imm(-1)),
            Insn::Alu {
                width,
                op: AluOp::Mov,
                dst: Reg::R0,
                src: Operand::Reg(Reg::R2),
            },
            Insn::Alu {
                width,
                op: AluOp::Add,
                dst: Reg::R0,
                src: Operand::Imm(1),
            },
            Insn::Alu {
                width,
                op: AluOp::Sub,
                dst: Reg::R0,
                src: Operand::Imm(1),
            },
            Insn::Exit,
        ];
        let code = fixture.lower(ProgType::SocketFilter, &insns);
        let wanted = match width {
            Width::W32 => u64::from(u32::MAX),
            Width::W64 => u64::MAX,
        };
        assert_eq!(compare(&fixture, &code, objects).result, Ok(wanted));
    }
}
