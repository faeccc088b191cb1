//! Calls that go straight to a map or another program, beside what the interpreter makes of them.

use std::sync::Arc;

use super::super::Counting;
use super::super::fixture::Fixture;
use super::judged;
use crate::abi::MapType;
use crate::abi::privilege::{Capabilities, Capability};
use crate::code::MapBinding;
use crate::machine::{Addr, ProgId};
use crate::maps::Map;
use crate::object::{Initial, MapSpec, Origin, Pinning};

/// A map: type, sizes of key and value, entries.
fn spec(map_type: MapType, key_size: u32, value_size: u32, max_entries: u32) -> MapSpec {
    let flags = match map_type {
        MapType::LpmTrie => 1,
        _ => 0,
    };
    MapSpec {
        name: "map".to_owned(),
        map_type,
        key_size,
        value_size,
        max_entries,
        flags,
        extra: 0,
        key_type: None,
        value_type: None,
        fields: crate::object::Fields::default(),
        inner: None,
        initial: Initial::Empty,
        origin: Origin::Declared,
        pinning: Pinning::None,
    }
}

/// A machine with such a map.
fn with_map(map_type: MapType, key_size: u32, value_size: u32, max_entries: u32) -> Fixture {
    let spec = spec(map_type, key_size, value_size, max_entries);
    let mut fixture = Fixture::new();
    hold(&mut fixture, &spec);
    fixture
}

/// Makes the machine's only map.
fn hold(fixture: &mut Fixture, spec: &MapSpec) {
    let map = Map::create(&fixture.machine, spec).expect("creates");
    fixture.bindings.maps = vec![MapBinding::of(&map)];
    fixture.maps.insert(map);
}

/// What a program gives on a new machine each time: interpreted, and compiled as if it had been
/// judged. They must be the same.
#[track_caller]
fn gives(machine: &dyn Fn() -> Fixture, text: &str) -> u64 {
    let fixture = machine();
    let interpreted = fixture.interpreted(&fixture.code(text), Addr::NULL);
    let expected = interpreted.result.expect("no trap");
    for counting in [Counting::On, Counting::Off] {
        let fixture = machine();
        let outcome = fixture.run_counting(&judged(&fixture, text), Addr::NULL, counting);
        assert_eq!(outcome.result, Ok(expected), "{counting:?}");
        assert_eq!(outcome.tail_calls, interpreted.tail_calls);
        if counting == Counting::On {
            assert_eq!(outcome.insns, interpreted.insns);
        }
    }
    expected
}

/// Puts a key on the stack byte by byte, `r6` times in its last byte.
fn key(size: u32) -> String {
    let byte = |at: u32| format!("*(u8 *)(r10 - {}) = {}\n", 24 - at, at + 1);
    let last = format!("*(u8 *)(r10 - {}) = r6\n", 25 - size);
    (0..size - 1).map(byte).collect::<String>() + &last + "r2 = r10\nr2 += -24\n"
}

#[test]
fn hash_map_finds_updates_and_deletes_keys_of_any_size_put_together_from_bytes() {
    for map_type in [MapType::Hash, MapType::LruHash, MapType::PercpuHash] {
        for (size, value_size) in [
            (1, 8),
            (3, 8),
            (4, 8),
            (8, 8),
            (12, 8),
            (16, 8),
            (17, 8),
            (8, 72),
        ] {
            let update = "*(u64 *)(r10 - 96) = r6\nr3 = r10\nr3 += -96\nr4 = 0\nr1 = map[fd:0]\ncall bpf_map_update_elem\nr7 += r0\n";
            let lookup = "r1 = map[fd:0]\ncall bpf_map_lookup_elem\nif r0 == 0 goto none\nr0 = *(u64 *)(r0 + 0)\nr7 += r0\nnone:\n";
            let delete = "r1 = map[fd:0]\ncall bpf_map_delete_elem\nr7 += r0\n";
            let key = key(size);
            let text = format!(
                "r6 = 1\nr7 = 0\nagain:\n{key}{update}r6 += 1\nif r6 != 7 goto again\n\
                 r6 = 4\n{key}{delete}{key}{delete}\
                 r6 = 1\nmore:\nr7 <<= 4\n{key}{}r6 += 1\nif r6 != 9 goto more\nr0 = r7\nexit",
                lookup
            );
            let found = gives(&|| with_map(map_type, size, value_size, 64), &text);
            // 4 was deleted, and then not there; 7 and 8 never were.
            let missing = (-2_i64 as u64) << 32;
            assert_eq!(
                found,
                missing.wrapping_add(0x1230_5600),
                "{map_type} {size}"
            );
        }
    }
}

