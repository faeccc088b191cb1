use super::*;
use crate::isa::{RawInsn, decode};

struct Named;

impl Names for Named {
    fn helper(&self, number: i32) -> Option<&str> {
        (number == 5).then_some("bpf_ktime_get_ns")
    }

    fn kfunc(&self, id: i32, btf_index: i16) -> Option<&str> {
        (id == 123 && btf_index == 2).then_some("bpf_task_acquire")
    }

    fn map(&self, fd: i32) -> Option<&str> {
        (fd == 3).then_some("counts")
    }

    fn variable(&self, id: u32, btf_fd: i32) -> Option<&str> {
        (id == 7 && btf_fd == 4).then_some("runqueues")
    }
}

fn text(opcode: u8, (dst, src): (u8, u8), off: i16, imm: i32) -> String {
    let raw = RawInsn {
        opcode,
        dst,
        src,
        off,
        imm,
    };
    let insn = decode(raw, Some(RawInsn::default())).expect("valid instruction");
    disassemble(insn, &Named).to_string()
}

#[test]
fn instructions_read_as_in_the_log_of_a_kernel() {
    // As a 6.18 kernel printed them at log level 2.
    let cases = [
        ((0xbf, (6, 1), 0, 0), "r6 = r1"),
        ((0xb7, (1, 0), 0, -1), "r1 = -1"),
        ((0xb4, (2, 0), 0, -7), "w2 = -7"),
        ((0xb7, (0, 0), 0, i32::MIN), "r0 = -2147483648"),
        ((0x07, (1, 0), 0, -8), "r1 += -8"),
        ((0x1f, (1, 2), 0, 0), "r1 -= r2"),
        ((0x2c, (1, 2), 0, 0), "w1 *= w2"),
        ((0x3f, (1, 2), 0, 0), "r1 /= r2"),
        ((0x3f, (1, 2), 1, 0), "r1 s/= r2"),
        ((0x94, (1, 0), 1, -3), "w1 s%= -3"),
        ((0x6f, (1, 2), 0, 0), "r1 <<= r2"),
        ((0x7c, (1, 2), 0, 0), "w1 >>= w2"),
        ((0xcf, (1, 2), 0, 0), "r1 s>>= r2"),
        ((0x84, (1, 0), 0, 0), "w1 = -w1"),
        ((0x87, (1, 0), 0, 0), "r1 = -r1"),
        ((0xbf, (1, 2), 8, 0), "r1 = (s8)r2"),
        ((0xbf, (1, 2), 32, 0), "r1 = (s32)r2"),
        ((0xbc, (1, 2), 16, 0), "w1 = (s16)w2"),
        ((0xd4, (1, 0), 0, 16), "r1 = le16 r1"),
        ((0xdc, (1, 0), 0, 32), "r1 = be32 r1"),
        ((0xd7, (1, 0), 0, 64), "r1 = bswap64 r1"),
        ((0xbf, (0, 1), 1, 1), "r0 = addr_space_cast(r1, 0, 1)"),
        ((0xbf, (0, 1), 1, 1 << 16), "r0 = addr_space_cast(r1, 1, 0)"),
        ((0x71, (2, 10), -8, 0), "r2 = *(u8 *)(r10 -8)"),
        ((0x79, (2, 10), 0, 0), "r2 = *(u64 *)(r10 +0)"),
        ((0x89, (2, 10), -8, 0), "r2 = *(s16 *)(r10 -8)"),
        ((0x63, (10, 2), -8, 0), "*(u32 *)(r10 -8) = r2"),
        ((0x6a, (10, 0), -8, 77), "*(u16 *)(r10 -8) = 77"),
        ((0x62, (10, 0), -8, -5), "*(u32 *)(r10 -8) = -5"),
        ((0xdb, (10, 1), -8, 0x00), "lock *(u64 *)(r10 -8) += r1"),
        ((0xc3, (10, 1), -8, 0x40), "lock *(u32 *)(r10 -8) |= r1"),
        (
            (0xdb, (10, 1), -8, 0x51),
            "r1 = atomic64_fetch_and((u64 *)(r10 -8), r1)",
        ),
        (
            (0xc3, (10, 1), -8, 0xa1),
            "r1 = atomic_fetch_xor((u32 *)(r10 -8), r1)",
        ),
        (
            (0xc3, (10, 1), -8, 0xe1),
            "r1 = atomic_xchg((u32 *)(r10 -8), r1)",
        ),
        (
            (0xdb, (10, 1), -8, 0xf1),
            "r0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)",
        ),
        ((0x30, (0, 0), 0, 23), "r0 = *(u8 *)skb[23]"),
        ((0x28, (0, 0), 0, -4096), "r0 = *(u16 *)skb[-4096]"),
        ((0x40, (0, 7), 0, -4), "r0 = *(u32 *)skb[r7 + -4]"),
        ((0x05, (0, 0), -1, 0), "goto pc-1"),
        ((0x06, (0, 0), 0, 1000), "gotol pc+1000"),
        ((0xe5, (0, 0), 1, 0), "may_goto pc+1"),
        ((0x65, (0, 0), 0, -1), "if r0 s> 0xffffffff goto pc+0"),
        ((0xa6, (0, 0), 3, i32::MIN), "if w0 < 0x80000000 goto pc+3"),
        ((0x46, (0, 0), -2, 7), "if w0 & 0x7 goto pc-2"),
        ((0x4d, (0, 1), 0, 0), "if r0 & r1 goto pc+0"),
        ((0x85, (0, 0), 0, 5), "call bpf_ktime_get_ns#5"),
        ((0x85, (0, 0), 0, 100_000), "call unknown#100000"),
        ((0x85, (0, 1), 0, 1), "call pc+1"),
        ((0x85, (0, 2), 2, 123), "call bpf_task_acquire#123@2"),
        ((0x85, (0, 2), 0, 9), "call kernel-function#9"),
        ((0x8d, (3, 0), 0, 0), "callx r3"),
        ((0x95, (0, 0), 0, 0), "exit"),
        ((0x18, (1, 0), 0, -2), "r1 = 0xfffffffe"),
    ];
    for ((opcode, regs, off, imm), wanted) in cases {
        assert_eq!(text(opcode, regs, off, imm), wanted);
    }
}

#[test]
fn wide_immediates_read_as_in_bpftool() {
    let cases = [
        (Imm64::Value(0x1234_ffff_fffe), "r1 = 0x1234fffffffe"),
        (Imm64::MapFd(3), "r1 = map[counts]"),
        (Imm64::MapFd(4), "r1 = map[fd:4]"),
        (Imm64::MapValue { fd: 3, off: 8 }, "r1 = map[counts][0]+8"),
        (Imm64::MapIdx(2), "r1 = map[idx:2]"),
        (Imm64::MapIdxValue { index: 2, off: 0 }, "r1 = map[idx:2]+0"),
        (Imm64::Func(5), "r1 = subprog[+5]"),
        (Imm64::BtfVar { id: 7, btf_fd: 4 }, "r1 = btf[runqueues]"),
        (Imm64::BtfVar { id: 7, btf_fd: 0 }, "r1 = btf[id:7]"),
        (Imm64::BtfVar { id: 8, btf_fd: 4 }, "r1 = btf[id:8,fd:4]"),
    ];
    for (value, wanted) in cases {
        let insn = Insn::LoadImm64 {
            dst: Reg::R1,
            value,
        };
        assert_eq!(disassemble(insn, &Named).to_string(), wanted);
    }
    assert_eq!(disassemble(Insn::Imm64High, &Named).to_string(), "");
}
