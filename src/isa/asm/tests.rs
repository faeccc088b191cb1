use proptest::prelude::*;

use super::*;
use crate::isa::{AluOp, Names, NoNames, Operand, Reg, Size, Width, disassemble};

struct Known;

impl Symbols for Known {
    fn helper(&self, name: &str) -> Option<i32> {
        (name == "bpf_ktime_get_ns").then_some(5)
    }

    fn kfunc(&self, name: &str) -> Option<(i32, i16)> {
        (name == "bpf_task_acquire").then_some((123, 2))
    }

    fn map(&self, name: &str) -> Option<i32> {
        (name == "outer.map").then_some(9)
    }

    fn variable(&self, name: &str) -> Option<(u32, i32)> {
        (name == "runqueues").then_some((7, 0))
    }
}

fn insns(text: &str) -> Vec<Insn> {
    assemble(text, &Known)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .insns
}

fn printed(text: &str) -> Vec<String> {
    insns(text)
        .iter()
        .map(|insn| disassemble(*insn, &NoNames).to_string())
        .collect()
}

fn error(text: &str) -> String {
    assemble(text, &Known).expect_err(text).to_string()
}

#[test]
fn labels_before_and_behind_become_distances() {
    let text = "
start:  r0 = 0
        if r0 == 3 goto done   ; forward, over the two slots of
        r1 = 5 ll              // a wide immediate
        goto start             # back
        gotol done
        may_goto start
inner: done:
        exit
";
    let wanted = [
        "r0 = 0",
        "if r0 == 0x3 goto pc+5",
        "r1 = 0x5",
        "",
        "goto pc-5",
        "gotol pc+1",
        "may_goto pc-7",
        "exit",
    ];
    assert_eq!(printed(text), wanted);
    let assembly = assemble(text, &NoSymbols).expect("assembles");
    assert_eq!(assembly.lines, [2, 3, 4, 4, 5, 6, 7, 9]);
    let labels = [("start", 0), ("inner", 7), ("done", 7)];
    assert_eq!(
        assembly.labels,
        labels.map(|(name, pc)| (name.to_string(), Pc(pc)))
    );
}

#[test]
fn call_takes_a_label_a_kernel_function_or_a_helper() {
    let text = "call sub\ncall bpf_ktime_get_ns\ncall bpf_ktime_get_ns#5\ncall 6\ncall unknown#-1
        call bpf_task_acquire\ncall bpf_task_acquire#124@3\ncall kernel-function#8\ncall pc-1
        exit\nsub: exit";
    let targets = [
        CallTarget::Local(9),
        CallTarget::Helper(5),
        CallTarget::Helper(5),
        CallTarget::Helper(6),
        CallTarget::Helper(-1),
        CallTarget::Kfunc {
            id: 123,
            btf_index: 2,
        },
        CallTarget::Kfunc {
            id: 124,
            btf_index: 3,
        },
        CallTarget::Kfunc {
            id: 8,
            btf_index: 0,
        },
        CallTarget::Local(-1),
    ];
    assert_eq!(insns(text)[..9], targets.map(Insn::Call));
}

#[test]
fn label_with_the_name_of_a_helper_wins() {
    let target = insns("call bpf_ktime_get_ns\nexit\nbpf_ktime_get_ns: exit")[0];
    assert_eq!(target, Insn::Call(CallTarget::Local(1)));
}

#[test]
fn maps_are_declared_or_looked_up() {
    let text = ".map first hash 4 8 16\n.map .bss array 4 0x40 1 0x400 ; globals
        r1 = map[.bss] ll\nr1 = map[first][0]+8\nr1 = map[outer.map]\nr1 = btf[runqueues]
        r2 = subprog[callback]\ncallback: exit";
    let values = [
        Imm64::MapFd(1),
        Imm64::MapValue { fd: 0, off: 8 },
        Imm64::MapFd(9),
        Imm64::BtfVar { id: 7, btf_fd: 0 },
        Imm64::Func(1),
    ];
    let got: Vec<Imm64> = insns(text)
        .iter()
        .filter_map(|insn| match insn {
            Insn::LoadImm64 { value, .. } => Some(*value),
            _ => None,
        })
        .collect();
    assert_eq!(got, values);
    let map = assemble(text, &Known).expect("assembles").header.maps[1].clone();
    let wanted = MapDecl {
        name: ".bss".into(),
        map_type: "array".into(),
        key_size: 4,
        value_size: 64,
        max_entries: 1,
        flags: 0x400,
        line: 2,
    };
    assert_eq!(map, wanted);
}

