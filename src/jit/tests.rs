//! What only native code has: trust in what was judged, and slots in registers.

use std::collections::BTreeSet;
use std::sync::Arc;

mod calls;

use super::fixture::Fixture;
use super::{Compiler, Counting, Listing, Stage};
use crate::abi::ProgType;
use crate::code::{Checks, Code, Op};
use crate::machine::Addr;

/// A program as if it had been judged; it must be one that the verifier would accept.
fn judged(fixture: &Fixture, text: &str) -> Code {
    let mut code = fixture.code(text);
    code.checks = Checks::Proven;
    code
}

/// What it gives, counted and uncounted, which must be what the interpreter gives.
#[track_caller]
fn gives(text: &str, expected: u64) {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.interpreted(&fixture.code(text), Addr::NULL).result,
        Ok(expected)
    );
    let code = judged(&fixture, text);
    for counting in [Counting::On, Counting::Off] {
        let outcome = fixture.run_counting(&code, Addr::NULL, counting);
        assert_eq!(outcome.result, Ok(expected), "{counting:?}");
    }
}

fn clif(text: &str) -> Vec<Listing> {
    let fixture = Fixture::new();
    let code = Arc::new(judged(&fixture, text));
    fixture.list(&code, Stage::Clif)
}

/// How many lines of what Cranelift is given have a word.
fn lines_with(text: &str, word: &str) -> usize {
    let listings = clif(text);
    let lines = listings.iter().flat_map(|listing| &listing.lines);
    lines.filter(|(_, line)| line.contains(word)).count()
}

fn stores(listings: &[Listing]) -> usize {
    let lines = listings.iter().flat_map(|listing| &listing.lines);
    lines
        .filter(|(_, line)| line.contains(" store ") || line.contains("istore"))
        .count()
}

#[test]
fn slot_whose_address_stays_is_a_value() {
    let text = "*(u64 *)(r10 - 8) = 7\nr0 = *(u64 *)(r10 - 8)\nexit";
    gives(text, 7);
    assert_eq!(stores(&clif(text)), 0);
}

/// Ends of loops are compiled for each way of a branch: with an exit in the middle, across a jump, with a branch last.
#[test]
fn ends_of_loops_that_are_copied_do_what_they_do() {
    gives(
        "r0 = 0\nr1 = 0\nr2 = r1\nr2 &= 1\nif r2 == 0 goto +1\nr0 += 3\nr1 += 1\nif r1 != 10 goto -6\nexit",
        15,
    );
    gives(
        "r0 = 0\nr1 = 0\ngoto +2\nr1 += 1\nif r1 == 10 goto +6\nr2 = r1\nr2 &= 1\nif r2 == 0 goto +1\nr0 += 3\nr0 += 1\ngoto -8\nexit",
        25,
    );
    gives(
        "r0 = 0\nr1 = 0\nr2 = r1\nr2 &= 1\nif r2 == 0 goto +1\nr0 += 3\nr1 += 1\nif r0 == 9 goto +1\nif r1 != 10 goto -7\nexit",
        9,
    );
}

/// A divisor that was tested needs no guard, but only where nothing else leads, and of the width that was tested.
#[test]
fn division_is_guarded_unless_its_divisor_was_tested() {
    let start = "r0 = 7\nr1 = *(u64 *)(r10 - 8)\n";
    for (rest, expected, branches) in [
        ("if r1 == 0 goto +1\nr0 /= r1\nexit", 7, 1),
        ("if r1 == 0 goto +2\nr2 = 5\nr0 %= r1\nexit", 7, 1),
        ("if w1 == 0 goto +1\nw0 /= w1\nexit", 7, 1),
        ("if w1 == 0 goto +1\nr0 /= r1\nexit", 7, 1),
        ("if r1 == 0 goto +1\nw0 %= w1\nexit", 7, 2),
        ("if r1 == 0 goto +2\nr1 += 1\nr0 /= r1\nexit", 7, 2),
        ("if r1 == 0 goto +1\nr0 += 1\nr0 /= r1\nexit", 0, 2),
        ("if r1 != 0 goto +1\nr0 /= r1\nexit", 0, 2),
        ("if r1 == 1 goto +1\nr0 /= r1\nexit", 0, 2),
        ("if r1 == 0 goto +0\nr0 /= r1\nexit", 0, 2),
        ("if r1 == 0 goto +1\nr0 += 3\nr0 /= r1\nexit", 0, 2),
        (
            "if r2 == 1 goto +1\nif r1 == 0 goto +1\nr0 /= r1\nexit",
            0,
            3,
        ),
        (
            "r1 = 1\nif r1 == 0 goto +3\nr0 /= r1\nr1 += -1\nif r1 == 0 goto -3\nexit",
            0,
            3,
        ),
        (
            "r1 = 0\nr3 = 0\nif r1 == 0 goto +1\nr0 += 3\nr0 /= r1\nr3 += 1\nif r3 != 3 goto -5\nexit",
            0,
            5,
        ),
        ("if r1 == 0 goto +1\nr0 s/= r1\nexit", 7, 2),
    ] {
        let text = format!("*(u64 *)(r10 - 8) = 0\nr2 = 1\n{start}{rest}");
        gives(&text, expected);
        assert_eq!(lines_with(&text, "brif"), branches, "{rest}");
    }
}

