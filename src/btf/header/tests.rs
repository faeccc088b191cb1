//! Headers of types that C has trouble with, against what they should say.

use super::super::testdata::{Builder, FLAG, id, types};
use super::super::{Btf, BtfId, Kind};
use super::{HeaderError, Roots};

/// What a header says between its first lines and its last, without empty lines.
fn header(btf: &Btf) -> String {
    let text = btf.c_header(Roots::All).expect("there is a header");
    let from = text.find("record)\n#endif\n").expect("it starts so") + "record)\n#endif\n".len();
    let to = text.rfind("\n#ifndef").expect("it ends so");
    let lines = text[from..to].lines().filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// `int` as type 1.
fn with_int() -> Builder {
    let mut builder = Builder::new();
    builder.record("int", Kind::Int, 0, 4, &[0x0100_0020]);
    builder
}

#[test]
fn header_of_clang_output_has_every_kind_of_declaration() {
    let text = header(&types());
    let wanted = [
        "typedef unsigned int u32;\n",
        "struct inner {\n\tchar name[8];\n\tunsigned char mac[6];\n\tu32 flags: 3;\n\tint delta: 5;\n\t_Bool on;\n};\n",
        "enum color {\n\tRED = 0,\n\tGREEN = 5,\n\tBLUE = -3,\n};\n",
        "enum wide {\n\tBIG = 4294967296ULL,\n};\n",
        "struct later;\n",
        "union other;\n",
        "\tstruct {\n\t\tint x;\n\t\tunion {\n\t\t\tint y;\n\t\t\tstruct inner *link;\n\t\t};\n\t};\n",
        "\tstruct inner parts[3];\n",
        "\tconst volatile char *text;\n",
        "\tint (*callback)(void *, const char *, ...);\n",
        "\tint matrix[2][3];\n",
        "\tshort tail[0];\n",
        "struct packed {\n\tchar a;\n\tint b;\n} __attribute__((packed));\n",
        "\tint marked __attribute__((btf_decl_tag(\"second\")))",
    ];
    for want in wanted {
        assert!(text.contains(want), "no\n{want}\nin\n{text}");
    }
}

#[test]
fn structure_with_gaps_is_padded_without_changing_its_alignment() {
    let mut builder = with_int();
    let (a, b) = (builder.text("a"), builder.text("b"));
    builder.record("gaps", Kind::Struct, 2, 24, &[a, 1, 0, b, 1, 96]);
    let want = "struct gaps {\n\tint a;\n\tlong: 32;\n\tlong: 32;\n\tint b;\n\tlong: 64;\n};\n";
    // `long: 32` after `a` fills the first eight bytes, and the next one may not cross them.
    assert_eq!(header(&builder.build()), want);
}

#[test]
fn bit_fields_that_skip_bits_or_cross_their_type_are_padded_or_packed() {
    let mut builder = with_int();
    let (a, b) = (builder.text("a"), builder.text("b"));
    let bits = |width: u32, offset: u32| (width << 24) | offset;
    let skip = [a, 1, bits(3, 0), b, 1, bits(2, 8)];
    builder.record("skip", Kind::Struct, 2 | FLAG, 4, &skip);
    let cross = [a, 1, bits(20, 0), b, 1, bits(20, 20)];
    builder.record("cross", Kind::Struct, 2 | FLAG, 8, &cross);
    let want = "struct skip {\n\tint a: 3;\n\tlong: 5;\n\tint b: 2;\n};\n\
        struct cross {\n\tint a: 20;\n\tint b: 20;\n\tlong: 24;\n} __attribute__((packed));\n";
    assert_eq!(header(&builder.build()), want);
}

#[test]
fn union_that_is_larger_than_its_members_is_aligned() {
    let mut builder = with_int();
    let a = builder.text("a");
    builder.record("large", Kind::Union, 1, 16, &[a, 1, 0]);
    let want = "union large {\n\tint a;\n} __attribute__((aligned(16)));\n";
    assert_eq!(header(&builder.build()), want);
}

#[test]
fn types_in_a_circle_are_declared_before_they_are_used() {
    let mut builder = with_int();
    let (a, b) = (builder.text("next"), builder.text("other"));
    builder.record("first", Kind::Struct, 1, 8, &[a, 4, 0]);
    builder.record("", Kind::Ptr, 0, 2, &[]);
    builder.record("", Kind::Ptr, 0, 5, &[]);
    builder.record("alias", Kind::Typedef, 0, 6, &[]);
    builder.record("second", Kind::Struct, 2, 16, &[a, 3, 0, b, 4, 64]);
    let want = "struct second;\ntypedef struct second alias;\nstruct first {\n\talias *next;\n};\n\
        struct second {\n\tstruct first *next;\n\talias *other;\n};\n";
    assert_eq!(header(&builder.build()), want);
}

#[test]
fn types_of_one_name_are_told_apart_by_a_suffix() {
    let mut builder = with_int();
    let a = builder.text("a");
    builder.record("same", Kind::Struct, 1, 4, &[a, 1, 0]);
    builder.record("same", Kind::Union, 1, 4, &[a, 1, 0]);
    builder.record("same", Kind::Typedef, 0, 3, &[]);
    builder.record("same___2", Kind::Typedef, 0, 1, &[]);
    let one = builder.text("ONE");
    builder.record("", Kind::Enum, 1, 4, &[one, 1]);
    builder.record("", Kind::Enum, 1, 4, &[one, 2]);
    let want = "struct same {\n\tint a;\n};\nunion same___3 {\n\tint a;\n};\n\
        typedef union same___3 same;\ntypedef int same___2;\n\
        enum {\n\tONE = 1,\n};\nenum {\n\tONE___2 = 2,\n};\n";
    assert_eq!(header(&builder.build()), want);
}

#[test]
fn declarations_stand_for_the_definition_of_their_name() {
    let mut builder = with_int();
    let a = builder.text("a");
    builder.record("thing", Kind::Fwd, 0, 0, &[]);
    builder.record("", Kind::Ptr, 0, 2, &[]);
    builder.record("handle", Kind::Typedef, 0, 3, &[]);
    builder.record("thing", Kind::Struct, 1, 4, &[a, 1, 0]);
    let want = "struct thing;\ntypedef struct thing *handle;\nstruct thing {\n\tint a;\n};\n";
    assert_eq!(header(&builder.build()), want);
}

#[test]
fn declarators_are_written_from_the_inside_out() {
    let mut builder = with_int();
    builder.record("", Kind::Array, 0, 0, &[1, 1, 4]);
    builder.record("", Kind::Ptr, 0, 2, &[]);
    builder.record("to_array", Kind::Typedef, 0, 3, &[]);
    builder.record("", Kind::FuncProto, 1, 3, &[0, 3]);
    builder.record("", Kind::Ptr, 0, 5, &[]);
    builder.record("", Kind::Array, 0, 0, &[6, 1, 2]);
    builder.record("functions", Kind::Typedef, 0, 7, &[]);
    builder.record("", Kind::Const, 0, 6, &[]);
    builder.record("fixed", Kind::Typedef, 0, 9, &[]);
    builder.record("", Kind::Const, 0, 1, &[]);
    builder.record("user", Kind::TypeTag, 0, 11, &[]);
    builder.record("", Kind::Ptr, 0, 12, &[]);
    builder.record("", Kind::Restrict, 0, 13, &[]);
    builder.record("tagged", Kind::Typedef, 0, 14, &[]);
    let want = "typedef int (*to_array)[4];\n\
        typedef int (*(*functions[2])(int (*)[4]))[4];\n\
        typedef int (*(*const fixed)(int (*)[4]))[4];\n\
        typedef const int __attribute__((btf_type_tag(\"user\"))) *restrict tagged;\n";
    assert_eq!(header(&builder.build()), want);
}

#[test]
fn names_that_c_has_built_in_or_lacks_are_left_out_or_added() {
    let mut builder = with_int();
    builder.record("__builtin_va_list", Kind::Typedef, 0, 1, &[]);
    builder.record("va_list", Kind::Typedef, 0, 2, &[]);
    builder.record("char32_t", Kind::Int, 0, 4, &[32]);
    builder.record("letter", Kind::Typedef, 0, 4, &[]);
    let one = builder.text("SMALL");
    builder.record("small", Kind::Enum, 1, 1, &[one, 1]);
    let large = builder.text("LARGE");
    builder.record("large", Kind::Enum, 1, 1, &[large, 200]);
    let least = builder.text("LEAST");
    builder.record("wide", Kind::Enum64, 1 | FLAG, 8, &[least, 0, 1 << 31]);
    let want = "typedef __builtin_va_list va_list;\n\
        typedef unsigned int char32_t;\ntypedef char32_t letter;\n\
        enum small {\n\tSMALL = 1,\n} __attribute__((mode(QI)));\n\
        enum large {\n\tLARGE = 200,\n} __attribute__((packed));\n\
        enum wide {\n\tLEAST = -9223372036854775807LL - 1,\n};\n";
    assert_eq!(header(&builder.build()), want);
}

#[test]
fn functions_tagged_as_callable_have_prototypes() {
    let mut builder = with_int();
    let task = builder.text("task");
    builder.record("task_struct", Kind::Struct, 0, 8, &[]);
    builder.record("", Kind::Ptr, 0, 2, &[]);
    builder.record("", Kind::FuncProto, 1, 3, &[task, 3]);
    builder.record("bpf_task_acquire", Kind::Func, 0, 4, &[]);
    builder.record("bpf_kfunc", Kind::DeclTag, 0, 5, &[u32::MAX]);
    builder.record("other", Kind::Func, 0, 4, &[]);
    builder.record("bpf_fastcall", Kind::DeclTag, 0, 5, &[u32::MAX]);
    let text = builder
        .build()
        .c_header(Roots::All)
        .expect("there is a header");
    let prototype = "extern struct task_struct *bpf_task_acquire(struct task_struct *task) \
        __weak __ksym __bpf_fastcall;\n";
    assert!(text.contains(prototype), "{text}");
    assert!(!text.contains("other"));
}

#[test]
fn endless_types_are_refused() {
    let mut builder = with_int();
    let a = builder.text("a");
    // A structure without a name that contains itself, and a pointer to itself.
    builder.record("", Kind::Struct, 1, 4, &[a, 2, 0]);
    builder.record("outer", Kind::Struct, 1, 4, &[a, 2, 0]);
    builder.record("", Kind::Ptr, 0, 4, &[]);
    let btf = builder.build();
    let too_deep = HeaderError::TooDeep { id: BtfId(2) };
    assert_eq!(btf.c_header(Roots::All), Err(too_deep));
    let too_deep = HeaderError::TooDeep { id: BtfId(4) };
    let mut builder = with_int();
    builder.record("endless", Kind::Typedef, 0, 3, &[]);
    builder.record("", Kind::Ptr, 0, 4, &[]);
    builder.record("", Kind::Ptr, 0, 4, &[]);
    assert_eq!(builder.build().c_header(Roots::All), Err(too_deep));
}

#[test]
fn types_that_multiply_are_refused() {
    let mut builder = with_int();
    let a = builder.text("a");
    for inner in 1..28 {
        builder.record("", Kind::Struct, 2, 4, &[a, inner, 0, a, inner, 0]);
    }
    builder.record("outer", Kind::Struct, 1, 4, &[a, 28, 0]);
    let error = builder.build().c_header(Roots::All);
    assert!(
        matches!(error, Err(HeaderError::TooLong { .. })),
        "{error:?}"
    );
    let mut builder = with_int();
    builder.record("vast", Kind::Struct, 0, u32::MAX, &[]);
    let error = builder.build().c_header(Roots::All);
    assert_eq!(error, Err(HeaderError::TooLong { id: BtfId(2) }));
}

#[test]
fn listing_of_clang_output_reads_as_bpftools_does() {
    let btf = types();
    let line = |name: &str| {
        let record = btf.raw(id(&btf, name)).expect("the type exists");
        record.to_string()
    };
    let number = id(&btf, "inner").0;
    let inner = line("inner");
    assert!(
        inner.starts_with(&format!(
            "[{number}] STRUCT 'inner' size=16 vlen=5\n\t'name' type_id="
        )),
        "{inner}"
    );
    assert!(
        inner.contains("'delta' type_id=") && inner.contains("bits_offset=115 bitfield_size=5"),
        "{inner}"
    );
    assert!(
        line("wide")
            .contains("ENUM64 'wide' encoding=UNSIGNED size=8 vlen=1\n\t'BIG' val=4294967296ULL")
    );
    assert!(line("ratio").ends_with(", linkage=global"));
    assert!(line("float").ends_with("FLOAT 'float' size=4"));
    assert!(
        line(".ksyms").contains("offset=0 size=4 (VAR 'outside')"),
        "{}",
        line(".ksyms")
    );
    assert!(line("second").contains("component_idx=1"));
}
