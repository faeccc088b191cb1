//! Subprograms, callbacks, tail calls, budgets.

use std::sync::Arc;

use super::super::fixture::Fixture;
use crate::abi::MapType;
use crate::code::{Cause, Code, MAX_FRAMES, MapBinding};
use crate::isa::{Pc, Reg};
use crate::machine::Addr;
use crate::maps::Map;
use crate::object::{Initial, MapSpec, Origin, Pinning};

fn cause(fixture: &Fixture, text: &str) -> (Pc, Cause) {
    let trap = fixture.run_text(text).result.expect_err("traps");
    (trap.pc, trap.cause)
}

#[test]
fn subprogram_returns_r0_and_preserves_r6_to_r9_and_the_stack() {
    let fixture = Fixture::new();
    let outcome = fixture.run_text(
        "
        r6 = 6
        r7 = 7
        r8 = 8
        r9 = 9
        *(u64 *)(r10 - 8) = 100
        r1 = 5
        call twice
        r0 += r6
        r0 += r7
        r0 += r8
        r0 += r9
        r1 = *(u64 *)(r10 - 8)
        r0 += r1
        exit
      twice:
        r6 = 0
        r7 = 0
        r8 = 0
        r9 = 0
        *(u64 *)(r10 - 8) = 0
        r0 = r1
        r0 += r1
        exit",
    );
    assert_eq!(outcome.result, Ok(10 + 30 + 100));
    assert_eq!(outcome.insns, Some(22));
}

#[test]
fn subprogram_reads_its_callers_stack_but_not_past_its_own() {
    let fixture = Fixture::new();
    let pass = "r1 = r10\nr1 += -8\n*(u64 *)(r10 - 8) = 42\ncall inner\nexit\ninner:\n";
    assert_eq!(
        fixture
            .run_text(&format!("{pass}r0 = *(u64 *)(r1 + 0)\nexit"))
            .result,
        Ok(42)
    );
    let (pc, cause) = cause(&fixture, &format!("{pass}r0 = *(u64 *)(r10 - 520)\nexit"));
    let Cause::Memory(fault) = cause else {
        panic!("{cause:?}")
    };
    assert_eq!(pc, Pc(5));
    assert_eq!(fault.object().map(|object| &*object.name), Some("frame 1"));
}

#[test]
fn recursion_beyond_eight_frames_traps() {
    let fixture = Fixture::new();
    let depth = |calls: usize| {
        let text = "r1 = COUNT\ncall inner\nexit\ninner:\nif r1 == 0 goto out\nr1 += -1\ncall inner\nout:\nr0 = 3\nexit";
        text.replace("COUNT", &calls.to_string())
    };
    assert_eq!(fixture.run_text(&depth(MAX_FRAMES - 2)).result, Ok(3));
    let (pc, cause) = cause(&fixture, &depth(MAX_FRAMES - 1));
    assert_eq!((pc, cause), (Pc(5), Cause::CallDepth { limit: MAX_FRAMES }));
}

#[test]
fn callx_calls_what_the_register_holds() {
    let fixture = Fixture::new();
    let text = "r2 = subprog[inner]\ncallx r2\nexit\ninner:\nr0 = 77\nexit";
    assert_eq!(fixture.run_text(text).result, Ok(77));
    let (pc, cause) = cause(&fixture, "r2 = 4096\ncallx r2\nexit");
    assert_eq!(pc, Pc(1));
    assert_eq!(
        cause,
        Cause::BadCallTarget {
            reg: Reg::R2,
            value: 0x1000
        }
    );
}

#[test]
fn function_handle_is_no_memory() {
    let fixture = Fixture::new();
    let text = "r2 = subprog[inner]\nr0 = *(u8 *)(r2 + 0)\nexit\ninner:\nr0 = 0\nexit";
    assert!(matches!(cause(&fixture, text).1, Cause::Memory(_)));
}

#[test]
fn endless_loop_runs_out_of_fuel() {
    let mut fixture = Fixture::new();
    fixture.fuel = 1000;
    let outcome = fixture.run_text("again:\ngoto again\nexit");
    assert_eq!(outcome.insns, Some(1000));
    let trap = outcome.result.expect_err("traps");
    assert_eq!(
        (trap.pc, trap.cause),
        (Pc(0), Cause::OutOfFuel { limit: 1000 })
    );
}

