//! Answers written into instructions, by the rules libbpf has for each class of them.

use super::*;
use crate::btf::core::CoreKind;
use crate::btf::{BtfId, StrRef};

const MOV: u8 = 0xb7;
const LOAD_WORD: u8 = 0x61;
const LOAD_WORD_SIGNED: u8 = 0x81;
const STORE_BYTE: u8 = 0x73;

fn relocation(kind: CoreKind) -> CoreRelo {
    CoreRelo {
        number: 0,
        insn_offset: 0,
        ty: BtfId(1),
        access: StrRef::default(),
        kind,
    }
}

fn answer(expected: u64, value: Option<u64>, resize: Resize) -> Answer {
    Answer {
        expected: Some(expected),
        value,
        resize,
    }
}

fn insn(opcode: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn {
        opcode,
        off,
        imm,
        ..RawInsn::default()
    }
}

/// What was done, and operation code, offset and immediate of each instruction after it.
type Patched = (Result<Applied, CoreProblem>, Vec<(u8, i16, i32)>);

fn patched(insns: &[RawInsn], answer: Answer) -> Patched {
    let mut insns = insns.to_vec();
    let applied = patch(&mut insns, &relocation(CoreKind::FieldByteOffset), &answer);
    let shown = insns.iter().map(|insn| (insn.opcode, insn.off, insn.imm));
    (applied, shown.collect())
}

#[test]
fn immediate_takes_the_low_word() {
    let (applied, insns) = patched(
        &[insn(MOV, 0, 8)],
        answer(8, Some(0x1_0000_0010), Resize::Keep),
    );
    assert_eq!((applied, insns), (Ok(Applied::Patched), vec![(MOV, 0, 16)]));
    let minus_one = answer(u64::MAX, Some(u64::MAX - 1), Resize::Impossible);
    let (applied, insns) = patched(&[insn(MOV, 0, -1)], minus_one);
    assert_eq!((applied, insns), (Ok(Applied::Patched), vec![(MOV, 0, -2)]));
    let (applied, insns) = patched(&[insn(MOV, 0, 7)], answer(8, Some(16), Resize::Keep));
    assert_eq!(applied, Err(CoreProblem::Mismatch { got: 7, want: 8 }));
    assert_eq!(insns, [(MOV, 0, 7)]);
}

#[test]
fn wide_immediate_takes_both_words() {
    let load = [insn(LOAD_IMM64, 0, 8), insn(0, 0, 0)];
    let (applied, insns) = patched(&load, answer(8, Some(0x1_ffff_fff0), Resize::Keep));
    assert_eq!(applied, Ok(Applied::Patched));
    assert_eq!(insns, [(LOAD_IMM64, 0, -16), (0, 0, 1)]);
    let (applied, insns) = patched(&load, answer(8, None, Resize::Keep));
    assert_eq!(applied, Ok(Applied::Poisoned(Lack::Field)));
    assert_eq!(insns, [(CALL, 0, POISON), (CALL, 0, POISON)]);
    let mut map = load;
    map[0].src = 1;
    let (applied, _) = patched(&map, answer(8, Some(8), Resize::Keep));
    assert_eq!(applied, Err(CoreProblem::Form));
    let (applied, _) = patched(&load[..1], answer(8, Some(8), Resize::Keep));
    assert_eq!(applied, Err(CoreProblem::NoInstruction));
}

#[test]
fn access_takes_offset_and_size() {
    let change = |from, to| answer(4, Some(12), Resize::Change { from, to });
    let get = |opcode, answer| {
        let (applied, insns) = patched(&[insn(opcode, 4, 0)], answer);
        applied.map(|applied| (applied, insns[0]))
    };
    let done = |opcode| Ok((Applied::Patched, (opcode, 12, 0)));
    assert_eq!(get(LOAD_WORD, change(4, 8)), done(0x79));
    assert_eq!(get(LOAD_WORD, change(4, 1)), done(0x71));
    assert_eq!(get(LOAD_WORD_SIGNED, change(4, 2)), done(0x89));
    assert_eq!(get(STORE_BYTE, change(1, 2)), done(0x6b));
    assert_eq!(
        get(LOAD_WORD, change(2, 4)),
        Err(CoreProblem::AccessSize { got: 4, want: 2 })
    );
    assert_eq!(
        get(LOAD_WORD, change(4, 16)),
        Err(CoreProblem::NoAccessOf { size: 16 })
    );
    let impossible = get(LOAD_WORD, answer(4, Some(12), Resize::Impossible));
    assert_eq!(
        impossible,
        Ok((Applied::Poisoned(Lack::Size), (CALL, 0, POISON)))
    );
    let far = get(LOAD_WORD, answer(4, Some(0x8000), Resize::Impossible));
    assert_eq!(far, Err(CoreProblem::TooFar { value: 0x8000 }));
}

#[test]
fn other_instruction_is_refused_even_where_there_is_no_answer() {
    for opcode in [CALL, 0xbf, 0x15, 0x20] {
        let (applied, _) = patched(&[insn(opcode, 0, 8)], answer(8, None, Resize::Keep));
        assert_eq!(applied, Err(CoreProblem::Instruction { opcode }));
    }
}
