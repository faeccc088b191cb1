use super::*;
use crate::isa::encode_program;

/// The opcodes Linux 6.12 knows, one word of bits for each upper digit, as a kernel answered when
/// asked for each; plus `callx`.
const KNOWN: [u16; 16] = [
    0x90f0, 0xf1f0, 0xf1f1, 0xf0f1, 0xf1f1, 0xf0f1, 0xfefe, 0xfefe, 0x22b2, 0x90b2, 0xf0f0, 0xf0f0,
    0xf0f8, 0x78f0, 0x0020, 0x0000,
];

const LDX_MODES_WITHOUT_MEANING: &str = "BPF_LDX uses reserved fields";

fn raw(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn {
        opcode,
        dst,
        src,
        off,
        imm,
    }
}

fn sentence(raw: RawInsn, next: Option<RawInsn>) -> String {
    decode(raw, next).map_or_else(
        |error| error.to_string(),
        |insn| format!("accepted: {insn:?}"),
    )
}

#[test]
fn opcode_is_known_exactly_if_the_kernel_knows_it() {
    for opcode in 0..=u8::MAX {
        let known = KNOWN[usize::from(opcode >> 4)] >> (opcode & 0xf) & 1 != 0;
        let got = sentence(raw(opcode, 0, 0, 0, 0), Some(RawInsn::default()));
        let unknown = got.starts_with("unknown opcode") || got == LDX_MODES_WITHOUT_MEANING;
        assert_eq!(unknown, !known, "{opcode:02x}: {got}");
    }
}

#[test]
fn any_slot_decodes_or_is_refused_and_what_decodes_encodes_to_itself() {
    let offs = [0, 1, -1, 8, 16, 32, i16::MIN];
    let imms = [
        0,
        1,
        -1,
        16,
        31,
        32,
        63,
        64,
        0x41,
        0xe1,
        0xf1,
        1 << 16,
        i32::MIN,
    ];
    for (opcode, regs) in (0..=u8::MAX).flat_map(|op| (0..=u8::MAX).map(move |regs| (op, regs))) {
        for (off, imm) in offs.into_iter().flat_map(|off| imms.map(|imm| (off, imm))) {
            let slot = raw(opcode, regs & 0xf, regs >> 4, off, imm);
            if let Ok(insn) = decode(slot, Some(RawInsn::default())) {
                let kept = if insn == Insn::Exit {
                    RawInsn { off: 0, ..slot }
                } else {
                    slot
                };
                assert_eq!(encode_program(&[insn]), [kept]);
            }
        }
    }
}

