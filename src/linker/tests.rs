//! Two objects that need each other, linked; and what is refused.
//!
//! They come from the sources beside them, from the repository's top folder:
//!
//! ```text
//! clang-19 -target bpf -g -O2 -mcpu=v3 -fdebug-compilation-dir=. -c src/linker/testdata/first.bpf.c -o first.o
//! llvm-strip-19 -g first.o
//! ```

use std::sync::Arc;

use super::{LinkerError, link};
use crate::btf::{Btf, KindFilter, Type};
use crate::object::{LinkOptions, Object, Program};

const FIRST: &[u8] = include_bytes!("testdata/first.o");
const SECOND: &[u8] = include_bytes!("testdata/second.o");

fn named(objects: &[&[u8]]) -> Vec<(String, Vec<u8>)> {
    let name = |(index, bytes): (usize, &&[u8])| (format!("{index}.o"), bytes.to_vec());
    objects.iter().enumerate().map(name).collect()
}

fn linked(objects: &[&[u8]]) -> Object {
    let bytes = link(&named(objects)).expect("the objects go together");
    Object::parse("both.o", &bytes).expect("the result is an object")
}

fn programs(object: &Object) -> Vec<Program> {
    let linked = object.link(&LinkOptions::default());
    let programs = linked.programs.into_iter();
    programs
        .map(|program| program.expect("the program links"))
        .collect()
}

fn types(object: &Object) -> &Arc<Btf> {
    object.btf().expect("there are types")
}

#[test]
fn declarations_are_the_definitions_of_the_other_object() {
    let both = linked(&[FIRST, SECOND]);
    let programs = programs(&both);
    let names: Vec<Vec<&str>> = programs
        .iter()
        .map(|program| {
            program
                .subprogs
                .iter()
                .map(|function| function.name.as_str())
                .collect()
        })
        .collect();
    let want: [&[&str]; 2] = [
        &["first", "bounded", "scale", "twice", "bounded"],
        &["second", "bounded"],
    ];
    assert_eq!(names, want);
    let maps: Vec<&str> = both.maps().iter().map(|map| map.name.as_str()).collect();
    assert_eq!(maps, ["counts", "others", "both.data"]);
    let globals: Vec<(&str, u32)> = both
        .globals()
        .iter()
        .map(|global| (global.name.as_str(), global.offset))
        .collect();
    assert_eq!(
        globals,
        [("list", 0), ("calls", 16), ("limit", 24), ("calls", 28)]
    );
}

#[test]
fn weak_function_gives_way_in_either_order() {
    let scale = |objects: &[&[u8]]| {
        let programs = programs(&linked(objects));
        let first = programs.iter().find(|program| program.name == "first");
        let first = first.expect("it is there");
        let scale = first
            .subprogs
            .iter()
            .find(|function| function.name == "scale");
        let start = scale.expect("it is called").start.index();
        // What the number is multiplied by.
        first.code[start..]
            .iter()
            .find(|insn| insn.opcode == 0x24)
            .map(|insn| insn.imm)
    };
    assert_eq!(scale(&[FIRST, SECOND]), Some(5));
    assert_eq!(scale(&[SECOND, FIRST]), Some(5));
}

#[test]
fn types_are_there_once_and_variables_where_they_are() {
    let both = linked(&[FIRST, SECOND]);
    let btf = types(&both);
    for name in ["shared", "table", "int"] {
        assert_eq!(btf.find_all(name, KindFilter::ANY).count(), 1, "{name}");
    }
    for (name, count) in [
        ("scale", 1),
        ("twice", 1),
        ("limit", 1),
        ("others", 1),
        ("calls", 2),
    ] {
        let kinds = KindFilter::FUNC.or(KindFilter::VAR);
        assert_eq!(btf.find_all(name, kinds).count(), count, "{name}");
    }
    let maps = btf.find(".maps", KindFilter::DATASEC).map(|id| btf.ty(id));
    let Some(Type::Datasec { size, entries, .. }) = maps else {
        panic!("no section of maps");
    };
    let offsets: Vec<u32> = entries.iter().map(|entry| entry.offset).collect();
    assert_eq!((size, offsets.as_slice()), (64, &[0, 32][..]));
}