#[test]
fn may_goto_jumps_when_the_functions_budget_is_spent() {
    let fixture = Fixture::new();
    let text = "r0 = 0\nagain:\nmay_goto out\nr0 += 1\ngoto again\nout:\nexit";
    assert_eq!(fixture.run_text(text).result, Ok(8 * 1024 * 1024));
}

#[test]
fn bpf_loop_calls_back_with_index_and_data() {
    let fixture = Fixture::new();
    let text = |count: u32, stop: u32| {
        format!(
            "
            *(u64 *)(r10 - 8) = 0
            r1 = {count}
            r2 = subprog[body]
            r3 = r10
            r3 += -8
            r4 = 0
            call bpf_loop
            r6 = r0
            r0 = *(u64 *)(r10 - 8)
            r6 <<= 32
            r0 |= r6
            exit
          body:
            r3 = *(u64 *)(r2 + 0)
            r3 += r1
            *(u64 *)(r2 + 0) = r3
            r0 = 0
            if r1 != {stop} goto out
            r0 = 1
          out:
            exit"
        )
    };
    assert_eq!(fixture.run_text(&text(10, 99)).result, Ok(10 << 32 | 45));
    assert_eq!(
        fixture.run_text(&text(10, 3)).result,
        Ok(4 << 32 | 6),
        "a callback may stop it"
    );
    let outcome = fixture.run_text(&text(0, 0));
    assert_eq!((outcome.result, outcome.insns), (Ok(0), Some(13 - 1)));
}

#[test]
fn trap_in_a_callback_names_the_callbacks_instruction() {
    let fixture = Fixture::new();
    let text = "r1 = 5\nr2 = subprog[body]\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit\nbody:\nr0 = *(u8 *)(r2 + 0)\nexit";
    let (pc, cause) = cause(&fixture, text);
    assert_eq!(pc, Pc(7));
    assert!(matches!(cause, Cause::Memory(_)));
}

#[test]
fn callback_that_is_no_function_traps_at_the_call() {
    let fixture = Fixture::new();
    let (pc, cause) = cause(
        &fixture,
        "r1 = 5\nr2 = 1\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit",
    );
    assert_eq!((pc, cause), (Pc(4), Cause::BadCallback { value: 1 }));
}

#[test]
fn callbacks_count_and_burn_fuel() {
    let mut fixture = Fixture::new();
    fixture.fuel = 500;
    let text =
        "r1 = 1000\nr2 = subprog[body]\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit\nbody:\nr0 = 0\nexit";
    let outcome = fixture.run_text(text);
    assert_eq!(outcome.insns, Some(500));
    assert_eq!(
        outcome.result.map_err(|trap| trap.cause),
        Err(Cause::OutOfFuel { limit: 500 })
    );
}

#[test]
fn helper_given_bad_memory_traps_by_name() {
    let fixture = Fixture::new();
    let (pc, cause) = cause(
        &fixture,
        "r1 = r10\nr2 = 16\ncall bpf_get_current_comm\nexit",
    );
    assert_eq!(pc, Pc(2));
    let message = cause.to_string();
    assert!(
        message.starts_with("bpf_get_current_comm: write of 16 bytes at 512 in stack frame 0"),
        "{message}"
    );
}

#[test]
fn legacy_load_without_a_packet_traps() {
    let fixture = Fixture::new();
    assert_eq!(
        cause(&fixture, "r0 = *(u16 *)skb[12]\nexit").1,
        Cause::NoPacket
    );
}

#[test]
fn running_past_the_end_is_a_trap_not_a_panic() {
    let fixture = Fixture::new();
    let mut code: Code = fixture.code("r0 = 0\nexit");
    code.ops.pop();
    let trap = fixture.run(&code, Addr::NULL).result.expect_err("traps");
    assert_eq!(trap.cause, Cause::PastEnd);
    assert_eq!(trap.program, Arc::from("test"));
}