#[test]
fn encoding_the_kernel_refuses_is_refused_in_its_words() {
    let cases = [
        (raw(0x8d, 0, 0, 0, 1), "unknown opcode 8d"),
        (raw(0x8d, 11, 0, 0, 0), "unknown opcode 8d"),
        (raw(0x00, 0, 0, 0, 0), "unknown opcode 00"),
        (raw(0x06 | 0x90, 0, 0, 0, 0), "unknown opcode 96"),
        (raw(0x99, 0, 1, 0, 0), "unknown opcode 99"),
        (raw(0xdf, 0, 0, 0, 16), "unknown opcode df"),
        (raw(0xcb, 10, 1, -8, 0), "unknown opcode cb"),
        (raw(0xd3, 10, 1, -8, 0x100), "unknown opcode d3"),
        (raw(0x07, 0, 0, 1, 0), "BPF_ALU uses reserved fields"),
        (raw(0x07, 0, 1, 0, 0), "BPF_ALU uses reserved fields"),
        (raw(0x0f, 0, 1, 0, 1), "BPF_ALU uses reserved fields"),
        (raw(0x0f, 0, 1, 1, 0), "BPF_ALU uses reserved fields"),
        (raw(0x37, 0, 0, 2, 1), "BPF_ALU uses reserved fields"),
        (raw(0x3f, 0, 1, -1, 0), "BPF_ALU uses reserved fields"),
        (raw(0x37, 0, 0, 0, 0), "div by zero"),
        (raw(0x34, 0, 0, 1, 0), "div by zero"),
        (raw(0x97, 0, 0, 0, 0), "div by zero"),
        (raw(0x94, 0, 0, 1, 0), "div by zero"),
        (raw(0x67, 0, 0, 0, 64), "invalid shift 64"),
        (raw(0x64, 0, 0, 0, 32), "invalid shift 32"),
        (raw(0x77, 0, 0, 0, -1), "invalid shift -1"),
        (raw(0xc4, 0, 0, 0, 33), "invalid shift 33"),
        (raw(0x87, 0, 0, 0, 1), "BPF_NEG uses reserved fields"),
        (raw(0x87, 0, 1, 0, 0), "BPF_NEG uses reserved fields"),
        (raw(0x84, 0, 0, 1, 0), "BPF_NEG uses reserved fields"),
        (raw(0xd4, 0, 0, 0, 8), "BPF_END uses reserved fields"),
        (raw(0xdc, 0, 1, 0, 16), "BPF_END uses reserved fields"),
        (raw(0xd7, 0, 0, 1, 16), "BPF_END uses reserved fields"),
        (raw(0xb7, 0, 0, 8, 1), "BPF_MOV uses reserved fields"),
        (raw(0xb7, 0, 1, 0, 1), "BPF_MOV uses reserved fields"),
        (raw(0xbf, 0, 1, 0, 1), "BPF_MOV uses reserved fields"),
        (raw(0xbf, 0, 1, 64, 0), "BPF_MOV uses reserved fields"),
        (raw(0xbc, 0, 1, 32, 0), "BPF_MOV uses reserved fields"),
        (raw(0xbc, 0, 1, 1, 1), "BPF_MOV uses reserved fields"),
        (
            raw(0xbf, 0, 1, 1, 2),
            "addr_space_cast insn can only convert between address space 1 and 0",
        ),
        (raw(0x61, 0, 1, 0, 1), "BPF_LDX uses reserved fields"),
        (raw(0x21, 0, 1, 0, 0), "BPF_LDX uses reserved fields"),
        (raw(0x62, 10, 1, -8, 0), "BPF_ST uses reserved fields"),
        (raw(0x63, 10, 1, -8, 1), "BPF_STX uses reserved fields"),
        (
            raw(0xc3, 10, 1, -8, 0x10),
            "BPF_ATOMIC uses invalid atomic opcode 10",
        ),
        (
            raw(0xdb, 10, 1, -8, 0x02),
            "BPF_ATOMIC uses invalid atomic opcode 02",
        ),
        (
            raw(0xdb, 10, 1, -8, 0xe0),
            "BPF_ATOMIC uses invalid atomic opcode e0",
        ),
        (
            raw(0xdb, 0, 10, -8, 0x100),
            "BPF_ATOMIC uses invalid atomic opcode 100",
        ),
        (raw(0x15, 0, 1, 0, 1), "BPF_JMP/JMP32 uses reserved fields"),
        (raw(0x1e, 0, 1, 0, 1), "BPF_JMP/JMP32 uses reserved fields"),
        (raw(0x05, 1, 0, 0, 0), "BPF_JA uses reserved fields"),
        (raw(0x05, 0, 0, 0, 1), "BPF_JA uses reserved fields"),
        (raw(0x06, 0, 0, 1, 0), "BPF_JA uses reserved fields"),
        (raw(0xe5, 1, 0, 0, 0), "invalid may_goto off 0 imm 0"),
        (raw(0xe5, 0, 0, 0, 1), "invalid may_goto off 0 imm 1"),
        (raw(0x85, 0, 0, 1, 5), "BPF_CALL uses reserved fields"),
        (raw(0x85, 1, 0, 0, 5), "BPF_CALL uses reserved fields"),
        (raw(0x85, 0, 1, 1, 0), "BPF_CALL uses reserved fields"),
        (raw(0x85, 0, 3, 0, 5), "BPF_CALL uses reserved fields"),
        (raw(0x95, 0, 0, 0, 1), "BPF_EXIT uses reserved fields"),
        (raw(0x95, 1, 0, 0, 0), "BPF_EXIT uses reserved fields"),
        (
            raw(0x30, 1, 0, 0, 0),
            "BPF_LD_[ABS|IND] uses reserved fields",
        ),
        (
            raw(0x30, 0, 1, 0, 0),
            "BPF_LD_[ABS|IND] uses reserved fields",
        ),
        (
            raw(0x50, 0, 1, 1, 0),
            "BPF_LD_[ABS|IND] uses reserved fields",
        ),
        (raw(0x07, 11, 0, 0, 0), "R11 is invalid"),
        (raw(0x0f, 0, 12, 0, 0), "R12 is invalid"),
        (raw(0x61, 0, 13, 0, 0), "R13 is invalid"),
        (raw(0x15, 12, 3, 0, 0), "R12 is invalid"),
        (raw(0xdb, 10, 15, -8, 0), "R15 is invalid"),
        (raw(0x50, 0, 11, 0, 0), "R11 is invalid"),
    ];
    for (slot, wanted) in cases {
        assert_eq!(sentence(slot, None), wanted, "{slot:?}");
    }
}