#[test]
fn keys_of_several_maps_may_lie_in_one_word() {
    let machine = || {
        let mut fixture = with_map(MapType::Hash, 8, 8, 8);
        for (map_type, key_size) in [(MapType::Array, 4), (MapType::Hash, 4)] {
            let spec = spec(map_type, key_size, 8, 4);
            let map = Map::create(&fixture.machine, &spec).expect("creates");
            fixture.bindings.maps.push(MapBinding::of(&map));
            fixture.maps.insert(map);
        }
        fixture
    };
    let look = |map: u32, off: u32, bit: u32| {
        format!(
            "r2 = r10\nr2 += -{off}\nr1 = map[fd:{map}]\ncall bpf_map_lookup_elem\nif r0 == 0 goto none{bit}\nr7 |= {bit}\nnone{bit}:\n"
        )
    };
    let fill = "*(u32 *)(r10 - 16) = 3\n*(u64 *)(r10 - 24) = 0\nr2 = r10\nr2 += -16\nr3 = r10\nr3 += -24\nr4 = 0\nr1 = map[fd:2]\ncall bpf_map_update_elem\n";
    let text = format!(
        "r7 = 0\n{fill}r6 = -1\n*(u64 *)(r10 - 8) = r6\n{}*(u32 *)(r10 - 8) = 3\n{}{}*(u32 *)(r10 - 4) = 2\n{}{}r0 = r7\nexit",
        look(0, 8, 1),
        look(1, 8, 2),
        look(2, 8, 4),
        look(1, 4, 8),
        look(2, 4, 16)
    );
    assert_eq!(gives(&machine, &text), 2 + 4 + 8);
}

#[test]
fn full_hash_map_refuses_and_flags_are_heeded() {
    let update = |flags: u32| {
        format!(
            "*(u64 *)(r10 - 16) = r6\nr3 = r10\nr3 += -16\nr4 = {flags}\n{}r1 = map[fd:0]\ncall bpf_map_update_elem\nr7 *= 1000\nr7 += r0\n",
            key(8)
        )
    };
    let text = format!(
        "r7 = 0\nr6 = 1\n{}{}r6 = 2\n{}{}{}r6 = 3\n{}r0 = r7\nexit",
        update(0),
        update(1),
        update(2),
        update(0),
        update(9),
        update(0)
    );
    gives(&|| with_map(MapType::Hash, 8, 8, 2), &text);
}

#[test]
fn prefix_map_finds_the_longest_prefix_of_a_key_put_together() {
    let update = |len: u32, second: u32, value: u32| {
        format!(
            "*(u32 *)(r10 - 16) = {len}\n*(u8 *)(r10 - 12) = 10\n*(u8 *)(r10 - 11) = {second}\n*(u16 *)(r10 - 10) = 0\n\
             *(u32 *)(r10 - 20) = {value}\nr2 = r10\nr2 += -16\nr3 = r10\nr3 += -20\nr4 = 0\nr1 = map[fd:0]\ncall bpf_map_update_elem\n"
        )
    };
    let lookup = "*(u32 *)(r10 - 8) = 32\n*(u32 *)(r10 - 4) = 10\n*(u8 *)(r10 - 3) = r6\nr2 = r10\nr2 += -8\nr1 = map[fd:0]\n\
                  call bpf_map_lookup_elem\nr7 <<= 4\nif r0 == 0 goto none\nr0 = *(u32 *)(r0 + 0)\nr7 += r0\nnone:\n";
    let text = format!(
        "{}{}{}r6 = 0\nr7 = 0\nagain:\n{lookup}r6 += 1\nif r6 != 4 goto again\nr0 = r7\nexit",
        update(8, 0, 1),
        update(16, 1, 2),
        update(15, 2, 3)
    );
    assert_eq!(
        gives(&|| with_map(MapType::LpmTrie, 8, 4, 8), &text),
        0x1233
    );
}

