//! Every shape of instruction with edge values, and the round trips over them.

use super::asm::{NoSymbols, assemble};
use super::*;

pub(super) const ATOMIC_OPS: [AtomicOp; 10] = [
    AtomicOp::Add(Fetch::No),
    AtomicOp::Add(Fetch::Yes),
    AtomicOp::Or(Fetch::No),
    AtomicOp::Or(Fetch::Yes),
    AtomicOp::And(Fetch::No),
    AtomicOp::And(Fetch::Yes),
    AtomicOp::Xor(Fetch::No),
    AtomicOp::Xor(Fetch::Yes),
    AtomicOp::Xchg,
    AtomicOp::Cmpxchg,
];
const OFFS: [i16; 6] = [0, 1, -1, 8, i16::MAX, i16::MIN];
const IMMS: [i32; 7] = [0, 1, -1, 7, 65536, i32::MAX, i32::MIN];

/// Every operation with every width, operand kind and register, and edge values of numbers.
pub(super) fn shapes() -> Vec<Insn> {
    let mut out = vec![Insn::Exit];
    arithmetic(&mut out);
    moves(&mut out);
    immediates(&mut out);
    memory(&mut out);
    jumps(&mut out);
    calls(&mut out);
    out
}

fn pairs() -> impl Iterator<Item = (Reg, Reg)> {
    Reg::all().flat_map(|dst| Reg::all().map(move |src| (dst, src)))
}

fn operands() -> impl Iterator<Item = Operand> {
    Reg::all().map(Operand::Reg).chain(IMMS.map(Operand::Imm))
}

fn arithmetic(out: &mut Vec<Insn>) {
    for (width, op) in Width::ALL
        .into_iter()
        .flat_map(|w| AluOp::ALL.map(|op| (w, op)))
    {
        for (dst, src) in Reg::all().flat_map(|dst| operands().map(move |src| (dst, src))) {
            let legal = match (op, src) {
                (AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod, Operand::Imm(imm)) => {
                    imm != 0
                }
                (AluOp::Lsh | AluOp::Rsh | AluOp::Arsh, Operand::Imm(imm)) => {
                    (0..32).contains(&imm)
                }
                _ => true,
            };
            if legal {
                out.push(Insn::Alu {
                    width,
                    op,
                    dst,
                    src,
                });
            }
        }
    }
    for (width, dst) in Width::ALL
        .into_iter()
        .flat_map(|w| Reg::all().map(move |dst| (w, dst)))
    {
        out.push(Insn::Neg { width, dst });
    }
}

fn moves(out: &mut Vec<Insn>) {
    for (dst, src) in pairs() {
        for (width, from) in [
            (Width::W32, Size::B),
            (Width::W32, Size::H),
            (Width::W64, Size::B),
            (Width::W64, Size::H),
            (Width::W64, Size::W),
        ] {
            out.push(Insn::MovSx {
                width,
                from,
                dst,
                src,
            });
        }
        for cast in [AddrSpaceCast::ToKernel, AddrSpaceCast::ToArena] {
            out.push(Insn::AddrSpaceCast { cast, dst, src });
        }
    }
    for order in [ByteOrder::Le, ByteOrder::Be, ByteOrder::Swap] {
        for size in [Size::H, Size::W, Size::DW] {
            out.extend(Reg::all().map(|dst| Insn::Endian { order, size, dst }));
        }
    }
}

fn immediates(out: &mut Vec<Insn>) {
    let edges = [
        0,
        1,
        u64::MAX,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        0x1122_3344_5566_7788,
    ];
    let mut values = edges.map(Imm64::Value).to_vec();
    for imm in IMMS {
        values.extend([Imm64::MapFd(imm), Imm64::MapIdx(imm), Imm64::Func(imm)]);
        for other in IMMS {
            let off = other as u32;
            values.push(Imm64::MapValue { fd: imm, off });
            values.push(Imm64::MapIdxValue { index: imm, off });
            values.push(Imm64::BtfVar {
                id: off,
                btf_fd: imm,
            });
        }
    }
    for dst in Reg::all() {
        for value in &values {
            out.extend([Insn::LoadImm64 { dst, value: *value }, Insn::Imm64High]);
        }
    }
}