#[test]
fn imm64_with_a_broken_half_is_refused() {
    let high = RawInsn::default();
    let cases = [
        (raw(0x18, 0, 0, 0, 0), None, "invalid bpf_ld_imm64 insn"),
        (
            raw(0x18, 0, 0, 0, 0),
            Some(raw(0x95, 0, 0, 0, 0)),
            "invalid bpf_ld_imm64 insn",
        ),
        (
            raw(0x18, 0, 0, 0, 0),
            Some(raw(0, 1, 0, 0, 0)),
            "invalid bpf_ld_imm64 insn",
        ),
        (
            raw(0x18, 0, 0, 0, 0),
            Some(raw(0, 0, 1, 0, 0)),
            "invalid bpf_ld_imm64 insn",
        ),
        (
            raw(0x18, 0, 0, 0, 0),
            Some(raw(0, 0, 0, 1, 0)),
            "invalid bpf_ld_imm64 insn",
        ),
        (
            raw(0x18, 0, 7, 0, 0),
            Some(high),
            "unrecognized bpf_ld_imm64 insn",
        ),
        (
            raw(0x18, 0, 1, 0, 3),
            Some(raw(0, 0, 0, 0, 1)),
            "unrecognized bpf_ld_imm64 insn",
        ),
        (
            raw(0x18, 0, 5, 0, 3),
            Some(raw(0, 0, 0, 0, 1)),
            "unrecognized bpf_ld_imm64 insn",
        ),
        (
            raw(0x18, 0, 0, 1, 0),
            Some(high),
            "BPF_LD_IMM64 uses reserved fields",
        ),
        (raw(0x18, 11, 0, 0, 0), Some(high), "R11 is invalid"),
    ];
    for (slot, next, wanted) in cases {
        assert_eq!(sentence(slot, next), wanted, "{slot:?} {next:?}");
    }
}

#[test]
fn fields_the_kernel_ignores_are_forgotten() {
    assert_eq!(decode(raw(0x95, 0, 0, 3, 0), None), Ok(Insn::Exit));
    let func = decode(raw(0x18, 2, 4, 0, 6), Some(raw(0, 0, 0, 0, 9)));
    assert_eq!(
        func,
        Ok(Insn::LoadImm64 {
            dst: Reg::R2,
            value: Imm64::Func(6)
        })
    );
}

#[test]
fn signed_division_is_told_from_unsigned_by_its_offset() {
    let op = |off| match decode(raw(0x3f, 1, 2, off, 0), None) {
        Ok(Insn::Alu { op, .. }) => op,
        other => panic!("{other:?}"),
    };
    assert_eq!((op(0), op(1)), (AluOp::Div, AluOp::SDiv));
}

#[test]
fn program_with_two_errors_reports_the_one_the_kernel_looks_for_first() {
    let program = [
        raw(0x07, 0, 0, 1, 0),
        raw(0xff, 0, 0, 0, 0),
        raw(0x95, 0, 0, 0, 0),
    ];
    let error = DecodeError::UnknownOpcode { opcode: 0xff };
    assert_eq!(decode_program(&program), Err((Pc(1), error)));
}

#[test]
fn program_that_ends_in_half_an_imm64_is_refused_at_that_slot() {
    let program = [raw(0x95, 0, 0, 0, 0), raw(0x18, 0, 0, 0, 0)];
    assert_eq!(
        decode_program(&program),
        Err((Pc(1), DecodeError::BrokenImm64))
    );
}

#[test]
fn program_with_a_second_slot_alone_is_refused() {
    let program = [
        raw(0x18, 0, 0, 0, 0),
        raw(0, 0, 0, 0, 0),
        raw(0, 0, 0, 0, 0),
    ];
    let error = DecodeError::UnknownOpcode { opcode: 0 };
    assert_eq!(decode_program(&program), Err((Pc(2), error)));
}

#[test]
fn callx_is_decoded_from_the_destination_register_as_llvm_writes_it() {
    let bytes = [0x8d, 0x03, 0, 0, 0, 0, 0, 0];
    let insn = decode(RawInsn::from_le_bytes(bytes), None);
    assert_eq!(insn, Ok(Insn::Call(CallTarget::Reg(Reg::R3))));
}

#[test]
fn short_jump_out_of_reach_is_encoded_as_a_long_one() {
    let jump = |form, off| Insn::Jump { form, off };
    let encoded = encode_program(&[jump(JumpForm::Short, 40_000)]);
    assert_eq!(
        decode_program(&encoded),
        Ok(vec![jump(JumpForm::Long, 40_000)])
    );
}