#[test]
fn ring_buffer_reserves_and_sends_until_it_is_full() {
    let text = "r6 = 0\nr7 = 0\nagain:\nr1 = map[fd:0]\nr2 = 1000\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto full\n\
                r1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\nr7 += 1\nfull:\n*(u64 *)(r10 - 8) = r6\nr1 = map[fd:0]\nr2 = r10\nr2 += -8\n\
                r3 = 8\nr4 = 0\ncall bpf_ringbuf_output\nr7 += r0\nr6 += 1\nif r6 != 300 goto again\nr0 = r7\nexit";
    gives(&|| with_map(MapType::Ringbuf, 0, 0, 4096), text);
}

const TAIL_CALL: &str = "r2 = map[fd:0]\ncall bpf_tail_call\n";

/// A machine with an array of judged programs, from index 0.
fn with_programs(texts: &[String]) -> Fixture {
    filled(with_map(MapType::ProgArray, 4, 4, 8), texts)
}

/// The same, with judged programs in its array.
fn filled(mut fixture: Fixture, texts: &[String]) -> Fixture {
    for (index, text) in (0..).zip(texts) {
        let id = ProgId(index + 1);
        let code = judged(&fixture, text);
        fixture.programs.insert(id, Arc::new(code));
        let map = fixture.maps.iter().next().expect("there is one");
        let programs = map.programs().expect("it is one of programs");
        let set = programs.set(&fixture.machine.memory, index, Some(id));
        set.expect("there is room");
    }
    fixture
}

#[test]
fn judged_programs_jump_to_each_other_as_often_as_they_may() {
    let again = format!("r3 = 0\n{TAIL_CALL}r0 += 100\nexit");
    let fixture = || with_programs(std::slice::from_ref(&again));
    // What is left is the error of the call that went too far.
    assert_eq!(gives(&fixture, &again), 93);
}

#[test]
fn judged_program_falls_through_where_the_array_has_none() {
    let fixture = || with_programs(&["r0 = 7\nexit".to_owned()]);
    for index in ["1", "8", "-1", "0x100000000 ll"] {
        let text = format!("r3 = {index}\n{TAIL_CALL}r0 = 5\nexit");
        let expected = if index.ends_with("ll") { 7 } else { 5 };
        assert_eq!(gives(&fixture, &text), expected, "{index}");
    }
}

#[test]
fn tail_call_compares_the_whole_index_where_the_map_was_made_without_privileges() {
    let fixture = || {
        let spec = spec(MapType::ProgArray, 4, 4, 8);
        let mut fixture = Fixture::new();
        fixture.machine.capabilities = Capabilities::of(&[Capability::Bpf]);
        hold(&mut fixture, &spec);
        filled(fixture, &["r0 = 7\nexit".to_owned()])
    };
    for (index, expected) in [("0", 7), ("0x100000000 ll", 5), ("0x100000001 ll", 5)] {
        let text = format!("r3 = {index}\n{TAIL_CALL}r0 = 5\nexit");
        assert_eq!(gives(&fixture, &text), expected, "{index}");
    }
}

#[test]
fn judged_function_that_jumps_away_returns_to_its_caller_in_its_place() {
    // The function goes on in a program that goes on in one that makes no tail calls.
    let on = format!("r3 = 1\n{TAIL_CALL}r0 = 1\nexit");
    let last = "*(u64 *)(r10 - 8) = 40\nr0 = *(u64 *)(r10 - 8)\nexit".to_owned();
    let fixture = || with_programs(&[on.clone(), last.clone()]);
    let text = format!(
        "r6 = 2\n*(u64 *)(r10 - 8) = 300\nr1 = 0\ncall inner\nr6 += r0\nr1 = 0\ncall inner\nr0 += r6\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit\n\
         inner:\nr3 = 0\n{TAIL_CALL}r0 = 1\nexit"
    );
    assert_eq!(gives(&fixture, &text), 382);
}

#[test]
fn judged_program_calls_one_that_nobody_judged() {
    let unjudged = "r2 += r3\nr0 = r2\nr0 += r5\nr0 += 9\nexit";
    let fixture = || {
        let mut fixture = with_programs(&["r0 = 1\nexit".to_owned()]);
        let code = fixture.code(unjudged);
        fixture.programs.insert(ProgId(1), Arc::new(code));
        fixture
    };
    let text = format!("r5 = 77\nr3 = 0\n{TAIL_CALL}r0 = 5\nexit");
    assert_eq!(gives(&fixture, &text), 9);
}