/// What one bit is spread over is chosen by the bit, unless what it was spread to was cut.
#[test]
fn spread_bits_choose_what_they_are_spread_over() {
    for (rest, of_3, of_2, chosen) in [
        ("r0 &= 1\nr0 = -r0\nr0 &= -16\nexit", -16_i64 as u64, 0, 1),
        ("w0 &= 1\nw0 = -w0\nw0 &= -16\nexit", 0xffff_fff0, 0, 1),
        ("r0 &= 1\nr0 = -r0\nw0 &= -16\nexit", 0xffff_fff0, 0, 1),
        ("w0 &= 1\nw0 = -w0\nr0 &= -16\nexit", 0xffff_fff0, 0, 0),
        (
            "r0 &= 1\nr0 = -r0\nw0 = w0\nr0 &= -16\nexit",
            0xffff_fff0,
            0,
            0,
        ),
        (
            "r0 &= 1\nr0 = -r0\nr0 = le16 r0\nw0 &= -16\nexit",
            0xfff0,
            0,
            0,
        ),
        ("r0 &= 3\nr0 = -r0\nr0 &= 5\nexit", 5, 4, 0),
        ("r0 &= 1\nr0 = -r0\nr0 |= 5\nexit", u64::MAX, 5, 0),
    ] {
        for (number, expected) in [(3, of_3), (2, of_2)] {
            let text = format!("*(u64 *)(r10 - 8) = {number}\nr0 = *(u64 *)(r10 - 8)\n{rest}");
            gives(&text, expected);
            assert_eq!(lines_with(&text, "select"), chosen, "{rest}");
        }
    }
}

/// Code that always started where a page does would share a few sets of the instruction cache.
#[test]
fn programs_start_at_different_lines_of_a_page() {
    let fixture = Fixture::new();
    let compiler = Compiler::new().expect("there is native code for the host");
    let code = Arc::new(judged(&fixture, "r0 = 0\nexit"));
    let compile = |_| compiler.compile(&code, Counting::Off).expect("compiles");
    let natives: Vec<_> = (0..16).map(compile).collect();
    let line = |start: u64| (start % 4096) / 64;
    let lines = natives.iter().map(|native| line(native.landing().call));
    let distinct: BTreeSet<u64> = lines.collect();
    assert_eq!(distinct.len(), natives.len());
}

#[test]
fn slot_that_is_read_in_parts_stays_in_memory() {
    let text = "*(u64 *)(r10 - 8) = 0x1234\nr0 = *(u8 *)(r10 - 7)\nexit";
    gives(text, 0x12);
    assert!(stores(&clif(text)) > 0);
}

#[test]
fn slot_that_an_atomic_operation_touches_is_cleared_and_stays_in_memory() {
    // The first operation's result must not hide that r0 still points into the frame.
    gives(
        "r1 = 5
         r0 = r10
         r0 += -64
         *(u64 *)(r10 - 48) = 2
         r1 = atomic64_fetch_and((u64 *)(r0 + 16), r1)
         r1 = atomic_fetch_xor((u32 *)(r0 + 60), r1)
         r0 = r1
         exit",
        0,
    );
}

#[test]
fn frame_that_another_run_left_dirty_reads_zero() {
    let fixture = Fixture::new();
    let dirty = judged(
        &fixture,
        "r1 = r10\nr1 += -8\n*(u64 *)(r1 + 0) = 99\n*(u32 *)(r10 - 4) = 3\nr0 = 0\nexit",
    );
    let reader = judged(
        &fixture,
        "r0 = *(u64 *)(r10 - 8)\nr1 = *(u32 *)(r10 - 4)\nr0 += r1\nexit",
    );
    assert_eq!(fixture.run(&dirty, Addr::NULL).result, Ok(0));
    assert_eq!(fixture.run(&reader, Addr::NULL).result, Ok(0));
}

#[test]
fn subprogram_called_in_a_loop_gives_the_same_compiled_in_or_not() {
    let body = "r0 ^= 3\n".repeat(80);
    for filler in ["", &body] {
        let text = format!(
            "r6 = 0\nr7 = 10\nagain:\nr1 = r6\nr2 = r7\ncall inner\nr6 = r0\nr7 += -1\nif r7 != 0 goto again\nr0 = r6\nexit\n\
             inner:\n*(u64 *)(r10 - 8) = r2\nr0 = r1\n{filler}r3 = *(u64 *)(r10 - 8)\nr0 += r3\nexit"
        );
        gives(&text, 55);
    }
}

#[test]
fn probed_load_of_nothing_reads_zero_in_native_code() {
    let fixture = Fixture::new();
    let mut code = judged(&fixture, "r1 = 64\nr0 = *(u64 *)(r1 + 0)\nexit");
    for op in &mut code.ops {
        if let Op::Load(load) | Op::LoadContext(load) = *op {
            *op = Op::LoadProbed(load);
        }
    }
    assert_eq!(fixture.run(&code, Addr::NULL).result, Ok(0));
}

#[test]
fn uncounted_loop_without_an_end_still_stops() {
    let mut fixture = Fixture::new();
    fixture.fuel = 1000;
    let code = fixture.lower(
        ProgType::SocketFilter,
        &crate::isa::asm::assemble("again:\ngoto again\nexit", &crate::isa::asm::NoSymbols)
            .expect("assembles")
            .insns,
    );
    let outcome = fixture.run_counting(&code, Addr::NULL, Counting::Off);
    assert_eq!(outcome.insns, None);
    assert!(outcome.result.is_err());
}