#[test]
fn source_lines_move_with_their_instructions() {
    let programs = programs(&linked(&[FIRST, SECOND]));
    let second = programs.iter().find(|program| program.name == "second");
    let line = &second.expect("it is there").lines[0];
    assert!(line.file.ends_with("second.bpf.c"), "{}", line.file);
    assert!(line.text.contains("calls++"), "{}", line.text);
}

#[test]
fn one_object_linked_keeps_its_maps_and_has_no_type_twice() {
    let object = include_bytes!("../../corpus/count_by_uid.o");
    let alone = Object::parse("both.o", object).expect("it is an object");
    let again = linked(&[object]);
    assert!(types(&again).type_count() <= types(&alone).type_count());
    assert_eq!(again.maps().len(), alone.maps().len());
}

#[test]
fn second_definition_is_refused() {
    let error = link(&named(&[FIRST, FIRST])).expect_err("it defines everything twice");
    assert_eq!(
        error.to_string(),
        "`first` is defined in 0.o and in 1.o, and neither is weak"
    );
}

#[test]
fn other_licence_is_refused() {
    let other = replace(SECOND, b"GPL\0", b"BSD\0");
    let error = link(&named(&[FIRST, &other])).expect_err("the licences differ");
    assert_eq!(
        error.to_string(),
        "section `license` of 1.o differs from that of 0.o in its contents"
    );
}

#[test]
fn sections_of_other_flags_are_refused() {
    let elf = goblin::elf::Elf::parse(SECOND).expect("it is an object");
    let named = |header: &&goblin::elf::SectionHeader| {
        elf.shdr_strtab.get_at(header.sh_name) == Some("license")
    };
    let at = elf.section_headers.iter().position(|header| named(&header));
    let header = elf.header.e_shoff as usize + 64 * at.expect("it has a licence");
    let mut other = SECOND.to_vec();
    // `SHF_WRITE`, which constants do not have.
    other[header + 8] ^= 1;
    let error = link(&self::named(&[FIRST, &other])).expect_err("the flags differ");
    assert_eq!(
        error.to_string(),
        "section `license` of 1.o differs from that of 0.o in its flags"
    );
}

#[test]
fn declaration_of_another_type_is_refused() {
    // The size of `struct shared`, to which `twice` takes a pointer, and of its definition.
    let btf = types(&linked(&[FIRST, SECOND])).bytes().to_vec();
    let parsed = Btf::parse(btf).expect("it is valid");
    let shared = parsed
        .find("shared", KindFilter::STRUCT)
        .expect("it is there");
    assert_eq!(parsed.size_of(shared), Some(16));
    let other = replace(
        SECOND,
        &[2, 0, 0, 4, 16, 0, 0, 0],
        &[2, 0, 0, 4, 24, 0, 0, 0],
    );
    let error = link(&named(&[FIRST, &other])).expect_err("the types differ");
    assert!(
        matches!(&error, LinkerError::Declaration { first, .. } if first == "0.o" || first == "1.o"),
        "{error}"
    );
}

#[test]
fn what_is_no_object_is_refused() {
    let error = link(&named(&[b"text"])).expect_err("it is text");
    assert_eq!(error.to_string(), "0.o is not an ELF object");
    let mut other = SECOND.to_vec();
    other[18] = 62;
    let error = link(&named(&[&other])).expect_err("it is for x86-64");
    assert!(matches!(error, LinkerError::NotBpf { .. }), "{error}");
}

#[test]
fn broken_objects_never_panic() {
    for at in (0..SECOND.len()).step_by(5) {
        for value in [0, 0x7f, 0xff] {
            let mut broken = SECOND.to_vec();
            broken[at] = value;
            let _ = link(&named(&[FIRST, &broken]));
        }
    }
}

/// The bytes with the first occurrence of `from` replaced.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from);
    let at = at.expect("it is there");
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}
