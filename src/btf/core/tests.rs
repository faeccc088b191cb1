//! Tests of field matching between small made-up sets of types.

use super::field::covering_load;
use super::*;
use crate::btf::testdata::{Builder, FLAG};
use crate::btf::{Btf, Kind, MAX_DEPTH, StrRef};

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
) -> Result<Answer, CoreError> {
    let access = StrRef(local.text(access));
    ask_of(&local.build(), BtfId(4), access, kind, &target.build())
}

fn ask_of(
    local: &Btf,
    ty: BtfId,
    access: StrRef,
    kind: CoreKind,
    kernel: &Btf,
) -> Result<Answer, CoreError> {
    let relo = CoreRelo {
        number: 0,
        insn_offset: 0,
        ty,
        access,
        kind,
    };
    let targets = Targets {
        kernel,
        modules: &[],
    };
    Matcher::new(local, targets).answer(&relo)
}

fn offset(local: Builder, access: &str, target: &Builder) -> Option<u64> {
    let found = ask(local, access, CoreKind::FieldByteOffset, target).expect("it can be asked");
    found.value
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
        |access| ask(pair(), access, CoreKind::FieldExists, &target).map(|answer| answer.value);
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
        "`struct s.a` is ambiguous: it is 0 in type 4 and 4 in type 5"
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
    let far = "the root type has no size, or the index is too large";
    assert_eq!(why(pair(), "2147483647:0"), far);
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
    assert_eq!(resized(2, 3), Ok(Resize::Change { from: 4, to: 2 }));
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
    assert_eq!(answer.map(|found| found.value), Ok(Some(8)));
    let wide = ask(bitfield(0), "0:0", CoreKind::FieldByteSize, &bitfield(60));
    assert_eq!(
        wide,
        Err(CoreError::WideBitfield {
            field: "struct s[0].a".into()
        })
    );
}

#[test]
fn bitfield_that_became_whole_cannot_be_loaded_by_its_old_offset() {
    let bitfield = with_struct("s", 4, &[("a", 2, 8 << 24)]);
    let answer = ask(bitfield, "0:0", CoreKind::FieldByteOffset, &pair());
    let expected = Answer {
        expected: None,
        value: Some(0),
        resize: Resize::Impossible,
    };
    assert_eq!(answer, Ok(expected));
}

#[test]
fn sign_and_shifts_are_those_of_the_targets_field() {
    // As compiled, 3 bits at bit 4; in the target, signed, 5 bits at bit 10.
    let local = || with_struct("s", 4, &[("a", 2, 4 | (3 << 24))]);
    let target = with_struct("s", 4, &[("a", 1, 10 | (5 << 24))]);
    let get = |kind| {
        let answer = ask(local(), "0:0", kind, &target).expect("bit-fields have all of it");
        (answer.expected, answer.value)
    };
    assert_eq!(get(CoreKind::FieldSigned), (Some(0), Some(1)));
    assert_eq!(get(CoreKind::FieldLshiftU64), (None, Some(64 - 15)));
    assert_eq!(get(CoreKind::FieldRshiftU64), (Some(61), Some(59)));
    let whole = ask(pair(), "0:1", CoreKind::FieldLshiftU64, &pair());
    assert_eq!(whole.map(|answer| answer.value), Ok(Some(32)));
    let element = ask(
        with_array(4, &[]),
        "0:1:3",
        CoreKind::FieldSigned,
        &with_array(4, &[]),
    );
    assert_eq!(
        element.expect_err("elements have no sign").to_string(),
        "`struct s[0].list[3]` has no signed"
    );
}

#[test]
fn type_is_found_by_name_and_kind_and_has_a_size() {
    let target = with_struct("s", 24, &[("other", 1, 0)]);
    let get = |kind| {
        let answer = ask(pair(), "0", kind, &target).expect("types can be asked for");
        (answer.expected, answer.value)
    };
    assert_eq!(get(CoreKind::TypeExists), (Some(1), Some(1)));
    assert_eq!(get(CoreKind::TypeSize), (Some(8), Some(24)));
    assert_eq!(get(CoreKind::TypeIdLocal), (None, Some(4)));
    assert_eq!(get(CoreKind::TypeIdTarget), (None, Some(4)));
    assert_eq!(get(CoreKind::TypeMatches), (Some(1), Some(0)));
    let other = with_struct("t", 8, &[]);
    for kind in [
        CoreKind::TypeExists,
        CoreKind::TypeSize,
        CoreKind::TypeIdTarget,
    ] {
        let answer = ask(pair(), "0", kind, &other);
        assert_eq!(answer.map(|answer| answer.value), Ok(Some(0)), "{kind}");
    }
    let broken = ask(pair(), "0:0", CoreKind::TypeExists, &target);
    assert!(matches!(broken, Err(CoreError::BadAccess { .. })));
}

#[test]
fn type_without_a_name_has_an_id_but_no_counterpart() {
    let anonymous = || with_struct("", 8, &[("a", 1, 0)]);
    let id = ask(anonymous(), "0", CoreKind::TypeIdLocal, &pair());
    assert_eq!(id.map(|answer| answer.value), Ok(Some(4)));
    let exists = ask(anonymous(), "0", CoreKind::TypeExists, &pair());
    assert_eq!(exists, Err(CoreError::Anonymous));
}