#[test]
fn directives_fill_the_header() {
    let text = ".type tracepoint/syscalls/sys_enter_execve // a section\n.license \"Dual MIT/GPL\"
        .name hello # mine\nexit";
    let header = assemble(text, &NoSymbols).expect("assembles").header;
    assert_eq!(
        header.prog_type.as_deref(),
        Some("tracepoint/syscalls/sys_enter_execve")
    );
    assert_eq!(header.license.as_deref(), Some("Dual MIT/GPL"));
    assert_eq!(header.name.as_deref(), Some("hello"));
}

#[test]
fn hexadecimal_into_a_wide_register_is_a_wide_immediate_unless_the_opcode_says_move() {
    let mov = |imm| Insn::Alu {
        width: Width::W64,
        op: AluOp::Mov,
        dst: Reg::R1,
        src: Operand::Imm(imm),
    };
    let wide = |value| Insn::LoadImm64 {
        dst: Reg::R1,
        value: Imm64::Value(value),
    };
    assert_eq!(insns("r1 = 7"), [mov(7)]);
    assert_eq!(insns("r1 = -0x7"), [mov(-7)]);
    assert_eq!(insns("(b7) r1 = 0x7"), [mov(7)]);
    assert_eq!(insns("(b7) r1 = 0xffffffff"), [mov(-1)]);
    assert_eq!(insns("r1 = 0x7"), [wide(7), Insn::Imm64High]);
    assert_eq!(insns("(18) r1 = 7"), [wide(7), Insn::Imm64High]);
    assert_eq!(insns("r1 = -7 ll"), [wide(-7_i64 as u64), Insn::Imm64High]);
    assert_eq!(
        insns("r1 = 18446744073709551615 ll"),
        [wide(u64::MAX), Insn::Imm64High]
    );
}

#[test]
fn log_of_the_kernel_assembles() {
    let text = "3: (b7) r0 = 0                        ; R0=0\n4: (55) if r0 != 0x0 goto pc+1
        5: (bf) r6 = r1     ; R1=ctx() R6=ctx()\n6: (95) exit";
    assert_eq!(
        printed(text),
        ["r0 = 0", "if r0 != 0x0 goto pc+1", "r6 = r1", "exit"]
    );
}

#[test]
fn spelling_of_llvm_is_understood() {
    let text = "w1 = *(u32 *)(r2 + 8)\n*(u8 *)(r10 - 1) = w1\nlock *(u32 *)(r1+4) += w2
        w2 = atomic_fetch_add((u32 *)(r1 + 0), w2)\nr0 = atomic_fetch_or((u64 *)(r1), r0)\nif w1 == w2 goto +3
        r0 = *(u16 *)skb[r6 + 4]";
    let wanted = [
        "r1 = *(u32 *)(r2 +8)",
        "*(u8 *)(r10 -1) = r1",
        "lock *(u32 *)(r1 +4) += r2",
        "r2 = atomic_fetch_add((u32 *)(r1 +0), r2)",
        "r0 = atomic64_fetch_or((u64 *)(r1 +0), r0)",
        "if w1 == w2 goto pc+3",
        "r0 = *(u16 *)skb[r6 + 4]",
    ];
    assert_eq!(printed(text), wanted);
}

#[test]
fn blanks_do_not_matter_where_tokens_end_anyway() {
    let dense = "r1+=3;x\n\n\tif r1 s<=-1 goto pc +2\n*(u8*)(r1-1)=r2\nr1=map [ fd : 3 ]";
    let wanted = [
        "r1 += 3",
        "if r1 s<= 0xffffffff goto pc+2",
        "*(u8 *)(r1 -1) = r2",
        "r1 = map[fd:3]",
        "",
    ];
    assert_eq!(printed(dense), wanted);
}

struct Named;

impl Names for Named {
    fn helper(&self, _: i32) -> Option<&str> {
        Some("bpf_ktime_get_ns")
    }

    fn kfunc(&self, _: i32, _: i16) -> Option<&str> {
        Some("bpf_task_acquire")
    }

    fn map(&self, _: i32) -> Option<&str> {
        Some("outer.map")
    }

