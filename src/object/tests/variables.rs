//! Values for global variables.

use super::*;

/// The bytes of a variable after an assignment, or why it is refused.
fn set(path: &str, value: &str) -> Result<Vec<u8>, String> {
    let object = object("variables");
    let setup = Setup {
        variables: vec![Assignment {
            path: path.to_owned(),
            value: value.to_owned(),
        }],
        ..Setup::default()
    };
    let linked = object.link(&LinkOptions {
        setup: Some(&setup),
        ..LinkOptions::default()
    });
    if let Some(Err(error)) = linked.programs.first() {
        return Err(error.source.to_string());
    }
    let name = path.split(['.', '[']).next().unwrap_or(path);
    let global = object
        .globals()
        .iter()
        .find(|global| path == global.name || global.name == name);
    let global = global.expect("the variable exists");
    let Initial::Data(data) = &linked.maps[global.map as usize].initial else {
        return Ok(Vec::new());
    };
    let mut data = data.clone();
    data.resize((global.offset + global.size) as usize, 0);
    Ok(data[global.offset as usize..].to_vec())
}

#[test]
fn numbers_are_written_to_constants_data_and_zeroed_variables() {
    assert_eq!(set("limit", "0x10"), Ok(vec![16, 0, 0, 0]));
    assert_eq!(set("in_data", "18446744073709551615"), Ok(vec![0xff; 8]));
    assert_eq!(set("signed_number", "-2"), Ok(vec![0xfe, 0xff, 0xff, 0xff]));
    assert_eq!(set("enabled", "true"), Ok(vec![1]));
    assert_eq!(set("variables.local", "9"), Ok(vec![9, 0, 0, 0]));
    assert_eq!(set("offset", "OFFSET_DOWN"), Ok(vec![0xff; 4]));
}

#[test]
fn texts_end_with_zero_and_wide_numbers_have_sixteen_bytes() {
    assert_eq!(set("device", "eth0"), Ok(b"eth0\0\0\0\0".to_vec()));
    assert_eq!(set("device", "\"\""), Ok(vec![0; 8]));
    assert_eq!(set("device[1]", "'x'"), Ok(b"\0x\0\0\0\0\0\0".to_vec()));
    assert_eq!(set("wide", "-1"), Ok(vec![0xff; 16]));
    let wide = set("wide", "0x10000000000000000").expect("it is set");
    assert_eq!(wide, (1_u128 << 64).to_le_bytes());
}

#[test]
fn paths_lead_into_arrays_and_structures() {
    let limits = set("limits[1].inner[1].max[2]", "513").expect("it is set");
    assert_eq!(limits.len(), 56);
    // Each limit has 28 bytes: min, two inner of 8 bytes, kind, letter.
    assert_eq!(limits[28 + 4 + 8 + 4..][..2], [1, 2]);
    let kind = set("limits[0].kind", "KIND_LARGE").expect("it is set");
    assert_eq!(kind[20], 7);
    let letter = set("limits[0].letter", "'x'").expect("it is set");
    assert_eq!(letter[24], b'x');
    assert_eq!(set("limit", "010"), Ok(vec![8, 0, 0, 0]));
    let named = set("limits[0x1].kind", "KIND_LARGE").expect("it is set");
    assert_eq!(named[28 + 20], 7);
    let named = set("device[KIND_LARGE]", "1").expect("it is set");
    assert_eq!(named[7], 1);
    let bits = set("limits[0].inner[0].high", "31").expect("it is set");
    assert_eq!(bits[10], 31 << 3);
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let refused = |path, value| set(path, value).expect_err("it is refused");
    assert_eq!(
        refused("limit", "4294967296"),
        "variable `limit`: 4294967296 does not fit in its 32 bits"
    );
    assert_eq!(
        refused("limit", "-1"),
        "variable `limit`: -1 does not fit in its 32 bits"
    );
    assert!(refused("limits[0].inner[0].high", "32").ends_with("does not fit in its 5 bits"));
    assert!(refused("limit", "many").ends_with("`many` is no value of its type"));
    assert!(refused("offset", "OFFSET_ASIDE").ends_with("`OFFSET_ASIDE` is no value of its type"));
    assert!(refused("pointer", "1").ends_with("is no integer, bool, char, text or enumeration"));
    assert!(refused("limits[2].min", "1").ends_with("has no element 2"));
    assert!(refused("limits[]", "1").ends_with("`[]` is neither `.MEMBER` nor `[INDEX]`"));
    assert!(
        refused("device", "loopback0")
            .ends_with("9 characters and the zero after them do not fit in its 8 bytes")
    );
    assert!(refused("limits[0].max", "1").ends_with("has no member `max`"));
    assert_eq!(
        refused("none", "1"),
        "variable `none`: the object has no such global variable"
    );
}

/// The bytes of a structure of functions after an assignment to one of its members.
fn set_member(path: &str, value: &str) -> Result<Vec<u8>, String> {
    let linked = link_tables(path, value);
    let mut errors = linked.programs.iter().filter_map(|program| {
        let error = program.as_ref().err()?.source.to_string();
        error.contains("variable").then_some(error)
    });
    if let Some(error) = errors.next() {
        return Err(error);
    }
    let first = linked.maps.iter().find(|map| map.name == "first");
    match first.map(|map| &map.initial) {
        Some(Initial::StructOps(table)) => Ok(table.data.clone()),
        other => panic!("the map has a structure: {other:?}"),
    }
}

/// The object with structures of functions, linked after an assignment.
fn link_tables(path: &str, value: &str) -> Linked {
    let setup = Setup {
        variables: vec![Assignment {
            path: path.to_owned(),
            value: value.to_owned(),
        }],
        ..Setup::default()
    };
    object("tables").link(&LinkOptions {
        setup: Some(&setup),
        ..LinkOptions::default()
    })
}

#[test]
fn data_members_of_structures_of_functions_are_written() {
    let key = set_member("first.key", "77").expect("it is a number");
    assert_eq!(key[40..44], [77, 0, 0, 0]);
    let name = set_member("first.name[0]", "'F'").expect("it is a character");
    assert_eq!(&name[24..30], b"First\0");
}

#[test]
fn unknown_programs_and_members_are_no_values() {
    for path in ["first.ssthresh", "first", "first.nothing", "third.key"] {
        assert!(set_member(path, "1").is_err(), "{path}");
    }
    let error = set_member("first.ssthresh", "nobody").expect_err("it is refused");
    assert!(
        error.ends_with("the object has no program `nobody`"),
        "{error}"
    );
}

#[test]
fn functions_of_a_structure_are_other_programs_or_none() {
    let members = |value: &str| {
        let linked = link_tables("first.ssthresh", value);
        let first = linked.maps.iter().find(|map| map.name == "first");
        match first.map(|map| &map.initial) {
            Some(Initial::StructOps(table)) => table.members.clone(),
            other => panic!("the map has a structure: {other:?}"),
        }
    };
    let named = |index: u32, name: &str| (index, name.to_owned());
    assert_eq!(
        members("asked_for"),
        [named(2, "undo_cwnd"), named(0, "asked_for")]
    );
    assert_eq!(members("0"), [named(2, "undo_cwnd")]);
}