/// Whether structures of one member each, of types 1 to 3, match.
fn matches(local: Builder, target: &Builder) -> Option<u64> {
    let answer = ask(local, "0", CoreKind::TypeMatches, target).expect("they can be compared");
    answer.value
}

#[test]
fn matching_types_have_all_local_members() {
    let larger = with_struct("s", 12, &[("c", 2, 0), ("b", 1, 32), ("a", 1, 64)]);
    assert_eq!(matches(pair(), &larger), Some(1));
    assert_eq!(
        matches(pair(), &with_struct("s", 4, &[("a", 1, 0)])),
        Some(0)
    );
    let resigned = with_struct("s", 8, &[("a", 2, 0), ("b", 1, 32)]);
    assert_eq!(matches(pair(), &resigned), Some(0), "unsigned is not int");
    let resized = with_struct("s", 8, &[("a", 3, 0), ("b", 1, 32)]);
    assert_eq!(matches(pair(), &resized), Some(0), "nor is short");
}

/// A structure `s` (4) with a pointer to a structure `p`, which is as `inner` makes it.
fn with_pointer(inner: impl FnOnce(&mut Builder)) -> Builder {
    let mut builder = Builder::new();
    builder.record("int", Kind::Int, 0, 4, &[0x0100_0020]);
    inner(&mut builder);
    builder.record("", Kind::Ptr, 0, 2, &[]);
    add_struct(&mut builder, "s", 8, &[("a", 3, 0)]);
    builder
}

#[test]
fn layout_behind_a_pointer_does_not_count() {
    let defined = || with_pointer(|b| add_struct(b, "p", 4, &[("x", 1, 0)]));
    let other = with_pointer(|b| add_struct(b, "p", 4, &[("y", 1, 0)]));
    assert_eq!(matches(defined(), &other), Some(1));
    let declared = || {
        with_pointer(|b| {
            b.record("p", Kind::Fwd, 0, 0, &[]);
        })
    };
    assert_eq!(matches(defined(), &declared()), Some(1));
    assert_eq!(matches(declared(), &defined()), Some(1));
    let union = with_pointer(|b| {
        b.record("p", Kind::Union, 0, 4, &[]);
    });
    assert_eq!(matches(defined(), &union), Some(0));
    assert_eq!(matches(declared(), &union), Some(0));
    let renamed = with_pointer(|b| add_struct(b, "q", 4, &[("x", 1, 0)]));
    assert_eq!(matches(defined(), &renamed), Some(0));
}

/// Padding, and the enumeration `e` as type 4.
fn with_enum(kind: Kind, info: u32, values: &[(&str, u64)]) -> Builder {
    let mut builder = Builder::new();
    for _ in 0..3 {
        builder.record("int", Kind::Int, 0, 4, &[32]);
    }
    let mut tail = Vec::new();
    for &(name, value) in values {
        tail.extend([builder.text(name), value as u32]);
        if kind == Kind::Enum64 {
            tail.push((value >> 32) as u32);
        }
    }
    let size = if kind == Kind::Enum64 { 8 } else { 4 };
    builder.record("e", kind, values.len() as u32 | info, size, &tail);
    builder
}

#[test]
fn value_is_found_by_name_in_enumerations_of_either_size() {
    let local = || with_enum(Kind::Enum, 0, &[("ONE", 1), ("TWO___x", 2), ("GONE", 3)]);
    let target = with_enum(
        Kind::Enum64,
        0,
        &[("ZERO", 0), ("TWO", 0x1_2345_6789), ("ONE", u64::MAX)],
    );
    let get = |access, kind| {
        let answer = ask(local(), access, kind, &target).expect("values can be asked for");
        (answer.expected, answer.value)
    };
    assert_eq!(get("0", CoreKind::EnumvalValue), (Some(1), Some(u64::MAX)));
    assert_eq!(
        get("1", CoreKind::EnumvalValue),
        (Some(2), Some(0x1_2345_6789))
    );
    assert_eq!(get("2", CoreKind::EnumvalValue), (Some(3), None));
    assert_eq!(get("1", CoreKind::EnumvalExists), (Some(1), Some(1)));
    assert_eq!(get("2", CoreKind::EnumvalExists), (Some(1), Some(0)));
    let far = ask(local(), "3", CoreKind::EnumvalValue, &target);
    assert!(matches!(
        far,
        Err(CoreError::BadAccess {
            reason: "no such value",
            ..
        })
    ));
    let field = ask(pair(), "0", CoreKind::EnumvalValue, &target);
    assert!(
        matches!(field, Err(CoreError::BadAccess { .. })),
        "{field:?}"
    );
}

#[test]
fn value_of_32_bits_is_extended_by_its_sign() {
    let values = [("A", 0xffff_fffe)];
    for info in [0, FLAG] {
        let local = with_enum(Kind::Enum, info, &values);
        let target = with_enum(Kind::Enum, info, &values);
        let answer = ask(local, "0", CoreKind::EnumvalValue, &target);
        let minus_two = Some((-2_i64).cast_unsigned());
        assert_eq!(answer.map(|answer| answer.value), Ok(minus_two));
    }
}