    fn variable(&self, _: u32, _: i32) -> Option<&str> {
        Some("runqueues")
    }
}

#[test]
fn names_printed_assemble_to_the_same_with_symbols_that_know_them() {
    let dst = Reg::R3;
    let wide = |value| [Insn::LoadImm64 { dst, value }, Insn::Imm64High];
    let calls = [
        CallTarget::Helper(5),
        CallTarget::Kfunc {
            id: 123,
            btf_index: 2,
        },
        CallTarget::Kfunc {
            id: 124,
            btf_index: 0,
        },
    ];
    let program = [
        wide(Imm64::MapFd(9)).to_vec(),
        wide(Imm64::MapValue { fd: 9, off: 4 }).to_vec(),
        wide(Imm64::BtfVar { id: 7, btf_fd: 0 }).to_vec(),
        calls.map(Insn::Call).to_vec(),
    ]
    .concat();
    let text: String = program
        .iter()
        .map(|insn| format!("{}\n", disassemble(*insn, &Named)))
        .collect();
    assert!(text.contains("r3 = map[outer.map][0]+4\n"), "{text}");
    assert_eq!(insns(&text), program);
}

#[test]
fn number_behind_a_name_makes_a_label_of_that_name_a_helper() {
    let target = insns("call twice#9\nexit\ntwice: exit")[0];
    assert_eq!(target, Insn::Call(CallTarget::Helper(9)));
}

#[test]
fn empty_text_is_an_empty_program() {
    assert_eq!(assemble("", &NoSymbols), Ok(Assembly::default()));
    assert_eq!(insns("\n ; nothing\n# at\r\n// all"), []);
}

