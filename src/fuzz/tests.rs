use super::{Case, FalseClaim, Generator, Input, Lab, specs};
use crate::abi::ProgType;
use crate::isa::{AluOp, Insn, Operand, Pc, Reg, Size, Width};

fn listing(case: &Case) -> String {
    let lines = (0..).zip(&case.insns).map(|(pc, insn): (u32, _)| {
        format!(
            "{pc}: {}\n",
            crate::isa::disassemble(*insn, &crate::isa::NoNames)
        )
    });
    lines.collect()
}

#[test]
fn case_of_a_number_is_always_the_same() {
    let (one, other) = (Generator::new(7), Generator::new(7));
    for number in [0, 1, 99] {
        assert_eq!(
            one.case(number).case().insns,
            other.case(number).case().insns
        );
    }
    assert_ne!(one.case(1).case().insns, one.case(2).case().insns);
}

#[test]
fn most_unbroken_programs_are_accepted() {
    let (generator, lab) = (Generator::new(1), Lab::new().expect("a machine"));
    let mut reasons = std::collections::BTreeMap::<String, (u32, String)>::new();
    let (mut accepted, mut all) = (0, 0);
    for number in 0..600 {
        let tree = generator.case(number);
        let plan = tree.plan();
        if !plan.mutations.is_empty() {
            continue;
        }
        let case = tree.case();
        all += 1;
        match lab.judge(&case) {
            Ok(_) => accepted += 1,
            Err(rejection) => {
                let entry = reasons.entry(rejection.message.clone());
                entry
                    .or_insert_with(|| (0, format!("{:?}\n{}", rejection.pc, listing(&case))))
                    .0 += 1;
            }
        }
    }
    if std::env::var("SHOW").is_ok() {
        for (reason, (count, example)) in reasons {
            println!("{count} {reason}\n{example}");
        }
    }
    println!("{accepted} of {all}");
    assert!(accepted * 10 > all * 8, "{accepted} of {all}");
}

fn mov(dst: Reg, imm: i32) -> Insn {
    Insn::Alu {
        width: Width::W64,
        op: AluOp::Mov,
        dst,
        src: Operand::Imm(imm),
    }
}

fn spill(off: i16, src: Operand) -> Insn {
    Insn::Store {
        size: Size::DW,
        base: Reg::FP,
        off,
        src,
    }
}

fn xdp(insns: &[Insn]) -> Case {
    let input = Input {
        packet: vec![0; 14],
        maps: super::case::contents(&[]),
    };
    Case::new(ProgType::Xdp, insns.to_vec(), specs().into(), input)
}

/// What the steps of `ran` give held against what was recorded of `judged`.
fn claims_of_another(judged: &[Insn], ran: &[Insn]) -> Option<FalseClaim> {
    let lab = Lab::new().expect("a machine");
    let recording = lab.record(&xdp(judged)).expect("it can be recorded");
    let case = xdp(ran);
    let verified = lab.judge(&case).expect("it is accepted");
    let inputs = [case.input];
    let compared = lab.compare(&verified, &recording, &inputs);
    compared.expect("it runs").0.found
}

#[test]
fn register_with_another_number_is_found() {
    let program = |number| [mov(Reg::R0, number), Insn::Exit];
    assert_eq!(claims_of_another(&program(2), &program(2)), None);
    let found = claims_of_another(&program(2), &program(3)).expect("it is found");
    assert_eq!(found.pc, Pc(1));
    let text = "before instruction 1 none of 1 states held is true: r0 is 0x3, not 2";
    assert_eq!(found.to_string(), text);
}

#[test]
fn pointer_with_another_offset_is_found() {
    let program = |off| {
        let add = Insn::Alu {
            width: Width::W64,
            op: AluOp::Add,
            dst: Reg::R2,
            src: Operand::Imm(off),
        };
        let copy = Insn::Alu {
            width: Width::W64,
            op: AluOp::Mov,
            dst: Reg::R2,
            src: Operand::Reg(Reg::FP),
        };
        [copy, add, mov(Reg::R0, 0), Insn::Exit]
    };
    assert_eq!(claims_of_another(&program(-8), &program(-8)), None);
    let found = claims_of_another(&program(-8), &program(-16)).expect("it is found");
    assert_eq!(found.pc, Pc(2));
}

#[test]
fn stack_slot_with_another_number_is_found() {
    let program = |number| [spill(-8, Operand::Imm(number)), mov(Reg::R0, 0), Insn::Exit];
    assert_eq!(claims_of_another(&program(7), &program(7)), None);
    let found = claims_of_another(&program(7), &program(8)).expect("it is found");
    assert_eq!(found.pc, Pc(1));
    assert!(found.to_string().contains("fp-8 of frame 0 is 0x8, not 7"));
}