fn memory(out: &mut Vec<Insn>) {
    for (base, other) in pairs() {
        for (size, off) in Size::ALL
            .into_iter()
            .flat_map(|size| OFFS.map(|off| (size, off)))
        {
            out.push(Insn::Load {
                size,
                extend: Extend::Zero,
                dst: other,
                base,
                off,
            });
            if size != Size::DW {
                out.push(Insn::Load {
                    size,
                    extend: Extend::Sign,
                    dst: other,
                    base,
                    off,
                });
            }
            out.push(Insn::Store {
                size,
                base,
                off,
                src: Operand::Reg(other),
            });
        }
        for (op, width) in ATOMIC_OPS
            .into_iter()
            .flat_map(|op| Width::ALL.map(|w| (op, w)))
        {
            out.extend(OFFS.map(|off| Insn::Atomic {
                op,
                width,
                base,
                off,
                src: other,
            }));
        }
    }
    for (size, imm) in Size::ALL
        .into_iter()
        .flat_map(|size| IMMS.map(|imm| (size, imm)))
    {
        for base in Reg::all() {
            let src = Operand::Imm(imm);
            out.extend(OFFS.map(|off| Insn::Store {
                size,
                base,
                off,
                src,
            }));
            if size != Size::DW {
                out.push(Insn::LegacyLoad {
                    size,
                    mode: LegacyMode::Ind(base),
                    imm,
                });
            }
        }
        if size != Size::DW {
            out.push(Insn::LegacyLoad {
                size,
                mode: LegacyMode::Abs,
                imm,
            });
        }
    }
}

fn jumps(out: &mut Vec<Insn>) {
    out.extend(OFFS.map(|off| Insn::Jump {
        form: JumpForm::Short,
        off: off.into(),
    }));
    out.extend(IMMS.map(|off| Insn::Jump {
        form: JumpForm::Long,
        off,
    }));
    out.extend(OFFS.map(|off| Insn::MayGoto { off }));
    for (width, op) in Width::ALL
        .into_iter()
        .flat_map(|w| JumpOp::ALL.map(|op| (w, op)))
    {
        for (dst, src) in Reg::all().flat_map(|dst| operands().map(move |src| (dst, src))) {
            out.extend(OFFS.map(|off| Insn::JumpIf {
                width,
                op,
                dst,
                src,
                off,
            }));
        }
    }
}

fn calls(out: &mut Vec<Insn>) {
    out.extend(Reg::all().map(|reg| Insn::Call(CallTarget::Reg(reg))));
    for imm in IMMS {
        out.push(Insn::Call(CallTarget::Helper(imm)));
        out.push(Insn::Call(CallTarget::Local(imm)));
        out.extend(OFFS.map(|btf_index| Insn::Call(CallTarget::Kfunc { id: imm, btf_index })));
    }
}

#[test]
fn shapes_encoded_and_decoded_are_the_same() {
    let insns = shapes();
    assert!(insns.len() > 20_000, "only {} shapes", insns.len());
    assert_eq!(decode_program(&encode_program(&insns)), Ok(insns));
}

#[test]
fn shapes_printed_and_assembled_are_the_same() {
    let insns = shapes();
    let text: String = insns
        .iter()
        .map(|insn| format!("{}\n", disassemble(*insn, &NoNames)))
        .collect();
    let assembled = assemble(&text, &NoSymbols).map(|assembly| assembly.insns);
    assert_eq!(assembled, Ok(insns));
}

#[test]
fn shapes_printed_with_index_and_opcode_assemble_to_the_same() {
    let insns = shapes();
    let mut text = String::new();
    for (pc, (insn, raw)) in insns.iter().zip(encode_program(&insns)).enumerate() {
        if *insn != Insn::Imm64High {
            let insn = disassemble(*insn, &NoNames);
            text.push_str(&format!(
                "{pc}: ({:02x}) {insn:<30} ; R1=ctx() #5\n",
                raw.opcode
            ));
        }
    }
    let assembled = assemble(&text, &NoSymbols).map(|assembly| assembly.insns);
    assert_eq!(assembled, Ok(insns));
}

#[test]
fn raw_slot_to_bytes_and_back_is_the_same() {
    for raw in encode_program(&shapes()) {
        assert_eq!(RawInsn::from_le_bytes(raw.to_le_bytes()), raw);
    }
    let raw = RawInsn {
        opcode: 0x61,
        dst: 1,
        src: 10,
        off: -8,
        imm: 0x1234_5678,
    };
    assert_eq!(
        raw.to_le_bytes(),
        [0x61, 0xa1, 0xf8, 0xff, 0x78, 0x56, 0x34, 0x12]
    );
}

#[test]
fn pc_target_counts_from_the_next_slot() {
    assert_eq!(Pc(4).target(0), Some(Pc(5)));
    assert_eq!(Pc(4).target(-5), Some(Pc(0)));
    assert_eq!(Pc(4).target(-6), None);
    assert_eq!(Pc(u32::MAX).target(0), None);
}