/// A program array with these programs from index 0, under ids from 1; its handle.
fn prog_array(fixture: &mut Fixture, programs: &[&str]) -> u64 {
    use crate::machine::ProgId;
    let spec = MapSpec {
        name: "jumps".to_owned(),
        map_type: MapType::ProgArray,
        key_size: 4,
        value_size: 4,
        max_entries: 8,
        flags: 0,
        extra: 0,
        key_type: None,
        value_type: None,
        fields: crate::object::Fields::default(),
        inner: None,
        initial: Initial::Empty,
        origin: Origin::Declared,
        pinning: Pinning::None,
    };
    let map = Map::create(&fixture.machine, &spec).expect("creates");
    fixture.bindings.maps = vec![MapBinding::of(&map)];
    for (index, text) in (0..).zip(programs) {
        let id = ProgId(index + 1);
        let code = fixture.code(text);
        fixture.programs.insert(id, Arc::new(code));
        let array = map.programs().expect("is one");
        array
            .set(&fixture.machine.memory, index, Some(id))
            .expect("has room");
    }
    fixture.maps.insert(map.clone());
    map.handle.0
}

const TAIL_CALL: &str = "r2 = map[fd:0]\nr3 = INDEX\ncall bpf_tail_call\n";

#[test]
fn tail_call_goes_on_in_the_other_program_with_the_context() {
    let mut fixture = Fixture::new();
    prog_array(
        &mut fixture,
        &["r0 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r10 - 8)\nr0 += r2\nexit"],
    );
    let ctx = fixture.data(&41_u64.to_le_bytes());
    let text = format!(
        "*(u64 *)(r10 - 8) = 100\n{}r0 = 1\nexit",
        TAIL_CALL.replace("INDEX", "0")
    );
    let outcome = fixture.run(&fixture.code(&text), ctx);
    assert_eq!(
        (outcome.result, outcome.tail_calls, outcome.insns),
        (Ok(41), 1, Some(8))
    );
}

#[test]
fn tail_call_to_nothing_falls_through() {
    let mut fixture = Fixture::new();
    prog_array(&mut fixture, &["r0 = 9\nexit"]);
    for index in ["1", "8", "-1"] {
        let text = format!("{}r0 = 1\nexit", TAIL_CALL.replace("INDEX", index));
        let outcome = fixture.run_text(&text);
        assert_eq!((outcome.result, outcome.tail_calls), (Ok(1), 0), "{index}");
    }
}

#[test]
fn thirty_fourth_tail_call_falls_through() {
    let mut fixture = Fixture::new();
    let again = format!("{}r0 = 7\nexit", TAIL_CALL.replace("INDEX", "0"));
    prog_array(&mut fixture, &[]);
    let handle = fixture.bindings.maps[0].handle;
    let code = Arc::new(fixture.code(&again));
    fixture
        .programs
        .insert(crate::machine::ProgId(5), code.clone());
    let map = fixture
        .maps
        .by_handle(&fixture.machine.memory, Addr(handle))
        .expect("exists");
    let array = map.programs().expect("is one");
    array
        .set(&fixture.machine.memory, 0, Some(crate::machine::ProgId(5)))
        .expect("has room");
    let outcome = fixture.run(&code, Addr::NULL);
    assert_eq!((outcome.result, outcome.tail_calls), (Ok(7), 33));
}

#[test]
fn tail_call_in_a_subprogram_returns_to_its_caller() {
    let mut fixture = Fixture::new();
    prog_array(&mut fixture, &["r6 = 0\nr0 = 5\nexit"]);
    let text = format!(
        "r6 = 30\n*(u64 *)(r10 - 8) = 2\ncall inner\nr0 += r6\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit\ninner:\n{}r0 = 1\nexit",
        TAIL_CALL.replace("INDEX", "0")
    );
    assert_eq!(fixture.run_text(&text).result, Ok(37));
}

#[test]
fn trap_after_a_tail_call_names_the_program_that_ran() {
    let mut fixture = Fixture::new();
    prog_array(&mut fixture, &["r0 = *(u64 *)(r10 + 0)\nexit"]);
    let id = crate::machine::ProgId(1);
    let mut other = Code::clone(fixture.programs.get(id).expect("is there"));
    other.name = Arc::from("other");
    fixture.programs.insert(id, Arc::new(other));
    let text = format!("r0 = 0\n{}exit", TAIL_CALL.replace("INDEX", "0"));
    let trap = fixture.run_text(&text).result.expect_err("traps");
    assert_eq!((&*trap.program, trap.pc), ("other", Pc(0)));
}
