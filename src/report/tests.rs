use std::sync::Arc;

use super::{ProgramNames, Style, rejection, slots, trap};
use crate::abi::ProgType;
use crate::code::{Cause, Trap};
use crate::isa::asm::{NoSymbols, assemble};
use crate::isa::{Names as _, Pc, RawInsn, Reg, encode_program};
use crate::object::{Line, Program};
use crate::verifier::{Env, Errno, Rejection, Stats, reason, verify};

/// A program of assembly text, each instruction on a source line of its own.
fn program(text: &str) -> Program {
    let assembly = assemble(text, &NoSymbols).unwrap();
    let mut program = Program::from_raw(
        "filter",
        ProgType::SocketFilter,
        encode_program(&assembly.insns),
    );
    let texts: Vec<&str> = text.lines().collect();
    let line = |(pc, &line): (u32, &u32)| Line {
        pc: Pc(pc),
        file: "./dir/filter.s".into(),
        line,
        column: 1,
        text: texts[line as usize - 1].into(),
    };
    program.lines = (0..).zip(&assembly.lines).map(line).collect();
    program
}

fn refused(program: Program) -> (Arc<Program>, Box<Rejection>) {
    let program = Arc::new(program);
    let refusal = verify(&program, &Env::default()).unwrap_err();
    (program, refusal)
}

/// A rejection that names nothing but a sentence.
fn bare(message: &str) -> Rejection {
    Rejection {
        message: message.to_owned(),
        detail: None,
        errno: Errno::Invalid,
        pc: None,
        registers: Vec::new(),
        kind: None,
        path: Vec::new(),
        stats: Stats::default(),
        log: String::new(),
        unsupported: false,
    }
}

#[test]
fn rejection_with_source_shows_line_instruction_register_and_way() {
    let (program, refusal) = refused(program("r2 = 1\nr3 = 2\nr0 = r5\nexit"));
    let text = rejection(&program, &refusal, Style::Plain);
    let want = "\
error[E001]: R5 !read_ok
 --> dir/filter.s:3:1
  |
3 | r0 = r5
  | ^^
  |
 ::: instructions of filter:2:1
  |
0 | (b7) r2 = 1
1 | (b7) r3 = 2
2 | (bf) r0 = r5
  | ^^^^^^^^^^^^ refused at instruction 2
3 | (95) exit
  |";
    assert!(text.starts_with(want), "{text}");
    assert!(text.contains("the way there:\n"), "{text}");
    assert!(text.contains("dir/filter.s:1: r2 = 1\n"), "{text}");
    assert!(text.contains("= help: "), "{text}");
}

#[test]
fn rejection_without_line_info_shows_the_listing_only() {
    let mut program = program("r0 = r5\nexit");
    program.lines.clear();
    let (program, refusal) = refused(program);
    let text = rejection(&program, &refusal, Style::Plain);
    assert!(text.contains("instructions of filter:0:1"), "{text}");
    assert!(!text.contains("filter.s"), "{text}");
    assert!(!text.contains("the way there"), "{text}");
}

#[test]
fn rejection_with_lines_without_text_names_file_and_line() {
    let mut program = program("r0 = r5\nexit");
    for line in &mut program.lines {
        line.text = "".into();
    }
    let (program, refusal) = refused(program);
    let text = rejection(&program, &refusal, Style::Plain);
    assert!(text.contains("--> dir/filter.s:1:1\n"), "{text}");
}

#[test]
fn rejection_without_pc_is_sentence_and_help() {
    let program = program("exit");
    let refusal = Rejection {
        kind: reason::of("div by zero"),
        ..bare("too much")
    };
    let text = rejection(&program, &refusal, Style::Plain);
    assert_eq!(text.lines().next(), Some("error[E012]: too much"));
    assert!(text.contains("= help: divide by something else"), "{text}");
    assert!(!text.contains("-->"), "{text}");
}

#[test]
fn rejection_of_registers_notes_each() {
    let program = program("exit");
    let registers = vec![(Reg::R0, "scalar()".to_owned()), (Reg::R6, String::new())];
    let text = rejection(
        &program,
        &Rejection {
            registers,
            ..bare("no")
        },
        Style::Plain,
    );
    assert!(text.contains("r0 = scalar()"), "{text}");
    assert!(text.contains("r6 holds nothing"), "{text}");
}

#[test]
fn rejection_of_the_unsupported_says_whose_fault_it_is() {
    let program = program("exit");
    let text = rejection(
        &program,
        &Rejection {
            unsupported: true,
            ..bare("no")
        },
        Style::Plain,
    );
    assert!(text.contains("a kernel may accept it"), "{text}");
}

#[test]
fn rejection_with_places_out_of_range_is_drawn_all_the_same() {
    let mut program = program("r0 = r5\nexit");
    program.lines[0].column = u32::MAX;
    program.lines[0].text = "\u{e9}\u{4e2d} x".into();
    for pc in [0, 1, 2, u32::MAX] {
        let refusal = Rejection {
            pc: Some(Pc(pc)),
            ..bare("no")
        };
        assert!(rejection(&program, &refusal, Style::Plain).starts_with("error: no"));
    }
    program.lines[0].column = 2;
    let refusal = Rejection {
        pc: Some(Pc(0)),
        ..bare("no")
    };
    assert!(rejection(&program, &refusal, Style::Plain).starts_with("error: no"));
}

#[test]
fn style_decides_on_escape_sequences() {
    let (program, refusal) = refused(program("r0 = r5\nexit"));
    assert!(!rejection(&program, &refusal, Style::Plain).contains('\u{1b}'));
    assert!(rejection(&program, &refusal, Style::Coloured).contains('\u{1b}'));
}

#[test]
fn trap_shows_place_and_cause() {
    let program = program("r0 = 0\nexit");
    let cause = Cause::OutOfFuel { limit: 9 };
    let text = trap(
        &program,
        &Trap {
            program: "filter".into(),
            pc: Pc(1),
            cause,
        },
        Style::Plain,
    );
    assert!(
        text.starts_with("error: out of fuel after 9 instructions\n"),
        "{text}"
    );
    assert!(text.contains("trapped at instruction 1"), "{text}");
    assert!(text.contains("dir/filter.s:2:1"), "{text}");
}

#[test]
fn slots_of_broken_code_say_so() {
    let broken = RawInsn {
        opcode: 0xff,
        ..RawInsn::default()
    };
    let program = Program::from_raw("raw", ProgType::Xdp, vec![broken]);
    let slots = slots(&program);
    assert_eq!(slots.len(), 1);
    assert_eq!(slots[0].insn, None);
    assert!(
        slots[0].text.starts_with("invalid instruction: "),
        "{}",
        slots[0].text
    );
}

#[test]
fn slots_of_wide_immediates_have_an_empty_second_half() {
    let program = program("r1 = 7 ll\nexit");
    let texts: Vec<String> = slots(&program).iter().map(|slot| slot.log_line()).collect();
    assert_eq!(texts, ["(18) r1 = 0x7", "", "(95) exit"]);
}

#[test]
fn names_of_a_program_are_helpers_and_maps() {
    let program = program("exit");
    let names = ProgramNames(&program);
    assert_eq!(names.helper(1), Some("bpf_map_lookup_elem"));
    assert_eq!(names.map(0), None);
    assert_eq!(names.map(-1), None);
}
