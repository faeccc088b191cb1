//! Tests of parsing and queries: by the types clang made, by the kernel's, and by broken ones.

use super::testdata::{BTF, Builder, EXT, FLAG, id, types};
use super::*;

/// A small generator of random numbers: tests that fail must fail again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

fn problem(bytes: Vec<u8>) -> (usize, Problem) {
    let error = Btf::parse(bytes).expect_err("it is broken");
    assert_eq!(error.section, ".BTF");
    (error.offset, error.problem)
}

fn path(btf: &Btf, root: &str, path: &str) -> Option<(u64, Option<u32>, String)> {
    let at = btf.member_path(id(btf, root), path)?;
    Some((at.bit_offset, at.bitfield_size, btf.type_name(at.ty)))
}

#[test]
fn parse_of_clang_output_counts_every_type() {
    let btf = types();
    assert_eq!(btf.type_count(), 74);
    assert_eq!(btf.bytes(), BTF);
    assert!(matches!(btf.ty(BtfId(0)), Type::Void));
    assert!(matches!(btf.ty(BtfId(74)), Type::Void));
    assert!(matches!(btf.ty(BtfId(u32::MAX)), Type::Void));
}

#[test]
fn ty_of_each_kind_has_what_bpftool_prints() {
    let btf = types();
    let ty = |id| format!("{:?}", btf.ty(BtfId(id)));
    let expected = [
        (1, "Ptr { to: BtfId(2) }"),
        (
            3,
            r#"Int { name: "int", size: 4, bits: 32, offset: 0, encoding: Signed }"#,
        ),
        (
            6,
            r#"Int { name: "__ARRAY_SIZE_TYPE__", size: 4, bits: 32, offset: 0, encoding: Unsigned }"#,
        ),
        (5, "Array { elem: BtfId(4), index: BtfId(6), count: 16 }"),
        (
            9,
            r#"Func { name: "one", proto: BtfId(8), linkage: Global }"#,
        ),
        (
            11,
            r#"Func { name: "half", proto: BtfId(10), linkage: Static }"#,
        ),
        (
            10,
            r#"FuncProto { ret: BtfId(3), params: [Param { name: "n", ty: BtfId(3) }] }"#,
        ),
        (14, r#"Typedef { name: "u32", to: BtfId(15) }"#),
        (
            20,
            r#"Var { name: "outside", ty: BtfId(3), linkage: Extern }"#,
        ),
        (
            32,
            r#"Int { name: "_Bool", size: 1, bits: 8, offset: 0, encoding: Bool }"#,
        ),
        (37, "Const { to: BtfId(38) }"),
        (38, "Volatile { to: BtfId(4) }"),
        (47, r#"Fwd { name: "later", kind: Struct }"#),
        (49, r#"Fwd { name: "other", kind: Union }"#),
        (53, r#"Float { name: "float", size: 4 }"#),
        (
            56,
            r#"DeclTag { name: "mine", to: BtfId(55), component: None }"#,
        ),
        (57, r#"TypeTag { name: "kptr", to: BtfId(3) }"#),
        (
            64,
            r#"DeclTag { name: "first", to: BtfId(62), component: Some(1) }"#,
        ),
        (
            68,
            r#"Var { name: "limit", ty: BtfId(66), linkage: Static }"#,
        ),
        (
            73,
            r#"Datasec { name: "license", size: 0, entries: [SecEntry { var: BtfId(22), offset: 0, size: 4 }] }"#,
        ),
    ];
    for (id, text) in expected {
        assert_eq!(ty(id), text);
    }
}

#[test]
fn members_of_a_struct_carry_offsets_and_bitfields() {
    let btf = types();
    let inner = btf.ty(id(&btf, "inner")).composite().expect("a struct");
    let members: Vec<_> = inner
        .members
        .iter()
        .map(|m| (m.name, m.bit_offset, m.bitfield_size))
        .collect();
    let expected = [
        ("name", 0, None),
        ("mac", 64, None),
        ("flags", 112, Some(3)),
        ("delta", 115, Some(5)),
        ("on", 120, None),
    ];
    assert_eq!(members, expected);
    assert_eq!(inner.members.get(3).map(|m| m.name), Some("delta"));
    assert_eq!(inner.members.get(5), None);
    assert_eq!(inner.size, 16);
}

#[test]
fn values_of_enums_have_their_sign_and_width() {
    let btf = types();
    let values = |name| {
        let found = btf.ty(id(&btf, name)).enumeration().expect("an enum");
        (
            found.signed,
            found
                .values
                .iter()
                .map(|v| (v.name, v.value))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        values("color"),
        (true, vec![("RED", 0), ("GREEN", 5), ("BLUE", -3)])
    );
    assert_eq!(values("wide"), (false, vec![("BIG", 1 << 32)]));
}

#[test]
fn find_of_a_name_with_two_kinds_obeys_the_filter() {
    let btf = types();
    assert_eq!(btf.find("packed", KindFilter::STRUCT), Some(BtfId(60)));
    assert_eq!(btf.find("packed", KindFilter::VAR), Some(BtfId(61)));
    assert_eq!(btf.find("packed", KindFilter::ANY), Some(BtfId(60)));
    assert_eq!(btf.find("packed", KindFilter::FUNC), None);
    assert_eq!(btf.find("pack", KindFilter::ANY), None);
    assert_eq!(btf.find("", KindFilter::ANY), None);
}

#[test]
fn find_of_every_name_gives_its_first_id() {
    let btf = types();
    for wanted in btf.ids() {
        let name = btf.ty(wanted).name();
        if !name.is_empty() {
            let first = btf.ids().find(|&id| btf.ty(id).name() == name);
            assert_eq!(btf.find(name, KindFilter::ANY), first, "{name}");
        }
    }
}

#[test]
fn tags_are_found_by_what_they_tag() {
    let btf = types();
    let tags = |name| btf.decl_tags(id(&btf, name)).collect::<Vec<_>>();
    assert_eq!(tags("tagged"), [(None, "mine")]);
    assert_eq!(tags("outer"), []);
    let counted = btf.find("counted", KindFilter::STRUCT).expect("a struct");
    assert_eq!(
        btf.decl_tags(counted).collect::<Vec<_>>(),
        [(Some(1), "second"), (Some(1), "first")]
    );
    let Type::Var { ty, .. } = btf.ty(id(&btf, "pointer")) else {
        panic!("not a variable")
    };
    let Type::Ptr { to } = btf.ty(ty) else {
        panic!("not a pointer")
    };
    assert_eq!(btf.type_tags(to).collect::<Vec<_>>(), ["kptr"]);
    assert_eq!(btf.type_tags(ty).count(), 0);
}

#[test]
fn size_and_alignment_are_the_compilers() {
    let btf = types();
    let of = |id| (btf.size_of(id), btf.align_of(id));
    let named = |name, kinds| of(btf.find(name, kinds).expect("the type exists"));
    assert_eq!(named("outer", KindFilter::STRUCT), (Some(144), Some(8)));
    assert_eq!(named("inner", KindFilter::STRUCT), (Some(16), Some(4)));
    assert_eq!(named("packed", KindFilter::STRUCT), (Some(5), Some(1)));
    assert_eq!(named("u64", KindFilter::TYPEDEF), (Some(8), Some(8)));
    assert_eq!(named("limit", KindFilter::VAR), (Some(4), Some(4)));
    assert_eq!(named("wide", KindFilter::ENUM), (Some(8), Some(8)));
    assert_eq!(of(BtfId(45)), (Some(24), Some(4)), "int[2][3]");
    assert_eq!(of(BtfId(36)), (Some(8), Some(8)), "a pointer");
    assert_eq!(named("later", KindFilter::ANY), (None, None));
    assert_eq!(named("half", KindFilter::FUNC), (None, None));
    assert_eq!(of(BtfId::VOID), (None, None));
}

#[test]
fn member_path_goes_through_anonymous_members_and_arrays() {
    let btf = types();
    let outer = |text| path(&btf, "outer", text);
    assert_eq!(outer("id"), Some((0, None, "u64".into())));
    assert_eq!(outer("x"), Some((64, None, "int".into())));
    assert_eq!(outer("link"), Some((128, None, "struct inner *".into())));
    assert_eq!(
        outer("parts[2].mac[5]"),
        Some((192 + 256 + 64 + 40, None, "unsigned char".into()))
    );
    assert_eq!(
        outer("parts[1].delta"),
        Some((192 + 128 + 115, Some(5), "int".into()))
    );
    assert_eq!(outer("matrix[1][2]"), Some((832 + 160, None, "int".into())));
    assert_eq!(outer("matrix[1]"), Some((832 + 96, None, "int[3]".into())));
    assert_eq!(
        outer("tail[1000]"),
        Some((1152 + 16000, None, "short".into()))
    );
}

#[test]
fn member_path_that_leads_nowhere_gives_none() {
    let btf = types();
    for text in [
        "",
        ".",
        "no",
        "id.x",
        "parts[3]",
        "parts.mac",
        "parts[1",
        "parts[-1]",
        "parts[]",
        "parts[1]x",
        "id[0]",
        "link.on",
        "[0]",
        "x.",
        "matrix[1][2][0]",
        "parts[99999999999]",
    ] {
        assert_eq!(path(&btf, "outer", text), None, "{text}");
    }
}

#[test]
fn type_name_is_what_c_writes() {
    let btf = types();
    let expected = [
        (0, "void"),
        (1, "struct task_struct *"),
        (5, "char[16]"),
        (8, "int (struct task_struct *task)"),
        (9, "int one(struct task_struct *task)"),
        (14, "u32"),
        (15, "unsigned int"),
        (20, "int outside"),
        (22, "char gpl[4]"),
        (26, "struct (anon)"),
        (27, "union (anon)"),
        (33, "struct inner[3]"),
        (34, "enum color"),
        (36, "const volatile char *"),
        (39, "int (*)(void *, const char *, ...)"),
        (41, "void *"),
        (45, "int[2][3]"),
        (48, "union other *"),
        (58, "int *"),
        (68, "const volatile u32 limit"),
        (69, ".bss"),
    ];
    for (id, text) in expected {
        assert_eq!(btf.type_name(BtfId(id)), text);
    }
}

#[test]
fn type_name_of_pointers_to_arrays_and_constant_pointers_is_bracketed() {
    let btf = Builder::new()
        .record("int", Kind::Int, 0, 4, &[32])
        .record("", Kind::Array, 0, 0, &[1, 1, 4])
        .record("", Kind::Ptr, 0, 2, &[])
        .record("", Kind::Const, 0, 3, &[])
        .record("", Kind::Ptr, 0, 4, &[])
        .record("", Kind::Restrict, 0, 5, &[])
        .record("", Kind::FuncProto, 0, 5, &[])
        .record("", Kind::Ptr, 0, 7, &[])
        .record("", Kind::Array, 0, 0, &[8, 1, 2])
        .build();
    let name = |id| btf.type_name(BtfId(id));
    assert_eq!(name(3), "int (*)[4]");
    assert_eq!(name(4), "int (*const)[4]");
    assert_eq!(name(5), "int (*const *)[4]");
    assert_eq!(name(6), "int (*const *restrict)[4]");
    assert_eq!(name(9), "int (*const *(*[2])(void))[4]");
}

#[test]
fn place_section_sets_offsets_in_the_bytes_too() {
    let mut btf = types();
    let bss = btf.find(".bss", KindFilter::DATASEC).expect("a section");
    let offsets = [
        ("ratio", 24),
        ("tagged", 20),
        ("pointer", 8),
        ("packed", 28),
        ("counted", 0),
    ];
    let offset_of = |name: &str| {
        offsets
            .iter()
            .find(|pair| pair.0 == name)
            .map(|pair| pair.1)
    };
    assert!(btf.place_section(bss, 40, offset_of));
    assert!(!btf.place_section(BtfId(1), 40, offset_of));
    let again = Btf::parse(btf.bytes().to_vec()).expect("still valid");
    for btf in [btf, again] {
        let Type::Datasec { size, entries, .. } = btf.ty(bss) else {
            panic!("not a section")
        };
        let vars: Vec<_> = entries
            .iter()
            .map(|entry| (btf.ty(entry.var).name(), entry.offset))
            .collect();
        assert_eq!(
            vars,
            [
                ("counted", 0),
                ("pointer", 8),
                ("tagged", 20),
                ("ratio", 24),
                ("packed", 28)
            ]
        );
        assert_eq!(size, 40);
    }
}

#[test]
fn header_that_is_broken_is_refused_where_it_is() {
    let with = |at: usize, byte: u8| {
        let mut bytes = BTF.to_vec();
        bytes[at] = byte;
        problem(bytes)
    };
    assert_eq!(with(0, 0), (0, Problem::BadMagic { got: 0xeb00 }));
    assert_eq!(with(2, 2), (2, Problem::BadVersion { got: 2 }));
    assert_eq!(with(3, 1), (3, Problem::BadFlags { got: 1 }));
    assert_eq!(
        with(4, 23),
        (4, Problem::BadHeaderLength { got: 23, want: 24 })
    );
    assert_eq!(
        with(8, 2),
        (
            8,
            Problem::Misaligned {
                what: "the type section",
                got: 2
            }
        )
    );
    assert!(matches!(with(14, 0xff), (8, Problem::Truncated { .. })));
    assert!(matches!(with(22, 0xff), (16, Problem::Truncated { .. })));
    assert!(matches!(with(17, 0), (16, Problem::Overlap { .. })));
    assert_eq!(with(BTF.len() - 1, b'x').1, Problem::BadStrings);
}

#[test]
fn header_that_is_longer_is_accepted() {
    let mut bytes = BTF.to_vec();
    bytes.splice(24..24, [7; 8]);
    bytes[4] = 32;
    let btf = Btf::parse(bytes).expect("newer headers are longer");
    assert_eq!(btf.find("packed", KindFilter::STRUCT), Some(BtfId(60)));
}

#[test]
fn records_that_are_broken_are_refused_where_they_are() {
    let with = |kind, info, size, tail: &[u32]| {
        problem(
            Builder::new()
                .record("a", Kind::Fwd, 0, 0, &[])
                .record("b", kind, info, size, tail)
                .bytes(),
        )
    };
    let reference = |id| Problem::BadReference {
        id: BtfId(id),
        count: 3,
    };
    let string = |string| Problem::BadString {
        id: BtfId(2),
        string,
        len: 5,
    };
    assert_eq!(with(Kind::Ptr, 0, 3, &[]), (44, reference(3)));
    assert_eq!(with(Kind::Array, 0, 0, &[9, 1, 1]), (48, reference(9)));
    assert_eq!(with(Kind::Array, 0, 0, &[1, 9, 1]), (52, reference(9)));
    assert_eq!(with(Kind::Struct, 1, 0, &[1, 9, 0]), (52, reference(9)));
    assert_eq!(with(Kind::Struct, 1, 0, &[5, 1, 0]), (48, string(5)));
    assert_eq!(with(Kind::FuncProto, 1, 0, &[0, 7]), (52, reference(7)));
    assert_eq!(with(Kind::Enum, 1, 4, &[6, 7]), (48, string(6)));
    assert_eq!(
        with(Kind::Enum64, 2, 8, &[1, 0, 0, 7, 0, 0]),
        (60, string(7))
    );
    assert_eq!(with(Kind::Datasec, 1, 8, &[8, 0, 0]), (48, reference(8)));
    assert!(matches!(
        with(Kind::Struct, 2, 0, &[0, 0, 0]),
        (
            36,
            Problem::Truncated {
                want: 36,
                have: 24,
                ..
            }
        )
    ));
    assert_eq!(
        with(Kind::Int, 0, 1, &[9]).1,
        Problem::BadInt {
            id: BtfId(2),
            bits: 9,
            offset: 0,
            size: 1
        }
    );
    assert_eq!(
        with(Kind::Func, 0, 1, &[]).1,
        Problem::NoPrototype {
            id: BtfId(2),
            got: BtfId(1)
        }
    );
    let unknown = with(Kind::Fwd, 0x1f00_0000, 0, &[]);
    assert_eq!(
        unknown,
        (
            40,
            Problem::UnknownKind {
                id: BtfId(2),
                kind: 31
            }
        )
    );
}

#[test]
fn error_names_section_offset_and_cause() {
    let error = Btf::parse(Builder::new().record("", Kind::Ptr, 0, 9, &[]).bytes())
        .expect_err("it is broken");
    assert_eq!(
        error.to_string(),
        ".BTF offset 0x20: reference to type 9, but there are 2"
    );
}

#[test]
fn strings_that_are_not_utf8_are_read_with_question_marks() {
    let mut builder = Builder::new();
    builder.record("caf!", Kind::Fwd, 0, 0, &[]);
    let mut bytes = builder.bytes();
    let at = bytes.len() - 2;
    bytes[at] = 0xe9;
    let btf = Btf::parse(bytes.clone()).expect("names are not checked for their characters");
    assert_eq!(btf.ty(BtfId(1)).name(), "caf?");
    assert_eq!(btf.find("caf?", KindFilter::ANY), Some(BtfId(1)));
    assert_eq!(btf.bytes(), bytes);
}

#[test]
fn string_inside_a_character_is_refused() {
    let mut builder = Builder::new();
    builder.text("é");
    let mut bytes = builder.record("", Kind::Fwd, 0, 0, &[]).bytes();
    bytes[24] = 2;
    assert!(matches!(
        problem(bytes),
        (24, Problem::BadString { string: 2, .. })
    ));
}

#[test]
fn cycles_end_in_void_or_nothing() {
    let cyclic = [
        Builder::new()
            .record("a", Kind::Typedef, 0, 2, &[])
            .record("", Kind::Const, 0, 1, &[])
            .build(),
        Builder::new()
            .record("", Kind::Array, 0, 0, &[1, 1, 1])
            .build(),
        Builder::new()
            .record("s", Kind::Struct, 2, 8, &[0, 1, 0, 0, 1, 0])
            .build(),
        Builder::new()
            .record("", Kind::FuncProto, 3, 1, &[0, 1, 0, 1, 0, 1])
            .build(),
        Builder::new().record("", Kind::Ptr, 0, 1, &[]).build(),
        Builder::new()
            .record("f", Kind::Func, 0, 2, &[])
            .record("", Kind::FuncProto, 0, 1, &[])
            .build(),
        Builder::new().record("v", Kind::Var, 0, 1, &[0]).build(),
        Builder::new()
            .record("d", Kind::Datasec, 2, 9, &[1, 0, 9, 1, 0, 9])
            .build(),
        Builder::new()
            .record("u", Kind::Union, FLAG | 2, 8, &[0, 2, 0, 0, 2, 0])
            .record("", Kind::Array, 0, 0, &[1, 1, 9])
            .build(),
    ];
    for btf in &cyclic {
        ask_everything(btf);
    }
    assert_eq!(cyclic[0].resolve(BtfId(1)), BtfId::VOID);
    assert_eq!(cyclic[0].size_of(BtfId(1)), None);
    assert_eq!(cyclic[1].size_of(BtfId(1)), None);
    assert_eq!(cyclic[2].member(BtfId(1), "x"), None);
    assert_eq!(cyclic[2].align_of(BtfId(1)), Some(1));
}

/// Every query on every type; what comes out does not matter, that it does come out does.
fn ask_everything(btf: &Btf) {
    let bytes = [0x41; 64];
    for id in btf.ids() {
        let ty = btf.ty(id);
        let _ = (
            btf.resolve(id),
            btf.size_of(id),
            btf.align_of(id),
            btf.type_tags(id).count(),
        );
        let _ = (
            btf.decl_tags(id).count(),
            btf.find(ty.name(), KindFilter::ANY),
            ty.kind(),
        );
        let _ = (btf.member_path(id, "a[1].b"), btf.member(id, "next"));
        assert!(btf.type_name(id).len() <= 4100);
        assert!(format_value(btf, id, &bytes).len() < 1 << 20);
    }
}

#[test]
fn truncation_at_every_length_is_refused() {
    for len in 0..BTF.len() {
        assert!(Btf::parse(&BTF[..len]).is_err(), "{len}");
    }
    let btf = types();
    for len in 0..EXT.len() {
        assert!(BtfExt::parse(&EXT[..len], &btf).is_err(), "{len}");
    }
}

#[test]
fn mutations_never_panic_nor_hang() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let (mut accepted, whole) = (0, types());
    for _ in 0..10_000 {
        let mut bytes = BTF.to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = [random.next() as u8, 0, 1, 0xff][random.below(4)];
        }
        if let Ok(btf) = Btf::parse(bytes) {
            ask_everything(&btf);
            accepted += 1;
            if let Ok(ext) = BtfExt::parse(EXT, &btf) {
                let targets = |kernel| core::Targets {
                    kernel,
                    modules: &[],
                };
                let mut as_local = core::Matcher::new(&btf, targets(&whole));
                let mut as_target = core::Matcher::new(&whole, targets(&btf));
                for relo in ext.core_relos.iter().flat_map(|section| &section.records) {
                    let number = random.below(13) as u32;
                    let kind = core::CoreKind::from_number(number).expect("13 kinds");
                    let relo = CoreRelo { kind, ..*relo };
                    let _ = (as_local.answer(&relo), as_target.answer(&relo));
                }
            }
        }
        let mut ext = EXT.to_vec();
        let at = random.below(ext.len());
        ext[at] = random.next() as u8;
        let _ = BtfExt::parse(&ext, &whole);
    }
    assert!(
        accepted > 1000,
        "{accepted} mutations were accepted: too few to mean anything"
    );
}

#[test]
fn big_endian_types_are_those_of_the_same_section_little_endian() {
    let mut swapped = BTF.to_vec();
    swapped.swap(0, 1);
    let word = |at: usize| u32::from_le_bytes(BTF[at..at + 4].try_into().unwrap()) as usize;
    let types = word(4) + word(8)..word(4) + word(8) + word(12);
    for part in [4..24, types] {
        swapped[part].chunks_exact_mut(4).for_each(<[u8]>::reverse);
    }
    let (little, big) = (Btf::parse(BTF).unwrap(), Btf::parse(swapped).unwrap());
    assert_eq!(big.bytes(), little.bytes());
    assert_eq!(big.type_count(), little.type_count());
}

#[test]
fn big_endian_section_that_is_cut_off_is_refused() {
    for len in 0..BTF.len().min(64) {
        let mut cut = BTF[..len].to_vec();
        if len > 1 {
            cut.swap(0, 1);
        }
        assert!(Btf::parse(cut).is_err(), "{len} bytes");
    }
}
