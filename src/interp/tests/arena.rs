//! Arenas in programs that nobody judged.

use std::sync::Arc;

use crate::code::{Cause, MapBinding, Outcome, lower_unverified};
use crate::interp::fixture::Fixture;
use crate::machine::{Addr, Arena, FaultReason};
use crate::maps::Map;
use crate::object::Program;

/// Where the arena of these tests begins: so far into its window.
const FIRST: u64 = 0x1000_0000;

/// Runs a program with an arena, of which `set` takes pages; it is run with the arena's address in user space in `r6`.
fn run(set: impl Fn(&Arena), body: &str) -> (Outcome, Fixture, Arc<Map>) {
    let mut fixture = Fixture::new();
    let text = format!(
        ".type socket_filter\n.map shared arena 0 0 4 0x400\nr6 = map[shared][0]+0 ll\n{body}"
    );
    let program = Program::from_assembly("test.s", &text).expect("it assembles");
    let map = Map::create(&fixture.machine, &program.maps[0]).expect("it is made");
    set(map.arena().expect("it is one").pages());
    fixture.bindings.maps = vec![MapBinding::of(&map)];
    let code = lower_unverified(&program, &fixture.bindings).expect("it lowers");
    (fixture.run(&code, Addr::NULL), fixture, map)
}

fn one_page(arena: &Arena) {
    assert!(arena.allocate(None, 1).is_some());
}

#[test]
fn arena_is_reached_by_the_low_half_of_its_addresses() {
    let (outcome, _, map) = run(
        one_page,
        "r1 = addr_space_cast(r6, 0, 1)
         r2 = 7
         *(u32 *)(r1 +4) = r2
         *(u16 *)(r1 +8) = 258
         lock *(u32 *)(r1 +4) += r2
         r0 = *(u64 *)(r1 +4)
         exit",
    );
    assert_eq!(outcome.result, Ok(0x0102_0000_000e));
    let mut bytes = [0; 6];
    let arena = map.arena().expect("it is one").pages();
    arena.read(4, &mut bytes).expect("it is inside");
    assert_eq!(bytes, [14, 0, 0, 0, 2, 1]);
}

#[test]
fn pointer_cast_back_is_the_address_of_user_space() {
    let body = "r1 = addr_space_cast(r6, 0, 1)\nr0 = r1\nr1 = addr_space_cast(r1, 1, 0)\n\
                if r1 == r6 goto +1\nr0 = 0\nexit";
    assert_eq!(run(one_page, body).0.result, Ok(FIRST));
    let null = "r1 = 0\nr0 = addr_space_cast(r1, 1, 0)\nexit";
    assert_eq!(run(one_page, null).0.result, Ok(0));
}

#[test]
fn access_without_a_page_reads_zero_and_changes_no_register() {
    let body = "r1 = addr_space_cast(r6, 0, 1)
         r2 = 9
         *(u64 *)(r1 +0) = r2
         r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)
         r0 = *(u64 *)(r1 +0)
         r0 += r2
         exit";
    assert_eq!(run(|_| {}, body).0.result, Ok(9));
}

#[test]
fn null_pointer_and_wild_address_still_trap() {
    for (body, reason) in [
        ("r1 = 0\nr0 = *(u64 *)(r1 +8)\nexit", FaultReason::Null),
        (
            "r1 = 1\nr1 <<= 60\n*(u64 *)(r1 +8) = 1\nexit",
            FaultReason::Wild,
        ),
    ] {
        let (outcome, ..) = run(one_page, body);
        let Cause::Memory(fault) = outcome.result.expect_err("it traps").cause else {
            panic!("it is an access")
        };
        assert_eq!(fault.reason(), reason);
    }
}

#[test]
fn stack_and_context_are_no_arena() {
    let body = "r1 = r10\nr1 += -8\nr2 = 5\n*(u64 *)(r1 +0) = r2\nr0 = *(u64 *)(r10 -8)\nexit";
    assert_eq!(run(one_page, body).0.result, Ok(5));
}