#[test]
fn value_that_two_candidates_have_exists_whatever_it_is() {
    let local = || with_enum(Kind::Enum, 0, &[("ONE", 1)]);
    let mut target = with_enum(Kind::Enum, 0, &[("ONE", 3)]);
    let name = target.text("ONE");
    target.record("e", Kind::Enum, 1, 4, &[name, 4]);
    let exists = ask(local(), "0", CoreKind::EnumvalExists, &target);
    assert_eq!(exists.map(|answer| answer.value), Ok(Some(1)));
    let value = ask(local(), "0", CoreKind::EnumvalValue, &target);
    assert!(matches!(value, Err(CoreError::Ambiguous { .. })));
}

#[test]
fn enumerations_match_by_names_and_size() {
    let local = || with_enum(Kind::Enum, 0, &[("A", 1), ("B", 2)]);
    let more = with_enum(Kind::Enum, 0, &[("B", 7), ("C", 8), ("A", 9)]);
    assert_eq!(matches(local(), &more), Some(1));
    assert_eq!(
        matches(local(), &with_enum(Kind::Enum, 0, &[("A", 1)])),
        Some(0)
    );
    let wide = with_enum(Kind::Enum64, 0, &[("A", 1), ("B", 2)]);
    assert_eq!(matches(local(), &wide), Some(0), "another size");
    let exists = ask(local(), "0", CoreKind::TypeExists, &wide);
    assert_eq!(exists.map(|answer| answer.value), Ok(Some(1)));
}

#[test]
fn candidate_that_did_not_match_is_not_asked_again() {
    // One of the two has `a`; they disagree about `b`.
    let mut target = with_struct("s", 8, &[("b", 1, 0)]);
    add_struct(&mut target, "s", 8, &[("a", 1, 0), ("b", 1, 32)]);
    let target = target.build();
    let mut local = pair();
    let [a, b] = ["0:0", "0:1"].map(|access| StrRef(local.text(access)));
    let local = local.build();
    let targets = Targets {
        kernel: &target,
        modules: &[],
    };
    let relo = |access| CoreRelo {
        number: 0,
        insn_offset: 0,
        ty: BtfId(4),
        access,
        kind: CoreKind::FieldByteOffset,
    };
    let alone = Matcher::new(&local, targets).answer(&relo(b));
    assert!(matches!(alone, Err(CoreError::Ambiguous { .. })));
    let mut matcher = Matcher::new(&local, targets);
    assert_eq!(
        matcher.answer(&relo(a)).map(|answer| answer.value),
        Ok(Some(0))
    );
    assert_eq!(
        matcher.answer(&relo(b)).map(|answer| answer.value),
        Ok(Some(4))
    );
}

#[test]
fn field_in_too_many_structures_is_an_error_and_no_hang() {
    let nested = |depth: u32| {
        let mut builder = Builder::new();
        builder.record("int", Kind::Int, 0, 4, &[32]);
        for level in 0..depth {
            let inner = if level == 0 { "a" } else { "" };
            add_struct(&mut builder, "", 4, &[(inner, level + 1, 0)]);
        }
        add_struct(&mut builder, "s", 4, &[("", depth + 1, 0)]);
        builder
    };
    assert_eq!(offset(pair(), "0:0", &nested(60)), Some(0));
    let error = ask(pair(), "0:0", CoreKind::FieldByteOffset, &nested(63));
    assert!(
        matches!(error, Err(CoreError::Candidate { .. })),
        "{error:?}"
    );
}

#[test]
fn comparison_that_never_ends_is_given_up() {
    // Each structure has the one before it many times.
    let tower = || {
        let mut builder = Builder::new();
        for _ in 0..2 {
            builder.record("int", Kind::Int, 0, 4, &[32]);
        }
        add_struct(&mut builder, "x", 4, &[("a", 1, 0)]);
        // Type 4 is the top, which refers ahead.
        for level in 4..30 {
            let below = if level == 29 { 3 } else { level + 1 };
            let names: Vec<String> = (0..8).map(|n| format!("m{n}")).collect();
            let members: Vec<_> = names.iter().map(|name| (name.as_str(), below, 0)).collect();
            add_struct(&mut builder, "s", 4, &members);
        }
        builder
    };
    let error = ask(tower(), "0", CoreKind::TypeMatches, &tower());
    assert_eq!(error, Err(CoreError::TooComplex));
}

#[test]
fn number_of_each_kind_is_the_kernels() {
    let names: Vec<_> = (0..)
        .map_while(CoreKind::from_number)
        .map(|kind| kind.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "byte_off",
            "byte_sz",
            "field_exists",
            "signed",
            "lshift_u64",
            "rshift_u64",
            "local_type_id",
            "target_type_id",
            "type_exists",
            "type_size",
            "enumval_exists",
            "enumval_value",
            "type_matches",
        ]
    );
}
