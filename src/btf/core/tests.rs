//! Tests of field matching between small made-up sets of types.

use super::*;
use crate::btf::testdata::{Builder, FLAG};
use crate::btf::{Kind, StrRef};

/// `int`, `unsigned`, `short unsigned` and a structure, whose id is 4.
fn with_struct(name: &str, size: u32, members: &[(&str, u32, u32)]) -> Builder {
    let mut builder = Builder::new();
    builder.record("int", Kind::Int, 0, 4, &[0x0100_0020]);
    builder.record("unsigned", Kind::Int, 0, 4, &[32]);
    builder.record("short", Kind::Int, 0, 2, &[16]);
    add_struct(&mut builder, name, size, members);
    builder
}

fn add_struct(builder: &mut Builder, name: &str, size: u32, members: &[(&str, u32, u32)]) {
    let tail: Vec<u32> = members
        .iter()
        .flat_map(|&(name, ty, offset)| {
            let name = if name.is_empty() {
                0
            } else {
                builder.text(name)
            };
            [name, ty, offset]
        })
        .collect();
    builder.record(name, Kind::Struct, members.len() as u32 | FLAG, size, &tail);
}

fn ask(
    mut local: Builder,
    access: &str,
    kind: CoreKind,
    target: &Builder,
) -> Result<CoreMatch, CoreError> {
    let access = StrRef(local.text(access));
    let relo = CoreRelo {
        insn_offset: 0,
        ty: BtfId(4),
        access,
        kind,
    };
    match_field(&local.build(), &relo, &target.build())
}

fn offset(local: Builder, access: &str, target: &Builder) -> Option<u64> {
    let found = ask(local, access, CoreKind::FieldByteOffset, target).expect("it can be asked");
    found.target_value()
}

fn pair() -> Builder {
    with_struct("s", 8, &[("a", 1, 0), ("b", 1, 32)])
}

#[test]
fn field_that_moved_is_found_by_name() {
    let target = with_struct("s", 12, &[("b", 1, 0), ("x", 1, 32), ("a", 1, 64)]);
    assert_eq!(offset(pair(), "0:0", &target), Some(8));
    assert_eq!(offset(pair(), "0:1", &target), Some(0));
    assert_eq!(offset(pair(), "0", &target), Some(0));
    assert_eq!(
        offset(pair(), "2:1", &target),
        Some(24),
        "two whole structures further"
    );
}

#[test]
fn field_that_is_gone_or_of_another_kind_does_not_exist() {
    let target = with_struct("s", 8, &[("a", 4, 0), ("c", 1, 32)]);
    assert_eq!(offset(pair(), "0:0", &target), None);
    assert_eq!(offset(pair(), "0:1", &target), None);
    let exists =
        |access| ask(pair(), access, CoreKind::FieldExists, &target).map(|m| m.target_value());
    assert_eq!(exists("0:1"), Ok(Some(0)));
    assert_eq!(exists("0"), Ok(Some(1)));
    assert_eq!(
        offset(pair(), "0:0", &with_struct("t", 4, &[("a", 1, 0)])),
        None,
        "no candidate"
    );
}

#[test]
fn field_inside_an_anonymous_member_is_found() {
    let mut target = with_struct("", 8, &[("x", 1, 0), ("b", 1, 32)]);
    add_struct(&mut target, "s", 16, &[("a", 1, 0), ("", 4, 64)]);
    assert_eq!(offset(pair(), "0:1", &target), Some(12));
    let mut local = Builder::new();
    local.record("int", Kind::Int, 0, 4, &[32]);
    local.record("", Kind::Fwd, 0, 0, &[]);
    add_struct(&mut local, "", 8, &[("x", 1, 0), ("a", 1, 32)]);
    add_struct(&mut local, "s", 8, &[("", 3, 0)]);
    assert_eq!(
        offset(local, "0:0:1", &target),
        Some(0),
        "the local one is skipped over"
    );
}

#[test]
fn flavours_do_not_count_on_either_side() {
    let local = with_struct("s___old", 4, &[("a", 1, 0)]);
    assert_eq!(
        offset(local, "0:0", &with_struct("s", 8, &[("a", 1, 32)])),
        Some(4)
    );
    let target = with_struct("s___new", 8, &[("a", 1, 32)]);
    assert_eq!(offset(pair(), "0:0", &target), Some(4));
}

#[test]
fn candidates_that_disagree_are_ambiguous() {
    let mut target = with_struct("s", 8, &[("a", 1, 0)]);
    add_struct(&mut target, "s", 8, &[("a", 1, 32)]);
    let error = ask(pair(), "0:0", CoreKind::FieldByteOffset, &target).expect_err("two answers");
    assert_eq!(
        error.to_string(),
        "`struct s[0].a` is ambiguous: it is 0 in type 4 and 4 in type 5"
    );
    let mut agreeing = with_struct("s", 8, &[("a", 1, 32)]);
    add_struct(&mut agreeing, "s", 16, &[("a", 1, 32)]);
    add_struct(&mut agreeing, "s", 16, &[("other", 1, 0)]);
    assert_eq!(offset(pair(), "0:0", &agreeing), Some(4));
}

