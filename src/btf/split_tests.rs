//! Types split from others: ids and strings continue the base's, and so do searches.

use std::sync::Arc;

use super::core::{Answer, CoreError, CoreKind, Matcher, Targets};
use super::testdata::{Builder, FLAG, id};
use super::*;

/// `int` (1), `struct base` (2) of one member `a`.
fn base() -> Builder {
    let mut builder = Builder::new();
    builder.record("int", Kind::Int, 0, 4, &[0x0100_0020]);
    let a = builder.text("a");
    builder.record("base", Kind::Struct, 1 | FLAG, 4, &[a, 1, 0]);
    builder
}

/// `struct module` (3) of a member `b`, an `int`, and one `a`, a `struct base`; its tag (4), and a
/// tag (5) on the base's structure.
fn split(base: &Builder) -> Builder {
    let mut builder = Builder::split(base);
    let b = builder.text("b");
    let a = base.find_text("a");
    let members = [b, 1, 32, a, 2, 0];
    builder.record("module", Kind::Struct, 2 | FLAG, 8, &members);
    builder.record("mine", Kind::DeclTag, 0, 3, &[u32::MAX]);
    builder.record("theirs", Kind::DeclTag, 0, 2, &[u32::MAX]);
    builder
}

fn both() -> (Arc<Btf>, Btf) {
    let base = base();
    let kernel = Arc::new(base.build());
    let module = Btf::parse_split(Arc::clone(&kernel), split(&base).bytes());
    (kernel, module.expect("the module's types are valid"))
}

#[test]
fn ids_and_strings_continue_the_bases() {
    let (kernel, module) = both();
    assert_eq!((kernel.type_count(), module.type_count()), (3, 6));
    let structure = module.ty(BtfId(3)).composite().expect("it is a structure");
    let members: Vec<_> = structure.members.iter().map(|m| (m.name, m.ty)).collect();
    assert_eq!(members, [("b", BtfId(1)), ("a", BtfId(2))]);
    assert_eq!(module.ty(BtfId(2)).name(), "base");
    assert_eq!(module.size_of(BtfId(3)), Some(8));
    let place = module
        .member_path(BtfId(3), "a.a")
        .expect("the base's members are found");
    assert_eq!((place.bit_offset, place.ty), (0, BtfId(1)));
    assert!(matches!(module.ty(BtfId(6)), Type::Void));
    assert!(matches!(module.ty(BtfId(0)), Type::Void));
}

#[test]
fn names_and_tags_of_both_are_found() {
    let (kernel, module) = both();
    assert_eq!(id(&module, "base"), BtfId(2));
    assert_eq!(id(&module, "module"), BtfId(3));
    assert_eq!(kernel.find("module", KindFilter::ANY), None);
    let tags = |id| module.decl_tags(BtfId(id)).collect::<Vec<_>>();
    assert_eq!(tags(3), [(None, "mine")]);
    assert_eq!(tags(2), [(None, "theirs")]);
    assert_eq!(kernel.decl_tags(BtfId(2)).count(), 0);
}

#[test]
fn references_and_strings_past_the_end_are_refused() {
    let base = base();
    let parse = |builder: &Builder| {
        let kernel = Arc::new(base.build());
        Btf::parse_split(kernel, builder.bytes()).map_err(|error| error.problem)
    };
    let mut far = split(&base);
    far.record("", Kind::Ptr, 0, 7, &[]);
    let problem = Problem::BadReference {
        id: BtfId(7),
        count: 7,
    };
    assert_eq!(parse(&far).expect_err("type 6 is the last"), problem);
    let mut unnamed = split(&base);
    let past = unnamed.text("") + 1;
    unnamed.raw_record(past, Kind::Typedef, 1);
    let error = parse(&unnamed).expect_err("the string is past the end");
    assert!(
        matches!(error, Problem::BadString { id: BtfId(6), .. }),
        "{error}"
    );
    assert!(
        parse(&Builder::split(&base)).is_ok(),
        "a module may have no types"
    );
}

fn ask(local: &Btf, targets: Targets<'_>, ty: BtfId, kind: CoreKind) -> Result<Answer, CoreError> {
    // The offset of a "0" that follows all other strings of the tests.
    let access = StrRef(u32::try_from(local.string_end() - 2).expect("it is short"));
    let relo = CoreRelo {
        number: 0,
        insn_offset: 0,
        ty,
        access,
        kind,
    };
    Matcher::new(local, targets).answer(&relo)
}

#[test]
fn modules_are_asked_where_the_kernel_has_nothing() {
    let (kernel, module) = both();
    let modules = [Arc::new(module)];
    let mut local = Builder::new();
    local.record("base", Kind::Struct, 0, 4, &[]);
    local.record("module___mine", Kind::Struct, 0, 8, &[]);
    local.record("nobody", Kind::Struct, 0, 8, &[]);
    local.text("0");
    let local = local.build();
    let get = |ty, modules| {
        let targets = Targets {
            kernel: &kernel,
            modules,
        };
        let answer = ask(&local, targets, BtfId(ty), CoreKind::TypeIdTarget);
        answer.map(|answer| answer.value)
    };
    assert_eq!(get(1, &modules), Ok(Some(2)));
    assert_eq!(get(2, &modules), Ok(Some(3)));
    assert_eq!(get(3, &modules), Ok(Some(0)));
    assert_eq!(get(2, &[]), Ok(Some(0)));
}