#[test]
fn error_names_line_column_and_what_was_expected() {
    let cases = [
        (
            "exit\n  foo r1",
            "line 2, column 3: expected an instruction, got `foo`",
        ),
        (
            "r1 = ",
            "line 1, column 6: expected a register, a number, a load or an operation, got end of line",
        ),
        (
            "r11 = 1",
            "line 1, column 1: expected an instruction, got `r11`",
        ),
        (
            "r1 += w2",
            "line 1, column 7: expected a 64-bit register or a number, got `w2`",
        ),
        (
            "w1 = r2",
            "line 1, column 6: expected a 32-bit register (w0 to w10), got `r2`",
        ),
        (
            "r1 ?= 2",
            "line 1, column 4: expected an instruction, a label or a comment, got `?`",
        ),
        (
            "é",
            "line 1, column 1: expected an instruction, a label or a comment, got `é`",
        ),
        (
            "r1 == 2",
            "line 1, column 4: expected `=` or an operation such as `+=`, got `==`",
        ),
        ("exit 1", "line 1, column 6: expected end of line, got `1`"),
        (
            "*(u32 *)(r1 8) = r2",
            "line 1, column 13: expected `+` or `-`, got `8`",
        ),
        (
            "*(s8 *)(r1) = r2",
            "line 1, column 3: expected a type, u8 to u64, got `s8`",
        ),
        (
            "*(u64 *)(r1) = w2",
            "line 1, column 16: expected a 64-bit register or a number, got `w2`",
        ),
        (
            "lock *(u8 *)(r1) += r2",
            "line 1, column 7: expected a cast to u32 or u64, got `(`",
        ),
        (
            "r1 = -r2",
            "line 1, column 7: expected the register that is assigned to, got `r2`",
        ),
        (
            "r1 = be16 r2",
            "line 1, column 11: expected the register that is assigned to, got `r2`",
        ),
        (
            "w1 = (s32)w2",
            "line 1, column 7: expected s8 or s16, got `s32`",
        ),
        (
            "if r1 = 2 goto pc+1",
            "line 1, column 7: expected a comparison such as `==`, got `=`",
        ),
        (
            "if r1 == 2 exit",
            "line 1, column 12: expected `goto`, got `exit`",
        ),
        (
            "goto 5",
            "line 1, column 6: expected a label or a distance such as `pc+1`, got `5`",
        ),
        (
            "goto pc+40000",
            "line 1, column 6: number 40000 is out of range, expected a signed 16-bit distance",
        ),
        (
            "r1 += 4294967295",
            "line 1, column 7: number 4294967295 is out of range, expected a signed 32-bit number",
        ),
        (
            "r1 = -2147483649",
            "line 1, column 7: number -2147483649 is out of range, expected a signed 32-bit number",
        ),
        (
            "r1 = *(u8 *)(r2 +32768)",
            "line 1, column 18: number 32768 is out of range, expected a signed 16-bit number",
        ),
        (
            "r1 = 0x1ffffffffffffffff",
            "line 1, column 6: number 0x1ffffffffffffffff is out of range, expected a 64-bit number",
        ),
        ("r1 = 0xz", "line 1, column 6: expected a number, got `0xz`"),
        (
            "goto nowhere",
            "line 1, column 6: no label is named `nowhere`",
        ),
        (
            "call nothing",
            "line 1, column 6: no label, helper or kernel function is named `nothing`",
        ),
        (
            "r1 = map[none]",
            "line 1, column 10: no map is named `none`",
        ),
        (
            "r1 = btf[none]",
            "line 1, column 10: no kernel variable is named `none`",
        ),
        ("a: a: exit", "line 1, column 4: label `a` is defined twice"),
        (
            "(bf) r1 = 2",
            "line 1, column 2: the instruction has opcode (b7), got (bf)",
        ),
        (
            "(95)",
            "line 1, column 5: expected an instruction, got end of line",
        ),
        (
            "0: exit\n2: exit",
            "line 2, column 1: expected index 1, got 2",
        ),
        ("r1 /= 0", "line 1, column 1: div by zero"),
        ("w1 <<= 32", "line 1, column 1: invalid shift 32"),
        (
            ".foo",
            "line 1, column 1: unknown directive `.foo`, expected .type, .license, .name or .map",
        ),
        (
            ".type",
            "line 1, column 6: expected a program type, got end of line",
        ),
        (
            ".type xdp tc",
            "line 1, column 11: expected end of line, got `tc`",
        ),
        (
            ".license \"GPL",
            "line 1, column 14: expected `\"`, got end of line",
        ),
        (
            ".map m hash four 8 1",
            "line 1, column 13: expected a key size, got `four`",
        ),
        (
            ".map m hash 4 8 1\n.map m hash 4 8 1",
            "line 2, column 6: map `m` is declared twice",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(error(text), wanted, "{text}");
    }
}

#[test]
fn label_out_of_reach_of_a_short_jump_is_refused_and_a_long_one_takes_it() {
    let far = "exit\n".repeat(32_768);
    let wanted =
        "line 1, column 6: the label is 32768 slots away, expected at most 16 bits (use gotol)";
    assert_eq!(error(&format!("goto end\n{far}end: exit")), wanted);
    let long = insns(&format!("gotol end\n{far}end: exit"))[0];
    assert_eq!(
        long,
        Insn::Jump {
            form: JumpForm::Long,
            off: 32_768
        }
    );
    let just = "exit\n".repeat(32_767);
    let short = insns(&format!("goto end\n{just}end: exit"))[0];
    assert_eq!(
        short,
        Insn::Jump {
            form: JumpForm::Short,
            off: 32_767
        }
    );
}

#[test]
fn load_of_every_size_keeps_its_size() {
    let sizes = [
        (Size::B, "u8"),
        (Size::H, "u16"),
        (Size::W, "u32"),
        (Size::DW, "u64"),
    ];
    for (wanted, name) in sizes {
        match insns(&format!("r1 = *({name} *)(r2)"))[0] {
            Insn::Load { size, off: 0, .. } => assert_eq!(size, wanted),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn any_text_assembles_or_is_refused(text in "\\PC{0,60}") {
        let _ = assemble(&text, &Known);
    }

    #[test]
    fn any_words_assemble_or_are_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "r1", "w2", "r10", "=", "+=", "s>", "s>>=", "(", ")", "[", "]", "*", "u32", "s8", "lock",
            "if", "goto", "pc", "+", "-", "7", "0xff", "ll", "call", "callx", "exit", "map", "btf", ":",
            "subprog", "skb", "fd", "idx", ",", "#", "@", "kernel", "label", ".map", ".type", "\"", "\n",
            "atomic64_xchg", "atomic_cmpxchg", "addr_space_cast", "be16", "(bf)", "3:", "label:", ";",
        ]), 0..12),
    ) {
        let text = words.join(" ");
        if let Ok(assembly) = assemble(&text, &Known) {
            let raw = crate::isa::encode_program(&assembly.insns);
            prop_assert_eq!(crate::isa::decode_program(&raw), Ok(assembly.insns));
        }
    }
}