/// `int list[count]` behind an `int`, and something behind it or not.
fn with_array(count: u32, behind: &[(&str, u32, u32)]) -> Builder {
    let mut builder = Builder::new();
    builder.record("int", Kind::Int, 0, 4, &[32]);
    builder.record("", Kind::Array, 0, 0, &[1, 1, count]);
    builder.record("", Kind::Fwd, 0, 0, &[]);
    let members: Vec<_> = [("first", 1, 0), ("list", 2, 32)]
        .iter()
        .chain(behind)
        .copied()
        .collect();
    add_struct(&mut builder, "s", 64, &members);
    builder
}

#[test]
fn array_index_must_be_inside_the_targets_array() {
    assert_eq!(
        offset(with_array(4, &[]), "0:1:3", &with_array(4, &[])),
        Some(16)
    );
    assert_eq!(
        offset(with_array(4, &[]), "0:1:3", &with_array(3, &[])),
        None
    );
    assert_eq!(
        offset(with_array(4, &[]), "0:1:3", &with_array(0, &[])),
        Some(16),
        "flexible"
    );
    let behind = [("last", 1, 32)];
    assert_eq!(
        offset(with_array(4, &[]), "0:1:3", &with_array(0, &behind)),
        None
    );
    assert_eq!(
        offset(with_array(0, &[]), "0:1:9", &with_array(0, &[])),
        Some(40)
    );
}

#[test]
fn access_that_does_not_fit_the_local_type_is_refused() {
    let why =
        |local: Builder, access: &str| match ask(local, access, CoreKind::FieldExists, &pair()) {
            Err(CoreError::BadAccess { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
    assert_eq!(why(pair(), ""), "not a number");
    assert_eq!(why(pair(), "0:"), "not a number");
    assert_eq!(why(pair(), "0:2"), "no such member");
    assert_eq!(
        why(pair(), "0:0:0"),
        "neither a structure nor an array is indexed"
    );
    assert_eq!(
        why(with_array(4, &[]), "0:1:4"),
        "index outside of the array"
    );
    assert_eq!(
        why(with_struct("", 8, &[("a", 1, 0)]), "0:0"),
        "the root type has no name"
    );
    let far = "the root type has no size, or the index is too large";
    assert_eq!(why(pair(), "4294967295:0"), far);
    let deep = format!("0{}", ":0".repeat(MAX_DEPTH));
    let mut endless = Builder::new();
    endless.record("int", Kind::Int, 0, 4, &[32]);
    endless
        .record("", Kind::Fwd, 0, 0, &[])
        .record("", Kind::Fwd, 0, 0, &[]);
    add_struct(&mut endless, "s", 0, &[("s", 4, 0)]);
    assert_eq!(why(endless, &deep), "too many steps");
}

#[test]
fn size_that_changes_is_adjusted_only_without_signs() {
    let resized = |local: u32, target: u32| {
        let local = with_struct("s", 4, &[("a", local, 0)]);
        let target = with_struct("s", 4, &[("a", target, 0)]);
        ask(local, "0:0", CoreKind::FieldByteOffset, &target).map(|found| found.resize)
    };
    assert_eq!(resized(2, 3), Ok(Resize::To(2)));
    assert_eq!(resized(1, 3), Ok(Resize::Impossible));
    assert_eq!(resized(1, 2), Ok(Resize::Keep));
}

#[test]
fn bitfield_is_covered_by_the_smallest_aligned_load() {
    assert_eq!(covering_load(1010, 2, 1), Some((126, 1)));
    assert_eq!(covering_load(30, 4, 4), Some((0, 8)));
    assert_eq!(covering_load(6, 4, 1), Some((0, 2)));
    assert_eq!(covering_load(60, 8, 4), None);
    let bitfield = |at: u32| with_struct("s", 16, &[("a", 2, at | (8 << 24))]);
    let answer = ask(bitfield(0), "0:0", CoreKind::FieldByteSize, &bitfield(28));
    assert_eq!(answer.map(|found| found.target_value()), Ok(Some(8)));
    let wide = ask(bitfield(0), "0:0", CoreKind::FieldByteSize, &bitfield(60));
    assert_eq!(
        wide,
        Err(CoreError::WideBitfield {
            field: "struct s[0].a".into()
        })
    );
}

#[test]
fn other_kinds_are_refused_by_name() {
    for number in 3..13 {
        let kind = CoreKind::from_number(number).expect("13 kinds");
        let error = ask(pair(), "0", kind, &pair()).expect_err("not supported");
        assert_eq!(
            error.to_string(),
            format!("CO-RE relocation {kind} of `struct s` is not supported yet")
        );
    }
    assert_eq!(CoreKind::from_number(13), None);
}
